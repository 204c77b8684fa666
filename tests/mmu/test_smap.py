"""SMAP and EFLAGS.AC over cached translations, in every paging mode: what one may do, the other must not find in the TLB."""
import pytest
from emu_core_pyx.mmu.testing import TestCpu
from reference import AC, EXEC, IMPLICIT, LMA, NXE, PAE, PG, PGE, PSE, READ, SMAP, SMEP, USER, WP, WRITE

RAM = 1 << 20
ROOT, PDPT, DIRECTORY, TABLE = 0x1000, 0x2000, 0x3000, 0x4000
PAGE, OTHER, KERNEL = 0x10000, 0x11000, 0x12000         # user, user, supervisor; mapped one to one
AS_SYSTEM, AS_CPL = 0, 1        # mmu/slow.pxd
MODES = {"32-bit": (PSE, 0), "PAE": (PAE, NXE), "4-level": (PAE | PGE, LMA | NXE)}


class Guest(TestCpu):
    """A CPU under SMAP whose first 512 KiB are mapped one to one, page by page."""

    def __new__(cls, ram, mmu, mode):
        return super().__new__(cls, ram, mmu)

    def __init__(self, ram, mmu, mode):
        cr4, efer = MODES[mode]
        self.size = 8 if cr4 & PAE else 4
        root = DIRECTORY
        if efer & LMA:
            self.phys_write(ROOT, (PDPT | 7).to_bytes(8, "little"))
            self.phys_write(PDPT, (DIRECTORY | 7).to_bytes(8, "little"))
            root = ROOT
        elif cr4 & PAE:
            self.phys_write(PDPT, (DIRECTORY | 1).to_bytes(8, "little"))
            root = PDPT
        self.phys_write(DIRECTORY, (TABLE | 7).to_bytes(self.size, "little"))
        for page in range(0, RAM // 2, 4096):
            self.map(page, page | 3)
        self.map(PAGE, PAGE | 7)
        self.map(OTHER, OTHER | 7)
        self.set(cr4=cr4 | SMAP, efer=efer)
        if cr4 & PAE and not efer & LMA:
            assert self.pdptes(root)[0]
        self.set(cr0=PG | WP | 1, cr3=root)
        self.root = root
        self.cr4 = cr4          # without SMAP

    def map(self, page, entry):
        """Edit the table and INVLPG."""
        self.phys_write(TABLE + page // 4096 * self.size, entry.to_bytes(self.size, "little"))
        self.invlpg(page)

    def ac(self, on):
        self.set(False, eflags=2 | (AC if on else 0))


@pytest.fixture(params=[(mmu, mode) for mmu in ("tlb", "shadow") for mode in MODES], ids="-".join)
def cpu(request):
    return Guest(RAM, *request.param)


def fast(cpu, page):
    return cpu.is_fast(page, False), cpu.is_fast(page, True)


def test_ac_reads_and_writes_inline(cpu):
    cpu.ac(True)
    assert cpu.write(PAGE, b"abcd") is None
    assert cpu.read(PAGE, 4) == b"abcd"
    assert fast(cpu, PAGE) == (True, True)
    assert cpu.modify(PAGE, 4, 1) is None
    assert cpu.read(PAGE, 4) == b"bcde"
    cpu.ac(False)
    assert fast(cpu, PAGE) == (False, False)
    assert cpu.read(PAGE, 4) == ("pf", 1, PAGE)
    assert cpu.write(PAGE, b"efgh") == ("pf", 3, PAGE)
    assert cpu.modify(PAGE, 4, 1) == ("pf", 3, PAGE)
    before = cpu.counters()
    cpu.ac(True)
    assert fast(cpu, PAGE) == (True, True)
    assert cpu.read(PAGE, 4) == b"bcde"
    after = cpu.counters()
    assert (after["tlb_misses"], after["walks"]) == (before["tlb_misses"], before["walks"])


def test_user_keeps_its_own(cpu):
    cpu.set(False, cpl=3)
    assert cpu.write(PAGE, b"user") is None
    cpu.set(False, cpl=0)
    assert cpu.read(PAGE, 4) == ("pf", 1, PAGE)
    assert cpu.write(PAGE, b"x") == ("pf", 3, PAGE)
    cpu.ac(True)
    walks = cpu.counters()["walks"]
    assert cpu.read(PAGE, 4) == b"user"                     # as the user's entry says: no walk
    assert cpu.write(PAGE, b"kern") is None
    assert cpu.counters()["walks"] == walks
    assert fast(cpu, PAGE) == (True, True)
    cpu.set(False, cpl=3)                                   # ring 3 has EFLAGS.AC for its own purposes
    assert cpu.read(KERNEL, 4) == ("pf", 5, KERNEL)
    assert cpu.read(PAGE, 4) == b"kern"


def test_supervisor_pages_need_no_ac(cpu):
    for on in (False, True, False):
        cpu.ac(on)
        assert cpu.write(KERNEL, b"1234") is None
        assert fast(cpu, KERNEL) == (True, True)
    cpu.set(False, cpl=3)
    assert cpu.read(KERNEL, 1) == ("pf", 5, KERNEL)


@pytest.mark.parametrize("cpl", [0, 3])
def test_system_structures_ignore_ac(cpu, cpl):
    """Whoever has the page cached, whatever AC says (SDM 3A 4.6, implicit supervisor-mode accesses)."""
    cpu.ac(True)
    cpu.set(False, cpl=cpl)
    assert cpu.write(PAGE, bytes(4)) is None
    assert cpu.lin_read(PAGE, 8, AS_SYSTEM) == ("pf", 1, PAGE)
    assert cpu.lin_write(PAGE, bytes(8), AS_SYSTEM) == ("pf", 3, PAGE)
    assert cpu.lin_read(PAGE, 8, AS_CPL) == bytes(8)
    assert cpu.lin_read(KERNEL, 8, AS_SYSTEM) == bytes(8)
    cpu.ac(False)
    assert cpu.lin_read(PAGE, 8, AS_CPL) == (bytes(8) if cpl else ("pf", 1, PAGE))
    cpu.set(cr4=cpu.cr4)
    assert cpu.lin_read(PAGE, 8, AS_SYSTEM) == bytes(8)


def test_smap_goes_and_comes(cpu):
    cpu.ac(True)
    assert cpu.read(PAGE, 4) == bytes(4)
    cpu.set(cr4=cpu.cr4)
    cpu.ac(False)
    assert cpu.write(PAGE, b"free") is None
    assert fast(cpu, PAGE) == (True, True)
    cpu.set(cr4=cpu.cr4 | SMAP)
    assert cpu.read(PAGE, 4) == ("pf", 1, PAGE)
    cpu.ac(True)
    assert cpu.read(PAGE, 4) == b"free"


def test_smap_means_nothing_without_paging(cpu):
    cpu.set(cr0=1, efer=0)
    assert cpu.write(PAGE, b"real") is None
    assert fast(cpu, PAGE) == (True, True)
    assert cpu.lin_read(PAGE, 4, AS_SYSTEM) == b"real"


def test_invlpg_and_edits_reach_the_ac_set(cpu):
    cpu.phys_write(OTHER, b"other")
    cpu.ac(True)
    assert cpu.write(PAGE, b"first") is None
    cpu.map(PAGE, OTHER | 7)
    assert cpu.read(PAGE, 5) == b"other"
    cpu.map(PAGE, OTHER | 5)
    assert cpu.write(PAGE, b"x") == ("pf", 3, PAGE)
    cpu.map(PAGE, OTHER | 3)
    cpu.ac(False)
    assert cpu.read(PAGE, 5) == b"other"
    cpu.map(PAGE, 0)
    cpu.ac(True)
    assert cpu.read(PAGE, 5) == ("pf", 0, PAGE)


def test_cr3_load_reaches_the_ac_set(cpu):
    cpu.phys_write(OTHER, b"other")
    cpu.ac(True)
    assert cpu.write(PAGE, b"first") is None
    cpu.phys_write(TABLE + PAGE // 4096 * cpu.size, (OTHER | 7).to_bytes(cpu.size, "little"))
    assert cpu.load_cr3(cpu.root)
    assert cpu.read(PAGE, 5) == b"other"


def test_a_page_that_gets_code_is_taken_back(cpu):
    """Direct write tags of the AC set are revoked like any other; also those it has from the user's set."""
    for first in (True, False):
        cpu.protect_code(PAGE, False)
        if not first:
            cpu.flush()
            cpu.map(PAGE, PAGE | 7)
            cpu.set(False, cpl=3)
            assert cpu.write(PAGE, b"user") is None
            cpu.set(False, cpl=0)
        cpu.ac(True)
        assert cpu.write(PAGE, b"data") is None
        assert cpu.is_fast(PAGE, True)
        cpu.protect_code(PAGE)
        assert fast(cpu, PAGE) == (True, False)
        assert cpu.write(PAGE, b"code") is None
        assert cpu.phys_read(PAGE, 4) == b"code"


def test_code_of_a_user_page_is_no_data(cpu):
    """Without SMEP the supervisor may fetch there; reads still need AC."""
    assert cpu.translate(PAGE, EXEC) == PAGE
    assert cpu.read(PAGE, 4) == ("pf", 1, PAGE)
    assert cpu.translate(PAGE, EXEC) == PAGE
    cpu.ac(True)
    assert cpu.read(PAGE, 4) == bytes(4)
    cpu.ac(False)
    assert cpu.write(PAGE, b"x") == ("pf", 3, PAGE)
    cpu.set(cr4=cpu.cr4 | SMAP | SMEP)
    for on in (False, True):
        cpu.ac(on)
        assert cpu.translate(PAGE, EXEC) == ("pf", 17, PAGE)
        assert cpu.translate(PAGE, EXEC | USER) == PAGE


def test_crossing_into_a_user_page(cpu):
    edge = PAGE - 2
    assert cpu.write(edge, b"abcd") == ("pf", 3, PAGE)
    assert cpu.mem_read(3, edge, 4) == ("pf", 1, PAGE)
    cpu.ac(True)
    assert cpu.write(edge, b"abcd") is None
    assert cpu.mem_read(3, edge, 4) == b"abcd"
    cpu.ac(False)
    assert cpu.read(edge, 4) == ("pf", 1, PAGE)
    assert cpu.probe(3, edge, 4) == ("pf", 3, PAGE)
    assert cpu.read(edge, 2) == b"ab"


def test_accessed_and_dirty(cpu):
    """A denied access sets neither; the AC set honours a clean page's first write."""
    at = TABLE + PAGE // 4096 * cpu.size

    def bits():
        return cpu.phys_read(at, 1)[0] & 0x60

    assert cpu.translate(PAGE, READ) == ("pf", 1, PAGE)
    assert cpu.translate(PAGE, WRITE | IMPLICIT) == ("pf", 3, PAGE)
    assert bits() == 0
    cpu.ac(True)
    assert cpu.read(PAGE, 1) == b"\0"
    assert bits() == 0x20
    assert not cpu.is_fast(PAGE, True)
    assert cpu.write(PAGE, b"x") is None
    assert bits() == 0x60


def test_watched_pages(cpu):
    """A data breakpoint keeps both sets off the inline path."""
    cpu.ac(True)
    assert cpu.read(PAGE, 4) == bytes(4)
    cpu.set(dr0=PAGE, dr7=0x000F0001)
    assert cpu.write(PAGE, b"abcd") is None
    assert not cpu.is_fast(PAGE, True)
    assert cpu.dr6 & 1


@pytest.mark.parametrize("mode", MODES)
def test_spaces_keep_their_ac_sets(mode):
    """mmu=shadow: back in an address space, what was copied to and from it is still inline."""
    cpu = Guest(RAM, "shadow", mode)
    second = 0x20000
    if mode == "4-level":
        cpu.phys_write(second, (PDPT | 7).to_bytes(8, "little"))
    elif mode == "PAE":
        cpu.phys_write(second, (DIRECTORY | 1).to_bytes(8, "little"))
    else:
        cpu.phys_write(second, (TABLE | 7).to_bytes(4, "little"))
    cpu.ac(True)
    for root in (cpu.root, second):
        assert cpu.load_cr3(root)
        assert cpu.touch(PAGE, 4096, 2, 1, True) == 0
    misses = cpu.counters()["tlb_misses"]
    for _ in range(4):
        for root in (cpu.root, second):
            assert cpu.load_cr3(root)
            assert cpu.touch(PAGE, 4096, 2, 1, True) == 0
            cpu.ac(False)
            assert cpu.read(PAGE, 1) == ("pf", 1, PAGE)
            cpu.ac(True)
    assert cpu.counters()["tlb_misses"] == misses + 8       # the denied reads
