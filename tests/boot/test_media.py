"""Small systems as published, from floppy, disk and CD, read off the screen; with SeaBIOS and with our own BIOS.

The free images and Debian's packages (GRUB's rescue media, iPXE, isolinux, memtest86+) as guests.py finds or fetches them.
"""
from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

import emu


def copy(image: Path, tmp_path: Path) -> Path:
    """To write on."""
    path = tmp_path / image.name
    shutil.copyfile(image, path)
    return path


# ---- GRUB ---------------------------------------------------------------------------------------------------------------
GRUB = [("floppy.img", "fda", "(fd0)"), ("cdrom.iso", "cdrom", "(cd)"), ("usb.img", "hda", "(hd0)")]


@pytest.mark.parametrize(("name", "drive", "device"), GRUB, ids=[g[1] for g in GRUB])
def test_grub(guests, firmware, name, drive, device):
    """GRUB's shell from each kind of medium: devices, PCI, power off."""
    image = guests.grub(name)
    with emu.Machine(memory="64M", snapshot=drive != "cdrom", icount_shift=4, **firmware, **{drive: image}) as vm:
        vm.screen.expect("GNU GRUB", timeout=30)
        vm.keyboard.type("c")
        vm.screen.expect("grub>", timeout=10)
        vm.keyboard.type("ls\n")
        vm.screen.expect(device, timeout=20)
        vm.keyboard.type("clear\nlspci\n")
        vm.screen.expect(re.compile(r"8086:1237"), timeout=20)
        vm.keyboard.type("halt\n")
        assert vm.run(20).reason == "poweroff"


def test_grub_video(guests, firmware):
    """The VBE modes as GRUB lists them, EDID, and its terminal in one of them."""
    with emu.Machine(memory="64M", icount_shift=4, cdrom=guests.grub("cdrom.iso"), **firmware) as vm:
        vm.screen.expect("GNU GRUB", timeout=30)
        vm.keyboard.type("c")
        vm.screen.expect("grub>", timeout=10)
        vm.keyboard.type("set pager=1\nclear\nvbeinfo\n")
        vm.screen.expect(re.compile(r"VBE info: +version: 3\.0"), timeout=20)
        text = vm.screen.expect("--MORE--", timeout=20).before
        assert "total memory: 16384 KiB" in text
        assert re.search(r"0x114 +800 x +600 x 16 \(1600\) +Direct color, mask: 5/6/5/0 +pos: 11/5/0/0", text)
        while "--MORE--" in vm.screen.text():
            vm.keyboard.type(" ")
            text += vm.screen.expect(re.compile("--MORE--|grub>"), timeout=20).before
            vm.run(1)
        text += vm.screen.text()
        assert re.search(r"1024 x +768 x 32 \(4096\) +Direct color, mask: 8/8/8/8 +pos: 16/8/0/24", text), text
        assert "EDID version: 1." in text
        vm.keyboard.type("set gfxmode=1024x768x32\nloadfont unicode\nterminal_output gfxterm\n")
        vm.run(3)
        assert vm.screen.size == (1024, 768) and not vm.screen.text_mode
        vm.keyboard.type("halt\n")
        assert vm.run(20).reason == "poweroff"


def test_invaders(guests, firmware):
    """A Multiboot kernel that keeps to text: the ship moves, the invaders march."""
    kernel = guests.common("grub-invaders", "boot/invaders.exec")
    with emu.Machine(memory="64M", kernel=kernel, icount_shift=4, **firmware) as vm:
        vm.screen.expect("-*-", timeout=20)
        first = vm.screen.text()
        vm.run(2)
        assert vm.screen.text().count("-*-") >= 30 and vm.screen.text() != first
        ship = vm.screen.text().rstrip().splitlines()[-1].index("/ \\")
        for _ in range(5):
            vm.keyboard.press("right")
            vm.run(0.2)
        assert vm.screen.text().rstrip().splitlines()[-1].index("/ \\") > ship


def test_gnu_mach(guests, firmware):
    """A Multiboot kernel that asks the BIOS; without its modules it stops where it says so, and a key reboots."""
    kernel = guests.common("gnumach-image-1.8-486", "boot/gnumach-1.8-486.gz")
    with emu.Machine(memory="128M", kernel=kernel, append="console=com0", icount_shift=3, **firmware) as vm:
        text = vm.serial.expect("bootstrap_create: No bootstrap code loaded with the kernel!", timeout=30).before
        assert "000000000000100000:000000000007ff" in text, text        # what E820 said, in pages
        assert re.search(r"com1: at atbus0, port = 2f8x, .* pic = 3\.", text) and "RTC time is 2026-01-01 00:00:0" in text


