"""The screen a kernel finds when no firmware ran: text mode 3, or a linear frame buffer (`vga=` of a Linux command line).

Registers are programmed through the card's own ports, as a VGA BIOS would; `screen_info` tells Linux about the result.
Spec: IBM VGA/XGA Technical Reference (values of mode 3); VESA BIOS Extension 2.0 and Bochs VBE (mode numbers); Linux
Documentation/arch/x86/boot.rst, zero-page.rst and fb/vesafb.rst.
"""
from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .. import layout

# mode 3: 80x25 characters of 9x16, 720x400 at 70 Hz
MISC = 0x67
SEQUENCER = bytes.fromhex("0300030002")
CRTC = bytes.fromhex("5F4F508255 81BF1F004F0D0E00000000 9C8E8F281F96B9A3FF")
GRAPHICS = bytes.fromhex("0000000000100E00FF")
ATTRIBUTE = bytes.fromhex("000102030405140738393A3B3C3D3E3F0C000F0800")
# the same with plane 2 open at A0000, to load a font
FONT_SEQUENCER = bytes.fromhex("0300040006")
FONT_GRAPHICS = bytes.fromhex("00000000000004 00FF")
MODE3 = 3
COLUMNS, ROWS, POINTS = 80, 25, 16

# VESA mode: width, height, bits per pixel (15 and 16 differ)
MODES: dict[int, tuple[int, int, int]] = {
    0x100: (640, 400, 8), 0x101: (640, 480, 8), 0x103: (800, 600, 8), 0x105: (1024, 768, 8), 0x107: (1280, 1024, 8),
    0x11C: (1600, 1200, 8), 0x140: (320, 200, 32), 0x141: (640, 400, 32), 0x142: (640, 480, 32), 0x143: (800, 600, 32),
    0x144: (1024, 768, 32), 0x145: (1280, 1024, 32), 0x146: (320, 200, 8), 0x147: (1600, 1200, 32), 0x148: (1152, 864, 8),
}
for _first, _size in ((0x10D, (320, 200)), (0x110, (640, 480)), (0x113, (800, 600)), (0x116, (1024, 768)), (0x119, (1280, 1024)),
                      (0x11D, (1600, 1200))):
    MODES |= {_first + _k: (*_size, _bpp) for _k, _bpp in enumerate((15, 16, 24))}
MODES |= {0x149 + _k: (1152, 864, _bpp) for _k, _bpp in enumerate((15, 16, 24, 32))}
for _k, _size in enumerate(((1280, 768), (1280, 800), (1280, 960), (1440, 900), (1400, 1050), (1680, 1050), (1920, 1200),
                            (2560, 1600), (1280, 720), (1920, 1080))):
    MODES |= {0x175 + 3 * _k + _n: (*_size, _bpp) for _n, _bpp in enumerate((16, 24, 32))}

# bits a pixel: size and position of red, green, blue and the rest; with 8 those of the DAC
FIELDS = {15: (5, 10, 5, 5, 5, 0, 1, 15), 16: (5, 11, 6, 5, 5, 0, 0, 0), 24: (8, 16, 8, 8, 8, 0, 0, 0),
          32: (8, 16, 8, 8, 8, 0, 8, 24), 8: (8, 0, 8, 0, 8, 0, 8, 0)}
DISPI_ENABLE_LFB, DISPI_8BIT_DAC = 0x41, 0x20


