"""Model-specific registers: the architectural ones of a P6 and what systems probe for (SDM vol. 4, ch. 2).

Performance counters can be programmed and stand still; machine-check banks never report; unknown numbers raise #GP.
"""
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.devices.lapic cimport LocalApic
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport (
    EXC_GP, FEAT_APIC, FEAT_ARCH_CAP, FEAT_LM, FEAT_MCA, FEAT_MTRR, FEAT_NX, FEAT_PAE, FEAT_PAT, FEAT_RDTSCP, FEAT_SEP,
    FEAT_SYSCALL, FEAT_TSC, FEAT_TSC_DEADLINE, FS, GS,
)
from emu_core_pyx.cpu.control cimport write_efer
from emu_core_pyx.cpu.cpuid cimport Model
from emu_core_pyx.cpu.segment cimport seg_refresh
from emu_core_pyx.cpu.sysmem cimport canonical, code64, fail

cdef enum:
    MSR_P5_MC_ADDR = 0x0
    MSR_P5_MC_TYPE = 0x1
    IA32_TSC = 0x10
    IA32_PLATFORM_ID = 0x17
    IA32_APIC_BASE = 0x1B
    MSR_EBL_CR_POWERON = 0x2A
    IA32_BIOS_UPDT_TRIG = 0x79
    IA32_BIOS_SIGN_ID = 0x8B
    MSR_PERFCTR0 = 0xC1
    IA32_MTRRCAP = 0xFE
    MSR_BBL_CR_CTL = 0x119
    MSR_BBL_CR_CTL3 = 0x11E
    IA32_SYSENTER_CS = 0x174
    IA32_SYSENTER_ESP = 0x175
    IA32_SYSENTER_EIP = 0x176
    IA32_MCG_CAP = 0x179
    IA32_MCG_STATUS = 0x17A
    IA32_MCG_CTL = 0x17B
    MSR_EVNTSEL0 = 0x186
    IA32_MISC_ENABLE = 0x1A0
    IA32_DEBUGCTL = 0x1D9
    MSR_LASTBRANCHFROMIP = 0x1DB
    MSR_LASTINTTOIP = 0x1DE
    IA32_MTRR_PHYSBASE0 = 0x200
    IA32_MTRR_PHYSMASK7 = 0x20F
    IA32_MTRR_FIX64K = 0x250
    IA32_MTRR_FIX16K_0 = 0x258
    IA32_MTRR_FIX4K_0 = 0x268
    IA32_PAT = 0x277
    IA32_MTRR_DEF_TYPE = 0x2FF
    IA32_MC0_CTL = 0x400
    IA32_TSC_DEADLINE = 0x6E0
    IA32_ARCH_CAPABILITIES = 0x10A
    MCG_CAP = 0x104         # four banks, MCG_CTL present
    MTRRCAP = 0x508         # eight variable ranges, fixed ranges, write-combining

cdef enum:  # IA32_ARCH_CAPABILITIES: an interpreter does not speculate
    ARCH_CAP = 0x1 | 0x8 | 0x10 | 0x20 | 0x40 | 0x100 | 0xE000 | 0x100000 | 0x1000000 | 0xC000000


cdef inline u64 phys_mask(CPU *c) noexcept nogil:
    return ((<u64>1 << 40) if c.feat & FEAT_LM else (<u64>1 << 36)) - 1


cdef inline bint amd(CPU *c) noexcept nogil:
    return c.model != NULL and (<const Model *>c.model).vendor[0] == c'A'


cdef extern from *:
    """
    #define EMU_MSR_EFER 0xC0000080u
    #define EMU_MSR_STAR 0xC0000081u
    #define EMU_MSR_LSTAR 0xC0000082u
    #define EMU_MSR_CSTAR 0xC0000083u
    #define EMU_MSR_FMASK 0xC0000084u
    #define EMU_MSR_FS_BASE 0xC0000100u
    #define EMU_MSR_GS_BASE 0xC0000101u
    #define EMU_MSR_KERNEL_GS_BASE 0xC0000102u
    #define EMU_MSR_TSC_AUX 0xC0000103u
    #define EMU_MSR_AMD 0xC0010000u
    """
    const u32 IA32_EFER "EMU_MSR_EFER"
    const u32 IA32_STAR "EMU_MSR_STAR"
    const u32 IA32_LSTAR "EMU_MSR_LSTAR"
    const u32 IA32_CSTAR "EMU_MSR_CSTAR"
    const u32 IA32_FMASK "EMU_MSR_FMASK"
    const u32 IA32_FS_BASE "EMU_MSR_FS_BASE"
    const u32 IA32_GS_BASE "EMU_MSR_GS_BASE"
    const u32 IA32_KERNEL_GS_BASE "EMU_MSR_KERNEL_GS_BASE"
    const u32 IA32_TSC_AUX "EMU_MSR_TSC_AUX"
    const u32 MSR_AMD "EMU_MSR_AMD"


