"""Damaged image files: cut off, blown up, with any field changed, with tables that point anywhere.

Opening one either works or is one ImageError of one line that names the file; what is open then reads and writes, or fails
with an OSError (the device's error status).  Nothing else may happen; the debug build (tests/engine/test_debug_build.py)
watches for more.
"""

from __future__ import annotations

import gzip
import os
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emu.boot import plan_boot
from emu.errors import EmuError, ImageError
from emu.images import qcow2
from emu.images.disk import Disk
from emu.images.opening import open_disk
from emu.roms import rom_path

MIB = 1 << 20
RAM = 16 * MIB
SEEDS = 40 * int(os.environ.get("EMU_MANGLE", "1"))
EDGES = (0, 1, 0x7F, 0x80, 0xFF)


def use(path: Path, words: str = "", **options: object) -> str:
    """Open, read all over, write where that is possible, close; the message if it could not be opened."""
    try:
        opened = open_disk(Disk(path, **options))  # type: ignore[arg-type]
    except ImageError as error:
        text = str(error)
        assert "\n" not in text and len(text) < 700 and path.name in text, text
        assert words in text
        return text
    rnd = random.Random(1)
    size = opened.size
    for at in (0, size - 512, size // 2 & ~511, *(rnd.randrange(max(size // 512, 1)) * 512 for _ in range(12))):
        for n in (512, 70_000 if at % 3 else 4096):
            try:
                assert len(opened.medium.pread(max(at, 0), n)) == n
                if not opened.readonly:
                    opened.medium.pwrite(max(at, 0), bytes([at >> 9 & 0xFF]) * n)
            except OSError:
                pass
    try:
        opened.close()
    except OSError:
        pass
    return ""


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.fixture
def image(tmp_path: Path) -> bytes:
    """A qcow2 image with plain, zero, compressed and absent clusters."""
    path = tmp_path / "whole.qcow2"
    qcow2.create(path, 8 * MIB)
    opened = open_disk(Disk(path))
    for k in range(0, 20, 2):
        opened.medium.pwrite(k * 65536, random.Random(k).randbytes(65536))
    opened.close()
    data = bytearray(path.read_bytes())
    l1_at = int.from_bytes(data[40:48], "big")
    l2_at = int.from_bytes(data[l1_at : l1_at + 8], "big") & 0x00FFFFFFFFFFFE00
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = squeeze.compress(b"compressed " * 5958 + b"\0" * (65536 - 11 * 5958)) + squeeze.flush()
    at = len(data)
    data += packed.ljust(-(-len(packed) // 512) * 512, b"\0")
    entry = 1 << 62 | (-(-len(packed) // 512) - 1) << 54 | at
    data[l2_at + 8 * 3 : l2_at + 8 * 5] = struct.pack(">QQ", entry, 1)
    path.write_bytes(data)
    check = open_disk(Disk(path, readonly=True))
    assert check.medium.pread(3 * 65536, 20) == b"compressed compresse" and check.medium.pread(4 * 65536, 4) == bytes(4)
    check.close()
    return bytes(data)


# ---- qcow2 --------------------------------------------------------------------------------------------------------
def test_every_byte_of_a_qcow2_header(tmp_path: Path, image: bytes) -> None:
    messages = set()
    for at in range(112):
        for value in EDGES:
            data = bytearray(image)
            data[at] = value
            messages.add(use(put(tmp_path / "x.qcow2", bytes(data))).replace(str(tmp_path), ""))
    assert len(messages) > 12


def test_every_field_of_a_qcow2_header(tmp_path: Path, image: bytes) -> None:
    fields = (
        (4, 4),
        (8, 8),
        (16, 4),
        (20, 4),
        (24, 8),
        (32, 4),
        (36, 4),
        (40, 8),
        (48, 8),
        (56, 4),
        (60, 4),
        (64, 8),
        (72, 8),
        (80, 8),
        (88, 8),
        (96, 4),
        (100, 4),
        (104, 4),
        (108, 4),
    )
    for at, n in fields:
        top = 1 << 8 * n
        for value in (
            0,
            1,
            2,
            3,
            9,
            21,
            22,
            511,
            512,
            65536,
            top >> 1,
            (top >> 1) - 1,
            top - 1,
            top - 65536,
            1 << 7 * n,
            3 << 4 * n,
        ):
            data = bytearray(image)
            data[at : at + n] = (value % top).to_bytes(n, "big")
            use(put(tmp_path / "x.qcow2", bytes(data)))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_qcow2_tables_that_point_anywhere(tmp_path: Path, image: bytes, seed: int) -> None:
    rnd = random.Random(seed)
    data = bytearray(image)
    l1_at, refs_at = (int.from_bytes(data[at : at + 8], "big") for at in (40, 48))
    l2_at, block_at = (int.from_bytes(data[at : at + 8], "big") & 0x00FFFFFFFFFFFE00 for at in (l1_at, refs_at))
    for _ in range(rnd.randrange(1, 12)):
        at = rnd.choice((l1_at, refs_at, block_at, l2_at + 8 * rnd.randrange(24), l2_at + 8 * rnd.randrange(24)))
        where = rnd.choice((0, 65536 * rnd.randrange(40), rnd.randrange(len(data)), rnd.getrandbits(64), 1 << rnd.randrange(64)))
        value = where | rnd.choice((0, 1 << 63, 1 << 62, 3 << 62, 1))
        data[at : at + 8] = value.to_bytes(8, "big")
    path = put(tmp_path / "x.qcow2", bytes(data))
    use(path, snapshot=True)
    use(path, readonly=True)
    use(path)


def test_cut_off_qcow2(tmp_path: Path, image: bytes) -> None:
    for n in (*range(1, 120), 511, 512, 4096, 65535, 65536, 65537, *range(131072, len(image), 50_021), len(image) - 1):
        use(put(tmp_path / "x.qcow2", image[:n]))


def test_backing_loops_and_strange_backing_files(tmp_path: Path) -> None:
    a, b = tmp_path / "a.qcow2", tmp_path / "b.qcow2"
    qcow2.create(a, MIB, b, "qcow2")
    qcow2.create(b, MIB, a, "qcow2")
    for options in ({"readonly": True}, {"snapshot": True}, {}):
        assert use(a, "", **options)
    assert "circle" in use(a, "", readonly=True)
    own = tmp_path / "own.qcow2"
    qcow2.create(own, MIB, own, "qcow2")
    assert "circle" in use(own, "", readonly=True)
    for name, form in (
        ("none", "raw"),
        ("..", "raw"),
        ("/dev/null", "raw"),
        ("a.qcow2", "vmdk"),
        ("x" * 300, "raw"),
        ("own.qcow2", "\xff"),
    ):
        path = tmp_path / "c.qcow2"
        path.unlink(missing_ok=True)
        qcow2.create(path, MIB, tmp_path / "own.qcow2", "raw")
        data = bytearray(path.read_bytes())
        at = int.from_bytes(data[8:16], "big")
        raw = name.encode()
        data[at : at + len(raw)] = raw
        data[16:20] = len(raw).to_bytes(4, "big")
        data[112:115] = form.encode("latin1")[:3].ljust(3)
        assert use(put(path, bytes(data)))


# ---- sizes and garbage -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "options", [{}, {"interface": "floppy"}, {"media": "cdrom"}, {"interface": "pflash"}, {"snapshot": True}]
)
def test_raw_files_of_any_size(tmp_path: Path, options: dict[str, object]) -> None:
    sizes = [
        1,
        2,
        511,
        512,
        513,
        2047,
        2048,
        2049,
        4095,
        4096,
        160 * 1024 - 1,
        160 * 1024,
        163841,
        1474559,
        1474560,
        1474561,
        2949120,
        2949121,
    ]
    for size in [*sizes, 1 << 32, (1 << 41) + 7, 1 << 52]:
        path = tmp_path / "x.img"
        with path.open("wb") as out:
            out.write(random.Random(size).randbytes(min(size, 4096)))
            try:
                out.truncate(size)
            except OSError:  # more than this file system has
                continue
        use(path, **options)


@pytest.mark.parametrize("seed", range(8))
def test_noise_is_raw(tmp_path: Path, seed: int) -> None:
    use(put(tmp_path / "x.img", random.Random(seed).randbytes(70_000)))


# ---- kernels -------------------------------------------------------------------------------------------------------
def start(path: Path, data: bytes) -> list[str]:
    """Plan the boot of a kernel file, without and with a firmware; the messages where that is not possible."""
    path.write_bytes(data)
    texts = []
    for firmware in (False, True):
        try:
            plan = plan_boot(path, None, "console=ttyS0", RAM, 0xE0000, firmware=firmware, vga_mib=16)
        except EmuError as error:
            texts.append(str(error))
            assert "\n" not in texts[-1] and len(texts[-1]) < 700 and path.name in texts[-1], texts
            continue
        assert all(0 <= at and at + len(piece) <= 1 << 32 for at, piece in plan.pieces)
        assert sum(len(piece) for _, piece in plan.pieces) <= 4 * RAM
    return texts


def bzimage() -> bytes:
    image = bytearray(0x6000)
    image[0x1F1] = 1
    image[0x1F4:0x1F8] = (0x5000 // 16).to_bytes(4, "little")
    image[0x1FE:0x206] = b"\x55\xaa\xeb\x6aHdrS"
    image[0x206:0x208] = (0x20F).to_bytes(2, "little")
    image[0x211] = 1
    image[0x214:0x218] = (0x100000).to_bytes(4, "little")
    image[0x22C:0x230] = (0x7FFFFFFF).to_bytes(4, "little")
    image[0x230:0x238] = struct.pack("<II", 0x200000, 0x15010001)
    image[0x238:0x23C] = (2048).to_bytes(4, "little")
    image[0x258:0x264] = struct.pack("<QI", 0x1000000, 0x20000)
    return bytes(image)


def elf(bits: int) -> bytes:
    if bits == 32:
        head = b"\x7fELF\1\1\1".ljust(16, b"\0") + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0x100000, 52, 0, 0, 52, 32, 2, 40, 0, 0)
        rows = [struct.pack("<8I", 1, 0x200, 0x100000, 0x100000, 0x100, 0x1000, 7, 0x1000)] * 2
    else:
        head = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
            "<HHIQQQIHHHHHH", 2, 62, 1, 0x100000, 64, 0, 0, 64, 56, 2, 64, 0, 0
        )
        rows = [
            struct.pack("<IIQQQQQQ", 1, 7, 0x200, 0x100000, 0x100000, 0x100, 0x1000, 0x1000),
            struct.pack("<IIQQQQQQ", 4, 4, 0x180, 0, 0, 20, 20, 4),
        ]
    image = bytearray((head + b"".join(rows)).ljust(0x400, b"\xf4"))
    image[0x180:0x194] = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", 0x100000)
    return bytes(image)


def multiboot() -> bytes:
    flags = 0x10007
    rows = (
        0x1BADB002,
        flags,
        -(0x1BADB002 + flags) & 0xFFFFFFFF,
        0x100000,
        0x100000,
        0x100800,
        0x102000,
        0x100100,
        0,
        640,
        480,
        32,
    )
    return struct.pack("<12I", *rows).ljust(0x1000, b"\xf4")


def changed(image: bytes, places: range) -> Iterator[bytes]:
    """Every byte there with every edge value, and rows of four that are zeros or ones."""
    for at in places:
        for value in EDGES:
            yield image[:at] + bytes([value]) + image[at + 1 :]
        for word in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80"):
            yield image[:at] + word + image[at + 4 :]


KERNELS: dict[str, tuple[Callable[[], bytes], range]] = {
    "bzimage": (bzimage, range(0x1F0, 0x270)),
    "elf32": (lambda: elf(32), range(0, 52 + 64)),
    "elf64": (lambda: elf(64), range(0, 64 + 112)),
    "pvh note": (lambda: elf(64), range(0x180, 0x198)),
    "multiboot": (multiboot, range(0, 48)),
}


@pytest.mark.parametrize("kind", KERNELS)
def test_every_field_of_a_kernel(tmp_path: Path, kind: str) -> None:
    make, places = KERNELS[kind]
    image = make()
    assert len(start(tmp_path / "kernel", image)) <= 1, kind  # one way at least starts it
    for data in changed(image, places):
        start(tmp_path / "kernel", data)
    for n in (*range(1, 0x60), *range(0x60, len(image), 37)):
        start(tmp_path / "kernel", image[:n])


def test_damaged_gzip_kernels(tmp_path: Path) -> None:
    packed = gzip.compress(rom_path("demo.elf").read_bytes(), mtime=0)
    assert len(start(tmp_path / "kernel.gz", packed)) <= 1
    rnd = random.Random(4)
    for n in (4, 10, 18, 100, len(packed) // 2, len(packed) - 9, len(packed) - 1):
        assert all("gzip" in text for text in start(tmp_path / "kernel.gz", packed[:n]))
    for _ in range(60):
        data = bytearray(packed)
        for _ in range(3):
            data[rnd.randrange(3, len(data))] = rnd.getrandbits(8)
        start(tmp_path / "kernel.gz", bytes(data))


@pytest.mark.parametrize("kind", ["elf32", "multiboot"])
def test_a_kernel_that_claims_gigabytes_is_refused_without_them(tmp_path: Path, kind: str) -> None:
    data = bytearray(KERNELS[kind][0]())
    at = 52 + 20 if kind == "elf32" else 24
    data[at : at + 4] = (0x7FFFFFFF).to_bytes(4, "little")
    tracemalloc.start()
    texts = start(tmp_path / "kernel", bytes(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "16 MiB of memory" in texts[0] and peak < 64 * MIB
