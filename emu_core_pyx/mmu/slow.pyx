"""See slow.pxd.  What the inline path of access.pxd does not take: first use of a page, page crossing, MMIO, code
and page-table pages, watchpoints, segments that need a real check, alignment checking.

The order of checks is segment, alignment, then translation of all pages touched (lowest first), then the bus.
A segment that reaches 4 GiB wraps there without a fault, as P6 processors do (SDM 3A 5.3 leaves it open).

Spec: SDM 3A 5.3 (limits), 5.4 (types), 6.15 #AC, 17.2.4 (data breakpoints).
"""
from libc.string cimport memcpy
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport (
    CR0_AM, EXC_AC, EXC_GP, EXC_SS, F_AC, SEG_CODE, SEG_DB, SEG_EC, SEG_NULL, SEG_P, SEG_RW, SS,
)
from emu_core_pyx.cpu.control cimport data_breakpoint
from emu_core_pyx.cpu.sysmem cimport canonical
from emu_core_pyx.block.insn cimport MODE_64, MODE_PE, MODE_SIZE
from emu_core_pyx.interp.dispatch cimport likely, unlikely
from emu_core_pyx.mmu.core cimport (
    ACC_EXEC, ACC_IMPLICIT, ACC_READ, ACC_USER, ACC_WRITE, phys_read, phys_write, resolve, translate,
)
from emu_core_pyx.mmu.tlb cimport Mmu, Target


cdef bint segment_fault(CPU *c, u32 seg) noexcept nogil:
    c.exc = EXC_SS if seg == SS else EXC_GP
    c.exc_error = 0
    c.exc_soft = 0
    return 0


cdef bint segment_check(CPU *c, u32 seg, u64 off, u32 n, bint write) noexcept nogil:
    """Type and limit of a segment outside 64-bit mode."""
    cdef u32 attr = c.s.seg_attr[seg], limit = c.s.seg_limit[seg]
    cdef u64 last = off + n - 1
    if c.mode & MODE_PE:
        if attr & SEG_NULL or not attr & SEG_P:
            return segment_fault(c, seg)
        if attr & SEG_CODE:
            if write or not attr & SEG_RW:
                return segment_fault(c, seg)
        elif write and not attr & SEG_RW:
            return segment_fault(c, seg)
    if attr & (SEG_CODE | SEG_EC) == SEG_EC and c.mode & MODE_PE:
        if off <= limit or last > (<u64>0xFFFFFFFF if attr & SEG_DB else <u64>0xFFFF):
            return segment_fault(c, seg)
    elif last > limit and limit != <u32>0xFFFFFFFF:
        return segment_fault(c, seg)
    return 1


cdef bint alignment_fault(CPU *c, u64 lin, u32 n) noexcept nogil:
    """Whether #AC(0) is due; the caller knows that checking is on."""
    cdef u32 need = n
    if n == 6 or n == 28 or n == 108:              # far pointers; FNSTENV and FNSAVE images
        need = 4
    elif n == 10:
        need = 8
    elif n == 14 or n == 94:
        need = 2
    elif n != 2 and n != 4 and n != 8:             # 16 bytes: #GP or nothing, the handler knows
        return 0
    if not lin & (need - 1):
        return 0
    c.exc = EXC_AC
    c.exc_error = 0
    c.exc_soft = 0
    return 1


cdef inline bint linear(CPU *c, u32 seg, u64 off, u32 n, bint write, u64 *lin) noexcept nogil:
    """Segment and alignment checks; the linear address."""
    cdef u64 at = off + c.s.seg_base[seg]
    if (c.mode & MODE_SIZE) == MODE_64:
        if not canonical(at) or not canonical(at + n - 1):      # a wrap at 2^64 is for the page tables to judge
            return segment_fault(c, seg)
    elif likely(off + n <= (c.s.seg_wend[seg] if write else c.s.seg_rend[seg]) and off + n >= n):
        pass
    elif not segment_check(c, seg, off, n, write):
        return 0
    if (c.mode & MODE_SIZE) != MODE_64:
        at &= <u64>0xFFFFFFFF
    if unlikely(c.s.cr0 & CR0_AM and c.s.cpl == 3 and c.s.eflags & F_AC):
        if alignment_fault(c, at, n):
            return 0
    lin[0] = at
    return 1


