"""The real systems that tests boot: Debian's own packages, unpacked without installing anything, and a few free images.

    python tests/guests.py [FOLDER]     fetch all of them now (default .guests/ of this source tree)

A package lies in FOLDER/NAME-ARCHITECTURE/ (`all` where it has none) and is fetched when a test first asks for it, by one process
at a time.  EMU_GUESTS=FOLDER names a folder that has them already; then nothing is fetched, unless EMU_FETCH=1 says so.
The images (mikeos.flp, mikeos.iso, freedos722.img, bootos-os.img, tetros.img) are not Debian's: they lie in EMU_IMAGES, in
images/ of that folder, or in ../shared/guests/images beside this source tree.  Nor are FreeDOS's programs: Ubuntu's package
dosemu has them, unpacked by hand into dosemu-amd64/ of that folder.  Fetching needs apt-get, dpkg-deb, a mirror; no root.
"""
from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emu.images.cpio import Dir, Entry, File, Node, Symlink, initramfs

ROOT = Path(__file__).resolve().parent.parent
LISTS = "amd64"             # packages without an architecture are in every list; these are the host's, most likely
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


class GuestUnavailable(unittest.SkipTest):
    """Why a guest cannot be had; a test that lets it pass is skipped with this reason."""


def newest(paths: Iterator[Path]) -> Path | None:
    """The last by version."""
    return max(paths, key=lambda p: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(p))], default=None)


@dataclass(frozen=True)
class Packages:
    """A folder of unpacked packages."""

    folder: Path
    may_fetch: bool

    def _look(self, name: str, arch: str) -> Path | None:
        suffixes = [arch] if arch != "all" else ["all", "amd64", "i386"]
        return next((path for suffix in suffixes if (path := self.folder / f"{name}-{suffix}").exists()), None)

    def root(self, name: str, arch: str) -> Path:
        """The root of an unpacked package."""
        found = self._look(name, arch)
        if found is not None:
            return found
        if not self.may_fetch:
            raise GuestUnavailable(f"{self.folder / f'{name}-{arch}'} is not there (EMU_FETCH=1 fetches it)")
        with self.alone():
            return self._look(name, arch) or self._fetch(name, arch)

    def file(self, name: str, arch: str, pattern: str) -> Path:
        """A file of a package; of an installed one, where that is the same for every architecture and not among the guests."""
        if arch == "all" and self._look(name, arch) is None:
            installed = newest(Path("/").glob(pattern))
            if installed is not None:
                return installed
        found = newest(self.root(name, arch).glob(pattern))
        if found is None:
            raise GuestUnavailable(f"Debian's {name} has no {pattern}")
        return found

    def behind(self, meta: str, pattern: str, arch: str) -> str:
        """Name of the package a metapackage depends on; of the one that is there, where there is one."""
        there = newest(self.folder.glob(f"{pattern}-{arch}"))
        if there is not None:
            return there.name.removesuffix(f"-{arch}")
        if not self.may_fetch:
            raise GuestUnavailable(f"{self.folder} has no {pattern}-{arch} (EMU_FETCH=1 fetches it)")
        with self.alone():
            found = re.search(r"Depends: (linux-image-\d\S+)", self._apt(arch, self.folder, "apt-cache", "depends", meta))
        if not found:
            raise GuestUnavailable(f"Debian's list has no package behind {meta}")
        return found[1]

    @contextmanager
    def alone(self, name: str = ".lock") -> Iterator[None]:
        """One process at a time: others wait until what they would fetch or make is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / name).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _apt(self, arch: str, work: Path, *command: str, again: bool = True) -> str:
        lists = self.folder / "lists" / arch
        options = [f"APT::Architecture={arch}", f"APT::Architectures={arch}", f"Dir::State::Lists={lists}",
                   "Dir::State::status=/dev/null", "APT::Sandbox::User=root"]
        tail = [word for option in options for word in ("-o", option)]
        fresh = not lists.exists()
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        try:
            if fresh:       # its status is of no use: one list of several may be in the middle of a mirror's update
                subprocess.run(["apt-get", "-qq", "update", *tail], cwd=work, capture_output=True, timeout=600)
            return subprocess.run([*command, *tail], cwd=work, check=True, capture_output=True, text=True, timeout=600).stdout
        except FileNotFoundError:
            raise GuestUnavailable(f"{command[0]} is not on this machine; the guests come from Debian's packages") from None
        except subprocess.CalledProcessError as error:
            if again and not fresh:     # the lists are older than what the mirror has
                subprocess.run(["apt-get", "-qq", "update", *tail], cwd=work, capture_output=True, timeout=600)
                return self._apt(arch, work, *command, again=False)
            raise GuestUnavailable(f"{' '.join(command)} ({arch}) failed: {error.stderr.strip()[-300:]}") from None
        except subprocess.TimeoutExpired:
            raise GuestUnavailable(f"{' '.join(command)} took more than ten minutes") from None

    def _fetch(self, name: str, arch: str) -> Path:
        target = self.folder / f"{name}-{arch}"
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".part-") as tmp:
            work = Path(tmp)
            self._apt(LISTS if arch == "all" else arch, work, "apt-get", "-qq", "download", name)
            deb = next(work.glob(f"{name}_*.deb"))
            subprocess.run(["dpkg-deb", "-x", str(deb), str(work / "part")], check=True)
            (work / "part").rename(target)      # whole or not at all
        return target

    def image(self, name: str) -> Path:
        """One of the free images."""
        folders = [Path(os.environ["EMU_IMAGES"])] if "EMU_IMAGES" in os.environ else []
        folders += [self.folder / "images", ROOT.parent / "shared" / "guests" / "images"]
        for folder in folders:
            if (folder / name).exists():
                return folder / name
        raise GuestUnavailable(f"{name} is in none of {', '.join(map(str, folders))} (EMU_IMAGES names another folder)")


@dataclass(frozen=True)
class Guests:
    """The guests of one architecture by what they are; each raises GuestUnavailable where it cannot be had."""

    packages: Packages
    arch: str

    def file(self, name: str, pattern: str) -> Path:
        """A file of a package of this architecture."""
        return self.packages.file(name, self.arch, pattern)

    def common(self, name: str, pattern: str) -> Path:
        """A file of a package that serves every architecture."""
        return self.packages.file(name, "all", pattern)

    def image(self, name: str) -> Path:
        """One of the free images."""
        return self.packages.image(name)

    def _kernel(self, flavour: str) -> Path:
        name = self.packages.behind(f"linux-image-{flavour}", f"linux-image-*[0-9]-{flavour}", self.arch)
        return self.file(name, "boot/vmlinuz-*")

    @property
    def kernel(self) -> Path:
        """vmlinuz for any processor of the architecture."""
        return self._kernel("686" if self.arch == "i386" else "amd64")

    @property
    def pae(self) -> Path:
        """vmlinuz of the 32-bit kernel with PAE."""
        return self._kernel("686-pae")

    @property
    def busybox(self) -> Path:
        """The static one."""
        return self.file("busybox-static", "bin/busybox")

    @property
    def seabios(self) -> Path:
        """SeaBIOS."""
        return self.common("seabios", "usr/share/seabios/bios.bin")

    @property
    def vgabios(self) -> Path:
        """SeaBIOS's VGA BIOS for cards with Bochs's extensions."""
        return self.common("seabios", "usr/share/seabios/vgabios-stdvga.bin")

    @property
    def memtest(self) -> Path:
        """memtest86+."""
        return self.common("memtest86+", f"boot/memtest86+{'ia32' if self.arch == 'i386' else 'x64'}.bin")

    @property
    def xen(self) -> Path:
        """Xen, compressed."""
        return self.file("xen-hypervisor-4.17-amd64", "boot/xen-4.17-amd64.gz")

    def installer(self, kind: str = "text") -> Path:
        """Folder with linux and initrd.gz of the network installer: text or gtk."""
        return self.common(f"debian-installer-12-netboot-{self.arch}",
                           f"usr/lib/debian-installer/images/12/{self.arch}/{kind}/debian-installer/{self.arch}")

    @property
    def dos_programs(self) -> Path:
        """Folder of FreeDOS's programs, MEM, FORMAT and SYS among them."""
        folder = self.packages.folder / "dosemu-amd64"
        if not folder.exists():
            raise GuestUnavailable(f"{folder} is not there; no package of Debian has FreeDOS's programs, Ubuntu 18.04's dosemu "
                                   "(multiverse) does: unpack it to that folder with dpkg-deb -x")
        return folder / "usr/lib/dosemu/drive_z/bin"

    def grub(self, medium: str) -> Path:
        """GRUB's rescue media: floppy.img, cdrom.iso, usb.img."""
        return self.common("grub-rescue-pc", f"usr/lib/grub-rescue/grub-rescue-{medium}")


