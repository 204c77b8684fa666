/* INT 09h: keys of scan code set 1 into the buffer at 40:1E; the locks, and the keys that act at once.
 *
 * Spec: IBM PS/2 Technical Reference and PC/AT BIOS listing (keyboard); Ralf Brown's MEMORY.LST for 40:17, 40:18, 40:96, 40:97.
 */
#include "kbc.h"
#include "keyboard.h"
#include "keymap.h"

enum {                                                                                              /* 40:17 */
    R_SHIFT = 0x01, L_SHIFT = 0x02, CTRL = 0x04, ALT = 0x08, SCROLL = 0x10, NUM = 0x20, CAPS = 0x40, INSERT = 0x80,
};
enum {                                                                                              /* 40:18 */
    L_CTRL = 0x01, L_ALT = 0x02, SYSREQ = 0x04, PAUSE = 0x08, SCROLL_DOWN = 0x10, NUM_DOWN = 0x20, CAPS_DOWN = 0x40,
    INSERT_DOWN = 0x80,
};
enum { LAST_E1 = 0x01, LAST_E0 = 0x02, R_CTRL = 0x04, R_ALT = 0x08, ENHANCED = 0x10 };                 /* 40:96 */
enum { LEDS = 0x07, ACK = 0x10, RESEND = 0x20, UPDATING = 0x40, FAILED = 0x80 };                       /* 40:97 */
enum { K_CTRL = 0x1D, K_LSHIFT = 0x2A, K_RSHIFT = 0x36, K_ALT = 0x38, K_CAPS = 0x3A, K_NUM = 0x45, K_SCROLL = 0x46,
       K_INSERT = 0x52,
       K_DELETE = 0x53, K_PRINT = 0x37, K_SYSREQ = 0x54, K_TAB = 0x0F };

static u16 buffer_at(u16 off) { return *(volatile u16 __seg_fs *)(u32)off; }

static u16 after(u16 at)
{
    at += 2;
    return at >= BDA->kbd_buf_end ? BDA->kbd_buf_start : at;
}

int keyboard_put(u16 key)
{
    u16 tail = BDA->kbd_tail, next = after(tail);
    if (next == BDA->kbd_head)
        return 0;
    *(volatile u16 __seg_fs *)(u32)tail = key;
    BDA->kbd_tail = next;
    return 1;
}

int keyboard_peek(u16 *key)
{
    if (BDA->kbd_head == BDA->kbd_tail)
        return 0;
    *key = buffer_at(BDA->kbd_head);
    return 1;
}

void keyboard_drop(void) { BDA->kbd_head = after(BDA->kbd_head); }

/* ---- to the keyboard: its answer comes as an interrupt, so that keys in between keep their order ---------------------- */
int keyboard_send(u8 byte)
{
    struct { u32 last, left; } p = { pm_ticks(), 50 * 3580 };
    for (u32 tries = 0; tries < 3; tries++) {
        BDA->kbd_leds &= ~(ACK | RESEND);
        if (!kbc_write(byte))
            break;
        for (;;) {
            irq_window();
            if (BDA->kbd_leds & ACK)
                return 1;
            if (BDA->kbd_leds & RESEND)
                break;
            u32 now = pm_ticks(), d = (now - p.last) & 0xFFFFFF;
            p.last = now;
            if (d >= p.left)
                return 0;
            p.left -= d;
        }
    }
    return 0;
}

void keyboard_leds(void)
{
    u8 want = BDA->kbd_flags0 >> 4 & LEDS;
    if ((BDA->kbd_leds & LEDS) == want || BDA->kbd_leds & UPDATING)
        return;
    BDA->kbd_leds = (BDA->kbd_leds & ~(LEDS | FAILED)) | UPDATING | want;
    if (!keyboard_send(0xED) || !keyboard_send(want))
        BDA->kbd_leds |= FAILED;
    BDA->kbd_leds &= ~UPDATING;
}

/* A short tone: the buffer is full. */
static void beep(void)
{
    u8 was = inb(0x61);
    outb(0x43, 0xB6);
    outb(0x42, 0x33);
    outb(0x42, 0x05);
    outb(0x61, was | 3);
    wait_us(60000);
    outb(0x61, was & ~3);
}

/* ---- shift keys --------------------------------------------------------------------------------------------------------- */
static void lock_key(u8 down, u8 lock, u8 held)
{
    if (down && !(BDA->kbd_flags1 & held)) {
        BDA->kbd_flags0 ^= lock;
        BDA->kbd_flags1 |= held;
    } else if (!down) {
        BDA->kbd_flags1 &= ~held;
    }
}

static void ctrl_alt(u8 down, u8 e0, u8 left, u8 right, u8 either)
{
    if (e0)
        BDA->kbd_mode = down ? BDA->kbd_mode | right : BDA->kbd_mode & ~right;
    else
        BDA->kbd_flags1 = down ? BDA->kbd_flags1 | left : BDA->kbd_flags1 & ~left;
    if (BDA->kbd_mode & right || BDA->kbd_flags1 & left)
        BDA->kbd_flags0 |= either;
    else
        BDA->kbd_flags0 &= ~either;
}

