/* Shared doors to hardware for the runtime: time, 8259 masks, PCI configuration space, fw_cfg. */
#include "runtime.h"

u32 ticks(void)
{
    return BDA->ticks;
}

/* The ACPI timer when there is one; else channel 0 of the 8254 scaled (wraps each 55 ms, good for short delays only). */
u32 pm_ticks(void)
{
    if (shared.pm_base)
        return inl(shared.pm_base + 8) & 0xFFFFFF;
    static u16 last;
    static u32 sum;
    outb(0x43, 0x00);
    u16 now = inb(0x40);
    now |= inb(0x40) << 8;
    sum += (u16)(last - now);
    last = now;
    return sum * 3 & 0xFFFFFF;
}

static u32 elapsed(u32 *last)
{
    u32 now = pm_ticks(), d = (now - *last) & 0xFFFFFF;
    *last = now;
    return d;
}

/* us * 3.579545 as us * 3665 / 1024: 0.02 % long. */
static u32 us_to_ticks(u32 us)
{
    return (us >> 10) * 3666 + ((us & 1023) * 3666 >> 10) + 1;
}

void delay_us(u32 us)
{
    u32 last = pm_ticks(), left = us_to_ticks(us);
    for (;;) {
        u32 d = elapsed(&last);
        if (d >= left)
            return;
        left -= d;
    }
}

void wait_us(u32 us)
{
    u32 last = pm_ticks(), left;
    do {                                    /* in pieces: a full 32 bits of microseconds would overflow as ticks */
        u32 part = us > 1000000000 ? 1000000000 : us;
        us -= part;
        left = us_to_ticks(part);
        for (;;) {
            u32 d = elapsed(&last);
            if (d >= left)
                break;
            left -= d;
            irq_window();
        }
    } while (us);
}

void irq_unmask(u8 irq)
{
    if (irq < 8) {
        outb(0x21, inb(0x21) & ~(1 << irq));
        return;
    }
    outb(0xA1, inb(0xA1) & ~(1 << (irq - 8)));
    outb(0x21, inb(0x21) & ~(1 << 2));
}

/* ---- PCI: configuration mechanism 1 (PCI 2.1, 3.7.4.1) ---------------------------------------------------------------- */
static u16 pci_select(u16 bdf, u8 off)
{
    outl(0xCF8, 0x80000000 | (u32)bdf << 8 | (off & 0xFC));
    return 0xCFC + (off & 3);
}

u32 pci_read32(u16 bdf, u8 off) { return inl(pci_select(bdf, off & 0xFC)); }
u16 pci_read16(u16 bdf, u8 off) { return inw(pci_select(bdf, off & 0xFE)); }
u8 pci_read8(u16 bdf, u8 off) { return inb(pci_select(bdf, off)); }
void pci_write32(u16 bdf, u8 off, u32 v) { outl(pci_select(bdf, off & 0xFC), v); }
void pci_write16(u16 bdf, u8 off, u16 v) { outw(pci_select(bdf, off & 0xFE), v); }
void pci_write8(u16 bdf, u8 off, u8 v) { outb(pci_select(bdf, off), v); }

/* ---- fw_cfg ----------------------------------------------------------------------------------------------------------- */
void fwcfg_select(u16 key)
{
    outw(0x510, key);
}

void fwcfg_read(void *to, u32 bytes)
{
    for (u8 *p = to; bytes; bytes--)
        *p++ = inb(0x511);
}

u32 fwcfg_find(const char *name, u16 *key)
{
    struct { u32 size; u16 key, pad; char name[56]; } file;
    u32 count;
    if (!shared.has_fwcfg)
        return 0;
    fwcfg_select(0x19);
    fwcfg_read(&count, 4);
    for (count = swap32(count); count; count--) {
        fwcfg_read(&file, sizeof file);
        u32 k = 0;
        while (k < 55 && name[k] && name[k] == file.name[k])
            k++;
        if (name[k] == file.name[k]) {
            *key = file.key >> 8 | file.key << 8;
            return swap32(file.size);
        }
    }
    return 0;
}

u32 fwcfg_file(const char *name, void *to, u32 room)
{
    u16 key;
    u32 size = fwcfg_find(name, &key);
    if (size) {
        fwcfg_select(key);
        fwcfg_read(to, size < room ? size : room);
    }
    return size;
}
