"""Blocks by physical address: lookup, linking, invalidation.

Three ways lead to a block, cheapest first: a Link inside the page (valid as long as the block lives, since
both ends share one page and one translation); the jump cache, by linear address, valid for one translation
generation (CPU.gen); the hash by physical address and mode.

Blocks live in one arena that is thrown away whole when it is full.  An invalidated block keeps its
memory until then, with mode = MODE_DEAD, so that a stale jump-cache entry or the running handler may
still read it.
"""
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.block.insn cimport Block, Insn, Link

cdef struct JumpEntry:      # 16 bytes
    u64 lin                 # CS base + EIP; ~0 when empty
    Block *block
    u64 gen
    u64 pad

cdef enum:
    JUMP_SIZE = 4096
    HASH_SIZE = 65536
    PAGE_HASH = 4096

cdef struct CodePage:       # one physical page that has (or had) decoded code
    u64 page
    Block *first            # through Block.page_next[0], or [1] where it is the block's second page
    CodePage *next
    u32 idle_writes         # slow writes since the last decode; many mean: data page again
    u32 protected
    u64 bytes[64]           # bit n of the page: byte n belongs to some block (data beside code is common)

# decode_one(c, context, bytes, available, mode, offset in the block, out) -> length, DEC_NEED_MORE or DEC_TOO_LONG;
# adds DEC_ENDS to the length when the instruction ends its block
ctypedef int (*decode_fn)(CPU *c, void *context, const u8 *bytes, u32 avail, u32 mode, u32 off, Insn *out) noexcept nogil

cdef enum:
    DEC_NEED_MORE = -1
    DEC_TOO_LONG = -2
    DEC_ENDS = 0x100

cdef struct BlockCache:
    decode_fn decode
    void *context
    void *registry          # decode.registry.Registry object, for fusion
    u8 *arena
    u64 arena_size
    u64 used
    Block **hash
    CodePage **pages
    JumpEntry *jumps
    u64 flushes             # times the arena was thrown away
    u64 decoded             # blocks built
    u64 killed              # blocks invalidated
    u64 lookups             # slow lookups
    Block *scratch          # one uncached instruction, for stepping

cdef BlockCache *cache_new(u64 arena_bytes) except NULL
cdef void cache_free(BlockCache *b) noexcept
cdef void cache_flush(CPU *c) noexcept nogil

# The block at CS:RIP in the current mode, decoded if need be.  NULL: the run loop must act
# (c.exc noted for a fetch fault, or the instruction must be stepped: page not RAM, limit in the way).
cdef Block *find_block(CPU *c) noexcept nogil
# Ends of handlers whose target is not at hand: look it up (remember it in the Link where that is safe:
# same page, no limit check needed) and run it, or go back to the run loop. `old`: RIP of the block left.
cdef Insn *find_and_enter(CPU *c) noexcept nogil
cdef Insn *link_and_enter(CPU *c, Link *link, int k, u64 old) noexcept nogil
# One instruction at CS:RIP as an uncached block; NULL with c.exc noted if it cannot be fetched.
cdef Block *step_block(CPU *c) noexcept nogil
# Bytes phys..phys+n-1 changed: blocks made of them die.  Sets EV_BREAK if the running one did.
cdef void code_written(CPU *c, u64 phys, u32 n) noexcept nogil
