/* The last part of POST, in real mode: what is found by real-mode code, then the boot. */
#include "time.h"

/* Before option ROMs other than the display's: they may want keys, and to add their disks to ours. */
void post16_devices(void)
{
    keyboard_init();
    mouse_init();
    floppy_init();
    disk_init();
}

void post16_boot(void)
{
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
