"""TLB arrays: forgetting pages, and taking back direct write tags.  See tlb.pxd.

`Phys.holders` remembers, for each frame, up to four TLB indices where direct write tags for it were given (the
index alone: every privilege level and shadow space is looked at there); HOLDERS_MANY means look everywhere.
It may be out of date in the harmless direction only.
"""
from libc.string cimport memset
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.cpu.state cimport TlbEntry
from emu_core_pyx.mmu.physmem cimport Phys

cdef extern from *:
    int ctz64 "__builtin_ctzll"(u64 x) noexcept nogil


# ---- one set of entries -------------------------------------------------------------------------

cdef inline void entry_clear(TlbEntry *e) noexcept nogil:
    e.rd = TAG_NONE
    e.wr = TAG_NONE
    e.ex = TAG_NONE


cdef void tlb_clear(TlbSet *t, u64 page) noexcept nogil:
    """Forget one page."""
    cdef TlbEntry *e = &t.e[(page >> 12) & 1023]
    if (e.rd & ~<u64>TAG_KIND) == page or (e.wr & ~<u64>TAG_KIND) == page or e.ex == page:
        entry_clear(e)


cdef void tlb_flush(TlbSet *t, bint keep_global) noexcept nogil:
    cdef u32 w
    cdef u64 bits
    for w in range(16):
        bits = t.filled[w]
        if bits == 0:
            continue
        if keep_global:
            bits &= ~t.glob[w]
        t.filled[w] &= ~bits
        t.glob[w] &= t.filled[w]
        while bits:
            entry_clear(&t.e[w * 64 + ctz64(bits)])
            bits &= bits - 1


cdef void tlb_clear_current(Mmu *m, u64 page) noexcept nogil:
    cdef u32 k
    for k in range(<u32>TLB_SETS):
        tlb_clear(m.set[k], page)


cdef void tlb_flush_current(Mmu *m, bint keep_global) noexcept nogil:
    cdef u32 k
    for k in range(<u32>TLB_SETS):
        tlb_flush(m.set[k], keep_global)


cdef bint tlb_borrow(Mmu *m, u64 page, bint write) noexcept nogil:
    """With EFLAGS.AC the supervisor may do what it may without, and what the user may.

    A direct write tag is held already: a frame's holders are indices, whatever the set.
    """
    cdef u32 k, index = <u32>(page >> 12) & 1023
    cdef u64 tag, bit = <u64>1 << (index & 63)
    cdef TlbSet *to = m.set[SET_AC]
    cdef TlbSet *src
    for k in range(<u32>SET_AC):
        src = m.set[k]
        tag = src.e[index].wr if write else src.e[index].rd
        if (tag & ~<u64>TAG_KIND) == page:
            to.e[index] = src.e[index]
            to.e[index].ex = TAG_NONE
            to.pfn[index] = src.pfn[index]
            to.filled[index >> 6] |= bit
            to.glob[index >> 6] = to.glob[index >> 6] & ~bit | src.glob[index >> 6] & bit
            return 1
    return 0


cdef void set_init(Mmu *m, TlbSet *t) noexcept nogil:
    cdef u32 k
    for k in range(1024):
        entry_clear(&t.e[k])
    memset(t.filled, 0, sizeof(t.filled))
    memset(t.glob, 0, sizeof(t.glob))
    m.sets[m.n_sets] = t
    m.n_sets += 1


# ---- direct write tags and who holds them --------------------------------------------------------

cdef inline void revoke_at(TlbEntry *e, u64 host) noexcept nogil:
    if not e.wr & (TAG_NONE | TAG_KIND) and e.wr + <u64>e.add == host:
        e.wr |= TAG_HOOKED


cdef void revoke(Mmu *m, u32 frame) noexcept nogil:
    cdef Phys *p = m.phys
    cdef u64 h = p.holders[frame], host = <u64>p.base + (<u64>frame << 12), bits
    cdef u32 k, w
    if h == 0:
        return
    p.holders[frame] = 0
    for k in range(m.n_sets):
        if h != HOLDERS_MANY:
            bits = h
            while bits:
                revoke_at(&m.sets[k].e[(bits & 0xFFFF) - 1], host)
                bits >>= 16
        else:
            for w in range(16):
                bits = m.sets[k].filled[w]
                while bits:
                    revoke_at(&m.sets[k].e[w * 64 + ctz64(bits)], host)
                    bits &= bits - 1


cdef void revoke_all(Mmu *m) noexcept nogil:
    cdef u32 k, w
    cdef u64 bits
    cdef TlbEntry *e
    for k in range(m.n_sets):
        for w in range(16):
            bits = m.sets[k].filled[w]
            while bits:
                e = &m.sets[k].e[w * 64 + ctz64(bits)]
                if not e.wr & (TAG_NONE | TAG_KIND):
                    e.wr |= TAG_HOOKED
                bits &= bits - 1
