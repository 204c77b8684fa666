"""The only door from CPU code to memory.

``rd/wr/rmw`` give a host pointer to the operand, or NULL ("return miss(c, i)").  The fast kind is a
segment-limit compare and a TLB tag compare inline; the slow kind calls mmu/slow.pyx, which walks
page tables, raises faults, and for what is not plain RAM in one page (MMIO, page crossing, code
pages, watchpoints) hands out c.bounce, written back by `finish` -> slow_commit.

A page-crossing access fails the tag compare because the tag is compared with the page of the
LAST byte while the index comes from the first.
"""
from emu_core_pyx.types cimport acc_t, fast_t, i64, slow_t, u8, u32, u64, uint_t
from emu_core_pyx.cpu.state cimport CPU, TlbEntry
from emu_core_pyx.block.insn cimport Insn
from emu_core_pyx.mmu.slow cimport slow_read, slow_rmw, slow_write
from emu_core_pyx.interp.dispatch cimport likely

cdef extern from *:
    """
    /* Tells the compiler that a TLB hit is no NULL, so that the handler's test of it costs nothing. */
    static inline __attribute__((always_inline)) void *emu_not_null(void *p) { if (!p) __builtin_unreachable(); return p; }
    #define EMU_NOT_NULL(p) ((uint8_t *)emu_not_null(p))
    """
    u8 *not_null "EMU_NOT_NULL"(u8 *p) noexcept nogil


cdef inline uint_t *reg(CPU *c, u8 off, uint_t t) noexcept nogil:
    """Register operand as an lvalue; do not use it to WRITE 32 bits (see put)."""
    return <uint_t *>(<u8 *>c + off)


cdef inline void put(CPU *c, u8 off, uint_t v) noexcept nogil:
    """Write a register operand: 32-bit writes clear the upper half, smaller ones merge."""
    if uint_t is u32:
        (<u64 *>(<u8 *>c + off))[0] = v
    else:
        (<uint_t *>(<u8 *>c + off))[0] = v


cdef inline u64 ea(CPU *c, Insn *i) noexcept nogil:
    """Effective address (offset in the segment), branch-free."""
    return ((<u64 *>(<u8 *>c + i.base))[0] + (<u64 *>(<u8 *>c + i.index))[0] * i.scale
            + <u64><i64>i.disp) & i.amask


cdef inline u8 *rd_at(CPU *c, u32 seg, u64 off, u32 n, acc_t a) noexcept nogil:
    """Host pointer to n readable bytes at seg:off (n <= BOUNCE_SIZE), or NULL."""
    cdef u64 lin
    cdef TlbEntry *e
    if acc_t is slow_t:
        return slow_read(c, seg, off, n)
    else:
        lin = off + c.s.seg_base[seg]
        e = &c.tlb[(lin >> 12) & 1023]
        if likely(off + n <= c.s.seg_rend[seg] and ((lin + (n - 1)) & ~<u64>0xFFF) == e.rd):
            return not_null(<u8 *>(lin + <u64>e.add))
        return NULL


cdef inline u8 *wr_at(CPU *c, u32 seg, u64 off, u32 n, acc_t a) noexcept nogil:
    """Host pointer to n writable bytes at seg:off; a slow one is committed by finish."""
    cdef u64 lin
    cdef TlbEntry *e
    if acc_t is slow_t:
        return slow_write(c, seg, off, n)
    else:
        lin = off + c.s.seg_base[seg]
        e = &c.tlb[(lin >> 12) & 1023]
        if likely(off + n <= c.s.seg_wend[seg] and ((lin + (n - 1)) & ~<u64>0xFFF) == e.wr):
            return not_null(<u8 *>(lin + <u64>e.add))
        return NULL


cdef inline u8 *rmw_at(CPU *c, u32 seg, u64 off, u32 n, acc_t a) noexcept nogil:
    """As wr_at, and the bytes there can be read first."""
    if acc_t is slow_t:
        return slow_rmw(c, seg, off, n)
    else:
        return wr_at(c, seg, off, n, a)


cdef inline uint_t *rd(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    return <uint_t *>rd_at(c, i.seg, ea(c, i), sizeof(uint_t), a)


cdef inline uint_t *wr(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    return <uint_t *>wr_at(c, i.seg, ea(c, i), sizeof(uint_t), a)


cdef inline uint_t *rmw(CPU *c, Insn *i, uint_t t, acc_t a) noexcept nogil:
    return <uint_t *>rmw_at(c, i.seg, ea(c, i), sizeof(uint_t), a)
