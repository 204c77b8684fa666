"""Floppy disk controller 82077AA in PC/AT mode: the commands that move data.  Registers and seeks: fdc_commands.pyx.

The sector wanted is always the next one to come by.
DEVIATION: a drive without a disk answers "missing address mark" after a while; a real controller waits for an index pulse
until it is reset.  In non-DMA mode there is no overrun.  FORMAT TRACK fills the sectors it names; a layout that plain
sectors cannot hold ends in "no data".
Not emulated: FM, gap lengths, head load and unload times.
Spec: Intel 82077AA data sheet (order 290166), chapters 5 and 6; NEC uPD765A data sheet for SCAN.

Region 0: 0x3F0, 6 ports.  Region 1: 0x3F7 (DIR, CCR).  Outputs: `irq` (IRQ6); DMA channel 2 by `dma`.
"""
from libc.errno cimport EACCES, EPERM, EROFS
from libc.string cimport memset
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.medium cimport Medium
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.devices.dma8237 cimport Dma8237
from emu_core_pyx.devices.fdc_commands cimport (
    CONF_EIS, DATA_IN, DATA_OUT, DOR_DMAGATE, FdcCommands, OP_FORMAT, OP_MFM, OP_MT, OP_READ, OP_READ_DELETED, OP_READ_ID,
    OP_READ_TRACK, OP_SCAN_EQUAL, OP_SCAN_HIGH, OP_SCAN_LOW, OP_SK, OP_VERIFY, OP_WRITE_DELETED, SPECIFY_ND,
    ST0_ABNORMAL, ST0_EC,
)
from emu_core_pyx.devices.floppy_drive cimport SECTOR, FloppyDrive

cdef enum:
    CHANNEL = 2
    ST1_EN = 0x80               # end of cylinder
    ST1_DE = 0x20               # data error
    ST1_OR = 0x10               # overrun
    ST1_ND = 0x04               # no data: sector not found
    ST1_NW = 0x02               # not writable
    ST1_MA = 0x01               # missing address mark
    ST2_CM = 0x40               # control mark: a sector of the other kind
    ST2_DD = 0x20               # data error in data field
    ST2_WC = 0x10               # wrong cylinder
    ST2_SH = 0x08               # scan equal hit
    ST2_SN = 0x04               # scan not satisfied
    VERIFY_EC = 0x80            # second byte of VERIFY: count sectors
    NO_DISK_NS = 400000


