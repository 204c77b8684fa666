"""Conversions between the number formats of SSE, SSE2, MMX and the general registers (SDM vol. 2, CVT*).

The host converts under the guest's MXCSR (see simd.pxd).  The MMX forms are their XMM counterparts on a zero-extended
low half.  Forms with a general register have size 4 or 8, the integer's.
"""
from emu_core_pyx.types cimport acc_t, fast_t, slow_t, u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp.dispatch cimport miss
from emu_core_pyx.interp.simd cimport V, load16, low, lowq, merge_low, mmx_put, mmx_touch, rdn, store16, xmm
from emu_core_pyx.interp.simd_form cimport (
    done, form_t, gpr_source, load, mmx_blocked, mmx_source, reg_t, slow_form_t, slow_reg_t, unmasked, xmm_source,
)
from emu_core_pyx.interp.simd_trap cimport NARROW, NEVER, SCALAR, SINGLE, lane_t, simd_trap, simple_trap
from emu_core_pyx.mmu.access cimport put

cdef extern from * nogil:
    """
    SIMD_OP(cvtdq2ps)
    SIMD_OP(cvtdq2pd)
    SIMD_OP(cvtps2dq)
    SIMD_OP(cvttps2dq)
    SIMD_OP(cvtpd2dq)
    SIMD_OP(cvttpd2dq)
    SIMD_OP(cvtps2pd)
    SIMD_OP(cvtpd2ps)
    SIMD_OP(cvtss2sd)
    SIMD_OP(cvtsd2ss)
    #define SIMD_FROM_INT(op, suffix, type) static inline __m128i simd_##op##suffix(__m128i a, type r) \\
        { __asm__ volatile(#op #suffix " %1, %0" : "+x"(a) : "r"(r)); return a; }
    SIMD_FROM_INT(cvtsi2ss, l, unsigned)
    SIMD_FROM_INT(cvtsi2ss, q, unsigned long long)
    SIMD_FROM_INT(cvtsi2sd, l, unsigned)
    SIMD_FROM_INT(cvtsi2sd, q, unsigned long long)
    #define SIMD_TO_INT(op, suffix, type) static inline type simd_##op##suffix(__m128i a) \\
        { type r; __asm__ volatile(#op " %1, %0" : "=r"(r) : "x"(a)); return r; }
    SIMD_TO_INT(cvtss2si, l, unsigned)
    SIMD_TO_INT(cvtss2si, q, unsigned long long)
    SIMD_TO_INT(cvttss2si, l, unsigned)
    SIMD_TO_INT(cvttss2si, q, unsigned long long)
    SIMD_TO_INT(cvtsd2si, l, unsigned)
    SIMD_TO_INT(cvtsd2si, q, unsigned long long)
    SIMD_TO_INT(cvttsd2si, l, unsigned)
    SIMD_TO_INT(cvttsd2si, q, unsigned long long)
    """
    V simd_cvtdq2ps(V a, V b)
    V simd_cvtdq2pd(V a, V b)
    V simd_cvtps2dq(V a, V b)
    V simd_cvttps2dq(V a, V b)
    V simd_cvtpd2dq(V a, V b)
    V simd_cvttpd2dq(V a, V b)
    V simd_cvtps2pd(V a, V b)
    V simd_cvtpd2ps(V a, V b)
    V simd_cvtss2sd(V a, V b)
    V simd_cvtsd2ss(V a, V b)
    V simd_cvtsi2ssl(V a, u32 r)
    V simd_cvtsi2ssq(V a, u64 r)
    V simd_cvtsi2sdl(V a, u32 r)
    V simd_cvtsi2sdq(V a, u64 r)
    u32 simd_cvtss2sil(V a)
    u64 simd_cvtss2siq(V a)
    u32 simd_cvttss2sil(V a)
    u64 simd_cvttss2siq(V a)
    u32 simd_cvtsd2sil(V a)
    u64 simd_cvtsd2siq(V a)
    u32 simd_cvttsd2sil(V a)
    u64 simd_cvttsd2siq(V a)

