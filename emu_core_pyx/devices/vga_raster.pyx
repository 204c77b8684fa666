"""See vga_raster.pxd.

The picture is what the registers say at the moment of looking: the active display without the overscan border, as many
scan lines and dots as the monitor gets (mode 13h is 640x400).  DEVIATION: registers a guest changes while the beam is
on its way (split palettes, start address in mid-frame) take effect for the whole frame.  vga.pyx names two others.
Spec: IBM VGA/XGA Technical Reference, CRT and attribute controller chapters.
"""
from libc.stdlib cimport realloc
from libc.string cimport memcmp, memcpy, memset
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.devices.vga_regs cimport (
    AR_MODE, AR_P54, AR_PAN, AR_PAN_SPLIT, AR_PLANES, AR_SCREEN_ON, AR_SELECT, CRT_A13, CRT_A14, CRT_BYTE, CRT_COUNT_2,
    CRT_COUNT_4, CRT_CURSOR_END, CRT_CURSOR_HIGH, CRT_CURSOR_LOW, CRT_CURSOR_START, CRT_DWORD, CRT_HDISP, CRT_LINES_2,
    CRT_LINE_COMPARE, CRT_MAX_SCAN, CRT_MODE, CRT_OFFSET, CRT_OVERFLOW, CRT_PRESET_ROW, CRT_START_HIGH,
    CRT_START_LOW, CRT_UNDERLINE, CRT_VDISP, CRT_WRAP, GR_MISC, GR_MODE, SEQ_8DOT, SEQ_CLOCKING, SEQ_FONT, SEQ_SCREEN_OFF,
    VBE_8BIT_DAC, VBE_BPP, VBE_ENABLE, VBE_VIRT_WIDTH, VBE_XRES, VBE_X_OFFSET, VBE_YRES, VBE_Y_OFFSET, VgaRegs, vbe_linear,
    vbe_on, vbe_pitch,
)

cdef enum:
    CURSOR_BIT = 8          # frames on, frames off
    BLINK_BIT = 16
    NOWHERE = 0x7FFFFFFF    # no character's address

cdef u64 ONES_8 = <u64>0x0101010101010101
cdef u64 SPREAD_8 = <u64>0x8040201008040201


# ---- what the registers say -----------------------------------------------------------------------

cdef inline u32 scale(u32 v, u32 bits) noexcept nogil:
    """A colour component of so many bits as 8."""
    v &= (1 << bits) - 1
    v <<= 8 - bits
    return v | v >> bits


cdef void palette(Key *k, const VgaRegs *r) noexcept nogil:
    """Colour index to RGB: attribute controller, PEL mask, DAC."""
    cdef u32 n, v, wide = r.vbe[VBE_ENABLE] & VBE_8BIT_DAC, planes = 0xF if k.show == SHOW_TEXT else r.attr[AR_PLANES] & 0xF
    cdef const u8 *c
    for n in range(256):
        v = n
        if k.show != SHOW_LINEAR and not k.pair:
            v = r.attr[n & planes] & 0x3F
            if r.attr[AR_MODE] & AR_P54:
                v = (v & 0xF) | (r.attr[AR_SELECT] & 3) << 4
            v |= (r.attr[AR_SELECT] & 0xC) << 4
        elif k.show != SHOW_LINEAR:
            v &= planes * 0x11
        c = &r.dac[3 * (v & r.dac_mask)]
        if wide:
            k.lut[n] = c[0] | <u32>c[1] << 8 | <u32>c[2] << 16
        else:
            k.lut[n] = scale(c[0], 6) | scale(c[1], 6) << 8 | scale(c[2], 6) << 16


cdef u32 font_at(u32 select) noexcept nogil:
    """Offset into plane 2 of one of the eight fonts (bits 1-0, then 2)."""
    return (select & 3) << 14 | (select & 4) << 11


