"""Bytes to `Insn`.  See README.md for the names, tables.pxd for the tables."""
from emu_core_pyx.types cimport i32, u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.block.insn cimport Insn
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.decode.tables cimport OP_NM, OP_UD, DecodeTables, ends_block

cdef enum:  # answers of decode_one that are no length; the same numbers as block/cache.pxd's DEC_*
    NEED_MORE = -1      # the bytes ended before the instruction did
    TOO_LONG = -2       # more than 15 bytes: #GP(0)
    ENDS = 0x100        # added to the length by decode_for_cache: last instruction of its block

# Decode the instruction at b[0..avail-1], `off` bytes from the start of its block, for CPU c (only
# c.feat is looked at) in MODE_* `mode`.  Answers its length and fills `out` but for `rem`.  What is
# undefined has op OP_UD and the handler "ud"; what CR0.TS/EM forbids has OP_NM and "nm".
cdef int decode_one(const CPU *c, const DecodeTables *t, const u8 *b, u32 avail, u32 off, u32 mode,
                    Insn *out) noexcept nogil

# block.cache.decode_fn: `context` is a Decoder.
cdef int decode_for_cache(CPU *c, void *context, const u8 *b, u32 avail, u32 mode, u32 off, Insn *out) noexcept nogil


cdef class Decoder:
    cdef DecodeTables t         # constant once built
    cdef readonly Registry registry
