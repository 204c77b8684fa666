"""Multiboot kernels through the firmware: state at the entry, the information structure, and the BIOS that is still there."""
from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest

import emu
from emu.boot import plan_boot

BASE = 0x100000
INFO = struct.Struct("<20I4HQ3IBB6s")
NAMES = ("flags mem_lower mem_upper boot_device cmdline mods_count mods_addr syms0 syms1 syms2 syms3 mmap_length mmap_addr "
         "drives_length drives_addr config_table loader_name apm_table vbe_control_info vbe_mode_info vbe_mode vbe_seg vbe_off "
         "vbe_len fb_addr fb_pitch fb_width fb_height fb_bpp fb_type fb_colours").split()
# mov [out],eax; mov [out+4],ebx; mov eax,cr0; mov [out+8],eax; pushfd; pop [out+12]; sgdt [out+16]; sidt [out+24];
# mov eax,cs; mov [out+32],eax; the same with ds and ss; cli; hlt
CODE = "A3{0} 891D{1} 0F20C0 A3{2} 9C 8F05{3} 0F0105{4} 0F010D{5} 8CC8 A3{6} 8CD8 A3{7} 8CD0 A3{8} FAF4"


def kernel(folder: Path, base: int = BASE, flags: int = 3, video: tuple[int, ...] = (0, 0, 0, 0), bss: int = 0x1000) -> Path:
    """A flat kernel that stores what it is entered with at base + 0x100 and stops."""
    flags |= 0x10000
    out = [(base + 0x100 + off).to_bytes(4, "little").hex() for off in (0, 4, 8, 12, 16, 24, 32, 36, 40)]
    image = struct.pack("<12I", 0x1BADB002, flags, -(0x1BADB002 + flags) & 0xFFFFFFFF, base, base, base + 0x140,
                        base + 0x140 + bss, base + 48, *video) + bytes.fromhex(CODE.format(*out))
    path = folder / "kernel.bin"
    path.write_bytes(image.ljust(0x140, b"\0"))
    return path


@dataclass
class Entry:
    """What a kernel found."""

    vm: emu.Machine
    words: tuple[int, ...]
    info: dict[str, int | bytes]

    def string(self, name: str) -> str:
        return self.vm.read_phys(self.info[name], 4096).split(b"\0")[0].decode()

    def mmap(self) -> list[tuple[int, int, int]]:
        data, rows = self.vm.read_phys(self.info["mmap_addr"], self.info["mmap_length"]), []
        while data:
            size, base, length, kind = struct.unpack_from("<IQQI", data)
            rows.append((base, length, kind))
            data = data[size + 4:]
        return rows


def enter(path: Path, base: int = BASE, memory: str = "32M", **options: object) -> Entry:
    vm = emu.Machine(memory=memory, kernel=path, **options)
    assert vm.run(5).reason == "hang", vm.report()
    words = struct.unpack("<13I", vm.read_phys(base + 0x100, 52))
    return Entry(vm, words, dict(zip(NAMES, INFO.unpack(vm.read_phys(words[1], INFO.size)), strict=True)))


@pytest.fixture(params=["own", "seabios"])
def bios(request: pytest.FixtureRequest) -> dict[str, object]:
    if request.param == "own":
        return {}
    return {"firmware": request.getfixturevalue("guests").seabios}


@pytest.mark.parametrize("vga", ["std", "none"])
def test_entry(tmp_path: Path, bios: dict[str, object], vga: str) -> None:
    """Specification, 3.2 and 3.3."""
    modules = [tmp_path / "a", tmp_path / "b"]
    for k, module in enumerate(modules):
        module.write_bytes(b"module %d " % k * 5000)
    path = kernel(tmp_path)
    at = enter(path, append="one two", initrd=f"{modules[0]} x y,{modules[1]}", vga=vga, **bios)
    eax, _, cr0, eflags = at.words[:4]
    assert eax == 0x2BADB002 and cr0 & 0x80000001 == 1 and eflags & 0x20202 == 2
    assert at.vm.regs["a20"] == 1
    info = at.info
    assert info["flags"] & ~0x400 == 0x34D
    assert at.string("cmdline") == f"{path} one two" and at.string("loader_name") == "emu"
    rows = at.mmap()
    assert info["mem_lower"] == rows[0][1] >> 10 and (rows[0][0], rows[0][2]) == (0, 1)
    high = next(length for base, length, kind in rows if base == 0x100000 and kind == 1)
    assert info["mem_upper"] == high >> 10 and (32 << 20) - high - (1 << 20) <= 0x28000
    assert (0xFFFC0000, 0x40000, 2) in rows
    assert info["mods_count"] == 2
    for k, module in enumerate(modules):
        start, end, string, zero = struct.unpack("<4I", at.vm.read_phys(info["mods_addr"] + 16 * k, 16))
        assert at.vm.read_phys(start, end - start) == module.read_bytes() and start % 4096 == 0 and zero == 0
        assert at.vm.read_phys(string, 300).split(b"\0")[0].decode() == f"{module}{' x y' if not k else ''}"
    table = at.vm.read_phys(info["config_table"], 3)
    assert table[0] >= 8 and table[2] == 0xFC             # an AT


