/* SMAP and EFLAGS.AC by all that changes either, in 32-bit paging and in PAE: STAC, CLAC, POPF, IRET, interrupts, SYSENTER, task
   switches, CPL, CR4; system structures, which AC does not help (SDM 3A 4.6). */
#include "kernel.inc"

        .set VIRT, 0x40000000           /* by 4 KiB pages: page, page2, user's code, user's stack, a stack for ring 0, LDT */
        .set UCODE, VIRT + 0x2000
        .set USTACK, VIRT + 0x4000      /* its end */
        .set KSTACK, VIRT + 0x5000
        .set LDTPAGE, VIRT + 0x5000
        .set AC, 0x40000
        .macro CR4ON bit
        movl %cr4, %eax
        btsl $\bit, %eax
        movl %eax, %cr4
        .endm
        .macro CR4OFF bit
        movl %cr4, %eax
        btrl $\bit, %eax
        movl %eax, %cr4
        .endm
        .macro FLAGS value
        pushl $\value
        popfl
        .endm
        .macro MAP entry, n=0           /* keeps all registers */
        pushl $\entry
        pushl $\n
        call map
        .endm
        .macro RING3 label, flags=0x3002
        movl $UCODE + \label - ucode, %eax
        movl %eax, try_eip
        movl $SEL_DATA3, %ecx
        movl %ecx, %ds
        pushl $SEL_DATA3
        pushl $USTACK
        pushl $\flags
        pushl $SEL_CODE3
        pushl %eax
        iretl
        .endm
        .macro INTGATE vector, target, access
        movl $\target, %eax
        movw %ax, idt + \vector * 8
        shrl $16, %eax
        movw %ax, idt + \vector * 8 + 6
        movb $\access, idt + \vector * 8 + 5
        .endm
        .macro MSR number, value
        movl $\number, %ecx
        movl $\value, %eax
        xorl %edx, %edx
        wrmsr
        .endm

main:   INTGATE 0x82, inner_read, 0x8E
        INTGATE 0x83, from_user_read, 0xEE
        MSR 0x174, SEL_CODE0
        MSR 0x175, ring0_top
        MSR 0x176, from_user_read
        movb $0xC3, page
        /* 32-bit paging, the identity pages the supervisor's */
        PRINT "32-bit paging"
        NEWLINE
        CR4ON 4
        movl $0x83, directory
        movl $pt + 7, directory + 0x400
        movl $4, entry_size
        movl $directory, %eax
        movl %eax, %cr3
        movl %cr0, %eax
        orl $0x80010000, %eax
        movl %eax, %cr0
        call cases
        movl %cr0, %eax
        andl $0x7FFFFFFF, %eax
        movl %eax, %cr0
        PRINT "PAE"
        NEWLINE
        movl $pd + 1, pdpt
        movl $pd1 + 1, pdpt + 8
        movl $0x83, pd
        movl $0x200083, pd + 8
        movl $pt + 7, pd1
        movl $8, entry_size
        movl $pt, %edi
        xorl %eax, %eax
        movl $1024, %ecx
        rep stosl
        movl $pdpt, %eax
        movl %eax, %cr3
        CR4ON 5
        movl %cr0, %eax
        orl $0x80000000, %eax
        movl %eax, %cr0
        call cases
        ret

