/* Far memory and text for the runtime. */
#include "runtime.h"

struct shared shared;

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

#define IN_FAR(name, op) void name(u16 port, u16 seg, u16 off, u32 n) \
    { \
        u32 to = off; \
        asm volatile("movw %w3, %%es\n rep " op "\n movw %%ds, %w3\n movw %w3, %%es" \
                     : "+D"(to), "+c"(n), "+d"(port), "+a"(seg) :: "memory"); \
    }
#define OUT_FAR(name, op) void name(u16 port, u16 seg, u16 off, u32 n) \
    { \
        u32 from = off; \
        set_gs(seg); \
        asm volatile("rep " op " %%gs:(%%esi), %%dx" : "+S"(from), "+c"(n) : "d"(port) : "memory"); \
    }
IN_FAR(insw_far, "insw")
IN_FAR(insl_far, "insl")
OUT_FAR(outsw_far, "outsw")
OUT_FAR(outsl_far, "outsl")

/* ---- text ----------------------------------------------------------------------------------------------------------- */
enum { TO_DEBUG = 1, TO_SCREEN = 2, TO_BUFFER = 4 };

struct sink { int kind; char *at, *end; };

static void putc_debug(char c)
{
    if (inb(DEBUG_PORT) == 0xE9)
        outb(DEBUG_PORT, c);
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

static void put(void *to, char c)
{
    struct sink *s = to;
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

void debug(const char *f, ...)
{
    struct sink s = { TO_DEBUG, NULL, NULL };
    FORMAT(put, &s, f);
}

void print(const char *f, ...)
{
    struct sink s = { TO_SCREEN, NULL, NULL };
    FORMAT(put, &s, f);
}

int snformat(char *to, u32 size, const char *f, ...)
{
    struct sink s = { TO_BUFFER, to, to + size - 1 };
    FORMAT(put, &s, f);
    *s.at = 0;
    return s.at - to;
}
