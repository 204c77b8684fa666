"""Pairs of instructions run by one handler: compare or arithmetic with the branch behind it, and common neighbours.

A fused handler replaces only the `run` pointer of the first Insn; the second keeps its slot.  So whatever goes
wrong falls back to the plain handlers by itself: `miss(c, i)` takes the slow twin of the first instruction,
which goes on with the plain second one; `miss(c, i + 1)` the slow twin of the second.

Branch pairs are made only where CS is flat 32-bit or 64-bit code (block/fuse.pyx), so no target needs a limit check.
Conditions are tags, pointers to distinct structs, so that one body serves all of them at compile time.
"""
from emu_core_pyx.types cimport fast_t, i64, u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport RIP
from emu_core_pyx.cpu.flags cimport flags_add, flags_logic, flags_sub, get_cf, get_of, sext
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp.dispatch cimport jump, miss
from emu_core_pyx.mmu.access cimport rd, reg

cdef struct CcZ:
    int x
cdef struct CcNz:
    int x
cdef struct CcB:
    int x
cdef struct CcAe:
    int x
cdef struct CcBe:
    int x
cdef struct CcA:
    int x
cdef struct CcL:
    int x
cdef struct CcGe:
    int x
cdef struct CcLe:
    int x
cdef struct CcG:
    int x
cdef struct CcS:
    int x
cdef struct CcNs:
    int x

ctypedef CcZ *cc_z
ctypedef CcNz *cc_nz
ctypedef CcB *cc_b
ctypedef CcAe *cc_ae
ctypedef CcBe *cc_be
ctypedef CcA *cc_a
ctypedef CcL *cc_l
ctypedef CcGe *cc_ge
ctypedef CcLe *cc_le
ctypedef CcG *cc_g
ctypedef CcS *cc_s
ctypedef CcNs *cc_ns

ctypedef fused cc_t:
    cc_z
    cc_nz
    cc_b
    cc_ae
    cc_be
    cc_a
    cc_l
    cc_ge
    cc_le
    cc_g
    cc_s
    cc_ns

ctypedef fused code_t:      # size of EIP: 32- or 64-bit code
    u32
    u64

ctypedef fused data_t:      # operand sizes worth a pair
    u8
    u32
    u64


cdef inline bint after_cmp(data_t a, data_t b, cc_t cc) noexcept nogil:
    """The condition after CMP a, b."""
    if cc_t is cc_z:
        return a == b
    elif cc_t is cc_nz:
        return a != b
    elif cc_t is cc_b:
        return a < b
    elif cc_t is cc_ae:
        return a >= b
    elif cc_t is cc_be:
        return a <= b
    elif cc_t is cc_a:
        return a > b
    elif cc_t is cc_l:
        return sext(a) < sext(b)
    elif cc_t is cc_ge:
        return sext(a) >= sext(b)
    elif cc_t is cc_le:
        return sext(a) <= sext(b)
    elif cc_t is cc_g:
        return sext(a) > sext(b)
    elif cc_t is cc_s:
        return sext(<data_t>(a - b)) < 0
    else:
        return sext(<data_t>(a - b)) >= 0


cdef inline bint after_logic(data_t r, cc_t cc) noexcept nogil:
    """The condition after TEST/AND/OR/XOR gave r (CF = OF = 0)."""
    if cc_t is cc_z:
        return r == 0
    elif cc_t is cc_nz:
        return r != 0
    elif cc_t is cc_b:
        return False
    elif cc_t is cc_ae:
        return True
    elif cc_t is cc_be:
        return r == 0
    elif cc_t is cc_a:
        return r != 0
    elif cc_t is cc_l:
        return sext(r) < 0
    elif cc_t is cc_ge:
        return sext(r) >= 0
    elif cc_t is cc_le:
        return sext(r) <= 0
    elif cc_t is cc_g:
        return sext(r) > 0
    elif cc_t is cc_s:
        return sext(r) < 0
    else:
        return sext(r) >= 0


