"""Single x87 instructions outside a machine, for tests and measurements.

    p = Probe()
    out = p.run("fadd_0t", cw=0x37F, regs=[a, b], x=1)      # a, b: 10 bytes as FSTP m80 stores them
"""
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from emu_core_pyx.types cimport i64, u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU, TLB_SIZE, TlbEntry
from emu_core_pyx.cpu.bits cimport CR0_NE, DS, EXC_NONE, ZERO
from emu_core_pyx.cpu.flags cimport get_eflags, put_eflags
from emu_core_pyx.cpu.fpu cimport (
    CMP_EFLAGS, CMP_POP, CMP_POP2, CMP_QUIET, K_0T, K_BCD, K_I16, K_I32, K_I64, K_M32, K_M64, K_M80, K_POP, K_T0, K_ZERO,
    OP_ADD, OP_DIV, OP_DIVR, OP_MUL, OP_SUB, OP_SUBR, ST_POP, ST_TRUNC, U_COS, U_F2XM1, U_PATAN, U_PREM, U_PREM1,
    U_PTAN, U_RINT, U_SCALE, U_SIN, U_SINCOS, U_SQRT, U_XTRACT, U_YL2X, U_YL2XP1, fpu_binary, fpu_compare, fpu_enter,
    fpu_get_sw, fpu_get_tags, fpu_init, fpu_leave, fpu_load, fpu_math, fpu_set_cw, fpu_store, st, st_push,
)
from emu_core_pyx.cpu.softfloat cimport mk80
from emu_core_pyx.block.insn cimport MODE_32, MODE_PE, Insn
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp cimport x87_arith, x87_control, x87_data

cdef enum:
    SOFT_BINARY = 0
    SOFT_COMPARE = 1
    SOFT_LOAD = 2
    SOFT_STORE = 3
    SOFT_MATH = 4

BINARY = {"add": OP_ADD, "mul": OP_MUL, "sub": OP_SUB, "subr": OP_SUBR, "div": OP_DIV, "divr": OP_DIVR}
COMPARE = {
    "fcom": 0, "fcomp": CMP_POP, "fcompp": CMP_POP2, "fucom": CMP_QUIET, "fucomp": CMP_QUIET | CMP_POP,
    "fucompp": CMP_QUIET | CMP_POP2, "fcomi": CMP_EFLAGS, "fcomip": CMP_EFLAGS | CMP_POP, "fucomi": CMP_EFLAGS | CMP_QUIET,
    "fucomip": CMP_EFLAGS | CMP_QUIET | CMP_POP, "ftst": 0,
}
STORE = {"fst": 0, "fstp": ST_POP, "fsttp": ST_POP | ST_TRUNC}
MATH = {
    "fsqrt": U_SQRT, "frndint": U_RINT, "fscale": U_SCALE, "fprem": U_PREM, "fprem1": U_PREM1, "fxtract": U_XTRACT,
    "f2xm1": U_F2XM1, "fyl2x": U_YL2X, "fyl2xp1": U_YL2XP1, "fpatan": U_PATAN, "fptan": U_PTAN, "fsin": U_SIN,
    "fcos": U_COS, "fsincos": U_SINCOS,
}
FORMS = {"m16": K_I16, "m32": K_M32, "m64": K_M64, "m80": K_M80, "t0": K_T0, "zero": K_ZERO}


cdef Insn *soft(CPU *c, Insn *i) noexcept nogil:
    cdef void *p = <void *>(<u64>c.tlb[1].add + 0x1000)
    if i.dst == SOFT_BINARY:
        return fpu_binary(c, i, i.src, i.imm, p)
    elif i.dst == SOFT_COMPARE:
        return fpu_compare(c, i, i.src, i.imm, p)
    elif i.dst == SOFT_LOAD:
        return fpu_load(c, i, i.imm, p)
    elif i.dst == SOFT_STORE:
        return fpu_store(c, i, i.src, i.imm, p)
    return fpu_math(c, i, i.src)


cdef Insn *stop(CPU *c, Insn *i) noexcept nogil:
    return NULL


