/* INT 13h: fixed disks from 80h, CD drives from E0h, and the way to floppies and to an emulated drive.
 *
 * Spec: IBM PC/AT Technical Reference (fixed disk BIOS); Phoenix Enhanced Disk Drive Specification 3.0;
 * Ralf Brown's Interrupt List.
 */
#include "disk.h"

#define DISK_MAX 16
#define NONE 0xFF
#define FIRST_CD 0xE0
static u8 disk_map[DISK_MAX];           /* number - 80h: index in `drives`, NONE: an option ROM's */

struct packet { u8 size, reserved; u16 count; u32 buffer; u64 lba; u64 flat; } PACKED;

void disk_done(struct regs *r, u8 status)
{
    r->ah = status;
    set_cf(r, status != OK);
    if (r->dl < 0x80)
        BDA->floppy_status = status;
    else
        BDA->disk_status = status;
}

void disk_assign(u8 drive)
{
    u8 n = BDA->disk_count;
    if (n >= DISK_MAX)
        return;
    disk_map[n] = drive;
    BDA->disk_count = n + 1;
}

int disk_swap_first(u8 number)
{
    u8 n = number - 0x80;
    if (n >= DISK_MAX || disk_map[n] == NONE || disk_map[0] == NONE)
        return 0;
    u8 first = disk_map[0];
    disk_map[0] = disk_map[n];
    disk_map[n] = first;
    disk_tables();
    return 1;
}

u8 disk_number(u8 drive)
{
    u8 cd = FIRST_CD;
    if (drives[drive].kind == ATAPI_CDROM) {
        for (u8 k = 0; k < drive; k++)
            cd += drives[k].kind == ATAPI_CDROM;
        return cd;
    }
    for (u8 n = 0; n < DISK_MAX; n++)
        if (disk_map[n] == drive)
            return 0x80 + n;
    return 0;
}

struct drive *disk_of(u8 number)
{
    if (number >= FIRST_CD) {
        u8 n = number - FIRST_CD;
        for (u8 k = 0; k < n_drives; k++)
            if (drives[k].kind == ATAPI_CDROM && !n--)
                return &drives[k];
        return NULL;
    }
    number -= 0x80;
    if (number >= DISK_MAX || disk_map[number] == NONE)
        return NULL;
    return &drives[disk_map[number]];
}

u8 cd_count(void)
{
    u8 n = 0;
    for (u8 k = 0; k < n_drives; k++)
        n += drives[k].kind == ATAPI_CDROM;
    return n;
}

/* ---- moving sectors ---------------------------------------------------------------------------------------------------- */
static u8 move(struct drive *d, enum ata_way way, u64 lba, u32 count, u32 buffer, u32 *done)
{
    struct place at;
    *done = 0;
    if (lba >= d->sectors || count > d->sectors - lba)
        return NOT_FOUND;
    place_set(&at, buffer >> 16, buffer);
    if (way != ATA_VERIFY && ((u32)at.seg << 4) + at.off + count * d->block > 0x10FFF0)
        return DMA_BOUNDARY;
    if (d->kind == ATA_DISK)
        return ata_transfer(d, way, lba, count, &at, done);
    u8 s = way == ATA_READ ? cd_read(d, lba, count, &at) : way == ATA_VERIFY ? cd_ready(d, 0) : WRITE_PROTECTED;
    if (s == OK)
        *done = count;
    return s;
}

static void by_chs(struct regs *r, struct drive *d, enum ata_way way)
{
    u32 lba, done, count = r->al;
    if (!count || count > 128) {
        r->al = 0;
        disk_done(r, BAD_COMMAND);
        return;
    }
    if (!chs_to_lba(&d->logical, r, &lba)) {
        r->al = 0;
        disk_done(r, r->cl & 63 ? NOT_FOUND : BAD_COMMAND);
        return;
    }
    u8 s = move(d, way, lba, count, (u32)r->es << 16 | r->bx, &done);
    r->al = done;
    disk_done(r, s);
}

static int get_packet(struct regs *r, struct packet *p)
{
    p->size = far_get8(r->ds, r->si);
    if (p->size < 16)
        return 0;
    copy_from_far(p, r->ds, r->si, p->size >= sizeof *p ? sizeof *p : 16);
    return 1;
}

