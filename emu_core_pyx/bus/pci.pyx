"""See pci.pxd."""
from libc.string cimport memcpy
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.bus.bus cimport Bus
from emu_core_pyx.bus.device cimport Device, Line
from emu_core_pyx.bus.visitor cimport Visitor


cdef class PciBus(Device):
    """Bus 0: functions by devfn, and the wired-or of their interrupt pins into PIRQA-D."""

    def __init__(self, str name="pci"):
        self.name = name
        self.owners = []
        self.pirq = tuple([Line() for _ in range(4)])
        for k in range(4):
            self.pirq_line[k] = <void *>self.pirq[k]

    def add(self, PciDevice function not None, u32 devfn):
        """Seat `function` at device devfn >> 3, function devfn & 7."""
        if devfn > 255 or self.functions[devfn] != NULL:
            raise ValueError(f"PCI {devfn >> 3:02x}.{devfn & 7} is not free")
        self.functions[devfn] = <void *>function
        self.owners.append(function)
        function.devfn = devfn
        function.pci = self

    @property
    def devices(self):
        """All functions, in devfn order."""
        return sorted(self.owners, key=lambda d: d.devfn)

    cdef u32 read(self, u32 devfn, u32 off, u32 size) noexcept nogil:
        if self.functions[devfn] == NULL:
            return <u32>0xFFFFFFFF
        return (<PciDevice>self.functions[devfn]).config_read(off, size)

    cdef void write(self, u32 devfn, u32 off, u32 size, u32 value) noexcept nogil:
        if self.functions[devfn] != NULL:
            (<PciDevice>self.functions[devfn]).config_write(off, size, value)

    cdef void assert_intx(self, u32 devfn, u32 pin, u32 level) noexcept nogil:
        """Pin 0-3 is INTA-D; device 1's INTA is PIRQA, and so on round."""
        cdef u32 k = ((devfn >> 3) + pin + 3) & 3
        if level:
            self.intx[k] += 1
        elif self.intx[k]:
            self.intx[k] -= 1
        (<Line>self.pirq_line[k]).set(1 if self.intx[k] else 0)

    cdef void state(self, Visitor v):
        cdef u32 k
        cdef u32 levels[4]
        for k in range(4):
            levels[k] = (<Line>self.pirq_line[k]).level
        v.raw(b"intx", &self.intx[0], sizeof(self.intx))
        v.raw(b"pirq", &levels[0], sizeof(levels))
        for k in range(4):
            (<Line>self.pirq_line[k]).level = levels[k]


