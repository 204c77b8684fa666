/* INT 10h AH=11h: fonts into plane 2, rows of text by font, fonts of graphics modes. */
#include "vga.h"

ROM u8 alternate14[] = {0}, alternate16[] = {0};       /* 9-dot replacements: none, our glyphs fit both widths */

static void plane_2(int on)
{
    out_index(0x3C4, 0, 1);
    if (on) {
        out_index(0x3C4, 2, 4);
        out_index(0x3C4, 4, 7);
    } else {
        out_index(0x3C4, 2, 3);
        out_index(0x3C4, 4, 2);
    }
    out_index(0x3C4, 0, 3);
    out_index(0x3CE, 4, on ? 2 : 0);
    out_index(0x3CE, 5, on ? 0 : 0x10);
    out_index(0x3CE, 6, on ? 4 : in8(0x3CC) & 1 ? 0x0E : 0x0A);
}

void load_font(u16 seg, u16 off, u16 count, u16 first, u8 block, u8 height)
{
    u16 base = (u16)((block & 3) << 14 | (block & 4) << 11), k;
    plane_2(1);
    for (k = 0; k < count; k++) {
        copy8(0xA000, base + ((first + k) & 0xFF) * 32, seg, off + k * height, height, 0);
        if (height < 32)
            fill8(0xA000, base + ((first + k) & 0xFF) * 32 + height, 0, 32 - height);
    }
    plane_2(0);
}

/* Text of another height: rows, page size, cursor. */
static void new_height(u8 height)
{
    u16 crtc = bda16(CRTC), lines;
    u8 rows;
    out_index(crtc, 9, (in_index(crtc, 9) & 0xE0) | (height - 1));
    put16(BDA, HEIGHT, height);
    lines = in_index(crtc, 0x12) | (in_index(crtc, 7) & 2) << 7 | (in_index(crtc, 7) & 0x40) << 3;
    lines++;
    if (in_index(crtc, 9) & 0x80)
        lines /= 2;
    rows = (u8)(lines / height);
    put8(BDA, ROWS, rows - 1);
    lines = rows * height;
    if (in_index(crtc, 9) & 0x80)
        lines *= 2;
    out_index(crtc, 0x12, (u8)(lines - 1));
    put16(BDA, PAGE_SIZE, (u16)((rows * bda16(COLS) * 2 + 0xFF) & 0xFF00));
    if (height < 16 || !(bda8(CONTROL) & 1))
        set_cursor_shape((u8)(bda16(SHAPE) >> 8), (u8)bda16(SHAPE));
}

static void graphics_font(struct regs *r, u16 off, u8 height)
{
    put16(0, 0x10C, off);
    put16(0, 0x10E, rom_segment());
    put16(BDA, HEIGHT, height);
    put8(BDA, ROWS, (u8)((r->bl == 0 ? r->dl : r->bl == 1 ? 14 : r->bl == 3 ? 43 : 25) - 1));
}

void fonts(struct regs *r)
{
    u8 what = r->al & 0x0F, full = r->al & 0x10;
    if (r->al == 0x20) {
        put16(0, 0x7C, r->bp);
        put16(0, 0x7E, r->es);
    } else if (r->al == 0x21) {
        put16(0, 0x10C, r->bp);
        put16(0, 0x10E, r->es);
        put16(BDA, HEIGHT, r->cx);
        put8(BDA, ROWS, (u8)((r->bl == 0 ? r->dl : r->bl == 1 ? 14 : r->bl == 3 ? 43 : 25) - 1));
    } else if (r->al == 0x22) {
        graphics_font(r, (u16)(u32)font14, 14);
    } else if (r->al == 0x23) {
        graphics_font(r, (u16)(u32)font8, 8);
    } else if (r->al == 0x24) {
        graphics_font(r, (u16)(u32)font16, 16);
    } else if (r->al == 0x30) {
        u16 seg = rom_segment(), off = 0;
        if (r->bh == 0)
            seg = get16(0, 0x7E), off = get16(0, 0x7C);
        else if (r->bh == 1)
            seg = get16(0, 0x10E), off = get16(0, 0x10C);
        else if (r->bh == 2)
            off = (u16)(u32)font14;
        else if (r->bh == 3)
            off = (u16)(u32)font8;
        else if (r->bh == 4)
            off = (u16)(u32)font8 + 1024;
        else if (r->bh == 5)
            off = (u16)(u32)alternate14;
        else if (r->bh == 6)
            off = (u16)(u32)font16;
        else if (r->bh == 7)
            off = (u16)(u32)alternate16;
        else
            return;
        r->es = seg;
        r->bp = off;
        r->cx = bda16(HEIGHT);
        r->dl = bda8(ROWS);
    } else if (r->al < 0x20) {
        if (what == 0) {
            load_font(r->es, r->bp, r->cx, r->dx, r->bl, r->bh);
            if (full)
                new_height(r->bh);
        } else if (what == 1) {
            load_font(rom_segment(), (u16)(u32)font14, 256, 0, r->bl, 14);
            if (full)
                new_height(14);
        } else if (what == 2) {
            load_font(rom_segment(), (u16)(u32)font8, 256, 0, r->bl, 8);
            if (full)
                new_height(8);
        } else if (what == 3) {
            out_index(0x3C4, 0, 1);
            out_index(0x3C4, 3, r->bl);
            out_index(0x3C4, 0, 3);
        } else if (what == 4) {
            load_font(rom_segment(), (u16)(u32)font16, 256, 0, r->bl, 16);
            if (full)
                new_height(16);
        }
    }
}
