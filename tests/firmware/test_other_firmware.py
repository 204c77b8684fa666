"""Firmware of others by -bios: SeaBIOS of 256 KiB, Bochs' BIOS, U-Boot, GRUB, qboot get as far as on the PC they are made for."""
from __future__ import annotations

from pathlib import Path

import pytest
from guests import Guests

import emu

SEABIOS = Path("/usr/share/seabios/bios-256k.bin")
BOCHS = Path("/usr/share/bochs/BIOS-bochs-latest")
QBOOT = Path("/usr/share/qemu/qboot.rom")


def log_of(firmware: Path, seconds: float, **options: object) -> str:
    """What it writes to port 402h."""
    if not firmware.exists():
        pytest.skip(f"no {firmware} on this computer")
    with emu.Machine(memory="64M", firmware=firmware, debugcon=emu.SerialConfig("buffer"), debugcon_port=0x402, **options) as vm:
        vm.run(seconds)
        assert vm.debugcon is not None
        return vm.debugcon.text


def floppy(folder: Path) -> Path:
    """A boot sector that writes "ok" to port 402h and stops."""
    sector = bytes.fromhex("BA0204 B06F EE B06B EE FA F4").ljust(510, b"\0") + b"\x55\xAA"
    path = folder / "floppy.img"
    path.write_bytes(sector.ljust(720 << 10, b"\0"))
    return path


def test_seabios_with_smm_code(tmp_path: Path) -> None:
    """It sets up SMM unless the chip says that this is done; without SMM it waited for ever."""
    text = log_of(SEABIOS, 3, fda=floppy(tmp_path), boot="a")
    assert text.rstrip().endswith("ok"), text


def test_bochs_bios(tmp_path: Path) -> None:
    """The same, and it looks for a slave beside the CD drive.  It leaves the floppy controller's data rate at 250 kbit/s."""
    text = log_of(BOCHS, 6, fda=floppy(tmp_path), boot="a")
    assert text.rstrip().endswith("ok"), text


def test_uboot(guests: Guests, tmp_path: Path) -> None:
    """A firmware that is no PC BIOS: it finds its memory, lists PCI, draws on VESA, drives IDE and the network by itself."""
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(4 << 20))
    (tmp_path / "hello").write_text("over TFTP")
    nic = emu.Nic("e1000", netdev=emu.UserConfig(tftp=tmp_path))
    rom = guests.common("u-boot-qemu", "usr/lib/u-boot/qemu-x86/u-boot.rom")
    with emu.Machine(memory="64M", firmware=rom, disks=(emu.Disk(disk),), nics=(nic,)) as vm:
        text = vm.serial.expect("Hit any key to stop autoboot", timeout=10).before
        assert "DRAM:  64 MiB" in text and "Model: QEMU x86 (I440FX)" in text and "Video: 1024x768x32" in text

        def run(command: str) -> str:
            vm.serial.send(command + "\r")
            return vm.serial.expect("=> ", timeout=10).before

        vm.serial.send("x")
        vm.serial.expect("=> ", timeout=3)
        table = run("pci 0")
        assert "00.01.00   0x8086     0x7000" in table and "00.02.00   0x1234     0x1111" in table
        drives = run("ide reset")       # it takes a drive without DRDY for absent
        assert "Bus 0: OK" in drives and "Bus 1: OK" in drives
        assert "Model: EMU HARDDISK" in drives and "EMU DVD-ROM" in drives and "Capacity: 4.0 MB" in drives
        assert "bound to address 10.0.2.15" in run("dhcp 0x1000000 hello")
        assert "over TFTP" in run("md.b 0x1000000 9")


def test_grub_as_firmware(guests64: Guests, tmp_path: Path) -> None:
    """It sets up a VGA of QEMU's by hand, loads its own font there, and drives IDE disks by itself."""
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(4 << 20))
    rom = guests64.file("grub-firmware-qemu", "usr/share/qemu/grub.bin")
    with emu.Machine(memory="64M", firmware=rom, disks=(emu.Disk(disk),)) as vm:
        vm.screen.expect("Search & load /boot/multiboot.img", timeout=20)
        vm.keyboard.type("c")
        vm.screen.expect("grub>", timeout=5)
        lit = vm.screen.image()[17:33].any(axis=(1, 2))
        assert lit[::2].any() and lit[1::2].any()       # each line of the letters is there
        vm.keyboard.type("ls\n")
        vm.screen.expect("(ata0)", timeout=5)


def test_qboot(guests: Guests) -> None:
    """A firmware that only starts the kernel it finds in fw_cfg."""
    if not QBOOT.exists():
        pytest.skip(f"no {QBOOT} on this computer")
    with emu.Machine(memory="128M", firmware=QBOOT, kernel=guests.kernel, append="console=ttyS0") as vm:
        vm.serial.expect("Linux version 6", timeout=30)
        vm.serial.expect("Kernel command line: console=ttyS0", timeout=30)
