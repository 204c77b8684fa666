/* A boot ROM without a BIOS: reset vector, straight into flat 32-bit protected mode, an ELF program's segments copied to their
   places.  tests/isa/bochs.py puts a table and the data below it; the whole is a 256 KiB ROM that ends at 4 GiB.

   at 0xFFFC0000: entry point, then {destination, source, length}, ended by length 0.  This file is the last 4 KiB. */
        .set TABLE, 0xFFFC0000
        .set LINEAR, 0xFFFFF000
        .set REAL, 0xF000               /* the same page as an offset in the reset CS */
        .code16
        .text
entry:  cli
        lgdtl %cs:REAL + (gdtr - entry)
        movl %cr0, %eax
        andl $~0x60000000, %eax         /* caches on, as a boot loader leaves them */
        orl $1, %eax
        movl %eax, %cr0
        ljmpl $8, $LINEAR + (flat - entry)
        .code32
flat:   movl $16, %eax
        movl %eax, %ds
        movl %eax, %es
        movl %eax, %ss
        movl %eax, %fs
        movl %eax, %gs
        inb $0x92, %al
        orb $2, %al                     /* A20 */
        outb %al, $0x92
        movl $TABLE + 4, %ebx
        cld
1:      movl (%ebx), %edi
        movl 4(%ebx), %esi
        movl 8(%ebx), %ecx
        addl $12, %ebx
        jecxz 2f
        rep movsb
        jmp 1b
2:      movl $0x2BADB002, %eax
        jmp *TABLE
        .align 8
gdt:    .quad 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF
gdtr:   .word 23
        .long LINEAR + (gdt - entry)
        .org 0xFF0
        .code16
        jmp entry
        .org 0x1000
