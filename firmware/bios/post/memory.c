/* How much memory there is, the E820 map, and memory for POST's tables. */
#include "post.h"

static u32 high_next, fseg_next;

void memory_init(void)
{
    u32 above16 = (cmos_read(0x34) | cmos_read(0x35) << 8) << 16;
    if (above16)
        S.ram_below = above16 + (16 << 20);
    else
        S.ram_below = ((cmos_read(0x30) | cmos_read(0x31) << 8) << 10) + (1 << 20);
    S.ram_above = (u64)(cmos_read(0x5B) | cmos_read(0x5C) << 8 | cmos_read(0x5D) << 16) << 16;
    u32 ext = (S.ram_below >> 10) - 1024;
    S.ext_kib = ext > 63 * 1024 ? 63 * 1024 : ext;
    fseg_next = (u32)table_start;
    high_next = S.ram_below;
}
