/* INT 19h: tries what can be booted, one after another; INT 18h: the one that was started gave up, so the next.
 *
 * Spec: BIOS Boot Specification 1.01; Plug and Play BIOS 1.0A (entry of BEV and BCV); El Torito 1.0.
 */
#include "boot.h"

static u8 next;                         /* of boot_entries */

static const char *status_text(u8 s)
{
    switch (s) {
    case TIMED_OUT: return "no medium, or the drive does not answer";
    case NOT_READY: return "drive not ready";
    case NO_MEDIA: return "no medium";
    case BAD_CRC: case NOT_FOUND: case BAD_MARK: return "the first sector cannot be read";
    }
    return NULL;
}

void boot_name(const struct boot_entry *e, char *to, u32 room)
{
    struct rom_entry *rom = &shared.roms[e->index];
    struct drive *d = &drives[e->index];
    switch (e->kind) {
    case BOOT_FLOPPY:
        snformat(to, room, "Floppy %c:", 'A' + e->index);
        return;
    case BOOT_DISK: case BOOT_CD:
        snformat(to, room, "%s IDE %u %s: %s", e->kind == BOOT_CD ? "CD" : "Disk", d->channel, d->slave ? "slave" : "master",
                 d->model);
        return;
    }
    char product[40];
    u32 n = 0;
    if (rom->product)
        for (; n < sizeof product - 1; n++) {
            u8 c = far_get8(rom->seg, rom->product + n);
            if (c < ' ' || c > '~')
                break;
            product[n] = c;
        }
    product[n] = 0;
    snformat(to, room, "Option ROM at %04x: %s", rom->seg, n ? product : "no name");
}

/* ---- one try ----------------------------------------------------------------------------------------------------------- */
static u16 pnp_structure(void)
{
    for (u32 off = 0; off < 0xFFF0; off += 16)
        if (far_get32(0xF000, off) == 0x506E5024)           /* "$PnP" */
            return off;
    return 0;
}

/* The sector 0:7C00 of a drive by INT 13h, so that what an option ROM has hooked is asked too. */
static int load_sector(struct boot_entry *e, u8 number, int check)
{
    struct regs r;
    u8 s = OK;
    for (u32 tries = 0; tries < 4; tries++) {
        memset(&r, 0, sizeof r);
        r.ax = 0x0201;
        r.bx = 0x7C00;
        r.cx = 1;
        r.dl = number;
        intcall(0x13, &r);
        s = r.flags & F_CF ? r.ah ? r.ah : CONTROLLER : OK;
        if (s == OK || s == TIMED_OUT)
            break;
        if (s != DISK_CHANGED) {
            memset(&r, 0, sizeof r);
            r.dl = number;
            intcall(0x13, &r);
        }
    }
    if (s != OK) {
        const char *text = status_text(s);
        if (text)
            snformat(e->why, sizeof e->why, "%s", text);
        else
            snformat(e->why, sizeof e->why, "error %02xh reading the first sector", s);
        return 0;
    }
    if (check && far_get16(0, 0x7DFE) != 0xAA55) {
        snformat(e->why, sizeof e->why, "first sector does not end in 55 AA");
        return 0;
    }
    return 1;
}

static void go(const struct boot_entry *e)
{
    char name[72];
    boot_name(e, name, sizeof name);
    print("Booting from %s\n", name);
}

static void try_disk(struct boot_entry *e)
{
    u8 number = disk_number(e->index);
    if (!number) {
        snformat(e->why, sizeof e->why, "too many disks");
        return;
    }
    if (!load_sector(e, number, 1))
        return;
    if (number != 0x80 && disk_swap_first(number))          /* boot code expects to be on the first disk */
        number = 0x80;
    go(e);
    start_boot(0, 0x7C00, number);
}

static void try_cd(struct boot_entry *e)
{
    struct drive *d = &drives[e->index];
    if (!eltorito_boot(d, disk_number(e->index), e->why, sizeof e->why))
        return;
    go(e);
    eltorito_start();
}

