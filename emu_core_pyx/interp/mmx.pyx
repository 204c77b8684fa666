"""Moves, shuffles, inserts and masks of the MMX registers, EMMS (SDM vol. 1 ch. 9, vol. 2).

MMX arithmetic is in sse_int.pyx with its XMM twins.  The registers are the significands of the PHYSICAL x87 registers.
"""
from emu_core_pyx.types cimport acc_t, fast_t, slow_t, u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp.dispatch cimport finish, miss, next_insn
from emu_core_pyx.interp.simd cimport mmx_get, mmx_put, mmx_touch, wrn
from emu_core_pyx.interp.simd_form cimport done, form_t, gpr_source, mmx_blocked, mmx_source, reg_t, slow_reg_t
from emu_core_pyx.mmu.access cimport put

ctypedef fused int_t:
    u32
    u64


# ---- MOVD, MOVQ, MOVNTQ ----

cdef Insn *movd_rp(CPU *c, Insn *i, int_t t, acc_t a) noexcept nogil:
    if mmx_blocked(c, a):
        return miss(c, i)
    put(c, i.dst, <int_t>mmx_get(c, i.src))
    mmx_touch(c)
    return next_insn(c, i)


cdef Insn *movd(CPU *c, Insn *i, int_t t, form_t a) noexcept nogil:
    cdef int_t *p
    if mmx_blocked(c, a):
        return miss(c, i)
    p = gpr_source(c, i, t, a)
    if form_t in acc_t:
        if p == NULL:
            return miss(c, i)
    mmx_put(c, i.dst, p[0])
    return done(c, i, a)


cdef Insn *movd_mp(CPU *c, Insn *i, int_t t, acc_t a) noexcept nogil:
    cdef u8 *p
    if mmx_blocked(c, a):
        return miss(c, i)
    p = wrn(c, i, sizeof(int_t), a)
    if p == NULL:
        return miss(c, i)
    (<int_t *>p)[0] = <int_t>mmx_get(c, i.src)
    mmx_touch(c)
    return finish(c, i, a)


cdef Insn *movq_pp(CPU *c, Insn *i, acc_t a) noexcept nogil:
    if mmx_blocked(c, a):
        return miss(c, i)
    mmx_put(c, i.dst, mmx_get(c, i.src))
    return next_insn(c, i)


# ---- shuffles, words, masks ----

cdef inline u64 shuffle_w(u64 v, u32 k) noexcept nogil:
    return ((v >> 16 * (k & 3) & 0xFFFF) | (v >> 16 * (k >> 2 & 3) & 0xFFFF) << 16
            | (v >> 16 * (k >> 4 & 3) & 0xFFFF) << 32 | (v >> 16 * (k >> 6 & 3) & 0xFFFF) << 48)


cdef inline u64 insert_w(u64 v, u64 word, u32 k) noexcept nogil:
    return v & ~(<u64>0xFFFF << 16 * (k & 3)) | word << 16 * (k & 3)


cdef Insn *pshufw(CPU *c, Insn *i, form_t a) noexcept nogil:
    cdef u8 *p = mmx_source(c, i, 8, a)
    if p == NULL:
        return miss(c, i)
    mmx_put(c, i.dst, shuffle_w((<u64 *>p)[0], <u32>i.imm))
    return done(c, i, a)


cdef Insn *pinsrw(CPU *c, Insn *i, form_t a) noexcept nogil:
    cdef u16 *p
    if mmx_blocked(c, a):
        return miss(c, i)
    p = gpr_source(c, i, <u16>0, a)
    if form_t in acc_t:
        if p == NULL:
            return miss(c, i)
    mmx_put(c, i.dst, insert_w(mmx_get(c, i.dst), p[0], <u32>i.imm))
    return done(c, i, a)


cdef Insn *pextrw_rpi(CPU *c, Insn *i, acc_t a) noexcept nogil:
    if mmx_blocked(c, a):
        return miss(c, i)
    put(c, i.dst, <u32>(mmx_get(c, i.src) >> 16 * (i.imm & 3) & 0xFFFF))
    mmx_touch(c)
    return next_insn(c, i)


cdef Insn *pmovmskb_rp(CPU *c, Insn *i, acc_t a) noexcept nogil:
    if mmx_blocked(c, a):
        return miss(c, i)
    # the multiplication gathers the eight sign bits into the top byte
    put(c, i.dst, <u32>((mmx_get(c, i.src) >> 7 & <u64>0x0101010101010101) * <u64>0x0102040810204080 >> 56))
    mmx_touch(c)
    return next_insn(c, i)


cdef Insn *emms(CPU *c, Insn *i, acc_t a) noexcept nogil:
    if mmx_blocked(c, a):
        return miss(c, i)
    c.s.fpu.top = 0
    c.s.fpu.tags = 0
    return next_insn(c, i)


# ---- registration ----

cdef int add_int(Registry r, int_t t, u32 size) except -1:
    r.add("movd_pr", size, <handler_t>movd[int_t, reg_t], <handler_t>movd[int_t, slow_reg_t])
    r.add("movd_rp", size, <handler_t>movd_rp[int_t, fast_t], <handler_t>movd_rp[int_t, slow_t])
    r.add("movd_pm", size, <handler_t>movd[int_t, fast_t], <handler_t>movd[int_t, slow_t])
    r.add("movd_mp", size, <handler_t>movd_mp[int_t, fast_t], <handler_t>movd_mp[int_t, slow_t])
    return 0


cdef int register(Registry r) except -1:
    add_int(r, <u32>0, 4)
    add_int(r, <u64>0, 8)
    r.add("movq_pp", 0, <handler_t>movq_pp[fast_t], <handler_t>movq_pp[slow_t])
    r.add("movq_pm", 0, <handler_t>movd[u64, fast_t], <handler_t>movd[u64, slow_t])
    r.add("movq_mp", 0, <handler_t>movd_mp[u64, fast_t], <handler_t>movd_mp[u64, slow_t])
    r.add("movntq_mp", 0, <handler_t>movd_mp[u64, fast_t], <handler_t>movd_mp[u64, slow_t])
    r.add("pshufw_ppi", 0, <handler_t>pshufw[reg_t], <handler_t>pshufw[slow_reg_t])
    r.add("pshufw_pmi", 0, <handler_t>pshufw[fast_t], <handler_t>pshufw[slow_t])
    r.add("pinsrw_pri", 0, <handler_t>pinsrw[reg_t], <handler_t>pinsrw[slow_reg_t])
    r.add("pinsrw_pmi", 0, <handler_t>pinsrw[fast_t], <handler_t>pinsrw[slow_t])
    r.add("pextrw_rpi", 0, <handler_t>pextrw_rpi[fast_t], <handler_t>pextrw_rpi[slow_t])
    r.add("pmovmskb_rp", 0, <handler_t>pmovmskb_rp[fast_t], <handler_t>pmovmskb_rp[slow_t])
    r.add("emms", 0, <handler_t>emms[fast_t], <handler_t>emms[slow_t])
    return 0
