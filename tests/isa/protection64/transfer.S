/* Far transfers, call gates, compatibility mode, segment loads and system registers in long mode. */
#include "kernel64.inc"

main:   movq $compat_done, resume_ok
        TRY "compat and back"
        COMPAT compat_plain
compat_done:
        ENDTRY
        movl $SEL_BASED, %eax
        movl %eax, %ds
        TRY "ds base is ignored in 64-bit code"
        movq $0x77, scratch
        SHOW " ", scratch
        ENDTRY
        movl $SEL_BASED, %eax
        movl %eax, %ds
        movq $1f, resume_ok
        TRY "ds base is there in compat code"
        COMPAT compat_based
1:      SHOW " ", %rbx
        ENDTRY
        movq $1f, resume_ok
        TRY "ds limit is there in compat code"
        movl $SEL_BASED, %eax
        movl %eax, %ds
        COMPAT compat_limit
1:      ENDTRY
        TRY "ds limit is ignored in 64-bit code"
        movl $SEL_BASED, %eax
        movl %eax, %ds
        movq 0x200000, %rax
        ENDTRY
        movq $1f, resume_ok
        TRY "compat: null ds"
        xorl %eax, %eax
        movl %eax, %ds
        COMPAT compat_plain_read
1:      ENDTRY
        movq $1f, resume_ok
        TRY "compat: registers"
        movq $0x1122334455667788, %rax
        movq %rax, %r9
        COMPAT compat_inc
1:      SHOW " rax=", %rax
        SHOW " r9=", %r9
        ENDTRY
        movq $1f, resume_ok
        TRY "compat: 40 is inc, 48 is dec"
        movl $10, %eax
        COMPAT compat_inc40
1:      SHOW " ", %rax
        ENDTRY
        TRY "ljmp m16:64"
        movq $1f, scratch
        movw $SEL_CODE0, scratch + 8
        rex.w ljmp *scratch
1:      ENDTRY
        TRY "ljmp m16:32"
        movl $1f, scratch
        movw $SEL_CODE0, scratch + 4
        ljmp *scratch