cdef class PciDevice(Device):
    """One PCI function with a type 0 header."""

    cdef void put16(self, u8 *table, u32 off, u32 v):
        table[off] = <u8>v
        table[off + 1] = <u8>(v >> 8)

    cdef void put32(self, u8 *table, u32 off, u32 v):
        self.put16(table, off, v)
        self.put16(table, off + 2, v >> 16)

    cdef void identify(self, u16 vendor, u16 device, u32 class_code, u8 revision):
        """Identity and the bits every function may write."""
        self.put16(self.config, 0x00, vendor)
        self.put16(self.config, 0x02, device)
        self.put32(self.config, 0x08, class_code << 8 | revision)
        self.put16(self.wmask, PCI_COMMAND, CMD_IO | CMD_MEMORY | CMD_MASTER | 0x0150)
        self.put16(self.w1c, PCI_STATUS, 0xF900)
        self.wmask[0x0C] = self.wmask[0x0D] = 0xFF
        self.wmask[PCI_IRQ_LINE] = 0xFF

    cdef void bar(self, u32 n, u32 kind, u64 size, u32 region):
        """Declare base address register `n` (6: expansion ROM)."""
        cdef u32 off = PCI_ROM if n == 6 else PCI_BAR0 + 4 * n
        self.bars[n].kind = kind
        self.bars[n].size = size
        self.bars[n].region = region
        self.bars[n].slot = -1
        self.put32(self.wmask, off, <u32>~(size - 1) & (~<u32>0x3 if kind == BAR_IO else ~<u32>0xF) | (kind == BAR_ROM))
        self.put32(self.config, off, 1 if kind == BAR_IO else 8 if kind == BAR_PREFETCH else 0)

    def plug(self, Bus bus not None):
        """Take slots for the base address registers (unmapped until the guest maps them)."""
        self.ports = bus
        for n in range(7):
            if self.bars[n].kind == BAR_IO:
                self.bars[n].slot = bus.map_io(self, self.bars[n].region, 0, 0)
            elif self.bars[n].kind != BAR_NONE:
                self.bars[n].slot = bus.map_mmio(self, self.bars[n].region, 0, 0)

    cpdef void reset(self):
        if not self.sealed:             # what __init__ and the board wrote is the reset value
            self.sealed = 1
            memcpy(self.reset_config, self.config, 256)
        memcpy(self.config, self.reset_config, 256)
        self.set_intx(0)
        self.map_bars()

    cdef u32 get16(self, u32 off) noexcept nogil:
        return self.config[off & 0xFF] | <u32>self.config[(off + 1) & 0xFF] << 8

    cdef u32 get32(self, u32 off) noexcept nogil:
        return self.get16(off) | self.get16(off + 2) << 16

    cdef u32 config_read(self, u32 off, u32 size) noexcept nogil:
        cdef u32 v = 0, k
        for k in range(size):
            v |= <u32>self.config[(off + k) & 0xFF] << (8 * k)
        return v

    cdef void config_write(self, u32 off, u32 size, u32 value) noexcept nogil:
        cdef u32 k, r
        cdef u8 b
        for k in range(size):
            r = (off + k) & 0xFF
            b = <u8>(value >> (8 * k))
            self.config[r] = (self.config[r] & ~self.wmask[r] | b & self.wmask[r]) & ~(b & self.w1c[r])
        if off < PCI_COMMAND + 2 and off + size > PCI_COMMAND or off < PCI_ROM + 4 and off + size > PCI_BAR0:
            self.map_bars()
        self.config_changed(off, size)

    cdef void config_changed(self, u32 off, u32 size) noexcept nogil:
        pass

    cdef void map_bars(self) noexcept nogil:
        """Route what COMMAND enables.  A register being sized (all ones) or zero is not routed."""
        cdef u32 n, v, cmd = self.get16(PCI_COMMAND)
        cdef u64 base
        cdef bint on
        if self.ports is None:
            return
        for n in range(7):
            if self.bars[n].kind == BAR_NONE or self.bars[n].slot < 0:
                continue
            v = self.get32(PCI_ROM if n == 6 else PCI_BAR0 + 4 * n)
            base = v & ~(self.bars[n].size - 1) & (<u64>0xFFFFFFFC if self.bars[n].kind == BAR_IO else <u64>0xFFFFFFF0)
            on = cmd & (CMD_IO if self.bars[n].kind == BAR_IO else CMD_MEMORY) != 0 and base != 0
            if self.bars[n].kind == BAR_ROM and not v & 1:
                on = False
            if base + self.bars[n].size > (<u64>0x10000 if self.bars[n].kind == BAR_IO else <u64>0xFFFFFFFF):
                on = False
            self.ports.remap(<u32>self.bars[n].slot, base if on else 0, self.bars[n].size if on else 0)

    cdef void set_intx(self, u32 level) noexcept nogil:
        if level == self.intx_level:
            return
        self.intx_level = level
        if self.pci is not None and self.config[PCI_IRQ_PIN]:
            self.pci.assert_intx(self.devfn, self.config[PCI_IRQ_PIN] - 1, level)

    cdef void state_pci(self, Visitor v):
        v.raw(b"config", &self.config[0], 256)
        v.u32(b"intx_level", &self.intx_level)
        if v.loading:
            self.map_bars()

    cdef void state(self, Visitor v):
        self.state_pci(v)

    # -- the board's side ------------------------------------------------------------------------
    def py_config_read(self, u32 off, u32 size=1):
        """What the guest reads at `off` of configuration space."""
        return self.config_read(off, size) & <u32>(((<u64>1) << (8 * size)) - 1)

    def py_config_write(self, u32 off, value, u32 size=1):
        """What the guest does by a configuration write."""
        self.config_write(off, size, <u32>(value & 0xFFFFFFFF))

    @property
    def info(self):
        """Dict: devfn, vendor, device, class, irq_line, pin, bars [(kind, base, size)]."""
        bars = []
        for n in range(7):
            if self.bars[n].kind != BAR_NONE:
                v = self.get32(PCI_ROM if n == 6 else PCI_BAR0 + 4 * n)
                bars.append(("io" if self.bars[n].kind == BAR_IO else "mem", v & ~(self.bars[n].size - 1) & 0xFFFFFFFF,
                             self.bars[n].size))
        return {"devfn": self.devfn, "vendor": self.get16(0), "device": self.get16(2), "class": self.get32(8) >> 8,
                "irq_line": self.config[PCI_IRQ_LINE], "pin": self.config[PCI_IRQ_PIN], "bars": bars}
