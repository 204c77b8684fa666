"""Data of the translation machinery: one TLB, and the Mmu that owns it all (CPU.mmu)."""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.cpu.state cimport TlbEntry
from emu_core_pyx.mmu.physmem cimport Phys

cdef enum:              # low bits of a TLB tag that keep it from matching inline
    TAG_NONE = 1        # no page at all
    TAG_HOOKED = 2      # host memory, but the access must take the slow path
    TAG_BUS = 4         # not host memory: ask the bus with the physical address
    TAG_KIND = 6

cdef enum:              # indices of CPU.tlbs and Mmu.set
    SET_SYSTEM = 0      # supervisor; system structures, and all instruction fetches below CPL 3
    SET_USER = 1
    SET_AC = 2          # supervisor with EFLAGS.AC under CR4.SMAP: user pages too
    TLB_SETS = 3

cdef struct TlbSet:     # the TLB of one kind of access
    TlbEntry e[1024]
    u32 pfn[1024]       # physical page of each entry
    u64 filled[16]      # one bit per entry
    u64 glob[16]        # filled from a global page

cdef enum:
    MODE_SHADOW = 1
    PHYSICAL_BITS = 36  # MAXPHYADDR, as cpu/cpuid.pyx reports it; with long mode
    PHYSICAL_BITS_LONG = 40
    MAX_SETS = 96       # three for each shadow space

cdef struct MmuCounters:
    u64 misses          # translations that no TLB entry answered
    u64 walks           # walks of the guest's tables (all levels)
    u64 shadow_hits     # misses answered by a shadow entry
    u64 shadow_fills    # shadow entries made or raised
    u64 table_edits     # writes to tracked page tables
    u64 table_drops     # shadow entries or ranges such writes took away
    u64 tables          # page-table pages that began to be tracked
    u64 tables_released
    u64 switches        # changes of the shadow space
    u64 spaces_made
    u64 cr3_loads
    u64 flushes
    u64 invlpg
    u64 page_faults

cdef struct Mmu:
    Phys *phys
    TlbSet *set[3]      # current ones, by SET_*; without SMAP the third is the first
    u32 mode            # 0: plain TLB; MODE_SHADOW
    u64 sig             # paging mode bits everything derived holds for, see core.signature
    u64 breaks          # mix of the debug registers the tags were made under
    u32 watched         # some data breakpoint is enabled
    u32 levels          # 0 no paging, 2 or 4; PAE is 2 below its four registers
    u32 pae             # entries are 8 bytes
    u32 wp
    u32 nx
    u32 smep
    u32 smap
    u32 pse
    u64 addr_mask       # physical address bits of an entry
    u64 rsvd            # reserved bits of every 8-byte entry
    u64 a20_mask
    u32 maxphy
    u32 next_gen
    TlbSet *sets[96]    # all that may hold tags
    u32 n_sets
    u64 big[16]         # 4 MiB regions (mod 1024) of which pieces of large pages are cached
    u64 fetched[512]    # linear pages (mod 32768) instructions came from; tlb mode
    void *shadow        # shadow.Shadow *
    MmuCounters n
    void *mem_owner     # PhysMem object (a reference is held)
    u32 page1g          # 1 GiB pages exist
    u32 huge            # pieces of some are in the TLB

cdef struct Target:     # what one page-bounded access hit
    u8 *host            # NULL: bus
    u64 phys
    u32 hooked          # a write must go through phys_write; a read must look at breakpoints

cdef extern from *:
    """
    #define EMU_HOLDERS_MANY 0xFFFFFFFFFFFFFFFFull
    """
    const u64 HOLDERS_MANY "EMU_HOLDERS_MANY"

# A new set, empty, known to the Mmu.
cdef void set_init(Mmu *m, TlbSet *t) noexcept nogil
# Forget one page, in one set or in the current ones; forget all (but global ones).
cdef void tlb_clear(TlbSet *t, u64 page) noexcept nogil
cdef void tlb_clear_current(Mmu *m, u64 page) noexcept nogil
cdef void tlb_flush(TlbSet *t, bint keep_global) noexcept nogil
cdef void tlb_flush_current(Mmu *m, bint keep_global) noexcept nogil
# SET_AC misses a page: take what another set of the space knows of it, if that permits the access.
cdef bint tlb_borrow(Mmu *m, u64 page, bint write) noexcept nogil
# Take back direct write tags for a frame; all of them.
cdef void revoke(Mmu *m, u32 frame) noexcept nogil
cdef void revoke_all(Mmu *m) noexcept nogil


cdef inline void hold(Phys *p, u32 frame, u32 index) noexcept nogil:
    """A direct write tag for `frame` is put at this index of some set."""
    cdef u64 h = p.holders[frame], k = index + 1
    cdef u32 n
    if (h & 0xFFFF) == k:
        return
    for n in range(0, 64, 16):
        if ((h >> n) & 0xFFFF) == k:
            return
        if ((h >> n) & 0xFFFF) == 0:
            p.holders[frame] = h | k << n
            return
    p.holders[frame] = HOLDERS_MANY
