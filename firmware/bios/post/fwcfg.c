/* fw_cfg for POST: files by name, read by port or DMA, written by DMA (QEMU docs/specs/fw_cfg.rst). */
#include "post.h"

enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };

static u32 has_dma;

void fwcfg_init(void)
{
    u32 id;
    outw(0x510, 0);
    S.has_fwcfg = inb(0x511) == 'Q' && inb(0x511) == 'E' && inb(0x511) == 'M' && inb(0x511) == 'U';
    if (!S.has_fwcfg)
        return;
    fwcfg_read(1, &id, 4);
    has_dma = id & 2;
}

static int transfer(u32 control, void *data, u32 bytes)
{
    static volatile struct { u32 control, length, high, low; } PACKED access;
    access.control = swap32(control);
    access.length = swap32(bytes);
    access.high = 0;
    access.low = swap32((u32)data);
    outl(0x514, 0);
    outl(0x518, swap32((u32)&access));
    while (access.control & swap32(~(u32)DMA_ERROR))
        ;
    return access.control == 0;
}

void fwcfg_read(u16 key, void *to, u32 bytes)
{
    if (has_dma && bytes > 16) {
        if (transfer((u32)key << 16 | DMA_SELECT | DMA_READ, to, bytes))
            return;
    }
    outw(0x510, key);
    u32 got;
    asm volatile("rep insb" : "+D"(to), "=c"(got) : "d"(0x511), "1"(bytes) : "memory");
}

int fwcfg_write(u16 key, u32 offset, const void *from, u32 bytes)
{
    if (!has_dma || !transfer((u32)key << 16 | DMA_SELECT | DMA_SKIP, NULL, offset))
        return 0;
    return transfer(DMA_WRITE, (void *)from, bytes);
}

/* The n-th file whose name starts with `name` (or is it, with `exact`). */
int fwcfg_file(const char *name, int exact, u32 n, struct fwcfg_file *found)
{
    u32 count;
    if (!S.has_fwcfg)
        return 0;
    outw(0x510, 0x19);
    for (u32 k = 0; k < 4; k++)
        ((u8 *)&count)[k] = inb(0x511);
    for (count = swap32(count); count; count--) {
        struct { u32 size; u16 key, pad; char name[56]; } PACKED file;
        for (u32 k = 0; k < sizeof file; k++)
            ((u8 *)&file)[k] = inb(0x511);
        u32 k = 0;
        while (k < 55 && name[k] && name[k] == file.name[k])
            k++;
        if (name[k] && name[k] != file.name[k])
            continue;
        if (exact && file.name[k])
            continue;
        if (n--)
            continue;
        found->size = swap32(file.size);
        found->key = file.key >> 8 | file.key << 8;
        memcpy(found->name, file.name, 56);
        found->name[55] = 0;
        return 1;
    }
    return 0;
}

u64 fwcfg_number(const char *name, u64 otherwise)
{
    struct fwcfg_file f;
    u64 v = 0;
    if (!fwcfg_file(name, 1, 0, &f) || f.size > 8)
        return otherwise;
    fwcfg_read(f.key, &v, f.size);
    return v;
}
