"""The host's side of keyboard and mouse: what waits, when the host is told, set 3 key modes, defaults."""
import pytest
from emu_core_pyx.bus.clock import Clock
from emu_core_pyx.devices.i8042 import I8042


class Bench:
    def __init__(self):
        self.clock = Clock()
        self.k = I8042()
        self.k.attach(self.clock)
        self.k.reset()

    def read(self):
        out = []
        while self.k.py_io_read(1, 0) & 1:
            out.append(self.k.py_io_read(0, 0))
            self.later(0.03)
        return out

    def later(self, ms):
        self.clock.set_ns(self.clock.ns + int(ms * 1_000_000))

    def kbd(self, *args):
        return [b for a in args for b in (self.k.py_io_write(0, 0, a), self.read())[1]]

    def mouse(self, *args):
        out = []
        for a in args:
            self.k.py_io_write(1, 0, 0xD4)
            self.k.py_io_write(0, 0, a)
            out += self.read()
        return out


@pytest.fixture
def b():
    return Bench()


def test_idle_is_when_the_last_byte_has_been_read(b):
    assert b.k.keyboard_idle
    b.k.keyboard.press(0x1E)
    assert b.k.keyboard.idle and not b.k.keyboard_idle      # the byte is in the controller
    b.read()
    assert b.k.keyboard_idle


def test_the_host_is_told_once_when_everything_is_read(b):
    told = []

    b.k.keyboard.key(0x1E)
    b.k.keyboard.watch = True
    while b.k.keyboard.watch:
        assert b.k.py_io_read(1, 0) & 1
        told.append(b.k.py_io_read(0, 0))
        b.later(0.03)
    assert told == [0x1E, 0x9E]


def test_set_3_keys_without_typematic_do_not_repeat(b):
    b.k.py_io_write(1, 0, 0x60)
    b.k.py_io_write(0, 0, 0x05)                         # no translation
    assert b.kbd(0xF0, 0x03) == [0xFA, 0xFA]
    assert b.kbd(0xFC, 0x1C) == [0xFA, 0xFA]            # key A: make and break
    b.kbd(0xF4)
    b.k.keyboard.press(0x1E)
    assert b.read() == [0x1C]
    b.later(2000)
    assert b.read() == []
    b.k.keyboard.release(0x1E)
    assert b.read() == [0xF0, 0x1C]
    b.k.keyboard.press(0x1F)
    assert b.read() == [0x1B]
    b.later(550)
    assert b.read() == [0x1B]


def test_defaults_go_back_to_set_2_and_keep_scanning_as_it_was(b):
    b.k.py_io_write(1, 0, 0x60)
    b.k.py_io_write(0, 0, 0x05)
    b.kbd(0xF0, 0x01)
    assert b.kbd(0xF6) == [0xFA]
    b.k.keyboard.key(0x1E)
    assert b.read() == [0x1C, 0xF0, 0x1C]
    assert b.kbd(0xF5, 0xF6) == [0xFA, 0xFA]            # off stays off
    b.k.keyboard.key(0x1E)
    assert b.read() == []
    assert b.kbd(0xF4) == [0xFA, 0x1C, 0xF0, 0x1C]


def test_a_key_does_not_delay_the_self_test(b):
    b.k.py_io_write(0, 0, 0xFF)
    assert b.read() == [0xFA]
    b.k.keyboard.press(0x1E)
    b.later(1)
    assert b.read() == [0xAA, 0x1E]


def test_mouse_is_idle_when_nobody_wants_its_reports(b):
    b.k.mouse.move(5, 5)
    assert b.k.mouse_idle
    assert b.mouse(0xF4) == [0xFA]
    b.k.mouse.move(300, 0)
    assert not b.k.mouse_idle
    assert b.read() == [0x08, 255, 0]
    b.later(20)
    assert b.read() == [0x08, 45, 0]
    assert b.k.mouse_idle and b.k.mouse.reporting
