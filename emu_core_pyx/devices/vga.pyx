"""Standard VGA of a PC: IBM VGA registers and planar memory, the Bochs display interface, as QEMU's stdvga on PCI.

VRAM is device memory of the machine's own (mmu/physmem): the linear frame buffer (BAR 0), and the A0000 window in
packed-pixel modes, are plain memory for the processor; which pages were written is harvested when somebody looks.
Planar access is in vga_memory.pxd, the DISPI registers' rules in vga_dispi.pxd, the picture in vga_raster.pyx.
Not emulated: the vertical retrace interrupt (no IRQ 2), light pen, overscan border, big-endian frame buffers (the
register at MMIO 0x604 stays little-endian), effects of changing registers inside a frame.
DEVIATION, as on QEMU's card (GRUB as firmware sets none of these bits and relies on it): the legacy ports answer whatever
COMMAND's I/O bit says, display memory whatever the miscellaneous output register's bit 1 says; the picture is there without
retrace (bit 7 of the CRT controller's mode control), text without the attribute controller's colour planes.
Spec: IBM VGA/XGA Technical Reference (1992); Bochs VBE Display API; QEMU docs/specs/standard-vga.rst; VESA EDID 1.4.

I/O region 0: 3B0-3BB, 1: 3C0-3DF, 2: 1CE-1D1 (DISPI index, data, data again).
MMIO region 0: A0000-BFFFF, 1: VRAM, 2: EDID, VGA ports at 0x400, DISPI at 0x500, 3: ROM.
"""
import numpy as np

from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.bus.pci cimport (
    BAR_MEM, BAR_PREFETCH, CMD_IO, CMD_MEMORY, PCI_COMMAND, PCI_SUBSYSTEM, PciDevice,
)
from emu_core_pyx.bus.optionrom cimport OptionRom
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.devices.vga_dispi cimport VBE_ID5, vbe_fit, vbe_read, vbe_write
from emu_core_pyx.devices.vga_memory cimport OUTSIDE, odd_even_writes, planar_read, planar_write, window_offset
from emu_core_pyx.devices.vga_raster cimport SHOW_TEXT, Picture, paint
from emu_core_pyx.devices.vga_ports cimport crt_read, crt_write, vga_frame, vga_read, vga_write
from emu_core_pyx.devices.vga_regs cimport (
    AR_REGS, CRT_CURSOR_END, CRT_CURSOR_HIGH, CRT_CURSOR_LOW, CRT_CURSOR_START, CRT_REGS, GR_BIT_MASK, GR_ENABLE_SET,
    GR_MISC, GR_MODE, GR_READ_MAP, GR_REGS, GR_ROTATE, MISC_COLOUR, SEQ_CHAIN4, SEQ_MAP_MASK, SEQ_MODE,
    VBE_BANK, VBE_ENABLE, VBE_ID, VBE_NOCLEAR, VBE_REGS, VBE_YRES, VgaRegs, vbe_linear, vbe_on, vbe_pitch,
)
from emu_core_pyx.mmu.physmem cimport FRAME_CLEAN, FRAME_CODE, FRAME_TABLE, PhysMem

cdef enum:
    IO_MONO = 0
    IO_VGA = 1
    IO_DISPI = 2
    MM_WINDOW = 0
    MM_VRAM = 1
    MM_REGISTERS = 2
    MM_ROM = 3
    WINDOW = 0x20000
    REGISTERS = 0x1000
    LITTLE_ENDIAN = 0x1E1E1E1E
    # what wide window accesses can be taken as at once
    SLOW = 0
    FAST_TEXT = 1           # odd/even, write mode 0, nothing masked: character and attribute
    FAST_CHAIN4 = 2         # mode 13h
    DEFAULT_MIB = 16


