"""Our VGA BIOS beside the one QEMU brings: registers, what is written down, video memory; and the same program under emu.

What differs is in EXPLAINED with its reason; a difference that is not there fails.
"""
from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from biosprog import REGISTERS, ROMS, Answer
from vgaprog import BUFFER, STOCK, Answers, VgaProgram, on_emu, on_qemu

pytestmark = pytest.mark.skipif(not shutil.which("nasm"), reason="nasm builds the test programs")
needs_qemu = pytest.mark.skipif(not shutil.which("qemu-system-i386"), reason="QEMU is the other machine")
needs_stock = pytest.mark.skipif(not STOCK.exists(), reason="the VGA BIOS to compare with is not installed")
OUR = ROMS / "vgabios.bin"
MODES = (0, 1, 2, 3, 4, 5, 6, 7, 0x0D, 0x0E, 0x0F, 0x10, 0x11, 0x12, 0x13)
HEIGHTS = {4: 8, 5: 8, 6: 8, 0x0D: 8, 0x0E: 8, 0x0F: 14, 0x10: 14, 0x13: 8}
SIZES = {4: 0x4000, 5: 0x4000, 6: 0x4000, 0x0D: 8000, 0x0E: 16000, 0x0F: 28000, 0x10: 28000, 0x11: 38400, 0x12: 38400,
         0x13: 64000}
VBE_MODES = (0x100, 0x101, 0x102, 0x103, 0x105, 0x10D, 0x10F, 0x111, 0x112, 0x115, 0x118, 0x142, 0x143, 0x144, 0x17D, 0x190,
             0x192)

# (names of answers, where they may differ: registers or offsets, None for anywhere; why)
EXPLAINED: tuple[tuple[str, set | None, str], ...] = (
    (r".* bda", {0x1C, 0x1D}, "40:65 and 40:66 hold what a CGA's 3D8h and 3D9h would, as IBM has it; the other leaves them 0"),
    (r".* bda2", {5}, "40:89 bit 6, a display switch, is not there"),
    (r".* gr 07", None, "colour don't care matters in read mode 1 only; IBM's tables have 0 in text modes, 1 in mode 11h"),
    (r".* crtc 0[ef]", None, "the cursor's address is not written in graphics modes, which show none"),
    (r".* read \d+", {"eax"}, "AH is an attribute in text modes only; the other puts a colour there in graphics modes"),
    (r"0[456] (fill|tty|string|pixels) memory", None, "IBM's BIOS fills CGA lines with BH as it is, the other with its colour"),
    (r"07 (crtc 14|attr 00|dac)", None, "monochrome: IBM's underline and palette"),
    (r"0f (misc|crtc ..|gr 06|attr ..|dac)", None, "IBM's mode 0Fh has the monochrome ports; the other has not"),
    (r"0f bda", {0x1A}, "as above"),
    (r"11 (crtc 17|attr ..)", None, "IBM's mode 11h: one colour by the palette"),
    (r"info .*", {0x00}, "attributes: ours are of VGA-compatible modes, with text output where the other has none"),
    (r"info .*", {0x0C, 0x0D}, "the window function is elsewhere"),
    (r"info .*", {0x1D, 0x34, 0x35}, "images by the exact size of one, and those of linear modes too"),
    (r"info .*", {0x32, 0x3E, 0x3F, 0x40, 0x41}, "bytes per line of planar modes, and the pixel clock, are given"),
    (r"102 l.*", {"edx"}, "lines of planar modes: the other counts them as if there were one plane"),
    (r".* 0f", {"eax"}, "AL in VBE modes is 7Fh, not FFh"),
)
# emu against QEMU, the same BIOS
MACHINE = ((r".* dac mask", None, "QEMU's VGA does not give the DAC's mask back"),)


def differences(ours: Answers, other: Answers, explained: tuple, whose: str) -> list[str]:
    """What differs and is not explained, a line each."""
    out = []
    for name, want in other.items():
        got = ours[name]
        if isinstance(want, Answer):
            pairs = [(r, getattr(want, r), getattr(got, r)) for r in (*REGISTERS, "ds", "es", "cf")]
        else:
            pairs = [(k, a, b) for k, (a, b) in enumerate(zip(want, got, strict=True))]
        bad = [row for row in pairs if row[1] != row[2]]
        for pattern, where, _ in explained:
            if re.fullmatch(pattern, name):
                bad = [row for row in bad if where is not None and row[0] not in where]
        if bad:
            out.append(f"{name}: " + ", ".join(f"[{k}] {whose} {a:x}, ours {b:x}" for k, a, b in bad[:8]))
    return out


