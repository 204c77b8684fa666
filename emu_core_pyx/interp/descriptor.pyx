"""Handlers: descriptor tables and selectors (LGDT ... LTR, LAR, LSL, VERR, VERW, ARPL).

Spec: SDM 3A 2.8 (system instructions), 5.10 (pointer validation).
"""
from libc.string cimport memcpy
from emu_core_pyx.types cimport acc_t, fast_t, slow_t, u8, u16, u32, u64, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport (
    CR0_PE, CR4_UMIP, EXC_GP, EXC_NP, EXC_UD, F_VM, F_ZF, LDTR, SEG_CODE, SEG_DPL, SEG_DPL_SHIFT, SEG_EC, SEG_P, SEG_RW, SEG_S,
    SEG_TYPE, TR,
)
from emu_core_pyx.cpu.flags cimport get_arith, set_arith
from emu_core_pyx.cpu.segment cimport Descriptor, mark_busy, read_descriptor, set_null, set_segment
from emu_core_pyx.cpu.sysmem cimport canonical, code64, fail, long_mode
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.interp.dispatch cimport fault, finish, miss, next_insn, unwind
from emu_core_pyx.mmu.access cimport ea, put, rd_at, rmw_at, wr_at

cdef enum:  # sets of system types, bit n: type n (SDM 2A "LAR", "LSL")
    LAR_TYPES = 0x1A3E
    LSL_TYPES = 0x0A0E
    LAR_TYPES_64 = 0x1A04
    LSL_TYPES_64 = 0x0A04


cdef inline bint plain_mode(CPU *c) noexcept nogil:
    """Real or virtual-8086 mode, where these instructions do not exist."""
    return not (c.s.cr0 & CR0_PE) or (c.s.eflags & F_VM) != 0


cdef inline bint hidden(CPU *c) noexcept nogil:
    """CR4.UMIP keeps system addresses and selectors from user code."""
    return c.s.cr4 & CR4_UMIP != 0 and c.s.cpl != 0


cdef inline void set_zf(CPU *c, bint on) noexcept nogil:
    set_arith(c, get_arith(c) & ~<u32>F_ZF | (F_ZF if on else 0))


# ---------------------------------------------------------------- GDTR, IDTR

cdef bint load_table(CPU *c, Insn *i, const u8 *p, u64 *base, u32 *limit) noexcept nogil:
    cdef u64 b = (<u64 *>(p + 2))[0] if code64(c) else (<u32 *>(p + 2))[0]
    if code64(c):
        if not canonical(b):
            return fail(c, EXC_GP, 0)
    elif i.osz == 2:
        b &= 0xFFFFFF
    base[0] = b
    limit[0] = (<u16 *>p)[0]
    return 1


cdef Insn *lgdt_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p
    if c.s.cpl:
        return fault(c, i, EXC_GP, 0)
    p = rd_at(c, i.seg, ea(c, i), 10 if code64(c) else 6, a)
    if p == NULL:
        return miss(c, i)
    if not load_table(c, i, p, &c.s.gdt_base, &c.s.gdt_limit):
        return unwind(c, i)
    return next_insn(c, i)


cdef Insn *lidt_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p
    if c.s.cpl:
        return fault(c, i, EXC_GP, 0)
    p = rd_at(c, i.seg, ea(c, i), 10 if code64(c) else 6, a)
    if p == NULL:
        return miss(c, i)
    if not load_table(c, i, p, &c.s.idt_base, &c.s.idt_limit):
        return unwind(c, i)
    return next_insn(c, i)


cdef void store_table(CPU *c, u8 *p, u64 base, u32 limit) noexcept nogil:
    """All 32 bits of the base whatever the operand size, as 386 and later do."""
    (<u16 *>p)[0] = <u16>limit
    memcpy(p + 2, &base, 8 if code64(c) else 4)


