; Option ROM that carries out a list of steps with the firmware's services and reports on port 0xE9.
;
; biosprog.py makes the steps (steps.bin) and reads the report: 0x02 "EMU>" then the answers, each as written below.
; With AT_BOOT it waits until it is booted (BEV of a PnP header), when disks have their numbers, and runs from 2000:0.
        bits 16
        org 0
        db 0x55, 0xAA, ROM_BLOCKS
%ifdef AT_BOOT
        jmp near init
        times 0x18 - ($ - $$) db 0
        dw 0, pnp
pnp:    db '$PnP', 1, 2
        dw 0, 0
        dd 0
        dw 0, name
        db 2, 0, 0, 0x64                ; network; supports DDIM, read cacheable, IPL device
        dw 0, 0, booted, 0, 0
name:   db 'program of BIOS calls', 0
init:   mov ax, 0x20                    ; an IPL device is there
        retf
booted: push cs                         ; the ROM is read-only by now
        pop ds
        mov ax, 0x2000
        mov es, ax
        xor si, si
        xor di, di
        mov cx, ROM_BLOCKS * 256
        cld
        rep movsw
        jmp 0x2000:start
%else
        jmp near start
        times 0x18 - ($ - $$) db 0
        dw 0, 0
%endif

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
        cmp bl, 12
        jae finish
        shl bx, 1
        jmp [table + bx]
table:  dw finish, step_int, step_dump, step_poke, step_in, step_out, step_hook, step_count, step_wait
        dw step_reset, step_protected, step_nested

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

; A reset that goes on: shutdown code (5 or 0Ah), reset by the keyboard controller -> 'R', then a tick is waited for
step_reset:
        lodsb
        mov ah, al
        mov [place], si
        mov al, 0x8F
        out 0x70, al
        mov al, ah
        out 0x71, al
        xor ax, ax
        mov es, ax
        mov word [es:0x467], .resumed
        mov [es:0x469], cs
        mov [reset_sp], sp
        mov al, 0xFE
        out 0x64, al
.hang:  hlt
        jmp .hang
.resumed:
        mov ax, cs
        mov ds, ax
        mov ss, [saved_ss]
        mov sp, [reset_sp]
        cld
        mov si, resumed
        mov cx, 1
        call send
        mov si, [place]
        jmp next

; INT 15h AH=89h and back -> 'P', the machine status word, what CS was, then '.' from real mode again
step_protected:
        mov [place], si
        xor eax, eax
        mov ax, cs
        shl eax, 4
        mov ebx, eax                    ; our base goes into DS, ES, SS, CS descriptors; SS keeps the real one
        mov [gdt + 0x18 + 2], ax
        mov [gdt + 0x20 + 2], ax
        mov [gdt + 0x30 + 2], ax
        shr eax, 16
        mov [gdt + 0x18 + 4], al
        mov [gdt + 0x20 + 4], al
        mov [gdt + 0x30 + 4], al
        xor eax, eax
        mov ax, ss
        shl eax, 4
        mov [gdt + 0x28 + 2], ax
        shr eax, 16
        mov [gdt + 0x28 + 4], al
        lea eax, [ebx + gdt]
        mov [gdt + 8 + 2], ax
        shr eax, 16
        mov [gdt + 8 + 4], al
        lea eax, [ebx + idt]
        mov [gdt + 0x10 + 2], ax
        shr eax, 16
        mov [gdt + 0x10 + 4], al
        mov [old_ss], ss
        mov [step_protected.seg], cs
        in al, 0x21
        mov [masks], al
        in al, 0xA1
        mov [masks + 1], al
        push cs
        pop es
        mov si, gdt
        mov bx, 0x5058
        mov ah, 0x89
        int 0x15
        jc .failed
        mov al, 'P'
        out 0xE9, al
        smsw ax
        out 0xE9, al
        mov ax, cs
        out 0xE9, al
        mov eax, cr0
        and al, 0xFE
        mov cr0, eax
        db 0xEA
        dw .real
