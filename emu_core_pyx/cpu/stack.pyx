"""See stack.pxd.  Spec: SDM 1 ch. 6 (procedure calls, interrupts), SDM 3A 5.8.5 (stack switching)."""
from libc.string cimport memcpy
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU, TLB_SIZE, TlbEntry
from emu_core_pyx.cpu.bits cimport (
    CR0_PE, EXC_PF, EXC_SS, EXC_TS, F_VM, RSP, SEG_CODE, SEG_DB, SEG_DPL, SEG_DPL_SHIFT, SEG_EC, SEG_P, SEG_RW, SEG_S, SS, TR,
)
from emu_core_pyx.cpu.segment cimport Descriptor, read_descriptor
from emu_core_pyx.cpu.sysmem cimport canonical, code64, fail, lin_wrap, sys_read
from emu_core_pyx.mmu.slow cimport AS_CPL, AS_SYSTEM, lin_probe_write, lin_read, lin_write


cdef void stack_current(CPU *c, Stack *st) noexcept nogil:
    st.base = c.s.seg_base[SS]
    st.mask = c.s.ss_mask
    st.sp = c.s.gpr[RSP]
    st.limit = c.s.seg_limit[SS]
    st.attr = c.s.seg_attr[SS]
    st.real = not (c.s.cr0 & CR0_PE) or (c.s.eflags & F_VM) != 0
    st.wide = code64(c)
    st.who = AS_CPL


cdef void stack_of(CPU *c, Stack *st, Descriptor *d, u64 sp, u32 cpl) noexcept nogil:
    st.base = d.base
    st.mask = <u64>0xFFFFFFFF if d.attr & SEG_DB else 0xFFFF
    st.sp = sp
    st.limit = d.limit
    st.attr = d.attr
    st.real = 0
    st.wide = 0
    st.who = stack_who(c, cpl)


cdef u32 stack_who(CPU *c, u32 cpl) noexcept nogil:
    """EFLAGS.AC is ring 3's own until its handler runs: it does not open user pages to the frame."""
    return AS_SYSTEM if c.s.cpl == 3 and cpl != 3 else AS_CPL


cdef inline TlbEntry *entry_of(CPU *c, Stack *st, u64 lin) noexcept nogil:
    return &(c.tlb if st.who == AS_CPL else c.tlbs[0])[(lin >> 12) & (TLB_SIZE - 1)]


cdef bint inner_stack(CPU *c, u32 level, u32 ext, Stack *st, u16 *sel, Descriptor *d) noexcept nogil:
    cdef u32 esp32 = 0, off
    cdef u16 sp16 = 0, err
    cdef u64 sp
    if c.s.seg_attr[TR] & 8:
        off = 4 + level * 8
        if off + 7 > c.s.seg_limit[TR]:
            return fail(c, EXC_TS, c.s.seg_sel[TR] & 0xFFFC | ext)
        if not sys_read(c, c.s.seg_base[TR] + off, &esp32, 4) or not sys_read(c, c.s.seg_base[TR] + off + 4, sel, 2):
            return 0
        sp = esp32
    else:
        off = 2 + level * 4
        if off + 3 > c.s.seg_limit[TR]:
            return fail(c, EXC_TS, c.s.seg_sel[TR] & 0xFFFC | ext)
        if not sys_read(c, c.s.seg_base[TR] + off, &sp16, 2) or not sys_read(c, c.s.seg_base[TR] + off + 2, sel, 2):
            return 0
        sp = sp16
    err = sel[0] & 0xFFFC
    if not err:
        return fail(c, EXC_TS, ext)
    if not read_descriptor(c, sel[0], d, EXC_TS, ext):
        return 0
    if (<u32>(sel[0] & 3) != level or (d.attr & SEG_DPL) >> SEG_DPL_SHIFT != level
            or (d.attr & (SEG_S | SEG_CODE | SEG_RW)) != (SEG_S | SEG_RW)):
        return fail(c, EXC_TS, err | ext)
    if not d.attr & SEG_P:
        return fail(c, EXC_SS, err | ext)
    stack_of(c, st, d, sp, level)
    return 1


