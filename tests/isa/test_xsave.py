"""XCR0, CR4.OSXSAVE and the XSAVE instructions' faults (SDM vol. 1, ch. 13); what they save is compared in test_simd_later.py."""
import pytest
from emu_core_pyx.engine import Engine

UD, NM, GP = 6, 7, 13
CODE, AREA, IDT, GDT, HALT = 0x1000, 0x4000, 0x5000, 0x6000, 0x7000
XSAVE, XRSTOR, XGETBV, XSETBV = "0fae26", "0fae2e", "0f01d0", "0f01d1"


def run(code, *, cr4=0x40600, cr0=0x11, xcr0=3, area=b"", eax=3, edx=0, ecx=0, esi=AREA):
    """Ring 0, flat, all exceptions to a HLT: (first vector or None, engine)."""
    e = Engine(1 << 20)
    e.mem.write(CODE, bytes.fromhex(code) + b"\xfa\xf4")    # CLI; HLT
    e.mem.write(AREA, area.ljust(1024, b"\0"))
    e.mem.write(IDT, (0x8E0000080000 + HALT).to_bytes(8, "little") * 32)
    e.mem.write(GDT, (0).to_bytes(8, "little") + (0x00CF9B000000FFFF).to_bytes(8, "little"))
    e.mem.write(HALT, b"\xf4")
    e.enter_protected(CODE, 0x8000, gdt_base=GDT, gdt_limit=15, eax=eax, edx=edx, ecx=ecx, esi=esi)
    e.set_regs(idt_base=IDT, idt_limit=255, cr4=cr4, cr0=cr0, xcr0=xcr0)
    assert e.run(10).reason == "hang"
    log = e.exceptions()
    return (log[0]["vector"] if log else None), e


def image(bv=3, xcomp=0, mxcsr=0x1F80, rest=0):
    area = bytearray(576)
    area[0:2] = b"\x7f\x03"
    area[24:28] = mxcsr.to_bytes(4, "little")
    area[512:520] = bv.to_bytes(8, "little")
    area[520:528] = xcomp.to_bytes(8, "little")
    area[528:536] = rest.to_bytes(8, "little")
    return bytes(area)


@pytest.mark.parametrize("eax, edx, ecx, vector", [
    (1, 0, 0, None), (3, 0, 0, None), (0, 0, 0, GP), (2, 0, 0, GP), (7, 0, 0, GP), (3, 1, 0, GP), (3, 0, 1, GP),
    (0x80000003, 0, 0, GP),
])
def test_xsetbv(eax, edx, ecx, vector):
    got, e = run(XSETBV + "31c90f01d0", eax=eax, edx=edx, ecx=ecx)
    assert got == vector
    if vector is None:
        assert (e.regs()["eax"], e.regs()["edx"]) == (eax, 0)


def test_xcr0_after_reset_is_x87_only():
    assert run(XGETBV, xcr0=0)[1].regs()["eax"] == 1


@pytest.mark.parametrize("code", [XSAVE, XRSTOR, XGETBV, XSETBV])
def test_undefined_without_osxsave(code):
    assert run(code, cr4=0x600)[0] == UD
    assert run("f0" + code)[0] == UD    # LOCK


@pytest.mark.parametrize("code", [XSAVE, XRSTOR])
def test_faults_of_access(code):
    assert run(code, cr0=0x19, area=image())[0] == NM       # TS
    assert run(code, cr0=0x15, area=image())[0] is None     # EM does not matter
    assert run(code, area=image(), esi=AREA + 16)[0] == GP


def test_xgetbv_knows_no_other_register():
    assert run(XGETBV, ecx=1)[0] == GP


@pytest.mark.parametrize("fields, vector", [
    ({}, None), ({"bv": 0}, None), ({"bv": 4}, GP), ({"bv": 1 << 62}, GP), ({"xcomp": 1 << 63}, GP), ({"xcomp": 1}, GP),
    ({"rest": 1}, GP), ({"mxcsr": 0x10000}, GP),
])
def test_xrstor_checks_its_header(fields, vector):
    assert run(XRSTOR, area=image(**fields))[0] == vector


def test_components_outside_xcr0_are_left_alone():
    """XCR0 = 1: SSE is neither saved nor restored, and its bit in the header is refused."""
    before = bytes([0xAA]) * 576
    _, e = run(XSAVE, xcr0=1, area=before[:512] + bytes(64))
    after = e.mem.read(AREA, 576)
    assert after[24:32] == before[24:32] and after[160:512] == before[160:512]
    assert after[512:520] == (1).to_bytes(8, "little")
    assert run(XRSTOR, xcr0=1, area=image(bv=3))[0] == GP
    assert run(XRSTOR, xcr0=1, area=image(bv=1, mxcsr=0x10000))[0] is None


def test_cpuid_mirrors_osxsave():
    for cr4 in (0x600, 0x40600):
        _, e = run("b8010000000fa2", cr4=cr4)
        assert e.regs()["ecx"] >> 27 & 1 == (cr4 == 0x40600)


def test_random_numbers_follow_the_seed():
    def draw(seed):
        e = Engine(1 << 20)
        e.set_regs(rng=seed)
        e.mem.write(CODE, bytes.fromhex("0fc7f00fc7fbfaf4"))
        e.enter_protected(CODE, 0x8000)
        e.run(10)
        return e.regs()["eax"], e.regs()["ebx"]

    assert draw(1) == draw(1) != draw(2)
