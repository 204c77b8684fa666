"""The TLB and everything that keeps it true; physical access.  See core.pxd, README.md.

A TLB entry holds up to three tags of one page: read, write, fetch.  A tag is the page's address, with a low
bit set where the inline path must not use it (TAG_*).  The write tag is direct only when a write needs nobody's
attention: the page is RAM, its entry's D is set, and its frame has no FRAME_HOOKS.

CPU.gen changes with every change of a translation instructions may have been fetched through.

Spec: SDM 3A 4.10 (caching translation information).  Global pages survive CR3 loads with CR4.PGE.
"""
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset
from emu_core_pyx.types cimport i64, u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU, TlbEntry
from emu_core_pyx.cpu.bits cimport (
    CR0_PG_SHIFT, CR0_WP, CR4_PAE, CR4_PGE, CR4_PSE, CR4_SMAP, CR4_SMEP, EFER_LMA, EFER_NXE, EXC_PF, F_AC,
    FEAT_LM, FEAT_PDPE1GB,
)
from emu_core_pyx.cpu.control cimport page_watched
from emu_core_pyx.block.cache cimport code_written
from emu_core_pyx.bus.bus cimport Bus
from emu_core_pyx.mmu.physmem cimport (
    DROP, FRAME_CLEAN, FRAME_CODE, FRAME_HOOKS, FRAME_ROM, FRAME_TABLE, NOTE_ALL_CLEAN, NOTE_CLEAN, Phys, PhysMem, frame_rd,
    frame_wr,
)
from emu_core_pyx.mmu.shadow cimport (
    shadow_drop_all, shadow_edit, shadow_free, shadow_lookup, shadow_mark_fetched, shadow_new, shadow_switch,
)
from emu_core_pyx.mmu.tlb cimport (
    MODE_SHADOW, PHYSICAL_BITS, PHYSICAL_BITS_LONG, SET_AC, SET_SYSTEM, SET_USER, TAG_BUS, TAG_HOOKED, TAG_KIND, TAG_NONE,
    TLB_SETS, Mmu, Target, TlbSet, hold, revoke, revoke_all, set_init, tlb_borrow, tlb_clear, tlb_clear_current, tlb_flush,
    tlb_flush_current,
)
from emu_core_pyx.mmu.walk cimport (
    E_BIG, E_FLAGS, E_HUGE, E_X, PF_I, PF_U, PF_W, PTE_D, PTE_G, PTE_P, PTE_U, PTE_W, Walk, guest_walk,
)

cdef enum:
    VACANT = 64         # bytes; DMA of more than these asks once whether anybody is there


# ---- notices from physical memory -------------------------------------------------------------------

cdef void frame_written(CPU *c, u32 frame, u64 phys, u32 n) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef u8 f = m.phys.flags[frame]
    m.phys.flags[frame] = f & ~FRAME_CLEAN
    if f & FRAME_TABLE:
        shadow_edit(c, frame, <u32>(phys & 0xFFF), n)
    if f & FRAME_CODE and c.cache != NULL:
        code_written(c, phys, n)


cdef void on_written(void *cpu, u32 frame, u64 phys, u32 n) noexcept nogil:
    frame_written(<CPU *>cpu, frame, phys, n)


cdef void on_remapped(void *cpu, u64 phys, u64 n) noexcept nogil:
    """The physical map, or everything in it (n = ~0), or only clean marks (n = 0, NOTE_*) changed."""
    cdef CPU *c = <CPU *>cpu
    cdef Mmu *m = <Mmu *>c.mmu
    cdef Phys *p = m.phys
    cdef u64 at = phys
    cdef u32 f
    if n == 0:
        if phys == NOTE_ALL_CLEAN:
            revoke_all(m)
        else:
            revoke(m, <u32>(phys - NOTE_CLEAN))
        return
    if n == <u64>-1:
        if c.cache != NULL:
            for f in range(p.ram_frames):
                if p.flags[f] & FRAME_CODE:
                    at = <u64>f << 12
                    if f >= p.low_frames:
                        at = (at - (<u64>p.low_frames << 12)) + (<u64>1 << 32)
                    code_written(c, at, 0x1000)
    elif c.cache != NULL:
        while at < phys + n:        # blocks are keyed by address, whatever frame was behind it
            code_written(c, at, 0x1000)
            at += 0x1000
    drop_all(c)


