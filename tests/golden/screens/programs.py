"""The screen programs: what each puts on the screen, in nasm's words behind lib.inc.  {name: source}"""
from __future__ import annotations

TEXT_FILL = """
        mov ax, {segment}
        mov es, ax
        xor di, di
        xor bx, bx
.cell:  mov al, bl
        and al, 0xF0                    ; the ninth dot of B0-BF is not the eighth; QEMU thinks otherwise
        cmp al, 0xB0
        mov al, bl
        jne .keep
        xor al, 0x40
.keep:
        mov ah, bl
        shl ah, 2
        add ah, bh
        imul cx, bx, 7
        xor ah, cl
        stosw
        inc bx
        cmp bx, 2000
        jb .cell
"""

# planar modes: bars by map mask, then figures by every write mode
PLANAR = """
        mov ax, 0xA000
        mov es, ax
        reg 0x3C4, 2, 0x0F
        xor di, di
        mov cx, 0x8000
        xor ax, ax
        rep stosw
        xor bx, bx                      ; BARS: line n has colour n / 8 in its first part
.line:  mov ax, bx
        shr ax, 3
        mov ah, al
        mov al, 2
        mov dx, 0x3C4
        out dx, ax
        mov ax, bx
        imul di, ax, PITCH
        mov cx, PITCH / 2
        mov al, bl
        or al, 0x81
        rep stosb
        inc bx
        cmp bx, LINES
        jb .line
        reg 0x3C4, 2, 0x0F
        reg 0x3CE, 0, 0x05              ; set/reset in planes 0 to 2, rotated data in plane 3
        reg 0x3CE, 1, 0x07
        reg 0x3CE, 3, 0x03
        reg 0x3CE, 8, 0x7E
        mov di, PITCH * 10 + PITCH / 2
        mov cx, 400
.wm0:   mov al, [es:di]
        mov al, cl
        stosb
        loop .wm0
        reg 0x3CE, 1, 0
        reg 0x3CE, 3, 0x18              ; XOR
        reg 0x3CE, 8, 0xFF
        mov di, PITCH * 30
        mov cx, PITCH * 20
.xor:   mov al, [es:di]
        mov al, 0x5A
        stosb
        loop .xor
        reg 0x3CE, 3, 0x10              ; OR
        mov di, PITCH * 55
        mov cx, PITCH * 5
.or:    mov al, [es:di]
        mov al, cl
        stosb
        loop .or
        reg 0x3CE, 3, 0x08              ; AND
        mov di, PITCH * 65
        mov cx, PITCH * 5
.and:   mov al, [es:di]
        mov al, 0xCC
        stosb
        loop .and
        reg 0x3CE, 3, 0
        reg 0x3CE, 5, {mode} | 2        ; write mode 2: data is a colour, under a moving mask
        mov di, PITCH * 80
        mov cx, PITCH * 20
        mov bl, 0x80
.wm2:   mov ah, bl
        mov al, 8
        mov dx, 0x3CE
        out dx, ax
        mov al, [es:di]
        mov al, cl
        stosb
        ror bl, 1
        loop .wm2
        reg 0x3CE, 8, 0xFF
        reg 0x3CE, 5, {mode} | 3        ; write mode 3: data is a mask, set/reset the colour
        reg 0x3CE, 0, 0x0E
        mov di, PITCH * 105
        mov cx, PITCH * 10
.wm3:   mov al, [es:di]
        mov ax, cx
        stosb
        loop .wm3
        reg 0x3CE, 5, {mode} | 1        ; write mode 1: latches
        push ds
        push es
        pop ds
        xor si, si
        mov di, PITCH * 130
        mov cx, PITCH * 40
        rep movsb
        pop ds
        reg 0x3CE, 5, {mode} | 8        ; read mode 1: where is colour 5?  it is written down below
        reg 0x3CE, 2, 5
        reg 0x3CE, 7, 0x0F
        xor si, si
        mov di, PITCH * 175
        mov cx, PITCH * 20
.cmp:   mov al, [es:si]
        mov [es:di], al
        inc si
        inc di
        loop .cmp
        reg 0x3CE, 5, {mode}
"""
MODE12 = "%define PITCH 80\n%define LINES 480\nmain:   mov si, mode12\n call set_mode\n call palette\n" + PLANAR.format(mode="0")
MODE0D = MODE12.replace("mode12", "mode0d").replace("LINES 480", "LINES 200")
LINEAR13 = """
        mov ax, 0xA000
        mov es, ax
        xor di, di
        xor bx, bx
.line:  xor cx, cx
.pixel: mov ax, cx
        xor al, bl
        add al, ch
        stosb
        inc cx
        cmp cx, 320
        jb .pixel
        inc bx
        cmp bx, 200
        jb .line
"""
# mode X: one column in four goes to each plane
PLANES_X = """
        mov ax, 0xA000
        mov es, ax
        mov bp, 1
.plane: mov ax, bp
        mov ah, al
        mov al, 2
        mov dx, 0x3C4
        out dx, ax
        xor di, di
.byte:  mov ax, di
        shr ax, 2
        imul ax, bp
        stosb
        cmp di, 80 * 480
        jb .byte
        shl bp, 1
        cmp bp, 16
        jb .plane
"""
MODEX = "main:   mov si, modex\n        call set_mode\n        call palette\n" + PLANES_X

