"""Hardware task switching (SDM 3A ch. 7, "Task Management"; 6.15 for the error codes of #TS).

Everything that can fault in the old task comes first (probes), then the state is saved, then the new registers are
loaded; segment faults after that belong to the new task (SDM 3A 7.3, table 7-1).
"""
from emu_core_pyx.types cimport u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport (
    CR0_PG_SHIFT, CR0_TS, CR4_PAE, CS, ES, EV_BREAK, EXC_GP, EXC_NP, EXC_SS, EXC_TS, F_NT, F_RF, F_VM, GS, LDTR, RAX,
    RIP, SEG_CODE, SEG_DPL, SEG_DPL_SHIFT, SEG_EC, SEG_NULL, SEG_P, SEG_RW, SEG_S, SEG_TYPE, SS, TR,
)
from emu_core_pyx.cpu.flags cimport put_eflags
from emu_core_pyx.cpu.control cimport DR6_BT
from emu_core_pyx.cpu.segment cimport (
    Descriptor, install_segment, load_seg_real, mark_busy, mode_refresh, read_descriptor, seg_refresh, set_cpl,
    set_segment,
)
from emu_core_pyx.cpu.sysmem cimport fail, lin_wrap, sys_read, sys_write
from emu_core_pyx.mmu.core cimport load_pdptes, mmu_cr3_loaded, mmu_flush_all
from emu_core_pyx.mmu.slow cimport AS_SYSTEM, lin_probe_write

cdef struct Tss32:      # SDM 3A figure 7-2; 104 bytes
    u16 link
    u16 link_r
    u32 stacks[6]
    u32 cr3
    u32 eip
    u32 eflags
    u32 gpr[8]
    u16 seg[12]         # ES CS SS DS FS GS, each followed by a reserved word
    u16 ldt
    u16 ldt_r
    u16 trap
    u16 iomap

cdef struct Tss16:      # figure 7-10; 44 bytes
    u16 link
    u16 stacks[6]
    u16 ip
    u16 flags
    u16 gpr[8]
    u16 seg[4]          # ES CS SS DS
    u16 ldt

cdef enum:
    TSS32_EIP = 0x20    # first and last byte a switch saves
    TSS32_END = 0x60
    TSS16_IP = 0x0E
    TSS16_END = 0x2A


cdef bint save_old(CPU *c, u64 rip, u32 flags) noexcept nogil:
    """Registers into the current TSS; already probed."""
    cdef Tss32 t
    cdef Tss16 h
    cdef u32 k
    if c.s.seg_attr[TR] & 8:
        t.eip = <u32>rip
        t.eflags = flags
        for k in range(8):
            t.gpr[k] = <u32>c.s.gpr[k]
        for k in range(6):
            t.seg[2 * k] = c.s.seg_sel[k]
            t.seg[2 * k + 1] = 0
        return sys_write(c, c.s.seg_base[TR] + TSS32_EIP, &t.eip, TSS32_END - TSS32_EIP)
    h.ip = <u16>rip
    h.flags = <u16>flags
    for k in range(8):
        h.gpr[k] = <u16>c.s.gpr[k]
    for k in range(4):
        h.seg[k] = c.s.seg_sel[k]
    return sys_write(c, c.s.seg_base[TR] + TSS16_IP, &h.ip, TSS16_END - TSS16_IP)


cdef bint read_new(CPU *c, Descriptor *d, Tss32 *t) noexcept nogil:
    """The incoming TSS in 32-bit form; FS and GS of a 16-bit one are null."""
    cdef Tss16 h
    cdef u32 k
    if d.attr & 8:
        return sys_read(c, d.base, t, sizeof(Tss32))
    if not sys_read(c, d.base, &h, sizeof(Tss16)):
        return 0
    t.link = h.link
    t.eip = h.ip
    t.eflags = h.flags
    for k in range(8):
        t.gpr[k] = <u32>0xFFFF0000 | h.gpr[k]
    for k in range(6):
        t.seg[2 * k] = h.seg[k] if k < 4 else 0
    t.ldt = h.ldt
    t.trap = 0
    return 1


