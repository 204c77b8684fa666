"""Handlers: control and debug registers, MSRs, time, caches, interrupt flag, HLT (SDM 3A 2.8 "System instructions").

Descriptor-table instructions are in interp/descriptor.pyx, port I/O in interp/io.pyx, transfers in interp/far.pyx.
"""
from emu_core_pyx.types cimport acc_t, fast_t, slow_t, u8, u16, u32, u64, uint_t
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.devices.lapic cimport LocalApic
from emu_core_pyx.cpu.bits cimport (
    CR0_EM, CR0_MP, CR0_PE, CR0_TS, CR4_DE, CR4_FSGSBASE, CR4_PCE, CR4_PCIDE, CR4_PVI, CR4_TSD, CR4_UMIP, CR4_VME, EXC_DB,
    EXC_GP, EXC_UD, F_AC, F_IF, F_IOPL, F_VIF, F_VIP, F_VM, FEAT_PSE, FEAT_TSC, FS, GS, INHIBIT_STI, RAX, RBX, RCX, RDX,
)
from emu_core_pyx.cpu.control cimport DR6_BD, DR7_GD, write_cr0, write_cr3, write_cr4, write_dr
from emu_core_pyx.cpu.cpuid cimport cpuid as query
from emu_core_pyx.cpu.msr cimport read_msr, write_msr
from emu_core_pyx.cpu.segment cimport mode_refresh
from emu_core_pyx.cpu.sysmem cimport canonical, code64, fail, lin_wrap
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.block.insn cimport MAX_INSNS, Insn, handler_t
from emu_core_pyx.interp cimport descriptor
from emu_core_pyx.interp.dispatch cimport fault, finish, icount_of, leave, miss, next_insn, sync, unwind
from emu_core_pyx.interp.ending cimport resume
from emu_core_pyx.mmu.access cimport ea, put, rd_at, wr_at
from emu_core_pyx.mmu.core cimport mmu_invlpg, mmu_invpcid, mmu_pick


cdef inline u64 tsc_now(CPU *c, Insn *i) noexcept nogil:
    """One tick a nanosecond of virtual time."""
    return (icount_of(c, i) << c.clock_shift) + <u64>c.s.skew_ns + c.s.tsc_offset


cdef inline void put_edx_eax(CPU *c, u64 v) noexcept nogil:
    c.s.gpr[RAX] = <u32>v
    c.s.gpr[RDX] = v >> 32


cdef inline u64 edx_eax(CPU *c) noexcept nogil:
    return <u64><u32>c.s.gpr[RAX] | <u64><u32>c.s.gpr[RDX] << 32


# ---------------------------------------------------------------- control registers

cdef inline bint has_cr4(CPU *c) noexcept nogil:
    return (c.feat & (FEAT_TSC | FEAT_PSE)) != 0


cdef inline bint is_cr(CPU *c, u32 n) noexcept nogil:
    return n == 0 or n == 2 or n == 3 or n == 4 and has_cr4(c)


cdef bint read_cr(CPU *c, u32 n, u64 *v) noexcept nogil:
    if c.s.cpl and is_cr(c, n):
        return fail(c, EXC_GP, 0)
    if n == 0:
        v[0] = c.s.cr0
    elif n == 2:
        v[0] = c.s.cr2
    elif n == 3:
        v[0] = c.s.cr3
    elif n == 8 and code64(c):
        if c.s.cpl:
            return fail(c, EXC_GP, 0)
        v[0] = (<LocalApic>c.apic).cr8() if c.apic != NULL else 0
    elif is_cr(c, n):
        v[0] = c.s.cr4
    else:
        return fail(c, EXC_UD, 0)
    return 1


cdef bint write_cr(CPU *c, u32 n, u64 v) noexcept nogil:
    if c.s.cpl and is_cr(c, n):
        return fail(c, EXC_GP, 0)
    if n == 0:
        return write_cr0(c, v)
    if n == 2:
        c.s.cr2 = v
        return 1
    if n == 3:
        return write_cr3(c, v)
    if n == 8 and code64(c):
        if c.s.cpl or v > 15:
            return fail(c, EXC_GP, 0)
        if c.apic != NULL:
            (<LocalApic>c.apic).set_cr8(v)
        return 1
    if is_cr(c, n):
        return write_cr4(c, v)
    return fail(c, EXC_UD, 0)


cdef Insn *copy_cr(CPU *c, Insn *i) noexcept nogil:
    cdef u64 v = 0
    if not read_cr(c, i.x, &v):
        return unwind(c, i)
    (<u64 *>(<u8 *>c + i.dst))[0] = v if i.osz == 8 else v & <u64>0xFFFFFFFF
    return next_insn(c, i)


