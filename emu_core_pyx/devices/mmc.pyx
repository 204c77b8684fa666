"""Structures of MMC-3 for a disc with one data track in one session; see mmc.pxd.

Spec: MMC-3 (T10/1363D) 5 (features), 6 (commands); SPC-2 8.4 (INQUIRY, vital product data); Mt. Fuji (DVD structures).
"""
from libc.string cimport memcpy, memset
from emu_core_pyx.types cimport u8, u32
from emu_core_pyx.devices.cd_sector cimport put_msf

cdef enum:
    LEAD_OUT = 0xAA
    DATA_TRACK = 0x14           # ADR 1, control 4
    PROFILE_CD = 0x0008
    PROFILE_DVD = 0x0010
    MODE_CAPABILITIES = 0x2A


cdef void plain(u8 *to, const u8 *swapped, u32 n) noexcept nogil:
    """Text of IDENTIFY words in reading order."""
    cdef u32 k
    for k in range(n):
        to[k] = swapped[k ^ 1]


cdef bint inquiry(Answer *a, const u8 *b, const u8 *model, const u8 *serial) noexcept nogil:
    """Standard data; vital product data pages 00h, 80h (serial number) and 83h."""
    cdef u8 *d = a.data
    d[0] = 0x05                         # CD-ROM
    if b[1] & 1:
        d[1] = b[2]
        if b[2] == 0:
            d[3] = 3
            d[5] = 0x80
            d[6] = 0x83
        elif b[2] == 0x80:
            d[3] = 20
            plain(d + 4, serial, 20)
        elif b[2] == 0x83:              # vendor-specific identifier in ASCII
            d[3] = 24
            d[4] = 2
            d[7] = 20
            plain(d + 8, serial, 20)
        else:
            return 0
        a.n = 4 + d[3]
        return 1
    if b[2]:
        return 0
    d[1] = 0x80                         # removable
    d[3] = 0x21                         # ATAPI
    d[4] = 31
    memset(d + 8, 0x20, 28)
    memcpy(d + 8, b"EMU", 3)
    plain(d + 16, model, 16)
    memcpy(d + 32, b"1.0", 3)
    a.n = 36
    return 1


cdef void address(u8 *to, u32 lba, bint msf) noexcept nogil:
    if msf:
        to[0] = 0
        put_msf(to + 1, lba)
    else:
        put32(to, lba)


cdef bint toc(Answer *a, const u8 *b, u32 blocks) noexcept nogil:
    """READ TOC/PMA/ATIP, formats 0 (tracks), 1 (sessions), 2 (all of the lead-in)."""
    cdef u8 *d = a.data
    cdef bint msf = b[1] & 2 != 0
    cdef u32 form = b[2] & 0x0F, k
    cdef u8 *row
    cdef u8 *points = [0xA0, 0xA1, 0xA2, 1]
    if form == 0:
        form = b[9] >> 6                # INF-8020i had it there
    d[2] = d[3] = 1
    if form == 0:
        if b[6] > 1 and b[6] != LEAD_OUT:
            return 0
        row = d + 4
        if b[6] <= 1:
            row[1] = DATA_TRACK
            row[2] = 1
            address(row + 4, 0, msf)
            row += 8
        row[1] = DATA_TRACK
        row[2] = LEAD_OUT
        address(row + 4, blocks, msf)
        a.n = <u32>(row + 8 - d)
    elif form == 1:
        d[5] = DATA_TRACK
        d[6] = 1
        address(d + 8, 0, msf)
        a.n = 12
    elif form == 2:
        for k in range(4):
            row = d + 4 + 11 * k
            row[0] = 1
            row[1] = DATA_TRACK
            row[3] = points[k]
            if k < 2:
                row[8] = 1              # first and last track
            else:
                put_msf(row + 8, blocks if k == 2 else 0)
        a.n = 48
    else:
        return 0
    put16(d, a.n - 2)
    return 1


cdef u32 feature(Answer *a, const u8 *b, u32 code, u32 flags, u32 size) noexcept nogil:
    """Begin a feature descriptor if the host asked for it; where its data goes, 0: not wanted."""
    cdef u32 rt = b[1] & 3, at = a.n
    if rt == 2 and code != be16(b + 2) or code < be16(b + 2) or rt == 1 and not flags & 1:
        return 0
    put16(a.data + at, code)
    a.data[at + 2] = <u8>flags
    a.data[at + 3] = <u8>size
    a.n += 4 + size
    return at + 4


cdef void features(Answer *a, const u8 *b, bint present, bint dvd) noexcept nogil:
    """GET CONFIGURATION.  Flags: bit 0 current, bit 1 persistent, version from bit 2."""
    cdef u32 at, now = present
    cdef u8 *d = a.data
    put16(d + 6, 0 if not present else PROFILE_DVD if dvd else PROFILE_CD)
    a.n = 8
    at = feature(a, b, 0x0000, 0x03, 8)             # profile list
    if at:
        put16(d + at, PROFILE_DVD)
        d[at + 2] = present and dvd
        put16(d + at + 4, PROFILE_CD)
        d[at + 6] = present and not dvd
    at = feature(a, b, 0x0001, 0x07, 8)             # core: ATAPI
    if at:
        put32(d + at, 2)
        d[at + 4] = 1
    at = feature(a, b, 0x0002, 0x07, 4)             # morphing: events are polled
    at = feature(a, b, 0x0003, 0x03, 4)             # removable medium: tray, ejects, locks
    if at:
        d[at] = 0x29
    at = feature(a, b, 0x0010, now, 8)              # random readable
    if at:
        put32(d + at, 2048)
        put16(d + at + 4, 1)
        d[at + 6] = 1
    at = feature(a, b, 0x001D, now, 0)              # multi-read
    at = feature(a, b, 0x001E, present and not dvd, 0)      # CD read
    at = feature(a, b, 0x001F, present and dvd, 0)          # DVD read
    at = feature(a, b, 0x0100, 0x03, 0)             # power management
    put32(d, a.n - 4)


