"""x87 arithmetic: FADD FMUL FSUB FSUBR FDIV FDIVR with their integer, reversed and popping forms, comparisons,
and what works on ST(0) and ST(1) alone.

Spec: SDM vol. 1, 8.3 (x87 FPU Instruction Set), vol. 2.
"""
from emu_core_pyx.types cimport acc_t, fast_t, slow_t, u8, u32
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport F_CF, F_PF, F_ZF
from emu_core_pyx.cpu.flags cimport set_arith
from emu_core_pyx.cpu.softfloat cimport SW_ES, SW_EXC
from emu_core_pyx.cpu.fpu cimport (
    CMP_EFLAGS, CMP_POP, CMP_POP2, CMP_QUIET, HOST_X87, K_0T, K_I16, K_I32, K_M32, K_M64, K_POP, K_T0, K_ZERO, OP_ADD,
    OP_DIV, OP_DIVR, OP_MUL, OP_SUB, OP_SUBR, U_COS, U_F2XM1, U_PATAN, U_PREM, U_PREM1, U_PTAN, U_RINT, U_SCALE, U_SIN,
    U_SINCOS, U_SQRT, U_XTRACT, U_YL2X, U_YL2XP1, fpu_binary, fpu_blocked, fpu_compare, fpu_math, st, st_pop,
)
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.interp.dispatch cimport insn_rip, likely, miss, next_insn, unwind
from emu_core_pyx.interp.x87 cimport (
    add_t, div_t, divr_t, has, has0, i16_t, i32_t, m32_t, m64_t, masked, mem_t, mul_t, note, note_cc, op_t, sub_t, subr_t,
    x87_add, x87_add_i16, x87_add_i32, x87_add_m32, x87_add_m64, x87_com, x87_com_i16, x87_com_i32, x87_com_m32,
    x87_com_m64, x87_div, x87_div_i16, x87_div_i32, x87_div_m32, x87_div_m64, x87_divr, x87_divr_i16, x87_divr_i32,
    x87_divr_m32, x87_divr_m64, x87_mul, x87_mul_i16, x87_mul_i32, x87_mul_m32, x87_mul_m64, x87_rint, x87_sqrt, x87_sub,
    x87_sub_i16, x87_sub_i32, x87_sub_m32, x87_sub_m64, x87_subr, x87_subr_i16, x87_subr_i32, x87_subr_m32,
    x87_subr_m64, x87_ucom,
)
from emu_core_pyx.mmu.access cimport ea, rd_at


cdef inline u32 op_of(op_t o) noexcept nogil:
    if op_t is add_t:
        return OP_ADD
    elif op_t is mul_t:
        return OP_MUL
    elif op_t is sub_t:
        return OP_SUB
    elif op_t is subr_t:
        return OP_SUBR
    elif op_t is div_t:
        return OP_DIV
    elif op_t is divr_t:
        return OP_DIVR


cdef inline u32 size_of(mem_t m) noexcept nogil:
    if mem_t is m64_t:
        return 8
    elif mem_t is i16_t:
        return 2
    else:
        return 4


cdef inline u32 kind_of(mem_t m) noexcept nogil:
    if mem_t is m32_t:
        return K_M32
    elif mem_t is m64_t:
        return K_M64
    elif mem_t is i16_t:
        return K_I16
    else:
        return K_I32


cdef inline u32 host_reg(void *d, const void *s, op_t o) noexcept nogil:
    if op_t is add_t:
        return x87_add(d, s)
    elif op_t is mul_t:
        return x87_mul(d, s)
    elif op_t is sub_t:
        return x87_sub(d, s)
    elif op_t is subr_t:
        return x87_subr(d, s)
    elif op_t is div_t:
        return x87_div(d, s)
    elif op_t is divr_t:
        return x87_divr(d, s)


