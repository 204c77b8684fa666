"""CPU models and the CPUID instruction (SDM 2A "CPUID", AP-485).

A feature bit is set only when everything behind it is implemented.  Models carry the signatures QEMU gives the same
names; `max` is every 32-bit feature of this emulator.
"""
from libc.string cimport memset, strncpy
from emu_core_pyx.types cimport u32
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport (
    FEAT_APIC, FEAT_CLFSH, FEAT_CMOV, FEAT_CX8, FEAT_DE, FEAT_FPU, FEAT_FXSR, FEAT_MCA, FEAT_MCE, FEAT_MMX, FEAT_MSR,
    FEAT_MTRR, FEAT_NX, FEAT_PAE, FEAT_PAT, FEAT_PGE, FEAT_PSE, FEAT_PSE36, FEAT_SEP, FEAT_SSE, FEAT_SSE2, FEAT_TSC,
    FEAT_VME,
)

cdef enum:
    N_MODELS = 6
    APIC_ENABLE = 0x800     # IA32_APIC_BASE.EN
    LINEAR_BITS = 32
    PHYSICAL_BITS = 36

cdef Model MODELS[N_MODELS]

FEATURES = {
    "fpu": FEAT_FPU, "vme": FEAT_VME, "de": FEAT_DE, "pse": FEAT_PSE, "tsc": FEAT_TSC, "msr": FEAT_MSR, "pae": FEAT_PAE,
    "mce": FEAT_MCE, "cx8": FEAT_CX8, "apic": FEAT_APIC, "sep": FEAT_SEP, "mtrr": FEAT_MTRR, "pge": FEAT_PGE,
    "mca": FEAT_MCA, "cmov": FEAT_CMOV, "pat": FEAT_PAT, "pse36": FEAT_PSE36, "clflush": FEAT_CLFSH, "mmx": FEAT_MMX,
    "fxsr": FEAT_FXSR, "sse": FEAT_SSE, "sse2": FEAT_SSE2, "nx": FEAT_NX,
}

_486 = "fpu vme pse"
_PENTIUM = _486 + " de tsc msr mce cx8 apic mmx"
_PENTIUM2 = _PENTIUM + " pae sep mtrr pge mca cmov pat pse36 fxsr"
_PENTIUM3 = _PENTIUM2 + " sse"
_QEMU32 = "fpu de pse tsc msr pae mce cx8 apic sep pge cmov pat mmx fxsr sse sse2"

# name: family, model, stepping, basic leaves, extended leaves, brand, leaf 2 (EAX EBX ECX EDX), leaf 4, features
_TABLE = {
    "486": (4, 8, 0, 1, 0, "", None, False, _486),
    "pentium": (5, 4, 3, 1, 0, "", None, False, _PENTIUM),
    "pentium2": (6, 5, 2, 2, 0, "", (0x03020101, 0, 0, 0x0C040843), False, _PENTIUM2),
    "pentium3": (6, 7, 3, 3, 0, "", (0x03020101, 0, 0, 0x0C040843), False, _PENTIUM3),
    "qemu32": (6, 6, 3, 4, 0x80000004, "QEMU Virtual CPU version 2.5+", (1, 0, 0x4D, 0x2C307D), True, _QEMU32),
    "max": (6, 6, 3, 4, 0x80000008, "emu virtual x86 processor", (1, 0, 0x4D, 0x2C307D), True, " ".join(FEATURES)),
}


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
    cdef Model *m
    cdef int k
    for n, (name, row) in enumerate(_TABLE.items()):
        family, model, stepping, level, xlevel, brand, leaf2, leaf4, _features = row
        m = &MODELS[n]
        memset(m, 0, sizeof(Model))
        text = name.encode()
        strncpy(m.name, text, 15)
        strncpy(m.vendor, b"GenuineIntel", 13)
        text = brand.encode()
        strncpy(m.brand, text, 48)
        m.signature = family << 8 | model << 4 | stepping
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


cdef int set_model(CPU *c, str name) except -1:
    cdef Model *m = find_model(name)
    c.model = m
    c.feat = m.feat
    return 0


cdef u32 le32(const char *s) noexcept nogil:
    return <u32><unsigned char>s[0] | <u32><unsigned char>s[1] << 8 | <u32><unsigned char>s[2] << 16 \
        | <u32><unsigned char>s[3] << 24


cdef void leaf_1(CPU *c, const Model *m, u32 *out) noexcept nogil:
    cdef u32 edx = <u32>c.feat
    out[0] = m.signature
    if c.feat & FEAT_CLFSH:
        out[1] = 8 << 8     # 64-byte lines; initial APIC ID 0
    out[2] = m.feat_c
    if not c.s.apic_base & APIC_ENABLE:
        edx &= ~<u32>FEAT_APIC
    out[3] = edx


cdef void extended(CPU *c, const Model *m, u32 leaf, u32 *out) noexcept nogil:
    cdef u32 k
    if leaf == <u32>0x80000000:
        out[0] = m.xlevel
    elif leaf == <u32>0x80000001:
        out[3] = <u32>(c.feat >> 32)
    elif leaf <= <u32>0x80000004:
        for k in range(4):
            out[k] = le32(&m.brand[(leaf - <u32>0x80000002) * 16 + 4 * k])
    elif leaf == <u32>0x80000006:
        out[2] = 2048 << 16 | 6 << 12 | 64      # 2 MiB, eight-way
    elif leaf == <u32>0x80000008:
        out[0] = LINEAR_BITS << 8 | PHYSICAL_BITS


cdef void cpuid(CPU *c, u32 leaf, u32 sub, u32 *out) noexcept nogil:
    cdef const Model *m = <const Model *>c.model
    cdef u32 k
    out[0] = out[1] = out[2] = out[3] = 0
    if m == NULL:
        return
    if leaf >> 31 and leaf <= m.xlevel:
        extended(c, m, leaf, out)
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
    elif leaf == 4 and sub < m.n_caches:
        out[0] = m.leaf4[sub].a
        out[1] = m.leaf4[sub].b
        out[2] = m.leaf4[sub].c
        out[3] = m.leaf4[sub].d
