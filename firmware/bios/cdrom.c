/* ATAPI CD and DVD drives: packets by PIO, medium and sectors (SFF-8020i 2.6; MMC-3; ATA/ATAPI-6 PACKET protocol). */
#include "disk.h"

enum { DATA, ERROR, REASON, SECTOR, COUNT_LOW, COUNT_HIGH, DEVICE, STATUS, COMMAND = STATUS, FEATURE = ERROR };
enum { DRQ = 0x08, ERR = 0x01, NIEN = 0x02, IO = 0x02, COD = 0x01 };
enum { PACKET = 0xA0 };
enum {
    TEST_UNIT_READY = 0x00, REQUEST_SENSE = 0x03, START_STOP = 0x1B, PREVENT_ALLOW = 0x1E, READ_CAPACITY = 0x25, READ_10 = 0x28,
};
enum { NO_SENSE = 0, SENSE_NOT_READY = 2, ILLEGAL_REQUEST = 5, UNIT_ATTENTION = 6 };
enum { BECOMING_READY = 0x04, MEDIUM_CHANGED = 0x28, NO_MEDIUM = 0x3A };
#define CHUNK 0xF800            /* bytes a drive gives between two polls: 31 sectors */

static u8 changed[DRIVE_MAX];

static u8 drop(u16 port, u32 words)
{
    for (; words; words--)
        inw(port);
    return OK;
}

/* One packet; up to `bytes` of data come in at `at`, what the drive gives beyond is dropped. */
static u8 packet_raw(struct drive *d, const u8 *cdb, u32 bytes, struct place *at, u32 ms)
{
    u16 base = channels[d->channel].command;
    u8 s = ata_select(d);
    if (s != OK)
        return s;
    u32 limit = bytes > CHUNK ? CHUNK : bytes ? bytes : 8;
    outb(base + FEATURE, 0);
    outb(base + COUNT_LOW, limit);
    outb(base + COUNT_HIGH, limit >> 8);
    outb(base + COMMAND, PACKET);
    delay_us(1);
    s = ata_wait(d, DRQ, 0, 5000);
    if (s != OK)
        return s;
    struct place from = { RUNTIME_SEG, (u16)(u32)cdb };
    outsw_far(base + DATA, from.seg, from.off, 6);
    for (;;) {
        delay_us(1);
        s = ata_wait(d, 0, 0, ms);
        if (s != OK)
            return s;
        u8 now = inb(base + STATUS);
        if (now & ERR)
            return CONTROLLER;
        if (!(now & DRQ))
            return bytes ? NOT_FOUND : OK;          /* less than was asked for is an error too */
        if ((inb(base + REASON) & (IO | COD)) != IO)
            return CONTROLLER;
        u32 n = inb(base + COUNT_LOW) | inb(base + COUNT_HIGH) << 8, take = n < bytes ? n : bytes;
        if (!n)
            return CONTROLLER;
        insw_far(base + DATA, at->seg, at->off, take / 2);
        place_add(at, take & ~1);
        if (take & 1) {
            far_put8(at->seg, at->off, inw(base + DATA));
            place_add(at, 1);
        }
        drop(base + DATA, (n + 1) / 2 - (take + 1) / 2);
        bytes -= take;
        if (!bytes) {                               /* the rest, if any, and the final status */
            do {
                delay_us(1);
                s = ata_wait(d, 0, 0, ms);
                now = inb(base + STATUS);
                if (s == OK && now & DRQ)
                    drop(base + DATA, (inb(base + COUNT_LOW) | inb(base + COUNT_HIGH) << 8) / 2);
            } while (s == OK && now & DRQ && !(now & ERR));
            return s != OK ? s : now & ERR ? CONTROLLER : OK;
        }
    }
}

static void irq(struct drive *d, int on)
{
    outb(channels[d->channel].control, on ? 0x08 : 0x08 | NIEN);
}

struct sense { u8 key, code, qualifier; };

static u8 packet(struct drive *d, const u8 *cdb, u32 bytes, struct place *at, u32 ms, struct sense *sense)
{
    irq(d, 0);
    memset(sense, 0, sizeof *sense);
    u8 s = packet_raw(d, cdb, bytes, at, ms);
    if (s == CONTROLLER) {
        u8 ask[12], data[18];
        memset(ask, 0, 12);
        memset(data, 0, 18);
        ask[0] = REQUEST_SENSE;
        ask[4] = 18;
        struct place p = { RUNTIME_SEG, (u16)(u32)data };
        if (packet_raw(d, ask, 18, &p, 5000) == OK) {
            sense->key = data[2] & 15;
            sense->code = data[12];
            sense->qualifier = data[13];
            if (sense->key == UNIT_ATTENTION || sense->code == NO_MEDIUM)
                changed[d - drives] = 1;
        }
    } else if (s == TIMED_OUT) {
        ata_reset(d);
    }
    inb(channels[d->channel].command + STATUS);
    irq(d, 1);
    return s;
}

