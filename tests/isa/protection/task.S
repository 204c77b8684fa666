/* Hardware task switches: JMP, CALL, task gates, IRET with NT, 16- and 32-bit TSS (SDM 3A ch. 7). */
#include "kernel.inc"

        .macro BUSY text, sel
        PRINT " \text="
        movzbl gdt + \sel + 5, %eax
        pushl %eax
        call hex16
        addl $4, %esp
        .endm

        .macro NEWTASK where             /* tss2 fresh: ring 0, interrupts off */
        movl $\where, %eax
        call fresh
        .endm

main:   NEWTASK task_shows
        TRY "call tss"
        movl $0x11111111, %ebx
        lcall $SEL_TSS2, $0
        SHOW " resumed ebx ", %ebx
        call show_state
        ENDTRY
        TRY "call tss again: it goes on after its iret"
        lcall $SEL_TSS2, $0
        call show_state
        ENDTRY
        NEWTASK task_shows
        TRY "call through task gate"
        lcall $SEL_TASKGATE, $0
        call show_state
        ENDTRY
        NEWTASK task_jumps_back
        TRY "jmp tss and back"
        ljmp $SEL_TSS2, $0
        call show_state
        ENDTRY
        NEWTASK task_jumps_back
        TRY "jmp task gate and back"
        ljmp $SEL_TASKGATE, $0
        call show_state
        ENDTRY
        NEWTASK task_shows
        movw $0x8500, idt + 0x81 * 8 + 4
        movw $SEL_TSS2, idt + 0x81 * 8 + 2
        TRY "int through task gate"
        int $0x81
        call show_state
        ENDTRY
        /* #GP through a task gate: error code on the new stack */
        NEWTASK task_error
        movl idt + 13 * 8, %eax
        movl %eax, saved_gate
        movl idt + 13 * 8 + 4, %eax
        movl %eax, saved_gate + 4
        movw $0x8500, idt + 13 * 8 + 4
        movw $SEL_TSS2, idt + 13 * 8 + 2
        TRY "#gp through task gate"
        movl $SEL_CODE0, %eax
        movl %eax, %ss
