"""GRUB loads Debian's kernels from FAT and from ext2: installed on the disk as grub-install does it, and from its rescue media.

The disk has the MBR, GRUB's core image in the gap behind it, and two partitions.  Nothing is installed and nothing mounted:
mtools and mke2fs fill the file systems, grub-mkimage makes the core image, whose blocklist says by default: from sector 1 on.
"""
from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from guests import Guests, busybox_initramfs

import emu

SECTOR = 512
GAP = 2048                  # sectors before the first partition
MODULES = "biosdisk part_msdos fat ext2 linux normal configfile echo test terminal serial halt minicmd ls".split()
PATHS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
CONFIG = """set timeout=-1
menuentry "Debian of the {fs} partition" {{
    linux /boot/vmlinuz console=ttyS0 quiet
    initrd /boot/initrd.gz
}}
"""


def tool(name: str, *args: str | Path) -> None:
    """A program of the host."""
    found = shutil.which(name, path=PATHS)
    if found is None:
        pytest.skip(f"{name} is not on this machine (Debian's e2fsprogs, mtools, grub-common)")
    done = subprocess.run([found, *map(str, args)], capture_output=True, text=True)
    assert done.returncode == 0, f"{name}: {done.stderr}"


def fat(tree: Path, path: Path, mib: int) -> Path:
    """A FAT16 file system with the files of `tree`."""
    tool("mformat", "-C", "-i", path, "-T", str(mib * 2048), "-h", "64", "-s", "32", "-H", str(GAP), "::")
    tool("mcopy", "-s", "-i", path, *sorted(tree.iterdir()), "::")
    return path


def ext2(tree: Path, path: Path, mib: int) -> Path:
    """An ext2 file system with the files of `tree`."""
    tool("mke2fs", "-q", "-t", "ext2", "-d", tree, path, f"{mib}M")
    return path


def core_image(guests: Guests, path: Path, prefix: str) -> bytes:
    """GRUB for BIOS computers with what it needs to read its prefix."""
    folder = guests.common("grub-pc-bin", "usr/lib/grub/i386-pc/kernel.img").parent
    tool("grub-mkimage", "-O", "i386-pc", "-d", folder, "-o", path, "-p", prefix, *MODULES)
    return path.read_bytes()


def build(path: Path, boot: bytes, core: bytes, partitions: list[tuple[int, Path]]) -> Path:
    """A disk: boot code, core image, partitions of these types one after the other."""
    assert len(core) <= (GAP - 1) * SECTOR
    mbr = bytearray(boot[:440].ljust(SECTOR, b"\0"))
    mbr[510:] = b"\x55\xaa"
    at = GAP
    content = bytearray()
    for k, (kind, file) in enumerate(partitions):
        data = file.read_bytes()
        size = len(data) // SECTOR
        entry = struct.pack("<B3sB3sII", 0x80 if k == 0 else 0, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", at, size)
        mbr[446 + 16 * k:462 + 16 * k] = entry
        content += data
        at += size
    path.write_bytes(bytes(mbr) + core.ljust((GAP - 1) * SECTOR, b"\0") + bytes(content))
    return path


@pytest.fixture(scope="module")
def partitions(guests: Guests, guests64: Guests, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, Path]]:
    """FAT16 with the i386 kernel, ext2 with the amd64 one; each with a shell and a menu."""
    folder = tmp_path_factory.mktemp("grub")
    out = []
    for fs, kind, make, of in (("FAT", 0x06, fat, guests), ("ext2", 0x83, ext2, guests64)):
        tree = folder / fs
        (tree / "boot" / "grub").mkdir(parents=True)
        shutil.copyfile(of.kernel, tree / "boot" / "vmlinuz")
        (tree / "boot" / "initrd.gz").write_bytes(busybox_initramfs(of.busybox))
        (tree / "boot" / "grub" / "grub.cfg").write_text(CONFIG.format(fs=fs))
        out.append((kind, make(tree, folder / f"{fs}.img", 24)))
    return out


@pytest.fixture(params=["seabios", "own"])
def firmware(request: pytest.FixtureRequest, guests: Guests) -> dict[str, Path]:
    """SeaBIOS with its VGA BIOS, or ours."""
    return {"firmware": guests.seabios, "vga_rom": guests.vgabios} if request.param == "seabios" else {}


@pytest.mark.parametrize(("number", "fs", "machine"), [(1, "FAT", "i686"), (2, "ext2", "x86_64")], ids=["fat", "ext2"])
def test_installed_grub_boots_linux(guests, partitions, firmware, tmp_path, number, fs, machine):
    """The menu comes off the partition, and so do kernel and initrd."""
    core = core_image(guests, tmp_path / "core.img", f"(hd0,msdos{number})/boot/grub")
    boot = guests.common("grub-pc-bin", "usr/lib/grub/i386-pc/boot.img").read_bytes()
    disk = build(tmp_path / "disk.img", boot, core, partitions)
    with emu.Machine(memory="256M", cpu="max", icount_shift=4, hda=disk, boot="c", **firmware) as vm:
        vm.screen.expect(f"Debian of the {fs} partition", timeout=60)
        vm.keyboard.type("\n")
        vm.serial.expect("/ # ", timeout=120)
        vm.serial.send("uname -m; cat /proc/cmdline\n")
        vm.serial.expect(f"{machine}\r\n", timeout=20)
        vm.serial.expect("BOOT_IMAGE=/boot/vmlinuz console=ttyS0 quiet", timeout=20)


RESCUE = [("floppy.img", "fda", 2), ("cdrom.iso", "cdrom", 1)]


@pytest.mark.parametrize(("medium", "drive", "number"), RESCUE, ids=["floppy-ext2", "cdrom-fat"])
def test_rescue_media_boot_linux(guests, partitions, firmware, tmp_path, medium, drive, number):
    """By hand, in GRUB's shell; the kernel's own first lines are the proof."""
    disk = build(tmp_path / "disk.img", b"", b"", partitions)
    options = {drive: emu.Disk(guests.grub(medium), snapshot=drive == "fda"), "boot": "a" if drive == "fda" else "d"}
    with emu.Machine(memory="256M", cpu="max", icount_shift=4, hda=disk, **options, **firmware) as vm:
        vm.screen.expect("GNU GRUB", timeout=60)
        vm.keyboard.type("c")
        vm.screen.expect("grub>", timeout=20)
        for command in (f"set root=hd0,msdos{number}", "linux /boot/vmlinuz earlyprintk=ttyS0 from=$root",
                        "initrd /boot/initrd.gz"):
            vm.keyboard.type(command + "\n")       # while it loads, keys would pile up in the BIOS's buffer of 15
            vm.screen.expect(re.compile(re.escape(command) + r"\s+grub>\s*\Z"), timeout=60)
        vm.keyboard.type("boot\n")
        vm.serial.expect(f"Kernel command line: BOOT_IMAGE=/boot/vmlinuz earlyprintk=ttyS0 from=hd0,msdos{number}", timeout=120)
