"""SMBIOS (DMI) tables: what the machine says of its maker, its memory and itself, and what the user has it say.

`SmbiosConfig` takes the fields of QEMU's -smbios.  Firmware gets the structures by fw_cfg and adds its own of the BIOS where
there is none; a direct boot finds them, with one, below 1 MiB.
Spec: DMTF DSP0134 3.1 (entry point 5.2.1, structures chapter 7); QEMU's invocation page, -smbios.

    structures, anchor = build(SmbiosConfig(), Hardware(...))
"""
from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from ..errors import ConfigError, suggest
from .acpi import checksum

NO_UUID = UUID(int=0)
MAKER, PRODUCT, VERSION = "emu", "PC", "i440FX"
BIOS_VERSION, BIOS_DATE = "1.0", "01/01/2026"
MIB, GIB = 1 << 20, 1 << 30
ENTRY_BYTES = 0x1F
NOT_GIVEN = 0xFFFE              # handle of an error record: none is provided
STRING_MAX = 4096

# Fields of -smbios by structure type.
FIELDS: dict[int, tuple[str, ...]] = {
    0: ("vendor", "version", "date", "release", "uefi"),
    1: ("manufacturer", "product", "version", "serial", "uuid", "sku", "family"),
    2: ("manufacturer", "product", "version", "serial", "asset", "location"),
    3: ("manufacturer", "version", "serial", "asset", "sku"),
    4: ("sock_pfx", "manufacturer", "version", "serial", "asset", "part", "max-speed", "current-speed"),
    17: ("loc_pfx", "bank", "manufacturer", "serial", "asset", "part", "speed"),
}


def parse_uuid(text: str) -> UUID:
    """A UUID in any usual spelling; ConfigError if it is none."""
    try:
        return UUID(text)
    except ValueError:
        raise ConfigError(f"{text!r} is not a UUID like 550e8400-e29b-41d4-a716-446655440000") from None


@dataclass(frozen=True, slots=True)
class SmbiosConfig:
    """What SMBIOS says beyond the hardware.

    fields       by structure type (0 BIOS, 1 system, 2 baseboard, 3 chassis, 4 processor, 17 memory): names as of -smbios
    oem_strings  of a type 11 structure
    extra        further structures, whole: header, body, strings
    """

    fields: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    oem_strings: tuple[str, ...] = ()
    extra: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        for kind, values in self.fields.items():
            if kind not in FIELDS:
                raise ConfigError(f"SMBIOS structure type {kind} cannot be set; known: {', '.join(map(str, (*FIELDS, 11)))}")
            for name, text in values.items():
                if name not in FIELDS[kind]:
                    raise ConfigError(f"SMBIOS type {kind} has no field {name!r}" + suggest(name, FIELDS[kind]))
                _check_text(text, f"SMBIOS type {kind} {name}")
            if "uuid" in values:
                parse_uuid(values["uuid"])
            for name in ("max-speed", "current-speed", "speed"):
                if name in values and not (values[name].isdecimal() and int(values[name]) < 0xFFFF):
                    raise ConfigError(f"SMBIOS type {kind} {name} {values[name]!r} is not a number below 65535")
            _release(values.get("release", "0.0"))
        for text in self.oem_strings:
            _check_text(text, "SMBIOS type 11 value")
            if not text:
                raise ConfigError("an SMBIOS type 11 value is empty; a structure's strings end there")
        if len(self.oem_strings) > 255:
            raise ConfigError(f"{len(self.oem_strings)} SMBIOS OEM strings; a structure has room for 255")
        for raw in self.extra:
            if len(raw) < 6 or not 4 <= raw[1] <= len(raw) - 2 or raw[-2:] != b"\0\0" or b"\0\0" in raw[raw[1]:-2]:
                raise ConfigError("an SMBIOS structure from a file has to be one: length, body, strings, two zero bytes")


@dataclass(frozen=True, slots=True)
class Hardware:
    """What the structures say of the machine itself."""

    below: int              # bytes of memory under 4 GiB
    above: int              # and over it
    signature: int          # EAX and EDX of CPUID leaf 1
    features: int
    uuid: UUID = NO_UUID


