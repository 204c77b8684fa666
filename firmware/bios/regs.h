/* The caller's registers as a service sees them: read what was asked, write what is answered.
 *
 * entry.S builds it on the private stack and gives it all back.  `flags` are the caller's, returned by IRET.
 */
#ifndef REGS_H
#define REGS_H

#include "layout.h"
#include "types.h"

#define REG(n) union { u32 e##n##x; u16 n##x; struct { u8 n##l, n##h; }; }

struct regs {
    union { u32 edi; u16 di; };
    union { u32 esi; u16 si; };
    union { u32 ebp; u16 bp; };
    REG(b);
    REG(d);
    REG(c);
    REG(a);
    u16 ds, es, fs, gs;
    u16 flags;
    u16 after;          /* AFTER_* or a number of an interrupt to do, on the caller's stack, when the service is done */
    u32 esp;            /* the caller's */
    u16 ss, pad;
};

#define F_CF 0x0001
#define F_ZF 0x0040
#define F_IF 0x0200

static inline void set_cf(struct regs *r, int on) { r->flags = (r->flags & ~F_CF) | (on ? F_CF : 0); }
static inline void set_zf(struct regs *r, int on) { r->flags = (r->flags & ~F_ZF) | (on ? F_ZF : 0); }

#endif