cdef inline bint after_any(CPU *c, data_t r, cc_t cc) noexcept nogil:
    """The condition after an operation with result r whose flags are stored."""
    if cc_t is cc_z:
        return r == 0
    elif cc_t is cc_nz:
        return r != 0
    elif cc_t is cc_s:
        return sext(r) < 0
    elif cc_t is cc_ns:
        return sext(r) >= 0
    elif cc_t is cc_b:
        return get_cf(c)
    elif cc_t is cc_ae:
        return not get_cf(c)
    elif cc_t is cc_be:
        return get_cf(c) or r == 0
    elif cc_t is cc_a:
        return not get_cf(c) and r != 0
    elif cc_t is cc_l:
        return (sext(r) < 0) != get_of(c)
    elif cc_t is cc_ge:
        return (sext(r) < 0) == get_of(c)
    elif cc_t is cc_le:
        return r == 0 or (sext(r) < 0) != get_of(c)
    else:
        return r != 0 and (sext(r) < 0) == get_of(c)


cdef inline Insn *branch(CPU *c, Insn *j, bint taken, code_t t) noexcept nogil:
    """The Jcc in slot j."""
    if taken:
        return jump(c, j, 1, <code_t>(c.s.gpr[RIP] + <u64><i64>j.imm))
    return jump(c, j, 0, <code_t>(c.s.gpr[RIP] + j.off + j.len))


# ---- CMP + Jcc --------------------------------------------------------------------------------

cdef Insn *cmp_rr_j(CPU *c, Insn *i, data_t t, cc_t cc, code_t e) noexcept nogil:
    cdef data_t a = reg(c, i.dst, t)[0], b = reg(c, i.src, t)[0]
    flags_sub(c, a, b, <data_t>(a - b))
    return branch(c, i + 1, after_cmp(a, b, cc), e)


cdef Insn *cmp_ri_j(CPU *c, Insn *i, data_t t, cc_t cc, code_t e) noexcept nogil:
    cdef data_t a = reg(c, i.dst, t)[0], b = <data_t><i64>i.imm
    flags_sub(c, a, b, <data_t>(a - b))
    return branch(c, i + 1, after_cmp(a, b, cc), e)


cdef Insn *cmp_rm_j(CPU *c, Insn *i, data_t t, cc_t cc, code_t e) noexcept nogil:
    cdef data_t *p = rd(c, i, t, <fast_t>0)
    cdef data_t a, b
    if p == NULL:
        return miss(c, i)
    a = reg(c, i.dst, t)[0]
    b = p[0]
    flags_sub(c, a, b, <data_t>(a - b))
    return branch(c, i + 1, after_cmp(a, b, cc), e)


cdef Insn *cmp_mr_j(CPU *c, Insn *i, data_t t, cc_t cc, code_t e) noexcept nogil:
    cdef data_t *p = rd(c, i, t, <fast_t>0)
    cdef data_t a, b
    if p == NULL:
        return miss(c, i)
    a = p[0]
    b = reg(c, i.src, t)[0]
    flags_sub(c, a, b, <data_t>(a - b))
    return branch(c, i + 1, after_cmp(a, b, cc), e)


cdef Insn *cmp_mi_j(CPU *c, Insn *i, data_t t, cc_t cc, code_t e) noexcept nogil:
    cdef data_t *p = rd(c, i, t, <fast_t>0)
    cdef data_t a, b
    if p == NULL:
        return miss(c, i)
    a = p[0]
    b = <data_t><i64>i.imm
    flags_sub(c, a, b, <data_t>(a - b))
    return branch(c, i + 1, after_cmp(a, b, cc), e)


# ---- TEST + Jcc -------------------------------------------------------------------------------

