"""MUL IMUL DIV IDIV (SDM 2).  Flags of a product: UNDEFINED.md; division changes none."""
from emu_core_pyx.types cimport acc_t, fast_t, i64, i128, slow_t, u8, u16, u32, u64, u128, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport EXC_DE, RAX, RDX
from emu_core_pyx.cpu.flags cimport sext
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.interp.dispatch cimport fault, finish, miss, next_insn
from emu_core_pyx.mmu.access cimport put, rd, reg
from emu_core_pyx.decode.registry cimport Registry

cdef struct TagUnsigned:
    u8 _
cdef struct TagSigned:
    u8 _
ctypedef TagUnsigned *unsigned_t
ctypedef TagSigned *signed_t
ctypedef fused sign_t:
    unsigned_t
    signed_t


cdef inline void product_flags(CPU *c, uint_t lo, u32 overflow) noexcept nogil:
    """CF = OF = overflow, SF and PF of the low half, ZF = AF = 0."""
    c.s.cc_res = sext(lo) | <i64>(lo == 0) << 8
    c.s.cc_aux = overflow << 31


cdef inline void multiply(CPU *c, uint_t y, sign_t s) noexcept nogil:
    """rDX:rAX (AX for bytes) = rAX * y."""
    cdef uint_t x = reg(c, RAX * 8, y)[0], lo, hi
    cdef u128 wide
    cdef i128 wide_s
    cdef u64 w
    cdef i64 v
    if uint_t is u64:
        if sign_t is unsigned_t:
            wide = <u128>x * y
            lo = <uint_t>wide
            hi = <uint_t>(wide >> 64)
            product_flags(c, lo, hi != 0)
        else:
            wide_s = <i128>sext(x) * sext(y)
            lo = <uint_t>wide_s
            hi = <uint_t>(wide_s >> 64)
            product_flags(c, lo, wide_s != <i128>sext(lo))
    elif sign_t is unsigned_t:
        w = <u64>x * y
        lo = <uint_t>w
        hi = <uint_t>(w >> (8 * sizeof(uint_t)))
        product_flags(c, lo, hi != 0)
    else:
        v = sext(x) * sext(y)
        lo = <uint_t>v
        hi = <uint_t>(v >> (8 * sizeof(uint_t)))
        product_flags(c, lo, v != sext(lo))
    if uint_t is u8:
        put(c, RAX * 8, <u16>(<u16>lo | <u16>hi << 8))
    else:
        put(c, RAX * 8, lo)
        put(c, RDX * 8, hi)


cdef inline bint divide(CPU *c, uint_t y, sign_t s) noexcept nogil:
    """Quotient to rAX, remainder to rDX (AL, AH for bytes); 0: #DE, nothing changed."""
    cdef u32 size = 8 * sizeof(uint_t)
    cdef u64 n, d, q, m
    cdef u128 wn, wq
    cdef bint neg_n = 0, neg_d = 0
    if y == 0:
        return 0
    if uint_t is u64:
        wn = <u128>c.s.gpr[RDX] << 64 | c.s.gpr[RAX]
        d = y
        if sign_t is signed_t:
            if <i64>c.s.gpr[RDX] < 0:
                neg_n = 1
                wn = 0 - wn
            if <i64>y < 0:
                neg_d = 1
                d = 0 - d
        if <u64>(wn >> 64) >= d:
            return 0
        wq = wn / <u128>d       # uncast, Cython would divide 64 bits
        q = <u64>wq
        m = <u64>(wn - wq * <u128>d)
    else:
        if uint_t is u8:
            n = <u16>c.s.gpr[RAX]
        elif uint_t is u16:
            n = <u32>((c.s.gpr[RDX] & 0xFFFF) << 16 | c.s.gpr[RAX] & 0xFFFF)
        else:
            n = c.s.gpr[RDX] << 32 | <u32>c.s.gpr[RAX]
        d = y
        if sign_t is signed_t:
            if (n >> (2 * size - 1)) & 1:
                neg_n = 1
                if uint_t is u32:
                    n = 0 - n
                else:
                    n = (0 - n) & ((<u64>1 << (2 * size)) - 1)
            if (d >> (size - 1)) & 1:
                neg_d = 1
                d = (<u64>1 << size) - d
        q = n / d
        m = n % d
        if q >> size:
            return 0
    if sign_t is signed_t:
        if neg_n != neg_d:
            if q > <u64>1 << (size - 1):
                return 0
            q = 0 - q
        elif q >> (size - 1):
            return 0
        if neg_n:
            m = 0 - m
    if uint_t is u8:
        put(c, RAX * 8, <u16>((q & 0xFF) | (m & 0xFF) << 8))
    else:
        put(c, RAX * 8, <uint_t>q)
        put(c, RDX * 8, <uint_t>m)
    return 1


