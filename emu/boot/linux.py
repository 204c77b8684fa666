"""Linux bzImage by the 32-bit boot protocol.

With a firmware, or where the image has no 32-bit entry (iPXE's ipxe.lkrn, boot protocols before 2.02, memtest86+ of old), its
setup code runs in real mode instead: see `plan_real` and firmware/linuxboot.  Not here: the 64-bit and EFI handover entries.
Spec: Linux Documentation/arch/x86/boot.rst and zero-page.rst; placement as QEMU.
"""
from __future__ import annotations

import re
import struct
from pathlib import Path

from .. import layout
from ..config import parse_size
from ..errors import ConfigError, ImageError
from . import BootPlan, flat_gdt, read_image, video

# boot_params offsets (boot.rst "The Real-Mode Kernel Header", zero-page.rst)
EXT_MEM_K = 0x002
CL_MAGIC = 0x020            # and CL_OFFSET: the command line before 2.02
ACPI_RSDP_ADDR = 0x070
ALT_MEM_K = 0x1E0
E820_ENTRIES = 0x1E8
SETUP_HEADER = 0x1F1
SETUP_SECTS = 0x1F1
SYSSIZE = 0x1F4
VID_MODE = 0x1FA
BOOT_FLAG = 0x1FE
HEADER_LENGTH = 0x201
HEADER_MAGIC = 0x202
VERSION = 0x206
TYPE_OF_LOADER = 0x210
LOADFLAGS = 0x211
CODE32_START = 0x214
RAMDISK_IMAGE = 0x218
RAMDISK_SIZE = 0x21C
HEAP_END_PTR = 0x224
CMD_LINE_PTR = 0x228
INITRD_ADDR_MAX = 0x22C
CMDLINE_SIZE = 0x238
PREF_ADDRESS = 0x258
INIT_SIZE = 0x260
E820_TABLE = 0x2D0

XLOADFLAGS = 0x236

CL_MAGIC_VALUE = 0xA33F
NO_HEADER = 0               # boot protocol of a kernel without "HdrS"
MAX_OLD_SETUP = 31          # sectors
LOADED_HIGH = 0x01
XLF_KERNEL_64 = 0x01
KEEP_SEGMENTS = 0x40
CAN_USE_HEAP = 0x80
LOADER_QEMU = 0xB0
BOOT_CS = 0x10
BOOT_DS = 0x18
INITRD_MAX_OLD = 0x37FFFFFF
VGA_MODES = {"normal": 0xFFFF, "ext": 0xFFFE, "ask": 0xFFFD}


def _u(image: bytes | bytearray, offset: int, size: int) -> int:
    return int.from_bytes(image[offset:offset + size], "little")


def _has_header(image: bytes) -> bool:
    return image[HEADER_MAGIC:HEADER_MAGIC + 4] == b"HdrS"


def _setup_bytes(image: bytes) -> int:
    """Boot sector and setup code."""
    return ((image[SETUP_SECTS] or 4) + 1) * 512


def recognise(image: bytes) -> bool:
    """Has it the setup header's magic, or the boot sector of a kernel older than that, and the size this tells?"""
    if _has_header(image):
        return True
    if len(image) < 0x400 or _u(image, BOOT_FLAG, 2) != 0xAA55 or image[SETUP_SECTS] > MAX_OLD_SETUP:
        return False
    system = len(image) - _setup_bytes(image)
    return system > 0 and (system + 15) // 16 in (size := _u(image, SYSSIZE, 2), size - 1)


def _memory_limit(append: str, below: int) -> int:
    """RAM the guest will use, with the command line's own mem= taken into account."""
    match = re.search(r"(?:^|\s)mem=(\w+)", append)
    if match:
        try:
            text = match[1]
            return min(below, int(text, 0) if text[-1].isdigit() else parse_size(text))
        except (ConfigError, ValueError):
            pass
    return below


def needs_firmware(image: bytes) -> bool:
    """Has it a 16-bit entry only?"""
    return len(image) > CMD_LINE_PTR and (protocol(image) < 0x202
                                          or image[LOADFLAGS] & LOADED_HIGH != 0 and _u(image, CODE32_START, 4) == 0)


def protocol(image: bytes) -> int:
    """Version of the boot protocol, 0x20C for 2.12."""
    return _u(image, VERSION, 2) if _has_header(image) else NO_HEADER


