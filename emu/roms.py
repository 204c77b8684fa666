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
