"""ELF kernels: x86 executables of 32 and 64 bits, loaded to their physical addresses.

A 32-bit one without a boot protocol starts at e_entry in flat protected mode; a 64-bit one says by a Multiboot header
(multiboot.py) or an ELF note (pvh.py) how it is entered, always in 32-bit mode.  Not here: relocation, dynamic linking.
Spec: System V ABI, Intel386 and AMD64 supplements; program header table, note section.
"""
from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from .. import layout
from ..errors import ImageError
from . import BootPlan, flat_gdt

ELFCLASS32 = 1
ELFCLASS64 = 2
ELFDATA2LSB = 1
ET_EXEC = 2
EM_386 = 3
EM_X86_64 = 62
PT_LOAD = 1
PT_NOTE = 4


@dataclass(frozen=True, slots=True)
class Elf:
    """Loadable parts: (physical address, bytes with the zeroed tail)."""

    entry: int
    segments: list[tuple[int, bytes]]
    bits: int = 32
    notes: tuple[tuple[bytes, int, bytes], ...] = ()    # name, type, descriptor

    @property
    def start(self) -> int:
        return min(addr for addr, _ in self.segments)

    @property
    def end(self) -> int:
        return max(addr + len(data) for addr, data in self.segments)


def recognise(image: bytes) -> bool:
    """Has it the ELF magic?"""
    return image[:4] == b"\x7fELF"


def _notes(data: bytes) -> list[tuple[bytes, int, bytes]]:
    """Entries of a note segment; what is cut off ends the list."""
    out = []
    at = 0
    while at + 12 <= len(data):
        namesz, descsz, kind = struct.unpack_from("<III", data, at)
        desc = at + 12 + (namesz + 3 & ~3)
        if desc + descsz > len(data):
            break
        out.append((data[at + 12:at + 12 + namesz].rstrip(b"\0"), kind, data[desc:desc + descsz]))
        at = desc + (descsz + 3 & ~3)
    return out


def parse(image: bytes, path: Path, ram_bytes: int) -> Elf:
    """Segments, notes and entry of an x86 executable; ImageError in words, before memory is taken for what has no room."""
    name = repr(str(path))
    wide = image[4:5] == bytes([ELFCLASS64])
    if len(image) < (64 if wide else 52):
        raise ImageError(f"kernel {name} is an ELF file cut off inside its header ({len(image)} bytes)")
    if image[5] != ELFDATA2LSB:
        raise ImageError(f"kernel {name} is a big-endian ELF file")
    if image[4] not in (ELFCLASS32, ELFCLASS64):
        raise ImageError(f"kernel {name} is an ELF file of unknown class {image[4]}")
    kind, machine = struct.unpack_from("<HH", image, 16)
    if machine != (EM_X86_64 if wide else EM_386):
        raise ImageError(f"kernel {name} is an ELF file for another processor (machine {machine})")
    if kind != ET_EXEC:
        raise ImageError(f"kernel {name} is not an executable ELF file (type {kind}): link it first")
    entry, phoff = struct.unpack_from("<QQ" if wide else "<II", image, 24)
    phentsize, phnum = struct.unpack_from("<HH", image, 54 if wide else 42)
    if phentsize < (56 if wide else 32) or phoff + phentsize * phnum > len(image):
        raise ImageError(f"kernel {name} is an ELF file cut off inside its program headers")
    segments = []
    notes: list[tuple[bytes, int, bytes]] = []
    start = entry
    total = scanned = 0
    for k in range(phnum):
        if wide:
            kind, _, offset, vaddr, paddr, filesz, memsz = struct.unpack_from("<IIQQQQQ", image, phoff + phentsize * k)
        else:
            kind, offset, vaddr, paddr, filesz, memsz = struct.unpack_from("<6I", image, phoff + phentsize * k)
        if kind == PT_NOTE:
            scanned += filesz
            if scanned <= len(image):           # each byte is a note once
                notes += _notes(image[offset:offset + filesz])
        if kind != PT_LOAD or not memsz:
            continue
        if filesz > memsz or offset + filesz > len(image):
            raise ImageError(f"kernel {name} is cut off: segment {k} needs bytes up to {offset + filesz}, "
                             f"the file has {len(image)}")
        if paddr + memsz > layout.FOUR_GIB:
            raise ImageError(f"kernel {name}: segment {k} of {memsz:#x} bytes at {paddr:#x} goes past 4 GiB")
        check_fits(paddr, memsz, path, ram_bytes)
        total += memsz
        if total > ram_bytes:
            raise ImageError(f"kernel {name}: its segments overlap, they have {total:#x} bytes up to segment {k}")
        if vaddr <= entry < vaddr + memsz:
            start = entry - vaddr + paddr       # linked high, started low with paging off
        segments.append((paddr, image[offset:offset + filesz] + bytes(memsz - filesz)))
    if not segments:
        raise ImageError(f"kernel {name} is an ELF file with nothing to load")
    return Elf(start, segments, 64 if wide else 32, tuple(notes))


def check_fits(addr: int, size: int, path: Path, ram_bytes: int) -> None:
    """ImageError unless the bytes lie in RAM."""
    below, _ = layout.ram_split(ram_bytes)
    if addr + size > below:
        raise ImageError(f"kernel {str(path)!r} wants {size:#x} bytes at {addr:#x}; the machine has {ram_bytes >> 20} MiB of "
                         "memory (-m)")


def plan(elf: Elf, path: Path) -> BootPlan:
    """Flat ELF32."""
    if elf.bits != 32:
        raise ImageError(f"kernel {str(path)!r} is a 64-bit ELF file without an entry for a boot loader: it needs a PVH note "
                         "(XEN_ELFNOTE_PHYS32_ENTRY) or a Multiboot header; a Linux vmlinux comes as bzImage, too")
    return BootPlan("elf", pieces=list(elf.segments), entry=elf.entry, gdt=flat_gdt(8, 16),
                    registers={"esp": layout.REAL_STACK})
