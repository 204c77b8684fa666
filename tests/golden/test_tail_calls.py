"""Fast handlers end in an indirect jump and reach it without a prologue: DESIGN.md section 4.

A handler that returns, calls or saves registers on its way costs every execution of its instruction.  Exceptions are
in tail_calls.txt with their reasons; `pytest tests/golden --bless` writes the list anew and keeps the reasons.
"""

from __future__ import annotations

import re
from pathlib import Path

import hostcode
import pytest
from emu_core_pyx.engine import Engine

GOLDEN = Path(__file__).with_name("tail_calls.txt")
HOT = (
    "alu",
    "bits",
    "branch",
    "fused",
    "mmx",
    "move",
    "muldiv",
    "shift",
    "sse_convert",
    "sse_float",
    "sse_int",
    "sse_move",
    "stack",
    "x87_arith",
    "x87_data",
)
NO_REASON = "REASON MISSING"
HEADER = """\
# Fast handlers that use the stack before they jump on, by family: handler: what is there; why it may stay.
# Written by `pytest tests/golden --bless` with """

pytestmark = pytest.mark.skipif(bool(hostcode.available()), reason=hostcode.available())


@pytest.fixture(scope="module")
def fast() -> dict[str, hostcode.Code]:
    """All fast handlers by printed name."""
    rows, pairs = Engine(1 << 20).registry.addresses()
    if len(hostcode.modules()) < len(HOT):
        pytest.skip("the modules are not mapped from files")
    out = {f"{name}{8 * size or ''}": hostcode.inspect(run) for (name, size), (run, _) in rows.items()}
    out |= {f"{a}{8 * x or ''}+{b}{8 * y or ''}": hostcode.inspect(run) for (a, x, b, y), run in pairs.items()}
    sample = next(m[3] for m in hostcode.modules() if m[3].name.startswith("alu."))
    if not hostcode.starts(sample):
        pytest.skip("the modules have no unwind tables")
    if not any(code.tails for code in out.values()):
        pytest.skip("a build with loop dispatch (EMU_BUILD=debug)")
    return out


def read_golden() -> tuple[str, dict[str, tuple[str, str]]]:
    """(compiler, {"family handler": (verdict, reason)})."""
    text = GOLDEN.read_text() if GOLDEN.exists() else ""
    found = re.search(r"--bless` with (.*)", text)
    rows = {}
    for line in text.splitlines():
        m = re.match(r"(\S+ \S+): (.*?); (.*)", line)
        if m and not line.startswith("#"):
            rows[m[1]] = (m[2], m[3])
    return found[1] if found else "", rows


def test_tail_calls(fast: dict[str, hostcode.Code], bless: bool) -> None:
    found = {f"{code.module} {name}": code.verdict for name, code in fast.items() if code.module in HOT and code.verdict}
    made_by = hostcode.compiler(next(m[3] for m in hostcode.modules() if m[3].name.startswith("alu.")))
    golden_by, golden = read_golden()
    if bless:
        rows = [f"{key}: {verdict}; {golden.get(key, ('', NO_REASON))[1]}" for key, verdict in sorted(found.items())]
        GOLDEN.write_text("\n".join([HEADER + made_by + ".", *rows, ""]))
        golden_by, golden = read_golden()
    worse = [f"{key}: {verdict}" for key, verdict in sorted(found.items()) if key not in golden]
    assert not worse, "handlers with a prologue or call, not in tail_calls.txt:\n  " + "\n  ".join(worse)
    missing = [key for key, (_, reason) in golden.items() if reason == NO_REASON]
    assert not missing, "no reason given in tail_calls.txt:\n  " + "\n  ".join(missing)
    if golden_by.rstrip(".") == made_by:
        better = [key for key, (verdict, _) in golden.items() if found.get(key) != verdict]
        assert not better, "changed or gone (pytest --bless):\n  " + "\n  ".join(better)


def test_commonest_handlers_are_short(fast: dict[str, hostcode.Code]) -> None:
    """Host instructions of what guests execute most; a returning slow path or a lost inline shows here at once."""
    most = {
        "mov_rr32": 9,
        "mov_rm32": 48,
        "mov_mr32": 48,
        "add_rr32": 24,
        "cmp_ri32": 22,
        "lea_rm32": 22,
        "push_r32": 48,
        "pop_r32": 48,
        "jz_j32": 60,
        "jmp_j32": 40,
        "call_j32": 80,
        "ret32": 80,
        "cmp_ri32+jz_j32": 70,
    }
    long = {name: fast[name].size for name, limit in most.items() if fast[name].size > limit}
    assert not long, f"longer than {most}: {long}"


def test_families_are_all_there(fast: dict[str, hostcode.Code]) -> None:
    counts = {family: sum(code.module == family for code in fast.values()) for family in HOT}
    assert all(counts.values()), counts
    assert counts["fused"] >= 800
