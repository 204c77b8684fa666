"""x87 control: control and status words, environment, FNSAVE/FRSTOR, stack pointer, WAIT.

FCS and FDS are saved as 0 in protected mode (see cpu/fpu.pxd).  In real and virtual-8086 mode the linear addresses of
the image use the segments noted with the last unmasked exception.
Spec: SDM vol. 1, 8.1.10 (Saving the x87 FPU's State) with the four images; vol. 2.
"""
from libc.string cimport memcpy
from emu_core_pyx.types cimport acc_t, fast_t, slow_t, u8, u16, u32
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport CR0_MP, CR0_TS, EXC_NM, RAX
from emu_core_pyx.cpu.softfloat cimport SW_ES
from emu_core_pyx.cpu.fpu cimport (
    fpu_blocked, fpu_get_sw, fpu_get_tags, fpu_init, fpu_host_sync, fpu_set_cw, fpu_set_sw, fpu_set_tags,
    fpu_update_es, st, st_pop,
)
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.block.insn cimport MODE_PE, Insn, handler_t
from emu_core_pyx.interp.dispatch cimport fault, finish, insn_rip, leave, miss, next_insn, unwind
from emu_core_pyx.interp.x87 cimport note_none
from emu_core_pyx.mmu.access cimport ea, rd_at, wr_at

ctypedef short env16_t
ctypedef int env32_t

ctypedef fused env_t:
    env16_t
    env32_t


cdef inline Insn *done(CPU *c, Insn *i) noexcept nogil:
    """Next instruction, or the run loop if FERR# changed."""
    if c.s.event:
        return leave(c, i)
    return next_insn(c, i)


cdef Insn *fldcw_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p
    if c.s.fpu.sw & SW_ES and fpu_blocked(c, i):
        return unwind(c, i)
    p = rd_at(c, i.seg, ea(c, i), 2, a)
    if p == NULL:
        return miss(c, i)
    fpu_set_cw(c, (<u16 *>p)[0])
    return finish(c, i, a)


cdef Insn *fnstcw_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = wr_at(c, i.seg, ea(c, i), 2, a)
    if p == NULL:
        return miss(c, i)
    (<u16 *>p)[0] = c.s.fpu.cw
    return finish(c, i, a)


cdef Insn *fnstsw_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = wr_at(c, i.seg, ea(c, i), 2, a)
    if p == NULL:
        return miss(c, i)
    (<u16 *>p)[0] = <u16>(c.s.fpu.sw | c.s.fpu.top << 11)
    return finish(c, i, a)


cdef Insn *fnstsw_a(CPU *c, Insn *i) noexcept nogil:
    (<u16 *>&c.s.gpr[RAX])[0] = <u16>(c.s.fpu.sw | c.s.fpu.top << 11)
    return next_insn(c, i)


cdef Insn *fnclex(CPU *c, Insn *i) noexcept nogil:
    c.s.fpu.sw &= 0x4700
    fpu_update_es(c)
    fpu_host_sync(c)
    return done(c, i)


cdef Insn *fninit(CPU *c, Insn *i) noexcept nogil:
    fpu_init(c)
    return done(c, i)


cdef Insn *fwait(CPU *c, Insn *i) noexcept nogil:
    if (c.s.cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS):
        return fault(c, i, EXC_NM, 0)
    if c.s.fpu.sw & SW_ES and fpu_blocked(c, i):
        return unwind(c, i)
    return next_insn(c, i)


cdef Insn *fnop(CPU *c, Insn *i) noexcept nogil:
    if c.s.fpu.sw & SW_ES and fpu_blocked(c, i):
        return unwind(c, i)
    c.s.fpu.fip = insn_rip(c, i)
    return next_insn(c, i)


cdef Insn *turn(CPU *c, Insn *i, u32 by) noexcept nogil:
    if c.s.fpu.sw & SW_ES and fpu_blocked(c, i):
        return unwind(c, i)
    c.s.fpu.top = (c.s.fpu.top + by) & 7
    note_none(c, i)
    return next_insn(c, i)


