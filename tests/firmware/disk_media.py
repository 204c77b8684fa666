"""Media whose sectors say their own number, for the tests of INT 13h."""
from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path


def sector(number: int, size: int = 512) -> bytes:
    """What stands in a sector: its number in every dword."""
    return struct.pack("<I", number) * (size // 4)


@dataclass(frozen=True)
class Media:
    """A floppy, two disks and a CD in a folder."""

    floppy: Path
    disk: Path              # 20 MiB, no partition table: 40/16/63
    big: Path               # 3 GiB with a hole in it, partitioned for 255 heads
    cd: Path                # 400 sectors, not bootable

    @classmethod
    def make(cls, folder: Path) -> Media:
        m = cls(folder / "floppy.img", folder / "disk.img", folder / "big.img", folder / "cd.iso")
        m.floppy.write_bytes(b"".join(sector(n) for n in range(2880)))
        m.disk.write_bytes(b"".join(sector(n) for n in range(40 * 16 * 63)))
        m.cd.write_bytes(b"".join(sector(n, 2048) for n in range(400)))
        with m.big.open("wb") as f:
            f.truncate(3 << 30)
            table = struct.pack("<B3BB3BII", 0x80, 1, 1, 0, 0x0C, 254, 0xC0 | 63, 0x7F, 63, 255 * 63 * 384 - 63)
            f.write(bytes(446) + table + bytes(48) + b"\x55\xAA")
        return m

    def qemu(self) -> list[str]:
        """Options for QEMU; nothing is written to the files."""
        drives = [(self.floppy, "if=floppy"), (self.disk, "index=0"), (self.big, "index=1"), (self.cd, "index=2,media=cdrom")]
        out = ["-snapshot", "-boot", "order=n"]
        for path, how in drives:
            out += ["-drive", f"file={path},format=raw,{how}"]
        return out
