/* INT 15h AH=53h: Advanced Power Management 1.2, as far as a PC without batteries has it: idle, power off, no events. */
#include "system.h"

enum { DISABLED = 0x01, CONNECTED = 0x02, NOT_CONNECTED = 0x03, BAD_DEVICE = 0x09, BAD_VALUE = 0x0A, NO_EVENTS = 0x80,
       UNSUPPORTED = 0x86 };

static void power_off(void)
{
    if (!shared.pm_base)
        return;
    u16 port = shared.pm_base + 4;                      /* PM1_CNT: SUS_TYP 0 is soft off */
    outw(port, (inw(port) & ~0x1C00) | 0x2000);
}

void int15_apm(struct regs *r)
{
    u8 error = 0;
    static u8 mode;
    switch (r->al) {
    case 0x00:
        r->ah = 1;
        r->al = 2;
        r->bx = 0x504D;
        r->cx = 0x0003;                                 /* 16- and 32-bit protected mode entries */
        break;
    case 0x01:
        error = mode ? CONNECTED : 0;
        mode = mode ? mode : 1;
        break;
    case 0x02:
    case 0x03:
        if (mode) {
            error = CONNECTED;
            break;
        }
        mode = r->al;
        r->esi = r->edi = 0xFFFF;
        if (mode == 2) {
            r->ax = FIXED_SEG;
            r->bx = shared.apm_entry16;
            r->cx = FIXED_SEG;
            r->si = r->di = 0xFFFF;
        } else {
            r->ax = r->cx = r->dx = FIXED_SEG;
            r->ebx = shared.apm_entry32;
            r->esi = 0xFFFFFFFF;
            r->di = 0xFFFF;
        }
        break;
    case 0x04: mode = 0; break;
    case 0x05: irq_wait(); break;
    case 0x06: break;
    case 0x07:
        if (r->bx != 1)
            error = BAD_DEVICE;
        else if (r->cx == 3)
            power_off();
        else if (r->cx > 3)
            error = BAD_VALUE;
        break;
    case 0x08: case 0x09: case 0x0D: case 0x0F: break;
    case 0x0A:
        r->bx = 0x01FF;                                 /* on line, no battery */
        r->cx = 0x80FF;
        r->dx = 0xFFFF;
        r->si = 0;
        break;
    case 0x0B: error = NO_EVENTS; break;
    case 0x0C: r->cx = 0; break;
    case 0x0E:
        r->ax = r->cx < 0x0102 ? r->cx : 0x0102;
        set_cf(r, 0);
        return;
    case 0x10:
        r->bl = 0;
        r->cx = 0;
        break;
    default: error = UNSUPPORTED;
    }
    if (error)
        r->ah = error;
    set_cf(r, error);
}
