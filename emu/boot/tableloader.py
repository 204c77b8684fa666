"""ACPI tables for a firmware: blobs in fw_cfg and the script that places and links them.

Firmware reads etc/table-loader and carries out its commands: load a file into memory, add a file's address to a field, set a
checksum.  Spec: QEMU's hw/acpi/bios-linker-loader.c documents the 128-byte commands; ACPI 3.0b for the tables.

    for name, data in files(pm_base=0x600).items(): fw_cfg.add_file(name, data)
"""
from __future__ import annotations

import struct
from typing import Any

from . import acpi

TABLES, RSDP, SCRIPT = "etc/acpi/tables", "etc/acpi/rsdp", "etc/table-loader"
ALLOCATE, ADD_POINTER, ADD_CHECKSUM = 1, 2, 3
ZONE_HIGH, ZONE_FSEG = 1, 2
COMMAND_BYTES = 128
OFFSET_CHECKSUM, OFFSET_RSDP_CHECKSUM = 9, 8
FADT_FACS, FADT_DSDT, FADT_X_DSDT = 36, 40, 140
RSDP_RSDT = 16


class Script:
    """Commands in the order firmware carries them out."""

    def __init__(self) -> None:
        self.data = bytearray()

    def _add(self, command: int, body: bytes) -> None:
        self.data += (struct.pack("<I", command) + body).ljust(COMMAND_BYTES, b"\0")

    def allocate(self, file: str, align: int, zone: int) -> None:
        """Load `file` at a multiple of `align`."""
        self._add(ALLOCATE, struct.pack("<56sIB", file.encode(), align, zone))

    def pointer(self, dest: str, offset: int, size: int, source: str) -> None:
        """Add the address of `source` to the `size` bytes at `offset` of `dest`."""
        self._add(ADD_POINTER, struct.pack("<56s56sIB", dest.encode(), source.encode(), offset, size))

    def checksum(self, file: str, offset: int, start: int, length: int) -> None:
        """The byte at `offset` makes [start, start + length) of `file` sum to zero."""
        self._add(ADD_CHECKSUM, struct.pack("<56sIII", file.encode(), offset, start, length))


def files(**options: Any) -> dict[str, bytes]:
    """fw_cfg files by name; options as of acpi.build."""
    built = acpi.build(0, **options).tables
    blob, script = bytearray(), Script()
    at: dict[str, int] = {}
    script.allocate(TABLES, 64, ZONE_HIGH)
    script.allocate(RSDP, 16, ZONE_FSEG)

    def put(label: str, data: bytes) -> None:
        blob.extend(bytes(-len(blob) & 63))
        at[label] = len(blob)
        blob.extend(data)

    def seal(label: str, length: int) -> None:
        blob[at[label] + OFFSET_CHECKSUM] = 0
        script.checksum(TABLES, at[label] + OFFSET_CHECKSUM, at[label], length)

    put("FACS", built["FACS"])
    put("DSDT", built["DSDT"])
    put("FACP", built["FACP"])
    for field, size, target in ((FADT_FACS, 4, "FACS"), (FADT_DSDT, 4, "DSDT"), (FADT_X_DSDT, 8, "DSDT")):
        place = at["FACP"] + field
        blob[place:place + size] = at[target].to_bytes(size, "little")
        script.pointer(TABLES, place, size, TABLES)
    seal("FACP", len(built["FACP"]))
    roots = ["FACP", *(label for label in built if label not in ("FACS", "DSDT", "FACP", "RSDT", "RSDP"))]
    for label in roots[1:]:
        put(label, built[label])
    put("RSDT", built["RSDT"])
    for k, label in enumerate(roots):
        place = at["RSDT"] + 36 + 4 * k
        blob[place:place + 4] = at[label].to_bytes(4, "little")
        script.pointer(TABLES, place, 4, TABLES)
    seal("RSDT", len(built["RSDT"]))
    rsdp = bytearray(built["RSDP"])
    rsdp[RSDP_RSDT:RSDP_RSDT + 4] = at["RSDT"].to_bytes(4, "little")
    rsdp[OFFSET_RSDP_CHECKSUM] = 0
    script.pointer(RSDP, RSDP_RSDT, 4, TABLES)
    script.checksum(RSDP, OFFSET_RSDP_CHECKSUM, 0, 20)
    return {TABLES: bytes(blob), RSDP: bytes(rsdp), SCRIPT: bytes(script.data)}
