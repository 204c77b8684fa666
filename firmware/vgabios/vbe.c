/* VESA BIOS extension 3.0 on the Bochs display interface (ports 1CEh, 1CFh).
   Spec: VESA VBE Core Functions Standard 3.0, VBE/DDC 1.1; Bochs VBE Display API. */
#include "vga.h"

enum { ID, XRES, YRES, BPP, ENABLE, BANK, VWIDTH, VHEIGHT, XOFF, YOFF, MEMORY };
enum { ON = 1, CAPS = 2, DAC8 = 0x20, LFB = 0x40, NO_CLEAR = 0x80 };
enum { OK = 0x004F, FAILED = 0x014F, WRONG_MODE = 0x034F, UNKNOWN = 0x0100 };

static u16 dispi_read(u16 index) { out16(0x1CE, index); return in16(0x1CF); }
static void dispi_write(u16 index, u16 v) { out16(0x1CE, index); out16(0x1CF, v); }

static ROM struct { u16 number, width, height; u8 bpp; } modes[] = {
    {0x100, 640, 400, 8}, {0x101, 640, 480, 8}, {0x102, 800, 600, 4}, {0x103, 800, 600, 8}, {0x104, 1024, 768, 4},
    {0x105, 1024, 768, 8},
    {0x106, 1280, 1024, 4}, {0x107, 1280, 1024, 8}, {0x10D, 320, 200, 15}, {0x10E, 320, 200, 16}, {0x10F, 320, 200, 24},
    {0x110, 640, 480, 15}, {0x111, 640, 480, 16}, {0x112, 640, 480, 24}, {0x113, 800, 600, 15}, {0x114, 800, 600, 16},
    {0x115, 800, 600, 24}, {0x116, 1024, 768, 15}, {0x117, 1024, 768, 16}, {0x118, 1024, 768, 24}, {0x119, 1280, 1024, 15},
    {0x11A, 1280, 1024, 16}, {0x11B, 1280, 1024, 24}, {0x11C, 1600, 1200, 8}, {0x11D, 1600, 1200, 15}, {0x11E, 1600, 1200, 16},
    {0x11F, 1600, 1200, 24}, {0x140, 320, 200, 32}, {0x141, 640, 400, 32}, {0x142, 640, 480, 32}, {0x143, 800, 600, 32},
    {0x144, 1024, 768, 32}, {0x145, 1280, 1024, 32}, {0x146, 320, 200, 8}, {0x147, 1600, 1200, 32}, {0x148, 1152, 864, 8},
    {0x149, 1152, 864, 15}, {0x14A, 1152, 864, 16}, {0x14B, 1152, 864, 24}, {0x14C, 1152, 864, 32}, {0x175, 1280, 768, 16},
    {0x176, 1280, 768, 24}, {0x177, 1280, 768, 32}, {0x178, 1280, 800, 16}, {0x179, 1280, 800, 24}, {0x17A, 1280, 800, 32},
    {0x17B, 1280, 960, 16}, {0x17C, 1280, 960, 24}, {0x17D, 1280, 960, 32}, {0x17E, 1440, 900, 16}, {0x17F, 1440, 900, 24},
    {0x180, 1440, 900, 32}, {0x181, 1400, 1050, 16}, {0x182, 1400, 1050, 24}, {0x183, 1400, 1050, 32}, {0x184, 1680, 1050, 16},
    {0x185, 1680, 1050, 24}, {0x186, 1680, 1050, 32}, {0x187, 1920, 1200, 16}, {0x188, 1920, 1200, 24}, {0x189, 1920, 1200, 32},
    {0x18A, 2560, 1600, 16}, {0x18B, 2560, 1600, 24}, {0x18C, 2560, 1600, 32}, {0x18D, 1280, 720, 16}, {0x18E, 1280, 720, 24},
    {0x18F, 1280, 720, 32}, {0x190, 1920, 1080, 16}, {0x191, 1920, 1080, 24},
    {0x192, 1920, 1080, 32}, {0x193, 1600, 900, 8}, {0x194, 1600, 900, 16}, {0x195, 1600, 900, 24}, {0x196, 1600, 900, 32}};