# ---- DOS ----------------------------------------------------------------------------------------------------------------
def dos(vm: emu.Machine, command: str, answer: str) -> None:
    """A command on an empty screen."""
    vm.keyboard.type("cls\n")
    vm.screen.expect(re.compile(r"\A\s*A:\\>\s*\Z"), timeout=60)
    vm.keyboard.type(f"{command}\n")
    vm.screen.expect(re.compile(answer), timeout=60)


def test_freedos(guests, firmware, tmp_path):
    """Commands, a program made by DEBUG and by NASM, files that stay."""
    image = copy(guests.image("freedos722.img"), tmp_path)
    with emu.Machine(memory="16M", fda=image, **firmware) as vm:
        vm.screen.expect(re.compile(r"A:\\>"), timeout=60)
        dos(vm, "dir", r"bytes free")
        dos(vm, "memory", r"Heap +: free +\d{4} bytes")         # the image has no MEM: test_freedos_programs
        dos(vm, "copy autoexec.bat kept.txt", r"(?s)kept\.txt.*A:\\>")
        vm.keyboard.type("cls\ndebug\n")
        vm.screen.expect(re.compile(r"^-", re.M), timeout=20)
        vm.keyboard.type("r\n")
        vm.screen.expect(re.compile(r"AX=[0-9A-F]{4} +BX=[0-9A-F]{4}"), timeout=20)
        vm.keyboard.type("q\n")
        for line in ("org 100h", "mov dx,t", "mov ah,9", "int 21h", "ret", "t db 'made by nasm$'"):
            dos(vm, f"echo {line}>>p.asm", r"(?s)p\.asm\s+A:\\>")
        dos(vm, "nasm -f bin -o p.com p.asm", r"(?s)p\.asm\s+A:\\>")
        dos(vm, "p", r"made by nasm")
    listing = subprocess.run(["mdir", "-i", str(image), "-b", "::"], capture_output=True, text=True, check=True).stdout \
        if shutil.which("mdir") else None
    if listing is not None:
        assert "KEPT.TXT" in listing.upper() and "P.COM" in listing.upper()
    with emu.Machine(memory="16M", fda=image, **firmware) as vm:
        vm.screen.expect(re.compile(r"A:\\>"), timeout=60)
        dos(vm, "p", r"made by nasm")


def test_freedos_programs(guests, firmware, tmp_path):
    """MEM; a floppy formatted and given the system boots by itself."""
    if not shutil.which("mformat"):
        pytest.skip("mtools make the floppy")
    tools, made = tmp_path / "tools.img", tmp_path / "made.img"
    subprocess.run(["mformat", "-C", "-f", "1440", "-i", tools, "::"], check=True)
    names = ("mem.exe", "sys.com", "tree.com", "sort.com", "mode.com")
    subprocess.run(["mcopy", "-i", tools, *(guests.dos_programs / name for name in (*names, "format.exe")), "::"], check=True)
    made.write_bytes(bytes(1440 << 10))
    with emu.Machine(memory="16M", fda=emu.Disk(guests.image("freedos722.img"), snapshot=True),
                     fdb=emu.Disk(tools, readonly=True), icount_shift=5, **firmware) as vm:
        vm.screen.expect(re.compile(r"A:\\>"), timeout=60)
        dos(vm, "b:mem /c", r"(?s)Extended \(XMS\) +15,\d{3}K.*Total under 1 MB +639K.*resident in the high memory area.*A:\\>")
        assert re.search(r"COMMAND +\d,\d{3}", vm.screen.text()) and re.search(r"Total memory +16,37\dK", vm.screen.text())
        dos(vm, "b:tree b: /f", r"(?s)MEM\.EXE.*No subdirectories exist")
        dos(vm, "b:mode con lines=50", r"400 line resolution\.\s+A:\\>")
        assert vm.screen.cells().shape == (50, 80, 2)
        vm.keyboard.type("b:mode co80\n")
        dos(vm, "ver", "FreeCom version")
        assert vm.screen.cells().shape == (25, 80, 2)
        for name in ("del vim.exe", "copy b:format.exe", "copy b:sys.com"):
            dos(vm, name, r"(?s)(removed|=> ).*A:\\>")
        vm.keyboard.type("cls\nformat b: /u\n")
        vm.screen.expect("Press ENTER when the right disk is in drive", timeout=60)
        vm.drives["floppy1"].insert(made)
        vm.keyboard.type("\n")
        vm.screen.expect("enter volume label", timeout=200)
        vm.keyboard.type("made\n")
        text = vm.screen.expect(re.compile("Format another floppy"), timeout=200).before
        assert re.search(r"1,457,664 +bytes available on disk", text), text
        vm.keyboard.type("n\n")
        dos(vm, "sys a: b:", "(?s)System transferred.*A:")
    with emu.Machine(memory="16M", fda=made, **firmware) as vm:
        vm.screen.expect(re.compile("FreeCom version"), timeout=60)
        vm.screen.expect(re.compile(r"A:\\>|Enter new date"), timeout=60)


