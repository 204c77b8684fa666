"""x87 state, exceptions and general operations: see fpu.pxd.

Not emulated: the 8087/287 (infinity control, unnormals), FPU stalls and overlap: an instruction is complete,
and its exception pending, before the next one starts.
Spec: SDM vol. 1, ch. 8 (Programming with the x87 FPU), app. D (FERR#, IGNNE#); vol. 2, the F instructions.
"""
from libc.string cimport memcpy
from emu_core_pyx.types cimport i16, i32, i64, slow_t, u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU, F80
from emu_core_pyx.cpu.bits cimport CR0_NE, CS, EV_FERR, EXC_MF, EXC_NONE, F_CF, F_PF, F_ZF
from emu_core_pyx.cpu.flags cimport set_arith
from emu_core_pyx.cpu.softfloat cimport (
    BIAS, CW_RC_SHIFT, EXP_MAX, RC_ZERO, SW_B, SW_C0, SW_C1, SW_C2, SW_C3, SW_CC, SW_DE, SW_ES, SW_EXC, SW_IE,
    SW_OE, SW_SF, SW_UE, SW_ZE, F80, Fx, exp80, from_bcd, from_f32, from_f64, from_i64,
    is_nan, is_snan, is_zero, mk80, nan80, to_bcd, to_f32, to_f64, to_int, x_add, x_compare, x_div,
    x_extract, x_mul, x_rem, x_rint, x_scale, x_sqrt, zero80,
)
from emu_core_pyx.cpu.transcendental cimport x_2xm1, x_patan, x_sincos, x_tan, x_yl2x, x_yl2xp1
from emu_core_pyx.block.insn cimport MODE_PE, Insn
from emu_core_pyx.interp.dispatch cimport finish, insn_rip, raise_exc, unwind
from emu_core_pyx.mmu.access cimport ea
from emu_core_pyx.mmu.slow cimport lin_fetch


cdef bint fpu_blocked(CPU *c, Insn *i) noexcept nogil:
    if not c.s.fpu.sw & SW_ES:
        return 0
    if c.s.cr0 & CR0_NE:
        raise_exc(c, EXC_MF, 0)
        return 1
    # DEVIATION: with CR0.NE clear and IGNNE# inactive a processor freezes here until an interrupt comes; we drive
    # FERR# (IRQ 13 is delivered before this instruction if it can be) and then go on.
    if c.ferr:
        return 0
    c.ferr = 1
    c.s.event |= EV_FERR
    return 1


cdef u16 read_fop(CPU *c, Insn *i) noexcept nogil:
    """Last opcode: 3 bits of the escape byte, and ModRM. Fetched again, as Insn does not keep it."""
    cdef u8 b[15]
    cdef u32 k = 0
    if c.mmu == NULL:
        return 0
    if not lin_fetch(c, c.s.seg_base[CS] + insn_rip(c, i), b, i.len):
        c.exc = EXC_NONE
        return 0
    while k + 1 < i.len and b[k] & 0xF8 != 0xD8:
        k += 1
    return <u16>((b[k] & 7) << 8 | b[k + 1]) if k + 1 < i.len else 0


cdef bint fpu_commit(CPU *c, Insn *i, u32 ex, bint mem) noexcept nogil:
    cdef u32 unmasked = ex & ~<u32>c.s.fpu.cw & SW_EXC
    cdef bint store = 1
    if unmasked & (SW_IE | SW_DE | SW_ZE):
        store = 0
        if not ex & SW_SF:
            ex &= ~<u32>SW_C1
        ex &= SW_IE | SW_DE | SW_ZE | SW_SF | SW_C1
    c.s.fpu.sw = <u16>(c.s.fpu.sw & ~SW_C1 | ex)
    c.s.fpu.fip = insn_rip(c, i)
    if unmasked:
        c.s.fpu.sw |= <u16>(SW_ES | SW_B)
        c.s.fpu.fop = read_fop(c, i)
        if mem:
            c.s.fpu.fdp = ea(c, i)
        if not c.mode & MODE_PE:    # for linear addresses in real-mode images; in protected mode FCS and FDS stay 0
            c.s.fpu.fcs = c.s.seg_sel[CS]
            if mem:
                c.s.fpu.fds = c.s.seg_sel[i.seg]
    return store


cdef void fpu_update_es(CPU *c) noexcept nogil:
    if c.s.fpu.sw & ~c.s.fpu.cw & SW_EXC:
        c.s.fpu.sw |= <u16>(SW_ES | SW_B)
    else:
        c.s.fpu.sw &= <u16>~(SW_ES | SW_B)
        if c.ferr:
            c.ferr = 0
            c.s.event |= EV_FERR


