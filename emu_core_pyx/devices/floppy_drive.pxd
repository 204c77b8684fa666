"""A floppy drive with, or without, a disk in it; see floppy_drive.pyx."""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.medium cimport Medium
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    SECTOR = 512
    MARK_BYTES = 1280


cdef class FloppyDrive:
    cdef readonly Medium medium     # None: no disk
    cdef public u32 fitted          # is there a drive at all
    cdef readonly u32 cylinders     # of the disk's format
    cdef readonly u32 heads
    cdef readonly u32 sectors
    cdef readonly u32 kbit          # data rate it is recorded with
    cdef u32 position               # cylinder under the heads
    cdef u32 changed                # disk change line
    cdef u32 has_disk
    cdef u8 deleted[MARK_BYTES]     # sectors with a deleted-data mark, by number
    # Step pulses; any with a disk in the drive clears the disk change line.
    cdef void step_in(self, u32 steps) noexcept nogil
    cdef void step_out(self, u32 steps) noexcept nogil
    # Would a head reading MFM at this data rate see address marks?
    cdef bint readable(self, u32 kbit, u32 head) noexcept nogil
    cdef bint write_protected(self) noexcept nogil
    # Sectors (from 1) of the track under the head: 0 or an errno.
    cdef int read(self, u32 head, u32 sector, u8 *dst) noexcept nogil
    cdef int write(self, u32 head, u32 sector, const u8 *src, bint deleted) noexcept nogil
    cdef bint marked(self, u32 head, u32 sector) noexcept nogil
    cdef u64 number(self, u32 head, u32 sector) noexcept nogil
    cdef void state(self, Visitor v)
