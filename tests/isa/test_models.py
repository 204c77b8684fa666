"""CPU models: what CPUID says of each, and that instructions outside a model are #UD there and its CR4 and MSR bits #GP.

Signatures and features are those QEMU gives the names 486, pentium, pentium2, pentium3 and qemu32, and VME, which TCG lacks;
`max` is everything of ours, and any feature can be taken from it.  SDM 2A "CPUID", AP-485.
"""

import shutil
import struct
import subprocess

import numpy as np
import pytest
from emu_core_pyx.cpu.cpuid import FEATURES, models
from emu_core_pyx.isacheck import CaseRunner
from oracle import new_cases, result_dtype, set_code

from emu.cpu import NEEDS as DEPENDS
from emu.cpu import parse_cpu
from emu.errors import ConfigError

UD = 6
VME = 2
# name: leaf 0 EAX, leaf 1 EAX, leaf 1 EDX
IDENTITY = {
    "486": (1, 0x480, 0x0000000B),  # FPU VME PSE
    "pentium": (1, 0x543, 0x008003BF),  # + DE TSC MSR MCE CX8 APIC MMX
    "pentium2": (2, 0x652, 0x0183FBFF),  # + PAE SEP MTRR PGE MCA CMOV PAT PSE36 FXSR
    "pentium3": (3, 0x673, 0x0383FBFF),  # + SSE
    "qemu32": (4, 0x663, 0x0781ABFD),  # no VME, MTRR, MCA, PSE36; SSE2 and the APIC
}
# instruction, the feature it needs
NEEDS = [
    ("0f c7 0e", "cx8", "cmpxchg8b [esi]"),
    ("0f 31", "tsc", "rdtsc"),
    ("0f 32", "msr", "rdmsr"),
    ("0f 30", "msr", "wrmsr"),
    ("0f 34", "sep", "sysenter"),
    ("0f 35", "sep", "sysexit"),
    ("0f 40 c1", "cmov", "cmovo"),
    ("0f 4f 06", "cmov", "cmovg mem"),
    ("da c1", "cmov", "fcmovb"),
    ("db f1", "cmov", "fcomi"),
    ("df e9", "cmov", "fucomip"),
    ("0f 6f c1", "mmx", "movq mm"),
    ("0f fc 06", "mmx", "paddb"),
    ("0f 77", "mmx", "emms"),
    ("0f ae 06", "fxsr", "fxsave"),
    ("0f ae 0e", "fxsr", "fxrstor"),
    ("0f 58 c1", "sse", "addps"),
    ("0f 6f 06", "mmx", "movq mm, mem"),
    ("0f ae 16", "sse", "ldmxcsr"),
    ("0f ae f8", "sse", "sfence"),
    ("0f e7 06", "sse", "movntq"),
    ("0f c6 c1 00", "sse", "shufps"),
    ("0f da c1", "sse", "pminub mm"),
    ("0f d7 c1", "sse", "pmovmskb mm"),
    ("66 0f 58 c1", "sse2", "addpd"),
    ("66 0f 6f c1", "sse2", "movdqa"),
    ("0f d4 c1", "sse2", "paddq mm"),
    ("0f c3 06", "sse2", "movnti"),
    ("0f ae e8", "sse2", "lfence"),
    ("0f ae f0", "sse2", "mfence"),
    ("0f f4 c1", "sse2", "pmuludq mm"),
    ("0f 5b c1", "sse2", "cvtdq2ps"),
    ("0f ae 3e", "clflush", "clflush"),
    ("f2 0f 7c c1", "sse3", "haddps"),
    ("df 0e", "sse3", "fisttp"),
    ("f2 0f f0 06", "sse3", "lddqu"),
    ("0f 38 00 c1", "ssse3", "pshufb mm"),
    ("66 0f 3a 0f c1 03", "ssse3", "palignr"),
    ("66 0f 38 17 c1", "sse4.1", "ptest"),
    ("66 0f 3a 08 c1 00", "sse4.1", "roundps"),
    ("66 0f 3a 15 06 00", "sse4.1", "pextrw mem"),
    ("66 0f 3a 63 c1 00", "sse4.2", "pcmpistri"),
    ("f2 0f 38 f0 06", "sse4.2", "crc32"),
    ("0f 38 f0 06", "movbe", "movbe"),
    ("f3 0f b8 c1", "popcnt", "popcnt"),
    ("66 0f 38 dc c1", "aes", "aesenc"),
    ("66 0f 3a 44 c1 00", "pclmulqdq", "pclmulqdq"),
    ("0f 38 c8 c1", "sha-ni", "sha1nexte"),
    ("0f c7 f0", "rdrand", "rdrand"),
    ("0f c7 f8", "rdseed", "rdseed"),
    ("66 0f 38 f6 c1", "adx", "adcx"),
    ("c4 e2 60 f2 c1", "bmi1", "andn"),
    ("c4 e2 60 f3 d9", "bmi1", "blsi"),
    ("c4 e2 61 f7 c1", "bmi2", "shlx"),
    ("c4 e3 7b f0 c1 03", "bmi2", "rorx"),
    ("0f ae 26", "xsave", "xsave"),
    ("31 c9 0f 01 d0", "xsave", "xgetbv"),
]
EVERYWHERE = [
    ("0f c8", "bswap"),
    ("0f c1 06", "xadd"),
    ("0f b1 06", "cmpxchg"),
    ("0f a2", "cpuid"),
    ("d9 e8", "fld1"),
    ("f3 90", "pause"),
]


