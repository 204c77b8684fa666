"""The same image and the same inputs are the same run: hashes over processor, RAM and devices.

EMU_RUNS=N    repetitions of the Linux boot (default 2; the issue's figure of 20 is `EMU_RUNS=20`)
EMU_LOAD=1    keep the other processor busy meanwhile
"""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import emu

ROMS = Path(__file__).resolve().parents[2] / "roms"
RUNS = int(os.environ.get("EMU_RUNS", "2"))


@pytest.fixture
def load() -> Iterator[None]:
    """A busy process beside the test, if asked for."""
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if os.environ.get("EMU_LOAD") else None
    yield
    if burner is not None:
        burner.kill()
        burner.wait()


def demo_hash(mmu: str = "tlb") -> str:
    with emu.Machine(memory="16M", kernel=ROMS / "demo.elf", mmu=mmu) as vm:
        vm.serial.expect("> ", timeout=5)
        vm.serial.send("ps\nfault\nmem\n")
        vm.serial.expect("killed", timeout=5)
        vm.run(0.5)
        return vm.run_hash()


def linux_hash(kernel: Path, initrd: Path, mmu: str) -> str:
    with emu.Machine(memory="128M", kernel=kernel, initrd=initrd, append="console=ttyS0", mmu=mmu) as vm:
        vm.serial.expect("/ # ", timeout=120)
        vm.serial.send("uname -a; cat /proc/interrupts; ls -l /bin | md5sum\n")
        vm.serial.expect("  -\r\n", timeout=30)
        vm.serial.expect("/ # ", timeout=30)
        return vm.run_hash()


def test_demo_guest(load):
    assert len({demo_hash() for _ in range(5)}) == 1


def test_demo_guest_in_both_mmu_modes():
    assert demo_hash("tlb") == demo_hash("shadow")


def test_demo_guests_on_threads_do_not_touch_each_other():
    with ThreadPoolExecutor(4) as pool:
        hashes = set(pool.map(lambda _: demo_hash(), range(8)))
    assert hashes == {demo_hash()}


def test_linux(guests, initrd, load):
    modes = ["tlb", "shadow"] + [("tlb", "shadow")[k % 2] for k in range(RUNS - 2)]
    assert len({linux_hash(guests.kernel, initrd, mmu) for mmu in modes}) == 1
