"""The services of our BIOS, by register values: under QEMU against SeaBIOS, and the same program under emu.

What is the same under both BIOSes needs no golden: SeaBIOS is it. What differs is in DIFFERENT with its reason; a
difference that is not listed fails, and so does a listed one that is gone.
"""
from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest
from acpi_memory import find_acpi
from biosprog import MEMORY_MIB, REGISTERS, ROMS, Answer, Program, run_emu, run_qemu

import emu

pytestmark = pytest.mark.skipif(not shutil.which("nasm"), reason="nasm builds the test programs")
needs_qemu = pytest.mark.skipif(not shutil.which("qemu-system-i386"), reason="QEMU is the other machine")
BIOS = ROMS / "bios.bin"
SMAP = 0x534D4150
BUFFER = 0x3000

# call: (fields of the answer that may differ, why)
DIFFERENT: dict[str, tuple[tuple[str, ...], str]] = {
    "equipment": (("eax",), "SeaBIOS counts floppy drives later, while option ROMs run"),
    "rtc time": (("eax",), "AL is not an answer; SeaBIOS copies CH there, we leave it"),
    "rtc date": (("eax",), "AL is not an answer; SeaBIOS copies CH there, we leave it"),
    "e801": (("ebx", "edx"), "SeaBIOS gives its reserved memory back before it boots; ours is final"),
    "88": (("eax",), "SeaBIOS gives its reserved memory back before it boots; ours is final"),
    "sysreq": (("eax", "cf"), "the AT answers success when nobody has hooked the key; SeaBIOS does not know the function"),
    "set date": (("eax",), "AL is not an answer; SeaBIOS leaves register B there"),
    "date set": (("eax",), "as rtc date"),
    "set time": (("eax",), "as set date"),
    "time set": (("eax",), "as rtc date"),
    "alarm off": (("eax",), "as set date"),
    "pci present": (("edi",), "the 32-bit entry is elsewhere"),
    "pci bad vendor": (("eax",), "PCI BIOS 2.1 has a code for it, 83h; SeaBIOS finds no device"),
}


