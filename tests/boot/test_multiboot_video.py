"""A Multiboot kernel that asks for a video mode gets it, and is told where it is."""
from __future__ import annotations

import struct
from pathlib import Path

import pytest

import emu

BASE = 0x100000
# mov edi, [ebx+88]; mov dword [edi+4*100], 0x00FF8040; mov al, [ebx+108]; out 0xE9, al; hlt
CODE = bytes.fromhex("8B7B58" "C787900100004080FF00" "8A436C" "E6E9" "FA" "F4")


def kernel(folder: Path, kind: int, width: int, height: int, depth: int) -> Path:
    flags = 0x10004
    header = struct.pack("<3I5I4I", 0x1BADB002, flags, -(0x1BADB002 + flags) & 0xFFFFFFFF, BASE, BASE, 0, 0, BASE + 48,
                         kind, width, height, depth)
    path = folder / "kernel.bin"
    path.write_bytes(header + CODE)
    return path


@pytest.mark.parametrize(("asked", "given"), [
    ((0, 800, 600, 32), (800, 600, 32)), ((0, 0, 0, 0), (1024, 768, 32)), ((0, 1000, 800, 24), (1024, 768, 24)),
    ((0, 99999, 99999, 16), (2560, 1600, 16)), ((1, 80, 25, 0), None)])
def test_mode(tmp_path: Path, asked: tuple[int, int, int, int], given: tuple[int, int, int] | None) -> None:
    with emu.Machine(memory="8M", kernel=kernel(tmp_path, *asked), debugcon=emu.config.SerialConfig("buffer")) as vm:
        vm.run(1)
        info = vm.read_phys(vm.regs["ebx"], 116)
        assert struct.unpack_from("<I", info)[0] & 0x1000
        addr, pitch, width, height, bpp, kind = struct.unpack_from("<QIIIBB", info, 88)
        assert vm.debugcon is not None and vm.debugcon.text == chr(bpp)
        if given is None:
            assert (addr, pitch, width, height, bpp, kind) == (0xB8000, 160, 80, 25, 16, 2)
            assert vm.screen.text_mode
            return
        assert (width, height, bpp, kind) == (*given, 1)
        assert vm.screen.size == given[:2]
        if bpp == 32:
            assert vm.screen.image()[0, 100].tolist() == [0xFF, 0x80, 0x40]


def test_without_a_card_it_is_said(tmp_path: Path) -> None:
    with emu.Machine(memory="8M", kernel=kernel(tmp_path, 0, 800, 600, 32), vga="none") as vm:
        assert any("no graphics card" in text for text in vm.board.warnings)
