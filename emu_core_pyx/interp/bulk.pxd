"""What string instructions, and port input and output by strings, share: runs of elements inside one page."""
from emu_core_pyx.types cimport i64, u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU, TlbEntry
from emu_core_pyx.cpu.bits cimport ES


cdef inline void move_reg(CPU *c, u32 r, i64 delta, u64 amask) noexcept nogil:
    """Add to the part of a register the address size sees."""
    if amask == 0xFFFF:
        (<u16 *>&c.s.gpr[r])[0] = <u16>(c.s.gpr[r] + <u64>delta)
    else:
        c.s.gpr[r] = (c.s.gpr[r] + <u64>delta) & amask


cdef inline u64 in_page(CPU *c, u32 seg, u64 off, u64 amask, u64 limit, i64 d) noexcept nogil:
    """Elements of |d| bytes from seg:off on that lie in one page and below `limit` (seg_rend or seg_wend).

    0: the first does not.  With d < 0 elements go downwards and stay at or above offset 0.
    """
    cdef u64 lin = off + c.s.seg_base[seg], room
    cdef u64 at = lin & 0xFFF
    if d > 0:
        if off >= limit:
            return 0
        room = 0x1000 - at
        if room > limit - off:
            room = limit - off
        if room - 1 > amask - off:
            room = amask - off + 1
        return room / <u64>d
    if off + <u64>(-d) > limit or off + <u64>(-d) - 1 > amask or at + <u64>(-d) > 0x1000:
        return 0
    return (at if at < off else off) / <u64>(-d) + 1


cdef inline u8 *bulk_src(CPU *c, u32 seg, u64 off, u64 amask, i64 d, u64 *n) noexcept nogil:
    """Host pointer to readable elements at seg:off, *n cut to how many; NULL: take one the slow way."""
    cdef u64 lin = off + c.s.seg_base[seg], room
    cdef TlbEntry *e = &c.tlb[(lin >> 12) & 1023]
    if e.rd != lin & ~<u64>0xFFF:
        return NULL
    room = in_page(c, seg, off, amask, c.s.seg_rend[seg], d)
    if room < n[0]:
        n[0] = room
    return <u8 *>(lin + <u64>e.add) if room else NULL


cdef inline u8 *bulk_dst(CPU *c, u64 off, u64 amask, i64 d, u64 *n) noexcept nogil:
    """Host pointer to writable elements at ES:off."""
    cdef u64 lin = off + c.s.seg_base[ES], room
    cdef TlbEntry *e = &c.tlb[(lin >> 12) & 1023]
    if e.wr != lin & ~<u64>0xFFF:
        return NULL
    room = in_page(c, ES, off, amask, c.s.seg_wend[ES], d)
    if room < n[0]:
        n[0] = room
    return <u8 *>(lin + <u64>e.add) if room else NULL
