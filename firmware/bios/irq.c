/* Interrupts nobody serves, NMI, print screen, the x87's interrupt 13. */
#include "runtime.h"

/* Acknowledge and mask what the 8259s have in service, as the AT does; 40:6B tells which it was. */
void int_irq(struct regs *r)
{
    (void)r;
    outb(0x20, 0x0B);
    u8 isr1 = inb(0x20);
    if (!isr1) {
        BDA->last_spurious = 0xFF;              /* a software INT, or spurious */
        return;
    }
    outb(0xA0, 0x0B);
    u8 isr2 = inb(0xA0);
    if (isr2) {
        outb(0xA1, inb(0xA1) | isr2);
        outb(0xA0, 0x20);
    } else {
        outb(0x21, inb(0x21) | (isr1 & ~4));
    }
    outb(0x20, 0x20);
    BDA->last_spurious = isr2 ? isr2 : isr1;
}

void int02(struct regs *r)
{
    (void)r;
    debug("NMI\n");
}

/* IRQ 13: clear the latch, then as an NMI, where programs of the PC expect x87 errors. */
void int75(struct regs *r)
{
    outb(0xF0, 0);
    eoi2();
    r->after = 0x02;
}
