"""Keyboard controller: 8042 with the PC AT / PS/2 firmware, keyboard port and auxiliary (mouse) port.

Bytes of the controller's own answers are there at once; bytes of a device follow the read of the one before
after `BYTE_NS`, which gives IRQ1/IRQ12 their edge.
Not emulated: inhibit key switch, parity and time-out errors, the security password (always "none").
Spec: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller".

Regions: 0 data (0x60), 1 status and command (0x64).  Outputs: irq1, irq12, a20 (level), reset_out (pulse), wanted
(pulse: the guest has taken the keys or motion it was given, and the host has more).
"""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.bytedev cimport ByteDevice
from emu_core_pyx.bus.device cimport Line
from emu_core_pyx.bus.timers cimport visit_deadline
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.devices.ps2_keyboard cimport Ps2Keyboard
from emu_core_pyx.devices.ps2_mouse cimport Ps2Mouse
from emu_core_pyx.devices.ps2_keyboard import SET2_TO_SET1

cdef enum:
    STS_OBF = 0x01
    STS_SYS = 0x04
    STS_CMD = 0x08
    STS_UNLOCKED = 0x10
    STS_AUX = 0x20
    CB_KBD_INT = 0x01
    CB_AUX_INT = 0x02
    CB_SYS = 0x04
    CB_KBD_OFF = 0x10
    CB_AUX_OFF = 0x20
    CB_XLATE = 0x40
    OUT_RESET = 0x01
    OUT_A20 = 0x02
    OUT_OBF = 0x10
    OUT_AUX_OBF = 0x20
    BYTE_NS = 20000
    PIN_KBD = 0
    PIN_AUX = 1

cdef u8 xlate[256]              # set 2 to set 1; constant after import


def _fill():
    for k in range(256):
        xlate[k] = SET2_TO_SET1[k] if k < 0x80 else k
    xlate[0x83] = 0x41
    xlate[0x84] = 0x54


_fill()


