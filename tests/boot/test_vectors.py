"""A directly started kernel that goes back to real mode finds vectors: services that say no, interrupts that are acknowledged."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import emu

SOURCE = """
        .text
        .code32
        .globl _start
_start: movl $code16, %esi
        movl $0x8000, %edi
        movl $end16 - code16, %ecx
        rep movsb
        lgdtl gdtr
        ljmp $8, $1f
1:      ljmp $24, $0x8000
        .align 8
gdt:    .quad 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF, 0x00009B000000FFFF, 0x000093000000FFFF
gdtr:   .word 39
        .long gdt
        .code16
code16: movw $32, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movl %cr0, %eax
        andb $0xFE, %al
        movl %eax, %cr0
        .byte 0xEA
        .word 0x8000 + 2f - code16, 0
2:      xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %ss
        movw $0x7000, %sp
        movw $0xE820, %ax
        clc
        int $0x15
        sbbb %al, %al
        movw %ax, 0x9000                /* AH = 86h, AL = FF: carry */
        int $0x12
        movw %ax, 0x9002
        movb $0x11, %al                 /* 8259s as a BIOS has them, the timer alone */
        outb %al, $0x20
        outb %al, $0xA0
        movb $0x08, %al
        outb %al, $0x21
        movb $0x70, %al
        outb %al, $0xA1
        movb $4, %al
        outb %al, $0x21
        movb $2, %al
        outb %al, $0xA1
        movb $1, %al
        outb %al, $0x21
        outb %al, $0xA1
        movb $0xFE, %al
        outb %al, $0x21
        movb $0x34, %al
        outb %al, $0x43
        xorb %al, %al
        outb %al, $0x40
        movb $0x10, %al
        outb %al, $0x40
        sti
        hlt
        hlt                             /* comes only if the first was acknowledged */
        movb $1, 0x9004
        .byte 0x0F, 0x0B
end16:
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc -m32")
    folder = tmp_path_factory.mktemp("vectors")
    (folder / "k.S").write_text(SOURCE)
    link = "-Wl,--build-id=none,-Ttext=0x100000,-N"
    subprocess.run(["gcc", "-m32", "-nostdlib", "-static", "-no-pie", link, "-o", "k.elf", "k.S"], cwd=folder, check=True,
                   capture_output=True)
    return folder / "k.elf"


def test_services_and_interrupts(kernel: Path) -> None:
    with emu.Machine(memory="8M", kernel=kernel) as vm:
        stop = vm.run(1)
        ax, kib, ticked = (int.from_bytes(vm.read_phys(at, 2), "little") for at in (0x9000, 0x9002, 0x9004))
        assert (ax, kib, ticked & 0xFF) == (0x86FF, 639, 1)
        assert stop.reason == "hang" and vm.regs["cs"] == 0xF000       # the invalid opcode ends in a halt, with a report
