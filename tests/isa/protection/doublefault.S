/* Table 6-5 of SDM 3A: which second exception makes a double fault of the first.  The first one's handler is spoilt in the way
   the second exception needs; #PF as the second comes from an absent ring-1 stack, as the first from an absent page. */
#include "kernel.inc"

        .macro FIRST name, code
\name:  \code
        int $0x80
        .endm

        /* gates of vector: by what goes wrong */
        .macro GOOD vector
        movl $stubs + \vector * 16, %eax
        movw %ax, idt + \vector * 8
        shrl $16, %eax
        movw %ax, idt + \vector * 8 + 6
        movw $SEL_CODE0, idt + \vector * 8 + 2
        movw $0xEE00, idt + \vector * 8 + 4
        .endm

        .macro PAIR text, vector, code
        TRY "\text then np (gate)"
        andb $0x7F, idt + \vector * 8 + 5
        movl $9f, %eax
        jmp enter
        ENDTRY
        GOOD \vector
        TRY "\text then gp (null cs)"
        movw $0, idt + \vector * 8 + 2
        movl $9f, %eax
        jmp enter
        ENDTRY
        GOOD \vector
        TRY "\text then np (cs)"
        movw $SEL_CODE_NP, idt + \vector * 8 + 2
        movl $9f, %eax
        jmp enter
        ENDTRY
        GOOD \vector
        TRY "\text then gp (gate type)"
        movw $0x8C00, idt + \vector * 8 + 4
        movl $9f, %eax
        jmp enter
        ENDTRY
        GOOD \vector
        TRY "\text then ts (ring-1 stack null)"
        movw $SEL_CODE1, idt + \vector * 8 + 2
        movw $0, tss + 16
        movl $9f, %eax
        jmp enter
        ENDTRY
        GOOD \vector
        TRY "\text then ss (ring-1 stack not present)"
        movw $SEL_CODE1, idt + \vector * 8 + 2
        movw $SEL_DATA1 | 1, tss + 16
        andb $0x7F, gdt + SEL_DATA1 + 5
        movl $9f, %eax
        jmp enter
        ENDTRY
        GOOD \vector
        orb $0x80, gdt + SEL_DATA1 + 5
        TRY "\text then pf (ring-1 stack page)"
        movw $SEL_CODE1, idt + \vector * 8 + 2
        movl $absent + 64, tss + 12
        movl $9f, %eax
        jmp enter
        ENDTRY
        GOOD \vector
        movl $ring1_top, tss + 12
        .pushsection .text.user, "ax"
9:      \code
        int $0x80
        .popsection
        .endm

main:   movl $tables, %edi              /* identity map of 4 MiB, one page absent */
        movl $7, %eax
        movl $1024, %ecx
1:      stosl
        addl $4096, %eax
        loop 1b
        movl $tables + 7, directory
        movl $absent, %eax
        shrl $12, %eax
        andl $~1, tables(, %eax, 4)
        movl $directory, %eax
        movl %eax, %cr3
        movl %cr0, %eax
        orl $0x80000000, %eax
        movl %eax, %cr0
        .irp v, 3, 4
        movb $0xEE, idt + \v * 8 + 5
        .endr
        movl $0x0000FFFF, gdt + SEL_GATE16      /* writable data of ring 3, not present */
        movl $0x00CF7200, gdt + SEL_GATE16 + 4
        PAIR "de", 0, "xorl %edx, %edx; movl $1, %eax; xorl %ecx, %ecx; divl %ecx"
        PAIR "bp", 3, "int3"
        PAIR "of", 4, "movb $0x7F, %al; addb $1, %al; into"
        PAIR "br", 5, "movl $5, %eax; boundl %eax, bounds"
        PAIR "ud", 6, "ud2"
        PAIR "np", 11, "movl $SEL_DATA_NP3, %eax; movl %eax, %es"
        PAIR "ss", 12, "movl $SEL_DATA_NP3, %eax; movl %eax, %ss"
        PAIR "gp", 13, "hlt"
        PAIR "pf", 14, "movl absent, %eax"
        movl %cr0, %eax
        orl $0x40028, %eax              /* AM, NE, TS */
        movl %eax, %cr0
        PAIR "nm", 7, "fld1"
        clts
        movl $0x43002, user_flags
        PAIR "ac", 17, "movl bounds + 1, %eax"
        movl $0x3002, user_flags
        PAIR "mf", 16, "fninit; fldcw unmasked; fld1; fldz; fdivrp; fwait"
        fninit
        ret

enter:  movl %eax, try_eip              /* ring 3 at %eax */
        pushl %eax
        call go_user

        .set SEL_DATA_NP3, SEL_GATE16 | 3
        .data
        .align 4
unmasked: .long 0x37B
bounds: .long 0, 1, 0
        .align 4096
absent: .skip 4096
        .bss
        .align 4096
directory: .skip 4096
tables: .skip 4096
        .text
