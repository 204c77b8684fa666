"""Handlers: port input and output (SDM 1 ch. 18 "Input/Output"; SDM 2A "IN", "INS", "OUT", "OUTS").

Each access ends with a look at the events it may have caused.  REP forms count one instruction per iteration and stop
between iterations when an event or the budget says so, RIP still on them.
"""
from emu_core_pyx.types cimport i64, u8, u16, u32, u64, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport ES, EXC_GP, F_DF, F_VM, RAX, RCX, RDI, RDX, RIP, RSI, TR
from emu_core_pyx.cpu.control cimport io_breakpoint
from emu_core_pyx.cpu.sysmem cimport fail, sys_read
from emu_core_pyx.bus.bus cimport Bus, BulkPort
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.interp.bulk cimport bulk_dst, bulk_src, move_reg
from emu_core_pyx.interp.dispatch cimport leave, likely, next_insn, sync, unlikely, unwind
from emu_core_pyx.mmu.access cimport put
from emu_core_pyx.mmu.slow cimport mem_probe_write, mem_read, mem_write


cdef bint bitmap_allows(CPU *c, u32 port, u32 n) noexcept nogil:
    """I/O permission bitmap of the 32-bit TSS (SDM 1, 18.5.2); 0 = fault noted."""
    cdef u16 at = 0, bits = 0
    if not c.s.seg_attr[TR] & 8 or c.s.seg_limit[TR] < 0x67:
        return fail(c, EXC_GP, 0)
    if not sys_read(c, c.s.seg_base[TR] + 0x66, &at, 2):
        return 0
    if <u32>at + (port >> 3) + 1 > c.s.seg_limit[TR]:
        return fail(c, EXC_GP, 0)
    if not sys_read(c, c.s.seg_base[TR] + at + (port >> 3), &bits, 2):
        return 0
    if bits >> (port & 7) & ((1 << n) - 1):
        return fail(c, EXC_GP, 0)
    return 1


cdef inline bint allowed(CPU *c, u32 port, u32 n) noexcept nogil:
    if likely(c.s.cpl <= (c.s.eflags >> 12 & 3) and not c.s.eflags & F_VM):
        return 1
    return bitmap_allows(c, port, n)


cdef inline Insn *after(CPU *c, Insn *i) noexcept nogil:
    if unlikely(c.s.event or c.left < 0):
        return leave(c, i)
    return next_insn(c, i)


cdef inline u32 read_port(CPU *c, Insn *i, u32 port, u32 n) noexcept nogil:
    cdef u32 v
    sync(c, i)
    v = (<Bus>c.bus).port_read(port, n)
    c.now_adj = 0
    if unlikely(c.s.dr[7] & 0xFF):
        io_breakpoint(c, port, n)
    return v


cdef inline void write_port(CPU *c, Insn *i, u32 port, u32 n, u32 v) noexcept nogil:
    sync(c, i)
    (<Bus>c.bus).port_write(port, n, v)
    c.now_adj = 0
    if unlikely(c.s.dr[7] & 0xFF):
        io_breakpoint(c, port, n)


cdef Insn *in_ri(CPU *c, Insn *i, uint_t t) noexcept nogil:
    if not allowed(c, <u8>i.imm, sizeof(uint_t)):
        return unwind(c, i)
    put(c, RAX * 8, <uint_t>read_port(c, i, <u8>i.imm, sizeof(uint_t)))
    return after(c, i)


cdef Insn *in_rd(CPU *c, Insn *i, uint_t t) noexcept nogil:
    cdef u32 port = <u16>c.s.gpr[RDX]
    if not allowed(c, port, sizeof(uint_t)):
        return unwind(c, i)
    put(c, RAX * 8, <uint_t>read_port(c, i, port, sizeof(uint_t)))
    return after(c, i)


cdef Insn *out_ir(CPU *c, Insn *i, uint_t t) noexcept nogil:
    if not allowed(c, <u8>i.imm, sizeof(uint_t)):
        return unwind(c, i)
    write_port(c, i, <u8>i.imm, sizeof(uint_t), <uint_t>c.s.gpr[RAX])
    return after(c, i)


cdef Insn *out_dr(CPU *c, Insn *i, uint_t t) noexcept nogil:
    cdef u32 port = <u16>c.s.gpr[RDX]
    if not allowed(c, port, sizeof(uint_t)):
        return unwind(c, i)
    write_port(c, i, port, sizeof(uint_t), <uint_t>c.s.gpr[RAX])
    return after(c, i)


# ---------------------------------------------------------------- strings

cdef bint ins_one(CPU *c, Insn *i, u32 n) noexcept nogil:
    """The destination is probed first: reading a port can not be undone."""
    cdef u64 off = c.s.gpr[RDI] & i.amask
    cdef u32 v, port = <u16>c.s.gpr[RDX]
    if not mem_probe_write(c, ES, off, n):
        return 0
    v = read_port(c, i, port, n)
    if not mem_write(c, ES, off, &v, n):
        return 0
    move_reg(c, RDI, -<i64>n if c.s.eflags & F_DF else <i64>n, i.amask)
    return 1