1:      ENDTRY
        TRY "ljmp m16:64 non-canonical"
        movq $0x800000000000, %rax
        movq %rax, scratch
        movw $SEL_CODE0, scratch + 8
        rex.w ljmp *scratch
        ENDTRY
        TRY "ljmp L and D"
        movl $quit0, scratch
        movw $SEL_BOTH, scratch + 4
        ljmp *scratch
        ENDTRY
        TRY "ljmp to the tss"
        movw $SEL_TSS, scratch + 4
        ljmp *scratch
        ENDTRY
        TRY "ljmp null"
        movw $0, scratch + 4
        ljmp *scratch
        ENDTRY
        TRY "lcall m16:64 and lretq"
        movq %rsp, %rbx
        movq $far_ret, scratch
        movw $SEL_CODE0, scratch + 8
        rex.w lcall *scratch
        subq %rsp, %rbx
        SHOW " drift=", %rbx
        ENDTRY
        CALLGATE SEL_GATE, SEL_CODE0, far_gate, 0x8C
        TRY "call gate, same level"
        movq %rsp, %rbx
        movw $SEL_GATE, scratch + 4
        lcall *scratch
        subq %rsp, %rbx
        SHOW " drift=", %rbx
        ENDTRY
        CALLGATE SEL_GATE, SEL_CODE0, far_gate_inner, 0xEC
        TRY "call gate from ring 3"
        USER user_gate
        ENDTRY
        TRY "jmp through gate to inner level"
        USER user_gate_jmp
        ENDTRY
        TRY "call gate from compat ring 3"
        USER32 user_gate32
        ENDTRY
        CALLGATE SEL_GATE, SEL_CODE0, far_gate, 0x8C
        TRY "call gate dpl 0 from ring 3"
        USER user_gate
        ENDTRY
        CALLGATE SEL_GATE, SEL_CODE0, far_gate, 0x0C
        TRY "call gate absent"
        movw $SEL_GATE, scratch + 4
        lcall *scratch
        ENDTRY
        CALLGATE SEL_GATE, SEL_CODE0, far_gate, 0x8C, 0x0500
        TRY "call gate with a type in its second half"
        lcall *scratch
        ENDTRY
        CALLGATE SEL_GATE, SEL_CODE0C, far_gate, 0x8C
        TRY "call gate to 32-bit code"
        lcall *scratch
        ENDTRY
        CALLGATE SEL_GATE, SEL_CODE0, far_gate, 0x84
        TRY "16-bit call gate"
        lcall *scratch
        ENDTRY
        CALLGATE SEL_GATE, SEL_CODE0, 0x800000000000, 0x8C
        TRY "call gate non-canonical"
        lcall *scratch
        ENDTRY
        TRY "lretq to ring 3"
        pushq $SEL_DATA3
        pushq $user_top
        pushq $SEL_CODE3
        pushq $user_seg
        lretq
        ENDTRY
        TRY "lretq to ring 3 with null ss"
        pushq $0
        pushq $user_top
        pushq $SEL_CODE3
        pushq $user_seg
        lretq
        ENDTRY
        TRY "ltr busy"
        movl $SEL_TSS, %eax
        ltr %ax
        ENDTRY
        TRY "lldt"
        movl $SEL_LDT, %eax
        lldt %ax
        movl $0x0C, %eax
        movl %eax, %fs
        movl $0x1C, %eax
        movl %eax, %fs
        movl $0xC0000100, %ecx
        rdmsr
        SHOW " fs=", %rax
        sldt %rbx
        SHOW " ldt=", %rbx
        xorl %eax, %eax
        movl %eax, %fs
        lldt %ax
        ENDTRY
        TRY "mov ss null"
        xorl %eax, %eax
        movl %eax, %ss
        movl $SEL_DATA0, %eax
        movl %eax, %ss
        ENDTRY
        TRY "mov ss null rpl 3"
        movl $3, %eax
        movl %eax, %ss
        ENDTRY
        TRY "mov ss null from ring 3"
        USER user_nullss
        ENDTRY
        TRY "sgdt"
        sgdt scratch
        movq scratch + 2, %rax
        subq $gdt, %rax
        SHOW " ", %rax
        ENDTRY
        TRY "lar tss"
        movl $SEL_TSS, %eax
        xorl %ebx, %ebx
        lar %ax, %ebx
        SHOW " ", %rbx
        ENDTRY
        TRY "lsl tss"
        movl $SEL_TSS, %eax
        xorl %ebx, %ebx
        lsl %ax, %rbx
        SHOW " ", %rbx
        ENDTRY
        TRY "in from ring 3, allowed"
        movq $2, user_flags
        movb $0, tss + 104 + 0x1C
        USER user_in
        ENDTRY
        TRY "in from ring 3, refused"
        movb $2, tss + 104 + 0x1C
        USER user_in
        ENDTRY
        TRY "in from ring 3, beyond the map"
        USER user_in_high
        ENDTRY
        movq $0x3002, user_flags
        .macro UNDEF text, bytes:vararg
        TRY "\text"
        .byte \bytes
        ENDTRY
        .endm
        UNDEF "pusha", 0x60
        UNDEF "popa", 0x61
        UNDEF "daa", 0x27
        UNDEF "das", 0x2F
        UNDEF "aaa", 0x37
        UNDEF "aas", 0x3F
        UNDEF "aam", 0xD4, 10
        UNDEF "aad", 0xD5, 10
        UNDEF "salc", 0xD6
        UNDEF "into", 0xCE
        UNDEF "push es", 0x06
        UNDEF "pop ds", 0x1F
        UNDEF "callf", 0x9A, 0, 0, 0, 0, 8, 0
        UNDEF "jmpf", 0xEA, 0, 0, 0, 0, 8, 0
        UNDEF "82 group", 0x82, 0xC0, 1
        UNDEF "les", 0xC4, 0x00
        TRY "non-canonical read"
        movq $0x800000000000, %rax
        movq (%rax), %rbx
        ENDTRY
        TRY "non-canonical read through the stack segment"
        movq $0x800000000000, %rbp
        movq (%rbp), %rbx
        ENDTRY
        TRY "read across the canonical boundary"
        movq $0x7FFFFFFFFFFC, %rax
        movq (%rax), %rbx
        ENDTRY
        TRY "non-canonical jmp"
        movq $0x800000000000, %rax
        jmp *%rax
        ENDTRY
        TRY "non-canonical call"
        movq $0x800000000000, %rax
        call *%rax
        ENDTRY
        TRY "non-canonical ret"
        movq $0x800000000000, %rax
        pushq %rax
        ret
        ENDTRY
        TRY "page fault high"
        movq $0xFFFF900000000000, %rax
        movq (%rax), %rbx
        ENDTRY
        TRY "page fault user on supervisor page"
        USER user_high
        ENDTRY
        TRY "fetch from unmapped"
        movq $0x40000000, %rax
        movq %rax, try_rip
        jmp *%rax
        ENDTRY
        TRY "nx"
        movq $scratch, %rdi
        movb $0xC3, (%rdi)
        movq $pd, %rax
        btsq $63, 8(%rax)
        movq %cr3, %rbx
        movq %rbx, %cr3
        movq $0x200000, %rdi
        movq %rdi, try_rip
        jmp *%rdi
        ENDTRY
        movq $pd, %rax
        btrq $63, 8(%rax)
        movq %cr3, %rbx
        movq %rbx, %cr3
        TRY "reserved bit"
        btsq $51, pd + 8
        invlpg 0x200000
        movq 0x200000, %rax
        ENDTRY
        btrq $51, pd + 8
        TRY "reserved ps in pml4e"
        movq $HIGH, %rdi
        btsq $7, pml4 + 256 * 8
        movq %cr3, %rbx
        movq %rbx, %cr3
        movq (%rdi), %rax
        ENDTRY
        btrq $7, pml4 + 256 * 8
        TRY "1 gib page"
        movq $0x87, pdpt + 8
        movq $0x1234, scratch
        movq scratch + 0x40000000, %rax
        SHOW " ", %rax
        movq $0, pdpt + 8
        movq %cr3, %rbx
        movq %rbx, %cr3
        ENDTRY
        TRY "1 gib page with reserved bits"
        movq $0x4087, pdpt + 8
        movq scratch + 0x40000000, %rax
        ENDTRY
        movq $0, pdpt + 8
        ret

