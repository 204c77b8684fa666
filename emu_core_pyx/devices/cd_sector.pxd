"""Raw sectors of a data CD, made from their 2048 bytes of user data."""
from emu_core_pyx.types cimport u8, u32

cdef enum:
    CD_USER = 2048
    CD_RAW = 2352

cdef inline u8 bcd(u32 v) noexcept nogil:
    return <u8>(v // 10 % 10 << 4 | v % 10)

cdef inline void put_msf(u8 *to, u32 lba) noexcept nogil:
    """Minute, second and frame of a block, binary."""
    lba += 150
    to[0] = <u8>(lba // 4500)
    to[1] = <u8>(lba // 75 % 60)
    to[2] = <u8>(lba % 75)

# sector[16:2064] holds the user data; sync, header, EDC and ECC of a mode 1 sector are put around it
cdef void cd_mode1(u8 *sector, u32 lba) noexcept nogil
