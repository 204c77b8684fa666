"""Random code from random states of the processor: whatever a guest runs, the host lives, and runs of one seed are alike.

    python tests/engine/fuzz_modes.py --seconds 600 [--first 0]

A seed gives a mode (real, virtual-8086, 16 and 32 bits, PAE, 64 bits, compatibility), descriptor and page tables that are half
plausible and half noise, and code made of likely instructions, privileged ones and random bytes.  A guest that ends (shutdown,
halt) starts again elsewhere.  Meant for the debug build, see README.md of tests/devices.
"""

from __future__ import annotations

import argparse
import faulthandler
import itertools
import random
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from emu_core_pyx.engine import Engine  # noqa: E402
from guest import Rig, descriptor, gate, with_timer  # noqa: E402
from test_random_programs import instruction  # noqa: E402

RAM = 4 << 20
GDT, IDT, LDT, TSS, TABLES, CODE, STACK = 0x1000, 0x2000, 0x4000, 0x5000, 0x8000, 0x20000, 0x80000
TABLE_PAGES = 16
MODES = ("real", "v86", "prot16", "prot32", "paged", "pae", "long", "compat")
SEED_SECONDS = 120

# first bytes of instructions that change the processor's state; what follows is random
PRIVILEGED = [
    bytes.fromhex(code)
    for code in (
        "0f22c0 0f22d8 0f22e0 0f20c0 0f20d8 0f23f8 0f21f8 0f01 0f00 0f0138 0f06 0f30 0f32 0f31 0fa2 0f34 0f35 0f05 "
        "0f07 cf 9d 9c fa fb f4 cd80 cd20 cc ce f1 ea 9a cb ca0400 ff28 ff18 8ed8 8ec0 8ed0 8ee0 8ee8 1f 07 17 0fa1 "
        "0fa9 c4 c5 0fb2 0fae 0fc7 0f01d0 0f01d1 e4 e5 e6 e7 ec ed ee ef 6c 6d 6e 6f f36c f36e 48cf 480fc7 0f01f8 "
        "f30fae f30fc7f0 660f38 0f38 0f3a c8 c9 63 0f02 0f03 62 d7 0f0b 0f09 0f08 0f22d0 0f01c1 0f01ca 0f01cb 67 66 f0 "
        "2e 64 65 48 4c 4f"
    ).split()
]


def code_bytes(rnd: random.Random, n: int) -> bytes:
    out = b""
    while len(out) < n:
        what = rnd.random()
        if what < 0.5:
            out += instruction(rnd)
        elif what < 0.8:
            out += rnd.choice(PRIVILEGED) + rnd.randbytes(rnd.randrange(6))
        else:
            out += rnd.randbytes(rnd.randrange(1, 12))
    return out[:n]


def segment(rnd: random.Random, code: bool | None = None, bits64: bool = False) -> bytes:
    """A descriptor: flat and right, or of any type and size."""
    if rnd.random() < 0.5:
        kind = 0x9B if code or code is None and rnd.random() < 0.5 else 0x93
        return descriptor(0, 0xFFFFF, (0xA000 if bits64 and kind == 0x9B else 0xC000) | kind | rnd.choice((0, 0x60)))
    base = rnd.choice((0, 0, TSS, LDT, CODE, rnd.getrandbits(32)))
    return descriptor(
        base, rnd.choice((0xFFFFF, 0xFFFF, 0x67, 0, rnd.getrandbits(20))), rnd.choice((0x80, 0, 0xFF)) ^ rnd.getrandbits(16)
    )


def entry(rnd: random.Random, wide: bool, leaf: bool) -> int:
    """A paging-structure entry."""
    if rnd.random() < 0.1:
        return rnd.getrandbits(64 if wide else 32)
    frame = rnd.randrange(RAM >> 12) if leaf else (TABLES >> 12) + rnd.randrange(TABLE_PAGES)
    if rnd.random() < 0.03:
        frame = rnd.choice((0xA0, 0xFEE00, 0xFFFFF, 0x400, 0x100000 if wide else 0x401))
    flags = rnd.choice((7, 7, 7, 3, 5, 1, 0x67, 0x107, 0x87, 0x9F, rnd.getrandbits(12)))
    return frame << 12 | flags | (rnd.getrandbits(1) << 63 if wide and rnd.random() < 0.1 else 0)


