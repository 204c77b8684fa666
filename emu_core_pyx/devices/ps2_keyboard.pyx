"""Enhanced (101/102/104-key) PS/2 keyboard: scan code sets 1, 2 and 3, LEDs, typematic repeat.

Keys are named by their set-1 make code, extended keys as 0xE000 | code (right Ctrl 0xE01D, Print Screen
0xE037, Pause 0xE11D).  The host posts presses and releases; the keyboard sends them one at a time as the
controller takes bytes, so nothing typed is lost.
Not emulated: the fake shifts that old keyboards wrap around the navigation keys when Num Lock is on.
Spec: IBM PS/2 Hardware Interface Technical Reference, "Keyboards"; Microsoft keyboard scan code specification.
"""
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.bus.timers cimport visit_deadline
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.devices.ps2 cimport HOST_ALARM, Ps2Device

cdef enum:
    ACK = 0xFA
    RESEND = 0xFE
    RELEASE = 0x8000
    KEY_PAUSE = 0xE11D
    KEY_BREAK = 0xE046          # Ctrl+Pause
    KEY_PRINT = 0xE037
    MODE_TYPEMATIC = 1
    MODE_BREAK = 2
    MOD_SHIFT = 1
    MOD_CTRL = 2
    MOD_ALT = 4
    BAT_NS = 500000
    TIMER_BAT = 0
    TIMER_REPEAT = 1

# What a controller with translation makes of set 2, 0x00-0x7F (0x83 and 0x84 are F7 and SysRq).
SET2_TO_SET1 = bytes.fromhex(
    "ff43413f3d3b3c586444424 03e0f2959 65382a701d10025a66712c1f1e11035b"
    "672e2d20120504 5c6839 2f211413065d 693130232215075e6a72321624 08095f"
    "6b332517180b0a60 6c3435262719 0c61 6d7328741a0d626e3a361c1b752b6376"
    "5556777879 7a0e7b7c4f7d4b477e7f6f 525350 4c4d4801 45574e514a37 494654".replace(" ", ""))

# Set 3 by set-1 key, IBM's assignment for the enhanced keyboard.
SET3 = {
    0x29: 0x0E, 0x02: 0x16, 0x03: 0x1E, 0x04: 0x26, 0x05: 0x25, 0x06: 0x2E, 0x07: 0x36, 0x08: 0x3D, 0x09: 0x3E,
    0x0A: 0x46, 0x0B: 0x45, 0x0C: 0x4E, 0x0D: 0x55, 0x0E: 0x66, 0x0F: 0x0D, 0x10: 0x15, 0x11: 0x1D, 0x12: 0x24,
    0x13: 0x2D, 0x14: 0x2C, 0x15: 0x35, 0x16: 0x3C, 0x17: 0x43, 0x18: 0x44, 0x19: 0x4D, 0x1A: 0x54, 0x1B: 0x5B,
    0x2B: 0x5C, 0x3A: 0x14, 0x1E: 0x1C, 0x1F: 0x1B, 0x20: 0x23, 0x21: 0x2B, 0x22: 0x34, 0x23: 0x33, 0x24: 0x3B,
    0x25: 0x42, 0x26: 0x4B, 0x27: 0x4C, 0x28: 0x52, 0x1C: 0x5A, 0x2A: 0x12, 0x56: 0x13, 0x2C: 0x1A, 0x2D: 0x22,
    0x2E: 0x21, 0x2F: 0x2A, 0x30: 0x32, 0x31: 0x31, 0x32: 0x3A, 0x33: 0x41, 0x34: 0x49, 0x35: 0x4A, 0x36: 0x59,
    0x1D: 0x11, 0x38: 0x19, 0x39: 0x29, 0xE038: 0x39, 0xE01D: 0x58, 0xE052: 0x67, 0xE053: 0x64, 0xE04B: 0x61,
    0xE047: 0x6E, 0xE04F: 0x65, 0xE048: 0x63, 0xE050: 0x60, 0xE049: 0x6F, 0xE051: 0x6D, 0xE04D: 0x6A, 0x45: 0x76,
    0x47: 0x6C, 0x4B: 0x6B, 0x4F: 0x69, 0xE035: 0x77, 0x48: 0x75, 0x4C: 0x73, 0x50: 0x72, 0x52: 0x70, 0x37: 0x7E,
    0x49: 0x7D, 0x4D: 0x74, 0x51: 0x7A, 0x53: 0x71, 0x4A: 0x84, 0x4E: 0x7C, 0xE01C: 0x79, 0x01: 0x08, 0x3B: 0x07,
    0x3C: 0x0F, 0x3D: 0x17, 0x3E: 0x1F, 0x3F: 0x27, 0x40: 0x2F, 0x41: 0x37, 0x42: 0x3F, 0x43: 0x47, 0x44: 0x4F,
    0x57: 0x56, 0x58: 0x5E, 0xE037: 0x57, 0x46: 0x5F, 0xE11D: 0x62, 0xE05B: 0x8B, 0xE05C: 0x8C, 0xE05D: 0x8D,
}

