"""Random accesses to every device through its board; the long run is fuzz_doors.py, see README.md."""

from __future__ import annotations

import random
from pathlib import Path

import fuzz_doors
import pytest
from fuzz_doors import Fuzz
from fuzz_scripts import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_random_accesses(tmp_path: Path, target: str) -> None:
    fuzz_doors.run(target, 20_000, 7, tmp_path).close()


@pytest.mark.parametrize("target", TARGETS)
def test_a_board_restored_from_its_state_goes_on_alike(tmp_path: Path, target: str) -> None:
    """Processor, devices and memory of one machine put into another of the same make; both take the same blows."""
    one = Fuzz(target, 3, tmp_path)
    for _ in range(6):
        one.turn(1500)
    one.settle()
    two = Fuzz(target, 3, one.copy_media(tmp_path / "twin"))
    two.become(one)
    assert two.vm.run_hash() == one.vm.run_hash()
    for fuzz in (one, two):
        fuzz.calm.seed, fuzz.rnd = 99, random.Random(5)
        fuzz.calm.run(3000)
        fuzz.vm.run(seconds=0.01, instructions=500)
    different = [name for name, device in one.vm.board.devices.items() if device.save() != two.vm.board.devices[name].save()]
    assert not different
    assert one.vm.run_hash() == two.vm.run_hash()
    one.close()
    two.close()
