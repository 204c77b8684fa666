"""The host's stack does not grow with the number of guest instructions: tail calls everywhere, slow paths included.

In a fresh process, on a thread with 64 KiB of stack, more than 100 million instructions.  First each kind alone in a
loop that nothing interrupts, so that one handler without a tail call is enough to overflow; then all of them
together with MMIO, faults, far jumps and a timer.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from process import ENV

HERE = Path(__file__).parent
STACK = 64 << 10

LOOPS = {  # nothing here goes back to the run loop but the end of a slice
    "alu": "add eax, ebx\nadc ecx, [0x200000]\nxor [0x200004], edx\nnot esi\ncmp eax, 5\nja 2f\ninc edi\n2: test al, 1\n"
    "setz bl",
    "stack": "push eax\npush ecx\npop edx\npop eax\npusha\npopa\npushf\npop ebx\npush [0x200000]\npop [0x200004]\n"
    "enter 8, 0\nleave",
    "calls": "call 2f\nmov eax, offset 3f\ncall eax\npush offset 4f\nret\n4: jmp 5f\n2: ret\n3: ret 0\n"
    "5: mov eax, offset 6f\njmp eax\n6:",
    "branches": "mov ecx, 5\n2: dec ecx\njnz 2b\nmov ecx, 4\n3: loop 3b\njecxz 4f\nnop\n4: sub eax, 7\njb 5f\n5: jpe 6f\n6:",
    "pages": "call 2f\njmp 3f\n.org 0xffd\n2: mov eax, 0x12345678\nret\n3: jmp 4f\n.org 0x2000\n4: nop",
    "crossing": "mov eax, [0x200ffe]\nmov [0x200ffd], eax\nadd [0x200fff], ecx\nlock xadd [0x200ffe], eax\n"
    "inc word ptr [0x200fff]",
    "moves": "movzx eax, byte ptr [0x200000]\nmovsx ecx, cl\nxchg eax, [0x200010]\nlea edx, [eax+ecx*4+7]\n"
    "cmovz eax, edx\nbswap eax\n"
    "cdq\ncwde\nmov ds:[0x200020], al\nxlatb".replace("xlatb", "mov ebx, 0x200000\nxlatb"),
    "shifts": "shl eax, 3\nsar dword ptr [0x200000], cl\nrcl edx, 1\nrcr ecx, 5\nror bl, 3\nshld eax, edx, 7\n"
    "shrd [0x200008], eax, cl",
    "muldiv": "mov eax, 1000\nmov ecx, 7\nmul ecx\nxor edx, edx\ndiv ecx\nimul eax, ecx, 3\nimul ecx, [0x200000]\ncdq\n"
    "mov ecx, 9\nidiv ecx",
    "bits": "bsf eax, ecx\nbt [0x200000], eax\nbts dword ptr [0x200004], 7\nbtc eax, ecx\nbsr edx, eax\n"
    "cmpxchg [0x200008], edx\nxadd eax, edx",
    "bcd": "daa\ndas\naaa\naas\naad\naam\nsahf\nlahf\ncmc\nclc\nstc\nstd\ncld",
    "string": "mov esi, 0x200000\nmov edi, 0x201000\nmovsd\nlodsb\nstosw\ncmpsb\nscasd",
    "rep": "mov edi, 0x200ff0\nmov esi, 0x200000\nmov ecx, 9\nrep stosd\nmov ecx, 5\nrep movsb\nmov ecx, 3\nrepe cmpsb\n"
    "mov ecx, 3\n"
    "repne scasb\nmov ecx, 2\nrep lodsd",
    "x87": "fld1\nfadd qword ptr [0x200ffc]\nfstp qword ptr [0x200ffc]\nfld tbyte ptr [0x200ffa]\nfxch\n"
    "fstp tbyte ptr [0x200ffa]\nfild dword ptr "
    "[0x200ffe]\nfistp dword ptr [0x200ffe]\nfldpi\nfchs\nfstp st(0)\nfldz\nfsqrt\nfcomip st, st(0)\nfninit\nfnstsw ax\n"
    "fldcw [high]",
    "sse": "movups xmm0, [0x200ff8]\naddps xmm0, xmm1\nmulsd xmm0, [0x200ffc]\nmovups [0x200ff8], xmm0\npaddd xmm0, xmm1\n"
    "pxor mm0, mm1\n"
    "movq [0x200ffd], mm0\ncvtsi2sd xmm2, eax\ncvttsd2si ecx, xmm2\nucomisd xmm2, xmm0\nmovd eax, xmm0\nemms",
    "segments": "mov ax, ds\nmov es, ax\npush ds\npop es\nles edi, [high]\nlar eax, cx\nsldt ax\nsgdt [0x200ffe]\n"
    "verr cx\nstr [0x200000]",
    "far": ".byte 0xea\n.long 2f\n.word 8\n2: .byte 0x9a\n.long 3f\n.word 8\njmp 4f\n3: .byte 0xcb\n4: int 0x30",
    "system": "mov eax, cr0\nmov eax, dr7\nrdtsc\ncpuid\nclts\nsmsw ax\nmov ecx, 0x10\nrdmsr\ninvlpg [0x200000]\nnop\n"
    "pause\nlfence",
    "ports": "in al, 0x80\nout 0x80, al\nin eax, dx\nmov edi, 0x200000\nmov dx, 0x300\ninsb",
    "mmio": "mov edi, 0xd0000000\nmov [edi], eax\nadd eax, [edi+4]\ninc dword ptr [edi+8]\npush [edi]\npop eax",
    "popf": "pushf\npopf\ncli\nsti\nnop",
    "cr3": "mov eax, cr3\nmov cr3, eax\ninc ebx",
    "fault": "ud2\ninc eax",
}
TAIL = """
    jmp again
