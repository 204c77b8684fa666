/* POST: the order in which a PC comes up. */
#include "post.h"

NORETURN void post_main(void);

static void banner(void)
{
    u32 mib = (S.ram_below >> 20) + (u32)(S.ram_above >> 20), coms = BDA->equipment >> 9 & 7, lpts = BDA->equipment >> 14;
    say("emu BIOS " VERSION "\n\n");
    if (S.ram_below & 0xFFFFF)
        say("Memory: %u KiB\n", S.ram_below >> 10);
    else
        say("Memory: %u MiB\n", mib);
    say("PCI: %u functions   Serial ports: %u   Parallel ports: %u\n", n_pci_functions, coms, lpts);
}

void post_main(void)
{
    debug("\nemu BIOS " VERSION "\n");
    memset(&S, 0, sizeof S);
    fwcfg_init();
    memory_init();
    bda_init();
    ivt_init();
    chips_init();
    ports_detect();
    pci_init();
    cpu_init();
    roms_prepare();
    pir_init();
    mptable_init();
    smbios_init();
    tables_load();
    bios32_init();
    memory_done();
    real16(R16(r16_clock_init));
    roms_vga();
    banner();
    real16(R16(r16_post16_devices));
    roms_rest();
    roms_done();                /* F0000h is read-only from here: POST's variables keep their values */
    boot();
}
