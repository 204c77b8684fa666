"""High precision event timers: three comparators, 64-bit main counter at 100 MHz.

The 8254's IRQ0 and the RTC's IRQ8 pass through here (pins 0 and 1 to outputs `irq0` and `irq8`), because legacy
replacement routing cuts them off.
Not emulated: FSB (MSI) delivery.
Spec: IA-PC HPET specification 1.0a.

Region 0: 1 KiB of MMIO.  Outputs: irq0, irq8, gsi(n) for timers routed to I/O APIC input n.
"""
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.bus.device cimport Device, Line
from emu_core_pyx.bus.timers cimport visit_deadline
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    TIMERS = 3
    TICK_NS = 10
    CONF_ENABLE = 1
    CONF_LEGACY = 2
    TN_LEVEL = 0x0002
    TN_INT_ENB = 0x0004
    TN_PERIODIC = 0x0008
    TN_PER_CAP = 0x0010
    TN_SIZE_CAP = 0x0020
    TN_VAL_SET = 0x0040
    TN_32MODE = 0x0100
    TN_ROUTE = 0x3E00
    TN_WRITABLE = 0x3F4E
    ROUTE_CAP = 0x00F00000       # I/O APIC inputs 20-23

cdef u64 CAPABILITIES = <u64>0x009896808086A201      # 10,000,000 fs, vendor 8086, legacy, 64 bits, 3 timers


