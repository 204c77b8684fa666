"""PhysMem's Python face: layout, ROM, views, dirty pages."""
import numpy as np
import pytest
from emu_core_pyx.mmu.physmem import PhysMem
from emu_core_pyx.mmu.testing import TestCpu


def test_layout():
    mem = PhysMem(16 << 20, 8 << 20)
    assert [r[:3] for r in mem.regions()] == [
        (0, 0xA0000, "ram"), (0xC0000, (8 << 20) - 0xC0000, "ram"), (1 << 32, 8 << 20, "ram")]
    mem.write(0xA0000, b"lost")
    assert mem.read(0xA0000, 4) == b"\xFF" * 4
    mem.write((8 << 20) - 2, b"abcd")
    assert mem.read((8 << 20) - 2, 4) == b"ab\xFF\xFF"
    mem.write((1 << 32) + (8 << 20) - 1, b"z")
    assert mem.ram[-1] == ord("z")
    assert mem.read((1 << 32) + (8 << 20), 1) == b"\xFF"


@pytest.mark.parametrize("size", [0, 1000, 1 << 40])
def test_impossible_sizes(size):
    with pytest.raises(ValueError, match="multiple of 4096"):
        PhysMem(size)


def test_rom_and_alias():
    mem = PhysMem(2 << 20)
    first = mem.add_rom(0xFFFF0000, bytes(range(256)) * 256, "bios")
    mem.alias(0xF0000, first, 0x10000, False, "bios (isa)")
    assert mem.read(0xFFFFFFF0, 16) == mem.read(0xFFFF0, 16) == bytes(range(240, 256))
    mem.write(0xF0000, b"x")
    assert mem.read(0xF0000, 1) == b"\0"
    short = mem.add_rom(0xC0000, b"\x55\xAA", "option")
    assert mem.read(0xC0000, 4) == b"\x55\xAA\xFF\xFF" and short > first
    with pytest.raises(ValueError, match="page-aligned"):
        mem.add_rom(0xC0100, b"x")


def test_views():
    mem = PhysMem(1 << 20)
    view = mem.ram
    assert view.shape == (1 << 20,) and view.dtype == np.uint8
    mem.write(0x1234, b"A")
    assert view[0x1234] == 65
    with pytest.raises(ValueError):
        view[0] = 1
    mem.ram_for_writing()[5] = 7
    assert mem.read(5, 1) == b"\x07"
    del mem
    assert view[0x1234] == 65       # the view keeps the memory


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
def test_dirty_pages(mmu):
    cpu = TestCpu(1 << 20, mmu)
    mem = cpu.mem
    assert list(mem.dirty_pages()) == []
    cpu.read(0x3000, 4)
    cpu.write(0x3000, b"x")
    cpu.phys_write(0x5FFF, b"xy")
    mem.write(0x8000, b"z")
    assert list(mem.dirty_pages()) == [3, 5, 6, 8]
    assert cpu.is_fast(0x3000, True)
    mem.clear_dirty()
    assert list(mem.dirty_pages()) == []
    assert not cpu.is_fast(0x3000, True)
    cpu.write(0x3004, b"x")
    assert list(mem.dirty_pages()) == [3] and cpu.is_fast(0x3000, True)
    mem.changed()
    assert len(mem.dirty_pages()) == 256


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
def test_behind_the_processors_back(mmu):
    """DMA into a page table, and `changed` after a direct write."""
    cpu = TestCpu(1 << 20, mmu)
    cpu.phys_write(0x1000, (0x2003).to_bytes(4, "little"))
    cpu.phys_write(0x2014, (0x5003).to_bytes(4, "little"))
    cpu.set(cr0=1 << 31 | 1, cr3=0x1000)
    assert cpu.translate(0x5000, 0) == 0x5000
    cpu.mem.write(0x2014, (0x6003).to_bytes(4, "little"))
    cpu.invlpg(0x5000)
    assert cpu.translate(0x5000, 0) == 0x6000
    cpu.mem.ram_for_writing()[0x2015] = 0x70
    cpu.mem.changed()
    assert cpu.translate(0x5000, 0) == 0x7000
    assert cpu.translate_debug(0x5123) == 0x7123 and cpu.translate_debug(0x9000) is None
