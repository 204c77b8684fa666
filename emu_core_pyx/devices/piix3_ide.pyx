"""IDE controller of the 82371SB (PIIX3), function 1: two channels at the PC/AT's ports, and a bus master for each.

Regions 0 and 1: command and control block of the primary channel, 2 and 3: of the secondary, 4: bus master registers (base
address register 4).  Outputs: irq14, irq15.
Both channels decode their ports while IOSE and their IDE decode enable bit are set.
DEVIATION: both are set after reset, as firmware would do, so that programs which know nothing of PCI find their disk.
DEVIATION: descriptors move data the way the drive wants, whatever the direction bit says, and may cross 64 KiB boundaries.
Not emulated: timing (IDETIM and SIDETIM are stored; UDMACTL and UDMATIM of the PIIX4 too), target and master abort.
Spec: Intel 82371FB/82371SB data sheet (order 290550), chapters 2.3 and 3.4; Bus Master IDE 1.0 (SFF-8038i).
"""
from emu_core_pyx.types cimport u8, u32
from emu_core_pyx.bus.bus cimport Bus
from emu_core_pyx.bus.clock cimport Clock
from emu_core_pyx.bus.dma cimport Dma
from emu_core_pyx.bus.medium cimport Medium
from emu_core_pyx.bus.pci cimport BAR_IO, CMD_IO, CMD_MASTER, PCI_COMMAND, PciDevice
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.devices.ide cimport DmaEngine, IdeChannel
from emu_core_pyx.devices.ata_disk import AtaDisk
from emu_core_pyx.devices.atapi_cdrom import AtapiCdrom

cdef enum:
    IDETIM = 0x40           # two bytes for each channel
    IDE_DECODE = 0x80       # in the high one
    SIDETIM = 0x44
    UDMACTL = 0x48
    BM_START = 0x01         # BMICX
    BM_TO_MEMORY = 0x08
    BM_ACTIVE = 0x01        # BMISX
    BM_ERROR = 0x02
    BM_IRQ = 0x04
    BM_DRIVES = 0x60        # drives are set up for DMA: scratch bits of the software
    PRD_EOT = 0x80


cdef class BusMaster(DmaEngine):
    """One channel's engine: walks the table of physical region descriptors.

    How it ends: all of the table used with the drive's last byte: ACTIVE falls, IRQ; table longer: ACTIVE stays, IRQ; table
    shorter: ACTIVE falls, no IRQ, and the drive waits with DRQ.
    """
    cdef Dma dma
    cdef u8 enabled             # the function may be bus master
    cdef u8 command
    cdef u8 status
    cdef u8 last                # the descriptor in use is the table's end
    cdef u32 table              # BMIDTPX
    cdef u32 next               # address of the next descriptor
    cdef u32 at                 # rest of the descriptor in use
    cdef u32 room

    cdef bint running(self) noexcept nogil:
        return self.status & BM_ACTIVE and self.enabled and self.dma is not None

    cdef void interrupt(self) noexcept nogil:
        self.status |= BM_IRQ

    cdef bint descriptor(self) noexcept nogil:
        """Load the next one; 0: the table has ended."""
        cdef u32 prd[2]
        if self.last:
            self.status &= <u8>~BM_ACTIVE
            return 0
        self.dma.read(self.next, &prd[0], 8)
        self.next += 8
        self.at = prd[0] & ~<u32>1
        self.room = prd[1] & 0xFFFE
        if self.room == 0:
            self.room = 0x10000
        self.last = prd[1] >> 31
        return 1

    cdef u32 move(self, u8 *data, u32 n, bint to_memory) noexcept nogil:
        cdef u32 done = 0, k
        if not self.running():
            return 0
        while done < n:
            if self.room == 0 and not self.descriptor():
                break
            k = min(n - done, self.room)
            if to_memory:
                self.dma.write(self.at, data + done, k)
            else:
                self.dma.read(self.at, data + done, k)
            self.at += k
            self.room -= k
            done += k
        if self.room == 0 and self.last:
            self.status &= <u8>~BM_ACTIVE
        return done

    cdef bint write_command(self, u8 v) noexcept nogil:
        """1: it starts now."""
        cdef bint start = v & BM_START and not self.command & BM_START
        self.command = v & (BM_START | BM_TO_MEMORY)
        if not v & BM_START:
            self.status &= <u8>~BM_ACTIVE
        elif start:
            self.status |= BM_ACTIVE
            self.next = self.table
            self.room = 0
            self.last = 0
        return start

    cdef u32 reg(self, u32 off) noexcept nogil:
        if off == 0:
            return self.command
        if off == 2:
            return self.status
        return self.table >> 8 * (off & 3) & 0xFF if off >= 4 else 0

    cdef bint set_reg(self, u32 off, u8 v) noexcept nogil:
        cdef u32 shift = 8 * (off & 3)
        if off == 0:
            return self.write_command(v)
        if off == 2:
            self.status = <u8>(self.status & ~BM_DRIVES & ~(v & (BM_ERROR | BM_IRQ)) | v & BM_DRIVES)
        elif off >= 4:
            self.table = (self.table & ~(<u32>0xFF << shift) | <u32>v << shift) & ~<u32>3
        return 0

    cpdef void reset(self):
        self.command = self.status = self.last = 0
        self.table = self.next = self.at = self.room = 0

    cdef void state(self, Visitor v):
        v.u8(b"bm_command", &self.command)
        v.u8(b"bm_status", &self.status)
        v.u8(b"bm_last", &self.last)
        v.u32(b"bm_table", &self.table)
        v.u32(b"bm_next", &self.next)
        v.u32(b"bm_at", &self.at)
        v.u32(b"bm_room", &self.room)


