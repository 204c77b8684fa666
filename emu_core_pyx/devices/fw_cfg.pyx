"""Firmware configuration device with QEMU's layout: selector, data port, DMA interface, file directory.

Not emulated: DMA writes (items are read-only to the guest; a write answers with the error bit).
Spec: QEMU docs/specs/fw_cfg.rst.

Regions: 0 selector (16-bit write at offset 0) and data (byte read at offset 1) at 0x510, 1 DMA address (8 ports
at 0x514, big-endian).  `dma` must be set to the machine's Dma.
"""
from libc.string cimport memset
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.device cimport Device
from emu_core_pyx.bus.dma cimport Dma
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    FILE_DIR = 0x19
    FILE_FIRST = 0x20
    ARCH_LOCAL = 0x8000
    KEY_MASK = 0x3FFF
    N_ITEMS = 512           # keys 0-0xFF, then 0x8000-0x80FF
    DMA_ERROR = 0x01
    DMA_READ = 0x02
    DMA_SKIP = 0x04
    DMA_SELECT = 0x08
    DMA_WRITE = 0x10

# Numbers of the fixed items.
SIGNATURE, ID, UUID, RAM_SIZE, NOGRAPHIC, NB_CPUS, MACHINE_ID, KERNEL_ADDR = range(8)
KERNEL_SIZE, KERNEL_CMDLINE, INITRD_ADDR, INITRD_SIZE, BOOT_DEVICE, NUMA, BOOT_MENU, MAX_CPUS = range(8, 16)
KERNEL_ENTRY, KERNEL_DATA, INITRD_DATA, CMDLINE_ADDR, CMDLINE_SIZE, CMDLINE_DATA = range(16, 22)
SETUP_ADDR, SETUP_SIZE, SETUP_DATA, FILE_DIRECTORY = range(22, 26)
ACPI_TABLES, SMBIOS_ENTRIES, IRQ0_OVERRIDE, E820_TABLE, HPET = range(0x8000, 0x8005)

cdef u64 PHYSICAL_END = <u64>1 << 52
cdef u64 DMA_SIGNATURE = <u64>0x51454D5520434647        # "QEMU CFG"


cdef inline u32 swap32(u32 v) noexcept nogil:
    return v >> 24 | v >> 8 & 0xFF00 | (v & 0xFF00) << 8 | v << 24


