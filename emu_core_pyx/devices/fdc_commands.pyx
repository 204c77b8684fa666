"""Floppy disk controller 82077AA, first half: registers, command bytes, resets, interrupts and seeks.

Time is virtual: disks turn SPEED times faster than real ones, heads step STEP_SPEED times faster.
Not emulated: status registers A and B (undriven in AT mode), tape drives, precompensation, power down.
Spec: Intel 82077AA data sheet (order 290166), chapters 2 (registers), 4 (resets), 5 (commands), 6 (status).
"""
from libc.string cimport memset
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.bytedev cimport ByteDevice
from emu_core_pyx.bus.device cimport Line
from emu_core_pyx.bus.timers cimport visit_deadline
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.devices.floppy_drive cimport SECTOR, FloppyDrive

cdef enum:
    # port offsets of region 0
    DOR = 2
    TDR = 3
    MSR = 4                     # read; DSR when written
    FIFO = 5
    DOR_DRIVE = 0x03
    DOR_NRESET = 0x04
    MSR_RQM = 0x80
    MSR_DIO = 0x40              # the controller has a byte for the host
    MSR_NONDMA = 0x20
    MSR_CMDBUSY = 0x10
    DSR_SWRESET = 0x80
    DSR_RATE = 0x03
    DSR_DEFAULT = 0x02          # 250 kbit/s
    DIR_DSKCHG = 0x80
    ST0_INVALID = 0x80
    ST0_POLLING = 0xC0          # ready line changed
    ST0_SE = 0x20               # seek end
    ST3_WP = 0x40
    ST3_RDY = 0x20
    ST3_T0 = 0x10
    ST3_TS = 0x08
    CONF_EFIFO = 0x20           # FIFO disabled
    CONF_THRESHOLD = 0x0F
    PERP_OW = 0x80
    RECALIBRATE_STEPS = 79
    TIMER_WORK = 4              # 0-3: seek of that drive
    TIMER_RESET = 5
    SPEED = 64
    STEP_SPEED = 16
    START_NS = 20000
    RESET_NS = 50000

cdef u32 rates[4]               # kbit/s by data rate select
rates[:] = [500, 300, 250, 1000]


