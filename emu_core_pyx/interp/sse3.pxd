"""SSE3: moves, horizontal and alternating arithmetic."""
from emu_core_pyx.decode.registry cimport Registry

cdef int register(Registry r) except -1