cdef class FwCfg(Device):
    """Items by number, files by name."""
    cdef const u8 *data[512]
    cdef u64 length[512]
    cdef u32 key                # selected slot, N_ITEMS: none
    cdef u64 offset
    cdef u32 dma_high
    cdef public Dma dma
    cdef dict items
    cdef dict files

    def __init__(self, str name="fw_cfg"):
        self.name = name
        self.items = {}
        self.files = {}
        self.key = N_ITEMS
        self.set(SIGNATURE, b"QEMU")
        self.set(ID, (3).to_bytes(4, "little"))         # traditional and DMA interface
        self.set(UUID, bytes(16))
        self.set_int(RAM_SIZE, 0, 8)
        self.set_int(NOGRAPHIC, 0, 2)
        self.set_int(NB_CPUS, 1, 2)
        self.set_int(MACHINE_ID, 0, 4)
        self.set_int(BOOT_MENU, 0, 2)
        self.set_int(MAX_CPUS, 1, 2)
        self.set_int(NUMA, 0, 8)
        self.set_int(IRQ0_OVERRIDE, 1, 4)
        self.set_int(SMBIOS_ENTRIES, 0, 2)
        self.set_int(ACPI_TABLES, 0, 2)
        for k in (KERNEL_ADDR, KERNEL_SIZE, INITRD_ADDR, INITRD_SIZE, KERNEL_ENTRY, CMDLINE_ADDR, CMDLINE_SIZE, SETUP_ADDR,
                  SETUP_SIZE):
            self.set_int(k, 0, 4)
        self._directory()

    # -- the board's side ------------------------------------------------------------------------
    def set(self, u32 key, data):
        """Item `key` (0-0x1F or 0x8000-0x80FF) is these bytes."""
        cdef u32 slot = self.slot(key)
        if slot == N_ITEMS:
            raise ValueError(f"no fw_cfg item {key:#x}")
        data = bytes(data)
        self.items[slot] = data                 # keeps the pointer below alive
        self.data[slot] = <const u8 *>(<bytes>data)
        self.length[slot] = len(data)

    def set_int(self, u32 key, value, size=4):
        """Item `key` is a little-endian integer of `size` bytes."""
        self.set(key, int(value).to_bytes(size, "little"))

    def get(self, u32 key):
        """Bytes of item `key`, None if it does not exist."""
        return self.items.get(self.slot(key))

    def add_file(self, str name, data):
        """A named file; an existing one of that name is replaced.  Returns its key."""
        if len(name.encode()) > 55:
            raise ValueError(f"fw_cfg file name too long: {name}")
        if name not in self.files:
            if FILE_FIRST + len(self.files) > 0xFF:
                raise ValueError("fw_cfg directory is full")
            self.files[name] = FILE_FIRST + len(self.files)
        self.set(self.files[name], data)
        self._directory()
        return self.files[name]

    def _directory(self):
        out = bytearray(len(self.files).to_bytes(4, "big"))
        for name, key in sorted(self.files.items()):
            out += int(self.length[key]).to_bytes(4, "big") + key.to_bytes(2, "big") + bytes(2)
            out += name.encode().ljust(56, b"\0")
        self.set(FILE_DIRECTORY, out)

    def set_machine(self, ram_bytes, cpus=1, boot_menu=False, nographic=False):
        """The items every firmware reads first."""
        self.set_int(RAM_SIZE, ram_bytes, 8)
        self.set_int(NB_CPUS, cpus, 2)
        self.set_int(MAX_CPUS, cpus, 2)
        self.set_int(BOOT_MENU, bool(boot_menu), 2)
        self.set_int(NOGRAPHIC, bool(nographic), 2)

    def set_kernel(self, setup, kernel, setup_addr=0x10000, kernel_addr=0x100000, entry=0):
        """What -kernel gives firmware: real-mode setup, the rest, and where they belong."""
        for addr_key, size_key, data_key, addr, data in (
                (SETUP_ADDR, SETUP_SIZE, SETUP_DATA, setup_addr, setup),
                (KERNEL_ADDR, KERNEL_SIZE, KERNEL_DATA, kernel_addr, kernel)):
            self.set_int(addr_key, addr)
            self.set_int(size_key, len(data))
            self.set(data_key, data)
        self.set_int(KERNEL_ENTRY, entry)

    def set_initrd(self, data, addr):
        """The initial RAM disk."""
        self.set_int(INITRD_ADDR, addr)
        self.set_int(INITRD_SIZE, len(data))
        self.set(INITRD_DATA, data)

    def set_cmdline(self, str text, addr=0x20000):
        """The kernel command line."""
        raw = text.encode() + b"\0"
        self.set_int(CMDLINE_ADDR, addr)
        self.set_int(CMDLINE_SIZE, len(raw))
        self.set(CMDLINE_DATA, raw)

    @property
    def names(self):
        """Files: name to key."""
        return dict(self.files)

    # -- the guest's side ------------------------------------------------------------------------
    cdef u32 slot(self, u32 key) noexcept nogil:
        cdef u32 k = key & KEY_MASK
        if k > 0xFF:
            return N_ITEMS
        return k + 256 if key & ARCH_LOCAL else k

    cpdef void reset(self):
        self.key = N_ITEMS
        self.offset = 0
        self.dma_high = 0

    cdef void select(self, u32 key) noexcept nogil:
        self.key = self.slot(key)
        if self.key != N_ITEMS and self.data[self.key] == NULL:
            self.key = N_ITEMS
        self.offset = 0

    cdef u8 next_byte(self) noexcept nogil:
        cdef u8 v = 0
        if self.key != N_ITEMS and self.offset < self.length[self.key]:
            v = self.data[self.key][self.offset]
            self.offset += 1
        return v

    cdef u32 io_read(self, u32 region, u32 off, u32 size) noexcept nogil:
        cdef u64 sig
        if region == 0:
            if off == 1 and size == 1:
                return self.next_byte()
            return <u32>0xFFFFFFFF
        if region == 1 and off < 8:
            sig = DMA_SIGNATURE << (8 * off)        # big-endian: the first port holds the top byte
            if size == 1:
                return <u32>(sig >> 56)
            return swap32(<u32>(sig >> 32)) & (0xFFFF if size == 2 else <u32>0xFFFFFFFF)
        return <u32>0xFFFFFFFF

    cdef void io_write(self, u32 region, u32 off, u32 size, u32 value) noexcept nogil:
        if region == 0 and off == 0 and size == 2:
            self.select(value & 0xFFFF)
        elif region == 1 and size == 4:
            if off == 0:
                self.dma_high = swap32(value)
            elif off == 4:
                self.transfer(<u64>self.dma_high << 32 | swap32(value))
                self.dma_high = 0

    cdef void transfer(self, u64 addr) noexcept nogil:
        """One FWCfgDmaAccess {be32 control, be32 length, be64 address}; control is written back."""
        cdef u8 desc[16]
        cdef u8 zeros[4096]
        cdef u32 control, length, n, answer = 0
        cdef u64 to, left, have
        if self.dma is None:
            return
        self.dma.read(addr, &desc[0], 16)
        control = self.be32(&desc[0])
        length = self.be32(&desc[4])
        to = <u64>self.be32(&desc[8]) << 32 | self.be32(&desc[12])
        if control & DMA_SELECT:
            self.select(control >> 16)
        have = 0
        if self.key != N_ITEMS and self.offset < self.length[self.key]:
            have = self.length[self.key] - self.offset
        if control & DMA_READ and to > PHYSICAL_END - length:       # no such addresses
            answer = DMA_ERROR
        elif control & DMA_READ:
            left = length if length < have else have
            if left:
                self.dma.write(to, self.data[self.key] + self.offset, <u32>left)
                self.offset += left
                to += left
            left = length - left            # past the end: zeros
            memset(&zeros[0], 0, sizeof(zeros))
            while left:
                n = 4096 if left > 4096 else <u32>left
                self.dma.write(to, &zeros[0], n)
                to += n
                left -= n
        elif control & DMA_WRITE:
            answer = DMA_ERROR
        elif control & DMA_SKIP:
            self.offset += length if length < have else have
        answer = swap32(answer)
        self.dma.write(addr, &answer, 4)

    cdef u32 be32(self, const u8 *p) noexcept nogil:
        return <u32>p[0] << 24 | <u32>p[1] << 16 | <u32>p[2] << 8 | p[3]

    cdef void state(self, Visitor v):
        v.u32(b"key", &self.key)
        v.u64(b"offset", &self.offset)
        v.u32(b"dma_high", &self.dma_high)
