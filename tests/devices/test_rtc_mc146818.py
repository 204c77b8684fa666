"""MC146818: time, formats, update cycle and the three interrupts."""
import calendar

import pytest
from emu_core_pyx.bus.clock import Clock
from emu_core_pyx.devices.rtc_mc146818 import RtcMc146818

BASE = calendar.timegm((2024, 2, 28, 23, 59, 50))        # a Wednesday, leap year


class Bench:
    def __init__(self, base=BASE):
        self.clock = Clock()
        self.clock.base_unix = base
        self.rtc = RtcMc146818()
        self.rtc.attach(self.clock)
        self.rtc.reset()

    def rd(self, r):
        self.rtc.py_io_write(0, 0, r)
        return self.rtc.py_io_read(0, 1)

    def wr(self, r, v):
        self.rtc.py_io_write(0, 0, r)
        self.rtc.py_io_write(0, 1, v)

    def time(self):
        return tuple(self.rd(r) for r in (0x32, 9, 8, 7, 4, 2, 0, 6))

    def after(self, seconds):
        self.clock.set_ns(self.clock.ns + int(seconds * 1e9))


@pytest.fixture
def b():
    return Bench()


def test_bcd_24h_time_and_leap_day(b):
    assert b.time() == (0x20, 0x24, 0x02, 0x28, 0x23, 0x59, 0x50, 4)
    b.after(10)
    assert b.time() == (0x20, 0x24, 0x02, 0x29, 0x00, 0x00, 0x00, 5)
    b.after(86400)
    assert b.time() == (0x20, 0x24, 0x03, 0x01, 0x00, 0x00, 0x00, 6)


@pytest.mark.parametrize("stamp", [0, 951782400, 4102444799, 1709164799, 13569465600])
def test_any_date_matches_the_calendar(stamp):
    b = Bench(stamp)
    b.wr(11, 0x06)
    g = __import__("time").gmtime(stamp)
    assert b.time() == (g.tm_year // 100, g.tm_year % 100, g.tm_mon, g.tm_mday, g.tm_hour, g.tm_min, g.tm_sec,
                        (g.tm_wday + 1) % 7 + 1)


def test_12_hour_mode(b):
    b.wr(11, 0x00)
    assert b.rd(4) == 0x91
    b.after(10)
    assert b.rd(4) == 0x12
    b.after(12 * 3600)
    assert b.rd(4) == 0x92


def test_binary_mode(b):
    b.wr(11, 0x06)
    assert b.time()[:7] == (20, 24, 2, 28, 23, 59, 50)


def test_setting_the_time_with_set(b):
    b.wr(11, 0x82)
    for r, v in ((0x32, 0x19), (9, 0x99), (8, 0x12), (7, 0x31), (4, 0x23), (2, 0x59), (0, 0x58), (6, 0x03)):
        b.wr(r, v)
    b.after(5)
    assert b.rd(0) == 0x58              # frozen
    b.wr(11, 0x02)
    b.after(2)
    assert b.time() == (0x20, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00, 4)


def test_writing_a_running_clock(b):
    b.wr(4, 0x05)
    assert b.time()[4:7] == (0x05, 0x59, 0x50)


def test_update_in_progress(b):
    assert b.rd(10) & 0x80 == 0
    b.clock.set_ns(1_000_000_000 - 2_200_000)
    assert b.rd(10) & 0x80
    b.clock.set_ns(1_000_000_000)
    assert b.rd(10) & 0x80 == 0
    b.wr(11, 0x82)
    b.clock.set_ns(2_000_000_000 - 100_000)
    assert b.rd(10) & 0x80 == 0         # SET inhibits updates


def test_update_ended_interrupt(b):
    b.wr(11, 0x12)
    b.clock.set_ns(999_999_999)
    assert not b.rtc.irq.high
    b.clock.set_ns(1_000_000_000)
    assert b.rtc.irq.high
    assert b.rd(12) & 0x90 == 0x90
    assert not b.rtc.irq.high and b.rd(12) == 0


def test_alarm_interrupt(b):
    for r, v in ((1, 0x05), (3, 0x00), (5, 0x00)):
        b.wr(r, v)
    b.rd(12)
    b.wr(11, 0x22)
    b.after(14.999)
    assert not b.rtc.irq.high
    b.after(0.001)
    assert b.rtc.irq.high and b.rd(12) & 0xA0 == 0xA0


def test_alarm_dont_care(b):
    for r, v in ((1, 0x30), (3, 0xFF), (5, 0xC0)):
        b.wr(r, v)
    b.wr(11, 0x22)
    b.after(40)
    assert b.rd(12) & 0x20
    b.after(60)
    assert b.rd(12) & 0x20


def test_flags_without_enable(b):
    b.rd(12)
    b.after(1)
    assert b.rd(12) & 0xF0 == 0x50      # PF and UF, no IRQF
    assert not b.rtc.irq.high


@pytest.mark.parametrize("rs,hz", [(1, 256), (2, 128), (3, 8192), (6, 1024), (15, 2)])
def test_periodic_rates(b, rs, hz):
    b.wr(10, 0x20 | rs)
    b.wr(11, 0x42)
    b.rd(12)
    n = 0
    for k in range(1, 2049):
        b.clock.set_ns(k * 1_000_000_000 // 2048 if hz <= 1024 else k * 1_000_000_000 // 16384)
        if b.rtc.irq.high:
            n += 1
            b.rd(12)
    expected = hz if hz <= 1024 else hz // 8
    assert abs(n - expected) <= 1


def test_divider_reset_starts_half_a_second_later(b):
    b.wr(10, 0x70)
    b.after(3)
    b.rd(12)
    s = b.rd(0)
    b.wr(10, 0x26)
    b.after(0.4)
    assert b.rd(0) == s
    b.after(0.15)
    assert b.rd(0) == s + 1


def test_nvram_and_reset(b):
    b.wr(0x50, 0xA5)
    b.wr(11, 0x72)
    b.rtc.reset()
    assert b.rd(0x50) == 0xA5 and b.rd(11) == 0x02
    assert b.rd(13) == 0x80


def test_memory_size_bytes(b):
    b.rtc.set_memory_size(256 << 20, 1 << 30)
    assert b.rd(0x15) | b.rd(0x16) << 8 == 640
    assert b.rd(0x17) | b.rd(0x18) << 8 == 0xFFFF
    assert b.rd(0x34) | b.rd(0x35) << 8 == 240 * 16
    assert b.rd(0x5C) == 0x40
    assert b.rd(0x2E) << 8 | b.rd(0x2F) == sum(b.rd(r) for r in range(0x10, 0x2E))


def test_nmi_mask_line(b):
    b.rtc.py_io_write(0, 0, 0x8F)
    assert b.rtc.nmi_mask.high
    assert b.rtc.py_io_read(0, 0) == 0xFF
