"""The socket of a network card: Ethernet frames (without FCS) between the card and whatever is at the cable's other end.

The card calls `send`; the frame waits in a ring, stamped with its time, and `tx_ready` (wired to the CPU's STOP pin) makes
the run loop come back so that the backend can `take` it.  `alarm` wakes the backend at a virtual time in the same way.  The
backend calls `deliver`; frames reach the card's `receive` in order, none before its time, none faster than the wire is.  A card
without room returns 0, and says `resume` when it has some again.
"""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.device cimport Device, Line

cdef enum:
    FRAME_MIN = 60          # what shorter frames are padded to on the wire
    FRAME_MAX = 16384

# 0: no room now, the frame stays queued.  A frame the card filters out is taken (1).
ctypedef bint (*receive_fn)(void *card, const u8 *frame, u32 n) noexcept nogil


cdef class FrameRing:
    cdef u8 *buf
    cdef u64 mask
    cdef u64 head
    cdef u64 tail
    cdef u32 count
    cdef bint put(self, u64 at, const u8 *p, u32 n) noexcept nogil  # 0: full, not taken
    cdef u32 first(self, u64 *at) noexcept nogil                    # length of the oldest frame, 0: none
    cdef void get(self, u8 *dst) noexcept nogil                     # copy the oldest out and drop it
    cdef void copy_in(self, const void *src, u64 n) noexcept nogil
    cdef void copy_out(self, u64 at, void *dst, u64 n) noexcept nogil


cdef class NetPort(Device):
    cdef FrameRing tx
    cdef FrameRing rx
    cdef void *card
    cdef receive_fn receive
    cdef u32 timer
    cdef u32 alarm_timer
    cdef u32 blocked            # the card had no room for the oldest frame
    cdef u32 up                 # link
    cdef public u32 byte_ns     # the wire's speed towards the card: 80 is 100 Mbit/s, 0 is no limit
    cdef u64 wire_free          # when the last bit of the frame before has come
    cdef u64 last_at            # of the newest frame in rx
    cdef readonly Line tx_ready
    cdef readonly Line link_line
    cdef readonly bint alarm_due    # the time asked for with `alarm` has come; `take` clears it
    cdef public bint connected  # somebody takes what is sent; else it is counted and lost
    cdef readonly u64 sent
    cdef readonly u64 received
    cdef readonly u64 dropped
    cdef void join(self, void *card, receive_fn receive) noexcept
    cdef bint send(self, const u8 *frame, u32 n) noexcept nogil     # 0: not taken, the ring is full
    cdef void resume(self) noexcept nogil
    cdef void pump(self) noexcept nogil
    cdef u32 link_up(self) noexcept nogil
