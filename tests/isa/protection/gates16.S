/* 16-bit gates and a 16-bit TSS: words on the stack, SP and IP of 16 bits, stacks of inner levels from a 16-bit TSS
   (SDM 3A 5.8.3, 7.6; SDM 2A "CALL", "INT n"; 2B "RET"). */
#include "kernel.inc"

        .set BASE, 0x100000             /* of SEL_BASED and the 16-bit segments */

        .macro GATE slot, sel, target, access, count
        movl $\target - BASE, %eax
        movw %ax, gdt + \slot
        movw $\sel, gdt + \slot + 2
        movw $(\access << 8 | \count), gdt + \slot + 4
        movw $0, gdt + \slot + 6       /* QEMU adds it to the offset */
        .endm

        .macro IGATE vector, sel, target, access
        movl $\target - BASE, %eax
        movw %ax, idt + \vector * 8
        movw $\sel, idt + \vector * 8 + 2
        movw $(\access << 8), idt + \vector * 8 + 4
        movw $0, idt + \vector * 8 + 6
        .endm

main:   GATE SEL_GATE16, SEL_BASED, inner, 0xE4, 3
        TRY "16-bit gate, three words from ring 3"
        USER user_call
        ENDTRY
        GATE SEL_GATE16, SEL_BASED, inner, 0x84, 3
        TRY "16-bit gate dpl 0 from ring 3"
        USER user_call
        ENDTRY
        GATE SEL_GATE16, SEL_BASED, same, 0xE4, 3
        TRY "16-bit gate at the same level copies nothing"
        movl %esp, %ebp
        lcall $SEL_GATE16, $0xDEAD
same_back:
        movl %ebp, %esp
        ENDTRY
        GATE SEL_GATE16, SEL_SMALL, inner, 0xE4, 0
        TRY "16-bit gate to data"
        USER user_call
        ENDTRY
        /* a limit the offset does not reach: a small code segment in a spare slot */
        movl $0x00000FFF, gdt + SEL_GATE
        movl $0x00409A00, gdt + SEL_GATE + 4
        GATE SEL_GATE16, SEL_GATE, inner, 0xE4, 0
        TRY "16-bit gate beyond the limit of its code segment"
        USER user_call
        ENDTRY
        IGATE 0x82, SEL_BASED, int_handler, 0xE6
        TRY "16-bit interrupt gate from ring 3"
        USER user_int
        ENDTRY
        IGATE 0x82, SEL_BASED, int_handler, 0xE7
        TRY "16-bit trap gate from ring 3"
        USER user_int
        ENDTRY
        IGATE 13, SEL_BASED, gp_handler, 0x86
        TRY "16-bit gate of an exception: error code is a word"
        USER user_gp
        ENDTRY
        movl $stubs + 13 * 16, %eax
        movw %ax, idt + 13 * 8
        shrl $16, %eax
        movw %ax, idt + 13 * 8 + 6
        movl $(SEL_CODE0), %eax
        movw %ax, idt + 13 * 8 + 2
        movw $0x8E00, idt + 13 * 8 + 4
        /* the stacks of a 16-bit TSS */
        movl $ring0_top, %eax
        movw %ax, tss16 + 2
        movw $SEL_DATA16, tss16 + 4
        movl $ring1_top, %eax
        movw %ax, tss16 + 6
        movw $SEL_DATA1 | 1, tss16 + 8
        andb $~2, gdt + SEL_TSS16 + 5
        movl $SEL_TSS16, %eax
        ltr %ax
        IGATE 0x82, SEL_BASED, int_handler, 0xE6
        TRY "stack of ring 0 from a 16-bit TSS"
        USER user_int
        ENDTRY
        movl $int32_handler, %eax
        movw %ax, idt + 0x83 * 8
        shrl $16, %eax
        movw %ax, idt + 0x83 * 8 + 6
        movw $0xEE00, idt + 0x83 * 8 + 4
        TRY "32-bit gate onto the 16-bit stack"
        USER user_int83
        ENDTRY
        andb $~2, gdt + SEL_TSS + 5
        movl $SEL_TSS, %eax
        ltr %ax
        /* 16-bit far returns: the code they reach lies below 64 KiB */
        movw $0x80CD, 0x4321
        movw $0x80CD, 0x5678
        TRY "16-bit retf to ring 3"
        pushw $SEL_DATA3
        pushw $0x1234
        pushw $0x7777
        pushw $0x7777
        pushw $SEL_CODE3
        pushw $0x4321
        .byte 0x66
        lret $4
        ENDTRY
        TRY "16-bit iret to ring 3"
        pushw $SEL_DATA3
        pushw $0x1234
        pushw $0x3202
        pushw $SEL_CODE3
        pushw $0x5678
        iretw
        ENDTRY
        TRY "16-bit iret keeps the upper half of eflags"
        pushl $0x200002
        popfl
        movl $landed, %eax
        pushw $2
        pushw $SEL_BASED
        pushw %ax
        iretw
