/* PCI: buses numbered, resources sized and placed, interrupts routed (PCI 2.1 chapter 6; PCI-to-PCI bridge 1.1).
 *
 * Memory of all kinds is placed from FEC00000h downwards, largest first, at the highest place it fits; I/O from C000h up.
 * A bridge asks its parent for one window of each kind. 64-bit registers that do not fit below 4 GiB go above RAM.
 */
#include "post.h"

enum { KIND_IO, KIND_MEM, KIND_PREF, KINDS };
enum { MAX_FUNCTIONS = 128, MAX_RESOURCES = 256, MAX_RANGES = 64 };

struct resource {
    u32 size, align, at;        /* size 0 with `big`: above 4 GiB */
    u64 big;
    u16 bdf;
    u8 reg;                     /* configuration register, or the window's kind | WINDOW */
    u8 kind, bus, wide;
    u8 child;                   /* window: secondary bus */
};
#define WINDOW 0x80

struct range { u32 base, end; };

struct pci_function pci_functions[MAX_FUNCTIONS];
u32 n_pci_functions;
static struct resource resources[MAX_RESOURCES];
static u32 n_resources;
static struct range mem_free[MAX_RANGES], io_free[MAX_RANGES];
static u32 n_mem_free, n_io_free;
static u8 last_bus;
static u8 parent_of[256];           /* function number of the bridge that leads to a bus */

static u16 select(u16 bdf, u32 off)
{
    outl(0xCF8, 0x80000000 | (u32)bdf << 8 | (off & 0xFC));
    return 0xCFC + (off & 3);
}

u32 pci_read32(u16 bdf, u32 off) { return inl(select(bdf, off)); }
u16 pci_read16(u16 bdf, u32 off) { return inw(select(bdf, off)); }
u8 pci_read8(u16 bdf, u32 off) { return inb(select(bdf, off)); }
void pci_write32(u16 bdf, u32 off, u32 v) { outl(select(bdf, off), v); }
void pci_write16(u16 bdf, u32 off, u16 v) { outw(select(bdf, off), v); }
void pci_write8(u16 bdf, u32 off, u8 v) { outb(select(bdf, off), v); }

static struct resource *need(u16 bdf, u8 reg, u8 kind, u32 size)
{
    if (n_resources == MAX_RESOURCES)
        return NULL;
    struct resource *r = &resources[n_resources++];
    memset(r, 0, sizeof *r);
    r->bdf = bdf;
    r->reg = reg;
    r->kind = kind;
    r->size = r->align = size;
    r->bus = bdf >> 8;
    return r;
}

static void size_bars(struct pci_function *f)
{
    u32 last = f->header == 1 ? 0x14 : 0x24;
    u16 bdf = f->bdf;
    for (u32 reg = 0x10; reg <= last; reg += 4) {
        u32 old = pci_read32(bdf, reg), probe;
        pci_write32(bdf, reg, 0xFFFFFFFF);
        probe = pci_read32(bdf, reg);
        pci_write32(bdf, reg, old);
        if (!probe)
            continue;
        if (probe & 1) {
            u32 mask = probe & ~3;
            need(bdf, reg, KIND_IO, (mask & -mask) & 0xFFFF);
            continue;
        }
        u32 mask = probe & ~15, size = mask & -mask;
        u8 kind = probe & 8 ? KIND_PREF : KIND_MEM;
        if ((probe & 6) == 4 && reg < last) {
            u32 high_old = pci_read32(bdf, reg + 4), high;
            pci_write32(bdf, reg + 4, 0xFFFFFFFF);
            high = pci_read32(bdf, reg + 4);
            pci_write32(bdf, reg + 4, high_old);
            struct resource *r = need(bdf, reg, kind, size);
            if (r) {
                r->wide = 1;
                if (!size || size > 256u << 20)
                    r->big = size ? size : (u64)(high & -high) << 32;
                if (r->big)
                    r->size = 0;
            }
            reg += 4;
            continue;
        }
        if (size)
            need(bdf, reg, kind, size);
    }
    u32 reg = f->header == 1 ? 0x38 : 0x30;
    u32 old = pci_read32(bdf, reg);
    pci_write32(bdf, reg, 0xFFFFF800);
    u32 probe = pci_read32(bdf, reg) & 0xFFFFF800;
    pci_write32(bdf, reg, old & ~1);
    if (probe) {
        need(bdf, reg, KIND_MEM, probe & -probe);
        f->rom_reg = reg;
    }
}

