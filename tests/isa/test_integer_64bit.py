"""64-bit integer instructions against the host CPU: random prefixes, REX, operands and bytes; registers, flags, memory, faults.

The bytes are random within the opcodes of OPCODES, so every addressing form, RIP-relative too, and every operand size comes up;
lengths come from our decoder, so a wrong one shows.  EMU_CASES scales the number (default 1: 100,000 for each engine path).
"""
import os
import re
from collections import defaultdict

import numpy as np
from emu_core_pyx.cpu.cpuid import models
from emu_core_pyx.decode.decoder import Decoder
from oracle import ROM, WINDOW, WINDOW_SIZE, new_cases

BITS = 64
TOTAL = max(2000, int(100000 * float(os.environ.get("EMU_CASES", "1"))))
BATCH = 4000
MODE = 6 | 0x100                # block key: 64-bit code, protected mode, IA-32e
FLAGS = 0x240CD5
WINDOW_AT = 0               # all of it: operands may lie anywhere
WINDOW_LEN = WINDOW_SIZE
ONE_BYTE = [op for op in range(256) if op not in (
    0x0F, 0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3, 0x62, 0xC4, 0xC5, 0x8E, 0x9A, 0x9B, 0x9D, 0xCA, 0xCB,
    0xCC, 0xCD, 0xCE, 0xCF, 0xD5, 0xEA, 0xF1, 0x8F, *range(0x40, 0x50), *range(0xD8, 0xE0))]
TWO_BYTE = [*range(0x40, 0x50), *range(0x80, 0xA0), 0xA3, 0xA4, 0xA5, 0xAB, 0xAC, 0xAD, 0xAF, 0xB0, 0xB1, 0xB3, 0xB6, 0xB7, 0xBA,
            0xBB, 0xBC, 0xBD, 0xBE, 0xBF, 0xC0, 0xC1, 0xC3, *range(0xC8, 0xD0), 0x1F, 0x0B, 0xC7, 0xB8]
EDGES = np.array([0, 1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 0x7F, 0x80, 0xFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
                  0x100000000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF80000000, 0x800000000000,
                  0x7FFFFFFFFFFC, 0xFFFF7FFFFFFFFFFF], np.uint64)
LATER = re.compile(rb"\xf3[\x40-\x4f\x66\x67\x2e\x3e]*\x0f\xbc")     # TZCNT
RIP = 17
FAR = {"callf_m", "jmpf_m", "lseg_rm", "rdrand_r", "rdseed_r", "rdpid_r", "xabort", "ud", "popcnt_rr", "popcnt_rm"}


def explained(name, case, theirs, ours):
    """CALL to a non-canonical address: the SDM checks the target first, AMD's processors push first.  REP with a 32-bit address
    size that does nothing (ECX = 0, or a fault at once): processors clear upper halves of registers, not all the same."""
    code = bytes(case["code"][:case["code_len"]])
    if name in ("call_r", "call_m"):
        return ours["vec"] == 13 and theirs["vec"] in (12, 13, 14)
    low = np.uint64(0xFFFFFFFF)
    same = (theirs["gpr"] == ours["gpr"]) | np.isin(np.arange(16), (1, 6, 7)) & (theirs["gpr"] & low == ours["gpr"] & low)
    return name.startswith("rep") and 0x67 in code and same.all()


def into_itself(insn):
    """A short jump into the bytes behind the code, or a RIP-relative operand there: they are not the same here and there."""
    if insn["base"] == 8 * RIP and -64 < insn["disp"] < 64:
        return True
    return insn["name"].endswith("_j") and -16 < insn["imm"] - insn["len"] < 24


