/* What the files of POST share.  POST is 32-bit C in flat memory; the runtime's symbols are r16_NAME, at linear addresses. */
#ifndef POST_H
#define POST_H

#include "../bda.h"
#include "../common/common.h"
#include "../regs.h"
#include "../shared.h"

#define R16(address) ((u32)(address) - RUNTIME_BASE)        /* offset in the runtime's segment */

extern struct shared r16_shared;
#define S r16_shared
#define VERSION "1.0"
#define BDA ((volatile struct bda *)0x400)
extern char table_start[];

/* reset.S */
void real16(u32 offset);
extern u16 real_data;          /* selector of DS, ES, FS and GS on the way to real mode: their limits stay */

/* text.c: port 402h; say() goes to the screen too once there is INT 10h */
void debug(const char *format, ...);
void say(const char *format, ...);
u8 sum8(const void *p, u32 n);

/* real.c */
void call_int(u8 n, struct regs *r);
void call_far(u16 seg, u16 off, struct regs *r);
void ivt_init(void);
void bda_init(void);
void boot(void) NORETURN;
void r16_clock_init(void);
void r16_post16_devices(void);

/* chips.c */
void chips_init(void);
void ports_detect(void);

/* memory.c */
#define TABLE_END 0xFE000
#define TEMP 0x20000            /* free while POST runs */
#define TEMP_BYTES 0x70000
void memory_init(void);
void memory_done(void);
void e820_add(u64 base, u64 length, u32 type);
void *alloc_high(u32 bytes, u32 align);     /* zeroed, reserved memory below the top of RAM; NULL: no room */
void *alloc_fseg(u32 bytes, u32 align);     /* zeroed, in the F000 segment, for what an OS searches there; NULL: no room */

/* fwcfg.c */
struct fwcfg_file { u32 size; u16 key; char name[56]; };
void fwcfg_init(void);
int fwcfg_file(const char *name, int exact, u32 n, struct fwcfg_file *found);
void fwcfg_read(u16 key, void *to, u32 bytes);
int fwcfg_write(u16 key, u32 offset, const void *from, u32 bytes);
u64 fwcfg_number(const char *name, u64 otherwise);

/* pci.c */
struct pci_function {
    u16 bdf, vendor, device;
    u8 header, rom_reg, child;
    u32 class;
};
extern struct pci_function pci_functions[];
extern u32 n_pci_functions;
void pci_init(void);
u32 pci_read32(u16 bdf, u32 off);
u16 pci_read16(u16 bdf, u32 off);
u8 pci_read8(u16 bdf, u32 off);
void pci_write32(u16 bdf, u32 off, u32 v);
void pci_write16(u16 bdf, u32 off, u16 v);
void pci_write8(u16 bdf, u32 off, u8 v);

/* optrom.c */
void roms_prepare(void);
void roms_vga(void);
void roms_rest(void);
void roms_done(void);

/* cpu.c */
void cpu_init(void);

/* tables */
void tables_load(void);         /* loader.c: ACPI and others from fw_cfg's etc/table-loader */
void smbios_init(void);
void pir_init(void);
void mptable_init(void);
void bios32_init(void);      /* fixed.S has the structures; their sums */
u16 pnp_offset(void);          /* of the PnP installation structure in F000h */

#endif
