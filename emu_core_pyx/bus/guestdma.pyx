"""Device access to the memory of the machine a clock is bound to; see dma.pxd."""
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.bus.clock cimport Clock
from emu_core_pyx.bus.dma cimport Dma
from emu_core_pyx.mmu.core cimport phys_read, phys_write


cdef class GuestDma(Dma):
    """DMA into the guest's physical address space."""
    cdef Clock owner

    def __init__(self, Clock clock not None):
        super().__init__(0)
        self.owner = clock

    cdef void read(self, u64 phys, void *dst, u32 n) noexcept nogil:
        if self.owner.cpu != NULL:
            phys_read(self.owner.cpu, phys, dst, n)

    cdef void write(self, u64 phys, const void *src, u32 n) noexcept nogil:
        if self.owner.cpu != NULL:
            phys_write(self.owner.cpu, phys, src, n)
