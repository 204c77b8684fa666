"""Basic arithmetic of the x87 in integers: see softfloat.pxd.

Not here: transcendental functions (transcendental.pyx), stack, tags and what an exception does (fpu.pyx).
Spec: SDM vol. 1, ch. 4 (Data Types) and 8 (Programming with the x87 FPU); IEEE 754-1985.
"""
from emu_core_pyx.types cimport i32, i64, u8, u16, u32, u64, u128
from emu_core_pyx.cpu.state cimport F80


cdef inline void shift_jam(u64 *hi, u64 *lo, u32 n) noexcept nogil:
    """hi.lo >> n, what falls out ORed into the last bit."""
    cdef u64 h = hi[0], low = lo[0], lost
    if n == 0:
        return
    if n < 64:
        lost = low << (64 - n)
        lo[0] = (low >> n) | (h << (64 - n)) | (lost != 0)
        hi[0] = h >> n
    elif n == 64:
        lo[0] = h | (low != 0)
        hi[0] = 0
    elif n < 128:
        lost = (h << (128 - n)) | low
        lo[0] = (h >> (n - 64)) | (lost != 0)
        hi[0] = 0
    else:
        lo[0] = (h | low) != 0
        hi[0] = 0


cdef u64 round_at(Fx *f, u32 sign, u64 hi, u64 lo, u32 drop) noexcept nogil:
    cdef u64 q = <u64>1 << drop, frac = lo
    cdef u64 half = <u64>1 << 63
    cdef u32 rc = (f.cw >> CW_RC_SHIFT) & 3
    if drop:
        frac = (hi << (64 - drop)) | (lo != 0)
        hi &= ~(q - 1)
    f.inexact = frac != 0
    f.carry = 0
    if rc == RC_NEAREST:
        f.up = frac > half or (frac == half and (hi & q) != 0)
    elif rc == RC_DOWN:
        f.up = sign and frac != 0
    elif rc == RC_UP:
        f.up = (not sign) and frac != 0
    else:
        f.up = 0
    if f.up:
        hi += q
        if hi < q:
            hi = half
            f.carry = 1
    return hi


cdef F80 round_pack(Fx *f, u32 sign, i32 exp, u64 hi, u64 lo, u32 drop) noexcept nogil:
    cdef u64 s
    cdef u32 rc = (f.cw >> CW_RC_SHIFT) & 3
    cdef bint tiny
    if exp <= 0:
        tiny = 1
        if exp == 0:
            round_at(f, sign, hi, lo, drop)
            tiny = not f.carry
        if tiny:
            if f.cw & CW_UM:
                shift_jam(&hi, &lo, <u32>(1 - exp))
                s = round_at(f, sign, hi, lo, drop)
                if f.inexact:
                    f.ex |= SW_UE | SW_PE
                    if f.up:
                        f.ex |= SW_C1
                return mk80(sign, <u32>(s >> 63), s)
            f.ex |= SW_UE
            exp += WRAP
            if exp <= 0:        # FSCALE can go beyond what scaling brings back
                f.ex |= SW_PE
                return zero80(sign)
    s = round_at(f, sign, hi, lo, drop)
    if f.carry:
        exp += 1
    if exp >= EXP_MAX:
        f.ex |= SW_OE
        if f.cw & CW_OM:
            f.ex |= SW_PE
            if rc == RC_NEAREST or (rc == RC_DOWN and sign) or (rc == RC_UP and not sign):
                f.ex |= SW_C1
                return inf80(sign)
            return mk80(sign, EXP_MAX - 1, <u64>0xFFFFFFFFFFFFFFFF << drop)
        exp -= WRAP
        if exp >= EXP_MAX:
            f.ex |= SW_PE | SW_C1
            return inf80(sign)
    if f.inexact:
        f.ex |= SW_PE
        if f.up:
            f.ex |= SW_C1
    return mk80(sign, <u32>exp, s)


cdef F80 pick_nan(Fx *f, F80 a, F80 b) noexcept nogil:
    cdef bint an = is_nan(a), bn = is_nan(b), sa = is_snan(a), sb = is_snan(b)
    if is_bad(a) or is_bad(b):
        f.ex |= SW_IE
        return nan80()
    if sa or sb:
        f.ex |= SW_IE
    a.sig |= <u64>1 << 62 if an else 0
    b.sig |= <u64>1 << 62 if bn else 0
    if not bn:
        return a
    if not an:
        return b
    if sa and not sb:
        return b
    if sb and not sa:
        return a
    if a.sig != b.sig:
        return a if a.sig > b.sig else b
    return b if sign80(a) else a


