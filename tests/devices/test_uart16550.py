"""PC16550D."""
import pytest
from emu_core_pyx.bus.clock import Clock
from emu_core_pyx.devices.uart16550 import Uart16550

RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR = range(8)
CHAR = 86_805           # 10 bits at 115200


class Bench:
    def __init__(self):
        self.clock = Clock()
        self.u = Uart16550()
        self.u.attach(self.clock)
        self.u.reset()
        self.wr(LCR, 0x83)
        self.wr(0, 1)
        self.wr(1, 0)
        self.wr(LCR, 0x03)

    def rd(self, r):
        return self.u.py_io_read(0, r)

    def wr(self, r, v):
        self.u.py_io_write(0, r, v)

    def after(self, chars):
        self.clock.set_ns(self.clock.ns + int(chars * CHAR))


@pytest.fixture
def b():
    return Bench()


def test_divisor_latch(b):
    assert b.u.baud == 115200
    b.wr(LCR, 0x83)
    assert (b.rd(0), b.rd(1)) == (1, 0)
    b.wr(LCR, 0x03)
    assert b.rd(IER) == 0


def test_reset_values(b):
    b.u.reset()
    assert [b.rd(r) for r in (IER, IIR, LCR, MCR, LSR, MSR)] == [0, 1, 0, 0, 0x60, 0xB0]


def test_transmit(b):
    for ch in b"hello":
        assert b.rd(LSR) & 0x20
        b.wr(0, ch)
    assert b.u.tx_count == 5 and b.u.take_output() == b"hello" and b.u.tx_count == 0


def test_thre_interrupt_sequence(b):
    b.wr(IER, 2)
    assert b.u.irq.high and b.rd(IIR) == 0x02       # empty transmitter, on enabling
    assert not b.u.irq.high and b.rd(IIR) == 0x01   # reading IIR cleared it
    b.wr(0, 65)
    assert not b.u.irq.high
    b.after(1)
    assert b.u.irq.high and b.rd(IIR) == 0x02
    b.wr(IER, 0)
    b.wr(IER, 2)
    assert b.rd(IIR) == 0x02                        # again on enabling


def test_receive_without_fifo(b):
    b.wr(IER, 1)
    b.u.feed(b"ab")
    b.after(1.01)
    assert b.rd(LSR) & 1 and b.u.irq.high and b.rd(IIR) == 0x04
    b.after(5)
    assert b.rd(0) == ord("a")
    assert not b.u.irq.high
    b.after(1.01)
    assert b.rd(0) == ord("b") and b.rd(LSR) & 1 == 0


def test_the_first_character_waits_for_the_guest():
    """A firmware that only looks whether there is a port does not swallow what was typed early."""
    b = Bench.__new__(Bench)
    b.clock, b.u = Clock(), Uart16550()
    b.u.attach(b.clock)
    b.u.reset()
    b.u.feed(b"ab")
    b.wr(IER, 2)
    assert b.rd(IIR) == 2 and b.rd(MCR) == 0
    b.wr(IER, 0)
    b.after(1000)
    b.wr(LCR, 3)
    b.wr(IIR, 7)
    b.after(200)
    assert [b.rd(RBR), b.rd(RBR)] == [0x61, 0x62]


def test_fifo_trigger_level_and_timeout(b):
    b.wr(IIR, 0x81)                                 # enable, trigger at 8
    b.wr(IER, 1)
    assert b.rd(IIR) == 0xC1
    b.u.feed(bytes(range(8)))
    b.after(7.01)
    assert not b.u.irq.high
    b.after(1)
    assert b.rd(IIR) == 0xC4
    b.rd(0)
    assert b.rd(IIR) == 0xC1
    b.after(3.9)
    assert b.rd(IIR) == 0xC1
    b.after(0.2)
    assert b.rd(IIR) == 0xCC                        # character timeout
    assert [b.rd(0) for _ in range(7)] == list(range(1, 8))
    assert b.rd(IIR) == 0xC1


def test_nothing_overruns(b):
    b.wr(IIR, 0xC1)
    data = bytes(k & 0xFF for k in range(1000))
    assert b.u.feed(data) == 1000
    got = bytearray()
    while len(got) < 1000:
        b.after(40)
        while b.rd(LSR) & 1:
            got.append(b.rd(0))
        assert b.rd(LSR) & 2 == 0
    assert got == data


def test_fifo_reset_bits(b):
    b.wr(IIR, 0x01)
    b.u.feed(b"xyz")
    b.after(4)
    assert b.rd(LSR) & 1
    b.wr(IIR, 0x03)
    assert b.rd(LSR) & 1 == 0


def test_loopback_data_and_modem(b):
    b.wr(MCR, 0x1A)                                 # LOOP, OUT2, RTS
    assert b.rd(MSR) & 0xF0 == 0x90
    b.wr(0, 0x5A)
    assert b.rd(0) == 0x5A and b.u.take_output() == b""
    b.wr(0, 1)
    b.wr(0, 2)
    assert b.rd(LSR) & 2 and b.rd(0) == 2           # overrun in the holding register


def test_loopback_fifo_holds_16(b):
    b.wr(IIR, 0x01)
    b.wr(MCR, 0x10)
    for k in range(17):
        b.wr(0, k)
    assert b.rd(LSR) & 2
    assert [b.rd(0) for _ in range(16)] == list(range(16))


def test_modem_status_deltas_and_interrupt(b):
    b.rd(MSR)
    b.wr(IER, 8)
    b.u.py_line(0, 0)
    assert b.u.irq.high and b.rd(IIR) == 0x00
    assert b.rd(MSR) == 0xA1 and b.rd(MSR) == 0xA0
    assert not b.u.irq.high
    b.u.py_line(2, 1)
    assert b.rd(MSR) & 0x04 == 0
    b.u.py_line(2, 0)
    assert b.rd(MSR) & 0x04                         # trailing edge of RI


def test_break_is_a_line_status_interrupt(b):
    b.wr(IER, 5)
    b.u.send_break()
    b.after(1.1)
    assert b.rd(IIR) == 0x06
    assert b.rd(LSR) & 0x11 == 0x11
    assert b.rd(IIR) == 0x04 and b.rd(0) == 0


def test_interrupt_priorities(b):
    b.wr(IER, 0x0F)
    b.u.py_line(0, 0)
    b.u.feed(b"q")
    b.after(2)
    assert b.rd(IIR) == 0x04
    b.rd(0)
    assert b.rd(IIR) == 0x02
    assert b.rd(IIR) == 0x00
    b.rd(MSR)
    assert b.rd(IIR) == 0x01


def test_scratch(b):
    b.wr(SCR, 0xA5)
    assert b.rd(SCR) == 0xA5


def test_output_ring_asks_to_be_drained(b):
    for _ in range((1 << 20) * 7 // 8 + 1):
        b.wr(0, 0x2E)
    assert b.u.tx_full.high
    assert len(b.u.take_output()) == (1 << 20) * 7 // 8 + 1
    assert not b.u.tx_full.high


def test_queued_input_is_state(b):
    b.u.feed(b"abc")
    saved = b.u.save()
    other = Bench()
    other.u.load(saved)
    other.after(1.1)
    assert other.rd(0) == ord("a")
