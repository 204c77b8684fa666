/* The standard modes: their registers, and what INT 10h AH=00h, 01h, 02h, 05h do with them.
   Spec: IBM VGA/XGA Technical Reference, "VGA Function" (register values by mode), RBIL INT 10h. */
#include "vga.h"

#define CRTC_40 0x2D, 0x27, 0x28, 0x90, 0x2B, 0xA0
#define CRTC_80 0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81
#define CRTC_320 0x2D, 0x27, 0x28, 0x90, 0x2B, 0x80
#define CRTC_640 0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80
#define NO_CURSOR 0, 0, 0, 0, 0, 0
#define EGA_ATTR 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F
#define CGA_ATTR 0, 1, 2, 3, 4, 5, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17
#define MONO_ATTR 0, 8, 8, 8, 8, 8, 8, 8, 0x10, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18
#define TEXT_40 {0x08, 0x03, 0x00, 0x02}, 0x67, {CRTC_40, 0xBF, 0x1F, 0, 0x4F, 0x0D, 0x0E, 0, 0, 0, 0, 0x9C, 0x8E, 0x8F, 0x14, \
    0x1F, 0x96, 0xB9, 0xA3, 0xFF}, {EGA_ATTR, 0x0C, 0, 0x0F, 8}, {0, 0, 0, 0, 0, 0x10, 0x0E, 0, 0xFF}
#define TEXT_80 {0x00, 0x03, 0x00, 0x02}, 0x67, {CRTC_80, 0xBF, 0x1F, 0, 0x4F, 0x0D, 0x0E, 0, 0, 0, 0, 0x9C, 0x8E, 0x8F, 0x28, \
    0x1F, 0x96, 0xB9, 0xA3, 0xFF}, {EGA_ATTR, 0x0C, 0, 0x0F, 8}, {0, 0, 0, 0, 0, 0x10, 0x0E, 0, 0xFF}
#define MODE_4 {0x09, 0x03, 0x00, 0x02}, 0x63, {CRTC_320, 0xBF, 0x1F, 0, 0xC1, NO_CURSOR, 0x9C, 0x8E, 0x8F, 0x14, 0x00, 0x96, \
    0xB9, 0xA2, 0xFF}, {0, 0x13, 0x15, 0x17, 2, 4, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 1, 0, 3, 0}, \
    {0, 0, 0, 0, 0, 0x30, 0x0F, 0, 0xFF}

