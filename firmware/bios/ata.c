/* ATA: finding drives, and sectors by PIO (ATA/ATAPI-6, T13 1410D; INCITS PCI IDE Controller Specification 1.0).
 *
 * Interrupts of the drive stay off (nIEN) while a command of ours runs: we poll.  A drive that does not answer
 * in time is reset, and the caller gets 80h.  No DMA: addresses under a V86 monitor are not those the controller sees.
 */
#include "disk.h"

enum { DATA, ERROR, COUNT_REG, LOW, MID, HIGH, DEVICE, STATUS, COMMAND = STATUS, FEATURE = ERROR };
enum { BSY = 0x80, DRDY = 0x40, DF = 0x20, DRQ = 0x08, ERR = 0x01 };
enum { NIEN = 0x02, SRST = 0x04, LBA_MODE = 0x40, DEVICE_OBS = 0xA0, SLAVE = 0x10 };
enum { E_AMNF = 0x01, E_ABRT = 0x04, E_IDNF = 0x10, E_UNC = 0x40, E_WP = 0x40, E_BBK = 0x80 };
enum {
    READ = 0x20, READ_EXT = 0x24, WRITE = 0x30, WRITE_EXT = 0x34, VERIFY = 0x40, VERIFY_EXT = 0x42, SET_PARAMETERS = 0x91,
    IDENTIFY_PACKET = 0xA1, IDENTIFY = 0xEC,
};

#define CHANNEL_MAX 6
struct channel channels[CHANNEL_MAX];
static u8 n_channels;
struct drive drives[DRIVE_MAX];
u8 n_drives;

static u8 status(struct drive *d) { return inb(channels[d->channel].control); }

u8 ata_wait(struct drive *d, u8 set, u8 clear, u32 ms)
{
    struct patience p;
    patience_ms(&p, ms);
    for (;;) {
        u8 s = status(d);
        if (!(s & BSY) && (s & set) == set && !(s & clear))
            return OK;
        if (!(s & BSY) && set & DRQ && s & (ERR | DF))
            return CONTROLLER;
        if (patience_over(&p))
            return TIMED_OUT;
    }
}

u8 ata_select(struct drive *d)
{
    struct channel *c = &channels[d->channel];
    if (status(d) == 0xFF)
        return TIMED_OUT;
    u8 s = ata_wait(d, 0, DRQ, 5000);
    if (s != OK)
        return s;
    outb(c->command + DEVICE, DEVICE_OBS | (d->slave ? SLAVE : 0));
    delay_us(1);
    status(d);
    return ata_wait(d, 0, DRQ, 5000);
}

/* The drive's error register as an INT 13h status. */
static u8 error_of(struct drive *d, int write)
{
    u16 base = channels[d->channel].command;
    u8 s = inb(base + STATUS), e = inb(base + ERROR);
    BDA->disk_reg_status = s;
    BDA->disk_reg_error = e;
    if (s & DF)
        return write ? WRITE_FAULT : CONTROLLER;
    if (!(s & ERR))
        return OK;
    if (e & E_UNC)
        return write ? WRITE_PROTECTED : BAD_CRC;
    if (e & E_IDNF)
        return NOT_FOUND;
    if (e & E_BBK)
        return BAD_CRC;
    if (e & E_AMNF)
        return BAD_MARK;
    if (e & E_ABRT)
        return BAD_COMMAND;
    return CONTROLLER;
}

static void channel_irq(struct channel *c, int on)
{
    outb(c->control, on ? 0x08 : 0x08 | NIEN);
}

/* With drive 0 selected, whose BSY stands for both: an absent drive 1 would show ready at once. */
static void channel_reset(struct channel *c)
{
    outb(c->command + DEVICE, DEVICE_OBS);
    delay_us(1);
    outb(c->control, 0x08 | NIEN | SRST);
    delay_us(10);
    outb(c->control, 0x08 | NIEN);
    wait_us(2500);
}

