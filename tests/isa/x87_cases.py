"""Operands for the x87 tests, weighted towards where implementations differ, and decoding of what comes back."""
import struct

CONTROL = [0x37F] * 3 + [0x27F, 0x07F, 0x77F, 0xB7F, 0xF7F, 0x67F, 0xA7F, 0xE7F, 0x47F, 0x87F, 0xC7F, 0x17F, 0x340, 0x37E, 0x37D,
                         0x37B, 0x377, 0x36F, 0x35F, 0x240, 0x040, 0xB40, 0x740, 0xF40, 0x76F, 0xB77, 0x26F, 0x277, 0x34F, 0x35D,
                         0x36D]
EXPONENTS = [1, 2, 3, 60, 64, 65, 0x7FFE, 0x7FFD, 0x7FBF] + [16383 + e for e in (
    -1022, -126, -1023, -127, -149, -150, -1074, -1075, 127, 128, 1023, 1024)]


def f80(sig, sexp):
    return struct.pack("<QH", sig, sexp)


ONE = f80(1 << 63, 0x3FFF)


def significand(r):
    k = r.randrange(8)
    if k == 0:
        return 1 << 63
    if k == 1:
        return 1 << 63 | r.choice([1, 2, 1 << 10, 1 << 11, 1 << 39, 1 << 40, 1 << 39 | 1, 1 << 10 | 1, 1 << 62])
    if k == 2:
        return (1 << 64) - r.choice([1, 2, 1 << 10, 1 << 11, 1 << 40, 1 << 39])
    if k == 3:
        return 1 << 63 | r.getrandbits(r.randrange(1, 63)) << r.randrange(40) & (1 << 63) - 1
    if k == 4:
        return 1 << 63 | r.getrandbits(24) << 39
    return 1 << 63 | r.getrandbits(63)


def register(r):
    """10 bytes: any class of value, also encodings that are not numbers."""
    k, s = r.randrange(24), r.getrandbits(1) << 15
    if k == 0:
        return f80(0, s)
    if k == 1:
        return f80(1 << 63, s | 0x7FFF)
    if k == 2:
        return f80(3 << 62 | r.choice([0, 1, r.getrandbits(62)]), s | 0x7FFF)
    if k == 3:
        return f80(1 << 63 | r.choice([1, r.getrandbits(62) | 1]), s | 0x7FFF)
    if k == 4:
        return f80(r.choice([1, r.getrandbits(63), r.getrandbits(20) + 1, (1 << 63) - 1]), s)
    if k == 5 and r.getrandbits(1):
        return f80(significand(r), s)
    if k == 6 and r.getrandbits(1):
        return f80(r.getrandbits(63), s | r.choice([0x7FFF, r.randrange(1, 0x7FFF)]))
    if k < 10:
        e = 16383 + r.randrange(-4, 5)
    elif k < 12:
        e = r.choice(EXPONENTS)
    elif k < 14:
        e = r.randrange(1, 0x7FFF)
    else:
        e = 16383 + r.randrange(0 if k < 17 else -70, 70)
    return f80(significand(r), s | e)


def memory(r):
    """10 bytes that are interesting as one of the memory formats."""
    k = r.randrange(6)
    if k == 0:
        return struct.pack("<dH", r.choice([0.0, -0.0, 1.0, -1.0, float("inf"), 5e-324, 2.5e-310]), 0)
    if k == 1:
        return struct.pack("<fHI", r.choice([0.0, -0.0, 1.0, -1.0, float("-inf"), 1e-45, 1e-40]), 0, 0)
    if k == 2:
        return struct.pack("<QH", r.choice([0x7FF0000000000001, 0x7FF8000000000001, 0xFFF8 << 48, 0x7F800001, 0x7FC00001,
                                            0xFFC00000]), 0)
    if k == 3:
        return struct.pack("<qH", r.choice([0, 1, -1, -32768, 1 << 31, -1 << 31, -1 << 63, (1 << 63) - 1, r.getrandbits(40)]), 0)
    if k == 4:
        return bytes(r.randrange(10) * 16 + r.randrange(10) for _ in range(9)) + bytes([r.choice([0, 0x80])])
    return register(r)


def record(r, cw=None, depth=None, a=None, b=None):
    """One record of Probe.batch."""
    a = a or register(r)
    if b is None:
        b, t = register(r), r.random()
        if t < .03:
            b = a
        elif t < .06:
            b = a[:9] + bytes([a[9] ^ 0x80])
        elif t < .10:
            b = bytes([a[0] ^ r.getrandbits(2)]) + a[1:]
    depth = r.choice([2] * 12 + [0, 1, 8, 8, 7]) if depth is None else depth
    return struct.pack("<HBB", cw or r.choice(CONTROL), depth, r.getrandbits(8) & 0x45) + a + b + memory(r) + bytes(2)


def answer(out, k):
    """Of answer k: status word, tags, flags, the registers that are not empty, memory."""
    o = out[104 * k:104 * k + 104]
    sw, tags, flags, _ = struct.unpack("<4H", o[:8])
    top = sw >> 11 & 7
    st = [o[8 + 10 * i:18 + 10 * i] if tags >> 2 * (top + i & 7) & 3 != 3 else b"" for i in range(8)]
    return sw, tags, flags & 0x8D5, st, o[88:98]


def show(v):
    return f"{v[9]:02x}{v[8]:02x}.{v[7::-1].hex()}" if len(v) == 10 else v.hex() or "-"


def explain(rec, host, ours):
    cw, depth, flags = struct.unpack("<HBB", rec[:4])
    lines = [f"cw={cw:03x} depth={depth} flags={flags:02x} st0={show(rec[4:14])} st1={show(rec[14:24])} mem={rec[24:34].hex()}"]
    for name, x in (("host", host), ("ours", ours)):
        lines.append(f"  {name} sw={x[0]:04x} tags={x[1]:04x} flags={x[2]:03x} st={[show(s) for s in x[3][:3]]} mem={x[4].hex()}")
    return "\n".join(lines)
