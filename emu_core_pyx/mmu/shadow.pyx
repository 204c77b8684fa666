"""See shadow.pxd, README.md.  Constraints:

* Nothing here is ever older than the guest's tables: every page on the way to an entry is write-tracked.  INVLPG and
  CR3 loads therefore need not take anything away (a processor may forget earlier, SDM 3A 4.10.4).
* A TLB set holds only what its space's leaves hold, so an edit finds all copies.
* A filled entry has A set on every level; it permits writes only with D set.  The guest clearing A or D is an
  edit like any other.
* A page that stops being written as a page table is released (IDLE_EDITS, or its parent entry changed).
"""
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memset
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.mmu.core cimport ACC_KIND, ACC_WRITE, fresh_gen, page_fault, refresh_mode, show_sets, signature
from emu_core_pyx.mmu.tlb cimport SET_AC, SET_SYSTEM, SET_USER, TLB_SETS, Mmu, revoke, set_init, tlb_clear, tlb_flush
from emu_core_pyx.mmu.physmem cimport FRAME_TABLE
from emu_core_pyx.mmu.walk cimport (
    E_BIG, E_FETCHED, E_X, PTE_A, PTE_D, PTE_G, PTE_P, PTE_U, PTE_W, Walk, allowed, entry_shift, guest_walk,
    level_shift, set_bits,
)

cdef enum:
    NOT_PRESENT = 2     # no entry: PTE_P is clear

cdef extern from *:
    int ctz32 "__builtin_ctz"(u32 x) noexcept nogil


# ---- leaves --------------------------------------------------------------------------------------

cdef inline Leaf *leaf_find(Space *sp, u64 tag) noexcept nogil:
    cdef Leaf *leaf = sp.leaf[tag & (LEAF_HASH - 1)]
    while leaf != NULL and leaf.tag != tag:
        leaf = leaf.next
    return leaf


cdef Leaf *leaf_new(Shadow *sh, Space *sp, u64 tag) noexcept nogil:
    cdef Leaf *leaf = sh.free_leaf
    if leaf != NULL:
        sh.free_leaf = leaf.next
    else:
        leaf = <Leaf *>malloc(sizeof(Leaf))
        if leaf == NULL:
            return NULL
    sh.n_leaves += 1
    leaf.tag = tag
    leaf.big = 0
    leaf.next = sp.leaf[tag & (LEAF_HASH - 1)]
    sp.leaf[tag & (LEAF_HASH - 1)] = leaf
    return leaf


cdef inline void changed_fetch(CPU *c, Shadow *sh, Space *sp) noexcept nogil:
    sp.gen = fresh_gen(<Mmu *>c.mmu)
    if sp == sh.cur:
        c.gen = sp.gen


cdef inline void clear_page(Space *sp, u64 page) noexcept nogil:
    cdef u32 k
    for k in range(sp.n_sets):
        tlb_clear(&sp.set[k], page)


cdef void leaf_drop(CPU *c, u32 id, Leaf *leaf) noexcept nogil:
    """Unlink a leaf, take its entries out of the TLB, release its table where this was the last use."""
    cdef Shadow *sh = <Shadow *>(<Mmu *>c.mmu).shadow
    cdef Space *sp = sh.space[id]
    cdef Leaf **at = &sp.leaf[leaf.tag & (LEAF_HASH - 1)]
    cdef u64 k, fetched = 0, lin = leaf.tag << 21
    while at[0] != leaf:
        at = &at[0].next
    at[0] = leaf.next
    if leaf.big:
        fetched = leaf.big
        for k in range(512):
            clear_page(sp, lin + (k << 12))
    else:
        for k in range(512):
            if leaf.e[k]:
                fetched |= leaf.e[k]
                clear_page(sp, lin + (k << 12))
        table_unused(c, leaf.table, id, lin)
    if fetched & E_FETCHED:
        changed_fetch(c, sh, sp)
    leaf.next = sh.free_leaf
    sh.free_leaf = leaf
    sh.n_leaves -= 1


