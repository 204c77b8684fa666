"""PS/2 mouse; see ps2_mouse.pyx."""
from emu_core_pyx.types cimport i32, u8, u32, u64
from emu_core_pyx.devices.ps2 cimport Ps2Device


cdef class Ps2Mouse(Ps2Device):
    cdef u8 enabled             # data reporting
    cdef u8 remote
    cdef u8 wrap
    cdef u8 scaling21
    cdef u8 resolution          # counts per mm as power of two
    cdef u8 rate                # samples a second
    cdef u8 expect
    cdef u8 id                  # 0 standard, 3 IntelliMouse, 4 Explorer
    cdef u8 knock               # progress of the rate sequence 200,(100|200),80
    cdef u8 held                # buttons: 0 left, 1 right, 2 middle, 3 and 4 side
    cdef u8 sent
    cdef u8 bat
    cdef i32 dx
    cdef i32 dy                 # up is positive
    cdef i32 dz                 # wheel, towards the user is positive
    cdef u32 slot
    cdef void defaults(self) noexcept nogil
    cdef void packet(self) noexcept nogil
    cdef bint moved(self) noexcept nogil
    cdef void report(self) noexcept nogil
    cdef void argument(self, u8 cmd, u8 v) noexcept nogil
