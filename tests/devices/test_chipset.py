"""440FX, PIIX3, PIIX4 power management and the PCI base class."""
import pytest
from emu_core_pyx.bus.bus import Bus
from emu_core_pyx.bus.clock import Clock
from emu_core_pyx.devices.gsi import Gsi
from emu_core_pyx.devices.i440fx import I440fx
from emu_core_pyx.devices.pic8259 import Pic8259Pair
from emu_core_pyx.devices.piix3 import Piix3
from emu_core_pyx.devices.piix4_pm import Piix4Pm


class Board:
    def __init__(self):
        self.clock = Clock()
        self.bus = Bus()
        self.host, self.isa, self.pm, self.pic, self.gsi = I440fx(), Piix3(), Piix4Pm(), Pic8259Pair(), Gsi()
        self.host.bus.add(self.isa, 0x08)
        self.host.bus.add(self.pm, 0x0B)
        self.bus.map_io(self.host, 0, 0xCF8, 8)
        self.bus.map_io(self.pm, 1, 0xB2, 2)
        for k in range(4):
            self.host.bus.pirq[k].connect(self.isa, k)
        self.isa.connect(self.gsi)
        self.pm.sci.connect(self.gsi, self.gsi.share(9))
        self.gsi.connect(self.pic)
        for dev in (self.host, self.isa, self.pm, self.pic, self.gsi):
            dev.attach(self.clock)
        self.pm.plug(self.bus)
        for dev in (self.host, self.isa, self.pm, self.pic, self.gsi):
            dev.reset()

    def select(self, devfn, off):
        self.bus.outp(0xCF8, 0x80000000 | devfn << 8 | off & 0xFC, 4)

    def cfg(self, devfn, off, size=4):
        self.select(devfn, off)
        return self.bus.inp(0xCFC + (off & 3), size)

    def cfgw(self, devfn, off, value, size=4):
        self.select(devfn, off)
        self.bus.outp(0xCFC + (off & 3), value, size)


@pytest.fixture
def b():
    return Board()


def test_configuration_mechanism_1(b):
    assert b.cfg(0x00, 0) == 0x12378086
    assert b.cfg(0x08, 0) == 0x70008086
    assert b.cfg(0x0B, 0) == 0x71138086
    assert b.cfg(0x10, 0) == 0xFFFFFFFF                 # nobody there
    assert b.cfg(0x08, 0x0A, 2) == 0x0601
    assert b.cfg(0x08, 0x0E, 1) == 0x80
    b.bus.outp(0xCF8, 0x00000800, 4)
    assert b.bus.inp(0xCFC, 4) == 0xFFFFFFFF            # not enabled
    b.bus.outp(0xCF8, 0x80010800, 4)
    assert b.bus.inp(0xCFC, 4) == 0xFFFFFFFF            # bus 1


def test_confadd_takes_dwords_only(b):
    b.select(0, 0)
    b.bus.outp(0xCF8, 0, 1)
    b.bus.outp(0xCFA, 0, 2)
    assert b.bus.inp(0xCF8, 4) == 0x80000000


def test_byte_enables(b):
    assert b.cfg(0, 0x02, 2) == 0x1237 and b.cfg(0, 0x01, 1) == 0x80
    b.cfgw(0x08, 0x61, 0x0B, 1)
    assert b.cfg(0x08, 0x60) == 0x80800B80


def test_read_only_bits(b):
    b.cfgw(0x00, 0x00, 0)
    b.cfgw(0x00, 0x08, 0)
    assert b.cfg(0x00, 0) == 0x12378086 and b.cfg(0, 0x08) == 0x06000002


def test_pam(b):
    b.cfgw(0, 0x59, 0x30, 1)
    b.cfgw(0, 0x5A, 0x31, 1)
    assert b.host.pam_attr[:3] == [3, 1, 3]
    b.host.set_pam(3)
    assert b.host.pam_attr == [3] * 13


def test_reset_control_register(b):
    hits = Piix4Pm()                                    # any device will do as a sink
    b.host.reset_out.connect(hits, 0)
    b.bus.outp(0xCF9, 0x02, 1)
    assert b.bus.inp(0xCF9, 1) == 0x02
    b.bus.outp(0xCF9, 0x06, 1)
    assert b.bus.inp(0xCF9, 1) == 0x02