static void try_one(struct boot_entry *e)
{
    debug("boot: kind %u, index %u, priority %04x\n", e->kind, e->index, e->priority);
    switch (e->kind) {
    case BOOT_FLOPPY:
        if (load_sector(e, e->index, !(cmos_read(0x38) & 1))) {
            go(e);
            start_boot(0, 0x7C00, e->index);
        }
        break;
    case BOOT_DISK: try_disk(e); break;
    case BOOT_CD: try_cd(e); break;
    case BOOT_ROM:
        go(e);
        snformat(e->why, sizeof e->why, "came back");
        start_rom(shared.roms[e->index].seg, shared.roms[e->index].bev, pnp_structure());
    case BOOT_BCV:
        if (BDA->disk_count && !disk_of(0x80)) {
            if (load_sector(e, 0x80, 1)) {
                go(e);
                start_boot(0, 0x7C00, 0x80);
            }
        } else {
            snformat(e->why, sizeof e->why, "its disk is not the first");
        }
    }
    debug("boot: %s\n", e->why);
}

/* ---- numbers for disks ------------------------------------------------------------------------------------------------- */
void boot_first(u8 n)
{
    struct boot_entry e = boot_entries[n];
    for (; n; n--)
        boot_entries[n] = boot_entries[n - 1];
    boot_entries[0] = e;
    boot_entries[0].priority = 0;
}

/* In boot order; an option ROM takes the next numbers itself when its BCV is called. */
void boot_finish(void)
{
    for (u8 k = 0; k < n_boot_entries; k++) {
        struct boot_entry *e = &boot_entries[k];
        if (e->kind == BOOT_DISK)
            disk_assign(e->index);
        if (e->kind != BOOT_BCV)
            continue;
        struct rom_entry *rom = &shared.roms[e->index];
        struct regs r;
        memset(&r, 0, sizeof r);
        r.ax = rom->bdf;
        r.bx = r.dx = 0xFFFF;
        r.es = 0xF000;
        r.di = pnp_structure();
        farcall(rom->seg, rom->bcv, &r);
    }
    disk_tables();
}

/* ---- nothing to boot --------------------------------------------------------------------------------------------------- */
static void report(void)
{
    char name[72];
    print("\nNo bootable device.\n\n");
    for (u8 k = 0; k < n_boot_entries; k++) {
        struct boot_entry *e = &boot_entries[k];
        boot_name(e, name, sizeof name);
        print("  %s\n      %s\n", name,
              e->priority == BOOT_NEVER ? "not in the boot order" : e->why[0] ? e->why : "started, and came back");
    }
    if (!n_boot_entries)
        print("  There is no floppy drive, disk, CD drive or boot ROM.\n");
}

/* fw_cfg's etc/boot-fail-wait: milliseconds until a new try, -1 or nothing: stay. */
static void failed(struct regs *r)
{
    u16 key;
    u32 ms = fwcfg_find("etc/boot-fail-wait", &key) ? (u32)fwcfg_number("etc/boot-fail-wait", 0xFFFFFFFF) : 0xFFFFFFFF;
    report();
    if (ms == 0xFFFFFFFF) {
        print("\nPress Ctrl-Alt-Del to restart.\n");
        r->after = AFTER_AGAIN;
        return;
    }
    print("\nRestarting in %u seconds.\n", (ms + 999) / 1000);
    wait_us(ms > 4000000 ? 0xFFFFFFFF : ms * 1000);
    BDA->soft_reset = 0x1234;
    outb(0xCF9, 0x02);
    outb(0xCF9, 0x06);
    r->after = AFTER_AGAIN;
}

void int18(struct regs *r)
{
    while (next < n_boot_entries) {
        struct boot_entry *e = &boot_entries[next++];
        if (e->priority != BOOT_NEVER)
            try_one(e);
    }
    if (next == n_boot_entries) {
        next++;                             /* say it once */
        failed(r);
    } else {
        r->after = AFTER_AGAIN;
    }
}

void int19(struct regs *r)
{
    next = 0;
    eltorito_stop();
    for (u8 k = 0; k < n_boot_entries; k++)
        boot_entries[k].why[0] = 0;
    r->after = 0x18;
}
