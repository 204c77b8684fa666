"""See bus.pxd.

Spec: I/O port space of 64 Ki ports, accesses of 1, 2 and 4 bytes (SDM 1 ch. 19); one that touches more than one owner
is split into halves, as bus agents do.  Not emulated: wait states, bus errors (nobody's addresses read as ones).

    slot = bus.map_io(pit, 0, 0x40, 4)
    bus.listing()
"""
from libc.string cimport memmove, memset
from emu_core_pyx.types cimport u16, u32, u64
from emu_core_pyx.bus.device cimport Device

cdef enum:
    MAX_SLOTS = 256
    MAX_BULKS = 8


class BoardError(Exception):
    """The board wires two devices to the same place, or one to an impossible place."""


cdef inline u64 ones(u32 size) noexcept nogil:
    return <u64>-1 if size >= 8 else (<u64>1 << 8 * size) - 1


cdef class Bus:
    """Port and MMIO routing of one machine."""

    def __cinit__(self):
        self.owners = []
        self.n_slots = self.n_mmio = 0
        memset(self.ports, 0, sizeof(self.ports))

    # ---- what the processor does ------------------------------------------------------------------

    cdef u32 port_read(self, u32 port, u32 size) noexcept nogil:
        cdef u32 s, half, low
        cdef Slot *slot
        port &= 0xFFFF
        s = self.ports[port]
        if size == 1 or port + size <= 0x10000 and s == self.ports[port + size - 1]:
            if s == 0:
                if size == 4 and self.ports[port + 1] | self.ports[port + 2]:
                    low = self.port_read(port, 2)           # first: in one expression C could call either first
                    return low | self.port_read(port + 2, 2) << 16
                self.unclaimed += 1
                return <u32>ones(size)
            slot = &self.slots[s - 1]
            return (<Device>slot.device).io_read(slot.region, port - <u32>slot.base, size) & <u32>ones(size)
        half = size >> 1
        low = self.port_read(port, half)
        return low | self.port_read(port + half, half) << 8 * half

    cdef void port_write(self, u32 port, u32 size, u32 value) noexcept nogil:
        cdef u32 s, half
        cdef Slot *slot
        port &= 0xFFFF
        s = self.ports[port]
        if size == 1 or port + size <= 0x10000 and s == self.ports[port + size - 1]:
            if s == 0:
                if size == 4 and self.ports[port + 1] | self.ports[port + 2]:
                    self.port_write(port, 2, value & 0xFFFF)
                    self.port_write(port + 2, 2, value >> 16)
                    return
                self.unclaimed += 1
                return
            slot = &self.slots[s - 1]
            (<Device>slot.device).io_write(slot.region, port - <u32>slot.base, size, value & <u32>ones(size))
            return
        half = size >> 1
        self.port_write(port, half, value & <u32>ones(half))
        self.port_write(port + half, half, value >> 8 * half)

    cdef Slot *_mmio(self, u64 phys) noexcept nogil:
        """The slot that owns an address, or NULL."""
        cdef Slot *slot = &self.slots[self.last_mmio]
        cdef u32 lo = 0, hi = self.n_mmio, mid
        if phys - slot.base < slot.size and not slot.is_io:
            return slot
        while lo < hi:
            mid = (lo + hi) >> 1
            slot = &self.slots[self.mmio_order[mid]]
            if phys < slot.base:
                hi = mid
            elif phys - slot.base >= slot.size:
                lo = mid + 1
            else:
                self.last_mmio = self.mmio_order[mid]
                return slot
        return NULL

    cdef u64 mmio_read(self, u64 phys, u32 size) noexcept nogil:
        cdef Slot *slot = self._mmio(phys)
        cdef u32 half
        cdef u64 low
        if slot == NULL or phys - slot.base + size > slot.size:
            if size == 1 or slot == NULL and self._mmio(phys + size - 1) == NULL:
                self.unclaimed += 1
                return ones(size)
            half = size >> 1
            low = self.mmio_read(phys, half)
            return low | self.mmio_read(phys + half, half) << 8 * half
        return (<Device>slot.device).mmio_read(slot.region, phys - slot.base, size) & ones(size)

    cdef void mmio_write(self, u64 phys, u32 size, u64 value) noexcept nogil:
        cdef Slot *slot = self._mmio(phys)
        cdef u32 half
        if slot == NULL or phys - slot.base + size > slot.size:
            if size == 1 or slot == NULL and self._mmio(phys + size - 1) == NULL:
                self.unclaimed += 1
                return
            half = size >> 1
            self.mmio_write(phys, half, value & ones(half))
            self.mmio_write(phys + half, half, value >> 8 * half)
            return
        (<Device>slot.device).mmio_write(slot.region, phys - slot.base, size, value & ones(size))

    cdef bint vacant(self, u64 phys, u64 n) noexcept nogil:
        cdef Slot *slot
        cdef u32 k
        for k in range(self.n_mmio):
            slot = &self.slots[self.mmio_order[k]]
            if slot.base >= phys + n:
                break
            if slot.base + slot.size > phys:
                return False
        return True

    cdef void add_bulk(self, Device device, u32 region, bulk_fn move):
        if self.n_bulks == MAX_BULKS:
            raise BoardError(f"{device.name}: more than {MAX_BULKS} data ports")
        self.bulks[self.n_bulks].device = <void *>device
        self.bulks[self.n_bulks].region = region
        self.bulks[self.n_bulks].move = move
        self.n_bulks += 1

    cdef BulkPort *bulk(self, u32 port) noexcept nogil:
        cdef u32 s = self.ports[port & 0xFFFF], k
        cdef Slot *slot
        if s == 0:
            return NULL
        slot = &self.slots[s - 1]
        if slot.base != port & 0xFFFF:
            return NULL
        for k in range(self.n_bulks):
            if self.bulks[k].device == slot.device and self.bulks[k].region == slot.region:
                return &self.bulks[k]
        return NULL

    # ---- maps ---------------------------------------------------------------------------------------

    cdef void _link(self, u32 slot) noexcept nogil:
        """Enter a slot with base and size set; ports somebody has stay with him."""
        cdef Slot *s = &self.slots[slot]
        cdef u64 p
        cdef u32 k
        if s.size == 0:
            return
        if s.is_io:
            for p in range(s.base, s.base + s.size):
                if p < 0x10000 and self.ports[p] == 0:
                    self.ports[p] = <u16>(slot + 1)
            return
        k = 0
        while k < self.n_mmio and self.slots[self.mmio_order[k]].base <= s.base:
            k += 1
        memmove(&self.mmio_order[k + 1], &self.mmio_order[k], (self.n_mmio - k) * sizeof(u16))
        self.mmio_order[k] = <u16>slot
        self.n_mmio += 1

    cdef void _unlink(self, u32 slot) noexcept nogil:
        cdef Slot *s = &self.slots[slot]
        cdef u64 p
        cdef u32 k
        if s.size == 0:
            return
        if s.is_io:
            for p in range(s.base, s.base + s.size):
                if p < 0x10000 and self.ports[p] == slot + 1:
                    self.ports[p] = 0
            return
        for k in range(self.n_mmio):
            if self.mmio_order[k] == slot:
                self.n_mmio -= 1
                memmove(&self.mmio_order[k], &self.mmio_order[k + 1], (self.n_mmio - k) * sizeof(u16))
                break

    cdef void remap(self, u32 slot, u64 base, u64 size) noexcept nogil:
        cdef Slot *s
        cdef Slot *o
        cdef u32 k
        if slot >= self.n_slots:
            return
        s = &self.slots[slot]
        self._unlink(slot)
        s.base = base
        s.size = size
        if not s.is_io and size:
            # an address two BARs claim belongs to the first; the order stays searchable
            for k in range(self.n_mmio):
                o = &self.slots[self.mmio_order[k]]
                if base < o.base + o.size and o.base < base + size:
                    s.size = 0
                    return
        self._link(slot)

    def _map(self, Device device not None, u32 region, u64 base, u64 size, bint is_io, u64 space):
        cdef Slot *s
        cdef u32 k, slot
        what = "port" if is_io else "address"
        if base + size > space or size > space:
            raise BoardError(f"{device.name}: {what}es {base:#x}+{size:#x} do not exist")
        if size:
            for k in range(self.n_slots):
                s = &self.slots[k]
                if bool(s.is_io) == is_io and s.size and base < s.base + s.size and s.base < base + size:
                    raise BoardError(f"{device.name} ({what} {base:#x}+{size:#x}) overlaps "
                                     f"{self.owners[k].name} ({s.base:#x}+{s.size:#x})")
        if self.n_slots == MAX_SLOTS:
            raise BoardError(f"{device.name}: more than {MAX_SLOTS} regions")
        slot = self.n_slots
        self.n_slots += 1
        self.owners.append(device)
        s = &self.slots[slot]
        s.device = <void *>device
        s.region = region
        s.is_io = is_io
        s.base = base
        s.size = size
        self._link(slot)
        return slot

    def map_io(self, Device device not None, u32 region, u64 base, u64 count):
        """Give `count` ports from `base` to region `region` of a device; the slot, for remap.  count 0: not yet."""
        return self._map(device, region, base, count, True, 0x10000)

    def map_mmio(self, Device device not None, u32 region, u64 base, u64 size):
        """The same for physical addresses."""
        return self._map(device, region, base, size, False, <u64>1 << 52)

    def move(self, u32 slot, u64 base, u64 size):
        """Put a mapped region elsewhere; size 0 takes it away."""
        if slot >= self.n_slots:
            raise BoardError(f"no region {slot}")
        self.remap(slot, base, size)

    def unmap(self, u32 slot):
        """Take a region away (its slot stays valid for `move`)."""
        self.move(slot, 0, 0)

    def listing(self):
        """Mapped regions, ports first, ascending: tuples ("io" or "mmio", base, size, device name, region)."""
        cdef u32 k
        out = []
        for k in range(self.n_slots):
            if self.slots[k].size:
                out.append(("io" if self.slots[k].is_io else "mmio", self.slots[k].base, self.slots[k].size,
                            self.owners[k].name, self.slots[k].region))
        return sorted(out, key=lambda r: r[:4])

    # ---- what a test or a monitor does ----------------------------------------------------------------

    @property
    def unclaimed_accesses(self):
        """Accesses nobody answered."""
        return self.unclaimed

    def inp(self, u32 port, u32 size=1):
        """Read a port."""
        return self.port_read(port, size)

    def outp(self, u32 port, u32 value, u32 size=1):
        """Write a port."""
        self.port_write(port, size, value)

    def peek(self, u64 phys, u32 size=4):
        """Read an MMIO address (1, 2, 4 or 8 bytes)."""
        return self.mmio_read(phys, size)

    def poke(self, u64 phys, u64 value, u32 size=4):
        """Write an MMIO address."""
        self.mmio_write(phys, size, value)
