"""How interrupt messages travel between I/O APICs and local APICs (any number of each).

Spec: SDM 3A, "Advanced Programmable Interrupt Controller (APIC)".
"""
from emu_core_pyx.types cimport u8, u32
from emu_core_pyx.bus.device cimport Device
from emu_core_pyx.bus.irq cimport IrqSource

cdef enum:              # delivery modes of ICR, LVT and redirection entries
    DM_FIXED = 0
    DM_LOWEST = 1
    DM_SMI = 2
    DM_NMI = 4
    DM_INIT = 5
    DM_STARTUP = 6
    DM_EXTINT = 7

cdef class ApicUnit(IrqSource):     # a local APIC as seen from the bus
    cdef bint matches(self, u32 dest, bint logical) noexcept nogil
    cdef u32 processor_priority(self) noexcept nogil
    cdef void accept(self, u32 mode, u32 vector, bint level_triggered) noexcept nogil

cdef class EoiListener(Device):     # an I/O APIC
    cdef void eoi(self, u32 vector) noexcept nogil

cdef class ApicBus:
    cdef void *units[64]
    cdef u32 n_units
    cdef void *listeners[8]
    cdef u32 n_listeners
    cdef list owners
    # dest 0xFF reaches all; lowest priority goes to one unit.  0: nobody accepted.
    cdef bint deliver(self, u32 dest, bint logical, u32 mode, u32 vector, bint level_triggered) noexcept nogil
    cdef void deliver_all(self, void *but, u32 mode, u32 vector) noexcept nogil
    cdef void broadcast_eoi(self, u32 vector) noexcept nogil
