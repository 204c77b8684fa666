/* INT 08h, 1Ah, 70h: placeholder order of the clock services. */
#include "runtime.h"

void int08(struct regs *r)
{
    if (++BDA->ticks >= 0x1800B0) {
        BDA->ticks = 0;
        BDA->midnight = 1;
    }
    r->after = 0x1C | AFTER_EOI1;
}
