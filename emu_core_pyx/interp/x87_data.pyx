"""x87 data movement: loads, stores, constants, FXCH, FCMOVcc, FCHS, FABS, FXAM.

Spec: SDM vol. 1, 8.3.3 (Data Transfer) and 8.3.4 (Load Constant), vol. 2.
"""
from emu_core_pyx.types cimport acc_t, fast_t, i16, i32, i64, slow_t, u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU, F80
from emu_core_pyx.cpu.bits cimport EXC_NONE
from emu_core_pyx.cpu.flags cimport get_cf, get_pf, get_zf
from emu_core_pyx.cpu.softfloat cimport (
    BIAS, CW_RC_SHIFT, EXP_MAX, SW_C0, SW_C1, SW_C2, SW_C3, SW_ES, SW_IE, SW_SF, clz64, nan80,
)
from emu_core_pyx.cpu.fpu cimport (
    HOST_X87, K_0T, K_BCD, K_I16, K_I32, K_I64, K_M32, K_M64, K_M80, ST_POP, ST_TRUNC, fpu_blocked, fpu_commit, fpu_load,
    fpu_overflow, fpu_store, fpu_store_void, fpu_underflow, st, st_empty, st_pop, st_put,
)
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.interp.dispatch cimport finish, insn_rip, likely, miss, next_insn, unlikely, unwind
from emu_core_pyx.interp.x87 cimport (
    has, has0, i16_t, i32_t, m32_t, m64_t, masked, note, note_none, x87_st_i16, x87_st_i32, x87_st_i64, x87_st_m32, x87_st_m64,
)
from emu_core_pyx.mmu.access cimport ea, rd_at, wr_at

ctypedef long i64_t
ctypedef unsigned char m80_t
ctypedef signed char bcd_t

ctypedef fused load_t:
    m32_t
    m64_t
    m80_t
    i16_t
    i32_t
    i64_t
    bcd_t

ctypedef unsigned char keep_t
ctypedef signed char pop_t
ctypedef short trunc_t

ctypedef fused how_t:
    keep_t
    pop_t
    trunc_t


cdef inline u32 size_of(load_t t) noexcept nogil:
    if load_t is m32_t or load_t is i32_t:
        return 4
    elif load_t is i16_t:
        return 2
    elif load_t is m80_t or load_t is bcd_t:
        return 10
    else:
        return 8


cdef inline u32 kind_of(load_t t) noexcept nogil:
    if load_t is m32_t:
        return K_M32
    elif load_t is m64_t:
        return K_M64
    elif load_t is m80_t:
        return K_M80
    elif load_t is i16_t:
        return K_I16
    elif load_t is i32_t:
        return K_I32
    elif load_t is i64_t:
        return K_I64
    else:
        return K_BCD


cdef inline bint can_push(CPU *c) noexcept nogil:
    """Nothing pending, and the register below the top is empty."""
    return not (c.s.fpu.sw & SW_ES) and not (c.s.fpu.tags >> ((c.s.fpu.top - 1) & 7)) & 1


cdef inline void push_fast(CPU *c, Insn *i, u32 sexp, u64 sig) noexcept nogil:
    cdef u32 top = (c.s.fpu.top - 1) & 7
    c.s.fpu.st[top].sig = sig
    c.s.fpu.st[top].sexp = <u16>sexp
    c.s.fpu.top = <u8>top
    c.s.fpu.tags |= <u8>(1 << top)
    note_none(c, i)


