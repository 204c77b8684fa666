"""Near transfers: JMP Jcc CALL RET LOOP JCXZ (SDM 2).  Far ones are in far.pyx.

uint_t is the operand size: it truncates the target and is the width of a return address.  A target outside
the code segment (or not canonical) raises #GP(0) before anything is committed.
"""
from emu_core_pyx.types cimport acc_t, fast_t, i64, slow_t, u8, u16, u32, u64, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport CS, EXC_GP, RCX, RIP, RSP, SS
from emu_core_pyx.cpu.flags cimport get_zf
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.interp.cond cimport (
    a_t, ae_t, b_t, be_t, cc_t, cond, g_t, ge_t, l_t, le_t, no_t, np_t, ns_t, nz_t, o_t, p_t, s_t, z_t)
from emu_core_pyx.interp.dispatch cimport fault, jump, jump_far, miss, next_rip, unlikely
from emu_core_pyx.mmu.access cimport rd, rd_at, reg, wr_at
from emu_core_pyx.mmu.slow cimport slow_commit
from emu_core_pyx.decode.registry cimport Registry

cdef struct TagLoop:
    u8 _
cdef struct TagLoopz:
    u8 _
cdef struct TagLoopnz:
    u8 _
ctypedef TagLoop *loop_t
ctypedef TagLoopz *loopz_t
ctypedef TagLoopnz *loopnz_t
ctypedef fused loops_t:
    loop_t
    loopz_t
    loopnz_t


cdef inline u64 target(CPU *c, Insn *i, uint_t t) noexcept nogil:
    return <uint_t>(c.s.gpr[RIP] + <u64><i64>i.imm)


cdef inline u64 following(CPU *c, Insn *i, uint_t t) noexcept nogil:
    """EIP after a branch not taken: 32 bits wide whatever the operand size."""
    if uint_t is u64:
        return next_rip(c, i)
    else:
        return <u32>next_rip(c, i)


cdef inline bint outside(CPU *c, u64 eip, uint_t t) noexcept nogil:
    if uint_t is u64:
        return <u64>((<i64>(eip << 16)) >> 16) != eip
    else:
        return eip > c.s.seg_limit[CS]


cdef inline u64 stack_at(CPU *c, i64 delta) noexcept nogil:
    """RSP + delta within the stack's width."""
    return (c.s.gpr[RSP] + <u64>delta) & c.s.ss_mask


cdef inline void set_sp(CPU *c, u64 sp) noexcept nogil:
    """sp is already within the stack's width; the rest of RSP stays."""
    c.s.gpr[RSP] = c.s.gpr[RSP] & ~c.s.ss_mask | sp


cdef inline Insn *jump_after(CPU *c, Insn *i, u64 eip, acc_t a) noexcept nogil:
    """Indirect transfer that ends an instruction with memory operands."""
    if acc_t is slow_t:
        slow_commit(c)
        if c.s.event or c.left < 0:
            c.s.gpr[RIP] = eip
            c.left += i.rem - 1
            return NULL
    return jump_far(c, eip)


cdef Insn *jmp_j(CPU *c, Insn *i, uint_t t) noexcept nogil:
    cdef u64 eip = target(c, i, t)
    if unlikely(outside(c, eip, t)):
        return fault(c, i, EXC_GP, 0)
    return jump(c, i, 1, eip)


cdef Insn *jcc_j(CPU *c, Insn *i, uint_t t, cc_t k) noexcept nogil:
    cdef u64 eip
    if cond(c, k):
        eip = target(c, i, t)
        if unlikely(outside(c, eip, t)):
            return fault(c, i, EXC_GP, 0)
        return jump(c, i, 1, eip)
    return jump(c, i, 0, following(c, i, t))