# ---- paging mode --------------------------------------------------------------------------------

cdef u64 signature(CPU *c) noexcept nogil:
    return (((c.s.cr0 >> 16) & 0x8001) | (c.s.cr4 & (CR4_PSE | CR4_PAE | CR4_SMEP | CR4_SMAP)) << 16
            | (c.s.efer & (EFER_LMA | EFER_NXE)) << 40 | <u64>(c.s.a20 != 0) << 60)


cdef void refresh_mode(CPU *c) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef u64 above
    m.sig = signature(c)
    m.maxphy = PHYSICAL_BITS_LONG if c.feat & FEAT_LM else PHYSICAL_BITS
    m.page1g = c.feat & FEAT_PDPE1GB != 0
    m.wp = (c.s.cr0 & CR0_WP) != 0
    m.pse = (c.s.cr4 & CR4_PSE) != 0
    m.a20_mask = <u64>-1 if c.s.a20 else ~(<u64>1 << 20)
    m.addr_mask = ((<u64>1 << m.maxphy) - 1) & ~<u64>0xFFF
    m.levels = 0
    m.pae = 0
    m.nx = 0
    m.rsvd = 0
    m.smep = 0
    m.smap = 0
    if not (c.s.cr0 >> CR0_PG_SHIFT) & 1:
        return
    m.levels = 2
    m.smep = (c.s.cr4 & CR4_SMEP) != 0
    m.smap = (c.s.cr4 & CR4_SMAP) != 0
    if c.s.cr4 & CR4_PAE:
        m.pae = 1
        m.nx = (c.s.efer & EFER_NXE) != 0
        above = ((<u64>1 << 52) - 1) & ~((<u64>1 << m.maxphy) - 1)
        if c.s.efer & EFER_LMA:
            m.levels = 4
        else:
            above |= <u64>0x7FF0000000000000
        m.rsvd = above | (0 if m.nx else <u64>1 << 63)


cdef u32 fresh_gen(Mmu *m) noexcept nogil:
    m.next_gen += 1
    if m.next_gen == 0:
        m.next_gen = 1
    return m.next_gen


cdef void new_gen(CPU *c) noexcept nogil:
    c.gen = fresh_gen(<Mmu *>c.mmu)


cdef void show_sets(CPU *c) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    c.tlbs[SET_SYSTEM] = m.set[SET_SYSTEM].e
    c.tlbs[SET_USER] = m.set[SET_USER].e
    c.tlbs[SET_AC] = m.set[SET_AC if m.smap else SET_SYSTEM].e
    mmu_pick(c)


cdef void drop_all(CPU *c) noexcept nogil:
    """Forget every derived translation, in both modes."""
    cdef Mmu *m = <Mmu *>c.mmu
    cdef u32 k
    refresh_mode(c)
    if m.mode == MODE_SHADOW:
        shadow_drop_all(c)
    for k in range(m.n_sets):
        tlb_flush(m.sets[k], 0)
    memset(m.big, 0, sizeof(m.big))
    memset(m.fetched, 0, sizeof(m.fetched))
    new_gen(c)
    if m.mode == MODE_SHADOW:
        shadow_switch(c)
    else:
        show_sets(c)


cdef u64 breaks_of(CPU *c) noexcept nogil:
    """Changes when the set of watched pages does."""
    cdef u32 k
    cdef u64 h = 0
    if not c.s.dr[7] & 0xFF:
        return 0
    for k in range(4):
        h = (h + c.s.dr[k]) * <u64>0x9E3779B97F4A7C15
    return (h + c.s.dr[7]) | 1


cdef void mmu_flush_all(CPU *c) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef u64 b
    if m == NULL:
        return
    b = breaks_of(c)
    m.n.flushes += 1
    if m.mode == MODE_SHADOW and b == m.breaks:
        # shadow entries follow the guest's tables by themselves: only the mode may have changed
        if signature(c) != m.sig:
            refresh_mode(c)
        shadow_switch(c)
        return
    m.breaks = b
    m.watched = b != 0
    drop_all(c)


