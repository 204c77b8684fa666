"""Multiboot 1 kernels with modules, memory map and command line.

A video mode the header asks for is set, as near as the card comes to it, and told in the framebuffer fields.
Not here: VBE and APM tables (no firmware ran that could have filled them), drives, configuration table.
Spec: Multiboot Specification 0.6.96; module syntax "-initrd 'file arguments,file arguments'" as QEMU.
"""
from __future__ import annotations

import struct
from pathlib import Path

from .. import layout
from ..errors import ImageError
from . import BootPlan, elf, flat_gdt, read_image, video

MAGIC = 0x1BADB002
LOADER_MAGIC = 0x2BADB002
SEARCH = 8192
PAGE_ALIGN = 0x1
MEMORY_INFO = 0x2
VIDEO_MODE = 0x4
ADDRESS_FIELDS = 0x10000
KNOWN_REQUIRED = PAGE_ALIGN | MEMORY_INFO | VIDEO_MODE

INFO_MEMORY = 0x001
INFO_BOOTDEV = 0x002
INFO_CMDLINE = 0x004
INFO_MODS = 0x008
INFO_ELF_SHDR = 0x020
INFO_MMAP = 0x040
INFO_LOADER_NAME = 0x200
INFO_FRAMEBUFFER = 0x1000
INFO_SIZE = 116
HEADER_VIDEO = 32               # mode_type, width, height, depth
FRAMEBUFFER = 88                # offset of framebuffer_addr
TEXT_SCREEN = (0xB8000, 160, 80, 25, 16, 2)
LOADER_NAME = b"emu\0"


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


def _by_address_fields(image: bytes, offset: int, path: Path) -> elf.Elf:
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
    data = image[start:start + size]
    if bss_end > load + size:
        if bss_end - load > 1 << 31:
            raise ImageError(f"kernel {name}: Multiboot bss_end_addr {bss_end:#x} is impossible")
        data += bytes(bss_end - load - size)
    return elf.Elf(entry, [(load, data)])


def wanted_mode(image: bytes, offset: int, vga_mib: int) -> video.VideoMode:
    """The mode nearest to what the header asks for: text, or a linear frame buffer of 15 to 32 bits a pixel."""
    if offset + HEADER_VIDEO + 16 > len(image):
        return video.VideoMode()
    kind, width, height, depth = struct.unpack_from("<4I", image, offset + HEADER_VIDEO)
    if kind != 0:
        return video.VideoMode()
    depth = depth if depth in (15, 16, 24, 32) else 32
    sizes = sorted({mode[:2] for mode in video.MODES.values()})
    width, height = width or 1024, height or 768
    best = min(sizes, key=lambda size: (abs(size[0] - width) + abs(size[1] - height), size))
    mode = video.VideoMode(*best, depth, vga_mib << 20)
    return mode if mode.pitch * mode.height <= mode.vram_bytes else video.VideoMode()


def framebuffer_fields(mode: video.VideoMode) -> bytes:
    """framebuffer_addr to color_info of the information structure."""
    if mode.text:
        return struct.pack("<QIIIBB6x", *TEXT_SCREEN)
    red, red_at, green, green_at, blue, blue_at = video.FIELDS[mode.bpp][:6]
    return struct.pack("<QIIIBB6B", layout.vga_lfb(mode.vram_bytes), mode.pitch, mode.width, mode.height, mode.bpp, 1,
                       red_at, red, green_at, green, blue_at, blue)


def plan(image: bytes, path: Path, initrd: str | None, append: str, ram_bytes: int, vga_mib: int = 0) -> BootPlan:
    """Kernel, modules and information structure with their places; ImageError in words."""
    name = repr(str(path))
    offset = find_header(image)
    assert offset is not None
    flags = struct.unpack_from("<I", image, offset + 4)[0]
    unknown = flags & 0xFFFF & ~KNOWN_REQUIRED
    if unknown:
        raise ImageError(f"kernel {name} requires Multiboot features that are not known (flags {unknown:#x})")
    program = _by_address_fields(image, offset, path) if flags & ADDRESS_FIELDS else None
    if program is None:
        if not elf.recognise(image):
            raise ImageError(f"kernel {name} has a Multiboot header without address fields and is not an ELF file")
        program = elf.parse(image, path)
    elf.check_fits(program.segments, path, ram_bytes)

    out = BootPlan("multiboot", pieces=list(program.segments), entry=program.entry, gdt=flat_gdt(8, 16))
    if flags & VIDEO_MODE:
        if vga_mib:
            out.video = wanted_mode(image, offset, vga_mib)
        else:
            out.warnings.append(f"kernel {name} asks the boot loader for a video mode; there is no graphics card (-vga std)")
    below, _ = layout.ram_split(ram_bytes)
    free = (max(program.end, layout.HIGH_MEMORY) + 0xFFF) & ~0xFFF
    modules: list[tuple[int, int, str]] = []
    for item in initrd.split(",") if initrd else ():
        file = item.strip().split(" ")[0]
        data = read_image(Path(file), "module")
        if free + len(data) > below:
            raise ImageError(f"module {file!r} has {len(data) / 2**20:.1f} MiB, which do not fit into {ram_bytes >> 20} MiB "
                             "of memory beside the kernel; give the machine more (-m)")
        out.pieces.append((free, data))
        modules.append((free, free + len(data), item.strip()))
        free = (free + len(data) + 0xFFF) & ~0xFFF

    blob = bytearray(INFO_SIZE)

    def put(data: bytes) -> int:
        blob.extend(bytes(-len(blob) % 4))
        at = layout.MULTIBOOT_INFO + len(blob)
        blob.extend(data)
        return at

    bits = INFO_MEMORY | INFO_CMDLINE | INFO_MMAP | INFO_LOADER_NAME
    cmdline = put(f"{path} {append}".rstrip().encode("utf-8", "surrogateescape") + b"\0")
    mods_addr = 0
    if modules:
        bits |= INFO_MODS
        rows = [struct.pack("<4I", start, end, put(text.encode("utf-8", "surrogateescape") + b"\0"), 0)
                for start, end, text in modules]
        mods_addr = put(b"".join(rows))
    mmap = b"".join(struct.pack("<IQQI", 20, *row) for row in layout.e820(ram_bytes))
    mmap_addr = put(mmap)
    loader = put(LOADER_NAME)
    if flags & VIDEO_MODE and vga_mib:
        bits |= INFO_FRAMEBUFFER
        blob[FRAMEBUFFER:INFO_SIZE] = framebuffer_fields(out.video)
    struct.pack_into("<8I", blob, 0, bits, layout.BASE_MEMORY_TOP >> 10, (below - layout.HIGH_MEMORY) >> 10, 0, cmdline,
                     len(modules), mods_addr, 0)
    struct.pack_into("<II", blob, 44, len(mmap), mmap_addr)
    struct.pack_into("<I", blob, 64, loader)
    if layout.MULTIBOOT_INFO + len(blob) > layout.BASE_MEMORY_TOP:
        raise ImageError(f"the Multiboot command lines have {len(blob)} bytes; they must fit into low memory")
    for addr, data in program.segments:
        if addr < layout.MULTIBOOT_INFO + len(blob) and addr + len(data) > layout.MULTIBOOT_INFO:
            raise ImageError(f"kernel {name} is loaded over {layout.MULTIBOOT_INFO:#x}, where its Multiboot information goes")
    out.pieces.append((layout.MULTIBOOT_INFO, bytes(blob)))
    out.registers = {"eax": LOADER_MAGIC, "ebx": layout.MULTIBOOT_INFO, "esp": layout.REAL_STACK}
    return out
