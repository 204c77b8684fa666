"""A device of byte-wide registers: wider port accesses become byte accesses at ascending offsets."""
from emu_core_pyx.types cimport u8, u32
from emu_core_pyx.bus.device cimport Device


cdef class ByteDevice(Device):
    cdef u8 rd(self, u32 region, u32 off) noexcept nogil
    cdef void wr(self, u32 region, u32 off, u8 v) noexcept nogil