def beside(p: VgaProgram, folder: Path) -> None:
    """The program with both BIOSes under QEMU, and with ours under emu."""
    ours = on_qemu(p, folder, OUR)
    bad = differences(ours, on_qemu(p, folder, None), EXPLAINED, "the other")
    bad += differences(on_emu(p, folder), ours, MACHINE, "QEMU")
    assert not bad, "\n".join(bad)


def drawing(mode: int) -> VgaProgram:
    """All that draws, in one mode."""
    p, n = VgaProgram(), f"{mode:02x}"
    cols = 40 if mode in (0, 1, 4, 5, 0x0D, 0x13) else 80
    rows = 30 if mode in (0x11, 0x12) else 25
    text, size = mode < 4 or mode == 7, SIZES.get(mode, cols * rows * 4)
    p.mode(mode)
    p.int10(f"{n} mode", ah=0x0F)
    if not text:
        p.font(HEIGHTS.get(mode, 16))
    for row in range(rows):
        p.int10(f"{n} to {row}", ah=2, dh=row, dl=row)
        p.int10(f"{n} write {row}", ah=9, al=0x21 + row, bl=1 + row % 15, cx=5)
        p.int10(f"{n} read {row}", ah=8)
    p.int10(f"{n} plain", ah=0x0A, al=0x90, bl=2, cx=3)
    if not text:
        p.int10(f"{n} xor", ah=9, al=0x91, bl=0x83, cx=2)
    p.memory(f"{n} characters", mode, 0, size)
    p.int10(f"{n} scroll up", ax=0x0602, cx=0x0203, dx=0x0A15, bh=0x1E if text else 0)
    p.int10(f"{n} scroll down", ax=0x0703, cx=0x0B01, dx=0x1322, bh=0x4F if text else 0)
    p.memory(f"{n} scrolled", mode, 0, size)
    p.int10(f"{n} clear", ax=0x0600, cx=0x0101, dx=0x0305, bh=0x2F if text else 3)
    p.memory(f"{n} fill", mode, 0, size)
    p.int10(f"{n} corner", ah=2, dx=(rows - 1) << 8 | (cols - 3))
    for k, c in enumerate(b"ABCDEF\r\nxy\bz"):
        p.int10(f"{n} type {k}", ah=0x0E, al=c, bl=3)
        p.int10(f"{n} at {k}", ah=3)
    p.memory(f"{n} tty", mode, 0, size)
    p.poke(BUFFER, 0x100, b"Hello\r\n" + b"X" * (cols + 3))
    p.poke(BUFFER, 0x200, bytes(x for c in b"Attr\r\nibutes" for x in (c, c & 15)))
    for al in range(4):
        count, place = (cols + 10, 0x0505) if al < 2 else (12, 0x1710)
        p.int10(f"{n} string {al}", ah=0x13, al=al, bx=7, cx=count, dx=place, es=BUFFER, bp=0x100 if al < 2 else 0x200)
        p.int10(f"{n} behind {al}", ah=3)
    p.memory(f"{n} string", mode, 0, size)
    if not text:
        for k, (x, y, c) in enumerate([(0, 0, 1), (5, 7, 3), (319, 199, 2), (17, 100, 0x81), (17, 100, 0x81), (18, 100, 0x8F)]):
            p.int10(f"{n} pixel {k}", ah=0x0C, al=c, cx=x, dx=y)
            p.int10(f"{n} colour {k}", ah=0x0D, cx=x, dx=y)
        p.memory(f"{n} pixels", mode, 0, size)
    p.hardware(n, mode in (7, 0x0F))
    p.data(n)
    return p


@needs_qemu
@needs_stock
@pytest.mark.parametrize("mode", MODES, ids=lambda m: f"{m:02x}")
def test_mode_draws_as_the_stock_bios(mode: int, tmp_path: Path) -> None:
    beside(drawing(mode), tmp_path)


@needs_qemu
@needs_stock
def test_palette_services_answer_as_the_stock_bios(tmp_path: Path) -> None:
    p = VgaProgram()
    p.mode(3)
    p.int10("one", ax=0x1000, bx=0x3F05)
    p.int10("one?", ax=0x1007, bx=5)
    p.int10("border", ax=0x1001, bx=0x0700)
    p.int10("border?", ax=0x1008)
    p.int10("no blinking", ax=0x1003, bx=0)
    p.int10("all", ax=0x1009, es=BUFFER, dx=0x100)
    p.dump("all data", BUFFER, 0x100, 17)
    p.int10("dac", ax=0x1010, bx=9, dh=1, ch=2, cl=3)
    p.int10("dac?", ax=0x1015, bx=9)
    p.poke(BUFFER, 0x200, bytes(range(48)))
    p.int10("dacs", ax=0x1012, bx=0x20, cx=16, es=BUFFER, dx=0x200)
    for k, bx in enumerate((0x0100, 0x0301, 0x0000, 0x0201)):
        p.int10(f"pages {k}", ax=0x1013, bx=bx)
        p.int10(f"pages? {k}", ax=0x101A)
    p.int10("grey", ax=0x101B, bx=0x20, cx=16)
    p.hardware("after")
    p.int10("save", ax=0x1C01, cx=7, es=0x4000, bx=0)
    p.mode(0x13)
    p.int10("restore", ax=0x1C02, cx=7, es=0x4000, bx=0)
    p.int10("restored", ah=0x0F)
    ours, other = on_qemu(p, tmp_path, OUR), on_qemu(p, tmp_path, None)
    assert not differences(ours, other, EXPLAINED, "the other")


