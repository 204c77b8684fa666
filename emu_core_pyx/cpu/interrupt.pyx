"""Delivery of interrupts and exceptions, and IRET.

Spec: SDM 3A ch. 6 (interrupt and exception handling), ch. 17.3 (#DB, RF), ch. 20 (real mode, V86, VME); SDM 2A "INT n",
"IRET".  IA-32e mode is in cpu/ia32e.pyx; machine checks are never raised.

Everything an event needs is read, checked and pushed before the first register changes, so a nested fault finds the
interrupted state whole.
"""
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport (
    CR0_PE, CR4_VME, CS, DS, ES, EV_STOP, EXC_DB, EXC_DF, EXC_GP, EXC_MC, EXC_NMI, EXC_NONE, EXC_NP, EXC_PF, EXC_TS,
    F_AC, F_IF, F_IOPL, F_NT, F_RF, F_TF, F_VIF, F_VIP, F_VM, FS, GS, RAX, RBX, RCX, RDX, RIP, RSP, SEG_CODE, SEG_DPL,
    SEG_DPL_SHIFT, SEG_EC, SEG_P, SEG_S, SEG_TYPE, SS, STOP_SHUTDOWN, TR,
)
from emu_core_pyx.cpu.flags cimport get_eflags, put_eflags
from emu_core_pyx.cpu.control cimport DR6_BD, DR7_GD
from emu_core_pyx.cpu.ia32e cimport long_interrupt, long_return
from emu_core_pyx.cpu.segment cimport (
    Descriptor, drop_privileged, load_seg_real, mark_accessed, mode_refresh, read_descriptor, set_cpl, set_null,
    set_segment,
)
from emu_core_pyx.cpu.softlog cimport SOFT_KEPT, SoftCall, SoftLog
from emu_core_pyx.cpu.stack cimport Stack, inner_stack, set_sp, stack_current, stack_get, stack_put
from emu_core_pyx.cpu.sysmem cimport fail, long_mode, sys_read
from emu_core_pyx.cpu.task cimport DONE, DONE_FAULTED, FAULTED, TASK_INT, TASK_IRET, task_switch
from emu_core_pyx.cpu.transfer cimport return_code, return_stack, through_task_gate, within

cdef enum:
    IMAGE = 0x257FD5        # EFLAGS bits a 32-bit IRET may load: all but VM, VIF, VIP
    IOPL_3 = 3
    G_TASK = 5
    G_INT16 = 6
    G_TRAP16 = 7
    G_INT32 = 14
    G_TRAP32 = 15


cdef inline u32 iopl(CPU *c) noexcept nogil:
    return (c.s.eflags & F_IOPL) >> 12


cdef void set_eflags(CPU *c, u32 f) noexcept nogil:
    cdef u32 changed = f ^ c.s.eflags
    put_eflags(c, f)
    if changed & (F_VM | F_AC):
        mode_refresh(c)


# ---------------------------------------------------------------- delivery

cdef int real_interrupt(CPU *c, u32 vector, u64 rip, u32 image) noexcept nogil:
    """Through the vector table at the IDT base; also the V86 table at 0 for VME (see virtual_interrupt)."""
    cdef Stack st
    cdef u64 v[3]
    cdef u16 entry[2]
    if vector * 4 + 3 > c.s.idt_limit:
        return fail(c, EXC_GP, vector * 8 + 2)
    if not sys_read(c, c.s.idt_base + vector * 4, entry, 4):
        return FAULTED
    stack_current(c, &st)
    v[0] = rip
    v[1] = c.s.seg_sel[CS]
    v[2] = image
    if not stack_put(c, &st, v, 3, 2, 0):
        return FAULTED
    set_sp(c, st.mask, st.sp)
    set_eflags(c, get_eflags(c) & ~<u32>(F_IF | F_TF | F_AC | F_RF))
    load_seg_real(c, CS, entry[1])
    c.s.gpr[RIP] = entry[0]
    return DONE


cdef int push_task_error(CPU *c, u32 err, u32 ext) noexcept nogil:
    """The error code of an exception that came through a task gate, on the new task's stack."""
    cdef Stack st
    cdef u64 v[1]
    stack_current(c, &st)
    v[0] = err
    if not stack_put(c, &st, v, 1, 4 if c.s.seg_attr[TR] & 8 else 2, ext):
        return DONE_FAULTED
    set_sp(c, st.mask, st.sp)
    return DONE


