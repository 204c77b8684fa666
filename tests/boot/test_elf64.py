"""64-bit ELF kernels: PVH note, Multiboot header, gzip around them, and what is wrong with the others."""
from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

import emu
from emu.boot import plan_boot

MULTIBOOT = """
        .section .multiboot, "a"
        .long 0x1BADB002, 3, -(0x1BADB002 + 3)
"""
PVH = """
        .section .note.pvh, "a", @note
        .align 4
        .long 4, 8, 18
        .asciz "Xen"
        .quad _start
"""
CODE = """
        .text
        .code32
        .globl _start
_start: movl $0x40000000, %esp
        movl $out, %edi
        movl %eax, (%edi)
        movl %ebx, 4(%edi)
        movl %cr0, %eax
        movl %eax, 8(%edi)
        movl $0xAB, %eax
        outl %eax, $0xF4
1:      jmp 1b
        .data
        .globl out
out:    .fill 4, 4, 0
"""


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory):
    """An ELF64 kernel of the source given: its path."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    folder = tmp_path_factory.mktemp("elf64")

    def make(source: str) -> Path:
        path = folder / f"k{abs(hash(source))}.elf"
        path.with_suffix(".S").write_text(source)
        link = "-Wl,--build-id=none,-Ttext=0x200000,-N,--no-warn-rwx-segments,--section-start=.multiboot=0x1FF000"
        subprocess.run(["gcc", "-m64", "-nostdlib", "-static", "-no-pie", link, "-o", str(path), str(path.with_suffix(".S"))],
                       check=True, capture_output=True)
        return path

    return make


def symbol(elf: Path, name: str) -> int:
    rows = subprocess.run(["nm", str(elf)], check=True, capture_output=True, text=True).stdout.splitlines()
    return next(int(row.split()[0], 16) for row in rows if row.endswith(" " + name))


def start(kernel: Path, **options) -> tuple[emu.Machine, int, int, int]:
    """Run to the exit; EAX, EBX and CR0 at the entry."""
    vm = emu.Machine(memory="32M", kernel=kernel, debug_exit=emu.DebugExitConfig(0xF4, 4), **options)
    assert vm.run(1).reason == "exit"
    elf = kernel if kernel.suffix == ".elf" else kernel.with_suffix("")
    words = vm.read_phys(symbol(elf, "out"), 12)
    return vm, *(int.from_bytes(words[k:k + 4], "little") for k in (0, 4, 8))


def fields(vm: emu.Machine, addr: int, *sizes: int) -> list[int]:
    out = []
    for size in sizes:
        out.append(int.from_bytes(vm.read_phys(addr, size), "little"))
        addr += size
    return out


def test_pvh_start_info(build, tmp_path) -> None:
    """Spec: start_info.h, version 1."""
    module = tmp_path / "module"
    module.write_bytes(b"module" * 1000)
    vm, _, info, cr0 = start(build(CODE + PVH), initrd=module, append="one two")
    with vm:
        assert cr0 & 0x80000001 == 1
        magic, version, flags, modules, modlist, cmdline, rsdp, memmap, entries = fields(vm, info, 4, 4, 4, 4, 8, 8, 8, 8, 4)
        assert (magic, version, flags, modules) == (0x336EC578, 1, 0, 1)
        assert vm.read_phys(cmdline, 8) == b"one two\0"
        assert vm.read_phys(rsdp, 8) == b"RSD PTR "
        place, size = fields(vm, modlist, 8, 8)
        assert vm.read_phys(place, size) == module.read_bytes() and place % 4096 == 0
        rows = [fields(vm, memmap + 24 * k, 8, 8, 4) for k in range(entries)]
        assert [0x100000, 31 << 20, 1] in rows and [0, 0x9FC00, 1] in rows


def test_multiboot_in_elf64(build) -> None:
    """GRUB takes these; QEMU wants them packed as ELF32."""
    vm, magic, info, cr0 = start(build(CODE + MULTIBOOT + PVH))
    with vm:
        assert magic == 0x2BADB002 and cr0 & 0x80000001 == 1
        assert fields(vm, info, 4)[0] & 0x40


def test_gzip(build) -> None:
    elf = build(CODE + PVH)
    packed = elf.with_suffix(".elf.gz")
    packed.write_bytes(gzip.compress(elf.read_bytes()))
    vm, *_ = start(packed)
    vm.close()
    for data, words in ((packed.read_bytes()[:-20], "cut off"), (packed.read_bytes()[:-8] + bytes(8), "damaged gzip")):
        packed.with_name("bad.gz").write_bytes(data)
        with pytest.raises(emu.ImageError, match=words):
            plan_boot(packed.with_name("bad.gz"), None, "", 32 << 20, 0)


def test_no_way_in(build) -> None:
    with pytest.raises(emu.ImageError, match="PVH note"):
        plan_boot(build(CODE), None, "", 32 << 20, 0)
    with pytest.raises(emu.ImageError, match="outside of what is loaded"):
        plan_boot(build(CODE + PVH.replace("_start", "0x80")), None, "", 32 << 20, 0)


def test_64_bit_linux_on_a_32_bit_processor(tmp_path) -> None:
    image = bytearray(0x4000)
    image[0x1F1], image[0x1FE:0x200], image[0x201:0x206] = 1, b"\x55\xaa", b"\x6aHdrS"
    image[0x206:0x208], image[0x211], image[0x236] = b"\x0f\x02", 1, 1
    (tmp_path / "bzImage").write_bytes(image)
    with pytest.raises(emu.ImageError, match="no long mode"):
        emu.Machine(kernel=tmp_path / "bzImage", cpu="qemu32")
