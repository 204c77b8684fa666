"""The 64-bit real systems that tests boot, from Debian's own amd64 packages; guests.py with other names.

EMU_GUESTS=FOLDER names a folder that has them, as FOLDER/PACKAGE-amd64/; else .guests/ of this source tree, fetched when needed.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from guests import ROOT, GuestUnavailable, busybox_initramfs

from emu.images.cpio import Entry, File, Symlink

ARCH = "amd64"
# openssl, xz, zstd and python3 with what they load
USERLAND = """
libc6 libgcc-s1 openssl libssl3 xz-utils liblzma5 zstd libzstd1 liblz4-1 zlib1g libexpat1 libbz2-1.0 libffi8
python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libpython3.11-testsuite
""".split()
PYTHON = "usr/lib/python3.11"
PYTHON_TESTS = ("math", "cmath", "struct", "float", "zlib", "re", "json", "bisect", "heapq")
TEST_SUPPORT = re.compile(
    r"test/(__init__|__main__|regrtest|audit-tests|re_tests|seq_tests|list_tests|string_tests|pickletester|mapping_tests)\.py"
    r"|test/(test_grammar|ann_module\d?)\.py|test/(libregrtest|support|test_json|typinganndata)/.*"
    r"|test/(cmath|math|float|ieee754|formatfloat)\w*\.txt")


@dataclass(frozen=True)
class Guests64:
    """Where the folder is; packages are unpacked into it when somebody asks."""

    folder: Path
    may_fetch: bool

    def package(self, name: str) -> Path:
        """The root of an unpacked package."""
        target = self.folder / f"{name}-{ARCH}"
        if not target.exists():
            if not self.may_fetch and not os.environ.get("EMU_FETCH"):
                raise GuestUnavailable(f"{target} is not there (EMU_FETCH=1 fetches it)")
            self._fetch(name, target)
        return target

    def _apt(self, work: Path, *words: str) -> str:
        lists = self.folder / "lists" / ARCH
        fresh = not lists.exists()
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        options = [f"APT::Architecture={ARCH}", f"APT::Architectures={ARCH}", f"Dir::State::Lists={lists}",
                   "Dir::State::status=/dev/null", "APT::Sandbox::User=root"]
        tail = [word for option in options for word in ("-o", option)]
        try:
            if fresh:
                subprocess.run(["apt-get", "-qq", "update", *tail], cwd=work, capture_output=True, timeout=600)
            return subprocess.run([*words, *tail], cwd=work, check=True, capture_output=True, text=True, timeout=600).stdout
        except FileNotFoundError:
            raise GuestUnavailable(f"{words[0]} is not on this machine; the guests come from Debian's packages") from None
        except subprocess.CalledProcessError as error:
            raise GuestUnavailable(f"{' '.join(words)} failed: {error.stderr.strip()[-300:]}") from None
        except subprocess.TimeoutExpired:
            raise GuestUnavailable(f"{' '.join(words)} took more than ten minutes") from None

    def _fetch(self, name: str, target: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder) as tmp:
            work = Path(tmp)
            self._apt(work, "apt-get", "-qq", "download", name)
            deb = next(work.glob(f"{name}_*.deb"))
            subprocess.run(["dpkg-deb", "-x", str(deb), str(work / "part")], check=True)
            shutil.move(str(work / "part"), target)

    def _file(self, package: str, pattern: str) -> Path:
        found = sorted(self.package(package).glob(pattern))
        if not found:
            raise GuestUnavailable(f"no {pattern} in {package}")
        return found[-1]

    @property
    def kernel(self) -> Path:
        """vmlinuz of the newest linux-image-amd64 there is."""
        found = sorted(self.folder.glob(f"linux-image-*-amd64-{ARCH}/boot/vmlinuz-*"))
        if not found:
            with tempfile.TemporaryDirectory() as tmp:
                text = self._apt(Path(tmp), "apt-cache", "depends", "linux-image-amd64")
            name = re.search(r"Depends: (linux-image-\d\S+)", text)
            if not name:
                raise GuestUnavailable("Debian's list has no kernel behind linux-image-amd64")
            return self._file(name[1], "boot/vmlinuz-*")
        return found[-1]

    @property
    def busybox(self) -> Path:
        return self._file("busybox-static", "bin/busybox")

    @property
    def memtest(self) -> Path:
        return self._file("memtest86+", "boot/memtest86+x64.bin")

    @property
    def xen(self) -> Path:
        return self._file("xen-hypervisor-4.17-amd64", "boot/xen-4.17-amd64.gz")

    @property
    def installer(self) -> Path:
        """Folder with linux and initrd.gz of the text-mode network installer."""
        return self._file("debian-installer-12-netboot-amd64",
                          "usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64")

    def tree(self, package: str, wanted: re.Pattern[str]) -> dict[str, Entry]:
        """Files and links of a package for an initramfs."""
        root = self.package(package)
        out: dict[str, Entry] = {}
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root))
            if not wanted.fullmatch(name):
                continue
            if path.is_symlink():
                out[name] = Symlink(os.readlink(path))
            elif path.is_file():
                out[name] = File(path, 0o755 if os.access(path, os.X_OK) else 0o644)
        return out

    def userland(self) -> dict[str, Entry]:
        """openssl, xz, zstd and python3 with their libraries and python's own tests, as files of a root."""
        libraries = r"lib/x86_64-linux-gnu/.*\.so[.\d]*|usr/lib/x86_64-linux-gnu/(?!gconv).*\.so[.\d]*|lib64/.*"
        programs = r"usr/bin/(openssl|xz|zstd|python3\.11)|usr/lib/ssl/openssl\.cnf|usr/lib/python3\.11/.*"
        wanted = re.compile(f"{libraries}|{programs}")
        files: dict[str, Entry] = {}
        for package in USERLAND:
            files |= self.tree(package, wanted)
        tests = re.compile(r"test/test_(" + "|".join(PYTHON_TESTS) + r")\.py")
        for name in list(files):
            inside = name.removeprefix(PYTHON + "/")
            if inside.startswith("test/") and not tests.fullmatch(inside) and not TEST_SUPPORT.fullmatch(inside):
                del files[name]
        files["usr/bin/python3"] = Symlink("python3.11")
        return files


def find_guests64() -> Guests64:
    """From EMU_GUESTS, else .guests/."""
    named = os.environ.get("EMU_GUESTS")
    return Guests64(Path(named), False) if named else Guests64(ROOT / ".guests", True)


def initramfs64(guests: Guests64, extra: dict[str, Entry] | None = None) -> bytes:
    """busybox amd64 and what is added."""
    return busybox_initramfs(guests.busybox, extra)
