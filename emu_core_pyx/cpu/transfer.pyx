"""Far transfers of control: direct, through call gates, task gates and TSSs, and back.

Spec: SDM 2A "CALL", "JMP", "RET"; SDM 3A 5.8 (privilege checking when transferring control), 7.3 (task switching).
64-bit call gates are in cpu/ia32e.pyx.
"""
from emu_core_pyx.types cimport u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport (
    CR0_PE, CS, EXC_GP, EXC_NP, EXC_SS, F_VM, RIP, SEG_CODE, SEG_DB, SEG_DPL, SEG_DPL_SHIFT, SEG_EC, SEG_L, SEG_P, SEG_RW,
    SEG_S, SEG_TYPE, RSP, SS,
)
from emu_core_pyx.cpu.flags cimport get_eflags
from emu_core_pyx.cpu.ia32e cimport long_gate
from emu_core_pyx.cpu.segment cimport (
    Descriptor, drop_privileged, load_seg_real, mark_accessed, read_descriptor, set_cpl, set_null, set_segment,
)
from emu_core_pyx.cpu.stack cimport Stack, inner_stack, set_sp, stack_current, stack_get, stack_put
from emu_core_pyx.cpu.sysmem cimport canonical, fail, long_mode
from emu_core_pyx.cpu.task cimport DONE, FAULTED, TASK_CALL, TASK_JMP, task_switch

cdef enum:  # system descriptor types (SDM 3A table 3-2)
    T_TSS16 = 1
    T_CALL16 = 4
    T_TASK = 5
    T_TSS32 = 9
    T_CALL32 = 12


cdef inline u32 dpl_of(Descriptor *d) noexcept nogil:
    return (d.attr & SEG_DPL) >> SEG_DPL_SHIFT


cdef inline bint is_code(Descriptor *d) noexcept nogil:
    return (d.attr & (SEG_S | SEG_CODE)) == (SEG_S | SEG_CODE)


cdef inline bint both_sizes(CPU *c, Descriptor *d) noexcept nogil:
    """L and D of a code segment together are reserved in IA-32e mode."""
    return long_mode(c) and (d.attr & (SEG_L | SEG_DB)) == (SEG_L | SEG_DB)


cdef bint within(CPU *c, Descriptor *cs, u64 off) noexcept nogil:
    if long_mode(c) and cs.attr & SEG_L:
        return canonical(off)
    return off <= cs.limit


cdef inline u64 trim(u64 off, u32 size) noexcept nogil:
    return off & 0xFFFF if size == 2 else off & <u64>0xFFFFFFFF if size == 4 else off


cdef int real_jump(CPU *c, u16 sel, u64 off) noexcept nogil:
    if off > c.s.seg_limit[CS]:
        return fail(c, EXC_GP, 0)
    load_seg_real(c, CS, sel)
    c.s.gpr[RIP] = off
    return DONE


cdef int to_code(CPU *c, u16 sel, Descriptor *d, u64 off) noexcept nogil:
    """Commit to CS:off at the present CPL; the accessed bit is set already."""
    set_segment(c, CS, (sel & 0xFFFC) | c.s.cpl, d)
    c.s.gpr[RIP] = off
    return DONE


cdef bint direct_code(CPU *c, u16 sel, Descriptor *d, u64 off) noexcept nogil:
    """Checks of a far JMP or CALL to a code segment, no gate."""
    cdef u32 err = sel & 0xFFFC
    if both_sizes(c, d):
        return fail(c, EXC_GP, err)
    if d.attr & SEG_EC:
        if dpl_of(d) > c.s.cpl:
            return fail(c, EXC_GP, err)
    elif <u32>(sel & 3) > c.s.cpl or dpl_of(d) != c.s.cpl:
        return fail(c, EXC_GP, err)
    if not d.attr & SEG_P:
        return fail(c, EXC_NP, err)
    if not within(c, d, off):
        return fail(c, EXC_GP, 0)
    return mark_accessed(c, d)


cdef int through_task_gate(CPU *c, u16 tss, u32 why, u64 rip, u32 flags, u32 ext) noexcept nogil:
    cdef Descriptor d
    cdef u32 err = tss & 0xFFFC | ext
    if tss & 4 or not tss & 0xFFFC:
        return fail(c, EXC_GP, err)
    if not read_descriptor(c, tss, &d, EXC_GP, ext):
        return FAULTED
    if (d.attr & (SEG_S | SEG_TYPE)) != T_TSS16 and (d.attr & (SEG_S | SEG_TYPE)) != T_TSS32:
        return fail(c, EXC_GP, err)
    if not d.attr & SEG_P:
        return fail(c, EXC_NP, err)
    return task_switch(c, tss, &d, why, rip, flags, ext)


