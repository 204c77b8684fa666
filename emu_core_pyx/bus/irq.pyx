"""See irq.pxd."""
from emu_core_pyx.bus.device cimport Device


cdef class IrqSource(Device):
    """A device the processor fetches interrupt vectors from."""

    cdef int acknowledge(self) noexcept nogil:
        return -1

    def py_acknowledge(self):
        """What the processor does in its INTA cycle (tests)."""
        return self.acknowledge()