def find_guests(arch: str = "i386") -> Guests:
    """From EMU_GUESTS, else from .guests/, fetched when they are asked for."""
    named = os.environ.get("EMU_GUESTS")
    packages = Packages(Path(named), bool(os.environ.get("EMU_FETCH"))) if named else Packages(ROOT / ".guests", True)
    return Guests(packages, arch)


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


def fetch_all(packages: Packages) -> None:
    """Everything a test asks for; what cannot be had is named."""
    from guests64 import USERLAND
    small, large = Guests(packages, "i386"), Guests(packages, "amd64")
    wanted = [lambda g=g, n=n: getattr(g, n) for g in (small, large) for n in ("kernel", "busybox", "seabios", "memtest")]
    wanted += [lambda: small.pae, lambda: large.xen, small.installer, large.installer, lambda: small.grub("cdrom.iso")]
    wanted += [lambda n=n: packages.root(n, "amd64") for n in (*USERLAND, "grub-firmware-qemu")]
    wanted += [lambda n=n: packages.root(n, "all") for n in
               ("linux-source-6.1", "ipxe", "ipxe-qemu", "isolinux", "syslinux-common", "grub-invaders", "grub-pc-bin",
                "u-boot-qemu", "gnumach-image-1.8-486")]
    for get in wanted:
        try:
            get()
        except GuestUnavailable as reason:
            print(reason, file=sys.stderr)


if __name__ == "__main__":
    fetch_all(Packages(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / ".guests", True))
