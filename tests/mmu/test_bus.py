"""Port and MMIO routing."""
import pytest
from emu_core_pyx.bus.bus import BoardError, Bus
from emu_core_pyx.mmu.testing import Recorder


@pytest.fixture
def bus():
    return Bus()


def test_ports(bus):
    a = Recorder("a")
    bus.map_io(a, 3, 0x60, 8)
    assert bus.inp(0x64) == 4
    assert bus.inp(0x62, 2) == 0x0302
    assert bus.inp(0x60, 4) == 0x03020100
    bus.outp(0x61, 0x1FF)
    assert a.take() == [("r", 4, 1, 0), ("r", 2, 2, 0), ("r", 0, 4, 0), ("w", 1, 1, 0xFF)]


def test_nobody_reads_ones(bus):
    assert [bus.inp(0x80, n) for n in (1, 2, 4)] == [0xFF, 0xFFFF, 0xFFFFFFFF]
    assert bus.peek(0xFEE00000, 8) == (1 << 64) - 1
    bus.outp(0x80, 1)
    bus.poke(0xFEE00000, 1)
    assert bus.unclaimed_accesses == 6


def test_splitting(bus):
    a, b = Recorder("a"), Recorder("b")
    bus.map_io(a, 0, 0x100, 2)
    bus.map_io(b, 0, 0x102, 1)
    assert bus.inp(0x100, 4) == 0xFF000100
    assert a.take() == [("r", 0, 2, 0)] and b.take() == [("r", 0, 1, 0)]
    bus.outp(0x101, 0x1234, 2)
    assert a.take() == [("w", 1, 1, 0x34)] and b.take() == [("w", 0, 1, 0x12)]
    assert bus.inp(0x0FF, 4) == 0x000100FF
    assert bus.inp(0xFFFF, 2) == 0xFFFF
    c = Recorder("c")
    bus.map_io(c, 0, 0x201, 1)
    assert bus.inp(0x200, 4) == 0xFFFF00FF


def test_mmio_edges(bus):
    a, b = Recorder("a"), Recorder("b")
    bus.map_mmio(b, 0, 0x2000, 0x100)
    bus.map_mmio(a, 0, 0x1000, 0x100)
    assert bus.peek(0x10FC, 4) == 0xFFFEFDFC
    assert bus.peek(0x10FC, 8) == 0xFFFFFFFFFFFEFDFC
    assert bus.peek(0x2000, 1) == 0 and bus.peek(0x1FFF, 1) == 0xFF and bus.peek(0xFFC, 8) == 0x03020100FFFFFFFF


def test_overlap_names_both(bus):
    bus.map_io(Recorder("pit"), 0, 0x40, 4)
    with pytest.raises(BoardError, match="speaker.*0x43.*pit.*0x40"):
        bus.map_io(Recorder("speaker"), 0, 0x43, 1)
    bus.map_mmio(Recorder("lapic"), 0, 0xFEE00000, 0x1000)
    with pytest.raises(BoardError, match="hpet.*lapic"):
        bus.map_mmio(Recorder("hpet"), 0, 0xFEE00FFF, 1)
    with pytest.raises(BoardError, match="do not exist"):
        bus.map_io(Recorder("far"), 0, 0xFFFF, 2)


def test_move_and_listing(bus):
    a = Recorder("bar")
    s = bus.map_io(a, 1, 0, 0)
    m = bus.map_mmio(a, 2, 0x10000000, 0x1000)
    assert bus.listing() == [("mmio", 0x10000000, 0x1000, "bar", 2)]
    bus.move(s, 0xC000, 16)
    bus.move(m, 0xE0000000, 0x1000)
    assert bus.inp(0xC003) == 3 and bus.peek(0xE0000004, 1) == 4 and bus.peek(0x10000004, 1) == 0xFF
    assert [x[:3] for x in bus.listing()] == [("io", 0xC000, 16), ("mmio", 0xE0000000, 0x1000)]
    bus.unmap(s)
    bus.unmap(m)
    assert bus.inp(0xC003) == 0xFF and bus.listing() == []
    with pytest.raises(BoardError):
        bus.move(99, 0, 0)


def test_the_low_half_of_a_split_read_comes_first(bus):
    """A device may change by being read: which half comes first is part of what the guest sees."""
    a = Recorder("a")
    bus.map_io(a, 0, 0x101, 2)
    bus.map_io(a, 1, 0x103, 2)
    bus.map_mmio(a, 2, 0x1001, 3)
    bus.map_mmio(a, 3, 0x1004, 8)
    assert bus.inp(0x102, 2) == 0x0001 and bus.inp(0x101, 4) == 0x01000100
    assert [row[1] for row in a.take()] == [1, 0, 0, 0]
    assert bus.peek(0x1000, 8) & 0xFFFFFFFF00000000 == 0x0302010000000000
    assert [row[1] for row in a.take()] == [0, 1, 0]
