"""A processor without instructions: what the tests of memory need to translate, read and write as a handler does.

    t = TestCpu(1 << 20, "shadow")
    t.set(cr0=0x80010001, cr3=0x1000)
    t.translate(0x400000, ACC_WRITE | ACC_USER)     # physical address, or ("pf", error code, cr2)
"""
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from emu_core_pyx.types cimport fast_t, slow_t, u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU, TLB_SIZE, TlbEntry
from emu_core_pyx.cpu.bits cimport EXC_NONE, FEAT_PDPE1GB
from emu_core_pyx.block.insn cimport MODE_32, MODE_PE
from emu_core_pyx.bus.bus cimport Bus
from emu_core_pyx.bus.device cimport Device
from emu_core_pyx.mmu.access cimport rd_at, rmw_at, wr_at
from emu_core_pyx.mmu.core cimport (
    code_ptr, load_pdptes, mmu_counters, mmu_cr3_loaded, mmu_flush_all, mmu_free, mmu_invlpg, mmu_new, mmu_pick,
    phys_read, phys_write, protect_code_page, translate, translate_debug, unprotect_code_page,
)
from emu_core_pyx.mmu.physmem cimport PhysMem
from emu_core_pyx.mmu.slow cimport (
    AS_SYSTEM, lin_read, lin_write, mem_probe_write, mem_read, mem_write, slow_commit, slow_read, slow_write,
)


cdef class Recorder(Device):
    """Remembers accesses; a byte read is the low byte of its offset."""

    cdef u64 log[256]
    cdef u32 n

    def __init__(self, str name):
        self.name = name

    cdef void note(self, u64 what, u32 region, u64 off, u32 size, u64 value) noexcept nogil:
        if self.n < 64:
            self.log[4 * self.n] = what | region << 8
            self.log[4 * self.n + 1] = off
            self.log[4 * self.n + 2] = size
            self.log[4 * self.n + 3] = value
            self.n += 1

    cdef u64 answer(self, u64 off, u32 size) noexcept nogil:
        cdef u64 v = 0
        cdef u32 k
        for k in range(size):
            v |= ((off + k) & 0xFF) << 8 * k
        return v

    cdef u32 io_read(self, u32 region, u32 off, u32 size) noexcept nogil:
        self.note(0, region, off, size, 0)
        return <u32>self.answer(off, size)

    cdef void io_write(self, u32 region, u32 off, u32 size, u32 value) noexcept nogil:
        self.note(1, region, off, size, value)

    cdef u64 mmio_read(self, u32 region, u64 off, u32 size) noexcept nogil:
        self.note(0, region, off, size, 0)
        return self.answer(off, size)

    cdef void mmio_write(self, u32 region, u64 off, u32 size, u64 value) noexcept nogil:
        self.note(1, region, off, size, value)

    def take(self):
        """Accesses since the last call: ("r" or "w", offset, size, value)."""
        out = [("w" if self.log[4 * k] & 1 else "r", self.log[4 * k + 1], self.log[4 * k + 2], self.log[4 * k + 3])
               for k in range(self.n)]
        self.n = 0
        return out


