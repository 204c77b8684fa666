"""What a guest that hangs under a BIOS leaves behind: its last BIOS calls and what was on the screen."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import emu

HANGS = """
    org 0x7c00
    bits 16
    mov si, msg
next:
    lodsb
    test al, al
    jz done
    mov ah, 0x0e
    mov bx, 7
    int 0x10
    jmp next
done:
    mov ax, 0x0201
    mov cx, 1
    mov dx, 0
    mov bx, 0x8000
    int 0x13
    cli
    hlt
msg: db "about to hang", 0
    times 510-($-$$) db 0
    dw 0xaa55
"""


def test_a_hang_tells_calls_and_screen(tmp_path: Path) -> None:
    if shutil.which("nasm") is None:
        pytest.skip("needs nasm")
    (tmp_path / "a.asm").write_text(HANGS)
    subprocess.run(["nasm", "-f", "bin", "-o", str(tmp_path / "a.bin"), str(tmp_path / "a.asm")], check=True)
    (tmp_path / "a.img").write_bytes((tmp_path / "a.bin").read_bytes().ljust(1474560, b"\0"))
    with emu.Machine(memory="16M", fda=tmp_path / "a.img", boot="a") as vm:
        stop = vm.run(60)
        assert stop.reason == "hang"
        report = stop.report
    calls = report[report.index("last BIOS and DOS calls"):report.index("registers:")].splitlines()
    assert "int 13h ah=02h disk read" in calls[-1] and "cx=0001" in calls[-1] and "from 0000:7c1d" in calls[-1]
    assert "int 10h ah=0eh video teletype 'about to hang' from 0000:7c0d" in calls[-2]
    assert "  | about to hang" in report[report.index("on the screen:"):]
