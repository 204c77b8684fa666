"""The NE2000's network controller, for the ISA card and the PCI card around it."""
from emu_core_pyx.types cimport u8, u32
from emu_core_pyx.bus.device cimport Device, Line
from emu_core_pyx.bus.netport cimport NetPort

cdef enum:
    RAM_FIRST = 0x4000
    RAM_END = 0x8000


cdef class Dp8390(Device):
    cdef readonly NetPort port
    cdef readonly Line irq
    cdef u8 mem[0x8000]             # PROM in the first bytes, RAM from RAM_FIRST on
    cdef u8 mac[6]                  # of the PROM
    cdef u8 cr
    cdef u8 isr
    cdef u8 imr
    cdef u8 rcr
    cdef u8 tcr
    cdef u8 dcr
    cdef u8 tsr
    cdef u8 rsr
    cdef u8 pstart
    cdef u8 pstop
    cdef readonly u8 bnry
    cdef readonly u8 curr
    cdef u8 tpsr
    cdef u8 par[6]
    cdef u8 mar[8]
    cdef u8 tally[3]
    cdef u32 tbcr
    cdef u32 rsar
    cdef u32 rbcr
    cdef u8 page_read(self, u32 off) noexcept nogil
    cdef void page_write(self, u32 off, u8 v) noexcept nogil
    cdef u32 data_read(self, u32 size) noexcept nogil
    cdef void data_write(self, u32 size, u32 v) noexcept nogil
    cdef void step(self, u32 n) noexcept nogil
    cdef void command(self, u8 v) noexcept nogil
    cdef void transmit(self) noexcept nogil
    cdef void missed(self, u8 why) noexcept nogil
    cdef bint take(self, const u8 *frame, u32 n) noexcept nogil
    cdef bint wanted(self, const u8 *frame) noexcept nogil
    cdef void reset_chip(self) noexcept nogil
    cdef void update(self) noexcept nogil
