/* Page faults of the processor's own accesses: stacks, IDT, GDT, LDT, TSS, I/O bitmap, task switches (SDM 3A
   6.12, 6.15 #PF, 7.3).
   All are supervisor accesses, also from ring 3: bit 2 of the error code is clear. */
#include "kernel.inc"

        .macro PAGE label, clear, set
        movl $\label, %eax
        shrl $12, %eax
        andl $~\clear, tables(, %eax, 4)
        orl $\set, tables(, %eax, 4)
        movl %cr3, %eax
        movl %eax, %cr3
        .endm

        .macro IGATE vector, sel, target, access
        movl $\target, %eax
        movw %ax, idt + \vector * 8
        movw $\sel, idt + \vector * 8 + 2
        movw $(\access << 8), idt + \vector * 8 + 4
        shrl $16, %eax
        movw %ax, idt + \vector * 8 + 6
        .endm

        .macro COPY from, to, bytes
        movl $\from, %esi
        movl $\to, %edi
        movl $\bytes, %ecx
        rep movsb
        .endm

        .macro TSSBASE where            /* TR with another base, same contents */
        movl $\where, %ebx
        movl $SEL_TSS, %eax
        call set_base
        andb $~2, gdt + SEL_TSS + 5
        movl $SEL_TSS, %eax
        ltr %ax
        .endm

main:   movl $tables, %edi
        movl $7, %eax
        movl $1024, %ecx
1:      stosl
        addl $4096, %eax
        loop 1b
        movl $tables + 7, directory
        movl $directory, %eax
        movl %eax, %cr3
        movl %cr0, %eax
        orl $0x80010000, %eax           /* PG, WP */
        movl %eax, %cr0
        /* ---- stacks ---- */
        PAGE hole, 1, 0
        IGATE 0x82, SEL_CODE1, 0, 0xEE
        movl $hole + 4096 + 8, tss + 12
        TRY "frame across into an absent page"
        USER user_int82
        ENDTRY
        movl $hole + 4096 + 2, tss + 12
        TRY "frame across, misaligned"
        USER user_int82
        ENDTRY
        PAGE hole, 3, 1
        movl $hole + 4096, tss + 12
        TRY "inner stack read-only"
        USER user_int82
        ENDTRY
        PAGE hole, 7, 3
        TRY "inner stack of a supervisor page is fine for ring 1"
        IGATE 0x82, SEL_CODE1, ring1, 0xEE
        USER user_int82
        ENDTRY
        IGATE 0x82, SEL_CODE0, 0, 0xEE
        movl $hole + 4096, user_sp
        TRY "ring 3 call onto a supervisor page"
        USER user_call
        ENDTRY
        PAGE hole, 7, 6
        TRY "ring 3 call onto an absent page"
        USER user_call
        ENDTRY
        TRY "ring 3 iret from an absent page"
        USER user_iret
        ENDTRY
        TRY "ring 0 iret to ring 3 with half the frame absent"
        movl $hole - 12, %esp
        movl $user_nothing, hole - 12
        movl $SEL_CODE3, hole - 8
        movl $0x3002, hole - 4
        iretl
        ENDTRY
        TRY "far call onto an absent page"
        USER user_farcall
        ENDTRY
        movl $ring1_top, tss + 12
        /* ---- handler's code page ---- */
        IGATE 0x83, SEL_CODE0, hole+16, 0xEE
        TRY "handler in an absent page: the fault is the handler's"
        USER user_int83
        ENDTRY
        /* ---- IDT: vectors from 0x80 in the hole ---- */
        COPY idt, hole-0x400, 0x400
        lidt low_idtr
        TRY "gate in an absent page"
        int $0x82
        ENDTRY
        TRY "gate in an absent page, ring 3"
        USER user_int82
        ENDTRY
        lidt idtr
        /* ---- GDT: selectors from 0x78 in the hole ---- */
        COPY gdt, hole-0x78, 0x78
        lgdt low_gdtr
        TRY "descriptor in an absent page: mov"
        movl $SEL_DATA16, %eax
        movl %eax, %es
        ENDTRY
        TRY "descriptor in an absent page: mov at ring 3"
        USER user_load
        ENDTRY
        TRY "descriptor in an absent page: far jump"
        ljmp $SEL_CODE1, $0
        ENDTRY
        TRY "descriptor in an absent page: lar"
        movl $SEL_DATA16, %eax
        lar %ax, %eax
        ENDTRY
        TRY "descriptor in an absent page: verr at ring 3"
        USER user_verr
        ENDTRY
        TRY "descriptor in an absent page: ltr"
        movl $SEL_TSS2, %eax
        ltr %ax
        ENDTRY
        TRY "descriptor in an absent page: iret"
        pushl $2
        pushl $SEL_BASED
        pushl $0
        iretl
        ENDTRY
        IGATE 0x82, SEL_BASED, 0, 0xEE
        TRY "descriptor in an absent page: the gate's code segment"
        USER user_int82
        ENDTRY
        TRY "task switch: descriptor in an absent page"
        lcall $SEL_TSS2, $0
        ENDTRY
        lgdt gdtr
        /* ---- accessed bit in a read-only page ---- */
        PAGE hole, 7, 3
        COPY gdt, hole, GDT_END
        PAGE hole, 3, 1
        lgdt hole_gdtr
        andb $~1, gdt + SEL_DATA16 + 5
        TRY "accessed bit of a read-only page"
        movl $SEL_DATA16, %eax
        movl %eax, %es
        ENDTRY
        TRY "busy bit in a read-only page"
        movl $SEL_TSS2, %eax
        ltr %ax
        ENDTRY
        lgdt gdtr
        /* ---- LDT ---- */
        PAGE hole, 7, 6
        movl $hole - 0x10, %ebx
        movl $SEL_LDT, %eax
        call set_base
        COPY ldt, hole-0x10, 0x10
        movl $SEL_LDT, %eax
        lldt %ax
        TRY "ldt: present part"
        movl $0x0C, %eax
        movl %eax, %es
        ENDTRY
        TRY "ldt: absent part"
        movl $0x17, %eax
        movl %eax, %es
        ENDTRY
        xorl %eax, %eax
        lldt %ax
        /* ---- TSS ---- */
        IGATE 0x82, SEL_CODE1, ring1, 0xEE
        COPY tss, hole-12, 12
        TSSBASE hole-12
        TRY "ring-1 stack pointer in an absent page"
        USER user_int82
        ENDTRY
        COPY tss, hole-104, 104
        movw $104, hole - 2
        movw $255, gdt + SEL_TSS
        TSSBASE hole-104
        movl $2, user_flags
        TRY "I/O bitmap in an absent page"
        USER user_in
        ENDTRY
        movl $0x3002, user_flags
        movw $0x67, gdt + SEL_TSS
        TSSBASE tss
        /* ---- task switches ---- */
        movl $hole + 256, %ebx
        movl $SEL_TSS2, %eax
        call set_base
        andb $~2, gdt + SEL_TSS2 + 5
        TRY "new tss absent"
        lcall $SEL_TSS2, $0
        ENDTRY
        call show_busy
        movl $hole - 64, %ebx
        movl $SEL_TSS2, %eax
        call set_base
        andb $~2, gdt + SEL_TSS2 + 5
        TRY "new tss half absent"
        lcall $SEL_TSS2, $0
        ENDTRY
        call show_busy
        COPY tss, hole-32, 32
        TSSBASE hole-32
        movl $tss2, %ebx
        movl $SEL_TSS2, %eax
        call set_base
        movl $tss2, %edi
        xorl %eax, %eax
        movl $26, %ecx
        rep stosl
        andb $~2, gdt + SEL_TSS2 + 5
        TRY "old tss cannot be written: its page is absent"
        ljmp $SEL_TSS2, $0
        ENDTRY
        call show_busy
        TSSBASE tss
        /* the new task's page tables do not map its code */
        movl $otherdir, tss2 + 0x1C
        movl $tables + 7, otherdir
        movl $hole + 16, tss2 + 0x20
        movl $2, tss2 + 0x24
        movl $task_top, tss2 + 0x38
        movl $SEL_DATA0, tss2 + 0x48
        movl $SEL_CODE0, tss2 + 0x4C
        movl $SEL_DATA0, tss2 + 0x50
        movl $SEL_DATA0, tss2 + 0x54
        movl $104 << 16, tss2 + 0x64
        movl $back, hook
        andb $~2, gdt + SEL_TSS2 + 5
        TRY "first instruction of the new task in an absent page"
        lcall $SEL_TSS2, $0
        ENDTRY
        ret