def test_pirq_routing(b):
    b.pic.py_io_write(2, 1, 0x0C)                       # ELCR: 10 and 11 level
    for region in (0, 1):
        for v in (0x11, 0x20 + 8 * region, 4 if region == 0 else 2, 1, 0):
            b.pic.py_io_write(region, 0 if v == 0x11 else 1, v)
    b.isa.py_line(2, 1)
    assert not b.pic.intr.high                          # not routed after reset
    b.cfgw(0x08, 0x62, 0x0B, 1)
    assert b.isa.routing == [None, None, 11, None]
    assert b.pic.intr.high and b.pic.py_acknowledge() == 0x2B
    assert b.gsi.levels[18] and b.gsi.levels[11]
    b.isa.py_line(0, 1)
    b.cfgw(0x08, 0x60, 0x0B, 1)
    b.isa.py_line(2, 0)
    assert b.gsi.levels[11]                             # shared by PIRQA
    b.isa.py_line(0, 0)
    assert not b.gsi.levels[11]
    b.cfgw(0x08, 0x60, 0x08, 1)                         # reserved: not routed
    b.isa.py_line(0, 1)
    assert not b.gsi.levels[8]


def test_pm_base_moves(b):
    assert not [r for r in b.bus.listing() if r[3] == "piix4_pm" and r[4] == 0]
    b.pm.set_base(0x600)
    assert b.pm.pm_base == 0x600
    assert ("io", 0x600, 64, "piix4_pm", 0) in b.bus.listing()
    b.cfgw(0x0B, 0x40, 0xB001)
    assert ("io", 0xB000, 64, "piix4_pm", 0) in b.bus.listing()
    b.cfgw(0x0B, 0x80, 0, 1)
    assert b.bus.inp(0xB008, 4) == 0xFFFFFFFF


def test_pm_timer(b):
    b.pm.set_base(0x600)
    b.clock.set_ns(1_000_000_000)
    assert b.bus.inp(0x608, 4) == 3579545
    b.clock.set_ns(10_000_000_000)
    assert b.bus.inp(0x608, 4) == 35795454 & 0xFFFFFF


def test_pm_timer_overflow_sci(b):
    b.pm.set_base(0x600)
    b.bus.outp(0x602, 1, 2)
    b.bus.outp(0xB2, 0xF1)
    assert b.bus.inp(0x604, 2) & 1 and b.pm.acpi_enabled
    b.clock.set_ns(2_343_000_000)
    assert not b.pm.sci.high
    b.clock.set_ns(2_344_000_000)
    assert b.pm.sci.high and b.gsi.levels[9]
    b.bus.outp(0x600, 1, 2)
    assert not b.pm.sci.high
    b.clock.set_ns(4_700_000_000)
    assert b.pm.sci.high                                # bit 23 fell: that counts, too


def test_power_button(b):
    b.pm.set_base(0x600)
    assert b.pm.press_power() is False
    assert b.bus.inp(0x600, 2) == 0x100
    b.bus.outp(0x602, 0x100, 2)
    b.bus.outp(0xB2, 0xF1)
    assert b.pm.sci.high and b.pm.press_power() is True
    b.bus.outp(0x601, 0x01, 1)                          # byte access to the high half
    assert not b.pm.sci.high
    b.bus.outp(0xB2, 0xF0)
    assert not b.pm.acpi_enabled


def test_soft_off(b):
    sink = Gsi()
    b.pm.poweroff.connect(sink, 5)
    b.pm.set_base(0x600)
    before = b.pm.save()
    b.bus.outp(0x604, 0x2000 | 5 << 10, 2)              # working: nothing
    assert b.pm.save() != before
    b.bus.outp(0x604, 0x2000, 2)
    assert b.bus.inp(0x604, 2) & 0x2000 == 0            # SUS_EN is write-only


def test_gpe(b):
    b.pm.set_base(0x600)
    b.bus.outp(0xB2, 0xF1)
    b.pm.raise_gpe(3)
    assert not b.pm.sci.high
    b.bus.outp(0x60E, 0x08, 2)
    assert b.pm.sci.high
    b.bus.outp(0x60C, 0x08, 2)
    assert not b.pm.sci.high


def test_smbus_has_no_slaves(b):
    b.pm.set_base(0x600, 0x700)
    b.bus.outp(0x702, 0x48)
    assert b.bus.inp(0x700) & 0x04


def test_pci_reset_restores_configuration(b):
    b.cfgw(0x08, 0x60, 0x0A0A0A0A)
    b.isa.reset()
    assert b.isa.routing == [None] * 4
