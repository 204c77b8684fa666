"""Floating-point arithmetic, comparison and approximation of SSE and SSE2 (SDM vol. 1 ch. 10-11, vol. 2).

The host executes the guest's operation under the guest's MXCSR (see simd.pxd).  RCPPS and RSQRTPS, which differ between
processors, are ours: the reciprocal (root) of the middle of an interval of 2^-11 (2^-10), rounded to 12 bits, as Intel's
hardware has had it for long.
"""
from emu_core_pyx.types cimport fast_t, slow_t, u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.flags cimport set_arith
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp.dispatch cimport miss
from emu_core_pyx.interp.simd cimport V, load16, low, ones, store16, xmm
from emu_core_pyx.interp.simd_form cimport done, form_t, load, reg_t, slow_form_t, slow_reg_t, unmasked, xmm_source
from emu_core_pyx.interp.simd_trap cimport ADD, DIV, MUL, NEVER, SCALAR, SINGLE, SUB, lane_t, simd_trap, simple_trap

cdef extern from * nogil:
    """
    SIMD_OP(addps)
    SIMD_OP(addpd)
    SIMD_OP(addss)
    SIMD_OP(addsd)
    SIMD_OP(subps)
    SIMD_OP(subpd)
    SIMD_OP(subss)
    SIMD_OP(subsd)
    SIMD_OP(mulps)
    SIMD_OP(mulpd)
    SIMD_OP(mulss)
    SIMD_OP(mulsd)
    SIMD_OP(divps)
    SIMD_OP(divpd)
    SIMD_OP(divss)
    SIMD_OP(divsd)
    SIMD_OP(minps)
    SIMD_OP(minpd)
    SIMD_OP(minss)
    SIMD_OP(minsd)
    SIMD_OP(maxps)
    SIMD_OP(maxpd)
    SIMD_OP(maxss)
    SIMD_OP(maxsd)
    SIMD_OP(sqrtps)
    SIMD_OP(sqrtpd)
    SIMD_OP(sqrtss)
    SIMD_OP(sqrtsd)
    SIMD_OP(cmpeqps)
    SIMD_OP(cmpeqpd)
    SIMD_OP(cmpeqss)
    SIMD_OP(cmpeqsd)
    SIMD_OP(cmpltps)
    SIMD_OP(cmpltpd)
    SIMD_OP(cmpltss)
    SIMD_OP(cmpltsd)
    SIMD_OP(cmpleps)
    SIMD_OP(cmplepd)
    SIMD_OP(cmpless)
    SIMD_OP(cmplesd)
    SIMD_OP(cmpunordps)
    SIMD_OP(cmpunordpd)
    SIMD_OP(cmpunordss)
    SIMD_OP(cmpunordsd)
    /* ZF, PF and CF of a compare, in their EFLAGS places */
    #define SIMD_COMPARE(op) static inline unsigned simd_##op(__m128i a, __m128i b) { unsigned char z, p, c; \\
        __asm__ volatile(#op " %4, %3; setz %0; setp %1; setc %2" \\
            : "=&q"(z), "=&q"(p), "=&q"(c) : "x"(a), "x"(b) : "cc"); return z << 6 | p << 2 | c; }
    SIMD_COMPARE(comiss)
    SIMD_COMPARE(comisd)
    SIMD_COMPARE(ucomiss)
    SIMD_COMPARE(ucomisd)
    """
    V simd_addps(V a, V b)
    V simd_addpd(V a, V b)
    V simd_addss(V a, V b)
    V simd_addsd(V a, V b)
    V simd_subps(V a, V b)
    V simd_subpd(V a, V b)
    V simd_subss(V a, V b)
    V simd_subsd(V a, V b)
    V simd_mulps(V a, V b)
    V simd_mulpd(V a, V b)
    V simd_mulss(V a, V b)
    V simd_mulsd(V a, V b)
    V simd_divps(V a, V b)
    V simd_divpd(V a, V b)
    V simd_divss(V a, V b)
    V simd_divsd(V a, V b)
    V simd_minps(V a, V b)
    V simd_minpd(V a, V b)
    V simd_minss(V a, V b)
    V simd_minsd(V a, V b)
    V simd_maxps(V a, V b)
    V simd_maxpd(V a, V b)
    V simd_maxss(V a, V b)
    V simd_maxsd(V a, V b)
    V simd_sqrtps(V a, V b)
    V simd_sqrtpd(V a, V b)
    V simd_sqrtss(V a, V b)
    V simd_sqrtsd(V a, V b)
    V simd_cmpeqps(V a, V b)
    V simd_cmpeqpd(V a, V b)
    V simd_cmpeqss(V a, V b)
    V simd_cmpeqsd(V a, V b)
    V simd_cmpltps(V a, V b)
    V simd_cmpltpd(V a, V b)
    V simd_cmpltss(V a, V b)
    V simd_cmpltsd(V a, V b)
    V simd_cmpleps(V a, V b)
    V simd_cmplepd(V a, V b)
    V simd_cmpless(V a, V b)
    V simd_cmplesd(V a, V b)
    V simd_cmpunordps(V a, V b)
    V simd_cmpunordpd(V a, V b)
    V simd_cmpunordss(V a, V b)
    V simd_cmpunordsd(V a, V b)
    u32 simd_comiss(V a, V b)
    u32 simd_comisd(V a, V b)
    u32 simd_ucomiss(V a, V b)
    u32 simd_ucomisd(V a, V b)
    V _mm_xor_si128(V a, V b)

