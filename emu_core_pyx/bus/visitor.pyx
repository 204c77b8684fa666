"""See visitor.pxd.  On the wire a field is: u8 name length, name, u32 size, bytes."""
from libc.string cimport memcpy
from emu_core_pyx cimport types


class StateError(Exception):
    """Saved state that does not fit this machine: a name, a size or the order differs."""


cdef class Visitor:
    """Save (no argument) or load (the bytes of an earlier save)."""

    def __init__(self, data=None):
        self.loading = data is not None
        self.out = bytearray()
        self.pos = 0
        self.section = ""
        self.src = b"" if data is None else bytes(data)

    cdef void begin(self, str section):
        """What follows belongs to `section` (a device's name); for messages and for the order."""
        self.section = section
        self.blob(b"section", section.encode())

    cdef void u8(self, const char *name, types.u8 *p):
        self.raw(name, p, 1)

    cdef void u16(self, const char *name, types.u16 *p):
        self.raw(name, p, 2)

    cdef void u32(self, const char *name, types.u32 *p):
        self.raw(name, p, 4)

    cdef void u64(self, const char *name, types.u64 *p):
        self.raw(name, p, 8)

    cdef void raw(self, const char *name, void *p, size_t n):
        if self.loading:
            data = self._take(name)
            if data is None:
                return
            if len(data) != n:
                self._fail(name, f"is {len(data)} bytes, expected {n}")
                return
            memcpy(p, <const char *>data, n)
        else:
            self._give(name, (<const char *>p)[:n])

    cdef bytes blob(self, const char *name, bytes data):
        if self.loading:
            got = self._take(name)
            return data if got is None else got
        self._give(name, data)
        return data

    def _give(self, bytes name, bytes data):
        self.out.append(len(name))
        self.out += name
        self.out += len(data).to_bytes(4, "little")
        self.out += data

    def _take(self, bytes name):
        """The next field's bytes; None after the first error, which `finish` raises."""
        if self.error:
            return None
        src = self.src
        end = len(src)
        pos = self.pos
        if pos >= end:
            return self._fail(name, "is missing")
        n = src[pos]
        if pos + 5 + n > end:
            return self._fail(name, "is cut off")
        got = src[pos + 1:pos + 1 + n]
        size = int.from_bytes(src[pos + 1 + n:pos + 5 + n], "little")
        if got != name:
            return self._fail(name, f"expected, found {got.decode('ascii', 'replace')!r}")
        if pos + 5 + n + size > end:
            return self._fail(name, "is cut off")
        self.pos = pos + 5 + n + size
        return src[pos + 5 + n:self.pos]

    def _fail(self, bytes name, str why):
        if not self.error:
            self.error = f"state of {self.section or '?'}: field {name.decode()!r} {why}"
        return None

    def finish(self):
        """After loading: raise StateError if anything did not fit or is left over."""
        if not self.error and self.pos != len(self.src):
            self.error = f"state: {len(self.src) - self.pos} bytes left over after {self.section or 'the last field'}"
        if self.error:
            raise StateError(self.error)

    def data(self):
        """What was saved."""
        return bytes(self.out)
