/* What a service answers as long as nobody has written it: weak, so that a file with the real one replaces it. */
#include "runtime.h"

#define DEFAULT(name) WEAK void name(struct regs *r) { r->ah = 0x86; set_cf(r, 1); }

DEFAULT(int13)
DEFAULT(int40)
WEAK void int09(struct regs *r) { (void)r; inb(0x60); eoi1(); }
WEAK void int16(struct regs *r) { (void)r; }
WEAK void int0e(struct regs *r) { (void)r; eoi1(); }
WEAK void int76(struct regs *r) { (void)r; eoi2(); }
WEAK void int77(struct regs *r) { (void)r; eoi2(); }
WEAK void int18(struct regs *r) { print("No bootable device.\n"); for (;;) irq_wait(); (void)r; }
WEAK void int19(struct regs *r) { r->after = 0x18; }
WEAK void keyboard_init(void) {}
WEAK void floppy_init(void) {}
WEAK void disk_init(void) {}
WEAK void boot_menu(void) {}

