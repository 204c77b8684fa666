"""See clock.pxd."""
from emu_core_pyx.types cimport i64, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.bus.device cimport Device

cdef u64 NEVER = <u64>-1


cdef class Clock:
    """Virtual clock of one machine."""

    def __cinit__(self):
        self.cpu = NULL
        self.n_slots = 0
        self.next_deadline = NEVER
        self.owners = []

    cdef u64 now_ns(self) noexcept nogil:
        cdef CPU *c = self.cpu
        if c == NULL:
            return self.manual_ns
        return ((c.stop_at - <u64>c.left - <u64>c.now_adj) << self.shift) + <u64>c.s.skew_ns

    cdef u32 timer(self, object device, u32 number) except? 0xFFFFFFFF:
        if self.n_slots == 64:
            raise RuntimeError("too many timers")
        self.owners.append(device)
        self.slots[self.n_slots].device = <void *>device
        self.slots[self.n_slots].number = number
        self.slots[self.n_slots].deadline = NEVER
        self.n_slots += 1
        return self.n_slots - 1

    cdef void _refresh(self) noexcept nogil:
        cdef u64 best = NEVER
        cdef u32 k
        cdef CPU *c = self.cpu
        cdef u64 stop
        for k in range(self.n_slots):
            if self.slots[k].deadline < best:
                best = self.slots[k].deadline
        self.next_deadline = best
        # a deadline nearer than the current budget shortens it
        if c != NULL and best != NEVER:
            stop = 0
            if best > <u64>c.s.skew_ns:
                stop = (best - <u64>c.s.skew_ns + (<u64>1 << self.shift) - 1) >> self.shift
            if stop < c.stop_at:
                c.left -= <i64>(c.stop_at - stop)
                c.stop_at = stop

    cdef void arm(self, u32 slot, u64 deadline_ns) noexcept nogil:
        self.slots[slot].deadline = deadline_ns
        self._refresh()

    cdef void cancel(self, u32 slot) noexcept nogil:
        if self.slots[slot].deadline != NEVER:
            self.slots[slot].deadline = NEVER
            self._refresh()

    cdef u64 deadline_of(self, u32 slot) noexcept nogil:
        return self.slots[slot].deadline

    cdef void fire_due(self) noexcept nogil:
        """Call on_timer of everything due, earliest first, slot order among equals."""
        cdef u32 k, pick
        cdef u64 best, now = self.now_ns()
        while True:
            best = NEVER
            pick = 0
            for k in range(self.n_slots):
                if self.slots[k].deadline < best:
                    best = self.slots[k].deadline
                    pick = k
            if best > now or best == NEVER:
                break
            self.slots[pick].deadline = NEVER
            (<Device>self.slots[pick].device).on_timer(self.slots[pick].number, best)
        self._refresh()

    # -- for tests without a CPU ---------------------------------------------------------------
    def set_ns(self, u64 ns):
        """Unbound clock only: advance to `ns`, firing every deadline on the way at its own time."""
        while self.next_deadline <= ns:
            self.manual_ns = max(self.manual_ns, self.next_deadline)
            self.fire_due()
        self.manual_ns = ns

    @property
    def ns(self):
        """Virtual nanoseconds since power-on."""
        return self.now_ns()
