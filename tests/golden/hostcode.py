"""What the compiler made of the handlers: their host code, found by address and followed with objdump.

The release build has no symbols, so the addresses come from the registry and from /proc/self/maps.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

LINE = re.compile(r"\s*([0-9a-f]+):\t(\S+)\s*(.*?)\s*(?:#.*|<.*)?$")
PREFIXES = ("notrack", "bnd", "rep", "repz", "repnz", "lock", "data16", "cs")


@dataclass
class Code:
    """One handler: its tail exits (indirect jumps), those of them a path without stack use leads to, and what else it does."""

    module: str
    tails: set[int] = field(default_factory=set)
    bare_tails: set[int] = field(default_factory=set)
    misses: set[int] = field(default_factory=set)  # of them, those that go to the slow twin
    returns: int = 0
    calls: int = 0
    stack: int = 0  # instructions that move RSP
    direct: set[int] = field(default_factory=set)  # tail calls of functions of the same module
    size: int = 0  # instructions

    @property
    def verdict(self) -> str:
        """Empty: every way to the next handler is free of prologues and calls."""
        if not self.tails:
            return "no tail call"
        if self.tails == self.bare_tails:
            return ""
        return ("call" if self.calls else "prologue") + (" on a side path" if self.bare_tails - self.misses else "")


@cache
def modules() -> list[tuple[int, int, int, Path]]:
    """(start, end, address in the file minus address in memory, file) of the executable parts of our extension modules."""
    out = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        part = line.split()
        if len(part) >= 6 and "x" in part[1] and "emu_core_pyx" in part[5]:
            start, end = (int(x, 16) for x in part[0].split("-"))
            out.append((start, end, int(part[2], 16) - start, Path(part[5])))
    return out


@cache
def listing(path: Path) -> dict[int, tuple[str, str, int]]:
    """Address -> (mnemonic, operands, address of the next) of a module's text."""
    text = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", "-j", ".text", str(path)], capture_output=True, text=True, check=True
    ).stdout
    rows = []
    for line in text.splitlines():
        m = LINE.match(line)
        if m:
            word, rest = m[2], m[3]
            while word in PREFIXES and rest:
                word, _, rest = rest.partition(" ")
            rows.append((int(m[1], 16), word, rest.strip()))
    return {at: (word, rest, rows[k + 1][0] if k + 1 < len(rows) else 0) for k, (at, word, rest) in enumerate(rows)}


@cache
def starts(path: Path) -> frozenset[int]:
    """Where functions begin, from the unwind tables (a stripped module has no symbols)."""
    text = subprocess.run(["objdump", "--dwarf=frames", str(path)], capture_output=True, text=True, check=True).stdout
    return frozenset(int(at, 16) for at in re.findall(r"FDE .*pc=([0-9a-f]+)\.\.", text))


@cache
def load_offset(path: Path) -> int:
    """Link address minus file offset of .text (zero for most linkers)."""
    text = subprocess.run(["objdump", "-h", "-j", ".text", str(path)], capture_output=True, text=True, check=True).stdout
    row = next(line.split() for line in text.splitlines() if " .text " in line)
    return int(row[3], 16) - int(row[5], 16)


@cache
def compiler(path: Path) -> str:
    """Name and version of the compiler, from .comment."""
    text = subprocess.run(["readelf", "-p", ".comment", str(path)], capture_output=True, text=True).stdout
    found = re.search(r"(GCC|clang)\D*(?:\(.*?\))?\s*(\d+)", text)
    return f"{found[1].lower()} {found[2]}" if found else "unknown"


def available() -> str:
    """Why it cannot be done here, or nothing."""
    if not Path("/proc/self/maps").exists():
        return "no /proc/self/maps on this system"
    if platform.machine() != "x86_64":
        return "the listing is read for x86-64 hosts"
    return "" if shutil.which("objdump") and shutil.which("readelf") else "objdump is not on this machine"


def inspect(address: int) -> Code:
    """Follow the code from `address` along every branch."""
    _, _, shift, path = next(m for m in modules() if m[0] <= address < m[1])
    return _inspect(path, address + shift + load_offset(path))


@cache
def _inspect(path: Path, entry: int) -> Code:
    lines = listing(path)
    code = Code(path.name.split(".")[0])
    seen: set[tuple[int, bool]] = set()
    todo = [(entry, True)]
    insns: set[int] = set()
    while todo:
        at, bare = todo.pop()
        if (at, bare) in seen or (at, True) in seen or at not in lines:
            continue
        seen.add((at, bare))
        word, rest, after = lines[at]
        new = at not in insns
        insns.add(at)
        if word in ("push", "pop", "leave", "enter") or rest.endswith("%rsp") and word in ("sub", "add", "lea", "mov", "and"):
            code.stack += new
            bare = False
        elif word.startswith("call"):
            code.calls += new
            bare = False
        if word == "jmp" or word == "jmpq":
            if rest.startswith("*"):
                code.tails.add(at)
                if re.match(r"\*0x8\(%\w+[,)]", rest):  # HandlerRow.slow
                    code.misses.add(at)
                if bare:
                    code.bare_tails.add(at)
            elif (target := int(rest.split()[0], 16)) in starts(path):
                code.direct.add(target)  # a cold helper, or another handler with the same body
            else:
                todo.append((target, bare))
            continue
        if word.startswith("ret"):
            code.returns += new
            continue
        if word.startswith("j"):
            todo.append((int(rest.split(",")[-1].split()[0], 16), bare))
        if word not in ("ud2", "hlt"):
            todo.append((after, bare))
    code.size = len(insns)
    if not code.tails and len(code.direct) == 1 and not code.calls:
        return _inspect(path, code.direct.pop())
    return code
