"""Firmware starts from IDE drives: a boot sector that uses INT 13h, an El Torito CD; with SeaBIOS and with our own BIOS."""
from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from guests import Guests

import emu

# Boot sector: asks for the extensions (AH=41h), reads LBA 1000-1003 (42h) and prints the text there, reads C 0, H 1, S 1 (02h)
# and prints it, writes the four sectors to LBA 2000 (43h), says W (or the error as a character) on COM1; isa-debug-exit.
DISK_BOOT = bytes.fromhex(
    "31c08ed88ec08ed0bc007cb80041bbaa55cd137240be707cb442cd137237be0080e83a00b80102b90100b601bb0090cd137222be0090e82500c70678"
    "7cd007b80043be707ccd13720cb057e81b00ba010530c0eef488e00430e80d00ebf0ac84c07405e80300ebf6c352baf803ee5ac31000040000800000"
    "e803000000000000")
# The same for a CD: reads blocks 30-32 (42h), prints, says D.
CD_BOOT = bytes.fromhex(
    "31c08ed88ec08ed0bc007cbe417cb442cd137212be0080e81500b044e81b00ba010530c0eef488e00430e80d00ebf0ac84c07405e80300ebf6c352ba"
    "f803ee5ac310000300008000001e00000000000000")


def make_disk(path: Path) -> Path:
    image = bytearray(random.Random(1).randbytes(8 << 20))
    image[:512] = DISK_BOOT.ljust(510, b"\0") + b"\x55\xaa"
    image[1000 * 512:1000 * 512 + 9] = b"by LBA, \0"
    image[63 * 512:63 * 512 + 7] = b"by CHS\0"
    path.write_bytes(image)
    return path


def make_cd(path: Path) -> Path:
    """A disc with a boot record and catalogue (El Torito 1.0), no emulation, and no files."""
    image = bytearray(2048 * 40)
    image[16 * 2048:16 * 2048 + 7] = b"\x01CD001\x01"
    image[17 * 2048:17 * 2048 + 75] = (b"\x00CD001\x01" + b"EL TORITO SPECIFICATION".ljust(64, b"\0") + struct.pack("<I", 19))
    image[18 * 2048:18 * 2048 + 7] = b"\xffCD001\x01"
    entry = bytearray(struct.pack("<BBH24sHBB", 1, 0, 0, b"emu", 0, 0x55, 0xAA))
    struct.pack_into("<H", entry, 28, -sum(struct.unpack("<16H", entry)) & 0xFFFF)
    image[19 * 2048:19 * 2048 + 64] = entry + struct.pack("<BBHBBHI20x", 0x88, 0, 0, 0, 0, 4, 20)
    image[20 * 2048:20 * 2048 + len(CD_BOOT)] = CD_BOOT
    image[30 * 2048:30 * 2048 + 13] = b"from the disc"
    path.write_bytes(image)
    return path


@pytest.fixture(params=["seabios", "own"])
def firmware(request: pytest.FixtureRequest, guests: Guests) -> Path | None:
    return guests.seabios if request.param == "seabios" else None


def boot(firmware: Path | None, **options: object) -> emu.Machine:
    return emu.Machine(memory="32M", firmware=firmware, debug_exit=emu.DebugExitConfig(), **options)


@pytest.mark.parametrize("place", ["hda", "hdb", "hdc"])
def test_disk(firmware: Path | None, tmp_path: Path, place: str) -> None:
    path = make_disk(tmp_path / "disk.img")
    before = path.read_bytes()
    with boot(firmware, boot="c", **{place: path}) as vm:
        stop = vm.run(30)
        assert vm.serial.text.endswith("by LBA, by CHSW"), vm.serial.text
        assert stop.reason == "exit"
    after = path.read_bytes()
    assert after[2000 * 512:2004 * 512] == before[1000 * 512:1004 * 512]
    assert after[:2000 * 512] == before[:2000 * 512] and after[2004 * 512:] == before[2004 * 512:]


def test_el_torito(firmware: Path | None, tmp_path: Path) -> None:
    with boot(firmware, boot="d", cdrom=make_cd(tmp_path / "disc.iso")) as vm:
        stop = vm.run(30)
        assert vm.serial.text.endswith("from the discD"), vm.serial.text
        assert stop.reason == "exit"


def test_two_runs_are_one(firmware: Path | None, tmp_path: Path) -> None:
    """The whole run, with its disk, is the same twice."""
    hashes = set()
    for k in range(2):
        with boot(firmware, boot="c", hda=make_disk(tmp_path / f"{k}.img")) as vm:
            assert vm.run(30).reason == "exit"
            hashes.add((vm.run_hash(), vm.icount))
    assert len(hashes) == 1
