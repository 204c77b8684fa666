/* What QEMU does not check, by the SDM alone: control registers and the way out of long mode. */
#include "kernel64.inc"

main:   TRY "mov cr0.pg off in 64-bit code"
        movq %cr0, %rax
        btrl $31, %eax
        movq %rax, %cr0
        ENDTRY
        TRY "mov cr0 upper half"
        movq %cr0, %rax
        btsq $40, %rax
        movq %rax, %cr0
        ENDTRY
        TRY "mov cr4.pae off"
        movq %cr4, %rax
        btrl $5, %eax
        movq %rax, %cr4
        ENDTRY
        TRY "mov cr4 reserved"
        movq %cr4, %rax
        btsq $32, %rax
        movq %rax, %cr4
        ENDTRY
        TRY "mov cr3 reserved"
        movq %cr3, %rax
        btsq $60, %rax
        movq %rax, %cr3
        ENDTRY
        TRY "mov dr7 reserved"
        btsq $40, %rax
        movq %rax, %dr7
        ENDTRY
        TRY "lgdt non-canonical"
        movq $0x800000000000, %rax
        movq %rax, scratch + 2
        lgdt scratch
        ENDTRY
        movq $1f, resume_ok
        TRY "long mode off and on again from compat code"
        movq $0x1234567890, %r10
        COMPAT leave_long
1:      SHOW " r10=", %r10
        movl $0xC0000080, %ecx
        rdmsr
        SHOW16 " efer=", %rax
        ENDTRY
        TRY "pcide"
        movq %cr4, %rax
        btsl $17, %eax
        movq %rax, %cr4
        movq %cr3, %rax
        orq $5, %rax
        movq %rax, %cr3
        movq %cr3, %rbx
        movq %rbx, %rcx
        andl $0xFFF, %ecx
        SHOW " ", %rcx
        btsq $63, %rbx
        movq %rbx, %cr3
        movq %cr3, %rbx
        shrq $60, %rbx
        SHOW " ", %rbx
        ENDTRY
        TRY "pcide off with a pcid set"
        movq %cr4, %rax
        btrl $17, %eax
        movq %rax, %cr4
        ENDTRY
        TRY "pcide on with cr3 low bits"
        movq %cr3, %rbx
        orq $5, %rbx
        movq %rbx, %cr3
        movq %cr4, %rax
        btsl $17, %eax
        movq %rax, %cr4
        ENDTRY
        movq $pml4, %rax
        movq %rax, %cr3
        TRY "invpcid types"
        movq $0, scratch
        movq $0, scratch + 8
        xorl %eax, %eax
        invpcid scratch, %rax
        incl %eax
        invpcid scratch, %rax
        incl %eax
        invpcid scratch, %rax
        incl %eax
        invpcid scratch, %rax
        ENDTRY
        TRY "invpcid type 4"
        movl $4, %eax
        invpcid scratch, %rax
        ENDTRY
        TRY "invpcid pcid without pcide"
        movq $1, scratch
        movl $1, %eax
        invpcid scratch, %rax
        ENDTRY
        TRY "invpcid reserved"
        movq $0x1000, scratch
        movl $1, %eax
        invpcid scratch, %rax
        ENDTRY
        TRY "invpcid non-canonical"
        movq $0, scratch
        movq $0x800000000000, %rax
        movq %rax, scratch + 8
        xorl %eax, %eax
        invpcid scratch, %rax
        ENDTRY
        TRY "invpcid from ring 3"
        USER user_invpcid
        ENDTRY
        ret

user_invpcid:
        xorl %eax, %eax
        invpcid scratch, %rax
        .code32
leave_long:
        movl $SEL_DATA0, %eax
        movl %eax, %ss
        movl %eax, %ds
        movl %cr0, %eax
        btrl $31, %eax
        movl %eax, %cr0
        movl $0xC0000080, %ecx
        rdmsr
        movl %eax, %ebx
        btrl $8, %eax
        wrmsr
        rdmsr
        movl %eax, %esi
        movl %ebx, %eax
        wrmsr
        movl %cr0, %eax
        btsl $31, %eax
        movl %eax, %cr0
        ljmp $SEL_CODE0, $back64
