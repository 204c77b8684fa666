"""ACPI tables of the PC for boots without firmware: RSDP, RSDT, FADT, FACS, MADT, DSDT, and HPET if there is one.

They describe the board of emu/boards.py: PIIX4 power management, PIIX3 interrupt links (PIRQA-D are GSI 16-19 with
the I/O APIC, links with the 8259 pair), four serial ports, PS/2, RTC.
Not described: thermal zones, batteries, sleep states but S5, PCI hot-plug.
Spec: ACPI 3.0b, chapter 5.2 (tables); Intel 82371SB and 82371AB data sheets.

    for address, data in build(0xE0000).pieces: mem.write(address, data)
"""
from __future__ import annotations

import struct
from dataclasses import dataclass

from . import aml

OEM = b"EMU   "
OEM_TABLE = b"EMUPC   "
CREATOR = b"EMU "
SCI = 9
ACPI_ENABLE, ACPI_DISABLE = 0xF1, 0xF0      # what Piix4Pm takes at the SMI command port
FIRST_PIRQ_GSI = 16

FADT_WBINVD, FADT_PROC_C1, FADT_SLP_BUTTON, FADT_RESET_REG_SUP = 1 << 0, 1 << 2, 1 << 5, 1 << 10
BOOT_LEGACY_DEVICES, BOOT_8042, BOOT_NO_VGA = 1, 2, 4


@dataclass(frozen=True)
class AcpiTables:
    """Where the root pointer is, and the bytes to put into memory."""
    rsdp: int
    end: int
    pieces: tuple[tuple[int, bytes], ...]
    tables: dict[str, bytes]


def checksum(data: bytes | bytearray) -> int:
    """The byte that makes the sum zero."""
    return -sum(data) & 0xFF


def table(signature: bytes, revision: int, body: bytes) -> bytes:
    """Common header, body, checksum."""
    head = struct.pack("<4sIBB6s8sI4sI", signature, 36 + len(body), revision, 0, OEM, OEM_TABLE, 1, CREATOR, 1)
    raw = bytearray(head + body)
    raw[9] = checksum(raw)
    return bytes(raw)


def gas(address: int, bits: int, access: int) -> bytes:
    """Generic address structure: system I/O."""
    return struct.pack("<BBBBQ", 1, bits, 0, access, address)


def fadt(facs: int, dsdt: int, pm_base: int, vga: bool) -> bytes:
    """Fixed ACPI description table, revision 3."""
    boot = BOOT_LEGACY_DEVICES | BOOT_8042 | (0 if vga else BOOT_NO_VGA)
    flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_RESET_REG_SUP
    evt, cnt, tmr, gpe = pm_base, pm_base + 4, pm_base + 8, pm_base + 0xC
    body = struct.pack("<IIBBHIBBBB", facs, dsdt, 0, 1, SCI, 0xB2, ACPI_ENABLE, ACPI_DISABLE, 0, 0)
    body += struct.pack("<8I", evt, 0, cnt, 0, 0, tmr, gpe, 0)
    body += struct.pack("<8B", 4, 2, 0, 4, 4, 0, 0, 0)
    body += struct.pack("<HHHHBBBBBHBI", 0xFFF, 0xFFF, 0, 0, 0, 0, 0, 0, 0x32, boot, 0, flags)
    body += gas(0xCF9, 8, 1) + struct.pack("<B3x", 0x06)
    body += struct.pack("<QQ", 0, dsdt)      # one FACS address, not two
    empty = bytes(12)
    body += gas(evt, 32, 2) + empty + gas(cnt, 16, 2) + empty + empty + gas(tmr, 32, 3) + gas(gpe, 32, 1) + empty
    return table(b"FACP", 3, body)


def madt(cpus: int, lapic: int, ioapic: int) -> bytes:
    """Processors, I/O APIC, the timer on pin 2, the SCI level-triggered and active high, NMI on LINT1."""
    body = struct.pack("<II", lapic, 1)
    for k in range(cpus):
        body += struct.pack("<BBBBI", 0, 8, k, k, 1)
    body += struct.pack("<BBBBII", 1, 12, 0, 0, ioapic, 0)
    for source, gsi, flags in ((0, 2, 0x0), (SCI, SCI, 0xD)):
        body += struct.pack("<BBBBIH", 2, 10, 0, source, gsi, flags)
    body += struct.pack("<BBBHB", 4, 6, 0xFF, 0, 1)
    return table(b"APIC", 1, body)


