"""Batches of short instruction sequences on an Engine, in the environment of tests/isa/oracle.py.

The processor is put into flat 32-bit or into 64-bit user mode (CPL 3, IOPL 0, CR0.AM|NE|WP, CR4.OSFXSR|OSXMMEXCPT|OSXSAVE,
XCR0 = 3) with the oracle's pages mapped; each record's bytes run until they fall off their end, fault (the exception is
reported, not delivered), or do not end.  The rest of the code's pages is INT3.  A jump into the data pages is the #PF that NX
makes of it: by four-level tables, or, where they have two levels, by us.  `path` chooses the engine's way: "step" (uncached,
one at a time) or "block" (decoded blocks with fusion).
"""
from libc.string cimport memcpy, memset
from emu_core_pyx.types cimport i32, u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport EXC_GP, EXC_NONE, EXC_PF, RIP
from emu_core_pyx.cpu.flags cimport get_eflags, put_eflags
from emu_core_pyx.cpu.segment cimport mode_refresh, set_cpl
from emu_core_pyx.cpu.fpu cimport fpu_enter, fpu_leave
from emu_core_pyx.block.cache cimport find_block, step_block
from emu_core_pyx.block.insn cimport Block
from emu_core_pyx.engine cimport Engine
from emu_core_pyx.interp.dispatch cimport run_blocks
from emu_core_pyx.interp.simd cimport simd_enter, simd_leave
from emu_core_pyx.mmu.core cimport phys_read, phys_write

cdef enum:
    CODE = 0x30000800
    WINDOW = 0x20000000
    ROM = 0x20004000
    PML4 = 0x10000          # physical places
    PDPT = 0x11000
    DIR = 0x12000
    TABLE_W = 0x13000
    TABLE_C = 0x14000
    PHYS_CODE = 0x20000
    PHYS_WINDOW = 0x30000
    PHYS_ROM = 0x32000
    ENDLESS = 254
    NX_FETCH = 0x15         # the host's data pages are not executable
    INT3 = 0xCC
    INT3_GATE = 0x1A        # of the #GP that INT3 raises: there is no IDT here
    MAX_STEPS = 64


ctypedef fused word_t:      # a register
    u32
    u64


