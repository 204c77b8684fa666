/* Tables an OS searches for in F0000h-FFFFFh. */
#include "post.h"
u16 pnp_offset(void) { return 0; }
void tables_load(void) {}
void smbios_init(void) {}
void pir_init(void) {}
void mptable_init(void) {}
void bios32_init(void) {}