cdef void read_key(Key *k, const VgaRegs *r, u64 size) noexcept nogil:
    cdef u32 over = r.crtc[CRT_OVERFLOW], lines, compare
    memset(k, 0, sizeof(Key))
    k.mask = <u32>(size >> 2) - 1
    k.split = MAX_LINES
    k.repeat = 1
    k.dots = 8
    if vbe_on(r):
        k.width = r.vbe[VBE_XRES]
        k.height = min(<u32>r.vbe[VBE_YRES], <u32>MAX_LINES)
    else:
        k.dots = 8 if r.seq[SEQ_CLOCKING] & SEQ_8DOT or r.gr[GR_MISC] & 1 else 9
        k.wide = r.seq[SEQ_CLOCKING] >> 3 & 1
        k.chars = <u32>r.crtc[CRT_HDISP] + 1
        k.width = (k.chars * k.dots) << k.wide
        lines = (r.crtc[CRT_VDISP] | (over & 2) << 7 | (over & 0x40) << 3) + 1
        compare = (r.crtc[CRT_LINE_COMPARE] | (over & 0x10) << 4 | (r.crtc[CRT_MAX_SCAN] & 0x40) << 3) + 1
        k.repeat = 2 if r.crtc[CRT_MAX_SCAN] & 0x80 else 1
        if r.crtc[CRT_MODE] & CRT_LINES_2:
            lines <<= 1
            compare <<= 1
            k.repeat <<= 1
        k.height = lines
        if compare < lines:
            k.split = compare
    # a size nobody has set yet is shown as the dark screen of an ordinary text mode
    if k.width < 16 or k.height < 16:
        k.width, k.height = 720, 400
    elif r.attr_index & AR_SCREEN_ON and not r.seq[SEQ_CLOCKING] & SEQ_SCREEN_OFF:
        if vbe_linear(r):
            k.show = SHOW_LINEAR
            k.bpp = r.vbe[VBE_BPP]
            k.pitch = vbe_pitch(r)
            k.start = r.vbe[VBE_Y_OFFSET] * k.pitch + r.vbe[VBE_X_OFFSET] * ((k.bpp + 7) >> 3)
        elif vbe_on(r):
            k.show = SHOW_PLANAR
            k.chars = (k.width + 7) >> 3
            k.pitch = r.vbe[VBE_VIRT_WIDTH] >> 3
            k.start = r.vbe[VBE_Y_OFFSET] * k.pitch + (r.vbe[VBE_X_OFFSET] >> 3)
            k.pan = r.vbe[VBE_X_OFFSET] & 7
            k.plain = 1
        else:
            standard(k, r)
    if k.show != SHOW_BLANK:
        palette(k, r)


cdef void standard(Key *k, const VgaRegs *r) noexcept nogil:
    """The modes of an IBM VGA."""
    cdef u32 pan = r.attr[AR_PAN] & 0xF
    k.show = SHOW_PLANAR if r.gr[GR_MISC] & 1 else SHOW_TEXT
    k.start = ((<u32>r.crtc[CRT_START_HIGH] << 8 | r.crtc[CRT_START_LOW]) + (r.crtc[CRT_PRESET_ROW] >> 5 & 3)) & 0xFFFF
    k.pitch = <u32>r.crtc[CRT_OFFSET] << 1
    k.row_first = r.crtc[CRT_PRESET_ROW] & 0x1F
    k.row_last = r.crtc[CRT_MAX_SCAN] & 0x1F
    k.crtc_mode = r.crtc[CRT_MODE]
    k.crtc_dword = r.crtc[CRT_UNDERLINE] & (CRT_DWORD | CRT_COUNT_4)
    if k.dots == 9:
        k.pan = 0 if pan & 8 else (pan & 7) + 1
    else:
        k.pan = pan & 7
    k.split_pan = (k.dots == 9) if r.attr[AR_MODE] & AR_PAN_SPLIT else k.pan
    if k.show == SHOW_PLANAR:
        k.shift = min(r.gr[GR_MODE] >> 5 & 3, 2)
        k.pair = r.attr[AR_MODE] >> 6 & 1
        return
    k.font[0] = font_at((r.seq[SEQ_FONT] & 3) | (r.seq[SEQ_FONT] >> 2 & 4))
    k.font[1] = font_at((r.seq[SEQ_FONT] >> 2 & 3) | (r.seq[SEQ_FONT] >> 3 & 4))
    k.underline = r.crtc[CRT_UNDERLINE] & 0x1F
    k.cursor_rows = (r.crtc[CRT_CURSOR_START] & 0x1F) | <u32>(r.crtc[CRT_CURSOR_END] & 0x1F) << 8
    if r.crtc[CRT_CURSOR_START] & 0x20:
        k.cursor_rows = 0xFFFF
    k.blink = r.attr[AR_MODE] >> 3 & 1
    k.line_graphics = r.attr[AR_MODE] >> 2 & 1