cdef class Vga(PciDevice):
    """PCI function 1234:1111 with `mib` MiB of VRAM."""
    cdef VgaRegs r
    cdef u8 *vram
    cdef u64 size
    cdef u8 *flags              # FRAME_* of each page of VRAM
    cdef u8 *own_vram           # before `place`
    cdef u8 *own_flags
    cdef PhysMem mem
    cdef u32 first              # frame of VRAM's first page
    cdef u64 window_base        # where the board has put A0000
    cdef u64 lfb_at             # what is mapped as memory now; 0: nothing
    cdef u32 window_on
    cdef u32 window_bank
    cdef u32 fast
    cdef u8 *dirty              # per page: written since the last look
    cdef u8 *ever               # per page: ever written
    cdef Picture *pic
    cdef u8 edid[256]
    cdef OptionRom rom

    def __cinit__(self):
        self.pic = <Picture *>calloc(1, sizeof(Picture))
        if self.pic == NULL:
            raise MemoryError("VGA")

    def __init__(self, str name="vga", u32 mib=DEFAULT_MIB):
        self.name = name
        self.rom = OptionRom()
        self.identify(0x1234, 0x1111, 0x030000, 0x02)
        self.put16(self.config, PCI_SUBSYSTEM, 0x1AF4)
        self.put16(self.config, PCI_SUBSYSTEM + 2, 0x1100)
        self.put16(self.wmask, PCI_COMMAND, CMD_IO | CMD_MEMORY | 0x0004)
        memset(&self.edid[0], 0, 256)
        self.resize(mib)
        self.reset()

    def __dealloc__(self):
        if self.pic != NULL:
            free(self.pic.rgb)
            free(self.pic.cells)
            free(self.pic)
        free(self.own_vram)
        free(self.own_flags)
        free(self.dirty)
        free(self.ever)

    # ---- the board's side ----------------------------------------------------------------------
    def resize(self, u32 mib):
        """Another amount of VRAM, before `place`."""
        if not 1 <= mib <= 128 or mib & (mib - 1):
            raise ValueError(f"{mib} MiB of VRAM: must be 1, 2, 4 ... 128")
        if self.mem is not None:
            raise ValueError("VRAM is in its place already")
        self.size = <u64>mib << 20
        free(self.own_vram)
        free(self.own_flags)
        free(self.dirty)
        free(self.ever)
        self.own_vram = <u8 *>calloc(self.size, 1)
        self.own_flags = <u8 *>calloc(self.size >> 12, 1)
        self.dirty = <u8 *>calloc(self.size >> 12, 1)
        self.ever = <u8 *>calloc(self.size >> 12, 1)
        if self.own_vram == NULL or self.own_flags == NULL or self.dirty == NULL or self.ever == NULL:
            raise MemoryError("VRAM")
        self.vram = self.own_vram
        self.flags = self.own_flags
        memset(self.flags, FRAME_CLEAN, self.size >> 12)
        self.bar(0, BAR_PREFETCH, self.size, MM_VRAM)
        self.bar(2, BAR_MEM, REGISTERS, MM_REGISTERS)
        self.sealed = 0

    def place(self, PhysMem mem not None, u64 window_base):
        """VRAM becomes part of the machine's memory; `window_base` is where region 0 is mapped."""
        self.first = mem.add_device(self.size)
        self.mem = mem
        self.vram = mem.p.base + (<u64>self.first << 12)
        self.flags = mem.p.flags + self.first
        self.window_base = window_base
        free(self.own_vram)
        free(self.own_flags)
        self.own_vram = self.own_flags = NULL

    def set_rom(self, bytes rom not None):
        """The VGA BIOS behind the expansion ROM register."""
        self.rom.fit(self, MM_ROM, rom)

    def set_edid(self, bytes edid not None):
        """What the monitor says of itself, up to 256 bytes."""
        if len(edid) > 256:
            raise ValueError("an EDID has at most 256 bytes here")
        memset(&self.edid[0], 0, 256)
        memcpy(&self.edid[0], <const u8 *>edid, len(edid))

    cpdef void reset(self):
        cdef u32 n
        PciDevice.reset(self)
        memset(&self.r, 0, sizeof(VgaRegs))
        self.r.vbe[VBE_ID] = VBE_ID5
        self.r.dac_mask = 0xFF
        self.r.gr[GR_BIT_MASK] = 0xFF
        self.r.misc = MISC_COLOUR
        for n in range(self.size >> 12):        # VRAM keeps what it holds; nothing drawn is known to be right
            self.dirty[n] = 1
        self.changed()

    # ---- mapping -------------------------------------------------------------------------------
    cdef void map_bars(self) noexcept nogil:
        """Where BAR 0 is routed, VRAM is memory."""
        cdef u64 at = 0
        cdef u32 slot = <u32>self.bars[0].slot
        PciDevice.map_bars(self)
        if self.ports is None or self.mem is None or self.bars[0].slot < 0:
            return
        if self.ports.slots[slot].size:
            at = self.ports.slots[slot].base
        if at == self.lfb_at:
            return
        if self.lfb_at:
            self.mem.hide_frames(self.lfb_at, self.size, self.first)
        self.lfb_at = at
        if at:
            self.mem.show_frames(at, self.size, self.first)

    cdef void changed(self) noexcept nogil:
        """Registers that decide over the window were written: is it memory, is there a fast way?"""
        cdef VgaRegs *r = &self.r
        cdef u32 bank = r.vbe[VBE_BANK]
        cdef bint on = vbe_linear(r) and (<u64>bank + 1) << 16 <= self.size
        self.fast = SLOW
        if not r.gr[GR_MODE] & 0x0B and not r.gr[GR_ENABLE_SET] & 0xF and not r.gr[GR_ROTATE] and r.gr[GR_BIT_MASK] == 0xFF:
            if r.seq[SEQ_MODE] & SEQ_CHAIN4:
                if r.seq[SEQ_MAP_MASK] & 0xF == 0xF:
                    self.fast = FAST_CHAIN4
            elif odd_even_writes(r) and r.seq[SEQ_MAP_MASK] & 0xF == 3 \
                    and not r.gr[GR_READ_MAP] & 2 and r.gr[GR_MISC] >> 2 & 3:
                self.fast = FAST_TEXT
        if self.mem is None or on == self.window_on and (not on or bank == self.window_bank):
            return
        if self.window_on:
            self.mem.hide_frames(self.window_base, 0x10000, self.first + (self.window_bank << 4))
        self.window_on = on
        self.window_bank = bank
        if on:
            self.mem.show_frames(self.window_base, 0x10000, self.first + (bank << 4))

    # ---- display memory ------------------------------------------------------------------------
    cdef void written(self, u64 at) noexcept nogil:
        """The page of VRAM at `at` was changed by the device and is not known to be dirty yet, or has other hooks."""
        cdef u64 page = at >> 12
        self.flags[page] &= ~FRAME_CLEAN
        if self.flags[page] & (FRAME_CODE | FRAME_TABLE) and self.mem is not None and self.mem.p.cpu != NULL:
            if self.lfb_at:
                self.mem.p.written(self.mem.p.cpu, self.first + <u32>page, self.lfb_at + (page << 12), 0x1000)
            if self.window_on:
                self.mem.p.written(self.mem.p.cpu, self.first + <u32>page, self.window_base + (page << 12 & 0xFFFF), 0x1000)

    cdef inline void note(self, u64 at) noexcept nogil:
        if self.flags[at >> 12]:
            self.written(at)

    cdef u64 vram_read(self, u64 off, u32 size) noexcept nogil:
        cdef u64 v = 0
        if off >= self.size or size > self.size - off or size > 8:
            return <u64>-1
        memcpy(&v, self.vram + off, size)
        return v

    cdef void vram_write(self, u64 off, u32 size, u64 value) noexcept nogil:
        if off >= self.size or size > self.size - off or size > 8:
            return
        memcpy(self.vram + off, &value, size)
        self.note(off)
        self.note(off + size - 1)

    cdef u32 window_read(self, u32 off) noexcept nogil:
        """One byte of A0000-BFFFF."""
        cdef u32 a
        if vbe_linear(&self.r):
            return <u32>self.vram_read(((<u64>self.r.vbe[VBE_BANK]) << 16) + off, 1) & 0xFF if off < 0x10000 else 0xFF
        a = window_offset(&self.r, off)
        if a == <u32>OUTSIDE:
            return 0xFF
        return planar_read(&self.r, <u32 *>self.vram, self.reach(), self.bank(), a)

    cdef void window_write(self, u32 off, u32 v) noexcept nogil:
        cdef u32 a
        if vbe_linear(&self.r):
            if off < 0x10000:
                self.vram_write(((<u64>self.r.vbe[VBE_BANK]) << 16) + off, 1, v)
            return
        a = window_offset(&self.r, off)
        if a == <u32>OUTSIDE:
            return
        a = planar_write(&self.r, <u32 *>self.vram, self.reach(), self.bank(), a, v)
        if a != <u32>OUTSIDE:
            self.note(<u64>a << 2)

    cdef inline u32 reach(self) noexcept nogil:
        """Dwords of VRAM the planes have, less one: 64 Ki of an IBM VGA, all with the Bochs interface's 4 bpp."""
        return <u32>(self.size >> 2) - 1 if vbe_on(&self.r) else 0xFFFF

    cdef inline u32 bank(self) noexcept nogil:
        return <u32>self.r.vbe[VBE_BANK] << 16 if vbe_on(&self.r) else 0

    cdef u64 mmio_read(self, u32 region, u64 off, u32 size) noexcept nogil:
        cdef u64 v = 0
        cdef u32 k
        if size > 8:
            return <u64>-1
        if region == MM_VRAM:
            return self.vram_read(off, size)
        if region == MM_WINDOW:
            if off >= WINDOW or size > WINDOW - off:
                return <u64>-1
            for k in range(size):
                v |= <u64>self.window_read(<u32>off + k) << (8 * k)
            return v
        if region == MM_REGISTERS:
            return self.register_read(<u32>off, size) if off < REGISTERS and size <= REGISTERS - off else <u64>-1
        if region == MM_ROM:
            return self.rom.read(off, size)
        return <u64>-1

    cdef void mmio_write(self, u32 region, u64 off, u32 size, u64 value) noexcept nogil:
        cdef u32 k, a
        if size > 8:
            return
        if region == MM_WINDOW:
            if off >= WINDOW or size > WINDOW - off:
                return
            if self.fast and size > 1 and not off & (size - 1) and not vbe_on(&self.r):
                a = window_offset(&self.r, <u32>off)
                if a == <u32>OUTSIDE:
                    return
                a &= 0xFFFF
                if self.write_fast(<u32 *>self.vram + a, size, value):
                    self.note(<u64>a << 2)
                    self.note((<u64>a << 2) + 4 * (size - 1))
                    return
            for k in range(size):
                self.window_write(<u32>off + k, <u32>(value >> 8 * k) & 0xFF)
        elif region == MM_VRAM:
            self.vram_write(off, size, value)
        elif region == MM_REGISTERS and off < REGISTERS and size <= REGISTERS - off:
            self.register_write(<u32>off, size, value)

    cdef bint write_fast(self, u32 *at, u32 size, u64 value) noexcept nogil:
        """An aligned word or more in the two commonest states; 0: has to go byte by byte."""
        cdef u32 k
        if self.fast == FAST_TEXT:
            for k in range(0, size, 2):
                at[k] = at[k] & <u32>0xFFFF0000 | <u32>(value >> 8 * k) & 0xFFFF
            return 1
        if size < 4:
            return 0
        for k in range(0, size, 4):
            at[k] = <u32>(value >> 8 * k)
        return 1

    # ---- ports ---------------------------------------------------------------------------------
    cdef u64 register_read(self, u32 off, u32 size) noexcept nogil:
        """BAR 2: EDID at 0, ports 3C0-3DF at 0x400, DISPI registers at 0x500, byte order at 0x600."""
        cdef u64 v = 0
        cdef u32 k
        cdef u16 index
        if off < 0x100:
            memcpy(&v, &self.edid[off], min(size, 0x100 - off))
            return v
        if 0x400 <= off < 0x420 and size <= 2:
            for k in range(size):
                v |= <u64>vga_read(&self.r, off - 0x400 + k, self.now()) << (8 * k)
            return v
        if 0x500 <= off < 0x500 + 2 * VBE_REGS and size == 2:
            index = self.r.vbe_index
            self.r.vbe_index = <u16>((off - 0x500) >> 1)
            v = vbe_read(&self.r, self.size)
            self.r.vbe_index = index
            return v
        if off == 0x600:
            return 8
        if off == 0x604:
            return LITTLE_ENDIAN
        return <u64>-1

    cdef void register_write(self, u32 off, u32 size, u64 value) noexcept nogil:
        cdef u32 k
        cdef u16 index
        if 0x400 <= off < 0x420 and size <= 2:
            for k in range(size):
                self.port_write(off - 0x400 + k, <u8>(value >> 8 * k))
        elif 0x500 <= off < 0x500 + 2 * VBE_REGS and size == 2:
            index = self.r.vbe_index
            self.r.vbe_index = <u16>((off - 0x500) >> 1)
            self.dispi_write(<u32>value & 0xFFFF)
            self.r.vbe_index = index

    cdef inline u64 now(self) noexcept nogil:
        return self.clock.now_ns() if self.clock is not None else 0

    cdef void port_write(self, u32 off, u8 v) noexcept nogil:
        if vga_write(&self.r, off, v):
            self.changed()

    cdef void dispi_write(self, u32 v) noexcept nogil:
        cdef u64 n
        if vbe_write(&self.r, v, self.size) and not self.r.vbe[VBE_ENABLE] & VBE_NOCLEAR:
            n = <u64>vbe_pitch(&self.r) * self.r.vbe[VBE_YRES]
            if n > self.size:
                n = self.size
            memset(self.vram, 0, n)
            while n:
                n = (n - 1) & ~<u64>0xFFF
                self.note(n)
        self.changed()

    cdef u32 io_read(self, u32 region, u32 off, u32 size) noexcept nogil:
        cdef u32 v = 0, k
        if region == IO_DISPI:
            if off == 0 and size == 4:
                return self.r.vbe_index | vbe_read(&self.r, self.size) << 16
            if off > 2:
                return <u32>0xFFFFFFFF
            v = self.r.vbe_index if off == 0 else vbe_read(&self.r, self.size)
            return v
        if region > IO_DISPI or size > 4:
            return <u32>0xFFFFFFFF
        for k in range(size):
            if region == IO_VGA:
                v |= vga_read(&self.r, off + k, self.now()) << (8 * k)
            elif off + k == 4 or off + k == 5 or off + k == 0xA:
                v |= (0xFF if self.r.misc & MISC_COLOUR else crt_read(&self.r, off + k, self.now())) << (8 * k)
            else:
                v |= <u32>0xFF << (8 * k)
        return v

    cdef void io_write(self, u32 region, u32 off, u32 size, u32 value) noexcept nogil:
        cdef u32 k
        if region == IO_DISPI:
            if size == 1:
                return
            if off == 0:
                self.r.vbe_index = <u16>value
                if size == 4:
                    self.dispi_write(value >> 16)
            elif off <= 2:
                self.dispi_write(value & 0xFFFF)
            return
        if region > IO_DISPI or size > 4:
            return
        for k in range(size):
            if region == IO_VGA:
                self.port_write(off + k, <u8>(value >> 8 * k))
            elif not self.r.misc & MISC_COLOUR and (off + k == 4 or off + k == 5 or off + k == 0xA):
                crt_write(&self.r, off + k, <u8>(value >> 8 * k))

    # ---- the picture ---------------------------------------------------------------------------
    cdef bint harvest(self) noexcept nogil:
        """Collect what was written since the last time into `dirty`; is there any?"""
        cdef u64 n, pages = self.size >> 12
        cdef bint found = 0
        if self.mem is not None:
            self.mem.harvest(self.first, <u32>pages, self.dirty)
        else:
            for n in range(pages):
                if not self.flags[n] & FRAME_CLEAN:
                    self.flags[n] |= FRAME_CLEAN
                    self.dirty[n] = 1
        for n in range(pages):
            if self.dirty[n]:
                self.ever[n] = 1
                found = 1
        return found

    cdef bint look(self) noexcept nogil:
        cdef u64 at, width, height
        cdef bint any_dirty = self.harvest(), drawn
        vga_frame(&self.r, self.now(), &at, &width, &height)
        drawn = paint(self.pic, &self.r, self.vram, self.size, self.dirty, any_dirty, at // (width * height))
        if any_dirty:
            memset(self.dirty, 0, self.size >> 12)
        return drawn

    def refresh(self):
        """Draw what has changed; the number of pictures so far (the same number: the same picture)."""
        with nogil:
            self.look()
        return self.pic.generation

    @property
    def generation(self):
        """Pictures drawn so far."""
        return self.pic.generation

    @property
    def size_shown(self):
        """(width, height) of the picture as last refreshed."""
        return self.pic.key.width, self.pic.key.height

    @property
    def text_mode(self):
        """Was it a text mode?"""
        return self.pic.key.show == SHOW_TEXT

    def image(self):
        """The picture as last refreshed: ndarray (h, w, 3) uint8, RGB, top-left origin; a copy."""
        cdef u64 n = <u64>self.pic.key.width * self.pic.key.height * 3
        cdef bytearray out = bytearray(n)
        if n and self.pic.generation:
            memcpy(<u8 *>out, self.pic.rgb, n)
        return np.frombuffer(out, np.uint8).reshape(self.pic.key.height, self.pic.key.width, 3)

    def cells(self):
        """Text as last refreshed: ndarray (rows, columns, 2) uint8, character and attribute; None in graphics modes."""
        cdef Picture *p = self.pic
        cdef u32 row, col, cell
        cdef bytearray out = bytearray(2 * p.n_rows * p.key.chars)
        cdef u8 *to = out
        if p.key.show != SHOW_TEXT:
            return None
        for row in range(p.n_rows):
            for col in range(p.key.chars):
                cell = p.cells[row * (p.key.chars + 1) + col]
                to[0] = <u8>cell
                to[1] = <u8>(cell >> 8)
                to += 2
        return np.frombuffer(out, np.uint8).reshape(p.n_rows, p.key.chars, 2)

    def cursor(self):
        """(column, row) of the text cursor, whether blinked off or not; None where none is shown."""
        cdef Picture *p = self.pic
        cdef VgaRegs *r = &self.r
        cdef u32 row, at = (<u32>r.crtc[CRT_CURSOR_HIGH] << 8 | r.crtc[CRT_CURSOR_LOW]) + (r.crtc[CRT_CURSOR_END] >> 5 & 3)
        if p.key.show != SHOW_TEXT or r.crtc[CRT_CURSOR_START] & 0x20:
            return None
        if r.crtc[CRT_CURSOR_START] & 0x1F > r.crtc[CRT_CURSOR_END] & 0x1F:
            return None
        for row in range(p.n_rows):
            if p.row_at[row] <= at < p.row_at[row] + p.key.chars:
                return at - p.row_at[row], row
        return None

    @property
    def registers(self):
        """Registers by block, as the guest has set them (tests, reports)."""
        r = self.r
        return {"misc": r.misc, "seq": bytes(r.seq[:5]), "crtc": bytes(r.crtc[:CRT_REGS]), "gr": bytes(r.gr[:GR_REGS]),
                "attr": bytes(r.attr[:AR_REGS]), "vbe": [r.vbe[k] for k in range(VBE_REGS)], "dac": bytes(r.dac)}

    def peek_vram(self, u64 off, u64 n):
        """Bytes of VRAM: byte 4 * offset + plane in planar modes."""
        if off > self.size or n > self.size - off:
            raise ValueError(f"{n} bytes at {off:#x} are outside of {self.size:#x} bytes of VRAM")
        return (<const char *>self.vram)[off:off + n]

    # ---- state ---------------------------------------------------------------------------------
    cdef void state(self, Visitor v):
        cdef VgaRegs *r = &self.r
        self.state_pci(v)
        v.u8(b"misc", &r.misc)
        v.u8(b"feature", &r.feature)
        v.u8(b"enable", &r.enable)
        v.u8(b"seq_index", &r.seq_index)
        v.u8(b"crtc_index", &r.crtc_index)
        v.u8(b"gr_index", &r.gr_index)
        v.u8(b"attr_index", &r.attr_index)
        v.u8(b"attr_data", &r.attr_data)
        v.u8(b"dac_mask", &r.dac_mask)
        v.u8(b"dac_state", &r.dac_state)
        v.u8(b"dac_read", &r.dac_read)
        v.u8(b"dac_write", &r.dac_write)
        v.u8(b"dac_sub", &r.dac_sub)
        v.raw(b"dac_part", &r.dac_part[0], 3)
        v.raw(b"seq", &r.seq[0], 8)
        v.raw(b"crtc", &r.crtc[0], 32)
        v.raw(b"gr", &r.gr[0], 16)
        v.raw(b"attr", &r.attr[0], 32)
        v.raw(b"dac", &r.dac[0], 768)
        v.u32(b"latch", &r.latch)
        v.u16(b"vbe_index", &r.vbe_index)
        v.raw(b"vbe", &r.vbe[0], sizeof(r.vbe))
        if v.loading:
            if r.dac_sub > 2:
                r.dac_sub = 0
            if vbe_on(r):
                vbe_fit(r, self.size)
            self.put_pages(v.blob(b"vram", b""))
            self.changed()
        else:
            v.blob(b"vram", self.get_pages())

    cdef bytes get_pages(self):
        """Pages of VRAM that hold anything: number (4 bytes) and contents, ascending."""
        cdef u64 n
        cdef const u64 *p
        cdef u32 k
        self.harvest()
        parts = []
        for n in range(self.size >> 12):
            if not self.ever[n]:
                continue
            p = <const u64 *>(self.vram + (n << 12))
            for k in range(512):
                if p[k]:
                    parts.append((<u32>n).to_bytes(4, "little"))
                    parts.append((<const char *>p)[:4096])
                    break
        return b"".join(parts)

    cdef void put_pages(self, bytes data):
        cdef u64 n, at = 0
        for n in range(self.size >> 12):
            if self.ever[n]:
                memset(self.vram + (n << 12), 0, 4096)
                self.note(n << 12)
        while at + 4100 <= <u64>len(data):
            n = int.from_bytes(data[at:at + 4], "little")
            if n < self.size >> 12:
                memcpy(self.vram + (n << 12), <const u8 *>data + at + 4, 4096)
                self.note(n << 12)
            at += 4100
