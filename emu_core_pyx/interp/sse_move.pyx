"""Moves, shuffles, inserts, masks and MXCSR access of SSE and SSE2 (SDM vol. 2).

Non-temporal hints are ordinary stores.  A register is written as 16 bytes at once even where half of it stays, so that
the host forwards the store to the next 16-byte load.
"""
from emu_core_pyx.types cimport acc_t, fast_t, slow_t, u8, u16, u32, u64
from emu_core_pyx.cpu.bits cimport EXC_GP, RDI
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp.dispatch cimport fault, finish, miss, next_insn, sync
from emu_core_pyx.interp.simd cimport (
    MXCSR_VALID, V, load4, load8, load16, low, merge4, merge_low, mmx_get, mmx_put, mmx_touch,
    mxcsr_current, mxcsr_load, rd16, rdn, store16, wr16, wrn, xmm,
)
from emu_core_pyx.interp.simd_form cimport done, form_t, gpr_source, mmx_blocked, reg_t, xmm_source
from emu_core_pyx.mmu.access cimport put, reg
from emu_core_pyx.mmu.slow cimport mem_probe_write, mem_write

cdef extern from "<emmintrin.h>" nogil:
    V _mm_set_epi32(u32 d3, u32 d2, u32 d1, u32 d0)
    V _mm_set_epi64x(u64 q1, u64 q0)
    V _mm_unpacklo_epi64(V a, V b)
    V _mm_unpackhi_epi64(V a, V b)
    u32 _mm_movemask_epi8(V a)

ctypedef fused int_t:
    u32
    u64


# ---- whole registers ----

cdef Insn *mov_xx(CPU *c, Insn *i) noexcept nogil:
    store16(xmm(c, i.dst), load16(xmm(c, i.src)))
    return next_insn(c, i)


cdef Insn *mov_aligned_xm(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = rd16(c, i, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), load16(p))
    return finish(c, i, a)


