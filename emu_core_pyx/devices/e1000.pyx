"""Intel 82540EM gigabit Ethernet controller (e1000): descriptor rings, offloads, interrupt moderation, EEPROM, PHY.

BAR 0: registers; BAR 1: the same through IOADDR/IODATA; expansion ROM.  Frames come at 1 Gbit/s; those for which there is no
descriptor wait in the port.  Not emulated: flash, wake-up and management, flow control frames, the packet buffer's memory, TX/RX
FIFO registers, half duplex.  Spec: Intel PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual (317453).
"""
from libc.string cimport memcpy, memmove, memset
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.bus.clock cimport Clock
from emu_core_pyx.bus.netport cimport FRAME_MAX, NetPort
from emu_core_pyx.bus.optionrom cimport OptionRom
from emu_core_pyx.bus.pci cimport BAR_IO, BAR_MEM, CMD_MASTER, PCI_COMMAND, PCI_IRQ_PIN, PCI_SUBSYSTEM, PciDevice
from emu_core_pyx.bus.timers cimport visit_deadline
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.devices.eeprom93c46 cimport Eeprom93C46
from emu_core_pyx.devices.ethernet cimport get16be, put16be, sum16

cdef enum:              # register offsets
    CTRL = 0x0000
    STATUS = 0x0008
    EECD = 0x0010
    EERD = 0x0014
    MDIC = 0x0020
    VET = 0x0038
    ICR = 0x00C0
    ITR = 0x00C4
    ICS = 0x00C8
    IMS = 0x00D0
    IMC = 0x00D8
    RCTL = 0x0100
    TCTL = 0x0400
    PBA = 0x1000
    RDBAL = 0x2800
    RDBAH = 0x2804
    RDLEN = 0x2808
    RDH = 0x2810
    RDT = 0x2818
    RDTR = 0x2820
    RADV = 0x282C
    TDBAL = 0x3800
    TDBAH = 0x3804
    TDLEN = 0x3808
    TDH = 0x3810
    TDT = 0x3818
    TIDV = 0x3820
    TADV = 0x382C
    RXCSUM = 0x5000
    MTA = 0x5200
    RAL = 0x5400
    VFTA = 0x5600
    STATS = 0x4000
    STATS_END = 0x4100
    ROC = 0x40AC        # statistics we count
    PRC64 = 0x405C
    GPRC = 0x4074
    BPRC = 0x4078
    MPRC = 0x407C
    GPTC = 0x4080
    GORCL = 0x4088
    GOTCL = 0x4090
    TORL = 0x40C0
    TOTL = 0x40C8
    TPR = 0x40D0
    TPT = 0x40D4
    PTC64 = 0x40D8
    MPTC = 0x40F0
    BPTC = 0x40F4
    TSCTC = 0x40F8

cdef enum:
    TXDW = 0x01         # ICR
    TXQE = 0x02
    LSC = 0x04
    RXDMT0 = 0x10
    RXT0 = 0x80
    MDAC = 0x200
    CTRL_RST = 0x04000000
    CTRL_VME = 0x40000000
    STATUS_LU = 0x02
    RCTL_EN = 0x02
    RCTL_UPE = 0x08
    RCTL_MPE = 0x10
    RCTL_LPE = 0x20
    RCTL_LBM = 0xC0
    RCTL_BAM = 0x8000
    RCTL_VFE = 0x40000
    RCTL_BSEX = 0x02000000
    RCTL_SECRC = 0x04000000
    TCTL_EN = 0x02
    EOP = 0x01          # descriptor command
    TSE = 0x04
    RS = 0x08
    RPS = 0x10
    DEXT = 0x20
    VLE = 0x40
    IDE = 0x80
    IC = 0x04
    CTX_TCP = 0x01
    CTX_IP = 0x02
    IXSM = 0x01         # POPTS
    TXSM = 0x02
    RX_DD = 0x01        # receive status
    RX_EOP = 0x02
    RX_IXSM = 0x04
    RX_VP = 0x08
    RX_TCPCS = 0x20
    RX_IPCS = 0x40
    RX_PIF = 0x80
    RX_TCPE = 0x2000    # receive errors, shifted to be with the status
    RX_IPE = 0x4000
    PHY_CTRL = 0
    PHY_STATUS = 1
    PHY_SPEC_STATUS = 17
    BATCH = 128         # descriptors worked off in one go
    BATCH_BYTES = 1 << 18
    SEGMENT_COST = 1024     # what a segment counts for of BATCH_BYTES, besides its data
    DATA_MAX = 0xFFFF   # of one descriptor; the manual allows 16288
    TX_FULL = 1 << 19   # bytes waiting in the port before we hold back
    UNIT_NS = 1024      # of RDTR, RADV, TIDV, TADV
    WIRE_NS = 8
    MM_ROM = 2          # region
    T_IRQ = 0           # timers
    T_RX = 1
    T_RX_ABS = 2
    T_TX = 3
    T_TX_ABS = 4
    T_SEND = 5


