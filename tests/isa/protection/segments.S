/* Loads of data and stack segment registers: every kind of descriptor against CPL and RPL (SDM 2B "MOV", 3A 5.5-5.7). */
#include "kernel.inc"

        .macro LOADS text, sel
        TRY "ds \text"
        movl $\sel, %eax
        movl %eax, %ds
        movl $SEL_DATA0, %eax
        movl %eax, %ds
        ENDTRY
        TRY "ss \text"
        movl $\sel, %eax
        movl %eax, %ss
        movl $SEL_DATA0, %eax
        movl %eax, %ss
        ENDTRY
        .endm

        .macro USERLOADS text, sel
        .pushsection .text.user, "ax"
96:     movl $\sel, %eax
        movl %eax, %es
        int $0x80
95:     movl $\sel, %eax
        movl %eax, %ss
        int $0x80
        .popsection
        TRY "ring 3 es \text"
        USER 96b
        ENDTRY
        TRY "ring 3 ss \text"
        USER 95b
        ENDTRY
        .endm

        .macro ACCESSED text, sel
        PRINT "accessed \text "
        movzbl gdt + \sel + 5, %eax
        pushl %eax
        call hex16
        addl $4, %esp
        NEWLINE
        .endm

main:   LOADS "null", 0
        LOADS "null rpl 3", 3
        LOADS "data", SEL_DATA0
        LOADS "data rpl 3", SEL_DATA0 | 3
        LOADS "code", SEL_CODE0
        LOADS "user data", SEL_DATA3
        LOADS "user data rpl 0", SEL_DATA3 & ~3
        LOADS "not present", SEL_DATA_NP
        LOADS "code not present", SEL_CODE_NP
        LOADS "conforming", SEL_CONF0
        LOADS "conforming rpl 3", SEL_CONF0 | 3
        LOADS "execute-only", SEL_XONLY
        LOADS "read-only", SEL_RODATA
        LOADS "expand-down", SEL_DOWN
        LOADS "ldt without ldt", 0x0C
        LOADS "tss", SEL_TSS2
        LOADS "beyond gdt", GDT_END
        LOADS "far beyond", 0xFFF8
        movl $SEL_LDT, %eax
        lldt %ax
        LOADS "ldt data", 0x0C
        LOADS "ldt user", 0x17
        LOADS "ldt code", 0x1C
        LOADS "ldt null index", 0x04
        LOADS "beyond ldt", 0x24
        USERLOADS "data 0", SEL_DATA0
        USERLOADS "data 3", SEL_DATA3
        USERLOADS "data 3 rpl 0", SEL_DATA3 & ~3
        USERLOADS "conforming", SEL_CONF0
        USERLOADS "null", 0
        USERLOADS "code 3", SEL_CODE3
        USERLOADS "not present", SEL_DATA_NP | 3
        TRY "lldt not an ldt"
        movl $SEL_DATA0, %eax
        lldt %ax
        ENDTRY
        TRY "lldt in the ldt"
        movl $0x0C, %eax
        lldt %ax
        ENDTRY
        TRY "ltr busy"
        movl $SEL_BUSY, %eax
        ltr %ax
        ENDTRY
        TRY "ltr not present"
        movl $SEL_TSS_NP, %eax
        ltr %ax
        ENDTRY
        TRY "lss bad keeps esp"
        lss bad_ss, %esp
        ENDTRY
        TRY "pop ds bad"
        pushl $SEL_TSS
        popl %ds
        ENDTRY
        ACCESSED "data", SEL_DATA0
        ACCESSED "np", SEL_DATA_NP
        ACCESSED "conforming", SEL_CONF0
        ACCESSED "execute-only", SEL_XONLY
        ACCESSED "read-only", SEL_RODATA
        ACCESSED "expand-down", SEL_DOWN
        ret

        .data
bad_ss: .long 0x12345678
        .word SEL_CODE0
