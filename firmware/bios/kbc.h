/* The 8042 keyboard controller, for keyboard.c and mouse.c (IBM PS/2 Technical Reference). */
#ifndef KBC_H
#define KBC_H

#include "runtime.h"

int kbc_command(u8 command);                /* 0: no answer within its time */
int kbc_write(u8 data);                     /* to port 60h when the controller takes it */
int kbc_read(u8 *data);                     /* the next byte, whoever sent it */
int aux_send(u8 byte);                      /* to the auxiliary device; waits for its ACK.  0: no ACK */
u8 kbc_get_mode(void);                      /* command byte */
void kbc_set_mode(u8 mode);
void kbc_flush(void);

#endif