cdef int protected_interrupt(CPU *c, u32 vector, u32 kind, bint has_err, u32 err, u64 rip, u32 image) noexcept nogil:
    cdef Descriptor d, ssd
    cdef Stack st
    cdef u64 gate = 0, off, v[10]
    cdef u32 ext = 0 if kind == INT_SOFT else 1
    cdef u32 idt_err = vector * 8 + 2 + ext, type, dpl, size, n = 0, code_err, flags
    cdef u16 sel, ss = 0
    cdef bint inner, v86 = (c.s.eflags & F_VM) != 0
    cdef int r
    if vector * 8 + 7 > c.s.idt_limit:
        return fail(c, EXC_GP, idt_err)
    if not sys_read(c, c.s.idt_base + vector * 8, &gate, 8):
        return FAULTED
    type = <u32>(gate >> 40) & 0x1F
    if type != G_TASK and (type & 0x16) != 6:
        return fail(c, EXC_GP, idt_err)
    if kind == INT_SOFT and <u32>(gate >> 45 & 3) < c.s.cpl:
        return fail(c, EXC_GP, idt_err)
    if not gate >> 47 & 1:
        return fail(c, EXC_NP, idt_err)
    sel = <u16>(gate >> 16)
    if type == G_TASK:
        r = through_task_gate(c, sel, TASK_INT, rip, image, ext)
        if r == DONE and has_err:
            r = push_task_error(c, err, ext)
        return r
    size = 4 if type & 8 else 2
    off = gate & 0xFFFF
    if size == 4:
        off |= gate >> 48 << 16
    code_err = sel & 0xFFFC
    if not code_err:
        return fail(c, EXC_GP, ext)
    if not read_descriptor(c, sel, &d, EXC_GP, ext):
        return FAULTED
    dpl = (d.attr & SEG_DPL) >> SEG_DPL_SHIFT
    if (d.attr & (SEG_S | SEG_CODE)) != (SEG_S | SEG_CODE) or dpl > c.s.cpl:
        return fail(c, EXC_GP, code_err | ext)
    if not d.attr & SEG_P:
        return fail(c, EXC_NP, code_err | ext)
    inner = not d.attr & SEG_EC and dpl < c.s.cpl
    if v86 and (not inner or dpl != 0):
        return fail(c, EXC_GP, code_err | ext)
    if has_err:
        v[n] = err
        n += 1
    v[n] = rip
    v[n + 1] = c.s.seg_sel[CS]
    v[n + 2] = image
    n += 3
    if inner:
        if not inner_stack(c, dpl, ext, &st, &ss, &ssd):
            return FAULTED
        v[n] = c.s.gpr[RSP]
        v[n + 1] = c.s.seg_sel[SS]
        n += 2
        if v86:
            v[n] = c.s.seg_sel[ES]
            v[n + 1] = c.s.seg_sel[DS]
            v[n + 2] = c.s.seg_sel[FS]
            v[n + 3] = c.s.seg_sel[GS]
            n += 4
        if not mark_accessed(c, &ssd):
            return FAULTED
    else:
        dpl = c.s.cpl
        stack_current(c, &st)
    if not mark_accessed(c, &d) or not stack_put(c, &st, v, n, size, (ss & 0xFFFC) | ext):
        return FAULTED
    if not within(c, &d, off):
        return fail(c, EXC_GP, ext)
    # commit
    flags = get_eflags(c) & ~<u32>(F_TF | F_VM | F_RF | F_NT)
    if not type & 1:
        flags &= ~<u32>F_IF
    put_eflags(c, flags)
    if inner:
        set_cpl(c, dpl)
        set_segment(c, SS, ss, &ssd)
    set_sp(c, st.mask, st.sp)
    set_segment(c, CS, (sel & 0xFFFC) | dpl, &d)
    c.s.gpr[RIP] = off
    if v86:
        set_null(c, ES, 0)
        set_null(c, DS, 0)
        set_null(c, FS, 0)
        set_null(c, GS, 0)
    return DONE


cdef int deliver(CPU *c, u32 vector, u32 kind, bint has_err, u32 err, u64 rip) noexcept nogil:
    """One event, no nesting; results of cpu/task.pxd. The only way into a handler."""
    cdef u32 image = get_eflags(c)
    c.exc = EXC_NONE
    c.delivered = 1
    if kind == INT_FAULT:
        image |= F_RF
    if not c.s.cr0 & CR0_PE:
        return real_interrupt(c, vector, rip, image)
    if long_mode(c):
        return long_interrupt(c, vector, kind == INT_SOFT, has_err, err, rip, image)
    return protected_interrupt(c, vector, kind, has_err, err, rip, image)


