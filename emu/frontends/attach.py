"""The human monitor on the terminal or on a socket, and behind Ctrl-A C of a terminal shared with a serial port."""
from __future__ import annotations

from collections.abc import Callable

from ..config import SerialConfig
from ..control.monitor import Console
from ..machine import Machine
from .chardev import Chardev, StdioChardev, open_chardev


def open_monitor(machine: Machine, cfg: SerialConfig) -> Callable[[], None]:
    """Serve a monitor on a character device; call the result to end it."""
    device: Chardev | None = None

    def write(data: bytes) -> None:
        if device is not None:
            device.write(data)

    console = Console(machine, write)
    device = open_chardev(cfg, console.feed, machine.quit, console.banner)
    if cfg.kind in ("stdio", "mon:stdio"):
        console.banner()
    device.start()
    return device.close


def share_terminal(machine: Machine) -> None:
    """Ctrl-A C of a terminal that is a serial port (mon:stdio) switches between guest and monitor."""
    for device in machine.outputs:
        if isinstance(device, StdioChardev) and device.mux:
            console = Console(machine, device.write)
            device.monitor = console.feed
            device.monitor_shown = console.prompt
