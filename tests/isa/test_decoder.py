"""The decoder: fields of an Insn by hand-made cases, and lengths, validity and operands against capstone.

What capstone does not know, or knows otherwise than the SDM, is listed in EXPLAINED with the reason.
"""
import random

import pytest
from emu_core_pyx.decode.decoder import Decoder

from emu_core_pyx.decode import tables

MODE = {16: 4, 32: 5, 64: 6 | 0x100}    # protected mode
REAL16, V86, NOFPU, EM, NOSSE = 0, 8, 0x10, 0x20, 0x40
ZERO, RIP, NEED_MORE, TOO_LONG = 16 * 8, 17 * 8, -1, -2
LOCK, REP, REPNE, ADDR16, ADDR32, SEGOVR = 1, 2, 4, 8, 16, 32
ES, CS, SS, DS, FS, GS = range(6)
FEATURES = tables.FEATURES


@pytest.fixture(scope="module")
def decoder():
    return Decoder.with_every_handler()


# name/size, then fields that must hold
CASES = [
    (32, "01d8", "add_rr/4", {"dst": 0, "src": 24, "osz": 4}),
    (32, "6601d8", "add_rr/2", {}),
    (16, "01d8", "add_rr/2", {}),
    (64, "4d01d8", "add_rr/8", {"dst": 64, "src": 88}),
    (32, "0118", "add_mr/4", {"src": 24, "base": 0, "index": ZERO, "scale": 1, "disp": 0, "seg": DS}),
    (32, "00e3", "add_rr/1", {"dst": 24, "src": 1}),
    (64, "4000e3", "add_rr/1", {"dst": 24, "src": 32}),
    (32, "05fbffffff", "add_ri/4", {"imm": -5}),
    (32, "6605fbff", "add_ri/2", {"imm": -5}),
    (64, "4805fbffffff", "add_ri/8", {"imm": -5}),
    (32, "83c0fb", "add_ri/4", {"imm": -5}),
    (32, "83442408fb", "add_mi/4", {"imm": -5, "base": 32, "disp": 8, "seg": SS}),
    (32, "8b448d10", "mov_rm/4", {"base": 40, "index": 8, "scale": 4, "disp": 16, "seg": SS}),
    (32, "8b048d10000000", "mov_rm/4", {"base": ZERO, "index": 8, "scale": 4, "disp": 16, "seg": DS}),
    (32, "648b4500", "mov_rm/4", {"seg": FS, "flags": ADDR32 | SEGOVR}),
    (32, "a144332211", "mov_rm/4", {"base": ZERO, "disp": 0x11223344, "dst": 0}),
    (32, "67a14433", "mov_rm/4", {"disp": 0x3344, "amask": 0xFFFF}),
    (16, "8b02", "mov_rm/2", {"base": 40, "index": 48, "seg": SS, "amask": 0xFFFF, "flags": ADDR16}),
    (16, "8b01", "mov_rm/2", {"base": 24, "index": 56, "seg": DS}),
    (16, "8b06fe7f", "mov_rm/2", {"base": ZERO, "index": ZERO, "disp": 0x7FFE, "seg": DS}),
    (16, "8b46fe", "mov_rm/2", {"base": 40, "index": ZERO, "disp": -2, "seg": SS}),
    (16, "8b04", "mov_rm/2", {"base": 48, "index": ZERO}),
    (16, "8b05", "mov_rm/2", {"base": 56}),
    (16, "8b07", "mov_rm/2", {"base": 24}),
    (16, "678b0424", "mov_rm/2", {"base": 32, "seg": SS, "amask": 0xFFFFFFFF, "flags": ADDR32}),
    (64, "488b0510000000", "mov_rm/8", {"base": RIP, "disp": 0x17, "amask": 2**64 - 1}),
    (64, "678b0510000000", "mov_rm/4", {"base": RIP, "disp": 0x17, "amask": 0xFFFFFFFF}),
    (64, "438b44a5ff", "mov_rm/4", {"base": 13 * 8, "index": 12 * 8, "scale": 4, "disp": -1, "seg": DS}),
    (64, "362e8b45ff", "mov_rm/4", {"seg": SS, "flags": 0}),
    (64, "488b042500000080", "mov_rm/8", {"base": ZERO, "disp": -0x80000000}),
    (64, "48b88877665544332211", "mov_ri64/8", {"imm": 0x55667788, "disp": 0x11223344, "dst": 0}),
    (64, "48a1887766ffffffffff", "mov_rm/8", {"disp": -0x998878}),
    (64, "a1ff000080ffffffff", "mov_rm/4", {"disp": -0x7FFFFF01}),
    (64, "a1ff00008000000000", "movabs_rm/4", {"disp": -0x7FFFFF01, "imm": 0}),
    (64, "a3ff000000ff000000", "movabs_mr/4", {"disp": 0xFF, "imm": 0xFF}),
    (64, "a2ff000000ff000000", "movabs_mr/1", {}),
    (32, "c7042401000000", "mov_mi/4", {"imm": 1}),
    (32, "b4ff", "mov_ri/1", {"dst": 1}),
    (64, "41b4ff", "mov_ri/1", {"dst": 96}),
    (32, "0fb6c4", "movzx8_rr/4", {"dst": 0, "src": 1}),
    (64, "490fbf01", "movsx16_rm/8", {"base": 72, "dst": 0}),
    (64, "4863c1", "movsx32_rr/8", {"src": 8}),
    (32, "63c1", "arpl_rr/2", {"dst": 8, "src": 0}),
    (32, "69c10a000000", "imul_rri/4", {"dst": 0, "src": 8, "imm": 10}),
    (32, "0fa4c108", "shld_rri/4", {"dst": 8, "src": 0, "imm": 8}),
    (32, "0fad01", "shrd_mrc/4", {"src": 0, "base": 8}),
    (32, "d1e0", "shl_ri/4", {"imm": 1}),
    (32, "c1f0ff", "shl_ri/4", {"imm": 255}),
    (32, "d318", "rcr_mc/4", {}),
    (32, "f6c880", "test_ri/1", {"imm": -128}),
    (32, "f7d9", "neg_r/4", {"dst": 8}),
    (32, "ebfe", "jmp_j/4", {"imm": 0, "ends": True}),
    (32, "e8fbffffff", "call_j/4", {"imm": 0, "ends": True}),
    (32, "66e9fcff", "jmp_j/2", {"imm": 0}),
    (64, "66e9fbffffff", "jmp_j/8", {"imm": 1}),
    (32, "7510", "jnz_j/4", {"imm": 18, "x": 5, "ends": True}),
    (32, "0f8f00000000", "jg_j/4", {"x": 15}),
    (64, "e310", "jcxz_j/8", {"imm": 18}),
    (32, "0f94c4", "setz_r/1", {"dst": 1, "x": 4}),
    (32, "0f4cc1", "cmovl_rr/4", {"dst": 0, "src": 8, "x": 12}),
    (32, "ff10", "call_m/4", {"ends": True}),
    (64, "ffd0", "call_r/8", {"ends": True}),
    (32, "9a112233445566", "callf_p/4", {"imm": 0x44332211, "disp": 0x6655, "ends": True}),
    (16, "ea11223344", "jmpf_p/2", {"imm": 0x2211, "disp": 0x4433}),
    (32, "ff28", "jmpf_m/4", {"ends": True}),
    (32, "c20800", "ret_i/4", {"imm": 8, "ends": True}),
    (32, "c3", "ret/4", {"ends": True}),
    (64, "66c3", "ret/8", {}),
    (64, "48cb", "retf/8", {}),
    (32, "cf", "iret/4", {"ends": True}),
    (32, "cd80", "int_i/0", {"imm": 0x80, "ends": True}),
    (32, "c8340200", "enter/4", {"imm": 0x234, "disp": 0}),
    (32, "50", "push_r/4", {"dst": 0}),
    (64, "4150", "push_r/8", {"dst": 64}),
    (64, "6650", "push_r/2", {}),
    (32, "6aff", "push_i/4", {"imm": -1}),
    (64, "68ffffffff", "push_i/8", {"imm": -1, "len": 5}),
    (64, "6668ffff", "push_i/2", {"len": 4}),
    (32, "16", "push_s/4", {"x": SS, "ends": False}),
    (32, "17", "pop_s/4", {"x": SS, "ends": True}),
    (64, "0fa1", "pop_s/8", {"x": FS, "ends": False}),
    (32, "8ed0", "mov_sr/2", {"x": SS, "src": 0, "ends": True}),
    (32, "8e18", "mov_sm/2", {"x": DS, "ends": False}),
    (32, "8cd8", "mov_rs/4", {"x": DS, "dst": 0}),
    (32, "8c18", "mov_ms/2", {"x": DS}),
    (32, "0fb20e", "lseg_rm/4", {"x": SS, "dst": 8}),
    (32, "c506", "lseg_rm/4", {"x": DS}),
    (32, "0f22d8", "mov_Cr/4", {"x": 3, "src": 0, "ends": True}),
    (32, "0f2018", "mov_rC/4", {"x": 3, "dst": 0, "ends": False, "len": 3}),
    (64, "440f20c0", "mov_rC/8", {"x": 8}),
    (32, "0f23f8", "mov_Dr/4", {"x": 7, "ends": True}),
    (32, "f3a4", "rep_movs/1", {"flags": REP | ADDR32}),
    (32, "f2a4", "rep_movs/1", {}),
    (32, "66f3a5", "rep_movs/2", {}),
    (64, "f348a5", "rep_movs/8", {}),
    (32, "f3a6", "repz_cmps/1", {}),
    (32, "f2af", "repnz_scas/4", {"flags": REPNE | ADDR32}),
    (32, "64ac", "lods/1", {"seg": FS}),
    (32, "6f", "outs/4", {"seg": DS}),
    (64, "486d", "ins/4", {}),
    (32, "e460", "in_ri/1", {"imm": 0x60}),
    (32, "e7f0", "out_ir/4", {"imm": 0xF0}),
    (32, "66ed", "in_rd/2", {}),
    (32, "ee", "out_dr/1", {}),
    (32, "90", "nop/0", {}),
    (32, "f390", "pause/0", {}),
    (64, "4190", "xchg_rr/4", {"dst": 64, "src": 0}),
    (32, "91", "xchg_rr/4", {"dst": 8, "src": 0}),
    (32, "0f1f440000", "nop_m/4", {}),
    (32, "0fc8", "bswap_r/4", {}),
    (32, "f00fc70e", "cmpxchg8b_m/8", {"flags": LOCK | ADDR32}),
    (64, "480fc70e", "cmpxchg16b_m/16", {}),
    (32, "0f0118", "lidt_m/4", {}),
    (64, "0f0118", "lidt_m/8", {}),
    (32, "0f0138", "invlpg_m/0", {"ends": True}),
    (64, "0f01f8", "swapgs/0", {}),
    (32, "f3ab", "rep_stos/4", {}),
    (32, "d9c1", "fld_t/0", {"x": 1, "imm": 0x1C1}),
    (32, "dcc3", "fadd_t0/0", {"x": 3}),
    (32, "d8c3", "fadd_0t/0", {"x": 3}),
    (32, "dee9", "fsubp_t0/0", {"x": 1, "imm": 0x6E9}),
    (32, "dd4508", "fld_m64/0", {"seg": SS, "imm": 0x545}),
    (32, "66d920", "fldenv_m/2", {}),
    (32, "dfe0", "fnstsw_a/2", {}),
    (32, "0f58c1", "addps_xx/0", {"dst": 0, "src": 1}),
    (64, "66450f58c1", "addpd_xx/0", {"dst": 8, "src": 9}),
    (32, "f20f2ac1", "cvtsi2sd_xr/4", {"dst": 0, "src": 8}),
    (64, "f2480f2ac1", "cvtsi2sd_xr/8", {}),
    (64, "f24c0f2cc1", "cvttsd2si_rx/8", {"dst": 64, "src": 1}),
    (32, "660f6ec0", "movd_xr/4", {}),
    (64, "66480f7ec0", "movd_rx/8", {}),
    (32, "0f6f08", "movq_pm/0", {"dst": 1}),
    (32, "660f73f904", "pslldq_xi/0", {"dst": 1, "imm": 4}),
    (32, "0f71d104", "psrlw_pi/0", {"dst": 1, "imm": 4}),
    (32, "660fc5c901", "pextrw_rxi/0", {"dst": 8, "src": 1, "imm": 1}),
    (32, "0fc6c1ff", "shufps_xxi/0", {"imm": 255}),
    (32, "0fae38", "clflush_m/0", {}),
    (32, "0faee8", "lfence/0", {}),
    (32, "f30fb8c1", "popcnt_rr/4", {}),
    (32, "66f20f38f1c1", "crc32_rr/2", {"dst": 0, "src": 8}),
]


