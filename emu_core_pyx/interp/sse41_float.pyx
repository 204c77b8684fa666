"""SSE4.1 on floating-point numbers: ROUNDPS and kin, DPPS and DPPD (SDM vol. 1 ch. 12.10, vol. 2).

Rounding is done on the bit patterns (there is no such instruction in SSE2) and leaves its flags in the host's MXCSR, as
the arithmetic does.  A dot product is its multiplication and additions, each with its own exceptions.
"""
from emu_core_pyx.types cimport fast_t, slow_t, u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport EXC_NONE
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp.dispatch cimport miss
from emu_core_pyx.interp.simd cimport (
    MXCSR_DAZ, MXCSR_IE, MXCSR_PE, MXCSR_RC, V, _mm_getcsr, _mm_setcsr, load16, merge4, merge_low, store16, xmm,
)
from emu_core_pyx.interp.simd_form cimport done, form_t, load, reg_t, slow_form_t, slow_reg_t, unmasked, xmm_source
from emu_core_pyx.interp.simd_trap cimport ADD, MUL, SINGLE, lane_t, simd_trap, simple_trap

cdef extern from * nogil:
    """
    SIMD_OP(mulps)
    SIMD_OP(mulpd)
    SIMD_OP(addps)
    SIMD_OP(addpd)
    /* the elements of v whose bit in imm is set, the others zero */
    static inline __m128i simd_keep32(__m128i v, int imm)
    { __m128i k = _mm_set_epi32(8, 4, 2, 1);
      return _mm_and_si128(v, _mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32(imm), k), k)); }
    static inline __m128i simd_keep64(__m128i v, int imm)
    { __m128i k = _mm_set_epi32(2, 2, 1, 1);
      return _mm_and_si128(v, _mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32(imm), k), k)); }
    static inline __m128i simd_swap32(__m128i v) { return _mm_shuffle_epi32(v, 0xB1); }
    static inline __m128i simd_swap64(__m128i v) { return _mm_shuffle_epi32(v, 0x4E); }
    """
    V simd_mulps(V a, V b)
    V simd_mulpd(V a, V b)
    V simd_addps(V a, V b)
    V simd_addpd(V a, V b)
    V keep32 "simd_keep32"(V v, int imm)
    V keep64 "simd_keep64"(V v, int imm)
    V swap32 "simd_swap32"(V v)
    V swap64 "simd_swap64"(V v)

cdef extern from *:  # operation tags
    ctypedef struct roundps "char"
    ctypedef struct roundpd "char"
    ctypedef struct roundss "char"
    ctypedef struct roundsd "char"
    ctypedef struct dpps "char"
    ctypedef struct dppd "char"

ctypedef fused round_t:
    roundps
    roundpd
    roundss
    roundsd

ctypedef fused dot_t:
    dpps
    dppd

cdef enum:
    ROUND_NEAREST = 0       # as MXCSR.RC
    ROUND_DOWN = 1
    ROUND_UP = 2
    ROUND_ZERO = 3
    IMM_MXCSR = 4           # imm8: take the mode from MXCSR; do not signal precision
    IMM_QUIET = 8


cdef u64 rounded(u64 x, u32 fraction, u32 exponent, u32 mode, bint daz, u32 *flags) noexcept nogil:
    """x, with so many bits of fraction and exponent, rounded to an integer."""
    cdef u64 e_mask = (<u64>1 << exponent) - 1, e = x >> fraction & e_mask, bias = e_mask >> 1
    cdef u64 f = x & ((<u64>1 << fraction) - 1), sign = x >> (fraction + exponent) << (fraction + exponent)
    cdef u64 unit, rest
    if e == e_mask:
        if f != 0:
            unit = <u64>1 << (fraction - 1)
            if not x & unit:
                flags[0] |= MXCSR_IE
            x |= unit
        return x
    if e == 0 and (f == 0 or daz):
        return sign
    if e >= bias + fraction:
        return x
    if e < bias:
        flags[0] |= MXCSR_PE
        if (mode == ROUND_NEAREST and e == bias - 1 and f != 0 or mode == ROUND_DOWN and sign
                or mode == ROUND_UP and not sign):
            return sign | bias << fraction
        return sign
    unit = <u64>1 << (bias + fraction - e)
    rest = x & (unit - 1)
    if rest == 0:
        return x
    flags[0] |= MXCSR_PE
    x -= rest
    if mode == ROUND_NEAREST:
        if 2 * rest > unit or 2 * rest == unit and x & unit:
            x += unit
    elif mode == ROUND_UP and not sign or mode == ROUND_DOWN and sign:
        x += unit
    return x


