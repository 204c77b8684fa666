/* Types, the information structure and the doors of the Multiboot option ROM.

   Everything runs in one segment of low memory, code and data: pointers are offsets in it, linear() makes addresses of them. */
#ifndef MULTIBOOT_H
#define MULTIBOOT_H

#include "../bios/common/common.h"

struct regs {
    union { u32 eax; u16 ax; struct { u8 al, ah; }; };
    union { u32 ebx; u16 bx; struct { u8 bl, bh; }; };
    union { u32 ecx; u16 cx; struct { u8 cl, ch; }; };
    union { u32 edx; u16 dx; struct { u8 dl, dh; }; };
    u32 esi, edi;
    u16 es, flags;
};

/* Multiboot Specification 0.6.96, 3.3 */
struct info {
    u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
    u32 mmap_length, mmap_addr, drives_length, drives_addr, config_table, boot_loader_name, apm_table;
    u32 vbe_control_info, vbe_mode_info;
    u16 vbe_mode, vbe_interface_seg, vbe_interface_off, vbe_interface_len;
    u64 framebuffer_addr;
    u32 framebuffer_pitch, framebuffer_width, framebuffer_height;
    u8 framebuffer_bpp, framebuffer_type;
    union {
        struct { u32 palette_addr; u16 palette_colours; } PACKED;
        struct { u8 red_at, red, green_at, green, blue_at, blue; };
    };
} PACKED;

enum { HAS_MEMORY = 1, HAS_BOOTDEV = 2, HAS_CMDLINE = 4, HAS_MODS = 8, HAS_MMAP = 0x40, HAS_DRIVES = 0x80, HAS_CONFIG = 0x100,
       HAS_NAME = 0x200, HAS_APM = 0x400, HAS_VBE = 0x800, HAS_FRAMEBUFFER = 0x1000 };
enum { INDEXED, RGB, TEXT };

/* What fw_cfg's setup data begins with (emu/boot/multiboot.py); *_at count from its start. */
struct block {
    u32 magic, header_flags, entry;
    u32 mode_type, width, height, depth;
    u32 cmdline_at, name_at, n_modules, modules_at, n_pieces, pieces_at;
};
#define BLOCK_MAGIC 0x544F424D          /* "MBOT" */
#define WANTS_VIDEO 4

struct module { u32 start, end, string, reserved; };    /* `string` counts from the block's start until it is handed on */
struct piece { u32 addr, bytes, zeros; };               /* the bytes follow each other in fw_cfg's kernel data */

struct range { u64 base, length; u32 type; } PACKED;

#define RANGES 128
extern struct range ranges[RANGES];     /* what INT 15h E820h told */
extern u32 n_ranges;

/* start.S */
extern u16 segment;
void intcall(u8 number, struct regs *r);
void launch(u32 entry, u32 info, u32 base) __attribute__((noreturn));

/* main.c: memory that stays behind the program, zeroed, on 4 bytes */
void *keep(u32 bytes);
int bios(u8 number, struct regs *r);    /* carry clear? */
static inline u32 linear(const void *p) { return ((u32)segment << 4) + (u32)p; }

void video(struct info *info, const struct block *block);
void machine(struct info *info);

static inline u16 far16(u16 seg, u16 at)
{
    u16 v;
    asm volatile("movw %1, %%gs\n\tmovw %%gs:(%2), %0" : "=r"(v) : "r"(seg), "r"((u32)at) : "memory");
    return v;
}
#endif
