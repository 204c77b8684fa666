"""PCI-to-ISA bridge 82371SB (PIIX3), function 0: routing of PIRQA-D to ISA interrupts.

Not emulated: X-bus chip selects, the distributed DMA and SMI timers (registers are stored); its 8237, 8254, 8259,
RTC and reset control are files of their own.
Spec: Intel 82371FB/82371SB data sheet (order 290550), chapter 2.2.

Pins 0-3: PIRQA-D.  Outputs: irq(n), to be wired to the interrupts; pirq_apic(k), PIRQA-D for I/O APIC pins 16-19.
"""
from emu_core_pyx.types cimport u8, u32
from emu_core_pyx.bus.device cimport Line
from emu_core_pyx.bus.pci cimport PCI_COMMAND, PCI_HEADER, PciDevice
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    PIRQRCA = 0x60
    PIRQ_OFF = 0x80
    ALLOWED = 0xDEF8        # IRQs a PIRQ may be routed to: 3-7, 9-12, 14, 15


cdef class Piix3(PciDevice):
    """ISA bridge; sits at device 1, function 0."""
    cdef u8 pirq[4]             # levels
    cdef void *out[16]
    cdef void *direct[4]
    cdef tuple lines
    cdef tuple direct_lines

    def __init__(self, str name="piix3"):
        self.name = name
        self.lines = tuple([Line() for _ in range(16)])
        self.direct_lines = tuple([Line() for _ in range(4)])
        for k in range(16):
            self.out[k] = <void *>self.lines[k]
        for k in range(4):
            self.direct[k] = <void *>self.direct_lines[k]
        self.identify(0x8086, 0x7000, 0x060100, 0x00)
        self.config[PCI_HEADER] = 0x80
        self.put16(self.config, PCI_COMMAND, 0x0007)
        self.put16(self.wmask, PCI_COMMAND, 0x0108)
        self.config[0x07] = 0x02
        self.wmask[0x0C] = self.wmask[0x0D] = self.wmask[0x3C] = 0
        self.config[0x4C] = 0x4D                # ISA recovery timer
        self.config[0x4E] = 0x03                # X-bus chip select
        self.config[0x69] = 0x02                # top of memory
        for off in (0x4C, 0x4E, 0x4F, 0x69, 0x6A, 0x70, 0x71, 0x76, 0x77, 0x80, 0x82, 0xA0, 0xA2, 0xA3, 0xA4, 0xA5,
                    0xA6, 0xA7, 0xA8, 0xAC, 0xAE):
            self.wmask[off] = 0xFF
        for k in range(4):
            self.config[PIRQRCA + k] = PIRQ_OFF
            self.wmask[PIRQRCA + k] = 0x8F

    def irq(self, u32 n):
        """Output that drives ISA interrupt `n` for the PIRQs routed to it."""
        return self.lines[n]

    def pirq_apic(self, u32 k):
        """PIRQA-D unrouted."""
        return self.direct_lines[k]

    def connect(self, gsi, first_direct=16):
        """Wire all outputs to a Gsi: routed interrupts shared with ISA's, unrouted ones from `first_direct`."""
        for n in range(16):
            if ALLOWED >> n & 1:
                self.lines[n].connect(gsi, gsi.share(n))
        for k in range(4):
            self.direct_lines[k].connect(gsi, first_direct + k)

    cpdef void reset(self):
        PciDevice.reset(self)
        self.route()

    cdef void route(self) noexcept nogil:
        cdef u32 k, n, high = 0
        for k in range(4):
            n = self.config[PIRQRCA + k]
            if self.pirq[k] and not n & PIRQ_OFF and ALLOWED >> (n & 15) & 1:
                high |= 1 << (n & 15)
            (<Line>self.direct[k]).set(self.pirq[k])
        for n in range(16):
            (<Line>self.out[n]).set(high >> n & 1)

    cdef void on_line(self, u32 pin, u32 level) noexcept nogil:
        if pin < 4:
            self.pirq[pin] = <u8>level
            self.route()

    cdef void config_changed(self, u32 off, u32 size) noexcept nogil:
        if off < PIRQRCA + 4 and off + size > PIRQRCA:
            self.route()

    cdef void state(self, Visitor v):
        cdef u32 k, high = 0
        self.state_pci(v)
        v.raw(b"pirq", &self.pirq[0], 4)
        for k in range(16):
            high |= (<Line>self.out[k]).level << k
        v.u32(b"irq_lines", &high)
        for k in range(16):
            (<Line>self.out[k]).level = high >> k & 1
        for k in range(4):
            (<Line>self.direct[k]).level = self.pirq[k]

    @property
    def routing(self):
        """ISA interrupt of PIRQA-D, None where not routed."""
        return [None if self.config[PIRQRCA + k] & PIRQ_OFF else self.config[PIRQRCA + k] & 15 for k in range(4)]