cdef void mmu_cr3_loaded(CPU *c) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef bint keep = (c.s.cr4 & CR4_PGE) != 0
    m.n.cr3_loads += 1
    if m.mode == MODE_SHADOW:
        shadow_switch(c)
        return
    tlb_flush_current(m, keep)
    new_gen(c)


cdef void mmu_cr3_kept(CPU *c) noexcept nogil:
    mmu_cr3_loaded(c)


cdef void mmu_invpcid(CPU *c, u32 type, u32 pcid, u64 lin) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    if type == 0:
        mmu_invlpg(c, lin)
        return
    if m.mode == MODE_SHADOW:
        return
    tlb_flush_current(m, type != 2)
    new_gen(c)


cdef void mmu_invlpg(CPU *c, u64 lin) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef u64 page = lin & ~<u64>0xFFF, region = lin >> 22, bit
    cdef u32 k
    m.n.invlpg += 1
    if m.mode == MODE_SHADOW:
        return              # the edit it follows has done it
    if m.huge:              # any region may hold pieces of the page
        drop_all(c)
        m.huge = 0
        return
    if m.big[(region >> 6) & 15] >> (region & 63) & 1:
        for k in range(1024):
            tlb_clear_current(m, region << 22 | k << 12)
        new_gen(c)
        return
    tlb_clear_current(m, page)
    bit = (page >> 12) & 32767
    if m.fetched[bit >> 6] >> (bit & 63) & 1:
        new_gen(c)


# ---- filling -------------------------------------------------------------------------------------

cdef void page_fault(CPU *c, u64 lin, u32 access, u32 bits) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    if access & ACC_DEBUG:
        return
    m.n.page_faults += 1
    if access & ACC_KIND == ACC_WRITE:
        bits |= PF_W
    elif access & ACC_KIND == ACC_EXEC and (m.nx or m.smep):
        bits |= PF_I
    if access & ACC_USER:
        bits |= PF_U
    c.exc = EXC_PF
    c.exc_error = bits
    c.exc_cr2 = lin
    c.exc_soft = 0


cdef inline TlbSet *set_of(CPU *c, Mmu *m, u32 access) noexcept nogil:
    """Where translations for this kind of access are kept."""
    if access & ACC_USER:
        return m.set[SET_USER]
    if m.smap and c.s.eflags & F_AC and not access & ACC_IMPLICIT and access & ACC_KIND != ACC_EXEC:
        return m.set[SET_AC]
    return m.set[SET_SYSTEM]


