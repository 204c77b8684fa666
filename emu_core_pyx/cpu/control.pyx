"""Writes to CR0, CR3, CR4, EFER and the debug registers, with what each change entails; breakpoint matching.

Spec: SDM 3A 2.5 (control registers), 4.1 (paging modes), 9.8.5 (IA-32e mode), 17.2 (debug registers).
Not emulated: caching (CD and NW are only remembered), BTF and last-branch records.
"""
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport (
    CR0_AM, CR0_CD, CR0_EM, CR0_ET, CR0_MP, CR0_NE, CR0_NW, CR0_PE, CR0_PG_SHIFT, CR0_TS, CR0_WP, CR4_DE, CR4_MCE,
    CR4_FSGSBASE, CR4_OSFXSR, CR4_OSXMMEXCPT, CR4_OSXSAVE, CR4_PAE, CR4_PCE, CR4_PCIDE, CR4_PGE, CR4_PSE, CR4_PVI, CR4_SMAP,
    CR4_SMEP, CR4_TSD, CR4_UMIP, CR4_VME, CS, EFER_LMA, EFER_LME, EFER_NXE, EFER_SCE, EV_BREAK, EXC_GP, FEAT_DE,
    FEAT_FSGSBASE, FEAT_FXSR, FEAT_LM, FEAT_MCE, FEAT_MMX, FEAT_NX, FEAT_PAE, FEAT_PCID, FEAT_PGE, FEAT_PSE, FEAT_SMAP,
    FEAT_SMEP, FEAT_SSE, FEAT_SYSCALL, FEAT_TSC, FEAT_UMIP, FEAT_VME, FEAT_XSAVE, SEG_L, TR,
)
from emu_core_pyx.cpu.segment cimport mode_refresh, set_cpl
from emu_core_pyx.cpu.sysmem cimport code64, fail, long_mode
from emu_core_pyx.mmu.core cimport load_pdptes, mmu_cr3_kept, mmu_cr3_loaded, mmu_flush_all

cdef enum:
    BREAK_EXEC = 0      # DR7.R/Wn
    BREAK_WRITE = 1
    BREAK_IO = 2
    BREAK_ACCESS = 3


cdef inline bint paging(u64 cr0) noexcept nogil:
    return cr0 >> CR0_PG_SHIFT & 1


cdef bint write_cr0(CPU *c, u64 v) noexcept nogil:
    cdef u64 pg = <u64>1 << CR0_PG_SHIFT
    cdef u64 defined = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | pg
    cdef u64 old = c.s.cr0, changed
    if v >> 32:
        return fail(c, EXC_GP, 0)
    v = v & defined | CR0_ET
    changed = v ^ old
    if v & pg and not v & CR0_PE or v & CR0_NW and not v & CR0_CD:
        return fail(c, EXC_GP, 0)
    if changed & pg:
        if v & pg:
            if c.s.efer & EFER_LME:
                if not c.s.cr4 & CR4_PAE or c.s.seg_attr[CS] & SEG_L or not c.s.seg_attr[TR] & 8:
                    return fail(c, EXC_GP, 0)
            elif c.s.cr4 & CR4_PAE and not load_pdptes(c, c.s.cr3):
                return fail(c, EXC_GP, 0)
        elif code64(c) or c.s.cr4 & CR4_PCIDE:
            return fail(c, EXC_GP, 0)
    c.s.cr0 = v
    if changed & pg:
        if v & pg and c.s.efer & EFER_LME:
            c.s.efer |= EFER_LMA
        elif not v & pg:
            c.s.efer &= ~<u64>EFER_LMA
    if changed & CR0_PE and not v & CR0_PE:
        set_cpl(c, 0)
    mode_refresh(c)     # looks at PE, LMA and AM: segments follow
    if changed & pg or changed & CR0_WP and v & pg:     # PE alone changes no translation: it cannot change under paging
        mmu_flush_all(c)
    return 1


cdef bint write_cr3(CPU *c, u64 v) noexcept nogil:
    cdef bint keep = 0
    if long_mode(c):
        if c.s.cr4 & CR4_PCIDE:
            keep = v >> 63
            v &= ~(<u64>1 << 63)
        if v >> 40:         # MAXPHYADDR
            return fail(c, EXC_GP, 0)
    elif paging(c.s.cr0) and c.s.cr4 & CR4_PAE and not load_pdptes(c, v & <u64>0xFFFFFFFF):
        return fail(c, EXC_GP, 0)
    c.s.cr3 = v
    if keep:
        mmu_cr3_kept(c)
    else:
        mmu_cr3_loaded(c)
    return 1


cdef u64 cr4_defined(u64 feat) noexcept nogil:
    cdef u64 m = 0
    if feat & FEAT_VME:
        m |= CR4_VME | CR4_PVI
    if feat & FEAT_TSC:
        m |= CR4_TSD
    if feat & FEAT_DE:
        m |= CR4_DE
    if feat & FEAT_PSE:
        m |= CR4_PSE
    if feat & FEAT_PAE:
        m |= CR4_PAE
    if feat & FEAT_MCE:
        m |= CR4_MCE
    if feat & FEAT_PGE:
        m |= CR4_PGE
    if feat & (FEAT_MMX | FEAT_PAE):    # RDPMC came with these
        m |= CR4_PCE
    if feat & FEAT_FXSR:
        m |= CR4_OSFXSR
    if feat & FEAT_SSE:
        m |= CR4_OSXMMEXCPT
    if feat & FEAT_UMIP:
        m |= CR4_UMIP
    if feat & FEAT_FSGSBASE:
        m |= CR4_FSGSBASE
    if feat & FEAT_PCID:
        m |= CR4_PCIDE
    if feat & FEAT_SMEP:
        m |= CR4_SMEP
    if feat & FEAT_SMAP:
        m |= CR4_SMAP
    if feat & FEAT_XSAVE:
        m |= CR4_OSXSAVE
    return m


