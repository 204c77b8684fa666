"""Translation against the reference walker: every paging mode, random tables, random edits, both MMU modes."""
import random

import pytest
from emu_core_pyx.mmu.testing import TestCpu
from reference import (
    AC,
    EXEC,
    IMPLICIT,
    LMA,
    NXE,
    PAE,
    PG,
    PGE,
    PSE,
    READ,
    SMAP,
    SMEP,
    USER,
    WP,
    WRITE,
    Reference,
)

RAM = 0x80000           # 128 pages: tables and data mix
PAGES = RAM >> 12
MODES = {
    "32-bit": dict(cr4=0, efer=0),
    "PSE": dict(cr4=PSE | PGE, efer=0),
    "PAE": dict(cr4=PAE, efer=0),
    "PAE+NX": dict(cr4=PAE | PGE, efer=NXE),
    "PAE+NX+SMEP": dict(cr4=PAE | SMEP, efer=NXE),
    "32-bit+SMAP": dict(cr4=PSE | SMAP, efer=0),
    "PAE+SMEP+SMAP": dict(cr4=PAE | PGE | SMEP | SMAP, efer=NXE),
    "4-level": dict(cr4=PAE | PGE | SMEP | SMAP, efer=LMA | NXE),
}


class Pair:
    """The machine and the reference, given the same orders."""

    def __init__(self, mmu, mode, seed):
        self.r = random.Random(seed)
        self.cpu = TestCpu(RAM, mmu)
        self.long = bool(MODES[mode]["efer"] & LMA)
        self.ref = Reference(bytearray(RAM))
        self.regs(cr4=MODES[mode]["cr4"], efer=MODES[mode]["efer"])
        self.pae = bool(MODES[mode]["cr4"] & PAE)
        self.size = 8 if self.pae else 4
        self.tables = self.r.sample(range(1, PAGES - 32), 12)

    def regs(self, flush=True, **values):
        for k, v in values.items():
            setattr(self.ref, k, v)
        self.cpu.set(flush, **values)

    def lin(self):
        """Few indices on each level, so that tables are shared and hit often."""
        r = self.r
        if self.pae:
            out = r.choice([0, 1, 3]) << 30 | r.choice([0, 1, 511]) << 21 | r.choice([0, 1, 5, 511]) << 12
            if self.long:
                out |= r.choice([0, 1]) << 39
                if r.random() < 0.3:
                    out |= 0xFFFF_8000_0000_0000
        else:
            out = r.choice([0, 1, 2, 1023]) << 22 | r.choice([0, 1, 5, 512, 1023]) << 12
        return out | r.randrange(4096)

    def entry(self, leaf):
        """A random table entry: mostly good, sometimes with a trap in it."""
        r = self.r
        page = r.choice(self.tables) if not leaf or r.random() < 0.3 else r.randrange(PAGES)
        e = page << 12
        e |= 1 if r.random() < 0.92 else 0
        e |= 2 if r.random() < 0.8 else 0
        e |= 4 if r.random() < 0.8 else 0
        e |= r.choice([0, 0, 0x20, 0x60, 0x100])
        if r.random() < 0.06:
            e |= 0x80
            if r.random() < 0.7:
                e &= ~(0x3FF000 if not self.pae else 0x1FF000)
        if self.pae:
            e |= (1 << 63) if r.random() < 0.1 else 0
            e |= (1 << r.choice([36, 40, 45, 52, 60])) if r.random() < 0.04 else 0
        elif r.random() < 0.03:
            e |= 1 << r.choice([13, 17, 21])
        return e & (1 << 8 * self.size) - 1

    def store(self, at, data, by_cpu):
        """A guest's write (linear, if the address is mapped so now), or DMA."""
        self.ref.memory[at:at + len(data)] = data
        if by_cpu:
            self.cpu.phys_write(at, data)
        else:
            self.cpu.mem.write(at, data)

    def edit(self):
        r = self.r
        at = r.choice(self.tables) << 12
        n = r.choice([0, 1, 2, 3, 5, 511, 512, 1023])
        at += n * self.size & 0xFFF
        data = self.entry(r.random() < 0.5).to_bytes(self.size, "little")
        if r.random() < 0.1:        # PAE entries are often written in halves, flags bytewise
            k = r.choice([1, 2, 4])
            data = data[:k]
        self.store(at, data, r.random() < 0.8)

    def same_memory(self):
        return bytes(self.cpu.mem.ram) == bytes(self.ref.memory)

    def load_cr3(self, root):
        if self.pae and not self.long:
            good = self.cpu.pdptes(root)[0]
            assert good == self.ref.load_pdptes(root)
            if not good:
                return False
        self.cpu.load_cr3(root)
        self.ref.cr3 = root
        return True


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(6))
def test_random_tables(mmu, mode, seed):
    """Every answer, error code and A/D bit equals the reference's while an OS edits tables and flushes as it must."""
    p = Pair(mmu, mode, seed)
    r = p.r
    for page in p.tables:
        for n in range(4096 // p.size):
            if n < 8 or n > 4096 // p.size - 8 or n in (511, 512, 513):
                p.store(page * 4096 + n * p.size, p.entry(r.random() < 0.5).to_bytes(p.size, "little"), True)
    roots = [page << 12 for page in p.tables[:4]]
    if p.pae and not p.long:
        for root in roots:
            for n in range(4):
                p.store(root + 8 * n, (r.choice(p.tables) << 12 | (r.random() < 0.9)).to_bytes(8, "little"), True)
    p.load_cr3(roots[0])
    p.regs(cr0=PG | WP | 1)
    seen = set()
    for step in range(4000):
        what = r.random()
        if what < 0.12:
            p.edit()
            p.cpu.flush() if r.random() < 0.5 else [p.cpu.invlpg(x) for x in seen]
            seen.clear()
        elif what < 0.16:
            if p.load_cr3(r.choice(roots)):
                if p.ref.cr4 & PGE:
                    p.cpu.flush()
                seen.clear()
        elif what < 0.17:
            p.regs(cr0=PG | 1 | r.choice([0, WP]))
        elif what < 0.18:
            p.regs(a20=r.choice([True, True, False]))
        elif what < 0.22:
            p.regs(flush=False, eflags=p.ref.eflags ^ AC)
        else:
            lin = p.lin()
            access = r.choice([READ, WRITE, EXEC]) | r.choice([0, USER])
            if not access & (USER | 2) and r.random() < 0.2:
                access |= IMPLICIT
            want = p.ref.translate(lin, access)
            got = p.cpu.translate(lin, access)
            seen.add(lin & ~0xFFF)
            assert got == want, f"step {step}: {lin:#x} access {access}"
    assert p.same_memory()
    n = p.cpu.counters()
    assert n["walks"] and n["page_faults"]
    if mmu == "shadow":
        assert n["shadow_fills"] and n["table_edits"] and n["table_drops"]


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
@pytest.mark.parametrize("mode", ["32-bit", "PSE", "PAE+NX", "32-bit+SMAP", "PAE+SMEP+SMAP", "4-level"])
def test_stores_through_the_mmu(mmu, mode):
    """The same with tables edited by the guest's own stores through a mapping of them, and data read back."""
    p = Pair(mmu, mode, 99)
    r = p.r
    size = p.size
    first = PAGES - 24          # identity mapping of all RAM, built from pages nobody else uses
    supervisor = 3 if p.ref.cr4 & SMAP else 7       # so that tables can be edited without EFLAGS.AC

    def put(at, v):
        p.store(at, v.to_bytes(size, "little"), True)

    levels = 4 if p.long else 2
    chain = [first + k for k in range(levels)]
    root = chain[0] << 12
    if p.pae and not p.long:
        put((first + 5) << 12, chain[0] << 12 | 1)
        root = (first + 5) << 12
    for k in range(levels - 1):
        put(chain[k] << 12, chain[k + 1] << 12 | 7)
    for k in range(PAGES):
        put((chain[-1] << 12) + k * size, k << 12 | supervisor)
    put((chain[levels - 2] << 12) + size, (first + 8) << 12 | 7)      # second 2/4 MiB: the one being edited
    test_base = 1 << (21 if p.pae else 22)
    p.load_cr3(root)
    p.regs(cr0=PG | WP | 1, eflags=2 | AC)
    ptes = (first + 8) << 12
    for _ in range(3000):
        n = r.randrange(16)
        lin = test_base + n * 4096
        if r.random() < 0.4:
            e = r.randrange(PAGES - 24) << 12 | r.choice([0, 1, 3, 5, 7, 7, 7]) | r.choice([0, 0x60])
            data = e.to_bytes(size, "little")
            assert p.ref.translate(ptes + n * size, WRITE) == ptes + n * size
            p.ref.memory[ptes + n * size:ptes + n * size + size] = data
            assert p.cpu.write(ptes + n * size, data) is None
            p.cpu.invlpg(lin)
        else:
            off = r.choice([0, 8, 0xFFC])
            cpl = r.choice([0, 3])
            p.cpu.set(False, cpl=cpl)
            p.regs(flush=False, eflags=r.choice([2, 2 | AC]))
            user = USER if cpl == 3 else 0
            if r.random() < 0.2:
                want = p.ref.translate(lin + off, READ | IMPLICIT)
                got = p.cpu.lin_read(lin + off, 4)
                if isinstance(want, int):
                    want = bytes(p.ref.memory[want:want + 4])
            elif r.random() < 0.5:
                want = p.ref.translate(lin + off, READ | user)
                got = p.cpu.read(lin + off, 4)
                if isinstance(want, int):
                    want = bytes(p.ref.memory[want:want + 4])
            else:
                data = r.randbytes(4)
                want = p.ref.translate(lin + off, WRITE | user)
                got = p.cpu.write(lin + off, data)
                if isinstance(want, int):
                    p.ref.memory[want:want + 4] = data
                    want = None
            assert got == want
            p.cpu.set(False, cpl=0)
    assert p.same_memory()


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
def test_recursive_page_directory(mmu):
    """A directory that is its own last table (self-map), edited through itself."""
    cpu = TestCpu(1 << 20, mmu)
    pd, pt, data = 0x1000, 0x2000, 0x8000
    cpu.phys_write(pd + 4 * 1023, (pd | 3).to_bytes(4, "little"))
    cpu.set(cr0=PG | WP | 1, cr3=pd)
    self_pd = 0xFFFFF000
    for round_ in range(50):
        assert cpu.write(self_pd + 4 * 3, (pt | 3).to_bytes(4, "little")) is None
        pte = 0xFFC00000 + 4 * (3 * 1024 + 7)
        assert cpu.write(pte, (data + 4096 * round_ | 3).to_bytes(4, "little")) is None
        cpu.invlpg(0xC07000)
        assert cpu.write(0xC07010, bytes([round_] * 4)) is None
        assert cpu.phys_read(data + 4096 * round_ + 0x10, 4) == bytes([round_] * 4)
        assert cpu.phys_read(pt + 28, 1)[0] & 0x60 == 0x60
        assert cpu.write(self_pd + 4 * 3, bytes(4)) is None
        cpu.invlpg(pte)
        cpu.invlpg(0xC07000)
        assert cpu.read(0xC07010, 4) == ("pf", 0, 0xC07010)
        assert cpu.read(pte, 4) == ("pf", 0, pte)
