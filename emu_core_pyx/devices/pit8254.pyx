"""System timer: 8254 with its three counters, and port 0x61 (gate 2, speaker, refresh toggle).

Counters are not counted: every counter remembers the clock edge at which its element was loaded, the rest
follows from the time.  Only counter 0's output is an event (one armed deadline).
Not emulated: the parity and channel-check bits of port 0x61 (read as written, sources never fire); counter 1
drives nothing, the refresh toggle has its usual 15.085 us.
Spec: Intel 82C54 data sheet (order 231244); 82371SB 2.5.7 "NMI status and control".

Regions: 0 counters and control (0x40, 4 ports), 1 port 0x61.  Outputs: `irq` (OUT0), `speaker` (gate of the amplifier),
`sound_full` (pulse: the host should collect the speaker's record).

The speaker's record, kept only while somebody listens, is a copy of counter 2 at every access that changes it; `sound`
works the membrane's signal out of it, so tones and pulse-width tricks alike come out as they were.
"""
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memmove, memset
from emu_core_pyx.types cimport i64, u8, u32, u64, u128
from emu_core_pyx.bus.bytedev cimport ByteDevice
from emu_core_pyx.bus.device cimport Line
from emu_core_pyx.bus.ticks cimport ns_of_tick, ticks_at
from emu_core_pyx.bus.timers cimport visit_deadline
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    PIT_NUM = 105           # 14.31818 MHz / 12 in edges per nanosecond
    PIT_DEN = 88000
    REFRESH_NS = 15085
    RW_LSB = 1
    RW_MSB = 2
    RW_BOTH = 3
    P61_GATE2 = 0x01
    P61_SPKR = 0x02
    RECORD = 4096           # changes kept; a player of samples makes 32,000 a second

cdef u64 NO_TICK = <u64>-1

cdef struct Counter:
    u64 t0              # edge at which `n` was in the counting element
    u64 pend_at         # edge at which `cr` replaces `n` (modes 2, 3); NO_TICK: not waiting
    u64 frozen          # edges counted when the gate stopped it (modes 0, 4)
    u32 n               # value the counting element started from, 1..modulus
    u32 cr              # count register, 1..modulus
    u8 mode
    u8 bcd
    u8 rw
    u8 gate
    u8 loaded           # counting (a count was written and, modes 1 and 5, a trigger came)
    u8 has_count        # CR was written since the control word
    u8 stopped          # gate low (modes 0, 4) or first byte of a mode 0 count written
    u8 null_count
    u8 wr_second        # next written byte is the most significant one
    u8 wr_lsb
    u8 rd_second
    u8 latched          # count bytes still to be read from `latch`: bit 0 LSB, bit 1 MSB
    u8 status_latched
    u8 status
    u8 pad[2]
    u32 latch


cdef struct Change:
    u64 ns              # from here on
    u32 on              # the amplifier's gate
    Counter c           # counter 2


cdef inline u32 modulus(Counter *c) noexcept nogil:
    return 10000 if c.bcd else 65536


cdef void settle(Counter *c, u64 t) noexcept nogil:
    """Reloads that were waiting for a cycle's end before edge `t` have happened."""
    if c.pend_at == NO_TICK or t < c.pend_at:
        return
    if c.mode == 3 and not (c.pend_at - c.t0) % c.n == 0:
        # loaded at the end of the high half: go on with the new low half
        c.t0 = c.pend_at - ((c.cr + 1) >> 1)
    else:
        c.t0 = c.pend_at
    c.n = c.cr
    c.pend_at = NO_TICK
    c.null_count = 0


cdef i64 elapsed(Counter *c, u64 t) noexcept nogil:
    """Edges since the load; negative: the load is still to come."""
    if c.stopped:
        return <i64>c.frozen
    return <i64>(t - c.t0)


cdef u32 out_at(Counter *c, u64 t) noexcept nogil:
    cdef i64 e
    cdef u64 p
    if not c.loaded:
        return 0 if c.mode == 0 else 1
    if c.mode == 2 or c.mode == 3:
        if not c.gate:
            return 1
        e = <i64>(t - c.t0)
        if e < 0:
            return 1
        p = <u64>e % c.n
        if c.mode == 2:
            return 0 if p == c.n - 1 and c.n > 1 else 1
        return 1 if p < ((c.n + 1) >> 1) else 0
    e = elapsed(c, t)
    if c.mode == 0:
        return 1 if e >= <i64>c.n else 0
    if c.mode == 1:
        return 1 if e < 0 or e >= <i64>c.n else 0
    return 0 if e == <i64>c.n else 1


