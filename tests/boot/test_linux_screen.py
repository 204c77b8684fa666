"""Debian's kernel on the screen: text console without a BIOS, and the VESA frame buffer that vga= asks for."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from guests import Guests

import emu


def test_text_console(guests: Guests, initrd: Path) -> None:
    with emu.Machine(memory="256M", kernel=guests.kernel, initrd=initrd, append="console=tty0 console=ttyS0") as vm:
        log = vm.serial.expect("/ # ", timeout=60).before
        assert "Console: colour VGA+ 80x25" in log
        assert "[1234:1111] type 00 class 0x030000" in log and "[mem 0xfd000000-0xfdffffff pref]" in log
        vm.serial.send("clear > /dev/tty0; printf '\\033[1;33;44mhello \\342\\225\\224 screen\\n' > /dev/tty0\n")
        vm.screen.expect("hello ╔ screen", timeout=5)
        cells = vm.screen.cells()
        assert cells is not None and cells[0, 0].tolist() == [ord("h"), 0x1E]       # yellow on blue
        assert vm.screen.size == (720, 400)
        image = vm.screen.image()
        assert {tuple(p) for p in image[:16, :9].reshape(-1, 3).tolist()} == {(255, 255, 85), (0, 0, 170)}


def test_vesa_frame_buffer(guests: Guests, initrd: Path) -> None:
    with emu.Machine(memory="256M", kernel=guests.kernel, initrd=initrd, append="console=tty0 console=ttyS0 vga=791") as vm:
        log = vm.serial.expect("/ # ", timeout=60).before
        assert "vesafb: mode is 1024x768x16, linelength=2048" in log
        assert "Console: switching to colour frame buffer device 128x48" in log
        assert vm.screen.size == (1024, 768) and not vm.screen.text_mode
        vm.serial.send("clear > /dev/tty0; dd if=/dev/zero bs=2048 count=768 2>/dev/null | tr '\\0' '\\370' > /dev/fb0\n")
        vm.serial.send("echo do''ne\n")
        vm.serial.expect("done", timeout=20)
        image = vm.screen.image()
        colours, counts = np.unique(image[64:700].reshape(-1, 3), axis=0, return_counts=True)
        assert colours[counts.argmax()].tolist() == [255, 28, 198] and counts.max() > 0.99 * counts.sum()


def test_a_mode_that_is_none_is_said(guests: Guests) -> None:
    with emu.Machine(memory="64M", kernel=guests.kernel, append="vga=0x3ff") as vm:
        assert any("vga=0x3ff" in text and "80x25" in text for text in vm.board.warnings)
        assert vm.screen.text_mode
