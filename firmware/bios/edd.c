/* How a disk's sectors are counted (translation), and the tables that tell: INT 41h/46h, INT 13h AH=48h.
 *
 * Order: what CMOS 39h says (two bits a disk on the two AT channels, as QEMU writes it); else what the partition table was made
 * with, when all its entries agree; else none up to 1024 cylinders, then LBA assist.
 * Spec: Phoenix Enhanced Disk Drive Specification 3.0; T13 1572D (EDD-3); Phoenix BIOS 4.0 (fixed disk parameter table).
 */
#include "disk.h"

/* ---- translation ----------------------------------------------------------------------------------------------------- */
static void assist(struct geometry *g, u64 sectors)
{
    static const u8 heads[] = { 16, 32, 64, 128, 255 };
    u32 tracks = sectors > 63 * 255 * 1024 ? 255 * 1024 : (u32)sectors / 63, k = 0;
    while (k < 4 && tracks / 1024 > heads[k])
        k++;
    g->sectors = 63;
    g->heads = heads[k];
    tracks /= g->heads;
    g->cylinders = tracks > 1024 ? 1024 : tracks ? tracks : 1;
}

static void shift(struct geometry *g)
{
    while (g->cylinders > 1024 && g->heads <= 127) {
        g->cylinders >>= 1;
        g->heads <<= 1;
    }
}

static u16 cylinder_of(const u8 *chs) { return chs[2] | (chs[1] & 0xC0) << 2; }

/* Heads and sectors per track such that every partition's first and last sector agree with its LBA numbers. */
static int from_partitions(struct drive *d)
{
    static u8 mbr[512];
    struct place at = { RUNTIME_SEG, (u16)(u32)mbr };
    u32 done, heads = 0, sectors = 0;
    if (ata_transfer(d, ATA_READ, 0, 1, &at, &done) != OK || mbr[510] != 0x55 || mbr[511] != 0xAA)
        return 0;
    const u8 *table = mbr + 446;
    for (u32 k = 0; k < 4; k++) {
        const u8 *p = table + 16 * k;
        if (!p[4])
            continue;
        if (p[0] & 0x7F || p[4] == 0xEE || (p[6] & 63) == 0)
            return 0;
        if ((p[5] + 1u) > heads)
            heads = p[5] + 1;
        if ((p[6] & 63u) > sectors)
            sectors = p[6] & 63;
    }
    if (heads < 2 || heads > 255 || !sectors)
        return 0;
    for (u32 k = 0; k < 4; k++) {
        const u8 *p = table + 16 * k;
        u32 start = *(const u32 *)(p + 8), end = start + *(const u32 *)(p + 12) - 1;
        if (!p[4])
            continue;
        if (cylinder_of(p + 1) < 1023 && (cylinder_of(p + 1) * heads + p[1]) * sectors + (p[2] & 63) - 1 != start)
            return 0;
        if (cylinder_of(p + 5) < 1023 && (cylinder_of(p + 5) * heads + p[5]) * sectors + (p[6] & 63) - 1 != end)
            return 0;
    }
    u32 cylinders = d->sectors > 0xFFFFFFFF ? 1024 : (u32)d->sectors / heads / sectors;
    d->logical.heads = heads;
    d->logical.sectors = sectors;
    d->logical.cylinders = cylinders > 1024 ? 1024 : cylinders ? cylinders : 1;
    return 1;
}

