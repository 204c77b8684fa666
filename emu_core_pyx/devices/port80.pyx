"""POST code port 0x80: a latch whose last value a debugger shows.

Region 0: one port.
"""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.bytedev cimport ByteDevice
from emu_core_pyx.bus.visitor cimport Visitor


cdef class Port80(ByteDevice):
    """Last POST code, and how many were written."""
    cdef readonly u8 code
    cdef readonly u64 writes

    def __init__(self, str name="port80"):
        self.name = name

    cpdef void reset(self):
        self.code = 0
        self.writes = 0

    cdef u8 rd(self, u32 region, u32 off) noexcept nogil:
        return 0xFF if region or off else self.code

    cdef void wr(self, u32 region, u32 off, u8 v) noexcept nogil:
        if region == 0 and off == 0:
            self.code = v
            self.writes += 1

    cdef void state(self, Visitor v):
        v.u8(b"code", &self.code)
        v.u64(b"writes", &self.writes)
