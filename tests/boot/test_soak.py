"""A long time at the machine: keys typed at random, floppies and CDs changed, video modes switched, disks written and read.

No key is lost, no sector is lost, and the same soak twice is the same run.  The guest (soakguest.s) tells every key and
everything it has read; here is what the media must hold.

EMU_SOAK=1      half an hour of virtual time (else ten minutes); EMU_SOAK=N: N seconds.  The record is in tests/devices/README.md
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

import emu
from emu.images.disk import Disk

SOAK = int(os.environ.get("EMU_SOAK", "0"))
SECONDS = 1800 if SOAK == 1 else SOAK or 600
SOURCE = Path(__file__).with_name("soakguest.s")
MASK = 0xFFFFFFFF
PLAIN = "abcdehijklnopqstuvxyz0123456789 ,./;'[]-=QWERTYUIOP!@#$%^&*()_+{}|:\"<>?~`\\\t\n"
WORK = "wrfgcm"
# keys without a character, and what INT 16h says of them
SPECIAL = {
    "f1": 0x3B00, "f10": 0x4400, "up": 0x4800, "left": 0x4B00, "right": 0x4D00, "down": 0x5000, "home": 0x4700, "end": 0x4F00,
    "pgup": 0x4900, "pgdn": 0x5100, "insert": 0x5200, "delete": 0x5300, "alt-a": 0x1E00, "ctrl-c": 0x2E03, "shift-f1": 0x5400,
    "esc": 0x011B, "backspace": 0x0E08, "alt-f5": 0x6C00, "ctrl-left": 0x7300,
}  # fmt: skip


def build(folder: Path) -> bytes:
    """The guest's eight sectors."""
    if not shutil.which("as") or not shutil.which("ld"):
        pytest.skip("GNU as and ld are not on this machine")
    text = ".intel_syntax noprefix\n.globl _start\n_start:\n" + SOURCE.read_text()
    for command in (["as", "--32", "-o", "soak.o", "-"],
                    ["ld", "-m", "elf_i386", "-Ttext=0x7c00", "--oformat", "binary", "-o", "soak.bin", "soak.o"]):  # fmt: skip
        done = subprocess.run(command, cwd=folder, input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return (folder / "soak.bin").read_bytes()


def rolled(data: bytes) -> int:
    """The guest's sum over dwords."""
    total = 0
    for (word,) in struct.iter_unpack("<I", data):
        total = ((total << 1 | total >> 31) + word) & MASK
    return total


def pattern(seed: int, dwords: int) -> bytes:
    return b"".join(struct.pack("<I", seed + k & MASK) for k in range(dwords))


class Soak:
    """One run: the machine, what was typed, and what every medium holds."""

    def __init__(self, folder: Path, mmu: str) -> None:
        self.rnd = random.Random(2026)
        folder.mkdir()
        code = build(folder)
        sizes = {"hd": 2 << 20, "fd0": 368640, "fd1": 368640, "fd2": 368640, "cd0": 128 * 2048, "cd1": 300 * 2048}
        self.paths = {name: folder / f"{name}.img" for name in sizes}
        self.model = {name: bytearray(random.Random(size).randbytes(size)) for name, size in sizes.items()}
        for k in range(3):
            self.model[f"fd{k}"][:4] = struct.pack("<I", k)
        self.model["hd"][:4096] = code
        for name, path in self.paths.items():
            path.write_bytes(self.model[name])
        self.typed: list[int | str] = []
        self.digest = hashlib.sha256()
        self.counts = dict.fromkeys("KWRFGCM", 0)
        self.changes = 0
        self.floppy: str | None = "fd0"
        self.disc: str | None = "cd0"
        self.vm = emu.Machine(
            memory="16M", mmu=mmu, icount_shift=6, boot="c",
            hda=Disk(self.paths["hd"], format="raw"), fda=Disk(self.paths["fd0"], format="raw"), cdrom=str(self.paths["cd0"]),
        )  # fmt: skip
        self.vm.serial.expect("soak\n", timeout=60)
        self.seen = len(self.vm.serial.text)

    def keys(self) -> None:
        """A handful of keys, of all kinds, and a rest."""
        rnd, keyboard = self.rnd, self.vm.keyboard
        for _ in range(rnd.randrange(1, 40)):
            what = rnd.random()
            if what < 0.1:
                name = rnd.choice(list(SPECIAL))
                keyboard.press(name)
                self.typed.append(SPECIAL[name])
            else:
                text = rnd.choice(WORK) if what < 0.55 else rnd.choice(PLAIN)
                keyboard.type(text)
                self.typed.append("\r" if text == "\n" else text)
        keyboard.finish(timeout=600)
        self.vm.run(seconds=rnd.choice((0.05, 0.5, 2.0, 5.0)))

    def told(self) -> None:
        """What the guest has said since the last look: keys in their order, and what it did."""
        want, self.typed = self.typed, []
        due = len(want) + sum(key in WORK for key in want if isinstance(key, str))
        for _ in range(200):
            text = self.vm.serial.text[self.seen :]
            lines = text.splitlines()
            if len(lines) >= due and text.endswith("\n"):
                break
            self.vm.run(seconds=0.5)
        else:
            raise AssertionError(f"keys were lost: {want}, {lines}\n{self.vm.screen.text()}")
        self.seen += len(text)
        keys = [int(line[1:], 16) for line in lines if line.startswith("K")]
        assert [key if isinstance(w, int) else chr(key & 0xFF) for key, w in zip(keys, want, strict=True)] == want
        for line in lines:
            self.counts[line[0]] += 1
            if line[0] != "K":
                getattr(self, "_" + line[0])(*(int(word, 16) for word in line[2:].split()))
        self.digest.update("\n".join(lines).encode())

    def _W(self, place: int, seed: int, status: int) -> None:
        assert status == 0
        self.model["hd"][place * 512 : place * 512 + 4096] = pattern(seed, 1024)

    def _R(self, place: int, total: int, status: int) -> None:
        assert (status, total) == (0, rolled(self.model["hd"][place * 512 : place * 512 + 4096]))

    def _F(self, place: int, seed: int, status: int) -> None:
        assert (status == 0) == (self.floppy is not None), (status, self.floppy)
        if self.floppy is not None:
            self.model[self.floppy][place * 512 : place * 512 + 512] = pattern(seed, 128)

    def _G(self, place: int, total: int, status: int) -> None:
        assert (status == 0) == (self.floppy is not None), (status, self.floppy)
        if self.floppy is not None:
            assert total == rolled(self.model[self.floppy][place * 512 : place * 512 + 512]), (place, self.floppy)

    def _C(self, place: int, total: int, status: int) -> None:
        assert (status == 0) == (self.disc is not None), (status, self.disc)
        if self.disc is not None:
            assert total == rolled(self.model[self.disc][place * 2048 : place * 2048 + 2048])

    def _M(self, mode: int, status: int) -> None:
        assert status == 0, hex(mode)
        image = self.vm.screen.image()
        self.digest.update(image.tobytes())

    def change(self) -> None:
        """Somebody comes by and changes a medium, or takes one out."""
        what = self.rnd.random()
        if what < 0.35:
            self.floppy = self.rnd.choice(("fd0", "fd1", "fd2", "fd0", "fd1", "fd2", None))
            drive, new = self.vm.drives["floppy0"], self.floppy
        elif what < 0.6:
            self.disc = self.rnd.choice(("cd0", "cd1", "cd0", "cd1", None))
            drive, new = self.vm.drives["ide1-cd0"], self.disc
        else:
            return
        self.changes += 1
        if new is None:
            drive.eject()
        elif new.startswith("fd"):
            drive.insert(Disk(self.paths[new], format="raw"))
        else:
            drive.insert(str(self.paths[new]))

    def run(self, seconds: float) -> tuple[str, str, dict[str, int]]:
        """The run hash, a digest of everything told and shown, and how much of what was done."""
        while self.vm.now_ns < seconds * 1e9:
            self.keys()
            self.told()
            self.change()
        run_hash = self.vm.run_hash()
        self.vm.close()
        for name, path in self.paths.items():
            assert path.read_bytes() == bytes(self.model[name]), f"sectors of {name} were lost"
        return run_hash, self.digest.hexdigest(), self.counts | {"changes": self.changes}


def test_soak(tmp_path: Path) -> None:
    first = Soak(tmp_path / "one", "tlb").run(SECONDS)
    print(first)
    assert min(first[2].values()) > 0, first[2]
    assert Soak(tmp_path / "two", "shadow").run(SECONDS) == first
