"""Random cases of the integer instructions (user mode, 32-bit code), as records of oracle.case_dtype.

    for name, cases in all_cases(rng, per_form=300):    # name: opcode bytes and form
        ...

Memory operands lie in the window, which straddles a page boundary (so some accesses do too); a few go to unmapped
or read-only memory.  Forms that may reach other bytes of the two pages have them all as their window.  Registers are
random with a preference for edge values.  Every bit of the result is defined by UNDEFINED.md, so nothing needs
masking but what the oracle cannot set (EFLAGS_COMPARED).
"""
import numpy as np
from oracle import CODE, ROM, WINDOW, WINDOW_SIZE, new_cases

WINDOW_AT = 0x1000 - 128
WINDOW_LEN = 256
EFLAGS_COMPARED = 0x240CD5
EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI = range(8)
EDGES = np.array([0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF,
                  0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFF8000, 0xFFFFFF80], np.uint32)


def window_at(cases):
    """Where the records' window begins."""
    return 0 if cases.dtype["window"].shape[0] == WINDOW_SIZE else WINDOW_AT


class Maker:
    """Builds n records of one form: registers first, then code whose displacements fit them."""

    def __init__(self, rng, n, wide=False):
        self.rng = rng
        self.n = n
        self.window_len = WINDOW_SIZE if wide else WINDOW_LEN
        self.cases = new_cases(n, self.window_len)
        self.gpr = rng.integers(0, 1 << 32, (n, 8), dtype=np.uint32)
        edge = rng.random((n, 8)) < 0.35
        self.gpr[edge] = rng.choice(EDGES, edge.sum())
        self.cases["window"] = rng.integers(0, 256, (n, self.window_len), dtype=np.uint8)
        zero = rng.random(n) < 0.1
        self.cases["window"][zero] = 0
        self.cases["eflags"] = rng.integers(0, 1 << 32, n) & 0xCD5 | np.where(rng.random(n) < 0.08, 0x40000, 0)
        self.columns = []

    def integers(self, low, high):
        return self.rng.integers(low, high, self.n, dtype=np.int64)

    def byte(self, *values):
        for v in values:
            self.columns.append(np.broadcast_to(np.asarray(v).astype(np.uint8), (self.n,)))

    def imm(self, value, size):
        value = np.asarray(value).astype(np.int64)
        for k in range(size):
            self.byte(value >> (8 * k) & 0xFF)

    def at(self, size=4, faults=0.04):
        """Operand addresses: in the window, now and then where it faults."""
        a = WINDOW + WINDOW_AT + self.integers(64, 192 - size)
        near = self.rng.random(self.n) < 0.3        # across the page boundary
        a[near] = WINDOW + 0x1000 - self.rng.integers(0, size + 1, near.sum())
        bad = self.rng.random(self.n) < faults
        choice = [WINDOW + 0x2000, WINDOW - 1 - size, ROM + 64, ROM + 0xFF0, 0x40]
        if size > 1:
            choice.append(WINDOW + 0x1FFF)
        a[bad] = self.rng.choice(choice, bad.sum())
        return a

    def modrm_reg(self, reg=None, rm=None):
        reg = self.integers(0, 8) if reg is None else reg
        rm = self.integers(0, 8) if rm is None else rm
        self.byte(0xC0 | reg << 3 | rm)

    def modrm_mem(self, reg, address, esp=0):
        """[base + disp32], [base + index*scale + disp32] or [disp32]; esp: what the instruction adds to it first."""
        base, index, scale = self.integers(0, 8), self.integers(0, 8), self.integers(0, 4)
        value = self.gpr.astype(np.int64)
        value[:, ESP] += esp
        rows = np.arange(self.n)
        index_value = np.where(index == 4, 0, value[rows, index] << scale)
        kind = self.rng.integers(0, 3)
        if kind == 0:
            self.byte(reg << 3 | 5)
            disp = address
        elif kind == 1:
            base = np.where(base == 4, 3, base)
            self.byte(0x80 | reg << 3 | base)
            disp = address - value[rows, base]
        else:
            self.byte(0x80 | reg << 3 | 4)
            self.byte(scale << 6 | index << 3 | base)
            disp = address - value[rows, base] - index_value
        self.imm(disp & 0xFFFFFFFF, 4)

    def done(self):
        code = np.stack(self.columns, 1)
        self.cases["code"][:, :code.shape[1]] = code
        self.cases["code_len"] = code.shape[1]
        self.cases["gpr"] = self.gpr
        return self.cases

    def put(self, address, value, size=4):
        """Place little-endian values at addresses that lie in the window."""
        at = np.asarray(address, np.int64) - WINDOW - window_at(self.cases)
        ok = (at >= 0) & (at + size <= self.window_len)
        for k in range(size):
            self.cases["window"][np.nonzero(ok)[0], at[ok] + k] = (np.asarray(value).astype(np.int64)[ok] >> (8 * k)) & 0xFF


