"""Random code from random states; the long run is fuzz_modes.py under the debug build, see README.md of tests/devices."""

from __future__ import annotations

import pytest
from fuzz_modes import run
from guest import differences


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_the_host_lives_and_runs_are_alike(seed: int) -> None:
    assert differences(run(seed, 4000), run(seed, 4000, cut=37)) == []
