"""Debian's i386 kernel on IDE disks: drives it sees, file systems the host made and reads back, root on ext4 over five boots."""
from __future__ import annotations

import hashlib
import random
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from guests import APPLETS, Guests, busybox_initramfs, kernel_modules

import emu
from emu.images.cpio import File

PROMPT = "/ # "
TOOLS = ("mke2fs", "e2fsck", "debugfs")
PATHS = "/usr/sbin:/sbin:/usr/bin:/bin"
START = 2048            # sector of the first partition

INIT = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
for name in {modules}; do insmod /modules/$name.ko; done
{then}
"""
SHELL = "exec setsid cttyhack sh"
SWITCH = """n=0; while [ ! -b /dev/sda1 ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
mount -t ext4 -o rw /dev/sda1 /root && mount --move /dev /root/dev && exec busybox switch_root /root /sbin/init"""
ROOT_INIT = """#!/bin/sh
mount -t proc proc /proc
count=$(cat /count 2>/dev/null || echo 0)
count=$((count + 1))
dd if=/dev/urandom of=/data.$count bs=64k count=4 2>/dev/null
sha256sum /data.* > /sums.new && mv /sums.new /sums
echo $count > /count
sha256sum -c /sums > /dev/null && echo "boot $count: files are whole"
sync
mount -o remount,ro / && echo "read-only"
poweroff -f
"""


def host_tool(name: str) -> str:
    found = shutil.which(name, path=PATHS)
    if found is None:
        pytest.skip(f"{name} (e2fsprogs) is not on this machine")
    return found


def tool(name: str, *args: str | Path) -> str:
    """What a program of e2fsprogs prints."""
    return subprocess.run([host_tool(name), *map(str, args)], check=True, capture_output=True, text=True).stdout


def ext4(path: Path, tree: Path, mib: int) -> Path:
    """A file system with the files of `tree` in it."""
    tool("mke2fs", "-q", "-t", "ext4", "-d", tree, path, f"{mib}M")
    return path


def partitioned(path: Path, content: bytes) -> Path:
    """A disk with one Linux partition."""
    n = len(content) // 512
    mbr = bytearray(512)
    mbr[446:462] = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", START, n)
    mbr[510:] = b"\x55\xaa"
    path.write_bytes(bytes(mbr) + bytes(START * 512 - 512) + content)
    return path


def fsck(path: Path) -> str:
    """Clean without repairs, journal empty; what it says otherwise."""
    done = subprocess.run([host_tool("e2fsck"), "-f", "-n", str(path)], capture_output=True, text=True)
    return "" if done.returncode == 0 and "recover" not in done.stdout.lower() else done.stdout + done.stderr


def initrd(guests: Guests, path: Path, then: str, *modules: str) -> Path:
    files = kernel_modules(guests.kernel, *modules)
    init = INIT.format(modules=" ".join(files), then=then)
    path.write_bytes(busybox_initramfs(guests.busybox, {f"modules/{name}.ko": File(file) for name, file in files.items()}, init))
    return path


def run(vm: emu.Machine, command: str, timeout: float = 120) -> str:
    """One shell command; its output."""
    vm.serial.send("echo '<''<'; " + command + "; echo \"<$?>\"\n")
    vm.serial.expect("<<\r\n", timeout=timeout)
    out = vm.serial.expect(re.compile(r"<(\d+)>\r\n"), timeout=timeout)
    assert out.groups[0] == "0", f"{command}: status {out.groups[0]}\n{out.before}"
    vm.serial.expect(PROMPT, timeout=10)
    return out.before.replace("\r", "").strip()


@pytest.fixture(scope="module")
def work(guests: Guests, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A disk with an ext4 file system on all of it, a raw one, two discs; all random but reproducible."""
    folder = tmp_path_factory.mktemp("disks")
    rng = random.Random(5)
    tree = folder / "tree"
    (tree / "deep" / "er").mkdir(parents=True)
    (tree / "hello").write_text("from the host\n")
    (tree / "deep" / "er" / "big").write_bytes(rng.randbytes(3 << 20))
    (folder / "raw.img").write_bytes(rng.randbytes(24 << 20))
    (folder / "disc.iso").write_bytes(rng.randbytes(2048 * 1500))
    (folder / "other.iso").write_bytes(rng.randbytes(2048 * 700))
    ext4(folder / "fs.img", tree, 32)
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def vm(guests: Guests, work: dict[str, Path], tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("rd") / "initrd.gz"
    rd = initrd(guests, path, SHELL, "ata_piix", "sd_mod", "sr_mod", "ext4", "crc32c_generic")
    with emu.Machine(memory="256M", kernel=guests.kernel, initrd=rd, append="console=ttyS0", hda=work["fs.img"],
                     hdb=work["raw.img"], cdrom=work["disc.iso"]) as machine:
        machine.serial.expect(PROMPT, timeout=120)
        n = 0
        while "sr0" not in run(machine, "ls /dev") and n < 20:      # the kernel looks for drives in the background
            machine.run(0.2)
            n += 1
        yield machine


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_kernel_sees_the_drives(vm, work):
    dmesg = run(vm, "dmesg")
    assert re.search(r"ata1: PATA max MWDMA2 cmd 0x1f0 ctl 0x3f6 bmdma 0x[0-9a-f]+ irq 14", dmesg)
    assert "ata1.00: ATA-6: EMU HARDDISK" in dmesg and "ata1.01: ATA-6: EMU HARDDISK" in dmesg
    assert "ata2.00: ATAPI: EMU DVD-ROM" in dmesg
    assert dmesg.count("configured for MWDMA2") in (0, 3)       # newer kernels do not say it
    assert f"{work['raw.img'].stat().st_size // 512} 512-byte logical blocks" in dmesg
    assert not re.search(r"ata\d.*(exception|failed|error|SError|timeout|lost interrupt|soft reset)", dmesg)


def test_every_sector_by_dma(vm, work):
    assert run(vm, "dd if=/dev/sdb bs=1M 2>/dev/null | sha256sum").split()[0] == sha256(work["raw.img"])
    assert run(vm, "dd if=/dev/sr0 bs=64k 2>/dev/null | sha256sum").split()[0] == sha256(work["disc.iso"])


def test_odd_places(vm, work):
    """Single sectors and ranges across blocks, around the page cache."""
    data = work["raw.img"].read_bytes()
    for skip, count in ((0, 1), (12345, 7), (49151, 1), (40000, 300)):
        out = run(vm, f"dd if=/dev/sdb bs=512 skip={skip} count={count} iflag=direct 2>/dev/null | sha256sum").split()[0]
        assert out == hashlib.sha256(data[skip * 512:(skip + count) * 512]).hexdigest()


def test_writing_raw_sectors(vm, work):
    run(vm, "dd if=/dev/sda of=/dev/sdb bs=4k seek=1000 count=500 conv=fsync 2>/dev/null")
    assert work["raw.img"].read_bytes()[4096000:4096000 + 500 * 4096] == work["fs.img"].read_bytes()[:500 * 4096]


def test_file_system_both_ways(vm, work):
    run(vm, "mkdir -p /tmp/m && mount -t ext4 /dev/sda /tmp/m")
    assert run(vm, "cat /tmp/m/hello") == "from the host"
    assert run(vm, "sha256sum /tmp/m/deep/er/big").split()[0] == sha256(work["tree"] / "deep" / "er" / "big")
    run(vm, "cp /tmp/m/deep/er/big /tmp/m/copy && echo from the guest > /tmp/m/note && rm /tmp/m/hello && sync")
    run(vm, "umount /tmp/m")
    assert fsck(work["fs.img"]) == ""
    assert tool("debugfs", "-R", "cat /note", work["fs.img"]) == "from the guest\n"
    tool("debugfs", "-R", f"dump /copy {work['tree']}/copy", work["fs.img"])
    assert sha256(work["tree"] / "copy") == sha256(work["tree"] / "deep" / "er" / "big")


def test_disc_change(vm, work):
    vm.drives["ide1-cd0"].eject()
    vm.serial.send("dd if=/dev/sr0 of=/dev/null bs=2048 count=1; echo \"<$?>\"\n")
    out = vm.serial.expect(re.compile(r"<(\d+)>\r\n"), timeout=60)
    assert out.groups[0] != "0" and "No medium" in out.before
    vm.serial.expect(PROMPT, timeout=10)
    vm.drives["ide1-cd0"].insert(work["other.iso"])
    assert run(vm, "dd if=/dev/sr0 bs=64k 2>/dev/null | sha256sum").split()[0] == sha256(work["other.iso"])


def test_root_on_ext4_survives_five_boots(guests, tmp_path):
    tree = tmp_path / "root"
    for name in ("bin", "sbin", "proc", "sys", "dev", "tmp"):
        (tree / name).mkdir(parents=True)
    shutil.copy(guests.busybox, tree / "bin" / "busybox")
    for name in APPLETS:
        (tree / "bin" / name).symlink_to("busybox")
    (tree / "sbin" / "init").write_text(ROOT_INIT)
    (tree / "sbin" / "init").chmod(0o755)
    disk = partitioned(tmp_path / "disk.img", ext4(tmp_path / "fs.img", tree, 48).read_bytes())
    rd = initrd(guests, tmp_path / "initrd.gz", SWITCH, "ata_piix", "sd_mod", "ext4", "crc32c_generic")
    for boot in range(1, 6):
        with emu.Machine(memory="128M", kernel=guests.kernel, initrd=rd, append="console=ttyS0", hda=disk) as vm:
            vm.serial.expect(f"boot {boot}: files are whole", timeout=60)
            vm.serial.expect("read-only", timeout=30)
            assert vm.run(30).reason == "poweroff"
        (tmp_path / "part.img").write_bytes(disk.read_bytes()[START * 512:])
        assert fsck(tmp_path / "part.img") == "", f"boot {boot}"
