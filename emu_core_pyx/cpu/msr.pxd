"""Model-specific registers (SDM vol. 4), the P6 set. 0 = #GP(0) noted in c.exc."""
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.cpu.state cimport CPU

# `tsc`: what RDTSC would give now (writes of IA32_TSC are relative to it).
cdef bint read_msr(CPU *c, u32 n, u64 tsc, u64 *v) noexcept nogil
cdef bint write_msr(CPU *c, u32 n, u64 tsc, u64 v) noexcept nogil