cdef inline u64 next_page(CPU *c, u64 lin) noexcept nogil:
    lin = (lin | 0xFFF) + 1
    return lin if (c.mode & MODE_SIZE) == MODE_64 else lin & <u64>0xFFFFFFFF


cdef inline u32 access_of(CPU *c) noexcept nogil:
    return ACC_USER if c.s.cpl == 3 else 0


cdef inline void load(CPU *c, Target *t, u8 *dst, u32 n) noexcept nogil:
    """n bytes of one page."""
    if t.host != NULL:
        memcpy(dst, t.host, n)
    else:
        phys_read(c, t.phys, dst, n)


cdef u8 *slow_read(CPU *c, u32 seg, u64 off, u32 n) noexcept nogil:
    cdef u64 lin
    cdef u32 n0, acc = access_of(c)
    cdef Target t, t2
    if not linear(c, seg, off, n, 0, &lin):
        return NULL
    if unlikely(not resolve(c, lin, ACC_READ | acc, &t)):
        return NULL
    n0 = 0x1000 - <u32>(lin & 0xFFF)
    if likely(n <= n0):
        if t.hooked and (<Mmu *>c.mmu).watched:
            data_breakpoint(c, lin, n, 0)
        if t.host != NULL:
            return t.host
        phys_read(c, t.phys, c.bounce_rd, n)
        return c.bounce_rd
    if not resolve(c, next_page(c, lin), ACC_READ | acc, &t2):
        return NULL
    if (<Mmu *>c.mmu).watched:
        data_breakpoint(c, lin, n, 0)
    load(c, &t, c.bounce_rd, n0)
    load(c, &t2, c.bounce_rd + n0, n - n0)
    return c.bounce_rd


cdef inline u8 *bounced(CPU *c, u64 lin, u32 n, bint read) noexcept nogil:
    """A write or read-modify-write at `lin`: host pointer, or c.bounce with a commit owed."""
    cdef u32 n0 = 0x1000 - <u32>(lin & 0xFFF), acc = access_of(c) | ACC_WRITE
    cdef Target t, t2
    if unlikely(not resolve(c, lin, acc, &t)):
        return NULL
    if likely(n <= n0):
        if not t.hooked:
            return t.host
        n0 = n
    else:
        if not resolve(c, next_page(c, lin), acc, &t2):
            return NULL
        c.bounce_phys[1] = t2.phys
        if read:
            load(c, &t2, c.bounce + n0, n - n0)
    c.bounce_phys[0] = t.phys
    c.bounce_n0 = n0
    c.bounce_len = n
    c.bounce_lin = lin
    c.bounce_wr = 1
    if read:
        load(c, &t, c.bounce, n0)
    return c.bounce


cdef u8 *slow_write(CPU *c, u32 seg, u64 off, u32 n) noexcept nogil:
    cdef u64 lin
    if not linear(c, seg, off, n, 1, &lin):
        return NULL
    return bounced(c, lin, n, 0)


cdef u8 *slow_rmw(CPU *c, u32 seg, u64 off, u32 n) noexcept nogil:
    cdef u64 lin
    if not linear(c, seg, off, n, 1, &lin):
        return NULL
    return bounced(c, lin, n, 1)


cdef void slow_commit(CPU *c) noexcept nogil:
    cdef u32 n0
    if c.bounce_wr:
        c.bounce_wr = 0
        n0 = c.bounce_n0
        phys_write(c, c.bounce_phys[0], c.bounce, n0)
        if c.bounce_len > n0:
            phys_write(c, c.bounce_phys[1], c.bounce + n0, c.bounce_len - n0)
        if (<Mmu *>c.mmu).watched:
            data_breakpoint(c, c.bounce_lin, c.bounce_len, 1)
    c.now_adj = 0