# 64-bit code only
NEEDS64 = [
    ("48 0f c7 0e", "cx16", "cmpxchg16b [rsi]"),
    ("9f", "lahf_lm", "lahf"),
    ("9e", "lahf_lm", "sahf"),
    ("0f 01 f9", "rdtscp", "rdtscp"),
    ("0f 05", "syscall", "syscall"),
    ("f3 48 0f ae c0", "fsgsbase", "rdfsbase rax"),
    ("66 0f 6f 06", "sse2", "movdqa"),
    ("f3 48 0f bd c1", None, "lzcnt, or bsr"),
]


def run(model, code, feat=None):
    case = new_cases(1, window=512)
    set_code(case, bytes.fromhex(code))
    case["gpr"][:, 6] = 0x20000000
    out = np.zeros(1, result_dtype(512))
    CaseRunner(model, feat=feat).run(case, out, 0)
    return out[0]


def cpuid(model, leaf, sub=0):
    case = new_cases(1)
    set_code(case, b"\x0f\xa2")
    case["gpr"][:, 0], case["gpr"][:, 1] = leaf, sub
    out = np.zeros(1, result_dtype())
    CaseRunner(model).run(case, out)
    a, c, d, b = (int(v) for v in out["gpr"][0][:4])
    return a, b, c, d


@pytest.mark.parametrize("model", IDENTITY)
def test_identity(model):
    level, signature, edx = IDENTITY[model]
    a, b, c, d = cpuid(model, 0)
    assert a == level and struct.pack("<3I", b, d, c) == b"GenuineIntel"
    a, b, c, d = cpuid(model, 1)
    assert a == signature and d == edx, f"{d:08x}"
    assert d == models()[model].feat & 0xFFFFFFFF


def test_max_is_everything():
    low = {n for n, bit in FEATURES.items() if bit < 1 << 30}
    a, b, c, d = cpuid("max", 1)
    assert low <= set(models()["max"].features)
    for n in low:
        assert d & FEATURES[n], n
    # LAHF_LM LZCNT; NX PDPE1GB RDTSCP LM (SYSCALL shows in 64-bit code only)
    assert cpuid("max", 0x80000001) == (0, 0, 1 | 1 << 5, sum(1 << k for k in (20, 26, 27, 29)))
    # SSE3 PCLMULQDQ SSSE3 CX16 PCID SSE4.1 SSE4.2 MOVBE POPCNT TSC-DEADLINE AES XSAVE OSXSAVE RDRAND
    assert c == sum(1 << k for k in (0, 1, 9, 13, 17, 19, 20, 22, 23, 24, 25, 26, 27, 30))
    # FSGSBASE BMI1 SMEP BMI2 INVPCID RDSEED ADX SMAP SHA, and what the x87 is like; UMIP; ARCH_CAPABILITIES
    assert cpuid("max", 7) == (0, sum(1 << k for k in (0, 3, 6, 7, 8, 10, 13, 18, 19, 20, 29)), 4, 1 << 29)
    assert cpuid("max", 0x80000007)[3] == 0x100  # invariant TSC
    assert cpuid("max", 7, 1) == (0, 0, 0, 0)
    assert [cpuid("max", 13, k) for k in range(3)] == [(3, 576, 576, 0), (0, 0, 0, 0), (0, 0, 0, 0)]
    assert cpuid("max", 0)[0] == 13


