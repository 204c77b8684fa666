"""Routing of port and memory accesses to devices.

Ports: a table of 65536 slot numbers.  MMIO: a small sorted table of physical ranges; RAM and ROM are
mmu/physmem's.  Overlaps are refused when the board maps them (BoardError), moves (PCI BARs) go through
`remap`.  Accesses wider than a device's registers are the device's business: it gets the size.
"""
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.bus.device cimport Device

cdef struct Slot:
    void *device
    u32 region
    u32 is_io
    u64 base
    u64 size            # 0: unmapped

# Moves up to n elements of `size` bytes between a data port and memory at once; how many it moved.  Only elements that change
# nothing else (no interrupt, no status) may be: the one that does is left for an ordinary access, which has the exact time.
ctypedef u32 (*bulk_fn)(void *device, u32 region, u32 size, u8 *data, u32 n, bint out) noexcept nogil

cdef struct BulkPort:
    void *device
    u32 region
    bulk_fn move

cdef class Bus:
    cdef u16 ports[65536]       # slot index + 1, 0 = nobody
    cdef Slot slots[256]
    cdef u32 n_slots
    cdef u16 mmio_order[256]    # slot indices of mapped MMIO ranges, ascending base
    cdef u32 n_mmio
    cdef u64 unclaimed          # accesses nobody answered (statistics, -d guest_errors)
    cdef list owners
    cdef u32 last_mmio          # slot of the last MMIO hit
    cdef Slot *_mmio(self, u64 phys) noexcept nogil
    cdef void _link(self, u32 slot) noexcept nogil
    cdef void _unlink(self, u32 slot) noexcept nogil
    # Accesses nobody claims read all ones.  A 16/32-bit access to ports of different owners is split.
    cdef u32 port_read(self, u32 port, u32 size) noexcept nogil
    cdef void port_write(self, u32 port, u32 size, u32 value) noexcept nogil
    cdef u64 mmio_read(self, u64 phys, u32 size) noexcept nogil
    cdef void mmio_write(self, u64 phys, u32 size, u64 value) noexcept nogil
    # Device-callable moves of a region already mapped (slot as returned by map_io/map_mmio); size 0 unmaps.
    cdef void remap(self, u32 slot, u64 base, u64 size) noexcept nogil
    # Data ports that INS and OUTS with a repeat prefix move much through.
    cdef BulkPort bulks[8]
    cdef u32 n_bulks
    cdef void add_bulk(self, Device device, u32 region, bulk_fn move)   # offset 0 of a region
    cdef BulkPort *bulk(self, u32 port) noexcept nogil                  # NULL: not one of them
    cdef bint vacant(self, u64 phys, u64 n) noexcept nogil              # does nobody own any of these addresses?