cdef bint event_status(Answer *a, const u8 *b, u8 event, bint tray_open, bint present) noexcept nogil:
    """GET EVENT STATUS NOTIFICATION, polled, media class."""
    cdef u8 *d = a.data
    if not b[1] & 1:
        return 0
    d[3] = 0x10                         # classes there are
    if not b[4] & 0x10:
        d[1] = 2
        d[2] = 0x80                     # no event available
        a.n = 4
        return 1
    d[1] = 6
    d[2] = 4
    d[4] = event
    d[5] = tray_open | present << 1
    a.n = 8
    return 1


cdef void disc_information(Answer *a) noexcept nogil:
    """A finished disc that cannot be written."""
    cdef u8 *d = a.data
    d[1] = 32
    d[2] = 0x0E                         # last session and disc complete
    d[3] = d[4] = d[5] = d[6] = 1
    d[7] = 0x20                         # unrestricted use
    memset(d + 16, 0xFF, 8)             # nowhere to start another session
    a.n = 34


cdef bint track_information(Answer *a, const u8 *b, u32 blocks) noexcept nogil:
    """Of the track an address lies in, a track or a session."""
    cdef u8 *d = a.data
    cdef u32 what = be32(b + 2), kind = b[1] & 3
    if kind == 0 and what >= blocks or kind and what != 1:
        return 0
    put16(d, 34)
    d[2] = d[3] = 1
    d[5] = 4
    d[6] = 1                            # data mode 1
    put32(d + 24, blocks)
    a.n = 36
    return 1


cdef void mechanism(Answer *a, bint tray_open, u32 lba) noexcept nogil:
    """No changer: header alone."""
    a.data[1] = 0x10 if tray_open else 0
    a.data[2] = <u8>(lba >> 16)
    put16(a.data + 3, lba)
    a.n = 8


cdef bint dvd_structure(Answer *a, const u8 *b, u32 blocks) noexcept nogil:
    """READ DVD STRUCTURE, formats 0 (physical), 1 (copyright) and 4 (manufacturer)."""
    cdef u8 *d = a.data
    if b[6]:
        return 0
    if b[7] == 0:
        d[4] = 0x01                     # DVD-ROM, version 1
        d[5] = 0x0F                     # 120 mm, any rate
        d[6] = 0x01                     # one layer
        put32(d + 8, 0x30000)
        put32(d + 12, 0x30000 + blocks - 1)
        a.n = 4 + 17
    elif b[7] == 1:
        a.n = 8
    elif b[7] == 4:
        a.n = 4
    else:
        return 0
    put16(d, a.n - 2)
    return 1


# ---- mode pages ---------------------------------------------------------------------------------------------------------

cdef void mode_page(Answer *a, u32 wanted, u32 page, u32 control, const u8 *body, u32 size, u32 changeable) noexcept nogil:
    """Append a page; with control 1 the mask of what MODE SELECT changes (all or nothing)."""
    cdef u8 *d = a.data + a.n
    if wanted != page and wanted != 0x3F:
        return
    d[0] = <u8>page
    d[1] = <u8>size
    if control != 1:
        memcpy(d + 2, body, size)
    elif changeable:
        memset(d + 2, 0xFF, size)
    a.n += 2 + size


cdef bint mode_pages(Answer *a, u32 page, bint long_form, u32 control, u8 medium, bint locked, const u8 *retry) noexcept nogil:
    """MODE SENSE: header and pages 01h, 0Dh, 0Eh, 1Ah, 2Ah."""
    cdef u32 head = 8 if long_form else 4
    cdef u8 *device = [0, 0, 0, 60, 0, 75]                                  # seconds a minute, frames a second
    cdef u8 *audio = [4, 0, 0, 0, 0, 0, 1, 255, 2, 255, 4, 0, 8, 0]
    cdef u8 *power = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    # reads CD-R, CD-RW, method 2, DVD-ROM; mode 2 and multi-session; no audio; locks, ejects, tray; 2 volumes; 5632 KB/s, 512 KiB
    cdef u8 *caps = [0x0F, 0, 0x70, 0x00, 0x29, 0, 0x16, 0, 0, 2, 2, 0, 0x16, 0, 0, 0, 0, 0]
    a.n = head
    if page == MODE_CAPABILITIES or page == 0x3F:
        if locked:
            caps[4] |= 0x02
    mode_page(a, page, 0x01, control, retry + 2, 6, 1)
    mode_page(a, page, 0x0D, control, device, 6, 0)
    mode_page(a, page, 0x0E, control, audio, 14, 0)
    mode_page(a, page, 0x1A, control, power, 10, 0)
    mode_page(a, page, MODE_CAPABILITIES, control, caps, 18, 0)
    if a.n == head:
        return 0
    if long_form:
        put16(a.data, a.n - 2)
        a.data[2] = medium
    else:
        a.data[0] = <u8>(a.n - 1)
        a.data[1] = medium
    return 1
