"""ATAPI CD-ROM and DVD-ROM drive: PACKET protocol, medium, tray, sense; what the commands answer is in mmc.pyx's tables.

A disc is one data track (mode 1) in one session; a medium larger than 80 minutes is a DVD.  READ CD makes the raw sectors.
A drive reports UNIT ATTENTION after reset and after a change of disc; the tray opens and closes at once.
DRDY: SRST and DEVICE RESET clear it until IDENTIFY PACKET DEVICE or PACKET (9.12).  DEVIATION: it is set from power-on, as on
QEMU's drive (U-Boot passes by a drive without it); 9.1 wants it clear until then too.
Not emulated: audio (data discs have none: play commands are refused), writing, CSS keys, overlapped commands.
Spec: ATA/ATAPI-6 8.23 and 9.8 (PACKET); INF-8020i; MMC-3 (T10/1363D); SPC-2 (sense, INQUIRY).
"""
from libc.string cimport memcpy, memset
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.bus.medium cimport Medium
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.devices.cd_sector cimport CD_RAW, CD_USER, bcd, cd_mode1, put_msf
from emu_core_pyx.devices.ide cimport (
    AFTER_EXECUTE, AFTER_IN, AtaDevice, BLOCK_NS, COMMAND_NS, ER_ABRT, PH_IDLE, ST_DRDY,
)
from emu_core_pyx.devices.mmc cimport (
    Answer, be16, be24, be32, disc_information, dvd_structure, event_status, features, inquiry, mechanism, mode_pages, put32, toc,
    track_information,
)

cdef enum:              # commands of the task file
    READ_SECTORS = 0x20
    PACKET = 0xA0
    IDENTIFY_PACKET = 0xA1
    STANDBY_IMMEDIATE = 0xE0
    IDLE_IMMEDIATE = 0xE1
    CHECK_POWER = 0xE5
    SLEEP = 0xE6
    IDENTIFY = 0xEC
    SET_FEATURES = 0xEF

cdef enum:              # packets
    TEST_UNIT_READY = 0x00
    REQUEST_SENSE = 0x03
    INQUIRY = 0x12
    MODE_SELECT_6 = 0x15
    MODE_SENSE_6 = 0x1A
    START_STOP = 0x1B
    PREVENT_ALLOW = 0x1E
    READ_CAPACITY = 0x25
    READ_10 = 0x28
    SEEK_10 = 0x2B
    VERIFY_10 = 0x2F
    READ_SUBCHANNEL = 0x42
    READ_TOC = 0x43
    PLAY_AUDIO_10 = 0x45
    GET_CONFIGURATION = 0x46
    PLAY_AUDIO_MSF = 0x47
    GET_EVENT_STATUS = 0x4A
    PAUSE_RESUME = 0x4B
    STOP_PLAY = 0x4E
    READ_DISC_INFORMATION = 0x51
    READ_TRACK_INFORMATION = 0x52
    MODE_SELECT_10 = 0x55
    MODE_SENSE_10 = 0x5A
    PLAY_AUDIO_12 = 0xA5
    READ_12 = 0xA8
    READ_DVD_STRUCTURE = 0xAD
    READ_CD_MSF = 0xB9
    SET_CD_SPEED = 0xBB
    MECHANISM_STATUS = 0xBD
    READ_CD = 0xBE

cdef enum:              # sense keys, and additional codes with their qualifier
    NO_SENSE = 0
    NOT_READY = 2
    MEDIUM_ERROR = 3
    ILLEGAL_REQUEST = 5
    UNIT_ATTENTION = 6
    ASC_READ_ERROR = 0x1100
    ASC_LIST_LENGTH = 0x1A00
    ASC_INVALID_COMMAND = 0x2000
    ASC_OUT_OF_RANGE = 0x2100
    ASC_INVALID_FIELD = 0x2400
    ASC_INVALID_PARAMETER = 0x2600
    ASC_MEDIUM_CHANGED = 0x2800
    ASC_RESET = 0x2900
    ASC_NOT_SAVEABLE = 0x3900
    ASC_NO_MEDIUM_CLOSED = 0x3A01
    ASC_NO_MEDIUM_OPEN = 0x3A02
    ASC_LOCKED = 0x5302
    ASC_WRONG_MODE = 0x6400

