/* Entry, descriptor tables, and the way in and out of the kernel of the demo guest (Multiboot 1, i386). */
    .section .multiboot, "a"
    .balign 4
    .long 0x1BADB002, 2, -(0x1BADB002 + 2)      /* magic, flags: memory information, checksum */

    .text
    .globl _start, isr_table, gdt_tss, enter_first, user_prime, user_collatz, user_fault, user_end
_start:
    cli
    cld
    mov $boot_stack_top, %esp
    lgdt gdtr
    ljmp $0x08, $1f
1:  mov $0x10, %cx
    mov %cx, %ds
    mov %cx, %es
    mov %cx, %ss
    mov %cx, %fs
    mov %cx, %gs
    push %ebx
    push %eax
    call kmain
1:  hlt
    jmp 1b

/* One stub a vector: push an error code where the processor does not, and the vector. */
    .macro STUB n
1:  .if !(\n == 8 || (\n >= 10 && \n <= 14) || \n == 17)
    push $0
    .endif
    push $\n
    jmp trap_entry
    .pushsection .rodata
    .long 1b
    .popsection
    .endm
    .section .rodata
    .balign 4
isr_table:
    .text
    .altmacro
    .set i, 0
    .rept 49                    /* 0-31 exceptions, 32-47 interrupts, 48 stands for int 0x80 */
    STUB %i
    .set i, i + 1
    .endr

/* The frame built here is struct frame of kernel.c. trap() returns the stack to go on with. */
trap_entry:
    pusha
    push %ds
    push %es
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    cld
    push %esp
    call trap
trap_exit:
    mov %eax, %esp
    pop %es
    pop %ds
    popa
    add $8, %esp                /* vector, error code */
    iret

/* enter_first(frame): start the first task */
enter_first:
    mov 4(%esp), %eax
    jmp trap_exit

/* User programs, copied to their own pages and run at 0x40000000 in ring 3.
   System calls: eax = 1 report(ebx), 2 exit. */
user_prime:                     /* count primes by trial division, report each count */
    xor %edi, %edi
    mov $2, %esi
2:  mov $2, %ecx
3:  mov %ecx, %eax
    mul %ecx
    cmp %esi, %eax
    ja 4f
    xor %edx, %edx
    mov %esi, %eax
    div %ecx
    inc %ecx
    test %edx, %edx
    jnz 3b
    jmp 5f
4:  inc %edi
    mov %edi, %ebx
    mov $1, %eax
    int $0x80
5:  inc %esi
    jmp 2b

user_collatz:                   /* the longest Collatz chain seen so far; its state lives on its stack page */
    push $1
    push $0
6:  mov 4(%esp), %eax
    xor %ecx, %ecx
7:  cmp $1, %eax
    je 9f
    test $1, %al
    jz 8f
    lea 1(%eax,%eax,2), %eax
    inc %ecx
    jmp 7b
8:  shr $1, %eax
    inc %ecx
    jmp 7b
9:  cmp (%esp), %ecx
    jbe 1f
    mov %ecx, (%esp)
    mov %ecx, %ebx
    mov $1, %eax
    int $0x80
1:  incl 4(%esp)
    cmpl $0x10000, 4(%esp)
    jb 6b
    movl $1, 4(%esp)
    jmp 6b

user_fault:                     /* write where nothing is mapped */
    movl $42, 0xDEAD000
    mov $2, %eax
    int $0x80
user_end:

    .data
    .balign 8
gdt:
    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff, 0x00cffa000000ffff, 0x00cff2000000ffff
gdt_tss:
    .quad 0
gdt_end:
gdtr:
    .word gdt_end - gdt - 1
    .long gdt

    .bss
    .balign 16
    .fill 8192
boot_stack_top:
    .section .note.GNU-stack, "", @progbits
