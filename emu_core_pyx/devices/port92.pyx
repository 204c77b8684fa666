"""System control port A (0x92): fast A20 and fast reset; also where both A20 sources meet.

Not emulated: hard disk activity light, security lock (bit 3 is stored).
Spec: IBM PS/2 Hardware Interface Technical Reference, "System control port A".

Region 0: one port.  Pin 0: A20 of the keyboard controller.  Outputs: a20 (level), reset_out (pulse).
"""
from emu_core_pyx.types cimport u8, u32
from emu_core_pyx.bus.bytedev cimport ByteDevice
from emu_core_pyx.bus.device cimport Line
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    FAST_RESET = 0x01
    FAST_A20 = 0x02


cdef class Port92(ByteDevice):
    """The later writer of the two A20 switches decides, as on chip sets that watch both."""
    cdef u8 value
    cdef readonly Line a20
    cdef readonly Line reset_out

    def __init__(self, str name="port92"):
        self.name = name
        self.a20 = Line()
        self.reset_out = Line()
        self.reset()

    cpdef void reset(self):
        self.value = FAST_A20           # the line is high after reset, firmware lowers it
        self.update()

    cdef void update(self) noexcept nogil:
        self.a20.set(1 if self.value & FAST_A20 else 0)

    cdef void on_line(self, u32 pin, u32 level) noexcept nogil:
        if pin == 0:
            self.value = self.value & <u8>~FAST_A20 | (FAST_A20 if level else 0)
            self.update()

    cdef u8 rd(self, u32 region, u32 off) noexcept nogil:
        return 0xFF if region or off else self.value

    cdef void wr(self, u32 region, u32 off, u8 v) noexcept nogil:
        cdef u8 old = self.value
        if region or off:
            return
        self.value = v & 0x0B
        self.update()
        if v & FAST_RESET and not old & FAST_RESET:
            self.reset_out.pulse()

    cdef void state(self, Visitor v):
        v.u8(b"value", &self.value)
        v.u32(b"a20", &self.a20.level)