cdef class TestCpu:
    """CPU struct with memory, MMU and bus; all segments flat, CPL 0, paging off."""

    __test__ = False
    cdef CPU *c
    cdef readonly PhysMem mem
    cdef readonly Bus bus

    def __cinit__(self, u64 ram_bytes, str mmu="tlb", u64 below_4g=0xE0000000):
        cdef int k
        self.c = <CPU *>calloc(1, sizeof(CPU))
        if self.c == NULL:
            raise MemoryError
        self.c.exc = EXC_NONE
        self.c.s.a20 = 1
        self.c.s.eflags = 2
        self.c.mode = MODE_32 | MODE_PE
        self.c.feat = 0xFFFFFFFF | FEAT_PDPE1GB
        self.mem = PhysMem(ram_bytes, below_4g)
        self.bus = Bus()
        self.c.bus = <void *>self.bus
        for k in range(6):
            self.segment(k)
        mmu_new(self.c, self.mem, 1 if mmu == "shadow" else 0)

    def __dealloc__(self):
        if self.c != NULL:
            mmu_free(self.c)
            free(self.c)

    def segment(self, u32 k, u64 base=0, u32 limit=0xFFFFFFFF, u32 attr=0xC093, u64 rend=0, u64 wend=0):
        """Hidden part of a segment; rend/wend as cpu/segment.pyx would derive them (0: slow path)."""
        self.c.s.seg_base[k] = base
        self.c.s.seg_limit[k] = limit
        self.c.s.seg_attr[k] = attr
        self.c.s.seg_rend[k] = rend if rend or limit != 0xFFFFFFFF else <u64>1 << 32
        self.c.s.seg_wend[k] = wend if wend or limit != 0xFFFFFFFF else <u64>1 << 32

    def set(self, flush=True, **values):
        """Registers by field name (cr0, cr3, cr4, efer, cpl, eflags, a20, feat, mode, dr0...dr7)."""
        cdef u64 v
        for name, value in values.items():
            v = value
            if name == "cr0":
                self.c.s.cr0 = v
            elif name == "cr3":
                self.c.s.cr3 = v
            elif name == "cr4":
                self.c.s.cr4 = v
            elif name == "efer":
                self.c.s.efer = v
            elif name == "cpl":
                self.c.s.cpl = <u32>v
                mmu_pick(self.c)
            elif name == "eflags":
                self.c.s.eflags = <u32>v
                mmu_pick(self.c)
            elif name == "a20":
                self.c.s.a20 = <u32>v
            elif name == "feat":
                self.c.feat = v
            elif name == "mode":
                self.c.mode = <u32>v
            elif name[:2] == "dr":
                self.c.s.dr[int(name[2:])] = v
            else:
                raise KeyError(name)
        if flush:
            mmu_flush_all(self.c)

    def flush(self):
        mmu_flush_all(self.c)

    def load_cr3(self, u64 v):
        """MOV to CR3: False where PAE's reserved bits would raise #GP."""
        if self.c.s.cr0 >> 31 and self.c.s.cr4 & 0x20 and not self.c.s.efer & 0x400:
            if not load_pdptes(self.c, v):
                return False
        self.c.s.cr3 = v
        mmu_cr3_loaded(self.c)
        return True

    def pdptes(self, u64 cr3):
        return bool(load_pdptes(self.c, cr3)), [self.c.s.pdpte[k] for k in range(4)]

    def invlpg(self, u64 lin):
        mmu_invlpg(self.c, lin)

    def _fault(self):
        out = (("pf", self.c.exc_error, self.c.exc_cr2) if self.c.exc == 14
               else ({12: "ss", 13: "gp", 17: "ac"}[self.c.exc], self.c.exc_error))
        self.c.exc = EXC_NONE
        return out

    def translate(self, u64 lin, u32 access):
        """Physical address, or ("pf", error, cr2)."""
        cdef u64 phys = 0
        if translate(self.c, lin, access, &phys):
            return phys
        return self._fault()

    def translate_debug(self, u64 lin):
        cdef u64 phys = 0
        return phys if translate_debug(self.c, lin, &phys) else None

    # ---- as handlers do it: inline hit, else the slow twin ------------------------------------------

    def read(self, u64 off, u32 n, u32 seg=3):
        """Bytes, or the fault."""
        cdef u8 *p = rd_at(self.c, seg, off, n, <fast_t>0)
        if p == NULL:
            p = rd_at(self.c, seg, off, n, <slow_t>0)
            if p == NULL:
                return self._fault()
        out = p[:n]
        slow_commit(self.c)
        return out

    def write(self, u64 off, bytes data, u32 seg=3):
        """None, or the fault."""
        cdef u32 n = <u32>len(data)
        cdef const u8 *src = data
        cdef u8 *p = wr_at(self.c, seg, off, n, <fast_t>0)
        if p == NULL:
            p = wr_at(self.c, seg, off, n, <slow_t>0)
            if p == NULL:
                return self._fault()
            memcpy(p, src, n)
            slow_commit(self.c)
        else:
            memcpy(p, src, n)

    def modify(self, u64 off, u32 n, u8 delta, u32 seg=3):
        """Add delta to every byte; None, or the fault."""
        cdef u32 k
        cdef u8 *p = rmw_at(self.c, seg, off, n, <fast_t>0)
        cdef bint slow = p == NULL
        if slow:
            p = rmw_at(self.c, seg, off, n, <slow_t>0)
            if p == NULL:
                return self._fault()
        for k in range(n):
            p[k] = <u8>(p[k] + delta)
        if slow:
            slow_commit(self.c)

    def is_fast(self, u64 lin, bint write):
        """Whether the inline path takes this access now."""
        cdef TlbEntry *e = &self.c.tlb[(lin >> 12) & (TLB_SIZE - 1)]
        return (e.wr if write else e.rd) == lin & ~<u64>0xFFF

    # ---- returning accesses ---------------------------------------------------------------------------

    def mem_read(self, u32 seg, u64 off, u32 n):
        out = bytearray(n)
        return bytes(out) if mem_read(self.c, seg, off, <u8 *>out, n) else self._fault()

    def mem_write(self, u32 seg, u64 off, bytes data):
        return None if mem_write(self.c, seg, off, <const u8 *>data, <u32>len(data)) else self._fault()

    def probe(self, u32 seg, u64 off, u32 n):
        return None if mem_probe_write(self.c, seg, off, n) else self._fault()

    def lin_read(self, u64 lin, u32 n, u32 who=AS_SYSTEM):
        out = bytearray(n)
        return bytes(out) if lin_read(self.c, lin, <u8 *>out, n, who) else self._fault()

    def lin_write(self, u64 lin, bytes data, u32 who=AS_SYSTEM):
        return None if lin_write(self.c, lin, <const u8 *>data, <u32>len(data), who) else self._fault()

    def phys_read(self, u64 phys, u32 n):
        out = bytearray(n)
        phys_read(self.c, phys, <u8 *>out, n)
        return bytes(out)

    def phys_write(self, u64 phys, bytes data):
        phys_write(self.c, phys, <const u8 *>data, <u32>len(data))

    def protect_code(self, u64 phys, bint on=True):
        if on:
            protect_code_page(self.c, phys)
        else:
            unprotect_code_page(self.c, phys)

    def has_code_ptr(self, u64 phys):
        return code_ptr(self.c, phys) != NULL

    @property
    def gen(self):
        return self.c.gen

    @property
    def dr6(self):
        """Breakpoints hit since the last look."""
        out = self.c.exc_dr6
        self.c.exc_dr6 = 0
        return out

    def counters(self):
        return mmu_counters(self.c)

    # ---- timing loops for tests/bench -------------------------------------------------------------------

    def touch(self, u64 lin, u64 stride, u32 count, u32 rounds, bint write):
        """`rounds` passes over `count` 4-byte accesses; the faults met."""
        cdef u32 _round, k, faults = 0
        cdef u8 *p
        for _round in range(rounds):
            for k in range(count):
                p = wr_at(self.c, 3, lin + k * stride, 4, <fast_t>0) if write else rd_at(
                    self.c, 3, lin + k * stride, 4, <fast_t>0)
                if p == NULL:
                    p = slow_write(self.c, 3, lin + k * stride, 4) if write else slow_read(
                        self.c, 3, lin + k * stride, 4)
                    if p == NULL:
                        faults += 1
                        self.c.exc = EXC_NONE
                        continue
                    if write:
                        (<u32 *>p)[0] = k
                    slow_commit(self.c)
                elif write:
                    (<u32 *>p)[0] = k
        return faults