cdef int system_target(CPU *c, u16 sel, Descriptor *d, bint call, u64 rip) noexcept nogil:
    """A far JMP or CALL whose selector names a TSS or a gate."""
    cdef u32 err = sel & 0xFFFC, type = d.attr & SEG_TYPE
    if dpl_of(d) < c.s.cpl or dpl_of(d) < <u32>(sel & 3):
        return fail(c, EXC_GP, err)
    if type == T_CALL16 or type == T_CALL32:
        if long_mode(c):
            if type == T_CALL16 or d.raw_hi >> 40 & 0x1F:
                return fail(c, EXC_GP, err)
            if not d.attr & SEG_P:
                return fail(c, EXC_NP, err)
            return long_gate(c, d, call, rip)
        if not d.attr & SEG_P:
            return fail(c, EXC_NP, err)
        return call_gate(c, d, call, rip)
    if long_mode(c):
        return fail(c, EXC_GP, err)
    if type == T_TASK:
        if not d.attr & SEG_P:
            return fail(c, EXC_NP, err)
        return through_task_gate(c, <u16>(d.raw >> 16), TASK_CALL if call else TASK_JMP, rip, get_eflags(c), 0)
    if type == T_TSS16 or type == T_TSS32:
        if sel & 4:
            return fail(c, EXC_GP, err)
        if not d.attr & SEG_P:
            return fail(c, EXC_NP, err)
        return task_switch(c, sel, d, TASK_CALL if call else TASK_JMP, rip, get_eflags(c), 0)
    return fail(c, EXC_GP, err)


cdef int call_gate(CPU *c, Descriptor *gate, bint call, u64 rip) noexcept nogil:
    cdef Descriptor d
    cdef u16 sel = <u16>(gate.raw >> 16)
    cdef u32 err = sel & 0xFFFC
    cdef u32 size = 4 if gate.attr & 8 else 2
    cdef u64 off = trim(gate.raw & 0xFFFF | gate.raw >> 48 << 16, size)
    if not err:
        return fail(c, EXC_GP, 0)
    if not read_descriptor(c, sel, &d, EXC_GP, 0):
        return FAULTED
    if not is_code(&d) or dpl_of(&d) > c.s.cpl:
        return fail(c, EXC_GP, err)
    if not call and not d.attr & SEG_EC and dpl_of(&d) != c.s.cpl:
        return fail(c, EXC_GP, err)
    if not d.attr & SEG_P:
        return fail(c, EXC_NP, err)
    if call and not d.attr & SEG_EC and dpl_of(&d) < c.s.cpl:
        return call_inner(c, sel, &d, off, size, <u32>(gate.raw >> 32) & 31, rip)
    if not within(c, &d, off):
        return fail(c, EXC_GP, 0)
    if not mark_accessed(c, &d):
        return FAULTED
    if call and not push_return(c, size, rip):
        return FAULTED
    return to_code(c, sel, &d, off)


cdef bint push_return(CPU *c, u32 size, u64 rip) noexcept nogil:
    """CS:IP onto the current stack."""
    cdef Stack st
    cdef u64 v[2]
    stack_current(c, &st)
    v[0] = rip
    v[1] = c.s.seg_sel[CS]
    if not stack_put(c, &st, v, 2, size, 0):
        return 0
    set_sp(c, st.mask, st.sp)
    return 1


cdef int call_inner(CPU *c, u16 sel, Descriptor *d, u64 off, u32 size, u32 count, u64 rip) noexcept nogil:
    """Call gate to a more privileged level: stack switch and parameter copy (SDM 3A 5.8.5)."""
    cdef Stack old, st
    cdef Descriptor ssd
    cdef u64 v[36]
    cdef u16 ss = 0
    cdef u32 level = dpl_of(d), err
    stack_current(c, &old)
    if not inner_stack(c, level, 0, &st, &ss, &ssd):
        return FAULTED
    err = ss & 0xFFFC
    v[0] = rip
    v[1] = c.s.seg_sel[CS]
    v[2 + count] = c.s.gpr[RSP]
    v[3 + count] = c.s.seg_sel[SS]
    if count and not stack_get(c, &old, &v[2], count, size, 0):
        return FAULTED
    if not within(c, d, off):
        return fail(c, EXC_GP, 0)
    if (not mark_accessed(c, d) or not mark_accessed(c, &ssd)
            or not stack_put(c, &st, v, 4 + count, size, err)):
        return FAULTED
    set_cpl(c, level)
    set_segment(c, SS, ss, &ssd)
    set_sp(c, st.mask, st.sp)
    return to_code(c, sel, d, off)


