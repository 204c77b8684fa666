"""The debug build: loop dispatch, bounds checks, address and undefined-behaviour sanitizers.

Opt-in, it compiles everything (EMU_TEST_DEBUG=1; EMU_TEST_DEBUG=FOLDER keeps the build there for the next time).  The same
tests then run on it that run on the release build: what a sanitizer says is an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WANTED = os.environ.get("EMU_TEST_DEBUG", "")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not WANTED, reason="takes minutes: EMU_TEST_DEBUG=1 builds and runs it")]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree with a debug build in place."""
    folder = tmp_path_factory.mktemp("debug") if WANTED == "1" else Path(WANTED)
    shutil.copytree(
        ROOT,
        folder,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns(".git", "build", "*.so", "__pycache__", ".*_cache", ".guests"),
    )
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "-i"],
        cwd=folder,
        env=os.environ | {"EMU_BUILD": "debug"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def sanitized(folder: Path, *argv: str) -> str:
    """Run Python there; its output, after looking for reports."""
    found = [
        subprocess.run(["gcc", f"-print-file-name={lib}"], capture_output=True, text=True, check=True).stdout.strip()
        for lib in ("libasan.so", "libubsan.so")
    ]
    stubs = folder / "build" / "stubs"
    stubs.mkdir(parents=True, exist_ok=True)
    # it is loaded with RTLD_DEEPBIND, which sanitizers cannot live with
    (stubs / "capstone.py").write_text("raise ModuleNotFoundError('not under a sanitizer', name='capstone')\n")
    env = os.environ | {
        "LD_PRELOAD": " ".join(found),
        "PYTHONPATH": f"{stubs}{os.pathsep}{folder}",
        "PYTHONMALLOC": "malloc",
        "EMU_TEST_DEBUG": "",
        # Python itself leaks at exit, on purpose
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:halt_on_error=1:detect_stack_use_after_return=0",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=0",
    }
    done = subprocess.run([sys.executable, *argv], cwd=folder, env=env, capture_output=True, text=True, timeout=3000)
    text = done.stdout + done.stderr
    reports = [line for line in text.splitlines() if "runtime error" in line or "AddressSanitizer" in line]
    assert not reports, "\n".join(sorted(set(reports)))
    assert done.returncode == 0, (done.returncode, done.stdout[-3000:], done.stderr[-3000:])
    return text


DEMO = """
import emu
for mmu in ("tlb", "shadow"):
    vm = emu.Machine(memory="8M", kernel="roms/demo.elf", mmu=mmu, icount_shift=8)
    vm.run(instructions=600_000)
    for command in ("help", "mem", "ps", "cpu", "fault"):
        vm.serial.send(command + "\\n")
        vm.run(instructions=400_000)
    print(vm.serial.text[-300:], vm.run_hash())
    assert "killed" in vm.serial.text
"""


def test_demo_guest(build: Path) -> None:
    sanitized(build, "-c", DEMO)


@pytest.mark.parametrize(
    "tests",
    ["tests/devices", "tests/mmu", "tests/images", "tests/isa", "tests/engine", "tests/boot/test_raw.py tests/boot/test_acpi.py"],
)
def test_suites(build: Path, tests: str) -> None:
    """Without the other emulators, which would inherit the sanitizer."""
    sanitized(build, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not bochs and not qemu", *tests.split())
