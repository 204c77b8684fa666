/* Pixels and drawn characters in the CGA, planar and packed modes (INT 10h AH=0Ch, 0Dh and what text.c needs). */
#include "vga.h"

static u8 height_of(void) { return (u8)bda16(HEIGHT); }

/* The font in use: INT 43h, and INT 1Fh for the upper half in CGA modes. */
static u8 glyph_row(u8 c, u8 y)
{
    u8 kind = kind_of(bda8(MODE)), height = height_of();
    if ((kind == CGA4 || kind == CGA2) && c >= 128)
        return get8(get16(0, 0x7E), (u16)(get16(0, 0x7C) + (c - 128) * 8 + y));
    return get8(get16(0, 0x10E), (u16)(get16(0, 0x10C) + c * height + y));
}

static u16 cga_at(u16 y, u16 byte) { return (u16)((y & 1 ? 0x2000 : 0) + (y >> 1) * 80 + byte); }

static u16 planar_at(u16 x, u16 y, u8 page) { return (u16)(bda16(PAGE_SIZE) * page + y * bda16(COLS) + (x >> 3)); }

static void pixel_to(u8 colour, u16 x, u16 y, u8 page)
{
    u8 kind = kind_of(bda8(MODE)), shift, v, mask;
    u16 at;
    if (kind == LINEAR) {
        linear_write_pixel(colour, x, y);
    } else if (kind == PACKED) {
        put8(0xA000, (u16)(y * 320 + x), colour);
    } else if (kind == PLANAR) {
        at = planar_at(x, y, page);
        out_index(0x3CE, 8, (u8)(0x80 >> (x & 7)));
        out_index(0x3CE, 5, 2);
        if (colour & 0x80)
            out_index(0x3CE, 3, 0x18);
        get8(0xA000, at);
        put8(0xA000, at, colour);
        out_index(0x3CE, 3, 0);
        out_index(0x3CE, 5, 0);
        out_index(0x3CE, 8, 0xFF);
    } else if (kind != TEXT) {
        if (kind == CGA4) {
            at = cga_at(y, x >> 2);
            shift = (u8)(6 - 2 * (x & 3));
            mask = (u8)(3 << shift);
        } else {
            at = cga_at(y, x >> 3);
            shift = (u8)(7 - (x & 7));
            mask = (u8)(1 << shift);
        }
        v = get8(0xB800, at);
        if (colour & 0x80)
            v ^= (u8)(colour << shift) & mask;
        else
            v = (v & ~mask) | ((u8)(colour << shift) & mask);
        put8(0xB800, at, v);
    }
}

static u8 pixel_at(u16 x, u16 y, u8 page)
{
    u8 kind = kind_of(bda8(MODE)), v = 0;
    u32 plane;
    if (kind == LINEAR)
        return linear_read_pixel(x, y);
    if (kind == PACKED)
        return get8(0xA000, (u16)(y * 320 + x));
    if (kind == PLANAR) {
        for (plane = 0; plane < 4; plane++) {
            out_index(0x3CE, 4, (u8)plane);
            v |= (get8(0xA000, planar_at(x, y, page)) >> (7 - (x & 7)) & 1) << plane;
        }
        out_index(0x3CE, 4, 0);
        return v;
    }
    if (kind == CGA4)
        return get8(0xB800, cga_at(y, x >> 2)) >> (6 - 2 * (x & 3)) & 3;
    return kind == CGA2 ? get8(0xB800, cga_at(y, x >> 3)) >> (7 - (x & 7)) & 1 : 0;
}

static void draw(u8 c, u8 row, u8 col, u8 colour, u8 page)
{
    u8 kind = kind_of(bda8(MODE)), height = height_of(), y, bits;
    u16 at, line = row * height;
    u32 x;
    for (y = 0; y < height; y++, line++) {
        bits = glyph_row(c, y);
        if (kind == LINEAR) {
            linear_glyph_row(bits, col * 8, line, colour);
        } else if (kind == PLANAR) {
            at = planar_at(col * 8, line, page);
            if (colour & 0x80) {
                out_index(0x3CE, 3, 0x18);
                out_index(0x3CE, 5, 2);
                out_index(0x3CE, 8, bits);
                get8(0xA000, at);
                put8(0xA000, at, colour & 0x0F);
            } else {
                out_index(0x3CE, 5, 2);
                out_index(0x3CE, 8, bits);
                get8(0xA000, at);
                put8(0xA000, at, colour & 0x0F);
                out_index(0x3CE, 8, (u8)~bits);
                get8(0xA000, at);
                put8(0xA000, at, 0);
            }
            out_index(0x3CE, 3, 0);
            out_index(0x3CE, 5, 0);
            out_index(0x3CE, 8, 0xFF);
        } else if (kind == PACKED) {
            for (x = 0; x < 8; x++)
                put8(0xA000, (u16)(line * 320 + col * 8 + x), bits & 0x80 >> x ? colour : page);      /* BH is the background */
        } else if (kind == CGA2) {
            u8 v = colour & 1 ? bits : 0;
            at = cga_at(line, col);
            put8(0xB800, at, colour & 0x80 ? get8(0xB800, at) ^ v : v);
        } else {
            u16 v = 0;
            for (x = 0; x < 8; x++)
                if (bits & 0x80 >> x)
                    v |= (u16)((colour & 3) << (14 - 2 * x));
            v = (u16)(v >> 8 | v << 8);
            at = cga_at(line, col * 2);
            put16(0xB800, at, colour & 0x80 ? get16(0xB800, at) ^ v : v);
        }
    }
}

