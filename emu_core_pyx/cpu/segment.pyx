"""Segment registers, privilege, and the fields derived from them; power-on state.

Spec: SDM 3A ch. 3 (protected-mode memory management), ch. 5 (protection), ch. 20 (8086 emulation), table 9-1.

Real mode keeps limit and attributes of what was loaded before ("unreal" mode works), as P6 processors do.
In 64-bit mode the bases of CS, DS, ES and SS are in seg_kept, and seg_base is 0.
"""
from libc.string cimport memset
from emu_core_pyx.types cimport i64, u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU, State
from emu_core_pyx.cpu.bits cimport (
    CR0_AM, CR0_CD, CR0_EM, CR0_NW, CR0_PE, CR0_TS, CR4_OSFXSR, CS, DS, EFER_LMA, ES, EXC_GP, EXC_NONE, EXC_NP, EXC_SS,
    F_AC, F_VM, FEAT_APIC, FS, GS, LDTR, RDX, RIP, SEG_A, SEG_CODE, SEG_DB, SEG_DPL, SEG_DPL_SHIFT, SEG_EC, SEG_G,
    SEG_NULL, SEG_P, SEG_RW, SEG_S, SEG_TYPE, SS, TR,
)
from emu_core_pyx.cpu.flags cimport put_eflags
from emu_core_pyx.cpu.cpuid cimport Model
from emu_core_pyx.cpu.sysmem cimport code64, fail, long_mode, sys_read, sys_write
from emu_core_pyx.block.insn cimport (
    MODE_32, MODE_64, MODE_EM, MODE_LIMIT, MODE_LMA, MODE_NOFPU, MODE_NOSSE, MODE_PE, MODE_USER, MODE_VM,
)
from emu_core_pyx.mmu.core cimport mmu_flush_all, mmu_pick

cdef enum:
    REAL_ATTR = 0x93    # present, S, data, writable, accessed
    BUSY = 2            # bit of a TSS descriptor's type
    WIDE_TYPES = 0x1A04     # IA-32e system descriptors of 16 bytes: LDT, TSS, call gate


cdef void seg_refresh(CPU *c, u32 s) noexcept nogil:
    cdef u32 a = c.s.seg_attr[s]
    cdef u64 end = <u64>c.s.seg_limit[s] + 1
    cdef u64 rend = 0, wend = 0
    if s > GS:
        return
    if code64(c):
        rend = wend = ~<u64>0
        if s == SS:
            c.s.ss_mask = ~<u64>0
    else:
        if not (c.s.cr0 & CR0_PE) or c.s.eflags & F_VM:
            rend = wend = end
        elif a & SEG_NULL or (a & (SEG_P | SEG_S)) != (SEG_P | SEG_S):
            pass
        elif a & SEG_CODE:
            if a & SEG_RW:
                rend = end
        elif not a & SEG_EC:
            rend = end
            if a & SEG_RW:
                wend = end
        if s == SS:
            c.s.ss_mask = <u64>0xFFFFFFFF if a & SEG_DB else 0xFFFF
        if c.s.efer & EFER_LMA and c.s.seg_base[s] + end > <u64>1 << 32:
            rend = wend = 0     # wraps at 4 GiB, where the TLB may know the 64-bit page above
    if c.ac_on:
        rend = wend = 0
    c.s.seg_rend[s] = rend
    c.s.seg_wend[s] = wend


cdef void hide_bases(CPU *c, bint hide) noexcept nogil:
    """64-bit mode begins or ends. CS has been loaded just now, with the base the new mode uses."""
    cdef u32 s
    for s in range(ES, DS + 1):
        if hide:
            c.s.seg_kept[s] = c.s.seg_base[s]
            c.s.seg_base[s] = 0
        elif s != CS:
            c.s.seg_base[s] = c.s.seg_kept[s]