cdef u32 plane_address(const Key *k, u32 ma, u32 scan) noexcept nogil:
    if k.plain:
        return ma & k.mask
    ma &= 0xFFFF
    if k.crtc_dword & CRT_DWORD:
        ma = ma << 2 | (ma >> 14 & 3)
    elif not k.crtc_mode & CRT_BYTE:
        ma = ma << 1 | (ma >> (15 if k.crtc_mode & CRT_WRAP else 13) & 1)
    if not k.crtc_mode & CRT_A13:
        ma = ma & ~0x2000 | (scan & 1) << 13
    if not k.crtc_mode & CRT_A14:
        ma = ma & ~0x4000 | (scan & 2) << 13
    return ma & 0xFFFF & k.mask


cdef void lay_out(Picture *p) noexcept nogil:
    """Rows: runs of scan lines of the same character address (in graphics modes every change of the row scan)."""
    cdef Key *k = &p.key
    cdef u32 y, ma = k.start, scan = k.row_first, sub = 0, n = 0
    cdef bint text = k.show == SHOW_TEXT, fresh = 1
    for y in range(k.height):
        if y == k.split:
            ma = scan = sub = 0
            fresh = 1
        if fresh or not text and sub == 0:
            p.row_y[n] = y
            p.row_at[n] = ma
            p.row_scan[n] = scan
            n += 1
            fresh = 0
        sub += 1
        if sub < k.repeat:
            continue
        sub = 0
        if scan == k.row_last:
            scan = 0
            ma += k.pitch
            fresh = 1
        else:
            scan = (scan + 1) & 0x1F
    p.n_rows = n


# ---- lines ----------------------------------------------------------------------------------------

cdef inline u8 *row_of(Picture *p, u32 y) noexcept nogil:
    return p.rgb + <u64>y * p.key.width * 3


cdef inline void put(u8 *out, u32 v) noexcept nogil:
    out[0] = <u8>v
    out[1] = <u8>(v >> 8)
    out[2] = <u8>(v >> 16)


cdef void emit(const Key *k, const u8 *src, u8 *out) noexcept nogil:
    """Colour indices to pixels; `src` is panned already."""
    cdef u32 x, v
    if k.wide:
        for x in range(k.width >> 1):
            v = k.lut[src[x]]
            put(out, v)
            put(out + 3, v)
            out += 6
        return
    for x in range(k.width):
        put(out, k.lut[src[x]])
        out += 3


cdef void text_line(Picture *p, const u32 *cells, u32 scan, u8 *line) noexcept nogil:
    """One scan line of a row of characters."""
    cdef Key *k = &p.key
    cdef u32 c, cell, attr, fg, bg, bits, x, ninth
    cdef u32 first = k.cursor_rows & 0xFF, last = k.cursor_rows >> 8
    cdef bint in_cursor = k.cursor_rows != 0xFFFF and first <= scan <= last
    for c in range(k.chars + 1):
        cell = cells[c]
        attr = cell >> 8 & 0xFF
        fg = attr & 0xF
        bg = attr >> 4
        if k.blink:
            bg &= 7
        bits = p.font[(8192 if attr & 8 else 0) + (cell & 0xFF) * 32 + scan]
        ninth = bits & 1 if k.line_graphics and cell & 0xE0 == 0xC0 else 0
        if scan == k.underline and attr & 0x77 == 0x01:
            bits = 0xFF
            ninth = 1
        if cell & CELL_HIDDEN:
            bits = ninth = 0
        if in_cursor and cell & CELL_CURSOR:
            bits = 0xFF
            ninth = 1
        for x in range(8):
            line[x] = <u8>(fg if bits >> (7 - x) & 1 else bg)
        if k.dots == 9:
            line[8] = <u8>(fg if ninth else bg)
        line += k.dots


