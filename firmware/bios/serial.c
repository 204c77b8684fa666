/* INT 14h, serial ports: 8250 and later (Ralf Brown's Interrupt List). */
#include "runtime.h"

enum { IER = 1, LCR = 3, MCR = 4, LSR = 5, MSR = 6 };

/* LSR bits within the port's timeout (seconds, as the AT counts it). */
static int wait_for(u16 base, u8 port, u8 reg, u8 bits)
{
    u32 start = ticks(), limit = (u32)BDA->com_timeout[port] * 18 + 1;
    while ((inb(base + reg) & bits) != bits) {
        if (ticks() - start >= limit)
            return 0;
        irq_window();
    }
    return 1;
}

static void status(struct regs *r, u16 base)
{
    r->ah = inb(base + LSR);
    r->al = inb(base + MSR);
}

void int14(struct regs *r)
{
    static const u16 divisors[] = { 1047, 768, 384, 192, 96, 48, 24, 12, 6, 3, 2, 1 };
    u16 base = r->dx < 4 ? BDA->com[r->dx] : 0;
    u8 port = r->dx;
    if (!base) {
        r->ah = 0x80;
        return;
    }
    u16 divisor;
    u8 line;
    switch (r->ah) {
    case 0x00:
        divisor = divisors[r->al >> 5];
        line = r->al & 0x1F;
        goto set;
    case 0x04:
        divisor = divisors[r->cl < COUNT(divisors) ? r->cl : 7];
        line = (r->ch & 3) | (r->bl ? 4 : 0) | (r->bh & 7) << 3 | (r->al ? 0x40 : 0);
    set:
        outb(base + LCR, 0x80 | line);
        outb(base, divisor);
        outb(base + 1, divisor >> 8);
        outb(base + LCR, line);
        outb(base + IER, 0);
        status(r, base);
        break;
    case 0x01:
        outb(base + MCR, inb(base + MCR) | 0x03);
        if (wait_for(base, port, LSR, 0x20)) {
            outb(base, r->al);
            r->ah = inb(base + LSR);
        } else {
            r->ah = inb(base + LSR) | 0x80;
        }
        break;
    case 0x02:
        outb(base + MCR, (inb(base + MCR) & ~2) | 0x01);
        if (wait_for(base, port, LSR, 0x01)) {
            r->ah = inb(base + LSR) & 0x1E;
            r->al = inb(base);
        } else {
            r->ah = inb(base + LSR) | 0x80;
        }
        break;
    case 0x03:
        status(r, base);
        break;
    case 0x05:
        if (r->al == 1)
            outb(base + MCR, r->bl & 0x1F);
        r->bl = inb(base + MCR);
        status(r, base);
        break;
    default:
        r->ah = 0x86;
        set_cf(r, 1);
        return;
    }
    set_cf(r, 0);
}
