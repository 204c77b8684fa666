"""Multiboot 1 kernels with modules: they start through the firmware, by the option ROM of firmware/multiboot.

Here the file is understood, and everything gets its place; the ROM asks the firmware for memory map, video mode, disks and
APM, fills in the information structure, copies the pieces and enters.  Not here: ELF section headers (flag 5), a.out symbols.
Spec: Multiboot Specification 0.6.96; module syntax "-initrd 'file arguments,file arguments'" as QEMU.
"""
from __future__ import annotations

import struct
from pathlib import Path

from .. import layout
from ..errors import ImageError
from . import BootPlan, elf, read_image

MAGIC = 0x1BADB002
SEARCH = 8192
PAGE_ALIGN = 0x1
MEMORY_INFO = 0x2
VIDEO_MODE = 0x4
ADDRESS_FIELDS = 0x10000
KNOWN_REQUIRED = PAGE_ALIGN | MEMORY_INFO | VIDEO_MODE
HEADER_VIDEO = 32               # mode_type, width, height, depth
TEXT_MODE = (1, 80, 25, 0)
LOADER_NAME = b"emu"

# what the ROM reads out of fw_cfg as setup data: struct block of firmware/multiboot/multiboot.h
BLOCK_MAGIC = b"MBOT"
BLOCK = struct.Struct("<4s12I")
BLOCK_MAX = 48 << 10            # the rest of 64 KiB is the ROM's program, the tables it makes and its stack
ROM = "multiboot.bin"


def find_header(image: bytes) -> int | None:
    """Offset of the header: 4-byte aligned in the first 8 KiB, checksum right; None without one."""
    for offset in range(0, min(SEARCH, len(image)) - 11, 4):
        magic, flags, checksum = struct.unpack_from("<III", image, offset)
        if magic == MAGIC and (magic + flags + checksum) & 0xFFFFFFFF == 0:
            return offset
    return None


def recognise(image: bytes) -> bool:
    """Is there a Multiboot header?"""
    return find_header(image) is not None


def _by_address_fields(image: bytes, offset: int, path: Path, ram_bytes: int) -> elf.Elf:
    name = repr(str(path))
    if offset + 32 > len(image):
        raise ImageError(f"kernel {name} is cut off inside its Multiboot header")
    header, load, load_end, bss_end, entry = struct.unpack_from("<5I", image, offset + 12)
    start = offset - (header - load)
    if start < 0 or header < load:
        raise ImageError(f"kernel {name}: Multiboot header_addr {header:#x} does not fit load_addr {load:#x}")
    size = load_end - load if load_end else len(image) - start
    if size < 0 or start + size > len(image):
        raise ImageError(f"kernel {name} is cut off: its Multiboot header loads {size} bytes, the file has {len(image) - start}")
    room = max(size, bss_end - load)
    elf.check_fits(load, room, path, ram_bytes)
    return elf.Elf(entry, [(load, image[start:start + size] + bytes(room - size))])


