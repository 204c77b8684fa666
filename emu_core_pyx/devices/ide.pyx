"""AT attachment: task file, PIO and DMA protocols of a drive, and the cable it hangs on; see ide.pxd.

Time: a command takes as long as its drive says, on the virtual clock; data that DMA moves arrives all at once at the end of it.
A channel without drives reads as zeros (QEMU; a real cable floats with DD7 low).  When only the master is there, the slave's
registers but Device read as zeros too.  ATA/ATAPI-6, 9.16.1, wants that of the status and lets the master answer for the
rest; its signature is then seen twice, and Bochs' BIOS waits for a CD drive that is not there.  (QEMU, Bochs: zeros.)
Not emulated: overlap and queueing, cable select, PIO and DMA timings, CRC errors.
Spec: ATA/ATAPI-6 (T13/1410D revision 3b), chapters 5 to 9.
"""
from libc.string cimport memcpy, memset
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.bus.clock cimport Clock
from emu_core_pyx.bus.device cimport Device, Line
from emu_core_pyx.bus.timers cimport visit_deadline
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    CMD_DEVICE_RESET = 0x08
    CMD_DIAGNOSTIC = 0x90
    MARGIN = 8              # bytes a wide read may take behind a block's end


cdef class DmaEngine(Device):
    cdef bint running(self) noexcept nogil:
        return 0

    cdef u32 move(self, u8 *data, u32 n, bint to_memory) noexcept nogil:
        return 0

    cdef void interrupt(self) noexcept nogil:
        pass


cdef void swapped(u8 *to, str text, u32 n):
    """Text as IDENTIFY has it: padded with spaces, the first character in the high byte of a word."""
    cdef bytes raw = text.encode("ascii", "replace")[:n].ljust(n)
    cdef u32 k
    for k in range(n):
        to[k ^ 1] = raw[k]


