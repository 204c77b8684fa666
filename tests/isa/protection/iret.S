/* IRET: every check and what it may change of EFLAGS (SDM 2A "IRET"). */
#include "kernel.inc"

        .macro RETURN text, eip, cs, flags, esp=0, ss=0
        TRY "\text"
        pushl $\ss
        pushl $\esp
        pushl $\flags
        pushl $\cs
        pushl $\eip
        iretl
        ENDTRY
        .endm

        .macro FLAGS text, cs, flags, where, esp=0, ss=0
        RETURN "\text", \where, \cs, \flags, \esp, \ss
        .endm

main:   movb $0xF4, 0x20010             /* HLT for the V86 case */
        FLAGS "all flags at ring 0", SEL_CODE0, 0x253ED7, shows_flags
        FLAGS "no flags at ring 0", SEL_CODE0, 0, shows_flags
        FLAGS "to ring 3, iopl 3", SEL_CODE3, 0x3202, shows_flags, user_top, SEL_DATA3
        FLAGS "vm from ring 0 goes to v86", 0x2000, 0x23002, 0x10, 0x100, 0x3000
        TRY "ring 3 iret cannot change iopl and if"
        USER user_flags_try
        ENDTRY
        TRY "ring 3 iret changes ac, id, nt stays a fault"
        USER user_ac
        ENDTRY
        TRY "ring 3 popf cannot change iopl and if"
        movl $0x2, user_flags
        USER user_popf
        ENDTRY
        movl $0x3002, user_flags
        RETURN "null cs", 0x1000, 0, 2
        RETURN "cs is data", 0x1000, SEL_DATA0, 2
        RETURN "cs not present", 0x1000, SEL_CODE_NP, 2
        RETURN "cs rpl 3 of dpl 0", 0x1000, SEL_CODE0 | 3, 2, user_top, SEL_DATA3
        RETURN "cs rpl 0 of dpl 3", 0x1000, SEL_CODE3 & ~3, 2
        RETURN "cs beyond gdt", 0x1000, GDT_END, 2
        RETURN "cs is a tss", 0x1000, SEL_TSS2, 2
        RETURN "cs in the ldt", 0x1000, 0x1C, 2
        RETURN "conforming at ring 0", shows_flags, SEL_CONF0, 2
        RETURN "conforming to ring 3", shows_cs, SEL_CONF0 | 3, 0x3002, user_top, SEL_DATA3
        RETURN "outer ss null", 0x1000, SEL_CODE3, 2, user_top, 0
        RETURN "outer ss of ring 0", 0x1000, SEL_CODE3, 2, user_top, SEL_DATA0
        RETURN "outer ss rpl 0", 0x1000, SEL_CODE3, 2, user_top, SEL_DATA3 & ~3
        RETURN "outer ss is code", 0x1000, SEL_CODE3, 2, user_top, SEL_CODE3
        RETURN "outer ss beyond gdt", 0x1000, SEL_CODE3, 2, user_top, GDT_END | 3
        RETURN "outer ss not present", 0x1000, SEL_CODE3, 2, user_top, SEL_DATA_NP | 3
        TRY "outer return drops ring 0 data segments"
        movl $SEL_DATA0, %eax
        movl %eax, %es
        movl %eax, %fs
        movl $SEL_CONF0, %eax
        movl %eax, %gs
        pushl $SEL_DATA3
        pushl $user_top
        pushl $0x3002
        pushl $SEL_CODE3
        pushl $shows_segments
        iretl
        ENDTRY
        TRY "ring 3 returns to ring 0"
        USER user_iret_in
        ENDTRY
        TRY "popf at ring 0 changes everything but vm, rf, vif, vip"
        pushl $0x1B3ED7 & ~0x100
        popfl
        pushfl
        popl %eax
        pushl $2
        popfl
        SHOW " ", %eax
        ENDTRY
        ret

shows_flags:
        pushfl
        popl %eax
        pushl $0x3002
        popfl
        andl $~0x1A0000, %eax           /* VIF and VIP: QEMU has no VME */
        movl $SEL_DATA3, %ecx
        movl %ecx, %ds
        movl %eax, seen
        movl %cs, %edx
        SHOW " flags ", seen
        SHOW " cs ", %edx
        int $0x80
shows_cs:
        movl $SEL_DATA3, %ecx
        movl %ecx, %ds
        movl %cs, %edx
        SHOW " cs ", %edx
        int $0x80
shows_segments:
        movl %ds, %eax
        movl $SEL_DATA3, %ecx
        movl %ecx, %ds
        SHOW " ds ", %eax
        movl %es, %eax
        SHOW " es ", %eax
        movl %fs, %eax
        SHOW " fs ", %eax
        movl %gs, %eax
        SHOW " gs ", %eax
        int $0x80
user_flags_try:
        pushl $0x0202
        pushl $SEL_CODE3
        pushl $shows_flags
        iretl
user_ac:
        pushl $0x240002
        popfl
        pushfl
        popl %eax
        pushl $2
        popfl
        SHOW " ", %eax
        int $0x80
user_popf:
        pushl $0x3202
        popfl
        hlt
user_iret_in:
        pushl $2
        pushl $SEL_CODE0
        pushl $shows_flags
        iretl

        .data
seen:   .long 0