def forms_modrm():
    """(name, opcode bytes, operand size, /digit or None, immediate bytes, kind)"""
    out = []

    def pair(op8, op, digit, imm=0, kind="", both=True):
        """Byte opcode (or None) and word/dword opcode; imm: -1 = operand size, at most 4."""
        for pre, code, size in ((b"", op8, 1), (b"\x66", op, 2), (b"", op, 4)):
            if code is not None:
                out.append((pre + code, size, digit, size if imm == -1 else imm, kind))

    for k in range(8):
        pair(bytes([8 * k]), bytes([8 * k + 1]), None)
        pair(bytes([8 * k + 2]), bytes([8 * k + 3]), None)
        pair(b"\x80", b"\x81", k, -1)
        pair(None, b"\x83", k, 1)
        pair(b"\xC0", b"\xC1", k, 1)
        pair(b"\xD0", b"\xD1", k)
        pair(b"\xD2", b"\xD3", k, 0, "count")
    pair(b"\x84", b"\x85", None)
    pair(b"\xF6", b"\xF7", 0, -1)
    for k in (2, 3, 4, 5, 6, 7):
        pair(b"\xF6", b"\xF7", k, 0, "div" if k >= 6 else "")
    for k in (0, 1):
        pair(b"\xFE", b"\xFF", k)
    pair(None, b"\x0F\xAF", None)
    pair(None, b"\x69", None, -1)
    pair(None, b"\x6B", None, 1)
    for op in (0xA4, 0xAC):
        pair(None, bytes([0x0F, op]), None, 1)
        pair(None, bytes([0x0F, op + 1]), None, 0, "count")
    for op in (0xA3, 0xAB, 0xB3, 0xBB):
        pair(None, bytes([0x0F, op]), None, 0, "bit")
    for k in (4, 5, 6, 7):
        pair(None, b"\x0F\xBA", k, 1)
    for op in (0xBC, 0xBD):
        pair(None, bytes([0x0F, op]), None, 0, "scan")
        pair(None, bytes([0xF3, 0x0F, op]), None, 0, "scan")
    pair(None, b"\xF3\x0F\xB8", None, 0, "scan")
    for op in (0xB6, 0xBE):
        pair(None, bytes([0x0F, op]), None, 0, "from8")
        pair(None, bytes([0x0F, op + 1]), None, 0, "from16")
    for k in range(16):
        pair(None, bytes([0x0F, 0x40 + k]), None)
        out.append((bytes([0x0F, 0x90 + k]), 1, 0, 0, ""))
    pair(b"\x86", b"\x87", None)
    pair(b"\x88", b"\x89", None)
    pair(b"\x8A", b"\x8B", None)
    pair(b"\xC6", b"\xC7", 0, -1)
    pair(b"\x0F\xC0", b"\x0F\xC1", None)
    pair(b"\x0F\xB0", b"\x0F\xB1", None, 0, "cmpxchg")
    pair(None, b"\xFF", 6, 0, "push")
    pair(None, b"\x8F", 0, 0, "pop")
    pair(None, b"\x8D", None, 0, "memory")
    pair(None, b"\x62", None, 0, "memory bound")
    out.append((b"\x0F\xC7", 8, 1, 0, "memory cmpxchg8b"))
    out.append((b"\x0F\xB7", 2, None, 0, ""))
    pair(None, b"\x0F\x1F", 0, 0, "")
    lockable = [(8 * k, None) for k in (0, 1, 2, 3, 4, 5, 6)]
    for op, digit in lockable:
        out.append((bytes([0xF0, op + 1]), 4, digit, 0, "memory"))
    return out