landed: pushfl
        popl %ecx
        ljmp $SEL_CODE0, $1f
1:      pushl $2
        popfl
        SHOW " ", %ecx
        ENDTRY
        ret

/* ---- ring 3 ---- */
user_call:
        pushw $0x3333
        pushw $0x2222
        pushw $0x1111
        lcall $SEL_GATE16 | 3, $0xDEAD
        int $0x80
user_int:
        movl $user_top - 0x10, %esp
        int $0x82
        int $0x80
user_int83:
        int $0x83
        int $0x80
user_gp: hlt

/* ---- the gates' targets: CS is SEL_BASED, data flat ---- */
inner:  movl %esp, %ebp
        movl $SEL_DATA0, %eax
        movl %eax, %ds
        movl $ring0_top, %eax
        subl %ebp, %eax
        ljmp $SEL_CODE0, $1f
1:      SHOW " depth ", %eax
        movzwl 2(%ebp), %eax
        SHOW " cs ", %eax
        movzwl 4(%ebp), %eax
        SHOW " p1 ", %eax
        movzwl 6(%ebp), %eax
        SHOW " p2 ", %eax
        movzwl 8(%ebp), %eax
        SHOW " p3 ", %eax
        movzwl 10(%ebp), %edx
        movl $user_top - 6, %eax
        movzwl %ax, %eax
        subl %edx, %eax
        SHOW " sp off by ", %eax
        movzwl 12(%ebp), %eax
        SHOW " ss ", %eax
        jmp resume_ok
same:   subl %esp, %ebp
        ljmp $SEL_CODE0, $1f
1:      SHOW " pushed ", %ebp
        movzwl 2(%esp), %eax
        SHOW " cs ", %eax
        jmp resume_ok
int_handler:
        movl $SEL_DATA0, %eax
        movl %eax, %ds
        movzwl %sp, %ebp
        orl $BASE, %ebp                 /* both kinds of stack lie in the first 64 KiB of the image */
        pushfl
        popl %ecx
        ljmp $SEL_CODE0, $1f
1:      movl %ecx, seen
        movl %ss, %eax
        movl %eax, seen + 4
        movl $SEL_DATA0, %eax
        movl %eax, %ss
        movl $stack_top - 512, %esp
        movl $ring0_top, %eax
        subl %ebp, %eax
        SHOW " depth ", %eax
        SHOW " ss ", seen + 4
        movl seen, %eax
        andl $0x200, %eax
        SHOW " if ", %eax
        movzwl 2(%ebp), %eax
        SHOW " cs ", %eax
        movzwl 4(%ebp), %eax
        andl $~0x8D5, %eax
        SHOW " flags ", %eax
        movzwl 6(%ebp), %edx
        movl $user_top - 16, %eax
        movzwl %ax, %eax
        subl %edx, %eax
        SHOW " sp off by ", %eax
        movzwl 8(%ebp), %eax
        SHOW " ss ", %eax
        jmp resume_ok
gp_handler:
        movl $SEL_DATA0, %eax
        movl %eax, %ds
        movl $ring0_top, %ebp
        subl %esp, %ebp
        ljmp $SEL_CODE0, $1f
1:      SHOW " depth ", %ebp
        movzwl (%esp), %eax
        SHOW " error ", %eax
        movzwl 4(%esp), %eax
        SHOW " cs ", %eax
        jmp resume_ok
int32_handler:
        movl $SEL_DATA0, %eax
        movl %eax, %ds
        movl %ss, %ecx
        movzwl %sp, %edx
        movl %eax, %ss
        movl $stack_top - 512, %esp
        SHOW " ss ", %ecx
        movl $ring0_top - BASE, %eax
        subl %edx, %eax
        SHOW " depth ", %eax
resume_ok:
        movl $SEL_DATA0, %eax
        movl %eax, %ss
        movl $stack_top - 512, %esp
        call say_ok
        jmp resume

        .data
        .align 4
seen:   .long 0, 0
