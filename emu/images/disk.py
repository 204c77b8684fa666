"""What a person says about one disk, CD or floppy: `Disk("debian.img", snapshot=True)`."""
from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import ConfigError, suggest

FORMATS = ("raw", "qcow2")
INTERFACES = ("ide", "floppy", "pflash", "none")
MEDIA = ("disk", "cdrom")
CACHES = ("writeback", "none", "directsync", "writethrough", "unsafe")
BUSES = {"ide": 2, "floppy": 1, "pflash": 1, "none": 1}       # how many of them, and units of one
UNITS = {"ide": 2, "floppy": 2, "pflash": 2, "none": 1 << 16}


@dataclass(frozen=True, slots=True)
class Disk:
    """A drive and the image in it.

    path       file, block device, partition or logical volume; None: a drive without a disk
    format     "raw" or "qcow2"; None: found out from the file
    readonly   the guest cannot write (a CD never can); the file may be shared with other readers
    snapshot   what the guest writes goes to a temporary file and is thrown away
    overlay    what the guest writes goes to this qcow2 file, made if it does not exist; `path` stays as it is
    interface  "ide", "floppy", "pflash", or "none" (connected by nothing)
    media      "disk" or "cdrom"
    bus, unit  place on the interface: IDE channel and master/slave, floppy drive A or B; None: the first free one
    id         name for media changes; default as QEMU's ("ide0-hd0", "ide1-cd0", "floppy0")
    serial     serial number the drive reports
    cache      "writeback", "none", "unsafe": a guest's flush reaches the disk; "writethrough", "directsync": every write does
    lock       keep others from the file while it is in use
    bootindex  place in the firmware's boot order (lowest first), before what -boot says
    """

    path: Path | None = None
    format: str | None = None
    readonly: bool = False
    snapshot: bool = False
    overlay: Path | None = None
    interface: str = "ide"
    media: str = "disk"
    bus: int | None = None
    unit: int | None = None
    id: str = ""
    serial: str = ""
    cache: str = "writeback"
    lock: bool = True
    bootindex: int | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name in ("path", "overlay"):
            value = getattr(self, name)
            if value is not None:
                if not os.fspath(value):
                    raise ConfigError("a disk image needs a file name, the one given is empty")
                put(self, name, Path(value))
        for what, value, known in (("disk format", self.format, FORMATS), ("drive interface", self.interface, INTERFACES),
                                   ("drive media", self.media, MEDIA), ("cache mode", self.cache, CACHES)):
            if value is not None and value not in known:
                raise ConfigError(f"unknown {what} {value!r}{advice(what, value)}" + suggest(str(value), known))
        for what, place, known_n in (("bus", self.bus, BUSES[self.interface]), ("unit", self.unit, UNITS[self.interface])):
            if place is not None and not 0 <= place < known_n:
                raise ConfigError(f"interface {self.interface} has no {what} {place}: it counts from 0 to {known_n - 1}")
        if self.media == "cdrom" and self.interface not in ("ide", "none"):
            raise ConfigError(f"a CD-ROM drive belongs on interface ide, not {self.interface}")
        if self.path is None and (self.snapshot or self.overlay):
            raise ConfigError("a drive without a disk has nothing to make a snapshot or an overlay of")
        if self.path is None and self.interface in ("ide", "pflash") and self.media == "disk":
            raise ConfigError(f"a {'hard disk' if self.interface == 'ide' else 'flash chip'} needs an image (file=)")
        if self.overlay is not None and (self.snapshot or self.readonly):
            raise ConfigError(f"the overlay {str(self.overlay)!r} is to be kept: snapshot and readonly do not go with it")
        if self.media == "cdrom":
            put(self, "readonly", True)
            if self.overlay is not None:
                raise ConfigError("a CD cannot be written: it takes no overlay")

    @property
    def kind(self) -> str:
        """What stands there: "disk", "cdrom", "floppy" or "pflash"."""
        if self.interface in ("floppy", "pflash"):
            return self.interface
        return self.media

    @property
    def name(self) -> str:
        """Its id, or where it is, in QEMU's words."""
        if self.id:
            return self.id
        if self.interface == "ide":
            return f"ide{self.bus or 0}-{'cd' if self.media == 'cdrom' else 'hd'}{self.unit or 0}"
        return f"{self.interface}{self.unit or 0}"


def advice(what: str, value: Any) -> str:
    """What to do about a format or an interface that is known, but not here."""
    if what == "disk format" and value in ("vmdk", "vdi", "vhdx", "vpc", "qed", "qcow", "parallels", "luks", "dmg"):
        return f"; qemu-img convert -f {value} -O qcow2 makes a usable file of such an image"
    if what == "drive interface" and value in ("virtio", "scsi", "sd", "mtd", "xen"):
        return f"; this PC has no {value}, if=ide takes any disk"
    return ""


def as_disk(value: Disk | str | os.PathLike[str], **place: Any) -> Disk:
    """A Disk for a path or a Disk, at this place."""
    if isinstance(value, Disk):
        return replace(value, **place) if place else value
    return Disk(Path(value) if os.fspath(value) else None, **place)


def place_all(disks: list[Disk]) -> tuple[Disk, ...]:
    """Give every drive that has none a bus and a unit; ConfigError if two want the same or there is no room."""
    taken: dict[tuple[str, int, int], Disk] = {}
    out: list[Disk] = []

    def spot(disk: Disk) -> tuple[int, int] | None:
        """The first free place, as QEMU counts them."""
        for bus, unit in ((b, u) for b in range(BUSES[disk.interface]) for u in range(UNITS[disk.interface])):
            if disk.bus in (None, bus) and disk.unit in (None, unit) and (disk.interface, bus, unit) not in taken:
                return bus, unit
        return None

    for disk in sorted(disks, key=lambda d: (d.bus is None) + (d.unit is None)):
        if disk.interface == "none":
            continue
        place = spot(disk)
        if place is None:
            names = ", ".join(f"{str(d.path) if d.path else 'an empty drive'!r}" for (i, b, u), d in taken.items()
                              if i == disk.interface and disk.bus in (None, b) and disk.unit in (None, u))
            raise ConfigError(f"no place on interface {disk.interface} is left for {str(disk.path)!r}: taken by {names}")
        taken[disk.interface, *place] = placed = replace(disk, bus=place[0], unit=place[1])
        out.append(placed)
    names_seen: set[str] = set()
    for disk in out:
        if disk.name in names_seen:
            raise ConfigError(f"two drives are called {disk.name!r}; give each its own id=")
        names_seen.add(disk.name)
    return tuple(sorted(out, key=lambda d: (d.interface, d.bus, d.unit)))
