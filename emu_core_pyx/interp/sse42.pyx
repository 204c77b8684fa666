"""SSE4.2: PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM, PCMPGTQ, and CRC32 (SDM vol. 1 ch. 12.12, vol. 2B 4.1).

The memory operand of a string comparison need not be aligned.
"""
from emu_core_pyx.types cimport acc_t, fast_t, i8, i16, i32, i64, slow_t, u8, u16, u32, u64, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport F_CF, F_OF, F_SF, F_ZF, RAX, RCX, RDX
from emu_core_pyx.cpu.flags cimport set_arith
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp.dispatch cimport finish, miss, next_insn
from emu_core_pyx.interp.simd cimport rdn, xmm
from emu_core_pyx.interp.simd_form cimport done, form_t, reg_t, xmm_source
from emu_core_pyx.mmu.access cimport put, rd, reg

cdef extern from *:
    u32 ctz "__builtin_ctz"(u32 x) noexcept nogil
    u32 clz "__builtin_clz"(u32 x) noexcept nogil

cdef enum:  # imm8 of the string comparisons
    WORDS = 1
    SIGNED = 2
    AGGREGATION = 0xC
    EQUAL_ANY = 0
    RANGES = 4
    EQUAL_EACH = 8
    EQUAL_ORDERED = 0xC
    NEGATIVE = 0x10
    MASKED = 0x20           # negate only what is valid in the second operand
    EXPAND = 0x40           # mask: a byte or word per element; index: the most significant one

ctypedef short index_t      # PCMPxSTRI
ctypedef int mask_t         # PCMPxSTRM

ctypedef fused result_t:
    index_t
    mask_t

cdef u32 crc_table[256]     # CRC-32C of a byte, reflected


cdef inline i32 element(const u8 *p, u32 k, u32 imm) noexcept nogil:
    if imm & WORDS:
        return (<const i16 *>p)[k] if imm & SIGNED else <i32>(<const u16 *>p)[k]
    return (<const i8 *>p)[k] if imm & SIGNED else <i32>p[k]


cdef u32 implicit_length(const u8 *p, u32 imm) noexcept nogil:
    """Elements before the first zero."""
    cdef u32 k, n = 8 if imm & WORDS else 16
    for k in range(n):
        if element(p, k, imm) == 0:
            return k
    return n


cdef u32 explicit_length(i64 v, u32 imm) noexcept nogil:
    """|v|, saturated."""
    cdef i64 n = 8 if imm & WORDS else 16
    if v < -n or v > n:
        return <u32>n
    return <u32>(v if v >= 0 else -v)


cdef u32 aggregate(const u8 *x, u32 nx, const u8 *y, u32 ny, u32 imm) noexcept nogil:
    """IntRes1: a bit per element of y.  What lies beyond a string's end compares as the manual's table 4-7 has it."""
    cdef u32 n = 8 if imm & WORDS else 16, r = 0, j, k
    cdef u32 how = imm & AGGREGATION
    cdef i32 v
    cdef bint hit
    for j in range(n):
        hit = 0
        if how == EQUAL_ANY:
            if j < ny:
                v = element(y, j, imm)
                for k in range(nx):
                    hit |= element(x, k, imm) == v
        elif how == RANGES:
            if j < ny:
                v = element(y, j, imm)
                for k in range(0, nx - (nx & 1), 2):
                    hit |= element(x, k, imm) <= v and v <= element(x, k + 1, imm)
        elif how == EQUAL_EACH:
            if j < nx and j < ny:
                hit = element(x, j, imm) == element(y, j, imm)
            else:
                hit = j >= nx and j >= ny
        else:
            hit = 1
            for k in range(nx if nx < n - j else n - j):
                if j + k >= ny or element(x, k, imm) != element(y, j + k, imm):
                    hit = 0
        r |= <u32>hit << j
    return r


cdef u32 compare(CPU *c, const u8 *x, u32 nx, const u8 *y, u32 ny, u32 imm) noexcept nogil:
    """IntRes2 and the flags."""
    cdef u32 n = 8 if imm & WORDS else 16
    cdef u32 r = aggregate(x, nx, y, ny, imm)
    if imm & NEGATIVE:
        r ^= (<u32>1 << ny) - 1 if imm & MASKED else (<u32>1 << n) - 1
    set_arith(c, (F_CF if r else 0) | (F_ZF if ny < n else 0) | (F_SF if nx < n else 0) | (F_OF if r & 1 else 0))
    return r


cdef void deliver(CPU *c, u32 r, u32 imm, result_t *o) noexcept nogil:
    cdef u32 k
    cdef u8 *d = xmm(c, 0)
    if result_t is index_t:
        if r == 0:
            put(c, RCX * 8, <u32>(8 if imm & WORDS else 16))
        else:
            put(c, RCX * 8, <u32>(31 - clz(r) if imm & EXPAND else ctz(r)))
    elif imm & EXPAND:
        for k in range(16):
            d[k] = <u8>(0 - (r >> (k >> 1 if imm & WORDS else k) & 1))
    else:
        (<u64 *>d)[0] = r
        (<u64 *>d)[1] = 0


