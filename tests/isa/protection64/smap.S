/* SMAP and EFLAGS.AC by all that changes either: STAC, CLAC, POPF, IRET, SYSCALL, SYSRET, interrupts, CPL, CR4; stacks in user
   pages; system structures, which AC does not help (SDM 3A 4.6). */
#include "kernel64.inc"

        .set VIRT, 0x40000000           /* by 4 KiB pages: page, page2, user's code, user's stack, a stack for ring 0, LDT */
        .set UCODE, VIRT + 0x2000
        .set USTACK, VIRT + 0x4000      /* its end */
        .set KSTACK, VIRT + 0x5000
        .set LDTPAGE, VIRT + 0x5000
        .set AC, 0x40000
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
        .macro FLAGS value
        pushq $\value
        popfq
        .endm
        .macro MAP entry, n=0
        movq $\entry, pt + \n * 8
        invlpg VIRT + \n * 0x1000
        .endm
        .macro RING3 label, flags=0x3002
        movq $UCODE + \label - ucode, %rax
        movq %rax, try_rip
        pushq $SEL_DATA3
        pushq $USTACK
        pushq $\flags
        pushq $SEL_CODE3
        pushq %rax
        iretq
        .endm

main:   movq $pdx + 7, pdpt + 8
        movq $pt + 7, pdx
        MAP page + 7, 0
        MAP page2 + 7, 1
        MAP ucode + 7, 2
        MAP ustack + 7, 3
        MAP kstack + 7, 4
        movq $ldt, %rax
        andq $~0xFFF, %rax
        orq $7, %rax
        movq %rax, pt + 5 * 8
        movq $0x83, pd                  /* the identity pages are the supervisor's */
        movq %cr3, %rax
        movq %rax, %cr3
        movb $0xC3, page
        movq $0x1111, page + 8
        movq $0x2222, page2 + 8
        GATE 0x82, SEL_CODE0, inner_read, 0x8E
        GATE 0x83, SEL_CODE0, from_user_read, 0xEE
        SETMSR 0xC0000081, 0x001B000800000000
        SETMSR 0xC0000082, syscall_read
        CR4ON 21
here:
        TRY "stac, write, clac, write"
        stac
        movq $0x1112, VIRT + 8
        movq $0x1113, VIRT + 8
        clac
        movq $0x1114, VIRT + 8
        ENDTRY
        TRY "read-modify-write without ac"
        lock incq VIRT + 8
        ENDTRY
        TRY "in a loop"
        movl $100, %ecx
1:      stac
        addq %rcx, VIRT + 16
        clac
        decl %ecx
        jnz 1b
        movq VIRT + 16, %rax
        ENDTRY
        TRY "clac between the pages of a string"
        stac
        movq $VIRT + 0xFF8, %rsi
        movq $scratch, %rdi
        lodsq
        clac
        lodsq
        ENDTRY
        TRY "cached for ring 3"
        RING3 user_reads
        ENDTRY
        TRY "ring 3's cached page read with ac, then without"
        stac
        SHOW " ", VIRT + 0x1008
        clac
        movq VIRT + 0x1008, %rax
        ENDTRY
        TRY "popf sets, clac"
        FLAGS AC + 2
        SHOW " ", VIRT + 8
        clac
        movq VIRT + 8, %rax
        ENDTRY
        TRY "stac, popf clears"
        stac
        SHOW " ", VIRT + 8
        FLAGS 2
        movq VIRT + 8, %rax
        ENDTRY
        TRY "16-bit popf keeps"
        stac
        pushw $2
        popfw
        SHOW " ", VIRT + 8
        clac
        ENDTRY
        TRY "iret sets, iret clears"
        movq %rsp, %rdx
        pushq $SEL_DATA0
        pushq %rdx
        pushq $AC + 2
        pushq $SEL_CODE0
        pushq $1f
        iretq
1:      SHOW " ", VIRT + 8
        pushq $SEL_DATA0
        pushq %rdx
        pushq $2
        pushq $SEL_CODE0
        pushq $1f
        iretq
1:      movq VIRT + 8, %rax
        ENDTRY
        TRY "an interrupt keeps ac, its handler reads"
        stac
        int $0x82
        SHOW " ", VIRT + 8
        clac
        ENDTRY
        TRY "an interrupt's handler without ac"
        int $0x82
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
        TRY "syscall that masks ac"
        SETMSR 0xC0000084, AC
        RING3 user_syscall, AC + 0x3002
        ENDTRY
        TRY "syscall that does not"
        SETMSR 0xC0000084, 0
        RING3 user_syscall, AC + 0x3002
        ENDTRY
        TRY "syscall without ac"
        RING3 user_syscall
        ENDTRY
        TRY "sysret sets ac, interrupt"
        movq $AC + 0x3002, %r11
        movq $UCODE + user_int - ucode, %rcx
        movq %rcx, try_rip
        sysretq
        ENDTRY
        TRY "call gate with ac"
        CALLGATE SEL_GATE, SEL_CODE0, gate_read, 0xEC
        RING3 user_gate, AC + 0x3002
        ENDTRY
        TRY "call gate without"
        RING3 user_gate
        ENDTRY
        movb $1, idt + 14 * 16 + 4      /* from here on #PF needs a stack of its own */
        TRY "push onto a user page, ac set"
        movq %rsp, %rdx
        stac
        movq $KSTACK, %rsp
        pushq $0x4444
        call 1f
