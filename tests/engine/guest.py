"""Small guests for the engine's tests: GNU as to bytes, bare engines to run them on, ways to cut a run into pieces.

The assembler is the one the extension modules were compiled with, so it is there wherever the tests run from source.
"""

from __future__ import annotations

import itertools
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from emu_core_pyx.devices.pic8259 import Pic8259Pair
from emu_core_pyx.devices.pit8254 import Pit8254
from emu_core_pyx.engine import Engine

RAM = 4 << 20
ORG = 0x100000
IDT = 0x8000
GDT = 0x9000
STACK = 0x80000
STUBS = 0x60000  # 32 bytes for each vector

# How to cut N instructions: the whole at once, one by one, pieces that fit nothing.
CUTS = {
    "ones": lambda: itertools.repeat(1),
    "odd": lambda: itertools.cycle((7, 1, 13, 2, 101, 1, 1, 3, 997, 5, 31, 4001)),
    "pairs": lambda: itertools.cycle((2, 3)),
}


class Rig(Engine):
    """An engine that can carry the devices a test wires to it."""

    devices: tuple = ()


@cache
def assemble(source: str, org: int = ORG) -> bytes:
    """Intel-syntax source (no % before registers) as a flat binary that belongs at `org`."""
    if shutil.which("as") is None or shutil.which("ld") is None:
        pytest.skip("GNU as and ld are not on this machine")
    with tempfile.TemporaryDirectory(prefix="guest-") as folder:
        work = Path(folder)
        (work / "guest.s").write_text(".intel_syntax noprefix\n.text\n.globl _start\n_start:\n" + source + "\n")
        for command in (
            ["as", "--32", "-o", "guest.o", "guest.s"],
            ["ld", "-m", "elf_i386", f"-Ttext={org:#x}", "--oformat", "binary", "-o", "guest.bin", "guest.o"],
        ):
            done = subprocess.run(command, cwd=work, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        return (work / "guest.bin").read_bytes()


def descriptor(base: int, limit: int, attr: int) -> bytes:
    """A segment descriptor; attr as in Engine.set_segment, limit in units of its G bit."""
    value = limit & 0xFFFF | (base & 0xFFFFFF) << 16 | (attr & 0xFF) << 40 | (limit >> 16 & 15) << 48
    return struct.pack("<Q", value | (attr >> 12 & 15) << 52 | (base >> 24) << 56)


def gate(selector: int, offset: int, kind: int = 0x8E) -> bytes:
    return struct.pack("<HHBBH", offset & 0xFFFF, selector, 0, kind, offset >> 16)


def protected(source: str, mmu: str = "tlb", org: int = ORG, shift: int = 0, cpu: str = "max") -> Rig:
    """A bare engine about to run `source` in flat 32-bit ring 0, paging off.

    GDT: 8 code, 0x10 data, 0x18 16-bit code, 0x20 16-bit data, 0x28 ring-3 code, 0x30 ring-3 data, 0x38 TSS.
    Every vector leads to a stub that halts with interrupts off, so an exception ends as a hang with its evidence
    in the state.
    """
    code = assemble(source, org)
    e = Rig(RAM, cpu, mmu)
    e.clock.shift = shift
    gdt = [
        0,
        descriptor(0, 0xFFFFF, 0xC09B),
        descriptor(0, 0xFFFFF, 0xC093),
        descriptor(0, 0xFFFF, 0x009B),
        descriptor(0, 0xFFFF, 0x0093),
        descriptor(0, 0xFFFFF, 0xC0FB),
        descriptor(0, 0xFFFFF, 0xC0F3),
        descriptor(0xA000, 0x67, 0x0089),
    ]
    e.mem.write(GDT, bytes(8) + b"".join(gdt[1:]))
    e.mem.write(IDT, b"".join(gate(8, STUBS + 32 * v) for v in range(256)))
    e.mem.write(STUBS, b"\xfa\xf4\xeb\xfd".ljust(32, b"\x90") * 256)  # cli; hlt; jmp to the hlt
    e.mem.write(0xA000, struct.pack("<III", 0, STACK, 0x10).ljust(0x68, b"\0"))
    e.mem.write(org, code)
    e.flush_code()
    e.enter_protected(org, STACK, GDT, 63)
    e.set_regs(idt_base=IDT, idt_limit=0x7FF, cr4=0x600)
    return e


def real(source: str, mmu: str = "tlb", org: int = 0x7C00, shift: int = 0) -> Rig:
    """A bare engine about to run `source` (begin it with .code16) at 0000:org; unused vectors halt."""
    code = assemble(source, org)
    e = Rig(RAM, "max", mmu)
    e.clock.shift = shift
    e.mem.write(0, struct.pack("<HH", 0x600, 0) * 256)
    e.mem.write(0x600, b"\xfa\xf4\xeb\xfd")
    e.mem.write(org, code)
    e.flush_code()
    e.set_segment("cs", 0, 0, 0xFFFF, 0x9B)
    e.set_regs(eip=org, esp=0x7000)
    return e


def with_timer(e: Rig, divisor: int) -> Rig:
    """PIC and PIT at their ports; IRQ 0 at vector 0x20, counter 0 in mode 2."""
    pic, pit = Pic8259Pair(), Pit8254()
    for dev, ports in ((pic, ((0, 0x20, 2), (1, 0xA0, 2))), (pit, ((0, 0x40, 4),))):
        dev.attach(e.clock)
        dev.reset()
        for region, base, n in ports:
            e.bus.map_io(dev, region, base, n)
    pit.irq.connect(pic, 0)
    pic.intr.connect(e.pins, 0)
    e.set_irq_source(pic)
    for region, off, value in ((0, 0, 0x11), (0, 1, 0x20), (0, 1, 4), (0, 1, 1), (0, 1, 0xFE)):
        pic.py_io_write(region, off, value, 1)
    for off, value in ((3, 0x34), (0, divisor & 0xFF), (0, divisor >> 8)):
        pit.py_io_write(0, off, value, 1)
    e.devices = (pic, pit)
    return e


def advance(e: Engine, stop: int, cuts: Iterable[int] | None = None) -> str:
    """Run to instruction count `stop`; the reason it came back if that was another one, else "budget"."""
    pieces: Iterator[int] = iter(cuts) if cuts is not None else itertools.repeat(1 << 40)
    while e.icount < stop:
        reason: str = e.run(min(next(pieces), stop - e.icount)).reason
        if reason != "budget":
            return reason
    assert e.icount == stop, f"asked to stop at {stop}, stopped at {e.icount}"
    return "budget"


def differences(a: Rig | Engine, b: Rig | Engine) -> list[str]:
    """What two engines' states differ in, by register name and RAM address; empty when they are equal."""
    out = []
    ra, rb = a.regs(), b.regs()
    out += [f"{k}: {ra[k]:#x} {rb[k]:#x}" for k in ra if ra[k] != rb[k]]
    if a.icount != b.icount:
        out.append(f"icount: {a.icount} {b.icount}")
    if a.now_ns != b.now_ns:
        out.append(f"now_ns: {a.now_ns} {b.now_ns}")
    sa, sb = a.save_cpu(), b.save_cpu()
    if sa != sb:
        at = [k for k in range(min(len(sa), len(sb))) if sa[k] != sb[k]]
        out.append(f"save_cpu at offsets {at[:16]} of {len(sa)}, {len(sb)}")
    ma, mb = a.mem.ram.view("u8"), b.mem.ram.view("u8")
    if (ma != mb).any():
        at = (ma != mb).nonzero()[0]
        out.append("ram at " + ", ".join(f"{8 * k:#x}: {ma[k]:#x} {mb[k]:#x}" for k in at[:8]) + f" ({len(at)} quadwords)")
    pairs = zip(getattr(a, "devices", ()), getattr(b, "devices", ()), strict=True)
    return out + [x.name for x, y in pairs if x.save() != y.save()]


def check_equal(one: Callable[[], Rig], two: Callable[[], Rig], limit: int, cuts: Callable[[], Iterator[int]]) -> tuple[Rig, str]:
    """Run `one` whole and `two` cut up to `limit`; the first and its end.  A failure tells where they part, by bisection.

    The whole run really is one call: what a stop in between would hide (the engine steps where the budget ends) is seen.
    """

    def differ(stop: int) -> tuple[Rig, str, list[str]]:
        whole, cut = one(), two()
        end, end_cut = advance(whole, stop), advance(cut, stop, cuts())
        return whole, end, differences(whole, cut) + ([f"ended with {end}, {end_cut}"] if end != end_cut else [])

    whole, end, found = differ(limit)
    if not found:
        return whole, end
    low, high = 0, limit
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if differ(middle)[2] else (middle, high)
    before = two()
    advance(before, low, cuts())
    r = before.regs()
    code = before.mem.read(before.virt_to_phys(r["eip"] + r["cs_base"]) or 0, 15).hex()
    pytest.fail(f"apart after instruction {high}, eip {r['eip']:#x}, code {code}: {differ(high)[2]} (at the end: {found})")
