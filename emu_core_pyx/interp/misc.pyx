"""Flag instructions, BOUND and what does nothing (SDM 2)."""
from emu_core_pyx.types cimport acc_t, fast_t, i64, slow_t, u8, u16, u32, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport EXC_BR, F_AF, F_CF, F_DF, F_OF, F_PF, F_SF, F_ZF, RAX
from emu_core_pyx.cpu.flags cimport get_arith, get_cf, set_arith, set_cf, sext
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.interp.dispatch cimport fault, finish, miss, next_insn
from emu_core_pyx.mmu.access cimport ea, put, rd_at, reg
from emu_core_pyx.decode.registry cimport Registry

cdef enum:
    F_LAHF = F_CF | F_PF | F_AF | F_ZF | F_SF
    AH = 1      # byte offset from RAX


cdef Insn *nop(CPU *c, Insn *i) noexcept nogil:
    return next_insn(c, i)


cdef Insn *clc(CPU *c, Insn *i) noexcept nogil:
    set_cf(c, 0)
    return next_insn(c, i)


cdef Insn *stc(CPU *c, Insn *i) noexcept nogil:
    set_cf(c, 1)
    return next_insn(c, i)


cdef Insn *cmc(CPU *c, Insn *i) noexcept nogil:
    set_cf(c, get_cf(c) ^ 1)
    return next_insn(c, i)


cdef Insn *cld(CPU *c, Insn *i) noexcept nogil:
    c.s.eflags &= ~<u32>F_DF
    return next_insn(c, i)


cdef Insn *std(CPU *c, Insn *i) noexcept nogil:
    c.s.eflags |= F_DF
    return next_insn(c, i)


cdef Insn *lahf(CPU *c, Insn *i) noexcept nogil:
    put(c, AH, <u8>(get_arith(c) & F_LAHF | 2))
    return next_insn(c, i)


cdef Insn *sahf(CPU *c, Insn *i) noexcept nogil:
    set_arith(c, <u32>(c.s.gpr[RAX] >> 8) & F_LAHF | get_arith(c) & F_OF)
    return next_insn(c, i)


cdef Insn *salc(CPU *c, Insn *i) noexcept nogil:
    put(c, RAX * 8, <u8>(0 - get_cf(c)))
    return next_insn(c, i)


cdef Insn *bound_rm(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    """Two reads; an index below the lower bound is #BR before the upper one is read."""
    cdef uint_t *p = <uint_t *>rd_at(c, i.seg, ea(c, i), sizeof(uint_t), a)
    cdef i64 x = sext(reg(c, i.dst, t)[0])
    if p == NULL:
        return miss(c, i)
    if x < sext(p[0]):
        return fault(c, i, EXC_BR, 0)
    p = <uint_t *>rd_at(c, i.seg, (ea(c, i) + sizeof(uint_t)) & i.amask, sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    if x > sext(p[0]):
        return fault(c, i, EXC_BR, 0)
    return finish(c, i, a)


cdef int one(Registry r, str name, u32 n, handler_t h) except -1:
    return r.add(name, n, h, h)


cdef int register(Registry r) except -1:
    cdef u32 n
    one(r, "nop", 0, <handler_t>nop)
    one(r, "pause", 0, <handler_t>nop)
    for n in (2, 4, 8):
        one(r, "nop_m", n, <handler_t>nop)
        one(r, "nop_r", n, <handler_t>nop)
    one(r, "clc", 0, <handler_t>clc)
    one(r, "stc", 0, <handler_t>stc)
    one(r, "cmc", 0, <handler_t>cmc)
    one(r, "cld", 0, <handler_t>cld)
    one(r, "std", 0, <handler_t>std)
    one(r, "lahf", 0, <handler_t>lahf)
    one(r, "sahf", 0, <handler_t>sahf)
    one(r, "salc", 0, <handler_t>salc)
    r.add("bound_rm", 2, <handler_t>bound_rm[u16, fast_t], <handler_t>bound_rm[u16, slow_t])
    r.add("bound_rm", 4, <handler_t>bound_rm[u32, fast_t], <handler_t>bound_rm[u32, slow_t])
    return 0