/* Which character stands there; 0 if none. */
static u8 match(u8 row, u8 col, u8 page)
{
    u8 height = height_of(), y, bits, want;
    u32 c, x;
    u8 seen[16];
    for (y = 0; y < height && y < 16; y++) {
        bits = 0;
        for (x = 0; x < 8; x++)
            if (pixel_at((u16)(col * 8 + x), (u16)(row * height + y), page))
                bits |= 0x80 >> x;
        seen[y] = bits;
    }
    for (c = 0; c < 256; c++) {
        for (y = 0; y < height && y < 16; y++) {
            want = glyph_row((u8)c, y);
            if (want != seen[y])
                break;
        }
        if (y == height || y == 16)
            return (u8)c;
    }
    return 0;
}

/* One line of pixels, `width` characters wide: copied, or filled. */
static void move_line(u16 to, u16 from, u8 left, u8 width, u8 page)
{
    u8 kind = kind_of(bda8(MODE));
    if (kind == LINEAR)
        linear_copy(left * 8, to, from, width * 8);
    else if (kind == PLANAR)
        copy8(0xA000, planar_at(left * 8, to, page), 0xA000, planar_at(left * 8, from, page), width, 0);
    else if (kind == PACKED)
        copy8(0xA000, (u16)(to * 320 + left * 8), 0xA000, (u16)(from * 320 + left * 8), width * 8, 0);
    else if (kind == CGA2)
        copy8(0xB800, cga_at(to, left), 0xB800, cga_at(from, left), width, 0);
    else
        copy8(0xB800, cga_at(to, left * 2), 0xB800, cga_at(from, left * 2), width * 2, 0);
}

static void clear_line(u16 line, u8 left, u8 width, u8 fill, u8 page)
{
    u8 kind = kind_of(bda8(MODE));
    if (kind == LINEAR) {
        linear_fill(left * 8, line, width * 8, fill);
    } else if (kind == PLANAR) {
        out_index(0x3CE, 5, 2);
        fill8(0xA000, planar_at(left * 8, line, page), fill & 0x0F, width);
        out_index(0x3CE, 5, 0);
    } else if (kind == PACKED) {
        fill8(0xA000, (u16)(line * 320 + left * 8), fill, width * 8);
    } else if (kind == CGA2) {
        fill8(0xB800, cga_at(line, left), fill, width);
    } else {
        fill8(0xB800, cga_at(line, left * 2), fill, width * 2);
    }
}

static void move(u8 lines, u8 top, u8 left, u8 bottom, u8 right, u8 fill, int down)
{
    u8 height = height_of(), width = right - left + 1, page = bda8(PAGE), planar = kind_of(bda8(MODE)) == PLANAR;
    u16 first = top * height, total = (bottom - top + 1) * height, step = lines * height, k;
    for (k = 0; k < total; k++) {
        u16 to = down ? (u16)(first + total - 1 - k) : (u16)(first + k);
        if (lines && k + step < total) {
            if (planar)
                out_index(0x3CE, 5, 1);         /* write mode 1: all planes through the latches */
            move_line(to, down ? to - step : to + step, left, width, page);
            if (planar)
                out_index(0x3CE, 5, 0);
        } else {
            clear_line(to, left, width, fill, page);
        }
    }
}

/* What the other files call: VESA's bank is afterwards as it was. */
static u16 bank_now(void) { return kind_of(bda8(MODE)) == LINEAR ? vbe_bank() : 0; }

static void bank_back(u16 bank)
{
    if (kind_of(bda8(MODE)) == LINEAR)
        vbe_set_bank(bank);
}

void write_pixel(u8 colour, u16 x, u16 y, u8 page)
{
    u16 bank = bank_now();
    pixel_to(colour, x, y, page);
    bank_back(bank);
}

u8 read_pixel(u16 x, u16 y, u8 page)
{
    u16 bank = bank_now();
    u8 v = pixel_at(x, y, page);
    bank_back(bank);
    return v;
}

void draw_char(u8 c, u8 row, u8 col, u8 colour, u8 page)
{
    u16 bank = bank_now();
    draw(c, row, col, colour, page);
    bank_back(bank);
}

u8 match_char(u8 row, u8 col, u8 page)
{
    u16 bank = bank_now();
    u8 c = match(row, col, page);
    bank_back(bank);
    return c;
}

void scroll_graphics(u8 lines, u8 top, u8 left, u8 bottom, u8 right, u8 fill, int down)
{
    u16 bank = bank_now();
    move(lines, top, left, bottom, right, fill, down);
    bank_back(bank);
}
