"""Code that changes itself: in the running block, in the next instruction, across pages, through aliases, by REP, from outside.

The reference is stepping one instruction at a time, which fetches every instruction anew.  A run in one piece
and runs in odd pieces must be in the same state at the same instruction count, RAM included.
SDM 3A, Self-Modifying Code: a write is seen by the very next instruction on processors since the P6.
"""

from __future__ import annotations

import pytest
from guest import CUTS, advance, assemble, check_equal, differences, protected
from smc_cases import STORES

DATA = """
.align 16
fill: .byte 0x40, 0x41, 0x42, 0x43, 0x40, 0x41, 0x42, 0x43, 0x40, 0x41, 0x42, 0x43, 0x40, 0x41, 0x42, 0x43
high: .quad 0x8080808080808080, 0x8080808080808080
fval: .quad 0x4140414041404140, 0
"""

# The body runs three times on data (so that it is decoded, linked and fused), then over its own code, then again on data.
HARNESS = """
    mov ebp, 5
again:
    mov edi, 0x200000
    cmp ebp, 2
    jne 1f
    mov edi, offset TARGET
1:  mov eax, 0x40404040
    mov ecx, eax
    mov edx, eax
    mov ebx, eax
    mov esp, 0x80000
    fninit
    movdqu xmm0, [fill]
    jmp BODY
back:
    add [0x210000], eax     # what the patched code did stays
    add [0x210004], ecx
    add [0x210008], edx
    add [0x21000c], ebx
    add [0x210010], esp
    dec ebp
    jnz again
    cli
    hlt
"""


def both_ways(source: str, mmu: str, cuts: str = "ones", limit: int = 5000) -> None:
    check_equal(lambda: protected(source, mmu), lambda: protected(source, mmu), limit, CUTS[cuts])


def field(label: str) -> str:
    """NOPs to patch; then back."""
    return f"{label}:\n" + "nop\n" * 40 + "jmp back\n"


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
@pytest.mark.parametrize("name", STORES)
def test_store_into_the_next_instruction(name: str, mmu: str) -> None:
    body = f"body:\n{STORES[name]}\n" + field("victim") + DATA
    align = ".align 16, 0x90\n" if name.startswith(("mova", "movnt", "movdqa")) else ""
    if align:  # the victim must be aligned for these
        body = body.replace("victim:", align + "victim:")
    both_ways(HARNESS.replace("TARGET", "victim").replace("BODY", "body") + body, mmu)


@pytest.mark.parametrize("name", STORES)
def test_store_further_on_in_the_same_block(name: str) -> None:
    body = f"body:\n{STORES[name]}\nmov esi, 1\nadd esi, edx\n.align 16, 0x90\n" + field("victim") + DATA
    both_ways(HARNESS.replace("TARGET", "victim").replace("BODY", "body") + body, "tlb")


@pytest.mark.parametrize("name", STORES)
def test_store_into_itself_changes_only_the_next_time(name: str) -> None:
    body = f".align 16, 0x90\nvictim:\nbody:\n{STORES[name]}\n" + "nop\n" * 8 + "jmp back\n" + DATA
    both_ways(HARNESS.replace("TARGET", "victim").replace("BODY", "body") + body, "tlb")


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("skew", [0, 3])
def test_store_across_the_end_of_a_page(name: str, skew: int) -> None:
    """The patched bytes lie on both pages, and an instruction of the victim crosses as well."""
    body = (
        f".org 0xFC0\nbody:\n{STORES[name]}\njmp victim\n"
        + DATA.replace(".align 16", ".org 0x2000")
        + f".org 0x{0x2FF0 + skew:x}\n"
        + "victim:\n"
        + "mov ecx, 0x90909090\n" * 6
        + "nop\n" * 20
        + "jmp back\n"
    )
    both_ways(HARNESS.replace("TARGET", "victim+10").replace("BODY", "body") + body, "tlb")


def test_patched_block_on_the_other_page_of_a_crossing_instruction() -> None:
    """Only the second page is written; the block that dies begins on the first."""
    body = """
    body: mov dword ptr [edi], 0x40404040
    jmp victim
    .org 0x1FFE
    victim: mov eax, 0x11223344
    add edx, eax
    jmp back
    """
    both_ways(HARNESS.replace("TARGET", "victim+2").replace("BODY", "body") + body + DATA, "tlb")
    both_ways(HARNESS.replace("TARGET", "victim+2").replace("BODY", "body") + body + DATA, "shadow", "odd")


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
def test_loop_that_patches_its_own_immediate_every_time(mmu: str) -> None:
    both_ways(
        """
    mov ecx, 300
    1: mov eax, 0
    victim:
    add ebx, eax
    inc dword ptr [1b+1]
    dec ecx
    jnz 1b
    hlt
    """,
        mmu,
    )


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
def test_loop_that_patches_its_own_branch(mmu: str) -> None:
    both_ways(
        """
    mov ecx, 200
    1: xor byte ptr [2f], 1
    2: jz 3f
    inc eax
    3: inc ebx
    dec ecx
    jnz 1b
    hlt
    """,
        mmu,
    )


