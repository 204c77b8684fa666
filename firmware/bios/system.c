/* INT 11h, 12h and the system services of INT 15h (Ralf Brown's Interrupt List; ACPI 3.0 chapter 14 for E820h). */
#include "system.h"
#include "time.h"

#define SMAP 0x534D4150
#define CONFIG_TABLE 0xE6F5

void int11(struct regs *r)
{
    r->ax = BDA->equipment;
}

void int12(struct regs *r)
{
    r->ax = BDA->memory_kib;
}

static void done(struct regs *r, u8 ah)
{
    r->ah = ah;
    set_cf(r, ah != 0);
}

static void a20(struct regs *r)
{
    u8 v = inb(0x92);
    switch (r->al) {
    case 0: outb(0x92, v & ~3); break;
    case 1: outb(0x92, (v & ~1) | 2); break;
    case 2: r->al = v >> 1 & 1; break;
    case 3: r->bx = 3; break;               /* keyboard controller and port 92h */
    default: done(r, 0x86); return;
    }
    done(r, 0);
}

/* AH=87h: the descriptors are the caller's; the places for ours are in his table too. */
static void move_block(struct regs *r)
{
    static const u8 ours[8] = { 0xFF, 0xFF, 0x00, 0x00, 0x0E, 0x9B, 0x00, 0x00 };
    u32 table = ((u32)r->es << 4) + r->si;
    if (protected_mode() || r->cx > 0x8000 || r->si > 0xFFD0) {
        done(r, protected_mode() ? 0x86 : 2);
        return;
    }
    u8 d[8];
    memset(d, 0, 8);
    d[0] = 0x2F;
    d[2] = table;
    d[3] = table >> 8;
    d[4] = table >> 16;
    d[5] = 0x93;
    copy_to_far(r->es, r->si + 0x08, d, 8);
    memcpy(d, ours, 8);
    copy_to_far(r->es, r->si + 0x20, d, 8);
    d[5] = 0x93;
    copy_to_far(r->es, r->si + 0x28, d, 8);
    u8 gate = inb(0x92);
    outb(0x92, (gate & ~1) | 2);
    block_move(table, r->cx);
    if (!(gate & 2))
        outb(0x92, gate & ~3);
    done(r, 0);
}

static void memory_map(struct regs *r)
{
    if (r->edx != SMAP || r->ecx < 20 || r->ebx >= shared.n_e820) {
        done(r, 0x86);
        return;
    }
    copy_to_far(r->es, r->di, &shared.e820[r->ebx], 20);
    r->ebx = r->ebx + 1 < shared.n_e820 ? r->ebx + 1 : 0;
    r->eax = SMAP;
    r->ecx = 20;
    set_cf(r, 0);
}

/* E801h, E881h: KiB from 1 to 16 MiB, 64 KiB blocks above. */
static void big_memory(struct regs *r)
{
    u32 top = shared.usable_below;
    u32 low = top > 16 << 20 ? 15 << 10 : (top >> 10) - 1024, high = top > 16 << 20 ? (top - (16 << 20)) >> 16 : 0;
    if (r->al == 0x01) {
        r->ax = r->cx = low;
        r->bx = r->dx = high;
    } else {
        r->eax = r->ecx = low;
        r->ebx = r->edx = high;
    }
    set_cf(r, 0);
}

void int15(struct regs *r)
{
    switch (r->ah) {
    case 0x24: a20(r); return;
    case 0x4F: set_cf(r, 1); return;                /* the key stays as it is */
    case 0x53: int15_apm(r); return;
    case 0x83: event_wait(r); return;
    case 0x86:
        if (BDA->wait_active & 1) {
            done(r, 0x83);
            return;
        }
        sleep_us((u32)r->cx << 16 | r->dx);
        set_cf(r, 0);
        return;
    case 0x87: move_block(r); return;
    case 0x88: r->ax = shared.ext_kib; set_cf(r, 0); return;
    case 0x89: enter_protected(r); return;
    case 0x90: case 0x91:                           /* no multitasking here: wait yourself */
        set_cf(r, 0);
        return;
    case 0x52: case 0x80: case 0x81: case 0x82: case 0x85:
        done(r, 0);
        return;
    case 0xC0:
        r->es = FIXED_SEG;
        r->bx = CONFIG_TABLE;
        done(r, 0);
        return;
    case 0xC1: r->es = ebda_seg(); set_cf(r, 0); return;
    case 0xC2: int15_mouse(r); return;
    case 0xE8:
        switch (r->al) {
        case 0x01: case 0x81: big_memory(r); return;
        case 0x20: memory_map(r); return;
        }
    }
    done(r, 0x86);
}

/* AH=89h: into protected mode with the caller's tables, interrupts at BH and BL; comes back there, behind his INT. */
void enter_protected(struct regs *r)
{
    u32 table = ((u32)r->es << 4) + r->si;
    u8 d[8] = { 0xFF, 0xFF, 0x00, 0x00, 0x0E, 0x9B, 0x00, 0x00 };
    if (protected_mode() || r->si > 0xFFC0) {
        done(r, 0x86);
        return;
    }
    copy_to_far(r->es, r->si + 0x38, d, 8);
    outb(0x92, (inb(0x92) & ~1) | 2);
    outb(0x20, 0x11);
    outb(0x21, r->bh);
    outb(0x21, 0x04);
    outb(0x21, 0x01);
    outb(0x21, 0xFF);
    outb(0xA0, 0x11);
    outb(0xA1, r->bl);
    outb(0xA1, 0x02);
    outb(0xA1, 0x01);
    outb(0xA1, 0xFF);
    r->ah = 0;
    set_cf(r, 0);
    go_protected(r, table);
}
