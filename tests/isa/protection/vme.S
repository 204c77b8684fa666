/* Virtual-8086 mode extensions and protected-mode virtual interrupts (SDM 3A 20.3.3, 20.4); QEMU TCG has neither.
   The expected output is from the SDM. */
#include "kernel.inc"

        .macro V86 text, flags, code
        .pushsection .text.v86, "ax"
        .code16
94:     \code
        hlt
        .code32
        .popsection
        TRY "\text"
        movl $94b, %esi
        movl $\flags | 0x20002, %eax
        call go_v86
        ENDTRY
        .endm

        .macro PVI text, flags, code
        .pushsection .text.user, "ax"
94:     \code
        int $0x80
        .popsection
        movl $\flags, user_flags
        TRY "\text"
        movl $94b, %eax
        pushl %eax
        call go_user
        ENDTRY
        .endm

        .set I3, 0x3000
        .set VIF, 0x80000
        .set VIP, 0x100000

main:   movl %cr4, %eax
        orl $3, %eax                    /* VME, PVI */
        movl %eax, %cr4
        movw $104 + 32, tss + 102       /* redirection map below the I/O map: INT 21h to the IDT, others to the V86 table */
        movw $104 + 32 + 63, gdt + SEL_TSS
        andb $~2, gdt + SEL_TSS + 5
        movl $SEL_TSS, %eax
        ltr %ax
        movb $2, tss + 104 + 0x21 / 8
        movb $0xEE, idt + 0x21 * 8 + 5
        movw $0x300, 0x22 * 4           /* the V86 table: INT 22h at 2000:0300, which halts */
        movw $0x2000, 0x22 * 4 + 2
        movb $0xF4, 0x20300
        movl $show, hook
        V86 "cli clears vif", VIF, "cli"
        V86 "sti sets vif", 0, "sti"
        V86 "sti with vip", VIP, "sti"
        V86 "cli iopl 3 clears if", I3 | 0x200 | VIF, "cli"
        V86 "pushf shows vif as if, iopl 3", VIF, "pushfw; popw %ax"
        V86 "pushf without vif", 0, "pushfw; popw %ax"
        V86 "pushfl", 0, "pushfl"
        V86 "popf sets vif", 0, "pushw $0x202; popfw"
        V86 "popf with vip", VIP, "pushw $0x202; popfw"
        V86 "popf with tf", 0, "pushw $0x102; popfw"
        V86 "iret sets vif", 0, "pushw $0x202; pushw %cs; pushw $0x300; iretw"
        V86 "iret with vip", VIP, "pushw $0x202; pushw %cs; pushw $0x300; iretw"
        V86 "iretl", 0, "iretl"
        V86 "int 22h redirected, iopl 0", VIF, "int $0x22"
        V86 "int 22h redirected, iopl 3", I3 | 0x200, "int $0x22"
        V86 "int 21h, iopl 0", 0, "int $0x21"
        V86 "int 21h, iopl 3: through the idt", I3, "int $0x21"
        movl $0, hook
        PVI "pvi cli", VIF, "cli"
        PVI "pvi sti", 0, "sti"
        PVI "pvi sti with vip", VIP, "sti"
        PVI "pvi iopl 3", I3 | VIF, "cli"
        ret

go_v86: pushl %eax
        movl $0x20000, %edi
        movl $64, %ecx
        rep movsb
        popl %eax
        movl $0, 0x30FE8                /* what a redirected INT pushes is shown from here */
        movl $0, 0x30FEC
        movl $0x20000, try_eip
        pushl $0x5678
        pushl $0x4567
        pushl $0x2000
        pushl $0x3456
        pushl $0x3000
        pushl $0x0FF0
        pushl %eax
        pushl $0x2000
        pushl $0
        xorl %eax, %eax
        iretl

show:   movzwl 56(%esp), %eax
        SHOW " sp ", %eax
        movzwl 32(%esp), %eax
        SHOW " ax ", %eax
        movzwl 0x30FEA, %eax
        SHOW " pushed ip ", %eax
        movzwl 0x30FEC, %eax
        SHOW " cs ", %eax
        movzwl 0x30FEE, %eax
        SHOW " flags ", %eax
        ret
