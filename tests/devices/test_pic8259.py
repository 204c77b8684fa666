"""8259A pair, by data sheet chapter."""
import pytest
from emu_core_pyx.devices.pic8259 import Pic8259Pair


@pytest.fixture
def pic():
    p = Pic8259Pair()
    p.reset()
    init(p)
    return p


def init(p, icw1=0x11, icw4=0x01):
    for region, base, icw3 in ((0, 0x20, 0x04), (1, 0x28, 0x02)):
        p.py_io_write(region, 0, icw1)
        p.py_io_write(region, 1, base)
        p.py_io_write(region, 1, icw3)
        if icw1 & 1:
            p.py_io_write(region, 1, icw4)
        p.py_io_write(region, 1, 0x00)


def irr(p, chip=0):
    p.py_io_write(chip, 0, 0x0A)
    return p.py_io_read(chip, 0)


def isr(p, chip=0):
    p.py_io_write(chip, 0, 0x0B)
    return p.py_io_read(chip, 0)


def test_edge_request_acknowledge_eoi(pic):
    pic.py_line(3, 1)
    assert pic.intr.high and irr(pic) == 0x08
    assert pic.py_acknowledge() == 0x23
    assert isr(pic) == 0x08 and irr(pic) == 0 and not pic.intr.high
    pic.py_io_write(0, 0, 0x20)
    assert isr(pic) == 0 and not pic.intr.high      # the line is still high: one edge, one interrupt
    pic.py_line(3, 0)
    pic.py_line(3, 1)
    assert pic.intr.high


def test_imr_masks_but_irr_shows(pic):
    pic.py_io_write(0, 1, 0x08)
    pic.py_line(3, 1)
    assert not pic.intr.high and irr(pic) == 0x08
    pic.py_io_write(0, 1, 0x00)
    assert pic.intr.high
    assert pic.py_io_read(0, 1) == 0


def test_fully_nested_priorities(pic):
    pic.py_line(5, 1)
    assert pic.py_acknowledge() == 0x25
    pic.py_line(6, 1)
    assert not pic.intr.high
    pic.py_line(1, 1)
    assert pic.py_acknowledge() == 0x21
    assert isr(pic) == 0x22
    pic.py_io_write(0, 0, 0x20)
    assert isr(pic) == 0x20 and not pic.intr.high
    pic.py_io_write(0, 0, 0x20)
    assert pic.py_acknowledge() == 0x26


def test_cascade_gives_slave_vector(pic):
    pic.py_line(12, 1)
    assert pic.intr.high
    assert pic.py_acknowledge() == 0x2C
    assert isr(pic) == 0x04 and isr(pic, 1) == 0x10
    pic.py_line(8, 1)
    assert not pic.intr.high            # without SFNM the master holds it back
    pic.py_io_write(1, 0, 0x20)
    pic.py_io_write(0, 0, 0x20)
    assert pic.py_acknowledge() == 0x28


def test_special_fully_nested_mode(pic):
    init(pic, icw4=0x11)
    pic.py_line(12, 1)
    assert pic.py_acknowledge() == 0x2C
    pic.py_line(8, 1)
    assert pic.intr.high and pic.py_acknowledge() == 0x28


def test_specific_eoi(pic):
    pic.py_line(4, 1)
    pic.py_acknowledge()
    pic.py_line(2 + 0, 0)
    pic.py_line(1, 1)
    pic.py_acknowledge()
    pic.py_io_write(0, 0, 0x60 | 4)
    assert isr(pic) == 0x02


def test_automatic_eoi(pic):
    init(pic, icw4=0x03)
    pic.py_line(4, 1)
    pic.py_acknowledge()
    assert isr(pic) == 0


def test_automatic_rotation(pic):
    pic.py_line(4, 1)
    pic.py_line(6, 1)
    assert pic.py_acknowledge() == 0x24
    pic.py_io_write(0, 0, 0xA0)         # rotate on non-specific EOI: 4 becomes lowest, 5 highest
    pic.py_line(4, 0)
    pic.py_line(4, 1)
    pic.py_line(0, 1)
    assert pic.py_acknowledge() == 0x26


def test_specific_rotation_sets_priority(pic):
    pic.py_io_write(0, 0, 0xC0 | 5)     # 5 lowest, 6 highest
    pic.py_line(0, 1)
    pic.py_line(6, 1)
    assert pic.py_acknowledge() == 0x26
    pic.py_io_write(0, 0, 0xE0 | 6)     # specific EOI and rotate: 7 highest
    pic.py_line(7, 1)
    assert pic.py_acknowledge() == 0x27


def test_special_mask_mode(pic):
    pic.py_line(3, 1)
    pic.py_acknowledge()
    pic.py_line(5, 1)
    assert not pic.intr.high
    pic.py_io_write(0, 1, 0x08)
    pic.py_io_write(0, 0, 0x68)
    assert pic.intr.high and pic.py_acknowledge() == 0x25
    pic.py_io_write(0, 0, 0x20)         # non-specific EOI skips the masked level 3
    assert isr(pic) == 0x08
    pic.py_io_write(0, 0, 0x48)


def test_poll_command(pic):
    pic.py_io_write(0, 0, 0x0C)
    assert pic.py_io_read(0, 0) & 0x80 == 0
    pic.py_line(3, 1)
    pic.py_io_write(0, 0, 0x0C)
    assert pic.py_io_read(0, 0) == 0x83
    assert isr(pic) == 0x08 and not pic.intr.high


def test_spurious_irq7_and_15(pic):
    pic.py_line(3, 1)
    pic.py_line(3, 0)
    assert not pic.intr.high
    assert pic.py_acknowledge() == 0x27 and isr(pic) == 0
    pic.py_line(9, 1)
    pic.py_io_write(1, 1, 0x00)
    assert pic.intr.high


def test_elcr_level_triggered(pic):
    pic.py_io_write(2, 0, 0xFF)
    pic.py_io_write(2, 1, 0xFF)
    assert pic.py_io_read(2, 0) == 0xF8 and pic.py_io_read(2, 1) == 0xDE
    pic.py_line(5, 1)
    assert pic.py_acknowledge() == 0x25
    assert not pic.intr.high
    pic.py_io_write(0, 0, 0x20)
    assert pic.intr.high                # still asserted: again
    pic.py_line(5, 0)
    assert not pic.intr.high


def test_icw1_clears(pic):
    pic.py_line(3, 1)
    pic.py_acknowledge()
    pic.py_io_write(0, 1, 0xFF)
    init(pic)
    assert isr(pic) == 0 and pic.py_io_read(0, 1) == 0 and not pic.intr.high


def test_word_access_reaches_both_registers(pic):
    pic.py_io_write(0, 0, 0xAA0B, 2)    # OCW3 and IMR
    assert pic.py_io_read(0, 1) == 0xAA
