"""Bit instructions: BT BTS BTR BTC, BSF BSR, POPCNT LZCNT TZCNT (SDM 2).

With a register offset and a memory operand the bit may lie outside the addressed operand: the offset is signed and
moves the address in steps of the operand size.
"""
from emu_core_pyx.types cimport acc_t, fast_t, i64, slow_t, u8, u16, u32, u64, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.flags cimport AUX_CF, AUX_PDB_SHIFT, set_cf, sext
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.interp.dispatch cimport finish, miss, next_insn
from emu_core_pyx.mmu.access cimport ea, put, rd, rd_at, reg, rmw, rmw_at
from emu_core_pyx.decode.registry cimport Registry

cdef extern from *:
    u32 ctz "__builtin_ctzll"(u64 x) noexcept nogil
    u32 clz "__builtin_clzll"(u64 x) noexcept nogil
    u32 popcount "__builtin_popcountll"(u64 x) noexcept nogil

cdef struct TagBt:
    u8 _
cdef struct TagBts:
    u8 _
cdef struct TagBtr:
    u8 _
cdef struct TagBtc:
    u8 _
cdef struct TagBsf:
    u8 _
cdef struct TagBsr:
    u8 _
cdef struct TagPopcnt:
    u8 _
cdef struct TagLzcnt:
    u8 _
cdef struct TagTzcnt:
    u8 _
ctypedef TagBt *bt_t
ctypedef TagBts *bts_t
ctypedef TagBtr *btr_t
ctypedef TagBtc *btc_t
ctypedef TagBsf *bsf_t
ctypedef TagBsr *bsr_t
ctypedef TagPopcnt *popcnt_t
ctypedef TagLzcnt *lzcnt_t
ctypedef TagTzcnt *tzcnt_t

ctypedef fused op_t:
    bt_t
    bts_t
    btr_t
    btc_t

ctypedef fused scan_t:
    bsf_t
    bsr_t
    popcnt_t
    lzcnt_t
    tzcnt_t


cdef inline uint_t bit_op(CPU *c, uint_t x, u32 n, op_t o) noexcept nogil:
    """CF = bit n; the others stay."""
    n &= 8 * sizeof(uint_t) - 1
    set_cf(c, <u32>(x >> n) & 1)
    if op_t is bts_t:
        x |= <uint_t>(<u64>1 << n)
    elif op_t is btr_t:
        x &= <uint_t>~(<u64>1 << n)
    elif op_t is btc_t:
        x ^= <uint_t>(<u64>1 << n)
    return x


cdef Insn *bit_rr(CPU *c, Insn *i, uint_t t, op_t o) noexcept nogil:
    cdef uint_t r = bit_op(c, reg(c, i.dst, t)[0], <u32>reg(c, i.src, t)[0], o)
    if op_t is bt_t:
        pass
    else:
        put(c, i.dst, r)
    return next_insn(c, i)


cdef Insn *bit_ri(CPU *c, Insn *i, uint_t t, op_t o) noexcept nogil:
    cdef uint_t r = bit_op(c, reg(c, i.dst, t)[0], <u32>i.imm, o)
    if op_t is bt_t:
        pass
    else:
        put(c, i.dst, r)
    return next_insn(c, i)


cdef Insn *bit_mi(CPU *c, Insn *i, uint_t t, acc_t a, op_t o) noexcept nogil:
    cdef uint_t *p
    if op_t is bt_t:
        p = rd(c, i, t, a)
        if p == NULL:
            return miss(c, i)
        bit_op(c, p[0], <u32>i.imm, o)
    else:
        p = rmw(c, i, t, a)
        if p == NULL:
            return miss(c, i)
        p[0] = bit_op(c, p[0], <u32>i.imm, o)
    return finish(c, i, a)


cdef Insn *bit_mr(CPU *c, Insn *i, uint_t t, acc_t a, op_t o) noexcept nogil:
    cdef uint_t n = reg(c, i.src, t)[0]
    cdef i64 unit = sext(n)
    cdef u64 off
    cdef uint_t *p
    if uint_t is u16:
        unit = unit >> 4
    elif uint_t is u32:
        unit = unit >> 5
    else:
        unit = unit >> 6
    off = (ea(c, i) + <u64>unit * sizeof(uint_t)) & i.amask
    if op_t is bt_t:
        p = <uint_t *>rd_at(c, i.seg, off, sizeof(uint_t), a)
        if p == NULL:
            return miss(c, i)
        bit_op(c, p[0], <u32>n, o)
    else:
        p = <uint_t *>rmw_at(c, i.seg, off, sizeof(uint_t), a)
        if p == NULL:
            return miss(c, i)
        p[0] = bit_op(c, p[0], <u32>n, o)
    return finish(c, i, a)


