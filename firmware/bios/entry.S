/* Doors of the 16-bit runtime: interrupt entries, calls to foreign code, interrupt windows.
 *
 * A service runs on the private stack with interrupts off.  `stack_sp` is where the next entry from a foreign stack begins; it
 * moves down, with a reserve, whenever foreign code may run on top of us (windows, calls), so that nested
 * services never overwrite suspended ones.  No instruction here needs protected mode or a privilege V86 lacks.
 */
#include "layout.h"

    .code16
    .section .text.entry, "ax"

    .macro ISR vector, handler
    .globl isr_\vector
isr_\vector:
    pushw $\handler
    jmp isr_common
    .endm

    ISR 02, int02
    ISR 05, int05
    ISR 08, int08
    ISR 09, int09
    ISR 0e, int0e
    ISR 11, int11
    ISR 12, int12
    ISR 13, int13
    ISR 14, int14
    ISR 15, int15
    ISR 16, int16
    ISR 17, int17
    ISR 18, int18
    ISR 19, int19
    ISR 1a, int1a
    ISR 40, int40
    ISR 70, int70
    ISR 74, int74
    ISR 75, int75
    ISR 76, int76
    ISR 77, int77
    ISR irq, int_irq

    .globl isr_iret
isr_iret:
    iretw

/* Caller's stack: handler, ip, cs, flags. */
isr_common:
    cli
    cld
    pushw %ds
    pushl %eax
    movw %cs, %ax
    movw %ax, %ds
    movl %esp, in_esp
    movw %ss, in_ss
    cmpw %ax, in_ss
    je 1f
    movw %ax, %ss
    movw stack_sp, %sp
1:  movzwl %sp, %esp
    pushw $0
    pushw in_ss
    pushl in_esp
    pushw $AFTER_NONE
    pushw $0                        /* flags, below */
    pushw %gs
    pushw %fs
    pushw %es
    movw in_ss, %es
    movzwl in_esp, %eax
    pushw %es:4(%eax)               /* ds */
    pushl %es:(%eax)                /* eax */
    pushl %ecx
    pushl %edx
    pushl %ebx
    pushl %ebp
    pushl %esi
    pushl %edi
    movw %es:12(%eax), %bx
    movw %bx, R_FLAGS(%esp)
    movzwl %es:6(%eax), %ebx
    movw %ds, %ax
    movw %ax, %es
    movw $BDA_SEG, %ax
    movw %ax, %fs
    movl %esp, %eax
    calll *%ebx
    cli

/* Back: answers go to the caller's stack, then the stack, then the registers. */
    movw R_SS(%esp), %es
    movzwl R_ESP(%esp), %edi
    movw R_FLAGS(%esp), %ax
    movw %ax, %es:12(%edi)
    movl R_EAX(%esp), %eax
    movl %eax, %es:(%edi)
    movw R_DS(%esp), %ax
    movw %ax, %es:4(%edi)
    movw R_AFTER(%esp), %ax
    testw %ax, %ax
    jnz 2f
    popl %edi
    popl %esi
    popl %ebp
    popl %ebx
    popl %edx
    popl %ecx
    addw $6, %sp
    popw %es
    popw %fs
    popw %gs
    addw $4, %sp
    lssl (%esp), %esp
    popl %eax
    popw %ds
    addw $2, %sp
    iretw

2:  cmpw $AFTER_AGAIN, %ax
    je 3f
    movw %ax, %es:6(%edi)           /* the handler's place tells what to do */
3:  popl %edi
    popl %esi
    popl %ebp
    popl %ebx
    popl %edx
    popl %ecx
    addw $6, %sp
    popw %es
    popw %fs
    popw %gs
    popw %ax
    popw %ax                        /* after */
    lssl (%esp), %esp
    cmpw $AFTER_AGAIN, %ax
    popl %eax
    popw %ds
    je again

/* Caller's stack: after, ip, cs, flags.  INT (after & FFh) by its vector. */
    pushfw
    pushw %cs
    pushw $chained
    pushl $0                        /* the vector */
    pushw %ds
    pushw %bx
    pushw %bp
    movw %sp, %bp
    xorw %bx, %bx
    movw %bx, %ds
    movb 16(%bp), %bl
    shlw $2, %bx
    pushl (%bx)
    popl 6(%bp)
    popw %bp
    popw %bx
    popw %ds
    lretw
chained:
    pushw %bp
    movw %sp, %bp
    testw $AFTER_EOI1, 2(%bp)
    popw %bp
    jz 4f
    cli
    pushw %ax
    movb $0x20, %al
    outb %al, $0x20
    popw %ax
4:  addw $2, %sp
    iretw

again:
    sti
    hlt
    jmp isr_common

/* ---- foreign code from C -------------------------------------------------------------------------------------------- */

/* Lower stack_sp below what is in use; the old value is on the stack. */
    .macro GUARD
    pushw stack_sp
    pushw %ax
    movw %sp, %ax
    subw $STACK_RESERVE, %ax
    movw %ax, stack_sp
    popw %ax
    .endm

/* void intcall(u8 n, struct regs *r) */
    .globl intcall
intcall:
    movzbl %al, %eax
    xorl %ecx, %ecx
    movw %cx, %gs
    movl %gs:(,%eax,4), %eax
    movb $1, %cl
    jmp foreign