cdef void drop_page(CPU *c, u32 id, u64 lin) noexcept nogil:
    cdef Shadow *sh = <Shadow *>(<Mmu *>c.mmu).shadow
    cdef Space *sp = sh.space[id]
    cdef Leaf *leaf = leaf_find(sp, lin >> 21)
    cdef u64 e
    if leaf == NULL or leaf.big:
        return
    e = leaf.e[(lin >> 12) & 511]
    if e == 0:
        return
    leaf.e[(lin >> 12) & 511] = 0
    clear_page(sp, lin)
    if e & E_FETCHED:
        changed_fetch(c, sh, sp)


cdef void drop_range(CPU *c, u32 id, u64 lin, u64 size) noexcept nogil:
    """All leaves of a space in a range of whole leaves (size is a power of two)."""
    cdef Shadow *sh = <Shadow *>(<Mmu *>c.mmu).shadow
    cdef Space *sp = sh.space[id]
    cdef Leaf *leaf
    cdef Leaf *nxt
    cdef u64 tag = lin >> 21, count = size >> 21, k
    if count <= 4:
        for k in range(count):
            leaf = leaf_find(sp, tag + k)
            if leaf != NULL:
                leaf_drop(c, id, leaf)
        return
    for k in range(<u32>LEAF_HASH):
        leaf = sp.leaf[k]
        while leaf != NULL:
            nxt = leaf.next
            if leaf.tag - tag < count:
                leaf_drop(c, id, leaf)
            leaf = nxt


# ---- tracked tables --------------------------------------------------------------------------------

cdef void table_free(CPU *c, u32 index) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef Shadow *sh = <Shadow *>m.shadow
    cdef Table *t = &sh.tables[index]
    m.phys.flags[t.frame - 1] &= ~FRAME_TABLE
    sh.table_of[t.frame - 1] = 0
    t.frame = 0
    t.next_free = sh.free_table
    sh.free_table = index + 1
    sh.live_tables -= 1
    m.n.tables_released += 1


cdef inline u64 table_span(Table *t, u32 level) noexcept nogil:
    """Bytes of linear address space a whole table of this level covers."""
    return <u64>0x1000 >> t.es << level_shift(t.es == 3, level)


cdef void role_remove(Table *t, u32 k) noexcept nogil:
    t.n_roles -= 1
    t.role[k] = t.role[t.n_roles]


cdef void table_unused(CPU *c, u32 index, u32 id, u64 lin) noexcept nogil:
    """A leaf (at `lin`) this last-level table fed in space `id` is gone."""
    cdef Shadow *sh = <Shadow *>(<Mmu *>c.mmu).shadow
    cdef Table *t = &sh.tables[index]
    cdef u64 span = table_span(t, 1), base = lin & ~(span - 1)
    cdef u32 k
    if span > 0x200000 and leaf_find(sh.space[id], (lin ^ 0x200000) >> 21) != NULL:
        return          # the other half of a 4 MiB table is still there
    for k in range(t.n_roles):
        if t.role[k].level == 1 and t.role[k].base == base:
            t.role[k].spaces &= ~(<u32>1 << id)
            if t.role[k].spaces == 0:
                role_remove(t, k)
            break
    if t.n_roles == 0 and not t.busy:
        table_free(c, index)


cdef void table_release(CPU *c, u32 index) noexcept nogil:
    """Stop tracking: everything that came through this table goes."""
    cdef Shadow *sh = <Shadow *>(<Mmu *>c.mmu).shadow
    cdef Table *t = &sh.tables[index]
    t.busy = 1
    while t.n_roles:
        role_zap(c, t, t.n_roles - 1)
    table_free(c, index)


cdef void role_zap(CPU *c, Table *t, u32 k) noexcept nogil:
    cdef Role r = t.role[k]
    cdef u32 id
    role_remove(t, k)
    while r.spaces:
        id = ctz32(r.spaces)
        r.spaces &= r.spaces - 1
        drop_range(c, id, r.base, table_span(t, r.level))