@pytest.mark.parametrize(("bits", "code", "name", "fields"), CASES, ids=[f"{c[1]}@{c[0]}" for c in CASES])
def test_fields(decoder, bits, code, name, fields):
    got = decoder.decode(bytes.fromhex(code) + b"\0" * 15, MODE[bits])
    where, size = name.split("/")
    assert (got["name"], got["osz"]) == (where, int(size))
    assert {k: got[k] for k in fields} == fields


UNDEFINED = [
    (32, "0f0b", 0), (32, "f001c8", 0), (32, "f08b00", 0), (32, "f03900", 0), (32, "8dc0", 0), (32, "c4c0", 0), (32, "0fc7c8", 0),
    (32, "8ec8", 0), (32, "8ef0", 0), (32, "8ce8" "00", 1), (32, "8cf0", 0), (32, "f0f390", 0), (32, "d9d1", 0), (32, "ffff", 0),
    (32, "fef0", 0), (32, "c6c800", 0), (32, "8fc8", 0), (32, "0f01e8", 0), (32, "0f0104", 1), (32, "0fae00", 1),
    (32, "f30f14c1", 0),
    (64, "06", 0), (64, "27", 0), (64, "60", 0), (64, "9a", 0), (64, "82c000", 0), (64, "c406", 0), (64, "ce", 0),
    (64, "d400", 0),
    (64, "d6", 0), (64, "ea", 0), (64, "62", 0), (32, "0f01f8", 0), (32, "f00fb000", 1), (32, "f0a4", 0), (32, "f0f7d0", 0),
    (32, "f0c8000000", 0), (32, "660f77", 0), (32, "0f0f", 0), (32, "0f04", 0), (32, "0f38ff", 0), (32, "0f3aff", 0),
]


