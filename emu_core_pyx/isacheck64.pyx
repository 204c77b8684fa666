"""Batches of short 64-bit instruction sequences on an Engine, in the environment of tests/isa/oracle64.py.

As isacheck.pyx, in 64-bit user mode: CPL 3, IOPL 0, CR0.AM|NE|WP, CR4.OSFXSR|OSXMMEXCPT, four-level tables.
"""
from libc.string cimport memcpy, memset
from emu_core_pyx.types cimport i32, u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport EXC_GP, EXC_NONE, RIP
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
    MAX_STEPS = 64


cdef class CaseRunner64:
    """Runs oracle64 records on an engine it sets up for itself."""
    cdef readonly Engine engine
    cdef bint stepping

    def __init__(self, str cpu="max", str mmu="tlb", str path="step", feat=None):
        self.engine = Engine(4 << 20, cpu, mmu, feat)
        self.stepping = path == "step"
        mem = self.engine.mem

        def table(at, entries):
            data = bytearray(4096)
            for index, value in entries.items():
                data[8 * index:8 * index + 8] = value.to_bytes(8, "little")
            mem.write(at, bytes(data))

        table(PML4, {0: PDPT | 7})
        table(PDPT, {0: DIR | 7})
        table(DIR, {WINDOW >> 21: TABLE_W | 7, CODE >> 21: TABLE_C | 7})
        nx = 1 << 63
        table(TABLE_W, {0: nx | PHYS_WINDOW | 7, 1: nx | (PHYS_WINDOW + 0x1000) | 7, 4: nx | PHYS_ROM | 5})
        table(TABLE_C, {0: PHYS_CODE | 7, 1: (PHYS_CODE + 0x1000) | 7})
        mem.write(PHYS_CODE, bytes([0xCC]) * 0x2000)
        e = self.engine
        e.enter_protected(CODE)
        e.set_regs(cr3=PML4, cr4=0x40620, xcr0=3, efer=0xD01, cr0=0x80050033)
        e.set_segment("ss", 0x2B, 0, 0xFFFFFFFF, 0xC0F3)
        for name in ("ds", "es", "fs", "gs"):
            e.set_segment(name, 0, 0, 0, 0x10000)
        e.set_segment("tr", 0x40, 0, 0x20, 0x8B)     # too short for an I/O map: ports are #GP
        e.set_segment("cs", 0x33, 0, 0xFFFFFFFF, 0xA0FB)

    def run(self, cases, out, u32 window_at=0):
        """Execute structured arrays `cases` into `out`."""
        cdef CPU *c = self.engine.c
        cdef u32 window = cases.dtype["window"].shape[0] if "window" in cases.dtype.names else 0
        cdef bint fx = "fx" in cases.dtype.names
        cdef const u8[:] src = cases.view("u1").reshape(-1)
        cdef u8[:] dst = out.view("u1").reshape(-1)
        cdef u32 in_size = cases.dtype.itemsize, out_size = out.dtype.itemsize
        cdef u64 n = len(cases), k
        if len(out) != n:
            raise ValueError("cases and out differ in length")
        with nogil:
            simd_enter(c)
            fpu_enter(c)
            for k in range(n):
                self.one(&src[k * in_size], &dst[k * out_size], window, window_at, fx)
            fpu_leave(c)
            simd_leave(c)
        return out

    cdef void one(self, const u8 *r, u8 *o, u32 window, u32 window_at, bint fx) noexcept nogil:
        cdef CPU *c = self.engine.c
        cdef u8 code[8192]
        cdef u32 len = (<const u32 *>(r + 24))[0], k, steps = 0, n
        cdef Block *b
        cdef i32 vec = -1
        memset(code, 0xCC, 8192)
        memcpy(code + (CODE & 0xFFF), r, len if len < 24 else 24)
        code[(CODE & 0xFFF) + len] = 0xEB        # JMP to itself: a block runs up to it, and RIP stays at the end of the code
        code[(CODE & 0xFFF) + len + 1] = 0xFE
        phys_write(c, PHYS_CODE, code, 8192)
        if window:
            phys_write(c, PHYS_WINDOW + window_at, r + 168 + (512 if fx else 0), window)
        for k in range(16):
            c.s.gpr[k] = (<const u64 *>(r + 32))[k]
        put_eflags(c, (<const u32 *>(r + 160))[0] & 0x240CD5 | 0x202)
        mode_refresh(c)
        set_cpl(c, 3)
        if fx:
            load_fx(c, r + 168)
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
                if code[0] == 0xCC:
                    c.s.gpr[RIP] += 1
                    vec = 3
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
            if c.exc == EXC_GP and (c.exc_error & 0xFFFE) == 0x1A:     # INT3 within a block: there is no IDT here
                c.s.gpr[RIP] += 1
                c.exc_error = 0
                vec = 3
                break
            if c.exc != EXC_NONE:
                vec = c.exc
                break
        for k in range(16):
            (<u64 *>o)[k] = c.s.gpr[k]
        (<u64 *>(o + 128))[0] = get_eflags(c)
        (<u64 *>(o + 136))[0] = c.s.gpr[RIP] - CODE
        (<u64 *>(o + 144))[0] = c.exc_cr2 if vec == 14 else 0
        (<i32 *>(o + 152))[0] = vec
        (<u32 *>(o + 156))[0] = c.exc_error if vec >= 0 else 0
        c.exc = EXC_NONE
        c.exc_dr6 = 0
        o += 160
        if fx:
            fpu_leave(c)
            simd_leave(c)
            save_fx(c, o)
            simd_enter(c)
            fpu_enter(c)
            o += 512
        if window:
            phys_read(c, PHYS_WINDOW + window_at, o, window)


