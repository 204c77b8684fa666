/* What a 16-bit service may use.  README.md explains the rules (stack, interrupts, segments).
 *
 * A service is `void intXX(struct regs *r)`: interrupts off, DS = ES = SS = E000h (ours), FS = 0040h, GS free.
 */
#ifndef RUNTIME_H
#define RUNTIME_H

#include "bda.h"
#include "common/common.h"
#include "regs.h"
#include "shared.h"

#define BDA ((volatile struct bda __seg_fs *)0)
extern struct shared shared;

/* ---- far memory: GS is the scratch segment; set it, then use the pointer before anything else sets it ---- */
static inline void set_gs(u16 seg) { asm volatile("movw %w0, %%gs" :: "rm"(seg) : "memory"); }
#define GS8(off) (*(volatile u8 __seg_gs *)(u32)(u16)(off))
#define GS16(off) (*(volatile u16 __seg_gs *)(u32)(u16)(off))
#define GS32(off) (*(volatile u32 __seg_gs *)(u32)(u16)(off))
static inline u8 far_get8(u16 seg, u16 off) { set_gs(seg); return GS8(off); }
static inline u16 far_get16(u16 seg, u16 off) { set_gs(seg); return GS16(off); }
static inline u32 far_get32(u16 seg, u16 off) { set_gs(seg); return GS32(off); }
static inline void far_put8(u16 seg, u16 off, u8 v) { set_gs(seg); GS8(off) = v; }
static inline void far_put16(u16 seg, u16 off, u16 v) { set_gs(seg); GS16(off) = v; }
static inline void far_put32(u16 seg, u16 off, u32 v) { set_gs(seg); GS32(off) = v; }
void copy_to_far(u16 seg, u16 off, const void *from, u32 bytes);
void copy_from_far(void *to, u16 seg, u16 off, u32 bytes);
void insw_far(u16 port, u16 seg, u16 off, u32 words);       /* off + 2 * words must not pass FFFFh: normalise first */
void outsw_far(u16 port, u16 seg, u16 off, u32 words);
void insl_far(u16 port, u16 seg, u16 off, u32 dwords);
void outsl_far(u16 port, u16 seg, u16 off, u32 dwords);

static inline u16 ebda_seg(void) { return BDA->ebda_seg; }
#define EBDA_OFF(field) ((u16)__builtin_offsetof(struct ebda, field))

static inline u32 ivt_get(u8 n) { return far_get32(0, (u16)n * 4); }
static inline void ivt_set(u8 n, u16 seg, u16 off) { far_put32(0, (u16)n * 4, (u32)seg << 16 | off); }

/* ---- other code ---- */
void intcall(u8 n, struct regs *r);         /* INT n by its vector with these registers and CF; they come back, with flags */
void farcall(u16 seg, u16 off, struct regs *r);     /* the same for a routine that ends in RETF */
void farcall4(u16 seg, u16 off, const u16 *args);   /* far call with four words pushed, args[0] first; we drop them */
void start_boot(u16 seg, u16 off, u8 drive) NORETURN;   /* leave the BIOS for a boot sector: SS:SP = 0:7C00 downwards */
void start_rom(u16 seg, u16 off, u16 pnp) NORETURN;     /* the same for an option ROM's boot entry; INT 18h when it returns */

/* ---- waiting: the only places where interrupts are on inside a service ---- */
void irq_window(void);          /* STI; NOP; CLI with the private stack made safe: for every polling loop */
void irq_wait(void);            /* STI; HLT; CLI likewise */
u32 ticks(void);                /* BDA timer ticks, 18.2 Hz: needs irq_window() in the loop to advance */
u32 pm_ticks(void);             /* 24 bits at 3.579545 MHz, with interrupts off too */
void delay_us(u32 us);          /* interrupts stay off: for some hundred microseconds at most */
void wait_us(u32 us);           /* lets interrupts through */

/* ---- text: to port 402h when something listens there, and print() to the screen by INT 10h too ---- */
void debug(const char *format, ...);
void print(const char *format, ...);
void putc_screen(char c);
int snformat(char *to, u32 size, const char *format, ...);

static inline void eoi1(void) { outb(0x20, 0x20); }
static inline void eoi2(void) { outb(0xA0, 0x20); outb(0x20, 0x20); }
void irq_unmask(u8 irq);

/* ---- PCI configuration space, runtime side (bdf = bus << 8 | devfn) ---- */
u32 pci_read32(u16 bdf, u8 off);
u16 pci_read16(u16 bdf, u8 off);
u8 pci_read8(u16 bdf, u8 off);
void pci_write32(u16 bdf, u8 off, u32 v);
void pci_write16(u16 bdf, u8 off, u16 v);
void pci_write8(u16 bdf, u8 off, u8 v);

/* ---- fw_cfg (QEMU docs/specs/fw_cfg): 0 bytes when there is no such device or file ---- */
u32 fwcfg_find(const char *name, u16 *key);             /* size of the named file */
void fwcfg_select(u16 key);
void fwcfg_read(void *to, u32 bytes);
u32 fwcfg_file(const char *name, void *to, u32 room);   /* at most `room` bytes; returns the file's size */

/* ---- services, one per interrupt; those of disks, keyboard and boot are in their own files ---- */
void int02(struct regs *r);
void int05(struct regs *r);
void int08(struct regs *r);
void int09(struct regs *r);
void int0e(struct regs *r);
void int11(struct regs *r);
void int12(struct regs *r);
void int13(struct regs *r);
void int14(struct regs *r);
void int15(struct regs *r);
void int16(struct regs *r);
void int17(struct regs *r);
void int18(struct regs *r);
void int19(struct regs *r);
void int1a(struct regs *r);
void int40(struct regs *r);
void int70(struct regs *r);
void int74(struct regs *r);
void int75(struct regs *r);
void int76(struct regs *r);
void int77(struct regs *r);
void int_irq(struct regs *r);       /* hardware interrupts nobody serves */

/* ---- init in real mode, by post16.c: memory, PCI and the display are ready; boot_menu() after the other option ROMs ---- */
void keyboard_init(void);       /* keyboard.c */
void mouse_init(void);          /* mouse.c */
void floppy_init(void);         /* floppy.c */
void disk_init(void);           /* disk.c: ATA, ATAPI; prints what it finds */
void boot_menu(void);           /* menu.c: the key prompt, waits, lets choose */

#endif
