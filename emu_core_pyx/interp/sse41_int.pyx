"""SSE4.1 on integers, and what moves elements of any kind: blends, extensions, inserts, extracts (SDM vol. 1 ch. 12.10, vol. 2).

The host is not asked for more than SSE2.
"""
from emu_core_pyx.types cimport acc_t, fast_t, slow_t, u8, u16, u32, u64, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport F_CF, F_ZF
from emu_core_pyx.cpu.flags cimport set_arith
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp.dispatch cimport finish, miss, next_insn
from emu_core_pyx.interp.simd cimport V, load16, low, rd16, rdn, store16, wrn, xmm
from emu_core_pyx.interp.simd_form cimport done, form_t, gpr_source, load, reg_t, xmm_source

cdef extern from * nogil:
    """
    static inline __m128i simd_swap32(__m128i a) { return _mm_shuffle_epi32(a, 0xB1); }
    static inline __m128i simd_dup_odd32(__m128i a) { return _mm_shuffle_epi32(a, 0xF5); }
    static inline __m128i simd_select(__m128i m, __m128i a, __m128i b)
    { return _mm_or_si128(_mm_andnot_si128(m, a), _mm_and_si128(m, b)); }
    /* elements whose bit in imm is set */
    static inline __m128i simd_mask16(int imm)
    { __m128i k = _mm_set_epi16(128, 64, 32, 16, 8, 4, 2, 1); return _mm_cmpeq_epi16(_mm_and_si128(_mm_set1_epi16(imm), k), k); }
    static inline __m128i simd_mask32(int imm)
    { __m128i k = _mm_set_epi32(8, 4, 2, 1); return _mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32(imm), k), k); }
    static inline __m128i simd_mask64(int imm)
    { __m128i k = _mm_set_epi32(2, 2, 1, 1); return _mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32(imm), k), k); }
    static inline __m128i simd_mul_even(__m128i a, __m128i b)  /* doublewords 0 and 2, low halves of the products there */
    { return _mm_shuffle_epi32(_mm_mul_epu32(a, b), 0xE8); }
    """
    V swap32 "simd_swap32"(V a)
    V dup_odd32 "simd_dup_odd32"(V a)
    V select "simd_select"(V m, V a, V b)       # b where the mask is set
    V mask16 "simd_mask16"(int imm)
    V mask32 "simd_mask32"(int imm)
    V mask64 "simd_mask64"(int imm)
    V mul_even "simd_mul_even"(V a, V b)

cdef extern from "<emmintrin.h>" nogil:
    V _mm_setzero_si128()
    V _mm_set1_epi16(short v)
    V _mm_set1_epi32(int v)
    V _mm_add_epi16(V a, V b)
    V _mm_add_epi32(V a, V b)
    V _mm_sub_epi16(V a, V b)
    V _mm_sub_epi32(V a, V b)
    V _mm_sub_epi64(V a, V b)
    V _mm_subs_epu16(V a, V b)
    V _mm_cmpeq_epi32(V a, V b)
    V _mm_cmpgt_epi8(V a, V b)
    V _mm_cmpgt_epi16(V a, V b)
    V _mm_cmpgt_epi32(V a, V b)
    V _mm_and_si128(V a, V b)
    V _mm_andnot_si128(V a, V b)
    V _mm_xor_si128(V a, V b)
    V _mm_packs_epi32(V a, V b)
    V _mm_mul_epu32(V a, V b)
    V _mm_slli_epi64(V a, int n)
    V _mm_srli_epi64(V a, int n)
    V _mm_srai_epi16(V a, int n)
    V _mm_srai_epi32(V a, int n)
    V _mm_unpacklo_epi8(V a, V b)
    V _mm_unpacklo_epi16(V a, V b)
    V _mm_unpacklo_epi32(V a, V b)

