"""ATA hard disk: the commands of a drive with 28- and 48-bit addresses, CHS translation, SMART and power management.

Every sector transfer is one of: READ/WRITE SECTOR(S), MULTIPLE, DMA, VERIFY, each as CHS, LBA28 or LBA48 (EXT).
An error of the medium ends a read with UNC and a write with ABRT, the task file naming the first bad sector; what came before
it has been moved.  A write to a read-only medium is aborted.
Not emulated: security, host protected area changes, media card and CFA features, queued commands, automatic standby (the timers
are accepted), streaming and logs beyond SMART's.
Spec: ATA/ATAPI-6 (T13/1410D revision 3b), chapter 8; SMART attributes as drives of the time have them.
"""
from libc.string cimport memcpy, memset
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.bus.medium cimport Medium
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.devices.ide cimport (
    AFTER_IN, AtaDevice, BLOCK_NS, BUF_SIZE, COMMAND_NS, DEV_LBA, ER_ABRT, ER_IDNF, ER_UNC, PH_IDLE, SECTOR,
)

cdef enum:
    READ_SECTORS = 0x20
    READ_SECTORS_NORETRY = 0x21
    READ_EXT = 0x24
    READ_DMA_EXT = 0x25
    READ_NATIVE_MAX_EXT = 0x27
    READ_MULTIPLE_EXT = 0x29
    WRITE_SECTORS = 0x30
    WRITE_SECTORS_NORETRY = 0x31
    WRITE_EXT = 0x34
    WRITE_DMA_EXT = 0x35
    WRITE_MULTIPLE_EXT = 0x39
    WRITE_VERIFY = 0x3C
    VERIFY = 0x40
    VERIFY_NORETRY = 0x41
    VERIFY_EXT = 0x42
    SEEK = 0x70
    SET_GEOMETRY = 0x91
    SMART = 0xB0
    READ_MULTIPLE = 0xC4
    WRITE_MULTIPLE = 0xC5
    SET_MULTIPLE = 0xC6
    READ_DMA = 0xC8
    READ_DMA_NORETRY = 0xC9
    WRITE_DMA = 0xCA
    WRITE_DMA_NORETRY = 0xCB
    STANDBY_IMMEDIATE = 0xE0
    IDLE_IMMEDIATE = 0xE1
    STANDBY = 0xE2
    IDLE = 0xE3
    READ_BUFFER = 0xE4
    CHECK_POWER = 0xE5
    SLEEP = 0xE6
    FLUSH_CACHE = 0xE7
    WRITE_BUFFER = 0xE8
    FLUSH_CACHE_EXT = 0xEA
    IDENTIFY = 0xEC
    SET_FEATURES = 0xEF
    READ_NATIVE_MAX = 0xF8

cdef enum:              # what kind of transfer a command is
    T_NONE = 0
    T_READ = 1
    T_WRITE = 2
    T_VERIFY = 3
    T_MULTIPLE = 0x10
    T_DMA = 0x20
    T_EXT = 0x40
    T_KIND = 0x0F

cdef enum:
    MAX_MULTIPLE = 16
    ACCESS_NS = 20000   # first sector of a command
    NS_PER_KIB = 5120   # 200 MB/s
    ACTIVE = 0xFF       # CHECK POWER MODE
    IDLING = 0x80
    STANDING_BY = 0x00
    SMART_MID = 0x4F
    SMART_HIGH = 0xC2


