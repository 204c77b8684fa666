/* TF, RF and the debug registers against each other: which traps come, in what order, and what DR6 says (SDM 3A ch. 17, 6.9). */
#include "kernel.inc"

        .macro BREAK n, address, dr7
        movl $\address, %eax
        movl %eax, %db\n
        movl $\dr7, %eax
        movl %eax, %db7
        .endm

        .macro QUIET
        pushl $2
        popfl
        xorl %eax, %eax
        movl %eax, %db7
        movl $0xFFFF0FF0, %eax
        movl %eax, %db6
        .endm

        .macro IGATE vector, target, access
        movl $\target, %eax
        movw %ax, idt + \vector * 8
        movw $SEL_CODE0, idt + \vector * 8 + 2
        movw $(\access << 8), idt + \vector * 8 + 4
        shrl $16, %eax
        movw %ax, idt + \vector * 8 + 6
        .endm

main:   IGATE 1, note, 0x8E             /* #DB notes and goes on; lists are printed at the end of each case */
        IGATE 0x82, back, 0xEE
        QUIET
        TRY "single-step over int n: nothing until the handler is back"
        call arm
        int $0x82
        nop
        call list
        ENDTRY
        QUIET
        TRY "tf across a faulting instruction"

        IGATE 6, skips, 0x8E
        call arm
        ud2
        nop
        call list
        ENDTRY
        QUIET
        TRY "popf that clears tf still traps"
        call arm
        pushl $2
        popfl
        nop
        call list
        ENDTRY
        QUIET
        TRY "rep movsb traps after each iteration"
        movl $3, %ecx
        movl $buffer, %esi
        movl $buffer + 8, %edi
        call arm
        rep movsb
        call list
        ENDTRY
        QUIET
        TRY "mov ss holds the trap for one instruction"
        movl $SEL_DATA0, %eax
        call arm
        movl %eax, %ss
        nop
        call list
        ENDTRY
        QUIET
        TRY "pop ss too"
        pushl $SEL_DATA0
        call arm
        popl %ss
        nop
        call list
        ENDTRY
        QUIET
        TRY "sti does not"
        call arm
        sti
        cli
        call list
        ENDTRY
        QUIET
        BREAK 0, b1, 0x402
        TRY "code breakpoint, passed by the handler with rf"
        movl $1, set_rf
b1:     nop
        call list
        ENDTRY
        QUIET
        BREAK 0, b2, 0x402
        TRY "trap of the instruction before, then the breakpoint"
        movl $1, set_rf
        call arm
        nop
b2:     nop
        call list
        ENDTRY
        QUIET
        BREAK 0, b3, 0x402
        TRY "breakpoint on rep: once"
        movl $1, set_rf
        movl $3, %ecx
        movl $buffer, %edi
b3:     rep stosb
        call list
        SHOW " ecx ", %ecx
        ENDTRY
        QUIET
        BREAK 0, b4, 0x402
        TRY "breakpoint after mov ss is not taken"
        movl $1, set_rf
        movl $SEL_DATA0, %eax
        movl %eax, %ss
b4:     nop
        call list
        ENDTRY
        QUIET
        BREAK 0, b5, 0x402
        TRY "popf does not set rf"
        movl $1, set_rf
        pushl $0x10002
        popfl
b5:     nop
        call list
        ENDTRY
        QUIET
        BREAK 0, b6, 0x402
        TRY "iret does, for one instruction"
        movl $1, set_rf
        pushl $0x10002
        pushl $SEL_CODE0
        pushl $b6
        iretl
b6:     nop
        call list
        ENDTRY
        QUIET
        BREAK 0, b7+1, 0x402
        TRY "breakpoint on the second byte of an instruction"
b7:     movl $0x90909090, %eax
        call list
        ENDTRY
        QUIET
        BREAK 0, b8, 0x000D0402
        TRY "an execution breakpoint has length 1: data kinds do not match the fetch"
b8:     nop
        call list
        ENDTRY
        QUIET
        movl $b9, %eax
        movl %eax, %db0
        movl %eax, %db1
        movl $0x40A, %eax
        movl %eax, %db7
        TRY "two breakpoints at one address"
        movl $1, set_rf
b9:     nop
        call list
        ENDTRY
        QUIET
        movl $b10, %eax
        movl %eax, %db0
        movl %eax, %db1
        movl $0x402, %eax
        movl %eax, %db7
        TRY "one of them disabled"
        movl $1, set_rf
