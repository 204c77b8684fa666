/* SMBIOS 2.8: from fw_cfg (etc/smbios/) with our BIOS information in front, else a small set of our own.
 *
 * Spec: DMTF DSP0134, entry point 5.2.1, structures chapter 7.
 */
#include "post.h"

struct anchor {
    char signature[4];
    u8 sum, length, major, minor;
    u16 largest;
    u8 revision, formatted[5];
    char dmi[5];
    u8 dmi_sum;
    u16 bytes;
    u32 table;
    u16 count;
    u8 bcd;
} PACKED;

struct anchor3 { char signature[5]; u8 sum, length, major, minor, docrev, revision, pad; u32 max; u64 table; } PACKED;

static u8 *out;
static u32 largest, count, handle;

/* One structure: type, formatted bytes behind the header, strings. */
static void structure(u8 type, const void *body, u32 bytes, const char *const *strings)
{
    u8 *start = out;
    u8 head[4] = { type, bytes + 4, type == 127 ? 0x00 : handle, type == 127 ? 0x7F : handle >> 8 };
    memcpy(out, head, 4);
    memcpy(out + 4, body, bytes);
    out += 4 + bytes;
    for (; strings && *strings; strings++) {
        for (const char *s = *strings; *s; s++)
            *out++ = *s;
        *out++ = 0;
    }
    if (out == start + 4 + bytes)
        *out++ = 0;
    *out++ = 0;
    if ((u32)(out - start) > largest)
        largest = out - start;
    count++;
    handle++;
}

static void bios_information(void)
{
    static const u8 body[20] = { 1, 2, 0x00, 0xE0, 3, 1,    /* vendor, version, segment E000h, date, 128 KiB */
        0x90, 0x80, 0x01, 0, 0, 0, 0, 0,                    /* PCI, PnP; boot from CD, selectable boot; (bits 4,7,15,16) */
        0x01, 0x04, 1, 0, 0xFF, 0xFF };                     /* ACPI; targeted content; release 1.0 */
    static const char *const strings[] = { "emu", VERSION, "11/23/2026", NULL };
    u32 keep = handle;
    handle = 0;
    structure(0, body, sizeof body, strings);
    handle = keep;
}

static void own_structures(void)
{
    static const char *const maker[] = { "emu", "PC", "i440FX", NULL }, *const chassis[] = { "emu", NULL };
    static const char *const cpu[] = { "CPU 0", NULL }, *const dimm[] = { "DIMM 0", NULL };
    u8 b[32];
    u32 mib = (S.ram_below + 0xFFFFF) >> 20;
    mib += S.ram_above >> 20;
    handle = 0x100;
    memset(b, 0, sizeof b);
    b[0] = 1; b[1] = 2; b[2] = 3;
    b[20] = 6;                                              /* wake-up: power switch */
    structure(1, b, 23, maker);
    handle = 0x300;
    memset(b, 0, sizeof b);
    b[0] = 1; b[1] = 1;
    b[5] = b[6] = b[7] = 3; b[8] = 2;
    structure(3, b, 18, chassis);
    handle = 0x400;
    memset(b, 0, sizeof b);
    b[0] = 1; b[1] = 3; b[2] = 1;                           /* central processor */
    memcpy(b + 4, &S.cpu_signature, 4);
    memcpy(b + 8, &S.cpu_features, 4);
    b[20] = 0x41;                                           /* enabled */
    b[21] = 1;
    memset(b + 22, 0xFF, 6);                                /* no cache handles */
    structure(4, b, 28, cpu);
    handle = 0x1000;
    u32 kib = mib << 10;
    memset(b, 0, sizeof b);
    b[0] = 1; b[1] = 3; b[2] = 3;
    memcpy(b + 3, &kib, 4);
    b[7] = 0xFE; b[8] = 0xFF;
    b[9] = 1;
    structure(16, b, 11, NULL);
    handle = 0x1100;
    u16 size = mib < 0x7FFF ? mib : 0x7FFF;
    memset(b, 0, sizeof b);
    b[1] = 0x10; b[2] = 0xFE; b[3] = 0xFF;
    b[4] = b[6] = 64;
    memcpy(b + 8, &size, 2);
    b[10] = 9; b[12] = 1; b[14] = 7; b[15] = 2;
    b[13] = 0;
    structure(17, b, 17, dimm);
    handle = 0x1300;
    u32 end_kib = kib - 1;
    memset(b, 0, sizeof b);
    memcpy(b + 4, &end_kib, 4);
    b[9] = 0x10;
    b[10] = 1;
    structure(19, b, 11, NULL);
    handle = 0x2000;
    memset(b, 0, sizeof b);
    structure(32, b, 7, NULL);
    structure(127, b, 0, NULL);
}

static void finish(struct anchor *a)
{
    a->dmi_sum = a->sum = 0;
    a->dmi_sum = -sum8(a->dmi, 15);
    a->sum = -sum8(a, a->length);
}

void smbios_init(void)
{
    struct fwcfg_file anchor_file, tables;
    struct anchor a;
    int given = fwcfg_file("etc/smbios/smbios-tables", 1, 0, &tables)
        && fwcfg_file("etc/smbios/smbios-anchor", 1, 0, &anchor_file);
    u32 room = (given ? tables.size : 0) + 1024;
    u8 *table = room <= 3072 ? alloc_fseg(room, 16) : NULL;
    if (!table)
        table = alloc_high(room, 16);
    if (!table)
        return;
    out = table;
    if (!given) {
        static const struct anchor fresh = { "_SM_", 0, 0x1F, 2, 8, 0, 0, { 0 }, { '_', 'D', 'M', 'I', '_' }, 0, 0, 0, 0, 0x28 };
        bios_information();
        own_structures();
        a = fresh;
        a.largest = largest;
        a.count = count;
    } else {
        u8 raw[64];
        u8 *given_tables;
        memset(raw, 0, sizeof raw);
        fwcfg_read(anchor_file.key, raw, anchor_file.size < sizeof raw ? anchor_file.size : sizeof raw);
        if (tables.size > TEMP_BYTES)
            return;
        given_tables = (u8 *)TEMP;
        fwcfg_read(tables.key, given_tables, tables.size);
        int has_type0 = 0;
        for (u32 k = 0; k + 4 < tables.size && given_tables[k + 1] >= 4;) {
            has_type0 |= given_tables[k] == 0;
            for (k += given_tables[k + 1]; k + 1 < tables.size && (given_tables[k] || given_tables[k + 1]); k++)
                ;
            k += 2;
        }
        if (!has_type0)
            bios_information();
        memcpy(out, given_tables, tables.size);
        out += tables.size;
        if (!memcmp(raw, "_SM3_", 5)) {
            struct anchor3 *a3 = alloc_fseg(sizeof *a3, 16);
            if (!a3)
                return;
            memcpy(a3, raw, sizeof *a3);
            a3->table = (u32)table;
            a3->max = out - table;
            a3->sum = 0;
            a3->sum = -sum8(a3, a3->length < sizeof *a3 ? a3->length : sizeof *a3);
            return;
        }
        if (memcmp(raw, "_SM_", 4))
            return;
        memcpy(&a, raw, sizeof a);
        a.count += count;
        if (a.largest < largest)
            a.largest = largest;
        a.length = 0x1F;
    }
    struct anchor *placed = alloc_fseg(sizeof a, 16);
    if (!placed)
        return;
    a.bytes = out - table;
    a.table = (u32)table;
    *placed = a;
    finish(placed);
}