cdef u32 transfer_kind(u8 command) noexcept nogil:
    """T_* bits of a command; T_NONE: it moves no sectors."""
    if command == READ_SECTORS or command == READ_SECTORS_NORETRY:
        return T_READ
    if command == READ_EXT:
        return T_READ | T_EXT
    if command == READ_DMA or command == READ_DMA_NORETRY:
        return T_READ | T_DMA
    if command == READ_DMA_EXT:
        return T_READ | T_DMA | T_EXT
    if command == READ_MULTIPLE:
        return T_READ | T_MULTIPLE
    if command == READ_MULTIPLE_EXT:
        return T_READ | T_MULTIPLE | T_EXT
    if command == WRITE_SECTORS or command == WRITE_SECTORS_NORETRY or command == WRITE_VERIFY:
        return T_WRITE
    if command == WRITE_EXT:
        return T_WRITE | T_EXT
    if command == WRITE_DMA or command == WRITE_DMA_NORETRY:
        return T_WRITE | T_DMA
    if command == WRITE_DMA_EXT:
        return T_WRITE | T_DMA | T_EXT
    if command == WRITE_MULTIPLE:
        return T_WRITE | T_MULTIPLE
    if command == WRITE_MULTIPLE_EXT:
        return T_WRITE | T_MULTIPLE | T_EXT
    if command == VERIFY or command == VERIFY_NORETRY:
        return T_VERIFY
    if command == VERIFY_EXT:
        return T_VERIFY | T_EXT
    return T_NONE