1:      popq %rax
        popq %rbx
        movq %rdx, %rsp
        clac
        SHOW " ", %rbx
        ENDTRY
        TRY "push onto a user page: ac clear"
        movq $KSTACK, %rsp
        pushq $0x4445
        ENDTRY
        TRY "interrupt onto a user page, ac set"
        movq %rsp, %rdx
        stac
        movq $KSTACK, %rsp
        int $0x82
        movq %rdx, %rsp
        clac
        ENDTRY
        TRY "interrupt onto a user page: ac clear"
        movq $KSTACK, %rsp
        int $0x82
        ENDTRY
        TRY "iret from a user page, ac set"
        movq %rsp, %rdx
        stac
        movq $KSTACK, %rsp
        pushq $SEL_DATA0
        pushq %rdx
        pushq $2
        pushq $SEL_CODE0
        pushq $1f
        iretq
1:      ENDTRY
        TRY "iret from a user page: ac clear"
        movq $KSTACK - 40, %rsp
        iretq
        ENDTRY
        TRY "far return from a user page: ac clear"
        movq $KSTACK - 40, %rsp
        lretq
        ENDTRY
        TRY "ring 0's stack for ring 3 in a user page, ac set"
        movq $KSTACK, tss + 4
        RING3 user_int, AC + 0x3002
        ENDTRY
        movb $0, idt + 14 * 16 + 4
        movq $ring0_top, tss + 4
        /* the LDT in a user page */
        movq $ldt, %rax
        andl $0xFFF, %eax
        addq $LDTPAGE, %rax
        movw %ax, gdt + SEL_LDT + 2
        shrq $16, %rax
        movb %al, gdt + SEL_LDT + 4
        movb %ah, gdt + SEL_LDT + 7
        movl $SEL_LDT, %eax
        lldt %ax
        TRY "segment of an ldt in a user page"
        movl $0x0C, %eax
        movl %eax, %es
        ENDTRY
        TRY "segment of an ldt there, ac set"
        stac
        movq $ldt, %rdx
        andl $0xFFF, %edx
        movq LDTPAGE + 8(%rdx), %rbx
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
        TRY "no smap, no ac"
        SHOW " ", VIRT + 8
        ENDTRY
        CR4ON 21
        TRY "smap again"
        movq VIRT + 8, %rax
        ENDTRY
        TRY "smap goes and comes under ac"
        stac
        SHOW " ", VIRT + 8
        CR4OFF 21
        SHOW " ", VIRT + 8
        CR4ON 21
        SHOW " ", VIRT + 8
        clac
        movq VIRT + 8, %rax
        ENDTRY
        TRY "write-protected user page with ac"
        MAP page + 5
        stac
        SHOW " ", VIRT + 8
        movq %rax, VIRT + 8
        ENDTRY
        TRY "invlpg under ac"
        MAP page + 7
        stac
        movq VIRT + 8, %rbx
        MAP page2 + 7
        SHOW " ", VIRT + 8
        MAP 0
        movq VIRT + 8, %rax
        ENDTRY
        TRY "cr3 under ac"
        MAP page + 7
        stac
        movq VIRT + 8, %rbx
        movq $page2 + 7, pt
        movq %cr3, %rax
        movq %rax, %cr3
        SHOW " ", VIRT + 8
        clac
        ENDTRY
        TRY "the page becomes the supervisor's"
        MAP page + 3
        SHOW " ", VIRT + 8
        ENDTRY
        MAP page + 7
        TRY "code of a user page without smep, then its data"
        call VIRT
        movq VIRT, %rax
        ENDTRY
        TRY "code, then data with ac, then data without"
        call VIRT
        stac
        movq VIRT, %rax
        call VIRT
        clac
        call VIRT
        movq VIRT, %rax
        ENDTRY
        CR4ON 20
        TRY "smep is not lifted by ac"
        stac
        movq VIRT, %rax
        movq $VIRT, %rax
        movq %rax, try_rip
        jmp *%rax
        ENDTRY
        CR4OFF 20
        CR4OFF 21
        movq $ldt, %rax
        movw %ax, gdt + SEL_LDT + 2
        ret

inner_read:
        movq VIRT + 8, %rbx
        SHOW " ", %rbx
        iretq
from_user_read:
syscall_read:
gate_read:
        movq $ring0_top, %rsp
        movq $1f, try_rip
1:      movq VIRT + 8, %rbx
        SHOW " ", %rbx
        PRINT " ring 0 has read it"
        NEWLINE
        jmp resume

        .bss
        .align 4096
pdx:    .skip 4096
pt:     .skip 4096
page:   .skip 4096
page2:  .skip 4096
ustack: .skip 4096
kstack: .skip 4096
        .text
        .align 4096
ucode:
user_reads:
        movq VIRT + 8, %rax
        movq VIRT + 0x1008, %rax
        int $0x80
user_popf:
        pushq $AC + 0x3002
        popfq
user_int:
        movq VIRT + 8, %rax
        int $0x83
user_syscall:
        movq VIRT + 8, %rax
        syscall
user_gate:
        lcall *UCODE + gate_address - ucode
gate_address:
        .long 0
        .word SEL_GATE | 3
user_segment:
        movl $0x17, %eax
        movl %eax, %es
        int $0x80
        .align 4096
