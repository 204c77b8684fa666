"""Integer instructions against the host CPU: every opcode, register and memory forms, all flags, faults of user mode.

Cases come from integer_cases.py.  EMU_CASES scales their number (default 1: 0.5 million runs, some seconds;
5 makes 2.4 million).  Undefined results follow emu_core_pyx/interp/UNDEFINED.md, so everything is compared.

Explained differences to the host:
  POPA   a fault in the middle: the host has already loaded the registers popped so far, ours has loaded none (the SDM
         promises the state from before the instruction; restarting it gives the same result either way).
"""
import os
import re

import integer_cases
import numpy as np
import pytest
from integer_cases import CODE, ECX, describe, differences, window_at
from oracle import WINDOW, WINDOW_SIZE, result_dtype

PER_FORM = max(16, int(200 * float(os.environ.get("EMU_CASES", "1"))))
LATER = re.compile("(66)?f30f(b8|bc|bd)")     # POPCNT LZCNT TZCNT: no 32-bit model has them yet
REGISTERS = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
FAMILIES = ("modrm", "plain", "branch", "string")


def unexplained(name, cases, ours, theirs):
    if name == "popa":
        faulted = theirs["vec"] == 14
        ours["gpr"][faulted] = theirs["gpr"][faulted]
    return differences(cases, ours, theirs)


@pytest.mark.parametrize("family", FAMILIES)
def test_family(runner, host, family):
    rng = np.random.default_rng(20)
    wrong, first = 0, None
    for name, cases in getattr(integer_cases, family + "_cases")(rng, PER_FORM):
        if LATER.match(name):
            continue
        theirs = host.run(cases, window_at(cases))
        ours = np.zeros(len(cases), result_dtype(cases.dtype["window"].shape[0]))
        runner.run(cases, ours, window_at(cases))
        bad = unexplained(name, cases, ours, theirs)
        wrong += len(bad)
        if len(bad) and first is None:
            first = describe(name, cases[bad[0]], ours[bad[0]], theirs[bad[0]])
    assert not wrong, f"{wrong} cases differ; the first:\n{first}"


# -- repeated strings: the count of instructions, and stopping anywhere ----------------------------------------------
def state(engine, window):
    r = engine.regs()
    return [r[n] for n in (*REGISTERS, "eip")], r["eflags"], window()


@pytest.mark.parametrize("cut", [None, 1, 3, 7])
def test_repeat_counts_and_stops(host, cut):
    """In one go (the bulk path) or in pieces: N iterations are N instructions, and the result is the host's."""
    from emu_core_pyx.isacheck import CaseRunner
    runner = CaseRunner()
    engine, mem = runner.engine, runner.engine.mem
    rng = np.random.default_rng(5)
    phys = engine.virt_to_phys(WINDOW)
    code_at = engine.virt_to_phys(CODE)

    def window():
        return mem.read(phys, WINDOW_SIZE)

    for name, cases in integer_cases.string_cases(rng, 8):
        theirs = host.run(cases, 0)
        for case, r in zip(cases, theirs, strict=True):
            if r["vec"] != -1:
                continue
            length = int(case["code_len"])
            mem.write(phys, case["window"].tobytes())
            mem.write(code_at, case["code"][:length].tobytes() + b"\xCC")
            engine.flush_code()
            engine.set_regs(eip=CODE, eflags=int(case["eflags"]) | 0x202, **{
                n: int(v) for n, v in zip(REGISTERS, case["gpr"], strict=True)})
            repeated = case["code"][0] in (0xF2, 0xF3)
            n = max(1, int(case["gpr"][ECX]) - int(r["gpr"][ECX])) if repeated else 1
            start = engine.icount
            left = n
            while left:
                piece = min(left, cut or left)
                engine.run(piece)
                left -= piece
                if left:
                    assert engine.regs()["eip"] == CODE, name
                    assert engine.regs()["eflags"] & 0x8D5 == case["eflags"] & 0x8D5, name
            regs, eflags, after = state(engine, window)
            assert engine.icount - start == n
            assert regs == [int(v) for v in r["gpr"]] + [CODE + length], name
            assert (eflags ^ int(r["eflags"])) & 0x8D5 == 0, name
            assert after == r["window"].tobytes(), name


@pytest.mark.parametrize("direction", [0, 0x400], ids=["up", "down"])
@pytest.mark.parametrize("code,size", [(b"\xF3\xA4", 1), (b"\xF3\x66\xA5", 2), (b"\xF3\xA5", 4), (b"\xF3\xAA", 1),
                                       (b"\xF3\x66\xAB", 2), (b"\xF3\xAB", 4)],
                         ids=["movsb", "movsw", "movsd", "stosb", "stosw", "stosd"])
def test_long_runs_across_pages(code, size, direction):
    """REP MOVS/STOS over both window pages at every overlap, against a byte-wise model."""
    from emu_core_pyx.isacheck import CaseRunner
    runner = CaseRunner()
    engine, mem = runner.engine, runner.engine.mem
    rng = np.random.default_rng(6)
    phys, code_at = engine.virt_to_phys(WINDOW), engine.virt_to_phys(CODE)
    mem.write(code_at, code + b"\xCC")
    step = -size if direction else size
    for _ in range(150):
        before = rng.integers(0, 256, 0x2000, dtype=np.uint8)
        count = int(rng.integers(1, 0x700 // size))
        si, di = (int(v) for v in rng.integers(0x1000 - 0x800, 0x1000 + 0x800, 2))
        if rng.random() < 0.5:
            di = si + int(rng.integers(-9, 10))
        eax = int(rng.integers(0, 1 << 32)) if rng.random() < 0.7 else 0x77777777
        mem.write(phys, before.tobytes())
        engine.set_regs(eip=CODE, ecx=count, esi=WINDOW + si, edi=WINDOW + di, eax=eax, eflags=0x202 | direction)
        engine.run(count)
        model = bytearray(before.tobytes())
        s, d = si, di
        value = eax.to_bytes(4, "little")[:size]
        for _k in range(count):
            model[d:d + size] = value if code[-1] in (0xAA, 0xAB) else model[s:s + size]
            s += step
            d += step
        regs = engine.regs()
        assert regs["eip"] == CODE + len(code) and regs["ecx"] == 0
        assert regs["edi"] == WINDOW + d
        assert mem.read(phys, 0x2000) == bytes(model)
