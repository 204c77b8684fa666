"""MMX to SSE4.2, AES, PCLMULQDQ, SHA and BMI in 64-bit mode against the host CPU: XMM8 to XMM15, REX, 64-bit registers.

The rows are those of decode/rows_simd.py, as in test_simd.py; here every encoding gets a random REX prefix, so that W, R and B
take part. EMU_CASES scales the number of cases (default 1: about 1,200,000). Rows the host has not are skipped.
"""
import re

import numpy as np
import pytest
from test_bmi import LEGACY, VEX, finish_modrm, vex_code
from test_simd import END, ESTIMATES, INTEL, MIDDLE, OTHERS, N, check, compare, encode, fill, row_id, rows
from test_simd_later import FEATURES, FLAGS

BITS = 64
BASE = [(r, "") for r in [*rows("MMX", "SSE", "SSE2"), *OTHERS]]
LATER = [(r, flag) for f, flag in FEATURES.items() for r in rows(f)]
FLOAT = re.compile("add|sub|mul|div|sqrt|cvt|cmp[ps]|u?comi|min[ps]|max[ps]|hadd|hsub|round|dpp")


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
    memory_only = raw[at:] in (b"\x0f\x38\xf0", b"\x0f\x38\xf1") and feature == "movbe"
    for window_at, n in ((MIDDLE, 4 * N), (END, N)):
        cases = fill(rng, host, window_at, n, 0)
        encode(cases, rng, (None, raw[at:], None, "", "Gy,My" if memory_only else "Gy,Ey"), rex=True)
        cases["code"] = np.roll(cases["code"], at, axis=1)
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
        cases = fill(rng, host, window_at, n, 0)
        code = vex_code(rng, n, pp, map_, opcode, vvvv=15 if imm else None)
        code[:, 1] = rng.integers(0, 8, n) << 5 | map_
        finish_modrm(rng, cases, code, np.full(n, 4), reg, imm)
        compare(runner, host, cases, window_at)
