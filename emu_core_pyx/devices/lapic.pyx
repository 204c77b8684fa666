"""Local APIC of one processor (xAPIC, version 0x14, six LVT entries).

The timer's clock is 1 GHz.  The processor's INTR goes through here: `intr` is high while a vector is
deliverable or the 8259 pair asks through LINT0 (ExtINT); with the APIC disabled LINT0 is INTR and LINT1 is NMI.
DEVIATION: after reset LINT0 is unmasked ExtINT (the "virtual wire" firmware sets up), so that a kernel started
without firmware gets its 8259 interrupts.
DEVIATION: APIC bus arbitration takes no time; delivery status always reads idle.
Not emulated: x2APIC mode, moving the registers by IA32_APIC_BASE (the board maps 0xFEE00000), focus processor.
Spec: SDM 3A, "Advanced Programmable Interrupt Controller (APIC)".

Region 0: 4 KiB of MMIO.  Pins: 0 LINT0, 1 LINT1, 2 thermal, 3 performance counter (edges).
"""
from libc.string cimport memset
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.device cimport Line
from emu_core_pyx.bus.irq cimport IrqSource
from emu_core_pyx.bus.timers cimport visit_deadline
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.devices.apic_bus cimport (
    ApicBus, ApicUnit, DM_EXTINT, DM_FIXED, DM_INIT, DM_LOWEST, DM_NMI, DM_SMI, DM_STARTUP,
)

cdef enum:
    VERSION = 0x00050014
    SVR_ENABLE = 0x100
    LVT_MASKED = 0x10000
    LVT_LEVEL = 0x8000
    LVT_REMOTE_IRR = 0x4000
    LVT_LOW = 0x2000
    TIMER_ONE_SHOT = 0
    TIMER_PERIODIC = 1
    TIMER_TSC = 2
    ESR_SEND_ILLEGAL = 0x20
    ESR_RECV_ILLEGAL = 0x40
    ESR_ILLEGAL_REG = 0x80
    ICR_LEVEL = 0x4000
    ICR_TRIGGER = 0x8000
    APIC_BASE_ENABLE = 0x800
    APIC_BASE_BSP = 0x100

cdef u32 lvt_writable[6]
lvt_writable[:] = [0x700FF, 0x107FF, 0x107FF, 0x1A7FF, 0x1A7FF, 0x100FF]
cdef u32 OPEN_BUS = <u32>0xFFFFFFFF
cdef u64 IDLE = <u64>-1


cdef int highest(u32 *bits) noexcept nogil:
    """Highest vector set, -1 if none."""
    cdef int k, b
    for k in range(7, -1, -1):
        if bits[k]:
            b = 31
            while not bits[k] >> b & 1:
                b -= 1
            return k * 32 + b
    return -1


cdef inline void set_bit(u32 *bits, u32 v) noexcept nogil:
    bits[v >> 5] |= <u32>1 << (v & 31)


cdef inline void clear_bit(u32 *bits, u32 v) noexcept nogil:
    bits[v >> 5] &= ~(<u32>1 << (v & 31))


cdef inline bint test_bit(u32 *bits, u32 v) noexcept nogil:
    return bits[v >> 5] >> (v & 31) & 1


