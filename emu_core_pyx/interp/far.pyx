"""Handlers: segment registers and far transfers of control (JMP, CALL, RET, INT, IRET, SYSENTER and their kin).

The semantics are in cpu/segment, cpu/transfer and cpu/interrupt.  Spec: SDM 2A/2B under each mnemonic.
"""
from emu_core_pyx.types cimport acc_t, fast_t, slow_t, u8, u16, u32, u64, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport (
    CR0_PE, CS, EFER_SCE, EXC_BP, EXC_DB, EXC_GP, EXC_NM, EXC_OF, EXC_UD, F_IF, F_RF, F_TF, F_VM, GS, INHIBIT_SS, RCX, RDX,
    RIP, RSP, SEG_DB, SEG_G, SEG_L, SEG_P, SEG_S, SS,
)
from emu_core_pyx.cpu.control cimport DR6_BS
from emu_core_pyx.cpu.cpuid cimport Model
from emu_core_pyx.cpu.flags cimport get_eflags, get_of, put_eflags
from emu_core_pyx.cpu.interrupt cimport INT_ICEBP, INT_SOFT, interrupt_return, software_interrupt
from emu_core_pyx.cpu.segment cimport load_seg, set_cpl, set_flat
from emu_core_pyx.cpu.sysmem cimport canonical, code64, fail, long_mode
from emu_core_pyx.cpu.transfer cimport far_call, far_jump, far_return
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.block.insn cimport MODE_32, MODE_64, MODE_LIMIT, MODE_LMA, MODE_PE, MODE_SIZE, Insn, handler_t
from emu_core_pyx.interp.dispatch cimport fault, finish, leave, miss, next_insn, next_rip, unwind
from emu_core_pyx.interp.ending cimport landed
from emu_core_pyx.mmu.access cimport ea, put, rd_at, wr_at

cdef enum:
    CODE_ACCESSED = 0xB     # types of the flat segments
    DATA_ACCESSED = 0x3


cdef inline u64 end_rip(CPU *c, Insn *i) noexcept nogil:
    """EIP after the instruction, wrapped to what EIP holds."""
    cdef u64 r = next_rip(c, i)
    return r if code64(c) else r & <u64>0xFFFFFFFF


cdef inline u64 far_offset(u8 *p, u32 size) noexcept nogil:
    if size == 2:
        return (<u16 *>p)[0]
    elif size == 4:
        return (<u32 *>p)[0]
    return (<u64 *>p)[0]


# ---------------------------------------------------------------- segment registers

cdef inline Insn *segment_loaded(CPU *c, Insn *i) noexcept nogil:
    if i.x == SS:
        c.s.inhibit = INHIBIT_SS
        return leave(c, i)
    return next_insn(c, i)


cdef Insn *mov_sr(CPU *c, Insn *i) noexcept nogil:
    if not load_seg(c, i.x, (<u16 *>(<u8 *>c + i.src))[0]):
        return unwind(c, i)
    return segment_loaded(c, i)