cdef Insn *mul_r(CPU *c, Insn *i, uint_t t, sign_t s) noexcept nogil:
    multiply(c, reg(c, i.dst, t)[0], s)
    return next_insn(c, i)


cdef Insn *mul_m(CPU *c, Insn *i, uint_t t, acc_t a, sign_t s) noexcept nogil:
    cdef uint_t *p = rd(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    multiply(c, p[0], s)
    return finish(c, i, a)


cdef Insn *div_r(CPU *c, Insn *i, uint_t t, sign_t s) noexcept nogil:
    if not divide(c, reg(c, i.dst, t)[0], s):
        return fault(c, i, EXC_DE, 0)
    return next_insn(c, i)


cdef Insn *div_m(CPU *c, Insn *i, uint_t t, acc_t a, sign_t s) noexcept nogil:
    cdef uint_t *p = rd(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    if not divide(c, p[0], s):
        return fault(c, i, EXC_DE, 0)
    return finish(c, i, a)


# -- IMUL with two and three operands ------------------------------------------------------------------
cdef inline uint_t imul(CPU *c, uint_t x, uint_t y) noexcept nogil:
    cdef uint_t lo
    cdef i64 w
    cdef i128 v
    if uint_t is u64:
        v = <i128>sext(x) * sext(y)
        lo = <uint_t>v
        product_flags(c, lo, v != <i128>sext(lo))
    else:
        w = sext(x) * sext(y)
        lo = <uint_t>w
        product_flags(c, lo, w != sext(lo))
    return lo


cdef Insn *imul_rr(CPU *c, Insn *i, uint_t t) noexcept nogil:
    put(c, i.dst, imul(c, reg(c, i.dst, t)[0], reg(c, i.src, t)[0]))
    return next_insn(c, i)


cdef Insn *imul_rri(CPU *c, Insn *i, uint_t t) noexcept nogil:
    put(c, i.dst, imul(c, reg(c, i.src, t)[0], <uint_t>i.imm))
    return next_insn(c, i)


cdef Insn *imul_rm(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = rd(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    put(c, i.dst, imul(c, reg(c, i.dst, t)[0], p[0]))
    return finish(c, i, a)


cdef Insn *imul_rmi(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = rd(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    put(c, i.dst, imul(c, p[0], <uint_t>i.imm))
    return finish(c, i, a)


# -- registration -------------------------------------------------------------------------------------
cdef int add_sign(Registry r, str mul, str div, uint_t t, sign_t s) except -1:
    cdef u32 n = sizeof(uint_t)
    r.add(mul + "_r", n, <handler_t>mul_r[uint_t, sign_t], <handler_t>mul_r[uint_t, sign_t])
    r.add(mul + "_m", n, <handler_t>mul_m[uint_t, fast_t, sign_t], <handler_t>mul_m[uint_t, slow_t, sign_t])
    r.add(div + "_r", n, <handler_t>div_r[uint_t, sign_t], <handler_t>div_r[uint_t, sign_t])
    r.add(div + "_m", n, <handler_t>div_m[uint_t, fast_t, sign_t], <handler_t>div_m[uint_t, slow_t, sign_t])
    return 0


cdef int add_sized(Registry r, uint_t t) except -1:
    cdef u32 n = sizeof(uint_t)
    add_sign(r, "mul", "div", t, <unsigned_t>NULL)
    add_sign(r, "imul", "idiv", t, <signed_t>NULL)
    if n > 1:
        r.add("imul_rr", n, <handler_t>imul_rr[uint_t], <handler_t>imul_rr[uint_t])
        r.add("imul_rri", n, <handler_t>imul_rri[uint_t], <handler_t>imul_rri[uint_t])
        r.add("imul_rm", n, <handler_t>imul_rm[uint_t, fast_t], <handler_t>imul_rm[uint_t, slow_t])
        r.add("imul_rmi", n, <handler_t>imul_rmi[uint_t, fast_t], <handler_t>imul_rmi[uint_t, slow_t])
    return 0


cdef int register(Registry r) except -1:
    add_sized(r, <u8>0)
    add_sized(r, <u16>0)
    add_sized(r, <u32>0)
    add_sized(r, <u64>0)
    return 0
