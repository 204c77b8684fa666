/* INT 1Ah AH=B1h: PCI BIOS, 16-bit entry (PCI BIOS Specification 2.1). */
#include "time.h"
#include "pcibios.h"

/* AL=0Eh: ES:DI is a route buffer {u16 size; far pointer}; slots come from the $PIR table. */
static u8 routing(struct regs *r)
{
    if (!shared.pir)
        return PCI_UNSUPPORTED;
    u16 seg = shared.pir >> 4, off = shared.pir & 15;
    u16 bytes = far_get16(seg, off + 6) - 32, room = far_get16(r->es, r->di);
    far_put16(r->es, r->di, bytes);
    r->bx = 1 << 10 | 1 << 11;
    if (room < bytes)
        return PCI_TOO_SMALL;
    u16 to_off = far_get16(r->es, r->di + 2), to_seg = far_get16(r->es, r->di + 4);
    for (u16 k = 0; k < bytes; k++)
        far_put8(to_seg, to_off + k, far_get8(seg, off + 32 + k));
    return PCI_OK;
}

void int1a_pci(struct regs *r)
{
    u8 status = PCI_UNSUPPORTED, function = r->al;
    if (shared.has_pci)
        status = function == 0x0E ? routing(r)
            : pcibios(function, &r->eax, &r->ebx, &r->ecx, &r->edx, r->edi, r->esi, shared.pci_last_bus);
    if (function == 0x01 && status == PCI_OK)
        r->edi = shared.pci_entry32;
    r->ah = status;
    set_cf(r, status != PCI_OK);
}
