"""Style is a test: linters, types, sizes, and the list of deviations from hardware."""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("emu", "emu_core_pyx", "firmware", "tests")
MAX_LINES = 800
MAX_WIDTH = 130


def sources(*suffixes: str) -> list[Path]:
    found = [p for top in PACKAGES for p in sorted((ROOT / top).rglob("*")) if p.suffix in suffixes]
    return [p for p in found if "build" not in p.relative_to(ROOT).parts]


def run(*argv: str) -> None:
    done = subprocess.run([sys.executable, "-m", *argv], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff() -> None:
    run("ruff", "check", "emu", "tests", "firmware", "setup.py")


def test_types() -> None:
    run("mypy", "--strict", "-p", "emu")


def test_cython_lint() -> None:
    pytest.importorskip("cython_lint")
    run("cython_lint.cython_lint", "--max-line-length", str(MAX_WIDTH), *map(str, sources(".pyx", ".pxd")))


@pytest.mark.parametrize("path", sources(".py", ".pyx", ".pxd", ".c", ".S"), ids=lambda p: str(p.relative_to(ROOT)))
def test_size(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= MAX_LINES, "split it by chapter"
    wide = [n for n, line in enumerate(lines, 1) if len(line) > MAX_WIDTH]
    assert not wide, f"lines wider than {MAX_WIDTH}: {wide}"


@pytest.mark.parametrize("path", [p for p in sources(".py", ".pyx") if p.name != "__init__.py"],
                         ids=lambda p: str(p.relative_to(ROOT)))
def test_opens_with_what_it_is(path: Path) -> None:
    assert path.read_text().lstrip().startswith(('"""', '#!/usr/bin/env python3\n"""')), "a file opens with a docstring"


def test_no_textual_includes() -> None:
    assert not sources(".pxi")


def test_deviations_are_argued() -> None:
    """Lists every DEVIATION (pytest -rP shows them); each says more than its name."""
    for path in sources(".pyx", ".pxd", ".py"):
        if path == Path(__file__):
            continue
        text = path.read_text()
        for match in re.finditer(r"DEVIATION: ?([^\n]*)", text):
            line = text.count("\n", 0, match.start()) + 1
            print(f"{path.relative_to(ROOT)}:{line}: {match[1]}")
            assert len(match[1]) > 15, f"{path}:{line} does not say what deviates"
