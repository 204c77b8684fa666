/* INT 17h, parallel printers; INT 05h, print the text screen on the first one (Ralf Brown's Interrupt List). */
#include "runtime.h"

enum { BUSY_NOT = 0x80, ERRORS = 0x48, STROBE = 0x01, INIT_NOT = 0x04, SELECT = 0x08 };

static u8 printer_status(u16 base)
{
    return (inb(base + 1) & 0xF8) ^ ERRORS;
}

void int17(struct regs *r)
{
    u16 base = r->dx < 3 ? BDA->lpt[r->dx] : 0;
    if (!base) {
        r->ah = 0x29;
        return;
    }
    u32 start = ticks(), limit = (u32)BDA->lpt_timeout[r->dx] * 18 + 1;
    u8 late = 0;
    switch (r->ah) {
    case 0x00:
        outb(base, r->al);
        while (!(inb(base + 1) & BUSY_NOT)) {
            if (ticks() - start >= limit) {
                late = 1;
                break;
            }
            irq_window();
        }
        if (!late) {
            outb(base + 2, SELECT | INIT_NOT | STROBE);
            delay_us(1);
            outb(base + 2, SELECT | INIT_NOT);
        }
        break;
    case 0x01:
        outb(base + 2, SELECT);
        delay_us(50);
        outb(base + 2, SELECT | INIT_NOT);
        break;
    case 0x02:
        break;
    default:
        r->ah = 0x86;
        set_cf(r, 1);
        return;
    }
    r->ah = printer_status(base) | late;
    set_cf(r, 0);
}

/* 50:0 is 1 while it runs, FFh when the printer failed. */
static int put(u8 c)
{
    struct regs r;
    memset(&r, 0, sizeof r);
    r.al = c;
    intcall(0x17, &r);
    return !(r.ah & 0x29);
}

static u16 video(u16 ax, u16 bx, u16 dx, u16 *cx, u16 *dx_out)
{
    struct regs r;
    memset(&r, 0, sizeof r);
    r.ax = ax;
    r.bx = bx;
    r.dx = dx;
    intcall(0x10, &r);
    if (cx)
        *cx = r.cx;
    if (dx_out)
        *dx_out = r.dx;
    return ax >> 8 == 0x0F ? r.bx >> 8 | (r.ax & 0xFF00) : r.ax;
}

void int05(struct regs *regs)
{
    (void)regs;
    if (far_get8(0x50, 0) == 1)
        return;
    far_put8(0x50, 0, 1);
    u16 mode = video(0x0F00, 0, 0, NULL, NULL), cursor;
    u8 page = mode, cols = mode >> 8, rows = BDA->video_rows ? BDA->video_rows + 1 : 25, ok = put('\r') && put('\n');
    video(0x0300, page << 8, 0, NULL, &cursor);
    for (u8 y = 0; y < rows && ok; y++) {
        for (u8 x = 0; x < cols && ok; x++) {
            video(0x0200, page << 8, y << 8 | x, NULL, NULL);
            u8 c = video(0x0800, page << 8, 0, NULL, NULL);
            ok = put(c ? c : ' ');
        }
        ok = ok && put('\r') && put('\n');
    }
    video(0x0200, page << 8, cursor, NULL, NULL);
    far_put8(0x50, 0, ok ? 0 : 0xFF);
}
