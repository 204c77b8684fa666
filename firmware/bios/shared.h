/* What POST tells the runtime: one struct in the runtime's data, written by POST at E0000h + its offset. */
#ifndef SHARED_H
#define SHARED_H

#include "types.h"

struct e820 { u64 base, length; u32 type; } PACKED;
#define E820_RAM 1
#define E820_RESERVED 2
#define E820_ACPI 3
#define E820_NVS 4
#define E820_MAX 64

struct rom_entry {          /* an option ROM that wants to boot: PnP expansion header */
    u16 seg;
    u16 bcv, bev;           /* offsets, 0: none */
    u16 product;            /* offset of its name, 0: none */
    u16 bdf;                /* PCI function it came from, 0xFFFF: not known */
};
#define ROM_MAX 16

struct shared {
    u32 ram_below;          /* bytes of RAM below 4 GiB */
    u64 ram_above;          /* bytes of RAM above 4 GiB */
    u16 ext_kib;            /* INT 15h AH=88h and CMOS 30h: KiB above 1 MiB, at most 63 MiB */
    u16 pm_base;            /* power management ports, 0: none */
    u8 has_fwcfg;
    u8 has_pci;
    u8 pci_last_bus;
    u8 has_fpu;
    u8 warm;                /* 40:72 was 1234h */
    u8 n_roms;
    u16 pirq_router;        /* PCI function */
    u32 usable_below;       /* RAM ends here, without what POST reserved */
    u32 pci_hole;           /* PCI memory starts here */
    u32 cpu_signature, cpu_features;
    u16 n_cpus;
    u8 has_display;         /* an option ROM of a display was started */
    u8 pad;
    struct rom_entry roms[ROM_MAX];
    u16 apm_entry16, apm_entry32;   /* in F000h */
    u32 pci_entry32;        /* linear */
    u32 pir;                /* linear address of the $PIR table, 0: none */
    u32 n_e820;
    struct e820 e820[E820_MAX];
};

#endif
