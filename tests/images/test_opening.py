"""What a person's image file becomes: kinds, sizes, locks, overlays, and messages about what is wrong."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from process import ENV

from emu.errors import ConfigError, ImageError
from emu.images.disk import Disk, place_all
from emu.images.floppy import BY_SIZE, STANDARD, find_format
from emu.images.opening import open_disk

QEMU_IO = shutil.which("qemu-io")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(range(256)) * 4 * 1024)
    return path


def test_what_is_written_is_in_the_file_at_once(image: Path) -> None:
    opened = open_disk(Disk(image))
    opened.medium.pwrite(512, b"hello")
    assert image.read_bytes()[512:517] == b"hello"
    assert opened.medium.pread(510, 9)[2:7] == b"hello"
    opened.close()


def test_readonly(image: Path) -> None:
    opened = open_disk(Disk(image, readonly=True))
    with pytest.raises(OSError, match="write"):
        opened.medium.pwrite(0, b"x")
    assert opened.medium.pread(0, 4) == bytes([0, 1, 2, 3])
    opened.close()


def test_reads_behind_the_end_are_zeros_and_writes_are_refused(image: Path) -> None:
    opened = open_disk(Disk(image))
    size = opened.size
    assert opened.medium.pread(size - 4, 8) == bytes([252, 253, 254, 255, 0, 0, 0, 0])
    with pytest.raises(OSError, match="write"):
        opened.medium.pwrite(size - 2, b"1234")
    assert image.stat().st_size == size
    opened.close()


def test_a_disk_of_odd_size_ends_in_a_whole_sector(tmp_path: Path) -> None:
    path = tmp_path / "odd.img"
    path.write_bytes(b"a" * 1000)
    opened = open_disk(Disk(path))
    assert opened.size == 1024
    assert "not whole sectors" in opened.notes[0]
    assert opened.medium.pread(512, 512) == b"a" * 488 + bytes(24)
    opened.medium.pwrite(512, b"b" * 512)
    opened.close()
    assert path.read_bytes() == b"a" * 512 + b"b" * 512


def test_snapshot_leaves_the_file_alone(image: Path) -> None:
    before = image.read_bytes()
    opened = open_disk(Disk(image, snapshot=True))
    assert not opened.readonly
    opened.medium.pwrite(5000, b"z" * 9000)
    opened.medium.pwrite(100, b"y")
    want = bytearray(before)
    want[5000:14000] = b"z" * 9000
    want[100] = ord("y")
    assert opened.medium.pread(0, len(before)) == bytes(want)
    opened.close()
    assert image.read_bytes() == before


def test_overlay_matches_a_plain_copy_over_random_requests(image: Path) -> None:
    import random
    rnd = random.Random(3)
    opened = open_disk(Disk(image, snapshot=True))
    model = bytearray(image.read_bytes())
    for _ in range(600):
        at = rnd.randrange(len(model) // 512) * 512
        n = min(rnd.choice((512, 1024, 4096, 12800, 65536)), len(model) - at)
        if rnd.random() < 0.5:
            data = rnd.randbytes(n)
            model[at:at + n] = data
            opened.medium.pwrite(at, data)
        else:
            assert opened.medium.pread(at, n) == bytes(model[at:at + n])
    assert opened.medium.pread(0, len(model)) == bytes(model)


# ---- what is wrong with a file ------------------------------------------------------------------------------------
def test_missing_directory_empty_and_special_files(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "fifo")
    for name, words in (("none", "does not exist"), ("", "is a directory"), ("empty", "is empty"),
                        ("empty/x", "part of its path"),
                        ("fifo", "neither a file nor a block device")):
        with pytest.raises(ImageError, match=words):
            open_disk(Disk(tmp_path / name))
    with pytest.raises(ImageError, match="neither a file"):
        open_disk(Disk(Path("/dev/null")))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_may_not_be_written(image: Path) -> None:
    image.chmod(0o444)
    with pytest.raises(ImageError, match="readonly=on"):
        open_disk(Disk(image))
    open_disk(Disk(image, readonly=True)).close()
    open_disk(Disk(image, snapshot=True)).close()


@pytest.mark.parametrize(("head", "words"), [
    (b"KDMV", "VMDK"), (b"vhdxfile", "VHDX"), (b"conectix", "VHD"), (b"QED\0", "QED"), (b"QFI\xfb\0\0\0\1", "version 1"),
    (b"\x1f\x8b\x08", "gzip"), (b"\xfd7zXZ\0", "xz"), (b"PK\x03\x04", "zip"), (b"\0" * 64 + b"\x7f\x10\xda\xbe", "VDI"),
    (b"\0" + b"\xff" * 10 + b"\0", "raw CD"),
])
def test_images_of_other_programs_are_recognised(tmp_path: Path, head: bytes, words: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(head + bytes(4096))
    with pytest.raises(ImageError, match=words):
        open_disk(Disk(path))
    open_disk(Disk(path, format="raw")).close()


def test_a_guest_cannot_turn_a_raw_image_into_qcow2(image: Path) -> None:
    opened = open_disk(Disk(image))
    with pytest.raises(OSError, match="write"):
        opened.medium.pwrite(0, b"QFI\xfb\0\0\0\3" + bytes(504))
    opened.medium.pwrite(0, b"QFI")
    with pytest.raises(OSError, match="write"):
        opened.medium.pwrite(3, b"\xfb")
    opened.medium.pwrite(512, b"QFI\xfb")
    opened.close()
    assert open_disk(Disk(image)).format == "raw"


def test_a_named_raw_format_takes_every_byte(image: Path) -> None:
    opened = open_disk(Disk(image, format="raw"))
    opened.medium.pwrite(0, b"QFI\xfb" + bytes(508))
    opened.close()
    assert image.read_bytes()[:4] == b"QFI\xfb"


# ---- locks --------------------------------------------------------------------------------------------------------
def test_two_writers(image: Path) -> None:
    first = open_disk(Disk(image))
    for second in (Disk(image), Disk(image, snapshot=True), Disk(image, readonly=True)):
        with pytest.raises(ImageError, match="being written by another machine"):
            open_disk(second)
    open_disk(Disk(image, readonly=True, lock=False)).close()
    first.close()
    open_disk(Disk(image)).close()


def test_readers_share_and_keep_writers_out(image: Path) -> None:
    readers = [open_disk(Disk(image, readonly=True)), open_disk(Disk(image, snapshot=True))]
    with pytest.raises(ImageError, match="in use by another machine"):
        open_disk(Disk(image))
    for reader in readers:
        reader.close()
    open_disk(Disk(image)).close()


def test_a_lock_dies_with_its_process(image: Path) -> None:
    code = ("import sys; from emu.images.opening import open_disk; from emu.images.disk import Disk\n"
            "d = open_disk(Disk(sys.argv[1])); print('open', flush=True); sys.stdin.read()")
    child = subprocess.Popen([sys.executable, "-P", "-c", code, str(image)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, env=ENV)
    assert child.stdout is not None
    assert child.stdout.readline() == b"open\n"
    with pytest.raises(ImageError, match="being written"):
        open_disk(Disk(image))
    child.kill()
    child.wait()
    open_disk(Disk(image)).close()


@pytest.mark.skipif(QEMU_IO is None, reason="no qemu-io")
def test_locks_keep_qemu_out_and_are_kept_out_by_it(image: Path) -> None:
    assert QEMU_IO is not None
    first = open_disk(Disk(image))
    done = subprocess.run([QEMU_IO, "-f", "raw", "-c", "read 0 512", str(image)], capture_output=True, text=True, check=False)
    assert "lock" in done.stderr
    first.close()
    peer = subprocess.Popen([QEMU_IO, "-f", "raw", str(image)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert peer.stdin is not None and peer.stdout is not None
    peer.stdin.write(b"read 0 512\n")
    peer.stdin.flush()
    peer.stdout.read(20)
    with pytest.raises(ImageError, match="being written"):
        open_disk(Disk(image))
    peer.stdin.write(b"quit\n")
    peer.stdin.flush()
    peer.communicate()


# ---- kill -9 ------------------------------------------------------------------------------------------------------
def test_kill_9_loses_nothing_that_was_flushed(image: Path) -> None:
    """A child writes numbered sectors, flushes, says so and is killed in the middle of going on."""
    code = """
