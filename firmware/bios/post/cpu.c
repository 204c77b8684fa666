/* The boot processor: memory types (MTRR), local APIC as a wire for the 8259 (SDM 3A, "Memory cache control" and "APIC"). */
#include "post.h"

#define MSR_APIC_BASE 0x1B
#define MSR_MTRRCAP 0xFE
#define MSR_MTRR_BASE0 0x200
#define MSR_MTRR_DEF 0x2FF
enum { UC = 0, WP = 5, WB = 6 };

static void wrmsr(u32 msr, u64 v) { asm volatile("wrmsr" :: "c"(msr), "A"(v)); }
static u64 rdmsr(u32 msr) { u64 v; asm volatile("rdmsr" : "=A"(v) : "c"(msr)); return v; }

static int has_cpuid(void)
{
    u32 before, after;
    asm("pushfl\n popl %0\n movl %0, %1\n xorl $0x200000, %1\n pushl %1\n popfl\n pushfl\n popl %1\n pushl %0\n popfl"
        : "=&r"(before), "=&r"(after));
    return (before ^ after) >> 21 & 1;
}

static void cpuid(u32 leaf, u32 *a, u32 *d)
{
    u32 b, c = 0;
    asm volatile("cpuid" : "+a"(leaf), "=b"(b), "+c"(c), "=d"(*d));
    *a = leaf;
}

static void mtrr_init(void)
{
    static const u16 fixed[] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26A, 0x26B, 0x26C, 0x26D, 0x26E, 0x26F };
    u64 cap = rdmsr(MSR_MTRRCAP);
    u32 bits = 36, a, d, n = cap & 0xFF;
    if (!n || !(cap & 0x100))
        return;
    cpuid(0x80000000, &a, &d);
    if (a >= 0x80000008) {
        cpuid(0x80000008, &a, &d);
        bits = a & 0xFF;
    }
    wrmsr(MSR_MTRR_DEF, 0);
    for (u32 k = 0; k < COUNT(fixed); k++) {
        u8 type = fixed[k] < 0x259 ? WB : fixed[k] == 0x259 ? UC : WP;
        u32 half = type * 0x01010101u;
        wrmsr(fixed[k], (u64)half << 32 | half);
    }
    for (u32 k = 0; k < n; k++) {
        wrmsr(MSR_MTRR_BASE0 + 2 * k, 0);
        wrmsr(MSR_MTRR_BASE0 + 2 * k + 1, 0);
    }
    u32 start = S.pci_hole;                         /* the hole is uncached: pieces of a power of two, from below */
    for (u32 k = 0; k < n && start; k++) {
        u32 size = start & -start;
        wrmsr(MSR_MTRR_BASE0 + 2 * k, start | UC);
        wrmsr(MSR_MTRR_BASE0 + 2 * k + 1, (((1ull << bits) - 1) & ~((u64)size - 1)) | 0x800);
        start += size;
    }
    wrmsr(MSR_MTRR_DEF, 0xC00 | WB);
}

void cpu_init(void)
{
    u32 a, d;
    S.cpu_signature = 0x400;
    if (!has_cpuid())
        return;
    cpuid(0, &a, &d);
    if (a < 1)
        return;
    cpuid(1, &a, &d);
    S.cpu_signature = a;
    S.cpu_features = d;
    if ((d & 1 << 5) && (d & 1 << 12))
        mtrr_init();
    if ((d & 1 << 5) && (d & 1 << 9)) {             /* virtual wire: LINT0 ExtINT, LINT1 NMI */
        volatile u32 *apic = (volatile u32 *)(u32)(rdmsr(MSR_APIC_BASE) & 0xFFFFF000);
        apic[0xF0 / 4] = apic[0xF0 / 4] | 0x1FF;
        apic[0x350 / 4] = 0x8700;
        apic[0x360 / 4] = 0x8400;
    }
    S.n_cpus = S.has_fwcfg ? 0 : 1;
    if (S.has_fwcfg) {
        u16 n = 1;
        fwcfg_read(0x05, &n, 2);
        S.n_cpus = n ? n : 1;
    }
}
