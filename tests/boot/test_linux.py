"""Debian's own i386 kernel, unmodified, as a person starts it: from the command line, and typed at."""
from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from guests import Guests, busybox_initramfs
from process import EMU, ENV

import emu

PROMPT = "/ # "


@pytest.fixture(scope="module")
def linux(guests: Guests, initrd: Path) -> Iterator[emu.Machine]:
    """Booted to its shell."""
    with emu.Machine(memory="256M", kernel=guests.kernel, initrd=initrd, append="console=ttyS0 quiet") as vm:
        vm.serial.expect(PROMPT, timeout=60)
        yield vm


def test_date_is_the_configured_one(linux: emu.Machine) -> None:
    linux.serial.send("date -u +%Y-%m-%d\n")
    linux.serial.expect("2026-01-01", timeout=5)
    linux.serial.expect(PROMPT, timeout=5)


def test_sleep_takes_virtual_time(linux: emu.Machine) -> None:
    before = linux.now_ns
    linux.serial.send("sleep 100\n")
    linux.serial.expect(PROMPT, timeout=200)
    assert 100.0 <= (linux.now_ns - before) / 1e9 < 100.5


def test_long_input_arrives_whole(linux: emu.Machine) -> None:
    text = "".join(f"line {k} of a long text that is typed faster than anybody could\n" for k in range(500))
    linux.serial.send("cat > /tmp/typed\n")
    linux.run(seconds=0.5)
    linux.serial.send(text + "\x04")
    linux.serial.expect(PROMPT, timeout=60)
    linux.serial.send("sha256sum /tmp/typed\n")
    linux.serial.expect(hashlib.sha256(text.encode()).hexdigest(), timeout=10)
    linux.serial.expect(PROMPT, timeout=5)


def test_a_person_watching_gets_wall_time(linux: emu.Machine) -> None:
    linux.pace()
    wall, cpu = time.monotonic(), time.process_time()
    linux.serial.send("sleep 3\n")
    linux.serial.expect(PROMPT, timeout=10)
    assert 2.8 < time.monotonic() - wall < 6
    assert time.process_time() - cpu < 1.5


@pytest.mark.parametrize("argv", [("run",), ("run", "-accel", "interp,mmu=shadow", "-cpu", "pentium3")], ids=["tlb", "shadow"])
def test_command_line_boots_and_powers_off(guests: Guests, tmp_path: Path, argv: tuple[str, ...]) -> None:
    archive = tmp_path / "initrd.gz"
    archive.write_bytes(busybox_initramfs(guests.busybox, init="#!/bin/sh\necho hello from init\npoweroff -f\n"))
    command = [*EMU, *argv, "-m", "256", "-kernel", str(guests.kernel), "-initrd", str(archive),
               "-append", "console=ttyS0 quiet", "-nographic", "--timeout", "60"]
    done = subprocess.run(command, env=ENV, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    assert b"hello from init" in done.stdout, done.stderr
    assert done.returncode == 0