cdef Insn *load(CPU *c, Insn *i, load_t t, acc_t a) noexcept nogil:
    """FLD, FILD, FBLD: push a memory operand."""
    cdef u8 *p
    cdef u32 e, w
    cdef u64 v
    cdef i64 n
    cdef int z
    if acc_t is slow_t:
        if c.s.fpu.sw & SW_ES and fpu_blocked(c, i):
            return unwind(c, i)
    p = rd_at(c, i.seg, ea(c, i), size_of(t), a)
    if p == NULL:
        return miss(c, i)
    if acc_t is fast_t:
        if likely(can_push(c)):
            if load_t is m64_t:
                v = (<u64 *>p)[0]
                e = <u32>(v >> 52) & 0x7FF
                if likely(e - 1 < 0x7FE):
                    push_fast(c, i, e + (BIAS - 1023) | <u32>(v >> 63) << 15, <u64>1 << 63 | v << 11)
                    return next_insn(c, i)
                if not v << 1:
                    push_fast(c, i, <u32>(v >> 63) << 15, 0)
                    return next_insn(c, i)
            elif load_t is m32_t:
                w = (<u32 *>p)[0]
                e = (w >> 23) & 0xFF
                if likely(e - 1 < 0xFE):
                    push_fast(c, i, e + (BIAS - 127) | (w >> 31) << 15, <u64>1 << 63 | <u64>w << 40)
                    return next_insn(c, i)
                if not w << 1:
                    push_fast(c, i, (w >> 31) << 15, 0)
                    return next_insn(c, i)
            elif load_t is m80_t:
                push_fast(c, i, (<u16 *>(p + 8))[0], (<u64 *>p)[0])
                return next_insn(c, i)
            elif load_t is i16_t or load_t is i32_t or load_t is i64_t:
                if load_t is i16_t:
                    n = (<i16 *>p)[0]
                elif load_t is i32_t:
                    n = (<i32 *>p)[0]
                else:
                    n = (<i64 *>p)[0]
                if n == 0:
                    push_fast(c, i, 0, 0)
                    return next_insn(c, i)
                v = <u64>n
                e = 0
                if n < 0:
                    v = 0 - v
                    e = 0x8000
                z = clz64(v)
                push_fast(c, i, e | (BIAS + 63 - z), v << z)
                return next_insn(c, i)
    return fpu_load(c, i, kind_of(t), p)


cdef inline u32 how_of(how_t h) noexcept nogil:
    if how_t is keep_t:
        return 0
    elif how_t is pop_t:
        return ST_POP
    else:
        return ST_POP | ST_TRUNC


cdef inline bint narrows(CPU *c, u32 bias, u32 limit) noexcept nogil:
    """ST(0) is a normal number of the smaller format too, before and after rounding to nearest."""
    cdef F80 *s = &c.s.fpu.st[c.s.fpu.top]
    return (<u32>(s.sexp & 0x7FFF) - bias - 1 < limit and <i64>s.sig < 0
            and not (c.s.fpu.cw >> CW_RC_SHIFT) & 3)


cdef inline u64 narrow(CPU *c, Insn *i, u32 drop, u32 bias) noexcept nogil:
    """ST(0) rounded to nearest even, `drop` bits shorter, packed; PE and C1 noted."""
    cdef F80 *s = &c.s.fpu.st[c.s.fpu.top]
    cdef u64 frac = s.sig & ((<u64>1 << drop) - 1)
    cdef u64 up = (frac + (<u64>1 << (drop - 1)) - 1 + ((s.sig >> drop) & 1)) >> drop
    cdef u64 r = (<u64>((s.sexp & 0x7FFF) - bias) << (63 - drop)) + (s.sig << 1 >> (drop + 1)) + up
    c.s.fpu.sw = <u16>(c.s.fpu.sw & ~SW_C1 | (frac != 0) << 5 | up << 9)
    c.s.fpu.fip = insn_rip(c, i)
    return r | <u64>(s.sexp >> 15) << (63 if drop == 11 else 31)


cdef Insn *store(CPU *c, Insn *i, load_t t, how_t h, acc_t a) noexcept nogil:
    """FST, FSTP, FIST, FISTP, FISTTP, FBSTP."""
    cdef u8 *p
    if acc_t is slow_t:
        if c.s.fpu.sw & SW_ES and fpu_blocked(c, i):
            return unwind(c, i)
    p = wr_at(c, i.seg, ea(c, i), size_of(t), a)
    if p == NULL:
        if acc_t is slow_t:
            if not masked(c) and fpu_store_void(c, how_of(h), kind_of(t)):
                c.exc = EXC_NONE
                return fpu_store(c, i, how_of(h), kind_of(t), NULL)
        return miss(c, i)
    if acc_t is fast_t:
        if load_t is m80_t:
            if likely(masked(c) and has0(c)):
                (<u64 *>p)[0] = c.s.fpu.st[c.s.fpu.top].sig
                (<u16 *>(p + 8))[0] = c.s.fpu.st[c.s.fpu.top].sexp
                note_none(c, i)
                if how_t is not keep_t:
                    st_pop(c)
                return next_insn(c, i)
        elif load_t is not bcd_t and how_t is not trunc_t:
            if HOST_X87 and likely(masked(c) and has0(c)):
                if load_t is m32_t:
                    # the host's FST is fast, but not reading the status after it: the common case in integers
                    if likely(narrows(c, BIAS - 127, 0xFD)):
                        (<u32 *>p)[0] = <u32>narrow(c, i, 40, BIAS - 127)
                    else:
                        note(c, i, x87_st_m32(p, &c.s.fpu.st[c.s.fpu.top]))
                elif load_t is m64_t:
                    if likely(narrows(c, BIAS - 1023, 0x7FD)):
                        (<u64 *>p)[0] = narrow(c, i, 11, BIAS - 1023)
                    else:
                        note(c, i, x87_st_m64(p, &c.s.fpu.st[c.s.fpu.top]))
                elif load_t is i16_t:
                    note(c, i, x87_st_i16(p, &c.s.fpu.st[c.s.fpu.top]))
                elif load_t is i32_t:
                    note(c, i, x87_st_i32(p, &c.s.fpu.st[c.s.fpu.top]))
                else:
                    note(c, i, x87_st_i64(p, &c.s.fpu.st[c.s.fpu.top]))
                if how_t is not keep_t:
                    st_pop(c)
                return next_insn(c, i)
    return fpu_store(c, i, how_of(h), kind_of(t), p)


