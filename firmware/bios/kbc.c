/* Talking to the 8042: every wait is bounded by time. */
#include "kbc.h"

enum { OUT_FULL = 0x01, IN_FULL = 0x02, FROM_AUX = 0x20, TRIES = 20000, STEP_US = 5 };

static int wait_writable(void)
{
    for (u32 n = 0; n < TRIES; n++) {
        if (!(inb(0x64) & IN_FULL))
            return 1;
        delay_us(STEP_US);
    }
    return 0;
}

int kbc_command(u8 command)
{
    if (!wait_writable())
        return 0;
    outb(0x64, command);
    return 1;
}

int kbc_write(u8 data)
{
    if (!wait_writable())
        return 0;
    outb(0x60, data);
    return 1;
}

int kbc_read(u8 *data)
{
    for (u32 n = 0; n < TRIES; n++) {
        if (inb(0x64) & OUT_FULL) {
            *data = inb(0x60);
            return 1;
        }
        delay_us(STEP_US);
    }
    return 0;
}

void kbc_flush(void)
{
    for (u32 n = 0; n < 64 && inb(0x64) & OUT_FULL; n++) {
        inb(0x60);
        delay_us(STEP_US);
    }
}

u8 kbc_get_mode(void)
{
    u8 mode = 0x61;
    if (kbc_command(0x20))
        kbc_read(&mode);
    return mode;
}

void kbc_set_mode(u8 mode)
{
    if (kbc_command(0x60))
        kbc_write(mode);
}

int aux_send(u8 byte)
{
    u8 answer;
    if (!kbc_command(0xD4) || !kbc_write(byte))
        return 0;
    for (u32 n = 0; n < TRIES; n++) {
        u8 status = inb(0x64);
        if (status & OUT_FULL) {
            answer = inb(0x60);
            if (status & FROM_AUX)
                return answer == 0xFA;
            continue;                       /* a key: lost, as on the PS/2 */
        }
        delay_us(STEP_US);
    }
    return 0;
}
