"""Intel 82540EM gigabit Ethernet controller."""
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.bus.dma cimport Dma
from emu_core_pyx.bus.netport cimport FRAME_MAX, NetPort
from emu_core_pyx.bus.optionrom cimport OptionRom
from emu_core_pyx.bus.pci cimport PciDevice
from emu_core_pyx.devices.eeprom93c46 cimport Eeprom93C46

cdef enum:
    REGS = 0x1800           # 32-bit registers from 0 to 0x5FFC
    TIMERS = 6


cdef struct Offload:        # a context descriptor
    u32 ipcss
    u32 ipcso
    u32 ipcse
    u32 tucss
    u32 tucso
    u32 tucse
    u32 paylen
    u32 command
    u32 hdrlen
    u32 mss


cdef class E1000(PciDevice):
    cdef public Dma dma
    cdef readonly NetPort port
    cdef readonly Eeprom93C46 eeprom
    cdef OptionRom rom
    cdef u32 reg[REGS]
    cdef u16 phy[32]
    cdef u32 crc_table[256]
    cdef u32 io_addr
    cdef u32 timers[TIMERS]
    cdef u64 irq_after          # ITR: no interrupt before
    cdef Offload plain          # the context without and with segmentation
    cdef Offload tso
    cdef Offload job            # `tso` as it was when the packet being segmented began
    cdef u8 frame[FRAME_MAX]    # being gathered
    cdef u8 head[256]           # of a segmented packet, as it came
    cdef u32 size
    cdef u32 popts              # of the packet being gathered
    cdef u32 segmenting
    cdef u32 vlan               # tag to insert | 1 << 16
    cdef u32 sent_payload
    cdef u32 segments
    cdef u32 overlong
    cdef u32 mastering          # reads or writes memory now
    cdef u32 register_read(self, u32 off) noexcept nogil
    cdef void register_write(self, u32 off, u32 v) noexcept nogil
    cdef void mdic(self, u32 v) noexcept nogil
    cdef void eecd(self, u32 v) noexcept nogil
    cdef void chip_reset(self) noexcept nogil
    cdef void load_address(self) noexcept nogil
    cdef void link_changed(self) noexcept nogil
    cdef void cause(self, u32 bits) noexcept nogil
    cdef void update_irq(self) noexcept nogil
    cdef void count(self, u32 at, u32 n) noexcept nogil
    cdef void count64(self, u32 at, u32 n) noexcept nogil
    cdef void fetch(self, u64 at, void *to, u32 n) noexcept nogil
    cdef void store(self, u64 at, const void *data, u32 n) noexcept nogil
    cdef void transmit(self) noexcept nogil
    cdef u32 descriptor(self, u8 *d) noexcept nogil
    cdef void gather(self, u64 at, u32 n) noexcept nogil
    cdef void segment(self, bint last) noexcept nogil
    cdef void finish_packet(self) noexcept nogil
    cdef void put_checksum(self, u32 start, u32 place, u32 end) noexcept nogil
    cdef void emit(self) noexcept nogil
    cdef bint take(self, const u8 *frame, u32 n) noexcept nogil
    cdef u32 accepts(self, const u8 *frame, u32 n) noexcept nogil
    cdef u32 checked(self, const u8 *frame, u32 n) noexcept nogil
    cdef u32 fcs(self, const u8 *frame, u32 n) noexcept nogil
