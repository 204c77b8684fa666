"""16-bit code in real mode against unicorn: 16-bit addressing, SP/SI/DI/CX/IP wrap-around, operand-size prefixes.

Registers, IP and memory are compared, flags are not (test_integer_semantics.py has them, and unicorn's undefined
ones differ from hardware's).  Cases that fault in ours are left out: unicorn has no segment limits.
"""
import numpy as np
import pytest
from integer_cases import forms_modrm

NAMES = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
CODE = 0x1000
SEGMENTS = {"ds": 0x1000, "es": 0x2000, "ss": 0x3000}
SKIP_KINDS = ("div", "bound", "scan", "cmpxchg8b")


class Pair:
    """The same real-mode machine in both."""

    def __init__(self):
        unicorn = pytest.importorskip("unicorn")
        from emu_core_pyx.engine import Engine
        from unicorn import x86_const as x
        self.uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_16)
        self.uc.mem_map(0, 0x100000)
        self.reg = {n: getattr(x, "UC_X86_REG_" + n.upper()) for n in NAMES + ("eflags", "eip", "ds", "es", "ss", "cs")}
        self.engine = Engine(1 << 20, "max", "tlb")
        rng = np.random.default_rng(3)
        data = rng.integers(0, 256, 0x30000, dtype=np.uint8).tobytes()
        self.uc.mem_write(0x10000, data)
        self.engine.mem.write(0x10000, data)
        self.start()
        for name, sel in SEGMENTS.items():
            self.uc.reg_write(self.reg[name], sel)
        self.uc.reg_write(self.reg["cs"], 0)

    def run(self, code, gpr, eflags, count, at=CODE):
        """None, or what differs."""
        from unicorn import UcError
        before = self.engine.counters()["deliveries"]
        snapshot = self.engine.mem.read(0x10000, 0x30000)
        self.engine.mem.write(at, code)
        self.engine.flush_code()
        self.engine.set_regs(eip=at, eflags=eflags, **dict(zip(NAMES, (int(v) for v in gpr), strict=True)))
        self.engine.run(count)
        if self.engine.counters()["deliveries"] != before:
            self.engine.mem.write(0x10000, snapshot)
            self.start()
            return None
        self.uc.mem_write(at, code)
        self.uc.ctl_flush_tb()
        for n, v in zip(NAMES, gpr, strict=True):
            self.uc.reg_write(self.reg[n], int(v))
        self.uc.reg_write(self.reg["eflags"], eflags)
        try:
            if code[0] not in (0xF2, 0xF3):
                self.uc.emu_start(at, 0xFFFFF, count=1)
            else:
                self.uc.emu_start(at, at + len(code))
        except UcError as e:
            return f"unicorn: {e}"
        ours = self.engine.regs()
        for n in NAMES + ("eip",):
            theirs = self.uc.reg_read(self.reg[n])
            if ours[n] != theirs:
                return f"{n} {ours[n]:x}, unicorn {theirs:x}"
        a, b = self.engine.mem.read(0x10000, 0x30000), bytes(self.uc.mem_read(0x10000, 0x30000))
        if a != b:
            at = next(k for k in range(0x30000) if a[k] != b[k])
            return f"memory at {0x10000 + at:x}: {a[at]:x}, unicorn {b[at]:x}"
        return None

    def start(self):
        """The state before the first case, and after one that faulted (perhaps three times)."""
        self.engine.reset()
        self.engine.set_segment("cs", 0, 0, 0xFFFF, 0x93)
        for name, sel in SEGMENTS.items():
            self.engine.set_segment(name, sel, sel << 4, 0xFFFF, 0x93)


@pytest.fixture(scope="module")
def pair():
    return Pair()


def registers(rng):
    gpr = rng.integers(0, 1 << 32, 8, dtype=np.uint64)
    edge = rng.random(8) < 0.3
    gpr[edge] = rng.choice([0, 1, 2, 0xFFFF, 0xFFFE, 0x7FFF, 0x8000, 0x10000, 0xFFFFFFFF], edge.sum())
    return gpr


def modrm16(rng, reg, memory):
    rm, mod = int(rng.integers(0, 8)), int(rng.integers(0, 3))
    if not memory:
        return bytes([0xC0 | reg << 3 | rm])
    n = 2 if mod == 2 or mod == 0 and rm == 6 else mod
    return bytes([mod << 6 | reg << 3 | rm]) + rng.bytes(n)