cdef inline bint contributory(u32 vector) noexcept nogil:
    """#DE, #TS, #NP, #SS, #GP (SDM 3A table 6-4)."""
    return 0x3C01 >> vector & 1


cdef inline bint has_error_code(CPU *c, u32 vector) noexcept nogil:
    """#DF, #TS, #NP, #SS, #GP, #PF, #AC; never in real mode."""
    return vector < 32 and <u32>0x27D00 >> vector & 1 and (c.s.cr0 & CR0_PE) != 0


cdef void note_chain(CPU *c, u32 vector, u32 err) noexcept nogil:
    cdef u32 k = c.chain_n & 3
    c.chain_vec[k] = vector
    c.chain_err[k] = err
    c.chain_n += 1


cdef void shutdown(CPU *c) noexcept nogil:
    c.exc = EXC_NONE
    c.s.halted = 1
    c.stop_reason = STOP_SHUTDOWN
    c.s.event |= EV_STOP


cdef void nested(CPU *c, u32 first) noexcept nogil:
    """A fault is pending in c.exc that happened while `first` was delivered (256: an event that combines with
    nothing): SDM 3A table 6-5 until something arrives or the processor shuts down."""
    cdef u32 vector, err, kind
    while 1:
        vector = <u32>c.exc
        err = c.exc_error
        note_chain(c, vector, err)
        if first == EXC_DF and (contributory(vector) or vector == EXC_PF):
            shutdown(c)
            return
        if first < 32 and (contributory(first) and contributory(vector)
                           or first == EXC_PF and (contributory(vector) or vector == EXC_PF)):
            vector = EXC_DF
            err = 0
            note_chain(c, vector, 0)
        elif vector == EXC_PF:
            c.s.cr2 = c.exc_cr2
        kind = INT_TRAP if vector == EXC_DF or vector == EXC_DB else INT_FAULT
        if deliver(c, vector, kind, has_error_code(c, vector), err, c.s.gpr[RIP]) == DONE:
            return
        if vector == EXC_DF and not c.s.cr0 & CR0_PE:
            note_chain(c, <u32>c.exc, c.exc_error)
            shutdown(c)
            return
        first = vector


cdef void begin(CPU *c) noexcept nogil:
    c.s.inhibit = 0
    c.s.halted = 0
    c.chain_n = 0


cdef void deliver_exception(CPU *c) noexcept nogil:
    cdef u32 vector = <u32>c.exc, err = c.exc_error, kind = INT_FAULT
    begin(c)
    if c.exc_soft:
        kind = INT_SOFT
        c.exc_soft = 0
    elif vector == EXC_DB:
        if not c.exc_dr6 & DR6_BD:
            kind = INT_TRAP
        c.s.dr[6] |= c.exc_dr6
        c.s.dr[7] &= ~<u64>DR7_GD
        c.exc_dr6 = 0
    elif vector == EXC_DF or vector == EXC_MC or vector == EXC_NMI:
        kind = INT_TRAP
    elif vector == EXC_PF:
        c.s.cr2 = c.exc_cr2
    note_chain(c, vector, err)
    if deliver(c, vector, kind, kind != INT_SOFT and has_error_code(c, vector), err, c.s.gpr[RIP]) != DONE:
        nested(c, 256 if kind == INT_SOFT else vector)


cdef void deliver_external(CPU *c, u32 vector) noexcept nogil:
    begin(c)
    if deliver(c, vector, INT_EXTERNAL, 0, 0, c.s.gpr[RIP]) != DONE:
        nested(c, 256)


cdef void deliver_nmi(CPU *c) noexcept nogil:
    begin(c)
    c.s.nmi_blocked = 1
    if deliver(c, EXC_NMI, INT_EXTERNAL, 0, 0, c.s.gpr[RIP]) != DONE:
        nested(c, 256)


# ---------------------------------------------------------------- INT n

cdef int virtual_interrupt(CPU *c, u32 vector, u64 rip) noexcept nogil:
    """INT n redirected to the V86 program's own handler (SDM 3A 20.3.3): the table lies at linear address 0."""
    cdef u64 base = c.s.idt_base
    cdef u32 limit = c.s.idt_limit, f = get_eflags(c), image = f
    cdef bint has_if = iopl(c) == IOPL_3
    cdef int r
    if not has_if:
        image = (f | F_IOPL) & ~<u32>F_IF | (F_IF if f & F_VIF else 0)
    c.s.idt_base = 0
    c.s.idt_limit = 0x3FF
    r = real_interrupt(c, vector, rip, image)
    c.s.idt_base = base
    c.s.idt_limit = limit
    if r == DONE:
        image = get_eflags(c) | f & F_AC
        set_eflags(c, image if has_if else (image | f & F_IF) & ~<u32>F_VIF)
    return r


