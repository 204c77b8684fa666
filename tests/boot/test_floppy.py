"""Floppies under SeaBIOS: boot, INT 13h reads and writes through controller and DMA, disk change, snapshot."""
from __future__ import annotations

from pathlib import Path

import pytest
from guests import Guests

import emu

# Boot sector: read 4 sectors at C 1, H 1, S 3 to 0x8000 (INT 13h), print them on COM1 up to a zero byte, write one sector back to
# C 2, H 0, S 5, say W (or the error code) and leave by isa-debug-exit.
BOOT = bytes.fromhex(
    "fa31c08ed88ec08ed0bc007cfbb80402b90301ba0001bb0080cd137222be008"
    "0ac84c07406baf803eeebf5b80103b90502ba0000bb0080cd137204b057eb04"
    "88e00430baf803eeba0105eeebfe")


def disk(path: Path, text: bytes, chs: tuple[int, int, int] = (80, 2, 18)) -> Path:
    cylinders, heads, sectors = chs
    image = bytearray(cylinders * heads * sectors * 512)
    image[:len(BOOT)] = BOOT
    image[510:512] = b"\x55\xaa"
    at = ((1 * heads + 1) * sectors + 2) * 512
    image[at:at + len(text)] = text
    path.write_bytes(image)
    return path


@pytest.fixture
def bios(guests: Guests) -> Path:
    return guests.seabios


def test_our_own_firmware_boots_it_too(tmp_path: Path) -> None:
    path = disk(tmp_path / "a.img", b"ours\0")
    with emu.Machine(memory="16M", fda=path, boot="a", debug_exit=emu.DebugExitConfig()) as vm:
        assert vm.run(10).reason == "exit"
        assert vm.serial.text == "oursW"
    assert path.read_bytes()[(2 * 36 + 4) * 512:][:5] == b"ours\0"


def boot(bios: Path, **options: object) -> emu.Machine:
    return emu.Machine(memory="16M", firmware=bios, boot="a", debug_exit=emu.DebugExitConfig(), **options)


@pytest.mark.parametrize("chs", [(40, 2, 9), (80, 2, 9), (80, 2, 15), (80, 2, 18), (80, 2, 36)])
def test_boot_read_and_write(bios: Path, tmp_path: Path, chs: tuple[int, int, int]) -> None:
    path = disk(tmp_path / "a.img", b"hello floppy\n\0", chs)
    with boot(bios, fda=path) as vm:
        assert vm.run(10).reason == "exit"
        assert vm.serial.text == "hello floppy\nW"
    at = (2 * chs[1] * chs[2] + 4) * 512
    assert path.read_bytes()[at:at + 14] == b"hello floppy\n\0"


def test_snapshot(bios: Path, tmp_path: Path) -> None:
    path = disk(tmp_path / "a.img", b"kept\0")
    before = path.read_bytes()
    with boot(bios, fda=path, snapshot=True) as vm:
        assert vm.run(10).reason == "exit"
        assert vm.serial.text == "keptW"
    assert path.read_bytes() == before


def test_write_protected(bios: Path, tmp_path: Path) -> None:
    path = disk(tmp_path / "a.img", b"ro\0")
    with boot(bios, fda=emu.Disk(path, readonly=True)) as vm:
        assert vm.run(10).reason == "exit"
        assert vm.serial.text == "ro3"              # INT 13h: write-protected


def test_media_change_from_python(bios: Path, tmp_path: Path) -> None:
    one, two = disk(tmp_path / "1.img", b"one\0"), disk(tmp_path / "2.img", b"two\0", (80, 2, 9))
    with boot(bios) as vm:
        drive = vm.drives["floppy0"]
        assert drive.empty
        vm.run(0.001)
        drive.insert(one)
        vm.serial.expect("oneW", timeout=10)
        drive.insert(emu.Disk(two, snapshot=True))
        assert str(drive.disk.path) == str(two) and drive.disk.name == "floppy0"
        vm.reset()
        vm.serial.expect("twoW", timeout=10)
        drive.eject()
        assert drive.empty
        with pytest.raises(emu.ImageError, match="does not exist"):
            drive.insert(tmp_path / "none")
        with pytest.raises(KeyError, match="floppy0"):
            vm.drives["floppy"]


def test_same_run_twice(bios: Path, tmp_path: Path) -> None:
    path = disk(tmp_path / "a.img", b"again\0")
    hashes = set()
    for _ in range(2):
        with boot(bios, fda=path, snapshot=True) as vm:
            vm.run(10)
            hashes.add((vm.icount, vm.run_hash()))
    assert len(hashes) == 1


def test_cmos(tmp_path: Path, bios: Path) -> None:
    path = disk(tmp_path / "a.img", b"x", (80, 2, 15))
    with emu.Machine(memory="16M", firmware=bios, fda=path, fdb=emu.Disk(disk(tmp_path / "b", b"y"), snapshot=True),
                     boot=emu.BootConfig("dca", once="n")) as vm:
        rtc = vm.board.devices["rtc"]
        assert rtc.get_cmos(0x10) == 0x24
        assert rtc.get_cmos(0x14) == 0x47
        assert (rtc.get_cmos(0x3D), rtc.get_cmos(0x38)) == (0x04, 0)
        assert rtc.get_cmos(0x2E) << 8 | rtc.get_cmos(0x2F) == sum(rtc.get_cmos(k) for k in range(0x10, 0x2E))
        vm.reset()
        assert (rtc.get_cmos(0x3D), rtc.get_cmos(0x38)) == (0x23, 0x10)


def test_what_fw_cfg_says_about_booting(tmp_path: Path, bios: Path) -> None:
    path = disk(tmp_path / "a.img", b"x")
    boot_config = emu.BootConfig("c", menu=True, splash_time_ms=1500, reboot_timeout_ms=3000, strict=True)
    with emu.Machine(memory="16M", firmware=bios, disks=(emu.Disk(path, interface="floppy", bootindex=1),), boot=boot_config,
                     debug_exit=emu.DebugExitConfig()) as vm:
        files = vm.drives.boot_files(boot_config)
        assert files == {"bootorder": b"/pci@i0cf8/isa@1/fdc@03f0/floppy@0\nHALT\0", "etc/boot-menu-wait": b"\xdc\x05",
                         "etc/boot-fail-wait": b"\xb8\x0b\0\0"}
        assert "bootorder" in vm.board.devices["fw_cfg"].names
        assert vm.run(10).reason == "exit"          # the boot index wins over "c"; the menu waits 1.5 s first
        assert vm.now_ns > 1_500_000_000
        assert "1.44M" in vm.board.describe()
