"""What is wrong with an image or a machine is said in one clear message, with a status of its own."""
from __future__ import annotations

from pathlib import Path

import pytest
from guests import Guests

import emu
from emu.cli.qemu import main_i386

USAGE, IMAGE = 64, 66


def fail(capfd: pytest.CaptureFixture[str], status: int, words: str, *argv: object) -> None:
    assert main_i386([str(a) for a in argv] + ["-display", "none"]) == status
    err = capfd.readouterr().err
    assert words in err, err
    assert "Traceback" not in err


def bz_image(tmp_path: Path, length: int = 0x4000, version: int = 0x20F, system: int = 0x2000) -> Path:
    image = bytearray(0x4000)
    image[0x1F1] = 1
    image[0x1F4:0x1F8] = (system // 16).to_bytes(4, "little")
    image[0x1FE:0x200] = b"\x55\xaa"
    image[0x201:0x206] = b"\x6aHdrS"
    image[0x206:0x208] = version.to_bytes(2, "little")
    image[0x211] = 1
    image[0x22C:0x230] = (0x7FFFFFFF).to_bytes(4, "little")
    image[0x238:0x23C] = (16).to_bytes(4, "little")
    path = tmp_path / "bzImage"
    path.write_bytes(image[:length])
    return path


@pytest.mark.parametrize(("words", "argv"), [
    ("unknown cpu 'pentum'; did you mean 'pentium'", ("-cpu", "pentum")),
    ("impossible", ("-m", "0")), ("impossible", ("-m", "999G")), ("not a size", ("-m", "lots")),
    ("one processor", ("-smp", "4")),
    ("unknown type 'q35'", ("-M", "q35")),
])
def test_impossible_machines(capfd: pytest.CaptureFixture[str], words: str, argv: tuple[str, ...]) -> None:
    fail(capfd, USAGE, words, "-kernel", "/dev/null", *argv)


def test_nothing_to_boot(capfd: pytest.CaptureFixture[str]) -> None:
    fail(capfd, USAGE, "nothing to boot")


def test_missing_kernel(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    fail(capfd, IMAGE, "does not exist", "-kernel", tmp_path / "vmlinuz")
    fail(capfd, IMAGE, "is a directory", "-kernel", tmp_path)
    fail(capfd, IMAGE, "is empty", "-kernel", "/dev/null")


def test_not_a_kernel(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("hello\n" * 1000)
    fail(capfd, IMAGE, "neither a Linux bzImage, Multiboot 1 nor an ELF kernel", "-kernel", path)


def test_truncated_bzimage(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    fail(capfd, IMAGE, "cut off", "-kernel", bz_image(tmp_path, length=0x1000))
    fail(capfd, IMAGE, "cut off inside its setup header", "-kernel", bz_image(tmp_path, length=0x210))


def test_command_line_too_long(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    fail(capfd, IMAGE, "takes 16", "-kernel", bz_image(tmp_path), "-append", "x" * 17)


def test_initrd_larger_than_memory(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    big = tmp_path / "initrd"
    with big.open("wb") as out:
        out.truncate(20 << 20)
    fail(capfd, IMAGE, "do not fit into 16 MiB", "-kernel", bz_image(tmp_path), "-initrd", big, "-m", "16")


def test_missing_initrd(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    fail(capfd, IMAGE, "initrd '/no/such'", "-kernel", bz_image(tmp_path), "-initrd", "/no/such")


def test_truncated_real_kernel(capfd: pytest.CaptureFixture[str], tmp_path: Path, guests: Guests) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(guests.kernel.read_bytes()[:1 << 20])
    fail(capfd, IMAGE, "cut off", "-kernel", path)


def test_too_little_memory_for_a_real_kernel(capfd: pytest.CaptureFixture[str], guests: Guests) -> None:
    fail(capfd, IMAGE, "MiB of memory to start", "-kernel", guests.kernel, "-m", "16")


@pytest.mark.parametrize(("patch", "words"), [
    ({4: 2}, "another processor"), ({4: 3}, "unknown class"),
    ({5: 2}, "big-endian"), ({18: 40}, "another processor"), ({16: 1}, "not an executable"),
    ({44: 255, 45: 1}, "cut off inside its program headers"),
])
def test_elf_that_cannot_be_started(capfd: pytest.CaptureFixture[str], tmp_path: Path, patch: dict[int, int], words: str) -> None:
    image = bytearray(0x2000)
    image[:7] = b"\x7fELF\x01\x01\x01"
    image[16], image[18], image[28], image[42], image[44] = 2, 3, 52, 32, 0
    for offset, value in patch.items():
        image[offset] = value
    path = tmp_path / "kernel.elf"
    path.write_bytes(image)
    fail(capfd, IMAGE, words, "-kernel", path)


def test_multiboot_header_that_cannot_be_met(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "kernel"

    def header(flags: int, *fields: int) -> None:
        words = (0x1BADB002, flags, -(0x1BADB002 + flags) & 0xFFFFFFFF, *fields)
        path.write_bytes(b"".join(w.to_bytes(4, "little") for w in words).ljust(0x1000, b"\0"))

    header(0x8)
    fail(capfd, IMAGE, "requires Multiboot features", "-kernel", path)
    header(0x0)
    fail(capfd, IMAGE, "without address fields", "-kernel", path)
    header(0x10000, 0x100000, 0x100000, 0x200000, 0, 0x100000)
    fail(capfd, IMAGE, "cut off", "-kernel", path)
    header(0x10000, 0x100000, 0x100000, 0, 0x9000000, 0x100000)
    fail(capfd, IMAGE, "16 MiB of memory", "-kernel", path, "-m", "16")


def test_raw_binary_outside_of_memory(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "bin"
    path.write_bytes(bytes(0x1000))
    fail(capfd, IMAGE, "reach past", "-kernel", path, "--raw", "0xfff800", "-m", "16")


def test_output_that_cannot_be_written(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    fail(capfd, USAGE, "cannot write", "-kernel", bz_image(tmp_path), "-serial", "file:/no/such/folder/log")


def test_initrd_as_bytes() -> None:
    with pytest.raises(emu.ConfigError, match="initrd is the path of a file"):
        emu.Machine(kernel="vmlinuz", initrd=b"070701")