cdef Insn *test_rr_j(CPU *c, Insn *i, data_t t, cc_t cc, code_t e) noexcept nogil:
    cdef data_t r = reg(c, i.dst, t)[0] & reg(c, i.src, t)[0]
    flags_logic(c, r)
    return branch(c, i + 1, after_logic(r, cc), e)


cdef Insn *test_ri_j(CPU *c, Insn *i, data_t t, cc_t cc, code_t e) noexcept nogil:
    cdef data_t r = reg(c, i.dst, t)[0] & <data_t><i64>i.imm
    flags_logic(c, r)
    return branch(c, i + 1, after_logic(r, cc), e)


cdef Insn *test_mi_j(CPU *c, Insn *i, data_t t, cc_t cc, code_t e) noexcept nogil:
    cdef data_t *p = rd(c, i, t, <fast_t>0)
    cdef data_t r
    if p == NULL:
        return miss(c, i)
    r = p[0] & <data_t><i64>i.imm
    flags_logic(c, r)
    return branch(c, i + 1, after_logic(r, cc), e)


# ---- arithmetic on a register + Jcc -----------------------------------------------------------

cdef Insn *dec_r_j(CPU *c, Insn *i, data_t t, cc_t cc, code_t e) noexcept nogil:
    cdef data_t a = reg(c, i.dst, t)[0], r = <data_t>(a - 1)
    cdef u32 cf = get_cf(c)
    put_sized(c, i.dst, r)
    flags_sub(c, a, <data_t>1, r)
    keep_cf(c, cf)
    return branch(c, i + 1, after_any(c, r, cc), e)


cdef Insn *inc_r_j(CPU *c, Insn *i, data_t t, cc_t cc, code_t e) noexcept nogil:
    cdef data_t a = reg(c, i.dst, t)[0], r = <data_t>(a + 1)
    cdef u32 cf = get_cf(c)
    put_sized(c, i.dst, r)
    flags_add(c, a, <data_t>1, r)
    keep_cf(c, cf)
    return branch(c, i + 1, after_any(c, r, cc), e)


cdef Insn *sub_ri_j(CPU *c, Insn *i, data_t t, cc_t cc, code_t e) noexcept nogil:
    cdef data_t a = reg(c, i.dst, t)[0], b = <data_t><i64>i.imm, r = <data_t>(a - b)
    put_sized(c, i.dst, r)
    flags_sub(c, a, b, r)
    return branch(c, i + 1, after_cmp(a, b, cc), e)


cdef Insn *sub_rr_j(CPU *c, Insn *i, data_t t, cc_t cc, code_t e) noexcept nogil:
    cdef data_t a = reg(c, i.dst, t)[0], b = reg(c, i.src, t)[0], r = <data_t>(a - b)
    put_sized(c, i.dst, r)
    flags_sub(c, a, b, r)
    return branch(c, i + 1, after_cmp(a, b, cc), e)


cdef Insn *add_ri_j(CPU *c, Insn *i, data_t t, cc_t cc, code_t e) noexcept nogil:
    cdef data_t a = reg(c, i.dst, t)[0], b = <data_t><i64>i.imm, r = <data_t>(a + b)
    put_sized(c, i.dst, r)
    flags_add(c, a, b, r)
    return branch(c, i + 1, after_any(c, r, cc), e)


cdef Insn *add_rr_j(CPU *c, Insn *i, data_t t, cc_t cc, code_t e) noexcept nogil:
    cdef data_t a = reg(c, i.dst, t)[0], b = reg(c, i.src, t)[0], r = <data_t>(a + b)
    put_sized(c, i.dst, r)
    flags_add(c, a, b, r)
    return branch(c, i + 1, after_any(c, r, cc), e)


cdef Insn *and_ri_j(CPU *c, Insn *i, data_t t, cc_t cc, code_t e) noexcept nogil:
    cdef data_t r = reg(c, i.dst, t)[0] & <data_t><i64>i.imm
    put_sized(c, i.dst, r)
    flags_logic(c, r)
    return branch(c, i + 1, after_logic(r, cc), e)