cdef void mode_refresh(CPU *c) noexcept nogil:
    cdef u32 m = 0, changed, s, ac
    if c.s.efer & EFER_LMA:
        m |= MODE_LMA
    if code64(c):
        m |= MODE_64
    else:
        if c.s.seg_attr[CS] & SEG_DB:
            m |= MODE_32
        if c.s.seg_limit[CS] != <u32>0xFFFFFFFF:
            m |= MODE_LIMIT
    if c.s.cr0 & CR0_PE:
        m |= MODE_VM if c.s.eflags & F_VM else MODE_PE
    if c.s.cr0 & (CR0_EM | CR0_TS):
        m |= MODE_NOFPU
    if c.s.cr0 & CR0_EM:
        m |= MODE_EM
    if not c.s.cr4 & CR4_OSFXSR:
        m |= MODE_NOSSE
    if c.s.cpl == 3:
        m |= MODE_USER
    changed = m ^ c.mode
    c.mode = m
    if changed & MODE_64:
        hide_bases(c, m & MODE_64 != 0)
    ac = c.s.cpl == 3 and (c.s.cr0 & CR0_AM) != 0 and (c.s.eflags & F_AC) != 0
    if ac != c.ac_on or changed & (MODE_PE | MODE_VM | MODE_LMA | MODE_64):
        c.ac_on = ac
        for s in range(ES, GS + 1):
            seg_refresh(c, s)
    mmu_pick(c)


cdef void set_cpl(CPU *c, u32 cpl) noexcept nogil:
    c.s.cpl = cpl
    c.mode = c.mode & ~<u32>MODE_USER | (MODE_USER if cpl == 3 else 0)
    mmu_pick(c)
    if c.ac_on != (cpl == 3 and (c.s.cr0 & CR0_AM) != 0 and (c.s.eflags & F_AC) != 0):
        mode_refresh(c)


cdef void load_seg_real(CPU *c, u32 s, u16 sel) noexcept nogil:
    c.s.seg_sel[s] = sel
    c.s.seg_base[s] = <u64>sel << 4
    if c.s.eflags & F_VM:
        c.s.seg_limit[s] = 0xFFFF
        c.s.seg_attr[s] = REAL_ATTR | SEG_DPL
    else:
        c.s.seg_attr[s] = c.s.seg_attr[s] & (SEG_DB | SEG_G) | REAL_ATTR
    seg_refresh(c, s)
    if s == CS:
        mode_refresh(c)


cdef void unpack_descriptor(Descriptor *d, u64 raw) noexcept nogil:
    d.raw = raw
    d.raw_hi = 0
    d.base = (raw >> 16 & 0xFFFFFF) | (raw >> 56) << 24
    d.limit = <u32>(raw & 0xFFFF) | <u32>(raw >> 32) & 0xF0000
    d.attr = <u32>(raw >> 40) & 0xF0FF
    if d.attr & SEG_G:
        d.limit = d.limit << 12 | 0xFFF


cdef bint read_descriptor(CPU *c, u16 sel, Descriptor *d, int vector, u32 ext) noexcept nogil:
    cdef u64 base, raw = 0
    cdef u32 limit, off = sel & 0xFFF8
    if sel & 4:
        if not c.s.seg_sel[LDTR] & 0xFFFC:
            return fail(c, vector, sel & 0xFFFC | ext)
        base = c.s.seg_base[LDTR]
        limit = c.s.seg_limit[LDTR]
    else:
        base = c.s.gdt_base
        limit = c.s.gdt_limit
    if off + 7 > limit:
        return fail(c, vector, sel & 0xFFFC | ext)
    if not sys_read(c, base + off, &raw, 8):
        return 0
    unpack_descriptor(d, raw)
    d.lin = base + off
    if long_mode(c) and not d.attr & SEG_S and WIDE_TYPES >> (d.attr & SEG_TYPE) & 1:
        if off + 15 > limit:
            return fail(c, vector, sel & 0xFFFC | ext)
        if not sys_read(c, base + off + 8, &d.raw_hi, 8):
            return 0
        d.base |= (d.raw_hi & <u64>0xFFFFFFFF) << 32
    return 1


