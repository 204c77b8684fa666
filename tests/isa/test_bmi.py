"""BMI1, BMI2, ADX, CRC32, MOVBE, POPCNT, LZCNT, TZCNT against the host CPU, every bit of their encodings; RDRAND, RDSEED by rule.

EMU_CASES scales the number of cases (default 1: about 240,000).
"""
import os
from pathlib import Path

import numpy as np
import pytest
from oracle import ROM, WINDOW, new_cases, result_dtype

N = max(64, int(4000 * float(os.environ.get("EMU_CASES", "1"))))
WINDOW_LEN = 64
AT = 0x1000 - 32                    # some operands cross a page
EFLAGS_COMPARED = 0x240CD5
FLAGS = set(Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split())

# (feature, VEX.pp, opcode map, opcode, ModRM.reg or None, immediate)
VEX = [("bmi1", 0, 2, 0xF2, None, 0), ("bmi1", 0, 2, 0xF3, 1, 0), ("bmi1", 0, 2, 0xF3, 2, 0), ("bmi1", 0, 2, 0xF3, 3, 0),
       ("bmi1", 0, 2, 0xF7, None, 0), ("bmi2", 0, 2, 0xF5, None, 0), ("bmi2", 2, 2, 0xF5, None, 0), ("bmi2", 3, 2, 0xF5, None, 0),
       ("bmi2", 3, 2, 0xF6, None, 0), ("bmi2", 1, 2, 0xF7, None, 0), ("bmi2", 2, 2, 0xF7, None, 0), ("bmi2", 3, 2, 0xF7, None, 0),
       ("bmi2", 3, 3, 0xF0, None, 1)]
LEGACY = [("abm", "f30fbd"), ("abm", "66f30fbd"), ("bmi1", "f30fbc"), ("bmi1", "66f30fbc"), ("popcnt", "f30fb8"),
          ("popcnt", "66f30fb8"),
          ("adx", "660f38f6"), ("adx", "f30f38f6"), ("adx", "66f30f38f6"), ("sse4_2", "f20f38f0"), ("sse4_2", "f20f38f1"),
          ("sse4_2", "66f20f38f1"), ("sse4_2", "66f20f38f0"), ("movbe", "0f38f0"), ("movbe", "0f38f1"), ("movbe", "660f38f0"),
          ("movbe", "660f38f1")]


def numbers(rng, shape):
    """Noise, single bits, runs of bits, small numbers, bytes."""
    k = rng.integers(0, 32, shape, dtype="u4")
    kinds = [rng.integers(0, 1 << 32, shape, dtype="u4"), np.uint32(1) << k, (np.uint32(1) << k) - np.uint32(1), k,
             np.uint32(0xFFFFFFFF) << k, np.zeros(shape, "u4"), rng.integers(0, 0x4000, shape, dtype="u4")]
    return np.choose(rng.integers(0, len(kinds), shape), kinds).astype("u4")