cdef bint write_cr4(CPU *c, u64 v) noexcept nogil:
    cdef u64 changed = v ^ c.s.cr4
    if v & ~cr4_defined(c.feat):
        return fail(c, EXC_GP, 0)
    if long_mode(c) and not v & CR4_PAE:
        return fail(c, EXC_GP, 0)
    if changed & CR4_PCIDE and v & CR4_PCIDE and (not long_mode(c) or c.s.cr3 & 0xFFF):
        return fail(c, EXC_GP, 0)
    if changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP) and v & CR4_PAE and paging(c.s.cr0) and not long_mode(c):
        if not load_pdptes(c, c.s.cr3):
            return fail(c, EXC_GP, 0)
    c.s.cr4 = v
    if changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP | CR4_SMAP | CR4_PCIDE):
        mmu_flush_all(c)
    if changed & CR4_OSFXSR:
        mode_refresh(c)
    return 1


cdef bint write_efer(CPU *c, u64 v) noexcept nogil:
    cdef u64 defined = 0, changed
    if c.feat & FEAT_NX:
        defined |= EFER_NXE
    if c.feat & FEAT_LM:
        defined |= EFER_LME | EFER_SCE
    if c.feat & FEAT_SYSCALL:
        defined |= EFER_SCE
    if v & ~(defined | EFER_LMA):
        return fail(c, EXC_GP, 0)
    v = v & ~<u64>EFER_LMA | c.s.efer & EFER_LMA
    changed = v ^ c.s.efer
    if changed & EFER_LME and paging(c.s.cr0):
        return fail(c, EXC_GP, 0)
    c.s.efer = v
    if changed & EFER_NXE:
        mmu_flush_all(c)
    return 1


cdef void write_dr(CPU *c, u32 n, u64 v) noexcept nogil:
    cdef u64 old = c.s.dr[n]
    if n == 6:
        v = v & 0xE00F | <u64>0xFFFF0FF0
    elif n == 7:
        v = v & <u64>0xFFFF2FFF & ~<u64>0x800 | 0x400
    elif not long_mode(c):
        v &= <u64>0xFFFFFFFF
    c.s.dr[n] = v
    # TLB entries of watched pages are withheld from the fast path
    if v != old and (n == 7 and (v | old) & 0xFF or n < 4 and c.s.dr[7] >> (2 * n) & 3):
        mmu_flush_all(c)


cdef inline u64 length_of(CPU *c, u32 n) noexcept nogil:
    cdef u32 len = <u32>(c.s.dr[7] >> (18 + 4 * n)) & 3
    return 8 if len == 2 else len + 1


cdef bint code_breakpoint(CPU *c, u64 lin) noexcept nogil:
    cdef u32 n
    cdef u64 hits = 0
    cdef bint armed = 0
    for n in range(4):
        if c.s.dr[7] >> (16 + 4 * n) & 3 == BREAK_EXEC and c.s.dr[n] == lin:
            hits |= <u64>1 << n
            armed |= (c.s.dr[7] >> (2 * n) & 3) != 0
    if armed:           # with an enabled one, DR6 also names those that match and are not enabled
        c.exc_dr6 |= hits
    return armed


cdef bint match(CPU *c, u64 at, u32 n, u32 kinds) noexcept nogil:
    """Breakpoints of these R/W kinds (a bit mask) that overlap at..at+n-1."""
    cdef u32 k
    cdef u64 hits = 0, len, start
    cdef bint armed = 0
    for k in range(4):
        if kinds >> (c.s.dr[7] >> (16 + 4 * k) & 3) & 1:
            len = length_of(c, k)
            start = c.s.dr[k] & ~(len - 1)
            if start < at + n and at < start + len:
                hits |= <u64>1 << k
                armed |= (c.s.dr[7] >> (2 * k) & 3) != 0
    if armed:
        c.exc_dr6 |= hits
        c.s.event |= EV_BREAK
    return armed


cdef bint data_breakpoint(CPU *c, u64 lin, u32 n, bint write) noexcept nogil:
    if not c.s.dr[7] & 0xFF:
        return 0
    return match(c, lin, n, 1 << BREAK_ACCESS | (1 << BREAK_WRITE if write else 0))


cdef bint io_breakpoint(CPU *c, u32 port, u32 n) noexcept nogil:
    if not c.s.dr[7] & 0xFF or not c.s.cr4 & CR4_DE:
        return 0
    return match(c, port, n, 1 << BREAK_IO)


cdef bint page_watched(CPU *c, u64 page) noexcept nogil:
    cdef u32 k, kind
    cdef u64 start
    if not c.s.dr[7] & 0xFF:
        return 0
    for k in range(4):
        kind = <u32>(c.s.dr[7] >> (16 + 4 * k)) & 3
        if c.s.dr[7] >> (2 * k) & 3 and (kind == BREAK_WRITE or kind == BREAK_ACCESS):
            start = c.s.dr[k] & ~(length_of(c, k) - 1)
            if start >> 12 == page >> 12:
                return 1
    return 0
