"""Moves and shuffles of MMX registers, EMMS."""
from emu_core_pyx.decode.registry cimport Registry

cdef int register(Registry r) except -1
