"""Triple faults: the run stops with "shutdown", the chain names what nested, and the state is that of the instruction at fault.

Chains hold the last four deliveries as (vector, error code).  SDM 3A 6.15 #DF, table 6-5; 20.1.4 for real mode.
"""
import struct

import pytest
from emu_core_pyx.engine import Engine

DE, DB, UD, DF, TS, NP, SS, GP, PF = 0, 1, 6, 8, 10, 11, 12, 13, 14
CODE, IDT, GDT, TABLES = 0x1000, 0x2000, 0x3000, 0x10000
EXT, IN_IDT = 1, 2


def idt_error(vector):
    return vector * 8 | IN_IDT | EXT


def protected(code, mmu="tlb", idt_limit=0x7FF, paging=False):
    """Ring 0, flat; GDT: 8 code, 0x10 data, 0x18 data not present.  The IDT is empty (all zero) unless a test writes it."""
    e = Engine(1 << 20, "max", mmu)
    e.mem.write(CODE, code)
    for k, access in ((1, 0x9B), (2, 0x93), (3, 0x13)):
        e.mem.write(GDT + 8 * k, struct.pack("<HHBBBB", 0xFFFF, 0, 0, access, 0xCF, 0))
    e.enter_protected(CODE, 0x8000, GDT, 0x1F)
    e.set_regs(idt_base=IDT, idt_limit=idt_limit)
    if paging:      # the first 64 KiB but for page 9
        e.mem.write(TABLES, struct.pack("<I", TABLES + 0x1000 | 3))
        e.mem.write(TABLES + 0x1000, b"".join(struct.pack("<I", page << 12 | 3 if page != 9 else 0) for page in range(16)))
        e.set_regs(cr3=TABLES, cr0=0x80000011)
    return e


def gate(e, vector, selector=8, offset=0, access=0x8E):
    e.mem.write(IDT + 8 * vector, struct.pack("<HHBBH", offset & 0xFFFF, selector, 0, access, offset >> 16))


def shut_down(e, at=CODE):
    stop = e.run(1000)
    assert stop.reason == "shutdown"
    assert e.regs()["eip"] == at
    return e.fault_chain()


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
class TestProtected:
    def test_no_idt(self, mmu):
        e = protected(b"\x0f\x0b", mmu, idt_limit=0)
        assert shut_down(e) == [(GP, idt_error(UD)), (GP, idt_error(GP)), (DF, 0), (GP, idt_error(DF))]
        assert e.regs()["esp"] == 0x8000

    def test_empty_gates(self, mmu):
        e = protected(b"\x31\xc9\xf7\xf1", mmu)       # xor ecx, ecx; div ecx
        assert shut_down(e, CODE + 2) == [(DE, 0), (GP, idt_error(DE)), (DF, 0), (GP, idt_error(DF))]

    def test_software_interrupt(self, mmu):
        """INT n that finds no gate is #GP without EXT; that #GP's own failure makes the double fault."""
        e = protected(b"\xcd\x40", mmu)
        assert shut_down(e) == [(GP, 0x40 * 8 | IN_IDT), (GP, idt_error(GP)), (DF, 0), (GP, idt_error(DF))]

    def test_stack_beyond_its_limit(self, mmu):
        e = protected(b"\x50", mmu)                   # push eax
        for vector in range(32):
            gate(e, vector)
        e.set_segment("ss", 0x10, 0, 0xFFF, 0x4093)
        assert shut_down(e) == [(SS, 0), (SS, EXT), (DF, 0), (SS, EXT)]

    def test_handlers_not_present(self, mmu):
        e = protected(b"\xb8\x18\x00\x00\x00\x8e\xd8", mmu)     # mov ds, 0x18
        for vector in range(32):
            gate(e, vector, access=0x0E)
        assert shut_down(e, CODE + 5) == [(NP, 0x18), (NP, idt_error(NP)), (DF, 0), (NP, idt_error(DF))]

    def test_page_fault_on_an_absent_idt(self, mmu):
        e = protected(b"\xa1\x00\x90\x00\x00", mmu, paging=True)     # mov eax, [0x9000]
        e.set_regs(idt_base=0x9000)
        assert shut_down(e) == [(PF, 0), (PF, 0), (DF, 0), (PF, 0)]
        assert e.regs()["cr2"] == 0x9000 + 8 * PF or e.regs()["cr2"] == 0x9000

    def test_page_fault_on_the_stack(self, mmu):
        e = protected(b"\x0f\x0b", mmu, paging=True)
        for vector in range(32):
            gate(e, vector)
        e.set_regs(esp=0xA000)
        assert shut_down(e) == [(PF, 2), (PF, 2), (DF, 0), (PF, 2)]

    def test_double_fault_that_is_delivered_does_not_shut_down(self, mmu):
        e = protected(b"\x31\xc9\xf7\xf1", mmu)
        e.mem.write(0x5000, b"\xfa\xf4")
        gate(e, DF, offset=0x5000)
        assert e.run(1000).reason == "hang"
        assert e.fault_chain() == [(DE, 0), (GP, idt_error(DE)), (DF, 0)]
        assert struct.unpack("<4I", e.mem.read(0x8000 - 16, 16))[:3] == (0, CODE + 2, 8)

    def test_benign_pairs_nest_without_a_double_fault(self, mmu):
        """#UD, then #NP of its gate: the second is delivered as it is."""
        e = protected(b"\x0f\x0b", mmu)
        e.mem.write(0x5000, b"\xfa\xf4")
        gate(e, UD, access=0x0E)
        gate(e, NP, offset=0x5000)
        assert e.run(1000).reason == "hang"
        assert e.fault_chain() == [(UD, 0), (NP, idt_error(UD))]


def test_real_mode_stack_that_wraps_in_a_word():
    """SP = 1: the push is #SS, whose delivery pushes too."""
    e = Engine(1 << 20, "max", "tlb")
    e.mem.write(CODE, b"\x50")
    e.set_segment("cs", 0, 0, 0xFFFF, 0x9B)
    e.set_regs(eip=CODE, esp=1)
    assert e.run(100).reason == "shutdown"
    assert [v for v, _ in e.fault_chain()] == [SS, SS, DF, SS]


def test_real_mode_without_a_vector_table():
    e = Engine(1 << 20, "max", "tlb")
    e.mem.write(CODE, b"\xcd\x20")
    e.set_segment("cs", 0, 0, 0xFFFF, 0x9B)
    e.set_regs(eip=CODE, esp=0x800, idt_limit=0)
    assert e.run(100).reason == "shutdown"
    assert [v for v, _ in e.fault_chain()] == [GP, GP, DF, GP]
    assert e.regs()["eip"] == CODE


def test_budget_counts_deliveries():
    """Handlers that fault for ever use up the budget: #UD whose handler is #UD."""
    e = protected(b"\x0f\x0b")
    for vector in range(32):
        gate(e, vector, offset=CODE)
    e.set_regs(esp=0xF0000)
    assert e.run(500).reason == "budget"
    assert e.icount == 500
