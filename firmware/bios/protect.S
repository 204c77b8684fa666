/* The two services that need protected mode: block move and the switch of INT 15h AH=89h. */
#include "layout.h"

    .code16
    .section .text, "ax"

    .globl protected_mode
protected_mode:
    smsww %ax
    andl $1, %eax
    retl

/* void block_move(u32 gdt, u16 words): interrupts are off; DS, ES and SS come back as real-mode segments. */
    .globl block_move
block_move:
    pushl %ebx
    pushl %esi
    pushl %edi
    movzwl %dx, %ecx
    movw $0x2F, gdt_place
    movl %eax, gdt_place + 2
    lgdtl gdt_place
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmp $0x20, $1f
1:  movw $0x10, %ax
    movw %ax, %ds
    movw $0x18, %ax
    movw %ax, %es
    movw $0x28, %ax
    movw %ax, %ss
    xorl %esi, %esi
    xorl %edi, %edi
    addr32 rep movsw
    movw $0x28, %ax                 /* a 64 KiB limit again for what follows */
    movw %ax, %ds
    movw %ax, %es
    movl %cr0, %eax
    andb $0xFE, %al
    movl %eax, %cr0
    ljmp $RUNTIME_SEG, $2f
2:  movw %cs, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    popl %edi
    popl %esi
    popl %ebx
    retl

/* void go_protected(struct regs *r, u32 gdt): the caller's table has IDT at 10h, DS 18h, ES 20h, SS 28h, CS 30h, ours 38h.
 * Below his flags lie his return address and what our door pushed: he goes on behind the INT with CS 30h. */
    .globl go_protected
go_protected:
    movl %eax, %ebx
    movw $0x3F, gdt_place
    movl %edx, gdt_place + 2
    movl %edx, %eax
    movw %ax, %si
    andl $15, %esi
    shrl $4, %eax
    movw %ax, %gs
    movw %gs:0x10(%esi), %ax        /* the IDT's limit and base from its descriptor */
    movw %ax, idt_place
    movl %gs:0x12(%esi), %eax
    andl $0xFFFFFF, %eax
    movl %eax, idt_place + 2
    movzwl R_ESP(%ebx), %ecx
    movw R_SS(%ebx), %gs
    movw %gs:8(%ecx), %dx
    movw %dx, target                /* his IP */
    addl $14, %ecx                  /* his SP without the frame */
    movl %ecx, target_sp
    movl R_EAX(%ebx), %eax
    movl %eax, target_ax
    lgdtl gdt_place
    lidtl idt_place
    movl R_ECX(%ebx), %ecx
    movl R_EDX(%ebx), %edx
    movl R_ESI(%ebx), %esi
    movl R_EDI(%ebx), %edi
    movl R_EBP(%ebx), %ebp
    movl R_EBX(%ebx), %ebx
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmp $0x38, $1f
1:  movw $0x28, %ax
    movw %ax, %ss
    movl %cs:target_sp, %esp
    movw $0x20, %ax
    movw %ax, %es
    pushw $0x30
    pushw %cs:target
    movw $0x18, %ax
    movw %ax, %ds
    movl %cs:target_ax, %eax
    lretw

    .section .data
    .balign 4
gdt_place: .word 0
    .long 0
idt_place: .word 0
    .long 0
target:    .word 0
target_sp: .long 0
target_ax: .long 0
