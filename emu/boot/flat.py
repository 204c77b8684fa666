"""A raw binary at an address.

Below 1 MiB it starts in real mode (below 64 KiB as 0000:ADDR, the way a BIOS enters a boot sector, else as
ADDR>>4:ADDR&15); from 1 MiB on in flat 32-bit protected mode.  There is no firmware: every interrupt
vector of real mode points to a stub that halts with interrupts off, so a stray exception or INT ends
as a hang with a report, at once.
"""
from __future__ import annotations

import struct
from pathlib import Path

from .. import layout
from ..errors import ImageError
from . import BootPlan, flat_gdt, read_image
from .vectors import CLI_HLT, SEGMENT


def check_place(path: Path, data: bytes, addr: int, ram_bytes: int) -> None:
    """ImageError unless the bytes lie in RAM."""
    below, above = layout.ram_split(ram_bytes)
    end = addr + len(data)
    if end > below and not (addr >= layout.FOUR_GIB and end <= layout.FOUR_GIB + above):
        raise ImageError(f"{str(path)!r} has {len(data):#x} bytes, which at {addr:#x} reach past the machine's "
                         f"{ram_bytes >> 20} MiB of memory (-m)")


def plan(path: Path, addr: int, ram_bytes: int) -> BootPlan:
    """Load and start."""
    data = read_image(path, "raw binary")
    check_place(path, data, addr, ram_bytes)
    if addr >= layout.FOUR_GIB:
        raise ImageError(f"a start address of {addr:#x} is out of a 32-bit processor's reach")
    if addr >= layout.HIGH_MEMORY:
        return BootPlan("raw", pieces=[(addr, data)], entry=addr, gdt=flat_gdt(8, 16), registers={"esp": layout.REAL_STACK})
    vectors = struct.pack("<HH", layout.BIOS_STUB - (SEGMENT << 4), SEGMENT) * 256
    segment, offset = (0, addr) if addr < 0x10000 else (addr >> 4, addr & 15)
    out = BootPlan("raw", entry=offset, real_mode=True, registers={"cs": segment, "esp": layout.REAL_STACK})
    out.pieces = [(0, vectors), (layout.BIOS_STUB, CLI_HLT), (addr, data)]
    return out
