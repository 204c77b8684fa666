"""See apic_bus.pxd."""
from emu_core_pyx.types cimport u32
from emu_core_pyx.bus.device cimport Device
from emu_core_pyx.bus.irq cimport IrqSource


cdef class ApicUnit(IrqSource):
    """Base of local APICs."""

    cdef bint matches(self, u32 dest, bint logical) noexcept nogil:
        return False

    cdef u32 processor_priority(self) noexcept nogil:
        return 0

    cdef void accept(self, u32 mode, u32 vector, bint level_triggered) noexcept nogil:
        pass


cdef class EoiListener(Device):
    """Base of I/O APICs."""

    cdef void eoi(self, u32 vector) noexcept nogil:
        pass


cdef class ApicBus:
    """Routes messages by destination."""

    def __init__(self):
        self.owners = []

    def add_unit(self, ApicUnit unit not None):
        """A local APIC joins."""
        if self.n_units == 64:
            raise ValueError("64 local APICs are enough")
        self.units[self.n_units] = <void *>unit
        self.n_units += 1
        self.owners.append(unit)

    def add_listener(self, EoiListener listener not None):
        """An I/O APIC joins."""
        if self.n_listeners == 8:
            raise ValueError("8 I/O APICs are enough")
        self.listeners[self.n_listeners] = <void *>listener
        self.n_listeners += 1
        self.owners.append(listener)

    cdef bint deliver(self, u32 dest, bint logical, u32 mode, u32 vector, bint level_triggered) noexcept nogil:
        cdef u32 k, prio, best_prio = 0x1000
        cdef void *best = NULL
        cdef bint any_one = False
        for k in range(self.n_units):
            if not (<ApicUnit>self.units[k]).matches(dest, logical):
                continue
            if mode == DM_LOWEST:
                prio = (<ApicUnit>self.units[k]).processor_priority()
                if prio < best_prio:
                    best_prio = prio
                    best = self.units[k]
            else:
                any_one = True
                (<ApicUnit>self.units[k]).accept(mode, vector, level_triggered)
        if best != NULL:
            (<ApicUnit>best).accept(DM_FIXED, vector, level_triggered)
            return True
        return any_one

    cdef void deliver_all(self, void *but, u32 mode, u32 vector) noexcept nogil:
        cdef u32 k
        for k in range(self.n_units):
            if self.units[k] != but:
                (<ApicUnit>self.units[k]).accept(mode, vector, False)

    cdef void broadcast_eoi(self, u32 vector) noexcept nogil:
        cdef u32 k
        for k in range(self.n_listeners):
            (<EoiListener>self.listeners[k]).eoi(vector)
