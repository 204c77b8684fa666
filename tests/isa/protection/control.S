/* Control registers, MSRs and what needs ring 0: reserved bits and combinations (SDM 3A 2.5, 4.4.1, 9.x; vol. 4). */
#include "kernel.inc"

        .macro SETMSR text, msr, high, low
        TRY "\text"
        movl $\msr, %ecx
        movl $\high, %edx
        movl $\low, %eax
        wrmsr
        ENDTRY
        .endm

        .macro GETMSR text, msr
        TRY "\text"
        movl $\msr, %ecx
        rdmsr
        ENDTRY
        .endm

        .macro CR0 text, set, clear
        TRY "\text"
        movl %cr0, %eax
        movl %eax, old
        orl $\set, %eax
        andl $~(\clear), %eax
        movl %eax, %cr0
        call same_cr0
        ENDTRY
        .endm

        .macro CR4 text, set
        TRY "\text"
        movl %cr4, %eax
        orl $\set, %eax
        movl %eax, %cr4
        ENDTRY
        .endm

        .macro PRIVILEGED text, code
        .pushsection .text.user, "ax"
94:     \code
        int $0x80
        .popsection
        TRY "\text"
        pushl $94b
        call go_user
        ENDTRY
        .endm

main:   CR0 "pg without pe", 0x80000000, 1
        CR0 "nw without cd", 0x20000000, 0x40000000
        CR0 "cd and nw", 0x60000000, 0
        CR0 "cd alone", 0x40000000, 0x20000000
        CR0 "neither", 0, 0x60000000
        CR0 "reserved bits are dropped", 0x1FFAFFC0, 0
        CR0 "et stays set", 0, 0x10
        CR4 "bit 31", 0x80000000
        CR4 "bit 30", 0x40000000
        CR4 "bit 19", 0x80000
        CR4 "vme pvi tsd de pse pae mce pge pce osfxsr osxmmexcpt", 0x7FF
        movl $0, %eax
        movl %eax, %cr4
        TRY "cr1"
        .byte 0x0F, 0x20, 0xC8
        ENDTRY
        TRY "cr5"
        .byte 0x0F, 0x22, 0xE8
        ENDTRY
        TRY "cr8 by lock is amd's"
        .byte 0xF0, 0x0F, 0x20, 0xC0
        ENDTRY
        TRY "mov cr with a memory form is a register form"
        .byte 0x0F, 0x20, 0x02          /* mod = 0 */
        ENDTRY
        movl $0x12345FFF, %eax
        movl %eax, %cr3
        movl %cr3, %eax
        PRINT "cr3 keeps its low bits "
        SHOW "", %eax
        NEWLINE
        /* PAE: the four directory pointers are checked by what loads them */
        movl $pdpt, %eax
        movl %eax, %cr3
        movl $dir0 + 1, pdpt
        movl $0x87, %ecx                /* 2 MiB pages of the first gigabyte, identical */
        xorl %ebx, %ebx
