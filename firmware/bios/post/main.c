/* POST: the order in which a PC comes up. */
#include "post.h"

NORETURN void post_main(void);
void post_main(void)
{
    debug("\nemu BIOS\n");
    memory_init();
    bda_init();
    ivt_init();
    chips_init();
    ports_detect();
    post16();
}