enum { COUNT = sizeof modes / sizeof modes[0] };

extern u8 window_call[], pm_table[], pm_end[];
static ROM char vendor[] = "emu", product[] = "emu VGA", revision[] = "1.0";

static int present(void) { u16 id = dispi_read(ID); return id >= 0xB0C0 && id <= 0xB0CF; }

u16 vbe_bpp(void) { return dispi_read(BPP); }
u16 vbe_width(void) { return dispi_read(VWIDTH); }
u16 vbe_bank(void) { return dispi_read(BANK); }
void vbe_set_bank(u16 bank)             /* a write can be dear (QEMU), a read is not */
{
    if (dispi_read(BANK) != bank)
        out16(0x1CF, bank);
}

void vbe_off(void)
{
    if (present())
        dispi_write(ENABLE, 0);
}

void vbe_init(void)
{
    dispi_write(ID, 0xB0C5);
    vbe_off();
}

/* where PCI put the card's memory: function 1234:1111 at any place of bus 0 */
static u32 frame_buffer(void)
{
    u32 devfn, v;
    for (devfn = 0; devfn < 256; devfn++) {
        u32 address = 0x80000000u | devfn << 8;
        __asm__ volatile("outl %0, %1" :: "a"(address), "d"((u16)0xCF8));
        __asm__ volatile("inl %1, %0" : "=a"(v) : "d"((u16)0xCFC));
        if (v == 0x11111234) {
            __asm__ volatile("outl %0, %1" :: "a"(address | 0x10), "d"((u16)0xCF8));
            __asm__ volatile("inl %1, %0" : "=a"(v) : "d"((u16)0xCFC));
            return v & ~15u;
        }
    }
    return 0xE0000000u;
}

static u32 pitch_of(u16 width, u8 bpp) { return bpp == 4 ? width / 8 : (u32)width * ((bpp + 7) / 8); }

static int find(u16 number)
{
    u32 k;
    for (k = 0; k < COUNT; k++)
        if (modes[k].number == number)
            return (int)k;
    return -1;
}

static int fits(u32 k)
{
    u32 bytes = pitch_of(modes[k].width, modes[k].bpp) * modes[k].height * (modes[k].bpp == 4 ? 4 : 1);
    return bytes <= (u32)dispi_read(MEMORY) << 16;
}

static void zero(u16 seg, u16 at, u16 n) { fill8(seg, at, 0, n); }

static void rom_text(ROM char *from, u16 seg, u16 at)
{
    do
        put8(seg, at++, (u8)*from);
    while (*from++);
}

static void controller_info(struct regs *r)
{
    u16 seg = r->es, at = r->di, list = at + 0x22;
    u32 two = get16(seg, at) == 0x4256 && get16(seg, at + 2) == 0x3245, k;       /* "VBE2" */
    zero(seg, at, two ? 512 : 256);
    put16(seg, at, 0x4556);
    put16(seg, at + 2, 0x4153);
    put16(seg, at + 4, 0x0300);
    put16(seg, at + 6, (u16)(u32)product);
    put16(seg, at + 8, rom_segment());
    put32(seg, at + 10, 1);                     /* the DAC can be 8 bits wide */
    put16(seg, at + 16, seg);
    put16(seg, at + 18, dispi_read(MEMORY));
    if (two) {
        put16(seg, at + 20, 0x0100);
        rom_text(vendor, seg, at + 256);
        put16(seg, at + 22, at + 256);
        put16(seg, at + 24, seg);
        rom_text(product, seg, at + 272);
        put16(seg, at + 26, at + 272);
        put16(seg, at + 28, seg);
        rom_text(revision, seg, at + 288);
        put16(seg, at + 30, at + 288);
        put16(seg, at + 32, seg);
    }
    put16(seg, at + 14, list);
    for (k = 0; k < COUNT; k++)
        if (fits(k) && list < at + 0xFC) {
            put16(seg, list, modes[k].number);
            list += 2;
        }
    put16(seg, list, 0xFFFF);
    r->ax = OK;
}

static void colour_fields(u16 seg, u16 at, u8 bpp)
{
    u8 red = bpp == 15 || bpp == 16 ? 5 : 8, green = bpp == 16 ? 6 : red, blue = red;
    if (bpp <= 8)
        return;
    put8(seg, at, red);
    put8(seg, at + 1, green + blue);
    put8(seg, at + 2, green);
    put8(seg, at + 3, blue);
    put8(seg, at + 4, blue);
    put8(seg, at + 5, 0);
    put8(seg, at + 6, bpp == 15 ? 1 : bpp == 32 ? 8 : 0);
    put8(seg, at + 7, bpp == 15 ? 15 : bpp == 32 ? 24 : 0);
}

static void standard_info(struct regs *r, u8 number)
{
    ROM struct mode *m = find_mode(number);
    u16 seg = r->es, at = r->di;
    u8 kind = kind_of(number), height = m->height;
    if (!m) {
        r->ax = FAILED;
        return;
    }
    zero(seg, at, 256);
    put16(seg, at, kind == TEXT ? 0x0F : 0x1F);
    put8(seg, at + 2, 7);
    put16(seg, at + 4, 64);
    put16(seg, at + 6, 64);
    put16(seg, at + 8, segment_of(number));
    put16(seg, at + 16, kind == TEXT ? m->cols * 2 : kind == PLANAR ? m->cols : kind == CGA2 || kind == CGA4 ? 80 : 320);
    put16(seg, at + 18, kind == TEXT ? m->cols : m->cols * 8);
    put16(seg, at + 20, kind == TEXT ? m->rows + 1 : (m->rows + 1) * height);
    put8(seg, at + 22, kind == TEXT ? 9 : 8);
    put8(seg, at + 23, height);
    put8(seg, at + 24, kind == PLANAR ? 4 : 1);
    put8(seg, at + 25, kind == PACKED ? 8 : kind == CGA4 ? 2 : kind == CGA2 || number == 0x11 ? 1 : 4);
    put8(seg, at + 26, 1);
    put8(seg, at + 27, kind == TEXT ? 0 : kind == PLANAR ? 3 : kind == PACKED ? 4 : 1);
    put8(seg, at + 30, 1);
    r->ax = OK;
}

static void mode_info(struct regs *r)
{
    u16 seg = r->es, at = r->di;
    u32 pitch, images, bytes;
    int k = find(r->cx & 0x1FF);
    if (k < 0) {
        if ((r->cx & 0x1FF) < 0x14 && find_mode((u8)r->cx))
            standard_info(r, (u8)r->cx);
        else
            r->ax = FAILED;
        return;
    }
    pitch = pitch_of(modes[k].width, modes[k].bpp);
    bytes = pitch * modes[k].height * (modes[k].bpp == 4 ? 4 : 1);
    images = ((u32)dispi_read(MEMORY) << 16) / bytes;
    if (images > 256)
        images = 256;
    zero(seg, at, 256);
    put16(seg, at, !fits((u32)k) ? 0x1E : modes[k].bpp == 4 ? 0x1F : 0x9F);
    put8(seg, at + 2, 7);
    put16(seg, at + 4, 64);
    put16(seg, at + 6, 64);
    put16(seg, at + 8, 0xA000);
    put16(seg, at + 12, (u16)(u32)window_call);
    put16(seg, at + 14, rom_segment());
    put16(seg, at + 16, (u16)pitch);
    put16(seg, at + 18, modes[k].width);
    put16(seg, at + 20, modes[k].height);
    put8(seg, at + 22, 8);
    put8(seg, at + 23, 16);
    put8(seg, at + 24, modes[k].bpp == 4 ? 4 : 1);
    put8(seg, at + 25, modes[k].bpp);
    put8(seg, at + 26, 1);                   /* banks of scan lines: none, as ever but in CGA modes */
    put8(seg, at + 27, modes[k].bpp == 4 ? 3 : modes[k].bpp == 8 ? 4 : 6);
    put8(seg, at + 29, (u8)(images - 1));
    put8(seg, at + 30, 1);
    colour_fields(seg, at + 31, modes[k].bpp);
    put8(seg, at + 39, modes[k].bpp == 32 ? 2 : 0);
    if (modes[k].bpp != 4)
        put32(seg, at + 40, frame_buffer());
    put16(seg, at + 50, (u16)pitch);
    put8(seg, at + 52, (u8)(images - 1));
    put8(seg, at + 53, (u8)(images - 1));
    colour_fields(seg, at + 54, modes[k].bpp);
    put32(seg, at + 62, 230000000);
    r->ax = OK;
}

