"""The processor's side of VGA display memory: the window's maps, latches, write modes, read modes.

VRAM holds the four planes interleaved: byte 4 * offset + plane, so that one 32-bit word is what the latches hold.
Addresses behind the end wrap.  A window access goes byte by byte through the graphics controller, as on the 8-bit
bus it was made for.
In chain-4 mode address bits 0 and 1 choose the plane and are 0 in the plane's offset; the same with bit 0 in odd/even
mode (in a 128 KiB map bit 16 takes its place).  DEVIATION: writes are odd/even only when the sequencer and the graphics
controller both say so (the manual: the sequencer alone; QEMU: the graphics controller alone, and GRUB as firmware loads its
font that way).
Spec: IBM VGA/XGA Technical Reference, "Video Memory Read/Write Operations", graphics controller registers.
"""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.devices.vga_regs cimport (
    GR_BIT_MASK, GR_COMPARE, GR_DONT_CARE, GR_ENABLE_SET, GR_MISC, GR_MODE, GR_READ_MAP, GR_ROTATE, GR_SET,
    SEQ_CHAIN4, SEQ_MAP_MASK, SEQ_MODE, SEQ_SEQUENTIAL, VgaRegs, spread,
)

cdef enum:
    OUTSIDE = 0xFFFFFFFF        # window_offset: nobody's address


cdef inline u32 window_offset(const VgaRegs *r, u32 off) noexcept nogil:
    """Address within the map the graphics controller has chosen, from the offset into A0000-BFFFF."""
    cdef u32 which = r.gr[GR_MISC] >> 2 & 3
    if which == 0:
        return off
    if which == 1:
        return off if off < 0x10000 else <u32>OUTSIDE
    if off >> 15 != which:
        return <u32>OUTSIDE
    return off & 0x7FFF


cdef inline bint odd_even_writes(const VgaRegs *r) noexcept nogil:
    return not r.seq[SEQ_MODE] & SEQ_SEQUENTIAL and r.gr[GR_MODE] & 0x10


cdef inline u8 planar_read(VgaRegs *r, const u32 *vram, u32 mask, u32 bank, u32 a) noexcept nogil:
    """One byte at map address `a`; loads the latches.  `mask`: dwords of VRAM in reach less one; `bank` in dwords."""
    cdef u32 plane = r.gr[GR_READ_MAP] & 3, d
    if r.seq[SEQ_MODE] & SEQ_CHAIN4:
        plane = a & 3
        a &= 0xFFFC
    elif r.gr[GR_MODE] & 0x10:
        plane = (plane & 2) | (a & 1)
        a = (a & 0xFFFE) | (a >> 16 & 1)
    r.latch = vram[((a & 0xFFFF) + bank) & mask]
    if not r.gr[GR_MODE] & 8:
        return <u8>(r.latch >> (8 * plane))
    d = (r.latch ^ spread(r.gr[GR_COMPARE])) & spread(r.gr[GR_DONT_CARE])
    d |= d >> 16
    return <u8>~(d | d >> 8)


cdef inline u32 planar_write(VgaRegs *r, u32 *vram, u32 mask, u32 bank, u32 a, u32 v) noexcept nogil:
    """One byte to map address `a`.  The dword it went to, OUTSIDE if no plane was enabled."""
    cdef u32 planes = r.seq[SEQ_MAP_MASK] & 0xF, mode = r.gr[GR_MODE] & 3, turn = r.gr[GR_ROTATE] & 7
    cdef u32 data, bits, keep, func = r.gr[GR_ROTATE] >> 3 & 3
    if r.seq[SEQ_MODE] & SEQ_CHAIN4:
        planes &= 1 << (a & 3)
        a &= 0xFFFC
    elif odd_even_writes(r):
        planes &= 0xA if a & 1 else 0x5
        a = (a & 0xFFFE) | (a >> 16 & 1)
    if planes == 0:
        return <u32>OUTSIDE
    a = ((a & 0xFFFF) + bank) & mask
    bits = r.gr[GR_BIT_MASK]
    if mode == 1:
        data = r.latch
        bits = 0xFF
        func = 0
    elif mode == 2:
        data = spread(v)
    else:
        v = (v >> turn | v << (8 - turn)) & 0xFF
        if mode == 0:
            keep = spread(r.gr[GR_ENABLE_SET])
            data = v * <u32>0x01010101 & ~keep | spread(r.gr[GR_SET]) & keep
        else:
            bits &= v
            data = spread(r.gr[GR_SET])
    if func == 1:
        data &= r.latch
    elif func == 2:
        data |= r.latch
    elif func == 3:
        data ^= r.latch
    bits *= 0x01010101
    data = data & bits | r.latch & ~bits
    keep = spread(planes)
    vram[a] = vram[a] & ~keep | data & keep
    return a
