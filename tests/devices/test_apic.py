"""Local APIC and I/O APIC (SDM 3A; 82093AA)."""
import pytest
from emu_core_pyx.bus.clock import Clock
from emu_core_pyx.devices.gsi import Gsi
from emu_core_pyx.devices.ioapic import IoApic
from emu_core_pyx.devices.lapic import LocalApic
from emu_core_pyx.devices.pic8259 import Pic8259Pair

ID, VER, TPR, PPR, EOI, LDR, DFR, SVR = 0x20, 0x30, 0x80, 0xA0, 0xB0, 0xD0, 0xE0, 0xF0
ESR, ICR, ICR2, TIMER, LINT0, LINT1, ERROR, TMICT, TMCCT, TDCR = \
    0x280, 0x300, 0x310, 0x320, 0x350, 0x360, 0x370, 0x380, 0x390, 0x3E0


class Board:
    def __init__(self):
        self.clock = Clock()
        self.apic = LocalApic()
        self.io = IoApic(bus=self.apic.bus)
        self.pic = Pic8259Pair()
        self.gsi = Gsi()
        self.gsi.connect(self.pic, self.io)
        self.pic.intr.connect(self.apic, 0)
        self.apic.extint = self.pic
        for dev in (self.apic, self.io, self.pic):
            dev.attach(self.clock)
            dev.reset()
        for v in (0x11, 0x20, 4, 1, 0):
            self.pic.py_io_write(0, 0 if v == 0x11 else 1, v)

    def rd(self, off):
        return self.apic.py_mmio_read(0, off)

    def wr(self, off, v):
        self.apic.py_mmio_write(0, off, v)

    def enable(self):
        self.wr(SVR, 0x1FF)

    def self_ipi(self, vector):
        self.wr(ICR, 0x40000 | vector)

    def rte(self, pin, low, high=0):
        for reg, v in ((0x11, high), (0x10, low)):
            self.io.py_mmio_write(0, 0, reg + 2 * pin)
            self.io.py_mmio_write(0, 0x10, v)

    def rte_low(self, pin):
        self.io.py_mmio_write(0, 0, 0x10 + 2 * pin)
        return self.io.py_mmio_read(0, 0x10)


@pytest.fixture
def b():
    return Board()


def test_reset_state(b):
    assert b.rd(VER) == 0x50014 and b.rd(SVR) == 0xFF and b.rd(DFR) == 0xFFFFFFFF
    assert b.rd(TIMER) == 0x10000 and b.rd(LINT0) == 0x700 and b.rd(LINT1) == 0x10000


def test_virtual_wire(b):
    b.gsi.py_line(3, 1)
    assert b.apic.intr.high and b.apic.py_acknowledge() == 0x23
    assert not b.apic.intr.high
    b.wr(LINT0, 0x10700)
    b.pic.py_io_write(0, 0, 0x20)
    b.gsi.py_line(3, 0)
    b.gsi.py_line(3, 1)
    assert not b.apic.intr.high                         # masked
    b.enable()
    b.wr(LINT0, 0x700)
    assert b.apic.intr.high and b.apic.py_acknowledge() == 0x23


def test_fixed_interrupt_irr_isr_eoi(b):
    b.self_ipi(0x55)
    assert not b.apic.intr.high                         # software-disabled
    b.enable()
    b.self_ipi(0x55)
    assert b.apic.intr.high and b.rd(0x220) == 1 << 0x15
    assert b.apic.py_acknowledge() == 0x55
    assert b.rd(0x220) == 0 and b.rd(0x120) == 1 << 0x15 and b.rd(PPR) == 0x50
    b.self_ipi(0x5F)
    assert not b.apic.intr.high                         # same class
    b.self_ipi(0x60)
    assert b.apic.py_acknowledge() == 0x60
    b.wr(EOI, 0)
    b.wr(EOI, 0)
    assert b.apic.py_acknowledge() == 0x5F


def test_task_priority(b):
    b.enable()
    b.wr(TPR, 0x50)
    b.self_ipi(0x5F)
    assert not b.apic.intr.high and b.rd(PPR) == 0x50
    b.wr(TPR, 0x4F)
    assert b.apic.intr.high


def test_timer_one_shot_and_current_count(b):
    b.enable()
    b.wr(TDCR, 0b0011)                                  # by 16
    b.wr(TIMER, 0x40)
    b.wr(TMICT, 1000)
    b.clock.set_ns(8000)
    assert b.rd(TMCCT) == 500
    b.clock.set_ns(15_999)
    assert not b.apic.intr.high
    b.clock.set_ns(16_000)
    assert b.apic.intr.high and b.rd(TMCCT) == 0 and b.rd(TMICT) == 1000
    assert b.apic.py_acknowledge() == 0x40
    b.wr(EOI, 0)
    b.clock.set_ns(1_000_000)
    assert not b.apic.intr.high


def test_timer_periodic(b):
    b.enable()
    b.wr(TDCR, 0b1011)                                  # by 1
    b.wr(TIMER, 0x20040)
    b.wr(TMICT, 100)
    for k in range(1, 5):
        b.clock.set_ns(100 * k - 1)
        assert not b.apic.intr.high
        b.clock.set_ns(100 * k)
        assert b.apic.py_acknowledge() == 0x40
        b.wr(EOI, 0)
    b.wr(TMICT, 0)
    b.clock.set_ns(10_000)
    assert not b.apic.intr.high


def test_timer_masked_still_counts(b):
    b.enable()
    b.wr(TDCR, 0b1011)
    b.wr(TIMER, 0x10040)
    b.wr(TMICT, 1000)
    b.clock.set_ns(400)
    assert b.rd(TMCCT) == 600
    b.wr(TIMER, 0x40)
    b.clock.set_ns(1000)
    assert b.apic.intr.high


def test_divide_change_keeps_the_count(b):
    b.enable()
    b.wr(TDCR, 0b1011)
    b.wr(TIMER, 0x40)
    b.wr(TMICT, 1000)
    b.clock.set_ns(400)
    b.wr(TDCR, 0b0000)                                  # by 2
    assert b.rd(TMCCT) == 600
    b.clock.set_ns(1599)
    assert not b.apic.intr.high
    b.clock.set_ns(1600)
    assert b.apic.intr.high


def test_software_disable_masks_lvts(b):
    b.enable()
    b.wr(TIMER, 0x40)
    b.wr(SVR, 0xFF)
    assert b.rd(TIMER) == 0x10040
    b.wr(TIMER, 0x40)
    assert b.rd(TIMER) == 0x10040


def test_error_status(b):
    b.enable()
    b.wr(ERROR, 0xFE)
    b.self_ipi(0x05)
    assert b.apic.py_acknowledge() == 0xFE
    assert b.rd(ESR) == 0
    b.wr(ESR, 0)
    assert b.rd(ESR) == 0x20
    b.wr(ESR, 0)
    assert b.rd(ESR) == 0
    assert b.rd(0x3F0) == 0xFFFFFFFF
    b.wr(ESR, 0)
    assert b.rd(ESR) == 0x80


def test_logical_destination(b):
    b.enable()
    b.wr(LDR, 0x02000000)
    assert b.apic.py_matches(0x02, True) and b.apic.py_matches(0xFF, True) and not b.apic.py_matches(0x01, True)
    b.wr(DFR, 0x0FFFFFFF)
    b.wr(LDR, 0x34000000)
    assert b.apic.py_matches(0x34, True) and b.apic.py_matches(0x36, True) and not b.apic.py_matches(0x44, True)
    assert b.apic.py_matches(0x00, False) and b.apic.py_matches(0xFF, False) and not b.apic.py_matches(0x01, False)


def test_shorthands(b):
    other = LocalApic("lapic1", b.apic.bus, 1)
    other.attach(b.clock)
    other.py_mmio_write(0, SVR, 0x1FF)
    b.enable()
    b.wr(ICR, 0xC0050)                                  # all but self
    assert not b.apic.intr.high and other.py_acknowledge() == 0x50
    b.wr(ICR, 0x80051)
    assert b.apic.py_acknowledge() == 0x51 and not other.intr.high     # 0x50 in service there
    other.py_mmio_write(0, EOI, 0)
    assert other.py_acknowledge() == 0x51
    b.wr(ICR2, 1 << 24)
    b.wr(ICR, 0x4500)                                   # INIT
    b.wr(ICR, 0x4699)                                   # startup at 0x99000
    assert other.sipi_vector == 0x99


def test_ioapic_registers(b):
    b.io.py_mmio_write(0, 0, 1)
    assert b.io.py_mmio_read(0, 0x10) == 0x00170011
    b.io.py_mmio_write(0, 0, 0)
    b.io.py_mmio_write(0, 0x10, 0x0F000000)
    assert b.io.py_mmio_read(0, 0x10) == 0x0F000000
    assert b.rte_low(5) == 0x10000


def test_ioapic_edge(b):
    b.enable()
    b.rte(4, 0x34)
    b.gsi.py_line(4, 1)
    assert b.apic.py_acknowledge() == 0x34
    b.wr(EOI, 0)
    assert not b.apic.intr.high or b.apic.py_acknowledge() == 0x24
    b.gsi.py_line(4, 0)
    b.rte(4, 0x10034)
    b.gsi.py_line(4, 1)
    b.wr(LINT0, 0x10700)
    b.rte(4, 0x34)
    assert not b.apic.intr.high                         # an edge behind the mask is lost


def test_ioapic_level_remote_irr(b):
    b.wr(LINT0, 0x10700)
    b.enable()
    b.rte(10, 0x8050)
    b.gsi.py_line(10, 1)
    assert b.rte_low(10) == 0xC050
    assert b.apic.py_acknowledge() == 0x50 and b.rd(0x1A0) == 1 << 16
    b.wr(EOI, 0)
    assert b.apic.intr.high                             # still asserted: sent again
    b.apic.py_acknowledge()
    b.gsi.py_line(10, 0)
    b.wr(EOI, 0)
    assert b.rte_low(10) == 0x8050 and not b.apic.intr.high


def test_timer_interrupt_is_pin_2(b):
    b.wr(LINT0, 0x10700)
    b.enable()
    b.rte(2, 0x31)
    b.gsi.py_line(0, 1)
    assert b.apic.py_acknowledge() == 0x31


def test_lint1_nmi_and_lint_fixed(b):
    b.enable()
    b.wr(LINT1, 0x400)
    b.apic.py_line(1, 1)
    assert not b.apic.nmi.high                          # a pulse
    b.wr(LINT0, 0x80A0)                                 # fixed, level
    b.apic.py_line(0, 1)
    assert b.apic.py_acknowledge() == 0xA0
    b.wr(EOI, 0)
    assert b.apic.py_acknowledge() == 0xA0
    b.apic.py_line(0, 0)
    b.wr(EOI, 0)
    assert not b.apic.intr.high


def test_lowest_priority(b):
    other = LocalApic("lapic1", b.apic.bus, 1)
    other.attach(b.clock)
    other.py_mmio_write(0, SVR, 0x1FF)
    b.enable()
    b.wr(LINT0, 0x10700)
    b.wr(LDR, 0x01000000)
    other.py_mmio_write(0, LDR, 0x02000000)
    b.wr(TPR, 0x30)
    b.rte(5, 0x0950, 0x03000000)
    b.gsi.py_line(5, 1)
    assert other.intr.high and not b.apic.intr.high