/* void farcall(u16 seg, u16 off, struct regs *r) */
    .globl farcall
farcall:
    shll $16, %eax
    movw %dx, %ax
    movl %ecx, %edx
    xorl %ecx, %ecx

/* eax vector, edx registers, ecx 1: the routine ends in IRET */
foreign:
    pushl %ebx
    pushl %esi
    pushl %edi
    pushl %ebp
    pushl %edx
    GUARD
    btw $0, R_FLAGS(%edx)           /* carry as the caller wants it, live and in the frame */
    jecxz 1f
    pushfw
1:  pushw %cs
    pushw $back
    pushl %eax
    pushw R_DS(%edx)
    movw R_ES(%edx), %es
    movl R_EDI(%edx), %edi
    movl R_ESI(%edx), %esi
    movl R_EBP(%edx), %ebp
    movl R_EBX(%edx), %ebx
    movl R_ECX(%edx), %ecx
    movl R_EAX(%edx), %eax
    movl R_EDX(%edx), %edx
    popw %ds
    lretw
back:
    pushfw
    cli
    cld
    movzwl %sp, %esp
    pushw %ds
    pushw %es
    pushl %eax
    pushl %edx
    movw %cs, %ax
    movw %ax, %ds
    movw %ax, %es
    movl 16(%esp), %edx             /* edx eax es ds flags stack_sp: the pointer is 16 up */
    movl %ebx, R_EBX(%edx)
    movl %ecx, R_ECX(%edx)
    movl %ebp, R_EBP(%edx)
    movl %esi, R_ESI(%edx)
    movl %edi, R_EDI(%edx)
    popl R_EDX(%edx)
    popl R_EAX(%edx)
    popw R_ES(%edx)
    popw R_DS(%edx)
    popw R_FLAGS(%edx)
    popw stack_sp
    popl %edx
    movw $BDA_SEG, %ax
    movw %ax, %fs
    popl %ebp
    popl %edi
    popl %esi
    popl %ebx
    retl

/* void farcall4(u16 seg, u16 off, const u16 *args): the routine leaves the arguments on the stack. */
    .globl farcall4
farcall4:
    pushl %ebx
    pushl %esi
    pushl %edi
    pushl %ebp
    GUARD
    shll $16, %eax
    movw %dx, %ax
    pushw (%ecx)
    pushw 2(%ecx)
    pushw 4(%ecx)
    pushw 6(%ecx)
    pushw %cs
    pushw $1f
    pushl %eax
    lretw
1:  cli
    cld
    addw $8, %sp
    movzwl %sp, %esp
    movw %cs, %ax
    movw %ax, %ds
    movw %ax, %es
    movw $BDA_SEG, %ax
    movw %ax, %fs
    popw stack_sp
    popl %ebp
    popl %edi
    popl %esi
    popl %ebx
    retl

    .globl irq_window
irq_window:
    GUARD
    sti
    nop
    cli
    cld
    popw stack_sp
    retl

    .globl irq_wait
irq_wait:
    GUARD
    sti
    hlt
    cli
    cld
    popw stack_sp
    retl

/* void start_boot(u16 seg, u16 off, u8 drive): nothing of ours is suspended any more. */
    .globl start_boot
start_boot:
    movw $STACK_TOP, stack_sp
    xorl %ebx, %ebx
    movw %bx, %ds
    movw %bx, %es
    movw %bx, %fs
    movw %bx, %gs
    movw %bx, %ss
    movl $0x7C00, %esp
    pushw %ax
    pushw %dx
    movzbl %cl, %edx
    movl $0xAA55, %eax              /* as boot code of old expects the signature it was accepted by */
    xorl %ecx, %ecx
    xorl %esi, %esi
    xorl %edi, %edi
    xorl %ebp, %ebp
    sti
    lretw

/* void start_rom(u16 seg, u16 off, u16 pnp): the same for an option ROM's BEV; when it returns, INT 18h. */
    .globl start_rom
start_rom:
    movw $STACK_TOP, stack_sp
    xorl %ebx, %ebx
    movw %bx, %ds
    movw %bx, %fs
    movw %bx, %gs
    movw %bx, %ss
    movl $0x7C00, %esp
    pushw %cs
    pushw $1f
    pushw %ax
    pushw %dx
    movzwl %cx, %edi                /* ES:DI: the PnP installation structure */
    movw $FIXED_SEG, %ax
    movw %ax, %es
    xorl %eax, %eax
    xorl %ecx, %ecx
    xorl %edx, %edx
    xorl %esi, %esi
    xorl %ebp, %ebp
    sti
    lretw
1:  int $0x18

/* From POST: run the function at EAX on this stack, come back far. */
    .globl near_call
near_call:
    calll *%eax
    lretw

    .section .data
    .globl stack_sp
stack_sp: .word STACK_TOP
    .globl pam_saved
pam_saved: .space 4                 /* 440FX 5Ah-5Dh as POST left them, for resets that go on */
    .globl real_target, real_esp    /* POST's way here and back: its own segment ends read-only */
real_target: .long 0
real_esp: .long 0
in_ss:    .word 0
in_esp:   .long 0
