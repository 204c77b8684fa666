"""CPU models and the CPUID instruction (SDM 2A "CPUID", AP-485).

A feature bit is set only when everything behind it is implemented.  Models carry the signatures QEMU gives the same
names; `max` is every feature there is, but "hypervisor", which only says that the machine is virtual.
emu/cpu.py reads `-cpu NAME,+x,-y`.
"""
from libc.string cimport memset, strncpy
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport (
    CR4_OSXSAVE, FEAT_ADX, FEAT_AES, FEAT_APIC, FEAT_ARCH_CAP, FEAT_BMI1, FEAT_BMI2, FEAT_CLFSH, FEAT_CMOV, FEAT_CX16,
    FEAT_CX8, FEAT_DE, FEAT_FPU, FEAT_FSGSBASE, FEAT_FXSR, FEAT_HYPERVISOR,
    FEAT_INVPCID, FEAT_LAHF_LM, FEAT_LM, FEAT_LZCNT, FEAT_MCA,
    FEAT_MCE, FEAT_MMX, FEAT_MOVBE, FEAT_MSR, FEAT_MTRR, FEAT_NX, FEAT_PAE, FEAT_PAT, FEAT_PCID, FEAT_PCLMULQDQ,
    FEAT_PDPE1GB, FEAT_PGE, FEAT_POPCNT, FEAT_PSE, FEAT_PSE36, FEAT_RDRAND, FEAT_RDSEED, FEAT_RDTSCP, FEAT_SEP,
    FEAT_SHA, FEAT_SMAP, FEAT_SMEP, FEAT_SSE, FEAT_SSE2, FEAT_SSE3, FEAT_SSE4_1, FEAT_SSE4_2, FEAT_SSSE3, FEAT_SYSCALL,
    FEAT_TSC, FEAT_TSC_DEADLINE, FEAT_UMIP, FEAT_VME, FEAT_XSAVE,
)
from emu_core_pyx.cpu.sysmem cimport code64

cdef enum:
    N_MODELS = 8
    APIC_ENABLE = 0x800     # IA32_APIC_BASE.EN
    OSXSAVE = 0x8000000         # leaf 1 ECX: CR4.OSXSAVE
    FDP_EXCPTN_ONLY = 0x40      # leaf 7 EBX: what the x87 does on every model, see cpu/fpu.pxd
    NO_FCS_FDS = 0x2000
    HYPERVISOR_LEAF = 0x40000000
    XSAVE_BYTES = 576           # legacy region and header
    AMD_COMMON = 0x0183F3FF     # leaf 1 EDX bits AMD repeats in leaf 8000_0001 EDX

cdef enum:  # feature words beside leaf 1 EDX, which is the low half of `feat`
    W_1_ECX = 0
    W_7_EBX = 1
    W_7_ECX = 2
    W_7_EDX = 3
    W_X1_ECX = 4
    W_X1_EDX = 5

cdef Model MODELS[N_MODELS]

# number of a feature's bit in `feat`, and where CPUID shows it: word, bit
_PLACES = (
    (32, W_1_ECX, 0), (33, W_1_ECX, 1), (34, W_1_ECX, 3), (35, W_1_ECX, 9), (36, W_1_ECX, 13), (37, W_1_ECX, 17),
    (38, W_1_ECX, 19), (39, W_1_ECX, 20), (40, W_1_ECX, 22), (41, W_1_ECX, 23), (30, W_1_ECX, 24), (42, W_1_ECX, 25),
    (44, W_1_ECX, 26), (45, W_1_ECX, 30), (31, W_1_ECX, 31),
    (46, W_7_EBX, 0), (54, W_7_EBX, 3), (62, W_7_EBX, 7), (55, W_7_EBX, 8), (50, W_7_EBX, 10), (49, W_7_EBX, 18),
    (51, W_7_EBX, 19), (47, W_7_EBX, 20), (48, W_7_EBX, 29),
    (60, W_7_ECX, 2), (56, W_7_ECX, 22), (63, W_7_EDX, 29),
    (57, W_X1_ECX, 0), (53, W_X1_ECX, 5),
    (43, W_X1_EDX, 11), (52, W_X1_EDX, 20), (58, W_X1_EDX, 26), (59, W_X1_EDX, 27), (61, W_X1_EDX, 29),
)

