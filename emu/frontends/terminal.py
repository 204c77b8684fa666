"""The terminal of the person who started us: raw while the guest has it, as it was whatever happens.

Restored on close, at exit, and on SIGTERM, SIGHUP and SIGINT; after SIGCONT it becomes raw again.
"""
from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import termios
import threading
from types import FrameType
from typing import Any

_saved: dict[int, list[Any]] = {}
_raw: dict[int, bool] = {}


def is_terminal(fd: int) -> bool:
    """Is this descriptor a terminal?"""
    try:
        return os.isatty(fd)
    except OSError:
        return False


def restore() -> None:
    """Give every terminal back as it was."""
    for fd, mode in list(_saved.items()):
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(fd, termios.TCSADRAIN, mode)
        _saved.pop(fd, None)


def make_raw(fd: int, keep_signals: bool) -> None:
    """Characters one by one, no echo; output processing stays.  keep_signals: Ctrl-C still is for us."""
    if not _saved:
        atexit.register(restore)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) == signal.SIG_DFL:
                    signal.signal(number, _leave)
            signal.signal(signal.SIGCONT, _again)
    if fd not in _saved:
        _saved[fd] = termios.tcgetattr(fd)
    _raw[fd] = keep_signals
    mode = termios.tcgetattr(fd)
    mode[0] &= ~(termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP | termios.INLCR | termios.IGNCR
                 | termios.ICRNL | termios.IXON)
    mode[1] |= termios.OPOST
    mode[2] = mode[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    mode[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.IEXTEN)
    if not keep_signals:
        mode[3] &= ~termios.ISIG
    mode[6][termios.VMIN] = 1
    mode[6][termios.VTIME] = 0
    termios.tcsetattr(fd, termios.TCSANOW, mode)


def _leave(number: int, frame: FrameType | None) -> None:
    restore()
    sys.exit(128 + number)


def _again(number: int, frame: FrameType | None) -> None:
    for fd in list(_saved):
        with contextlib.suppress(termios.error, OSError):
            make_raw(fd, _raw[fd])
