"""Implicit supervisor access to system structures (GDT, LDT, IDT, TSS), with the TLB hit inline.

They are looked up in the supervisor's own array whatever the CPL: neither what ring 3 may read nor what EFLAGS.AC lets
the supervisor read counts here (SDM 3A 4.6, implicit supervisor-mode accesses).
"""
from libc.string cimport memcpy
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU, TLB_SIZE, TlbEntry
from emu_core_pyx.cpu.bits cimport EFER_LMA, CS, SEG_L
from emu_core_pyx.mmu.slow cimport AS_SYSTEM, lin_read, lin_write


cdef inline bint fail(CPU *c, int vec, u32 err) noexcept nogil:
    """Note #vec(err) and be false: ``return fail(c, EXC_GP, sel)``."""
    c.exc = vec
    c.exc_error = err
    c.exc_soft = 0
    return 0


cdef inline bint long_mode(CPU *c) noexcept nogil:
    return (c.s.efer & EFER_LMA) != 0


cdef inline bint code64(CPU *c) noexcept nogil:
    """64-bit mode proper, as opposed to compatibility mode."""
    return (c.s.efer & EFER_LMA) != 0 and (c.s.seg_attr[CS] & SEG_L) != 0


cdef inline bint canonical(u64 lin) noexcept nogil:
    return (lin >> 47) + 1 <= 1 or (lin >> 47) == 0x1FFFF


cdef inline u64 lin_wrap(CPU *c, u64 lin) noexcept nogil:
    return lin if c.s.efer & EFER_LMA else lin & <u64>0xFFFFFFFF


cdef inline bint sys_read(CPU *c, u64 at, void *dst, u32 n) noexcept nogil:
    cdef u64 lin = lin_wrap(c, at)
    cdef TlbEntry *e = &c.tlbs[0][(lin >> 12) & (TLB_SIZE - 1)]
    if ((lin + (n - 1)) & ~<u64>0xFFF) == e.rd:
        memcpy(dst, <void *>(lin + <u64>e.add), n)
        return 1
    return lin_read(c, lin, dst, n, AS_SYSTEM)


cdef inline bint sys_write(CPU *c, u64 at, const void *src, u32 n) noexcept nogil:
    cdef u64 lin = lin_wrap(c, at)
    cdef TlbEntry *e = &c.tlbs[0][(lin >> 12) & (TLB_SIZE - 1)]
    if ((lin + (n - 1)) & ~<u64>0xFFF) == e.wr:
        memcpy(<void *>(lin + <u64>e.add), src, n)
        return 1
    return lin_write(c, lin, src, n, AS_SYSTEM)
