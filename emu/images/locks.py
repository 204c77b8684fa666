"""Locks on image files, so that two machines never write the same disk.

Open-file-description locks on single bytes, the same bytes QEMU locks, so the two keep out of each other's way: byte
100 + p is held by who uses permission p, byte 200 + p by who does not share it with others.  They vanish with the
descriptor, however the process ends.  Where the host or the file system has no such locks, flock on the whole file.
Spec: fcntl_locking(2), QEMU docs/interop/ (image locking).
"""
from __future__ import annotations

import errno
import fcntl
import struct

from ..errors import ImageError

READ, WRITE, RESIZE = 0, 1, 3           # QEMU's permissions: consistent read, write, resize
USED, NOT_SHARED = 100, 200
FLOCK = "hhqqi4x"                       # struct flock of 64-bit Linux
NO_LOCKS = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)


def _ofd(fd: int, command: int, kind: int, at: int) -> int:
    """One lock request; the type of lock found (GETLK)."""
    got = fcntl.fcntl(fd, command, struct.pack(FLOCK, kind, 0, at, 1, 0))
    return int(struct.unpack(FLOCK, got)[0])


def _conflict(fd: int, writing: bool) -> str:
    """Take the bytes, then see who else has the opposite ones."""
    used = (READ, WRITE, RESIZE) if writing else (READ,)
    refused = (WRITE, RESIZE)
    for byte in (*(USED + p for p in used), *(NOT_SHARED + p for p in refused)):
        try:
            _ofd(fd, fcntl.F_OFD_SETLK, fcntl.F_RDLCK, byte)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return "in use"
            raise
    for p in refused:
        if _ofd(fd, fcntl.F_OFD_GETLK, fcntl.F_WRLCK, USED + p) != fcntl.F_UNLCK:
            return "being written"
    for p in used:
        if _ofd(fd, fcntl.F_OFD_GETLK, fcntl.F_WRLCK, NOT_SHARED + p) != fcntl.F_UNLCK:
            return "in use"
    return ""


def lock(fd: int, path: str, writing: bool) -> None:
    """Claim the open file; ImageError if another program's claim forbids it."""
    found = ""
    try:
        if not hasattr(fcntl, "F_OFD_SETLK"):
            raise OSError(errno.ENOSYS, "no OFD locks")
        found = _conflict(fd, writing)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise ImageError(f"{path!r} cannot be locked: {error.strerror}") from None
        try:
            fcntl.flock(fd, (fcntl.LOCK_EX if writing else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError as second:
            found = "in use" if second.errno == errno.EWOULDBLOCK else ""
    if found == "being written":
        raise ImageError(f"the image {path!r} is being written by another machine (or twice by this one); stop that one first, "
                         "or give each its own copy")
    if found:
        raise ImageError(f"the image {path!r} is in use by another machine (or twice by this one), so it cannot be written; use "
                         "-snapshot (snapshot=on), an overlay or readonly=on")
