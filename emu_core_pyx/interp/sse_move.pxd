"""Moves, shuffles, inserts and MXCSR of SSE and SSE2."""
from emu_core_pyx.decode.registry cimport Registry

cdef int register(Registry r) except -1
