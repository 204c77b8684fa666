/* 64-bit interrupt gates, IST, faults of delivery, IRETQ (SDM 3A 6.14; SDM 2A "IRET"). */
#include "kernel64.inc"

main:   TRY "ud2"
        ud2
        ENDTRY
        TRY "int3 from ring 3"
        USER user_int3
        ENDTRY
        TRY "user exit"
        USER user_quit
        ENDTRY
        TRY "user exit, compat"
        USER32 user_quit32
        ENDTRY
        TRY "int 0x81 dpl 0 from ring 3"
        USER user_int81
        ENDTRY
        TRY "ud2, stack unaligned"
        subq $5, %rsp
        ud2
        ENDTRY
        GATE 6, SEL_CODE0, stubs+6*16, 0x8E, 1
        TRY "ud2 on ist1"
        ud2
        ENDTRY
        TRY "ud2 on ist1 from ring 3"
        USER user_ud
        ENDTRY
        GATE 6, SEL_CODE0, stubs+6*16, 0x8E
        TRY "null ss"
        xorl %eax, %eax
        movl %eax, %ss
        ud2
        ENDTRY
        GATE 0x82, SEL_CODE0, show_if, 0x8E
        TRY "interrupt gate clears if"
        sti
        int $0x82
        cli
        ENDTRY
        GATE 0x82, SEL_CODE0, show_if, 0x8F
        TRY "trap gate keeps if"
        sti
        int $0x82
        cli
        ENDTRY
        GATE 0x82, SEL_CODE0C, show_if, 0x8E
        TRY "gate to 32-bit code"
        int $0x82
        ENDTRY
        GATE 0x82, SEL_BOTH, show_if, 0x8E
        TRY "gate to L and D"
        int $0x82
        ENDTRY
        GATE 0x82, SEL_DATA0, show_if, 0x8E
        TRY "gate to data"
        int $0x82
        ENDTRY
        GATE 0x82, SEL_CODE_NP, show_if, 0x8E
        TRY "gate to absent code"
        int $0x82
        ENDTRY
        GATE 0x82, 0, show_if, 0x8E
        TRY "gate to null"
        int $0x82
        ENDTRY
        GATE 0x82, 0x408, show_if, 0x8E
        TRY "gate beyond the gdt"
        int $0x82
        ENDTRY
        GATE 0x82, SEL_CODE3, show_if, 0x8E
        TRY "gate to ring 3 from ring 0"
        int $0x82
        ENDTRY
        GATE 0x82, SEL_CODE0, show_if, 0x0E
        TRY "absent gate"
        int $0x82
        ENDTRY
        GATE 0x82, SEL_CODE0, show_if, 0x86
        TRY "16-bit gate"
        int $0x82
        ENDTRY
        GATE 0x82, SEL_CODE0, show_if, 0x85
        TRY "task gate"
        int $0x82
        ENDTRY
        GATE 0x82, SEL_CODE0, show_if, 0x8C
        TRY "call gate in the idt"
        int $0x82
        ENDTRY
        GATE 0x82, SEL_CODE0, 0x800000000000, 0x8E
        TRY "non-canonical target"
        int $0x82
        ENDTRY
        GATE 0x82, SEL_CODE1, show_if, 0xEE
        TRY "gate to ring 1 from ring 3"
        USER user_int82
        ENDTRY
        GATE 0x82, SEL_CONF0, say_conf, 0xEE
        TRY "gate to conforming code from ring 3"
        USER user_int82
        ENDTRY
        GATE 0x82, SEL_CODE0, show_if, 0xEE
        movw $0x7FF, idtr
        lidt idtr
        TRY "beyond the idt"
        int $0x82
        ENDTRY
        movw $0xFFF, idtr
        lidt idtr

        TRY "iretq same level"
        movq %rsp, %rcx
        pushq $SEL_DATA0
        pushq %rcx
        pushq $2
        pushq $SEL_CODE0
        pushq $1f
        iretq
