"""NE2000: National DP8390 network controller with 16 KiB of memory behind a data port.

Region 0: 32 ports; 0-15 registers, 16-23 data, 24-31 reset.  Frames come at 100 Mbit/s; one for which the ring has no room is
lost, as OVW says.  The chip runs from STA until STP; writing neither (as drivers do that only turn a page) changes nothing.
DEVIATION: a missed frame is added to RSR; a real chip shows its status alone, and drivers that poll RSR for PRX wait forever.
Not emulated: collisions, FIFO threshold, transmission time (a frame is sent when TXP is set), CRC errors.
Spec: National DP8390D data sheet, AN-874 (writing drivers), Novell NE2000 memory map.
"""
from libc.string cimport memcpy, memset
from emu_core_pyx.types cimport u8, u32
from emu_core_pyx.bus.clock cimport Clock
from emu_core_pyx.bus.device cimport Device, Line
from emu_core_pyx.bus.netport cimport NetPort
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.devices.ethernet cimport multicast_hash

cdef enum:
    STP = 0x01          # CR
    STA = 0x02
    TXP = 0x04
    RD_MASK = 0x38
    RD_READ = 0x08
    RD_WRITE = 0x10
    RD_SEND = 0x18
    RD_ABORT = 0x20
    PRX = 0x01          # ISR
    PTX = 0x02
    RXE = 0x04
    CNT = 0x20
    OVW = 0x10
    RDC = 0x40
    RST = 0x80
    WTS = 0x01          # DCR: word transfers
    SEP = 0x01          # RCR
    AR = 0x02
    AB = 0x04
    AM = 0x08
    PRO = 0x10
    MON = 0x20
    LOOPBACK = 0x06     # TCR
    RSR_PRX = 0x01
    RSR_MPA = 0x10
    RSR_PHY = 0x20
    TALLY_MAX = 0xC0
    PROM = 32
    DATA = 16
    RESET = 24


cdef bint receive(void *card, const u8 *frame, u32 n) noexcept nogil:
    return (<Dp8390>card).take(frame, n)