cdef struct Place:
    u8 feat
    u8 word
    u8 bit

cdef Place PLACES[64]
cdef u32 n_places = 0

FEATURES = {
    "fpu": FEAT_FPU, "vme": FEAT_VME, "de": FEAT_DE, "pse": FEAT_PSE, "tsc": FEAT_TSC, "msr": FEAT_MSR, "pae": FEAT_PAE,
    "mce": FEAT_MCE, "cx8": FEAT_CX8, "apic": FEAT_APIC, "sep": FEAT_SEP, "mtrr": FEAT_MTRR, "pge": FEAT_PGE,
    "mca": FEAT_MCA, "cmov": FEAT_CMOV, "pat": FEAT_PAT, "pse36": FEAT_PSE36, "clflush": FEAT_CLFSH, "mmx": FEAT_MMX,
    "fxsr": FEAT_FXSR, "sse": FEAT_SSE, "sse2": FEAT_SSE2, "nx": FEAT_NX,
    "lm": FEAT_LM, "syscall": FEAT_SYSCALL, "rdtscp": FEAT_RDTSCP, "pdpe1gb": FEAT_PDPE1GB, "lahf_lm": FEAT_LAHF_LM,
    "cx16": FEAT_CX16, "popcnt": FEAT_POPCNT, "abm": FEAT_LZCNT, "pcid": FEAT_PCID, "invpcid": FEAT_INVPCID,
    "fsgsbase": FEAT_FSGSBASE, "smep": FEAT_SMEP, "smap": FEAT_SMAP, "umip": FEAT_UMIP,
    "tsc-deadline": FEAT_TSC_DEADLINE, "arch-capabilities": FEAT_ARCH_CAP,
    "sse3": FEAT_SSE3, "ssse3": FEAT_SSSE3, "sse4.1": FEAT_SSE4_1, "sse4.2": FEAT_SSE4_2, "movbe": FEAT_MOVBE,
    "aes": FEAT_AES, "pclmulqdq": FEAT_PCLMULQDQ, "sha-ni": FEAT_SHA, "xsave": FEAT_XSAVE, "rdrand": FEAT_RDRAND,
    "rdseed": FEAT_RDSEED, "bmi1": FEAT_BMI1, "bmi2": FEAT_BMI2, "adx": FEAT_ADX, "hypervisor": FEAT_HYPERVISOR,
}

_486 = "fpu vme pse"
_PENTIUM = _486 + " de tsc msr mce cx8 apic mmx"
_PENTIUM2 = _PENTIUM + " pae sep mtrr pge mca cmov pat pse36 fxsr"
_PENTIUM3 = _PENTIUM2 + " sse"
_QEMU32 = "fpu de pse tsc msr pae mce cx8 apic sep pge cmov pat mmx fxsr sse sse2"
_SSE4 = " sse3 ssse3 sse4.1 sse4.2 popcnt"
_LATER = _SSE4 + " abm movbe aes pclmulqdq sha-ni xsave rdrand rdseed bmi1 bmi2 adx"
_LONG = _QEMU32 + " mtrr mca pse36 clflush lm syscall nx lahf_lm cx16 sse3"
_QEMU64 = _LONG + " hypervisor"
_V2 = _LONG + " vme rdtscp" + _SSE4
_MAX = _V2 + _LATER + " pdpe1gb pcid invpcid fsgsbase smep smap umip tsc-deadline arch-capabilities"

