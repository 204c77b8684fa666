"""AES-NI and PCLMULQDQ."""
from emu_core_pyx.decode.registry cimport Registry

cdef int register(Registry r) except -1