cdef Insn *sgdt_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p
    if hidden(c):
        return fault(c, i, EXC_GP, 0)
    p = wr_at(c, i.seg, ea(c, i), 10 if code64(c) else 6, a)
    if p == NULL:
        return miss(c, i)
    store_table(c, p, c.s.gdt_base, c.s.gdt_limit)
    return finish(c, i, a)


cdef Insn *sidt_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p
    if hidden(c):
        return fault(c, i, EXC_GP, 0)
    p = wr_at(c, i.seg, ea(c, i), 10 if code64(c) else 6, a)
    if p == NULL:
        return miss(c, i)
    store_table(c, p, c.s.idt_base, c.s.idt_limit)
    return finish(c, i, a)


# ---------------------------------------------------------------- LDTR, TR

cdef inline bint wide_base(Descriptor *d) noexcept nogil:
    """The second half of a 16-byte descriptor: type 0 and a canonical base."""
    return d.raw_hi >> 40 & 0x1F == 0 and canonical(d.base)


cdef bint load_ldt(CPU *c, u16 sel) noexcept nogil:
    cdef Descriptor d
    cdef u32 err = sel & 0xFFFC
    if plain_mode(c):
        return fail(c, EXC_UD, 0)
    if c.s.cpl:
        return fail(c, EXC_GP, 0)
    if not err:
        set_null(c, LDTR, sel)
        return 1
    if sel & 4:
        return fail(c, EXC_GP, err)
    if not read_descriptor(c, sel, &d, EXC_GP, 0):
        return 0
    if (d.attr & (SEG_S | SEG_TYPE)) != 2:
        return fail(c, EXC_GP, err)
    if not d.attr & SEG_P:
        return fail(c, EXC_NP, err)
    if long_mode(c) and not wide_base(&d):
        return fail(c, EXC_GP, err)
    set_segment(c, LDTR, sel, &d)
    return 1


cdef bint load_tr(CPU *c, u16 sel) noexcept nogil:
    cdef Descriptor d
    cdef u32 err = sel & 0xFFFC
    if plain_mode(c):
        return fail(c, EXC_UD, 0)
    if c.s.cpl:
        return fail(c, EXC_GP, 0)
    if not err or sel & 4:
        return fail(c, EXC_GP, err)
    if not read_descriptor(c, sel, &d, EXC_GP, 0):
        return 0
    if (d.attr & (SEG_S | SEG_TYPE)) != 9 and ((d.attr & (SEG_S | SEG_TYPE)) != 1 or long_mode(c)):
        return fail(c, EXC_GP, err)
    if not d.attr & SEG_P:
        return fail(c, EXC_NP, err)
    if long_mode(c) and not wide_base(&d):
        return fail(c, EXC_GP, err)
    if not mark_busy(c, &d, 1):
        return 0
    set_segment(c, TR, sel, &d)
    return 1


cdef Insn *lldt_r(CPU *c, Insn *i) noexcept nogil:
    return next_insn(c, i) if load_ldt(c, (<u16 *>(<u8 *>c + i.dst))[0]) else unwind(c, i)


cdef Insn *ltr_r(CPU *c, Insn *i) noexcept nogil:
    return next_insn(c, i) if load_tr(c, (<u16 *>(<u8 *>c + i.dst))[0]) else unwind(c, i)


cdef Insn *lldt_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p
    if c.s.cpl and not plain_mode(c):
        return fault(c, i, EXC_GP, 0)
    p = rd_at(c, i.seg, ea(c, i), 2, a)
    if p == NULL:
        return miss(c, i)
    return next_insn(c, i) if load_ldt(c, (<u16 *>p)[0]) else unwind(c, i)


cdef Insn *ltr_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p
    if c.s.cpl and not plain_mode(c):
        return fault(c, i, EXC_GP, 0)
    p = rd_at(c, i.seg, ea(c, i), 2, a)
    if p == NULL:
        return miss(c, i)
    return next_insn(c, i) if load_tr(c, (<u16 *>p)[0]) else unwind(c, i)