cdef bint redirected(CPU *c, u32 vector, bint *yes) noexcept nogil:
    """Bit of the software interrupt redirection map, the 32 bytes below the I/O map; 0 = fault noted."""
    cdef u16 iomap = 0
    cdef u8 b = 0
    cdef u32 at
    if c.s.seg_limit[TR] < 0x67 or not c.s.seg_attr[TR] & 8:
        return fail(c, EXC_GP, 0)
    if not sys_read(c, c.s.seg_base[TR] + 0x66, &iomap, 2):
        return 0
    at = <u32>iomap - 32 + vector // 8
    if iomap < 32 or at > c.s.seg_limit[TR]:
        return fail(c, EXC_GP, 0)
    if not sys_read(c, c.s.seg_base[TR] + at, &b, 1):
        return 0
    yes[0] = not b >> (vector & 7) & 1
    return 1


cdef void note_call(CPU *c, u32 vector, u64 rip) noexcept nogil:
    """Remember a BIOS or DOS call."""
    cdef SoftLog *g = <SoftLog *>c.log
    cdef SoftCall *r
    if g == NULL:
        return
    r = &g.call[g.n & (SOFT_KEPT - 1)]
    g.n += 1
    r.icount = c.stop_at - <u64>c.left - <u64>c.now_adj
    r.vector = vector
    r.ax = <u32>c.s.gpr[RAX]
    r.bx = <u32>c.s.gpr[RBX]
    r.cx = <u32>c.s.gpr[RCX]
    r.dx = <u32>c.s.gpr[RDX]
    r.ds = c.s.seg_sel[DS]
    r.es = c.s.seg_sel[ES]
    r.cs = c.s.seg_sel[CS]
    r.ip = <u32>rip


cdef int software_interrupt(CPU *c, u32 vector, u64 rip, u32 kind, bint cd) noexcept nogil:
    cdef bint yes = 0
    if cd and (not c.s.cr0 & CR0_PE or c.s.eflags & F_VM):
        note_call(c, vector, rip)
    if cd and c.s.eflags & F_VM:
        if c.s.cr4 & CR4_VME:
            if not redirected(c, vector, &yes):
                return FAULTED
            if yes:
                return virtual_interrupt(c, vector, rip)
        if iopl(c) < IOPL_3:
            return fail(c, EXC_GP, 0)
    return deliver(c, vector, kind, 0, 0, rip)


# ---------------------------------------------------------------- IRET

cdef u32 merge_flags(CPU *c, u32 image, u32 size, u32 mask) noexcept nogil:
    """EFLAGS after loading `image` where `mask` allows; RF only matters while breakpoints are armed."""
    if size == 2:
        mask &= 0xFFFF
    if not c.s.dr[7] & 0xFF:
        image &= ~<u32>F_RF
    return get_eflags(c) & ~mask | image & mask


cdef int iret_real(CPU *c, u32 size) noexcept nogil:
    """Real mode, and V86 mode with IOPL 3."""
    cdef Stack st
    cdef u64 v[3]
    cdef u32 mask = IMAGE
    stack_current(c, &st)
    if not stack_get(c, &st, v, 3, size, 0):
        return FAULTED
    if v[0] > c.s.seg_limit[CS]:
        return fail(c, EXC_GP, 0)
    if c.s.eflags & F_VM:
        mask &= ~<u32>F_IOPL
    set_sp(c, st.mask, st.sp)
    set_eflags(c, merge_flags(c, <u32>v[2], size, mask))
    load_seg_real(c, CS, <u16>v[1])
    c.s.gpr[RIP] = v[0]
    return DONE


cdef int iret_vme(CPU *c) noexcept nogil:
    """16-bit IRET in V86 mode below IOPL 3 with CR4.VME: IF of the image goes to VIF."""
    cdef Stack st
    cdef u64 v[3]
    cdef u32 f
    stack_current(c, &st)
    if not stack_get(c, &st, v, 3, 2, 0):
        return FAULTED
    if v[2] & F_TF or v[2] & F_IF and c.s.eflags & F_VIP:
        return fail(c, EXC_GP, 0)
    if v[0] > c.s.seg_limit[CS]:
        return fail(c, EXC_GP, 0)
    f = merge_flags(c, <u32>v[2], 2, <u32>IMAGE & ~<u32>(F_IOPL | F_IF)) & ~<u32>F_VIF
    if v[2] & F_IF:
        f |= F_VIF
    set_sp(c, st.mask, st.sp)
    set_eflags(c, f)
    load_seg_real(c, CS, <u16>v[1])
    c.s.gpr[RIP] = v[0]
    return DONE


