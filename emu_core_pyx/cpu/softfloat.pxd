"""80-bit arithmetic in integers: the portable implementation, and the one for unmasked exceptions.

Every function takes an `Fx` (control word in, exceptions out) and gives the masked response, except
that an UNMASKED overflow or underflow of a register result is scaled by 2**-+24576 as SDM vol. 1,
8.5.4/8.5.5 wants.  Whether a result may be stored is the caller's decision (cpu/fpu.pyx).

Tininess is detected after rounding.  NaN rules: SDM vol. 1, table 4-7 (x87 rows).
"""
from emu_core_pyx.types cimport i32, i64, u8, u16, u32, u64, u128
from emu_core_pyx.cpu.state cimport F80

cdef extern from *:
    int clz64 "__builtin_clzll"(unsigned long long x) noexcept nogil

cdef enum:              # status word
    SW_IE = 0x1
    SW_DE = 0x2
    SW_ZE = 0x4
    SW_OE = 0x8
    SW_UE = 0x10
    SW_PE = 0x20
    SW_SF = 0x40
    SW_ES = 0x80
    SW_C0 = 0x100
    SW_C1 = 0x200
    SW_C2 = 0x400
    SW_TOP = 0x3800
    SW_C3 = 0x4000
    SW_B = 0x8000
    SW_EXC = 0x3F
    SW_CC = 0x4700

cdef enum:              # control word
    CW_IM = 0x1
    CW_DM = 0x2
    CW_ZM = 0x4
    CW_OM = 0x8
    CW_UM = 0x10
    CW_PM = 0x20
    CW_RC_SHIFT = 10

cdef enum:
    RC_NEAREST = 0
    RC_DOWN = 1
    RC_UP = 2
    RC_ZERO = 3
    BIAS = 16383
    EXP_MAX = 0x7FFF
    WRAP = 24576        # exponent adjustment of an unmasked overflow or underflow

cdef struct Fx:
    u32 cw
    u32 ex              # SW_* raised: exceptions, SF, C1
    u32 den             # a memory operand was a denormal of its own format
    u32 inexact         # of the last round_at
    u32 up
    u32 carry


cdef inline F80 mk80(u32 sign, u32 exp, u64 sig) noexcept nogil:
    cdef F80 r
    r.sig = sig
    r.sexp = <u16>(exp | sign << 15)
    r.pad[0] = 0
    r.pad[1] = 0
    r.pad[2] = 0
    return r


cdef inline F80 nan80() noexcept nogil:
    """The real indefinite."""
    return mk80(1, EXP_MAX, <u64>0xC000000000000000)


cdef inline F80 zero80(u32 sign) noexcept nogil:
    return mk80(sign, 0, 0)


cdef inline F80 inf80(u32 sign) noexcept nogil:
    return mk80(sign, EXP_MAX, <u64>1 << 63)


cdef inline u32 exp80(F80 a) noexcept nogil:
    return a.sexp & 0x7FFF


cdef inline u32 sign80(F80 a) noexcept nogil:
    return a.sexp >> 15


cdef inline bint is_bad(F80 a) noexcept nogil:
    """Unnormal, pseudo-infinity or pseudo-NaN: not supported since the 387."""
    return (a.sexp & 0x7FFF) != 0 and not (a.sig >> 63)


cdef inline bint is_zero(F80 a) noexcept nogil:
    return a.sig == 0 and (a.sexp & 0x7FFF) == 0


cdef inline bint is_den(F80 a) noexcept nogil:
    """Denormal or pseudo-denormal."""
    return a.sig != 0 and (a.sexp & 0x7FFF) == 0


cdef inline bint is_inf(F80 a) noexcept nogil:
    return (a.sexp & 0x7FFF) == EXP_MAX and a.sig == <u64>1 << 63


cdef inline bint is_nan(F80 a) noexcept nogil:
    return (a.sexp & 0x7FFF) == EXP_MAX and (a.sig << 1) != 0 and a.sig >> 63


cdef inline bint is_snan(F80 a) noexcept nogil:
    return is_nan(a) and not (a.sig >> 62) & 1


cdef inline i32 unpack(F80 a, u64 *sig) noexcept nogil:
    """Exponent and normalised significand of a finite number other than zero."""
    cdef i32 e = a.sexp & 0x7FFF
    cdef int n
    sig[0] = a.sig
    if e == 0:
        n = clz64(a.sig)
        sig[0] = a.sig << n
        e = 1 - n
    return e


cdef inline u32 drop_of(u32 cw) noexcept nogil:
    """Bits that precision control takes off the 64-bit significand (PC = 01 is reserved: as 64)."""
    cdef u32 pc = (cw >> 8) & 3
    if pc == 0:
        return 40
    if pc == 2:
        return 11
    return 0


# Round hi.lo (lo: fraction with sticky) after dropping `drop` low bits of hi; sets inexact, up, carry.
cdef u64 round_at(Fx *f, u32 sign, u64 hi, u64 lo, u32 drop) noexcept nogil
# (hi.lo as 1.63+64) * 2**(exp - BIAS), hi normalised, to a register value; range and exceptions.
cdef F80 round_pack(Fx *f, u32 sign, i32 exp, u64 hi, u64 lo, u32 drop) noexcept nogil
# Result of an operation with a NaN among a, b (pass the same twice for one operand).
cdef F80 pick_nan(Fx *f, F80 a, F80 b) noexcept nogil

cdef F80 x_add(Fx *f, F80 a, F80 b, u32 negate_b) noexcept nogil
cdef F80 x_mul(Fx *f, F80 a, F80 b) noexcept nogil
cdef F80 x_div(Fx *f, F80 a, F80 b) noexcept nogil
cdef F80 x_sqrt(Fx *f, F80 a) noexcept nogil
cdef F80 x_rint(Fx *f, F80 a) noexcept nogil
cdef F80 x_scale(Fx *f, F80 a, F80 b) noexcept nogil
# Remainder; cc: C0 C1 C2 C3 of the quotient. nearest = FPREM1.
cdef F80 x_rem(Fx *f, F80 a, F80 b, bint nearest, u32 *cc) noexcept nogil
# Exponent (result) and significand (*sig) of FXTRACT.
cdef F80 x_extract(Fx *f, F80 a, F80 *sig) noexcept nogil
# Condition codes C0 C2 C3; quiet: QNaN does not raise #IA (FUCOM).
cdef u32 x_compare(Fx *f, F80 a, F80 b, bint quiet) noexcept nogil

# Operands of arithmetic: a denormal sets f.den, an SNaN stays one.
cdef F80 from_f32(Fx *f, u32 v) noexcept nogil
cdef F80 from_f64(Fx *f, u64 v) noexcept nogil
cdef F80 from_i64(i64 v) noexcept nogil
cdef u32 to_f32(Fx *f, F80 a) noexcept nogil
cdef u64 to_f64(Fx *f, F80 a) noexcept nogil
# Signed integer of `bits` bits, or the indefinite with SW_IE.
cdef i64 to_int(Fx *f, F80 a, u32 bits) noexcept nogil
cdef F80 from_bcd(const u8 *p) noexcept nogil
cdef void to_bcd(Fx *f, F80 a, u8 *p) noexcept nogil
