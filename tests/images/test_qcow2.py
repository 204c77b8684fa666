"""qcow2 read and written, with qemu-img and qemu-io as the other party."""
from __future__ import annotations

import random
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from process import ENV

from emu.errors import ImageError
from emu.images import qcow2
from emu.images.disk import Disk
from emu.images.opening import open_disk

QEMU_IMG = shutil.which("qemu-img")
needs_qemu = pytest.mark.skipif(QEMU_IMG is None, reason="no qemu-img")
MIB = 1 << 20


def img(*argv: object) -> str:
    done = subprocess.run([str(QEMU_IMG), *map(str, argv)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def contents(path: Path) -> bytes:
    """What qemu-img reads of an image."""
    raw = path.with_suffix(".raw-copy")
    img("convert", "-O", "raw", path, raw)
    return raw.read_bytes()


def exercise(disk: Disk, model: bytearray, seed: int, n: int = 300) -> None:
    """Random reads, writes and flushes, compared with a plain array."""
    rnd = random.Random(seed)
    opened = open_disk(disk)
    assert opened.size == len(model)
    for _ in range(n):
        at = rnd.randrange(len(model) // 512) * 512
        size = min(rnd.choice((512, 512, 4096, 65536, 200_000 // 512 * 512)), len(model) - at)
        what = rnd.random()
        if what < 0.5:
            data = rnd.randbytes(size)
            model[at:at + size] = data
            opened.medium.pwrite(at, data)
        elif what < 0.95:
            assert opened.medium.pread(at, size) == bytes(model[at:at + size])
        else:
            opened.medium.sync()
    opened.close()


@needs_qemu
@pytest.mark.parametrize("options", ["", "cluster_size=4096", "cluster_size=512", "cluster_size=2M", "compat=0.10",
                                     "preallocation=metadata", "lazy_refcounts=on"])
def test_write_and_read_what_qemu_made(tmp_path: Path, options: str) -> None:
    path = tmp_path / "a.qcow2"
    img("create", "-f", "qcow2", *(["-o", options] if options else []), path, 8 * MIB)
    model = bytearray(8 * MIB)
    for seed in (1, 2):
        exercise(Disk(path), model, seed)
        assert "No errors were found" in img("check", path)
        assert contents(path) == bytes(model)


@needs_qemu
def test_tables_in_memory_have_a_bound(tmp_path: Path) -> None:
    """A guest that roams a huge image: what was written comes back, and clean tables do not pile up (2 MiB each here)."""
    path, step, n = tmp_path / "a.qcow2", 512 << 30, 40
    img("create", "-f", "qcow2", "-o", "cluster_size=2M", path, n * step)
    opened = open_disk(Disk(path))
    for k in range(n):
        opened.medium.pwrite(k * step + 512, k.to_bytes(2, "little") * 256)
        if k % 10 == 9:
            opened.medium.sync()
        assert opened.medium.held <= (64 << 20) + 10 * (2 << 20)
    for k in reversed(range(n)):
        assert opened.medium.pread(k * step, 1024) == bytes(512) + k.to_bytes(2, "little") * 256
    assert opened.medium.held <= 64 << 20
    opened.close()
    assert "No errors were found" in img("check", path)


@needs_qemu
def test_compressed_clusters(tmp_path: Path) -> None:
    raw, path = tmp_path / "a.raw", tmp_path / "a.qcow2"
    rnd = random.Random(7)
    model = bytearray(b"".join(rnd.choice((bytes(8192), b"text " * 1638 + b"..", rnd.randbytes(8192))) for _ in range(512)))
    raw.write_bytes(model)
    img("convert", "-c", "-f", "raw", "-O", "qcow2", raw, path)
    opened = open_disk(Disk(path, readonly=True))
    assert opened.medium.pread(0, len(model)) == bytes(model)
    opened.close()
    exercise(Disk(path), model, 4)
    assert "No errors were found" in img("check", path)
    assert contents(path) == bytes(model)


@needs_qemu
def test_internal_snapshots_stay_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "a.qcow2"
    img("create", "-f", "qcow2", path, 4 * MIB)
    model = bytearray(4 * MIB)
    exercise(Disk(path), model, 1)
    kept = bytes(model)
    img("snapshot", "-c", "before", path)
    exercise(Disk(path), model, 2)
    assert "No errors were found" in img("check", path)
    assert contents(path) == bytes(model)
    img("snapshot", "-a", "before", path)
    assert contents(path) == kept


@needs_qemu
def test_overlay_is_kept_and_qemu_reads_it(tmp_path: Path) -> None:
    base, over = tmp_path / "base.img", tmp_path / "over.qcow2"
    model = bytearray(random.Random(1).randbytes(3 * MIB + 512))
    base.write_bytes(model)
    for seed in (5, 6):
        exercise(Disk(base, overlay=over), model, seed, 150)
        assert "No errors were found" in img("check", over)
        assert contents(over) == bytes(model)
    assert base.read_bytes() == random.Random(1).randbytes(3 * MIB + 512)
    assert "base.img" in img("info", over)


@needs_qemu
def test_chain_made_by_qemu(tmp_path: Path) -> None:
    model = bytearray(random.Random(1).randbytes(2 * MIB))
    (tmp_path / "0.raw").write_bytes(model)
    img("create", "-f", "qcow2", "-b", "0.raw", "-F", "raw", tmp_path / "1.qcow2", 3 * MIB)
    img("create", "-f", "qcow2", "-b", "1.qcow2", "-F", "qcow2", tmp_path / "2.qcow2")
    model += bytes(MIB)
    exercise(Disk(tmp_path / "1.qcow2"), model, 1)
    exercise(Disk(tmp_path / "2.qcow2"), model, 2)
    assert contents(tmp_path / "2.qcow2") == bytes(model)
    exercise(Disk(tmp_path / "2.qcow2", snapshot=True), bytearray(model), 3)
    assert contents(tmp_path / "2.qcow2") == bytes(model)


@needs_qemu
def test_a_large_sparse_disk(tmp_path: Path) -> None:
    path = tmp_path / "big.qcow2"
    qcow2.create(path, 2 << 40)
    opened = open_disk(Disk(path))
    for gib in (0, 500, 1000, 2047):
        opened.medium.pwrite(gib << 30, b"%06d" % gib * 100)
    assert opened.medium.pread(1000 << 30, 6) == b"001000"
    opened.close()
    assert "No errors were found" in img("check", path)
    assert path.stat().st_size < 10 * MIB


@needs_qemu
def test_kill_9_loses_nothing_that_was_flushed(tmp_path: Path) -> None:
    path = tmp_path / "a.qcow2"
    qcow2.create(path, 64 * MIB)
    code = """
import sys
from emu.images.opening import open_disk
from emu.images.disk import Disk
medium = open_disk(Disk(sys.argv[1])).medium
for n in range(10**9):
    medium.pwrite(n * 7919 % 120000 * 512, n.to_bytes(4, "little") * 128)
    if n % 16 == 15:
        medium.sync()
        print(n, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-P", "-c", code, str(path)], stdout=subprocess.PIPE, text=True, env=ENV)
    assert child.stdout is not None
    last = 0
    while last < 200:
        last = int(child.stdout.readline())
    child.kill()
    rest = child.communicate()[0].split()
    last = int(rest[-1]) if rest else last
    checked = subprocess.run([str(QEMU_IMG), "check", str(path)], capture_output=True, text=True, check=False)
    assert checked.returncode in (0, 3), checked.stdout         # 3: leaks only
    data = contents(path)
    for n in range(last + 1):
        sector = data[n * 7919 % 120000 * 512:][:512]
        assert sector == n.to_bytes(4, "little") * 128, n


# ---- bad input ----------------------------------------------------------------------------------------------------
def overlay(tmp_path: Path) -> tuple[Path, Path]:
    base, over = tmp_path / "base.img", tmp_path / "over.qcow2"
    base.write_bytes(bytes(MIB))
    open_disk(Disk(base, overlay=over)).close()
    return base, over


def test_an_overlay_of_another_disk(tmp_path: Path) -> None:
    _, over = overlay(tmp_path)
    other = tmp_path / "other.img"
    other.write_bytes(bytes(MIB))
    with pytest.raises(ImageError, match="is not one of"):
        open_disk(Disk(other, overlay=over))


def test_a_missing_base_is_named(tmp_path: Path) -> None:
    base, over = overlay(tmp_path)
    base.unlink()
    with pytest.raises(ImageError, match="based on another image: .*does not exist"):
        open_disk(Disk(over))


def test_a_chain_in_a_circle(tmp_path: Path) -> None:
    a = tmp_path / "a.qcow2"
    other = tmp_path / "b.qcow2"
    other.write_bytes(bytes(512))
    qcow2.create(a, MIB, other, "qcow2")
    other.unlink()
    qcow2.create(other, MIB, a, "qcow2")
    with pytest.raises(ImageError, match="circle"):
        open_disk(Disk(a, readonly=True))


@pytest.mark.parametrize(("at", "value", "words"), [
    (4, struct.pack(">I", 4), "version 4"), (20, struct.pack(">I", 60), "2\\^60"), (32, struct.pack(">I", 2), "encrypted"),
    (36, struct.pack(">I", 1 << 30), "do not fit"), (40, struct.pack(">Q", 12345), "impossible places"),
    (24, struct.pack(">Q", 1 << 60), "do not fit"), (72, struct.pack(">Q", 1 << 2), "another file"),
    (72, struct.pack(">Q", 1 << 4), "extended L2"), (72, struct.pack(">Q", 1 << 40), "not known"),
    (72, struct.pack(">Q", 1), "not closed properly"), (72, struct.pack(">Q", 2), "damaged"),
    (96, struct.pack(">I", 7), "impossible"),
    (96, struct.pack(">I", 3), "8 bits"), (8, struct.pack(">QI", 600, 5000), "impossible name"),
    (56, struct.pack(">I", 1 << 20), "do not fit"), (56, bytes(4), "do not fit"),
])
def test_bad_headers(tmp_path: Path, at: int, value: bytes, words: str) -> None:
    path = tmp_path / "a.qcow2"
    qcow2.create(path, MIB)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(value)
    with pytest.raises(ImageError, match=words):
        open_disk(Disk(path))


def test_garbage_tables_are_errors_not_crashes(tmp_path: Path) -> None:
    rnd = random.Random(9)
    path = tmp_path / "a.qcow2"
    for _ in range(60):
        path.unlink(missing_ok=True)
        qcow2.create(path, 4 * MIB)
        opened = open_disk(Disk(path))
        opened.medium.pwrite(0, rnd.randbytes(MIB))
        opened.close()
        data = bytearray(path.read_bytes())
        for _ in range(20):
            at = rnd.choice((rnd.randrange(112), 0x10000 + rnd.randrange(64), 0x20000 + rnd.randrange(128),
                             0x30000 + rnd.randrange(64), 0x40000 + rnd.randrange(256)))
            data[at] = rnd.randrange(256)
        data[:4] = b"QFI\xfb"
        path.write_bytes(data[:rnd.choice((len(data), len(data), 0x38000, 0x10010, 80))])
        try:
            opened = open_disk(Disk(path, format="qcow2"))
        except ImageError:
            continue
        for _ in range(20):
            try:
                at = rnd.randrange(opened.size // 512) * 512 if opened.size >= 512 else 0
                opened.medium.pread(at, 70000)
                opened.medium.pwrite(at, b"x" * 512)
                opened.medium.sync()
            except OSError:
                pass
        try:
            opened.close()
        except OSError:
            pass