def services() -> Program:
    """Calls whose answers do not depend on when they are made."""
    p = Program()
    p.call("equipment", 0x11, eax=0x12340000)
    p.call("memory", 0x12, eax=0xABCD1234)
    p.call("config", 0x15, ah=0xC0)
    p.call("ebda", 0x15, ah=0xC1)
    p.call("88", 0x15, ah=0x88)
    p.call("e801", 0x15, ax=0xE801)
    p.call("bad function", 0x15, ax=0x7777)
    p.call("key intercept", 0x15, ax=0x4F1E, flags=1)
    p.call("device busy", 0x15, ax=0x9000)
    p.call("device post", 0x15, ax=0x9100)
    p.call("sysreq", 0x15, ax=0x8500)
    p.call("a20 on", 0x15, ax=0x2401)
    p.call("a20 status on", 0x15, ax=0x2402)
    p.call("a20 off", 0x15, ax=0x2400)
    p.call("a20 status off", 0x15, ax=0x2402)
    p.call("a20 on again", 0x15, ax=0x2401)
    p.call("a20 support", 0x15, ax=0x2403)
    p.call("wait", 0x15, ah=0x86, cx=0, dx=2000)
    p.call("rtc time", 0x1A, ah=0x02)
    p.call("rtc date", 0x1A, ah=0x04)
    p.call("set date", 0x1A, ah=0x05, cx=0x1999, dx=0x1231)
    p.call("date set", 0x1A, ah=0x04)
    p.call("set time", 0x1A, ah=0x03, cx=0x0102, dx=0x0300)
    p.call("time set", 0x1A, ah=0x02)
    p.call("alarm", 0x1A, ah=0x06, cx=0x2359, dx=0x5900)
    p.call("alarm again", 0x1A, ah=0x06, cx=0x2359, dx=0x5900)
    p.call("alarm off", 0x1A, ah=0x07)
    p.call("bad clock function", 0x1A, ah=0x77)
    p.call("pci present", 0x1A, ax=0xB101)
    p.call("pci host bridge", 0x1A, ax=0xB102, cx=0x1237, dx=0x8086)
    p.call("pci no device", 0x1A, ax=0xB102, cx=0x1111, dx=0x8086)
    p.call("pci bad vendor", 0x1A, ax=0xB102, cx=0x1111, dx=0xFFFF)
    p.call("pci class", 0x1A, ax=0xB103, ecx=0x060100)
    p.call("pci no class", 0x1A, ax=0xB103, ecx=0x0C0300)
    p.call("pci read byte", 0x1A, ax=0xB108, bx=0x0008, di=0x0E)
    p.call("pci read word", 0x1A, ax=0xB109, bx=0x0008, di=0x02)
    p.call("pci read dword", 0x1A, ax=0xB10A, bx=0x0008, di=0x00)
    p.call("pci write byte", 0x1A, ax=0xB10B, bx=0x0008, di=0x60, cl=0x0B)
    p.call("pci wrote byte", 0x1A, ax=0xB10A, bx=0x0008, di=0x60)
    p.call("pci write back", 0x1A, ax=0xB10B, bx=0x0008, di=0x60, cl=0x0A)
    p.call("serial set", 0x14, ax=0x00E3, dx=0)
    p.call("serial status", 0x14, ax=0x0300, dx=0)
    p.call("serial write", 0x14, ax=0x0141, dx=0)
    p.call("apm there", 0x15, ax=0x5300)
    p.call("apm connect", 0x15, ax=0x5301)
    p.call("apm version", 0x15, ax=0x530E, cx=0x0102)
    p.call("apm events", 0x15, ax=0x530B)
    p.call("apm power", 0x15, ax=0x530A, bx=1)
    p.call("apm leave", 0x15, ax=0x5304)
    p.call("mouse size", 0x15, ax=0xC205, bh=3)
    p.call("mouse rate", 0x15, ax=0xC202, bh=5)
    p.call("mouse bad rate", 0x15, ax=0xC202, bh=7)
    p.call("mouse resolution", 0x15, ax=0xC203, bh=3)
    p.call("mouse id", 0x15, ax=0xC204)
    p.call("mouse status", 0x15, ax=0xC206, bh=0)
    p.call("mouse no handler", 0x15, ax=0xC200, bh=1)
    p.call("mouse handler", 0x15, ax=0xC207, es=0x5000, bx=0x10)
    p.call("mouse on", 0x15, ax=0xC200, bh=1)
    p.call("mouse off", 0x15, ax=0xC200, bh=0)
    p.call("mouse handler gone", 0x15, ax=0xC207)
    return p


# call: fields that depend on the machine and not on the BIOS, emu against QEMU
MACHINE: dict[str, tuple[str, ...]] = {
    "equipment": ("eax",),              # floppies, display, serial and parallel ports
    "88": ("eax",), "e801": ("ebx", "edx"),     # the tables above the usable memory are of other sizes
    "pci host bridge": (),
}


def fields(a: Answer) -> dict[str, int]:
    """What is compared: registers, segments, CF."""
    return {name: getattr(a, name) for name in (*REGISTERS, "ds", "es", "cf")}


def show(answer: dict[str, int]) -> str:
    """Registers that are not zero."""
    return " ".join(f"{k}={v:x}" for k, v in answer.items() if v)


def compare(ours: dict, other: dict, allowed: dict[str, tuple[str, ...]], whose: str, exact: bool) -> None:
    """Every answer alike but for what is allowed; with `exact` what is allowed must differ."""
    bad = []
    for name in other:
        want, got = fields(other[name]), fields(ours[name])
        differ, may = {k for k in want if want[k] != got[k]}, set(allowed.get(name, ()))
        if differ - may or exact and differ != may:
            bad.append(f"{name}: {whose} {show(want)}\n{name}: ours {show(got)}; may differ: {sorted(may)}")
    assert not bad, "\n".join(bad)


@needs_qemu
def test_services_answer_as_seabios(tmp_path: Path) -> None:
    p = services()
    allowed = {name: names for name, (names, _) in DIFFERENT.items()}
    compare(run_qemu(p, BIOS, tmp_path), run_qemu(p, None, tmp_path), allowed, "SeaBIOS", exact=True)


@needs_qemu
def test_services_answer_alike_on_emu_and_qemu(tmp_path: Path) -> None:
    p = services()
    compare(run_emu(p, BIOS, tmp_path), run_qemu(p, BIOS, tmp_path), MACHINE, "QEMU", exact=False)


