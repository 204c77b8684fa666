"""Who answers the processor's interrupt acknowledge cycle: the 8259 pair, or the local APIC in front of it."""
from emu_core_pyx.bus.device cimport Device


cdef class IrqSource(Device):
    # The vector of the highest pending interrupt, which becomes in-service; -1 if there is none any more.
    cdef int acknowledge(self) noexcept nogil