1:      movl %ecx, dir0(, %ebx, 8)
        addl $0x200000, %ecx
        incl %ebx
        cmpl $16, %ebx
        jb 1b
        movl $0x20, %eax
        movl %eax, %cr4
        movl $2, pdpt + 8
        CR0 "pae, absent pointers may hold anything", 0x80000000, 0
        CR0 "paging off again", 0, 0x80000000
        movl $3, pdpt + 8
        CR0 "pae, reserved bit 1 of a present pointer", 0x80000000, 0
        movl $0x21, pdpt + 8
        CR0 "pae, reserved bit 5", 0x80000000, 0
        movl $0, pdpt + 8
        movl $0x80000000, pdpt + 12
        CR0 "pae, absent with bit 63", 0x80000000, 0
        movl $0, pdpt + 8
        movl $0, pdpt + 12
        CR0 "pae, good", 0x80000000, 0
        movl $3, pdpt2
        TRY "mov cr3 to a bad table"
        movl $pdpt2, %eax
        movl %eax, %cr3
        ENDTRY
        movl %cr3, %eax
        subl $pdpt, %eax
        SHOW "   cr3 ", %eax
        NEWLINE
        movl $3, pdpt
        TRY "a pointer changed in memory is not seen"
        movl dir0, %eax
        invlpg dir0
        movl dir0, %eax
        ENDTRY
        TRY "until pge is switched"
        movl %cr4, %eax
        xorl $0x80, %eax
        movl %eax, %cr4
        ENDTRY
        movl $dir0 + 1, pdpt
        TRY "reserved bit of a 2 MiB page"
        movl $0x100083 + 0x1800000, dir0 + 12 * 8
        movl 0x1800000, %eax
        ENDTRY
        TRY "reserved physical bit of a page"
        movl $0x1800083, dir0 + 12 * 8
        movl $0x00100000, dir0 + 100
        movl 0x1800000, %eax
        ENDTRY
        TRY "nx bit without efer.nxe is reserved"
        movl $0x80000000, dir0 + 100
        invlpg 0x1800000
        movl 0x1800000, %eax
        ENDTRY
        SETMSR "efer.nxe", 0xC0000080, 0, 0x800
        TRY "now it is not"
        movl 0x1800000, %eax
        ENDTRY
        TRY "and a fetch faults"
        movl $0x1800000, %eax
        jmp *%eax
        ENDTRY
        CR0 "paging off", 0, 0x80000000
        movl $0, %eax
        movl %eax, %cr4
        /* 32-bit 4 MiB pages */
        movl $dir32, %eax
        movl %eax, %cr3
        xorl %ebx, %ebx
        movl $0x83, %ecx
