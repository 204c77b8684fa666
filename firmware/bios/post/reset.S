/* From the reset vector to C: protected mode, shadow RAM, and the way to real mode and back.
 *
 * POST runs with flat 4 GiB segments, interrupts off, stack below 7000h.  `real16(offset)` runs a function of the
 * runtime in real mode on the runtime's stack.
 */
#include "../layout.h"

#define CODE32 0x08
#define DATA32 0x10
#define CODE16 0x18
#define DATA16 0x20
#define POST_STACK 0x7000

    .code16
    .section .text.reset, "ax"

    .globl post_entry
post_entry:
    cli
    cld
    movb $0x8F, %al                 /* CMOS shutdown status, NMI off; cleared for the next time */
    outb %al, $0x70
    inb $0x71, %al
    movb %al, %bl
    movb $0x8F, %al
    outb %al, $0x70
    xorb %al, %al
    outb %al, $0x71
    inb $0x92, %al                  /* A20 */
    orb $2, %al
    andb $0xFE, %al
    outb %al, $0x92
    lgdtl %cs:o_gdt_place
    movl %cr0, %eax
    andl $0x9FFFFFFF, %eax          /* caches on */
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $CODE32, $(shadow + 0xFFF00000)

/* Executed from the ROM's place below 4 GiB, because the place below 1 MiB is about to become RAM. */
    .code32
shadow:
    movl $DATA32, %eax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw %ax, %fs
    movw %ax, %gs
    movl $POST_STACK, %esp
    movl $0x80000000, %eax          /* 440FX: PAM0-6 at 59h-5Fh; Q35: 90h-96h */
    movl $0xCF8, %edx
    outl %eax, %dx
    movl $0xCFC, %edx
    inl %dx, %eax
    movl $0x59, %ecx
    cmpl $0x12378086, %eax
    je 1f
    movl $0x90, %ecx
    cmpl $0x29C08086, %eax
    jne 3f
1:  movl %ecx, %eax                 /* EBX: the shutdown code, BH 1 when the whole board was reset, not the processor alone */
    andl $0xFC, %eax
    orl $0x80000000, %eax
    movl $0xCF8, %edx
    outl %eax, %dx
    movl %ecx, %edx
    andl $3, %edx
    addl $0xCFC, %edx
    inb %dx, %al
    testb $0x30, %al
    setz %bh
    movl $0x30, %edi                /* F0000h-FFFFFh */
    call pam_write
    movl $0x33, %edi
    addl $5, %ecx                   /* E0000h-E7FFFh */
    call pam_write
    incl %ecx                       /* E8000h-EFFFFh */
    call pam_write

    cmpb $0x05, %bl                 /* EOI, then through 40:67 */
    je resume
    cmpb $0x09, %bl                 /* block move of old: IRET frame at 40:67 */
    je resume
    cmpb $0x0A, %bl                 /* through 40:67 */
    je resume
3:  movl $0xFFFE0000, %esi
    movl $0xE0000, %edi
    movl $0x8000, %ecx
    rep movsl
    movl $post_main, %eax
    jmp *%eax

pam_write:                          /* ecx register, edi value */
    movl $0x80000000, %eax
    movb %cl, %al
    andb $0xFC, %al
    movl $0xCF8, %edx
    outl %eax, %dx
    movl %ecx, %edx
    andl $3, %edx
    addl $0xCFC, %edx
    movl %edi, %eax
    outb %al, %dx
    ret

resume:
    movl $0x5A, %ecx                /* option ROMs as they were left */
4:  movzbl r16_pam_saved - 0x5A(%ecx), %edi
    call pam_write
    incl %ecx
    cmpl $0x5E, %ecx
    jb 4b
    movl $o_resume16, %eax
    jmp *leave32_place

/* Real mode, at F000:EAX, with stack 0:POST_STACK. */
leave32_place: .long leave32
leave32:
    movzwl real_data, %ecx
    ljmp $CODE16, $o_leave16
    .code16
    .globl leave16
