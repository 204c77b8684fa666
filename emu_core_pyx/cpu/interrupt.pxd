"""Delivery of exceptions and interrupts, in every mode; IRET lives here too."""
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.cpu.state cimport CPU

# Deliver c.exc (set by a handler, RIP already unwound): contributory/page-fault table, #DF, and on a
# triple fault EV_STOP with STOP_SHUTDOWN. Clears c.exc. Software INT n (c.exc_soft) has RIP after it.
cdef void deliver_exception(CPU *c) noexcept nogil
# External interrupt of this vector / NMI; the caller has checked IF and shadows.
cdef void deliver_external(CPU *c, u32 vector) noexcept nogil
cdef void deliver_nmi(CPU *c) noexcept nogil