cdef bint mark_accessed(CPU *c, Descriptor *d) noexcept nogil:
    cdef u8 b
    if d.attr & SEG_A or not d.attr & SEG_S:
        return 1
    d.attr |= SEG_A
    b = <u8>d.attr
    return sys_write(c, d.lin + 5, &b, 1)


cdef bint mark_busy(CPU *c, Descriptor *d, bint busy) noexcept nogil:
    cdef u8 b
    d.attr = d.attr | BUSY if busy else d.attr & ~<u32>BUSY
    b = <u8>d.attr
    return sys_write(c, d.lin + 5, &b, 1)


cdef void set_segment(CPU *c, u32 s, u16 sel, Descriptor *d) noexcept nogil:
    c.s.seg_sel[s] = sel
    c.s.seg_base[s] = d.base
    c.s.seg_limit[s] = d.limit
    c.s.seg_attr[s] = d.attr
    if s <= GS:
        if s < FS and code64(c):
            c.s.seg_kept[s] = d.base
            c.s.seg_base[s] = 0
        seg_refresh(c, s)
        if s == CS:
            mode_refresh(c)


cdef bint install_segment(CPU *c, u32 s, u16 sel, Descriptor *d) noexcept nogil:
    if not mark_accessed(c, d):
        return 0
    set_segment(c, s, sel, d)
    return 1


cdef void set_null(CPU *c, u32 s, u16 sel) noexcept nogil:
    c.s.seg_sel[s] = sel
    c.s.seg_base[s] = 0
    c.s.seg_limit[s] = 0
    c.s.seg_attr[s] = SEG_NULL
    if s <= DS:
        c.s.seg_kept[s] = 0
    if s == SS:     # 64-bit mode only; the DPL there is the CPL
        c.s.seg_attr[s] |= c.s.cpl << SEG_DPL_SHIFT
    seg_refresh(c, s)


cdef void set_flat(CPU *c, u32 s, u16 sel, u32 attr) noexcept nogil:
    c.s.seg_sel[s] = sel
    c.s.seg_base[s] = 0
    if s <= DS:
        c.s.seg_kept[s] = 0
    c.s.seg_limit[s] = <u32>0xFFFFFFFF
    c.s.seg_attr[s] = attr
    seg_refresh(c, s)
    if s == CS:
        mode_refresh(c)


cdef bint load_stack_segment(CPU *c, u16 sel) noexcept nogil:
    cdef Descriptor d
    cdef u32 err = sel & 0xFFFC
    if not err:
        if not code64(c) or c.s.cpl == 3 or (sel & 3) != c.s.cpl:
            return fail(c, EXC_GP, 0)
        set_null(c, SS, sel)
        return 1
    if not read_descriptor(c, sel, &d, EXC_GP, 0):
        return 0
    if ((sel & 3) != c.s.cpl or (d.attr & SEG_DPL) >> SEG_DPL_SHIFT != c.s.cpl
            or (d.attr & (SEG_S | SEG_CODE | SEG_RW)) != (SEG_S | SEG_RW)):
        return fail(c, EXC_GP, err)
    if not d.attr & SEG_P:
        return fail(c, EXC_SS, err)
    return install_segment(c, SS, sel, &d)


cdef bint load_seg(CPU *c, u32 s, u16 sel) noexcept nogil:
    cdef Descriptor d
    cdef u32 dpl
    if not (c.s.cr0 & CR0_PE) or c.s.eflags & F_VM:
        load_seg_real(c, s, sel)
        return 1
    if s == SS:
        return load_stack_segment(c, sel)
    if not sel & 0xFFFC:
        set_null(c, s, sel)     # FS and GS: base 0, as Intel's do
        return 1
    if not read_descriptor(c, sel, &d, EXC_GP, 0):
        return 0
    if not d.attr & SEG_S or (d.attr & (SEG_CODE | SEG_RW)) == SEG_CODE:
        return fail(c, EXC_GP, sel & 0xFFFC)
    if (d.attr & (SEG_CODE | SEG_EC)) != (SEG_CODE | SEG_EC):
        dpl = (d.attr & SEG_DPL) >> SEG_DPL_SHIFT
        if dpl < <u32>(sel & 3) or dpl < c.s.cpl:
            return fail(c, EXC_GP, sel & 0xFFFC)
    if not d.attr & SEG_P:
        return fail(c, EXC_NP, sel & 0xFFFC)
    return install_segment(c, s, sel, &d)


