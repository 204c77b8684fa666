"""8042, PS/2 keyboard and mouse, port 0x92."""
import pytest
from emu_core_pyx.bus.clock import Clock
from emu_core_pyx.devices.i8042 import I8042
from emu_core_pyx.devices.port92 import Port92


class Bench:
    def __init__(self):
        self.clock = Clock()
        self.k = I8042()
        self.k.attach(self.clock)
        self.k.reset()

    def status(self):
        return self.k.py_io_read(1, 0)

    def data(self):
        assert self.status() & 1
        v = self.k.py_io_read(0, 0)
        self.clock.set_ns(self.clock.ns + 30_000)
        return v

    def all(self):
        res = []
        while self.status() & 1:
            res.append(self.data())
        return res

    def cmd(self, v, *args):
        self.k.py_io_write(1, 0, v)
        for a in args:
            self.k.py_io_write(0, 0, a)

    def kbd(self, *args):
        """Send bytes to the keyboard, collecting all answers."""
        res = []
        for a in args:
            self.k.py_io_write(0, 0, a)
            res += self.all()
        return res

    def mouse(self, *args):
        res = []
        for a in args:
            self.cmd(0xD4, a)
            res += self.all()
        return res


@pytest.fixture
def b():
    return Bench()


def test_self_tests(b):
    b.cmd(0xAA)
    assert b.data() == 0x55
    b.cmd(0xAB)
    assert b.data() == 0x00
    b.cmd(0xA9)
    assert b.data() == 0x00


def test_command_byte_and_ram(b):
    b.cmd(0x60, 0x03)
    b.cmd(0x20)
    assert b.data() == 0x03
    b.cmd(0x7F, 0x77)
    b.cmd(0x3F)
    assert b.data() == 0x77


def test_translated_scan_codes_and_irq1(b):
    b.k.keyboard.press(0x1E)
    assert b.k.irq1.high and b.data() == 0x1E
    b.k.keyboard.release(0x1E)
    assert b.data() == 0x9E and not b.k.irq1.high


def test_all_keys_translate_to_set_1(b):
    for key in [*range(1, 0x54), 0x56, 0x57, 0x58, 0xE01C, 0xE01D, 0xE035, 0xE038, 0xE047, 0xE048, 0xE049, 0xE04B, 0xE04D, 0xE04F,
                0xE050, 0xE051, 0xE052, 0xE053, 0xE05B, 0xE05C, 0xE05D]:
        b.k.keyboard.key(key)
        ext = [0xE0] if key > 0xFF else []
        assert b.all() == ext + [key & 0x7F] + ext + [key & 0x7F | 0x80], hex(key)


def test_special_keys(b):
    b.k.keyboard.key(0xE11D)
    assert b.all() == [0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5]
    b.k.keyboard.key(0xE037)
    assert b.all() == [0xE0, 0x2A, 0xE0, 0x37, 0xE0, 0xB7, 0xE0, 0xAA]
    b.k.keyboard.key(0x38, 0xE037)
    assert b.all() == [0x38, 0x54, 0xD4, 0xB8]
    b.k.keyboard.key(0x1D, 0xE11D)
    assert b.all() == [0x1D, 0xE0, 0x46, 0xE0, 0xC6, 0x9D]


def test_scan_code_set_2_and_3(b):
    b.cmd(0x60, 0x05)                                   # no translation
    b.k.keyboard.key(0x1E)
    assert b.all() == [0x1C, 0xF0, 0x1C]
    assert b.kbd(0xF0, 0x00) == [0xFA, 0xFA, 0x02]
    assert b.kbd(0xF0, 0x03) == [0xFA, 0xFA]
    b.k.keyboard.key(0xE048)
    assert b.all() == [0x63, 0xF0, 0x63]
    assert b.kbd(0xFD, 0x63) == [0xFA, 0xFA]            # make only
    assert b.kbd(0xF4) == [0xFA]
    b.k.keyboard.key(0xE048)
    assert b.all() == [0x63]
    assert b.kbd(0xF0, 0x01) == [0xFA, 0xFA]
    b.k.keyboard.key(0xE048)
    assert b.all() == [0xE0, 0x48, 0xE0, 0xC8]


def test_keyboard_commands(b):
    assert b.kbd(0xEE) == [0xEE]
    assert b.kbd(0xF2) == [0xFA, 0xAB, 0x41]            # AB 83, translated
    assert b.kbd(0xED, 0x05) == [0xFA, 0xFA] and b.k.keyboard.leds == 5
    assert b.kbd(0xF3, 0x00) == [0xFA, 0xFA]
    assert b.kbd(0xFE) == [0xFA]                        # resend
    assert b.kbd(0x00) == [0xFE]
    b.k.py_io_write(0, 0, 0xFF)
    assert b.data() == 0xFA
    b.clock.set_ns(b.clock.ns + 1_000_000)
    assert b.data() == 0xAA