cdef void fpu_set_cw(CPU *c, u16 cw) noexcept nogil:
    c.s.fpu.cw = cw & 0x1F7F | 0x40
    fpu_update_es(c)
    fpu_host_sync(c)


cdef void fpu_set_sw(CPU *c, u16 sw) noexcept nogil:
    c.s.fpu.top = (sw >> 11) & 7
    c.s.fpu.sw = sw & 0x477F
    if sw & SW_C1:
        c.s.fpu.sw |= SW_C1
    fpu_update_es(c)
    fpu_host_sync(c)


cdef u16 fpu_get_sw(CPU *c) noexcept nogil:
    return <u16>(c.s.fpu.sw | c.s.fpu.top << 11)


cdef u16 fpu_get_tags(CPU *c) noexcept nogil:
    cdef u32 n, t, w = 0
    cdef F80 v
    for n in range(8):
        v = c.s.fpu.st[n]
        if not (c.s.fpu.tags >> n) & 1:
            t = 3
        elif is_zero(v):
            t = 1
        elif exp80(v) == 0 or exp80(v) == EXP_MAX or not v.sig >> 63:
            t = 2
        else:
            t = 0
        w |= t << (2 * n)
    return <u16>w


cdef void fpu_set_tags(CPU *c, u16 tw) noexcept nogil:
    cdef u32 n
    c.s.fpu.tags = 0
    for n in range(8):
        if (tw >> (2 * n)) & 3 != 3:
            c.s.fpu.tags |= <u8>(1 << n)


cdef void fpu_init(CPU *c) noexcept nogil:
    c.s.fpu.sw = 0
    c.s.fpu.top = 0
    c.s.fpu.tags = 0
    c.s.fpu.fop = 0
    c.s.fpu.fip = 0
    c.s.fpu.fdp = 0
    c.s.fpu.fcs = 0
    c.s.fpu.fds = 0
    fpu_set_cw(c, 0x37F)


cdef bint fpu_underflow(CPU *c, Insn *i, u32 n) noexcept nogil:
    if fpu_commit(c, i, SW_IE | SW_SF, 0):
        st_put(c, n, nan80())
        return 1
    return 0


cdef bint fpu_overflow(CPU *c, Insn *i) noexcept nogil:
    if fpu_commit(c, i, SW_IE | SW_SF | SW_C1, 0):
        st_push(c, nan80())
        return 1
    return 0


# do_*: the work of fpu_*, apart because the address of a local in a handler would keep it from ending in a tail call.

cdef inline void start(CPU *c, Fx *f) noexcept nogil:
    f.cw = c.s.fpu.cw
    f.ex = 0
    f.den = 0


cdef F80 operand(CPU *c, Insn *i, Fx *f, u32 kind, const void *p) noexcept nogil:
    cdef u32 v32
    cdef u64 v64
    cdef i16 h
    cdef F80 r
    if kind == K_M32:
        memcpy(&v32, p, 4)
        return from_f32(f, v32)
    elif kind == K_M64:
        memcpy(&v64, p, 8)
        return from_f64(f, v64)
    elif kind == K_M80:
        r = zero80(0)
        memcpy(&r, p, 10)
        return r
    elif kind == K_I16:
        memcpy(&h, p, 2)
        return from_i64(h)
    elif kind == K_I32:
        memcpy(&v32, p, 4)
        return from_i64(<i32>v32)
    elif kind == K_I64:
        memcpy(&v64, p, 8)
        return from_i64(<i64>v64)
    elif kind == K_BCD:
        return from_bcd(<const u8 *>p)
    elif kind == K_ZERO:
        return zero80(0)
    elif kind == K_0T:
        return st(c, i.x)[0]
    return st(c, 0)[0]


cdef void do_binary(CPU *c, Insn *i, u32 op, u32 kind, const void *p) noexcept nogil:
    cdef Fx f
    cdef F80 a, b, r
    cdef u32 dst = i.x if kind == K_T0 or kind == K_POP else 0
    start(c, &f)
    a = st(c, dst)[0]
    b = operand(c, i, &f, kind, p)
    if st_empty(c, 0) or (kind <= K_POP and st_empty(c, i.x)):
        f.ex = SW_IE | SW_SF
        r = nan80()
    elif op == OP_ADD:
        r = x_add(&f, a, b, 0)
    elif op == OP_MUL:
        r = x_mul(&f, a, b)
    elif op == OP_SUB:
        r = x_add(&f, a, b, 1)
    elif op == OP_SUBR:
        r = x_add(&f, b, a, 1)
    elif op == OP_DIV:
        r = x_div(&f, a, b)
    else:
        r = x_div(&f, b, a)
    if fpu_commit(c, i, f.ex, kind > K_POP):
        st_put(c, dst, r)
        if kind == K_POP:
            st_pop(c)


