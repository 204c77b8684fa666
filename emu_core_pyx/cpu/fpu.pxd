"""The x87 unit: register stack, exceptions, and the general (slow, exact) form of every operation.

Hot handlers (interp/x87_*.pyx) do the common case themselves on the host's x87 and end in one of the functions
here otherwise; these finish the instruction and tail-call the next one.

Invariants
- ``sw`` has ES and B exactly when ``sw & ~cw & 0x3F`` is not 0 (`fpu_update_es` after any other change of cw or sw).
- ``cw`` has bit 6 set and no bits outside 0x1F7F (`fpu_set_cw`).
- While guest code runs on a host with x87, the host control word has the guest's RC and PC with all exceptions
  masked, and host sticky flags are a subset of the guest's: `fpu_enter`, `fpu_leave` around the run loop,
  `fpu_host_sync` wherever the guest clears flags or changes cw.

As current processors do: FCS and FDS are saved as 0 in protected mode (CPUID.7:EBX[13]), FDP and FOP change only with
an unmasked exception (CPUID.7:EBX[6]); C0, C2, C3 are kept by instructions for which the SDM calls them undefined.
"""
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU, F80
from emu_core_pyx.cpu.softfloat cimport SW_C1, SW_ES, Fx
from emu_core_pyx.block.insn cimport Insn

cdef extern from *:
    """
    #if defined(__x86_64__) && defined(__GNUC__) && !defined(EMU_SOFT_X87)
    #define EMU_HOST_X87 1
    static inline void emu_x87_load_cw(unsigned short cw)
    {
        __asm__ volatile("fnclex\\n\\tfldcw %0" : : "m"(cw));
    }
    #else
    #define EMU_HOST_X87 0
    static inline void emu_x87_load_cw(unsigned short cw) { (void)cw; }
    #endif
    """
    const bint HOST_X87 "EMU_HOST_X87"
    void host_load_cw "emu_x87_load_cw"(u16 cw) noexcept nogil

cdef enum:              # operand of arithmetic, comparison, load, store
    K_0T = 0            # ST(0) op ST(i)
    K_T0 = 1            # ST(i) op ST(0)
    K_POP = 2           # ST(i) op ST(0), pop
    K_M32 = 3
    K_M64 = 4
    K_M80 = 5
    K_I16 = 6
    K_I32 = 7
    K_I64 = 8
    K_BCD = 9
    K_ZERO = 10         # FTST

cdef enum:              # fpu_binary
    OP_ADD = 0
    OP_MUL = 1
    OP_SUB = 2
    OP_SUBR = 3
    OP_DIV = 4
    OP_DIVR = 5

cdef enum:              # fpu_compare
    CMP_QUIET = 1
    CMP_POP = 2
    CMP_POP2 = 4
    CMP_EFLAGS = 8

cdef enum:              # fpu_store
    ST_POP = 1
    ST_TRUNC = 2        # FISTTP

cdef enum:              # fpu_math
    U_SQRT = 0
    U_RINT = 1
    U_SCALE = 2
    U_PREM = 3
    U_PREM1 = 4
    U_XTRACT = 5
    U_F2XM1 = 6
    U_YL2X = 7
    U_YL2XP1 = 8
    U_PATAN = 9
    U_PTAN = 10
    U_SIN = 11
    U_COS = 12
    U_SINCOS = 13


cdef inline F80 *st(CPU *c, u32 n) noexcept nogil:
    """ST(n)."""
    return &c.s.fpu.st[(c.s.fpu.top + n) & 7]


cdef inline bint st_empty(CPU *c, u32 n) noexcept nogil:
    return not (c.s.fpu.tags >> ((c.s.fpu.top + n) & 7)) & 1


cdef inline void st_put(CPU *c, u32 n, F80 v) noexcept nogil:
    cdef u32 k = (c.s.fpu.top + n) & 7
    c.s.fpu.st[k] = v
    c.s.fpu.tags |= <u8>(1 << k)


cdef inline void st_pop(CPU *c) noexcept nogil:
    c.s.fpu.tags &= <u8>~(1 << c.s.fpu.top)
    c.s.fpu.top = (c.s.fpu.top + 1) & 7


cdef inline void st_push(CPU *c, F80 v) noexcept nogil:
    c.s.fpu.top = (c.s.fpu.top - 1) & 7
    st_put(c, 0, v)


cdef inline void fpu_host_sync(CPU *c) noexcept nogil:
    """The guest's sticky flags were cleared, or cw changed."""
    if HOST_X87:
        host_load_cw(c.s.fpu.cw | 0x3F)


cdef inline void fpu_enter(CPU *c) noexcept nogil:
    """Guest code is about to run on this thread."""
    fpu_host_sync(c)


cdef inline void fpu_leave(CPU *c) noexcept nogil:
    """Give the host its x87 back as the ABI has it."""
    if HOST_X87:
        host_load_cw(0x37F)


# A waiting instruction found ES set: 1 = leave with unwind(c, i) (#MF noted, or FERR# just driven).
cdef bint fpu_blocked(CPU *c, Insn *i) noexcept nogil
# Note exceptions `ex` (SW_* of one operation) for instruction i; 1 = the result may be stored.
cdef bint fpu_commit(CPU *c, Insn *i, u32 ex, bint mem) noexcept nogil
cdef void fpu_update_es(CPU *c) noexcept nogil
cdef void fpu_set_cw(CPU *c, u16 cw) noexcept nogil     # FLDCW
cdef void fpu_set_sw(CPU *c, u16 sw) noexcept nogil     # TOP included
cdef u16 fpu_get_sw(CPU *c) noexcept nogil
cdef u16 fpu_get_tags(CPU *c) noexcept nogil            # the full tag word
cdef void fpu_set_tags(CPU *c, u16 tw) noexcept nogil
cdef void fpu_init(CPU *c) noexcept nogil               # FNINIT

cdef Insn *fpu_binary(CPU *c, Insn *i, u32 op, u32 kind, const void *p) noexcept nogil
cdef Insn *fpu_compare(CPU *c, Insn *i, u32 how, u32 kind, const void *p) noexcept nogil
cdef Insn *fpu_load(CPU *c, Insn *i, u32 kind, const void *p) noexcept nogil
cdef Insn *fpu_store(CPU *c, Insn *i, u32 how, u32 kind, void *p) noexcept nogil
# Whether fpu_store would leave memory alone because of an unmasked exception: then its operand's faults do not count.
cdef bint fpu_store_void(CPU *c, u32 how, u32 kind) noexcept nogil
cdef Insn *fpu_math(CPU *c, Insn *i, u32 op) noexcept nogil
# Overflow or underflow of the stack found by a handler: ST(n) becomes the indefinite if masked.
cdef bint fpu_underflow(CPU *c, Insn *i, u32 n) noexcept nogil
cdef bint fpu_overflow(CPU *c, Insn *i) noexcept nogil