1:      movl %ecx, dir32(, %ebx, 4)
        addl $0x400000, %ecx
        incl %ebx
        cmpl $8, %ebx
        jb 1b
        movl $0x10, %eax
        movl %eax, %cr4
        CR0 "4 MiB pages", 0x80000000, 0
        movl $0x01A00083, dir32 + 6 * 4 /* bit 21 */
        TRY "reserved bit 21 of a 4 MiB page"
        movl 0x1800000, %eax
        ENDTRY
        CR0 "paging off", 0, 0x80000000
        /* MSRs */
        SETMSR "efer reserved bit", 0xC0000080, 0, 2
        SETMSR "efer high half", 0xC0000080, 1, 0
        GETMSR "msr that does not exist", 0x12345678
        SETMSR "write to it", 0x12345678, 0, 0
        SETMSR "apic base, reserved bit 9", 0x1B, 0, 0xFEE00B00
        SETMSR "apic base as it is", 0x1B, 0, 0xFEE00900
        SETMSR "pat with type 2", 0x277, 0x00070406, 0x00070402
        SETMSR "pat with type 8", 0x277, 0x08070406, 0x00070406
        SETMSR "pat as at reset", 0x277, 0x00070406, 0x00070406
        SETMSR "mtrr cap is read-only", 0xFE, 0, 0
        SETMSR "mtrr default, type 2", 0x2FF, 0, 2
        SETMSR "mtrr default, reserved bit 8", 0x2FF, 0, 0x100
        SETMSR "mtrr default", 0x2FF, 0, 0xC06
        SETMSR "mtrr fixed, type 3", 0x250, 0, 3
        SETMSR "mtrr fixed, types", 0x250, 0x00010405, 0x06060606
        SETMSR "mtrr base, type 7", 0x200, 0, 7
        SETMSR "mtrr base, reserved bit 8", 0x200, 0, 0x106
        SETMSR "mtrr base", 0x200, 0, 6
        SETMSR "sysenter_cs", 0x174, 0, 0x12348
        GETMSR "read back", 0x174
        SETMSR "tsc", 0x10, 0, 0
        GETMSR "tsc read", 0x10
        TRY "rdpmc of a counter that does not exist"
        movl $0x123, %ecx
        rdpmc
        ENDTRY
        TRY "fxrstor of reserved mxcsr bits"
        movl $0x600, %eax
        movl %eax, %cr4
        fxsave image
        movl $0x10000, image + 24
        fxrstor image
        ENDTRY
        TRY "ldmxcsr of reserved bits"
        movl $0x10000, old
        ldmxcsr old
        ENDTRY
        TRY "fxsave misaligned"
        fxsave image + 8
        ENDTRY
        TRY "simd with osfxsr clear"
        xorl %eax, %eax
        movl %eax, %cr4
        xorps %xmm0, %xmm0
        ENDTRY
        TRY "simd with em"
        movl $0x600, %eax
        movl %eax, %cr4
        movl %cr0, %eax
        orl $4, %eax
        movl %eax, %cr0
        xorps %xmm0, %xmm0
        ENDTRY
        TRY "x87 with em"
        fld1
        ENDTRY
        TRY "wait with em, not mp"
        fwait
        ENDTRY
        TRY "wait with ts, not mp"
        movl %cr0, %eax
        andl $~4, %eax
        orl $8, %eax
        movl %eax, %cr0
        fwait
        ENDTRY
        TRY "wait with ts and mp"
        movl %cr0, %eax
        orl $2, %eax
        movl %eax, %cr0
        fwait
        ENDTRY
        TRY "simd with ts"
        xorps %xmm0, %xmm0
        ENDTRY
        TRY "ldmxcsr with ts"
        ldmxcsr old
        ENDTRY
        TRY "sfence with ts"
        sfence
        ENDTRY
        TRY "mmx with ts"
        emms
        ENDTRY
        clts
        PRIVILEGED "ring 3: mov from cr0", "movl %cr0, %eax"
        PRIVILEGED "ring 3: mov from cr1", ".byte 0x0F, 0x20, 0xC8"
        PRIVILEGED "ring 3: mov to cr3", "movl %eax, %cr3"
        PRIVILEGED "ring 3: mov from dr7", "movl %db7, %eax"
        PRIVILEGED "ring 3: clts", "clts"
        PRIVILEGED "ring 3: lmsw", "lmsw %ax"
        PRIVILEGED "ring 3: lgdt", "lgdt gdtr"
        PRIVILEGED "ring 3: lidt", "lidt idtr"
        PRIVILEGED "ring 3: lldt", "lldt %ax"
        PRIVILEGED "ring 3: ltr", "ltr %ax"
        PRIVILEGED "ring 3: invd", "invd"
        PRIVILEGED "ring 3: wbinvd", "wbinvd"
        PRIVILEGED "ring 3: invlpg", "invlpg (%eax)"
        PRIVILEGED "ring 3: rdmsr", "rdmsr"
        PRIVILEGED "ring 3: wrmsr", "wrmsr"
        PRIVILEGED "ring 3: rdpmc without pce", "xorl %ecx, %ecx; rdpmc"
        PRIVILEGED "ring 3: rdtsc", "rdtsc"
        PRIVILEGED "ring 3: sysexit", "sysexit"
        PRIVILEGED "ring 3: hlt", "hlt"
        PRIVILEGED "ring 3: sgdt, sidt, sldt, str, smsw", "sgdt old; sidt old; sldt %ax; str %ax; smsw %ax"
        movl $0x604, %eax               /* TSD */
        movl %eax, %cr4
        PRIVILEGED "ring 3: rdtsc with tsd", "rdtsc"
        TRY "ring 0: rdtsc with tsd"
        rdtsc
        ENDTRY
        movl $0x700, %eax               /* PCE */
        movl %eax, %cr4
        PRIVILEGED "ring 3: rdpmc with pce", "xorl %ecx, %ecx; rdpmc"
        TRY "rsm outside smm"
        rsm
        ENDTRY
        TRY "lgdt from a register"
        .byte 0x0F, 0x01, 0xD7
        ENDTRY
        TRY "invlpg of a register"
        .byte 0x0F, 0x01, 0xFF
        ENDTRY
        TRY "ud1"
        .byte 0x0F, 0xB9, 0xC0
        ENDTRY
        TRY "a prefix too many"
        .fill 15, 1, 0x3E
        nop
        ENDTRY
        TRY "fifteen bytes are fine"
        .fill 14, 1, 0x3E
        nop
        ENDTRY
        ret

same_cr0:
        pushl %eax
        movl %cr0, %eax
        xorl old, %eax
        SHOW " changed ", %eax
        popl %eax
        ret

        .data
        .align 4
old:    .long 0
        .bss
        .align 4096
dir0:   .skip 4096
dir32:  .skip 4096
pdpt:   .skip 64
pdpt2:  .skip 64
image:  .skip 576
        .text