cdef inline u32 host_mem(void *d, const void *s, op_t o, mem_t m) noexcept nogil:
    if op_t is add_t:
        if mem_t is m32_t:
            return x87_add_m32(d, s)
        elif mem_t is m64_t:
            return x87_add_m64(d, s)
        elif mem_t is i16_t:
            return x87_add_i16(d, s)
        elif mem_t is i32_t:
            return x87_add_i32(d, s)
    elif op_t is mul_t:
        if mem_t is m32_t:
            return x87_mul_m32(d, s)
        elif mem_t is m64_t:
            return x87_mul_m64(d, s)
        elif mem_t is i16_t:
            return x87_mul_i16(d, s)
        elif mem_t is i32_t:
            return x87_mul_i32(d, s)
    elif op_t is sub_t:
        if mem_t is m32_t:
            return x87_sub_m32(d, s)
        elif mem_t is m64_t:
            return x87_sub_m64(d, s)
        elif mem_t is i16_t:
            return x87_sub_i16(d, s)
        elif mem_t is i32_t:
            return x87_sub_i32(d, s)
    elif op_t is subr_t:
        if mem_t is m32_t:
            return x87_subr_m32(d, s)
        elif mem_t is m64_t:
            return x87_subr_m64(d, s)
        elif mem_t is i16_t:
            return x87_subr_i16(d, s)
        elif mem_t is i32_t:
            return x87_subr_i32(d, s)
    elif op_t is div_t:
        if mem_t is m32_t:
            return x87_div_m32(d, s)
        elif mem_t is m64_t:
            return x87_div_m64(d, s)
        elif mem_t is i16_t:
            return x87_div_i16(d, s)
        elif mem_t is i32_t:
            return x87_div_i32(d, s)
    elif op_t is divr_t:
        if mem_t is m32_t:
            return x87_divr_m32(d, s)
        elif mem_t is m64_t:
            return x87_divr_m64(d, s)
        elif mem_t is i16_t:
            return x87_divr_i16(d, s)
        elif mem_t is i32_t:
            return x87_divr_i32(d, s)


cdef inline u32 host_com(const void *d, const void *s, mem_t m) noexcept nogil:
    if mem_t is m32_t:
        return x87_com_m32(d, s)
    elif mem_t is m64_t:
        return x87_com_m64(d, s)
    elif mem_t is i16_t:
        return x87_com_i16(d, s)
    elif mem_t is i32_t:
        return x87_com_i32(d, s)


# Arithmetic

cdef Insn *arith_m(CPU *c, Insn *i, op_t o, mem_t m, acc_t a) noexcept nogil:
    """ST(0) = ST(0) op memory."""
    cdef u8 *p
    if acc_t is slow_t:
        if c.s.fpu.sw & SW_ES and fpu_blocked(c, i):
            return unwind(c, i)
    p = rd_at(c, i.seg, ea(c, i), size_of(m), a)
    if p == NULL:
        return miss(c, i)
    if acc_t is fast_t:
        if HOST_X87 and likely(masked(c) and has0(c)):
            note(c, i, host_mem(&c.s.fpu.st[c.s.fpu.top], p, o, m))
            return next_insn(c, i)
    return fpu_binary(c, i, op_of(o), kind_of(m), p)


cdef Insn *arith_0t(CPU *c, Insn *i, op_t o) noexcept nogil:
    """ST(0) = ST(0) op ST(i)."""
    if HOST_X87 and likely(masked(c) and has0(c) and has(c, i.x)):
        note(c, i, host_reg(&c.s.fpu.st[c.s.fpu.top], st(c, i.x), o))
        return next_insn(c, i)
    return fpu_binary(c, i, op_of(o), K_0T, NULL)


cdef Insn *arith_t0(CPU *c, Insn *i, op_t o) noexcept nogil:
    """ST(i) = ST(i) op ST(0)."""
    if HOST_X87 and likely(masked(c) and has0(c) and has(c, i.x)):
        note(c, i, host_reg(st(c, i.x), &c.s.fpu.st[c.s.fpu.top], o))
        return next_insn(c, i)
    return fpu_binary(c, i, op_of(o), K_T0, NULL)