/* AH=42h-44h. A buffer of FFFF:FFFF in a long packet is a flat address: taken when real mode reaches it. */
static void by_lba(struct regs *r, struct drive *d, enum ata_way way)
{
    struct packet p;
    u32 done = 0;
    u8 s = BAD_COMMAND;
    if (get_packet(r, &p)) {
        u32 buffer = p.buffer;
        int flat = buffer == 0xFFFFFFFF && p.size >= sizeof p;
        if (flat)
            buffer = (u32)p.flat >> 4 << 16 | ((u32)p.flat & 15);
        if (flat && p.flat > 0xFFFFF)
            s = DMA_BOUNDARY;
        else
            s = move(d, way, p.lba, p.count, buffer, &done);
        far_put16(r->ds, r->si + 2, done);
    }
    disk_done(r, s);
}

static void seek(struct regs *r, struct drive *d)
{
    struct packet p;
    u32 lba;
    if (r->ah == 0x47)
        disk_done(r, !get_packet(r, &p) ? BAD_COMMAND : p.lba < d->sectors ? OK : NOT_FOUND);
    else {
        u8 cl = r->cl;
        r->cl = (cl & 0xC0) | 1;
        int good = chs_to_lba(&d->logical, r, &lba);
        r->cl = cl;
        disk_done(r, good ? OK : SEEK_FAILED);
    }
}

/* ---- telling ----------------------------------------------------------------------------------------------------------- */
static void parameters(struct regs *r, struct drive *d)
{
    u16 last = d->logical.cylinders - 1;
    r->al = 0;
    r->ch = last;
    r->cl = (last >> 2 & 0xC0) | d->logical.sectors;
    r->dh = d->logical.heads - 1;
    r->dl = BDA->disk_count;
    BDA->disk_status = OK;
    r->ah = OK;
    set_cf(r, 0);
}

static void disk_type(struct regs *r, struct drive *d)
{
    u32 n = (u32)d->logical.cylinders * d->logical.heads * d->logical.sectors;
    disk_done(r, OK);
    r->ah = 3;
    r->cx = n >> 16;
    r->dx = n;
}

static void extensions(struct regs *r, struct drive *d)
{
    if (r->bx != 0x55AA) {
        disk_done(r, BAD_COMMAND);
        return;
    }
    r->bx = 0xAA55;
    r->cx = d->kind == ATAPI_CDROM ? 7 : 5;         /* packets, removable control, EDD tables */
    disk_done(r, OK);
    r->ah = 0x30;
}

/* ---- removable media: AH=45h lock, 46h eject, 49h changed ------------------------------------------------------------- */
static void lock(struct regs *r, struct drive *d)
{
    u8 s = OK;
    switch (r->al) {
    case 0:
        if (d->locks == 0xFF)
            s = LOCK_COUNT;
        else if (!d->locks++)
            s = cd_prevent(d, 1);
        break;
    case 1:
        if (!d->locks)
            s = NOT_LOCKED;
        else if (!--d->locks)
            s = cd_prevent(d, 0);
        break;
    case 2: break;
    default: disk_done(r, BAD_COMMAND); return;
    }
    r->al = d->locks != 0;
    disk_done(r, s);
}

static void removable(struct regs *r, struct drive *d)
{
    int cd = d->kind == ATAPI_CDROM;
    switch (r->ah) {
    case 0x45:
        if (cd)
            lock(r, d);
        else
            disk_done(r, NOT_REMOVABLE);
        break;
    case 0x46:
        if (!cd)
            disk_done(r, NOT_REMOVABLE);
        else if (d->locks)
            disk_done(r, LOCKED);
        else
            disk_done(r, cd_start_stop(d, 2) == OK ? OK : EJECT_FAILED);
        break;
    default:
        disk_done(r, cd && cd_changed(d) ? DISK_CHANGED : OK);
    }
}

/* ---- the two classes --------------------------------------------------------------------------------------------------- */
static void int13_extended(struct regs *r, struct drive *d)
{
    switch (r->ah) {
    case 0x41: extensions(r, d); break;
    case 0x42: by_lba(r, d, ATA_READ); break;
    case 0x43: by_lba(r, d, ATA_WRITE); break;
    case 0x44: by_lba(r, d, ATA_VERIFY); break;
    case 0x45: case 0x46: case 0x49: removable(r, d); break;
    case 0x47: seek(r, d); break;
    case 0x48: edd_parameters(r, d); break;
    case 0x4E:                                      /* hardware configuration: DMA and prefetch are not ours to switch */
        if (r->al == 0x01 || r->al == 0x03 || r->al == 0x04 || r->al == 0x06) {
            r->al = 0;
            disk_done(r, OK);
        } else {
            disk_done(r, BAD_COMMAND);
        }
        break;
    default: disk_done(r, BAD_COMMAND);
    }
}

