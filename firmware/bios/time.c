/* INT 08h timer tick, INT 1Ah clock services, INT 70h real-time clock (AT BIOS listing; Ralf Brown's Interrupt List). */
#include "time.h"

#define TICKS_PER_DAY 0x1800B0

void int08(struct regs *r)
{
    u32 now = BDA->ticks + 1;
    if (now >= TICKS_PER_DAY) {
        now = 0;
        BDA->midnight = 1;
    }
    BDA->ticks = now;
    if (BDA->floppy_motor_count && !--BDA->floppy_motor_count) {
        BDA->floppy_motor &= 0xF0;
        outb(0x3F2, 0x0C);
    }
    r->after = 0x1C | AFTER_EOI1;
}

/* Ticks since midnight from the RTC: hours, minutes and seconds times 1193182/65536. */
void clock_init(void)
{
    u32 h = from_bcd(cmos_read(0x04)), m = from_bcd(cmos_read(0x02)), s = from_bcd(cmos_read(0x00));
    u32 seconds = (h * 60 + m) * 60 + s;
    BDA->ticks = seconds * 18 + seconds / 5 + seconds / 154;       /* 18.2065 a second */
    BDA->midnight = 0;
    irq_unmask(0);
    irq_unmask(8);
}

/* The update cycle takes up to 2 ms; 0: the clock does not answer. */
static int rtc_ready(void)
{
    u32 n = 0x4000;
    while (cmos_read(0x0A) & 0x80)
        if (!--n)
            return 0;
    return 1;
}

static void rtc_begin_set(void)
{
    cmos_write(0x0A, 0x26);
    cmos_write(0x0B, (cmos_read(0x0B) & 0x7F) | 0x80);
}

static void rtc_end_set(void)
{
    cmos_write(0x0B, cmos_read(0x0B) & 0x7F);
}

static void get_time(struct regs *r)
{
    r->dh = cmos_read(0x00);
    r->cl = cmos_read(0x02);
    r->ch = cmos_read(0x04);
    r->dl = cmos_read(0x0B) & 1;
}

static void get_date(struct regs *r)
{
    r->ch = cmos_read(0x32);
    r->cl = cmos_read(0x09);
    r->dh = cmos_read(0x08);
    r->dl = cmos_read(0x07);
}

static void set_time(struct regs *r)
{
    rtc_begin_set();
    cmos_write(0x00, r->dh);
    cmos_write(0x02, r->cl);
    cmos_write(0x04, r->ch);
    cmos_write(0x0B, (cmos_read(0x0B) & ~1) | (r->dl & 1));
    rtc_end_set();
}

static void set_date(struct regs *r)
{
    rtc_begin_set();
    cmos_write(0x09, r->cl);
    cmos_write(0x08, r->dh);
    cmos_write(0x07, r->dl);
    cmos_write(0x32, r->ch);
    rtc_end_set();
}

static int set_alarm(struct regs *r)
{
    if (cmos_read(0x0B) & 0x20)
        return 0;
    irq_unmask(8);
    cmos_write(0x01, r->dh);
    cmos_write(0x03, r->cl);
    cmos_write(0x05, r->ch);
    cmos_write(0x0B, (cmos_read(0x0B) & 0x7F) | 0x20);
    return 1;
}

static void get_alarm(struct regs *r)
{
    r->dh = cmos_read(0x01);
    r->cl = cmos_read(0x03);
    r->ch = cmos_read(0x05);
    r->dl = cmos_read(0x0B) & 0x20 ? 1 : 0;
}

void int1a(struct regs *r)
{
    static u16 day_count;
    if (r->ah == 0xB1) {
        int1a_pci(r);
        return;
    }
    if (r->ah >= 0x02 && r->ah <= 0x09 && !rtc_ready()) {
        set_cf(r, 1);
        return;
    }
    int ok = 1;
    switch (r->ah) {
    case 0x00:
        r->cx = BDA->ticks >> 16;
        r->dx = BDA->ticks;
        r->al = BDA->midnight;
        BDA->midnight = 0;
        break;
    case 0x01:
        BDA->ticks = (u32)r->cx << 16 | r->dx;
        BDA->midnight = 0;
        break;
    case 0x02: get_time(r); break;
    case 0x03: set_time(r); break;
    case 0x04: get_date(r); break;
    case 0x05: set_date(r); break;
    case 0x06: ok = set_alarm(r); r->ah = 0; break;
    case 0x07: cmos_write(0x0B, cmos_read(0x0B) & ~0x20); break;
    case 0x09: get_alarm(r); break;
    case 0x0A: r->cx = day_count; break;
    case 0x0B: day_count = r->cx; break;
    default: ok = 0;
    }
    if (ok)
        r->ah = 0;
    set_cf(r, !ok);
}

/* ---- INT 15h AH=83h: a flag in the caller's memory is set after CX:DX microseconds; the RTC's 1024 Hz interrupt counts ---- */
static void rtc_interrupts(u8 bit, int on)
{
    u8 b = cmos_read(0x0B) & ~bit;
    cmos_write(0x0B, on ? b | bit : b);
}

void event_wait(struct regs *r)
{
    if (r->al == 1) {
        BDA->wait_active = 0;
        rtc_interrupts(0x40, 0);
        r->ah = 0;
        set_cf(r, 0);
        return;
    }
    if (r->al || BDA->wait_active & 1) {
        r->ah = r->al ? 0x86 : 0x83;
        set_cf(r, 1);
        return;
    }
    BDA->wait_flag_ptr = (u32)r->es << 16 | r->bx;
    BDA->wait_us = (u32)r->cx << 16 | r->dx;
    BDA->wait_active = 1;
    irq_unmask(8);
    cmos_read(0x0C);
    rtc_interrupts(0x40, 1);
    r->ah = 0;
    set_cf(r, 0);
}

/* INT 15h AH=86h as on the AT: the clock's interrupt counts 976 us steps while the processor halts; short waits are polled. */
void sleep_us(u32 us)
{
    if (us < 2000 || inb(0x21) & 1) {
        wait_us(us);
        return;
    }
    u32 last = pm_ticks(), left = us > 1100000000 ? 0xFFFFFFFF : us / 1000 * 3580 + 36000;
    BDA->wait_flag_ptr = (u32)BDA_SEG << 16 | __builtin_offsetof(struct bda, wait_active);
    BDA->wait_us = us;
    BDA->wait_active = 1;
    irq_unmask(8);
    cmos_read(0x0C);
    rtc_interrupts(0x40, 1);
    while (BDA->wait_active == 1) {
        irq_wait();
        u32 now = pm_ticks(), d = (now - last) & 0xFFFFFF;
        last = now;
        if (shared.pm_base && d >= left)            /* somebody took the clock's interrupt away */
            break;
        left -= d;
    }
    rtc_interrupts(0x40, 0);
    BDA->wait_active = 0;
}

void int70(struct regs *r)
{
    u8 cause = cmos_read(0x0C) & cmos_read(0x0B);
    if (cause & 0x40) {
        if (!(BDA->wait_active & 1)) {
            rtc_interrupts(0x40, 0);
        } else if (BDA->wait_us > 976) {
            BDA->wait_us = BDA->wait_us - 976;
        } else {
            u32 flag = BDA->wait_flag_ptr;
            rtc_interrupts(0x40, 0);
            BDA->wait_us = 0;
            BDA->wait_active = 0;
            far_put8(flag >> 16, flag, far_get8(flag >> 16, flag) | 0x80);
        }
    }
    eoi2();
    if (cause & 0x20)
        r->after = 0x4A;
}