cdef Insn *arith_p(CPU *c, Insn *i, op_t o) noexcept nogil:
    """The same, and pop."""
    if HOST_X87 and likely(masked(c) and has0(c) and has(c, i.x)):
        note(c, i, host_reg(st(c, i.x), &c.s.fpu.st[c.s.fpu.top], o))
        st_pop(c)
        return next_insn(c, i)
    return fpu_binary(c, i, op_of(o), K_POP, NULL)


# Comparison

cdef Insn *fcom_m(CPU *c, Insn *i, mem_t m, acc_t a) noexcept nogil:
    cdef u8 *p
    if acc_t is slow_t:
        if c.s.fpu.sw & SW_ES and fpu_blocked(c, i):
            return unwind(c, i)
    p = rd_at(c, i.seg, ea(c, i), size_of(m), a)
    if p == NULL:
        return miss(c, i)
    if acc_t is fast_t:
        if HOST_X87 and likely(masked(c) and has0(c)):
            note_cc(c, i, host_com(&c.s.fpu.st[c.s.fpu.top], p, m))
            return next_insn(c, i)
    return fpu_compare(c, i, 0, kind_of(m), p)


cdef Insn *fcomp_m(CPU *c, Insn *i, mem_t m, acc_t a) noexcept nogil:
    cdef u8 *p
    if acc_t is slow_t:
        if c.s.fpu.sw & SW_ES and fpu_blocked(c, i):
            return unwind(c, i)
    p = rd_at(c, i.seg, ea(c, i), size_of(m), a)
    if p == NULL:
        return miss(c, i)
    if acc_t is fast_t:
        if HOST_X87 and likely(masked(c) and has0(c)):
            note_cc(c, i, host_com(&c.s.fpu.st[c.s.fpu.top], p, m))
            st_pop(c)
            return next_insn(c, i)
    return fpu_compare(c, i, CMP_POP, kind_of(m), p)


cdef inline bint ready(CPU *c, Insn *i) noexcept nogil:
    return HOST_X87 and likely(masked(c) and has0(c) and has(c, i.x))


cdef inline u32 host_compare(CPU *c, Insn *i, bint quiet) noexcept nogil:
    if quiet:
        return x87_ucom(&c.s.fpu.st[c.s.fpu.top], st(c, i.x))
    return x87_com(&c.s.fpu.st[c.s.fpu.top], st(c, i.x))


cdef inline void to_eflags(CPU *c, Insn *i, u32 sw) noexcept nogil:
    """FCOMI: ZF PF CF are C3 C2 C0; C1 stays."""
    set_arith(c, (sw >> 8) & F_CF | (sw >> 8) & F_PF | (sw >> 8) & F_ZF)
    c.s.fpu.sw |= <unsigned short>(sw & SW_EXC)
    c.s.fpu.fip = insn_rip(c, i)


cdef Insn *fcom_0t(CPU *c, Insn *i) noexcept nogil:
    if ready(c, i):
        note_cc(c, i, host_compare(c, i, 0))
        return next_insn(c, i)
    return fpu_compare(c, i, 0, K_0T, NULL)


cdef Insn *fcomp_0t(CPU *c, Insn *i) noexcept nogil:
    if ready(c, i):
        note_cc(c, i, host_compare(c, i, 0))
        st_pop(c)
        return next_insn(c, i)
    return fpu_compare(c, i, CMP_POP, K_0T, NULL)


cdef Insn *fcompp(CPU *c, Insn *i) noexcept nogil:
    i.x = 1
    return fpu_compare(c, i, CMP_POP2, K_0T, NULL)


cdef Insn *fucom_t(CPU *c, Insn *i) noexcept nogil:
    if ready(c, i):
        note_cc(c, i, host_compare(c, i, 1))
        return next_insn(c, i)
    return fpu_compare(c, i, CMP_QUIET, K_0T, NULL)


cdef Insn *fucomp_t(CPU *c, Insn *i) noexcept nogil:
    if ready(c, i):
        note_cc(c, i, host_compare(c, i, 1))
        st_pop(c)
        return next_insn(c, i)
    return fpu_compare(c, i, CMP_QUIET | CMP_POP, K_0T, NULL)


