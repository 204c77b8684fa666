"""Run a screen program under emu, with or without firmware, and under QEMU; read and write the goldens."""
from __future__ import annotations

import json
import subprocess
import time
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

import emu

HERE = Path(__file__).resolve().parent / "screens"
FLOPPY = 1474560
TAIL = "\ntimes 512 * (SECTORS + 1) - 4 - ($ - $$) db 0\nmagic:  db 'DONE'\n"
Image = npt.NDArray[np.uint8]


def assemble(source: str, folder: Path) -> Path:
    """A floppy image of it."""
    (folder / "program.asm").write_text('%include "lib.inc"\n' + source + TAIL)
    out = folder / "program.bin"
    subprocess.run(["nasm", "-f", "bin", "-i", f"{HERE}/", "-o", str(out), str(folder / "program.asm")], check=True)
    return out


def on_emu(program: Path) -> Image:
    """As a flat binary, on the card as a direct boot leaves it."""
    with emu.Machine(memory="16M", kernel=program, raw_addr=0x7C00, debugcon=emu.config.SerialConfig("buffer")) as vm:
        stop = vm.run(5)
        assert vm.debugcon is not None and vm.debugcon.text == "!", (stop, vm.report())
        return vm.screen.image()


def on_qemu(program: Path, folder: Path) -> Image:
    """As a floppy, under QEMU's own firmware."""
    floppy, log, dump = folder / "floppy.img", folder / "debugcon.log", folder / "dump.ppm"
    floppy.write_bytes(program.read_bytes().ljust(FLOPPY, b"\0"))
    qemu = subprocess.Popen(["qemu-system-i386", "-m", "16", "-drive", f"file={floppy},format=raw,if=floppy", "-boot", "a",
                             "-display", "none", "-net", "none", "-debugcon", f"file:{log}", "-qmp", "stdio"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert qemu.stdin is not None and qemu.stdout is not None

    def command(name: str, **arguments: str) -> None:
        assert qemu.stdin is not None and qemu.stdout is not None
        qemu.stdin.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        qemu.stdin.flush()
        for line in qemu.stdout:
            answer = json.loads(line)
            assert "error" not in answer, answer
            if "return" in answer:
                return
    try:
        command("qmp_capabilities")
        deadline = time.monotonic() + 60
        while not log.exists() or b"!" not in log.read_bytes():
            assert time.monotonic() < deadline, "the program did not finish under QEMU"
            time.sleep(0.05)
        command("screendump", filename=str(dump))
        command("quit")
    finally:
        qemu.kill()
        qemu.wait()
        qemu.stdin.close()
        qemu.stdout.close()
    return read_ppm(dump.read_bytes())


def read_ppm(data: bytes) -> Image:
    """P6 with a maximum of 255."""
    kind, size, most, pixels = data.split(b"\n", 3)
    width, height = map(int, size.split())
    assert (kind, most) == (b"P6", b"255")
    return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def read_png(data: bytes) -> Image:
    """What emu.screen.png writes: RGB, 8 bits, no filters."""
    at, pixels, width, height = 8, b"", 0, 0
    while at < len(data):
        size, kind = int.from_bytes(data[at:at + 4], "big"), data[at + 4:at + 8]
        body = data[at + 8:at + 8 + size]
        assert zlib.crc32(kind + body) == int.from_bytes(data[at + 8 + size:at + 12 + size], "big")
        if kind == b"IHDR":
            width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
        elif kind == b"IDAT":
            pixels += body
        at += 12 + size
    rows = np.frombuffer(zlib.decompress(pixels), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)
