"""ISA DMA: two 8237A (channels 0-3 byte-wide, 5-7 word-wide, 4 the cascade) and the page registers.

Devices call `transfer`; the memory side goes through `dma`.
Not emulated: memory-to-memory transfers, timing and priority bits of the command register (stored), the cascade's
bus handshake (a transfer takes no time), high page registers.
Spec: Intel 8237A data sheet (order 231466); IBM PC AT Technical Reference, "System board DMA".

Regions: 0 chip of channels 0-3 (0x00, 16 ports), 1 chip of channels 4-7 (0xC0, 32 ports, every second one),
2 page registers (0x81-0x8F; offset 0 is port 0x81).
"""
from libc.string cimport memset
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.bus.bytedev cimport ByteDevice
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    COMMAND_DISABLE = 0x04
    MODE_WRITE = 0x04           # to memory
    MODE_READ = 0x08
    MODE_TYPE = 0x0C
    MODE_AUTOINIT = 0x10
    MODE_DOWN = 0x20
    MODE_CASCADE = 0xC0

# Page register port, less 0x80, of channels 0-7 (4 is the refresh page).
cdef u8 page_port[8]
page_port[:] = [0x7, 0x3, 0x1, 0x2, 0xF, 0xB, 0x9, 0xA]


cdef class Dma8237(ByteDevice):
    """Both controllers."""

    def __init__(self, str name="dma"):
        self.name = name
        self.reset()

    cpdef void reset(self):
        memset(&self.chip[0], 0, sizeof(self.chip))
        memset(&self.pages[0], 0, sizeof(self.pages))
        self.master_clear(0)
        self.master_clear(1)

    cdef void master_clear(self, u32 k) noexcept nogil:
        self.chip[k].command = 0
        self.chip[k].request = 0
        self.chip[k].status_tc = 0
        self.chip[k].temporary = 0
        self.chip[k].flipflop = 0
        self.chip[k].mask = 0x0F

    cdef u8 rd(self, u32 region, u32 off) noexcept nogil:
        if region == 0 and off < 16:
            return self.chip_read(0, off)
        if region == 1 and off < 32:
            return 0xFF if off & 1 else self.chip_read(1, off >> 1)
        if region == 2 and off < 15:
            return self.pages[off + 1]
        return 0xFF

    cdef void wr(self, u32 region, u32 off, u8 v) noexcept nogil:
        cdef u32 k
        if region == 0 and off < 16:
            self.chip_write(0, off, v)
        elif region == 1 and off < 32:
            if not off & 1:
                self.chip_write(1, off >> 1, v)
        elif region == 2 and off < 15:
            self.pages[off + 1] = v
            for k in range(8):
                if page_port[k] == off + 1:
                    self.chip[k >> 2].ch[k & 3].page = v

    cdef u8 chip_read(self, u32 k, u32 reg) noexcept nogil:
        cdef Chip *p = &self.chip[k]
        cdef u32 v, c
        if reg < 8:
            v = p.ch[reg >> 1].count if reg & 1 else p.ch[reg >> 1].addr
            p.flipflop ^= 1
            return <u8>v if p.flipflop else <u8>(v >> 8)
        if reg == 8:
            v = p.status_tc
            for c in range(4):
                if p.request >> c & 1:
                    v |= 0x10 << c
            p.status_tc = 0
            return <u8>v
        if reg == 13:
            return p.temporary
        if reg == 15:
            return p.mask | 0xF0
        return 0xFF

    cdef void chip_write(self, u32 k, u32 reg, u8 v) noexcept nogil:
        cdef Chip *p = &self.chip[k]
        cdef Channel *c
        if reg < 8:
            c = &p.ch[reg >> 1]
            if reg & 1:
                c.base_count = c.base_count & 0xFF | <u16>v << 8 if p.flipflop else c.base_count & 0xFF00 | v
                c.count = c.base_count
            else:
                c.base_addr = c.base_addr & 0xFF | <u16>v << 8 if p.flipflop else c.base_addr & 0xFF00 | v
                c.addr = c.base_addr
            p.flipflop ^= 1
        elif reg == 8:
            p.command = v
        elif reg == 9:
            p.request = p.request | 1 << (v & 3) if v & 4 else p.request & ~(1 << (v & 3))
        elif reg == 10:
            p.mask = p.mask | 1 << (v & 3) if v & 4 else p.mask & ~(1 << (v & 3))
        elif reg == 11:
            p.ch[v & 3].mode = v & 0xFC
        elif reg == 12:
            p.flipflop = 0
        elif reg == 13:
            self.master_clear(k)
        elif reg == 14:
            p.mask = 0
        elif reg == 15:
            p.mask = v & 0x0F

    cdef bint ready(self, u32 channel) noexcept nogil:
        cdef Chip *p = &self.chip[channel >> 2 & 1]
        if channel > 7 or channel == 4 or p.command & COMMAND_DISABLE or p.mask >> (channel & 3) & 1:
            return False
        if channel < 4:             # the first chip's requests go through channel 4
            return not self.chip[1].command & COMMAND_DISABLE and not self.chip[1].mask & 1
        return True

    cdef u32 transfer(self, u32 channel, u8 *buf, u32 n, u32 *tc) noexcept nogil:
        cdef Chip *p = &self.chip[channel >> 2 & 1]
        cdef Channel *c = &p.ch[channel & 3]
        cdef u32 unit = 2 if channel > 3 else 1
        cdef u32 done = 0
        cdef u64 phys
        tc[0] = 0
        if not self.ready(channel) or c.mode & MODE_CASCADE == MODE_CASCADE:
            return 0
        while done + unit <= n and not tc[0]:
            if unit == 2:
                phys = <u64>(c.page & 0xFE) << 16 | <u64>c.addr << 1
            else:
                phys = <u64>c.page << 16 | c.addr
            if self.dma is not None:
                if c.mode & MODE_TYPE == MODE_WRITE:
                    self.dma.write(phys, buf + done, unit)
                elif c.mode & MODE_TYPE == MODE_READ:
                    self.dma.read(phys, buf + done, unit)
            done += unit
            c.addr = <u16>(c.addr - 1 if c.mode & MODE_DOWN else c.addr + 1)
            if c.count == 0:
                tc[0] = 1
                p.status_tc |= <u8>(1 << (channel & 3))
                p.request &= <u8>~(1 << (channel & 3))
                if c.mode & MODE_AUTOINIT:
                    c.addr = c.base_addr
                    c.count = c.base_count
                else:
                    c.count = 0xFFFF
                    p.mask |= <u8>(1 << (channel & 3))
            else:
                c.count -= 1
        return done

    cdef void state(self, Visitor v):
        v.raw(b"chips", &self.chip[0], sizeof(self.chip))
        v.raw(b"pages", &self.pages[0], sizeof(self.pages))

    def py_transfer(self, u32 channel, bytes data):
        """A device's side of a transfer (tests): (bytes done, buffer afterwards, terminal count)."""
        cdef u32 tc = 0
        buf = bytearray(data)
        n = self.transfer(channel, <u8 *>buf, <u32>len(buf), &tc)
        return n, bytes(buf), bool(tc)
