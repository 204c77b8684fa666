/* INT 15h AH=C2h, pointing device, and its packet interrupt INT 74h (PS/2 BIOS; Ralf Brown's Interrupt List).
 *
 * A driver sets the package size (C205h) and a handler (C207h), then enables (C200h). INT 74h collects bytes and calls the
 * handler far with four words: status, X, Y, Z. Size 4 is for wheels (IntelliMouse).
 */
#include "kbc.h"
#include "system.h"

enum { OK = 0, BAD_FUNCTION = 1, BAD_INPUT = 2, INTERFACE = 3, RESEND = 4, NO_HANDLER = 5 };
enum { HANDLER_SET = 0x80, INDEX = 0x07, IRQ12_ON = 0x02, AUX_OFF = 0x20 };

static u8 ebda8(u16 off) { return far_get8(ebda_seg(), off); }
static void ebda8_put(u16 off, u8 v) { far_put8(ebda_seg(), off, v); }

/* Commands run with the packet interrupt off: their answers are read here. */
static u8 begin(void)
{
    u8 mode = kbc_get_mode();
    kbc_set_mode((mode & ~(IRQ12_ON | AUX_OFF)) | 0x10);      /* and the keyboard held, so that no key comes between */
    return mode;
}

static void end(u8 mode)
{
    kbc_set_mode((mode | IRQ12_ON) & ~AUX_OFF);
}

static u8 command(const u8 *bytes, u32 n, u8 *answer, u32 answers)
{
    u8 mode = begin(), status = OK;
    for (u32 k = 0; k < n && status == OK; k++)
        if (!aux_send(bytes[k]))
            status = INTERFACE;
    for (u32 k = 0; k < answers && status == OK; k++)
        if (!kbc_read(&answer[k]))
            status = INTERFACE;
    end(mode);
    return status;
}

static u8 command1(u8 byte) { return command(&byte, 1, NULL, 0); }

static u8 enable(u8 on)
{
    if (on > 1)
        return BAD_INPUT;
    if (on && !(ebda8(EBDA_OFF(mouse_flag2)) & HANDLER_SET))
        return NO_HANDLER;
    ebda8_put(EBDA_OFF(mouse_flag1), 0);
    return command1(on ? 0xF4 : 0xF5);
}

static u8 reset(struct regs *r)
{
    u8 reset_byte = 0xFF, answer[2] = { 0, 0 };
    u8 status = command(&reset_byte, 1, answer, 2);
    ebda8_put(EBDA_OFF(mouse_flag1), 0);
    r->bl = answer[0];
    r->bh = answer[1];
    return status;
}

static u8 set(u8 prefix, u8 value)
{
    u8 bytes[2] = { prefix, value };
    return command(bytes, 2, NULL, 0);
}

static u8 extended(struct regs *r)
{
    u8 ask = 0xE9, answer[3], status;
    switch (r->bh) {
    case 0:
        status = command(&ask, 1, answer, 3);
        if (status == OK) {
            r->bl = answer[0];
            r->cl = answer[1];
            r->dl = answer[2];
        }
        return status;
    case 1: return command1(0xE6);
    case 2: return command1(0xE7);
    }
    return BAD_FUNCTION;
}

void int15_mouse(struct regs *r)
{
    static const u8 rates[] = { 10, 20, 40, 60, 80, 100, 200 };
    u8 status = BAD_FUNCTION, ask = 0xF2, id;
    if (!(BDA->equipment & 4) && r->al != 7) {
        r->ah = INTERFACE;
        set_cf(r, 1);
        return;
    }
    switch (r->al) {
    case 0x00: status = enable(r->bh); break;
    case 0x01: status = reset(r); break;
    case 0x02: status = r->bh < COUNT(rates) ? set(0xF3, rates[r->bh]) : BAD_INPUT; break;
    case 0x03: status = r->bh < 4 ? set(0xE8, r->bh) : BAD_INPUT; break;
    case 0x04:
        status = command(&ask, 1, &id, 1);
        if (status == OK)
            r->bh = id;
        break;
    case 0x05:
        if (r->bh < 1 || r->bh > 8) {
            status = BAD_INPUT;
            break;
        }
        ebda8_put(EBDA_OFF(mouse_flag1), 0);
        ebda8_put(EBDA_OFF(mouse_flag2), (ebda8(EBDA_OFF(mouse_flag2)) & ~INDEX) | (r->bh - 1));
        status = reset(r);
        break;
    case 0x06: status = extended(r); break;
    case 0x07:
        far_put16(ebda_seg(), EBDA_OFF(mouse_off), r->bx);
        far_put16(ebda_seg(), EBDA_OFF(mouse_seg), r->es);
        if (r->es | r->bx) {
            ebda8_put(EBDA_OFF(mouse_flag2), ebda8(EBDA_OFF(mouse_flag2)) | HANDLER_SET);
            status = OK;
        } else {
            u8 was = ebda8(EBDA_OFF(mouse_flag2));
            ebda8_put(EBDA_OFF(mouse_flag2), was & ~HANDLER_SET);
            status = was & HANDLER_SET ? command1(0xF5) : OK;
        }
        break;
    }
    r->ah = status;
    set_cf(r, status != OK);
}

void int74(struct regs *r)
{
    (void)r;
    u8 flag2 = ebda8(EBDA_OFF(mouse_flag2));
    if ((inb(0x64) & 0x21) == 0x21) {
        u8 byte = inb(0x60);
        if (flag2 & HANDLER_SET) {
            u8 at = ebda8(EBDA_OFF(mouse_flag1)) & INDEX, last = flag2 & INDEX;
            ebda8_put(EBDA_OFF(mouse_data) + at, byte);
            if (at < last) {
                ebda8_put(EBDA_OFF(mouse_flag1), at + 1);
            } else {
                u16 args[4];
                for (u16 k = 0; k < 4; k++)
                    args[k] = k <= last ? ebda8(EBDA_OFF(mouse_data) + k) : 0;
                ebda8_put(EBDA_OFF(mouse_flag1), 0);
                u16 off = far_get16(ebda_seg(), EBDA_OFF(mouse_off)), seg = far_get16(ebda_seg(), EBDA_OFF(mouse_seg));
                farcall4(seg, off, args);
            }
        }
    }
    eoi2();
}

/* A device that answers is counted in the equipment word and stays disabled until a driver comes. */
void mouse_init(void)
{
    u8 reset_byte = 0xFF, answer[2] = { 0, 0 };
    kbc_command(0xA8);
    u8 status = command(&reset_byte, 1, answer, 2);
    ebda8_put(EBDA_OFF(mouse_flag1), 0);
    ebda8_put(EBDA_OFF(mouse_flag2), 2);
    if (status != OK || answer[0] != 0xAA) {
        BDA->equipment &= ~4;
        kbc_command(0xA7);
        return;
    }
    BDA->equipment |= 4;
    irq_unmask(12);
}