quit0:  PRINT " landed"
        NEWLINE
        jmp resume
far_ret: PRINT " far"
        lretq
far_gate:
        PRINT " gate"
        lretq
far_gate_inner:
        movq %rsp, %rbp
        SHOW16 " cs=", 8(%rbp)
        SHOW16 " ss=", 24(%rbp)
        movw %ss, %ax
        movzwl %ax, %eax
        SHOW16 " now=", %rax
        movl $ring0_top, %eax
        subq %rbp, %rax
        SHOW16 " size=", %rax
        lretq
user_gate:
        movl $SEL_GATE | 3, scratch + 4
        lcall *scratch
        int $0x80
user_gate_jmp:
        movl $SEL_GATE | 3, scratch + 4
        ljmp *scratch
user_seg:
        movw %ss, %ax
        movzwl %ax, %eax
        SHOW16 " ss=", %rax
        int $0x80
user_nullss:
        xorl %eax, %eax
        movl %eax, %ss
        int $0x80
user_in:
        inb $0xE0, %al
        inb $0xE1, %al
        int $0x80
user_in_high:
        movl $0x100, %edx
        inb %dx, %al
        int $0x80
user_high:
        movq $HIGH, %rax
        movq (%rax), %rax
        .code32
compat_plain:
        movl $SEL_DATA0, %eax
        movl %eax, %ss
        ljmp $SEL_CODE0, $back64
compat_based:
        movl scratch - 0x100000, %ebx
        ljmp $SEL_CODE0, $back64
compat_limit:
        movl 0x10000, %ebx
        ljmp $SEL_CODE0, $back64
compat_plain_read:
        movl scratch, %ebx
        ljmp $SEL_CODE0, $back64
compat_inc:
        incl %eax
        ljmp $SEL_CODE0, $back64
compat_inc40:
        .byte 0x40, 0x40, 0x48
        ljmp $SEL_CODE0, $back64
user_gate32:
        lcall $SEL_GATE | 3, $0
        int $0x80