cdef class Hpet(Device):
    """One event timer block."""
    cdef u64 conf
    cdef u64 status
    cdef u64 counter            # value at `since`, or while halted
    cdef u64 since
    cdef u64 tconf[3]
    cdef u64 comparator[3]
    cdef u64 period[3]
    cdef u32 slots[3]
    cdef u32 inputs[2]
    cdef u32 edge               # edge-triggered timers whose output is high (it falls just before the next edge)
    cdef void *out[24]
    cdef tuple lines
    cdef readonly Line irq0
    cdef readonly Line irq8

    def __init__(self, str name="hpet"):
        self.name = name
        self.irq0 = Line()
        self.irq8 = Line()
        self.lines = tuple([Line() for _ in range(24)])
        for k in range(24):
            self.out[k] = <void *>self.lines[k]
        self.reset()

    def attach(self, clock):
        super().attach(clock)
        for k in range(<u32>TIMERS):
            self.slots[k] = self.clock.timer(self, k)

    def gsi(self, u32 n):
        """Output to I/O APIC input `n`."""
        return self.lines[n]

    cpdef void reset(self):
        cdef u32 k
        self.conf = self.status = self.counter = self.since = 0
        self.edge = 0
        for k in range(<u32>TIMERS):
            self.tconf[k] = TN_PER_CAP | TN_SIZE_CAP | <u64>ROUTE_CAP << 32
            self.comparator[k] = <u64>-1
            self.period[k] = 0
            if self.clock is not None:
                self.clock.cancel(self.slots[k])
        self.drive()

    cdef u64 now_count(self) noexcept nogil:
        if not self.conf & CONF_ENABLE or self.clock is None:
            return self.counter
        return self.counter + (self.clock.now_ns() - self.since) // TICK_NS

    cdef bint narrow(self, u32 n) noexcept nogil:
        return self.tconf[n] & TN_32MODE != 0

    cdef void arm(self, u32 n) noexcept nogil:
        """Deadline of timer n's next match (a match is an equality, so it may lie a wrap away)."""
        cdef u64 now, delta
        if self.clock is None:
            return
        if not self.conf & CONF_ENABLE:
            self.clock.cancel(self.slots[n])
            return
        now = self.now_count()
        delta = self.comparator[n] - now
        if self.narrow(n):
            delta &= <u64>0xFFFFFFFF
            if delta == 0:
                delta = <u64>1 << 32
        if self.tconf[n] & TN_PERIODIC and self.period[n] and (delta == 0 or delta >> 63):
            # a periodic comparator in the past runs on until it is ahead again
            self.comparator[n] += ((now - self.comparator[n]) // self.period[n] + 1) * self.period[n]
            delta = self.comparator[n] - now
        if delta == 0 or delta >> 56:           # passed, or more than 20 years away
            self.clock.cancel(self.slots[n])
            return
        self.clock.arm(self.slots[n], self.since + (now - self.counter + delta) * TICK_NS)

    cdef void drive(self) noexcept nogil:
        """All outputs from inputs and status."""
        cdef u32 n, route, high = 0
        cdef bint legacy = self.conf & CONF_LEGACY != 0
        cdef u32 l0 = 0 if legacy else self.inputs[0], l8 = 0 if legacy else self.inputs[1]
        for n in range(<u32>TIMERS):
            if not self.tconf[n] & TN_INT_ENB:
                continue
            if not (self.status if self.tconf[n] & TN_LEVEL else self.edge) >> n & 1:
                continue
            if legacy and n == 0:
                l0 = 1
            elif legacy and n == 1:
                l8 = 1
            else:
                route = self.tconf[n] >> 9 & 31
                if route < 24:
                    high |= <u32>1 << route
        self.irq0.set(l0)
        self.irq8.set(l8)
        for n in range(24):
            (<Line>self.out[n]).set(high >> n & 1)

    cdef void on_timer(self, u32 timer, u64 now) noexcept nogil:
        if self.tconf[timer] & TN_PERIODIC and self.period[timer]:
            self.comparator[timer] += self.period[timer]
            if self.narrow(timer):
                self.comparator[timer] &= <u64>0xFFFFFFFF
        if self.tconf[timer] & TN_LEVEL:
            self.status |= <u64>1 << timer
            self.drive()
        elif self.tconf[timer] & TN_INT_ENB:
            self.edge &= ~(<u32>1 << timer)
            self.drive()
            self.edge |= <u32>1 << timer
            self.drive()
        self.arm(timer)

    cdef void on_line(self, u32 pin, u32 level) noexcept nogil:
        if pin < 2:
            self.inputs[pin] = level
            self.drive()

    cdef u64 reg(self, u64 off) noexcept nogil:
        cdef u32 n
        if off == 0x000:
            return CAPABILITIES
        if off == 0x010:
            return self.conf
        if off == 0x020:
            return self.status
        if off == 0x0F0:
            return self.now_count()
        if off >= 0x100 and off < 0x100 + 0x20 * TIMERS:
            n = <u32>(off - 0x100) >> 5
            if off & 0x1F == 0:
                return self.tconf[n]
            if off & 0x1F == 8:
                return self.comparator[n]
            if off & 0x1F == 0x10:
                return 0
        return <u64>-1

    cdef u64 mmio_read(self, u32 region, u64 off, u32 size) noexcept nogil:
        if region or off >= 0x400 or (off & 7) + size > 8:
            return <u64>-1
        return self.reg(off & ~<u64>7) >> (8 * (off & 7))

    cdef void mmio_write(self, u32 region, u64 off, u32 size, u64 value) noexcept nogil:
        cdef u64 mask, base = off & ~<u64>7, v
        cdef u32 n, shift = 8 * <u32>(off & 7)
        if region or off >= 0x400 or size < 4 or off & 3 or (off & 7) + size > 8:
            return
        mask = <u64>-1 if size == 8 else <u64>0xFFFFFFFF << shift
        v = value if size == 8 else (value & <u64>0xFFFFFFFF) << shift
        if base == 0x010:
            self.write_conf(self.conf & ~mask | v & mask & 3)
        elif base == 0x020:
            self.status &= ~(v & mask)
            self.drive()
        elif base == 0x0F0:
            self.counter = self.now_count() & ~mask | v & mask
            self.since = self.clock.now_ns() if self.clock is not None else 0
            for n in range(<u32>TIMERS):
                self.arm(n)
        elif base >= 0x100 and base < 0x100 + 0x20 * TIMERS:
            n = <u32>(base - 0x100) >> 5
            if base & 0x1F == 0:
                v = self.tconf[n] & ~(mask & TN_WRITABLE) | v & mask & TN_WRITABLE
                self.tconf[n] = v
                if v & TN_32MODE:
                    self.comparator[n] &= <u64>0xFFFFFFFF
                    self.period[n] &= <u64>0xFFFFFFFF
                if not v & TN_INT_ENB:
                    self.edge &= ~(<u32>1 << n)
                if not v & TN_LEVEL:
                    self.status &= ~(<u64>1 << n)
                self.drive()
                self.arm(n)
            elif base & 0x1F == 8:
                self.write_comparator(n, v, mask)

    cdef void write_comparator(self, u32 n, u64 v, u64 mask) noexcept nogil:
        if self.narrow(n):
            mask &= <u64>0xFFFFFFFF
        if not self.tconf[n] & TN_PERIODIC or self.tconf[n] & TN_VAL_SET:
            self.comparator[n] = self.comparator[n] & ~mask | v & mask
        if self.tconf[n] & TN_PERIODIC and not (self.tconf[n] & TN_VAL_SET):
            self.period[n] = self.period[n] & ~mask | v & mask
        elif self.tconf[n] & TN_PERIODIC and self.period[n] == 0:
            self.period[n] = v & mask
        self.tconf[n] &= ~<u64>TN_VAL_SET
        self.arm(n)

    cdef void write_conf(self, u64 v) noexcept nogil:
        cdef u32 n
        if (v ^ self.conf) & CONF_ENABLE:
            if v & CONF_ENABLE:
                self.since = self.clock.now_ns() if self.clock is not None else 0
            else:
                self.counter = self.now_count()
        self.conf = v & 3
        for n in range(<u32>TIMERS):
            self.arm(n)
        self.drive()

    cdef void state(self, Visitor v):
        cdef u32 k, high = 0
        v.u64(b"conf", &self.conf)
        v.u64(b"status", &self.status)
        v.u64(b"counter", &self.counter)
        v.u64(b"since", &self.since)
        v.raw(b"tconf", &self.tconf[0], sizeof(self.tconf))
        v.raw(b"comparator", &self.comparator[0], sizeof(self.comparator))
        v.raw(b"period", &self.period[0], sizeof(self.period))
        v.raw(b"inputs", &self.inputs[0], sizeof(self.inputs))
        v.u32(b"edge", &self.edge)
        v.u32(b"irq0", &self.irq0.level)
        v.u32(b"irq8", &self.irq8.level)
        for k in range(24):
            high |= (<Line>self.out[k]).level << k
        v.u32(b"gsi", &high)
        for k in range(24):
            (<Line>self.out[k]).level = high >> k & 1
        visit_deadline(v, b"timer0", self.clock, self.slots[0])
        visit_deadline(v, b"timer1", self.clock, self.slots[1])
        visit_deadline(v, b"timer2", self.clock, self.slots[2])
