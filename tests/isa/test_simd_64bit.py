"""MMX to SSE4.2, AES, PCLMULQDQ, SHA and BMI in 64-bit mode against the host CPU: XMM8 to XMM15, REX, 64-bit registers.

The rows are those of decode/rows_simd.py, as in test_simd.py; here every encoding gets a random REX prefix, so that W, R and B
take part. EMU_CASES scales the number of cases (default 1: about 1,200,000). Rows the host has not are skipped.
"""
import re
from pathlib import Path

import numpy as np
import pytest
from oracle64 import ROM, WINDOW, Oracle64, OracleMissing, result_dtype
from test_bmi import LEGACY, VEX
from test_simd import EFLAGS_COMPARED, END, MIDDLE, OTHERS, WINDOW_LEN, N, forgive, fx_images, quads, row_id, rows
from test_simd_later import FEATURES, FLAGS, in_bytes

BASE = [(r, "") for r in [*rows("MMX", "SSE", "SSE2"), *OTHERS]]
LATER = [(r, flag) for f, flag in FEATURES.items() for r in rows(f)]
FLOAT = re.compile("add|sub|mul|div|sqrt|cvt|cmp[ps]|u?comi|min[ps]|max[ps]|hadd|hsub|round|dpp")
ESTIMATES = ("rcpps", "rcpss", "rsqrt")
INTEL = "GenuineIntel" in Path("/proc/cpuinfo").read_text()


@pytest.fixture(scope="module")
def host():
    try:
        with Oracle64() as oracle:
            yield oracle
    except OracleMissing as e:
        pytest.skip(str(e))


@pytest.fixture(scope="module", params=["step", "block"])
def runner(request):
    from emu_core_pyx.isacheck64 import CaseRunner64
    return CaseRunner64(path=request.param)


def images(rng, n, unmasked):
    """FXSAVE64 images with 16 XMM registers."""
    fx = fx_images(rng, n, unmasked)
    fx[:, 288:416] = quads(rng, 16 * n).view("u1").reshape(n, 128)
    return fx


