/* INT 10h AH=12h, 1Ah, 1Bh, 1Ch: switches, display combination, state information, saving and restoring. */
#include "vga.h"

void alternate(struct regs *r)
{
    u8 flags = bda8(FLAGS), v;
    if (r->bl == 0x10) {
        r->bh = bda8(MODE) == 7 || bda8(MODE) == 0x0F;
        r->bl = 3;                      /* 256 KiB */
        r->cx = 0x0009;
    } else if (r->bl == 0x20) {
        r->al = 0x12;                   /* the print screen of the BIOS knows our rows already */
    } else if (r->bl == 0x30) {
        if (r->al > 2)
            return;
        v = r->al == 0 ? 0x80 : r->al == 1 ? 0 : 0x10;
        put8(BDA, FLAGS, (flags & ~0x90) | v);
        put8(BDA, SWITCHES, (bda8(SWITCHES) & 0xF0) | (r->al == 0 ? 8 : 9));
        r->al = 0x12;
    } else if (r->bl == 0x31) {
        put8(BDA, FLAGS, r->al ? flags | 8 : flags & ~8);
        r->al = 0x12;
    } else if (r->bl == 0x32) {
        out8(0x3C2, r->al ? in8(0x3CC) & ~2 : in8(0x3CC) | 2);
        r->al = 0x12;
    } else if (r->bl == 0x33) {
        put8(BDA, FLAGS, r->al ? flags & ~2 : flags | 2);
        r->al = 0x12;
    } else if (r->bl == 0x34) {
        put8(BDA, CONTROL, r->al ? bda8(CONTROL) | 1 : bda8(CONTROL) & ~1);
        r->al = 0x12;
    } else if (r->bl == 0x36) {
        out8(0x3C4, 1);
        v = in8(0x3C5) & ~0x20;
        out_index(0x3C4, 1, r->al ? v | 0x20 : v);
        r->al = 0x12;
    }
}

void combination(struct regs *r)
{
    if (r->al == 0) {
        r->bx = bda8(DCC);
        r->al = 0x1A;
    } else if (r->al == 1) {
        put8(BDA, DCC, r->bl);
        r->al = 0x1A;
    }
}

/* what modes there are (00h-07h, 0Dh-13h), scan lines (all), blocks, and so on */
static ROM u8 functions[16] = {0xFF, 0xE0, 0x0F, 0, 0, 0, 0, 0x07, 2, 8, 0xFF, 0x0E, 0, 0, 0x3F, 0};

void state_table(struct regs *r)
{
    u16 at = r->di, k;
    u8 mode = bda8(MODE), lines;
    if (r->bx)
        return;
    put16(r->es, at, (u16)(u32)functions);
    put16(r->es, at + 2, rom_segment());
    for (k = 0; k < 30; k++)
        put8(r->es, at + 4 + k, bda8(MODE + k));
    put8(r->es, at + 0x22, (u8)(bda8(ROWS) + 1));
    put16(r->es, at + 0x23, bda16(HEIGHT));
    put8(r->es, at + 0x25, bda8(DCC));
    put8(r->es, at + 0x26, 0);
    put16(r->es, at + 0x27, mode == 0x13 ? 256 : mode == 6 || mode == 0x11 ? 2 : mode == 4 || mode == 5 ? 4 : mode == 7 ? 0 : 16);
    put8(r->es, at + 0x29, mode == 0x13 || mode == 0x11 || mode == 0x12 ? 1 : bda16(PAGE_SIZE) >= 0x8000 ? 2 : 8);
    lines = kind_of(mode) == TEXT ? (bda8(FLAGS) & 0x80 ? 0 : bda8(FLAGS) & 0x10 ? 2 : 1)
            : mode == 0x0F || mode == 0x10 ? 1 : mode == 0x11 || mode == 0x12 ? 3 : 0;
    put8(r->es, at + 0x2A, lines);
    put8(r->es, at + 0x2B, 0);
    put8(r->es, at + 0x2C, 0);
    put8(r->es, at + 0x2D, (bda8(FLAGS) & 0x0A) | 0x11);
    for (k = 0x2E; k < 0x40; k++)
        put8(r->es, at + k, 0);
    put8(r->es, at + 0x31, 3);
    r->al = 0x1B;
}

enum { HARDWARE = 1, DATA = 2, DAC = 4, HARDWARE_BYTES = 0x46, DATA_BYTES = 0x3A, DAC_BYTES = 0x304 };

u16 save_size(u16 what)
{
    u16 n = (what & HARDWARE ? HARDWARE_BYTES : 0) + (what & DATA ? DATA_BYTES : 0) + (what & DAC ? DAC_BYTES : 0);
    return (u16)((n + 63) / 64);
}