@pytest.mark.parametrize("model", IDENTITY)
def test_older_models_have_nothing_of_it(model):
    assert cpuid(model, 1)[2] == 0
    if IDENTITY[model][0] >= 2:
        assert cpuid(model, 7) == cpuid(model, IDENTITY[model][0])
    assert cpuid("max", 0x80000008)[0] & 0xFF >= 36


def test_leaves_beyond_the_last_answer_the_highest():
    assert cpuid("pentium3", 0x1234) == cpuid("pentium3", 3)
    assert cpuid("pentium", 0x80000000) == cpuid("pentium", 1)  # no extended leaves


def test_cache_leaves():
    assert cpuid("pentium2", 2)[0] & 0xFF == 1
    kinds = [cpuid("max", 4, k)[0] & 0x1F for k in range(4)]
    assert kinds == [1, 2, 3, 0]
    ways_and_sets = [(cpuid("max", 4, k)[1], cpuid("max", 4, k)[2]) for k in range(3)]
    sizes = [((b >> 22) + 1) * ((b >> 12 & 0x3FF) + 1) * ((b & 0xFFF) + 1) * (c + 1) for b, c in ways_and_sets]
    assert sizes == [32 << 10, 32 << 10, 2 << 20]


@pytest.mark.parametrize("model", [*IDENTITY, "max"])
def test_instructions_outside_the_model_are_undefined(model):
    features = models()[model].features
    wrong = []
    for code, feature, text in NEEDS:
        if (run(model, code)["vec"] == UD) != (feature not in features):
            wrong.append(text)
    assert not wrong
    assert [t for code, t in EVERYWHERE if run(model, code)["vec"] == UD] == []


def without(feature):
    """`max` without one feature and what needs it."""
    return parse_cpu(f"max,-{feature}")


@pytest.mark.parametrize("feature", sorted({f for _, f, _ in NEEDS} - {"msr", "tsc"}))
def test_a_feature_taken_away_takes_its_instructions(feature):
    cpu = without(feature)
    wrong = [text for code, needs, text in NEEDS if (run("max", code, cpu.feat)["vec"] == UD) != (needs not in cpu.features)]
    assert not wrong


@pytest.mark.parametrize("feature", ["cx16", "lahf_lm", "rdtscp", "syscall", "fsgsbase", "sse2"])
def test_the_same_in_64_bit_code(feature):
    wrong = []
    for cpu in (parse_cpu("max"), without(feature)):
        for code, needs, text in NEEDS64:
            case, out = new_cases(1, window=512, bits=64), np.zeros(1, result_dtype(512, bits=64))
            set_code(case, bytes.fromhex(code))
            case["gpr"][:, 6] = 0x20000000
            CaseRunner(feat=cpu.feat, bits=64).run(case, out, 0)
            if needs == "fsgsbase":     # CR4.FSGSBASE is off there
                continue
            if (out[0]["vec"] == UD) != (needs is not None and needs not in cpu.features):
                wrong.append((text, out[0]["vec"]))
    assert not wrong


CR4_BITS = {
    "vme": 0x3,
    "tsc": 0x4,
    "de": 0x8,
    "pse": 0x10,
    "pae": 0x20,
    "mce": 0x40,
    "pge": 0x80,
    "fxsr": 0x200,
    "sse": 0x400,
    "umip": 0x800,
    "fsgsbase": 0x10000,
    "xsave": 0x40000,
    "smep": 0x100000,
    "smap": 0x200000,
}