@pytest.mark.parametrize(("bits", "code", "valid"), UNDEFINED)
def test_undefined(decoder, bits, code, valid):
    got = decoder.decode(bytes.fromhex(code) + b"\0" * 13, MODE[bits])
    assert (got["name"] != "ud") == valid
    assert valid or (got["op"] == 0 and got["ends"])


def test_invalid_outside_protected_mode(decoder):
    for code in ("0f00d8", "0f00c0", "0f02c1", "0f03c1", "0f00e0", "63c1"):
        for mode in (REAL16, V86, V86 | 4, V86 | 1):
            assert decoder.decode(bytes.fromhex(code), mode)["name"] == "ud"
        assert decoder.decode(bytes.fromhex(code), MODE[16])["name"] != "ud"
    assert decoder.decode(b"\x0f\x01\x18", REAL16)["name"] == "lidt_m"


@pytest.mark.parametrize(("code", "nofpu", "em_ts", "nosse"), [
    ("d9c0", "nm", "nm", "fld_t"), ("9b", "fwait", "fwait", "fwait"), ("0f6fc0", "nm", "ud", "movq_pp"),
    ("0f77", "nm", "ud", "emms"),
    ("0f58c0", "nm", "ud", "ud"), ("660f6fc0", "nm", "ud", "ud"), ("0fae10", "nm", "ud", "ud"),
    ("0fae00", "nm", "ud", "fxsave_m"),
    ("0faef8", "sfence", "sfence", "sfence"), ("0fc301", "movnti_mr", "movnti_mr", "movnti_mr"),
    ("0f1800", "nop_m", "nop_m", "nop_m"),
    ("0f2ac0", "nm", "ud", "ud"), ("f0d900", "ud", "ud", "ud"), ("d9d1", "ud", "ud", "ud"),
])
def test_cr0_and_cr4(decoder, code, nofpu, em_ts, nosse):
    """SDM 3A tables 2-2, 2-3: TS alone, EM, OSFXSR clear."""
    for bits, expect in ((NOFPU, nofpu), (NOFPU | EM, em_ts), (NOSSE, nosse)):
        got = decoder.decode(bytes.fromhex(code) + b"\0" * 5, MODE[32] | bits)
        assert got["name"] == expect
        assert got["ends"] == (expect in ("nm", "ud"))