1:      ENDTRY
        TRY "iretq null ss ring 0"
        movq %rsp, %rcx
        pushq $0
        pushq %rcx
        pushq $2
        pushq $SEL_CODE0
        pushq $1f
        iretq
1:      movw %ss, %ax
        movzwl %ax, %eax
        SHOW16 " ss=", %rax
        movl $SEL_DATA0, %eax
        movl %eax, %ss
        ENDTRY
        .macro BADIRET text, ss, rsp, flags, cs, rip
        TRY "\text"
        pushq $\ss
        pushq $\rsp
        pushq $\flags
        pushq $\cs
        movq $\rip, %rax
        pushq %rax
        iretq
        ENDTRY
        .endm
        BADIRET "iretq nt image", SEL_DATA0, stack_top-256, 0x4002, SEL_CODE0, quit0
        pushq $2
        popfq
        BADIRET "iretq vm image", SEL_DATA0, stack_top-256, 0x20002, SEL_CODE0, quit0
        BADIRET "iretq null cs", SEL_DATA0, stack_top-256, 2, 0, quit0
        BADIRET "iretq data cs", SEL_DATA0, stack_top-256, 2, SEL_DATA0, quit0
        BADIRET "iretq absent cs", SEL_DATA0, stack_top-256, 2, SEL_CODE_NP, quit0
        BADIRET "iretq L and D", SEL_DATA0, stack_top-256, 2, SEL_BOTH, quit0
        BADIRET "iretq non-canonical rip", SEL_DATA0, stack_top-256, 2, SEL_CODE0, 0x800000000000
        BADIRET "iretq non-canonical rip ring 3", SEL_DATA3, user_top, 2, SEL_CODE3, 0x800000000000
        BADIRET "iretq null ss ring 3", 0, user_top, 2, SEL_CODE3, user_quit
        BADIRET "iretq null ss compat", 0, user_top, 2, SEL_CODE0C, user_quit
        BADIRET "iretq ss of the wrong ring", SEL_DATA0, user_top, 2, SEL_CODE3, user_quit
        BADIRET "iretq ss absent", SEL_DATA_NP, user_top, 2, SEL_CODE0, user_quit
        BADIRET "iretq ss read-only", SEL_RODATA, user_top, 2, SEL_CODE0, user_quit
        BADIRET "iretq beyond the compat limit", SEL_DATA3, user_top, 0x3002, SEL_CODE3C, 0x100000000
        TRY "iretl to ring 3"
        subq $20, %rsp
        movl $user_quit, (%rsp)
        movl $SEL_CODE3, 4(%rsp)
        movl $0x3002, 8(%rsp)
        movl $user_top, 12(%rsp)
        movl $SEL_DATA3, 16(%rsp)
        iretl
        ENDTRY
        TRY "nt set"
        pushq $0x4002
        popfq
        iretq
        ENDTRY
        pushq $2
        popfq

        /* stacks of delivery */
        GATE 8, SEL_CODE0, stubs+8*16, 0x8E, 2
        movq $0x900000000000, %rax
        movq %rax, tss + 4
        TRY "non-canonical rsp0"
        USER user_int82
        ENDTRY
        movq $0x40008000, tss + 4
        TRY "rsp0 not mapped"
        USER user_ud
        ENDTRY
        movq $ring0_top, tss + 4
        TRY "rsp non-canonical, ring 0"
        movq $0x8000000000000000, %rsp
        pushq %rax
        ENDTRY
        TRY "rsp not mapped, ring 0"
        movq $0x40008000, %rsp
        ud2
        ENDTRY
        ret

quit0:  PRINT " landed"
        pushfq
        popq %rax
        SHOW16 " fl=", %rax
        NEWLINE
        jmp resume
show_if:
        pushfq
        popq %rax
        SHOW16 " fl=", %rax
        iretq
say_conf:
        movw %cs, %ax
        movzwl %ax, %eax
        SHOW16 " cs=", %rax
        int $0x80
user_int3: int3
user_quit: int $0x80
user_int81: int $0x81
user_int82: int $0x82
        int $0x80
user_ud: ud2
        .code32
user_quit32: int $0x80
