"""Lazy arithmetic flags: two words that hold CF PF AF ZF SF OF without naming an operation.

``cc_res``  the result, SIGN-extended to 64 bits: ZF = (cc_res == 0), SF = bit 63 ^ AUX_SD,
            PF = parity of (low byte ^ byte AUX_PDB).
``cc_aux``  bit 31 carry out (CF), bit 30 carry into the sign bit (OF = bit 31 ^ bit 30),
            bit 3 carry out of bit 3 (AF), bits 8-15 parity delta (PDB), bit 0 sign delta (SD).

The carries of an addition are ``(a & b) | ((a | b) & ~r)``, the borrows of a subtraction
``(~a & b) | ((~a | b) & r)``; for 32 bits they land in place, other sizes shift them there.
(The idea is Bochs', by D. Sharikov and S. Shwartsman, "Virtualization without direct
execution"; the code is ours.)
"""
from emu_core_pyx.types cimport i8, i16, i32, i64, u8, u16, u32, u64, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport F_AF, F_ARITH, F_CF, F_OF, F_PF, F_SF, F_ZF

cdef enum:
    AUX_AF = 0x8
    AUX_SD = 0x1
    AUX_PDB_SHIFT = 8

cdef extern from *:
    """
    #define EMU_AUX_CF 0x80000000u
    #define EMU_AUX_PO 0x40000000u
    #define EMU_AUX_KEEP 0xC0000008u
    """
    const u32 AUX_CF "EMU_AUX_CF"
    const u32 AUX_PO "EMU_AUX_PO"
    const u32 AUX_KEEP "EMU_AUX_KEEP"


cdef inline i64 sext(uint_t v) noexcept nogil:
    """v as a signed number of its own size."""
    if uint_t is u8:
        return <i8>v
    elif uint_t is u16:
        return <i16>v
    elif uint_t is u32:
        return <i32>v
    else:
        return <i64>v


cdef inline void set_carries(CPU *c, uint_t res, uint_t carries) noexcept nogil:
    """Flags of a result whose carry-out vector is known."""
    c.s.cc_res = sext(res)
    if uint_t is u8:
        c.s.cc_aux = (<u32>carries & AUX_AF) | (<u32>carries << 24) & (AUX_CF | AUX_PO)
    elif uint_t is u16:
        c.s.cc_aux = (<u32>carries & AUX_AF) | (<u32>carries << 16) & (AUX_CF | AUX_PO)
    elif uint_t is u32:
        c.s.cc_aux = <u32>carries & AUX_KEEP
    else:
        c.s.cc_aux = (<u32>carries & AUX_AF) | <u32>(carries >> 32) & (AUX_CF | AUX_PO)


cdef inline void flags_add(CPU *c, uint_t a, uint_t b, uint_t r) noexcept nogil:
    set_carries(c, r, <uint_t>((a & b) | ((a | b) & ~r)))


cdef inline void flags_sub(CPU *c, uint_t a, uint_t b, uint_t r) noexcept nogil:
    set_carries(c, r, <uint_t>((~a & b) | ((~a | b) & r)))


cdef inline void flags_logic(CPU *c, uint_t r) noexcept nogil:
    """CF = OF = 0; AF is undefined and current hardware clears it."""
    c.s.cc_res = sext(r)
    c.s.cc_aux = 0


cdef inline bint get_cf(CPU *c) noexcept nogil:
    return c.s.cc_aux >> 31


cdef inline bint get_of(CPU *c) noexcept nogil:
    return ((c.s.cc_aux >> 31) ^ (c.s.cc_aux >> 30)) & 1


cdef inline bint get_af(CPU *c) noexcept nogil:
    return (c.s.cc_aux >> 3) & 1


cdef inline bint get_zf(CPU *c) noexcept nogil:
    return c.s.cc_res == 0


cdef inline bint get_sf(CPU *c) noexcept nogil:
    return (<u32>(<u64>c.s.cc_res >> 63) ^ c.s.cc_aux) & 1


cdef inline bint get_pf(CPU *c) noexcept nogil:
    cdef u32 b = (<u32>c.s.cc_res ^ (c.s.cc_aux >> AUX_PDB_SHIFT)) & 0xFF
    b ^= b >> 4
    return (0x9669 >> (b & 15)) & 1


cdef inline u32 get_arith(CPU *c) noexcept nogil:
    """The six arithmetic flags in their EFLAGS places."""
    return (get_cf(c) * F_CF | get_pf(c) * F_PF | get_af(c) * F_AF
            | get_zf(c) * F_ZF | get_sf(c) * F_SF | get_of(c) * F_OF)


cdef inline void set_arith(CPU *c, u32 f) noexcept nogil:
    """Load all six from an EFLAGS image; any combination can be held."""
    cdef u32 sf = (f >> 7) & 1, pf = (f >> 2) & 1, cf = f & 1, of = (f >> 11) & 1
    cdef u32 zf = (f >> 6) & 1
    # ZF forces res = 0, else 1: the other two become deltas against it
    c.s.cc_res = 0 if zf else 1
    # parity of byte 0 is even (PF 1), of byte 1 odd (PF 0)
    c.s.cc_aux = (cf << 31 | (cf ^ of) << 30 | ((f >> 4) & 1) << 3 | sf
                  | ((pf ^ zf) << AUX_PDB_SHIFT))


cdef inline void set_cf(CPU *c, u32 cf) noexcept nogil:
    """Change CF, keep OF (and all others)."""
    cdef u32 of = ((c.s.cc_aux >> 31) ^ (c.s.cc_aux >> 30)) & 1
    c.s.cc_aux = c.s.cc_aux & ~(AUX_CF | AUX_PO) | cf << 31 | (cf ^ of) << 30


cdef inline void set_cf_of(CPU *c, u32 cf, u32 of) noexcept nogil:
    c.s.cc_aux = c.s.cc_aux & ~(AUX_CF | AUX_PO) | cf << 31 | (cf ^ of) << 30


cdef inline u32 get_eflags(CPU *c) noexcept nogil:
    """The whole EFLAGS image."""
    return c.s.eflags & ~<u32>F_ARITH | get_arith(c) | 2


cdef inline void put_eflags(CPU *c, u32 f) noexcept nogil:
    """Store a whole image; the caller has applied privilege and calls mode_refresh where
    TF, VM, AC or IF may have changed."""
    c.s.eflags = f & ~<u32>F_ARITH | 2
    set_arith(c, f)