cdef bint load_ldt(CPU *c, u16 sel, u32 ext) noexcept nogil:
    cdef Descriptor d
    if not sel & 0xFFFC:
        return 1
    if sel & 4:
        return fail(c, EXC_TS, sel & 0xFFFC | ext)
    if not read_descriptor(c, sel, &d, EXC_TS, ext):
        return 0
    if (d.attr & (SEG_S | SEG_TYPE)) != 2 or not d.attr & SEG_P:
        return fail(c, EXC_TS, sel & 0xFFFC | ext)
    set_segment(c, LDTR, sel, &d)
    return 1


cdef bint load_task_code(CPU *c, u16 sel, u32 ext) noexcept nogil:
    cdef Descriptor d
    cdef u32 err = sel & 0xFFFC | ext, dpl
    if not sel & 0xFFFC:
        return fail(c, EXC_TS, ext)
    if not read_descriptor(c, sel, &d, EXC_TS, ext):
        return 0
    dpl = (d.attr & SEG_DPL) >> SEG_DPL_SHIFT
    if (d.attr & (SEG_S | SEG_CODE)) != (SEG_S | SEG_CODE):
        return fail(c, EXC_TS, err)
    if dpl > <u32>(sel & 3) or not d.attr & SEG_EC and dpl != <u32>(sel & 3):
        return fail(c, EXC_TS, err)
    if not d.attr & SEG_P:
        return fail(c, EXC_NP, err)
    return install_segment(c, CS, sel, &d)


cdef bint load_task_stack(CPU *c, u16 sel, u32 ext) noexcept nogil:
    cdef Descriptor d
    cdef u32 err = sel & 0xFFFC | ext
    if not sel & 0xFFFC:
        return fail(c, EXC_TS, ext)
    if not read_descriptor(c, sel, &d, EXC_TS, ext):
        return 0
    if ((d.attr & (SEG_S | SEG_CODE | SEG_RW)) != (SEG_S | SEG_RW) or <u32>(sel & 3) != c.s.cpl
            or (d.attr & SEG_DPL) >> SEG_DPL_SHIFT != c.s.cpl):
        return fail(c, EXC_TS, err)
    if not d.attr & SEG_P:
        return fail(c, EXC_SS, err)
    return install_segment(c, SS, sel, &d)


cdef bint load_task_data(CPU *c, u32 s, u16 sel, u32 ext) noexcept nogil:
    cdef Descriptor d
    cdef u32 err = sel & 0xFFFC | ext, dpl
    if not sel & 0xFFFC:
        return 1
    if not read_descriptor(c, sel, &d, EXC_TS, ext):
        return 0
    dpl = (d.attr & SEG_DPL) >> SEG_DPL_SHIFT
    if not d.attr & SEG_S or (d.attr & (SEG_CODE | SEG_RW)) == SEG_CODE:
        return fail(c, EXC_TS, err)
    if (d.attr & (SEG_CODE | SEG_EC)) != (SEG_CODE | SEG_EC) and (dpl < c.s.cpl or dpl < <u32>(sel & 3)):
        return fail(c, EXC_TS, err)
    if not d.attr & SEG_P:
        return fail(c, EXC_NP, err)
    return install_segment(c, s, sel, &d)


cdef bint load_segments(CPU *c, Tss32 *t, u32 ext) noexcept nogil:
    """LDTR and the segment registers, in the new task's context."""
    cdef u32 s
    if not load_ldt(c, t.ldt, ext):
        return 0
    if t.eflags & F_VM:
        return 1
    if not load_task_code(c, t.seg[2 * CS], ext) or not load_task_stack(c, t.seg[2 * SS], ext):
        return 0
    for s in range(ES, GS + 1):
        if s != CS and s != SS and not load_task_data(c, s, t.seg[2 * s], ext):
            return 0
    return 1


