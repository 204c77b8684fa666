"""VGA: ports, planar memory against a straight model, the Bochs interface, mapping, and what the rasteriser draws."""
import random

import numpy as np
import pytest
from emu_core_pyx.bus.bus import Bus
from emu_core_pyx.bus.clock import Clock
from emu_core_pyx.bus.pci import PciBus
from emu_core_pyx.devices.vga import Vga
from emu_core_pyx.mmu.physmem import PhysMem

from emu.boot import video
from emu.edid import build as build_edid
from emu.roms import rom_path

LFB = 0xE0000000
FONT = rom_path("font8x16.bin").read_bytes()


class Card:
    """A card in a PCI slot of a machine without a processor."""

    def __init__(self, mib=4, rom=b""):
        self.clock, self.bus, self.mem = Clock(), Bus(), PhysMem(1 << 20)
        self.dev = Vga(mib=mib)
        self.dev.attach(self.clock)
        self.dev.place(self.mem, 0xA0000)
        self.dev.set_edid(build_edid())
        if rom:
            self.dev.set_rom(rom)
        for region, base, n in ((0, 0x3B0, 12), (1, 0x3C0, 32), (2, 0x1CE, 4)):
            self.bus.map_io(self.dev, region, base, n)
        self.bus.map_mmio(self.dev, 0, 0xA0000, 0x20000)
        PciBus().add(self.dev, 0x10)
        self.dev.plug(self.bus)
        self.dev.reset()

    def out(self, port, v, size=1):
        self.bus.outp(port, v, size)

    def inp(self, port, size=1):
        return self.bus.inp(port, size)

    def seq(self, index, v):
        self.out(0x3C4, index)
        self.out(0x3C5, v)

    def gr(self, index, v):
        self.out(0x3CE, index)
        self.out(0x3CF, v)

    def crtc(self, index, v):
        self.out(0x3D4, index)
        self.out(0x3D5, v)

    def attr(self, index, v):
        self.inp(0x3DA)
        self.out(0x3C0, index)
        self.out(0x3C0, v)

    def vbe(self, index, v=None):
        self.out(0x1CE, index, 2)
        if v is None:
            return self.inp(0x1CF, 2)
        self.out(0x1CF, v, 2)
        return v

    def text(self):
        video.text_mode(self.dev, FONT)

    def write(self, off, v, size=1):
        self.bus.poke(0xA0000 + off, v, size)

    def read(self, off, size=1):
        return self.bus.peek(0xA0000 + off, size)

    def look(self):
        self.dev.refresh()
        return self.dev.image()


@pytest.fixture
def c():
    return Card()


# ---- registers --------------------------------------------------------------------------------------------------
def test_attribute_flip_flop(c):
    c.inp(0x3DA)
    c.out(0x3C0, 0x13)
    c.out(0x3C0, 0x05)
    assert c.inp(0x3C1) == 0x05
    c.out(0x3C0, 0x10)          # index
    c.inp(0x3DA)                # back to index
    c.out(0x3C0, 0x13)
    assert c.inp(0x3C1) == 0x05


def test_crtc_write_protection(c):
    c.crtc(0x00, 0x5F)
    c.crtc(0x11, 0x8E)
    c.crtc(0x00, 0x11)
    c.crtc(0x07, 0xFF)
    assert c.dev.registers["crtc"][0] == 0x5F
    assert c.dev.registers["crtc"][7] == 0x10       # line compare bit only


def test_crtc_moves_with_the_misc_register(c):
    assert c.inp(0x3B5) == 0xFF
    c.out(0x3C2, 0x66)
    c.out(0x3B4, 0x0E)
    c.out(0x3B5, 0x77)
    assert c.inp(0x3B5) == 0x77
    assert c.inp(0x3D5) == 0xFF
    assert c.inp(0x3CC) == 0x66


def test_dac_takes_triples_and_counts_on(c):
    c.out(0x3C8, 16)
    for v in (1, 2, 3, 0xFF, 5, 6):
        c.out(0x3C9, v)
    assert c.inp(0x3C8) == 18
    c.out(0x3C7, 16)
    assert c.inp(0x3C7) == 3
    assert [c.inp(0x3C9) for _ in range(6)] == [1, 2, 3, 0x3F, 5, 6]
    c.out(0x3C8, 0)
    assert c.inp(0x3C7) == 0


