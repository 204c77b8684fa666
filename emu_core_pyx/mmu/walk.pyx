"""See walk.pxd.  Spec: SDM 3A 4.3 (32-bit), 4.4 (PAE), 4.5 (4-level), 4.6 (rights), 4.7 (#PF), 4.8 (A and D).

A and D are set only when the whole translation succeeds, on every level used.
DEVIATION: tables in MMIO space are read, but their A and D bits are not set.
"""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport FEAT_PSE36
from emu_core_pyx.mmu.core cimport ACC_DEBUG, ACC_KIND, ACC_WRITE, page_fault, phys_read
from emu_core_pyx.mmu.tlb cimport Mmu
from emu_core_pyx.mmu.physmem cimport FRAME_CLEAN, FRAME_CODE, Phys, frame_rd, frame_wr
from emu_core_pyx.block.cache cimport code_written

cdef extern from *:
    """
    #define EMU_XD 0x8000000000000000ull
    """
    const u64 XD "EMU_XD"


cdef void set_bits(CPU *c, u32 frame, u64 phys, u8 *at, u8 bits) noexcept nogil:
    cdef Phys *p = (<Mmu *>c.mmu).phys
    if frame_wr(p, phys) != frame + 1:
        return          # read-only memory keeps what it has
    at[0] |= bits
    # shadow entries need not be told: A and D appearing take no right away
    p.flags[frame] &= ~FRAME_CLEAN
    if p.flags[frame] & FRAME_CODE and c.cache != NULL:
        code_written(c, phys, 1)


cdef bint no_paging(CPU *c, Mmu *m, u64 lin, Walk *w) noexcept nogil:
    w.entry = ((lin & <u64>0xFFFFF000) & m.a20_mask) | E_ALL
    w.size_bits = 12
    return 1


cdef bint guest_walk(CPU *c, u64 lin, u32 access, Walk *w) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef Phys *p = m.phys
    cdef u64 base, ent = 0, rights = PTE_W | PTE_U, off, rsvd, phys
    cdef u32 level = m.levels, es = entry_shift(m.pae), f, k, shift, bits = 9 if m.pae else 10
    cdef bint big = 0
    w.n = 0
    w.uncached = 0
    if level == 0:
        return no_paging(c, m, lin, w)
    m.n.walks += 1
    if not m.pae:
        base = c.s.cr3 & <u64>0xFFFFF000
    elif level == 4:
        base = c.s.cr3 & m.addr_mask
    else:
        base = c.s.pdpte[(lin >> 30) & 3]
        if not base & PTE_P:
            page_fault(c, lin, access, 0)
            return 0
        base &= m.addr_mask
    rights |= E_X
    while True:
        shift = 12 + bits * (level - 1)
        off = ((lin >> shift) & ((1 << bits) - 1)) << es
        phys = (base & m.a20_mask) + off
        f = frame_rd(p, phys)
        k = w.n
        if f != 0:
            w.at[k] = p.base + (<u64>(f - 1) << 12) + (phys & 0xFFF)
            ent = (<u64 *>w.at[k])[0] if es == 3 else (<u32 *>w.at[k])[0]
        else:
            w.at[k] = NULL
            w.uncached = 1
            ent = 0
            phys_read(c, phys, &ent, 1 << es)
        w.table[k] = phys & ~<u64>0xFFF
        w.frame[k] = f - 1
        w.index[k] = <u32>(off >> es)
        w.level[k] = level
        w.n = k + 1
        if not ent & PTE_P:
            page_fault(c, lin, access, 0)
            return 0
        rsvd = m.rsvd & ent
        if level > 1 and ent & PTE_PS:
            if level == 4 or level == 3 and not m.page1g:
                rsvd |= PTE_PS
            elif m.pae:
                big = 1
                rsvd |= ent & ((<u64>1 << shift) - 1) & ~<u64>0x1FFF
            elif m.pse:
                big = 1
                rsvd |= ent & pse_reserved(c, m)
        if rsvd:
            page_fault(c, lin, access, PF_P | PF_RSVD)
            return 0
        w.upper = rights
        rights &= ent | ~<u64>(PTE_W | PTE_U)
        if m.nx and ent & XD:
            rights &= ~<u64>E_X
        if big or level == 1:
            break
        base = ent & m.addr_mask
        level -= 1
    if access & ACC_DEBUG == 0 and not allowed(c, m, rights, access):
        page_fault(c, lin, access, PF_P)
        return 0
    w.size_bits = shift
    if big and not m.pae:
        # PSE-36: entry bits 13-20 are address bits 32-39
        base = (ent & <u64>0xFFC00000) | (((ent >> 13) & 0xFF) << 32 & m.addr_mask)
    else:
        base = ent & m.addr_mask & ~((<u64>1 << shift) - 1)
    base |= lin & ((<u64>1 << shift) - 1) & ~<u64>0xFFF
    if access & ACC_DEBUG == 0:
        for k in range(w.n):
            if w.at[k] != NULL:
                bits = PTE_A
                if k == w.n - 1 and access & ACC_KIND == ACC_WRITE:
                    bits = PTE_A | PTE_D
                    ent |= PTE_D
                if w.at[k][0] & bits != bits:
                    set_bits(c, w.frame[k], w.table[k] | w.index[k] << es, w.at[k], <u8>bits)
            elif k == w.n - 1:
                ent |= PTE_D
    w.entry = (base & m.a20_mask) | rights | PTE_P | (ent & (PTE_D | PTE_G))
    if big:
        w.entry |= E_BIG | (E_HUGE if shift == 30 else 0)
    return 1


cdef u64 pse_reserved(CPU *c, Mmu *m) noexcept nogil:
    """Reserved bits of a 4 MiB page's entry: 21, and those of 13-20 beyond the physical address width."""
    cdef u64 known = ((<u64>1 << m.maxphy) - 1) >> 32 if c.feat & FEAT_PSE36 else 0
    return 0x3FE000 & ~((known & 0xFF) << 13)