cdef class AtaDevice(Device):
    def __init__(self, str name):
        self.name = name
        self.buffer = bytearray(BUF_SIZE + MARGIN)
        self.buf = self.buffer
        self.block = SECTOR
        self.ready = ST_DRDY | ST_DSC

    # ---- a drive defines ------------------------------------------------------------------------------------
    cdef void power_on(self) noexcept nogil:
        pass

    cdef void signature(self) noexcept nogil:
        pass

    cdef u64 start(self) noexcept nogil:
        return COMMAND_NS

    cdef void execute(self) noexcept nogil:
        self.fail(ER_ABRT)

    cdef u32 fetch(self, u32 most) noexcept nogil:
        return 0

    cdef u32 consume(self, u32 most) noexcept nogil:
        return 0

    cdef void drained(self) noexcept nogil:
        pass

    cdef void state_drive(self, Visitor v):
        pass

    cdef void set_names(self, str model, str serial):
        swapped(self.model_text, model, 40)
        swapped(self.serial_text, serial, 20)
        swapped(self.revision_text, "1.0", 8)

    # ---- ends -----------------------------------------------------------------------------------------------
    cdef void later(self, u32 after, u64 ns) noexcept nogil:
        """Busy for `ns`."""
        self.after = after
        self.phase = PH_BUSY
        self.status = ST_BSY | self.ready
        self.channel.arm(self.unit, ns)

    cdef void raise_irq(self) noexcept nogil:
        self.intrq = 1
        self.channel.update_irq()

    cdef void complete(self) noexcept nogil:
        self.phase = PH_IDLE
        self.status = self.ready
        self.error = 0
        self.raise_irq()

    cdef void fail(self, u8 error) noexcept nogil:
        self.phase = PH_IDLE
        self.status = self.ready | ST_ERR
        self.error = error
        self.raise_irq()

    # ---- commands -------------------------------------------------------------------------------------------
    cdef void issue(self, u8 command) noexcept nogil:
        """The host wrote the command register."""
        if self.asleep:
            return
        if self.packet and command == CMD_DEVICE_RESET:
            self.soft_reset()
            self.command = command
            self.later(AFTER_RESET, RESET_NS)
            return
        self.intrq = 0
        self.command = command
        self.pos = self.len = 0
        self.left = 0
        self.error = 0
        self.later(AFTER_EXECUTE, self.start())

    cdef void soft_reset(self) noexcept nogil:
        """What SRST, DEVICE RESET and EXECUTE DEVICE DIAGNOSTIC leave; features set by the host stay."""
        self.channel.disarm(self.unit)
        self.phase = PH_IDLE
        self.asleep = 0
        self.intrq = 0
        self.pos = self.len = 0
        self.left = 0
        self.hob_feature = self.hob_nsector = self.hob_lbal = self.hob_lbam = self.hob_lbah = 0
        self.error = 0x01           # diagnostic code: no fault
        self.signature()

    cdef void time_over(self) noexcept nogil:
        """The time given to `later` is over."""
        cdef u32 n
        if self.phase != PH_BUSY:
            return
        if self.after == AFTER_EXECUTE:
            self.execute()
        elif self.after == AFTER_IN:
            self.next_in(1)
        elif self.after == AFTER_OUT:
            n = self.consume(self.block)
            if n:
                self.next_out(n, 1)
        elif self.after == AFTER_DMA:
            self.pump()
        else:
            self.soft_reset()
            if self.command == CMD_DIAGNOSTIC:
                self.command = 0
                if self.unit == 0:
                    self.raise_irq()

    # ---- task file ------------------------------------------------------------------------------------------
    cdef u32 reg(self, u32 off, bint hob) noexcept nogil:
        """Registers 1-5; with `hob` what was in them before the last write."""
        if off == 1:
            return self.hob_feature if hob else self.error
        if off == 2:
            return self.hob_nsector if hob else self.nsector
        if off == 3:
            return self.hob_lbal if hob else self.lbal
        if off == 4:
            return self.hob_lbam if hob else self.lbam
        return self.hob_lbah if hob else self.lbah

    cdef void latch(self, u32 off, u8 v) noexcept nogil:
        """Registers 1-6."""
        if off == 1:
            self.hob_feature = self.feature
            self.feature = v
        elif off == 2:
            self.hob_nsector = self.nsector
            self.nsector = v
        elif off == 3:
            self.hob_lbal = self.lbal
            self.lbal = v
        elif off == 4:
            self.hob_lbam = self.lbam
            self.lbam = v
        elif off == 5:
            self.hob_lbah = self.lbah
            self.lbah = v
        else:
            self.device = v

    # ---- PIO ------------------------------------------------------------------------------------------------
    cdef void next_in(self, bint irq) noexcept nogil:
        """Offer the host a block, if the drive has one more."""
        cdef u32 n = self.fetch(self.block)
        if n == 0:
            return
        self.pos = 0
        self.len = n
        memset(self.buf + n, 0, MARGIN)
        self.phase = PH_IN
        self.status = self.ready | ST_DRQ
        if irq:
            self.raise_irq()

    cdef void next_out(self, u32 n, bint irq) noexcept nogil:
        """Ask the host for a block of `n` bytes."""
        self.pos = 0
        self.len = n
        self.phase = PH_OUT
        self.status = self.ready | ST_DRQ
        if irq:
            self.raise_irq()

    cdef u32 data_read(self, u32 size) noexcept nogil:
        """8 bits: the low half of a word."""
        cdef u32 v
        if self.phase != PH_IN:
            return 0
        if size == 4:
            v = (<u32 *>(self.buf + self.pos))[0]
            self.pos += 4
        else:
            v = (<u16 *>(self.buf + self.pos))[0]
            self.pos += 2
        if self.pos >= self.len:        # a wide access may reach behind the end
            self.pos = self.len
            self.phase = PH_IDLE
            self.drained()
        return v

    cdef void data_write(self, u32 size, u32 value) noexcept nogil:
        if self.phase != PH_OUT:
            return
        if size == 4:
            (<u32 *>(self.buf + self.pos))[0] = value
            self.pos += 4
        else:
            (<u16 *>(self.buf + self.pos))[0] = <u16>value
            self.pos += 2
        if self.pos >= self.len:
            self.pos = self.len
            self.later(AFTER_OUT, BLOCK_NS)

    cdef u32 bulk(self, u32 size, u8 *data, u32 n, bint out) noexcept nogil:
        """Elements moved at once: never a block's last, which has consequences."""
        cdef u32 have
        if size < 2 or self.phase != (PH_OUT if out else PH_IN):
            return 0
        have = (self.len - self.pos) / size
        if have < 2:
            return 0
        n = min(n, have - 1)
        if out:
            memcpy(self.buf + self.pos, data, n * size)
        else:
            memcpy(data, self.buf + self.pos, n * size)
        self.pos += n * size
        return n

    # ---- DMA ------------------------------------------------------------------------------------------------
    cdef void begin_dma(self, bint out) noexcept nogil:
        self.dma_out = out
        self.pos = self.len = 0
        if out:
            self.len = <u32>min(self.left, <u64>BUF_SIZE)
        self.phase = PH_DMA
        self.status = self.ready | ST_DRQ
        self.kick()

    cdef void kick(self) noexcept nogil:
        """Start moving if the host's engine runs too."""
        if self.phase == PH_DMA and self.channel.engine is not None and self.channel.engine.running():
            self.later(AFTER_DMA, 1000 + (self.left >> 10) * self.ns_per_kib)

    cdef void pump(self) noexcept nogil:
        """Move all that can be moved."""
        while 1:
            if self.pos < self.len:
                self.pos += self.channel.engine.move(self.buf + self.pos, self.len - self.pos, not self.dma_out)
                if self.pos < self.len:         # out of descriptors, or stopped: wait for the next start
                    self.phase = PH_DMA
                    self.status = self.ready | ST_DRQ
                    return
            self.pos = 0
            self.len = self.consume(BUF_SIZE) if self.dma_out else self.fetch(BUF_SIZE)
            if self.len == 0:
                return

    # ---- life -----------------------------------------------------------------------------------------------
    cpdef void reset(self):
        self.asleep = 0
        self.after = self.command = 0
        self.dma_out = 0
        self.device = 0
        self.feature = 0
        memset(self.buf, 0, BUF_SIZE + MARGIN)
        self.power_on()
        self.soft_reset()
        self.status = self.ready

    cdef void state(self, Visitor v):
        cdef bytes data
        v.raw(b"task_file", &self.feature, 5)
        v.raw(b"hob", &self.hob_feature, 5)
        v.u8(b"device", &self.device)
        v.u8(b"error", &self.error)
        v.u8(b"status", &self.status)
        v.u8(b"command", &self.command)
        v.u8(b"intrq", &self.intrq)
        v.u8(b"asleep", &self.asleep)
        v.u8(b"dma_out", &self.dma_out)
        v.u32(b"phase", &self.phase)
        v.u32(b"after", &self.after)
        v.u32(b"block", &self.block)
        v.u64(b"left", &self.left)
        v.u32(b"pos", &self.pos)
        v.u32(b"len", &self.len)
        if v.loading:
            self.len = min(self.len, <u32>BUF_SIZE)
            self.pos = min(self.pos, self.len)
        data = v.blob(b"buffer", bytes(self.buffer[:self.len]))
        if v.loading:
            self.buffer[:min(len(data), BUF_SIZE)] = data[:BUF_SIZE]
        self.state_drive(v)

    @property
    def busy(self):
        """Is a command in execution?"""
        return self.phase != PH_IDLE


