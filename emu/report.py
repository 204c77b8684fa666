"""The autopsy of a guest that died: what was delivered last, registers, code bytes, last serial lines.

Disassembly needs the optional package capstone; without it the bytes are shown.
"""
from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from .core import Engine

EXCEPTIONS = {
    0: "#DE divide error", 1: "#DB debug", 2: "NMI", 3: "#BP breakpoint", 4: "#OF overflow", 5: "#BR bound",
    6: "#UD invalid opcode", 7: "#NM no FPU", 8: "#DF double fault", 10: "#TS invalid TSS", 11: "#NP segment not present",
    12: "#SS stack fault", 13: "#GP general protection", 14: "#PF page fault", 16: "#MF x87 error", 17: "#AC alignment",
    18: "#MC machine check", 19: "#XM SIMD error",
}
WITH_ERROR = {8, 10, 11, 12, 13, 14, 17}
FLAGS = ("cf", "", "pf", "", "af", "", "zf", "sf", "tf", "if", "df", "of", "", "", "nt", "", "rf", "vm", "ac", "vif", "vip", "id")
D_BIT = 0x4000
CHAIN = 8
CALLS = 12
RECENT = 50_000_000     # instructions since the last BIOS call for it to be part of the story


def vector_name(vector: int) -> str:
    """"#PF page fault", "vector 0x80"."""
    return EXCEPTIONS.get(vector, f"vector {vector:#04x}")


def delivery_line(row: dict[str, Any]) -> str:
    """One delivered exception or interrupt in words."""
    text = f"insn {row['icount']:>12}  "
    if row["kind"] == "irq":
        text += f"interrupt {row['vector']:#04x}"
    else:
        text += vector_name(row["vector"])
        if row["vector"] in WITH_ERROR:
            text += f" error={row['error']:#x}"
        if row["vector"] == 14:
            text += f" ({page_fault_words(row['error'])}) address={row['cr2']:08x}"
    return f"{text}  at {row['cs']:04x}:{row['eip']:08x} cpl={row['cpl']}"


def page_fault_words(error: int) -> str:
    """The #PF error code in words (SDM 3A, Page-Fault Exceptions)."""
    who = "user" if error & 4 else "supervisor"
    what = "fetch" if error & 16 else "write" if error & 2 else "read"
    why = "reserved bit" if error & 8 else "protection" if error & 1 else "not present"
    return f"{who} {what}, {why}"


def register_lines(regs: dict[str, int]) -> Iterator[str]:
    """The registers as text, four to a line."""
    yield "  ".join(f"{n}={regs[n]:08x}" for n in ("eax", "ebx", "ecx", "edx"))
    yield "  ".join(f"{n}={regs[n]:08x}" for n in ("esi", "edi", "ebp", "esp"))
    flags = " ".join(n.upper() for k, n in enumerate(FLAGS) if n and regs["eflags"] >> k & 1)
    yield f"eip={regs['eip']:08x}  eflags={regs['eflags']:08x} [{flags}]  cpl={regs['cpl']}"
    for row in (("cs", "ds", "es"), ("ss", "fs", "gs")):
        yield "  ".join(f"{n}={regs[n]:04x} ({regs[n + '_base']:08x}+{regs[n + '_limit']:08x})" for n in row)
    yield "  ".join(f"{n}={regs[n]:08x}" for n in ("cr0", "cr2", "cr3", "cr4"))
    yield f"gdt={regs['gdt_base']:08x}+{regs['gdt_limit']:04x}  idt={regs['idt_base']:08x}+{regs['idt_limit']:04x}"


def mode_name(regs: dict[str, int]) -> str:
    """Real, virtual-8086 or protected mode with its code size and paging."""
    if not regs["cr0"] & 1:
        return "real mode"
    if regs["eflags"] >> 17 & 1:
        return "virtual-8086 mode"
    bits = 32 if regs["cs_attr"] & D_BIT else 16
    return f"{bits}-bit protected mode" + (", paging" if regs["cr0"] >> 31 & 1 else "")