cdef Insn *mov_aligned_mx(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = wr16(c, i, a)
    if p == NULL:
        return miss(c, i)
    store16(p, load16(xmm(c, i.src)))
    return finish(c, i, a)


cdef Insn *mov_unaligned_xm(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = rdn(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), load16(p))
    return finish(c, i, a)


cdef Insn *mov_unaligned_mx(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = wrn(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    store16(p, load16(xmm(c, i.src)))
    return finish(c, i, a)


# ---- scalars: between registers they merge, from memory they clear the rest ----

cdef Insn *movss_xx(CPU *c, Insn *i) noexcept nogil:
    store16(xmm(c, i.dst), merge4(load16(xmm(c, i.dst)), load16(xmm(c, i.src))))
    return next_insn(c, i)


cdef Insn *movsd_xx(CPU *c, Insn *i) noexcept nogil:
    store16(xmm(c, i.dst), merge_low(load16(xmm(c, i.dst)), load16(xmm(c, i.src))))
    return next_insn(c, i)


cdef Insn *load4_xm(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = rdn(c, i, 4, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), load4(p))
    return finish(c, i, a)


cdef Insn *load8_xm(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = rdn(c, i, 8, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), load8(p))
    return finish(c, i, a)


cdef Insn *store4_mx(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = wrn(c, i, 4, a)
    if p == NULL:
        return miss(c, i)
    (<u32 *>p)[0] = (<u32 *>xmm(c, i.src))[0]
    return finish(c, i, a)


cdef Insn *store8_mx(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = wrn(c, i, 8, a)
    if p == NULL:
        return miss(c, i)
    (<u64 *>p)[0] = c.s.xmm[i.src].q[0]
    return finish(c, i, a)


cdef Insn *movq_xx(CPU *c, Insn *i) noexcept nogil:
    store16(xmm(c, i.dst), low(c.s.xmm[i.src].q[0]))
    return next_insn(c, i)


# ---- halves ----

cdef Insn *movlps_xm(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = rdn(c, i, 8, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), merge_low(load16(xmm(c, i.dst)), load8(p)))
    return finish(c, i, a)


cdef Insn *movhps_xm(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = rdn(c, i, 8, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), _mm_unpacklo_epi64(load16(xmm(c, i.dst)), load8(p)))
    return finish(c, i, a)


cdef Insn *movhps_mx(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = wrn(c, i, 8, a)
    if p == NULL:
        return miss(c, i)
    (<u64 *>p)[0] = c.s.xmm[i.src].q[1]
    return finish(c, i, a)


cdef Insn *movhlps_xx(CPU *c, Insn *i) noexcept nogil:
    store16(xmm(c, i.dst), _mm_unpackhi_epi64(load16(xmm(c, i.src)), load16(xmm(c, i.dst))))
    return next_insn(c, i)


cdef Insn *movlhps_xx(CPU *c, Insn *i) noexcept nogil:
    store16(xmm(c, i.dst), _mm_unpacklo_epi64(load16(xmm(c, i.dst)), load16(xmm(c, i.src))))
    return next_insn(c, i)


# ---- general and MMX registers ----

cdef Insn *movd_xr(CPU *c, Insn *i, int_t t) noexcept nogil:
    store16(xmm(c, i.dst), low(reg(c, i.src, t)[0]))
    return next_insn(c, i)


cdef Insn *movd_rx(CPU *c, Insn *i, int_t t) noexcept nogil:
    put(c, i.dst, <int_t>c.s.xmm[i.src].q[0])
    return next_insn(c, i)


cdef Insn *movnti_mr(CPU *c, Insn *i, int_t t, acc_t a) noexcept nogil:
    cdef u8 *p = wrn(c, i, sizeof(int_t), a)
    if p == NULL:
        return miss(c, i)
    (<int_t *>p)[0] = reg(c, i.src, t)[0]
    return finish(c, i, a)


cdef Insn *movdq2q_px(CPU *c, Insn *i, acc_t a) noexcept nogil:
    if mmx_blocked(c, a):
        return miss(c, i)
    mmx_put(c, i.dst, c.s.xmm[i.src].q[0])
    return next_insn(c, i)


cdef Insn *movq2dq_xp(CPU *c, Insn *i, acc_t a) noexcept nogil:
    if mmx_blocked(c, a):
        return miss(c, i)
    mmx_touch(c)
    store16(xmm(c, i.dst), low(mmx_get(c, i.src)))
    return next_insn(c, i)


cdef Insn *movmskps_rx(CPU *c, Insn *i) noexcept nogil:
    cdef u64 q0 = c.s.xmm[i.src].q[0], q1 = c.s.xmm[i.src].q[1]
    put(c, i.dst, <u32>(q0 >> 31 & 1 | q0 >> 62 & 2 | q1 >> 29 & 4 | q1 >> 60 & 8))
    return next_insn(c, i)


cdef Insn *movmskpd_rx(CPU *c, Insn *i) noexcept nogil:
    put(c, i.dst, <u32>(c.s.xmm[i.src].q[0] >> 63 | c.s.xmm[i.src].q[1] >> 62 & 2))
    return next_insn(c, i)


cdef Insn *pmovmskb_rx(CPU *c, Insn *i) noexcept nogil:
    put(c, i.dst, _mm_movemask_epi8(load16(xmm(c, i.src))))
    return next_insn(c, i)


# ---- shuffles by imm8 ----

cdef inline V shuffle_d(u32 *s, u32 k) noexcept nogil:
    return _mm_set_epi32(s[k >> 6 & 3], s[k >> 4 & 3], s[k >> 2 & 3], s[k & 3])


cdef inline u64 shuffle_w(u16 *s, u32 k) noexcept nogil:
    return (<u64>s[k & 3] | <u64>s[k >> 2 & 3] << 16 | <u64>s[k >> 4 & 3] << 32 | <u64>s[k >> 6 & 3] << 48)


cdef Insn *pshufd(CPU *c, Insn *i, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), shuffle_d(<u32 *>p, <u32>i.imm))
    return done(c, i, a)


cdef Insn *pshuflw(CPU *c, Insn *i, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), _mm_set_epi64x((<u64 *>p)[1], shuffle_w(<u16 *>p, <u32>i.imm)))
    return done(c, i, a)


cdef Insn *pshufhw(CPU *c, Insn *i, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), _mm_set_epi64x(shuffle_w(<u16 *>(p + 8), <u32>i.imm), (<u64 *>p)[0]))
    return done(c, i, a)


cdef inline V shuffle_ps(u32 *d, u32 *s, u32 k) noexcept nogil:
    return _mm_set_epi32(s[k >> 6 & 3], s[k >> 4 & 3], d[k >> 2 & 3], d[k & 3])


cdef Insn *shufps(CPU *c, Insn *i, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), shuffle_ps(<u32 *>xmm(c, i.dst), <u32 *>p, <u32>i.imm))
    return done(c, i, a)


cdef Insn *shufpd(CPU *c, Insn *i, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    store16(xmm(c, i.dst), _mm_set_epi64x((<u64 *>p)[i.imm >> 1 & 1], c.s.xmm[i.dst].q[i.imm & 1]))
    return done(c, i, a)


# ---- single words ----

cdef Insn *pinsrw(CPU *c, Insn *i, form_t a) noexcept nogil:
    cdef u16 *p = gpr_source(c, i, <u16>0, a)
    if form_t in acc_t:
        if p == NULL:
            return miss(c, i)
    (<u16 *>xmm(c, i.dst))[i.imm & 7] = p[0]
    return done(c, i, a)


cdef Insn *pextrw_rxi(CPU *c, Insn *i) noexcept nogil:
    put(c, i.dst, <u32>(<u16 *>xmm(c, i.src))[i.imm & 7])
    return next_insn(c, i)


# ---- MASKMOVDQU ----

cdef bint store_masked(CPU *c, Insn *i, u8 *data, u8 *mask, u32 n) noexcept nogil:
    """Write the bytes whose mask has its sign set to seg:(E/R)DI. 0 = fault noted, nothing written.

    As hardware does, all n bytes must be writable whatever the mask says, and the high quadword is tried first.
    """
    cdef u64 off = c.s.gpr[RDI] & i.amask
    cdef u32 k
    sync(c, i)
    if n == 16 and not mem_probe_write(c, i.seg, off + 8 & i.amask, 8):
        return 0
    if not mem_probe_write(c, i.seg, off, 8):
        return 0
    for k in range(n):
        if mask[k] & 0x80 and not mem_write(c, i.seg, off + k & i.amask, data + k, 1):
            return 0
    return 1


cdef Insn *maskmovdqu_xx(CPU *c, Insn *i) noexcept nogil:
    if not store_masked(c, i, xmm(c, i.dst), xmm(c, i.src), 16):
        return miss(c, i)
    return finish(c, i, <slow_t>0)


cdef Insn *maskmovq_pp(CPU *c, Insn *i, acc_t a) noexcept nogil:
    if mmx_blocked(c, a):
        return miss(c, i)
    mmx_touch(c)        # hardware enters MMX state before the store can fault
    if not store_masked(c, i, <u8 *>&c.s.fpu.st[i.dst].sig, <u8 *>&c.s.fpu.st[i.src].sig, 8):
        return miss(c, i)
    return finish(c, i, <slow_t>0)


# ---- MXCSR ----

cdef Insn *ldmxcsr_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = rdn(c, i, 4, a)
    if p == NULL:
        return miss(c, i)
    if (<u32 *>p)[0] & ~<u32>MXCSR_VALID:
        return fault(c, i, EXC_GP, 0)
    mxcsr_load(c, (<u32 *>p)[0])
    return finish(c, i, a)


cdef Insn *stmxcsr_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = wrn(c, i, 4, a)
    if p == NULL:
        return miss(c, i)
    (<u32 *>p)[0] = mxcsr_current(c)
    return finish(c, i, a)


# ---- registration ----

cdef int add_int(Registry r, int_t t, u32 size) except -1:
    r.add("movd_xr", size, <handler_t>movd_xr[int_t], <handler_t>movd_xr[int_t])
    r.add("movd_rx", size, <handler_t>movd_rx[int_t], <handler_t>movd_rx[int_t])
    if int_t is u32:
        r.add("movd_xm", size, <handler_t>load4_xm[fast_t], <handler_t>load4_xm[slow_t])
        r.add("movd_mx", size, <handler_t>store4_mx[fast_t], <handler_t>store4_mx[slow_t])
    else:
        r.add("movd_xm", size, <handler_t>load8_xm[fast_t], <handler_t>load8_xm[slow_t])
        r.add("movd_mx", size, <handler_t>store8_mx[fast_t], <handler_t>store8_mx[slow_t])
    return 0


cdef int register(Registry r) except -1:
    for name in ("movaps", "movapd", "movdqa"):
        r.add(name + "_xx", 0, mov_xx, mov_xx)
        r.add(name + "_xm", 0, <handler_t>mov_aligned_xm[fast_t], <handler_t>mov_aligned_xm[slow_t])
        r.add(name + "_mx", 0, <handler_t>mov_aligned_mx[fast_t], <handler_t>mov_aligned_mx[slow_t])
    for name in ("movups", "movupd", "movdqu"):
        r.add(name + "_xx", 0, mov_xx, mov_xx)
        r.add(name + "_xm", 0, <handler_t>mov_unaligned_xm[fast_t], <handler_t>mov_unaligned_xm[slow_t])
        r.add(name + "_mx", 0, <handler_t>mov_unaligned_mx[fast_t], <handler_t>mov_unaligned_mx[slow_t])
    r.add("lddqu_xm", 0, <handler_t>mov_unaligned_xm[fast_t], <handler_t>mov_unaligned_xm[slow_t])
    for name in ("movntps", "movntpd", "movntdq"):
        r.add(name + "_mx", 0, <handler_t>mov_aligned_mx[fast_t], <handler_t>mov_aligned_mx[slow_t])
    r.add("movss_xx", 0, movss_xx, movss_xx)
    r.add("movss_xm", 0, <handler_t>load4_xm[fast_t], <handler_t>load4_xm[slow_t])
    r.add("movss_mx", 0, <handler_t>store4_mx[fast_t], <handler_t>store4_mx[slow_t])
    r.add("movsd_xx", 0, movsd_xx, movsd_xx)
    r.add("movq_xx", 0, movq_xx, movq_xx)
    for name in ("movsd", "movq"):
        r.add(name + "_xm", 0, <handler_t>load8_xm[fast_t], <handler_t>load8_xm[slow_t])
        r.add(name + "_mx", 0, <handler_t>store8_mx[fast_t], <handler_t>store8_mx[slow_t])
    for name in ("movlps", "movlpd"):
        r.add(name + "_xm", 0, <handler_t>movlps_xm[fast_t], <handler_t>movlps_xm[slow_t])
        r.add(name + "_mx", 0, <handler_t>store8_mx[fast_t], <handler_t>store8_mx[slow_t])
    for name in ("movhps", "movhpd"):
        r.add(name + "_xm", 0, <handler_t>movhps_xm[fast_t], <handler_t>movhps_xm[slow_t])
        r.add(name + "_mx", 0, <handler_t>movhps_mx[fast_t], <handler_t>movhps_mx[slow_t])
    r.add("movhlps_xx", 0, movhlps_xx, movhlps_xx)
    r.add("movlhps_xx", 0, movlhps_xx, movlhps_xx)
    add_int(r, <u32>0, 4)
    add_int(r, <u64>0, 8)
    r.add("movnti_mr", 4, <handler_t>movnti_mr[u32, fast_t], <handler_t>movnti_mr[u32, slow_t])
    r.add("movnti_mr", 8, <handler_t>movnti_mr[u64, fast_t], <handler_t>movnti_mr[u64, slow_t])
    r.add("movdq2q_px", 0, <handler_t>movdq2q_px[fast_t], <handler_t>movdq2q_px[slow_t])
    r.add("movq2dq_xp", 0, <handler_t>movq2dq_xp[fast_t], <handler_t>movq2dq_xp[slow_t])
    r.add("movmskps_rx", 0, movmskps_rx, movmskps_rx)
    r.add("movmskpd_rx", 0, movmskpd_rx, movmskpd_rx)
    r.add("pmovmskb_rx", 0, pmovmskb_rx, pmovmskb_rx)
    r.add("pshufd_xxi", 0, <handler_t>pshufd[reg_t], <handler_t>pshufd[reg_t])
    r.add("pshufd_xmi", 0, <handler_t>pshufd[fast_t], <handler_t>pshufd[slow_t])
    r.add("pshuflw_xxi", 0, <handler_t>pshuflw[reg_t], <handler_t>pshuflw[reg_t])
    r.add("pshuflw_xmi", 0, <handler_t>pshuflw[fast_t], <handler_t>pshuflw[slow_t])
    r.add("pshufhw_xxi", 0, <handler_t>pshufhw[reg_t], <handler_t>pshufhw[reg_t])
    r.add("pshufhw_xmi", 0, <handler_t>pshufhw[fast_t], <handler_t>pshufhw[slow_t])
    r.add("shufps_xxi", 0, <handler_t>shufps[reg_t], <handler_t>shufps[reg_t])
    r.add("shufps_xmi", 0, <handler_t>shufps[fast_t], <handler_t>shufps[slow_t])
    r.add("shufpd_xxi", 0, <handler_t>shufpd[reg_t], <handler_t>shufpd[reg_t])
    r.add("shufpd_xmi", 0, <handler_t>shufpd[fast_t], <handler_t>shufpd[slow_t])
    r.add("pinsrw_xri", 0, <handler_t>pinsrw[reg_t], <handler_t>pinsrw[reg_t])
    r.add("pinsrw_xmi", 0, <handler_t>pinsrw[fast_t], <handler_t>pinsrw[slow_t])
    r.add("pextrw_rxi", 0, pextrw_rxi, pextrw_rxi)
    r.add("maskmovdqu_xx", 0, maskmovdqu_xx, maskmovdqu_xx)
    r.add("maskmovq_pp", 0, <handler_t>maskmovq_pp[fast_t], <handler_t>maskmovq_pp[slow_t])
    r.add("ldmxcsr_m", 0, <handler_t>ldmxcsr_m[fast_t], <handler_t>ldmxcsr_m[slow_t])
    r.add("stmxcsr_m", 0, <handler_t>stmxcsr_m[fast_t], <handler_t>stmxcsr_m[slow_t])
    return 0
