/* Real mode from POST: interrupt vectors, BIOS data area, calls. */
#include "post.h"

struct post_call { struct regs r; u16 seg, off, interrupt; };
extern struct post_call r16_post_call;
void r16_do_post_call(void);
void r16_post16_boot(void);

void call_int(u8 n, struct regs *r)
{
    r16_post_call.seg = r16_post_call.off = 0;
    r16_post_call.interrupt = n;
    r16_post_call.r = *r;
    real16(R16(r16_do_post_call));
    *r = r16_post_call.r;
}

void call_far(u16 seg, u16 off, struct regs *r)
{
    r16_post_call.seg = seg;
    r16_post_call.off = off;
    r16_post_call.r = *r;
    real16(R16(r16_do_post_call));
    *r = r16_post_call.r;
}

void boot(void)
{
    real16(R16(r16_post16_boot));
    for (;;)
        asm volatile("hlt");
}

extern u8 r16_isr_02[], r16_isr_70[], r16_isr_74[], r16_isr_75[], r16_isr_76[], r16_isr_77[], r16_isr_irq[], r16_isr_18[];

void ivt_init(void)
{
    static const struct { u8 n; u16 off; } fixed[] = {
        { 0x02, 0xE2C3 }, { 0x05, 0xFF54 }, { 0x08, 0xFEA5 }, { 0x09, 0xE987 }, { 0x0E, 0xEF57 }, { 0x10, 0xF065 },
        { 0x11, 0xF84D }, { 0x12, 0xF841 }, { 0x13, 0xE3FE }, { 0x14, 0xE739 }, { 0x15, 0xF859 }, { 0x16, 0xE82E },
        { 0x17, 0xEFD2 }, { 0x19, 0xE6F2 }, { 0x1A, 0xFE6E }, { 0x1D, 0xF0A4 }, { 0x1E, 0xEFC7 }, { 0x1F, 0xFE6E },
        { 0x40, 0xEC59 },
    };
    static const struct { u8 n; u8 *at; } runtime[] = {
        { 0x18, r16_isr_18 }, { 0x70, r16_isr_70 }, { 0x74, r16_isr_74 }, { 0x75, r16_isr_75 }, { 0x76, r16_isr_76 },
        { 0x77, r16_isr_77 }, { 0x0A, r16_isr_irq }, { 0x0B, r16_isr_irq }, { 0x0C, r16_isr_irq }, { 0x0D, r16_isr_irq },
        { 0x0F, r16_isr_irq }, { 0x71, r16_isr_irq }, { 0x72, r16_isr_irq }, { 0x73, r16_isr_irq },
    };
    volatile u32 *ivt = (volatile u32 *)0;
    asm("" : "+r"(ivt));                        /* address 0 is meant */
    for (u32 n = 0; n < 0x78; n++)
        ivt[n] = FIXED_SEG << 16 | 0xFF53;
    for (u32 n = 0x78; n < 256; n++)
        ivt[n] = 0;
    for (u32 n = 0x60; n < 0x67; n++)           /* for programs: free */
        ivt[n] = 0;
    for (u32 k = 0; k < COUNT(fixed); k++)
        ivt[fixed[k].n] = FIXED_SEG << 16 | fixed[k].off;
    for (u32 k = 0; k < COUNT(runtime); k++)
        ivt[runtime[k].n] = RUNTIME_SEG << 16 | R16(runtime[k].at);
    ivt[0x1F] = FIXED_SEG << 16 | 0xFA6E;       /* upper half of the CGA font: the VGA BIOS has it */
    ivt[0x41] = ivt[0x46] = 0;
}

void bda_init(void)
{
    S.warm = BDA->soft_reset == 0x1234;
    u16 soft = BDA->soft_reset;
    memset((void *)BDA, 0, 0x100);
    memset((void *)0x500, 0, 0x100);
    memset((void *)EBDA_BASE, 0, EBDA_SIZE_KIB << 10);
    *(volatile u8 *)EBDA_BASE = EBDA_SIZE_KIB;
    BDA->ebda_seg = EBDA_BASE >> 4;
    BDA->memory_kib = BASE_MEMORY_KIB;
    BDA->soft_reset = soft;
    BDA->kbd_head = BDA->kbd_tail = BDA->kbd_buf_start = 0x1E;
    BDA->kbd_buf_end = 0x3E;
    memset((void *)BDA->lpt_timeout, 0x14, 4);
    memset((void *)BDA->com_timeout, 0x0A, 4);
}
