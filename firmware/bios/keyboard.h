/* Between INT 09h and INT 16h. */
#ifndef KEYBOARD_H
#define KEYBOARD_H

#include "runtime.h"

int keyboard_put(u16 key);              /* 0: the buffer is full */
int keyboard_peek(u16 *key);
void keyboard_drop(void);
int keyboard_send(u8 byte);             /* to the keyboard; 1: it acknowledged */
void keyboard_leds(void);               /* as 40:17 says */
void keyboard_hook(struct regs *r);     /* INT 15h AH=4Fh with carry set */

#endif
