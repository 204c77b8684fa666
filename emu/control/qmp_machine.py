"""QMP commands about the machine as a whole: state, run control, memory.  Spec: QEMU qapi/{misc,run-state,machine}.json."""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import __version__
from ..cpu import parse_cpu
from ..machine import Machine
from .base import COMMANDS, Json, QmpError, check, command

CHUNK = 1 << 20
EVENTS = ("POWERDOWN", "RESET", "RESUME", "SHUTDOWN", "STOP", "DEVICE_TRAY_MOVED")


def version() -> Json:
    """query-version's answer, also part of the greeting."""
    major, minor, micro = (int(n) for n in __version__.split(".")[:3])
    return {"qemu": {"major": major, "minor": minor, "micro": micro}, "package": f"emu {__version__}"}


def is_64bit(machine: Machine) -> bool:
    """Does the processor have long mode?"""
    return "lm" in parse_cpu(machine.config.cpu).features


@command("query-status")
def query_status(machine: Machine, args: Json) -> Json:
    check(args)
    status = machine.status
    return {"status": status, "running": status == "running"}


@command("query-version")
def query_version(machine: Machine, args: Json) -> Json:
    check(args)
    return version()


@command("query-name")
def query_name(machine: Machine, args: Json) -> Json:
    check(args)
    return {"name": machine.config.name}


@command("query-kvm")
def query_kvm(machine: Machine, args: Json) -> Json:
    check(args)
    return {"enabled": False, "present": False}


@command("query-commands")
def query_commands(machine: Machine, args: Json) -> list[Json]:
    check(args)
    return [{"name": name} for name in sorted(("qmp_capabilities", *COMMANDS))]


@command("query-events")
def query_events(machine: Machine, args: Json) -> list[Json]:
    check(args)
    return [{"name": name} for name in EVENTS]


@command("query-target")
def query_target(machine: Machine, args: Json) -> Json:
    check(args)
    return {"arch": "x86_64" if is_64bit(machine) else "i386"}


@command("query-uuid")
def query_uuid(machine: Machine, args: Json) -> Json:
    check(args)
    return {"UUID": str(machine.config.uuid)}


@command("query-cpus-fast")
def query_cpus_fast(machine: Machine, args: Json) -> list[Json]:
    check(args)
    return [{"cpu-index": 0, "qom-path": "/machine/unattached/device[0]", "thread-id": os.getpid(),
             "target": "x86_64" if is_64bit(machine) else "i386", "props": {"core-id": 0, "thread-id": 0, "socket-id": 0}}]


@command("query-memory-size-summary")
def query_memory_size_summary(machine: Machine, args: Json) -> Json:
    check(args)
    return {"base-memory": machine.config.memory_bytes, "plugged-memory": 0}


@command("query-iothreads")
def query_iothreads(machine: Machine, args: Json) -> list[Json]:
    check(args)
    return []


@command("stop")
def stop(machine: Machine, args: Json) -> Json:
    check(args)
    machine.pause()
    return {}


@command("cont")
def cont(machine: Machine, args: Json) -> Json:
    check(args)
    if machine.ended:
        raise QmpError("Resetting the Virtual Machine is required")
    machine.resume()
    return {}


@command("quit")
def quit_machine(machine: Machine, args: Json) -> Json:
    check(args)
    machine.quit()
    return {}


@command("system_reset")
def system_reset(machine: Machine, args: Json) -> Json:
    check(args)
    machine.reset()
    return {}


@command("system_powerdown")
def system_powerdown(machine: Machine, args: Json) -> Json:
    check(args)
    machine.powerdown()
    return {}


@command("inject-nmi")
def inject_nmi(machine: Machine, args: Json) -> Json:
    check(args)
    machine.nmi()
    return {}


@command("pmemsave")
def pmemsave(machine: Machine, args: Json) -> Json:
    start, size, name = check(args, val=int, size=int, filename=str)
    save_memory(machine, name, start, size, machine.read_phys)
    return {}


@command("memsave")
def memsave(machine: Machine, args: Json) -> Json:
    start, size, name, cpu = check(args, val=int, size=int, filename=str, **{"cpu-index": (int, 0)})
    if cpu:
        raise QmpError("Invalid parameter 'cpu-index'")
    save_memory(machine, name, start, size, machine.read_virt)
    return {}


def save_memory(machine: Machine, name: str, start: int, size: int, read: Callable[[int, int], Any]) -> None:
    """Memory into a file, as of one instant."""
    if start < 0 or size < 0:
        raise QmpError("Invalid parameter: negative address or size")

    def act() -> None:
        with Path(name).open("wb") as out:
            for at in range(start, start + size, CHUNK):
                out.write(read(at, min(CHUNK, start + size - at)))
    try:
        machine.invoke(act)
    except OSError as error:
        raise QmpError(f"Could not open '{name}': {error.strerror}") from None
    except LookupError as error:
        raise QmpError(f"Invalid addr {start:#018x}/size {size} specified: {error}") from None
