"""See hostring.pxd.  `near_full` rises at 7/8, or with `live` at the end of a line, so that the run loop
can stop and let the host drain."""
from libc.stdlib cimport calloc, free
from emu_core_pyx.types cimport u8, u64
from emu_core_pyx.bus.device cimport Line


cdef class HostRing:
    """FIFO of `size` bytes (a power of two)."""

    def __cinit__(self, u64 size=1 << 20):
        if size & (size - 1):
            raise ValueError("ring size must be a power of two")
        self.buf = <u8 *>calloc(size, 1)
        if self.buf == NULL:
            raise MemoryError()
        self.mask = size - 1
        self.near_full = Line()

    def __dealloc__(self):
        free(self.buf)

    cdef u64 used(self) noexcept nogil:
        return self.head - self.tail

    cdef bint put(self, u8 v) noexcept nogil:
        if self.discard:
            self.head += 1
            self.tail += 1
            return True
        if self.used() > self.mask:
            return False
        self.buf[self.head & self.mask] = v
        self.head += 1
        if self.used() >= self.mask - (self.mask >> 3) or self.live and v == 10:
            self.near_full.set(1)
        return True

    cdef int get(self) noexcept nogil:
        cdef u8 v
        if self.head == self.tail:
            return -1
        v = self.buf[self.tail & self.mask]
        self.tail += 1
        return v

    def take(self):
        """All bytes waiting, removed."""
        cdef u64 n = self.used(), k
        out = bytearray(n)
        for k in range(n):
            out[k] = self.buf[(self.tail + k) & self.mask]
        self.tail += n
        self.near_full.set(0)
        return bytes(out)

    def peek(self):
        """All bytes waiting, left in place."""
        cdef u64 k
        return bytes([self.buf[(self.tail + k) & self.mask] for k in range(self.used())])

    def feed(self, bytes data):
        """Add as much of `data` as fits; the number of bytes taken."""
        cdef u64 k, n = min(<u64>len(data), self.mask + 1 - self.used())
        cdef const u8 *p = data
        for k in range(n):
            self.buf[(self.head + k) & self.mask] = p[k]
        self.head += n
        return n

    def clear(self):
        """Forget what waits."""
        self.tail = self.head
        self.near_full.set(0)

    @property
    def count(self):
        """Bytes waiting."""
        return self.used()

    @property
    def total(self):
        """Bytes ever written."""
        return self.head