cdef void table_prepare(CPU *c, u32 frame, u32 es) noexcept nogil:
    """Before a walk's tables are tracked: a record that has too many roles for one walk more, or was made under
    another entry size, starts anew."""
    cdef Shadow *sh = <Shadow *>(<Mmu *>c.mmu).shadow
    cdef u32 index = sh.table_of[frame]
    if index != 0 and (sh.tables[index - 1].es != es or sh.tables[index - 1].n_roles > MAX_ROLES - 4):
        table_release(c, index - 1)


cdef u32 table_track(CPU *c, u32 frame, u32 es, u32 level, u64 base, u32 entry) noexcept nogil:
    """Entry number `entry` of the table in `frame` is about to feed the current space.  The record's index."""
    cdef Mmu *m = <Mmu *>c.mmu
    cdef Shadow *sh = <Shadow *>m.shadow
    cdef u32 index = sh.table_of[frame], k, bit = <u32>1 << sh.cur_id
    cdef Table *t
    if index == 0:
        index = sh.free_table
        if index != 0:
            sh.free_table = sh.tables[index - 1].next_free
        else:
            sh.n_tables += 1
            index = sh.n_tables
        sh.live_tables += 1
        t = &sh.tables[index - 1]
        memset(t, 0, sizeof(Table))
        t.frame = frame + 1
        t.es = es
        sh.table_of[frame] = index
        m.phys.flags[frame] |= FRAME_TABLE
        revoke(m, frame)
        m.n.tables += 1
    t = &sh.tables[index - 1]
    for k in range(t.n_roles):
        if t.role[k].base == base and t.role[k].level == level:
            t.role[k].spaces |= bit
            break
    else:
        k = t.n_roles
        t.role[k].base = base
        t.role[k].level = level
        t.role[k].spaces = bit
        t.n_roles = k + 1
    mark_used(t, entry)
    return index - 1


cdef inline void mark_used(Table *t, u32 entry) noexcept nogil:
    t.idle = 0
    if t.es == 3:
        t.used[entry >> 5] |= <u64>3 << ((entry << 1) & 63)
    else:
        t.used[entry >> 6] |= <u64>1 << (entry & 63)


cdef void entry_drop(CPU *c, u32 index, u32 entry) noexcept nogil:
    """Entry `entry` of a table changed: what came from it goes."""
    cdef Mmu *m = <Mmu *>c.mmu
    cdef Shadow *sh = <Shadow *>m.shadow
    cdef Table *t = &sh.tables[index]
    cdef Role role[8]
    cdef u32 k, n = t.n_roles, id, shift
    cdef u64 lin
    m.n.table_drops += 1
    if t.es == 3:
        t.used[entry >> 5] &= ~(<u64>3 << ((entry << 1) & 63))
    else:
        t.used[entry >> 6] &= ~(<u64>1 << (entry & 63))
    memcpy(role, t.role, sizeof(role))
    t.busy += 1
    for k in range(n):
        shift = level_shift(t.es == 3, role[k].level)
        lin = role[k].base + (<u64>entry << shift)
        while role[k].spaces:
            id = ctz32(role[k].spaces)
            role[k].spaces &= role[k].spaces - 1
            if role[k].level == 1:
                drop_page(c, id, lin)
            else:
                drop_range(c, id, lin, <u64>1 << shift)
    t.busy -= 1
    if t.n_roles == 0 and not t.busy:
        table_free(c, index)


cdef void shadow_edit(CPU *c, u32 frame, u32 off, u32 n) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef Shadow *sh = <Shadow *>m.shadow
    cdef u32 index = sh.table_of[frame], g = off >> 2, last = (off + n - 1) >> 2
    cdef Table *t
    if index == 0:
        m.phys.flags[frame] &= ~FRAME_TABLE
        return
    index -= 1
    t = &sh.tables[index]
    m.n.table_edits += 1
    t.idle += 1
    while g <= last:
        if t.used[g >> 6] >> (g & 63) & 1:
            t.idle = 0
            entry_drop(c, index, g >> (t.es - 2))
            if t.frame == 0:
                return
        g += 1
    if t.idle > IDLE_EDITS:
        table_release(c, index)