cdef Insn *fpu_binary(CPU *c, Insn *i, u32 op, u32 kind, const void *p) noexcept nogil:
    if fpu_blocked(c, i):
        return unwind(c, i)
    do_binary(c, i, op, kind, p)
    return finish(c, i, <slow_t>0)


cdef void do_compare(CPU *c, Insn *i, u32 how, u32 kind, const void *p) noexcept nogil:
    cdef Fx f
    cdef F80 b
    cdef u32 cc, c1 = c.s.fpu.sw & SW_C1
    cdef bint store
    start(c, &f)
    b = operand(c, i, &f, kind, p)
    if st_empty(c, 0) or (kind == K_0T and st_empty(c, i.x)):
        f.ex = SW_IE | SW_SF
        cc = SW_C0 | SW_C2 | SW_C3
        c1 = 0
    else:
        cc = x_compare(&f, st(c, 0)[0], b, how & CMP_QUIET)
    store = fpu_commit(c, i, f.ex, K_M32 <= kind <= K_BCD)
    # the result is delivered even when an unmasked exception keeps the operands on the stack
    if how & CMP_EFLAGS:
        c.s.fpu.sw |= <u16>c1
        set_arith(c, (F_CF if cc & SW_C0 else 0) | (F_PF if cc & SW_C2 else 0) | (F_ZF if cc & SW_C3 else 0))
    else:
        c.s.fpu.sw = <u16>(c.s.fpu.sw & ~(SW_C0 | SW_C2 | SW_C3) | cc)
    if store and how & (CMP_POP | CMP_POP2):
        st_pop(c)
        if how & CMP_POP2:
            st_pop(c)


cdef Insn *fpu_compare(CPU *c, Insn *i, u32 how, u32 kind, const void *p) noexcept nogil:
    if fpu_blocked(c, i):
        return unwind(c, i)
    do_compare(c, i, how, kind, p)
    return finish(c, i, <slow_t>0)


cdef void do_load(CPU *c, Insn *i, u32 kind, const void *p) noexcept nogil:
    cdef Fx f
    cdef F80 v
    start(c, &f)
    v = operand(c, i, &f, kind, p)
    if kind == K_0T and st_empty(c, i.x):       # before the check for a free register
        f.ex = SW_IE | SW_SF
        v = nan80()
    elif not st_empty(c, 7):
        f.ex = SW_IE | SW_SF | SW_C1
        v = nan80()
    elif kind == K_M32 or kind == K_M64:
        if is_snan(v):
            f.ex |= SW_IE
            v.sig |= <u64>1 << 62
        elif f.den:
            f.ex |= SW_DE
    # an unmasked denormal operand is reported after the load
    if fpu_commit(c, i, f.ex, kind != K_0T) or not f.ex & SW_IE:
        st_push(c, v)


cdef Insn *fpu_load(CPU *c, Insn *i, u32 kind, const void *p) noexcept nogil:
    if fpu_blocked(c, i):
        return unwind(c, i)
    do_load(c, i, kind, p)
    return finish(c, i, <slow_t>0)


cdef u64 convert(CPU *c, Fx *f, u32 how, u32 kind, u8 *bcd) noexcept nogil:
    """ST(0) as a store writes it, with the exceptions in f.ex."""
    cdef F80 v = st(c, 0)[0]
    cdef u64 r = 0
    start(c, f)
    if how & ST_TRUNC:
        f.cw |= RC_ZERO << CW_RC_SHIFT
    if st_empty(c, 0):
        v = nan80()
    if kind == K_M32:
        r = to_f32(f, v)
    elif kind == K_M64:
        r = to_f64(f, v)
    elif kind == K_I16:
        r = <u64>to_int(f, v, 16)
    elif kind == K_I32:
        r = <u64>to_int(f, v, 32)
    elif kind == K_I64:
        r = <u64>to_int(f, v, 64)
    elif kind == K_BCD:
        to_bcd(f, v, bcd)
    if st_empty(c, 0):
        f.ex = SW_IE | SW_SF
    return r


cdef bint fpu_store_void(CPU *c, u32 how, u32 kind) noexcept nogil:
    """A store that an unmasked exception keeps from touching memory at all."""
    cdef Fx f
    cdef u8 bcd[10]
    convert(c, &f, how, kind, bcd)
    return (f.ex & ~<u32>c.s.fpu.cw & (SW_IE | SW_DE | SW_ZE | SW_OE | SW_UE)) != 0


