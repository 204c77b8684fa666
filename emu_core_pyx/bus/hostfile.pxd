"""Whole transfers on a file descriptor: EINTR and short transfers are gone on with.  0 or an errno."""
from emu_core_pyx.types cimport u8, u64


cdef int read_all(int fd, u64 at, u8 *dst, u64 n) noexcept nogil    # zeros behind the end of the file
cdef int write_all(int fd, u64 at, const u8 *src, u64 n) noexcept nogil
cdef int sync_data(int fd) noexcept nogil
