"""State at instruction N does not depend on how the run was cut, nor on `mmu`.

Whole machines and bare engines with interrupts, REP, shadows, single-stepping and HLT; code that changes itself is in
test_self_modifying.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from guest import CUTS, IDT, Rig, assemble, check_equal, differences, gate, protected, real, with_timer

import emu

DEMO = Path(__file__).resolve().parents[2] / "roms" / "demo.elf"


# ---- whole machines -----------------------------------------------------------------------------

START = 800_000  # the firmware has started the guest, page tables are built, the timer is about to begin
SCRIPT = {START + 30_000: "ps\n", START + 70_000: "fault\n", START + 330_000: "help\n"}


def play(vm: emu.Machine, stop: int, step: int, pieces: Iterator[int] | None = None) -> list[str]:
    """Run to `stop` with keys typed at fixed counts; the run hash at every `step` instructions."""
    out = []
    while vm.icount < stop:
        if vm.icount in SCRIPT:
            vm.serial.send(SCRIPT[vm.icount])
        goal = vm.icount + step
        while vm.icount < goal:
            reason = vm.run(instructions=goal - vm.icount if pieces is None else min(next(pieces), goal - vm.icount)).reason
            assert reason == "budget", reason
        assert vm.icount == goal
        out.append(vm.run_hash())
    return out


def demo(**options: object) -> emu.Machine:
    vm = emu.Machine(memory="8M", kernel=DEMO, icount_shift=9, **options)
    vm.run(instructions=START)
    return vm


@pytest.mark.parametrize("cuts", CUTS)
def test_demo_guest_cut(cuts: str) -> None:
    """Paging, user tasks, a preemptive timer (every 20,000 instructions here), serial input."""
    whole, cut = demo(), demo()
    a = play(whole, START + 450_000, 10_000)
    b = play(cut, START + 450_000, 10_000, CUTS[cuts]())
    same = sum(x == y for x, y in zip(a, b, strict=True))
    assert a == b, f"equal up to {START + same * 10_000}: {differences(whole.engine, cut.engine)}"
    assert whole.engine.counters()["deliveries"] > 10
    assert whole.serial.text == cut.serial.text
    assert "killed" in whole.serial.text


def test_demo_guest_does_not_depend_on_mmu() -> None:
    tlb, shadow = demo(), demo(mmu="shadow")
    a, b = play(tlb, START + 1_830_000, 30_000), play(shadow, START + 1_830_000, 30_000)
    same = sum(x == y for x, y in zip(a, b, strict=True))
    assert a == b, f"equal up to {START + same * 30_000}: {differences(tlb.engine, shadow.engine)}"


def test_run_is_exact_at_deliveries() -> None:
    """Never one more than asked for, even where an interrupt is due at the very end."""
    vm = demo()
    start = vm.icount
    for k in range(30_000):
        vm.run(instructions=1)
        assert vm.icount == start + k + 1


@pytest.mark.parametrize("shift", [0, 4, 10])
def test_until_ns_is_exact(shift: int) -> None:
    e = protected("1: inc eax\ninc ebx\ninc ecx\njmp 1b", shift=shift)
    for ns in (1 << 12, 12345 << shift, (12345 << shift) + 1, (99999 << shift) + 77):
        e.run(until_ns=ns)
        assert 0 <= e.now_ns - ns < 1 << shift


# ---- an engine with a timer ----------------------------------------------------------------------

GUESTS = {
    "alu": """
        sti
        1: add eax, ebx
        adc ecx, eax
        ror edx, 3
        xor ebx, ecx
        push eax
        pop esi
        call 2f
        jmp 1b
        2: imul ebx, ecx, 77
        inc edi
        ret
    """,
    "rep": """
        sti
        cld
        1: mov edi, 0x200000
        mov ecx, 1000
        mov eax, ebp
        rep stosb
        mov esi, 0x200001
        mov edi, 0x200ff7
        mov ecx, 1000
        rep movsd
        mov edi, 0x200000
        mov ecx, 5000
        mov eax, 0x99
        repne scasb
        mov esi, 0x200000
        mov edi, 0x200020
        mov ecx, 2000
        repe cmpsb
        mov esi, 0x200003
        mov ecx, 300
        rep lodsw
        mov ecx, 0
        rep movsd
        std
        mov edi, 0x203005
        mov ecx, 700
        rep stosd
        cld
        inc ebp
        jmp 1b
    """,
    "io": """
        sti
        1: in al, 0x40
        add ebx, eax
        mov al, 0
        out 0x43, al
        in al, 0x40
        in al, 0x40
        rdtsc
        add ebp, eax
        mov al, 0x0a
        out 0x20, al
        in al, 0x20
        mov dx, 0x61
        mov edi, 0x200000
        mov ecx, 9
        rep insb
        jmp 1b
    """,
    "shadows": """
        1: cli
        nop
        sti
        nop
        nop
        cli
        sti
        cli
        inc edi
        sti
        mov ax, 0x10
        mov ss, ax
        mov esp, 0x80000
        inc ecx
        push ss
        pop ss
        inc ecx
        pushf
        pop eax
        push eax
        popf
        pushf
        cli
        popf
        sti
        mov ss, ax
        mov ss, ax
        inc edx
        jmp 1b
    """,
    "hlt": """
        sti
        1: inc ecx
        hlt
        cli
        mov ebx, ecx
        sti
        hlt
        jmp 1b
    """,
    "tf": """
        sti
        1: pushf
        or dword ptr [esp], 0x100
        popf
        inc ecx
        mov ax, ds
        mov ss, ax
        inc ecx
        mov edi, 0x200000
        mov ecx, 5
        rep stosb
        int 0x30
        call 2f
        pushf
        and dword ptr [esp], ~0x100
        popf
        inc edx
        inc edx
        jmp 1b
        2: ret
    """,
    "faults": """
        sti
        1: mov eax, 5
        xor edx, edx
        div edi
        ud2
        mov ax, 0x7777
        mov ds, ax
        inc ecx
        jmp 1b
    """,
    "breakpoints": """
        mov eax, offset 2f
        mov dr0, eax
        mov eax, 0x200000
        mov dr1, eax
        mov eax, 0x00d0040a
        mov dr7, eax
        sti
        1: inc ecx
        2: inc edx
        mov [0x200000], ecx
        mov eax, [0x200002]
        push ecx
        pop dword ptr [0x200000]
        mov edi, 0x1ffffc
        mov ecx, 3
        rep stosd
        jmp 1b
    """,
}
# Handlers: IRQ 0 counts and ends the interrupt; #DB counts what it saw; other exceptions skip two bytes.
HANDLERS = """
.org 0x800
irq: push eax
    inc dword ptr [0x1ff000]
    mov al, 0x20
    out 0x20, al
    pop eax
    iret
