"""The processor's input pins, as a device other devices' lines end in."""
from emu_core_pyx.types cimport u32
from emu_core_pyx.bus.device cimport Device, Line
from emu_core_pyx.cpu.state cimport CPU

cdef enum:
    PIN_INTR = 0
    PIN_NMI = 1         # edge
    PIN_INIT = 2        # edge
    PIN_RESET = 3       # edge: reset of the whole machine
    PIN_A20 = 4         # level: address line 20 enabled
    PIN_SMI = 5         # edge
    PIN_POWEROFF = 6    # edge
    PIN_EXIT = 7        # edge: isa-debug-exit; the code is read from the device by Python
    PIN_STOP = 8        # edge: a device wants the host's attention (output ring full)


cdef class CpuPins(Device):
    cdef CPU *cpu
    cdef public Line ferr       # output FERR#: an unmasked x87 exception with CR0.NE = 0