cdef extern from *:  # operation tags
    ctypedef struct addps "char"
    ctypedef struct addpd "char"
    ctypedef struct addss "char"
    ctypedef struct addsd "char"
    ctypedef struct subps "char"
    ctypedef struct subpd "char"
    ctypedef struct subss "char"
    ctypedef struct subsd "char"
    ctypedef struct mulps "char"
    ctypedef struct mulpd "char"
    ctypedef struct mulss "char"
    ctypedef struct mulsd "char"
    ctypedef struct divps "char"
    ctypedef struct divpd "char"
    ctypedef struct divss "char"
    ctypedef struct divsd "char"
    ctypedef struct minps "char"
    ctypedef struct minpd "char"
    ctypedef struct minss "char"
    ctypedef struct minsd "char"
    ctypedef struct maxps "char"
    ctypedef struct maxpd "char"
    ctypedef struct maxss "char"
    ctypedef struct maxsd "char"
    ctypedef struct sqrtps "char"
    ctypedef struct sqrtpd "char"
    ctypedef struct sqrtss "char"
    ctypedef struct sqrtsd "char"
    ctypedef struct cmpps "char"
    ctypedef struct cmppd "char"
    ctypedef struct cmpss "char"
    ctypedef struct cmpsd "char"
    ctypedef struct comiss "char"
    ctypedef struct comisd "char"
    ctypedef struct ucomiss "char"
    ctypedef struct ucomisd "char"
    ctypedef struct rcpps "char"
    ctypedef struct rcpss "char"
    ctypedef struct rsqrtps "char"
    ctypedef struct rsqrtss "char"

ctypedef fused ps_t:
    addps
    subps
    mulps
    divps
    minps
    maxps
    sqrtps
    cmpps
    rcpps
    rsqrtps

ctypedef fused pd_t:
    addpd
    subpd
    mulpd
    divpd
    minpd
    maxpd
    sqrtpd
    cmppd

ctypedef fused ss_t:
    addss
    subss
    mulss
    divss
    minss
    maxss
    sqrtss
    cmpss
    comiss
    ucomiss
    rcpss
    rsqrtss

ctypedef fused sd_t:
    addsd
    subsd
    mulsd
    divsd
    minsd
    maxsd
    sqrtsd
    cmpsd
    comisd
    ucomisd

ctypedef fused arith_t:
    addps
    addpd
    addss
    addsd
    subps
    subpd
    subss
    subsd
    mulps
    mulpd
    mulss
    mulsd
    divps
    divpd
    divss
    divsd
    minps
    minpd
    minss
    minsd
    maxps
    maxpd
    maxss
    maxsd
    sqrtps
    sqrtpd
    sqrtss
    sqrtsd

ctypedef fused add_t:
    addps
    addpd
    addss
    addsd

ctypedef fused sub_t:
    subps
    subpd
    subss
    subsd

ctypedef fused mul_t:
    mulps
    mulpd
    mulss
    mulsd

ctypedef fused div_t:
    divps
    divpd
    divss
    divsd

ctypedef fused cmp_t:
    cmpps
    cmppd
    cmpss
    cmpsd

ctypedef fused comi_t:
    comiss
    comisd
    ucomiss
    ucomisd

ctypedef fused approx_t:
    rcpps
    rcpss
    rsqrtps
    rsqrtss

ctypedef fused float_t:
    arith_t
    cmp_t
    comi_t
    approx_t

cdef u16 rcp_mantissa[2048]     # 12 bits below the leading one, by the top 11 bits of the operand's fraction
cdef u16 rsqrt_mantissa[2048]   # ... by the exponent's parity and the top 10 bits


