"""Segment, alignment, crossing, MMIO, ROM, code-page and watchpoint accesses, in both MMU modes."""
import pytest
from emu_core_pyx.mmu.testing import Recorder, TestCpu

PG, WP, AM = 1 << 31, 1 << 16, 1 << 18
AC = 0x40000
AS_CPL = 1          # mmu/slow.pxd
DS, SS = 3, 2
DATA, CODE_X, CODE_XR, DOWN, RO = 0xC093, 0xC099, 0xC09B, 0xC097, 0xC091
NULL = 0x10000


@pytest.fixture(params=["tlb", "shadow"])
def cpu(request):
    return TestCpu(1 << 20, request.param)


def paged(cpu, **kw):
    """Directory 0x1000, table 0x2000: first 1 MiB identity, user and writable."""
    cpu.phys_write(0x1000, (0x2007).to_bytes(4, "little"))
    for n in range(256):
        cpu.phys_write(0x2000 + 4 * n, (n << 12 | 7).to_bytes(4, "little"))
    cpu.set(cr0=PG | WP | 1, cr3=0x1000, **kw)


def pte(cpu, n, v):
    cpu.phys_write(0x2000 + 4 * n, v.to_bytes(4, "little"))
    cpu.invlpg(n << 12)


def test_second_access_is_inline(cpu):
    assert cpu.write(0x5000, b"abcd") is None
    assert cpu.is_fast(0x5000, True) and cpu.is_fast(0x5000, False)
    assert cpu.read(0x5000, 4) == b"abcd"


@pytest.mark.parametrize("attr, off, n, write, want", [
    (DATA, 0xFFF, 1, False, None), (DATA, 0xFFF, 2, False, "gp"), (DATA, 0x1000, 1, True, "gp"),
    (DATA, 0xFFFFFFFF, 2, False, "gp"),
    (RO, 0, 4, False, None), (RO, 0, 4, True, "gp"),
    (CODE_XR, 0, 4, False, None), (CODE_X, 0, 4, False, "gp"), (CODE_XR, 0, 4, True, "gp"),
    (DOWN, 0xFFF, 1, False, "gp"), (DOWN, 0x1000, 4, True, None), (DOWN, 0xFFC, 8, True, "gp"),
    (DOWN, 0x40000, 4, False, None), (DOWN, 0xFFFFFFFE, 4, False, "gp"),
    (DOWN & ~0x4000, 0xFFFE, 2, False, None), (DOWN & ~0x4000, 0xFFFF, 2, False, "gp"),
    (NULL, 0, 1, False, "gp"), (NULL, 0, 1, True, "gp"), (DATA & ~0x80, 0, 1, False, "gp"),
])
@pytest.mark.parametrize("seg", [DS, SS])
def test_segment_checks(cpu, attr, off, n, write, want, seg):
    cpu.segment(seg, 0, 0xFFF, attr)
    got = cpu.write(off, bytes(n), seg) if write else cpu.read(off, n, seg)
    if want is None:
        assert got is None or got == bytes(n)
    else:
        assert got == ("ss" if seg == SS else "gp", 0)


def test_real_mode_wrap_faults(cpu):
    cpu.set(mode=0)
    cpu.segment(DS, 0x10000, 0xFFFF, 0x93)
    assert cpu.read(0xFFFF, 2) == ("gp", 0)
    assert cpu.read(0xFFFE, 2) == bytes(2)
    cpu.segment(DS, 0x10000, 0xFFFF, 0x9B)      # types are not looked at in real mode
    assert cpu.write(0, b"x") is None


def test_flat_segment_wraps_at_4g(cpu):
    cpu.phys_write(0, b"\x11\x22\x33\x44")
    assert cpu.read(0xFFFFFFFE, 4) == b"\xFF\xFF\x11\x22"
    cpu.segment(DS, 0xFFFFF000)
    assert cpu.read(0x1000, 4) == b"\x11\x22\x33\x44"


def test_alignment(cpu):
    paged(cpu)
    cpu.set(cr0=PG | WP | AM | 1, eflags=2 | AC, cpl=3)
    cpu.segment(DS, 0, 0xFFFFFFFE)      # as cpu/segment does while checking is on: never inline
    assert cpu.read(0x5002, 4) == ("ac", 0)
    assert cpu.write(0x5001, bytes(2)) == ("ac", 0)
    assert cpu.modify(0x5004, 8, 1) == ("ac", 0)
    assert cpu.read(0x5004, 4) == bytes(4)
    assert cpu.read(0x5001, 1) == bytes(1)
    assert cpu.read(0x5FFE, 6) == ("ac", 0)
    assert cpu.read(0x5003, 28) == ("ac", 0)    # an FNSTENV image is checked as doublewords, as on the host
    assert cpu.read(0x5004, 28) == bytes(28)
    assert cpu.read(0x5003, 16) == bytes(16)    # 16 bytes are the handler's business: #GP or nothing
    cpu.set(cpl=0)
    assert cpu.read(0x5002, 4) == bytes(4)


