"""Gates, stack switches and IRET of IA-32e mode.

Spec: SDM 3A 5.8.3.1 (64-bit call gates), 5.8.5.1 (stack switching), 6.14 (exception and interrupt handling in 64-bit
mode), 7.7 (task management in 64-bit mode); SDM 2A "IRET".
The same order of work as in cpu/interrupt.pyx: all that can fault comes before the first register changes.
"""
from emu_core_pyx.types cimport u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport (
    CS, EXC_GP, EXC_NP, EXC_TS, F_AC, F_IF, F_IOPL, F_NT, F_RF, F_TF, F_VIF, F_VIP, F_VM, RIP, RSP, SEG_CODE, SEG_DB,
    SEG_DPL, SEG_DPL_SHIFT, SEG_EC, SEG_L, SEG_P, SEG_S, SS, TR,
)
from emu_core_pyx.cpu.flags cimport get_eflags, put_eflags
from emu_core_pyx.cpu.segment cimport (
    Descriptor, drop_privileged, mark_accessed, mode_refresh, read_descriptor, set_cpl, set_null, set_segment,
)
from emu_core_pyx.cpu.stack cimport Stack, set_sp, stack_current, stack_get, stack_put, stack_who
from emu_core_pyx.cpu.sysmem cimport canonical, code64, fail, sys_read
from emu_core_pyx.cpu.task cimport DONE, FAULTED
from emu_core_pyx.cpu.transfer cimport return_code, return_stack, within

cdef enum:
    IMAGE = 0x257FD5        # RFLAGS bits IRET may load: all but VM, VIF, VIP
    TSS_RSP0 = 4
    TSS_IST1 = 36
    G_INT64 = 14
    G_TRAP64 = 15

cdef extern from *:
    """
    #define EMU_GATE_TYPE 0x00001F0000000000ull
    """
    const u64 GATE_TYPE "EMU_GATE_TYPE"


cdef inline u32 dpl_of(Descriptor *d) noexcept nogil:
    return (d.attr & SEG_DPL) >> SEG_DPL_SHIFT


cdef void stack_flat(CPU *c, Stack *st, u64 sp, u32 cpl) noexcept nogil:
    """A 64-bit stack, without a segment that would matter."""
    st.base = 0
    st.mask = ~<u64>0
    st.sp = sp
    st.limit = 0
    st.attr = 0
    st.real = 0
    st.wide = 1
    st.who = stack_who(c, cpl)


cdef bint tss_stack(CPU *c, u32 off, u32 ext, u64 *sp) noexcept nogil:
    """RSPn or ISTn of the TSS; 0 = #TS or #PF noted."""
    if off + 7 > c.s.seg_limit[TR]:
        return fail(c, EXC_TS, c.s.seg_sel[TR] & 0xFFFC | ext)
    return sys_read(c, c.s.seg_base[TR] + off, sp, 8)


cdef bint gate_code(CPU *c, u16 sel, u32 ext, Descriptor *d) noexcept nogil:
    """The 64-bit code segment a gate leads to; 0 = fault noted."""
    cdef u32 err = sel & 0xFFFC | ext
    if not sel & 0xFFFC:
        return fail(c, EXC_GP, ext)
    if not read_descriptor(c, sel, d, EXC_GP, ext):
        return 0
    if (d.attr & (SEG_S | SEG_CODE)) != (SEG_S | SEG_CODE) or dpl_of(d) > c.s.cpl:
        return fail(c, EXC_GP, err)
    if (d.attr & (SEG_L | SEG_DB)) != SEG_L:
        return fail(c, EXC_GP, err)
    if not d.attr & SEG_P:
        return fail(c, EXC_NP, err)
    return 1


cdef int long_interrupt(CPU *c, u32 vector, bint soft, bint has_err, u32 err, u64 rip, u32 image) noexcept nogil:
    cdef Descriptor d
    cdef Stack st
    cdef u64 gate[2]
    cdef u64 off, sp = c.s.gpr[RSP], v[6]
    cdef u32 ext = 0 if soft else 1, idt_err = vector * 8 + 2 + ext, type, level, ist, n = 0, flags
    cdef u16 sel
    cdef bint inner
    if vector * 16 + 15 > c.s.idt_limit:
        return fail(c, EXC_GP, idt_err)
    if not sys_read(c, c.s.idt_base + vector * 16, gate, 16):
        return FAULTED
    type = <u32>(gate[0] >> 40) & 0x1F
    if type != G_INT64 and type != G_TRAP64 or gate[1] & GATE_TYPE:
        return fail(c, EXC_GP, idt_err)
    if soft and <u32>(gate[0] >> 45 & 3) < c.s.cpl:
        return fail(c, EXC_GP, idt_err)
    if not gate[0] >> 47 & 1:
        return fail(c, EXC_NP, idt_err)
    sel = <u16>(gate[0] >> 16)
    off = gate[0] & 0xFFFF | (gate[0] >> 48) << 16 | gate[1] << 32
    ist = <u32>(gate[0] >> 32) & 7
    if not gate_code(c, sel, ext, &d):
        return FAULTED
    inner = not d.attr & SEG_EC and dpl_of(&d) < c.s.cpl
    level = dpl_of(&d) if inner else c.s.cpl
    if ist:
        if not tss_stack(c, TSS_IST1 + (ist - 1) * 8, ext, &sp):
            return FAULTED
    elif inner:
        if not tss_stack(c, TSS_RSP0 + level * 8, ext, &sp):
            return FAULTED
    if has_err:
        v[0] = err
        n = 1
    v[n] = rip
    v[n + 1] = c.s.seg_sel[CS]
    v[n + 2] = image
    v[n + 3] = c.s.gpr[RSP]
    v[n + 4] = c.s.seg_sel[SS]
    stack_flat(c, &st, sp & ~<u64>15, level)
    if not mark_accessed(c, &d) or not stack_put(c, &st, v, n + 5, 8, ext):
        return FAULTED
    if not canonical(off):
        return fail(c, EXC_GP, ext)
    # commit
    flags = get_eflags(c) & ~<u32>(F_TF | F_VM | F_RF | F_NT)
    if type == G_INT64:
        flags &= ~<u32>F_IF
    put_eflags(c, flags)
    if inner:
        set_cpl(c, level)
        set_null(c, SS, <u16>level)
    c.s.gpr[RSP] = st.sp
    set_segment(c, CS, (sel & 0xFFFC) | level, &d)
    c.s.gpr[RIP] = off
    return DONE


