"""Translation: TLB arrays, the walk, shadow tables, and their invalidation."""
from emu_core_pyx.types cimport i64, u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU, TlbEntry

cdef enum:
    ACC_READ = 0
    ACC_WRITE = 1
    ACC_EXEC = 2
    ACC_USER = 4        # as CPL 3

# Guest-linear to guest-physical for one byte; sets A/D. 0 = #PF noted in c.exc/exc_error/exc_cr2.
cdef bint translate(CPU *c, u64 lin, u32 access, u64 *phys) noexcept nogil
# For the debugger and memsave: no faults, no A/D, no statistics. 0 = not mapped.
cdef bint translate_debug(CPU *c, u64 lin, u64 *phys) noexcept nogil
# CR3 was loaded (value already in c.s.cr3; non-global entries go, PAE PDPTEs were loaded by the caller).
cdef void mmu_cr3_loaded(CPU *c) noexcept nogil
# CR0.PG/WP, CR4.PSE/PAE/PGE/SMEP/SMAP, EFER.NXE, A20 or breakpoints changed: everything goes.
cdef void mmu_flush_all(CPU *c) noexcept nogil
cdef void mmu_invlpg(CPU *c, u64 lin) noexcept nogil
# Host pointer to RAM/ROM bytes of one page for instruction fetch, or NULL (MMIO: fetch byte-wise).
cdef const u8 *code_ptr(CPU *c, u64 phys) noexcept nogil
# This page now holds decoded code: writes to it must take the slow path (and so code_written).
cdef void protect_code_page(CPU *c, u64 phys) noexcept nogil
cdef void unprotect_code_page(CPU *c, u64 phys) noexcept nogil
# Physical access of any kind, MMIO included; DMA helpers use these too.
cdef void phys_read(CPU *c, u64 phys, void *dst, u32 n) noexcept nogil
cdef void phys_write(CPU *c, u64 phys, const void *src, u32 n) noexcept nogil
# CPL changed between 3 and below: pick the TLB array (c.tlb).
cdef void mmu_set_user(CPU *c, bint user) noexcept nogil
# PAE PDPTE registers from memory at cr3; 0 = a reserved bit is set (the caller raises #GP(0)), nothing loaded.
cdef bint load_pdptes(CPU *c, u64 cr3) noexcept nogil

# ---- the machinery behind, for the other files of this folder and the Engine -------------------------

from emu_core_pyx.mmu.physmem cimport Phys

cdef enum:
    ACC_IMPLICIT = 8    # a system structure: supervisor rights that SMAP never lifts
    ACC_DEBUG = 16      # no fault, no A/D
    ACC_KIND = 3

cdef enum:              # low bits of a TLB tag that keep it from matching inline
    TAG_NONE = 1        # no page at all
    TAG_HOOKED = 2      # host memory, but the access must take the slow path
    TAG_BUS = 4         # not host memory: ask the bus with the physical address
    TAG_KIND = 6

cdef struct TlbSet:     # the TLB of one privilege level
    TlbEntry e[1024]
    u32 pfn[1024]       # physical page of each entry
    u64 filled[16]      # one bit per entry
    u64 glob[16]        # filled from a global page

cdef enum:
    MODE_SHADOW = 1
    MAX_SETS = 64

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
    TlbSet *set[2]      # current: supervisor, user
    u32 mode            # 0: plain TLB; MODE_SHADOW
    u32 user            # which one CPU.tlb is
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
    TlbSet *sets[64]    # all that may hold tags
    u32 n_sets
    u64 big[16]         # 4 MiB regions (mod 1024) of which pieces of large pages are cached
    u64 fetched[512]    # linear pages (mod 32768) instructions came from; tlb mode
    void *shadow        # shadow.Shadow *
    MmuCounters n
    void *mem_owner     # PhysMem object (a reference is held)

cdef struct Target:     # what one page-bounded access hit
    u8 *host            # NULL: bus
    u64 phys
    u32 hooked          # a write must go through phys_write; a read must look at breakpoints

# mode 0 or MODE_SHADOW; `mem` a PhysMem. Frees itself with mmu_free.
cdef Mmu *mmu_new(CPU *c, object mem, int mode) except NULL
cdef void mmu_free(CPU *c) noexcept
# Statistics by name, with "mode".
cdef object mmu_counters(CPU *c)
# TLB, shadow tables, walk, in this order. 0 = #PF noted.
cdef bint resolve(CPU *c, u64 lin, u32 access, Target *t) noexcept nogil
# Take back direct write tags for a frame.
cdef void revoke(Mmu *m, u32 frame) noexcept nogil
# A FRAME_HOOKS frame was written.
cdef void frame_written(CPU *c, u32 frame, u64 phys, u32 n) noexcept nogil
# Note #PF for a linear address; `bits` are P and RSVD of the error code.
cdef void page_fault(CPU *c, u64 lin, u32 access, u32 bits) noexcept nogil
cdef void tlb_clear(TlbSet *t, u64 page) noexcept nogil
cdef void tlb_flush(TlbSet *t, bint keep_global) noexcept nogil
# Paging-mode fields of Mmu from the registers.
cdef void refresh_mode(CPU *c) noexcept nogil
cdef u64 signature(CPU *c) noexcept nogil