cdef Insn *fld_t(CPU *c, Insn *i) noexcept nogil:
    cdef F80 *s = st(c, i.x)
    if likely(can_push(c) and has(c, i.x)):
        push_fast(c, i, s.sexp, s.sig)
        return next_insn(c, i)
    return fpu_load(c, i, K_0T, NULL)


cdef Insn *fst_t(CPU *c, Insn *i) noexcept nogil:
    return fpu_store(c, i, 0, K_0T, NULL)


cdef Insn *fstp_t(CPU *c, Insn *i) noexcept nogil:
    cdef u32 n
    if likely(masked(c) and has0(c)):
        n = (c.s.fpu.top + i.x) & 7
        c.s.fpu.st[n] = c.s.fpu.st[c.s.fpu.top]
        c.s.fpu.tags |= <u8>(1 << n)
        note_none(c, i)
        st_pop(c)
        return next_insn(c, i)
    return fpu_store(c, i, ST_POP, K_0T, NULL)


cdef Insn *fxch_cold(CPU *c, Insn *i) noexcept nogil:
    cdef F80 v
    if fpu_blocked(c, i):
        return unwind(c, i)
    if st_empty(c, 0) or st_empty(c, i.x):
        if not fpu_commit(c, i, SW_IE | SW_SF, 0):
            return finish(c, i, <slow_t>0)
        if st_empty(c, 0):
            st_put(c, 0, nan80())
        if st_empty(c, i.x):
            st_put(c, i.x, nan80())
    else:
        fpu_commit(c, i, 0, 0)
    v = st(c, 0)[0]
    st_put(c, 0, st(c, i.x)[0])
    st_put(c, i.x, v)
    return finish(c, i, <slow_t>0)


cdef Insn *fxch_t(CPU *c, Insn *i) noexcept nogil:
    cdef F80 *d = &c.s.fpu.st[c.s.fpu.top]
    cdef F80 *s = st(c, i.x)
    cdef u64 m
    cdef u16 e
    if likely(not (c.s.fpu.sw & SW_ES) and has0(c) and has(c, i.x)):
        m = d.sig
        e = d.sexp
        d.sig = s.sig
        d.sexp = s.sexp
        s.sig = m
        s.sexp = e
        note_none(c, i)
        return next_insn(c, i)
    return fxch_cold(c, i)


cdef Insn *sign_cold(CPU *c, Insn *i, u32 keep, u32 flip) noexcept nogil:
    if fpu_blocked(c, i):
        return unwind(c, i)
    if st_empty(c, 0):
        fpu_underflow(c, i, 0)
    else:
        fpu_commit(c, i, 0, 0)
        st(c, 0).sexp = <u16>(st(c, 0).sexp & keep ^ flip)
    return finish(c, i, <slow_t>0)


cdef Insn *fchs(CPU *c, Insn *i) noexcept nogil:
    if likely(not (c.s.fpu.sw & SW_ES) and has0(c)):
        c.s.fpu.st[c.s.fpu.top].sexp ^= 0x8000
        note_none(c, i)
        return next_insn(c, i)
    return sign_cold(c, i, 0xFFFF, 0x8000)


