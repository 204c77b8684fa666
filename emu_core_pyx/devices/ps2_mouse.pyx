"""PS/2 mouse with the IntelliMouse (wheel) and Explorer (five buttons) extensions.

Motion adds up while the guest does not read; a packet is sent at most once a sample period.
Not emulated: resolution does not scale motion (the host's counts are taken as they come).
Spec: IBM PS/2 Hardware Interface Technical Reference, "Mouse"; Microsoft IntelliMouse note.
"""
from emu_core_pyx.types cimport i32, u8, u32, u64
from emu_core_pyx.bus.timers cimport visit_deadline
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.devices.ps2 cimport HOST_ALARM, Ps2Device

cdef enum:
    ACK = 0xFA
    RESEND = 0xFE
    BAT_NS = 500000


cdef inline i32 clamp(i32 v, i32 lo, i32 hi) noexcept nogil:
    return lo if v < lo else hi if v > hi else v


cdef i32 scale21(i32 v) noexcept nogil:
    """2:1 scaling of one sample."""
    cdef i32 a = v if v >= 0 else -v
    a = a if a < 2 else 1 if a == 2 else 3 if a == 3 else 6 if a == 4 else 9 if a == 5 else 2 * a
    return a if v >= 0 else -a


cdef class Ps2Mouse(Ps2Device):
    """Mouse in stream, remote or wrap mode."""

    def __init__(self, str name="mouse"):
        super().__init__(name)
        self.defaults()

    def attach(self, clock):
        super().attach(clock)
        self.slot = self.clock.timer(self, 0)

    cdef void defaults(self) noexcept nogil:
        self.enabled = self.remote = self.wrap = self.scaling21 = 0
        self.resolution = 2
        self.rate = 100
        self.dx = self.dy = self.dz = 0
        if self.clock is not None:
            self.clock.cancel(self.slot)

    cpdef void reset(self):
        self.defaults()
        self.id = self.knock = self.expect = self.bat = 0
        self.held = self.sent = 0
        self.first = 0
        self.last = 0
        self.flush()

    cdef bint moved(self) noexcept nogil:
        return self.dx != 0 or self.dy != 0 or self.dz != 0 or self.held != self.sent

    cdef void packet(self) noexcept nogil:
        cdef i32 x = clamp(self.dx, -255, 255), y = clamp(self.dy, -255, 255), z
        cdef u8 b = self.held & 7 | 8
        self.dx -= x
        self.dy -= y
        if self.scaling21 and not self.remote:
            x = clamp(scale21(x), -255, 255)
            y = clamp(scale21(y), -255, 255)
        b |= (0x10 if x < 0 else 0) | (0x20 if y < 0 else 0)
        self.send(b)
        self.send(<u8>x)
        self.send(<u8>y)
        if self.id == 3:
            z = clamp(self.dz, -128, 127)
            self.dz -= z
            self.send(<u8>z)
        elif self.id == 4:
            z = clamp(self.dz, -8, 7)
            self.dz -= z
            self.send(<u8>(z & 15 | (self.held & 0x18) << 1))
        else:
            self.dz = 0
        self.sent = self.held

    cdef void report(self) noexcept nogil:
        """Stream mode: send what changed, unless the last packet is younger than a sample period."""
        if not self.enabled or self.remote or self.wrap or self.expect or self.bat or self.count or not self.moved():
            return
        if self.clock is not None:
            if self.clock.deadline_of(self.slot) != <u64>-1:
                return
            self.clock.arm(self.slot, self.clock.now_ns() + 1000000000 // self.rate)
        self.packet()

    cdef void refill(self) noexcept nogil:
        self.report()

    cdef bint settled(self) noexcept nogil:
        """A mouse that is not asked to report is settled: nobody will take what it has."""
        return self.count == 0 and not (self.enabled and not self.remote and self.moved())

    cdef void on_timer(self, u32 timer, u64 now) noexcept nogil:
        if timer == HOST_ALARM:
            self.wanted.pulse()
            return
        if self.bat:
            self.bat = 0
            self.send(0xAA)
            self.send(0x00)
            return
        self.report()

    cdef void receive(self, u8 v) noexcept nogil:
        cdef u8 cmd = self.expect
        self.expect = 0
        if self.wrap and v != 0xFF and v != 0xEC:
            self.send(v)
            return
        if v != RESEND:
            self.flush()
        if cmd:
            self.argument(cmd, v)
            return
        if v == RESEND:
            self.send(self.last)
            return
        if v < 0xE6 or v == 0xEF or v == 0xED or v == 0xF1 or v > 0xF6 and v < 0xFE or v == 0xF7:
            self.send(RESEND)
            return
        self.send(ACK)
        if v == 0xE6 or v == 0xE7:
            self.scaling21 = v & 1
        elif v == 0xE8 or v == 0xF3:
            self.expect = v
        elif v == 0xE9:
            self.send(<u8>(self.remote << 6 | self.enabled << 5 | self.scaling21 << 4
                           | (self.held & 1) << 2 | (self.held & 4) >> 1 | (self.held & 2) >> 1))
            self.send(self.resolution)
            self.send(self.rate)
        elif v == 0xEA:
            self.remote = 0
        elif v == 0xEB:
            self.packet()
        elif v == 0xEC:
            self.wrap = 0
        elif v == 0xEE:
            self.wrap = 1
        elif v == 0xF0:
            self.remote = 1
        elif v == 0xF2:
            self.send(self.id)
        elif v == 0xF4:
            self.enabled = 1
            self.dx = self.dy = self.dz = 0
        elif v == 0xF5:
            self.enabled = 0
        elif v == 0xF6:
            self.defaults()
        elif v == 0xFF:
            self.defaults()
            self.id = self.knock = 0
            if self.clock is None:
                self.send(0xAA)
                self.send(0x00)
            else:
                self.bat = 1
                self.clock.arm(self.slot, self.clock.now_ns() + BAT_NS)

    cdef void argument(self, u8 cmd, u8 v) noexcept nogil:
        if cmd == 0xE8:
            if v > 3:
                self.send(RESEND)
                return
            self.resolution = v
        else:
            if v not in (10, 20, 40, 60, 80, 100, 200):
                self.send(RESEND)
                return
            self.rate = v
            # 200, 100, 80 turns the wheel on; then 200, 200, 80 the side buttons
            if v == 80 and self.knock == 2:
                self.id = 3
            elif v == 80 and self.knock == 3 and self.id == 3:
                self.id = 4
            if v == 200:
                self.knock = 3 if self.knock == 1 else 1
            elif v == 100 and self.knock == 1:
                self.knock = 2
            else:
                self.knock = 0
        self.send(ACK)

    cdef void state(self, Visitor v):
        v.u8(b"mouse_enabled", &self.enabled)
        v.u8(b"mouse_remote", &self.remote)
        v.u8(b"mouse_wrap", &self.wrap)
        v.u8(b"mouse_scaling", &self.scaling21)
        v.u8(b"mouse_resolution", &self.resolution)
        v.u8(b"mouse_rate", &self.rate)
        v.u8(b"mouse_expect", &self.expect)
        v.u8(b"mouse_id", &self.id)
        v.u8(b"mouse_knock", &self.knock)
        v.u8(b"mouse_held", &self.held)
        v.u8(b"mouse_sent", &self.sent)
        v.u8(b"mouse_bat", &self.bat)
        v.u32(b"mouse_dx", <u32 *>&self.dx)
        v.u32(b"mouse_dy", <u32 *>&self.dy)
        v.u32(b"mouse_dz", <u32 *>&self.dz)
        self.state_queue(v)
        visit_deadline(v, b"mouse_timer", self.clock, self.slot)

    # -- the host's side -------------------------------------------------------------------------
    def move(self, i32 dx, i32 dy, i32 dz=0):
        """Relative motion in counts: right, down, wheel towards the user are positive."""
        if self.enabled:
            self.dx = clamp(self.dx + clamp(dx, -32768, 32768), -32768, 32768)
            self.dy = clamp(self.dy - clamp(dy, -32768, 32768), -32768, 32768)
            self.dz = clamp(self.dz + clamp(dz, -128, 128), -128, 128)
        self.report()

    def buttons(self, u8 held):
        """Buttons held: bit 0 left, 1 right, 2 middle, 3 and 4 side."""
        self.held = held & 0x1F
        self.report()

    @property
    def idle(self):
        """The guest has taken all motion and buttons, or does not want them."""
        return self.settled()

    @property
    def reporting(self):
        """Has the guest switched the mouse on?"""
        return bool(self.enabled)