def _check_text(text: str, what: str) -> None:
    if "\0" in text or len(text.encode()) > STRING_MAX:
        raise ConfigError(f"{what} has a zero character or is longer than {STRING_MAX} bytes")


def _release(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    if not (major.isdecimal() and minor.isdecimal() and int(major) < 256 and int(minor) < 256):
        raise ConfigError(f"SMBIOS type 0 release {text!r} is not of the form 1.0")
    return int(major), int(minor)


class _Structures:
    """Structures in a row."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.count = self.largest = 0

    def raw(self, structure: bytes) -> None:
        self.data += structure
        self.count += 1
        self.largest = max(self.largest, len(structure))

    def add(self, kind: int, handle: int, body: bytes, strings: Sequence[str] = ()) -> None:
        tail = b"".join(text.encode() + b"\0" for text in strings) or b"\0"
        self.raw(struct.pack("<BBH", kind, 4 + len(body), handle) + body + tail + b"\0")


class _Strings(list[str]):
    """Of one structure; a string's number is what its body has."""

    def number(self, text: str) -> int:
        if not text:
            return 0
        self.append(text)
        return len(self)

    def numbers(self, values: Mapping[str, str], **defaults: str) -> list[int]:
        """Of what is given by these names, or of the defaults."""
        return [self.number(values.get(name, default)) for name, default in defaults.items()]


def _bios(out: _Structures, values: Mapping[str, str]) -> None:
    s = _Strings()
    numbers = s.numbers(values, vendor=MAKER, version=BIOS_VERSION, date=BIOS_DATE)
    major, minor = _release(values.get("release", "1.0"))
    uefi = 8 if values.get("uefi", "off") == "on" else 0
    # segment E000h, 128 KiB; PCI, PnP, boot from CD, selectable boot; ACPI; targeted content
    out.add(0, 0, struct.pack("<BBHBBQBBBBBB", numbers[0], numbers[1], 0xE000, numbers[2], 1, 0x18090, 1, 4 | uefi,
                              major, minor, 0xFF, 0xFF), s)


def _system(out: _Structures, values: Mapping[str, str], uuid: UUID) -> None:
    s = _Strings()
    numbers = s.numbers(values, manufacturer=MAKER, product=PRODUCT, version=VERSION, serial="", sku="", family="")
    if "uuid" in values:
        uuid = parse_uuid(values["uuid"])
    out.add(1, 0x100, bytes(numbers[:4]) + uuid.bytes_le + b"\x06" + bytes(numbers[4:]), s)     # wake-up: power switch


def _baseboard(out: _Structures, values: Mapping[str, str]) -> None:
    s = _Strings()
    numbers = s.numbers(values, manufacturer=MAKER, product=PRODUCT, version=VERSION, serial="", asset="", location="")
    out.add(2, 0x200, bytes(numbers[:5]) + struct.pack("<BBHBB", 1, numbers[5], 0x300, 10, 0), s)   # hosting board, motherboard


def _chassis(out: _Structures, values: Mapping[str, str]) -> None:
    s = _Strings()
    maker, *rest, sku = s.numbers(values, manufacturer=MAKER, version=VERSION, serial="", asset="", sku="")
    out.add(3, 0x300, bytes([maker, 1, *rest, 3, 3, 3, 2]) + struct.pack("<IBBBBB", 0, 0, 0, 0, 0, sku), s)     # states: safe


def _processor(out: _Structures, values: Mapping[str, str], hardware: Hardware) -> None:
    s = _Strings()
    socket = s.number(f"{values.get('sock_pfx', 'CPU')} 0")
    maker, version, *rest = s.numbers(values, manufacturer=MAKER, version=VERSION, serial="", asset="", part="")
    top, now = (int(values.get(name, "2000")) for name in ("max-speed", "current-speed"))
    body = struct.pack("<BBBBIIB", socket, 3, 2, maker, hardware.signature, hardware.features, version)
    body += struct.pack("<BHHHBB", 0, 0, top, now, 0x41, 1)
    body += struct.pack("<HHHBBBBBBHH", 0xFFFF, 0xFFFF, 0xFFFF, *rest, 1, 1, 1, 2, 2)       # no caches described; one core
    out.add(4, 0x400, body, s)


def _memory(out: _Structures, values: Mapping[str, str], hardware: Hardware) -> None:
    ram_bytes = hardware.below + hardware.above
    kib = ram_bytes >> 10
    fits = kib < 0x80000000
    out.add(16, 0x1000, struct.pack("<BBBIHHQ", 1, 3, 6, kib if fits else 0x80000000, NOT_GIVEN, 1, 0 if fits else ram_bytes))
    s = _Strings()
    locator = s.number(f"{values.get('loc_pfx', 'DIMM')} 0")
    bank, *rest = s.numbers(values, bank="", manufacturer=MAKER, serial="", asset="", part="")
    mib = max(1, ram_bytes // MIB)
    speed = int(values.get("speed", "0"))
    body = struct.pack("<HHHHHBBBBBHH", 0x1000, NOT_GIVEN, 0xFFFF, 0xFFFF, min(mib, 0x7FFF), 9, 0, locator, bank, 7, 2, speed)
    body += bytes([*rest, 0]) + struct.pack("<IHHHH", mib if mib >= 0x7FFF else 0, speed, 0, 0, 0)
    out.add(17, 0x1100, body, s)
    for k, (start, size) in enumerate(((0, hardware.below), (4 * GIB, hardware.above))):
        if size:
            first, last = start >> 10, (start + size >> 10) - 1
            far = last >= 0xFFFFFFFF
            out.add(19, 0x1300 + k, struct.pack("<IIHBQQ", 0xFFFFFFFF if far else first, 0xFFFFFFFF if far else last, 0x1000, 1,
                                                start if far else 0, start + size - 1 if far else 0))


def build(config: SmbiosConfig, hardware: Hardware, bios: bool = False, address: int = 0) -> tuple[bytes, bytes]:
    """The structures, and the 32-bit entry point of a table at `address`; `bios`: one of the BIOS in any case."""
    out = _Structures()
    if bios or 0 in config.fields:
        _bios(out, config.fields.get(0, {}))
    _system(out, config.fields.get(1, {}), hardware.uuid)
    if 2 in config.fields:
        _baseboard(out, config.fields[2])
    _chassis(out, config.fields.get(3, {}))
    _processor(out, config.fields.get(4, {}), hardware)
    if config.oem_strings:
        out.add(11, 0xE00, bytes([len(config.oem_strings)]), config.oem_strings)
    _memory(out, config.fields.get(17, {}), hardware)
    out.add(32, 0x2000, bytes(7))
    for structure in config.extra:
        out.raw(structure)
    out.add(127, 0x7F00, b"")
    if len(out.data) > 0xFFFF:
        raise ConfigError(f"the SMBIOS structures are {len(out.data)} bytes; a table has at most 65535")
    return bytes(out.data), entry_point(address, len(out.data), out.count, out.largest)


def entry_point(table: int, size: int, count: int, largest: int) -> bytes:
    """_SM_, version 2.8."""
    dmi = bytearray(struct.pack("<5sBHIHB", b"_DMI_", 0, size, table, count, 0x28))
    dmi[5] = checksum(dmi)
    head = bytearray(struct.pack("<4sBBBBHB5x", b"_SM_", 0, ENTRY_BYTES, 2, 8, largest, 0)) + dmi
    head[4] = checksum(head)
    return bytes(head)


def placed(config: SmbiosConfig, hardware: Hardware, base: int, end: int) -> bytes:
    """Entry point and structures for `base` (16-byte aligned, in F0000-FFFFF): what firmware would have put there."""
    structures, anchor = build(config, hardware, bios=True, address=base + 32)
    if base + 32 + len(structures) > end:
        raise ConfigError(f"the SMBIOS structures are {len(structures)} bytes; without firmware there is room for "
                          f"{end - base - 32}")
    return anchor.ljust(32, b"\0") + structures