cdef extern from *:  # operation tags
    ctypedef struct cvtdq2ps "char"
    ctypedef struct cvtdq2pd "char"
    ctypedef struct cvtps2dq "char"
    ctypedef struct cvttps2dq "char"
    ctypedef struct cvtpd2dq "char"
    ctypedef struct cvttpd2dq "char"
    ctypedef struct cvtps2pd "char"
    ctypedef struct cvtpd2ps "char"
    ctypedef struct cvtss2sd "char"
    ctypedef struct cvtsd2ss "char"
    ctypedef struct cvtsi2ss "char"
    ctypedef struct cvtsi2sd "char"
    ctypedef struct cvtss2si "char"
    ctypedef struct cvttss2si "char"
    ctypedef struct cvtsd2si "char"
    ctypedef struct cvttsd2si "char"
    ctypedef struct cvtpi2ps "char"
    ctypedef struct cvtpi2pd "char"
    ctypedef struct cvtps2pi "char"
    ctypedef struct cvttps2pi "char"
    ctypedef struct cvtpd2pi "char"
    ctypedef struct cvttpd2pi "char"

ctypedef fused vector_t:        # XMM to XMM
    cvtdq2ps
    cvtdq2pd
    cvtps2dq
    cvttps2dq
    cvtpd2dq
    cvttpd2dq
    cvtps2pd
    cvtpd2ps
    cvtss2sd
    cvtsd2ss

ctypedef fused from_int_t:
    cvtsi2ss
    cvtsi2sd

ctypedef fused to_int_t:
    cvtss2si
    cvttss2si
    cvtsd2si
    cvttsd2si

ctypedef fused from_mmx_t:
    cvtpi2ps
    cvtpi2pd

ctypedef fused to_mmx_t:
    cvtps2pi
    cvttps2pi
    cvtpd2pi
    cvttpd2pi

ctypedef fused memory4_t:       # what a memory operand is, where it is not 16 aligned bytes
    cvtss2sd
    cvtss2si
    cvttss2si

ctypedef fused memory8_t:
    cvtdq2pd
    cvtps2pd
    cvtsd2ss
    cvtsd2si
    cvttsd2si
    cvtps2pi
    cvttps2pi

ctypedef fused source_t:
    vector_t
    to_int_t
    to_mmx_t

ctypedef fused int_t:
    u32
    u64


cdef inline u32 width(source_t *o) noexcept nogil:
    """Bytes of the source."""
    if source_t in memory4_t:
        return 4
    elif source_t in memory8_t:
        return 8
    else:
        return 16


# ---- XMM to XMM ----

cdef inline V vector_op(V a, V b, vector_t *o) noexcept nogil:
    """The scalar ones merge into a."""
    if vector_t is cvtdq2ps:
        return simd_cvtdq2ps(a, b)
    elif vector_t is cvtdq2pd:
        return simd_cvtdq2pd(a, b)
    elif vector_t is cvtps2dq:
        return simd_cvtps2dq(a, b)
    elif vector_t is cvttps2dq:
        return simd_cvttps2dq(a, b)
    elif vector_t is cvtpd2dq:
        return simd_cvtpd2dq(a, b)
    elif vector_t is cvttpd2dq:
        return simd_cvttpd2dq(a, b)
    elif vector_t is cvtps2pd:
        return simd_cvtps2pd(a, b)
    elif vector_t is cvtpd2ps:
        return simd_cvtpd2ps(a, b)
    elif vector_t is cvtss2sd:
        return simd_cvtss2sd(a, b)
    else:
        return simd_cvtsd2ss(a, b)


cdef bint vector_trap(CPU *c, V y, vector_t *o) noexcept nogil:
    """Slow twins, before the commit."""
    cdef u32 how = NEVER
    if vector_t is cvtpd2ps:
        how = NARROW | SINGLE
    elif vector_t is cvtsd2ss:
        how = NARROW | SINGLE | SCALAR
    return simd_trap(c, low(0), y, y, <lane_t>vector_op[vector_t], how)


cdef Insn *convert(CPU *c, Insn *i, vector_t *o, form_t a) noexcept nogil:
    cdef V y, r
    cdef u8 *p
    if unmasked(c, a):
        return miss(c, i)
    p = xmm_source(c, i, width(o), a)
    if p == NULL:
        return miss(c, i)
    y = load(p, width(o))
    r = vector_op(load16(xmm(c, i.dst)), y, o)
    if form_t in slow_form_t:
        if c.simd_unmasked and vector_trap(c, y, o):
            return miss(c, i)
    store16(xmm(c, i.dst), r)
    return done(c, i, a)


# ---- general registers and integers in memory ----

cdef inline V from_int_op(V x, int_t v, from_int_t *o) noexcept nogil:
    if from_int_t is cvtsi2ss:
        if int_t is u32:
            return simd_cvtsi2ssl(x, v)
        else:
            return simd_cvtsi2ssq(x, v)
    else:
        if int_t is u32:
            return simd_cvtsi2sdl(x, v)
        else:
            return simd_cvtsi2sdq(x, v)