def test_freedos_hard_disk(guests, firmware, tmp_path):
    """Files copied to C: are whole, and the file system the host made stays sound."""
    fsck = shutil.which("fsck.fat", path=os.environ["PATH"] + ":/sbin:/usr/sbin")
    if not fsck or not shutil.which("mformat"):
        pytest.skip("mtools and dosfstools make and check the disk")
    disk = tmp_path / "c.img"
    at = f"{disk}@@{63 * 512}"
    start, size = 63, 16 * 63 * 50 - 63
    entry = struct.pack("<B3sB3sII", 0x80, bytes((1, 1, 0)), 6, bytes((15, 63, 49)), start, size)
    disk.write_bytes(bytes(446) + entry + bytes(48) + b"\x55\xaa" + bytes(size + start - 1 << 9))
    subprocess.run(["mformat", "-i", at, "-h", "16", "-s", "63", "-H", "63", "-T", str(size), "::"], check=True)
    floppy = guests.image("freedos722.img")
    with emu.Machine(memory="16M", fda=emu.Disk(floppy, snapshot=True), hda=disk, boot="a", icount_shift=4, **firmware) as vm:
        vm.screen.expect(re.compile(r"A:\\>"), timeout=60)
        dos(vm, "md c:\\sub", r"sub\s+A:\\>")
        dos(vm, "copy nasm.exe c:\\sub", r"(?is)=> c:\\sub\\nasm\.exe.*A:\\>")
        dos(vm, "xcopy games c:\\games /i", r"(?s)copied.*A:\\>")
        dos(vm, "dir c:\\", r"bytes free")
    copied, there = (subprocess.run(["mtype", "-i", *where], check=True, capture_output=True).stdout
                     for where in ((at, "::/SUB/NASM.EXE"), (floppy, "::/nasm.exe")))
    assert copied == there and len(copied) == 80504
    part = tmp_path / "part.img"
    part.write_bytes(disk.read_bytes()[start * 512:])
    check = subprocess.run([fsck, "-n", part], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout


# ---- others -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("drive", ["fda", "cdrom"])
def test_mikeos(guests, firmware, drive):
    """Its command line, from a floppy and from a CD's emulated floppy."""
    image = guests.image("mikeos.flp" if drive == "fda" else "mikeos.iso")
    with emu.Machine(memory="16M", snapshot=drive == "fda", **firmware, **{drive: image}) as vm:
        vm.screen.expect("Please select an interface", timeout=30)
        vm.keyboard.press("right")
        vm.keyboard.type("\n")
        vm.screen.expect(re.compile(r"^>", re.M), timeout=20)
        vm.keyboard.type("dir\n")
        vm.screen.expect(re.compile("KERNEL.BIN"), timeout=20)


def test_bootos(guests, firmware, tmp_path):
    """A monitor in one sector: it enters a program, saves it on the floppy and runs it."""
    with emu.Machine(memory="16M", fda=emu.Disk(guests.image("bootos-os.img"), snapshot=True), **firmware) as vm:
        vm.screen.expect(re.compile(r"\$"), timeout=30)
        vm.keyboard.type("ver\n")
        vm.screen.expect("bootOS", timeout=20)


def test_tetros(guests, firmware):
    """Pieces fall by the BIOS timer and move by its keyboard."""
    with emu.Machine(memory="16M", fda=emu.Disk(guests.image("tetros.img"), snapshot=True), **firmware) as vm:
        vm.run(5)
        first = vm.screen.cells()
        vm.run(3)
        fallen = vm.screen.cells()
        assert first is not None and fallen is not None and (first != fallen).any()
        vm.keyboard.press("left")
        vm.run(0.1)
        assert (vm.screen.cells() != fallen).any()


def test_ipxe_shell(guests, firmware):
    """iPXE's CD: isolinux loads it, Ctrl-B leads to its command line."""
    with emu.Machine(memory="64M", cdrom=guests.common("ipxe", "usr/lib/ipxe/ipxe.iso"), **firmware) as vm:
        vm.screen.expect("Press Ctrl-B", timeout=30)
        vm.keyboard.press("ctrl-b")
        vm.screen.expect("iPXE>", timeout=30)
        vm.keyboard.type("cpuid --ext 29 && echo long || echo short\n")
        vm.screen.expect(re.compile(r"^(long|short)", re.M), timeout=20)


def test_memtest(guests, firmware):
    """The 32-bit CD makes a pass over 16 MB (an instruction is 128 ns: its waits are short)."""
    iso = guests.common("memtest86+", "usr/lib/memtest86+/memtest86+ia32.iso")
    with emu.Machine(memory="16M", cdrom=iso, icount_shift=7, **firmware) as vm:
        vm.screen.expect("Memtest86+ v6", timeout=300)
        vm.screen.expect(re.compile(r"Pass: +1 +Errors: 0"), timeout=5000)
