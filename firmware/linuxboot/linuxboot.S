/* Option ROM that starts a kernel given by -kernel through its 16-bit entry, with the firmware's services at hand.

   A PnP boot entry vector (BEV): the firmware calls it as a boot device.  Kernel, initrd, command line and setup code come out
   of fw_cfg by DMA, to the addresses fw_cfg names; then the setup code runs at its segment + 20h.  Works with any firmware that
   boots from BEVs, and under QEMU (-option-rom).
   Spec: PnP BIOS Specification 1.0a chapter 3, Linux Documentation/arch/x86/boot.rst, QEMU docs/specs/fw_cfg.rst. */

        .code16
        .section .text
        .equ    DMA_HIGH, 0x514
        .equ    DMA_LOW, 0x518
        .equ    DMA_READ_SELECT, 0x0A
        .equ    STACK, 0x7C00
        .equ    REQUEST, 0x7C00         /* 16 bytes: control, length, address; big-endian */
        .equ    VALUE, 0x7C10           /* a number out of fw_cfg */
        .equ    KERNEL_ADDR, 0x07
        .equ    KERNEL_SIZE, 0x08
        .equ    INITRD_ADDR, 0x0A
        .equ    INITRD_SIZE, 0x0B
        .equ    KERNEL_DATA, 0x11
        .equ    INITRD_DATA, 0x12
        .equ    CMDLINE_ADDR, 0x13
        .equ    CMDLINE_SIZE, 0x14
        .equ    CMDLINE_DATA, 0x15
        .equ    SETUP_ADDR, 0x16
        .equ    SETUP_SIZE, 0x17
        .equ    SETUP_DATA, 0x18

        .globl  rom
rom:    .byte   0x55, 0xAA, 1           /* 512 bytes */
        jmp     init
        .org    0x1A
        .word   pnp - rom

init:   movw    $0x20, %ax              /* a boot device is attached */
        lretw

        .align  16
pnp:    .ascii  "$PnP"
        .byte   1, 2                    /* revision, length in 16 bytes */
        .word   0                       /* no further header */
        .byte   0
        .byte   0                       /* checksum, by build.py */
        .long   0                       /* device identifier */
        .word   maker - rom
        .word   product - rom
        .byte   0, 0, 0                 /* device type */
        .byte   0x64                    /* may be shadowed, has an IPL device, needed for IPL */
        .word   0, 0                    /* BCV, disconnect vector */
        .word   boot - rom              /* BEV */
        .word   0, 0

maker:  .asciz  "emu"
product:.asciz  "kernel (fw_cfg)"

boot:   cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ss
        movl    $STACK, %esp
        movw    %ax, %ds
        movw    $items - rom, %si
next:   cs      lodsw                   /* size, address and data of each part */
        testw   %ax, %ax
        jz      start
        call    number
        movl    %edx, %ecx
        cs      lodsw
        call    number
        movl    %edx, %ebx
        cs      lodsw
        jecxz   next
        call    transfer
        jmp     next

start:  /* EBX is the setup code's address: the last part; the stack goes below the command line, which lies above it */
        movw    $CMDLINE_ADDR, %ax
        call    number
        subw    %bx, %dx
        subw    $16, %dx
        shrl    $4, %ebx
        movw    %bx, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %fs
        movw    %ax, %gs
        movw    %ax, %ss
        movzwl  %dx, %esp
        addw    $0x20, %ax
        pushw   %ax
        pushw   $0
        xorl    %eax, %eax
        lretw

/* EDX = item AX as a number */
number: pushl   %ecx
        pushl   %ebx
        movl    $4, %ecx
        movl    $VALUE, %ebx
        call    transfer
        movl    VALUE, %edx
        popl    %ebx
        popl    %ecx
        ret

/* ECX bytes of item AX to physical address EBX */
transfer:
        pushl   %eax
        pushl   %edx
        shll    $16, %eax
        movw    $DMA_READ_SELECT, %ax
        bswapl  %eax
        movl    %eax, REQUEST
        movl    %ecx, %eax
        bswapl  %eax
        movl    %eax, REQUEST + 4
        movl    $0, REQUEST + 8
        movl    %ebx, %eax
        bswapl  %eax
        movl    %eax, REQUEST + 12
        xorl    %eax, %eax
        movw    $DMA_HIGH, %dx
        outl    %eax, %dx
        movl    $REQUEST, %eax
        bswapl  %eax
        movw    $DMA_LOW, %dx
        outl    %eax, %dx
1:      movl    REQUEST, %eax           /* zero when done, bit 0 for an error */
        testl   %eax, %eax
        jnz     2f
        popl    %edx
        popl    %eax
        ret
2:      testl   $0x01000000, %eax
        jz      1b
        movw    $failed - rom, %si
3:      cs      lodsb
        testb   %al, %al
        jz      4f
        movb    $0x0E, %ah
        movw    $7, %bx
        int     $0x10
        jmp     3b
4:      hlt
        jmp     4b

        .align  2
items:  .word   KERNEL_SIZE, KERNEL_ADDR, KERNEL_DATA
        .word   INITRD_SIZE, INITRD_ADDR, INITRD_DATA
        .word   CMDLINE_SIZE, CMDLINE_ADDR, CMDLINE_DATA
        .word   SETUP_SIZE, SETUP_ADDR, SETUP_DATA
        .word   0
failed: .asciz  "\r\nThe kernel could not be read out of fw_cfg.\r\n"
        .org    511
        .byte   0                       /* checksum, by build.py */
