/* Formatted text. */
#include "common.h"

static void put_number(put_fn *put, void *to, u32 v, u32 base, u32 width, char pad)
{
    char digits[12];
    u32 n = 0;
    do {
        digits[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    for (; width > n; width--)
        put(to, pad);
    while (n)
        put(to, digits[--n]);
}

void format_text(put_fn *put, void *to, const char *f, u32 *arg)
{
    for (; *f; f++) {
        if (*f != '%') {
            put(to, *f);
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
                put(to, *t);
            for (; width; width--)
                put(to, ' ');
            break;
        case 'c': put(to, *arg++); break;
        case 'u': put_number(put, to, *arg++, 10, width, pad); break;
        case 'x': put_number(put, to, *arg++, 16, width, pad); break;
        case 'd':
            if ((i32)*arg < 0) {
                put(to, '-');
                *arg = -*arg;
            }
            put_number(put, to, *arg++, 10, width, pad);
            break;
        case 'p':
            put_number(put, to, *arg >> 16, 16, 4, '0');
            put(to, ':');
            put_number(put, to, *arg++ & 0xFFFF, 16, 4, '0');
            break;
        case '%': put(to, '%'); break;
        default: return;
        }
    }
}