cdef Insn *fincstp(CPU *c, Insn *i) noexcept nogil:
    return turn(c, i, 1)


cdef Insn *fdecstp(CPU *c, Insn *i) noexcept nogil:
    return turn(c, i, 7)


cdef Insn *ffree_t(CPU *c, Insn *i) noexcept nogil:
    if c.s.fpu.sw & SW_ES and fpu_blocked(c, i):
        return unwind(c, i)
    c.s.fpu.tags &= <u8>~(1 << ((c.s.fpu.top + i.x) & 7))
    note_none(c, i)
    return next_insn(c, i)


cdef Insn *ffreep_t(CPU *c, Insn *i) noexcept nogil:
    if c.s.fpu.sw & SW_ES and fpu_blocked(c, i):
        return unwind(c, i)
    c.s.fpu.tags &= <u8>~(1 << ((c.s.fpu.top + i.x) & 7))
    note_none(c, i)
    st_pop(c)
    return next_insn(c, i)


# Environment and state images

cdef void put_env(CPU *c, u8 *p, env_t w) noexcept nogil:
    """14 or 28 bytes."""
    cdef u16 *h = <u16 *>p
    cdef u32 *d = <u32 *>p
    cdef bint real = not c.mode & MODE_PE
    cdef u32 ip = <u32>c.s.fpu.fip, dp = <u32>c.s.fpu.fdp
    if real:
        ip += <u32>c.s.fpu.fcs << 4
        dp += <u32>c.s.fpu.fds << 4
    if env_t is env16_t:
        h[0] = c.s.fpu.cw
        h[1] = fpu_get_sw(c)
        h[2] = fpu_get_tags(c)
        h[3] = <u16>ip
        h[4] = <u16>((ip >> 4) & 0xF000 | c.s.fpu.fop) if real else 0
        h[5] = <u16>dp
        h[6] = <u16>((dp >> 4) & 0xF000) if real else 0
    else:
        d[0] = <u32>0xFFFF0000 | c.s.fpu.cw
        d[1] = <u32>0xFFFF0000 | fpu_get_sw(c)
        d[2] = <u32>0xFFFF0000 | fpu_get_tags(c)
        if real:
            d[3] = <u32>0xFFFF0000 | ip & 0xFFFF
            d[4] = (ip >> 16) << 12 | c.s.fpu.fop
            d[5] = <u32>0xFFFF0000 | dp & 0xFFFF
            d[6] = (dp >> 16) << 12
        else:
            d[3] = ip
            d[4] = <u32>c.s.fpu.fop << 16
            d[5] = dp
            d[6] = <u32>0xFFFF0000


cdef void get_env(CPU *c, const u8 *p, env_t w) noexcept nogil:
    cdef const u16 *h = <const u16 *>p
    cdef const u32 *d = <const u32 *>p
    cdef bint real = not c.mode & MODE_PE
    cdef u16 cw, sw
    c.s.fpu.fcs = 0
    c.s.fpu.fds = 0
    if env_t is env16_t:
        cw = h[0]
        sw = h[1]
        fpu_set_tags(c, h[2])
        c.s.fpu.fip = h[3]
        c.s.fpu.fdp = h[5]
        if real:
            c.s.fpu.fip |= <u32>(h[4] & 0xF000) << 4
            c.s.fpu.fop = h[4] & 0x7FF
            c.s.fpu.fdp |= <u32>(h[6] & 0xF000) << 4
        else:
            c.s.fpu.fop = 0
    else:
        cw = <u16>d[0]
        sw = <u16>d[1]
        fpu_set_tags(c, <u16>d[2])
        if real:
            c.s.fpu.fip = d[3] & 0xFFFF | (d[4] & 0x0FFFF000) << 4
            c.s.fpu.fop = d[4] & 0x7FF
            c.s.fpu.fdp = d[5] & 0xFFFF | (d[6] & 0x0FFFF000) << 4
        else:
            c.s.fpu.fip = d[3]
            c.s.fpu.fop = (d[4] >> 16) & 0x7FF
            c.s.fpu.fdp = d[5]
    fpu_set_cw(c, cw)
    fpu_set_sw(c, sw)


