"""NOR flash with the Intel command set and CFI tables (28F640J3A kind), 8 bits wide, holding a firmware.

In array mode reads are memory reads of the chip's pages, at full speed; writes are commands and come here, and while
another mode is on reads come here too.  What is programmed or erased goes to the medium at once.
DEVIATION: the status register reads 0 after "clear status", as QEMU's does and OVMF's driver expects; a real chip shows
ready (0x80).
Operations take no time.  The chip identifies as what its size makes it, not as a part from a catalogue.
Not emulated: suspend, block locks that stick, protection registers, programming voltage.
Spec: Intel 28F128J3A data sheet (order 290667), command definitions; JEDEC JESD68 (CFI); Intel AP-646.

MMIO region 0: the whole chip.
"""
from libc.string cimport memcpy, memset
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.device cimport Device
from emu_core_pyx.bus.medium cimport Medium
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.mmu.physmem cimport FRAME_HOOKS, PhysMem

cdef enum:
    BLOCK = 4096                # erase unit
    BUFFER = 2048               # of "write to buffer"
    CFI_BYTES = 0x40
    CMD_PROGRAM = 0x10
    CMD_PROGRAM_ALT = 0x40
    CMD_ERASE = 0x20
    CMD_CLEAR_STATUS = 0x50
    CMD_LOCK = 0x60
    CMD_STATUS = 0x70
    CMD_ID = 0x90
    CMD_CFI = 0x98
    CMD_CONFIRM = 0xD0
    CMD_BUFFER = 0xE8
    CMD_ARRAY = 0xFF
    SR_READY = 0x80
    SR_ERASE_ERROR = 0x20
    SR_PROGRAM_ERROR = 0x10
    SR_PROTECTED = 0x02
    # where in a command sequence
    IDLE = 0
    WANT_DATA = 1
    WANT_COUNT = 2
    WANT_BUFFER = 3
    WANT_CONFIRM = 4