def test_page_crossing(cpu):
    paged(cpu)
    pte(cpu, 6, 0x9007)
    assert cpu.write(0x5FFD, b"abcdefgh") is None
    assert cpu.phys_read(0x5FFD, 3) == b"abc" and cpu.phys_read(0x9000, 5) == b"defgh"
    assert cpu.read(0x5FFD, 8) == b"abcdefgh"
    assert cpu.modify(0x5FFD, 8, 1) is None
    assert cpu.read(0x5FFD, 8) == b"bcdefghi"
    pte(cpu, 6, 0)
    assert cpu.write(0x5FFD, b"ABCDEFGH") == ("pf", 2, 0x6000)
    assert cpu.modify(0x5FFD, 8, 1) == ("pf", 2, 0x6000)
    assert cpu.read(0x5FFD, 8) == ("pf", 0, 0x6000)
    assert cpu.phys_read(0x5FFD, 3) == b"bcd"
    pte(cpu, 5, 0)
    assert cpu.read(0x5FFD, 8) == ("pf", 0, 0x5FFD)
    assert cpu.mem_write(DS, 0x4FF0, bytes(0x20)) == ("pf", 2, 0x5000)
    assert cpu.probe(DS, 0x4FF0, 0x20) == ("pf", 2, 0x5000)
    assert cpu.probe(DS, 0x4FF0, 0x10) is None
    assert cpu.mem_read(DS, 0x4FF0, 0x11) == ("pf", 0, 0x5000)


def test_rights_by_privilege(cpu):
    paged(cpu)
    pte(cpu, 5, 0x5003)
    pte(cpu, 6, 0x6005)
    cpu.set(cpl=3)
    assert cpu.read(0x5000, 4) == ("pf", 5, 0x5000)
    assert cpu.write(0x6000, bytes(4)) == ("pf", 7, 0x6000)
    assert cpu.read(0x6000, 4) == bytes(4)
    assert cpu.lin_read(0x5000, 8) == bytes(8)              # system structure
    assert cpu.lin_read(0x5000, 8, AS_CPL) == ("pf", 5, 0x5000)
    assert cpu.lin_write(0x6000, b"x") == ("pf", 3, 0x6000)     # WP
    cpu.set(cpl=0, cr0=PG | 1)
    assert cpu.write(0x6000, b"abcd") is None


def test_mmio(cpu):
    dev = Recorder("dev")
    cpu.bus.map_mmio(dev, 7, 0xFEC00000, 0x1000)
    assert cpu.read(0xFEC00010, 4) == b"\x10\x11\x12\x13"
    assert cpu.write(0xFEC00020, b"\x01\x02\x03\x04") is None
    assert dev.take() == [("r", 0x10, 4, 0), ("w", 0x20, 4, 0x04030201)]
    assert cpu.modify(0xFEC00030, 2, 1) is None
    assert dev.take() == [("r", 0x30, 2, 0), ("w", 0x30, 2, 0x3231)]
    assert cpu.read(0xFEC00011, 4) == b"\x11\x12\x13\x14"
    assert dev.take() == [("r", 0x11, 1, 0), ("r", 0x12, 2, 0), ("r", 0x14, 1, 0)]
    assert cpu.write(0xFEC00FFE, b"abcd") is None
    assert dev.take() == [("w", 0xFFE, 2, 0x6261)]
    misses = cpu.counters()["tlb_misses"]
    for _ in range(10):
        cpu.read(0xFEC00010, 4)
    assert cpu.counters()["tlb_misses"] == misses


def test_rom(cpu):
    cpu.mem.add_rom(0xF0000, b"BIOS" * 1024, "bios")
    assert cpu.read(0xF0004, 4) == b"BIOS"
    for _ in range(3):
        assert cpu.write(0xF0004, b"xxxx") is None
        assert cpu.modify(0xF0008, 4, 1) is None
    assert cpu.read(0xF0004, 8) == b"BIOSBIOS"
    assert cpu.is_fast(0xF0000, False) and not cpu.is_fast(0xF0000, True)
    assert cpu.has_code_ptr(0xF0000)


def test_shadow_ram(cpu):
    """PAM: copy the ROM over itself, then write-protect the copy."""
    cpu.mem.add_rom(0xF0000, b"R" * 4096)
    cpu.mem.set_shadow_ram(0xF0000, 0x1000, False, True)
    assert cpu.read(0xF0000, 4) == b"RRRR"
    assert cpu.write(0xF0000, b"wxyz") is None
    assert cpu.modify(0xF0004, 1, 1) is None        # reads ROM, writes RAM
    assert cpu.read(0xF0000, 4) == b"RRRR"
    cpu.mem.set_shadow_ram(0xF0000, 0x1000, True, False)
    assert cpu.read(0xF0000, 5) == b"wxyzS"
    assert cpu.write(0xF0000, b"nope") is None
    assert cpu.write(0xF0000, b"nope") is None
    assert cpu.read(0xF0000, 4) == b"wxyz"
    cpu.mem.set_shadow_ram(0xF0000, 0x1000, True, True)
    assert cpu.write(0xF0000, b"yes!") is None
    assert cpu.read(0xF0000, 4) == b"yes!"