cdef void load_fx(CPU *c, const u8 *p) noexcept nogil:
    """FXSAVE64's layout."""
    cdef u32 k
    fpu_leave(c)
    simd_leave(c)
    c.s.fpu.cw = (<const u16 *>p)[0] & 0x1F3F | 0x40
    c.s.fpu.sw = (<const u16 *>(p + 2))[0] & <u16>~0x3800
    c.s.fpu.top = ((<const u16 *>(p + 2))[0] >> 11) & 7
    c.s.fpu.tags = p[4]
    c.s.fpu.fop = (<const u16 *>(p + 6))[0]
    c.s.fpu.fip = (<const u64 *>(p + 8))[0]
    c.s.fpu.fdp = (<const u64 *>(p + 16))[0]
    c.s.fpu.mxcsr = (<const u32 *>(p + 24))[0]
    for k in range(8):
        memcpy(&c.s.fpu.st[(k + c.s.fpu.top) & 7], p + 32 + 16 * k, 10)
    memcpy(&c.s.xmm[0], p + 160, 256)
    simd_enter(c)
    fpu_enter(c)


cdef void save_fx(CPU *c, u8 *p) noexcept nogil:
    cdef u32 k
    memset(p, 0, 512)
    (<u16 *>p)[0] = c.s.fpu.cw
    (<u16 *>(p + 2))[0] = <u16>(c.s.fpu.sw & <u16>~0x3800 | c.s.fpu.top << 11)
    p[4] = c.s.fpu.tags
    (<u16 *>(p + 6))[0] = c.s.fpu.fop
    (<u64 *>(p + 8))[0] = c.s.fpu.fip
    (<u64 *>(p + 16))[0] = c.s.fpu.fdp
    (<u32 *>(p + 24))[0] = c.s.fpu.mxcsr
    (<u32 *>(p + 28))[0] = 0xFFFF
    for k in range(8):
        memcpy(p + 32 + 16 * k, &c.s.fpu.st[(k + c.s.fpu.top) & 7], 10)
    memcpy(p + 160, &c.s.xmm[0], 256)
