"""Bytes on their way between the guest and the host: a ring with one writer and one reader."""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.device cimport Line


cdef class HostRing:
    cdef u8 *buf
    cdef u64 mask
    cdef u64 head               # bytes ever written
    cdef u64 tail               # bytes ever read
    cdef public bint discard    # nobody listens: count, do not keep
    cdef public bint live       # someone watches: a line feed raises near_full at once
    cdef readonly Line near_full
    cdef bint put(self, u8 v) noexcept nogil    # 0: full, not taken
    cdef int get(self) noexcept nogil           # -1: empty
    cdef u64 used(self) noexcept nogil
