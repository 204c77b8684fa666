"""What IA-32e mode does in its own way: 64-bit gates, stacks from the 64-bit TSS, IRET. Results of cpu/task.pxd."""
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.segment cimport Descriptor

# One event through the 64-bit IDT; arguments as cpu/interrupt.pyx.
cdef int long_interrupt(CPU *c, u32 vector, bint soft, bint has_err, u32 err, u64 rip, u32 image) noexcept nogil
# IRET in 64-bit or compatibility mode; NT is known to be clear.
cdef int long_return(CPU *c, u32 size) noexcept nogil
# Far JMP or CALL through a 64-bit call gate that is present and may be used.
cdef int long_gate(CPU *c, Descriptor *gate, bint call, u64 rip) noexcept nogil
