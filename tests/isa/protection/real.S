/* Real mode: the vector table and its limit, 16-bit wrap of IP, SP and addresses, limits of 64 KiB,
   instructions that do not exist
   there, "unreal" limits left by protected mode (SDM 3A ch. 20).  Each case is copied to 0800:0000 and runs with SS:SP = 0:7000,
   DS = ES = 3000, FS with the flat descriptor's limit; an interrupt ends it. */
#include "kernel.inc"

        .set R_CODE, SEL_GATE           /* 16-bit code and data, base 0, 64 KiB */
        .set R_DATA, SEL_GATE16
        .set LOW, 0x9000                /* where the 16-bit part goes */
        .set SAVE, 0x9F00               /* vector, IP, CS, FLAGS, ESP, EAX */

        .macro REAL text, code, flags=2, sp=0x7000
        .pushsection .text.real, "ax"
        .code16
94:     \code
        int $0x40
        .code32
        .popsection
        TRY "\text"
        movl $94b, %esi
        movl $\flags, %eax
        movl $\sp, %edx
        call go_real
        ENDTRY
        .endm

main:   movl $0x0000FFFF, gdt + R_CODE
        movl $0x00009A00, gdt + R_CODE + 4
        movl $0x0000FFFF, gdt + R_DATA
        movl $0x00009200, gdt + R_DATA + 4
        movl $low_start, %esi
        movl $LOW, %edi
        movl $low_end - low_start, %ecx
        rep movsb
        xorl %edi, %edi                 /* vector table at 0, and one at 0x400 for the LIDT case */
        movl $LOW + (stubs16 - low_start), %eax
1:      movl %eax, (%edi)
        movl %eax, 0x400(%edi)
        addl $16, %eax
        addl $4, %edi
        cmpl $4 * 0x60, %edi
        jb 1b
        movl $LOW + (stubs16 - low_start) + 16 * 0x51, 0x400 + 4 * 0x20
        movw $0xA55A, 0x2FFFE           /* the top of DS minus a page: DS:FFFE is 3FFFE */
        movl $0x44332211, 0x3FFFC
        movl $0x88776655, 0x30000
        movw $0x9090, 0x17FFE           /* 0800:FFFE */
        REAL "int", "int $0x20"
        REAL "int with if and tf set: cleared in the handler, pushed set", "int $0x20", 0x0302
        REAL "divide error points at the instruction", "xorw %bx, %bx; divw %bx"
        REAL "int3", "int3"
        REAL "into", "movb $0x7F, %al; addb $1, %al; into"
        REAL "bound", "movw $0, %bx; movw $0x1111, %ax; movw $0, (%bx); movw $5, 2(%bx); boundw %ax, (%bx)"
        REAL "single step", "nop; nop", 0x102
        REAL "ud2", "ud2"
        REAL "lock nop", ".byte 0xF0, 0x90"
        REAL "sldt does not exist", ".byte 0x0F, 0x00, 0xC0"
        REAL "str does not exist", ".byte 0x0F, 0x00, 0xC8"
        REAL "lldt does not exist", ".byte 0x0F, 0x00, 0xD0"
        REAL "verr does not exist", ".byte 0x0F, 0x00, 0xE0"
        REAL "lar does not exist", ".byte 0x0F, 0x02, 0xC0"
        REAL "lsl does not exist", ".byte 0x0F, 0x03, 0xC0"
        REAL "arpl does not exist", ".byte 0x63, 0xC0"
        REAL "sysenter", "sysenter"
        REAL "sysexit", "sysexit"
        REAL "smsw, clts, lmsw without pe", "clts; smsww %ax; lmsww %ax"
        REAL "mov cr0, dr7, rdmsr", "movl %dr7, %eax; movl $0x1B, %ecx; rdmsr; movl %cr0, %eax"
        REAL "hlt would be allowed, cli too", "cli; sti; cli"
        REAL "popf sets iopl and nt", "pushw $0x7002; popfw; pushfw; popw %ax"
        REAL "popfl sets ac and id, not vm", "pushl $0x267002; popfl; pushfl; popl %eax; pushl $2; popfl"
        REAL "iret", "pushw $0x7202; pushw %cs; pushw $0x20; iretw; .skip 32, 0x90; pushfw; popw %ax"
        REAL "iretl beyond 64 KiB", "pushl $2; pushl $0x800; pushl $0x10000; iretl"
        REAL "byte at FFFF", "movb 0xFFFF, %al"
        REAL "word at FFFF", "movw 0xFFFF, %ax"
        REAL "dword at FFFD", "movl 0xFFFD, %eax"
        REAL "dword at FFFC", "movl 0xFFFC, %eax"
        REAL "word at bp = FFFF is a stack fault", "movw $0xFFFF, %bp; movw (%bp), %ax"
        REAL "bx + si wraps", "movw $0xFFF0, %bx; movw $0x12, %si; movw (%bx, %si), %ax"
        REAL "32-bit address beyond the limit", "movl $0x10000, %ebx; movw (%ebx), %ax"
        REAL "32-bit address below it", "movl $0xFFFE, %ebx; movw (%ebx), %ax"
        REAL "unreal fs", "movl $0x30000, %ebx; movl %fs:(%ebx), %eax"
        REAL "loading fs keeps the limit", "movw $0x2000, %ax; movw %ax, %fs; movl $0x10000, %ebx; movl %fs:(%ebx), %eax"
        REAL "lodsw at FFFF", "movw $0xFFFF, %si; lodsw"
        REAL "lodsb wraps si", "movl $0x5555FFFF, %esi; lodsb; movl %esi, %eax"
        REAL "rep stosw across the end", "movw $0xFFFC, %di; movw $4, %cx; xorw %ax, %ax; rep stosw; movw %di, %ax"
        REAL "rep stosb beyond by an odd start", "movw $0xFFFF, %di; movw $4, %cx; movb $0x11, %al; rep stosb; movw %di, %ax"
        REAL "rep movsw faults with si at FFFF", "movw $0xFFFD, %si; movw $0x100, %di; movw $4, %cx; rep movsw"
        REAL "xlat wraps", "movw $0xFFFF, %bx; movb $2, %al; xlatb"
        REAL "push wraps from 0", "pushw $0x1234; movl %esp, %eax", 2, 0
        REAL "pushl from 2 is a stack fault", "movw $2, %sp; pushl $0"
        REAL "pop at FFFF is a stack fault", "movw $0xFFFF, %sp; popw %ax; movw $0x7000, %sp"
        REAL "frame wraps around the stack", "int $0x20", 2, 4
        REAL "upper half of esp stays", "pushw $1; popw %ax; movl %esp, %eax", 2, 0x12347000
        REAL "jump beyond 64 KiB", ".byte 0x66, 0xE9; .long 0x10000"
        REAL "call beyond 64 KiB", ".byte 0x66, 0xE8; .long 0x10000"
        REAL "execution runs off the end", "movw $0xFFFE, %ax; jmp *%ax"
        REAL "jmp with a 16-bit operand wraps ip", "jmp . - 0x7F00"
        REAL "far call and return", "lcallw $0x0800, $0x20; int $0x40; .skip 25, 0x90; nop; nop; lretw"
        REAL "far jump changes cs", "ljmpw $0x0801, $0x10; .skip 27, 0x90; movw %cs, %ax"
        REAL "segments are 16 times the selector", "movw $0x3FFF, %ax; movw %ax, %es; movl %es:0xC, %eax"
        REAL "idt limit: gp points at the int", "lidtl %cs:93f - 94b; int $0x20; nop; 93: .word 0x7F; .long 0"
        REAL "idt limit, last vector that fits", "lidtl %cs:93f - 94b; int $0x20; nop; 93: .word 0x83; .long 0"
        REAL "idt limit, one byte short", "lidtl %cs:93f - 94b; int $0x20; nop; 93: .word 0x82; .long 0"
        REAL "idt base", "lidtl %cs:93f - 94b; int $0x20; nop; 93: .word 0x3FF; .long 0x400"
        REAL "lidtw loads 24 bits of base", "lidtw %cs:93f - 94b; int $0x20; nop; 93: .word 0x3FF; .long 0xFF000400"
        REAL "les, and a stack of its own", "movl $0x12340100, 0; lesw 0, %ax; movw %es, %ax"
        REAL "mov ss delays a trap", "movw %ax, %ss; nop; nop", 0x102
        REAL "loop counts cx", "movl $0x10002, %ecx; 93: nop; loop 93b; movl %ecx, %eax"
        REAL "enter and leave", "movl $0x56780000, %ebp; enterw $8, $1; leavew; movl %ebp, %eax"
        REAL "aam 0", ".byte 0xD4, 0"
        REAL "fifteen prefixes", ".fill 15, 1, 0x2E; nop"
        ret