after_gp:
        call show_state
        ENDTRY
        movl saved_gate, %eax
        movl %eax, idt + 13 * 8
        movl saved_gate + 4, %eax
        movl %eax, idt + 13 * 8 + 4
        /* to ring 3 in the new task */
        NEWTASK task_ring3
        movl $SEL_CODE3, tss2 + 0x4C
        movl $SEL_DATA3, tss2 + 0x50
        movl $SEL_DATA3, tss2 + 0x48
        movl $SEL_DATA3, tss2 + 0x54
        movl $user_top, tss2 + 0x38
        movl $0x3002, tss2 + 0x24
        movl $ring0_top, tss2 + 4
        movl $SEL_DATA0, tss2 + 8
        TRY "task at ring 3"
        lcall $SEL_TSS2, $0
        call show_state
        ENDTRY
        call back_to_main_task
        /* LDT of the new task */
        NEWTASK task_ldt
        movl $SEL_LDT, tss2 + 0x60
        movl $0x0C, tss2 + 0x54
        TRY "task with an ldt"
        lcall $SEL_TSS2, $0
        call show_state
        ENDTRY
        /* 16-bit TSS */
        call fresh16
        TRY "call 16-bit tss"
        lcall $SEL_TSS16, $0
        call show_state
        ENDTRY
        /* faults before the switch */
        TRY "call busy tss"
        lcall $SEL_BUSY, $0
        ENDTRY
        TRY "call own tss"
        lcall $SEL_TSS, $0
        ENDTRY
        TRY "call tss not present"
        lcall $SEL_TSS_NP, $0
        ENDTRY
        movw $0x60, gdt + SEL_TSS3
        TRY "call tss too small"
        lcall $SEL_TSS3, $0
        ENDTRY
        movw $0x67, gdt + SEL_TSS3
        TRY "call tss from ring 3, dpl 0"
        USER user_calls_tss
        ENDTRY
        TRY "jmp task gate dpl 3 from ring 3 (goes to tss dpl 0)"
        NEWTASK task_shows
        USER user_calls_gate
        ENDTRY
        call back_to_main_task
        TRY "iret with NT, link null"
        movw $0, tss
        pushfl
        orl $0x4000, (%esp)
        popfl
        iretl
        ENDTRY
        TRY "iret with NT, link not busy"
        NEWTASK task_shows
        movw $SEL_TSS2, tss
        pushfl
        orl $0x4000, (%esp)
        popfl
        iretl
        ENDTRY
        /* faults in the new task: the handlers are a task of their own, since the new one may have no stack */
        movl $1, mask_ext
        movw $0x8500, idt + 10 * 8 + 4
        movw $SEL_TSS3, idt + 10 * 8 + 2
        movw $0x8500, idt + 11 * 8 + 4
        movw $SEL_TSS3, idt + 11 * 8 + 2
        movw $0x8500, idt + 12 * 8 + 4
        movw $SEL_TSS3, idt + 12 * 8 + 2
        movl $fault_task, tss3 + 0x20
        movl $2, tss3 + 0x24
        movl $ring1_top, tss3 + 0x38
        movl $SEL_DATA0, tss3 + 0x48
        movl $SEL_CODE0, tss3 + 0x4C
        movl $SEL_DATA0, tss3 + 0x50
        movl $SEL_DATA0, tss3 + 0x54
        movl $104 << 16, tss3 + 0x64
        NEWTASK task_shows
        movl $SEL_DATA0, tss2 + 0x4C
        TRY "new cs is data"
        lcall $SEL_TSS2, $0
        ENDTRY
        NEWTASK task_shows
        movl $SEL_CODE_NP, tss2 + 0x4C
        TRY "new cs not present"
        lcall $SEL_TSS2, $0
        ENDTRY
        NEWTASK task_shows
        movl $0, tss2 + 0x4C
        TRY "new cs null"
        lcall $SEL_TSS2, $0
        ENDTRY
        NEWTASK task_shows
        movl $SEL_CODE0 | 3, tss2 + 0x4C
        TRY "new cs rpl 3 of dpl 0"
        lcall $SEL_TSS2, $0
        ENDTRY
        NEWTASK task_shows
        movl $0, tss2 + 0x50
        TRY "new ss null"
        lcall $SEL_TSS2, $0
        ENDTRY
        NEWTASK task_shows
        movl $SEL_CODE0, tss2 + 0x50
        TRY "new ss is code"
        lcall $SEL_TSS2, $0
        ENDTRY
        NEWTASK task_shows
        movl $SEL_DATA3, tss2 + 0x50
        TRY "new ss of ring 3"
        lcall $SEL_TSS2, $0
        ENDTRY
        NEWTASK task_shows
        movl $SEL_DATA_NP, tss2 + 0x50
        TRY "new ss not present"
        lcall $SEL_TSS2, $0
        ENDTRY
        NEWTASK task_shows
        movl $SEL_DATA_NP, tss2 + 0x54
        TRY "new ds not present"
        lcall $SEL_TSS2, $0
        ENDTRY
        NEWTASK task_shows
        movl $SEL_XONLY, tss2 + 0x48
        TRY "new es is code, execute-only"
        lcall $SEL_TSS2, $0
        ENDTRY
        NEWTASK task_shows
        movl $GDT_END, tss2 + 0x58
        TRY "new fs beyond gdt"
        lcall $SEL_TSS2, $0
        ENDTRY
        NEWTASK task_shows
        movl $SEL_TSS, tss2 + 0x5C
        TRY "new gs is a tss"
        lcall $SEL_TSS2, $0
        ENDTRY
        NEWTASK task_shows
        movl $SEL_DATA0, tss2 + 0x60
        TRY "new ldt is data"
        lcall $SEL_TSS2, $0
        ENDTRY
        NEWTASK task_shows
        movl $0x0C, tss2 + 0x60
        TRY "new ldt in the ldt"
        lcall $SEL_TSS2, $0
        ENDTRY
        NEWTASK task_shows
        movl $GDT_END, tss2 + 0x60
        TRY "new ldt beyond gdt"
        lcall $SEL_TSS2, $0
        ENDTRY
        ret

/* The harness resumes in the task that had the exception: go back to the first one by a jump. */
back_to_main_task:
        str %ax
        cmpw $SEL_TSS, %ax
        je 1f
        andb $~2, gdt + SEL_TSS + 5
        ljmp $SEL_TSS, $0
1:      ret

