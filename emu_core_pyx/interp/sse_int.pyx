"""Integer SIMD arithmetic, logic, comparison, pack, unpack and shift, of MMX and SSE2 alike (SDM vol. 2).

An MMX operation is the XMM one on the low half; only those that combine halves differ (`mmx_op`).
The bitwise and interleaving instructions of SSE ("andps", "unpcklpd") compute nothing and live here too.
"""
from emu_core_pyx.types cimport acc_t, fast_t, slow_t, u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp.dispatch cimport miss, next_insn
from emu_core_pyx.interp.simd cimport V, load8, load16, low, lowq, mmx_get, mmx_put, store16, xmm
from emu_core_pyx.interp.simd_form cimport done, form_t, mmx_blocked, mmx_source, reg_t, slow_reg_t, xmm_source

cdef extern from "<emmintrin.h>" nogil:
    V _mm_add_epi8(V a, V b)
    V _mm_add_epi16(V a, V b)
    V _mm_add_epi32(V a, V b)
    V _mm_add_epi64(V a, V b)
    V _mm_sub_epi8(V a, V b)
    V _mm_sub_epi16(V a, V b)
    V _mm_sub_epi32(V a, V b)
    V _mm_sub_epi64(V a, V b)
    V _mm_adds_epi8(V a, V b)
    V _mm_adds_epi16(V a, V b)
    V _mm_adds_epu8(V a, V b)
    V _mm_adds_epu16(V a, V b)
    V _mm_subs_epi8(V a, V b)
    V _mm_subs_epi16(V a, V b)
    V _mm_subs_epu8(V a, V b)
    V _mm_subs_epu16(V a, V b)
    V _mm_mullo_epi16(V a, V b)
    V _mm_mulhi_epi16(V a, V b)
    V _mm_mulhi_epu16(V a, V b)
    V _mm_mul_epu32(V a, V b)
    V _mm_madd_epi16(V a, V b)
    V _mm_sad_epu8(V a, V b)
    V _mm_avg_epu8(V a, V b)
    V _mm_avg_epu16(V a, V b)
    V _mm_min_epu8(V a, V b)
    V _mm_max_epu8(V a, V b)
    V _mm_min_epi16(V a, V b)
    V _mm_max_epi16(V a, V b)
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
    V _mm_packs_epi16(V a, V b)
    V _mm_packs_epi32(V a, V b)
    V _mm_packus_epi16(V a, V b)
    V _mm_unpacklo_epi8(V a, V b)
    V _mm_unpacklo_epi16(V a, V b)
    V _mm_unpacklo_epi32(V a, V b)
    V _mm_unpackhi_epi8(V a, V b)
    V _mm_unpackhi_epi16(V a, V b)
    V _mm_unpackhi_epi32(V a, V b)
    V _mm_unpacklo_epi64(V a, V b)
    V _mm_unpackhi_epi64(V a, V b)
    V _mm_sll_epi16(V a, V b)
    V _mm_sll_epi32(V a, V b)
    V _mm_sll_epi64(V a, V b)
    V _mm_srl_epi16(V a, V b)
    V _mm_srl_epi32(V a, V b)
    V _mm_srl_epi64(V a, V b)
    V _mm_sra_epi16(V a, V b)
    V _mm_sra_epi32(V a, V b)

