"""The last software interrupts of real and virtual-8086 mode (BIOS and DOS calls), for reports.  `CPU.log` points to it."""
from emu_core_pyx.types cimport u32, u64

cdef enum:
    SOFT_KEPT = 64

cdef struct SoftCall:       # registers as the call was made
    u64 icount
    u32 vector
    u32 ax
    u32 bx
    u32 cx
    u32 dx
    u32 ds
    u32 es
    u32 cs
    u32 ip                  # of the instruction after INT n
    u32 pad

cdef struct SoftLog:
    u64 n                   # calls ever made
    SoftCall call[SOFT_KEPT]
