/* What can be booted, in order: boot.c makes the list, menu.c shows it. */
#ifndef BOOT_H
#define BOOT_H

#include "disk.h"

enum boot_kind { BOOT_FLOPPY, BOOT_DISK, BOOT_CD, BOOT_ROM, BOOT_BCV };     /* BCV: an option ROM that adds disks */

struct boot_entry {
    u8 kind;
    u8 index;                   /* floppy unit, `drives`, or `shared.roms` */
    u16 priority;               /* smaller is earlier; BOOT_NEVER: not in the order */
    char why[52];               /* what became of the try */
};
#define BOOT_MAX 24
#define BOOT_NEVER 0xFFFF
extern struct boot_entry boot_entries[BOOT_MAX];
extern u8 n_boot_entries;

void boot_list(void);                       /* bootorder.c: collect and sort */
u16 bootorder_drive(struct drive *d);       /* place in fw_cfg's "bootorder", BOOT_NEVER: not named */
u16 bootorder_floppy(u8 unit);
u16 bootorder_rom(struct rom_entry *e);
int bootorder_halts(void);                  /* "HALT": nothing that is not named */
void boot_name(const struct boot_entry *e, char *to, u32 room);
void boot_first(u8 n);                      /* the menu's choice goes to the front */
void boot_finish(void);                     /* disks get their numbers: no more changes of order */
u64 fwcfg_number(const char *name, u64 otherwise);

#endif
