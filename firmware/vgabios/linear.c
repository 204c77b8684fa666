/* Characters and pixels in the VESA modes, through the 64 KiB window at A000h. Its bank is left anywhere: graphics.c puts
   back what the program had chosen. */
#include "vga.h"

enum { CHUNK = 64, COLOURS = 16 };

static ROM u32 rgb[COLOURS] = {
    0x000000, 0x0000AA, 0x00AA00, 0x00AAAA, 0xAA0000, 0xAA00AA, 0xAA5500, 0xAAAAAA,
    0x555555, 0x5555FF, 0x55FF55, 0x55FFFF, 0xFF5555, 0xFF55FF, 0xFFFF55, 0xFFFFFF};

static u16 stack_segment(void)
{
    u16 v;
    __asm__("movw %%ss, %0" : "=r"(v));
    return v;
}

static void bank(u32 at) { vbe_set_bank((u16)(at >> 16)); }

/* Bytes a pixel; 0 with four planes. */
static u32 pixel_bytes(void) { u16 bpp = vbe_bpp(); return bpp == 4 ? 0 : (bpp + 7) / 8; }

static u32 place(u32 x, u32 y)
{
    u32 bytes = pixel_bytes();
    return bytes ? (y * vbe_width() + x) * bytes : (y * vbe_width() + x) / 8;
}

/* A colour number as the mode's memory has it. */
static u32 colour_value(u8 colour)
{
    u16 bpp = vbe_bpp();
    u32 c;
    if (bpp <= 8)
        return colour;
    c = rgb[colour % COLOURS];
    if (bpp == 15)
        return (c >> 9 & 0x7C00) | (c >> 6 & 0x3E0) | (c >> 3 & 0x1F);
    return bpp == 16 ? (c >> 8 & 0xF800) | (c >> 5 & 0x7E0) | (c >> 3 & 0x1F) : c;
}

/* Bytes of the stack to the window. */
static void put_bytes(u32 at, u8 *from, u32 n)
{
    u32 first = 0x10000 - (at & 0xFFFF);
    if (first > n)
        first = n;
    bank(at);
    copy8(0xA000, (u16)at, stack_segment(), (u16)(u32)from, (u16)first, 0);
    if (first < n) {
        bank(at + first);
        copy8(0xA000, 0, stack_segment(), (u16)(u32)(from + first), (u16)(n - first), 0);
    }
}

static u8 *append(u8 *to, u32 value, u32 bytes)
{
    for (; bytes--; value >>= 8)
        *to++ = (u8)value;
    return to;
}

/* Eight or fewer pixels of one byte in four planes. */
static void planes(u32 at, u8 mask, u8 colour, int xor)
{
    bank(at);
    out_index(0x3CE, 5, 2);
    out_index(0x3CE, 3, xor ? 0x18 : 0);
    out_index(0x3CE, 8, mask);
    get8(0xA000, (u16)at);
    put8(0xA000, (u16)at, colour & 0x0F);
    out_index(0x3CE, 8, 0xFF);
    out_index(0x3CE, 3, 0);
    out_index(0x3CE, 5, 0);
}

static int outside(u32 x, u32 y) { return x >= vbe_width() || y >= 0x4000; }

void linear_write_pixel(u8 colour, u16 x, u16 y)
{
    u32 bytes = pixel_bytes();
    u8 value[4];
    if (outside(x, y))
        return;
    if (bytes) {
        append(value, colour_value(colour), bytes);
        put_bytes(place(x, y), value, bytes);
    } else {
        planes(place(x, y), (u8)(0x80 >> (x & 7)), colour, colour & 0x80);
    }
}

/* The colour number; of modes without a palette a value that is 0 for black only. */
u8 linear_read_pixel(u16 x, u16 y)
{
    u32 bytes = pixel_bytes(), at = place(x, y), k;
    u8 v = 0;
    if (outside(x, y))
        return 0;
    bank(at);
    if (bytes == 0) {
        for (k = 0; k < 4; k++) {
            out_index(0x3CE, 4, (u8)k);
            v |= (get8(0xA000, (u16)at) >> (7 - (x & 7)) & 1) << k;
        }
        out_index(0x3CE, 4, 0);
    } else if (bytes == 1) {
        v = get8(0xA000, (u16)at);
    } else {
        for (k = 0; k < bytes; k++, at++) {
            bank(at);
            v |= get8(0xA000, (u16)at);
        }
    }
    return v;
}

void linear_glyph_row(u8 bits, u16 x, u16 y, u8 colour)
{
    u32 bytes = pixel_bytes(), at = place(x, y), ink, k;
    u8 row[8 * 4], *end = row;
    if (outside(x, y))
        return;
    if (bytes == 0) {
        planes(at, bits, colour, colour & 0x80);
        if (!(colour & 0x80))
            planes(at, (u8)~bits, 0, 0);
    } else {
        ink = colour_value(colour);
        for (k = 0; k < 8; k++)
            end = append(end, bits & 0x80 >> k ? ink : 0, bytes);
        put_bytes(at, row, 8 * bytes);
    }
}

/* `pixels` of a line to another line; in planar modes both a whole number of bytes. */
void linear_copy(u16 x, u16 to_y, u16 from_y, u16 pixels)
{
    u32 bytes = pixel_bytes(), to = place(x, to_y), from = place(x, from_y), left = bytes ? pixels * bytes : pixels / 8, n;
    u8 buffer[CHUNK];
    if (!bytes)
        out_index(0x3CE, 5, 1);
    for (; left; left -= n, to += n, from += n) {
        n = left;
        if (n > 0x10000 - (to & 0xFFFF))
            n = 0x10000 - (to & 0xFFFF);
        if (n > 0x10000 - (from & 0xFFFF))
            n = 0x10000 - (from & 0xFFFF);
        if (to >> 16 == from >> 16) {
            bank(to);
            copy8(0xA000, (u16)to, 0xA000, (u16)from, (u16)n, 0);
        } else if (!bytes) {
            n = 1;
            bank(from);
            get8(0xA000, (u16)from);
            bank(to);
            put8(0xA000, (u16)to, 0);
        } else {
            u16 ss = stack_segment(), at = (u16)(u32)buffer;
            if (n > CHUNK)
                n = CHUNK;
            bank(from);
            copy8(ss, at, 0xA000, (u16)from, (u16)n, 0);
            bank(to);
            copy8(0xA000, (u16)to, ss, at, (u16)n, 0);
        }
    }
    if (!bytes)
        out_index(0x3CE, 5, 0);
}

void linear_fill(u16 x, u16 y, u16 pixels, u8 colour)
{
    u32 bytes = pixel_bytes(), at = place(x, y), left = bytes ? pixels * bytes : pixels / 8, value = colour_value(colour), n;
    if (bytes > 1 && value) {
        u8 pixel[4];
        append(pixel, value, bytes);
        for (; left; left -= bytes, at += bytes)
            put_bytes(at, pixel, bytes);
    } else {
        if (!bytes)
            out_index(0x3CE, 5, 2);
        for (; left; left -= n, at += n) {
            n = left;
            if (n > 0x10000 - (at & 0xFFFF))
                n = 0x10000 - (at & 0xFFFF);
            bank(at);
            fill8(0xA000, (u16)at, (u8)value, (u16)n);
        }
        if (!bytes)
            out_index(0x3CE, 5, 0);
    }
}
