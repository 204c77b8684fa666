/* Text and memory for POST. */
#include "post.h"

static int on_screen;

void *memcpy(void *to, const void *from, u32 n)
{
    void *p = to;
    asm volatile("rep movsb" : "+D"(p), "+S"(from), "+c"(n) :: "memory");
    return to;
}

void *memset(void *to, int v, u32 n)
{
    void *p = to;
    asm volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(v) : "memory");
    return to;
}

int memcmp(const void *a, const void *b, u32 n)
{
    const u8 *p = a, *q = b;
    for (; n; n--, p++, q++)
        if (*p != *q)
            return *p - *q;
    return 0;
}

u8 sum8(const void *p, u32 n)
{
    u8 sum = 0;
    for (const u8 *b = p; n; n--)
        sum += *b++;
    return sum;
}

static void put(char c)
{
    if (inb(0xE9) == 0xE9)
        outb(0xE9, c);
    if (on_screen) {
        struct regs r;
        memset(&r, 0, sizeof r);
        r.ah = 0x0E;
        r.al = c;
        r.bl = 7;
        if (c == '\n') {
            r.al = '\r';
            call_int(0x10, &r);
            r.ah = 0x0E;
            r.al = c;
        }
        call_int(0x10, &r);
    }
}

static void put_number(u32 v, u32 base, u32 width, char pad)
{
    char digits[12];
    u32 n = 0;
    do {
        digits[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    for (; width > n; width--)
        put(pad);
    while (n)
        put(digits[--n]);
}

static void format_to(const char *f, u32 *arg)
{
    for (; *f; f++) {
        if (*f != '%') {
            put(*f);
            continue;
        }
        char pad = ' ';
        u32 width = 0;
        if (*++f == '0')
            pad = *f++;
        while (*f >= '0' && *f <= '9')
            width = width * 10 + (*f++ - '0');
        switch (*f) {
        case 's':
            for (const char *t = (const char *)*arg++; *t; t++)
                put(*t);
            break;
        case 'c': put(*arg++); break;
        case 'u': put_number(*arg++, 10, width, pad); break;
        case 'x': put_number(*arg++, 16, width, pad); break;
        default: put(*f);
        }
    }
}

void debug(const char *format, ...)
{
    __builtin_va_list ap;
    int screen = on_screen;
    on_screen = 0;
    __builtin_va_start(ap, format);
    format_to(format, (u32 *)ap);
    __builtin_va_end(ap);
    on_screen = screen;
}

void say(const char *format, ...)
{
    __builtin_va_list ap;
    on_screen = 1;
    __builtin_va_start(ap, format);
    format_to(format, (u32 *)ap);
    __builtin_va_end(ap);
    on_screen = 0;
}
