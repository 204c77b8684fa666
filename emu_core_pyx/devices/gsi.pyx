"""Interrupt wiring of the board: every source is wired to a global interrupt, which goes to both the 8259
pair (0-15) and the I/O APIC (0-23); the timer's IRQ0 is the I/O APIC's pin 2.

Pins 0-23 are the interrupts themselves; `share(n)` gives another pin wired-or into the same interrupt
(COM1 and COM3 on IRQ4).  Outputs: pic_line(n), apic_line(n).
"""
from emu_core_pyx.types cimport u8, u32
from emu_core_pyx.bus.device cimport Device, Line
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    GSIS = 24
    PINS = 96


cdef class Gsi(Device):
    """Fan-out and wired-or of interrupt lines."""
    cdef u8 gsi_of[96]
    cdef u8 level[96]
    cdef u8 high[24]            # sources that are high
    cdef u32 n_pins
    cdef void *pic[16]
    cdef void *apic[24]
    cdef tuple pic_lines
    cdef tuple apic_lines

    def __init__(self, str name="gsi"):
        self.name = name
        self.pic_lines = tuple([Line() for _ in range(16)])
        self.apic_lines = tuple([Line() for _ in range(<u32>GSIS)])
        for k in range(16):
            self.pic[k] = <void *>self.pic_lines[k]
        for k in range(<u32>GSIS):
            self.apic[k] = <void *>self.apic_lines[k]
            self.gsi_of[k] = k
        self.n_pins = GSIS

    def connect(self, Device pic, Device ioapic=None):
        """Wire all outputs: the 8259 pair's pins 0-15 and the I/O APIC's pins 0-23 (interrupt 0 to pin 2)."""
        for k in range(16):
            if k != 2 and pic is not None:
                self.pic_lines[k].connect(pic, k)
        for k in range(<u32>GSIS):
            if k != 2 and ioapic is not None:
                self.apic_lines[k].connect(ioapic, 2 if k == 0 else k)

    def share(self, u32 gsi):
        """A further input pin for interrupt `gsi`."""
        if gsi >= GSIS or self.n_pins == <u32>PINS:
            raise ValueError(f"no pin for interrupt {gsi}")
        self.gsi_of[self.n_pins] = gsi
        self.n_pins += 1
        return self.n_pins - 1

    cdef void on_line(self, u32 pin, u32 level) noexcept nogil:
        cdef u32 n, before
        if pin >= self.n_pins or level == self.level[pin]:
            return
        self.level[pin] = <u8>level
        n = self.gsi_of[pin]
        before = self.high[n]
        self.high[n] = <u8>(before + 1 if level else before - 1)
        if (before != 0) != (self.high[n] != 0):
            if n < 16:
                (<Line>self.pic[n]).set(level)
            (<Line>self.apic[n]).set(level)

    cdef void state(self, Visitor v):
        cdef u32 k
        v.raw(b"level", &self.level[0], PINS)
        v.raw(b"high", &self.high[0], GSIS)
        if v.loading:
            for k in range(<u32>GSIS):
                (<Line>self.apic[k]).level = 1 if self.high[k] else 0
                if k < 16:
                    (<Line>self.pic[k]).level = 1 if self.high[k] else 0

    @property
    def levels(self):
        """Level of interrupts 0-23."""
        return [bool(self.high[k]) for k in range(<u32>GSIS)]
