"""SSSE3 on MMX and XMM registers: shuffles, horizontal adds, signs, PMADDUBSW, PMULHRSW, PALIGNR (SDM vol. 1 ch. 12.6, vol. 2).

The host is not asked for more than SSE2.  An MMX operation is the XMM one on the low half, as in sse_int.pyx; those
that join their operands (`join_t`) take both as one vector, PSHUFB has a narrower index.
"""
from emu_core_pyx.types cimport fast_t, slow_t, u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp.dispatch cimport miss
from emu_core_pyx.interp.simd cimport V, load16, low, lowq, mmx_get, mmx_put, store16, xmm
from emu_core_pyx.interp.simd_form cimport done, form_t, mmx_source, reg_t, slow_reg_t, xmm_source

cdef extern from * nogil:
    """
    /* words or doublewords 0, 2, 4 ... of a, then of b; and 1, 3, 5 ... */
    static inline __m128i simd_even16(__m128i a, __m128i b)
    { return _mm_packs_epi32(_mm_srai_epi32(_mm_slli_epi32(a, 16), 16), _mm_srai_epi32(_mm_slli_epi32(b, 16), 16)); }
    static inline __m128i simd_odd16(__m128i a, __m128i b)
    { return _mm_packs_epi32(_mm_srai_epi32(a, 16), _mm_srai_epi32(b, 16)); }
    static inline __m128i simd_even32(__m128i a, __m128i b)
    { return _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), 0x88)); }
    static inline __m128i simd_odd32(__m128i a, __m128i b)
    { return _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), 0xDD)); }
    """
    V even16 "simd_even16"(V a, V b)
    V odd16 "simd_odd16"(V a, V b)
    V even32 "simd_even32"(V a, V b)
    V odd32 "simd_odd32"(V a, V b)

cdef extern from "<emmintrin.h>" nogil:
    V _mm_setzero_si128()
    V _mm_set1_epi8(int v)
    V _mm_set1_epi16(int v)
    V _mm_add_epi16(V a, V b)
    V _mm_add_epi32(V a, V b)
    V _mm_adds_epi16(V a, V b)
    V _mm_sub_epi8(V a, V b)
    V _mm_sub_epi16(V a, V b)
    V _mm_sub_epi32(V a, V b)
    V _mm_subs_epi16(V a, V b)
    V _mm_cmpeq_epi8(V a, V b)
    V _mm_cmpeq_epi16(V a, V b)
    V _mm_cmpeq_epi32(V a, V b)
    V _mm_cmpgt_epi8(V a, V b)
    V _mm_cmpgt_epi16(V a, V b)
    V _mm_cmpgt_epi32(V a, V b)
    V _mm_and_si128(V a, V b)
    V _mm_andnot_si128(V a, V b)
    V _mm_or_si128(V a, V b)
    V _mm_xor_si128(V a, V b)
    V _mm_mullo_epi16(V a, V b)
    V _mm_mulhi_epi16(V a, V b)
    V _mm_slli_epi16(V a, int n)
    V _mm_srli_epi16(V a, int n)
    V _mm_srai_epi16(V a, int n)
    V _mm_unpacklo_epi64(V a, V b)

cdef extern from *:  # operation tags
    ctypedef struct pshufb "char"
    ctypedef struct phaddw "char"
    ctypedef struct phaddd "char"
    ctypedef struct phaddsw "char"
    ctypedef struct phsubw "char"
    ctypedef struct phsubd "char"
    ctypedef struct phsubsw "char"
    ctypedef struct pmaddubsw "char"
    ctypedef struct pmulhrsw "char"
    ctypedef struct psignb "char"
    ctypedef struct psignw "char"
    ctypedef struct psignd "char"
    ctypedef struct pabsb "char"
    ctypedef struct pabsw "char"
    ctypedef struct pabsd "char"

ctypedef fused join_t:
    phaddw
    phaddd
    phaddsw
    phsubw
    phsubd
    phsubsw