void choose_geometry(struct drive *d)
{
    struct geometry *g = &d->logical;
    u16 command = channels[d->channel].command;
    u8 asked = 0;
    if (command == 0x1F0 || command == 0x170)
        asked = cmos_read(0x39) >> (2 * d->slave + (command == 0x170 ? 4 : 0)) & 3;
    *g = d->physical;
    if (!asked && from_partitions(d)) {
        d->translation = g->heads == d->physical.heads && g->sectors == d->physical.sectors ? CHS_NONE : CHS_MBR;
        return;
    }
    int small = g->cylinders && g->cylinders <= 1024 && g->heads <= 16 && g->heads && g->sectors && g->sectors <= 63 &&
                d->sectors <= 1024 * 16 * 63;
    d->translation = asked ? asked : small ? CHS_NONE : CHS_LBA;
    switch (d->translation) {
    case CHS_LBA:
        assist(g, d->sectors);
        break;
    case CHS_REVISED:
        if (g->heads == 16) {
            u32 cylinders = g->cylinders > 61439 ? 61439 : g->cylinders;
            g->heads = 15;
            g->cylinders = cylinders * 16 / 15;
        }
        shift(g);
        break;
    case CHS_LARGE:
        shift(g);
        break;
    }
    if (g->cylinders > 1024)
        g->cylinders = 1024;
}

int chs_to_lba(const struct geometry *g, const struct regs *r, u32 *lba)
{
    u32 cylinder = r->ch | (r->cl & 0xC0) << 2, sector = r->cl & 63;
    if (!sector || sector > g->sectors || r->dh >= g->heads || cylinder >= g->cylinders)
        return 0;
    *lba = (cylinder * g->heads + r->dh) * g->sectors + sector - 1;
    return 1;
}

/* ---- tables ---------------------------------------------------------------------------------------------------------- */
static u8 sum8(const void *p, u32 n)
{
    u8 sum = 0;
    for (const u8 *b = p; n; n--)
        sum += *b++;
    return sum;
}

struct fixed_disk {
    u16 cylinders;
    u8 heads, signature, physical_sectors;
    u16 precompensation;
    u8 reserved, control;
    u16 physical_cylinders;
    u8 physical_heads;
    u16 landing;
    u8 sectors, sum;
} PACKED;

/* Disks 80h and 81h; a translated one has the mark A0h, the drive's own numbers and a sum. */
void disk_tables(void)
{
    for (u8 k = 0; k < 2; k++) {
        struct drive *d = disk_of(0x80 + k);
        struct fixed_disk t;
        u16 at = EBDA_OFF(disk_table) + 16 * k;
        memset(&t, 0, sizeof t);
        if (d) {
            t.cylinders = d->logical.cylinders;
            t.heads = d->logical.heads;
            t.sectors = d->logical.sectors;
            t.precompensation = 0xFFFF;
            t.control = 0xC0 | (d->physical.heads > 8 ? 8 : 0);
            t.landing = d->logical.cylinders - 1;
            if (d->translation != CHS_NONE) {
                t.signature = 0xA0;
                t.physical_sectors = d->physical.sectors;
                t.physical_cylinders = d->physical.cylinders;
                t.physical_heads = d->physical.heads;
                t.sum = -sum8(&t, 15);
            }
        }
        copy_to_far(ebda_seg(), at, &t, sizeof t);
        ivt_set(k ? 0x46 : 0x41, ebda_seg(), at);
    }
}

struct dpte { u16 command, control; u8 prefix, vendor, irq, multiple, dma, pio; u16 options, reserved; u8 revision, sum; } PACKED;
static struct dpte dpte[DRIVE_MAX + 1];

static u16 make_dpte(struct drive *d, u32 slot)
{
    struct dpte *t = &dpte[slot];
    struct channel *c = &channels[d->channel];
    memset(t, 0, sizeof *t);
    t->command = c->command;
    t->control = c->control;
    t->prefix = 0xA0 | (d->lba || d->kind == ATAPI_CDROM ? 0x40 : 0) | (d->slave ? 0x10 : 0);
    t->vendor = 0xCB;
    t->irq = c->irq;
    t->multiple = 1;
    if (d->kind == ATAPI_CDROM) {
        t->options = 0x60;                          /* removable, ATAPI */
    } else {
        if (d->translation != CHS_NONE)
            t->options |= 0x08 | (d->translation == CHS_LBA ? 1 << 9 : d->translation == CHS_LARGE ? 0 : 3 << 9);
        if (d->lba)
            t->options |= 0x10;
    }
    t->revision = 0x11;
    t->sum = -sum8(t, 15);
    return (u16)(u32)t;
}

