"""The protection and task-switch suite: small Multiboot kernels that print what happens (tests/isa/protection/*.S).

Golden output is QEMU TCG's, except for the programs of SDM_ONLY, which test what QEMU does not implement; those were
checked against the SDM line by line.  `--bless` writes the goldens anew (from QEMU where it is the oracle).
"""
import shutil
import subprocess
from pathlib import Path

import pytest
from process import EMU, ENV

HERE = Path(__file__).parent / "protection"
GOLDEN = HERE / "golden"
PROGRAMS = sorted(p.stem for p in HERE.glob("*.S"))
SDM_ONLY = {"sdm", "vme"}
EXIT_OK = 1         # isa-debug-exit of 0
LINK = ["-m32", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none,-Ttext=0x101000,-N,--section-start=.multiboot=0x100000"]


def bless(request):
    return request.config.getoption("--bless", default=False)


@pytest.fixture(scope="session")
def kernel(tmp_path_factory):
    """Build a program by name: path of its ELF file."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc -m32")
    where = tmp_path_factory.mktemp("protection")

    def build(name):
        elf = where / f"{name}.elf"
        if not elf.exists():
            subprocess.run(["gcc", *LINK, f"-I{HERE}", "-o", str(elf), str(HERE / f"{name}.S")], check=True, capture_output=True)
        return elf

    return build


def run(command, elf, out):
    """Run a machine; what it wrote to port 0xE9."""
    done = subprocess.run([*command, "-m", "32", "-display", "none", "-kernel", str(elf), "-debugcon", f"file:{out}",
                           "-device", "isa-debug-exit,iobase=0xf4,iosize=4"], capture_output=True, timeout=60, env=ENV)
    text = out.read_text(errors="replace") if out.exists() else ""
    assert done.returncode == EXIT_OK and text, done.stderr.decode(errors="replace") + text[-2000:]
    return text


def qemu(elf, out):
    return run(["qemu-system-i386", "-accel", "tcg", "-cpu", "max", "-nodefaults", "-no-reboot"], elf, out)


def emu(elf, out, mmu):
    return run([*EMU, "run", "-accel", f"interp,mmu={mmu}", "-serial", "none"], elf, out)


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_golden(kernel, tmp_path, request, name, mmu):
    elf = kernel(name)
    golden = GOLDEN / f"{name}.txt"
    if bless(request):
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text(emu(elf, tmp_path / "out", mmu) if name in SDM_ONLY else qemu(elf, tmp_path / "out"))
    assert emu(elf, tmp_path / "emu.out", mmu).splitlines() == golden.read_text().splitlines()


@pytest.mark.skipif(shutil.which("qemu-system-i386") is None, reason="needs qemu-system-i386")
@pytest.mark.parametrize("name", [n for n in PROGRAMS if n not in SDM_ONLY])
def test_qemu_agrees(kernel, tmp_path, name):
    assert qemu(kernel(name), tmp_path / "out").splitlines() == (GOLDEN / f"{name}.txt").read_text().splitlines()
