/* INT 16h: keys to programs (IBM PS/2 BIOS; Ralf Brown's Interrupt List). */
#include "keyboard.h"

/* With carry clear in the answer the key is to be forgotten. Our own INT 15h has nothing to say. */
void keyboard_hook(struct regs *r)
{
    if (ivt_get(0x15) >> 16 != 0xF000)
        intcall(0x15, r);
}

/* The 84-key calls know no E0h, and not the keys that came with the 101-key keyboard. */
static int old_key(u16 *key)
{
    u8 al = *key, ah = *key >> 8;
    if (ah == 0xE0) {                       /* keypad Enter and / as their elders */
        *key = (al == '/' ? 0x3500 : 0x1C00) | al;
        return 1;
    }
    if (al == 0xF0 && ah)
        return 0;
    if (al == 0xE0 && ah)
        *key &= 0xFF00;
    return ah <= 0x84;
}

static int next(u16 *key, int extended)
{
    while (keyboard_peek(key)) {
        if (extended) {
            if ((u8)*key == 0xF0 && *key >> 8)
                *key &= 0xFF00;
            return 1;
        }
        if (old_key(key))
            return 1;
        keyboard_drop();
    }
    return 0;
}

static void read(struct regs *r, int extended)
{
    u16 key;
    keyboard_leds();
    if (next(&key, extended)) {
        keyboard_drop();
        r->ax = key;
        return;
    }
    r->after = AFTER_AGAIN;
}

static void peek(struct regs *r, int extended)
{
    u16 key;
    keyboard_leds();
    irq_window();                           /* a program that only polls with interrupts off still gets its keys */
    int any = next(&key, extended);
    if (any)
        r->ax = key;
    set_zf(r, !any);
}

static u8 typematic = 0x2B;                 /* 500 ms, 10.9 characters a second */

static void set_typematic(struct regs *r)
{
    switch (r->al) {
    case 0x00: typematic = 0x2B; break;
    case 0x05:
        if (r->bl > 0x1F || r->bh > 3)
            return;
        typematic = r->bh << 5 | r->bl;
        break;
    case 0x06:
        r->bl = typematic & 0x1F;
        r->bh = typematic >> 5;
        return;
    default: return;
    }
    if (keyboard_send(0xF3))
        keyboard_send(typematic);
}

void int16(struct regs *r)
{
    u8 k18 = BDA->kbd_flags1, k96 = BDA->kbd_mode;
    switch (r->ah) {
    case 0x00: read(r, 0); break;
    case 0x01: peek(r, 0); break;
    case 0x10: read(r, 1); break;
    case 0x11: peek(r, 1); break;
    case 0x02: r->al = BDA->kbd_flags0; break;
    case 0x12:
        r->al = BDA->kbd_flags0;
        r->ah = (k18 & 0x73) | (k18 & 0x04 ? 0x80 : 0) | (k96 & 0x0C);
        break;
    case 0x03: set_typematic(r); break;
    case 0x05: r->al = !keyboard_put(r->cx); break;
    case 0x09: r->al = 0x3D; break;         /* 10h-12h, 0Ah, 0306h, 0305h, 0300h */
    case 0x0A: r->bx = 0x41AB; break;       /* an enhanced keyboard, translated */
    }
}