cdef extern from *:  # operation tags
    ctypedef struct pblendvb "char"
    ctypedef struct blendvps "char"
    ctypedef struct blendvpd "char"
    ctypedef struct pmuldq "char"
    ctypedef struct pmulld "char"
    ctypedef struct pcmpeqq "char"
    ctypedef struct packusdw "char"
    ctypedef struct pminsb "char"
    ctypedef struct pminsd "char"
    ctypedef struct pminuw "char"
    ctypedef struct pminud "char"
    ctypedef struct pmaxsb "char"
    ctypedef struct pmaxsd "char"
    ctypedef struct pmaxuw "char"
    ctypedef struct pmaxud "char"
    ctypedef struct phminposuw "char"
    ctypedef struct pmovsxbw "char"
    ctypedef struct pmovsxbd "char"
    ctypedef struct pmovsxbq "char"
    ctypedef struct pmovsxwd "char"
    ctypedef struct pmovsxwq "char"
    ctypedef struct pmovsxdq "char"
    ctypedef struct pmovzxbw "char"
    ctypedef struct pmovzxbd "char"
    ctypedef struct pmovzxbq "char"
    ctypedef struct pmovzxwd "char"
    ctypedef struct pmovzxwq "char"
    ctypedef struct pmovzxdq "char"
    ctypedef struct mpsadbw "char"
    ctypedef struct pblendw "char"
    ctypedef struct blendps "char"
    ctypedef struct blendpd "char"

ctypedef fused blendv_t:
    pblendvb
    blendvps
    blendvpd

ctypedef fused vector_t:
    pmuldq
    pmulld
    pcmpeqq
    packusdw
    pminsb
    pminsd
    pminuw
    pminud
    pmaxsb
    pmaxsd
    pmaxuw
    pmaxud
    phminposuw

ctypedef fused extend8_t:       # from a quadword
    pmovsxbw
    pmovsxwd
    pmovsxdq
    pmovzxbw
    pmovzxwd
    pmovzxdq

ctypedef fused extend4_t:
    pmovsxbd
    pmovsxwq
    pmovzxbd
    pmovzxwq

ctypedef fused extend_t:
    extend8_t
    extend4_t
    pmovsxbq
    pmovzxbq

ctypedef fused imm_t:
    mpsadbw
    pblendw
    blendps
    blendpd


cdef V least_word(V v) noexcept nogil:
    """PHMINPOSUW: the least word and the index of its first occurrence."""
    cdef u16 w[8]
    cdef u32 k, at = 0
    store16(w, v)
    for k in range(1, 8):
        if w[k] < w[at]:
            at = k
    return low(w[at] | at << 16)


cdef V sums(V a, V b, u32 imm) noexcept nogil:
    """MPSADBW: one block of four bytes of b against eight places in a."""
    cdef u8 x[16]
    cdef u8 y[16]
    cdef u16 out[8]
    cdef u32 k, n, d, at = 4 if imm & 4 else 0, block = (imm & 3) * 4
    store16(x, a)
    store16(y, b)
    for k in range(8):
        out[k] = 0
        for n in range(4):
            d = <u32>x[at + k + n] - <u32>y[block + n]
            out[k] += <u16>(d if d < 256 else 0 - d)
    return load16(out)


cdef inline V unsigned_less(V a, V b) noexcept nogil:
    cdef V sign = _mm_set1_epi32(<int>0x80000000)
    return _mm_cmpgt_epi32(_mm_xor_si128(b, sign), _mm_xor_si128(a, sign))


cdef inline V multiply_signed(V a, V b) noexcept nogil:
    """The unsigned product, less b where a is negative and a where b is, in the upper half."""
    cdef V more = _mm_add_epi32(_mm_and_si128(_mm_srai_epi32(a, 31), b), _mm_and_si128(_mm_srai_epi32(b, 31), a))
    return _mm_sub_epi64(_mm_mul_epu32(a, b), _mm_slli_epi64(more, 32))


cdef inline V pack_unsigned(V v) noexcept nogil:
    """Negative doublewords become 0, the others less 0x8000, for a signed pack."""
    return _mm_sub_epi32(_mm_andnot_si128(_mm_srai_epi32(v, 31), v), _mm_set1_epi32(0x8000))


