/* INT 10h AH=0Bh and AH=10h: attribute registers and the DAC. */
#include "vga.h"

static u16 status_port(void) { return (in8(0x3CC) & 1 ? 0x3DA : 0x3BA); }

void attr_write(u8 index, u8 value)
{
    in8(status_port());
    out8(0x3C0, index & 0x1F);
    out8(0x3C0, value);
    in8(status_port());
    out8(0x3C0, 0x20);
}

u8 attr_read(u8 index)
{
    u8 v;
    in8(status_port());
    out8(0x3C0, index & 0x1F);
    v = in8(0x3C1);
    in8(status_port());
    out8(0x3C0, 0x20);
    in8(status_port());
    return v;
}

static u32 dac_read(u8 i)
{
    u32 v;
    out8(0x3C7, i);
    v = in8(0x3C9);
    v |= (u32)in8(0x3C9) << 8;
    return v | (u32)in8(0x3C9) << 16;
}

static void dac_write(u8 i, u8 red, u8 green, u8 blue)
{
    out8(0x3C8, i);
    out8(0x3C9, red);
    out8(0x3C9, green);
    out8(0x3C9, blue);
}

void grey_sum(u16 first, u16 count)
{
    while (count--) {
        u32 v = dac_read((u8)first);
        u8 grey = (u8)(((v & 0xFF) * 77 + (v >> 8 & 0xFF) * 151 + (v >> 16 & 0xFF) * 28 + 0x80) >> 8);
        if (grey > 63)
            grey = 63;
        dac_write((u8)first++, grey, grey, grey);
    }
}

void palette(struct regs *r)
{
    u8 v;
    u16 k;
    if (r->al == 0x00) {
        if (r->bl <= 0x14)
            attr_write(r->bl, r->bh);
    } else if (r->al == 0x01) {
        attr_write(0x11, r->bh);
    } else if (r->al == 0x02) {
        for (k = 0; k < 16; k++)
            attr_write((u8)k, get8(r->es, r->dx + k));
        attr_write(0x11, get8(r->es, r->dx + 16));
    } else if (r->al == 0x03) {
        v = attr_read(0x10) & ~8;
        attr_write(0x10, r->bl & 1 ? v | 8 : v);
        put8(BDA, MSR, r->bl & 1 ? bda8(MSR) | 0x20 : bda8(MSR) & ~0x20);
    } else if (r->al == 0x07) {
        if (r->bl <= 0x14)
            r->bh = attr_read(r->bl);
    } else if (r->al == 0x08) {
        r->bh = attr_read(0x11);
    } else if (r->al == 0x09) {
        for (k = 0; k < 16; k++)
            put8(r->es, r->dx + k, attr_read((u8)k));
        put8(r->es, r->dx + 16, attr_read(0x11));
    } else if (r->al == 0x10) {
        dac_write(r->bl, r->dh, r->ch, r->cl);
    } else if (r->al == 0x12) {
        out8(0x3C8, r->bl);
        for (k = 0; k < r->cx * 3; k++)
            out8(0x3C9, get8(r->es, r->dx + k));
    } else if (r->al == 0x13) {
        v = attr_read(0x10);
        if (r->bl == 0) {
            attr_write(0x10, (v & 0x7F) | (u8)(r->bh << 7));
        } else if (r->bl == 1) {
            attr_write(0x14, v & 0x80 ? r->bh & 0x0F : (u8)(r->bh << 2) & 0x0C);
        }
    } else if (r->al == 0x15) {
        u32 c = dac_read(r->bl);
        r->dh = (u8)c;
        r->ch = (u8)(c >> 8);
        r->cl = (u8)(c >> 16);
    } else if (r->al == 0x17) {
        out8(0x3C7, r->bl);
        for (k = 0; k < r->cx * 3; k++)
            put8(r->es, r->dx + k, in8(0x3C9));
    } else if (r->al == 0x18) {
        out8(0x3C6, r->bl);
    } else if (r->al == 0x19) {
        r->bl = in8(0x3C6);
    } else if (r->al == 0x1A) {
        v = attr_read(0x10) >> 7;
        r->bl = v;
        r->bh = v ? attr_read(0x14) & 0x0F : attr_read(0x14) >> 2 & 3;
    } else if (r->al == 0x1B) {
        grey_sum(r->bx, r->cx);
    }
}
