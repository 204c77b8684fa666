"""The AT attachment: what all drives share, the cable with its two drives, and the host's DMA engine at its end.

A drive is a subclass of `AtaDevice`: it gets a command (`start`), says how long it takes, and when that time is over does it
(`execute`).  Data moves in blocks through `buf`: `fetch` fills it with what goes to the host, `consume` takes what came from the
host; whether they travel by PIO or DMA is the base's business.  Spec: ATA/ATAPI-6 (T13/1410D), chapters 5-9.
"""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.device cimport Device, Line
from emu_core_pyx.bus.medium cimport Medium
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    ST_ERR = 0x01           # status register
    ST_DRQ = 0x08
    ST_DSC = 0x10
    ST_DF = 0x20
    ST_DRDY = 0x40
    ST_BSY = 0x80
    ER_ABRT = 0x04          # error register
    ER_IDNF = 0x10
    ER_UNC = 0x40
    DEV_LBA = 0x40          # device register
    DEV_DEV = 0x10
    CTL_NIEN = 0x02         # device control register
    CTL_SRST = 0x04
    CTL_HOB = 0x80

cdef enum:                  # phases
    PH_IDLE = 0
    PH_BUSY = 1             # a timer runs; `after` says what comes then
    PH_IN = 2               # PIO blocks
    PH_OUT = 3
    PH_DMA = 4              # ready to move data, the host's engine is not

cdef enum:                  # what comes after PH_BUSY
    AFTER_EXECUTE = 0
    AFTER_IN = 1
    AFTER_OUT = 2
    AFTER_DMA = 3
    AFTER_RESET = 4

cdef enum:
    SECTOR = 512
    BUF_SIZE = 65536        # also the most `fetch` is asked for
    COMMAND_NS = 2000       # a command that does not touch the medium
    BLOCK_NS = 500          # between PIO blocks
    RESET_NS = 100000

cdef class IdeChannel       # forward


cdef class DmaEngine(Device):
    """The host's side of DMA; this one never moves anything."""
    cdef bint running(self) noexcept nogil                                      # would `move` move something
    cdef u32 move(self, u8 *data, u32 n, bint to_memory) noexcept nogil         # bytes moved; fewer: it has stopped
    cdef void interrupt(self) noexcept nogil                                    # INTRQ rose


cdef class AtaDevice(Device):
    cdef IdeChannel channel
    cdef u32 unit
    cdef readonly Medium medium
    cdef u8 model_text[40]      # as IDENTIFY has them: the bytes of each word swapped
    cdef u8 serial_text[20]
    cdef u8 revision_text[8]
    cdef u8 feature             # task file as the host wrote it; hob_*: what it wrote there before
    cdef u8 nsector
    cdef u8 lbal
    cdef u8 lbam
    cdef u8 lbah
    cdef u8 hob_feature
    cdef u8 hob_nsector
    cdef u8 hob_lbal
    cdef u8 hob_lbam
    cdef u8 hob_lbah
    cdef u8 device
    cdef u8 error
    cdef u8 status
    cdef u8 command             # in execution
    cdef u8 ready               # status when nothing is wrong
    cdef u8 intrq
    cdef u8 asleep
    cdef u8 packet              # takes PACKET and DEVICE RESET
    cdef u8 dma_out
    cdef u32 phase
    cdef u32 after
    cdef u32 block              # most bytes of a PIO block
    cdef u64 left               # bytes of the command that `fetch` or `consume` have still to see
    cdef u32 ns_per_kib         # medium speed
    cdef bytearray buffer
    cdef u8 *buf
    cdef u32 pos
    cdef u32 len
    # -- a drive defines ---------------------------------------------------------------------------------------
    cdef void power_on(self) noexcept nogil                 # values after a hardware reset
    cdef void signature(self) noexcept nogil                # what a reset leaves in the task file
    cdef u64 start(self) noexcept nogil                     # nanoseconds until `execute`
    cdef void execute(self) noexcept nogil
    cdef u32 fetch(self, u32 most) noexcept nogil           # next bytes into buf; 0: the command has ended
    cdef u32 consume(self, u32 most) noexcept nogil         # take buf[:len]; length of the next block, 0: has ended
    cdef void drained(self) noexcept nogil                  # the host has read all of a block
    cdef void state_drive(self, Visitor v)
    # -- for drives --------------------------------------------------------------------------------------------
    cdef void set_names(self, str model, str serial)
    cdef void later(self, u32 after, u64 ns) noexcept nogil
    cdef void complete(self) noexcept nogil                 # ends a command well, with an interrupt
    cdef void fail(self, u8 error) noexcept nogil           # ends it with ERR
    cdef void raise_irq(self) noexcept nogil
    cdef void next_in(self, bint irq) noexcept nogil        # PIO to the host
    cdef void next_out(self, u32 n, bint irq) noexcept nogil
    cdef void begin_dma(self, bint out) noexcept nogil
    # -- for the channel ---------------------------------------------------------------------------------------
    cdef u32 reg(self, u32 off, bint hob) noexcept nogil
    cdef void latch(self, u32 off, u8 v) noexcept nogil
    cdef void issue(self, u8 command) noexcept nogil
    cdef void soft_reset(self) noexcept nogil
    cdef void time_over(self) noexcept nogil
    cdef void kick(self) noexcept nogil                     # the engine has been started
    cdef void pump(self) noexcept nogil
    cdef u32 data_read(self, u32 size) noexcept nogil
    cdef void data_write(self, u32 size, u32 value) noexcept nogil
    cdef u32 bulk(self, u32 size, u8 *data, u32 n, bint out) noexcept nogil


cdef class IdeChannel(Device):
    """One cable.  Region 0: command block, 8 ports; region 1: control block, 1 port.  Output: irq."""
    cdef readonly AtaDevice master
    cdef readonly AtaDevice slave
    cdef readonly Line irq
    cdef public DmaEngine engine
    cdef u8 select              # device register
    cdef u8 control             # device control register
    cdef u32 timers[2]
    cdef void *active(self) noexcept nogil                  # AtaDevice the host talks to, or NULL
    cdef void update_irq(self) noexcept nogil
    cdef void command_write(self, u8 v, bint held) noexcept nogil
    cdef void control_write(self, u8 v) noexcept nogil
    cdef void reset_both(self, u8 command) noexcept nogil
    cdef void arm(self, u32 unit, u64 ns) noexcept nogil
    cdef void disarm(self, u32 unit) noexcept nogil
    cdef void engine_started(self) noexcept nogil
    cdef u32 register_read(self, u32 off) noexcept nogil
    cdef void register_write(self, u32 off, u8 v) noexcept nogil
    cdef u32 bulk(self, u32 size, u8 *data, u32 n, bint out) noexcept nogil