cdef void tlb_fill(CPU *c, u64 lin, u64 entry, u32 access, Target *t) noexcept nogil:
    """Put a permitted translation into the TLB set of its kind of access, and describe it in `t`."""
    cdef Mmu *m = <Mmu *>c.mmu
    cdef Phys *p = m.phys
    cdef TlbSet *s = set_of(c, m, access)
    cdef u64 page = lin & ~<u64>0xFFF, phys = entry & ~<u64>E_FLAGS, mark = 0, bit
    cdef u32 index = <u32>(page >> 12) & 1023, fr = frame_rd(p, phys), fw, kind = access & ACC_KIND
    cdef TlbEntry *e = &s.e[index]
    cdef u8 *host = NULL
    cdef u64 ex = TAG_NONE, wr = TAG_NONE
    t.phys = phys | (lin & 0xFFF)
    t.hooked = 0
    if fr != 0:
        host = p.base + (<u64>(fr - 1) << 12)
    if m.watched and page_watched(c, page):
        mark = TAG_HOOKED
        t.hooked = 1
    if kind == ACC_EXEC or e.ex == page and entry & E_X and (not m.smep or access & ACC_USER or not entry & PTE_U):
        ex = page
    if entry & PTE_D and (entry & PTE_W or not access & ACC_USER and not m.wp):
        fw = frame_wr(p, phys)
        if fw == fr and fr != 0:
            if kind == ACC_WRITE:
                p.flags[fr - 1] &= ~FRAME_CLEAN
            if p.flags[fr - 1] & FRAME_HOOKS:
                wr = page | TAG_HOOKED
            elif mark:
                wr = page | mark
            else:
                wr = page
                hold(p, fr - 1, index)
        elif fr != 0 and fw == DROP:
            wr = page | TAG_HOOKED
        elif fr == 0 and fw == 0:
            wr = page | TAG_BUS
    if kind == ACC_WRITE:
        # what is written where reads do not go (shadow RAM) is addressed physically
        t.hooked = wr != page
        if wr == TAG_NONE:
            host = NULL
    t.host = NULL if host == NULL else host + (lin & 0xFFF)
    e.wr = wr
    e.ex = ex
    if m.smap and entry & PTE_U and s == m.set[SET_SYSTEM]:
        e.wr = e.rd = TAG_NONE      # code of a user page, SMEP being off
        e.add = 0
    elif fr != 0:
        e.rd = page | mark
        e.add = <i64>(<u64>p.base + (<u64>(fr - 1) << 12) - page)
    else:
        e.rd = page | mark | TAG_BUS
        e.add = 0
    s.pfn[index] = <u32>(phys >> 12)
    bit = <u64>1 << (index & 63)
    s.filled[index >> 6] |= bit
    if entry & PTE_G:
        s.glob[index >> 6] |= bit
    else:
        s.glob[index >> 6] &= ~bit
    if m.mode != MODE_SHADOW:
        if entry & E_BIG:
            m.big[(page >> 28) & 15] |= <u64>1 << ((page >> 22) & 63)
            if entry & E_HUGE:
                m.huge = 1
        if kind == ACC_EXEC:
            bit = (page >> 12) & 32767
            m.fetched[bit >> 6] |= <u64>1 << (bit & 63)


cdef bint refill(CPU *c, u64 lin, u32 access, Target *t) noexcept nogil:
    """After a TLB miss: shadow tables or walk, then fill. 0 = #PF noted."""
    cdef Mmu *m = <Mmu *>c.mmu
    cdef Walk w
    cdef u64 entry
    m.n.misses += 1
    if signature(c) != m.sig:       # a mode bit changed without mmu_flush_all
        mmu_flush_all(c)
    if m.mode == MODE_SHADOW:
        entry = shadow_lookup(c, lin, access, &w)
        if entry == 0:
            return 0
        if not w.uncached:
            if access & ACC_KIND == ACC_EXEC:
                shadow_mark_fetched(c, lin)
            tlb_fill(c, lin, entry, access, t)
            return 1
    else:
        if not guest_walk(c, lin, access, &w):
            return 0
        entry = w.entry
    tlb_fill(c, lin, entry, access, t)
    if w.uncached:
        tlb_clear(set_of(c, m, access), lin & ~<u64>0xFFF)
    return 1


cdef bint resolve(CPU *c, u64 lin, u32 access, Target *t) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef TlbSet *s = set_of(c, m, access)
    cdef u32 index = <u32>(lin >> 12) & 1023, frame
    cdef TlbEntry *e = &s.e[index]
    cdef u64 page = lin & ~<u64>0xFFF, tag
    cdef Phys *p
    if access & ACC_KIND == ACC_WRITE:
        tag = e.wr
    else:
        tag = e.rd
    if (tag & ~<u64>TAG_KIND) != page:
        if not m.smap or s != m.set[SET_AC] or not tlb_borrow(m, page, access & ACC_KIND == ACC_WRITE):
            return refill(c, lin, access, t)
        tag = e.wr if access & ACC_KIND == ACC_WRITE else e.rd
    t.phys = <u64>s.pfn[index] << 12 | (lin & 0xFFF)
    t.hooked = (tag & TAG_KIND) != 0
    if tag & TAG_BUS:
        t.host = NULL
        return 1
    t.host = <u8 *>(lin + <u64>e.add)
    if t.hooked and access & ACC_KIND == ACC_WRITE:
        # hooks may be gone by now; being the first write of a page is one that goes here
        p = m.phys
        frame = frame_rd(p, t.phys)
        if frame == frame_wr(p, t.phys) and not p.flags[frame - 1] & (FRAME_CODE | FRAME_TABLE | FRAME_ROM):
            p.flags[frame - 1] &= ~FRAME_CLEAN
            if not m.watched or not page_watched(c, page):
                e.wr = page
                hold(p, frame - 1, index)
                t.hooked = 0
    return 1