def modrm_case(rng, n, code, size, digit, imm, kind, memory):
    m = Maker(rng, n, wide=memory and kind == "bit")
    pushes = "push" in kind or kind == "pop"
    if pushes:
        m.gpr[:, ESP] = m.at(size, 0.02)
    if "count" in kind or "bit" in kind:
        m.gpr[:, ECX] = np.where(rng.random(n) < 0.8, m.integers(0, 40), m.gpr[:, ECX])
    if "div" in kind:
        small = rng.random(n) < 0.6
        m.gpr[small, EDX] = rng.choice([0, 0, 0xFFFFFFFF, 1, 5], small.sum())
    reg = m.integers(0, 8) if digit is None else digit
    if kind == "bit":       # the bit offset moves the address: stay in the window
        off = m.integers(-160, 160)
        rows = np.arange(n)
        m.gpr[rows, reg] = off if size == 4 else (m.integers(0, 1 << 16) << 16 | off & 0xFFFF)
    for b in code:
        m.byte(b)
    if not memory:
        rm = m.integers(0, 8)
        m.modrm_reg(reg, rm)
        if "cmpxchg" in kind:
            same = rng.random(n) < 0.5
            if size == 1:
                m.gpr[same, EAX] = m.gpr[same, EAX] & ~np.uint32(0xFF) | (
                    m.gpr[np.arange(n), rm & 3] >> np.where(rm > 3, 8, 0).astype(np.uint32))[same] & 0xFF
            else:
                m.gpr[same, EAX] = m.gpr[np.arange(n), rm][same]
        if kind == "scan":
            m.gpr[np.arange(n), rm] >>= m.integers(0, 33).clip(0, 31).astype(np.uint32)
    else:
        width = {"from8": 1, "from16": 2}.get(kind, 2 * size if "bound" in kind else size)
        a = m.at(width)
        if "cmpxchg8b" in kind:
            same = rng.random(n) < 0.5
            m.put(np.where(same, a, 0), m.gpr[:, EAX])
            m.put(np.where(same, a + 4, 0), m.gpr[:, EDX])
        elif "cmpxchg" in kind:
            same = rng.random(n) < 0.5
            m.put(np.where(same, a, 0), m.gpr[:, EAX], size)
        if "bound" in kind:
            m.put(a, m.gpr[np.arange(n), reg].astype(np.int64) - m.integers(-1, 100), size)
            m.put(a + size, m.gpr[np.arange(n), reg].astype(np.int64) + m.integers(-1, 100), size)
        if "scan" in kind:
            z = rng.random(n) < 0.3
            m.put(np.where(z, a, 0), np.zeros(n), 4)
        m.modrm_mem(reg, a, esp=size if kind == "pop" else 0)
    if imm:
        m.imm(np.where(rng.random(n) < 0.5, m.integers(0, 1 << 32), m.integers(-9, 40)), imm)
    return m.done()