cdef void planar_line(Picture *p, const u32 *vram, u32 at, u32 scan) noexcept nogil:
    """One line through the shift registers into p.line."""
    cdef Key *k = &p.key
    cdef u8 *line = p.line
    cdef u32 c, d, x, ma
    cdef u64 v
    for c in range(k.chars + 1):
        ma = c
        if k.crtc_dword & CRT_COUNT_4:
            ma >>= 2
        elif k.crtc_mode & CRT_COUNT_2:
            ma >>= 1
        d = vram[plane_address(k, at + ma, scan)]
        if k.shift == 0:
            v = (((d & 0xFF) * SPREAD_8) >> 7) & ONES_8
            v |= ((((d >> 8 & 0xFF) * SPREAD_8) >> 7) & ONES_8) << 1
            v |= ((((d >> 16 & 0xFF) * SPREAD_8) >> 7) & ONES_8) << 2
            v |= (((<u64>(d >> 24) * SPREAD_8) >> 7) & ONES_8) << 3
            memcpy(line, &v, 8)
        elif k.shift == 1:
            for x in range(4):
                line[x] = <u8>((d >> (6 - 2 * x) & 3) | (d >> (22 - 2 * x) & 3) << 2)
                line[x + 4] = <u8>((d >> (14 - 2 * x) & 3) | (d >> (30 - 2 * x) & 3) << 2)
        else:
            for x in range(4):
                line[2 * x] = <u8>(d >> (8 * x + 4) & 0xF)
                line[2 * x + 1] = <u8>(d >> 8 * x & 0xF)
        if k.pair:
            for x in range(0, 8, 2):
                line[x] = line[x + 1] = <u8>(line[x] << 4 | line[x + 1])
        line += 8


cdef void linear_line(const Key *k, const u8 *src, u8 *out) noexcept nogil:
    cdef u32 _x, v
    if k.bpp == 32:
        for _x in range(k.width):
            out[0] = src[2]
            out[1] = src[1]
            out[2] = src[0]
            src += 4
            out += 3
    elif k.bpp == 24:
        for _x in range(k.width):
            out[0] = src[2]
            out[1] = src[1]
            out[2] = src[0]
            src += 3
            out += 3
    elif k.bpp == 8:
        for _x in range(k.width):
            put(out, k.lut[src[0]])
            src += 1
            out += 3
    else:
        for _x in range(k.width):
            v = src[0] | <u32>src[1] << 8
            if k.bpp == 16:
                put(out, scale(v >> 11, 5) | scale(v >> 5, 6) << 8 | scale(v, 5) << 16)
            else:
                put(out, scale(v >> 10, 5) | scale(v >> 5, 5) << 8 | scale(v, 5) << 16)
            src += 2
            out += 3


# ---- pictures -------------------------------------------------------------------------------------

cdef bint paint_text(Picture *p, const u32 *vram, const VgaRegs *r, bint full, bint any_dirty,
                     u64 phase) noexcept nogil:
    """Rows of which a cell, the font or the blinking has changed."""
    cdef Key *k = &p.key
    cdef u32 n, c, d, cell, scan, sub, y, end, cursor = NOWHERE, stride = k.chars + 1
    cdef u32 *row
    cdef u8 font[16384]
    cdef bint any_ = 0, changed
    if full or any_dirty:
        for n in range(2):
            for c in range(8192):
                font[8192 * n + c] = <u8>(vram[(k.font[n] + c) & k.mask] >> 16)
        if memcmp(font, p.font, 16384) != 0:
            memcpy(p.font, font, 16384)
            full = 1
    if not phase & CURSOR_BIT and k.cursor_rows != 0xFFFF:
        cursor = (<u32>r.crtc[CRT_CURSOR_HIGH] << 8 | r.crtc[CRT_CURSOR_LOW]) + (r.crtc[CRT_CURSOR_END] >> 5 & 3)
    for n in range(p.n_rows):
        row = p.cells + <u64>n * stride
        changed = full
        for c in range(stride):
            d = vram[plane_address(k, p.row_at[n] + c, 0)]
            cell = d & 0xFFFF
            if k.blink and d & 0x8000 and phase & BLINK_BIT:
                cell |= CELL_HIDDEN
            if p.row_at[n] + c == cursor and c < k.chars:
                cell |= CELL_CURSOR
            if cell != row[c]:
                row[c] = cell
                changed = 1
        if not changed:
            continue
        any_ = 1
        end = p.row_y[n + 1] if n + 1 < p.n_rows else k.height
        scan = p.row_scan[n]
        sub = 0
        for y in range(p.row_y[n], end):
            if sub == 0:
                text_line(p, row, scan, p.line)
                emit(k, p.line + (k.split_pan if y >= k.split else k.pan), row_of(p, y))
            else:
                memcpy(row_of(p, y), row_of(p, y - 1), k.width * 3)
            sub += 1
            if sub == k.repeat:
                sub = 0
                scan = (scan + 1) & 0x1F
    return any_


