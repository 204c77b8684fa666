"""Exit statuses.  Ours are even, because isa-debug-exit gives the odd ones: (value << 1) | 1."""
from __future__ import annotations

from ..machine import Stop

OK = 0
USAGE = 64
IMAGE = 66
TRIPLE_FAULT = 70
HANG = 72
OUTPUT = 74
TIMEOUT = 76
INTERRUPTED = 130
TERMINATED = 143

TABLE = (
    (OK, "the guest powered off, reset with -no-reboot, or you left with Ctrl-A X"),
    ("odd", "the guest wrote v to isa-debug-exit: (v << 1) | 1"),
    (USAGE, "the command line or the machine it asks for is wrong"),
    (IMAGE, "a kernel, initrd or firmware is missing, cut off, too big or of an unknown kind"),
    (TRIPLE_FAULT, "triple fault; a report is on stderr"),
    (HANG, "the guest halted and nothing can wake it; a report is on stderr"),
    (OUTPUT, "standard output or a file could not be written"),
    (TIMEOUT, "--timeout ran out of virtual seconds"),
    (INTERRUPTED, "Ctrl-C"),
    (TERMINATED, "SIGTERM"),
)


def of_stop(stop: Stop) -> int:
    """The exit status for the reason a run ended."""
    if stop.reason == "exit":
        return stop.code & 0xFF
    return {"triple-fault": TRIPLE_FAULT, "hang": HANG, "budget": TIMEOUT}.get(stop.reason, OK)


def help_text() -> str:
    """For --help."""
    return "Exit status:\n" + "\n".join(f"  {code!s:>4}  {text}" for code, text in TABLE)
