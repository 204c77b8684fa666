"""Debug console, debug exit, POST port, interrupt wiring, host rings."""
import pytest
from emu_core_pyx.bus.hostring import HostRing
from emu_core_pyx.devices.debugcon import DebugCon
from emu_core_pyx.devices.debugexit import DebugExit
from emu_core_pyx.devices.gsi import Gsi
from emu_core_pyx.devices.pic8259 import Pic8259Pair
from emu_core_pyx.devices.port80 import Port80


def test_debugcon():
    d = DebugCon()
    assert d.py_io_read(0, 0) == 0xE9
    for ch in b"boot\n":
        d.py_io_write(0, 0, ch)
    assert d.take_output() == b"boot\n"
    d.discard = True
    d.py_io_write(0, 0, 65)
    assert d.take_output() == b""


@pytest.mark.parametrize("value,size,code", [(0, 1, 1), (0x10, 4, 0x21), (0x7F, 1, 0xFF)])
def test_debugexit(value, size, code):
    d = DebugExit()
    d.py_io_write(0, 0, value, size)
    assert d.code == code


def test_port80():
    p = Port80()
    p.py_io_write(0, 0, 0x55)
    assert p.py_io_read(0, 0) == 0x55 and p.code == 0x55 and p.writes == 1


def test_shared_interrupts_are_wired_or():
    gsi, pic = Gsi(), Pic8259Pair()
    pic.reset()
    gsi.connect(pic)
    extra = gsi.share(4)
    gsi.py_line(4, 1)
    gsi.py_line(extra, 1)
    gsi.py_line(4, 0)
    assert gsi.levels[4] and pic.info[0]["lines"] == 0x10
    gsi.py_line(extra, 0)
    assert pic.info[0]["lines"] == 0


def test_host_ring():
    r = HostRing(16)
    assert r.feed(b"0123456789") == 10 and r.count == 10 and r.peek() == b"0123456789"
    assert r.feed(b"abcdefghij") == 6
    assert r.take() == b"0123456789abcdef" and r.count == 0 and r.total == 16
    with pytest.raises(ValueError):
        HostRing(10)
