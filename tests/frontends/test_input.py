"""Keyboard, mouse and speaker as a tester uses them: nothing typed is lost, and every run is alike."""
from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

import emu
from emu.layouts import LAYOUTS, QCODES, key_code, layout, split_keys
from emu.roms import rom_path

# Real mode at 0x7c00: IRQ1 handler as a BIOS has it (a 16-word ring at 40:1E that drops what does not fit), and a main
# program that takes one key out in ~2 ms and writes its scan code to port 0xE9.
SLOW_READER = """
    org 0x7c00
    bits 16
    cli
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7c00
    mov word [9*4], irq1
    mov word [9*4+2], 0
    mov word [0x41a], 0x1e
    mov word [0x41c], 0x1e
    mov word [0x480], 0x1e
    mov word [0x482], 0x3e
    mov al, 0x11
    out 0x20, al
    mov al, 8
    out 0x21, al
    mov al, 4
    out 0x21, al
    mov al, 1
    out 0x21, al
    mov al, 0xfd
    out 0x21, al
    sti
main:
    mov ecx, 1000000
spin:
    dec ecx
    jnz spin
    mov bx, [0x41a]
    cmp bx, [0x41c]
    je main
    mov al, [bx+0x400]
    out 0xe9, al
    add bx, 2
    cmp bx, 0x3e
    jb store
    mov bx, 0x1e
store:
    mov [0x41a], bx
    jmp main
irq1:
    push ax
    push bx
    push si
    in al, 0x60
    test al, 0x80
    jnz done
    mov bx, [0x41c]
    mov si, bx
    add si, 2
    cmp si, 0x3e
    jb fits
    mov si, 0x1e
fits:
    cmp si, [0x41a]
    je done
    mov [bx+0x400], al
    mov [0x41c], si
done:
    mov al, 0x20
    out 0x20, al
    pop si
    pop bx
    pop ax
    iret
"""


def assemble(text: str, folder: Path) -> Path:
    import shutil
    import subprocess
    if shutil.which("nasm") is None:
        pytest.skip("needs nasm")
    (folder / "p.asm").write_text(text)
    subprocess.run(["nasm", "-f", "bin", "-o", str(folder / "p.bin"), str(folder / "p.asm")], check=True)
    return folder / "p.bin"


def demo(**options: object) -> emu.Machine:
    return emu.Machine(memory="32M", kernel=rom_path("demo.elf"), **options)


def test_a_long_text_arrives_whole_and_every_run_is_alike() -> None:
    hashes = set()
    for _ in range(2):
        with demo() as vm:
            vm.serial.expect("type help")
            vm.keyboard.type("".join(f"line {k} Of The \"Text\"!\n" for k in range(100)))     # far more than the queue holds
            vm.keyboard.finish()
            vm.run(0.01)
            rows = [row for row in vm.serial.text.replace("\r", "").split("\n") if row.endswith("no such command; try help")]
            assert rows == [f"line {k} Of The \"Text\"!: no such command; try help" for k in range(100)]
            hashes.add(vm.run_hash())
    assert len(hashes) == 1


def test_a_bios_buffer_never_overflows(tmp_path: Path) -> None:
    """2 ms to a key, and 110 keys typed at once: a buffer of 15 would lose most of them."""
    program = assemble(SLOW_READER, tmp_path)
    with emu.Machine(memory="4M", kernel=program, raw_addr=0x7C00, debugcon=emu.SerialConfig("buffer")) as vm:
        vm.run(0.001)
        text = "the quick brown fox jumps over the lazy dog 0123456789 " * 2
        vm.keyboard.type(text)
        vm.run(0.3)
        assert vm.debugcon is not None
        keys = layout("en-us")
        assert vm.debugcon.text.encode() == bytes(keys[c][-1] for c in text)


def test_combinations_and_held_keys(tmp_path: Path) -> None:
    program = assemble(SLOW_READER, tmp_path)
    with emu.Machine(memory="4M", kernel=program, raw_addr=0x7C00, debugcon=emu.SerialConfig("buffer")) as vm:
        vm.run(0.001)
        vm.keyboard.press("ctrl-alt-f1")
        vm.run(0.05)
        vm.keyboard.down("a")
        vm.run(0.7)
        vm.keyboard.up("a")
        vm.run(0.02)
        assert vm.debugcon is not None
        got = vm.debugcon.text.encode()
        assert got[:3] == bytes([0x1D, 0x38, 0x3B])
        assert got[3:].count(0x1E) == 4 and set(got[3:]) == {0x1E}      # 500 ms, then 10.9 a second


