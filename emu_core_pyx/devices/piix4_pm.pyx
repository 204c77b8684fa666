"""Power management of the 82371AB (PIIX4), function 3: ACPI registers, APM ports, SMBus host without slaves.

Soft-off (S5) is SUS_TYP 0 with SUS_EN.  Writing ACPI_ENABLE to the SMI command port sets SCI_EN directly: no
SMM code is needed.
DEVIATION: APMC_EN is set at reset.  The processor has no SMM; a BIOS that finds the bit set (SeaBIOS of 256 KiB, Bochs') takes
its SMM code to be in place and does not wait for the SMI that would put it there.  QEMU without SMM does the same.
Not emulated: SMI sources but the APM command (pulsed on `smi` when APMC_EN), device monitors, clock control,
S1-S4 sleep (the processor goes on), GPI/GPO pins (stored).
Spec: Intel 82371AB (PIIX4) data sheet (order 290562), chapter 7; ACPI 1.0b, chapter 4.7.

Regions: 0 PM registers (64 ports at PMBA), 1 APM control and status (0xB2), 2 SMBus (16 ports at SMBBA).
Outputs: sci (level), smi, poweroff, reset_out (unused by the chip; DEVIATION: ACPI reset is port 0xCF9).
"""
from emu_core_pyx.types cimport i32, u8, u16, u32, u64
from emu_core_pyx.bus.bus cimport Bus
from emu_core_pyx.bus.device cimport Line
from emu_core_pyx.bus.pci cimport CMD_IO, PCI_COMMAND, PCI_IRQ_PIN, PciDevice
from emu_core_pyx.bus.ticks cimport ns_of_tick, ticks_at
from emu_core_pyx.bus.timers cimport visit_deadline
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    PM_NUM = 315            # 3.579545 MHz = 315/88 MHz, edges per ns
    PM_DEN = 88000
    PMBA = 0x40
    PMREGMISC = 0x80
    SMBBA = 0x90
    SMBHSTCFG = 0xD2
    DEVACTB = 0x58
    APMC_EN = 0x02000000
    ACPI_ENABLE = 0xF1
    ACPI_DISABLE = 0xF0
    TMROF = 0x0001
    BM_STS = 0x0010
    GBL_STS = 0x0020
    PWRBTN_STS = 0x0100
    RTC_STS = 0x0400
    RSM_STS = 0x8000
    PMSTS_BITS = 0x8D31
    PMEN_BITS = 0x0521
    SCI_EN = 0x0001
    SUS_TYP = 0x1C00
    SUS_EN = 0x2000
    SMB_DEV_ERR = 0x04