cdef class IdeChannel(Device):
    def __init__(self, str name="ide"):
        self.name = name
        self.irq = Line()

    def attach(self, Clock clock):
        """The board gives the clock."""
        self.clock = clock
        for unit in range(2):
            self.timers[unit] = clock.timer(self, unit)

    def connect(self, u32 unit, AtaDevice drive):
        """Hang a drive on the cable; None takes it off."""
        if unit:
            self.slave = drive
        else:
            self.master = drive
        if drive is not None:
            drive.channel = self
            drive.unit = unit
            drive.clock = self.clock
            drive.reset()

    cdef void *active(self) noexcept nogil:
        if self.select & DEV_DEV:
            return <void *>self.slave if self.slave is not None else NULL
        return <void *>self.master if self.master is not None else NULL

    # ---- wires ----------------------------------------------------------------------------------------------
    cdef void update_irq(self) noexcept nogil:
        """Only the selected drive drives INTRQ."""
        cdef void *d = self.active()
        cdef u32 level = d != NULL and (<AtaDevice>d).intrq and not self.control & CTL_NIEN
        if level and not self.irq.level and self.engine is not None:
            self.engine.interrupt()
        self.irq.set(level)

    cdef void arm(self, u32 unit, u64 ns) noexcept nogil:
        if self.clock is not None:
            self.clock.arm(self.timers[unit], self.clock.now_ns() + ns)

    cdef void disarm(self, u32 unit) noexcept nogil:
        if self.clock is not None:
            self.clock.cancel(self.timers[unit])

    cdef void on_timer(self, u32 timer, u64 now) noexcept nogil:
        if timer and self.slave is not None:
            self.slave.time_over()
        elif not timer and self.master is not None:
            self.master.time_over()

    cdef void engine_started(self) noexcept nogil:
        cdef void *d = self.active()
        if d != NULL:
            (<AtaDevice>d).kick()

    # ---- registers ------------------------------------------------------------------------------------------
    cdef u32 register_read(self, u32 off) noexcept nogil:
        """Command block registers 1-7."""
        cdef void *p = self.active()
        if p == NULL:
            if self.master is None or off != 6:
                return 0
            p = <void *>self.master
        if off == 6:
            return self.select & 0xF0 | (<AtaDevice>p).device & 0x0F | 0xA0
        if off == 7:
            (<AtaDevice>p).intrq = 0
            self.update_irq()
            return (<AtaDevice>p).status
        return (<AtaDevice>p).reg(off, self.control & CTL_HOB)

    cdef void register_write(self, u32 off, u8 v) noexcept nogil:
        """Registers are not to be written while the selected drive is busy or has data; such writes do nothing."""
        cdef void *p = self.active()
        cdef bint held = p != NULL and (<AtaDevice>p).status & (ST_BSY | ST_DRQ) != 0
        self.control &= <u8>~CTL_HOB
        if off == 7:
            self.command_write(v, held)
            return
        if held:
            return
        if self.master is not None:     # both drives on a cable hear what is written
            self.master.latch(off, v)
        if self.slave is not None:
            self.slave.latch(off, v)
        if off == 6:
            self.select = v
            self.update_irq()

    cdef void command_write(self, u8 v, bint held) noexcept nogil:
        cdef void *p = self.active()
        if v == CMD_DIAGNOSTIC and not held:
            self.select = 0
            self.reset_both(CMD_DIAGNOSTIC)
        elif p != NULL and (not held or v == CMD_DEVICE_RESET and (<AtaDevice>p).packet):
            (<AtaDevice>p).issue(v)
        self.update_irq()

    cdef void reset_both(self, u8 command) noexcept nogil:
        if self.master is not None:
            self.master.soft_reset()
            self.master.command = command
            self.master.later(AFTER_RESET, RESET_NS)
        if self.slave is not None:
            self.slave.soft_reset()
            self.slave.command = command
            self.slave.later(AFTER_RESET, RESET_NS)

    cdef void control_write(self, u8 v) noexcept nogil:
        cdef u8 changed = self.control ^ v
        self.control = v & (CTL_NIEN | CTL_SRST | CTL_HOB)
        if changed & CTL_SRST:
            self.select = 0
            self.reset_both(0)
            if v & CTL_SRST:            # held in reset: busy until the bit falls
                self.disarm(0)
                self.disarm(1)
        self.update_irq()

    cdef u32 io_read(self, u32 region, u32 off, u32 size) noexcept nogil:
        cdef void *p = self.active()
        cdef u32 v = 0, k
        if region == 1 and off == 0:
            if p == NULL:
                return 0 if size == 1 else <u32>0xFFFFFF00
            return (<AtaDevice>p).status | <u32>0xFFFFFF00
        if region or off > 7:
            return <u32>0xFFFFFFFF
        if off == 0:
            return (<AtaDevice>p).data_read(size) if p != NULL else 0
        for k in range(size):
            v |= (self.register_read(off + k) if off + k < 8 else 0xFF) << 8 * k
        return v

    cdef void io_write(self, u32 region, u32 off, u32 size, u32 value) noexcept nogil:
        cdef void *p = self.active()
        cdef u32 k
        if region == 1:
            if off == 0:
                self.control_write(<u8>value)
            return
        if region or off > 7:
            return
        if off == 0:
            if p != NULL:
                (<AtaDevice>p).data_write(size, value)
            return
        for k in range(size):
            if off + k < 8:
                self.register_write(off + k, <u8>(value >> 8 * k))

    cdef u32 bulk(self, u32 size, u8 *data, u32 n, bint out) noexcept nogil:
        cdef void *p = self.active()
        return (<AtaDevice>p).bulk(size, data, n, out) if p != NULL else 0

    # ---- life -----------------------------------------------------------------------------------------------
    cpdef void reset(self):
        self.select = self.control = 0
        for drive in (self.master, self.slave):
            if drive is not None:
                (<AtaDevice>drive).reset()
        self.irq.set(0)

    cdef void state(self, Visitor v):
        cdef u32 level = self.irq.level
        v.u8(b"select", &self.select)
        v.u8(b"control", &self.control)
        v.u32(b"irq", &level)
        self.irq.level = level
        for unit, drive in enumerate((self.master, self.slave)):
            if drive is not None:
                v.begin(drive.name)
                (<AtaDevice>drive).state(v)
            visit_deadline(v, b"slave_deadline" if unit else b"master_deadline", self.clock, self.timers[unit])
