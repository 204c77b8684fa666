"""MultiProcessor table for kernels that do not read ACPI: processors, PCI and ISA bus, I/O APIC, interrupts.

Spec: Intel MultiProcessor Specification 1.4, chapter 4.
"""
from __future__ import annotations

import struct

from .acpi import FIRST_PIRQ_GSI, SCI, checksum

ISA_BUS, PCI_BUS = 1, 0
INT, NMI, SMI, EXTINT = range(4)


def build(base: int, *, cpus: int = 1, signature: int = 0x673, features: int = 0x383FBFF, lapic: int = 0xFEE00000,
          ioapic: int = 0xFEC00000) -> bytes:
    """Floating pointer followed by the configuration table, for `base` (16-byte aligned)."""
    rows = [struct.pack("<BBBBII8x", 0, k, 0x14, 3 if k == 0 else 1, signature, features) for k in range(cpus)]
    rows.append(struct.pack("<BB6s", 1, PCI_BUS, b"PCI   "))
    rows.append(struct.pack("<BB6s", 1, ISA_BUS, b"ISA   "))
    io_id = cpus
    rows.append(struct.pack("<BBBBI", 2, io_id, 0x11, 1, ioapic))

    def interrupt(kind: int, flags: int, bus: int, source: int, pin: int) -> None:
        rows.append(struct.pack("<BBHBBBB", 3, kind, flags, bus, source, io_id, pin))

    for n in range(16):
        if n != 2:
            interrupt(INT, 0xD if n == SCI else 0, ISA_BUS, n, 2 if n == 0 else n)
    for d in range(1, 32):
        for p in range(4):
            interrupt(INT, 0xF, PCI_BUS, d << 2 | p, FIRST_PIRQ_GSI + ((d + p + 3) & 3))
    rows.append(struct.pack("<BBHBBBB", 4, EXTINT, 0, ISA_BUS, 0, 0xFF, 0))
    rows.append(struct.pack("<BBHBBBB", 4, NMI, 0, ISA_BUS, 0, 0xFF, 1))
    body = b"".join(rows)
    table = bytearray(struct.pack("<4sHBB8s12sIHHIHBB", b"PCMP", 44 + len(body), 4, 0, b"EMU     ", b"EMUPC       ", 0, 0,
                                  len(rows), lapic, 0, 0, 0) + body)
    table[7] = checksum(table)
    pointer = bytearray(struct.pack("<4sIBBB5B", b"_MP_", base + 16, 1, 4, 0, 0, 0, 0, 0, 0))
    pointer[10] = checksum(pointer)
    return bytes(pointer) + bytes(table)
