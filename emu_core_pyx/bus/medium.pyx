"""Where a disk's bytes are; see medium.pxd."""
from libc.errno cimport ENOSPC, EROFS
from libc.string cimport memcpy, memset
from emu_core_pyx.types cimport u8, u64


cdef class Medium:
    """A medium: `size` bytes that can be read and, unless `readonly`, written."""

    cdef int read(self, u64 at, void *dst, u64 n) noexcept nogil:
        cdef u64 have = 0 if at >= self.size else min(n, self.size - at)
        cdef int err = 0
        self.reads += 1
        self.bytes_read += n
        if have:
            err = self.do_read(at, dst, have)
        if have < n:
            memset(<u8 *>dst + have, 0, n - have)
        if err:
            self.last_error = err
        return err

    cdef int write(self, u64 at, const void *src, u64 n) noexcept nogil:
        cdef int err
        self.writes += 1
        self.bytes_written += n
        if self.readonly:
            err = EROFS
        elif at > self.size or n > self.size - at:
            err = ENOSPC
        else:
            err = self.do_write(at, src, n)
        if err:
            self.last_error = err
        return err

    cdef int flush(self) noexcept nogil:
        cdef int err
        self.flushes += 1
        if self.readonly:
            return 0
        err = self.do_flush()
        if err:
            self.last_error = err
        return err

    cdef int do_read(self, u64 at, void *dst, u64 n) noexcept nogil:
        memset(dst, 0, n)
        return 0

    cdef int do_write(self, u64 at, const void *src, u64 n) noexcept nogil:
        return EROFS

    cdef int do_flush(self) noexcept nogil:
        return 0

    def pread(self, u64 at, u64 n):
        """Bytes, for the host; raises OSError."""
        out = bytearray(n)
        cdef u8 *p = out
        cdef int err
        if n:
            err = self.read(at, p, n)
            if err:
                raise OSError(err, "read of a medium")
        return bytes(out)

    def pwrite(self, u64 at, bytes data):
        """Write for the host; raises OSError."""
        cdef const u8 *p = data
        cdef int err = self.write(at, p, len(data)) if data else 0
        if err:
            raise OSError(err, "write to a medium")

    def sync(self):
        """Flush for the host; raises OSError."""
        cdef int err = self.flush()
        if err:
            raise OSError(err, "flush of a medium")

    def close(self):
        """Give host resources back."""


cdef class MemoryMedium(Medium):
    def __init__(self, data, bint readonly=False):
        self.data = bytearray(data)
        self.base = self.data
        self.size = len(self.data)
        self.readonly = readonly

    cdef int do_read(self, u64 at, void *dst, u64 n) noexcept nogil:
        memcpy(dst, self.base + at, n)
        return 0

    cdef int do_write(self, u64 at, const void *src, u64 n) noexcept nogil:
        memcpy(self.base + at, src, n)
        return 0

    def bytes(self):
        """A copy of it all."""
        return bytes(self.data)
