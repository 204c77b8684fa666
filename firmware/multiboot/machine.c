/* What the firmware says about the machine: memory, disks, configuration table, APM.

   Not here: the ports of a disk (a BIOS does not tell them; the list is empty).
   Spec: ACPI 6 chapter 15 (INT 15h E820h), Ralf Brown's interrupt list, APM BIOS Specification 1.2. */
#include "multiboot.h"

#define SMAP 0x534D4150
#define MIB 0x100000u

struct range ranges[RANGES];
u32 n_ranges;

static struct regs r;

static void ask(u32 eax)
{
    memset(&r, 0, sizeof r);
    r.eax = eax;
    r.es = segment;
}

static void memory_map(struct info *info)
{
    u32 next = 0;
    do {
        struct range *to = &ranges[n_ranges];
        ask(0xE820);
        r.ebx = next;
        r.ecx = 20;
        r.edx = SMAP;
        r.edi = (u32)to;
        if (!bios(0x15, &r) || r.eax != SMAP)
            break;
        next = r.ebx;
        if (r.ecx >= 20 && to->length)
            n_ranges++;
    } while (next && n_ranges < RANGES);
    if (!n_ranges)
        return;
    struct { u32 size; struct range range; } PACKED *rows = keep(n_ranges * 24);
    for (u32 k = 0; k < n_ranges; k++) {
        rows[k].size = 20;
        rows[k].range = ranges[k];
    }
    info->flags |= HAS_MMAP;
    info->mmap_length = n_ranges * 24;
    info->mmap_addr = linear(rows);
}

/* KiB from 1 MiB to the first hole */
static u32 upper_kib(void)
{
    u64 end = MIB;
    for (u32 k = 0; k < n_ranges; k++)
        if (ranges[k].type == 1 && ranges[k].base <= end && ranges[k].base + ranges[k].length > end) {
            end = ranges[k].base + ranges[k].length;
            k = -1;
        }
    if (n_ranges)
        return (end > 0xFFFFFFFF ? 0xFFFFFFFF : (u32)end) / 1024 - 1024;
    ask(0xE801);
    if (bios(0x15, &r) && (r.ax || r.cx)) {
        u16 low = r.ax ? r.ax : r.cx, high = r.ax ? r.bx : r.dx;
        return low < 15 * 1024 ? low : low + (u32)high * 64;
    }
    ask(0x8800);
    return bios(0x15, &r) ? r.ax : 0;
}

/* Drives 80h..: no size of the list can be told beforehand, so it grows entry by entry. */
static void drives(struct info *info)
{
    struct drive { u32 size; u8 number, mode; u16 cylinders; u8 heads, sectors; u16 ports; } PACKED *d;
    u32 count = 1;
    for (u32 k = 0; k < count && k < 8; k++) {
        ask(0x0800);
        r.dl = 0x80 + k;
        r.es = 0;
        if (!bios(0x13, &r) || !r.dl || !(r.cl & 0x3F))
            break;
        count = r.dl;
        d = keep(sizeof *d);
        d->size = sizeof *d;
        d->number = 0x80 + k;
        d->cylinders = (r.ch | (r.cl & 0xC0) << 2) + 1;
        d->heads = r.dh + 1;            /* 256 do not fit: 0 */
        d->sectors = r.cl & 0x3F;
        ask(0x4100);
        r.bx = 0x55AA;
        r.dl = 0x80 + k;
        d->mode = bios(0x13, &r) && r.bx == 0xAA55 && r.cx & 1;
        if (!k)
            info->drives_addr = linear(d);
        info->drives_length += sizeof *d;
        info->flags |= HAS_DRIVES;
    }
    if (info->flags & HAS_DRIVES) {     /* the kernel comes from none; as QEMU, the first is named, without partitions */
        info->flags |= HAS_BOOTDEV;
        info->boot_device = 0x80FFFFFF;
    }
}

/* 32-bit connection, left open: in protected mode nobody could ask for it. */
static void apm(struct info *info)
{
    struct { u16 version, cseg; u32 offset; u16 cseg_16, dseg, flags, cseg_len, cseg_16_len, dseg_len; } PACKED *t;
    ask(0x5300);
    if (!bios(0x15, &r) || r.bx != 0x504D || !(r.cx & 2))
        return;
    u16 version = r.ax, flags = r.cx;
    ask(0x5304);
    bios(0x15, &r);
    ask(0x5303);
    if (!bios(0x15, &r))
        return;
    t = keep(sizeof *t);
    t->version = version;
    t->flags = flags;
    t->cseg = r.ax;
    t->offset = r.ebx;
    t->cseg_16 = r.cx;
    t->dseg = r.dx;
    t->cseg_len = r.esi;
    t->cseg_16_len = r.esi >> 16;
    t->dseg_len = r.edi;
    info->apm_table = linear(t);
    info->flags |= HAS_APM;
}

void machine(struct info *info)
{
    memory_map(info);
    ask(0);
    bios(0x12, &r);
    info->mem_lower = r.ax;
    info->mem_upper = upper_kib();
    info->flags |= HAS_MEMORY;
    drives(info);
    ask(0xC000);
    if (bios(0x15, &r) && !r.ah) {
        info->config_table = ((u32)r.es << 4) + r.bx;
        info->flags |= HAS_CONFIG;
    }
    apm(info);
}
