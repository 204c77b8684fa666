"""The one tree of errors, each with evidence of what the guest was doing.

Guest misbehaviour alone never raises: it is a fault, open bus or a logged guest error.  What raises is
a wrong configuration, an unusable image, and a wait (`expect`) that cannot come true any more.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

__all__ = ["BoardError", "ConfigError", "EmuError", "GuestCrash", "GuestStopped", "GuestTimeout", "ImageError", "StateError"]


class EmuError(Exception):
    """Base of all errors of the package.

    `serial`: the last lines the guest wrote; `regs`: registers by name; `report`: a longer text.
    """

    def __init__(self, message: str, *, serial: str = "", regs: Mapping[str, int] | None = None, report: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.serial = serial
        self.regs: dict[str, int] = dict(regs or {})
        self.report = report

    def __str__(self) -> str:
        parts = [self.message]
        if self.report:
            parts.append(self.report)
        elif self.serial:
            parts.append("last serial output:\n" + "\n".join("  | " + line for line in self.serial.splitlines()))
        return "\n".join(parts)


class ConfigError(EmuError):
    """A machine that cannot be built as asked: unknown name, impossible value, contradiction."""


class BoardError(EmuError):
    """Two devices claim the same port or address, or a line ends nowhere."""


class ImageError(EmuError):
    """A kernel, initrd or firmware file that is missing, cut off, too big or of another kind."""


class StateError(EmuError):
    """Saved state that does not fit this machine."""


class GuestTimeout(EmuError):
    """A wait ran out of virtual time."""


class GuestStopped(EmuError):
    """The guest powered off or exited while something was still expected of it."""


class GuestCrash(EmuError):
    """Triple fault or hang; `report` is the autopsy."""


def suggest(word: str, known: Iterable[str]) -> str:
    """A tail for a message about an unknown word: the nearest known one, or all of them when there are few."""
    names = list(known)
    near = get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    if 0 < len(names) <= 24:
        return "; known: " + ", ".join(names)
    return ""