cdef Insn *sldt_r(CPU *c, Insn *i, uint_t t) noexcept nogil:
    if plain_mode(c):
        return fault(c, i, EXC_UD, 0)
    if hidden(c):
        return fault(c, i, EXC_GP, 0)
    put(c, i.dst, <uint_t>c.s.seg_sel[LDTR])
    return next_insn(c, i)


cdef Insn *str_r(CPU *c, Insn *i, uint_t t) noexcept nogil:
    if plain_mode(c):
        return fault(c, i, EXC_UD, 0)
    if hidden(c):
        return fault(c, i, EXC_GP, 0)
    put(c, i.dst, <uint_t>c.s.seg_sel[TR])
    return next_insn(c, i)


cdef Insn *sldt_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p
    if plain_mode(c):
        return fault(c, i, EXC_UD, 0)
    if hidden(c):
        return fault(c, i, EXC_GP, 0)
    p = wr_at(c, i.seg, ea(c, i), 2, a)
    if p == NULL:
        return miss(c, i)
    (<u16 *>p)[0] = c.s.seg_sel[LDTR]
    return finish(c, i, a)


cdef Insn *str_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p
    if plain_mode(c):
        return fault(c, i, EXC_UD, 0)
    if hidden(c):
        return fault(c, i, EXC_GP, 0)
    p = wr_at(c, i.seg, ea(c, i), 2, a)
    if p == NULL:
        return miss(c, i)
    (<u16 *>p)[0] = c.s.seg_sel[TR]
    return finish(c, i, a)


# ---------------------------------------------------------------- LAR, LSL, VERR, VERW

cdef enum:  # results of inspect(): a page fault is the only way these instructions fail
    BROKE = 0
    VISIBLE = 1
    HIDDEN = 2


cdef int inspect(CPU *c, u16 sel, Descriptor *d) noexcept nogil:
    """Descriptor of a selector if CPL and RPL may see it; no #GP for bad selectors."""
    cdef u32 dpl
    if not sel & 0xFFFC:
        return HIDDEN
    if not read_descriptor(c, sel, d, EXC_GP, 0):
        if c.exc != EXC_GP:
            return BROKE
        c.exc = -1
        return HIDDEN
    if (d.attr & (SEG_S | SEG_CODE | SEG_EC)) == (SEG_S | SEG_CODE | SEG_EC):
        return VISIBLE
    dpl = (d.attr & SEG_DPL) >> SEG_DPL_SHIFT
    return VISIBLE if dpl >= c.s.cpl and dpl >= <u32>(sel & 3) else HIDDEN


cdef int access_rights(CPU *c, u16 sel, u32 *out) noexcept nogil:
    cdef Descriptor d
    cdef int r = inspect(c, sel, &d)
    if r == VISIBLE:
        if not d.attr & SEG_S and not (LAR_TYPES_64 if long_mode(c) else LAR_TYPES) >> (d.attr & SEG_TYPE) & 1:
            return HIDDEN
        out[0] = <u32>(d.raw >> 32) & 0xFFFF00
    return r


cdef int segment_limit(CPU *c, u16 sel, u32 *out) noexcept nogil:
    cdef Descriptor d
    cdef int r = inspect(c, sel, &d)
    if r == VISIBLE:
        if not d.attr & SEG_S and not (LSL_TYPES_64 if long_mode(c) else LSL_TYPES) >> (d.attr & SEG_TYPE) & 1:
            return HIDDEN
        out[0] = d.limit
    return r


cdef int readable(CPU *c, u16 sel) noexcept nogil:
    cdef Descriptor d
    cdef int r = inspect(c, sel, &d)
    if r == VISIBLE and (not d.attr & SEG_S or (d.attr & (SEG_CODE | SEG_RW)) == SEG_CODE):
        return HIDDEN
    return r


cdef int writable(CPU *c, u16 sel) noexcept nogil:
    cdef Descriptor d
    cdef int r = inspect(c, sel, &d)
    if r == VISIBLE and (not d.attr & SEG_S or (d.attr & (SEG_CODE | SEG_RW)) != SEG_RW):
        return HIDDEN
    return r