cdef extern from *:  # operation tags
    ctypedef struct paddb "char"
    ctypedef struct paddw "char"
    ctypedef struct paddd "char"
    ctypedef struct paddq "char"
    ctypedef struct psubb "char"
    ctypedef struct psubw "char"
    ctypedef struct psubd "char"
    ctypedef struct psubq "char"
    ctypedef struct paddsb "char"
    ctypedef struct paddsw "char"
    ctypedef struct paddusb "char"
    ctypedef struct paddusw "char"
    ctypedef struct psubsb "char"
    ctypedef struct psubsw "char"
    ctypedef struct psubusb "char"
    ctypedef struct psubusw "char"
    ctypedef struct pmullw "char"
    ctypedef struct pmulhw "char"
    ctypedef struct pmulhuw "char"
    ctypedef struct pmuludq "char"
    ctypedef struct pmaddwd "char"
    ctypedef struct psadbw "char"
    ctypedef struct pavgb "char"
    ctypedef struct pavgw "char"
    ctypedef struct pminub "char"
    ctypedef struct pmaxub "char"
    ctypedef struct pminsw "char"
    ctypedef struct pmaxsw "char"
    ctypedef struct pcmpeqb "char"
    ctypedef struct pcmpeqw "char"
    ctypedef struct pcmpeqd "char"
    ctypedef struct pcmpgtb "char"
    ctypedef struct pcmpgtw "char"
    ctypedef struct pcmpgtd "char"
    ctypedef struct pand "char"
    ctypedef struct pandn "char"
    ctypedef struct por "char"
    ctypedef struct pxor "char"
    ctypedef struct packsswb "char"
    ctypedef struct packssdw "char"
    ctypedef struct packuswb "char"
    ctypedef struct punpcklbw "char"
    ctypedef struct punpcklwd "char"
    ctypedef struct punpckldq "char"
    ctypedef struct punpckhbw "char"
    ctypedef struct punpckhwd "char"
    ctypedef struct punpckhdq "char"
    ctypedef struct punpcklqdq "char"
    ctypedef struct punpckhqdq "char"
    ctypedef struct andps "char"
    ctypedef struct andpd "char"
    ctypedef struct andnps "char"
    ctypedef struct andnpd "char"
    ctypedef struct orps "char"
    ctypedef struct orpd "char"
    ctypedef struct xorps "char"
    ctypedef struct xorpd "char"
    ctypedef struct unpcklps "char"
    ctypedef struct unpckhps "char"
    ctypedef struct unpcklpd "char"
    ctypedef struct unpckhpd "char"
    ctypedef struct psllw "char"
    ctypedef struct pslld "char"
    ctypedef struct psllq "char"
    ctypedef struct psrlw "char"
    ctypedef struct psrld "char"
    ctypedef struct psrlq "char"
    ctypedef struct psraw "char"
    ctypedef struct psrad "char"

ctypedef fused mmx_t:   # MMX and XMM
    paddb
    paddw
    paddd
    paddq
    psubb
    psubw
    psubd
    psubq
    paddsb
    paddsw
    paddusb
    paddusw
    psubsb
    psubsw
    psubusb
    psubusw
    pmullw
    pmulhw
    pmulhuw
    pmuludq
    pmaddwd
    psadbw
    pavgb
    pavgw
    pminub
    pmaxub
    pminsw
    pmaxsw
    pcmpeqb
    pcmpeqw
    pcmpeqd
    pcmpgtb
    pcmpgtw
    pcmpgtd
    pand
    pandn
    por
    pxor
    packsswb
    packssdw
    packuswb
    punpcklbw
    punpcklwd
    punpckldq
    punpckhbw
    punpckhwd
    punpckhdq

ctypedef fused vector_t:
    mmx_t
    punpcklqdq
    punpckhqdq
    andps
    andpd
    andnps
    andnpd
    orps
    orpd
    xorps
    xorpd
    unpcklps
    unpckhps
    unpcklpd
    unpckhpd

ctypedef fused unpack_high_t:
    punpckhbw
    punpckhwd
    punpckhdq

ctypedef fused unpack_low_t:
    punpcklbw
    punpcklwd
    punpckldq

ctypedef fused pack_t:
    packsswb
    packssdw
    packuswb

ctypedef fused shift_t:
    psllw
    pslld
    psllq
    psrlw
    psrld
    psrlq
    psraw
    psrad


