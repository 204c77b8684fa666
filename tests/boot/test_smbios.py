"""SMBIOS as dmidecode and Linux read it, without firmware, with ours and with SeaBIOS; -smbios, -uuid, -fw_cfg; the MP table."""
from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest
from guests import Guests

import emu
from emu import layout
from emu.boot import smbios
from emu.cli.options import parse

UUID = "550e8400-e29b-41d4-a716-446655440000"
SMBIOS = ("type=1,manufacturer=Acme,,Inc,product=Anvil,serial=S-1,family=Heavy", "type=1,sku=K7", "type=3,asset=C3",
          "type=0,vendor=Nobody,version=9.9,date=02/03/2026,release=4.5", "type=2,product=Board,asset=A1",
          "type=4,sock_pfx=Socket,max-speed=3000", "type=17,speed=1333,part=P9", "type=11,value=one,value=two")


def config(*argv: str) -> emu.MachineConfig:
    return parse(["-kernel", "none", *argv]).config()


def decoded(guests: Guests, tmp_path: Path, config: smbios.SmbiosConfig, hardware: smbios.Hardware) -> str:
    """What dmidecode says of the tables, and that it finds nothing wrong."""
    tool = guests.packages.file("dmidecode", "amd64", "usr/sbin/dmidecode")
    (tmp_path / "dump").write_bytes(smbios.placed(config, hardware, 0, 0x10000))
    out = subprocess.run([tool, "--from-dump", tmp_path / "dump"], capture_output=True, text=True, check=True)
    text = out.stdout + out.stderr
    assert "SMBIOS 2.8 present." in text and not re.search(r"(?i)invalid|bad|broken|truncated|wrong|inconsistent", text), text
    return text


def section(text: str, title: str) -> str:
    found = re.search(rf"^{title}\n(\t.*\n)+", text, re.M)
    assert found, text
    return found[0]


def test_tables_by_dmidecode(guests: Guests, tmp_path: Path) -> None:
    made = config("-uuid", UUID, *(word for text in SMBIOS for word in ("-smbios", text)))
    assert str(made.uuid) == UUID
    hardware = smbios.Hardware(0xE0000000, 1 << 30, 0x663, 0x383FBFF, smbios.parse_uuid(UUID))
    text = decoded(guests, tmp_path, made.smbios, hardware)
    for title, words in {
        "BIOS Information": ("Vendor: Nobody", "Version: 9.9", "Release Date: 02/03/2026", "BIOS Revision: 4.5",
                             "ROM Size: 128 kB", "Address: 0xE0000", "PCI is supported", "Boot from CD is supported",
                             "ACPI is supported"),
        "System Information": ("Manufacturer: Acme,Inc", "Product Name: Anvil", "Serial Number: S-1", f"UUID: {UUID}",
                               "SKU Number: K7", "Family: Heavy", "Wake-up Type: Power Switch"),
        "Base Board Information": ("Product Name: Board", "Asset Tag: A1", "Type: Motherboard"),
        "Chassis Information": ("Manufacturer: emu", "Asset Tag: C3", "Boot-up State: Safe"),
        "Processor Information": ("Socket Designation: Socket 0", "Type: Central Processor", "Max Speed: 3000 MHz",
                                  "Status: Populated, Enabled", "ID: 63 06 00 00 FF FB 83 03", "Core Count: 1"),
        "OEM Strings": ("String 1: one", "String 2: two"),
        "Physical Memory Array": ("Use: System Memory", "Maximum Capacity: 4608 MB", "Number Of Devices: 1"),
        "Memory Device": ("Size: 4608 MB", "Locator: DIMM 0", "Speed: 1333 MT/s", "Part Number: P9", "Type: RAM"),
        "Memory Array Mapped Address": ("Starting Address: 0x00000000000", "Ending Address: 0x000DFFFFFFF"),
        "System Boot Information": ("No errors detected",),
    }.items():
        body = section(text, title)
        assert all(word in body for word in words), (words, body)
    assert text.count("Memory Array Mapped Address") == 2 and "Starting Address: 0x00100000000" in text


@pytest.mark.parametrize("mib", [1, 128, 0x7FFE, 0x7FFF, 60 << 10])
def test_memory_of_every_size(guests: Guests, tmp_path: Path, mib: int) -> None:
    below = min(mib << 20, 0xE0000000)
    text = decoded(guests, tmp_path, smbios.SmbiosConfig(), smbios.Hardware(below, (mib << 20) - below, 0x663, 0))
    unit = f"{mib >> 10} GB" if mib % 1024 == 0 else f"{mib} MB"
    assert f"Size: {unit}" in section(text, "Memory Device") and f"Capacity: {unit}" in section(text, "Physical Memory Array")


