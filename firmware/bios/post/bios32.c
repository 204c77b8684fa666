/* Sums of the structures in bios32.S, and what the 32-bit PCI BIOS must know. */
#include "post.h"

extern u8 bios32_directory[16], pnp_structure[0x21];
extern u8 apm_entry16[], apm_entry32[], pci32_entry[];
extern u32 pci32_last_bus;

void bios32_init(void)
{
    pci32_last_bus = S.pci_last_bus;
    if (S.has_pci)
        bios32_directory[10] -= sum8(bios32_directory, 16);
    else
        bios32_directory[0] = 0;
    S.apm_entry16 = (u32)apm_entry16 - FIXED_BASE;
    S.apm_entry32 = (u32)apm_entry32 - FIXED_BASE;
    S.pci_entry32 = (u32)pci32_entry;
    pnp_structure[8] -= sum8(pnp_structure, 0x21);
}

u16 pnp_offset(void)
{
    return (u32)pnp_structure - FIXED_BASE;
}
