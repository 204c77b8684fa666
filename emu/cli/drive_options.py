"""The options about disks and booting, in QEMU's spelling: -hda ... -drive, -snapshot, -boot, -pflash, -device ide-hd.

Importing this module registers them.  Spec: QEMU's invocation page, "Block device options" and -boot.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..config import DRIVE_PLACES, BootConfig
from ..errors import ConfigError, suggest
from ..images.disk import UNITS, Disk
from .options import DEVICES, Options, keyvals, number, on_off, option

# What changes nothing for the guest here.
TOLERATED = ("aio", "discard", "detect-zeroes", "werror", "rerror", "copy-on-read", "auto-read-only", "cache.writeback",
             "cache.direct", "cache.no-flush", "file.driver", "driver")
DRIVE_KEYS = ("file", "if", "index", "bus", "unit", "media", "format", "readonly", "read-only", "snapshot", "id", "cache",
              "serial", "overlay", "locking", "file.locking", "file.filename", *TOLERATED)
IDE_KEYS = ("drive", "bus", "unit", "id", "serial", "bootindex", "model", "ver", "wwn", "logical_block_size",
            "physical_block_size", "write-cache", "share-rw")
FLOPPY_KEYS = ("drive", "unit", "id", "bootindex", "drive-type")


def _image(name: str, value: str, **more: str) -> Disk:
    interface, bus, unit = DRIVE_PLACES[name]
    if not value:
        raise ConfigError(f"-{name} needs an image file")
    return Disk(Path(value), interface=interface, bus=bus, unit=unit, **more)      # type: ignore[arg-type]


def _short(name: str, text: str, **more: str) -> None:
    def run(o: Options, value: str) -> None:
        o.drives.append(_image(name, value, **more))
    option(name, "FILE", text, 1)(run)


_short("hda", "disk image (raw or qcow2), block device or partition: first IDE channel, master")
_short("hdb", "first IDE channel, slave")
_short("hdc", "second IDE channel, master")
_short("hdd", "second IDE channel, slave")
_short("cdrom", "ISO image or CD drive: second IDE channel, master", media="cdrom")
_short("fda", "floppy image (160K to 3.8M): drive A")
_short("fdb", "floppy image: drive B")


@option("drive", "file=F[,..]", "if=ide|floppy|pflash|none, index= or bus=,unit=, media=disk|cdrom, format=raw|qcow2, readonly=, "
        "snapshot=, overlay=F, id=, serial=, cache=", 1)
def _drive(o: Options, value: str) -> None:
    args = keyvals(value, "", DRIVE_KEYS, "-drive")
    file = args.get("file", args.get("file.filename", ""))
    interface = args.get("if", "ide")
    bus, unit = (number(args[key], f"-drive {key}") if key in args else None for key in ("bus", "unit"))
    if "index" in args:
        if bus is not None or unit is not None:
            raise ConfigError("-drive: index= and bus=,unit= say the same thing; give one of them")
        index = number(args["index"], "-drive index")
        per_bus = UNITS.get(interface, 1)
        bus, unit = index // per_bus, index % per_bus
    media = args.get("media", "disk")
    driver = args.get("driver")
    o.drives.append(Disk(
        Path(file) if file else None, format=args.get("format", driver), interface=interface, media=media, bus=bus, unit=unit,
        readonly=any(on_off(args[key], f"-drive {key}") for key in ("readonly", "read-only") if key in args),
        snapshot=on_off(args.get("snapshot", "off"), "-drive snapshot"),
        overlay=Path(args["overlay"]) if "overlay" in args else None, id=args.get("id", ""), serial=args.get("serial", ""),
        cache=args.get("cache", "writeback"), lock=args.get("locking", args.get("file.locking", "auto")) != "off"))
    if interface == "none" and not args.get("id"):
        raise ConfigError("-drive if=none needs id=, the name -device gives as drive=")


@option("pflash", "FILE", "flash chip with a firmware in it, which the guest can write; as -drive if=pflash", 1)
def _pflash(o: Options, value: str) -> None:
    if not value:
        raise ConfigError("-pflash needs an image file")
    o.drives.append(Disk(Path(value), interface="pflash", format="raw"))


@option("snapshot", "", "write to no image: what the guest writes is thrown away at the end", 1)
def _snapshot(o: Options, value: str) -> None:
    o.machine["snapshot"] = True


@option("boot", "ORDER", "a floppy, c disk, d CD, n network: order=cd,once=d,menu=on,splash-time=MS,reboot-timeout=MS", 1)
def _boot(o: Options, value: str) -> None:
    args = keyvals(value, "order", ("order", "once", "menu", "splash", "splash-time", "reboot-timeout", "strict"), "-boot")
    if "splash" in args:
        raise ConfigError("-boot splash: the firmware shows no pictures; splash-time= alone sets how long its menu waits")
    times = {key: number(args[key], f"-boot {key}") for key in ("splash-time", "reboot-timeout") if key in args}
    menu = on_off(args.get("menu", "off"), "-boot menu")
    o.machine["boot"] = BootConfig(args.get("order", "cad"), args.get("once", ""), menu, times.get("splash-time"),
                                   times.get("reboot-timeout"), on_off(args.get("strict", "off"), "-boot strict"))


def _wire(name: str, keys: tuple[str, ...]) -> None:
    def run(o: Options, value: str) -> None:
        args = keyvals(value, "", keys, f"-device {name}") if value else {}
        o.wired.append({**args, "driver": name})
    DEVICES[name] = run


for _name in ("ide-hd", "ide-cd", "ide-drive"):
    _wire(_name, IDE_KEYS)
_wire("floppy", FLOPPY_KEYS)


def _connect(args: dict[str, str], disk: Disk) -> Disk:
    """`disk` as the drive that this -device describes."""
    name = args["driver"]
    what = f"-device {name}"
    bus: int | None = None
    if "bus" in args:
        controller, _, tail = args["bus"].partition(".")
        if controller != "ide" or not tail.isdecimal():
            raise ConfigError(f"{what}: there is no bus {args['bus']!r}; the IDE channels are ide.0 and ide.1")
        bus = number(tail, f"{what} bus")
    unit = number(args["unit"], f"{what} unit") if "unit" in args else None
    index = number(args["bootindex"], f"{what} bootindex") if "bootindex" in args else None
    media = "cdrom" if name == "ide-cd" or name == "ide-drive" and disk.media == "cdrom" else "disk"
    return replace(disk, interface="floppy" if name == "floppy" else "ide", media=media, bus=bus, unit=unit, bootindex=index,
                   serial=args.get("serial", disk.serial), id=disk.id or args.get("id", ""))


def connected(o: Options) -> tuple[Disk, ...]:
    """All drives of the command line; those with if=none where a -device puts them."""
    loose = {disk.id: disk for disk in o.drives if disk.interface == "none"}
    ids = [disk.id for disk in o.drives if disk.id]
    for name in ids:
        if ids.count(name) > 1:
            raise ConfigError(f"-drive: two drives have id={name}")
    out = [disk for disk in o.drives if disk.interface != "none"]
    for args in o.wired:
        name = args.get("drive", "")
        if not name:
            if args["driver"] not in ("ide-cd", "floppy"):
                raise ConfigError(f"-device {args['driver']} needs drive=, the id of a -drive if=none")
            empty = Disk(interface="none", media="cdrom" if args["driver"] == "ide-cd" else "disk")
            out.append(_connect(args, empty))
        elif name in loose:
            out.append(_connect(args, loose.pop(name)))
        elif name in ids:
            raise ConfigError(f"-device {args['driver']}: the drive {name!r} is connected already; its -drive needs if=none")
        else:
            raise ConfigError(f"-device {args['driver']}: there is no drive {name!r}" + suggest(name, ids))
    for name, disk in loose.items():
        o.notes.append(f"the drive {name!r} ({disk.path}) is connected to nothing: -device ide-hd,drive={name} would")
    return tuple(out)