cdef class PflashCfi01(Device):
    """One chip; `insert` gives it its bytes, `place` its address."""
    cdef Medium medium
    cdef PhysMem mem
    cdef u8 *bytes_             # the chip's pages in guest memory's frames
    cdef u32 first              # its first frame
    cdef u64 base
    cdef u64 size
    cdef u8 cfi[CFI_BYTES]
    cdef u8 mode                # what reads give: CMD_ARRAY, CMD_STATUS, CMD_ID, CMD_CFI
    cdef u8 command             # of the sequence under way
    cdef u8 phase
    cdef u8 status
    cdef u32 count              # bytes the buffer still takes
    cdef u64 block              # of the buffer
    cdef u8 buffer[BUFFER]
    cdef u8 filled[BUFFER]

    def __init__(self, str name="pflash"):
        self.name = name
        self.reset()

    cpdef void reset(self):
        self.command = 0
        self.phase = IDLE
        self.status = 0
        self.count = 0
        self.block = 0
        memset(&self.buffer[0], 0xFF, BUFFER)
        memset(&self.filled[0], 0, BUFFER)
        self.set_mode(CMD_ARRAY)

    # ---- the board's side ----------------------------------------------------------------------
    def insert(self, Medium medium not None):
        """The chip's contents; a multiple of 4 KiB."""
        if medium.size == 0 or medium.size % BLOCK:
            raise ValueError("a flash chip is a multiple of 4 KiB")
        self.medium = medium
        self.size = medium.size
        self.tables()

    def place(self, PhysMem mem not None, u64 base):
        """Make it appear at `base`.  Its first frame."""
        if self.medium is None:
            raise ValueError("the flash chip has no contents yet")
        self.mem = mem
        self.base = base
        self.first = mem.add_rom(base, self.medium.pread(0, self.size), self.name)
        self.bytes_ = mem.p.base + (<u64>self.first << 12)
        self.mode = 0
        self.set_mode(CMD_ARRAY)
        return self.first

    def tables(self):
        """CFI query table."""
        blocks = self.size // BLOCK - 1
        shift = max((self.size - 1).bit_length(), 1)
        table = bytearray(CFI_BYTES)
        table[0x10:0x1B] = b"QRY\x01\x00\x31\x00\x00\x00\x00\x00"
        table[0x1B:0x1F] = bytes((0x27, 0x36, 0, 0))           # 2.7 to 3.6 V
        table[0x1F:0x27] = bytes((7, 7, 10, 0, 4, 4, 4, 0))    # typical and longest times, powers of 2
        table[0x27:0x2D] = bytes((shift, 0, 0, 11, 0, 1))      # size, x8, buffer of 2 KiB, one kind of block
        table[0x2D:0x31] = bytes((blocks & 0xFF, blocks >> 8 & 0xFF, BLOCK >> 8 & 0xFF, BLOCK >> 16))
        table[0x31:0x36] = b"PRI10"
        for k in range(CFI_BYTES):
            self.cfi[k] = table[k]

    # ---- modes ---------------------------------------------------------------------------------
    cdef void set_mode(self, u8 mode) noexcept nogil:
        """Array mode shows the pages for reading; every other mode takes reads here."""
        if mode == self.mode:
            return
        if self.mem is not None and (mode == CMD_ARRAY or self.mode == CMD_ARRAY or self.mode == 0):
            self.mem.map_frames(self.base, self.size, self.first + 1 if mode == CMD_ARRAY else 0, 0)
        self.mode = mode

    cdef u8 answer(self, u64 off) noexcept nogil:
        if self.mode == CMD_STATUS:
            return self.status
        if self.mode == CMD_ID:
            return 0x89 if off & 0xFF == 0 else 0x17 if off & 0xFF == 1 else 0
        if self.mode == CMD_CFI:
            return self.cfi[off & 0xFF] if off & 0xFF < CFI_BYTES else 0
        return self.bytes_[off] if self.bytes_ != NULL else 0xFF

    cdef u64 mmio_read(self, u32 region, u64 off, u32 size) noexcept nogil:
        cdef u64 v = 0
        cdef u32 k
        if region or off >= self.size or size > self.size - off or size > 8:
            return <u64>-1
        for k in range(size):
            v |= <u64>self.answer(off + k) << (8 * k)
        return v

    cdef void mmio_write(self, u32 region, u64 off, u32 size, u64 value) noexcept nogil:
        cdef u32 k
        if region or off >= self.size or size > self.size - off or size > 8:
            return
        for k in range(size):
            self.byte_written(off + k, <u8>(value >> (8 * k)))

    # ---- commands ------------------------------------------------------------------------------
    cdef void byte_written(self, u64 off, u8 v) noexcept nogil:
        if self.phase == IDLE:
            self.begin(off, v)
        elif self.phase == WANT_DATA:
            self.phase = IDLE
            self.second(off, v)
        elif self.phase == WANT_COUNT:
            self.count = <u32>v + 1
            self.phase = WANT_BUFFER
        elif self.phase == WANT_BUFFER:
            if off - self.block < BUFFER:
                self.buffer[off - self.block] = v
                self.filled[off - self.block] = 1
            else:
                self.status |= SR_PROGRAM_ERROR
            self.count -= 1
            if self.count == 0:
                self.phase = WANT_CONFIRM
        else:
            self.phase = IDLE
            if v == CMD_CONFIRM and not self.status & SR_PROGRAM_ERROR:
                self.program_buffer()
            else:
                self.status |= SR_READY | SR_PROGRAM_ERROR
            memset(&self.filled[0], 0, BUFFER)

    cdef void begin(self, u64 off, u8 v) noexcept nogil:
        """First byte of a command."""
        self.command = v
        if v == CMD_PROGRAM or v == CMD_PROGRAM_ALT or v == CMD_ERASE or v == CMD_LOCK:
            self.phase = WANT_DATA
            self.set_mode(CMD_STATUS)
        elif v == CMD_BUFFER:
            self.block = off & ~<u64>(BUFFER - 1)
            self.status |= SR_READY
            self.phase = WANT_COUNT
            self.set_mode(CMD_STATUS)
        elif v == CMD_CLEAR_STATUS:
            self.status = 0
            self.set_mode(CMD_ARRAY)
        elif v == CMD_STATUS or v == CMD_ID or v == CMD_CFI:
            self.set_mode(v)
        else:                               # "read array", and what is no command
            self.set_mode(CMD_ARRAY)

    cdef void second(self, u64 off, u8 v) noexcept nogil:
        """Second byte of a command of two."""
        self.status |= SR_READY
        if self.command == CMD_ERASE:
            if v == CMD_CONFIRM:
                self.erase(off & ~<u64>(BLOCK - 1))
            else:
                self.status |= SR_ERASE_ERROR | SR_PROGRAM_ERROR
        elif self.command == CMD_LOCK:
            if v == CMD_ARRAY:
                self.set_mode(CMD_ARRAY)
            elif v != CMD_CONFIRM and v != 0x01 and v != 0x2F and v != 0x03 and v != 0x04:
                self.status |= SR_ERASE_ERROR | SR_PROGRAM_ERROR
        else:
            self.change(off, &v, 1, SR_PROGRAM_ERROR, True)

    cdef void program_buffer(self) noexcept nogil:
        """Runs of bytes the guest has put into the buffer."""
        cdef u32 k = 0, n
        self.status |= SR_READY
        while k < BUFFER:
            n = 0
            while k + n < BUFFER and self.filled[k + n]:
                n += 1
            if n:
                self.change(self.block + k, &self.buffer[k], n, SR_PROGRAM_ERROR, True)
            k += n + 1

    cdef void erase(self, u64 block) noexcept nogil:
        cdef u8 ones[BLOCK]
        memset(&ones[0], 0xFF, BLOCK)
        self.change(block, &ones[0], BLOCK, SR_ERASE_ERROR, False)

    cdef void change(self, u64 off, const u8 *src, u32 n, u8 error, bint program) noexcept nogil:
        """New contents, here and on the medium; programming can only clear bits."""
        cdef u8 after[BLOCK]
        cdef u32 k
        if off >= self.size or n > self.size - off or n > BLOCK or self.bytes_ == NULL:
            self.status |= error
            return
        memcpy(&after[0], src, n)
        if program:
            for k in range(n):
                after[k] &= self.bytes_[off + k]
        if self.medium.readonly:
            self.status |= error | SR_PROTECTED
        elif self.medium.write(off, &after[0], n):
            self.status |= error
        else:
            memcpy(self.bytes_ + off, &after[0], n)
            self.noticed(off, n)

    cdef void noticed(self, u64 off, u32 n) noexcept nogil:
        """Code decoded from these pages is stale."""
        cdef u32 frame = self.first + <u32>(off >> 12), last = self.first + <u32>((off + n - 1) >> 12)
        while frame <= last:
            if self.mem.p.flags[frame] & FRAME_HOOKS:
                if self.mem.p.cpu != NULL:
                    self.mem.p.written(self.mem.p.cpu, frame, self.base + (<u64>(frame - self.first) << 12), 0x1000)
            frame += 1

    cdef void state(self, Visitor v):
        v.u8(b"mode", &self.mode)
        v.u8(b"command", &self.command)
        v.u8(b"phase", &self.phase)
        v.u8(b"status", &self.status)
        v.u32(b"count", &self.count)
        v.u64(b"block", &self.block)
        v.raw(b"buffer", &self.buffer[0], BUFFER)
        v.raw(b"filled", &self.filled[0], BUFFER)
        if v.loading:
            mode = self.mode
            if self.mem is not None:        # the medium may be another generation's
                data = self.medium.pread(0, self.size)
                memcpy(self.bytes_, <const u8 *>(<bytes>data), self.size)
                self.noticed(0, <u32>self.size)
            self.mode = 0
            self.set_mode(mode)
