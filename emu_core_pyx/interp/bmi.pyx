"""Later instructions on general registers: BMI1, BMI2 (VEX-encoded), ADX, RDRAND, RDSEED (SDM vol. 1 ch. 5.1, vol. 2).

The VEX.vvvv register is in Insn.x, wherever it stands in the operand list.  POPCNT, LZCNT and TZCNT are in
bits.pyx, MOVBE in move.pyx.
Random numbers are the machine's own (SplitMix64 over State.rng), so a run repeats them, and they never run out.
"""
from emu_core_pyx.types cimport acc_t, fast_t, slow_t, u16, u32, u64, u128
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport F_CF, F_SF, F_ZF, RDX
from emu_core_pyx.cpu.flags cimport get_cf, get_of, set_arith, set_cf, set_cf_of, sext
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp.dispatch cimport finish, miss, next_insn
from emu_core_pyx.mmu.access cimport put, rd, reg

cdef extern from *:  # operation tags
    ctypedef struct andn "char"
    ctypedef struct bextr "char"
    ctypedef struct blsi "char"
    ctypedef struct blsmsk "char"
    ctypedef struct blsr "char"
    ctypedef struct bzhi "char"
    ctypedef struct pdep "char"
    ctypedef struct pext "char"
    ctypedef struct mulx "char"
    ctypedef struct sarx "char"
    ctypedef struct shlx "char"
    ctypedef struct shrx "char"
    ctypedef struct adcx "char"
    ctypedef struct adox "char"

ctypedef fused int_t:
    u32
    u64

ctypedef fused rand_t:
    u16
    u32
    u64

ctypedef fused op_t:        # one source in src or memory, one in vvvv
    andn
    bextr
    blsi
    blsmsk
    blsr
    bzhi
    pdep
    pext
    mulx
    sarx
    shlx
    shrx

ctypedef fused add_t:
    adcx
    adox


cdef inline void flags(CPU *c, int_t r, u32 cf) noexcept nogil:
    """ZF and SF of r, OF = AF = PF = 0."""
    set_arith(c, (F_ZF if r == 0 else 0) | (F_SF if sext(r) < 0 else 0) | cf)


cdef int_t deposit(int_t v, int_t mask) noexcept nogil:
    cdef int_t r = 0
    while mask:
        if v & 1:
            r |= mask & (0 - mask)
        mask &= mask - 1
        v >>= 1
    return r


cdef int_t extract(int_t v, int_t mask) noexcept nogil:
    cdef int_t r = 0, bit = 1
    while mask:
        if v & mask & (0 - mask):
            r |= bit
        mask &= mask - 1
        bit <<= 1
    return r


cdef inline int_t field(int_t v, u32 control) noexcept nogil:
    """BEXTR: bits from (control & 0xFF), as many as the next byte says."""
    cdef u32 start = control & 0xFF, n = control >> 8 & 0xFF
    if start >= 8 * sizeof(int_t):
        return 0
    v >>= start
    if n < 8 * sizeof(int_t):
        v &= (<int_t>1 << n) - 1
    return v


cdef inline void multiply(CPU *c, Insn *i, int_t v) noexcept nogil:
    """The low half first: where both destinations are one register, the high half stays."""
    cdef u64 x
    cdef u128 wide
    if int_t is u32:
        x = <u64><u32>c.s.gpr[RDX] * v
        put(c, i.x, <u32>x)
        put(c, i.dst, <u32>(x >> 32))
    else:
        wide = <u128>c.s.gpr[RDX] * v
        put(c, i.x, <u64>wide)
        put(c, i.dst, <u64>(wide >> 64))


cdef inline void operate(CPU *c, Insn *i, int_t v, op_t *o) noexcept nogil:
    cdef int_t w = reg(c, i.x, v)[0], r
    cdef u32 n = <u32>w & (8 * sizeof(int_t) - 1)
    if op_t is mulx:
        multiply(c, i, v)
    elif op_t is blsi:
        r = v & (0 - v)
        put(c, i.x, r)
        flags(c, r, F_CF if v else 0)
    elif op_t is blsmsk:
        r = v ^ (v - 1)
        put(c, i.x, r)
        flags(c, r, 0 if v else F_CF)
    elif op_t is blsr:
        r = v & (v - 1)
        put(c, i.x, r)
        flags(c, r, 0 if v else F_CF)
    elif op_t is andn:
        r = ~w & v
        put(c, i.dst, r)
        flags(c, r, 0)
    elif op_t is bextr:
        r = field(v, <u32>w)
        put(c, i.dst, r)
        set_arith(c, F_ZF if r == 0 else 0)
    elif op_t is bzhi:
        r = v
        if (<u32>w & 0xFF) < 8 * sizeof(int_t):
            r = v & ((<int_t>1 << n) - 1)
        put(c, i.dst, r)
        flags(c, r, F_CF if (<u32>w & 0xFF) >= 8 * sizeof(int_t) else 0)
    elif op_t is pdep:
        put(c, i.dst, deposit(w, v))
    elif op_t is pext:
        put(c, i.dst, extract(w, v))
    elif op_t is sarx:
        put(c, i.dst, <int_t>(sext(v) >> n))
    elif op_t is shlx:
        put(c, i.dst, <int_t>(v << n))
    else:
        put(c, i.dst, <int_t>(v >> n))


cdef Insn *op_r(CPU *c, Insn *i, int_t t, op_t *o) noexcept nogil:
    operate(c, i, reg(c, i.src, t)[0], o)
    return next_insn(c, i)


