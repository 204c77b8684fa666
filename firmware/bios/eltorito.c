/* Booting from CD: El Torito 1.0 (Phoenix/IBM), with and without emulation, and INT 13h AH=4Ah-4Dh. */
#include "disk.h"

struct emulation emulation;
static u8 sector[2048];

struct entry { u8 indicator, media; u16 load_seg; u8 system, unused; u16 count; u32 lba; u8 criteria[20]; } PACKED;
enum { BOOTABLE = 0x88, MORE_HEADERS = 0x90, LAST_HEADER = 0x91, X86 = 0, NO_EMULATION = 0, DISK_IMAGE = 4 };
#define BOOT_RECORD 17

static u8 read_2k(struct drive *d, u32 lba)
{
    struct place at = { RUNTIME_SEG, (u16)(u32)sector };
    return cd_read(d, lba, 1, &at);
}

static const char *reason(u8 s)
{
    switch (s) {
    case NO_MEDIA: return "no disc";
    case NOT_READY: return "drive not ready";
    case TIMED_OUT: return "drive does not answer";
    }
    return "read error";
}

static u16 sum16(const u8 *p, u32 words)
{
    u16 sum = 0;
    for (; words; words--, p += 2)
        sum += p[0] | p[1] << 8;
    return sum;
}

/* The catalogue's entry for us: the initial one when the validation entry is for x86, else the first in an x86 section. */
static struct entry *choose(void)
{
    struct entry *e = (struct entry *)sector;
    if (sector[0] != 1 || sector[30] != 0x55 || sector[31] != 0xAA || sum16(sector, 16))
        return NULL;
    if (sector[1] == X86 && e[1].indicator == BOOTABLE)
        return &e[1];
    for (u32 k = 2; k < 64;) {
        u8 kind = e[k].indicator;
        if (kind != MORE_HEADERS && kind != LAST_HEADER)
            return NULL;
        u8 platform = e[k].media;
        for (u16 left = e[k].load_seg; left && ++k < 64;) {     /* the count is where an entry has its segment */
            if (e[k].indicator == 0x44)             /* an extension of the one before */
                continue;
            if (platform == X86 && e[k].indicator == BOOTABLE)
                return &e[k];
            left--;
        }
        if (kind == LAST_HEADER)
            return NULL;
        k++;
    }
    return NULL;
}

/* 512-byte sectors of the image, for the emulated drive: whole ones directly, the edges through a buffer. */
static u8 read_image(struct drive *d, u32 lba, u32 count, struct place *at)
{
    while (count) {
        u32 skip = lba & 3, n;
        u8 s;
        if (!skip && count >= 4) {
            n = count & ~3;
            s = cd_read(d, emulation.image + lba / 4, n / 4, at);
        } else {
            n = 4 - skip < count ? 4 - skip : count;
            s = read_2k(d, emulation.image + lba / 4);
            if (s == OK) {
                copy_to_far(at->seg, at->off, sector + skip * 512, n * 512);
                place_add(at, n * 512);
            }
        }
        if (s != OK)
            return s;
        lba += n;
        count -= n;
    }
    return OK;
}

/* A hard disk image says in its only partition how its sectors are counted; a floppy's is its type's. */
static int set_geometry(struct drive *d)
{
    static const struct geometry floppy[] = { { 0, 0, 0 }, { 80, 2, 15 }, { 80, 2, 18 }, { 80, 2, 36 } };
    emulation.geometry = floppy[emulation.media & 3];
    if (emulation.media != DISK_IMAGE)
        return 1;
    if (read_2k(d, emulation.image) != OK)
        return 0;
    const u8 *part = sector + 446;
    for (u32 k = 0; k < 3 && !part[4]; k++)
        part += 16;
    emulation.geometry.cylinders = (part[7] | (part[6] & 0xC0) << 2) + 1;
    emulation.geometry.heads = part[5] + 1;
    emulation.geometry.sectors = part[6] & 63;
    return emulation.geometry.sectors != 0;
}

/* The emulated drive comes first: others of its class move one up, and the BIOS data area counts one more. */
static void start_emulation(void)
{
    if (!emulation.media)
        return;
    if (emulation.media == DISK_IMAGE)
        BDA->disk_count = BDA->disk_count + 1;
    else if (BDA->equipment & 1)
        BDA->equipment = (BDA->equipment & ~0xC0) | ((BDA->equipment + 0x40) & 0xC0);
    else
        BDA->equipment |= 1;
    emulation.active = 1;
}

void eltorito_stop(void)
{
    if (!emulation.active)
        return;
    emulation.active = 0;
    if (emulation.media == DISK_IMAGE)
        BDA->disk_count = BDA->disk_count - 1;
    else if (BDA->equipment & 0xC0)
        BDA->equipment = (BDA->equipment & ~0xC0) | ((BDA->equipment - 0x40) & 0xC0);
    else
        BDA->equipment &= ~1;
}

