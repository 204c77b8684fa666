"""ELF kernels: 32-bit x86, loaded to their physical addresses and started at e_entry in flat protected mode.

Not here: relocation, dynamic linking, the PVH entry; ELF64 waits for long mode.
Spec: System V ABI, Intel386 supplement; program header table.
"""
from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from .. import layout
from ..errors import ImageError
from . import BootPlan, flat_gdt

ELFCLASS32 = 1
ELFDATA2LSB = 1
ET_EXEC = 2
EM_386 = 3
EM_X86_64 = 62
PT_LOAD = 1


@dataclass(frozen=True, slots=True)
class Elf:
    """Loadable parts: (physical address, bytes with the zeroed tail)."""

    entry: int
    segments: list[tuple[int, bytes]]

    @property
    def start(self) -> int:
        return min(addr for addr, _ in self.segments)

    @property
    def end(self) -> int:
        return max(addr + len(data) for addr, data in self.segments)


def recognise(image: bytes) -> bool:
    """Has it the ELF magic?"""
    return image[:4] == b"\x7fELF"


def parse(image: bytes, path: Path) -> Elf:
    """Segments and entry of a 32-bit x86 executable; ImageError in words."""
    name = repr(str(path))
    if len(image) < 52:
        raise ImageError(f"kernel {name} is an ELF file cut off inside its header ({len(image)} bytes)")
    if image[5] != ELFDATA2LSB:
        raise ImageError(f"kernel {name} is a big-endian ELF file")
    kind, machine = struct.unpack_from("<HH", image, 16)
    if image[4] != ELFCLASS32 or machine == EM_X86_64:
        raise ImageError(f"kernel {name} is a 64-bit ELF file; this machine has a 32-bit processor")
    if machine != EM_386:
        raise ImageError(f"kernel {name} is an ELF file for another processor (machine {machine})")
    if kind != ET_EXEC:
        raise ImageError(f"kernel {name} is not an executable ELF file (type {kind}): link it first")
    entry, phoff = struct.unpack_from("<II", image, 24)
    phentsize, phnum = struct.unpack_from("<HH", image, 42)
    if phentsize < 32 or phoff + phentsize * phnum > len(image):
        raise ImageError(f"kernel {name} is an ELF file cut off inside its program headers")
    segments = []
    start = entry
    for k in range(phnum):
        kind, offset, vaddr, paddr, filesz, memsz = struct.unpack_from("<6I", image, phoff + phentsize * k)
        if kind != PT_LOAD or not memsz:
            continue
        if filesz > memsz or offset + filesz > len(image):
            raise ImageError(f"kernel {name} is cut off: segment {k} needs bytes up to {offset + filesz}, "
                             f"the file has {len(image)}")
        if memsz > 1 << 31 or paddr + memsz > layout.FOUR_GIB:
            raise ImageError(f"kernel {name}: segment {k} of {memsz:#x} bytes at {paddr:#x} goes past 4 GiB")
        if vaddr <= entry < vaddr + memsz:
            start = entry - vaddr + paddr       # linked high, started low with paging off
        segments.append((paddr, image[offset:offset + filesz] + bytes(memsz - filesz)))
    if not segments:
        raise ImageError(f"kernel {name} is an ELF file with nothing to load")
    return Elf(start, segments)


def check_fits(segments: list[tuple[int, bytes]], path: Path, ram_bytes: int) -> None:
    """ImageError unless every segment lies in RAM."""
    below, _ = layout.ram_split(ram_bytes)
    for addr, data in segments:
        if addr + len(data) > below:
            raise ImageError(f"kernel {str(path)!r} wants {len(data):#x} bytes at {addr:#x}; the machine has "
                             f"{ram_bytes >> 20} MiB of memory (-m)")


def plan(image: bytes, path: Path, ram_bytes: int) -> BootPlan:
    """Flat ELF32."""
    elf = parse(image, path)
    check_fits(elf.segments, path, ram_bytes)
    return BootPlan("elf", pieces=list(elf.segments), entry=elf.entry, gdt=flat_gdt(8, 16),
                    registers={"esp": layout.REAL_STACK})
