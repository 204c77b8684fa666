"""The returning slow path of memory access; see access.pxd for the contract.

Segment checks (limit, type, null, canonical), alignment check, translation, then either a plain
host pointer or c.bounce.  On a fault: NULL with c.exc, c.exc_error (and c.exc_cr2 for #PF) set,
nothing changed.  slow_commit writes the bounce back (MMIO, both pages, code-page
invalidation) and does nothing where no write is owed.
"""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU

cdef u8 *slow_read(CPU *c, u32 seg, u64 off, u32 n) noexcept nogil
cdef u8 *slow_write(CPU *c, u32 seg, u64 off, u32 n) noexcept nogil
cdef u8 *slow_rmw(CPU *c, u32 seg, u64 off, u32 n) noexcept nogil
cdef void slow_commit(CPU *c) noexcept nogil

# Returning accesses for cold code; 1 = done, 0 = fault noted in c.exc (no unwinding done).
cdef bint mem_read(CPU *c, u32 seg, u64 off, void *dst, u32 n) noexcept nogil
cdef bint mem_write(CPU *c, u32 seg, u64 off, const void *src, u32 n) noexcept nogil
# checks that a later mem_write of these bytes cannot fault
cdef bint mem_probe_write(CPU *c, u32 seg, u64 off, u32 n) noexcept nogil

# Linear addresses, no segment checks.
cdef enum:
    AS_SYSTEM = 0       # a system structure: supervisor rights whatever the CPL, and EFLAGS.AC lifts nothing
    AS_CPL = 1          # as any other access of the running code

cdef bint lin_read(CPU *c, u64 lin, void *dst, u32 n, u32 who) noexcept nogil
cdef bint lin_write(CPU *c, u64 lin, const void *src, u32 n, u32 who) noexcept nogil
cdef bint lin_probe_write(CPU *c, u64 lin, u32 n, u32 who) noexcept nogil
# Bytes of an instruction at CPL's rights to fetch.
cdef bint lin_fetch(CPU *c, u64 lin, void *dst, u32 n) noexcept nogil