cdef class Probe:
    """One CPU, one page of memory at linear 0x1000, and the x87 handlers."""
    cdef CPU *c
    cdef Registry registry
    cdef Insn insns[64]
    cdef u8 page[4096]

    def __cinit__(self):
        cdef int s
        self.registry = Registry()
        x87_arith.register(self.registry)
        x87_data.register(self.registry)
        x87_control.register(self.registry)
        self.c = <CPU *>calloc(1, sizeof(CPU))
        self.c.tlb = <TlbEntry *>calloc(TLB_SIZE, sizeof(TlbEntry))
        if self.c == NULL or self.c.tlb == NULL:
            raise MemoryError
        for s in range(TLB_SIZE):
            self.c.tlb[s].rd = self.c.tlb[s].wr = self.c.tlb[s].ex = 1
        for s in range(3):
            self.c.tlbs[s] = self.c.tlb
        self.c.tlb[1].rd = self.c.tlb[1].wr = 0x1000
        self.c.tlb[1].add = <i64><u64>&self.page[0] - 0x1000
        self.c.handlers = self.registry.rows
        for s in range(6):
            self.c.s.seg_rend[s] = self.c.s.seg_wend[s] = <u64>1 << 32
        self.c.s.cr0 = CR0_NE | 1
        self.c.mode = MODE_32 | MODE_PE
        self.c.left = 1 << 40
        self.c.exc = EXC_NONE

    def __dealloc__(self):
        if self.c != NULL:
            free(self.c.tlb)
        free(self.c)

    def names(self):
        """(name, size) of every x87 handler."""
        return self.registry.known()

    cdef int place(self, u32 n, str name, u32 size, u32 x, bint slow) except -1:
        cdef int row = self.registry.find(name, size)
        cdef Insn *i = &self.insns[n]
        if row < 0:
            raise KeyError(f"no handler {name}/{size}")
        memset(i, 0, sizeof(Insn))
        i.run = self.registry.rows[row].slow if slow else self.registry.rows[row].fast
        i.hid = <u16>row
        i.base = ZERO * 8
        i.index = ZERO * 8
        i.scale = 1
        i.disp = 0x1000
        i.amask = 0xFFFFFFFF
        i.seg = DS
        i.len = 2
        i.rem = 1
        i.x = <u8>x
        i.osz = <u8>size
        memset(&self.insns[n + 1], 0, sizeof(Insn))
        self.insns[n + 1].run = stop
        return 0

    def batch(self, str name, bytes records, u32 x=1, u32 size=0, bint soft=False):
        """Run one handler on many operands.

        A record is 36 bytes: cw u16, depth u8 (registers filled), eflags u8 (CF PF ZF), ST(0), ST(1), memory (10 each),
        and 2 unused.  The rest of the registers, if filled, holds 1.0.  An answer is 104 bytes: sw u16, tags u16, eflags
        u16, vector u16 (0xFFFF: none), ST(0)..ST(7) (80), memory (10), and 6 of padding.  `soft`: the integer
        arithmetic, also where the host's x87 would do.
        """
        cdef const u8 *p = records
        cdef Py_ssize_t n = len(records) // 36, _
        cdef CPU *c = self.c
        out = bytearray(104 * n)
        cdef u8 *o = out
        cdef u32 j, depth
        cdef u16 cw
        self.place(0, name, size, x, 0)
        if soft:
            self.soften(name)
        for _ in range(n):
            memcpy(&cw, p, 2)
            depth = p[2]
            fpu_init(c)
            for j in range(depth, 0, -1):
                st_push(c, mk80(0, 16383, <u64>1 << 63))
                if j == 2:
                    memcpy(st(c, 0), p + 14, 10)
                elif j == 1:
                    memcpy(st(c, 0), p + 4, 10)
            put_eflags(c, p[3])
            memcpy(&self.page[0], p + 24, 10)
            c.s.gpr[17] = 0x400000
            c.exc = EXC_NONE
            fpu_set_cw(c, cw)
            fpu_enter(c)
            with nogil:
                self.insns[0].run(c, &self.insns[0])
            fpu_leave(c)
            (<u16 *>o)[0] = fpu_get_sw(c)
            (<u16 *>o)[1] = fpu_get_tags(c)
            (<u16 *>o)[2] = <u16>get_eflags(c)
            (<u16 *>o)[3] = <u16>c.exc
            for j in range(8):
                memcpy(o + 8 + 10 * j, st(c, j), 10)
            memcpy(o + 88, &self.page[0], 10)
            p += 36
            o += 104
        return bytes(out)

    cdef int soften(self, str name) except -1:
        """Replace the handler of insns[0] by the general function of cpu/fpu.pyx it would fall back to."""
        cdef Insn *i = &self.insns[0]
        stem, _, form = name.partition("_")
        i.run = soft
        i.index = ZERO * 8
        if stem in MATH:
            i.dst = SOFT_MATH
            i.src = MATH[stem]
            return 0
        if stem in ("fcompp", "fucompp"):
            form = "0t"
        if stem == "ftst":
            form = "zero"
        integer = stem.startswith("fi")
        kind = FORMS.get(form, K_0T)
        if integer:
            kind = {K_M32: K_I32, K_M64: K_I64}.get(kind, kind)
            stem = "f" + stem[2:]
        if form == "m80" and stem in ("fbld", "fbstp"):
            kind = K_BCD
            stem = {"fbld": "fld", "fbstp": "fstp"}[stem]
        if stem.endswith("p") and stem[1:len(stem) - 1] in BINARY:
            kind = K_POP
            stem = stem[:len(stem) - 1]
        i.x = <u8>(1 if stem.endswith("pp") else i.x)
        i.imm = kind
        if stem[1:] in BINARY:
            i.dst = SOFT_BINARY
            i.src = BINARY[stem[1:]]
        elif stem in COMPARE:
            i.dst = SOFT_COMPARE
            i.src = COMPARE[stem]
        elif stem == "fld":
            i.dst = SOFT_LOAD
        elif stem in STORE:
            i.dst = SOFT_STORE
            i.src = STORE[stem]
        else:
            raise KeyError(name)
        return 0

    def loop(self, list program, u64 times):
        """Time a straight run of (name, x) instructions: nanoseconds for all `times` rounds. Registers start at 1.0."""
        import time
        cdef u64 _
        cdef u32 j
        for j, (name, x) in enumerate(program):
            self.place(j, name, 0, x, 0)
        fpu_init(self.c)
        for _ in range(4):
            st_push(self.c, mk80(0, 16383, <u64>1 << 63))
        (<double *>self.page)[0] = 1.0000001
        fpu_enter(self.c)
        began = time.perf_counter_ns()
        with nogil:
            for _ in range(times):
                self.insns[0].run(self.c, &self.insns[0])
        ended = time.perf_counter_ns()
        fpu_leave(self.c)
        return ended - began


def py_op(str name, cw, bytes a, bytes b=bytes(10), bytes mem=bytes(10), soft=False):
    """One instruction with ST(0) = a, ST(1) = b, memory operand `mem` (10 bytes each): (ST(0) after it, memory, status word)."""
    out = Probe().batch(name, bytes([cw & 0xFF, cw >> 8, 2, 0]) + a + b + mem + bytes(2), soft=soft)
    return out[8:18], out[88:98], out[0] | out[1] << 8
