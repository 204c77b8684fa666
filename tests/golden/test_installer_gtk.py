"""debian-installer for i386 with GTK on X comes up to its choice of languages.

Debian's kernels are built without CONFIG_LOGO: the penguin is in boot/test_linux_penguin.py.
"""
from __future__ import annotations

import numpy as np
from guests import Guests
from screenprog import HERE, read_png

import emu
from emu.screen import png

GOLDEN = HERE / "installer-gtk.png"
CHOSEN = (41, 134, 126)         # the row under the cursor, in the middle of its shade


def row(vm: emu.Machine) -> int:
    """Where the chosen row is, in lines from the top; -1 where none is."""
    lines = np.flatnonzero((abs(vm.screen.image().astype(int) - CHOSEN).max(axis=2) < 12).mean(axis=1) > 0.5)
    return int(lines.mean()) if len(lines) else -1


def test_graphical_installer_asks_for_the_language(guests: Guests, bless: bool) -> None:
    """bochs-drm, X and GTK: the picture, up to what another point release of Debian may change; the keyboard moves the choice."""
    folder = guests.installer("gtk")
    with emu.Machine(memory="1G", kernel=folder / "linux", initrd=folder / "initrd.gz", append="vga=788 --- quiet") as vm:
        for _ in range(60):
            vm.run(1)
            if vm.screen.size == (1024, 768) and row(vm) >= 0:
                break
        vm.run(1)
        image = vm.screen.image()
        if bless:
            GOLDEN.write_bytes(png(image))
        want = read_png(GOLDEN.read_bytes())
        assert image.shape == want.shape
        assert (image != want).any(axis=2).mean() < 0.02
        before = row(vm)
        for _ in range(3):
            vm.keyboard.press("down")
            vm.run(0.5)
        assert before + 40 < row(vm) < before + 100
