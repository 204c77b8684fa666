"""SHA extensions: SHA-1 and SHA-256 rounds and message schedules (SDM vol. 1 ch. 12.13, vol. 2B; FIPS 180-4).

The most significant doubleword of a vector comes first: A and W0 are element 3.
"""
from emu_core_pyx.types cimport fast_t, slow_t, u8, u32
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp.dispatch cimport miss
from emu_core_pyx.interp.simd cimport xmm
from emu_core_pyx.interp.simd_form cimport done, form_t, reg_t, xmm_source

cdef extern from *:  # operation tags
    ctypedef struct sha1nexte "char"
    ctypedef struct sha1msg1 "char"
    ctypedef struct sha1msg2 "char"
    ctypedef struct sha256rnds2 "char"
    ctypedef struct sha256msg1 "char"
    ctypedef struct sha256msg2 "char"

ctypedef fused sha_t:
    sha1nexte
    sha1msg1
    sha1msg2
    sha256rnds2
    sha256msg1
    sha256msg2


cdef inline u32 rol(u32 v, u32 n) noexcept nogil:
    return v << n | v >> (32 - n)


cdef inline u32 ror(u32 v, u32 n) noexcept nogil:
    return v >> n | v << (32 - n)


cdef inline u32 choose(u32 x, u32 y, u32 z) noexcept nogil:
    return x & y ^ ~x & z


cdef inline u32 majority(u32 x, u32 y, u32 z) noexcept nogil:
    return x & y ^ x & z ^ y & z


cdef inline u32 sigma0(u32 v) noexcept nogil:
    return ror(v, 7) ^ ror(v, 18) ^ v >> 3


cdef inline u32 sigma1(u32 v) noexcept nogil:
    return ror(v, 17) ^ ror(v, 19) ^ v >> 10


cdef void sha1_rounds(u32 *d, const u32 *w, u32 imm) noexcept nogil:
    """Four rounds; E is in the first word already."""
    cdef u32 a = d[3], b = d[2], c = d[1], e = 0, f, t, k
    cdef u32 dd = d[0]
    for k in range(4):
        if imm & 3 == 0:
            f = choose(b, c, dd) + 0x5A827999
        elif imm & 3 == 1:
            f = (b ^ c ^ dd) + 0x6ED9EBA1
        elif imm & 3 == 2:
            f = majority(b, c, dd) + <u32>0x8F1BBCDC
        else:
            f = (b ^ c ^ dd) + <u32>0xCA62C1D6
        t = f + rol(a, 5) + w[3 - k] + e
        e = dd
        dd = c
        c = rol(b, 30)
        b = a
        a = t
    d[3] = a
    d[2] = b
    d[1] = c
    d[0] = dd


cdef void sha256_rounds(u32 *x, const u32 *y, const u32 *wk) noexcept nogil:
    """Two rounds: C D G H in x, A B E F in y, the words plus constants in wk."""
    cdef u32 a = y[3], b = y[2], c = x[3], d = x[2], e = y[1], f = y[0], g = x[1], h = x[0], k, t
    cdef u32 words[2]
    words[0] = wk[0]
    words[1] = wk[1]
    for k in range(2):
        t = choose(e, f, g) + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + words[k] + h
        h = g
        g = f
        f = e
        e = t + d
        d = c
        t += majority(a, b, c) + (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22))
        c = b
        b = a
        a = t
    x[3] = a
    x[2] = b
    x[1] = e
    x[0] = f


cdef void sha_op(CPU *c, u32 *d, const u32 *s, sha_t *o) noexcept nogil:
    cdef u32 s0 = s[0], s1 = s[1], s2 = s[2], s3 = s[3], t
    if sha_t is sha1nexte:
        t = rol(d[3], 30)
        d[0] = s0
        d[1] = s1
        d[2] = s2
        d[3] = s3 + t
    elif sha_t is sha1msg1:
        d[3] ^= d[1]
        d[2] ^= d[0]
        d[1] ^= s3
        d[0] ^= s2
    elif sha_t is sha1msg2:
        d[3] = rol(d[3] ^ s2, 1)
        d[2] = rol(d[2] ^ s1, 1)
        d[1] = rol(d[1] ^ s0, 1)
        d[0] = rol(d[0] ^ d[3], 1)
    elif sha_t is sha256rnds2:
        sha256_rounds(d, s, <u32 *>xmm(c, 0))
    elif sha_t is sha256msg1:
        d[0] += sigma0(d[1])
        d[1] += sigma0(d[2])
        d[2] += sigma0(d[3])
        d[3] += sigma0(s0)
    else:
        d[0] += sigma1(s2)
        d[1] += sigma1(s3)
        d[2] += sigma1(d[0])
        d[3] += sigma1(d[1])


cdef Insn *op(CPU *c, Insn *i, sha_t *o, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    sha_op(c, <u32 *>xmm(c, i.dst), <u32 *>p, o)
    return done(c, i, a)


cdef Insn *sha1rnds4(CPU *c, Insn *i, form_t a) noexcept nogil:
    cdef u8 *p = xmm_source(c, i, 16, a)
    if p == NULL:
        return miss(c, i)
    sha1_rounds(<u32 *>xmm(c, i.dst), <u32 *>p, <u32>i.imm)
    return done(c, i, a)


cdef int add(Registry r, str name, sha_t *o) except -1:
    r.add(name + "_xx", 0, <handler_t>op[sha_t, reg_t], <handler_t>op[sha_t, reg_t])
    r.add(name + "_xm", 0, <handler_t>op[sha_t, fast_t], <handler_t>op[sha_t, slow_t])
    return 0


cdef int register(Registry r) except -1:
    add(r, "sha1nexte", <sha1nexte *>NULL)
    add(r, "sha1msg1", <sha1msg1 *>NULL)
    add(r, "sha1msg2", <sha1msg2 *>NULL)
    add(r, "sha256rnds2", <sha256rnds2 *>NULL)
    add(r, "sha256msg1", <sha256msg1 *>NULL)
    add(r, "sha256msg2", <sha256msg2 *>NULL)
    r.add("sha1rnds4_xxi", 0, <handler_t>sha1rnds4[reg_t], <handler_t>sha1rnds4[reg_t])
    r.add("sha1rnds4_xmi", 0, <handler_t>sha1rnds4[fast_t], <handler_t>sha1rnds4[slow_t])
    return 0