# name: family, model, stepping, basic leaves, extended leaves, brand, leaf 2 (EAX EBX ECX EDX), leaf 4, features
_TABLE = {
    "486": (4, 8, 0, 1, 0, "", None, False, _486),
    "pentium": (5, 4, 3, 1, 0, "", None, False, _PENTIUM),
    "pentium2": (6, 5, 2, 2, 0, "", (0x03020101, 0, 0, 0x0C040843), False, _PENTIUM2),
    "pentium3": (6, 7, 3, 3, 0, "", (0x03020101, 0, 0, 0x0C040843), False, _PENTIUM3),
    "qemu32": (6, 6, 3, 4, 0x80000004, "QEMU Virtual CPU version 2.5+", (1, 0, 0x4D, 0x2C307D), True, _QEMU32),
    "qemu64": (15, 107, 1, 13, 0x80000008, "QEMU Virtual CPU version 2.5+", (1, 0, 0x4D, 0x2C307D), True, _QEMU64),
    "x86-64-v2": (6, 6, 3, 13, 0x80000008, "emu virtual x86-64-v2 processor", (1, 0, 0x4D, 0x2C307D), True, _V2),
    "max": (6, 6, 3, 13, 0x80000008, "emu virtual x86-64 processor", (1, 0, 0x4D, 0x2C307D), True, _MAX),
}
_AMD = {"qemu64"}


class Model_:
    """What a model is, for Python: `feat` is the mask the core works with."""

    def __init__(self, name, family, model, stepping, level, xlevel, brand, features):
        self.name = name
        self.family = family
        self.model = model
        self.stepping = stepping
        self.level = level
        self.xlevel = xlevel
        self.brand = brand
        self.features = tuple(features.split())
        self.feat = 0
        for f in self.features:
            self.feat |= FEATURES[f]

    def __repr__(self):
        return f"<cpu model {self.name}: family {self.family} model {self.model} stepping {self.stepping}>"


def models():
    """All models by name: dict of objects with name, family, model, stepping, level, features, feat."""
    return {n: Model_(n, *row[:6], row[8]) for n, row in _TABLE.items()}


cdef u32 cache_type(u32 level, u32 kind) noexcept:
    return kind | level << 5 | 1 << 8


cdef void fill_caches(Model *m) noexcept:
    """32 KiB + 32 KiB eight-way level 1 and 2 MiB eight-way level 2, 64-byte lines, in leaf 4's encoding."""
    cdef u32 ways = 7 << 22 | 63
    m.leaf4[0].a = cache_type(1, 1)
    m.leaf4[0].c = 63
    m.leaf4[1].a = cache_type(1, 2)
    m.leaf4[1].c = 63
    m.leaf4[2].a = cache_type(2, 3)
    m.leaf4[2].c = 4095
    for k in range(3):
        m.leaf4[k].b = ways
    m.leaf4[0].d = m.leaf4[1].d = m.leaf4[2].d = 0
    m.n_caches = 3


def _fill():
    """_TABLE into MODELS, once at import."""
    global n_places
    cdef Model *m
    cdef int k
    for feat, word, bit in _PLACES:
        PLACES[n_places] = Place(feat, word, bit)
        n_places += 1
    for n, (name, row) in enumerate(_TABLE.items()):
        family, model, stepping, level, xlevel, brand, leaf2, leaf4, _features = row
        m = &MODELS[n]
        memset(m, 0, sizeof(Model))
        text = name.encode()
        strncpy(m.name, text, 15)
        strncpy(m.vendor, b"AuthenticAMD" if name in _AMD else b"GenuineIntel", 13)
        text = brand.encode()
        strncpy(m.brand, text, 48)
        m.signature = (model >> 4) << 16 | family << 8 | (model & 15) << 4 | stepping
        m.level = level
        m.xlevel = xlevel
        m.feat = models()[name].feat
        if leaf2 is not None:
            for k in range(4):
                m.leaf2[k] = leaf2[k]
        if leaf4:
            fill_caches(m)


_fill()


cdef Model *find_model(str name) except NULL:
    for n, known in enumerate(_TABLE):
        if known == name:
            return &MODELS[<int>n]
    raise ValueError(f"unknown cpu model {name!r}; known: {', '.join(_TABLE)}")


cdef int set_model(CPU *c, str name, feat=None) except -1:
    cdef Model *m = find_model(name)
    c.model = m
    c.feat = m.feat if feat is None else <u64>feat
    return 0


cdef u32 le32(const char *s) noexcept nogil:
    return <u32><unsigned char>s[0] | <u32><unsigned char>s[1] << 8 | <u32><unsigned char>s[2] << 16 \
        | <u32><unsigned char>s[3] << 24


