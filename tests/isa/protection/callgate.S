/* Call gates, far CALL/JMP/RET between levels, conforming code (SDM 3A 5.8, SDM 2A "CALL", "RET"). */
#include "kernel.inc"

        .macro GATE slot, sel, target, access, count
        movl $\target, %eax
        movw %ax, gdt + \slot
        movw $\sel, gdt + \slot + 2
        movw $(\access << 8 | \count), gdt + \slot + 4
        shrl $16, %eax
        movw %ax, gdt + \slot + 6
        .endm

main:   GATE SEL_GATE, SEL_CODE0, inner, 0xEC, 3
        TRY "gate from ring 0"
        movl $0x1234, %ebx
        lcall $SEL_GATE, $0
        ENDTRY
        TRY "gate from ring 3, three parameters"
        USER user_call
        ENDTRY
        TRY "gate from ring 3 by memory operand"
        USER user_call_m
        ENDTRY
        TRY "jmp through gate to more privilege"
        USER user_jmp
        ENDTRY
        GATE SEL_GATE, SEL_CONF0, inner_conforming, 0xEC, 3
        TRY "jmp through gate to conforming code"
        USER user_jmp
        ENDTRY
        GATE SEL_GATE, SEL_CODE1, inner1, 0xEC, 2
        movl $outer2, back
        TRY "gate to ring 1"
        USER user_call
        ENDTRY
        GATE SEL_GATE, 0, inner, 0xEC, 0
        TRY "gate with null selector"
        USER user_call
        ENDTRY
        GATE SEL_GATE, SEL_DATA0, inner, 0xEC, 0
        TRY "gate to data"
        USER user_call
        ENDTRY
        GATE SEL_GATE, SEL_CODE_NP, inner, 0xEC, 0
        TRY "gate to code not present"
        USER user_call
        ENDTRY
        GATE SEL_GATE, GDT_END, inner, 0xEC, 0
        TRY "gate to beyond gdt"
        USER user_call
        ENDTRY
        GATE SEL_GATE, SEL_CODE3, inner, 0xEC, 0
        TRY "gate from ring 0 to ring 3 code"
        lcall $SEL_GATE, $0
        ENDTRY
        GATE SEL_GATE, SEL_CODE0, inner, 0x8C, 0
        TRY "gate dpl 0 from ring 3"
        USER user_call
        ENDTRY
        GATE SEL_GATE, SEL_CODE0, inner, 0x6C, 0
        TRY "gate not present"
        USER user_call
        ENDTRY
        GATE SEL_GATE, SEL_CODE1, inner1, 0xEC, 0
        movw $0, tss + 16
        TRY "inner stack null"
        USER user_call
        ENDTRY
        movw $SEL_CODE1 | 1, tss + 16
        TRY "inner stack is code"
        USER user_call
        ENDTRY
        movw $SEL_DATA3, tss + 16
        TRY "inner stack of ring 3"
        USER user_call
        ENDTRY
        movw $SEL_DATA1, tss + 16
        TRY "inner stack rpl 0"
        USER user_call
        ENDTRY
        movw $SEL_DATA_NP | 1, tss + 16
        TRY "inner stack not present, dpl 0"
        USER user_call
        ENDTRY
        movw $GDT_END | 1, tss + 16
        TRY "inner stack beyond gdt"
        USER user_call
        ENDTRY
        movw $0x0D, tss + 16
        TRY "inner stack in the ldt"
        USER user_call
        ENDTRY
        TRY "far call to data"
        lcall $SEL_DATA0, $inner
        ENDTRY
        TRY "far call to null"
        lcall $0, $inner
        ENDTRY
        TRY "far call to ring 3 code from ring 0"
        lcall $SEL_CODE3, $inner
        ENDTRY
        TRY "far jmp to conforming from ring 3"
        USER user_conf
        ENDTRY
        TRY "far jmp to ring 0 from ring 3"
        USER user_down
        ENDTRY
        TRY "far jmp to not present"
        ljmp $SEL_CODE_NP, $inner
        ENDTRY
        TRY "far jmp to ldt type"
        ljmp $SEL_LDT, $0
        ENDTRY
        TRY "retf to more privilege"
        USER user_retf
        ENDTRY
        pushl $0x3002
        popfl
        TRY "retf outwards drops ds, keeps es"
        movl $SEL_DATA0, %eax
        movl %eax, %ds
        movl $SEL_DATA3, %eax
        movl %eax, %es
        pushl $SEL_DATA3
        pushl $user_top
        pushl $SEL_CODE3
        pushl $outer_segs
        lret
        ENDTRY
        TRY "retf outwards, bad ss"
        pushl $SEL_DATA0
        pushl $user_top
        pushl $SEL_CODE3
        pushl $outer_segs
        lret
        ENDTRY
        TRY "retf outwards, null ss"
        pushl $0
        pushl $user_top
        pushl $SEL_CODE3
        pushl $outer_segs
        lret
        ENDTRY
        TRY "retf to null cs"
        pushl $0
        pushl $outer_segs
        lret
        ENDTRY
        TRY "retf to data"
        pushl $SEL_DATA0
        pushl $outer_segs
        lret
        ENDTRY
        TRY "retf to not present"
        pushl $SEL_CODE_NP
        pushl $outer_segs
        lret
        ENDTRY
        ret

