"""Where a disk's bytes are: what IDE, ATAPI, floppy and flash devices read and write, without the GIL.

Addresses and lengths are in bytes; devices ask in whole sectors.  Errors are values (0 or an errno), since a host
file can fail at any time; a device turns them into its own error status.  Kinds: MemoryMedium here; files and overlays in
filemedium.pyx.
"""
from emu_core_pyx.types cimport u32, u64


cdef class Medium:
    cdef readonly u64 size          # bytes; what lies behind reads as zeros and takes no writes (ENOSPC)
    cdef public u32 readonly        # writes give EROFS
    cdef readonly u64 reads         # requests and bytes, for query-blockstats
    cdef readonly u64 writes
    cdef readonly u64 bytes_read
    cdef readonly u64 bytes_written
    cdef readonly u64 flushes
    cdef readonly int last_error    # the last errno a request ended with
    # The doors: checks, statistics, then do_*.
    cdef int read(self, u64 at, void *dst, u64 n) noexcept nogil
    cdef int write(self, u64 at, const void *src, u64 n) noexcept nogil
    cdef int flush(self) noexcept nogil
    # What a kind of medium defines; `at + n <= size` holds.
    cdef int do_read(self, u64 at, void *dst, u64 n) noexcept nogil
    cdef int do_write(self, u64 at, const void *src, u64 n) noexcept nogil
    cdef int do_flush(self) noexcept nogil


cdef class MemoryMedium(Medium):
    """Bytes in host memory."""
    cdef bytearray data
    cdef unsigned char *base