void save_state(u16 what, u16 seg, u16 at)
{
    u16 k, crtc = bda16(CRTC);
    if (what & HARDWARE) {
        u8 seq_index = in8(0x3C4), crtc_index = in8(crtc), gr_index = in8(0x3CE);
        put8(seg, at, seq_index);
        put8(seg, at + 1, crtc_index);
        put8(seg, at + 2, gr_index);
        put8(seg, at + 3, in8(0x3CC));
        put8(seg, at + 4, in8(0x3CA));
        at += 5;
        for (k = 0; k < 4; k++)
            put8(seg, at++, in_index(0x3C4, (u8)(k + 1)));
        for (k = 0; k < 25; k++)
            put8(seg, at++, in_index(crtc, (u8)k));
        for (k = 0; k < 21; k++)
            put8(seg, at++, attr_read((u8)k));
        for (k = 0; k < 9; k++)
            put8(seg, at++, in_index(0x3CE, (u8)k));
        at += HARDWARE_BYTES - 5 - 4 - 25 - 21 - 9;
        out8(0x3C4, seq_index);
        out8(crtc, crtc_index);
        out8(0x3CE, gr_index);
    }
    if (what & DATA) {
        for (k = 0; k < 30; k++)
            put8(seg, at++, bda8(MODE + k));
        for (k = 0; k < 7; k++)
            put8(seg, at++, bda8(ROWS + k));
        for (k = 0; k < 4; k++)
            put8(seg, at++, bda8(SAVE + k));
        put16(seg, at, get16(0, 0x7C));
        put16(seg, at + 2, get16(0, 0x7E));
        put16(seg, at + 4, get16(0, 0x10C));
        put16(seg, at + 6, get16(0, 0x10E));
        at += DATA_BYTES - 41;
    }
    if (what & DAC) {
        put8(seg, at++, in8(0x3C7));
        put8(seg, at++, in8(0x3C8));
        put8(seg, at++, in8(0x3C6));
        put8(seg, at++, attr_read(0x14));
        out8(0x3C7, 0);
        for (k = 0; k < 768; k++)
            put8(seg, at++, in8(0x3C9));
    }
}

void restore_state(u16 what, u16 seg, u16 at)
{
    u16 k, crtc;
    if (what & HARDWARE) {
        u16 indices = at;
        crtc = get8(seg, at + 3) & 1 ? 0x3D4 : 0x3B4;
        out_index(0x3C4, 0, 1);
        out8(0x3C2, get8(seg, at + 3));
        at += 5;
        for (k = 0; k < 4; k++)
            out_index(0x3C4, (u8)(k + 1), get8(seg, at++));
        out_index(0x3C4, 0, 3);
        out_index(crtc, 0x11, 0);
        for (k = 0; k < 25; k++)
            out_index(crtc, (u8)k, get8(seg, at++));
        for (k = 0; k < 21; k++)
            attr_write((u8)k, get8(seg, at++));
        for (k = 0; k < 9; k++)
            out_index(0x3CE, (u8)k, get8(seg, at++));
        at += HARDWARE_BYTES - 5 - 4 - 25 - 21 - 9;
        out8(0x3C4, get8(seg, indices));
        out8(crtc, get8(seg, indices + 1));
        out8(0x3CE, get8(seg, indices + 2));
    }
    if (what & DATA) {
        for (k = 0; k < 30; k++)
            put8(BDA, MODE + k, get8(seg, at++));
        for (k = 0; k < 7; k++)
            put8(BDA, ROWS + k, get8(seg, at++));
        for (k = 0; k < 4; k++)
            put8(BDA, SAVE + k, get8(seg, at++));
        put16(0, 0x7C, get16(seg, at));
        put16(0, 0x7E, get16(seg, at + 2));
        put16(0, 0x10C, get16(seg, at + 4));
        put16(0, 0x10E, get16(seg, at + 6));
        at += DATA_BYTES - 41;
    }
    if (what & DAC) {
        u16 head = at;
        at += 4;
        out8(0x3C8, 0);
        for (k = 0; k < 768; k++)
            out8(0x3C9, get8(seg, at++));
        out8(0x3C6, get8(seg, head + 2));
        attr_write(0x14, get8(seg, head + 3));
        out8(0x3C8, get8(seg, head + 1));
    }
}

void save_restore(struct regs *r)
{
    if (r->al == 0)
        r->bx = save_size(r->cx);
    else if (r->al == 1)
        save_state(r->cx, r->es, r->bx);
    else if (r->al == 2)
        restore_state(r->cx, r->es, r->bx);
    else
        return;
    r->al = 0x1C;
}