cdef bint receive(void *card, const u8 *frame, u32 n) noexcept nogil:
    return (<E1000>card).take(frame, n)


cdef class E1000(PciDevice):
    """PCI function 8086:100e; `port` is its network socket, `dma` its way to memory."""

    def __init__(self, str name="e1000"):
        cdef u32 k, _, v
        self.name = name
        self.port = NetPort(name + ".net")
        self.port.join(<void *>self, receive)
        self.port.byte_ns = WIRE_NS
        self.port.link_line.connect(self, 1)
        self.eeprom = Eeprom93C46()
        self.rom = OptionRom()
        for k in range(256):
            v = k
            for _ in range(8):
                v = v >> 1 ^ (<u32>0xEDB88320 & (0 - (v & 1)))
            self.crc_table[k] = v
        self.identify(0x8086, 0x100E, 0x020000, 0x03)
        self.put16(self.config, PCI_SUBSYSTEM, 0x8086)
        self.put16(self.config, PCI_SUBSYSTEM + 2, 0x001E)
        self.config[PCI_IRQ_PIN] = 1
        self.config[0x3E] = 0xFF            # MIN_GNT
        self.bar(0, BAR_MEM, 0x20000, 0)
        self.bar(1, BAR_IO, 0x40, 1)
        self.set_mac(b"\x52\x54\x00\x12\x34\x56")

    def attach(self, Clock clock):
        """The board gives the clock."""
        cdef u32 k
        self.clock = clock
        self.port.attach(clock)
        for k in range(TIMERS):
            self.timers[k] = clock.timer(self, k)

    def set_mac(self, bytes mac):
        """Program the EEPROM: address, identity and the checksum over all words."""
        cdef u32 k, total = 0
        words = self.eeprom
        for k in range(64):
            words.write(k, 0xFFFF if k >= 0x20 else 0)
        for k in range(3):
            words.write(k, mac[2 * k] | mac[2 * k + 1] << 8)
        for k, v in ((0x08, 0x3000), (0x09, 0x1000), (0x0A, 0x6402), (0x0B, 0x001E), (0x0C, 0x8086), (0x0D, 0x100E),
                     (0x0E, 0x8086), (0x0F, 0x3040)):
            words.write(k, v)
        for k in range(63):
            total += words.words[k]
        words.write(63, <u16>(0xBABA - total))

    def set_rom(self, bytes rom not None):
        """What boots from the network, behind the expansion ROM register."""
        self.rom.fit(self, MM_ROM, rom)

    cpdef void reset(self):
        PciDevice.reset(self)
        self.io_addr = 0
        self.chip_reset()
        self.port.reset()

    cdef void chip_reset(self) noexcept nogil:
        cdef u32 k
        memset(self.reg, 0, sizeof(self.reg))
        memset(self.phy, 0, sizeof(self.phy))
        memset(&self.plain, 0, sizeof(Offload))
        memset(&self.tso, 0, sizeof(Offload))
        memset(&self.job, 0, sizeof(Offload))
        self.size = self.popts = self.segmenting = self.vlan = self.sent_payload = self.segments = self.overlong = 0
        self.irq_after = 0
        self.reg[CTRL >> 2] = 0x00140200 | 0x40
        self.reg[PBA >> 2] = 0x00100030
        self.reg[VET >> 2] = 0x8100
        self.reg[0x0E00 >> 2] = 0x07068302          # LEDCTL
        self.phy[PHY_CTRL] = 0x1140
        self.phy[2] = 0x0141                        # M88E1000
        self.phy[3] = 0x0C20
        self.phy[4] = 0x0DE1
        self.phy[5] = 0xC5E1                        # the other end can do all
        self.phy[6] = 0x000F
        self.phy[9] = 0x0E00
        self.phy[10] = 0x3C00
        self.phy[15] = 0x3000
        self.phy[16] = 0x0360
        self.phy[20] = 0x0D60
        self.load_address()
        if self.clock is not None:
            for k in range(TIMERS):
                self.clock.cancel(self.timers[k])
        self.link_changed()
        self.update_irq()

    cdef void load_address(self) noexcept nogil:
        self.reg[RAL >> 2] = self.eeprom.words[0] | <u32>self.eeprom.words[1] << 16
        self.reg[(RAL >> 2) + 1] = self.eeprom.words[2] | <u32>0x80000000

    cdef void link_changed(self) noexcept nogil:
        cdef u32 up = self.port.link_up()
        self.reg[STATUS >> 2] = 0x781 | (STATUS_LU if up else 0)        # 1000 Mbit/s, full duplex
        self.phy[PHY_STATUS] = 0x7949 | (0x24 if up else 0)
        self.phy[PHY_SPEC_STATUS] = 0xAC00 if up else 0x8000

    cdef void on_line(self, u32 pin, u32 level) noexcept nogil:
        if pin == 1 and self.clock is not None:
            self.link_changed()
            self.cause(LSC)

    # ---- interrupts ---------------------------------------------------------------------------------------------
    cdef void cause(self, u32 bits) noexcept nogil:
        self.reg[ICR >> 2] |= bits
        self.update_irq()

    cdef void update_irq(self) noexcept nogil:
        cdef u64 now
        if self.clock is None:
            return
        if not self.reg[ICR >> 2] & self.reg[IMS >> 2]:
            self.set_intx(0)
            return
        if self.intx_level:
            return
        now = self.clock.now_ns()
        if now < self.irq_after:
            self.clock.arm(self.timers[T_IRQ], self.irq_after)
            return
        self.irq_after = now + <u64>(self.reg[ITR >> 2] & 0xFFFF) * 256
        self.set_intx(1)

    cdef void on_timer(self, u32 timer, u64 now) noexcept nogil:
        if timer == T_IRQ:
            self.update_irq()
        elif timer <= T_RX_ABS:
            self.clock.cancel(self.timers[T_RX])
            self.clock.cancel(self.timers[T_RX_ABS])
            self.cause(RXT0)
        elif timer <= T_TX_ABS:
            self.clock.cancel(self.timers[T_TX])
            self.clock.cancel(self.timers[T_TX_ABS])
            self.cause(TXDW)
        else:
            self.transmit()

    # ---- registers ----------------------------------------------------------------------------------------------
    cdef u64 mmio_read(self, u32 region, u64 off, u32 size) noexcept nogil:
        cdef u32 v
        if region == MM_ROM:
            return self.rom.read(off, size)
        if region or off >= 0x20000 or self.mastering:
            return <u64>-1
        v = self.register_read(<u32>off & ~<u32>3)
        if size == 8:
            return v | <u64>self.register_read((<u32>off & ~<u32>3) + 4) << 32
        return v >> (8 * (off & 3))

    cdef void mmio_write(self, u32 region, u64 off, u32 size, u64 value) noexcept nogil:
        if region or off >= 0x20000 or off & 3 or size < 4 or self.mastering:
            return              # registers are written whole
        self.register_write(<u32>off, <u32>value)
        if size == 8:
            self.register_write(<u32>off + 4, <u32>(value >> 32))

    cdef u32 io_read(self, u32 region, u32 off, u32 size) noexcept nogil:
        if region != 1 or off >= 8:
            return <u32>-1
        if off & 4:
            return self.register_read(self.io_addr) if off == 4 and self.io_addr < 0x20000 else 0
        return self.io_addr >> (8 * (off & 3))

    cdef void io_write(self, u32 region, u32 off, u32 size, u32 value) noexcept nogil:
        if region != 1 or size != 4:
            return
        if off == 0:
            self.io_addr = value & 0x1FFFC
        elif off == 4:
            self.register_write(self.io_addr, value)

    cdef u32 register_read(self, u32 off) noexcept nogil:
        cdef u32 v
        if off >= REGS * 4:
            return 0
        v = self.reg[off >> 2]
        if off == ICR:
            self.reg[ICR >> 2] = 0
            self.update_irq()
        elif off == EECD:
            v = v & 0x47 | 0x100 | (self.eeprom.data_out << 3)
            if v & 0x40:
                v |= 0x80           # the request is granted
        elif off == IMC or off == ICS:
            v = 0
        elif STATS <= off < STATS_END:
            self.reg[off >> 2] = 0
        return v

    cdef void register_write(self, u32 off, u32 v) noexcept nogil:
        if off >= REGS * 4:
            return
        if off == CTRL or off == 0x04:          # 0x04: CTRL_DUP
            if v & CTRL_RST:
                self.chip_reset()
                return
            self.reg[CTRL >> 2] = v & ~<u32>0x80000000
        elif off == EECD:
            self.eecd(v)
        elif off == EERD:
            self.reg[EERD >> 2] = v & 0xFF00
            if v & 1:
                self.reg[EERD >> 2] |= 0x10 | <u32>(self.eeprom.words[v >> 8 & 63]) << 16
        elif off == MDIC:
            self.mdic(v)
        elif off == ICR:
            self.reg[ICR >> 2] &= ~v
            self.update_irq()
        elif off == ICS:
            self.cause(v)
        elif off == IMS:
            self.reg[IMS >> 2] |= v
            self.update_irq()
        elif off == IMC:
            self.reg[IMS >> 2] &= ~v
            self.update_irq()
        elif off == RCTL:
            self.reg[RCTL >> 2] = v & ~<u32>0xF8204001
            self.port.resume()
        elif off == TCTL:
            self.reg[TCTL >> 2] = v
            self.transmit()
        elif off == RDT:
            self.reg[RDT >> 2] = v & 0xFFFF
            self.port.resume()
        elif off == TDT:
            self.reg[TDT >> 2] = v & 0xFFFF
            self.transmit()
        elif off == RDH or off == TDH:
            self.reg[off >> 2] = v & 0xFFFF
        elif off == RDLEN or off == TDLEN:
            self.reg[off >> 2] = v & 0xFFF80
        elif off == RDBAL or off == TDBAL:
            self.reg[off >> 2] = v & ~<u32>15
        elif off == RDTR or off == TIDV:
            self.reg[off >> 2] = v & 0xFFFF
            if v >> 31 and off == RDTR:         # flush: what is held back is reported now
                self.on_timer(T_RX, 0)
        elif off == STATUS or STATS <= off < STATS_END or 0x2410 <= off < 0x2440 or 0x3410 <= off < 0x3440:
            pass
        else:
            self.reg[off >> 2] = v

    cdef void eecd(self, u32 v) noexcept nogil:
        self.reg[EECD >> 2] = v & 0x47
        self.eeprom.pins(v >> 1 & 1, v & 1, v >> 2 & 1)

    cdef void mdic(self, u32 v) noexcept nogil:
        cdef u32 n = v >> 16 & 31, op = v >> 26 & 3
        if (v >> 21 & 31) != 1 or op == 0 or op == 3:
            self.reg[MDIC >> 2] = v | 0x50000000            # READY, error: nobody there
        elif op == 2:
            self.reg[MDIC >> 2] = v & 0x3FFF0000 | 0x10000000 | self.phy[n]
            if n == 19:
                self.phy[n] = 0
        else:
            self.reg[MDIC >> 2] = v | 0x10000000
            if n == PHY_CTRL:
                # reset and restart of auto-negotiation are done at once
                self.phy[n] = <u16>(0x1140 if v & 0x8000 else v & 0x7D40)
                if v & 0x8200:
                    self.link_changed()
                    self.cause(LSC)
            elif n not in (1, 2, 3, 5, 6, 10, 15, 17, 21):
                self.phy[n] = <u16>v
        if v & 0x20000000:
            self.cause(MDAC)

    cdef void count(self, u32 at, u32 n) noexcept nogil:
        cdef u32 v = self.reg[at >> 2]
        self.reg[at >> 2] = v + n if v + n >= v else <u32>-1

    cdef void count64(self, u32 at, u32 n) noexcept nogil:
        cdef u64 v = (self.reg[at >> 2] | <u64>self.reg[(at >> 2) + 1] << 32) + n
        self.reg[at >> 2] = <u32>v
        self.reg[(at >> 2) + 1] = <u32>(v >> 32)

    # ---- bus mastering ------------------------------------------------------------------------------------------
    # Descriptors and buffers may lie anywhere, in the card's own registers too: those do not answer the card itself.
    cdef void fetch(self, u64 at, void *to, u32 n) noexcept nogil:
        self.mastering = 1
        self.dma.read(at, to, n)
        self.mastering = 0

    cdef void store(self, u64 at, const void *data, u32 n) noexcept nogil:
        self.mastering = 1
        self.dma.write(at, data, n)
        self.mastering = 0

    # ---- transmission -------------------------------------------------------------------------------------------
    cdef void transmit(self) noexcept nogil:
        """Work off descriptors from TDH to TDT, a batch at a time."""
        cdef u64 base = self.reg[TDBAL >> 2] | <u64>self.reg[TDBAH >> 2] << 32
        cdef u32 total = self.reg[TDLEN >> 2] >> 4, head, causes = 0, done = 0, moved = 0, n
        cdef u8 d[16]
        if not self.reg[TCTL >> 2] & TCTL_EN or self.dma is None or not self.config[PCI_COMMAND] & CMD_MASTER:
            return
        head = self.reg[TDH >> 2]
        if total == 0 or head >= total or self.reg[TDT >> 2] >= total or head == self.reg[TDT >> 2]:
            return
        while head != self.reg[TDT >> 2]:
            if done == BATCH or moved > BATCH_BYTES or self.port.tx.head - self.port.tx.tail > TX_FULL:
                self.clock.arm(self.timers[T_SEND], self.clock.now_ns() + 2000 + moved // 2)      # what it sends takes its time
                break
            self.fetch(base + 16 * <u64>head, d, 16)
            n = self.descriptor(d)
            moved += n
            done += 1
            if d[11] & (RS | RPS):
                d[12] |= 1
                self.store(base + 16 * <u64>head + 12, d + 12, 1)
                if d[11] & IDE and self.reg[TIDV >> 2]:
                    self.clock.arm(self.timers[T_TX], self.clock.now_ns() + <u64>self.reg[TIDV >> 2] * UNIT_NS)
                    if self.reg[TADV >> 2] & 0xFFFF and self.clock.deadline_of(self.timers[T_TX_ABS]) == <u64>-1:
                        self.clock.arm(self.timers[T_TX_ABS], self.clock.now_ns() + <u64>(self.reg[TADV >> 2] & 0xFFFF) * UNIT_NS)
                else:
                    causes |= TXDW
            head += 1
            if head == total:
                head = 0
            self.reg[TDH >> 2] = head
        if head == self.reg[TDT >> 2]:
            causes |= TXQE
        if causes:
            self.cause(causes)

    cdef u32 descriptor(self, u8 *d) noexcept nogil:
        """One descriptor; bytes it moved, and what counts as such."""
        cdef u32 low = (<u32 *>d)[2], high = (<u32 *>d)[3], command = low >> 24, n, sent
        cdef Offload *o
        if command & DEXT and not low >> 20 & 15:
            o = &self.tso if command & TSE else &self.plain
            o.ipcss, o.ipcso, o.ipcse = d[0], d[1], (<u16 *>d)[1]
            o.tucss, o.tucso, o.tucse = d[4], d[5], (<u16 *>d)[3]
            o.paylen = low & 0xFFFFF
            o.command = command
            o.hdrlen = d[13]
            o.mss = high >> 16
            return 0
        if command & DEXT:
            n = min(low & 0xFFFFF, DATA_MAX)
            if self.size == 0 and not self.sent_payload:
                self.popts = high >> 8 & 0xFF
                self.job = self.tso
                self.segmenting = command & TSE != 0 and self.tso.mss != 0 and self.tso.hdrlen != 0 \
                    and self.tso.hdrlen + self.tso.mss <= FRAME_MAX - 8
        else:
            n = low & 0xFFFF
            if self.size == 0 and not self.sent_payload:
                self.popts = self.segmenting = 0
        if command & VLE and self.reg[CTRL >> 2] & CTRL_VME:
            self.vlan = high >> 16 | 0x10000
        sent = self.segments
        self.gather((<u64 *>d)[0], n)
        sent = self.segments - sent
        if command & EOP:
            if not command & DEXT and command & IC:
                self.put_checksum(high >> 8 & 0xFF, low >> 16 & 0xFF, 0)
            self.finish_packet()
        return n + sent * SEGMENT_COST

    cdef void gather(self, u64 at, u32 n) noexcept nogil:
        cdef u32 limit = self.job.hdrlen + self.job.mss if self.segmenting else <u32>(FRAME_MAX - 8), part
        while n:
            if self.size == limit:
                if not self.segmenting:
                    self.overlong = 1
                    return
                self.segment(False)
            part = min(n, limit - self.size)
            self.fetch(at, self.frame + self.size, part)
            if self.segmenting and self.segments == 0 and self.size < self.job.hdrlen <= self.size + part:
                memcpy(self.head, self.frame, self.job.hdrlen)
            self.size += part
            at += part
            n -= part

    cdef void finish_packet(self) noexcept nogil:
        if self.segmenting:
            if self.size > self.job.hdrlen:
                self.segment(True)
        elif self.overlong:
            pass
        else:
            if self.popts & IXSM:
                self.put_checksum(self.plain.ipcss, self.plain.ipcso, self.plain.ipcse)
            if self.popts & TXSM:
                self.put_checksum(self.plain.tucss, self.plain.tucso, self.plain.tucse)
            self.emit()
        self.size = self.popts = self.segmenting = self.vlan = self.sent_payload = self.segments = self.overlong = 0

    cdef void segment(self, bint last) noexcept nogil:
        """Send what is gathered as one segment, and begin the next one with the header."""
        cdef Offload *o = &self.job
        cdef u32 payload = self.size - o.hdrlen, at, seq, k
        cdef u8 *f = self.frame
        if o.command & CTX_IP:
            at = o.ipcss
            if at + 6 <= o.hdrlen:
                put16be(f + at + 2, self.size - at)
                put16be(f + at + 4, get16be(self.head + at + 4) + self.segments)
        elif o.ipcss + 6 <= o.hdrlen and self.size >= o.ipcss + 40:
            put16be(f + o.ipcss + 4, self.size - o.ipcss - 40)
        at = o.tucss
        if o.command & CTX_TCP:
            if at + 14 <= o.hdrlen:
                seq = 0
                for k in range(4):
                    seq = seq << 8 | self.head[at + 4 + k]
                seq += self.sent_payload
                for k in range(4):
                    f[at + 4 + k] = <u8>(seq >> (24 - 8 * k))
                f[at + 13] = self.head[at + 13] if last else self.head[at + 13] & ~<u8>9     # PSH and FIN go with the last
        elif at + 6 <= o.hdrlen:
            put16be(f + at + 4, self.size - at)
        if self.popts & TXSM and o.tucso + 2 <= self.size and self.size >= at:
            k = get16be(self.head + o.tucso) + (self.size - at) if o.tucso + 2 <= 256 else 0
            put16be(f + o.tucso, (k & 0xFFFF) + (k >> 16))
            self.put_checksum(at, o.tucso, o.tucse)
        if self.popts & IXSM:
            self.put_checksum(o.ipcss, o.ipcso, o.ipcse)
        self.sent_payload += payload
        self.segments += 1
        k = self.size
        self.emit()
        self.count(TSCTC, 1 if last else 0)
        memcpy(f, self.head, o.hdrlen)
        self.size = o.hdrlen if k else 0

    cdef void put_checksum(self, u32 start, u32 place, u32 end) noexcept nogil:
        """Checksum of bytes start..end (0: the last) at `place`, on top of what is there."""
        cdef u32 stop = self.size if end == 0 or end + 1 > self.size else end + 1
        if start < stop and place + 2 <= self.size:
            put16be(self.frame + place, sum16(self.frame + start, stop - start, 0) ^ 0xFFFF)

    cdef void emit(self) noexcept nogil:
        """The frame goes out."""
        cdef u32 n = self.size
        if n < 14:
            return
        if self.vlan:
            memmove(self.frame + 16, self.frame + 12, n - 12)
            put16be(self.frame + 12, self.reg[VET >> 2])
            put16be(self.frame + 14, self.vlan)
            n += 4
        self.count(TPT, 1)
        self.count(GPTC, 1)
        self.count64(TOTL, n + 4)
        self.count64(GOTCL, n + 4)
        if self.frame[0] & 1:
            self.count(BPTC if self.frame[0] == 0xFF else MPTC, 1)
        if self.reg[RCTL >> 2] & RCTL_LBM or self.phy[PHY_CTRL] & 0x4000:
            self.take(self.frame, n)
        else:
            self.port.send(self.frame, n)
        if self.vlan and not self.segmenting:
            return
        if self.vlan:
            memmove(self.frame + 12, self.frame + 16, n - 16)

    # ---- reception ----------------------------------------------------------------------------------------------
    cdef u32 fcs(self, const u8 *frame, u32 n) noexcept nogil:
        cdef u32 crc = 0xFFFFFFFF, k
        for k in range(n):
            crc = crc >> 8 ^ self.crc_table[(crc ^ frame[k]) & 0xFF]
        return ~crc

    cdef u32 accepts(self, const u8 *frame, u32 n) noexcept nogil:
        """0: filtered out; else 1, with RX_PIF when only an inexact filter let it pass."""
        cdef u32 rctl = self.reg[RCTL >> 2], k, low, high, bit, tag
        if rctl & RCTL_VFE and n >= 18 and get16be(frame + 12) == self.reg[VET >> 2] & 0xFFFF:
            tag = get16be(frame + 14) & 0xFFF
            if not self.reg[(VFTA >> 2) + (tag >> 5)] >> (tag & 31) & 1:
                return 0
        low = frame[0] | <u32>frame[1] << 8 | <u32>frame[2] << 16 | <u32>frame[3] << 24
        high = frame[4] | <u32>frame[5] << 8
        if frame[0] & 1:
            if low == <u32>0xFFFFFFFF and high == 0xFFFF:
                if rctl & (RCTL_BAM | RCTL_MPE):
                    return 1
            elif rctl & RCTL_MPE:
                return 1
        elif rctl & RCTL_UPE:
            return 1
        for k in range(16):
            if self.reg[(RAL >> 2) + 2 * k + 1] >> 31 and self.reg[(RAL >> 2) + 2 * k] == low \
                    and self.reg[(RAL >> 2) + 2 * k + 1] & 0xFFFF == high:
                return 1
        if frame[0] & 1:
            k = rctl >> 12 & 3
            bit = high >> (0 if k == 3 else 4 - k) & 0xFFF
            if self.reg[(MTA >> 2) + (bit >> 5)] >> (bit & 31) & 1:
                return 1 | RX_PIF
        return 0

    cdef u32 checked(self, const u8 *frame, u32 n) noexcept nogil:
        """Status and error bits of the checksum offload."""
        cdef u32 want = self.reg[RXCSUM >> 2], out = 0, head, total, proto, k
        if not want & 0x300 or n < 34 or get16be(frame + 12) != 0x0800 or frame[14] >> 4 != 4:
            return RX_IXSM
        head = (frame[14] & 15) * 4
        total = get16be(frame + 16)
        if head < 20 or total < head or 14 + total > n:
            return RX_IXSM
        if want & 0x100:
            out = RX_IPCS
            if sum16(frame + 14, head, 0) != 0xFFFF:
                out |= RX_IPE
        proto = frame[23]
        if want & 0x200 and not get16be(frame + 20) & 0x3FFF \
                and (proto == 6 and total >= head + 20 or proto == 17 and total >= head + 8):
            if proto == 17 and get16be(frame + 14 + head + 6) == 0:
                return out
            out |= RX_TCPCS
            k = sum16(frame + 26, 8, proto + total - head)
            if sum16(frame + 14 + head, total - head, k) != 0xFFFF:
                out |= RX_TCPE
        return out if out else RX_IXSM

    cdef bint take(self, const u8 *frame, u32 n) noexcept nogil:
        """A frame from the wire; 0: no descriptor for it now."""
        cdef u64 base = self.reg[RDBAL >> 2] | <u64>self.reg[RDBAH >> 2] << 32, at, now
        cdef u32 rctl = self.reg[RCTL >> 2], total = self.reg[RDLEN >> 2] >> 4
        cdef u32 head = self.reg[RDH >> 2], tail = self.reg[RDT >> 2]
        cdef u32 size, left, room, part, status, how, special = 0, pos = 0, csum, k
        cdef u8 d[16]
        cdef u8 buf[FRAME_MAX + 8]
        if not rctl & RCTL_EN or not self.port.link_up() or self.dma is None or not self.config[PCI_COMMAND] & CMD_MASTER:
            return True
        if n < 14 or n > FRAME_MAX or n > 1518 and not rctl & RCTL_LPE:
            self.count(ROC, 1)
            return True
        how = self.accepts(frame, n)
        if not how:
            return True
        if total == 0 or head >= total or tail >= total:
            return True
        size = (2048 >> (rctl >> 16 & 3)) * (16 if rctl & RCTL_BSEX and rctl >> 16 & 3 else 1)
        room = tail - head if tail >= head else total - head + tail
        if (n + 4 + size - 1) // size > room:
            return False
        status = RX_DD | self.checked(frame, n) | how & RX_PIF
        left = n
        if self.reg[CTRL >> 2] & CTRL_VME and n >= 18 and get16be(frame + 12) == self.reg[VET >> 2] & 0xFFFF:
            memcpy(buf, frame, 12)
            memcpy(buf + 12, frame + 16, n - 16)
            left = n - 4
            special = get16be(frame + 14)
            status |= RX_VP
        else:
            memcpy(buf, frame, n)
        if not rctl & RCTL_SECRC:
            k = self.fcs(frame, n)
            memcpy(buf + left, &k, 4)
            left += 4
        k = self.reg[RXCSUM >> 2] & 0xFF
        csum = sum16(buf + k, left - k, 0) if k < left else 0
        csum = (csum >> 8 | csum << 8) & 0xFFFF
        while left:
            part = min(left, size)
            at = base + 16 * <u64>head
            self.fetch(at, d, 16)
            self.store((<u64 *>d)[0], buf + pos, part)
            pos += part
            left -= part
            (<u16 *>d)[4] = <u16>part
            (<u16 *>d)[5] = <u16>csum
            d[12] = <u8>(status | RX_EOP) if left == 0 else RX_DD
            d[13] = <u8>(status >> 8) if left == 0 else 0
            (<u16 *>d)[7] = <u16>special
            self.store(at + 8, d + 8, 8)
            head += 1
            room -= 1
            if head == total:
                head = 0
        self.reg[RDH >> 2] = head
        self.count(TPR, 1)
        self.count(GPRC, 1)
        self.count64(TORL, n + 4)
        self.count64(GORCL, n + 4)
        if frame[0] & 1:
            self.count(BPRC if frame[0] == 0xFF else MPRC, 1)
        k = 0
        if room <= total >> (1 + (rctl >> 8 & 3)):
            k = RXDMT0
        if self.reg[RDTR >> 2]:
            now = self.clock.now_ns()
            self.clock.arm(self.timers[T_RX], now + <u64>self.reg[RDTR >> 2] * UNIT_NS)
            if self.reg[RADV >> 2] & 0xFFFF and self.clock.deadline_of(self.timers[T_RX_ABS]) == <u64>-1:
                self.clock.arm(self.timers[T_RX_ABS], now + <u64>(self.reg[RADV >> 2] & 0xFFFF) * UNIT_NS)
            if k:
                self.cause(k)
        else:
            self.cause(k | RXT0)
        return True

    cdef void state(self, Visitor v):
        self.state_pci(v)
        v.raw(b"reg", self.reg, sizeof(self.reg))
        v.raw(b"phy", self.phy, sizeof(self.phy))
        v.u32(b"io_addr", &self.io_addr)
        v.u64(b"irq_after", &self.irq_after)
        v.raw(b"plain", &self.plain, sizeof(Offload))
        v.raw(b"tso", &self.tso, sizeof(Offload))
        v.raw(b"job", &self.job, sizeof(Offload))
        v.raw(b"frame", self.frame, sizeof(self.frame))
        v.raw(b"head", self.head, sizeof(self.head))
        v.u32(b"size", &self.size)
        v.u32(b"popts", &self.popts)
        v.u32(b"segmenting", &self.segmenting)
        v.u32(b"vlan", &self.vlan)
        v.u32(b"sent_payload", &self.sent_payload)
        v.u32(b"segments", &self.segments)
        v.u32(b"overlong", &self.overlong)
        if v.loading and (self.size > FRAME_MAX - 8 or self.segmenting and (
                self.job.hdrlen > 255 or self.job.mss > FRAME_MAX or self.size > self.job.hdrlen + self.job.mss
                or self.job.hdrlen + self.job.mss > FRAME_MAX - 8)):
            raise ValueError("e1000: the packet being gathered does not fit")
        visit_deadline(v, b"t_irq", self.clock, self.timers[T_IRQ])
        visit_deadline(v, b"t_rx", self.clock, self.timers[T_RX])
        visit_deadline(v, b"t_rx_abs", self.clock, self.timers[T_RX_ABS])
        visit_deadline(v, b"t_tx", self.clock, self.timers[T_TX])
        visit_deadline(v, b"t_tx_abs", self.clock, self.timers[T_TX_ABS])
        visit_deadline(v, b"t_send", self.clock, self.timers[T_SEND])
        v.begin("eeprom")
        self.eeprom.state(v)
        v.begin("net")
        self.port.state(v)