static void set_entry(struct drive *d, u8 media, u32 image, u16 load_seg, u16 count, u8 number)
{
    eltorito_stop();
    emulation.media = media & 15;
    emulation.drive = d - drives;
    emulation.image = image;
    emulation.load_seg = load_seg ? load_seg : 0x7C0;
    emulation.load_count = count ? count : emulation.media ? 1 : 4;
    emulation.number = emulation.media == NO_EMULATION ? number : emulation.media == DISK_IMAGE ? 0x80 : 0x00;
}

static u8 load(struct drive *d)
{
    struct place at;
    place_set(&at, emulation.load_seg, 0);
    return read_image(d, 0, emulation.load_count, &at);
}

/* Boot code of old expects 0000:7C00 rather than 07C0:0000. */
void eltorito_start(void)
{
    u16 seg = emulation.load_seg;
    start_boot(seg & 0xF000, (seg & 0x0FFF) << 4, emulation.number);
}

int eltorito_boot(struct drive *d, u8 number, char *why, u32 room)
{
    eltorito_stop();
    u8 s = cd_ready(d, 20000);
    if (s == OK)
        s = read_2k(d, BOOT_RECORD);
    if (s != OK) {
        snformat(why, room, "%s", reason(s));
        return 0;
    }
    if (sector[0] || memcmp(sector + 1, "CD001\1EL TORITO SPECIFICATION", 30)) {
        snformat(why, room, "not a bootable disc (no El Torito boot record)");
        return 0;
    }
    u32 catalog = *(u32 *)(sector + 0x47);
    struct entry *e = NULL;
    s = read_2k(d, catalog);
    if (s == OK)
        e = choose();
    if (!e) {
        snformat(why, room, s == OK ? "no boot catalogue entry for this machine" : "read error in the boot catalogue");
        return 0;
    }
    set_entry(d, e->media, e->lba, e->load_seg, e->count, number);
    emulation.catalog = catalog;
    if (emulation.media > DISK_IMAGE || !set_geometry(d)) {
        snformat(why, room, "boot image of unknown kind %u", emulation.media);
        return 0;
    }
    s = load(d);
    if (s != OK) {
        snformat(why, room, "%s in the boot image", reason(s));
        return 0;
    }
    start_emulation();
    return 1;
}

struct specification {
    u8 size, media, number, controller;
    u32 image;
    u16 device, buffer, seg, count;
    u8 cylinders, sectors, heads;
} PACKED;

/* AH=4Bh fills the specification packet at DS:SI. */
static void tell(struct regs *r, struct drive *d)
{
    struct specification p;
    memset(&p, 0, sizeof p);
    p.size = sizeof p;
    p.media = emulation.media;
    p.number = emulation.number;
    p.controller = d->channel;
    p.image = emulation.image;
    p.device = d->slave;
    p.seg = emulation.load_seg;
    p.count = emulation.load_count;
    if (emulation.media) {
        u16 last = emulation.geometry.cylinders - 1;
        p.cylinders = last;
        p.sectors = (last >> 2 & 0xC0) | emulation.geometry.sectors;
        p.heads = emulation.geometry.heads - 1;
    }
    copy_to_far(r->ds, r->si, &p, sizeof p);
}

/* AH=4Dh: sectors of the catalogue to a buffer of the caller's. */
static u8 give_catalog(struct regs *r, struct drive *d)
{
    struct { u8 size, count; u32 buffer; u16 first; } PACKED p;
    copy_from_far(&p, r->ds, r->si, sizeof p);
    if (p.size != 8 || !p.count)
        return BAD_COMMAND;
    struct place at;
    place_set(&at, p.buffer >> 16, p.buffer);
    return cd_read(d, emulation.catalog + p.first, p.count, &at);
}

/* AH=4Ah, 4Ch: an image of the caller's choice. */
static u8 initiate(struct regs *r, struct drive *d)
{
    struct specification p;
    copy_from_far(&p, r->ds, r->si, sizeof p);
    if (r->al || p.size != sizeof p || (p.media & 15) > DISK_IMAGE)
        return BAD_COMMAND;
    set_entry(d, p.media, p.image, p.seg, p.count, r->dl);
    if (!set_geometry(d))
        return UNDEFINED_ERROR;
    start_emulation();
    if (r->ah == 0x4A)
        return OK;
    u8 s = load(d);
    if (s != OK)
        return s;
    eltorito_start();
}