cdef int far_jump(CPU *c, u16 sel, u64 off, u32 size, u64 rip) noexcept nogil:
    cdef Descriptor d
    if not (c.s.cr0 & CR0_PE) or c.s.eflags & F_VM:
        return real_jump(c, sel, trim(off, size))
    if not sel & 0xFFFC:
        return fail(c, EXC_GP, 0)
    if not read_descriptor(c, sel, &d, EXC_GP, 0):
        return FAULTED
    if not d.attr & SEG_S:
        return system_target(c, sel, &d, 0, rip)
    if not is_code(&d):
        return fail(c, EXC_GP, sel & 0xFFFC)
    if not direct_code(c, sel, &d, trim(off, size)):
        return FAULTED
    return to_code(c, sel, &d, trim(off, size))


cdef int far_call(CPU *c, u16 sel, u64 off, u32 size, u64 rip) noexcept nogil:
    cdef Descriptor d
    off = trim(off, size)
    if not (c.s.cr0 & CR0_PE) or c.s.eflags & F_VM:
        if off > c.s.seg_limit[CS]:
            return fail(c, EXC_GP, 0)
        if not push_return(c, size, rip):
            return FAULTED
        return real_jump(c, sel, off)
    if not sel & 0xFFFC:
        return fail(c, EXC_GP, 0)
    if not read_descriptor(c, sel, &d, EXC_GP, 0):
        return FAULTED
    if not d.attr & SEG_S:
        return system_target(c, sel, &d, 1, rip)
    if not is_code(&d):
        return fail(c, EXC_GP, sel & 0xFFFC)
    if not direct_code(c, sel, &d, off) or not push_return(c, size, rip):
        return FAULTED
    return to_code(c, sel, &d, off)


cdef bint return_code(CPU *c, u16 sel, Descriptor *d) noexcept nogil:
    cdef u32 err = sel & 0xFFFC, rpl = sel & 3
    if not err:
        return fail(c, EXC_GP, 0)
    if not read_descriptor(c, sel, d, EXC_GP, 0):
        return 0
    if not is_code(d) or rpl < c.s.cpl or both_sizes(c, d):
        return fail(c, EXC_GP, err)
    if dpl_of(d) > rpl or not d.attr & SEG_EC and dpl_of(d) != rpl:
        return fail(c, EXC_GP, err)
    if not d.attr & SEG_P:
        return fail(c, EXC_NP, err)
    return 1


cdef bint return_stack(CPU *c, u16 sel, u32 cpl, Descriptor *d) noexcept nogil:
    cdef u32 err = sel & 0xFFFC
    if not err:
        return fail(c, EXC_GP, 0)
    if not read_descriptor(c, sel, d, EXC_GP, 0):
        return 0
    if (<u32>(sel & 3) != cpl or dpl_of(d) != cpl
            or (d.attr & (SEG_S | SEG_CODE | SEG_RW)) != (SEG_S | SEG_RW)):
        return fail(c, EXC_GP, err)
    if not d.attr & SEG_P:
        return fail(c, EXC_SS, err)
    return 1


cdef int far_return(CPU *c, u32 size, u32 extra) noexcept nogil:
    cdef Stack st
    cdef Descriptor d, ssd
    cdef u64 v[4]
    cdef u16 sel, ss
    cdef u32 cpl
    stack_current(c, &st)
    if not stack_get(c, &st, v, 2, size, 0):
        return FAULTED
    sel = <u16>v[1]
    if not (c.s.cr0 & CR0_PE) or c.s.eflags & F_VM:
        if v[0] > c.s.seg_limit[CS]:
            return fail(c, EXC_GP, 0)
        set_sp(c, st.mask, st.sp + extra)
        return real_jump(c, sel, v[0])
    if not return_code(c, sel, &d):
        return FAULTED
    cpl = sel & 3
    if cpl == c.s.cpl:
        if not within(c, &d, v[0]):
            return fail(c, EXC_GP, 0)
        if not mark_accessed(c, &d):
            return FAULTED
        set_sp(c, st.mask, st.sp + extra)
        set_segment(c, CS, sel, &d)
        c.s.gpr[RIP] = v[0]
        return DONE
    st.sp += extra
    if not stack_get(c, &st, &v[2], 2, size, 0):
        return FAULTED
    ss = <u16>v[3]
    ssd.attr = 0
    if not ss & 0xFFFC and long_mode(c) and d.attr & SEG_L and cpl != 3:
        pass        # 64-bit code below ring 3 may run with a null SS
    elif not return_stack(c, ss, cpl, &ssd):
        return FAULTED
    if not within(c, &d, v[0]):
        return fail(c, EXC_GP, 0)
    if not mark_accessed(c, &d) or ssd.attr and not mark_accessed(c, &ssd):
        return FAULTED
    set_cpl(c, cpl)
    set_segment(c, CS, sel, &d)
    c.s.gpr[RIP] = v[0]
    if ssd.attr:
        set_segment(c, SS, ss, &ssd)
    else:
        set_null(c, SS, ss)
    set_sp(c, c.s.ss_mask, v[2] + extra)
    drop_privileged(c)
    return DONE
