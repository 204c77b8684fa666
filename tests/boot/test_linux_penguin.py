"""The logo and the boot messages on VESA frame buffers of every depth, by simplefb and vesafb.

Debian's kernels are built without the logo; this one is built from Debian's source in a minute and a half (linux_source.py).
EMU_PENGUIN=1 builds and boots one of Debian's 686 configuration too, a quarter of an hour; it passed with 6.1.192 and the
configuration of 6.1.0-50-686 (648 s on two cores, 2026-11-24).
What must be on the screen is the source's: its pictures dot by dot, and characters in its font.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import linux_source
import numpy as np
import pytest
from guests import Guests
from numpy.typing import NDArray

import emu

MODES = {       # vga=: bits of red, green, blue; what the kernel says
    "0x305": ((8, 8, 8), r"vesafb: mode is 1024x768x8, linelength=1024[^$]*vesafb: Pseudocolor: size=8:8:8:8"),
    "0x317": ((5, 6, 5), r"simple-framebuffer\.0: format=r5g6b5, mode=1024x768x16, linelength=2048"),
    "0x318": ((8, 8, 8), r"simple-framebuffer\.0: format=r8g8b8, mode=1024x768x24, linelength=3072"),
    "0x344": ((8, 8, 8), r"simple-framebuffer\.0: format=a8r8g8b8, mode=1024x768x32, linelength=4096"),
}


@pytest.fixture(scope="module")
def kernel(guests: Guests) -> linux_source.BuiltKernel:
    return linux_source.build(guests)


@pytest.fixture(scope="module")
def cd(kernel: linux_source.BuiltKernel, guests: Guests, initrd: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """isolinux asks the BIOS for the mode and starts the kernel in it."""
    if not shutil.which("xorriso"):
        pytest.skip("xorriso makes the CD")
    tree = tmp_path_factory.mktemp("penguin") / "tree"
    (tree / "isolinux").mkdir(parents=True)
    for file, name in ((guests.common("isolinux", "usr/lib/ISOLINUX/isolinux.bin"), "isolinux.bin"),
                       (guests.common("syslinux-common", "usr/lib/syslinux/modules/bios/ldlinux.c32"), "ldlinux.c32"),
                       (kernel.image, "linux"), (initrd, "initrd")):
        shutil.copyfile(file, tree / "isolinux" / name)
    (tree / "isolinux" / "isolinux.cfg").write_text("PROMPT 1\n" + "".join(
        f"LABEL {mode}\nKERNEL linux\nINITRD initrd\nAPPEND vga={mode} console=tty0 console=ttyS0\n" for mode in MODES))
    command = ["xorriso", "-as", "mkisofs", "-quiet", "-o", str(tree.parent / "cd.iso"), "-b", "isolinux/isolinux.bin",
               "-c", "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", str(tree)]
    subprocess.run(command, check=True, capture_output=True)
    return tree.parent / "cd.iso"


def picture(ppm: Path) -> NDArray[np.uint8]:
    """(h, w, 3) of a plain PPM."""
    words = re.sub(r"#.*", "", ppm.read_text()).split()
    width, height = int(words[1]), int(words[2])
    return np.array(words[4:], dtype=np.uint8).reshape(height, width, 3)


def as_shown(colours: NDArray[np.uint8], bits: tuple[int, int, int]) -> NDArray[np.uint8]:
    """What so many bits leave of 8-bit colours, as 8 bits again."""
    kept = [colours[..., k] >> 8 - n for k, n in enumerate(bits)]
    return np.stack([v << 8 - n | v >> 2 * n - 8 for v, n in zip(kept, bits, strict=True)], axis=-1).astype(np.uint8)


def text(image: NDArray[np.uint8], font_source: Path) -> list[str]:
    """The lines of a frame buffer console, read by its font; characters that are none of it as NUL."""
    rows = re.findall(r"^\t0x([0-9a-f]{2}),", font_source.read_text(), re.M)
    font = bytes(int(row, 16) for row in rows)
    assert len(font) == 4096
    glyphs = {font[16 * n:16 * n + 16]: chr(n) for n in range(127, 31, -1)}
    lit = np.packbits(image.any(axis=2), axis=1)
    return ["".join(glyphs.get(bytes(lit[y:y + 16, x].tolist()), "\0") for x in range(lit.shape[1])).rstrip()
            for y in range(0, image.shape[0] - 15, 16)]


def check(vm: emu.Machine, kernel: linux_source.BuiltKernel, mode: str) -> None:
    """At the shell: the logo and what was said last are on the screen."""
    bits, says = MODES[mode]
    log = vm.serial.expect("/ # ", timeout=60).before
    assert re.search(says, log), log
    image = vm.screen.image()
    assert image.shape == (768, 1024, 3) and not vm.screen.text_mode
    assert (image[:80, :80] == as_shown(picture(kernel.logo), bits)).all() and not image[:80, 80:].any()
    vm.serial.send("echo 'The quick brown fox: 0123456789 (){}[]' > /dev/tty0; echo do''ne\n")
    vm.serial.expect("done", timeout=20)
    lines = text(vm.screen.image()[80:], kernel.font)
    assert lines.count("The quick brown fox: 0123456789 (){}[]") == 1, lines
    assert any("Run /init as init process" in line for line in lines), lines


@pytest.mark.parametrize("mode", MODES)
def test_without_firmware(kernel: linux_source.BuiltKernel, initrd: Path, mode: str) -> None:
    append = f"console=tty0 console=ttyS0 vga={mode}"
    with emu.Machine(memory="64M", kernel=kernel.image, initrd=initrd, append=append) as vm:
        check(vm, kernel, mode)


@pytest.mark.parametrize("firmware", ["own", "seabios"])
@pytest.mark.parametrize("mode", MODES)
def test_from_a_cd(kernel: linux_source.BuiltKernel, guests: Guests, cd: Path, mode: str, firmware: str) -> None:
    options = {"firmware": guests.seabios, "vga_rom": guests.vgabios} if firmware == "seabios" else {}
    with emu.Machine(memory="64M", cdrom=cd, icount_shift=4, **options) as vm:
        vm.screen.expect("boot:", timeout=60)
        vm.keyboard.type(f"{mode}\n")
        check(vm, kernel, mode)


@pytest.mark.slow
@pytest.mark.skipif("EMU_PENGUIN" not in os.environ, reason="EMU_PENGUIN=1 builds a kernel of Debian's configuration")
def test_debians_configuration(guests: Guests, initrd: Path) -> None:
    kernel = linux_source.build(guests, linux_source.debian_config(guests))
    debian = linux_source.debian_config(guests).read_text()
    changed = set(kernel.config.read_text().splitlines()) ^ set(debian.splitlines())
    assert "CONFIG_LOGO=y" in changed and len(changed) < 60
    with emu.Machine(memory="256M", kernel=kernel.image, initrd=initrd, append="console=tty0 console=ttyS0 vga=791") as vm:
        vm.serial.expect("Console: switching to colour frame buffer device 128x48", timeout=60)
        vm.run(0.1)
        image = vm.screen.image()
        assert (image[:80, :80] == as_shown(picture(kernel.logo), (5, 6, 5))).all()
        lines = text(image[80:], kernel.font)
        assert sum(bool(re.match(r"\[ +\d+\.\d{6}\] \S", line)) for line in lines) > 20, lines
        vm.serial.expect("/ # ", timeout=60)