static ROM struct mode table[] = {
    {40, 24, 16, 0x0800, TEXT_40},              /* 0 and 1 */
    {80, 24, 16, 0x1000, TEXT_80},              /* 2 and 3 */
    {40, 24, 8, 0x4000, MODE_4},                /* 4 and 5 */
    {80, 24, 8, 0x4000, {0x01, 0x01, 0x00, 0x06}, 0x63, {CRTC_640, 0xBF, 0x1F, 0, 0xC1, NO_CURSOR, 0x9C, 0x8E, 0x8F, 0x28, 0x00,
        0x96, 0xB9, 0xC2, 0xFF}, {0, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17,
        1, 0, 1, 0}, {0, 0, 0, 0, 0, 0x00, 0x0D, 0, 0xFF}},                                             /* 6 */
    {80, 24, 16, 0x1000, {0x00, 0x03, 0x00, 0x02}, 0x66, {CRTC_80, 0xBF, 0x1F, 0, 0x4F, 0x0D, 0x0E, 0, 0, 0, 0, 0x9C, 0x8E, 0x8F,
        0x28, 0x0F, 0x96, 0xB9, 0xA3, 0xFF}, {MONO_ATTR, 0x0E, 0, 0x0F, 8}, {0, 0, 0, 0, 0, 0x10, 0x0A, 0, 0xFF}},       /* 7 */
    {40, 24, 8, 0x2000, {0x09, 0x0F, 0x00, 0x06}, 0x63, {CRTC_320, 0xBF, 0x1F, 0, 0xC0, NO_CURSOR, 0x9C, 0x8E, 0x8F, 0x14, 0x00,
        0x96, 0xB9, 0xE3, 0xFF}, {CGA_ATTR, 1, 0, 0x0F, 0}, {0, 0, 0, 0, 0, 0, 5, 0x0F, 0xFF}},         /* D */
    {80, 24, 8, 0x4000, {0x01, 0x0F, 0x00, 0x06}, 0x63, {CRTC_640, 0xBF, 0x1F, 0, 0xC0, NO_CURSOR, 0x9C, 0x8E, 0x8F, 0x28, 0x00,
        0x96, 0xB9, 0xE3, 0xFF}, {CGA_ATTR, 1, 0, 0x0F, 0}, {0, 0, 0, 0, 0, 0, 5, 0x0F, 0xFF}},         /* E */
    {80, 24, 14, 0x8000, {0x01, 0x0F, 0x00, 0x06}, 0xA2, {CRTC_640, 0xBF, 0x1F, 0, 0x40, NO_CURSOR, 0x83, 0x85, 0x5D, 0x28, 0x0F,
        0x63, 0xBA, 0xE3, 0xFF}, {0, 8, 0, 0, 0x18, 0x18, 0, 0, 0, 8, 0, 0, 0, 0x18, 0, 0, 0x0B, 0, 5, 0},
        {0, 0, 0, 0, 0, 0, 7, 0x0F, 0xFF}},                                                             /* F */
    {80, 24, 14, 0x8000, {0x01, 0x0F, 0x00, 0x06}, 0xA3, {CRTC_640, 0xBF, 0x1F, 0, 0x40, NO_CURSOR, 0x83, 0x85, 0x5D, 0x28, 0x0F,
        0x63, 0xBA, 0xE3, 0xFF}, {EGA_ATTR, 1, 0, 0x0F, 0}, {0, 0, 0, 0, 0, 0, 5, 0x0F, 0xFF}},         /* 10 */
    {80, 29, 16, 0xA000, {0x01, 0x0F, 0x00, 0x06}, 0xE3, {CRTC_640, 0x0B, 0x3E, 0, 0x40, NO_CURSOR, 0xEA, 0x8C, 0xDF, 0x28, 0x00,
        0xE7, 0x04, 0xC3, 0xFF}, {0, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F,
        1, 0, 0x0F, 0}, {0, 0, 0, 0, 0, 0, 5, 0x01, 0xFF}},                                             /* 11 */
    {80, 29, 16, 0xA000, {0x01, 0x0F, 0x00, 0x06}, 0xE3, {CRTC_640, 0x0B, 0x3E, 0, 0x40, NO_CURSOR, 0xEA, 0x8C, 0xDF, 0x28, 0x00,
        0xE7, 0x04, 0xE3, 0xFF}, {EGA_ATTR, 1, 0, 0x0F, 0}, {0, 0, 0, 0, 0, 0, 5, 0x0F, 0xFF}},         /* 12 */
    {40, 24, 8, 0x2000, {0x01, 0x0F, 0x00, 0x0E}, 0x63, {CRTC_640, 0xBF, 0x1F, 0, 0x41, NO_CURSOR, 0x9C, 0x8E, 0x8F, 0x28, 0x40,
        0x96, 0xB9, 0xA3, 0xFF}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x41, 0, 0x0F, 0},
        {0, 0, 0, 0, 0, 0x40, 5, 0x0F, 0xFF}},                                                          /* 13 */
};
static ROM u8 row_of[0x14] = {0, 0, 1, 1, 2, 2, 3, 4, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 5, 6, 7, 8, 9, 10, 11};
static ROM u8 kinds[0x14] = {TEXT, TEXT, TEXT, TEXT, CGA4, CGA4, CGA2, TEXT, 0, 0, 0, 0, 0, PLANAR, PLANAR, PLANAR, PLANAR,
                             PLANAR, PLANAR, PACKED};

ROM struct mode *find_mode(u8 mode)
{
    return mode < 0x14 && row_of[mode] != 0xFF ? &table[row_of[mode]] : 0;
}

static ROM u8 mode_control[8] = {0x2C, 0x28, 0x2D, 0x29, 0x2A, 0x2E, 0x1E, 0x29};      /* what a CGA's 3D8h would hold */

