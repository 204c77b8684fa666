/* SMEP, SMAP, UMIP, PCID and INVPCID (SDM 3A 4.6, 4.10; SDM 2A "INVPCID"). */
#include "kernel64.inc"

        .set VIRT, 0x40000000           /* a page of our own: pt entry 0 */
        .macro MAP entry
        movq $\entry, pt
        invlpg VIRT
        .endm
        .macro CR4ON bit
        movq %cr4, %rax
        btsq $\bit, %rax
        movq %rax, %cr4
        .endm
        .macro CR4OFF bit
        movq %cr4, %rax
        btrq $\bit, %rax
        movq %rax, %cr4
        .endm

main:   movq $pdx + 7, pdpt + 8
        movq $pt + 7, pdx
        movq $page, %rbx
        movb $0xC3, (%rbx)
        movq $0x1111, 8(%rbx)
        movq $page2, %rbx
        movq $0x2222, 8(%rbx)
here:   /* identity pages become the supervisor's, but the stack and data of user code */
        movq $0x83, pd
        movq %cr3, %rax
        movq %rax, %cr3
        MAP page + 7
        TRY "user page, no protection"
        SHOW " ", VIRT + 8
        call VIRT
        ENDTRY
        CR4ON 20
        TRY "smep: fetch of a user page"
        movq $VIRT, %rax
        movq %rax, try_rip
        jmp *%rax
        ENDTRY
        TRY "smep: data of a user page"
        SHOW " ", VIRT + 8
        ENDTRY
        MAP page + 3
        TRY "smep: supervisor page"
        call VIRT
        ENDTRY
        CR4OFF 20
        CR4ON 21
        MAP page + 7
        TRY "smap: read"
        movq VIRT + 8, %rax
        ENDTRY
        TRY "smap: write"
        movq %rax, VIRT + 8
        ENDTRY
        TRY "smap: stac"
        stac
        SHOW " ", VIRT + 8
        movq $0x3333, VIRT + 8
        clac
        ENDTRY
        TRY "smap: clac again"
        stac
        movq VIRT + 8, %rax
        clac
        movq VIRT + 8, %rax
        ENDTRY
        TRY "smap: ac by popf"
        pushq $0x40002
        popfq
        SHOW " ", VIRT + 8
        pushq $2
        popfq
        movq VIRT + 8, %rax
        ENDTRY
        TRY "smap: rep movs under stac, then not"
        stac
        movq $VIRT, %rsi
        movq $scratch, %rdi
        movl $16, %ecx
        rep movsb
        clac
        movq $VIRT, %rsi
        movl $16, %ecx
        rep movsb
        ENDTRY
        TRY "smap: lgdt from a user page"
        lgdt VIRT
        ENDTRY
        TRY "smap: interrupt clears nothing, iret restores"
        GATE 0x82, SEL_CODE0, try_read, 0x8E
        stac
        int $0x82
        movq VIRT + 8, %rax
        clac
        ENDTRY
        TRY "smap: supervisor page"
        MAP page + 3
        SHOW " ", VIRT + 8
        ENDTRY
        CR4OFF 21
        TRY "stac without smap"
        stac
        clac
        ENDTRY
        /* user code needs its pages again */
        movq $0x87, pd
        movq %cr3, %rax
        movq %rax, %cr3
        TRY "stac from ring 3"
        USER user_stac
        ENDTRY
        CR4ON 11
        TRY "umip: sgdt from ring 3"
        USER user_sgdt
        ENDTRY
        TRY "umip: sldt from ring 3"
        USER user_sldt
        ENDTRY
        TRY "umip: smsw from ring 3"
        USER user_smsw
        ENDTRY
        TRY "umip: str from ring 3"
        USER user_str
        ENDTRY
        TRY "umip: ring 0 may"
        str %eax
        SHOW16 " ", %rax
        ENDTRY
        CR4OFF 11
        TRY "sgdt from ring 3 without umip"
        USER user_sgdt
        ENDTRY
        CR4ON 7
        TRY "invlpg"
        MAP page + 7
        movq VIRT + 8, %rbx
        movq $page2 + 7, pt
        invlpg VIRT
        SHOW " ", VIRT + 8
        ENDTRY
        TRY "global page survives cr3, not invlpg"
        movq $page + 0x107, pt
        invlpg VIRT
        movq VIRT + 8, %rbx
        movq %cr3, %rax
        movq %rax, %cr3
        movq $page2 + 0x107, pt
        invlpg VIRT
        SHOW " ", VIRT + 8
        ENDTRY
        TRY "2 mib page is dropped whole by invlpg"
        movq $0x87, pdx
        movq VIRT + 0x1000, %rax
        movq VIRT + 0x100000, %rax
        movq $pt + 7, pdx
        movq $page + 7, pt
        movq $page2 + 7, pt + 8
        invlpg VIRT + 0x1ff000
        SHOW " ", VIRT + 8
        SHOW " ", VIRT + 0x1008
        ENDTRY
        ret

try_read:
        movq VIRT + 8, %rbx
        SHOW " ", %rbx
        iretq
user_stac: stac
user_sgdt: sgdt scratch
        int $0x80
user_sldt: sldt %eax
        int $0x80
user_smsw: smsw %eax
        int $0x80
user_str: str %eax
        int $0x80
        .bss
        .align 4096
pdx:    .skip 4096
pt:     .skip 4096
page:   .skip 4096
page2:  .skip 4096
        .text
