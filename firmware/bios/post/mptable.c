/* MP configuration table, for systems that do not read ACPI (Intel MultiProcessor Specification 1.4, chapter 4). */
#include "post.h"

enum { ISA_BUS = 1, PCI_BUS = 0, INT = 0, NMI = 1, EXTINT = 3, LEVEL_HIGH = 0xD };
#define LAPIC 0xFEE00000
#define IOAPIC 0xFEC00000

struct pointer { char signature[4]; u32 table; u8 length, revision, sum, features[5]; } PACKED;
struct config {
    char signature[4];
    u16 length;
    u8 revision, sum;
    char oem[8], product[12];
    u32 oem_table;
    u16 oem_size, entries;
    u32 lapic;
    u16 ext_length;
    u8 ext_sum, pad;
} PACKED;

static u8 *at;
static struct config *config;
static u8 io_id;

static void row(const void *bytes, u32 n)
{
    memcpy(at, bytes, n);
    at += n;
    config->entries++;
}

static void interrupt(u8 type, u8 kind, u8 flags, u8 bus, u8 source, u8 apic, u8 pin)
{
    u8 r[8] = { type, kind, flags, 0, bus, source, apic, pin };
    row(r, 8);
}

void mptable_init(void)
{
    if (!(S.cpu_features & 1 << 9) || *(volatile u32 *)IOAPIC == 0xFFFFFFFF)
        return;
    u32 cpus = S.n_cpus > 32 ? 32 : S.n_cpus;
    u8 *start = alloc_fseg(sizeof(struct pointer) + sizeof *config + cpus * 20 + 3 * 8 + 8 + 16 * 8 + 128 * 8, 16);
    if (!start)
        return;
    struct pointer *p = (struct pointer *)start;
    config = (struct config *)(start + sizeof *p);
    memcpy(config, "PCMP", 4);
    config->revision = 4;
    memcpy(config->oem, "EMU     ", 8);
    memcpy(config->product, "PC          ", 12);
    config->lapic = LAPIC;
    at = (u8 *)(config + 1);
    io_id = cpus;
    for (u32 k = 0; k < cpus; k++) {
        u8 cpu[20] = { 0, k, 0x14, k ? 1 : 3 };
        memcpy(cpu + 4, &S.cpu_signature, 4);
        memcpy(cpu + 8, &S.cpu_features, 4);
        row(cpu, 20);
    }
    row("\1\0PCI   ", 8);
    row("\1\1ISA   ", 8);
    u8 apic[8] = { 2, io_id, 0x11, 1, 0x00, 0x00, 0xC0, 0xFE };
    row(apic, 8);
    u32 pci_irqs = 0;
    for (u32 k = 0; k < n_pci_functions; k++) {
        struct pci_function *f = &pci_functions[k];
        u8 pin = pci_read8(f->bdf, 0x3D), irq = pci_read8(f->bdf, 0x3C);
        if (f->bdf >> 8 || !pin || pin > 4 || !irq || irq > 15 || (f->bdf & 7 && pci_functions[k - 1].bdf >> 3 == f->bdf >> 3
            && pci_read8(pci_functions[k - 1].bdf, 0x3D) == pin))
            continue;
        if (irq != 9)
            pci_irqs |= 1 << irq;
        interrupt(3, INT, LEVEL_HIGH, PCI_BUS, (f->bdf >> 3 & 31) << 2 | (pin - 1), io_id, irq);
    }
    for (u32 n = 0; n < 16; n++)
        if (n != 2 && !(pci_irqs >> n & 1))
            interrupt(3, INT, n == 9 ? LEVEL_HIGH : 0, ISA_BUS, n, io_id, n ? n : 2);
    interrupt(4, EXTINT, 0, ISA_BUS, 0, 0xFF, 0);
    interrupt(4, NMI, 0, ISA_BUS, 0, 0xFF, 1);
    config->length = at - (u8 *)config;
    config->sum = -sum8(config, config->length);
    memcpy(p, "_MP_", 4);
    p->table = (u32)config;
    p->length = 1;
    p->revision = 4;
    p->sum = -sum8(p, sizeof *p);
}