cdef class LocalApic(ApicUnit):
    """Interrupt controller in front of one processor."""

    def __init__(self, str name="lapic", ApicBus bus=None, u8 index=0):
        self.name = name
        self.bus = bus if bus is not None else ApicBus()
        self.bus.add_unit(self)
        self.index = index
        self.intr = Line()
        self.nmi = Line()
        self.smi = Line()
        self.init = Line()
        self.startup = Line()
        self.reset()

    def attach(self, clock):
        super().attach(clock)
        self.slot = self.clock.timer(self, 0)

    @property
    def extint(self):
        """The 8259 pair that answers ExtINT acknowledges."""
        return self._extint

    @extint.setter
    def extint(self, IrqSource source):
        self._extint = source

    cpdef void reset(self):
        cdef u32 k
        self.id = <u32>self.index << 24
        self.tpr = self.ldr = 0
        self.dfr = <u32>0xFFFFFFFF
        self.svr = 0xFF
        memset(&self.isr[0], 0, sizeof(self.isr))
        memset(&self.tmr[0], 0, sizeof(self.tmr))
        memset(&self.irr[0], 0, sizeof(self.irr))
        self.esr = self.esr_next = 0
        self.icr_low = self.icr_high = 0
        for k in range(<u32>LVTS):
            self.lvt[k] = LVT_MASKED
        if self.index == 0:
            self.lvt[LVT_LINT0] = DM_EXTINT << 8
        self.init_count = self.divide = 0
        self.timer_start = self.tsc_deadline = 0
        self.extint_message = 0
        self.sipi_vector = 0
        self.arm_timer()
        self.update()

    # -- who may interrupt -----------------------------------------------------------------------
    cdef bint hw_enabled(self) noexcept nogil:
        """IA32_APIC_BASE.EN of the processor behind the clock."""
        if self.clock is None or self.clock.cpu == NULL:
            return True
        return self.clock.cpu.s.apic_base & APIC_BASE_ENABLE != 0

    cdef bint sw_enabled(self) noexcept nogil:
        return self.svr & SVR_ENABLE != 0

    cdef u32 ppr(self) noexcept nogil:
        cdef int v = highest(&self.isr[0])
        cdef u32 isrv = <u32>v if v >= 0 else 0
        if self.tpr & 0xF0 >= isrv & 0xF0:
            return self.tpr
        return isrv & 0xF0

    cdef u32 processor_priority(self) noexcept nogil:
        return self.ppr()

    cdef bint matches(self, u32 dest, bint logical) noexcept nogil:
        if not logical:
            return dest == 0xFF or dest == self.id >> 24
        if self.dfr >> 28 == 0xF:
            return self.ldr >> 24 & dest != 0
        return (dest >> 4 == self.ldr >> 28 or dest >> 4 == 0xF) and self.ldr >> 24 & dest & 0xF != 0

    cdef int deliverable(self) noexcept nogil:
        cdef int v
        if not self.sw_enabled():
            return -1
        v = highest(&self.irr[0])
        if v < 0 or <u32>v & 0xF0 <= self.ppr() & 0xF0:
            return -1
        return v

    cdef bint extint_waiting(self) noexcept nogil:
        """The 8259 pair may interrupt: LINT0 is high and passes as ExtINT, or the APIC is out of the way."""
        if self.extint_message:
            return True
        if not self.lint[0]:
            return False
        if not self.hw_enabled():
            return True
        return self.lvt[LVT_LINT0] & (LVT_MASKED | 0x700) == DM_EXTINT << 8

    cdef void update(self) noexcept nogil:
        self.intr.set(1 if self.extint_waiting() or self.hw_enabled() and self.deliverable() >= 0 else 0)

    cdef int acknowledge(self) noexcept nogil:
        cdef int v = -1
        if self.hw_enabled():
            v = self.deliverable()
            if v >= 0:
                clear_bit(&self.irr[0], <u32>v)
                set_bit(&self.isr[0], <u32>v)
                self.update()
                return v
        if self.extint_waiting() and self._extint is not None:
            v = self._extint.acknowledge()
        self.extint_message = 0
        self.update()
        return v

    cdef void accept(self, u32 mode, u32 vector, bint level_triggered) noexcept nogil:
        if mode == DM_FIXED or mode == DM_LOWEST:
            if not self.sw_enabled() or not self.hw_enabled():
                return
            if vector < 16:
                self.error(ESR_RECV_ILLEGAL)
                return
            set_bit(&self.irr[0], vector)
            if level_triggered:
                set_bit(&self.tmr[0], vector)
            else:
                clear_bit(&self.tmr[0], vector)
            self.update()
        elif mode == DM_NMI:
            self.nmi.pulse()
        elif mode == DM_SMI:
            self.smi.pulse()
        elif mode == DM_INIT:
            self.init.pulse()
        elif mode == DM_STARTUP:
            self.sipi_vector = <u8>vector
            self.startup.pulse()
        elif mode == DM_EXTINT:
            self.extint_message = 1
            self.update()

    cdef void error(self, u32 bit) noexcept nogil:
        cdef u32 fresh = bit & ~self.esr_next
        self.esr_next |= bit
        # an error LVT with an illegal vector must not report itself for ever
        if fresh and not self.lvt[LVT_ERROR] & LVT_MASKED and self.lvt[LVT_ERROR] & 0xFF >= 16:
            self.accept(DM_FIXED, self.lvt[LVT_ERROR] & 0xFF, False)

    cdef void lvt_fire(self, u32 n) noexcept nogil:
        cdef u32 e = self.lvt[n], mode = e >> 8 & 7
        if e & LVT_MASKED:
            return
        if n == LVT_TIMER or n == LVT_ERROR:
            mode = DM_FIXED
        if mode == DM_EXTINT:
            return
        self.accept(mode, e & 0xFF, (n == LVT_LINT0 or n == LVT_LINT1) and mode == DM_FIXED and e & LVT_LEVEL)

    cdef void lint_changed(self, u32 n, u32 level) noexcept nogil:
        cdef u32 e = self.lvt[LVT_LINT0 + n], mode = e >> 8 & 7
        cdef u32 was = self.lint[n]
        self.lint[n] = level
        if not self.hw_enabled():
            if n == 1 and level and not was:
                self.nmi.pulse()
        elif mode == DM_FIXED and e & LVT_LEVEL:
            if level and not e & (LVT_MASKED | LVT_REMOTE_IRR):
                self.lvt[LVT_LINT0 + n] |= LVT_REMOTE_IRR
                self.lvt_fire(LVT_LINT0 + n)
        elif level and not was:
            self.lvt_fire(LVT_LINT0 + n)
        self.update()

    cdef void on_line(self, u32 pin, u32 level) noexcept nogil:
        if pin < 2:
            self.lint_changed(pin, level)
        elif pin == 2 and level:
            self.lvt_fire(LVT_THERMAL)
        elif pin == 3 and level:
            self.lvt_fire(LVT_PERF)
            self.lvt[LVT_PERF] |= LVT_MASKED

    cdef void base_changed(self) noexcept nogil:
        if not self.hw_enabled():
            # globally disabled: everything is lost but the lines
            self.svr &= ~<u32>SVR_ENABLE
            memset(&self.isr[0], 0, sizeof(self.isr))
            memset(&self.irr[0], 0, sizeof(self.irr))
            self.init_count = 0
            self.tsc_deadline = 0
            self.arm_timer()
        self.update()

    # -- timer -----------------------------------------------------------------------------------
    cdef u64 now(self) noexcept nogil:
        return self.clock.now_ns() if self.clock is not None else 0

    cdef u64 tick_ns(self) noexcept nogil:
        """The divider: one count in ns."""
        cdef u32 d = self.divide & 3 | self.divide >> 1 & 4
        return 1 if d == 7 else <u64>2 << d

    cdef u32 current_count(self) noexcept nogil:
        cdef u64 n
        if self.init_count == 0 or self.lvt[LVT_TIMER] >> 17 & 3 == TIMER_TSC:
            return 0
        n = (self.now() - self.timer_start) // self.tick_ns()
        if self.lvt[LVT_TIMER] >> 17 & 3 == TIMER_PERIODIC:
            return <u32>(self.init_count - n % self.init_count)
        return <u32>(self.init_count - n) if n < self.init_count else 0

    cdef void arm_timer(self) noexcept nogil:
        """Deadline of the next timer interrupt, if one can happen (nothing runs for a masked timer)."""
        cdef u64 now, period, at, offset
        cdef u32 mode = self.lvt[LVT_TIMER] >> 17 & 3
        if self.clock is None:
            return
        if self.lvt[LVT_TIMER] & LVT_MASKED or not self.hw_enabled():
            self.clock.cancel(self.slot)
            return
        now = self.now()
        if mode == TIMER_TSC:
            if not self.tsc_deadline:
                self.clock.cancel(self.slot)
                return
            offset = self.clock.cpu.s.tsc_offset if self.clock.cpu != NULL else 0
            at = self.tsc_deadline - offset
            if self.tsc_deadline <= now + offset or at == IDLE:
                at = now
            self.clock.arm(self.slot, at)
            return
        if self.init_count == 0:
            self.clock.cancel(self.slot)
            return
        period = self.init_count * self.tick_ns()
        at = self.timer_start + period
        if mode == TIMER_PERIODIC:
            at = self.timer_start + ((now - self.timer_start) // period + 1) * period
        elif at <= now:
            self.clock.cancel(self.slot)        # one-shot that has run out
            return
        self.clock.arm(self.slot, at)

    cdef void on_timer(self, u32 timer, u64 now) noexcept nogil:
        if self.lvt[LVT_TIMER] >> 17 & 3 == TIMER_TSC:
            self.tsc_deadline = 0
        self.lvt_fire(LVT_TIMER)
        self.arm_timer()

    cdef void set_divide(self, u32 v) noexcept nogil:
        """A running count keeps its value and goes on at the new rate."""
        cdef u64 done = (self.now() - self.timer_start) // self.tick_ns()
        self.divide = v & 0xB
        if self.init_count:
            if self.lvt[LVT_TIMER] >> 17 & 3 == TIMER_PERIODIC:
                done %= self.init_count
            elif done > self.init_count:
                done = self.init_count
            self.timer_start = self.now() - done * self.tick_ns()
        self.arm_timer()

    cdef u64 read_tsc_deadline(self) noexcept nogil:
        return self.tsc_deadline

    cdef void write_tsc_deadline(self, u64 v) noexcept nogil:
        if self.lvt[LVT_TIMER] >> 17 & 3 != TIMER_TSC:
            return
        self.tsc_deadline = v
        self.arm_timer()

    cdef u64 cr8(self) noexcept nogil:
        return self.tpr >> 4 & 0xF

    cdef void set_cr8(self, u64 v) noexcept nogil:
        self.tpr = <u32>(v & 0xF) << 4
        self.update()

    # -- registers -------------------------------------------------------------------------------
    cdef u64 mmio_read(self, u32 region, u64 off, u32 size) noexcept nogil:
        cdef u32 v
        if region or off >= 0x400 or not self.hw_enabled() or off & 0xF > 3 or (off & 3) + size > 4:
            if size == 8 and region == 0 and off < 0x400 and off & 0xF == 0 and self.hw_enabled():
                return self.read_reg(<u32>off) | <u64>OPEN_BUS << 32
            return IDLE
        v = self.read_reg(<u32>off & ~<u32>0xF)
        return v >> (8 * (off & 3))

    cdef void mmio_write(self, u32 region, u64 off, u32 size, u64 value) noexcept nogil:
        if region or off >= 0x400 or off & 0xF or not self.hw_enabled() or size < 4:
            return                  # registers take aligned dwords only
        self.write_reg(<u32>off, <u32>value)

    cdef u32 read_reg(self, u32 off) noexcept nogil:
        if off >= 0x100 and off < 0x180:
            return self.isr[(off - 0x100) >> 4]
        if off >= 0x180 and off < 0x200:
            return self.tmr[(off - 0x180) >> 4]
        if off >= 0x200 and off < 0x280:
            return self.irr[(off - 0x200) >> 4]
        if off >= 0x320 and off <= 0x370:
            return self.lvt[(off - 0x320) >> 4]
        if off == 0x20:
            return self.id
        if off == 0x30:
            return VERSION
        if off == 0x80:
            return self.tpr
        if off == 0x90 or off == 0xC0:          # APR, RRD
            return 0
        if off == 0xA0:
            return self.ppr()
        if off == 0xB0:                         # EOI is write-only
            return 0
        if off == 0xD0:
            return self.ldr
        if off == 0xE0:
            return self.dfr
        if off == 0xF0:
            return self.svr
        if off == 0x280:
            return self.esr
        if off == 0x300:
            return self.icr_low
        if off == 0x310:
            return self.icr_high
        if off == 0x380:
            return self.init_count
        if off == 0x390:
            return self.current_count()
        if off == 0x3E0:
            return self.divide
        self.error(ESR_ILLEGAL_REG)
        return OPEN_BUS

    cdef void write_reg(self, u32 off, u32 v) noexcept nogil:
        cdef u32 k
        if off >= 0x320 and off <= 0x370:
            self.write_lvt((off - 0x320) >> 4, v)
        elif off == 0x20:
            self.id = v & <u32>0xFF000000
        elif off == 0x80:
            self.tpr = v & 0xFF
            self.update()
        elif off == 0xB0:
            self.write_eoi()
        elif off == 0xD0:
            self.ldr = v & <u32>0xFF000000
        elif off == 0xE0:
            self.dfr = v | 0x0FFFFFFF
        elif off == 0xF0:
            self.svr = v & 0x3FF
            if not v & SVR_ENABLE:
                for k in range(<u32>LVTS):
                    self.lvt[k] |= LVT_MASKED
                self.arm_timer()
            self.update()
        elif off == 0x280:
            self.esr = self.esr_next
            self.esr_next = 0
        elif off == 0x300:
            self.write_icr(v)
        elif off == 0x310:
            self.icr_high = v & <u32>0xFF000000
        elif off == 0x380:
            if self.lvt[LVT_TIMER] >> 17 & 3 != TIMER_TSC:
                self.init_count = v
                self.timer_start = self.now()
                self.arm_timer()
        elif off == 0x3E0:
            self.set_divide(v)
        elif not (off >= 0x30 and off <= 0xA0 or off >= 0x100 and off < 0x280 or off == 0x390):
            self.error(ESR_ILLEGAL_REG)

    cdef void write_lvt(self, u32 n, u32 v) noexcept nogil:
        cdef u32 mode = self.lvt[LVT_TIMER] >> 17 & 3
        v = v & lvt_writable[n] | self.lvt[n] & LVT_REMOTE_IRR
        if not self.sw_enabled():
            v |= LVT_MASKED
        if n == LVT_TIMER and v >> 17 & 3 != mode and (v >> 17 & 3 == TIMER_TSC or mode == TIMER_TSC):
            self.init_count = 0
            self.tsc_deadline = 0
        self.lvt[n] = v
        if n == LVT_TIMER:
            self.arm_timer()
        elif n == LVT_LINT0 or n == LVT_LINT1:
            # a level that waited behind the mask
            if v & LVT_LEVEL and v >> 8 & 7 == DM_FIXED and self.lint[n - LVT_LINT0]:
                self.lint_changed(n - LVT_LINT0, 1)
            self.update()

    cdef void write_icr(self, u32 v) noexcept nogil:
        cdef u32 mode = v >> 8 & 7, shorthand = v >> 18 & 3, vector = v & 0xFF
        self.icr_low = v & 0x000CCFFF
        if mode == DM_EXTINT or mode == 3 or (mode == DM_FIXED or mode == DM_LOWEST) and vector < 16:
            self.error(ESR_SEND_ILLEGAL)
            return
        if mode == DM_INIT and not v & ICR_LEVEL and v & ICR_TRIGGER:
            return                              # INIT level de-assert only synchronises arbitration IDs
        if shorthand == 0:
            self.bus.deliver(self.icr_high >> 24, v >> 11 & 1, mode, vector, False)
        elif shorthand == 1:
            self.accept(mode, vector, False)
        elif shorthand == 2:
            self.bus.deliver_all(NULL, mode, vector)
        else:
            self.bus.deliver_all(<void *>self, mode, vector)

    cdef void write_eoi(self) noexcept nogil:
        cdef int v = highest(&self.isr[0])
        cdef u32 k
        if v < 0:
            return
        clear_bit(&self.isr[0], <u32>v)
        if test_bit(&self.tmr[0], <u32>v):
            for k in range(2):
                if self.lvt[LVT_LINT0 + k] & LVT_REMOTE_IRR and self.lvt[LVT_LINT0 + k] & 0xFF == <u32>v:
                    self.lvt[LVT_LINT0 + k] &= ~<u32>LVT_REMOTE_IRR
                    if self.lint[k]:
                        self.lint_changed(k, 1)
            self.bus.broadcast_eoi(<u32>v)
        self.update()

    cdef void state(self, Visitor v):
        v.u32(b"id", &self.id)
        v.u32(b"tpr", &self.tpr)
        v.u32(b"ldr", &self.ldr)
        v.u32(b"dfr", &self.dfr)
        v.u32(b"svr", &self.svr)
        v.raw(b"isr", &self.isr[0], sizeof(self.isr))
        v.raw(b"tmr", &self.tmr[0], sizeof(self.tmr))
        v.raw(b"irr", &self.irr[0], sizeof(self.irr))
        v.u32(b"esr", &self.esr)
        v.u32(b"esr_next", &self.esr_next)
        v.u32(b"icr_low", &self.icr_low)
        v.u32(b"icr_high", &self.icr_high)
        v.raw(b"lvt", &self.lvt[0], sizeof(self.lvt))
        v.u32(b"init_count", &self.init_count)
        v.u32(b"divide", &self.divide)
        v.u64(b"timer_start", &self.timer_start)
        v.u64(b"tsc_deadline", &self.tsc_deadline)
        v.raw(b"lint", &self.lint[0], sizeof(self.lint))
        v.u32(b"extint_message", &self.extint_message)
        v.u8(b"sipi_vector", &self.sipi_vector)
        v.u32(b"intr", &self.intr.level)
        visit_deadline(v, b"timer", self.clock, self.slot)

    def py_matches(self, u32 dest, bint logical):
        """Does a message to `dest` reach this unit (tests)."""
        return bool(self.matches(dest, logical))

    @property
    def info(self):
        """Dict: id, enabled, tpr, ppr, irr, isr, tmr (lists of vectors), lvt, timer count."""
        def vectors(which):
            bits = (self.irr, self.isr, self.tmr)[which]
            return [v for v in range(256) if bits[v >> 5] >> (v & 31) & 1]
        return {"id": self.id >> 24, "enabled": bool(self.sw_enabled() and self.hw_enabled()), "tpr": self.tpr,
                "ppr": self.ppr(), "irr": vectors(0), "isr": vectors(1), "tmr": vectors(2),
                "lvt": [self.lvt[k] for k in range(<u32>LVTS)], "count": self.current_count()}