b10:    nop
        call list
        ENDTRY
        QUIET
        BREAK 1, buffer, 0x00D00408
        TRY "data breakpoint and single step together"
        call arm
        movl $1, buffer
        nop
        call list
        ENDTRY
        QUIET
        BREAK 1, buffer+2, 0x00D00408
        TRY "misaligned address is rounded to the length"
        movb $1, buffer
        nop
        call list
        ENDTRY
        QUIET
        BREAK 1, buffer+4, 0x00D00408
        TRY "rep movsl: the iteration that hits"
        movl $4, %ecx
        movl $buffer + 16, %esi
        movl $buffer, %edi
        rep movsl
        call list
        ENDTRY
        QUIET
        BREAK 1, buffer, 0x00F00408
        TRY "read-modify-write"
        incl buffer
        nop
        call list
        ENDTRY
        QUIET
        BREAK 1, buffer, 0x00F00408
        TRY "an access that faults does not count"
        movl $SEL_SMALL, %eax
        movl %eax, %fs
        IGATE 13, skips7, 0x8E
        movw %fs:0xFFFF, %ax
        nop
        call list
        ENDTRY
        QUIET
        BREAK 1, buffer, 0x00D00408
        TRY "mov ss does not hold a data breakpoint of the next instruction"
        movl $SEL_DATA0, %eax
        movl %eax, %ss
        movl $1, buffer
        nop
        call list
        ENDTRY
        QUIET
        BREAK 1, selector, 0x00F00408
        TRY "data breakpoint of mov ss itself comes after the next"
        movw selector, %ss
        nop
        nop
        call list
        ENDTRY
        QUIET
        movl %cr4, %eax
        orl $8, %eax
        movl %eax, %cr4
        QUIET
        BREAK 0, 0xE2, 0x000E0402
        TRY "I/O breakpoint, dword port range, byte access"
        inb $0xE1, %al
        outb %al, $0xE3
        call list
        ENDTRY
        QUIET
        BREAK 0, 0xE4, 0x00020402
        TRY "I/O breakpoint, access across"
        inl $0xE2, %eax
        nop
        call list
        ENDTRY
        QUIET
        movl %cr4, %eax
        andl $~8, %eax
        movl %eax, %cr4
        BREAK 0, 0xE2, 0x000E0402
        TRY "I/O breakpoint without CR4.DE"
        inb $0xE1, %al
        call list
        ENDTRY
        QUIET
        BREAK 0, b11, 0x401
        TRY "a task switch clears the local enables"
        call switch_over
        movl %db7, %eax
        SHOW " dr7 ", %eax
        ENDTRY
b11:    QUIET
        BREAK 0, b11, 0x402
        TRY "and keeps the global ones"
        call switch_over
        movl %db7, %eax
        SHOW " dr7 ", %eax
        ENDTRY
        QUIET
        movl $0xFFFFFFFF, %eax
        movl %eax, %db6
        movl %db6, %ecx
        SHOW "dr6 all ones ", %ecx
        xorl %eax, %eax
        movl %eax, %db6
        movl %db6, %ecx
        SHOW " zeros ", %ecx
        xorl %eax, %eax
        movl %eax, %db7
        movl %db7, %ecx
        SHOW " dr7 zeros ", %ecx
        NEWLINE
        ret

arm:    pushfl                          /* TF set: the first trap comes after the caller's next instruction */
        movl $0, count
        popl %ebx
        orl $0x100, %ebx
        xchgl %ebx, (%esp)              /* flags below, return address in EBX */
        pushl %cs
        pushl %ebx
        iretl

back:   iretl

note:   pushl %eax
        pushl %ebx
        movl count, %ebx
        cmpl $7, %ebx
        ja 1f
        movl 8(%esp), %eax
        subl try_eip, %eax
        cmpl $0x80, %eax
        ja 1f                           /* on the way through `list` */
        movl %eax, eips(, %ebx, 4)
        movl %db6, %eax
        movl %eax, statuses(, %ebx, 4)
        incl count
1:      movl $0xFFFF0FF0, %eax
        movl %eax, %db6
        cmpl $0, set_rf
        je 2f
        orl $0x10000, 16(%esp)
2:      cmpl $8, count
        jb 3f
        andl $~0x100, 16(%esp)
3:      popl %ebx
        popl %eax
        iretl
skips:  addl $2, (%esp)
        iretl
skips7: addl $4, %esp
        addl $8, (%esp)
        iretl

list:   pushfl
        andl $~0x100, (%esp)
        popfl
        pushl %eax
        pushl %ebx
        xorl %ebx, %ebx
        xorl %eax, %eax
        movl %eax, %db7
1:      cmpl %ebx, count
        jbe 2f
        SHOW " +", "eips(, %ebx, 4)"
        SHOW "/", "statuses(, %ebx, 4)"
        incl %ebx
        jmp 1b
2:      movl $0, count
        movl $0, set_rf
        popl %ebx
        popl %eax
        ret

switch_over:
        movl $task, tss2 + 0x20
        movl $2, tss2 + 0x24
        movl $task_top, tss2 + 0x38
        movl $SEL_DATA0, tss2 + 0x48
        movl $SEL_CODE0, tss2 + 0x4C
        movl $SEL_DATA0, tss2 + 0x50
        movl $SEL_DATA0, tss2 + 0x54
        movl $104 << 16, tss2 + 0x64
        andb $~2, gdt + SEL_TSS2 + 5
        lcall $SEL_TSS2, $0
        ret
task:   iretl

        .data
        .align 8
buffer: .long 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
selector: .long SEL_DATA0
set_rf: .long 0
count:  .long 0
eips:   .skip 32
statuses: .skip 32
        .text
