"""SIMD floating-point exceptions that the guest has unmasked (SDM vol. 1, 11.5).

The host has everything masked, so what differs between masked and unmasked responses is worked out here, after the
operation: unmasked invalid, denormal and divide-by-zero suppress the other three flags; unmasked underflow is
raised by a tiny result even if it is exact; and next to unmasked overflow or underflow, PE says whether the result
would be inexact with an unbounded exponent.
"""
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.cpu.bits cimport CR4_OSXMMEXCPT, EXC_UD, EXC_XM
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.interp.dispatch cimport raise_exc
from emu_core_pyx.interp.simd cimport (
    MXCSR_FLAGS, MXCSR_OE, MXCSR_PE, MXCSR_PRE, MXCSR_UE, V, _mm_getcsr, low, lowq, simd_enter, store16,
)

cdef extern from * nogil:
    """
    #include <stdint.h>
        /* x op y in the 64-bit significand and the wide exponent of the x87: the two words of the result, 1 if inexact */
    #define SIMD_X87(op) static inline int simd_x87_##op(double x, double y, uint64_t *sig) \\
        { long double r; unsigned short sw; \\
          __asm__ volatile("fnclex; fldl %2; f" #op "l %3; fnstsw %1; fstpt %0" : "=m"(r), "=a"(sw) : "m"(x), "m"(y)); \\
          *sig = *(uint64_t *)&r; return sw >> 5 & 1; }
    SIMD_X87(add)
    SIMD_X87(sub)
    SIMD_X87(mul)
    SIMD_X87(div)
    /* a single as a double, without touching MXCSR */
    static inline double simd_widen(unsigned v)
    { double d; __asm__ volatile("flds %1; fstpl %0" : "=m"(d) : "m"(v)); return d; }
    static inline double simd_double(uint64_t v) { return *(double *)&v; }
    """
    bint x87_add "simd_x87_add"(double x, double y, u64 *sig)
    bint x87_sub "simd_x87_sub"(double x, double y, u64 *sig)
    bint x87_mul "simd_x87_mul"(double x, double y, u64 *sig)
    bint x87_div "simd_x87_div"(double x, double y, u64 *sig)
    double widen "simd_widen"(u32 v)
    double as_double "simd_double"(u64 v)


cdef bint fits(u64 sig, u32 bits) noexcept nogil:
    """Has the significand no more than this many significant bits?"""
    if sig == 0:
        return 1
    while not sig >> 63:
        sig <<= 1
    return sig << bits == 0


cdef bint inexact(u64 x, u64 y, u32 how) noexcept nogil:
    """Would the result be, if exponents had no bounds?"""
    cdef u64 sig = 0
    cdef u32 kind = how & KIND
    cdef double p, q
    cdef bint lost
    if kind == NARROW:
        return not fits(x & <u64>0xFFFFFFFFFFFFF | (<u64>1 << 52 if x >> 52 & 0x7FF else 0), 24)
    if how & SINGLE:
        p = widen(<u32>x)
        q = widen(<u32>y)
    else:
        p = as_double(x)
        q = as_double(y)
    if kind == ADD:
        lost = x87_add(p, q, &sig)
    elif kind == SUB:
        lost = x87_sub(p, q, &sig)
    elif kind == MUL:
        lost = x87_mul(p, q, &sig)
    else:
        lost = x87_div(p, q, &sig)
    return lost or not fits(sig, 24 if how & SINGLE else 53)


cdef bint denormal(u64 r, u32 how) noexcept nogil:
    if how & SINGLE:
        return (r & 0x7FFFFFFF) - 1 < <u64>0x007FFFFF
    return (r & <u64>0x7FFFFFFFFFFFFFFF) - 1 < <u64>0x000FFFFFFFFFFFFF


cdef u64 lane(u64 *v, u32 k, bint single) noexcept nogil:
    return (<u32 *>v)[k] if single else v[k]


cdef u32 post_flags(CPU *c, u64 *x, u64 *y, lane_t f, u32 how) noexcept nogil:
    """OE, UE and PE of the operation, element by element."""
    cdef u32 k, one, flags = 0, unmasked = c.simd_unmasked
    cdef u32 n = 1 if how & SCALAR else 4 if how & SINGLE and how & KIND != NARROW else 2
    cdef bint narrow = how & SINGLE and how & KIND != NARROW      # width of the operands
    cdef u64 a, b, r
    for k in range(n):
        a = lane(x, k, narrow)
        b = lane(y, k, narrow)
        simd_enter(c)
        # a conversion takes its operand from y
        r = lowq(f(low(a), low(b), NULL))
        one = _mm_getcsr() & MXCSR_FLAGS & ~<u32>MXCSR_PRE
        if denormal(r, how) and unmasked & MXCSR_UE:
            one |= MXCSR_UE
        if one & unmasked & (MXCSR_OE | MXCSR_UE):
            one &= ~<u32>MXCSR_PE
            if inexact(b if how & KIND == NARROW else a, b, how):
                one |= MXCSR_PE
        flags |= one
    return flags


cdef bint simd_trap(CPU *c, V x, V y, V r, lane_t f, u32 how) noexcept nogil:
    cdef u32 flags = _mm_getcsr() & MXCSR_FLAGS
    cdef u32 unmasked = c.simd_unmasked
    cdef u64 xs[2]
    cdef u64 ys[2]
    if flags & unmasked & MXCSR_PRE:
        flags &= MXCSR_PRE
    elif how != NEVER:
        store16(xs, x)
        store16(ys, y)
        flags = flags & MXCSR_PRE | post_flags(c, xs, ys, f, how)
    simd_enter(c)
    c.s.fpu.mxcsr |= flags
    if not flags & unmasked:
        return 0
    raise_exc(c, EXC_XM if c.s.cr4 & CR4_OSXMMEXCPT else EXC_UD, 0)
    return 1
