"""Firmware in flash chips: OVMF comes up from a read-only code chip and keeps its variables in a writable one."""
from __future__ import annotations

import shutil
from pathlib import Path

import pytest

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
