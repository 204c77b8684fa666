"""Guests of a few bytes."""
from __future__ import annotations

from pathlib import Path

CLI_HLT = b"\xfa\xf4"
SPIN = b"\xeb\xfe"                                          # jmp $
HIGH = 0x100000                                             # flat 32-bit protected mode starts here
LOW = 0x7C00                                                # real mode starts here
TRIPLE_FAULT = b"\x0f\x01\x1d\x00\x00\x20\x00\xcc"          # lidt [0x200000] (zeros); int3
NOWHERE = b"\xb8\x00\x00\x00\xd0\xff\xe0"                   # mov eax, 0xD0000000; jmp eax


def out8(port: int, value: int) -> bytes:
    """mov dx, port; mov al, value; out dx, al (32-bit code)."""
    return b"\x66\xba" + port.to_bytes(2, "little") + bytes([0xB0, value, 0xEE])


def out16(port: int, value: int) -> bytes:
    """mov dx, port; mov ax, value; out dx, ax (32-bit code)."""
    return b"\x66\xba" + port.to_bytes(2, "little") + b"\x66\xb8" + value.to_bytes(2, "little") + b"\x66\xef"


def say(text: str) -> bytes:
    """Write text to COM1."""
    return b"".join(out8(0x3F8, byte) for byte in text.encode())


def write(folder: Path, code: bytes) -> Path:
    """The bytes as a file."""
    path = folder / "guest.bin"
    path.write_bytes(code)
    return path
