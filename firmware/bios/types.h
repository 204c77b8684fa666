/* Fixed-width types and port access, for both word sizes. */
#ifndef TYPES_H
#define TYPES_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int i32;

#define NULL ((void *)0)
#define PACKED __attribute__((packed))
#define NORETURN __attribute__((noreturn))
#define WEAK __attribute__((weak))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static inline u8 inb(u16 port) { u8 v; asm volatile("inb %w1, %b0" : "=a"(v) : "Nd"(port)); return v; }
static inline u16 inw(u16 port) { u16 v; asm volatile("inw %w1, %w0" : "=a"(v) : "Nd"(port)); return v; }
static inline u32 inl(u16 port) { u32 v; asm volatile("inl %w1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline void outb(u16 port, u8 v) { asm volatile("outb %b0, %w1" :: "a"(v), "Nd"(port)); }
static inline void outw(u16 port, u16 v) { asm volatile("outw %w0, %w1" :: "a"(v), "Nd"(port)); }
static inline void outl(u16 port, u32 v) { asm volatile("outl %0, %w1" :: "a"(v), "Nd"(port)); }
static inline u32 swap32(u32 v) { asm("bswap %0" : "+r"(v)); return v; }

/* CMOS: index and data; bit 7 of the index keeps NMI off while we read. */
static inline u8 cmos_read(u8 n) { outb(0x70, n | 0x80); u8 v = inb(0x71); outb(0x70, 0x0D); inb(0x71); return v; }
static inline void cmos_write(u8 n, u8 v) { outb(0x70, n | 0x80); outb(0x71, v); outb(0x70, 0x0D); inb(0x71); }

static inline u8 from_bcd(u8 v) { return (v >> 4) * 10 + (v & 15); }
static inline u8 to_bcd(u8 v) { return (v / 10) << 4 | v % 10; }

#endif