def _check(image: bytes, name: str) -> tuple[int, int]:
    """Boot protocol and bytes of setup code of a whole image."""
    if len(image) < 0x290:
        raise ImageError(f"kernel {name} is cut off inside its setup header ({len(image)} bytes)")
    version = protocol(image)
    if _u(image, BOOT_FLAG, 2) != 0xAA55:
        raise ImageError(f"kernel {name} has no boot signature AA55: damaged file")
    setup_bytes = _setup_bytes(image)
    system_bytes = _u(image, SYSSIZE, 4 if version >= 0x204 else 2) * 16
    if len(image) < setup_bytes or (version >= 0x204 and len(image) - setup_bytes < system_bytes - 15):
        raise ImageError(f"kernel {name} is cut off: its header speaks of {setup_bytes + system_bytes} bytes, "
                         f"the file has {len(image)}")
    return version, setup_bytes


def _command_line(image: bytes, version: int, append: str) -> bytes:
    cmdline = append.encode("utf-8", "surrogateescape")
    room = _u(image, CMDLINE_SIZE, 4) if version >= 0x206 else 255
    if len(cmdline) > room:
        raise ImageError(f"the kernel command line has {len(cmdline)} bytes; this kernel takes {room}")
    return cmdline + b"\0"


def _initrd(image: bytes, version: int, initrd: str, append: str, need: int, ram_bytes: int) -> tuple[int, bytes]:
    """Where it goes, as high as the kernel takes it, and what it is."""
    data = read_image(Path(initrd), "initrd")
    top = _u(image, INITRD_ADDR_MAX, 4) if version >= 0x203 else INITRD_MAX_OLD
    top = min(top, max(0, _memory_limit(append, layout.ram_split(ram_bytes)[0]) - layout.FIRMWARE_TOP) - 1)
    place = (top - len(data)) & ~0xFFF
    if place < need:
        raise ImageError(f"initrd {initrd!r} has {len(data) / 2**20:.1f} MiB, which do not fit into {ram_bytes >> 20} MiB of "
                         f"memory beside the kernel; give the machine more (-m)")
    return place, data


def _is_wide(image: bytes, version: int) -> bool:
    """Is it a 64-bit kernel?"""
    return version >= 0x20C and bool(_u(image, XLOADFLAGS, 2) & XLF_KERNEL_64)


def _video_mode(page: bytearray, append: str) -> None:
    vga = re.search(r"(?:^|\s)vga=(\w+)", append)
    if vga:
        try:
            struct.pack_into("<H", page, VID_MODE, VGA_MODES.get(vga[1]) or int(vga[1], 0))
        except (ValueError, struct.error):
            raise ImageError(f"vga={vga[1]} on the kernel command line is not a mode") from None


def plan_real(image: bytes, path: Path, initrd: str | None, append: str, ram_bytes: int) -> BootPlan:
    """For the firmware: setup code with its header filled in, and where everything goes, as fw_cfg items."""
    version, setup_bytes = _check(image, repr(str(path)))
    system = image[setup_bytes:]
    high = version >= 0x200 and bool(image[LOADFLAGS] & LOADED_HIGH)
    setup_addr, cmdline_addr = (0x10000, 0x20000) if high and version >= 0x202 else (0x90000, 0x9A000)
    load_addr = layout.HIGH_MEMORY if high else 0x10000
    if not high and load_addr + len(system) > setup_addr:
        raise ImageError(f"kernel {str(path)!r} is a zImage of {len(system)} bytes; at most 512 KiB fit below 640 KiB")
    if load_addr + len(system) > layout.ram_split(ram_bytes)[0]:
        raise ImageError(f"kernel {str(path)!r} does not fit into {ram_bytes >> 20} MiB of memory (-m)")
    setup = bytearray(image[:setup_bytes])
    if version >= 0x200:
        setup[TYPE_OF_LOADER] = LOADER_QEMU
    if version >= 0x201:
        setup[LOADFLAGS] |= CAN_USE_HEAP
        struct.pack_into("<H", setup, HEAP_END_PTR, cmdline_addr - setup_addr - 0x200)
    if version >= 0x202:
        struct.pack_into("<I", setup, CMD_LINE_PTR, cmdline_addr)
    else:
        struct.pack_into("<HH", setup, CL_MAGIC, CL_MAGIC_VALUE, cmdline_addr - setup_addr)
    _video_mode(setup, append)
    out = BootPlan("linux16", long_mode=_is_wide(image, version), by_firmware=True, rom="linuxboot.bin")
    if initrd:
        if version < 0x200:
            raise ImageError(f"kernel {str(path)!r} is older than boot protocol 2.00: it has no place for an initrd")
        place, data = _initrd(image, version, initrd, append, load_addr + len(system), ram_bytes)
        struct.pack_into("<II", setup, RAMDISK_IMAGE, place, len(data))
        out.fw_cfg.update(initrd_addr=place, initrd_data=data)
    out.fw_cfg.update(kernel_addr=load_addr, kernel_data=system, cmdline_addr=cmdline_addr,
                      cmdline_data=_command_line(image, version, append), setup_addr=setup_addr, setup_data=bytes(setup))
    return out


