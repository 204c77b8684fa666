"""The long-mode suite: Multiboot kernels that enter 64-bit mode and print what happens (tests/isa/protection64/*.S).

The golden output is ours, checked line by line against the SDM.  QEMU TCG runs the same programs and must agree, but for
the cases of DIFFERS, where it is the one that leaves the manual, and those it does not survive at all (SDM_ONLY).
`--bless` writes the goldens anew.
"""
import shutil
import subprocess
from pathlib import Path

import pytest
from process import EMU, ENV

HERE = Path(__file__).parent / "protection64"
GOLDEN = HERE / "golden"
PROGRAMS = sorted(p.stem for p in HERE.glob("*.S"))
SDM_ONLY = {"sdm64"}
EXIT_OK = 1         # isa-debug-exit of 0
LINK = ["-m64", "-nostdlib", "-static", "-no-pie",
        "-Wl,--build-id=none,-Ttext=0x101000,-N,--no-warn-rwx-segments,--section-start=.multiboot=0x100000"]
IDT_ERROR = "QEMU 7 counts IDT entries of 16 bytes by 16; the error code holds vector * 8"
TARGET = "QEMU faults at the target, the SDM on the transfer"
LIMITS = "QEMU checks no segment limits or types"
IST_SS = "SS becomes null only when the privilege changes (QEMU: always with IST)"
AC_LIFTS = "QEMU lets EFLAGS.AC lift SMAP for system structures too, SDM 3A 4.6 does not"
DIFFERS = {
    "int 0x81 dpl 0 from ring 3": IDT_ERROR, "absent gate": IDT_ERROR, "16-bit gate": IDT_ERROR, "task gate": IDT_ERROR,
    "call gate in the idt": IDT_ERROR, "beyond the idt": IDT_ERROR,
    "non-canonical target": TARGET, "iretq non-canonical rip": TARGET, "iretq non-canonical rip ring 3": TARGET,
    "sysret non-canonical": TARGET, "sysexit non-canonical rip": TARGET, "sysexit non-canonical rsp": TARGET,
    "ljmp m16:64 non-canonical": TARGET, "call gate non-canonical": TARGET,
    "non-canonical jmp": TARGET, "non-canonical call": TARGET, "non-canonical ret": TARGET,
    "ud2 on ist1": IST_SS,
    "rsp non-canonical, ring 0": "the same, #DF on IST2", "rsp not mapped, ring 0": "the same, #DF on IST2",
    "iretq L and D": "QEMU takes a code segment with L and D", "ljmp L and D": "QEMU takes a code segment with L and D",
    "iretq null ss compat": "null SS is for 64-bit code only", "mov ss null rpl 3": "its RPL must be the CPL",
    "iretq ss absent": "#SS in the SDM's pseudocode",
    "iretq beyond the compat limit": LIMITS, "ds limit is there in compat code": LIMITS, "compat: null ds": LIMITS,
    "ljmp to the tss": "QEMU has loaded CS when it faults",
    "syscall from compat": "#UD on Intel's processors",
    "lstar non-canonical": "WRMSR checks", "kernel gs base non-canonical": "WRMSR checks",
    "fs base non-canonical": "WRMSR checks",
    "wrgsbase non-canonical": "checked", "efer bits": "reserved", "efer lme off while paging": "#GP",
    "1 gib page with reserved bits": "RSVD comes with P",
    "reserved bit": "RSVD comes with P", "reserved ps in pml4e": "RSVD comes with P", "cr8 reserved": "#GP",
    "read across the canonical boundary": "QEMU looks at the first byte only",
    "int1": "QEMU has no INT1", "gd": "nor DR7.GD", "watch a 16-byte store": "QEMU watches bytes before an unaligned store",
    "non-canonical read through the stack segment": "#SS",
    "read-modify-write without ac": "QEMU reads first; the access is a write",
    "segment of an ldt there, ac set": AC_LIFTS, "lar of an ldt there, ac set": AC_LIFTS,
    "push onto a user page: ac clear": IST_SS, "interrupt onto a user page: ac clear": IST_SS,
    "iret from a user page: ac clear": IST_SS, "far return from a user page: ac clear": IST_SS,
}


@pytest.fixture(scope="session")
def kernel64(tmp_path_factory):
    """Build a program by name: path of its ELF file."""
    if shutil.which("gcc") is None or shutil.which("objcopy") is None:
        pytest.skip("needs gcc and objcopy")
    where = tmp_path_factory.mktemp("protection64")

    def build(name):
        elf = where / f"{name}.elf"
        if not elf.exists():
            subprocess.run(["gcc", *LINK, f"-I{HERE}", "-o", f"{elf}64", str(HERE / f"{name}.S")], check=True,
                           capture_output=True)
            subprocess.run(["objcopy", "-O", "elf32-i386", f"{elf}64", str(elf)], check=True, capture_output=True)
        return elf

    return build


def run(command, elf, out):
    """Run a machine; the lines it wrote to port 0xE9."""
    done = subprocess.run([*command, "-m", "32", "-display", "none", "-kernel", str(elf), "-debugcon", f"file:{out}",
                           "-device", "isa-debug-exit,iobase=0xf4,iosize=4"], capture_output=True, timeout=60, env=ENV)
    text = out.read_text(errors="replace") if out.exists() else ""
    assert done.returncode == EXIT_OK and text, done.stderr.decode(errors="replace") + text[-2000:]
    return text.splitlines()


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_golden(kernel64, tmp_path, request, name, mmu):
    ours = [*EMU, "run", "-cpu", "max", "-accel", f"interp,mmu={mmu}", "-serial", "none"]
    lines = run(ours, kernel64(name), tmp_path / "out")
    golden = GOLDEN / f"{name}.txt"
    if request.config.getoption("--bless", default=False):
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text("\n".join(lines) + "\n")
    assert lines == golden.read_text().splitlines()


@pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs qemu-system-x86_64")
@pytest.mark.parametrize("name", [n for n in PROGRAMS if n not in SDM_ONLY])
def test_qemu_agrees(kernel64, tmp_path, name):
    qemu = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max,vendor=GenuineIntel", "-nodefaults", "-no-reboot"]
    theirs = run(qemu, kernel64(name), tmp_path / "out")
    ours = (GOLDEN / f"{name}.txt").read_text().splitlines()
    assert len(theirs) == len(ours)
    for a, b in zip(theirs, ours, strict=True):
        if a != b:
            assert any(a.startswith(case) and b.startswith(case) for case in DIFFERS), f"qemu {a!r}, ours {b!r}"