/* Registers in the order of the task file; `extended` writes each twice, high bytes first. */
static void issue(struct drive *d, const struct ata_command *cmd, int extended)
{
    u16 base = channels[d->channel].command;
    for (int k = extended; k >= 0; k--) {
        outb(base + FEATURE, cmd->feature[k]);
        outb(base + COUNT_REG, cmd->count[k]);
        outb(base + LOW, cmd->low[k]);
        outb(base + MID, cmd->mid[k]);
        outb(base + HIGH, cmd->high[k]);
    }
    outb(base + DEVICE, cmd->device);
    outb(base + COMMAND, cmd->command);
    delay_us(1);
}

static void set_lba(struct ata_command *cmd, u64 lba, u32 count)
{
    cmd->count[0] = count;
    cmd->count[1] = count >> 8;
    cmd->low[0] = lba;
    cmd->mid[0] = lba >> 8;
    cmd->high[0] = lba >> 16;
    cmd->low[1] = lba >> 24;
    cmd->mid[1] = lba >> 32;
    cmd->high[1] = lba >> 40;
}

static int fill(struct drive *d, struct ata_command *cmd, u64 lba, u32 count)
{
    static const u8 plain[] = { READ, WRITE, VERIFY }, extended[] = { READ_EXT, WRITE_EXT, VERIFY_EXT };
    u8 way = cmd->command;
    cmd->command = plain[way];
    cmd->device = DEVICE_OBS | (d->slave ? SLAVE : 0);
    if (!d->lba) {
        u32 n = lba, track = n / d->physical.sectors;
        set_lba(cmd, (u64)(track / d->physical.heads) << 8 | (n % d->physical.sectors + 1), count);
        cmd->device |= track % d->physical.heads;
        return 0;
    }
    set_lba(cmd, lba, count);
    cmd->device |= LBA_MODE;
    if (lba + count > 0x10000000) {
        cmd->command = extended[way];
        return 1;
    }
    cmd->device |= lba >> 24 & 15;
    return 0;
}

static u8 sectors_pio(struct drive *d, enum ata_way way, u32 count, struct place *at, u32 *done)
{
    u16 base = channels[d->channel].command;
    u32 words = d->block / 2;
    for (; count; count--, ++*done) {
        u8 s = ata_wait(d, DRQ, 0, 10000);
        if (s != OK)
            return s == CONTROLLER ? error_of(d, way == ATA_WRITE) : s;
        if (way == ATA_WRITE)
            outsw_far(base + DATA, at->seg, at->off, words);
        else
            insw_far(base + DATA, at->seg, at->off, words);
        place_add(at, d->block);
        delay_us(1);
        irq_window();
    }
    return OK;
}

static u8 one_command(struct drive *d, enum ata_way way, u64 lba, u32 count, struct place *at, u32 *done)
{
    struct ata_command cmd;
    memset(&cmd, 0, sizeof cmd);
    cmd.command = way;
    int extended = fill(d, &cmd, lba, count);
    u8 s = ata_select(d);
    if (s != OK)
        return s;
    issue(d, &cmd, extended);
    if (way != ATA_VERIFY) {
        s = sectors_pio(d, way, count, at, done);
        if (s != OK)
            return s;
    }
    s = ata_wait(d, 0, DRQ, 10000);
    if (s == OK)
        s = error_of(d, way == ATA_WRITE);
    if (s == OK && way == ATA_VERIFY)
        *done += count;
    return s;
}

u8 ata_transfer(struct drive *d, enum ata_way way, u64 lba, u32 count, struct place *at, u32 *done)
{
    struct channel *c = &channels[d->channel];
    u8 s = OK;
    *done = 0;
    channel_irq(c, 0);
    while (count && s == OK) {
        u32 n = count > 256 ? 256 : count, moved = 0;
        s = one_command(d, way, lba, n, at, &moved);
        *done += moved;
        lba += n;
        count -= n;
    }
    if (s == TIMED_OUT)
        channel_reset(c);
    inb(c->command + STATUS);               /* no interrupt stays behind */
    channel_irq(c, 1);
    return s;
}

static u8 set_parameters(struct drive *d)
{
    struct ata_command cmd;
    memset(&cmd, 0, sizeof cmd);
    cmd.command = SET_PARAMETERS;
    cmd.count[0] = d->physical.sectors;
    cmd.device = DEVICE_OBS | (d->slave ? SLAVE : 0) | (d->physical.heads - 1);
    u8 s = ata_select(d);
    if (s != OK)
        return s;
    issue(d, &cmd, 0);
    s = ata_wait(d, 0, DRQ, 5000);
    return s == OK ? error_of(d, 0) : s;
}

