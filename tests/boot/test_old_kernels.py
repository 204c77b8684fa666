"""Kernels older than boot protocol 2.02, which start by their setup code below 640 KiB: memtest86+ 5, Linux before 2.4.

A setup of a few instructions says its command line and the first byte of its system on COM1 and gives its SP to isa-debug-exit.
Spec: Linux Documentation/arch/x86/boot.rst, "The kernel command line".
"""
from __future__ import annotations

from pathlib import Path

import pytest

import emu

CODE = bytes.fromhex(
    "8b362200"              # mov si, [22h]: the command line
    "ac 84c0 7406 baf803 ee ebf5"
    "b80010 8ed8 a00000 baf803 ee"      # the byte at 1000:0
    "89e0 ba0105 ef fa f4")


def image(folder: Path, version: int, system: bytes = b"S" + bytes(40)) -> Path:
    """Four sectors of setup, and a system (two paragraphs and a bit)."""
    head = bytearray(5 * 512)
    head[0x1F1] = 4
    head[0x1F4:0x1F6] = (-(-len(system) // 16)).to_bytes(2, "little")
    head[0x1FE:0x200] = b"\x55\xaa"
    head[0x200:0x202] = b"\xeb\x3e"     # jmp 240h
    if version:
        head[0x202:0x208] = b"HdrS" + version.to_bytes(2, "little")
    head[0x240:0x240 + len(CODE)] = CODE
    path = folder / "zImage"
    path.write_bytes(bytes(head) + system)
    return path


@pytest.mark.parametrize("version", [0, 0x200, 0x201])
def test_old_boot_protocols(tmp_path: Path, firmware: dict[str, Path], version: int) -> None:
    path = image(tmp_path, version)
    with emu.Machine(memory="8M", kernel=path, append="root=/dev/fd0 ro", debug_exit=emu.DebugExitConfig(), **firmware) as vm:
        stop = vm.run(20)
        assert vm.serial.text == "root=/dev/fd0 roS"
        assert (stop.reason, stop.code) == ("exit", 0x9FF0 << 1 | 1)      # the stack ends below the command line


def test_initrd_needs_a_place_for_it(tmp_path: Path) -> None:
    initrd = tmp_path / "initrd"
    initrd.write_bytes(b"x" * 100)
    with pytest.raises(emu.ImageError, match="older than boot protocol 2.00"):
        emu.Machine(memory="8M", kernel=image(tmp_path, 0), initrd=str(initrd))


def test_too_large_for_low_memory(tmp_path: Path) -> None:
    with pytest.raises(emu.ImageError, match="at most 512 KiB"):
        emu.Machine(memory="8M", kernel=image(tmp_path, 0, bytes(0x80010)))


def test_a_disk_is_no_kernel(tmp_path: Path) -> None:
    """A boot sector's signature alone is not enough."""
    disk = bytearray(1440 << 10)
    disk[510:512] = b"\x55\xaa"
    path = tmp_path / "disk"
    path.write_bytes(disk)
    with pytest.raises(emu.ImageError, match="neither a Linux bzImage"):
        emu.Machine(memory="8M", kernel=path)