back:   str %ax
        movzwl %ax, %eax
        SHOW " tr ", %eax
        andb $~2, gdt + SEL_TSS + 5
        movl $0, hook
        pushl $back_in_main
        movl $directory, tss + 0x1C
        ljmp $SEL_TSS, $0               /* continues behind the LCALL, that is at ENDTRY */
back_in_main:
        ret

show_busy:
        movzbl gdt + SEL_TSS2 + 5, %eax
        SHOW "   tss2 ", %eax
        str %ax
        movzwl %ax, %eax
        SHOW " tr ", %eax
        NEWLINE
        ret

ring1:  int $0x80
user_nothing: int $0x80
user_int82: int $0x82
user_int83: int $0x83
user_call:
        movl user_sp, %esp
        call user_nothing
user_iret:
        movl $hole + 8, %esp
        iretl
user_farcall:
        movl $hole + 4, %esp
        lcall $SEL_CODE3, $user_nothing
user_load:
        movl $SEL_DATA1S, %eax
        movl %eax, %es
        int $0x80
user_verr:
        movl $SEL_DATA1S, %eax
        verr %ax
        int $0x80
user_in: inb $0xE0, %al
        int $0x80

        .data
user_sp: .long 0
low_idtr: .word 0x7FF
        .long hole - 0x400
low_gdtr: .word GDT_END - 1
        .long hole - 0x78
hole_gdtr: .word GDT_END - 1
        .long hole
        .bss
        .align 4096
directory: .skip 4096
otherdir: .skip 4096
tables: .skip 4096
        .skip 4096
hole:   .skip 8192
        .text