cdef inline void put_sized(CPU *c, u8 off, data_t v) noexcept nogil:
    if data_t is u32:
        (<u64 *>(<u8 *>c + off))[0] = v
    else:
        (<data_t *>(<u8 *>c + off))[0] = v


cdef inline void keep_cf(CPU *c, u32 cf) noexcept nogil:
    """INC and DEC leave CF; OF is what they computed."""
    cdef u32 of = ((c.s.cc_aux >> 31) ^ (c.s.cc_aux >> 30)) & 1
    c.s.cc_aux = c.s.cc_aux & 0x3FFFFFFF | cf << 31 | (cf ^ of) << 30


# ---- registration -----------------------------------------------------------------------------

cdef int add3(Registry r, str first, str jcc, handler_t b32, handler_t d32, handler_t b64, handler_t d64,
              handler_t q64) except -1:
    """8- and 32-bit operands in 32-bit code; 8-, 32- and 64-bit operands in 64-bit code."""
    r.add_pair(first, 1, jcc, 4, b32)
    r.add_pair(first, 4, jcc, 4, d32)
    r.add_pair(first, 1, jcc, 8, b64)
    r.add_pair(first, 4, jcc, 8, d64)
    r.add_pair(first, 8, jcc, 8, q64)
    return 0


cdef int add_cc(Registry r, str jcc, cc_t cc) except -1:
    """Every branch pair of one condition."""
    add3(r, "cmp_rr", jcc, <handler_t>cmp_rr_j[u8, cc_t, u32], <handler_t>cmp_rr_j[u32, cc_t, u32],
         <handler_t>cmp_rr_j[u8, cc_t, u64], <handler_t>cmp_rr_j[u32, cc_t, u64], <handler_t>cmp_rr_j[u64, cc_t, u64])
    add3(r, "cmp_ri", jcc, <handler_t>cmp_ri_j[u8, cc_t, u32], <handler_t>cmp_ri_j[u32, cc_t, u32],
         <handler_t>cmp_ri_j[u8, cc_t, u64], <handler_t>cmp_ri_j[u32, cc_t, u64], <handler_t>cmp_ri_j[u64, cc_t, u64])
    add3(r, "cmp_rm", jcc, <handler_t>cmp_rm_j[u8, cc_t, u32], <handler_t>cmp_rm_j[u32, cc_t, u32],
         <handler_t>cmp_rm_j[u8, cc_t, u64], <handler_t>cmp_rm_j[u32, cc_t, u64], <handler_t>cmp_rm_j[u64, cc_t, u64])
    add3(r, "cmp_mr", jcc, <handler_t>cmp_mr_j[u8, cc_t, u32], <handler_t>cmp_mr_j[u32, cc_t, u32],
         <handler_t>cmp_mr_j[u8, cc_t, u64], <handler_t>cmp_mr_j[u32, cc_t, u64], <handler_t>cmp_mr_j[u64, cc_t, u64])
    add3(r, "cmp_mi", jcc, <handler_t>cmp_mi_j[u8, cc_t, u32], <handler_t>cmp_mi_j[u32, cc_t, u32],
         <handler_t>cmp_mi_j[u8, cc_t, u64], <handler_t>cmp_mi_j[u32, cc_t, u64], <handler_t>cmp_mi_j[u64, cc_t, u64])
    add3(r, "test_rr", jcc, <handler_t>test_rr_j[u8, cc_t, u32], <handler_t>test_rr_j[u32, cc_t, u32],
         <handler_t>test_rr_j[u8, cc_t, u64], <handler_t>test_rr_j[u32, cc_t, u64], <handler_t>test_rr_j[u64, cc_t, u64])
    add3(r, "test_ri", jcc, <handler_t>test_ri_j[u8, cc_t, u32], <handler_t>test_ri_j[u32, cc_t, u32],
         <handler_t>test_ri_j[u8, cc_t, u64], <handler_t>test_ri_j[u32, cc_t, u64], <handler_t>test_ri_j[u64, cc_t, u64])
    add3(r, "test_mi", jcc, <handler_t>test_mi_j[u8, cc_t, u32], <handler_t>test_mi_j[u32, cc_t, u32],
         <handler_t>test_mi_j[u8, cc_t, u64], <handler_t>test_mi_j[u32, cc_t, u64], <handler_t>test_mi_j[u64, cc_t, u64])
    add3(r, "dec_r", jcc, <handler_t>dec_r_j[u8, cc_t, u32], <handler_t>dec_r_j[u32, cc_t, u32],
         <handler_t>dec_r_j[u8, cc_t, u64], <handler_t>dec_r_j[u32, cc_t, u64], <handler_t>dec_r_j[u64, cc_t, u64])
    add3(r, "inc_r", jcc, <handler_t>inc_r_j[u8, cc_t, u32], <handler_t>inc_r_j[u32, cc_t, u32],
         <handler_t>inc_r_j[u8, cc_t, u64], <handler_t>inc_r_j[u32, cc_t, u64], <handler_t>inc_r_j[u64, cc_t, u64])
    add3(r, "sub_ri", jcc, <handler_t>sub_ri_j[u8, cc_t, u32], <handler_t>sub_ri_j[u32, cc_t, u32],
         <handler_t>sub_ri_j[u8, cc_t, u64], <handler_t>sub_ri_j[u32, cc_t, u64], <handler_t>sub_ri_j[u64, cc_t, u64])
    add3(r, "sub_rr", jcc, <handler_t>sub_rr_j[u8, cc_t, u32], <handler_t>sub_rr_j[u32, cc_t, u32],
         <handler_t>sub_rr_j[u8, cc_t, u64], <handler_t>sub_rr_j[u32, cc_t, u64], <handler_t>sub_rr_j[u64, cc_t, u64])
    add3(r, "add_ri", jcc, <handler_t>add_ri_j[u8, cc_t, u32], <handler_t>add_ri_j[u32, cc_t, u32],
         <handler_t>add_ri_j[u8, cc_t, u64], <handler_t>add_ri_j[u32, cc_t, u64], <handler_t>add_ri_j[u64, cc_t, u64])
    add3(r, "add_rr", jcc, <handler_t>add_rr_j[u8, cc_t, u32], <handler_t>add_rr_j[u32, cc_t, u32],
         <handler_t>add_rr_j[u8, cc_t, u64], <handler_t>add_rr_j[u32, cc_t, u64], <handler_t>add_rr_j[u64, cc_t, u64])
    add3(r, "and_ri", jcc, <handler_t>and_ri_j[u8, cc_t, u32], <handler_t>and_ri_j[u32, cc_t, u32],
         <handler_t>and_ri_j[u8, cc_t, u64], <handler_t>and_ri_j[u32, cc_t, u64], <handler_t>and_ri_j[u64, cc_t, u64])
    return 0


cdef int register(Registry r) except -1:
    add_cc(r, "jz_j", <cc_z>NULL)
    add_cc(r, "jnz_j", <cc_nz>NULL)
    add_cc(r, "jb_j", <cc_b>NULL)
    add_cc(r, "jae_j", <cc_ae>NULL)
    add_cc(r, "jbe_j", <cc_be>NULL)
    add_cc(r, "ja_j", <cc_a>NULL)
    add_cc(r, "jl_j", <cc_l>NULL)
    add_cc(r, "jge_j", <cc_ge>NULL)
    add_cc(r, "jle_j", <cc_le>NULL)
    add_cc(r, "jg_j", <cc_g>NULL)
    add_cc(r, "js_j", <cc_s>NULL)
    add_cc(r, "jns_j", <cc_ns>NULL)
    return 0
