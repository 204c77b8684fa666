"""SSE3: duplicating moves, horizontal and alternating add and subtract (SDM vol. 1 ch. 12.3, vol. 2).

FISTTP and LDDQU are with their kin; MONITOR and MWAIT are not emulated.  The arithmetic is ADDPS, SUBPS, ADDPD, SUBPD of
rearranged operands, done by the host under the guest's MXCSR (see simd.pxd).
"""
from emu_core_pyx.types cimport fast_t, slow_t, u8
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp.dispatch cimport miss
from emu_core_pyx.interp.simd cimport V, load8, load16, store16, xmm
from emu_core_pyx.interp.simd_form cimport done, form_t, reg_t, slow_form_t, slow_reg_t, unmasked, xmm_source
from emu_core_pyx.interp.simd_trap cimport ADD, SINGLE, SUB, lane_t, simd_trap

cdef extern from * nogil:
    """
    SIMD_OP(addps)
    SIMD_OP(addpd)
    SIMD_OP(subps)
    SIMD_OP(subpd)
    #define SIMD_SHUFFLE_PS(a, b, k) _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), k))
    static inline __m128i simd_even_ps(__m128i a, __m128i b) { return SIMD_SHUFFLE_PS(a, b, 0x88); }
    static inline __m128i simd_odd_ps(__m128i a, __m128i b) { return SIMD_SHUFFLE_PS(a, b, 0xDD); }
    static inline __m128i simd_sldup(__m128i a) { return _mm_shuffle_epi32(a, 0xA0); }
    static inline __m128i simd_shdup(__m128i a) { return _mm_shuffle_epi32(a, 0xF5); }
    static inline __m128i simd_evens_ps(void) { return _mm_set_epi32(0, -1, 0, -1); }
    static inline __m128i simd_evens_pd(void) { return _mm_set_epi32(0, 0, -1, -1); }
    static inline __m128i simd_sign_ps(void) { return _mm_set_epi32(0, 1u << 31, 0, 1u << 31); }
    static inline __m128i simd_sign_pd(void) { return _mm_set_epi32(0, 0, 1u << 31, 0); }
    """
    V simd_addps(V a, V b)
    V simd_addpd(V a, V b)
    V simd_subps(V a, V b)
    V simd_subpd(V a, V b)
    V even_ps "simd_even_ps"(V a, V b)
    V odd_ps "simd_odd_ps"(V a, V b)
    V sldup "simd_sldup"(V a)
    V shdup "simd_shdup"(V a)
    V evens_ps "simd_evens_ps"()
    V evens_pd "simd_evens_pd"()
    V sign_ps "simd_sign_ps"()          # of the even elements
    V sign_pd "simd_sign_pd"()
    V _mm_and_si128(V a, V b)
    V _mm_andnot_si128(V a, V b)
    V _mm_or_si128(V a, V b)
    V _mm_xor_si128(V a, V b)
    V _mm_unpacklo_epi64(V a, V b)
    V _mm_unpackhi_epi64(V a, V b)

cdef extern from *:  # operation tags
    ctypedef struct haddps "char"
    ctypedef struct haddpd "char"
    ctypedef struct hsubps "char"
    ctypedef struct hsubpd "char"
    ctypedef struct addsubps "char"
    ctypedef struct addsubpd "char"
    ctypedef struct movsldup "char"
    ctypedef struct movshdup "char"

ctypedef fused horizontal_t:
    haddps
    haddpd
    hsubps
    hsubpd

ctypedef fused arith_t:
    horizontal_t
    addsubps
    addsubpd

ctypedef fused dup_t:
    movsldup
    movshdup


cdef inline V left(V a, V b, arith_t *o) noexcept nogil:
    """First operands of the additions or subtractions."""
    if arith_t is haddps or arith_t is hsubps:
        return even_ps(a, b)
    elif arith_t is haddpd or arith_t is hsubpd:
        return _mm_unpacklo_epi64(a, b)
    else:
        return a


cdef inline V right(V a, V b, arith_t *o) noexcept nogil:
    if arith_t is haddps or arith_t is hsubps:
        return odd_ps(a, b)
    elif arith_t is haddpd or arith_t is hsubpd:
        return _mm_unpackhi_epi64(a, b)
    else:
        return b


cdef inline V alternate(V sub, V add, V evens) noexcept nogil:
    return _mm_or_si128(_mm_and_si128(sub, evens), _mm_andnot_si128(evens, add))