cdef inline V vector_op(V a, V b, vector_t *o) noexcept nogil:
    if vector_t is paddb:
        return _mm_add_epi8(a, b)
    elif vector_t is paddw:
        return _mm_add_epi16(a, b)
    elif vector_t is paddd:
        return _mm_add_epi32(a, b)
    elif vector_t is paddq:
        return _mm_add_epi64(a, b)
    elif vector_t is psubb:
        return _mm_sub_epi8(a, b)
    elif vector_t is psubw:
        return _mm_sub_epi16(a, b)
    elif vector_t is psubd:
        return _mm_sub_epi32(a, b)
    elif vector_t is psubq:
        return _mm_sub_epi64(a, b)
    elif vector_t is paddsb:
        return _mm_adds_epi8(a, b)
    elif vector_t is paddsw:
        return _mm_adds_epi16(a, b)
    elif vector_t is paddusb:
        return _mm_adds_epu8(a, b)
    elif vector_t is paddusw:
        return _mm_adds_epu16(a, b)
    elif vector_t is psubsb:
        return _mm_subs_epi8(a, b)
    elif vector_t is psubsw:
        return _mm_subs_epi16(a, b)
    elif vector_t is psubusb:
        return _mm_subs_epu8(a, b)
    elif vector_t is psubusw:
        return _mm_subs_epu16(a, b)
    elif vector_t is pmullw:
        return _mm_mullo_epi16(a, b)
    elif vector_t is pmulhw:
        return _mm_mulhi_epi16(a, b)
    elif vector_t is pmulhuw:
        return _mm_mulhi_epu16(a, b)
    elif vector_t is pmuludq:
        return _mm_mul_epu32(a, b)
    elif vector_t is pmaddwd:
        return _mm_madd_epi16(a, b)
    elif vector_t is psadbw:
        return _mm_sad_epu8(a, b)
    elif vector_t is pavgb:
        return _mm_avg_epu8(a, b)
    elif vector_t is pavgw:
        return _mm_avg_epu16(a, b)
    elif vector_t is pminub:
        return _mm_min_epu8(a, b)
    elif vector_t is pmaxub:
        return _mm_max_epu8(a, b)
    elif vector_t is pminsw:
        return _mm_min_epi16(a, b)
    elif vector_t is pmaxsw:
        return _mm_max_epi16(a, b)
    elif vector_t is pcmpeqb:
        return _mm_cmpeq_epi8(a, b)
    elif vector_t is pcmpeqw:
        return _mm_cmpeq_epi16(a, b)
    elif vector_t is pcmpeqd:
        return _mm_cmpeq_epi32(a, b)
    elif vector_t is pcmpgtb:
        return _mm_cmpgt_epi8(a, b)
    elif vector_t is pcmpgtw:
        return _mm_cmpgt_epi16(a, b)
    elif vector_t is pcmpgtd:
        return _mm_cmpgt_epi32(a, b)
    elif vector_t is pand:
        return _mm_and_si128(a, b)
    elif vector_t is pandn:
        return _mm_andnot_si128(a, b)
    elif vector_t is por:
        return _mm_or_si128(a, b)
    elif vector_t is pxor:
        return _mm_xor_si128(a, b)
    elif vector_t is packsswb:
        return _mm_packs_epi16(a, b)
    elif vector_t is packssdw:
        return _mm_packs_epi32(a, b)
    elif vector_t is packuswb:
        return _mm_packus_epi16(a, b)
    elif vector_t is punpcklbw:
        return _mm_unpacklo_epi8(a, b)
    elif vector_t is punpcklwd:
        return _mm_unpacklo_epi16(a, b)
    elif vector_t is punpckldq:
        return _mm_unpacklo_epi32(a, b)
    elif vector_t is punpckhbw:
        return _mm_unpackhi_epi8(a, b)
    elif vector_t is punpckhwd:
        return _mm_unpackhi_epi16(a, b)
    elif vector_t is punpckhdq:
        return _mm_unpackhi_epi32(a, b)
    elif vector_t is punpcklqdq:
        return _mm_unpacklo_epi64(a, b)
    elif vector_t is punpckhqdq:
        return _mm_unpackhi_epi64(a, b)
    elif vector_t is andps:
        return _mm_and_si128(a, b)
    elif vector_t is andpd:
        return _mm_and_si128(a, b)
    elif vector_t is andnps:
        return _mm_andnot_si128(a, b)
    elif vector_t is andnpd:
        return _mm_andnot_si128(a, b)
    elif vector_t is orps:
        return _mm_or_si128(a, b)
    elif vector_t is orpd:
        return _mm_or_si128(a, b)
    elif vector_t is xorps:
        return _mm_xor_si128(a, b)
    elif vector_t is xorpd:
        return _mm_xor_si128(a, b)
    elif vector_t is unpcklps:
        return _mm_unpacklo_epi32(a, b)
    elif vector_t is unpckhps:
        return _mm_unpackhi_epi32(a, b)
    elif vector_t is unpcklpd:
        return _mm_unpacklo_epi64(a, b)
    elif vector_t is unpckhpd:
        return _mm_unpackhi_epi64(a, b)


