"""vm.screen: text, waiting for it, pictures and files, and that looking changes nothing."""
from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from screenprog import assemble, read_png, read_ppm
from screens.programs import PROGRAMS

import emu
from emu.screen import CP437

pytestmark = pytest.mark.skipif(shutil.which("nasm") is None, reason="nasm is not here")

# "Hello, world" appears letter by letter on line 2, one every 12 ms; then all 256 characters on lines 5 to 8
HELLO = """
main:   mov ax, 0xB800
        mov es, ax
        mov si, hello
        mov di, 160 * 2 + 6
.next:  mov ecx, 6000000
.wait:  dec ecx
        jnz .wait
        lodsb
        test al, al
        jz .all
        mov ah, 0x1F
        stosw
        jmp .next
.all:   mov di, 160 * 5
        mov ax, 0x0700
.char:  stosw
        inc al
        jnz .char
        ret
hello:  db 'Hello, world', 0
"""


def machine(source: str, folder: Path, **options: object) -> emu.Machine:
    return emu.Machine(memory="8M", kernel=assemble(source, folder), raw_addr=0x7C00, **options)


def test_expect_and_text(tmp_path: Path) -> None:
    with machine(HELLO, tmp_path) as vm:
        found = vm.screen.expect(["goodbye", "Hello"], timeout=1)
        assert (found.text, found.index) == ("Hello", 1) and "world" not in vm.screen.text()
        vm.screen.expect("Hello, world", timeout=1)
        vm.run(1)
        lines = vm.screen.text().split("\n")
        assert lines[2] == "   Hello, world"
        assert lines[0] == lines[1] == lines[3] == ""
        assert [line.rstrip() for line in lines[5:9]] == [CP437[k:k + 80].rstrip() for k in (0, 80, 160, 240)]
        assert CP437[1] == "☺" and CP437[0xC9] == "╔" and CP437[0xE1] == "ß" and CP437[0xFE] == "■"
        cells = vm.screen.cells()
        assert cells is not None and cells.shape == (25, 80, 2) and cells[2, 3].tolist() == [ord("H"), 0x1F]
        assert vm.screen.text_mode and vm.screen.size == (720, 400) and vm.screen.cursor == (0, 0)


def test_expect_says_what_was_there(tmp_path: Path) -> None:
    with machine(HELLO, tmp_path) as vm:
        with pytest.raises(emu.GuestTimeout, match="(?s)'goodbye' did not appear within 0.05 s.*  |    Hello"):
            vm.screen.expect("goodbye", timeout=0.05)
        with pytest.raises(emu.GuestCrash, match="(?s)hung while 'goodbye' was expected.*Hello, world"):
            vm.screen.expect("goodbye", timeout=5)


def test_frames_come_when_something_changed(tmp_path: Path) -> None:
    with machine(HELLO + "        times 4 nop\n", tmp_path) as vm:
        first = vm.screen.frame()
        assert first is not None
        generation, image = first
        assert image.shape == (400, 720, 3) and vm.screen.frame(generation) is None
        vm.screen.expect("Hello, world", timeout=1)
        second = vm.screen.frame(generation)
        assert second is not None and second[0] > generation and (second[1] != image).any()


def test_files(tmp_path: Path) -> None:
    with machine(PROGRAMS["mode13"], tmp_path) as vm:
        vm.run(1)
        image = vm.screen.image()
        assert not vm.screen.text_mode and vm.screen.text() == "" and vm.screen.cells() is None
        vm.screen.save(tmp_path / "a.png")
        vm.screen.save(str(tmp_path / "a.PPM"))
        assert (read_png((tmp_path / "a.png").read_bytes()) == image).all()
        assert (read_ppm((tmp_path / "a.PPM").read_bytes()) == image).all()
        with pytest.raises(emu.ConfigError, match=r"\.png or \.ppm"):
            vm.screen.save(tmp_path / "a.jpg")
        with pytest.raises(emu.EmuError, match="cannot be written"):
            vm.screen.save(tmp_path / "nowhere" / "a.png")


@pytest.mark.parametrize("name", ["text", "mode12-write-modes", "vbe-32"])
@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
def test_looking_changes_nothing(name: str, mmu: str, tmp_path: Path) -> None:
    hashes = []
    for look in (False, True):
        with machine(PROGRAMS[name], tmp_path, mmu=mmu) as vm:
            for _ in range(40):
                vm.step(100_000)
                if look:
                    vm.screen.image()
            hashes.append(vm.run_hash())
    assert hashes[0] == hashes[1]


def test_without_a_graphics_card(tmp_path: Path) -> None:
    with machine(HELLO, tmp_path, vga="none") as vm:
        vm.run(0.1)
        assert not vm.screen.present and vm.screen.text() == "" and not np.any(vm.screen.image())
        assert vm.screen.frame(0) is None
        with pytest.raises(emu.EmuError, match="there is no graphics card"):
            vm.screen.expect("x", timeout=0.1)


def test_reset_gives_the_text_screen_back(tmp_path: Path) -> None:
    with machine(PROGRAMS["vbe-32"], tmp_path) as vm:
        vm.run(1)
        assert vm.screen.size == (640, 480)
        vm.reset()
        assert vm.screen.text_mode and vm.screen.text() == ""
        vm.run(1)
        assert vm.screen.size == (640, 480)
