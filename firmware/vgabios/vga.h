/* What the files of the VGA BIOS share: types, memory behind segments, ports, the BIOS data area. */
#ifndef VGA_H
#define VGA_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef signed int i32;

#define ROM __seg_gs const              /* constants of the ROM: GS = CS */

#define REG(name, low, high) union { u32 e##name; u16 name; struct { u8 low, high; }; }
struct regs {                           /* as door in entry.S leaves them */
    union { u32 edi; u16 di; };
    union { u32 esi; u16 si; };
    union { u32 ebp; u16 bp; };
    u32 esp;
    REG(bx, bl, bh);
    REG(dx, dl, dh);
    REG(cx, cl, ch);
    REG(ax, al, ah);
    u16 gs, fs, es, ds;
    u16 door, ip, cs, flags;
};

enum { TEXT, CGA4, CGA2, PLANAR, PACKED, LINEAR };      /* kinds of memory; LINEAR: VESA modes */
enum { VESA_MODE = 0x7F };              /* what the BIOS data area says in VESA modes */

struct mode {                           /* the BIOS's parameters of a mode, in the order of the video parameter table */
    u8 cols, rows, height;              /* rows less one */
    u16 page_size;
    u8 seq[4];
    u8 misc;
    u8 crtc[25];
    u8 attr[20];
    u8 gr[9];
} __attribute__((packed));

static inline u8 in8(u16 port) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u16 in16(u16 port) { u16 v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline void out8(u16 port, u8 v) { __asm__ volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }
static inline void out16(u16 port, u16 v) { __asm__ volatile("outw %0, %1" :: "a"(v), "Nd"(port)); }
static inline void out_index(u16 port, u8 index, u8 v) { out16(port, index | v << 8); }
static inline u8 in_index(u16 port, u8 index) { out8(port, index); return in8(port + 1); }

static inline u8 get8(u16 seg, u16 off)
{
    u8 v;
    __asm__ volatile("movw %w1, %%fs\n\tmovb %%fs:(%2), %0" : "=q"(v) : "r"(seg), "r"((u32)off) : "memory");
    return v;
}
static inline u16 get16(u16 seg, u16 off)
{
    u16 v;
    __asm__ volatile("movw %w1, %%fs\n\tmovw %%fs:(%2), %0" : "=r"(v) : "r"(seg), "r"((u32)off) : "memory");
    return v;
}
static inline void put8(u16 seg, u16 off, u8 v)
{
    __asm__ volatile("movw %w0, %%fs\n\tmovb %2, %%fs:(%1)" :: "r"(seg), "r"((u32)off), "q"(v) : "memory");
}
static inline void put16(u16 seg, u16 off, u16 v)
{
    __asm__ volatile("movw %w0, %%fs\n\tmovw %2, %%fs:(%1)" :: "r"(seg), "r"((u32)off), "r"(v) : "memory");
}
static inline void put32(u16 seg, u16 off, u32 v)
{
    put16(seg, off, (u16)v);
    put16(seg, off + 2, (u16)(v >> 16));
}
void fill16(u16 seg, u16 off, u16 value, u16 words);
void fill8(u16 seg, u16 off, u8 value, u16 n);
void copy8(u16 to_seg, u16 to, u16 from_seg, u16 from, u16 n, int down);

/* BIOS data area */
enum {
    BDA = 0x40, MODE = 0x49, COLS = 0x4A, PAGE_SIZE = 0x4C, PAGE_START = 0x4E, CURSOR = 0x50, SHAPE = 0x60, PAGE = 0x62,
    CRTC = 0x63, MSR = 0x65, CGA_PALETTE = 0x66, ROWS = 0x84, HEIGHT = 0x85, CONTROL = 0x87, SWITCHES = 0x88, FLAGS = 0x89,
    DCC = 0x8A, SAVE = 0xA8
};
#define bda8(off) get8(BDA, off)
#define bda16(off) get16(BDA, off)

extern ROM u8 font16[4096], font14[3584], font8[2048];
extern ROM u8 alternate16[], alternate14[];
u16 rom_segment(void);

/* modes.c */
ROM struct mode *find_mode(u8 mode);
u8 kind_of(u8 mode);
u16 segment_of(u8 mode);
void set_mode(u8 mode);
void set_page(u8 page);
void set_cursor_shape(u8 start, u8 end);
void put_cursor(u8 page, u8 row, u8 col);
void load_dac(u8 mode);
void setup_bda(void);

/* text.c */
void scroll(struct regs *r, int down);
void read_char(struct regs *r);
void write_char(u8 page, u8 c, u8 attr, u16 count, int with_attr);
void teletype(u8 page, u8 c, u8 colour);
void write_string(struct regs *r);

/* graphics.c */
void draw_char(u8 c, u8 row, u8 col, u8 colour, u8 page);
u8 match_char(u8 row, u8 col, u8 page);
void scroll_graphics(u8 lines, u8 top, u8 left, u8 bottom, u8 right, u8 fill, int down);
void write_pixel(u8 colour, u16 x, u16 y, u8 page);
u8 read_pixel(u16 x, u16 y, u8 page);

/* linear.c: the same for VESA modes; a glyph's row is 8 pixels */
void linear_write_pixel(u8 colour, u16 x, u16 y);
u8 linear_read_pixel(u16 x, u16 y);
void linear_glyph_row(u8 bits, u16 x, u16 y, u8 colour);
void linear_copy(u16 x, u16 to_y, u16 from_y, u16 pixels);
void linear_fill(u16 x, u16 y, u16 pixels, u8 colour);

/* palette.c, font.c, info.c, vbe.c */
void palette(struct regs *r);
void grey_sum(u16 first, u16 count);
void attr_write(u8 index, u8 value);
u8 attr_read(u8 index);
void fonts(struct regs *r);
void load_font(u16 seg, u16 off, u16 count, u16 first, u8 block, u8 height);
void alternate(struct regs *r);
void combination(struct regs *r);
void state_table(struct regs *r);
void save_restore(struct regs *r);
u16 save_size(u16 what);
void save_state(u16 what, u16 seg, u16 off);
void restore_state(u16 what, u16 seg, u16 off);
void vbe(struct regs *r);
void vbe_off(void);
void vbe_init(void);
u16 vbe_bpp(void);
u16 vbe_width(void);                    /* pixels from one line to the next */
u16 vbe_bank(void);
void vbe_set_bank(u16 bank);
#endif