cdef inline V shift_op(V a, V count, shift_t *o) noexcept nogil:
    """Counts beyond the element give zero (or the sign), as the instruction does."""
    if shift_t is psllw:
        return _mm_sll_epi16(a, count)
    elif shift_t is pslld:
        return _mm_sll_epi32(a, count)
    elif shift_t is psllq:
        return _mm_sll_epi64(a, count)
    elif shift_t is psrlw:
        return _mm_srl_epi16(a, count)
    elif shift_t is psrld:
        return _mm_srl_epi32(a, count)
    elif shift_t is psrlq:
        return _mm_srl_epi64(a, count)
    elif shift_t is psraw:
        return _mm_sra_epi16(a, count)
    elif shift_t is psrad:
        return _mm_sra_epi32(a, count)


cdef inline u64 mmx_op(u64 a, u64 b, mmx_t *o) noexcept nogil:
    if mmx_t in pack_t:
        return lowq(vector_op(_mm_unpacklo_epi64(low(a), low(b)), low(0), o))
    elif mmx_t is punpckhbw:
        return lowq(_mm_unpackhi_epi64(_mm_unpacklo_epi8(low(a), low(b)), low(0)))
    elif mmx_t is punpckhwd:
        return lowq(_mm_unpackhi_epi64(_mm_unpacklo_epi16(low(a), low(b)), low(0)))
    elif mmx_t is punpckhdq:
        return lowq(_mm_unpackhi_epi64(_mm_unpacklo_epi32(low(a), low(b)), low(0)))
    else:
        return lowq(vector_op(low(a), low(b), o))


cdef Insn *op_xmm(CPU *c, Insn *i, vector_t *o, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), vector_op(load16(xmm(c, i.dst)), load16(p), o))
    return done(c, i, a)


cdef Insn *op_mmx(CPU *c, Insn *i, mmx_t *o, form_t a) noexcept nogil:
    cdef u8 *p = mmx_source(c, i, 4 if mmx_t in unpack_low_t else 8, a)
    if p == NULL:
        return miss(c, i)
    if mmx_t in unpack_low_t:
        mmx_put(c, i.dst, mmx_op(mmx_get(c, i.dst), (<u32 *>p)[0], o))
    else:
        mmx_put(c, i.dst, mmx_op(mmx_get(c, i.dst), (<u64 *>p)[0], o))
    return done(c, i, a)


# ---- shifts: the count is the low quadword of a register or of memory, or imm8 ----

cdef Insn *shift_xmm(CPU *c, Insn *i, shift_t *o, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), shift_op(load16(xmm(c, i.dst)), load16(p), o))
    return done(c, i, a)


cdef Insn *shift_mmx(CPU *c, Insn *i, shift_t *o, form_t a) noexcept nogil:
    cdef u8 *p = mmx_source(c, i, 8, a)
    if p == NULL:
        return miss(c, i)
    mmx_put(c, i.dst, lowq(shift_op(low(mmx_get(c, i.dst)), load8(p), o)))
    return done(c, i, a)


cdef Insn *shift_xi(CPU *c, Insn *i, shift_t *o) noexcept nogil:
    store16(xmm(c, i.dst), shift_op(load16(xmm(c, i.dst)), low(i.imm & 0xFF), o))
    return next_insn(c, i)


