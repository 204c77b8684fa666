"""Local APIC; see lapic.pyx.  The processor side calls acknowledge(), cr8_*, tsc_deadline_* and base_changed."""
from emu_core_pyx.types cimport i32, u8, u32, u64
from emu_core_pyx.bus.device cimport Line
from emu_core_pyx.bus.irq cimport IrqSource
from emu_core_pyx.devices.apic_bus cimport ApicBus, ApicUnit

cdef enum:
    LVT_TIMER = 0
    LVT_THERMAL = 1
    LVT_PERF = 2
    LVT_LINT0 = 3
    LVT_LINT1 = 4
    LVT_ERROR = 5
    LVTS = 6

cdef class LocalApic(ApicUnit):
    cdef readonly ApicBus bus
    cdef IrqSource _extint      # who answers INTA for an ExtINT: the 8259 pair
    cdef readonly u8 index      # initial APIC ID; 0 is the boot processor
    cdef u32 id
    cdef u32 tpr
    cdef u32 ldr
    cdef u32 dfr
    cdef u32 svr
    cdef u32 isr[8]
    cdef u32 tmr[8]
    cdef u32 irr[8]
    cdef u32 esr                # as latched by the last write
    cdef u32 esr_next           # errors since
    cdef u32 icr_low
    cdef u32 icr_high
    cdef u32 lvt[6]
    cdef u32 init_count
    cdef u32 divide
    cdef u64 timer_start        # ns at which `init_count` began
    cdef u64 tsc_deadline
    cdef u32 lint[2]            # levels
    cdef u32 extint_message     # an ExtINT came over the bus, not acknowledged yet
    cdef u32 slot
    cdef readonly u8 sipi_vector
    cdef readonly Line intr
    cdef readonly Line nmi
    cdef readonly Line smi
    cdef readonly Line init
    cdef readonly Line startup  # pulse: sipi_vector is valid
    cdef u64 cr8(self) noexcept nogil
    cdef void set_cr8(self, u64 v) noexcept nogil
    cdef u64 read_tsc_deadline(self) noexcept nogil
    cdef void write_tsc_deadline(self, u64 v) noexcept nogil
    cdef void base_changed(self) noexcept nogil     # IA32_APIC_BASE was written
    cdef bint hw_enabled(self) noexcept nogil
    cdef bint sw_enabled(self) noexcept nogil
    cdef u32 ppr(self) noexcept nogil
    cdef int deliverable(self) noexcept nogil
    cdef bint extint_waiting(self) noexcept nogil
    cdef void update(self) noexcept nogil
    cdef void error(self, u32 bit) noexcept nogil
    cdef void lvt_fire(self, u32 n) noexcept nogil
    cdef u32 read_reg(self, u32 off) noexcept nogil
    cdef void write_reg(self, u32 off, u32 v) noexcept nogil
    cdef void write_icr(self, u32 v) noexcept nogil
    cdef void write_eoi(self) noexcept nogil
    cdef u64 now(self) noexcept nogil
    cdef u64 tick_ns(self) noexcept nogil
    cdef u32 current_count(self) noexcept nogil
    cdef void arm_timer(self) noexcept nogil
    cdef void set_divide(self, u32 v) noexcept nogil
    cdef void write_lvt(self, u32 n, u32 v) noexcept nogil
    cdef void lint_changed(self, u32 n, u32 level) noexcept nogil
