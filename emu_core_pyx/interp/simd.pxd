"""What the MMX and SSE families share: vectors, operands, MXCSR (SDM vol. 1 ch. 9-12, vol. 2).

A vector is `V`, the host's XMM register.  Integer instructions are compiler intrinsics, floating-point ones are the
guest's own instruction in assembler (see `SIMD_OP`): rounding, NaN choice and MXCSR flags are then the host's.

One instruction is one OPERATION TAG, an opaque type (``ctypedef struct paddb "char"``) that exists only so that a fused
function can be written once for the form (``xmm, xmm/m128``) and specialised for every operation; pointers to tags are
passed as dummies and never followed.

MXCSR while guest code runs (between `simd_enter` and `simd_leave`) is the host's own: the guest's rounding, FZ and DAZ,
all exceptions masked, sticky flags live.  Code called in between must not compute in float or double.  When the guest
unmasks an exception (`CPU.simd_unmasked` is not 0) the fast handlers go to their slow twins, which look at the host
flags before they commit; those flags are clear before every instruction then, and `fpu.mxcsr` holds the sticky ones.

Handlers whose fast twin cannot go on (TLB miss, misaligned, #MF pending, exceptions unmasked) end in `miss`.
"""
from emu_core_pyx.types cimport acc_t, fast_t, slow_t, u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport EXC_GP
from emu_core_pyx.block.insn cimport Insn
from emu_core_pyx.interp.dispatch cimport raise_exc, unlikely
from emu_core_pyx.mmu.access cimport ea, rd_at, wr_at

cdef extern from * nogil:
    """
    #include <emmintrin.h>
    /* volatile, because MXCSR is an operand the compiler does not know of; the operand order decides which NaN wins */
    #define SIMD_OP(op) static inline __m128i simd_##op(__m128i a, __m128i b) \\
        { __asm__ volatile(#op " %1, %0" : "+x"(a) : "x"(b)); return a; }
    static inline __m128i simd_load4(const void *p) { return _mm_cvtsi32_si128(*(const int *)p); }
    static inline __m128i simd_load8(const void *p) { return _mm_loadl_epi64((const __m128i *)p); }
    static inline __m128i simd_load16(const void *p) { return _mm_loadu_si128((const __m128i *)p); }
    static inline void simd_store16(void *p, __m128i v) { _mm_storeu_si128((__m128i *)p, v); }
    static inline __m128i simd_low(unsigned long long q) { return _mm_cvtsi64_si128((long long)q); }
    static inline __m128i simd_ones(void) { return _mm_set1_epi32(-1); }
    static inline __m128i simd_merge_low(__m128i a, __m128i b)
    { return _mm_castpd_si128(_mm_move_sd(_mm_castsi128_pd(a), _mm_castsi128_pd(b))); }
    static inline __m128i simd_merge4(__m128i a, __m128i b)
    { return _mm_castps_si128(_mm_move_ss(_mm_castsi128_ps(a), _mm_castsi128_ps(b))); }
    static inline unsigned long long simd_q(__m128i v) { return (unsigned long long)_mm_cvtsi128_si64(v); }
    """
    ctypedef struct V "__m128i":
        pass
    V load4 "simd_load4"(const void *p)         # 32 bits, the rest zero
    V load8 "simd_load8"(const void *p)         # 64 bits, the rest zero
    V load16 "simd_load16"(const void *p)
    void store16 "simd_store16"(void *p, V v)
    V low "simd_low"(u64 q)                     # q in the low half
    u64 lowq "simd_q"(V v)                      # the low half
    V merge_low "simd_merge_low"(V a, V b)      # a with b's low quadword
    V merge4 "simd_merge4"(V a, V b)            # a with b's low doubleword
    V ones "simd_ones"()
    u32 _mm_getcsr()
    void _mm_setcsr(u32 v)