cdef class AtaDisk(AtaDevice):
    """A hard disk over a medium."""
    cdef readonly u64 sectors       # capacity
    cdef u32 heads                  # translation in use; 0: the host set an impossible one
    cdef u32 spt
    cdef u32 multiple               # sectors of a READ MULTIPLE block, 0: not set
    cdef u64 lba                    # next sector of the command
    cdef u8 mode                    # transfer mode set by SET FEATURES
    cdef u8 write_cache
    cdef u8 look_ahead
    cdef u8 smart
    cdef u8 smart_autosave
    cdef u8 power
    cdef u8 scratch[SECTOR]         # WRITE BUFFER

    def __init__(self, str name, Medium medium not None, str model="EMU HARDDISK", str serial=""):
        super().__init__(name)
        self.medium = medium
        self.sectors = medium.size // SECTOR
        if not 0 < self.sectors < <u64>1 << 48:
            raise ValueError(f"{name}: a disk of {medium.size} bytes is impossible")
        self.set_names(model, serial)
        self.ns_per_kib = NS_PER_KIB

    cdef void power_on(self) noexcept nogil:
        self.default_geometry()
        self.multiple = 0
        self.mode = 0x08                # PIO default
        self.write_cache = self.look_ahead = 1
        self.smart = self.smart_autosave = 1
        self.power = ACTIVE
        self.lba = 0
        memset(self.scratch, 0, SECTOR)

    cdef void default_geometry(self) noexcept nogil:
        self.heads = 16
        self.spt = 63

    cdef void signature(self) noexcept nogil:
        self.nsector = self.lbal = 1
        self.lbam = self.lbah = 0
        self.device = 0
        self.status = self.ready

    # ---- addresses ------------------------------------------------------------------------------------------
    cdef u32 cylinders(self, u32 heads, u32 spt) noexcept nogil:
        """As many as are addressable by CHS, at most 16383 of the default translation (65535 of others)."""
        cdef u64 c = max(<u64>1, self.sectors / (heads * spt)) if heads and spt else 0
        cdef u64 most = 16383 if heads == 16 and spt == 63 else 65535
        return <u32>(c if c < most else most)

    cdef bint decode(self, u32 kind) noexcept nogil:
        """Read `lba` and `left` from the task file; 0: there is no such sector."""
        cdef u64 n, first
        cdef u32 cylinder, head
        if kind & T_EXT:
            n = <u32>self.hob_nsector << 8 | self.nsector
            n = n if n else 65536
            first = (<u64>self.hob_lbah << 40 | <u64>self.hob_lbam << 32 | <u64>self.hob_lbal << 24
                     | <u32>self.lbah << 16 | <u32>self.lbam << 8 | self.lbal)
        else:
            n = self.nsector if self.nsector else 256
            if self.device & DEV_LBA:
                first = <u32>(self.device & 0x0F) << 24 | <u32>self.lbah << 16 | <u32>self.lbam << 8 | self.lbal
            else:
                cylinder = <u32>self.lbah << 8 | self.lbam
                head = self.device & 0x0F
                if self.lbal == 0 or self.lbal > self.spt or head >= self.heads \
                        or cylinder >= self.cylinders(self.heads, self.spt):
                    return 0
                first = (<u64>cylinder * self.heads + head) * self.spt + self.lbal - 1
        if first >= self.sectors or n > self.sectors - first:
            return 0
        self.lba = first
        self.left = n * SECTOR
        return 1

    cdef void show(self, u64 lba) noexcept nogil:
        """Put the address of a sector, and how many were left from it on, into the task file."""
        cdef u32 kind = transfer_kind(self.command)
        cdef u32 n = <u32>(self.left / SECTOR)
        cdef u64 track
        self.nsector = <u8>n
        if kind & T_EXT:
            self.hob_nsector = <u8>(n >> 8)
            self.hob_lbal = <u8>(lba >> 24)
            self.hob_lbam = <u8>(lba >> 32)
            self.hob_lbah = <u8>(lba >> 40)
        elif self.device & DEV_LBA:
            self.device = <u8>(self.device & 0xF0 | lba >> 24 & 0x0F)
        elif self.heads and self.spt:
            track = lba / self.spt
            self.lbal = <u8>(lba % self.spt + 1)
            self.lbam = <u8>(track / self.heads)
            self.lbah = <u8>(track / self.heads >> 8)
            self.device = <u8>(self.device & 0xF0 | track % self.heads)
            return
        self.lbal = <u8>lba
        self.lbam = <u8>(lba >> 8)
        self.lbah = <u8>(lba >> 16)

    cdef void bad_sector(self, u8 error) noexcept nogil:
        self.show(self.lba)
        self.fail(error)

    cdef void done(self) noexcept nogil:
        """The last sector has been moved."""
        self.show(self.lba - 1)

    # ---- commands -------------------------------------------------------------------------------------------
    cdef u64 start(self) noexcept nogil:
        cdef u32 kind = transfer_kind(self.command)
        if kind == T_NONE:
            return COMMAND_NS
        self.power = ACTIVE
        if kind & T_KIND == T_WRITE and not kind & T_DMA:
            return BLOCK_NS             # data is asked for at once
        return ACCESS_NS

    cdef void execute(self) noexcept nogil:
        cdef u32 kind = transfer_kind(self.command)
        if kind != T_NONE:
            self.transfer(kind)
        elif self.command & 0xF0 == 0x10 or self.command & 0xF0 == SEEK:
            self.seek()
        elif self.command == IDENTIFY:
            self.identify()
            self.left = 0
            self.hand_over()
        elif self.command == SET_GEOMETRY:
            self.set_geometry()
        elif self.command == SET_MULTIPLE:
            self.set_multiple()
        elif self.command == SET_FEATURES:
            self.set_features()
        elif self.command == FLUSH_CACHE or self.command == FLUSH_CACHE_EXT:
            self.flush()
        elif self.command == SMART:
            self.do_smart()
        elif self.command == READ_NATIVE_MAX or self.command == READ_NATIVE_MAX_EXT:
            self.native_max()
        elif self.command == READ_BUFFER:
            memcpy(self.buf, self.scratch, SECTOR)
            self.hand_over()
        elif self.command == WRITE_BUFFER:
            self.next_out(SECTOR, 0)
        else:
            self.power_command()

    cdef void hand_over(self) noexcept nogil:
        """PIO of the one sector in buf."""
        self.left = SECTOR
        self.next_in(1)

    cdef void transfer(self, u32 kind) noexcept nogil:
        if kind & T_MULTIPLE and not self.multiple:
            self.fail(ER_ABRT)
            return
        if not self.decode(kind):
            self.fail(ER_IDNF)
            return
        self.block = SECTOR * (self.multiple if kind & T_MULTIPLE else 1)
        if kind & T_KIND == T_WRITE and self.medium.readonly:
            self.fail(ER_ABRT)
        elif kind & T_KIND == T_VERIFY:
            while self.left:
                if self.fetch(BUF_SIZE) == 0:
                    return              # failed
            self.done()
            self.complete()
        elif kind & T_DMA:
            self.begin_dma(kind & T_KIND == T_WRITE)
        elif kind & T_KIND == T_READ:
            self.next_in(1)
        else:
            self.next_out(<u32>min(<u64>self.block, self.left), 0)

    cdef void seek(self) noexcept nogil:
        """RECALIBRATE (10h-1Fh) and SEEK (70h-7Fh)."""
        if self.command & 0xF0 == SEEK:
            self.nsector = 1
            if not self.decode(0):
                self.fail(ER_IDNF)
                return
            self.left = 0
        self.complete()

    cdef void set_geometry(self) noexcept nogil:
        """INITIALIZE DEVICE PARAMETERS."""
        cdef u32 heads = (self.device & 0x0F) + 1, spt = self.nsector
        if spt == 0:
            self.fail(ER_ABRT)
            return
        self.heads = heads
        self.spt = spt
        self.complete()

    cdef void set_multiple(self) noexcept nogil:
        cdef u32 n = self.nsector
        if n > MAX_MULTIPLE or n & (n - 1):
            self.multiple = 0
            self.fail(ER_ABRT)
            return
        self.multiple = n
        self.complete()

    cdef void set_features(self) noexcept nogil:
        cdef u32 f = self.feature, m = self.nsector
        if f == 0x02:
            self.write_cache = 1
        elif f == 0x82:
            self.write_cache = 0
            if self.medium.flush():
                self.fail(ER_ABRT)
                return
        elif f == 0xAA:
            self.look_ahead = 1
        elif f == 0x55:
            self.look_ahead = 0
        elif f == 0x03:                 # transfer mode: PIO default, PIO 0-4, multiword DMA 0-2, UDMA 0-5
            if m > 1 and not 0x08 <= m <= 0x0C and not 0x20 <= m <= 0x22 and not 0x40 <= m <= 0x45:
                self.fail(ER_ABRT)
                return
            self.mode = <u8>m
        elif f != 0x66 and f != 0xCC:   # keep or revert to defaults after a software reset
            self.fail(ER_ABRT)
            return
        self.complete()

    cdef void flush(self) noexcept nogil:
        if self.medium.flush():
            self.fail(ER_ABRT)
        else:
            self.complete()

    cdef void native_max(self) noexcept nogil:
        """READ NATIVE MAX ADDRESS [EXT]; the first is defined for LBA only."""
        cdef u64 last = self.sectors - 1
        if self.command == READ_NATIVE_MAX:
            if not self.device & DEV_LBA:
                self.fail(ER_ABRT)
                return
            last = min(last, <u64>0x0FFFFFFF)
            self.device = <u8>(self.device & 0xF0 | last >> 24)
        self.lbal = <u8>last
        self.lbam = <u8>(last >> 8)
        self.lbah = <u8>(last >> 16)
        if self.command == READ_NATIVE_MAX_EXT:
            self.hob_lbal = <u8>(last >> 24)
            self.hob_lbam = <u8>(last >> 32)
            self.hob_lbah = <u8>(last >> 40)
        self.complete()

    cdef void power_command(self) noexcept nogil:
        """Power management, with its codes of ATA-1 too; everything else is not a command of ours."""
        cdef u8 c = self.command
        if 0x94 <= c <= 0x99:
            c = <u8>(STANDBY_IMMEDIATE + c - 0x94 if c < 0x98 else CHECK_POWER + c - 0x98)
        if c == STANDBY_IMMEDIATE or c == STANDBY or c == SLEEP:
            if self.medium.flush():
                self.fail(ER_ABRT)
                return
            self.power = STANDING_BY
            self.asleep = c == SLEEP
        elif c == IDLE_IMMEDIATE or c == IDLE:
            self.power = IDLING
        elif c == CHECK_POWER:
            self.nsector = self.power
        else:
            self.fail(ER_ABRT)
            return
        self.complete()

    # ---- data -----------------------------------------------------------------------------------------------
    cdef u32 fetch(self, u32 most) noexcept nogil:
        cdef u32 n = <u32>min(<u64>most, self.left)
        cdef u32 k
        if n == 0:                      # DMA has moved it all
            self.done()
            self.complete()
            return 0
        if transfer_kind(self.command) == T_NONE:
            self.left = 0               # is in buf already
            return n
        if self.medium.read(self.lba * SECTOR, self.buf, n):
            k = 0                       # sector by sector up to the bad one
            while k < n and self.medium.read((self.lba + k / SECTOR) * SECTOR, self.buf + k, SECTOR) == 0:
                k += SECTOR
            n = k
            if n == 0:
                self.bad_sector(ER_UNC)
                return 0
        self.lba += n / SECTOR
        self.left -= n
        return n

    cdef void drained(self) noexcept nogil:
        if self.left:
            self.later(AFTER_IN, BLOCK_NS)
            return
        if transfer_kind(self.command) != T_NONE:
            self.done()
        self.phase = PH_IDLE
        self.status = self.ready

    cdef u32 consume(self, u32 most) noexcept nogil:
        cdef u32 n = self.len, k
        if transfer_kind(self.command) == T_NONE:       # WRITE BUFFER
            memcpy(self.scratch, self.buf, SECTOR)
            self.complete()
            return 0
        if self.medium.write(self.lba * SECTOR, self.buf, n):
            k = 0
            while k < n and self.medium.write((self.lba + k / SECTOR) * SECTOR, self.buf + k, SECTOR) == 0:
                k += SECTOR
            self.lba += k / SECTOR
            self.left -= k
            if k < n:
                self.bad_sector(ER_ABRT)
                return 0
        else:
            self.lba += n / SECTOR
            self.left -= n
        if self.left:
            return <u32>min(<u64>most, self.left)
        self.done()
        if not self.write_cache and self.medium.flush():
            self.bad_sector(ER_ABRT)
        else:
            self.complete()
        return 0

    # ---- SMART ----------------------------------------------------------------------------------------------
    cdef void checksum(self) noexcept nogil:
        """Last byte of a data structure: the sum of all is zero."""
        cdef u32 k
        cdef u8 total = 0
        for k in range(SECTOR - 1):
            total += self.buf[k]
        self.buf[SECTOR - 1] = <u8>(0 - total)

    cdef void do_smart(self) noexcept nogil:
        cdef u32 f = self.feature
        if self.lbam != SMART_MID or self.lbah != SMART_HIGH or not self.smart and f != 0xD8:
            self.fail(ER_ABRT)
        elif f == 0xD0 or f == 0xD1:
            self.smart_data(f == 0xD1)
            self.hand_over()
        elif f == 0xD2:
            if self.nsector == 0 or self.nsector == 0xF1:
                self.smart_autosave = self.nsector != 0
                self.complete()
            else:
                self.fail(ER_ABRT)
        elif f == 0xD3 or f == 0xDA:    # save attributes; return status: task file unchanged says healthy
            self.complete()
        elif f == 0xD4:                 # off-line routines and self-tests: done at once, without error
            if self.lbal <= 2 or self.lbal == 0x7F or 0x81 <= self.lbal <= 0x82:
                self.complete()
            else:
                self.fail(ER_ABRT)
        elif f == 0xD5 and self.lbal <= 6 and self.nsector == 1:
            self.smart_log()
            self.hand_over()
        elif f == 0xD8 or f == 0xD9:
            self.smart = f == 0xD8
            self.complete()
        else:
            self.fail(ER_ABRT)

    cdef void smart_data(self, bint thresholds) noexcept nogil:
        """Attributes: raw read errors, spin-up time, starts, reallocated sectors, hours, power cycles, temperature, pending."""
        cdef u8 *ids = [1, 3, 4, 5, 9, 12, 194, 197]
        cdef u8 *limits = [6, 0, 20, 36, 0, 20, 0, 0]
        cdef u8 *raw = [0, 16, 1, 0, 1, 1, 31, 0]
        cdef u32 k
        cdef u8 *row
        memset(self.buf, 0, SECTOR)
        self.buf[0] = 1 if thresholds else 16
        for k in range(8):
            row = self.buf + 2 + 12 * k
            row[0] = ids[k]
            if thresholds:
                row[1] = limits[k]
                continue
            row[1] = 3                  # pre-failure, updated online
            row[3] = row[4] = 69 if ids[k] == 194 else 100
            row[5] = raw[k]
        if not thresholds:
            self.buf[362] = 0x02 if self.smart_autosave else 0      # off-line collection was completed
            self.buf[364] = 1           # seconds it takes
            self.buf[367] = 0x19        # capabilities: off-line, self-test
            self.buf[368] = 0x03        # saves attributes, autosave
            self.buf[370] = 0x01        # error log
            self.buf[372] = self.buf[373] = 1       # minutes of self-tests
        self.checksum()

    cdef void smart_log(self) noexcept nogil:
        """Log directory, empty error and self-test logs."""
        memset(self.buf, 0, SECTOR)
        self.buf[0] = 1
        if self.lbal == 0:
            self.buf[2] = self.buf[12] = 1          # logs 1 and 6: one sector each
        else:
            self.checksum()

    # ---- IDENTIFY DEVICE ------------------------------------------------------------------------------------
    cdef void word(self, u32 n, u32 v) noexcept nogil:
        (<u16 *>self.buf)[n] = <u16>v

    cdef void identify(self) noexcept nogil:
        cdef u64 n
        cdef u32 c = self.cylinders(16, 63), now = self.cylinders(self.heads, self.spt)
        memset(self.buf, 0, SECTOR)
        self.word(0, 0x0040)            # fixed device
        self.word(1, c)
        self.word(3, 16)
        self.word(6, 63)
        memcpy(self.buf + 20, self.serial_text, 20)
        memcpy(self.buf + 46, self.revision_text, 8)
        memcpy(self.buf + 54, self.model_text, 40)
        self.word(47, 0x8000 | MAX_MULTIPLE)
        self.word(48, 1)                # 32-bit data port
        self.word(49, 0x2F00)           # standby timers, IORDY, LBA, DMA
        self.word(50, 0x4000)
        self.word(51, 0x0200)
        self.word(53, 0x0007)
        self.word(54, now)
        self.word(55, self.heads)
        self.word(56, self.spt)
        n = <u64>now * self.heads * self.spt
        self.word(57, <u32>n)
        self.word(58, <u32>(n >> 16))
        self.word(59, 0x0100 | self.multiple if self.multiple else 0)
        n = min(self.sectors, <u64>0x0FFFFFFF)
        self.word(60, <u32>n)
        self.word(61, <u32>(n >> 16))
        self.word(63, 0x07 | (0x100 << (self.mode & 7) if self.mode & 0xF8 == 0x20 else 0))
        self.word(64, 0x03)             # PIO 3, 4
        for n in range(65, 69):
            self.word(<u32>n, 120)      # cycle times, ns
        self.word(80, 0x007E)           # ATA-1 to ATA/ATAPI-6
        self.word(81, 0x0019)           # T13/1410D revision 3a
        self.word(82, 0x7069)           # SMART, power, write cache, look-ahead, NOP, READ and WRITE BUFFER
        self.word(83, 0x7400)           # FLUSH CACHE, FLUSH CACHE EXT, 48-bit
        self.word(84, 0x4003)           # SMART error log and self-test
        self.word(85, 0x7008 | self.smart | self.write_cache << 5 | self.look_ahead << 6)
        self.word(86, 0x3400)
        self.word(87, 0x4003)
        self.word(88, 0x3F | (0x100 << (self.mode & 7) if self.mode & 0xF8 == 0x40 else 0))
        self.word(93, 0x600B if self.unit == 0 else 0x6B00)     # 80-conductor cable, diagnostics passed
        for n in range(4):
            self.word(100 + <u32>n, <u32>(self.sectors >> 16 * n))
        self.buf[510] = 0xA5
        self.checksum()

    # ---- state ----------------------------------------------------------------------------------------------
    cdef void state_drive(self, Visitor v):
        v.u32(b"heads", &self.heads)
        v.u32(b"spt", &self.spt)
        v.u32(b"multiple", &self.multiple)
        v.u64(b"lba", &self.lba)
        v.u8(b"mode", &self.mode)
        v.u8(b"write_cache", &self.write_cache)
        v.u8(b"look_ahead", &self.look_ahead)
        v.u8(b"smart", &self.smart)
        v.u8(b"smart_autosave", &self.smart_autosave)
        v.u8(b"power", &self.power)
        v.raw(b"scratch", &self.scratch[0], SECTOR)
