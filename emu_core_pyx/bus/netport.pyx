"""The socket of a network card; see netport.pxd."""
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.clock cimport Clock
from emu_core_pyx.bus.device cimport Device, Line
from emu_core_pyx.bus.timers cimport visit_deadline
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    HEADER = 12                 # u64 time, u32 length
    RING_BYTES = 1 << 20
    OVERHEAD = 24               # preamble, FCS and gap, in bytes


cdef class FrameRing:
    """FIFO of stamped frames in `size` bytes (a power of two)."""

    def __cinit__(self, u64 size=RING_BYTES):
        self.buf = <u8 *>calloc(size, 1)
        if self.buf == NULL:
            raise MemoryError()
        self.mask = size - 1

    def __dealloc__(self):
        free(self.buf)

    cdef void copy_in(self, const void *src, u64 n) noexcept nogil:
        cdef u64 at = self.head & self.mask, first = min(n, self.mask + 1 - at)
        memcpy(self.buf + at, src, first)
        memcpy(self.buf, <const u8 *>src + first, n - first)
        self.head += n

    cdef void copy_out(self, u64 at, void *dst, u64 n) noexcept nogil:
        cdef u64 first
        at &= self.mask
        first = min(n, self.mask + 1 - at)
        memcpy(dst, self.buf + at, first)
        memcpy(<u8 *>dst + first, self.buf, n - first)

    cdef bint put(self, u64 at, const u8 *p, u32 n) noexcept nogil:
        if self.head - self.tail + HEADER + n > self.mask + 1:
            return False
        self.copy_in(&at, 8)
        self.copy_in(&n, 4)
        self.copy_in(p, n)
        self.count += 1
        return True

    cdef u32 first(self, u64 *at) noexcept nogil:
        cdef u32 n
        if self.head == self.tail:
            return 0
        self.copy_out(self.tail, at, 8)
        self.copy_out(self.tail + 8, &n, 4)
        return n

    cdef void get(self, u8 *dst) noexcept nogil:
        cdef u64 at
        cdef u32 n = self.first(&at)
        if n:
            self.copy_out(self.tail + HEADER, dst, n)
            self.tail += HEADER + n
            self.count -= 1

    def save(self):
        """The frames as bytes."""
        cdef u64 n = self.head - self.tail
        out = bytearray(n)
        cdef u8 *p = out
        if n:
            self.copy_out(self.tail, p, n)
        return bytes(out)

    def load(self, bytes data):
        """Frames as `save` gave them; ValueError when they are not."""
        cdef const u8 *p = data
        cdef u64 at = 0, size = len(data), when
        cdef u32 n
        self.head = self.tail = 0
        self.count = 0
        while at < size:
            if size - at < HEADER:
                raise ValueError("cut off frame")
            memcpy(&when, p + at, 8)
            memcpy(&n, p + at + 8, 4)
            if not 0 < n <= FRAME_MAX or n > size - at - HEADER or not self.put(when, p + at + HEADER, n):
                raise ValueError("no such frame")
            at += HEADER + n


