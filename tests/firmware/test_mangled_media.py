"""Boot sectors, partition tables, El Torito catalogs, floppies and option ROMs that are wrong: our BIOS says so or starts what
is there; it never hangs and the machine never breaks.

What is bootable says "!" on COM1 and halts.  A start from garbage may do anything but leave the BIOS waiting without a word.
"""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path

import pytest

import emu
from emu.images.disk import Disk

SAYS = b"\xba\xf8\x03\xb0\x21\xee\xfa\xf4"  # mov dx, 3F8h; mov al, '!'; out dx, al; cli; hlt
SEEDS = 6 * int(os.environ.get("EMU_MANGLE", "1"))
BLOCK = 2048
CATALOG, IMAGE = 19, 20
NO_BOOT = "No bootable device"


def boot(**options: object) -> str:
    """What became of it: "started", "message", or how the guest ended or where it is."""
    with emu.Machine(memory="8M", icount_shift=6, **options) as vm:
        for _ in range(8):
            stop = vm.run(seconds=0.5)
            if "!" in vm.serial.text:
                return "started"
            if NO_BOOT in vm.screen.text():
                return "message"
            if stop.reason != "budget":
                return stop.reason
        regs = vm.regs
        in_bios = regs["cs_base"] >= 0xE0000 or regs["cs_base"] >= 0xC0000 and not regs["cr0"] & 1
        handed_over = "Booting from" in vm.screen.text()  # what was started may well call the BIOS for ever
        assert handed_over or not in_bios, f"the BIOS waits at {regs['cs']:04x}:{regs['eip']:x}\n{vm.screen.text()}"
        return "elsewhere"


