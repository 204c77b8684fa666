"""-d: what is logged, and that logging does not change the run."""
from __future__ import annotations

import io
from pathlib import Path

import pytest

import emu
from emu.cli.main import main
from emu.trace import LogTracer, parse_items

DEMO = Path(__file__).resolve().parents[2] / "roms" / "demo.elf"


def traced(items: str, instructions: int) -> tuple[emu.Machine, str]:
    vm = emu.Machine(memory="32M", kernel=DEMO)
    out = io.StringIO()
    if items:
        vm.tracer = LogTracer(vm.engine, parse_items(items), out)
    vm.run(instructions=instructions)
    return vm, out.getvalue()


def test_every_interrupt_is_logged_once() -> None:
    vm, text = traced("int", 60_000_000)
    lines = text.splitlines()
    assert len(lines) == vm.counters["deliveries"]
    assert [int(line.split(":")[0]) for line in lines] == list(range(len(lines)))
    assert "v=20" in text


def test_exec_and_in_asm() -> None:
    _, text = traced("exec,in_asm,cpu_reset", 2000)
    assert text.startswith("CPU Reset")
    assert text.count("exec ") == 2000
    assert "exec 0 f000:" in text
    assert text.count("\n") > 2000


@pytest.mark.parametrize("items", ["int", "exec", "guest_errors,int"])
def test_logging_changes_nothing(items: str) -> None:
    plain, _ = traced("", 100_000)
    logged, _ = traced(items, 100_000)
    assert plain.run_hash() == logged.run_hash()


def test_log_file(tmp_path: Path) -> None:
    log = tmp_path / "log"
    items = ["-d", "int,guest_errors", "-D", str(log)]
    assert main(["run", "-kernel", str(DEMO), "-display", "none", "--timeout", "0.4", *items]) == 76
    assert "v=20" in log.read_text()
