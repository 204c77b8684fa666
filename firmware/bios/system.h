/* What the files of INT 15h share. */
#ifndef SYSTEM_H
#define SYSTEM_H

#include "runtime.h"

void int15_apm(struct regs *r);         /* apm.c */
void int15_mouse(struct regs *r);       /* mouse.c */
void enter_protected(struct regs *r);

/* protect.S */
int protected_mode(void);               /* 1 also in V86 */
void block_move(u32 gdt, u16 words);    /* from descriptor 10h to 18h, code 20h, stack 28h */
void go_protected(struct regs *r, u32 gdt) NORETURN;

#endif
