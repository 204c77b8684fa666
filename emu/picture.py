"""Pictures of the screen as files: PNG and PPM from an ndarray (h, w, 3) uint8, RGB, top-left origin.

Spec: PNG (ISO/IEC 15948), colour type 2, no interlace; Netpbm P6.
"""
from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .errors import ConfigError

Image = npt.NDArray[np.uint8]
FORMATS = ("png", "ppm")


def png(image: Image) -> bytes:
    """The image as a PNG file."""
    height, width, _ = image.shape
    rows = np.zeros((height, 1 + width * 3), np.uint8)          # each row: filter type 0, then the pixels
    rows[:, 1:] = image.reshape(height, width * 3)
    out = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
                       (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b"")):
        out += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return out


def ppm(image: Image) -> bytes:
    """The image as a PPM file."""
    height, width, _ = image.shape
    return b"P6\n%d %d\n255\n" % (width, height) + np.ascontiguousarray(image).tobytes()


def write(image: Image, path: str | Path, kind: str = "") -> None:
    """Write a file; the kind is "png", "ppm", or what the name says (PNG if it says nothing).  OSError if it cannot be."""
    kind = kind or (Path(path).suffix.lower().lstrip(".") or "png")
    if kind not in FORMATS:
        raise ConfigError(f"a picture of kind {kind!r} cannot be written; known: {', '.join(FORMATS)}")
    Path(path).write_bytes(png(image) if kind == "png" else ppm(image))
