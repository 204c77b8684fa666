"""What the parts of the control server share: the table of commands, their arguments, their errors.

A command is a function of the machine and its arguments, registered under the name it has on the wire:

    @command("query-kvm")
    def query_kvm(machine: Machine, args: Json) -> Json: ...
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ..machine import Machine

Json = dict[str, Any]
Command = Callable[[Machine, Json], Any]
COMMANDS: dict[str, Command] = {}


class QmpError(Exception):
    """An error answer."""

    def __init__(self, text: str, kind: str = "GenericError") -> None:
        super().__init__(text)
        self.kind = kind


def command(name: str) -> Callable[[Command], Command]:
    """Register the function below as the QMP command `name`."""
    def register(function: Command) -> Command:
        COMMANDS[name] = function
        return function
    return register


def check(args: Json, **types: type | tuple[type, Any]) -> list[Any]:
    """Arguments by name and type; (type, default) marks an optional one."""
    for name in args:
        if name not in types:
            raise QmpError(f"Parameter '{name}' is unexpected")
    out: list[Any] = []
    for name, kind in types.items():
        wanted, optional = (kind[0], True) if isinstance(kind, tuple) else (kind, False)
        if name not in args:
            if not optional:
                raise QmpError(f"Parameter '{name}' is missing")
            out.append(cast("tuple[type, Any]", kind)[1])
        elif not isinstance(args[name], wanted) or isinstance(args[name], bool) != (wanted is bool):
            raise QmpError(f"Invalid parameter type for '{name}', expected: {wanted.__name__}")
        else:
            out.append(args[name])
    return out


def screen_image(machine: Machine) -> npt.NDArray[np.uint8]:
    """The picture on the guest's screen; QmpError if it has none."""
    if not machine.screen.present:
        raise QmpError("There is no console to take a screendump from: the machine has no graphics card (-vga std)")
    return machine.screen.image()
