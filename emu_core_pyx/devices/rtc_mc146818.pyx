"""Real-time clock and CMOS memory: MC146818A with 128 bytes, century in 0x32 (DS12887 / PIIX).

The time is base_unix of the clock plus virtual seconds plus an offset the guest changes by setting it; flags
of the update, alarm and periodic chains are derived from the time and become events only when enabled.
Not emulated: daylight saving (DSE is stored), square wave output, time bases other than 32.768 kHz (they
stop the clock).
Spec: Motorola MC146818A data sheet; DS12887 for the 244 us of UIP; 82371SB for port 0x70.

Region 0: index (write-only) and data (0x70, 2 ports).  Output `irq` (IRQ8), `nmi_mask` (bit 7 of the index).
"""
from emu_core_pyx.types cimport i64, u8, u32, u64
from emu_core_pyx.bus.bytedev cimport ByteDevice
from emu_core_pyx.bus.device cimport Line
from emu_core_pyx.bus.timers cimport visit_deadline
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    SECONDS = 0
    SECONDS_ALARM = 1
    MINUTES = 2
    MINUTES_ALARM = 3
    HOURS = 4
    HOURS_ALARM = 5
    DAY_OF_WEEK = 6
    DAY_OF_MONTH = 7
    MONTH = 8
    YEAR = 9
    REG_A = 10
    REG_B = 11
    REG_C = 12
    REG_D = 13
    CENTURY = 0x32
    A_UIP = 0x80
    B_SET = 0x80
    B_PIE = 0x40
    B_AIE = 0x20
    B_UIE = 0x10
    B_SQWE = 0x08
    B_DM = 0x04             # 1 binary, 0 BCD
    B_24H = 0x02
    C_IRQF = 0x80
    C_PF = 0x40
    C_AF = 0x20
    C_UF = 0x10
    D_VRT = 0x80
    TIMER_PERIODIC = 0
    TIMER_SECOND = 1

cdef u64 SECOND = 1000000000
cdef u64 UIP_NS = 2228000   # 244 us of warning and 1984 us of update cycle


cdef i64 days_of(i64 y, i64 m, i64 d) noexcept nogil:
    """Days from 1970-01-01 of a Gregorian date (months outside 1-12 carry)."""
    cdef i64 era, yoe, doy
    m -= 1
    y += m // 12 if m >= 0 else -((11 - m) // 12)
    m = m % 12 if m >= 0 else (m % 12 + 12) % 12
    if m < 2:                                   # the year begins in March
        y -= 1
        m += 10
    else:
        m -= 2
    era = (y if y >= 0 else y - 399) // 400
    yoe = y - era * 400
    doy = (153 * m + 2) // 5 + d - 1
    return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468


cdef void date_of(i64 days, i64 *y, i64 *m, i64 *d) noexcept nogil:
    cdef i64 era, doe, yoe, doy, mp
    days += 719468
    era = (days if days >= 0 else days - 146096) // 146097
    doe = days - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    d[0] = doy - (153 * mp + 2) // 5 + 1
    m[0] = mp + 3 if mp < 10 else mp - 9
    y[0] = yoe + era * 400 + (1 if m[0] <= 2 else 0)


