"""QMP commands for drives and their media.  Spec: QEMU qapi/block.json, block-core.json.

A drive is named by its id (`device` or `id`): ide0-hd0, ide1-cd0, floppy0, or what -drive id= says.
"""
from __future__ import annotations

from typing import Any

from ..drives import Drive
from ..errors import EmuError
from ..machine import Machine
from .base import Json, QmpError, check, command

MODES = {"retain": None, "read-only": True, "read-write": False}


def find_drive(machine: Machine, device: str, ident: str = "") -> Drive:
    """The drive of that name; QmpError if there is none."""
    name = ident or device
    if not name:
        raise QmpError("Need exactly one of 'device' and 'id'")
    if name not in machine.drives:
        raise QmpError(f"Device '{name}' not found (there are: {', '.join(machine.drives)})", "DeviceNotFound")
    return machine.drives[name]


def _removable(drive: Drive) -> Drive:
    if not drive.removable:
        raise QmpError(f"Device '{drive.name}' is not removable")
    return drive


def image_info(drive: Drive) -> Json:
    """ImageInfo of what is in a drive."""
    opened = drive.opened
    assert opened is not None
    info: Json = {"filename": str(opened.disk.path), "format": opened.format, "virtual-size": opened.size, "dirty-flag": False}
    try:
        assert opened.disk.path is not None
        info["actual-size"] = opened.disk.path.stat().st_blocks * 512
    except OSError:
        pass
    return info


@command("query-block")
def query_block(machine: Machine, args: Json) -> list[Json]:
    check(args)
    return [machine.invoke(lambda d=drive: _describe(d)) for drive in machine.drives.values()]      # type: ignore[misc]


def _describe(drive: Drive) -> Json:
    out: Json = {"device": drive.name, "qdev": f"/machine/{drive.name}", "type": "unknown", "removable": drive.removable,
                 "locked": locked(drive)}
    if drive.kind == "cdrom":
        out["tray_open"] = tray_open(drive)
    if drive.opened is not None:
        opened = drive.opened
        out["io-status"] = "ok"
        out["inserted"] = {"file": str(opened.disk.path), "drv": opened.format, "ro": opened.readonly, "encrypted": False,
                           "bps": 0, "bps_rd": 0, "bps_wr": 0, "iops": 0, "iops_rd": 0, "iops_wr": 0,
                           "detect_zeroes": "off", "write_threshold": 0, "backing_file_depth": int(drive.disk.snapshot),
                           "cache": {"writeback": True, "direct": False, "no-flush": drive.disk.cache == "unsafe"},
                           "image": image_info(drive)}
    return out


def locked(drive: Drive) -> bool:
    """Has the guest locked the door?"""
    return bool(getattr(drive, "locked", False))


def tray_open(drive: Drive) -> bool:
    """Is the tray out?"""
    return bool(getattr(drive, "tray_open", False))


@command("query-blockstats")
def query_blockstats(machine: Machine, args: Json) -> list[Json]:
    check(args, **{"query-nodes": (bool, False)})
    out = []
    for drive in machine.drives.values():
        medium: Any = drive.medium
        names = {"rd_operations": "reads", "wr_operations": "writes", "rd_bytes": "bytes_read", "wr_bytes": "bytes_written",
                 "flush_operations": "flushes"}
        stats = {name: int(getattr(medium, field)) if medium is not None else 0 for name, field in names.items()}
        out.append({"device": drive.name, "qdev": f"/machine/{drive.name}", "stats": stats})
    return out


@command("eject")
def eject(machine: Machine, args: Json) -> Json:
    device, ident, force = check(args, device=(str, ""), id=(str, ""), force=(bool, False))
    drive = _removable(find_drive(machine, device, ident))
    if locked(drive) and not force:
        raise QmpError(f"Device '{drive.name}' is locked and force was not specified, wait for tray to open and try again")
    _do(drive.eject)
    tray_moved(machine, drive, True)
    return {}


@command("blockdev-change-medium")
def blockdev_change_medium(machine: Machine, args: Json) -> Json:
    device, ident, name, kind, force, mode = check(
        args, device=(str, ""), id=(str, ""), filename=str, format=(str, ""), force=(bool, False),
        **{"read-only-mode": (str, "retain")})
    drive = _removable(find_drive(machine, device, ident))
    if mode not in MODES:
        raise QmpError(f"Parameter 'read-only-mode' does not accept value '{mode}'")
    tray_moved(machine, drive, True)
    change(drive, name, kind, MODES[mode])
    tray_moved(machine, drive, False)
    return {}


def tray_moved(machine: Machine, drive: Drive, out: bool) -> None:
    """The event, for drives that have a tray."""
    if drive.kind == "cdrom":
        machine.announce("DEVICE_TRAY_MOVED", device=drive.name, id=f"/machine/{drive.name}", **{"tray-open": out})


def change(drive: Drive, name: str, kind: str = "", readonly: bool | None = None) -> None:
    """Put another image into a drive; `readonly` None keeps what it was."""
    options: Json = {"format": kind} if kind else {}
    if drive.kind != "cdrom":
        options["readonly"] = drive.disk.readonly if readonly is None else readonly
    _do(lambda: drive.insert(name, **options))


def _do(act: Any) -> None:
    try:
        act()
    except EmuError as error:
        raise QmpError(str(error)) from None
    except OSError as error:
        raise QmpError(f"{error.filename or ''}: {error.strerror}") from None


@command("query-named-block-nodes")
def query_named_block_nodes(machine: Machine, args: Json) -> list[Json]:
    check(args, flat=(bool, False))
    return [{"node-name": d.name, **_describe(d)["inserted"]} for d in machine.drives.values() if d.opened is not None]
