"""qcow2 images: reading their headers, opening their chains, creating overlays.

What runs while the guest does is emu_core_pyx/bus/qcow2.pyx.  Every number of a header is checked before it is used: images come
from anywhere.  Spec: QEMU docs/interop/qcow2.txt.
"""
from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ..core import new_medium
from ..errors import ImageError
from .formats import QCOW2_MAGIC

HEADER = struct.Struct(">4sIQIIQIIQQIIQ")           # version 2: 72 bytes
HEADER3 = struct.Struct(">QQQII")                   # version 3 goes on: features, refcount order, header length
BACKING_FORMAT = 0xE2792ACA
DIRTY, CORRUPT, EXTERNAL_DATA, COMPRESSION_TYPE, EXTENDED_L2 = (1 << k for k in range(5))
MAX_TABLE = 32 << 20
MAX_CHAIN = 200
CLUSTER_BITS = 16           # of images made here


@dataclass(frozen=True, slots=True)
class Header:
    """What an image says about itself."""

    version: int
    size: int
    cluster_bits: int
    l1_at: int
    l1_n: int
    refs_at: int
    refs_n: int             # entries of the refcount table
    refcount_bits: int
    features: int
    autoclear: int
    zstd: bool
    backing: str
    backing_format: str


def read_header(fd: int, path: str) -> Header:
    """The header, checked; ImageError says what is wrong."""
    head = os.pread(fd, 4096, 0)

    def bad(why: str) -> ImageError:
        return ImageError(f"the qcow2 image {path!r} {why}")

    if len(head) < HEADER.size or not head.startswith(QCOW2_MAGIC):
        raise bad("has no qcow2 header")
    (_, version, backing_at, backing_n, bits, size, crypt, l1_n, l1_at, refs_at, refs_clusters, _, _) = HEADER.unpack_from(head)
    if version not in (2, 3):
        raise bad(f"is of version {version}; 2 and 3 are known")
    features = autoclear = 0
    refcount_order, length, zstd = 4, 72, False
    if version == 3:
        if len(head) < 104:
            raise bad("is cut off inside its header")
        features, _, autoclear, refcount_order, length = HEADER3.unpack_from(head, 72)
        zstd = bool(features & COMPRESSION_TYPE) and length > 104 and head[104] == 1
        if features & COMPRESSION_TYPE and length > 104 and head[104] > 1:
            raise bad(f"uses compression method {head[104]}, which is not known")
        if features & EXTERNAL_DATA:
            raise bad("keeps its data in another file; qemu-img convert makes one file of it")
        if features & EXTENDED_L2:
            raise bad("uses extended L2 entries; qemu-img convert -O qcow2 makes a usable file of it")
        if features & ~0x1F:
            raise bad(f"needs features that are not known ({features & ~0x1F:#x})")
    if crypt:
        raise bad("is encrypted; qemu-img convert can decrypt it")
    if not 9 <= bits <= 21:
        raise bad(f"says its clusters have 2^{bits} bytes; 2^9 to 2^21 are possible")
    cluster = 1 << bits
    if not 104 <= length <= 4096 and version == 3 or refcount_order > 6:
        raise bad("has an impossible header")
    per_l2 = cluster * (cluster // 8)
    if size > 1 << 56 or l1_n * 8 > MAX_TABLE or not 0 < refs_clusters * cluster <= MAX_TABLE or l1_n < -(-size // per_l2):
        raise bad("has tables that do not fit its size")
    if (l1_at | refs_at) & (cluster - 1) or max(l1_at, refs_at) >= 1 << 56:
        raise bad("has tables at impossible places")
    backing = ""
    if backing_at:
        raw = os.pread(fd, min(backing_n, 1023), min(backing_at, 1 << 62))
        if not 0 < backing_n <= 1023 or len(raw) < backing_n or b"\0" in raw:
            raise bad("has an impossible name of a backing file")
        backing = os.fsdecode(raw)
    return Header(version, size, bits, l1_at, l1_n, refs_at, refs_clusters * cluster // 8, 1 << refcount_order, features,
                  autoclear, zstd, backing, _backing_format(head, length))


def _backing_format(head: bytes, at: int) -> str:
    """The header extension that names the format of the backing file, "" if there is none."""
    while at + 8 <= len(head):
        kind, n = struct.unpack_from(">II", head, at)
        if kind == 0 or at + 8 + n > len(head):
            break
        if kind == BACKING_FORMAT:
            return head[at + 8:at + 8 + n].decode("ascii", "replace")
        at += 8 + (n + 7 & ~7)
    return ""


def open_image(fd: int, path: Path, writing: bool, writethrough: bool, open_backing: Callable[[Path, str], Any]) -> Any:
    """The medium of an open, locked qcow2 file; `open_backing(path, format)` gives the medium below."""
    head = read_header(fd, str(path))
    name = str(path)
    if writing:
        if head.features & CORRUPT:
            raise ImageError(f"the qcow2 image {name!r} is marked as damaged; qemu-img check -r all repairs it, "
                             "readonly=on reads it")
        if head.features & DIRTY:
            raise ImageError(f"the qcow2 image {name!r} was not closed properly; qemu-img check -r all repairs it")
        if head.refcount_bits != 16:
            raise ImageError(f"the qcow2 image {name!r} counts references with {head.refcount_bits} bits; 16 can be written "
                             "(qemu-img convert -O qcow2), readonly=on and snapshot=on work")
        if head.autoclear:
            os.pwrite(fd, bytes(8), 88)             # what such features describe does not hold after a write
    decompress = _zstd(name) if head.zstd else None
    below = None
    if head.backing:
        below = open_backing(backing_path(path, head.backing), head.backing_format)
    try:
        return new_medium("qcow2.Qcow2Medium", fd, head.size, not writing, head.cluster_bits, head.l1_at, head.l1_n, head.refs_at,
                          head.refs_n, os.fstat(fd).st_size, below, decompress, writethrough)
    except OSError as error:
        raise ImageError(f"the qcow2 image {name!r} cannot be read: {error}") from None


def backing_path(path: Path, backing: str) -> Path:
    """Where the backing file is: relative to the image that names it."""
    if backing.startswith("json:") or ":" in backing.partition("/")[0]:
        raise ImageError(f"the qcow2 image {str(path)!r} is based on {backing!r}; only files are possible")
    return path.parent / backing


def _zstd(name: str) -> Callable[[bytes, int], bytes]:
    """zstandard's decompressor, where that package is installed."""
    try:
        module: Any = import_module("zstandard")
    except ImportError:
        raise ImageError(f"the qcow2 image {name!r} is compressed by zstd: pip install zstandard") from None

    def decompress(data: bytes, size: int) -> bytes:
        return bytes(module.ZstdDecompressor().decompressobj().decompress(data)[:size])
    return decompress


def create(path: Path, size: int, backing: Path | None = None, backing_format: str = "raw") -> None:
    """A new, empty image of `size` bytes, on top of `backing`; FileExistsError if the file is there already."""
    cluster = 1 << CLUSTER_BITS
    l1_n = max(-(-size // (cluster * (cluster // 8))), 1)
    l1_clusters = -(-l1_n * 8 // cluster)
    reach = cluster // 8 * (cluster // 2) * cluster
    refs_clusters = -(-size * 9 // 8 // reach) + 1
    refs_at, l1_at = cluster, cluster * (refs_clusters + 2)
    used = 1 + refs_clusters + 1 + l1_clusters
    if used > cluster // 2:
        raise ImageError(f"a qcow2 image of {size >> 40} TiB is too large")
    name = b""
    if backing is not None:
        base, folder = backing.resolve(), path.resolve().parent
        name = os.fsencode(base.relative_to(folder) if base.is_relative_to(folder) else base)
    extensions = b""
    if name:
        form = backing_format.encode()
        extensions = struct.pack(">II", BACKING_FORMAT, len(form)) + form.ljust(-(-len(form) // 8) * 8, b"\0")
    extensions += bytes(8)
    head = HEADER.pack(QCOW2_MAGIC, 3, 104 + len(extensions) if name else 0, len(name), CLUSTER_BITS, size, 0, l1_n, l1_at,
                       refs_at, refs_clusters, 0, 0) + HEADER3.pack(0, 0, 0, 4, 104) + extensions + name
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.ftruncate(fd, used * cluster)
        os.pwrite(fd, struct.pack(">Q", cluster * (refs_clusters + 1)), refs_at)
        os.pwrite(fd, struct.pack(">H", 1) * used, cluster * (refs_clusters + 1))
        os.fsync(fd)
        os.pwrite(fd, head, 0)                      # last: without its header nobody takes the file for an image
        os.fsync(fd)
    finally:
        os.close(fd)