/* 1: the key was one of these. */
static int shift_key(u8 scan, u8 down, u8 e0)
{
    u8 bit = scan == K_LSHIFT ? L_SHIFT : R_SHIFT;
    switch (scan) {
    case K_LSHIFT: case K_RSHIFT:
        if (!e0)                                        /* E0h before it: only wraps an arrow key */
            BDA->kbd_flags0 = down ? BDA->kbd_flags0 | bit : BDA->kbd_flags0 & ~bit;
        return 1;
    case K_CTRL:
        ctrl_alt(down, e0, L_CTRL, R_CTRL, CTRL);
        return 1;
    case K_ALT:
        ctrl_alt(down, e0, L_ALT, R_ALT, ALT);
        if (!down && !(BDA->kbd_flags0 & ALT) && BDA->kbd_alt_number) {
            keyboard_put(BDA->kbd_alt_number);
            BDA->kbd_alt_number = 0;
        }
        return 1;
    case K_CAPS:
        lock_key(down, CAPS, CAPS_DOWN);
        return 1;
    case K_NUM:
        if (e0 || (down && BDA->kbd_flags0 & CTRL))
            return 0;
        lock_key(down, NUM, NUM_DOWN);
        return 1;
    case K_SCROLL:
        if (e0 || (down && BDA->kbd_flags0 & CTRL))
            return 0;
        lock_key(down, SCROLL, SCROLL_DOWN);
        return 1;
    case K_INSERT:                                      /* a key too: it goes on into the buffer */
        if (!down)
            BDA->kbd_flags1 &= ~INSERT_DOWN;
        else if (e0 || !(BDA->kbd_flags0 & (NUM | L_SHIFT | R_SHIFT | ALT | CTRL)))
            lock_key(1, INSERT, INSERT_DOWN);
        return 0;
    }
    return 0;
}

/* ---- keys that act at once ---------------------------------------------------------------------------------------------- */
static void restart(void)
{
    BDA->soft_reset = 0x1234;
    outb(0xCF9, 0x02);
    outb(0xCF9, 0x06);
    delay_us(1000);
    kbc_command(0xFE);
    for (;;)
        asm volatile("cli; hlt");
}

/* Everything stops until a key comes (not a shift key); interrupts go on. */
static void pause(void)
{
    if (BDA->kbd_flags1 & PAUSE)
        return;
    BDA->kbd_flags1 |= PAUSE;
    eoi1();
    while (BDA->kbd_flags1 & PAUSE)
        irq_wait();
}

static void system_request(u8 down)
{
    struct regs r;
    if (down && BDA->kbd_flags1 & SYSREQ)
        return;
    BDA->kbd_flags1 = down ? BDA->kbd_flags1 | SYSREQ : BDA->kbd_flags1 & ~SYSREQ;
    eoi1();
    memset(&r, 0, sizeof r);
    r.ax = 0x8500 | !down;
    intcall(0x15, &r);
}

/* Number of an interrupt to do when INT 09h is done, 0: none; 0x100: EOI has been sent. */
static u16 act(u8 scan, u8 down, u8 e0, int *taken)
{
    u8 f = BDA->kbd_flags0;
    *taken = 1;
    if (scan == K_SYSREQ || (scan == K_PRINT && e0 && f & ALT)) {
        system_request(down);
        return 0x100;
    }
    if (down && scan == K_DELETE && (f & (CTRL | ALT)) == (CTRL | ALT))
        restart();
    if (scan == K_PRINT && (e0 ? !(f & CTRL) : f & (L_SHIFT | R_SHIFT) && !(BDA->kbd_mode & ENHANCED)))
        return down ? 0x05 : 0;
    if (scan == K_SCROLL && (e0 || f & CTRL)) {         /* Ctrl-Break: E0 46 on this keyboard, Ctrl and 46 on the old one */
        if (!down)
            return 0;
        BDA->ctrl_break = 0x80;
        BDA->kbd_head = BDA->kbd_tail = BDA->kbd_buf_start;
        keyboard_put(0);
        return 0x1B;
    }
    if (scan == K_NUM && f & CTRL) {
        if (!down)
            return 0;
        pause();
        return 0x100;
    }
    *taken = 0;
    return 0;
}

/* ---- keys that give characters ------------------------------------------------------------------------------------------ */
static int alt_digit(u8 scan)
{
    static const u8 digits[] = { 7, 8, 9, 0xFF, 4, 5, 6, 0xFF, 1, 2, 3, 0 };
    if (scan < KEYMAP_FIRST_PAD || scan >= K_DELETE || digits[scan - KEYMAP_FIRST_PAD] == 0xFF)
        return 0;
    BDA->kbd_alt_number = BDA->kbd_alt_number * 10 + digits[scan - KEYMAP_FIRST_PAD];
    return 1;
}

