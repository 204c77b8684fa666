"""FSIN, FCOS, FSINCOS, FPTAN, FPATAN, F2XM1, FYL2X, FYL2XP1 in integers, the same on every host.

Values are carried with 128-bit significands (relative error below 2**-118) and rounded once, so results
are correctly rounded but for about one operand in 2**50.  Trigonometric arguments are reduced exactly by the
66-bit pi of Intel's processors (SDM vol. 1, 8.3.8).  C1 and PE follow the rounding.
"""
from emu_core_pyx.types cimport u32
from emu_core_pyx.cpu.state cimport F80
from emu_core_pyx.cpu.softfloat cimport Fx

# *c2 = SW_C2 when |a| >= 2**63: nothing was computed
cdef void x_sincos(Fx *f, F80 a, F80 *sin, F80 *cos, u32 *c2) noexcept nogil
cdef F80 x_tan(Fx *f, F80 a, u32 *c2) noexcept nogil
cdef F80 x_2xm1(Fx *f, F80 a) noexcept nogil
# a = ST(0), b = ST(1)
cdef F80 x_yl2x(Fx *f, F80 a, F80 b) noexcept nogil
cdef F80 x_yl2xp1(Fx *f, F80 a, F80 b) noexcept nogil
cdef F80 x_patan(Fx *f, F80 a, F80 b) noexcept nogil
