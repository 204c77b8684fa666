/* LAR, LSL, VERR, VERW over every kind of selector, at ring 0 and ring 3; ARPL, SLDT, STR, SMSW (SDM 3A 5.10). */
#include "kernel.inc"

        .set N, (list_end - list) / 2

main:   movl $SEL_LDT, %eax
        lldt %ax
        TRY "ring 0"
        NEWLINE
        call table
        ENDTRY
        TRY "ring 3"
        USER user_table
        ENDTRY
        TRY "arpl"
        movw $0x10, %ax
        movw $0x1B, %bx
        call arpl_case
        movw $0x13, %ax
        movw $0x08, %bx
        call arpl_case
        movw $0x11, %ax
        movw $0x09, %bx
        call arpl_case
        movw $0x10, word
        movw $2, %bx
        arpl %bx, word
        SHOW " memory ", word
        ENDTRY
        TRY "sldt, str"
        movl $-1, %eax
        sldt %ax
        SHOW " ", %eax
        movl $-1, %eax
        sldtl %eax
        SHOW " ", %eax
        movl $-1, %eax
        str %ax
        SHOW " ", %eax
        movl $-1, %eax
        strl %eax
        SHOW " ", %eax
        movl $-1, word
        str word
        SHOW " ", word
        ENDTRY
        TRY "smsw"
        movl $-1, %eax
        smsww %ax
        SHOW " ", %eax
        movl $-1, word
        smsw word
        SHOW " ", word
        ENDTRY
        TRY "lmsw cannot clear pe"
        movw $0x0E, %ax
        lmsw %ax
        movl %cr0, %eax
        andl $0xF, %eax
        SHOW " ", %eax
        movw $0, %ax
        lmsw %ax
        movl %cr0, %eax
        andl $0xF, %eax
        SHOW " ", %eax
        ENDTRY
        ret

user_table:
        NEWLINE
        call table
        int $0x80

arpl_case:
        arpl %bx, %ax
        setz %cl
        movzwl %ax, %eax
        movzbl %cl, %ecx
        pushl %ecx
        SHOW " ", %eax
        popl %ecx
        SHOW "/", %ecx
        ret

/* a line for each selector: LAR, LSL, VERR, VERW; what ZF = 0 leaves unchanged shows as EEEEEEEE */
table:  xorl %esi, %esi
1:      movzwl list(, %esi, 2), %ebx
        pushl %ebx
        call hex16
        addl $4, %esp
        movl $0xEEEEEEEE, %eax
        lar %bx, %eax
        setz %dl
        movzbl %dl, %edx
        andl $0xFFF0FFFF, %eax          /* bits 16-19 are undefined */
        pushl %edx
        SHOW " lar ", %eax
        popl %edx
        SHOW "/", %edx
        movl $0xEEEEEEEE, %eax
        lsl %bx, %eax
        setz %dl
        movzbl %dl, %edx
        pushl %edx
        SHOW " lsl ", %eax
        popl %edx
        SHOW "/", %edx
        verr %bx
        setz %dl
        movzbl %dl, %edx
        SHOW " verr ", %edx
        verw %bx
        setz %dl
        movzbl %dl, %edx
        SHOW " verw ", %edx
        movl $0xEEEE, %eax
        lar %bx, %ax
        SHOW " lar16 ", %eax
        NEWLINE
        incl %esi
        cmpl $N, %esi
        jb 1b
        ret

        .data
word:   .long 0
list:   .word 0, 3, SEL_CODE0, SEL_CODE0 | 3, SEL_DATA0, SEL_DATA0 | 3, SEL_CODE3, SEL_CODE3 & ~3, SEL_DATA3, SEL_TSS, SEL_CONF0
        .word SEL_CONF0 | 3, SEL_DATA_NP, SEL_CODE_NP, SEL_DOWN, SEL_SMALL, SEL_XONLY, SEL_RODATA, SEL_LDT, SEL_TSS2, SEL_TSS16
        .word SEL_TASKGATE, SEL_TASKGATE | 3, SEL_TSS_NP, SEL_CODE16, SEL_DATA16, SEL_CODE1, SEL_CODE1 | 1, SEL_DATA1, SEL_GATE_NP
        .word SEL_GATE_D0, SEL_BUSY, GDT_END, 0xFFF8, 0x04, 0x0C, 0x0F, 0x17, 0x14, 0x1C, 0x24
list_end:
