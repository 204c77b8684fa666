/* Text for POST. */
#include "post.h"

static int on_screen;

u8 sum8(const void *p, u32 n)
{
    u8 sum = 0;
    for (const u8 *b = p; n; n--)
        sum += *b++;
    return sum;
}

static void put(void *to, char c)
{
    (void)to;
    if (inb(DEBUG_PORT) == 0xE9)
        outb(DEBUG_PORT, c);
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

void debug(const char *f, ...)
{
    int screen = on_screen;
    on_screen = 0;
    FORMAT(put, NULL, f);
    on_screen = screen;
}

void say(const char *f, ...)
{
    on_screen = 1;
    FORMAT(put, NULL, f);
    on_screen = 0;
}
