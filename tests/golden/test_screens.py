"""What small programs put on the screen: against goldens (--bless writes them), and against QEMU's screendump."""
from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from screenprog import HERE, Image, assemble, on_emu, on_qemu, read_png
from screens.programs import NOT_LIKE_QEMU, PROGRAMS

from emu.screen import png

needs_nasm = pytest.mark.skipif(shutil.which("nasm") is None, reason="nasm is not here")
needs_qemu = pytest.mark.skipif(shutil.which("qemu-system-i386") is None, reason="QEMU is not here")
pytestmark = needs_nasm


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image]:
    """Pictures already made."""
    return {}


def picture(name: str, ours: dict[str, Image], folder: Path) -> Image:
    if name not in ours:
        ours[name] = on_emu(assemble(PROGRAMS[name], folder))
    return ours[name]


@pytest.mark.parametrize("name", PROGRAMS)
def test_golden(name: str, ours: dict[str, Image], tmp_path: Path, bless: bool) -> None:
    image, golden = picture(name, ours, tmp_path), HERE / f"{name}.png"
    if bless:
        golden.write_bytes(png(image))
    assert golden.exists(), "no golden yet: --bless"
    want = read_png(golden.read_bytes())
    assert image.shape == want.shape
    wrong = np.argwhere((image != want).any(axis=2))
    assert not len(wrong), f"{len(wrong)} pixels differ, the first (y, x) are {wrong[:4].tolist()}"


@needs_qemu
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.xfail(strict=True, reason=NOT_LIKE_QEMU[n]))
                                  if n in NOT_LIKE_QEMU else n for n in PROGRAMS])
def test_like_qemu(name: str, ours: dict[str, Image], tmp_path: Path) -> None:
    """Up to how fewer bits of a colour become 8: we repeat the first ones, QEMU the last one (DAC) or none (15 bits a pixel)."""
    image = picture(name, ours, tmp_path).astype(int)
    qemu = on_qemu(assemble(PROGRAMS[name], tmp_path), tmp_path).astype(int)
    assert image.shape == qemu.shape
    wrong = np.argwhere((abs(image - qemu) > (7 if name == "vbe-15" else 3)).any(axis=2))
    assert not len(wrong), f"{len(wrong)} pixels differ, the first (y, x) are {wrong[:4].tolist()}"
