/* $PIR, the PCI interrupt routing table: every slot of bus 0 behind the PIIX links (Microsoft, PCI IRQ Routing Table). */
#include "post.h"

#define ALLOWED 0xDEF8

struct slot {
    u8 bus, devfn;
    struct { u8 link; u16 irqs; } PACKED pin[4];
    u8 number, pad;
} PACKED;

struct pir {
    u32 signature;
    u16 version, size;
    u8 router_bus, router_devfn;
    u16 exclusive;
    u32 compatible, miniport;
    u8 pad[11], sum;
    struct slot slots[31];
} PACKED;

void pir_init(void)
{
    if (!S.has_pci || !S.pirq_router)
        return;
    struct pir *t = alloc_fseg(sizeof *t, 16);
    if (!t)
        return;
    t->signature = 0x52495024;
    t->version = 0x0100;
    t->size = sizeof *t;
    t->router_bus = S.pirq_router >> 8;
    t->router_devfn = S.pirq_router & 0xF8;
    t->compatible = 0x122E8086;                 /* PIIX, what drivers know the link registers by */
    for (u32 d = 1; d < 32; d++) {
        struct slot *s = &t->slots[d - 1];
        s->devfn = d << 3;
        for (u32 p = 0; p < 4; p++) {
            s->pin[p].link = 0x60 + ((d + p - 1) & 3);
            s->pin[p].irqs = ALLOWED;
        }
        s->number = d < 2 ? 0 : d;
    }
    t->sum = -sum8(t, sizeof *t);
    S.pir = (u32)t;
}
