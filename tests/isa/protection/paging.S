/* Paging against privilege: fetches, reads and writes of ring 3 in supervisor pages, CR0.WP (SDM 3A 4.6, 4.7). */
#include "kernel.inc"

main:   /* identity map of 4 MiB by 4 KiB pages, user and writable; a few are special */
        movl $tables, %edi
        movl $7, %eax
        movl $1024, %ecx
1:      stosl
        addl $4096, %eax
        loop 1b
        movl $tables + 7, directory
        movl $supervisor, %eax
        shrl $12, %eax
        andl $~4, tables(, %eax, 4)
        movl $readonly, %eax
        shrl $12, %eax
        andl $~2, tables(, %eax, 4)
        movl $absent, %eax
        shrl $12, %eax
        andl $~1, tables(, %eax, 4)
        movl $directory, %eax
        movl %eax, %cr3
        movl %cr0, %eax
        orl $0x80000000, %eax
        movl %eax, %cr0
        TRY "ring 0 calls a supervisor page"
        movl $supervisor, %eax
        call *%eax
        call *%eax
        ENDTRY
        TRY "ring 3 calls what ring 0 has run"
        USER user_calls
        ENDTRY
        TRY "ring 3 jumps there directly"
        USER user_jumps
        ENDTRY
        TRY "ring 3 reads it"
        USER user_reads
        ENDTRY
        TRY "ring 3 writes it"
        USER user_writes
        ENDTRY
        TRY "ring 0 reads and writes it"
        movl supervisor, %eax
        movl %eax, supervisor
        ENDTRY
        TRY "ring 0 still calls it"
        movl $supervisor, %eax
        call *%eax
        ENDTRY
        TRY "ring 3 writes a read-only page"
        USER user_writes_ro
        ENDTRY
        TRY "ring 0 writes a read-only page, WP clear"
        movl $1, readonly + 64
        ENDTRY
        movl %cr0, %eax
        orl $0x10000, %eax
        movl %eax, %cr0
        TRY "ring 0 writes a read-only page, WP set"
        movl $2, readonly + 64
        ENDTRY
        TRY "ring 0 reads an absent page"
        movl absent, %eax
        ENDTRY
        TRY "ring 0 writes an absent page"
        movl %eax, absent + 8
        ENDTRY
        TRY "jump to an absent page"
        jmp absent
        ENDTRY
        TRY "ring 3 pushes onto an absent page"
        USER user_pushes
        ENDTRY
        TRY "dword across into an absent page"
        movl absent - 2, %eax
        ENDTRY
        ret

user_calls:
        movl $supervisor, %eax
        call *%eax
        int $0x80
user_jumps:
        jmp supervisor
user_reads:
        movl supervisor, %eax
        int $0x80
user_writes:
        movl %eax, supervisor
        int $0x80
user_writes_ro:
        movl %eax, readonly
        int $0x80

user_pushes:
        movl $absent + 4096, %esp
        pushl $0
        int $0x80

        .data
        .align 4096
supervisor:
        ret
        .align 4096
readonly: .skip 4096
        .align 4096
        .skip 4096
absent: .skip 4096
        .bss
        .align 4096
directory: .skip 4096
tables: .skip 4096