ctypedef fused vector_t:
    pshufb
    join_t
    pmaddubsw
    pmulhrsw
    psignb
    psignw
    psignd
    pabsb
    pabsw
    pabsd


cdef V shuffle(V a, V k) noexcept nogil:
    cdef u8 from_[16]
    cdef u8 at[16]
    cdef u8 out[16]
    cdef u32 n
    store16(from_, a)
    store16(at, k)
    for n in range(16):
        out[n] = 0 if at[n] & 0x80 else from_[at[n] & 15]
    return load16(out)


cdef V align(V a, V b, u32 n) noexcept nogil:
    """Sixteen bytes of a:b from byte n on."""
    cdef u8 both[64]
    store16(both, b)
    store16(&both[16], a)
    store16(&both[32], low(0))
    store16(&both[48], low(0))
    return load16(&both[n if n < 32 else 32])


cdef inline V multiply_bytes(V a, V b) noexcept nogil:
    """Unsigned bytes times signed ones, sums of neighbours saturated."""
    return _mm_adds_epi16(
        _mm_mullo_epi16(_mm_and_si128(a, _mm_set1_epi16(0xFF)), _mm_srai_epi16(_mm_slli_epi16(b, 8), 8)),
        _mm_mullo_epi16(_mm_srli_epi16(a, 8), _mm_srai_epi16(b, 8)))


cdef inline V multiply_rounded(V a, V b) noexcept nogil:
    """Bits 15 to 30 of each product, plus bit 14."""
    cdef V lo = _mm_mullo_epi16(a, b)
    cdef V hi = _mm_mulhi_epi16(a, b)
    return _mm_add_epi16(_mm_or_si128(_mm_slli_epi16(hi, 1), _mm_srli_epi16(lo, 15)),
                         _mm_and_si128(_mm_srli_epi16(lo, 14), _mm_set1_epi16(1)))


cdef inline V vector_op(V a, V b, vector_t *o) noexcept nogil:
    cdef V zero = _mm_setzero_si128()
    cdef V s
    if vector_t is pshufb:
        return shuffle(a, b)
    elif vector_t is phaddw:
        return _mm_add_epi16(even16(a, b), odd16(a, b))
    elif vector_t is phaddd:
        return _mm_add_epi32(even32(a, b), odd32(a, b))
    elif vector_t is phaddsw:
        return _mm_adds_epi16(even16(a, b), odd16(a, b))
    elif vector_t is phsubw:
        return _mm_sub_epi16(even16(a, b), odd16(a, b))
    elif vector_t is phsubd:
        return _mm_sub_epi32(even32(a, b), odd32(a, b))
    elif vector_t is phsubsw:
        return _mm_subs_epi16(even16(a, b), odd16(a, b))
    elif vector_t is pmaddubsw:
        return multiply_bytes(a, b)
    elif vector_t is pmulhrsw:
        return multiply_rounded(a, b)
    elif vector_t is psignb:
        s = _mm_cmpgt_epi8(zero, b)
        return _mm_andnot_si128(_mm_cmpeq_epi8(b, zero), _mm_sub_epi8(_mm_xor_si128(a, s), s))
    elif vector_t is psignw:
        s = _mm_cmpgt_epi16(zero, b)
        return _mm_andnot_si128(_mm_cmpeq_epi16(b, zero), _mm_sub_epi16(_mm_xor_si128(a, s), s))
    elif vector_t is psignd:
        s = _mm_cmpgt_epi32(zero, b)
        return _mm_andnot_si128(_mm_cmpeq_epi32(b, zero), _mm_sub_epi32(_mm_xor_si128(a, s), s))
    elif vector_t is pabsb:
        s = _mm_cmpgt_epi8(zero, b)
        return _mm_sub_epi8(_mm_xor_si128(b, s), s)
    elif vector_t is pabsw:
        s = _mm_cmpgt_epi16(zero, b)
        return _mm_sub_epi16(_mm_xor_si128(b, s), s)
    elif vector_t is pabsd:
        s = _mm_cmpgt_epi32(zero, b)
        return _mm_sub_epi32(_mm_xor_si128(b, s), s)


