"""String instructions MOVS CMPS SCAS LODS STOS and their repeated forms (SDM 2, REP/REPE/REPNE).

A repeated instruction counts one instruction for every iteration (one for none).  Its handler first gives the
prepaid instruction back to the budget, then takes one per iteration, so at any moment the clock is exact with
now_adj = rem - 1.  It stops between iterations when the budget is spent or an event came up, with RIP on the
instruction and the registers telling what remains; a fault does the same.  CMPS and SCAS commit their flags only
with the last iteration: what a fault or an interrupt saves are the flags from before, wherever it strikes.

Bytes inside one page are moved in bulk; MMIO, code pages and page-crossing elements go one by one.
"""
from libc.string cimport memchr, memmove, memset
from emu_core_pyx.types cimport acc_t, fast_t, i64, slow_t, u8, u16, u32, u64, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport ES, RAX, RCX, RDI, RIP, RSI
from emu_core_pyx.cpu.flags cimport flags_sub
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.interp.bulk cimport bulk_dst, bulk_src, move_reg
from emu_core_pyx.interp.dispatch cimport finish, miss, next_insn
from emu_core_pyx.mmu.access cimport put, rd_at, reg, wr_at
from emu_core_pyx.mmu.slow cimport mem_read, mem_write
from emu_core_pyx.decode.registry cimport Registry

cdef struct TagE:
    u8 _
cdef struct TagNe:
    u8 _
ctypedef TagE *repe_t
ctypedef TagNe *repne_t
ctypedef fused while_t:
    repe_t
    repne_t

cdef enum:  # how a repeated instruction came out
    DONE = 0
    STOPPED = 1     # or faulted: c.exc tells


cdef inline i64 step(CPU *c, uint_t t) noexcept nogil:
    """+size, or -size with DF."""
    return <i64>sizeof(uint_t) - ((<i64>c.s.eflags >> 10) & 1) * 2 * <i64>sizeof(uint_t)