def test_disks_and_power_management(tmp_path: Path, bios: dict[str, object]) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(20 << 20))
    at = enter(kernel(tmp_path), hda=disk, **bios)
    info = at.info
    assert info["flags"] & 0x482 == 0x482 and info["boot_device"] == 0x80FFFFFF
    assert info["drives_length"] == 12
    size, number, mode, cylinders, heads, sectors, ports = struct.unpack("<IBBHBBH", at.vm.read_phys(info["drives_addr"], 12))
    assert (size, number, mode, ports) == (12, 0x80, 1, 0)
    assert 0 <= (20 << 11) - cylinders * heads * sectors < 3 * heads * sectors      # the BIOS may keep the last one
    version, cseg, offset = struct.unpack("<HHI", at.vm.read_phys(info["apm_table"], 8))
    assert version == 0x0102 and cseg >= 0xE000 and offset


@pytest.mark.parametrize(("asked", "given"), [((0, 800, 600, 32), (800, 600, 32)), ((0, 0, 0, 0), (1024, 768, 32)),
                                              ((0, 640, 480, 8), (640, 480, 8)), ((0, 640, 400, 15), (640, 400, 32)),
                                              ((0, 1024, 768, 15), (1024, 768, 15))])
def test_video(tmp_path: Path, bios: dict[str, object], asked: tuple[int, ...], given: tuple[int, ...]) -> None:
    """The structure says what VBE says, and the screen is so."""
    at = enter(kernel(tmp_path, flags=7, video=asked), **bios)
    info, vm = at.info, at.vm
    assert info["flags"] & 0x1800 == 0x1800
    assert (info["fb_width"], info["fb_height"], info["fb_bpp"]) == given and vm.screen.size == given[:2]
    assert vm.read_phys(info["vbe_control_info"], 4) == b"VESA"
    mode = vm.read_phys(info["vbe_mode_info"], 256)
    pitch, width, height = struct.unpack_from("<3H", mode, 16)
    assert (width, height) == given[:2] and pitch == info["fb_pitch"] and info["vbe_mode"] & 0x4000
    assert struct.unpack_from("<I", mode, 40)[0] == info["fb_addr"]
    if given[2] == 8:
        addr, colours = struct.unpack("<IH", info["fb_colours"])
        assert info["fb_type"] == 0 and colours == 256
        assert vm.read_phys(addr, 6) == bytes(3) + bytes((0, 0, 0xAA))      # black, blue
    else:
        wanted = {32: (16, 8, 8, 8, 0, 8), 15: (10, 5, 5, 5, 0, 5)}[given[2]]
        assert info["fb_type"] == 1 and tuple(info["fb_colours"]) == wanted


def test_text_and_no_card(tmp_path: Path, bios: dict[str, object]) -> None:
    at = enter(kernel(tmp_path, flags=7, video=(1, 80, 25, 0)), **bios)
    fields = [at.info[name] for name in ("fb_addr", "fb_pitch", "fb_width", "fb_height", "fb_bpp", "fb_type")]
    assert at.info["flags"] & 0x1800 == 0x1000 and fields == [0xB8000, 160, 80, 25, 16, 2]
    at = enter(kernel(tmp_path, flags=7, video=(0, 800, 600, 32)), vga="none", **bios)
    assert not at.info["flags"] & 0x1800


@pytest.mark.parametrize("base", [0x1000, 0x9000, 0x10000, 0x60000])
def test_low_kernels(tmp_path: Path, bios: dict[str, object], base: int) -> None:
    """Below 1 MiB, where the information would have gone too: it makes room."""
    path = kernel(tmp_path, base, bss=0x18000)
    at = enter(path, base, append="low", **bios)
    assert at.string("cmdline") == f"{path} low"
    assert not base <= at.words[1] < base + 0x18140
    skip = 0x7C00 - base - 0x140 if base < 0x7C00 else 0        # what the kernel pushed
    assert at.vm.read_phys(base + 0x140 + skip, 0x18000 - skip) == bytes(0x18000 - skip)


def test_the_bios_is_at_work(tmp_path: Path, bios: dict[str, object]) -> None:
    """Vectors, clock and data area are the firmware's."""
    at = enter(kernel(tmp_path), **bios)
    offset, segment = struct.unpack("<HH", at.vm.read_phys(0x15 * 4, 4))
    assert segment >= 0xE000 and offset
    assert at.vm.read_phys(0x413, 2) in (b"\x7f\x02", b"\x7e\x02")
    gdt, idt = at.words[4:6], at.words[6:8]
    assert gdt[0] & 0xFFFF == 23 and idt[0] & 0xFFFF == 0x3FF and at.words[8:11] == (8, 16, 16)