fault_task:
        popl %eax
        andl $~1, %eax
        SHOW " [error ", %eax
        movzwl tss3, %eax
        SHOW " link ", %eax
        movzwl tss2 + 0x4C, %eax
        SHOW " cs ", %eax
        BUSY "main", SEL_TSS
        BUSY "tss2", SEL_TSS2
        BUSY "tss3", SEL_TSS3
        PRINT "]"
        andb $~2, gdt + SEL_TSS + 5
        andb $~2, gdt + SEL_TSS2 + 5
        movl $ring1_top, %esp
        ljmp $SEL_TSS, $0
        jmp fault_task

fresh:  pushl %eax
        pushl %edi
        pushl %ecx
        movl $tss2, %edi
        xorl %eax, %eax
        movl $26, %ecx
        rep stosl
        popl %ecx
        popl %edi
        popl %eax
        movl %eax, tss2 + 0x20
        movl $2, tss2 + 0x24
        movl $0xA0A0A0A0, tss2 + 0x28
        movl $0xB0B0B0B0, tss2 + 0x34
        movl $task_top, tss2 + 0x38
        movl $SEL_DATA0, tss2 + 0x48
        movl $SEL_CODE0, tss2 + 0x4C
        movl $SEL_DATA0, tss2 + 0x50
        movl $SEL_DATA0, tss2 + 0x54
        movl $104 << 16, tss2 + 0x64
        andb $~2, gdt + SEL_TSS2 + 5
        ret

fresh16:
        movl $task16, %eax
        andl $0xFFFF, %eax
        movw %ax, tss16 + 0x0E
        movw $2, tss16 + 0x10
        movw $0x1616, tss16 + 0x12
        movl $task_top, %eax
        andl $0xFFFF, %eax
        movw %ax, tss16 + 0x1A
        movw $SEL_DATA16, tss16 + 0x22
        movw $SEL_CODE16, tss16 + 0x24
        movw $SEL_DATA16, tss16 + 0x26
        movw $SEL_DATA16, tss16 + 0x28
        movw $0, tss16 + 0x2A
        andb $~2, gdt + SEL_TSS16 + 5
        ret

show_state:
        BUSY "main", SEL_TSS
        BUSY "tss2", SEL_TSS2
        PRINT " tr="
        str %ax
        movzwl %ax, %eax
        pushl %eax
        call hex16
        addl $4, %esp
        movl %cr0, %eax
        andl $8, %eax
        SHOW " ts=", %eax
        clts
        pushfl
        popl %eax
        andl $0x4000, %eax
        SHOW " nt=", %eax
        ret

/* ---- what the other task runs ---- */
task_shows:
        pushfl
        popl %edx
        andl $~0x8D5, %edx              /* QEMU leaves stale arithmetic flags behind */
        SHOW " [task eax ", %eax
        movl %edx, %eax
        SHOW " fl ", %eax
        movzwl tss2, %eax
        SHOW " link ", %eax
        movl %cr0, %eax
        andl $8, %eax
        SHOW " ts ", %eax
        BUSY "main", SEL_TSS
        BUSY "tss2", SEL_TSS2
        PRINT "]"
        iretl
        PRINT " [again]"
        iretl
task_jumps_back:
        pushfl
        popl %edx
        andl $~0x8D5, %edx
        SHOW " [jumped fl ", %edx
        BUSY "main", SEL_TSS
        BUSY "tss2", SEL_TSS2
        PRINT "]"
        ljmp $SEL_TSS, $0
task_error:
        popl %edx
        SHOW " [error ", %edx
        movl tss + 0x20, %eax
        subl try_eip, %eax
        SHOW " eip +", %eax
        movl $after_gp, tss + 0x20
        PRINT "]"
        iretl
task_ring3:
        movl %cs, %eax
        SHOW " [cs ", %eax
        movl %ss, %eax
        SHOW " ss ", %eax
        PRINT "]"
        int $0x80
task_ldt:
        sldt %ax
        movzwl %ax, %eax
        SHOW " [ldt ", %eax
        movl %ds, %eax
        SHOW " ds ", %eax
        movl try_eip, %eax
        PRINT "]"
        iretl
user_calls_tss:
        lcall $SEL_TSS2, $0
user_calls_gate:
        lcall $SEL_TASKGATE, $0
        int $0x80
        .code16
task16: movw %ax, %bx
        addr32 movw %ax, seen16 - 0x100000
        pushfw
        popw %ax
        addr32 movw %ax, seen16 - 0x100000 + 2
        iretw
        .code32

        .data
saved_gate: .long 0, 0
seen16: .long 0