cdef class CaseRunner:
    """Runs oracle records on an engine it sets up for itself."""
    cdef readonly Engine engine
    cdef bint stepping, wide

    def __init__(self, str cpu="max", str mmu="tlb", str path="step", feat=None, u32 bits=32):
        self.engine = Engine(4 << 20, cpu, mmu, feat)
        self.stepping = path == "step"
        self.wide = bits == 64
        self.map_pages()
        self.engine.enter_protected(CODE)
        self.engine.set_segment("tr", 0x40, 0, 0x20, 0x8B)      # too short for an I/O map: ports are #GP
        for name in ("fs", "gs"):
            self.engine.set_segment(name, 0, 0, 0, 0x10000)
        self.engine.set_segment("ss", 0x2B, 0, 0xFFFFFFFF, 0xC0F3)
        if self.wide:
            self.enter_64bit()
        else:
            self.enter_32bit()

    def map_pages(self):
        """Two levels of tables, or four."""
        entry, span, nx = (8, 21, 1 << 63) if self.wide else (4, 22, 0)

        def table(at, entries):
            data = bytearray(4096)
            for index, value in entries.items():
                data[entry * index:entry * (index + 1)] = value.to_bytes(entry, "little")
            self.engine.mem.write(at, bytes(data))

        table(PML4, {0: PDPT | 7})
        table(PDPT, {0: DIR | 7})
        table(DIR, {WINDOW >> span: TABLE_W | 7, CODE >> span: TABLE_C | 7})
        table(TABLE_W, {0: nx | PHYS_WINDOW | 7, 1: nx | (PHYS_WINDOW + 0x1000) | 7, (ROM - WINDOW) >> 12: nx | PHYS_ROM | 5})
        table(TABLE_C, {0: PHYS_CODE | 7, 1: (PHYS_CODE + 0x1000) | 7})

    def enter_32bit(self):
        e = self.engine
        for name in ("ds", "es"):
            e.set_segment(name, 0x2B, 0, 0xFFFFFFFF, 0xC0F3)
        e.set_segment("gs", 0x63, 0, 0, 0x10000)        # as the host's, for PUSH GS
        e.set_segment("cs", 0x23, 0, 0xFFFFFFFF, 0xC0FB)
        e.set_regs(cr3=DIR, cr4=0x40600, cr0=0x80050033, xcr0=3)

    def enter_64bit(self):
        e = self.engine
        for name in ("ds", "es"):
            e.set_segment(name, 0, 0, 0, 0x10000)
        e.set_regs(cr3=PML4, cr4=0x40620, efer=0xD01, cr0=0x80050033, xcr0=3)
        e.set_segment("cs", 0x33, 0, 0xFFFFFFFF, 0xA0FB)

    def run(self, cases, out, u32 window_at=0):
        """Execute structured arrays `cases` into `out` (oracle.case_dtype, oracle.result_dtype)."""
        cdef CPU *c = self.engine.c
        cdef u32 window = cases.dtype["window"].shape[0] if "window" in cases.dtype.names else 0
        cdef bint fx = "fx" in cases.dtype.names
        cdef const u8[:] src = cases.view("u1").reshape(-1)
        cdef u8[:] dst = out.view("u1").reshape(-1)
        cdef u32 in_size = cases.dtype.itemsize, out_size = out.dtype.itemsize
        cdef Py_ssize_t n = len(cases), k
        if len(out) != n:
            raise ValueError("cases and out differ in length")
        with nogil:
            simd_enter(c)
            fpu_enter(c)
            for k in range(n):
                if self.wide:
                    self.one(<u64>0, &src[k * in_size], &dst[k * out_size], window, window_at, fx)
                else:
                    self.one(<u32>0, &src[k * in_size], &dst[k * out_size], window, window_at, fx)
            fpu_leave(c)
            simd_leave(c)
        return out

    cdef void one(self, word_t w, const u8 *r, u8 *o, u32 window, u32 window_at, bint fx) noexcept nogil:
        cdef CPU *c = self.engine.c
        cdef u8 code[8192]
        cdef u8 *start = code + (CODE & 0xFFF)
        cdef u32 gprs = 2 * sizeof(word_t), len = (<const u32 *>(r + 24))[0], k, steps = 0, n
        cdef const word_t *regs = <const word_t *>(r + 32)
        cdef const u8 *tail = <const u8 *>(regs + gprs + 1)
        cdef word_t *result = <word_t *>o
        cdef Block *b
        cdef i32 vec = -1
        memset(code, INT3, 8192)
        memcpy(start, r, len if len < 24 else 24)
        start[len] = 0xEB       # JMP to itself: a block runs up to it, and RIP stays at the end of the code
        start[len + 1] = 0xFE
        phys_write(c, PHYS_CODE, code, 8192)
        if window:
            phys_write(c, PHYS_WINDOW + window_at, tail + (512 if fx else 0), window)
        for k in range(gprs):
            c.s.gpr[k] = regs[k]
        put_eflags(c, <u32>regs[gprs] & 0x240CD5 | 0x202)
        mode_refresh(c)
        set_cpl(c, 3)
        if fx:
            load_fx(c, tail, self.wide)
            mode_refresh(c)
        c.s.gpr[RIP] = CODE
        c.s.event = 0
        c.s.inhibit = 0
        c.exc = EXC_NONE
        c.exc_error = 0
        while True:
            if c.s.gpr[RIP] == CODE + len:
                break
            if steps == MAX_STEPS:
                vec = ENDLESS
                break
            steps += 1
            if c.s.gpr[RIP] - (CODE & ~0xFFF) < 0x2000:     # a filler INT3, as the oracle meets it
                phys_read(c, PHYS_CODE + (c.s.gpr[RIP] - (CODE & ~0xFFF)), code, 1)
                if code[0] == INT3:
                    c.s.gpr[RIP] += 1
                    vec = 3
                    break
            if word_t is u32 and (c.s.gpr[RIP] - WINDOW < 0x2000 or c.s.gpr[RIP] - ROM < 0x1000):
                c.exc_error = NX_FETCH
                c.exc_cr2 = c.s.gpr[RIP]
                vec = EXC_PF
                break
            c.stop_at += 1 - <u64>c.left
            c.left = 1
            c.now_adj = 0
            b = step_block(c) if self.stepping else find_block(c)
            if b == NULL and c.exc == EXC_NONE:
                b = step_block(c)
            if b != NULL:
                n = b.n
                c.stop_at += n - 1
                c.left = 0
                c.blk = b
                run_blocks(c, b)
            c.s.event = 0
            if c.exc == EXC_GP and c.exc_error == INT3_GATE:    # within a block
                c.s.gpr[RIP] += 1
                c.exc_error = 0
                vec = 3
                break
            if c.exc != EXC_NONE:
                vec = c.exc
                break
        for k in range(gprs):
            result[k] = <word_t>c.s.gpr[k]
        result[gprs] = get_eflags(c)
        result[gprs + 1] = <word_t>(c.s.gpr[RIP] - CODE)
        result[gprs + 2] = <word_t>c.exc_cr2 if vec == EXC_PF else 0
        o = <u8 *>(result + gprs + 3)
        (<i32 *>o)[0] = vec
        (<u32 *>o)[1] = c.exc_error if vec >= 0 else 0
        o += 8
        c.exc = EXC_NONE
        c.exc_dr6 = 0
        if fx:
            fpu_leave(c)
            simd_leave(c)
            save_fx(c, o, self.wide)
            simd_enter(c)
            fpu_enter(c)
            o += 512
        if window:
            phys_read(c, PHYS_WINDOW + window_at, o, window)


