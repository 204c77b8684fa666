#!/usr/bin/env python3
"""Frames a second of a full-screen VESA animation (and of mode 13h), under emu and under QEMU TCG, in one run.

    python tests/bench/vesa.py [--seconds 5] [--no-qemu]

The guest draws every pixel of every frame and writes a byte to port 0xE9 after each.  `draw` computes pixels one by
one into the linear frame buffer, `copy` moves a picture from RAM with REP MOVSD, `mode13` does the same through the
A0000 window.  emu is looked at 60 times a second meanwhile, as a window does; QEMU runs with -display none.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "golden"), str(HERE.parents[1])]

from screenprog import FLOPPY, assemble  # noqa: E402
from screens.programs import DISPI, UNREAL  # noqa: E402

import emu  # noqa: E402

DRAW = """
        mov ebx, edi
        xor ebp, ebp
frame:  mov edi, ebx
        xor esi, esi                    ; y
line:   xor ecx, ecx                    ; x
pixel:  mov eax, ecx
        xor eax, esi
        add eax, ebp
        shl eax, 8
        add eax, ecx
        mov [fs:edi], eax
        add edi, 4
        inc ecx
        cmp ecx, WIDTH
        jb pixel
        inc esi
        cmp esi, HEIGHT
        jb line
        inc ebp
        mov al, '.'
        out 0xE9, al
        jmp frame
"""
# the source moves on by a line each frame
COPY = """
        mov eax, cr0                    ; ds and es flat, too
        or al, 1
        mov cr0, eax
        mov bx, 8
        mov ds, bx
        mov es, bx
        and al, 0xFE
        mov cr0, eax
        mov ebx, edi
        xor ebp, ebp
frame:  mov edi, ebx
        mov eax, ebp
        and eax, 255
        imul esi, eax, WIDTH * 4
        add esi, 0x200000
        mov ecx, WIDTH * HEIGHT
        a32 rep movsd
        inc ebp
        mov al, '.'
        out 0xE9, al
        jmp frame
"""
MODE13 = """
main:   mov si, mode13
        call set_mode
        call palette
        mov dx, 0x3C0
        mov al, 0x20
        out dx, al
        mov ax, 0xA000
        mov es, ax
        xor bp, bp
        mov ax, 0x1000
        mov ds, ax
frame:  xor di, di
        mov si, bp
        and si, 0x1FF
        mov cx, 16000
        rep movsd
        inc bp
        mov al, '.'
        out 0xE9, al
        jmp frame
"""
SHOW = """
        mov dx, 0x3DA
        in al, dx
        mov dl, 0xC0
        mov al, 0x20
        out dx, al
"""


def program(kind: str, width: int, height: int) -> str:
    """Its source."""
    if kind == "mode13":
        return MODE13
    body = DRAW if kind == "draw" else COPY
    return (f"%define WIDTH {width}\n%define HEIGHT {height}\n" + DISPI.format(width=width, height=height, bpp=32, enable=0x41)
            + SHOW + UNREAL.format(bytes=1024, step=1).replace("over:", "over:  and edi, 0xFF000000") + body)


def on_emu(image: Path, seconds: float) -> tuple[float, int]:
    """Frames a second, and pictures a window would have got."""
    with emu.Machine(memory="64M", kernel=image, raw_addr=0x7C00, debugcon=emu.config.SerialConfig("buffer")) as vm:
        assert vm.debugcon is not None
        vm.run(0.01)
        before, began = len(vm.debugcon.text), time.perf_counter()
        shown, generation, at = 0, -1, began
        while time.perf_counter() - began < seconds:
            vm.run(0.0005)
            if time.perf_counter() - at >= 1 / 60:
                at = time.perf_counter()
                got = vm.screen.frame(generation)
                if got is not None:
                    generation = got[0]
                    shown += 1
        spent = time.perf_counter() - began
        return (len(vm.debugcon.text) - before) / spent, round(shown / spent)


def on_qemu(image: Path, seconds: float) -> float:
    """Frames a second."""
    with tempfile.TemporaryDirectory() as tmp:
        floppy, log = Path(tmp) / "floppy.img", Path(tmp) / "log"
        floppy.write_bytes(image.read_bytes().ljust(FLOPPY, b"\0"))
        qemu = subprocess.Popen(["qemu-system-i386", "-accel", "tcg", "-m", "64", "-drive", f"file={floppy},format=raw,if=floppy",
                                 "-boot", "a", "-display", "none", "-net", "none", "-debugcon", f"file:{log}"])
        try:
            while not log.exists() or not log.stat().st_size:
                time.sleep(0.05)
            before, began = log.stat().st_size, time.perf_counter()
            time.sleep(seconds)
            return (log.stat().st_size - before) / (time.perf_counter() - began)
        finally:
            qemu.kill()
            qemu.wait()


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--seconds", type=float, default=5)
    ap.add_argument("--no-qemu", action="store_true")
    args = ap.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}\n{'':<22}{'emu':>10}{'(shown)':>10}{'qemu tcg':>10}   frames a second")
    for kind, width, height in (("draw", 640, 480), ("draw", 1024, 768), ("copy", 640, 480), ("copy", 1024, 768),
                                ("mode13", 320, 200)):
        with tempfile.TemporaryDirectory() as tmp:
            image = assemble(program(kind, width, height), Path(tmp))
            ours, shown = on_emu(image, args.seconds)
            theirs = 0.0 if args.no_qemu else on_qemu(image, args.seconds)
        print(f"{kind + f' {width}x{height}':<22}{ours:>10.1f}{shown:>10}{theirs:>10.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