def test_code_page_is_never_written_inline(cpu):
    paged(cpu)
    pte(cpu, 9, 0x5007)                             # an alias
    cpu.write(0x5000, b"a")
    cpu.write(0x9000, b"a")
    cpu.set(False, cpl=3)
    cpu.write(0x5000, b"a")
    assert cpu.is_fast(0x5000, True)
    cpu.protect_code(0x5000)
    assert not cpu.is_fast(0x5000, True)
    cpu.set(False, cpl=0)
    assert not cpu.is_fast(0x5000, True) and not cpu.is_fast(0x9000, True)
    cpu.write(0x5000, b"b")
    assert not cpu.is_fast(0x5000, True) and cpu.is_fast(0x5000, False)
    assert cpu.read(0x9000, 1) == b"b"
    cpu.protect_code(0x5000, False)
    cpu.write(0x5000, b"c")
    assert cpu.is_fast(0x5000, True)


def test_many_holders_of_a_write_tag(cpu):
    paged(cpu)
    for n in range(16, 32):
        pte(cpu, n, 0x5007)
        cpu.write(n << 12, b"a")
    cpu.protect_code(0x5000)
    assert not any(cpu.is_fast(n << 12, True) for n in range(16, 32))


def test_data_breakpoints(cpu):
    paged(cpu)
    cpu.write(0x5000, bytes(64))
    cpu.set(dr0=0x5010, dr7=0xD0001)                # write, 4 bytes
    assert not cpu.is_fast(0x5000, True)
    cpu.write(0x5000, bytes(4))
    cpu.read(0x5010, 4)
    assert cpu.dr6 == 0
    cpu.write(0x5013, b"x")
    assert cpu.dr6 == 1
    cpu.write(0x5013, b"x")
    assert cpu.dr6 == 1
    assert not cpu.is_fast(0x5000, True)
    cpu.set(dr7=0xF0001)                            # access
    cpu.read(0x500E, 4)
    assert cpu.dr6 == 1
    cpu.read(0x5010, 1)
    assert cpu.dr6 == 1
    cpu.modify(0x5010, 4, 1)
    assert cpu.dr6 == 1
    cpu.set(dr7=0x400)
    cpu.write(0x5010, bytes(4))
    assert cpu.is_fast(0x5000, True) and cpu.dr6 == 0


def test_a20_gate(cpu):
    big = TestCpu(4 << 20, cpu.counters()["mmu_mode"])
    big.write(0x500, b"low ")
    big.write(0x100500, b"high")
    big.set(a20=0)
    assert big.read(0x100500, 4) == b"low "
    big.write(0x100600, b"wrap")
    big.set(a20=1)
    assert big.read(0x100500, 4) == b"high"
    assert big.read(0x600, 4) == b"wrap"


def test_memory_above_4g_with_pae():
    for mode in ("tlb", "shadow"):
        cpu = TestCpu(16 << 20, mode, 8 << 20)
        assert cpu.mem.below_4g == 8 << 20
        cpu.phys_write(0x1000, (0x2001).to_bytes(8, "little"))
        cpu.phys_write(0x2000, (0x3003).to_bytes(8, "little"))
        cpu.phys_write(0x3000, (1 << 32 | 0x5003).to_bytes(8, "little"))
        assert cpu.pdptes(0x1000)[0]
        cpu.set(cr4=0x20, cr3=0x1000, cr0=PG | 1)
        assert cpu.write(0, b"up there") is None
        assert cpu.phys_read((1 << 32) + 0x5000, 8) == b"up there"
        assert bytes(cpu.mem.ram[(8 << 20) + 0x5000:][:8]) == b"up there"


def test_fetch_generation(cpu):
    """CPU.gen changes when a page instructions came from is remapped, and comes back with the space (shadow)."""
    paged(cpu)
    cpu.phys_write(0x8000, cpu.phys_read(0x1000, 0x1000))
    cpu.translate(0x5000, 2)
    cpu.write(0x7000, b"x")
    gen = cpu.gen
    pte(cpu, 7, 0)
    assert cpu.gen == gen
    pte(cpu, 5, 0x6007)
    assert cpu.gen != gen
    cpu.translate(0x5000, 2)
    gen = cpu.gen
    cpu.load_cr3(0x8000)
    assert cpu.gen != gen
    cpu.load_cr3(0x1000)
    if cpu.counters()["mmu_mode"] == "shadow":
        assert cpu.gen == gen
        assert cpu.is_fast(0x7000, False) is False
    else:
        assert cpu.gen != gen


def test_invlpg_takes_all_of_a_large_page():
    for mode in ("tlb", "shadow"):
        cpu = TestCpu(16 << 20, mode)
        cpu.phys_write(0x1000 + 4, (0x400083).to_bytes(4, "little"))
        cpu.phys_write(0x1000, (0x83).to_bytes(4, "little"))
        cpu.set(cr0=PG | 1, cr3=0x1000, cr4=0x10)
        assert cpu.read(0x455000, 1) == b"\0"
        assert cpu.write(0x1004, bytes(4)) is None
        cpu.invlpg(0x400000)
        assert cpu.read(0x455000, 1) == ("pf", 0, 0x455000)
