"""ISA DMA controllers; see dma8237.pyx.  A device transfers with `transfer` while `requested` says its channel is open."""
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.bus.bytedev cimport ByteDevice
from emu_core_pyx.bus.dma cimport Dma

cdef struct Channel:
    u16 base_addr
    u16 base_count
    u16 addr
    u16 count
    u8 mode
    u8 page

cdef struct Chip:
    Channel ch[4]
    u8 command
    u8 mask
    u8 request          # software requests
    u8 status_tc        # terminal count reached, by channel
    u8 flipflop
    u8 temporary

cdef class Dma8237(ByteDevice):
    cdef Chip chip[2]
    cdef u8 pages[16]           # 0x80-0x8F as written
    cdef public Dma dma
    # May the device on `channel` move data now (unmasked, controller enabled)?
    cdef bint ready(self, u32 channel) noexcept nogil
    # Move up to n bytes between buf and memory at the channel's address, as its mode says (verify moves
    # nothing).  Returns bytes done; *tc becomes 1 if terminal count was reached.
    cdef u32 transfer(self, u32 channel, u8 *buf, u32 n, u32 *tc) noexcept nogil
    cdef void chip_write(self, u32 k, u32 reg, u8 v) noexcept nogil
    cdef u8 chip_read(self, u32 k, u32 reg) noexcept nogil
    cdef void master_clear(self, u32 k) noexcept nogil