cdef inline u32 width(float_t *o) noexcept nogil:
    """Bytes of the second operand."""
    if float_t in ss_t:
        return 4
    elif float_t in sd_t:
        return 8
    else:
        return 16


cdef inline V arith_op(V a, V b, arith_t *o) noexcept nogil:
    if arith_t is addps:
        return simd_addps(a, b)
    elif arith_t is addpd:
        return simd_addpd(a, b)
    elif arith_t is addss:
        return simd_addss(a, b)
    elif arith_t is addsd:
        return simd_addsd(a, b)
    elif arith_t is subps:
        return simd_subps(a, b)
    elif arith_t is subpd:
        return simd_subpd(a, b)
    elif arith_t is subss:
        return simd_subss(a, b)
    elif arith_t is subsd:
        return simd_subsd(a, b)
    elif arith_t is mulps:
        return simd_mulps(a, b)
    elif arith_t is mulpd:
        return simd_mulpd(a, b)
    elif arith_t is mulss:
        return simd_mulss(a, b)
    elif arith_t is mulsd:
        return simd_mulsd(a, b)
    elif arith_t is divps:
        return simd_divps(a, b)
    elif arith_t is divpd:
        return simd_divpd(a, b)
    elif arith_t is divss:
        return simd_divss(a, b)
    elif arith_t is divsd:
        return simd_divsd(a, b)
    elif arith_t is minps:
        return simd_minps(a, b)
    elif arith_t is minpd:
        return simd_minpd(a, b)
    elif arith_t is minss:
        return simd_minss(a, b)
    elif arith_t is minsd:
        return simd_minsd(a, b)
    elif arith_t is maxps:
        return simd_maxps(a, b)
    elif arith_t is maxpd:
        return simd_maxpd(a, b)
    elif arith_t is maxss:
        return simd_maxss(a, b)
    elif arith_t is maxsd:
        return simd_maxsd(a, b)
    elif arith_t is sqrtps:
        return simd_sqrtps(a, b)
    elif arith_t is sqrtpd:
        return simd_sqrtpd(a, b)
    elif arith_t is sqrtss:
        return simd_sqrtss(a, b)
    elif arith_t is sqrtsd:
        return simd_sqrtsd(a, b)


cdef bint arith_trap(CPU *c, V x, V y, V r, arith_t *o) noexcept nogil:
    """Slow twins, before the commit."""
    cdef u32 how = NEVER, width = 0
    if arith_t in add_t:
        how = ADD
    elif arith_t in sub_t:
        how = SUB
    elif arith_t in mul_t:
        how = MUL
    elif arith_t in div_t:
        how = DIV
    if arith_t in ps_t:
        width = SINGLE
    elif arith_t in ss_t:
        width = SINGLE | SCALAR
    elif arith_t in sd_t:
        width = SCALAR
    return simd_trap(c, x, y, r, <lane_t>arith_op[arith_t], how | width if how != NEVER else NEVER)


cdef inline V cmp_op(V a, V b, u32 predicate, cmp_t *o) noexcept nogil:
    """EQ LT LE UNORD, and their negations; negated ones raise the same exceptions."""
    cdef V r
    if cmp_t is cmpps:
        if predicate & 3 == 1:
            r = simd_cmpltps(a, b)
        elif predicate & 3 == 2:
            r = simd_cmpleps(a, b)
        elif predicate & 3 == 0:
            r = simd_cmpeqps(a, b)
        else:
            r = simd_cmpunordps(a, b)
    elif cmp_t is cmppd:
        if predicate & 3 == 1:
            r = simd_cmpltpd(a, b)
        elif predicate & 3 == 2:
            r = simd_cmplepd(a, b)
        elif predicate & 3 == 0:
            r = simd_cmpeqpd(a, b)
        else:
            r = simd_cmpunordpd(a, b)
    elif cmp_t is cmpss:
        if predicate & 3 == 1:
            r = simd_cmpltss(a, b)
        elif predicate & 3 == 2:
            r = simd_cmpless(a, b)
        elif predicate & 3 == 0:
            r = simd_cmpeqss(a, b)
        else:
            r = simd_cmpunordss(a, b)
    elif cmp_t is cmpsd:
        if predicate & 3 == 1:
            r = simd_cmpltsd(a, b)
        elif predicate & 3 == 2:
            r = simd_cmplesd(a, b)
        elif predicate & 3 == 0:
            r = simd_cmpeqsd(a, b)
        else:
            r = simd_cmpunordsd(a, b)
    if predicate & 4:
        if cmp_t is cmpss:
            r = _mm_xor_si128(r, low(<u32>0xFFFFFFFF))
        elif cmp_t is cmpsd:
            r = _mm_xor_si128(r, low(~<u64>0))
        else:
            r = _mm_xor_si128(r, ones())
    return r