cdef inline bint odd_pair(F80 a, F80 b) noexcept nogil:
    """A NaN or an unsupported encoding is among them."""
    return is_bad(a) or is_bad(b) or is_nan(a) or is_nan(b)


cdef inline void note_den(Fx *f, F80 a, F80 b) noexcept nogil:
    if f.den or is_den(a) or is_den(b):
        f.ex |= SW_DE


cdef F80 x_add(Fx *f, F80 a, F80 b, u32 negate_b) noexcept nogil:
    cdef u32 sa = sign80(a), sb = sign80(b) ^ negate_b, drop = drop_of(f.cw)
    cdef u64 ma, mb, hi, lo, m
    cdef i32 ea, eb, e
    cdef int n
    cdef u128 x, y
    if odd_pair(a, b):
        return pick_nan(f, a, b)
    if is_inf(a):
        if is_inf(b) and sa != sb:
            f.ex |= SW_IE
            return nan80()
        note_den(f, a, b)
        return a
    note_den(f, a, b)
    if is_inf(b):
        return inf80(sb)
    if is_zero(a):
        if is_zero(b):
            return zero80(sa if sa == sb else (f.cw >> CW_RC_SHIFT) & 3 == RC_DOWN)
        eb = unpack(b, &mb)
        return round_pack(f, sb, eb, mb, 0, drop)
    if is_zero(b):
        ea = unpack(a, &ma)
        return round_pack(f, sa, ea, ma, 0, drop)
    ea = unpack(a, &ma)
    eb = unpack(b, &mb)
    if ea < eb or (ea == eb and ma < mb):       # a has the larger magnitude
        e = ea
        ea = eb
        eb = e
        m = ma
        ma = mb
        mb = m
        n = <int>sa
        sa = sb
        sb = <u32>n
    hi = mb
    lo = 0
    shift_jam(&hi, &lo, <u32>(ea - eb + 1))
    y = (<u128>hi << 64) | <u128>lo
    x = <u128>ma << 63
    if sa == sb:
        x = x + y
    else:
        x = x - y
        if x == 0:
            return zero80((f.cw >> CW_RC_SHIFT) & 3 == RC_DOWN)
    hi = <u64>(x >> 64)
    lo = <u64>x
    e = ea + 1
    if hi == 0:
        hi = lo
        lo = 0
        e -= 64
    n = clz64(hi)
    if n:
        hi = hi << n | lo >> (64 - n)
        lo = lo << n
        e -= n
    return round_pack(f, sa, e, hi, lo, drop)


cdef F80 x_mul(Fx *f, F80 a, F80 b) noexcept nogil:
    cdef u32 s = sign80(a) ^ sign80(b)
    cdef u64 ma, mb, hi, lo
    cdef i32 e
    cdef u128 x
    if odd_pair(a, b):
        return pick_nan(f, a, b)
    if is_inf(a) or is_inf(b):
        if is_zero(a) or is_zero(b):
            f.ex |= SW_IE
            return nan80()
        note_den(f, a, b)
        return inf80(s)
    note_den(f, a, b)
    if is_zero(a) or is_zero(b):
        return zero80(s)
    e = unpack(a, &ma)
    e += unpack(b, &mb) - BIAS + 1
    x = <u128>ma * <u128>mb
    hi = <u64>(x >> 64)
    lo = <u64>x
    if not hi >> 63:
        hi = hi << 1 | lo >> 63
        lo <<= 1
        e -= 1
    return round_pack(f, s, e, hi, lo, drop_of(f.cw))


cdef F80 x_div(Fx *f, F80 a, F80 b) noexcept nogil:
    cdef u32 s = sign80(a) ^ sign80(b)
    cdef u64 ma, mb, hi, lo
    cdef i32 e
    cdef u128 x, q
    if odd_pair(a, b):
        return pick_nan(f, a, b)
    if is_inf(a):
        if is_inf(b):
            f.ex |= SW_IE
            return nan80()
        note_den(f, a, b)
        return inf80(s)
    if is_inf(b):
        note_den(f, a, b)
        return zero80(s)
    if is_zero(b):
        if is_zero(a):
            f.ex |= SW_IE
            return nan80()
        f.ex |= SW_ZE
        return inf80(s)
    note_den(f, a, b)
    if is_zero(a):
        return zero80(s)
    e = unpack(a, &ma)
    e -= unpack(b, &mb) - BIAS
    if ma >= mb:
        x = <u128>ma << 63
    else:
        x = <u128>ma << 64
        e -= 1
    q = x / <u128>mb
    hi = <u64>q
    x = (x - q * <u128>mb) << 64
    q = x / <u128>mb
    lo = <u64>q
    if x != q * <u128>mb:
        lo |= 1
    return round_pack(f, s, e, hi, lo, drop_of(f.cw))