u8 ata_reset(struct drive *d)
{
    struct channel *c = &channels[d->channel];
    channel_irq(c, 0);
    channel_reset(c);
    u8 s = ata_select(d);
    if (s == OK && d->kind == ATA_DISK)
        s = ata_wait(d, DRDY, 0, 10000);
    if (s == OK && d->kind == ATA_DISK && !d->lba)
        s = set_parameters(d);
    channel_irq(c, 1);
    return s;
}

u8 ata_ready(struct drive *d)
{
    channel_irq(&channels[d->channel], 0);
    u8 s = ata_select(d);
    if (s == OK)
        s = ata_wait(d, DRDY, 0, 1000);
    channel_irq(&channels[d->channel], 1);
    return s == OK ? OK : NOT_READY;
}

/* ---- finding them ----------------------------------------------------------------------------------------------------- */
static u8 identify(struct drive *d, u8 command, u16 *words)
{
    struct ata_command cmd;
    memset(&cmd, 0, sizeof cmd);
    cmd.command = command;
    cmd.device = DEVICE_OBS | (d->slave ? SLAVE : 0);
    u8 s = ata_select(d);
    if (s != OK)
        return s;
    issue(d, &cmd, 0);
    if (!status(d))
        return CONTROLLER;
    s = ata_wait(d, DRQ, 0, 5000);
    if (s != OK)
        return s;
    insw_far(channels[d->channel].command + DATA, RUNTIME_SEG, (u16)(u32)words, 256);
    delay_us(1);
    inb(channels[d->channel].command + STATUS);
    return OK;
}

static void take_identity(struct drive *d, const u16 *w)
{
    u32 k, end = 0;
    for (k = 0; k < 20; k++) {
        d->model[2 * k] = w[27 + k] >> 8;
        d->model[2 * k + 1] = w[27 + k];
    }
    for (k = 0; k < 40; k++)
        if (d->model[k] > ' ' && d->model[k] < 127)
            end = k + 1;
        else
            d->model[k] = ' ';
    d->model[end] = 0;
    d->removable = w[0] >> 7 & 1;
    if (d->kind == ATAPI_CDROM) {
        d->block = 2048;
        return;
    }
    d->block = 512;
    d->physical.cylinders = w[1];
    d->physical.heads = w[3];
    d->physical.sectors = w[6];
    d->lba = w[49] >> 9 & 1;
    d->lba48 = d->lba && (w[83] & 0xC400) == 0x4400;
    if (d->lba48)
        d->sectors = (u64)(w[102] | (u32)w[103] << 16) << 32 | (w[100] | (u32)w[101] << 16);
    else if (d->lba)
        d->sectors = w[60] | (u32)w[61] << 16;
    else
        d->sectors = (u32)w[1] * w[3] * w[6];
}

/* Registers of the selected drive hold what is written; an absent slave may be answered for by its master. */
static int answers(struct drive *d)
{
    u16 base = channels[d->channel].command;
    if (ata_select(d) != OK)
        return 0;
    outb(base + COUNT_REG, 0x55);
    outb(base + LOW, 0xAA);
    return inb(base + COUNT_REG) == 0x55 && inb(base + LOW) == 0xAA && inb(base + DEVICE) != 0xFF;
}

static u16 words[256];

static void probe_drive(u8 channel, u8 slave)
{
    struct drive *d = &drives[n_drives];
    if (n_drives == DRIVE_MAX)
        return;
    memset(d, 0, sizeof *d);
    d->channel = channel;
    d->slave = slave;
    if (!answers(d))
        return;
    d->kind = ATAPI_CDROM;
    if (identify(d, IDENTIFY_PACKET, words) != OK) {
        d->kind = ATA_DISK;
        if (identify(d, IDENTIFY, words) != OK)
            return;
    }
    if (d->kind == ATAPI_CDROM && (words[0] >> 8 & 0x1F) != 5) {
        debug("ata%u.%u: packet device of class %u, not a CD\n", channel, slave, words[0] >> 8 & 0x1F);
        return;
    }
    take_identity(d, words);
    if (d->kind == ATA_DISK && (!d->sectors || (!d->lba && (!d->physical.heads || !d->physical.sectors)))) {
        debug("ata%u.%u: a disk without sectors\n", channel, slave);
        return;
    }
    if (d->kind == ATA_DISK && !d->lba)
        set_parameters(d);
    n_drives++;
}

