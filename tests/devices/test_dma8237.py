"""8237A pair."""
import pytest
from emu_core_pyx.bus.dma import Dma
from emu_core_pyx.devices.dma8237 import Dma8237


@pytest.fixture
def d():
    dev = Dma8237()
    dev.dma = Dma(1 << 20)
    dev.py_io_write(1, 0x1A, 0)
    dev.py_io_write(1, 0x14, 0x00)          # channel 4: unmask the cascade
    return dev


def program(d, ch, mode, phys, count):
    region, k = (0, ch) if ch < 4 else (1, ch - 4)
    step = 1 if ch < 4 else 2
    addr = phys if ch < 4 else phys >> 1

    def wr(reg, v):
        d.py_io_write(region, reg * step, v)
    wr(10, 4 | k)
    wr(12, 0)
    wr(11, mode | k)
    for reg, v in ((2 * k, addr), (2 * k + 1, count)):
        wr(reg, v & 0xFF)
        wr(reg, v >> 8 & 0xFF)
    d.py_io_write(2, {0: 7, 1: 3, 2: 1, 3: 2, 5: 0xB, 6: 9, 7: 0xA}[ch] - 1, phys >> 16)
    wr(10, k)


def test_write_to_memory_until_terminal_count(d):
    program(d, 2, 0x44, 0x51234, 9)
    assert d.py_transfer(2, b"0123456789abc") == (10, b"0123456789abc", True)
    assert d.dma.peek(0x51234, 12) == b"0123456789\0\0"
    assert d.py_io_read(0, 8) == 0x04                   # status: TC of channel 2, cleared by reading
    assert d.py_io_read(0, 8) == 0x00
    assert d.py_transfer(2, b"x")[0] == 0               # masked by TC


def test_read_from_memory(d):
    d.dma.poke(0x8000, b"sector!")
    program(d, 2, 0x48, 0x8000, 511)
    assert d.py_transfer(2, bytes(7)) == (7, b"sector!", False)
    d.py_io_write(0, 12, 0)
    assert d.py_io_read(0, 5) | d.py_io_read(0, 5) << 8 == 511 - 7


def test_auto_initialisation(d):
    program(d, 1, 0x54, 0x100, 3)
    assert d.py_transfer(1, b"abcd")[2]
    assert d.py_transfer(1, b"efgh")[2]
    assert d.dma.peek(0x100, 4) == b"efgh"


def test_word_channel_and_page(d):
    program(d, 5, 0x44, 0x34000, 1)
    assert d.py_transfer(5, b"wxyz") == (4, b"wxyz", True)
    assert d.dma.peek(0x34000, 4) == b"wxyz"


def test_64k_wrap_stays_in_page(d):
    program(d, 3, 0x44, 0x2FFFE, 3)
    d.py_transfer(3, b"abcd")
    assert d.dma.peek(0x2FFFE, 2) == b"ab" and d.dma.peek(0x20000, 2) == b"cd"


def test_decrement(d):
    program(d, 3, 0x64, 0x1003, 3)
    d.py_transfer(3, b"abcd")
    assert d.dma.peek(0x1000, 4) == b"dcba"


def test_disabled_or_masked(d):
    program(d, 2, 0x44, 0x1000, 9)
    d.py_io_write(0, 8, 0x04)
    assert d.py_transfer(2, b"x")[0] == 0
    d.py_io_write(0, 8, 0x00)
    d.py_io_write(1, 0x14, 0x04)
    assert d.py_transfer(2, b"x")[0] == 0               # the cascade channel is closed
    d.py_io_write(1, 0x14, 0x00)
    d.py_io_write(0, 13, 0)                             # master clear masks all
    assert d.py_transfer(2, b"x")[0] == 0
    assert d.py_io_read(0, 15) == 0xFF


def test_page_registers_read_back(d):
    for off in range(15):
        d.py_io_write(2, off, 0x40 + off)
    assert [d.py_io_read(2, off) for off in range(15)] == [0x40 + off for off in range(15)]
