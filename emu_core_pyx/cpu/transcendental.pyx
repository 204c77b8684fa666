"""Transcendental functions of the x87 in integer arithmetic: see transcendental.pxd.

Method: exact argument reduction, a Taylor series in 128-bit fixed point, one rounding.
The tables are computed at import from integers; nothing is measured or transcribed.
Special cases: SDM vol. 2, the tables of FPATAN, FYL2X, FYL2XP1, F2XM1.
"""
from emu_core_pyx.types cimport i32, u32, u64, u128
from emu_core_pyx.cpu.state cimport F80
from emu_core_pyx.cpu.softfloat cimport (
    BIAS, SW_C1, SW_C2, SW_DE, SW_IE, SW_PE, SW_UE, SW_ZE, Fx, clz64, exp80, inf80, is_bad, is_den, is_inf, is_nan, is_zero,
    mk80, nan80, pick_nan, round_pack, sign80, unpack, zero80,
)

cdef struct W:          # (-1)**s * m * 2**(e - 127), bit 127 of m set; m == 0 is zero
    u128 m
    i32 e
    u32 s

cdef enum:
    N_SIN = 18
    N_EXP = 34
    N_LOG = 28
    N_ATAN = 14
    TINY = -68          # below 2**TINY the processors give sin x = tan x = x, cos x = 1 in every rounding mode
    TINY_ATAN = -40     # the same for an exact quotient in FPATAN

cdef u128 ONE           # 1 as 1.127
cdef u128 SIN[18]       # 1 / (2k+1)!  as 1.127
cdef u128 COS[18]       # 1 / (2k)!
cdef u128 EXP[34]       # 1 / (k+1)!
cdef u128 ODD[28]       # 1 / (2k+1)
cdef u128 ATAN[17]      # atan(k/16)
cdef u128 PI66          # pi * 2**64, as the processors have it
cdef W PI, PI_2, PI_4, PI3_4, LN2, LOG2E, TWO_LOG2E


cdef u128 wide(object v):
    return (<u128><u64>(v >> 64) << 64) | <u128><u64>(v & 0xFFFFFFFFFFFFFFFF)


cdef W w_const(object v, int bits):
    """v * 2**-bits as a W."""
    cdef W r
    n = v.bit_length()
    r.s = 0
    r.e = n - 1 - bits
    r.m = wide(v >> (n - 128))
    return r


def _atan_int(num, den, bits):
    """atan(num/den) * 2**bits, for num <= den."""
    if 2 * num > den:
        # atan(x) = 2 atan(x / (1 + sqrt(1 + x*x)))
        from math import isqrt
        scale = 1 << bits
        x = num * scale // den
        root = isqrt(scale * scale + x * x)
        return 2 * _atan_int(x, scale + root, bits)
    x = (num << bits) // den
    x2 = x * x >> bits
    total, term, k = 0, x, 0
    while term:
        total += (-term if k & 1 else term) // (2 * k + 1)
        term = term * x2 >> bits
        k += 1
    return total


