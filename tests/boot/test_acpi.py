"""ACPI and MP tables: structure, and iasl's opinion where it is installed."""
import shutil
import struct
import subprocess

import pytest

from emu.boot import acpi, aml, mptable


@pytest.fixture
def tables():
    return acpi.build(0xE0000, hpet=0xFED00000)


def memory(tables):
    mem = bytearray(0x20000)
    for at, data in tables.pieces:
        mem[at - 0xE0000:at - 0xE0000 + len(data)] = data
    return mem


def test_everything_is_reachable_and_sums_to_zero(tables):
    mem = memory(tables)
    assert mem[:8] == b"RSD PTR " and sum(mem[:20]) & 0xFF == 0

    def table(at):
        at -= 0xE0000
        data = mem[at:at + struct.unpack_from("<I", mem, at + 4)[0]]
        if data[:4] != b"FACS":
            assert sum(data) & 0xFF == 0
        return bytes(data)
    rsdt = table(struct.unpack_from("<I", mem, 16)[0])
    found = {t[:4]: t for t in map(table, struct.unpack(f"<{(len(rsdt) - 36) // 4}I", rsdt[36:]))}
    assert set(found) == {b"FACP", b"APIC", b"HPET"}
    facs, dsdt = struct.unpack_from("<II", found[b"FACP"], 36)
    assert facs % 64 == 0 and table(facs)[:4] == b"FACS" and table(dsdt)[:4] == b"DSDT"
    assert len(found[b"FACP"]) == 244


def test_pieces_do_not_overlap(tables):
    for (a, data), (b, _) in zip(tables.pieces, tables.pieces[1:], strict=False):
        assert a + len(data) <= b
    assert tables.end <= 0x100000


def test_package_lengths():
    for n in (0, 62, 63, 100, 4093, 4094, 70000):
        raw = aml.sized(bytes(n))
        extra = raw[0] >> 6
        length = raw[0] & 0x3F if not extra else raw[0] & 15 | int.from_bytes(raw[1:1 + extra], "little") << 4
        assert length == len(raw)


@pytest.mark.skipif(shutil.which("iasl") is None, reason="iasl (acpica-tools) is not installed")
@pytest.mark.parametrize("label", ["DSDT", "FACP", "APIC", "HPET", "FACS", "RSDT"])
def test_iasl_accepts(tables, tmp_path, label):
    (tmp_path / "t.aml").write_bytes(tables.tables[label])
    out = subprocess.run(["iasl", "-d", "t.aml"], cwd=tmp_path, capture_output=True, text=True)
    text = out.stdout + out.stderr
    assert out.returncode == 0 and "Invalid" not in text and "ncorrect" not in text, text
    if label == "DSDT":
        again = subprocess.run(["iasl", "-tc", "t.dsl"], cwd=tmp_path, capture_output=True, text=True)
        assert again.returncode == 0 and "0 Errors, 0 Warnings" in again.stdout, again.stdout + again.stderr


def test_mp_table():
    raw = mptable.build(0xF0000, cpus=2)
    assert raw[:4] == b"_MP_" and sum(raw[:16]) & 0xFF == 0
    table = raw[16:]
    length, count = struct.unpack_from("<H", table, 4)[0], struct.unpack_from("<H", table, 34)[0]
    assert len(table) == length and sum(table) & 0xFF == 0
    at, seen = 44, 0
    while at < length:
        at += 20 if table[at] == 0 else 8
        seen += 1
    assert at == length and seen == count
