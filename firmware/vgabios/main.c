/* INT 10h by function, and what the option ROM does at start. */
#include "vga.h"

extern void int10(void);

u16 rom_segment(void)
{
    u16 v;
    __asm__("movw %%cs, %0" : "=r"(v));
    return v;
}

static void cga_palette(struct regs *r)
{
    u8 v = bda8(CGA_PALETTE), k;
    if (r->bh == 0) {                   /* border; background in graphics */
        u8 colour = r->bl & 0x0F;
        if (colour & 8)
            colour |= 0x10;
        colour &= 0x17;
        attr_write(0x11, colour);
        if (kind_of(bda8(MODE)) != TEXT)
            attr_write(0, colour);
        v = (v & 0xE0) | (r->bl & 0x1F);
        for (k = 1; k < 4 && kind_of(bda8(MODE)) == CGA4; k++)
            attr_write(k, (attr_read(k) & 0x0F) | (r->bl & 0x10));
    } else if (r->bh == 1) {
        v = r->bl & 1 ? v | 0x20 : v & ~0x20;
        for (k = 1; k < 4 && kind_of(bda8(MODE)) == CGA4; k++)
            attr_write(k, (u8)(2 * k | (r->bl & 1) | (v & 0x10)));
    }
    put8(BDA, CGA_PALETTE, v);
}

void int10_c(struct regs *r)
{
    u8 page = r->bh & 7;
    u16 at;
    switch (r->ah) {
    case 0x00: {
        u8 mode = r->al & 0x7F;
        set_mode(r->al);
        r->al = mode == 6 ? 0x3F : mode > 7 ? 0x20 : 0x30;
        break;
    }
    case 0x01:
        set_cursor_shape(r->ch, r->cl);
        break;
    case 0x02:
        put_cursor(page, r->dh, r->dl);
        break;
    case 0x03:
        r->cx = bda16(SHAPE);
        r->dx = bda16(CURSOR + 2 * page);
        break;
    case 0x04:
        r->ah = 0;                      /* no light pen */
        break;
    case 0x05:
        set_page(r->al);
        break;
    case 0x06:
        scroll(r, 0);
        break;
    case 0x07:
        scroll(r, 1);
        break;
    case 0x08:
        read_char(r);
        break;
    case 0x09:
        write_char(kind_of(bda8(MODE)) == PACKED ? r->bh : page, r->al, r->bl, r->cx, 1);
        break;
    case 0x0A:
        write_char(kind_of(bda8(MODE)) == PACKED ? r->bh : page, r->al, r->bl, r->cx, 0);
        break;
    case 0x0B:
        cga_palette(r);
        break;
    case 0x0C:
        write_pixel(r->al, r->cx, r->dx, page);
        break;
    case 0x0D:
        r->al = read_pixel(r->cx, r->dx, page);
        break;
    case 0x0E:
        teletype(bda8(PAGE), r->al, r->bl);
        break;
    case 0x0F:
        at = bda8(MODE) | (bda8(CONTROL) & 0x80);
        r->ax = (u16)(at | bda16(COLS) << 8);
        r->bh = bda8(PAGE);
        break;
    case 0x10:
        palette(r);
        break;
    case 0x11:
        fonts(r);
        break;
    case 0x12:
        alternate(r);
        break;
    case 0x13:
        write_string(r);
        break;
    case 0x1A:
        combination(r);
        break;
    case 0x1B:
        state_table(r);
        break;
    case 0x1C:
        save_restore(r);
        break;
    case 0x4F:
        vbe(r);
        break;
    }
}

/* video save pointer table: parameter table, then nothing */
static ROM u16 save_pointers[14] = {0};

void vga_init(struct regs *r)
{
    (void)r;
    vbe_init();
    out8(0x3C3, 1);                     /* the card answers */
    out8(0x3C2, 0xC3);
    put16(0, 0x40, (u16)(u32)int10);
    put16(0, 0x42, rom_segment());
    put16(0, 0x108, (u16)(u32)int10);   /* INT 42h, what a VGA leaves of the planar INT 10h */
    put16(0, 0x10A, rom_segment());
    put16(0, 0x1B4, (u16)(u32)int10);   /* INT 6Dh */
    put16(0, 0x1B6, rom_segment());
    put16(0, 0x7C, (u16)(u32)font8 + 1024);
    put16(0, 0x7E, rom_segment());
    put8(BDA, 0x10, (bda8(0x10) & 0xCF) | 0x20);        /* equipment: 80x25 colour */
    put8(BDA, CONTROL, 0x60);
    put8(BDA, SWITCHES, 0xF9);
    put8(BDA, FLAGS, 0x11);
    put8(BDA, DCC, 0x08);
    put16(BDA, SAVE, (u16)(u32)save_pointers);
    put16(BDA, SAVE + 2, rom_segment());
    set_mode(3);
}
