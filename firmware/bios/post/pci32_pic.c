/* The 32-bit PCI BIOS, found through the BIOS32 service directory (PCI BIOS Specification 2.1, chapter 3).
 *
 * A kernel calls it at whatever address it has mapped us to: compiled position-independent, reads only F0000h.
 */
#include "../types.h"

static u16 pci_select(u16 bdf, u32 off) { outl(0xCF8, 0x80000000 | (u32)bdf << 8 | (off & 0xFC)); return 0xCFC + (off & 3); }
static u32 pci_read32(u16 bdf, u32 off) { return inl(pci_select(bdf, off)); }
static u16 pci_read16(u16 bdf, u32 off) { return inw(pci_select(bdf, off)); }
static u8 pci_read8(u16 bdf, u32 off) { return inb(pci_select(bdf, off)); }
static void pci_write32(u16 bdf, u32 off, u32 v) { outl(pci_select(bdf, off), v); }
static void pci_write16(u16 bdf, u32 off, u16 v) { outw(pci_select(bdf, off), v); }
static void pci_write8(u16 bdf, u32 off, u8 v) { outb(pci_select(bdf, off), v); }

#include "../pcibios.h"

struct pushed { u32 edi, esi, ebp, esp, ebx, edx, ecx, eax; };

__attribute__((visibility("hidden"))) u32 pci32_last_bus;

/* Returns 1 for CF. */
__attribute__((visibility("hidden"))) u32 pci32(struct pushed *r);
u32 pci32(struct pushed *r)
{
    u8 function = r->eax, status = PCI_UNSUPPORTED;
    if ((u8)(r->eax >> 8) == 0xB1)
        status = pcibios(function, &r->eax, &r->ebx, &r->ecx, &r->edx, r->edi, r->esi, pci32_last_bus);
    r->eax = (r->eax & 0xFFFF00FF) | (u32)status << 8;
    return status != PCI_OK;
}