cdef bint probe(CPU *c, u16 sel, Descriptor *d, u32 why, u32 ext, u64 *old_lin) noexcept nogil:
    """All accesses of the switch that can fault while it still belongs to the old task."""
    cdef u64 tr = c.s.seg_base[TR]
    cdef u16 link
    if d.limit < (<u32>0x67 if d.attr & 8 else 0x2B):
        return fail(c, EXC_TS, sel & 0xFFFC | ext)
    if c.s.seg_limit[TR] < (<u32>0x5F if c.s.seg_attr[TR] & 8 else 0x29):
        return fail(c, EXC_TS, c.s.seg_sel[TR] & 0xFFFC | ext)
    if c.s.seg_attr[TR] & 8:
        if not lin_probe_write(c, lin_wrap(c, tr + TSS32_EIP), TSS32_END - TSS32_EIP, AS_SYSTEM):
            return 0
    elif not lin_probe_write(c, lin_wrap(c, tr + TSS16_IP), TSS16_END - TSS16_IP, AS_SYSTEM):
        return 0
    if why == TASK_CALL or why == TASK_INT:
        if not sys_read(c, d.base, &link, 2) or not lin_probe_write(c, lin_wrap(c, d.base), 2, AS_SYSTEM):
            return 0
    if why != TASK_IRET and not lin_probe_write(c, lin_wrap(c, d.lin), 8, AS_SYSTEM):
        return 0
    old_lin[0] = c.s.gdt_base + (c.s.seg_sel[TR] & 0xFFF8)
    if why == TASK_JMP or why == TASK_IRET:
        return lin_probe_write(c, lin_wrap(c, old_lin[0]), 8, AS_SYSTEM)
    return 1


cdef int task_switch(CPU *c, u16 sel, Descriptor *d, u32 why, u64 rip, u32 flags, u32 ext) noexcept nogil:
    cdef Tss32 t
    cdef Descriptor old
    cdef u64 cr3
    cdef u32 k, s, image = flags
    cdef u16 link
    if not probe(c, sel, d, why, ext, &old.lin) or not read_new(c, d, &t):
        return FAULTED
    # from here on nothing of the old task can fault
    if why == TASK_IRET:
        image &= ~<u32>F_NT
    if why == TASK_JMP or why == TASK_IRET:
        old.attr = c.s.seg_attr[TR] & 0xFF
        mark_busy(c, &old, 0)
    save_old(c, rip, image)
    if why == TASK_CALL or why == TASK_INT:
        link = c.s.seg_sel[TR]
        sys_write(c, d.base, &link, 2)
        t.eflags |= F_NT
    if why != TASK_IRET:
        mark_busy(c, d, 1)
    set_segment(c, TR, sel, d)
    c.s.cr0 |= CR0_TS
    if d.attr & 8 and c.s.cr0 >> CR0_PG_SHIFT & 1:
        cr3 = t.cr3
        if c.s.cr4 & CR4_PAE and not load_pdptes(c, cr3):
            fail(c, EXC_GP, ext)
        else:
            c.s.cr3 = cr3
            mmu_cr3_loaded(c)
    if not c.s.dr[7] & 0xFF:
        t.eflags &= ~<u32>F_RF
    if c.s.dr[7] & 0x155:       # L0-L3 and LE belong to the old task
        c.s.dr[7] &= ~<u64>0x155
        mmu_flush_all(c)
    put_eflags(c, t.eflags & 0x3F7FD7)
    c.s.gpr[RIP] = t.eip
    for k in range(8):
        c.s.gpr[RAX + k] = t.gpr[k]
    for s in range(ES, GS + 1):
        c.s.seg_sel[s] = t.seg[2 * s]
        c.s.seg_attr[s] = SEG_NULL
        c.s.seg_base[s] = 0
        c.s.seg_limit[s] = 0
    c.s.seg_sel[LDTR] = t.ldt
    c.s.seg_attr[LDTR] = SEG_NULL
    c.s.seg_limit[LDTR] = 0
    c.s.seg_base[LDTR] = 0
    if t.eflags & F_VM:
        set_cpl(c, 3)
        for s in range(ES, GS + 1):
            load_seg_real(c, s, t.seg[2 * s])
    else:
        set_cpl(c, t.seg[2 * CS] & 3)
        for s in range(ES, GS + 1):
            seg_refresh(c, s)
    mode_refresh(c)
    if c.exc >= 0 or not load_segments(c, &t, ext):
        return DONE_FAULTED
    if t.trap & 1:
        c.exc_dr6 |= DR6_BT
        c.s.event |= EV_BREAK
    if t.eip > c.s.seg_limit[CS]:
        fail(c, EXC_GP, ext)
        return DONE_FAULTED
    return DONE