def test_features(decoder):
    """A 486 has neither CMOV nor CMPXCHG8B nor MMX; TZCNT without BMI1 is BSF."""
    for code, feature in (("0f44c1", "CMOV"), ("0fc70e", "CX8"), ("0f6fc0", "MMX"), ("0f58c0", "SSE"), ("660f58c0", "SSE2"),
                          ("0f34", "SEP"), ("0f31", "TSC"), ("0f32", "MSR"), ("0fae00", "FXSR"),
                          ("d9c0", "FPU"), ("dac0", "FPU"), ("dac0", "CMOV"),
                          ("660fefc0", "SSE2"), ("0fefc0", "MMX"), ("0fdac0", "SSE"), ("660fdac0", "SSE2"), ("0fd4c0", "SSE2"),
                          ("f30fb8c0", "POPCNT"), ("0f1f00", "CMOV"), ("0fae38", "CLFSH"), ("0f05", "SYSCALL")):
        raw = bytes.fromhex(code)
        every = 2**64 - 1
        assert decoder.decode(raw, MODE[32], every)["name"] != "ud"
        assert decoder.decode(raw, MODE[32], every & ~FEATURES[feature])["name"] == "ud", code
    assert decoder.decode(b"\x0f\xa2", MODE[32], 0)["name"] == "cpuid"
    assert decoder.decode(b"\xf3\x0f\xbc\xc1", MODE[32], 0)["name"] == "bsf_rr"
    assert decoder.decode(b"\xf3\x0f\xbd\xc1", MODE[32], 0)["name"] == "bsr_rr"
    assert decoder.decode(b"\xf3\x0f\xbc\xc1", MODE[32])["name"] == "tzcnt_rr"


