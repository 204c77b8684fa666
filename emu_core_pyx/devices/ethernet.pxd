"""What Ethernet controllers share."""
from emu_core_pyx.types cimport u8, u32


cdef inline u32 crc32_ethernet(const u8 *p, u32 n) noexcept nogil:
    """CRC of the frame check sequence, before the final complement, least significant bit first."""
    cdef u32 crc = 0xFFFFFFFF, k, _
    for k in range(n):
        crc ^= p[k]
        for _ in range(8):
            crc = crc >> 1 ^ (<u32>0xEDB88320 & (0 - (crc & 1)))
    return crc


cdef inline u32 multicast_hash(const u8 *address) noexcept nogil:
    """The bit of a 64-bit filter a multicast address falls on: the six top bits of the CRC as it is sent (DP8390)."""
    cdef u32 crc = crc32_ethernet(address, 6), out = 0, k
    for k in range(6):
        out |= (crc >> k & 1) << (5 - k)
    return out


cdef inline u32 sum16(const u8 *p, u32 n, u32 start) noexcept nogil:
    """One's complement sum of big-endian 16-bit words (RFC 1071), folded to 16 bits, not complemented."""
    cdef u32 k, total = start
    for k in range(0, n & ~<u32>1, 2):
        total += <u32>p[k] << 8 | p[k + 1]
    if n & 1:
        total += <u32>p[n - 1] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


cdef inline u32 get16be(const u8 *p) noexcept nogil:
    return <u32>p[0] << 8 | p[1]


cdef inline void put16be(u8 *p, u32 v) noexcept nogil:
    p[0] = <u8>(v >> 8)
    p[1] = <u8>v
