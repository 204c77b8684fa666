"""emu-system-i386: stands in for qemu-system-i386."""
from __future__ import annotations

import sys
from collections.abc import Sequence

from ..errors import ConfigError
from . import status
from .options import Leave, Options, parse
from .session import run_machine, say


def run_command(prog: str, argv: Sequence[str], defaults: dict[str, object]) -> int:
    """Parse, run, and give the exit status."""
    options = Options(prog=prog, machine=dict(defaults))
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
    """Entry point; the processor defaults to QEMU's."""
    return run_command("emu-system-i386", sys.argv[1:] if argv is None else argv, {"cpu": "qemu32"})