cdef class Fdc82077(FdcCommands):
    """Controller with drives A and B."""
    cdef u8 st1
    cdef u8 st2
    cdef u8 drive
    cdef u8 head
    cdef u8 c                       # the sector that is next
    cdef u8 h
    cdef u8 r
    cdef u8 n
    cdef u8 eot
    cdef u32 left                   # sectors still to do: FORMAT, READ TRACK, VERIFY with EC
    cdef u32 track_pos              # READ TRACK: sectors since the index
    cdef public Dma8237 dma

    def __init__(self, str name="fdc"):
        self.name = name
        super().__init__()

    cdef void stop_transfer(self) noexcept nogil:
        self.st1 = self.st2 = self.drive = self.head = 0
        self.c = self.h = self.r = self.n = self.eot = 0
        self.left = self.track_pos = 0

    cdef bint to_host(self) noexcept nogil:
        return self.op == OP_READ or self.op == OP_READ_DELETED or self.op == OP_READ_TRACK

    cdef bint scanning(self) noexcept nogil:
        return self.op == OP_SCAN_EQUAL or self.op == OP_SCAN_LOW or self.op == OP_SCAN_HIGH

    cdef bint counting(self) noexcept nogil:
        """VERIFY ends after so many sectors, not at EOT."""
        return self.op == OP_VERIFY and self.command[1] & VERIFY_EC

    # ---- begin and end -------------------------------------------------------------------------
    cdef void start_transfer(self) noexcept nogil:
        """What the command says becomes the transfer's state."""
        cdef u64 ns = self.sector_ns()
        cdef u32 d = self.command[1] & 3
        self.stop_transfer()
        self.drive = <u8>d
        self.head = self.command[1] >> 2 & 1
        self.full = 0
        self.buf_pos = self.buf_len = 0
        if self.op == OP_FORMAT:
            self.n = self.command[2]
            self.left = self.command[3]
            self.last_eot = self.command[3]
        elif self.op == OP_READ_ID:
            self.c = self.pcn[d]
            self.h = self.head
            self.n = 2
        else:
            self.c = self.command[2]
            self.h = self.command[3]
            self.r = self.command[4]
            self.n = self.command[5]
            self.eot = self.last_eot = self.command[6]
            if self.op == OP_READ_TRACK:
                self.left = self.eot if self.eot else 256
            elif self.counting():
                self.left = self.command[8] if self.command[8] else 256
            if self.config & CONF_EIS and self.pcn[d] != self.c:
                ns += self.step_ns() * <u32>(self.c - self.pcn[d] if self.c > self.pcn[d] else self.pcn[d] - self.c)
                self.step_to(d, self.c)
        if not (<FloppyDrive>self.units[d]).has_disk:
            ns += NO_DISK_NS
        self.work_in(ns)

    cdef void finish(self, u8 st0) noexcept nogil:
        """Result phase."""
        self.result[0] = <u8>(st0 | self.head << 2 | self.drive)
        self.result[1] = self.st1
        self.result[2] = self.st2
        self.result[3] = self.c
        self.result[4] = self.h
        self.result[5] = self.r
        self.result[6] = self.n
        self.give(7)
        self.set_interrupt(1)

    cdef void fail(self, u8 st1, u8 st2) noexcept nogil:
        self.st1 |= st1
        self.st2 |= st2
        self.finish(ST0_ABNORMAL)

    # ---- sectors -------------------------------------------------------------------------------
    cdef bint readable(self) noexcept nogil:
        """Does the head see address marks?"""
        return self.command[0] & OP_MFM and (<FloppyDrive>self.units[self.drive]).readable(self.kbit(), self.head)

    cdef bint find(self) noexcept nogil:
        """Does the sector c, h, r, n pass the head?  Else ST1 and ST2 say why not."""
        if not self.readable():
            self.st1 |= ST1_MA
        elif self.c != (<FloppyDrive>self.units[self.drive]).position:
            self.st1 |= ST1_ND
            self.st2 |= ST2_WC
        elif self.h != self.head or self.n != 2 or self.r == 0 or self.r > (<FloppyDrive>self.units[self.drive]).sectors:
            self.st1 |= ST1_ND
        else:
            return True
        return False

    cdef bint next_id(self) noexcept nogil:
        """Go to the next sector as the data sheet's result table has it; true past the end of the cylinder."""
        cdef u32 step = 2 if self.scanning() and self.command[8] == 2 else 1
        if self.r != self.eot and not (step == 2 and self.r + 1 == self.eot):
            self.r += <u8>step
            return False
        self.r = 1
        if self.command[0] & OP_MT:
            self.h ^= 1
            self.head ^= 1
            if self.head:
                return False
        self.c += 1
        return True

    cdef void advance(self, u32 tc) noexcept nogil:
        """A sector is done: on to the next, or to the result."""
        cdef u8 head = self.head
        cdef bint end
        if self.next_id():
            self.head = head                # ST0 tells the side last worked on
            end = True
        else:
            end = False
        if tc or self.st2 & ST2_CM:         # a sector of the other kind is the last one
            self.head = head
            self.finish(0)
            return
        if self.counting():
            self.left -= 1
            if self.left == 0:
                self.finish(0)
                return
        elif end and self.op == OP_VERIFY:
            self.finish(0)
            return
        if not end:
            self.work_in(self.sector_ns())
        elif self.scanning():
            self.st2 |= ST2_SN
            self.finish(0)
        else:
            self.fail(ST1_EN, 0)

    cdef void advance_counted(self, u32 tc) noexcept nogil:
        """FORMAT and READ TRACK go by count."""
        self.left -= 1
        if tc or self.left == 0 and self.op == OP_FORMAT:
            self.finish(0)
        elif self.left == 0:
            self.fail(ST1_EN, 0)
        else:
            self.work_in(self.sector_ns())

    # ---- one sector passes the head ------------------------------------------------------------
    cdef void work(self, u64 now) noexcept nogil:
        if self.op == OP_READ_ID:
            self.read_id(now)
        elif self.op == OP_READ_TRACK:
            self.read_track()
        elif self.op == OP_READ or self.op == OP_READ_DELETED or self.op == OP_VERIFY:
            self.read_sector()
        else:
            self.from_host()

    cdef void read_id(self, u64 now) noexcept nogil:
        if not self.readable():
            self.fail(ST1_MA, 0)
            return
        self.c = <u8>(<FloppyDrive>self.units[self.drive]).position
        self.h = self.head
        self.r = <u8>(now // self.sector_ns() % (<FloppyDrive>self.units[self.drive]).sectors + 1)
        self.n = 2
        self.finish(0)

    cdef void read_track(self) noexcept nogil:
        """Sectors as they come after the index, whatever their numbers; a wrong number is noted."""
        if not self.readable():
            self.fail(ST1_MA, 0)
            return
        self.find()
        if self.take(self.track_pos % (<FloppyDrive>self.units[self.drive]).sectors + 1):
            self.to_memory()

    cdef void read_sector(self) noexcept nogil:
        """READ, READ DELETED, VERIFY."""
        if not self.find():
            self.finish(ST0_ABNORMAL)
            return
        if self.op != OP_VERIFY:
            if (<FloppyDrive>self.units[self.drive]).marked(self.head, self.r) != (self.op == OP_READ_DELETED):
                if self.command[0] & OP_SK:
                    self.advance(0)
                    return
                self.st2 |= ST2_CM
        if not self.take(self.r):
            return
        if self.op == OP_VERIFY:
            self.advance(0)
        else:
            self.to_memory()

    cdef bint take(self, u32 sector) noexcept nogil:
        """A sector of this track goes into the buffer."""
        if (<FloppyDrive>self.units[self.drive]).read(self.head, sector, &self.buf[0]):
            self.fail(ST1_DE, ST2_DD)
            return False
        return True

    cdef void to_memory(self) noexcept nogil:
        """The buffer goes to the host."""
        cdef u32 tc = 0, moved = 0
        if self.hlt_nd & SPECIFY_ND:
            self.buf_pos = 0
            self.buf_len = SECTOR
            self.phase = DATA_IN
            self.set_interrupt(1)
            return
        if self.dma is not None and self.dor & DOR_DMAGATE:
            moved = self.dma.transfer(CHANNEL, &self.buf[0], SECTOR, &tc)
        if moved < SECTOR and not tc:
            self.fail(ST1_OR, 0)
        else:
            self.taken(tc)

    cdef void data_taken(self) noexcept nogil:
        self.taken(0)

    cdef void taken(self, u32 tc) noexcept nogil:
        if self.op == OP_READ_TRACK:
            self.track_pos += 1
            self.r += 1
            self.advance_counted(tc)
        else:
            self.advance(tc)

    cdef void from_host(self) noexcept nogil:
        """WRITE, WRITE DELETED, SCAN, FORMAT: get a sector's bytes (FORMAT: its four of identification) and use them."""
        cdef u32 tc = 0, moved = 0, want = 4 if self.op == OP_FORMAT else SECTOR
        if self.op != OP_FORMAT:
            self.find()
        elif not self.readable():
            self.st1 |= ST1_MA
        if not self.st1 and not self.scanning() and (<FloppyDrive>self.units[self.drive]).write_protected():
            self.st1 |= ST1_NW
        if self.st1:
            self.finish(ST0_ABNORMAL)
            return
        if self.op == OP_FORMAT and self.left == 0:
            self.finish(0)
            return
        if not self.full and self.hlt_nd & SPECIFY_ND:
            self.buf_pos = 0
            self.buf_len = want
            self.phase = DATA_OUT
            self.set_interrupt(1)
            return
        if not self.full:
            memset(&self.buf[0], 0, SECTOR)         # what TC cuts off is written as zeros
            if self.dma is not None and self.dor & DOR_DMAGATE:
                moved = self.dma.transfer(CHANNEL, &self.buf[0], want, &tc)
            if moved < want and not tc:
                self.fail(ST1_OR, 0)
                return
        self.full = 0
        if self.op == OP_FORMAT:
            self.format_sector(tc)
        elif self.scanning():
            self.scan(tc)
        elif self.store(self.op == OP_WRITE_DELETED):
            self.advance(tc)

    cdef bint store(self, bint deleted) noexcept nogil:
        """The buffer goes to the disk."""
        cdef int err = (<FloppyDrive>self.units[self.drive]).write(self.head, self.r, &self.buf[0], deleted)
        if err == EROFS or err == EPERM or err == EACCES:
            self.fail(ST1_NW, 0)
        elif err:
            self.finish(ST0_ABNORMAL | ST0_EC)
        return err == 0

    cdef void format_sector(self, u32 tc) noexcept nogil:
        """The buffer holds C, H, R, N of the sector to be made."""
        self.c = self.buf[0]
        self.h = self.buf[1]
        self.r = self.buf[2]
        self.n = self.buf[3]
        if not self.find():
            self.finish(ST0_ABNORMAL)
            return
        memset(&self.buf[0], self.command[5], SECTOR)
        if self.store(False):
            self.advance_counted(tc)

    cdef void scan(self, u32 tc) noexcept nogil:
        """Compare the host's bytes with the disk's; 0xFF of either side matches anything."""
        cdef u8 disk[SECTOR]
        cdef int order = 0
        cdef u32 k
        if (<FloppyDrive>self.units[self.drive]).read(self.head, self.r, &disk[0]):
            self.fail(ST1_DE, ST2_DD)
            return
        if (<FloppyDrive>self.units[self.drive]).marked(self.head, self.r):
            if self.command[0] & OP_SK:
                self.advance(tc)
                return
            self.st2 |= ST2_CM
        for k in range(<u32>SECTOR):
            if disk[k] != self.buf[k] and disk[k] != 0xFF and self.buf[k] != 0xFF:
                order = 1 if disk[k] > self.buf[k] else -1
                break
        if order == 0 or (self.op == OP_SCAN_LOW and order < 0) or (self.op == OP_SCAN_HIGH and order > 0):
            self.st2 |= ST2_SH if order == 0 else 0
            self.finish(0)
        else:
            if tc or self.st2 & ST2_CM:
                self.st2 |= ST2_SN
            self.advance(tc)

    # ---- state and the board's side ------------------------------------------------------------
    cdef void state(self, Visitor v):
        self.state_commands(v)
        v.u8(b"st1", &self.st1)
        v.u8(b"st2", &self.st2)
        v.u8(b"drive", &self.drive)
        v.u8(b"head", &self.head)
        v.u8(b"c", &self.c)
        v.u8(b"h", &self.h)
        v.u8(b"r", &self.r)
        v.u8(b"n", &self.n)
        v.u8(b"eot", &self.eot)
        v.u32(b"left", &self.left)
        v.u32(b"track_pos", &self.track_pos)

    def insert(self, u32 n, Medium medium not None, u32 cylinders, u32 heads, u32 sectors, u32 kbit):
        """Put a disk into drive n (0 A, 1 B)."""
        self.drives[n & 3].insert(medium, cylinders, heads, sectors, kbit)

    def eject(self, u32 n):
        """Take the disk out of drive n."""
        self.drives[n & 3].eject()
