"""Encoder of ACPI Machine Language: just the terms our DSDT needs, each a function from parts to bytes.

Not covered: everything else; `iasl -d` of the result is the check (tests/boot/test_acpi.py).
Spec: ACPI 3.0b, chapters 17.2 (AML grammar), 6.4 (resource descriptors).

    device("COM1", name("_HID", eisaid("PNP0501")), name("_CRS", resources(io(0x3F8, 8), irq(4))))
"""
from __future__ import annotations

import struct

SERIALIZED = 8          # in a method's argument count: one caller at a time


def seg(text: str) -> bytes:
    """One name segment, padded with underscores."""
    if not 1 <= len(text) <= 4:
        raise ValueError(f"not a name segment: {text!r}")
    return text.ljust(4, "_").encode()


def path(text: str) -> bytes:
    """A name string: optional root, segments joined by dots."""
    root = b"\\" if text.startswith("\\") else b""
    parts = [seg(p) for p in text.lstrip("\\").split(".") if p]
    if len(parts) <= 1:
        return root + (parts[0] if parts else b"\0")
    prefix = b"\x2e" if len(parts) == 2 else b"\x2f" + bytes([len(parts)])
    return root + prefix + b"".join(parts)


def sized(body: bytes) -> bytes:
    """PkgLength and what it covers."""
    for extra in range(4):
        length = len(body) + 1 + extra
        if extra == 0 and length < 0x40:
            return bytes([length]) + body
        if extra and length < 1 << (4 + 8 * extra):
            return bytes([extra << 6 | length & 15]) + (length >> 4).to_bytes(extra, "little") + body
    raise ValueError("AML package too long")


def integer(value: int) -> bytes:
    """The shortest constant."""
    if value in (0, 1):
        return bytes([value])
    for prefix, size in ((0x0A, 1), (0x0B, 2), (0x0C, 4)):
        if value < 1 << 8 * size:
            return bytes([prefix]) + value.to_bytes(size, "little")
    raise ValueError(f"{value:#x} needs 64-bit AML")


def string(text: str) -> bytes:
    return b"\x0d" + text.encode() + b"\0"


def eisaid(text: str) -> bytes:
    """Compressed EISA identifier, as a DWord constant."""
    vendor = 0
    for ch in text[:3]:
        vendor = vendor << 5 | ord(ch) - 0x40
    return b"\x0c" + struct.pack(">HH", vendor, int(text[3:], 16))


def buffer(data: bytes) -> bytes:
    return b"\x11" + sized(integer(len(data)) + data)


def package(*items: bytes) -> bytes:
    return b"\x12" + sized(bytes([len(items)]) + b"".join(items))


def name(where: str, value: bytes) -> bytes:
    return b"\x08" + path(where) + value


def scope(where: str, *body: bytes) -> bytes:
    return b"\x10" + sized(path(where) + b"".join(body))


def device(where: str, *body: bytes) -> bytes:
    return b"\x5b\x82" + sized(path(where) + b"".join(body))


def method(where: str, args: int, *body: bytes) -> bytes:
    return b"\x14" + sized(path(where) + bytes([args]) + b"".join(body))


def pci_config_region(where: str, offset: int, length: int) -> bytes:
    return b"\x5b\x80" + path(where) + b"\x02" + integer(offset) + integer(length)


def byte_fields(region: str, *names: str) -> bytes:
    """Field (ByteAcc, NoLock, Preserve) of 8-bit units."""
    return b"\x5b\x81" + sized(path(region) + b"\x01" + b"".join(seg(n) + b"\x08" for n in names))


def dword_field(source: bytes, offset: int, where: str) -> bytes:
    """CreateDWordField."""
    return b"\x8a" + source + integer(offset) + path(where)


def arg(n: int) -> bytes:
    return bytes([0x68 + n])


def store(value: bytes, target: bytes) -> bytes:
    return b"\x70" + value + target


def bit_and(a: bytes, b: bytes) -> bytes:
    return b"\x7b" + a + b + b"\0"


def bit_or(a: bytes, b: bytes, target: bytes = b"\0") -> bytes:
    return b"\x7d" + a + b + target


def when(condition: bytes, *body: bytes) -> bytes:
    return b"\xa0" + sized(condition + b"".join(body))


def give(value: bytes) -> bytes:
    """Return."""
    return b"\xa4" + value


# ---- resource descriptors -------------------------------------------------------------------------------------------
def resources(*items: bytes) -> bytes:
    """ResourceTemplate: a buffer with an end tag."""
    return buffer(b"".join(items) + b"\x79\0")


def io(base: int, length: int) -> bytes:
    """Fixed ports, 16-bit decode."""
    return struct.pack("<BBHHBB", 0x47, 1, base, base, 1, length)


def irq(n: int) -> bytes:
    """One ISA interrupt, edge, active high, exclusive."""
    return struct.pack("<BH", 0x22, 1 << n)


def dma(channel: int) -> bytes:
    """One 8-bit ISA DMA channel, compatibility timing."""
    return struct.pack("<BBB", 0x2A, 1 << channel, 0)


def memory32(base: int, length: int) -> bytes:
    """Fixed memory, read-only decode not implied."""
    return struct.pack("<BHBII", 0x86, 9, 1, base, length)


def interrupts(*numbers: int) -> bytes:
    """Extended interrupt: consumer, level, active low, shared."""
    return struct.pack("<BHBB", 0x89, 2 + 4 * len(numbers), 0x0D, len(numbers)) + struct.pack(f"<{len(numbers)}I", *numbers)


def bus_numbers(first: int, last: int) -> bytes:
    return struct.pack("<BHBBBHHHHH", 0x88, 13, 2, 0x0C, 0, 0, first, last, 0, last - first + 1)


def port_window(first: int, last: int) -> bytes:
    """Ports the bridge passes on."""
    return struct.pack("<BHBBBHHHHH", 0x88, 13, 1, 0x0C, 3, 0, first, last, 0, last - first + 1)


def memory_window(first: int, last: int, cacheable: bool = False) -> bytes:
    """Memory the bridge passes on."""
    return struct.pack("<BHBBBIIIII", 0x87, 23, 0, 0x0C, 3 if cacheable else 1, 0, first, last, 0, last - first + 1)