def test_disabled_scanning_keeps_keys_out(b):
    assert b.kbd(0xF5) == [0xFA]
    b.k.keyboard.key(0x1E)
    assert b.all() == []
    assert b.kbd(0xF4) == [0xFA, 0x1E, 0x9E]


def test_disabled_interface_holds_bytes(b):
    b.cmd(0xAD)
    b.k.keyboard.key(0x1E)
    assert not b.status() & 1
    b.cmd(0xAE)
    assert b.all() == [0x1E, 0x9E]


def test_typematic_repeat(b):
    b.kbd(0xF3, 0x00)                                   # 30 a second after 250 ms
    b.k.keyboard.press(0x1E)
    assert b.all() == [0x1E]
    b.clock.set_ns(b.clock.ns + 251_000_000)
    assert b.all() == [0x1E]
    b.clock.set_ns(b.clock.ns + 34_000_000)
    assert b.all() == [0x1E]
    b.k.keyboard.release(0x1E)
    b.clock.set_ns(b.clock.ns + 500_000_000)
    assert b.all() == [0x9E]


def test_no_key_is_lost(b):
    keys = [0x10 + k % 10 for k in range(400)]
    for key in keys:
        b.k.keyboard.key(key)
    assert b.all() == [x for key in keys for x in (key, key | 0x80)]
    assert b.k.keyboard.idle


def test_output_port_a20_and_reset(b):
    assert b.k.a20.high
    b.cmd(0xD0)
    assert b.data() & 3 == 3
    b.cmd(0xD1, 0xDD)
    assert not b.k.a20.high
    b.cmd(0xD1, 0xDF)
    assert b.k.a20.high
    b.cmd(0xDD)
    assert not b.k.a20.high
    port = Port92()
    b.k.reset_out.connect(port, 7)
    b.cmd(0xFE)
    assert not b.k.reset_out.high                       # a pulse


def test_port92_joins_a20(b):
    port = Port92()
    b.k.a20.connect(port, 0)
    assert port.a20.high and port.py_io_read(0, 0) & 2
    port.py_io_write(0, 0, 0)
    assert not port.a20.high
    b.cmd(0xD1, 0xDF)                                   # the other switch, though it was on before
    assert port.a20.high
    b.cmd(0xD1, 0xDD)
    assert not port.a20.high
    port.py_io_write(0, 0, 2)
    assert port.a20.high


def test_aux_loopback_and_irq12(b):
    b.cmd(0xD3, 0x42)
    assert b.status() & 0x21 == 0x21 and b.k.irq12.high
    assert b.data() == 0x42 and not b.k.irq12.high
    b.cmd(0xD2, 0x17)
    assert b.status() & 0x21 == 0x01 and b.data() == 0x17


def test_mouse_reset_and_id(b):
    b.cmd(0xD4, 0xFF)
    assert b.data() == 0xFA
    b.clock.set_ns(b.clock.ns + 1_000_000)
    assert b.all() == [0xAA, 0x00]
    assert b.mouse(0xF2) == [0xFA, 0x00]
    assert b.mouse(0xE9) == [0xFA, 0x00, 0x02, 100]


def test_mouse_packets(b):
    assert b.mouse(0xF4) == [0xFA]
    b.k.mouse.move(5, -3)
    assert b.all() == [0x08, 5, 3]
    b.clock.set_ns(b.clock.ns + 20_000_000)
    b.k.mouse.move(-2, 4)
    b.k.mouse.buttons(1)
    got = b.all()
    b.clock.set_ns(b.clock.ns + 20_000_000)
    got += b.all()
    assert got == [0x38, 0xFE, 0xFC, 0x09, 0, 0]


def test_intellimouse_and_explorer(b):
    assert b.mouse(0xF3, 200, 0xF3, 100, 0xF3, 80) == [0xFA] * 6
    assert b.mouse(0xF2) == [0xFA, 0x03]
    b.mouse(0xF4)
    b.k.mouse.move(0, 0, -1)
    assert b.all() == [0x08, 0, 0, 0xFF]
    assert b.mouse(0xF3, 200, 0xF3, 200, 0xF3, 80) == [0xFA] * 6
    assert b.mouse(0xF2) == [0xFA, 0x04]


def test_mouse_remote_wrap_scaling(b):
    assert b.mouse(0xF0) == [0xFA]
    assert b.mouse(0xEB) == [0xFA, 0x08, 0, 0]
    assert b.mouse(0xEE) == [0xFA]
    assert b.mouse(0x12) == [0x12]
    assert b.mouse(0xEC) == [0xFA]
    assert b.mouse(0xE7, 0xEA, 0xF4) == [0xFA] * 3
    b.k.mouse.move(4, 0)
    assert b.all() == [0x08, 6, 0]
