"""isa-debug-exit: a write ends the emulator with status (value << 1) | 1, as QEMU's device does.

Region 0: the ports (the board chooses base and size, QEMU's defaults 0x501 and 2).  Output: exit_out (pulse; read `code`).
"""
from emu_core_pyx.types cimport u32
from emu_core_pyx.bus.device cimport Device, Line
from emu_core_pyx.bus.visitor cimport Visitor


cdef class DebugExit(Device):
    """`code` is the exit status after `exit_out` was pulsed."""
    cdef readonly u32 code
    cdef readonly Line exit_out

    def __init__(self, str name="debugexit"):
        self.name = name
        self.exit_out = Line()

    cdef u32 io_read(self, u32 region, u32 off, u32 size) noexcept nogil:
        return <u32>0xFFFFFFFF

    cdef void io_write(self, u32 region, u32 off, u32 size, u32 value) noexcept nogil:
        if region:
            return
        self.code = value << 1 | 1
        self.exit_out.pulse()

    cdef void state(self, Visitor v):
        v.u32(b"code", &self.code)