cdef class I8042(ByteDevice):
    """Controller with its keyboard and mouse (`keyboard`, `mouse`)."""
    cdef u8 ram[32]             # ram[0] is the command byte
    cdef u8 status              # SYS and CMD bits
    cdef u8 out
    cdef u8 full                # OBF
    cdef u8 aux                 # `out` came from the auxiliary port
    cdef u8 expect              # command whose data byte comes on port 0x60
    cdef u8 outport
    cdef u8 break_seen          # translation: F0 came, next code is a release
    cdef u8 gap                 # the wire is busy until the timer fires
    cdef u32 slot
    cdef readonly Ps2Keyboard keyboard
    cdef readonly Ps2Mouse mouse
    cdef readonly Line irq1
    cdef readonly Line irq12
    cdef readonly Line a20
    cdef readonly Line reset_out
    cdef readonly Line wanted

    def __init__(self, str name="i8042"):
        self.name = name
        self.irq1 = Line()
        self.irq12 = Line()
        self.a20 = Line()
        self.reset_out = Line()
        self.keyboard = Ps2Keyboard()
        self.mouse = Ps2Mouse()
        self.wanted = self.keyboard.wanted
        self.mouse.wanted = self.wanted
        self.keyboard.ready.connect(self, PIN_KBD)
        self.mouse.ready.connect(self, PIN_AUX)
        self.reset()

    def attach(self, clock):
        super().attach(clock)
        self.slot = self.clock.timer(self, 0)
        self.keyboard.attach(clock)
        self.mouse.attach(clock)

    cpdef void reset(self):
        cdef u32 k
        for k in range(32):
            self.ram[k] = 0
        # as firmware leaves it, for guests that are started without one
        self.ram[0] = CB_KBD_INT | CB_AUX_INT | CB_XLATE | CB_SYS
        self.status = STS_SYS | STS_CMD
        self.out = self.full = self.aux = self.expect = self.break_seen = self.gap = 0
        self.outport = OUT_RESET | OUT_A20 | 0xCC
        if self.clock is not None:
            self.clock.cancel(self.slot)
        self.keyboard.reset()
        self.mouse.reset()
        self.update()
        self.a20.drive(1)

    cdef void update(self) noexcept nogil:
        cdef u8 cb = self.ram[0]
        self.irq1.set(1 if self.full and not self.aux and cb & CB_KBD_INT else 0)
        self.irq12.set(1 if self.full and self.aux and cb & CB_AUX_INT else 0)

    cdef void put(self, u8 v, u8 aux) noexcept nogil:
        """A byte into the output buffer."""
        self.out = v
        self.aux = aux
        self.full = 1
        self.update()

    cdef void pump(self) noexcept nogil:
        """Take the next byte from a device if buffer and wire are free; the keyboard goes first."""
        cdef int v
        while not self.full and not self.gap:
            v = -1
            if not self.ram[0] & CB_KBD_OFF:
                v = self.keyboard.get()
            if v >= 0:
                if self.ram[0] & CB_XLATE:
                    if v == 0xF0:
                        self.break_seen = 0x80
                        continue
                    v = xlate[v]
                    if v < 0x80:
                        v |= self.break_seen
                    self.break_seen = 0
                self.put(<u8>v, 0)
                return
            if not self.ram[0] & CB_AUX_OFF:
                v = self.mouse.get()
            if v < 0:
                return
            self.put(<u8>v, 1)

    cdef void on_line(self, u32 pin, u32 level) noexcept nogil:
        if level:
            self.pump()

    cdef void on_timer(self, u32 timer, u64 now) noexcept nogil:
        self.gap = 0
        self.pump()

    cdef u8 rd(self, u32 region, u32 off) noexcept nogil:
        if off or region > 1:
            return 0xFF
        if region == 1:
            return <u8>(self.status | STS_UNLOCKED | self.full | (STS_AUX if self.full and self.aux else 0))
        if self.full:
            self.full = 0
            self.update()
            if self.clock is not None:
                self.gap = 1
                self.clock.arm(self.slot, self.clock.now_ns() + BYTE_NS)
            else:
                self.pump()
            if self.aux:
                self.mouse.taken()
            else:
                self.keyboard.taken()
        return self.out

    cdef void wr(self, u32 region, u32 off, u8 v) noexcept nogil:
        if off or region > 1:
            return
        if region == 1:
            self.status |= STS_CMD
            self.command(v)
        else:
            self.status &= <u8>~STS_CMD
            self.data(v)

    cdef void set_outport(self, u8 v) noexcept nogil:
        self.outport = v
        self.a20.drive(1 if v & OUT_A20 else 0)
        if not v & OUT_RESET:
            self.outport |= OUT_RESET
            self.reset_out.pulse()

    cdef void command(self, u8 v) noexcept nogil:
        self.expect = 0
        if v < 0x40 and v >= 0x20:
            self.put(self.ram[v & 0x1F], 0)
        elif v >= 0x60 and v < 0x80 or v == 0xD1 or v == 0xD2 or v == 0xD3 or v == 0xD4:
            self.expect = v
        elif v == 0xA4:
            self.put(0xF1, 0)               # no password
        elif v == 0xA7:
            self.ram[0] |= CB_AUX_OFF
        elif v == 0xA8:
            self.ram[0] &= <u8>~CB_AUX_OFF
            self.pump()
        elif v == 0xA9 or v == 0xAB:
            self.put(0x00, 0)               # interface test passed
        elif v == 0xAA:
            self.status |= STS_SYS
            self.ram[0] |= CB_SYS
            self.put(0x55, 0)
        elif v == 0xAD:
            self.ram[0] |= CB_KBD_OFF
        elif v == 0xAE:
            self.ram[0] &= <u8>~CB_KBD_OFF
            self.pump()
        elif v == 0xC0:
            self.put(0x80 | 0x20, 0)        # keyboard not inhibited, manufacturing jumper absent
        elif v == 0xD0:
            self.put(<u8>(self.outport & 0xCF | (OUT_OBF if self.irq1.level else 0)
                          | (OUT_AUX_OBF if self.irq12.level else 0)), 0)
        elif v == 0xDD or v == 0xDF:        # A20 off and on (chip sets with a fast path)
            self.set_outport(self.outport & 0xFD | (v & OUT_A20))
        elif v == 0xE0:
            self.put(0x00 if self.ram[0] & CB_KBD_OFF else 0x01, 0)
        elif v >= 0xF0:                     # pulse output bits that are 0
            if not v & OUT_RESET:
                self.reset_out.pulse()

    cdef void data(self, u8 v) noexcept nogil:
        cdef u8 cmd = self.expect
        self.expect = 0
        if cmd == 0:
            self.ram[0] &= <u8>~CB_KBD_OFF  # writing to the keyboard enables its clock
            self.keyboard.receive(v)
        elif cmd >= 0x60 and cmd < 0x80:
            self.ram[cmd & 0x1F] = v
            if cmd == 0x60:
                self.status = self.status & <u8>~STS_SYS | v & CB_SYS
                self.update()
        elif cmd == 0xD1:
            self.set_outport(v)
        elif cmd == 0xD2:
            self.put(v, 0)
        elif cmd == 0xD3:
            self.put(v, 1)
        elif cmd == 0xD4:
            self.ram[0] &= <u8>~CB_AUX_OFF
            self.mouse.receive(v)
        self.pump()

    cdef void state(self, Visitor v):
        v.raw(b"ram", &self.ram[0], 32)
        v.u8(b"status", &self.status)
        v.u8(b"out", &self.out)
        v.u8(b"full", &self.full)
        v.u8(b"aux", &self.aux)
        v.u8(b"expect", &self.expect)
        v.u8(b"outport", &self.outport)
        v.u8(b"break_seen", &self.break_seen)
        v.u8(b"gap", &self.gap)
        v.u32(b"irq1", &self.irq1.level)
        v.u32(b"irq12", &self.irq12.level)
        v.u32(b"a20", &self.a20.level)
        visit_deadline(v, b"gap_timer", self.clock, self.slot)
        self.keyboard.state(v)
        self.mouse.state(v)

    @property
    def keyboard_idle(self):
        """The guest has read every byte of every key it was given."""
        return self.keyboard.settled() and not (self.full and not self.aux)

    @property
    def mouse_idle(self):
        """The guest has read all of the mouse's reports."""
        return self.mouse.settled() and not (self.full and self.aux)
