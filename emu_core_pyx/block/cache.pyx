"""See cache.pxd."""
from libc.stdlib cimport calloc, free
from libc.string cimport memset
from posix.mman cimport MAP_ANONYMOUS, MAP_FAILED, MAP_NORESERVE, MAP_PRIVATE, PROT_READ, PROT_WRITE, mmap, munmap
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport CS, EV_BREAK, EXC_GP, RIP
from emu_core_pyx.block.insn cimport (
    MAX_BYTES, MAX_INSNS, MODE_64, MODE_DEAD, MODE_LIMIT, MODE_SIZE, Block, Insn, Link,
)
from emu_core_pyx.block.fuse cimport fuse
from emu_core_pyx.interp.dispatch cimport enter, go, raise_exc
from emu_core_pyx.mmu.core cimport (
    ACC_EXEC, ACC_USER, code_ptr, phys_read, protect_code_page, translate, unprotect_code_page,
)

cdef enum:
    IDLE_WRITES = 256       # slow writes without a decode before a page counts as data again
    BLOCK_ROOM = 2048       # more than the largest block takes


cdef BlockCache *cache_new(u64 arena_bytes) except NULL:
    cdef BlockCache *b = <BlockCache *>calloc(1, sizeof(BlockCache))
    cdef void *p
    if b == NULL:
        raise MemoryError("block cache")
    p = mmap(NULL, arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    b.hash = <Block **>calloc(HASH_SIZE, sizeof(Block *))
    b.pages = <CodePage **>calloc(PAGE_HASH, sizeof(CodePage *))
    b.jumps = <JumpEntry *>calloc(JUMP_SIZE, sizeof(JumpEntry))
    b.scratch = <Block *>calloc(1, BLOCK_ROOM)
    if p == MAP_FAILED or b.hash == NULL or b.pages == NULL or b.jumps == NULL or b.scratch == NULL:
        raise MemoryError("block cache")
    b.arena = <u8 *>p
    b.arena_size = arena_bytes
    reset_jumps(b)
    return b


cdef void cache_free(BlockCache *b) noexcept:
    cdef CodePage *p
    cdef CodePage *n
    cdef u32 k
    if b == NULL:
        return
    for k in range(PAGE_HASH):
        p = b.pages[k]
        while p != NULL:
            n = p.next
            free(p)
            p = n
    munmap(b.arena, b.arena_size)
    free(b.hash)
    free(b.pages)
    free(b.jumps)
    free(b.scratch)
    free(b)


cdef void reset_jumps(BlockCache *b) noexcept nogil:
    cdef u32 k
    for k in range(JUMP_SIZE):
        b.jumps[k].lin = <u64>-1
        b.jumps[k].block = b.scratch
        b.jumps[k].gen = 0


cdef void cache_flush(CPU *c) noexcept nogil:
    """Forget every block. Only at points where no handler of a block is still to return into it."""
    cdef BlockCache *b = <BlockCache *>c.cache
    cdef CodePage *p
    cdef u32 k
    b.used = 0
    b.flushes += 1
    memset(b.hash, 0, HASH_SIZE * sizeof(Block *))
    for k in range(PAGE_HASH):
        p = b.pages[k]
        while p != NULL:
            p.first = NULL
            forget_bytes(p)
            p = p.next
    reset_jumps(b)
    c.blk = NULL


cdef inline u32 hash_of(u64 phys, u32 mode) noexcept nogil:
    return <u32>((phys * <u64>0x9E3779B97F4A7C15) >> 40) + mode * 0x9E5 & (HASH_SIZE - 1)


cdef inline JumpEntry *jump_entry(BlockCache *b, u64 lin) noexcept nogil:
    return &b.jumps[(lin ^ (lin >> 12)) & (JUMP_SIZE - 1)]


cdef CodePage *page_of(BlockCache *b, u64 page) noexcept nogil:
    cdef CodePage *p = b.pages[(page >> 12) & (PAGE_HASH - 1)]
    while p != NULL and p.page != page:
        p = p.next
    return p


cdef CodePage *page_for(BlockCache *b, u64 page) noexcept nogil:
    """The record of a page, made if there is none; NULL when memory is out."""
    cdef CodePage *p = page_of(b, page)
    cdef u32 k = (page >> 12) & (PAGE_HASH - 1)
    if p == NULL:
        p = <CodePage *>calloc(1, sizeof(CodePage))
        if p != NULL:
            p.page = page
            p.next = b.pages[k]
            b.pages[k] = p
    return p


cdef inline Block **page_link(Block *blk, u64 page) noexcept nogil:
    """Where this block keeps its successor in the list of `page`."""
    return &blk.page_next[1 if blk.phys2 == page else 0]


cdef inline void forget_bytes(CodePage *p) noexcept nogil:
    memset(p.bytes, 0, sizeof(p.bytes))


cdef void mark_bytes(CodePage *p, u64 first, u64 last) noexcept nogil:
    """Bytes first..last of the page belong to a block."""
    cdef u64 k
    for k in range(first >> 6, (last >> 6) + 1):
        p.bytes[k] |= part_of(k, first, last)


cdef inline u64 part_of(u64 k, u64 first, u64 last) noexcept nogil:
    """Those of bytes first..last that are in granule k, as bits."""
    cdef u64 mask = <u64>-1
    if k == first >> 6:
        mask <<= first & 63
    if k == last >> 6:
        mask &= <u64>-1 >> (63 - (last & 63))
    return mask


cdef bint is_code(CodePage *p, u64 first, u64 last) noexcept nogil:
    """Whether one of the bytes first..last of the page was decoded."""
    cdef u64 k
    for k in range(first >> 6, (last >> 6) + 1):
        if p.bytes[k] & part_of(k, first, last):
            return 1
    return 0


cdef void remark_page(CodePage *p) noexcept nogil:
    """The marks of the blocks that are there."""
    cdef Block *blk
    cdef u64 pos
    if p == NULL:
        return
    blk = p.first
    forget_bytes(p)
    while blk != NULL:
        pos = blk.phys & 0xFFF
        if blk.phys2 == <u64>-1:
            mark_bytes(p, pos, pos + blk.nbytes - 1)
        else:
            if blk.phys2 != p.page or blk.phys & ~<u64>0xFFF == p.page:
                mark_bytes(p, pos, 0xFFF)
            if blk.phys2 == p.page:
                mark_bytes(p, 0, pos + blk.nbytes - 0x1001)
        blk = page_link(blk, p.page)[0]


cdef void cover(CPU *c, Block *blk, u64 page, u64 first, u64 last, int which) noexcept nogil:
    """Enter a block into its page's list; first..last are offsets of its bytes there."""
    cdef CodePage *p = page_for(<BlockCache *>c.cache, page)
    if p == NULL:
        return
    mark_bytes(p, first, last)
    blk.page_next[which] = p.first
    p.first = blk
    p.idle_writes = 0
    if not p.protected:
        p.protected = 1
        protect_code_page(c, page)


cdef void unlink_page(BlockCache *b, CodePage *p, Block *dead) noexcept nogil:
    """Take a block off one page's list and cut every Link of the page that leads to it."""
    cdef Block **at = &p.first
    cdef Block *blk
    cdef Link *link
    while at[0] != NULL:
        blk = at[0]
        if blk == dead:
            at[0] = page_link(blk, p.page)[0]
            if not dead.linked:
                return
            continue
        link = <Link *>&blk.insns[blk.slots]
        if link.next[0] == dead:
            link.next[0] = NULL
        if link.next[1] == dead:
            link.next[1] = NULL
        at = page_link(blk, p.page)


cdef void kill(CPU *c, Block *dead) noexcept nogil:
    cdef BlockCache *b = <BlockCache *>c.cache
    cdef Block **at = &b.hash[hash_of(dead.phys, dead.mode)]
    cdef CodePage *p
    cdef Link *link = <Link *>&dead.insns[dead.slots]
    while at[0] != NULL and at[0] != dead:
        at = &at[0].hash_next
    if at[0] == dead:
        at[0] = dead.hash_next
    p = page_of(b, dead.phys & ~<u64>0xFFF)
    if p != NULL:
        unlink_page(b, p, dead)
    if dead.phys2 != <u64>-1:
        p = page_of(b, dead.phys2)
        if p != NULL:
            unlink_page(b, p, dead)
    dead.mode = MODE_DEAD
    link.next[0] = NULL
    link.next[1] = NULL
    b.killed += 1
    if c.blk == dead:
        c.s.event |= EV_BREAK


cdef void code_written(CPU *c, u64 phys, u32 n) noexcept nogil:
    cdef BlockCache *b = <BlockCache *>c.cache
    cdef u64 page = phys & ~<u64>0xFFF, end = phys + n, lo, hi
    cdef CodePage *p
    cdef Block *blk
    cdef Block *nxt
    while page < end:
        p = page_of(b, page)
        if p == NULL:
            unprotect_code_page(c, page)
            page += 0x1000
            continue
        lo = phys if phys > page else page
        hi = (end if end < page + 0x1000 else page + 0x1000) - 1
        if is_code(p, lo - page, hi - page):
            blk = p.first
            while blk != NULL:
                nxt = page_link(blk, page)[0]
                if blk.phys <= hi and blk.phys + blk.nbytes > lo and blk.phys2 == <u64>-1:
                    kill(c, blk)
                elif blk.phys2 != <u64>-1 and crosses(blk, lo, hi):
                    kill(c, blk)
                blk = nxt
            remark_page(p)
        p.idle_writes += 1
        if p.idle_writes > IDLE_WRITES and p.first == NULL:
            p.protected = 0
            p.idle_writes = 0
            unprotect_code_page(c, page)
        page += 0x1000


cdef bint crosses(Block *blk, u64 lo, u64 hi) noexcept nogil:
    """Whether lo..hi touches a block of two pages (which need not be neighbours)."""
    cdef u64 n0 = 0x1000 - (blk.phys & 0xFFF)
    return ((blk.phys <= hi and blk.phys + n0 > lo)
            or (blk.phys2 <= hi and blk.phys2 + (blk.nbytes - n0) > lo))


# ---- decoding ----------------------------------------------------------------------------------

cdef Insn *block_end(CPU *c, Insn *i) noexcept nogil:
    """Handler of a Link reached by falling through: `i` is the Link itself."""
    cdef Link *link = <Link *>i
    cdef u64 old = c.s.gpr[RIP]
    c.s.gpr[RIP] += link.spare
    if (c.mode & MODE_SIZE) != MODE_64:
        c.s.gpr[RIP] &= <u64>0xFFFFFFFF
    if link.next[0] != NULL:
        return enter(c, link.next[0])
    return find_and_link(c, link, 0, old)


cdef bint fetch_translate(CPU *c, u64 lin, u64 *phys) noexcept nogil:
    if (c.mode & MODE_SIZE) != MODE_64:
        lin &= <u64>0xFFFFFFFF
    elif (lin >> 47) + 1 > 1 and lin >> 47 != 0x1FFFF:
        raise_exc(c, EXC_GP, 0)
        return 0
    return translate(c, lin, ACC_EXEC | (ACC_USER if c.s.cpl == 3 else 0), phys)


cdef Block *out_of_line(CPU *c, u64 lin, u64 phys, Block *blk) noexcept nogil:
    """One instruction whose bytes are copied together (page crossing, MMIO, stepping)."""
    cdef BlockCache *b = <BlockCache *>c.cache
    cdef u8 bytes[16]
    cdef u32 avail = 15, n0 = 0x1000 - <u32>(phys & 0xFFF), limit
    cdef u64 phys2 = <u64>-1
    cdef int got
    if n0 > 15:
        n0 = 15
    if c.mode & MODE_LIMIT:
        if c.s.gpr[RIP] > c.s.seg_limit[CS]:
            raise_exc(c, EXC_GP, 0)
            return NULL
        limit = c.s.seg_limit[CS] - <u32>c.s.gpr[RIP]
        if limit < 14:
            avail = limit + 1
        if n0 > avail:
            n0 = avail
    phys_read(c, phys, bytes, n0)
    got = b.decode(c, b.context, bytes, n0, c.mode, 0, &blk.insns[0])
    if got == DEC_NEED_MORE and avail > n0:
        if not fetch_translate(c, lin + n0, &phys2):
            return NULL
        phys_read(c, phys2, bytes + n0, avail - n0)
        phys2 &= ~<u64>0xFFF
        got = b.decode(c, b.context, bytes, avail, c.mode, 0, &blk.insns[0])
    if got < 0:     # longer than 15 bytes, or it runs over the segment's limit
        raise_exc(c, EXC_GP, 0)
        return NULL
    blk.nbytes = <u8>(got & 0xFF)
    blk.phys = phys
    blk.phys2 = phys2
    finish_block(c, blk, 1)
    return blk


cdef void finish_block(CPU *c, Block *blk, u32 n) noexcept nogil:
    """Counts, the Link, and fusion of neighbours."""
    cdef u32 k
    cdef Link *link
    for k in range(n):
        blk.insns[k].rem = <u8>(n - k)
    blk.n = <u8>n
    blk.slots = <u8>n
    blk.linked = 0
    blk.mode = c.mode
    blk.hash_next = NULL
    blk.page_next[0] = NULL
    blk.page_next[1] = NULL
    if n > 1:
        fuse(c, blk)
    link = <Link *>&blk.insns[blk.slots]
    memset(link, 0, sizeof(Insn))
    link.run = block_end
    link.spare = blk.nbytes


cdef Block *build(CPU *c, u64 lin, u64 phys) noexcept nogil:
    """Decode and cache the block at phys; NULL as find_block says."""
    cdef BlockCache *b = <BlockCache *>c.cache
    cdef const u8 *page
    cdef Block *blk
    cdef u32 off = 0, pos = <u32>(phys & 0xFFF), avail, n = 0, room = MAX_BYTES
    cdef int got = 0
    if b.used + BLOCK_ROOM > b.arena_size:
        cache_flush(c)
    page = code_ptr(c, phys & ~<u64>0xFFF)
    if page == NULL:
        return NULL
    if c.mode & MODE_LIMIT:
        if c.s.gpr[RIP] > c.s.seg_limit[CS]:
            raise_exc(c, EXC_GP, 0)
            return NULL
        if c.s.seg_limit[CS] - c.s.gpr[RIP] < room:
            room = c.s.seg_limit[CS] - <u32>c.s.gpr[RIP] + 1
    blk = <Block *>(b.arena + b.used)
    while n < MAX_INSNS and off + 15 < MAX_BYTES:
        avail = 0x1000 - pos - off
        if avail > 15:
            avail = 15
        if off + avail > room:
            avail = room - off
        if avail == 0:
            break
        got = b.decode(c, b.context, page + pos + off, avail, c.mode, off, &blk.insns[n])
        if got < 0:
            break
        off += got & 0xFF
        n += 1
        if got & DEC_ENDS:
            break
    if n == 0:
        if out_of_line(c, lin, phys, blk) == NULL:
            return NULL
        off = blk.nbytes
    else:
        blk.phys = phys
        blk.phys2 = <u64>-1
        blk.nbytes = <u8>off
        finish_block(c, blk, n)
    b.used += (sizeof(Block) + blk.slots * sizeof(Insn) + 15) & ~<u64>15
    blk.hash_next = b.hash[hash_of(phys, c.mode)]
    b.hash[hash_of(phys, c.mode)] = blk
    if blk.phys2 == <u64>-1:
        cover(c, blk, phys & ~<u64>0xFFF, pos, pos + off - 1, 0)
    else:
        if blk.phys2 != phys & ~<u64>0xFFF:     # else two linear pages are one physical page: one list
            cover(c, blk, phys & ~<u64>0xFFF, pos, 0xFFF, 0)
        cover(c, blk, blk.phys2, 0, pos + off - 0x1001, 1)
        if blk.phys2 == phys & ~<u64>0xFFF:
            remark_page(page_of(b, blk.phys2))
    b.decoded += 1
    return blk


cdef Block *find_block(CPU *c) noexcept nogil:
    cdef BlockCache *b = <BlockCache *>c.cache
    cdef u64 lin = c.s.gpr[RIP] + c.s.seg_base[CS], phys, phys2
    cdef JumpEntry *e
    cdef Block *blk
    if (c.mode & MODE_SIZE) != MODE_64:
        lin &= <u64>0xFFFFFFFF
    e = jump_entry(b, lin)
    if e.lin == lin and e.gen == c.gen and e.block.mode == c.mode:
        blk = e.block
        if not (c.mode & MODE_LIMIT) or c.s.gpr[RIP] + blk.nbytes - 1 <= c.s.seg_limit[CS]:
            return blk
    b.lookups += 1
    if not fetch_translate(c, lin, &phys):
        return NULL
    blk = b.hash[hash_of(phys, c.mode)]
    while blk != NULL:
        if blk.phys == phys and blk.mode == c.mode:
            if c.mode & MODE_LIMIT and c.s.gpr[RIP] + blk.nbytes - 1 > c.s.seg_limit[CS]:
                return NULL     # stepped: the limit cuts it
            if blk.phys2 == <u64>-1:
                break
            if not fetch_translate(c, (lin | 0xFFF) + 1, &phys2):
                return NULL
            if phys2 & ~<u64>0xFFF == blk.phys2:
                break
        blk = blk.hash_next
    if blk == NULL:
        blk = build(c, lin, phys)
        if blk == NULL:
            return NULL
    e.lin = lin
    e.block = blk
    e.gen = c.gen
    return blk


cdef Insn *find_and_enter(CPU *c) noexcept nogil:
    cdef Block *blk
    if c.left <= 0:
        return NULL
    blk = find_block(c)
    if blk == NULL or c.left < blk.n:
        return NULL
    c.left -= blk.n
    c.blk = blk
    return go(c, blk.insns)


cdef Insn *find_and_link(CPU *c, Link *link, int k, u64 old) noexcept nogil:
    cdef BlockCache *b = <BlockCache *>c.cache
    cdef Block *src = <Block *>c.blk
    cdef Block *blk
    cdef u64 epoch = b.flushes
    if c.left <= 0:
        return NULL
    blk = find_block(c)
    if blk == NULL:
        return NULL
    if (src != NULL and src != b.scratch and b.flushes == epoch and src.mode == blk.mode
            and not (c.mode & MODE_LIMIT) and src.phys2 == <u64>-1 and blk.phys2 == <u64>-1
            and (src.phys ^ blk.phys) < 0x1000 and c.s.gpr[RIP] - old == blk.phys - src.phys):
        link.next[k] = blk
        blk.linked = 1
    if c.left < blk.n:
        return NULL
    c.left -= blk.n
    c.blk = blk
    return go(c, blk.insns)


cdef Insn *link_and_enter(CPU *c, Link *link, int k, u64 old) noexcept nogil:
    """Another page is never linked, and most often known to the jump cache: no more than an indirect jump then."""
    cdef u64 lin = c.s.gpr[RIP] + c.s.seg_base[CS]
    cdef JumpEntry *e = &(<JumpEntry *>c.jumps)[(lin ^ (lin >> 12)) & (JUMP_SIZE - 1)]
    if ((lin ^ (old + c.s.seg_base[CS])) >> 12 and e.lin == lin and e.gen == c.gen and e.block.mode == c.mode
            and not c.mode & MODE_LIMIT):
        return enter(c, e.block)
    return find_and_link(c, link, k, old)


cdef Block *step_block(CPU *c) noexcept nogil:
    cdef u64 lin = c.s.gpr[RIP] + c.s.seg_base[CS], phys
    cdef BlockCache *b = <BlockCache *>c.cache
    if (c.mode & MODE_SIZE) != MODE_64:
        lin &= <u64>0xFFFFFFFF
    if not fetch_translate(c, lin, &phys):
        return NULL
    return out_of_line(c, lin, phys, b.scratch)
