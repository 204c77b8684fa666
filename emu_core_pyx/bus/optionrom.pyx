"""See optionrom.pxd."""
from libc.string cimport memcpy
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.pci cimport BAR_ROM, PciDevice


cdef class OptionRom:
    """An image, and ones after its end up to the power of two that the register decodes."""

    cdef void fit(self, PciDevice owner, u32 region, bytes image):
        """Declare the register of `owner`: reads arrive with `region`."""
        self.image = image
        self.at = <const u8 *>image
        self.count = len(image)
        self.size = 0x800
        while self.size < self.count:
            self.size *= 2
        owner.bar(6, BAR_ROM, self.size, region)
        owner.sealed = 0

    cdef u64 read(self, u64 off, u32 size) noexcept nogil:
        cdef u64 v = <u64>-1
        if size <= 8 and off < self.count:
            memcpy(&v, self.at + off, min(<u64>size, self.count - off))
        return v
