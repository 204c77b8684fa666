/* Waiting with a limit, and far buffers of any size, for the disk services. */
#include "disk.h"

void place_set(struct place *p, u16 seg, u16 off)
{
    u32 paragraph = seg + (off >> 4);
    if (paragraph > 0xFFFF) {               /* beyond 1 MiB: the last segment, with what is left as the offset */
        p->seg = 0xFFFF;
        p->off = ((paragraph - 0xFFFF) << 4) + (off & 15);
    } else {
        p->seg = paragraph;
        p->off = off & 15;
    }
}

void place_add(struct place *p, u32 bytes)
{
    u32 off = p->off + bytes, seg = p->seg + (off >> 4);
    if (seg > 0xFFFF) {
        off += (p->seg - 0xFFFF) << 4;
        seg = 0xFFFF;
    } else {
        off &= 15;
    }
    p->seg = seg;
    p->off = off;
}

/* pm_ticks() runs at 3.579545 MHz: 3580 a millisecond is near enough. */
void patience_ms(struct patience *p, u32 ms)
{
    p->last = pm_ticks();
    p->left = ms * 3580;
}

int patience_over(struct patience *p)
{
    u32 now = pm_ticks(), d = (now - p->last) & 0xFFFFFF;
    p->last = now;
    if (d >= p->left)
        return 1;
    p->left -= d;
    irq_window();
    return 0;
}

/* The processor halts between interrupts as long as the timer's come; a program may have masked them. */
int wait_bda(volatile u8 __seg_fs *flag, u8 mask, u32 ms)
{
    struct patience p;
    patience_ms(&p, ms);
    u32 last = ticks(), left = ms / 55 + 2;
    while (!flag || !(*flag & mask)) {
        if (inb(0x21) & 1) {
            if (patience_over(&p))
                return flag && *flag & mask;
            continue;
        }
        irq_wait();
        if (shared.pm_base) {
            u32 now = pm_ticks(), d = (now - p.last) & 0xFFFFFF;
            p.last = now;
            if (d >= p.left)
                return flag && *flag & mask;
            p.left -= d;
        } else if (ticks() != last) {
            last = ticks();
            if (!--left)
                return flag && *flag & mask;
        }
    }
    return 1;
}

void sleep_ms(u32 ms)
{
    wait_bda(NULL, 0, ms);
}