cdef inline bint touched(const u8 *dirty, u64 first, u64 last) noexcept nogil:
    """Was a byte from `first` to `last` written?"""
    cdef u64 page
    for page in range(first >> 12, (last >> 12) + 1):
        if dirty[page]:
            return 1
    return 0


cdef bint paint_planar(Picture *p, const u32 *vram, const u8 *dirty, bint full) noexcept nogil:
    cdef Key *k = &p.key
    cdef u32 n, y, end, a, b, last
    cdef bint any_ = 0
    last = k.chars
    if k.crtc_dword & CRT_COUNT_4:
        last >>= 2
    elif k.crtc_mode & CRT_COUNT_2:
        last >>= 1
    for n in range(p.n_rows):
        a = plane_address(k, p.row_at[n], p.row_scan[n])
        b = plane_address(k, p.row_at[n] + last, p.row_scan[n])
        if not full and a <= b and not touched(dirty, <u64>a << 2, (<u64>b << 2) + 3):
            continue
        any_ = 1
        y = p.row_y[n]
        end = p.row_y[n + 1] if n + 1 < p.n_rows else k.height
        planar_line(p, vram, p.row_at[n], p.row_scan[n])
        emit(k, p.line + (k.split_pan if y >= k.split else k.pan), row_of(p, y))
        for y in range(y + 1, end):
            memcpy(row_of(p, y), row_of(p, y - 1), k.width * 3)
    return any_


cdef bint paint_linear(Picture *p, const u8 *vram, u64 size, const u8 *dirty, bint full) noexcept nogil:
    cdef Key *k = &p.key
    cdef u32 y, n = k.width * ((k.bpp + 7) >> 3)
    cdef u64 at = k.start
    cdef bint any_ = 0
    for y in range(k.height):
        if at + n > size:                   # the guest's own offsets: behind the end is nothing
            if full:
                memset(row_of(p, y), 0, k.width * 3)
                any_ = 1
        elif full or touched(dirty, at, at + n - 1):
            linear_line(k, vram + at, row_of(p, y))
            any_ = 1
        at += k.pitch
    return any_


cdef bint room_for(Picture *p) noexcept nogil:
    """Memory for a picture of the key's size; 0 when the host has none."""
    cdef Key *k = &p.key
    cdef u64 need = <u64>k.width * k.height * 3, cells = <u64>(k.chars + 1) * 4096 * sizeof(u32)
    cdef void *got
    if need > p.room:
        got = realloc(p.rgb, need)
        if got == NULL:
            return 0
        p.rgb = <u8 *>got
        p.room = need
    if k.show == SHOW_TEXT and cells > p.cells_room:
        got = realloc(p.cells, cells)
        if got == NULL:
            return 0
        p.cells = <u32 *>got
        p.cells_room = cells
    return 1


cdef bint paint(Picture *p, const VgaRegs *r, const u8 *vram, u64 size, const u8 *dirty, bint any_dirty,
                u64 phase) noexcept nogil:
    cdef Key key
    cdef bint full, drawn = 0
    read_key(&key, r, size)
    full = p.generation == 0 or memcmp(&key, &p.key, sizeof(Key)) != 0
    if full:
        p.key = key
        if not room_for(p):
            p.key.show = SHOW_BLANK
            p.key.width = p.key.height = 0
            return 0
        lay_out(p)
    if key.show == SHOW_TEXT:               # cells tell more than pages: the cursor, blinking
        drawn = paint_text(p, <const u32 *>vram, r, full, any_dirty, phase)
    elif not full and not any_dirty:
        return 0
    elif key.show == SHOW_PLANAR:
        drawn = paint_planar(p, <const u32 *>vram, dirty, full)
    elif key.show == SHOW_LINEAR:
        drawn = paint_linear(p, vram, size, dirty, full)
    elif full:
        memset(p.rgb, 0, <u64>key.width * key.height * 3)
        drawn = 1
    if drawn:
        p.generation += 1
    return drawn
