"""Far JMP, CALL and RET in every mode. Results as in cpu/task.pxd (FAULTED, DONE, DONE_FAULTED)."""
from emu_core_pyx.types cimport u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.segment cimport Descriptor

# `size`: operand size in bytes; `rip`: of this instruction's end.
cdef int far_jump(CPU *c, u16 sel, u64 off, u32 size, u64 rip) noexcept nogil
cdef int far_call(CPU *c, u16 sel, u64 off, u32 size, u64 rip) noexcept nogil
cdef int far_return(CPU *c, u32 size, u32 extra) noexcept nogil

# CS of a return (RETF, IRET): checks of SDM 2A "RET"; 0 = fault noted.
cdef bint return_code(CPU *c, u16 sel, Descriptor *d) noexcept nogil
# SS of a return to level `cpl`; `wide`: to 64-bit code, where SS may be null. 0 = fault noted.
cdef bint return_stack(CPU *c, u16 sel, u32 cpl, Descriptor *d) noexcept nogil
# Whether an instruction may be fetched at this offset of CS.
cdef bint within(CPU *c, Descriptor *cs, u64 off) noexcept nogil
# Task gate: checks the TSS selector in it and switches.
cdef int through_task_gate(CPU *c, u16 tss, u32 why, u64 rip, u32 flags, u32 ext) noexcept nogil
