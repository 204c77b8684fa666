/* Option ROM that starts a Multiboot kernel given by -kernel, with the firmware's services at hand.

   A PnP boot entry vector (BEV): the firmware calls it as a boot device.  It copies itself into the 64 KiB of low memory that
   fw_cfg's setup address names, and goes on there (main.c): code, data and stack in one segment.
   Spec: PnP BIOS Specification 1.0a chapter 3, Multiboot Specification 0.6.96 section 3.2, QEMU docs/specs/fw_cfg.rst. */

        .code16
        .section .text.start, "ax"
        .equ    FW_CFG, 0x510
        .equ    SETUP_ADDR, 0x16
        .equ    STACK, 0xFFF0
        .equ    KERNEL_STACK, 0x7C00
        .equ    LOADER_MAGIC, 0x2BADB002

        .globl  rom
rom:    .byte   0x55, 0xAA, 0           /* size in 512 bytes, by build.py */
        jmp     init
        .org    0x1A
        .word   pnp

init:   movw    $0x20, %ax              /* a boot device is attached */
        lretw

        .align  16
pnp:    .ascii  "$PnP"
        .byte   1, 2                    /* revision, length in 16 bytes */
        .word   0                       /* no further header */
        .byte   0
        .byte   0                       /* checksum, by build.py */
        .long   0                       /* device identifier */
        .word   maker
        .word   product
        .byte   0, 0, 0                 /* device type */
        .byte   0x64                    /* may be shadowed, has an IPL device, needed for IPL */
        .word   0, 0                    /* BCV, disconnect vector */
        .word   boot                    /* BEV */
        .word   0, 0

maker:  .asciz  "emu"
product:.asciz  "Multiboot kernel (fw_cfg)"

boot:   cld
        movw    $SETUP_ADDR, %ax
        movw    $FW_CFG, %dx
        outw    %ax, %dx
        incw    %dx
        movw    $4, %cx
1:      inb     %dx, %al
        shrdl   $8, %eax, %ebx
        decw    %cx
        jnz     1b
        shrl    $4, %ebx
        jz      none                    /* no kernel: not a boot device after all */
        cli
        movw    %bx, %ss
        movl    $STACK, %esp
        movw    %bx, %es
        xorw    %si, %si
        xorw    %di, %di
        movw    $rom_end, %cx
        cs rep  movsb
        movw    $bss_end, %cx
        subw    %di, %cx
        xorw    %ax, %ax
        rep     stosb
        movw    %bx, %ds
        movw    %bx, segment
        sti
        pushw   %bx
        pushw   $here
        lretw
here:   calll   main
none:   lretw

/* void intcall(u8 number, struct regs *r): as the caller has it but for DS and SS, which are ours */
        .text
        .globl  intcall
intcall:
        pushal
        pushw   %es
        movb    %al, number + 1
        pushl   %edx
        movl    (%edx), %eax
        movl    4(%edx), %ebx
        movl    8(%edx), %ecx
        movl    16(%edx), %esi
        movl    20(%edx), %edi
        movw    24(%edx), %es
        movl    12(%edx), %edx
        jmp     number                  /* the instruction is fetched anew */
number: int     $0
        cld
        movw    %cs:segment, %ds
        movzwl  %sp, %esp
        pushfw
        pushl   %edx
        movl    6(%esp), %edx
        movl    %eax, (%edx)
        movl    %ebx, 4(%edx)
        movl    %ecx, 8(%edx)
        popl    12(%edx)
        movl    %esi, 16(%edx)
        movl    %edi, 20(%edx)
        movw    %es, 24(%edx)
        popw    26(%edx)
        popl    %edx
        popw    %es
        popal
        retl

/* void launch(u32 entry, u32 info, u32 base): the machine state of section 3.2 */
        .globl  launch
launch: cli
        movl    %ecx, %edi
        movl    %eax, %esi
        movl    %edx, %ebx
        addl    %ecx, gdt_at
        addl    %ecx, flat_at
        inb     $0x92, %al              /* A20 */
        testb   $2, %al
        jnz     1f
        andb    $0xFE, %al
        orb     $2, %al
        outb    %al, $0x92
1:      lgdtl   gdtr
        movl    %cr0, %eax
        orl     $1, %eax
        movl    %eax, %cr0
        ljmpl   *flat_at
        .code32
flat:   movw    $16, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %fs
        movw    %ax, %gs
        movw    %ax, %ss
        addl    %edi, %esp
        pushl   $2
        popfl
        movl    $KERNEL_STACK, %esp
        movl    $LOADER_MAGIC, %eax
        xorl    %ecx, %ecx
        xorl    %edx, %edx
        xorl    %edi, %edi
        xorl    %ebp, %ebp
        jmp     *%esi

        .data
        .align  8
gdt:    .quad   0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF
        .word   0
gdtr:   .word   23
gdt_at: .long   gdt
flat_at:.long   flat
        .word   8
        .globl  segment
segment:.word   0
