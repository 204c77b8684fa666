"""Programs of Debian's amd64 userland as an initramfs: openssl, xz, zstd and python3 with its own tests."""
from __future__ import annotations

import os
import re

from guests import Guests, busybox_initramfs

from emu.images.cpio import Entry, File, Symlink

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


def tree(guests: Guests, package: str, wanted: re.Pattern[str]) -> dict[str, Entry]:
    """Files and links of a package for an initramfs."""
    root = guests.packages.root(package, guests.arch)
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


def userland(guests: Guests) -> dict[str, Entry]:
    """openssl, xz, zstd and python3 with their libraries and python's own tests, as files of a root."""
    libraries = r"lib/x86_64-linux-gnu/.*\.so[.\d]*|usr/lib/x86_64-linux-gnu/(?!gconv).*\.so[.\d]*|lib64/.*"
    programs = r"usr/bin/(openssl|xz|zstd|python3\.11)|usr/lib/ssl/openssl\.cnf|usr/lib/python3\.11/.*"
    wanted = re.compile(f"{libraries}|{programs}")
    files: dict[str, Entry] = {}
    for package in USERLAND:
        files |= tree(guests, package, wanted)
    tests = re.compile(r"test/test_(" + "|".join(PYTHON_TESTS) + r")\.py")
    for name in list(files):
        inside = name.removeprefix(PYTHON + "/")
        if inside.startswith("test/") and not tests.fullmatch(inside) and not TEST_SUPPORT.fullmatch(inside):
            del files[name]
    files["usr/bin/python3"] = Symlink("python3.11")
    return files


def initramfs64(guests: Guests, extra: dict[str, Entry] | None = None) -> bytes:
    """busybox amd64 and what is added."""
    return busybox_initramfs(guests.busybox, extra)
