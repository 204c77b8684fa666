"""Debian's own i386 kernel with a busybox initramfs, unmodified, from power-on to power-off."""
from __future__ import annotations

import functools
import hashlib
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from guests import Guests, busybox_initramfs

import emu
from emu.images.cpio import File

ROOT = Path(__file__).resolve().parents[2]
PROMPT = "/ # "
BLAME = re.compile(r"(?i)(?<!report a )\b(bug|warning|oops|call trace|unable to handle|firmware bug|acpi error|broken|unexpected irq|"
                   r"spurious|lockup|tsc: fast .* failed|mp-bios bug|nobody cared)\b")
WORDS = b"alpha beta gamma delta epsilon zeta eta theta iota kappa".split()


@functools.cache
def big_file() -> bytes:
    """About 10 MB of lines, the same every time."""
    rng = random.Random(2026)
    return b"".join(b"%d %s %d\n" % (rng.randrange(10**6), rng.choice(WORDS), k) for k in range(480_000))


def command(vm: emu.Machine, line: str, timeout: float = 120) -> str:
    """Run a shell command in the guest; its output."""
    vm.serial.send(f"echo '<''<'; {line}; echo status=$?=\n")
    vm.serial.expect("<<", timeout=10)                # not in the echo of what was typed
    match = vm.serial.expect(re.compile(r"status=(\d+)="), timeout=timeout)
    text = match.before.replace("\r", "")
    assert match.groups == ("0",), f"{line}: {text}"
    vm.serial.expect(PROMPT, timeout=10)
    return text.strip()


@pytest.fixture(scope="module")
def linux(guests: Guests, tmp_path_factory: pytest.TempPathFactory) -> Iterator[emu.Machine]:
    """Booted to its shell, with a 10 MB file in /data."""
    archive = tmp_path_factory.mktemp("guest") / "initrd.gz"
    archive.write_bytes(busybox_initramfs(guests.busybox, {"data": File(big_file())}))
    with emu.Machine(memory="256M", kernel=guests.kernel, initrd=archive, append="console=ttyS0") as vm:
        vm.serial.expect(PROMPT, timeout=60)
        yield vm


def test_boots_without_a_word_against_the_machine(linux: emu.Machine) -> None:
    log = command(linux, "dmesg")
    blamed = [line for line in log.splitlines() if BLAME.search(line)]
    assert not blamed, "\n".join(blamed)
    assert len(re.findall(r"ttyS[0-3] at I/O .* is a 16550A", log)) == 4
    assert "rtc_cmos" in log
    assert "ACPI: RSDP" in log


def test_processor_and_clock(linux: emu.Machine) -> None:
    flags = command(linux, "grep -m1 flags /proc/cpuinfo").split()
    assert {"fpu", "tsc", "pae", "cx8", "apic", "sep", "pge", "cmov", "mmx", "fxsr", "sse", "sse2"} <= set(flags)
    assert command(linux, "date -u +%Y-%m-%d") == "2026-01-01"
    before = linux.now_ns
    command(linux, "sleep 5")
    assert 5.0 <= (linux.now_ns - before) / 1e9 < 5.5


@pytest.mark.parametrize(("line", "answer"), [
    ("sha256sum /data | cut -c1-64", lambda d: hashlib.sha256(d).hexdigest()),
    ("gzip -c /data | gunzip -c | md5sum | cut -c1-32", lambda d: hashlib.md5(d).hexdigest()),
    ("sort -n /data | sha256sum | cut -c1-64", lambda d: hashlib.sha256(b"".join(sorted(
        d.splitlines(True), key=lambda row: (int(row.split()[0]), row)))).hexdigest()),
    ("awk '{s[$2]+=$1} END {for (k in s) print k, s[k]}' /data | sort | md5sum | cut -c1-32", lambda d: hashlib.md5(b"".join(
        b"%s %d\n" % (w, sum(int(r.split()[0]) for r in d.splitlines() if r.split()[1] == w)) for w in sorted(WORDS))).hexdigest()),
], ids=["sha256sum", "gzip", "sort", "awk"])
def test_tools_agree_with_the_host(linux: emu.Machine, line: str, answer) -> None:    # type: ignore[no-untyped-def]
    assert command(linux, line, timeout=300) == answer(big_file())


def test_500_processes(linux: emu.Machine) -> None:
    assert command(linux, "i=0; while [ $i -lt 500 ]; do /bin/busybox true || break; i=$((i+1)); done; echo $i") == "500"


def test_long_input_arrives_whole(linux: emu.Machine) -> None:
    text = "".join(f"line {k} of a long text that is typed faster than anybody could\n" for k in range(500))
    linux.serial.send("cat > /tmp/typed\n")
    linux.run(seconds=0.5)
    linux.serial.send(text + "\x04")
    linux.serial.expect(PROMPT, timeout=60)
    assert command(linux, "sha256sum /tmp/typed | cut -c1-64") == hashlib.sha256(text.encode()).hexdigest()


def test_power_button_and_power_off(guests: Guests, initrd: Path) -> None:
    with emu.Machine(memory="256M", kernel=guests.kernel, initrd=initrd, append="console=ttyS0 quiet") as vm:
        vm.serial.expect(PROMPT, timeout=60)
        vm.serial.send("poweroff -f\n")
        assert vm.run(seconds=30).reason == "poweroff"


def test_run_hash_is_the_same_with_both_mmu_modes_and_under_load(guests: Guests, initrd: Path) -> None:
    def boot(mmu: str) -> str:
        with emu.Machine(memory="256M", kernel=guests.kernel, initrd=initrd, append="console=ttyS0 quiet", mmu=mmu) as vm:
            vm.serial.expect(PROMPT, timeout=60)
            vm.serial.send("uname -a\n")
            vm.serial.expect("GNU/Linux", timeout=5)
            return vm.run_hash()
    load = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        tlb = boot("tlb")
    finally:
        load.kill()
    assert boot("shadow") == tlb


def test_command_line_boots_and_powers_off(guests: Guests, tmp_path: Path) -> None:
    archive = tmp_path / "initrd.gz"
    archive.write_bytes(busybox_initramfs(guests.busybox, init="#!/bin/sh\necho hello from init\npoweroff -f\n"))
    done = subprocess.run([sys.executable, "-m", "emu", "run", "-m", "256", "-kernel", str(guests.kernel), "-initrd", str(archive),
                           "-append", "console=ttyS0", "-nographic", "--timeout", "60"],
                          cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, timeout=300,
                          env={**os.environ, "PYTHONWARNINGS": "ignore"})
    assert b"hello from init" in done.stdout, done.stderr
    assert done.returncode == 0
