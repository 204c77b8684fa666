/* PCI BIOS functions, the same for INT 1Ah AH=B1h and for the 32-bit entry (PCI BIOS Specification 2.1).
 *
 * Needs pci_read8..32, pci_write8..32 where it is included; touches no static data, so it runs at any address.
 */
#ifndef PCIBIOS_H
#define PCIBIOS_H

#include "types.h"

enum { PCI_OK = 0x00, PCI_UNSUPPORTED = 0x81, PCI_BAD_VENDOR = 0x83, PCI_NOT_FOUND = 0x86, PCI_BAD_REGISTER = 0x87,
       PCI_SET_FAILED = 0x88, PCI_TOO_SMALL = 0x89 };

/* The first function that `wanted` (vendor and device, or class) matches, counted by `index`; 0xFFFFFFFF: none. */
static inline u32 pcibios_find(u32 wanted, int by_class, u32 index, u32 last_bus)
{
    for (u32 bdf = 0; bdf <= (last_bus << 8 | 0xFF); bdf++) {
        u32 id = pci_read32(bdf, 0);
        if (id == 0xFFFFFFFF || !id) {
            if (!(bdf & 7))
                bdf |= 7;
            continue;
        }
        u32 is = by_class ? pci_read32(bdf, 8) >> 8 : id;
        if (is == wanted && !index--)
            return bdf;
        if (!(bdf & 7) && !(pci_read8(bdf, 0x0E) & 0x80))
            bdf |= 7;
    }
    return 0xFFFFFFFF;
}

/* al: function; the rest by reference.  Returns AH. */
static inline u8 pcibios(u8 al, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx, u32 edi, u32 esi, u32 last_bus)
{
    u32 bdf = *ebx & 0xFFFF, found;
    switch (al) {
    case 0x01:
        *eax = (*eax & ~0xFF) | 0x01;               /* mechanism 1 */
        *ebx = (*ebx & ~0xFFFF) | 0x0210;
        *ecx = (*ecx & ~0xFF) | last_bus;
        *edx = 0x20494350;                          /* "PCI " */
        return PCI_OK;
    case 0x02:
    case 0x03:
        if (al == 2 && (*edx & 0xFFFF) == 0xFFFF)
            return PCI_BAD_VENDOR;
        found = al == 2 ? pcibios_find((*edx & 0xFFFF) | *ecx << 16, 0, esi & 0xFFFF, last_bus)
                        : pcibios_find(*ecx & 0xFFFFFF, 1, esi & 0xFFFF, last_bus);
        if (found == 0xFFFFFFFF)
            return PCI_NOT_FOUND;
        *ebx = (*ebx & ~0xFFFF) | found;
        return PCI_OK;
    case 0x08: case 0x09: case 0x0A: case 0x0B: case 0x0C: case 0x0D: {
        u32 size = (al - 8) % 3, reg = edi & 0xFFFF;
        if (reg > 0xFF || reg & ((1 << size) - 1))
            return PCI_BAD_REGISTER;
        switch (al) {
        case 0x08: *ecx = (*ecx & ~0xFF) | pci_read8(bdf, reg); break;
        case 0x09: *ecx = (*ecx & ~0xFFFF) | pci_read16(bdf, reg); break;
        case 0x0A: *ecx = pci_read32(bdf, reg); break;
        case 0x0B: pci_write8(bdf, reg, *ecx); break;
        case 0x0C: pci_write16(bdf, reg, *ecx); break;
        case 0x0D: pci_write32(bdf, reg, *ecx); break;
        }
        return PCI_OK;
    }
    case 0x0F: {                                    /* BX function, CL pin 0Ah-0Dh, CH interrupt: PIIX link registers */
        u32 irq = *ecx >> 8 & 0xFF, pin = (*ecx & 0xFF) - 0x0A, router = 0xFFFFFFFF;
        if (irq > 15 || pin > 3 || bdf >> 8 || !(0xDEF8 >> irq & 1))
            return PCI_SET_FAILED;
        router = pcibios_find(0x70008086, 0, 0, 0);
        if (router == 0xFFFFFFFF)
            return PCI_SET_FAILED;
        pci_write8(router, 0x60 + ((pin + (bdf >> 3) - 1) & 3), irq);
        u16 elcr = 0x4D0 + (irq >> 3);
        outb(elcr, inb(elcr) | 1 << (irq & 7));
        return PCI_OK;
    }
    }
    return PCI_UNSUPPORTED;
}

#endif