def facs() -> bytes:
    """Firmware ACPI control structure (no checksum)."""
    return struct.pack("<4sIIIIIQB31x", b"FACS", 64, 0, 0, 0, 0, 0, 1)


def hpet_table(address: int) -> bytes:
    """IA-PC HPET specification 1.0a, 3.2.4: three timers, 64 bits, legacy replacement."""
    return table(b"HPET", 1, struct.pack("<IBBBBQBHB", 0x8086A201, 0, 64, 0, 0, address, 0, 0x80, 0))


# ---- DSDT -----------------------------------------------------------------------------------------------------------
def link(n: int) -> bytes:
    """Interrupt link device of PIRQA-D: its register is PRQn of the ISA bridge."""
    reg, letter = aml.path(f"PRQ{n}"), "ABCD"[n]
    routed = aml.bit_and(reg, aml.integer(0x80))
    return aml.device(
        f"LNK{letter}",
        aml.name("_HID", aml.eisaid("PNP0C0F")),
        aml.name("_UID", aml.integer(n + 1)),
        aml.name("_PRS", aml.resources(aml.interrupts(5, 10, 11))),
        aml.method("_STA", 0, aml.when(routed, aml.give(aml.integer(0x09))), aml.give(aml.integer(0x0B))),
        aml.method("_DIS", 0, aml.bit_or(reg, aml.integer(0x80), reg)),
        aml.name("BUF0", aml.resources(aml.interrupts(0))),
        aml.method("_CRS", 0 | aml.SERIALIZED,
                   aml.dword_field(aml.path("BUF0"), 5, "IRQW"),
                   aml.when(b"\x92" + routed, aml.store(aml.bit_and(reg, aml.integer(0x0F)), aml.path("IRQW"))),
                   aml.give(aml.path("BUF0"))),
        aml.method("_SRS", 1 | aml.SERIALIZED, aml.dword_field(aml.arg(0), 5, "IRQW"), aml.store(aml.path("IRQW"), reg)),
    )


def prt(links: bool) -> bytes:
    """PCI routing: device d's pin p is PIRQ (d + p + 3) & 3; the power management function interrupts by the SCI."""
    rows = []
    for d in range(32):
        for p in range(4):
            k = (d + p + 3) & 3
            source, index = (aml.path("\\_SB.LNK" + "ABCD"[k]), 0) if links else (aml.integer(0), FIRST_PIRQ_GSI + k)
            if (d, p) == (1, 0):
                source, index = aml.integer(0), SCI
            rows.append(aml.package(aml.integer(d << 16 | 0xFFFF), aml.integer(p), source, aml.integer(index)))
    return aml.package(*rows)


def isa_devices(serials: tuple[tuple[int, int], ...]) -> bytes:
    """What sits behind the ISA bridge."""
    def dev(label: str, hid: str, *res: bytes, uid: int | None = None) -> bytes:
        extra = b"" if uid is None else aml.name("_UID", aml.integer(uid))
        return aml.device(label, aml.name("_HID", aml.eisaid(hid)), extra, aml.name("_CRS", aml.resources(*res)))

    out = [
        dev("PIC", "PNP0000", aml.io(0x20, 2), aml.io(0xA0, 2), aml.irq(2)),
        dev("TIMR", "PNP0100", aml.io(0x40, 4), aml.irq(0)),
        dev("DMAC", "PNP0200", aml.io(0x00, 16), aml.io(0x81, 15), aml.io(0xC0, 32), aml.dma(4)),
        dev("SPKR", "PNP0800", aml.io(0x61, 1)),
        dev("RTC", "PNP0B00", aml.io(0x70, 2), aml.irq(8)),
        dev("KBD", "PNP0303", aml.io(0x60, 1), aml.io(0x64, 1), aml.irq(1)),
        dev("MOU", "PNP0F13", aml.irq(12)),
        dev("FPU", "PNP0C04", aml.io(0xF0, 16), aml.irq(13)),
        dev("SYSR", "PNP0C02", aml.io(0x80, 1), aml.io(0x92, 1), aml.io(0xB2, 2), aml.io(0x4D0, 2)),
    ]
    for n, (port, irq) in enumerate(serials, 1):
        out.append(dev(f"COM{n}", "PNP0501", aml.io(port, 8), aml.irq(irq), uid=n))
    return b"".join(out)


