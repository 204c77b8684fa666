"""Delivery of exceptions and interrupts, in every mode; IRET lives here too."""
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.cpu.state cimport CPU

# Deliver c.exc (set by a handler, RIP already unwound): contributory/page-fault table, #DF, and on a
# triple fault EV_STOP with STOP_SHUTDOWN. Clears c.exc. Software INT n (c.exc_soft) has RIP after it.
cdef void deliver_exception(CPU *c) noexcept nogil
# External interrupt of this vector / NMI; the caller has checked IF and shadows.
cdef void deliver_external(CPU *c, u32 vector) noexcept nogil
cdef void deliver_nmi(CPU *c) noexcept nogil

cdef enum:  # why an interrupt is delivered
    INT_EXTERNAL = 0
    INT_FAULT = 1       # pushed EFLAGS get RF
    INT_TRAP = 2        # exceptions that are no faults: #DB traps, #DF
    INT_SOFT = 3        # INT n, INT3, INTO: gate DPL is checked, error codes have EXT clear
    INT_ICEBP = 4       # INT1: like a trap, no DPL check

# INT n / INT3 / INTO / INT1 executed; `rip` is where it ends. Results of cpu/task.pxd. `cd`: the CD nn encoding,
# which in V86 mode is subject to IOPL and the VME redirection bitmap.
cdef int software_interrupt(CPU *c, u32 vector, u64 rip, u32 kind, bint cd) noexcept nogil
# IRET with this operand size, ending at `rip`; results of cpu/task.pxd.
cdef int interrupt_return(CPU *c, u32 size, u64 rip) noexcept nogil
