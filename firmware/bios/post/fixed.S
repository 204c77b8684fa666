/* F000:E000-FFFF: the entry points and tables a PC has at fixed places.
 *
 * Programs jump to these addresses or read them; most only lead to the runtime in segment E000h.
 * Spec: IBM PC/AT Technical Reference; Ralf Brown's Interrupt List; Phoenix "CBIOS for IBM PS/2".
 */
#include "../layout.h"

    .code16
    .section .fixed, "ax"
fixed:
    .macro AT offset
    .org \offset - 0xE000, 0
    .endm

    .macro TO handler
    ljmp $RUNTIME_SEG, $o16_isr_\handler
    .endm

    AT 0xE05B
    jmp post_entry
to_13:
    TO 13
to_19:
    TO 19

    AT 0xE2C3
    TO 02

    AT 0xE3FE                       /* three bytes of room */
    jmp to_13

    AT 0xE401                       /* fixed disk parameters, 16 types of 16 bytes: none is used */
    .space 16 * 16, 0

    AT 0xE6F2                       /* three bytes of room */
    jmp to_19

    .globl config_table
    AT 0xE6F5
config_table:                       /* INT 15h AH=C0h */
    .word config_end - config_table - 2
    .byte 0xFC, 0x00, 0x01          /* AT, submodel, revision */
    .byte 0x74                      /* second 8259, RTC, INT 15h/4Fh is called, EBDA */
    .byte 0x40                      /* INT 16h AH=09h */
    .byte 0, 0, 0
config_end:

    AT 0xE739
    TO 14

    AT 0xE82E
    TO 16

    AT 0xE987
    TO 09

    AT 0xEC59
    TO 40

    AT 0xEF57
    TO 0e

    AT 0xEFC7                       /* INT 1Eh: 1.44 MB */
    .byte 0xAF, 0x02, 0x25, 0x02, 18, 0x1B, 0xFF, 0x6C, 0xF6, 0x0F, 0x08

    AT 0xEFD2
    TO 17

    AT 0xF045                       /* INT 10h functions of the original */
    iretw

    AT 0xF065
    iretw

    AT 0xF0A4                       /* INT 1Dh: 6845 for 40x25, 80x25, graphics, monochrome; page sizes, columns, mode register */
    .byte 0x38, 0x28, 0x2D, 0x0A, 0x1F, 0x06, 0x19, 0x1C, 0x02, 0x07, 0x06, 0x07, 0, 0, 0, 0
    .byte 0x71, 0x50, 0x5A, 0x0A, 0x1F, 0x06, 0x19, 0x1C, 0x02, 0x07, 0x06, 0x07, 0, 0, 0, 0
    .byte 0x38, 0x28, 0x2D, 0x0A, 0x7F, 0x06, 0x64, 0x70, 0x02, 0x01, 0x06, 0x07, 0, 0, 0, 0
    .byte 0x61, 0x50, 0x52, 0x0F, 0x19, 0x06, 0x19, 0x19, 0x02, 0x0D, 0x0B, 0x0C, 0, 0, 0, 0
    .word 0x0800, 0x1000, 0x4000, 0x4000
    .byte 40, 40, 80, 80, 40, 40, 80, 80
    .byte 0x2C, 0x28, 0x2D, 0x29, 0x2A, 0x2E, 0x1E, 0x29

    AT 0xF841
    TO 12

    AT 0xF84D
    TO 11

    AT 0xF859
    TO 15

    AT 0xFA6E                       /* the 8x8 font of characters 0-127, for graphics modes of the CGA */
    .incbin "font8x8.bin"

    AT 0xFE6E
    TO 1a

    AT 0xFEA5
    TO 08

    AT 0xFEF3                       /* start values of the first 32 vectors: POST has its own table */

    AT 0xFF23
    TO irq

    AT 0xFF53
    iretw

    AT 0xFF54
    TO 05

    AT 0xFFF0
    ljmp $FIXED_SEG, $0xE05B

    AT 0xFFF5
    .ascii "11/23/26"
    AT 0xFFFE
    .byte 0xFC, 0x00
    AT 0x10000
