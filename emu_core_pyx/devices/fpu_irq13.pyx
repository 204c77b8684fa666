"""The PC's way to report x87 errors: FERR# latched to IRQ 13, cleared by a write to port F0h.

Input pin 0 is the processor's FERR#.  IGNNE# (which lets the handler run x87 instructions before it has cleared the
exception) is not modelled: the processor does not freeze here.  Spec: IBM PC AT Technical Reference, "Math coprocessor".
"""
from emu_core_pyx.types cimport u32
from emu_core_pyx.bus.device cimport Device, Line
from emu_core_pyx.bus.visitor cimport Visitor


cdef class FpuIrq13(Device):
    """Region 0: ports F0h-F1h (writes clear the latch)."""

    cdef u32 latched
    cdef public Line irq

    def __init__(self):
        self.irq = Line()

    cpdef void reset(self):
        self.latched = 0
        self.irq.set(0)

    cdef void on_line(self, u32 pin, u32 level) noexcept nogil:
        if pin == 0 and level:
            self.latched = 1
            self.irq.set(1)

    cdef void io_write(self, u32 region, u32 off, u32 size, u32 value) noexcept nogil:
        if region == 0 and off < 2:
            self.latched = 0
            self.irq.set(0)

    cdef void state(self, Visitor v):
        v.u32(b"latched", &self.latched)
