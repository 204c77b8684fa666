/* Drives as the disk services see them: what POST found, and the ways to read and write them.
 *
 * ata.c and cdrom.c fill `drives`; disk.c gives them numbers (80h.., E0h..) and serves INT 13h; floppy.c has its own chip.
 * Transfers take far buffers of any size: `struct place` walks through memory and keeps offsets small.
 */
#ifndef DISK_H
#define DISK_H

#include "runtime.h"

/* INT 13h status (AH, 40:41 and 40:74) */
enum {
    OK = 0x00, BAD_COMMAND = 0x01, BAD_MARK = 0x02, WRITE_PROTECTED = 0x03, NOT_FOUND = 0x04, DISK_CHANGED = 0x06,
    DMA_OVERRUN = 0x08, DMA_BOUNDARY = 0x09, UNKNOWN_MEDIA = 0x0C, BAD_CRC = 0x10, CONTROLLER = 0x20, NO_MEDIA = 0x31,
    SEEK_FAILED = 0x40, TIMED_OUT = 0x80, NOT_READY = 0xAA, NOT_LOCKED = 0xB0, LOCKED = 0xB1, NOT_REMOVABLE = 0xB2, LOCK_COUNT = 0xB4,
    EJECT_FAILED = 0xB5, UNDEFINED_ERROR = 0xBB, WRITE_FAULT = 0xCC,
};

enum drive_kind { ATA_DISK = 1, ATAPI_CDROM };
enum translation { CHS_NONE, CHS_LBA, CHS_LARGE, CHS_REVISED, CHS_MBR };

struct geometry { u16 cylinders, heads, sectors; };

struct drive {
    u8 kind;
    u8 channel, slave;          /* which of `channels`, which drive there */
    u8 lba, lba48;              /* the commands it knows; without lba the sectors go as `physical` */
    u8 removable;
    u8 translation;
    u8 locks;                   /* INT 13h AH=45h */
    u16 block;                  /* bytes in a sector */
    u64 sectors;                /* of `block` bytes; a CD's comes with its medium */
    struct geometry physical, logical;
    char model[41];
};
#define DRIVE_MAX 8
extern struct drive drives[DRIVE_MAX];
extern u8 n_drives;

struct channel {
    u16 command, control;       /* 1F0h-1F7h, 3F6h */
    u8 irq;
    u16 bdf;                    /* 0xFFFF: not on PCI */
};
extern struct channel channels[];

/* ---- a place in memory that a transfer goes through: seg:off, off < 16 when normalised ---- */
struct place { u16 seg, off; };
void place_set(struct place *p, u16 seg, u16 off);
void place_add(struct place *p, u32 bytes);

/* ---- waiting with a limit: polls let interrupts through ---- */
struct patience { u32 last, left; };
void patience_ms(struct patience *p, u32 ms);
int patience_over(struct patience *p);      /* 1: the time is up; opens an interrupt window */
int wait_bda(volatile u8 __seg_fs *flag, u8 mask, u32 ms);      /* until a handler sets the bit; 0: time is up */
void sleep_ms(u32 ms);

/* ---- ata.c ---- */
enum ata_way { ATA_READ, ATA_WRITE, ATA_VERIFY };
struct ata_command { u8 command; u8 feature[2], count[2], low[2], mid[2], high[2], device; };
void ata_scan(void);                        /* finds drives; fills `drives` */
u8 ata_transfer(struct drive *d, enum ata_way way, u64 lba, u32 count, struct place *at, u32 *done);
u8 ata_reset(struct drive *d);
u8 ata_ready(struct drive *d);
u8 ata_select(struct drive *d);             /* not busy before and after */
u8 ata_wait(struct drive *d, u8 set, u8 clear, u32 ms);     /* OK, or TIMED_OUT */

/* ---- cdrom.c ---- */
void cd_scan(struct drive *d);
u8 cd_read(struct drive *d, u32 lba, u32 count, struct place *at);
u8 cd_ready(struct drive *d, u32 ms);       /* a medium is in and spins: fills d->sectors */
u8 cd_start_stop(struct drive *d, u8 bits);
u8 cd_prevent(struct drive *d, int prevent);
u8 cd_changed(struct drive *d);             /* since the last call */

/* ---- eltorito.c ---- */
struct emulation {                          /* what INT 13h AH=4Bh tells; media 0: no emulation */
    u8 active, media, number, drive;        /* drive: index in `drives` */
    u32 image;                              /* in sectors of 2048 bytes */
    u32 catalog;
    u16 load_seg, load_count;
    struct geometry geometry;
};
extern struct emulation emulation;
int eltorito_boot(struct drive *d, u8 number, char *why, u32 room);     /* loads; 1: emulation says where, start it */
void eltorito_start(void) NORETURN;
void eltorito_stop(void);                   /* the emulated drive goes */
void int13_emulated(struct regs *r);        /* DL is the emulated drive */
void int13_cd_boot(struct regs *r, struct drive *d);    /* AH=4Ah-4Dh */

/* ---- floppy.c ---- */
u8 floppy_count(void);
u8 floppy_type(u8 unit);                    /* CMOS: 0 none, 1 360K, 2 1.2M, 3 720K, 4 1.44M, 5 2.88M */
void int13_floppy(struct regs *r, u8 unit);

/* ---- disk.c ---- */
void disk_done(struct regs *r, u8 status);  /* AH, CF and the status byte of the drive's class */
u8 disk_number(u8 drive);                   /* of an index in `drives`; 0: none */
struct drive *disk_of(u8 number);           /* NULL: no such drive */
void disk_assign(u8 drive);                 /* the next number from 80h for a disk */
int disk_swap_first(u8 number);             /* make this the disk 80h; 0: not one of ours */
u8 cd_count(void);
int chs_to_lba(const struct geometry *g, const struct regs *r, u32 *lba);
void edd_parameters(struct regs *r, struct drive *d);       /* edd.c: AH=48h */
void disk_tables(void);                     /* edd.c: INT 41h, 46h */
void choose_geometry(struct drive *d);            /* edd.c */

#endif