void int13_cd_boot(struct regs *r, struct drive *d)
{
    u8 s = OK;
    int mine = emulation.catalog && &drives[emulation.drive] == d;
    switch (r->ah) {
    case 0x4B:
        if (r->al > 1 || !mine) {
            s = BAD_COMMAND;
            break;
        }
        tell(r, d);
        if (r->al == 0)
            eltorito_stop();
        break;
    case 0x4D:
        s = r->al == 0 && mine ? give_catalog(r, d) : BAD_COMMAND;
        break;
    default:
        s = initiate(r, d);
    }
    disk_done(r, s);
}

/* ---- the emulated drive ---------------------------------------------------------------------------------------------- */
static void parameters(struct regs *r)
{
    const struct geometry *g = &emulation.geometry;
    static const u8 types[] = { 0, 2, 4, 5 };
    u16 last = g->cylinders - 1;
    r->al = 0;
    r->ch = last;
    r->cl = (last >> 2 & 0xC0) | g->sectors;
    r->dh = g->heads - 1;
    if (emulation.media == DISK_IMAGE) {
        r->dl = BDA->disk_count;
    } else {
        u32 table = ivt_get(0x1E);
        r->bx = types[emulation.media];
        r->dl = (BDA->equipment >> 6 & 3) + 1;
        r->es = table >> 16;
        r->di = table;
    }
    disk_done(r, OK);
}

static u8 transfer(struct regs *r, int verify)
{
    struct place at;
    u32 lba;
    u8 count = r->al;
    r->al = 0;
    if (!count || count > 128 || !chs_to_lba(&emulation.geometry, r, &lba))
        return count && count <= 128 ? NOT_FOUND : BAD_COMMAND;
    if (lba + count > (u32)emulation.geometry.cylinders * emulation.geometry.heads * emulation.geometry.sectors)
        return NOT_FOUND;
    if (!verify) {
        place_set(&at, r->es, r->bx);
        u8 s = read_image(&drives[emulation.drive], lba, count, &at);
        if (s != OK)
            return s;
    }
    r->al = count;
    return OK;
}

static u32 image_sectors(void)
{
    return (u32)emulation.geometry.cylinders * emulation.geometry.heads * emulation.geometry.sectors;
}

static u8 transfer_extended(struct regs *r)
{
    struct { u8 size, reserved; u16 count; u32 buffer; u32 lba, lba_high; } PACKED p;
    copy_from_far(&p, r->ds, r->si, sizeof p);
    if (p.size < 16)
        return BAD_COMMAND;
    if (p.lba_high || p.lba + (u64)p.count > image_sectors()) {
        far_put16(r->ds, r->si + 2, 0);
        return NOT_FOUND;
    }
    if (r->ah != 0x42)
        return OK;
    struct place at;
    place_set(&at, p.buffer >> 16, p.buffer);
    u8 s = read_image(&drives[emulation.drive], p.lba, p.count, &at);
    if (s != OK)
        far_put16(r->ds, r->si + 2, 0);
    return s;
}

void int13_emulated(struct regs *r)
{
    u8 disk = emulation.media == DISK_IMAGE, s = OK;
    switch (r->ah) {
    case 0x00: case 0x0D: case 0x11: case 0x10: case 0x14:
        s = ata_reset(&drives[emulation.drive]);
        break;
    case 0x01:
        r->ah = disk ? BDA->disk_status : BDA->floppy_status;
        set_cf(r, r->ah != 0);
        return;
    case 0x02: s = transfer(r, 0); break;
    case 0x04: s = transfer(r, 1); break;
    case 0x03: case 0x05: case 0x43: s = WRITE_PROTECTED; break;
    case 0x08: parameters(r); return;
    case 0x09: case 0x0C: break;
    case 0x15:
        disk_done(r, OK);
        r->ah = disk ? 3 : 1;
        if (disk) {
            u32 n = image_sectors();
            r->cx = n >> 16;
            r->dx = n;
        }
        return;
    case 0x16: break;
    case 0x41:
        if (!disk || r->bx != 0x55AA) {
            s = BAD_COMMAND;
            break;
        }
        r->bx = 0xAA55;
        r->cx = 1;
        disk_done(r, OK);
        r->ah = 0x30;
        return;
    case 0x42: case 0x44: case 0x47:
        s = disk ? transfer_extended(r) : BAD_COMMAND;
        break;
    case 0x48: {
        struct drive d = drives[emulation.drive];
        d.kind = ATA_DISK;
        d.block = 512;
        d.sectors = image_sectors();
        d.physical = d.logical = emulation.geometry;
        if (!disk) {
            s = BAD_COMMAND;
            break;
        }
        edd_parameters(r, &d);
        return;
    }
    case 0x4A: case 0x4B: case 0x4C: case 0x4D:
        int13_cd_boot(r, &drives[emulation.drive]);
        return;
    default: s = BAD_COMMAND;
    }
    disk_done(r, s);
}
