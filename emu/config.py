"""What a machine is made of: frozen, validated, with units in the names.

`MachineConfig(memory="256M", kernel="vmlinuz")`; an unknown name or value raises ConfigError with the
nearest known one.
"""
from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from .boot.smbios import NO_UUID, SmbiosConfig, parse_uuid
from .cpu import parse_cpu
from .errors import ConfigError, suggest
from .images.disk import Disk, as_disk, place_all
from .layouts import layout_name
from .net.config import Nic

MMU_MODES = ("tlb", "shadow")
VGA_CARDS = ("std", "none")
CLOCKS = ("virtual", "host")
CHARDEVS = ("stdio", "mon:stdio", "file", "pty", "unix", "null", "buffer")
MEMORY_MIN = 1 << 20
MEMORY_MAX = 60 << 30           # 36 physical address bits less the hole
DEFAULT_MEMORY = "128M"
DEFAULT_RTC_UNIX = 1767225600   # 2026-01-01T00:00:00Z: the same run whatever the day

# where the drives of QEMU's short options stand
DRIVE_PLACES = {"hda": ("ide", 0, 0), "hdb": ("ide", 0, 1), "hdc": ("ide", 1, 0), "hdd": ("ide", 1, 1), "cdrom": ("ide", 1, 0),
                "fda": ("floppy", 0, 0), "fdb": ("floppy", 0, 1)}
