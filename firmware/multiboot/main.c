/* Gets the kernel, its modules and its information structure ready, and goes.

   The information is taken first, with the firmware's services; the pieces are copied last, since they may lie over anything that
   is RAM: from then on the firmware is not called any more. */
#include "multiboot.h"

#define KERNEL_DATA 0x11
#define SETUP_SIZE 0x17
#define SETUP_DATA 0x18
#define NO_ITEM 0xFF                    /* reads as zeros */
#define DMA_READ 2
#define DMA_SELECT 8
#define ROOM 0xF000                     /* of the segment; the stack above */

extern char bss_end[];
static char *top = bss_end;

/* ---- text ---- */
static void put(void *to, char c)
{
    struct regs r;
    (void)to;
    if (c == '\n')
        put(to, '\r');
    memset(&r, 0, sizeof r);
    r.ah = 0x0E;
    r.al = c;
    r.bl = 7;
    intcall(0x10, &r);
}

static void stop(const char *why, ...)
{
    static const char *start = "\nThe Multiboot kernel cannot be started: ";
    format_text(put, NULL, start, NULL);
    FORMAT(put, NULL, why);
    put(NULL, '\n');
    for (;;)
        asm volatile("hlt");
}

/* ---- what the other files use ---- */
void *keep(u32 bytes)
{
    char *p = top;
    top += (bytes + 3) & -4;
    if (bytes > ROOM || top > (char *)ROOM)
        stop("its information does not fit into 60 KiB.");
    return memset(p, 0, bytes);
}

int bios(u8 number, struct regs *r)
{
    r->flags = 0;
    intcall(number, r);
    return !(r->flags & 1);
}

/* ---- fw_cfg ---- */
/* The next `bytes` of the item selected, or of `item` from its start, to a physical address */
static void read(u32 control, u32 to, u32 bytes)
{
    static volatile u32 request[4];
    request[0] = swap32(control | DMA_READ);
    request[1] = swap32(bytes);
    request[2] = 0;
    request[3] = swap32(to);
    outl(0x514, 0);
    outl(0x518, swap32(linear((void *)request)));
    while (request[0])
        if (request[0] & swap32(1))
            stop("it could not be read out of fw_cfg.");
}

static u32 item(u16 key) { return (u32)key << 16 | DMA_SELECT; }

/* ---- the pieces ---- */
/* Does what the firmware calls RAM hold all of this? */
static int is_ram(u64 at, u64 end)
{
    for (u32 k = 0; at < end && k < n_ranges; k++)
        if (ranges[k].type == 1 && ranges[k].base <= at && ranges[k].base + ranges[k].length > at) {
            at = ranges[k].base + ranges[k].length;
            k = -1;                     /* it may go on in any other */
        }
    return at >= end;
}

static void check(const struct piece *p, u32 count)
{
    for (; count; count--, p++)
        if (n_ranges && !is_ram(p->addr, (u64)p->addr + p->bytes + p->zeros))
            stop("it or a module\nof it goes to %08x-%08x;\nthe firmware does not leave all of that free.",
                 p->addr, p->addr + p->bytes + p->zeros - 1);
}

static void load(const struct piece *pieces, u32 count)
{
    u32 control = item(KERNEL_DATA);
    for (u32 k = 0; k < count; k++)
        if (pieces[k].bytes) {
            read(control, pieces[k].addr, pieces[k].bytes);
            control = 0;
        }
    for (u32 k = 0; k < count; k++)
        if (pieces[k].zeros)
            read(item(NO_ITEM), pieces[k].addr + pieces[k].bytes, pieces[k].zeros);
}

void main(void)
{
    static u32 size;
    read(item(SETUP_SIZE), linear(&size), 4);
    struct info *info = keep(sizeof *info);
    struct block *block = keep(size);
    read(item(SETUP_DATA), linear(block), size);
    if (size < sizeof *block || block->magic != BLOCK_MAGIC)
        stop("fw_cfg's setup data is not for this ROM.");
    u32 base = linear(block);
    struct piece *pieces = (void *)((char *)block + block->pieces_at);
    struct module *modules = (void *)((char *)block + block->modules_at);

    info->flags = HAS_CMDLINE | HAS_NAME;
    info->cmdline = base + block->cmdline_at;
    info->boot_loader_name = base + block->name_at;
    if (block->n_modules) {
        for (u32 k = 0; k < block->n_modules; k++)
            modules[k].string += base;
        info->flags |= HAS_MODS;
        info->mods_count = block->n_modules;
        info->mods_addr = linear(modules);
    }
    machine(info);
    check(pieces, block->n_pieces);
    if (block->header_flags & WANTS_VIDEO)
        video(info, block);
    asm volatile("cli");
    load(pieces, block->n_pieces);
    launch(block->entry, linear(info), (u32)segment << 4);
}
