"""Decimal adjustment: DAA DAS AAA AAS AAM AAD (SDM 2; undefined flags in UNDEFINED.md)."""
from emu_core_pyx.types cimport u8, u16, u32
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport EXC_DE, RAX
from emu_core_pyx.cpu.flags cimport AUX_AF, AUX_CF, flags_add, flags_logic, get_af, get_cf
from emu_core_pyx.block.insn cimport Insn, handler_t
from emu_core_pyx.interp.dispatch cimport fault, next_insn
from emu_core_pyx.mmu.access cimport put
from emu_core_pyx.decode.registry cimport Registry


cdef inline void set_result(CPU *c, u8 al, u32 cf, u32 af) noexcept nogil:
    """SF ZF PF of AL, OF = 0."""
    flags_logic(c, al)
    if cf:
        c.s.cc_aux |= AUX_CF | AUX_CF >> 1
    if af:
        c.s.cc_aux |= AUX_AF


cdef Insn *daa(CPU *c, Insn *i) noexcept nogil:
    cdef u8 al = <u8>c.s.gpr[RAX], r = al
    cdef u32 af = (al & 15) > 9 or get_af(c), cf = al > 0x99 or get_cf(c)
    if af:
        r = <u8>(r + 6)
    if cf:
        r = <u8>(r + 0x60)
    put(c, RAX * 8, r)
    set_result(c, r, cf, af)
    return next_insn(c, i)


cdef Insn *das(CPU *c, Insn *i) noexcept nogil:
    cdef u8 al = <u8>c.s.gpr[RAX], r = al
    cdef u32 af = (al & 15) > 9 or get_af(c), high = al > 0x99 or get_cf(c), cf = high
    if af:
        cf |= r < 6
        r = <u8>(r - 6)
    if high:
        r = <u8>(r - 0x60)
    put(c, RAX * 8, r)
    set_result(c, r, cf, af)
    return next_insn(c, i)


cdef Insn *aaa(CPU *c, Insn *i) noexcept nogil:
    cdef u16 ax = <u16>c.s.gpr[RAX]
    cdef u32 adjust = (ax & 15) > 9 or get_af(c)
    if adjust:
        ax = <u16>(ax + 0x106)
    ax &= 0xFF0F
    put(c, RAX * 8, ax)
    set_result(c, <u8>ax, adjust, adjust)
    return next_insn(c, i)


cdef Insn *aas(CPU *c, Insn *i) noexcept nogil:
    cdef u16 ax = <u16>c.s.gpr[RAX]
    cdef u32 adjust = (ax & 15) > 9 or get_af(c)
    if adjust:
        ax = <u16>(ax - 0x106)
    ax &= 0xFF0F
    put(c, RAX * 8, ax)
    set_result(c, <u8>ax, adjust, adjust)
    return next_insn(c, i)


cdef Insn *aam(CPU *c, Insn *i) noexcept nogil:
    cdef u8 al = <u8>c.s.gpr[RAX], base = <u8>i.imm
    if base == 0:
        return fault(c, i, EXC_DE, 0)
    put(c, RAX * 8, <u16>((al / base) << 8 | al % base))
    set_result(c, al % base, 0, 0)
    return next_insn(c, i)


cdef Insn *aad(CPU *c, Insn *i) noexcept nogil:
    cdef u8 al = <u8>c.s.gpr[RAX], tens = <u8>(<u8>(c.s.gpr[RAX] >> 8) * <u8>i.imm), r = <u8>(al + tens)
    put(c, RAX * 8, <u16>r)
    flags_add(c, al, tens, r)
    return next_insn(c, i)


cdef int one(Registry r, str name, handler_t h) except -1:
    return r.add(name, 0, h, h)


cdef int register(Registry r) except -1:
    one(r, "daa", <handler_t>daa)
    one(r, "das", <handler_t>das)
    one(r, "aaa", <handler_t>aaa)
    one(r, "aas", <handler_t>aas)
    one(r, "aam_i", <handler_t>aam)
    one(r, "aad_i", <handler_t>aad)
    return 0
