"""Forms of an MMX or SSE instruction: its source is a register or in memory.

A handler is written once over `form_t`: how memory is reached (`acc_t`), or that there is no access.  `slow_reg_t` is the
register form's slow twin, needed only where that does more: exceptions unmasked, #MF pending.

    cdef u8 *p = xmm_source(c, i, 16, a)    # a pointer to the operand; NULL, never of reg_t, is for `miss`
    if p == NULL:
        return miss(c, i)
    ...
    return done(c, i, a)                    # next_insn or finish
"""
from emu_core_pyx.types cimport acc_t, fast_t, slow_t, u8, u32, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport CR0_NE, EXC_MF
from emu_core_pyx.block.insn cimport Insn
from emu_core_pyx.interp.dispatch cimport finish, next_insn, raise_exc, unlikely
from emu_core_pyx.interp.simd cimport V, load4, load8, load16, rd16, rdn, xmm
from emu_core_pyx.mmu.access cimport reg

cdef enum:
    FSW_ES = 0x80

ctypedef char reg_t
ctypedef long slow_reg_t

ctypedef fused form_t:
    reg_t
    slow_reg_t
    fast_t
    slow_t

ctypedef fused slow_form_t:
    slow_reg_t
    slow_t


cdef inline u8 *xmm_source(CPU *c, Insn *i, u32 n, form_t a) noexcept nogil:
    """An XMM register, or n bytes of memory; 16 are aligned."""
    if form_t in acc_t:
        return rd16(c, i, a) if n == 16 else rdn(c, i, n, a)
    else:
        return xmm(c, i.src)


cdef inline V load(const u8 *p, u32 n) noexcept nogil:
    """n bytes of an operand, the rest zero."""
    if n == 4:
        return load4(p)
    elif n == 8:
        return load8(p)
    return load16(p)


cdef inline bint mmx_blocked(CPU *c, form_t a) noexcept nogil:
    """An x87 exception is pending: the slow twin raises #MF (with NE clear it went out as FERR# already)."""
    if unlikely(c.s.fpu.sw & FSW_ES):
        if form_t in slow_form_t:
            if c.s.cr0 & CR0_NE:
                raise_exc(c, EXC_MF, 0)
                return 1
        else:
            return 1
    return 0


cdef inline u8 *mmx_source(CPU *c, Insn *i, u32 n, form_t a) noexcept nogil:
    """An MMX register, or n bytes of memory; NULL also where #MF is pending."""
    if mmx_blocked(c, a):
        return NULL
    if form_t in acc_t:
        return rdn(c, i, n, a)
    else:
        return <u8 *>&c.s.fpu.st[i.src].sig


cdef inline uint_t *gpr_source(CPU *c, Insn *i, uint_t t, form_t a) noexcept nogil:
    """A general register, or memory."""
    if form_t in acc_t:
        return <uint_t *>rdn(c, i, sizeof(uint_t), a)
    else:
        return reg(c, i.src, t)


cdef inline bint unmasked(CPU *c, form_t a) noexcept nogil:
    """Exceptions are unmasked: go to the slow twin, which looks at the flags before it commits."""
    if form_t in slow_form_t:
        return 0
    else:
        return unlikely(c.simd_unmasked)


cdef inline Insn *done(CPU *c, Insn *i, form_t a) noexcept nogil:
    if form_t in acc_t:
        return finish(c, i, a)
    else:
        return next_insn(c, i)
