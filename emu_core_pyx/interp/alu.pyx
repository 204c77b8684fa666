"""Two-operand arithmetic and logic, INC DEC NOT NEG (SDM 2, ADD ADC SUB SBB AND OR XOR CMP TEST ...).

A handler body is written once over the operand size (uint_t), the way memory is reached (acc_t) and the operation
(op_t): the last is a tag, a pointer type that never holds anything.  AF after a logical operation is 0.
"""
from emu_core_pyx.types cimport acc_t, fast_t, slow_t, u8, u16, u32, u64, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.flags cimport AUX_CF, flags_add, flags_logic, flags_sub, get_cf, sext
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.interp.dispatch cimport finish, miss, next_insn
from emu_core_pyx.mmu.access cimport put, rd, reg, rmw
from emu_core_pyx.decode.registry cimport Registry

cdef struct TagAdd:
    u8 _
cdef struct TagOr:
    u8 _
cdef struct TagAdc:
    u8 _
cdef struct TagSbb:
    u8 _
cdef struct TagAnd:
    u8 _
cdef struct TagSub:
    u8 _
cdef struct TagXor:
    u8 _
cdef struct TagCmp:
    u8 _
cdef struct TagTest:
    u8 _
cdef struct TagInc:
    u8 _
cdef struct TagDec:
    u8 _
cdef struct TagNot:
    u8 _
cdef struct TagNeg:
    u8 _
ctypedef TagAdd *add_t
ctypedef TagOr *or_t
ctypedef TagAdc *adc_t
ctypedef TagSbb *sbb_t
ctypedef TagAnd *and_t
ctypedef TagSub *sub_t
ctypedef TagXor *xor_t
ctypedef TagCmp *cmp_t
ctypedef TagTest *test_t
ctypedef TagInc *inc_t
ctypedef TagDec *dec_t
ctypedef TagNot *not_t
ctypedef TagNeg *neg_t

ctypedef fused op_t:
    add_t
    or_t
    adc_t
    sbb_t
    and_t
    sub_t
    xor_t
    cmp_t
    test_t

ctypedef fused unary_t:
    inc_t
    dec_t
    not_t
    neg_t


cdef inline uint_t alu(CPU *c, uint_t x, uint_t y, op_t o) noexcept nogil:
    cdef uint_t r
    if op_t is add_t:
        r = <uint_t>(x + y)
        flags_add(c, x, y, r)
    elif op_t is adc_t:
        r = <uint_t>(x + y + get_cf(c))
        flags_add(c, x, y, r)
    elif op_t is sub_t or op_t is cmp_t:
        r = <uint_t>(x - y)
        flags_sub(c, x, y, r)
    elif op_t is sbb_t:
        r = <uint_t>(x - y - get_cf(c))
        flags_sub(c, x, y, r)
    elif op_t is or_t:
        r = x | y
        flags_logic(c, r)
    elif op_t is xor_t:
        r = x ^ y
        flags_logic(c, r)
    else:
        r = x & y
        flags_logic(c, r)
    return r


cdef Insn *alu_rr(CPU *c, Insn *i, uint_t t, op_t o) noexcept nogil:
    cdef uint_t r = alu(c, reg(c, i.dst, t)[0], reg(c, i.src, t)[0], o)
    if op_t is cmp_t or op_t is test_t:
        pass
    else:
        put(c, i.dst, r)
    return next_insn(c, i)


cdef Insn *alu_ri(CPU *c, Insn *i, uint_t t, op_t o) noexcept nogil:
    cdef uint_t r = alu(c, reg(c, i.dst, t)[0], <uint_t>i.imm, o)
    if op_t is cmp_t or op_t is test_t:
        pass
    else:
        put(c, i.dst, r)
    return next_insn(c, i)


cdef Insn *alu_rm(CPU *c, Insn *i, uint_t t, acc_t a, op_t o) noexcept nogil:
    cdef uint_t *p = rd(c, i, t, a)
    cdef uint_t r
    if p == NULL:
        return miss(c, i)
    r = alu(c, reg(c, i.dst, t)[0], p[0], o)
    if op_t is cmp_t or op_t is test_t:
        pass
    else:
        put(c, i.dst, r)
    return finish(c, i, a)


cdef Insn *alu_mr(CPU *c, Insn *i, uint_t t, acc_t a, op_t o) noexcept nogil:
    cdef uint_t *p
    if op_t is cmp_t or op_t is test_t:
        p = rd(c, i, t, a)
        if p == NULL:
            return miss(c, i)
        alu(c, p[0], reg(c, i.src, t)[0], o)
    else:
        p = rmw(c, i, t, a)
        if p == NULL:
            return miss(c, i)
        p[0] = alu(c, p[0], reg(c, i.src, t)[0], o)
    return finish(c, i, a)


