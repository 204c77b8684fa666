"""Armed deadlines as part of a device's state."""
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.bus.clock cimport Clock
from emu_core_pyx.bus.visitor cimport Visitor


cdef inline void visit_deadline(Visitor v, const char *name, Clock clock, u32 slot):
    """Save what `slot` is armed for, or arm it again."""
    cdef u64 at = <u64>-1
    if clock is not None and not v.loading:
        at = clock.deadline_of(slot)
    v.u64(name, &at)
    if v.loading and clock is not None:
        if at == <u64>-1:
            clock.cancel(slot)
        else:
            clock.arm(slot, at)