cdef bint room(Stack *st, u64 off, u32 n, bint write) noexcept nogil:
    """Whether bytes off..off+n-1 lie within the segment (SDM 3A 5.3)."""
    cdef u64 last = off + n - 1
    if st.wide:
        return canonical(st.base + off) and canonical(st.base + last)
    if st.real:
        return last <= st.limit
    if not st.attr & SEG_P or not st.attr & SEG_S or write and (st.attr & (SEG_CODE | SEG_RW)) != SEG_RW:
        return 0
    if (st.attr & (SEG_CODE | SEG_EC)) == SEG_EC:
        return off > st.limit and last <= st.mask
    return last <= st.limit


cdef bint put_bytes(CPU *c, Stack *st, u64 off, const void *src, u32 n) noexcept nogil:
    cdef u64 lin = lin_wrap(c, st.base + off)
    cdef TlbEntry *e = entry_of(c, st, lin)
    if ((lin + (n - 1)) & ~<u64>0xFFF) == e.wr:
        memcpy(<void *>(lin + <u64>e.add), src, n)
        return 1
    return lin_write(c, lin, src, n, st.who)


cdef bint get_bytes(CPU *c, Stack *st, u64 off, void *dst, u32 n) noexcept nogil:
    cdef u64 lin = lin_wrap(c, st.base + off)
    cdef TlbEntry *e = entry_of(c, st, lin)
    if ((lin + (n - 1)) & ~<u64>0xFFF) == e.rd:
        memcpy(dst, <void *>(lin + <u64>e.add), n)
        return 1
    return lin_read(c, lin, dst, n, st.who)


cdef void pack(u8 *out, const u64 *v, u32 n, u32 size) noexcept nogil:
    cdef u32 k
    for k in range(n):
        if size == 4:
            (<u32 *>out)[k] = <u32>v[k]
        elif size == 2:
            (<u16 *>out)[k] = <u16>v[k]
        else:
            (<u64 *>out)[k] = v[k]


cdef void unpack(const u8 *data, u64 *v, u32 n, u32 size) noexcept nogil:
    cdef u32 k
    for k in range(n):
        if size == 4:
            v[k] = (<u32 *>data)[k]
        elif size == 2:
            v[k] = (<u16 *>data)[k]
        else:
            v[k] = (<u64 *>data)[k]


cdef void first_fault(CPU *c, Stack *st, u64 off, u32 n, u32 size) noexcept nogil:
    """The page fault of a frame is that of the push that comes first: the highest address."""
    cdef u32 k
    for k in range(n):
        if not lin_probe_write(c, lin_wrap(c, st.base + off + (n - 1 - k) * size), size, st.who):
            return


cdef bint stack_put(CPU *c, Stack *st, const u64 *v, u32 n, u32 size, u32 err) noexcept nogil:
    cdef u8 data[384]
    cdef u32 total = n * size, k
    cdef u64 off = (st.sp - total) & st.mask
    if off + total - 1 <= st.mask or st.wide:
        if not room(st, off, total, 1):
            return fail(c, EXC_SS, err)
        pack(data, v, n, size)
        if not put_bytes(c, st, off, data, total):
            if c.exc == EXC_PF:
                first_fault(c, st, off, n, size)
            return 0
    else:           # the frame wraps around the stack's end
        for k in range(n):
            off = (st.sp - (k + 1) * size) & st.mask
            if not room(st, off, size, 1):
                return fail(c, EXC_SS, err)
        for k in range(n):
            off = (st.sp - (k + 1) * size) & st.mask
            if not put_bytes(c, st, off, &v[n - 1 - k], size):
                return 0
    st.sp = off
    return 1


cdef bint stack_get(CPU *c, Stack *st, u64 *v, u32 n, u32 size, u32 err) noexcept nogil:
    cdef u8 data[384]
    cdef u32 total = n * size, k
    cdef u64 off = st.sp & st.mask
    if off + total - 1 <= st.mask or st.wide:
        if not room(st, off, total, 0):
            return fail(c, EXC_SS, err)
        if not get_bytes(c, st, off, data, total):
            return 0
        unpack(data, v, n, size)
    else:
        for k in range(n):
            v[k] = 0
            off = (st.sp + k * size) & st.mask
            if not room(st, off, size, 0):
                return fail(c, EXC_SS, err)
            if not get_bytes(c, st, off, &v[k], size):
                return 0
    st.sp = (st.sp + total) & st.mask
    return 1