cdef Insn *fabs(CPU *c, Insn *i) noexcept nogil:
    if likely(not (c.s.fpu.sw & SW_ES) and has0(c)):
        c.s.fpu.st[c.s.fpu.top].sexp &= 0x7FFF
        note_none(c, i)
        return next_insn(c, i)
    return sign_cold(c, i, 0x7FFF, 0)


cdef Insn *fxam(CPU *c, Insn *i) noexcept nogil:
    """Class of ST(0) in C3 C2 C0, sign in C1; an empty register too has one."""
    cdef F80 v
    cdef u32 e, cc
    if c.s.fpu.sw & SW_ES and fpu_blocked(c, i):
        return unwind(c, i)
    v = st(c, 0)[0]
    e = v.sexp & 0x7FFF
    if st_empty(c, 0):
        cc = SW_C3 | SW_C0
    elif e == 0:
        cc = SW_C3 | SW_C2 if v.sig else SW_C3
    elif not v.sig >> 63:
        cc = 0
    elif e == EXP_MAX:
        cc = SW_C0 if v.sig << 1 else SW_C2 | SW_C0
    else:
        cc = SW_C2
    if v.sexp & 0x8000:
        cc |= SW_C1
    note_none(c, i)
    c.s.fpu.sw = <u16>(c.s.fpu.sw & ~(SW_C0 | SW_C2 | SW_C3) | cc)
    return next_insn(c, i)


cdef Insn *constant(CPU *c, Insn *i, u32 exp, u64 sig, u64 rest) noexcept nogil:
    """Push a constant known to 64 + 64 bits; rest rounds it as RC says (PC has no say)."""
    cdef u32 rc = (c.s.fpu.cw >> CW_RC_SHIFT) & 3
    if c.s.fpu.sw & SW_ES and fpu_blocked(c, i):
        return unwind(c, i)
    if unlikely(not st_empty(c, 7)):
        fpu_overflow(c, i)
        return finish(c, i, <slow_t>0)
    if rest and (rc == 2 or rc == 0 and rest >> 63):
        sig += 1
    push_fast(c, i, exp, sig)
    return next_insn(c, i)


cdef Insn *fld1(CPU *c, Insn *i) noexcept nogil:
    return constant(c, i, BIAS, <u64>1 << 63, 0)


cdef Insn *fldz(CPU *c, Insn *i) noexcept nogil:
    return constant(c, i, 0, 0, 0)


cdef Insn *fldl2t(CPU *c, Insn *i) noexcept nogil:
    return constant(c, i, BIAS + 1, <u64>0xD49A784BCD1B8AFE, <u64>0x492BF6FF4DAFDB4C)


cdef Insn *fldl2e(CPU *c, Insn *i) noexcept nogil:
    return constant(c, i, BIAS, <u64>0xB8AA3B295C17F0BB, <u64>0xBE87FED0691D3E88)


cdef Insn *fldpi(CPU *c, Insn *i) noexcept nogil:
    return constant(c, i, BIAS + 1, <u64>0xC90FDAA22168C234, <u64>0xC4C6628B80DC1CD1)


cdef Insn *fldlg2(CPU *c, Insn *i) noexcept nogil:
    return constant(c, i, BIAS - 2, <u64>0x9A209A84FBCFF798, <u64>0x8F8959AC0B7C9178)


cdef Insn *fldln2(CPU *c, Insn *i) noexcept nogil:
    return constant(c, i, BIAS - 1, <u64>0xB17217F7D1CF79AB, <u64>0xC9E3B39803F2F6AF)


cdef Insn *fcmov(CPU *c, Insn *i, bint take) noexcept nogil:
    cdef F80 *s = st(c, i.x)
    cdef u16 c1 = c.s.fpu.sw & SW_C1
    if c.s.fpu.sw & SW_ES and fpu_blocked(c, i):
        return unwind(c, i)
    if unlikely(not (has0(c) and has(c, i.x))):
        fpu_underflow(c, i, 0)
        return finish(c, i, <slow_t>0)
    if take:
        c.s.fpu.st[c.s.fpu.top] = s[0]
    note_none(c, i)
    c.s.fpu.sw |= c1
    return next_insn(c, i)


cdef Insn *fcmovb_t(CPU *c, Insn *i) noexcept nogil:
    return fcmov(c, i, get_cf(c))


cdef Insn *fcmove_t(CPU *c, Insn *i) noexcept nogil:
    return fcmov(c, i, get_zf(c))