@pytest.mark.parametrize("model", [*IDENTITY, "max"])
def test_cr4_bits_follow_the_model(model):
    """MOV CR4 of each bit alone, in ring 0 with a handler that HLTs: #GP exactly where the feature is not there."""
    from emu_core_pyx.engine import Engine

    features = models()[model].features
    for feature, bits in CR4_BITS.items():
        e = Engine(1 << 20, model)
        e.mem.write(0x1000, bytes.fromhex("0f22e0 fa f4"))  # mov cr4, eax; cli; hlt
        e.enter_protected(0x1000, 0x8000, idt_base=0, eax=bits)
        e.set_regs(idt_limit=0, cr4=0)
        reason = e.run(10).reason
        assert (reason == "hang") == (feature in features), f"{feature}: {reason} {e.fault_chain()}"
        if feature in features:
            assert e.regs()["cr4"] == bits


@pytest.mark.parametrize("model", ["486", "pentium", "pentium2", "pentium3", "qemu32"])
def test_same_signature_as_qemu(model, tmp_path):
    """Leaf 1 of QEMU's TCG for the same name."""
    if shutil.which("qemu-system-i386") is None or shutil.which("gcc") is None:
        pytest.skip("needs qemu-system-i386 and gcc -m32")
    source = tmp_path / "id.S"
    source.write_text("""
        .section .multiboot, "a"
        .align 4
        .long 0x1BADB002, 0, -0x1BADB002
        .text
        .globl _start
_start: movl $1, %eax
        cpuid
        movl $8, %ecx
1:      outb %al, $0xE9
        shrdl $8, %edx, %eax
        shrl $8, %edx
        loop 1b
        xorl %eax, %eax
        outl %eax, $0xF4
2:      jmp 2b
""")
    elf, out = tmp_path / "id.elf", tmp_path / "out"
    subprocess.run(
        [
            "gcc",
            "-m32",
            "-nostdlib",
            "-static",
            "-no-pie",
            "-Wl,--build-id=none,-Ttext=0x101000,-N,--section-start=.multiboot=0x100000",
            "-o",
            str(elf),
            str(source),
        ],
        check=True,
        capture_output=True,
    )
    subprocess.run(
        [
            "qemu-system-i386",
            "-accel",
            "tcg",
            "-cpu",
            model,
            "-nodefaults",
            "-display",
            "none",
            "-kernel",
            str(elf),
            "-debugcon",
            f"file:{out}",
            "-device",
            "isa-debug-exit,iobase=0xf4,iosize=4",
        ],
        timeout=60,
        capture_output=True,
    )
    eax, edx = struct.unpack("<II", out.read_bytes())
    ours = cpuid(model, 1)
    assert ours[0] == eax
    assert ours[3] & ~VME == edx & ~VME, f"ours {ours[3]:08x}, QEMU {edx:08x}"


def test_every_model_has_what_its_features_need():
    for name, model in models().items():
        assert parse_cpu(name).feat == model.feat, name
    assert set(DEPENDS) | {n for needs in DEPENDS.values() for n in needs} <= set(FEATURES)


@pytest.mark.parametrize("text, there, gone", [
    ("max,-aes", "pclmulqdq", "aes"), ("max,-sse3", "sse2", "sse4.2"), ("qemu64,+popcnt,+aes", "aes", "avx"),
    ("max,lm=off", "sse4.2", "cx16"), ("max,sse4_1=off", "ssse3", "sse4.2"), ("qemu64,+lzcnt", "abm", "bmi1"),
    ("max,-avx2,check", "sse2", "avx2"),
])
def test_features_on_the_command_line(text, there, gone):
    cpu = parse_cpu(text)
    assert there in cpu.features and gone not in cpu.features


@pytest.mark.parametrize("text, words", [
    ("max,+avx2", "not implemented"), ("max,+sse5", "did you mean 'sse"), ("max,-sse,+sse2", "needs sse"), ("max,aes", None),
    ("max,vendor=GenuineIntel", "vendor cannot be set"), ("qemu46", "did you mean 'qemu64'"), ("486,+lm", "lm needs"),
    ("max,aes=maybe", "write +NAME"), ("max,", "not a feature"),
])
def test_bad_features_fail_with_advice(text, words):
    if words is None:
        parse_cpu(text)
        return
    with pytest.raises(ConfigError) as caught:
        parse_cpu(text)
    assert words in str(caught.value)
