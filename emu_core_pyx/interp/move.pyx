"""Data transfer: MOV MOVZX MOVSX LEA XCHG XADD CMPXCHG CMPXCHG8B/16B BSWAP XLAT CBW/CWD families, CMOVcc, SETcc.

LOCK needs no action: there is one processor, and devices act between instructions.
"""
from emu_core_pyx.types cimport acc_t, fast_t, i8, i16, i32, slow_t, u8, u16, u32, u64, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport EXC_GP, F_ZF, RAX, RBX, RCX, RDX
from emu_core_pyx.cpu.flags cimport flags_add, flags_sub, get_arith, set_arith
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.interp.cond cimport (
    a_t, ae_t, b_t, be_t, cc_t, cond, g_t, ge_t, l_t, le_t, no_t, np_t, ns_t, nz_t, o_t, p_t, s_t, z_t)
from emu_core_pyx.interp.dispatch cimport fault, finish, miss, next_insn
from emu_core_pyx.mmu.access cimport ea, put, rd, rd_at, reg, rmw, rmw_at, wr, wr_at
from emu_core_pyx.decode.registry cimport Registry

cdef extern from *:
    u32 bswap32 "__builtin_bswap32"(u32 x) noexcept nogil
    u64 bswap64 "__builtin_bswap64"(u64 x) noexcept nogil


cdef Insn *mov_rr(CPU *c, Insn *i, uint_t t) noexcept nogil:
    put(c, i.dst, reg(c, i.src, t)[0])
    return next_insn(c, i)


cdef Insn *mov_ri(CPU *c, Insn *i, uint_t t) noexcept nogil:
    put(c, i.dst, <uint_t>i.imm)
    return next_insn(c, i)


cdef Insn *mov_ri64(CPU *c, Insn *i) noexcept nogil:
    put(c, i.dst, <u64><u32>i.imm | <u64><u32>i.disp << 32)
    return next_insn(c, i)


