"""The drives of a machine: which image is in which, and changing it while the guest runs.

    vm.drives["floppy0"].insert("disk2.img")
    vm.drives["ide1-cd0"].eject()

Also what firmware finds out about drives in CMOS.  Spec for that: IBM PC/AT Technical Reference (0x10, 0x12, 0x14, 0x19-0x23);
QEMU hw/i386/pc.c documents the boot order bytes 0x38 and 0x3D and the translation bits at 0x39.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from .config import BootConfig, MachineConfig
from .errors import ConfigError, ImageError, suggest
from .images.disk import Disk, as_disk
from .images.floppy import TYPE_2880K
from .images.opening import Opened, open_disk
from .state.inputlog import Door

MODELS = {"disk": "EMU HARDDISK", "cdrom": "EMU DVD-ROM"}


class Drive:
    """One drive.  `disk` says what is in it (path None: nothing)."""

    def __init__(self, disk: Disk, opened: Opened | None) -> None:
        self.disk = disk
        self.name = disk.name
        self.kind = disk.kind
        self.opened = opened
        self._plug: Callable[[Opened | None], None] | None = None
        self._invoke: Callable[[Callable[[], Any]], Any] = lambda function: function()
        self._put_in: Callable[[dict[str, Any]], None] = self._exchange
        self._give_out: Callable[[], None] = self._take_out

    @property
    def device(self) -> str:
        """The chip's name on the board (flash chips)."""
        return f"{self.disk.interface}{self.disk.unit}"

    @property
    def removable(self) -> bool:
        """Can its medium be changed?"""
        return self.kind in ("floppy", "cdrom")

    @property
    def empty(self) -> bool:
        """Is nothing in it?"""
        return self.opened is None

    @property
    def medium(self) -> Any | None:
        """The medium in it (statistics: reads, writes, bytes_read, bytes_written, flushes), or None."""
        return self.opened.medium if self.opened else None

    def insert(self, disk: Disk | str, **options: Any) -> None:
        """Put another disk in; the guest notices as with a real drive.  ImageError if the image cannot be used.

        `options` are those of Disk (readonly, snapshot, format, ...).
        """
        if not self.removable:
            raise ConfigError(f"{self.name} is a hard disk: it cannot be changed")
        place = {"interface": self.disk.interface, "media": self.disk.media, "bus": self.disk.bus, "unit": self.disk.unit,
                 "id": self.disk.id, **options}
        new = as_disk(disk, **place)

        said = {f.name: getattr(new, f.name) for f in fields(new) if getattr(new, f.name) != f.default}
        self._invoke(lambda: self._put_in({k: str(v) if isinstance(v, Path) else v for k, v in said.items()}))

    def _exchange(self, said: dict[str, Any]) -> None:
        new = Disk(**said)
        old = self.opened
        if old is not None and old.disk.path == new.path:
            self._take_out()            # the same file again: its lock must go first
        opened = open_disk(new)
        self._take_out()
        self.opened, self.disk = opened, new
        if self._plug is not None:
            self._plug(opened)

    def eject(self) -> None:
        """Take the disk out; what was written is in its file."""
        if not self.removable:
            raise ConfigError(f"{self.name} is a hard disk: it cannot be taken out")
        self._invoke(self._give_out)

    def _take_out(self) -> None:
        opened, self.opened = self.opened, None
        self.disk = replace(self.disk, path=None, format=None, snapshot=False, overlay=None)
        if opened is not None:
            if self._plug is not None:
                self._plug(None)
            opened.close()

    def describe(self) -> str:
        """Its image in a line."""
        if self.opened is None:
            return "empty"
        form = self.opened.floppy
        words = [str(self.disk.path), self.opened.format, form.text if form else f"{self.opened.size} bytes"]
        words += ["read-only"] if self.opened.readonly else []
        words += ["changes are thrown away"] if self.disk.snapshot else []
        words += [f"changes go to {self.disk.overlay}"] if self.disk.overlay else []
        return ", ".join(words)

    def __repr__(self) -> str:
        return f"<Drive {self.name}: {self.disk.path or 'empty'}>"


