"""Raw mode 1 sectors: sync pattern, header, error detection and correction codes.

A sector is 12 bytes sync, 4 header (minute, second, frame, mode), 2048 user data, 4 EDC, 8 zeros, 172 P and 104 Q parity.
The parities are Reed-Solomon codes over GF(256), x^8 + x^4 + x^3 + x^2 + 1, on each byte of the 16-bit words from the header
on: two parity symbols p, q after the data make the sum of a code word zero, and also the sum weighted with powers of alpha = 2.
Spec: ECMA-130 (CD-ROM), clause 14 and annex A; ISO 10149.
"""
from libc.string cimport memset
from emu_core_pyx.types cimport u8, u32

cdef enum:
    EDC_AT = 2064
    P_ROWS = 24
    P_COLUMNS = 43
    Q_LENGTH = 43
    Q_DIAGONALS = 26
    P_WORDS = 1032      # words before P parity
    Q_WORDS = 1118      # and before Q parity
    INVERSE_OF_3 = 0xF4


cdef inline u8 double(u8 v) noexcept nogil:
    return <u8>(v << 1 ^ (0x1D if v & 0x80 else 0))


cdef u8 third(u8 v) noexcept nogil:
    """v divided by alpha + 1."""
    cdef u32 k
    cdef u8 r = 0
    for k in range(8):
        r = double(r)
        if INVERSE_OF_3 >> (7 - k) & 1:
            r ^= v
    return r


cdef u32 edc(const u8 *p, u32 n) noexcept nogil:
    """CRC-32 with (x^16 + x^15 + x^2 + 1)(x^16 + x^2 + x + 1), least significant bit first."""
    cdef u32 crc = 0, k, _bit
    for k in range(n):
        crc ^= p[k]
        for _bit in range(8):
            crc = crc >> 1 ^ (<u32>0xD8018001 if crc & 1 else 0)
    return crc


cdef void parity(u8 *at, u32 first, u32 step, u32 n, u32 wrap, u32 p, u32 q) noexcept nogil:
    """Code words of both byte planes: n words from `first` by `step`; parity goes to words p and q."""
    cdef u32 plane, _k, w
    cdef u8 s0, s1, v
    for plane in range(2):
        s0 = s1 = 0
        w = first
        for _k in range(n):
            v = at[2 * w + plane]
            s0 ^= v
            s1 = double(s1) ^ v
            w += step
            if w >= wrap:
                w -= wrap
        v = third(s0 ^ double(double(s1)))
        at[2 * p + plane] = v
        at[2 * q + plane] = v ^ s0


cdef void cd_mode1(u8 *sector, u32 lba) noexcept nogil:
    cdef u32 k, crc
    cdef u8 msf[3]
    memset(sector + 1, 0xFF, 10)
    sector[0] = sector[11] = 0
    put_msf(msf, lba)
    for k in range(3):
        sector[12 + k] = bcd(msf[k])
    sector[15] = 1
    crc = edc(sector, EDC_AT)
    for k in range(4):
        sector[EDC_AT + k] = <u8>(crc >> 8 * k)
    memset(sector + EDC_AT + 4, 0, 8)
    for k in range(P_COLUMNS):
        parity(sector + 12, k, P_COLUMNS, P_ROWS, P_WORDS + P_COLUMNS, P_WORDS + k, P_WORDS + P_COLUMNS + k)
    for k in range(Q_DIAGONALS):
        parity(sector + 12, k * Q_LENGTH, Q_LENGTH + 1, Q_LENGTH, Q_WORDS, Q_WORDS + k, Q_WORDS + Q_DIAGONALS + k)


def raw_sector(bytes user not None, u32 lba):
    """The 2352 bytes of a mode 1 sector."""
    cdef u8 raw[CD_RAW]
    cdef u32 k
    if len(user) != CD_USER:
        raise ValueError("a mode 1 sector has 2048 bytes of user data")
    for k in range(CD_USER):
        raw[16 + k] = <u8>user[k]
    cd_mode1(raw, lba)
    return bytes(raw[:CD_RAW])
