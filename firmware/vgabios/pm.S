/* VBE's window function for far calls, and its protected mode interface (AX=4F0Ah). */
        .code16
        .globl  window_call, pm_table, pm_end
        .text
window_call:                            /* BH: 0 set, 1 get; BL: window A; DX: bank */
        pushw   %ax
        testb   %bl, %bl
        jnz     1f
        pushw   %dx
        movw    $0x1CE, %dx
        movw    $5, %ax
        outw    %ax, %dx
        popw    %ax
        pushw   %dx
        movw    $0x1CF, %dx
        testb   %bh, %bh
        jnz     2f
        outw    %ax, %dx
        popw    %dx
        movw    %ax, %dx
        jmp     1f
2:      inw     %dx, %ax
        addw    $2, %sp
        movw    %ax, %dx
1:      popw    %ax
        lretw

        .align  4
pm_table:
        .word   pm_window - pm_table, pm_start - pm_table, pm_palette - pm_table, pm_ports - pm_table
pm_ports:
        .word   0x1CE, 0x1CF, 0x3C8, 0x3C9, 0x3DA, 0xFFFF, 0xFFFF
        .code32
pm_window:                              /* DX: bank */
        pushl   %eax
        pushl   %edx
        pushl   %edx
        movw    $0x1CE, %dx
        movw    $5, %ax
        outw    %ax, %dx
        popl    %eax
        incl    %edx
        outw    %ax, %dx
        popl    %edx
        popl    %eax
        movw    $0x4F, %ax
        ret
pm_start:                               /* DX:CX: start in units of 4 bytes */
        pushal
        movzwl  %cx, %esi
        shll    $16, %edx
        orl     %edx, %esi
        shll    $2, %esi                /* byte offset */
        movw    $0x1CE, %dx
        movw    $3, %ax
        outw    %ax, %dx
        incl    %edx
        xorl    %ebx, %ebx
        inw     %dx, %ax
        movzwl  %ax, %ebx
        addl    $7, %ebx
        shrl    $3, %ebx                /* bytes a pixel */
        decl    %edx
        movw    $6, %ax
        outw    %ax, %dx
        incl    %edx
        xorl    %eax, %eax
        inw     %dx, %ax
        imull   %ebx, %eax
        movl    %eax, %ecx              /* bytes a line */
        movl    %esi, %eax
        xorl    %edx, %edx
        testl   %ecx, %ecx
        jz      1f
        divl    %ecx
        pushl   %eax                    /* line */
        movl    %edx, %eax
        xorl    %edx, %edx
        testl   %ebx, %ebx
        jz      2f
        divl    %ebx
2:      movl    %eax, %ecx              /* pixel */
        movw    $0x1CE, %dx
        movw    $8, %ax
        outw    %ax, %dx
        incl    %edx
        movl    %ecx, %eax
        outw    %ax, %dx
        decl    %edx
        movw    $9, %ax
        outw    %ax, %dx
        incl    %edx
        popl    %eax
        outw    %ax, %dx
1:      popal
        movw    $0x4F, %ax
        ret
pm_palette:                             /* CX colours from DX on at ES:EDI: blue, green, red, 0 */
        pushal
        movzwl  %cx, %ecx
        movl    %edx, %eax
        movw    $0x3C8, %dx
        outb    %al, %dx
        incl    %edx
        jecxz   4f
3:      movb    %es:2(%edi), %al
        outb    %al, %dx
        movb    %es:1(%edi), %al
        outb    %al, %dx
        movb    %es:(%edi), %al
        outb    %al, %dx
        addl    $4, %edi
        loop    3b
4:      popal
        movw    $0x4F, %ax
        ret
pm_end:
