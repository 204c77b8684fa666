/* Console of the demo guest: 16550 at 3F8h and the VGA text page, input from serial and PS/2. */
#include "demo.h"
#include <stdarg.h>

enum { COM1 = 0x3F8, COLS = 80, ROWS = 25, RING = 256 };
static volatile u16 *const vga = (u16 *)0xB8000;
static int row, col;
static char ring[RING];
static volatile u32 head, tail;

static const char plain[] = "\0\0331234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\033!@#$%^&*()_+\b\tQWERTYUIOP{}\n\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

static void cursor(void)
{
    u16 at = (u16)(row * COLS + col);
    outb(0x3D4, 14), outb(0x3D5, (u8)(at >> 8));
    outb(0x3D4, 15), outb(0x3D5, (u8)at);
}

static void vga_put(char c)
{
    if (c == '\n')
        col = 0, row++;
    else if (c == '\b') {
        if (col)
            col--;
    } else if (c != '\r') {
        vga[row * COLS + col] = (u16)(0x0700 | (u8)c);
        if (++col == COLS)
            col = 0, row++;
    }
    if (row == ROWS) {
        for (int i = 0; i < COLS * (ROWS - 1); i++)
            vga[i] = vga[i + COLS];
        for (int i = COLS * (ROWS - 1); i < COLS * ROWS; i++)
            vga[i] = 0x0720;
        row = ROWS - 1;
    }
    cursor();
}

static void put(char c)
{
    if (c == '\n')
        put('\r');
    while (!(inb(COM1 + 5) & 0x20))
        ;
    outb(COM1, (u8)c);
    vga_put(c);
}

void console_init(void)
{
    for (int i = 0; i < COLS * ROWS; i++)
        vga[i] = 0x0720;
    outb(COM1 + 1, 0), outb(COM1 + 3, 0x80), outb(COM1, 1), outb(COM1 + 1, 0);
    outb(COM1 + 3, 3), outb(COM1 + 2, 7), outb(COM1 + 4, 0xB), outb(COM1 + 1, 1);
}

static void number(u32 v, u32 base, int width, int negative)
{
    char buf[12];
    int n = 0;
    do
        buf[n++] = "0123456789abcdef"[v % base];
    while (v /= base);
    if (negative)
        buf[n++] = '-';
    for (int i = n; i < width; i++)
        put(base == 16 ? '0' : ' ');
    while (n)
        put(buf[--n]);
}

void print(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            put(*fmt);
            continue;
        }
        int width = 0;
        for (fmt++; *fmt >= '0' && *fmt <= '9'; fmt++)
            width = width * 10 + *fmt - '0';
        if (*fmt == 's') {
            const char *s = va_arg(ap, const char *);
            for (; *s; s++, width--)
                put(*s);
            while (width-- > 0)
                put(' ');
        } else if (*fmt == 'c') {
            put((char)va_arg(ap, int));
        } else if (*fmt == 'd') {
            int v = va_arg(ap, int);
            number(v < 0 ? 0u - (u32)v : (u32)v, 10, width, v < 0);
        } else {
            number(va_arg(ap, u32), *fmt == 'x' ? 16 : 10, width, 0);
        }
    }
    va_end(ap);
}

static void typed(char c)
{
    if (head - tail < RING)
        ring[head++ % RING] = c;
}

void console_irq(int line)
{
    static int shift;
    if (line == 4)
        while (inb(COM1 + 5) & 1)
            typed((char)inb(COM1));
    else if (inb(0x64) & 1) {
        u8 code = inb(0x60);
        if ((code & 0x7F) == 0x2A || (code & 0x7F) == 0x36)
            shift = !(code & 0x80);
        else if (code < sizeof plain - 1 && (shift ? shifted : plain)[code])
            typed((shift ? shifted : plain)[code]);
    }
}

int console_key(void)
{
    return head == tail ? -1 : (u8)ring[tail++ % RING];
}