def plan(image: bytes, path: Path, initrd: str | None, append: str, ram_bytes: int, rsdp: int, vga_mib: int) -> BootPlan:
    """Zero page, command line, kernel and initrd with their places; ImageError in words."""
    name = repr(str(path))
    version, setup_bytes = _check(image, name)
    system = image[setup_bytes:]
    high = bool(image[LOADFLAGS] & LOADED_HIGH)
    load_addr = layout.HIGH_MEMORY if high else 0x10000
    zero_page = 0x90000 if not high else layout.ZERO_PAGE
    cmdline_addr = layout.CMDLINE if high else zero_page + 0x1000
    if not high and len(system) > 0x80000:
        raise ImageError(f"kernel {name} is a zImage of {len(system)} bytes; at most 512 KiB fit below 640 KiB")
    below, above = layout.ram_split(ram_bytes)
    need = load_addr + len(system)
    if version >= 0x20A:
        need = max(need, _u(image, PREF_ADDRESS, 8) + _u(image, INIT_SIZE, 4))
    if need > below:
        raise ImageError(f"kernel {name} needs {(need + 0xFFFFF) >> 20} MiB of memory to start, the machine has "
                         f"{ram_bytes >> 20} MiB (-m)")

    gdt = flat_gdt(BOOT_CS, BOOT_DS)
    out = BootPlan("linux", long_mode=_is_wide(image, version), entry=load_addr, cs=BOOT_CS, ds=BOOT_DS, gdt=gdt)
    cmdline = _command_line(image, version, append)

    page = bytearray(0x1000)
    end = HEADER_MAGIC + image[HEADER_LENGTH]
    page[SETUP_HEADER:end] = image[SETUP_HEADER:end]
    page[TYPE_OF_LOADER] = LOADER_QEMU
    page[LOADFLAGS] = (page[LOADFLAGS] | CAN_USE_HEAP) & ~KEEP_SEGMENTS
    struct.pack_into("<H", page, HEAP_END_PTR, cmdline_addr - zero_page - 0x200 if high else 0xE00)
    struct.pack_into("<I", page, CODE32_START, load_addr)
    struct.pack_into("<I", page, CMD_LINE_PTR, cmdline_addr)
    _video_mode(page, append)
    kib = (below - layout.HIGH_MEMORY) >> 10
    struct.pack_into("<H", page, EXT_MEM_K, min(kib, 0xFFFF))
    struct.pack_into("<I", page, ALT_MEM_K, kib)
    struct.pack_into("<Q", page, ACPI_RSDP_ADDR, rsdp)
    rows = layout.e820(ram_bytes)
    page[E820_ENTRIES] = len(rows)
    if vga_mib:
        out.video, warning = video.choose(append, vga_mib)
        out.warnings += [warning] if warning else []
        video.screen_info(page, out.video)
    for k, row in enumerate(rows):
        struct.pack_into("<QQI", page, E820_TABLE + 20 * k, *row)

    if initrd:
        place, data = _initrd(image, version, initrd, append, need, ram_bytes)
        struct.pack_into("<II", page, RAMDISK_IMAGE, place, len(data))
        out.pieces.append((place, data))
        out.fw_cfg.update(initrd_addr=place, initrd_data=data)

    out.pieces += [(load_addr, system), (cmdline_addr, cmdline), (zero_page, bytes(page))]
    out.registers = {"esi": zero_page, "esp": zero_page}
    out.fw_cfg.update(kernel_addr=load_addr, kernel_data=system, cmdline_addr=cmdline_addr, cmdline_data=cmdline,
                      setup_addr=zero_page, setup_data=image[:setup_bytes])
    return out