cdef Insn *mov_rC(CPU *c, Insn *i) noexcept nogil:
    return copy_cr(c, i)


cdef Insn *mov_Cr(CPU *c, Insn *i) noexcept nogil:
    cdef u64 v = (<u64 *>(<u8 *>c + i.src))[0]
    if not write_cr(c, i.x, v if code64(c) else v & <u64>0xFFFFFFFF):
        return unwind(c, i)
    return resume(c, i)


cdef Insn *clts(CPU *c, Insn *i) noexcept nogil:
    if c.s.cpl:
        return fault(c, i, EXC_GP, 0)
    c.s.cr0 &= ~<u64>CR0_TS
    mode_refresh(c)
    return resume(c, i)


cdef Insn *load_msw(CPU *c, Insn *i, u64 v) noexcept nogil:
    """Sets or clears MP, EM, TS; sets PE but can not clear it."""
    cdef u64 mask = CR0_MP | CR0_EM | CR0_TS
    if c.s.cpl:
        return fault(c, i, EXC_GP, 0)
    if not write_cr0(c, c.s.cr0 & ~mask | v & (mask | CR0_PE)):
        return unwind(c, i)
    return resume(c, i)


cdef Insn *lmsw_r(CPU *c, Insn *i) noexcept nogil:
    return load_msw(c, i, (<u16 *>(<u8 *>c + i.dst))[0])


cdef Insn *lmsw_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p
    if c.s.cpl:
        return fault(c, i, EXC_GP, 0)
    p = rd_at(c, i.seg, ea(c, i), 2, a)
    if p == NULL:
        return miss(c, i)
    return load_msw(c, i, (<u16 *>p)[0])


cdef inline bint hidden(CPU *c) noexcept nogil:
    """CR4.UMIP keeps system addresses and selectors from user code."""
    return c.s.cr4 & CR4_UMIP != 0 and c.s.cpl != 0


cdef Insn *smsw_r(CPU *c, Insn *i, uint_t t) noexcept nogil:
    if hidden(c):
        return fault(c, i, EXC_GP, 0)
    put(c, i.dst, <uint_t>c.s.cr0)
    return next_insn(c, i)


cdef Insn *smsw_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    cdef u8 *p
    if hidden(c):
        return fault(c, i, EXC_GP, 0)
    p = wr_at(c, i.seg, ea(c, i), 2, a)
    if p == NULL:
        return miss(c, i)
    (<u16 *>p)[0] = <u16>c.s.cr0
    return finish(c, i, a)


# ---------------------------------------------------------------- debug registers

cdef bint check_dr(CPU *c, u32 *n) noexcept nogil:
    """Privilege, DR4/DR5 (aliases of 6 and 7 unless CR4.DE), general detect."""
    if c.s.cpl:
        return fail(c, EXC_GP, 0)
    if n[0] == 4 or n[0] == 5:
        if c.s.cr4 & CR4_DE:
            return fail(c, EXC_UD, 0)
        n[0] += 2
    elif n[0] > 7:
        return fail(c, EXC_UD, 0)
    if c.s.dr[7] & DR7_GD:
        c.exc_dr6 |= DR6_BD
        return fail(c, EXC_DB, 0)
    return 1


cdef Insn *mov_rD(CPU *c, Insn *i) noexcept nogil:
    cdef u32 n = i.x
    if not check_dr(c, &n):
        return unwind(c, i)
    (<u64 *>(<u8 *>c + i.dst))[0] = c.s.dr[n] if i.osz == 8 else c.s.dr[n] & <u64>0xFFFFFFFF
    return next_insn(c, i)


cdef Insn *mov_Dr(CPU *c, Insn *i) noexcept nogil:
    cdef u32 n = i.x
    cdef u64 v = (<u64 *>(<u8 *>c + i.src))[0]
    if not check_dr(c, &n):
        return unwind(c, i)
    if code64(c):
        if n >= 6 and v >> 32:
            return fault(c, i, EXC_GP, 0)
    else:
        v &= <u64>0xFFFFFFFF
    write_dr(c, n, v)
    return leave(c, i)      # the run loop looks at DR7


# ---------------------------------------------------------------- caches and TLB

cdef Insn *invlpg_m(CPU *c, Insn *i) noexcept nogil:
    cdef u64 lin = ea(c, i) + c.s.seg_base[i.seg]
    if c.s.cpl:
        return fault(c, i, EXC_GP, 0)
    lin = lin_wrap(c, lin)
    if canonical(lin):
        mmu_invlpg(c, lin)
    return resume(c, i)