cdef Insn *mov_rm(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = rd(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    put(c, i.dst, p[0])
    return finish(c, i, a)


cdef Insn *mov_mr(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = wr(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    p[0] = reg(c, i.src, t)[0]
    return finish(c, i, a)


cdef Insn *mov_mi(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = wr(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    p[0] = <uint_t>i.imm
    return finish(c, i, a)


# moffs64, MOVBE
cdef inline u64 moffs(Insn *i) noexcept nogil:
    return (<u64><u32>i.disp | <u64><u32>i.imm << 32) & i.amask


cdef Insn *movabs_rm(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = <uint_t *>rd_at(c, i.seg, moffs(i), sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    put(c, i.dst, p[0])
    return finish(c, i, a)


cdef Insn *movabs_mr(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = <uint_t *>wr_at(c, i.seg, moffs(i), sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    p[0] = reg(c, i.src, t)[0]
    return finish(c, i, a)


cdef inline uint_t swapped(uint_t x) noexcept nogil:
    if uint_t is u64:
        return bswap64(x)
    elif uint_t is u32:
        return bswap32(x)
    else:
        return <uint_t>(x >> 8 | x << 8)


cdef Insn *movbe_rm(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = rd(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    put(c, i.dst, swapped(p[0]))
    return finish(c, i, a)


cdef Insn *movbe_mr(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = wr(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    p[0] = swapped(reg(c, i.src, t)[0])
    return finish(c, i, a)


# -- extending moves: uint_t is the destination ----------------------------------------------------
cdef Insn *movzx8_rr(CPU *c, Insn *i, uint_t t) noexcept nogil:
    put(c, i.dst, <uint_t>reg(c, i.src, <u8>0)[0])
    return next_insn(c, i)


cdef Insn *movzx16_rr(CPU *c, Insn *i, uint_t t) noexcept nogil:
    put(c, i.dst, <uint_t>reg(c, i.src, <u16>0)[0])
    return next_insn(c, i)


cdef Insn *movsx8_rr(CPU *c, Insn *i, uint_t t) noexcept nogil:
    put(c, i.dst, <uint_t><i8>reg(c, i.src, <u8>0)[0])
    return next_insn(c, i)


cdef Insn *movsx16_rr(CPU *c, Insn *i, uint_t t) noexcept nogil:
    put(c, i.dst, <uint_t><i16>reg(c, i.src, <u16>0)[0])
    return next_insn(c, i)


cdef Insn *movsx32_rr(CPU *c, Insn *i, uint_t t) noexcept nogil:
    put(c, i.dst, <uint_t><i32>reg(c, i.src, <u32>0)[0])
    return next_insn(c, i)


cdef Insn *movzx8_rm(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u8 *p = rd(c, i, <u8>0, a)
    if p == NULL:
        return miss(c, i)
    put(c, i.dst, <uint_t>p[0])
    return finish(c, i, a)


cdef Insn *movzx16_rm(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u16 *p = rd(c, i, <u16>0, a)
    if p == NULL:
        return miss(c, i)
    put(c, i.dst, <uint_t>p[0])
    return finish(c, i, a)


cdef Insn *movsx8_rm(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u8 *p = rd(c, i, <u8>0, a)
    if p == NULL:
        return miss(c, i)
    put(c, i.dst, <uint_t><i8>p[0])
    return finish(c, i, a)


cdef Insn *movsx16_rm(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u16 *p = rd(c, i, <u16>0, a)
    if p == NULL:
        return miss(c, i)
    put(c, i.dst, <uint_t><i16>p[0])
    return finish(c, i, a)


cdef Insn *movsx32_rm(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u32 *p = rd(c, i, <u32>0, a)
    if p == NULL:
        return miss(c, i)
    put(c, i.dst, <uint_t><i32>p[0])
    return finish(c, i, a)


cdef Insn *lea_rm(CPU *c, Insn *i, uint_t t) noexcept nogil:
    put(c, i.dst, <uint_t>ea(c, i))
    return next_insn(c, i)


# -- exchanges ---------------------------------------------------------------------------------------
cdef Insn *xchg_rr(CPU *c, Insn *i, uint_t t) noexcept nogil:
    cdef uint_t x = reg(c, i.dst, t)[0]
    put(c, i.dst, reg(c, i.src, t)[0])
    put(c, i.src, x)
    return next_insn(c, i)


cdef Insn *xchg_mr(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = rmw(c, i, t, a)
    cdef uint_t x
    if p == NULL:
        return miss(c, i)
    x = p[0]
    p[0] = reg(c, i.src, t)[0]
    put(c, i.src, x)
    return finish(c, i, a)


cdef Insn *xadd_rr(CPU *c, Insn *i, uint_t t) noexcept nogil:
    cdef uint_t x = reg(c, i.dst, t)[0], y = reg(c, i.src, t)[0], r = <uint_t>(x + y)
    flags_add(c, x, y, r)
    put(c, i.src, x)
    put(c, i.dst, r)
    return next_insn(c, i)


cdef Insn *xadd_mr(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = rmw(c, i, t, a)
    cdef uint_t x, y, r
    if p == NULL:
        return miss(c, i)
    x = p[0]
    y = reg(c, i.src, t)[0]
    r = <uint_t>(x + y)
    flags_add(c, x, y, r)
    p[0] = r
    put(c, i.src, x)
    return finish(c, i, a)


cdef Insn *cmpxchg_rr(CPU *c, Insn *i, uint_t t) noexcept nogil:
    cdef uint_t x = reg(c, RAX * 8, t)[0], y = reg(c, i.dst, t)[0]
    flags_sub(c, x, y, <uint_t>(x - y))
    if x == y:
        put(c, i.dst, reg(c, i.src, t)[0])
    else:
        put(c, RAX * 8, y)
    return next_insn(c, i)


cdef Insn *cmpxchg_mr(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = rmw(c, i, t, a)
    cdef uint_t x, y
    if p == NULL:
        return miss(c, i)
    x = reg(c, RAX * 8, t)[0]
    y = p[0]
    flags_sub(c, x, y, <uint_t>(x - y))
    if x == y:
        p[0] = reg(c, i.src, t)[0]
    else:
        put(c, RAX * 8, y)
    return finish(c, i, a)


cdef inline void set_zf(CPU *c, bint zf) noexcept nogil:
    """ZF alone changes."""
    cdef u32 f = get_arith(c) & ~<u32>F_ZF
    if zf:
        f |= F_ZF
    set_arith(c, f)


cdef Insn *cmpxchg8b_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u32 *p = <u32 *>rmw_at(c, i.seg, ea(c, i), 8, a)
    if p == NULL:
        return miss(c, i)
    if p[0] == <u32>c.s.gpr[RAX] and p[1] == <u32>c.s.gpr[RDX]:
        p[0] = <u32>c.s.gpr[RBX]
        p[1] = <u32>c.s.gpr[RCX]
        set_zf(c, 1)
    else:
        c.s.gpr[RAX] = p[0]
        c.s.gpr[RDX] = p[1]
        set_zf(c, 0)
    return finish(c, i, a)


cdef Insn *cmpxchg16b_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u64 *p
    if (ea(c, i) + c.s.seg_base[i.seg]) & 15:
        return fault(c, i, EXC_GP, 0)
    p = <u64 *>rmw_at(c, i.seg, ea(c, i), 16, a)
    if p == NULL:
        return miss(c, i)
    if p[0] == c.s.gpr[RAX] and p[1] == c.s.gpr[RDX]:
        p[0] = c.s.gpr[RBX]
        p[1] = c.s.gpr[RCX]
        set_zf(c, 1)
    else:
        c.s.gpr[RAX] = p[0]
        c.s.gpr[RDX] = p[1]
        set_zf(c, 0)
    return finish(c, i, a)


# -- conversions in the accumulator, XLAT, BSWAP --------------------------------------------------------
cdef Insn *cbw(CPU *c, Insn *i, uint_t t) noexcept nogil:
    """CBW, CWDE, CDQE: uint_t is the result."""
    if uint_t is u16:
        put(c, RAX * 8, <u16><i8>reg(c, RAX * 8, <u8>0)[0])
    elif uint_t is u32:
        put(c, RAX * 8, <u32><i16>reg(c, RAX * 8, <u16>0)[0])
    elif uint_t is u64:
        put(c, RAX * 8, <u64><i32>reg(c, RAX * 8, <u32>0)[0])
    return next_insn(c, i)


cdef Insn *cwd(CPU *c, Insn *i, uint_t t) noexcept nogil:
    """CWD, CDQ, CQO."""
    put(c, RDX * 8, <uint_t>(0 - (reg(c, RAX * 8, t)[0] >> (8 * sizeof(uint_t) - 1))))
    return next_insn(c, i)


cdef Insn *xlat(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = rd_at(c, i.seg, (c.s.gpr[RBX] + <u8>c.s.gpr[RAX]) & i.amask, 1, a)
    if p == NULL:
        return miss(c, i)
    put(c, RAX * 8, p[0])
    return finish(c, i, a)


cdef Insn *bswap_r(CPU *c, Insn *i, uint_t t) noexcept nogil:
    if uint_t is u16:
        put(c, i.dst, <u16>0)       # undefined; hardware clears it
    else:
        put(c, i.dst, swapped(reg(c, i.dst, t)[0]))
    return next_insn(c, i)


# -- conditional: CMOVcc reads its memory operand and clears the upper half whatever the condition ---------
cdef Insn *cmov_rr(CPU *c, Insn *i, uint_t t, cc_t k) noexcept nogil:
    cdef uint_t x = reg(c, i.dst, t)[0], y = reg(c, i.src, t)[0]
    put(c, i.dst, y if cond(c, k) else x)
    return next_insn(c, i)


cdef Insn *cmov_rm(CPU *c, Insn *i, uint_t t, acc_t a, cc_t k) noexcept nogil:
    cdef uint_t *p = rd(c, i, t, a)
    cdef uint_t x
    if p == NULL:
        return miss(c, i)
    x = reg(c, i.dst, t)[0]
    put(c, i.dst, p[0] if cond(c, k) else x)
    return finish(c, i, a)


cdef Insn *set_r(CPU *c, Insn *i, cc_t k) noexcept nogil:
    put(c, i.dst, <u8>cond(c, k))
    return next_insn(c, i)


cdef Insn *set_m(CPU *c, Insn *i, acc_t a, cc_t k) noexcept nogil:
    cdef u8 *p = wr(c, i, <u8>0, a)
    if p == NULL:
        return miss(c, i)
    p[0] = <u8>cond(c, k)
    return finish(c, i, a)


# -- registration -------------------------------------------------------------------------------------
cdef int one(Registry r, str name, u32 n, handler_t h) except -1:
    return r.add(name, n, h, h)


cdef int add_sized(Registry r, uint_t t) except -1:
    """Forms of every size."""
    cdef u32 n = sizeof(uint_t)
    one(r, "mov_rr", n, <handler_t>mov_rr[uint_t])
    one(r, "mov_ri", n, <handler_t>mov_ri[uint_t])
    one(r, "xchg_rr", n, <handler_t>xchg_rr[uint_t])
    one(r, "xadd_rr", n, <handler_t>xadd_rr[uint_t])
    one(r, "cmpxchg_rr", n, <handler_t>cmpxchg_rr[uint_t])
    r.add("mov_rm", n, <handler_t>mov_rm[uint_t, fast_t], <handler_t>mov_rm[uint_t, slow_t])
    r.add("movabs_rm", n, <handler_t>movabs_rm[uint_t, fast_t], <handler_t>movabs_rm[uint_t, slow_t])
    r.add("movabs_mr", n, <handler_t>movabs_mr[uint_t, fast_t], <handler_t>movabs_mr[uint_t, slow_t])
    r.add("mov_mr", n, <handler_t>mov_mr[uint_t, fast_t], <handler_t>mov_mr[uint_t, slow_t])
    r.add("mov_mi", n, <handler_t>mov_mi[uint_t, fast_t], <handler_t>mov_mi[uint_t, slow_t])
    r.add("xchg_mr", n, <handler_t>xchg_mr[uint_t, fast_t], <handler_t>xchg_mr[uint_t, slow_t])
    r.add("xadd_mr", n, <handler_t>xadd_mr[uint_t, fast_t], <handler_t>xadd_mr[uint_t, slow_t])
    r.add("cmpxchg_mr", n, <handler_t>cmpxchg_mr[uint_t, fast_t], <handler_t>cmpxchg_mr[uint_t, slow_t])
    return 0


cdef int add_wide(Registry r, uint_t t) except -1:
    """Forms of 16 bits and more."""
    cdef u32 n = sizeof(uint_t)
    r.add("movbe_rm", n, <handler_t>movbe_rm[uint_t, fast_t], <handler_t>movbe_rm[uint_t, slow_t])
    r.add("movbe_mr", n, <handler_t>movbe_mr[uint_t, fast_t], <handler_t>movbe_mr[uint_t, slow_t])
    one(r, "lea_rm", n, <handler_t>lea_rm[uint_t])
    one(r, "bswap_r", n, <handler_t>bswap_r[uint_t])
    one(r, "cbw", n, <handler_t>cbw[uint_t])
    one(r, "cwd", n, <handler_t>cwd[uint_t])
    one(r, "movzx8_rr", n, <handler_t>movzx8_rr[uint_t])
    one(r, "movsx8_rr", n, <handler_t>movsx8_rr[uint_t])
    one(r, "movzx16_rr", n, <handler_t>movzx16_rr[uint_t])
    one(r, "movsx16_rr", n, <handler_t>movsx16_rr[uint_t])
    one(r, "movsx32_rr", n, <handler_t>movsx32_rr[uint_t])
    r.add("movzx8_rm", n, <handler_t>movzx8_rm[uint_t, fast_t], <handler_t>movzx8_rm[uint_t, slow_t])
    r.add("movsx8_rm", n, <handler_t>movsx8_rm[uint_t, fast_t], <handler_t>movsx8_rm[uint_t, slow_t])
    r.add("movzx16_rm", n, <handler_t>movzx16_rm[uint_t, fast_t], <handler_t>movzx16_rm[uint_t, slow_t])
    r.add("movsx16_rm", n, <handler_t>movsx16_rm[uint_t, fast_t], <handler_t>movsx16_rm[uint_t, slow_t])
    r.add("movsx32_rm", n, <handler_t>movsx32_rm[uint_t, fast_t], <handler_t>movsx32_rm[uint_t, slow_t])
    return 0


cdef int add_cc_sized(Registry r, str cc, uint_t t, cc_t k) except -1:
    cdef u32 n = sizeof(uint_t)
    one(r, "cmov" + cc + "_rr", n, <handler_t>cmov_rr[uint_t, cc_t])
    r.add("cmov" + cc + "_rm", n, <handler_t>cmov_rm[uint_t, fast_t, cc_t], <handler_t>cmov_rm[uint_t, slow_t, cc_t])
    return 0


cdef int add_cc(Registry r, str cc, cc_t k) except -1:
    add_cc_sized(r, cc, <u16>0, k)
    add_cc_sized(r, cc, <u32>0, k)
    add_cc_sized(r, cc, <u64>0, k)
    one(r, "set" + cc + "_r", 1, <handler_t>set_r[cc_t])
    r.add("set" + cc + "_m", 1, <handler_t>set_m[fast_t, cc_t], <handler_t>set_m[slow_t, cc_t])
    return 0


cdef int register(Registry r) except -1:
    add_sized(r, <u8>0)
    add_sized(r, <u16>0)
    add_sized(r, <u32>0)
    add_sized(r, <u64>0)
    add_wide(r, <u16>0)
    add_wide(r, <u32>0)
    add_wide(r, <u64>0)
    one(r, "mov_ri64", 8, <handler_t>mov_ri64)
    r.add("cmpxchg8b_m", 8, <handler_t>cmpxchg8b_m[fast_t], <handler_t>cmpxchg8b_m[slow_t])
    r.add("cmpxchg16b_m", 16, <handler_t>cmpxchg16b_m[fast_t], <handler_t>cmpxchg16b_m[slow_t])
    r.add("xlat", 0, <handler_t>xlat[fast_t], <handler_t>xlat[slow_t])
    add_cc(r, "o", <o_t>NULL)
    add_cc(r, "no", <no_t>NULL)
    add_cc(r, "b", <b_t>NULL)
    add_cc(r, "ae", <ae_t>NULL)
    add_cc(r, "z", <z_t>NULL)
    add_cc(r, "nz", <nz_t>NULL)
    add_cc(r, "be", <be_t>NULL)
    add_cc(r, "a", <a_t>NULL)
    add_cc(r, "s", <s_t>NULL)
    add_cc(r, "ns", <ns_t>NULL)
    add_cc(r, "p", <p_t>NULL)
    add_cc(r, "np", <np_t>NULL)
    add_cc(r, "l", <l_t>NULL)
    add_cc(r, "ge", <ge_t>NULL)
    add_cc(r, "le", <le_t>NULL)
    add_cc(r, "g", <g_t>NULL)
    return 0