def test_word_writes_reach_index_and_data(c):
    c.out(0x3C4, 0x0F02, 2)
    c.out(0x3CE, 0x5A08, 2)
    assert c.dev.registers["seq"][2] == 0x0F
    assert c.dev.registers["gr"][8] == 0x5A


def test_retrace_runs_on_the_clock(c):
    c.text()
    line_ns = 900 / 28.322e6 * 1e9
    frame_ns = line_ns * 449
    c.clock.set_ns(round(100 * frame_ns + 5 * line_ns + 1000))
    assert not c.inp(0x3DA) & 9                     # in the picture
    c.clock.set_ns(round(100 * frame_ns + 100 * line_ns + line_ns * 0.95))
    assert c.inp(0x3DA) & 9 == 1                    # horizontal blanking
    c.clock.set_ns(round(101 * frame_ns + 405 * line_ns + 1000))
    assert c.inp(0x3DA) & 9 == 1                    # below the picture
    c.clock.set_ns(round(102 * frame_ns + 412.5 * line_ns))
    assert c.inp(0x3DA) & 9 == 9                    # vertical retrace
    c.clock.set_ns(round(103 * frame_ns + 415 * line_ns))
    assert c.inp(0x3DA) & 9 == 1


# ---- planar memory ----------------------------------------------------------------------------------------------
class Model:
    """Planes as four arrays; one byte at a time, the manual's words in code."""

    def __init__(self):
        self.planes = [bytearray(65536) for _ in range(4)]
        self.latch = [0, 0, 0, 0]
        self.gr = [0] * 9
        self.gr[8] = 0xFF
        self.seq = [0] * 5

    def where(self, a):
        kind = self.gr[6] >> 2 & 3
        if kind == 0:
            return a
        if kind == 1:
            return a if a < 0x10000 else None
        base = 0x10000 if kind == 2 else 0x18000
        return a - base if base <= a < base + 0x8000 else None

    def read(self, a):
        a = self.where(a)
        if a is None:
            return 0xFF
        plane = self.gr[4] & 3
        if self.seq[4] & 8:
            plane, a = a & 3, a & 0xFFFC
        elif self.gr[5] & 0x10:
            plane, a = (plane & 2) + (a & 1), (a & 0xFFFE) + (a >> 16 & 1)
        a &= 0xFFFF
        self.latch = [p[a] for p in self.planes]
        if not self.gr[5] & 8:
            return self.latch[plane]
        out = 0
        for bit in range(8):
            same = all((self.latch[k] >> bit & 1) == (self.gr[2] >> k & 1) for k in range(4) if self.gr[7] >> k & 1)
            out |= same << bit
        return out

    def write(self, a, v):
        a = self.where(a)
        if a is None:
            return
        enabled = [bool(self.seq[2] >> k & 1) for k in range(4)]
        if self.seq[4] & 8:
            enabled = [e and k == a & 3 for k, e in enumerate(enabled)]
            a &= 0xFFFC
        elif not self.seq[4] & 4 and self.gr[5] & 0x10:
            enabled = [e and k & 1 == a & 1 for k, e in enumerate(enabled)]
            a = (a & 0xFFFE) + (a >> 16 & 1)
        a &= 0xFFFF
        mode, turn, func = self.gr[5] & 3, self.gr[3] & 7, self.gr[3] >> 3 & 3
        turned = (v >> turn | v << 8 - turn) & 0xFF
        for k in range(4):
            if not enabled[k]:
                continue
            old = self.latch[k]
            if mode == 1:
                self.planes[k][a] = old
                continue
            mask = self.gr[8]
            if mode == 0:
                new = turned
                if self.gr[1] >> k & 1:
                    new = 0xFF if self.gr[0] >> k & 1 else 0
            elif mode == 2:
                new = 0xFF if v >> k & 1 else 0
            else:
                mask &= turned
                new = 0xFF if self.gr[0] >> k & 1 else 0
            new = (new, new & old, new | old, new ^ old)[func]
            self.planes[k][a] = new & mask | old & ~mask & 0xFF


def same_as_model(c, m):
    got = np.frombuffer(c.dev.peek_vram(0, 0x40000), np.uint8).reshape(-1, 4)
    want = np.stack([np.frombuffer(bytes(p), np.uint8) for p in m.planes], axis=1)
    assert (got == want).all()