cdef u32 word_of(CPU *c, u32 word) noexcept nogil:
    """The feature bits CPUID shows in one register."""
    cdef u32 k, v = 0
    for k in range(n_places):
        if PLACES[k].word == word and c.feat >> PLACES[k].feat & 1:
            v |= <u32>1 << PLACES[k].bit
    return v


cdef void leaf_1(CPU *c, const Model *m, u32 *out) noexcept nogil:
    cdef u32 edx = <u32>c.feat & 0x3FFFFFFF     # bits 30 and 31 stand for features of other words
    out[0] = m.signature
    if c.feat & FEAT_CLFSH:
        out[1] = 8 << 8     # 64-byte lines; initial APIC ID 0
    out[2] = word_of(c, W_1_ECX) | (OSXSAVE if c.feat & FEAT_XSAVE and c.s.cr4 & CR4_OSXSAVE else 0)
    if not c.s.apic_base & APIC_ENABLE:
        edx &= ~<u32>FEAT_APIC
    out[3] = edx


cdef void extended(CPU *c, const Model *m, u32 leaf, u32 *out) noexcept nogil:
    cdef u32 k
    if leaf == <u32>0x80000000:
        out[0] = m.xlevel
    elif leaf == <u32>0x80000001:
        out[2] = word_of(c, W_X1_ECX)
        out[3] = word_of(c, W_X1_EDX)
        if m.vendor[0] == c'A':
            out[3] |= <u32>c.feat & AMD_COMMON
        elif not code64(c):
            out[3] &= ~<u32>0x800       # Intel's SYSCALL is for 64-bit code, and so is the bit
    elif leaf <= <u32>0x80000004:
        for k in range(4):
            out[k] = le32(&m.brand[(leaf - <u32>0x80000002) * 16 + 4 * k])
    elif leaf == <u32>0x80000006:
        out[2] = 2048 << 16 | 6 << 12 | 64      # 2 MiB, eight-way
    elif leaf == <u32>0x80000007:
        if c.feat & FEAT_LM:
            out[3] = 0x100      # the TSC is invariant
    elif leaf == <u32>0x80000008:
        out[0] = 48 << 8 | 40 if c.feat & FEAT_LM else 32 << 8 | 36


cdef void cpuid(CPU *c, u32 leaf, u32 sub, u32 *out) noexcept nogil:
    cdef const Model *m = <const Model *>c.model
    cdef u32 k
    out[0] = out[1] = out[2] = out[3] = 0
    if m == NULL:
        return
    if leaf >> 31 and leaf <= m.xlevel:
        extended(c, m, leaf, out)
        return
    if leaf == HYPERVISOR_LEAF and c.feat & FEAT_HYPERVISOR:
        out[0] = leaf
        out[1] = out[2] = out[3] = le32(b"EMU ")
        return
    if leaf > m.level:      # Intel: data of the highest basic leaf
        leaf = m.level
    if leaf == 0:
        out[0] = m.level
        out[1] = le32(&m.vendor[0])
        out[3] = le32(&m.vendor[4])
        out[2] = le32(&m.vendor[8])
    elif leaf == 1:
        leaf_1(c, m, out)
    elif leaf == 2:
        for k in range(4):
            out[k] = m.leaf2[k]
    elif leaf == 13 and sub == 0 and c.feat & FEAT_XSAVE:
        out[0] = 3              # x87 and SSE; no XSAVEOPT, XSAVEC, XSAVES
        out[1] = out[2] = XSAVE_BYTES
    elif leaf == 4 and sub < m.n_caches:
        out[0] = m.leaf4[sub].a
        out[1] = m.leaf4[sub].b
        out[2] = m.leaf4[sub].c
        out[3] = m.leaf4[sub].d
    elif leaf == 7 and sub == 0:
        out[1] = word_of(c, W_7_EBX) | FDP_EXCPTN_ONLY | NO_FCS_FDS
        out[2] = word_of(c, W_7_ECX)
        out[3] = word_of(c, W_7_EDX)