cdef inline V arith_op(V x, V y, arith_t *o) noexcept nogil:
    """Each half of ADDSUB works on zeros where its result is not wanted, so it raises nothing there."""
    cdef V m
    if arith_t is haddps:
        return simd_addps(x, y)
    elif arith_t is haddpd:
        return simd_addpd(x, y)
    elif arith_t is hsubps:
        return simd_subps(x, y)
    elif arith_t is hsubpd:
        return simd_subpd(x, y)
    elif arith_t is addsubps:
        m = evens_ps()
        return alternate(simd_subps(_mm_and_si128(x, m), _mm_and_si128(y, m)),
                         simd_addps(_mm_andnot_si128(m, x), _mm_andnot_si128(m, y)), m)
    else:
        m = evens_pd()
        return alternate(simd_subpd(_mm_and_si128(x, m), _mm_and_si128(y, m)),
                         simd_addpd(_mm_andnot_si128(m, x), _mm_andnot_si128(m, y)), m)


cdef bint arith_trap(CPU *c, V x, V y, V r, arith_t *o) noexcept nogil:
    """Slow twins, before the commit.  To simd_trap x - y is x + -y: only NaNs differ, and they are dealt with by then."""
    if arith_t is haddps:
        return simd_trap(c, x, y, r, <lane_t>simd_addps, ADD | SINGLE)
    elif arith_t is haddpd:
        return simd_trap(c, x, y, r, <lane_t>simd_addpd, ADD)
    elif arith_t is hsubps:
        return simd_trap(c, x, y, r, <lane_t>simd_subps, SUB | SINGLE)
    elif arith_t is hsubpd:
        return simd_trap(c, x, y, r, <lane_t>simd_subpd, SUB)
    elif arith_t is addsubps:
        return simd_trap(c, x, _mm_xor_si128(y, sign_ps()), r, <lane_t>simd_addps, ADD | SINGLE)
    else:
        return simd_trap(c, x, _mm_xor_si128(y, sign_pd()), r, <lane_t>simd_addpd, ADD)


cdef Insn *arith(CPU *c, Insn *i, arith_t *o, form_t a) noexcept nogil:
    cdef V x, y, r
    cdef u8 *p
    if unmasked(c, a):
        return miss(c, i)
    p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    x = left(load16(xmm(c, i.dst)), load16(p), o)
    y = right(load16(xmm(c, i.dst)), load16(p), o)
    r = arith_op(x, y, o)
    if form_t in slow_form_t:
        if c.simd_unmasked and arith_trap(c, x, y, r, o):
            return miss(c, i)
    store16(xmm(c, i.dst), r)
    return done(c, i, a)


# ---- moves ----

cdef inline V dup_op(V v, dup_t *o) noexcept nogil:
    if dup_t is movsldup:
        return sldup(v)
    else:
        return shdup(v)


cdef Insn *dup(CPU *c, Insn *i, dup_t *o, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), dup_op(load16(p), o))
    return done(c, i, a)


cdef Insn *movddup(CPU *c, Insn *i, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 8, a)
    cdef V v
    if p == NULL:
        return miss(c, i)
    v = load8(p)
    store16(xmm(c, i.dst), _mm_unpacklo_epi64(v, v))
    return done(c, i, a)


# ---- registration ----

cdef int add_arith(Registry r, str name, arith_t *o) except -1:
    r.add(name + "_xx", 0, <handler_t>arith[arith_t, reg_t], <handler_t>arith[arith_t, slow_reg_t])
    r.add(name + "_xm", 0, <handler_t>arith[arith_t, fast_t], <handler_t>arith[arith_t, slow_t])
    return 0


cdef int add_dup(Registry r, str name, dup_t *o) except -1:
    r.add(name + "_xx", 0, <handler_t>dup[dup_t, reg_t], <handler_t>dup[dup_t, reg_t])
    r.add(name + "_xm", 0, <handler_t>dup[dup_t, fast_t], <handler_t>dup[dup_t, slow_t])
    return 0


cdef int register(Registry r) except -1:
    add_arith(r, "haddps", <haddps *>NULL)
    add_arith(r, "haddpd", <haddpd *>NULL)
    add_arith(r, "hsubps", <hsubps *>NULL)
    add_arith(r, "hsubpd", <hsubpd *>NULL)
    add_arith(r, "addsubps", <addsubps *>NULL)
    add_arith(r, "addsubpd", <addsubpd *>NULL)
    add_dup(r, "movsldup", <movsldup *>NULL)
    add_dup(r, "movshdup", <movshdup *>NULL)
    r.add("movddup_xx", 0, <handler_t>movddup[reg_t], <handler_t>movddup[reg_t])
    r.add("movddup_xm", 0, <handler_t>movddup[fast_t], <handler_t>movddup[slow_t])
    return 0