def test_needs_more_then_length(decoder):
    """Every proper prefix of an instruction asks for more."""
    for bits, code in ((32, "66f081848b443322117766"), (64, "48b88877665544332211"), (32, "9a112233445566"), (16, "c8340200"),
                       (32, "0f3a0fc107")):
        raw = bytes.fromhex(code)
        for k in range(len(raw)):
            assert decoder.decode(raw[:k], MODE[bits]) == NEED_MORE, (code, k)
        assert decoder.decode(raw, MODE[bits])["len"] == len(raw)


def test_too_long(decoder):
    """15 bytes are the limit (SDM 3A, 6.15, #GP)."""
    assert decoder.decode(b"\x66" * 14 + b"\x90", MODE[32])["len"] == 15
    assert decoder.decode(b"\x66" * 15 + b"\x90", MODE[32]) == TOO_LONG
    assert decoder.decode(b"\x66" * 14, MODE[32]) == NEED_MORE
    assert decoder.decode(b"\x2e" * 11 + b"\x81\xc0\0\0\0\0", MODE[32]) == TOO_LONG


def test_offset_in_block(decoder):
    """Relative operands are counted from the block's first byte."""
    assert decoder.decode(b"\xeb\xfe", MODE[32], off=100)["imm"] == 100
    assert decoder.decode(b"\xe8\0\0\0\0", MODE[32], off=100)["imm"] == 105
    assert decoder.decode(b"\x8b\x05\0\0\0\0", MODE[64], off=100)["disp"] == 106


def test_prefix_order(decoder):
    """The last of F2/F3 counts; REX only right before the opcode; the last segment override."""
    assert decoder.decode(b"\xf2\xf3\x0f\x58\xc1", MODE[32])["name"] == "addss_xx"
    assert decoder.decode(b"\xf3\xf2\x0f\x58\xc1", MODE[32])["name"] == "addsd_xx"
    assert decoder.decode(b"\xf3\x66\x0f\x58\xc1", MODE[32])["name"] == "addss_xx"
    assert decoder.decode(b"\x48\x66\x01\xc8", MODE[64])["osz"] == 2
    assert decoder.decode(b"\x66\x48\x01\xc8", MODE[64])["osz"] == 8
    assert decoder.decode(b"\x64\x3e\x8b\x00", MODE[32])["seg"] == DS


