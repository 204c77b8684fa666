"""Firmware in flash chips: OVMF comes up from a read-only code chip, keeps its variables in a writable one, boots a disk."""
from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from guests import Guests, busybox_initramfs

import emu
from emu.cli.main import main

OVMF = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
OVMF_VARS = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")


def flash(path: Path, readonly: bool = False) -> emu.Disk:
    return emu.Disk(path, interface="pflash", format="raw", readonly=readonly)


@pytest.mark.skipif(not OVMF.exists(), reason="no ovmf on this computer")
def test_ovmf_reaches_its_shell_and_keeps_variables(tmp_path: Path) -> None:
    variables = Path(shutil.copy(OVMF_VARS, tmp_path / "vars.fd"))
    before = variables.read_bytes()
    with emu.Machine(memory="128M", cpu="max", disks=(flash(OVMF, True), flash(variables))) as vm:
        vm.serial.expect("Shell>", timeout=60)
        assert vm.drives["pflash0"].medium.writes == 0
        assert vm.drives["pflash1"].medium.writes > 1000
        vm.serial.send("setvar emutest -guid 12345678-1234-1234-1234-123456789abc -nv -bs =0x2a2b\r")
        vm.serial.expect("Shell>", timeout=20)
    assert variables.read_bytes() != before
    with emu.Machine(memory="128M", cpu="max", disks=(flash(OVMF, True), flash(variables))) as vm:
        vm.serial.expect("Shell>", timeout=60)
        vm.serial.send("setvar emutest -guid 12345678-1234-1234-1234-123456789abc\r")
        vm.serial.expect("2B 2A", timeout=20)


@pytest.mark.skipif(not OVMF.exists() or not shutil.which("mformat"), reason="needs ovmf and mtools")
def test_uefi_boots_debian_from_a_disk(guests64: Guests, tmp_path: Path) -> None:
    """systemd-boot's menu on a FAT file system, the kernel's EFI stub, its console on the frame buffer that UEFI left."""
    loader = guests64.file("systemd-boot-efi", "usr/lib/systemd/boot/efi/systemd-bootx64.efi")
    disk, initrd, entry, config = (tmp_path / name for name in ("disk", "initrd", "debian.conf", "loader.conf"))
    initrd.write_bytes(busybox_initramfs(guests64.busybox))
    entry.write_text("title Debian\nlinux /linux\ninitrd /initrd\noptions console=tty0 console=ttyS0\n")
    config.write_text("timeout 5\n")
    with disk.open("wb") as out:
        out.truncate(64 << 20)

    def mtools(command: str, *words: str | Path) -> None:
        subprocess.run([command, "-i", disk, *words], check=True, capture_output=True)

    mtools("mformat", "-F", "::")
    mtools("mmd", "::/EFI", "::/EFI/BOOT", "::/loader", "::/loader/entries")
    for file, name in ((loader, "EFI/BOOT/BOOTX64.EFI"), (guests64.kernel, "linux"), (initrd, "initrd"),
                       (config, "loader/loader.conf"), (entry, "loader/entries/debian.conf")):
        mtools("mcopy", file, f"::/{name}")
    variables = emu.Disk(OVMF_VARS, interface="pflash", format="raw", snapshot=True)
    with emu.Machine(memory="256M", hda=emu.Disk(disk, readonly=True), disks=(flash(OVMF, True), variables)) as vm:
        vm.serial.expect("Boot in 3 s.", timeout=60)
        vm.keyboard.type("\n")
        log = vm.serial.expect("/ # ", timeout=60).before
        assert "efi: EFI v2.70 by EDK II" in log and "Registered efivars operations" in log
        assert re.search(r"DMI: emu PC, BIOS", log) and re.search(r"efifb: mode is \d+x\d+x32", log), log
        assert not vm.screen.text_mode
        assert len(np.unique((vm.screen.image().any(axis=2)).sum(axis=1))) > 50       # lines of text


def test_bad_flash(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    odd = tmp_path / "odd"
    odd.write_bytes(bytes(5000))
    big = tmp_path / "big"
    big.write_bytes(bytes(17 << 20))
    good = tmp_path / "good"
    good.write_bytes(bytes(65536))
    for words, argv, status in (
            ("multiple of 4 KiB", ("-pflash", odd), 66), ("larger than 16 MiB", ("-drive", f"if=pflash,file={big}"), 64),
            ("cannot both be", ("-pflash", good, "-bios", good), 64), ("no place on interface pflash", ("-pflash", good) * 3, 64),
            ("twice by this one", ("-pflash", good, "-pflash", good), 66)):
        assert main(["run", "-display", "none", *map(str, argv)]) == status
        err = capfd.readouterr().err
        assert words in err and err.count("\n") == 1, err
