"""Starting a kernel: what is in the file decides how, in the order QEMU's -kernel looks.

Linux by its 32-bit entry, PVH, ELF and raw binaries start directly, without firmware; Multiboot kernels and Linux by its 16-bit
entry start through the firmware, by an option ROM (`rom`) that gets what the plan has put into fw_cfg.

bzImage (header "HdrS"), Multiboot 1 (magic in the first 8 KiB), ELF with a PVH note, ELF32; a raw binary only when asked for.
A gzip file is looked into, as GRUB does (QEMU does not).
"""
from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ImageError
from .video import VideoMode

UNPACKED_MAX = 512 << 20


@dataclass(slots=True)
class BootPlan:
    """Bytes to put into memory and the state to start in; nothing is touched before it is complete."""

    protocol: str
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    entry: int = 0
    registers: dict[str, int] = field(default_factory=dict)
    gdt: bytes = b""
    cs: int = 8
    ds: int = 16
    real_mode: bool = False
    by_firmware: bool = False   # the processor begins in the firmware; an option ROM gets the kernel out of fw_cfg
    rom: str = ""               # that ROM
    long_mode: bool = False     # a processor without it is of no use
    warnings: list[str] = field(default_factory=list)
    video: VideoMode = VideoMode()  # what the graphics card shows at the start
    fw_cfg: dict[str, int | bytes] = field(default_factory=dict)    # kernel_addr, kernel_data, initrd_addr, ...


def read_image(path: Path, what: str) -> bytes:
    """A file's bytes; ImageError in words when it cannot be read or is empty."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{what} {str(path)!r} does not exist") from None
    except IsADirectoryError:
        raise ImageError(f"{what} {str(path)!r} is a directory") from None
    except OSError as error:
        raise ImageError(f"{what} {str(path)!r} cannot be read: {error.strerror}") from None
    if not data:
        raise ImageError(f"{what} {str(path)!r} is empty")
    return data


def unpack(image: bytes, path: Path, what: str) -> bytes:
    """The contents of a gzip file; anything else as it is."""
    if image[:3] != b"\x1f\x8b\x08":
        return image
    try:
        inflate = zlib.decompressobj(wbits=31)
        data = inflate.decompress(image, UNPACKED_MAX)
    except zlib.error as error:
        raise ImageError(f"{what} {str(path)!r} is a damaged gzip file: {error}") from None
    if not inflate.eof:
        why = f"unpacks to more than {UNPACKED_MAX >> 20} MiB" if inflate.unconsumed_tail else "is a gzip file that is cut off"
        raise ImageError(f"{what} {str(path)!r} {why}")
    return data


def plan_boot(kernel: Path, initrd: str | None, append: str, ram_bytes: int, rsdp: int, *, firmware: bool = False,
              vga_mib: int = 0) -> BootPlan:
    """How to start this kernel (with `firmware`: through it); ImageError when nothing here can."""
    from . import elf, linux, multiboot, pvh
    image = unpack(read_image(kernel, "kernel"), kernel, "kernel")
    if linux.recognise(image):
        if firmware or linux.needs_firmware(image):
            return linux.plan_real(image, kernel, initrd, append, ram_bytes)
        return linux.plan(image, kernel, initrd, append, ram_bytes, rsdp, vga_mib)
    if multiboot.recognise(image):
        return multiboot.plan(image, kernel, initrd, append, ram_bytes, vga_mib)
    if firmware:
        raise ImageError(f"kernel {str(kernel)!r}: a firmware starts Linux and Multiboot images only; leave -bios away")
    if elf.recognise(image):
        program = elf.parse(image, kernel, ram_bytes)
        if pvh.entry(program) is not None:
            return pvh.plan(program, kernel, initrd, append, ram_bytes, rsdp)
        if initrd and program.bits == 32:
            raise ImageError(f"kernel {str(kernel)!r} is a plain ELF file, which has no way to be given an initrd")
        return elf.plan(program, kernel)
    hint = " (it looks compressed: unpack it first)" if image[:2] in (b"BZ", b"\xfd7", b"\x28\xb5") else ""
    if len(image) < 0x1000:
        hint = f" (it is only {len(image)} bytes long: cut off?)"
    raise ImageError(f"kernel {str(kernel)!r} is neither a Linux bzImage, Multiboot 1 nor an ELF kernel{hint}; "
                     "a flat binary needs its load address: --raw ADDR")


def flat_gdt(cs: int, ds: int) -> bytes:
    """A GDT whose entries `cs` and `ds` are flat 4 GiB code and data."""
    table = bytearray(max(cs, ds) + 8)
    table[cs:cs + 8] = (0x00CF9B000000FFFF).to_bytes(8, "little")
    table[ds:ds + 8] = (0x00CF93000000FFFF).to_bytes(8, "little")
    return bytes(table)
