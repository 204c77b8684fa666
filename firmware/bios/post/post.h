/* What the files of POST share.  POST is 32-bit C in flat memory; the runtime's symbols are r16_NAME, at linear addresses. */
#ifndef POST_H
#define POST_H

#include "../bda.h"
#include "../regs.h"
#include "../shared.h"

#define R16(address) ((u32)(address) - RUNTIME_BASE)        /* offset in the runtime's segment */

extern struct shared r16_shared;
#define S r16_shared
#define BDA ((volatile struct bda *)0x400)
extern char table_start[];

/* reset.S */
void real16(u32 offset);

/* text.c: port 0xE9; say() goes to the screen too once there is INT 10h */
void debug(const char *format, ...);
void say(const char *format, ...);
void *memcpy(void *to, const void *from, u32 n);
void *memset(void *to, int v, u32 n);
int memcmp(const void *a, const void *b, u32 n);
u8 sum8(const void *p, u32 n);

/* real.c */
void call_int(u8 n, struct regs *r);
void call_far(u16 seg, u16 off, struct regs *r);
void ivt_init(void);
void bda_init(void);
void post16(void) NORETURN;

/* chips.c */
void chips_init(void);
void ports_detect(void);

/* memory.c */
void memory_init(void);
void e820_add(u64 base, u64 length, u32 type);
void *alloc_high(u32 bytes, u32 align);     /* reserved memory below the top of RAM below 4 GiB, for tables */
void *alloc_fseg(u32 bytes, u32 align);     /* in the F000 segment, for what an OS searches there */
u32 alloc_temp(void);                       /* start of free memory for POST's own use only, at 1 MiB */

#endif