static void int13_disk(struct regs *r, struct drive *d)
{
    switch (r->ah) {
    case 0x00: case 0x0D: disk_done(r, ata_reset(d)); break;
    case 0x02: by_chs(r, d, ATA_READ); break;
    case 0x03: by_chs(r, d, ATA_WRITE); break;
    case 0x04: by_chs(r, d, ATA_VERIFY); break;
    case 0x05: {                                    /* a track of an IDE disk is always formatted */
        u32 lba;
        r->cl = (r->cl & 0xC0) | 1;
        disk_done(r, chs_to_lba(&d->logical, r, &lba) ? OK : NOT_FOUND);
        break;
    }
    case 0x08: parameters(r, d); break;
    case 0x09: case 0x14: disk_done(r, OK); break;
    case 0x0C: seek(r, d); break;
    case 0x10: case 0x11: disk_done(r, ata_ready(d)); break;
    case 0x15: disk_type(r, d); break;
    default: int13_extended(r, d);
    }
}

static void int13_cdrom(struct regs *r, struct drive *d)
{
    switch (r->ah) {
    case 0x00: case 0x0D: disk_done(r, ata_reset(d)); break;
    case 0x09: case 0x0C: case 0x11: case 0x14: disk_done(r, OK); break;
    case 0x10: disk_done(r, cd_ready(d, 0)); break;
    case 0x15:                                      /* no fixed disk, no floppy: nothing this call could describe */
        disk_done(r, OK);
        r->ah = 2;
        break;
    case 0x02: case 0x03: case 0x04: case 0x05: case 0x08: disk_done(r, BAD_COMMAND); break;
    case 0x43: disk_done(r, WRITE_PROTECTED); break;
    case 0x4A: case 0x4B: case 0x4C: case 0x4D: int13_cd_boot(r, d); break;
    default: int13_extended(r, d);
    }
}

/* DL beyond the disks: AH=15h says "none", the others fail. */
static void absent(struct regs *r)
{
    if (r->ah == 0x15) {
        r->ax = r->cx = r->dx = 0;
        set_cf(r, 0);
        return;
    }
    disk_done(r, BAD_COMMAND);
}

void int13(struct regs *r)
{
    u8 number = r->dl;
    struct drive *d;
    if (emulation.active) {
        if (number == emulation.number || (r->ah == 0x4B && number == 0x7F)) {
            int13_emulated(r);
            return;
        }
        if (number < 0x80 ? emulation.number < 0x80 : number < FIRST_CD && emulation.number >= 0x80)
            number--;                               /* the real ones moved up by one */
    } else if (r->ah == 0x4B && number == 0x7F && emulation.catalog) {
        int13_cd_boot(r, &drives[emulation.drive]);
        return;
    }
    if (number < 0x80) {
        int13_floppy(r, number);
        return;
    }
    if (r->ah == 0x01) {
        r->ah = BDA->disk_status;
        BDA->disk_status = OK;
        set_cf(r, r->ah != 0);
        return;
    }
    d = disk_of(number);
    if (!d)
        absent(r);
    else if (d->kind == ATAPI_CDROM)
        int13_cdrom(r, d);
    else
        int13_disk(r, d);
}

static const char *size_of(u64 sectors, u32 *n)
{
    u32 mib = sectors >> 11;
    *n = mib >= 10240 ? mib >> 10 : mib;
    return mib >= 10240 ? "GiB" : "MiB";
}

void disk_init(void)
{
    u32 n;
    memset(disk_map, NONE, sizeof disk_map);
    BDA->disk_count = 0;
    memset(&emulation, 0, sizeof emulation);
    ata_scan();
    for (u8 k = 0; k < n_drives; k++) {
        struct drive *d = &drives[k];
        u8 irq = channels[d->channel].irq;
        if (irq == 14 || irq == 15)
            irq_unmask(irq);
        print("IDE %u %s: %s", d->channel, d->slave ? "slave" : "master", d->model);
        if (d->kind == ATA_DISK) {
            choose_geometry(d);
            const char *unit = size_of(d->sectors, &n);
            print(", %u %s\n", n, unit);
            debug("  geometry %u/%u/%u, seen as %u/%u/%u\n", d->physical.cylinders, d->physical.heads, d->physical.sectors,
                  d->logical.cylinders, d->logical.heads, d->logical.sectors);
        } else {
            print(", CD\n");
            cd_scan(d);
        }
    }
}