def test_every_character_of_every_layout_is_a_key() -> None:
    for name in LAYOUTS:
        keys = layout(name)
        letters = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \n\t")
        assert letters <= keys.keys(), name
        assert all(code in QCODES.values() for codes in keys.values() for code in codes)
    assert set(map(chr, range(32, 127))) <= layout("en-us").keys()
    assert set(map(chr, range(32, 127))) <= layout("en-gb").keys()
    assert layout("de")["z"] == (0x15,) and layout("de")["@"] == (0xE038, 0x10)
    assert layout("fr")["1"] == (0x2A, 0x02) and layout("en-us")["\x03"] == (0x1D, 0x2E)


def test_key_names() -> None:
    assert split_keys("ctrl-alt-delete") == [0x1D, 0x38, 0xE053]
    assert split_keys("ctrl+c") == [0x1D, 0x2E]
    assert split_keys("-") == [0x0C] and split_keys("ctrl--") == [0x1D, 0x0C]
    assert split_keys("ctrl-+") == [0x1D, 0x2A, 0x0D]
    assert key_code("kp_enter") == 0xE01C and key_code("Return") == 0x1C and key_code(";") == 0x27
    assert key_code("0xc8") == 0xE048
    with pytest.raises(emu.ConfigError, match="did you mean 'delete'"):
        key_code("delte")


def test_bad_input_is_named(tmp_path: Path) -> None:
    with demo() as vm:
        with pytest.raises(emu.ConfigError, match="'é' at 3 cannot be typed on a en-us keyboard"):
            vm.keyboard.type("caf\u00e9")
        assert vm.keyboard.pending == 0
        with pytest.raises(emu.ConfigError, match="no button 'centre'"):
            vm.mouse.press("centre")
        with pytest.raises(emu.ConfigError, match="cannot write sound"):
            vm.speaker.record(tmp_path / "no" / "such.wav")
    with pytest.raises(emu.ConfigError, match="no keyboard layout 'klingon'"):
        demo(keyboard="klingon")


def test_buttons_come_after_the_motion_before_them(tmp_path: Path) -> None:
    """A program that switches the mouse on and copies its bytes to port 0xE9."""
    program = assemble("""
        org 0x7c00
        bits 16
        cli
        mov al, 0xd4
        out 0x64, al
        mov al, 0xf4
        out 0x60, al
    again:
        in al, 0x64
        test al, 1
        jz again
        in al, 0x60
        out 0xe9, al
        jmp again
    """, tmp_path)
    with emu.Machine(memory="4M", kernel=program, raw_addr=0x7C00, debugcon=emu.SerialConfig("buffer")) as vm:
        vm.run(0.001)
        vm.mouse.move(600, -20)
        vm.mouse.click("right")
        vm.mouse.finish(1.0)
        vm.run(0.05)
        assert vm.debugcon is not None
        data = vm.debugcon.text.encode("utf-8", "surrogateescape")
        assert data[0] == 0xFA
        packets = [tuple(data[k:k + 3]) for k in range(1, len(data), 3)]
        assert packets == [(0x08, 255, 20), (0x08, 255, 0), (0x08, 90, 0), (0x0A, 0, 0), (0x08, 0, 0)]


def test_a_beep_has_its_pitch_and_length(tmp_path: Path) -> None:
    program = assemble("""
        org 0x7c00
        bits 16
        cli
        mov al, 0xb6
        out 0x43, al
        mov ax, 1193
        out 0x42, al
        mov al, ah
        out 0x42, al
        mov al, 3
        out 0x61, al
        mov ecx, 100000000
    wait1:
        dec ecx
        jnz wait1
        mov al, 0
        out 0x61, al
    stop:
        jmp stop
    """, tmp_path)
    with emu.Machine(memory="4M", kernel=program, raw_addr=0x7C00) as vm:
        vm.speaker.record(tmp_path / "beep.wav")
        vm.run(0.2)
        assert vm.speaker.on and abs(vm.speaker.hz - 1000.15) < 0.1
        vm.run(0.2)
        assert not vm.speaker.on and vm.speaker.hz == 0.0
        vm.speaker.stop()
    with wave.open(str(tmp_path / "beep.wav")) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 44100)
        assert abs(sound.getnframes() - 17640) <= 1
        data = np.frombuffer(sound.readframes(sound.getnframes()), np.int16).astype(float)
    loud = np.flatnonzero(np.abs(data) > 1000)
    assert loud[0] < 5 and abs(loud[-1] / 44100 - 0.2) < 0.03
    spectrum = np.abs(np.fft.rfft(data[:8820]))
    assert abs(int(spectrum[10:].argmax()) + 10 - 200) <= 1          # 5 Hz a bin