def regs_real(regs: dict[str, int]) -> bool:
    """Is the guest in real or virtual-8086 mode?"""
    return not regs["cr0"] & 1 or bool(regs["eflags"] >> 17 & 1)


def read_code(engine: Engine, linear: int, n: int) -> bytes:
    """Up to n bytes at a linear address; fewer when a page on the way is not mapped."""
    out = b""
    while len(out) < n:
        at = (linear + len(out)) & 0xFFFFFFFF
        part = min(n - len(out), 0x1000 - (at & 0xFFF))
        try:
            out += engine.read_virt(at, part)
        except LookupError:
            break
    return out


def disassemble(code: bytes, address: int, bits: int, count: int) -> list[str]:
    """Instructions as text; empty without capstone."""
    try:
        capstone = import_module("capstone")
    except ImportError:
        return []
    md = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32 if bits == 32 else capstone.CS_MODE_16)
    return [f"{i.address:08x}  {i.bytes.hex():<22} {i.mnemonic} {i.op_str}".rstrip()
            for i in md.disasm(code, address, count)]


def code_lines(engine: Engine, regs: dict[str, int]) -> Iterator[str]:
    """The bytes at CS:EIP, disassembled where capstone is there."""
    linear = (regs["cs_base"] + regs["eip"]) & 0xFFFFFFFF
    code = read_code(engine, linear, 16)
    if not code:
        yield "nothing is mapped there"
        return
    yield f"{linear:08x}: {code.hex(' ')}"
    if set(code) == {0xFF}:
        yield "(all ones: neither RAM nor ROM answers at this address; the guest jumped into nowhere)"
    bits = 32 if regs["cr0"] & 1 and not regs["eflags"] >> 17 & 1 and regs["cs_attr"] & D_BIT else 16
    yield from disassemble(code, linear, bits, 4)


def chain_line(chain: list[tuple[int, int]]) -> str:
    """How one exception led to the next."""
    names = [vector_name(v) + (f" (error {e:#x})" if v in WITH_ERROR else "") for v, e in chain]
    return "exception chain: " + " -> ".join(names) + " -> shutdown"


# What a BIOS or DOS call of these numbers is, and by AH for the busiest (RBIL, interrupts 10h to 21h).
SERVICES = {0x10: "video", 0x11: "equipment", 0x12: "memory size", 0x13: "disk", 0x14: "serial", 0x15: "system", 0x16: "keyboard",
            0x17: "printer", 0x18: "no boot device", 0x19: "bootstrap", 0x1A: "clock", 0x1B: "Ctrl-Break", 0x1C: "tick",
            0x20: "DOS exit", 0x21: "DOS", 0x25: "DOS disk read", 0x26: "DOS disk write", 0x27: "DOS stay resident",
            0x28: "DOS idle", 0x29: "DOS console", 0x2F: "multiplex", 0x31: "DPMI", 0x33: "mouse driver", 0x67: "EMS"}