def both(p: Program, tmp_path: Path) -> list[dict]:
    """Answers of our BIOS on emu, and on QEMU if that is here."""
    return [run_emu(p, BIOS, tmp_path), *([run_qemu(p, BIOS, tmp_path)] if shutil.which("qemu-system-i386") else [])]


def memory_map(p: Program) -> None:
    """E820h from the first to the last entry."""
    for k in range(12):
        p.call(f"e820 {k}", 0x15, ax=0xE820, ebx=k, ecx=20, edx=SMAP, es=BUFFER, edi=0)
        p.dump(f"row {k}", BUFFER, 0, 20)


def test_memory_map_is_sorted_whole_and_covers_all_ram(tmp_path: Path) -> None:
    p = Program()
    memory_map(p)
    p.call("no smap", 0x15, ax=0xE820, ecx=20, es=BUFFER)
    p.call("too short", 0x15, ax=0xE820, edx=SMAP, ecx=19, es=BUFFER)
    for got in both(p, tmp_path):
        rows, k = [], 0
        while True:
            answer = got[f"e820 {k}"]
            assert (answer.cf, answer.eax, answer.ecx) == (0, SMAP, 20)
            rows.append(struct.unpack("<QQI", got[f"row {k}"]))
            if not answer.ebx:
                break
            k = answer.ebx
        assert rows == sorted(rows)
        assert all(a[0] + a[1] <= b[0] for a, b in zip(rows, rows[1:], strict=False))
        assert rows[0] == (0, 0x9FC00, 1) and rows[1] == (0x9FC00, 0x400, 2)
        assert (0xE0000, 0x20000, 2) in rows
        top = max(base + size for base, size, _ in rows if base < 0xF0000000)
        assert top == MEMORY_MIB << 20
        assert [r for r in rows if r[0] == 0x100000][0][2] == 1
        assert got[f"e820 {k + 1}"].cf and got["no smap"].cf and got["too short"].cf


def test_timer_ticks_chain_to_1c_and_midnight_passes(tmp_path: Path) -> None:
    p = Program()
    p.call("set", 0x1A, ah=1, cx=0x18, dx=0x00AC)       # 4 ticks before midnight
    p.hook(0x1C)
    p.wait(3)
    p.call("before", 0x1A, ah=0)
    p.wait(1)
    p.poke(0x40, 0x6C, struct.pack("<I", 0x1800AF))
    p.call("idle", 0x15, ax=0x8600, cx=1, dx=0x8000)    # 98 ms: midnight passes
    p.count("1c")
    p.call("after", 0x1A, ah=0)
    p.call("again", 0x1A, ah=0)
    for got in both(p, tmp_path):
        assert got["before"].cx == 0x18 and got["before"].al == 0
        assert struct.unpack("<I", got["1c"])[0] >= 5
        assert got["after"].al == 1 and got["after"].cx == 0 and got["after"].dx < 4
        assert got["again"].al == 0


def test_event_wait_sets_the_flag_by_the_clock_interrupt(tmp_path: Path) -> None:
    p = Program()
    p.poke(BUFFER, 0x10, b"\x01")
    p.call("start", 0x15, ax=0x8300, es=BUFFER, bx=0x10, cx=0, dx=20000)
    p.call("second", 0x15, ax=0x8300, es=BUFFER, bx=0x20, cx=0, dx=20000)
    p.dump("early", BUFFER, 0x10, 1)
    p.wait(2)
    p.dump("late", BUFFER, 0x10, 1)
    p.call("long", 0x15, ax=0x8300, es=BUFFER, bx=0x20, cx=100, dx=0)
    p.call("cancel", 0x15, ax=0x8301)
    p.dump("bda", 0x40, 0xA0, 1)
    for got in both(p, tmp_path):
        assert not got["start"].cf and got["second"].cf
        assert got["early"] == b"\x01" and got["late"] == b"\x81"
        assert not got["long"].cf and not got["cancel"].cf and got["bda"] == b"\0"