_UNITS = {"": 1 << 20, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def parse_size(text: str | int, what: str = "memory") -> int:
    """Bytes of "256M", "1G", "512k"; a bare number counts MiB, as in QEMU's -m."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?", str(text).strip().lower())
    if not match:
        raise ConfigError(f"{what} {text!r} is not a size; write 256M, 1G or a number of MiB")
    size = float(match[1]) * _UNITS[match[2]]
    if size != int(size):
        raise ConfigError(f"{what} {text!r} is not a whole number of bytes")
    return int(size)


def parse_rtc(base: str | int) -> int:
    """Seconds since 1970 for "utc", "localtime" (both: now), an ISO date, or a number."""
    if isinstance(base, int):
        return base
    if base in ("utc", "localtime"):
        now = datetime.now(UTC)
        offset = datetime.now().astimezone().utcoffset() if base == "localtime" else None
        return int(now.timestamp() + (offset.total_seconds() if offset else 0))
    try:
        when = datetime.fromisoformat(base)
    except ValueError:
        raise ConfigError(f"rtc base {base!r} is neither utc, localtime nor a date like 2026-01-31T12:00:00") from None
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())


@dataclass(frozen=True, slots=True)
class SerialConfig:
    """Host end of a serial port or debug console: `kind` is one of CHARDEVS, `path` for file and unix."""

    kind: str = "buffer"
    path: str = ""
    server: bool = False
    wait: bool = False
    append: bool = False

    def __post_init__(self) -> None:
        if self.kind not in CHARDEVS:
            raise ConfigError(f"unknown serial backend {self.kind!r}" + suggest(self.kind, CHARDEVS))
        if self.kind in ("file", "unix") and not self.path:
            raise ConfigError(f"serial backend {self.kind!r} needs a path: {self.kind}:PATH")


@dataclass(frozen=True, slots=True)
class LoaderConfig:
    """A file put into memory at `addr` before the start; with `start`, the processor begins there."""

    file: Path
    addr: int
    start: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.addr < 1 << 36:
            raise ConfigError(f"load address {self.addr:#x} is outside of physical memory")


@dataclass(frozen=True, slots=True)
class DebugExitConfig:
    """QEMU's isa-debug-exit: writing v ends the program with status (v << 1) | 1."""

    iobase: int = 0x501
    iosize: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.iobase <= 0xFFFF or self.iosize not in (1, 2, 4):
            raise ConfigError(f"isa-debug-exit: no such place: iobase={self.iobase:#x}, iosize={self.iosize}")


@dataclass(frozen=True, slots=True)
class BootConfig:
    """What the firmware starts: `order` of "a" floppy, "c" hard disk, "d" CD, "n" network; `once` until the first reset."""

    order: str = "cad"
    once: str = ""
    menu: bool = False
    splash_time_ms: int | None = None
    reboot_timeout_ms: int | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        for what, order in (("order", self.order), ("once", self.once)):
            for k, letter in enumerate(order):
                if letter not in "abcdn":
                    raise ConfigError(f"boot {what} {order!r}: {letter!r} is no device; a floppy, c hard disk, d CD, n network")
                if letter in order[:k]:
                    raise ConfigError(f"boot {what} {order!r} names {letter!r} twice")
        for what, ms in (("splash time", self.splash_time_ms), ("reboot timeout", self.reboot_timeout_ms)):
            if ms is not None and not -1 <= ms <= 65535:
                raise ConfigError(f"boot {what} {ms} ms is outside -1..65535")

    def codes(self, first: bool) -> list[int]:
        """CMOS codes of the devices to try: 1 floppy, 2 hard disk, 3 CD, 4 network."""
        order = self.once if first and self.once else self.order
        return [{"a": 1, "b": 1, "c": 2, "d": 3, "n": 4}[letter] for letter in order][:3]


@dataclass(frozen=True, slots=True)
class MachineConfig:
    """A PC (440FX, PIIX3).

    memory       "256M", "1G"; a bare number counts MiB
    cpu          a model and its features: "max", "qemu64", "max,-aes" (emu run -cpu help)
    kernel       Linux bzImage, Multiboot 1 or ELF32; initrd: its initial RAM disk or Multiboot modules "a args,b"
    append       kernel command line
    raw_addr     load `kernel` as a flat binary there and start it
    loaders      further files to put into memory
    firmware     BIOS image, mapped to end at 4 GiB and at 1 MiB
    hda ... hdd, cdrom, fda, fdb   images (path or Disk) of the usual drives; cdrom is where hdc would be
    disks        further drives, each a Disk; `drives` has them all, in their places
    snapshot     no image is written to: what the guests write is thrown away
    default_drives  an empty floppy drive A and CD-ROM drive are there even if nothing is in them
    boot         what the firmware starts: BootConfig, or its order ("a", "cad")
    serials      host ends of COM1..COM4; default: one that keeps its output for `expect`
    debugcon     host end of port debugcon_port: 0xE9, or 0x402 to see what firmware says
    debug_exit   isa-debug-exit device
    rtc_base     "utc", "localtime", ISO date or seconds since 1970; default a fixed date
    mmu          "tlb" or "shadow" (shadow page tables); what the guest sees is the same
    clock        "virtual": time is the instruction count; "host": time follows the wall clock
    icount_shift one instruction takes 1 << shift ns
    record       write what comes in from outside (keys, serial input, packets, media) to this file, with the times
    replay       let in what such a file says, and nothing else: the recorded run again
    nics         network cards
    keyboard     layout the guest is set to, for typing texts: en-us, en-gb, de, fr, es, it, sv
    vga          graphics card: "std" (VGA with the Bochs display interface on PCI, as QEMU's) or "none"
    vga_mib      its memory, 1 to 128 MiB, a power of two
    vga_rom      its VGA BIOS, for firmware to start; default ours
    uuid         of the machine, as SMBIOS has it
    smbios       what SMBIOS (DMI) says: SmbiosConfig
    fw_cfg       further files for the guest, by name ("opt/org.example/key"), through QEMU's firmware configuration device
    """

    memory: str | int = DEFAULT_MEMORY
    cpu: str = "max"
    kernel: Path | None = None
    initrd: str | None = None
    append: str = ""
    raw_addr: int | None = None
    loaders: tuple[LoaderConfig, ...] = ()
    firmware: Path | None = None
    option_roms: tuple[Path, ...] = ()
    hda: Disk | Path | str | None = None
    hdb: Disk | Path | str | None = None
    hdc: Disk | Path | str | None = None
    hdd: Disk | Path | str | None = None
    cdrom: Disk | Path | str | None = None
    fda: Disk | Path | str | None = None
    fdb: Disk | Path | str | None = None
    disks: tuple[Disk, ...] = ()
    snapshot: bool = False
    default_drives: bool = True
    boot: BootConfig | str = BootConfig()
    serials: tuple[SerialConfig, ...] = (SerialConfig(),)
    debugcon: SerialConfig | None = None
    debugcon_port: int = 0xE9
    debug_exit: DebugExitConfig | None = None
    rtc_base: str | int = DEFAULT_RTC_UNIX
    mmu: str = "tlb"
    clock: str = "virtual"
    icount_shift: int = 0
    record: Path | None = None
    replay: Path | None = None
    nics: tuple[Nic, ...] = ()
    keyboard: str = "en-us"
    no_reboot: bool = False
    hpet: bool = False
    vga: str = "std"
    vga_mib: int = 16
    vga_rom: Path | None = None
    name: str = "emu"
    uuid: UUID | str = NO_UUID
    smbios: SmbiosConfig = SmbiosConfig()
    fw_cfg: Mapping[str, bytes] = field(default_factory=dict)
    memory_bytes: int = field(init=False, default=0)
    rtc_unix: int = field(init=False, default=0)
    drives: tuple[Disk, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name in ("kernel", "firmware", "vga_rom", "record", "replay"):
            value = getattr(self, name)
            if value is not None:
                put(self, name, Path(value))
        put(self, "option_roms", tuple(Path(rom) for rom in self.option_roms))
        if isinstance(self.initrd, bytes | bytearray | memoryview):
            raise ConfigError("initrd is the path of a file; write the bytes to one")
        if self.initrd is not None:
            put(self, "initrd", os.fspath(self.initrd))
        size = parse_size(self.memory)
        if not MEMORY_MIN <= size <= MEMORY_MAX:
            raise ConfigError(f"memory {self.memory} is impossible: this PC takes 1M to {MEMORY_MAX >> 30}G")
        if size & 0xFFF:
            raise ConfigError(f"memory {self.memory} is not a multiple of 4 KiB")
        put(self, "memory_bytes", size)
        put(self, "rtc_unix", parse_rtc(self.rtc_base))
        parse_cpu(self.cpu)
        if isinstance(self.boot, str):
            put(self, "boot", BootConfig(self.boot))
        put(self, "drives", self._place_drives())
        put(self, "keyboard", layout_name(self.keyboard))
        for what, value, known in (("mmu", self.mmu, MMU_MODES), ("clock", self.clock, CLOCKS),
                                   ("graphics card", self.vga, VGA_CARDS)):
            if value not in known:
                raise ConfigError(f"unknown {what} {value!r}" + suggest(str(value), known))
        if isinstance(self.uuid, str):
            put(self, "uuid", parse_uuid(self.uuid))
        if not isinstance(self.smbios, SmbiosConfig):
            raise ConfigError(f"smbios is a SmbiosConfig, not a {type(self.smbios).__name__}")
        for name in self.fw_cfg:
            if not 0 < len(name.encode()) < 56:
                raise ConfigError(f"fw_cfg file {name!r}: a name has 1 to 55 bytes")
        if not 0 <= self.icount_shift <= 10:
            raise ConfigError(f"icount shift {self.icount_shift} is outside 0..10")
        if not 1 <= self.vga_mib <= 128 or self.vga_mib & (self.vga_mib - 1):
            raise ConfigError(f"{self.vga_mib} MiB of video memory: it has to be 1, 2, 4 ... 128")
        if not 0 <= self.debugcon_port <= 0xFFFF:
            raise ConfigError(f"debugcon port {self.debugcon_port:#x} is not in 0..0xffff")
        if len(self.serials) > 4:
            raise ConfigError(f"{len(self.serials)} serial ports asked for; a PC has 4")
        if self.record is not None and self.replay is not None:
            raise ConfigError("a run is recorded or replayed, not both")
        if self.kernel is None:
            for name in ("initrd", "append"):
                if getattr(self, name):
                    raise ConfigError(f"{name} needs a kernel (-kernel FILE)")
            if self.raw_addr is not None:
                raise ConfigError("a load address needs the file it is for (-kernel FILE)")
        if self.kernel is not None and self.firmware is not None and self.raw_addr is not None:
            raise ConfigError("a raw binary and a firmware cannot both be what starts first")
        if not (self.kernel or self.firmware or self.option_roms or any(nic.romfile for nic in self.nics)
                or any(item.start for item in self.loaders)
                or any(disk.path for disk in self.drives)):
            raise ConfigError("nothing to boot: give a disk (-hda, -cdrom, -fda FILE), a kernel (-kernel FILE) or a firmware "
                              "(-bios FILE), or try `emu demo`")

    def _place_drives(self) -> tuple[Disk, ...]:
        """All drives, each in its place."""
        disks: list[Disk] = []
        for name, (interface, bus, unit) in DRIVE_PLACES.items():
            value = getattr(self, name)
            if value is not None:
                media = "cdrom" if name == "cdrom" or isinstance(value, Disk) and value.media == "cdrom" else "disk"
                disks.append(as_disk(value, interface=interface, media=media, bus=bus, unit=unit))
        disks += [as_disk(disk) for disk in self.disks]
        placed = place_all(disks)
        if self.default_drives:
            if not any(d.interface == "floppy" for d in placed):
                placed += (Disk(interface="floppy", bus=0, unit=0),)
            if not any(d.kind == "cdrom" or (d.interface, d.bus, d.unit) == ("ide", 1, 0) for d in placed):
                placed += (Disk(media="cdrom", bus=1, unit=0),)
        if self.snapshot:
            placed = tuple(replace(d, snapshot=True, overlay=None) if d.path and not d.readonly else d for d in placed)
        return tuple(sorted(placed, key=lambda d: (d.interface, d.bus, d.unit)))

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> MachineConfig:
        """From keyword arguments; an unknown name raises ConfigError."""
        known = [f.name for f in fields(cls) if f.init]
        for name in options:
            if name not in known:
                raise ConfigError(f"a machine has no option {name!r}" + suggest(name, known))
        return cls(**options)
