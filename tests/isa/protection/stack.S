/* Stack segments: 16-bit SP and its wrap, expand-down, limits; what PUSH, POP, CALL, RET, ENTER, LEAVE, PUSHA and interrupts do
   at the edges (SDM 1 6.2, 3A 5.3).  The code runs at ring 3 and ends by INT3, so that ring 0 has a sound stack to tell of it. */
#include "kernel.inc"

        .set S16, SEL_GATE | 3          /* ring-3 data: 16 bits, base of the image, limit FFFF */
        .set D16, SEL_GATE16 | 3        /* ring 3, 16 bits, expand-down, limit 0FFF */
        .set D32, SEL_TSS_NP | 3        /* ring 3, 32 bits, expand-down, limit FFFFFF */
        .set L16, SEL_GATE_NP | 3       /* ring 3, 16 bits, limit 7FF */
        .set L32, SEL_GATE_D0 | 3       /* ring 3, 32 bits, limit 10FFFF */
        .set SPACE, 0x200000            /* their base */

        .macro SLOT sel, low, high
        movl $\low, gdt + (\sel & ~7)
        movl $\high, gdt + (\sel & ~7) + 4
        .endm

        .macro CASE text, ss, esp, code
        .pushsection .text.user, "ax"
94:     movl $\ss, %eax
        movl $0x11111111, %ebx
        movl $SPACE + 0x8000, %ebp
        movl %eax, %ss
        movl $\esp, %esp
93:     \code
        int3
        .popsection
        TRY "\text"
        movl $94b, %eax
        movl $93b, start
        pushl %eax
        call go_user
        ENDTRY
        .endm