cdef enum:  # INVPCID types
    INVPCID_ADDRESS = 0
    INVPCID_CONTEXT = 1
    INVPCID_ALL_GLOBAL = 2
    INVPCID_ALL = 3


cdef Insn *invpcid_rm(CPU *c, Insn *i, acc_t a) noexcept nogil:
    """Descriptor: PCID in bits 0-11, 52 reserved ones, the linear address."""
    cdef u64 type = (<u64 *>(<u8 *>c + i.dst))[0], pcid, lin
    cdef u64 *p
    if i.osz != 8:
        type = <u32>type
    if c.s.cpl:
        return fault(c, i, EXC_GP, 0)
    p = <u64 *>rd_at(c, i.seg, ea(c, i), 16, a)
    if p == NULL:
        return miss(c, i)
    pcid = p[0]
    lin = p[1]
    if type > INVPCID_ALL or pcid >> 12:
        return fault(c, i, EXC_GP, 0)
    if type == INVPCID_ADDRESS:
        if not canonical(lin) or pcid and not c.s.cr4 & CR4_PCIDE:
            return fault(c, i, EXC_GP, 0)
    elif type == INVPCID_CONTEXT and pcid and not c.s.cr4 & CR4_PCIDE:
        return fault(c, i, EXC_GP, 0)
    mmu_invpcid(c, <u32>type, <u32>pcid, lin)
    return resume(c, i)


cdef Insn *set_ac(CPU *c, Insn *i, u32 ac) noexcept nogil:
    """STAC and CLAC: for supervisor code."""
    if c.s.cpl or c.s.eflags & F_VM or not c.s.cr0 & CR0_PE:
        return fault(c, i, EXC_UD, 0)
    c.s.eflags = c.s.eflags & ~<u32>F_AC | ac
    mmu_pick(c)
    return next_insn(c, i)


cdef Insn *stac(CPU *c, Insn *i) noexcept nogil:
    return set_ac(c, i, F_AC)


cdef Insn *clac(CPU *c, Insn *i) noexcept nogil:
    return set_ac(c, i, 0)


# ---------------------------------------------------------------- FS and GS bases

cdef Insn *rdfsbase_r(CPU *c, Insn *i, uint_t t) noexcept nogil:
    if not c.s.cr4 & CR4_FSGSBASE:
        return fault(c, i, EXC_UD, 0)
    put(c, i.dst, <uint_t>c.s.seg_base[FS])
    return next_insn(c, i)


cdef Insn *rdgsbase_r(CPU *c, Insn *i, uint_t t) noexcept nogil:
    if not c.s.cr4 & CR4_FSGSBASE:
        return fault(c, i, EXC_UD, 0)
    put(c, i.dst, <uint_t>c.s.seg_base[GS])
    return next_insn(c, i)


cdef Insn *wrfsbase_r(CPU *c, Insn *i, uint_t t) noexcept nogil:
    cdef u64 v = (<uint_t *>(<u8 *>c + i.dst))[0]
    if not c.s.cr4 & CR4_FSGSBASE:
        return fault(c, i, EXC_UD, 0)
    if not canonical(v):
        return fault(c, i, EXC_GP, 0)
    c.s.seg_base[FS] = v
    return next_insn(c, i)


cdef Insn *wrgsbase_r(CPU *c, Insn *i, uint_t t) noexcept nogil:
    cdef u64 v = (<uint_t *>(<u8 *>c + i.dst))[0]
    if not c.s.cr4 & CR4_FSGSBASE:
        return fault(c, i, EXC_UD, 0)
    if not canonical(v):
        return fault(c, i, EXC_GP, 0)
    c.s.seg_base[GS] = v
    return next_insn(c, i)


# ---------------------------------------------------------------- what caches need

cdef Insn *privileged_nop(CPU *c, Insn *i) noexcept nogil:
    """INVD, WBINVD: there are no caches to speak of."""
    if c.s.cpl:
        return fault(c, i, EXC_GP, 0)
    return next_insn(c, i)


cdef Insn *clflush_m(CPU *c, Insn *i, acc_t a) noexcept nogil:
    if rd_at(c, i.seg, ea(c, i), 1, a) == NULL:
        return miss(c, i)
    return next_insn(c, i)


cdef Insn *fence(CPU *c, Insn *i) noexcept nogil:
    return next_insn(c, i)


# ---------------------------------------------------------------- MSRs, time, identification