cdef void drop_privileged(CPU *c) noexcept nogil:
    cdef u32 s, a
    for s in range(ES, GS + 1):
        if s == CS or s == SS:
            continue
        a = c.s.seg_attr[s]
        if (a & SEG_NULL or (a & (SEG_CODE | SEG_EC)) == (SEG_CODE | SEG_EC)
                or (a & SEG_DPL) >> SEG_DPL_SHIFT >= c.s.cpl):
            continue
        set_null(c, s, 0)


cdef void reset_common(CPU *c) noexcept nogil:
    """What RESET and INIT share."""
    cdef const Model *m = <const Model *>c.model
    cdef u32 s
    memset(c.s.gpr, 0, sizeof(c.s.gpr))
    c.s.gpr[RDX] = m.signature if m != NULL else 0x633
    c.s.gpr[RIP] = 0xFFF0
    put_eflags(c, 2)
    c.s.cr2 = c.s.cr3 = c.s.cr4 = c.s.efer = 0
    for s in range(8):
        c.s.seg_sel[s] = 0
        c.s.seg_base[s] = 0
        c.s.seg_limit[s] = 0xFFFF
        c.s.seg_attr[s] = REAL_ATTR
    c.s.seg_attr[LDTR] = 0x82
    c.s.seg_attr[TR] = 0x8B
    c.s.seg_sel[CS] = 0xF000
    c.s.seg_base[CS] = <u64>0xFFFF0000
    c.s.gdt_base = c.s.idt_base = 0
    c.s.gdt_limit = c.s.idt_limit = 0xFFFF
    memset(c.s.dr, 0, sizeof(c.s.dr))
    c.s.dr[6] = <u64>0xFFFF0FF0
    c.s.dr[7] = 0x400
    c.s.inhibit = c.s.halted = c.s.nmi_blocked = c.s.in_smm = 0
    c.exc = EXC_NONE
    c.exc_soft = 0
    c.exc_dr6 = 0
    c.bounce_wr = 0
    c.ac_on = 0
    c.mode = 0
    set_cpl(c, 0)
    for s in range(ES, GS + 1):
        seg_refresh(c, s)
    mode_refresh(c)
    if c.mmu != NULL:
        mmu_flush_all(c)


cdef void cpu_init(CPU *c) noexcept nogil:
    c.s.cr0 = 0x10 | c.s.cr0 & (CR0_CD | CR0_NW)
    reset_common(c)


cdef void cpu_reset(CPU *c) noexcept nogil:
    cdef State *s = &c.s
    cdef u32 a20 = s.a20, event = s.event
    cdef u64 icount_base = s.icount_base, rng = s.rng
    cdef i64 skew_ns = s.skew_ns
    memset(s, 0, sizeof(State))
    s.a20 = a20
    s.event = event
    s.icount_base = icount_base
    s.rng = rng
    s.skew_ns = skew_ns
    s.cr0 = 0x60000010
    s.fpu.cw = 0x40
    s.fpu.tags = 0xFF
    s.fpu.mxcsr = 0x1F80
    s.pat = <u64>0x0007040600070406
    s.apic_base = <u64>0xFEE00900 if c.feat & FEAT_APIC else 0
    s.misc_enable = 1
    s.bios_sign = <u64>1 << 32
    # the TSC starts at 0 while virtual time goes on
    s.tsc_offset = -(((c.stop_at - <u64>c.left) << c.clock_shift) + <u64>skew_ns)
    c.tsc_hz = 1000000000
    reset_common(c)
