"""-display curses: the text screen and the keys of a terminal, on a pseudo-terminal."""
from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator

import pytest
from process import EMU, ENV

from emu.roms import rom_path


class Terminal:
    """`emu run -display curses` of the demo guest, 80 x 25."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 80, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen([*EMU, "run", "-kernel", str(rom_path("demo.elf")), "-m", "32", "-display", "curses"],
                                        stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True,
                                        env={**ENV, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"})
        self.text = ""

    def until(self, words: str, seconds: float = 60) -> None:
        """Wait for words among what is drawn; escape sequences are taken out."""
        end = time.monotonic() + seconds
        while words not in (plain := re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z]|[()][A-Z0-9]|[=>78])", "", self.text)):
            assert time.monotonic() < end, plain
            if select.select([self.master], [], [], 0.5)[0]:
                self.text += os.read(self.master, 65536).decode("utf-8", "replace")
        self.text = ""

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def leave(self) -> int:
        end = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < end:
            if select.select([self.master], [], [], 0.2)[0]:
                os.read(self.master, 65536)
        return self.process.wait(1)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def demo() -> Iterator[Terminal]:
    terminal = Terminal()
    terminal.until("type help")
    yield terminal
    terminal.close()


def test_typing_and_power_off(demo: Terminal) -> None:
    demo.type(b"Mem!\x7f\r")
    demo.until("no such command")
    demo.type(b"poweroff\r")
    assert demo.leave() == 0
    assert termios.tcgetattr(demo.slave) == demo.before


def test_keys_without_a_character_harm_nothing(demo: Terminal) -> None:
    demo.type(b"\x1bOP\x1b[A\x1bx\x1b[15~")         # F1, up, Alt-x, F5
    time.sleep(0.5)
    demo.type(b"\x15")
    demo.type(b"\x01h")
    demo.until("Ctrl-A X leaves")
    demo.type(b"\x01p")
    demo.until("paused")
    demo.type(b"\x01p")
    demo.until("running")
    demo.type(b"\x01x")
    assert demo.leave() == 0
    assert termios.tcgetattr(demo.slave) == demo.before


def test_it_needs_a_terminal() -> None:
    done = subprocess.run([*EMU, "run", "-kernel", str(rom_path("demo.elf")), "-display", "curses"], env=ENV, input="",
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 64 and "-display curses needs a terminal" in done.stderr
