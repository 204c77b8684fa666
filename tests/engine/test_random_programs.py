"""Random programs, cut at random: the block engine against one instruction at a time.

Programs are slots of random instructions that point at data and at each other's code; whatever faults goes on
with the next slot.  Nothing is known about what they should do, only that every way of running them
does the same.  EMU_FUZZ=N runs N seeds more; a failure names its seed.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator
from functools import cache

import pytest
from guest import GDT, IDT, STACK, Rig, advance, assemble, check_equal, descriptor, gate, protected, with_timer

SLOT = 64
SLOTS = 48
CODE = 0x110C00  # crosses into a second page
DATA = 0x200000
ALIAS = 0x40000000
SEEDS = range(int(os.environ.get("EMU_FUZZ_FROM", "0")), 60 + int(os.environ.get("EMU_FUZZ", "0")))

# Entry: optional paging, then the first slot in ring 3 or 0.  Every exception and every fourth interrupt: the next slot.
SUPERVISOR = """
    cmp dword ptr [mode], 0
    je next
    mov eax, 0x300000
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80010000
    mov cr0, eax
next:
    add ss:[sums], eax
    add ss:[sums+4], ecx
    add ss:[sums+8], edx
    add ss:[sums+12], ebx
    add ss:[sums+16], esi
    add ss:[sums+20], edi
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    cld
    mov esp, 0x80000
    inc dword ptr [count]
    mov eax, [count]
    xor edx, edx
    mov ecx, 48
    div ecx
    shl edx, 6
    add edx, 0x110C00
    cmp dword ptr [mode], 2
    jne 2f
    test dword ptr [count], 2
    jz 2f
    add edx, 0x40000000
2:  cmp dword ptr [ring], 0
    je 3f
    mov eax, 0x33
    mov ds, eax
    mov es, eax
    push eax
    push 0x201800
    push [flags]
    push 0x2b
    push edx
    iret
3:  push [flags]
    push 8
    push edx
    iret
irq: push eax
    mov al, 0x20
    out 0x20, al
    inc dword ptr ss:[count+4]
    test byte ptr ss:[count+4], 3
    jz next
    pop eax
    iret
