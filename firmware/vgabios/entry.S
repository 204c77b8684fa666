/* Doors of the VGA BIOS: the option ROM's header, its start, and INT 10h.

   The handlers run on the caller's stack: DS = ES = SS, so C may point at locals and at the saved registers; constants of the ROM
   are reached by GS = CS, all other memory by FS.  ESP's upper half is cleared while C runs.
   Spec: PCI Firmware Specification 3.0 chapter 5, PnP BIOS Specification 1.0a. */

        .code16
        .section .header, "ax"
        .globl  rom
rom:    .byte   0x55, 0xAA, 0           /* size by build.py */
        jmp     init
        .org    0x18
        .word   pcir
        .org    0x1E
        .ascii  "IBM VGA compatible\0"
        .align  4
pcir:   .ascii  "PCIR"
        .word   0x1234, 0x1111          /* Bochs and QEMU standard VGA */
        .word   0                       /* vital product data */
        .word   24
        .byte   0, 0, 0, 3              /* revision, class 030000 */
        .word   0                       /* size by build.py */
        .word   1
        .byte   0, 0x80                 /* PC-AT, last image */
        .word   0

        .text
init:   pushfw
        call    door
        .word   vga_init, 0
        popfw
        lretw

        .globl  int10
int10:  cld
        sti
        call    door
        .word   int10_c, 0
        iretw

door:   pushw   %ds
        pushw   %es
        pushw   %fs
        pushw   %gs
        pushal
        movw    %ss, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %cs, %ax
        movw    %ax, %gs
        movl    %esp, %ebp
        movzwl  %sp, %esp
        movzwl  %sp, %edi
        movzwl  40(%edi), %esi          /* where the function's address stands */
        cs
        movzwl  (%si), %ecx
        movl    %edi, %eax              /* struct regs * */
        pushl   %ebp
        calll   *%ecx
        popl    %esp
        popal
        popw    %gs
        popw    %fs
        popw    %es
        popw    %ds
        pushw   %bp
        movw    %sp, %bp
        addw    $4, 2(%bp)              /* over the address */
        popw    %bp
        retw
