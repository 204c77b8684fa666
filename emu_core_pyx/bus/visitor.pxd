"""One visitor serves save, load and hash: ``v.u32(b"ier", &self.ier)`` either copies the field out or in.

Fields are named, fixed-width, little-endian; a name appears once per device.  Loading checks the
names and sizes and raises StateError at the end (`finish`) when they differ.
"""
from emu_core_pyx.types cimport i64, u8, u16, u32, u64


cdef class Visitor:
    cdef readonly bint loading
    cdef bytearray out
    cdef bytes src          # not a memoryview: its support code would be compiled into every device
    cdef Py_ssize_t pos
    cdef str section
    cdef str error
    cdef void begin(self, str section)
    cdef void u8(self, const char *name, u8 *p)
    cdef void u16(self, const char *name, u16 *p)
    cdef void u32(self, const char *name, u32 *p)
    cdef void u64(self, const char *name, u64 *p)
    cdef void raw(self, const char *name, void *p, size_t n)
    cdef bytes blob(self, const char *name, bytes data)     # variable length; returns the loaded one
