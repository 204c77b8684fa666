"""Saving the x87 and SSE state: FXSAVE, FXRSTOR, XSAVE, XRSTOR, XGETBV, XSETBV (SDM vol. 1, 10.5 and ch. 13; vol. 2).

XCR0 knows the components x87 and SSE, so an XSAVE area is the legacy region and the header.  Both components count as in
use at all times (the init optimisation is the processor's choice).
Not emulated: XSAVEOPT, XSAVEC, XSAVES, the compacted form, XGETBV with ECX = 1.
"""
from libc.string cimport memcpy, memset
from emu_core_pyx.types cimport acc_t, fast_t, slow_t, u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport CR0_TS, CR4_OSFXSR, CR4_OSXSAVE, EXC_GP, EXC_NM, EXC_UD, RAX, RCX, RDX
from emu_core_pyx.cpu.fpu cimport fpu_get_sw, fpu_init, fpu_set_cw, fpu_set_sw, st
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.block.insn cimport MODE_64, MODE_SIZE, Insn, handler_t
from emu_core_pyx.interp.dispatch cimport fault, finish, miss, next_insn, raise_exc, unwind
from emu_core_pyx.interp.ending cimport resume
from emu_core_pyx.interp.simd cimport MXCSR_VALID, mxcsr_current, mxcsr_load
from emu_core_pyx.mmu.access cimport ea, rd_at, rmw_at
from emu_core_pyx.mmu.slow cimport mem_probe_write, mem_read, mem_write

cdef enum:
    # state components
    X87 = 1
    SSE = 2
    SUPPORTED = 3
    # the legacy region, and what follows it
    AT_MXCSR = 24
    AT_ST = 32
    AT_XMM = 160
    LEGACY = 512
    XSTATE_BV = 512
    HEADER = 64


cdef inline u32 xmm_count(CPU *c) noexcept nogil:
    return 16 if (c.mode & MODE_SIZE) == MODE_64 else 8


cdef void put_x87(CPU *c, u8 *p, bint wide) noexcept nogil:
    """Bytes 0-23 and 32-159 of an image; `wide`: 64-bit pointers instead of selectors."""
    cdef u32 k
    (<u16 *>p)[0] = c.s.fpu.cw
    (<u16 *>p)[1] = fpu_get_sw(c)
    (<u16 *>p)[2] = c.s.fpu.tags
    (<u16 *>p)[3] = c.s.fpu.fop
    (<u64 *>(p + 8))[0] = c.s.fpu.fip if wide else <u32>c.s.fpu.fip
    (<u64 *>(p + 16))[0] = c.s.fpu.fdp if wide else <u32>c.s.fpu.fdp
    for k in range(8):
        memcpy(p + AT_ST + 16 * k, st(c, k), 10)
        memset(p + AT_ST + 16 * k + 10, 0, 6)


cdef void get_x87(CPU *c, const u8 *p, bint wide) noexcept nogil:
    cdef u32 k
    c.s.fpu.tags = p[4]
    c.s.fpu.fop = (<const u16 *>p)[3] & 0x7FF
    c.s.fpu.fip = (<const u64 *>(p + 8))[0] if wide else <u64>(<const u32 *>(p + 8))[0]
    c.s.fpu.fdp = (<const u64 *>(p + 16))[0] if wide else <u64>(<const u32 *>(p + 16))[0]
    c.s.fpu.fcs = 0
    c.s.fpu.fds = 0
    fpu_set_cw(c, (<const u16 *>p)[0])
    fpu_set_sw(c, (<const u16 *>p)[1])
    for k in range(8):
        memcpy(st(c, k), p + AT_ST + 16 * k, 10)


cdef void put_mxcsr(CPU *c, u8 *p) noexcept nogil:
    (<u32 *>(p + AT_MXCSR))[0] = mxcsr_current(c)
    (<u32 *>(p + AT_MXCSR))[1] = MXCSR_VALID


# ---- FXSAVE, FXRSTOR ----

cdef Insn *fxsave_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u64 at = ea(c, i)
    cdef u8 *p
    if (c.s.seg_base[i.seg] + at) & 15:
        return fault(c, i, EXC_GP, 0)
    p = rmw_at(c, i.seg, at, LEGACY, a)        # what the image does not define stays
    if p == NULL:
        return miss(c, i)
    put_x87(c, p, i.osz == 8)
    put_mxcsr(c, p)
    if c.s.cr4 & CR4_OSFXSR:    # else the system has not said that it saves them
        memcpy(p + AT_XMM, &c.s.xmm[0], 16 * xmm_count(c))
    return finish(c, i, a)


cdef Insn *fxrstor_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u64 at = ea(c, i)
    cdef u8 *p
    if (c.s.seg_base[i.seg] + at) & 15:
        return fault(c, i, EXC_GP, 0)
    p = rd_at(c, i.seg, at, LEGACY, a)
    if p == NULL:
        return miss(c, i)
    if (<u32 *>(p + AT_MXCSR))[0] & ~<u32>MXCSR_VALID:
        return fault(c, i, EXC_GP, 0)
    get_x87(c, p, i.osz == 8)
    if c.s.cr4 & CR4_OSFXSR:
        memcpy(&c.s.xmm[0], p + AT_XMM, 16 * xmm_count(c))
    mxcsr_load(c, (<u32 *>(p + AT_MXCSR))[0])
    return finish(c, i, <slow_t>0)


# ---- XSAVE, XRSTOR: cold, so by the returning accesses ----

