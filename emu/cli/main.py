"""`emu`: run, demo, info."""
from __future__ import annotations

import sys
from collections.abc import Sequence

from .. import __version__
from ..boards import Board
from ..errors import ConfigError, EmuError, ImageError, suggest
from ..frontends.window import why_not
from ..roms import rom_path
from . import status
from .help import OVERVIEW
from .options import Leave, Options, parse
from .qemu import run_command
from .session import say

COMMANDS = ("run", "demo", "info", "help")


def demo(argv: Sequence[str]) -> int:
    """Boot the demo guest in a window, or on this terminal where there is no screen; further options as for run."""
    try:
        kernel = rom_path("demo.elf")
    except ImageError as error:
        say("emu demo", str(error))
        return status.IMAGE
    given = {word.lstrip("-") for word in argv if word.startswith("-")}
    own = ["-nographic"] if not given & {"display", "serial", "nographic"} and why_not() else []
    return run_command("emu demo", ["-kernel", str(kernel), "-m", "32", *own, *argv], {})


def info(argv: Sequence[str]) -> int:
    """Print what the machine is made of."""
    options = Options(prog="emu info")
    try:
        parse(argv, options)
        if not {"kernel", "firmware"} & options.machine.keys() and not options.loaders:
            options.machine["kernel"] = rom_path("demo.elf")
        options.serials = options.serials or [*()]
        options.display = "none"
        print(Board(options.config()).describe())
    except Leave as text:
        print(text)
    except ConfigError as error:
        say("emu info", str(error))
        return status.USAGE
    except ImageError as error:
        say("emu info", str(error))
        return status.IMAGE
    except EmuError as error:
        say("emu info", str(error))
        return status.USAGE
    return status.OK


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    command = words.pop(0) if words else "help"
    if command == "run":
        return run_command("emu run", words, {})
    if command == "demo":
        return demo(words)
    if command == "info":
        return info(words)
    if command in ("help", "-h", "-help", "--help"):
        print(OVERVIEW + "\n" + status.help_text())
        return status.OK
    if command in ("-version", "--version", "-V"):
        print(f"emu {__version__}")
        return status.OK
    hint = suggest(command, COMMANDS)
    if command.startswith("-"):
        hint = f"; options follow a command: emu run {command} ..."
    say("emu", f"unknown command {command!r}{hint}")
    return status.USAGE
