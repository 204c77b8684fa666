"""Stack instructions: PUSH POP (registers, memory, immediates), PUSHA POPA, PUSHF POPF, ENTER LEAVE (SDM 2).

Pushes and pops of segment registers are in far.pyx.  Handlers that need more than one read and one write at a time
have a fast form for a block of memory inside one page and a slow one that goes element by element; what such an
instruction wrote below the stack before it faults stays written, as on hardware, and is written again.
"""
from emu_core_pyx.types cimport acc_t, fast_t, i64, slow_t, u8, u16, u32, u64, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport (
    CR4_VME, EXC_GP, F_AC, F_ARITH, F_DF, F_ID, F_IF, F_IOPL, F_NT, F_RF, F_TF, F_VIF, F_VIP, F_VM, RAX, RBP, RSP, SS)
from emu_core_pyx.cpu.flags cimport get_eflags, put_eflags
from emu_core_pyx.cpu.segment cimport mode_refresh
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.interp.dispatch cimport fault, finish, jump, leave, miss, next_rip
from emu_core_pyx.mmu.access cimport put, rd, rd_at, reg, wr, wr_at
from emu_core_pyx.mmu.slow cimport mem_probe_write, mem_read, mem_write
from emu_core_pyx.decode.registry cimport Registry

cdef enum:
    IOPL_SHIFT = 12
    F_POPF = F_ARITH | F_TF | F_DF | F_NT       # what POPF may change at any privilege, 16 bits
    F_POPFD = F_POPF | F_AC | F_ID


cdef inline u64 stack_at(CPU *c, i64 delta) noexcept nogil:
    """RSP + delta within the stack's width."""
    return (c.s.gpr[RSP] + <u64>delta) & c.s.ss_mask


cdef inline void set_sp(CPU *c, u64 sp) noexcept nogil:
    """sp is already within the stack's width; the rest of RSP stays."""
    c.s.gpr[RSP] = c.s.gpr[RSP] & ~c.s.ss_mask | sp