.org 0x840
trap: push eax
    mov eax, dr6
    add [0x1ff010], eax
    mov eax, [esp+4]
    add [0x1ff014], eax
    xor eax, eax
    mov dr6, eax
    pop eax
    iret
.org 0x880
skip: inc dword ptr [0x1ff020]
    add dword ptr [esp], 2
    or dword ptr [esp+8], 0x10000
    iret
.org 0x8c0
skip_code: add esp, 4
    jmp skip
.org 0x8e0
soft: inc dword ptr [0x1ff030]
    iret
"""
VECTORS = {0x20: 0x800, 1: 0x840, 0: 0x880, 6: 0x880, 13: 0x8C0, 0x30: 0x8E0}


def engine_for(name: str, mmu: str = "tlb", divisor: int = 37) -> Rig:
    e = with_timer(protected(GUESTS[name] + HANDLERS, mmu, shift=8), divisor)
    for vector, off in VECTORS.items():
        e.mem.write(IDT + 8 * vector, gate(8, 0x100000 + off))
    return e


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("name", GUESTS)
def test_with_interrupts_at_every_place(name: str, cuts: str) -> None:
    """A timer that strikes every 120 instructions or so and drifts over the loop."""
    whole, _ = check_equal(lambda: engine_for(name), lambda: engine_for(name), 30_000, CUTS[cuts])
    assert int.from_bytes(whole.mem.read(0x1FF000, 4), "little") > 50, "no interrupts"


@pytest.mark.parametrize("name", GUESTS)
def test_divisors_move_the_interrupt_over_every_instruction(name: str) -> None:
    for divisor in (2, 3, 5, 8, 11, 23):
        check_equal(
            lambda d=divisor: engine_for(name, divisor=d), lambda d=divisor: engine_for(name, divisor=d), 3000, CUTS["ones"]
        )


@pytest.mark.parametrize("name", GUESTS)
def test_mmu_makes_no_difference_with_interrupts(name: str) -> None:
    check_equal(lambda: engine_for(name), lambda: engine_for(name, "shadow"), 50_000, lambda: itertools.repeat(1 << 40))


# ---- real mode -------------------------------------------------------------------------------------

REAL = """
.code16
    cli
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov word ptr [0x80], offset irq
    mov word ptr [0x82], 0
    sti