def test_vex(decoder):
    """VEX (SDM 2A 2.3): inverted R, X, B, vvvv; W; where it is LDS and LES; vvvv must be 1111 where nothing uses it."""
    got = decoder.decode(bytes.fromhex("c46288f2 4420 40".replace(" ", "")), MODE[64])
    assert got["name"] == "andn_rrm" and got["osz"] == 8
    assert (got["dst"], got["x"], got["base"], got["index"], got["disp"]) == (8 * 8, 14 * 8, 0, 128, 0x40)
    got = decoder.decode(bytes.fromhex("c442a8f2ff"), MODE[64])
    assert (got["name"], got["dst"], got["x"], got["src"], got["osz"]) == ("andn_rrr", 15 * 8, 10 * 8, 15 * 8, 8)
    got = decoder.decode(bytes.fromhex("c4e2f8f2ff"), MODE[32])
    assert (got["name"], got["dst"], got["x"], got["src"], got["osz"]) == ("andn_rrr", 7 * 8, 0, 7 * 8, 4)
    assert decoder.decode(bytes.fromhex("c4e2a8f2ff"), MODE[32])["x"] == 2 * 8
    for bits in (32, 64):
        assert decoder.decode(bytes.fromhex("c4e37bf0c105"), MODE[bits])["name"] == "rorx_rri"
        assert decoder.decode(bytes.fromhex("c4e36bf0c105"), MODE[bits])["name"] == "ud"       # vvvv
        assert decoder.decode(bytes.fromhex("c4e37ff0c105"), MODE[bits])["name"] == "ud"       # L
        assert decoder.decode(bytes.fromhex("66c4e37bf0c105"), MODE[bits])["name"] == "ud"
        assert decoder.decode(bytes.fromhex("c4ff7bf0c105"), MODE[bits])["name"] == "ud"       # no such map
    assert decoder.decode(bytes.fromhex("c40410"), MODE[32])["name"] == "lseg_rm"
    assert decoder.decode(bytes.fromhex("c4e2f8f2ff"), MODE[32] & 3)["name"] == "ud"           # real mode
    assert decoder.decode(bytes.fromhex("c4e2f8f2ff"), MODE[32] & 3 | 8)["name"] == "ud"       # virtual-8086 mode
    raw = bytes.fromhex("c4e37bf0c105")
    assert [decoder.decode(raw[:k], MODE[32]) for k in range(6)] == [NEED_MORE] * 6


def test_every_row_is_reachable(decoder):
    """Each row decodes from some bytes (tables without dead rows)."""
    rng = random.Random(7)
    seen = set()
    for bits in (32, 64):
        for escape in (b"", b"\x0f", b"\x0f\x38", b"\x0f\x3a"):
            for prefix in (b"", b"\x66", b"\xf3", b"\xf2"):
                for rex in (b"", b"\x48", b"\x41") if bits == 64 else (b"",):
                    for op in range(256):
                        every = escape in (b"", b"\x0f") and (op >= 0xD8 or op in (0xAE, 1))
                        modrms = range(256) if every else (*range(0, 64, 8), *range(192, 256, 8))
                        for modrm in modrms:
                            got = decoder.decode(prefix + rex + escape + bytes([op, modrm]) + rng.randbytes(12), MODE[bits])
                            seen.add(got["op"] if isinstance(got, dict) else 0)
        for pp in range(4):
            for mmmmm in (1, 2, 3):
                for op in range(256):
                    for modrm in (*range(0, 64, 8), *range(192, 256, 8)):
                        got = decoder.decode(bytes([0xC4, 0xE0 | mmmmm, 0x78 | pp, op, modrm]) + rng.randbytes(12), MODE[bits])
                        seen.add(got["op"] if isinstance(got, dict) else 0)
    dead = [repr(tables.ROWS[k]) for k in range(2, len(tables.ROWS)) if k not in seen and tables.ROWS[k].mnemonic != "ud"]
    # F3 and F2 of MOV moffs etc. never differ; UD rows report op 0
    assert dead == []


# -- capstone ---------------------------------------------------------------------------------------------

# extensions we do not have, beside VEX, EVEX, XOP and 3DNow!
FOREIGN = frozenset("""
    clflushopt clgi clrssbsy clui clwb clzero encls enclu enclv enqcmd enqcmds extrq femms getsec gf2p8affineinvqb gf2p8affineqb
    gf2p8mulb incsspd incsspq insertq invept invlpga invvpid monitorx montmul movdir64b movdiri movntsd movntss mwaitx pconfig
    ptwrite rdpkru rdpru rdsspd rdsspq rstorssp saveprevssp senduipi setssbsy skinit stgi stui testui tpause uiret umonitor umwait
    vmcall vmclear vmfunc vmlaunch vmload vmmcall vmptrld vmptrst vmread vmresume vmrun vmsave vmwrite vmxoff vmxon
    wbnoinvd wrpkru wrssd wrssq wrussd wrussq xabort xbegin xcryptcbc xcryptcfb xcryptctr xcryptecb xcryptofb xend
    xrstors xrstors64
    xsavec xsavec64 xsaveopt xsaveopt64 xsaves xsaves64 xsha1 xsha256 xstore xtest
""".split())
# rows capstone does not know: undocumented x87 aliases, hint NOPs, fences with rm != 0
ALIASES = {"DC.D0+i", "DC.D8+i", "DD.C8+i", "DE.D0+i", "DF.C8+i", "DF.D0+i", "DF.D8+i",
           "0F0D", "0F18", "0F19", "0F1A", "0F1B", "0F1C", "0F1D", "0F1E", "NP:0FAE/5", "NP:0FAE/6", "NP:0FAE/7"}


