"""See device.pxd."""
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.bus.visitor cimport Visitor


cdef class Line:
    """A wire into an input pin; see device.pxd."""

    def __init__(self, Device sink=None, u32 pin=0):
        self.sink = sink
        self.pin = pin
        self.level = 0

    def connect(self, Device sink, u32 pin=0):
        """Solder the far end to input `pin` of `sink`; a high level arrives at once."""
        self.sink = sink
        self.pin = pin
        if self.level and sink is not None:
            sink.on_line(pin, self.level)

    @property
    def high(self):
        """Level driven now."""
        return bool(self.level)

    cdef void set(self, u32 level) noexcept nogil:
        if level != self.level:
            self.level = level
            if self.sink is not None:
                self.sink.on_line(self.pin, level)

    cdef void drive(self, u32 level) noexcept nogil:
        self.level = level
        if self.sink is not None:
            self.sink.on_line(self.pin, level)

    cdef void pulse(self) noexcept nogil:
        self.set(1)
        self.set(0)


cdef class Device:
    """Base of all devices: open bus, no timers, no state."""

    cdef u32 io_read(self, u32 region, u32 off, u32 size) noexcept nogil:
        return <u32>0xFFFFFFFF

    cdef void io_write(self, u32 region, u32 off, u32 size, u32 value) noexcept nogil:
        pass

    cdef u64 mmio_read(self, u32 region, u64 off, u32 size) noexcept nogil:
        return <u64>-1

    cdef void mmio_write(self, u32 region, u64 off, u32 size, u64 value) noexcept nogil:
        pass

    cdef void on_timer(self, u32 timer, u64 now) noexcept nogil:
        pass

    cdef void on_line(self, u32 pin, u32 level) noexcept nogil:
        pass

    cpdef void reset(self):
        pass

    cdef void state(self, Visitor v):
        pass

    # -- what a test touches: the same doors the guest has -------------------------------------
    def attach(self, clock):
        """Give the device its clock; subclasses register their timers here."""
        self.clock = clock

    def py_io_read(self, u32 region, u32 off, u32 size=1):
        return self.io_read(region, off, size) & <u32>(((<u64>1) << (8 * size)) - 1)

    def py_io_write(self, u32 region, u32 off, value, u32 size=1):
        self.io_write(region, off, size, <u32>(value & 0xFFFFFFFF))

    def py_mmio_read(self, u32 region, u64 off, u32 size=4):
        return self.mmio_read(region, off, size) & (<u64>-1 >> (64 - 8 * size))

    def py_mmio_write(self, u32 region, u64 off, value, u32 size=4):
        self.mmio_write(region, off, size, <u64>(value & 0xFFFFFFFFFFFFFFFF))

    def py_line(self, u32 pin, u32 level):
        self.on_line(pin, level)

    def save(self):
        """This device's state as bytes."""
        v = Visitor()
        self.state(v)
        return v.data()

    def load(self, bytes data):
        """Restore what `save` gave; StateError if it is of another shape."""
        v = Visitor(data)
        self.state(v)
        v.finish()
