"""PVH: ELF kernels entered in 32-bit mode where their note says, with a start_info structure (Linux vmlinux, Xen, unikernels).

Not here: TR, which the specification wants loaded and no kernel uses.
Spec: Xen, "x86/HVM direct boot ABI" (docs/misc/pvh.html) and xen/include/public/arch-x86/hvm/start_info.h, version 1.
"""
from __future__ import annotations

import struct
from pathlib import Path

from .. import layout
from ..errors import ImageError
from . import BootPlan, flat_gdt, read_image
from .elf import Elf

NOTE_NAME = b"Xen"
PHYS32_ENTRY = 18               # XEN_ELFNOTE_PHYS32_ENTRY
START_MAGIC = 0x336EC578        # "xEn3" with the 0x80 bit of E set
START_SIZE = 56


def entry(elf: Elf) -> int | None:
    """Physical address of the 32-bit entry; None without the note."""
    for name, kind, desc in elf.notes:
        if name == NOTE_NAME and kind == PHYS32_ENTRY and len(desc) in (4, 8):
            return int.from_bytes(desc, "little")
    return None


def plan(elf: Elf, path: Path, initrd: str | None, append: str, ram_bytes: int, rsdp: int) -> BootPlan:
    """Kernel, start_info, memory map and initrd with their places; ImageError in words."""
    name = repr(str(path))
    start = entry(elf)
    assert start is not None
    if not any(addr <= start < addr + len(data) for addr, data in elf.segments):
        raise ImageError(f"kernel {name}: its PVH entry {start:#x} lies outside of what is loaded")
    out = BootPlan("pvh", pieces=list(elf.segments), entry=start, gdt=flat_gdt(8, 16))
    blob = bytearray(START_SIZE)

    def put(data: bytes) -> int:
        blob.extend(bytes(-len(blob) % 8))
        at = layout.MULTIBOOT_INFO + len(blob)
        blob.extend(data)
        return at

    cmdline = put(append.encode("utf-8", "surrogateescape") + b"\0")
    rows = layout.e820(ram_bytes)
    memmap = put(b"".join(struct.pack("<QQII", base, size, kind, 0) for base, size, kind in rows))
    modlist = 0
    if initrd:
        data = read_image(Path(initrd), "initrd")
        below, _ = layout.ram_split(ram_bytes)
        place = (below - layout.FIRMWARE_TOP - len(data)) & ~0xFFF
        if place < max(elf.end, layout.HIGH_MEMORY):
            raise ImageError(f"initrd {initrd!r} has {len(data) / 2**20:.1f} MiB, which do not fit into {ram_bytes >> 20} MiB of "
                             "memory beside the kernel; give the machine more (-m)")
        out.pieces.append((place, data))
        modlist = put(struct.pack("<QQQQ", place, len(data), 0, 0))
    struct.pack_into("<IIIIQQQQI", blob, 0, START_MAGIC, 1, 0, 1 if initrd else 0, modlist, cmdline, rsdp, memmap, len(rows))
    if layout.MULTIBOOT_INFO + len(blob) > layout.BASE_MEMORY_TOP:
        raise ImageError(f"the kernel command line has {len(append)} bytes; it must fit into low memory")
    for addr, data in elf.segments:
        if addr < layout.MULTIBOOT_INFO + len(blob) and addr + len(data) > layout.MULTIBOOT_INFO:
            raise ImageError(f"kernel {name} is loaded over {layout.MULTIBOOT_INFO:#x}, where its start information goes")
    out.pieces.append((layout.MULTIBOOT_INFO, bytes(blob)))
    out.registers = {"ebx": layout.MULTIBOOT_INFO, "esp": layout.REAL_STACK}
    return out