cdef u32 move_data(void *device, u32 region, u32 size, u8 *data, u32 n, bint out) noexcept nogil:
    """A run of the data port; see bus.pxd."""
    return (<Piix3Ide>device).bulk(region >> 1, size, data, n, out)


cdef class Piix3Ide(PciDevice):
    """PCI function 8086:7010.

        ide = Piix3Ide()
        ide.attach_drive(0, 0, "disk", medium, serial="EM1")
        ide.attach_drive(1, 0, "cdrom", None)
        ide.insert(1, 0, medium)
    """
    cdef readonly IdeChannel primary
    cdef readonly IdeChannel secondary
    cdef BusMaster engine0
    cdef BusMaster engine1

    def __init__(self, str name="ide"):
        self.name = name
        self.primary = IdeChannel("ide0")
        self.secondary = IdeChannel("ide1")
        self.engine0 = BusMaster()
        self.engine1 = BusMaster()
        self.primary.engine = self.engine0
        self.secondary.engine = self.engine1
        self.identify(0x8086, 0x7010, 0x010180, 0x00)
        self.put16(self.wmask, PCI_COMMAND, CMD_IO | CMD_MASTER)
        self.put16(self.config, PCI_COMMAND, CMD_IO)
        self.put16(self.config, 0x06, 0x0280)
        self.wmask[0x0C] = self.wmask[0x3C] = 0
        for off in (IDETIM, IDETIM + 1, IDETIM + 2, IDETIM + 3, SIDETIM, UDMACTL, UDMACTL + 2, UDMACTL + 3):
            self.wmask[off] = 0xFF
        self.config[IDETIM + 1] = self.config[IDETIM + 3] = IDE_DECODE
        self.bar(4, BAR_IO, 16, 4)

    # ---- the board's side -----------------------------------------------------------------------------------
    def attach(self, Clock clock):
        """The board gives the clock."""
        self.clock = clock
        self.primary.attach(clock)
        self.secondary.attach(clock)

    @property
    def dma(self):
        """How guest memory is reached."""
        return self.engine0.dma

    @dma.setter
    def dma(self, Dma dma):
        self.engine0.dma = self.engine1.dma = dma

    @property
    def irq14(self):
        """Output: interrupt of the primary channel."""
        return self.primary.irq

    @property
    def irq15(self):
        """Output: interrupt of the secondary channel."""
        return self.secondary.irq

    def _channel(self, u32 channel):
        if channel > 1:
            raise ValueError(f"{self.name} has no channel {channel}")
        return self.secondary if channel else self.primary

    def drive(self, u32 channel, u32 unit):
        """The AtaDisk or AtapiCdrom there, or None."""
        if unit > 1:
            raise ValueError(f"{self.name} has no unit {unit} on a channel")
        return self._channel(channel).slave if unit else self._channel(channel).master

    def attach_drive(self, u32 channel, u32 unit, str kind, Medium medium, str model="", str serial=""):
        """Connect a drive: kind "disk" or "cdrom"; a CD-ROM drive may be empty (medium None).  Gives the drive."""
        if self.drive(channel, unit) is not None:
            raise ValueError(f"{self.name}: channel {channel} has a drive as unit {unit} already")
        number = channel * 2 + unit + 1
        if kind == "disk":
            drive = AtaDisk(f"{self.name}{channel}-hd{unit}", medium, model or "EMU HARDDISK", serial or f"EM{number:05d}")
        elif kind == "cdrom":
            drive = AtapiCdrom(f"{self.name}{channel}-cd{unit}", medium, model or "EMU DVD-ROM", serial or f"EM{number:05d}")
        else:
            raise ValueError(f"no IDE drive is a {kind!r}")
        self._channel(channel).connect(unit, drive)
        return drive

    def _cdrom(self, u32 channel, u32 unit):
        drive = self.drive(channel, unit)
        if not isinstance(drive, AtapiCdrom):
            raise ValueError(f"{self.name}: unit {unit} of channel {channel} is not a CD-ROM drive")
        return drive

    def insert(self, u32 channel, u32 unit, Medium medium not None):
        """Put a disc into a CD-ROM drive; the guest is told by UNIT ATTENTION."""
        self._cdrom(channel, unit).insert(medium)

    def eject(self, u32 channel, u32 unit, bint force=True):
        """Take the disc out.  Without `force` a guest that has locked the tray is asked; True: it is out."""
        return self._cdrom(channel, unit).eject(force)

    def set_base(self, u32 base):
        """What firmware does: place the bus master registers, enable them, and ask the drives why they want attention."""
        self.config_write(0x20, 4, base)
        self.config_write(PCI_COMMAND, 2, CMD_IO | CMD_MASTER)
        for channel in (self.primary, self.secondary):
            for drive in (channel.master, channel.slave):
                if isinstance(drive, AtapiCdrom):
                    drive.settle()

    def plug(self, Bus bus not None):
        """Take slots for the base address registers, and tell the bus of the data ports."""
        PciDevice.plug(self, bus)
        bus.add_bulk(self, 0, move_data)
        bus.add_bulk(self, 2, move_data)

    # ---- the guest's side -----------------------------------------------------------------------------------
    cdef bint decodes(self, u32 n) noexcept nogil:
        return self.config[PCI_COMMAND] & CMD_IO and self.config[IDETIM + 1 + 2 * n] & IDE_DECODE

    cdef u32 io_read(self, u32 region, u32 off, u32 size) noexcept nogil:
        cdef u32 v = 0, k
        if region == 4 and off < 16:
            for k in range(size):
                if off + k < 8:
                    v |= self.engine0.reg(off + k) << 8 * k
                else:
                    v |= (self.engine1.reg(off + k - 8) if off + k < 16 else 0xFF) << 8 * k
            return v
        if region > 3 or not self.decodes(region >> 1):
            return <u32>0xFFFFFFFF
        return self.primary.io_read(region, off, size) if region < 2 else self.secondary.io_read(region - 2, off, size)

    cdef void io_write(self, u32 region, u32 off, u32 size, u32 value) noexcept nogil:
        cdef u32 k
        if region == 4:
            for k in range(size):
                if off + k < 8:
                    if self.engine0.set_reg(off + k, <u8>(value >> 8 * k)):
                        self.primary.engine_started()
                elif off + k < 16 and self.engine1.set_reg(off + k - 8, <u8>(value >> 8 * k)):
                    self.secondary.engine_started()
        elif region < 2 and self.decodes(0):
            self.primary.io_write(region, off, size, value)
        elif region < 4 and self.decodes(1):
            self.secondary.io_write(region - 2, off, size, value)

    cdef u32 bulk(self, u32 n, u32 size, u8 *data, u32 count, bint out) noexcept nogil:
        if not self.decodes(n):
            return 0
        return self.secondary.bulk(size, data, count, out) if n else self.primary.bulk(size, data, count, out)

    cdef void config_changed(self, u32 off, u32 size) noexcept nogil:
        if off <= PCI_COMMAND < off + size:
            self.apply_command()

    cdef void apply_command(self) noexcept nogil:
        """An engine that was started waits until the function may be bus master."""
        cdef u8 on = self.config[PCI_COMMAND] & CMD_MASTER != 0
        self.engine0.enabled = self.engine1.enabled = on
        if on:
            self.primary.engine_started()
            self.secondary.engine_started()

    cpdef void reset(self):
        PciDevice.reset(self)
        self.engine0.enabled = self.engine1.enabled = 0
        self.engine0.reset()
        self.engine1.reset()
        self.primary.reset()
        self.secondary.reset()

    cdef void state(self, Visitor v):
        self.state_pci(v)
        for channel in (self.primary, self.secondary):
            v.begin(channel.name)
            (<IdeChannel>channel).engine.state(v)
            (<IdeChannel>channel).state(v)
        if v.loading:
            self.engine0.enabled = self.engine1.enabled = self.config[PCI_COMMAND] & CMD_MASTER != 0