cdef void do_store(CPU *c, Insn *i, u32 how, u32 kind, void *p) noexcept nogil:
    cdef Fx f
    cdef F80 v
    cdef u64 r
    cdef u32 n = 8
    cdef u8 bcd[10]
    v = st(c, 0)[0]
    if st_empty(c, 0):
        v = nan80()
    r = convert(c, &f, how, kind, bcd)
    if kind == K_M32 or kind == K_I32:
        n = 4
    elif kind == K_I16:
        n = 2
    if not fpu_commit(c, i, f.ex, kind >= K_M32) or f.ex & ~f.cw & (SW_OE | SW_UE):
        c.bounce_wr = 0
        return
    if kind == K_0T:
        st_put(c, i.x, v)
    elif kind == K_M80:
        memcpy(p, &v, 10)
    elif kind == K_BCD:
        memcpy(p, bcd, 10)
    else:
        memcpy(p, &r, n)
    if how & ST_POP:
        st_pop(c)


cdef Insn *fpu_store(CPU *c, Insn *i, u32 how, u32 kind, void *p) noexcept nogil:
    if fpu_blocked(c, i):
        c.bounce_wr = 0
        return unwind(c, i)
    do_store(c, i, how, kind, p)
    return finish(c, i, <slow_t>0)


cdef void math_push(CPU *c, Insn *i, u32 op) noexcept nogil:
    """FXTRACT, FPTAN, FSINCOS: ST(0) becomes the first result, the second is pushed."""
    cdef Fx f
    cdef F80 a = st(c, 0)[0], r, r2
    cdef u32 c2 = 0
    start(c, &f)
    r = nan80()
    r2 = r
    if st_empty(c, 0):
        f.ex = SW_IE | SW_SF
    elif not st_empty(c, 7):
        f.ex = SW_IE | SW_SF | SW_C1
    elif op == U_XTRACT:
        r = x_extract(&f, a, &r2)
    elif op == U_PTAN:
        r = x_tan(&f, a, &c2)
        r2 = r if exp80(r) == EXP_MAX and not c2 and f.ex & SW_IE or is_nan(r) else mk80(0, BIAS, <u64>1 << 63)
    else:
        x_sincos(&f, a, &r, &r2, &c2)
    if fpu_commit(c, i, f.ex, 0) and not c2:
        st_put(c, 0, r)
        st_push(c, r2)
    if op != U_XTRACT:
        c.s.fpu.sw = <u16>(c.s.fpu.sw & ~SW_C2 | c2)


cdef void do_math(CPU *c, Insn *i, u32 op) noexcept nogil:
    cdef Fx f
    cdef F80 a, b, r
    cdef u32 cc = 0, keep = SW_CC
    cdef u32 dst = 0
    cdef bint pair = op == U_SCALE or op == U_PREM or op == U_PREM1, pops = 0
    if op == U_XTRACT or op == U_PTAN or op == U_SINCOS:
        math_push(c, i, op)
        return
    if op == U_YL2X or op == U_YL2XP1 or op == U_PATAN:
        pair = pops = 1
        dst = 1
    start(c, &f)
    a = st(c, 0)[0]
    b = st(c, 1)[0]
    if st_empty(c, 0) or (pair and st_empty(c, 1)):
        f.ex = SW_IE | SW_SF
        r = nan80()
        if op == U_PREM or op == U_PREM1 or op >= U_SIN:
            keep = SW_CC & ~SW_C2
    elif op == U_SQRT:
        r = x_sqrt(&f, a)
    elif op == U_RINT:
        r = x_rint(&f, a)
    elif op == U_SCALE:
        r = x_scale(&f, a, b)
    elif op == U_PREM or op == U_PREM1:
        r = x_rem(&f, a, b, op == U_PREM1, &cc)
        keep = SW_C0 | SW_C3 if is_nan(r) else 0
    elif op == U_F2XM1:
        r = x_2xm1(&f, a)
    elif op == U_YL2X:
        r = x_yl2x(&f, a, b)
    elif op == U_YL2XP1:
        r = x_yl2xp1(&f, a, b)
    elif op == U_PATAN:
        r = x_patan(&f, a, b)
    else:
        keep = SW_CC & ~SW_C2
        if op == U_SIN:
            x_sincos(&f, a, &r, NULL, &cc)
        else:
            x_sincos(&f, a, NULL, &r, &cc)
    if fpu_commit(c, i, f.ex, 0) and not (cc & SW_C2 and op >= U_SIN):
        st_put(c, dst, r)
        if pops:
            st_pop(c)
    elif op == U_PREM or op == U_PREM1:
        keep = SW_C0 | SW_C3
        cc = 0
    c.s.fpu.sw = <u16>(c.s.fpu.sw & ~(~keep & (SW_CC & ~SW_C1)) | cc)


cdef Insn *fpu_math(CPU *c, Insn *i, u32 op) noexcept nogil:
    if fpu_blocked(c, i):
        return unwind(c, i)
    do_math(c, i, op)
    return finish(c, i, <slow_t>0)
