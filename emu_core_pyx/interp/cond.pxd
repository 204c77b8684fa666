"""The sixteen conditions of Jcc, SETcc and CMOVcc (SDM 1, appendix B) as tags, evaluated on the lazy flags."""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.flags cimport get_cf, get_of, get_pf, get_sf, get_zf

cdef struct TagO:
    u8 _
cdef struct TagNo:
    u8 _
cdef struct TagB:
    u8 _
cdef struct TagAe:
    u8 _
cdef struct TagZ:
    u8 _
cdef struct TagNz:
    u8 _
cdef struct TagBe:
    u8 _
cdef struct TagA:
    u8 _
cdef struct TagS:
    u8 _
cdef struct TagNs:
    u8 _
cdef struct TagP:
    u8 _
cdef struct TagNp:
    u8 _
cdef struct TagL:
    u8 _
cdef struct TagGe:
    u8 _
cdef struct TagLe:
    u8 _
cdef struct TagG:
    u8 _
ctypedef TagO *o_t
ctypedef TagNo *no_t
ctypedef TagB *b_t
ctypedef TagAe *ae_t
ctypedef TagZ *z_t
ctypedef TagNz *nz_t
ctypedef TagBe *be_t
ctypedef TagA *a_t
ctypedef TagS *s_t
ctypedef TagNs *ns_t
ctypedef TagP *p_t
ctypedef TagNp *np_t
ctypedef TagL *l_t
ctypedef TagGe *ge_t
ctypedef TagLe *le_t
ctypedef TagG *g_t

ctypedef fused cc_t:
    o_t
    no_t
    b_t
    ae_t
    z_t
    nz_t
    be_t
    a_t
    s_t
    ns_t
    p_t
    np_t
    l_t
    ge_t
    le_t
    g_t


cdef inline bint less(CPU *c) noexcept nogil:
    """SF != OF"""
    return (<u32>(<u64>c.s.cc_res >> 63) ^ c.s.cc_aux ^ (c.s.cc_aux >> 31) ^ (c.s.cc_aux >> 30)) & 1


cdef inline bint cond(CPU *c, cc_t k) noexcept nogil:
    if cc_t is o_t:
        return get_of(c)
    elif cc_t is no_t:
        return not get_of(c)
    elif cc_t is b_t:
        return get_cf(c)
    elif cc_t is ae_t:
        return not get_cf(c)
    elif cc_t is z_t:
        return get_zf(c)
    elif cc_t is nz_t:
        return not get_zf(c)
    elif cc_t is be_t:
        return get_cf(c) | get_zf(c)
    elif cc_t is a_t:
        return not (get_cf(c) | get_zf(c))
    elif cc_t is s_t:
        return get_sf(c)
    elif cc_t is ns_t:
        return not get_sf(c)
    elif cc_t is p_t:
        return get_pf(c)
    elif cc_t is np_t:
        return not get_pf(c)
    elif cc_t is l_t:
        return less(c)
    elif cc_t is ge_t:
        return not less(c)
    elif cc_t is le_t:
        return less(c) | get_zf(c)
    else:
        return not (less(c) | get_zf(c))
