/* Virtual-8086 mode: entry, IOPL-sensitive and privileged instructions, interrupts out of it (SDM 3A ch. 20). */
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

        .set I3, 0x3000

main:   movb $0xF4, 0x20200             /* HLT where the IRET case goes */
        movl $show_frame, hook
        movl $1, mask_ext
        V86 "hlt", I3, "nop"
        V86 "hlt iopl 0", 0, "nop"
        V86 "cli iopl 3", I3, "cli"
        V86 "cli iopl 0", 0, "cli"
        V86 "sti iopl 0", 0, "sti"
        V86 "pushf iopl 3", I3, "pushfw; popw %ax"
        V86 "pushf iopl 0", 0, "pushfw; popw %ax"
        V86 "pushfl iopl 3", I3, "pushfl; popl %eax"
        V86 "popf iopl 0", 0, "pushw $0; popfw"
        V86 "popf iopl 3 tries iopl 0", I3, "pushw $0x0002; popfw; pushfw; popw %ax"
        V86 "int 0x21 iopl 3, gate dpl 0", I3, "int $0x21"
        V86 "int 0x80 iopl 3, gate dpl 3", I3, "int $0x22"
        V86 "int 0x80 iopl 0", 0, "int $0x22"
        V86 "int3 iopl 0", 0, "int3"
        V86 "int3 iopl 3", I3, "int3"
        V86 "into iopl 0", 0, "movb $0x7F, %al; addb $1, %al; into"
        V86 "iret iopl 0", 0, "iretw"
        V86 "iret iopl 3", I3, "pushw $2; pushw %cs; pushw $0x200; iretw"
        V86 "in al iopl 3, no bitmap", I3, "inb $0x80, %al"
        V86 "out iopl 3, no bitmap", I3, "outb %al, $0x80"
        V86 "lgdt", I3, "lgdtw 0"
        V86 "sldt", I3, ".byte 0x0F, 0x00, 0xC0"
        V86 "lar", I3, ".byte 0x0F, 0x02, 0xC0"
        V86 "arpl", I3, ".byte 0x63, 0xC0"
        V86 "mov cr0", I3, "movl %cr0, %eax"
        V86 "mov dr0", I3, "movl %dr0, %eax"
        V86 "clts", I3, "clts"
        V86 "smsw", I3, "smsww %ax"
        V86 "rdmsr", I3, "rdmsr"
        V86 "invlpg", I3, "invlpg 0"
        V86 "ud2", I3, "ud2"
        V86 "divide error", I3, "xorw %ax, %ax; divw %ax"
        V86 "far jump", I3, "ljmpw $0x2010, $0x100"
        V86 "segments load as base", I3, "movw $0x2345, %ax; movw %ax, %es; movw %ax, %gs; movw %es, %bx"
        V86 "lock bad", I3, ".byte 0xF0, 0x90"
        /* the I/O bitmap counts even with IOPL 3 */
        movw $104, tss + 102
        movw $167, gdt + SEL_TSS
        andb $~2, gdt + SEL_TSS + 5
        movl $SEL_TSS, %eax
        ltr %ax
        movb $0xFF, tss + 104 + 0xE0 / 8
        movb $0xFE, tss + 104 + 0xA8 / 8
        movb $0, tss + 104 + 0xB8 / 8
        V86 "in 0xE0 denied", I3, "inb $0xE0, %al"
        V86 "in 0xA8 allowed", I3, "inb $0xA8, %al"
        V86 "in 0xA8 word denied", I3, "inw $0xA8, %ax"
        V86 "in 0xB8 iopl 0 allowed", 0, "inb $0xB8, %al"
        V86 "in 0xB8 dword", 0, "inl $0xB8, %eax"
        /* delivery out of V86 needs a ring 0 handler */
        movw $SEL_CONF0, idt + 0x22 * 8 + 2
        V86 "int to conforming code", I3, "int $0x22"
        movl $0, hook
        ret

go_v86: movb $0xEE, idt + 0x22 * 8 + 5
        /* copy the code to 0x20000 */
        pushl %eax
        movl $0x20000, %edi
        movl $64, %ecx
        rep movsb
        popl %eax
        movl $0x20000, try_eip
        pushl $0x5678                   /* GS, FS, DS, ES */
        pushl $0x4567
        pushl $0x2000
        pushl $0x3456
        pushl $0x3000                   /* SS:ESP */
        pushl $0x0FF0
        pushl %eax
        pushl $0x2000
        pushl $0
        movl $0x11111111, %eax
        movl $0x22222222, %ebx
        iretl

show_frame:                             /* called with the pushed registers above the return address */
        testl $0x20000, 52(%esp)
        jz 1f
        SHOW " v86 ss:sp ", 60(%esp)
        SHOW ":", 56(%esp)
        SHOW " es ", 64(%esp)
        SHOW " ds ", 68(%esp)
        SHOW " fs ", 72(%esp)
        SHOW " gs ", 76(%esp)
        SHOW " eax ", 32(%esp)
        SHOW " ebx ", 20(%esp)
        movl %fs, %eax
        SHOW " now fs ", %eax
1:      ret