cdef u64 *plain(CPU *c, u32 n) noexcept nogil:
    """Registers that are read and written without a thought, or NULL."""
    if c.feat & FEAT_SEP and n == IA32_SYSENTER_CS:
        return &c.s.sysenter_cs
    if c.feat & FEAT_PAE:       # P6 family
        if n == MSR_EBL_CR_POWERON:
            return &c.s.ebl_cr_poweron
        if n == MSR_BBL_CR_CTL3:
            return &c.s.bbl_cr_ctl3
        if n == IA32_MISC_ENABLE:
            return &c.s.misc_enable
        if n == IA32_DEBUGCTL:
            return &c.s.debugctl
        if n == MSR_EVNTSEL0 or n == MSR_EVNTSEL0 + 1:
            return &c.s.perf_sel[n - MSR_EVNTSEL0]
        if n == MSR_PERFCTR0 or n == MSR_PERFCTR0 + 1:
            return &c.s.perf_ctr[n - MSR_PERFCTR0]
    if c.feat & (FEAT_LM | FEAT_SYSCALL):
        if n == IA32_STAR:
            return &c.s.star
    if c.feat & FEAT_LM and n == IA32_FMASK:
        return &c.s.sfmask
    return NULL


cdef u64 *address(CPU *c, u32 n) noexcept nogil:
    """Registers that take addresses, canonical ones where there is long mode."""
    if c.feat & FEAT_SEP:
        if n == IA32_SYSENTER_ESP:
            return &c.s.sysenter_esp
        if n == IA32_SYSENTER_EIP:
            return &c.s.sysenter_eip
    if not c.feat & FEAT_LM:
        return NULL
    if n == IA32_LSTAR:
        return &c.s.lstar
    if n == IA32_CSTAR:
        return &c.s.cstar
    if n == IA32_FS_BASE:
        return &c.s.seg_base[FS]
    if n == IA32_GS_BASE:
        return &c.s.seg_base[GS]
    if n == IA32_KERNEL_GS_BASE:
        return &c.s.kernel_gs_base
    return NULL


cdef u64 *mtrr_fixed(CPU *c, u32 n) noexcept nogil:
    if n == IA32_MTRR_FIX64K:
        return &c.s.mtrr_fix[0]
    if n == IA32_MTRR_FIX16K_0 or n == IA32_MTRR_FIX16K_0 + 1:
        return &c.s.mtrr_fix[1 + n - IA32_MTRR_FIX16K_0]
    if IA32_MTRR_FIX4K_0 <= n < IA32_MTRR_FIX4K_0 + 8:
        return &c.s.mtrr_fix[3 + n - IA32_MTRR_FIX4K_0]
    return NULL


cdef bint memory_types(u64 v, u32 valid) noexcept nogil:
    """Whether all eight bytes are memory types of the set `valid`."""
    cdef u32 k, t
    for k in range(8):
        t = <u32>(v >> (8 * k)) & 0xFF
        if t > 7 or not valid >> t & 1:
            return 0
    return 1


cdef bint read_msr(CPU *c, u32 n, u64 tsc, u64 *v) noexcept nogil:
    cdef u64 *p = plain(c, n)
    if p == NULL:
        p = address(c, n)
    if p == NULL and c.feat & FEAT_MTRR:
        p = mtrr_fixed(c, n)
        if IA32_MTRR_PHYSBASE0 <= n <= IA32_MTRR_PHYSMASK7:
            p = &c.s.mtrr_phys[n - IA32_MTRR_PHYSBASE0]
        elif n == IA32_MTRR_DEF_TYPE:
            p = &c.s.mtrr_cap_def
    if p != NULL:
        v[0] = p[0]
        return 1
    v[0] = 0
    if n == IA32_TSC and c.feat & FEAT_TSC:
        v[0] = tsc
    elif n == MSR_P5_MC_ADDR or n == MSR_P5_MC_TYPE:
        pass
    elif n == IA32_APIC_BASE and c.feat & FEAT_APIC:
        v[0] = c.s.apic_base
    elif n == IA32_EFER and c.feat & (FEAT_NX | FEAT_LM | FEAT_SYSCALL):
        v[0] = c.s.efer
    elif n == IA32_PAT and c.feat & FEAT_PAT:
        v[0] = c.s.pat
    elif n == IA32_MTRRCAP and c.feat & FEAT_MTRR:
        v[0] = MTRRCAP
    elif n == IA32_BIOS_SIGN_ID and c.feat & FEAT_PAE:
        v[0] = c.s.bios_sign
    elif c.feat & FEAT_PAE and (n == IA32_PLATFORM_ID or n == MSR_BBL_CR_CTL
                                or MSR_LASTBRANCHFROMIP <= n <= MSR_LASTINTTOIP):
        pass
    elif n == IA32_TSC_AUX and c.feat & FEAT_RDTSCP:
        v[0] = c.s.tsc_aux
    elif n == IA32_ARCH_CAPABILITIES and c.feat & FEAT_ARCH_CAP:
        v[0] = ARCH_CAP
    elif n == IA32_TSC_DEADLINE and c.feat & FEAT_TSC_DEADLINE and c.apic != NULL:
        v[0] = (<LocalApic>c.apic).read_tsc_deadline()
    elif n >> 16 == MSR_AMD >> 16 and amd(c):
        pass        # AMD's configuration registers: all defaults
    elif c.feat & FEAT_MCA and n == IA32_MCG_CAP:
        v[0] = MCG_CAP
    elif c.feat & FEAT_MCA and n == IA32_MCG_STATUS:
        v[0] = c.s.mcg_status
    elif c.feat & FEAT_MCA and n == IA32_MCG_CTL:
        v[0] = c.s.mcg_ctl
    elif c.feat & FEAT_MCA and IA32_MC0_CTL <= n < IA32_MC0_CTL + 16:
        v[0] = c.s.mc_bank[n - IA32_MC0_CTL]
    else:
        return fail(c, EXC_GP, 0)
    return 1


