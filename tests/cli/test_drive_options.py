"""-hda, -drive, -boot and their kin: what they build, and one clear message for each thing that is wrong."""
from __future__ import annotations

from pathlib import Path

import pytest

from emu.cli.main import main
from emu.cli.options import parse
from emu.config import MachineConfig

USAGE, IMAGE = 64, 66


def config(*argv: str) -> MachineConfig:
    return parse(["-bios", "x", *argv]).config()


def places(cfg: MachineConfig) -> dict[str, str | None]:
    return {d.name: str(d.path) if d.path else None for d in cfg.drives}


def test_short_options() -> None:
    cfg = config("-hda", "a", "-hdb", "b", "-cdrom", "c", "-hdd", "d", "-fda", "e,with,commas", "-fdb", "f")
    assert places(cfg) == {"ide0-hd0": "a", "ide0-hd1": "b", "ide1-cd0": "c", "ide1-hd1": "d", "floppy0": "e,with,commas",
                           "floppy1": "f"}


def test_a_bare_word_is_the_first_disk() -> None:
    assert places(config("disk.img"))["ide0-hd0"] == "disk.img"


def test_empty_drives_are_there_by_default() -> None:
    assert places(config()) == {"floppy0": None, "ide1-cd0": None}
    assert places(config("-nodefaults")) == {}
    assert places(config("-hdc", "x")) == {"floppy0": None, "ide1-hd0": "x"}


def test_drive() -> None:
    cfg = config("-drive", "file=a,,b.img,format=raw,index=3,media=disk,readonly=on,id=data,serial=S1,cache=none,aio=threads",
                 "-drive", "file=cd.iso,media=cdrom", "-drive", "if=floppy,file=f,index=1", "-drive", "file=rw,snapshot=on")
    by_name = {d.name: d for d in cfg.drives}
    data = by_name["data"]
    assert (str(data.path), data.format, data.bus, data.unit, data.readonly, data.serial, data.cache) == \
        ("a,b.img", "raw", 1, 1, True, "S1", "none")
    assert by_name["ide0-cd0"].readonly
    assert str(by_name["floppy1"].path) == "f"
    assert by_name["ide0-hd1"].snapshot


def test_device_takes_a_loose_drive() -> None:
    cfg = config("-drive", "if=none,file=a,id=one", "-device", "ide-hd,drive=one,bus=ide.1,unit=1,bootindex=2,serial=Q",
                 "-drive", "if=none,file=b,id=two", "-device", "ide-cd,drive=two,bus=ide.0", "-device", "floppy,unit=1")
    one, two = (next(d for d in cfg.drives if d.name == name) for name in ("one", "two"))
    assert (one.interface, one.bus, one.unit, one.media, one.bootindex, one.serial) == ("ide", 1, 1, "disk", 2, "Q")
    assert (two.bus, two.unit, two.media) == (0, 0, "cdrom")
    assert any(d.interface == "floppy" and d.unit == 1 for d in cfg.drives)


def test_a_loose_drive_nobody_takes_is_mentioned() -> None:
    options = parse(["-bios", "x", "-drive", "if=none,file=a,id=one"])
    options.config()
    assert any("connected to nothing" in note for note in options.notes)


def test_snapshot_is_for_all_but_read_only_ones() -> None:
    cfg = config("-hda", "a", "-cdrom", "b", "-drive", "file=c,readonly=on", "-fda", "f", "-snapshot")
    assert {d.name: d.snapshot for d in cfg.drives} == {"ide0-hd0": True, "ide1-cd0": False, "ide0-hd1": False, "floppy0": True}


@pytest.mark.parametrize(("argv", "first", "then"), [
    ((), [2, 1, 3], [2, 1, 3]), (("-boot", "a"), [1], [1]), (("-boot", "cd"), [2, 3], [2, 3]),
    (("-boot", "order=dc,once=n"), [4], [3, 2]), (("-boot", "once=d"), [3], [2, 1, 3]),
])
def test_boot_order(argv: tuple[str, ...], first: list[int], then: list[int]) -> None:
    boot = config(*argv).boot
    assert not isinstance(boot, str)
    assert (boot.codes(True), boot.codes(False)) == (first, then)


