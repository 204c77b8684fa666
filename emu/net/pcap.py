"""A capture of a cable in the pcap format (QEMU's filter-dump), with virtual timestamps.

Spec: the pcap file format, link type 1 (Ethernet), magic of the nanosecond variant.
"""
from __future__ import annotations

import struct
from pathlib import Path

from ..errors import ConfigError

MAGIC_NS = 0xA1B23C4D
ETHERNET = 1


class Capture:
    """Writes every frame, cut to `maxlen` bytes; times count from `base_unix`."""

    def __init__(self, path: Path, maxlen: int = 65536, base_unix: int = 0) -> None:
        self.path = path
        self._maxlen = maxlen
        self._base = base_unix
        try:
            self._out = path.open("wb")
        except OSError as error:
            raise ConfigError(f"filter-dump: {str(path)!r} cannot be written: {error.strerror}") from None
        self._out.write(struct.pack("<IHHiIII", MAGIC_NS, 2, 4, 0, 0, maxlen, ETHERNET))

    def frame(self, now_ns: int, data: bytes) -> None:
        """A frame went by."""
        kept = data[:self._maxlen]
        second, ns = divmod(now_ns, 1_000_000_000)
        self._out.write(struct.pack("<IIII", self._base + second & 0xFFFFFFFF, ns, len(kept), len(data)) + kept)

    def close(self) -> None:
        """Everything reaches the file."""
        self._out.close()