static void set(struct regs *r)
{
    u16 number = r->bx & 0x1FF, clear = r->bx & 0x8000 ? NO_CLEAR : 0, lfb = r->bx & 0x4000 ? LFB : 0;
    int k = find(number);
    if (k < 0) {
        if (number >= 0x100 || !find_mode((u8)number)) {
            r->ax = FAILED;
            return;
        }
        set_mode((u8)number | (clear ? 0x80 : 0));
        r->ax = OK;
        return;
    }
    if (!fits((u32)k)) {
        r->ax = FAILED;
        return;
    }
    set_mode((modes[k].bpp == 4 ? 0x12 : 0x13) | clear);        /* what the standard registers should say meanwhile */
    dispi_write(XRES, modes[k].width);
    dispi_write(YRES, modes[k].height);
    dispi_write(BPP, modes[k].bpp);
    dispi_write(BANK, 0);
    dispi_write(ENABLE, ON | lfb | clear);
    put8(BDA, MODE, VESA_MODE);
    put8(BDA, CONTROL, 0x60 | (clear ? 0x80 : 0));
    put16(BDA, 0xBA, number | (r->bx & 0xC000));        /* free bytes of the BIOS data area: the mode set */
    put16(BDA, COLS, modes[k].width / 8);
    put8(BDA, ROWS, (u8)(modes[k].height / 16 - 1));
    put16(BDA, HEIGHT, 16);
    put16(0, 0x10C, (u16)(u32)font16);
    put16(0, 0x10E, rom_segment());
    r->ax = OK;
}

static void window(struct regs *r)
{
    if ((dispi_read(ENABLE) & (ON | LFB)) != ON) {      /* there are no windows beside a linear frame buffer */
        r->ax = WRONG_MODE;
    } else if (r->bl || (r->bh == 0 && r->dx >= dispi_read(MEMORY)) || r->bh > 1) {
        r->ax = FAILED;
    } else {
        if (r->bh == 0)
            dispi_write(BANK, r->dx);
        else
            r->dx = dispi_read(BANK);
        r->ax = OK;
    }
}

/* Pixels of the longest line: 16 bits of bytes, and the screen's height of them in memory. */
static u16 longest_line(u16 bpp)
{
    u32 unit = bpp == 4 ? 1 : bpp / 8, most = ((u32)dispi_read(MEMORY) << 16) / dispi_read(YRES);
    most = bpp == 4 ? most * 2 : most / unit;
    if (bpp != 4 && most > 0xFFFF / unit)
        most = 0xFFFF / unit;
    return (u16)((most > 0x7FF8 ? 0x7FF8 : most) & ~7u);
}

static void line_length(struct regs *r)
{
    u32 width = r->cx;
    u16 bpp = dispi_read(BPP);
    if (!(dispi_read(ENABLE) & ON)) {
        r->ax = WRONG_MODE;
        return;
    }
    if (bpp == 15)
        bpp = 16;
    if (r->bl == 3) {
        width = longest_line(bpp);
        r->bx = (u16)pitch_of((u16)width, (u8)bpp);
        r->cx = (u16)width;
        width = ((u32)dispi_read(MEMORY) << 16) / (pitch_of((u16)width, (u8)bpp) * (bpp == 4 ? 4 : 1));
        r->dx = (u16)(width > 0xFFFF ? 0xFFFF : width);
        r->ax = OK;
        return;
    }
    if (r->bl == 2)
        width = bpp == 4 ? (u32)r->cx * 8 : ((u32)r->cx + bpp / 8 - 1) / (bpp / 8);
    if (r->bl == 0 || r->bl == 2) {
        if (width < dispi_read(XRES) || width > longest_line(bpp)) {
            r->ax = 0x024F;             /* not on this hardware */
            return;
        }
        dispi_write(VWIDTH, (u16)width);
    } else if (r->bl != 1) {
        r->ax = FAILED;
        return;
    }
    r->cx = dispi_read(VWIDTH);
    r->bx = (u16)pitch_of(r->cx, (u8)bpp);
    r->dx = dispi_read(VHEIGHT);
    r->ax = OK;
}

