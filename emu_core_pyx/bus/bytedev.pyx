"""See bytedev.pxd."""
from emu_core_pyx.types cimport u8, u32
from emu_core_pyx.bus.device cimport Device


cdef class ByteDevice(Device):
    """Base of chips on an 8-bit data bus."""

    cdef u8 rd(self, u32 region, u32 off) noexcept nogil:
        return 0xFF

    cdef void wr(self, u32 region, u32 off, u8 v) noexcept nogil:
        pass

    cdef u32 io_read(self, u32 region, u32 off, u32 size) noexcept nogil:
        cdef u32 v, k
        if size == 1:
            return self.rd(region, off)
        v = 0
        for k in range(size):
            v |= <u32>self.rd(region, off + k) << (8 * k)
        return v

    cdef void io_write(self, u32 region, u32 off, u32 size, u32 value) noexcept nogil:
        cdef u32 k
        for k in range(size):
            self.wr(region, off + k, <u8>(value >> (8 * k)))