static void scan_bus(u8 bus)
{
    for (u32 devfn = 0; devfn < 256; devfn++) {
        u16 bdf = bus << 8 | devfn;
        u32 id = pci_read32(bdf, 0);
        if (id == 0xFFFFFFFF || !id || (u16)id == 0xFFFF) {
            if (!(devfn & 7))
                devfn |= 7;
            continue;
        }
        if (n_pci_functions == MAX_FUNCTIONS)
            return;
        u32 n = n_pci_functions++;
        struct pci_function *f = &pci_functions[n];
        memset(f, 0, sizeof *f);
        f->bdf = bdf;
        f->vendor = id;
        f->device = id >> 16;
        f->class = pci_read32(bdf, 8) >> 8;
        u8 header = pci_read8(bdf, 0x0E);
        f->header = header & 0x7F;
        size_bars(f);
        if (f->header == 1 && last_bus < 255) {
            u8 child = ++last_bus;
            parent_of[child] = n;
            pci_write8(bdf, 0x18, bus);
            pci_write8(bdf, 0x19, child);
            pci_write8(bdf, 0x1A, 0xFF);
            scan_bus(child);
            pci_write8(bdf, 0x1A, last_bus);
            f->child = child;
        }
        if (!(devfn & 7) && !(header & 0x80))
            devfn |= 7;
    }
}

/* What the functions of a bus ask for in one kind, and how it lies in a window that starts at 0. */
static u32 layout(u8 bus, u8 kind, u32 base, u32 *align)
{
    u32 at = base;
    *align = 1;
    for (u32 done = 0, limit = 0xFFFFFFFF;; ) {         /* largest alignment first */
        u32 next = 0;
        for (u32 k = 0; k < n_resources; k++)
            if (resources[k].bus == bus && resources[k].kind == kind && resources[k].align < limit && resources[k].align > next
                && resources[k].size)
                next = resources[k].align;
        if (!next)
            return at;
        if (!done++)
            *align = next;
        for (u32 k = 0; k < n_resources; k++) {
            struct resource *r = &resources[k];
            if (r->bus != bus || r->kind != kind || r->align != next || !r->size)
                continue;
            at = (at + r->align - 1) & -r->align;
            r->at = at;
            at += r->size;
        }
        limit = next;
    }
}

/* Windows of the bridges, innermost first: buses are numbered outside in. */
static void ask_windows(void)
{
    for (u32 bus = last_bus; bus > 0; bus--) {
        u16 bridge = pci_functions[parent_of[bus]].bdf;
        for (u8 kind = 0; kind < KINDS; kind++) {
            u32 grain = kind == KIND_IO ? 0x1000 : 0x100000, align, size = layout(bus, kind, 0, &align);
            if (!size)
                continue;
            struct resource *r = need(bridge, WINDOW | kind, kind, (size + grain - 1) & -grain);
            if (!r)
                continue;
            r->align = align > grain ? align : grain;
            r->child = bus;
        }
    }
}

static u32 take(struct range *list, u32 *n, u32 size, u32 align, int high)
{
    u32 best = 0, at = 0, found = 0;
    for (u32 k = 0; k < *n; k++) {
        if (list[k].end - list[k].base < size)
            continue;
        u32 place = high ? (list[k].end - size) & -align : (list[k].base + align - 1) & -align;
        if (place < list[k].base || place + size > list[k].end || place + size < place)
            continue;
        if (!found || (high ? place > at : place < at)) {
            best = k;
            at = place;
            found = 1;
        }
    }
    if (!found)
        return 0;
    struct range r = list[best];
    list[best].end = at;
    if (at + size < r.end && *n < MAX_RANGES)
        list[(*n)++] = (struct range){ at + size, r.end };
    return at;
}

