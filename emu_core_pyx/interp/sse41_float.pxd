"""SSE4.1 rounding and dot products."""
from emu_core_pyx.decode.registry cimport Registry

cdef int register(Registry r) except -1
