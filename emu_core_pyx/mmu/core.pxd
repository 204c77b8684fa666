"""Translation: TLB arrays, the walk, shadow tables, and their invalidation."""
from emu_core_pyx.types cimport i64, u8, u16, u32, u64
from emu_core_pyx.cpu.bits cimport F_AC
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
# CR3 was loaded with bit 63: what the new PCID has cached may stay.
cdef void mmu_cr3_kept(CPU *c) noexcept nogil
# INVPCID of a type that has been checked.
cdef void mmu_invpcid(CPU *c, u32 type, u32 pcid, u64 lin) noexcept nogil
# Host pointer to RAM/ROM bytes of one page for instruction fetch, or NULL (MMIO: fetch byte-wise).
cdef const u8 *code_ptr(CPU *c, u64 phys) noexcept nogil
# This page now holds decoded code: writes to it must take the slow path (and so code_written).
cdef void protect_code_page(CPU *c, u64 phys) noexcept nogil
cdef void unprotect_code_page(CPU *c, u64 phys) noexcept nogil
# Physical access of any kind, MMIO included; DMA helpers use these too.
cdef void phys_read(CPU *c, u64 phys, void *dst, u32 n) noexcept nogil
cdef void phys_write(CPU *c, u64 phys, const void *src, u32 n) noexcept nogil
# PAE PDPTE registers from memory at cr3; 0 = a reserved bit is set (the caller raises #GP(0)), nothing loaded.
cdef bint load_pdptes(CPU *c, u64 cr3) noexcept nogil


cdef inline void mmu_pick(CPU *c) noexcept nogil:
    """CPL or EFLAGS.AC may have changed: the TLB array (CPU.tlb) that goes with them."""
    c.tlb = c.tlbs[1 if c.s.cpl == 3 else (c.s.eflags & F_AC) >> 17]


# ---- the machinery behind, for the other files of this folder and the Engine -------------------------

from emu_core_pyx.mmu.tlb cimport Mmu, Target

cdef enum:
    ACC_IMPLICIT = 8    # a system structure: supervisor rights, and EFLAGS.AC does not lift SMAP
    ACC_DEBUG = 16      # no fault, no A/D
    ACC_KIND = 3

# mode 0 or MODE_SHADOW; `mem` a PhysMem. Frees itself with mmu_free.
cdef Mmu *mmu_new(CPU *c, object mem, int mode) except NULL
cdef void mmu_free(CPU *c) noexcept
# Statistics by name, with "mode".
cdef object mmu_counters(CPU *c)
# TLB, shadow tables, walk, in this order. 0 = #PF noted.
cdef bint resolve(CPU *c, u64 lin, u32 access, Target *t) noexcept nogil
# A FRAME_HOOKS frame was written.
cdef void frame_written(CPU *c, u32 frame, u64 phys, u32 n) noexcept nogil
# Note #PF for a linear address; `bits` are P and RSVD of the error code.
cdef void page_fault(CPU *c, u64 lin, u32 access, u32 bits) noexcept nogil
# A value CPU.gen never had.
cdef u32 fresh_gen(Mmu *m) noexcept nogil
# CPU.tlbs and CPU.tlb from the current sets.
cdef void show_sets(CPU *c) noexcept nogil
# Paging-mode fields of Mmu from the registers.
cdef void refresh_mode(CPU *c) noexcept nogil
cdef u64 signature(CPU *c) noexcept nogil
