/* Single-step, debug registers, DR4/DR5 (SDM 3A ch. 17). */
#include "kernel.inc"

        .macro BREAK n, address, dr7
        movl $\address, %eax
        movl %eax, %db\n
        movl $\dr7, %eax
        movl %eax, %db7
        .endm

        .macro QUIET                    /* disarm; DR6 is sticky */
        xorl %eax, %eax
        movl %eax, %db7
        movl $0xFFFF0FF0, %eax
        movl %eax, %db6
        .endm

main:   movl %db6, %eax
        SHOW "dr6 ", %eax
        movl %db7, %eax
        SHOW " dr7 ", %eax
        NEWLINE
        QUIET
        TRY "trap flag: after the instruction that follows popf"
        pushl $0x102
        popfl
        nop
        nop
        ENDTRY
        QUIET
        TRY "trap flag and a fault"
        pushl $0x102
        popfl
        ud2
        ENDTRY
        QUIET
        TRY "trap flag into ring 3"
        movl $0x3102, user_flags
        USER user_nops
        ENDTRY
        movl $0x3002, user_flags
        QUIET
        TRY "trap flag and a string instruction"
        movl $3, %ecx
        movl $buffer, %edi
        xorl %eax, %eax
        pushl $0x102
        popfl
        rep stosb
        ENDTRY
        SHOW "   ecx ", %ecx
        NEWLINE
        QUIET
        TRY "trap flag and mov ss"
        movl $SEL_DATA0, %ebx
        pushl $0x102
        popfl
        movl %ebx, %ss
        nop
        nop
        ENDTRY
        QUIET
        BREAK 0, exec_here, 0x402
        TRY "instruction breakpoint"
        nop
exec_here:
        nop
        ENDTRY
        QUIET
        BREAK 1, watched, 0x00D0040A & ~2 | 8
        TRY "write breakpoint, dword"
        movl watched, %eax
        movl $1, watched
        nop
        ENDTRY
        QUIET
        BREAK 1, watched, 0x00F00408
        TRY "access breakpoint, read"
        movl watched, %eax
        nop
        ENDTRY
        QUIET
        BREAK 1, watched, 0x00F00408
        TRY "access breakpoint, byte inside"
        movb watched + 3, %al
        nop
        ENDTRY
        QUIET
        BREAK 2, watched, 0x01000420
        TRY "byte breakpoint next to the access"
        movb $1, watched + 1
        movb watched, %al
        nop
        movb $1, watched
        nop
        ENDTRY
        QUIET
        BREAK 3, watched, 0xD0000480
        TRY "push onto a breakpoint"
        movl %esp, saved
        movl $watched + 4, %esp
        pushl $5
        movl saved, %esp
        nop
        ENDTRY
        QUIET
        BREAK 3, watched, 0xD0000400
        TRY "breakpoint not enabled"
        movl $1, watched
        ENDTRY
        QUIET
        TRY "dr4 and dr5 are aliases"
        movl %db4, %eax
        SHOW " ", %eax
        movl %db5, %eax
        SHOW " ", %eax
        ENDTRY
        movl %cr4, %eax
        orl $8, %eax
        movl %eax, %cr4
        TRY "dr4 with CR4.DE"
        movl %db4, %eax
        ENDTRY
        TRY "dr5 write with CR4.DE"
        movl %eax, %db5
        ENDTRY
        BREAK 0, 0xE0, 0x00020402
        TRY "I/O breakpoint"
        inb $0xE0, %al
        nop
        ENDTRY
        QUIET
        TRY "mov dr at ring 3"
        USER user_dr
        ENDTRY
        movl $0x12345678, %eax
        movl %eax, %db0
        movl %db0, %eax
        SHOW "dr0 ", %eax
        movl $0xFFFF03FF, %eax
        movl %eax, %db7
        movl %db7, %ebx
        QUIET
        SHOW " dr7 ", %ebx
        NEWLINE
        ret

user_nops:
        nop
        nop
        nop
user_dr: movl %db0, %eax
        int $0x80

        .data
        .align 8
watched: .long 0, 0
buffer: .long 0, 0
saved:  .long 0
