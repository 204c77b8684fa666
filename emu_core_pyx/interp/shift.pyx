"""Shifts and rotates: ROL ROR RCL RCR SHL SHR SAR, SHLD SHRD (SDM 2).

Flags the manual leaves undefined (OF for counts above 1, results of counts above the operand size) follow
UNDEFINED.md.  A memory operand is opened for writing whatever the count.
"""
from emu_core_pyx.types cimport acc_t, fast_t, i64, slow_t, u8, u16, u32, u64, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport RCX
from emu_core_pyx.cpu.flags cimport get_cf, get_of, set_cf_of, sext
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.interp.dispatch cimport finish, miss, next_insn
from emu_core_pyx.mmu.access cimport put, reg, rmw
from emu_core_pyx.decode.registry cimport Registry

cdef struct TagRol:
    u8 _
cdef struct TagRor:
    u8 _
cdef struct TagRcl:
    u8 _
cdef struct TagRcr:
    u8 _
cdef struct TagShl:
    u8 _
cdef struct TagShr:
    u8 _
cdef struct TagSar:
    u8 _
cdef struct TagShld:
    u8 _
cdef struct TagShrd:
    u8 _
ctypedef TagRol *rol_t
ctypedef TagRor *ror_t
ctypedef TagRcl *rcl_t
ctypedef TagRcr *rcr_t
ctypedef TagShl *shl_t
ctypedef TagShr *shr_t
ctypedef TagSar *sar_t
ctypedef TagShld *shld_t
ctypedef TagShrd *shrd_t

ctypedef fused op_t:
    rol_t
    ror_t
    rcl_t
    rcr_t
    shl_t
    shr_t
    sar_t

ctypedef fused double_t:
    shld_t
    shrd_t


cdef inline u32 count(u32 n, uint_t t) noexcept nogil:
    if uint_t is u64:
        return n & 63
    else:
        return n & 31


cdef inline u32 bit(uint_t x, u32 n) noexcept nogil:
    return <u32>(x >> n) & 1


cdef inline void set_shift_flags(CPU *c, uint_t r, u32 cf, u32 of) noexcept nogil:
    """SF ZF PF of the result, AF = 0."""
    c.s.cc_res = sext(r)
    c.s.cc_aux = cf << 31 | (cf ^ of) << 30


cdef inline uint_t shift(CPU *c, uint_t x, u32 n, op_t o) noexcept nogil:
    """x shifted n times, n masked to 5 or 6 bits and not 0."""
    cdef uint_t r
    cdef u64 w
    cdef i64 s
    cdef u32 size = 8 * sizeof(uint_t), k, cf
    if op_t is shl_t:
        if uint_t is u64:
            r = x << n
            cf = bit(x, 64 - n)
        else:
            w = <u64>x << n
            r = <uint_t>w
            cf = <u32>(w >> size) & 1
        set_shift_flags(c, r, cf, bit(x, size - 1) ^ bit(x, size - 2))
    elif op_t is shr_t:
        w = <u64>x
        r = <uint_t>(w >> n)
        cf = <u32>(w >> (n - 1)) & 1
        set_shift_flags(c, r, cf, bit(x, size - 1))
    elif op_t is sar_t:
        s = sext(x)
        r = <uint_t>(s >> n)
        cf = <u32>(s >> (n - 1)) & 1
        set_shift_flags(c, r, cf, 0)
    elif op_t is rol_t:
        k = n & (size - 1)
        r = <uint_t>(x << k | x >> ((size - k) & (size - 1)))
        set_cf_of(c, <u32>r & 1, bit(x, size - 1) ^ bit(x, size - 2))
    elif op_t is ror_t:
        k = n & (size - 1)
        r = <uint_t>(x >> k | x << ((size - k) & (size - 1)))
        set_cf_of(c, bit(r, size - 1), bit(x, size - 1) ^ (<u32>x & 1))
    elif op_t is rcl_t:
        k = n
        if uint_t is u8 or uint_t is u16:
            k = n % (size + 1)
            if k == 0:
                return x
        cf = get_cf(c)
        # the size + 1 bits x:cf, seen from the carry
        r = <uint_t>(<u64>x << k) | <uint_t>(<u64>cf << (k - 1))
        if k > 1:
            r |= <uint_t>(x >> (size + 1 - k))
        set_cf_of(c, bit(x, size - k), bit(x, size - 1) ^ bit(x, size - 2))
    else:
        k = n
        if uint_t is u8 or uint_t is u16:
            k = n % (size + 1)
            if k == 0:
                return x
        cf = get_cf(c)
        w = 0
        if k < size:
            w = <u64>x >> k
        r = <uint_t>w | <uint_t>(<u64>cf << (size - k))
        if k > 1:
            r |= <uint_t>(<u64>x << (size + 1 - k))
        set_cf_of(c, bit(x, k - 1), cf ^ bit(x, size - 1))
    return r


