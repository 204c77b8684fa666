"""SSE3 to SSE4.2, AES, PCLMULQDQ and SHA against the host CPU, as test_simd.py does for the base: every opcode row of
decode/rows_simd.py, register and memory forms, and XSAVE and XRSTOR (x87 and SSE).

EMU_CASES scales the number of cases (default 1: about 600,000 in all). Rows the host has not are skipped.
"""
from pathlib import Path

import numpy as np
import pytest
from oracle import WINDOW, set_code
from test_simd import F32, F64, MIDDLE, N, check, compare, fx_images, make, quads, row_id, rows

FLAGS = set(Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split())
FEATURES = {"SSE3": "pni", "SSSE3": "ssse3", "SSE4_1": "sse4_1", "SSE4_2": "sse4_2", "PCLMULQDQ": "pclmulqdq", "AES": "aes",
            "SHA": "sha_ni"}
ROWS = [r for f, flag in FEATURES.items() for r in rows(f) if flag in FLAGS and r[3] not in ("pextrq", "pinsrq")]
FLOAT = ("hadd", "hsub", "addsub", "round", "dpp")


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_row(runner, host, row):
    check(runner, host, row, total=2 * N)


@pytest.mark.parametrize("row", [r for r in ROWS if r[3].startswith(FLOAT)], ids=row_id)
def test_exceptions_unmasked(runner, host, row):
    check(runner, host, row, unmasked=1, total=2 * N)


@pytest.mark.parametrize("row", [r for r in ROWS if r[3].startswith(FLOAT)], ids=row_id)
def test_nans(runner, host, row):
    """Mostly NaNs, zeros and infinities: which one is the result."""
    rng = np.random.default_rng(7)
    cases = make(rng, host, row, MIDDLE, N, 0.05)
    special = np.array(F64 if row[3][-1] == "d" else F32, "u8" if row[3][-1] == "d" else "u4")
    nans = special[7:11] if row[3][-1] == "d" else special[8:12]
    shape = (N, 128 // special.itemsize)
    values = np.where(rng.random(shape) < 0.4, rng.choice(nans, shape), rng.choice(special, shape))
    cases["fx"][:, 160:288] = np.ascontiguousarray(values).view("u1")
    compare(runner, host, cases, MIDDLE)


AREA = 576 + 64     # of XSAVE, and room for misalignment


def xsave_cases(rng, host, n, code):
    """The area at ESI, now and then misaligned; its header is mostly valid."""
    cases = host.cases(n, window=AREA, fx=True)
    set_code(cases, code)
    cases["gpr"] = quads(rng, 4 * n).view("<u4").reshape(n, 8)
    cases["gpr"][:, 0] = rng.integers(0, 4, n)
    cases["gpr"][:, 2] = 0
    shift = np.where(rng.random(n) < 0.05, rng.integers(0, 64, n), 0)
    cases["gpr"][:, 6] = WINDOW + MIDDLE - 32 + shift
    cases["fx"] = fx_images(rng, n, 0.1)
    area = np.zeros((n, AREA), "u1")
    area[:, :512] = fx_images(rng, n, 0.3)
    none = 1 << rng.integers(20, 62, n)         # no processor has these states; a host may have any below
    area[:, 512:520] = np.where(rng.random(n) < 0.9, rng.integers(0, 4, n), none).view("u1").reshape(n, 8)
    area[:, 520:536] = np.where(rng.random((n, 16)) < 0.003, 1, 0)
    area[:, 527] = 0                # not the compacted form
    area[:, 27] = np.where(rng.random(n) < 0.05, 1, 0)
    cases["window"] = area
    return cases


@pytest.mark.skipif("xsave" not in FLAGS, reason="the host has no XSAVE")
@pytest.mark.parametrize("code", ["0fae26", "0fae2e"], ids=["xsave", "xrstor"])
def test_xsave(runner, host, code):
    rng = np.random.default_rng(int(code, 16))
    n = 4 * N
    cases = xsave_cases(rng, host, n, bytes.fromhex(code))
    compare(runner, host, cases, MIDDLE - 32)
