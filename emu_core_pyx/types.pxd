"""Fixed-width types of the core and the two fused families handlers are written over.

``uint_t`` is the operand size: one handler body serves 8, 16, 32 and 64 bits.
``acc_t`` is how memory is reached: ``fast_t`` is the inline TLB hit that ends in a tail
call, ``slow_t`` is the same body compiled against the returning slow path (page
crossing, MMIO, code pages, faults).  The two are distinct C types only so that Cython
can tell them apart; no value of them means anything.
"""
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)

ctypedef uint8_t u8
ctypedef uint16_t u16
ctypedef uint32_t u32
ctypedef uint64_t u64
ctypedef int8_t i8
ctypedef int16_t i16
ctypedef int32_t i32
ctypedef int64_t i64

cdef extern from *:
    ctypedef u64 u128 "unsigned __int128"
    ctypedef i64 i128 "__int128"

ctypedef fused uint_t:
    u8
    u16
    u32
    u64

ctypedef short fast_t
ctypedef int slow_t

ctypedef fused acc_t:
    fast_t
    slow_t