def modrm_cases(rng, per_form):
    for code, size, digit, imm, kind in forms_modrm():
        name = f"{code.hex()}{'' if digit is None else f'/{digit}'}"
        if "memory" not in kind:
            yield name + " reg", modrm_case(rng, per_form, code, size, digit, imm, kind, False)
        for part in range(3):
            yield f"{name} mem{part}", modrm_case(rng, per_form // 2, code, size, digit, imm, kind, True)


def plain_cases(rng, per_form):
    """No ModRM: registers in the opcode, accumulator forms, flags, BCD."""
    def plain(name, code, imm=0, setup=None, n=per_form):
        m = Maker(rng, n, wide=setup is not None)
        if setup:
            setup(m)
        for b in code:
            m.byte(b)
        if imm:
            m.imm(np.where(rng.random(n) < 0.7, m.integers(0, 1 << 32), m.integers(0, 12)), imm)
        return name, m.done()

    def stack(m):
        m.gpr[:, ESP] = m.at(4)

    def frame(m):
        m.gpr[:, ESP] = WINDOW + WINDOW_AT + 236 + m.integers(0, 16)
        m.gpr[:, EBP] = WINDOW + WINDOW_AT + 128 + m.integers(0, 120)
        low = m.rng.random(m.n) < 0.05
        m.gpr[low, ESP] = WINDOW + m.rng.integers(0, 64, low.sum())
        low = m.rng.random(m.n) < 0.05
        m.gpr[low, EBP] = WINDOW + m.rng.integers(0, 64, low.sum())

    def flags_on_stack(m):
        a = WINDOW + WINDOW_AT + m.integers(64, 190)
        m.gpr[:, ESP] = a
        m.put(a, m.integers(0, 1 << 32) & ~0x100)

    def table(m):
        a = m.at(1)
        m.gpr[:, EBX] = a - (m.gpr[:, EAX] & 0xFF)

    def block(m):
        m.gpr[:, ESP] = WINDOW + WINDOW_AT + 100 + m.integers(0, 60)
        far = m.rng.random(m.n) < 0.08
        m.gpr[far, ESP] = m.rng.choice([WINDOW + 12, WINDOW + 0x2000 - 12, WINDOW + 0x2000, WINDOW + 0x20, ROM + 64], far.sum())

    for k in range(8):
        for pre, size in ((b"\x66", 2), (b"", 4)):
            yield plain(f"acc{k}", pre + bytes([8 * k + 5]), size)
            for op in (0x40, 0x48, 0x90):
                yield plain(f"{op + k:x}", pre + bytes([op + k]))
            yield plain(f"{0xB8 + k:x}", pre + bytes([0xB8 + k]), size)
            yield plain(f"0f{0xC8 + k:x}", pre + bytes([0x0F, 0xC8 + k]))
            yield plain(f"push{k}", pre + bytes([0x50 + k]), 0, stack)
            yield plain(f"pop{k}", pre + bytes([0x58 + k]), 0, stack)
        yield plain(f"acc{k}", bytes([8 * k + 4]), 1)
        yield plain(f"{0xB0 + k:x}", bytes([0xB0 + k]), 1)
    for pre, size in ((b"\x66", 2), (b"", 4)):
        yield plain("a9", pre + b"\xA9", size)
        yield plain("cbw", pre + b"\x98")
        yield plain("cwd", pre + b"\x99")
        yield plain("push imm", pre + b"\x68", size, stack)
        yield plain("push imm8", pre + b"\x6A", 1, stack)
        yield plain("pushf", pre + b"\x9C", 0, stack)
        yield plain("popf", pre + b"\x9D", 0, flags_on_stack, 3 * per_form)
        yield plain("pusha", pre + b"\x60", 0, block)
        yield plain("popa", pre + b"\x61", 0, block)
        yield plain("leave", pre + b"\xC9", 0, frame)
        for level in (0, 1, 2, 3, 5, 8, 33):
            for space in (0, 7, 40):
                yield plain(f"enter {space},{level}", pre + bytes([0xC8, space, 0, level]), 0, frame, per_form // 4)
    yield plain("a8", b"\xA8", 1)
    for op in (0xF5, 0xF8, 0xF9, 0xFC, 0xFD, 0x9E, 0x9F, 0xD6, 0x90):
        yield plain(f"{op:x}", bytes([op]))
    yield plain("pause", b"\xF3\x90")
    for op in (0x27, 0x2F, 0x37, 0x3F):
        yield plain(f"{op:x}", bytes([op]), 0, None, 10 * per_form)
    for base in (0, 1, 7, 10, 16, 100, 255):
        yield plain(f"aam {base}", bytes([0xD4, base]))
        yield plain(f"aad {base}", bytes([0xD5, base]))
    yield plain("xlat", b"\xD7", 0, table)
    for code, size in ((b"\xA0", 1), (b"\x66\xA1", 2), (b"\xA1", 4), (b"\xA2", 1), (b"\x66\xA3", 2), (b"\xA3", 4)):
        m = Maker(rng, per_form)
        m.byte(*code)
        m.imm(m.at(size), 4)
        yield f"moffs {code.hex()}", m.done()
    for modrm in range(0xC0):       # LEA with 16-bit addresses
        if modrm & 7 != 6 or modrm >> 6:
            m = Maker(rng, per_form // 16)
            m.byte(0x67, 0x8D, modrm)
            m.imm(m.integers(0, 1 << 16), (0, 1, 2)[modrm >> 6])
            yield f"lea16 {modrm:x}", m.done()


def branch_cases(rng, per_form):
    """Targets are the INT3s around the code."""
    def stack(m):
        m.gpr[:, ESP] = m.at(4, 0.02)

    for k in range(16):
        m = Maker(rng, per_form)
        m.byte(0x70 + k, 0x40)
        yield f"{0x70 + k:x}", m.done()
        m = Maker(rng, per_form)
        m.byte(0x0F, 0x80 + k)
        m.imm(m.integers(0x40, 0x400), 4)
        yield f"0f{0x80 + k:x}", m.done()
    for op in range(0xE0, 0xE4):
        for pre in (b"", b"\x67"):
            m = Maker(rng, per_form)
            few = m.rng.random(m.n) < 0.6
            m.gpr[few, ECX] = m.rng.choice([0, 1, 2, 0x10000, 0x10001], few.sum())
            m.byte(*pre, op, 0x40)
            yield pre.hex() + f"{op:x}", m.done()
    for code in (b"\xEB\x40", b"\xE9\x00\x03\x00\x00", b"\xE8\x00\x03\x00\x00", b"\xE8\x00\xFC\xFF\xFF"):
        m = Maker(rng, per_form)
        stack(m)
        m.byte(*code)
        yield code.hex(), m.done()
    for digit in (2, 4):
        m = Maker(rng, per_form)
        stack(m)
        rows, rm = np.arange(m.n), m.integers(0, 8)
        rm = np.where(rm == ESP, EAX, rm)
        m.gpr[rows, rm] = CODE + m.integers(0x40, 0x300)
        m.byte(0xFF)
        m.modrm_reg(digit, rm)
        yield f"ff/{digit} reg", m.done()
        for _ in range(3):
            m = Maker(rng, per_form)
            stack(m)
            a = m.at(4, 0)
            m.put(a, CODE + m.integers(0x40, 0x300))
            m.byte(0xFF)
            m.modrm_mem(digit, a)
            yield f"ff/{digit} mem", m.done()
    for code in (b"\xC3", b"\xC2\x0C\x00", b"\xC2\xFF\xFF"):
        m = Maker(rng, per_form)
        a = m.at(4, 0)
        m.gpr[:, ESP] = a
        m.put(a, CODE + m.integers(0x40, 0x300))
        m.byte(*code)
        yield code.hex(), m.done()


def string_cases(rng, per_form):
    ops = (("movs", 0xA4), ("cmps", 0xA6), ("stos", 0xAA), ("lods", 0xAC), ("scas", 0xAE))
    for name, op in ops:
        for code, size in ((bytes([op]), 1), (bytes([0x66, op + 1]), 2), (bytes([op + 1]), 4)):
            for pre in (b"", b"\xF3", b"\xF2"):
                if pre == b"\xF2" and name not in ("cmps", "scas"):
                    continue
                m = Maker(rng, per_form * (4 if pre else 1), wide=True)
                mid = WINDOW + WINDOW_AT + 128
                m.gpr[:, ESI] = mid + m.integers(-16, 16)
                m.gpr[:, EDI] = mid + m.integers(-16, 16)
                if pre:
                    m.gpr[:, ECX] = m.integers(0, 21)
                if name in ("cmps", "scas"):    # long runs of equal bytes
                    value = m.integers(0, 2)
                    m.cases["window"][:] = value[:, None]
                    m.gpr[:, EAX] = np.where(m.rng.random(m.n) < 0.7, value * 0x01010101, m.gpr[:, EAX])
                    m.put(mid + m.integers(-60, 60), m.integers(0, 2), 1)
                    m.put(mid + m.integers(-60, 60), m.integers(0, 256), 1)
                bad = m.rng.random(m.n) < 0.06
                where = rng.choice([WINDOW + 0x1FF6, WINDOW + 6, ROM + 8, WINDOW + 0x2000, ROM + 0xFF9], bad.sum())
                m.gpr[bad, rng.choice([ESI, EDI])] = where
                m.byte(*pre, *code)
                yield f"{pre.hex()} {name}{8 * size}", m.done()


def all_cases(rng, per_form=200):
    yield from modrm_cases(rng, per_form)
    yield from plain_cases(rng, per_form)
    yield from branch_cases(rng, per_form)
    yield from string_cases(rng, per_form)


def differences(cases, ours, host):
    """Indices of the records whose results differ."""
    same = (ours["gpr"] == host["gpr"]).all(1) & (ours["vec"] == host["vec"]) & (ours["eip"] == host["eip"])
    same &= (ours["eflags"] ^ host["eflags"]) & EFLAGS_COMPARED == 0
    same &= (ours["window"] == host["window"]).all(1)
    same &= (ours["err"] == host["err"]) & (ours["cr2"] == host["cr2"])
    return np.nonzero(~same)[0]


def describe(name, case, ours, host):
    """One mismatch, for people."""
    lines = [f"{name}: {bytes(case['code'][:case['code_len']]).hex()} eflags {case['eflags']:x} gpr "
             + " ".join(f"{v:08x}" for v in case["gpr"])]
    for who, r in (("ours", ours), ("host", host)):
        lines.append(f"  {who} vec {r['vec']} err {r['err']:x} cr2 {r['cr2']:x} eip {r['eip']:x} eflags "
                     f"{r['eflags'] & EFLAGS_COMPARED:x} gpr " + " ".join(f"{v:08x}" for v in r["gpr"]))
    at = np.nonzero(ours["window"] != host["window"])[0]
    if len(at):
        lines.append("  window " + " ".join(f"+{k:x}:{ours['window'][k]:02x}/{host['window'][k]:02x}" for k in at[:16]))
    return "\n".join(lines)
