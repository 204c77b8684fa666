/* The video mode the Multiboot header asks for, by VBE: the nearest linear one; what there is goes into the structure.

   Spec: Multiboot Specification 0.6.96 sections 3.1.4 and 3.3, VESA VBE Core Functions Standard 3.0. */
#include "multiboot.h"

struct controller {
    char signature[4];
    u16 version;
    u32 oem, capabilities;
    u16 modes, modes_seg, blocks;
    u8 rest[492];
} PACKED;
struct mode {
    u16 attributes;
    u8 windows[14];
    u16 pitch, width, height;
    u8 cell_width, cell_height, planes, bpp, banks, model, bank_kib, pages, one;
    u8 red, red_at, green, green_at, blue, blue_at, rest, rest_at, direct;
    u32 base;
    u8 gap[6];
    u16 linear_pitch;
    u8 linear_pages[2];
    u8 linear_red, linear_red_at, linear_green, linear_green_at, linear_blue, linear_blue_at, linear_rest, linear_rest_at;
    u8 end[194];
} PACKED;

enum { USABLE = 0x99 };                 /* supported, in colour, graphics, with a linear frame buffer */
enum { PACKED_PIXEL = 4, DIRECT_COLOUR = 6 };

static struct regs r;

static int vbe(u16 ax, u16 bx, u16 cx, void *at)
{
    memset(&r, 0, sizeof r);
    r.ax = ax;
    r.bx = bx;
    r.cx = cx;
    r.es = segment;
    r.edi = (u32)at;
    intcall(0x10, &r);
    return r.ax == 0x004F;
}

static u32 apart(u32 a, u32 b) { return a > b ? a - b : b - a; }

/* 15 and 16 bits a pixel may both be told as 16 */
static u32 depth_of(const struct mode *m) { return m->bpp == 16 && m->green == 5 ? 15 : m->bpp; }

static int usable(const struct mode *m)
{
    return (m->attributes & USABLE) == USABLE && m->base &&
           (m->model == DIRECT_COLOUR ? m->bpp >= 15 : m->model == PACKED_PIXEL && m->planes == 1 && m->bpp == 8);
}

static void palette(struct info *info)
{
    u8 *p = keep(768);
    outb(0x3C7, 0);
    for (u32 k = 0; k < 768; k++) {
        u8 v = inb(0x3C9) & 0x3F;
        p[k] = v << 2 | v >> 4;
    }
    info->framebuffer_type = INDEXED;
    info->palette_addr = linear(p);
    info->palette_colours = 256;
}

static void graphics(struct info *info, struct controller *c, u16 number, const struct mode *found)
{
    struct mode *m = keep(sizeof *m);
    int new = c->version >= 0x0300;
    *m = *found;
    info->flags |= HAS_VBE | HAS_FRAMEBUFFER;
    info->vbe_control_info = linear(c);
    info->vbe_mode_info = linear(m);
    info->vbe_mode = number | 0x4000;
    if (vbe(0x4F0A, 0, 0, 0)) {
        info->vbe_interface_seg = r.es;
        info->vbe_interface_off = r.edi;
        info->vbe_interface_len = r.cx;
    }
    info->framebuffer_addr = m->base;
    info->framebuffer_pitch = new && m->linear_pitch ? m->linear_pitch : m->pitch;
    info->framebuffer_width = m->width;
    info->framebuffer_height = m->height;
    info->framebuffer_bpp = depth_of(m);
    if (m->model == PACKED_PIXEL) {
        palette(info);
        return;
    }
    info->framebuffer_type = RGB;
    const u8 *fields = new && m->linear_green ? &m->linear_red : &m->red;       /* size, position of red, green, blue */
    info->red = fields[0];
    info->red_at = fields[1];
    info->green = fields[2];
    info->green_at = fields[3];
    info->blue = fields[4];
    info->blue_at = fields[5];
}

static void characters(struct info *info)
{
    info->flags |= HAS_FRAMEBUFFER;
    info->framebuffer_addr = 0xB8000;
    info->framebuffer_width = far16(0x40, 0x4A);
    info->framebuffer_height = (u8)far16(0x40, 0x84) + 1;
    info->framebuffer_pitch = info->framebuffer_width * 2;
    info->framebuffer_bpp = 16;
    info->framebuffer_type = TEXT;
}

/* The number of the nearest mode, 0xFFFF if there is none: palette or not, then size, then colours; of equals the smaller. */
static u16 choose(struct controller *c, const struct block *block, struct mode *best)
{
    u32 width = block->width ? block->width : 1024, height = block->height ? block->height : 768;
    u32 depth = block->depth ? block->depth : 32, pixels = 0xFFFFFFFF;
    u64 nearest = ~0ull;
    u16 number, chosen = 0xFFFF;
    struct mode m;
    if (width > 0xFFFF)
        width = 0xFFFF;
    if (height > 0xFFFF)
        height = 0xFFFF;
    if (depth > 32)
        depth = 32;
    for (u16 at = c->modes; (number = far16(c->modes_seg, at)) != 0xFFFF; at += 2) {
        memset(&m, 0, sizeof m);
        if (!vbe(0x4F01, 0, number, &m) || !usable(&m))
            continue;
        u64 far = (u64)((m.bpp == 8) != (depth <= 8)) << 48;
        far |= (u64)(apart(m.width, width) + apart(m.height, height)) << 16 | apart(depth_of(&m), depth);
        u32 area = (u32)m.width * m.height;
        if (far > nearest || (far == nearest && area >= pixels))
            continue;
        nearest = far;
        pixels = area;
        chosen = number;
        *best = m;
    }
    return chosen;
}

void video(struct info *info, const struct block *block)
{
    memset(&r, 0, sizeof r);
    r.ax = 0x1A00;
    intcall(0x10, &r);
    if (r.al != 0x1A)                   /* no VGA */
        return;
    if (block->mode_type == 0) {
        static struct mode best;
        struct controller *c = keep(sizeof *c);
        memcpy(c->signature, "VBE2", 4);
        if (vbe(0x4F00, 0, 0, c)) {
            u16 number = choose(c, block, &best);
            if (number != 0xFFFF && vbe(0x4F02, number | 0x4000, 0, 0)) {
                graphics(info, c, number, &best);
                return;
            }
        }
    }
    characters(info);
}
