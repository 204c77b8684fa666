"""INT 09h and 16h of our BIOS: scan codes put into the 8042 (command D2h), under QEMU against SeaBIOS and under emu against QEMU.

What differs from SeaBIOS is in DIFFERENT with its reason; a difference that is not listed fails, and so does
a listed one that is gone.
"""
from __future__ import annotations

import shutil
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from biosprog import ROMS, Answer, Program, run_emu, run_qemu

pytestmark = pytest.mark.skipif(not shutil.which("nasm"), reason="nasm builds the test programs")
needs_qemu = pytest.mark.skipif(not shutil.which("qemu-system-i386"), reason="QEMU is the other machine")
SHIFT, CTRL, ALT = (0x2A,), (0x1D,), (0x38,)
EMPTY = struct.pack("<HH", 0x1E, 0x1E)
E0_KEYS = (0x1C, 0x35, 0x47, 0x48, 0x49, 0x4B, 0x4D, 0x4F, 0x50, 0x51, 0x52, 0x53)
MODIFIERS = {"": (), "shift ": SHIFT, "ctrl ": CTRL, "alt ": ALT, "right ctrl ": (0xE0, 0x1D), "right alt ": (0xE0, 0x38)}


def send(p: Program, codes: Iterable[int]) -> None:
    """Each byte as if it came from the keyboard; a call between them lets the interrupt through."""
    for n, code in enumerate(codes):
        p.out(0x64, 0xD2)
        p.out(0x60, code)
        p.call(f"_{len(p.steps)} {n}", 0x12)


def release(codes: Iterable[int]) -> list[int]:
    return [c if c == 0xE0 else c | 0x80 for c in codes]


def stroke(p: Program, name: str, codes: tuple[int, ...], held: tuple[int, ...] = ()) -> None:
    """A key with others held: what is in the buffer, and the shift bytes while it is down."""
    p.poke(0x40, 0x1A, EMPTY)
    send(p, (*held, *codes))
    p.dump(name + " shifts", 0x40, 0x17, 2)
    send(p, (*release(codes), *release(held)))
    p.dump(name, 0x40, 0x1A, 8)
    if codes[-1] == 0x52:                                           # Insert has a state: back
        send(p, (*held, *codes, *release(codes), *release(held)))


def plain() -> Program:
    """Every key, alone and with shift."""
    p = Program()
    for what in ("", "shift "):
        for code in range(1, 0x59):
            if code not in (0x45, 0x46, 0x3A, 0x54, 0x55, 0x37):
                stroke(p, f"{what}{code:02x}", (code,), MODIFIERS[what])
        for code in E0_KEYS:
            stroke(p, f"{what}e0 {code:02x}", (0xE0, code), MODIFIERS[what])
    return p


def with_ctrl_and_alt() -> Program:
    """Every key with Ctrl or Alt."""
    p = Program()
    for what in ("ctrl ", "alt "):
        for code in range(1, 0x59):
            digit = what == "alt " and 0x47 <= code <= 0x52 and code not in (0x4A, 0x4E)
            if code not in (0x45, 0x46, 0x3A, 0x54, 0x55, 0x1D, 0x38) and not digit:
                stroke(p, f"{what}{code:02x}", (code,), MODIFIERS[what])
        for code in E0_KEYS:
            stroke(p, f"{what}e0 {code:02x}", (0xE0, code), MODIFIERS[what])
    for what in ("right ctrl ", "right alt "):
        for code in (0x1E, 0x3B, 0x02):
            stroke(p, f"{what}{code:02x}", (code,), MODIFIERS[what])
    return p


def locks() -> Program:
    """Caps Lock and Num Lock, with and without shift; Alt and digits; both shifts; print screen."""
    p = Program()
    p.hook(0x05)
    for name, code, keys in (("caps", 0x3A, (0x1E, 0x02, 0x2C, 0x1B, 0x47)), ("num", 0x45, (*range(0x47, 0x54), 0x1E))):
        send(p, (code, code | 0x80))
        p.dump(f"{name} on", 0x40, 0x17, 2)
        for key in keys:
            stroke(p, f"{name} {key:02x}", (key,))
            stroke(p, f"{name} shift {key:02x}", (key,), SHIFT)
        send(p, (code, code | 0x80))
        p.dump(f"{name} off", 0x40, 0x17, 2)
    p.poke(0x40, 0x1A, EMPTY)
    send(p, (0x38, 0x4B, 0xCB, 0x50, 0xD0, 0xB8))                   # Alt 4 2: an asterisk
    p.dump("alt 42", 0x40, 0x1A, 8)
    send(p, (0x2A, 0x36, 0xAA))
    p.dump("right shift left", 0x40, 0x17, 2)
    send(p, (0xB6,))
    send(p, (0xE0, 0x2A, 0xE0, 0x37, 0xE0, 0xB7, 0xE0, 0xAA))
    p.count("print screen")
    return p


