# The guest of test_soak.py: a boot sector and seven more.  Every key is told on COM1 as four digits, "K" before it; some do
# something besides, told as a letter and numbers of eight digits, with a new line behind:
#   w r   write or read 8 sectors of the disk at the next place      W place seed status / R place sum status
#   f g   write or read a sector of floppy A at the next place       F place seed status / G place sum status
#   c     read a block of the CD at the next place                   C place sum status
#   m     the next video mode, some text and dots in it              M mode status
# Places and seeds follow from `state`, a linear congruential generator.  Sums: rotate left by one, add, over dwords.
.code16
.set BUFFER, 0x2000             # segment
start:
    cli
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7C00
    sti
    mov [drive], dl
    mov ax, 0x0207              # the rest
    mov bx, 0x7E00
    mov cx, 2
    xor dh, dh
    int 0x13
    jc .
    jmp main
drive: .byte 0
    .org 510
    .byte 0x55, 0xAA

main:
    mov si, offset banner
    call print
next:
    xor ax, ax
    int 0x16
    push ax
    mov al, 'K'
    call putc
    pop ax
    push ax
    call hex16
    call newline
    pop ax
    mov si, offset table
1:  mov bl, [si]
    or bl, bl
    jz next
    cmp bl, al
    je 2f
    add si, 3
    jmp 1b
2:  call [si + 1]
    jmp next
table:
    .byte 'w'
    .word disk_write
    .byte 'r'
    .word disk_read
    .byte 'f'
    .word floppy_write
    .byte 'g'
    .word floppy_read
    .byte 'c'
    .word cd_read
    .byte 'm'
    .word mode
    .byte 0

# ---- disk ----------------------------------------------------------------------------------------------------------
disk_place:                     # EAX: 64 + 8 * (0 .. 255)
    call random
    and eax, 255
    shl eax, 3
    add eax, 64
    mov [packet + 8], eax
    mov word ptr [packet + 2], 8
    ret
disk_write:
    call disk_place
    call random
    mov [seed], eax
    mov cx, 1024
    call fill
    mov ax, 0x4300
    mov dl, 0x80
    call transfer
    mov al, 'W'
    jmp told_seed
disk_read:
    call disk_place
    mov cx, 1024
    call clear
    mov ah, 0x42
    mov dl, 0x80
    call transfer
    mov cx, 1024
    call sum
    mov al, 'R'
    jmp told_sum

# ---- CD ------------------------------------------------------------------------------------------------------------
cd_read:
    call random
    and eax, 127
    mov [packet + 8], eax
    mov byte ptr [tries], 4     # a changed disc says so first
1:  mov word ptr [packet + 2], 1        # a failure leaves what came, none
    mov cx, 512
    call clear
    mov ah, 0x42
    mov dl, 0xE0
    call transfer
    cmp byte ptr [status], 0
    je 2f
    dec byte ptr [tries]
    jnz 1b
2:  mov cx, 512
    call sum
    mov al, 'C'
    jmp told_sum
transfer:                       # AX, DL as for INT 13h
    mov si, offset packet
    int 0x13
    jmp keep_status

# ---- floppy ----------------------------------------------------------------------------------------------------------
floppy_place:                   # DX:CX as for INT 13h of sector 0 .. 719: cylinder 0 .. 39, head, sector 1 .. 9
    call random
    xor edx, edx
    mov ecx, 720
    div ecx
    mov [packet + 8], edx
    mov ax, dx
    mov cl, 9
    div cl                      # AL track, AH sector - 1
    mov cl, ah
    inc cl
    mov dh, al
    and dh, 1
    shr al, 1
    mov ch, al
    mov dl, 0
    mov [chs], cx
    mov [chs + 2], dx
    ret
floppy_write:
    call floppy_place
    call random
    mov [seed], eax
    mov cx, 128
    call fill
    mov ax, 0x0301
    call floppy
    mov al, 'F'
    jmp told_seed
floppy_read:
    call floppy_place
    mov cx, 128
    call clear
    mov ax, 0x0201
    call floppy
    mov cx, 128
    call sum
    mov al, 'G'
    jmp told_sum
floppy:                         # AX; up to four tries, a reset between
    mov byte ptr [tries], 4
    mov [order], ax