cdef bint do_rdmsr(CPU *c, u64 tsc) noexcept nogil:
    cdef u64 v = 0
    if c.s.cpl:
        return fail(c, EXC_GP, 0)
    if not read_msr(c, <u32>c.s.gpr[RCX], tsc, &v):
        return 0
    put_edx_eax(c, v)
    return 1


cdef Insn *rdmsr(CPU *c, Insn *i) noexcept nogil:
    if not do_rdmsr(c, tsc_now(c, i)):
        return unwind(c, i)
    return next_insn(c, i)


cdef Insn *wrmsr(CPU *c, Insn *i) noexcept nogil:
    if c.s.cpl:
        return fault(c, i, EXC_GP, 0)
    sync(c, i)
    if not write_msr(c, <u32>c.s.gpr[RCX], tsc_now(c, i), edx_eax(c)):
        c.now_adj = 0
        return unwind(c, i)
    c.now_adj = 0
    return resume(c, i)


cdef Insn *rdtsc(CPU *c, Insn *i) noexcept nogil:
    if c.s.cr4 & CR4_TSD and c.s.cpl:
        return fault(c, i, EXC_GP, 0)
    put_edx_eax(c, tsc_now(c, i))
    return next_insn(c, i)


cdef Insn *rdtscp(CPU *c, Insn *i) noexcept nogil:
    if c.s.cr4 & CR4_TSD and c.s.cpl:
        return fault(c, i, EXC_GP, 0)
    put_edx_eax(c, tsc_now(c, i))
    c.s.gpr[RCX] = <u32>c.s.tsc_aux
    return next_insn(c, i)


cdef Insn *rdpid_r(CPU *c, Insn *i) noexcept nogil:
    (<u64 *>(<u8 *>c + i.dst))[0] = c.s.tsc_aux
    return next_insn(c, i)


cdef Insn *rdpmc(CPU *c, Insn *i) noexcept nogil:
    cdef u32 n = <u32>c.s.gpr[RCX]
    if c.s.cpl and not c.s.cr4 & CR4_PCE or n > 1:
        return fault(c, i, EXC_GP, 0)
    put_edx_eax(c, c.s.perf_ctr[n])
    return next_insn(c, i)


cdef void do_cpuid(CPU *c) noexcept nogil:
    cdef u32 out[4]
    query(c, <u32>c.s.gpr[RAX], <u32>c.s.gpr[RCX], out)
    c.s.gpr[RAX] = out[0]
    c.s.gpr[RBX] = out[1]
    c.s.gpr[RCX] = out[2]
    c.s.gpr[RDX] = out[3]


cdef Insn *cpuid(CPU *c, Insn *i) noexcept nogil:
    do_cpuid(c)
    return next_insn(c, i)


# ---------------------------------------------------------------- interrupt flag, HLT

cdef inline bint owns_if(CPU *c) noexcept nogil:
    """CPL <= IOPL, which in V86 mode means IOPL 3."""
    return c.s.cpl <= (c.s.eflags & F_IOPL) >> 12


cdef inline bint virtual_if(CPU *c) noexcept nogil:
    """CLI and STI act on VIF: V86 with VME, or ring 3 with PVI."""
    if c.s.eflags & F_VM:
        return (c.s.cr4 & CR4_VME) != 0
    return c.s.cpl == 3 and (c.s.cr4 & CR4_PVI) != 0


cdef Insn *cli(CPU *c, Insn *i) noexcept nogil:
    if owns_if(c):
        c.s.eflags &= ~<u32>F_IF
    elif virtual_if(c):
        c.s.eflags &= ~<u32>F_VIF
    else:
        return fault(c, i, EXC_GP, 0)
    return next_insn(c, i)


cdef Insn *sti(CPU *c, Insn *i) noexcept nogil:
    if owns_if(c):
        if not c.s.eflags & F_IF:
            c.s.eflags |= F_IF
            # the shadow only shows where the run loop could look before the next instruction
            if c.s.event or c.left < MAX_INSNS:
                c.s.inhibit = INHIBIT_STI
                return leave(c, i)
        return next_insn(c, i)
    if virtual_if(c) and not c.s.eflags & F_VIP:
        c.s.eflags |= F_VIF
        return next_insn(c, i)
    return fault(c, i, EXC_GP, 0)


cdef Insn *hlt(CPU *c, Insn *i) noexcept nogil:
    if c.s.cpl:
        return fault(c, i, EXC_GP, 0)
    c.s.halted = 1
    return leave(c, i)


cdef Insn *rsm(CPU *c, Insn *i) noexcept nogil:
    """System management mode does not exist yet."""
    return fault(c, i, EXC_UD, 0)


