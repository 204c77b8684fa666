/* Port access at ring 3: IOPL, the I/O permission bitmap and its end, string forms (SDM 1 18.5). */
#include "kernel.inc"

        .macro PORT text, flags, code
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

        .macro BITMAP limit              /* reload TR with this TSS limit */
        movw $\limit, gdt + SEL_TSS
        andb $~2, gdt + SEL_TSS + 5
        movl $SEL_TSS, %eax
        ltr %ax
        .endm

main:   PORT "iopl 3, no bitmap", 0x3002, "inb $0xE0, %al"
        PORT "iopl 0, no bitmap", 2, "inb $0xE0, %al"
        PORT "iopl 2, no bitmap", 0x2002, "outb %al, $0xE0"
        movw $104, tss + 102
        movl $tss + 104, %edi
        movl $32, %ecx
        movb $0, %al
        rep stosb
        movb $0xFF, tss + 104 + 0xE0 / 8
        movb $0x10, tss + 104 + 0xA8 / 8        /* port 0xAC */
        BITMAP 103 + 33
        PORT "bitmap denies 0xE0", 2, "inb $0xE0, %al"
        PORT "bitmap allows 0xA8", 2, "inb $0xA8, %al"
        PORT "bitmap allows 0xA8 dword", 2, "inl $0xA8, %eax"
        PORT "bitmap denies 0xA9 dword (0xAC)", 2, "inl $0xA9, %eax"
        PORT "bitmap allows 0xAA word", 2, "inw $0xAA, %ax"
        PORT "bitmap denies 0xAB word (0xAC)", 2, "outw %ax, $0xAB"
        PORT "bitmap denies 0xAC", 2, "outb %al, $0xAC"
        PORT "dword across two bytes, denied in the second", 2, "inl $0xDD, %eax"
        PORT "last port of the bitmap", 2, "inb $0xFF, %al"
        PORT "word over the bitmap's last byte", 2, "inw $0xF7, %ax"
        PORT "port beyond the bitmap", 2, "movw $0x3F0, %dx; inb %dx, %al"
        PORT "iopl 3 ignores the bitmap", 0x3002, "inb $0xE0, %al"
        PORT "ins denied", 2, "movw $0xE0, %dx; movl $buffer, %edi; insb"
        PORT "outs denied", 2, "movw $0xE0, %dx; movl $buffer, %esi; outsb"
        PORT "rep ins with count 0, denied port", 2, "movw $0xE0, %dx; movl $buffer, %edi; xorl %ecx, %ecx; cld; rep insb"
        PORT "rep ins denied, count kept", 2, "movw $0xE0, %dx; movl $buffer, %edi; movl $4, %ecx; rep insb"
        BITMAP 103 + 16
        PORT "bitmap cut short", 2, "inb $0xA8, %al"
        PORT "bitmap cut short, first half", 2, "inb $0x68, %al"
        BITMAP 103
        PORT "bitmap at the limit", 2, "inb $0xA8, %al"
        movw $0xFFFF, tss + 102
        PORT "offset beyond", 2, "inb $0xA8, %al"
        movw $0x50, tss + 102
        BITMAP 103
        PORT "bitmap over the TSS itself, a zero field", 2, "inb $0x80, %al"
        PORT "bitmap over the TSS itself, its offset field", 2, "inb $0xB4, %al"
        PORT "bitmap over the TSS itself, last byte", 2, "inb $0xB8, %al"
        movw $104, tss + 102
        BITMAP 104
        PORT "one byte of bitmap, word access at its start", 2, "movw $1, %dx; inw %dx, %ax"
        movw $0x7000, tss16 + 2
        movw $SEL_DATA0, tss16 + 4
        movl $SEL_TSS16, %eax
        ltr %ax
        PORT "a 16-bit TSS has no bitmap", 2, "inb $0xA8, %al"
        PORT "iopl 3 with a 16-bit TSS", 0x3002, "inb $0xA8, %al"
        movw $0xFFFF, tss + 102
        BITMAP 167
        PORT "cli iopl 0", 2, "cli"
        PORT "cli iopl 3", 0x3002, "cli"
        PORT "sti iopl 2", 0x2002, "sti"
        PORT "hlt iopl 3", 0x3002, "hlt"
        movl $string, %esi
        movl $4, %ecx
        movl $0xE9, %edx
        rep outsb
        ret

        .data
buffer: .long 0
string: .ascii "end\n"