cdef bint write_mtrr(CPU *c, u32 n, u64 v) noexcept nogil:
    """0 without a noted fault: not an MTRR or not a valid value."""
    cdef u64 *p = mtrr_fixed(c, n)
    if p != NULL:
        if not memory_types(v, 0x73):
            return 0
        p[0] = v
    elif n == IA32_MTRR_DEF_TYPE:
        if v & ~<u64>0xCFF or (v & 0xFF) > 6 or not 0x73 >> (v & 0xFF) & 1:
            return 0
        c.s.mtrr_cap_def = v
    elif IA32_MTRR_PHYSBASE0 <= n <= IA32_MTRR_PHYSMASK7:
        if v & ~phys_mask(c):
            return 0
        if n & 1:
            if v & 0x7FF:
                return 0
        elif v & 0xF00 or (v & 0xFF) > 6 or not 0x73 >> (v & 0xFF) & 1:
            return 0
        c.s.mtrr_phys[n - IA32_MTRR_PHYSBASE0] = v
    else:
        return 0
    return 1


cdef bint write_mca(CPU *c, u32 n, u64 v) noexcept nogil:
    if n == IA32_MCG_STATUS:
        c.s.mcg_status = v & 7
    elif n == IA32_MCG_CTL:
        c.s.mcg_ctl = v
    elif IA32_MC0_CTL <= n < IA32_MC0_CTL + 16:
        if n & 3 and v:         # STATUS, ADDR and MISC can only be cleared
            return 0
        c.s.mc_bank[n - IA32_MC0_CTL] = v
    else:
        return 0
    return 1


cdef bint write_msr(CPU *c, u32 n, u64 tsc, u64 v) noexcept nogil:
    cdef u64 *p = plain(c, n)
    if p != NULL:
        if n == MSR_PERFCTR0 or n == MSR_PERFCTR0 + 1:
            v = <u64><long long><int><u32>v & ((<u64>1 << 40) - 1)
        p[0] = v
        return 1
    p = address(c, n)
    if p != NULL:
        if not canonical(v) and c.feat & FEAT_LM:
            return fail(c, EXC_GP, 0)
        p[0] = v
        if (n == IA32_FS_BASE or n == IA32_GS_BASE) and not code64(c):
            seg_refresh(c, FS if n == IA32_FS_BASE else GS)
        return 1
    if n == IA32_EFER and c.feat & (FEAT_NX | FEAT_LM | FEAT_SYSCALL):
        return write_efer(c, v)
    if n == IA32_TSC and c.feat & FEAT_TSC:
        c.s.tsc_offset += v - tsc
    elif n == IA32_APIC_BASE and c.feat & FEAT_APIC:
        if v & ~(phys_mask(c) & ~<u64>0x6FF):
            return fail(c, EXC_GP, 0)
        c.s.apic_base = v & ~<u64>0x100 | c.s.apic_base & 0x100     # BSP is read-only
        if c.apic != NULL:
            (<LocalApic>c.apic).base_changed()
    elif n == IA32_PAT and c.feat & FEAT_PAT:
        if not memory_types(v, 0xF3):
            return fail(c, EXC_GP, 0)
        c.s.pat = v
    elif n == IA32_TSC_AUX and c.feat & FEAT_RDTSCP:
        if v >> 32:
            return fail(c, EXC_GP, 0)
        c.s.tsc_aux = v
    elif n == IA32_TSC_DEADLINE and c.feat & FEAT_TSC_DEADLINE and c.apic != NULL:
        (<LocalApic>c.apic).write_tsc_deadline(v)
    elif n >> 16 == MSR_AMD >> 16 and amd(c):
        pass
    elif n == IA32_BIOS_SIGN_ID and c.feat & FEAT_PAE:
        pass        # software clears it before CPUID; the revision comes back at once
    elif n == IA32_BIOS_UPDT_TRIG and c.feat & FEAT_PAE:
        pass
    elif c.feat & FEAT_PAE and n == MSR_BBL_CR_CTL:
        pass
    elif n == MSR_P5_MC_ADDR or n == MSR_P5_MC_TYPE:
        pass
    elif c.feat & FEAT_MTRR and write_mtrr(c, n, v):
        pass
    elif c.feat & FEAT_MCA and write_mca(c, n, v):
        pass
    else:
        return fail(c, EXC_GP, 0)
    return 1
