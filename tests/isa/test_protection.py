"""The protection and task-switch suite: small Multiboot kernels that print what happens (tests/isa/protection/*.S).

Three processors run each program: ours (with both MMU modes), QEMU TCG, and Bochs.  The golden text is what ours prints, reviewed
(`--bless` writes it); an oracle has to print the same lines, except those of EXPLAINED, which name a reason and must
still differ.
QEMU is not asked for NOT_FOR_QEMU: it has no segment limits, no alignment check, no VME, no EXT bit.
"""

import shutil
import subprocess
from pathlib import Path

import bochs
import pytest
from process import EMU, ENV

HERE = Path(__file__).parent / "protection"
GOLDEN = HERE / "golden"
PROGRAMS = sorted(p.stem for p in HERE.glob("*.S"))
NOT_FOR_QEMU = {"control", "doublefault", "gates16", "nmi", "real", "sdm", "stack", "traps", "vme"}
# (oracle, program): the start of a line, and why it may differ there
EXPLAINED = {
    ("bochs", "pfdeliver"): {
        "ring 3 iret from an absent page": "Bochs reads EFLAGS of the frame first; the SDM pops EIP, CS, EFLAGS",
        "ring 0 iret to ring 3 with half": "and SS before ESP",
        "busy bit in a read-only page": "the descriptor's upper dword is written, we write its type byte: CR2 is one more",
        "ring-1 stack pointer in an absent": "Bochs reads SS1 before ESP1; the SDM does not say",
        "new tss half absent": "Bochs touches the last byte that a switch needs first; we report where the absent page begins",
    },
    ("qemu", "pfdeliver"): {
        "ring 3 iret from an absent page": "QEMU reads the frame as supervisor",
        "far call onto an absent page": "QEMU pushes as supervisor",
        "accessed bit of a read-only page": "the descriptor's upper dword is written, we write its type byte",
        "busy bit in a read-only page": "the same",
        "new tss absent": "QEMU reads the new TSS from its CR3 field on",
        "old tss cannot be written": "QEMU probes the old TSS by a read of its last field",
    },
    ("bochs", "sdm"): {
        "rf of general detect": "Bochs pushes RF = 0 for every #DB and clears B0-B3; the SDM has RF = 1 for a fault that is no "
        "instruction breakpoint (17.3.1.1), and lets B0-B3 stay",
    },
    ("qemu", "smap"): {
        "segment of an ldt there, ac set": "QEMU lets EFLAGS.AC lift SMAP for system structures too, SDM 3A 4.6 does not",
        "lar of an ldt there, ac set": "the same",
    },
    ("bochs", "smap"): {
        "segment of an ldt there, ac set": "so does Bochs",
        "lar of an ldt there, ac set": "the same",
        "ring 3 loads one with ac": "whatever the CPL",
    },
    ("bochs", "stack"): {
        "16-bit: far call": "Bochs checks both pushes as one block; the host (16-bit SS in its LDT) wraps like ours",
    },
    ("bochs", "task"): {
        "new cs rpl 3 of dpl 0": "Bochs checks SS before CS; SDM 3A table 7-1 and QEMU check CS first",
    },
    ("bochs", "traps"): {
        "trap of the instruction before": "Bochs (and QEMU) report the next instruction's breakpoint in the trap's DR6; the SDM "
        "gives the "
        "trap priority, and the breakpoint comes by itself if the handler does not set RF",
    },
}
BOCHS_MODEL = {"smap": "broadwell_ult"}     # one that has it
EXIT_OK = 1  # isa-debug-exit of 0
LINK = [
    "-m32",
    "-nostdlib",
    "-static",
    "-no-pie",
    "-Wl,--build-id=none,-Ttext=0x101000,-N,--section-start=.multiboot=0x100000",
]


@pytest.fixture(scope="session")
def kernel(tmp_path_factory):
    """Build a program by name: path of its ELF file."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc -m32")
    where = tmp_path_factory.mktemp("protection")

    def build(name):
        elf = where / f"{name}.elf"
        if not elf.exists():
            subprocess.run(
                ["gcc", *LINK, f"-I{HERE}", "-o", str(elf), str(HERE / f"{name}.S")], check=True, capture_output=True
            )
        return elf

    return build


def run(command, elf, out):
    """Run a machine; what it wrote to port 0xE9."""
    done = subprocess.run(
        [
            *command,
            "-m",
            "32",
            "-display",
            "none",
            "-kernel",
            str(elf),
            "-debugcon",
            f"file:{out}",
            "-device",
            "isa-debug-exit,iobase=0xf4,iosize=4",
        ],
        capture_output=True,
        timeout=60,
        env=ENV,
    )
    text = out.read_text(errors="replace") if out.exists() else ""
    assert done.returncode == EXIT_OK and text, done.stderr.decode(errors="replace") + text[-2000:]
    return text


def qemu(elf, out):
    return run(["qemu-system-i386", "-accel", "tcg", "-cpu", "max", "-nodefaults", "-no-reboot"], elf, out)


def emu(elf, out, mmu):
    return run([*EMU, "run", "-accel", f"interp,mmu={mmu}", "-serial", "none"], elf, out)


def compare(oracle, name, text):
    """Line by line with the golden; the explained ones differ, and no other."""
    ours, theirs = (GOLDEN / f"{name}.txt").read_text().splitlines(), text.splitlines()
    explained = EXPLAINED.get((oracle, name), {})
    assert len(theirs) == len(ours), f"{oracle} ends with {theirs[-1:]}"
    differ = {}
    for a, b in zip(ours, theirs, strict=True):
        if a != b:
            differ.setdefault(next((k for k in explained if a.startswith(k)), None), f"ours    {a}\n{oracle:7} {b}")
    assert None not in differ, differ[None]
    assert set(differ) == set(explained), "explained differences that are none"


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_golden(kernel, tmp_path, bless, name, mmu):
    text = emu(kernel(name), tmp_path / "emu.out", mmu)
    golden = GOLDEN / f"{name}.txt"
    if bless:
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text.splitlines() == golden.read_text().splitlines()


@pytest.mark.skipif(shutil.which("qemu-system-i386") is None, reason="needs qemu-system-i386")
@pytest.mark.parametrize("name", [n for n in PROGRAMS if n not in NOT_FOR_QEMU])
def test_qemu_agrees(kernel, tmp_path, name):
    compare("qemu", name, qemu(kernel(name), tmp_path / "out"))


@pytest.mark.skipif(bochs.missing() is not None, reason=str(bochs.missing()))
@pytest.mark.parametrize("name", PROGRAMS)
def test_bochs_agrees(kernel, tmp_path, name):
    model = BOCHS_MODEL.get(name, bochs.MODEL)
    compare("bochs", name, bochs.run(kernel(name), tmp_path / "bochs", model))