cdef Insn *alu_mi(CPU *c, Insn *i, uint_t t, acc_t a, op_t o) noexcept nogil:
    cdef uint_t *p
    if op_t is cmp_t or op_t is test_t:
        p = rd(c, i, t, a)
        if p == NULL:
            return miss(c, i)
        alu(c, p[0], <uint_t>i.imm, o)
    else:
        p = rmw(c, i, t, a)
        if p == NULL:
            return miss(c, i)
        p[0] = alu(c, p[0], <uint_t>i.imm, o)
    return finish(c, i, a)


cdef inline uint_t unary(CPU *c, uint_t x, unary_t o) noexcept nogil:
    cdef uint_t r
    cdef u32 cf, of
    if unary_t is not_t:
        r = <uint_t>(~x)
    elif unary_t is neg_t:
        r = <uint_t>(-x)
        flags_sub(c, <uint_t>0, x, r)
    else:       # CF is kept
        if unary_t is inc_t:
            r = <uint_t>(x + 1)
            of = <u32>((~x & r) >> (8 * sizeof(uint_t) - 1)) & 1
        else:
            r = <uint_t>(x - 1)
            of = <u32>((x & ~r) >> (8 * sizeof(uint_t) - 1)) & 1
        cf = c.s.cc_aux & AUX_CF
        c.s.cc_res = sext(r)
        c.s.cc_aux = cf | (cf >> 1) ^ (of << 30) | (<u32>(x ^ r) & 0x10) >> 1
    return r


cdef Insn *unary_r(CPU *c, Insn *i, uint_t t, unary_t o) noexcept nogil:
    put(c, i.dst, unary(c, reg(c, i.dst, t)[0], o))
    return next_insn(c, i)


cdef Insn *unary_m(CPU *c, Insn *i, uint_t t, acc_t a, unary_t o) noexcept nogil:
    cdef uint_t *p = rmw(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    p[0] = unary(c, p[0], o)
    return finish(c, i, a)


cdef int add_sized(Registry r, str name, uint_t t, op_t o) except -1:
    cdef u32 n = sizeof(uint_t)
    r.add(name + "_rr", n, <handler_t>alu_rr[uint_t, op_t], <handler_t>alu_rr[uint_t, op_t])
    r.add(name + "_ri", n, <handler_t>alu_ri[uint_t, op_t], <handler_t>alu_ri[uint_t, op_t])
    if name != "test":
        r.add(name + "_rm", n, <handler_t>alu_rm[uint_t, fast_t, op_t], <handler_t>alu_rm[uint_t, slow_t, op_t])
    r.add(name + "_mr", n, <handler_t>alu_mr[uint_t, fast_t, op_t], <handler_t>alu_mr[uint_t, slow_t, op_t])
    r.add(name + "_mi", n, <handler_t>alu_mi[uint_t, fast_t, op_t], <handler_t>alu_mi[uint_t, slow_t, op_t])
    return 0


cdef int add_op(Registry r, str name, op_t o) except -1:
    add_sized(r, name, <u8>0, o)
    add_sized(r, name, <u16>0, o)
    add_sized(r, name, <u32>0, o)
    add_sized(r, name, <u64>0, o)
    return 0


cdef int add_unary_sized(Registry r, str name, uint_t t, unary_t o) except -1:
    cdef u32 n = sizeof(uint_t)
    r.add(name + "_r", n, <handler_t>unary_r[uint_t, unary_t], <handler_t>unary_r[uint_t, unary_t])
    r.add(name + "_m", n, <handler_t>unary_m[uint_t, fast_t, unary_t], <handler_t>unary_m[uint_t, slow_t, unary_t])
    return 0


cdef int add_unary(Registry r, str name, unary_t o) except -1:
    add_unary_sized(r, name, <u8>0, o)
    add_unary_sized(r, name, <u16>0, o)
    add_unary_sized(r, name, <u32>0, o)
    add_unary_sized(r, name, <u64>0, o)
    return 0


cdef int register(Registry r) except -1:
    add_op(r, "add", <add_t>NULL)
    add_op(r, "or", <or_t>NULL)
    add_op(r, "adc", <adc_t>NULL)
    add_op(r, "sbb", <sbb_t>NULL)
    add_op(r, "and", <and_t>NULL)
    add_op(r, "sub", <sub_t>NULL)
    add_op(r, "xor", <xor_t>NULL)
    add_op(r, "cmp", <cmp_t>NULL)
    add_op(r, "test", <test_t>NULL)
    add_unary(r, "inc", <inc_t>NULL)
    add_unary(r, "dec", <dec_t>NULL)
    add_unary(r, "not", <not_t>NULL)
    add_unary(r, "neg", <neg_t>NULL)
    return 0