cdef Insn *into_register(CPU *c, Insn *i, u16 sel, bint lar, uint_t t) noexcept nogil:
    """LAR and LSL: destination and ZF."""
    cdef u32 v = 0
    cdef int r
    if plain_mode(c):
        return fault(c, i, EXC_UD, 0)
    r = access_rights(c, sel, &v) if lar else segment_limit(c, sel, &v)
    if r == BROKE:
        return unwind(c, i)
    if r == VISIBLE:
        put(c, i.dst, <uint_t>v)
    set_zf(c, r == VISIBLE)
    return next_insn(c, i)


cdef Insn *lar_rr(CPU *c, Insn *i, uint_t t) noexcept nogil:
    return into_register(c, i, (<u16 *>(<u8 *>c + i.src))[0], 1, t)


cdef Insn *lsl_rr(CPU *c, Insn *i, uint_t t) noexcept nogil:
    return into_register(c, i, (<u16 *>(<u8 *>c + i.src))[0], 0, t)


cdef Insn *lar_rm(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u8 *p = rd_at(c, i.seg, ea(c, i), 2, a)
    if p == NULL:
        return miss(c, i)
    return into_register(c, i, (<u16 *>p)[0], 1, t)


cdef Insn *lsl_rm(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef u8 *p = rd_at(c, i.seg, ea(c, i), 2, a)
    if p == NULL:
        return miss(c, i)
    return into_register(c, i, (<u16 *>p)[0], 0, t)


cdef Insn *verified(CPU *c, Insn *i, int r) noexcept nogil:
    if r == BROKE:
        return unwind(c, i)
    set_zf(c, r == VISIBLE)
    return next_insn(c, i)


cdef Insn *verr_r(CPU *c, Insn *i) noexcept nogil:
    if plain_mode(c):
        return fault(c, i, EXC_UD, 0)
    return verified(c, i, readable(c, (<u16 *>(<u8 *>c + i.dst))[0]))


cdef Insn *verw_r(CPU *c, Insn *i) noexcept nogil:
    if plain_mode(c):
        return fault(c, i, EXC_UD, 0)
    return verified(c, i, writable(c, (<u16 *>(<u8 *>c + i.dst))[0]))


cdef Insn *verr_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p
    if plain_mode(c):
        return fault(c, i, EXC_UD, 0)
    p = rd_at(c, i.seg, ea(c, i), 2, a)
    if p == NULL:
        return miss(c, i)
    return verified(c, i, readable(c, (<u16 *>p)[0]))


cdef Insn *verw_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p
    if plain_mode(c):
        return fault(c, i, EXC_UD, 0)
    p = rd_at(c, i.seg, ea(c, i), 2, a)
    if p == NULL:
        return miss(c, i)
    return verified(c, i, writable(c, (<u16 *>p)[0]))


# ---------------------------------------------------------------- ARPL

cdef inline bint adjust(CPU *c, u16 *p, u16 by) noexcept nogil:
    cdef bint raised = (p[0] & 3) < (by & 3)
    if raised:
        p[0] = p[0] & 0xFFFC | by & 3
    set_zf(c, raised)
    return raised


cdef Insn *arpl_rr(CPU *c, Insn *i) noexcept nogil:
    if plain_mode(c):
        return fault(c, i, EXC_UD, 0)
    adjust(c, <u16 *>(<u8 *>c + i.dst), (<u16 *>(<u8 *>c + i.src))[0])
    return next_insn(c, i)


cdef Insn *arpl_mr(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p
    if plain_mode(c):
        return fault(c, i, EXC_UD, 0)
    p = rd_at(c, i.seg, ea(c, i), 2, a)     # nothing is written, nor checked for writing, when the RPL is high enough
    if p == NULL:
        return miss(c, i)
    if ((<u16 *>p)[0] & 3) >= ((<u16 *>(<u8 *>c + i.src))[0] & 3):
        set_zf(c, 0)
        return finish(c, i, a)
    p = rmw_at(c, i.seg, ea(c, i), 2, a)
    if p == NULL:
        return miss(c, i)
    adjust(c, <u16 *>p, (<u16 *>(<u8 *>c + i.src))[0])
    return finish(c, i, a)


# ---------------------------------------------------------------- registration

cdef int any_size(Registry r, str name, handler_t fast, handler_t slow) except -1:
    for size in (0, 1, 2, 4, 8):
        r.add(name, size, fast, slow)
    return 0


cdef int sized(Registry r, str name, handler_t w, handler_t d, handler_t q) except -1:
    r.add(name, 2, w, w)
    r.add(name, 4, d, d)
    r.add(name, 8, q, q)
    return 0


cdef int register(Registry r) except -1:
    any_size(r, "lgdt_m", <handler_t>lgdt_m[fast_t], <handler_t>lgdt_m[slow_t])
    any_size(r, "lidt_m", <handler_t>lidt_m[fast_t], <handler_t>lidt_m[slow_t])
    any_size(r, "sgdt_m", <handler_t>sgdt_m[fast_t], <handler_t>sgdt_m[slow_t])
    any_size(r, "sidt_m", <handler_t>sidt_m[fast_t], <handler_t>sidt_m[slow_t])
    any_size(r, "lldt_r", <handler_t>lldt_r, <handler_t>lldt_r)
    any_size(r, "ltr_r", <handler_t>ltr_r, <handler_t>ltr_r)
    any_size(r, "lldt_m", <handler_t>lldt_m[fast_t], <handler_t>lldt_m[slow_t])
    any_size(r, "ltr_m", <handler_t>ltr_m[fast_t], <handler_t>ltr_m[slow_t])
    sized(r, "sldt_r", <handler_t>sldt_r[u16], <handler_t>sldt_r[u32], <handler_t>sldt_r[u64])
    sized(r, "str_r", <handler_t>str_r[u16], <handler_t>str_r[u32], <handler_t>str_r[u64])
    any_size(r, "sldt_m", <handler_t>sldt_m[fast_t], <handler_t>sldt_m[slow_t])
    any_size(r, "str_m", <handler_t>str_m[fast_t], <handler_t>str_m[slow_t])
    sized(r, "lar_rr", <handler_t>lar_rr[u16], <handler_t>lar_rr[u32], <handler_t>lar_rr[u64])
    sized(r, "lsl_rr", <handler_t>lsl_rr[u16], <handler_t>lsl_rr[u32], <handler_t>lsl_rr[u64])
    r.add("lar_rm", 2, <handler_t>lar_rm[u16, fast_t], <handler_t>lar_rm[u16, slow_t])
    r.add("lar_rm", 4, <handler_t>lar_rm[u32, fast_t], <handler_t>lar_rm[u32, slow_t])
    r.add("lar_rm", 8, <handler_t>lar_rm[u64, fast_t], <handler_t>lar_rm[u64, slow_t])
    r.add("lsl_rm", 2, <handler_t>lsl_rm[u16, fast_t], <handler_t>lsl_rm[u16, slow_t])
    r.add("lsl_rm", 4, <handler_t>lsl_rm[u32, fast_t], <handler_t>lsl_rm[u32, slow_t])
    r.add("lsl_rm", 8, <handler_t>lsl_rm[u64, fast_t], <handler_t>lsl_rm[u64, slow_t])
    any_size(r, "verr_r", <handler_t>verr_r, <handler_t>verr_r)
    any_size(r, "verw_r", <handler_t>verw_r, <handler_t>verw_r)
    any_size(r, "verr_m", <handler_t>verr_m[fast_t], <handler_t>verr_m[slow_t])
    any_size(r, "verw_m", <handler_t>verw_m[fast_t], <handler_t>verw_m[slow_t])
    any_size(r, "arpl_rr", <handler_t>arpl_rr, <handler_t>arpl_rr)
    any_size(r, "arpl_mr", <handler_t>arpl_mr[fast_t], <handler_t>arpl_mr[slow_t])
    return 0