cdef class FdcCommands(ByteDevice):
    """What the guest sees of the controller when no data moves."""

    def __init__(self):
        self.irq = Line()
        self.drives = [FloppyDrive(n < 2) for n in range(4)]
        for k in range(4):
            self.units[k] = <void *>self.drives[k]
        self.reset()

    def attach(self, clock):
        super().attach(clock)
        for k in range(6):
            self.slots[k] = self.clock.timer(self, k)

    cpdef void reset(self):
        """The RESET pin; disks and heads stay where they are."""
        self.locked = 0
        self.dor = 0
        self.tdr = 0
        self.dsr = DSR_DEFAULT
        self.perpendicular = 0
        self.srt_hut = self.hlt_nd = 0
        self.last_eot = 0
        for k in range(4):
            (<FloppyDrive>self.units[k]).changed = 1
        self.soft_reset()
        self.phase = HELD

    cdef void soft_reset(self) noexcept nogil:
        """Reset by DOR or DSR: stops everything; LOCK keeps the FIFO settings."""
        cdef u32 k
        if self.locked:
            self.config &= CONF_EFIFO | CONF_THRESHOLD
        else:
            self.config = CONF_EFIFO
            self.pretrk = 0
        self.perpendicular &= 0x3C
        self.phase = COMMAND
        self.command_n = self.command_len = 0
        self.result_n = self.result_pos = 0
        self.seeking = self.homing = self.polled = 0
        self.op = self.full = 0
        self.buf_pos = self.buf_len = 0
        memset(&self.command[0], 0, sizeof(self.command))
        memset(&self.result[0], 0, sizeof(self.result))
        memset(&self.buf[0], 0, SECTOR)
        memset(&self.pcn[0], 0, 4)
        memset(&self.target[0], 0, 4)
        memset(&self.pending[0], 0, 4)
        if self.clock is not None:
            for k in range(6):
                self.clock.cancel(self.slots[k])
        self.stop_transfer()
        self.set_interrupt(0)

    cdef void start_transfer(self) noexcept nogil:
        pass

    cdef void stop_transfer(self) noexcept nogil:
        pass

    cdef void work(self, u64 now) noexcept nogil:
        pass

    cdef void data_taken(self) noexcept nogil:
        pass

    cdef bint to_host(self) noexcept nogil:
        return False

    # ---- pins and time -------------------------------------------------------------------------
    cdef void set_interrupt(self, u8 level) noexcept nogil:
        self.interrupt = level
        self.irq.set(1 if level and self.dor & DOR_DMAGATE else 0)

    cdef void work_in(self, u64 ns) noexcept nogil:
        """Go on with the command after so much time."""
        self.phase = EXECUTE
        if self.clock is not None:
            self.clock.arm(self.slots[TIMER_WORK], self.clock.now_ns() + START_NS + ns)

    cdef u32 kbit(self) noexcept nogil:
        return rates[self.dsr & DSR_RATE]

    cdef u64 sector_ns(self) noexcept nogil:
        """Time for one sector to pass the head."""
        return <u64>SECTOR * 8 * 1000000 // self.kbit() // SPEED

    cdef u64 step_ns(self) noexcept nogil:
        return <u64>(16 - (self.srt_hut >> 4)) * 500000000 // self.kbit() // STEP_SPEED

    cdef void on_timer(self, u32 timer, u64 now) noexcept nogil:
        if timer < 4:
            self.seek_done(timer)
        elif timer == TIMER_RESET:
            if self.polled:
                self.set_interrupt(1)
        elif self.phase == EXECUTE:
            self.work(now)

    # ---- registers -----------------------------------------------------------------------------
    cdef u8 rd(self, u32 region, u32 off) noexcept nogil:
        if region == 0:
            if off == DOR:
                return self.dor
            if off == TDR:
                return self.tdr | 0xFC
            if off == MSR:
                return self.status()
            if off == FIFO:
                return self.fifo_read()
        elif region == 1 and off == 0:
            if (<FloppyDrive>self.units[self.dor & DOR_DRIVE]).fitted and (<FloppyDrive>self.units[self.dor & DOR_DRIVE]).changed:
                return DIR_DSKCHG
            return 0
        return 0xFF

    cdef void wr(self, u32 region, u32 off, u8 v) noexcept nogil:
        if region == 0:
            if off == DOR:
                self.write_dor(v)
            elif off == TDR:
                self.tdr = v & 3
            elif off == MSR:
                self.dsr = v & <u8>~DSR_SWRESET
                if v & DSR_SWRESET and self.phase != HELD:
                    self.soft_reset()
                    self.leave_reset()
            elif off == FIFO:
                self.fifo_write(v)
        elif region == 1 and off == 0:
            self.dsr = <u8>(self.dsr & ~DSR_RATE | v & DSR_RATE)

    cdef void write_dor(self, u8 v) noexcept nogil:
        cdef u8 was = self.dor
        self.dor = v
        if not v & DOR_NRESET:
            if was & DOR_NRESET:
                self.soft_reset()
            self.phase = HELD
        elif self.phase == HELD:
            self.leave_reset()
        self.irq.set(1 if self.interrupt and v & DOR_DMAGATE else 0)

    cdef void leave_reset(self) noexcept nogil:
        """Polling finds the ready lines of all four drives changed, and interrupts."""
        self.phase = COMMAND
        self.polled = 0x0F
        if self.clock is not None:
            self.clock.arm(self.slots[TIMER_RESET], self.clock.now_ns() + RESET_NS)

    cdef u8 status(self) noexcept nogil:
        """Main status register."""
        if self.phase == HELD:
            return 0
        if self.phase == EXECUTE:
            return self.seeking | MSR_CMDBUSY | (MSR_DIO if self.to_host() else 0)
        if self.phase == DATA_IN:
            return self.seeking | MSR_RQM | MSR_DIO | MSR_NONDMA | MSR_CMDBUSY
        if self.phase == DATA_OUT:
            return self.seeking | MSR_RQM | MSR_NONDMA | MSR_CMDBUSY
        if self.phase == RESULT:
            return self.seeking | MSR_RQM | MSR_DIO | MSR_CMDBUSY
        return self.seeking | MSR_RQM | (MSR_CMDBUSY if self.command_n else 0)

    # ---- FIFO ----------------------------------------------------------------------------------
    cdef u8 fifo_read(self) noexcept nogil:
        cdef u8 v
        if self.phase == DATA_IN and self.buf_pos < self.buf_len:
            v = self.buf[self.buf_pos & (SECTOR - 1)]
            self.buf_pos += 1
            if self.buf_pos == self.buf_len:
                self.set_interrupt(0)
                self.data_taken()
            return v
        if self.phase == RESULT and self.result_pos < self.result_n:
            if self.result_pos == 0 and self.result_n == 7:     # a transfer's: reading it answers the interrupt
                self.set_interrupt(0)
            v = self.result[self.result_pos & 15]
            self.result_pos += 1
            if self.result_pos == self.result_n:
                self.phase = COMMAND
            return v
        return 0xFF

    cdef void fifo_write(self, u8 v) noexcept nogil:
        if self.phase == DATA_OUT and self.buf_pos < self.buf_len:
            self.buf[self.buf_pos & (SECTOR - 1)] = v
            self.buf_pos += 1
            if self.buf_pos == self.buf_len:
                self.set_interrupt(0)
                self.full = 1
                self.work_in(self.sector_ns())
            return
        if self.phase != COMMAND:
            return
        if self.command_n == 0:
            self.command_len = self.length_of(v)
            if self.command_len == 0:
                self.result[0] = ST0_INVALID
                self.give(1)
                return
        self.command[self.command_n & 15] = v
        self.command_n += 1
        if self.command_n >= self.command_len:
            self.execute()

    cdef u32 length_of(self, u8 v) noexcept nogil:
        """Bytes of the command that begins with v; 0: there is none."""
        cdef u8 op = v & 0x1F
        if op == OP_READ or op == OP_READ_DELETED or op == OP_VERIFY:
            return 9
        if op == OP_SCAN_EQUAL or op == OP_SCAN_LOW or op == OP_SCAN_HIGH:
            return 9
        if not v & OP_SK:
            if op == OP_WRITE or op == OP_WRITE_DELETED:
                return 9
            if not v & OP_MT:
                if op == OP_READ_TRACK:
                    return 9
                if op == OP_FORMAT:
                    return 6
                if op == OP_READ_ID:
                    return 2
        if v == OP_SPECIFY or v == OP_SEEK or v & ~OP_MFM == (OP_SEEK | OP_MT):
            return 3
        if v == OP_SENSE_DRIVE or v == OP_RECALIBRATE or v == OP_PERPENDICULAR:
            return 2
        if v == OP_CONFIGURE:
            return 4
        if v == OP_SENSE_INTERRUPT or v == OP_DUMPREG or v == OP_VERSION or v & ~OP_MT == OP_LOCK:
            return 1
        return 0

    cdef void give(self, u32 n) noexcept nogil:
        """Enter the result phase with n bytes (0: the command is over)."""
        self.result_n = n
        self.result_pos = 0
        self.command_n = 0
        self.phase = RESULT if n else COMMAND

    # ---- commands ------------------------------------------------------------------------------
    cdef void execute(self) noexcept nogil:
        cdef u8 first = self.command[0]
        cdef u32 d = self.command[1] & 3, k
        self.op = first & 0x1F
        if self.op == OP_SPECIFY:
            self.srt_hut = self.command[1]
            self.hlt_nd = self.command[2]
            self.give(0)
        elif self.op == OP_SENSE_DRIVE:
            self.result[0] = <u8>(self.command[1] & 7 | ST3_RDY | ST3_TS)
            if (<FloppyDrive>self.units[d]).fitted and (<FloppyDrive>self.units[d]).position == 0:
                self.result[0] |= ST3_T0
            if (<FloppyDrive>self.units[d]).write_protected():
                self.result[0] |= ST3_WP
            self.give(1)
        elif self.op == OP_SENSE_INTERRUPT:
            self.sense_interrupt()
        elif self.op == OP_RECALIBRATE:
            self.start_seek(d, 0)
        elif self.op == OP_SEEK:
            if not first & OP_MT:
                self.start_seek(d, self.command[2])
            elif first & OP_MFM:            # relative, inwards
                self.start_seek(d, min(<u32>self.pcn[d] + self.command[2], 255))
            else:
                self.start_seek(d, <u32>(self.pcn[d] - self.command[2]) if self.pcn[d] > self.command[2] else 0)
        elif self.op == OP_CONFIGURE:
            self.config = self.command[2] & 0x7F
            self.pretrk = self.command[3]
            self.give(0)
        elif self.op == OP_PERPENDICULAR:
            if self.command[1] & PERP_OW:
                self.perpendicular = self.command[1] & 0x3F
            else:
                self.perpendicular = <u8>(self.perpendicular & 0x3C | self.command[1] & 3)
            self.give(0)
        elif self.op == OP_LOCK:
            self.locked = first >> 7
            self.result[0] = <u8>(self.locked << 4)
            self.give(1)
        elif self.op == OP_VERSION:
            self.result[0] = 0x90
            self.give(1)
        elif self.op == OP_DUMPREG:
            for k in range(4):
                self.result[k] = self.pcn[k]
            self.result[4] = self.srt_hut
            self.result[5] = self.hlt_nd
            self.result[6] = self.last_eot
            self.result[7] = <u8>(self.locked << 7 | self.perpendicular)
            self.result[8] = self.config
            self.result[9] = self.pretrk
            self.give(10)
        else:
            self.polled = 0
            self.set_interrupt(0)
            self.start_transfer()

    cdef void sense_interrupt(self) noexcept nogil:
        cdef u32 k
        self.set_interrupt(0)
        if self.polled and self.clock is not None:
            self.clock.cancel(self.slots[TIMER_RESET])
        for k in range(4):
            if self.polled >> k & 1:
                self.polled &= <u8>~(1 << k)
                self.result[0] = <u8>(ST0_POLLING | k)
                self.result[1] = self.pcn[k]
                self.give(2)
                return
        for k in range(4):
            if self.pending[k]:
                self.result[0] = self.pending[k]
                self.result[1] = self.pcn[k]
                self.pending[k] = 0
                self.seeking &= <u8>~(1 << k)
                self.give(2)
                if self.pending[0] or self.pending[1] or self.pending[2] or self.pending[3]:
                    self.set_interrupt(1)
                return
        self.result[0] = ST0_INVALID
        self.give(1)

    # ---- seeks ---------------------------------------------------------------------------------
    cdef void start_seek(self, u32 d, u32 cylinder) noexcept nogil:
        """Begin a seek; RECALIBRATE is one to track 0 that does not trust the controller's idea of where it is."""
        cdef u32 steps
        self.polled = 0
        self.pending[d] = 0
        self.seeking |= <u8>(1 << d)
        self.target[d] = <u8>cylinder
        if self.op == OP_RECALIBRATE:
            self.homing |= <u8>(1 << d)
            steps = RECALIBRATE_STEPS
            if (<FloppyDrive>self.units[d]).fitted:
                steps = min((<FloppyDrive>self.units[d]).position, steps)
                (<FloppyDrive>self.units[d]).step_out(steps)
        else:
            self.homing &= <u8>~(1 << d)
            steps = cylinder - self.pcn[d] if cylinder > self.pcn[d] else self.pcn[d] - cylinder
            self.step_to(d, cylinder)
        self.give(0)
        if self.clock is not None:
            self.clock.arm(self.slots[d], self.clock.now_ns() + START_NS + steps * self.step_ns())

    cdef void step_to(self, u32 d, u32 cylinder) noexcept nogil:
        """Step pulses from where the controller believes the heads to be; it believes them at `cylinder` then."""
        if (<FloppyDrive>self.units[d]).fitted:
            if cylinder > self.pcn[d]:
                (<FloppyDrive>self.units[d]).step_in(cylinder - self.pcn[d])
            else:
                (<FloppyDrive>self.units[d]).step_out(self.pcn[d] - cylinder)
        self.pcn[d] = <u8>cylinder

    cdef void seek_done(self, u32 d) noexcept nogil:
        cdef u8 st0 = <u8>(ST0_SE | d)
        if self.homing >> d & 1 and not ((<FloppyDrive>self.units[d]).fitted and (<FloppyDrive>self.units[d]).position == 0):
            st0 |= ST0_ABNORMAL | ST0_EC
        self.homing &= <u8>~(1 << d)
        self.pcn[d] = self.target[d]
        self.pending[d] = st0
        self.set_interrupt(1)

    # ---- state ---------------------------------------------------------------------------------
    cdef void state_commands(self, Visitor v):
        for k in range(4):
            (<FloppyDrive>self.units[k]).state(v)
        v.u8(b"dor", &self.dor)
        v.u8(b"tdr", &self.tdr)
        v.u8(b"dsr", &self.dsr)
        v.u8(b"phase", &self.phase)
        v.raw(b"command", &self.command[0], sizeof(self.command))
        v.u32(b"command_n", &self.command_n)
        v.u32(b"command_len", &self.command_len)
        v.raw(b"result", &self.result[0], sizeof(self.result))
        v.u32(b"result_n", &self.result_n)
        v.u32(b"result_pos", &self.result_pos)
        v.raw(b"pcn", &self.pcn[0], 4)
        v.raw(b"target", &self.target[0], 4)
        v.raw(b"pending", &self.pending[0], 4)
        v.u8(b"seeking", &self.seeking)
        v.u8(b"homing", &self.homing)
        v.u8(b"polled", &self.polled)
        v.u8(b"interrupt", &self.interrupt)
        v.u8(b"srt_hut", &self.srt_hut)
        v.u8(b"hlt_nd", &self.hlt_nd)
        v.u8(b"config", &self.config)
        v.u8(b"pretrk", &self.pretrk)
        v.u8(b"perpendicular", &self.perpendicular)
        v.u8(b"locked", &self.locked)
        v.u8(b"last_eot", &self.last_eot)
        v.u8(b"op", &self.op)
        v.u8(b"full", &self.full)
        v.raw(b"buf", &self.buf[0], SECTOR)
        v.u32(b"buf_pos", &self.buf_pos)
        v.u32(b"buf_len", &self.buf_len)
        v.u32(b"irq", &self.irq.level)
        for k in range(6):
            visit_deadline(v, b"timer", self.clock, self.slots[k])
