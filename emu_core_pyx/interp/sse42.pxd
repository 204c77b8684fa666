"""SSE4.2: string comparison, PCMPGTQ, CRC32."""
from emu_core_pyx.decode.registry cimport Registry

cdef int register(Registry r) except -1
