/* The order of boot: fw_cfg's "bootorder" first (OpenFirmware paths as QEMU writes them), then the classes of CMOS 3Dh and 38h.
 *
 *   /pci@i0cf8/ide@1,1/drive@0/disk@0          channel 0, master
 *   /pci@i0cf8/isa@1/fdc@03f0/floppy@0         A:
 *   /pci@i0cf8/pci-bridge@4/ethernet@3         an option ROM of that PCI function
 *   /rom@genroms/x.bin                         an option ROM from fw_cfg
 *   HALT                                       nothing else is tried
 */
#include "boot.h"

struct boot_entry boot_entries[BOOT_MAX];
u8 n_boot_entries;

static char order[2048];
static u8 have_order;

u64 fwcfg_number(const char *name, u64 otherwise)
{
    u64 v = 0;
    u32 size = fwcfg_file(name, &v, sizeof v);
    return size && size <= sizeof v ? v : otherwise;
}

static u32 hex(const char **p)
{
    u32 v = 0;
    for (;; ++*p) {
        char c = **p;
        if (c >= '0' && c <= '9')
            v = v << 4 | (c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (c - 'a' + 10);
        else
            return v;
    }
}

/* "name@" at p? The place behind it, else NULL. */
static const char *behind(const char *p, const char *name)
{
    for (; *name; p++, name++)
        if (*p != *name)
            return NULL;
    return p;
}

/* The number behind the first "name@" in the line; 0xFFFF: there is none. */
static u16 number_of(const char *line, const char *name)
{
    for (; *line && *line != '\n'; line++) {
        const char *p = behind(line, name);
        if (p)
            return hex(&p);
    }
    return 0xFFFF;
}

/* The PCI function a line leads to; 0xFFFF: none. *rest: behind it. */
static u16 function_of(const char *line, const char **rest)
{
    const char *p = behind(line, "/pci@i0cf8");
    u32 bus = 0;
    if (!p)
        return 0xFFFF;
    for (;;) {
        if (*p != '/')
            return 0xFFFF;
        while (*p && *p != '@' && *p != '\n')
            p++;
        if (*p++ != '@')
            return 0xFFFF;
        u32 device = hex(&p), fn = 0;
        if (*p == ',') {
            p++;
            fn = hex(&p);
        }
        u16 bdf = bus << 8 | (device & 31) << 3 | (fn & 7);
        if (*p != '/' || pci_read16(bdf, 0x0A) != 0x0604) {
            *rest = p;
            return bdf;
        }
        bus = pci_read8(bdf, 0x19);
    }
}

static const char *line_after(const char *p)
{
    while (*p && *p != '\n')
        p++;
    return *p ? p + 1 : NULL;
}

u16 bootorder_drive(struct drive *d)
{
    struct channel *c = &channels[d->channel];
    u16 n = 0;
    u8 second = c->command == 0x170 || (c->bdf != 0xFFFF && (c->command & 0xFFFC) == (pci_read32(c->bdf, 0x18) & 0xFFFC));
    for (const char *p = have_order ? order : NULL; p && *p; p = line_after(p), n++) {
        const char *rest;
        u16 bdf = function_of(p, &rest);
        if (bdf == 0xFFFF || bdf != c->bdf)
            continue;
        if (number_of(rest, "drive@") == second && number_of(rest, "disk@") == d->slave)
            return n;
    }
    return BOOT_NEVER;
}

u16 bootorder_floppy(u8 unit)
{
    u16 n = 0;
    for (const char *p = have_order ? order : NULL; p && *p; p = line_after(p), n++)
        if (number_of(p, "floppy@") == unit)
            return n;
    return BOOT_NEVER;
}

u16 bootorder_rom(struct rom_entry *e)
{
    u16 n = 0;
    for (const char *p = have_order ? order : NULL; p && *p; p = line_after(p), n++) {
        const char *rest;
        if (e->bdf == 0xFFFF ? behind(p, "/rom@") != NULL : function_of(p, &rest) == e->bdf)
            return n;
    }
    return BOOT_NEVER;
}

int bootorder_halts(void)
{
    for (const char *p = have_order ? order : NULL; p && *p; p = line_after(p))
        if (behind(p, "HALT"))
            return 1;
    return 0;
}

/* ---- CMOS: three nibbles, 1 floppy, 2 disk, 3 CD, 4 network and other option ROMs --------------------------------------- */
static u16 class_priority(u8 class)
{
    u16 nibbles = cmos_read(0x3D) | (cmos_read(0x38) & 0xF0) << 4;
    static const u8 usual[] = { 0, 0, 2, 1, 3 };       /* nothing said: floppy, CD, disk, network */
    if (!nibbles)
        return 0x1000 + usual[class];
    for (u32 k = 0; k < 3; k++)
        if ((nibbles >> (4 * k) & 15) == class)
            return 0x1000 + k;
    return BOOT_NEVER;
}

static void add(u8 kind, u8 index, u16 named, u8 class)
{
    if (n_boot_entries == BOOT_MAX)
        return;
    struct boot_entry *e = &boot_entries[n_boot_entries++];
    memset(e, 0, sizeof *e);
    e->kind = kind;
    e->index = index;
    e->priority = named != BOOT_NEVER ? named : bootorder_halts() ? BOOT_NEVER : class_priority(class);
}

/* Stable: equals stay as they were found. */
static void sort(void)
{
    for (u32 k = 1; k < n_boot_entries; k++) {
        struct boot_entry e = boot_entries[k];
        u32 j = k;
        for (; j && boot_entries[j - 1].priority > e.priority; j--)
            boot_entries[j] = boot_entries[j - 1];
        boot_entries[j] = e;
    }
}

void boot_list(void)
{
    u32 size = fwcfg_file("bootorder", order, sizeof order - 1);
    have_order = size != 0;
    order[size < sizeof order ? size : sizeof order - 1] = 0;
    n_boot_entries = 0;
    for (u8 unit = 0; unit < 2; unit++)
        if (floppy_type(unit))
            add(BOOT_FLOPPY, unit, bootorder_floppy(unit), 1);
    for (u8 k = 0; k < n_drives; k++)
        if (drives[k].kind == ATA_DISK)
            add(BOOT_DISK, k, bootorder_drive(&drives[k]), 2);
        else
            add(BOOT_CD, k, bootorder_drive(&drives[k]), 3);
    for (u8 k = 0; k < shared.n_roms; k++)
        if (shared.roms[k].bcv)
            add(BOOT_BCV, k, bootorder_rom(&shared.roms[k]), 2);
        else
            add(BOOT_ROM, k, bootorder_rom(&shared.roms[k]), 4);
    sort();
}