def explained(bits, raw, ours, op, theirs):
    """Why the two disagree, or None."""
    mnemonic = theirs[2].removeprefix("lock ").removeprefix("bnd ").removeprefix("notrack ") if theirs else ""
    prefixes = set()
    k = 0
    while raw[k] in (0x66, 0x67, 0xF2, 0xF3, 0xF0, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65) or bits == 64 and raw[k] & 0xF0 == 0x40:
        prefixes.add(raw[k])
        k += 1
    mandatory = prefixes & {0x66, 0xF2, 0xF3}
    row = tables.ROWS[op]
    if ours is None:
        if 0xF0 in prefixes:
            return "LOCK on a register form or an instruction that cannot be locked: capstone is lenient"
        if raw[k] in (0x62, 0x8F, 0xC4, 0xC5) or raw[k:k + 2] == b"\x0f\x0f":
            return "EVEX, XOP, VEX, 3DNow!"
        if mnemonic in FOREIGN:
            return "extension not emulated"
        if mnemonic in ("ud0", "ud1", "ud2"):
            return "defined to be undefined"
        if mnemonic == "mov" and raw[k] == 0x8E:
            return "MOV CS"
        if mandatory and raw[k] == 0x0F:
            return "66/F2/F3 on an instruction that has no such form (NP): capstone ignores the prefix"
    elif theirs is None:
        if row.opcode in ALIASES:
            return "undocumented alias, or hint"
        if mandatory and (bits == 16 or len(prefixes) > 1 or row.prefix is None):
            return "capstone confuses operand-size and mandatory prefixes"
        if row.mnemonic in ("movsx32", "pause") and 0x67 in prefixes:
            return "capstone refuses 67 here"
        if row.mnemonic == "sysret":
            return "capstone: only in 64-bit mode"
    elif bits == 64 and 0x66 in prefixes and (row.name(False) or "").endswith(("_j", "ret_i")):
        return "66 on near branches in 64-bit mode: ignored (Intel), 16 bits (AMD, capstone)"
    return None


def random_code(rng, bits, wild):
    out = bytearray()
    while rng.random() < 0.3:
        out.append(rng.choice((0x66, 0x67, 0xF2, 0xF3, 0xF0, 0x2E, 0x36, 0x64, 0x65, 0x26, 0x3E)))
        if not wild:
            break
    if bits == 64 and rng.random() < 0.3:
        out.append(rng.randrange(0x40, 0x50))
    escape = rng.random()
    if escape < 0.35:
        out.append(0x0F)
    elif escape < 0.45:
        out += b"\x0f\x38"
    elif escape < 0.5:
        out += b"\x0f\x3a"
    elif escape < 0.6:
        out.append(rng.randrange(0xD8, 0xE0))
    return bytes(out + rng.randbytes(15))[:15]


@pytest.mark.parametrize("wild", [False, True], ids=["one prefix", "many prefixes"])
@pytest.mark.parametrize("bits", [16, 32, 64])
def test_lengths_and_validity_against_capstone(decoder, bits, wild):
    capstone = pytest.importorskip("capstone")
    md = capstone.Cs(capstone.CS_ARCH_X86, {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}[bits])
    rng = random.Random(bits * 2 + wild)
    reasons, wrong, total = {}, [], 60000
    for _ in range(total):
        raw = random_code(rng, bits, wild)
        got = decoder.decode(raw, MODE[bits])
        op = got["op"] if isinstance(got, dict) else 0
        ours = got["len"] if op else None
        theirs = next(md.disasm_lite(raw, 0, 1), None)
        if ours == (theirs[1] if theirs else None):
            continue
        why = explained(bits, raw, ours, op, theirs)
        reasons[why] = reasons.get(why, 0) + 1
        if why is None:
            wrong.append((raw.hex(), ours, repr(tables.ROWS[op]), theirs))
    assert wrong[:20] == []
    assert sum(reasons.values()) < total * (0.2 if wild else 0.1), reasons


GPR = {}
for _n, _names in enumerate(("al ax eax rax", "cl cx ecx rcx", "dl dx edx rdx", "bl bx ebx rbx", "spl sp esp rsp",
                             "bpl bp ebp rbp", "sil si esi rsi", "dil di edi rdi")):
    GPR.update(dict.fromkeys(_names.split(), _n * 8))
