/* What the runtime and POST both have, each compiled its own way: memory and text. */
#ifndef COMMON_H
#define COMMON_H

#include "../types.h"

void *memcpy(void *to, const void *from, u32 n);
void *memset(void *to, int v, u32 n);
int memcmp(const void *a, const void *b, u32 n);

/* %s %c %d %u %x %02x %04x %08x %p (far pointer u32), with a width, padded by spaces or 0; each character goes to put(to, c). */
typedef void put_fn(void *to, char c);
void format_text(put_fn *put, void *to, const char *f, u32 *arg);

/* With -mregparm=3 a variadic function still takes everything on the stack: the arguments follow the format. */
#define FORMAT(put, to, last) do { __builtin_va_list ap; __builtin_va_start(ap, last); \
    format_text(put, to, last, (u32 *)ap); __builtin_va_end(ap); } while (0)
#endif
