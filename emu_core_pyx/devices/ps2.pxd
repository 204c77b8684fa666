"""What plugs into a port of the 8042: a device that sends bytes when the clock line is free."""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.device cimport Device, Line
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    HOST_ALARM = 8              # timer number of `alarm`


cdef class Ps2Device(Device):
    cdef u8 q[256]              # bytes to send, oldest at `first`
    cdef u32 first
    cdef u32 count
    cdef u8 last                # last byte sent, for RESEND
    cdef readonly Line ready    # high while there is something to send
    cdef readonly Line wanted   # pulses: the host, who has more input to give, should look (`watch`, `alarm`)
    cdef public bint watch      # the host waits until the guest has taken everything
    cdef u32 alarm_slot
    cdef bint settled(self) noexcept nogil      # nothing waits here for the guest
    cdef void taken(self) noexcept nogil        # the guest has read a byte: tell the host if it was the last
    cdef void send(self, u8 v) noexcept nogil
    cdef void flush(self) noexcept nogil
    cdef int get(self) noexcept nogil           # controller takes a byte, -1 if none
    cdef void receive(self, u8 v) noexcept nogil     # controller sends a byte
    cdef void refill(self) noexcept nogil       # the queue has run empty: put more in if there is more
    cdef void state_queue(self, Visitor v)