cdef void load_fx(CPU *c, const u8 *p, bint wide) noexcept nogil:
    """FXSAVE's layout, or FXSAVE64's."""
    cdef u32 k
    fpu_leave(c)
    simd_leave(c)
    c.s.fpu.cw = (<const u16 *>p)[0] & 0x1F3F | 0x40
    c.s.fpu.sw = (<const u16 *>(p + 2))[0] & <u16>~0x3800
    c.s.fpu.top = ((<const u16 *>(p + 2))[0] >> 11) & 7
    c.s.fpu.tags = p[4]
    c.s.fpu.fop = (<const u16 *>(p + 6))[0]
    if wide:
        c.s.fpu.fip = (<const u64 *>(p + 8))[0]
        c.s.fpu.fdp = (<const u64 *>(p + 16))[0]
    else:
        c.s.fpu.fip = (<const u32 *>(p + 8))[0]
        c.s.fpu.fcs = (<const u16 *>(p + 12))[0]
        c.s.fpu.fdp = (<const u32 *>(p + 16))[0]
        c.s.fpu.fds = (<const u16 *>(p + 20))[0]
    c.s.fpu.mxcsr = (<const u32 *>(p + 24))[0]
    for k in range(8):
        memcpy(&c.s.fpu.st[(k + c.s.fpu.top) & 7], p + 32 + 16 * k, 10)
    memcpy(&c.s.xmm[0], p + 160, 256 if wide else 128)
    simd_enter(c)
    fpu_enter(c)


cdef void save_fx(CPU *c, u8 *p, bint wide) noexcept nogil:
    cdef u32 k
    memset(p, 0, 512)
    (<u16 *>p)[0] = c.s.fpu.cw
    (<u16 *>(p + 2))[0] = <u16>(c.s.fpu.sw & <u16>~0x3800 | c.s.fpu.top << 11)
    p[4] = c.s.fpu.tags
    (<u16 *>(p + 6))[0] = c.s.fpu.fop
    if wide:
        (<u64 *>(p + 8))[0] = c.s.fpu.fip
        (<u64 *>(p + 16))[0] = c.s.fpu.fdp
    else:
        (<u32 *>(p + 8))[0] = <u32>c.s.fpu.fip
        (<u16 *>(p + 12))[0] = c.s.fpu.fcs
        (<u32 *>(p + 16))[0] = <u32>c.s.fpu.fdp
        (<u16 *>(p + 20))[0] = c.s.fpu.fds
    (<u32 *>(p + 24))[0] = c.s.fpu.mxcsr
    (<u32 *>(p + 28))[0] = 0xFFFF
    for k in range(8):
        memcpy(p + 32 + 16 * k, &c.s.fpu.st[(k + c.s.fpu.top) & 7], 10)
    memcpy(p + 160, &c.s.xmm[0], 256 if wide else 128)