def dsdt(cpus: int, serials: tuple[tuple[int, int], ...], pci_hole: tuple[int, int], hpet: int) -> bytes:
    """Differentiated system description table."""
    pci = aml.device(
        "PCI0",
        aml.name("_HID", aml.eisaid("PNP0A03")),
        aml.name("_UID", aml.integer(0)),
        aml.name("_BBN", aml.integer(0)),
        aml.name("_CRS", aml.resources(
            aml.bus_numbers(0, 255), aml.io(0xCF8, 8), aml.port_window(0x0000, 0x0CF7), aml.port_window(0x0D00, 0xFFFF),
            aml.memory_window(0xA0000, 0xBFFFF, cacheable=True), aml.memory_window(*pci_hole))),
        aml.name("PRTA", prt(links=False)),
        aml.name("PRTP", prt(links=True)),
        aml.method("_PRT", 0, aml.when(aml.path("\\PICF"), aml.give(aml.path("PRTA"))), aml.give(aml.path("PRTP"))),
        aml.device("ISA", aml.name("_ADR", aml.integer(0x00010000)),
                   aml.pci_config_region("PIRQ", 0x60, 4), isa_devices(serials)),
        aml.device("PM", aml.name("_ADR", aml.integer(0x00010003))),
    )
    parts = [pci]
    parts.append(aml.byte_fields("PCI0.ISA.PIRQ", *(f"PRQ{k}" for k in range(4))))
    parts += [link(k) for k in range(4)]
    for k in range(cpus):
        parts.append(aml.device(f"CP{k:02X}", aml.name("_HID", aml.string("ACPI0007")), aml.name("_UID", aml.integer(k))))
    if hpet:
        parts.append(aml.device("HPET", aml.name("_HID", aml.eisaid("PNP0103")), aml.name("_UID", aml.integer(0)),
                                aml.name("_CRS", aml.resources(aml.memory32(hpet, 0x400)))))
    body = aml.name("PICF", aml.integer(0))
    body += aml.method("\\_PIC", 1, aml.store(aml.arg(0), aml.path("\\PICF")))
    body += aml.name("\\_S5", aml.package(*[aml.integer(0)] * 4))
    body += aml.scope("\\_SB", *parts)
    return table(b"DSDT", 1, body)


def build(base: int, *, cpus: int = 1, pm_base: int = 0x600, hpet: int = 0, vga: bool = False,
          serials: tuple[tuple[int, int], ...] = ((0x3F8, 4), (0x2F8, 3), (0x3E8, 4), (0x2E8, 3)),
          pci_hole: tuple[int, int] = (0xE0000000, 0xFEBFFFFF), lapic: int = 0xFEE00000, ioapic: int = 0xFEC00000) -> AcpiTables:
    """All tables, placed from `base` (16-byte aligned, in 0xE0000-0xFFFFF for a guest to find them); `hpet` is its address."""
    pieces: list[tuple[int, bytes]] = []
    at = base + 64                                  # the root pointer comes first
    found: dict[str, bytes] = {}

    def put(label: str, data: bytes, align: int = 16) -> int:
        nonlocal at
        at = (at + align - 1) & -align
        pieces.append((at, data))
        found[label] = data
        at += len(data)
        return at - len(data)

    facs_at = put("FACS", facs(), 64)
    dsdt_at = put("DSDT", dsdt(cpus, serials, pci_hole, hpet))
    entries = [put("FACP", fadt(facs_at, dsdt_at, pm_base, vga)), put("APIC", madt(cpus, lapic, ioapic))]
    if hpet:
        entries.append(put("HPET", hpet_table(hpet)))
    rsdt_at = put("RSDT", table(b"RSDT", 1, struct.pack(f"<{len(entries)}I", *entries)))
    rsdp = bytearray(struct.pack("<8sB6sBI", b"RSD PTR ", 0, OEM, 0, rsdt_at))
    rsdp[8] = checksum(rsdp)
    pieces.append((base, bytes(rsdp)))
    found["RSDP"] = bytes(rsdp)
    return AcpiTables(base, at, tuple(sorted(pieces)), found)
