"""Firmware of others by -bios: SeaBIOS of 256 KiB, Bochs' BIOS, U-Boot come up as far as they do on the PC they are made for."""
from __future__ import annotations

from pathlib import Path

import pytest
from guests import Guests

import emu

SEABIOS = Path("/usr/share/seabios/bios-256k.bin")
BOCHS = Path("/usr/share/bochs/BIOS-bochs-latest")


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


def test_uboot(guests: Guests) -> None:
    """A firmware that is no PC BIOS: it finds its memory, lists PCI and draws on VESA by itself."""
    with emu.Machine(memory="64M", firmware=guests.common("u-boot-qemu", "usr/lib/u-boot/qemu-x86/u-boot.rom")) as vm:
        text = vm.serial.expect("Hit any key to stop autoboot", timeout=10).before
        assert "DRAM:  64 MiB" in text and "Model: QEMU x86 (I440FX)" in text and "Video: 1024x768x32" in text
        vm.serial.send("x")
        vm.serial.expect("=> ", timeout=3)
        vm.serial.send("pci 0\r")
        table = vm.serial.expect("=> ", timeout=3).before
        assert "00.01.00   0x8086     0x7000" in table and "00.02.00   0x1234     0x1111" in table
