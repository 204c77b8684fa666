"""The Engine: one processor, its memory, bus and clock, and the run loop."""
from emu_core_pyx.types cimport i64, u32, u64
from emu_core_pyx.cpu.softlog cimport SoftLog
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.block.cache cimport BlockCache
from emu_core_pyx.bus.bus cimport Bus
from emu_core_pyx.bus.clock cimport Clock
from emu_core_pyx.bus.cpupins cimport CpuPins
from emu_core_pyx.bus.irq cimport IrqSource
from emu_core_pyx.decode.decoder cimport Decoder
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.mmu.physmem cimport PhysMem

cdef struct ExcRecord:      # for reports: what was delivered last
    u64 icount
    u64 eip
    u64 cr2
    u64 base
    u32 vector              # 0x100 added: external interrupt
    u32 error
    u32 cs
    u32 cpl

cdef class Engine:
    cdef CPU *c
    cdef readonly PhysMem mem
    cdef readonly Bus bus
    cdef readonly Clock clock
    cdef readonly CpuPins pins
    cdef IrqSource irq
    cdef object owned               # objects the C side borrows
    cdef readonly Registry registry
    cdef readonly Decoder decoder
    cdef public bint idle_ok
    cdef volatile int stop_flag
    cdef ExcRecord log[64]
    cdef u64 n_log
    cdef u64 n_exc[256]
    cdef SoftLog soft
    cdef void loop(self, u64 stop_icount, u64 until_ns) noexcept nogil
    cdef void run_one(self) noexcept nogil
    cdef void set_budget(self, u64 stop_icount) noexcept nogil
    cdef void note(self, u32 vector, u32 error) noexcept nogil
