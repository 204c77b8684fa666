"""How a device reaches guest memory: physical addresses, through the one write path (code and dirty pages).

`Dma` itself is a flat test memory; the board gives devices a `GuestDma` (guestdma.pyx).
"""
from emu_core_pyx.types cimport u8, u32, u64


cdef class Dma:
    cdef bytearray test_memory
    cdef u8 *base
    cdef u64 size
    cdef void read(self, u64 phys, void *dst, u32 n) noexcept nogil
    cdef void write(self, u64 phys, const void *src, u32 n) noexcept nogil