cdef Insn *call_j(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u64 eip = target(c, i, t), sp = stack_at(c, -<i64>sizeof(uint_t))
    cdef uint_t *p
    if unlikely(outside(c, eip, t)):
        return fault(c, i, EXC_GP, 0)
    p = <uint_t *>wr_at(c, SS, sp, sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    p[0] = <uint_t>next_rip(c, i)
    set_sp(c, sp)
    if acc_t is slow_t:
        return jump_after(c, i, eip, a)
    else:
        return jump(c, i, 1, eip)


cdef Insn *jmp_r(CPU *c, Insn *i, uint_t t) noexcept nogil:
    cdef u64 eip = reg(c, i.dst, t)[0]
    if unlikely(outside(c, eip, t)):
        return fault(c, i, EXC_GP, 0)
    return jump_far(c, eip)


cdef Insn *jmp_m(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = rd(c, i, t, a)
    cdef u64 eip
    if p == NULL:
        return miss(c, i)
    eip = p[0]
    if unlikely(outside(c, eip, t)):
        return fault(c, i, EXC_GP, 0)
    return jump_after(c, i, eip, a)


cdef Insn *call_r(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u64 eip = reg(c, i.dst, t)[0], sp = stack_at(c, -<i64>sizeof(uint_t))
    cdef uint_t *p
    if unlikely(outside(c, eip, t)):
        return fault(c, i, EXC_GP, 0)
    p = <uint_t *>wr_at(c, SS, sp, sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    p[0] = <uint_t>next_rip(c, i)
    set_sp(c, sp)
    return jump_after(c, i, eip, a)


cdef Insn *call_m(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = rd(c, i, t, a)
    cdef u64 eip, sp
    if p == NULL:
        return miss(c, i)
    eip = p[0]
    if unlikely(outside(c, eip, t)):
        return fault(c, i, EXC_GP, 0)
    sp = stack_at(c, -<i64>sizeof(uint_t))
    p = <uint_t *>wr_at(c, SS, sp, sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    p[0] = <uint_t>next_rip(c, i)
    set_sp(c, sp)
    return jump_after(c, i, eip, a)


cdef Insn *ret(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = <uint_t *>rd_at(c, SS, stack_at(c, 0), sizeof(uint_t), a)
    cdef u64 eip
    if p == NULL:
        return miss(c, i)
    eip = p[0]
    if unlikely(outside(c, eip, t)):
        return fault(c, i, EXC_GP, 0)
    set_sp(c, stack_at(c, sizeof(uint_t)))
    return jump_after(c, i, eip, a)


cdef Insn *ret_i(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = <uint_t *>rd_at(c, SS, stack_at(c, 0), sizeof(uint_t), a)
    cdef u64 eip
    if p == NULL:
        return miss(c, i)
    eip = p[0]
    if unlikely(outside(c, eip, t)):
        return fault(c, i, EXC_GP, 0)
    set_sp(c, stack_at(c, sizeof(uint_t) + <u16>i.imm))
    return jump_after(c, i, eip, a)


cdef inline void set_count(CPU *c, Insn *i, u64 n) noexcept nogil:
    if i.amask == 0xFFFF:
        (<u16 *>&c.s.gpr[RCX])[0] = <u16>n
    else:
        c.s.gpr[RCX] = n


cdef Insn *loop_j(CPU *c, Insn *i, uint_t t, loops_t k) noexcept nogil:
    cdef u64 n = (c.s.gpr[RCX] - 1) & i.amask, eip
    cdef bint taken = n != 0
    if loops_t is loopz_t:
        taken = taken and get_zf(c)
    elif loops_t is loopnz_t:
        taken = taken and not get_zf(c)
    if taken:
        eip = target(c, i, t)
        if unlikely(outside(c, eip, t)):
            return fault(c, i, EXC_GP, 0)
        set_count(c, i, n)
        return jump(c, i, 1, eip)
    set_count(c, i, n)
    return jump(c, i, 0, following(c, i, t))


cdef Insn *jcxz_j(CPU *c, Insn *i, uint_t t) noexcept nogil:
    cdef u64 eip
    if c.s.gpr[RCX] & i.amask == 0:
        eip = target(c, i, t)
        if unlikely(outside(c, eip, t)):
            return fault(c, i, EXC_GP, 0)
        return jump(c, i, 1, eip)
    return jump(c, i, 0, following(c, i, t))


# -- registration -------------------------------------------------------------------------------------
cdef int one(Registry r, str name, u32 n, handler_t h) except -1:
    return r.add(name, n, h, h)


cdef int add_cc(Registry r, str cc, cc_t k) except -1:
    one(r, "j" + cc + "_j", 2, <handler_t>jcc_j[u16, cc_t])
    one(r, "j" + cc + "_j", 4, <handler_t>jcc_j[u32, cc_t])
    one(r, "j" + cc + "_j", 8, <handler_t>jcc_j[u64, cc_t])
    return 0


cdef int add_sized(Registry r, uint_t t) except -1:
    cdef u32 n = sizeof(uint_t)
    one(r, "jmp_j", n, <handler_t>jmp_j[uint_t])
    one(r, "jmp_r", n, <handler_t>jmp_r[uint_t])
    one(r, "jcxz_j", n, <handler_t>jcxz_j[uint_t])
    one(r, "loop_j", n, <handler_t>loop_j[uint_t, loop_t])
    one(r, "loopz_j", n, <handler_t>loop_j[uint_t, loopz_t])
    one(r, "loopnz_j", n, <handler_t>loop_j[uint_t, loopnz_t])
    r.add("jmp_m", n, <handler_t>jmp_m[uint_t, fast_t], <handler_t>jmp_m[uint_t, slow_t])
    r.add("call_j", n, <handler_t>call_j[uint_t, fast_t], <handler_t>call_j[uint_t, slow_t])
    r.add("call_r", n, <handler_t>call_r[uint_t, fast_t], <handler_t>call_r[uint_t, slow_t])
    r.add("call_m", n, <handler_t>call_m[uint_t, fast_t], <handler_t>call_m[uint_t, slow_t])
    r.add("ret", n, <handler_t>ret[uint_t, fast_t], <handler_t>ret[uint_t, slow_t])
    r.add("ret_i", n, <handler_t>ret_i[uint_t, fast_t], <handler_t>ret_i[uint_t, slow_t])
    return 0


cdef int register(Registry r) except -1:
    add_sized(r, <u16>0)
    add_sized(r, <u32>0)
    add_sized(r, <u64>0)
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
