"""BMI1, BMI2, ADX, RDRAND, RDSEED."""
from emu_core_pyx.decode.registry cimport Registry

cdef int register(Registry r) except -1
