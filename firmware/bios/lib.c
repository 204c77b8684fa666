/* Memory, far memory and text for the runtime. */
#include "runtime.h"

struct shared shared;

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

/* ES is ours outside of these. */
void copy_to_far(u16 seg, u16 off, const void *from, u32 bytes)
{
    u32 to = off;
    asm volatile("movw %w3, %%es\n rep movsb\n movw %%ds, %w3\n movw %w3, %%es"
                 : "+D"(to), "+S"(from), "+c"(bytes), "+r"(seg) :: "memory");
}

void copy_from_far(void *to, u16 seg, u16 off, u32 bytes)
{
    u32 from = off;
    set_gs(seg);
    asm volatile("rep movsb %%gs:(%%esi), %%es:(%%edi)" : "+D"(to), "+S"(from), "+c"(bytes) :: "memory");
}

void insw_far(u16 port, u16 seg, u16 off, u32 words)
{
    u32 to = off;
    asm volatile("movw %w3, %%es\n rep insw\n movw %%ds, %w3\n movw %w3, %%es"
                 : "+D"(to), "+c"(words), "+d"(port), "+a"(seg) :: "memory");
}

void outsw_far(u16 port, u16 seg, u16 off, u32 words)
{
    u32 from = off;
    set_gs(seg);
    asm volatile("rep outsw %%gs:(%%esi), %%dx" : "+S"(from), "+c"(words) : "d"(port) : "memory");
}

void insl_far(u16 port, u16 seg, u16 off, u32 dwords)
{
    u32 to = off;
    asm volatile("movw %w3, %%es\n rep insl\n movw %%ds, %w3\n movw %w3, %%es"
                 : "+D"(to), "+c"(dwords), "+d"(port), "+a"(seg) :: "memory");
}

void outsl_far(u16 port, u16 seg, u16 off, u32 dwords)
{
    u32 from = off;
    set_gs(seg);
    asm volatile("rep outsl %%gs:(%%esi), %%dx" : "+S"(from), "+c"(dwords) : "d"(port) : "memory");
}

/* ---- text ----------------------------------------------------------------------------------------------------------- */
enum { TO_DEBUG = 1, TO_SCREEN = 2, TO_BUFFER = 4 };

struct sink { int kind; char *at, *end; };

static void putc_debug(char c)
{
    if (inb(0xE9) == 0xE9)
        outb(0xE9, c);
}

void putc_screen(char c)
{
    struct regs r;
    memset(&r, 0, sizeof r);
    r.ah = 0x0E;
    r.al = c;
    r.bl = 7;
    r.bh = BDA->video_page;
    r.ds = r.es = RUNTIME_SEG;
    intcall(0x10, &r);
}

static void put(struct sink *s, char c)
{
    if (s->kind & TO_BUFFER) {
        if (s->at < s->end)
            *s->at++ = c;
        return;
    }
    putc_debug(c);
    if (s->kind & TO_SCREEN) {
        if (c == '\n')
            putc_screen('\r');
        putc_screen(c);
    }
}

static void put_number(struct sink *s, u32 v, u32 base, u32 width, char pad)
{
    char digits[12];
    u32 n = 0;
    do {
        digits[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    for (; width > n; width--)
        put(s, pad);
    while (n)
        put(s, digits[--n]);
}

static void format_to(struct sink *s, const char *f, u32 *arg)
{
    for (; *f; f++) {
        if (*f != '%') {
            put(s, *f);
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
            for (const char *t = (const char *)*arg++; *t; t++, width -= width > 0)
                put(s, *t);
            for (; width; width--)
                put(s, ' ');
            break;
        case 'c': put(s, *arg++); break;
        case 'u': put_number(s, *arg++, 10, width, pad); break;
        case 'x': put_number(s, *arg++, 16, width, pad); break;
        case 'd':
            if ((i32)*arg < 0) {
                put(s, '-');
                *arg = -*arg;
            }
            put_number(s, *arg++, 10, width, pad);
            break;
        case 'p':
            put_number(s, *arg >> 16, 16, 4, '0');
            put(s, ':');
            put_number(s, *arg++ & 0xFFFF, 16, 4, '0');
            break;
        case '%': put(s, '%'); break;
        default: return;
        }
    }
}

/* With -mregparm=3 a variadic function still takes everything on the stack: the arguments follow the format. */
void debug(const char *format, ...)
{
    struct sink s = { TO_DEBUG, NULL, NULL };
    __builtin_va_list ap;
    __builtin_va_start(ap, format);
    format_to(&s, format, (u32 *)ap);
    __builtin_va_end(ap);
}

void print(const char *format, ...)
{
    struct sink s = { TO_SCREEN, NULL, NULL };
    __builtin_va_list ap;
    __builtin_va_start(ap, format);
    format_to(&s, format, (u32 *)ap);
    __builtin_va_end(ap);
}

int snformat(char *to, u32 size, const char *format, ...)
{
    struct sink s = { TO_BUFFER, to, to + size - 1 };
    __builtin_va_list ap;
    __builtin_va_start(ap, format);
    format_to(&s, format, (u32 *)ap);
    __builtin_va_end(ap);
    *s.at = 0;
    return s.at - to;
}
