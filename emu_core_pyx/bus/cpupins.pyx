"""See cpupins.pxd."""
from emu_core_pyx.types cimport u32
from emu_core_pyx.bus.device cimport Device, Line
from emu_core_pyx.cpu.bits cimport (
    EV_BREAK, EV_INIT, EV_INTR, EV_NMI, EV_RESET, EV_SMI, EV_STOP, STOP_EXIT, STOP_HOST, STOP_POWEROFF, STOP_RESET,
)
from emu_core_pyx.mmu.core cimport mmu_flush_all


cdef class CpuPins(Device):
    """Turns pin levels and edges into CPU.event bits."""

    def __init__(self):
        self.ferr = Line()

    cdef void on_line(self, u32 pin, u32 level) noexcept nogil:
        cdef CPU *c = self.cpu
        if c == NULL:
            return
        if pin == PIN_INTR:
            if level:
                c.s.event |= EV_INTR
            else:
                c.s.event &= ~<u32>EV_INTR
        elif pin == PIN_A20:
            if c.s.a20 != level:
                c.s.a20 = level
                mmu_flush_all(c)
                c.s.event |= EV_BREAK
        elif level:
            if pin == PIN_NMI:
                c.s.event |= EV_NMI
            elif pin == PIN_INIT:
                c.s.event |= EV_INIT
            elif pin == PIN_SMI:
                c.s.event |= EV_SMI
            elif pin == PIN_RESET:
                c.s.event |= EV_RESET | EV_STOP
                c.stop_reason = STOP_RESET
            elif pin == PIN_POWEROFF:
                c.s.event |= EV_STOP
                c.stop_reason = STOP_POWEROFF
            elif pin == PIN_EXIT:
                c.s.event |= EV_STOP
                c.stop_reason = STOP_EXIT
            elif pin == PIN_STOP:
                c.s.event |= EV_STOP
                c.stop_reason = STOP_HOST