def test_many_modules_and_a_reset(tmp_path: Path) -> None:
    """It starts again, and nothing grows."""
    module = tmp_path / "m"
    module.write_bytes(bytes(range(256)) * 64)
    modules = ",".join(f"{module} {k}" for k in range(300))
    at = enter(kernel(tmp_path), initrd=modules, memory="16M")
    assert at.info["mods_count"] == 300
    before = at.words, at.vm.read_phys(at.words[1], INFO.size)
    at.vm.reset()
    assert at.vm.run(5).reason == "hang"
    assert (at.words, at.vm.read_phys(at.words[1], INFO.size)) == before


def test_time_to_the_entry(tmp_path: Path) -> None:
    """The way through the firmware takes a quarter of a second of the guest's time."""
    at = enter(kernel(tmp_path))
    assert at.vm.now_ns < 500_000_000


@pytest.mark.parametrize(("base", "words"), [(0x400, "the BIOS has its data"), (0x9F000, "there is no RAM"),
                                             (0xB0000, "there is no RAM")])
def test_places_that_cannot_be(tmp_path: Path, base: int, words: str) -> None:
    with pytest.raises(emu.ImageError, match=words):
        plan_boot(kernel(tmp_path, base), None, "", 32 << 20, 0)


def test_what_the_planner_refuses(tmp_path: Path) -> None:
    with pytest.raises(emu.ImageError, match="at most 48 KiB"):
        plan_boot(kernel(tmp_path), None, "x" * 50000, 32 << 20, 0)
    with pytest.raises(emu.ImageError, match="no 64 KiB below"):
        plan_boot(kernel(tmp_path, 0x1000, bss=0x90000), None, "", 32 << 20, 0)
    with pytest.raises(emu.ImageError, match="do not fit into 4 MiB"):
        (tmp_path / "m").write_bytes(bytes(3 << 20))
        plan_boot(kernel(tmp_path), str(tmp_path / "m"), "", 4 << 20, 0)


def test_a_place_the_firmware_keeps(tmp_path: Path) -> None:
    """The planner does not know what the firmware keeps at the top of memory; the ROM does, and says so."""
    path = kernel(tmp_path, (32 << 20) - 0x2000)
    with emu.Machine(memory="32M", kernel=path) as vm:
        vm.run(2)
        text = " ".join(vm.screen.text().split())
        assert "goes to 01ffe000-01fff13f" in text and "does not leave all of that free" in text


def test_as_qemu(tmp_path: Path, guests) -> None:
    """The same kernel and the same SeaBIOS there: memory map and sizes alike."""
    qemu = shutil.which("qemu-system-i386")
    if qemu is None:
        pytest.skip("needs qemu-system-i386")
    dump = tmp_path / "dump"
    # mov edx,0E9h; mov ecx,116; mov esi,ebx; rep outsb; mov ecx,[ebx+44]; mov esi,[ebx+48]; rep outsb; out 0F4h,al; cli; hlt
    code = bytes.fromhex("BAE9000000 B974000000 89DE F36E 8B4B2C 8B7330 F36E E6F4 FAF4")
    path = kernel(tmp_path)
    path.write_bytes(path.read_bytes()[:48] + code.ljust(0x110, b"\x90"))
    with emu.Machine(memory="32M", kernel=path, firmware=guests.seabios, debugcon=emu.SerialConfig("buffer")) as vm:
        text = BytesIO()
        vm.debugcon.watch(text)
        vm.run(5)
        ours = text.getvalue()
    subprocess.run([qemu, "-m", "32", "-kernel", str(path), "-display", "none", "-debugcon", f"file:{dump}", "-device",
                    "isa-debug-exit,iobase=0xf4", "-net", "none"], timeout=60, stdin=subprocess.DEVNULL, check=False)
    theirs = dump.read_bytes()
    a, b = (dict(zip(NAMES, INFO.unpack(data[:INFO.size]), strict=True)) for data in (ours, theirs))
    assert a["mem_lower"] == b["mem_lower"] and 0 <= a["mem_upper"] - b["mem_upper"] <= 128     # its ACPI tables take 128 KiB
    rows, reference = (list(struct.iter_unpack("<IQQI", data[INFO.size:])) for data in (ours, theirs))
    assert len(ours) == INFO.size + a["mmap_length"] and len(rows) == len(reference)
    for ours_row, theirs_row in zip(rows, reference, strict=True):
        assert ours_row[::3] == theirs_row[::3]
        assert ours_row == theirs_row or 1 << 20 <= theirs_row[1] < 32 << 20