cdef u64 next_change(Counter *c, u64 t) noexcept nogil:
    """First edge after `t` at which OUT may change by counting alone; NO_TICK if none."""
    cdef u64 p, k, edge
    if not c.loaded:
        return NO_TICK
    if c.mode == 2 or c.mode == 3:
        if not c.gate:
            return NO_TICK
        if c.mode == 2 and c.n == 1:
            return t + 1
        edge = c.n - 1 if c.mode == 2 else (c.n + 1) >> 1
        if <i64>(t - c.t0) < 0:
            return c.t0 + edge
        k = (t - c.t0) // c.n
        p = (t - c.t0) % c.n
        k = c.t0 + k * c.n + (edge if p < edge else c.n)
        return c.pend_at if c.pend_at < k and c.pend_at > t else k
    if c.stopped:
        return NO_TICK
    if <i64>(t - c.t0) < 0:
        return c.t0 if c.mode == 1 else c.t0 + c.n
    p = t - c.t0
    if p < c.n:
        return c.t0 + c.n
    if p == c.n and c.mode >= 4:
        return c.t0 + c.n + 1
    return NO_TICK


cdef u32 count_at(Counter *c, u64 t) noexcept nogil:
    """The counting element as read (binary or BCD)."""
    cdef i64 e
    cdef u64 p
    cdef u32 v = c.n, m = modulus(c), half
    if c.loaded:
        if c.mode == 2 or c.mode == 3:
            e = <i64>(t - c.t0) if c.gate else <i64>c.frozen
            p = <u64>e % c.n if e > 0 else 0
            if c.mode == 2:
                v = <u32>(c.n - p)
            else:
                half = (c.n + 1) >> 1
                v = <u32>((c.n & ~<u32>1) - 2 * (p if p < half else p - half))
        else:
            e = elapsed(c, t)
            if e > 0:
                v = <u32>((c.n + m - <u64>e % m) % m)
    if c.bcd:
        v %= 10000
        return v % 10 | v // 10 % 10 << 4 | v // 100 % 10 << 8 | v // 1000 << 12
    return v & 0xFFFF


cdef void load(Counter *c, u64 t0) noexcept nogil:
    c.n = c.cr
    c.t0 = t0
    c.pend_at = NO_TICK
    c.loaded = 1
    c.stopped = 0
    c.null_count = 0


cdef void freeze(Counter *c, u64 t) noexcept nogil:
    if not c.stopped:
        c.frozen = t - c.t0 if <i64>(t - c.t0) > 0 else 0
        c.stopped = 1


cdef void count_written(Counter *c, u32 raw, u64 t) noexcept nogil:
    cdef u64 half, p
    if c.bcd:
        raw = (raw & 15) + (raw >> 4 & 15) * 10 + (raw >> 8 & 15) * 100 + (raw >> 12) * 1000
        raw %= 10000
    c.cr = raw if raw else modulus(c)
    c.has_count = 1
    c.null_count = 1
    if c.mode == 0 or c.mode == 4:
        load(c, t + 1)
        if not c.gate:
            c.frozen = 0
            c.stopped = 1
    elif c.mode == 2 or c.mode == 3:
        if not c.loaded:
            load(c, t + 1)
            c.frozen = 0
        elif c.gate:
            if <i64>(t - c.t0) < 0:
                c.n = c.cr
                c.null_count = 0
                return
            p = (t - c.t0) % c.n
            half = (c.n + 1) >> 1
            if c.mode == 3 and p < half:
                c.pend_at = t - p + half
            else:
                c.pend_at = t - p + c.n


