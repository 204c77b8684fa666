/* How much memory there is, the E820 map, and memory for the tables POST leaves.
 *
 * fw_cfg's etc/e820 is believed first, then CMOS 34h (64 KiB blocks above 16 MiB), then CMOS 30h (KiB above 1 MiB).
 */
#include "post.h"

#define MIB (1u << 20)

static u32 high_next, fseg_next;

static void put(u32 at, u64 base, u64 length, u32 type)
{
    if (S.n_e820 == E820_MAX)
        return;
    for (u32 k = S.n_e820++; k > at; k--)
        S.e820[k] = S.e820[k - 1];
    S.e820[at] = (struct e820){ base, length, type };
}

static void drop(u32 at)
{
    for (S.n_e820--; at < S.n_e820; at++)
        S.e820[at] = S.e820[at + 1];
}

/* [base, base + length) becomes `type`, whatever was there; the map stays sorted and without overlap. */
void e820_add(u64 base, u64 length, u32 type)
{
    u64 end = base + length;
    u32 at = 0;
    if (!length)
        return;
    for (u32 k = 0; k < S.n_e820; k++) {
        struct e820 *e = &S.e820[k];
        u64 e_end = e->base + e->length;
        if (e_end <= base || e->base >= end)
            continue;
        if (e->base < base && e_end > end) {
            put(k + 1, end, e_end - end, e->type);
            e->length = base - e->base;
        } else if (e->base < base) {
            e->length = base - e->base;
        } else if (e_end > end) {
            e->base = end;
            e->length = e_end - end;
        } else {
            drop(k--);
        }
    }
    while (at < S.n_e820 && S.e820[at].base < base)
        at++;
    put(at, base, length, type);
    for (u32 k = 0; k + 1 < S.n_e820;) {
        struct e820 *e = &S.e820[k];
        if (e->type == e[1].type && e->base + e->length == e[1].base) {
            e->length += e[1].length;
            drop(k + 1);
        } else {
            k++;
        }
    }
}

static void cmos_sizes(void)
{
    u32 above16 = (cmos_read(0x34) | cmos_read(0x35) << 8) << 16;
    if (above16)
        S.ram_below = above16 + 16 * MIB;
    else
        S.ram_below = ((cmos_read(0x30) | cmos_read(0x31) << 8) << 10) + MIB;
    S.ram_above = (u64)(cmos_read(0x5B) | cmos_read(0x5C) << 8 | cmos_read(0x5D) << 16) << 16;
}

void memory_init(void)
{
    struct fwcfg_file file;
    S.n_e820 = 0;
    S.ram_below = 0;
    S.ram_above = 0;
    cmos_sizes();
    u32 below = 0;
    u64 above = 0;
    if (fwcfg_file("etc/e820", 1, 0, &file)) {
        struct e820 rows[32];
        u32 n = file.size / sizeof rows[0];
        if (n > COUNT(rows))
            n = COUNT(rows);
        fwcfg_read(file.key, rows, n * sizeof rows[0]);
        for (u32 k = 0; k < n; k++) {
            u64 end = rows[k].base + rows[k].length;
            if (rows[k].type == E820_RAM) {
                if (end <= 0xFFFFFFFF && end > below)
                    below = end;
                else if (end > 1ull << 32)
                    above += rows[k].length;
            }
            e820_add(rows[k].base, rows[k].length, rows[k].type);
        }
    }
    if (below) {
        S.ram_below = below;
        S.ram_above = above;
    } else {
        e820_add(0, S.ram_below, E820_RAM);
        e820_add(1ull << 32, S.ram_above, E820_RAM);
    }
    e820_add(EBDA_BASE, 0xA0000 - EBDA_BASE, E820_RESERVED);
    for (u32 k = 0; k < S.n_e820; k++)              /* the window of the video card and the ROMs are not RAM */
        if (S.e820[k].base < 0xE0000 && S.e820[k].base + S.e820[k].length > 0xA0000 && S.e820[k].type == E820_RAM) {
            u64 end = S.e820[k].base + S.e820[k].length;
            if (S.e820[k].base < 0xA0000)
                S.e820[k].length = 0xA0000 - S.e820[k].base;
            else
                drop(k);
            if (end > MIB)
                e820_add(MIB, end - MIB, E820_RAM);
            break;
        }
    e820_add(0xE0000, 0x20000, E820_RESERVED);
    e820_add(0xFFFC0000, 0x40000, E820_RESERVED);
    fseg_next = (u32)table_start;
    high_next = S.ram_below;
}

void *alloc_high(u32 bytes, u32 align)
{
    if (high_next - 2 * MIB > S.ram_below || bytes > high_next - 2 * MIB)       /* with 1 or 2 MiB there is no room up there */
        return NULL;
    high_next = (high_next - bytes) & -align;
    return memset((void *)high_next, 0, bytes);
}

void *alloc_fseg(u32 bytes, u32 align)
{
    u32 at = (fseg_next + align - 1) & -align;
    if (at + bytes > TABLE_END)
        return NULL;
    fseg_next = at + bytes;
    return memset((void *)at, 0, bytes);
}

/* Nothing is allocated after this. */
void memory_done(void)
{
    u32 start = high_next & ~0xFFF;
    e820_add(start, S.ram_below - start, E820_RESERVED);
    u32 usable = high_next >= MIB ? start : MIB;
    u32 ext = (usable >> 10) - 1024;
    S.usable_below = usable;
    S.ext_kib = ext > 63 * 1024 ? 63 * 1024 : ext;
    for (u32 k = 0; k < S.n_e820; k++)
        debug("e820 %08x%08x + %08x%08x type %u\n", (u32)(S.e820[k].base >> 32), (u32)S.e820[k].base,
              (u32)(S.e820[k].length >> 32), (u32)S.e820[k].length, S.e820[k].type);
}