DISPI = """
%macro vbe 2
        mov dx, 0x1CE
        mov ax, %1
        out dx, ax
        inc dx
        mov ax, %2
        out dx, ax
%endmacro
main:   mov si, mode03
        call set_mode
        call palette
        vbe 4, 0
        vbe 1, {width}
        vbe 2, {height}
        vbe 3, {bpp}
        vbe 4, {enable}
"""
# segment limits of 4 GiB in fs ("unreal mode"), then the frame buffer through BAR 0 of device 2
UNREAL = """
        in al, 0x92
        or al, 2
        and al, 0xFE
        out 0x92, al
        lgdt [gdtr]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp $+2
        mov bx, 8
        mov fs, bx
        and al, 0xFE
        mov cr0, eax
        jmp 0:real
real:  mov dx, 0xCF8
        mov eax, 0x80001010
        out dx, eax
        mov dl, 0xFC
        in eax, dx
        and eax, 0xFFFFFFF0
        mov edi, eax
        mov ecx, {bytes}
        xor eax, eax
.fill:  mov edx, eax
        shr edx, 7
        mov [fs:edi], dl
        inc edi
        add eax, {step}
        dec ecx
        jnz .fill
        jmp over
gdtr:   dw 15
        dd gdt
gdt:    dq 0, 0x00CF92000000FFFF
over:
"""


def lfb(bpp: int, width: int = 640, height: int = 480, after: str = "") -> str:
    """A frame buffer mode filled with a pattern, 32 bits of address."""
    pixel = (bpp + 7) // 8
    return (DISPI.format(width=width, height=height, bpp=bpp, enable=0x41)
            + UNREAL.format(bytes=width * height * pixel, step=5 if bpp == 8 else 3) + after + "        ret\n")


def text(mode: str, segment: str, extra: str = "") -> str:
    """A text mode with our font and every attribute."""
    return (f"main:   mov si, {mode}\n        call set_mode\n        call palette\n        xor di, di\n        call font\n"
            + ("        reg 0x3CE, 6, 0x0A\n" if mode == "mode07" else "") + TEXT_FILL.format(segment=segment) + extra
            + "        ret\n")


