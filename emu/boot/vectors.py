"""The real-mode interrupt vectors of a direct boot: a kernel that goes back to real mode finds handlers, though no BIOS.

Services answer "not supported" (carry, AH = 86h), INT 11h and 12h from the BIOS data area; hardware interrupts are acknowledged;
divide error, invalid opcode, no FPU, and what starts a boot (INT 18h, 19h) halt with interrupts off.
Spec: IBM PC/AT Technical Reference, BIOS interrupts; Ralf Brown's interrupt list for AH = 86h.
"""
from __future__ import annotations

from .. import layout

SEGMENT = 0xF000
CLI_HLT = bytes.fromhex("FAF4EBFD")                     # cli; hlt; jmp back to hlt
IRET = bytes.fromhex("CF")
UNSUPPORTED = bytes.fromhex("55 89E5 804E0601 5D B486 CF")      # push bp; mov bp,sp; or byte [bp+6],1; pop bp; mov ah,86h; iret
BDA_WORD = "1E 6A40 1F A1{:02X}00 1F CF"                # push ds; push 40h; pop ds; mov ax,[x]; pop ds; iret
MASTER_IRQ = bytes.fromhex("50 B020 E620 58 CF")        # push ax; mov al,20h; out 20h,al; pop ax; iret
SLAVE_IRQ = bytes.fromhex("50 B020 E6A0 E620 58 CF")
ROUTINES = {
    CLI_HLT: (0x00, 0x06, 0x07, 0x18, 0x19),
    IRET: (0x01, 0x02, 0x03, 0x04, 0x05, 0x1B, 0x1C, 0x23, 0x24, 0x28),
    MASTER_IRQ: range(0x08, 0x10),
    SLAVE_IRQ: range(0x70, 0x78),
    bytes.fromhex(BDA_WORD.format(0x10)): (0x11,),
    bytes.fromhex(BDA_WORD.format(0x13)): (0x12,),
}


def pieces() -> list[tuple[int, bytes]]:
    """(address, bytes) of the vectors and of what they point to."""
    code = bytearray(UNSUPPORTED)
    vectors = [layout.BIOS_STUB] * 256
    for routine, numbers in ROUTINES.items():
        for number in numbers:
            vectors[number] = layout.BIOS_STUB + len(code)
        code += routine
    table = b"".join((addr - (SEGMENT << 4) | SEGMENT << 16).to_bytes(4, "little") for addr in vectors)
    return [(0, table), (layout.BIOS_STUB, bytes(code))]