cdef Insn *shift_pi(CPU *c, Insn *i, shift_t *o, acc_t a) noexcept nogil:
    if mmx_blocked(c, a):
        return miss(c, i)
    mmx_put(c, i.dst, lowq(shift_op(low(mmx_get(c, i.dst)), low(i.imm & 0xFF), o)))
    return next_insn(c, i)


cdef Insn *pslldq_xi(CPU *c, Insn *i) noexcept nogil:
    cdef u64 *q = c.s.xmm[i.dst].q
    cdef u32 n = <u32>(i.imm & 0xFF) * 8
    if n >= 64:
        q[1] = q[0] << (n - 64) if n < 128 else 0
        q[0] = 0
    elif n:
        q[1] = q[1] << n | q[0] >> (64 - n)
        q[0] <<= n
    return next_insn(c, i)


cdef Insn *psrldq_xi(CPU *c, Insn *i) noexcept nogil:
    cdef u64 *q = c.s.xmm[i.dst].q
    cdef u32 n = <u32>(i.imm & 0xFF) * 8
    if n >= 64:
        q[0] = q[1] >> (n - 64) if n < 128 else 0
        q[1] = 0
    elif n:
        q[0] = q[0] >> n | q[1] << (64 - n)
        q[1] >>= n
    return next_insn(c, i)


# ---- registration ----

cdef int add_xmm(Registry r, str name, vector_t *o) except -1:
    r.add(name + "_xx", 0, <handler_t>op_xmm[vector_t, reg_t], <handler_t>op_xmm[vector_t, reg_t])
    r.add(name + "_xm", 0, <handler_t>op_xmm[vector_t, fast_t], <handler_t>op_xmm[vector_t, slow_t])
    return 0


cdef int add_mmx(Registry r, str name, mmx_t *o) except -1:
    add_xmm(r, name, o)
    r.add(name + "_pp", 0, <handler_t>op_mmx[mmx_t, reg_t], <handler_t>op_mmx[mmx_t, slow_reg_t])
    r.add(name + "_pm", 0, <handler_t>op_mmx[mmx_t, fast_t], <handler_t>op_mmx[mmx_t, slow_t])
    return 0


cdef int add_shift(Registry r, str name, shift_t *o) except -1:
    r.add(name + "_xx", 0, <handler_t>shift_xmm[shift_t, reg_t], <handler_t>shift_xmm[shift_t, reg_t])
    r.add(name + "_xm", 0, <handler_t>shift_xmm[shift_t, fast_t], <handler_t>shift_xmm[shift_t, slow_t])
    r.add(name + "_xi", 0, <handler_t>shift_xi[shift_t], <handler_t>shift_xi[shift_t])
    r.add(name + "_pp", 0, <handler_t>shift_mmx[shift_t, reg_t], <handler_t>shift_mmx[shift_t, slow_reg_t])
    r.add(name + "_pm", 0, <handler_t>shift_mmx[shift_t, fast_t], <handler_t>shift_mmx[shift_t, slow_t])
    r.add(name + "_pi", 0, <handler_t>shift_pi[shift_t, fast_t], <handler_t>shift_pi[shift_t, slow_t])
    return 0