cdef Insn *fcmovbe_t(CPU *c, Insn *i) noexcept nogil:
    return fcmov(c, i, get_cf(c) or get_zf(c))


cdef Insn *fcmovu_t(CPU *c, Insn *i) noexcept nogil:
    return fcmov(c, i, get_pf(c))


cdef Insn *fcmovnb_t(CPU *c, Insn *i) noexcept nogil:
    return fcmov(c, i, not get_cf(c))


cdef Insn *fcmovne_t(CPU *c, Insn *i) noexcept nogil:
    return fcmov(c, i, not get_zf(c))


cdef Insn *fcmovnbe_t(CPU *c, Insn *i) noexcept nogil:
    return fcmov(c, i, not (get_cf(c) or get_zf(c)))


cdef Insn *fcmovnu_t(CPU *c, Insn *i) noexcept nogil:
    return fcmov(c, i, not get_pf(c))


cdef int add_load(Registry r, str name, load_t t) except -1:
    return r.add(name, 0, <handler_t>load[load_t, fast_t], <handler_t>load[load_t, slow_t])


cdef int add_store(Registry r, str name, load_t t, how_t h) except -1:
    return r.add(name, 0, <handler_t>store[load_t, how_t, fast_t], <handler_t>store[load_t, how_t, slow_t])


cdef int add1(Registry r, str name, handler_t h) except -1:
    return r.add(name, 0, h, h)


cdef int register(Registry r) except -1:
    add_load(r, "fld_m32", <m32_t>0)
    add_load(r, "fld_m64", <m64_t>0)
    add_load(r, "fld_m80", <m80_t>0)
    add_load(r, "fild_m16", <i16_t>0)
    add_load(r, "fild_m32", <i32_t>0)
    add_load(r, "fild_m64", <i64_t>0)
    add_load(r, "fbld_m80", <bcd_t>0)
    add_store(r, "fst_m32", <m32_t>0, <keep_t>0)
    add_store(r, "fst_m64", <m64_t>0, <keep_t>0)
    add_store(r, "fist_m16", <i16_t>0, <keep_t>0)
    add_store(r, "fist_m32", <i32_t>0, <keep_t>0)
    add_store(r, "fstp_m32", <m32_t>0, <pop_t>0)
    add_store(r, "fstp_m64", <m64_t>0, <pop_t>0)
    add_store(r, "fstp_m80", <m80_t>0, <pop_t>0)
    add_store(r, "fistp_m16", <i16_t>0, <pop_t>0)
    add_store(r, "fistp_m32", <i32_t>0, <pop_t>0)
    add_store(r, "fistp_m64", <i64_t>0, <pop_t>0)
    add_store(r, "fbstp_m80", <bcd_t>0, <pop_t>0)
    add_store(r, "fisttp_m16", <i16_t>0, <trunc_t>0)
    add_store(r, "fisttp_m32", <i32_t>0, <trunc_t>0)
    add_store(r, "fisttp_m64", <i64_t>0, <trunc_t>0)
    add1(r, "fld_t", <handler_t>fld_t)
    add1(r, "fst_t", <handler_t>fst_t)
    add1(r, "fstp_t", <handler_t>fstp_t)
    add1(r, "fxch_t", <handler_t>fxch_t)
    add1(r, "fchs", <handler_t>fchs)
    add1(r, "fabs", <handler_t>fabs)
    add1(r, "fxam", <handler_t>fxam)
    add1(r, "fld1", <handler_t>fld1)
    add1(r, "fldz", <handler_t>fldz)
    add1(r, "fldl2t", <handler_t>fldl2t)
    add1(r, "fldl2e", <handler_t>fldl2e)
    add1(r, "fldpi", <handler_t>fldpi)
    add1(r, "fldlg2", <handler_t>fldlg2)
    add1(r, "fldln2", <handler_t>fldln2)
    add1(r, "fcmovb_t", <handler_t>fcmovb_t)
    add1(r, "fcmove_t", <handler_t>fcmove_t)
    add1(r, "fcmovbe_t", <handler_t>fcmovbe_t)
    add1(r, "fcmovu_t", <handler_t>fcmovu_t)
    add1(r, "fcmovnb_t", <handler_t>fcmovnb_t)
    add1(r, "fcmovne_t", <handler_t>fcmovne_t)
    add1(r, "fcmovnbe_t", <handler_t>fcmovnbe_t)
    add1(r, "fcmovnu_t", <handler_t>fcmovnu_t)
    return 0
