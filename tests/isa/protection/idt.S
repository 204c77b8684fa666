/* Interrupt and trap gates: checks, stack switch, IF, error codes, double fault (SDM 3A ch. 6). */
#include "kernel.inc"

        .macro IGATE vector, sel, target, access
        movl $\target, %eax
        movw %ax, idt + \vector * 8
        movw $\sel, idt + \vector * 8 + 2
        movw $(\access << 8), idt + \vector * 8 + 4
        shrl $16, %eax
        movw %ax, idt + \vector * 8 + 6
        .endm

main:   TRY "int 0x81, dpl 0, from ring 0"
        int $0x81
        ENDTRY
        TRY "int 0x81, dpl 0, from ring 3"
        USER user_int81
        ENDTRY
        TRY "int3 from ring 3"
        USER user_int3
        ENDTRY
        TRY "into from ring 3"
        USER user_into
        ENDTRY
        TRY "int3 from ring 0"
        int3
        ENDTRY
        TRY "divide error"
        xorl %edx, %edx
        movl $1, %eax
        xorl %ecx, %ecx
        divl %ecx
        ENDTRY
        TRY "bound"
        movl $5, %eax
        boundl %eax, bounds
        ENDTRY
        TRY "invalid opcode"
        ud2
        ENDTRY
        TRY "no coprocessor"
        movl %cr0, %eax
        orl $8, %eax
        movl %eax, %cr0
        fnop
        ENDTRY
        clts
        sti
        IGATE 0x82, SEL_CODE0, show_if, 0x8E
        TRY "interrupt gate clears if"
        sti
        int $0x82
        cli
        ENDTRY
        IGATE 0x82, SEL_CODE0, show_if, 0x8F
        TRY "trap gate keeps if"
        sti
        int $0x82
        cli
        ENDTRY
        TRY "gate clears nt and tf"
        pushl $0x4102
        popfl
        int $0x82
        ENDTRY
        cli
        IGATE 0x82, SEL_CODE0, show_if, 0x0E
        TRY "gate not present"
        int $0x82
        ENDTRY
        IGATE 0x82, SEL_CODE0, show_if, 0x8C
        TRY "call gate in the idt"
        int $0x82
        ENDTRY
        IGATE 0x82, 0, show_if, 0x8E
        TRY "gate with null selector"
        int $0x82
        ENDTRY
        IGATE 0x82, SEL_DATA0, show_if, 0x8E
        TRY "gate to data"
        int $0x82
        ENDTRY
        IGATE 0x82, SEL_CODE_NP, show_if, 0x8E
        TRY "gate to code not present"
        int $0x82
        ENDTRY
        IGATE 0x82, SEL_CODE3, show_if, 0x8E
        TRY "gate to less privilege"
        int $0x82
        ENDTRY
        IGATE 0x82, GDT_END, show_if, 0x8E
        TRY "gate to beyond gdt"
        int $0x82
        ENDTRY
        IGATE 0x82, SEL_CONF0, user_conforming, 0xEE
        TRY "conforming handler from ring 3"
        USER user_int82
        ENDTRY
        IGATE 0x82, SEL_CODE1, ring1_handler, 0xEE
        TRY "ring 1 handler from ring 3"
        USER user_int82
        ENDTRY
        movw $0, tss + 16
        TRY "ring 1 stack null"
        USER user_int82
        ENDTRY
        movw $SEL_DATA0, tss + 16
        TRY "ring 1 stack of ring 0"
        USER user_int82
        ENDTRY
        movw $SEL_CODE1 | 1, tss + 16
        TRY "ring 1 stack is code"
        USER user_int82
        ENDTRY
        movw $SEL_DATA1 | 1, tss + 16
        IGATE 0x82, SEL_BASED, int16_handler, 0x86
        movw $0, idt + 0x82 * 8 + 6
        TRY "16-bit gate: frame of words"
        movl %esp, %ebp
        int $0x82
int16_back:                             /* only words of EIP were pushed: no IRET */
        movl %ebp, %esp
        ENDTRY
        TRY "int beyond idt limit"
        lidt short_idtr
        int $0x90
        ENDTRY
        lidt idtr
        TRY "0x80 from ring 0"
        int $0x80
        ENDTRY
        movl $1, mask_ext
        /* a fault while delivering a contributory fault: #DF */
        movl idt + 11 * 8 + 4, %eax
        movl %eax, saved
        andb $0x7F, idt + 11 * 8 + 5
        TRY "np handler not present: double fault"
        movl $SEL_DATA_NP, %eax
        movl %eax, %ds
        ENDTRY
        movl saved, %eax
        movl %eax, idt + 11 * 8 + 4
        /* after a benign exception the second is delivered */
        movl idt + 6 * 8 + 4, %eax
        movl %eax, saved
        andb $0x7F, idt + 6 * 8 + 5
        TRY "ud handler not present: np"
        ud2
        ENDTRY
        movl saved, %eax
        movl %eax, idt + 6 * 8 + 4
        movw $SEL_DATA0, idt + 0 * 8 + 2
        TRY "de handler is data: double fault"
        xorl %edx, %edx
        movl $1, %eax
        xorl %ecx, %ecx
        divl %ecx
        ENDTRY
        movw $SEL_CODE0, idt + 0 * 8 + 2
        andb $0x7F, idt + 3 * 8 + 5
        TRY "int3 handler not present: np"
        int3
        ENDTRY
        orb $0x80, idt + 3 * 8 + 5
        ret

user_int81: int $0x81
user_int82: int $0x82
        PRINT " back"
        int $0x80
user_int3: int3
user_into:
        movb $0x7F, %al
        addb $1, %al
        into
show_if:
        pushfl
        popl %eax
        andl $0x4300, %eax
        SHOW " if/nt/tf in handler ", %eax
        movl 8(%esp), %eax
        andl $0x4300, %eax
        SHOW " pushed ", %eax
        andl $~0x4100, 8(%esp)
        iretl
user_conforming:
        movl %cs, %eax
        SHOW " cs ", %eax
        movl %ss, %eax
        SHOW " ss ", %eax
        iretl
ring1_handler:
        movl %cs, %eax
        SHOW " cs ", %eax
        movl %ss, %eax
        SHOW " ss ", %eax
        movl $ring1_top, %eax
        subl %esp, %eax
        SHOW " depth ", %eax
        SHOW " ss3 ", 16(%esp)
        iretl
int16_handler:
        subl %esp, %ebp
        SHOW " bytes ", %ebp
        movzwl 2(%esp), %eax
        SHOW " cs ", %eax
        addl $6, %esp
        movl %esp, %ebp
        ljmp $SEL_CODE0, $int16_back

        .data
bounds: .long 0, 4
saved:  .long 0
        .align 4
        .word 0
short_idtr: .word 0x90 * 8 + 6
        .long idt