cdef Insn *fucompp(CPU *c, Insn *i) noexcept nogil:
    i.x = 1
    if ready(c, i):
        note_cc(c, i, host_compare(c, i, 1))
        st_pop(c)
        st_pop(c)
        return next_insn(c, i)
    return fpu_compare(c, i, CMP_QUIET | CMP_POP2, K_0T, NULL)


cdef Insn *fcomi_t(CPU *c, Insn *i) noexcept nogil:
    if ready(c, i):
        to_eflags(c, i, host_compare(c, i, 0))
        return next_insn(c, i)
    return fpu_compare(c, i, CMP_EFLAGS, K_0T, NULL)


cdef Insn *fcomip_t(CPU *c, Insn *i) noexcept nogil:
    if ready(c, i):
        to_eflags(c, i, host_compare(c, i, 0))
        st_pop(c)
        return next_insn(c, i)
    return fpu_compare(c, i, CMP_EFLAGS | CMP_POP, K_0T, NULL)


cdef Insn *fucomi_t(CPU *c, Insn *i) noexcept nogil:
    if ready(c, i):
        to_eflags(c, i, host_compare(c, i, 1))
        return next_insn(c, i)
    return fpu_compare(c, i, CMP_EFLAGS | CMP_QUIET, K_0T, NULL)


cdef Insn *fucomip_t(CPU *c, Insn *i) noexcept nogil:
    if ready(c, i):
        to_eflags(c, i, host_compare(c, i, 1))
        st_pop(c)
        return next_insn(c, i)
    return fpu_compare(c, i, CMP_EFLAGS | CMP_QUIET | CMP_POP, K_0T, NULL)


cdef Insn *ftst(CPU *c, Insn *i) noexcept nogil:
    return fpu_compare(c, i, 0, K_ZERO, NULL)


# ST(0) and ST(1)

cdef Insn *fsqrt(CPU *c, Insn *i) noexcept nogil:
    if HOST_X87 and likely(masked(c) and has0(c)):
        note(c, i, x87_sqrt(&c.s.fpu.st[c.s.fpu.top]))
        return next_insn(c, i)
    return fpu_math(c, i, U_SQRT)


cdef Insn *frndint(CPU *c, Insn *i) noexcept nogil:
    if HOST_X87 and likely(masked(c) and has0(c)):
        note(c, i, x87_rint(&c.s.fpu.st[c.s.fpu.top]))
        return next_insn(c, i)
    return fpu_math(c, i, U_RINT)


cdef Insn *fscale(CPU *c, Insn *i) noexcept nogil:
    return fpu_math(c, i, U_SCALE)


cdef Insn *fprem(CPU *c, Insn *i) noexcept nogil:
    return fpu_math(c, i, U_PREM)


cdef Insn *fprem1(CPU *c, Insn *i) noexcept nogil:
    return fpu_math(c, i, U_PREM1)


cdef Insn *fxtract(CPU *c, Insn *i) noexcept nogil:
    return fpu_math(c, i, U_XTRACT)


cdef Insn *f2xm1(CPU *c, Insn *i) noexcept nogil:
    return fpu_math(c, i, U_F2XM1)


cdef Insn *fyl2x(CPU *c, Insn *i) noexcept nogil:
    return fpu_math(c, i, U_YL2X)


cdef Insn *fyl2xp1(CPU *c, Insn *i) noexcept nogil:
    return fpu_math(c, i, U_YL2XP1)


cdef Insn *fpatan(CPU *c, Insn *i) noexcept nogil:
    return fpu_math(c, i, U_PATAN)


cdef Insn *fptan(CPU *c, Insn *i) noexcept nogil:
    return fpu_math(c, i, U_PTAN)


cdef Insn *fsin(CPU *c, Insn *i) noexcept nogil:
    return fpu_math(c, i, U_SIN)


