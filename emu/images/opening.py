"""From a `Disk` to the medium a device reads and writes: what kind of file, how large, whose, and on top of what.

    opened = open_disk(Disk("dos.img", interface="floppy"))
    opened.medium.pread(0, 512)

Everything that can be wrong with the file is said here, as one ImageError.
"""
from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..core import new_medium
from ..errors import ImageError
from . import formats, locks, qcow2
from .disk import FORMATS, Disk
from .floppy import FloppyFormat, find_format

WORDS = {"disk": "disk image", "cdrom": "CD image", "floppy": "floppy image", "pflash": "flash image"}
GRAIN = {"disk": 512, "cdrom": 2048, "floppy": 512, "pflash": 4096}
SMALLEST_CD = 2048


@dataclass(slots=True)
class Opened:
    """An image in use: the medium, what was found out about it, and the floppy format where it is one."""

    disk: Disk
    medium: Any
    format: str
    size: int
    readonly: bool
    floppy: FloppyFormat | None = None
    notes: tuple[str, ...] = ()

    def close(self) -> None:
        """Flush and let go of the file."""
        try:
            self.medium.sync()
        finally:
            self.medium.close()


def open_disk(disk: Disk) -> Opened:
    """Open the image of a drive; ImageError says what is wrong with it."""
    if disk.path is None:
        raise ImageError("there is no disk to be opened: the drive is empty")
    if disk.overlay is not None:
        return _open_overlay(disk)
    opened = _open(disk, writing=not (disk.readonly or disk.snapshot))
    if disk.snapshot and not disk.readonly:
        try:
            opened.medium = new_medium("filemedium.OverlayMedium", opened.medium)
        except OSError as error:
            raise ImageError(f"no temporary file can be made for the snapshot of {str(disk.path)!r}: {error.strerror}") from None
        opened.readonly = False
    return opened


def _open(disk: Disk, writing: bool, depth: int = 0) -> Opened:
    """The file alone, without an overlay."""
    assert disk.path is not None
    path, what = disk.path, WORDS[disk.kind]
    notes: list[str] = []
    fd = _descriptor(path, what, writing)
    if fd is None:
        if disk.kind != "floppy":
            raise ImageError(f"the {what} {str(path)!r} may not be written: open it with readonly=on, or keep the changes "
                             "elsewhere (-snapshot, overlay)")
        notes.append(f"the floppy image {str(path)!r} may not be written: the disk is write-protected")
        writing = False
        fd = _descriptor(path, what, False)
        assert fd is not None
    medium: Any = None
    try:
        if disk.lock:
            locks.lock(fd, str(path), writing)
        size = _size(fd, path, what)
        head = os.pread(fd, formats.PROBE_BYTES, 0)
        kind = disk.format or formats.probe(head, str(path))
        through = disk.cache in ("writethrough", "directsync")
        if kind == "qcow2":
            medium = qcow2.open_image(fd, path, writing, through, lambda below, form: _backing(disk, path, below, form, depth))
            shown, floppy = _shown_size(disk, medium.size, notes)
        else:
            shown, floppy = _shown_size(disk, size, notes)
            medium = new_medium("filemedium.FileMedium", fd, shown, not writing, through,
                                formats.GUARDED if disk.format is None else ())
    except BaseException:
        if medium is None:
            os.close(fd)
        else:
            medium.close()
        raise
    return Opened(disk, medium, kind, shown, not writing, floppy, tuple(notes))


def _backing(disk: Disk, path: Path, below: Path, form: str, depth: int) -> Any:
    """The medium an image is based on, for reading."""
    if depth >= qcow2.MAX_CHAIN:
        raise ImageError(f"the images below {str(disk.path)!r} go round in a circle, or are more than {qcow2.MAX_CHAIN}")
    if form not in ("", *FORMATS):
        raise ImageError(f"{str(path)!r} is based on a {form} image, {str(below)!r}; qemu-img convert makes one file of both")
    try:
        return _open(Disk(below, format=form or None, readonly=True, lock=disk.lock), False, depth + 1).medium
    except ImageError as error:
        if depth:
            raise               # the lowest one's trouble is told once, below the uppermost name
        raise ImageError(f"{str(path)!r} is based on another image: {error}") from None


def _open_overlay(disk: Disk) -> Opened:
    """The image read-only under a qcow2 file that is kept, and made now if need be."""
    assert disk.path is not None and disk.overlay is not None
    if not disk.overlay.exists():
        base = _open(replace(disk, readonly=True, overlay=None), False)
        base.medium.close()
        try:
            qcow2.create(disk.overlay, base.size, disk.path, base.format)
        except OSError as error:
            raise ImageError(f"the overlay {str(disk.overlay)!r} cannot be made: {error.strerror}") from None
    fd = _descriptor(disk.overlay, "overlay", False)
    assert fd is not None
    try:
        backing = qcow2.read_header(fd, str(disk.overlay)).backing
    finally:
        os.close(fd)
    below = qcow2.backing_path(disk.overlay, backing) if backing else None
    if below is None or not below.exists() or not disk.path.exists() or not below.samefile(disk.path):
        raise ImageError(f"the overlay {str(disk.overlay)!r} is not one of {str(disk.path)!r}, but of "
                         f"{str(below or 'nothing')!r}")
    opened = _open(replace(disk, path=disk.overlay, overlay=None, format="qcow2"), True)
    return replace(opened, disk=disk)


def _descriptor(path: Path, what: str, writing: bool) -> int | None:
    """The open file; None if it can be read only."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ImageError(f"the {what} {str(path)!r} is a directory")
        if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
            raise ImageError(f"the {what} {str(path)!r} is neither a file nor a block device")
        return os.open(path, (os.O_RDWR if writing else os.O_RDONLY) | os.O_CLOEXEC | getattr(os, "O_LARGEFILE", 0))
    except FileNotFoundError:
        raise ImageError(f"the {what} {str(path)!r} does not exist") from None
    except NotADirectoryError:
        raise ImageError(f"the {what} {str(path)!r} does not exist: a part of its path is a file") from None
    except OSError as error:
        if writing and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return None
        if error.errno == errno.ENOMEDIUM:
            raise ImageError(f"there is no disk in the drive {str(path)!r}") from None
        raise ImageError(f"the {what} {str(path)!r} cannot be opened: {error.strerror}") from None


def _size(fd: int, path: Path, what: str) -> int:
    """Bytes of a file or block device."""
    size = os.lseek(fd, 0, os.SEEK_END)
    if size == 0:
        raise ImageError(f"the {what} {str(path)!r} is empty")
    return size


def _shown_size(disk: Disk, size: int, notes: list[str]) -> tuple[int, FloppyFormat | None]:
    """What the guest sees of a raw image of `size` bytes: whole sectors, or a whole floppy."""
    name = str(disk.path)
    if disk.kind == "floppy":
        form = find_format(size, name)
        if size != form.size:
            notes.append(f"the floppy image {name!r} has {size} bytes: taken for a {form.text} disk whose end is missing")
        return form.size, form
    grain = GRAIN[disk.kind]
    if disk.kind == "cdrom" and size < SMALLEST_CD:
        raise ImageError(f"the CD image {name!r} has {size} bytes, less than a sector of a CD (2048)")
    if disk.kind == "pflash" and size % grain:
        raise ImageError(f"the flash image {name!r} has {size} bytes; a flash chip is a multiple of 4 KiB")
    if size % grain and disk.kind == "disk":
        notes.append(f"the disk image {name!r} has {size} bytes, not whole sectors: the last one is filled up with zeros")
    return -(-size // grain) * grain, None
