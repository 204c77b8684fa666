/* Where things are: numbers shared by the 16-bit runtime, POST and the assembler.
 *
 * The image is 128 KiB and ends at 1 MiB (and, as hardware decodes it, at 4 GiB):
 *   E000:0000  runtime: 16-bit services, code and data together; stays writable after POST
 *   E000:E000  the runtime's private stack, downwards from E000:FFF0
 *   F000:0000  POST (32-bit, flat), tables POST writes; read-only when it is done
 *   F000:E05B  the entry points a PC has at fixed places
 * Spec: IBM PC/AT Technical Reference (fixed entry points), Ralf Brown's Interrupt List (BDA, EBDA).
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#define RUNTIME_SEG     0xE000
#define RUNTIME_BASE    0xE0000
#define STACK_LIMIT     0xE000          /* the runtime's code and data end below this */
#define STACK_TOP       0xFFF0
#define STACK_RESERVE   384             /* what foreign code may push on our stack before we are entered again */

#define FIXED_SEG       0xF000
#define FIXED_BASE      0xF0000

#define BDA_SEG         0x0040
#define EBDA_BASE       0x9FC00         /* 1 KiB below 640 KiB */
#define EBDA_SIZE_KIB   1
#define BASE_MEMORY_KIB 639

#define PM_BASE         0x600           /* where POST puts PIIX4's power management registers */
#define SMB_BASE        0x700
#define DEBUG_PORT      0x402           /* where firmware of virtual machines says what it does */


/* struct regs, see regs.h */
#define R_EDI   0
#define R_ESI   4
#define R_EBP   8
#define R_EBX   12
#define R_EDX   16
#define R_ECX   20
#define R_EAX   24
#define R_DS    28
#define R_ES    30
#define R_FS    32
#define R_GS    34
#define R_FLAGS 36
#define R_AFTER 38
#define R_ESP   40
#define R_SS    44
#define R_SIZE  48

/* regs.after: what happens on the caller's stack once the registers are the caller's again */
#define AFTER_NONE      0               /* IRET */
#define AFTER_AGAIN     0x100           /* STI, HLT, then the same service from the start: a wait that holds no stack of ours */
#define AFTER_EOI1      0x200           /* with an interrupt number: EOI to the master 8259 after it has returned */

#endif