import sys
from emu.images.opening import open_disk
from emu.images.disk import Disk
medium = open_disk(Disk(sys.argv[1])).medium
for n in range(10**9):
    medium.pwrite(n % 2000 * 512, n.to_bytes(4, "little") * 128)
    if n % 16 == 15:
        medium.sync()
        print(n, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-P", "-c", code, str(image)], stdout=subprocess.PIPE, text=True, env=ENV)
    assert child.stdout is not None
    last = 0
    while last < 500:
        last = int(child.stdout.readline())
    child.kill()
    rest = child.communicate()[0].split()
    last = int(rest[-1]) if rest else last
    data = image.read_bytes()
    for n in range(max(0, last - 1500), last + 1):
        sector = data[n % 2000 * 512:][:512]
        value = int.from_bytes(sector[:4], "little")
        assert value >= n and sector == sector[:4] * 128


# ---- floppies -----------------------------------------------------------------------------------------------------
def test_every_standard_size_is_its_format() -> None:
    sizes = {163840: (40, 1, 8), 184320: (40, 1, 9), 327680: (40, 2, 8), 368640: (40, 2, 9), 737280: (80, 2, 9),
             1228800: (80, 2, 15), 1474560: (80, 2, 18), 2949120: (80, 2, 36), 1720320: (80, 2, 21), 1763328: (82, 2, 21)}
    for size, chs in sizes.items():
        form = find_format(size, "x")
        assert (form.cylinders, form.heads, form.sectors) == chs
        assert form.size == size
    assert [f.text for f in STANDARD] == ["160K", "180K", "320K", "360K", "720K", "1.2M", "1.44M", "2.88M"]
    assert all(form.size == size for size, form in BY_SIZE.items())


@pytest.mark.parametrize(("size", "text"), [(512, "1.44M"), (163841, "1.44M"), (1474048, "1.44M"), (1474561, "2.88M")])
def test_a_cut_off_floppy(tmp_path: Path, size: int, text: str) -> None:
    path = tmp_path / "cut.img"
    path.write_bytes(b"b" * size)
    opened = open_disk(Disk(path, interface="floppy"))
    assert opened.floppy is not None and opened.floppy.text == text
    assert "end is missing" in opened.notes[0]
    assert opened.medium.pread(opened.size - 512, 512) == bytes(512)
    opened.medium.pwrite(size // 512 * 512, b"c" * 512)
    opened.close()
    assert path.stat().st_size == size // 512 * 512 + 512


def test_too_large_for_a_floppy(tmp_path: Path) -> None:
    path = tmp_path / "big.img"
    with path.open("wb") as out:
        out.truncate(10 << 20)
    with pytest.raises(ImageError, match="more than any floppy"):
        open_disk(Disk(path, interface="floppy"))


def test_cd_sizes(tmp_path: Path) -> None:
    path = tmp_path / "cd.iso"
    path.write_bytes(b"x" * 2047)
    with pytest.raises(ImageError, match="less than a sector"):
        open_disk(Disk(path, media="cdrom"))
    path.write_bytes(b"x" * 2049)
    opened = open_disk(Disk(path, media="cdrom"))
    assert (opened.size, opened.readonly) == (4096, True)
    opened.close()


# ---- places -------------------------------------------------------------------------------------------------------
def test_places_are_given_in_order() -> None:
    a, b, c = place_all([Disk("a"), Disk("b", bus=0, unit=0), Disk("c", media="cdrom")])
    assert [(d.bus, d.unit) for d in (a, b, c)] == [(0, 0), (0, 1), (1, 0)]
    assert [d.name for d in (a, b, c)] == ["ide0-hd0", "ide0-hd1", "ide1-cd0"]
    assert str(a.path) == "b"


def test_no_place_is_left() -> None:
    with pytest.raises(ConfigError, match="no place on interface ide"):
        place_all([Disk(str(k)) for k in range(5)])
    with pytest.raises(ConfigError, match="taken by 'a'"):
        place_all([Disk("a", bus=1, unit=0), Disk("b", bus=1, unit=0)])


def test_two_of_a_name() -> None:
    with pytest.raises(ConfigError, match="two drives are called"):
        place_all([Disk("a", id="x"), Disk("b", id="x")])


@pytest.mark.parametrize(("options", "words"), [
    ({"format": "vdi"}, "qemu-img convert -f vdi"), ({"interface": "scsi"}, "no scsi"), ({"media": "dvd"}, "cdrom"),
    ({"cache": "write-back"}, "writeback"), ({"bus": 2}, "no bus 2"), ({"unit": -1}, "no unit -1"),
    ({"interface": "floppy", "media": "cdrom"}, "belongs on interface ide"),
    ({"overlay": "o", "snapshot": True}, "is to be kept"),
    ({"media": "cdrom", "overlay": "o"}, "do not go with it|takes no overlay"),
])
def test_contradictions(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Disk("x", **options)        # type: ignore[arg-type]