cdef V round_vector(CPU *c, V v, u32 imm, bint single, u32 n) noexcept nogil:
    """The first n elements."""
    cdef u64 q[2]
    cdef u32 *d = <u32 *>q
    cdef u32 k, flags = 0
    cdef u32 mode = (c.s.fpu.mxcsr & MXCSR_RC) >> 13 if imm & IMM_MXCSR else imm & 3
    cdef bint daz = c.s.fpu.mxcsr & MXCSR_DAZ != 0
    store16(q, v)
    for k in range(n):
        if single:
            d[k] = <u32>rounded(d[k], 23, 8, mode, daz, &flags)
        else:
            q[k] = rounded(q[k], 52, 11, mode, daz, &flags)
    if imm & IMM_QUIET:
        flags &= ~<u32>MXCSR_PE
    if flags:
        _mm_setcsr(_mm_getcsr() | flags)
    return load16(q)


cdef inline V round_op(CPU *c, V a, V b, u32 imm, round_t *o) noexcept nogil:
    if round_t is roundps:
        return round_vector(c, b, imm, 1, 4)
    elif round_t is roundpd:
        return round_vector(c, b, imm, 0, 2)
    elif round_t is roundss:
        return merge4(a, round_vector(c, b, imm, 1, 1))
    else:
        return merge_low(a, round_vector(c, b, imm, 0, 1))


cdef Insn *op_round(CPU *c, Insn *i, round_t *o, form_t a) noexcept nogil:
    cdef u32 n = 4 if round_t is roundss else 8 if round_t is roundsd else 16
    cdef V r
    cdef u8 *p
    if unmasked(c, a):
        return miss(c, i)
    p = xmm_source(c, i, n, a)
    if p == NULL:
        return miss(c, i)
    r = round_op(c, load16(xmm(c, i.dst)), load(p, n), <u32>i.imm, o)
    if form_t in slow_form_t:
        if c.simd_unmasked and simple_trap(c):
            return miss(c, i)
    store16(xmm(c, i.dst), r)
    return done(c, i, a)


# ---- dot products ----

cdef V dot_ps(CPU *c, V x, V y, u32 imm) noexcept nogil:
    """Every element is summed for itself, which shows in the choice between two NaNs.

    Ends early with c.exc set where a step raises an exception the guest has unmasked.
    """
    cdef V r
    x = keep32(x, imm >> 4)
    y = keep32(y, imm >> 4)
    r = simd_mulps(x, y)
    if c.simd_unmasked and simd_trap(c, x, y, r, <lane_t>simd_mulps, MUL | SINGLE):
        return r
    x = swap32(r)
    y = r
    r = simd_addps(x, y)
    if c.simd_unmasked and simd_trap(c, x, y, r, <lane_t>simd_addps, ADD | SINGLE):
        return r
    x = r
    y = swap64(r)
    r = simd_addps(x, y)
    if c.simd_unmasked and simd_trap(c, x, y, r, <lane_t>simd_addps, ADD | SINGLE):
        return r
    return keep32(r, imm)


cdef V dot_pd(CPU *c, V x, V y, u32 imm) noexcept nogil:
    cdef V r
    x = keep64(x, imm >> 4)
    y = keep64(y, imm >> 4)
    r = simd_mulpd(x, y)
    if c.simd_unmasked and simd_trap(c, x, y, r, <lane_t>simd_mulpd, MUL):
        return r
    x = r
    y = swap64(r)
    r = simd_addpd(x, y)
    if c.simd_unmasked and simd_trap(c, x, y, r, <lane_t>simd_addpd, ADD):
        return r
    return keep64(r, imm)


cdef Insn *op_dot(CPU *c, Insn *i, dot_t *o, form_t a) noexcept nogil:
    cdef V r
    cdef u8 *p
    if unmasked(c, a):
        return miss(c, i)
    p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    if dot_t is dpps:
        r = dot_ps(c, load16(xmm(c, i.dst)), load16(p), <u32>i.imm)
    else:
        r = dot_pd(c, load16(xmm(c, i.dst)), load16(p), <u32>i.imm)
    if form_t in slow_form_t:
        if c.exc != EXC_NONE:
            return miss(c, i)
    store16(xmm(c, i.dst), r)
    return done(c, i, a)


# ---- registration ----

cdef int add_round(Registry r, str name, round_t *o) except -1:
    r.add(name + "_xxi", 0, <handler_t>op_round[round_t, reg_t], <handler_t>op_round[round_t, slow_reg_t])
    r.add(name + "_xmi", 0, <handler_t>op_round[round_t, fast_t], <handler_t>op_round[round_t, slow_t])
    return 0


cdef int add_dot(Registry r, str name, dot_t *o) except -1:
    r.add(name + "_xxi", 0, <handler_t>op_dot[dot_t, reg_t], <handler_t>op_dot[dot_t, slow_reg_t])
    r.add(name + "_xmi", 0, <handler_t>op_dot[dot_t, fast_t], <handler_t>op_dot[dot_t, slow_t])
    return 0


cdef int register(Registry r) except -1:
    add_round(r, "roundps", <roundps *>NULL)
    add_round(r, "roundpd", <roundpd *>NULL)
    add_round(r, "roundss", <roundss *>NULL)
    add_round(r, "roundsd", <roundsd *>NULL)
    add_dot(r, "dpps", <dpps *>NULL)
    add_dot(r, "dppd", <dppd *>NULL)
    return 0
