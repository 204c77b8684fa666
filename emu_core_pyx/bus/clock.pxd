"""Virtual time.  now_ns = (instructions retired << shift) + time skipped in HLT.

`bind` ties a clock to a CPU; until then (device unit tests) time is what `set_ns` says.
Timers are slots of a fixed table: `slot = clock.timer(device, n)` once at attach, then
`arm(slot, deadline_ns)` / `cancel(slot)`.  Deadlines at or before now fire at the next
instruction boundary.  Equal deadlines fire in slot order.
"""
from emu_core_pyx.types cimport i64, u32, u64
from emu_core_pyx.cpu.state cimport CPU

cdef u64 NEVER

cdef struct TimerSlot:
    void *device
    u32 number
    u64 deadline        # NEVER when idle

cdef class Clock:
    cdef CPU *cpu
    cdef public u32 shift           # one instruction is 1 << shift ns
    cdef public u64 base_unix       # seconds since 1970 at now_ns == 0, for the RTC
    cdef u64 manual_ns
    cdef TimerSlot slots[64]
    cdef u32 n_slots
    cdef u64 next_deadline          # earliest armed, or NEVER
    cdef list owners                # keeps devices alive
    cdef u64 now_ns(self) noexcept nogil
    cdef void arm(self, u32 slot, u64 deadline_ns) noexcept nogil
    cdef void cancel(self, u32 slot) noexcept nogil
    cdef u64 deadline_of(self, u32 slot) noexcept nogil
    cdef void fire_due(self) noexcept nogil     # run loop only
    cdef u32 timer(self, object device, u32 number) except? 0xFFFFFFFF
    cdef void _refresh(self) noexcept nogil