cdef bint outs_one(CPU *c, Insn *i, u32 n) noexcept nogil:
    cdef u32 v = 0
    if not mem_read(c, i.seg, c.s.gpr[RSI] & i.amask, &v, n):
        return 0
    write_port(c, i, <u16>c.s.gpr[RDX], n, v)
    move_reg(c, RSI, -<i64>n if c.s.eflags & F_DF else <i64>n, i.amask)
    return 1


cdef Insn *ins(CPU *c, Insn *i, uint_t t) noexcept nogil:
    if not allowed(c, <u16>c.s.gpr[RDX], sizeof(uint_t)) or not ins_one(c, i, sizeof(uint_t)):
        return unwind(c, i)
    return after(c, i)


cdef Insn *outs(CPU *c, Insn *i, uint_t t) noexcept nogil:
    if not allowed(c, <u16>c.s.gpr[RDX], sizeof(uint_t)) or not outs_one(c, i, sizeof(uint_t)):
        return unwind(c, i)
    return after(c, i)


cdef void in_bulk(CPU *c, Insn *i, u32 n, bint out, BulkPort *door) noexcept nogil:
    """Iterations but the last, as far as page, budget and device allow; the one in flight stays in flight."""
    cdef u64 m = (c.s.gpr[RCX] & i.amask) - 1
    cdef u8 *p
    if c.s.event or c.left <= 0 or c.s.eflags & F_DF or c.s.dr[7] & 0xFF:
        return
    if m > <u64>c.left:
        m = <u64>c.left
    if out:
        p = bulk_src(c, i.seg, c.s.gpr[RSI] & i.amask, i.amask, n, &m)
    else:
        p = bulk_dst(c, c.s.gpr[RDI] & i.amask, i.amask, n, &m)
    if p == NULL or m == 0:
        return
    m = door.move(door.device, door.region, n, p, <u32>m, out)
    move_reg(c, RSI if out else RDI, <i64>(m * n), i.amask)
    move_reg(c, RCX, -<i64>m, i.amask)
    c.left -= <i64>m


cdef Insn *repeat(CPU *c, Insn *i, u32 n, bint out) noexcept nogil:
    """The block has paid for the iteration in flight; each further one is taken from the budget."""
    cdef BulkPort *door
    if not allowed(c, <u16>c.s.gpr[RDX], n):       # processors look at the permission even when the count is 0
        return unwind(c, i)
    if not c.s.gpr[RCX] & i.amask:
        return next_insn(c, i)
    door = (<Bus>c.bus).bulk(<u16>c.s.gpr[RDX])
    while 1:
        if door != NULL:
            in_bulk(c, i, n, out, door)
        if not (outs_one(c, i, n) if out else ins_one(c, i, n)):
            return unwind(c, i)
        move_reg(c, RCX, -1, i.amask)
        if not c.s.gpr[RCX] & i.amask:
            return after(c, i)
        if c.s.event or c.left <= 0:
            c.s.gpr[RIP] += i.off
            c.left += i.rem - 1
            return NULL
        c.left -= 1


cdef Insn *rep_ins(CPU *c, Insn *i, uint_t t) noexcept nogil:
    return repeat(c, i, sizeof(uint_t), 0)


cdef Insn *rep_outs(CPU *c, Insn *i, uint_t t) noexcept nogil:
    return repeat(c, i, sizeof(uint_t), 1)


cdef int each(Registry r, str name, handler_t b, handler_t w, handler_t d) except -1:
    r.add(name, 1, b, b)
    r.add(name, 2, w, w)
    r.add(name, 4, d, d)
    return 0


cdef int register(Registry r) except -1:
    each(r, "in_ri", <handler_t>in_ri[u8], <handler_t>in_ri[u16], <handler_t>in_ri[u32])
    each(r, "in_rd", <handler_t>in_rd[u8], <handler_t>in_rd[u16], <handler_t>in_rd[u32])
    each(r, "out_ir", <handler_t>out_ir[u8], <handler_t>out_ir[u16], <handler_t>out_ir[u32])
    each(r, "out_dr", <handler_t>out_dr[u8], <handler_t>out_dr[u16], <handler_t>out_dr[u32])
    each(r, "ins", <handler_t>ins[u8], <handler_t>ins[u16], <handler_t>ins[u32])
    each(r, "outs", <handler_t>outs[u8], <handler_t>outs[u16], <handler_t>outs[u32])
    each(r, "rep_ins", <handler_t>rep_ins[u8], <handler_t>rep_ins[u16], <handler_t>rep_ins[u32])
    each(r, "rep_outs", <handler_t>rep_outs[u8], <handler_t>rep_outs[u16], <handler_t>rep_outs[u32])
    return 0