cdef bint translate(CPU *c, u64 lin, u32 access, u64 *phys) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef TlbSet *s = m.set[SET_USER if access & ACC_USER else SET_SYSTEM]
    cdef u32 index = <u32>(lin >> 12) & 1023
    cdef u64 page = lin & ~<u64>0xFFF
    cdef Target t
    if access & ACC_KIND == ACC_EXEC:
        if s.e[index].ex == page:
            phys[0] = <u64>s.pfn[index] << 12 | (lin & 0xFFF)
            return 1
        if not refill(c, lin, access, &t):
            return 0
    elif not resolve(c, lin, access, &t):
        return 0
    phys[0] = t.phys
    return 1


cdef bint translate_debug(CPU *c, u64 lin, u64 *phys) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef Walk w
    cdef u64 walks = m.n.walks
    cdef bint ok
    if signature(c) != m.sig:
        refresh_mode(c)
    ok = guest_walk(c, lin, ACC_DEBUG, &w)
    m.n.walks = walks
    if ok:
        phys[0] = (w.entry & ~<u64>E_FLAGS) | (lin & 0xFFF)
    return ok


cdef bint load_pdptes(CPU *c, u64 cr3) noexcept nogil:
    cdef u64 v[4]
    cdef u64 reserved, at = cr3 & <u64>0xFFFFFFE0
    cdef u32 k
    if not c.s.a20:
        at &= ~(<u64>1 << 20)
    reserved = ~((<u64>1 << (<Mmu *>c.mmu).maxphy) - 1) | 0x1E6
    phys_read(c, at, v, 32)
    for k in range(4):
        if v[k] & PTE_P and v[k] & reserved:
            return 0
    memcpy(c.s.pdpte, v, 32)
    return 1


# ---- code pages ----------------------------------------------------------------------------------

cdef const u8 *code_ptr(CPU *c, u64 phys) noexcept nogil:
    cdef Phys *p = (<Mmu *>c.mmu).phys
    cdef u32 f = frame_rd(p, phys)
    return NULL if f == 0 else p.base + (<u64>(f - 1) << 12) + (phys & 0xFFF)


cdef void protect_code_page(CPU *c, u64 phys) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef u32 f = frame_rd(m.phys, phys)
    if f != 0 and not m.phys.flags[f - 1] & FRAME_CODE:
        m.phys.flags[f - 1] |= FRAME_CODE
        revoke(m, f - 1)


cdef void unprotect_code_page(CPU *c, u64 phys) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef u32 f = frame_rd(m.phys, phys)
    if f != 0:
        m.phys.flags[f - 1] &= ~FRAME_CODE


# ---- physical access -------------------------------------------------------------------------------

cdef void bus_read(CPU *c, u64 phys, u8 *dst, u32 n) noexcept nogil:
    """In naturally aligned pieces of 1, 2, 4 and 8 bytes; much of what nobody owns at once."""
    cdef u32 k
    cdef u64 v
    if n > VACANT and (c.bus == NULL or (<Bus>c.bus).vacant(phys, n)):
        memset(dst, 0xFF, n)
        return
    while n:
        k = 8
        while k > n or phys & (k - 1):
            k >>= 1
        v = <u64>-1
        if c.bus != NULL:
            v = (<Bus>c.bus).mmio_read(phys, k)
        memcpy(dst, &v, k)
        dst += k
        phys += k
        n -= k


cdef void bus_write(CPU *c, u64 phys, const u8 *src, u32 n) noexcept nogil:
    cdef u32 k
    cdef u64 v
    if n > VACANT and (c.bus == NULL or (<Bus>c.bus).vacant(phys, n)):
        return
    while n:
        k = 8
        while k > n or phys & (k - 1):
            k >>= 1
        v = 0
        memcpy(&v, src, k)
        if c.bus != NULL:
            (<Bus>c.bus).mmio_write(phys, k, v)
        src += k
        phys += k
        n -= k


