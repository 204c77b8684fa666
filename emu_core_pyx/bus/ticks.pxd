"""Exact conversion between virtual nanoseconds and the clock edges of a chip.

A chip clock is given as the fraction num/den edges per nanosecond (the PIT: 105/88000, from
14.31818 MHz = 315/22 MHz divided by 12), so nothing drifts.
"""
from emu_core_pyx.types cimport u32, u64, u128


cdef inline u64 ticks_at(u64 ns, u64 num, u64 den) noexcept nogil:
    """Edges that have happened by `ns`."""
    return <u64>(<u128>ns * num // den)


cdef inline u64 ns_of_tick(u64 tick, u64 num, u64 den) noexcept nogil:
    """The first nanosecond at which `ticks_at` gives `tick`; saturates short of NEVER."""
    cdef u128 ns = (<u128>tick * den + num - 1) // num
    if ns > <u128>(<u64>-2):
        return <u64>-2
    return <u64>ns