for _n in range(8, 16):
    GPR.update({f"r{_n}{s}": _n * 8 for s in ("b", "w", "d", "")})
GPR.update({"ah": 1, "ch": 9, "dh": 17, "bh": 25, "rip": RIP, "eip": RIP, "riz": ZERO, "eiz": ZERO})
SEGMENTS = {name: k for k, name in enumerate(("es", "cs", "ss", "ds", "fs", "gs"))}


# capstone lists operands of these that have no place in an Insn, or in another order
IMPLIED = {"nop", "xlat", "enter", "callf", "jmpf", "aam", "aad", "maskmovq", "maskmovdqu"}


def expected_register(name):
    if name in GPR:
        return GPR[name]
    if name.startswith(("xmm", "mm")):
        return int(name.lstrip("xm"))
    return None


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_operands_against_capstone(decoder, bits):
    """Register numbers, address parts and immediates of what both decode."""
    capstone = pytest.importorskip("capstone")
    from capstone import x86
    md = capstone.Cs(capstone.CS_ARCH_X86, {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}[bits])
    md.detail = True
    rng = random.Random(bits)
    wrong, compared = [], 0
    for _ in range(25000):
        raw = random_code(rng, bits, False)
        got = decoder.decode(raw, MODE[bits])
        insn = next(md.disasm(raw, 0, 1), None)
        if isinstance(got, int) or not got["op"] or insn is None or got["len"] != insn.size:
            continue
        row = tables.ROWS[got["op"]]
        ops = list(insn.operands)
        memory = [o for o in ops if o.type == x86.X86_OP_MEM]
        if row.string or row.mnemonic in IMPLIED or row.fclass == 1 and not memory:
            continue
        differs = []
        if memory:
            mem = memory[0].mem
            base = GPR[insn.reg_name(mem.base)] if mem.base else ZERO
            index = GPR[insn.reg_name(mem.index)] if mem.index else ZERO
            mask = got["amask"]
            disp = got["disp"] - (got["len"] if base == RIP else 0)
            if got["name"].startswith("movabs"):
                disp = (got["disp"] & 0xFFFFFFFF) | got["imm"] << 32
            pair = {(base, 1), (index, mem.scale)} - {(ZERO, 1)}
            mine = {(got["base"], 1), (got["index"], got["scale"])} - {(ZERO, 1)}
            if {p for p in pair if p[0] != ZERO} != {p for p in mine if p[0] != ZERO} or (disp - mem.disp) & mask:
                differs.append(("mem", base, index, mem.scale, hex(mem.disp)))
            segment = SEGMENTS[insn.reg_name(mem.segment)] if mem.segment else None
            if bits == 64 and segment not in (FS, GS):
                segment = None      # ignored: an FS before it stays in force
            if segment is not None and got["flags"] & SEGOVR and segment != got["seg"]:
                differs.append(("seg", segment))
        places = iter(("dst", "src"))
        for letter, o in zip(row.letters, ops, strict=False):
            place = next(places, None)
            if o.type == x86.X86_OP_REG and place:
                number = expected_register(insn.reg_name(o.reg))
                kind = getattr(row, place)
                if kind and number is not None and got[place] != number:
                    differs.append((place, insn.reg_name(o.reg)))
            elif o.type == x86.X86_OP_IMM and row.imm and letter[0] in ("i", "j", "i64"):
                value = got["imm"] if letter[0] != "i64" else (got["imm"] & 0xFFFFFFFF) | got["disp"] << 32
                width = 8 * (got["osz"] or 1) if letter[0] == "j" or got["osz"] in (1, 2, 4) else 64
                width = 16 if bits == 16 and letter[0] == "j" else width
                if letter[0] == "j" and 0x67 in raw[:2]:
                    continue    # capstone cuts the target to the address size
                width = min(width, {1: 8, 2: 8, 3: 16}.get(row.imm, 64))
                if (value - o.imm) & ((1 << width) - 1):
                    differs.append(("imm", hex(o.imm)))
        compared += 1
        if differs:
            wrong.append((raw.hex(), insn.mnemonic, insn.op_str, differs, got))
    assert wrong[:5] == [], len(wrong)
    assert compared > 10000


def test_names_follow_the_rule():
    """Names are mnemonic + letters of the README; sizes are the eleven possible ones."""
    for name, size in tables.required_handlers():
        assert size in (0, 1, 2, 4, 8, 16), (name, size)
        assert name == name.strip("_")