.seg:   dw 0
.real:  mov ax, cs
        mov ds, ax
        mov ss, [old_ss]
        lidt [real_idt]
        mov al, 0x11                    ; the interrupt controllers as a PC's
        out 0x20, al
        out 0xA0, al
        mov al, 8
        out 0x21, al
        mov al, 0x70
        out 0xA1, al
        mov al, 4
        out 0x21, al
        mov al, 2
        out 0xA1, al
        mov al, 1
        out 0x21, al
        out 0xA1, al
        mov al, [masks]
        out 0x21, al
        mov al, [masks + 1]
        out 0xA1, al
.failed:
        mov al, '.'
        out 0xE9, al
        cld
        mov si, [place]
        jmp next

; ticks: while INT 15h AH=86h waits, INT 1Ch switches to a stack of its own and calls services -> calls, wrong answers (words)
step_nested:
        lodsw
        mov [place], si
        mov [ticks_left], ax
        mov dword [nested_calls], 0
        xor ax, ax
        mov es, ax
        mov eax, [es:0x1C * 4]
        mov [old], eax
        cli
        mov word [es:0x1C * 4], nested
        mov [es:0x1C * 4 + 2], cs
        sti
.wait:  mov ah, 0x86
        mov ebx, 0x1234ABCD
        mov esi, 0x55667788
        mov ebp, 0x99AA7711
        xor cx, cx
        mov dx, 20000
        int 0x15
        jc .wrong
        cmp ebx, 0x1234ABCD
        jne .wrong
        cmp esi, 0x55667788
        jne .wrong
        cmp ebp, 0x99AA7711
        jne .wrong
        cmp word [ticks_left], 0
        jne .wait
        jmp .done
.wrong: inc word [nested_wrong]
.done:  cli
        xor ax, ax
        mov es, ax
        mov eax, [old]
        mov [es:0x1C * 4], eax
        sti
        mov si, nested_calls
        mov cx, 4
        call send
        mov si, [place]
        jmp next

nested: cmp word [cs:ticks_left], 0
        je .out
        dec word [cs:ticks_left]
        pushad                          ; on whatever stack this came
        push ds
        push es
        mov ax, cs
        mov ds, ax
        mov [nested_ss], ss
        mov [nested_sp], sp
        mov ss, ax
        mov sp, nested_stack
        sti
        inc word [nested_calls]
        mov ah, 0xC0
        int 0x15
        jc .bad
        cmp bx, 0xE6F5
        jne .bad
        mov ah, 0x86                    ; a wait within the wait
        xor cx, cx
        mov dx, 3000
        int 0x15
        int 0x12
        cmp ax, 639
        je .good
.bad:   inc word [nested_wrong]
.good:  cli
        mov ss, [nested_ss]
        mov sp, [nested_sp]
        pop es
        pop ds
        popad
.out:   jmp far [cs:old]

counter:
        inc dword [cs:count]
        jmp far [cs:old]

resumed: db 'R'
reset_sp: dw 0
old_ss: dw 0
masks:  dw 0
real_idt: dw 0x3FF
        dd 0
gdt:    dq 0
        dw 0x3F, 0, 0x9300, 0           ; 08: itself
        dw 0x7, 0, 0x9300, 0            ; 10: IDT
        dw 0xFFFF, 0, 0x9300, 0         ; 18: DS
        dw 0xFFFF, 0, 0x9300, 0         ; 20: ES
        dw 0xFFFF, 0, 0x9300, 0         ; 28: SS
        dw 0xFFFF, 0, 0x9B00, 0         ; 30: CS
        dq 0                            ; 38: the BIOS's
idt:    dq 0
ticks_left: dw 0
nested_calls: dw 0
nested_wrong: dw 0
nested_ss: dw 0
nested_sp: dw 0
        times 256 dw 0
nested_stack:
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
