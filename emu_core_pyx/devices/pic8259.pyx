"""Interrupt controllers of the PC: two 8259A and the ELCR of the PIIX.

Not emulated: MCS-80/85 mode (ICW4 uPM=0 answers as if it were 8086 mode), buffered mode (pins only).
Spec: Intel 8259A data sheet (order 231468); 82371SB (PIIX3) 2.5.5 "ELCR".

Regions of Pic8259Pair: 0 master (0x20), 1 slave (0xA0), 2 ELCR (0x4D0).  Pins 0-15 are IRQ0-15, pin 2 is
taken by the cascade.  Output `intr`.
"""
from libc.string cimport memset
from emu_core_pyx.types cimport u8, u32
from emu_core_pyx.bus.device cimport Line
from emu_core_pyx.bus.irq cimport IrqSource
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    ICW1_IC4 = 0x01
    ICW1_SNGL = 0x02
    ICW1_LTIM = 0x08
    ICW1_INIT = 0x10
    ICW4_AEOI = 0x02
    ICW4_SFNM = 0x10
    OCW3_SELECT = 0x08
    OCW3_RIS = 0x01
    OCW3_RR = 0x02
    OCW3_P = 0x04
    OCW3_SMM = 0x20
    OCW3_ESMM = 0x40

cdef struct Chip:
    u8 lines            # levels on IR0-IR7
    u8 edge             # rising edge seen and not acknowledged
    u8 imr
    u8 isr
    u8 lowest           # IR with the lowest priority (7 after initialisation)
    u8 icw1
    u8 icw2             # vector base
    u8 icw3
    u8 icw4
    u8 step             # next ICW expected on A0=1: 0 none, 2, 3, 4
    u8 read_isr
    u8 poll
    u8 special_mask
    u8 rotate_aeoi
    u8 elcr


cdef inline u8 level_mask(Chip *p) noexcept nogil:
    return 0xFF if p.icw1 & ICW1_LTIM else p.elcr


cdef inline u8 requests(Chip *p) noexcept nogil:
    """IRR: a request is there while its line is high; an edge input needs its edge, too."""
    return p.lines & (p.edge | level_mask(p))


cdef inline int first(Chip *p, u8 bits) noexcept nogil:
    """Position in priority order (0 best) of the best of `bits`, 8 if none."""
    cdef int k
    for k in range(8):
        if bits >> ((p.lowest + 1 + k) & 7) & 1:
            return k
    return 8


cdef int pending(Chip *p) noexcept nogil:
    """The IR that makes INT high, -1 if none."""
    cdef u8 req = requests(p) & ~p.imr
    cdef u8 isr = p.isr
    cdef int k
    if not req:
        return -1
    if p.special_mask:
        isr &= ~p.imr
    if p.icw4 & ICW4_SFNM:
        isr &= ~p.icw3          # a slave in service does not block its own higher levels
    k = first(p, req)
    if k >= first(p, isr):
        return -1
    return (p.lowest + 1 + k) & 7


cdef void in_service(Chip *p, int ir) noexcept nogil:
    """Second INTA: ISR bit set, edge used up."""
    p.edge &= <u8>~(1 << ir)
    if p.icw4 & ICW4_AEOI:
        if p.rotate_aeoi:
            p.lowest = <u8>ir
    else:
        p.isr |= <u8>(1 << ir)


cdef void ocw2(Chip *p, u8 v) noexcept nogil:
    cdef u8 cmd = v >> 5, ir = v & 7, isr = p.isr
    cdef int k
    if cmd == 0 or cmd == 4:
        p.rotate_aeoi = cmd >> 2
    elif cmd == 1 or cmd == 5:              # non-specific EOI
        if p.special_mask:
            isr &= ~p.imr
        k = first(p, isr)
        if k < 8:
            ir = <u8>((p.lowest + 1 + k) & 7)
            p.isr &= <u8>~(1 << ir)
            if cmd == 5:
                p.lowest = ir
    elif cmd == 3 or cmd == 7:              # specific EOI
        p.isr &= <u8>~(1 << ir)
        if cmd == 7:
            p.lowest = ir
    elif cmd == 6:                          # set priority
        p.lowest = ir


cdef void chip_write(Chip *p, u32 a0, u8 v) noexcept nogil:
    if a0 == 0:
        if v & ICW1_INIT:
            p.icw1 = v
            p.edge = 0
            p.imr = 0
            p.isr = 0
            p.lowest = 7
            p.icw3 = 0
            p.icw4 = 0
            p.special_mask = 0
            p.rotate_aeoi = 0
            p.read_isr = 0
            p.poll = 0
            p.step = 2
        elif v & OCW3_SELECT:
            if v & OCW3_P:
                p.poll = 1
            elif v & OCW3_RR:
                p.read_isr = v & OCW3_RIS
            if v & OCW3_ESMM:
                p.special_mask = 1 if v & OCW3_SMM else 0
        else:
            ocw2(p, v)
        return
    if p.step == 2:
        p.icw2 = v & 0xF8
        p.step = 0
        if not p.icw1 & ICW1_SNGL:
            p.step = 3
        elif p.icw1 & ICW1_IC4:
            p.step = 4
    elif p.step == 3:
        p.icw3 = v
        p.step = 4 if p.icw1 & ICW1_IC4 else 0
    elif p.step == 4:
        p.icw4 = v
        p.step = 0
    else:
        p.imr = v