# -- scans and counts ---------------------------------------------------------------------------------
cdef inline void scan(CPU *c, u8 dst, uint_t x, scan_t o) noexcept nogil:
    cdef u32 r
    if scan_t is bsf_t or scan_t is bsr_t:
        # source 0 leaves the destination alone; PF is the result's, CF OF SF AF are 0
        if x == 0:
            c.s.cc_res = 0
            c.s.cc_aux = 0
            return
        if scan_t is bsf_t:
            r = ctz(x)
        else:
            r = 63 - clz(x)
        c.s.cc_res = r | 0x100
        c.s.cc_aux = 0
    elif scan_t is popcnt_t:
        r = popcount(x)
        c.s.cc_res = x != 0
        c.s.cc_aux = <u32>(x == 0) << AUX_PDB_SHIFT
    else:
        if x == 0:
            r = 8 * sizeof(uint_t)
        elif scan_t is tzcnt_t:
            r = ctz(x)
        else:
            r = clz(x) - (64 - 8 * sizeof(uint_t))
        c.s.cc_res = r != 0
        c.s.cc_aux = <u32>(r == 0) << AUX_PDB_SHIFT
        if x == 0:      # CF, OF stays 0
            c.s.cc_aux |= AUX_CF | AUX_CF >> 1
    put(c, dst, <uint_t>r)


cdef Insn *scan_rr(CPU *c, Insn *i, uint_t t, scan_t o) noexcept nogil:
    scan(c, i.dst, reg(c, i.src, t)[0], o)
    return next_insn(c, i)


cdef Insn *scan_rm(CPU *c, Insn *i, uint_t t, acc_t a, scan_t o) noexcept nogil:
    cdef uint_t *p = rd(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    scan(c, i.dst, p[0], o)
    return finish(c, i, a)


# -- registration -------------------------------------------------------------------------------------
cdef int add_sized(Registry r, str name, uint_t t, op_t o) except -1:
    cdef u32 n = sizeof(uint_t)
    r.add(name + "_rr", n, <handler_t>bit_rr[uint_t, op_t], <handler_t>bit_rr[uint_t, op_t])
    r.add(name + "_ri", n, <handler_t>bit_ri[uint_t, op_t], <handler_t>bit_ri[uint_t, op_t])
    r.add(name + "_mr", n, <handler_t>bit_mr[uint_t, fast_t, op_t], <handler_t>bit_mr[uint_t, slow_t, op_t])
    r.add(name + "_mi", n, <handler_t>bit_mi[uint_t, fast_t, op_t], <handler_t>bit_mi[uint_t, slow_t, op_t])
    return 0


cdef int add_op(Registry r, str name, op_t o) except -1:
    add_sized(r, name, <u16>0, o)
    add_sized(r, name, <u32>0, o)
    add_sized(r, name, <u64>0, o)
    return 0


cdef int add_scan_sized(Registry r, str name, uint_t t, scan_t o) except -1:
    cdef u32 n = sizeof(uint_t)
    r.add(name + "_rr", n, <handler_t>scan_rr[uint_t, scan_t], <handler_t>scan_rr[uint_t, scan_t])
    r.add(name + "_rm", n, <handler_t>scan_rm[uint_t, fast_t, scan_t], <handler_t>scan_rm[uint_t, slow_t, scan_t])
    return 0


cdef int add_scan(Registry r, str name, scan_t o) except -1:
    add_scan_sized(r, name, <u16>0, o)
    add_scan_sized(r, name, <u32>0, o)
    add_scan_sized(r, name, <u64>0, o)
    return 0


cdef int register(Registry r) except -1:
    add_op(r, "bt", <bt_t>NULL)
    add_op(r, "bts", <bts_t>NULL)
    add_op(r, "btr", <btr_t>NULL)
    add_op(r, "btc", <btc_t>NULL)
    add_scan(r, "bsf", <bsf_t>NULL)
    add_scan(r, "bsr", <bsr_t>NULL)
    add_scan(r, "popcnt", <popcnt_t>NULL)
    add_scan(r, "lzcnt", <lzcnt_t>NULL)
    add_scan(r, "tzcnt", <tzcnt_t>NULL)
    return 0
