"""initramfs archives: what is in them, and that they are the same bytes every time."""
from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

from emu.images.cpio import Dir, File, Node, Symlink, initramfs

FILES = {"init": File("#!/bin/sh\n", 0o755), "bin/sh": Symlink("busybox"), "dev/console": Node("c", 5, 1), "tmp": Dir(0o1777),
         "etc/motd": b"hello"}


def test_same_bytes() -> None:
    assert initramfs(FILES) == initramfs(dict(reversed(FILES.items())))
    assert gzip.decompress(initramfs(FILES)) == initramfs(FILES, compress=False)


def test_names_outside_are_refused() -> None:
    with pytest.raises(ValueError, match="not a path inside"):
        initramfs({"../etc/passwd": b""})


@pytest.mark.skipif(not shutil.which("cpio"), reason="needs cpio to read the archive back")
def test_cpio_reads_it(tmp_path: Path) -> None:
    archive = initramfs(FILES, compress=False)
    listing = subprocess.run(["cpio", "-tv"], input=archive, capture_output=True, check=True).stdout.decode()
    for words in ("-rwxr-xr-x", "bin/sh -> busybox", "drwxrwxrwt", "5,   1", "etc/motd"):
        assert words in listing
