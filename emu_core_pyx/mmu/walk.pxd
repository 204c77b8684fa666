"""The walk of the guest's page tables, for every paging mode (SDM 3A chapter 4).

An `entry` is the result for one 4 KiB page: physical page address and the rights of the whole path.
Bits 1, 2, 6 and 8 stand where a page-table entry has them.
"""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.mmu.core cimport ACC_EXEC, ACC_IMPLICIT, ACC_KIND, ACC_USER, ACC_WRITE
from emu_core_pyx.mmu.tlb cimport Mmu

cdef enum:              # page-table entries
    PTE_P = 0x1
    PTE_W = 0x2
    PTE_U = 0x4
    PTE_A = 0x20
    PTE_D = 0x40
    PTE_PS = 0x80
    PTE_G = 0x100

cdef enum:              # result: PTE_P/W/U/D/G, and
    E_X = 0x8           # instructions may be fetched
    E_FETCHED = 0x200   # they have been (shadow entries)
    E_BIG = 0x400       # piece of a large page
    E_HUGE = 0x800      # of a 1 GiB page
    E_FLAGS = 0xFFF
    E_ALL = 0x4F        # P W U X D: no paging

cdef enum:              # error code
    PF_P = 1
    PF_W = 2
    PF_U = 4
    PF_RSVD = 8
    PF_I = 16

cdef struct Walk:
    u64 entry
    u64 upper           # PTE_W/U and E_X as the levels above the last leave them
    u32 size_bits       # log2 of the page's size
    u32 n               # tables visited, root first
    u32 uncached        # a table lies outside RAM and ROM: nothing may be remembered
    u64 table[4]        # physical page of each
    u32 frame[4]        # its frame
    u32 index[4]
    u32 level[4]
    u8 *at[4]           # host address of the entry used, NULL if uncached

# 1 = w is filled, A/D are set as the access wants; 0 = #PF noted (not with ACC_DEBUG).
cdef bint guest_walk(CPU *c, u64 lin, u32 access, Walk *w) noexcept nogil
# Set bits of a table entry in guest memory, dirty and code tracking included.
cdef void set_bits(CPU *c, u32 frame, u64 phys, u8 *at, u8 bits) noexcept nogil


cdef inline u32 entry_shift(u32 pae) noexcept nogil:
    return 3 if pae else 2


cdef inline u32 level_shift(u32 pae, u32 level) noexcept nogil:
    """log2 of what one entry of a table of this level covers."""
    return 12 + (9 if pae else 10) * (level - 1)


cdef inline bint allowed(CPU *c, Mmu *m, u64 entry, u32 access) noexcept nogil:
    """Whether the rights of `entry` permit the access (SDM 3A 4.6)."""
    if access & ACC_USER:
        if not entry & PTE_U:
            return 0
        if access & ACC_KIND == ACC_WRITE and not entry & PTE_W:
            return 0
    else:
        if access & ACC_KIND == ACC_WRITE and m.wp and not entry & PTE_W:
            return 0
        if entry & PTE_U:
            if access & ACC_KIND == ACC_EXEC:
                if m.smep:
                    return 0
            elif m.smap and (access & ACC_IMPLICIT or not c.s.eflags & 0x40000):
                return 0
    return access & ACC_KIND != ACC_EXEC or entry & E_X != 0