def make(rng, decoder, feat, n):
    """n cases of one instruction each, and their names."""
    cases = new_cases(n, WINDOW_LEN, bits=BITS)
    gpr = rng.integers(0, 1 << 64, (n, 16), dtype=np.uint64)
    edge = rng.random((n, 16)) < 0.3
    gpr[edge] = rng.choice(EDGES, edge.sum())
    pointer = rng.random((n, 16)) < 0.5
    gpr[pointer] = (WINDOW + 0xF00 + rng.integers(0, 496, pointer.sum())).astype(np.uint64)
    rom = rng.random((n, 16)) < 0.01
    gpr[rom] = ROM + 8
    counts = rng.random(n) < 0.7
    gpr[counts, 1] = rng.integers(0, 70, counts.sum()).astype(np.uint64)
    cases["gpr"] = gpr
    cases["window"] = rng.integers(0, 256, (n, WINDOW_LEN), dtype=np.uint8)
    cases["eflags"] = rng.integers(0, 1 << 32, n).astype(np.uint64) & np.uint64(FLAGS & ~0x40000)
    names = []
    tail = rng.integers(0, 256, (n, 16), dtype=np.uint8)
    small = rng.random(n) < 0.7
    k = 0
    while k < n:
        code = bytearray()
        if rng.random() < 0.2:
            code += bytes(rng.choice([0x66, 0x66, 0x67, 0xF2, 0xF3, 0xF0, 0x2E, 0x3E], rng.integers(1, 3)).tolist())
        if rng.random() < 0.75:
            code.append(0x40 | int(rng.integers(0, 16)))
        if rng.random() < 0.6:
            code.append(int(rng.choice(ONE_BYTE)))
        else:
            code += bytes([0x0F, int(rng.choice(TWO_BYTE))])
        rest = tail[k].copy()
        if small[k]:
            rest[1] &= 0xBF if rest[0] & 7 == 4 else 0xFF
            rest[2:6] = (rest[2] & 0x3F, 0, 0, 0)
        code += bytes(rest.tolist())
        got = decoder.decode(bytes(code[:15]), MODE, feat)
        if isinstance(got, int) or got["name"] in FAR or into_itself(got) or LATER.search(bytes(code[:got["len"]])):
            tail[k] = rng.integers(0, 256, 16, dtype=np.uint8)
            continue
        size = got["len"]
        cases["code"][k, :size] = np.frombuffer(bytes(code[:size]), np.uint8)
        cases["code_len"][k] = size
        names.append(got["name"])
        k += 1
    return cases, names


def test_random(runner, host):
    rng = np.random.default_rng(64)
    decoder, feat = Decoder.with_every_handler(), models()["max"].feat
    wrong = defaultdict(list)
    away = host.mappings()
    done = 0
    while done < TOTAL:
        n = min(BATCH, TOTAL - done)
        cases, names = make(rng, decoder, feat, n)
        theirs = host.run(cases, WINDOW_AT)
        ours = runner.run(cases, np.zeros_like(theirs), WINDOW_AT)
        for r in (theirs, ours):
            r["eflags"] &= np.uint64(FLAGS)
        odd = theirs["vec"] >= 253
        for first, end in away:
            odd |= (ours["vec"] == 14) & (ours["cr2"] >= first) & (ours["cr2"] < end)
        bad = (theirs["gpr"] != ours["gpr"]).any(1) | (theirs["window"] != ours["window"]).any(1)
        for field in ("eflags", "eip", "vec", "err", "cr2"):
            bad |= theirs[field] != ours[field]
        odd |= ours["vec"] == 254       # long REPs are not counted out
        for k in np.flatnonzero(bad & ~odd):
            if explained(names[k], cases[k], theirs[k], ours[k]):
                continue
            wrong[names[k]].append(describe(cases[k], theirs[k], ours[k]))
        done += n
    assert not wrong, "\n".join(f"{name}: {len(rows)}\n" + "\n".join(rows[:3]) for name, rows in sorted(wrong.items()))[:6000]


def describe(case, theirs, ours):
    parts = [bytes(case["code"][:case["code_len"]]).hex(" ")]
    for field in ("eflags", "eip", "cr2", "vec", "err"):
        if theirs[field] != ours[field]:
            parts.append(f"{field} host {int(theirs[field]):#x} ours {int(ours[field]):#x}")
    for k in range(16):
        if theirs["gpr"][k] != ours["gpr"][k]:
            parts.append(f"r{k} host {int(theirs['gpr'][k]):#x} ours {int(ours['gpr'][k]):#x} was {int(case['gpr'][k]):#x}")
    if (theirs["window"] != ours["window"]).any():
        parts.append(f"window from {int(np.flatnonzero(theirs['window'] != ours['window'])[0]):#x}")
    parts.append(f"flags {int(case['eflags']):#x}")
    return "    " + "; ".join(parts)
