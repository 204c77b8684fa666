"""What shadow page tables promise beyond equal answers: they survive CR3 loads, and edits take exactly their own."""
import random

from emu_core_pyx.mmu.testing import TestCpu
from reference import PG, READ, USER, WP, WRITE, Reference

RAM = 8 << 20


def store(cpu, at, v):
    cpu.phys_write(at, v.to_bytes(4, "little"))


def spaces(n, pages=64):
    """n directories at 0x1000..., each with its own table of `pages` pages at 4 MiB."""
    cpu = TestCpu(RAM, "shadow")
    for k in range(n):
        root, table = 0x100000 + k * 0x2000, 0x101000 + k * 0x2000
        store(cpu, root + 4, table | 7)
        for p in range(pages):
            store(cpu, table + 4 * p, 0x200000 + (p * 97 + k) % 512 * 4096 | 7)
    cpu.set(cr0=PG | WP | 1, cr3=0x100000)
    return cpu


def test_switch_back_finds_everything():
    cpu = spaces(2)
    for k in (0, 1):
        cpu.load_cr3(0x100000 + k * 0x2000)
        cpu.touch(4 << 20, 4096, 64, 1, True)
    before = cpu.counters()
    for k in range(10):
        cpu.load_cr3(0x100000 + (k & 1) * 0x2000)
        assert cpu.touch(4 << 20, 4096, 64, 1, True) == 0
    after = cpu.counters()
    assert after["tlb_misses"] == before["tlb_misses"] and after["cr3_loads"] == before["cr3_loads"] + 10


def test_an_edit_takes_one_entry():
    cpu = spaces(1)
    cpu.touch(4 << 20, 4096, 64, 1, False)
    store(cpu, 0x101000 + 4 * 7, 0x300007)
    assert [cpu.is_fast((4 << 20) + p * 4096, False) for p in range(10)] == [p != 7 for p in range(10)]
    assert cpu.counters()["table_drops"] == 1


def test_more_spaces_than_slots():
    """LRU: 100 address spaces in random order, with edits, all answers right."""
    cpu = spaces(100, 8)
    ref = Reference(bytearray(cpu.mem.ram))
    ref.cr0 = PG | WP | 1
    r = random.Random(1)
    for _ in range(6000):
        if r.random() < 0.3:
            ref.cr3 = 0x100000 + r.randrange(100) * 0x2000
            cpu.load_cr3(ref.cr3)
        if r.random() < 0.2:
            at = 0x101000 + r.randrange(100) * 0x2000 + 4 * r.randrange(8)
            v = 0x200000 + r.randrange(512) * 4096 | r.choice([0, 1, 5, 7, 0x67])
            store(cpu, at, v)
            ref.memory[at:at + 4] = v.to_bytes(4, "little")
        lin, access = (4 << 20) + r.randrange(8) * 4096, r.choice([READ, WRITE]) | r.choice([0, USER])
        assert cpu.translate(lin, access) == ref.translate(lin, access)
    assert bytes(cpu.mem.ram) == bytes(ref.memory)
    assert cpu.counters()["spaces_made"] > 32


def test_a_freed_table_becomes_plain_memory():
    """A page that stops being a page table goes back to inline writes."""
    cpu = spaces(1)
    store(cpu, 0x100000, 0x83)
    cpu.set(cr4=0x10)
    cpu.touch(4 << 20, 4096, 8, 1, True)
    assert cpu.write(0x101000 + 800, bytes(4)) is None
    assert not cpu.is_fast(0x101000, True)
    released = cpu.counters()["tables_released"]
    for k in range(200):
        cpu.write(0x101000 + 2048 + 4 * k, bytes(4))
    assert cpu.counters()["tables_released"] > released
    assert cpu.is_fast(0x101000, True)
    assert cpu.read(4 << 20, 1) == b"\0"        # and is one again when used


def test_unhooking_a_table_from_its_directory_releases_it():
    cpu = spaces(1)
    store(cpu, 0x100000, 0x83)
    cpu.set(cr4=0x10)
    cpu.touch(4 << 20, 4096, 8, 1, True)
    cpu.write(0x100004, bytes(4))
    cpu.write(0x101000, b"data")
    assert cpu.is_fast(0x101000, True)
    assert cpu.read(4 << 20, 1) == ("pf", 0, 4 << 20)


def test_many_tables(n=3000):
    """More address space than leaves: room is made, answers stay right."""
    cpu = TestCpu(64 << 20, "shadow")
    for d in range(1024):
        store(cpu, 0x100000 + 4 * d, 0x200000 + (d << 12) | 3)
        for p in (0, 600):
            store(cpu, 0x200000 + (d << 12) + 4 * p, 0x1000000 + (d * 2 + p // 600 << 12) | 3)
    for k in range(40):
        cpu.phys_write(0x800000 + k * 4096, cpu.phys_read(0x100000, 4096))
    cpu.set(cr0=PG | 1, cr3=0x800000)
    r = random.Random(2)
    for k in range(40):
        cpu.load_cr3(0x800000 + k * 4096)
        for _ in range(n // 10):
            d, p = r.randrange(1024), r.choice((0, 600))
            assert cpu.translate(d << 22 | p << 12, 0) == 0x1000000 + (d * 2 + p // 600 << 12)