cdef Insn *shift_ri(CPU *c, Insn *i, uint_t t, op_t o) noexcept nogil:
    cdef u32 n = count(<u32>i.imm, t), of
    cdef uint_t x = reg(c, i.dst, t)[0]
    if n:
        if op_t is rol_t or op_t is ror_t:
            of = get_of(c)
            x = shift(c, x, n, o)
            if n != 1:      # this form alone keeps OF
                set_cf_of(c, get_cf(c), of)
        else:
            x = shift(c, x, n, o)
    put(c, i.dst, x)
    return next_insn(c, i)


cdef Insn *shift_rc(CPU *c, Insn *i, uint_t t, op_t o) noexcept nogil:
    cdef u32 n = count(<u32>c.s.gpr[RCX], t)
    cdef uint_t x = reg(c, i.dst, t)[0]
    if n:
        x = shift(c, x, n, o)
    put(c, i.dst, x)
    return next_insn(c, i)


cdef Insn *shift_mi(CPU *c, Insn *i, uint_t t, acc_t a, op_t o) noexcept nogil:
    cdef u32 n = count(<u32>i.imm, t)
    cdef uint_t *p = rmw(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    if n:
        p[0] = shift(c, p[0], n, o)
    return finish(c, i, a)


cdef Insn *shift_mc(CPU *c, Insn *i, uint_t t, acc_t a, op_t o) noexcept nogil:
    cdef u32 n = count(<u32>c.s.gpr[RCX], t)
    cdef uint_t *p = rmw(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    if n:
        p[0] = shift(c, p[0], n, o)
    return finish(c, i, a)


# -- double shifts -----------------------------------------------------------------------------------
cdef inline uint_t double_shift(CPU *c, uint_t d, uint_t s, u32 n, double_t o) noexcept nogil:
    """d shifted n times (not 0), bits coming in from s; 16-bit operands go on with d after s is used up."""
    cdef uint_t r
    cdef u64 w
    cdef u32 size = 8 * sizeof(uint_t), cf
    if double_t is shld_t:
        if uint_t is u16:
            w = <u64>d << 32 | <u64>s << 16 | d
            r = <uint_t>(w >> (32 - n))
            cf = <u32>(w >> (48 - n)) & 1
        else:
            r = <uint_t>(d << n | s >> (size - n))
            cf = bit(d, size - n)
        set_shift_flags(c, r, cf, bit(d, size - 1) ^ bit(d, size - 2))
    else:
        if uint_t is u16:
            w = <u64>d << 32 | <u64>s << 16 | d
            r = <uint_t>(w >> n)
            cf = <u32>(w >> (n - 1)) & 1
        else:
            r = <uint_t>(d >> n | s << (size - n))
            cf = bit(d, n - 1)
        set_shift_flags(c, r, cf, bit(d, size - 1) ^ (<u32>s & 1))
    return r


cdef Insn *double_rri(CPU *c, Insn *i, uint_t t, double_t o) noexcept nogil:
    cdef u32 n = count(<u32>i.imm, t)
    cdef uint_t x = reg(c, i.dst, t)[0]
    if n:
        x = double_shift(c, x, reg(c, i.src, t)[0], n, o)
    put(c, i.dst, x)
    return next_insn(c, i)


cdef Insn *double_rrc(CPU *c, Insn *i, uint_t t, double_t o) noexcept nogil:
    cdef u32 n = count(<u32>c.s.gpr[RCX], t)
    cdef uint_t x = reg(c, i.dst, t)[0]
    if n:
        x = double_shift(c, x, reg(c, i.src, t)[0], n, o)
    put(c, i.dst, x)
    return next_insn(c, i)


cdef Insn *double_mri(CPU *c, Insn *i, uint_t t, acc_t a, double_t o) noexcept nogil:
    cdef u32 n = count(<u32>i.imm, t)
    cdef uint_t *p = rmw(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    if n:
        p[0] = double_shift(c, p[0], reg(c, i.src, t)[0], n, o)
    return finish(c, i, a)


cdef Insn *double_mrc(CPU *c, Insn *i, uint_t t, acc_t a, double_t o) noexcept nogil:
    cdef u32 n = count(<u32>c.s.gpr[RCX], t)
    cdef uint_t *p = rmw(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    if n:
        p[0] = double_shift(c, p[0], reg(c, i.src, t)[0], n, o)
    return finish(c, i, a)


# -- registration -------------------------------------------------------------------------------------
cdef int add_sized(Registry r, str name, uint_t t, op_t o) except -1:
    cdef u32 n = sizeof(uint_t)
    r.add(name + "_ri", n, <handler_t>shift_ri[uint_t, op_t], <handler_t>shift_ri[uint_t, op_t])
    r.add(name + "_rc", n, <handler_t>shift_rc[uint_t, op_t], <handler_t>shift_rc[uint_t, op_t])
    r.add(name + "_mi", n, <handler_t>shift_mi[uint_t, fast_t, op_t], <handler_t>shift_mi[uint_t, slow_t, op_t])
    r.add(name + "_mc", n, <handler_t>shift_mc[uint_t, fast_t, op_t], <handler_t>shift_mc[uint_t, slow_t, op_t])
    return 0


cdef int add_op(Registry r, str name, op_t o) except -1:
    add_sized(r, name, <u8>0, o)
    add_sized(r, name, <u16>0, o)
    add_sized(r, name, <u32>0, o)
    add_sized(r, name, <u64>0, o)
    return 0


cdef int add_double_sized(Registry r, str name, uint_t t, double_t o) except -1:
    cdef u32 n = sizeof(uint_t)
    r.add(name + "_rri", n, <handler_t>double_rri[uint_t, double_t], <handler_t>double_rri[uint_t, double_t])
    r.add(name + "_rrc", n, <handler_t>double_rrc[uint_t, double_t], <handler_t>double_rrc[uint_t, double_t])
    r.add(name + "_mri", n, <handler_t>double_mri[uint_t, fast_t, double_t],
          <handler_t>double_mri[uint_t, slow_t, double_t])
    r.add(name + "_mrc", n, <handler_t>double_mrc[uint_t, fast_t, double_t],
          <handler_t>double_mrc[uint_t, slow_t, double_t])
    return 0


cdef int add_double(Registry r, str name, double_t o) except -1:
    add_double_sized(r, name, <u16>0, o)
    add_double_sized(r, name, <u32>0, o)
    add_double_sized(r, name, <u64>0, o)
    return 0


cdef int register(Registry r) except -1:
    add_op(r, "rol", <rol_t>NULL)
    add_op(r, "ror", <ror_t>NULL)
    add_op(r, "rcl", <rcl_t>NULL)
    add_op(r, "rcr", <rcr_t>NULL)
    add_op(r, "shl", <shl_t>NULL)
    add_op(r, "shr", <shr_t>NULL)
    add_op(r, "sar", <sar_t>NULL)
    add_double(r, "shld", <shld_t>NULL)
    add_double(r, "shrd", <shrd_t>NULL)
    return 0