# -- PUSH and POP ---------------------------------------------------------------------------------------
cdef Insn *push_r(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u64 sp = stack_at(c, -<i64>sizeof(uint_t))
    cdef uint_t *p = <uint_t *>wr_at(c, SS, sp, sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    p[0] = reg(c, i.dst, t)[0]
    set_sp(c, sp)
    return finish(c, i, a)


cdef Insn *push_i(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u64 sp = stack_at(c, -<i64>sizeof(uint_t))
    cdef uint_t *p = <uint_t *>wr_at(c, SS, sp, sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    p[0] = <uint_t>i.imm
    set_sp(c, sp)
    return finish(c, i, a)


cdef Insn *push_m(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = rd(c, i, t, a)
    cdef uint_t x
    cdef u64 sp = stack_at(c, -<i64>sizeof(uint_t))
    if p == NULL:
        return miss(c, i)
    x = p[0]
    p = <uint_t *>wr_at(c, SS, sp, sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    p[0] = x
    set_sp(c, sp)
    return finish(c, i, a)


cdef Insn *pop_r(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = <uint_t *>rd_at(c, SS, stack_at(c, 0), sizeof(uint_t), a)
    cdef uint_t x
    if p == NULL:
        return miss(c, i)
    x = p[0]
    set_sp(c, stack_at(c, sizeof(uint_t)))
    put(c, i.dst, x)
    return finish(c, i, a)


cdef Insn *pop_m(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    """The address is computed with RSP already incremented."""
    cdef uint_t *p = <uint_t *>rd_at(c, SS, stack_at(c, 0), sizeof(uint_t), a)
    cdef uint_t x
    cdef u64 old = c.s.gpr[RSP]
    if p == NULL:
        return miss(c, i)
    x = p[0]
    set_sp(c, stack_at(c, sizeof(uint_t)))
    p = wr(c, i, t, a)
    if p == NULL:
        c.s.gpr[RSP] = old
        return miss(c, i)
    p[0] = x
    return finish(c, i, a)


# -- PUSHA and POPA: eight registers, RAX at the highest address ------------------------------------------
cdef bint pusha_slow(CPU *c, uint_t t) noexcept nogil:
    cdef u32 k
    for k in range(8):
        if not mem_write(c, SS, stack_at(c, -<i64>sizeof(uint_t) * <i64>(k + 1)), &c.s.gpr[RAX + k], sizeof(uint_t)):
            return 0
    set_sp(c, stack_at(c, -8 * <i64>sizeof(uint_t)))
    return 1


cdef Insn *pusha(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p
    cdef u64 sp
    cdef u32 k
    if acc_t is slow_t:
        if not pusha_slow(c, t):
            return miss(c, i)
    else:
        sp = stack_at(c, 0)
        if sp < 8 * sizeof(uint_t):
            return miss(c, i)
        sp -= 8 * sizeof(uint_t)
        p = <uint_t *>wr_at(c, SS, sp, 8 * sizeof(uint_t), a)
        if p == NULL:
            return miss(c, i)
        for k in range(8):
            p[7 - k] = <uint_t>c.s.gpr[RAX + k]
        set_sp(c, sp)
    return finish(c, i, a)


cdef bint popa_slow(CPU *c, uint_t t) noexcept nogil:
    cdef uint_t v[8]
    cdef u32 k
    for k in range(8):
        if not mem_read(c, SS, stack_at(c, <i64>(sizeof(uint_t) * k)), &v[7 - k], sizeof(uint_t)):
            return 0
    set_sp(c, stack_at(c, 8 * sizeof(uint_t)))
    for k in range(8):
        if k != RSP:
            put(c, <u8>(8 * k), v[k])
    return 1


cdef Insn *popa(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p
    cdef u64 sp
    cdef u32 k
    if acc_t is slow_t:
        if not popa_slow(c, t):
            return miss(c, i)
    else:
        sp = stack_at(c, 0)
        if sp + 8 * sizeof(uint_t) - 1 > c.s.ss_mask:
            return miss(c, i)
        p = <uint_t *>rd_at(c, SS, sp, 8 * sizeof(uint_t), a)
        if p == NULL:
            return miss(c, i)
        set_sp(c, stack_at(c, 8 * sizeof(uint_t)))
        for k in range(8):
            if k != RSP:
                put(c, <u8>(8 * k), p[7 - k])
    return finish(c, i, a)


# -- PUSHF and POPF ----------------------------------------------------------------------------------------
cdef inline bint flags_trap(CPU *c, uint_t t) noexcept nogil:
    """#GP(0) for virtual-8086 code below IOPL 3, unless VME handles the 16-bit form."""
    if c.s.eflags & F_VM == 0 or c.s.eflags & F_IOPL == F_IOPL:
        return 0
    if uint_t is u16:
        return c.s.cr4 & CR4_VME == 0
    else:
        return 1


cdef inline bint virtual_if(CPU *c) noexcept nogil:
    """VME: IF means VIF here."""
    return c.s.eflags & F_VM != 0 and c.s.eflags & F_IOPL != F_IOPL


cdef Insn *pushf(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u64 sp = stack_at(c, -<i64>sizeof(uint_t))
    cdef uint_t *p
    cdef u32 f
    if flags_trap(c, t):
        return fault(c, i, EXC_GP, 0)
    p = <uint_t *>wr_at(c, SS, sp, sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    f = get_eflags(c) & ~<u32>(F_VM | F_RF)
    if virtual_if(c):
        f = f & ~<u32>F_IF | F_IOPL
        if c.s.eflags & F_VIF:
            f |= F_IF
    p[0] = <uint_t>f
    set_sp(c, sp)
    return finish(c, i, a)


cdef Insn *leave_refreshed(CPU *c, Insn *i) noexcept nogil:
    mode_refresh(c)
    return leave(c, i)


cdef Insn *popf(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p
    cdef u32 f, old, may
    if flags_trap(c, t):
        return fault(c, i, EXC_GP, 0)
    p = <uint_t *>rd_at(c, SS, stack_at(c, 0), sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    f = <u32>p[0]
    old = get_eflags(c)
    if uint_t is u16:
        may = F_POPF
    else:
        may = F_POPFD
    if virtual_if(c):
        if f & F_TF or f & F_IF and old & F_VIP:
            return fault(c, i, EXC_GP, 0)
        may |= F_VIF
        f = f & ~<u32>F_VIF
        if f & F_IF:
            f |= F_VIF
    else:
        if c.s.cpl <= (old & F_IOPL) >> IOPL_SHIFT:
            may |= F_IF
        if c.s.cpl == 0:
            may |= F_IOPL
    f = f & may | old & ~(may | F_RF)
    set_sp(c, stack_at(c, sizeof(uint_t)))
    put_eflags(c, f)
    if (f ^ old) & (F_TF | F_AC | F_IOPL):
        return leave_refreshed(c, i)
    if c.s.event or c.left < 0:
        return leave(c, i)
    # POPF ends its block; nothing the run loop must look at has changed
    if uint_t is u64:
        return jump(c, i, 0, next_rip(c, i))
    else:
        return jump(c, i, 0, <u32>next_rip(c, i))


# -- ENTER and LEAVE ---------------------------------------------------------------------------------------
cdef inline void set_frame(CPU *c, uint_t v) noexcept nogil:
    """The operand size decides how much of RBP is written, also on a 16-bit stack (UNDEFINED.md)."""
    put(c, RBP * 8, v)


cdef bint enter_slow(CPU *c, Insn *i, uint_t t) noexcept nogil:
    """All of ENTER; 0: fault noted, registers unchanged."""
    cdef i64 n = sizeof(uint_t)
    cdef u32 level = <u32>i.disp & 31, k
    cdef u64 frame = stack_at(c, -n), bp = c.s.gpr[RBP], last, v = 0
    last = stack_at(c, -n * (1 + <i64>level) - <i64><u16>i.imm)
    if not mem_write(c, SS, frame, &c.s.gpr[RBP], <u32>n):
        return 0
    for k in range(1, level):
        if not mem_read(c, SS, (bp - <u64>(n * k)) & c.s.ss_mask, &v, <u32>n):
            return 0
        if not mem_write(c, SS, stack_at(c, -n * <i64>(k + 1)), &v, <u32>n):
            return 0
    v = c.s.gpr[RSP] & ~c.s.ss_mask | frame
    if level and not mem_write(c, SS, stack_at(c, -n * <i64>(level + 1)), &v, <u32>n):
        return 0
    if not mem_probe_write(c, SS, last, <u32>n):
        return 0
    set_frame(c, <uint_t>v)
    set_sp(c, last)
    return 1


cdef Insn *enter(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p
    cdef u64 frame, last
    if acc_t is slow_t:
        if not enter_slow(c, i, t):
            return miss(c, i)
    else:
        frame = stack_at(c, -<i64>sizeof(uint_t))
        last = stack_at(c, -<i64>sizeof(uint_t) - <i64><u16>i.imm)
        if i.disp & 31 or wr_at(c, SS, last, sizeof(uint_t), a) == NULL:
            return miss(c, i)
        p = <uint_t *>wr_at(c, SS, frame, sizeof(uint_t), a)
        if p == NULL:
            return miss(c, i)
        p[0] = reg(c, RBP * 8, t)[0]
        set_frame(c, <uint_t>(c.s.gpr[RSP] & ~c.s.ss_mask | frame))
        set_sp(c, last)
    return finish(c, i, a)


cdef Insn *leave_frame(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u64 bp = c.s.gpr[RBP] & c.s.ss_mask
    cdef uint_t *p = <uint_t *>rd_at(c, SS, bp, sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    put(c, RBP * 8, p[0])
    set_sp(c, (bp + sizeof(uint_t)) & c.s.ss_mask)
    return finish(c, i, a)


# -- registration -------------------------------------------------------------------------------------
cdef int add_sized(Registry r, uint_t t) except -1:
    cdef u32 n = sizeof(uint_t)
    r.add("push_r", n, <handler_t>push_r[uint_t, fast_t], <handler_t>push_r[uint_t, slow_t])
    r.add("push_i", n, <handler_t>push_i[uint_t, fast_t], <handler_t>push_i[uint_t, slow_t])
    r.add("push_m", n, <handler_t>push_m[uint_t, fast_t], <handler_t>push_m[uint_t, slow_t])
    r.add("pop_r", n, <handler_t>pop_r[uint_t, fast_t], <handler_t>pop_r[uint_t, slow_t])
    r.add("pop_m", n, <handler_t>pop_m[uint_t, fast_t], <handler_t>pop_m[uint_t, slow_t])
    r.add("pushf", n, <handler_t>pushf[uint_t, fast_t], <handler_t>pushf[uint_t, slow_t])
    r.add("popf", n, <handler_t>popf[uint_t, fast_t], <handler_t>popf[uint_t, slow_t])
    r.add("enter", n, <handler_t>enter[uint_t, fast_t], <handler_t>enter[uint_t, slow_t])
    r.add("leave", n, <handler_t>leave_frame[uint_t, fast_t], <handler_t>leave_frame[uint_t, slow_t])
    if n < 8:
        r.add("pusha", n, <handler_t>pusha[uint_t, fast_t], <handler_t>pusha[uint_t, slow_t])
        r.add("popa", n, <handler_t>popa[uint_t, fast_t], <handler_t>popa[uint_t, slow_t])
    return 0


cdef int register(Registry r) except -1:
    add_sized(r, <u16>0)
    add_sized(r, <u32>0)
    add_sized(r, <u64>0)
    return 0
