"""A medium with bad places: what a disk that is going to die looks like.

    medium = BadMedium(MemoryMedium(bytes(1 << 20)), bad_reads=[(512 * 7, 512)], bad_writes=[])
Every request that touches a bad range fails with EIO and moves nothing.
"""
from libc.errno cimport EIO
from emu_core_pyx.types cimport u64
from emu_core_pyx.bus.medium cimport Medium

cdef enum:
    MAX_RANGES = 16


cdef class BadMedium(Medium):
    cdef Medium below
    cdef u64 reads_at[MAX_RANGES][2]        # first byte, end
    cdef u64 writes_at[MAX_RANGES][2]
    cdef int flush_error

    def __init__(self, Medium below not None, bad_reads=(), bad_writes=(), bint bad_flush=False):
        if len(bad_reads) > MAX_RANGES or len(bad_writes) > MAX_RANGES:
            raise ValueError(f"a bad medium has at most {MAX_RANGES} bad ranges of a kind")
        self.below = below
        self.size = below.size
        self.readonly = below.readonly
        self.flush_error = EIO if bad_flush else 0
        for k, (at, n) in enumerate(bad_reads):
            self.reads_at[k][0] = at
            self.reads_at[k][1] = at + n
        for k, (at, n) in enumerate(bad_writes):
            self.writes_at[k][0] = at
            self.writes_at[k][1] = at + n

    cdef int do_read(self, u64 at, void *dst, u64 n) noexcept nogil:
        cdef int k
        for k in range(MAX_RANGES):
            if at < self.reads_at[k][1] and self.reads_at[k][0] < at + n:
                return EIO
        return self.below.read(at, dst, n)

    cdef int do_write(self, u64 at, const void *src, u64 n) noexcept nogil:
        cdef int k
        for k in range(MAX_RANGES):
            if at < self.writes_at[k][1] and self.writes_at[k][0] < at + n:
                return EIO
        return self.below.write(at, src, n)

    cdef int do_flush(self) noexcept nogil:
        return self.flush_error if self.flush_error else self.below.flush()
