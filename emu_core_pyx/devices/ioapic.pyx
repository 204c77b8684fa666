"""I/O APIC: 82093AA with 24 redirection entries.

DEVIATION: input polarity is not applied; lines are asserted at 1 whatever the entry says (the board's wiring
and the tables agree on that).  Not emulated: the serial APIC bus (arbitration ID reads back).
Spec: Intel 82093AA data sheet (order 290566).

Region 0: MMIO, 0x20 bytes (register select 0x00, window 0x10).  Pins 0-23: interrupt inputs.
"""
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.devices.apic_bus cimport ApicBus, DM_FIXED, DM_LOWEST, EoiListener

cdef enum:
    PINS = 24
    VERSION = 0x00170011
    RTE_LOGICAL = 0x800
    RTE_REMOTE_IRR = 0x4000
    RTE_LEVEL = 0x8000
    RTE_MASKED = 0x10000
    RTE_WRITABLE_LOW = 0x1AFFF


cdef class IoApic(EoiListener):
    """Redirects interrupt inputs to local APICs."""
    cdef readonly ApicBus bus
    cdef u32 id
    cdef u32 select
    cdef u32 levels             # input pins
    cdef u32 waiting            # edges that wait behind nothing but delivery
    cdef u64 rte[24]

    def __init__(self, str name="ioapic", ApicBus bus=None):
        self.name = name
        if bus is not None:
            self.join(bus)
        self.reset()

    def join(self, ApicBus bus not None):
        """Connect to the local APICs."""
        self.bus = bus
        bus.add_listener(self)

    cpdef void reset(self):
        cdef u32 k
        self.id = 0
        self.select = 0
        self.waiting = 0
        for k in range(<u32>PINS):
            self.rte[k] = RTE_MASKED

    cdef void service(self, u32 pin) noexcept nogil:
        """Send the pin's interrupt if it has one to send."""
        cdef u64 e = self.rte[pin]
        cdef bint level = e & RTE_LEVEL != 0
        cdef u32 mode = e >> 8 & 7
        if e & RTE_MASKED or self.bus is None:
            return
        if level:
            if not self.levels >> pin & 1 or e & RTE_REMOTE_IRR:
                return
        elif not self.waiting >> pin & 1:
            return
        self.waiting &= ~(<u32>1 << pin)
        if level and (mode == DM_FIXED or mode == DM_LOWEST):
            self.rte[pin] |= RTE_REMOTE_IRR
        self.bus.deliver(<u32>(e >> 56), e & RTE_LOGICAL != 0, mode, <u32>e & 0xFF, level)

    cdef void on_line(self, u32 pin, u32 level) noexcept nogil:
        cdef u32 bit
        if pin >= PINS:
            return
        bit = <u32>1 << pin
        if level:
            if not self.levels & bit and not self.rte[pin] & RTE_MASKED:
                self.waiting |= bit         # an edge on a masked pin is lost
            self.levels |= bit
            self.service(pin)
        else:
            self.levels &= ~bit
            self.waiting &= ~bit

    cdef void eoi(self, u32 vector) noexcept nogil:
        cdef u32 k
        for k in range(<u32>PINS):
            if self.rte[k] & (RTE_LEVEL | RTE_REMOTE_IRR) == (RTE_LEVEL | RTE_REMOTE_IRR) and self.rte[k] & 0xFF == vector:
                self.rte[k] &= ~<u64>RTE_REMOTE_IRR
                self.service(k)

    cdef u32 read_window(self) noexcept nogil:
        if self.select == 0 or self.select == 2:        # ID, arbitration ID
            return self.id << 24
        if self.select == 1:
            return VERSION
        if self.select >= 0x10 and self.select < 0x10 + 2 * PINS:
            return <u32>(self.rte[(self.select - 0x10) >> 1] >> (32 if self.select & 1 else 0))
        return <u32>0xFFFFFFFF

    cdef void write_window(self, u32 v) noexcept nogil:
        cdef u32 k
        if self.select == 0:
            self.id = v >> 24 & 0xF
        elif self.select >= 0x10 and self.select < 0x10 + 2 * PINS:
            k = (self.select - 0x10) >> 1
            if self.select & 1:
                self.rte[k] = self.rte[k] & <u64>0xFFFFFFFF | <u64>(v & <u32>0xFF000000) << 32
            else:
                self.rte[k] = self.rte[k] & <u64>0xFFFFFFFF00004000 | v & RTE_WRITABLE_LOW
                if not v & RTE_LEVEL:
                    self.rte[k] &= ~<u64>RTE_REMOTE_IRR
            self.service(k)

    cdef u64 mmio_read(self, u32 region, u64 off, u32 size) noexcept nogil:
        cdef u32 v
        if region or off & 0xF > 3 or off > 0x1F or (off & 3) + size > 4:
            return <u64>-1
        v = self.select if off < 0x10 else self.read_window()
        return v >> (8 * (off & 3))

    cdef void mmio_write(self, u32 region, u64 off, u32 size, u64 value) noexcept nogil:
        if region:
            return
        if off == 0:
            self.select = <u32>value & 0xFF
        elif off == 0x10 and size >= 4:
            self.write_window(<u32>value)

    cdef void state(self, Visitor v):
        v.u32(b"id", &self.id)
        v.u32(b"select", &self.select)
        v.u32(b"levels", &self.levels)
        v.u32(b"waiting", &self.waiting)
        v.raw(b"rte", &self.rte[0], sizeof(self.rte))

    @property
    def info(self):
        """Redirection entries (64-bit) of pins 0-23."""
        return [self.rte[k] for k in range(<u32>PINS)]

    @property
    def levels_now(self):
        """Input pins as bits."""
        return self.levels
