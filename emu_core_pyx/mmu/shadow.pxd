"""Shadow page tables: guest-linear page -> physical page and rights, per address space, kept over CR3 loads.

A Space is what one CR3 value (and paging mode) maps: Leafs of 512 entries found by address, and the
TLB sets filled from them.  A Table is one guest page-table page that feeds entries; its frame is write-tracked
(FRAME_TABLE), and its roles say which addresses of which spaces it feeds, so that a write to entry k of it
takes away exactly what came from entry k.
"""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.mmu.tlb cimport Mmu, TlbSet
from emu_core_pyx.mmu.walk cimport Walk

cdef enum:
    MAX_SPACES = 32         # a bit each in Role.spaces
    MAX_TABLES = 16384
    MAX_LEAVES = 8192
    MAX_ROLES = 8           # four of them for the levels of one walk
    LEAF_HASH = 2048        # 32-bit spaces never collide
    IDLE_EDITS = 64         # writes that hit nothing used before a page counts as no page table any more

cdef struct Leaf:           # 2 MiB of linear addresses
    u64 tag                 # linear address >> 21
    Leaf *next              # hash chain, or free list
    u64 big                 # entry of the first 4 KiB where one large page covers all, else 0
    u8 *at                  # host address of the guest's 512 entries
    u64 phys                # their physical address
    u64 upper               # rights of the levels above
    u32 table               # index of their Table
    u32 pad
    u64 e[512]              # entries as walk.pxd describes them; undefined if big

cdef struct Role:
    u64 base                # linear address its entry 0 maps
    u32 level
    u32 spaces              # one bit each

cdef struct Table:
    u32 frame               # frame + 1; 0: unused record
    u32 es                  # log2 of the entry size
    u32 n_roles
    u32 busy                # do not release now
    u32 idle                # edits that hit nothing used since the last fill
    u32 next_free
    Role role[8]
    u64 used[16]            # one bit for each 4 bytes: some shadow entry came through here

cdef struct Space:
    TlbSet set[3]           # by SET_*
    u64 root
    u64 sig
    u64 pdpte[4]
    u64 stamp               # last use
    u32 live
    u32 gen                 # CPU.gen while current
    u32 n_sets              # in use: the last one only once SMAP was on
    u32 pad
    Leaf *leaf[2048]

cdef struct Shadow:
    Space *space[32]
    Space *cur
    u32 cur_id
    u32 n_spaces
    u64 clock
    u32 *table_of           # by frame: Table index + 1
    Table *tables
    u32 n_tables            # records ever used
    u32 free_table          # list of unused ones, index + 1
    u32 live_tables
    u32 n_leaves            # in use
    Leaf *free_leaf

cdef void *shadow_new(CPU *c) except NULL
cdef void shadow_free(Mmu *m) noexcept
# The space of the registers becomes current (CPU.tlb, CPU.gen too).
cdef void shadow_switch(CPU *c) noexcept nogil
cdef void shadow_drop_all(CPU *c) noexcept nogil
# Entry for a permitted access (A/D set), from the shadow or the guest's tables; 0 = #PF noted.
cdef u64 shadow_lookup(CPU *c, u64 lin, u32 access, Walk *w) noexcept nogil
cdef void shadow_mark_fetched(CPU *c, u64 lin) noexcept nogil
# n bytes of a FRAME_TABLE frame were written.
cdef void shadow_edit(CPU *c, u32 frame, u32 off, u32 n) noexcept nogil
