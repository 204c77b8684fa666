"""Boot loaders on file systems of their own: SYSLINUX on FAT, GRUB 0.97 that installs itself on an ext2 disk."""
from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from guests import Guests

import emu

TRACK = 63
HEADS = 16
LABELS = """PROMPT 1
TIMEOUT 0
LABEL memtest
  KERNEL memtest
LABEL linux
  KERNEL linux
  INITRD initrd
  APPEND console=ttyS0
"""
MENU = """default 0
timeout 0
title Linux
root (hd0,0)
kernel /boot/linux console=ttyS0
initrd /boot/initrd
"""


def partitioned(path: Path, code: bytes, kind: int, cylinders: int) -> tuple[int, int]:
    """A disk of 16 heads and 63 sectors a track with one active partition: its first sector and their number."""
    start, size = TRACK, HEADS * TRACK * cylinders - TRACK
    entry = struct.pack("<B3sB3sII", 0x80, bytes((1, 1, 0)), kind,
                        bytes((HEADS - 1, TRACK | (cylinders - 1) >> 2 & 0xC0, (cylinders - 1) & 0xFF)), start, size)
    with path.open("wb") as out:
        out.write(code.ljust(446, b"\0") + entry + bytes(48) + b"\x55\xaa")
        out.truncate((start + size) * 512)
    return start, size


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PATH": os.environ["PATH"] + ":/sbin:/usr/sbin"})


@pytest.mark.parametrize("medium", ["floppy", "disk"])
def test_syslinux(guests: Guests, initrd: Path, firmware: dict[str, Path], tmp_path: Path, medium: str) -> None:
    if not shutil.which("mformat"):
        pytest.skip("mtools make the file system")
    installer = guests.packages.file("syslinux", "amd64", "usr/bin/syslinux")
    image, config = tmp_path / "image", tmp_path / "syslinux.cfg"
    config.write_text(LABELS)
    files = [config, guests.common("syslinux-common", "usr/lib/syslinux/modules/bios/ldlinux.c32")]
    if medium == "floppy":
        run("mformat", "-C", "-f", "1440", "-i", image, "::")
        run("mcopy", "-i", image, *files, "::")
        run("mcopy", "-i", image, guests.memtest, "::memtest")
        run(installer, "--install", image)
        with emu.Machine(memory="64M", fda=image, icount_shift=4, **firmware) as vm:
            vm.screen.expect("boot:", timeout=60)
            vm.keyboard.type("memtest\n")
            vm.screen.expect("Memtest86+ v6", timeout=60)
        return
    code = guests.common("syslinux-common", "usr/lib/syslinux/mbr/mbr.bin").read_bytes()
    start, size = partitioned(image, code, 6, 80)
    at = f"{image}@@{start * 512}"
    run("mformat", "-i", at, "-h", str(HEADS), "-s", str(TRACK), "-H", str(start), "-T", str(size), "::")
    run("mcopy", "-i", at, *files, "::")
    run("mcopy", "-i", at, guests.kernel, "::linux")
    run("mcopy", "-i", at, initrd, "::initrd")
    run(installer, "--install", "--offset", str(start * 512), image)
    with emu.Machine(memory="128M", hda=image, icount_shift=2, **firmware) as vm:
        vm.screen.expect("boot:", timeout=60)
        vm.keyboard.type("linux\n")
        vm.serial.expect("/ # ", timeout=60)


def test_grub_legacy(guests: Guests, initrd: Path, firmware: dict[str, Path], tmp_path: Path) -> None:
    """Its shell on a floppy puts it on the disk, behind the partition table; from there it loads Linux off ext2."""
    if not shutil.which("mke2fs", path=os.environ["PATH"] + ":/sbin:/usr/sbin"):
        pytest.skip("e2fsprogs make the file system")
    stages = guests.packages.file("grub-legacy", "amd64", "usr/lib/grub/*-pc/stage2").parent
    floppy, disk, tree = tmp_path / "floppy", tmp_path / "disk", tmp_path / "tree"
    floppy.write_bytes(((stages / "stage1").read_bytes() + (stages / "stage2").read_bytes()).ljust(1440 << 10, b"\0"))
    (tree / "boot" / "grub").mkdir(parents=True)
    for name in ("stage1", "stage2", "e2fs_stage1_5"):
        shutil.copyfile(stages / name, tree / "boot" / "grub" / name)
    shutil.copyfile(guests.kernel, tree / "boot" / "linux")
    shutil.copyfile(initrd, tree / "boot" / "initrd")
    (tree / "boot" / "grub" / "menu.lst").write_text(MENU)
    start, size = partitioned(disk, b"", 0x83, 80)
    run("mke2fs", "-q", "-t", "ext2", "-I", "128", "-O", "none,filetype,sparse_super", "-d", tree,
        "-E", f"offset={start * 512}", disk, f"{size // 2}k")
    with emu.Machine(memory="128M", fda=floppy, hda=disk, boot="a", icount_shift=4, **firmware) as vm:
        vm.screen.expect("grub>", timeout=60)
        vm.keyboard.type("root (hd0,0)\n")
        vm.screen.expect("Filesystem type is ext2fs, partition type 0x83", timeout=20)
        vm.keyboard.type("setup (hd0)\n")
        vm.screen.expect(re.compile(r"(?s)sectors are embedded\.\s+succeeded.*menu\.lst\"\.\.\. succeeded\s+Done\."), timeout=60)
    with emu.Machine(memory="128M", hda=disk, icount_shift=2, **firmware) as vm:
        vm.serial.expect("/ # ", timeout=60)