.org 0x4000
high: .long 0x33f, 0x10, 0, 0
.org 0x4040
soft: iret
.org 0x4080
skip: add dword ptr [esp], 2
    iret
"""
EACH = 4_000_000

GUEST = """
    sti
    cld
again:
    inc ebp
    mov esi, 0x200000
    mov ecx, 40
1:  call sub1                       # near calls, returns, indirect calls and jumps
    mov eax, offset sub2
    call eax
    push offset 2f
    ret
2:  mov eax, [esi+0xffe]            # a page-crossing read, write and read-modify-write
    mov [esi+0xffd], eax
    add [esi+0xfff], ecx
    lock xadd [esi+0x10], eax
    dec ecx
    jnz 1b
    mov edi, 0xd0000000             # nobody's MMIO, and the bus
    mov [edi], eax
    add eax, [edi+4]
    inc dword ptr [edi+8]
    in al, 0x80
    out 0x80, al
    in al, 0x40
    mov edi, 0x210000               # strings over pages
    mov ecx, 300
    rep stosd
    mov edi, 0x210ff0
    mov ecx, 40
    rep movsb
    mov edi, 0x210000
    mov ecx, 50
    xor eax, eax
    repne scasb
    mov ecx, 3
3:  loop 3b
    .byte 0xea                      # far jump, far call, far return
    .long 4f
    .word 8
4:  .byte 0x9a
    .long sub3
    .word 8
    mov eax, 0x10
    mov ds, eax
    mov ss, eax
    int 0x30
    pushf
    popf
    fld1
    fadd qword ptr [0x200ffc]
    fstp qword ptr [0x200ffc]
    movups xmm0, [0x200ff8]
    addps xmm0, xmm0
    movups [0x200ff8], xmm0
    inc byte ptr [5f+1]             # code that changes itself
5:  mov al, 0
    ud2                             # a fault, skipped by its handler
    test ebp, 15
    jnz again
    mov eax, cr3                    # a new address space
    mov cr3, eax
    jmp again
sub1: push ebp
    mov ebp, esp
    cmp ecx, 20
    jb 6f
    inc edx
6:  leave
    ret
sub2: ret
sub3: .byte 0xcb                    # retf
.org 0x800
irq: push eax
    inc dword ptr [0x1ff000]
    mov al, 0x20
    out 0x20, al
    pop eax
    iret
