"""Whole transfers on a file descriptor; see hostfile.pxd."""
from libc.errno cimport EINTR, EIO, errno
from libc.string cimport memset
from posix.types cimport off_t
from posix.unistd cimport pread, pwrite
from emu_core_pyx.types cimport u8, u64

cdef extern from "unistd.h" nogil:
    int fdatasync(int fd)


cdef int read_all(int fd, u64 at, u8 *dst, u64 n) noexcept nogil:
    """Read n bytes; zeros behind the end of the file.  0 or an errno."""
    cdef ssize_t got
    while n:
        got = pread(fd, dst, n, <off_t>at)
        if got < 0:
            if errno == EINTR:
                continue
            return errno
        if got == 0:
            memset(dst, 0, n)
            return 0
        dst += got
        at += <u64>got
        n -= <u64>got
    return 0


cdef int write_all(int fd, u64 at, const u8 *src, u64 n) noexcept nogil:
    """Write n bytes.  0 or an errno."""
    cdef ssize_t done
    while n:
        done = pwrite(fd, src, n, <off_t>at)
        if done < 0:
            if errno == EINTR:
                continue
            return errno
        if done == 0:
            return EIO
        src += done
        at += <u64>done
        n -= <u64>done
    return 0


cdef int sync_data(int fd) noexcept nogil:
    while fdatasync(fd) < 0:
        if errno != EINTR:
            return errno
    return 0