def prepare(rng, window_at, n, unmasked):
    """Registers, flags and memory; RSI, RDI, R14 and R15 point into the window."""
    cases = Oracle64.cases(n, window=WINDOW_LEN, fx=True)
    cases["gpr"] = quads(rng, 16 * n).reshape(n, 16)
    aligned = rng.integers(2, WINDOW_LEN // 16 - 3, n) * 16
    anywhere = rng.integers(32, WINDOW_LEN - (16 if window_at == END else 48), n)
    target = WINDOW + window_at + np.where(rng.random(n) < (0.3 if window_at == END else 0.8), aligned, anywhere)
    target = np.where(rng.random(n) < 0.01, ROM + aligned, target).astype("u8")
    for reg in (6, 7, 14, 15):
        cases["gpr"][:, reg] = target
    cases["rflags"] = rng.choice(np.array([0, 1, 4, 0x10, 0x40, 0x80, 0x800, 0x8D5, 0x40000], "u8"), n)
    cases["fx"] = images(rng, n, unmasked)
    cases["window"] = quads(rng, WINDOW_LEN // 8 * n).view("u1").reshape(n, WINDOW_LEN)
    return cases


def encode(cases, rng, prefix, opcode, reg, operands):
    """[prefix] REX opcode ModRM [disp8] [imm8]; memory is [RSI], [RDI + disp8], [R14] or [R15 + disp8]."""
    n = len(cases)
    head = bytes([prefix] if prefix is not None else [])
    code = np.zeros((n, 24), "u1")
    code[:, :len(head)] = np.frombuffer(head, "u1")
    at = len(head)
    code[:, at] = 0x40 | rng.integers(0, 16, n)
    code[:, at + 1:at + 1 + len(opcode)] = np.frombuffer(opcode, "u1")
    at += 1 + len(opcode)
    if operands != "-":
        letters = {o[0] for o in operands.split(",")}
        memory = np.ones(n, bool) if "M" in letters else rng.random(n) < (0.6 if letters & set("WQE") else 0)
        field = np.full(n, reg) if reg is not None else rng.integers(0, 8, n)
        based = rng.random(n) < 0.5
        rm = np.where(memory, np.where(based, 7, 6), rng.integers(0, 8, n))
        code[:, at] = np.where(memory, np.where(based, 1, 0), 3) << 6 | field << 3 | rm
        length = np.where(memory & based, at + 2, at + 1)
        code[:, at + 1] = np.where(memory & based, rng.choice(np.array([0, 16, 0xF0], "u1"), n), 0)
        if "I" in letters:
            code[np.arange(n), length] = np.where(rng.random(n) < 0.5, rng.integers(0, 256, n), rng.integers(0, 24, n))
            length = length + 1
        cases["code_len"] = length
    else:
        cases["code_len"] = at
    cases["code"] = code


def compare(runner, host, cases, window_at, forgiven=None):
    n = len(cases)
    expected = host.run(cases, window_at)
    ours = runner.run(cases, np.zeros(n, result_dtype(WINDOW_LEN, fx=True)), window_at)
    if forgiven:
        forgive(cases, expected, forgiven)
    wrong = (ours["fx"][:, :416] != expected["fx"][:, :416]).any(axis=1)
    for name in ("gpr", "rflags", "rip", "vec", "err", "cr2", "window"):
        d = (ours[name] ^ expected[name]) & np.uint64(EFLAGS_COMPARED) != 0 if name == "rflags" else ours[name] != expected[name]
        if name == "err":       # the oracle's neighbours of the window are present pages of nobody
            d = ((ours[name] ^ expected[name]) & 6 != 0) & (ours["vec"] == 14) | d & (ours["vec"] != 14)
        wrong |= d if d.ndim == 1 else d.any(axis=1)
    bad = np.flatnonzero(wrong)
    assert not len(bad), f"{len(bad)} of {n} cases differ; the first:\n" + explain(cases, ours, expected, bad[0])


def explain(cases, ours, host, k):
    lines = [bytes(cases["code"][k][:cases["code_len"][k]]).hex(" ")]
    for name in ("gpr", "rflags", "rip", "vec", "err", "cr2"):
        if (ours[name][k] != host[name][k]).any():
            was = f" was {cases[name][k]}" if name in cases.dtype.names else ""
            lines.append(f"{name}: {ours[name][k]} host {host[name][k]}{was}")
    for what, lo, hi in (("x87 control", 0, 24), ("mxcsr", 24, 28), ("st/mm", 32, 160), ("xmm", 160, 416)):
        a, b, i = (x["fx"][k][lo:hi] for x in (ours, host, cases))
        if (a != b).any():
            lines.append(f"{what}: in {bytes(i).hex()}\n  got  {bytes(a).hex()}\n  host {bytes(b).hex()}")
    if (ours["window"][k] != host["window"][k]).any():
        lines.append("memory differs")
    return "\n".join(lines)


def check(runner, host, row, unmasked=0.1):
    rng = np.random.default_rng(int.from_bytes(row_id(row).encode(), "little") & 0xFFFFFFFF)
    prefix, opcode, reg, mnemonic, operands = row
    for window_at, n in ((MIDDLE, N * 7 // 8), (END, N // 8)):
        cases = prepare(rng, window_at, n, unmasked)
        encode(cases, rng, prefix, opcode, reg, operands)
        if mnemonic.startswith("pcmp") and "str" in mnemonic:
            gpr = cases["gpr"].copy()
            in_bytes64(rng, cases)
            cases["gpr"][:, 6:8], cases["gpr"][:, 14:16] = gpr[:, 6:8], gpr[:, 14:16]
        compare(runner, host, cases, window_at, row)


def in_bytes64(rng, cases):
    """As in_bytes, lengths in 64 bits: explicit ones are RAX and RDX with REX.W."""
    small = np.zeros(len(cases), [("fx", "u1", (512,)), ("window", "u1", (WINDOW_LEN,)), ("gpr", "<u4", (8,))])
    small["fx"] = cases["fx"]
    in_bytes(rng, small)
    cases["fx"][:, 160:288], cases["window"] = small["fx"][:, 160:288], small["window"]
    cases["fx"][:, 288:416] = small["fx"][::-1, 160:288]
    for reg in (0, 2):
        cases["gpr"][:, reg] = rng.integers(-18, 19, len(cases)).astype("i8").view("u8")


@pytest.mark.parametrize(("row", "flag"), [*BASE, *LATER], ids=lambda v: row_id(v) if isinstance(v, tuple) else v or "base")
def test_row(runner, host, row, flag):
    if flag and flag not in FLAGS:
        pytest.skip(f"this host has no {flag}")
    if row[3][:5] in ESTIMATES and not INTEL:
        pytest.skip("RCPPS and RSQRTPS are Intel's, this host's are others")
    check(runner, host, row)


@pytest.mark.parametrize(("row", "flag"), [(r, f) for r, f in [*BASE, *LATER] if FLOAT.match(r[3])],
                         ids=lambda v: row_id(v) if isinstance(v, tuple) else v or "base")
def test_exceptions_unmasked(runner, host, row, flag):
    if flag and flag not in FLAGS:
        pytest.skip(f"this host has no {flag}")
    check(runner, host, row, unmasked=1)


@pytest.mark.parametrize(("feature", "code"), LEGACY)
def test_bit_instructions(runner, host, feature, code):
    """POPCNT, LZCNT, TZCNT, CRC32, MOVBE, ADX with REX."""
    if feature not in FLAGS:
        pytest.skip(f"this host has no {feature}")
    rng = np.random.default_rng(int(code, 16))
    raw = bytes.fromhex(code)
    at = raw.index(0x0F)
    for window_at, n in ((MIDDLE, 4 * N), (END, N)):
        cases = prepare(rng, window_at, n, 0)
        memory_only = raw[at:] in (b"\x0f\x38\xf0", b"\x0f\x38\xf1") and feature == "movbe"
        encode(cases, rng, None, raw[at:], None, "Gy,My" if memory_only else "Gy,Ey")
        if at:
            tail = cases["code"].copy()
            cases["code"][:, at:] = tail[:, :-at]
            cases["code"][:, :at] = np.frombuffer(raw[:at], "u1")
            cases["code_len"] += at
        compare(runner, host, cases, window_at)


@pytest.mark.parametrize(("feature", "pp", "map_", "opcode", "reg", "imm"), VEX)
def test_vex(runner, host, feature, pp, map_, opcode, reg, imm):
    """BMI1 and BMI2 with 64-bit operands and all sixteen registers."""
    if feature not in FLAGS:
        pytest.skip(f"this host has no {feature}")
    rng = np.random.default_rng(opcode + 256 * pp)
    for window_at, n in ((MIDDLE, 4 * N), (END, N)):
        cases = prepare(rng, window_at, n, 0)
        code = np.zeros((n, 24), "u1")
        memory = rng.random(n) < 0.5
        field = np.full(n, reg) if reg is not None else rng.integers(0, 8, n)
        code[:, 0] = 0xC4
        code[:, 1] = rng.integers(0, 8, n) << 5 | map_
        vvvv = np.full(n, 15) if imm else rng.integers(0, 16, n)
        code[:, 2] = rng.integers(0, 2, n) << 7 | vvvv << 3 | pp
        code[:, 3] = opcode
        code[:, 4] = np.where(memory, 6, 0xC0 | rng.integers(0, 8, n)) | field << 3
        code[:, 5] = rng.integers(0, 256, n) if imm else 0
        cases["code"], cases["code_len"] = code, 5 + imm
        compare(runner, host, cases, window_at)