static u16 translate(u8 scan, u8 e0)
{
    u8 f = BDA->kbd_flags0, shifted = (f & (L_SHIFT | R_SHIFT)) != 0;
    const struct key *k = scan < KEYMAP_COUNT ? &keymap[scan] : NULL;
    if (e0) {
        k = NULL;
        for (u32 n = 0; keymap_e0[n].scan; n++)
            if (keymap_e0[n].scan == scan)
                k = &keymap_e0[n].key;
        if (scan == K_PRINT)
            return f & CTRL ? 0x7200 : 0;
    }
    if (!k)
        return 0;
    if (f & ALT)
        return k->alt;
    if (f & CTRL)
        return k->ctrl;
    if (!e0 && scan >= KEYMAP_FIRST_PAD && scan <= KEYMAP_LAST_PAD)
        shifted ^= (f & NUM) != 0;
    else if (!e0 && keymap_letters[scan >> 3] >> (scan & 7) & 1)
        shifted ^= (f & CAPS) != 0;
    return shifted ? k->shift : k->plain;
}

/* Returns what `act` does. */
static u16 key(u8 code)
{
    u8 down = !(code & 0x80), scan = code & 0x7F, e0 = BDA->kbd_mode & LAST_E0, e1 = BDA->kbd_mode & LAST_E1;
    int taken;
    if (code == 0xE0 || code == 0xE1) {
        BDA->kbd_mode |= code == 0xE0 ? LAST_E0 : LAST_E1;
        return 0;
    }
    if (e1) {                                           /* E1 1D 45 E1 9D C5: Pause */
        if (scan == K_CTRL)
            return 0;
        BDA->kbd_mode &= ~LAST_E1;
        if (code != K_NUM)
            return 0;
        pause();
        return 0x100;
    }
    BDA->kbd_mode &= ~LAST_E0;
    if (shift_key(scan, down, e0))
        return 0;
    u16 todo = act(scan, down, e0, &taken);
    if (taken || !down)
        return todo;
    if (BDA->kbd_flags1 & PAUSE) {                      /* the key that ends the pause is not kept */
        BDA->kbd_flags1 &= ~PAUSE;
        return 0;
    }
    if (!e0 && BDA->kbd_flags0 & ALT && !(BDA->kbd_flags0 & CTRL) && alt_digit(scan))
        return 0;
    BDA->kbd_alt_number = 0;
    u16 value = translate(scan, e0);
    if (value && !keyboard_put(value)) {
        eoi1();
        beep();
        return 0x100;
    }
    return 0;
}

void int09(struct regs *r)
{
    u8 code = inb(0x60);
    struct regs hook;
    u16 todo = 0;
    switch (code) {
    case 0xFA: BDA->kbd_leds |= ACK; eoi1(); return;
    case 0xFE: BDA->kbd_leds |= RESEND; eoi1(); return;
    case 0x00: case 0xFF: eoi1(); return;               /* overrun */
    }
    memset(&hook, 0, sizeof hook);
    hook.ah = 0x4F;
    hook.al = code;
    hook.flags = F_CF;
    hook.ds = hook.es = BDA_SEG;
    keyboard_hook(&hook);
    if (hook.flags & F_CF)
        todo = key(hook.al);
    if (!(todo & 0x100))
        eoi1();
    if ((u8)todo)
        r->after = (u8)todo;
    keyboard_leds();
}

/* ---- POST --------------------------------------------------------------------------------------------------------------- */
static int device(u8 byte, u8 expect)
{
    u8 answer;
    if (!kbc_write(byte))
        return 0;
    for (u32 n = 0; n < 4; n++)
        if (!kbc_read(&answer))
            return 0;
        else if (answer == expect)
            return 1;
    return 0;
}

/* The controller's self test, the keyboard's, scan code set 2 translated to 1, scanning on. */
void keyboard_init(void)
{
    u8 answer = 0;
    BDA->kbd_mode = ENHANCED;
    kbc_command(0xAD);
    kbc_command(0xA7);
    kbc_flush();
    if (!kbc_command(0xAA) || !kbc_read(&answer) || answer != 0x55) {
        print("The keyboard controller does not answer.\n");
        return;
    }
    if (kbc_command(0xAB))
        kbc_read(&answer);
    kbc_set_mode(0x34);                                 /* both off, no interrupts, no translation while we talk */
    kbc_command(0xAE);
    int there = device(0xFF, 0xFA);
    for (u32 n = 0; there && n < 10 && !kbc_read(&answer); n++)         /* its self test takes up to a second */
        ;
    if (!there || answer != 0xAA)
        print("No keyboard.\n");
    else if (!device(0xF5, 0xFA) || !device(0xF0, 0xFA) || !device(0x02, 0xFA) || !device(0xF4, 0xFA))
        print("The keyboard does not take commands.\n");
    kbc_set_mode(0x65);                                 /* translation, system flag, IRQ 1; the mouse's own part follows */
    irq_unmask(1);
}
