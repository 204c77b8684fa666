"""See vga_ports.pxd."""
from libc.string cimport memcpy
from emu_core_pyx.types cimport u8, u32, u64, u128
from emu_core_pyx.devices.vga_regs cimport (
    AR_REGS, CRT_HDISP, CRT_HTOTAL, CRT_LINES_2, CRT_MODE, CRT_OVERFLOW, CRT_PROTECT, CRT_REGS, CRT_VDISP,
    CRT_VSYNC_END, CRT_VSYNC_START, CRT_VTOTAL, GR_READ_MAP, GR_REGS, MISC_COLOUR, SEQ_8DOT, SEQ_CLOCKING, SEQ_HALF_CLOCK,
    VBE_8BIT_DAC, VBE_ENABLE, VgaRegs,
)


cdef inline u64 pixels_at(u64 ns, bint second) noexcept nogil:
    """Pixel clocks of the 25.175 MHz or the 28.322 MHz crystal."""
    return <u64>(<u128>ns * 14161 // 500000) if second else <u64>(<u128>ns * 1007 // 40000)


cdef u32 vga_read(VgaRegs *r, u32 off, u64 now) noexcept nogil:
    cdef u32 v
    if off == 0x00:
        return r.attr_index if not r.attr_data else 0
    if off == 0x01:
        return r.attr[r.attr_index & 0x1F] if r.attr_index & 0x1F < AR_REGS else 0
    if off == 0x02:
        return 0x10                     # switch sense: a colour monitor
    if off == 0x03:
        return r.enable
    if off == 0x04:
        return r.seq_index
    if off == 0x05:
        return r.seq[r.seq_index & 7] if r.seq_index & 7 < 5 else 0
    if off == 0x06:
        return r.dac_mask
    if off == 0x07:
        return r.dac_state
    if off == 0x08:
        return r.dac_write
    if off == 0x09:
        v = r.dac[3 * r.dac_read + r.dac_sub]
        r.dac_sub += 1
        if r.dac_sub == 3:
            r.dac_sub = 0
            r.dac_read += 1
        return v
    if off == 0x0A:
        return r.feature
    if off == 0x0C:
        return r.misc
    if off == 0x0E:
        return r.gr_index
    if off == 0x0F:
        return r.gr[r.gr_index & 0xF] if r.gr_index & 0xF < GR_REGS else 0
    if (off == 0x14 or off == 0x15 or off == 0x1A) and r.misc & MISC_COLOUR:
        return crt_read(r, off & 0xF, now)
    return 0xFF


cdef bint vga_write(VgaRegs *r, u32 off, u8 v) noexcept nogil:
    if off == 0x00:
        if not r.attr_data:
            r.attr_index = v & 0x3F
        elif r.attr_index & 0x1F < AR_REGS:
            r.attr[r.attr_index & 0x1F] = v & 0x3F if r.attr_index & 0x1F < 0x10 else v
        r.attr_data ^= 1
    elif off == 0x02:
        r.misc = v
    elif off == 0x03:
        r.enable = v
    elif off == 0x04:
        r.seq_index = v & 7
    elif off == 0x05:
        if r.seq_index < 5:
            r.seq[r.seq_index] = v
            return 1
    elif off == 0x06:
        r.dac_mask = v
    elif off == 0x07:
        r.dac_read = v
        r.dac_sub = 0
        r.dac_state = 3
    elif off == 0x08:
        r.dac_write = v
        r.dac_sub = 0
        r.dac_state = 0
    elif off == 0x09:
        r.dac_part[r.dac_sub] = v if r.vbe[VBE_ENABLE] & VBE_8BIT_DAC else v & 0x3F
        r.dac_sub += 1
        if r.dac_sub == 3:
            r.dac_sub = 0
            memcpy(&r.dac[3 * r.dac_write], &r.dac_part[0], 3)
            r.dac_write += 1
    elif off == 0x0E:
        r.gr_index = v & 0xF
    elif off == 0x0F:
        if r.gr_index < GR_REGS:
            r.gr[r.gr_index] = v
            return 1
    elif (off == 0x14 or off == 0x15 or off == 0x1A) and r.misc & MISC_COLOUR:
        crt_write(r, off & 0xF, v)
    return 0


cdef u32 crt_read(VgaRegs *r, u32 off, u64 now) noexcept nogil:
    """Ports 3x4, 3x5, 3xA."""
    if off == 4:
        return r.crtc_index
    if off == 0xA:
        r.attr_data = 0
        return status1(r, now)
    if r.crtc_index < CRT_REGS:
        return r.crtc[r.crtc_index]
    if r.crtc_index == 0x22:            # the latch read map select points at
        return r.latch >> (8 * (r.gr[GR_READ_MAP] & 3)) & 0xFF
    if r.crtc_index == 0x24:            # the attribute controller's flip-flop and index
        return <u32>r.attr_data << 7 | r.attr_index
    return 0


cdef void crt_write(VgaRegs *r, u32 off, u8 v) noexcept nogil:
    if off == 4:
        r.crtc_index = v
    elif off == 0xA:
        r.feature = v
    elif r.crtc_index < CRT_REGS:
        if r.crtc_index < 8 and r.crtc[CRT_VSYNC_END] & CRT_PROTECT:
            if r.crtc_index == CRT_OVERFLOW:        # its line compare bit stays writable
                r.crtc[CRT_OVERFLOW] = (r.crtc[CRT_OVERFLOW] & ~0x10) | v & 0x10
            return
        r.crtc[r.crtc_index] = v


cdef void vga_frame(const VgaRegs *r, u64 now, u64 *pixels, u64 *width, u64 *height) noexcept nogil:
    """Pixels since power-on, and the total size of a frame in them, blanking included."""
    cdef u32 dots = 8 if r.seq[SEQ_CLOCKING] & SEQ_8DOT else 9
    if r.seq[SEQ_CLOCKING] & SEQ_HALF_CLOCK:
        dots <<= 1
    width[0] = (<u64>r.crtc[CRT_HTOTAL] + 5) * dots
    height[0] = (r.crtc[CRT_VTOTAL] | (<u64>r.crtc[CRT_OVERFLOW] & 1) << 8 | (<u64>r.crtc[CRT_OVERFLOW] & 0x20) << 4) + 2
    if r.crtc[CRT_MODE] & CRT_LINES_2:
        height[0] *= 2
    if height[0] < 100 or width[0] < 100:       # not programmed yet: 31.5 kHz, 70 Hz
        width[0] = 900
        height[0] = 449
    pixels[0] = pixels_at(now, r.misc >> 2 & 1)


cdef u32 status1(const VgaRegs *r, u64 now) noexcept nogil:
    """Bit 0: the beam is outside of the active display.  Bit 3: vertical retrace."""
    cdef u64 at, width, height, line, shown, sync, mul = 2 if r.crtc[CRT_MODE] & CRT_LINES_2 else 1
    cdef u32 v = 0, over = r.crtc[CRT_OVERFLOW]
    vga_frame(r, now, &at, &width, &height)
    line = at // width % height
    shown = ((r.crtc[CRT_VDISP] | (over & 2) << 7 | (over & 0x40) << 3) + 1) * mul
    sync = (r.crtc[CRT_VSYNC_START] | (over & 4) << 6 | (over & 0x80) << 2) * mul
    if sync >= height or sync == 0:             # none where the frame does not reach it: the last two lines
        sync = height - 2
    if line >= sync and line < sync + (((r.crtc[CRT_VSYNC_END] - (r.crtc[CRT_VSYNC_START] & 0xF)) & 0xF) or 1) * mul:
        v |= 8
    if line >= shown or at % width * (<u64>r.crtc[CRT_HTOTAL] + 5) >= (<u64>r.crtc[CRT_HDISP] + 1) * width:
        v |= 1
    return v | (v >> 3)
