"""The contract between a device and the machine.

A device is one `cdef class` in devices/<part>.pyx.  It knows register OFFSETS and LINES, never
addresses, peers or the CPU.  Everything the guest can reach runs without the GIL: the methods below
are `noexcept nogil` and touch C fields only (use C arrays, not lists; fixed-size rings for data).

    attach    the board sets `clock`, connects output lines, maps regions (boards.py: one line)
    reset     power-on/reset values; idempotent
    state     visits EVERY field that matters after power-on, for save and load alike
    io_*      port access by region and offset, size 1, 2 or 4
    mmio_*    memory access by region and offset, size 1, 2, 4 or 8
    on_timer  a deadline armed with clock.arm has come; `now` is exactly that deadline or later
    on_line   an input pin changed

Unknown offsets read as all ones and ignore writes (open bus).
"""
from emu_core_pyx.types cimport i64, u8, u16, u32, u64
from emu_core_pyx.bus.clock cimport Clock
from emu_core_pyx.bus.visitor cimport Visitor


cdef class Device:
    cdef public str name        # unique in the machine: "pit", "com1"
    cdef Clock clock
    cdef void *_lines           # unused by devices; see Line
    cdef u32 io_read(self, u32 region, u32 off, u32 size) noexcept nogil
    cdef void io_write(self, u32 region, u32 off, u32 size, u32 value) noexcept nogil
    cdef u64 mmio_read(self, u32 region, u64 off, u32 size) noexcept nogil
    cdef void mmio_write(self, u32 region, u64 off, u32 size, u64 value) noexcept nogil
    cdef void on_timer(self, u32 timer, u64 now) noexcept nogil
    cdef void on_line(self, u32 pin, u32 level) noexcept nogil
    cpdef void reset(self)
    cdef void state(self, Visitor v)


cdef class Line:
    """A wire from an output of one device to input pin `pin` of another (level 0 or 1).

    An unconnected line swallows what is driven on it.  Driving the level it has does nothing.
    Several outputs sharing one input (PCI interrupts) are joined by devices, not here.
    """
    cdef Device sink
    cdef u32 pin
    cdef u32 level
    cdef void set(self, u32 level) noexcept nogil
    cdef void pulse(self) noexcept nogil     # 1 then 0
    cdef void drive(self, u32 level) noexcept nogil  # tells the sink even if the level stays
