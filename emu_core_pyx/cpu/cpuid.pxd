"""CPU models: what `-cpu NAME` means and what CPUID answers."""
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.cpu.state cimport CPU

cdef struct CacheLeaf:      # leaf 4
    u32 a
    u32 b
    u32 c
    u32 d

cdef struct Model:
    char name[16]
    char vendor[13]
    char brand[49]
    u32 signature       # leaf 1 EAX; EDX after reset
    u32 level           # highest basic leaf
    u32 xlevel          # highest extended leaf, or 0
    u64 feat            # FEAT_*
    u32 feat_c          # leaf 1 ECX
    u32 leaf2[4]
    CacheLeaf leaf4[3]
    u32 n_caches

# CPUID with these EAX and ECX, in the present state of the processor.
cdef void cpuid(CPU *c, u32 leaf, u32 sub, u32 *out) noexcept nogil
cdef Model *find_model(str name) except NULL
# Make this the processor's model: c.model and c.feat (the model's own, unless given); takes effect fully with cpu_reset.
cdef int set_model(CPU *c, str name, object feat=*) except -1
