"""8254, by operating mode."""
import pytest
from emu_core_pyx.bus.clock import Clock
from emu_core_pyx.devices.pit8254 import Pit8254


def ns(tick):
    """First nanosecond of clock edge `tick`."""
    return -(-tick * 88000 // 105)


class Bench:
    def __init__(self):
        self.clock = Clock()
        self.pit = Pit8254()
        self.pit.attach(self.clock)
        self.pit.reset()
        self.at(100)

    def at(self, tick):
        self.clock.set_ns(ns(tick))

    def control(self, v):
        self.pit.py_io_write(0, 3, v)

    def write(self, k, v):
        self.pit.py_io_write(0, k, v & 0xFF)
        self.pit.py_io_write(0, k, v >> 8)

    def read(self, k):
        lo = self.pit.py_io_read(0, k)
        return lo | self.pit.py_io_read(0, k) << 8

    def out2(self):
        return self.pit.py_io_read(1, 0) >> 5 & 1

    def edges(self, last):
        """Ticks at which OUT0 changes, up to tick `last`."""
        res = []
        level = self.pit.irq.high
        tick = self.clock.ns * 105 // 88000
        while tick < last:
            tick += 1
            self.at(tick)
            if self.pit.irq.high != level:
                level = self.pit.irq.high
                res.append((tick, int(level)))
        return res


@pytest.fixture
def b():
    return Bench()


def test_mode_0_interrupt_on_terminal_count(b):
    b.control(0x30)
    assert not b.pit.irq.high
    b.write(0, 10)
    assert b.edges(130) == [(111, 1)]       # N + 1 clocks after the write
    b.control(0x00)
    assert b.read(0) == (10 - 29) & 0xFFFF  # it goes on counting


def test_mode_0_first_byte_stops_counting(b):
    b.control(0x30)
    b.write(0, 10)
    b.at(111)
    assert b.pit.irq.high
    b.pit.py_io_write(0, 0, 5)
    assert b.pit.info[0]["out"] == 0
    b.pit.py_io_write(0, 0, 0)
    assert not b.pit.irq.high
    assert b.edges(140) == [(117, 1)]


def test_mode_1_hardware_retriggerable_one_shot(b):
    b.control(0xB2)
    b.write(2, 10)
    assert b.out2() == 1
    b.pit.py_io_write(1, 0, 1)              # gate rises: trigger
    b.at(101)
    assert b.out2() == 0
    b.at(105)
    b.pit.py_io_write(1, 0, 0)
    b.pit.py_io_write(1, 0, 1)              # again
    b.at(115)
    assert b.out2() == 0
    b.at(116)
    assert b.out2() == 1


def test_mode_2_rate_generator(b):
    b.control(0x34)
    b.write(0, 4)
    assert b.pit.irq.high
    assert b.edges(114) == [(104, 0), (105, 1), (108, 0), (109, 1), (112, 0), (113, 1)]
    b.at(115)
    b.control(0x00)
    assert b.read(0) == 2


def test_mode_2_new_count_after_current_cycle(b):
    b.control(0x34)
    b.write(0, 4)
    b.at(102)
    b.write(0, 6)
    assert b.edges(118) == [(104, 0), (105, 1), (110, 0), (111, 1), (116, 0), (117, 1)]


def test_mode_3_square_wave(b):
    b.control(0x36)
    b.write(0, 5)                           # odd: high 3, low 2
    assert b.edges(112) == [(104, 0), (106, 1), (109, 0), (111, 1)]


def test_mode_3_counts_by_two(b):
    b.control(0x36)
    b.write(0, 8)
    seen = []
    for tick in range(101, 110):
        b.at(tick)
        b.control(0x00)
        seen.append(b.read(0))
    assert seen == [8, 6, 4, 2, 8, 6, 4, 2, 8]


def test_mode_3_new_count_at_half_cycle(b):
    b.control(0x36)
    b.write(0, 8)
    b.at(102)
    b.write(0, 4)                           # high half ends at 105, then the low half of 4
    assert b.edges(112) == [(105, 0), (107, 1), (109, 0), (111, 1)]


def test_mode_4_software_strobe(b):
    b.control(0x38)
    assert b.pit.irq.high
    b.write(0, 10)
    assert b.edges(140) == [(111, 0), (112, 1)]


def test_mode_5_hardware_strobe(b):
    b.control(0xBA)
    b.write(2, 3)
    b.at(120)
    assert b.out2() == 1
    b.pit.py_io_write(1, 0, 1)
    b.at(124)
    assert b.out2() == 0
    b.at(125)
    assert b.out2() == 1


def test_gate_stops_and_restarts_mode_2(b):
    b.pit.py_io_write(1, 0, 1)
    b.control(0xB4)
    b.write(2, 100)
    b.at(120)
    b.pit.py_io_write(1, 0, 0)
    assert b.out2() == 1
    b.control(0x80)
    first = b.read(2)
    b.at(150)
    b.control(0x80)
    assert b.read(2) == first == 81
    b.pit.py_io_write(1, 0, 1)              # reloads
    b.at(161)
    b.control(0x80)
    assert b.read(2) == 90


def test_gate_pauses_mode_0(b):
    b.pit.py_io_write(1, 0, 1)
    b.control(0xB0)
    b.write(2, 10)
    b.at(106)
    b.pit.py_io_write(1, 0, 0)
    b.at(200)
    b.pit.py_io_write(1, 0, 1)
    b.at(204)
    assert b.out2() == 0
    b.at(205)
    assert b.out2() == 1


def test_bcd_counting(b):
    b.control(0x35)
    b.write(0, 0x1000)
    b.at(102)
    b.control(0x00)
    assert b.read(0) == 0x0999
    b.control(0x35)
    b.write(0, 0)                           # 10000
    b.at(104)
    b.control(0x00)
    assert b.read(0) == 0x9999


def test_latch_holds_until_read(b):
    b.control(0x34)
    b.write(0, 1000)
    b.at(111)
    b.control(0x00)
    b.at(200)
    b.control(0x00)                         # ignored: the first latch is still unread
    assert b.read(0) == 990
    assert b.read(0) != 990


def test_read_back_count_and_status(b):
    b.control(0x36)
    b.control(0xE2)                         # status of counter 0
    assert b.pit.py_io_read(0, 0) == 0xF6   # out, null count, rw 3, mode 3
    b.write(0, 1000)
    b.at(101)
    b.control(0xC2)                         # both: status first
    assert b.pit.py_io_read(0, 0) == 0xB6
    assert b.read(0) == 1000


def test_lsb_and_msb_only(b):
    b.control(0x14)
    b.pit.py_io_write(0, 0, 0x80)
    b.at(101)
    assert b.pit.py_io_read(0, 0) == 0x80
    b.control(0x24)
    b.pit.py_io_write(0, 0, 0x02)
    b.at(102)
    assert b.pit.py_io_read(0, 0) == 0x02


def test_count_0_is_65536(b):
    b.control(0x34)
    b.write(0, 0)
    b.at(101)
    assert b.pit.info[0]["initial"] == 65536
    b.at(101 + 65536 - 1)
    assert not b.pit.irq.high
    b.at(101 + 65536)
    assert b.pit.irq.high


def test_port_61(b):
    assert b.pit.py_io_read(1, 0) & 0x0F == 0
    b.pit.py_io_write(1, 0, 0x03)
    b.control(0xB6)
    b.write(2, 1193)
    assert b.pit.speaker.high and abs(b.pit.speaker_hz - 1000.15) < 0.1
    t = b.clock.ns
    levels = []
    for k in range(40):
        b.clock.set_ns(t + k * 15085)
        levels.append(b.pit.py_io_read(1, 0) >> 4 & 1)
    assert sum(a != c for a, c in zip(levels, levels[1:], strict=False)) == 39     # refresh toggle


def test_rate_over_a_second_is_exact(b):
    b.control(0x34)
    b.write(0, 11932)
    b.clock.set_ns(b.clock.ns + 1_000_000_000)
    b.control(0x00)
    assert (b.clock.ns * 105 // 88000 - 101) % 11932 == 11932 - b.read(0)
