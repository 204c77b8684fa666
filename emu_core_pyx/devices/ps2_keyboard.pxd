"""PS/2 keyboard; see ps2_keyboard.pyx."""
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.devices.ps2 cimport Ps2Device


cdef class Ps2Keyboard(Ps2Device):
    cdef u8 scan_set            # 1, 2, 3
    cdef u8 enabled             # scanning
    cdef readonly u8 leds       # 0 scroll, 1 num, 2 caps
    cdef u8 typematic           # F3 argument
    cdef u8 expect              # command waiting for its argument, 0 none
    cdef u8 key_mode[256]       # set 3: MODE_* by scan code
    cdef u8 bat                 # self test running
    cdef u16 repeat             # key held, 0 none
    cdef u16 keys[1024]         # pressed and released keys not yet sent; bit 15 = release
    cdef u32 keys_first
    cdef u32 keys_count
    cdef u8 mods                # shift, ctrl and alt held (for Pause and PrintScreen)
    cdef u32 slot               # self test
    cdef u32 repeat_slot
    cdef bint emit(self, u16 key) noexcept nogil
    cdef void post(self, u16 key) noexcept nogil
    cdef void defaults(self) noexcept nogil
    cdef void argument(self, u8 cmd, u8 v) noexcept nogil
    cdef void arm_repeat(self, u64 ns) noexcept nogil
    cdef void modifier(self, u32 code, bint up) noexcept nogil
    cdef void emit_code(self, u32 code, bint ext, bint up) noexcept nogil
    cdef u64 repeat_ns(self) noexcept nogil
    cdef u8 mode_of(self, u8 k) noexcept nogil
    cdef u8 set3_code(self, u32 key) noexcept nogil
