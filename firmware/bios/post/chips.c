/* Chips of the AT into the state programs expect: 8259, 8254, 8237, RTC; ports counted. */
#include "post.h"

void chips_init(void)
{
    outb(0x20, 0x11);                   /* 8259: edge, cascade, ICW4; vectors 08h and 70h; slave on 2; 8086 mode */
    outb(0xA0, 0x11);
    outb(0x21, 0x08);
    outb(0xA1, 0x70);
    outb(0x21, 0x04);
    outb(0xA1, 0x02);
    outb(0x21, 0x01);
    outb(0xA1, 0x01);
    outb(0x21, 0xFA);                   /* IRQ 0 and the cascade; the others when someone serves them */
    outb(0xA1, 0xFF);

    outb(0x43, 0x34);                   /* 8254: channel 0 rate 65536, as mode 2; 1 refresh; 2 speaker */
    outb(0x40, 0);
    outb(0x40, 0);
    outb(0x43, 0x54);
    outb(0x41, 0x12);
    outb(0x43, 0xB6);
    outb(0x42, 0x33);
    outb(0x42, 0x05);
    outb(0x61, inb(0x61) & 0xFC);

    outb(0x0D, 0);                      /* 8237: reset both, channel 4 is the cascade */
    outb(0xDA, 0);
    outb(0xD6, 0xC0);
    outb(0xD4, 0);

    cmos_write(0x0A, 0x26);             /* RTC: 32768 Hz, 1024 Hz rate; 24 hours, BCD, no interrupts */
    cmos_write(0x0B, (cmos_read(0x0B) & 0x01) | 0x02);
    cmos_read(0x0C);
    cmos_read(0x0D);
}

/* Serial and parallel ports that answer, in the AT's order; the equipment word counts them. */
void ports_detect(void)
{
    static const u16 com[4] = { 0x3F8, 0x2F8, 0x3E8, 0x2E8 }, lpt[3] = { 0x378, 0x278, 0x3BC };
    u32 coms = 0, lpts = 0;
    for (u32 k = 0; k < 4; k++) {
        outb(com[k] + 1, 0x02);
        u8 ier = inb(com[k] + 1), iir = inb(com[k] + 2);
        if (ier != 0x02 || (iir & 0x30))
            continue;
        outb(com[k] + 1, 0);
        BDA->com[coms++] = com[k];
    }
    for (u32 k = 0; k < 3; k++) {
        outb(lpt[k] + 2, 0x08);
        outb(lpt[k], 0x55);
        if (inb(lpt[k]) != 0x55)
            continue;
        outb(lpt[k], 0xAA);
        if (inb(lpt[k]) != 0xAA)
            continue;
        outb(lpt[k] + 2, 0x0C);
        BDA->lpt[lpts++] = lpt[k];
    }
    u16 word = (cmos_read(0x14) & 0xC3) | 0x04;     /* floppies and display from CMOS, mouse */
    u16 status;
    asm volatile("fninit\n fnstsw %0" : "=m"(status));
    S.has_fpu = status == 0;
    word = (word & ~2) | (S.has_fpu ? 2 : 0);
    BDA->equipment = word | coms << 9 | lpts << 14;
}