def breaks() -> Program:
    """Ctrl-Break, Pause, SysRq, the hook of INT 15h."""
    p = Program()
    p.hook(0x1B)
    p.poke(0x40, 0x71, b"\0")
    send(p, (0x1D, 0xE0, 0x46, 0xE0, 0xC6, 0x9D))
    p.dump("break flag", 0x40, 0x71, 1)
    p.dump("break buffer", 0x40, 0x1A, 6)
    p.count("breaks")
    p.poke(0x40, 0x1A, EMPTY)
    for n in range(17):                                             # one more than there is room for
        send(p, (0x02 + n % 8, 0x82 + n % 8))
    p.dump("full", 0x40, 0x1A, 0x24)
    return p


def int16() -> Program:
    """INT 16h from a buffer put there."""
    p = Program()
    keys = (0x1E61, 0x3B00, 0x48E0, 0xE00D, 0xE02F, 0x8500, 0x4CF0, 0x011B, 0x0000, 0x9700, 0x1C0D, 0x29E0, 0x4B00)
    for ah in (0x00, 0x10):
        p.poke(0x40, 0x1A, struct.pack("<HH", 0x1E, 0x1E + 2 * len(keys)) + struct.pack(f"<{len(keys)}H", *keys))
        for n in range(8 if ah == 0 else len(keys)):
            p.call(f"peek {ah:02x} {n}", 0x16, ah=ah + 1)
            p.call(f"read {ah:02x} {n}", 0x16, ah=ah)
        p.poke(0x40, 0x1A, EMPTY)
        p.call(f"none {ah:02x}", 0x16, ah=ah + 1)
    p.call("shifts", 0x16, ah=2)
    p.call("more shifts", 0x16, ah=0x12)
    p.call("put", 0x16, ah=5, cx=0x1234)
    p.call("got", 0x16, ah=0x10)
    for n in range(15):
        p.call(f"put {n}", 0x16, ah=5, cx=0x1E61)
    p.call("put too many", 0x16, ah=5, cx=0x1E62)
    p.poke(0x40, 0x1A, EMPTY)
    p.call("typematic", 0x16, ax=0x0305, bx=0x0105)
    p.call("functions", 0x16, ah=9)
    p.call("keyboard", 0x16, ah=0x0A)
    return p


PROGRAMS = (plain, with_ctrl_and_alt, locks, breaks, int16)
INSERT = "the state of Insert is kept in 40:17 bit 7 and 40:18 bit 7; SeaBIOS has none"
CENTRE = "keypad 5 is marked F0h: the 84-key calls do not give it"
DIFFERENT: dict[str, dict[str, str]] = {
    "plain": {"4c": CENTRE, "52 shifts": INSERT, "e0 52 shifts": INSERT, "shift e0 52 shifts": INSERT},
    "with_ctrl_and_alt": {"ctrl e0 52 shifts": INSERT, "alt e0 52 shifts": INSERT},
    "locks": {"num shift 4c": CENTRE, "alt 42": "SeaBIOS does not know Alt and digits"},
    "breaks": {},
    "int16": {
        "functions": "repeat rate and delay can be set and asked for",
        **{f"{what} 00 {n}": "AH=00h does not give keys of the 101-key keyboard, as on the PS/2" for n in (5, 6, 7)
           for what in ("peek", "read")},
    },
}


def _same(a: Answer | bytes, b: Answer | bytes) -> bool:
    return repr(a) == repr(b)


@needs_qemu
@pytest.mark.parametrize("make", PROGRAMS, ids=lambda make: make.__name__)
def test_answers_are_seabios_answers(make: Callable[[], Program], tmp_path: Path) -> None:
    theirs = run_qemu(make(), None, tmp_path)
    ours = run_qemu(make(), ROMS / "bios.bin", tmp_path)
    different = {name for name in theirs if name[0] != "_" and not _same(theirs[name], ours[name])}
    expected = set(DIFFERENT[make.__name__])
    text = "\n".join(f"{n}: SeaBIOS {theirs[n]}, ours {ours[n]}" for n in sorted(different ^ expected))
    assert different == expected, text


@needs_qemu
@pytest.mark.parametrize("make", PROGRAMS, ids=lambda make: make.__name__)
def test_emu_answers_as_qemu(make: Callable[[], Program], tmp_path: Path) -> None:
    theirs = run_qemu(make(), ROMS / "bios.bin", tmp_path)
    ours = run_emu(make(), None, tmp_path)
    for name in theirs:
        assert name[0] == "_" or _same(theirs[name], ours[name]), f"{name}: QEMU {theirs[name]}, emu {ours[name]}"