cdef inline u32 env_size(env_t w) noexcept nogil:
    if env_t is env16_t:
        return 14
    else:
        return 28


cdef Insn *fnstenv_m(CPU *c, Insn *i, env_t w, acc_t a) noexcept nogil:
    cdef u8 *p = wr_at(c, i.seg, ea(c, i), env_size(w), a)
    if p == NULL:
        return miss(c, i)
    put_env(c, p, w)
    fpu_set_cw(c, c.s.fpu.cw | 0x3F)
    return finish(c, i, <slow_t>0)


cdef Insn *fldenv_m(CPU *c, Insn *i, env_t w, acc_t a) noexcept nogil:
    cdef u8 *p
    if c.s.fpu.sw & SW_ES and fpu_blocked(c, i):
        return unwind(c, i)
    p = rd_at(c, i.seg, ea(c, i), env_size(w), a)
    if p == NULL:
        return miss(c, i)
    get_env(c, p, w)
    return finish(c, i, <slow_t>0)


cdef Insn *fnsave_m(CPU *c, Insn *i, env_t w, acc_t a) noexcept nogil:
    cdef u32 n = env_size(w), k
    cdef u8 *p = wr_at(c, i.seg, ea(c, i), n + 80, a)
    if p == NULL:
        return miss(c, i)
    put_env(c, p, w)
    for k in range(8):
        memcpy(p + n + 10 * k, st(c, k), 10)
    fpu_init(c)
    return finish(c, i, <slow_t>0)


cdef Insn *frstor_m(CPU *c, Insn *i, env_t w, acc_t a) noexcept nogil:
    cdef u32 n = env_size(w), k
    cdef u8 *p
    if c.s.fpu.sw & SW_ES and fpu_blocked(c, i):
        return unwind(c, i)
    p = rd_at(c, i.seg, ea(c, i), n + 80, a)
    if p == NULL:
        return miss(c, i)
    get_env(c, p, w)
    for k in range(8):
        memcpy(st(c, k), p + n + 10 * k, 10)
    return finish(c, i, <slow_t>0)


cdef int add_env(Registry r, u32 size, env_t w) except -1:
    r.add("fnstenv_m", size, <handler_t>fnstenv_m[env_t, fast_t], <handler_t>fnstenv_m[env_t, slow_t])
    r.add("fldenv_m", size, <handler_t>fldenv_m[env_t, fast_t], <handler_t>fldenv_m[env_t, slow_t])
    r.add("fnsave_m", size, <handler_t>fnsave_m[env_t, fast_t], <handler_t>fnsave_m[env_t, slow_t])
    r.add("frstor_m", size, <handler_t>frstor_m[env_t, fast_t], <handler_t>frstor_m[env_t, slow_t])
    return 0


cdef int add1(Registry r, str name, handler_t h) except -1:
    return r.add(name, 0, h, h)


cdef int register(Registry r) except -1:
    add_env(r, 2, <env16_t>0)
    add_env(r, 4, <env32_t>0)
    add_env(r, 8, <env32_t>0)
    r.add("fldcw_m", 0, <handler_t>fldcw_m[fast_t], <handler_t>fldcw_m[slow_t])
    r.add("fnstcw_m", 0, <handler_t>fnstcw_m[fast_t], <handler_t>fnstcw_m[slow_t])
    r.add("fnstsw_m", 0, <handler_t>fnstsw_m[fast_t], <handler_t>fnstsw_m[slow_t])
    add1(r, "fnstsw_a", <handler_t>fnstsw_a)
    add1(r, "fnclex", <handler_t>fnclex)
    add1(r, "fninit", <handler_t>fninit)
    add1(r, "fwait", <handler_t>fwait)
    add1(r, "fnop", <handler_t>fnop)
    add1(r, "fincstp", <handler_t>fincstp)
    add1(r, "fdecstp", <handler_t>fdecstp)
    add1(r, "ffree_t", <handler_t>ffree_t)
    add1(r, "ffreep_t", <handler_t>ffreep_t)
    return 0