cdef Insn *from_int(CPU *c, Insn *i, from_int_t *o, int_t t, form_t a) noexcept nogil:
    cdef V r
    cdef int_t *p
    if unmasked(c, a):
        return miss(c, i)
    p = gpr_source(c, i, t, a)
    if form_t in acc_t:
        if p == NULL:
            return miss(c, i)
    r = from_int_op(load16(xmm(c, i.dst)), p[0], o)
    if form_t in slow_form_t:
        if c.simd_unmasked and simple_trap(c):
            return miss(c, i)
    store16(xmm(c, i.dst), r)
    return done(c, i, a)


cdef inline int_t to_int_op(V v, int_t t, to_int_t *o) noexcept nogil:
    if to_int_t is cvtss2si:
        if int_t is u32:
            return simd_cvtss2sil(v)
        else:
            return simd_cvtss2siq(v)
    elif to_int_t is cvttss2si:
        if int_t is u32:
            return simd_cvttss2sil(v)
        else:
            return simd_cvttss2siq(v)
    elif to_int_t is cvtsd2si:
        if int_t is u32:
            return simd_cvtsd2sil(v)
        else:
            return simd_cvtsd2siq(v)
    else:
        if int_t is u32:
            return simd_cvttsd2sil(v)
        else:
            return simd_cvttsd2siq(v)


cdef Insn *to_int(CPU *c, Insn *i, to_int_t *o, int_t t, form_t a) noexcept nogil:
    cdef int_t r
    cdef u8 *p
    if unmasked(c, a):
        return miss(c, i)
    p = xmm_source(c, i, width(o), a)
    if p == NULL:
        return miss(c, i)
    r = to_int_op(load(p, width(o)), <int_t>0, o)
    if form_t in slow_form_t:
        if c.simd_unmasked and simple_trap(c):
            return miss(c, i)
    put(c, i.dst, r)
    return done(c, i, a)


# ---- MMX registers ----

cdef inline V from_mmx_op(V x, u64 v, from_mmx_t *o) noexcept nogil:
    if from_mmx_t is cvtpi2ps:
        return merge_low(x, simd_cvtdq2ps(x, low(v)))
    else:
        return simd_cvtdq2pd(x, low(v))


cdef Insn *from_mmx(CPU *c, Insn *i, from_mmx_t *o, form_t a) noexcept nogil:
    """From memory no MMX register is named: hardware leaves the x87 state alone, and a pending #MF too."""
    cdef V r
    cdef u8 *p
    if unmasked(c, a):
        return miss(c, i)
    if form_t in acc_t:
        p = rdn(c, i, 8, a)
    else:
        p = mmx_source(c, i, 8, a)
    if p == NULL:
        return miss(c, i)
    r = from_mmx_op(load16(xmm(c, i.dst)), (<u64 *>p)[0], o)
    if form_t is reg_t or form_t is slow_reg_t:
        mmx_touch(c)        # hardware enters MMX state before it raises #XM
    if form_t in slow_form_t:
        if c.simd_unmasked and simple_trap(c):
            return miss(c, i)
    store16(xmm(c, i.dst), r)
    return done(c, i, a)


cdef inline u64 to_mmx_op(V v, to_mmx_t *o) noexcept nogil:
    if to_mmx_t is cvtps2pi:
        return lowq(simd_cvtps2dq(v, low(lowq(v))))
    elif to_mmx_t is cvttps2pi:
        return lowq(simd_cvttps2dq(v, low(lowq(v))))
    elif to_mmx_t is cvtpd2pi:
        return lowq(simd_cvtpd2dq(v, v))
    else:
        return lowq(simd_cvttpd2dq(v, v))


cdef Insn *to_mmx(CPU *c, Insn *i, to_mmx_t *o, form_t a) noexcept nogil:
    cdef u64 r
    cdef u8 *p
    if unmasked(c, a) or mmx_blocked(c, a):
        return miss(c, i)
    p = xmm_source(c, i, width(o), a)
    if p == NULL:
        return miss(c, i)
    r = to_mmx_op(load(p, width(o)), o)
    mmx_touch(c)
    if form_t in slow_form_t:
        if c.simd_unmasked and simple_trap(c):
            return miss(c, i)
    mmx_put(c, i.dst, r)
    return done(c, i, a)


# ---- registration ----

cdef int add_vector(Registry r, str name, vector_t *o) except -1:
    r.add(name + "_xx", 0, <handler_t>convert[vector_t, reg_t], <handler_t>convert[vector_t, slow_reg_t])
    r.add(name + "_xm", 0, <handler_t>convert[vector_t, fast_t], <handler_t>convert[vector_t, slow_t])
    return 0