u8 kind_of(u8 mode) { return mode == VESA_MODE ? LINEAR : mode < 0x14 ? kinds[mode] : TEXT; }

u16 segment_of(u8 mode)
{
    if (mode == 7)
        return 0xB000;
    return kind_of(mode) == PLANAR || kind_of(mode) == PACKED ? 0xA000 : 0xB800;
}

void fill16(u16 seg, u16 off, u16 value, u16 words)
{
    u32 n = words, at = off;
    __asm__ volatile("pushw %%es\n\tmovw %w3, %%es\n\tcld\n\taddr32 rep stosw\n\tpopw %%es"
                     : "+c"(n), "+D"(at) : "a"(value), "r"(seg) : "memory");
}

void fill8(u16 seg, u16 off, u8 value, u16 count)
{
    u32 n = count, at = off;
    __asm__ volatile("pushw %%es\n\tmovw %w3, %%es\n\tcld\n\taddr32 rep stosb\n\tpopw %%es"
                     : "+c"(n), "+D"(at) : "a"(value), "r"(seg) : "memory");
}

void copy8(u16 to_seg, u16 to, u16 from_seg, u16 from, u16 count, int down)
{
    u32 n = count, di = to, si = from;
    if (!count)
        return;
    if (down) {
        di += n - 1;
        si += n - 1;
        __asm__ volatile("pushw %%es\n\tmovw %w3, %%es\n\tmovw %w4, %%fs\n\tstd\n\t"
                         "addr32 rep movsb %%fs:(%%esi), %%es:(%%edi)\n\t"
                         "cld\n\tpopw %%es" : "+c"(n), "+D"(di), "+S"(si) : "r"(to_seg), "r"(from_seg) : "memory");
    } else {
        __asm__ volatile("pushw %%es\n\tmovw %w3, %%es\n\tmovw %w4, %%fs\n\tcld\n\t"
                         "addr32 rep movsb %%fs:(%%esi), %%es:(%%edi)\n\t"
                         "popw %%es" : "+c"(n), "+D"(di), "+S"(si) : "r"(to_seg), "r"(from_seg) : "memory");
    }
}

/* ---- DAC ---- */
static void dac(u8 r, u8 g, u8 b)
{
    out8(0x3C9, r);
    out8(0x3C9, g);
    out8(0x3C9, b);
}

static ROM u8 greys[16] = {0, 5, 8, 11, 14, 17, 20, 24, 28, 32, 36, 40, 45, 50, 56, 63};
/* the 256-colour palette: 24 hues at three saturations and three brightnesses, by five levels each */
static ROM u8 levels[9][5] = {
    {0, 16, 31, 47, 63}, {31, 39, 47, 55, 63}, {45, 49, 54, 58, 63},
    {0, 7, 14, 21, 28}, {14, 17, 21, 24, 28}, {20, 22, 24, 26, 28},
    {0, 4, 8, 12, 16}, {8, 10, 12, 14, 16}, {11, 12, 13, 15, 16}};
/* per sixth of the wheel, from blue on: what red, green and blue do; 1 rises, 2 falls, 0 low, 4 high */
static ROM u8 wheel[6][3] = {{1, 0, 4}, {4, 0, 2}, {4, 1, 0}, {2, 4, 0}, {0, 4, 1}, {0, 2, 4}};

static void cga_colour(u8 i)
{
    u8 base = i & 0x10 ? 21 : 0;
    dac(base + (i & 4 ? 42 : 0), base + (i & 2 ? ((i & 0x17) == 6 ? 21 : 42) : 0), base + (i & 1 ? 42 : 0));
}

static void wheel_colours(u8 group)
{
    u32 sector, step, k;
    for (sector = 0; sector < 6; sector++)
        for (step = 0; step < 4; step++)
            for (k = 0; k < 3; k++) {
                u8 how = wheel[sector][k];
                u8 level = how == 4 ? 4 : how == 1 ? step : how == 2 ? 4 - step : 0;
                out8(0x3C9, levels[group][level]);
            }
}