cdef class Piix4Pm(PciDevice):
    """ACPI fixed hardware; sits at device 1, function 3."""
    cdef u16 pmsts
    cdef u16 pmen
    cdef u16 pmcntrl
    cdef u16 gpsts
    cdef u16 gpen
    cdef u8 regs[64]        # the rest: stored
    cdef u8 apmc
    cdef u8 apms
    cdef u8 smb[16]
    cdef u64 seen_half      # halves of the 24-bit timer already turned into TMROF
    cdef u32 slot
    cdef i32 pm_slot
    cdef i32 smb_slot
    cdef readonly Line sci
    cdef readonly Line smi
    cdef readonly Line poweroff
    cdef readonly Line reset_out

    def __init__(self, str name="piix4_pm"):
        self.name = name
        self.sci = Line()
        self.smi = Line()
        self.poweroff = Line()
        self.reset_out = Line()
        self.pm_slot = self.smb_slot = -1
        self.identify(0x8086, 0x7113, 0x068000, 0x03)
        self.put16(self.wmask, PCI_COMMAND, CMD_IO)
        self.config[0x07] = 0x02
        self.config[PCI_IRQ_PIN] = 1
        self.put32(self.config, PMBA, 1)
        self.put32(self.wmask, PMBA, 0xFFC0)
        self.put32(self.config, SMBBA, 1)
        self.put32(self.wmask, SMBBA, 0xFFF0)
        self.wmask[PMREGMISC] = 0x01
        self.wmask[SMBHSTCFG] = 0x0F
        for off in range(0x44, 0x80):
            self.wmask[off] = 0xFF

    def attach(self, clock):
        super().attach(clock)
        self.slot = self.clock.timer(self, 0)

    def plug(self, Bus bus not None):
        """Take bus slots for the two movable register blocks."""
        PciDevice.plug(self, bus)
        self.pm_slot = bus.map_io(self, 0, 0, 0)
        self.smb_slot = bus.map_io(self, 2, 0, 0)
        self.move()

    def set_base(self, u32 pm_base, u32 smb_base=0):
        """What firmware does: place the register blocks and enable them (for boots without firmware)."""
        self.config_write(PMBA, 4, pm_base | 1)
        self.config_write(PMREGMISC, 1, 1)
        self.config_write(PCI_COMMAND, 2, CMD_IO)
        if smb_base:
            self.config_write(SMBBA, 4, smb_base | 1)
            self.config_write(SMBHSTCFG, 1, 1)

    cpdef void reset(self):
        cdef u32 k
        PciDevice.reset(self)
        self.pmsts = self.pmen = self.pmcntrl = self.gpsts = self.gpen = 0
        self.apmc = self.apms = 0
        self.config_write(DEVACTB, 4, APMC_EN)
        for k in range(64):
            self.regs[k] = 0
        for k in range(16):
            self.smb[k] = 0
        self.seen_half = self.half()
        self.move()
        self.update()

    cdef void move(self) noexcept nogil:
        cdef bint on
        if self.ports is None:
            return
        if self.pm_slot >= 0:
            on = self.config[PMREGMISC] & 1 and self.get32(PMBA) & 0xFFC0
            self.ports.remap(<u32>self.pm_slot, self.get32(PMBA) & 0xFFC0 if on else 0, 64 if on else 0)
        if self.smb_slot >= 0:
            on = self.config[SMBHSTCFG] & 1 and self.get32(SMBBA) & 0xFFF0
            self.ports.remap(<u32>self.smb_slot, self.get32(SMBBA) & 0xFFF0 if on else 0, 16 if on else 0)

    cdef void config_changed(self, u32 off, u32 size) noexcept nogil:
        self.move()

    # -- timer -----------------------------------------------------------------------------------
    cdef u64 timer_ticks(self) noexcept nogil:
        if self.clock is None:
            return 0
        return ticks_at(self.clock.now_ns(), PM_NUM, PM_DEN)

    cdef u64 half(self) noexcept nogil:
        return self.timer_ticks() >> 23

    cdef void update(self) noexcept nogil:
        """TMROF from the time, SCI from the enabled status bits, the next overflow if it can interrupt."""
        cdef u64 h = self.half()
        if h != self.seen_half:
            self.pmsts |= TMROF
            self.seen_half = h
        self.sci.set(1 if self.pmcntrl & SCI_EN and (self.pmsts & self.pmen & PMEN_BITS or self.gpsts & self.gpen) else 0)
        if self.clock is None:
            return
        if self.pmen & TMROF and not self.pmsts & TMROF:
            self.clock.arm(self.slot, ns_of_tick((h + 1) << 23, PM_NUM, PM_DEN))
        else:
            self.clock.cancel(self.slot)

    cdef void on_timer(self, u32 timer, u64 now) noexcept nogil:
        self.update()

    # -- registers -------------------------------------------------------------------------------
    cdef u32 io_read(self, u32 region, u32 off, u32 size) noexcept nogil:
        cdef u32 v = 0, k
        if region == 0 and size == 4 and off == 8:
            return <u32>(self.timer_ticks() & 0xFFFFFF)
        for k in range(size):
            v |= <u32>self.rd(region, off + k) << (8 * k)
        return v

    cdef u8 rd(self, u32 region, u32 off) noexcept nogil:
        cdef u32 w
        if region == 1:
            return self.apmc if off == 0 else self.apms if off == 1 else 0xFF
        if region == 2:
            return self.smb[off] if off < 16 else 0xFF
        if region or off > 63:
            return 0xFF
        w = off & ~<u32>1
        if w == 0x00:
            self.update()
            w = self.pmsts
        elif w == 0x02:
            w = self.pmen
        elif w == 0x04:
            w = self.pmcntrl
        elif w == 0x08 or w == 0x0A:
            w = <u32>(self.timer_ticks() & 0xFFFFFF) >> ((w & 2) * 8)
        elif w == 0x0C:
            w = self.gpsts
        elif w == 0x0E:
            w = self.gpen
        else:
            return self.regs[off]
        return <u8>(w >> 8) if off & 1 else <u8>w

    cdef void io_write(self, u32 region, u32 off, u32 size, u32 value) noexcept nogil:
        cdef u32 k
        if region == 0 and size >= 2 and off & 1 == 0:
            self.write16(off, value & 0xFFFF, 0xFFFF)
            if size == 4:
                self.write16(off + 2, value >> 16, 0xFFFF)
            return
        for k in range(size):
            if region == 0:
                self.write16((off + k) & ~<u32>1, (value >> (8 * k) & 0xFF) << (8 * ((off + k) & 1)),
                             0xFF << (8 * ((off + k) & 1)))
            else:
                self.wr(region, off + k, <u8>(value >> (8 * k)))

    cdef void write16(self, u32 off, u32 v, u32 mask) noexcept nogil:
        """Write the bytes `mask` covers of the word at `off`."""
        if off > 62:
            return
        if off == 0x00:
            self.update()
            self.pmsts &= <u16>~(v & mask & PMSTS_BITS)
        elif off == 0x02:
            self.pmen = <u16>((self.pmen & ~mask | v & mask) & PMEN_BITS)
        elif off == 0x04:
            v = self.pmcntrl & ~mask | v & mask
            if v & 0x0004:                      # GBL_RLS: ask the BIOS for the global lock
                self.smi.pulse()
            self.pmcntrl = <u16>(v & (SCI_EN | 0x0002 | SUS_TYP))
            if v & SUS_EN and v & SUS_TYP == 0:
                self.poweroff.pulse()
        elif off == 0x08 or off == 0x0A:
            return
        elif off == 0x0C:
            self.gpsts &= <u16>~(v & mask)
        elif off == 0x0E:
            self.gpen = <u16>(self.gpen & ~mask | v & mask)
        else:
            if mask & 0xFF:
                self.regs[off] = <u8>v
            if mask & 0xFF00:
                self.regs[off + 1] = <u8>(v >> 8)
            return
        self.update()

    cdef void wr(self, u32 region, u32 off, u8 v) noexcept nogil:
        if region == 1 and off == 0:
            self.apmc = v
            if v == ACPI_ENABLE:
                self.pmcntrl |= SCI_EN
            elif v == ACPI_DISABLE:
                self.pmcntrl &= <u16>~SCI_EN
            if self.get32(DEVACTB) & APMC_EN:
                self.smi.pulse()
            self.update()
        elif region == 1 and off == 1:
            self.apms = v
        elif region == 2 and off < 16:
            if off == 0 or off == 1:
                self.smb[off] &= ~v
                return
            self.smb[off] = v
            if off == 2 and v & 0x40:           # START: nobody answers
                self.smb[0] |= SMB_DEV_ERR
                self.smb[2] &= <u8>~0x40

    cdef void state(self, Visitor v):
        self.state_pci(v)
        v.u16(b"pmsts", &self.pmsts)
        v.u16(b"pmen", &self.pmen)
        v.u16(b"pmcntrl", &self.pmcntrl)
        v.u16(b"gpsts", &self.gpsts)
        v.u16(b"gpen", &self.gpen)
        v.raw(b"regs", &self.regs[0], 64)
        v.u8(b"apmc", &self.apmc)
        v.u8(b"apms", &self.apms)
        v.raw(b"smb", &self.smb[0], 16)
        v.u64(b"seen_half", &self.seen_half)
        v.u32(b"sci", &self.sci.level)
        visit_deadline(v, b"overflow", self.clock, self.slot)
        if v.loading:
            self.move()

    # -- the host's side -------------------------------------------------------------------------
    def press_power(self):
        """The power button: sets PWRBTN_STS, which raises SCI if the guest listens; True if it does."""
        self.pmsts |= PWRBTN_STS
        self.update()
        return bool(self.pmcntrl & SCI_EN and self.pmen & PWRBTN_STS)

    def raise_gpe(self, u32 n):
        """General-purpose event `n` (0-15) happens."""
        self.gpsts |= <u16>(1 << (n & 15))
        self.update()

    @property
    def pm_base(self):
        """I/O base of the PM registers, 0 while disabled."""
        return self.get32(PMBA) & 0xFFC0 if self.config[PMREGMISC] & 1 else 0

    @property
    def acpi_enabled(self):
        """SCI_EN."""
        return bool(self.pmcntrl & SCI_EN)