cdef F80 x_sqrt(Fx *f, F80 a) noexcept nogil:
    cdef u64 m, lo
    cdef i32 e
    cdef u128 x, root, bit, t
    if is_bad(a) or is_nan(a):
        return pick_nan(f, a, a)
    if is_zero(a):
        return a
    if sign80(a):
        f.ex |= SW_IE
        return nan80()
    if is_inf(a):
        return a
    note_den(f, a, a)
    e = unpack(a, &m) - BIAS
    if e & 1:
        x = <u128>m << 64
    else:
        x = <u128>m << 63
    root = 0
    bit = <u128>1 << 126
    while bit != 0:
        t = root + bit
        root = root >> 1
        if x >= t:
            x = x - t
            root = root + bit
        bit = bit >> 2
    # remainder against root + 1/2: never equal
    lo = 0
    if x != 0:
        lo = 1 if x <= root else <u64>0x8000000000000001
    return round_pack(f, 0, (e >> 1) + BIAS, <u64>root, lo, drop_of(f.cw))


cdef F80 x_rint(Fx *f, F80 a) noexcept nogil:
    cdef u64 hi, lo = 0
    cdef i32 e
    cdef int n
    if is_bad(a) or is_nan(a):
        return pick_nan(f, a, a)
    if is_zero(a) or exp80(a) >= BIAS + 63:
        return a
    note_den(f, a, a)
    e = unpack(a, &hi)
    shift_jam(&hi, &lo, <u32>(BIAS + 63 - e))
    hi = round_at(f, sign80(a), hi, lo, 0)
    if f.inexact:
        f.ex |= SW_PE
        if f.up:
            f.ex |= SW_C1
    if hi == 0:
        return zero80(sign80(a))
    n = clz64(hi)
    return mk80(sign80(a), <u32>(BIAS + 63 - n), hi << n)


cdef inline F80 plain(F80 a) noexcept nogil:
    """A pseudo-denormal as the normal number it is."""
    if a.sig >> 63 and not a.sexp & 0x7FFF:
        a.sexp |= 1
    return a


cdef F80 x_scale(Fx *f, F80 a, F80 b) noexcept nogil:
    cdef u64 m
    cdef i32 e, n
    cdef u32 eb
    if odd_pair(a, b):
        return pick_nan(f, a, b)
    if is_inf(b):
        if sign80(b):
            if is_inf(a):
                f.ex |= SW_IE
                return nan80()
            note_den(f, a, b)
            return zero80(sign80(a))
        if is_zero(a):
            f.ex |= SW_IE
            return nan80()
        note_den(f, a, b)
        return inf80(sign80(a))
    note_den(f, a, b)
    if is_inf(a) or is_zero(a):
        return a
    if is_zero(b):
        return plain(a)
    eb = exp80(b)
    n = 0
    if eb >= BIAS + 17:
        n = 0x20000
    elif eb >= BIAS:
        n = <i32>(b.sig >> (63 - (eb - BIAS)))
    e = unpack(a, &m)
    return round_pack(f, sign80(a), e - n if sign80(b) else e + n, m, 0, 0)


