"""The services of our BIOS, by register values: under QEMU against SeaBIOS, and the same program under emu.

What is the same under both BIOSes needs no golden: SeaBIOS is it. What differs is in DIFFERENT with its reason; a
difference that is not listed fails, and so does a listed one that is gone.
"""
from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest
from biosprog import REGISTERS, ROMS, Answer, Program, run_emu, run_qemu

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


def fields(a: Answer) -> dict[str, int]:
    """What is compared: registers, segments, CF and ZF."""
    return {name: getattr(a, name) for name in (*REGISTERS, "ds", "es", "cf")}


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