cdef u8 chip_read(Chip *p, u32 a0) noexcept nogil:
    cdef int ir
    if p.poll:
        p.poll = 0
        ir = pending(p)
        if ir < 0:
            return 0x07
        in_service(p, ir)
        return <u8>(0x80 | ir)
    if a0:
        return p.imr
    return p.isr if p.read_isr else requests(p)


cdef class Pic8259Pair(IrqSource):
    """Master and slave with the cascade on IR2."""
    cdef Chip chip[2]
    cdef readonly Line intr

    def __init__(self, str name="pic"):
        self.name = name
        self.intr = Line()
        self.chip[0].lowest = self.chip[1].lowest = 7

    cpdef void reset(self):
        cdef int k
        cdef u8 lines
        for k in range(2):
            lines = self.chip[k].lines      # wires keep what devices drive
            memset(&self.chip[k], 0, sizeof(Chip))
            self.chip[k].lines = lines
            self.chip[k].lowest = 7
        self.update()

    cdef void update(self) noexcept nogil:
        self.drive(&self.chip[0], 2, 1 if pending(&self.chip[1]) >= 0 else 0)
        self.intr.set(1 if pending(&self.chip[0]) >= 0 else 0)

    cdef void drive(self, Chip *p, u32 ir, u32 level) noexcept nogil:
        cdef u8 bit = <u8>(1 << ir)
        if level:
            if not p.lines & bit:
                p.edge |= bit
            p.lines |= bit
        else:
            p.lines &= ~bit
            p.edge &= ~bit      # a request withdrawn before INTA is gone

    cdef void on_line(self, u32 pin, u32 level) noexcept nogil:
        if pin > 15 or pin == 2:
            return
        self.drive(&self.chip[pin >> 3], pin & 7, level)
        self.update()

    cdef int acknowledge(self) noexcept nogil:
        """Both INTA pulses.  A request that went away answers as IR7 without an ISR bit (spurious)."""
        cdef Chip *m = &self.chip[0]
        cdef Chip *s = &self.chip[1]
        cdef int ir = pending(m), sir
        if ir < 0:
            return m.icw2 | 7
        in_service(m, ir)
        if ir != 2 or m.icw1 & ICW1_SNGL:
            self.update()
            return m.icw2 | ir
        sir = pending(s)
        if sir < 0:
            self.update()
            return s.icw2 | 7
        in_service(s, sir)
        # The slave's INT falls at INTA: what it asks for next is a new edge at the master.
        self.drive(m, 2, 0)
        self.update()
        return s.icw2 | sir

    cdef u32 io_read(self, u32 region, u32 off, u32 size) noexcept nogil:
        cdef u32 v = 0, k
        for k in range(size):
            v |= <u32>self.rd(region, off + k) << (8 * k)
        return v

    cdef void io_write(self, u32 region, u32 off, u32 size, u32 value) noexcept nogil:
        cdef u32 k
        for k in range(size):
            self.wr(region, off + k, <u8>(value >> (8 * k)))

    cdef u8 rd(self, u32 region, u32 off) noexcept nogil:
        cdef u8 v
        if off > 1 or region > 2:
            return 0xFF
        if region == 2:
            return self.chip[off].elcr
        v = chip_read(&self.chip[region], off)
        if off == 0 or v & 0x80:
            self.update()
        return v

    cdef void wr(self, u32 region, u32 off, u8 v) noexcept nogil:
        if off > 1 or region > 2:
            return
        if region == 2:         # IRQ0, 1, 2, 8 and 13 are always edge
            self.chip[off].elcr = v & (0xDE if off else 0xF8)
        else:
            chip_write(&self.chip[region], off, v)
        self.update()

    cdef void state(self, Visitor v):
        v.raw(b"master", &self.chip[0], sizeof(Chip))
        v.raw(b"slave", &self.chip[1], sizeof(Chip))
        v.u32(b"intr", &self.intr.level)

    @property
    def info(self):
        """Registers of both chips: list of dicts of irr, imr, isr, base, elcr, lines."""
        return [{"irr": requests(&self.chip[k]), "imr": self.chip[k].imr, "isr": self.chip[k].isr,
                 "base": self.chip[k].icw2, "elcr": self.chip[k].elcr, "lines": self.chip[k].lines} for k in range(2)]