cdef inline u32 comi_op(V a, V b, comi_t *o) noexcept nogil:
    if comi_t is comiss:
        return simd_comiss(a, b)
    elif comi_t is comisd:
        return simd_comisd(a, b)
    elif comi_t is ucomiss:
        return simd_ucomiss(a, b)
    elif comi_t is ucomisd:
        return simd_ucomisd(a, b)


# ---- arithmetic ----

cdef Insn *arith(CPU *c, Insn *i, arith_t *o, form_t a) noexcept nogil:
    cdef V x, y, r
    cdef u8 *p
    if unmasked(c, a):
        return miss(c, i)
    p = xmm_source(c, i, width(o), a)
    if p == NULL:
        return miss(c, i)
    x = load16(xmm(c, i.dst))
    y = load(p, width(o))
    r = arith_op(x, y, o)
    if form_t in slow_form_t:
        if c.simd_unmasked and arith_trap(c, x, y, r, o):
            return miss(c, i)
    store16(xmm(c, i.dst), r)
    return done(c, i, a)


# ---- CMPccPS and kin ----

cdef Insn *compare(CPU *c, Insn *i, cmp_t *o, form_t a) noexcept nogil:
    cdef V r
    cdef u8 *p
    if unmasked(c, a):
        return miss(c, i)
    p = xmm_source(c, i, width(o), a)
    if p == NULL:
        return miss(c, i)
    r = cmp_op(load16(xmm(c, i.dst)), load(p, width(o)), <u32>i.imm, o)
    if form_t in slow_form_t:
        if c.simd_unmasked and simple_trap(c):
            return miss(c, i)
    store16(xmm(c, i.dst), r)
    return done(c, i, a)


# ---- COMISS, UCOMISS and kin ----

cdef Insn *comi(CPU *c, Insn *i, comi_t *o, form_t a) noexcept nogil:
    cdef u32 f
    cdef u8 *p
    if unmasked(c, a):
        return miss(c, i)
    p = xmm_source(c, i, width(o), a)
    if p == NULL:
        return miss(c, i)
    f = comi_op(load16(xmm(c, i.dst)), load(p, width(o)), o)
    if form_t in slow_form_t:
        if c.simd_unmasked and simple_trap(c):
            return miss(c, i)
    set_arith(c, f)
    return done(c, i, a)


# ---- approximations: no exceptions, MXCSR does not matter ----

cdef u32 rcp(u32 x) noexcept nogil:
    cdef u32 sign = x & <u32>0x80000000
    cdef u32 e = (x >> 23) & 0xFF
    if e == 0:                                  # zero and denormal
        return sign | 0x7F800000
    if e == 0xFF:
        return x | 0x400000 if x & 0x7FFFFF else sign
    if e >= 253:                                # would be denormal
        return sign
    return sign | (253 - e) << 23 | <u32>rcp_mantissa[(x >> 12) & 0x7FF] << 11


cdef u32 rsqrt(u32 x) noexcept nogil:
    cdef u32 e = (x >> 23) & 0xFF
    if e == 0:
        return x & <u32>0x80000000 | 0x7F800000
    if e == 0xFF and x & 0x7FFFFF:
        return x | 0x400000
    if x >> 31:
        return <u32>0xFFC00000
    if e == 0xFF:
        return 0
    return ((380 - e) >> 1) << 23 | <u32>rsqrt_mantissa[(x >> 13) & 0x7FF ^ 0x400] << 11


cdef inline void approximate(u32 *d, u32 *s, approx_t *o) noexcept nogil:
    cdef u32 k
    if approx_t is rcpps:
        for k in range(4):
            d[k] = rcp(s[k])
    elif approx_t is rcpss:
        d[0] = rcp(s[0])
    elif approx_t is rsqrtps:
        for k in range(4):
            d[k] = rsqrt(s[k])
    else:
        d[0] = rsqrt(s[0])


cdef Insn *approx(CPU *c, Insn *i, approx_t *o, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, width(o), a)
    if p == NULL:
        return miss(c, i)
    approximate(<u32 *>xmm(c, i.dst), <u32 *>p, o)
    return done(c, i, a)


cdef u64 isqrt(u64 v) noexcept:
    cdef u64 r = 0, bit = <u64>1 << 62
    while bit:
        if v >= r + bit:
            v -= r + bit
            r = (r >> 1) + bit
        else:
            r >>= 1
        bit >>= 2
    return r


