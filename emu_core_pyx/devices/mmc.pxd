"""What a CD-ROM drive tells about itself and its disc: the structures of MMC-3, filled from a few facts.

Each function fills an `Answer` that was cleared, from the packet `b`; those with a result give 0 for an invalid field.
"""
from emu_core_pyx.types cimport u8, u32

cdef struct Answer:
    u32 n               # bytes
    u8 data[512]

cdef inline u32 be16(const u8 *p) noexcept nogil:
    return <u32>p[0] << 8 | p[1]

cdef inline u32 be24(const u8 *p) noexcept nogil:
    return <u32>p[0] << 16 | <u32>p[1] << 8 | p[2]

cdef inline u32 be32(const u8 *p) noexcept nogil:
    return <u32>p[0] << 24 | be24(p + 1)

cdef inline void put16(u8 *p, u32 v) noexcept nogil:
    p[0] = <u8>(v >> 8)
    p[1] = <u8>v

cdef inline void put32(u8 *p, u32 v) noexcept nogil:
    put16(p, v >> 16)
    put16(p + 2, v)

cdef bint inquiry(Answer *a, const u8 *b, const u8 *model, const u8 *serial) noexcept nogil
cdef bint toc(Answer *a, const u8 *b, u32 blocks) noexcept nogil
cdef void features(Answer *a, const u8 *b, bint present, bint dvd) noexcept nogil
cdef bint event_status(Answer *a, const u8 *b, u8 event, bint tray_open, bint present) noexcept nogil
cdef void disc_information(Answer *a) noexcept nogil
cdef bint track_information(Answer *a, const u8 *b, u32 blocks) noexcept nogil
cdef void mechanism(Answer *a, bint tray_open, u32 lba) noexcept nogil
cdef bint dvd_structure(Answer *a, const u8 *b, u32 blocks) noexcept nogil
cdef bint mode_pages(Answer *a, u32 page, bint long_form, u32 control, u8 medium, bint locked, const u8 *retry) noexcept nogil
