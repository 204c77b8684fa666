"""Floppy drive and disk: heads over tracks of plain 512-byte sectors (a Medium and a geometry).

The identification fields are those of the standard formats (C track, H side, R from 1, N 2).  Sectors marked deleted are
remembered while the disk is in the drive.
DEVIATION: the disk turns whether the motor is on or not, and takes both 250 and 300 kbit/s for double density (a 1.2 MB
drive turns faster).
Spec: Intel 82077AA data sheet (order 290166), chapter 3 (drive interface); ECMA-100 and ECMA-147 for the track formats.
"""
from libc.errno cimport EIO
from libc.string cimport memset
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.medium cimport Medium
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    LAST_CYLINDER = 85              # where the head carriage stops


cdef class FloppyDrive:
    """One drive; the controller steps and reads, the board inserts and ejects."""

    def __init__(self, bint fitted=True):
        self.fitted = fitted
        self.changed = 1

    cdef void step_in(self, u32 steps) noexcept nogil:
        self.position = min(self.position + min(steps, 256), LAST_CYLINDER)
        if self.has_disk and steps:
            self.changed = 0

    cdef void step_out(self, u32 steps) noexcept nogil:
        self.position -= min(self.position, steps)
        if self.has_disk and steps:
            self.changed = 0

    cdef bint readable(self, u32 kbit, u32 head) noexcept nogil:
        if not self.has_disk or kbit != self.kbit and not (kbit == 300 and self.kbit == 250):
            return False
        return self.position < self.cylinders and head < self.heads

    cdef bint write_protected(self) noexcept nogil:
        return self.has_disk and self.medium.readonly

    cdef u64 number(self, u32 head, u32 sector) noexcept nogil:
        return (<u64>self.position * self.heads + head) * self.sectors + sector - 1

    cdef bint marked(self, u32 head, u32 sector) noexcept nogil:
        cdef u64 k = self.number(head, sector)
        return k < MARK_BYTES * 8 and self.deleted[k >> 3] >> (k & 7) & 1

    cdef int read(self, u32 head, u32 sector, u8 *dst) noexcept nogil:
        return self.medium.read(self.number(head, sector) * SECTOR, dst, SECTOR) if self.has_disk else EIO

    cdef int write(self, u32 head, u32 sector, const u8 *src, bint deleted) noexcept nogil:
        cdef u64 k = self.number(head, sector)
        cdef int err = self.medium.write(k * SECTOR, src, SECTOR) if self.has_disk else EIO
        if err == 0 and k < MARK_BYTES * 8:
            if deleted:
                self.deleted[k >> 3] |= <u8>(1 << (k & 7))
            else:
                self.deleted[k >> 3] &= <u8>~(1 << (k & 7))
        return err

    cdef void state(self, Visitor v):
        v.u32(b"fitted", &self.fitted)
        v.u32(b"cylinders", &self.cylinders)
        v.u32(b"heads", &self.heads)
        v.u32(b"sectors", &self.sectors)
        v.u32(b"kbit", &self.kbit)
        v.u32(b"position", &self.position)
        v.u32(b"changed", &self.changed)
        v.raw(b"deleted", &self.deleted[0], MARK_BYTES)

    def insert(self, Medium medium not None, u32 cylinders, u32 heads, u32 sectors, u32 kbit):
        """Put a disk in; the disk change line tells the guest."""
        if not self.fitted:
            raise ValueError("there is no such floppy drive")
        if not (0 < cylinders <= LAST_CYLINDER + 1 and heads in (1, 2) and 0 < sectors <= 60 and kbit in (250, 500, 1000)):
            raise ValueError(f"no floppy format: {cylinders} cylinders, {heads} heads, {sectors} sectors, {kbit} kbit/s")
        self.medium = medium
        self.cylinders = cylinders
        self.heads = heads
        self.sectors = sectors
        self.kbit = kbit
        self.changed = 1
        self.has_disk = 1
        memset(&self.deleted[0], 0, MARK_BYTES)

    def eject(self):
        """Take the disk out."""
        self.has_disk = 0
        self.medium = None
        self.cylinders = self.heads = self.sectors = self.kbit = 0
        self.changed = 1
        memset(&self.deleted[0], 0, MARK_BYTES)
