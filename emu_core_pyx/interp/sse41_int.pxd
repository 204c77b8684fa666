"""SSE4.1 on integers, blends, inserts and extracts."""
from emu_core_pyx.decode.registry cimport Registry

cdef int register(Registry r) except -1