# ---- spaces ----------------------------------------------------------------------------------------

cdef void space_empty(CPU *c, u32 id) noexcept nogil:
    """Take everything out of a space at once."""
    cdef Mmu *m = <Mmu *>c.mmu
    cdef Shadow *sh = <Shadow *>m.shadow
    cdef Space *sp = sh.space[id]
    cdef Leaf *leaf
    cdef Leaf *nxt
    cdef Table *t
    cdef u32 k, r
    for k in range(<u32>LEAF_HASH):
        leaf = sp.leaf[k]
        while leaf != NULL:
            nxt = leaf.next
            leaf.next = sh.free_leaf
            sh.free_leaf = leaf
            sh.n_leaves -= 1
            leaf = nxt
        sp.leaf[k] = NULL
    for k in range(sp.n_sets):
        tlb_flush(&sp.set[k], 0)
    for k in range(sh.n_tables):
        t = &sh.tables[k]
        if t.frame == 0:
            continue
        r = 0
        while r < t.n_roles:
            t.role[r].spaces &= ~(<u32>1 << id)
            if t.role[r].spaces == 0:
                role_remove(t, r)
            else:
                r += 1
        if t.n_roles == 0 and not t.busy:
            table_free(c, k)
    changed_fetch(c, sh, sp)


cdef void shadow_drop_all(CPU *c) noexcept nogil:
    cdef Shadow *sh = <Shadow *>(<Mmu *>c.mmu).shadow
    cdef u32 id
    for id in range(sh.n_spaces):
        if sh.space[id].live:
            space_empty(c, id)
            sh.space[id].live = 0


cdef void space_sets(Mmu *m, Space *sp, u32 n) noexcept nogil:
    """Have the first n TLB sets of a space ready."""
    while sp.n_sets < n:
        set_init(m, &sp.set[sp.n_sets])
        sp.n_sets += 1


cdef u32 space_take(CPU *c) noexcept nogil:
    """A free space: a new one, or the least recently used."""
    cdef Mmu *m = <Mmu *>c.mmu
    cdef Shadow *sh = <Shadow *>m.shadow
    cdef u32 id, best = 0
    cdef Space *sp
    for id in range(sh.n_spaces):
        if not sh.space[id].live:
            return id
    if sh.n_spaces < MAX_SPACES:
        sp = <Space *>calloc(1, sizeof(Space))
        if sp != NULL:
            sh.space[sh.n_spaces] = sp
            space_sets(m, sp, SET_AC)
            sh.n_spaces += 1
            return sh.n_spaces - 1
    for id in range(sh.n_spaces):
        if sh.space[id].stamp < sh.space[best].stamp:
            best = id
    space_empty(c, best)
    return best


cdef void shadow_switch(CPU *c) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef Shadow *sh = <Shadow *>m.shadow
    cdef Space *sp = sh.cur
    cdef u64 root = 0
    cdef u32 id
    cdef bint pdptes
    if signature(c) != m.sig:
        refresh_mode(c)
    pdptes = m.pae and m.levels == 2
    if m.levels:
        root = c.s.cr3 & (<u64>0xFFFFFFE0 if pdptes else m.addr_mask)
    if sp == NULL or not sp.live or sp.root != root or sp.sig != m.sig:
        m.n.switches += 1
        for id in range(sh.n_spaces):
            sp = sh.space[id]
            if sp.root == root and sp.sig == m.sig and sp.live:
                break
        else:
            id = space_take(c)
            sp = sh.space[id]
            sp.root = root
            sp.sig = m.sig
            sp.live = 1
            sp.gen = fresh_gen(m)
            memcpy(sp.pdpte, c.s.pdpte, sizeof(sp.pdpte))
            m.n.spaces_made += 1
        sh.cur = sp
        sh.cur_id = id
        sh.clock += 1
        sp.stamp = sh.clock
    if pdptes and memcmp(sp.pdpte, c.s.pdpte, sizeof(sp.pdpte)) != 0:
        space_empty(c, sh.cur_id)
        memcpy(sp.pdpte, c.s.pdpte, sizeof(sp.pdpte))
    if m.smap:
        space_sets(m, sp, TLB_SETS)
    m.set[SET_SYSTEM] = &sp.set[SET_SYSTEM]
    m.set[SET_USER] = &sp.set[SET_USER]
    m.set[SET_AC] = &sp.set[SET_AC if sp.n_sets == TLB_SETS else SET_SYSTEM]
    c.gen = sp.gen
    show_sets(c)