cdef void phys_read(CPU *c, u64 phys, void *dst, u32 n) noexcept nogil:
    cdef Phys *p = (<Mmu *>c.mmu).phys
    cdef u32 k, f
    cdef u8 *to = <u8 *>dst
    while n:
        k = 0x1000 - <u32>(phys & 0xFFF)
        if k > n:
            k = n
        f = frame_rd(p, phys)
        if f != 0:
            memcpy(to, p.base + (<u64>(f - 1) << 12) + (phys & 0xFFF), k)
        else:
            bus_read(c, phys, to, k)
        to += k
        phys += k
        n -= k


cdef void phys_write(CPU *c, u64 phys, const void *src, u32 n) noexcept nogil:
    cdef Phys *p = (<Mmu *>c.mmu).phys
    cdef u32 k, f
    cdef const u8 *at = <const u8 *>src
    cdef u8 *to
    cdef bint changes
    while n:
        k = 0x1000 - <u32>(phys & 0xFFF)
        if k > n:
            k = n
        f = frame_wr(p, phys)
        if f == 0:
            bus_write(c, phys, at, k)
        elif f != DROP:
            to = p.base + (<u64>(f - 1) << 12) + (phys & 0xFFF)
            # a patch often writes what is there (GRUB's INT n before each BIOS call): the blocks are still true
            changes = not p.flags[f - 1] & FRAME_CODE or k > 8 or memcmp(to, at, k) != 0
            if k == 4:
                (<u32 *>to)[0] = (<const u32 *>at)[0]
            elif k == 8:
                (<u64 *>to)[0] = (<const u64 *>at)[0]
            else:
                memcpy(to, at, k)
            if changes and p.flags[f - 1] & FRAME_HOOKS:
                frame_written(c, f - 1, phys, k)
        at += k
        phys += k
        n -= k


# ---- life ------------------------------------------------------------------------------------------

cdef Mmu *mmu_new(CPU *c, object mem, int mode) except NULL:
    cdef PhysMem pm = mem
    cdef Mmu *m = <Mmu *>calloc(1, sizeof(Mmu))
    cdef TlbSet *t
    cdef int k
    if m == NULL:
        raise MemoryError("MMU")
    Py_INCREF(pm)
    m.mem_owner = <void *>pm
    m.phys = &pm.p
    m.mode = MODE_SHADOW if mode == MODE_SHADOW else 0
    c.mmu = m
    pm.p.cpu = c
    pm.p.written = on_written
    pm.p.remapped = on_remapped
    refresh_mode(c)
    m.breaks = breaks_of(c)
    m.watched = m.breaks != 0
    if m.mode == MODE_SHADOW:
        m.shadow = shadow_new(c)
    else:
        t = <TlbSet *>calloc(TLB_SETS, sizeof(TlbSet))
        if t == NULL:
            raise MemoryError("TLB")
        for k in range(<int>TLB_SETS):
            set_init(m, &t[k])
            m.set[k] = &t[k]
    drop_all(c)
    return m


cdef void mmu_free(CPU *c) noexcept:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef PhysMem pm
    if m == NULL:
        return
    pm = <PhysMem>m.mem_owner
    pm.p.cpu = NULL
    if m.mode == MODE_SHADOW:
        shadow_free(m)
    else:
        free(m.set[0])
    c.mmu = NULL
    free(m)
    Py_DECREF(pm)


cdef object mmu_counters(CPU *c):
    cdef Mmu *m = <Mmu *>c.mmu
    return {
        "mmu_mode": "shadow" if m.mode == MODE_SHADOW else "tlb",
        "tlb_misses": m.n.misses, "walks": m.n.walks, "shadow_hits": m.n.shadow_hits,
        "shadow_fills": m.n.shadow_fills, "table_edits": m.n.table_edits, "table_drops": m.n.table_drops,
        "tables_tracked": m.n.tables, "tables_released": m.n.tables_released, "space_switches": m.n.switches,
        "spaces_made": m.n.spaces_made, "cr3_loads": m.n.cr3_loads, "tlb_flushes": m.n.flushes,
        "invlpg": m.n.invlpg, "page_faults": m.n.page_faults,
    }