def prepare(rng, host, n):
    cases = host.cases(n, window=WINDOW_LEN)
    cases["gpr"] = numbers(rng, (n, 8))
    cases["gpr"][:, 4] = WINDOW + AT + 32
    cases["eflags"] = rng.integers(0, 1 << 12, n) & 0x8D5 | np.where(rng.random(n) < 0.1, 0x40000, 0)
    target = WINDOW + AT + rng.integers(0, WINDOW_LEN - 4, n)
    cases["gpr"][:, 6] = np.where(rng.random(n) < 0.01, ROM + 0x2000, target)      # ESI
    cases["window"] = numbers(rng, (n, WINDOW_LEN // 4)).view("u1")
    return cases


def finish_modrm(rng, cases, code, at, reg, imm):
    """ModRM (register, or [ESI]) and immediate at offset `at` of every code."""
    n = len(cases)
    memory = rng.random(n) < 0.5
    field = np.full(n, reg) if reg is not None else rng.integers(0, 8, n)
    code[np.arange(n), at] = np.where(memory, 6, 0xC0 | rng.integers(0, 8, n)) | field << 3
    code[np.arange(n), at + 1] = rng.integers(0, 256, n) if imm else 0
    cases["code"] = code
    cases["code_len"] = at + 1 + imm


def compare(runner, host, cases):
    expected = host.run(cases, AT)
    ours = runner.run(cases, np.zeros_like(expected), AT)
    wrong = np.zeros(len(cases), bool)
    for name in ("gpr", "eflags", "eip", "vec", "err", "cr2", "window"):
        d = (ours[name] ^ expected[name]) & EFLAGS_COMPARED != 0 if name == "eflags" else ours[name] != expected[name]
        wrong |= d if d.ndim == 1 else d.any(axis=1)
    bad = np.flatnonzero(wrong)
    if len(bad):
        k = bad[0]
        raise AssertionError(f"{len(bad)} of {len(cases)} differ: {bytes(cases['code'][k][:cases['code_len'][k]]).hex(' ')} "
                             f"in {cases['gpr'][k]} {cases['eflags'][k]:#x}\n got {ours[k]}\nhost {expected[k]}")


def vex_code(rng, n, pp, mmmmm, opcode, long=0.03, vvvv=None):
    """C4 prefix with any R, X, B, W, and L=1 as often as `long` says."""
    code = np.zeros((n, 24), "u1")
    code[:, 0] = 0xC4
    code[:, 1] = 0xC0 | rng.integers(0, 2, n) << 5 | mmmmm
    code[:, 2] = (rng.integers(0, 2, n) << 7 | (rng.integers(0, 16, n) if vvvv is None else vvvv) << 3
                  | (rng.random(n) < long).astype("u1") << 2 | pp)
    code[:, 3] = opcode
    return code


@pytest.mark.parametrize("row", VEX, ids=lambda r: f"pp{r[1]}-{r[3]:X}{'' if r[4] is None else r[4]}")
def test_vex(runner, host, row):
    feature, pp, mmmmm, opcode, reg, imm = row
    if feature not in FLAGS:
        pytest.skip(f"the host has no {feature}")
    rng = np.random.default_rng(opcode << 8 | pp << 4 | (reg or 0))
    cases = prepare(rng, host, N)
    vvvv = np.where(rng.random(N) < 0.9, 15, rng.integers(0, 16, N)) if imm else None
    finish_modrm(rng, cases, vex_code(rng, N, pp, mmmmm, opcode, vvvv=vvvv), np.full(N, 4), reg, imm)
    compare(runner, host, cases)


@pytest.mark.skipif("bmi2" not in FLAGS, reason="the host has no BMI2")
def test_vex_undefined_neighbours(runner, host):
    """Every pp, group member and L around the rows, maps that do not exist, and prefixes that VEX refuses."""
    rng = np.random.default_rng(1)
    cases = prepare(rng, host, N)
    code = vex_code(rng, N, rng.integers(0, 4, N), 2, rng.choice([0xF2, 0xF3, 0xF5, 0xF6, 0xF7], N), long=0.2)
    finish_modrm(rng, cases, code, np.full(N, 4), None, 0)
    compare(runner, host, cases)
    cases = prepare(rng, host, N)
    code = vex_code(rng, N, rng.integers(0, 4, N), rng.integers(8, 32, N), rng.integers(0, 256, N))
    finish_modrm(rng, cases, code, np.full(N, 4), None, 0)
    compare(runner, host, cases)
    cases = prepare(rng, host, N)
    code = np.roll(vex_code(rng, N, rng.integers(0, 4, N), 2, 0xF7), 1, axis=1)
    code[:, 0] = rng.choice([0x66, 0xF2, 0xF3, 0xF0, 0x3E, 0x26], N)
    finish_modrm(rng, cases, code, np.full(N, 5), None, 0)
    compare(runner, host, cases)


@pytest.mark.parametrize("row", LEGACY, ids=lambda r: r[1])
def test_legacy(runner, host, row):
    feature, head = row
    if feature not in FLAGS:
        pytest.skip(f"the host has no {feature}")
    rng = np.random.default_rng(int(head, 16))
    cases = prepare(rng, host, N)
    head = bytes.fromhex(head)
    code = np.zeros((N, 24), "u1")
    code[:, :len(head)] = np.frombuffer(head, "u1")
    finish_modrm(rng, cases, code, np.full(N, len(head)), None, 0)
    compare(runner, host, cases)


def test_random_repeats_and_sets_carry():
    """RDRAND and RDSEED: CF alone, all sizes, a sequence that a second machine repeats."""
    from emu_core_pyx.isacheck import CaseRunner

    def draw():
        runner = CaseRunner()
        cases = new_cases(400)
        codes = ["0fc7f0", "0fc7f8", "660fc7f0", "660fc7f9"]
        for k, text in enumerate(codes):
            code = bytes.fromhex(text)
            cases["code"][k::4, :len(code)] = np.frombuffer(code, "u1")
            cases["code_len"][k::4] = len(code)
        cases["gpr"] = 0x11111111
        cases["eflags"] = 0x8D5
        return runner.run(cases, np.zeros(400, result_dtype()))

    first, second = draw(), draw()
    assert (first == second).all()
    assert (first["vec"] == -1).all() and (first["eflags"] & 0x8D5 == 1).all()
    assert len(np.unique(first["gpr"][0::2, 0])) > 195
    assert (first["gpr"][2::4, 0] >> 16 == 0x1111).all() and (first["gpr"][3::4, 1] >> 16 == 0x1111).all()