cdef bint refused(CPU *c, Insn *i, u64 at) noexcept nogil:
    if not c.s.cr4 & CR4_OSXSAVE:
        raise_exc(c, EXC_UD, 0)
        return 1
    if c.s.cr0 & CR0_TS:
        raise_exc(c, EXC_NM, 0)
        return 1
    if (c.s.seg_base[i.seg] + at) & 63:
        raise_exc(c, EXC_GP, 0)
        return 1
    return 0


cdef inline u64 xcr0(CPU *c) noexcept nogil:
    return c.s.xcr0 | X87


cdef inline u64 requested(CPU *c) noexcept nogil:
    """RFBM, the requested-feature bitmap."""
    return (<u64><u32>c.s.gpr[RDX] << 32 | <u32>c.s.gpr[RAX]) & xcr0(c)


cdef bint xsave(CPU *c, Insn *i) noexcept nogil:
    cdef u64 at = ea(c, i), rfbm = requested(c), bv = 0
    cdef u8 image[512]
    cdef u32 seg = i.seg, n = 16 * xmm_count(c)
    if refused(c, i, at):
        return 0
    if (not mem_read(c, seg, (at + XSTATE_BV) & i.amask, &bv, 8)
            or not mem_probe_write(c, seg, (at + XSTATE_BV) & i.amask, 8)
            or rfbm and not mem_probe_write(c, seg, at, AT_XMM)
            or rfbm & SSE and not mem_probe_write(c, seg, (at + AT_XMM) & i.amask, n)):
        return 0
    if rfbm & X87:
        put_x87(c, image, i.osz == 8)
        mem_write(c, seg, at, image, AT_MXCSR)
        mem_write(c, seg, (at + AT_ST) & i.amask, image + AT_ST, AT_XMM - AT_ST)
    if rfbm & SSE:
        put_mxcsr(c, image)
        mem_write(c, seg, (at + AT_MXCSR) & i.amask, image + AT_MXCSR, 8)
        mem_write(c, seg, (at + AT_XMM) & i.amask, &c.s.xmm[0], n)
    bv = bv & ~rfbm | rfbm
    mem_write(c, seg, (at + XSTATE_BV) & i.amask, &bv, 8)
    return 1


cdef bint xrstor(CPU *c, Insn *i) noexcept nogil:
    cdef u64 at = ea(c, i), rfbm = requested(c)
    cdef u8 image[576]
    cdef u64 *header = <u64 *>(image + LEGACY)
    cdef u32 n = 16 * xmm_count(c), mxcsr
    if refused(c, i, at):
        return 0
    if (not mem_read(c, i.seg, (at + LEGACY) & i.amask, image + LEGACY, HEADER)
            or not mem_read(c, i.seg, at, image, LEGACY)):
        return 0
    mxcsr = (<u32 *>(image + AT_MXCSR))[0]
    if header[0] & ~xcr0(c) or header[1] or header[2] or rfbm & SSE and mxcsr & ~<u32>MXCSR_VALID:
        raise_exc(c, EXC_GP, 0)
        return 0
    if rfbm & X87:
        if header[0] & X87:
            get_x87(c, image, i.osz == 8)
        else:
            fpu_init(c)
            memset(c.s.fpu.st, 0, sizeof(c.s.fpu.st))
    if rfbm & SSE:
        if header[0] & SSE:
            memcpy(&c.s.xmm[0], image + AT_XMM, n)
        else:
            memset(&c.s.xmm[0], 0, n)
        mxcsr_load(c, mxcsr)
    return 1


cdef Insn *xsave_m(CPU *c, Insn *i) noexcept nogil:
    if not xsave(c, i):
        return unwind(c, i)
    return finish(c, i, <slow_t>0)


cdef Insn *xrstor_m(CPU *c, Insn *i) noexcept nogil:
    if not xrstor(c, i):
        return unwind(c, i)
    return finish(c, i, <slow_t>0)


# ---- XCR0 ----

cdef Insn *xgetbv(CPU *c, Insn *i) noexcept nogil:
    if not c.s.cr4 & CR4_OSXSAVE:
        return fault(c, i, EXC_UD, 0)
    if <u32>c.s.gpr[RCX]:
        return fault(c, i, EXC_GP, 0)
    c.s.gpr[RAX] = xcr0(c)
    c.s.gpr[RDX] = 0
    return next_insn(c, i)


cdef Insn *xsetbv(CPU *c, Insn *i) noexcept nogil:
    cdef u64 v = <u64><u32>c.s.gpr[RDX] << 32 | <u32>c.s.gpr[RAX]
    if not c.s.cr4 & CR4_OSXSAVE:
        return fault(c, i, EXC_UD, 0)
    if c.s.cpl or <u32>c.s.gpr[RCX] or v & ~<u64>SUPPORTED or not v & X87:
        return fault(c, i, EXC_GP, 0)
    c.s.xcr0 = v & ~<u64>X87
    return resume(c, i)


cdef int add(Registry r, str name, u32 size, handler_t h) except -1:
    return r.add(name, size, h, h)


cdef int register(Registry r) except -1:
    r.add("fxsave_m", 0, <handler_t>fxsave_m[fast_t], <handler_t>fxsave_m[slow_t])
    r.add("fxrstor_m", 0, <handler_t>fxrstor_m[fast_t], <handler_t>fxrstor_m[slow_t])
    add(r, "xsave_m", 0, <handler_t>xsave_m)
    add(r, "xrstor_m", 0, <handler_t>xrstor_m)
    add(r, "xgetbv", 0, <handler_t>xgetbv)
    add(r, "xsetbv", 0, <handler_t>xsetbv)
    return 0