static void probe_channel(u8 n)
{
    struct channel *c = &channels[n];
    struct drive d;
    if (inb(c->control) == 0xFF && inb(c->command + STATUS) == 0xFF)
        return;                             /* nothing drives the bus */
    memset(&d, 0, sizeof d);
    d.channel = n;
    int any = 0;
    outb(c->control, 0x08 | NIEN);
    for (d.slave = 0; d.slave < 2; d.slave++) {
        outb(c->command + DEVICE, DEVICE_OBS | (d.slave ? SLAVE : 0));
        delay_us(1);
        outb(c->command + COUNT_REG, 0x55);
        outb(c->command + LOW, 0xAA);
        any |= inb(c->command + COUNT_REG) == 0x55 && inb(c->command + LOW) == 0xAA;
    }
    d.slave = 0;
    if (!any && !(inb(c->command + STATUS) & BSY)) {
        return;
    }
    channel_reset(c);
    if (ata_wait(&d, 0, 0, 31000) != OK) {
        print("Disk controller at port %x does not come out of reset.\n", c->command);
        return;
    }
    probe_drive(n, 0);
    probe_drive(n, 1);
    inb(c->command + STATUS);
    channel_irq(c, 1);
}

static void add_channel(u16 command, u16 control, u8 irq, u16 bdf)
{
    for (u8 k = 0; k < n_channels; k++)
        if (channels[k].command == command)
            return;
    if (n_channels == CHANNEL_MAX)
        return;
    struct channel *c = &channels[n_channels++];
    c->command = command;
    c->control = control;
    c->irq = irq;
    c->bdf = bdf;
}

/* PCI class 0101h: the interface byte says for each channel whether it is at its BARs or at the AT's ports. */
static void controller(u16 bdf)
{
    u8 interface = pci_read8(bdf, 0x09);
    for (u8 n = 0; n < 2; n++) {
        if (interface & (n ? 4 : 1)) {
            u32 command = pci_read32(bdf, 0x10 + 8 * n), control = pci_read32(bdf, 0x14 + 8 * n);
            if (!(command & 1) || !(command & 0xFFFC) || !(control & 0xFFFC))
                continue;
            add_channel(command & 0xFFFC, (control & 0xFFFC) + 2, pci_read8(bdf, 0x3C), bdf);
        } else {
            add_channel(n ? 0x170 : 0x1F0, n ? 0x376 : 0x3F6, n ? 15 : 14, bdf);
        }
    }
}

void ata_scan(void)
{
    n_channels = n_drives = 0;
    for (u32 bdf = 0; shared.has_pci && bdf < ((u32)shared.pci_last_bus + 1) << 8; bdf++) {
        if (pci_read16(bdf, 0x00) == 0xFFFF) {
            if (!(bdf & 7))
                bdf |= 7;
            continue;
        }
        if (pci_read16(bdf, 0x0A) == 0x0101)
            controller(bdf);
        if (!(bdf & 7) && !(pci_read8(bdf, 0x0E) & 0x80))
            bdf |= 7;
    }
    add_channel(0x1F0, 0x3F6, 14, 0xFFFF);
    add_channel(0x170, 0x376, 15, 0xFFFF);
    for (u8 n = 0; n < n_channels; n++)
        probe_channel(n);
}

/* A drive's interrupt, when a program has let it: the flag, and who waits in INT 15h AH=91h. */
static void disk_interrupt(u8 irq)
{
    struct regs r;
    for (u8 n = 0; n < n_channels; n++)
        if (channels[n].irq == irq)
            inb(channels[n].command + STATUS);
    BDA->disk_irq_flag = 0xFF;
    eoi2();
    memset(&r, 0, sizeof r);
    r.ax = 0x9100;
    intcall(0x15, &r);
}

void int76(struct regs *r) { (void)r; disk_interrupt(14); }
void int77(struct regs *r) { (void)r; disk_interrupt(15); }