class Drives(Mapping[str, Drive]):
    """Drives by name; opening them all is the first thing a board does."""

    def __init__(self, config: MachineConfig) -> None:
        self.config = config
        self.notes: list[str] = []
        self._drives: dict[str, Drive] = {}
        try:
            for disk in config.drives:
                opened = open_disk(disk) if disk.path is not None else None
                self._drives[disk.name] = Drive(disk, opened)
                if opened is not None:
                    self.notes += opened.notes
        except BaseException:
            self.close()
            raise

    def __getitem__(self, name: str) -> Drive:
        if name not in self._drives:
            raise KeyError(f"there is no drive {name!r}{suggest(name, self._drives)}")
        return self._drives[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._drives)

    def __len__(self) -> int:
        return len(self._drives)

    def of(self, interface: str) -> list[Drive]:
        """The drives of one interface, by bus and unit."""
        return [d for d in self._drives.values() if d.disk.interface == interface]

    def close(self) -> None:
        """Flush and close every image.  The first error is raised after all are closed."""
        failed: OSError | None = None
        for drive in self._drives.values():
            opened, drive.opened = drive.opened, None
            if opened is not None:
                try:
                    opened.close()
                except OSError as error:
                    failed = failed or error
        if failed is not None:
            raise ImageError(f"an image could not be written back: {failed.strerror}")

    def connect(self, devices: Mapping[str, Any]) -> None:
        """Attach what was opened to the controllers."""
        for drive in self._drives.values():
            drive._plug = PLUGS[drive.disk.interface](drive.disk, devices)
            drive._plug(drive.opened)
        for unit in range(2):
            devices["fdc"].drives[unit].fitted = any(d.disk.unit == unit for d in self.of("floppy"))

    def connect_to(self, invoke: Callable[[Callable[[], Any]], Any], door: Door) -> None:
        """Media are changed through the machine, between two instructions."""
        for drive in self._drives.values():
            drive._invoke = invoke
            drive._put_in = door.way(f"{drive.name}.insert", drive._exchange)
            drive._give_out = door.way(f"{drive.name}.eject", drive._take_out)

    # ---- fw_cfg -------------------------------------------------------------------------------------------------
    def boot_files(self, boot: BootConfig) -> dict[str, bytes]:
        """fw_cfg files about booting: order by bootindex (Open Firmware paths), how long the menu waits, when to try again."""
        files: dict[str, bytes] = {}
        chosen = sorted((d.disk for d in self.values() if d.disk.bootindex is not None), key=lambda d: d.bootindex or 0)
        if chosen or boot.strict:
            rows = [open_firmware_path(disk) for disk in chosen] + (["HALT"] if boot.strict else [])
            files["bootorder"] = "\n".join(rows).encode() + b"\0"
        if boot.splash_time_ms is not None:
            files["etc/boot-menu-wait"] = (boot.splash_time_ms & 0xFFFF).to_bytes(2, "little")
        if boot.reboot_timeout_ms is not None:
            files["etc/boot-fail-wait"] = (boot.reboot_timeout_ms & 0xFFFFFFFF).to_bytes(4, "little")
        return files

    # ---- CMOS ---------------------------------------------------------------------------------------------------
    def floppy_types(self) -> list[int]:
        """CMOS types of drives A and B, 0: not there.  A drive that starts empty takes every 3.5 inch disk."""
        types = [0, 0]
        for drive in self.of("floppy"):
            form = drive.opened.floppy if drive.opened else None
            types[drive.disk.unit or 0] = form.cmos if form else TYPE_2880K
        return types

    def write_cmos(self, rtc: Any, boot: list[int]) -> None:
        """Drive types, equipment, geometry of the disks of the first IDE channel, boot order; then the checksum."""
        a, b = self.floppy_types()
        rtc.set_cmos(0x10, a << 4 | b)
        count = (a != 0) + (b != 0)
        rtc.set_cmos(0x14, (0x01 if count else 0) | (0x40 if count > 1 else 0) | 0x06)     # drives; FPU, PS/2 mouse
        types = translation = 0
        for drive in self.of("ide"):
            if drive.kind != "disk" or drive.opened is None:
                continue
            number = (drive.disk.bus or 0) * 2 + (drive.disk.unit or 0)
            cylinders, heads, sectors, mode = geometry(drive.opened.size)
            translation |= mode << number * 2
            if number < 2:
                types |= 0x0F if number else 0xF0
                rtc.set_cmos(0x19 + number, 47)
                block = [cylinders & 0xFF, cylinders >> 8, heads, 0xFF, 0xFF, 0xC0 | (heads > 8) << 3, cylinders & 0xFF,
                         cylinders >> 8, sectors]
                for k, byte in enumerate(block):
                    rtc.set_cmos(0x1B + number * 9 + k, byte)
        rtc.set_cmos(0x12, types)
        rtc.set_cmos(0x39, translation)
        boot = (boot + [0, 0, 0])[:3]
        rtc.set_cmos(0x3D, boot[1] << 4 | boot[0])
        rtc.set_cmos(0x38, boot[2] << 4)
        rtc.update_checksum()


def open_firmware_path(disk: Disk) -> str:
    """The name QEMU's firmware interface gives a drive."""
    if disk.interface == "floppy":
        return f"/pci@i0cf8/isa@1/fdc@03f0/floppy@{disk.unit}"
    return f"/pci@i0cf8/ide@1,1/drive@{disk.bus}/disk@{disk.unit}"


def geometry(size: int) -> tuple[int, int, int, int]:
    """Cylinders, heads, sectors of a hard disk of `size` bytes, and how firmware translates them: 0 not at all, 1 LBA."""
    cylinders = min(max(size // (16 * 63 * 512), 1), 16383)
    return cylinders, 16, 63, 0 if cylinders <= 1024 else 1


def _plug_floppy(disk: Disk, devices: Mapping[str, Any]) -> Callable[[Opened | None], None]:
    fdc, unit = devices["fdc"], disk.unit

    def plug(opened: Opened | None) -> None:
        if opened is None or opened.floppy is None:
            fdc.eject(unit)
        else:
            form = opened.floppy
            fdc.insert(unit, opened.medium, form.cylinders, form.heads, form.sectors, form.kbit)
    return plug


def _plug_ide(disk: Disk, devices: Mapping[str, Any]) -> Callable[[Opened | None], None]:
    ide, place = devices["ide"], (disk.bus, disk.unit)

    def plug(opened: Opened | None) -> None:
        medium = opened.medium if opened else None
        if ide.drive(*place) is None:
            ide.attach_drive(*place, disk.kind, medium, MODELS[disk.kind], disk.serial)
        elif medium is None:
            ide.eject(*place)
        else:
            ide.insert(*place, medium)
    return plug


def _plug_pflash(disk: Disk, devices: Mapping[str, Any]) -> Callable[[Opened | None], None]:
    chip = devices[f"pflash{disk.unit}"]

    def plug(opened: Opened | None) -> None:
        if opened is not None:
            chip.insert(opened.medium)
    return plug


PLUGS = {"floppy": _plug_floppy, "ide": _plug_ide, "pflash": _plug_pflash}
