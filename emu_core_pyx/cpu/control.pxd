"""Control and debug registers (SDM 3A 2.5, 17.2)."""
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.cpu.state cimport CPU

cdef enum:  # DR6, as exc_dr6 collects it
    DR6_BD = 0x2000
    DR6_BS = 0x4000
    DR6_BT = 0x8000
    DR7_GD = 0x2000

# MOV to CRn / DRn with all checks but privilege: 1 = done, 0 = fault noted.
cdef bint write_cr0(CPU *c, u64 v) noexcept nogil
cdef bint write_cr3(CPU *c, u64 v) noexcept nogil
cdef bint write_cr4(CPU *c, u64 v) noexcept nogil
cdef bint write_efer(CPU *c, u64 v) noexcept nogil
cdef void write_dr(CPU *c, u32 n, u64 v) noexcept nogil

# An enabled instruction breakpoint at this linear address: its bit goes to exc_dr6.
cdef bint code_breakpoint(CPU *c, u64 lin) noexcept nogil
# Enabled data (or, with CR4.DE, I/O) breakpoints that overlap the access: bits go to exc_dr6, EV_BREAK is set.
cdef bint data_breakpoint(CPU *c, u64 lin, u32 n, bint write) noexcept nogil
cdef bint io_breakpoint(CPU *c, u32 port, u32 n) noexcept nogil
# Bitmap-free question for the MMU: does any enabled data breakpoint lie in this linear page?
cdef bint page_watched(CPU *c, u64 page) noexcept nogil
