"""INT 13h of our BIOS: under QEMU against SeaBIOS, and under emu against QEMU.

What is the same under both BIOSes needs no golden: SeaBIOS is it. What differs is in DIFFERENT with its reason; a
difference that is not listed fails, and so does a listed one that is gone.
"""
from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from biosprog import ROMS, Answer, Program, run_emu, run_qemu
from disk_media import Media, sector

import emu

pytestmark = pytest.mark.skipif(not shutil.which("nasm"), reason="nasm builds the test programs")
needs_qemu = pytest.mark.skipif(not shutil.which("qemu-system-i386"), reason="QEMU is the other machine")
FIELDS = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "ds", "es", "flags")
BUFFER = 0x5000
PACKET = 0x6000


def packet(count: int, segment: int, offset: int, lba: int, size: int = 16) -> bytes:
    """Disk address packet."""
    return struct.pack("<BBHHHQ", size, 0, count, offset, segment, lba)


def clear(p: Program, n: int = 1024) -> None:
    p.poke(BUFFER, 0, bytes(n))


def read(p: Program, name: str, dl: int, cylinder: int, head: int, sector: int, count: int = 1, length: int = 512) -> None:
    """AH=02h and the first bytes that came."""
    clear(p)
    p.call(name, 0x13, ah=2, al=count, dl=dl, dh=head, ch=cylinder & 0xFF, cl=sector | cylinder >> 2 & 0xC0, es=BUFFER)
    p.dump(name + " data", BUFFER, 0, length)


def floppy() -> Program:
    """Floppy services on a 1.44 MB medium."""
    p = Program(at_boot=True)
    p.call("reset", 0x13, ah=0, dl=0)
    p.call("first", 0x13, ah=2, al=1, cx=1, es=BUFFER)
    p.call("parameters", 0x13, ah=8, dl=0)
    p.call("parameters B", 0x13, ah=8, dl=1)
    p.call("parameters C", 0x13, ah=8, dl=2)
    for dl in (0, 1, 2):
        p.call(f"type {dl}", 0x13, ah=0x15, dl=dl)
    read(p, "sector 1", 0, 0, 0, 1)
    read(p, "sector 18", 0, 0, 0, 18)
    read(p, "sector 19", 0, 0, 0, 19)
    read(p, "status", 0, 0, 0, 0)
    p.call("status of that", 0x13, ah=1, dl=0)
    read(p, "head 1", 0, 0, 1, 1)
    read(p, "track 79", 0, 79, 1, 18)
    read(p, "track 82", 0, 82, 0, 1)
    read(p, "head 2", 0, 0, 2, 1)
    read(p, "nothing", 0, 0, 0, 1, count=0)
    read(p, "a track", 0, 5, 0, 1, count=18, length=18 * 512)
    p.call("verify", 0x13, ah=4, al=4, cx=1, dl=0)
    p.call("change", 0x13, ah=0x16, dl=0)
    p.poke(BUFFER, 0, b"\x5A" * 1024)
    p.call("write", 0x13, ah=3, al=2, ch=7, cl=3, dl=0, es=BUFFER)
    read(p, "read back", 0, 7, 0, 2, count=4, length=2048)
    p.call("boundary", 0x13, ah=2, al=2, cx=1, dl=0, es=0x2000 - 0x10, bx=0)
    p.call("bad function", 0x13, ah=0x33, dl=0)
    p.call("set media", 0x13, ah=0x18, ch=79, cl=18, dl=0)
    p.call("set media 15", 0x13, ah=0x18, ch=79, cl=15, dl=0)
    p.call("no extensions", 0x13, ah=0x41, bx=0x55AA, dl=0)
    p.call("B", 0x13, ah=2, al=1, cx=1, dl=1, es=BUFFER)
    p.dump("bda", 0x40, 0x3E, 11)
    p.poke(BUFFER, 0, b"".join(bytes((10, 0, n, 2)) for n in range(1, 19)))
    p.call("format", 0x13, ah=5, al=18, ch=10, cl=1, dh=0, dl=0, es=BUFFER)
    read(p, "formatted", 0, 10, 0, 18, count=1)
    p.dump("equipment", 0x40, 0x10, 1)
    return p


