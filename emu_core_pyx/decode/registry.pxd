"""Handlers by name and size; see README.md for the naming rule."""
from emu_core_pyx.types cimport u16, u32
from emu_core_pyx.block.insn cimport HandlerRow, handler_t

cdef enum:
    MAX_ROWS = 6000
    PAIR_SLOTS = 16384

cdef struct Pair:               # first row, second row (0, 0: empty) and the handler that does both
    u16 first
    u16 second
    handler_t run


cdef class Registry:
    cdef HandlerRow rows[MAX_ROWS]
    cdef u32 n
    cdef dict index             # (name, size) -> row
    cdef list names             # keeps the bytes alive
    cdef int add(self, str name, u32 size, handler_t fast, handler_t slow) except -1
    cdef int find(self, str name, u32 size)     # row or -1
    # Fused pairs (block/fuse.pyx): both rows must be registered; an unknown name is an error.
    cdef Pair pairs[PAIR_SLOTS]
    cdef u32 n_pairs
    cdef int add_pair(self, str first, u32 size1, str second, u32 size2, handler_t run) except -1
    cdef handler_t pair_of(self, u16 first, u16 second) noexcept nogil
