"""Floppy formats, told by the size of an image.

A file of another size (a boot sector alone, trailing zeros cut off) is a 1.44M disk if it fits, as in QEMU: that is what who
wrote it had in mind.  What is missing reads as zeros.
"""
from __future__ import annotations

from dataclasses import dataclass

from ..errors import ImageError


@dataclass(frozen=True, slots=True)
class FloppyFormat:
    """Tracks of a disk; `cmos` is the type of drive (CMOS register 0x10) that takes it."""

    cylinders: int
    heads: int
    sectors: int
    kbit: int
    cmos: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.cylinders * self.heads * self.sectors * 512

    @property
    def text(self) -> str:
        """"1.44M", "360K"."""
        kib = self.size / 1024
        return f"{kib:g}K" if kib < 1000 else f"{kib / 1000:.2f}M".replace(".20M", ".2M")


TYPE_360K, TYPE_1200K, TYPE_720K, TYPE_1440K, TYPE_2880K = 1, 2, 3, 4, 5

# The formats of PC DOS, then what formatters (fdformat, 2M, superformat, DMF) squeeze in.
STANDARD = (
    FloppyFormat(40, 1, 8, 250, TYPE_360K),         # 160K
    FloppyFormat(40, 1, 9, 250, TYPE_360K),
    FloppyFormat(40, 2, 8, 250, TYPE_360K),
    FloppyFormat(40, 2, 9, 250, TYPE_360K),
    FloppyFormat(80, 2, 9, 250, TYPE_720K),
    FloppyFormat(80, 2, 15, 500, TYPE_1200K),
    FloppyFormat(80, 2, 18, 500, TYPE_1440K),
    FloppyFormat(80, 2, 36, 1000, TYPE_2880K),
)
SUPER = tuple(
    FloppyFormat(cylinders, 2, sectors, kbit, cmos)
    for cmos, kbit, rows in (
        (TYPE_360K, 250, ((40, 10), (41, 10), (42, 10))),
        (TYPE_720K, 250, ((80, 10), (82, 10), (83, 10), (80, 11))),
        (TYPE_1440K, 500, ((80, 13), (80, 14), (80, 16), (80, 20), (80, 21), (82, 21), (83, 21), (80, 22), (80, 23), (80, 24))),
        (TYPE_2880K, 1000, ((80, 39), (80, 40), (80, 44), (80, 48))),
    )
    for cylinders, sectors in rows
) + (FloppyFormat(80, 1, 9, 250, TYPE_720K),)
HIGH_DENSITY = STANDARD[6]
# An image of exactly this size is of this format; 80x1x9 is as long as 40x2x9, which is far more common.
BY_SIZE = {form.size: form for form in (*reversed(SUPER), *STANDARD)}


def find_format(size: int, path: str) -> FloppyFormat:
    """The format of an image of `size` bytes; ImageError if no floppy is that large."""
    if size in BY_SIZE:
        return BY_SIZE[size]
    if size <= HIGH_DENSITY.size:
        return HIGH_DENSITY
    for form in sorted((*STANDARD, *SUPER), key=lambda f: f.size):
        if form.size >= size and (form in STANDARD or size > 2 << 20):
            return form
    known = ", ".join(form.text for form in STANDARD)
    raise ImageError(f"the floppy image {path!r} has {size} bytes, more than any floppy; formats: {known} and their larger "
                     "variants. A hard disk image goes to -hda, a CD to -cdrom")