cdef class Pit8254(ByteDevice):
    """8254 and the system control port behind it."""
    cdef Counter ctr[3]
    cdef u8 port61
    cdef u32 slot
    cdef readonly Line irq
    cdef readonly Line speaker      # gate of the speaker amplifier as programmed (tone: speaker_hz)
    cdef readonly Line sound_full
    cdef readonly bint listening
    cdef Change *record
    cdef u32 n_record
    cdef Change now_playing         # what `sound` has come to
    cdef u64 sound_ns               # and when
    cdef u64 started_ns
    cdef double sound_rest          # of the sample begun: level times nanoseconds
    cdef u64 sound_sample           # number of the sample begun
    cdef double dc_in               # high-pass filter: a coil does not pass direct current
    cdef double dc_out

    def __cinit__(self):
        self.record = NULL

    def __dealloc__(self):
        free(self.record)

    def __init__(self, str name="pit"):
        self.name = name
        self.irq = Line()
        self.speaker = Line()
        self.sound_full = Line()
        self._clear()

    def attach(self, clock):
        super().attach(clock)
        self.slot = self.clock.timer(self, 0)

    def _clear(self):
        cdef int k
        for k in range(3):
            memset(&self.ctr[k], 0, sizeof(Counter))
            self.ctr[k].n = self.ctr[k].cr = 65536
            self.ctr[k].pend_at = NO_TICK
            self.ctr[k].gate = k != 2
            self.ctr[k].rw = RW_BOTH
            self.ctr[k].mode = 3
            self.ctr[k].null_count = 1
        self.port61 = 0

    cpdef void reset(self):
        self._clear()
        self.irq.set(0)
        self.speaker.set(0)
        self.note()
        if self.clock is not None:
            self.clock.cancel(self.slot)

    cdef u64 tick(self) noexcept nogil:
        if self.clock is None:
            return 0
        return ticks_at(self.clock.now_ns(), PIT_NUM, PIT_DEN)

    cdef void update(self, u64 t) noexcept nogil:
        """Drive OUT0 and arm its next change."""
        cdef Counter *c = &self.ctr[0]
        cdef u64 at
        settle(c, t)
        if c.mode == 2 and c.loaded and c.n == 1:
            self.irq.set(0)     # count 1 is illegal in mode 2: the output stays high on silicon, edges never come
            self.irq.set(1)
        else:
            self.irq.set(out_at(c, t))
        at = next_change(c, t)
        if self.clock is None:
            return
        if at == NO_TICK or c.n == 1 and c.mode == 2:
            self.clock.cancel(self.slot)
        else:
            self.clock.arm(self.slot, ns_of_tick(at, PIT_NUM, PIT_DEN))

    cdef void on_timer(self, u32 timer, u64 now) noexcept nogil:
        cdef u64 due = ticks_at(now, PIT_NUM, PIT_DEN), t = self.tick()
        if t != due:
            # late by more than an edge: show the missed change before the present
            settle(&self.ctr[0], due)
            self.irq.set(out_at(&self.ctr[0], due))
        self.update(t)

    cdef void control(self, u8 v, u64 t) noexcept nogil:
        cdef u32 k = v >> 6
        cdef Counter *c
        if k == 3:                              # read-back
            for k in range(3):
                c = &self.ctr[k]
                if not v >> (k + 1) & 1:
                    continue
                settle(c, t)
                if not v & 0x20:
                    self.latch(c, t)
                if not v & 0x10 and not c.status_latched:
                    c.status = <u8>(out_at(c, t) << 7 | c.null_count << 6 | c.rw << 4 | c.mode << 1 | c.bcd)
                    c.status_latched = 1
            return
        c = &self.ctr[k]
        settle(c, t)
        if not v & 0x30:
            self.latch(c, t)
            return
        c.rw = v >> 4 & 3
        c.mode = v >> 1 & 7
        if c.mode > 5:
            c.mode -= 4
        c.bcd = v & 1
        c.loaded = c.has_count = c.stopped = 0
        c.frozen = 0
        c.pend_at = NO_TICK
        c.null_count = 1
        c.wr_second = c.rd_second = 0
        c.latched = c.status_latched = 0
        if c.cr > modulus(c):
            c.cr = modulus(c)
        c.n = c.cr

    cdef void latch(self, Counter *c, u64 t) noexcept nogil:
        if not c.latched:
            c.latch = count_at(c, t)
            c.latched = c.rw

    cdef u8 read_counter(self, Counter *c, u64 t) noexcept nogil:
        cdef u32 v
        cdef u8 msb
        settle(c, t)
        if c.status_latched:
            c.status_latched = 0
            return c.status
        if c.latched:
            v = c.latch
            msb = 0 if c.latched & RW_LSB else 1
            c.latched &= RW_LSB if msb else RW_MSB
            return <u8>(v >> 8) if msb else <u8>v
        v = count_at(c, t)
        if c.rw == RW_BOTH:
            msb = c.rd_second
            c.rd_second ^= 1
        else:
            msb = 1 if c.rw == RW_MSB else 0
        return <u8>(v >> 8) if msb else <u8>v

    cdef void write_counter(self, Counter *c, u8 v, u64 t) noexcept nogil:
        settle(c, t)
        if c.rw == RW_LSB:
            count_written(c, v, t)
        elif c.rw == RW_MSB:
            count_written(c, <u32>v << 8, t)
        elif not c.wr_second:
            c.wr_lsb = v
            c.wr_second = 1
            if c.mode == 0:                     # first byte: counting stops, OUT low
                c.loaded = 0
        else:
            c.wr_second = 0
            count_written(c, c.wr_lsb | <u32>v << 8, t)

    cdef void set_gate(self, Counter *c, u8 level, u64 t) noexcept nogil:
        settle(c, t)
        if level == c.gate:
            return
        if not level:
            if c.mode == 0 or c.mode == 4:
                freeze(c, t)
            elif c.mode == 2 or c.mode == 3:
                c.frozen = t - c.t0 if <i64>(t - c.t0) > 0 else 0
            c.gate = 0
            return
        c.gate = 1
        if c.mode == 0 or c.mode == 4:
            if c.loaded and c.stopped:
                c.t0 = t - c.frozen
                c.stopped = 0
        elif c.has_count:                       # trigger
            load(c, t + 1)

    cdef u8 rd(self, u32 region, u32 off) noexcept nogil:
        cdef u64 t, ns
        if region == 0 and off < 3:
            return self.read_counter(&self.ctr[off], self.tick())
        if region == 1 and off == 0:
            ns = self.clock.now_ns() if self.clock is not None else 0
            t = self.tick()
            settle(&self.ctr[2], t)
            return <u8>(self.port61 | (ns // REFRESH_NS & 1) << 4 | out_at(&self.ctr[2], t) << 5)
        return 0xFF

    cdef void wr(self, u32 region, u32 off, u8 v) noexcept nogil:
        cdef u64 t = self.tick()
        if region == 1 and off == 0:
            self.port61 = v & 0x0F
            self.set_gate(&self.ctr[2], v & P61_GATE2, t)
            self.speaker.set(1 if v & 3 == 3 else 0)
            self.note()
        elif region == 0 and off == 3:
            self.control(v, t)
            self.update(t)
            self.note()
        elif region == 0 and off < 3:
            self.write_counter(&self.ctr[off], v, t)
            if off == 0:
                self.update(t)
            elif off == 2:
                self.note()

    cdef void state(self, Visitor v):
        v.raw(b"counters", &self.ctr[0], sizeof(self.ctr))
        v.u8(b"port61", &self.port61)
        v.u32(b"irq", &self.irq.level)
        v.u32(b"speaker", &self.speaker.level)
        visit_deadline(v, b"deadline", self.clock, self.slot)

    # -- sound -----------------------------------------------------------------------------------
    cdef void note(self) noexcept nogil:
        """Put what the speaker does from now on into the record."""
        cdef Change *e
        cdef u32 on = self.port61 >> 1 & 1
        if not self.listening or self.clock is None:
            return
        if self.n_record:
            e = &self.record[self.n_record - 1]
            if not on and not e.on:
                return
        if self.n_record == RECORD:     # nobody came: the newest change is the one that counts
            self.n_record -= 1
        e = &self.record[self.n_record]
        e.ns = self.clock.now_ns()
        e.on = on
        memcpy(&e.c, &self.ctr[2], sizeof(Counter))
        self.n_record += 1
        if self.n_record >= RECORD // 2:
            self.sound_full.pulse()

    def listen(self, bint on=True):
        """Start or end keeping the record."""
        if self.record == NULL:
            self.record = <Change *>calloc(RECORD, sizeof(Change))
            if self.record == NULL:
                raise MemoryError("sound")
        self.listening = on
        self.n_record = 0
        if on:
            self.sound_ns = self.started_ns = self.clock.now_ns()
            self.sound_rest = self.dc_in = self.dc_out = 0.0
            self.sound_sample = 0
            self.now_playing.on = self.port61 >> 1 & 1
            memcpy(&self.now_playing.c, &self.ctr[2], sizeof(Counter))

    def sound(self, u32 rate, u64 most=<u64>-1):
        """What the speaker played since the last call, at most `most` samples: signed 16-bit native, mono, as bytes."""
        cdef u64 now = self.clock.now_ns(), begun = self.sound_ns, until, due, n = 0
        cdef u32 k = 0
        cdef bytearray out
        cdef short *p
        due = <u64>((<u128>(now - begun) * rate) // 1000000000) + 2
        if due > most:
            due = most
        out = bytearray(2 * due)
        p = <short *><char *>out
        while k <= self.n_record and n < due:
            until = self.record[k].ns if k < self.n_record else now
            if until > self.sound_ns:
                self.play(rate, until, p, due, &n)
            if n == due and self.sound_ns < until:
                break
            if k < self.n_record:
                memcpy(&self.now_playing, &self.record[k], sizeof(Change))
            k += 1
        if k:
            k = k if k < self.n_record else self.n_record
            self.n_record -= k
            memmove(self.record, self.record + k, self.n_record * sizeof(Change))
        del out[2 * n:]
        return bytes(out)

    cdef void play(self, u32 rate, u64 until, short *out, u64 room, u64 *n) noexcept nogil:
        """Samples from sound_ns to `until`, each the mean of the signal over its time."""
        cdef Counter *c = &self.now_playing.c
        cdef u64 end, edge, at, t
        cdef double level, span
        cdef u32 fast = c.loaded and (c.mode == 2 or c.mode == 3) and c.gate and <u64>c.n * PIT_DEN // PIT_NUM < 8000
        while self.sound_ns < until and n[0] < room:
            end = self.sample_end(rate)
            if end > until:
                end = until
            if not self.now_playing.on:
                level = 0.0
            else:
                t = ticks_at(self.sound_ns, PIT_NUM, PIT_DEN)
                settle(c, t)
                if fast:                # above hearing: its mean
                    level = 0.5 if c.mode == 3 else <double>(c.n - 1) / c.n
                else:
                    level = out_at(c, t)
                    edge = next_change(c, t)
                    if edge != NO_TICK:
                        at = ns_of_tick(edge, PIT_NUM, PIT_DEN)
                        if at < end:
                            end = at if at > self.sound_ns else self.sound_ns + 1
            span = <double>(end - self.sound_ns)
            self.sound_rest += level * span
            self.sound_ns = end
            if end == self.sample_end(rate):
                self.emit(rate, out, n)

    cdef u64 sample_end(self, u32 rate) noexcept nogil:
        """When the sample begun is over."""
        return self.started_ns + <u64>((<u128>(self.sound_sample + 1) * 1000000000 + rate - 1) // rate)

    cdef void emit(self, u32 rate, short *out, u64 *n) noexcept nogil:
        cdef double level = self.sound_rest * rate / 1e9 * 2.0
        self.sound_rest = 0.0
        self.sound_sample += 1
        self.dc_out = level - self.dc_in + 0.9975 * self.dc_out
        self.dc_in = level
        level = self.dc_out * 6000.0
        out[n[0]] = <short>(32767.0 if level > 32767.0 else -32768.0 if level < -32768.0 else level)
        n[0] += 1

    @property
    def speaker_hz(self):
        """Tone of the speaker, 0.0 when silent."""
        cdef Counter *c = &self.ctr[2]
        if self.port61 & 3 != 3 or c.mode not in (2, 3) or not c.loaded:
            return 0.0
        return 1e9 * PIT_NUM / PIT_DEN / c.n

    @property
    def info(self):
        """Counters as dicts: mode, bcd, initial, count, out, gate."""
        t = self.tick()
        res = []
        for k in range(3):
            settle(&self.ctr[k], t)
            res.append({"mode": self.ctr[k].mode, "bcd": self.ctr[k].bcd, "initial": self.ctr[k].n,
                        "count": count_at(&self.ctr[k], t), "out": out_at(&self.ctr[k], t), "gate": self.ctr[k].gate})
        return res