cdef int register(Registry r) except -1:
    add_mmx(r, "paddb", <paddb *>NULL)
    add_mmx(r, "paddw", <paddw *>NULL)
    add_mmx(r, "paddd", <paddd *>NULL)
    add_mmx(r, "paddq", <paddq *>NULL)
    add_mmx(r, "psubb", <psubb *>NULL)
    add_mmx(r, "psubw", <psubw *>NULL)
    add_mmx(r, "psubd", <psubd *>NULL)
    add_mmx(r, "psubq", <psubq *>NULL)
    add_mmx(r, "paddsb", <paddsb *>NULL)
    add_mmx(r, "paddsw", <paddsw *>NULL)
    add_mmx(r, "paddusb", <paddusb *>NULL)
    add_mmx(r, "paddusw", <paddusw *>NULL)
    add_mmx(r, "psubsb", <psubsb *>NULL)
    add_mmx(r, "psubsw", <psubsw *>NULL)
    add_mmx(r, "psubusb", <psubusb *>NULL)
    add_mmx(r, "psubusw", <psubusw *>NULL)
    add_mmx(r, "pmullw", <pmullw *>NULL)
    add_mmx(r, "pmulhw", <pmulhw *>NULL)
    add_mmx(r, "pmulhuw", <pmulhuw *>NULL)
    add_mmx(r, "pmuludq", <pmuludq *>NULL)
    add_mmx(r, "pmaddwd", <pmaddwd *>NULL)
    add_mmx(r, "psadbw", <psadbw *>NULL)
    add_mmx(r, "pavgb", <pavgb *>NULL)
    add_mmx(r, "pavgw", <pavgw *>NULL)
    add_mmx(r, "pminub", <pminub *>NULL)
    add_mmx(r, "pmaxub", <pmaxub *>NULL)
    add_mmx(r, "pminsw", <pminsw *>NULL)
    add_mmx(r, "pmaxsw", <pmaxsw *>NULL)
    add_mmx(r, "pcmpeqb", <pcmpeqb *>NULL)
    add_mmx(r, "pcmpeqw", <pcmpeqw *>NULL)
    add_mmx(r, "pcmpeqd", <pcmpeqd *>NULL)
    add_mmx(r, "pcmpgtb", <pcmpgtb *>NULL)
    add_mmx(r, "pcmpgtw", <pcmpgtw *>NULL)
    add_mmx(r, "pcmpgtd", <pcmpgtd *>NULL)
    add_mmx(r, "pand", <pand *>NULL)
    add_mmx(r, "pandn", <pandn *>NULL)
    add_mmx(r, "por", <por *>NULL)
    add_mmx(r, "pxor", <pxor *>NULL)
    add_mmx(r, "packsswb", <packsswb *>NULL)
    add_mmx(r, "packssdw", <packssdw *>NULL)
    add_mmx(r, "packuswb", <packuswb *>NULL)
    add_mmx(r, "punpcklbw", <punpcklbw *>NULL)
    add_mmx(r, "punpcklwd", <punpcklwd *>NULL)
    add_mmx(r, "punpckldq", <punpckldq *>NULL)
    add_mmx(r, "punpckhbw", <punpckhbw *>NULL)
    add_mmx(r, "punpckhwd", <punpckhwd *>NULL)
    add_mmx(r, "punpckhdq", <punpckhdq *>NULL)
    add_xmm(r, "punpcklqdq", <punpcklqdq *>NULL)
    add_xmm(r, "punpckhqdq", <punpckhqdq *>NULL)
    add_xmm(r, "andps", <andps *>NULL)
    add_xmm(r, "andpd", <andpd *>NULL)
    add_xmm(r, "andnps", <andnps *>NULL)
    add_xmm(r, "andnpd", <andnpd *>NULL)
    add_xmm(r, "orps", <orps *>NULL)
    add_xmm(r, "orpd", <orpd *>NULL)
    add_xmm(r, "xorps", <xorps *>NULL)
    add_xmm(r, "xorpd", <xorpd *>NULL)
    add_xmm(r, "unpcklps", <unpcklps *>NULL)
    add_xmm(r, "unpckhps", <unpckhps *>NULL)
    add_xmm(r, "unpcklpd", <unpcklpd *>NULL)
    add_xmm(r, "unpckhpd", <unpckhpd *>NULL)
    add_shift(r, "psllw", <psllw *>NULL)
    add_shift(r, "pslld", <pslld *>NULL)
    add_shift(r, "psllq", <psllq *>NULL)
    add_shift(r, "psrlw", <psrlw *>NULL)
    add_shift(r, "psrld", <psrld *>NULL)
    add_shift(r, "psrlq", <psrlq *>NULL)
    add_shift(r, "psraw", <psraw *>NULL)
    add_shift(r, "psrad", <psrad *>NULL)
    r.add("pslldq_xi", 0, pslldq_xi, pslldq_xi)
    r.add("psrldq_xi", 0, psrldq_xi, psrldq_xi)
    return 0