struct edd {
    u16 size, flags;
    u32 cylinders, heads, sectors;
    u64 total;
    u16 block;                              /* 18h; version 1 ends here: 1Ah bytes */
    u16 dpte_off, dpte_seg;                 /* 1Ah; version 2: 1Eh bytes */
    u16 key;                                /* 1Eh: device path, 42h bytes, or 4Ah in T13's form */
    u8 path_size, reserved[3];
    char bus[4], interface[8];
    u8 interface_path[8];
    u8 device_path[16];
    u8 zero, sum;
} PACKED;

enum { DMA_TRANSPARENT = 1, GEOMETRY_VALID = 2, REMOVABLE = 4, CHANGE_LINE = 0x10, LOCKABLE = 0x20, NO_MEDIUM_MAXIMUM = 0x40 };

static void device_path(struct edd *e, struct drive *d, int t13)
{
    struct channel *c = &channels[d->channel];
    e->key = 0xBEDD;
    e->path_size = t13 ? 44 : 36;
    if (c->bdf != 0xFFFF) {
        memcpy(e->bus, "PCI ", 4);
        e->interface_path[0] = c->bdf >> 8;
        e->interface_path[1] = c->bdf >> 3 & 31;
        e->interface_path[2] = c->bdf & 7;
        e->interface_path[3] = c->irq == 15 ? 1 : 0;
    } else {
        memcpy(e->bus, "ISA ", 4);
        *(u16 *)e->interface_path = c->command;
    }
    memcpy(e->interface, d->kind == ATAPI_CDROM ? "ATAPI   " : "ATA     ", 8);
    e->device_path[0] = d->slave;
    u32 last = t13 ? 0x49 : 0x41;
    ((u8 *)e)[last] = 0;
    ((u8 *)e)[last] = -sum8(&e->key, last - 0x1E);
}

void edd_parameters(struct regs *r, struct drive *d)
{
    struct edd e;
    u16 room = far_get16(r->ds, r->si);
    if (room < 0x1A) {
        disk_done(r, BAD_COMMAND);
        return;
    }
    memset(&e, 0, sizeof e);
    e.size = room >= 0x4A ? 0x4A : room >= 0x42 ? 0x42 : room >= 0x1E ? 0x1E : 0x1A;
    e.block = d->block;
    if (d->kind == ATAPI_CDROM) {
        if (!d->sectors)
            cd_ready(d, 0);
        e.flags = REMOVABLE | CHANGE_LINE | LOCKABLE | (d->sectors ? 0 : NO_MEDIUM_MAXIMUM);
        e.cylinders = e.heads = e.sectors = 0xFFFFFFFF;
        e.total = d->sectors ? d->sectors : ~(u64)0;
    } else {
        e.flags = GEOMETRY_VALID;
        e.cylinders = d->physical.cylinders;
        e.heads = d->physical.heads;
        e.sectors = d->physical.sectors;
        if (d->sectors > 63u * 255 * 1024 || !e.cylinders || !e.heads || !e.sectors) {
            e.flags = 0;                            /* beyond 15.5 million sectors the numbers mean nothing */
            e.cylinders = 16383;
            e.heads = 16;
            e.sectors = 63;
        }
        e.total = d->sectors;
    }
    if (e.size >= 0x1E) {
        u32 slot = d >= drives && d < drives + DRIVE_MAX ? (u32)(d - drives) : DRIVE_MAX;
        e.dpte_off = make_dpte(d, slot);
        e.dpte_seg = RUNTIME_SEG;
    }
    if (e.size >= 0x42)
        device_path(&e, d, e.size == 0x4A);
    copy_to_far(r->ds, r->si, &e, e.size);
    disk_done(r, OK);
}