def disks() -> Program:
    """The two fixed disks: CHS calls."""
    p = Program(at_boot=True)
    for dl in (0x80, 0x81, 0x82):
        for ah in (0, 8, 9, 0x0C, 0x0D, 0x10, 0x11, 0x14, 0x15):
            p.call(f"{ah:02x} {dl:02x}", 0x13, ah=ah, dl=dl, cx=1)
    read(p, "first", 0x80, 0, 0, 1)
    read(p, "last", 0x80, 39, 15, 63)
    read(p, "cylinder 40", 0x80, 40, 0, 1)
    read(p, "sector 0", 0x80, 0, 0, 0)
    read(p, "head 16", 0x80, 0, 16, 1)
    read(p, "over the end", 0x80, 39, 15, 63, count=2)
    read(p, "none", 0x80, 0, 0, 1, count=0)
    read(p, "128", 0x80, 1, 2, 3, count=127, length=0x8000)
    p.call("status after", 0x13, ah=1, dl=0x80)
    read(p, "bad", 0x80, 1023, 0, 1)
    p.call("status", 0x13, ah=1, dl=0x80)
    p.call("status again", 0x13, ah=1, dl=0x80)
    read(p, "unaligned", 0x80, 0, 1, 5, count=3)
    p.call("verify", 0x13, ah=4, al=9, cx=1, dl=0x80)
    p.poke(BUFFER, 0, b"\xA5" * 1024)
    p.call("write", 0x13, ah=3, al=2, ch=2, cl=3, dl=0x80, es=BUFFER)
    read(p, "read back", 0x80, 2, 0, 2, count=4, length=2048)
    read(p, "big first", 0x81, 0, 0, 1)
    p.call("seek too far", 0x13, ah=0x0C, dl=0x80, ch=200, cl=1)
    p.call("bad function", 0x13, ah=0x33, dl=0x80)
    p.call("change", 0x13, ah=0x16, dl=0x80)
    p.dump("count", 0x40, 0x75, 1)
    return p


def extended() -> Program:
    """AH=41h to 4Eh on disks."""
    p = Program(at_boot=True)
    for dl in (0x80, 0x81, 0x82, 0xE0):
        p.call(f"check {dl:02x}", 0x13, ah=0x41, bx=0x55AA, dl=dl)
        p.call(f"check badly {dl:02x}", 0x13, ah=0x41, bx=0x1234, dl=dl)
        for size in (0x10, 0x1A, 0x1E, 0x42, 0x4A, 0x60):
            p.poke(BUFFER, 0, struct.pack("<H", size) + b"\xEE" * 0x5E)
            p.call(f"parameters {dl:02x} {size:02x}", 0x13, ah=0x48, dl=dl, ds=BUFFER)
            p.dump(f"table {dl:02x} {size:02x}", BUFFER, 0, 0x60)
        for ah in (0x45, 0x46, 0x47, 0x49, 0x4E):
            if not (dl == 0xE0 and ah == 0x46):
                p.poke(PACKET, 0, packet(1, BUFFER, 0, 5))
                p.call(f"{ah:02x} {dl:02x}", 0x13, ah=ah, al=2 if ah == 0x45 else 1, dl=dl, ds=PACKET)
    for name, dl, count, lba in (("first", 0x80, 1, 0), ("many", 0x80, 100, 1000), ("last", 0x80, 1, 40 * 16 * 63 - 1),
                                 ("end", 0x80, 1, 40 * 16 * 63), ("over", 0x80, 2, 40 * 16 * 63 - 1), ("far", 0x80, 1, 1 << 40),
                                 ("none", 0x80, 0, 0), ("big", 0x81, 1, 0), ("big end", 0x81, 3, (3 << 21) - 3)):
        clear(p)
        p.poke(PACKET, 0, packet(count, BUFFER, 0, lba))
        p.call(name, 0x13, ah=0x42, dl=dl, ds=PACKET)
        p.dump(name + " data", BUFFER, 0, 1024)
        p.dump(name + " packet", PACKET, 0, 16)
        p.call(name + " verify", 0x13, ah=0x44, dl=dl, ds=PACKET)
    p.poke(BUFFER, 0, b"\xC3" * 1024)
    p.poke(PACKET, 0, packet(2, BUFFER, 0, 777))
    p.call("write", 0x13, ah=0x43, dl=0x80, ds=PACKET)
    p.poke(PACKET, 0, packet(4, BUFFER, 0, 776))
    p.call("read back", 0x13, ah=0x42, dl=0x80, ds=PACKET)
    p.dump("read back data", BUFFER, 0, 2048)
    p.poke(PACKET, 0, packet(1, BUFFER, 0, 0, size=8))
    p.call("short packet", 0x13, ah=0x42, dl=0x80, ds=PACKET)
    return p


