"""AES-NI and PCLMULQDQ (SDM vol. 1 ch. 12.13, vol. 2; FIPS 197; Intel's "Carry-Less Multiplication" white paper).

Computed from tables, whatever the host has.  A state is four columns, little-endian words whose low byte is row 0.
"""
from emu_core_pyx.types cimport fast_t, slow_t, u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp.dispatch cimport miss
from emu_core_pyx.interp.simd cimport xmm
from emu_core_pyx.interp.simd_form cimport done, form_t, reg_t, xmm_source

cdef extern from *:  # operation tags
    ctypedef struct aesenc "char"
    ctypedef struct aesenclast "char"
    ctypedef struct aesdec "char"
    ctypedef struct aesdeclast "char"
    ctypedef struct aesimc "char"
    ctypedef struct aeskeygenassist "char"
    ctypedef struct pclmulqdq "char"

ctypedef fused round_t:
    aesenc
    aesenclast
    aesdec
    aesdeclast
    aesimc

ctypedef fused imm_t:
    aeskeygenassist
    pclmulqdq

cdef u8 sbox[256]
cdef u8 inverse_sbox[256]
cdef u32 mixed[256]             # column that a byte of row 0 becomes by SubBytes and MixColumns
cdef u32 inverse_mixed[256]     # ... by InvSubBytes and InvMixColumns


cdef inline u32 rol(u32 v, u32 n) noexcept nogil:
    return v << n | v >> (32 - n)


cdef inline u32 byte_of(const u32 *s, u32 column, u32 row) noexcept nogil:
    return s[column & 3] >> 8 * row & 0xFF


cdef inline u32 substitute(u32 v, const u8 *box) noexcept nogil:
    return box[v & 0xFF] | box[v >> 8 & 0xFF] << 8 | box[v >> 16 & 0xFF] << 16 | <u32>box[v >> 24] << 24


cdef void aes_round(u32 *d, const u32 *s, round_t *o) noexcept nogil:
    """d: the state; s: the round key (AESIMC: what is transformed)."""
    cdef u32 out[4]
    cdef u32 k
    for k in range(4):
        if round_t is aesenc:
            out[k] = s[k] ^ (mixed[byte_of(d, k, 0)] ^ rol(mixed[byte_of(d, k + 1, 1)], 8)
                             ^ rol(mixed[byte_of(d, k + 2, 2)], 16) ^ rol(mixed[byte_of(d, k + 3, 3)], 24))
        elif round_t is aesdec:
            out[k] = s[k] ^ (inverse_mixed[byte_of(d, k, 0)] ^ rol(inverse_mixed[byte_of(d, k + 3, 1)], 8)
                             ^ rol(inverse_mixed[byte_of(d, k + 2, 2)], 16) ^ rol(inverse_mixed[byte_of(d, k + 1, 3)], 24))
        elif round_t is aesenclast:
            out[k] = s[k] ^ substitute(d[k] & 0xFF | d[(k + 1) & 3] & 0xFF00 | d[(k + 2) & 3] & 0xFF0000
                                       | d[(k + 3) & 3] & <u32>0xFF000000, sbox)
        elif round_t is aesdeclast:
            out[k] = s[k] ^ substitute(d[k] & 0xFF | d[(k + 3) & 3] & 0xFF00 | d[(k + 2) & 3] & 0xFF0000
                                       | d[(k + 1) & 3] & <u32>0xFF000000, inverse_sbox)
        else:
            out[k] = (inverse_mixed[sbox[byte_of(s, k, 0)]] ^ rol(inverse_mixed[sbox[byte_of(s, k, 1)]], 8)
                      ^ rol(inverse_mixed[sbox[byte_of(s, k, 2)]], 16) ^ rol(inverse_mixed[sbox[byte_of(s, k, 3)]], 24))
    for k in range(4):
        d[k] = out[k]


cdef void keygen_assist(u32 *d, const u32 *s, u32 imm) noexcept nogil:
    cdef u32 a = substitute(s[1], sbox), b = substitute(s[3], sbox)
    d[0] = a
    d[1] = rol(a, 24) ^ imm
    d[2] = b
    d[3] = rol(b, 24) ^ imm


cdef void carryless_multiply(u64 *d, u64 x, u64 y) noexcept nogil:
    cdef u64 lo = 0, hi = 0, bit
    cdef u32 k
    for k in range(64):
        bit = 0 - (y >> k & 1)
        lo ^= x << k & bit
        hi ^= x >> 1 >> (63 - k) & bit
    d[0] = lo
    d[1] = hi


cdef inline void imm_op(u8 *d, const u8 *s, u32 imm, imm_t *o) noexcept nogil:
    if imm_t is aeskeygenassist:
        keygen_assist(<u32 *>d, <const u32 *>s, imm)
    else:
        carryless_multiply(<u64 *>d, (<u64 *>d)[imm & 1], (<const u64 *>s)[imm >> 4 & 1])


cdef Insn *op_round(CPU *c, Insn *i, round_t *o, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    aes_round(<u32 *>xmm(c, i.dst), <u32 *>p, o)
    return done(c, i, a)


cdef Insn *op_imm(CPU *c, Insn *i, imm_t *o, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    imm_op(xmm(c, i.dst), p, <u32>i.imm, o)
    return done(c, i, a)


# ---- tables ----

cdef u32 times(u32 a, u32 b) noexcept:
    """Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1."""
    cdef u32 r = 0
    while b:
        if b & 1:
            r ^= a
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return r


cdef void make_tables() noexcept:
    cdef u32 x, y, _k
    for x in range(256):
        y = x                       # the inverse is x^254
        for _k in range(6):
            y = times(times(y, y), x)
        y = times(y, y)
        y |= y << 8                 # the affine map: y and its four rotations
        y = (y ^ y >> 4 ^ y >> 5 ^ y >> 6 ^ y >> 7 ^ 0x63) & 0xFF
        sbox[x] = <u8>y
        inverse_sbox[y] = <u8>x
        mixed[x] = times(y, 2) | y << 8 | y << 16 | times(y, 3) << 24
    for x in range(256):
        y = inverse_sbox[x]
        inverse_mixed[x] = times(y, 14) | times(y, 9) << 8 | times(y, 13) << 16 | times(y, 11) << 24


# ---- registration ----

cdef int add_round(Registry r, str name, round_t *o) except -1:
    r.add(name + "_xx", 0, <handler_t>op_round[round_t, reg_t], <handler_t>op_round[round_t, reg_t])
    r.add(name + "_xm", 0, <handler_t>op_round[round_t, fast_t], <handler_t>op_round[round_t, slow_t])
    return 0


cdef int add_imm(Registry r, str name, imm_t *o) except -1:
    r.add(name + "_xxi", 0, <handler_t>op_imm[imm_t, reg_t], <handler_t>op_imm[imm_t, reg_t])
    r.add(name + "_xmi", 0, <handler_t>op_imm[imm_t, fast_t], <handler_t>op_imm[imm_t, slow_t])
    return 0


cdef int register(Registry r) except -1:
    make_tables()
    add_round(r, "aesenc", <aesenc *>NULL)
    add_round(r, "aesenclast", <aesenclast *>NULL)
    add_round(r, "aesdec", <aesdec *>NULL)
    add_round(r, "aesdeclast", <aesdeclast *>NULL)
    add_round(r, "aesimc", <aesimc *>NULL)
    add_imm(r, "aeskeygenassist", <aeskeygenassist *>NULL)
    add_imm(r, "pclmulqdq", <pclmulqdq *>NULL)
    return 0