cdef void make_room(CPU *c) noexcept nogil:
    """So many tables or leaves are in use that a fill might find none: empty spaces, oldest first."""
    cdef Shadow *sh = <Shadow *>(<Mmu *>c.mmu).shadow
    cdef u32 id, best
    while sh.live_tables + 8 > MAX_TABLES or sh.n_leaves + 2 > MAX_LEAVES:
        best = sh.cur_id
        for id in range(sh.n_spaces):
            if sh.space[id].live and id != sh.cur_id and (
                    best == sh.cur_id or sh.space[id].stamp < sh.space[best].stamp):
                best = id
        space_empty(c, best)
        if best == sh.cur_id:
            break
        sh.space[best].live = 0


# ---- lookup and fill ---------------------------------------------------------------------------------

cdef inline u64 from_table(CPU *c, Mmu *m, Shadow *sh, Leaf *leaf, u64 lin, u32 access) noexcept nogil:
    """Make or raise one entry from the last-level table alone.  NOT_PRESENT: #PF is noted; 0: walk."""
    cdef Table *t = &sh.tables[leaf.table]
    cdef u32 k = <u32>(lin >> 12) & 511
    cdef u8 *at = leaf.at + (k << t.es)
    cdef u64 ent = (<u64 *>at)[0] if t.es == 3 else (<u32 *>at)[0], rights, e
    cdef u8 need = PTE_A
    if not ent & PTE_P:
        page_fault(c, lin, access, 0)
        return NOT_PRESENT
    if ent & m.rsvd:
        return 0
    rights = leaf.upper & (ent | ~<u64>(PTE_W | PTE_U))
    if m.nx and ent >> 63:
        rights &= ~<u64>E_X
    if not allowed(c, m, rights, access):
        return 0
    if access & ACC_KIND == ACC_WRITE:
        need = PTE_A | PTE_D
    if <u8>ent & need != need:
        set_bits(c, t.frame - 1, leaf.phys + (k << t.es), at, need)
        ent |= need
    e = (ent & m.addr_mask & m.a20_mask) | rights | PTE_P | (ent & (PTE_D | PTE_G))
    mark_used(t, (<u32>(leaf.phys & 0xFFF) >> t.es) + k)
    leaf.e[k] = e | (leaf.e[k] & E_FETCHED)
    m.n.shadow_fills += 1
    return e