cdef enum:              # stages of a PACKET command
    S_COMMAND = 0
    S_PACKET = 1        # the host hands over the packet
    S_START = 2         # data begins when the time is over
    S_DATA = 3
    S_PARAMETERS = 4    # the host hands over a parameter list

cdef enum:
    CD_MAX = 80 * 60 * 75
    ACCESS_NS = 100000
    NS_PER_KIB = 20480  # 50 MB/s
    EV_EJECT_REQUEST = 1
    EV_NEW_MEDIUM = 2
    EV_REMOVAL = 3
    PARAMETERS_MAX = 256


cdef class AtapiCdrom(AtaDevice):
    """A CD-ROM drive; `insert` and `eject` are the host's hands."""
    cdef readonly u8 tray_open
    cdef readonly u8 locked
    cdef u32 attention          # ASC a UNIT ATTENTION is due for, 0: none
    cdef u8 event               # medium event not yet told
    cdef u8 sense_key
    cdef u32 sense_code         # ASC << 8 | ASCQ
    cdef u32 sense_lba          # of a medium error
    cdef u8 cdb[12]
    cdef u32 stage
    cdef u8 use_dma
    cdef u8 mode                # transfer mode set by SET FEATURES
    cdef u32 sector_size        # of a read in progress, 0: the answer is in `answer`
    cdef u32 parts              # of READ CD: byte 9 and, shifted by 8, byte 10 of the packet
    cdef u32 lba
    cdef u64 done               # bytes of the data already fetched
    cdef Answer answer
    cdef u8 parameters[PARAMETERS_MAX]
    cdef u8 retry[8]            # mode page 01h as MODE SELECT left it
    cdef u8 raw[CD_RAW + 296 + 96]
    cdef str product

    def __init__(self, str name, Medium medium=None, str model="EMU DVD-ROM", str serial=""):
        super().__init__(name)
        self.medium = medium
        self.product = model
        self.set_names(model, serial)
        self.ns_per_kib = NS_PER_KIB
        self.ready = ST_DRDY
        self.packet = 1

    # ---- hands ----------------------------------------------------------------------------------------------
    def insert(self, Medium medium not None):
        """Close the tray with this disc in it."""
        self.medium = medium
        self.tray_open = 0
        self.attention = ASC_MEDIUM_CHANGED
        self.event = EV_NEW_MEDIUM

    def eject(self, bint force=True):
        """Take the disc out and leave the tray open; if the guest has locked it and no `force`: ask the guest, False."""
        if self.locked and not force:
            self.event = EV_EJECT_REQUEST
            return False
        self.medium = None
        self.tray_open = 1
        self.event = EV_REMOVAL
        return True

    def settle(self):
        """Take back UNIT ATTENTION, as a firmware that has asked for it would have."""
        self.attention = 0

    @property
    def sectors(self):
        """Blocks of 2048 bytes on the disc; 0 without one."""
        return self.blocks()

    # ---- what a drive defines -------------------------------------------------------------------------------
    cdef void power_on(self) noexcept nogil:
        self.locked = 0
        self.attention = ASC_RESET
        self.event = EV_NEW_MEDIUM if self.present() else 0
        self.set_sense(NO_SENSE, 0)
        self.sense_lba = 0
        self.stage = S_COMMAND
        self.use_dma = 0
        self.mode = 0x08
        self.sector_size = self.parts = self.lba = 0
        self.done = 0
        self.answer.n = 0
        memset(self.cdb, 0, 12)
        memset(self.answer.data, 0, sizeof(self.answer.data))
        memset(self.parameters, 0, PARAMETERS_MAX)
        memset(self.retry, 0, 8)
        self.retry[0] = 1
        self.retry[1] = 6
        self.retry[3] = 5

    cdef void signature(self) noexcept nogil:
        self.nsector = self.lbal = 1
        self.lbam = 0x14
        self.lbah = 0xEB
        self.device = 0
        self.status = 0
        self.stage = S_COMMAND

    cdef u64 start(self) noexcept nogil:
        self.stage = S_COMMAND
        return COMMAND_NS

    cdef void execute(self) noexcept nogil:
        cdef u8 c = self.command
        if c == PACKET:
            if self.stage == S_START:
                self.stage = S_DATA
                if self.use_dma:
                    self.begin_dma(0)
                else:
                    self.next_in(1)
            elif self.feature & 0x02:               # overlapped
                self.fail(ER_ABRT)
            else:
                self.use_dma = self.feature & 1
                self.stage = S_PACKET
                self.nsector = 1                    # interrupt reason: command, to the drive
                self.next_out(12, 0)
        elif c == IDENTIFY_PACKET:
            self.identify()
        elif c == IDENTIFY or c == READ_SECTORS:    # the signature says what this drive is
            self.signature()
            self.fail(ER_ABRT)
        elif c == SET_FEATURES:
            self.set_features()
        elif c == CHECK_POWER or c == 0x98:
            self.nsector = 0xFF
            self.complete()
        elif c == STANDBY_IMMEDIATE or c == IDLE_IMMEDIATE or c == SLEEP or c == 0x94 or c == 0x95 or c == 0x99:
            self.asleep = c == SLEEP or c == 0x99
            self.complete()
        else:
            self.fail(ER_ABRT)

    cdef void set_features(self) noexcept nogil:
        cdef u32 m = self.nsector
        if self.feature == 0x03 and (m <= 1 or 0x08 <= m <= 0x0C or 0x20 <= m <= 0x22 or 0x40 <= m <= 0x42):
            self.mode = <u8>m
            self.complete()
        elif self.feature == 0x66 or self.feature == 0xCC:
            self.complete()
        else:
            self.fail(ER_ABRT)

    cdef void word(self, u32 n, u32 v) noexcept nogil:
        (<u16 *>self.buf)[n] = <u16>v

    cdef void identify(self) noexcept nogil:
        """IDENTIFY PACKET DEVICE."""
        cdef u32 n
        cdef u8 total = 0
        memset(self.buf, 0, 512)
        self.word(0, 0x85C0)            # ATAPI, CD-ROM, removable, DRQ within 50 us, 12-byte packets
        memcpy(self.buf + 20, self.serial_text, 20)
        memcpy(self.buf + 46, self.revision_text, 8)
        memcpy(self.buf + 54, self.model_text, 40)
        self.word(48, 1)
        self.word(49, 0x0B00)           # IORDY, LBA, DMA
        self.word(50, 0x4000)
        self.word(51, 0x0200)
        self.word(53, 0x0006)
        self.word(63, 0x07 | (0x100 << (self.mode & 7) if self.mode & 0xF8 == 0x20 else 0))
        self.word(64, 0x03)
        for n in range(65, 69):
            self.word(n, 120)
        self.word(71, 30)
        self.word(72, 30)
        self.word(80, 0x0070)           # ATA/ATAPI-4 to -6
        self.word(81, 0x0019)
        self.word(82, 0x4218)           # NOP, DEVICE RESET, PACKET, power management
        self.word(83, 0x4000)
        self.word(84, 0x4000)
        self.word(85, 0x4218)
        self.word(87, 0x4000)
        self.word(88, 0x07 | (0x100 << (self.mode & 7) if self.mode & 0xF8 == 0x40 else 0))
        self.word(93, 0x600B if self.unit == 0 else 0x6B00)
        self.buf[510] = 0xA5
        for n in range(511):
            total += self.buf[n]
        self.buf[511] = <u8>(0 - total)
        self.stage = S_COMMAND
        self.block = self.len = 512
        self.left = 512
        self.next_in(1)

    # ---- medium ---------------------------------------------------------------------------------------------
    cdef u32 blocks(self) noexcept nogil:
        cdef u64 n = 0 if self.medium is None else (self.medium.size + CD_USER - 1) // CD_USER
        return <u32>min(n, <u64>0xFFFFFFFE)

    cdef bint present(self) noexcept nogil:
        return not self.tray_open and self.medium is not None and self.medium.size > 0

    cdef bint is_dvd(self) noexcept nogil:
        return self.blocks() > CD_MAX

    # ---- results --------------------------------------------------------------------------------------------
    cdef void set_sense(self, u8 key, u32 code) noexcept nogil:
        self.sense_key = key
        self.sense_code = code

    cdef void good(self) noexcept nogil:
        self.nsector = 3                # interrupt reason: command complete
        self.stage = S_COMMAND
        self.complete()

    cdef void check(self, u8 key, u32 code) noexcept nogil:
        """CHECK CONDITION."""
        self.set_sense(key, code)
        self.nsector = 3
        self.stage = S_COMMAND
        self.left = 0
        self.fail(<u8>(key << 4 | ER_ABRT if key == ILLEGAL_REQUEST else key << 4))

    cdef void illegal(self, u32 code) noexcept nogil:
        self.check(ILLEGAL_REQUEST, code)

    cdef void begin(self, u64 n, u64 ns) noexcept nogil:
        """Give the host `n` bytes, by what it asked for; PIO blocks are as long as it said, and even but for the last."""
        cdef u32 limit = <u32>self.lbah << 8 | self.lbam
        if n == 0:
            self.good()
            return
        if not self.use_dma:
            if limit == 0:              # ATA/ATAPI-6 9.8: not for commands with data
                self.illegal(ASC_INVALID_FIELD)
                return
            if limit == 0xFFFF:
                limit = 0xFFFE
            self.block = limit & ~<u32>1 if n > limit else limit
            if self.block == 0:
                self.block = 2
        self.left = n
        self.done = 0
        self.stage = S_START
        self.later(AFTER_EXECUTE, ns)

    cdef void reply(self, u32 allocated) noexcept nogil:
        """The answer, as much of it as the host has room for."""
        self.sector_size = 0
        self.begin(min(self.answer.n, allocated), COMMAND_NS)

    # ---- data -----------------------------------------------------------------------------------------------
    cdef u32 fetch(self, u32 most) noexcept nogil:
        cdef u32 n = <u32>min(<u64>most, self.left)
        if self.command == IDENTIFY_PACKET:
            self.left = 0
            return n
        if n == 0:
            self.good()
            return 0
        if self.sector_size == 0:
            memcpy(self.buf, self.answer.data + self.done, n)
        elif not self.read_data(n):
            return 0
        self.done += n
        self.left -= n
        if not self.use_dma:
            self.nsector = 2            # interrupt reason: data, to the host
            self.lbam = <u8>n
            self.lbah = <u8>(n >> 8)
        return n

    cdef bint read_data(self, u32 n) noexcept nogil:
        """The next n bytes of READ or READ CD; 0: failed."""
        cdef u32 at = 0, k, off, lba
        if not self.present():
            self.no_medium()
            return 0
        if self.sector_size == CD_USER and self.parts == 0:
            if self.medium.read(<u64>self.lba * CD_USER + self.done, self.buf, n):
                self.read_error(<u32>(self.lba + self.done // CD_USER))
                return 0
            return 1
        while at < n:
            lba = <u32>(self.lba + (self.done + at) // self.sector_size)
            off = <u32>((self.done + at) % self.sector_size)
            if not self.assemble(lba):
                return 0
            k = min(n - at, self.sector_size - off)
            memcpy(self.buf + at, self.raw + off, k)
            at += k
        return 1

    cdef void read_error(self, u32 lba) noexcept nogil:
        self.sense_lba = lba
        self.check(MEDIUM_ERROR, ASC_READ_ERROR)

    cdef bint assemble(self, u32 lba) noexcept nogil:
        """The parts of a sector READ CD asked for, one after the other into `raw`."""
        cdef u8 sector[CD_RAW]
        cdef u32 p = self.parts, n = 0
        if self.medium.read(<u64>lba * CD_USER, sector + 16, CD_USER):
            self.read_error(lba)
            return 0
        cd_mode1(sector, lba)
        if p & 0x80:
            memcpy(self.raw, sector, 12)
            n = 12
        if p & 0x20:
            memcpy(self.raw + n, sector + 12, 4)
            n += 4
        if p & 0x10:
            memcpy(self.raw + n, sector + 16, CD_USER)
            n += CD_USER
        if p & 0x08:
            memcpy(self.raw + n, sector + 2064, 288)
            n += 288
        if p & 0x06:                    # C2 error pointers: none, with or without block error bytes
            memset(self.raw + n, 0, 296)
            n += 294 if p & 0x02 else 296
        if p >> 8 & 7:
            self.subchannel_q(self.raw + n, lba)
        return 1

    cdef void subchannel_q(self, u8 *to, u32 lba) noexcept nogil:
        """Formatted Q: control and ADR, track, index, relative and absolute time in BCD."""
        cdef u8 msf[3]
        cdef u32 k
        memset(to, 0, 16)
        to[0] = 0x41
        to[1] = to[2] = 1
        put_msf(msf, lba - 150)         # relative to the track's start
        for k in range(3):
            to[3 + k] = bcd(msf[k])
        put_msf(msf, lba)
        for k in range(3):
            to[7 + k] = bcd(msf[k])

    cdef void drained(self) noexcept nogil:
        if self.command == IDENTIFY_PACKET:
            self.phase = PH_IDLE
            self.status = self.ready
        else:
            self.later(AFTER_IN, BLOCK_NS)

    cdef u32 consume(self, u32 most) noexcept nogil:
        cdef u32 n = self.len
        if self.stage == S_PACKET:
            memcpy(self.cdb, self.buf, 12)
            self.run()
            return 0
        n = <u32>min(<u64>n, self.left)
        memcpy(self.parameters + self.done, self.buf, n)
        self.done += n
        self.left -= n
        if self.left:
            return self.ask(most)
        self.mode_select()
        return 0

    cdef u32 ask(self, u32 most) noexcept nogil:
        """Length of the next block of parameters."""
        cdef u32 n = <u32>min(<u64>most, self.left)
        self.nsector = 0                # interrupt reason: data, to the drive
        self.lbam = <u8>n
        self.lbah = <u8>(n >> 8)
        return n

    # ---- packets --------------------------------------------------------------------------------------------
    cdef void no_medium(self) noexcept nogil:
        self.check(NOT_READY, ASC_NO_MEDIUM_OPEN if self.tray_open else ASC_NO_MEDIUM_CLOSED)

    cdef bint needs_medium(self, u8 c) noexcept nogil:
        return (c == TEST_UNIT_READY or c == READ_CAPACITY or c == READ_10 or c == READ_12 or c == SEEK_10 or c == VERIFY_10
                or c == READ_SUBCHANNEL or c == READ_TOC or c == READ_DISC_INFORMATION or c == READ_TRACK_INFORMATION
                or c == READ_CD or c == READ_CD_MSF or c == READ_DVD_STRUCTURE or c == PLAY_AUDIO_10 or c == PLAY_AUDIO_12
                or c == PLAY_AUDIO_MSF or c == PAUSE_RESUME)

    cdef void run(self) noexcept nogil:
        """A packet has arrived."""
        cdef u8 c = self.cdb[0]
        cdef u32 code
        memset(self.answer.data, 0, sizeof(self.answer.data))
        self.answer.n = 0
        if self.attention and c != INQUIRY and c != REQUEST_SENSE and c != GET_CONFIGURATION and c != GET_EVENT_STATUS:
            code = self.attention
            self.attention = 0
            self.check(UNIT_ATTENTION, code)
            return
        if c == REQUEST_SENSE:
            self.request_sense()
            return
        self.set_sense(NO_SENSE, 0)
        if self.needs_medium(c) and not self.present():
            self.no_medium()
        elif c == READ_10:
            self.read(be32(self.cdb + 2), be16(self.cdb + 7))
        elif c == READ_12:
            self.read(be32(self.cdb + 2), be32(self.cdb + 6))
        elif c == READ_CD or c == READ_CD_MSF:
            self.read_cd()
        elif c == TEST_UNIT_READY or c == STOP_PLAY or c == SET_CD_SPEED:
            self.good()
        elif c == SEEK_10 or c == VERIFY_10:
            if be32(self.cdb + 2) >= self.blocks():
                self.illegal(ASC_OUT_OF_RANGE)
            else:
                self.good()
        elif c == START_STOP:
            self.start_stop()
        elif c == PREVENT_ALLOW:
            self.locked = self.cdb[4] & 1
            self.good()
        elif c == MODE_SENSE_6 or c == MODE_SENSE_10:
            self.mode_sense(c == MODE_SENSE_10)
        elif c == MODE_SELECT_6 or c == MODE_SELECT_10:
            self.ask_parameters(c == MODE_SELECT_10)
        elif c == PLAY_AUDIO_10 or c == PLAY_AUDIO_12 or c == PLAY_AUDIO_MSF or c == PAUSE_RESUME:
            self.illegal(ASC_WRONG_MODE)
        else:
            self.inform(c)

    cdef void inform(self, u8 c) noexcept nogil:
        """Commands that ask for a structure."""
        cdef u8 *b = self.cdb
        cdef u32 room = be16(b + 7)
        cdef bint ok = 1
        if c == INQUIRY:
            ok = inquiry(&self.answer, b, self.model_text, self.serial_text)
            room = be16(b + 3)
        elif c == READ_CAPACITY:
            put32(self.answer.data, self.blocks() - 1)
            put32(self.answer.data + 4, CD_USER)
            self.answer.n = room = 8
        elif c == READ_TOC:
            ok = toc(&self.answer, b, self.blocks())
        elif c == GET_CONFIGURATION:
            features(&self.answer, b, self.present(), self.is_dvd())
        elif c == GET_EVENT_STATUS:
            ok = event_status(&self.answer, b, self.event, self.tray_open, self.present())
            if ok and b[4] & 0x10:
                self.event = 0
        elif c == READ_DISC_INFORMATION:
            disc_information(&self.answer)
        elif c == READ_TRACK_INFORMATION:
            ok = track_information(&self.answer, b, self.blocks())
        elif c == MECHANISM_STATUS:
            mechanism(&self.answer, self.tray_open, self.lba)
            room = be16(b + 8)
        elif c == READ_DVD_STRUCTURE:
            ok = self.is_dvd() and dvd_structure(&self.answer, b, self.blocks())
            room = be16(b + 8)
        elif c == READ_SUBCHANNEL:
            ok = self.read_subchannel()
        else:
            self.illegal(ASC_INVALID_COMMAND)
            return
        if ok:
            self.reply(room)
        else:
            self.illegal(ASC_INVALID_FIELD)

    cdef void request_sense(self) noexcept nogil:
        cdef u8 *d = self.answer.data
        if self.sense_key == NO_SENSE and self.attention:
            self.set_sense(UNIT_ATTENTION, self.attention)
            self.attention = 0
        d[0] = 0x70
        d[2] = self.sense_key
        if self.sense_key == MEDIUM_ERROR:
            d[0] = 0xF0
            put32(d + 3, self.sense_lba)
        d[7] = 10
        d[12] = <u8>(self.sense_code >> 8)
        d[13] = <u8>self.sense_code
        self.answer.n = 18
        self.set_sense(NO_SENSE, 0)
        self.reply(self.cdb[4])

    cdef void start_stop(self) noexcept nogil:
        cdef u8 what = self.cdb[4] & 3
        if what == 2:                   # eject
            if self.locked:
                self.illegal(ASC_LOCKED)
                return
            if not self.tray_open:
                self.tray_open = 1
                self.event = EV_REMOVAL
        elif what == 3 and self.tray_open:
            self.tray_open = 0
            if self.present():
                self.attention = ASC_MEDIUM_CHANGED
                self.event = EV_NEW_MEDIUM
        elif what == 1 and not self.present():
            self.no_medium()
            return
        self.good()

    cdef void read(self, u32 lba, u32 n) noexcept nogil:
        if lba > self.blocks() or n > self.blocks() - lba:
            self.illegal(ASC_OUT_OF_RANGE)
            return
        self.lba = lba
        self.parts = 0
        self.sector_size = CD_USER
        self.begin(<u64>n * CD_USER, ACCESS_NS)

    cdef void read_cd(self) noexcept nogil:
        """READ CD and READ CD MSF: the parts of mode 1 sectors that the flags of byte 9 name."""
        cdef u8 *b = self.cdb
        cdef u32 lba, n, p, size = 0, kind = b[1] >> 2 & 7
        if b[0] == READ_CD:
            lba = be32(b + 2)
            n = be24(b + 6)
        else:
            lba = (<u32>b[3] * 60 + b[4]) * 75 + b[5] - 150
            n = (<u32>b[6] * 60 + b[7]) * 75 + b[8] - 150 - lba
        if lba > self.blocks() or n > self.blocks() - lba:
            self.illegal(ASC_OUT_OF_RANGE)
            return
        if kind != 0 and kind != 2:
            self.illegal(ASC_WRONG_MODE)
            return
        p = b[9] & 0xF8 & ~<u32>0x40    # sub-headers are of mode 2
        if b[9] & 6 == 6 or b[10] & 7 not in (0, 2):
            self.illegal(ASC_INVALID_FIELD)
            return
        size = (12 if p & 0x80 else 0) + (4 if p & 0x20 else 0) + (CD_USER if p & 0x10 else 0) + (288 if p & 0x08 else 0)
        size += (294 if b[9] & 2 else 296 if b[9] & 4 else 0) + (16 if b[10] & 7 else 0)
        self.lba = lba
        self.sector_size = size
        self.parts = p | b[9] & 6 | <u32>(b[10] & 7) << 8
        if self.parts == 0x10:
            self.parts = 0              # user data alone comes straight from the medium
        self.begin(<u64>n * size, ACCESS_NS)

    cdef bint read_subchannel(self) noexcept nogil:
        """Current position, media catalogue number or ISRC (a data disc has neither)."""
        cdef u8 *d = self.answer.data
        cdef u8 *b = self.cdb
        d[1] = 0x15                     # no audio status to return
        self.answer.n = 4
        if not b[2] & 0x40:             # no Q channel wanted
            return 1
        if b[3] == 1:
            d[5] = 0x14
            d[6] = d[7] = 1
            if b[1] & 2:
                put_msf(d + 9, self.lba)
                put_msf(d + 13, self.lba - 150)
            else:
                put32(d + 8, self.lba)
                put32(d + 12, self.lba)
            self.answer.n = 16
        elif b[3] == 2 or b[3] == 3:
            self.answer.n = 24
        else:
            return 0
        d[3] = <u8>(self.answer.n - 4)
        d[4] = b[3]
        return 1

    # ---- mode pages -----------------------------------------------------------------------------------------
    cdef void mode_sense(self, bint long_form) noexcept nogil:
        cdef u32 control = self.cdb[2] >> 6
        cdef u8 medium = 0x71 if self.tray_open else 0x01 if self.present() else 0x70
        if control == 3:
            self.illegal(ASC_NOT_SAVEABLE)
        elif not mode_pages(&self.answer, self.cdb[2] & 0x3F, long_form, control, medium, self.locked, self.retry):
            self.illegal(ASC_INVALID_FIELD)
        else:
            self.reply(be16(self.cdb + 7) if long_form else self.cdb[4])

    cdef void ask_parameters(self, bint long_form) noexcept nogil:
        cdef u32 n = be16(self.cdb + 7) if long_form else self.cdb[4]
        cdef u32 limit = <u32>self.lbah << 8 | self.lbam
        if n == 0:
            self.good()
            return
        if n > PARAMETERS_MAX:
            self.illegal(ASC_LIST_LENGTH)
            return
        self.left = n
        self.done = 0
        self.stage = S_PARAMETERS
        if self.use_dma:
            self.begin_dma(1)
            return
        self.block = max(<u32>2, limit & ~<u32>1)
        self.next_out(self.ask(self.block), 1)

    cdef void mode_select(self) noexcept nogil:
        """Page 01h is kept, pages without anything changeable are checked, others refused."""
        cdef bint long_form = self.cdb[0] == MODE_SELECT_10
        cdef u32 n = <u32>self.done, at = 8 if long_form else 4, page, size
        if n < at:
            self.illegal(ASC_LIST_LENGTH)
            return
        at += be16(self.parameters + 6) if long_form else self.parameters[3]
        while at + 2 <= n:
            page = self.parameters[at] & 0x3F
            size = self.parameters[at + 1]
            if at + 2 + size > n:
                self.illegal(ASC_LIST_LENGTH)
                return
            if page == 0x01 and size == 6:
                memcpy(self.retry + 2, self.parameters + at + 2, 6)
            elif page != 0x0D and page != 0x0E and page != 0x1A and page != 0x2A:
                self.illegal(ASC_INVALID_PARAMETER)
                return
            at += 2 + size
        self.good()

    # ---- state ----------------------------------------------------------------------------------------------
    cdef void state_drive(self, Visitor v):
        v.u8(b"tray_open", &self.tray_open)
        v.u8(b"locked", &self.locked)
        v.u32(b"attention", &self.attention)
        v.u8(b"event", &self.event)
        v.u8(b"sense_key", &self.sense_key)
        v.u32(b"sense_code", &self.sense_code)
        v.u32(b"sense_lba", &self.sense_lba)
        v.raw(b"cdb", &self.cdb[0], 12)
        v.u32(b"stage", &self.stage)
        v.u8(b"use_dma", &self.use_dma)
        v.u8(b"mode", &self.mode)
        v.u32(b"sector_size", &self.sector_size)
        v.u32(b"parts", &self.parts)
        v.u32(b"lba", &self.lba)
        v.u64(b"done", &self.done)
        v.u32(b"answer_length", &self.answer.n)
        v.raw(b"answer", &self.answer.data[0], sizeof(self.answer.data))
        v.raw(b"parameters", &self.parameters[0], PARAMETERS_MAX)
        v.raw(b"retry", &self.retry[0], 8)
        if v.loading:                   # what a damaged state must not lead beyond
            self.answer.n = min(self.answer.n, <u32>sizeof(self.answer.data))
            if self.sector_size > sizeof(self.raw):
                self.sector_size = CD_USER
            if self.left and self.stage == S_PARAMETERS and self.done + self.left > PARAMETERS_MAX:
                self.done = self.left = 0
            elif self.left and self.sector_size == 0 and self.done + self.left > sizeof(self.answer.data):
                self.done = self.left = 0