def test_boot_menu() -> None:
    boot = config("-boot", "menu=on,splash-time=1500").boot
    assert not isinstance(boot, str)
    assert (boot.menu, boot.splash_time_ms) == (True, 1500)


@pytest.mark.parametrize(("words", "argv"), [
    ("unknown parameter 'fil'; did you mean 'file'", ("-drive", "fil=x")),
    ("this PC has no virtio", ("-drive", "file=x,if=virtio")),
    ("qemu-img convert -f vmdk", ("-drive", "file=x,format=vmdk")),
    ("unknown drive media 'dvd'", ("-drive", "file=x,media=dvd")),
    ("neither on nor off", ("-drive", "file=x,readonly=maybe")),
    ("not a number", ("-drive", "file=x,index=two")),
    ("give one of them", ("-drive", "file=x,index=1,bus=0")),
    ("no bus 2", ("-drive", "file=x,index=4")),
    ("no unit 2", ("-drive", "file=x,bus=0,unit=2")),
    ("needs an image (file=)", ("-drive", "media=disk")),
    ("if=none needs id=", ("-drive", "file=x,if=none")),
    ("two drives have id=a", ("-drive", "file=x,id=a", "-drive", "file=y,id=a")),
    ("there is no drive 'nope'", ("-device", "ide-hd,drive=nope")),
    ("needs drive=", ("-device", "ide-hd")),
    ("connected already", ("-drive", "file=x,id=a", "-device", "ide-hd,drive=a")),
    ("the IDE channels are ide.0 and ide.1", ("-drive", "file=x,id=a,if=none", "-device", "ide-hd,drive=a,bus=scsi.0")),
    ("taken by 'x'", ("-hda", "x", "-hda", "y")),
    ("taken by 'x'", ("-hdc", "x", "-cdrom", "y")),
    ("needs a value", ("-hda",)),
    ("needs an image file", ("-hda", "")),
    ("'x' is no device", ("-boot", "x")),
    ("names 'a' twice", ("-boot", "aca")),
    ("shows no pictures", ("-boot", "splash=logo.bmp")),
    ("outside -1..65535", ("-boot", "splash-time=99999")),
])
def test_bad_options(capfd: pytest.CaptureFixture[str], words: str, argv: tuple[str, ...]) -> None:
    assert main(["run", "-bios", "/dev/null", "-display", "none", *argv]) == USAGE
    err = capfd.readouterr().err
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("words", "argv"), [
    ("'{0}/none' does not exist", ("-hda", "{0}/none")), ("is a directory", ("-cdrom", "{0}")),
    ("is empty", ("-fda", "{0}/empty")),
    ("is a gzip file", ("-hda", "{0}/image.gz")), ("more than any floppy", ("-fda", "{0}/big")),
    ("twice by this one", ("-fda", "{0}/ok", "-fdb", "{0}/ok")),
])
def test_bad_images(capfd: pytest.CaptureFixture[str], tmp_path: Path, words: str, argv: tuple[str, ...]) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "image.gz").write_bytes(b"\x1f\x8b\x08" + bytes(1000))
    (tmp_path / "ok").write_bytes(bytes(1474560))
    with (tmp_path / "big").open("wb") as out:
        out.truncate(8 << 20)
    bios = tmp_path / "bios"
    bios.write_bytes(b"\xf4" * 65536)
    argv = tuple(word.format(tmp_path) for word in argv)
    assert main(["run", "-bios", str(bios), "-display", "none", *argv]) == IMAGE
    err = capfd.readouterr().err
    assert words.format(tmp_path) in err
    assert err.count("\n") == 1
