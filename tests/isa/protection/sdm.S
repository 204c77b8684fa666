/* What QEMU TCG does not check: segment limits and types at use, EXT, RF, general detect, alignment, VME.
   The expected output is from the SDM, case by case; see the paragraphs named. */
#include "kernel.inc"

        .macro GATE slot, sel, target, access, count
        movl $\target, %eax
        movw %ax, gdt + \slot
        movw $\sel, gdt + \slot + 2
        movw $(\access << 8 | \count), gdt + \slot + 4
        shrl $16, %eax
        movw %ax, gdt + \slot + 6
        .endm

        .macro FS sel
        movl $\sel, %eax
        movl %eax, %fs
        .endm

main:   /* 3A 5.3: limits */
        FS SEL_SMALL
        TRY "last byte of a small segment"
        movb %fs:0xFFF, %al
        ENDTRY
        FS SEL_SMALL
        TRY "byte beyond it"
        movb %fs:0x1000, %al
        ENDTRY
        FS SEL_SMALL
        TRY "dword half beyond it"
        movl %fs:0xFFE, %eax
        ENDTRY
        FS SEL_DOWN
        TRY "expand-down, below its limit"
        movb %fs:0xFFFFFF, %al
        ENDTRY
        FS SEL_DOWN
        TRY "expand-down, first valid byte"
        movb %fs:0x1000000, %al
        ENDTRY
        FS SEL_DOWN
        TRY "expand-down, across its limit"
        movl %fs:0xFFFFFE, %eax
        ENDTRY
        /* 3A 5.5: types */
        FS SEL_RODATA
        TRY "write to read-only data"
        movb $0, %fs:buffer
        ENDTRY
        FS SEL_RODATA
        TRY "read of read-only data"
        movb %fs:buffer, %al
        ENDTRY
        FS SEL_CODE0
        TRY "read of readable code"
        movb %fs:buffer, %al
        ENDTRY
        FS SEL_CODE0
        TRY "write to code"
        movb $0, %fs:buffer
        ENDTRY
        FS 0
        TRY "read through null"
        movb %fs:buffer, %al
        ENDTRY
        ljmp $SEL_XONLY, $1f
1:      TRY "read of execute-only code by cs"
        movb %cs:buffer, %al
        ENDTRY
        ljmp $SEL_CODE0, $1f
1:      TRY "stack access beyond the limit"
        movl $SEL_SMALL, %eax
        movl %eax, %ss
        movl $0xFF0, %esp
        movl 0x20(%esp), %eax
        ENDTRY
        TRY "jump beyond the limit of cs"
        ljmp $SEL_CODE16, $0x10000
        ENDTRY
        TRY "ltr null"
        xorl %eax, %eax
        ltr %ax
        ENDTRY
        /* 3A 5.8: gates */
        GATE SEL_GATE, SEL_CONF0, conforming, 0xEC, 0
        TRY "call gate to conforming code keeps cpl and rpl 3"
        USER user_call
        ENDTRY
        GATE SEL_GATE, SEL_CODE1, conforming, 0xEC, 0
        andb $0x7F, gdt + SEL_DATA1 + 5
        TRY "inner stack not present: #SS"
        USER user_call
        ENDTRY
        orb $0x80, gdt + SEL_DATA1 + 5
        GATE SEL_GATE, SEL_CODE1, 0xFFFFFFFF, 0xEC, 0
        movl $0x1000, tss + 12
        movw $SEL_DATA1S | 1, tss + 16
        TRY "inner stack without room: #SS of the new stack"
        USER user_call
        ENDTRY
        movl $ring1_top, tss + 12
        movw $SEL_DATA1 | 1, tss + 16
        /* 3A 6.13: EXT */
        andb $0x7F, idt + 6 * 8 + 5
        TRY "ud handler not present: ext"
        ud2
        ENDTRY
        orb $0x80, idt + 6 * 8 + 5
        andb $0x7F, idt + 0x90 * 8 + 5
        TRY "int n not present: no ext"
        int $0x90
        ENDTRY
        orb $0x80, idt + 0x90 * 8 + 5
        andb $0x7F, idt + 1 * 8 + 5
        TRY "int1 not present: ext"
        .byte 0xF1
        ENDTRY
        orb $0x80, idt + 1 * 8 + 5
        /* 17.3.1.1: RF is pushed set by faults, clear by traps and interrupts */
        movl $show_rf, hook
        TRY "rf of a fault"
        ud2
        ENDTRY
        TRY "rf of int3"
        int3
        ENDTRY
        TRY "rf of a single-step trap"
        pushl $0x102
        popfl
        nop
        ENDTRY
        movl $bp, %eax
        movl %eax, %db0
        movl $0x402, %eax
        movl %eax, %db7
        TRY "rf of an instruction breakpoint"
bp:     nop
        ENDTRY
        movl $0x400, %eax
        movl %eax, %db7
        TRY "rf of general detect, which clears gd"
        movl $0x2400, %eax
        movl %eax, %db7
        movl %db0, %eax
        ENDTRY
        movl %db7, %eax
        SHOW "   dr7 ", %eax
        NEWLINE
        movl $0, hook
        movl $0xFFFF0FF0, %eax
        movl %eax, %db6
        TRY "int1"
        .byte 0xF1
        ENDTRY
        /* alignment check: ring 3 only */
        movl %cr0, %eax
        orl $0x40000, %eax
        movl %eax, %cr0
        pushl $0x40002
        popfl
        TRY "misaligned at ring 0 with ac"
        movl buffer + 1, %eax
        ENDTRY
        movl $0x43002, user_flags
        TRY "aligned at ring 3 with ac"
        USER user_aligned
        ENDTRY
        TRY "misaligned dword at ring 3 with ac"
        USER user_dword
        ENDTRY
        TRY "misaligned word at ring 3 with ac"
        USER user_word
        ENDTRY
        TRY "misaligned push at ring 3 with ac"
        USER user_push
        ENDTRY
        movl $0x3002, user_flags
        TRY "misaligned at ring 3 without ac"
        USER user_dword
        ENDTRY
        /* 7.2.1: the T flag of a TSS */
        movl $task, tss2 + 0x20
        movl $2, tss2 + 0x24
        movl $task_top, tss2 + 0x38
        movl $SEL_DATA0, tss2 + 0x48
        movl $SEL_CODE0, tss2 + 0x4C
        movl $SEL_DATA0, tss2 + 0x50
        movl $SEL_DATA0, tss2 + 0x54
        movl $104 << 16 | 1, tss2 + 0x64
        TRY "debug trap on a task switch"
        movl $task, try_eip
        lcall $SEL_TSS2, $0
        ENDTRY
        ret

user_call:
        lcall $SEL_GATE, $0
        int $0x80
conforming:
        movl %cs, %eax
        SHOW " cs ", %eax
        int $0x80
user_aligned:
        movl buffer, %eax
        int $0x80
user_dword:
        movl buffer + 2, %eax
        int $0x80
user_word:
        movw buffer + 1, %ax
        int $0x80
user_push:
        movl $user_top - 2, %esp
        pushl $0
        int $0x80
task:   nop
        iretl
show_rf: movl 52(%esp), %eax
        andl $0x10000, %eax
        SHOW " rf ", %eax
        ret

        .data
        .align 8
buffer: .long 0, 0