@pytest.mark.parametrize("mode", range(4))
@pytest.mark.parametrize("memory", [0x06, 0x02, 0x0E], ids=["planar", "odd-even", "chain-4"])
def test_write_modes_against_the_model(c, mode, memory):
    rnd = random.Random(mode * 16 + memory)
    m = Model()
    c.out(0x3C2, 0x63)
    for _ in range(4000):
        what = rnd.randrange(10)
        if what == 0:
            index = rnd.choice((0, 1, 2, 3, 4, 5, 6, 7, 8))
            v = rnd.getrandbits(8)
            if index == 5:
                v = (v & ~3) | mode
            if index == 8 and rnd.random() < 0.5:
                v = 0xFF
            if index in (0, 1, 3) and rnd.random() < 0.5:
                v = 0
            m.gr[index] = v
            c.gr(index, v)
        elif what == 1:
            for index, v in ((2, rnd.choice((rnd.getrandbits(4), 0xF, 3))), (4, memory)):
                m.seq[index] = v
                c.seq(index, v)
        elif what < 5:
            a = rnd.randrange(0x20000)
            assert c.read(a) == m.read(a)
        else:
            size = rnd.choice((1, 1, 2, 4, 8))
            a = (rnd.choice((0, 0x10000, 0x18000)) + rnd.randrange(0x200)) & -size
            v = rnd.getrandbits(8 * size)
            c.write(a, v, size)
            for k in range(size):
                m.write(a + k, v >> 8 * k & 0xFF)
    same_as_model(c, m)