PROGRAMS = {
    "text": text("mode03", "0xB800"),
    "text-8-dots": text("mode03", "0xB800", "        reg 0x3C4, 1, 1\n"),
    "text-two-fonts": text("mode03", "0xB800", "        mov di, 0x4000 + 7 * 32\n        call font\n"
                                               "        reg 0x3C4, 3, 0x04\n"),
    "text-start-address": text("mode03", "0xB800", "        reg 0x3D4, 0x0D, 80 * 3 + 7\n        reg 0x3D4, 0x0A, 3\n"
                               "        reg 0x3D4, 0x0A, 0x20\n"),
    "text-short-rows": text("mode03", "0xB800", "        reg 0x3D4, 9, 0x47\n"),
    "mono-underline": text("mode07", "0xB000"),
    "mode12-write-modes": MODE12 + "        ret\n",
    "mode12-split": MODE12 + "        reg 0x3D4, 0x0C, 0x20\n        reg 0x3D4, 0x0D, 0x80\n        reg 0x3D4, 7, 0x2E\n"
                    "        reg 0x3D4, 0x18, 0xF0\n        ret\n",
    "mode0d": MODE0D.replace("PITCH 80", "PITCH 40") + "        ret\n",
    "mode0d-panned": MODE0D.replace("PITCH 80", "PITCH 44")
                     + "        reg 0x3D4, 0x13, 22\n        reg 0x3D4, 0x0D, 2\n        reg 0x3D4, 8, 0x20\n"
                       "        mov dl, 0xDA\n        in al, dx\n        mov dl, 0xC0\n        mov al, 0x13\n        out dx, al\n"
                       "        mov al, 5\n        out dx, al\n        ret\n",
    "cga-4-colours": "main:   mov si, mode04\n        call set_mode\n        call palette\n" + TEXT_FILL.format(segment="0xB800")
                     .replace("2000", "8192") + "        ret\n",
    "cga-2-colours": "main:   mov si, mode06\n        call set_mode\n        call palette\n" + TEXT_FILL.format(segment="0xB800")
                     .replace("2000", "8192") + "        ret\n",
    "mode13": "main:   mov si, mode13\n        call set_mode\n        call palette\n" + LINEAR13 + "        ret\n",
    "mode13-pel-mask": "main:   mov si, mode13\n        call set_mode\n        call palette\n" + LINEAR13
                       + "        mov dx, 0x3C6\n        mov al, 0x5F\n        out dx, al\n        ret\n",
    "mode-x": MODEX + "        ret\n",
    "mode-x-second-page-split": MODEX + "        reg 0x3D4, 0x0C, 0x4B\n        reg 0x3D4, 7, 0x2E\n"
                                "        reg 0x3D4, 0x18, 0x90\n        ret\n",
    "text-panned": text("mode03", "0xB800", "        reg 0x3D4, 8, 5\n        mov dl, 0xDA\n        in al, dx\n"
                        "        mov dl, 0xC0\n        mov al, 0x13\n        out dx, al\n        mov al, 3\n        out dx, al\n"
                        "        reg 0x3D4, 0x0A, 0x20\n"),
    "vbe-8": lfb(8), "vbe-15": lfb(15), "vbe-16": lfb(16), "vbe-24": lfb(24), "vbe-32": lfb(32),
    "vbe-panned": lfb(32, after="        vbe 6, 720\n        vbe 8, 40\n        vbe 9, 11\n"),
    "vbe-4": DISPI.format(width=800, height=600, bpp=4, enable=1).replace("mode03", "mode12")
             + "%define PITCH 100\n%define LINES 480\n"
             + PLANAR.format(mode="0") + "        ret\n",
    "vbe-banks": DISPI.format(width=800, height=600, bpp=8, enable=1) + """
        mov ax, 0xA000
        mov es, ax
        xor bp, bp
.bank:  vbe 5, bp
        xor di, di
.fill:  mov ax, di
        shr ax, 5
        add ax, di
        add ax, bp
        stosb
        test di, di
        jnz .fill
        inc bp
        cmp bp, 8
        jb .bank
        ret
""",
}
# what QEMU 7.2 draws otherwise, and why ours is right
NOT_LIKE_QEMU = {
    "vbe-4": "QEMU writes no plane at all while a mode of 4 bits a pixel is on",
    "mode13-pel-mask": "QEMU ignores the PEL mask register",
    "mono-underline": "QEMU does not underline",
    "mode0d-panned": "QEMU ignores the pel panning register",
    "text-panned": "QEMU ignores pel panning and the preset row scan",
}