# ---------------------------------------------------------------- registration

cdef int any_size(Registry r, str name, handler_t fast, handler_t slow) except -1:
    for size in (0, 1, 2, 4, 8):
        r.add(name, size, fast, slow)
    return 0


cdef int register(Registry r) except -1:
    any_size(r, "mov_rC", <handler_t>mov_rC, <handler_t>mov_rC)
    any_size(r, "mov_Cr", <handler_t>mov_Cr, <handler_t>mov_Cr)
    any_size(r, "mov_rD", <handler_t>mov_rD, <handler_t>mov_rD)
    any_size(r, "mov_Dr", <handler_t>mov_Dr, <handler_t>mov_Dr)
    any_size(r, "clts", <handler_t>clts, <handler_t>clts)
    any_size(r, "lmsw_r", <handler_t>lmsw_r, <handler_t>lmsw_r)
    any_size(r, "lmsw_m", <handler_t>lmsw_m[fast_t], <handler_t>lmsw_m[slow_t])
    r.add("smsw_r", 2, <handler_t>smsw_r[u16], <handler_t>smsw_r[u16])
    r.add("smsw_r", 4, <handler_t>smsw_r[u32], <handler_t>smsw_r[u32])
    r.add("smsw_r", 8, <handler_t>smsw_r[u64], <handler_t>smsw_r[u64])
    any_size(r, "smsw_m", <handler_t>smsw_m[fast_t], <handler_t>smsw_m[slow_t])
    any_size(r, "invlpg_m", <handler_t>invlpg_m, <handler_t>invlpg_m)
    any_size(r, "invpcid_rm", <handler_t>invpcid_rm[fast_t], <handler_t>invpcid_rm[slow_t])
    any_size(r, "stac", <handler_t>stac, <handler_t>stac)
    any_size(r, "clac", <handler_t>clac, <handler_t>clac)
    r.add("rdfsbase_r", 4, <handler_t>rdfsbase_r[u32], <handler_t>rdfsbase_r[u32])
    r.add("rdfsbase_r", 8, <handler_t>rdfsbase_r[u64], <handler_t>rdfsbase_r[u64])
    r.add("rdgsbase_r", 4, <handler_t>rdgsbase_r[u32], <handler_t>rdgsbase_r[u32])
    r.add("rdgsbase_r", 8, <handler_t>rdgsbase_r[u64], <handler_t>rdgsbase_r[u64])
    r.add("wrfsbase_r", 4, <handler_t>wrfsbase_r[u32], <handler_t>wrfsbase_r[u32])
    r.add("wrfsbase_r", 8, <handler_t>wrfsbase_r[u64], <handler_t>wrfsbase_r[u64])
    r.add("wrgsbase_r", 4, <handler_t>wrgsbase_r[u32], <handler_t>wrgsbase_r[u32])
    r.add("wrgsbase_r", 8, <handler_t>wrgsbase_r[u64], <handler_t>wrgsbase_r[u64])
    any_size(r, "rdpid_r", <handler_t>rdpid_r, <handler_t>rdpid_r)
    any_size(r, "invd", <handler_t>privileged_nop, <handler_t>privileged_nop)
    any_size(r, "wbinvd", <handler_t>privileged_nop, <handler_t>privileged_nop)
    any_size(r, "clflush_m", <handler_t>clflush_m[fast_t], <handler_t>clflush_m[slow_t])
    any_size(r, "lfence", <handler_t>fence, <handler_t>fence)
    any_size(r, "mfence", <handler_t>fence, <handler_t>fence)
    any_size(r, "sfence", <handler_t>fence, <handler_t>fence)
    any_size(r, "rdmsr", <handler_t>rdmsr, <handler_t>rdmsr)
    any_size(r, "wrmsr", <handler_t>wrmsr, <handler_t>wrmsr)
    any_size(r, "rdtsc", <handler_t>rdtsc, <handler_t>rdtsc)
    any_size(r, "rdtscp", <handler_t>rdtscp, <handler_t>rdtscp)
    any_size(r, "rdpmc", <handler_t>rdpmc, <handler_t>rdpmc)
    any_size(r, "cpuid", <handler_t>cpuid, <handler_t>cpuid)
    any_size(r, "cli", <handler_t>cli, <handler_t>cli)
    any_size(r, "sti", <handler_t>sti, <handler_t>sti)
    any_size(r, "hlt", <handler_t>hlt, <handler_t>hlt)
    any_size(r, "rsm", <handler_t>rsm, <handler_t>rsm)
    descriptor.register(r)
    return 0
