/* NMI: delivery with IF clear, blocking until IRET, one kept pending (SDM 3A 6.7).  Sent by the local APIC to itself. */
#include "kernel.inc"

        .set ICR_LOW, 0xFEE00300
        .set ICR_HIGH, 0xFEE00310
        .set SVR, 0xFEE000F0

        .macro NMI
        movl $0x4400, ICR_LOW
        .endm

        .macro GATE2 target
        movl $\target, %eax
        movw %ax, idt + 2 * 8
        shrl $16, %eax
        movw %ax, idt + 2 * 8 + 6
        .endm

main:   movl $0x1FF, SVR
        movl $0, ICR_HIGH
        GATE2 once
        TRY "with interrupts off"
        NMI
        PRINT " after"
        ENDTRY
        GATE2 twice
        TRY "a second one waits for iret"
        movl $2, left
        NMI
        PRINT " after"
        ENDTRY
        TRY "three become two"
        movl $2, left
        movl $1, extra
        NMI
        PRINT " after"
        ENDTRY
        GATE2 breaks
        movl $idle, %eax
        movw %ax, idt + 0x90 * 8
        shrl $16, %eax
        movw %ax, idt + 0x90 * 8 + 6
        TRY "iret of another handler ends the blocking"
        movl $2, left
        NMI
        PRINT " after"
        ENDTRY
        GATE2 once
        TRY "from ring 3"
        USER user_sends
        ENDTRY
        TRY "int 2 does not block"
        int $2
        NMI
        PRINT " after"
        ENDTRY
        GATE2 faults
        TRY "a fault in the handler leaves it blocked"
        NMI
        ENDTRY
        GATE2 once
        NMI
        PRINT "   still blocked"
        NEWLINE
        TRY "until an iret"
        pushfl
        pushl %cs
        pushl $1f
        iretl
1:      PRINT " after"
        ENDTRY
        TRY "halted with interrupts off"
        movl $0x4400, %eax
        NMI
        ENDTRY
        ret

user_sends:
        NMI
        PRINT " after"
        int $0x80

once:   pushl %eax
        movl 8(%esp), %eax
        SHOW " [nmi cs ", %eax
        movl 12(%esp), %eax
        andl $~0x8D5, %eax
        SHOW " fl ", %eax
        PRINT "]"
        popl %eax
        iretl
twice:  PRINT " [in"
        decl left
        jz 1f
        NMI
        cmpl $0, extra
        je 1f
        NMI
1:      PRINT " out]"
        iretl
breaks: PRINT " [in"
        decl left
        jz 1f
        NMI
        PRINT " int"
        int $0x90
1:      PRINT " out]"
        iretl
idle:   iretl
faults: nop
        ud2

        .data
left:   .long 0
extra:  .long 0
        .text