def _fill():
    global ONE, PI66, PI, PI_2, PI_4, PI3_4, LN2, LOG2E, TWO_LOG2E
    cdef int k
    bits = 256
    ONE = wide(1 << 127)
    fact = 1
    for k in range(40):
        # fact == k!
        if k % 2 and k // 2 < N_SIN:
            SIN[k // 2] = wide((1 << 127) // fact)
        elif k % 2 == 0 and k // 2 < N_SIN:
            COS[k // 2] = wide((1 << 127) // fact)
        if 1 <= k <= N_EXP:
            EXP[k - 1] = wide((1 << 127) // fact)
        fact *= k + 1
    for k in range(N_LOG):
        ODD[k] = wide((1 << 127) // (2 * k + 1))
    for k in range(17):
        ATAN[k] = wide(_atan_int(k, 16, bits) >> (bits - 127))
    pi = 4 * _atan_int(1, 1, bits)
    PI66 = wide(0x3243F6A8885A308D3)
    PI = w_const(pi, bits)
    PI_2 = w_const(pi, bits + 1)
    PI_4 = w_const(pi, bits + 2)
    PI3_4 = w_const(3 * pi, bits + 2)
    # ln 2 = 2 atanh(1/3)
    ln2, power, k = 0, (1 << bits) // 3, 0
    while power:
        ln2 += 2 * power // (2 * k + 1)
        power //= 9
        k += 1
    LN2 = w_const(ln2, bits)
    LOG2E = w_const((1 << 2 * bits) // ln2, bits)
    TWO_LOG2E = w_const((2 << 2 * bits) // ln2, bits)


_fill()


cdef inline int clz128(u128 x) noexcept nogil:
    cdef u64 h = <u64>(x >> 64)
    return clz64(h) if h else 64 + clz64(<u64>x)


cdef inline u128 mulhi(u128 a, u128 b) noexcept nogil:
    """a * b >> 128."""
    cdef u64 ah = <u64>(a >> 64), al = <u64>a, bh = <u64>(b >> 64), bl = <u64>b
    cdef u128 ll = <u128>al * <u128>bl, hl = <u128>ah * <u128>bl, lh = <u128>al * <u128>bh, hh = <u128>ah * <u128>bh
    cdef u128 mid = (ll >> 64) + <u128><u64>hl + <u128><u64>lh
    return hh + (hl >> 64) + (lh >> 64) + (mid >> 64)


cdef inline W w_norm(u128 m, i32 e, u32 s) noexcept nogil:
    cdef W r
    cdef int n
    r.s = s
    if m == 0:
        r.m = 0
        r.e = -0x100000
        return r
    n = clz128(m)
    r.m = m << n
    r.e = e - n
    return r


cdef inline W w_of(F80 a) noexcept nogil:
    cdef W r
    cdef u64 m
    r.e = unpack(a, &m) - BIAS
    r.m = <u128>m << 64
    r.s = sign80(a)
    return r


cdef inline W w_mul(W a, W b) noexcept nogil:
    return w_norm(mulhi(a.m, b.m), a.e + b.e + 1, a.s ^ b.s)


cdef W w_add(W a, W b) noexcept nogil:
    cdef W t
    cdef u32 n
    cdef u128 x, y
    if b.m == 0:
        return a
    if a.m == 0:
        return b
    if a.e < b.e or (a.e == b.e and a.m < b.m):
        t = a
        a = b
        b = t
    n = <u32>(a.e - b.e) + 1
    x = a.m >> 1
    if n >= 128:
        y = 1
    else:
        y = b.m >> n
        if (y << n) != b.m:
            y = y | 1
    if a.s == b.s:
        return w_norm(x + y, a.e + 1, a.s)
    return w_norm(x - y, a.e + 1, a.s)


cdef W w_div(W a, W b) noexcept nogil:
    """Reciprocal by one Newton step from 64 to 124 bits."""
    cdef u128 y, t, d, one = <u128>1 << 126
    y = (~<u128>0) / <u128><u64>(b.m >> 64)
    y = y << 62                             # 1 / (b.m / 2**128) as 2.126
    t = mulhi(b.m, y)
    if t >= one:
        d = t - one
        y = y - mulhi(y, d << 2)
    else:
        d = one - t
        y = y + mulhi(y, d << 2)
    return w_norm(mulhi(a.m, y), a.e - b.e + 1, a.s ^ b.s)


cdef inline W w_below(W a) noexcept nogil:
    """The next value towards zero: what stands for 'a little less'."""
    a.m = a.m - 1
    if not <u64>(a.m >> 127):
        a.m = ~<u128>0
        a.e -= 1
    return a


cdef inline u128 w_square(W a) noexcept nogil:
    """a * a as 0.128, for |a| < 1."""
    cdef i32 n = -2 * (a.e + 1)
    if n >= 128:
        return 0
    return mulhi(a.m, a.m) >> n


cdef inline F80 w_round(Fx *f, W a) noexcept nogil:
    """An irrational value as a register."""
    return round_pack(f, a.s, a.e + BIAS, <u64>(a.m >> 64), <u64>a.m | 1, 0)


cdef F80 w_exact(Fx *f, W a) noexcept nogil:
    """A result the processors call inexact although it is not rounded."""
    cdef F80 r = round_pack(f, a.s, a.e + BIAS, <u64>(a.m >> 64), <u64>a.m, 0)
    f.ex |= SW_PE
    if a.e + BIAS <= 0:
        f.ex |= SW_UE
    return r


cdef u128 alternating(const u128 *table, int n, u128 z) noexcept nogil:
    cdef u128 acc = table[n - 1]
    cdef int k
    for k in range(n - 2, -1, -1):
        acc = table[k] - mulhi(acc, z)
    return acc


cdef u128 positive(const u128 *table, int n, u128 z) noexcept nogil:
    cdef u128 acc = table[n - 1]
    cdef int k
    for k in range(n - 2, -1, -1):
        acc = table[k] + mulhi(acc, z)
    return acc


cdef inline void note_den(Fx *f, F80 a) noexcept nogil:
    if is_den(a):
        f.ex |= SW_DE


# Trigonometric functions

cdef u32 reduce(F80 a, W *r) noexcept nogil:
    """a = quadrant * pi/2 + r with |r| <= pi/4; gives the quadrant (for |a|, sign in r as if a were positive)."""
    cdef u64 m
    cdef i32 e = unpack(a, &m) - BIAS
    cdef u128 x, q
    cdef u32 s = 0
    if e < -1:
        r[0] = w_norm(<u128>m << 64, e, 0)
        return 0
    x = <u128>m << (e + 2)                  # in units of 2**-65, where pi/2 is PI66
    q = x / PI66
    x = x - q * PI66
    if x > (PI66 >> 1):
        x = PI66 - x
        q = q + 1
        s = 1
    r[0] = w_norm(x, 62, s)
    return <u32>q & 3


cdef W sin_of(W r) noexcept nogil:
    cdef W t
    cdef u128 p
    if r.m == 0:
        return r
    if r.e < -33:
        return w_below(r)
    p = alternating(SIN, N_SIN, w_square(r))
    t = w_norm(p, 0, 0)
    return w_mul(r, t)


cdef W cos_of(W r) noexcept nogil:
    cdef u128 p, z = 0
    if r.m != 0:
        z = w_square(r)
    p = alternating(COS, N_SIN, z)
    if p >= ONE:
        return w_below(w_norm(ONE, 0, 0))
    return w_norm(p, 0, 0)


cdef void x_sincos(Fx *f, F80 a, F80 *sin, F80 *cos, u32 *c2) noexcept nogil:
    cdef W r, s, c
    cdef F80 v
    cdef u32 q
    c2[0] = 0
    if is_bad(a) or is_nan(a) or is_inf(a):
        if is_inf(a):
            f.ex |= SW_IE
            v = nan80()
        else:
            v = pick_nan(f, a, a)
        if sin != NULL:
            sin[0] = v
        if cos != NULL:
            cos[0] = v
        return
    if exp80(a) >= BIAS + 63:
        c2[0] = SW_C2
        return
    if is_zero(a):
        if sin != NULL:
            sin[0] = a
        if cos != NULL:
            cos[0] = mk80(0, BIAS, <u64>1 << 63)
        return
    note_den(f, a)
    r = w_of(a)
    if r.e < TINY:
        f.ex |= SW_PE
        if cos != NULL:
            cos[0] = mk80(0, BIAS, <u64>1 << 63)
        if sin != NULL:
            sin[0] = w_exact(f, r)
        return
    q = reduce(a, &r)
    if sin != NULL:
        s = cos_of(r) if q & 1 else sin_of(r)
        s.s ^= q >> 1 & 1 ^ sign80(a)
        sin[0] = w_round(f, s)
    if cos != NULL:         # C1 of FSINCOS is the cosine's
        c = sin_of(r) if q & 1 else cos_of(r)
        c.s ^= (q >> 1 ^ q) & 1
        f.ex &= ~<u32>SW_C1
        cos[0] = w_round(f, c)


cdef F80 x_tan(Fx *f, F80 a, u32 *c2) noexcept nogil:
    cdef W r, t
    cdef u32 q
    c2[0] = 0
    if is_bad(a) or is_nan(a):
        return pick_nan(f, a, a)
    if is_inf(a):
        f.ex |= SW_IE
        return nan80()
    if exp80(a) >= BIAS + 63:
        c2[0] = SW_C2
        return a
    if is_zero(a):
        return a
    note_den(f, a)
    t = w_of(a)
    if t.e < TINY:
        return w_exact(f, t)
    q = reduce(a, &r)
    if q & 1:
        t = w_div(cos_of(r), sin_of(r))
        t.s ^= 1
    elif r.e < -33:
        t = r
    else:
        t = w_div(sin_of(r), cos_of(r))
    t.s ^= sign80(a)
    return w_round(f, t)


cdef W atan_of(W t) noexcept nogil:
    """For 0 < t <= 1."""
    cdef W u
    cdef u128 x, p, c
    cdef u32 k, s = 0
    if t.e < -64:
        return w_below(t)
    k = 0
    x = 0
    if t.e >= -5:
        x = t.m >> (-t.e)                   # 1.127
        k = <u32>((x + (ONE >> 5)) >> 123)
    if k == 0:
        p = alternating(ODD, N_ATAN + 2, w_square(t))
        return w_mul(t, w_norm(p, 0, 0))
    c = <u128>k << 123
    if x == c:
        return w_norm(ATAN[k], 0, 0)
    if x > c:
        p = x - c
    else:
        p = c - x
        s = 1
    u = w_div(w_norm(p, 0, s), w_norm((ONE >> 1) + (((x >> 4) * <u128>k) >> 1), 1, 0))
    p = alternating(ODD, N_ATAN, w_square(u))
    return w_add(w_norm(ATAN[k], 0, 0), w_mul(u, w_norm(p, 0, 0)))


cdef F80 x_patan(Fx *f, F80 a, F80 b) noexcept nogil:
    cdef W t
    cdef u32 s = sign80(b), swap
    cdef u64 mx, my, m
    cdef i32 e, ey
    cdef u128 n, q
    if is_bad(a) or is_bad(b) or is_nan(a) or is_nan(b):
        return pick_nan(f, a, b)
    note_den(f, a)
    note_den(f, b)
    if is_zero(b) or (is_inf(a) and not is_inf(b)):
        if not sign80(a):
            return zero80(s)
        t = PI
    elif is_inf(b):
        t = PI_2
        if is_inf(a):
            t = PI3_4 if sign80(a) else PI_4
    elif is_zero(a):
        t = PI_2
    else:
        e = unpack(a, &mx)
        ey = unpack(b, &my)
        swap = ey > e or (ey == e and my > mx)
        if swap:
            m = mx
            mx = my
            my = m
            e = e - ey
        else:
            e = ey - e
        if my >= mx:                        # the quotient exactly, but for what is below 128 bits
            n = <u128>my << 63
        else:
            n = <u128>my << 64
            e -= 1
        q = n / <u128>mx
        n = (n - q * <u128>mx) << 64
        t.m = (q << 64) | (n / <u128>mx)
        t.e = e
        t.s = 0
        if e < TINY_ATAN and not swap and not sign80(a) and not <u64>t.m and not n:
            t.s = s
            return w_exact(f, t)
        t = atan_of(t)
        if swap:
            t.s ^= 1
            t = w_add(PI_2, t)
        if sign80(a):
            t.s ^= 1
            t = w_add(PI, t)
    t.s = s
    return w_round(f, t)


# Exponential and logarithm

cdef F80 x_2xm1(Fx *f, F80 a) noexcept nogil:
    cdef W t
    cdef u128 u, p
    if is_bad(a) or is_nan(a):
        return pick_nan(f, a, a)
    if is_inf(a):
        return mk80(1, BIAS, <u64>1 << 63) if sign80(a) else a
    if is_zero(a):
        return a
    note_den(f, a)
    if exp80(a) >= BIAS:
        if a.sig == <u64>1 << 63 and exp80(a) == BIAS:
            # 1 and -1/2 exactly, but the processors call them inexact
            f.ex |= SW_PE
            return mk80(1, BIAS - 1, <u64>1 << 63) if sign80(a) else a
        f.ex |= SW_PE
        return a        # |a| > 1 is undefined (SDM); the processors leave the operand
    t = w_mul(w_of(a), LN2)
    u = 0
    if t.e > -128:
        u = t.m >> (-1 - t.e)
    if t.s:
        p = alternating(EXP, N_EXP, u)
    else:
        p = positive(EXP, N_EXP, u)
    return w_round(f, w_mul(t, w_norm(p, 0, 0)))


cdef W log_of(W num, W den) noexcept nogil:
    """log2((den + num) / (den - num)) by 2 atanh(num/den) / ln 2, for |num/den| <= 0.18."""
    cdef W s
    if num.m == 0:
        return num
    s = w_div(num, den)
    return w_mul(w_mul(s, TWO_LOG2E), w_norm(positive(ODD, N_LOG, w_square(s)), 0, 0))


cdef W log2_of(W x) noexcept nogil:
    """x > 0; exact for powers of 2."""
    cdef W n
    cdef i32 e = x.e
    cdef W num, den
    cdef u128 m = x.m
    if <u64>(m >> 64) > <u64>0xB504F333F9DE6484:    # sqrt(2): to [sqrt(1/2), sqrt(2))
        e += 1
        num = w_norm(0 - m, -1, 1)                  # m/2 - 1
        den = w_norm((m >> 2) + (ONE >> 1), 1, 0)
    else:
        num = w_norm(m - ONE, 0, 0)
        den = w_norm((m >> 1) + (ONE >> 1), 1, 0)
    if e < 0:
        n = w_norm(<u128>(<u64>-e), 127, 1)
    else:
        n = w_norm(<u128>(<u64>e), 127, 0)
    return w_add(n, log_of(num, den))


cdef F80 times_y(Fx *f, W log, F80 y, bint exact) noexcept nogil:
    cdef W p
    if log.m == 0 or is_zero(y):
        return zero80(log.s ^ sign80(y))
    p = w_mul(w_of(y), log)
    if exact:
        # what the processors do: exact above 1, a little less below
        if log.s:
            return w_round(f, w_below(p))
        return w_exact(f, p)
    return w_round(f, p)


cdef F80 x_yl2x(Fx *f, F80 a, F80 b) noexcept nogil:
    cdef W log
    cdef u64 m
    cdef bint below
    if is_bad(a) or is_bad(b) or is_nan(a) or is_nan(b):
        return pick_nan(f, a, b)
    if sign80(a) and not is_zero(a):
        f.ex |= SW_IE
        return nan80()
    if is_zero(a):
        if is_zero(b):
            f.ex |= SW_IE
            return nan80()
        if is_inf(b):
            return inf80(not sign80(b))
        f.ex |= SW_ZE
        return inf80(not sign80(b))
    if is_inf(a):
        if is_zero(b):
            f.ex |= SW_IE
            return nan80()
        note_den(f, b)
        return inf80(sign80(b))
    below = exp80(a) < BIAS
    if is_inf(b):
        if exp80(a) == BIAS and a.sig == <u64>1 << 63:
            f.ex |= SW_IE
            return nan80()
        note_den(f, a)
        return inf80(sign80(b) ^ below)
    note_den(f, a)
    note_den(f, b)
    log = log2_of(w_of(a))
    if log.m == 0:
        log.s = 0
    unpack(a, &m)
    return times_y(f, log, b, m == <u64>1 << 63)


cdef F80 x_yl2xp1(Fx *f, F80 a, F80 b) noexcept nogil:
    cdef W x, one, log
    if is_bad(a) or is_bad(b) or is_nan(a) or is_nan(b):
        return pick_nan(f, a, b)
    if is_inf(a):
        if sign80(a) or is_zero(b):
            f.ex |= SW_IE
            return nan80()
        note_den(f, b)
        return inf80(sign80(b))
    if is_inf(b):
        if is_zero(a):
            f.ex |= SW_IE
            return nan80()
        note_den(f, a)
        return inf80(sign80(a) ^ sign80(b))
    note_den(f, a)
    note_den(f, b)
    if is_zero(a) or is_zero(b):
        return zero80(sign80(a) ^ sign80(b))
    x = w_of(a)
    one = w_norm(1, 127, 0)
    if x.e < -2:
        log = one
        log.e = 1
        log = log_of(x, w_add(log, x))
        return times_y(f, log, b, 0)
    log = w_add(one, x)
    if log.s or log.m == 0:     # beyond the domain: undefined (SDM); the processors give back ST(0)
        f.ex |= SW_PE
        return a
    return times_y(f, log2_of(log), b, log.m == ONE)