.org 0x880
skip: add dword ptr [esp], 2
    iret
.org 0x8e0
soft: iret
"""


def work(mmu: str, instructions: int) -> None:
    """In the thread."""
    from guest import IDT, gate, protected, with_timer

    for name, body in LOOPS.items():
        e = protected(f"fninit\nagain:\n{body}\n{TAIL}", mmu)
        for vector, off in ((6, 0x4080), (0x30, 0x4040)):
            e.mem.write(IDT + 8 * vector, gate(8, 0x100000 + off))
        print(name, flush=True)
        stop = e.run(EACH)
        assert stop.reason == "budget", (name, stop, e.regs(), e.exceptions()[-3:])
    e = with_timer(protected(GUEST, mmu), 100)
    for vector, off in ((0x20, 0x800), (6, 0x880), (0x30, 0x8E0)):
        e.mem.write(IDT + 8 * vector, gate(8, 0x100000 + off))
    stop = e.run(instructions)
    assert stop.reason == "budget", (stop, e.regs(), e.exceptions()[-3:])
    assert e.icount == instructions
    assert int.from_bytes(e.mem.read(0x1FF000, 4), "little") > 200, "no interrupts"
    print("rounds", e.regs()["ebp"], e.counters())


def sweep(*_: object) -> None:
    """Every opcode with every /r, on registers, on memory, on memory that takes the slow twin: each in its own loop."""
    from guest import protected

    e = protected("nop")
    head = bytes.fromhex("b810000000 b905000000 ba03000000 bb00012000 bc00003f00 be00002000 bf00102000")  # MOV of all but EBP
    memory = (0x100000).to_bytes(4, "little") * 2048
    skip = {0xF4, 0x0F, 0x66, 0x67, 0xF0, 0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0xEA, 0x9A}
    codes = [bytes([op]) for op in range(256) if op not in skip] + [b"\x0f" + bytes([op]) for op in range(256)]
    codes += [b"\x66" + code for code in codes if code[0] == 0x0F] + [b"\xf3\x0f" + bytes([op]) for op in range(0x10, 0x100)]
    codes += [b"\xf2\x0f" + bytes([op]) for op in range(0x10, 0x100)]
    for code in codes:
        for r in range(8):
            for form in (bytes([0xC3 | r << 3]), bytes([5 | r << 3]) + b"\x80\0\x20\0", bytes([5 | r << 3]) + b"\xfd\x0f\x20\0"):
                body = head + code + form + b"\x90" * 6
                body += b"\xe9" + (-len(body) - 5).to_bytes(4, "little", signed=True)
                print(body.hex(), end=" ", flush=True)
                e.mem.write(0x100000, body)
                e.mem.write(0x200000, memory)
                e.reset()
                e.enter_protected(0x100000, 0x3F0000, 0x9000, 63)
                e.set_regs(idt_limit=0, cr4=0x600, cr0=0x11, ebp=0)  # an exception ends it: it comes by the run loop
                print(e.run(60_000).reason)
    print("rounds")


@pytest.mark.parametrize("what", ["tlb", "shadow", "sweep"])
def test_100_million_instructions_on_a_small_stack(what: str) -> None:
    program = (
        f"import sys, threading; sys.path[:0] = {[str(HERE), str(HERE.parent)]!r}; import test_stack_depth as t\n"
        f"threading.stack_size({STACK}); bad = []\n"
        "def go():\n"
        "    try: t.sweep() if sys.argv[1] == 'sweep' else t.work(sys.argv[1], 30_000_000)\n"
        "    except BaseException as e: bad.append(repr(e))\n"
        "x = threading.Thread(target=go); x.start(); x.join(); sys.exit(bad[0] if bad else 0)"
    )
    # -P and ENV: the package the tests imported, not a source tree without built modules
    done = subprocess.run([sys.executable, "-P", "-c", program, what], capture_output=True, text=True, env=ENV)
    assert done.returncode == 0, (f"status {done.returncode}; the last thing it ran:", done.stdout[-200:], done.stderr[-2000:])
    assert "rounds" in done.stdout