.align 16
count: .long 0, 0
mode: .long 0
ring: .long 0
flags: .long 0x202
sums: .long 0, 0, 0, 0, 0, 0
"""

REG_MEM = [bytes([op]) for base in range(0, 0x40, 8) for op in range(base, base + 4)] + [
    b"\x84",
    b"\x85",
    b"\x86",
    b"\x87",
    b"\x88",
    b"\x89",
    b"\x8a",
    b"\x8b",
    b"\x8d",
    b"\x63",
    b"\x69",
    b"\x6b",
    b"\x8f",
    b"\xc0",
    b"\xc1",
    b"\xc6",
    b"\xc7",
    b"\xd0",
    b"\xd1",
    b"\xd2",
    b"\xd3",
    b"\xf6",
    b"\xf7",
    b"\xfe",
    b"\xff",
    b"\x80",
    b"\x81",
    b"\x83",
    b"\x8c",
    b"\xd8",
    b"\xd9",
    b"\xda",
    b"\xdb",
    b"\xdc",
    b"\xdd",
    b"\xde",
    b"\xdf",
]
REG_MEM += [
    b"\x0f" + bytes([op])
    for op in (
        *range(0x10, 0x18),
        *range(0x28, 0x30),
        *range(0x40, 0x50),
        *range(0x50, 0x80),
        *range(0x90, 0xA0),
        0xA3,
        0xA4,
        0xA5,
        0xAB,
        0xAC,
        0xAD,
        0xAE,
        0xAF,
        0xB0,
        0xB1,
        0xB3,
        0xB6,
        0xB7,
        0xBA,
        0xBB,
        0xBC,
        0xBD,
        0xBE,
        0xBF,
        0xC0,
        0xC1,
        0xC2,
        0xC4,
        0xC5,
        0xC6,
        0xC7,
        *range(0xD0, 0x100),
    )
]
PLAIN = [
    bytes([op])
    for op in (
        *range(0x40, 0x60),
        0x60,
        0x61,
        *range(0x90, 0x9A),
        0x9C,
        0x9D,
        0x9E,
        0x9F,
        0x27,
        0x2F,
        0x37,
        0x3F,
        0xA4,
        0xA5,
        0xA6,
        0xA7,
        0xAA,
        0xAB,
        0xAC,
        0xAD,
        0xAE,
        0xAF,
        0xC3,
        0xC9,
        0xD7,
        0xF5,
        0xF8,
        0xF9,
        0xFC,
        0xFD,
        0xCC,
    )
]
IMM32 = {0x69, 0x81, 0xC7}
IMM8 = {0x6B, 0x80, 0x83, 0xC0, 0xC1, 0xC6}
IMM8_0F = {0x70, 0x71, 0x72, 0x73, 0xA4, 0xAC, 0xBA, 0xC2, 0xC4, 0xC5, 0xC6}
FUSABLE = ((0x39, 0x3B, 0x85, 0x29, 0x01, 0x03, 0x2B, 0x38, 0x84), (0x83, 0x81, 0x80))


def modrm(rnd: random.Random) -> bytes:
    """A register, or memory near one with a small displacement."""
    mod = rnd.choice((0, 1, 1, 3, 3, 2))
    rm = rnd.randrange(8)
    out = bytes([mod << 6 | rnd.randrange(8) << 3 | rm])
    if mod != 3 and rm == 4:
        sib = rnd.choice((0x24, 0x20 | rnd.randrange(8), rnd.randrange(256)))
        out += bytes([sib])
        if mod == 0 and sib & 7 == 5:
            out += pointer(rnd)
    elif mod == 0 and rm == 5:
        out += pointer(rnd)
    if mod == 1:
        out += bytes([rnd.randrange(256)])
    elif mod == 2:
        out += struct.pack("<i", rnd.randrange(-300, 300))
    return out


def pointer(rnd: random.Random) -> bytes:
    """An address in data, in code, at the seam of two pages, or anywhere."""
    base = rnd.choice((DATA, DATA + 0x1000 - 4, DATA + 0x1FF0, CODE, CODE, 0x111000, 0x111000 - 6))
    if rnd.random() < 0.05:
        return rnd.randbytes(4)
    at = base + rnd.randrange(rnd.choice((8, 64, SLOT * SLOTS)))
    return struct.pack("<I", at)


def instruction(rnd: random.Random) -> bytes:
    kind = rnd.random()
    prefix = rnd.choice((b"",) * 12 + (b"\x66", b"\x66", b"\xf0", b"\xf3", b"\xf2", b"\x67", b"\x26", b"\x65"))
    if kind < 0.5:
        op = rnd.choice(REG_MEM)
        out = prefix + op + modrm(rnd)
        if len(op) == 1 and op[0] in IMM32:
            return out + (pointer(rnd) if prefix != b"\x66" else rnd.randbytes(2))
        if len(op) == 1 and op[0] in IMM8 or len(op) == 2 and op[1] in IMM8_0F:
            return out + rnd.randbytes(1)
        return out + (
            rnd.randbytes(rnd.choice((1, 4))) if op in (b"\xf6", b"\xf7") and out[len(prefix) + 1] >> 3 & 7 < 2 else b""
        )
    if kind < 0.62:
        return prefix + rnd.choice(PLAIN)
    if kind < 0.72:
        return bytes([0xB8 | rnd.randrange(8)]) + pointer(rnd)
    if kind < 0.84:  # pairs that fuse
        if rnd.random() < 0.6:
            first = bytes([rnd.choice(FUSABLE[0])]) + modrm(rnd)
        else:
            first = bytes([0x83]) + modrm(rnd) + rnd.randbytes(1)
        return first + bytes([0x70 | rnd.randrange(16), rnd.choice((0, 1, 2, 5, 8, 0xFE, 0xF0, 0xE0))])
    if kind < 0.90:
        return rnd.choice((b"\xe8", b"\xe9", b"\x0f\x85", b"\x0f\x82")) + struct.pack(
            "<i", rnd.randrange(-8, 9) * SLOT + rnd.randrange(-40, 40)
        )
    if kind < 0.94:
        return bytes([rnd.choice((0xE0, 0xE1, 0xE2, 0xE3, 0xEB, 0x74, 0x75)), rnd.choice((0, 1, 3, 10, 0xF8, 0xE8))])
    if kind < 0.97:  # a short REP
        return (
            b"\xb9"
            + struct.pack("<I", rnd.randrange(40))
            + rnd.choice((b"\xf3", b"\xf2"))
            + bytes([rnd.choice((0xA4, 0xA5, 0xAA, 0xAB, 0xA6, 0xA7, 0xAE, 0xAF, 0xAC))])
        )
    return rnd.randbytes(rnd.randrange(1, 6))


def slot(rnd: random.Random) -> bytes:
    out = b""
    for r in rnd.sample(range(8), 3):
        out += bytes([0xB8 | r]) + pointer(rnd)
    while len(out) < SLOT:
        out += instruction(rnd)
    return out[:SLOT]


@cache
def layout() -> tuple[int, int, int]:
    """Where the supervisor has its entry for exceptions, its interrupt handler and `mode`."""
    code = assemble(SUPERVISOR)
    return tuple(
        0x100000 + code.index(bytes.fromhex(at)) - back
        for at, back in (("360105", 0), ("50b020e620", 0), ("0000000002020000", 4))
    )


def program(seed: int, mmu: str = "tlb") -> Rig:
    rnd = random.Random(seed)
    entry, irq, where = layout()
    e = protected(SUPERVISOR, mmu, shift=7)
    mode, ring = rnd.randrange(3), rnd.choice((0, 3, 3))
    flags = rnd.choice((0x202,) * 8 + (0x302, 0x3202, 0x40202, 0x10202))
    e.mem.write(where, struct.pack("<III", mode, ring, flags))
    for v in range(256):
        e.mem.write(IDT + 8 * v, gate(8, irq if v == 0x20 else entry, 0xEE if rnd.random() < 0.5 else 0x8E))
    tables = [struct.pack("<1024I", *(k << 12 | 7 for k in range(1024)))] * 2
    top = [0x301007] + [0] * 1023
    top[ALIAS >> 22] = 0x302007
    e.mem.write(0x300000, struct.pack("<1024I", *top) + b"".join(tables))
    e.mem.write(GDT + 0x38, descriptor(0xA000, 0x67, 0x0089))
    e.mem.write(0xA000, struct.pack("<III", 0, STACK, 0x10))
    e.mem.write(CODE, b"".join(slot(rnd) for _ in range(SLOTS)))
    e.mem.write(DATA - 0x1000, rnd.randbytes(0x4000))
    e.set_segment("tr", 0x38, 0xA000, 0x67, 0x8B)
    with_timer(e, rnd.choice((5, 9, 17, 31, 60)))
    return e


@pytest.mark.parametrize("seed", SEEDS)
def test_cut_at_random(seed: int) -> None:
    rnd = random.Random(~seed)
    sizes = rnd.choice(((1,), (1,), (1, 2, 3), (1, 5, 60, 700)))
    mmu = rnd.choice(("tlb", "shadow"))

    def pieces() -> Iterator[int]:
        chance = random.Random(seed)
        return iter(lambda: chance.choice(sizes), 0)

    check_equal(lambda: program(seed), lambda: program(seed, mmu), 4000, pieces)


def test_programs_get_somewhere() -> None:
    """They are neither stuck in the first slot nor all dead at once, and their interrupts arrive."""
    slots = []
    for seed in range(20):
        e = program(seed)
        advance(e, 4000)
        slots.append(len({x["eip"] >> 6 for x in e.exceptions()}))
    assert sum(slots) > 200, slots