def cdrom() -> Program:
    """A CD without boot record: packets of 2048 bytes."""
    p = Program(at_boot=True)
    for ah in (0, 1, 2, 3, 4, 8, 9, 0x0C, 0x10, 0x11, 0x14, 0x15):
        p.call(f"{ah:02x}", 0x13, ah=ah, dl=0xE0, cx=1, es=BUFFER)
    for name, count, lba in (("first", 1, 0), ("some", 3, 16), ("many", 15, 100), ("last", 1, 399), ("over", 2, 399),
                             ("end", 1, 400)):
        clear(p)
        p.poke(PACKET, 0, packet(count, BUFFER, 0, lba))
        p.call(name, 0x13, ah=0x42, dl=0xE0, ds=PACKET)
        p.dump(name + " data", BUFFER, 0, 1024)
        p.dump(name + " packet", PACKET, 0, 16)
    p.call("write", 0x13, ah=0x43, dl=0xE0, ds=PACKET)
    p.call("lock", 0x13, ax=0x4500, dl=0xE0)
    p.call("locked", 0x13, ax=0x4502, dl=0xE0)
    p.call("eject locked", 0x13, ax=0x4600, dl=0xE0)
    p.call("unlock", 0x13, ax=0x4501, dl=0xE0)
    p.call("unlock too often", 0x13, ax=0x4501, dl=0xE0)
    p.call("emulation", 0x13, ax=0x4B01, dl=0xE0, ds=PACKET)
    return p


PROGRAMS = (floppy, disks, extended, cdrom)


STATUS = "the AT's code for what is not on the medium is 04h; SeaBIOS has 01h or 0Ch for it"
ABSENT = "AH=08h and 15h answer 'no such drive' without an error, as on the AT"
LAST = "SeaBIOS keeps the last cylinder for diagnostics, as the AT did; we count all of them"
EDD = "the size field is the size of what was filled in; the device path says ATAPI for a CD; the parameters' table is elsewhere"
WHOLE = "a transfer that goes beyond the end is refused before it starts"

DIFFERENT: dict[str, dict[str, str]] = {
    "floppy": {
        "parameters": "the drive's table is elsewhere",
        "parameters B": ABSENT, "parameters C": ABSENT, "type 1": ABSENT, "type 2": ABSENT,
        "type 0": "a 1.44 MB drive has a change line, and we use it", "change": "so it has not been changed",
        "sector 19": STATUS, "track 82": STATUS,
        "status": "AL is the number of sectors moved, 0", "head 2": "as status",
        "set media": "SeaBIOS does not know the function", "set media 15": "as set media",
        "B": "a drive that is not there times out", "bda": "the controller's answer to the last command is kept there",
    },
    "disks": {
        "08 80": LAST, "08 81": LAST, "15 80": LAST, "15 81": LAST, "15 82": ABSENT,
        "cylinder 40": STATUS, "head 16": STATUS, "bad": STATUS, "status": STATUS,
        "sector 0": "AL is the number of sectors moved, 0",
        "over the end": WHOLE, "over the end data": WHOLE, "status again": "asking clears the status, as on the AT",
        "seek too far": "there is no such cylinder",
    },
    "extended": {
        **{f"check {dl}": "removable media are the CDs'" for dl in ("80", "81")},
        **{f"check badly {dl}": "BX must be 55AAh" for dl in ("80", "81", "e0")},
        **{f"table {dl} {size}": EDD for dl in ("80", "81", "e0") for size in ("1e", "42", "4a", "60")},
        "table e0 1a": "there is a disc, and this is its size",
        **{f"45 {dl}": "a fixed disk cannot be locked: B2h" for dl in ("80", "81")},
        **{f"4e {dl}": "AL: it holds for this drive alone" for dl in ("80", "81", "e0")},
        "49 e0": "the disc has not been changed; SeaBIOS says that it always may have been",
        "end": STATUS, "end verify": STATUS, "end packet": "the count says how many were moved, 0",
        "over": WHOLE, "over data": WHOLE, "over packet": WHOLE,
        "far": STATUS, "far packet": "as end packet", "far verify": STATUS, "short packet": "16 bytes are the least",
    },
    "cdrom": {
        "15": "AH=2: a drive with a change line", "over": STATUS, "end": STATUS,
        "write": "a CD cannot be written to", "emulation": "nothing was booted from this disc",
    },
}


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    return Media.make(tmp_path_factory.mktemp("media"))