cdef int iret_task(CPU *c, u64 rip) noexcept nogil:
    """Back to the task named by the link field (NT set)."""
    cdef Descriptor d
    cdef u16 link = 0
    cdef u32 err
    if not sys_read(c, c.s.seg_base[TR], &link, 2):
        return FAULTED
    err = link & 0xFFFC
    if link & 4 or not err:
        return fail(c, EXC_TS, err)
    if not read_descriptor(c, link, &d, EXC_TS, 0):
        return FAULTED
    if (d.attr & (SEG_S | SEG_TYPE)) != 3 and (d.attr & (SEG_S | SEG_TYPE)) != 11:
        return fail(c, EXC_TS, err)
    if not d.attr & SEG_P:
        return fail(c, EXC_NP, err)
    return task_switch(c, link, &d, TASK_IRET, rip, get_eflags(c), 0)


cdef int iret_to_v86(CPU *c, Stack *st, u64 *v) noexcept nogil:
    """EIP, CS, EFLAGS are popped already; ESP, SS, ES, DS, FS, GS follow."""
    cdef u64 w[6]
    if not stack_get(c, st, w, 6, 4, 0):
        return FAULTED
    if v[0] > 0xFFFF:
        return fail(c, EXC_GP, 0)
    put_eflags(c, merge_flags(c, <u32>v[2], 4, IMAGE | F_VM | F_VIF | F_VIP))
    set_cpl(c, 3)
    load_seg_real(c, CS, <u16>v[1])
    load_seg_real(c, SS, <u16>w[1])
    load_seg_real(c, ES, <u16>w[2])
    load_seg_real(c, DS, <u16>w[3])
    load_seg_real(c, FS, <u16>w[4])
    load_seg_real(c, GS, <u16>w[5])
    c.s.gpr[RSP] = w[0]
    c.s.gpr[RIP] = v[0]
    return DONE


cdef int iret_protected(CPU *c, u32 size) noexcept nogil:
    cdef Stack st
    cdef Descriptor d, ssd
    cdef u64 v[5]
    cdef u32 mask = IMAGE & ~<u32>(F_IF | F_IOPL), cpl
    cdef u16 sel
    stack_current(c, &st)
    if not stack_get(c, &st, v, 3, size, 0):
        return FAULTED
    if size == 4 and v[2] & F_VM and c.s.cpl == 0:
        return iret_to_v86(c, &st, v)
    sel = <u16>v[1]
    if not return_code(c, sel, &d):
        return FAULTED
    if c.s.cpl <= iopl(c):
        mask |= F_IF
    if c.s.cpl == 0:
        mask |= F_IOPL | F_VIF | F_VIP
    cpl = sel & 3
    if cpl != c.s.cpl:
        if not stack_get(c, &st, &v[3], 2, size, 0) or not return_stack(c, <u16>v[4], cpl, &ssd):
            return FAULTED
        if not mark_accessed(c, &ssd):
            return FAULTED
    if not within(c, &d, v[0]):
        return fail(c, EXC_GP, 0)
    if not mark_accessed(c, &d):
        return FAULTED
    put_eflags(c, merge_flags(c, <u32>v[2], size, mask))
    if cpl == c.s.cpl:
        set_sp(c, st.mask, st.sp)
        set_segment(c, CS, sel, &d)
    else:
        set_cpl(c, cpl)
        set_segment(c, CS, sel, &d)
        set_segment(c, SS, <u16>v[4], &ssd)
        set_sp(c, c.s.ss_mask, v[3])
        drop_privileged(c)
    c.s.gpr[RIP] = v[0]
    return DONE


cdef int interrupt_return(CPU *c, u32 size, u64 rip) noexcept nogil:
    cdef int r
    if not c.s.cr0 & CR0_PE:
        r = iret_real(c, size)
    elif c.s.eflags & F_VM:
        if iopl(c) == IOPL_3:
            r = iret_real(c, size)
        elif c.s.cr4 & CR4_VME and size == 2:
            r = iret_vme(c)
        else:
            return fail(c, EXC_GP, 0)
    elif c.s.eflags & F_NT:
        if long_mode(c):
            return fail(c, EXC_GP, 0)
        r = iret_task(c, rip)
    elif long_mode(c):
        r = long_return(c, size)
    else:
        r = iret_protected(c, size)
    if r:
        c.s.nmi_blocked = 0
    return r