cdef u64 from_walk(CPU *c, Mmu *m, Shadow *sh, u64 lin, u32 access, Walk *w) noexcept nogil:
    cdef u32 k, es = entry_shift(m.pae), index = 0, i = <u32>(lin >> 12) & 511
    cdef u64 span = 0, tag = lin >> 21
    cdef Leaf *leaf
    if not guest_walk(c, lin, access, w):
        return 0
    if w.uncached:
        return w.entry
    if sh.live_tables + 8 > MAX_TABLES or sh.n_leaves + 2 > MAX_LEAVES:
        make_room(c)
    for k in range(w.n):
        table_prepare(c, w.frame[k], es)
    for k in range(w.n):
        span = <u64>0x1000 >> es << level_shift(m.pae, w.level[k])
        index = table_track(c, w.frame[k], es, w.level[k], lin & ~(span - 1), w.index[k])
    leaf = leaf_find(sh.cur, tag)
    if leaf != NULL and ((leaf.big != 0) != (w.entry & E_BIG != 0) or not leaf.big and leaf.at != w.at[w.n - 1] - (i << es)):
        leaf_drop(c, sh.cur_id, leaf)
        index = table_track(c, w.frame[w.n - 1], es, w.level[w.n - 1], lin & ~(span - 1), w.index[w.n - 1])
        leaf = NULL
    if leaf == NULL:
        leaf = leaf_new(sh, sh.cur, tag)
        if leaf == NULL:
            w.uncached = 1
            return w.entry
        if not w.entry & E_BIG:
            memset(leaf.e, 0, sizeof(leaf.e))
            k = (w.index[w.n - 1] - i) << es
            leaf.at = w.at[w.n - 1] - (i << es)
            leaf.phys = w.table[w.n - 1] + k
            leaf.upper = w.upper
            leaf.table = index
    if w.entry & E_BIG:
        leaf.big = (w.entry & ~<u64>0x1FF000) | (leaf.big & E_FETCHED)
    else:
        leaf.e[i] = w.entry | (leaf.e[i] & E_FETCHED)
    m.n.shadow_fills += 1
    return w.entry


cdef u64 shadow_lookup(CPU *c, u64 lin, u32 access, Walk *w) noexcept nogil:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef Shadow *sh = <Shadow *>m.shadow
    cdef Leaf *leaf
    cdef u64 e
    w.uncached = 0
    if m.levels == 0:
        guest_walk(c, lin, access, w)
        return w.entry
    leaf = leaf_find(sh.cur, lin >> 21)
    if leaf != NULL:
        if leaf.big:
            e = (leaf.big + (lin & 0x1FF000)) & m.a20_mask
        else:
            e = leaf.e[(lin >> 12) & 511]
        if e and allowed(c, m, e, access) and (access & ACC_KIND != ACC_WRITE or e & PTE_D):
            m.n.shadow_hits += 1
            return e
        if not leaf.big:
            e = from_table(c, m, sh, leaf, lin, access)
            if e:
                return e if e != NOT_PRESENT else 0
    return from_walk(c, m, sh, lin, access, w)


cdef void shadow_mark_fetched(CPU *c, u64 lin) noexcept nogil:
    cdef Shadow *sh = <Shadow *>(<Mmu *>c.mmu).shadow
    cdef Leaf *leaf = leaf_find(sh.cur, lin >> 21)
    if leaf == NULL:
        return
    if leaf.big:
        leaf.big |= E_FETCHED
    else:
        leaf.e[(lin >> 12) & 511] |= E_FETCHED


# ---- life ----------------------------------------------------------------------------------------------

cdef void *shadow_new(CPU *c) except NULL:
    cdef Mmu *m = <Mmu *>c.mmu
    cdef Shadow *sh = <Shadow *>calloc(1, sizeof(Shadow))
    if sh == NULL:
        raise MemoryError("shadow page tables")
    sh.table_of = <u32 *>calloc(m.phys.frames, sizeof(u32))
    sh.tables = <Table *>calloc(MAX_TABLES, sizeof(Table))
    if sh.table_of == NULL or sh.tables == NULL:
        raise MemoryError("shadow page tables")
    return sh


cdef void shadow_free(Mmu *m) noexcept:
    cdef Shadow *sh = <Shadow *>m.shadow
    cdef Leaf *leaf
    cdef u32 id, k
    if sh == NULL:
        return
    for id in range(sh.n_spaces):
        for k in range(<u32>LEAF_HASH):
            leaf = sh.space[id].leaf[k]
            while leaf != NULL:
                sh.space[id].leaf[k] = leaf.next
                free(leaf)
                leaf = sh.space[id].leaf[k]
        free(sh.space[id])
    while sh.free_leaf != NULL:
        leaf = sh.free_leaf
        sh.free_leaf = leaf.next
        free(leaf)
    free(sh.table_of)
    free(sh.tables)
    free(sh)