# -- one element ---------------------------------------------------------------------------------------------
cdef Insn *movs(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = <uint_t *>rd_at(c, i.seg, c.s.gpr[RSI] & i.amask, sizeof(uint_t), a)
    cdef uint_t x
    if p == NULL:
        return miss(c, i)
    x = p[0]
    p = <uint_t *>wr_at(c, ES, c.s.gpr[RDI] & i.amask, sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    p[0] = x
    move_reg(c, RSI, step(c, t), i.amask)
    move_reg(c, RDI, step(c, t), i.amask)
    return finish(c, i, a)


cdef Insn *cmps(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    """The destination is read first, as on hardware."""
    cdef uint_t *p = <uint_t *>rd_at(c, ES, c.s.gpr[RDI] & i.amask, sizeof(uint_t), a)
    cdef uint_t x, y
    if p == NULL:
        return miss(c, i)
    y = p[0]
    p = <uint_t *>rd_at(c, i.seg, c.s.gpr[RSI] & i.amask, sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    x = p[0]
    flags_sub(c, x, y, <uint_t>(x - y))
    move_reg(c, RSI, step(c, t), i.amask)
    move_reg(c, RDI, step(c, t), i.amask)
    return finish(c, i, a)


cdef Insn *scas(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = <uint_t *>rd_at(c, ES, c.s.gpr[RDI] & i.amask, sizeof(uint_t), a)
    cdef uint_t x, y
    if p == NULL:
        return miss(c, i)
    x = reg(c, RAX * 8, t)[0]
    y = p[0]
    flags_sub(c, x, y, <uint_t>(x - y))
    move_reg(c, RDI, step(c, t), i.amask)
    return finish(c, i, a)


cdef Insn *lods(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = <uint_t *>rd_at(c, i.seg, c.s.gpr[RSI] & i.amask, sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    put(c, RAX * 8, p[0])
    move_reg(c, RSI, step(c, t), i.amask)
    return finish(c, i, a)


cdef Insn *stos(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = <uint_t *>wr_at(c, ES, c.s.gpr[RDI] & i.amask, sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    p[0] = reg(c, RAX * 8, t)[0]
    move_reg(c, RDI, step(c, t), i.amask)
    return finish(c, i, a)


# -- what repeated forms share ----------------------------------------------------------------------------------
cdef inline u64 run_length(CPU *c, Insn *i, u32 events) noexcept nogil:
    """Iterations that may be done now: the count, cut by the budget; 0 also if an event came up since `events`."""
    cdef u64 n = c.s.gpr[RCX] & i.amask
    cdef i64 budget = c.left + i.rem - 1
    if budget <= 0 or c.s.event & ~events:
        return 0
    return n if n < <u64>budget else <u64>budget


cdef inline Insn *end_rep(CPU *c, Insn *i, u32 how) noexcept nogil:
    c.now_adj = 0
    if how == DONE and c.s.event == 0 and c.left >= 0:
        return next_insn(c, i)
    c.s.gpr[RIP] += i.off
    if how == DONE:
        c.s.gpr[RIP] += i.len
    c.left += i.rem - 1
    return NULL


# -- REP MOVS -----------------------------------------------------------------------------------------------------
cdef void copy_run(u8 *dst, u8 *src, u64 n, i64 d, uint_t t) noexcept nogil:
    """n elements one after the other; an overlap that the order can see repeats what was just written."""
    cdef uint_t *p = <uint_t *>src
    cdef uint_t *q = <uint_t *>dst
    cdef u64 k
    if d > 0:
        if dst <= src or dst >= src + n * sizeof(uint_t):
            memmove(dst, src, n * sizeof(uint_t))
        else:
            for k in range(n):
                q[k] = p[k]
    elif dst >= src or src >= dst + n * sizeof(uint_t):
        k = (n - 1) * sizeof(uint_t)
        memmove(dst - k, src - k, n * sizeof(uint_t))
    else:
        for k in range(n):
            q[-<i64>k] = p[-<i64>k]


cdef u32 movs_run(CPU *c, Insn *i, uint_t t) noexcept nogil:
    cdef i64 d = step(c, t)
    cdef u32 events = c.s.event
    cdef u64 n, si, di
    cdef u8 *p
    cdef u8 *q
    cdef uint_t x
    c.left += 1
    while c.s.gpr[RCX] & i.amask:
        n = run_length(c, i, events)
        if n == 0:
            return STOPPED
        si = c.s.gpr[RSI] & i.amask
        di = c.s.gpr[RDI] & i.amask
        p = bulk_src(c, i.seg, si, i.amask, d, &n)
        q = bulk_dst(c, di, i.amask, d, &n)
        if p != NULL and q != NULL:
            copy_run(q, p, n, d, t)
        else:
            n = 1
            c.now_adj = i.rem - 1
            if not mem_read(c, i.seg, si, &x, sizeof(uint_t)) or not mem_write(c, ES, di, &x, sizeof(uint_t)):
                return STOPPED
        move_reg(c, RSI, d * <i64>n, i.amask)
        move_reg(c, RDI, d * <i64>n, i.amask)
        move_reg(c, RCX, -<i64>n, i.amask)
        c.left -= n
    return DONE


cdef Insn *rep_movs(CPU *c, Insn *i, uint_t t) noexcept nogil:
    if c.s.gpr[RCX] & i.amask == 0:
        return next_insn(c, i)
    return end_rep(c, i, movs_run(c, i, t))


# -- REP STOS ------------------------------------------------------------------------------------------------------
cdef void fill_run(u8 *dst, u64 n, uint_t x) noexcept nogil:
    """n elements upwards."""
    cdef u64 w = x, k
    if uint_t is u8:
        memset(dst, x, n)
    else:
        if x == <uint_t>(<u64>0x0101010101010101 * <u8>x):
            memset(dst, <u8>x, n * sizeof(uint_t))
            return
        if uint_t is u16:
            w |= w << 16
        if uint_t is u16 or uint_t is u32:
            w |= w << 32
        n *= sizeof(uint_t)
        for k in range(n >> 3):
            (<u64 *>dst)[k] = w
        for k in range((n & ~<u64>7) / sizeof(uint_t), n / sizeof(uint_t)):
            (<uint_t *>dst)[k] = x


cdef u32 stos_run(CPU *c, Insn *i, uint_t t) noexcept nogil:
    cdef i64 d = step(c, t)
    cdef u32 events = c.s.event
    cdef u64 n, di
    cdef u8 *q
    cdef uint_t x = reg(c, RAX * 8, t)[0]
    c.left += 1
    while c.s.gpr[RCX] & i.amask:
        n = run_length(c, i, events)
        if n == 0:
            return STOPPED
        di = c.s.gpr[RDI] & i.amask
        q = bulk_dst(c, di, i.amask, d, &n)
        if q != NULL:
            if d < 0:
                q -= (n - 1) * sizeof(uint_t)
            fill_run(q, n, x)
        else:
            n = 1
            c.now_adj = i.rem - 1
            if not mem_write(c, ES, di, &x, sizeof(uint_t)):
                return STOPPED
        move_reg(c, RDI, d * <i64>n, i.amask)
        move_reg(c, RCX, -<i64>n, i.amask)
        c.left -= n
    return DONE


cdef Insn *rep_stos(CPU *c, Insn *i, uint_t t) noexcept nogil:
    if c.s.gpr[RCX] & i.amask == 0:
        return next_insn(c, i)
    return end_rep(c, i, stos_run(c, i, t))


# -- REP LODS --------------------------------------------------------------------------------------------------------
cdef u32 lods_run(CPU *c, Insn *i, uint_t t) noexcept nogil:
    cdef i64 d = step(c, t)
    cdef u32 events = c.s.event
    cdef u64 n, si
    cdef u8 *p
    cdef uint_t x
    c.left += 1
    while c.s.gpr[RCX] & i.amask:
        n = run_length(c, i, events)
        if n == 0:
            return STOPPED
        si = c.s.gpr[RSI] & i.amask
        p = bulk_src(c, i.seg, si, i.amask, d, &n)
        if p != NULL:       # all but the last are overwritten
            x = (<uint_t *>(p + d * <i64>(n - 1)))[0]
        else:
            n = 1
            c.now_adj = i.rem - 1
            if not mem_read(c, i.seg, si, &x, sizeof(uint_t)):
                return STOPPED
        put(c, RAX * 8, x)
        move_reg(c, RSI, d * <i64>n, i.amask)
        move_reg(c, RCX, -<i64>n, i.amask)
        c.left -= n
    return DONE


cdef Insn *rep_lods(CPU *c, Insn *i, uint_t t) noexcept nogil:
    if c.s.gpr[RCX] & i.amask == 0:
        return next_insn(c, i)
    return end_rep(c, i, lods_run(c, i, t))


# -- REPE/REPNE SCAS and CMPS ------------------------------------------------------------------------------------------
cdef inline bint goes_on(uint_t x, uint_t y, while_t w) noexcept nogil:
    if while_t is repe_t:
        return x == y
    else:
        return x != y


cdef u64 scan_run(u8 *p, u64 n, i64 d, uint_t x, while_t w) noexcept nogil:
    """Elements looked at, the one that ends the scan included."""
    cdef u64 k
    cdef u8 *hit
    if uint_t is u8 and while_t is repne_t:
        if d > 0:
            hit = <u8 *>memchr(p, x, n)
            return n if hit == NULL else <u64>(hit - p) + 1
    for k in range(n):
        if not goes_on(x, (<uint_t *>(p + d * <i64>k))[0], w):
            return k + 1
    return n


cdef u32 scas_run(CPU *c, Insn *i, uint_t t, while_t w) noexcept nogil:
    cdef i64 d = step(c, t)
    cdef u32 events = c.s.event
    cdef u64 n, di
    cdef u8 *p
    cdef uint_t x = reg(c, RAX * 8, t)[0], y
    c.left += 1
    while True:
        n = run_length(c, i, events)
        if n == 0:
            return STOPPED
        di = c.s.gpr[RDI] & i.amask
        p = bulk_src(c, ES, di, i.amask, d, &n)
        if p != NULL:
            n = scan_run(p, n, d, x, w)
            y = (<uint_t *>(p + d * <i64>(n - 1)))[0]
        else:
            n = 1
            c.now_adj = i.rem - 1
            if not mem_read(c, ES, di, &y, sizeof(uint_t)):
                return STOPPED
        move_reg(c, RDI, d * <i64>n, i.amask)
        move_reg(c, RCX, -<i64>n, i.amask)
        c.left -= n
        if c.s.gpr[RCX] & i.amask == 0 or not goes_on(x, y, w):
            flags_sub(c, x, y, <uint_t>(x - y))
            return DONE


cdef Insn *rep_scas(CPU *c, Insn *i, uint_t t, while_t w) noexcept nogil:
    if c.s.gpr[RCX] & i.amask == 0:
        return next_insn(c, i)
    return end_rep(c, i, scas_run(c, i, t, w))


cdef u64 compare_run(u8 *p, u8 *q, u64 n, i64 d, uint_t t, while_t w) noexcept nogil:
    """Pairs looked at, the one that ends the comparison included."""
    cdef u64 k, same = 0
    if while_t is repe_t:
        if d > 0:       # equal stretches eight bytes at a time
            while same + 8 <= n * sizeof(uint_t) and (<u64 *>(p + same))[0] == (<u64 *>(q + same))[0]:
                same += 8
    for k in range(same / sizeof(uint_t), n):
        if not goes_on((<uint_t *>(p + d * <i64>k))[0], (<uint_t *>(q + d * <i64>k))[0], w):
            return k + 1
    return n


cdef u32 cmps_run(CPU *c, Insn *i, uint_t t, while_t w) noexcept nogil:
    cdef i64 d = step(c, t)
    cdef u32 events = c.s.event
    cdef u64 n, si, di
    cdef u8 *p
    cdef u8 *q
    cdef uint_t x, y
    c.left += 1
    while True:
        n = run_length(c, i, events)
        if n == 0:
            return STOPPED
        si = c.s.gpr[RSI] & i.amask
        di = c.s.gpr[RDI] & i.amask
        p = bulk_src(c, i.seg, si, i.amask, d, &n)
        q = bulk_src(c, ES, di, i.amask, d, &n)
        if p != NULL and q != NULL:
            n = compare_run(p, q, n, d, t, w)
            x = (<uint_t *>(p + d * <i64>(n - 1)))[0]
            y = (<uint_t *>(q + d * <i64>(n - 1)))[0]
        else:
            n = 1
            c.now_adj = i.rem - 1
            if not mem_read(c, ES, di, &y, sizeof(uint_t)) or not mem_read(c, i.seg, si, &x, sizeof(uint_t)):
                return STOPPED
        move_reg(c, RSI, d * <i64>n, i.amask)
        move_reg(c, RDI, d * <i64>n, i.amask)
        move_reg(c, RCX, -<i64>n, i.amask)
        c.left -= n
        if c.s.gpr[RCX] & i.amask == 0 or not goes_on(x, y, w):
            flags_sub(c, x, y, <uint_t>(x - y))
            return DONE


cdef Insn *rep_cmps(CPU *c, Insn *i, uint_t t, while_t w) noexcept nogil:
    if c.s.gpr[RCX] & i.amask == 0:
        return next_insn(c, i)
    return end_rep(c, i, cmps_run(c, i, t, w))


# -- registration ---------------------------------------------------------------------------------------------------
cdef int one(Registry r, str name, u32 n, handler_t h) except -1:
    return r.add(name, n, h, h)


cdef int add_sized(Registry r, uint_t t) except -1:
    cdef u32 n = sizeof(uint_t)
    r.add("movs", n, <handler_t>movs[uint_t, fast_t], <handler_t>movs[uint_t, slow_t])
    r.add("cmps", n, <handler_t>cmps[uint_t, fast_t], <handler_t>cmps[uint_t, slow_t])
    r.add("scas", n, <handler_t>scas[uint_t, fast_t], <handler_t>scas[uint_t, slow_t])
    r.add("lods", n, <handler_t>lods[uint_t, fast_t], <handler_t>lods[uint_t, slow_t])
    r.add("stos", n, <handler_t>stos[uint_t, fast_t], <handler_t>stos[uint_t, slow_t])
    one(r, "rep_movs", n, <handler_t>rep_movs[uint_t])
    one(r, "rep_stos", n, <handler_t>rep_stos[uint_t])
    one(r, "rep_lods", n, <handler_t>rep_lods[uint_t])
    one(r, "repz_scas", n, <handler_t>rep_scas[uint_t, repe_t])
    one(r, "repnz_scas", n, <handler_t>rep_scas[uint_t, repne_t])
    one(r, "repz_cmps", n, <handler_t>rep_cmps[uint_t, repe_t])
    one(r, "repnz_cmps", n, <handler_t>rep_cmps[uint_t, repne_t])
    return 0


cdef int register(Registry r) except -1:
    add_sized(r, <u8>0)
    add_sized(r, <u16>0)
    add_sized(r, <u32>0)
    add_sized(r, <u64>0)
    return 0