static void program(struct resource *r)
{
    u16 bdf = r->bdf;
    u32 end = r->at + r->size - 1;
    if (!(r->reg & WINDOW)) {
        pci_write32(bdf, r->reg, r->at);
        if (r->wide)
            pci_write32(bdf, r->reg + 4, 0);
        return;
    }
    if (r->kind == KIND_IO) {
        pci_write8(bdf, 0x1C, r->at >> 8 & 0xF0);
        pci_write8(bdf, 0x1D, end >> 8 & 0xF0);
        pci_write32(bdf, 0x30, 0);
    } else {
        u32 reg = r->kind == KIND_PREF ? 0x24 : 0x20;
        pci_write16(bdf, reg, r->at >> 16 & 0xFFF0);
        pci_write16(bdf, reg + 2, end >> 16 & 0xFFF0);
        if (r->kind == KIND_PREF) {
            pci_write32(bdf, 0x28, 0);
            pci_write32(bdf, 0x2C, 0);
        }
    }
    u32 align;
    layout(r->child, r->kind, r->at, &align);
    for (u32 k = 0; k < n_resources; k++)
        if (resources[k].bus == r->child && resources[k].kind == r->kind && resources[k].size)
            program(&resources[k]);
}

static void close_windows(void)
{
    for (u32 k = 0; k < n_pci_functions; k++) {
        u16 bdf = pci_functions[k].bdf;
        if (pci_functions[k].header != 1)
            continue;
        pci_write16(bdf, 0x1C, 0x00F0);                 /* base above limit: closed */
        pci_write32(bdf, 0x20, 0x0000FFF0);
        pci_write32(bdf, 0x24, 0x0000FFF0);
    }
}

static void place_all(void)
{
    u32 start = S.ram_below > 0xE0000000 ? (S.ram_below + 0xFFFFFF) & 0xFF000000 : 0xE0000000;
    if (S.ram_below < 0xC0000000)
        start = 0xC0000000;
    mem_free[0] = (struct range){ start, 0xFEC00000 };
    n_mem_free = 1;
    io_free[0] = (struct range){ 0xC000, 0x10000 };
    io_free[1] = (struct range){ 0x1000, 0xC000 };      /* only when the first is full: ISA aliases live here */
    n_io_free = 2;
    S.pci_hole = start;
    for (u32 limit = 0xFFFFFFFF;;) {
        u32 next = 0;
        for (u32 k = 0; k < n_resources; k++)
            if (!resources[k].bus && resources[k].size && resources[k].align < limit && resources[k].align > next)
                next = resources[k].align;
        if (!next)
            break;
        for (u32 k = 0; k < n_resources; k++) {
            struct resource *r = &resources[k];
            if (r->bus || r->align != next || !r->size)
                continue;
            if (r->kind == KIND_IO) {
                struct range *first = io_free;
                u32 one = 1;
                r->at = take(first, &one, r->size, r->align, 0);
                if (r->at) {
                    first->base = r->at + r->size;      /* upwards: what lies below is given up */
                    first->end = 0x10000;
                } else {
                    u32 second = 1;
                    r->at = take(io_free + 1, &second, r->size, r->align, 1);
                }
            } else {
                r->at = take(mem_free, &n_mem_free, r->size, r->align, 1);
            }
            if (!r->at) {
                debug("pci: no room for %x bytes of %02x:%02x.%u\n", r->size, r->bdf >> 8, r->bdf >> 3 & 31, r->bdf & 7);
                continue;
            }
            program(r);
        }
        limit = next;
    }
    u64 high = (1ull << 32) + S.ram_above;
    for (u32 k = 0; k < n_resources; k++) {
        struct resource *r = &resources[k];
        if (!r->big)
            continue;
        high = (high + r->big - 1) & -r->big;
        pci_write32(r->bdf, r->reg, high);
        pci_write32(r->bdf, r->reg + 4, high >> 32);
        high += r->big;
    }
}