cdef Insn *fcos(CPU *c, Insn *i) noexcept nogil:
    return fpu_math(c, i, U_COS)


cdef Insn *fsincos(CPU *c, Insn *i) noexcept nogil:
    return fpu_math(c, i, U_SINCOS)


cdef int add_mem(Registry r, str name, str suffix, op_t o, mem_t m) except -1:
    return r.add(name + suffix, 0, <handler_t>arith_m[op_t, mem_t, fast_t], <handler_t>arith_m[op_t, mem_t, slow_t])


cdef int add_op(Registry r, str op, op_t o) except -1:
    add_mem(r, "f" + op, "_m32", o, <m32_t>0)
    add_mem(r, "f" + op, "_m64", o, <m64_t>0)
    add_mem(r, "fi" + op, "_m16", o, <i16_t>0)
    add_mem(r, "fi" + op, "_m32", o, <i32_t>0)
    r.add(f"f{op}_0t", 0, <handler_t>arith_0t[op_t], <handler_t>arith_0t[op_t])
    r.add(f"f{op}_t0", 0, <handler_t>arith_t0[op_t], <handler_t>arith_t0[op_t])
    r.add(f"f{op}p_t0", 0, <handler_t>arith_p[op_t], <handler_t>arith_p[op_t])
    return 0


cdef int add_com(Registry r, str prefix, str suffix, mem_t m) except -1:
    r.add(f"{prefix}com_{suffix}", 0, <handler_t>fcom_m[mem_t, fast_t], <handler_t>fcom_m[mem_t, slow_t])
    r.add(f"{prefix}comp_{suffix}", 0, <handler_t>fcomp_m[mem_t, fast_t], <handler_t>fcomp_m[mem_t, slow_t])
    return 0


cdef int add1(Registry r, str name, handler_t h) except -1:
    return r.add(name, 0, h, h)


cdef int register(Registry r) except -1:
    add_op(r, "add", <add_t>0)
    add_op(r, "mul", <mul_t>0)
    add_op(r, "sub", <sub_t>0)
    add_op(r, "subr", <subr_t>0)
    add_op(r, "div", <div_t>0)
    add_op(r, "divr", <divr_t>0)
    add_com(r, "f", "m32", <m32_t>0)
    add_com(r, "f", "m64", <m64_t>0)
    add_com(r, "fi", "m16", <i16_t>0)
    add_com(r, "fi", "m32", <i32_t>0)
    add1(r, "fcom_0t", <handler_t>fcom_0t)
    add1(r, "fcomp_0t", <handler_t>fcomp_0t)
    add1(r, "fcompp", <handler_t>fcompp)
    add1(r, "fucom_t", <handler_t>fucom_t)
    add1(r, "fucomp_t", <handler_t>fucomp_t)
    add1(r, "fucompp", <handler_t>fucompp)
    add1(r, "fcomi_t", <handler_t>fcomi_t)
    add1(r, "fcomip_t", <handler_t>fcomip_t)
    add1(r, "fucomi_t", <handler_t>fucomi_t)
    add1(r, "fucomip_t", <handler_t>fucomip_t)
    add1(r, "ftst", <handler_t>ftst)
    add1(r, "fsqrt", <handler_t>fsqrt)
    add1(r, "frndint", <handler_t>frndint)
    add1(r, "fscale", <handler_t>fscale)
    add1(r, "fprem", <handler_t>fprem)
    add1(r, "fprem1", <handler_t>fprem1)
    add1(r, "fxtract", <handler_t>fxtract)
    add1(r, "f2xm1", <handler_t>f2xm1)
    add1(r, "fyl2x", <handler_t>fyl2x)
    add1(r, "fyl2xp1", <handler_t>fyl2xp1)
    add1(r, "fpatan", <handler_t>fpatan)
    add1(r, "fptan", <handler_t>fptan)
    add1(r, "fsin", <handler_t>fsin)
    add1(r, "fcos", <handler_t>fcos)
    add1(r, "fsincos", <handler_t>fsincos)
    return 0
