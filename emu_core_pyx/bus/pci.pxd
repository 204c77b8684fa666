"""PCI: configuration space, base address registers and INTx lines, the base of every PCI function.

A function fills `config` (identity), `wmask` (writable bits) and `w1c` (write-one-to-clear bits) in its
__init__, calls `bar(...)` for each base address register, and hooks `config_changed`.
Spec: PCI Local Bus Specification 2.1, chapter 6.
"""
from emu_core_pyx.types cimport i32, u8, u16, u32, u64
from emu_core_pyx.bus.bus cimport Bus
from emu_core_pyx.bus.device cimport Device, Line
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    PCI_COMMAND = 0x04
    PCI_STATUS = 0x06
    PCI_HEADER = 0x0E
    PCI_BAR0 = 0x10
    PCI_SUBSYSTEM = 0x2C
    PCI_ROM = 0x30
    PCI_IRQ_LINE = 0x3C
    PCI_IRQ_PIN = 0x3D
    CMD_IO = 0x01
    CMD_MEMORY = 0x02
    CMD_MASTER = 0x04
    BAR_NONE = 0
    BAR_IO = 1
    BAR_MEM = 2         # 32-bit
    BAR_PREFETCH = 3    # 32-bit, prefetchable
    BAR_ROM = 4         # the expansion ROM register

cdef struct Bar:
    u32 kind            # BAR_*
    u32 region          # region the device sees accesses with
    u64 size            # power of two
    i32 slot            # bus slot, -1 before plug()

cdef class PciBus(Device):
    cdef void *functions[256]       # by devfn
    cdef list owners
    cdef u32 intx[4]                # functions asserting each of PIRQA-D
    cdef void *pirq_line[4]
    cdef readonly object pirq       # the four Line objects
    cdef u32 read(self, u32 devfn, u32 off, u32 size) noexcept nogil
    cdef void write(self, u32 devfn, u32 off, u32 size, u32 value) noexcept nogil
    cdef void assert_intx(self, u32 devfn, u32 pin, u32 level) noexcept nogil

cdef class PciDevice(Device):
    cdef u8 config[256]
    cdef u8 wmask[256]
    cdef u8 w1c[256]
    cdef u8 reset_config[256]
    cdef u32 sealed                 # reset_config is what reset restores
    cdef Bar bars[7]                # 6 is the expansion ROM
    cdef readonly u32 devfn
    cdef PciBus pci
    cdef Bus ports
    cdef u32 intx_level
    cdef u32 config_read(self, u32 off, u32 size) noexcept nogil
    cdef void config_write(self, u32 off, u32 size, u32 value) noexcept nogil
    cdef void config_changed(self, u32 off, u32 size) noexcept nogil
    cdef void set_intx(self, u32 level) noexcept nogil      # the function's own interrupt pin
    cdef void map_bars(self) noexcept nogil
    cdef u32 get16(self, u32 off) noexcept nogil
    cdef u32 get32(self, u32 off) noexcept nogil
    cdef void identify(self, u16 vendor, u16 device, u32 class_code, u8 revision)
    cdef void put16(self, u8 *table, u32 off, u32 v)
    cdef void put32(self, u8 *table, u32 off, u32 v)
    cdef void bar(self, u32 n, u32 kind, u64 size, u32 region)
    cdef void state_pci(self, Visitor v)