def test_block_move_reaches_extended_memory_and_keeps_a20(tmp_path: Path) -> None:
    def table(source: int, dest: int) -> bytes:
        def entry(base: int) -> bytes:
            return struct.pack("<HHBBBB", 0xFFFF, base & 0xFFFF, base >> 16 & 0xFF, 0x93, 0, base >> 24)
        return bytes(16) + entry(source) + entry(dest) + bytes(16)
    p = Program()
    p.poke(BUFFER, 0x100, b"one two three four")
    p.poke(BUFFER, 0, table((BUFFER << 4) + 0x100, 0x212340))
    p.call("up", 0x15, ah=0x87, es=BUFFER, si=0, cx=9)
    p.poke(BUFFER, 0x100, bytes(18))
    p.poke(BUFFER, 0x40, table(0x212340, (BUFFER << 4) + 0x200))
    p.call("a20 off", 0x15, ax=0x2400)
    p.call("down", 0x15, ah=0x87, es=BUFFER, si=0x40, cx=9)
    p.call("a20 still off", 0x15, ax=0x2402)
    p.call("a20 on", 0x15, ax=0x2401)
    p.dump("copy", BUFFER, 0x200, 18)
    p.call("too much", 0x15, ah=0x87, es=BUFFER, si=0, cx=0x8001)
    for got in both(p, tmp_path):
        assert (got["up"].cf, got["up"].ah, got["down"].cf) == (0, 0, 0)
        assert got["copy"] == b"one two three four"
        assert got["a20 still off"].al == 0
        assert got["too much"].cf


def test_resets_that_go_on_come_back_to_the_program(tmp_path: Path) -> None:
    p = Program()
    p.reset("by jump", 0x0A)
    p.call("c0", 0x15, ah=0xC0)
    p.reset("with eoi", 0x05)
    p.wait(2)
    p.call("memory", 0x12)
    got = run_emu(p, BIOS, tmp_path)            # QEMU forgets CMOS 0Fh in a reset
    assert (got["by jump"], got["with eoi"]) == (b"R", b"R")
    assert got["c0"].bx == 0xE6F5 and got["memory"].ax == 639


def test_switch_to_protected_mode_by_15_89(tmp_path: Path) -> None:
    p = Program()
    p.protected("there and back")
    p.wait(2)
    p.call("memory", 0x12)
    for got in both(p, tmp_path):
        answer = got["there and back"]
        assert (answer[0:1], answer[1] & 1, answer[2], answer[3:]) == (b"P", 1, 0x30, b".")
        assert got["memory"].ax == 639


def test_services_within_services_on_foreign_stacks(tmp_path: Path) -> None:
    p = Program()
    p.nested("nested", 12)
    for got in both(p, tmp_path):
        calls, wrong = struct.unpack("<HH", got["nested"])
        assert (calls, wrong) == (12, 0)


def test_vectors_and_fixed_entry_points(tmp_path: Path) -> None:
    p = Program()
    p.dump("vectors", 0, 0, 0x1E0)
    p.dump("reset", 0xF000, 0xFFF0, 16)
    p.dump("font", 0xF000, 0xFA6E, 1024)
    for got in both(p, tmp_path):
        at = [struct.unpack_from("<HH", got["vectors"], 4 * n) for n in range(0x78)]
        fixed = {0x02: 0xE2C3, 0x05: 0xFF54, 0x08: 0xFEA5, 0x09: 0xE987, 0x0E: 0xEF57, 0x11: 0xF84D, 0x12: 0xF841, 0x13: 0xE3FE,
                 0x14: 0xE739, 0x15: 0xF859, 0x16: 0xE82E, 0x17: 0xEFD2, 0x19: 0xE6F2, 0x1A: 0xFE6E}
        assert {n: at[n] for n in fixed} == {n: (offset, 0xF000) for n, offset in fixed.items()}
        assert all(segment for n, (_, segment) in enumerate(at) if not 0x60 <= n < 0x67 and n not in (0x41, 0x46))
        letter = got["font"][8 * ord("I"):8 * ord("I") + 8]
        assert any(letter) and not any(got["font"][8 * 32:8 * 33])
        assert got["reset"][:5] == bytes.fromhex("ea5be000f0") and got["reset"][14] == 0xFC


