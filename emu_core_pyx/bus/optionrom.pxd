"""The memory behind a PCI function's expansion ROM register.

The function owns one, gives it its image before it is plugged in, and asks it in mmio_read for the region it chose.
Spec: PCI Local Bus Specification 2.1, 6.2.5.2 and 6.3.
"""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.pci cimport PciDevice

cdef class OptionRom:
    cdef bytes image
    cdef const u8 *at
    cdef u64 count          # bytes of the image
    cdef u64 size           # as the register decodes it; 0: there is no ROM
    cdef void fit(self, PciDevice owner, u32 region, bytes image)
    cdef u64 read(self, u64 off, u32 size) noexcept nogil