cdef void implicit(CPU *c, const u8 *x, const u8 *y, u32 imm, result_t *o) noexcept nogil:
    deliver(c, compare(c, x, implicit_length(x, imm), y, implicit_length(y, imm), imm), imm, o)


cdef void explicit(CPU *c, const u8 *x, const u8 *y, u32 imm, bint wide, result_t *o) noexcept nogil:
    cdef i64 nx = <i64>c.s.gpr[RAX] if wide else <i64><i32>c.s.gpr[RAX]
    cdef i64 ny = <i64>c.s.gpr[RDX] if wide else <i64><i32>c.s.gpr[RDX]
    deliver(c, compare(c, x, explicit_length(nx, imm), y, explicit_length(ny, imm), imm), imm, o)


cdef inline u8 *unaligned(CPU *c, Insn *i, form_t a) noexcept nogil:
    if form_t in acc_t:
        return rdn(c, i, 16, a)
    else:
        return xmm(c, i.src)


cdef Insn *pcmpistr(CPU *c, Insn *i, result_t *o, form_t a) noexcept nogil:
    cdef u8 *p = unaligned(c, i, a)
    if p == NULL:
        return miss(c, i)
    implicit(c, xmm(c, i.dst), p, <u32>i.imm, o)
    return done(c, i, a)


cdef Insn *pcmpestr(CPU *c, Insn *i, result_t *o, form_t a) noexcept nogil:
    cdef u8 *p = unaligned(c, i, a)
    if p == NULL:
        return miss(c, i)
    explicit(c, xmm(c, i.dst), p, <u32>i.imm, i.osz == 8, o)
    return done(c, i, a)


# ---- PCMPGTQ ----

cdef Insn *pcmpgtq(CPU *c, Insn *i, form_t a) noexcept nogil:
    cdef i64 *d = <i64 *>xmm(c, i.dst)
    cdef i64 *p = <i64 *>xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    d[0] = -<i64>(d[0] > p[0])
    d[1] = -<i64>(d[1] > p[1])
    return done(c, i, a)


# ---- CRC32 ----

cdef inline u32 crc(u32 r, uint_t v) noexcept nogil:
    cdef u32 k
    for k in range(sizeof(uint_t)):
        r = r >> 8 ^ crc_table[(r ^ <u32>(v >> 8 * k)) & 0xFF]
    return r


cdef Insn *crc32_rr(CPU *c, Insn *i, uint_t t) noexcept nogil:
    put(c, i.dst, crc(reg(c, i.dst, <u32>0)[0], reg(c, i.src, t)[0]))
    return next_insn(c, i)


cdef Insn *crc32_rm(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    cdef uint_t *p = rd(c, i, t, a)
    if p == NULL:
        return miss(c, i)
    put(c, i.dst, crc(reg(c, i.dst, <u32>0)[0], p[0]))
    return finish(c, i, a)


cdef void make_crc_table() noexcept:
    cdef u32 n, _k, r
    for n in range(256):
        r = n
        for _k in range(8):
            r = r >> 1 ^ (<u32>0x82F63B78 if r & 1 else 0)
        crc_table[n] = r


# ---- registration ----

cdef int add_string(Registry r, str letter, u32 size, result_t *o) except -1:
    if size == 4:
        r.add(f"pcmpistr{letter}_xxi", 0, <handler_t>pcmpistr[result_t, reg_t], <handler_t>pcmpistr[result_t, reg_t])
        r.add(f"pcmpistr{letter}_xmi", 0, <handler_t>pcmpistr[result_t, fast_t], <handler_t>pcmpistr[result_t, slow_t])
    r.add(f"pcmpestr{letter}_xxi", size, <handler_t>pcmpestr[result_t, reg_t], <handler_t>pcmpestr[result_t, reg_t])
    r.add(f"pcmpestr{letter}_xmi", size, <handler_t>pcmpestr[result_t, fast_t], <handler_t>pcmpestr[result_t, slow_t])
    return 0


cdef int add_crc(Registry r, uint_t t) except -1:
    r.add("crc32_rr", sizeof(uint_t), <handler_t>crc32_rr[uint_t], <handler_t>crc32_rr[uint_t])
    r.add("crc32_rm", sizeof(uint_t), <handler_t>crc32_rm[uint_t, fast_t], <handler_t>crc32_rm[uint_t, slow_t])
    return 0


cdef int register(Registry r) except -1:
    cdef u32 size
    make_crc_table()
    for size in (4, 8):
        add_string(r, "i", size, <index_t *>NULL)
        add_string(r, "m", size, <mask_t *>NULL)
    r.add("pcmpgtq_xx", 0, <handler_t>pcmpgtq[reg_t], <handler_t>pcmpgtq[reg_t])
    r.add("pcmpgtq_xm", 0, <handler_t>pcmpgtq[fast_t], <handler_t>pcmpgtq[slow_t])
    add_crc(r, <u8>0)
    add_crc(r, <u16>0)
    add_crc(r, <u32>0)
    add_crc(r, <u64>0)
    return 0