/* What INT 13h says to it. */
static u8 status_of(u8 s, const struct sense *sense)
{
    if (s != CONTROLLER)
        return s;
    if (sense->code == NO_MEDIUM)
        return NO_MEDIA;
    switch (sense->key) {
    case SENSE_NOT_READY: return NOT_READY;
    case UNIT_ATTENTION: return DISK_CHANGED;
    case ILLEGAL_REQUEST: return sense->code == 0x21 ? NOT_FOUND : BAD_COMMAND;
    case 3: return BAD_CRC;
    }
    return CONTROLLER;
}

static u8 simple(struct drive *d, u8 code, u8 byte4, u32 ms)
{
    u8 cdb[12], s;
    struct sense sense;
    memset(cdb, 0, 12);
    cdb[0] = code;
    cdb[4] = byte4;
    for (u32 tries = 0; tries < 3; tries++) {
        s = status_of(packet(d, cdb, 0, NULL, ms, &sense), &sense);
        if (s != DISK_CHANGED)
            break;
    }
    return s;
}

static u8 capacity(struct drive *d)
{
    u8 cdb[12];
    u32 answer[2];
    struct sense sense;
    memset(cdb, 0, 12);
    cdb[0] = READ_CAPACITY;
    struct place at = { RUNTIME_SEG, (u16)(u32)answer };
    u8 s = packet(d, cdb, 8, &at, 5000, &sense);
    if (s != OK)
        return status_of(s, &sense);
    d->block = swap32(answer[1]) == 512 ? 512 : 2048;
    d->sectors = (u64)swap32(answer[0]) + 1;
    return OK;
}

/* A drive that is spinning up is waited for; one that is empty is not. */
u8 cd_ready(struct drive *d, u32 ms)
{
    u8 cdb[12], s;
    struct sense sense;
    u32 attentions = 0;
    memset(cdb, 0, 12);
    cdb[0] = TEST_UNIT_READY;
    for (;;) {
        s = packet(d, cdb, 0, NULL, 5000, &sense);
        if (s == OK)
            return capacity(d);
        if (s == CONTROLLER && sense.key == UNIT_ATTENTION && ++attentions < 5)
            continue;
        if (s != CONTROLLER || sense.key != SENSE_NOT_READY || sense.code != BECOMING_READY || ms < 100)
            return status_of(s, &sense);
        sleep_ms(100);
        ms -= 100;
    }
}

u8 cd_read(struct drive *d, u32 lba, u32 count, struct place *at)
{
    u8 cdb[12], s = OK;
    struct sense sense;
    if (!d->sectors && (s = cd_ready(d, 0)) != OK)
        return s;
    if (lba + (u64)count > d->sectors && (s = cd_ready(d, 0)) != OK)
        return s;
    if (lba + (u64)count > d->sectors)
        return NOT_FOUND;
    while (count && s == OK) {
        u32 n = count > 31 ? 31 : count;
        struct place start = *at;
        for (u32 tries = 0; tries < 3; tries++) {
            memset(cdb, 0, 12);
            cdb[0] = READ_10;
            cdb[2] = lba >> 24;
            cdb[3] = lba >> 16;
            cdb[4] = lba >> 8;
            cdb[5] = lba;
            cdb[8] = n;
            *at = start;
            s = status_of(packet(d, cdb, n * d->block, at, 20000, &sense), &sense);
            if (s != DISK_CHANGED && s != NOT_READY)
                break;
            s = cd_ready(d, 10000);                 /* another disc: its size, then again */
            if (s != OK)
                break;
            s = NOT_READY;
        }
        lba += n;
        count -= n;
    }
    return s;
}

u8 cd_start_stop(struct drive *d, u8 bits)
{
    u8 s = simple(d, START_STOP, bits, 10000);
    d->sectors = 0;
    return s;
}

u8 cd_prevent(struct drive *d, int prevent)
{
    return simple(d, PREVENT_ALLOW, prevent, 5000);
}

u8 cd_changed(struct drive *d)
{
    simple(d, TEST_UNIT_READY, 0, 5000);
    u8 was = changed[d - drives];
    changed[d - drives] = 0;
    return was;
}

/* The attention after power-on is not a change of medium. */
void cd_scan(struct drive *d)
{
    cd_ready(d, 0);
    changed[d - drives] = 0;
}