static void wait_retrace(void)
{
    u32 most = 200000;
    while (in8(0x3DA) & 8 && --most) {
    }
    while (!(in8(0x3DA) & 8) && --most) {
    }
}

static void start(struct regs *r)
{
    if (!(dispi_read(ENABLE) & ON)) {
        r->ax = WRONG_MODE;
        return;
    }
    if (r->bl == 1) {
        r->bh = 0;
        r->cx = dispi_read(XOFF);
        r->dx = dispi_read(YOFF);
    } else if (r->bl == 0 || r->bl == 0x80 || r->bl == 2 || r->bl == 0x82) {
        if (r->bl & 0x80)
            wait_retrace();
        if (r->bl & 2) {                /* a byte offset in ECX */
            u32 pitch = pitch_of(dispi_read(VWIDTH), (u8)(dispi_read(BPP) == 15 ? 16 : dispi_read(BPP)));
            u32 unit = (dispi_read(BPP) + 7) / 8;
            dispi_write(XOFF, (u16)(r->ecx % pitch / unit));
            dispi_write(YOFF, (u16)(r->ecx / pitch));
        } else {
            dispi_write(XOFF, r->cx);
            dispi_write(YOFF, r->dx);
            if (dispi_read(XOFF) != r->cx || dispi_read(YOFF) != r->dx) {
                r->ax = FAILED;
                return;
            }
        }
    } else {
        r->ax = FAILED;
        return;
    }
    r->ax = OK;
}

static void dac_width(struct regs *r)
{
    u16 enable = dispi_read(ENABLE);
    if (!(enable & ON) || dispi_read(BPP) > 8) {
        r->ax = WRONG_MODE;
        return;
    }
    if (r->bl == 0)
        dispi_write(ENABLE, (enable & ~(u16)DAC8) | NO_CLEAR | (r->bh >= 8 ? DAC8 : 0));
    else if (r->bl != 1) {
        r->ax = FAILED;
        return;
    }
    r->bh = dispi_read(ENABLE) & DAC8 ? 8 : 6;
    r->ax = OK;
}

static void palette_data(struct regs *r)
{
    u16 k, at = r->di;
    if (r->cx > 256 || (r->bl != 0 && r->bl != 0x80 && r->bl != 1)) {
        r->ax = FAILED;
        return;
    }
    if (r->bl == 0x80)
        wait_retrace();
    for (k = 0; k < r->cx; k++, at += 4) {
        if (r->bl == 1) {
            out8(0x3C7, (u8)(r->dx + k));
            put8(r->es, at + 2, in8(0x3C9));
            put8(r->es, at + 1, in8(0x3C9));
            put8(r->es, at, in8(0x3C9));
            put8(r->es, at + 3, 0);
        } else {
            out8(0x3C8, (u8)(r->dx + k));
            out8(0x3C9, get8(r->es, at + 2));
            out8(0x3C9, get8(r->es, at + 1));
            out8(0x3C9, get8(r->es, at));
        }
    }
    r->ax = OK;
}