/* ---- interrupts: device d's pin p (0-3) is PIRQ (d + p - 1) & 3; a bridge hands on (d + p) & 3 -------------------------- */
static const u8 pirq_irqs[4] = { 10, 10, 11, 11 };

static void route(struct pci_function *f)
{
    u8 pin = pci_read8(f->bdf, 0x3D);
    if (!pin || pin > 4)
        return;
    if (f->vendor == 0x8086 && f->device == 0x7113) {
        pci_write8(f->bdf, 0x3C, 9);
        return;
    }
    u32 p = pin - 1;
    u16 bdf = f->bdf;
    while (bdf >> 8) {
        p = (p + (bdf >> 3 & 31)) & 3;
        bdf = pci_functions[parent_of[bdf >> 8]].bdf;
    }
    pci_write8(f->bdf, 0x3C, pirq_irqs[(p + (bdf >> 3 & 31) - 1) & 3]);
}

static void chip(struct pci_function *f)
{
    u16 bdf = f->bdf;
    switch ((u32)f->vendor << 16 | f->device) {
    case 0x80867000:                                    /* PIIX3 ISA bridge */
    case 0x80867110: {                                  /* PIIX4 */
        u16 level = 0;
        for (u32 k = 0; k < 4; k++) {
            pci_write8(bdf, 0x60 + k, pirq_irqs[k]);
            level |= 1 << pirq_irqs[k];
        }
        outb(0x4D0, level);
        outb(0x4D1, level >> 8);
        S.pirq_router = bdf;
        break;
    }
    case 0x80867010:                                    /* PIIX IDE: decode both channels */
    case 0x80867111:
        pci_write16(bdf, 0x40, 0x8000);
        pci_write16(bdf, 0x42, 0x8000);
        break;
    case 0x80867113:                                    /* PIIX4 power management */
        pci_write32(bdf, 0x40, PM_BASE | 1);
        pci_write8(bdf, 0x80, 0x01);
        pci_write32(bdf, 0x90, SMB_BASE | 1);
        pci_write8(bdf, 0xD2, 0x09);
        S.pm_base = PM_BASE;
        break;
    }
}

/* Display cards behind bridges: VGA addresses are handed on to the first one. */
static void open_vga(struct pci_function *f)
{
    for (u16 bdf = f->bdf; bdf >> 8;) {
        struct pci_function *bridge = &pci_functions[parent_of[bdf >> 8]];
        pci_write16(bridge->bdf, 0x3E, pci_read16(bridge->bdf, 0x3E) | 0x08);
        bdf = bridge->bdf;
    }
}

void pci_init(void)
{
    outl(0xCF8, 0x80000000);
    S.has_pci = inl(0xCF8) == 0x80000000;
    if (!S.has_pci)
        return;
    last_bus = 0;
    scan_bus(0);
    S.pci_last_bus = last_bus;
    close_windows();
    ask_windows();
    place_all();
    int vga = 0;
    for (u32 k = 0; k < n_pci_functions; k++) {
        struct pci_function *f = &pci_functions[k];
        route(f);
        chip(f);
        u16 command = pci_read16(f->bdf, 4) | 0x103;
        if (f->header == 1)
            command |= 4;
        pci_write16(f->bdf, 4, command);
        if (f->class >> 8 == 0x0300 && !vga++)
            open_vga(f);
        debug("pci %02x:%02x.%u %04x:%04x class %06x bars %08x %08x %08x %08x %08x irq %u\n",
              f->bdf >> 8, f->bdf >> 3 & 31, f->bdf & 7, f->vendor, f->device, f->class, pci_read32(f->bdf, 0x10),
              pci_read32(f->bdf, 0x14), pci_read32(f->bdf, 0x18), pci_read32(f->bdf, 0x1C),
              pci_read32(f->bdf, 0x20), pci_read8(f->bdf, 0x3C));
    }
}