def test_mouse_packets_reach_the_handler(tmp_path: Path) -> None:
    p = Program()
    # MOV AX,[BP+10..] as a driver would: copies status, X, Y, Z from the stack to 3000:0, counts at 3000:8
    handler = bytes.fromhex("55 89e5 1e 50 53 31db b80030 8ed8 8b460c 8907 8b460a 894702 8b4608 894704 8b4606 894706 ff4708"
                            " 5b 58 1f 5d cb".replace(" ", ""))
    p.poke(0x3100, 0, handler)
    p.poke(BUFFER, 0, bytes(16))
    p.call("size", 0x15, ax=0xC205, bh=3)
    p.call("handler", 0x15, ax=0xC207, es=0x3100, bx=0)
    p.call("on", 0x15, ax=0xC200, bh=1)
    for byte in (0x19, 0x05, 0xFB):                     # button, X +5, Y sign bit not set: as given
        p.out(0x64, 0xD3)                               # keyboard controller: a byte as if from the mouse
        p.out(0x60, byte)
        p.wait(1)
    p.dump("packet", BUFFER, 0, 10)
    p.call("off", 0x15, ax=0xC200, bh=0)
    p.call("size 4", 0x15, ax=0xC205, bh=4)
    p.call("handler again", 0x15, ax=0xC207, es=0x3100, bx=0)
    p.call("on again", 0x15, ax=0xC200, bh=1)
    for byte in (0x08, 0x01, 0x02, 0xFF):
        p.out(0x64, 0xD3)
        p.out(0x60, byte)
        p.wait(1)
    p.dump("wheel", BUFFER, 0, 10)
    p.call("leave", 0x15, ax=0xC207)
    for got in both(p, tmp_path):
        assert not any(got[name].cf for name in ("size", "handler", "on", "off", "size 4", "handler again", "on again", "leave"))
        assert struct.unpack("<5H", got["packet"]) == (0x19, 5, 0xFB, 0, 1)
        assert struct.unpack("<5H", got["wheel"]) == (8, 1, 2, 0xFF, 2)


def find(area: bytes, signature: bytes, size: int) -> int:
    """Offset of the structure in 0xF0000-0xFFFFF, found as systems do: signature on 16 bytes, sum zero."""
    return next(k for k in range(0, len(area), 16)
                if area[k:k + len(signature)] == signature and not sum(area[k:k + size]) & 0xFF)


@pytest.mark.parametrize("memory", ["1M", "64M"])
def test_tables_systems_search_for(tmp_path: Path, memory: str) -> None:
    with emu.Machine(memory=memory, firmware=BIOS) as vm:
        vm.run(2)
        area = vm.read_phys(0xF0000, 0x10000)
        acpi = find_acpi(vm.read_phys)
    assert {"FACP", "APIC", "DSDT", "FACS"} <= set(acpi)
    at = find(area, b"$PIR", 32 + 31 * 16)
    size = struct.unpack_from("<H", area, at + 6)[0]
    assert (size - 32) // 16 == 31
    slot = area[at + 32 + 16:at + 48 + 16]              # device 2: pins A-D are PIRQ B, C, D, A
    assert slot[:2] == b"\0\x10" and [slot[2 + 3 * k] for k in range(4)] == [0x61, 0x62, 0x63, 0x60]
    at = find(area, b"_MP_", 16)
    table = ram_of(area, struct.unpack_from("<I", area, at + 4)[0])
    assert table[:4] == b"PCMP" and not sum(table[:struct.unpack_from("<H", table, 4)[0]]) & 0xFF
    assert find(area, b"_32_", 16)
    assert area[find(area, b"$PnP", 0x21) + 5] == 0x21
    at = find(area, b"_SM_", 0x1F)
    assert not sum(area[at + 16:at + 31]) & 0xFF
    bytes_, where, count = struct.unpack_from("<HIH", area, at + 0x16)
    assert smbios_types(ram_of(area, where)[:bytes_], count) == [0, 1, 3, 4, 16, 17, 19, 32, 127]


def ram_of(area: bytes, address: int) -> bytes:
    """What lies at an address of the F000 segment."""
    assert 0xF0000 <= address < 0x100000
    return area[address - 0xF0000:]


def smbios_types(table: bytes, count: int) -> list[int]:
    """Types of the structures, which must fill the table exactly."""
    types, at = [], 0
    for _ in range(count):
        types.append(table[at])
        at = table.index(b"\0\0", at + table[at + 1]) + 2
    assert at == len(table)
    return types