def test_structures_from_a_file(guests: Guests, tmp_path: Path) -> None:
    path = tmp_path / "type.bin"
    path.write_bytes(struct.pack("<BBHB", 12, 5, 0xC00, 1) + b"jumper 3\0\0")
    made = config("-smbios", f"file={path}")
    text = decoded(guests, tmp_path, made.smbios, smbios.Hardware(1 << 20, 0, 0x663, 0))
    assert "Option 1: jumper 3" in section(text, "System Configuration Options")


SEE = """cd /sys/class/dmi/id
for k in bios_vendor sys_vendor product_name product_serial product_uuid; do echo "$k=$(cat $k)"; done
"""


@pytest.mark.parametrize("firmware", ["none", "own", "seabios"])
def test_linux_reads_them(guests: Guests, initrd: Path, firmware: str) -> None:
    options = {"firmware": {"own": "bios.bin", "seabios": guests.seabios}[firmware]} if firmware != "none" else {}
    said = emu.SmbiosConfig({1: {"product": "Anvil", "serial": "S-1"}})
    with emu.Machine(memory="128M", kernel=guests.kernel, initrd=initrd, append="console=ttyS0", uuid=UUID, smbios=said,
                     **options) as vm:
        log = vm.serial.expect("/ # ", timeout=60).before
        assert "SMBIOS 2.8 present." in log and "DMI: emu Anvil" in log
        vm.serial.send(SEE)
        text = vm.serial.expect(re.compile(r"product_uuid=\S+\s")).before + f"product_uuid={UUID}"
    vendor = "SeaBIOS" if firmware == "seabios" else "emu"
    for line in (f"bios_vendor={vendor}", "sys_vendor=emu", "product_name=Anvil", "product_serial=S-1"):
        assert re.search(rf"^{line}\s*$", text, re.M), text


def test_interrupts_by_the_mp_table(guests: Guests, initrd: Path) -> None:
    """Without ACPI the kernel finds its I/O APIC and the lines there."""
    with emu.Machine(memory="128M", kernel=guests.kernel, initrd=initrd, append="console=ttyS0 acpi=off") as vm:
        log = vm.serial.expect("/ # ", timeout=60).before
        assert "found SMP MP-table at" in log and "MPTABLE: Product ID: EMUPC" in log and "GSI 0-23" in log
        vm.serial.send("cat /proc/interrupts\n")
        table = vm.serial.expect("LOC").before
        assert re.search(r"4: +[1-9]\d* +IO-APIC +4-edge +ttyS0", table), table


def test_files_in_fw_cfg(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"from a file")
    options = parse(["--raw", "0x7c00", "-kernel", str(path), "-fw_cfg", f"name=opt/org.example/a,file={path}",
                     "-fw_cfg", "opt/org.example/b,string=text"])
    with emu.Machine(options.config()) as vm:
        dev = vm.board.devices["fw_cfg"]
        for name, data in (("opt/org.example/a", b"from a file"), ("opt/org.example/b", b"text")):
            assert name in dev.names
            dev.py_io_write(0, 0, 0x20 + sorted(dev.names).index(name), 2)
            assert bytes(dev.py_io_read(0, 1) for _ in data) == data


@pytest.mark.parametrize(("argv", "words"), [
    (("-smbios", "type=1,maker=x"), "unknown parameter 'maker'"),
    (("-smbios", "type=5"), "type=5 cannot be set; known: 0, 1, 2, 3, 4, 11, 17"),
    (("-smbios", "type=11,text=x"), "unknown parameter 'text'"),
    (("-smbios", "type=11,value="), "is empty"),
    (("-smbios", "type=0,release=new"), "not of the form 1.0"),
    (("-smbios", "type=4,max-speed=fast"), "not a number"),
    (("-smbios", "type=x"), "is not a number"),
    (("-smbios", "file=/nowhere"), "/nowhere"),
    (("-smbios", "file=/dev/null"), "has to be one"),
    (("-uuid", "1234"), "'1234' is not a UUID"),
    (("-fw_cfg", "name=etc/e820,string=x"), "begin with opt/"),
    (("-fw_cfg", "name=opt/x"), "either file= or string="),
    (("-fw_cfg", f"name=opt/{'x' * 60},string=y"), "1 to 55 bytes"),
])
def test_refused(argv: tuple[str, ...], words: str) -> None:
    with pytest.raises(emu.EmuError, match=re.escape(words)):
        config(*argv)


def test_a_loaders_file_wins_over_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"mine" * 1024)
    with emu.Machine(memory="8M", kernel=path, raw_addr=0x7C00, loaders=(emu.LoaderConfig(path, layout.SMBIOS),)) as vm:
        assert vm.read_phys(layout.SMBIOS, 4096) == b"mine" * 1024
        vm.reset()
        assert vm.read_phys(layout.SMBIOS, 4096) == b"mine" * 1024


def test_too_much_for_the_place() -> None:
    with pytest.raises(emu.ConfigError, match="room for"):
        smbios.placed(smbios.SmbiosConfig(oem_strings=("x" * 4000,) * 16), smbios.Hardware(1 << 20, 0, 0, 0), 0xF1000, 0x100000)
