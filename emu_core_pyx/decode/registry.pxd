"""Handlers by name and size; see README.md for the naming rule."""
from emu_core_pyx.types cimport u16, u32
from emu_core_pyx.block.insn cimport HandlerRow, handler_t


cdef class Registry:
    cdef HandlerRow rows[6000]
    cdef u32 n
    cdef dict index             # (name, size) -> row
    cdef list names             # keeps the bytes alive
    cdef int add(self, str name, u32 size, handler_t fast, handler_t slow) except -1
    cdef int find(self, str name, u32 size)     # row or -1