static void save(struct regs *r)
{
    u16 k, at = r->bx;
    if (r->dl == 0) {
        r->bx = save_size(r->cx) + 1;
    } else if (r->dl == 1) {
        for (k = XRES; k <= YOFF; k++, at += 2)
            put16(r->es, at, dispi_read(k));
        save_state(r->cx, r->es, r->bx + 64);
    } else if (r->dl == 2) {
        u16 enable = get16(r->es, at + 2 * (ENABLE - XRES));
        vbe_off();
        restore_state(r->cx, r->es, r->bx + 64);
        if (enable & ON) {
            for (k = XRES; k <= BPP; k++)
                dispi_write(k, get16(r->es, at + 2 * (k - XRES)));
            dispi_write(ENABLE, enable | NO_CLEAR);
            for (k = BANK; k <= YOFF; k++)
                dispi_write(k, get16(r->es, at + 2 * (k - XRES)));
        }
    } else {
        r->ax = FAILED;
        return;
    }
    r->ax = OK;
}

static void edid(struct regs *r)
{
    u32 devfn, v, k, base = 0;
    if (r->bl == 0) {
        r->bx = 0x0103;
        r->ax = OK;
        return;
    }
    r->ax = FAILED;
    if (r->bl != 1 || r->dx)
        return;
    for (devfn = 0; devfn < 256; devfn++) {     /* the card keeps it at the start of BAR 2; INT 15h AH=87h reaches that far */
        u32 address = 0x80000000u | devfn << 8;
        __asm__ volatile("outl %0, %1" :: "a"(address), "d"((u16)0xCF8));
        __asm__ volatile("inl %1, %0" : "=a"(v) : "d"((u16)0xCFC));
        if (v == 0x11111234) {
            __asm__ volatile("outl %0, %1" :: "a"(address | 0x18), "d"((u16)0xCF8));
            __asm__ volatile("inl %1, %0" : "=a"(base) : "d"((u16)0xCFC));
            base &= ~15u;
            break;
        }
    }
    if (base) {
        u8 gdt[48];
        u32 target, cf;
        u16 ss;
        for (k = 0; k < 48; k++)
            gdt[k] = 0;
        target = (u32)r->es * 16 + r->di;
        gdt[16] = gdt[24] = 0xFF;
        gdt[18] = (u8)base, gdt[19] = (u8)(base >> 8), gdt[20] = (u8)(base >> 16), gdt[23] = (u8)(base >> 24);
        gdt[26] = (u8)target, gdt[27] = (u8)(target >> 8), gdt[28] = (u8)(target >> 16);
        gdt[21] = gdt[29] = 0x93;
        __asm__ volatile("movw %%ss, %0" : "=r"(ss));
        __asm__ volatile("pushw %%es\n\tmovw %w3, %%es\n\tint $0x15\n\tsbbl %0, %0\n\tpopw %%es"
                         : "=a"(cf) : "0"(0x8700), "c"(64), "r"(ss), "S"(gdt) : "memory", "cc");
        if (!cf && get16(r->es, r->di) == 0xFF00)
            r->ax = OK;
    }
}

void vbe(struct regs *r)
{
    if (!present())
        return;
    if (r->al == 0x00)
        controller_info(r);
    else if (r->al == 0x01)
        mode_info(r);
    else if (r->al == 0x02)
        set(r);
    else if (r->al == 0x03) {
        r->bx = dispi_read(ENABLE) & ON ? bda16(0xBA) : bda8(MODE);
        r->ax = OK;
    } else if (r->al == 0x04)
        save(r);
    else if (r->al == 0x05)
        window(r);
    else if (r->al == 0x06)
        line_length(r);
    else if (r->al == 0x07)
        start(r);
    else if (r->al == 0x08)
        dac_width(r);
    else if (r->al == 0x09)
        palette_data(r);
    else if (r->al == 0x0A) {
        r->es = rom_segment();
        r->di = (u16)(u32)pm_table;
        r->cx = (u16)(pm_end - pm_table);
        r->ax = OK;
    } else if (r->al == 0x10) {                 /* power management */
        if (r->bl == 0)
            r->bx = 0x0F20;
        else if (r->bl == 1)
            out_index(0x3C4, 1, r->bh ? in_index(0x3C4, 1) | 0x20 : in_index(0x3C4, 1) & ~0x20);
        else
            r->bh = 0;
        r->ax = OK;
    } else if (r->al == 0x15)
        edid(r);
    else
        r->ax = UNKNOWN;
}