leave16:  movw $DATA16, %dx
    movw %cx, %ds
    movw %cx, %es
    movw %cx, %fs
    movw %cx, %gs
    movw %dx, %ss
    movl %cr0, %edx
    andb $0xFE, %dl
    movl %edx, %cr0
    ljmp $FIXED_SEG, $o_leave_real
    .globl leave_real
leave_real:
    xorw %dx, %dx
    movw %dx, %ds
    movw %dx, %es
    movw %dx, %ss
    movl $POST_STACK - 0x400, %esp
    lidtl %cs:o_ivt_place
    jmpw *%ax

    .globl resume16
/* BL: the shutdown code.  A board's reset took the interrupt controllers, the timer and the keyboard with it. */
resume16:
    testb %bh, %bh
    jz 4f
    movw $o_resume_chips, %si
3:  movw %cs:(%si), %dx
    movb %cs:2(%si), %al
    testw %dx, %dx
    jz 4f
    outb %al, %dx
    inb $0x80, %al
    addw $3, %si
    jmp 3b
4:
    cmpb $0x05, %bl
    jne 1f
    movb $0x20, %al
    outb %al, $0xA0
    outb %al, $0x20
1:  cmpb $0x09, %bl
    je 2f
    ljmpw *0x467
2:  lssw 0x467, %sp                 /* the frame a block move left: es, ds, general registers, IRET */
    popw %ds
    popw %es
    popaw
    iretw

/* void real16(u32 offset): call E000:offset (near, 32-bit return) in real mode. */
    .code32
    .globl real16
real16:
    pushal
    movl %eax, r16_real_target
    movl %esp, r16_real_esp
    movl $o_real16_in, %eax
    jmp leave32
    .code16
    .globl real16_in
real16_in:
    movw $RUNTIME_SEG, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl o16_stack_sp, %esp
    movzwl %sp, %esp
    movw $BDA_SEG, %ax
    movw %ax, %fs
    movl o16_real_target, %eax
    lcall $RUNTIME_SEG, $o16_near_call
    cli
    cld
    lgdtl %cs:o_gdt_place
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $CODE32, $1f
    .code32
1:  movl $DATA32, %eax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw %ax, %fs
    movw %ax, %gs
    movl r16_real_esp, %esp
    popal
    ret

    .section .data
/* Limits in real mode: 4 GiB while option ROMs run ("big real mode", PCI Firmware 3.0, 5.2.1.2), then 64 KiB. */
    .globl real_data
real_data:
    .word DATA32
    .globl resume_chips
    .macro CHIP port, value
    .word \port
    .byte \value
    .endm
resume_chips:
    CHIP 0x20, 0x11
    CHIP 0xA0, 0x11
    CHIP 0x21, 0x08
    CHIP 0xA1, 0x70
    CHIP 0x21, 0x04
    CHIP 0xA1, 0x02
    CHIP 0x21, 0x01
    CHIP 0xA1, 0x01
    CHIP 0x21, 0xB8                 /* timer, keyboard, cascade, floppy */
    CHIP 0xA1, 0x0E                 /* clock, mouse, x87, disks; not 9-11 */
    CHIP 0x43, 0x34
    CHIP 0x40, 0x00
    CHIP 0x40, 0x00
    CHIP 0x64, 0x60
    CHIP 0x60, 0x61
    CHIP 0x64, 0xAE
    .word 0
    .globl ivt_place
ivt_place:
    .word 0x3FF
    .long 0

    .balign 8
gdt:
    .quad 0
    .quad 0x00CF9B000000FFFF        /* code, 32 bits, flat */
    .quad 0x00CF93000000FFFF        /* data, flat */
    .quad 0x00009B0F0000FFFF        /* code, 16 bits, base F0000h */
    .quad 0x000093000000FFFF        /* data, 64 KiB, base 0 */
    .globl gdt_place
gdt_place:
    .word gdt_place - gdt - 1
    .long gdt
