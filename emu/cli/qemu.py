"""emu-system-i386 and emu-system-x86_64: stand in for QEMU's programs of these names."""
from __future__ import annotations

import sys
from collections.abc import Sequence

from ..errors import ConfigError
from . import status
from .options import Leave, Options, parse
from .session import run_machine, say


def run_command(prog: str, argv: Sequence[str], defaults: dict[str, object], *, only32: bool = False) -> int:
    """Parse, run, and give the exit status."""
    options = Options(prog=prog, machine=dict(defaults), only32=only32)
    try:
        parse(argv, options)
    except Leave as text:
        print(text)
        return status.OK
    except ConfigError as error:
        say(prog, str(error))
        return status.USAGE
    return run_machine(options)


def main_i386(argv: Sequence[str] | None = None) -> int:
    """Entry point; processor and HPET default to QEMU's, and no processor has long mode."""
    return run_command("emu-system-i386", sys.argv[1:] if argv is None else argv, {"cpu": "qemu32", "hpet": True}, only32=True)


def main_x86_64(argv: Sequence[str] | None = None) -> int:
    """Entry point; processor and HPET default to QEMU's."""
    return run_command("emu-system-x86_64", sys.argv[1:] if argv is None else argv, {"cpu": "qemu64", "hpet": True})
