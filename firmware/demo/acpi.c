/* Power-off by ACPI (FADT's PM1a control block and \_S5), reboot by the keyboard controller. */
#include "demo.h"

static int same(const char *a, const char *b, int n)
{
    while (n-- && *a == *b)
        a++, b++;
    return n < 0;
}

static const char *find_rsdp(void)
{
    u32 ebda, bda = 0x40E;          /* the BIOS data area has the EBDA's segment */
    __asm__("movzwl (%1), %0" : "=r"(ebda) : "r"(bda));
    ebda <<= 4;
    if (ebda >= 0x80000 && ebda < 0xA0000)
        for (u32 p = ebda; p < ebda + 1024; p += 16)
            if (same((char *)p, "RSD PTR ", 8))
                return (char *)p;
    for (u32 p = 0xE0000; p < 0x100000; p += 16)
        if (same((char *)p, "RSD PTR ", 8))
            return (char *)p;
    return 0;
}

int acpi_poweroff(void)
{
    const char *rsdp = find_rsdp();
    if (!rsdp)
        return 0;
    const char *rsdt = *(const char **)(rsdp + 16), *fadt = 0;
    for (u32 at = 36; at < *(u32 *)(rsdt + 4); at += 4)
        if (same(*(const char **)(rsdt + at), "FACP", 4))
            fadt = *(const char **)(rsdt + at);
    if (!fadt)
        return 0;
    const char *dsdt = *(const char **)(fadt + 40);
    u16 pm1a = (u16)*(u32 *)(fadt + 64), smi = (u16)*(u32 *)(fadt + 48);
    u8 enable = (u8)fadt[52];
    if (smi && enable && !(inw(pm1a) & 1))
        outb(smi, enable);
    for (u32 at = 36; at + 8 < *(u32 *)(dsdt + 4); at++)
        if (same(dsdt + at, "_S5_", 4)) {
            const char *p = dsdt + at + 4;  /* PackageOp PkgLength NumElements then SLP_TYPa */
            if (*p++ != 0x12)
                continue;
            p += ((*p & 0xC0) >> 6) + 2;
            u16 type = *p == 0x0A ? (u8)p[1] : *p == 1;
            outw(pm1a, (u16)(type << 10 | 1 << 13));
        }
    return 1;
}

void machine_reboot(void)
{
    while (inb(0x64) & 2)
        ;
    outb(0x64, 0xFE);
    for (;;)
        __asm__ volatile("cli; hlt");
}
