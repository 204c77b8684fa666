"""SIMD floating-point exceptions that the guest has unmasked."""
from emu_core_pyx.types cimport u32
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.interp.simd cimport V, ones

cdef enum:  # how an operation can overflow or underflow
    NEVER = 0           # comparisons, conversions to integers, SQRT, MIN, MAX
    SINGLE = 1          # the result is single precision; double if the bit is clear
    SCALAR = 2          # only the low element counts
    ADD = 4
    SUB = 8
    MUL = 12
    DIV = 16
    NARROW = 20         # double to single
    KIND = 28

ctypedef V (*lane_t)(V x, V y, void *tag) noexcept nogil

# An operation f was done with exceptions unmasked: x, y -> r. 1: one was raised, MXCSR is updated, c.exc noted,
# r must not be stored.  `how` is NEVER or a sum of the above.
cdef bint simd_trap(CPU *c, V x, V y, V r, lane_t f, u32 how) noexcept nogil


cdef inline bint simple_trap(CPU *c) noexcept nogil:
    """The same of an operation that neither overflows nor underflows: the host's flags say all."""
    return simd_trap(c, ones(), ones(), ones(), NULL, NEVER)
