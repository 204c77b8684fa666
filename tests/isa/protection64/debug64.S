/* #DB in long mode: TF through every kind of transfer, breakpoints at 64-bit addresses, 8-byte watchpoints (SDM 3B ch. 17). */
#include "kernel64.inc"

        /* a case whose #DBs are listed as " @offset:DR6", sixteen at most; other exceptions end it as always */
        .macro TRACE text
        TRY "\text"
        movq $16, traps_left
        .endm

        .macro TF_ON
        pushfq
        orq $0x100, (%rsp)
        popfq
        .endm

        .macro TF_OFF
        pushfq
        andq $~0x100, (%rsp)
        popfq
        .endm

        .macro SETDR n, value
        movabsq $\value, %rax
        movq %rax, %dr\n
        .endm

main:   GATE 1, SEL_CODE0, on_debug, 0x8E
        SETMSR 0xC0000081, 0x0018000800000000
        SETMSR 0xC0000082, syscall_entry
        SETMSR 0xC0000084, 0x700

        TRACE "tf over nops"
        TF_ON
        nop
        nop
        TF_OFF
        ENDTRY
        TRACE "tf and mov ss"
        movl $SEL_DATA0, %eax
        TF_ON
        movl %eax, %ss
        nop
        nop
        TF_OFF
        ENDTRY
        TRACE "tf and rep"
        movq $scratch, %rsi
        movq $scratch + 64, %rdi
        movl $3, %ecx
        TF_ON
        rep movsq
        nop
        TF_OFF
        ENDTRY
        TRACE "tf, syscall with TF in the mask"
        TF_ON
        syscall
        nop
        ENDTRY
        SETMSR 0xC0000084, 0x600
        TRACE "tf, syscall without TF in the mask"
        TF_ON
        syscall
        nop
        ENDTRY
        SETMSR 0xC0000084, 0x700
        TRACE "sysretq sets tf"
        movq $user_two, %rcx
        movq %rcx, try_rip
        movl $0x3102, %r11d
        sysretq
        ENDTRY
        TRACE "sysretl sets tf"
        movq $user_two32, %rcx
        movq %rcx, try_rip
        movl $0x3102, %r11d
        sysretl
        ENDTRY
        TRACE "iretq to ring 3 sets tf"
        orq $0x100, user_flags
        USER user_two
        ENDTRY
        TRACE "iretq to compat ring 3 sets tf"
        USER32 user_two32
        andq $~0x100, user_flags
        ENDTRY
        TRACE "tf and int"
        TF_ON
        int $0x81
        nop
        TF_OFF
        ENDTRY
        TRACE "tf and far return to compat code"
        TF_ON
        COMPAT compat_two
        ENDTRY
        TRACE "tf and hlt-free instructions that fault"
        TF_ON
        ud2
        ENDTRY
        TRACE "int1"
        .byte 0xF1
        nop
        ENDTRY

        TRACE "breakpoint above 4 GiB"
        SETDR 0, HIGH + high_code
        SETDR 7, 0x402
        movabsq $HIGH + high_code, %rax
        call *%rax
        movq $high_code, %rax
        call *%rax
        SETDR 7, 0x400
        ENDTRY
        TRACE "rf skips a breakpoint once"
        SETDR 0, 1f
        SETDR 7, 0x402
        pushq $SEL_DATA0
        leaq 8(%rsp), %rax
        pushq %rax
        pushq $0x10002
        pushq $SEL_CODE0
        pushq $1f
        iretq
1:      nop
        SETDR 7, 0x400
        ENDTRY
        TRACE "watch 8 bytes"
        SETDR 0, scratch + 8
        SETDR 7, 0x90402                /* write, LEN 10b */
        movq $1, scratch
        movq $1, scratch + 16
        movb $1, scratch + 15
        movq $1, scratch + 8
        movq $1, scratch + 1
        movq scratch + 8, %rbx
        SETDR 7, 0x400
        ENDTRY
        TRACE "watch reads and writes above 4 GiB"
        SETDR 1, HIGH + scratch
        SETDR 7, 0xF00408               /* DR1: read and write, 4 bytes */
        movabsq $HIGH + scratch, %rdi
        movl (%rdi), %eax
        movl scratch, %eax
        movw $5, 2(%rdi)
        movb $5, 4(%rdi)
        pushq 1(%rdi)
        popq %rax
        SETDR 7, 0x400
        ENDTRY
        TRACE "watch a 16-byte store"
        SETDR 0, scratch + 8
        SETDR 7, 0x10402                /* write, 1 byte */
        movups %xmm0, scratch
        movups %xmm0, scratch + 9
        SETDR 7, 0x400
        ENDTRY
        TRACE "watch within rep stosb"
        movq $scratch, %rdi
        SETDR 0, scratch + 3
        SETDR 7, 0x10402
        movl $8, %ecx
        xorl %eax, %eax
        rep stosb
        SETDR 7, 0x400
        ENDTRY
        TRACE "disabled breakpoints are silent"
        SETDR 0, scratch
        SETDR 7, 0x10400
        movb $1, scratch
        ENDTRY
        TRACE "gd"
        SETDR 7, 0x2400
        movq %dr0, %rax
        ENDTRY
        SETDR 7, 0x400
        TRACE "mov dr6 upper half"
        movq $0x100000000, %rax
        movq %rax, %dr6
        ENDTRY
        TRACE "mov dr0 takes any address"
        movq $0x123456789ABCDEF0, %rax
        movq %rax, %dr0
        movq %dr0, %rbx
        SHOW " ", %rbx
        ENDTRY
        TRACE "mov dr from ring 3"
        USER user_dr
        ENDTRY
        movq %cr4, %rax
        orl $8, %eax
        movq %rax, %cr4
        TRACE "dr4 with de"
        movq %dr4, %rax
        ENDTRY
        TRACE "dr7 with rex.r"
        .byte 0x44, 0x0F, 0x21, 0xF8    /* mov dr15, rax */
        ENDTRY
        ret

/* the #DB handler: list it, and let the code go on */
on_debug:
        pushq %rax
        movq 8(%rsp), %rax
        subq try_rip, %rax
        SHOW16 " @", %rax
        movq %dr6, %rax
        andl $0xEFFF, %eax
        SHOW16 ":", %rax
        xorl %eax, %eax
        movq %rax, %dr6
        decq traps_left
        jnz 1f
        andq $~0x100, 24(%rsp)
        movl $0x400, %eax
        movq %rax, %dr7
1:      orq $0x10000, 24(%rsp)
        popq %rax
        iretq

syscall_entry:
        PRINT " entered"
        movq %r11, %rax
        andl $~0x8D5, %eax
        SHOW16 " r11=", %rax
        TF_OFF
        NEWLINE
        jmp resume
high_code: nop
        ret
user_two: nop
        nop
        int $0x80
user_dr: movq %dr0, %rax
        .code32
user_two32: nop
        nop
        int $0x80
compat_two: nop
        movl %ebx, %ebx
        ljmp $SEL_CODE0, $back_here
        .code64
back_here: TF_OFF
        call say_ok
        jmp resume
        .data
traps_left: .quad 0
        .text