cdef Insn *mov_sm(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = rd_at(c, i.seg, ea(c, i), 2, a)
    if p == NULL:
        return miss(c, i)
    if not load_seg(c, i.x, (<u16 *>p)[0]):
        return unwind(c, i)
    return segment_loaded(c, i)


cdef Insn *mov_rs(CPU *c, Insn *i, uint_t t) noexcept nogil:
    put(c, i.dst, <uint_t>c.s.seg_sel[i.x])
    return next_insn(c, i)


cdef Insn *mov_ms(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = wr_at(c, i.seg, ea(c, i), 2, a)
    if p == NULL:
        return miss(c, i)
    (<u16 *>p)[0] = c.s.seg_sel[i.x]
    return finish(c, i, a)


cdef Insn *push_s(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u64 sp = (c.s.gpr[RSP] - sizeof(uint_t)) & c.s.ss_mask
    # current processors write only the selector's two bytes of a doubleword slot
    cdef u8 *p = wr_at(c, SS, sp, 2 if uint_t is u32 else sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    if uint_t is u32:
        (<u16 *>p)[0] = c.s.seg_sel[i.x]
    else:
        (<uint_t *>p)[0] = c.s.seg_sel[i.x]
    c.s.gpr[RSP] = c.s.gpr[RSP] & ~c.s.ss_mask | sp
    return finish(c, i, a)


cdef Insn *pop_s(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u64 mask = c.s.ss_mask
    cdef u64 sp = c.s.gpr[RSP] & mask
    cdef u8 *p = rd_at(c, SS, sp, sizeof(uint_t), a)
    if p == NULL:
        return miss(c, i)
    if not load_seg(c, i.x, (<u16 *>p)[0]):
        return unwind(c, i)
    # the stack size in force is that of before a POP SS
    c.s.gpr[RSP] = c.s.gpr[RSP] & ~mask | (sp + sizeof(uint_t)) & mask
    return segment_loaded(c, i)


cdef Insn *lseg_rm(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u8 *p = rd_at(c, i.seg, ea(c, i), sizeof(uint_t) + 2, a)
    cdef uint_t off
    if p == NULL:
        return miss(c, i)
    off = (<uint_t *>p)[0]
    if not load_seg(c, i.x, (<u16 *>(p + sizeof(uint_t)))[0]):
        return unwind(c, i)
    put(c, i.dst, off)
    return next_insn(c, i)


# ---------------------------------------------------------------- far JMP, CALL, RET

cdef Insn *jmpf_p(CPU *c, Insn *i) noexcept nogil:
    return landed(c, i, far_jump(c, <u16>i.disp, <u32>i.imm, i.osz, end_rip(c, i)))


cdef Insn *callf_p(CPU *c, Insn *i) noexcept nogil:
    return landed(c, i, far_call(c, <u16>i.disp, <u32>i.imm, i.osz, end_rip(c, i)))


cdef Insn *jmpf_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = rd_at(c, i.seg, ea(c, i), <u32>i.osz + 2, a)
    if p == NULL:
        return miss(c, i)
    return landed(c, i, far_jump(c, (<u16 *>(p + i.osz))[0], far_offset(p, i.osz), i.osz, end_rip(c, i)))


cdef Insn *callf_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p = rd_at(c, i.seg, ea(c, i), <u32>i.osz + 2, a)
    if p == NULL:
        return miss(c, i)
    return landed(c, i, far_call(c, (<u16 *>(p + i.osz))[0], far_offset(p, i.osz), i.osz, end_rip(c, i)))


cdef Insn *retf(CPU *c, Insn *i) noexcept nogil:
    return landed(c, i, far_return(c, i.osz, 0))


cdef Insn *retf_i(CPU *c, Insn *i) noexcept nogil:
    return landed(c, i, far_return(c, i.osz, <u16>i.imm))


# ---------------------------------------------------------------- interrupts

cdef Insn *int_i(CPU *c, Insn *i) noexcept nogil:
    return landed(c, i, software_interrupt(c, <u8>i.imm, end_rip(c, i), INT_SOFT, 1))


cdef Insn *int3(CPU *c, Insn *i) noexcept nogil:
    return landed(c, i, software_interrupt(c, EXC_BP, end_rip(c, i), INT_SOFT, 0))


cdef Insn *int1(CPU *c, Insn *i) noexcept nogil:
    return landed(c, i, software_interrupt(c, EXC_DB, end_rip(c, i), INT_ICEBP, 0))


cdef Insn *into(CPU *c, Insn *i) noexcept nogil:
    if not get_of(c):
        return next_insn(c, i)
    return landed(c, i, software_interrupt(c, EXC_OF, end_rip(c, i), INT_SOFT, 0))


cdef Insn *iret(CPU *c, Insn *i) noexcept nogil:
    return landed(c, i, interrupt_return(c, i.osz, end_rip(c, i)))


cdef Insn *ud(CPU *c, Insn *i) noexcept nogil:
    return fault(c, i, EXC_UD, 0)


cdef Insn *nm(CPU *c, Insn *i) noexcept nogil:
    return fault(c, i, EXC_NM, 0)


cdef Insn *gp(CPU *c, Insn *i) noexcept nogil:
    return fault(c, i, EXC_GP, 0)


# ---------------------------------------------------------------- SYSENTER, SYSCALL

cdef inline bint is_amd(CPU *c) noexcept nogil:
    """AMD's processors have no SYSENTER in long mode, and SYSCALL outside 64-bit code."""
    return c.model != NULL and (<const Model *>c.model).vendor[0] == c'A'


cdef void flat_pair(CPU *c, u16 cs, u16 ss, u32 cpl, bint wide) noexcept nogil:
    """CS and SS of a fast system call: flat, present, at level cpl; a 64-bit CS if `wide`."""
    cdef u32 common = SEG_P | SEG_S | SEG_G | cpl << 5
    set_cpl(c, cpl)
    if wide and (c.mode & MODE_SIZE) == MODE_64 and not c.ac_on:
        # 64-bit code on both sides: bases and limits stay what they are
        c.s.seg_sel[CS] = cs
        c.s.seg_sel[SS] = ss
        c.s.seg_attr[CS] = common | CODE_ACCESSED | SEG_L
        c.s.seg_attr[SS] = common | DATA_ACCESSED | SEG_DB
        c.s.seg_kept[CS] = c.s.seg_kept[SS] = 0
        c.s.seg_limit[CS] = c.s.seg_limit[SS] = <u32>0xFFFFFFFF
        return
    if (c.mode & (MODE_PE | MODE_LMA)) == MODE_PE and not c.ac_on and not c.s.eflags & F_VM:
        # system calls are hot: what set_flat would derive is known here
        c.s.seg_sel[CS] = cs
        c.s.seg_sel[SS] = ss
        c.s.seg_attr[CS] = common | CODE_ACCESSED | SEG_DB
        c.s.seg_attr[SS] = common | DATA_ACCESSED | SEG_DB
        c.s.seg_base[CS] = c.s.seg_base[SS] = 0
        c.s.seg_limit[CS] = c.s.seg_limit[SS] = <u32>0xFFFFFFFF
        c.s.seg_rend[CS] = c.s.seg_rend[SS] = c.s.seg_wend[SS] = <u64>1 << 32
        c.s.seg_wend[CS] = 0
        c.s.ss_mask = <u64>0xFFFFFFFF
        c.mode = c.mode & ~<u32>(MODE_SIZE | MODE_LIMIT) | MODE_32
        return
    set_flat(c, CS, cs, common | CODE_ACCESSED | (SEG_L if wide else SEG_DB))
    set_flat(c, SS, ss, common | DATA_ACCESSED | SEG_DB)


cdef int enter_system(CPU *c) noexcept nogil:
    cdef u16 cs = <u16>c.s.sysenter_cs & 0xFFFC
    if long_mode(c) and is_amd(c):
        return fail(c, EXC_UD, 0)
    if not c.s.cr0 & CR0_PE or not cs:
        return fail(c, EXC_GP, 0)
    put_eflags(c, get_eflags(c) & ~<u32>(F_VM | F_IF | F_RF))
    flat_pair(c, cs, cs + 8, 0, long_mode(c))
    c.s.gpr[RSP] = c.s.sysenter_esp if long_mode(c) else <u32>c.s.sysenter_esp
    c.s.gpr[RIP] = c.s.sysenter_eip if long_mode(c) else <u32>c.s.sysenter_eip
    return 1


cdef Insn *sysenter(CPU *c, Insn *i) noexcept nogil:
    return landed(c, i, enter_system(c))


cdef int exit_system(CPU *c, bint wide) noexcept nogil:
    cdef u16 cs = <u16>c.s.sysenter_cs & 0xFFFC
    cdef u64 rip = c.s.gpr[RDX], rsp = c.s.gpr[RCX]
    if long_mode(c) and is_amd(c):
        return fail(c, EXC_UD, 0)
    if not c.s.cr0 & CR0_PE or c.s.cpl or not cs:
        return fail(c, EXC_GP, 0)
    if wide:
        if not canonical(rip) or not canonical(rsp):
            return fail(c, EXC_GP, 0)
        cs += 16
    flat_pair(c, (cs + 16) | 3, (cs + 24) | 3, 3, wide)
    c.s.gpr[RSP] = rsp if wide else <u32>rsp
    c.s.gpr[RIP] = rip if wide else <u32>rip
    return 1


cdef Insn *sysexit(CPU *c, Insn *i) noexcept nogil:
    return landed(c, i, exit_system(c, i.osz == 8))


cdef int call_system(CPU *c, u64 rip) noexcept nogil:
    """SYSCALL: the long-mode forms, and AMD's legacy one."""
    cdef u16 cs = <u16>(c.s.star >> 32) & 0xFFFC
    cdef u32 f = get_eflags(c)
    cdef bint wide = code64(c), lma = long_mode(c)
    if not c.s.efer & EFER_SCE or not c.s.cr0 & CR0_PE or not wide and not is_amd(c):
        return fail(c, EXC_UD, 0)
    c.s.gpr[RCX] = rip
    if lma:
        c.s.gpr[11] = f & ~<u32>F_RF
        put_eflags(c, f & ~<u32>c.s.sfmask & ~<u32>(F_RF | F_VM))
        rip = c.s.lstar if wide else c.s.cstar
    else:
        put_eflags(c, f & ~<u32>(F_VM | F_IF | F_RF))
        rip = <u32>c.s.star
    flat_pair(c, cs, <u16>(c.s.star >> 32) + 8, 0, lma)
    c.s.gpr[RIP] = rip
    c.delivered = not c.s.eflags & F_TF     # it is the TF SYSCALL leaves that makes it trap
    return 1


cdef Insn *syscall(CPU *c, Insn *i) noexcept nogil:
    return landed(c, i, call_system(c, end_rip(c, i)))


cdef int return_system(CPU *c, bint wide) noexcept nogil:
    """SYSRET."""
    cdef u16 cs = <u16>(c.s.star >> 48) & 0xFFFC
    cdef u64 rip = c.s.gpr[RCX]
    if not c.s.efer & EFER_SCE or not c.s.cr0 & CR0_PE or not code64(c) and not is_amd(c):
        return fail(c, EXC_UD, 0)
    if c.s.cpl or wide and not canonical(rip):
        return fail(c, EXC_GP, 0)
    if long_mode(c):
        put_eflags(c, <u32>c.s.gpr[11] & 0x3C7FD7)
    else:
        put_eflags(c, get_eflags(c) | F_IF)
    flat_pair(c, (cs + (16 if wide else 0)) | 3, (cs + 8) | 3, 3, wide)
    c.s.gpr[RIP] = rip if wide else <u32>rip
    if c.s.eflags & F_TF:
        c.exc_dr6 |= DR6_BS     # traps at once, unlike IRET
    return 1


cdef Insn *sysret(CPU *c, Insn *i) noexcept nogil:
    return landed(c, i, return_system(c, i.osz == 8))


cdef Insn *swapgs(CPU *c, Insn *i) noexcept nogil:
    cdef u64 t
    if not code64(c):
        return fault(c, i, EXC_UD, 0)
    if c.s.cpl:
        return fault(c, i, EXC_GP, 0)
    t = c.s.seg_base[GS]
    c.s.seg_base[GS] = c.s.kernel_gs_base
    c.s.kernel_gs_base = t
    return next_insn(c, i)


# ---------------------------------------------------------------- registration

cdef int any_size(Registry r, str name, handler_t fast, handler_t slow) except -1:
    """For handlers that look at Insn.osz themselves."""
    for size in (0, 1, 2, 4, 8):
        r.add(name, size, fast, slow)
    return 0


cdef int register(Registry r) except -1:
    any_size(r, "mov_sr", <handler_t>mov_sr, <handler_t>mov_sr)
    any_size(r, "mov_sm", <handler_t>mov_sm[fast_t], <handler_t>mov_sm[slow_t])
    any_size(r, "mov_ms", <handler_t>mov_ms[fast_t], <handler_t>mov_ms[slow_t])
    r.add("mov_rs", 2, <handler_t>mov_rs[u16], <handler_t>mov_rs[u16])
    r.add("mov_rs", 4, <handler_t>mov_rs[u32], <handler_t>mov_rs[u32])
    r.add("mov_rs", 8, <handler_t>mov_rs[u64], <handler_t>mov_rs[u64])
    r.add("push_s", 2, <handler_t>push_s[u16, fast_t], <handler_t>push_s[u16, slow_t])
    r.add("push_s", 4, <handler_t>push_s[u32, fast_t], <handler_t>push_s[u32, slow_t])
    r.add("push_s", 8, <handler_t>push_s[u64, fast_t], <handler_t>push_s[u64, slow_t])
    r.add("pop_s", 2, <handler_t>pop_s[u16, fast_t], <handler_t>pop_s[u16, slow_t])
    r.add("pop_s", 4, <handler_t>pop_s[u32, fast_t], <handler_t>pop_s[u32, slow_t])
    r.add("pop_s", 8, <handler_t>pop_s[u64, fast_t], <handler_t>pop_s[u64, slow_t])
    r.add("lseg_rm", 2, <handler_t>lseg_rm[u16, fast_t], <handler_t>lseg_rm[u16, slow_t])
    r.add("lseg_rm", 4, <handler_t>lseg_rm[u32, fast_t], <handler_t>lseg_rm[u32, slow_t])
    r.add("lseg_rm", 8, <handler_t>lseg_rm[u64, fast_t], <handler_t>lseg_rm[u64, slow_t])
    any_size(r, "jmpf_p", <handler_t>jmpf_p, <handler_t>jmpf_p)
    any_size(r, "callf_p", <handler_t>callf_p, <handler_t>callf_p)
    any_size(r, "jmpf_m", <handler_t>jmpf_m[fast_t], <handler_t>jmpf_m[slow_t])
    any_size(r, "callf_m", <handler_t>callf_m[fast_t], <handler_t>callf_m[slow_t])
    any_size(r, "retf", <handler_t>retf, <handler_t>retf)
    any_size(r, "retf_i", <handler_t>retf_i, <handler_t>retf_i)
    any_size(r, "int_i", <handler_t>int_i, <handler_t>int_i)
    any_size(r, "int3", <handler_t>int3, <handler_t>int3)
    any_size(r, "int1", <handler_t>int1, <handler_t>int1)
    any_size(r, "into", <handler_t>into, <handler_t>into)
    any_size(r, "iret", <handler_t>iret, <handler_t>iret)
    any_size(r, "ud", <handler_t>ud, <handler_t>ud)
    any_size(r, "nm", <handler_t>nm, <handler_t>nm)
    any_size(r, "gp", <handler_t>gp, <handler_t>gp)
    any_size(r, "sysenter", <handler_t>sysenter, <handler_t>sysenter)
    any_size(r, "sysexit", <handler_t>sysexit, <handler_t>sysexit)
    any_size(r, "syscall", <handler_t>syscall, <handler_t>syscall)
    any_size(r, "sysret", <handler_t>sysret, <handler_t>sysret)
    any_size(r, "swapgs", <handler_t>swapgs, <handler_t>swapgs)
    return 0