cdef inline V vector_op(V a, V b, vector_t *o) noexcept nogil:
    if vector_t is pmuldq:
        return multiply_signed(a, b)
    elif vector_t is pmulld:
        return _mm_unpacklo_epi32(mul_even(a, b), mul_even(_mm_srli_epi64(a, 32), _mm_srli_epi64(b, 32)))
    elif vector_t is pcmpeqq:
        a = _mm_cmpeq_epi32(a, b)
        return _mm_and_si128(a, swap32(a))
    elif vector_t is packusdw:
        return _mm_xor_si128(_mm_packs_epi32(pack_unsigned(a), pack_unsigned(b)), _mm_set1_epi16(<short>0x8000))
    elif vector_t is pminsb:
        return select(_mm_cmpgt_epi8(a, b), a, b)
    elif vector_t is pminsd:
        return select(_mm_cmpgt_epi32(a, b), a, b)
    elif vector_t is pminuw:
        return _mm_sub_epi16(a, _mm_subs_epu16(a, b))
    elif vector_t is pminud:
        return select(unsigned_less(b, a), a, b)
    elif vector_t is pmaxsb:
        return select(_mm_cmpgt_epi8(b, a), a, b)
    elif vector_t is pmaxsd:
        return select(_mm_cmpgt_epi32(b, a), a, b)
    elif vector_t is pmaxuw:
        return _mm_add_epi16(b, _mm_subs_epu16(a, b))
    elif vector_t is pmaxud:
        return select(unsigned_less(a, b), a, b)
    elif vector_t is phminposuw:
        return least_word(b)


cdef inline V sign8(V v) noexcept nogil:
    return _mm_cmpgt_epi8(_mm_setzero_si128(), v)


cdef inline V sign16(V v) noexcept nogil:
    return _mm_srai_epi16(v, 15)


cdef inline V sign32(V v) noexcept nogil:
    return _mm_srai_epi32(v, 31)


cdef inline V extend_op(V v, extend_t *o) noexcept nogil:
    cdef V zero = _mm_setzero_si128()
    if extend_t is pmovsxbw:
        return _mm_unpacklo_epi8(v, sign8(v))
    elif extend_t is pmovsxbd:
        v = _mm_unpacklo_epi8(v, sign8(v))
        return _mm_unpacklo_epi16(v, sign16(v))
    elif extend_t is pmovsxbq:
        v = _mm_unpacklo_epi8(v, sign8(v))
        v = _mm_unpacklo_epi16(v, sign16(v))
        return _mm_unpacklo_epi32(v, sign32(v))
    elif extend_t is pmovsxwd:
        return _mm_unpacklo_epi16(v, sign16(v))
    elif extend_t is pmovsxwq:
        v = _mm_unpacklo_epi16(v, sign16(v))
        return _mm_unpacklo_epi32(v, sign32(v))
    elif extend_t is pmovsxdq:
        return _mm_unpacklo_epi32(v, sign32(v))
    elif extend_t is pmovzxbw:
        return _mm_unpacklo_epi8(v, zero)
    elif extend_t is pmovzxbd:
        return _mm_unpacklo_epi16(_mm_unpacklo_epi8(v, zero), zero)
    elif extend_t is pmovzxbq:
        return _mm_unpacklo_epi32(_mm_unpacklo_epi16(_mm_unpacklo_epi8(v, zero), zero), zero)
    elif extend_t is pmovzxwd:
        return _mm_unpacklo_epi16(v, zero)
    elif extend_t is pmovzxwq:
        return _mm_unpacklo_epi32(_mm_unpacklo_epi16(v, zero), zero)
    elif extend_t is pmovzxdq:
        return _mm_unpacklo_epi32(v, zero)


cdef inline V imm_op(V a, V b, int imm, imm_t *o) noexcept nogil:
    if imm_t is mpsadbw:
        return sums(a, b, <u32>imm)
    elif imm_t is pblendw:
        return select(mask16(imm), a, b)
    elif imm_t is blendps:
        return select(mask32(imm), a, b)
    else:
        return select(mask64(imm), a, b)


cdef inline V blendv_op(V a, V b, V m, blendv_t *o) noexcept nogil:
    if blendv_t is pblendvb:
        return select(sign8(m), a, b)
    elif blendv_t is blendvps:
        return select(sign32(m), a, b)
    else:
        return select(dup_odd32(sign32(m)), a, b)


# ---- the forms ----

cdef Insn *op(CPU *c, Insn *i, vector_t *o, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), vector_op(load16(xmm(c, i.dst)), load16(p), o))
    return done(c, i, a)


cdef Insn *op_imm(CPU *c, Insn *i, imm_t *o, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), imm_op(load16(xmm(c, i.dst)), load16(p), i.imm, o))
    return done(c, i, a)


cdef Insn *blendv(CPU *c, Insn *i, blendv_t *o, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), blendv_op(load16(xmm(c, i.dst)), load16(p), load16(xmm(c, 0)), o))
    return done(c, i, a)


