"""Memory, registers and page tables as text, in the format of QEMU's monitor: x, xp, info registers, info mem, info tlb.

Spec: the monitor chapter of QEMU's documentation; SDM 3A, Paging, for the tables walked here.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ..core import Engine

SIZES = {"b": 1, "h": 2, "w": 4, "g": 8}
MOST = 1 << 20              # bytes of one dump
CR0_PG, CR4_PSE, CR4_PAE, EFER_LMA = 1 << 31, 1 << 4, 1 << 5, 1 << 10
P, RW, US, PWT, PCD, ACC, DIRTY, PS, GLOBAL, NX = 1, 2, 4, 8, 16, 32, 64, 128, 256, 1 << 63
ADDR = 0x000FFFFFFFFFF000
CS_L, CS_D = 0x2000, 0x4000
Read = Callable[[int, int], bytes]


class DumpError(Exception):
    """Why something cannot be shown."""


@dataclass(frozen=True, slots=True)
class Format:
    """The /fmt of x, xp, p: so many items, o x d u c or i, of so many bytes."""

    count: int = 1
    kind: str = "x"
    size: int = 4

    @classmethod
    def parse(cls, text: str, before: Format) -> Format:
        """"16xb" and the like; what is left out is as in the format before."""
        digits = ""
        while text[:1].isdigit():
            digits, text = digits + text[0], text[1:]
        kind, size = before.kind, before.size
        for letter in text:
            if letter in "oxduci":
                kind = letter
                if letter == "c":
                    size = 1
            elif letter in SIZES:
                size = SIZES[letter]
            else:
                raise DumpError(f"invalid char in format: '{letter}'")
        return cls(int(digits) if digits else 1, kind, size)

    def item(self, value: int) -> str:
        """One value."""
        bits = self.size * 8
        value &= (1 << bits) - 1
        if self.kind == "o":
            return ("0" + format(value, "o") if value else "0").rjust((bits + 2) // 3)
        if self.kind == "d":
            return format(value - (1 << bits) if value >> (bits - 1) else value, f"{(bits * 10 + 32) // 33}d")
        if self.kind == "u":
            return format(value, f"{(bits * 10 + 32) // 33}d")
        if self.kind == "c":
            return character(value & 0xFF)
        return "0x" + format(value, f"0{self.size * 2}x")

    def short(self, value: int) -> str:
        """One value without padding, for `print`."""
        if self.kind == "c":
            return character(value & 0xFF)
        if self.kind == "d":
            return str(value - (1 << 64) if value >> 63 else value)
        return {"o": f"{value:#o}".replace("0o", "0"), "u": str(value)}.get(self.kind, f"{value:#x}")


def character(value: int) -> str:
    """A byte as QEMU shows one."""
    named = {ord("'"): "\\'", ord("\\"): "\\\\", 10: "\\n", 13: "\\r"}
    return "'" + named.get(value, chr(value) if 32 <= value < 127 else f"\\x{value:02x}") + "'"


def memory(read: Read, address: int, form: Format, digits: int) -> str:
    """Lines of 16 bytes; what cannot be read ends them with a word."""
    total = form.count * form.size
    if total > MOST:
        raise DumpError(f"{form.count} items are too many")
    lines = []
    per_line = max(1, 8 if form.kind == "c" else 16 // form.size)
    mask = (1 << digits * 4) - 1
    for first in range(0, form.count, per_line):
        at = (address + first * form.size) & mask
        n = min(per_line, form.count - first)
        try:
            data = read(at, n * form.size)
        except LookupError:
            lines.append(f"{at:0{digits}x}: Cannot access memory")
            break
        words = [form.item(int.from_bytes(data[k * form.size:(k + 1) * form.size], "little")) for k in range(n)]
        lines.append(f"{at:0{digits}x}: " + " ".join(words))
    return "\n".join(lines)


def code_bits(regs: dict[str, int]) -> int:
    """16, 32 or 64: how the processor reads code now."""
    if regs["efer"] & EFER_LMA and regs["cs_attr"] & CS_L:
        return 64
    return 32 if regs["cr0"] & 1 and not regs["eflags"] >> 17 & 1 and regs["cs_attr"] & CS_D else 16


def disassembly(read: Read, address: int, count: int, bits: int) -> str:
    """Instructions as QEMU shows them (AT&T); needs capstone."""
    try:
        capstone: Any = import_module("capstone")
    except ImportError:
        raise DumpError("disassembly needs the package capstone: pip install capstone") from None
    mode = {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}[bits]
    md = capstone.Cs(capstone.CS_ARCH_X86, mode)
    md.syntax = capstone.CS_OPT_SYNTAX_ATT
    lines = []
    for _ in range(min(count, 10000)):
        code = b""
        for n in (15, 8, 4, 2, 1):          # as much as is mapped
            try:
                code = read(address, n)
                break
            except LookupError:
                continue
        if not code:
            lines.append(f"0x{address:08x}:  Cannot access memory")
            break
        found = next(md.disasm(code, address, 1), None)
        raw = bytes(found.bytes) if found else code[:1]
        text = f"{found.mnemonic:<8} {found.op_str}".rstrip() if found else f".byte    0x{raw[0]:02x}"
        head, tail = raw[:8], raw[8:]
        lines.append(f"0x{address:08x}:  {head.hex(' '):<24} {text}")
        if tail:
            lines.append(f"0x{address + 8:08x}:  {tail.hex(' ')}")
        address += len(raw)
    return "\n".join(lines)


# ---- registers --------------------------------------------------------------------------------------------------
SYSTEM_TYPES = (
    ("Reserved", "TSS16-avl", "LDT", "TSS16-busy", "CallGate16", "TaskGate", "IntGate16", "TrapGate16", "Reserved", "TSS32-avl",
     "Reserved", "TSS32-busy", "CallGate32", "Reserved", "IntGate32", "TrapGate32"),
    ("<hiword>", "Reserved", "LDT", "Reserved", "Reserved", "Reserved", "Reserved", "Reserved", "Reserved", "TSS64-avl",
     "Reserved", "TSS64-busy", "CallGate64", "Reserved", "IntGate64", "TrapGate64"))
FLAG_LETTERS = ((10, "D"), (11, "O"), (7, "S"), (6, "Z"), (4, "A"), (2, "P"), (0, "C"))


def segment(title: str, name: str, regs: dict[str, int], wide: bool, long_mode: bool) -> str:
    """One segment register with what its descriptor says."""
    attr = regs[name + "_attr"]
    flags = (attr & 0xF0FF) << 8
    base = f"{regs[name + '_base']:0{16 if wide else 8}x}"
    text = f"{title:<3}={regs[name]:04x} {base} {regs[name + '_limit']:08x} {flags:08x}"
    if not regs["cr0"] & 1 or not attr & 0x80:
        return text
    text += f" DPL={attr >> 5 & 3} "
    kind = attr & 15
    if attr & 0x10:
        accessed = "A" if kind & 1 else "-"
        if kind & 8:
            size = "CS64" if attr & CS_L else "CS32" if attr & CS_D else "CS16"
            return f"{text}{size} [{'C' if kind & 4 else '-'}{'R' if kind & 2 else '-'}{accessed}]"
        size = "DS  " if attr & CS_D or long_mode else "DS16"
        return f"{text}{size} [{'E' if kind & 4 else '-'}{'W' if kind & 2 else '-'}{accessed}]"
    return text + SYSTEM_TYPES[long_mode][kind]


def registers(engine: Engine) -> str:
    """info registers."""
    regs, fpu = engine.regs(), engine.fpu()
    long_mode = bool(regs["efer"] & EFER_LMA)
    wide = code_bits(regs) == 64
    lines = ["", "CPU#0"]
    names = (("rax", "rbx", "rcx", "rdx"), ("rsi", "rdi", "rbp", "rsp"), ("r8", "r9", "r10", "r11"), ("r12", "r13", "r14", "r15"))
    if wide:
        lines += [" ".join(f"{n.upper():<3}={regs[n]:016x}" for n in row) for row in names]
    else:
        lines += [" ".join(f"E{n[1:].upper()}={regs['e' + n[1:]]:08x}" for n in row) for row in names[:2]]
    flags = "".join(letter if regs["eflags"] >> bit & 1 else "-" for bit, letter in FLAG_LETTERS)
    at = f"RIP={regs['rip']:016x} RFL" if wide else f"EIP={regs['eip']:08x} EFL"
    lines.append(f"{at}={regs['eflags']:08x} [{flags}] CPL={regs['cpl']} II=0 A20={regs['a20']} SMM={regs['in_smm']} "
                 f"HLT={regs['halted']}")
    for title, name in (("ES", "es"), ("CS", "cs"), ("SS", "ss"), ("DS", "ds"), ("FS", "fs"), ("GS", "gs"), ("LDT", "ldtr"),
                        ("TR", "tr")):
        lines.append(segment(title, name, regs, wide, long_mode))
    digits = 16 if long_mode else 8
    for title, name in (("GDT", "gdt"), ("IDT", "idt")):
        lines.append(f"{title}=     {regs[name + '_base']:0{digits}x} {regs[name + '_limit']:08x}")
    lines.append(f"CR0={regs['cr0'] & 0xFFFFFFFF:08x} CR2={regs['cr2']:0{digits}x} CR3={regs['cr3']:0{digits}x} "
                 f"CR4={regs['cr4']:08x}")
    lines.append("".join(f"DR{k}={regs[f'dr{k}']:0{digits}x} " for k in range(4)))
    lines.append(f"DR6={regs['dr6']:0{digits}x} DR7={regs['dr7']:0{digits}x}")
    lines.append(f"EFER={regs['efer']:016x}")
    lines.append(f"FCW={fpu['cw']:04x} FSW={fpu['sw']:04x} [ST={fpu['sw'] >> 11 & 7}] FTW={fpu['tags']:02x} "
                 f"MXCSR={fpu['mxcsr']:08x}")
    st = [f"FPR{k}={sig:016x} {exponent:04x}" for k, (sig, exponent) in enumerate(fpu["st"])]
    lines += [" ".join(st[k:k + 2]) for k in range(0, 8, 2)]
    xmm = [f"XMM{k:02d}={high:016x} {low:016x}" for k, (low, high) in enumerate(fpu["xmm"][:16 if wide else 8])]
    lines += [" ".join(xmm[k:k + 2]) for k in range(0, len(xmm), 2)]
    return "\n".join(lines)


# ---- page tables ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Page:
    """One mapping: linear address, size, the entry that maps it, and the rights of all levels together."""

    linear: int
    size: int
    entry: int
    rights: int         # US | RW, as the walk leaves them


def _entry(engine: Engine, table: int, index: int, width: int) -> int:
    return int.from_bytes(engine.mem.read(table + index * width, width), "little")


def _table(engine: Engine, table: int, n: int, width: int) -> Iterator[tuple[int, int]]:
    data = engine.mem.read(table, n * width)
    for k in range(n):
        entry = int.from_bytes(data[k * width:(k + 1) * width], "little")
        if entry & P:
            yield k, entry


def pages(engine: Engine) -> Iterator[Page]:
    """Everything that is mapped now, by ascending address; DumpError when paging is off."""
    regs = engine.regs()
    if not regs["cr0"] & CR0_PG:
        raise DumpError("PG disabled")
    cr3, cr4 = regs["cr3"], regs["cr4"]
    if regs["efer"] & EFER_LMA:
        for k, entry in _table(engine, cr3 & ADDR, 512, 8):
            base = k << 39
            yield from _walk(engine, entry, base if base < 1 << 47 else base | 0xFFFF << 48, 30, US | RW)
    elif cr4 & CR4_PAE:
        for k, entry in _table(engine, cr3 & 0xFFFFFFE0, 4, 8):
            yield from _walk(engine, entry | US | RW, k << 30, 21, US | RW)
    else:
        for k, entry in _table(engine, cr3 & 0xFFFFF000, 1024, 4):
            rights = entry & (US | RW)
            if entry & PS and cr4 & CR4_PSE:
                yield Page(k << 22, 1 << 22, entry, rights)
                continue
            for j, leaf in _table(engine, entry & 0xFFFFF000, 1024, 4):
                yield Page(k << 22 | j << 12, 1 << 12, leaf, rights & leaf)


def _walk(engine: Engine, above: int, base: int, shift: int, rights: int) -> Iterator[Page]:
    """The table `above` points to; its entries map 1 << shift bytes each."""
    rights &= above
    for k, entry in _table(engine, above & ADDR, 512, 8):
        linear = base | k << shift
        if shift == 12 or entry & PS and shift < 39:
            yield Page(linear, 1 << shift, entry, rights & entry & (US | RW))
        else:
            yield from _walk(engine, entry, linear, shift - 9, rights)


def mapped_ranges(engine: Engine) -> str:
    """info mem: ranges with equal rights."""
    lines = []
    start = end = rights = -1

    def put() -> None:
        if start >= 0:
            bits = f"{'u' if rights & US else '-'}r{'w' if rights & RW else '-'}"
            lines.append(f"{start:016x}-{end:016x} {end - start:016x} {bits}")
    for page in pages(engine):
        if page.linear != end or page.rights != rights:
            put()
            start, rights = page.linear, page.rights
        end = page.linear + page.size
    put()
    return "\n".join(lines)


def mappings(engine: Engine) -> str:
    """info tlb: every page with its entry's bits."""
    letters = ((NX, "X"), (GLOBAL, "G"), (PS, "P"), (DIRTY, "D"), (ACC, "A"), (PCD, "C"), (PWT, "T"), (US, "U"), (RW, "W"))
    lines = []
    for page in pages(engine):
        frame = page.entry & ADDR & ~(page.size - 1)
        bits = page.entry if page.size > 0x1000 else page.entry & ~PS       # bit 7 of a 4 KiB entry is PAT
        lines.append(f"{page.linear:016x}: {frame:016x} " + "".join(c if bits & bit else "-" for bit, c in letters))
    return "\n".join(lines)