void load_dac(u8 mode)
{
    u32 i;
    out8(0x3C6, 0xFF);
    out8(0x3C8, 0);
    if (mode == 0x13) {
        for (i = 0; i < 16; i++)
            cga_colour((u8)(i & 7) | (i & 8 ? 0x10 : 0));
        for (i = 0; i < 16; i++)
            dac(greys[i], greys[i], greys[i]);
        for (i = 0; i < 9; i++)
            wheel_colours((u8)i);
        for (i = 248; i < 256; i++)
            dac(0, 0, 0);
    } else {
        for (i = 0; i < 64; i++) {
            if (mode == 7 || mode == 0x0F) {
                u8 v = (i & 0x18) == 8 ? 42 : (i & 0x18) == 0x18 ? 63 : 0;
                dac(v, v, v);
            } else if (mode >= 4 && mode <= 0x0E) {
                cga_colour((u8)i);
            } else {
                dac((i & 4 ? 42 : 0) + (i & 32 ? 21 : 0), (i & 2 ? 42 : 0) + (i & 16 ? 21 : 0),
                    (i & 1 ? 42 : 0) + (i & 8 ? 21 : 0));
            }
        }
        for (; i < 256; i++)
            dac(0, 0, 0);
    }
    if (bda8(FLAGS) & 2)
        grey_sum(0, 256);
}

/* ---- setting a mode ---- */
static void program(ROM struct mode *m)
{
    u32 k;
    u16 crtc = m->misc & 1 ? 0x3D4 : 0x3B4;
    in8(0x3DA);
    in8(0x3BA);
    out8(0x3C0, 0);                     /* palette open to us, screen off */
    out_index(0x3C4, 0, 1);
    for (k = 0; k < 4; k++)
        out_index(0x3C4, (u8)(k + 1), m->seq[k]);
    out8(0x3C2, m->misc);
    out_index(0x3C4, 0, 3);
    out_index(crtc, 0x11, 0);
    for (k = 0; k < 25; k++)
        out_index(crtc, (u8)k, m->crtc[k]);
    for (k = 0; k < 9; k++)
        out_index(0x3CE, (u8)k, m->gr[k]);
    if (!(bda8(FLAGS) & 8))
        for (k = 0; k < 20; k++)
            attr_write((u8)k, m->attr[k]);
    attr_write(0x14, 0);
    in8(crtc + 6);
    out8(0x3C0, 0x20);
}

/* Text modes of 200 and 350 lines, as INT 10h AH=12h BL=30h asked for. */
static u8 scan_lines(u8 mode)
{
    u8 flags = bda8(FLAGS);
    u16 crtc = bda16(CRTC);
    if (kind_of(mode) != TEXT || mode == 7 || flags & 0x10)
        return 16;
    if (flags & 0x80) {
        out_index(crtc, 9, 0xC7);
        out_index(crtc, 0x0A, 6);
        out_index(crtc, 0x0B, 7);
        out_index(crtc, 0x14, 0x0F);
        return 8;
    }
    out8(0x3C2, 0xA3);
    out_index(crtc, 0x11, in_index(crtc, 0x11) & 0x7F);
    out_index(crtc, 9, 0x4D);
    out_index(crtc, 0x0A, 0x0B);
    out_index(crtc, 0x0B, 0x0C);
    out_index(crtc, 0x10, 0x83);
    out_index(crtc, 0x12, 0x5D);
    out_index(crtc, 0x15, 0x63);
    out_index(crtc, 0x16, 0xBA);
    out_index(crtc, 0x11, 0x85);
    return 14;
}