cdef Insn *extend(CPU *c, Insn *i, extend_t *o, form_t a) noexcept nogil:
    cdef u32 n = 8 if extend_t in extend8_t else 4 if extend_t in extend4_t else 2
    cdef u8 *p = xmm_source(c, i, n, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), extend_op(low((<u16 *>p)[0]) if n == 2 else load(p, n), o))
    return done(c, i, a)


# ---- PTEST, MOVNTDQA ----

cdef inline void test_bits(CPU *c, u64 *x, u64 *y) noexcept nogil:
    cdef u32 f = F_ZF if (x[0] & y[0] | x[1] & y[1]) == 0 else 0
    set_arith(c, f | (F_CF if (~x[0] & y[0] | ~x[1] & y[1]) == 0 else 0))


cdef Insn *ptest(CPU *c, Insn *i, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    test_bits(c, <u64 *>xmm(c, i.dst), <u64 *>p)
    return done(c, i, a)


cdef Insn *movntdqa_xm(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = rd16(c, i, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), load16(p))
    return finish(c, i, a)


# ---- PINSRB, PINSRD, PINSRQ, PEXTRB, PEXTRW, PEXTRD, PEXTRQ, EXTRACTPS ----

cdef inline uint_t *element(CPU *c, u8 n, u32 k, uint_t t) noexcept nogil:
    return <uint_t *>xmm(c, n) + (k & (16 // sizeof(uint_t) - 1))


cdef Insn *pinsr(CPU *c, Insn *i, uint_t t, form_t a) noexcept nogil:
    cdef uint_t *p = gpr_source(c, i, t, a)
    if form_t in acc_t:
        if p == NULL:
            return miss(c, i)
    element(c, i.dst, <u32>i.imm, t)[0] = p[0]
    return done(c, i, a)


cdef Insn *pextr_rxi(CPU *c, Insn *i, uint_t t) noexcept nogil:
    (<u64 *>(<u8 *>c + i.dst))[0] = element(c, i.src, <u32>i.imm, t)[0]
    return next_insn(c, i)


cdef Insn *pextr_mxi(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u8 *p = wrn(c, i, sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    (<uint_t *>p)[0] = element(c, i.src, <u32>i.imm, t)[0]
    return finish(c, i, a)


# ---- INSERTPS ----

cdef inline void insert(CPU *c, Insn *i, u32 v) noexcept nogil:
    """imm8: the source's element (register form), the destination's, and which to clear then."""
    (<u32 *>xmm(c, i.dst))[i.imm >> 4 & 3] = v
    store16(xmm(c, i.dst), _mm_andnot_si128(mask32(i.imm), load16(xmm(c, i.dst))))


cdef Insn *insertps_xxi(CPU *c, Insn *i) noexcept nogil:
    insert(c, i, (<u32 *>xmm(c, i.src))[i.imm >> 6 & 3])
    return next_insn(c, i)


cdef Insn *insertps_xmi(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = rdn(c, i, 4, a)
    if p == NULL:
        return miss(c, i)
    insert(c, i, (<u32 *>p)[0])
    return finish(c, i, a)


# ---- registration ----

cdef int add(Registry r, str name, vector_t *o) except -1:
    r.add(name + "_xx", 0, <handler_t>op[vector_t, reg_t], <handler_t>op[vector_t, reg_t])
    r.add(name + "_xm", 0, <handler_t>op[vector_t, fast_t], <handler_t>op[vector_t, slow_t])
    return 0


cdef int add_imm(Registry r, str name, imm_t *o) except -1:
    r.add(name + "_xxi", 0, <handler_t>op_imm[imm_t, reg_t], <handler_t>op_imm[imm_t, reg_t])
    r.add(name + "_xmi", 0, <handler_t>op_imm[imm_t, fast_t], <handler_t>op_imm[imm_t, slow_t])
    return 0


cdef int add_blendv(Registry r, str name, blendv_t *o) except -1:
    r.add(name + "_xx", 0, <handler_t>blendv[blendv_t, reg_t], <handler_t>blendv[blendv_t, reg_t])
    r.add(name + "_xm", 0, <handler_t>blendv[blendv_t, fast_t], <handler_t>blendv[blendv_t, slow_t])
    return 0


cdef int add_extend(Registry r, str name, extend_t *o) except -1:
    r.add(name + "_xx", 0, <handler_t>extend[extend_t, reg_t], <handler_t>extend[extend_t, reg_t])
    r.add(name + "_xm", 0, <handler_t>extend[extend_t, fast_t], <handler_t>extend[extend_t, slow_t])
    return 0


cdef int add_element(Registry r, str letter, uint_t t) except -1:
    r.add(f"pextr{letter}_mxi", 0, <handler_t>pextr_mxi[uint_t, fast_t], <handler_t>pextr_mxi[uint_t, slow_t])
    if letter != "w":       # of SSE2
        r.add(f"pextr{letter}_rxi", 0, <handler_t>pextr_rxi[uint_t], <handler_t>pextr_rxi[uint_t])
        r.add(f"pinsr{letter}_xri", 0, <handler_t>pinsr[uint_t, reg_t], <handler_t>pinsr[uint_t, reg_t])
        r.add(f"pinsr{letter}_xmi", 0, <handler_t>pinsr[uint_t, fast_t], <handler_t>pinsr[uint_t, slow_t])
    return 0


cdef int register(Registry r) except -1:
    add(r, "pmuldq", <pmuldq *>NULL)
    add(r, "pmulld", <pmulld *>NULL)
    add(r, "pcmpeqq", <pcmpeqq *>NULL)
    add(r, "packusdw", <packusdw *>NULL)
    add(r, "pminsb", <pminsb *>NULL)
    add(r, "pminsd", <pminsd *>NULL)
    add(r, "pminuw", <pminuw *>NULL)
    add(r, "pminud", <pminud *>NULL)
    add(r, "pmaxsb", <pmaxsb *>NULL)
    add(r, "pmaxsd", <pmaxsd *>NULL)
    add(r, "pmaxuw", <pmaxuw *>NULL)
    add(r, "pmaxud", <pmaxud *>NULL)
    add(r, "phminposuw", <phminposuw *>NULL)
    add_imm(r, "mpsadbw", <mpsadbw *>NULL)
    add_imm(r, "pblendw", <pblendw *>NULL)
    add_imm(r, "blendps", <blendps *>NULL)
    add_imm(r, "blendpd", <blendpd *>NULL)
    add_blendv(r, "pblendvb", <pblendvb *>NULL)
    add_blendv(r, "blendvps", <blendvps *>NULL)
    add_blendv(r, "blendvpd", <blendvpd *>NULL)
    add_extend(r, "pmovsxbw", <pmovsxbw *>NULL)
    add_extend(r, "pmovsxbd", <pmovsxbd *>NULL)
    add_extend(r, "pmovsxbq", <pmovsxbq *>NULL)
    add_extend(r, "pmovsxwd", <pmovsxwd *>NULL)
    add_extend(r, "pmovsxwq", <pmovsxwq *>NULL)
    add_extend(r, "pmovsxdq", <pmovsxdq *>NULL)
    add_extend(r, "pmovzxbw", <pmovzxbw *>NULL)
    add_extend(r, "pmovzxbd", <pmovzxbd *>NULL)
    add_extend(r, "pmovzxbq", <pmovzxbq *>NULL)
    add_extend(r, "pmovzxwd", <pmovzxwd *>NULL)
    add_extend(r, "pmovzxwq", <pmovzxwq *>NULL)
    add_extend(r, "pmovzxdq", <pmovzxdq *>NULL)
    add_element(r, "b", <u8>0)
    add_element(r, "w", <u16>0)
    add_element(r, "d", <u32>0)
    add_element(r, "q", <u64>0)
    r.add("extractps_rxi", 0, <handler_t>pextr_rxi[u32], <handler_t>pextr_rxi[u32])
    r.add("extractps_mxi", 0, <handler_t>pextr_mxi[u32, fast_t], <handler_t>pextr_mxi[u32, slow_t])
    r.add("insertps_xxi", 0, insertps_xxi, insertps_xxi)
    r.add("insertps_xmi", 0, <handler_t>insertps_xmi[fast_t], <handler_t>insertps_xmi[slow_t])
    r.add("ptest_xx", 0, <handler_t>ptest[reg_t], <handler_t>ptest[reg_t])
    r.add("ptest_xm", 0, <handler_t>ptest[fast_t], <handler_t>ptest[slow_t])
    r.add("movntdqa_xm", 0, <handler_t>movntdqa_xm[fast_t], <handler_t>movntdqa_xm[slow_t])
    return 0
