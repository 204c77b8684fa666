"""initramfs archives from a dict of files: cpio "newc", optionally gzipped, the same bytes every time.

    initramfs({"init": File(script, 0o755), "bin/busybox": Path("busybox"), "bin/sh": Symlink("busybox"),
               "dev/console": Node("c", 5, 1), "tmp": Dir(0o1777)})

Parent directories are made as needed.  Not written: hard links, extended attributes, the "crc" variant.
Spec: Linux Documentation/driver-api/early-userspace/buffer-format.rst.
"""
from __future__ import annotations

import gzip
import io
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class File:
    """A regular file."""

    data: bytes | str | Path
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Dir:
    """A directory."""

    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link to `target`."""

    target: str


@dataclass(frozen=True, slots=True)
class Node:
    """A device node: kind "c" or "b"."""

    kind: str
    major: int
    minor: int
    mode: int = 0o600


Entry = File | Dir | Symlink | Node | bytes | str | Path


def _content(data: bytes | str | Path) -> bytes:
    if isinstance(data, Path):
        return data.read_bytes()
    return data.encode() if isinstance(data, str) else data


def _record(ino: int, name: str, mode: int, data: bytes = b"", rdev: tuple[int, int] = (0, 0)) -> bytes:
    nlink = 2 if stat.S_ISDIR(mode) else 1
    raw = name.encode() + b"\0"
    numbers = (ino, mode, 0, 0, nlink, 0, len(data), 0, 0, *rdev, len(raw), 0)
    head = b"070701" + b"".join(b"%08X" % n for n in numbers) + raw
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def initramfs(files: Mapping[str, Entry], *, compress: bool = True) -> bytes:
    """The archive as bytes.  A bare bytes/str is a file 0644; a bare Path a file with the mode it has on the host."""
    entries: dict[str, Entry] = {}
    for name, entry in files.items():
        parts = [p for p in name.split("/") if p]
        if not parts or ".." in parts:
            raise ValueError(f"initramfs: not a path inside the archive: {name!r}")
        for k in range(1, len(parts)):
            entries.setdefault("/".join(parts[:k]), Dir())
        entries["/".join(parts)] = entry
    out = io.BytesIO()
    for ino, name in enumerate(sorted(entries), 1):
        item = entries[name]
        if isinstance(item, Dir):
            out.write(_record(ino, name, stat.S_IFDIR | item.mode))
        elif isinstance(item, Symlink):
            out.write(_record(ino, name, stat.S_IFLNK | 0o777, item.target.encode()))
        elif isinstance(item, Node):
            kind = stat.S_IFCHR if item.kind == "c" else stat.S_IFBLK
            out.write(_record(ino, name, kind | item.mode, rdev=(item.major, item.minor)))
        elif isinstance(item, File):
            out.write(_record(ino, name, stat.S_IFREG | item.mode, _content(item.data)))
        else:
            mode = stat.S_IMODE(item.stat().st_mode) if isinstance(item, Path) else 0o644
            out.write(_record(ino, name, stat.S_IFREG | mode, _content(item)))
    out.write(_record(0, "TRAILER!!!", 0))
    out.write(bytes(-out.tell() % 512))
    return gzip.compress(out.getvalue(), 6, mtime=0) if compress else out.getvalue()
