"""ACPI tables as an operating system finds them in a machine's memory."""
from __future__ import annotations

import struct
from collections.abc import Callable


def find_acpi(read: Callable[[int, int], bytes]) -> dict[str, bytes]:
    """Tables by signature from the RSDP in 0xE0000-0xFFFFF; every checksum is checked on the way."""
    area = read(0xE0000, 0x20000)
    place = next(k for k in range(0, 0x20000, 16) if area[k:k + 8] == b"RSD PTR " and not sum(area[k:k + 20]) & 0xFF)
    found: dict[str, bytes] = {}

    def table(address: int) -> bytes:
        length = struct.unpack_from("<I", read(address, 8), 4)[0]
        data = read(address, length)
        name = data[:4].decode("ascii")
        assert name == "FACS" or not sum(data) & 0xFF, f"checksum of {name} at {address:#x}"
        found[name] = data
        return data

    rsdt = table(struct.unpack_from("<I", area, place + 16)[0])
    for (address,) in struct.iter_unpack("<I", rsdt[36:]):
        table(address)
    fadt = found["FACP"]
    for offset in (36, 40):
        table(struct.unpack_from("<I", fadt, offset)[0])
    return found
