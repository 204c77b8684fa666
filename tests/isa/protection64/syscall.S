/* SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS, FS and GS bases (SDM 3A 5.8.8; SDM 2B). */
#include "kernel64.inc"

main:   SETMSR 0xC0000081, 0x0018000800000000
        SETMSR 0xC0000082, entry
        SETMSR 0xC0000083, entry
        SETMSR 0xC0000084, 0x700
        TRY "syscall from ring 3"
        USER user_syscall
        ENDTRY
        TRY "syscall from ring 0"
        movq $0x1234, %r11
        syscall
        ENDTRY
        TRY "sysret to 64-bit"
        movq $user_top, %rsp
        movq $user_show, %rcx
        movq %rcx, try_rip
        movl $0x3702, %r11d
        sysretq
        ENDTRY
        TRY "sysret to compat"
        movq $user_top, %rsp
        movq $user_quit32, %rcx
        movq %rcx, try_rip
        movl $0x3302, %r11d
        sysretl
        ENDTRY
        TRY "sysret non-canonical"
        movq $0x800000000000, %rcx
        movl $0x3302, %r11d
        sysretq
        ENDTRY
        TRY "sysret from ring 3"
        USER user_sysret
        ENDTRY
        TRY "syscall from compat"
        USER32 user_syscall32
        ENDTRY
        TRY "lstar non-canonical"
        SETMSR 0xC0000082, 0x800000000000
        ENDTRY
        TRY "kernel gs base non-canonical"
        SETMSR 0xC0000102, 0x8000000000000000
        ENDTRY
        TRY "fs base non-canonical"
        SETMSR 0xC0000100, 0x8000000000000000
        ENDTRY
        SETMSR 0xC0000101, 0x111122223333
        SETMSR 0xC0000102, 0xFFFF800000001234
        TRY "swapgs"
        swapgs
        movl $0xC0000101, %ecx
        rdmsr
        shlq $32, %rdx
        orq %rdx, %rax
        SHOW " gs=", %rax
        movl $0xC0000102, %ecx
        rdmsr
        shlq $32, %rdx
        orq %rdx, %rax
        SHOW " kernel=", %rax
        ENDTRY
        TRY "swapgs from ring 3"
        USER user_swapgs
        ENDTRY
        TRY "gs-relative"
        SETMSR 0xC0000101, scratch
        movq $0x55AA, scratch + 8
        SHOW " ", %gs:8
        ENDTRY
        TRY "gs-relative high alias"
        SETMSR 0xC0000101, HIGH
        SHOW " ", %gs:scratch + 8
        ENDTRY
        TRY "gs-relative non-canonical"
        SETMSR 0xC0000101, 0x7FFFFFFFFFFF
        movq %gs:8, %rax
        ENDTRY
        TRY "mov gs null"
        xorl %eax, %eax
        movl %eax, %gs
        ENDTRY
        TRY "mov gs based"
        movl $SEL_BASED, %eax
        movl %eax, %gs
        movl $0xC0000101, %ecx
        rdmsr
        shlq $32, %rdx
        orq %rdx, %rax
        SHOW " gs=", %rax
        ENDTRY
        TRY "rdfsbase disabled"
        rdfsbase %rax
        ENDTRY
        movq %cr4, %rax
        orl $0x10000, %eax
        movq %rax, %cr4
        TRY "fsgsbase"
        movq $0x7FFF12345678, %rax
        wrfsbase %rax
        rdfsbase %rbx
        SHOW " fs=", %rbx
        movl $-5, %eax
        wrgsbase %eax
        rdgsbase %rbx
        SHOW " gs=", %rbx
        rdgsbase %ebx
        SHOW " ", %rbx
        ENDTRY
        TRY "wrgsbase non-canonical"
        movq $0x800000000000, %rax
        wrgsbase %rax
        ENDTRY
        TRY "efer bits"
        SETMSR 0xC0000080, 0x10901
        ENDTRY
        TRY "efer lme off while paging"
        SETMSR 0xC0000080, 0x801
        ENDTRY
        TRY "efer lma is read-only"
        SETMSR 0xC0000080, 0x901
        movl $0xC0000080, %ecx
        rdmsr
        SHOW " ", %rax
        ENDTRY
        TRY "sce off"
        SETMSR 0xC0000080, 0x900
        syscall
        ENDTRY
        SETMSR 0xC0000080, 0x901
        /* SYSENTER */
        SETMSR 0x174, 0
        TRY "sysenter without cs"
        USER user_sysenter
        ENDTRY
        SETMSR 0x174, SEL_SE
        SETMSR 0x175, ring0_top
        SETMSR 0x176, se_entry
        TRY "sysenter from 64-bit"
        USER user_sysenter
        ENDTRY
        TRY "sysenter from compat"
        USER32 user_sysenter32
        ENDTRY
        TRY "sysexit 64"
        movq $user_show, %rdx
        movq $user_top, %rcx
        movq %rdx, try_rip
        pushq $0x3002
        popfq
        sysexitq
        ENDTRY
        TRY "sysexit 32"
        movq $user_quit32, %rdx
        movq $user_top, %rcx
        movq %rdx, try_rip
        pushq $0x3002
        popfq
        sysexitl
        ENDTRY
        TRY "sysexit non-canonical rip"
        movq $0x800000000000, %rdx
        movq $user_top, %rcx
        sysexitq
        ENDTRY
        TRY "sysexit non-canonical rsp"
        movq $user_show, %rdx
        movq $0x800000000000, %rcx
        sysexitq
        ENDTRY
        TRY "sysexit from ring 3"
        USER user_sysexit
        ENDTRY
        TRY "lahf"
        movb $0xD7, %ah
        sahf
        movl $0, %eax
        lahf
        SHOW16 " ", %rax
        ENDTRY
        TRY "cmpxchg16b"
        movq $1, scratch + 16
        movq $2, scratch + 24
        movl $1, %eax
        movl $2, %edx
        movl $3, %ebx
        movl $4, %ecx
        lock cmpxchg16b scratch + 16
        SHOW " ", scratch + 16
        SHOW " ", scratch + 24
        ENDTRY
        TRY "cmpxchg16b unaligned"
        cmpxchg16b scratch + 8
        ENDTRY
        TRY "rdtscp aux"
        SETMSR 0xC0000103, 0x4321
        rdtscp
        SHOW " ", %rcx
        ENDTRY
        TRY "cr8"
        movl $5, %eax
        movq %rax, %cr8
        movq %cr8, %rbx
        SHOW " ", %rbx
        xorl %eax, %eax
        movq %rax, %cr8
        ENDTRY
        TRY "cr8 reserved"
        movl $16, %eax
        movq %rax, %cr8
        ENDTRY
        TRY "cr8 from ring 3"
        USER user_cr8
        ENDTRY
        ret

entry:  SHOW " rcx-rip=", $0
        subq try_rip, %rcx
        SHOW " rcx=", %rcx
        movq %r11, %rax
        andl $~0x8D5, %eax
        SHOW " r11=", %rax
se_entry:
        pushfq
        popq %rax
        andl $~0x8D5, %eax
        SHOW " fl=", %rax
        movw %cs, %ax
        movzwl %ax, %eax
        SHOW16 " cs=", %rax
        movw %ss, %ax
        movzwl %ax, %eax
        SHOW16 " ss=", %rax
        movq %rsp, %rax
        NEWLINE
        jmp resume
user_syscall:
        movq $user_top, %rsp
        syscall
        int $0x80
user_show:
        movw %cs, %ax
        movzwl %ax, %eax
        SHOW16 " cs=", %rax
        movw %ss, %ax
        movzwl %ax, %eax
        SHOW16 " ss=", %rax
        int $0x80
user_sysret: sysretq
user_swapgs: swapgs
user_sysenter: sysenter
user_sysexit: sysexitq
user_cr8: movq %cr8, %rax
        .code32
user_quit32: int $0x80
user_syscall32: syscall
user_sysenter32: sysenter
