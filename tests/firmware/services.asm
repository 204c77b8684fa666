; Option ROM that carries out a list of steps with the firmware's services and reports on port 0xE9.
;
; biosprog.py makes the steps (steps.bin) and reads the report: 0x02 "EMU>" then the answers, each as written below.
        bits 16
        org 0
        db 0x55, 0xAA, ROM_BLOCKS
        jmp near start
        times 0x18 - ($ - $$) db 0
        dw 0, 0

start:  pushad
        push ds
        push es
        push fs
        push gs
        mov ax, cs
        mov ds, ax
        mov [saved_sp], sp
        mov [saved_ss], ss
        cld
        mov si, magic
        mov cx, 5
        call send
        mov si, steps
next:   lodsb
        movzx bx, al
        cmp bl, 9
        jae finish
        shl bx, 1
        jmp [table + bx]
table:  dw finish, step_int, step_dump, step_poke, step_in, step_out, step_hook, step_count, step_wait

finish: mov si, magic
        mov cx, 5
        call send
        mov dx, 0x501
        xor al, al
        out dx, al
        mov ss, [saved_ss]
        mov sp, [saved_sp]
        pop gs
        pop fs
        pop es
        pop ds
        popad
        retf

send:   lodsb                           ; DS:SI, CX bytes
        out 0xE9, al
        loop send
        ret

; n, eax ebx ecx edx esi edi ebp, ds es flags -> the same registers (28 + 6 bytes)
step_int:
        lodsb
        mov [.number + 1], al
        mov di, regs
        mov ax, cs
        mov es, ax
        mov cx, 34
        rep movsb
        mov [place], si
        mov ax, [regs + 32]             ; flags: CF, ZF, IF as asked for
        push ax
        popf
        mov eax, [regs]
        mov ebx, [regs + 4]
        mov ecx, [regs + 8]
        mov edx, [regs + 12]
        mov esi, [regs + 16]
        mov edi, [regs + 20]
        mov ebp, [regs + 24]
        mov es, [regs + 30]
        mov ds, [cs:regs + 28]
.number: int 0
        mov [cs:regs + 28], ds
        push cs
        pop ds
        mov [regs], eax
        pushf
        pop ax
        and ax, 0x0ED5
        mov [regs + 32], ax
        mov [regs + 4], ebx
        mov [regs + 8], ecx
        mov [regs + 12], edx
        mov [regs + 16], esi
        mov [regs + 20], edi
        mov [regs + 24], ebp
        mov [regs + 30], es
        cld
        mov si, regs
        mov cx, 34
        call send
        mov si, [place]
        jmp next

step_dump:                              ; segment, offset, length -> bytes
        lodsw
        mov es, ax
        lodsw
        mov di, ax
        lodsw
        mov cx, ax
.more:  mov al, [es:di]
        inc di
        out 0xE9, al
        loop .more
        jmp next

step_poke:                              ; segment, offset, length, bytes
        lodsw
        mov es, ax
        lodsw
        mov di, ax
        lodsw
        mov cx, ax
        rep movsb
        jmp next

step_in:                                ; port -> byte
        lodsw
        mov dx, ax
        in al, dx
        out 0xE9, al
        jmp next

step_out:                               ; port, byte
        lodsw
        mov dx, ax
        lodsb
        out dx, al
        jmp next

step_hook:                              ; interrupt: count its calls from now on
        lodsb
        movzx bx, al
        shl bx, 2
        xor ax, ax
        mov es, ax
        mov eax, [es:bx]
        mov [old], eax
        mov word [es:bx], counter
        mov [es:bx + 2], cs
        mov dword [count], 0
        jmp next

step_count:                             ; -> calls since the hook, as a dword
        mov [place], si
        mov si, count
        mov cx, 4
        call send
        mov si, [place]
        jmp next

step_wait:                              ; ticks: until BDA's counter has moved so far
        lodsw
        mov cx, ax
        xor ax, ax
        mov es, ax
        mov edx, [es:0x46C]
.again: sti
        hlt
        cli
        mov eax, [es:0x46C]
        sub eax, edx
        cmp ax, cx
        jb .again
        jmp next

counter:
        inc dword [cs:count]
        jmp far [cs:old]

magic:  db 2, "EMU>"
regs:   times 34 db 0
place:  dw 0
old:    dd 0
count:  dd 0
saved_sp: dw 0
saved_ss: dw 0
steps:  incbin "steps.bin"
        db 0
        times ROM_BLOCKS * 512 - ($ - $$) db 0
