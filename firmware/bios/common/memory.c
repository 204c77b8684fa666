/* Memory; with DS = ES. */
#include "common.h"

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
