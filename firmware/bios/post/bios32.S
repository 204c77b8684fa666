/* What systems find by searching F0000h for signatures: BIOS32 directory, PnP installation check; and the entries they name. */
#include "../layout.h"

    .section .data
    .balign 16
    .globl bios32_directory, pnp_structure
bios32_directory:
    .ascii "_32_"
    .long bios32_entry
    .byte 0, 1, 0                   /* revision, paragraphs, sum */
    .space 5

    .balign 16
pnp_structure:                      /* Plug and Play BIOS 1.0A, 4.4 */
    .ascii "$PnP"
    .byte 0x10, 0x21
    .word 0                         /* no event notification */
    .byte 0
    .long 0
    .word o_pnp_entry, FIXED_SEG
    .word o_pnp_entry
    .long FIXED_BASE
    .long 0                         /* OEM */
    .word FIXED_SEG
    .long FIXED_BASE

    .code32
    .section .text, "ax"
/* EAX service, BL 0; AL 0: EBX base, ECX length, EDX entry. */
bios32_entry:
    testb %bl, %bl
    jnz 2f
    cmpl $0x49435024, %eax          /* "$PCI" */
    jne 1f
    movl $FIXED_BASE, %ebx
    movl $0x10000, %ecx
    movl $pci32_entry - FIXED_BASE, %edx
    xorb %al, %al
    lret
1:  movb $0x80, %al
    lret
2:  movb $0x81, %al
    lret

    .globl pci32_entry
pci32_entry:
    pushfl
    cli
    cld
    pushal
    movl %esp, %eax
    call pci32
    orb %al, 32(%esp)               /* CF of the flags below */
    testb %al, %al
    jnz 1f
    andb $0xFE, 32(%esp)
1:  popal
    popfl
    lret

/* Stack: ip, cs, function, arguments. Only 60h, the version of the boot specification, is there. */
    .code16
    .globl pnp_entry
pnp_entry:
    pushw %bp
    movw %sp, %bp
    movw $0x82, %ax                 /* FUNCTION_NOT_SUPPORTED */
    cmpw $0x60, 6(%bp)
    jne 1f
    pushw %ds
    pushw %bx
    ldsw 8(%bp), %bx
    movw $0x0101, (%bx)
    popw %bx
    popw %ds
    xorw %ax, %ax
1:  popw %bp
    lretw

/* APM in protected mode: registers in, registers out, no memory. */
    .macro APM_BODY popf
    cmpb $0x05, %al
    jne 1f
    pushf
    testw $0x200, (%esp)            /* HLT only if something can end it */
    popf
    jz 9f
    hlt
    jmp 9f
1:  cmpb $0x07, %al
    jne 3f
    cmpw $1, %bx
    jne 8f
    cmpw $3, %cx
    jne 9f
    pushl %edx
    pushl %eax
    movw $PM_BASE + 4, %dx
    inw %dx, %ax
    andw $0xE3FF, %ax
    orw $0x2000, %ax
    outw %ax, %dx
    popl %eax
    popl %edx
    jmp 9f
3:  cmpb $0x0A, %al
    jne 4f
    movw $0x01FF, %bx
    movw $0x80FF, %cx
    movw $0xFFFF, %dx
    xorw %si, %si
    jmp 9f
4:  cmpb $0x0B, %al
    jne 5f
    movb $0x80, %ah
    stc
    jmp 10f
5:  cmpb $0x0E, %al
    jne 6f
    movw $0x0102, %ax
    clc
    jmp 10f
6:  cmpb $0x04, %al
    jb 7f
    cmpb $0x0F, %al
    jbe 9f
7:  movb $0x86, %ah
    stc
    jmp 10f
8:  movb $0x09, %ah
    stc
    jmp 10f
9:  clc
10:
    .endm

    .globl apm_entry16, apm_entry32
apm_entry16:
    APM_BODY
    lretw
    .code32
apm_entry32:
    APM_BODY
    lretl
