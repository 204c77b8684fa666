"""What kind of image a file is, by its first bytes.

Only qcow2 and raw images are opened; the others are recognised so that nobody boots a container as if it were a disk.
A file nobody recognises is raw.  Since the guest owns a raw image's bytes it could make it look like qcow2, with a backing file
of its choice; media whose format was guessed refuse such a write (`GUARDED`), media with format="raw" are never looked at.
"""
from __future__ import annotations

from ..errors import ImageError

QCOW2_MAGIC = b"QFI\xfb"
GUARDED = ((0, QCOW2_MAGIC),)

# (name, offset, bytes, what to do about it)
CONVERT = "qemu-img convert -O qcow2 makes a usable file of it"
UNPACK = "unpack it first"
FOREIGN = (
    ("VMDK", 0, b"KDMV", CONVERT), ("VMDK", 0, b"# Disk DescriptorFile", CONVERT), ("VDI", 0x40, b"\x7f\x10\xda\xbe", CONVERT),
    ("VHDX", 0, b"vhdxfile", CONVERT), ("VHD", 0, b"conectix", CONVERT), ("QED", 0, b"QED\0", CONVERT),
    ("Parallels", 0, b"WithoutFreeSpace", CONVERT), ("LUKS", 0, b"LUKS\xba\xbe", "an encrypted volume needs format=raw"),
    ("gzip", 0, b"\x1f\x8b\x08", UNPACK), ("xz", 0, b"\xfd7zXZ\0", UNPACK), ("bzip2", 0, b"BZh", UNPACK),
    ("zstd", 0, b"\x28\xb5\x2f\xfd", UNPACK), ("zip", 0, b"PK\x03\x04", UNPACK), ("7-Zip", 0, b"7z\xbc\xaf\x27\x1c", UNPACK),
    ("ImageDisk (IMD)", 0, b"IMD 1.", "convert it to a plain sector image"),
    ("raw CD sector (.bin, 2352 bytes a sector)", 0, b"\0" + b"\xff" * 10 + b"\0", "bchunk or iat make an ISO image of it"),
)
PROBE_BYTES = max(at + len(magic) for _, at, magic, _ in FOREIGN)


def probe(head: bytes, path: str) -> str:
    """"raw" or "qcow2" for a file that begins so; ImageError for an image of a kind that cannot be used."""
    if head.startswith(QCOW2_MAGIC):
        if int.from_bytes(head[4:8], "big") == 1:
            raise ImageError(f"{path!r} is a qcow image of version 1; {CONVERT}")
        return "qcow2"
    for name, at, magic, help_ in FOREIGN:
        if head[at:at + len(magic)] == magic:
            raise ImageError(f"{path!r} is a {name} file, not a disk image; {help_} (format=raw takes its bytes as they are)")
    return "raw"