def _same(a: Answer | bytes, b: Answer | bytes) -> bool:
    if isinstance(a, Answer) and isinstance(b, Answer):
        return all(getattr(a, f) == getattr(b, f) for f in FIELDS)
    return a == b


@needs_qemu
@pytest.mark.parametrize("make", PROGRAMS, ids=lambda make: make.__name__)
def test_answers_are_seabios_answers(make: Callable[[], Program], media: Media, tmp_path: Path) -> None:
    theirs = run_qemu(make(), None, tmp_path, *media.qemu())
    ours = run_qemu(make(), ROMS / "bios.bin", tmp_path, *media.qemu())
    different = {name for name in theirs if not _same(theirs[name], ours[name])}
    expected = set(DIFFERENT[make.__name__])
    text = "\n".join(f"{n}: SeaBIOS {theirs[n]}, ours {ours[n]}" for n in sorted(different ^ expected))
    assert different == expected, text


def check_floppy(a: dict[str, Answer | bytes]) -> None:
    """What the floppy's program must have answered, whatever machine ran it."""
    assert a["reset"].ah == 0 and not a["reset"].cf
    p = a["parameters"]
    assert (p.bl, p.ch, p.cl, p.dh, p.dl, p.cf) == (4, 79, 18, 1, 1, 0)
    assert a["type 0"].ah == 2 and a["type 1"].ah == 0
    for name, lba in (("sector 1", 0), ("sector 18", 17), ("head 1", 18), ("track 79", 2879)):
        assert a[name].ax == 1 and not a[name].cf, name
        assert a[name + " data"] == sector(lba), name
    assert a["a track"].al == 18 and a["a track data"] == b"".join(sector(180 + n) for n in range(18))
    assert a["sector 19"].cf and a["sector 19"].ah == 4
    assert a["track 82"].cf and a["track 82"].ah in (2, 4)
    for name in ("status", "head 2", "nothing", "bad function"):
        assert a[name].cf and a[name].ah == 1, name
    assert a["boundary"].cf and a["boundary"].ah == 9
    assert not a["write"].cf
    assert a["read back data"] == sector(7 * 36 + 1) + b"\x5A" * 1024 + sector(7 * 36 + 4)
    assert not a["set media"].cf and a["set media 15"].ah == 0x0C
    assert not a["format"].cf and a["formatted data"] == b"\xF6" * 512
    assert a["equipment"][0] & 0xC1 == 1


MACHINES_DIFFER = {
    "track 82": "QEMU's controller ends without a reason (20h), a real one finds no address mark (02h)",
    "equipment": "other serial ports",
    "formatted data": "QEMU's controller leaves the data as they were",
}


@needs_qemu
@pytest.mark.parametrize("make", PROGRAMS, ids=lambda make: make.__name__)
def test_emu_answers_as_qemu(make: Callable[[], Program], media: Media, tmp_path: Path) -> None:
    theirs = run_qemu(make(), ROMS / "bios.bin", tmp_path, *media.qemu())
    ours = run_emu(make(), None, tmp_path, fda=emu.Disk(media.floppy, snapshot=True), hda=emu.Disk(media.disk, snapshot=True),
                   hdb=emu.Disk(media.big, snapshot=True), cdrom=str(media.cd), boot="n")
    for name in theirs:
        assert name in MACHINES_DIFFER or _same(theirs[name], ours[name]), f"{name}: QEMU {theirs[name]}, emu {ours[name]}"


def test_floppy_on_emu(media: Media, tmp_path: Path) -> None:
    image = tmp_path / "floppy.img"
    shutil.copy(media.floppy, image)
    check_floppy(run_emu(floppy(), None, tmp_path, fda=str(image), boot="n"))
    assert image.read_bytes()[512 * (7 * 36 + 2):512 * (7 * 36 + 4)] == b"\x5A" * 1024
