"""NE2000 on PCI (Realtek RTL8029): the DP8390's ports behind BAR 0, its interrupt on INTA.

Not emulated: the RTL8029's EEPROM and flash registers beyond what page 3 reads.  Spec: Realtek RTL8029AS data sheet.
"""
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.bus.clock cimport Clock
from emu_core_pyx.bus.optionrom cimport OptionRom
from emu_core_pyx.bus.pci cimport BAR_IO, PCI_IRQ_PIN, PciDevice
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.devices.dp8390 cimport Dp8390


cdef class Ne2kPci(PciDevice):
    """PCI function 10ec:8029."""
    cdef readonly Dp8390 chip
    cdef OptionRom rom

    def __init__(self, str name="ne2k_pci"):
        self.name = name
        self.chip = Dp8390(name)
        self.rom = OptionRom()
        self.chip.irq.connect(self, 0)
        self.identify(0x10EC, 0x8029, 0x020000, 0x00)
        self.config[PCI_IRQ_PIN] = 1
        self.bar(0, BAR_IO, 0x100, 0)

    def attach(self, Clock clock):
        """The board gives the clock."""
        self.clock = clock
        self.chip.attach(clock)

    @property
    def port(self):
        """The network socket."""
        return self.chip.port

    def set_mac(self, bytes mac):
        """The address in the PROM."""
        self.chip.set_mac(mac)

    def set_rom(self, bytes rom not None):
        """What boots from the network, behind the expansion ROM register."""
        self.rom.fit(self, 0, rom)

    cdef void on_line(self, u32 pin, u32 level) noexcept nogil:
        self.set_intx(level)

    cdef u32 io_read(self, u32 region, u32 off, u32 size) noexcept nogil:
        return self.chip.io_read(region, off, size)

    cdef void io_write(self, u32 region, u32 off, u32 size, u32 value) noexcept nogil:
        self.chip.io_write(region, off, size, value)

    cdef u64 mmio_read(self, u32 region, u64 off, u32 size) noexcept nogil:
        return self.rom.read(off, size)

    cpdef void reset(self):
        PciDevice.reset(self)
        self.chip.reset()

    cdef void state(self, Visitor v):
        self.state_pci(v)
        v.begin("chip")
        self.chip.state(v)
