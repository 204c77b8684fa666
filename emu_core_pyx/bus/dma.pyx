"""See dma.pxd."""
from libc.string cimport memcpy, memset
from emu_core_pyx.types cimport u8, u32, u64


cdef class Dma:
    """Memory of `size` bytes at 0 for unit tests; outside of it: all ones, writes are lost."""

    def __init__(self, u64 size=0):
        self.test_memory = bytearray(size)
        self.base = <u8 *>self.test_memory
        self.size = size

    cdef void read(self, u64 phys, void *dst, u32 n) noexcept nogil:
        if phys <= self.size and n <= self.size - phys:
            memcpy(dst, self.base + phys, n)
        else:
            memset(dst, 0xFF, n)

    cdef void write(self, u64 phys, const void *src, u32 n) noexcept nogil:
        if phys <= self.size and n <= self.size - phys:
            memcpy(self.base + phys, src, n)

    def peek(self, u64 phys, u32 n):
        """`n` bytes at `phys`."""
        out = bytearray(n)
        self.read(phys, <u8 *>out, n)
        return bytes(out)

    def poke(self, u64 phys, bytes data):
        """Write `data` at `phys`."""
        self.write(phys, <const u8 *>data, <u32>len(data))