cases:  MAP page + 7, 0
        MAP page2 + 7, 1
        MAP ucode + 7, 2
        MAP ustack + 7, 3
        MAP kstack + 7, 4
        movl $ldt, %eax
        andl $~0xFFF, %eax
        orl $7, %eax
        pushl %eax
        pushl $5
        call map
        movl $0x1111, page + 8
        movl $0x2222, page2 + 8
        CR4ON 21
        TRY "stac, write, clac, write"
        stac
        movl $0x1112, VIRT + 8
        movl $0x1113, VIRT + 8
        clac
        movl $0x1114, VIRT + 8
        ENDTRY
        TRY "clac between the pages of a string"
        stac
        movl $VIRT + 0xFFC, %esi
        lodsl
        clac
        lodsl
        ENDTRY
        TRY "rep movs under stac, then not"
        stac
        movl $VIRT, %esi
        movl $spare, %edi
        movl $16, %ecx
        rep movsb
        clac
        movl $VIRT, %esi
        movl $16, %ecx
        rep movsb
        ENDTRY
        TRY "cached for ring 3"
        RING3 user_reads
        ENDTRY
        TRY "ring 3's cached page read with ac, then without"
        stac
        SHOW " ", VIRT + 0x1008
        clac
        movl VIRT + 0x1008, %eax
        ENDTRY
        TRY "popf sets, clac"
        FLAGS AC + 2
        SHOW " ", VIRT + 8
        clac
        movl VIRT + 8, %eax
        ENDTRY
        TRY "stac, popf clears"
        stac
        SHOW " ", VIRT + 8
        FLAGS 2
        movl VIRT + 8, %eax
        ENDTRY
        TRY "16-bit popf keeps"
        stac
        pushw $2
        popfw
        SHOW " ", VIRT + 8
        clac
        ENDTRY
        TRY "iret sets, iret clears"
        pushl $AC + 2
        pushl $SEL_CODE0
        pushl $1f
        iretl
1:      SHOW " ", VIRT + 8
        pushl $2
        pushl $SEL_CODE0
        pushl $1f
        iretl
1:      movl VIRT + 8, %eax
        ENDTRY
        TRY "an interrupt keeps ac, its handler reads"
        stac
        int $0x82
        SHOW " ", VIRT + 8
        clac
        ENDTRY
        TRY "ring 3 sets ac, interrupt"
        RING3 user_int, AC + 0x3002
        ENDTRY
        TRY "ring 3 by popf, interrupt"
        RING3 user_popf
        ENDTRY
        TRY "ring 3 without ac, interrupt"
        RING3 user_int
        ENDTRY
        TRY "sysenter with ac"
        RING3 user_sysenter, AC + 0x3002
        ENDTRY
        TRY "sysenter without"
        RING3 user_sysenter
        ENDTRY
        TRY "push onto a user page with ac"
        movl %esp, %edx
        stac
        movl $KSTACK, %esp
        pushl $0x4444
        call 1f
1:      popl %eax
        popl %ebx
        movl %edx, %esp
        clac
        SHOW " ", %ebx
        ENDTRY
        TRY "interrupt onto a user page with ac"
        movl %esp, %edx
        stac
        movl $KSTACK, %esp
        int $0x82
        movl %edx, %esp
        clac
        ENDTRY
        TRY "iret from a user page with ac"
        movl %esp, %edx
        stac
        movl $KSTACK, %esp
        pushl $2
        pushl $SEL_CODE0
        pushl $1f
        iretl