cdef class Dp8390(Device):
    """`port` is its network socket, `irq` its interrupt line."""

    def __init__(self, str name="ne2k", bytes mac=b"\x52\x54\x00\x12\x34\x56"):
        self.name = name
        self.irq = Line()
        self.port = NetPort(name + ".net")
        self.port.join(<void *>self, receive)
        self.port.byte_ns = 80
        self.set_mac(mac)

    def attach(self, Clock clock):
        """The board gives the clock."""
        self.clock = clock
        self.port.attach(clock)

    def set_mac(self, bytes mac):
        """The address in the PROM: every byte twice, then the NE2000's mark."""
        cdef u32 k
        memset(self.mem, 0, PROM)
        for k in range(6):
            self.mac[k] = mac[k]
            self.mem[2 * k] = self.mem[2 * k + 1] = mac[k]
        for k in range(28, 32):
            self.mem[k] = 0x57

    cpdef void reset(self):
        memset(self.mem + RAM_FIRST, 0, RAM_END - RAM_FIRST)
        memset(self.par, 0, 6)
        memset(self.mar, 0, 8)
        memset(self.tally, 0, 3)
        self.rcr = self.tcr = self.dcr = self.tsr = self.rsr = self.imr = self.isr = 0
        self.pstart = self.pstop = self.bnry = self.curr = self.tpsr = 0
        self.tbcr = self.rsar = self.rbcr = 0
        self.reset_chip()
        self.port.reset()

    cdef void reset_chip(self) noexcept nogil:
        self.cr = STP | RD_ABORT
        self.isr = RST
        self.imr = 0
        self.update()

    cdef void update(self) noexcept nogil:
        self.irq.set(self.isr & self.imr & 0x7F != 0)

    # ---- ports --------------------------------------------------------------------------------------------------
    cdef u32 io_read(self, u32 region, u32 off, u32 size) noexcept nogil:
        cdef u32 v = 0, k
        if region:
            return <u32>-1
        if DATA <= off < RESET:
            return self.data_read(size)
        for k in range(size):
            v |= <u32>(self.data_read(1) if DATA <= off + k < RESET else self.page_read(off + k)) << (8 * k)
        return v

    cdef void io_write(self, u32 region, u32 off, u32 size, u32 value) noexcept nogil:
        cdef u32 k
        if region:
            return
        if DATA <= off < RESET:
            self.data_write(size, value)
            return
        for k in range(size):
            if DATA <= off + k < RESET:
                self.data_write(1, value >> (8 * k) & 0xFF)
            else:
                self.page_write(off + k, <u8>(value >> (8 * k)))

    cdef u8 page_read(self, u32 off) noexcept nogil:
        cdef u32 page = self.cr >> 6
        cdef u8 v
        if off >= 32:
            return 0xFF
        if off >= RESET:
            self.reset_chip()
            return 0
        if off == 0:
            return self.cr
        if page == 0:
            if off == 0x03:
                return self.bnry
            if off == 0x04:
                return self.tsr
            if off == 0x07:
                return self.isr
            if off == 0x01 or off == 0x08:
                return <u8>self.rsar
            if off == 0x02 or off == 0x09:
                return <u8>(self.rsar >> 8)
            if off == 0x0A:             # the RTL8029's identity
                return 0x50
            if off == 0x0B:
                return 0x43
            if off == 0x0C:
                return self.rsr
            if 0x0D <= off <= 0x0F:
                v = self.tally[off - 0x0D]
                self.tally[off - 0x0D] = 0
                return v
            return 0
        if page == 1:
            if off <= 6:
                return self.par[off - 1]
            return self.curr if off == 7 else self.mar[off - 8]
        if page == 2:
            if off == 0x01:
                return self.pstart
            if off == 0x02:
                return self.pstop
            if off == 0x04:
                return self.tpsr
            if off == 0x0C:
                return self.rcr | 0xC0
            if off == 0x0D:
                return self.tcr | 0xE0
            if off == 0x0E:
                return self.dcr | 0x80
            if off == 0x0F:
                return self.imr | 0x80
            return 0
        # page 3, RTL8029: CONFIG2 says full duplex capable, link in use
        return 0x40 if off == 0x06 else 0

    cdef void page_write(self, u32 off, u8 v) noexcept nogil:
        cdef u32 page = self.cr >> 6
        if off >= RESET:
            return              # the reset is done by reading; writing ends its pulse
        if off == 0:
            self.command(v)
            return
        if page == 1:
            if off <= 6:
                self.par[off - 1] = v
            elif off == 7:
                self.curr = v
            else:
                self.mar[off - 8] = v
            return
        if page:
            return
        if off == 0x01:
            self.pstart = v
        elif off == 0x02:
            self.pstop = v
        elif off == 0x03:
            self.bnry = v
        elif off == 0x04:
            self.tpsr = v
        elif off == 0x05:
            self.tbcr = self.tbcr & 0xFF00 | v
        elif off == 0x06:
            self.tbcr = self.tbcr & 0xFF | <u32>v << 8
        elif off == 0x07:
            self.isr &= ~(v & 0x7F)
            self.update()
        elif off == 0x08:
            self.rsar = self.rsar & 0xFF00 | v
        elif off == 0x09:
            self.rsar = self.rsar & 0xFF | <u32>v << 8
        elif off == 0x0A:
            self.rbcr = self.rbcr & 0xFF00 | v
        elif off == 0x0B:
            self.rbcr = self.rbcr & 0xFF | <u32>v << 8
        elif off == 0x0C:
            self.rcr = v & 0x3F
        elif off == 0x0D:
            self.tcr = v & 0x1F
        elif off == 0x0E:
            self.dcr = v & 0x7F
        elif off == 0x0F:
            self.imr = v & 0x7F
            self.update()

    cdef void command(self, u8 v) noexcept nogil:
        cdef u32 at
        if not v & RD_MASK:             # not a command: what was going on goes on
            v |= self.cr & RD_MASK
        self.cr = v & ~(TXP)
        if v & STP:
            self.isr |= RST
            return
        if v & STA:
            self.isr &= ~RST
        if (v & RD_MASK) == RD_SEND:
            at = <u32>self.bnry << 8
            self.rsar = at
            self.rbcr = 0
            if RAM_FIRST <= at < RAM_END:
                self.rbcr = self.mem[at + 2] | <u32>self.mem[at + 3] << 8
            self.cr = self.cr & ~RD_MASK | RD_READ
        if v & RD_ABORT:
            self.rbcr = 0
        elif v & (RD_READ | RD_WRITE) and self.rbcr == 0:
            self.isr |= RDC
            self.update()
        if v & TXP and not self.isr & RST:
            self.transmit()

    # ---- remote DMA ---------------------------------------------------------------------------------------------
    cdef void step(self, u32 n) noexcept nogil:
        self.rsar = self.rsar + n & 0xFFFF
        if self.rsar == <u32>self.pstop << 8 and self.pstop:
            self.rsar = <u32>self.pstart << 8
        if self.rbcr <= n:
            self.rbcr = 0
            self.isr |= RDC
            self.cr = self.cr & ~RD_MASK | RD_ABORT
            self.update()
        else:
            self.rbcr -= n

    cdef u32 data_read(self, u32 size) noexcept nogil:
        cdef u32 v = 0, k, at, n = max(size, 2) if self.dcr & WTS else 1
        if (self.cr & RD_MASK) != RD_READ or self.rbcr == 0:
            return 0xFFFFFFFF
        for k in range(n):
            at = self.rsar + k
            if at < PROM or RAM_FIRST <= at < RAM_END:
                v |= <u32>self.mem[at] << (8 * k)
            else:
                v |= <u32>0xFF << (8 * k)
        self.step(n)
        return v

    cdef void data_write(self, u32 size, u32 v) noexcept nogil:
        cdef u32 k, at, n = max(size, 2) if self.dcr & WTS else 1
        if (self.cr & RD_MASK) != RD_WRITE or self.rbcr == 0:
            return
        for k in range(n):
            at = self.rsar + k
            if RAM_FIRST <= at < RAM_END:
                self.mem[at] = <u8>(v >> (8 * k))
        self.step(n)

    # ---- frames -------------------------------------------------------------------------------------------------
    cdef void transmit(self) noexcept nogil:
        cdef u32 at = <u32>self.tpsr << 8
        if self.tbcr and at >= RAM_FIRST and at + self.tbcr <= RAM_END:
            if self.tcr & LOOPBACK:
                self.take(self.mem + at, self.tbcr)
            else:
                self.port.send(self.mem + at, self.tbcr)
        self.tsr = 0x01
        self.isr |= PTX
        self.update()

    cdef bint wanted(self, const u8 *frame) noexcept nogil:
        cdef u32 k, bit
        if frame[0] & 1:
            for k in range(6):
                if frame[k] != 0xFF:
                    bit = multicast_hash(frame)
                    return self.rcr & PRO or self.rcr & AM and self.mar[bit >> 3] >> (bit & 7) & 1
            return self.rcr & (AB | PRO) != 0
        if self.rcr & PRO:
            return True
        for k in range(6):
            if frame[k] != self.par[k]:
                return False
        return True

    cdef void missed(self, u8 why) noexcept nogil:
        """A frame for us was not stored."""
        self.rsr |= RSR_MPA
        self.isr |= RXE | why
        if self.tally[2] < TALLY_MAX:
            self.tally[2] += 1
        if self.tally[2] & 0x80:
            self.isr |= CNT
        self.update()

    cdef bint take(self, const u8 *frame, u32 n) noexcept nogil:
        """Put a frame into the ring, or lose it; always taken off the wire."""
        cdef u32 first = <u32>self.pstart << 8, end = <u32>self.pstop << 8, at = <u32>self.curr << 8
        cdef u32 size = n + 4, pages = (size + 4 + 255) >> 8, free_pages = <u32>-1, part, nxt, pos, total
        cdef bint loop = self.tcr & LOOPBACK != 0
        if self.isr & RST or n < 14 or n > 1514 or not self.wanted(frame):
            return True
        if self.rcr & MON:
            self.missed(0)
            return True
        if first < RAM_FIRST or end > RAM_END or first >= end or not first <= at < end or loop:
            return True
        total = (end - first) >> 8
        # a boundary outside the ring is never met
        if first <= <u32>self.bnry << 8 < end:
            free_pages = self.bnry - self.curr if self.curr < self.bnry else total - (self.curr - self.bnry)
        if pages >= free_pages:
            self.missed(OVW)
            return True
        self.rsr = RSR_PRX | (RSR_PHY if frame[0] & 1 else 0)
        nxt = (first >> 8) + ((at >> 8) - (first >> 8) + pages) % total
        pos = at + 4
        while n:                    # a frame longer than the ring runs over its own beginning
            part = min(n, end - pos)
            memcpy(self.mem + pos, frame, part)
            frame += part
            n -= part
            pos = first if pos + part == end else pos + part
        self.mem[at] = self.rsr
        self.mem[at + 1] = <u8>nxt
        self.mem[at + 2] = <u8>size
        self.mem[at + 3] = <u8>(size >> 8)
        self.curr = <u8>nxt
        self.isr |= PRX
        self.update()
        return True

    cdef void state(self, Visitor v):
        v.raw(b"mem", self.mem, sizeof(self.mem))
        v.raw(b"par", self.par, 6)
        v.raw(b"mar", self.mar, 8)
        v.raw(b"tally", self.tally, 3)
        v.u8(b"cr", &self.cr)
        v.u8(b"isr", &self.isr)
        v.u8(b"imr", &self.imr)
        v.u8(b"rcr", &self.rcr)
        v.u8(b"tcr", &self.tcr)
        v.u8(b"dcr", &self.dcr)
        v.u8(b"tsr", &self.tsr)
        v.u8(b"rsr", &self.rsr)
        v.u8(b"pstart", &self.pstart)
        v.u8(b"pstop", &self.pstop)
        v.u8(b"bnry", &self.bnry)
        v.u8(b"curr", &self.curr)
        v.u8(b"tpsr", &self.tpsr)
        v.u32(b"tbcr", &self.tbcr)
        v.u32(b"rsar", &self.rsar)
        v.u32(b"rbcr", &self.rbcr)
        v.begin("net")
        self.port.state(v)