@pytest.mark.parametrize("rep", ["rep stosb", "rep stosd", "rep movsb", "rep movsd"])
@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
def test_rep_over_its_own_block_and_itself(rep: str, mmu: str) -> None:
    """The string instruction overwrites what follows it, or (going on) itself, with NOPs or with its own copy."""
    source = f"""
    mov eax, 0x90909090
    mov ecx, 400
    mov edi, offset over
    mov esi, offset source
    cld
    {rep}
    over:
    inc ebx
    inc ebx
    .rept 40
    add ebx, 3
    .endr
    hlt
    .org 0x400
    source:
    .rept 1700
    .byte 0x90
    .endr
    cli
    hlt
    """
    both_ways(source, mmu)
    both_ways(source.replace("mov edi, offset over", "mov edi, offset over-40"), mmu)
    both_ways(source.replace("cld", "std").replace("mov edi, offset over", "mov edi, offset over+60"), mmu)


PAGED = """
    mov edi, 0x300000           # page directory, two tables: identity, and an alias at 0x40000000
    mov dword ptr [edi], 0x301007
    mov dword ptr [edi+0x400], 0x302007
    mov ebx, 0x301000
    mov eax, 7
    1: mov [ebx], eax
    mov [ebx+0x1000], eax
    add ebx, 4
    add eax, 0x1000
    cmp eax, 0x400007
    jb 1b
    mov cr3, edi
    mov eax, cr0
    or eax, 0x80010000
    mov cr0, eax
"""


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
@pytest.mark.parametrize("here", [0, 0x40000000], ids=["runs-here", "runs-in-the-alias"])
def test_written_through_another_linear_address(mmu: str, here: int) -> None:
    there = here ^ 0x40000000
    both_ways(
        PAGED
        + f"""
    mov esi, 60
    mov eax, offset go
    add eax, {here:#x}
    jmp eax
    go:
    mov edi, offset victim+1
    add edi, {there:#x}
    2: inc byte ptr [edi]
    victim: mov ecx, 0x11
    add edx, ecx
    mov byte ptr [edi+3], 7
    test esi, 3
    jnz 3f
    mov eax, 0x300000           # now and then another address space, or the same one again
    mov cr3, eax
    3: dec esi
    jnz 2b
    cli
    hlt
    """,
        mmu,
        "odd",
        6000,
    )


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
def test_the_page_under_the_code_is_exchanged(mmu: str) -> None:
    """The same linear address shows other code after INVLPG or a CR3 load; both pages stay decoded."""
    both_ways(
        PAGED
        + """
    mov esi, 0x1000
    2: mov ebx, 0x301000 + 0x380*4
    mov eax, 0x381007
    test esi, 1
    jz 3f
    mov eax, 0x382007
    3: mov [ebx], eax
    invlpg [0x380000]
    call 0x380000
    test esi, 4
    jz 4f
    mov eax, cr3
    mov cr3, eax
    4: sub esi, 0x11
    jnc 2b
    cli
    hlt
    """.replace("call 0x380000", "mov edx, 0x380000\ncall edx")
        + """
    .org 0x281000
    add ebp, 5
    ret
    .org 0x282000
    add edi, 7
    inc edi
    ret
    """,
        mmu,
        "odd",
        4000,
    )


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
def test_same_physical_code_at_two_linear_addresses(mmu: str) -> None:
    """Position-dependent results of shared blocks: CALL pushes, and links stay inside one alias."""
    both_ways(
        PAGED
        + """
    mov esi, 40
    2: mov eax, offset shared
    call eax
    add eax, 0x40000000
    call eax
    dec esi
    jnz 2b
    cli
    hlt
    shared:
    call 3f
    3: pop ecx
    add edx, ecx
    jmp 4f
    nop
    4: xor ebx, edx
    jz 5f
    inc ebp
    5: ret
    """,
        mmu,
        "odd",
        4000,
    )