1:      movl %edx, %esp
        ENDTRY
        /* the LDT in a user page */
        movl $ldt, %ebx
        andl $0xFFF, %ebx
        addl $LDTPAGE, %ebx
        movl $SEL_LDT, %eax
        call set_base
        movl $SEL_LDT, %eax
        lldt %ax
        TRY "segment of an ldt in a user page"
        movl $0x0C, %eax
        movl %eax, %es
        ENDTRY
        TRY "segment of an ldt there, ac set"
        stac
        movl $ldt, %edx
        andl $0xFFF, %edx
        movl LDTPAGE + 8(%edx), %ebx
        movl $0x0C, %eax
        movl %eax, %es
        ENDTRY
        TRY "lar of an ldt there, ac set"
        stac
        movl $0x0C, %eax
        lar %eax, %ebx
        ENDTRY
        TRY "ring 3 loads one"
        RING3 user_segment
        ENDTRY
        TRY "ring 3 loads one with ac"
        RING3 user_segment, AC + 0x3002
        ENDTRY
        CR4OFF 21
        TRY "the ldt without smap"
        movl $0x0C, %eax
        movl %eax, %es
        ENDTRY
        CR4ON 21
        movl $SEL_DATA0, %eax
        movl %eax, %es
        xorl %eax, %eax
        lldt %ax
        movl $SEL_LDT, %eax
        movl $ldt, %ebx
        call set_base
        /* a task that begins with AC set, then clear */
        movl $tss2, %edi
        movl $26, %ecx
        xorl %eax, %eax
        rep stosl
        movl %cr3, %eax
        movl %eax, tss2 + 28
        movl %eax, tss + 28
        movl $in_task, tss2 + 32
        movl $AC + 2, tss2 + 36
        movl $task_top, tss2 + 56
        movl $SEL_CODE0, tss2 + 76
        movl $SEL_DATA0, tss2 + 72
        movl $SEL_DATA0, tss2 + 80
        movl $SEL_DATA0, tss2 + 84
        TRY "a task with ac, the outer one without"
        lcall $SEL_TSS2, $0
        movl VIRT + 8, %eax
        ENDTRY
        movb $0x89, gdt + SEL_TSS2 + 5
        movl $in_task, tss2 + 32
        TRY "no smap, no ac"
        CR4OFF 21
        SHOW " ", VIRT + 8
        CR4ON 21
        movl VIRT + 8, %eax
        ENDTRY
        TRY "smap goes and comes under ac"
        stac
        SHOW " ", VIRT + 8
        CR4OFF 21
        SHOW " ", VIRT + 8
        CR4ON 21
        SHOW " ", VIRT + 8
        clac
        movl VIRT + 8, %eax
        ENDTRY
        TRY "write-protected user page with ac"
        MAP page + 5
        stac
        SHOW " ", VIRT + 8
        movl %eax, VIRT + 8
        ENDTRY
        TRY "invlpg under ac"
        MAP page + 7
        stac
        movl VIRT + 8, %ebx
        MAP page2 + 7
        SHOW " ", VIRT + 8
        MAP 0
        movl VIRT + 8, %eax
        ENDTRY
        TRY "cr3 under ac"
        MAP page + 7
        stac
        movl VIRT + 8, %ebx
        movl $page2 + 7, pt
        movl %cr3, %eax
        movl %eax, %cr3
        SHOW " ", VIRT + 8
        clac
        ENDTRY
        TRY "the page becomes the supervisor's"
        MAP page + 3
        SHOW " ", VIRT + 8
        ENDTRY
        MAP page + 7
        TRY "code of a user page without smep, then its data"
        movl $VIRT, %eax
        call *%eax
        movl VIRT, %eax
        ENDTRY
        TRY "code, then data with ac, then data without"
        movl $VIRT, %edx
        call *%edx
        stac
        movl VIRT, %eax
        call *%edx
        clac
        call *%edx
        movl VIRT, %eax
        ENDTRY
        CR4ON 20
        TRY "smep is not lifted by ac"
        stac
        movl $VIRT, %eax
        movl (%eax), %ebx
        movl %eax, try_eip
        jmp *%eax
        ENDTRY
        CR4OFF 20
        CR4OFF 21
        ret

map:    /* 4(%esp) the page's number, 8(%esp) its entry */
        pushl %eax
        pushl %edx
        movl 12(%esp), %eax
        imull entry_size, %eax
        movl 16(%esp), %edx
        movl %edx, pt(%eax)
        movl 12(%esp), %eax
        shll $12, %eax
        invlpg VIRT(%eax)
        popl %edx
        popl %eax
        ret $8

inner_read:
        movl VIRT + 8, %ebx
        SHOW " ", %ebx
        iretl
from_user_read:
        movl $ring0_top, %esp
        movl $SEL_DATA0, %eax
        movl %eax, %ds
        movl $1f, try_eip
1:      movl VIRT + 8, %ebx
        SHOW " ", %ebx
        PRINT " ring 0 has read it"
        NEWLINE
        jmp resume
in_task:
        SHOW " ", VIRT + 8
        iretl

        .data
entry_size: .long 0
        .bss
        .align 4096
directory: .skip 4096
pd:     .skip 4096
pd1:    .skip 4096
pt:     .skip 4096
page:   .skip 4096
page2:  .skip 4096
ustack: .skip 4096
kstack: .skip 4096
spare:  .skip 4096
pdpt:   .skip 32
        .text
        .align 4096
ucode:
user_reads:
        movl VIRT + 8, %eax
        movl VIRT + 0x1008, %eax
        int $0x80
user_popf:
        pushl $AC + 0x3002
        popfl
user_int:
        movl VIRT + 8, %eax
        int $0x83
user_sysenter:
        movl VIRT + 8, %eax
        sysenter
user_segment:
        movl $0x17, %eax
        movl %eax, %es
        int $0x80
        .align 4096