cdef F80 x_rem(Fx *f, F80 a, F80 b, bint nearest, u32 *cc) noexcept nogil:
    cdef u64 ma, mb, q = 0, r
    cdef i32 ea, eb, d, n
    cdef u32 s = sign80(a)
    cdef u128 x, y
    cc[0] = 0
    if odd_pair(a, b):
        return pick_nan(f, a, b)
    if is_inf(a) or is_zero(b):
        f.ex |= SW_IE
        return nan80()
    note_den(f, a, b)
    if is_zero(a):
        return a
    ea = unpack(a, &ma)
    if is_inf(b):
        return plain(a)
    eb = unpack(b, &mb)
    d = ea - eb
    if d >= 64:
        # partial: between 32 and 63 bits of quotient, so that the next exponent difference is a multiple of 32
        n = (d & 31) | 32
        r = <u64>((<u128>ma << n) % <u128>mb)
        cc[0] = SW_C2
        if r == 0:
            return zero80(s)
        n = d - n + eb
        d = clz64(r)
        return round_pack(f, s, n - d, r << d, 0, 0)
    if d < 0:
        # |a| < |b|; FPREM1 may still have quotient 1
        if not nearest or d < -1 or ma <= mb:
            return round_pack(f, s, ea, ma, 0, 0)
        # b/2 < a < b: a - b, of the other sign
        x = (<u128>mb << 1) - <u128>ma
        q = 1
        s ^= 1
        n = ea
    else:
        x = <u128>ma << d
        q = <u64>(x / <u128>mb)
        x = x % <u128>mb
        n = eb
        if nearest:
            y = <u128>mb - x
            if x > y or (x == y and q & 1):
                x = y
                q += 1
                s ^= 1
    if q & 1:
        cc[0] |= SW_C1
    if q & 2:
        cc[0] |= SW_C3
    if q & 4:
        cc[0] |= SW_C0
    if x == 0:
        return zero80(sign80(a))
    r = <u64>x
    d = clz64(r)
    return round_pack(f, s, n - d, r << d, 0, 0)


cdef F80 x_extract(Fx *f, F80 a, F80 *sig) noexcept nogil:
    cdef F80 r
    cdef u64 m
    cdef i32 e
    if is_bad(a) or is_nan(a):
        r = pick_nan(f, a, a)
        sig[0] = r
        return r
    if is_inf(a):
        sig[0] = a
        return inf80(0)
    if is_zero(a):
        f.ex |= SW_ZE
        sig[0] = a
        return inf80(1)
    note_den(f, a, a)
    e = unpack(a, &m)
    sig[0] = mk80(sign80(a), BIAS, m)
    return from_i64(e - BIAS)


cdef u32 x_compare(Fx *f, F80 a, F80 b, bint quiet) noexcept nogil:
    cdef u64 ma, mb
    cdef i32 ea, eb
    cdef u32 sa = sign80(a), sb = sign80(b)
    cdef bint less
    if odd_pair(a, b):
        if not quiet or is_bad(a) or is_bad(b) or is_snan(a) or is_snan(b):
            f.ex |= SW_IE
        return SW_C0 | SW_C2 | SW_C3
    note_den(f, a, b)
    if is_zero(a):
        if is_zero(b):
            return SW_C3
        return 0 if sb else SW_C0
    if is_zero(b):
        return SW_C0 if sa else 0
    if sa != sb:
        return SW_C0 if sa else 0
    ea = unpack(a, &ma)
    eb = unpack(b, &mb)
    if ea == eb and ma == mb:
        return SW_C3
    less = ma < mb if ea == eb else ea < eb
    return SW_C0 if less ^ <bint>sa else 0


cdef F80 from_f32(Fx *f, u32 v) noexcept nogil:
    cdef u32 e = (v >> 23) & 0xFF, s = v >> 31
    cdef u64 m = v & 0x7FFFFF
    cdef int n
    if e == 0:
        if m == 0:
            return zero80(s)
        f.den = 1
        n = clz64(m)
        return mk80(s, <u32>(BIAS - 126 + 40 - n), m << n)
    if e == 0xFF:
        return mk80(s, EXP_MAX, <u64>1 << 63 | m << 40)
    return mk80(s, e + BIAS - 127, <u64>1 << 63 | m << 40)


cdef F80 from_f64(Fx *f, u64 v) noexcept nogil:
    cdef u32 e = (v >> 52) & 0x7FF, s = <u32>(v >> 63)
    cdef u64 m = v & <u64>0xFFFFFFFFFFFFF
    cdef int n
    if e == 0:
        if m == 0:
            return zero80(s)
        f.den = 1
        n = clz64(m)
        return mk80(s, <u32>(BIAS - 1022 + 11 - n), m << n)
    if e == 0x7FF:
        return mk80(s, EXP_MAX, <u64>1 << 63 | m << 11)
    return mk80(s, e + BIAS - 1023, <u64>1 << 63 | m << 11)


cdef F80 from_i64(i64 v) noexcept nogil:
    cdef u64 m = <u64>v
    cdef int n
    if v == 0:
        return zero80(0)
    if v < 0:
        m = 0 - m
    n = clz64(m)
    return mk80(v < 0, <u32>(BIAS + 63 - n), m << n)