@dataclass(frozen=True, slots=True)
class VideoMode:
    """A linear frame buffer of width x height x bpp, or (all 0) the text mode."""

    width: int = 0
    height: int = 0
    bpp: int = 0
    vram_bytes: int = 0

    @property
    def text(self) -> bool:
        """80x25 characters?"""
        return not self.width

    @property
    def pitch(self) -> int:
        """Bytes a line."""
        return self.width * ((self.bpp + 7) // 8)


def choose(append: str, vram_mib: int) -> tuple[VideoMode, str]:
    """What `vga=` of a kernel command line asks for, and a warning if it cannot be had."""
    match = re.search(r"(?:^|\s)vga=(\w+)", append)
    if not match or match[1] == "normal":
        return VideoMode(), ""
    try:
        number = int(match[1], 0) & 0x3FFF
    except ValueError:
        number = 0
    found = MODES.get(number - 0x200 if number >= 0x300 else 0)
    if not found:
        return VideoMode(), f"vga={match[1]} on the kernel command line is no mode of a direct boot; the screen stays 80x25 text"
    mode = VideoMode(*found, vram_bytes=vram_mib << 20)
    if mode.pitch * mode.height > mode.vram_bytes:
        return VideoMode(), f"vga={match[1]} needs more than the {vram_mib} MiB of video memory; the screen stays 80x25 text"
    return mode, ""


def screen_info(page: bytearray, mode: VideoMode) -> None:
    """Fill in boot_params' first 64 bytes."""
    ext_mem_k = page[2:4]
    page[:0x40] = bytes(0x40)
    if mode.text:
        struct.pack_into("<BB2sHBBBBHHBBH", page, 0, 0, 0, ext_mem_k, 0, MODE3, COLUMNS, 0, 0, 3, 0, ROWS, 1, POINTS)
        return
    struct.pack_into("<2sHBBBBHHBBH", page, 2, ext_mem_k, 0, 0, 0, 0, 0, 3, 0, 0, 0x23, 0)
    base, blocks = layout.vga_lfb(mode.vram_bytes), mode.vram_bytes >> 16
    struct.pack_into("<HHHII", page, 0x12, mode.width, mode.height, mode.bpp, base, blocks)
    struct.pack_into("<H8B", page, 0x24, mode.pitch, *FIELDS[mode.bpp])
    struct.pack_into("<HH", page, 0x32, max(1, mode.vram_bytes // (mode.pitch * mode.height)), 0xBB)     # pages, attributes


def _indexed(card: Any, port: int, values: Iterable[int]) -> None:
    for index, value in enumerate(values):
        card.py_io_write(1, port, index)
        card.py_io_write(1, port + 1, value)


def text_mode(card: Any, font: bytes) -> None:
    """Mode 3 with `font` (256 characters of 16 lines) in plane 2, palette, and an empty screen."""
    def out(off: int, value: int) -> None:
        card.py_io_write(1, off, value)         # 3C0 + off

    out(0x02, MISC)
    _indexed(card, 0x14, [0] * 0x11 + [0x0E])   # unlock CRTC 0-7
    _indexed(card, 0x14, CRTC)
    _indexed(card, 0x04, FONT_SEQUENCER)
    _indexed(card, 0x0E, FONT_GRAPHICS)
    for code in range(256):
        glyph = font[16 * code:16 * code + 16]
        for k in (0, 8):
            card.py_mmio_write(0, 32 * code + k, int.from_bytes(glyph[k:k + 8], "little"), 8)
    _indexed(card, 0x04, SEQUENCER)
    _indexed(card, 0x0E, GRAPHICS)
    for at in range(0, 0x8000, 8):
        card.py_mmio_write(0, 0x18000 + at, 0x0720072007200720, 8)
    out(0x06, 0xFF)
    out(0x08, 0)
    for n in range(64):                         # the EGA's 64 colours: rgbRGB, lower case a third as bright
        for bright, dim in ((n >> 2, n >> 5), (n >> 1, n >> 4), (n, n >> 3)):
            out(0x09, (bright & 1) * 0x2A + (dim & 1) * 0x15)
    card.py_io_read(1, 0x1A)
    for index, value in enumerate(ATTRIBUTE):
        out(0x00, index)
        out(0x00, value)
    out(0x00, 0x20)


def frame_buffer(card: Any, mode: VideoMode) -> None:
    """A packed-pixel mode by the Bochs interface; with 8 bits a pixel the DAC has 8 bits, as the kernel's own set-up wants it."""
    enable = DISPI_ENABLE_LFB | (DISPI_8BIT_DAC if mode.bpp == 8 else 0)
    for index, value in ((4, 0), (1, mode.width), (2, mode.height), (3, mode.bpp), (4, enable)):
        card.py_io_write(2, 0, index, 2)
        card.py_io_write(2, 1, value, 2)


def bios_data() -> list[tuple[int, bytes]]:
    """What a VGA BIOS leaves in the BIOS data area in mode 3: (address, bytes)."""
    rows = {0x49: "<B", 0x4A: "<H", 0x4C: "<H", 0x60: "<H", 0x63: "<H", 0x65: "<B", 0x66: "<B", 0x84: "<B", 0x85: "<H",
            0x87: "<B", 0x88: "<B", 0x89: "<B", 0x8A: "<B"}
    values = (MODE3, COLUMNS, 0x1000, 0x0D0E, 0x3D4, 0x29, 0x30, ROWS - 1, POINTS, 0x60, 0xF9, 0x51, 0x08)
    return [(layout.BDA + at, struct.pack(kind, value)) for (at, kind), value in zip(rows.items(), values, strict=True)]