TELETYPE = (0x10, 0x0E)
FUNCTIONS = {
    (0x10, 0x00): "set mode", (0x10, 0x02): "set cursor", (0x10, 0x06): "scroll up", (0x10, 0x09): "write character",
    (0x10, 0x0E): "teletype", (0x10, 0x0F): "get mode", (0x10, 0x13): "write string", (0x10, 0x4F): "VBE",
    (0x13, 0x00): "reset", (0x13, 0x01): "status", (0x13, 0x02): "read", (0x13, 0x03): "write", (0x13, 0x08): "parameters",
    (0x13, 0x15): "type", (0x13, 0x41): "extensions?", (0x13, 0x42): "extended read", (0x13, 0x43): "extended write",
    (0x13, 0x48): "extended parameters", (0x13, 0x4B): "CD emulation", (0x15, 0x24): "A20", (0x15, 0x53): "APM",
    (0x15, 0x86): "wait", (0x15, 0x87): "move block", (0x15, 0x88): "extended memory", (0x15, 0xC0): "configuration",
    (0x15, 0xE8): "memory map", (0x16, 0x00): "read key", (0x16, 0x01): "key?", (0x16, 0x02): "shift state",
    (0x16, 0x10): "read key", (0x16, 0x11): "key?", (0x1A, 0x00): "ticks", (0x1A, 0x02): "time", (0x1A, 0x04): "date",
    (0x1A, 0xB1): "PCI", (0x21, 0x02): "write character", (0x21, 0x09): "write string", (0x21, 0x25): "set vector",
    (0x21, 0x35): "get vector", (0x21, 0x3C): "create", (0x21, 0x3D): "open", (0x21, 0x3E): "close", (0x21, 0x3F): "read",
    (0x21, 0x40): "write", (0x21, 0x48): "allocate", (0x21, 0x4B): "execute", (0x21, 0x4C): "exit", (0x21, 0x4E): "find first",
}


def call_lines(engine: Engine, count: int) -> list[str]:
    """The last BIOS and DOS calls, oldest first; equal ones that follow each other, and texts by teletype, are one line."""
    lines: list[str] = []
    last = ""
    times, written = 1, ""
    for row in engine.calls():
        vector, ah = row["vector"], row["ax"] >> 8 & 0xFF
        head = f"insn {row['icount']:>12}  int {vector:02x}h ah={ah:02x}h "
        if (vector, ah) == TELETYPE:
            written += chr(row["ax"] & 0xFF)
            text = "video teletype"
            line = f"{head}{text} {written[-60:]!r} from {row['cs']:04x}:{row['ip'] - 2 & 0xFFFF:04x}"
        else:
            written = ""
            words = " ".join(w for w in (SERVICES.get(vector, ""), FUNCTIONS.get((vector, ah), "")) if w)
            regs = " ".join(f"{n}={row[n]:04x}" for n in ("ax", "bx", "cx", "dx", "ds", "es"))
            text = f"{words:<22} {regs} from {row['cs']:04x}:{row['ip'] - 2 & 0xFFFF:04x}"
            line = head + text
        if lines and text == last:
            times += 1
            lines[-1] = line if written else f"{line} ({times} times)"
        else:
            times, last = 1, text
            lines.append(line)
    return lines[-count:]


def screen_lines(text: str) -> list[str]:
    """The text on the screen without its empty end, framed."""
    rows = [row.rstrip() for row in text.splitlines()]
    while rows and not rows[-1]:
        rows.pop()
    return ["  | " + row for row in rows]


def autopsy(engine: Engine, headline: str, serial: str, *, chain: bool = False, screen: str = "") -> str:
    """The whole report; `chain`: with the exceptions that nested; `screen`: the text on the guest's screen."""
    regs = engine.regs()
    rows = engine.exceptions()[-CHAIN:]
    lines = [headline, f"after {engine.icount} instructions, {engine.now_ns / 1e9:.6f} s, in {mode_name(regs)}"]
    if chain:
        lines.append(chain_line(engine.fault_chain()))
    if rows:
        lines.append("last exceptions and interrupts, oldest first:")
        lines += ["  " + delivery_line(row) for row in rows]
    recent = [row for row in engine.calls()[-1:] if regs_real(regs) or engine.icount - row["icount"] < RECENT]
    calls = call_lines(engine, CALLS) if recent else []
    if calls:
        lines.append("last BIOS and DOS calls, oldest first:")
        lines += ["  " + line for line in calls]
    lines.append("registers:")
    lines += ["  " + line for line in register_lines(regs)]
    lines.append("code at cs:eip:")
    lines += ["  " + line for line in code_lines(engine, regs)]
    if screen.strip():
        lines.append("on the screen:")
        lines += screen_lines(screen)
    if serial:
        lines.append("last serial output:")
        lines += ["  | " + line for line in serial.splitlines()]
    return "\n".join(lines)
