"""A person at a terminal: keys reach the guest, Ctrl-A leaves, the terminal is as it was before."""
from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from process import EMU, ENV


class Terminal:
    """`emu ARGS` on a pseudo-terminal."""

    def __init__(self, *argv: str) -> None:
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen([*EMU, *argv], stdin=self.slave, stdout=self.slave, stderr=self.slave, env=ENV,
                                        start_new_session=True)
        self.text = ""

    def wait_for(self, words: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while words not in self.text:
            left = end - time.monotonic()
            assert left > 0, self.text
            if select.select([self.master], [], [], left)[0]:
                self.text += os.read(self.master, 65536).decode(errors="replace")

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def leave(self) -> int:
        status = self.process.wait(20)
        assert termios.tcgetattr(self.slave) == self.before
        return status


@pytest.fixture
def demo() -> Iterator[Terminal]:
    terminal = Terminal("demo")
    try:
        terminal.wait_for("type help")
        yield terminal
    finally:
        terminal.close()


def test_typing_and_power_off(demo: Terminal) -> None:
    demo.type(b"mem\n")
    demo.wait_for("pool pages in use")
    demo.type(b"poweroff\n")
    assert demo.leave() == 0


def test_ctrl_a_x_leaves(demo: Terminal) -> None:
    demo.type(b"\x01h")
    demo.wait_for("leave the emulator")
    demo.type(b"\x01x")
    assert demo.leave() == 0


def test_ctrl_c_goes_to_the_guest(demo: Terminal) -> None:
    demo.type(b"\x03")
    demo.type(b"ps\n")
    demo.wait_for("pid ring")
    demo.type(b"\x01x")
    assert demo.leave() == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_signals_restore_the_terminal(demo: Terminal, number: signal.Signals, status: int) -> None:
    assert termios.tcgetattr(demo.slave) != demo.before
    demo.process.send_signal(number)
    assert demo.leave() == status


def test_idle_guest_costs_no_time(tmp_path: Path) -> None:
    kernel = tmp_path / "idle"
    kernel.write_bytes(bytes.fromhex("66baf803" "b03e" "ee" "fb" "f4" "ebfd"))      # write ">" to COM1; sti; hlt for ever
    terminal = Terminal("run", "-m", "4", "-kernel", str(kernel), "--raw", "0x100000", "-nographic")

    def cpu_seconds() -> float:
        fields = Path(f"/proc/{terminal.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    try:
        terminal.wait_for(">")
        before = cpu_seconds()
        assert not select.select([terminal.master], [], [], 1.0)[0]
        assert cpu_seconds() - before < 0.2
        terminal.type(b"\x01x")
        assert terminal.leave() == 0
    finally:
        terminal.close()