def tables(rnd: random.Random, wide: bool) -> bytes:
    """Paging structures that lead into each other; the low half of them identity, so that code goes on."""
    pages = []
    for page in range(TABLE_PAGES):
        size = 8 if wide else 4
        rows = [entry(rnd, wide, page >= TABLE_PAGES // 2) for _ in range(4096 // size)]
        if page == 1:
            rows = [k << 12 | 7 for k in range(4096 // size)]
        rows[0] = (
            rows[0] if page == 1 else (TABLES + 0x1000) | 7 if page in (0, 4) else (TABLES + 0x1000 * rnd.choice((0, 1, 4))) | 7
        )
        pages.append(struct.pack(f"<{4096 // size}{'Q' if wide else 'I'}", *rows))
    if wide:  # long mode: PML4 in page 2 -> page 3 -> page 4 -> page 1
        for at, to in ((2, 3), (3, 4), (4, 1)):
            pages[at] = struct.pack("<Q", (TABLES + 0x1000 * to) | 7) + pages[at][8:]
    return b"".join(pages)


def machine(seed: int) -> tuple[Rig, random.Random]:
    """An engine in a random state, with timer and interrupt controller."""
    rnd = random.Random(seed)
    mode = rnd.choice(MODES)
    long = mode in ("long", "compat")
    wide = long or mode == "pae"
    e = Rig(
        RAM,
        rnd.choice(("max", "max", "qemu64", "pentium")) if not long else rnd.choice(("max", "qemu64")),
        rnd.choice(("tlb", "shadow")),
    )
    e.clock.shift = rnd.choice((0, 5))
    gdt = (
        bytes(8)
        + segment(rnd, True, mode == "long")
        + segment(rnd, False)
        + b"".join(segment(rnd, None, long) for _ in range(60))
    )
    e.mem.write(GDT, gdt[:0x200])
    e.mem.write(LDT, b"".join(segment(rnd, None, long) for _ in range(32)))
    for v in range(256):
        kind = rnd.choice((0x8E, 0x8E, 0xEE, 0x8F, 0x85, 0x86, rnd.getrandbits(8)))
        target = CODE + rnd.randrange(0x8000) if rnd.random() < 0.9 else rnd.getrandbits(32)
        row = gate(rnd.choice((8, 8, 8, rnd.getrandbits(16))), target, kind)
        e.mem.write(IDT + (16 if long else 8) * v, row + bytes(8 if long else 0))
    e.mem.write(TSS, struct.pack("<III", 0, STACK, 0x10) + rnd.randbytes(0x5C) + bytes(0x100))
    e.mem.write(TABLES, tables(rnd, wide))
    e.mem.write(CODE, code_bytes(rnd, 0x8000))
    e.mem.write(STACK - 0x1000, b"".join(struct.pack("<I", CODE + rnd.randrange(0x8000)) for _ in range(0x800)))
    if mode in ("real", "v86"):
        e.mem.write(0, b"".join(struct.pack("<HH", rnd.randrange(0x8000), CODE >> 4) for _ in range(256)))
    start(e, rnd, mode)
    e.flush_code()
    return with_timer(e, rnd.choice((20, 100, 1000))), rnd


def start(e: Rig, rnd: random.Random, mode: str) -> None:
    """Registers for the mode."""
    paged = mode in ("paged", "pae", "long", "compat") or mode == "v86" and rnd.random() < 0.5
    cr0 = (0 if mode == "real" else 1) | 0x10 | (0x80000000 if paged else 0) | rnd.choice((0, 0x10000, 0x50020, 0x2A))
    cr4 = (0x20 if mode in ("pae", "long", "compat") else 0) | rnd.choice((0x600, 0x690, 0, 0x40600, 0x310690))
    efer = (0x500 if mode in ("long", "compat") else 0) | rnd.choice((0, 0x801))
    cr3 = TABLES + (0x2000 if mode in ("long", "compat") else 0)
    e.set_regs(
        cr0=cr0,
        cr4=cr4,
        efer=efer,
        cr3=cr3,
        gdt_base=GDT,
        gdt_limit=rnd.choice((0x1FF, 0x17, 0xFFFF)),
        idt_base=0 if mode == "real" else IDT,
        idt_limit=rnd.choice((0xFFF, 0x7FF, 0x3FF)),
        xcr0=7,
    )
    ring = 3 if mode == "v86" else rnd.choice((0, 0, 3))
    attr = {"prot16": 0x009B, "long": 0xA09B}.get(mode, 0xC09B) | ring << 5
    if mode in ("real", "v86"):
        e.set_segment("cs", CODE >> 4, CODE, 0xFFFF, 0x9B if mode == "real" else 0xFB)
    else:
        e.set_segment("cs", 8 | ring, CODE if mode == "prot16" else 0, 0xFFFF if mode == "prot16" else 0xFFFFFFFF, attr)
    for name in ("ds", "es", "ss", "fs", "gs"):
        flat = rnd.random() < 0.7 and mode not in ("real", "v86")
        base = 0 if flat else rnd.choice((0, 0x10000, STACK - 0x8000, rnd.getrandbits(20) << 4 & 0xFFFF0))
        limit = 0xFFFFFFFF if flat else 0xFFFF
        e.set_segment(name, (0x10 | ring) if flat else base >> 4, base, limit, (0xC093 if flat else 0x93) | (0x60 if ring else 0))
    e.set_segment("tr", 0x18, TSS, rnd.choice((0x67, 0x167, 0xFFFF)), 0x8B)
    e.set_segment("ldtr", 0x20, LDT, 0xFF, 0x82)
    flags = 2 | rnd.choice((0, 0x200)) | rnd.choice((0, 0x3000)) | rnd.choice((0, 0, 0, 0x100, 0x40000, 0x10000))
    names = "rax rcx rdx rbx rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split()
    regs = {n: rnd.choice((rnd.randrange(RAM), rnd.getrandbits(64), rnd.getrandbits(32), rnd.randrange(40))) for n in names}
    at = rnd.randrange(0x8000) + (0 if mode in ("real", "v86", "prot16") else CODE)
    e.set_regs(
        eflags=flags | (0x20000 if mode == "v86" else 0),
        eip=at,
        rsp=STACK - 0x800 if mode not in ("real", "v86") else 0x7000,
        **regs,
    )


def elsewhere(e: Engine, rnd: random.Random) -> None:
    """The guest has ended: the same memory from another state."""
    e.reset()
    start(e, rnd, rnd.choice(MODES))


def run(seed: int, instructions: int, cut: int = 0) -> Rig:
    """The machine of a seed after so many instructions, run in pieces of `cut`."""
    faulthandler.dump_traceback_later(SEED_SECONDS, exit=True)
    e, rnd = machine(seed)
    for _ in range(20):  # lives
        stop = e.icount + instructions // 20
        for piece in itertools.repeat(cut or 1 << 30):
            reason = e.run(min(piece, stop - e.icount), e.now_ns + 10_000_000).reason
            if reason != "budget" or e.icount >= stop or e.halted:
                break
        if reason != "budget" or e.halted or rnd.random() < 0.3:
            elsewhere(e, rnd)
    faulthandler.cancel_dump_traceback_later()
    return e


def main() -> None:
    parser = argparse.ArgumentParser(description="random code from random states")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--first", type=int, default=0)
    args = parser.parse_args()
    end = time.monotonic() + args.seconds
    seed, retired, delivered = args.first, 0, 0
    while time.monotonic() < end:
        e = run(seed, 20_000)
        retired += e.icount
        delivered += sum(e.deliveries().values())
        seed += 1
    print(f"seeds {args.first} to {seed - 1}: {retired} instructions, {delivered} exceptions and interrupts")


if __name__ == "__main__":
    main()