def el_torito(media: int = 0) -> bytearray:
    """A CD of 40 blocks that boots without emulation (0) or as a 1.44 MB floppy (2)."""
    cd = bytearray(40 * BLOCK if media == 0 else 800 * BLOCK)
    cd[16 * BLOCK : 16 * BLOCK + 7] = b"\x01CD001\x01"
    struct.pack_into("<IHHH", cd, 16 * BLOCK + 80, len(cd) // BLOCK, 0, 0, 0)
    cd[17 * BLOCK : 17 * BLOCK + 39] = b"\x00CD001\x01" + b"EL TORITO SPECIFICATION".ljust(32, b"\0")
    struct.pack_into("<I", cd, 17 * BLOCK + 71, CATALOG)
    cd[18 * BLOCK : 18 * BLOCK + 7] = b"\xffCD001\x01"
    entry = bytearray(b"\x01\0\0\0" + b"test".ljust(24, b"\0") + b"\0\0\x55\xaa")
    struct.pack_into("<H", entry, 28, -sum(struct.unpack("<16H", entry)) & 0xFFFF)
    cd[CATALOG * BLOCK : CATALOG * BLOCK + 32] = entry
    struct.pack_into("<BBHBBHI", cd, CATALOG * BLOCK + 32, 0x88, media, 0, 0, 0, 4, IMAGE)
    cd[IMAGE * BLOCK : IMAGE * BLOCK + len(SAYS)] = SAYS
    cd[IMAGE * BLOCK + 510 : IMAGE * BLOCK + 512] = b"\x55\xaa"
    return cd


def on_cd(tmp_path: Path, cd: bytes) -> str:
    path = tmp_path / "x.iso"
    path.write_bytes(cd)
    return boot(cdrom=path, boot="d")


def on_disk(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "x.img"
    path.write_bytes(data)
    return boot(hda=Disk(path, format="raw", snapshot=True), boot="c")


def mangle(data: bytearray, first: int, n: int, rnd: random.Random) -> bytes:
    """A few bytes of a range changed."""
    for _ in range(rnd.randrange(1, 5)):
        data[first + rnd.randrange(n)] = rnd.choice((0, 1, 0x7F, 0x80, 0xFF, rnd.getrandbits(8)))
    return bytes(data)


# ---- CDs -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("media", [0, 2])
def test_whole_cds_start(tmp_path: Path, media: int) -> None:
    assert on_cd(tmp_path, el_torito(media)) == "started"


@pytest.mark.parametrize("seed", range(SEEDS))
def test_catalogs_with_wrong_fields(tmp_path: Path, seed: int) -> None:
    rnd = random.Random(seed)
    first, n = rnd.choice(((CATALOG * BLOCK, 30), (CATALOG * BLOCK + 32, 12), (CATALOG * BLOCK + 32, 12), (17 * BLOCK, 75)))
    on_cd(tmp_path, mangle(el_torito(rnd.choice((0, 2))), first, n, rnd))


@pytest.mark.parametrize(
    ("at", "field"),
    [
        (17 * BLOCK + 71, b"\xff\xff\xff\xff"),  # the catalog lies behind the CD
        (17 * BLOCK + 71, b"\0\0\0\0"),
        (CATALOG * BLOCK, b"\0"),  # no validation entry
        (CATALOG * BLOCK + 28, b"\x12\x34"),  # its checksum
        (CATALOG * BLOCK + 30, b"\0\0"),
        (CATALOG * BLOCK + 32, b"\0"),  # not bootable
        (CATALOG * BLOCK + 40, b"\xff\xff\xff\xff"),  # the image lies behind the CD
        (17 * BLOCK, b"\xff"),  # the descriptors end before the boot record
    ],
)
def test_catalogs_that_lead_nowhere(tmp_path: Path, at: int, field: bytes) -> None:
    cd = el_torito()
    cd[at : at + len(field)] = field
    assert on_cd(tmp_path, cd) == "message"


@pytest.mark.parametrize("blocks", [1, 16, 17, 18, 19, 20])
def test_cut_off_cds(tmp_path: Path, blocks: int) -> None:
    assert on_cd(tmp_path, el_torito()[: blocks * BLOCK]) == "message"


# ---- disks and floppies --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(SEEDS))
def test_boot_sectors_of_noise(tmp_path: Path, seed: int) -> None:
    sector = bytearray(random.Random(seed).randbytes(512))
    sector[510:] = b"\x55\xaa"
    if seed % 2:
        sector[: len(SAYS)] = SAYS
    got = on_disk(tmp_path, bytes(sector) + bytes(63 * 512))
    assert got == "started" or not seed % 2


@pytest.mark.parametrize("size", [1, 511, 512, 513, 4096, 100_000])
def test_disks_of_any_size_without_a_boot_sector(tmp_path: Path, size: int) -> None:
    assert on_disk(tmp_path, b"\x90" * size) == "message"


@pytest.mark.parametrize("size", [1, 512, 163840, 200_000, 737280, 1474560, 1720320, 2949120])
def test_floppies_of_any_size(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x.img"
    sector = (SAYS.ljust(510, b"\0") + b"\x55\xaa")[:size]
    path.write_bytes(sector.ljust(size, b"\xf6"))
    got = boot(fda=Disk(path, format="raw", readonly=True), boot="a")
    assert got == ("started" if size >= 512 else "message")


# ---- option ROMs ---------------------------------------------------------------------------------------------------
def rom(size: int = 1024, blocks: int | None = None, code: bytes = b"\xcb", right: bool = True) -> bytes:
    """An option ROM: 55 AA, its length, a far return; the checksum right or not."""
    data = bytearray(b"\x55\xaa" + bytes([blocks if blocks is not None else size // 512]) + code).ljust(size, b"\0")
    data[-1] = (-sum(data) + (0 if right else 1)) & 0xFF
    return bytes(data)


@pytest.mark.parametrize(
    "image",
    [rom(), rom(right=False), rom(blocks=0), rom(blocks=255), rom(size=1536, blocks=2), b"\x55\xaa", b"\x55\xaa\x01", b"\0" * 512,
     b"\xff" * 4096, rom(size=65536), random.Random(2).randbytes(2048)],
    ids=["whole", "checksum", "no length", "too long", "too short", "two bytes", "three bytes", "zeros", "ones", "64K", "noise"],
)  # fmt: skip
def test_option_roms(tmp_path: Path, image: bytes) -> None:
    path = tmp_path / "x.rom"
    path.write_bytes(image)
    assert boot(option_roms=(path,), boot="c") == "message"
