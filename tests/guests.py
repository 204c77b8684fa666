"""The real systems that tests boot: Debian's own i386 packages, unpacked without installing anything.

    python tests/guests.py [FOLDER]     fetch them now (default .guests/ of this source tree)

EMU_GUESTS=FOLDER names a folder that has them already, as FOLDER/linux-image-*-686-i386/boot/vmlinuz-* and
FOLDER/busybox-static-i386/bin/busybox.  Needs apt-get and dpkg-deb with a Debian mirror in reach; no root.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from emu.images.cpio import Dir, Entry, File, Node, Symlink, initramfs

ROOT = Path(__file__).resolve().parent.parent
ARCH = "i386"
APPLETS = """
ash awk cat chroot cmp cp cttyhack cut date dd df dmesg echo env expr false find free grep gunzip gzip head hexdump
hostname kill ln ls md5sum mkdir mknod mount mv od poweroff printf ps pwd reboot rm sed seq setsid sh sha256sum sleep
sort stty sync tail tar test top tr true umount uname uniq uptime vi wc insmod xargs yes zcat
""".split()
INIT = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
exec setsid cttyhack sh
"""


class GuestUnavailable(Exception):
    """Why the guests cannot be had."""


@dataclass(frozen=True)
class Guests:
    """Where they lie."""

    kernel: Path
    busybox: Path
    seabios: Path | None = None
    pae: Path | None = None     # the kernel of linux-image-686-pae, where it is there


def _look(folder: Path) -> Guests | None:
    kernels = sorted(folder.glob(f"linux-image-*-686-{ARCH}/boot/vmlinuz-*"))
    busybox = folder / f"busybox-static-{ARCH}" / "bin" / "busybox"
    pae = sorted(folder.glob(f"linux-image-*-686-pae-{ARCH}/boot/vmlinuz-*"))
    seabios = sorted(folder.glob("seabios-*/usr/share/seabios/bios.bin"))
    if not kernels or not busybox.exists():
        return None
    return Guests(kernels[-1], busybox, seabios[-1] if seabios else None, pae[-1] if pae else None)


def _apt(work: Path, *command: str) -> str:
    lists = work.parent / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    options = [f"APT::Architecture={ARCH}", f"APT::Architectures={ARCH}", f"Dir::State::Lists={lists}",
               "Dir::State::status=/dev/null", "APT::Sandbox::User=root"]
    words = [command[0], *command[1:], *(word for option in options for word in ("-o", option))]
    try:
        return subprocess.run(words, cwd=work, check=True, capture_output=True, text=True, timeout=600).stdout
    except FileNotFoundError:
        raise GuestUnavailable(f"{command[0]} is not on this machine; the guests come from Debian's packages") from None
    except subprocess.CalledProcessError as error:
        raise GuestUnavailable(f"{' '.join(command)} failed: {error.stderr.strip()[-300:]}") from None
    except subprocess.TimeoutExpired:
        raise GuestUnavailable(f"{' '.join(command)} took more than ten minutes") from None


def fetch(folder: Path) -> Guests:
    """Download and unpack what is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as tmp:
        work = Path(tmp)
        try:
            _apt(work, "apt-get", "-qq", "update")
        except GuestUnavailable as reason:      # one list of several may be in the middle of a mirror's update
            print(reason, file=sys.stderr)
        kernels = []
        for meta in ("linux-image-686", "linux-image-686-pae"):
            found = re.search(r"Depends: (linux-image-\d\S+)", _apt(work, "apt-cache", "depends", meta))
            if not found:
                raise GuestUnavailable(f"Debian's list has no kernel behind {meta}")
            kernels.append(found[1])
        for package in (*kernels, "busybox-static", "seabios"):
            target = folder / f"{package}-{ARCH}"
            if target.exists():
                continue
            _apt(work, "apt-get", "-qq", "download", package)
            deb = next(work.glob(f"{package}_*.deb"))
            subprocess.run(["dpkg-deb", "-x", str(deb), str(work / "part")], check=True)
            shutil.move(str(work / "part"), target)
            deb.unlink()
    guests = _look(folder)
    if guests is None:
        raise GuestUnavailable(f"{folder} does not hold a kernel and busybox after fetching")
    return guests


def find_guests() -> Guests:
    """From EMU_GUESTS, else from .guests/, fetched when they are not there yet."""
    named = os.environ.get("EMU_GUESTS")
    if named:
        guests = _look(Path(named))
        if guests is None:
            raise GuestUnavailable(f"EMU_GUESTS={named} holds no i386 kernel and busybox")
        return guests
    return _look(ROOT / ".guests") or fetch(ROOT / ".guests")


def kernel_modules(kernel: Path, *names: str) -> dict[str, Path]:
    """Files of these modules of a kernel's package, and of what they need, in the order to load them in."""
    files = {path.stem.replace("-", "_"): path for path in (kernel.parents[1] / "lib" / "modules").rglob("*.ko")}
    order: dict[str, Path] = {}

    def add(name: str) -> None:
        if name in order:
            return
        if name not in files:
            raise GuestUnavailable(f"the kernel's package has no module {name}")
        found = re.search(rb"\0depends=([^\0]*)\0", files[name].read_bytes())
        for needed in (found[1].decode().split(",") if found and found[1] else ()):
            add(needed.replace("-", "_"))
        order[name] = files[name]

    for name in names:
        add(name)
    return order


def busybox_initramfs(busybox: Path, extra: dict[str, Entry] | None = None, init: str = INIT) -> bytes:
    """A small system: busybox with its applets, and a shell on the console."""
    files: dict[str, Entry] = {"init": File(init, 0o755), "bin/busybox": File(busybox, 0o755), "dev/console": Node("c", 5, 1)}
    files |= {name: Dir() for name in ("proc", "sys", "dev", "tmp", "root")}
    files |= {f"bin/{name}": Symlink("busybox") for name in APPLETS}
    return initramfs(files | (extra or {}))


if __name__ == "__main__":
    print(fetch(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".guests"))