cdef Insn *op_m(CPU *c, Insn *i, int_t t, acc_t a, op_t *o) noexcept nogil:
    cdef int_t *p = rd(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    operate(c, i, p[0], o)
    return finish(c, i, a)


cdef inline int_t rotated(int_t v, u32 n) noexcept nogil:
    n &= 8 * sizeof(int_t) - 1
    return <int_t>(v >> n | v << ((8 * sizeof(int_t) - n) & (8 * sizeof(int_t) - 1)))


cdef Insn *rorx_rri(CPU *c, Insn *i, int_t t) noexcept nogil:
    put(c, i.dst, rotated(reg(c, i.src, t)[0], <u32>i.imm))
    return next_insn(c, i)


cdef Insn *rorx_rmi(CPU *c, Insn *i, int_t t, acc_t a) noexcept nogil:
    cdef int_t *p = rd(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    put(c, i.dst, rotated(p[0], <u32>i.imm))
    return finish(c, i, a)


# ---- ADCX, ADOX ----

cdef inline void add_carry(CPU *c, Insn *i, int_t v, add_t *o) noexcept nogil:
    cdef int_t x = reg(c, i.dst, v)[0]
    cdef u32 carry
    cdef int_t r
    if add_t is adcx:
        carry = get_cf(c)
    else:
        carry = get_of(c)
    r = x + v + carry
    carry = r < x or carry and r == x
    if add_t is adcx:
        set_cf(c, carry)
    else:
        set_cf_of(c, get_cf(c), carry)
    put(c, i.dst, r)


cdef Insn *add_rr(CPU *c, Insn *i, int_t t, add_t *o) noexcept nogil:
    add_carry(c, i, reg(c, i.src, t)[0], o)
    return next_insn(c, i)


cdef Insn *add_rm(CPU *c, Insn *i, int_t t, acc_t a, add_t *o) noexcept nogil:
    cdef int_t *p = rd(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    add_carry(c, i, p[0], o)
    return finish(c, i, a)


# ---- RDRAND, RDSEED ----

cdef inline u64 random(CPU *c) noexcept nogil:
    cdef u64 z
    c.s.rng += <u64>0x9E3779B97F4A7C15
    z = c.s.rng
    z = (z ^ z >> 30) * <u64>0xBF58476D1CE4E5B9
    z = (z ^ z >> 27) * <u64>0x94D049BB133111EB
    return z ^ z >> 31


cdef Insn *random_r(CPU *c, Insn *i, rand_t t) noexcept nogil:
    put(c, i.dst, <rand_t>random(c))
    set_arith(c, F_CF)
    return next_insn(c, i)


# ---- registration ----

cdef int add_op(Registry r, str name, str register_form, str memory_form, op_t *o) except -1:
    r.add(f"{name}_{register_form}", 4, <handler_t>op_r[u32, op_t], <handler_t>op_r[u32, op_t])
    r.add(f"{name}_{memory_form}", 4, <handler_t>op_m[u32, fast_t, op_t], <handler_t>op_m[u32, slow_t, op_t])
    r.add(f"{name}_{register_form}", 8, <handler_t>op_r[u64, op_t], <handler_t>op_r[u64, op_t])
    r.add(f"{name}_{memory_form}", 8, <handler_t>op_m[u64, fast_t, op_t], <handler_t>op_m[u64, slow_t, op_t])
    return 0


cdef int add_adx(Registry r, str name, int_t t, add_t *o) except -1:
    cdef u32 n = sizeof(int_t)
    r.add(name + "_rr", n, <handler_t>add_rr[int_t, add_t], <handler_t>add_rr[int_t, add_t])
    r.add(name + "_rm", n, <handler_t>add_rm[int_t, fast_t, add_t], <handler_t>add_rm[int_t, slow_t, add_t])
    return 0


cdef int add_rorx(Registry r, int_t t) except -1:
    cdef u32 n = sizeof(int_t)
    r.add("rorx_rri", n, <handler_t>rorx_rri[int_t], <handler_t>rorx_rri[int_t])
    r.add("rorx_rmi", n, <handler_t>rorx_rmi[int_t, fast_t], <handler_t>rorx_rmi[int_t, slow_t])
    return 0


cdef int add_random(Registry r, rand_t t) except -1:
    cdef u32 n = sizeof(rand_t)
    r.add("rdrand_r", n, <handler_t>random_r[rand_t], <handler_t>random_r[rand_t])
    r.add("rdseed_r", n, <handler_t>random_r[rand_t], <handler_t>random_r[rand_t])
    return 0


cdef int register(Registry r) except -1:
    add_op(r, "andn", "rrr", "rrm", <andn *>NULL)
    add_op(r, "bextr", "rrr", "rmr", <bextr *>NULL)
    add_op(r, "blsi", "rr", "rm", <blsi *>NULL)
    add_op(r, "blsmsk", "rr", "rm", <blsmsk *>NULL)
    add_op(r, "blsr", "rr", "rm", <blsr *>NULL)
    add_op(r, "bzhi", "rrr", "rmr", <bzhi *>NULL)
    add_op(r, "pdep", "rrr", "rrm", <pdep *>NULL)
    add_op(r, "pext", "rrr", "rrm", <pext *>NULL)
    add_op(r, "mulx", "rrr", "rrm", <mulx *>NULL)
    add_op(r, "sarx", "rrr", "rmr", <sarx *>NULL)
    add_op(r, "shlx", "rrr", "rmr", <shlx *>NULL)
    add_op(r, "shrx", "rrr", "rmr", <shrx *>NULL)
    add_adx(r, "adcx", <u32>0, <adcx *>NULL)
    add_adx(r, "adcx", <u64>0, <adcx *>NULL)
    add_adx(r, "adox", <u32>0, <adox *>NULL)
    add_adx(r, "adox", <u64>0, <adox *>NULL)
    add_rorx(r, <u32>0)
    add_rorx(r, <u64>0)
    add_random(r, <u16>0)
    add_random(r, <u32>0)
    add_random(r, <u64>0)
    return 0