go_real:                                /* code %esi, flags %eax, sp %edx */
        movl %esp, saved_esp
        movl $LOW + (stubs16 - low_start), 0            /* a frame that wrapped lies over vector 0 */
        movl $0x8000, %edi
        movl $96, %ecx
        rep movsb
        movl %eax, LOW + (start_flags - low_start)
        movl %edx, LOW + (start_sp - low_start)
        movl $R_DATA, %eax
        movl %eax, %ds
        movl %eax, %es
        movl %eax, %ss
        movl %eax, %gs
        movl $SEL_DATA0, %eax
        movl %eax, %fs
        ljmp $R_CODE, $LOW + (enter16 - low_start)

back32: movl $SEL_DATA0, %eax
        movl %eax, %ds
        movl %eax, %es
        movl %eax, %ss
        movl saved_esp, %esp
        lidt idtr
        movzwl SAVE, %eax
        SHOW " int ", %eax
        movzwl SAVE + 2, %eax
        SHOW " ip ", %eax
        movzwl SAVE + 4, %eax
        SHOW " cs ", %eax
        movzwl SAVE + 6, %eax
        andl $~0x8D5, %eax
        SHOW " fl ", %eax
        movzwl SAVE + 8, %eax
        andl $~0x8D5, %eax
        SHOW " now ", %eax
        SHOW " esp ", SAVE + 12
        SHOW " eax ", SAVE + 16
        jmp resume_ok
resume_ok:
        call say_ok
        jmp resume

/* ---- copied to LOW ---- */
        .code16
low_start:
enter16:
        movl %cr0, %eax
        andb $0xFE, %al
        movl %eax, %cr0
        ljmpw $0, $LOW + (1f - low_start)
1:      xorw %ax, %ax
        movw %ax, %ss
        movl %cs:LOW + (start_sp - low_start), %esp
        movw $0x3000, %ax
        movw %ax, %ds
        movw %ax, %es
        xorl %eax, %eax
        movl %eax, %ecx
        movl %eax, %ebx
        movl %eax, %edx
        movl %eax, %esi
        movl %eax, %edi
        movl %eax, %ebp
        lidtl %cs:LOW + (ivt - low_start)
        ljmpw $0, $LOW + (2f - low_start)
2:      pushw %cs:LOW + (start_flags - low_start)       /* IRET to the case with its flags */
        pushw $0x0800
        pushw $0
        iretw
ivt:    .word 0x3FF
        .long 0
start_flags: .long 0
start_sp: .long 0
        .align 16
stubs16:
        .set n, 0
        .rept 0x60
        .align 16
        movw $n, %cs:SAVE
        jmp common16
        .set n, n + 1
        .endr
common16:
        popw %cs:SAVE + 2
        popw %cs:SAVE + 4
        popw %cs:SAVE + 6
        pushfw
        popw %cs:SAVE + 8
        movl %esp, %cs:SAVE + 12
        movl %eax, %cs:SAVE + 16
        movw $0, %ax
        movw %ax, %ss
        movw $0x7000, %sp
        movl %cr0, %eax
        orb $1, %al
        movl %eax, %cr0
        ljmpl $SEL_CODE0, $back32
low_end:
        .code32

        .data
saved_esp: .long 0
        .text
