"""A 64-word serial EEPROM on three wires."""
from emu_core_pyx.types cimport u8, u16, u32
from emu_core_pyx.bus.visitor cimport Visitor


cdef class Eeprom93C46:
    cdef u16 words[64]
    cdef u32 selected
    cdef u32 clock_level
    cdef u32 bits           # shifted in since the start bit
    cdef u32 count
    cdef u32 out            # being shifted out
    cdef u32 out_count
    cdef u32 writable
    cdef u32 data_out
    cdef void pins(self, u32 cs, u32 sk, u32 di) noexcept nogil
    cdef void done(self) noexcept nogil
    cdef void state(self, Visitor v)
