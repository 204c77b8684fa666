"""The monitor's EDID, by which a guest learns which sizes it likes.

    blob = build(1024, 768)

A digital RGB monitor without a make of its own; established and standard timings, one detailed timing.
Spec: VESA Enhanced EDID Standard release A revision 2 (EDID 1.4); timings by VESA CVT 1.1 with reduced blanking.
"""
from __future__ import annotations

import struct

STANDARD = ((1920, 1080, 60), (1680, 1050, 60), (1600, 1200, 60), (1440, 900, 60), (1280, 1024, 60), (1280, 960, 60),
            (1280, 800, 60), (1152, 864, 75))
ASPECTS = {(16, 10): 0, (4, 3): 1, (5, 4): 2, (16, 9): 3}


def _detailed(width: int, height: int) -> bytes:
    """18 bytes: 60 Hz, reduced blanking."""
    h_blank, h_front, h_sync = 160, 48, 32
    v_front, v_sync = 3, 4
    v_blank = v_front + v_sync + 6
    while v_blank * (1_000_000 / (60 * (height + v_blank))) < 460:      # CVT: at least 460 us
        v_blank += 1
    clock = (width + h_blank) * (height + v_blank) * 60 // 10_000       # in 10 kHz
    mm_w, mm_h = width * 254 // 960, height * 254 // 960                # 96 dpi
    return struct.pack("<H", clock) + bytes((
        width & 0xFF, h_blank, (width >> 8) << 4 | h_blank >> 8, height & 0xFF, v_blank & 0xFF, (height >> 8) << 4 | v_blank >> 8,
        h_front, h_sync, v_front << 4 | v_sync, 0, mm_w & 0xFF, mm_h & 0xFF, (mm_w >> 8) << 4 | mm_h >> 8, 0, 0, 0x1A))


def _text(kind: int, text: str) -> bytes:
    return bytes((0, 0, 0, kind, 0)) + (text + "\n").encode("ascii")[:13].ljust(13, b" ")


def build(width: int = 1024, height: int = 768) -> bytes:
    """128 bytes for a monitor whose own size is width x height."""
    out = bytearray(128)
    out[:8] = bytes.fromhex("00FFFFFFFFFFFF00")
    make = (ord("E") - 64) << 10 | (ord("M") - 64) << 5 | (ord("U") - 64)
    struct.pack_into(">H", out, 8, make)
    struct.pack_into("<HI", out, 10, 0x1111, 1)
    out[16:24] = bytes((1, 36, 1, 4, 0xA5, width * 254 // 9600, height * 254 // 9600, 0x78))     # 2026; EDID 1.4; 8 bits a colour
    out[24] = 0x06                                                      # sRGB, the first detailed timing is the native one
    out[25:35] = bytes.fromhex("EE91A3544C99260F5054")                  # chromaticity of sRGB
    out[35:38] = bytes((0x21, 0x08, 0x00))                              # 640x480, 800x600, 1024x768 at 60 Hz
    for k, (w, h, hz) in enumerate(STANDARD):
        aspect = next(code for (a, b), code in ASPECTS.items() if w * b == h * a)
        out[38 + 2 * k:40 + 2 * k] = bytes((w // 8 - 31, aspect << 6 | hz - 60))
    out[54:72] = _detailed(width, height)
    out[72:90] = bytes((0, 0, 0, 0xFD, 0, 50, 125, 30, 160, 60, 1)).ljust(18, b" ")  # ranges: 50-125 Hz, 30-160 kHz, 600 MHz
    out[82:90] = bytes((0x01, 0x0A)).ljust(8, b" ")
    out[90:108] = _text(0xFC, "emu")
    out[108:126] = _text(0xFF, "0001")
    out[127] = -sum(out) & 0xFF
    return bytes(out)
