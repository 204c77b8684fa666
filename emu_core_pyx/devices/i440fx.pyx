"""Host bridge 82441FX (440FX PMC): PCI configuration mechanism 1, PAM and SMRAM registers.

DEVIATION: port 0xCF9, the reset control register of PIIX3, is decoded here because it lies inside CONFADD's
ports; a byte access to it resets, a dword access to 0xCF8 is CONFADD.
PAM takes effect when the board sets `mem`; without it 0xC0000-0xFFFFF is what the board mapped (direct boots).
Not emulated: DRAM row and timing registers (stored), ECC, SMRAM's effect (listen to `pam_changed`).
Spec: Intel 440FX PCIset data sheet (order 290549); PCI 2.1, 3.7.4.1; 82371SB 2.5.8 (reset control).

Region 0: 0xCF8, 8 ports.  Outputs: reset_out (pulse), pam_changed (pulse; read `pam_attr`, `smram`).
"""
from emu_core_pyx.types cimport u8, u32
from emu_core_pyx.bus.device cimport Line
from emu_core_pyx.bus.pci cimport PCI_COMMAND, PciBus, PciDevice
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.mmu.physmem cimport PhysMem

cdef enum:
    PAM0 = 0x59
    SMRAM = 0x72
    RC_SRST = 0x02
    RC_RCPU = 0x04

cdef u32 CONE = <u32>0x80000000


cdef class I440fx(PciDevice):
    """Device 0 of bus 0 and the door to all configuration spaces."""
    cdef readonly PciBus bus
    cdef u32 confadd
    cdef u8 rc
    cdef public PhysMem mem
    cdef readonly Line reset_out
    cdef readonly Line pam_changed

    def __init__(self, str name="i440fx"):
        self.name = name
        self.bus = PciBus()
        self.reset_out = Line()
        self.pam_changed = Line()
        self.bus.add(self, 0)
        self.identify(0x8086, 0x1237, 0x060000, 0x02)
        self.put16(self.config, PCI_COMMAND, 0x0006)
        self.put16(self.wmask, PCI_COMMAND, 0x0100)
        self.config[0x07] = 0x02
        self.wmask[0x3C] = 0
        self.wmask[0x0C] = 0
        for off in range(0x50, 0x58):           # PMCCFG, DETURBO, DBC, AXC, DRT: stored
            self.wmask[off] = 0xFF
        for off in range(PAM0, 0x80):           # PAM, DRB, FDHC, SMRAM, ERRCMD and more
            self.wmask[off] = 0xFF
        for off in range(PAM0 + 1, PAM0 + 7):
            self.wmask[off] = 0x33
        self.wmask[PAM0] = 0x30
        self.config[SMRAM] = 0x02
        self.wmask[SMRAM] = 0x58

    cpdef void reset(self):
        PciDevice.reset(self)
        self.confadd = 0
        self.rc = 0
        self.apply_pam()

    cdef u32 io_read(self, u32 region, u32 off, u32 size) noexcept nogil:
        if region or off + size > 8:
            return <u32>0xFFFFFFFF
        if off < 4:
            if off == 0 and size == 4:
                return self.confadd
            if off == 1 and size == 1:
                return self.rc
            return <u32>0xFFFFFFFF
        if not self.confadd & CONE or self.confadd >> 16 & 0xFF:
            return <u32>0xFFFFFFFF
        return self.bus.read(self.confadd >> 8 & 0xFF, (self.confadd & 0xFC) + off - 4, size)

    cdef void io_write(self, u32 region, u32 off, u32 size, u32 value) noexcept nogil:
        if region or off + size > 8:
            return
        if off < 4:
            if off == 0 and size == 4:
                self.confadd = value & <u32>0x80FFFFFC
            elif off == 1 and size == 1:
                if value & RC_RCPU and not self.rc & RC_RCPU:
                    self.rc = value & RC_SRST
                    self.reset_out.pulse()
                else:
                    self.rc = value & (RC_SRST | RC_RCPU)
            return
        if self.confadd & CONE and not self.confadd >> 16 & 0xFF:
            self.bus.write(self.confadd >> 8 & 0xFF, (self.confadd & 0xFC) + off - 4, size, value)

    cdef void config_changed(self, u32 off, u32 size) noexcept nogil:
        if off < SMRAM + 1 and off + size > PAM0:
            self.apply_pam()

    cdef u32 attr(self, u32 n) noexcept nogil:
        """Segment 0 is 0xF0000-0xFFFFF, 1-12 are 16 KiB each from 0xC0000: bit 0 read, bit 1 write to DRAM."""
        if n == 0:
            return self.config[PAM0] >> 4 & 3
        return self.config[PAM0 + ((n + 1) >> 1)] >> (0 if n & 1 else 4) & 3

    cdef void apply_pam(self) noexcept nogil:
        cdef u32 n, a
        if self.mem is not None:
            for n in range(13):
                a = self.attr(n)
                self.mem.shadow_ram(0xF0000 if n == 0 else 0xC0000 + (n - 1) * 0x4000, 0x10000 if n == 0 else 0x4000,
                                    a & 1, a >> 1)
        self.pam_changed.pulse()

    cdef void state(self, Visitor v):
        self.state_pci(v)
        v.u32(b"confadd", &self.confadd)
        v.u8(b"rc", &self.rc)
        self.bus.state(v)
        if v.loading:
            self.apply_pam()

    @property
    def pam_attr(self):
        """13 values, 0xF0000-0xFFFFF first, then 0xC0000-0xEFFFF by 16 KiB: bit 0 read, bit 1 write to DRAM."""
        return [self.attr(n) for n in range(13)]

    def set_pam(self, u32 attr):
        """All segments alike (3: the whole area is RAM), as firmware leaves it."""
        for n in range(13):
            self.config_write(PAM0 if n == 0 else PAM0 + ((n + 1) >> 1), 1, (attr & 3) * 0x11)

    @property
    def smram(self):
        """SMRAM control register."""
        return self.config[SMRAM]