/* ---- ring 3 ---- */
user_call:
        pushl $0x33333333
        pushl $0x22222222
        pushl $0x11111111
        lcall $SEL_GATE | 3, $0xDEAD
        jmp *back
outer3: nop
after:  movl %esp, %eax
        subl $user_top, %eax
        SHOW " back, esp ", %eax
        movl %cs, %eax
        SHOW " cs ", %eax
        int $0x80
outer2: jmp after
user_call_m:
        pushl $3
        pushl $2
        pushl $1
        lcall *far_pointer
        jmp after
user_jmp:
        ljmp $SEL_GATE, $0
user_conf:
        ljmp $SEL_CONF0, $in_conf
in_conf: movl %cs, %eax
        SHOW " cs ", %eax
        int $0x80
user_down:
        ljmp $SEL_CODE0, $inner
user_retf:
        pushl $SEL_CODE0
        pushl $inner
        lret
outer_segs:
        movl %es, %eax
        movl %ds, %ebx
        movl $SEL_DATA3, %ecx
        movl %ecx, %ds
        SHOW " es ", %eax
        SHOW " ds ", %ebx
        int $0x80

/* ---- the gates' targets ---- */
inner:  movl %cs, %eax
        testl $3, 4(%esp)
        jnz 1f
        SHOW " same level cs ", 4(%esp)
        lret
1:      movl %esp, %ebp
        movl $ring0_top, %eax
        subl %ebp, %eax
        SHOW " depth ", %eax
        movl %ss, %eax
        SHOW " ss ", %eax
        SHOW " caller cs ", 4(%ebp)
        SHOW " p1 ", 8(%ebp)
        SHOW " p2 ", 12(%ebp)
        SHOW " p3 ", 16(%ebp)
        movl 20(%ebp), %eax
        subl $user_top, %eax
        SHOW " esp ", %eax
        SHOW " ss ", 24(%ebp)
        lret $12
inner_conforming:
        movl %cs, %eax
        SHOW " conforming cs ", %eax
        int $0x80
inner1: movl %esp, %ebp
        movl $SEL_DATA3, %eax
        movl %eax, %ds
        movl %cs, %eax
        movl %eax, ring1_cs
        movl 8(%ebp), %eax
        movl %eax, ring1_p1
        movl 12(%ebp), %eax
        movl %eax, ring1_p1 + 4
        lret $8

        .data
far_pointer: .long 0
        .word SEL_GATE
back:   .long outer3
ring1_cs: .long 0
ring1_p1: .long 0, 0
