"""Microwire EEPROM 93C46, 64 words of 16 bits: READ, EWEN, EWDS, WRITE, ERASE, WRAL, ERAL; never busy.

Spec: Microchip 93C46 data sheet (ORG = 16 bits).
"""
from emu_core_pyx.types cimport u16, u32
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    ADDRESS = 6         # bits
    COMMAND = 9         # start bit, opcode, address
    WRITE_BITS = 25


cdef class Eeprom93C46:
    """`words` survive a reset, as in the real one."""

    cdef void pins(self, u32 cs, u32 sk, u32 di) noexcept nogil:
        """The host drives chip select, clock and data in; `data_out` is what it reads."""
        if not cs:
            if self.selected:
                self.done()
            self.selected = self.bits = self.count = self.out_count = 0
            self.data_out = 1
            self.clock_level = sk
            return
        self.selected = 1
        if sk and not self.clock_level:
            if self.out_count:
                self.out_count -= 1
                self.data_out = self.out >> self.out_count & 1
                if self.out_count == 0 and self.count == COMMAND:       # sequential read goes on with the next word
                    self.bits = self.bits & ~<u32>63 | (self.bits + 1 & 63)
                    self.out = self.words[self.bits & 63]
                    self.out_count = 16
            elif self.count or di:
                self.bits = self.bits << 1 | di
                self.count += 1
                if self.count == COMMAND and (self.bits >> ADDRESS & 3) == 2:
                    self.out = self.words[self.bits & 63]
                    self.out_count = 16
                    self.data_out = 0           # the dummy bit
        self.clock_level = sk

    cdef void done(self) noexcept nogil:
        """Chip select falls: writes happen."""
        cdef u32 command, address, k
        if self.count < COMMAND:
            return
        command = self.bits >> (self.count - 3) & 3
        address = self.bits >> (self.count - COMMAND) & 63
        if command == 0:
            if address >> 4 == 3:
                self.writable = 1
            elif address >> 4 == 0:
                self.writable = 0
            elif self.writable and (address >> 4 == 2 or self.count >= WRITE_BITS):
                for k in range(64):
                    self.words[k] = 0xFFFF if address >> 4 == 2 else <u16>self.bits
        elif command == 1:
            if self.writable and self.count == WRITE_BITS:
                self.words[address] = <u16>self.bits
        elif command == 3 and self.writable:
            self.words[address] = 0xFFFF

    def read(self, u32 k):
        """A word."""
        return self.words[k & 63]

    def write(self, u32 k, u16 v):
        """Program a word."""
        self.words[k & 63] = v

    cdef void state(self, Visitor v):
        v.raw(b"words", self.words, sizeof(self.words))
        v.u32(b"selected", &self.selected)
        v.u32(b"clock_level", &self.clock_level)
        v.u32(b"bits", &self.bits)
        v.u32(b"count", &self.count)
        v.u32(b"out", &self.out)
        v.u32(b"out_count", &self.out_count)
        v.u32(b"writable", &self.writable)
        v.u32(b"data_out", &self.data_out)