1:  inc eax
    add bx, ax
    push bx
    pop dx
    mov di, 0x8000
    mov cx, 20
    rep stosw
    mov si, 0xfff0
    mov di, 0x9000
    mov cx, 20
    rep movsb
    call 2f
    int 0x40
    loop 3f
3:  lcall 0, offset far_away
    mov byte ptr [4f+1], dl
4:  mov al, 0
    add bp, ax
    mov ax, 0x1000
    mov es, ax
    inc byte ptr es:[0x10]
    xor ax, ax
    mov es, ax
    jmp 1b
2:  enter 4, 0
    mov [bp-2], ax
    leave
    ret
far_away:
    pushf
    popf
    lret
irq: push ax
    inc word ptr [0x5000]
    mov al, 0x20
    out 0x20, al
    pop ax
    iret
soft: iret
"""


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
@pytest.mark.parametrize("cuts", CUTS)
def test_real_mode(cuts: str, mmu: str) -> None:
    soft = 0x7C00 + len(assemble(REAL, 0x7C00)) - 1

    def make(mmu: str) -> Rig:
        e = with_timer(real(REAL, mmu, shift=8), 41)
        e.mem.write(0x100, soft.to_bytes(4, "little"))
        return e

    whole, _ = check_equal(lambda: make("tlb"), lambda: make(mmu), 12_000, CUTS[cuts])
    assert int.from_bytes(whole.mem.read(0x5000, 2), "little") > 20


@pytest.mark.parametrize("cuts", CUTS)
def test_real_mode_to_protected_mode_and_back(cuts: str) -> None:
    source = """
    .code16
        cli
    1:  lgdt [gdtr]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        ljmp 8, offset prot
    prot:
    .code32
        mov ax, 0x10
        mov ds, ax
        mov es, ax
        inc dword ptr [0x200000]
        mov edi, 0x100000
        mov ecx, 30
        rep stosd
        .byte 0xea
        .long prot16
        .word 0x18
    .code16
    prot16:
        mov eax, cr0
        and al, 0xfe
        mov cr0, eax
        ljmp 0, offset back
    back: xor ax, ax
        mov ds, ax
        inc dword ptr [0x5000]
        mov bx, [0x5000]
        jmp 1b
    gdtr: .word 31
        .long gdt
    .align 8
    gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00009b000000ffff
    """
    whole, _ = check_equal(lambda: real(source), lambda: real(source), 5000, CUTS[cuts])
    assert whole.mem.read(0x5000, 4) != bytes(4)
