"""Intel command-set flash: commands, status, CFI tables, contents in the medium and in the guest's memory."""
import pytest
from emu_core_pyx.bus.medium import MemoryMedium
from emu_core_pyx.devices.pflash_cfi01 import PflashCfi01
from emu_core_pyx.mmu.physmem import PhysMem

BASE = 0xFFFE0000
SIZE = 0x20000


class Chip:
    def __init__(self, readonly=False):
        self.medium = MemoryMedium(bytes(range(256)) * (SIZE // 256), readonly)
        self.dev = PflashCfi01()
        self.dev.insert(self.medium)
        self.mem = PhysMem(1 << 20)
        self.dev.place(self.mem, BASE)

    def wr(self, off, *values, size=1):
        for v in values:
            self.dev.py_mmio_write(0, off, v, size)

    def rd(self, off, size=1):
        """As the processor does: memory where there is any, else the chip."""
        seen = self.mem.read(BASE + off, size)
        return int.from_bytes(seen, "little") if self.array else self.dev.py_mmio_read(0, off, size)

    @property
    def array(self):
        return any(self.mem.read(BASE + k, 1) != b"\xff" for k in (0, 1, 0x1000, 0x1FFF0))


@pytest.fixture
def c():
    return Chip()


def test_array_mode_is_plain_memory(c):
    assert c.mem.read(BASE + 0x100, 4) == bytes((0, 1, 2, 3))
    c.wr(0, 0x70)
    assert not c.array                      # reads go to the chip now
    assert c.rd(0x123) == 0
    c.wr(0, 0xFF)
    assert c.array
    assert c.rd(0x123, 4) == 0x26252423


def test_how_ovmf_tells_flash_from_ram_and_rom(c):
    c.wr(5, 0x50)
    assert c.rd(5) == 5
    c.wr(5, 0x70)
    assert c.rd(5) == 0
    c.wr(5, 0xFF)
    assert c.rd(5) == 5


@pytest.mark.parametrize("command", [0x10, 0x40])
def test_program_a_byte_clears_bits_only(c, command):
    c.wr(0x55, command, 0xA2)
    assert c.rd(0x55) == 0x80
    c.wr(0x55, 0xFF)
    assert c.rd(0x55) == 0x55 & 0xA2
    assert c.medium.bytes()[0x54:0x57] == bytes((0x54, 0x55 & 0xA2, 0x56))


def test_erase(c):
    c.wr(0x1234, 0x20, 0xD0)
    assert c.rd(0) == 0x80
    c.wr(0, 0xFF)
    assert c.mem.read(BASE + 0x1000, 0x1000) == b"\xff" * 0x1000
    assert c.mem.read(BASE + 0xFFF, 1) == b"\xff" and c.mem.read(BASE + 0x2000, 2) == b"\0\1"
    assert c.medium.bytes()[0x1000:0x2000] == b"\xff" * 0x1000


def test_erase_needs_its_confirmation(c):
    c.wr(0, 0x20, 0x12)
    assert c.rd(0) == 0xB0
    assert c.medium.bytes()[:4] == bytes((0, 1, 2, 3))
    c.wr(0, 0x50, 0x70)
    assert c.rd(0) == 0


def test_write_to_buffer(c):
    c.wr(0x3000, 0x20, 0xD0, 0xFF)
    c.wr(0x3000, 0xE8)
    assert c.rd(0x3000) & 0x80
    c.wr(0x3000, 3)
    for k, v in enumerate(b"emu!"):
        c.wr(0x3010 + k, v)
    c.wr(0x3000, 0xD0)
    assert c.rd(0) == 0x80
    c.wr(0, 0xFF)
    assert c.mem.read(BASE + 0x300F, 6) == b"\xffemu!\xff"
    assert c.medium.bytes()[0x3010:0x3014] == b"emu!"


def test_buffer_outside_its_block_is_an_error(c):
    c.wr(0x3000, 0xE8, 0)
    c.wr(0x9000, 0)
    c.wr(0x3000, 0xD0)
    assert c.rd(0) & 0x10
    assert c.medium.bytes()[0x9000] == 0


def test_identifier_and_cfi(c):
    c.wr(0, 0x90)
    assert (c.rd(0), c.rd(1)) == (0x89, 0x17)
    c.wr(0x55, 0x98)
    table = bytes(c.rd(k) for k in range(0x40))
    assert table[0x10:0x13] == b"QRY" and table[0x13] == 1
    assert 1 << table[0x27] == SIZE
    assert (table[0x2D] | table[0x2E] << 8) + 1 == SIZE // 4096
    assert (table[0x2F] | table[0x30] << 8) * 256 == 4096
    assert table[0x31:0x36] == b"PRI10"


def test_a_read_only_image_is_protected():
    c = Chip(readonly=True)
    c.wr(3, 0x40, 0)
    assert c.rd(3) == 0x92
    c.wr(3, 0x50)
    c.wr(3, 0x20, 0xD0)
    assert c.rd(3) == 0xA2
    c.wr(3, 0xFF)
    assert c.rd(3) == 3


def test_wide_accesses(c):
    c.wr(8, 0x70707070, size=4)
    assert c.rd(8, 4) == 0
    c.wr(8, 0xFFFF, size=2)
    assert c.rd(8, 8) == 0x0F0E0D0C0B0A0908
    assert c.dev.py_mmio_read(0, SIZE - 2, 4) == 0xFFFFFFFF


def test_sizes():
    dev = PflashCfi01()
    for size in (0, 4095):
        with pytest.raises(ValueError, match="multiple of 4 KiB"):
            dev.insert(MemoryMedium(bytes(size)))
    with pytest.raises(ValueError, match="no contents"):
        dev.place(PhysMem(1 << 20), BASE)