cdef class NetPort(Device):
    """One per card; the card creates it and calls `join`."""

    def __init__(self, str name="net0"):
        self.name = name
        self.tx = FrameRing()
        self.rx = FrameRing()
        self.tx_ready = Line()
        self.link_line = Line()
        self.up = 1

    def attach(self, Clock clock):
        """The board gives the clock."""
        self.clock = clock
        self.timer = clock.timer(self, 0)
        self.alarm_timer = clock.timer(self, 1)

    cdef void join(self, void *card, receive_fn receive) noexcept:
        self.card = card
        self.receive = receive

    # ---- the card's side ----------------------------------------------------------------------------------------
    cdef bint send(self, const u8 *frame, u32 n) noexcept nogil:
        cdef u8 padded[FRAME_MIN]
        if not 0 < n <= FRAME_MAX or not self.up or not self.connected:
            self.dropped += 1
            return True
        if n < FRAME_MIN:
            memset(padded, 0, FRAME_MIN)
            memcpy(padded, frame, n)
            frame = padded
            n = FRAME_MIN
        if not self.tx.put(self.clock.now_ns(), frame, n):
            return False
        self.sent += 1
        self.tx_ready.set(1)
        return True

    cdef void resume(self) noexcept nogil:
        """The card has room again; frames come at the next instruction boundary, not within this call."""
        if self.blocked:
            self.blocked = 0
            self.clock.arm(self.timer, self.clock.now_ns())

    cdef void on_timer(self, u32 timer, u64 now) noexcept nogil:
        if timer:
            self.alarm_due = True
            self.tx_ready.set(1)
        else:
            self.pump()

    cdef void pump(self) noexcept nogil:
        cdef u8 frame[FRAME_MAX]
        cdef u64 at, now = self.clock.now_ns(), tail
        cdef u32 n, count
        while not self.blocked:
            n = self.rx.first(&at)
            if n == 0:
                return
            at = max(at, self.wire_free)
            if at > now:
                self.clock.arm(self.timer, at)
                return
            tail, count = self.rx.tail, self.rx.count
            self.wire_free = now + <u64>(n + OVERHEAD) * self.byte_ns
            self.rx.get(frame)
            if not self.up or self.receive == NULL:
                self.dropped += 1
            elif self.receive(self.card, frame, n):
                self.received += 1
            else:
                self.rx.tail, self.rx.count = tail, count
                self.blocked = 1

    cdef u32 link_up(self) noexcept nogil:
        return self.up

    # ---- the host's side ----------------------------------------------------------------------------------------
    def take(self):
        """[(time in ns, frame)] of what the card has sent since the last call."""
        cdef u64 at
        cdef u32 n
        cdef u8 *p
        out = []
        while True:
            n = self.tx.first(&at)
            if n == 0:
                break
            frame = bytearray(n)
            p = frame
            self.tx.get(p)
            out.append((at, bytes(frame)))
        self.tx_ready.set(0)
        self.alarm_due = False
        return out

    def alarm(self, at_ns=None):
        """Make the run loop come back at virtual time `at_ns` (None: no more); one alarm at a time."""
        if at_ns is None:
            self.clock.cancel(self.alarm_timer)
        else:
            self.clock.arm(self.alarm_timer, max(at_ns, self.clock.now_ns()))

    def deliver(self, bytes frame not None, u64 at_ns=0):
        """Queue a frame for the card at virtual time `at_ns` or now; False when there is no room for it (it is lost).

        Frames keep their order: one that is due before its predecessor comes after it all the same.
        """
        cdef u8 padded[FRAME_MIN]
        cdef u32 n = min(len(frame), FRAME_MAX + 1)
        cdef const u8 *p = frame
        cdef u64 first
        if not 14 <= n <= FRAME_MAX:
            raise ValueError(f"an Ethernet frame has 14 to {FRAME_MAX} bytes, not {len(frame)}")
        if n < FRAME_MIN:
            memset(padded, 0, FRAME_MIN)
            memcpy(padded, p, n)
            p = padded
            n = FRAME_MIN
        at_ns = max(at_ns, self.clock.now_ns(), self.last_at)
        if not self.up or not self.rx.put(at_ns, p, n):
            self.dropped += 1
            return False
        self.last_at = at_ns
        if not self.blocked:
            self.rx.first(&first)
            self.clock.arm(self.timer, first)
        return True

    @property
    def waiting(self):
        """Frames queued for the card."""
        return self.rx.count

    @property
    def link(self):
        """Is the cable in?  Cards report changes to the guest."""
        return bool(self.up)

    @link.setter
    def link(self, bint on):
        self.up = on
        self.link_line.set(on)

    cpdef void reset(self):
        self.tx.load(b"")
        self.rx.load(b"")
        self.blocked = 0
        self.last_at = self.wire_free = 0
        self.tx_ready.set(0)
        self.link_line.set(self.up)
        if self.clock is not None:
            self.clock.cancel(self.timer)

    cdef void state(self, Visitor v):
        tx = v.blob(b"tx", self.tx.save())
        rx = v.blob(b"rx", self.rx.save())
        v.u32(b"blocked", &self.blocked)
        v.u32(b"link", &self.up)
        v.u64(b"last_at", &self.last_at)
        v.u64(b"wire_free", &self.wire_free)
        if self.clock is not None:
            visit_deadline(v, b"t_rx", self.clock, self.timer)
        if v.loading:
            self.tx.load(tx)
            self.rx.load(rx)