main:   SLOT S16, 0x0000FFFF, 0x0000F220
        SLOT D16, 0x00000FFF, 0x0000F620
        SLOT D32, 0x00000FFF, 0x00C0F600
        SLOT L16, 0x000007FF, 0x0000F220
        SLOT L32, 0x0000FFFF, 0x0041F220
        movl $tell, hook
        CASE "16-bit: push wraps from 0, upper half stays", S16, 0x12340000, "pushl %ebx"
        CASE "16-bit: word push from 0", S16, 0x12340000, "pushw %bx"
        CASE "16-bit: dword across the limit", S16, 0x12340002, "pushl %ebx"
        CASE "16-bit: word across the limit", S16, 0x12340001, "pushw %bx"
        CASE "16-bit: pop up to the end", S16, 0x1234FFFC, "popl %eax"
        CASE "16-bit: pop across the end", S16, 0x1234FFFE, "popl %eax"
        CASE "16-bit: pop (esp) uses all of esp", S16, 0x0000FFF8, "popl 4(%esp)"
        CASE "16-bit: memory by esp with an upper half", S16, 0x12340010, "movl (%esp), %eax"
        CASE "16-bit: pusha that wraps", S16, 0x12340010, "pushal"
        CASE "16-bit: pushaw that wraps, odd", S16, 0x12340007, "pushaw"
        CASE "16-bit: popa that wraps", S16, 0x1234FFF0, "popal"
        CASE "16-bit: call", S16, 0x12340000, "call 92f; 92:"
        CASE "16-bit: ret imm16 wraps", S16, 0x1234FFF8, "movl $92f, %ss:0xFFF8; ret $0x10; 92:"
        CASE "16-bit: enter", S16, 0x12340004, "movl $0x56788000, %ebp; enter $0x20, $0; movl %ebp, %eax"
        CASE "16-bit: enter at level 2", S16, 0x12340004, "movl $0x56788000, %ebp; enter $0x20, $2; movl %ebp, %eax"
        CASE "16-bit: leave", S16, 0x12340004, "movl $0x5678FFFC, %ebp; leave"
        CASE "16-bit: pushf and popf", S16, 0x12340000, "pushfl; popfl"
        CASE "16-bit: far call", S16, 0x12340004, "lcall $SEL_CODE3, $92f; 92:"
        CASE "16-bit: push segment", S16, 0x12340002, "pushw %ds; pushl %ds"
        CASE "expand-down 16: last byte down", D16, 0x00001004, "pushl %ebx"
        CASE "expand-down 16: one too far", D16, 0x00001002, "pushl %ebx"
        CASE "expand-down 16: top", D16, 0x00000000, "pushl %ebx"
        CASE "expand-down 16: above 64 KiB", D16, 0x00008000, "movl %ss:0x10000, %eax"
        CASE "expand-down 16: across 64 KiB", D16, 0x00008000, "movl %ss:0xFFFE, %eax"
        CASE "expand-down 32: last byte down", D32, 0x01000004, "pushl %ebx"
        CASE "expand-down 32: one too far", D32, 0x01000002, "pushl %ebx"
        CASE "expand-down 32: byte at the limit", D32, 0x01000002, "movb %ss:0xFFFFFF, %al"
        CASE "limit 7FF: inside", L16, 0x00000800, "pushl %ebx"
        CASE "limit 7FF: wraps beyond", L16, 0x00000000, "pushl %ebx"
        CASE "limit 7FF: pop across", L16, 0x000007FE, "popl %eax"
        CASE "limit 1FFFF, 32-bit: above 64 KiB", L32, 0x00020000, "pushl %ebx"
        CASE "limit 1FFFF, 32-bit: from 0", L32, 0x00000000, "pushl %ebx"
        CASE "limit 1FFFF, 32-bit: pop across", L32, 0x0001FFFE, "popl %eax"
        CASE "limit 1FFFF, 32-bit: ebp-based", L32, 0x0001FFF0, "movl $0x1FFFD, %ebp; movl (%ebp), %eax"
        CASE "limit 1FFFF, 32-bit: call", L32, 0x00020002, "call 92f; 92:"
        CASE "limit 1FFFF, 32-bit: enter that allocates beyond 0", L32, 0x00000010, "enter $0x40, $0"
        CASE "limit 1FFFF, 32-bit: leave to beyond", L32, 0x00000010, "movl $0x20000, %ebp; leave"
        CASE "limit 1FFFF, 32-bit: pusha", L32, 0x00000010, "pushal"
        CASE "limit 1FFFF, 32-bit: ret imm16 past the limit", L32, 0x0001FFF8, "movl $92f, %ss:0x1FFF8; ret $0x10; 92:"
        /* delivery onto a 16-bit stack at ring 0 */
        movl $0, hook
        SLOT S16, 0x0000FFFF, 0x00009220
        TRY "frame on a 16-bit ring-0 stack, wrapping"
        movl $into16, %eax
        movw %ax, idt + 0x82 * 8
        shrl $16, %eax
        movw %ax, idt + 0x82 * 8 + 6
        movl $SEL_GATE, %eax
        movl %eax, %ss
        movl $0x56780008, %esp
        int $0x82
        ENDTRY
        ret

into16: movl %esp, %ebx
        movl $SEL_DATA0, %eax
        movl %eax, %ss
        movl resume_esp, %esp
        SHOW " esp ", %ebx
        movl SPACE + 0xFFFC, %eax
        subl try_eip, %eax
        SHOW " ip +", %eax
        SHOW " cs ", SPACE
        SHOW " fl ", SPACE + 4
        call say_ok
        jmp resume

tell:   movl 44(%esp), %edx             /* EIP from the code after the set-up, ESP, EAX */
        subl start, %edx
        SHOW " at ", %edx
        SHOW " esp ", 56(%esp)
        movl 32(%esp), %eax
        cmpl $0x100000, %eax
        jb 1f
        cmpl $0x200000, %eax
        jae 1f
        movl $0xADD7E55, %eax
1:      SHOW " eax ", %eax
        movl start, %eax
        movl %eax, try_eip
        ret

        .data
start:  .long 0
        .text
