"""REP INS and OUTS through a disk's data port, which move whole runs at once: same bytes, same time, however the run is cut."""
from __future__ import annotations

import itertools
import random

import pytest
from guest import CUTS, assemble

import emu

IMAGE = random.Random(12).randbytes(512 * 256)

# Sectors 3..3+N by INSD to an odd address that crosses pages, by INSW downwards for one sector, then N sectors back by OUTSW.
SOURCE = """
        cld
        mov edi, 0x200ffa
        mov ebp, {n}
        mov ecx, 3
1:      call ask_read
        push ecx
        mov ecx, 128
        mov edx, 0x1f0
        rep insd
        pop ecx
        inc ecx
        dec ebp
        jnz 1b
        mov ecx, 200
        call ask_read
        mov edi, 0x3001fe
        mov ecx, 256
        mov edx, 0x1f0
        std
        rep insw
        cld
        mov esi, 0x200ffa
        mov ebp, {n}
        mov ecx, 100
2:      mov al, 0x30
        call ask
        push ecx
        mov ecx, 256
        mov edx, 0x1f0
        rep outsw
        pop ecx
        inc ecx
        dec ebp
        jnz 2b
        call ready
        cli
        hlt
ask_read:
        mov al, 0x20
ask:    push eax
        call ready
        mov edx, 0x1f6
        mov al, 0xe0
        out dx, al
        mov edx, 0x1f2
        mov al, 1
        out dx, al
        inc edx
        mov al, cl
        out dx, al
        inc edx
        xor al, al
        out dx, al
        inc edx
        out dx, al
        mov edx, 0x1f7
        pop eax
        out dx, al
        call ready
        ret
ready:  mov edx, 0x1f7
3:      in al, dx
        test al, 0x80
        jnz 3b
        ret
"""
N = 12


def play(folder, pieces=None, mmu="tlb"):
    code = folder / "guest.bin"
    code.write_bytes(assemble("mov esp, 0x90000\n" + SOURCE.format(n=N)))
    disk = folder / "disk.img"
    disk.write_bytes(IMAGE)
    with emu.Machine(memory="8M", kernel=code, raw_addr=0x100000, hda=disk, mmu=mmu) as vm:
        while not vm.ended and vm.icount < 5_000_000:
            vm.run(instructions=5_000_000 if pieces is None else next(pieces))
        assert vm.ended and vm.ended.reason == "hang"
        got = vm.read_phys(0x200FFA, N * 512), vm.read_phys(0x300000, 512), vm.run_hash(), vm.icount
    return *got, disk.read_bytes()


def test_the_bytes(tmp_path):
    up, down, _, _, disk = play(tmp_path)
    assert up == IMAGE[3 * 512:(3 + N) * 512]
    words = [IMAGE[k:k + 2] for k in range(200 * 512, 201 * 512, 2)]
    assert down == b"".join(reversed(words))
    assert disk[100 * 512:(100 + N) * 512] == up


@pytest.mark.parametrize("cut", ["odd", "pairs"])
def test_cut_into_pieces(tmp_path, cut):
    assert play(tmp_path, CUTS[cut]()) == play(tmp_path)


def test_cut_inside_the_runs(tmp_path):
    assert play(tmp_path, itertools.cycle((50, 3, 127, 200))) == play(tmp_path)


def test_shadow_page_tables(tmp_path):
    assert play(tmp_path, mmu="shadow") == play(tmp_path)