# ---- returning accesses ----------------------------------------------------------------------------

cdef bint read_pages(CPU *c, u64 lin, u8 *dst, u32 n, u32 acc) noexcept nogil:
    cdef u32 k
    cdef Target t
    while True:
        k = 0x1000 - <u32>(lin & 0xFFF)
        if k > n:
            k = n
        if not resolve(c, lin, acc, &t):
            return 0
        load(c, &t, dst, k)
        n -= k
        if n == 0:
            return 1
        dst += k
        lin = next_page(c, lin)


cdef bint probe_pages(CPU *c, u64 lin, u32 n, u32 acc) noexcept nogil:
    cdef u32 k
    cdef Target t
    while True:
        k = 0x1000 - <u32>(lin & 0xFFF)
        if not resolve(c, lin, acc, &t):
            return 0
        if k >= n:
            return 1
        n -= k
        lin = next_page(c, lin)


cdef bint write_pages(CPU *c, u64 lin, const u8 *src, u32 n, u32 acc) noexcept nogil:
    cdef u32 k
    cdef Target t
    if (lin & 0xFFF) + n > 0x1000 and not probe_pages(c, lin, n, acc):
        return 0
    while True:
        k = 0x1000 - <u32>(lin & 0xFFF)
        if k > n:
            k = n
        if not resolve(c, lin, acc, &t):
            return 0
        if t.hooked:
            phys_write(c, t.phys, src, k)
        else:
            memcpy(t.host, src, k)
        n -= k
        if n == 0:
            return 1
        src += k
        lin = next_page(c, lin)


cdef bint mem_read(CPU *c, u32 seg, u64 off, void *dst, u32 n) noexcept nogil:
    cdef u64 lin
    if not linear(c, seg, off, n, 0, &lin) or not read_pages(c, lin, <u8 *>dst, n, ACC_READ | access_of(c)):
        return 0
    if unlikely((<Mmu *>c.mmu).watched):
        data_breakpoint(c, lin, n, 0)
    return 1


cdef bint mem_write(CPU *c, u32 seg, u64 off, const void *src, u32 n) noexcept nogil:
    cdef u64 lin
    if not linear(c, seg, off, n, 1, &lin) or not write_pages(c, lin, <const u8 *>src, n, ACC_WRITE | access_of(c)):
        return 0
    if unlikely((<Mmu *>c.mmu).watched):
        data_breakpoint(c, lin, n, 1)
    return 1


cdef bint mem_probe_write(CPU *c, u32 seg, u64 off, u32 n) noexcept nogil:
    cdef u64 lin
    return linear(c, seg, off, n, 1, &lin) and probe_pages(c, lin, n, ACC_WRITE | access_of(c))


cdef inline u32 rights_of(CPU *c, u32 who) noexcept nogil:
    return access_of(c) if who == AS_CPL else ACC_IMPLICIT


cdef bint lin_read(CPU *c, u64 lin, void *dst, u32 n, u32 who) noexcept nogil:
    return read_pages(c, lin, <u8 *>dst, n, ACC_READ | rights_of(c, who))


cdef bint lin_write(CPU *c, u64 lin, const void *src, u32 n, u32 who) noexcept nogil:
    return write_pages(c, lin, <const u8 *>src, n, ACC_WRITE | rights_of(c, who))


cdef bint lin_probe_write(CPU *c, u64 lin, u32 n, u32 who) noexcept nogil:
    return probe_pages(c, lin, n, ACC_WRITE | rights_of(c, who))


cdef bint lin_fetch(CPU *c, u64 lin, void *dst, u32 n) noexcept nogil:
    cdef u32 k = 0x1000 - <u32>(lin & 0xFFF)
    cdef u64 phys
    cdef u8 *to = <u8 *>dst
    while True:
        if k > n:
            k = n
        if not translate(c, lin, ACC_EXEC | access_of(c), &phys):
            return 0
        phys_read(c, phys, to, k)
        n -= k
        if n == 0:
            return 1
        to += k
        k = 0x1000
        lin = next_page(c, lin)