cdef int add_from_int(Registry r, str name, from_int_t *o, int_t t) except -1:
    r.add(name + "_xr", sizeof(int_t), <handler_t>from_int[from_int_t, int_t, reg_t],
          <handler_t>from_int[from_int_t, int_t, slow_reg_t])
    r.add(name + "_xm", sizeof(int_t), <handler_t>from_int[from_int_t, int_t, fast_t],
          <handler_t>from_int[from_int_t, int_t, slow_t])
    return 0


cdef int add_to_int(Registry r, str name, to_int_t *o, int_t t) except -1:
    r.add(name + "_rx", sizeof(int_t), <handler_t>to_int[to_int_t, int_t, reg_t],
          <handler_t>to_int[to_int_t, int_t, slow_reg_t])
    r.add(name + "_rm", sizeof(int_t), <handler_t>to_int[to_int_t, int_t, fast_t],
          <handler_t>to_int[to_int_t, int_t, slow_t])
    return 0


cdef int add_from_mmx(Registry r, str name, from_mmx_t *o) except -1:
    r.add(name + "_xp", 0, <handler_t>from_mmx[from_mmx_t, reg_t], <handler_t>from_mmx[from_mmx_t, slow_reg_t])
    r.add(name + "_xm", 0, <handler_t>from_mmx[from_mmx_t, fast_t], <handler_t>from_mmx[from_mmx_t, slow_t])
    return 0


cdef int add_to_mmx(Registry r, str name, to_mmx_t *o) except -1:
    r.add(name + "_px", 0, <handler_t>to_mmx[to_mmx_t, reg_t], <handler_t>to_mmx[to_mmx_t, slow_reg_t])
    r.add(name + "_pm", 0, <handler_t>to_mmx[to_mmx_t, fast_t], <handler_t>to_mmx[to_mmx_t, slow_t])
    return 0


cdef int register(Registry r) except -1:
    add_vector(r, "cvtdq2ps", <cvtdq2ps *>NULL)
    add_vector(r, "cvtdq2pd", <cvtdq2pd *>NULL)
    add_vector(r, "cvtps2dq", <cvtps2dq *>NULL)
    add_vector(r, "cvttps2dq", <cvttps2dq *>NULL)
    add_vector(r, "cvtpd2dq", <cvtpd2dq *>NULL)
    add_vector(r, "cvttpd2dq", <cvttpd2dq *>NULL)
    add_vector(r, "cvtps2pd", <cvtps2pd *>NULL)
    add_vector(r, "cvtpd2ps", <cvtpd2ps *>NULL)
    add_vector(r, "cvtss2sd", <cvtss2sd *>NULL)
    add_vector(r, "cvtsd2ss", <cvtsd2ss *>NULL)
    add_from_int(r, "cvtsi2ss", <cvtsi2ss *>NULL, <u32>4)
    add_from_int(r, "cvtsi2ss", <cvtsi2ss *>NULL, <u64>8)
    add_from_int(r, "cvtsi2sd", <cvtsi2sd *>NULL, <u32>4)
    add_from_int(r, "cvtsi2sd", <cvtsi2sd *>NULL, <u64>8)
    add_to_int(r, "cvtss2si", <cvtss2si *>NULL, <u32>4)
    add_to_int(r, "cvtss2si", <cvtss2si *>NULL, <u64>8)
    add_to_int(r, "cvttss2si", <cvttss2si *>NULL, <u32>4)
    add_to_int(r, "cvttss2si", <cvttss2si *>NULL, <u64>8)
    add_to_int(r, "cvtsd2si", <cvtsd2si *>NULL, <u32>4)
    add_to_int(r, "cvtsd2si", <cvtsd2si *>NULL, <u64>8)
    add_to_int(r, "cvttsd2si", <cvttsd2si *>NULL, <u32>4)
    add_to_int(r, "cvttsd2si", <cvttsd2si *>NULL, <u64>8)
    add_from_mmx(r, "cvtpi2ps", <cvtpi2ps *>NULL)
    add_from_mmx(r, "cvtpi2pd", <cvtpi2pd *>NULL)
    add_to_mmx(r, "cvtps2pi", <cvtps2pi *>NULL)
    add_to_mmx(r, "cvttps2pi", <cvttps2pi *>NULL)
    add_to_mmx(r, "cvtpd2pi", <cvtpd2pi *>NULL)
    add_to_mmx(r, "cvttpd2pi", <cvttpd2pi *>NULL)
    return 0
