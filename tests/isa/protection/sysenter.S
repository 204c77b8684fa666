/* SYSENTER and SYSEXIT (SDM 2B). */
#include "kernel.inc"

        .macro MSR n, value
        movl $\n, %ecx
        movl $\value, %eax
        xorl %edx, %edx
        wrmsr
        .endm

main:   MSR 0x174, 0
        TRY "sysenter with cs msr 0"
        USER user_enter
        ENDTRY
        TRY "sysexit with cs msr 0"
        sysexit
        ENDTRY
        /* the four segments in the order SYSENTER wants them start at SEL_CODE0 */
        MSR 0x174, SEL_CODE0
        MSR 0x175, ring0_top
        MSR 0x176, entered
        TRY "sysenter from ring 3"
        USER user_enter
        ENDTRY
        TRY "sysenter from ring 0"
        movl $1f, %edx
        sysenter
1:      int $0x80
        ENDTRY
        TRY "sysexit at ring 3"
        USER user_exit
        ENDTRY
        TRY "rdmsr of what was written"
        movl $0x174, %ecx
        rdmsr
        SHOW " ", %eax
        SHOW " ", %edx
        ENDTRY
        TRY "wrmsr at ring 3"
        USER user_wrmsr
        ENDTRY
        ret

user_enter:
        movl $after_enter, %edx
        movl %esp, %ecx
        movl $0, %ebx
        sysenter
after_enter:
        movl $SEL_DATA3, %eax
        movl %eax, %ds
        movl %cs, %eax
        SHOW " back cs ", %eax
        movl %ss, %eax
        SHOW " ss ", %eax
        movl %esp, %eax
        subl $user_top, %eax
        SHOW " esp ", %eax
        int $0x80
user_exit:
        sysexit
user_wrmsr:
        wrmsr
entered:
        movl $SEL_DATA0, %eax
        movl %eax, %ds
        movl %edx, saved
        movl %ecx, saved + 4
        movl %cs, %eax
        SHOW " in cs ", %eax
        movl %ss, %eax
        SHOW " ss ", %eax
        movl %esp, %eax
        subl $ring0_top, %eax
        SHOW " esp ", %eax
        pushfl
        popl %eax
        andl $0x20200, %eax
        SHOW " if/vm ", %eax
        movl saved, %edx
        movl saved + 4, %ecx
        cmpl $after_enter, %edx
        jne 2f
        sysexit
2:      jmp *%edx

        .data
saved:  .long 0, 0
