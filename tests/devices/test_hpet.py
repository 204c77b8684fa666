"""HPET 1.0a."""
import pytest
from emu_core_pyx.bus.clock import Clock
from emu_core_pyx.devices.hpet import Hpet


class Bench:
    def __init__(self):
        self.clock = Clock()
        self.h = Hpet()
        self.h.attach(self.clock)
        self.h.reset()

    def rd(self, off, size=8):
        return self.h.py_mmio_read(0, off, size)

    def wr(self, off, v, size=8):
        self.h.py_mmio_write(0, off, v, size)


@pytest.fixture
def b():
    return Bench()


def test_capabilities(b):
    cap = b.rd(0)
    assert cap >> 32 == 10_000_000 and cap >> 16 & 0xFFFF == 0x8086 and cap >> 8 & 0x1F == 2 and cap & 0xA000 == 0xA000


def test_main_counter(b):
    b.clock.set_ns(1000)
    assert b.rd(0xF0) == 0
    b.wr(0x10, 1)
    b.clock.set_ns(3000)
    assert b.rd(0xF0) == 200
    b.wr(0x10, 0)
    b.clock.set_ns(9000)
    assert b.rd(0xF0) == 200
    b.wr(0xF0, 0x1_0000_0005)
    assert b.rd(0xF0, 4) == 5 and b.rd(0xF4, 4) == 1


def test_one_shot_level_interrupt(b):
    b.wr(0x120, 0x0006 | 20 << 9)                       # timer 1: level, enabled, input 20
    b.wr(0x128, 500)
    b.wr(0x10, 1)
    b.clock.set_ns(4999)
    assert not b.h.gsi(20).high
    b.clock.set_ns(5000)
    assert b.h.gsi(20).high and b.rd(0x20) == 2
    b.wr(0x20, 2)
    assert not b.h.gsi(20).high


def test_periodic_with_value_set(b):
    b.wr(0x100, 0x004C | 20 << 9)                       # periodic, enabled, edge, VAL_SET
    b.wr(0x108, 100)
    b.wr(0x108, 50)
    b.wr(0x10, 1)
    seen = []
    for t in range(0, 3000, 10):
        before = b.rd(0x108)
        b.clock.set_ns(t)
        if b.rd(0x108) != before:
            seen.append(t)
    assert seen == [1000, 1500, 2000, 2500]


def test_legacy_replacement(b):
    b.h.py_line(0, 1)
    assert b.h.irq0.high                                # the 8254 passes through
    b.wr(0x10, 3)
    assert not b.h.irq0.high
    b.wr(0x100, 0x0004)
    b.wr(0x108, b.rd(0xF0) + 10)
    b.clock.set_ns(b.clock.ns + 100)
    assert b.h.irq0.high


def test_32_bit_mode_wraps(b):
    b.wr(0xF0, 0xFFFFFFF0)
    b.wr(0x140, 0x0106 | 21 << 9)
    b.wr(0x148, 0x10)
    b.wr(0x10, 1)
    b.clock.set_ns(310)
    assert not b.h.gsi(21).high
    b.clock.set_ns(320)
    assert b.h.gsi(21).high
