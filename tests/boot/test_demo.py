"""The demo guest: the smallest whole system."""
from __future__ import annotations

from pathlib import Path

import pytest

import emu

DEMO = Path(__file__).resolve().parents[2] / "roms" / "demo.elf"


@pytest.fixture
def vm() -> emu.Machine:
    machine = emu.Machine(memory="32M", kernel=DEMO)
    machine.serial.expect("type help")
    return machine


@pytest.mark.parametrize(("command", "answer"), [
    ("help", "switch it off"), ("mem", "32760 KiB of memory"), ("ps", "collatz"), ("cpu", "family 6"),
    ("fault", "exception 14, error 6"), ("xyzzy", "no such command"),
])
def test_commands(vm: emu.Machine, command: str, answer: str) -> None:
    vm.serial.send(command + "\n")
    vm.serial.expect(answer, timeout=1)


def test_tasks_share_the_processor(vm: emu.Machine) -> None:
    vm.run(seconds=1)
    vm.serial.send("ps\n")
    text = vm.serial.expect("switches", timeout=1).before
    ticks = {line.split()[2]: int(line.split()[3]) for line in text.splitlines() if "prime" in line or "collatz" in line}
    assert min(ticks.values()) > 20


def test_power_off(vm: emu.Machine) -> None:
    vm.serial.send("poweroff\n")
    assert vm.run(seconds=1).reason == "poweroff"


def test_reboot_and_reset_button(vm: emu.Machine) -> None:
    vm.serial.send("reboot\n")
    vm.serial.expect("type help", timeout=1)
    vm.reset()
    vm.serial.expect("type help", timeout=1)


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
def test_run_hash_is_the_same_every_time_and_in_both_mmu_modes(mmu: str) -> None:
    def run(mode: str, pieces: int) -> str:
        machine = emu.Machine(memory="32M", kernel=DEMO, mmu=mode)
        machine.serial.expect("type help")
        machine.serial.send("fault\n")
        for _ in range(pieces):
            machine.run(instructions=12_000_000 // pieces)
        return machine.run_hash()
    assert run(mmu, 1) == run("tlb", 7500 // 2)