cdef inline u64 mmx_op(u64 a, u64 b, vector_t *o) noexcept nogil:
    if vector_t in join_t:
        return lowq(vector_op(_mm_unpacklo_epi64(low(a), low(b)), low(0), o))
    elif vector_t is pshufb:
        return lowq(shuffle(low(a), _mm_and_si128(low(b), _mm_set1_epi8(0x87))))
    else:
        return lowq(vector_op(low(a), low(b), o))


cdef Insn *op_xmm(CPU *c, Insn *i, vector_t *o, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), vector_op(load16(xmm(c, i.dst)), load16(p), o))
    return done(c, i, a)


cdef Insn *op_mmx(CPU *c, Insn *i, vector_t *o, form_t a) noexcept nogil:
    cdef u8 *p = mmx_source(c, i, 8, a)
    if p == NULL:
        return miss(c, i)
    mmx_put(c, i.dst, mmx_op(mmx_get(c, i.dst), (<u64 *>p)[0], o))
    return done(c, i, a)


# ---- PALIGNR ----

cdef Insn *palignr_xmm(CPU *c, Insn *i, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), align(load16(xmm(c, i.dst)), load16(p), <u8>i.imm))
    return done(c, i, a)


cdef inline u64 align_mmx(u64 a, u64 b, u32 n) noexcept nogil:
    return lowq(align(low(0), _mm_unpacklo_epi64(low(b), low(a)), n))


cdef Insn *palignr_mmx(CPU *c, Insn *i, form_t a) noexcept nogil:
    cdef u8 *p = mmx_source(c, i, 8, a)
    if p == NULL:
        return miss(c, i)
    mmx_put(c, i.dst, align_mmx(mmx_get(c, i.dst), (<u64 *>p)[0], <u8>i.imm))
    return done(c, i, a)


# ---- registration ----

cdef int add(Registry r, str name, vector_t *o) except -1:
    r.add(name + "_xx", 0, <handler_t>op_xmm[vector_t, reg_t], <handler_t>op_xmm[vector_t, reg_t])
    r.add(name + "_xm", 0, <handler_t>op_xmm[vector_t, fast_t], <handler_t>op_xmm[vector_t, slow_t])
    r.add(name + "_pp", 0, <handler_t>op_mmx[vector_t, reg_t], <handler_t>op_mmx[vector_t, slow_reg_t])
    r.add(name + "_pm", 0, <handler_t>op_mmx[vector_t, fast_t], <handler_t>op_mmx[vector_t, slow_t])
    return 0


cdef int register(Registry r) except -1:
    add(r, "pshufb", <pshufb *>NULL)
    add(r, "phaddw", <phaddw *>NULL)
    add(r, "phaddd", <phaddd *>NULL)
    add(r, "phaddsw", <phaddsw *>NULL)
    add(r, "phsubw", <phsubw *>NULL)
    add(r, "phsubd", <phsubd *>NULL)
    add(r, "phsubsw", <phsubsw *>NULL)
    add(r, "pmaddubsw", <pmaddubsw *>NULL)
    add(r, "pmulhrsw", <pmulhrsw *>NULL)
    add(r, "psignb", <psignb *>NULL)
    add(r, "psignw", <psignw *>NULL)
    add(r, "psignd", <psignd *>NULL)
    add(r, "pabsb", <pabsb *>NULL)
    add(r, "pabsw", <pabsw *>NULL)
    add(r, "pabsd", <pabsd *>NULL)
    r.add("palignr_xxi", 0, <handler_t>palignr_xmm[reg_t], <handler_t>palignr_xmm[reg_t])
    r.add("palignr_xmi", 0, <handler_t>palignr_xmm[fast_t], <handler_t>palignr_xmm[slow_t])
    r.add("palignr_ppi", 0, <handler_t>palignr_mmx[reg_t], <handler_t>palignr_mmx[slow_reg_t])
    r.add("palignr_pmi", 0, <handler_t>palignr_mmx[fast_t], <handler_t>palignr_mmx[slow_t])
    return 0