@needs_qemu
@needs_stock
def test_vbe_describes_and_sets_modes_as_the_stock_bios(tmp_path: Path) -> None:
    p = VgaProgram()
    for mode in VBE_MODES:
        p.int10(f"describe {mode:x}", ax=0x4F01, cx=mode, es=BUFFER)
        p.dump(f"info {mode:x}", BUFFER, 0, 256)
    for mode in (0x101, 0x4112, 0x102, 0x8118, 0x4144, 0xC143):
        n = f"{mode:x}"
        p.int10(f"{n} set", ax=0x4F02, bx=mode)
        p.int10(f"{n} get", ax=0x4F03)
        p.int10(f"{n} 0f", ah=0x0F)
        p.int10(f"{n} line", ax=0x4F06, bx=1)
        p.int10(f"{n} longer", ax=0x4F06, bx=0, cx=1280)
        p.int10(f"{n} start", ax=0x4F07, bx=0, cx=8, dx=16)
        p.int10(f"{n} start?", ax=0x4F07, bx=1)
        p.int10(f"{n} wide dac", ax=0x4F08, bx=0x0800)
        p.int10(f"{n} dac?", ax=0x4F08, bx=1)
    p.int10("bad", ax=0x4F02, bx=0x1FE)
    p.int10("unknown", ax=0x4F99)
    p.int10("text", ax=0x4F02, bx=3)
    p.int10("text?", ax=0x4F03)
    beside(p, tmp_path)


def test_vbe_keeps_memory_and_refuses_what_the_mode_has_not(tmp_path: Path) -> None:
    p = VgaProgram()
    p.int10("set", ax=0x4F02, bx=0x0101)
    p.poke(0xA000, 0x1234, b"kept")
    p.int10("again", ax=0x4F02, bx=0x8101)
    p.dump("kept", 0xA000, 0x1234, 4)
    p.int10("mode", ah=0x0F)
    p.int10("clear", ax=0x4F02, bx=0x0101)
    p.dump("gone", 0xA000, 0x1234, 4)
    p.int10("bank", ax=0x4F05, bx=0, dx=3)
    p.int10("linear", ax=0x4F02, bx=0x4144)
    p.int10("no bank", ax=0x4F05, bx=0, dx=3)
    p.int10("longest", ax=0x4F06, bx=3)
    p.int10("too long", ax=0x4F06, bx=0, cx=0x7000)
    p.int10("describe", ax=0x4F01, cx=0x0D, es=BUFFER)
    p.dump("info", BUFFER, 0, 256)
    got = on_emu(p, tmp_path)
    assert got["kept"] == b"kept" and got["mode"].al & 0x80 and got["gone"] == b"\0\0\0\0"
    assert got["bank"].ax == 0x4F and got["no bank"].ax == 0x34F
    longest = got["longest"]
    assert longest.ax == 0x4F and longest.bx == longest.cx * 4 and longest.bx * longest.dx <= 16 << 20 and longest.dx >= 768
    assert got["too long"].ax == 0x24F
    assert got["describe"].ax == 0x4F and got["info"][16:22] == bytes((40, 0, 0x40, 1, 200, 0))


@pytest.mark.parametrize(("font", "height", "rows"), [(0x1111, 14, 28), (0x1112, 8, 50), (0x1114, 16, 25)])
def test_fonts_change_rows_and_cursors_stay_inside(font: int, height: int, rows: int, tmp_path: Path) -> None:
    p = VgaProgram()
    p.mode(3)
    p.int10("font", ax=font)
    p.dump("rows", 0x40, 0x84, 2)
    for k, shape in enumerate((0x0607, 0x0007, 0x0507)):
        p.int10(f"shape {k}", ah=1, cx=shape)
        for register in (0x0A, 0x0B):
            p.out(0x3D4, register)
            p.port(f"{register} {k}", 0x3D5)
    got = on_emu(p, tmp_path)
    assert got["rows"] == bytes((rows - 1, height))
    for k in range(3):
        assert got[f"10 {k}"][0] < got[f"11 {k}"][0] < height