cdef int long_return(CPU *c, u32 size) noexcept nogil:
    """64-bit code pops SS:RSP whatever the privilege, compatibility mode only on a return outwards."""
    cdef Stack st
    cdef Descriptor d, ssd
    cdef u64 v[5]
    cdef u32 mask = IMAGE & ~<u32>(F_IF | F_IOPL), cpl, f
    cdef u16 sel
    cdef bint full = code64(c), outer
    stack_current(c, &st)
    if not stack_get(c, &st, v, 5 if full else 3, size, 0):
        return FAULTED
    sel = <u16>v[1]
    if not return_code(c, sel, &d):
        return FAULTED
    cpl = sel & 3
    outer = cpl != c.s.cpl
    if outer and not full:
        if not stack_get(c, &st, &v[3], 2, size, 0):
            return FAULTED
        full = 1
    ssd.attr = 0
    if full:
        if not v[4] & 0xFFFC and d.attr & SEG_L and cpl != 3:
            if <u32>(v[4] & 3) != cpl:
                return fail(c, EXC_GP, 0)
        elif not return_stack(c, <u16>v[4], cpl, &ssd):
            return FAULTED
    if not within(c, &d, v[0]):
        return fail(c, EXC_GP, 0)
    if ssd.attr and not mark_accessed(c, &ssd) or not mark_accessed(c, &d):
        return FAULTED
    if c.s.cpl <= (c.s.eflags & F_IOPL) >> 12:
        mask |= F_IF
    if c.s.cpl == 0:
        mask |= F_IOPL | F_VIF | F_VIP
    if size == 2:
        mask &= 0xFFFF
    f = <u32>v[2]
    if not c.s.dr[7] & 0xFF:
        f &= ~<u32>F_RF
    f = get_eflags(c) & ~mask | f & mask
    flags_loaded(c, f)
    if outer:
        set_cpl(c, cpl)
    set_segment(c, CS, sel, &d)
    c.s.gpr[RIP] = v[0]
    if not full:
        set_sp(c, st.mask, st.sp)
        return DONE
    if ssd.attr:
        set_segment(c, SS, <u16>v[4], &ssd)
    else:
        set_null(c, SS, <u16>v[4])
    set_sp(c, c.s.ss_mask, v[3])
    if outer:
        drop_privileged(c)
    return DONE


cdef inline void flags_loaded(CPU *c, u32 f) noexcept nogil:
    cdef u32 changed = f ^ c.s.eflags
    put_eflags(c, f)
    if changed & F_AC:
        mode_refresh(c)


cdef int long_gate(CPU *c, Descriptor *gate, bint call, u64 rip) noexcept nogil:
    cdef Descriptor d
    cdef Stack st
    cdef u64 off = gate.raw & 0xFFFF | (gate.raw >> 48) << 16 | gate.raw_hi << 32, sp = 0, v[4]
    cdef u16 sel = <u16>(gate.raw >> 16)
    cdef u32 level = c.s.cpl
    cdef bint ok
    if not gate_code(c, sel, 0, &d):
        return FAULTED
    if not d.attr & SEG_EC and dpl_of(&d) != c.s.cpl:
        if not call:
            return fail(c, EXC_GP, sel & 0xFFFC)
        level = dpl_of(&d)
    if not canonical(off):
        return fail(c, EXC_GP, 0)
    if not call:
        if not mark_accessed(c, &d):
            return FAULTED
    else:
        v[0] = rip
        v[1] = c.s.seg_sel[CS]
        v[2] = c.s.gpr[RSP]
        v[3] = c.s.seg_sel[SS]
        if level == c.s.cpl:
            stack_current(c, &st)
            ok = mark_accessed(c, &d) and stack_put(c, &st, v, 2, 8, 0)
        else:
            if not tss_stack(c, TSS_RSP0 + level * 8, 0, &sp):
                return FAULTED
            stack_flat(c, &st, sp, level)
            ok = mark_accessed(c, &d) and stack_put(c, &st, v, 4, 8, 0)
        if not ok:
            return FAULTED
        if level != c.s.cpl:
            set_cpl(c, level)
            set_null(c, SS, <u16>level)
        set_sp(c, st.mask, st.sp)
    set_segment(c, CS, (sel & 0xFFFC) | level, &d)
    c.s.gpr[RIP] = off
    return DONE
