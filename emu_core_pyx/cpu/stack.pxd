"""Frames on a stack that need not be the current one: gates, far returns, IRET.

Values are u64 in ascending addresses (v[0] is where SP points after the push).  Nothing is committed here: the
caller stores Stack.sp with set_sp when nothing can fault any more.
"""
from emu_core_pyx.types cimport u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport RSP
from emu_core_pyx.cpu.segment cimport Descriptor

cdef struct Stack:
    u64 base
    u64 mask            # which bits of SP count
    u64 sp
    u32 limit
    u32 attr
    u32 real            # real or V86 mode: only the limit is checked
    u32 wide            # 64-bit mode: no limit
    u32 who             # AS_CPL, or AS_SYSTEM for an inner stack while the CPL is still 3

cdef void stack_current(CPU *c, Stack *st) noexcept nogil
# The stack a descriptor describes, at SP, to be used by level cpl; how a stack of that level is accessed from here.
cdef void stack_of(CPU *c, Stack *st, Descriptor *d, u64 sp, u32 cpl) noexcept nogil
cdef u32 stack_who(CPU *c, u32 cpl) noexcept nogil
# SS:SP of an inner level from the TSS, with all checks: #TS or #SS with EXT as given. 0 = fault noted.
cdef bint inner_stack(CPU *c, u32 level, u32 ext, Stack *st, u16 *sel, Descriptor *d) noexcept nogil
# Push or pop n values of `size` bytes; moves st.sp. 0 = #SS(err) or #PF noted.
cdef bint stack_put(CPU *c, Stack *st, const u64 *v, u32 n, u32 size, u32 err) noexcept nogil
cdef bint stack_get(CPU *c, Stack *st, u64 *v, u32 n, u32 size, u32 err) noexcept nogil


cdef inline void set_sp(CPU *c, u64 mask, u64 sp) noexcept nogil:
    """A 16-bit stack leaves the upper half of ESP alone."""
    if mask == 0xFFFF:
        c.s.gpr[RSP] = c.s.gpr[RSP] & ~<u64>0xFFFF | sp & 0xFFFF
    else:
        c.s.gpr[RSP] = sp & mask