void set_mode(u8 request)
{
    u8 mode = request & 0x7F, height;
    ROM struct mode *m = find_mode(mode);
    u32 k;
    if (!m)
        return;
    vbe_off();
    put8(BDA, MODE, mode);
    put16(BDA, CRTC, m->misc & 1 ? 0x3D4 : 0x3B4);
    program(m);
    if (!(bda8(FLAGS) & 8))
        load_dac(mode);
    height = kind_of(mode) == TEXT ? scan_lines(mode) : m->height;
    if (!(request & 0x80)) {
        if (kind_of(mode) == TEXT)
            fill16(segment_of(mode), 0, 0x0720, 0x4000);
        else
            fill16(segment_of(mode), 0, 0, segment_of(mode) == 0xA000 ? 0x8000 : 0x4000);
        if (segment_of(mode) == 0xA000)
            fill16(0xA000, 0xFFFE, 0, 1);
    }
    put16(BDA, COLS, m->cols);
    put16(BDA, PAGE_SIZE, m->page_size);
    put16(BDA, PAGE_START, 0);
    for (k = 0; k < 8; k++)
        put16(BDA, (u16)(CURSOR + 2 * k), 0);
    put8(BDA, PAGE, 0);
    put8(BDA, ROWS, m->rows);
    put16(BDA, HEIGHT, height);
    put8(BDA, CONTROL, 0x60 | (request & 0x80));
    put8(BDA, SWITCHES, 0xF9);
    put8(BDA, MSR, mode < 8 ? mode_control[mode] : 0x29);
    put8(BDA, CGA_PALETTE, mode == 6 ? 0x3F : 0x30);
    if (kind_of(mode) == TEXT) {
        u16 off = height == 16 ? (u16)(u32)font16 : height == 14 ? (u16)(u32)font14 : (u16)(u32)font8;
        load_font(rom_segment(), off, 256, 0, 0, height);
        set_cursor_shape(6, 7);
    } else {
        put16(BDA, SHAPE, 0);
    }
    put16(0, 0x10C, m->height == 8 ? (u16)(u32)font8 : m->height == 14 ? (u16)(u32)font14 : (u16)(u32)font16);
    put16(0, 0x10E, rom_segment());
    set_page(0);
}

/* ---- pages and cursor ---- */
void put_cursor(u8 page, u8 row, u8 col)
{
    u16 crtc = bda16(CRTC), at;
    if (page > 7)
        return;
    put16(BDA, CURSOR + 2 * page, col | row << 8);
    if (page != bda8(PAGE) || kind_of(bda8(MODE)) != TEXT)
        return;
    at = bda16(PAGE_START) / 2 + row * bda16(COLS) + col;
    out_index(crtc, 0x0E, (u8)(at >> 8));
    out_index(crtc, 0x0F, (u8)at);
}

void set_page(u8 page)
{
    u8 mode = bda8(MODE);
    u16 crtc = bda16(CRTC), start, at;
    if (page > 7 || kind_of(mode) == LINEAR)
        return;
    start = bda16(PAGE_SIZE) * page;
    if (kind_of(mode) == PACKED || kind_of(mode) == CGA4 || kind_of(mode) == CGA2)
        start = 0, page = 0;
    put8(BDA, PAGE, page);
    put16(BDA, PAGE_START, start);
    at = kind_of(mode) == TEXT ? start / 2 : start;
    out_index(crtc, 0x0C, (u8)(at >> 8));
    out_index(crtc, 0x0D, (u8)at);
    at = bda16(CURSOR + 2 * page);
    put_cursor(page, (u8)(at >> 8), (u8)at);
}

/* Shapes are given for characters 8 lines high and scaled, unless that was switched off (AH=12h BL=34h). */
void set_cursor_shape(u8 start, u8 end)
{
    u16 crtc = bda16(CRTC), height = bda16(HEIGHT);
    u8 first = start & 0x1F, last = end & 0x1F;
    put16(BDA, SHAPE, end | start << 8);
    if (!(bda8(CONTROL) & 1) && height > 8 && last < 8 && first < 0x20) {
        if (last != first + 1)
            first = (u8)((first + 1) * height / 8 - 1);
        else
            first = (u8)((last + 1) * height / 8 - 2);
        last = (u8)((last + 1) * height / 8 - 1);
        if (height >= 14 && last == height - 1) {
            if (first)
                first--;
            last--;
        }
    }
    out_index(crtc, 0x0A, (start & 0x20) | (first & 0x1F));
    out_index(crtc, 0x0B, last);
}