cdef class RtcMc146818(ByteDevice):
    """Clock, alarm and non-volatile memory."""
    cdef u8 ram[128]
    cdef u8 index
    cdef u8 flags           # PF, AF, UF of register C
    cdef u8 dow_shift       # the guest may call any day Sunday
    cdef i64 offset_ns      # unix time in ns = base + now + offset
    cdef u64 seen_ns        # flags are up to date as of this time
    cdef u32 slots[2]
    cdef readonly Line irq
    cdef readonly Line nmi_mask

    def __init__(self, str name="rtc"):
        self.name = name
        self.irq = Line()
        self.nmi_mask = Line()
        self.ram[REG_A] = 0x26
        self.ram[REG_B] = B_24H

    def attach(self, clock):
        super().attach(clock)
        self.slots[0] = self.clock.timer(self, TIMER_PERIODIC)
        self.slots[1] = self.clock.timer(self, TIMER_SECOND)

    cpdef void reset(self):
        """RESET clears interrupt enables and flags; time and memory are on the battery."""
        self.ram[REG_B] &= <u8>~(B_PIE | B_AIE | B_UIE | B_SQWE)
        self.catch_up()
        self.flags = 0
        self.index = 0
        self.nmi_mask.set(0)
        self.update()

    # -- time ------------------------------------------------------------------------------------
    cdef u64 now(self) noexcept nogil:
        return self.clock.now_ns() if self.clock is not None else 0

    cdef bint running(self) noexcept nogil:
        return self.ram[REG_A] & 0x70 == 0x20 and not self.ram[REG_B] & B_SET

    cdef u64 wall_ns(self, u64 now) noexcept nogil:
        """Unix time in ns, as u64 (years 1970 to 2554)."""
        cdef u64 base = self.clock.base_unix if self.clock is not None else 0
        return base * SECOND + now + <u64>self.offset_ns

    cdef u8 encode(self, i64 v) noexcept nogil:
        if self.ram[REG_B] & B_DM:
            return <u8>v
        return <u8>(v // 10 % 10 << 4 | v % 10)

    cdef i64 decode(self, u8 v) noexcept nogil:
        if self.ram[REG_B] & B_DM:
            return v
        return (v >> 4) * 10 + (v & 15)

    cdef u8 encode_hour(self, i64 h) noexcept nogil:
        if self.ram[REG_B] & B_24H:
            return self.encode(h)
        return self.encode((h + 11) % 12 + 1) | (0x80 if h >= 12 else 0)

    cdef i64 decode_hour(self, u8 v) noexcept nogil:
        if self.ram[REG_B] & B_24H:
            return self.decode(v)
        return self.decode(v & 0x7F) % 12 + (12 if v & 0x80 else 0)

    cdef void registers_from(self, u64 now) noexcept nogil:
        """Time registers as they read at `now`."""
        cdef u64 s = self.wall_ns(now) // SECOND
        cdef i64 y, m, d
        date_of(<i64>(s // 86400), &y, &m, &d)
        self.ram[SECONDS] = self.encode(<i64>(s % 60))
        self.ram[MINUTES] = self.encode(<i64>(s // 60 % 60))
        self.ram[HOURS] = self.encode_hour(<i64>(s // 3600 % 24))
        self.ram[DAY_OF_WEEK] = self.encode(<i64>((s // 86400 + 4 + self.dow_shift) % 7 + 1))
        self.ram[DAY_OF_MONTH] = self.encode(d)
        self.ram[MONTH] = self.encode(m)
        self.ram[YEAR] = self.encode(y % 100)
        self.ram[CENTURY] = self.encode(y // 100)

    cdef void registers_to(self, u64 now, u64 fraction) noexcept nogil:
        """The registers become the time at `now`, `fraction` ns into the second."""
        cdef i64 y = self.decode(self.ram[CENTURY]) * 100 + self.decode(self.ram[YEAR])
        cdef i64 days = days_of(y, self.decode(self.ram[MONTH]), self.decode(self.ram[DAY_OF_MONTH]))
        cdef i64 s = self.decode_hour(self.ram[HOURS]) * 3600 + self.decode(self.ram[MINUTES]) * 60
        cdef u64 base = self.clock.base_unix if self.clock is not None else 0
        cdef i64 dow = self.decode(self.ram[DAY_OF_WEEK]) - 1 - (days + 4) % 7
        s += self.decode(self.ram[SECONDS]) + days * 86400
        self.offset_ns = <i64>(<u64>s * SECOND + fraction - base * SECOND - now)
        self.dow_shift = <u8>((dow % 7 + 7) % 7)

    # -- flags -----------------------------------------------------------------------------------
    cdef u64 period_ticks(self) noexcept nogil:
        """Periodic interval in 1/32768 s, 0 when off."""
        cdef u32 rs = self.ram[REG_A] & 15
        if rs == 0 or self.ram[REG_A] & 0x70 != 0x20:
            return 0
        return <u64>1 << (rs + 6 if rs < 3 else rs - 1)

    cdef u64 periods(self, u64 now) noexcept nogil:
        """Periodic intervals up to `now`, phase-locked to the divider chain."""
        return self.ticks32k(now) // self.period_ticks()

    cdef u64 ticks32k(self, u64 now) noexcept nogil:
        cdef u64 w = self.wall_ns(now)
        return w // SECOND * 32768 + w % SECOND * 32768 // SECOND

    cdef bint alarm_matches(self, u64 s) noexcept nogil:
        cdef u8 a = self.ram[SECONDS_ALARM]
        if a < 0xC0 and self.decode(a) != <i64>(s % 60):
            return False
        a = self.ram[MINUTES_ALARM]
        if a < 0xC0 and self.decode(a) != <i64>(s // 60 % 60):
            return False
        a = self.ram[HOURS_ALARM]
        return a >= 0xC0 or self.decode_hour(a) == <i64>(s // 3600 % 24)

    cdef u64 next_alarm(self, u64 s) noexcept nogil:
        """First matching second after `s`; all ones if the alarm registers match never."""
        cdef u64 k = s + 1, end = s + 86400
        cdef u8 mm = self.ram[MINUTES_ALARM], hh = self.ram[HOURS_ALARM]
        while k <= end:
            if hh < 0xC0 and self.decode_hour(hh) != <i64>(k // 3600 % 24):
                k = (k // 3600 + 1) * 3600
            elif mm < 0xC0 and self.decode(mm) != <i64>(k // 60 % 60):
                k = (k // 60 + 1) * 60
            elif self.alarm_matches(k):
                return k
            else:
                k += 1
        return <u64>-1

    cdef void catch_up(self) noexcept nogil:
        """Set the flags whose moments lie between `seen_ns` and now."""
        cdef u64 now = self.now(), s0, s1
        if now == self.seen_ns:
            return
        if self.period_ticks() and self.periods(now) != self.periods(self.seen_ns):
            self.flags |= C_PF
        if self.running():
            s0 = self.wall_ns(self.seen_ns) // SECOND
            s1 = self.wall_ns(now) // SECOND
            if s0 != s1:
                self.flags |= C_UF
                if self.next_alarm(s0) <= s1:
                    self.flags |= C_AF
        self.seen_ns = now

    cdef void update(self) noexcept nogil:
        """Interrupt line and the deadlines of enabled, not yet flagged sources."""
        cdef u64 now, p, s, w, ns
        self.irq.set(1 if self.flags & self.ram[REG_B] & 0x70 else 0)
        if self.clock is None:
            return
        now = self.now()
        w = self.wall_ns(now)
        p = self.period_ticks()
        if p and self.ram[REG_B] & B_PIE and not self.flags & C_PF:
            s = (self.periods(now) + 1) * p                        # in 1/32768 s since 1970
            ns = s // 32768 * SECOND + (s % 32768 * SECOND + 32767) // 32768
            self.clock.arm(self.slots[0], now + (ns - w))
        else:
            self.clock.cancel(self.slots[0])
        s = <u64>-1
        if self.running():
            if self.ram[REG_B] & B_UIE and not self.flags & C_UF:
                s = w // SECOND + 1
            elif self.ram[REG_B] & B_AIE and not self.flags & C_AF:
                s = self.next_alarm(w // SECOND)
        if s != <u64>-1:
            self.clock.arm(self.slots[1], now + (s * SECOND - w))
        else:
            self.clock.cancel(self.slots[1])

    cdef void on_timer(self, u32 timer, u64 now) noexcept nogil:
        self.catch_up()
        self.update()

    # -- registers -------------------------------------------------------------------------------
    cdef u8 rd(self, u32 region, u32 off) noexcept nogil:
        cdef u8 r = self.index, v
        cdef u64 now
        if region or off != 1:
            return 0xFF
        self.catch_up()
        if r == REG_A:
            now = self.now()
            if self.running() and SECOND - self.wall_ns(now) % SECOND <= UIP_NS:
                return self.ram[REG_A] | A_UIP
            return self.ram[REG_A]
        if r == REG_C:
            v = self.flags
            if v & self.ram[REG_B] & 0x70:
                v |= C_IRQF
            self.flags = 0
            self.update()
            return v
        if r == REG_D:
            return D_VRT
        if (r <= YEAR and not (r < DAY_OF_WEEK and r & 1) or r == CENTURY) and self.running():
            self.registers_from(self.now())
        return self.ram[r]

    cdef void wr(self, u32 region, u32 off, u8 v) noexcept nogil:
        cdef u8 r = self.index
        cdef u64 now
        if region or off > 1:
            return
        if off == 0:
            self.index = v & 0x7F
            self.nmi_mask.set(v >> 7)
            return
        self.catch_up()
        now = self.now()
        if r == REG_A:
            self.write_a(v & 0x7F, now)
        elif r == REG_B:
            self.write_b(v, now)
        elif r == REG_C or r == REG_D:
            return
        elif r <= YEAR and not (r < DAY_OF_WEEK and r & 1) or r == CENTURY:
            if self.running():
                self.registers_from(now)
                self.ram[r] = v
                self.registers_to(now, self.wall_ns(now) % SECOND)
            else:
                self.ram[r] = v
        else:
            self.ram[r] = v
        self.update()

    cdef void write_a(self, u8 v, u64 now) noexcept nogil:
        cdef bint was = self.running()
        if was:
            self.registers_from(now)
        self.ram[REG_A] = v
        if was != self.running() and not was:
            self.registers_to(now, SECOND // 2)     # first update half a second after the divider starts

    cdef void write_b(self, u8 v, u64 now) noexcept nogil:
        cdef bint was = self.running()
        cdef u64 fraction = self.wall_ns(now) % SECOND
        if was:
            self.registers_from(now)                # in the old format: they keep it while SET
        if v & B_SET:
            v &= <u8>~B_UIE
        self.ram[REG_B] = v
        if not was and self.running():
            self.registers_to(now, fraction)

    cdef void state(self, Visitor v):
        v.raw(b"ram", &self.ram[0], 128)
        v.u8(b"index", &self.index)
        v.u8(b"flags", &self.flags)
        v.u8(b"dow_shift", &self.dow_shift)
        v.u64(b"offset_ns", <u64 *>&self.offset_ns)
        v.u64(b"seen_ns", &self.seen_ns)
        v.u32(b"irq", &self.irq.level)
        v.u32(b"nmi_mask", &self.nmi_mask.level)
        visit_deadline(v, b"periodic", self.clock, self.slots[0])
        visit_deadline(v, b"second", self.clock, self.slots[1])

    # -- the board's side ------------------------------------------------------------------------
    def set_cmos(self, u32 reg, u8 value):
        """Store a byte of CMOS memory (not the time registers)."""
        if reg > 127 or reg < 14 or reg == CENTURY:
            raise ValueError(f"not a CMOS memory byte: {reg:#x}")
        self.ram[reg] = value

    def get_cmos(self, u32 reg):
        """A byte as stored."""
        return self.ram[reg & 127]

    def set_memory_size(self, u64 ram_bytes, u64 above_4g=0):
        """Memory sizes where PC firmware looks: 0x15-18, 0x30-31, 0x34-35, 0x5B-5D."""
        kib = ram_bytes >> 10
        ext = min(max(kib - 1024, 0), 0xFFFF)
        high = min(max((kib >> 6) - 256, 0), 0xFFFF)
        for reg, val in ((0x15, 640), (0x17, ext), (0x30, ext), (0x34, high)):
            self.ram[reg] = val & 0xFF
            self.ram[reg + 1] = val >> 8
        for k in range(3):
            self.ram[0x5B + k] = above_4g >> (16 + 8 * k) & 0xFF
        self.update_checksum()

    def update_checksum(self):
        """Sum of 0x10-0x2D into 0x2E (high) and 0x2F (low), as firmware verifies."""
        total = sum([self.ram[k] for k in range(0x10, 0x2E)])
        self.ram[0x2E] = total >> 8 & 0xFF
        self.ram[0x2F] = total & 0xFF

    @property
    def unix(self):
        """The guest's idea of the time, seconds since 1970 (float)."""
        return self.wall_ns(self.now()) / 1e9
