"""Hardware task switching (SDM 3A ch. 7)."""
from emu_core_pyx.types cimport u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.segment cimport Descriptor

cdef enum:  # why
    TASK_JMP = 0
    TASK_CALL = 1
    TASK_INT = 2
    TASK_IRET = 3

cdef enum:  # results of transfers
    FAULTED = 0         # fault noted, nothing changed
    DONE = 1            # CS:RIP is the target
    DONE_FAULTED = 2    # committed to a new task, where c.exc is pending

# Switch to the TSS `d` describes (type and busy bit checked by the caller). `rip`, `flags`: what the old task resumes with.
cdef int task_switch(CPU *c, u16 sel, Descriptor *d, u32 why, u64 rip, u32 flags, u32 ext) noexcept nogil