cdef u8 set2_of[128]            # by set-1 code, same for extended keys; constant after import
cdef u8 set3_plain[128]
cdef u8 set3_ext[128]


def _fill():
    for code in range(0x80):
        if SET2_TO_SET1[code] < 0x80 and not set2_of[SET2_TO_SET1[code]]:
            set2_of[SET2_TO_SET1[code]] = code
    set2_of[0x41] = 0x83
    set2_of[0x54] = 0x84
    for key, code in SET3.items():
        if key < 0x80:
            set3_plain[key] = code
        elif key >> 8 == 0xE0:
            set3_ext[key & 0x7F] = code


_fill()


cdef void send_all(Ps2Device dev, const char *data, u32 n) noexcept nogil:
    cdef u32 k
    for k in range(n):
        dev.send(<u8>data[k])


cdef class Ps2Keyboard(Ps2Device):
    """Keyboard with its key buffer."""

    def __init__(self, str name="keyboard"):
        super().__init__(name)
        self.defaults()
        self.enabled = 1

    def attach(self, clock):
        super().attach(clock)
        self.slot = self.clock.timer(self, TIMER_BAT)
        self.repeat_slot = self.clock.timer(self, TIMER_REPEAT)

    cpdef void reset(self):
        self.defaults()
        self.enabled = 1
        self.leds = 0
        self.expect = 0
        self.bat = 0
        if self.clock is not None:
            self.clock.cancel(self.slot)
        self.keys_count = 0
        self.mods = 0
        self.first = 0
        self.last = 0
        self.flush()

    cdef void defaults(self) noexcept nogil:
        cdef u32 k
        self.scan_set = 2
        self.typematic = 0x2B               # 10.9 characters a second after 500 ms
        self.repeat = 0
        for k in range(256):
            self.key_mode[k] = MODE_TYPEMATIC | MODE_BREAK
        if self.clock is not None:
            self.clock.cancel(self.repeat_slot)

    # -- keys ------------------------------------------------------------------------------------
    cdef void modifier(self, u32 code, bint up) noexcept nogil:
        cdef u8 bit = 0
        if code == 0x2A or code == 0x36:
            bit = MOD_SHIFT
        elif code == 0x1D or code == 0xE01D:
            bit = MOD_CTRL
        elif code == 0x38 or code == 0xE038:
            bit = MOD_ALT
        self.mods = self.mods & ~bit if up else self.mods | bit

    cdef u8 set3_code(self, u32 key) noexcept nogil:
        cdef u32 code = key & 0x7F
        return 0x62 if key >> 8 == 0x61 else set3_ext[code] if key >> 8 == 0x60 else set3_plain[code]

    cdef bint emit(self, u16 event) noexcept nogil:
        """Queue the bytes of one press or release; 0 if it makes none."""
        cdef bint up = event & RELEASE != 0
        cdef u32 key = event & 0x7FFF
        cdef u32 code = key & 0x7F
        cdef bint ext = key >> 8 == 0x60            # 0xE0 without the release bit
        cdef bint pause = key >> 8 == 0x61
        cdef u8 c
        self.modifier((0xE000 | code) if ext else code if not pause else 0, up)
        if self.scan_set == 3:
            c = self.set3_code(key)
            if c == 0 or up and not self.key_mode[c] & MODE_BREAK:
                return False
            if up:
                self.send(0xF0)
            self.send(c)
            return True
        if pause:
            if up:
                return False
            if self.mods & MOD_CTRL:
                self.emit(KEY_BREAK & 0x7FFF)
                self.emit(KEY_BREAK & 0x7FFF | RELEASE)
                return True
            if self.scan_set == 1:
                send_all(self, b"\xe1\x1d\x45\xe1\x9d\xc5", 6)
            else:
                send_all(self, b"\xe1\x14\x77\xe1\xf0\x14\xf0\x77", 8)
            return True
        if ext and code == 0x37 and self.mods & MOD_ALT:
            ext = False                             # Alt+Print Screen is SysRq
            code = 0x54
        elif ext and code == 0x37 and not self.mods & (MOD_CTRL | MOD_SHIFT):
            if up:
                self.emit_code(0x37, True, True)
                self.emit_code(0x2A, True, True)
            else:
                self.emit_code(0x2A, True, False)
                self.emit_code(0x37, True, False)
            return True
        if self.scan_set == 2 and set2_of[code] == 0:
            return False
        self.emit_code(code, ext, up)
        return True

    cdef void emit_code(self, u32 code, bint ext, bint up) noexcept nogil:
        if ext:
            self.send(0xE0)
        if self.scan_set == 1:
            self.send(<u8>(code | (0x80 if up else 0)))
            return
        if up:
            self.send(0xF0)
        self.send(set2_of[code])

    cdef void refill(self) noexcept nogil:
        cdef u16 key
        while self.enabled and not self.bat and not self.expect and self.count == 0 and self.keys_count:
            key = self.keys[self.keys_first]
            self.keys_first = (self.keys_first + 1) & 1023
            self.keys_count -= 1
            self.emit(key)

    cdef void post(self, u16 key) noexcept nogil:
        if self.keys_count == 1024:
            return
        self.keys[(self.keys_first + self.keys_count) & 1023] = key
        self.keys_count += 1
        self.refill()

    cdef bint settled(self) noexcept nogil:
        return self.count == 0 and self.keys_count == 0

    cdef void arm_repeat(self, u64 ns) noexcept nogil:
        if self.clock is not None:
            self.clock.arm(self.repeat_slot, self.clock.now_ns() + ns)

    cdef u64 repeat_ns(self) noexcept nogil:
        """Typematic interval: (8 + A) * 2^B / 240 s."""
        return <u64>(8 + (self.typematic & 7)) * (1 << (self.typematic >> 3 & 3)) * 1000000000 // 240

    cdef void on_timer(self, u32 timer, u64 now) noexcept nogil:
        if timer == HOST_ALARM:
            self.wanted.pulse()
        elif timer == TIMER_BAT:
            self.bat = 0
            self.send(0xAA)
            self.refill()
        elif self.repeat:
            if self.scan_set == 3 and not self.key_mode[self.set3_code(self.repeat)] & MODE_TYPEMATIC:
                return
            if self.keys_count == 0 and self.count == 0:    # a guest that does not read gets no pile of repeats
                self.post(self.repeat)
            self.arm_repeat(self.repeat_ns())

    # -- commands --------------------------------------------------------------------------------
    cdef void receive(self, u8 v) noexcept nogil:
        cdef u8 cmd = self.expect
        cdef u32 k
        self.expect = 0
        if cmd and v < 0x80 or cmd and cmd >= 0xFB and cmd <= 0xFD:
            self.argument(cmd, v)
            self.refill()
            return
        if v != RESEND:
            self.flush()
        if v == 0xED or v == 0xF0 or v == 0xF3:
            self.expect = v
            self.send(ACK)
        elif v >= 0xFB and v <= 0xFD:
            self.expect = v
            self.enabled = 0
            self.send(ACK)
        elif v == 0xEE:
            self.send(0xEE)
        elif v == 0xF2:
            self.send(ACK)
            self.send(0xAB)
            self.send(0x83)
        elif v == 0xF4:
            self.enabled = 1
            self.send(ACK)
        elif v == 0xF5 or v == 0xF6:            # defaults; F5 stops scanning, F6 leaves that as it is
            self.defaults()
            if v == 0xF5:
                self.enabled = 0
            self.keys_count = 0
            self.send(ACK)
        elif v >= 0xF7 and v <= 0xFA:
            for k in range(256):
                self.key_mode[k] = self.mode_of(v - 0xF7)
            self.send(ACK)
        elif v == RESEND:
            self.send(self.last)
        elif v == 0xFF:
            self.defaults()
            self.leds = 0
            self.keys_count = 0
            self.enabled = 1
            self.send(ACK)
            self.bat = 1
            if self.clock is None:
                self.bat = 0
                self.send(0xAA)
            else:
                self.clock.arm(self.slot, self.clock.now_ns() + BAT_NS)
        else:
            self.send(RESEND)

    cdef u8 mode_of(self, u8 k) noexcept nogil:
        """F7/FB typematic, F8/FC make and break, F9/FD make only, FA typematic with break."""
        return MODE_TYPEMATIC if k == 0 else MODE_BREAK if k == 1 else 0 if k == 2 else MODE_TYPEMATIC | MODE_BREAK

    cdef void argument(self, u8 cmd, u8 v) noexcept nogil:
        if cmd == 0xED:
            self.leds = v & 7
            self.send(ACK)
        elif cmd == 0xF3:
            self.typematic = v & 0x7F
            self.send(ACK)
        elif cmd == 0xF0:
            if v > 3:
                self.send(RESEND)
                return
            self.send(ACK)
            if v == 0:
                self.send(self.scan_set)
            else:
                self.scan_set = v
        else:
            self.key_mode[v] = self.mode_of(cmd - 0xFB)
            self.send(ACK)

    cdef void state(self, Visitor v):
        v.u8(b"kbd_set", &self.scan_set)
        v.u8(b"kbd_enabled", &self.enabled)
        v.u8(b"kbd_leds", &self.leds)
        v.u8(b"kbd_typematic", &self.typematic)
        v.u8(b"kbd_expect", &self.expect)
        v.u8(b"kbd_bat", &self.bat)
        v.u8(b"kbd_mods", &self.mods)
        v.u16(b"kbd_repeat", &self.repeat)
        v.raw(b"kbd_modes", &self.key_mode[0], 256)
        v.raw(b"kbd_keys", &self.keys[0], sizeof(self.keys))
        v.u32(b"kbd_keys_first", &self.keys_first)
        v.u32(b"kbd_keys_count", &self.keys_count)
        self.state_queue(v)
        visit_deadline(v, b"kbd_timer", self.clock, self.slot)
        visit_deadline(v, b"kbd_repeat_timer", self.clock, self.repeat_slot)

    # -- the host's side -------------------------------------------------------------------------
    def press(self, u32 key):
        """A key goes down (set-1 code, 0xE0xx extended); repeats until released."""
        self._check(key)
        self.post(<u16>(key & 0x7FFF))
        if key != KEY_PAUSE:
            self.repeat = <u16>(key & 0x7FFF)
            self.arm_repeat(<u64>((self.typematic >> 5 & 3) + 1) * 250000000)

    def release(self, u32 key):
        """A key goes up."""
        self._check(key)
        self.post(<u16>(key & 0x7FFF | RELEASE))
        if self.repeat == key & 0x7FFF:
            self.repeat = 0
            if self.clock is not None:
                self.clock.cancel(self.repeat_slot)

    def key(self, *keys):
        """Press all `keys` in order, release them in reverse order."""
        for k in keys:
            self.press(k)
        for k in reversed(keys):
            self.release(k)

    def _check(self, u32 key):
        if not (0 < key < 0x80 or key >> 8 == 0xE0 and 0 < key & 0xFF < 0x80 or key == KEY_PAUSE):
            raise ValueError(f"not a key number: {key:#x}")
        if self.keys_count == 1024:
            raise BufferError("1024 key events are waiting for the guest")

    @property
    def room(self):
        """Key events that can be posted now."""
        return 1024 - self.keys_count

    @property
    def keys_waiting(self):
        """Key events the guest has not taken yet (bytes already sent not counted)."""
        return self.keys_count

    @property
    def idle(self):
        """Nothing waits to be read by the guest."""
        return self.keys_count == 0 and self.count == 0