@pytest.mark.parametrize("cuts", CUTS)
def test_dma_into_the_running_loop(cuts: str) -> None:
    """Memory changed from outside between two instructions, as by a device."""
    source = "1: mov eax, 1\nadd ebx, eax\ninc ecx\ncmp ecx, 100000\njne 1b\nhlt"
    whole, cut = protected(source), protected(source)
    pieces = CUTS[cuts]()
    for k in range(30):
        for e, cutter in ((whole, None), (cut, pieces)):
            advance(e, e.icount + 50 + k, cutter)
            e.mem.write(0x100001, bytes([k]))
        assert not (found := differences(whole, cut)), (k, found)
    assert whole.regs()["ebx"] > 29 * 10


def test_a_write_into_a_page_of_code_that_is_no_code_kills_nothing() -> None:
    e = protected("mov ecx, 1000\n1: inc dword ptr [data]\ndec ecx\njnz 1b\nhlt\n.org 0x800\ndata: .long 0")
    advance(e, 3000)
    assert e.counters()["blocks_killed"] == 0
    assert e.mem.read(0x100800, 4) != bytes(4)


def test_a_patch_that_changes_nothing_kills_nothing() -> None:
    e = protected("mov ecx, 1000\n1: mov byte ptr [2f], 0x43\n2: inc ebx\ndec ecx\njnz 1b\nhlt")
    advance(e, 4100)
    assert e.counters()["blocks_killed"] == 0
    assert (e.regs()["ebx"], e.regs()["ecx"]) == (1000, 0)


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
def test_mode_switches_without_paging_keep_the_translations(mmu: str) -> None:
    """Firmware goes to real mode and back for every BIOS call: PE alone says nothing about pages."""
    e = protected("mov ecx, 1000\n1: mov eax, cr0\nand al, 0xfe\nmov cr0, eax\nor al, 1\nmov cr0, eax\n"
                  "inc dword ptr [0x200000]\ndec ecx\njnz 1b\nhlt", mmu)
    advance(e, 1000)
    said = ("tlb_misses", "tlb_flushes", "shadow_fills", "cache_flushes", "space_switches")
    before = {name: e.counters()[name] for name in said}
    assert advance(e, 1 << 20) == "hang"
    assert e.mem.read(0x200000, 4) == (1000).to_bytes(4, "little")
    assert {name: e.counters()[name] for name in said} == before


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
def test_instruction_across_two_linear_pages_that_are_one_physical(mmu: str) -> None:
    """Its tail lies before its head; the block is in one page's list, once."""
    both_ways(
        PAGED
        + """
    mov dword ptr [0x301000 + 0x381*4], 0x380007
    mov byte ptr [0x380ffd], 0xb8             # mov eax, imm32 across the end
    mov word ptr [0x380ffe], 0x0304
    mov dword ptr [0x380000], 0xc3900102      # the high half of the immediate, nop, ret
    mov esi, 30
    2: mov edx, 0x380ffd
    call edx
    add ebx, eax
    inc byte ptr [0x380000]
    test esi, 1
    jz 3f
    inc byte ptr [0x380fff]
    3: dec esi
    jnz 2b
    cli
    hlt
    """,
        mmu,
        limit=9000,
    )


def test_data_beside_code_is_cheap() -> None:
    """Writes next to decoded bytes, in a page full of blocks, do not look through all of them every time."""
    source = (
        "mov ecx, 20000\n1: inc dword ptr [data]\nmov byte ptr [data+6], cl\ndec ecx\njnz 1b\nhlt\ndata: .quad 0\n.org 0x100\n"
    )
    source += "".join(f"l{k}: jmp l{k + 1}\n" for k in range(1400)) + "l1400: jmp 0x100000\n"
    e = protected(source)
    e.set_regs(eip=0x100100)
    advance(e, 30_000)
    killed = e.counters()["blocks_killed"]
    advance(e, 80_000)
    assert e.counters()["blocks_killed"] == killed


def test_harness_patches_for_real() -> None:
    """The victim's NOPs become INC EAX: the cases above test what they say."""
    source = HARNESS.replace("TARGET", "victim").replace("BODY", "body") + "body:\nmov [edi], eax\n" + field("victim") + DATA
    e = protected(source)
    at = 0x100000 + assemble(source).index(b"\x89\x07\x90\x90") + 2
    assert advance(e, 1 << 20) == "hang"
    assert e.mem.read(at, 5) == b"\x40\x40\x40\x40\x90"
    assert e.regs()["eax"] == 0x40404044
