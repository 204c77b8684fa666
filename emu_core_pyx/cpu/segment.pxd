"""Segment registers, privilege and the derived fields other code relies on."""
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU

cdef struct Descriptor:
    u64 base
    u32 limit           # in bytes, granularity applied
    u32 attr            # SEG_* (bits 40-55 of the descriptor)
    u64 raw
    u64 lin             # where it was read, for setting the accessed/busy bit
    u64 raw_hi          # second half of a 16-byte system descriptor (IA-32e)

# After any change of seg_base/limit/attr: recompute seg_rend, seg_wend (and ss_mask for SS).
cdef void seg_refresh(CPU *c, u32 s) noexcept nogil
# After any change of CS attributes/limit, CR0, CR4, EFER or EFLAGS.VM/TF: recompute c.mode.
cdef void mode_refresh(CPU *c) noexcept nogil
# Set CPL and pick the TLB array; called wherever privilege changes.
cdef void set_cpl(CPU *c, u32 cpl) noexcept nogil
# Real/V86 load: base = sel << 4, attributes as the mode wants; CS/others alike.
cdef void load_seg_real(CPU *c, u32 s, u16 sel) noexcept nogil
# MOV/POP/Lxx to ES, SS, DS, FS, GS with all checks of the current mode. 0 = fault noted in c.exc.
cdef bint load_seg(CPU *c, u32 s, u16 sel) noexcept nogil
# Descriptor of a selector from GDT/LDT. 0 = fault noted: vector with error sel & ~3 (| ext).
cdef bint read_descriptor(CPU *c, u16 sel, Descriptor *d, int vector, u32 ext) noexcept nogil
# Put a descriptor into a segment register (no checks), set its accessed bit in memory if wanted.
cdef bint install_segment(CPU *c, u32 s, u16 sel, Descriptor *d) noexcept nogil
# Power-on state (SDM 3A table 9-1) for the model in c.feat.
cdef void cpu_reset(CPU *c) noexcept nogil

# The steps of install_segment, for code that must finish all that can fault before it commits:
# set the accessed bit in memory (0 = #PF noted), then store without faults.
cdef bint mark_accessed(CPU *c, Descriptor *d) noexcept nogil
cdef void set_segment(CPU *c, u32 s, u16 sel, Descriptor *d) noexcept nogil
cdef void set_null(CPU *c, u32 s, u16 sel) noexcept nogil
# A flat 4 GiB code or data segment, as SYSENTER and its kin load them.
cdef void set_flat(CPU *c, u32 s, u16 sel, u32 attr) noexcept nogil
# Split a raw descriptor.
cdef void unpack_descriptor(Descriptor *d, u64 raw) noexcept nogil
# Set or clear the busy bit of a TSS descriptor in memory; 0 = #PF noted.
cdef bint mark_busy(CPU *c, Descriptor *d, bint busy) noexcept nogil
# DS, ES, FS and GS that a less privileged level must not keep become null (after RETF or IRET outwards).
cdef void drop_privileged(CPU *c) noexcept nogil
# INIT: as cpu_reset, but x87, SSE, MSRs, MTRRs, TSC and CR0.CD/NW stay.
cdef void cpu_init(CPU *c) noexcept nogil
