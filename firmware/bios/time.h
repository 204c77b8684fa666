/* Parts of the clock services that live in other interrupts' files. */
#ifndef TIME_H
#define TIME_H

#include "runtime.h"

void clock_init(void);
void sleep_us(u32 us);           /* interrupts go on; AH=86h */
void event_wait(struct regs *r);    /* INT 15h AH=83h */
void int1a_pci(struct regs *r);     /* INT 1Ah AH=B1h: pcibios.c */

#endif