cdef enum:  # MXCSR
    MXCSR_IE = 0x1
    MXCSR_DE = 0x2
    MXCSR_ZE = 0x4
    MXCSR_OE = 0x8
    MXCSR_UE = 0x10
    MXCSR_PE = 0x20
    MXCSR_FLAGS = 0x3F
    MXCSR_PRE = 0x7         # found before computing: an unmasked one suppresses the other three
    MXCSR_DAZ = 0x40
    MXCSR_MASK_SHIFT = 7
    MXCSR_MASKS = 0x1F80
    MXCSR_RC = 0x6000
    MXCSR_FZ = 0x8000
    MXCSR_VALID = 0xFFFF    # MXCSR_MASK as FXSAVE reports it
    MXCSR_DEFAULT = 0x1F80

cdef inline void simd_enter(CPU *c) noexcept nogil:
    """Guest code is about to run: give the host its MXCSR."""
    cdef u32 v = c.s.fpu.mxcsr
    c.simd_unmasked = ~(v >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS
    if c.simd_unmasked & MXCSR_UE:      # flush to zero needs underflow masked
        v &= ~<u32>MXCSR_FZ
    _mm_setcsr(v & (MXCSR_RC | MXCSR_FZ | MXCSR_DAZ) | MXCSR_MASKS)


cdef inline u32 mxcsr_current(CPU *c) noexcept nogil:
    """MXCSR as the guest sees it; only while it runs (else fpu.mxcsr is all there is)."""
    c.s.fpu.mxcsr |= _mm_getcsr() & MXCSR_FLAGS
    return c.s.fpu.mxcsr


cdef inline void simd_leave(CPU *c) noexcept nogil:
    """Back to the host: fold the sticky flags, restore its MXCSR."""
    mxcsr_current(c)
    _mm_setcsr(MXCSR_DEFAULT)


cdef inline void mxcsr_load(CPU *c, u32 v) noexcept nogil:
    """LDMXCSR and FXRSTOR; the caller has checked the reserved bits."""
    c.s.fpu.mxcsr = v
    simd_enter(c)


cdef inline u8 *xmm(CPU *c, u8 n) noexcept nogil:
    return <u8 *>&c.s.xmm[n]


cdef inline u64 mmx_get(CPU *c, u8 n) noexcept nogil:
    return c.s.fpu.st[n].sig


cdef inline void mmx_touch(CPU *c) noexcept nogil:
    """What every MMX instruction but EMMS does to the x87 environment (SDM 3A, table 12-1)."""
    c.s.fpu.top = 0
    c.s.fpu.tags = 0xFF


cdef inline void mmx_put(CPU *c, u8 n, u64 v) noexcept nogil:
    c.s.fpu.st[n].sig = v
    c.s.fpu.st[n].sexp = 0xFFFF
    mmx_touch(c)


cdef inline bint misaligned(CPU *c, Insn *i, u64 off, acc_t a) noexcept nogil:
    """Legacy SSE wants 16-byte operands aligned, by linear address."""
    if unlikely((off + c.s.seg_base[i.seg]) & 15):
        if acc_t is slow_t:
            raise_exc(c, EXC_GP, 0)
        return 1
    return 0


cdef inline u8 *rd16(CPU *c, Insn *i, acc_t a) noexcept nogil:
    """Aligned 16-byte source, or NULL."""
    cdef u64 off = ea(c, i)
    if misaligned(c, i, off, a):
        return NULL
    return rd_at(c, i.seg, off, 16, a)


cdef inline u8 *wr16(CPU *c, Insn *i, acc_t a) noexcept nogil:
    """Aligned 16-byte destination, or NULL."""
    cdef u64 off = ea(c, i)
    if misaligned(c, i, off, a):
        return NULL
    return wr_at(c, i.seg, off, 16, a)


cdef inline u8 *rdn(CPU *c, Insn *i, u32 n, acc_t a) noexcept nogil:
    """n bytes of source at any address, or NULL."""
    return rd_at(c, i.seg, ea(c, i), n, a)


cdef inline u8 *wrn(CPU *c, Insn *i, u32 n, acc_t a) noexcept nogil:
    return wr_at(c, i.seg, ea(c, i), n, a)