def test_wide_writes_of_text_and_mode_13h_take_the_fast_way_to_the_same_bytes(c):
    rnd = random.Random(5)
    for memory, gr6, gr5, base, mask in ((0x02, 0x0E, 0x10, 0x18000, 3), (0x0E, 0x05, 0x40, 0, 15)):
        m = Model()
        c = Card()
        c.out(0x3C2, 0x63)
        m.seq[2], m.seq[4] = mask, memory
        m.gr[6], m.gr[5] = gr6, gr5
        for index in (2, 4):
            c.seq(index, m.seq[index])
        for index in (5, 6, 8):
            c.gr(index, m.gr[index])
        for _ in range(3000):
            size = rnd.choice((1, 2, 4, 8))
            a = base + rnd.randrange(0x8000 // size) * size
            v = rnd.getrandbits(8 * size)
            c.write(a, v, size)
            for k in range(size):
                m.write(a + k, v >> 8 * k & 0xFF)
        same_as_model(c, m)


def test_memory_whatever_the_misc_register_says(c):
    c.out(0x3C2, 0x61)
    c.seq(2, 0xF)
    c.seq(4, 6)
    c.write(0, 0x55)
    assert c.read(0) == 0x55
    assert c.dev.peek_vram(0, 4) == b"\x55" * 4


# ---- Bochs display interface ------------------------------------------------------------------------------------
def test_dispi_identity_and_capabilities(c):
    assert c.vbe(0) == 0xB0C5
    assert c.vbe(0, 0xB0C2) and c.vbe(0) == 0xB0C2
    c.vbe(0, 0x1234)
    assert c.vbe(0) == 0xB0C2
    assert c.vbe(10) == 4 << 4                      # 64 KiB units
    c.vbe(4, 2)
    assert (c.vbe(1), c.vbe(2), c.vbe(3)) == (16000, 12000, 32)
    c.vbe(4, 0)
    assert c.vbe(1) == 0
    assert c.vbe(77) == 0
    c.out(0x1CE, 0, 2)
    assert c.inp(0x1D0, 2) == 0xB0C2                # QEMU's second data port


def set_mode(c, w, h, bpp, flags=0x41):
    for index, v in ((4, 0), (1, w), (2, h), (3, bpp), (4, flags)):
        c.vbe(index, v)
    c.inp(0x3DA)
    c.out(0x3C0, 0x20)


def test_dispi_values_that_fit_stay(c):
    """A virtual width as large as memory allows is a whole number of bytes: writing what was read changes nothing."""
    set_mode(c, 16, 12000, 4)
    c.vbe(6, 0xFFF8)
    fitted = [c.vbe(k) for k in range(10)]
    assert fitted[6] % 8 == 0 and fitted[6] * fitted[7] // 2 <= 4 << 20
    saved = c.dev.save()
    c.dev.load(saved)
    assert c.dev.save() == saved and [c.vbe(k) for k in range(10)] == fitted


def test_dispi_values_are_made_to_fit(c):
    set_mode(c, 1030, 768, 32)
    assert (c.vbe(1), c.vbe(6), c.vbe(7)) == (1024, 1024, 1024)
    c.vbe(6, 1280)
    assert (c.vbe(6), c.vbe(7)) == (1280, 819)
    c.vbe(8, 999)
    c.vbe(9, 999)
    assert (c.vbe(8), c.vbe(9)) == (256, 51)
    c.vbe(3, 7)
    assert c.vbe(3) == 8
    set_mode(c, 16000, 12000, 32)
    assert c.vbe(1) * c.vbe(2) * 4 <= 4 << 20


def test_enabling_clears_memory_unless_asked_not_to(c):
    set_mode(c, 640, 480, 8)
    c.write(100, 0x12)
    set_mode(c, 640, 480, 8, 0xC1)
    assert c.read(100) == 0x12
    set_mode(c, 640, 480, 8)
    assert c.read(100) == 0


def test_bank_window_and_frame_buffer_are_the_same_memory(c):
    c.dev.py_config_write(0x10, LFB, 4)
    c.dev.py_config_write(0x04, 2, 2)
    set_mode(c, 640, 480, 8)
    c.vbe(5, 3)
    assert c.mem.read(0xA0000, 1) == b"\0"          # memory, not MMIO
    c.mem.write(0xA0010, b"bank three")
    assert c.mem.read(LFB + 0x30010, 10) == b"bank three"
    c.vbe(5, 0)
    assert c.mem.read(0xA0010, 3) == bytes(3)
    c.vbe(4, 0)
    assert c.mem.read(0xA0010, 1) == b"\xff"        # back to the planes


def test_frame_buffer_moves_and_goes(c):
    c.mem.ram_for_writing()[:] = 0
    c.dev.py_config_write(0x04, 2, 2)
    for at in (LFB, 0xC0000000):
        c.dev.py_config_write(0x10, at, 4)
        c.mem.write(at + 0x1000, at.to_bytes(4, "little"))
        assert c.dev.peek_vram(0x1000, 4) == at.to_bytes(4, "little")
    assert c.mem.read(LFB + 0x1000, 1) == b"\xff"
    c.dev.py_config_write(0x10, 0xFFFFFFFF, 4)      # sizing
    assert c.dev.py_config_read(0x10, 4) == 0xFFC00008
    assert c.mem.read(0xC0000000 + 0x1000, 1) == b"\xff"
    c.dev.py_config_write(0x10, 0x00000000, 4)
    assert c.mem.read(0x1000, 4) == bytes(4)        # RAM is not hidden
    c.dev.py_config_write(0x10, LFB, 4)
    c.dev.py_config_write(0x04, 0, 2)
    assert c.mem.read(LFB + 0x1000, 1) == b"\xff"


def test_registers_in_bar_2(c):
    c.dev.py_config_write(0x18, 0xE8000000, 4)
    c.dev.py_config_write(0x04, 2, 2)
    assert c.bus.peek(0xE8000000, 8) == 0x00FFFFFFFFFFFF00
    assert sum(c.bus.peek(0xE8000000 + k, 1) for k in range(128)) & 0xFF == 0
    assert c.bus.peek(0xE8000500, 2) == 0xB0C5
    c.bus.poke(0xE8000502, 800, 2)
    assert c.vbe(1) == 800
    c.bus.poke(0xE8000404, 0x02, 1)
    c.bus.poke(0xE8000405, 0x05, 1)
    assert c.dev.registers["seq"][2] == 5
    assert c.bus.peek(0xE8000604, 4) == 0x1E1E1E1E


def test_rom_behind_its_register():
    c = Card(rom=b"\x55\xaa\x02" + bytes(1021))
    c.dev.py_config_write(0x30, 0xFFFFFFFE, 4)
    assert c.dev.py_config_read(0x30, 4) == 0xFFFFF800
    c.dev.py_config_write(0x30, 0xE9000001, 4)
    c.dev.py_config_write(0x04, 2, 2)
    assert c.bus.peek(0xE9000000, 2) == 0xAA55
    assert c.bus.peek(0xE9000400, 4) == 0xFFFFFFFF  # behind its end
    assert Card().dev.py_config_read(0x30, 4) == 0


# ---- the picture ------------------------------------------------------------------------------------------------
def glyph(image, col, row, width=9, height=16):
    return image[row * height:(row + 1) * height, col * width:(col + 1) * width]


def test_text_mode_draws_the_font(c):
    c.text()
    c.crtc(0x0A, 0x20)
    c.write(0x18000 + 2 * (80 * 3 + 5), 0x1E41, 2)       # yellow A on blue
    image = c.look()
    assert image.shape == (400, 720, 3)
    cell = glyph(image, 5, 3)
    for y in range(16):
        for x in range(9):
            lit = x < 8 and FONT[16 * 0x41 + y] >> (7 - x) & 1
            assert tuple(cell[y, x]) == ((255, 255, 85) if lit else (0, 0, 170))
    assert not glyph(image, 6, 3).any()
    cells = c.dev.cells()
    assert cells.shape == (25, 80, 2) and tuple(cells[3, 5]) == (0x41, 0x1E)


def test_line_graphics_have_nine_dots(c):
    c.text()
    c.crtc(0x0A, 0x20)
    c.write(0x18000, 0x07C4, 2)
    line = FONT[16 * 0xC4:16 * 0xC4 + 16]
    y = next(k for k in range(16) if line[k] == 0xFF)
    assert c.look()[y, :9, 0].tolist() == [170] * 9
    c.attr(0x10, 0x08)
    c.out(0x3C0, 0x20)
    assert c.look()[y, :9, 0].tolist() == [170] * 8 + [0]


def test_cursor_blinks_by_the_clock(c):
    c.text()
    c.crtc(0x0E, 0)
    c.crtc(0x0F, 82)
    frame = 900 * 449 / 28.322e6 * 1e9
    on = c.look()
    assert glyph(on, 2, 1)[0x0D:0x0F].all() and not glyph(on, 2, 1)[:0x0D].any()
    assert c.dev.cursor() == (2, 1)
    c.clock.set_ns(round(8.5 * frame))
    assert not c.look().any()
    c.clock.set_ns(round(16.5 * frame))
    assert (c.look() == on).all()


def test_blinking_characters(c):
    c.text()
    c.crtc(0x0A, 0x20)
    c.write(0x18000, 0xF0DB, 2)                     # black block on white, blinking
    assert not c.look()[:16, :8].any()
    c.clock.set_ns(round(16.5 * 900 * 449 / 28.322e6 * 1e9))
    assert (c.look()[:16, :9] == 170).all()
    c.attr(0x10, 0x04)                              # bit 7 means bright background instead
    c.out(0x3C0, 0x20)
    c.write(0x18000, 0xF020, 2)
    assert (c.look()[:16, :9] == 255).all()


def test_two_fonts(c):
    c.text()
    c.crtc(0x0A, 0x20)
    c.seq(2, 4)                                     # second font: every character a comb
    c.seq(4, 6)
    c.gr(5, 0)
    c.gr(6, 4)
    for k in range(0, 0x2000, 8):
        c.write(0x4000 + k, 0x5555555555555555, 8)
    c.seq(2, 3)
    c.seq(4, 2)
    c.gr(5, 0x10)
    c.gr(6, 0x0E)
    c.seq(3, 0x04)                                  # map A (bright) is font 1, map B font 0
    c.write(0x18000, 0x0F410741, 4)
    image = c.look()
    assert [bool(v) for v in image[0, 9:17, 0]] == [False, True] * 4
    assert [bool(v) for v in image[5, :8, 0]] == [bool(FONT[16 * 0x41 + 5] >> (7 - x) & 1) for x in range(8)]


def test_unchanged_screen_is_not_drawn_again(c):
    c.text()
    c.crtc(0x0A, 0x20)
    first = c.dev.refresh()
    assert c.dev.refresh() == first
    c.write(0x18000, 0x41)
    assert c.dev.refresh() == first + 1
    c.write(0x18000, 0x41)                          # the same again
    assert c.dev.refresh() == first + 1
    set_mode(c, 640, 480, 32)
    n = c.dev.refresh()
    assert c.dev.refresh() == n
    c.dev.py_config_write(0x10, LFB, 4)
    c.dev.py_config_write(0x04, 2, 2)
    c.mem.write(LFB + 4 * (640 * 10 + 7), b"\x11\x22\x33\x00")
    assert c.dev.refresh() == n + 1
    assert tuple(c.dev.image()[10, 7]) == (0x33, 0x22, 0x11)
    c.mem.write(LFB + 4 * 640 * 600, b"below the picture")
    assert c.dev.refresh() == n + 1


@pytest.mark.parametrize("bpp", [8, 15, 16, 24, 32])
def test_packed_pixel_formats(c, bpp):
    set_mode(c, 64, 32, bpp)
    c.out(0x3C8, 0x42)
    for v in (0x3F, 0x20, 0x01):
        c.out(0x3C9, v)
    pixel = {8: b"\x42", 15: (31 << 10 | 16 << 5 | 1).to_bytes(2, "little"), 16: (31 << 11 | 32 << 5 | 1).to_bytes(2, "little"),
             24: bytes((4, 130, 255)), 32: bytes((4, 130, 255, 9))}[bpp]
    for k, v in enumerate(pixel * 3):
        c.write(len(pixel) * (64 * 2 + 5) + k, v)
    image = c.look()
    assert image.shape == (32, 64, 3)
    want = {8: (255, 130, 4), 15: (255, 132, 8), 16: (255, 130, 8), 24: (255, 130, 4), 32: (255, 130, 4)}[bpp]
    assert tuple(image[2, 5]) == tuple(image[2, 7]) == want
    assert not image[2, 8].any() and not image[2, 4].any()


def test_8_bit_dac(c):
    set_mode(c, 64, 32, 8, 0x61)
    c.out(0x3C8, 1)
    for v in (0xFF, 0x81, 0x03):
        c.out(0x3C9, v)
    c.write(0, 1)
    assert tuple(c.look()[0, 0]) == (0xFF, 0x81, 0x03)


def test_virtual_size_and_offsets(c):
    set_mode(c, 64, 32, 8)
    c.vbe(6, 128)
    c.vbe(8, 3)
    c.vbe(9, 5)
    c.out(0x3C8, 1)
    for v in (63, 63, 63):
        c.out(0x3C9, v)
    c.write(128 * 7 + 3 + 10, 1)
    image = c.look()
    assert image[2, 10].all() and np.count_nonzero(image) == 3


def test_screen_off_is_dark(c):
    c.text()
    c.write(0x18000, 0x07DB, 2)
    assert c.look().any()
    c.seq(1, 0x20)
    assert not c.look().any()
    c.seq(1, 0)
    assert c.look().any()
    c.inp(0x3DA)
    c.out(0x3C0, 0)             # palette belongs to the processor
    assert not c.look().any()


def test_text_is_there_without_colour_planes_and_retrace(c):
    """As on QEMU's card: GRUB as firmware sets neither."""
    c.text()
    c.crtc(0x0A, 0x20)
    c.write(0x18000, 0x1E41, 2)
    there = c.look().copy()
    c.crtc(0x11, 0)                                 # CRTC 0-7 are writable
    c.crtc(0x17, 0x23)
    c.attr(0x12, 0)
    c.out(0x3C0, 0x20)
    assert there.any() and (c.look() == there).all()


def test_vram_is_part_of_the_state(c):
    set_mode(c, 640, 480, 32)
    for k in range(0, 0x10000, 0x1000):
        c.write(k, k >> 12)
    saved = c.dev.save()
    assert len(saved) < 100_000                     # empty pages are not in it
    other = Card()
    other.dev.load(saved)
    assert other.dev.save() == saved
    assert (other.look() == c.look()).all()


def test_odd_sizes_do_not_crash():
    rnd = random.Random(9)
    c = Card(1)
    for _ in range(200):
        c.text()
        for _ in range(rnd.randrange(1, 12)):
            rnd.choice((c.crtc, c.seq, c.gr, c.attr))(rnd.randrange(0x19), rnd.getrandbits(8))
        if rnd.random() < 0.3:
            for index in (1, 2, 3, 6, 8, 9):
                c.vbe(index, rnd.choice((0, 1, 8, 640, 0xFFFF, rnd.getrandbits(11))))
            c.vbe(4, rnd.choice((1, 0x41, 0xE1)))
        c.out(0x3C2, rnd.choice((0x67, 0x63, rnd.getrandbits(8))))
        c.dev.refresh()
        width, height = c.dev.size_shown
        assert c.dev.image().shape == (height, width, 3)
        c.dev.cells()
        c.dev.cursor()
        c.vbe(4, 0)


def test_video_memory_has_a_sensible_size():
    with pytest.raises(ValueError, match="MiB of VRAM"):
        Vga(mib=3)
