/* The last part of POST, in real mode: what is found by real-mode code, then the boot. */
#include "time.h"

void post16(void)
{
    debug("runtime up, %u KiB below 4 GiB\n", shared.ram_below >> 10);
    clock_init();
    keyboard_init();
    mouse_init();
    floppy_init();
    disk_init();
    boot_menu();
    struct regs r;
    memset(&r, 0, sizeof r);
    intcall(0x19, &r);
}

/* POST calls foreign code through this: `post_call` says what. */
struct { struct regs r; u16 seg, off; u16 interrupt; } post_call;

void do_post_call(void)
{
    if (post_call.seg | post_call.off)
        farcall(post_call.seg, post_call.off, &post_call.r);
    else
        intcall(post_call.interrupt, &post_call.r);
}
