"""FXSAVE, FXRSTOR and the XSAVE feature set."""
from emu_core_pyx.decode.registry cimport Registry

cdef int register(Registry r) except -1