def plan(image: bytes, path: Path, initrd: str | None, append: str, ram_bytes: int, vga_mib: int = 0) -> BootPlan:
    """Kernel, modules and information structure with their places; ImageError in words."""
    name = repr(str(path))
    offset = find_header(image)
    assert offset is not None
    flags = struct.unpack_from("<I", image, offset + 4)[0]
    unknown = flags & 0xFFFF & ~KNOWN_REQUIRED
    if unknown:
        raise ImageError(f"kernel {name} requires Multiboot features that are not known (flags {unknown:#x})")
    program = _by_address_fields(image, offset, path, ram_bytes) if flags & ADDRESS_FIELDS else None
    if program is None:
        if not elf.recognise(image):
            raise ImageError(f"kernel {name} has a Multiboot header without address fields and is not an ELF file")
        program = elf.parse(image, path, ram_bytes)
    _check_low_memory(program.segments, name)

    out = BootPlan("multiboot", entry=program.entry, by_firmware=True, rom=ROM)
    video = TEXT_MODE
    if flags & VIDEO_MODE:
        if offset + HEADER_VIDEO + 16 <= len(image):
            video = struct.unpack_from("<4I", image, offset + HEADER_VIDEO)
        if not vga_mib:
            out.warnings.append(f"kernel {name} asks the boot loader for a video mode; there is no graphics card (-vga std)")
    pieces = list(program.segments)
    modules = _modules(initrd, program.end, ram_bytes)
    pieces += [(start, data) for start, data, _ in modules]
    place = next((at for at in (layout.MULTIBOOT_INFO, *range(0x10000, 0x80000, 0x10000))
                  if not any(addr < at + layout.MULTIBOOT_ROOM and addr + len(data) > at for addr, data in pieces)), None)
    if place is None:
        raise ImageError(f"kernel {name} leaves no 64 KiB below 0x90000 free, where its Multiboot information would go")

    blob = bytearray(BLOCK.size)

    def put(data: bytes) -> int:
        blob.extend(bytes(-len(blob) % 4))
        at = len(blob)
        blob.extend(data)
        return at

    cmdline = put(f"{path} {append}".rstrip().encode("utf-8", "surrogateescape") + b"\0")
    loader = put(LOADER_NAME + b"\0")
    rows = [struct.pack("<4I", start, start + len(data), put(text.encode("utf-8", "surrogateescape") + b"\0"), 0)
            for start, data, text in modules]
    modules_at = put(b"".join(rows))
    stored = [(addr, len(data), data.rstrip(b"\0")) for addr, data in pieces]
    pieces_at = put(b"".join(struct.pack("<3I", addr, len(data), size - len(data)) for addr, size, data in stored))
    BLOCK.pack_into(blob, 0, BLOCK_MAGIC, flags, program.entry, *video, cmdline, loader, len(rows), modules_at,
                    len(stored), pieces_at)
    if len(blob) > BLOCK_MAX:
        raise ImageError(f"the Multiboot command lines have {len(blob)} bytes; at most {BLOCK_MAX >> 10} KiB fit")
    out.fw_cfg.update(setup_addr=place, setup_data=bytes(blob), kernel_addr=program.start,
                      kernel_data=b"".join(data for *_, data in stored))
    return out


def _check_low_memory(segments: list[tuple[int, bytes]], name: str) -> None:
    """ImageError for what would lie over the vectors and data of the BIOS, or where below 1 MiB there is no RAM."""
    for addr, data in segments:
        for start, end, what in ((0, layout.BDA + 0x100, "the BIOS has its data"),
                                 (layout.BASE_MEMORY_TOP, layout.HIGH_MEMORY, "there is no RAM for it")):
            if addr < end and addr + len(data) > start:
                raise ImageError(f"kernel {name} is loaded to {addr:#x}-{addr + len(data) - 1:#x}; between {start:#x} and "
                                 f"{end - 1:#x} {what}")


def _modules(initrd: str | None, kernel_end: int, ram_bytes: int) -> list[tuple[int, bytes, str]]:
    """(address, bytes, text) of each: behind the kernel, on pages, one after the other."""
    top = layout.ram_split(ram_bytes)[0] - layout.FIRMWARE_TOP
    free = (max(kernel_end, layout.HIGH_MEMORY) + 0xFFF) & ~0xFFF
    modules = []
    for item in initrd.split(",") if initrd else ():
        file = item.strip().split(" ")[0]
        data = read_image(Path(file), "module")
        if free + len(data) > top:
            raise ImageError(f"module {file!r} has {len(data) / 2**20:.1f} MiB, which do not fit into {ram_bytes >> 20} MiB "
                             "of memory beside the kernel; give the machine more (-m)")
        modules.append((free, data, item.strip()))
        free = (free + len(data) + 0xFFF) & ~0xFFF
    return modules