cdef void make_tables() noexcept:
    """Mantissas of 1/x and 1/sqrt(x) at the middle of each interval, scaled by 2^13, rounded to nearest."""
    cdef u32 m
    cdef u64 d
    for m in range(2048):
        rcp_mantissa[m] = <u16>((((<u64>1 << 26) / (4097 + 2 * m) + 1) >> 1) - 4096)
        d = <u64>(2049 + 2 * (m & 0x3FF)) << (m >> 10)
        rsqrt_mantissa[m] = <u16>(((isqrt((<u64>1 << 39) / d) + 1) >> 1) - 4096)


# ---- registration ----

cdef int add_arith(Registry r, str name, arith_t *o) except -1:
    r.add(name + "_xx", 0, <handler_t>arith[arith_t, reg_t], <handler_t>arith[arith_t, slow_reg_t])
    r.add(name + "_xm", 0, <handler_t>arith[arith_t, fast_t], <handler_t>arith[arith_t, slow_t])
    return 0


cdef int add_cmp(Registry r, str name, cmp_t *o) except -1:
    r.add(name + "_xxi", 0, <handler_t>compare[cmp_t, reg_t], <handler_t>compare[cmp_t, slow_reg_t])
    r.add(name + "_xmi", 0, <handler_t>compare[cmp_t, fast_t], <handler_t>compare[cmp_t, slow_t])
    return 0


cdef int add_comi(Registry r, str name, comi_t *o) except -1:
    r.add(name + "_xx", 0, <handler_t>comi[comi_t, reg_t], <handler_t>comi[comi_t, slow_reg_t])
    r.add(name + "_xm", 0, <handler_t>comi[comi_t, fast_t], <handler_t>comi[comi_t, slow_t])
    return 0


cdef int add_approx(Registry r, str name, approx_t *o) except -1:
    r.add(name + "_xx", 0, <handler_t>approx[approx_t, reg_t], <handler_t>approx[approx_t, reg_t])
    r.add(name + "_xm", 0, <handler_t>approx[approx_t, fast_t], <handler_t>approx[approx_t, slow_t])
    return 0


cdef int register(Registry r) except -1:
    make_tables()
    add_arith(r, "addps", <addps *>NULL)
    add_arith(r, "addpd", <addpd *>NULL)
    add_arith(r, "addss", <addss *>NULL)
    add_arith(r, "addsd", <addsd *>NULL)
    add_arith(r, "subps", <subps *>NULL)
    add_arith(r, "subpd", <subpd *>NULL)
    add_arith(r, "subss", <subss *>NULL)
    add_arith(r, "subsd", <subsd *>NULL)
    add_arith(r, "mulps", <mulps *>NULL)
    add_arith(r, "mulpd", <mulpd *>NULL)
    add_arith(r, "mulss", <mulss *>NULL)
    add_arith(r, "mulsd", <mulsd *>NULL)
    add_arith(r, "divps", <divps *>NULL)
    add_arith(r, "divpd", <divpd *>NULL)
    add_arith(r, "divss", <divss *>NULL)
    add_arith(r, "divsd", <divsd *>NULL)
    add_arith(r, "minps", <minps *>NULL)
    add_arith(r, "minpd", <minpd *>NULL)
    add_arith(r, "minss", <minss *>NULL)
    add_arith(r, "minsd", <minsd *>NULL)
    add_arith(r, "maxps", <maxps *>NULL)
    add_arith(r, "maxpd", <maxpd *>NULL)
    add_arith(r, "maxss", <maxss *>NULL)
    add_arith(r, "maxsd", <maxsd *>NULL)
    add_arith(r, "sqrtps", <sqrtps *>NULL)
    add_arith(r, "sqrtpd", <sqrtpd *>NULL)
    add_arith(r, "sqrtss", <sqrtss *>NULL)
    add_arith(r, "sqrtsd", <sqrtsd *>NULL)
    add_cmp(r, "cmpps", <cmpps *>NULL)
    add_cmp(r, "cmppd", <cmppd *>NULL)
    add_cmp(r, "cmpss", <cmpss *>NULL)
    add_cmp(r, "cmpsd", <cmpsd *>NULL)
    add_comi(r, "comiss", <comiss *>NULL)
    add_comi(r, "comisd", <comisd *>NULL)
    add_comi(r, "ucomiss", <ucomiss *>NULL)
    add_comi(r, "ucomisd", <ucomisd *>NULL)
    add_approx(r, "rcpps", <rcpps *>NULL)
    add_approx(r, "rcpss", <rcpss *>NULL)
    add_approx(r, "rsqrtps", <rsqrtps *>NULL)
    add_approx(r, "rsqrtss", <rsqrtss *>NULL)
    return 0