1:  mov ax, [order]
    mov cx, [chs]
    mov dx, [chs + 2]
    xor bx, bx
    push es
    push BUFFER
    pop es
    int 0x13
    pop es
    call keep_status
    cmp byte ptr [status], 0
    je 2f
    xor ax, ax
    mov dl, 0
    int 0x13
    dec byte ptr [tries]
    jnz 1b
2:  ret

# ---- screen ----------------------------------------------------------------------------------------------------------
mode:
    movzx bx, byte ptr [mode_at]
    inc byte ptr [mode_at]
    cmp byte ptr [mode_at], (modes_end - modes) / 2
    jb 1f
    mov byte ptr [mode_at], 0
1:  shl bx, 1
    mov bx, [modes + bx]
    mov [packet + 8], bx
    mov word ptr [packet + 10], 0
    mov ax, 0x4F02
    int 0x10
    xor al, 0x4F
    or al, ah
    mov [status], al
    cmp word ptr [packet + 8], 0x100
    jae 2f
    mov byte ptr [status], 0
2:  mov si, offset banner
3:  lodsb
    or al, al
    jz 4f
    mov ah, 0x0E
    mov bx, 15
    int 0x10
    jmp 3b
4:  mov cx, 200
5:  call random                 # dots
    push cx
    mov cx, ax
    and cx, 255
    shr eax, 16
    mov dx, ax
    and dx, 127
    mov ah, 0x0C
    xor bx, bx
    int 0x10
    pop cx
    loop 5b
    mov al, 'M'
    call putc
    jmp told_place

# ---- memory ----------------------------------------------------------------------------------------------------------
random:                         # EAX
    mov eax, [state]
    imul eax, eax, 1664525
    add eax, 1013904223
    mov [state], eax
    shr eax, 8
    ret
fill:                           # CX dwords: seed, seed + 1 ...
    push es
    push BUFFER
    pop es
    xor di, di
    mov eax, [seed]
1:  stosd
    inc eax
    loop 1b
    pop es
    ret
clear:
    push es
    push BUFFER
    pop es
    xor di, di
    xor eax, eax
    rep stosd
    pop es
    ret
sum:                            # CX dwords into `seed`
    push ds
    push BUFFER
    pop ds
    xor si, si
    xor edx, edx
1:  lodsd
    rol edx, 1
    add edx, eax
    loop 1b
    pop ds
    mov [seed], edx
    ret
keep_status:                    # AH of INT 13h, 0 without carry
    jc 1f
    xor ah, ah
1:  mov [status], ah
    ret

# ---- COM1 ------------------------------------------------------------------------------------------------------------
told_seed:
told_sum:
    call putc
    call told_number
    mov eax, [seed]
    call hex32
    call space
    jmp told_end
told_place:
    call told_number
told_end:
    movzx eax, byte ptr [status]
    call hex32
newline:
    mov al, 10
    jmp putc
told_number:
    call space
    mov eax, [packet + 8]
    call hex32
space:
    mov al, ' '
    jmp putc
hex32:
    push eax
    shr eax, 16
    call hex16
    pop eax
hex16:
    push ax
    mov al, ah
    call hex8
    pop ax
hex8:
    push ax
    shr al, 4
    call digit
    pop ax
digit:
    and al, 15
    add al, '0'
    cmp al, '9'
    jbe putc
    add al, 'a' - '0' - 10
putc:
    push dx
    push ax
    mov dx, 0x3FD
1:  in al, dx
    test al, 0x20
    jz 1b
    pop ax
    mov dx, 0x3F8
    out dx, al
    pop dx
    ret
print:
    lodsb
    or al, al
    jz 1f
    call putc
    jmp print
1:  ret

banner: .asciz "soak\n"
modes:  .word 0x03, 0x13, 0x101, 0x12, 0x112, 0x0D, 0x103, 0x10, 0x115, 0x01, 0x105, 0x111, 0x07, 0x118
modes_end:
    .balign 4
packet: .byte 16, 0
    .word 1, 0, BUFFER
    .long 0, 0
state:  .long 20260101
seed:   .long 0
chs:    .word 0, 0
order:  .word 0
status: .byte 0
tries:  .byte 0
mode_at: .byte 0
    .org 4096