def in_16_bit_code(code, size):
    return code[1:] if code[:1] == b"\x66" else b"\x66" + code if size == 4 else code


def check(pair, code, gpr, eflags, count=1, at=CODE):
    problem = pair.run(code, gpr, eflags, count, at)
    assert problem is None, f"{code.hex()} at {at:x} eflags {eflags:x} " + " ".join(f"{int(v):x}" for v in gpr) + ": " + problem


def test_modrm_forms(pair):
    rng = np.random.default_rng(1)
    for code, size, digit, imm, kind in forms_modrm():
        if any(k in kind for k in SKIP_KINDS) or code[:1] == b"\xF3" or code[:2] == b"\x66\xF3":
            continue
        for _ in range(8):
            reg = int(rng.integers(0, 8)) if digit is None else digit
            memory = "memory" in kind or rng.random() < 0.7
            full = in_16_bit_code(code, size) + modrm16(rng, reg, memory) + rng.bytes(imm)
            check(pair, full, registers(rng), int(rng.integers(0, 1 << 12)) & 0x8D5 | 2)


def test_stack_and_branches_wrap(pair):
    rng = np.random.default_rng(2)
    plain = [bytes([op]) for op in (*range(0x50, 0x62), 0x68, 0x6A, 0xC3, 0xC2, 0xC8, 0xC9, 0x9C, 0xE8, 0xE9)]
    tails = {b"\x68": 2, b"\x6A": 1, b"\xC2": 2, b"\xE8": 2, b"\xE9": 2}
    for code in plain:
        for pre in (b"", b"\x66"):
            for _ in range(40):
                if pre and code in (b"\xC3", b"\xC2", b"\xE8", b"\xE9"):
                    continue        # a 32-bit EIP leaves the segment nearly always
                tail = rng.bytes(tails.get(code, 0))
                if code == b"\x68" and pre:
                    tail = rng.bytes(4)
                if code == b"\xC8":
                    # the frame pointer unicorn pushes for 66 ENTER n,1 borrows from the upper half of ESP
                    tail = bytes([int(rng.integers(0, 64)), 0, 0 if pre else int(rng.integers(0, 4))])
                gpr = registers(rng)
                high = int(rng.integers(0, 1 << 16)) << 16
                gpr[4] = rng.choice([0, 2, 4, 8, 16, 20, 0xFFF0, 0xFFFC, 0xFFFE, 0x1234, 0x8000]) | high
                gpr[5] = rng.choice([0, 2, 4, 8, 0xFFFC, 0x4000]) | high
                check(pair, pre + code + tail, gpr, 2)
    for op in (*range(0x70, 0x80), 0xE0, 0xE1, 0xE2, 0xE3, 0xEB):
        for pre in (b"", b"\x67"):
            for at in (0x40, 0x1000, 0xFF80):
                gpr = registers(rng)
                gpr[1] = rng.choice([0, 1, 2, 0x10000, 0x10001, 0xFFFF0000])
                check(pair, pre + bytes([op]) + rng.bytes(1), gpr, int(rng.integers(0, 1 << 12)) & 0x8D5 | 2, 1, at)


def test_strings_wrap(pair):
    rng = np.random.default_rng(4)
    for op in (0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF):
        for size in ((b"", b"\x66") if op & 1 else (b"",)):
            step = 1 if not op & 1 else 4 if size else 2
            for rep in (b"", b"\xF3", b"\xF2"):
                if rep == b"\xF2" and op not in (0xA6, 0xA7, 0xAE, 0xAF):
                    continue
                for _ in range(20):
                    gpr = registers(rng)
                    for r in (6, 7):
                        gpr[r] = int(rng.choice([0, step, 8 * step, 0x10000 - step, 0x10000 - 8 * step, 0x5000])) | int(
                            rng.integers(0, 1 << 16)) << 16
                    n = int(rng.integers(0, 24)) if rep else 1
                    gpr[1] = n | int(rng.integers(0, 1 << 16)) << 16
                    override = b"\x36" if rng.random() < 0.3 and op < 0xAA else b""
                    if rep and op in (0xA6, 0xA7, 0xAE, 0xAF):      # how far it goes is not known beforehand
                        continue
                    check(pair, rep + override + size + bytes([op]), gpr, int(rng.choice([2, 0x402])), max(n, 1))
