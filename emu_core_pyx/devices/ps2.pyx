"""See ps2.pxd."""
from emu_core_pyx.types cimport u8, u64
from emu_core_pyx.bus.device cimport Device, Line
from emu_core_pyx.bus.visitor cimport Visitor


cdef class Ps2Device(Device):
    """Queue of a PS/2 device and its side of the wire."""

    def __init__(self, str name="ps2"):
        self.name = name
        self.ready = Line()
        self.wanted = Line()

    def attach(self, clock):
        super().attach(clock)
        self.alarm_slot = self.clock.timer(self, HOST_ALARM)

    cdef bint settled(self) noexcept nogil:
        return self.count == 0

    cdef void taken(self) noexcept nogil:
        if self.watch and self.settled():
            self.watch = 0
            self.wanted.pulse()

    cdef void send(self, u8 v) noexcept nogil:
        if self.count < 256:
            self.q[(self.first + self.count) & 255] = v
            self.count += 1
        self.ready.set(1)

    cdef void flush(self) noexcept nogil:
        self.count = 0
        self.ready.set(0)

    cdef int get(self) noexcept nogil:
        cdef u8 v
        if self.count == 0:
            return -1
        v = self.q[self.first]
        self.first = (self.first + 1) & 255
        self.count -= 1
        self.last = v
        if self.count == 0:
            self.refill()
        if self.count == 0:
            self.ready.set(0)
        return v

    cdef void receive(self, u8 v) noexcept nogil:
        pass

    cdef void refill(self) noexcept nogil:
        pass

    cdef void state_queue(self, Visitor v):
        v.raw(b"q", &self.q[0], 256)
        v.u32(b"q_first", &self.first)
        v.u32(b"q_count", &self.count)
        v.u8(b"q_last", &self.last)
        v.u32(b"ready", &self.ready.level)

    # -- the host's side -------------------------------------------------------------------------
    def alarm(self, u64 ns):
        """Pulse `wanted` at virtual time `ns`."""
        if self.clock is not None:
            self.clock.arm(self.alarm_slot, ns)