cdef u64 to_small(Fx *f, F80 a, u32 mbits, i32 bias) noexcept nogil:
    """IEEE format with mbits of precision and this bias, without the sign."""
    cdef u64 hi, lo = 0, inf = <u64>(2 * bias + 1) << (mbits - 1)
    cdef u32 drop = 64 - mbits, s = sign80(a), rc = (f.cw >> CW_RC_SHIFT) & 3
    cdef i32 e
    cdef bint tiny
    if is_zero(a):
        return 0
    if is_inf(a):
        return inf
    e = unpack(a, &hi) - BIAS + bias
    if e <= 0:
        tiny = 1
        if e == 0:
            round_at(f, s, hi, lo, drop)
            tiny = not f.carry
        if tiny:
            if not f.cw & CW_UM:
                f.ex |= SW_UE
                return 0
            shift_jam(&hi, &lo, <u32>(1 - e))
            hi = round_at(f, s, hi, lo, drop)
            if f.inexact:
                f.ex |= SW_UE | SW_PE
                if f.up:
                    f.ex |= SW_C1
            return hi >> drop
    hi = round_at(f, s, hi, lo, drop)
    if f.carry:
        e += 1
    if e > 2 * bias:
        f.ex |= SW_OE
        if not f.cw & CW_OM:
            return 0
        f.ex |= SW_PE
        if rc == RC_NEAREST or (rc == RC_DOWN and s) or (rc == RC_UP and not s):
            f.ex |= SW_C1
            return inf
        return inf - 1
    if f.inexact:
        f.ex |= SW_PE
        if f.up:
            f.ex |= SW_C1
    return (<u64>(e - 1) << (mbits - 1)) + (hi >> drop)


cdef u32 to_f32(Fx *f, F80 a) noexcept nogil:
    if is_bad(a) or is_nan(a):
        a = pick_nan(f, a, a)
        return <u32>sign80(a) << 31 | <u32>0x7F800000 | <u32>(a.sig >> 40) & <u32>0x7FFFFF
    return <u32>sign80(a) << 31 | <u32>to_small(f, a, 24, 127)


cdef u64 to_f64(Fx *f, F80 a) noexcept nogil:
    if is_bad(a) or is_nan(a):
        a = pick_nan(f, a, a)
        return <u64>sign80(a) << 63 | <u64>0x7FF0000000000000 | (a.sig >> 11) & <u64>0xFFFFFFFFFFFFF
    return <u64>sign80(a) << 63 | to_small(f, a, 53, 1023)


cdef u64 to_mag(Fx *f, F80 a) noexcept nogil:
    """Magnitude rounded to an integer, for |a| < 2**64; SW_IE where it is larger or no number."""
    cdef u64 hi, lo = 0
    cdef i32 e
    if is_bad(a) or exp80(a) > BIAS + 63:
        f.ex |= SW_IE
        return 0
    if is_zero(a):
        return 0
    e = unpack(a, &hi)
    shift_jam(&hi, &lo, <u32>(BIAS + 63 - e))
    hi = round_at(f, sign80(a), hi, lo, 0)
    if f.carry:
        f.ex |= SW_IE
    elif f.inexact:
        f.ex |= SW_PE
        if f.up:
            f.ex |= SW_C1
    return hi


cdef i64 to_int(Fx *f, F80 a, u32 bits) noexcept nogil:
    cdef u64 m = to_mag(f, a), top = <u64>1 << (bits - 1)
    if m > top or (m == top and not sign80(a)):
        f.ex |= SW_IE
    if f.ex & SW_IE:
        f.ex = SW_IE
        return <i64>(0 - top)
    return <i64>(0 - m) if sign80(a) else <i64>m


cdef F80 from_bcd(const u8 *p) noexcept nogil:
    cdef u64 v = 0
    cdef int k
    cdef F80 r
    for k in range(8, -1, -1):
        v = v * 100 + (p[k] >> 4) * 10 + (p[k] & 15)
    r = from_i64(<i64>v)
    r.sexp |= <u16>((p[9] & 0x80) << 8)
    return r


cdef void to_bcd(Fx *f, F80 a, u8 *p) noexcept nogil:
    cdef u64 m = to_mag(f, a)
    cdef int k
    if f.ex & SW_IE or m > <u64>999999999999999999:
        f.ex = SW_IE
        for k in range(7):
            p[k] = 0
        p[7] = 0xC0
        p[8] = 0xFF
        p[9] = 0xFF
        return
    for k in range(9):
        p[k] = <u8>(m % 10 | (m / 10) % 10 << 4)
        m = m / 100
    p[9] = <u8>(sign80(a) << 7)
