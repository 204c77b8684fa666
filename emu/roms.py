"""Built images that come with the package: our own firmware and the demo guest.

    rom_path("bios.bin")
"""
from __future__ import annotations

from pathlib import Path

from .errors import ImageError


def folders() -> tuple[Path, ...]:
    """Where built images are: installed with the package, or roms/ of a source tree."""
    here = Path(__file__).resolve().parent
    return here / "roms", here.parent / "roms"


def rom_path(name: str) -> Path:
    """A built image of ours; ImageError if it is missing."""
    for folder in folders():
        if (folder / name).is_file():
            return folder / name
    raise ImageError(f"the image {name!r} that belongs to this package is missing; python firmware/build.py builds it")


def has_rom(name: str) -> bool:
    """Is there such a built image of ours?"""
    return any((folder / name).is_file() for folder in folders())


def find_rom(path: Path) -> Path:
    """The file itself, or the built image of that name when there is no such file here (`-bios bios.bin`)."""
    if not path.exists() and path.name == str(path):
        for folder in folders():
            if (folder / path).is_file():
                return folder / path
    return path


def for_function(image: bytes, vendor: int, device: int) -> bytes:
    """An expansion ROM whose PCI data structure names no function (0000:0000, as in some builds of iPXE), made out to this one.

    Firmware starts only what names the function.  iPXE's header has its checksum in byte 6.
    """
    at = int.from_bytes(image[0x18:0x1A], "little")
    if image[at:at + 8] != b"PCIR" + bytes(4):
        return image
    names = vendor.to_bytes(2, "little") + device.to_bytes(2, "little")
    out = bytearray(image)
    out[at + 4:at + 8] = names
    out[6] = out[6] - sum(names) & 0xFF
    return bytes(out)
