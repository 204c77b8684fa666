/* The table loader of fw_cfg: places ACPI (and other) tables and links them (documented in QEMU's bios-linker-loader).
 *
 * Every command names files by fw_cfg name. An offset or size that does not fit its file ends the script with a message; tables
 * that were complete by then stay.
 */
#include "post.h"

enum { ALLOCATE = 1, ADD_POINTER = 2, ADD_CHECKSUM = 3, WRITE_POINTER = 4, ZONE_FSEG = 2, MAX_FILES = 32 };

struct entry {
    u32 command;
    union {
        struct { char file[56]; u32 align; u8 zone; } PACKED allocate;
        struct { char dest[56], source[56]; u32 offset; u8 size; } PACKED pointer;
        struct { char file[56]; u32 offset, start, length; } PACKED checksum;
        struct { char dest[56], source[56]; u32 dest_offset, source_offset; u8 size; } PACKED write;
        u8 room[124];
    };
} PACKED;

struct placed { char name[56]; u8 *at; u32 size; };
static struct placed files[MAX_FILES];
static u32 n_files;

static int same(const char *a, const char *b)
{
    for (u32 k = 0; k < 56; k++) {
        if (a[k] != b[k])
            return 0;
        if (!a[k])
            break;
    }
    return 1;
}

static struct placed *find(const char *name)
{
    for (u32 k = 0; k < n_files; k++)
        if (same(files[k].name, name))
            return &files[k];
    return NULL;
}

static int allocate(const struct entry *e)
{
    struct fwcfg_file f;
    char name[56];
    memcpy(name, e->allocate.file, 56);
    name[55] = 0;
    u32 align = e->allocate.align;
    if (n_files == MAX_FILES || !align || align & (align - 1) || find(name) || !fwcfg_file(name, 1, 0, &f))
        return 0;
    u8 *at = e->allocate.zone == ZONE_FSEG ? alloc_fseg(f.size, align) : alloc_high(f.size, align);
    if (!at)
        at = alloc_fseg(f.size, align);
    if (!at)
        return 0;
    fwcfg_read(f.key, at, f.size);
    struct placed *p = &files[n_files++];
    memcpy(p->name, name, 56);
    p->at = at;
    p->size = f.size;
    return 1;
}

static int add_pointer(const struct entry *e)
{
    struct placed *dest = find(e->pointer.dest), *source = find(e->pointer.source);
    u32 offset = e->pointer.offset, size = e->pointer.size;
    u64 v = 0;
    if (!dest || !source || !size || size > 8 || size & (size - 1) || offset > dest->size || size > dest->size - offset)
        return 0;
    memcpy(&v, dest->at + offset, size);
    v += (u32)source->at;
    memcpy(dest->at + offset, &v, size);
    return 1;
}

static int add_checksum(const struct entry *e)
{
    struct placed *f = find(e->checksum.file);
    u32 start = e->checksum.start, length = e->checksum.length;
    if (!f || e->checksum.offset >= f->size || start > f->size || length > f->size - start)
        return 0;
    f->at[e->checksum.offset] -= sum8(f->at + start, length);
    return 1;
}

static int write_pointer(const struct entry *e)
{
    struct placed *source = find(e->write.source);
    struct fwcfg_file dest;
    char name[56];
    memcpy(name, e->write.dest, 56);
    name[55] = 0;
    u32 size = e->write.size;
    if (!source || !size || size > 8 || size & (size - 1) || e->write.source_offset >= source->size
        || !fwcfg_file(name, 1, 0, &dest) || e->write.dest_offset > dest.size || size > dest.size - e->write.dest_offset)
        return 0;
    u64 v = (u32)source->at + e->write.source_offset;
    return fwcfg_write(dest.key, e->write.dest_offset, &v, size);
}

void tables_load(void)
{
    struct fwcfg_file script;
    if (!fwcfg_file("etc/table-loader", 1, 0, &script))
        return;
    u32 n = script.size / sizeof(struct entry);
    struct entry *e = (struct entry *)TEMP;
    if (n > TEMP_BYTES / sizeof *e)
        n = TEMP_BYTES / sizeof *e;
    fwcfg_read(script.key, e, n * sizeof *e);
    for (u32 k = 0; k < n; k++) {
        int ok = 1;
        switch (e[k].command) {
        case ALLOCATE: ok = allocate(&e[k]); break;
        case ADD_POINTER: ok = add_pointer(&e[k]); break;
        case ADD_CHECKSUM: ok = add_checksum(&e[k]); break;
        case WRITE_POINTER: ok = write_pointer(&e[k]); break;
        }
        if (!ok) {
            debug("table loader: command %u, of kind %u, cannot be done\n", k, e[k].command);
            return;
        }
    }
    for (u32 k = 0; k < n_files; k++)
        debug("%s at %08x, %u bytes\n", files[k].name, (u32)files[k].at, files[k].size);
}
