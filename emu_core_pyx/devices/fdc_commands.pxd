"""Registers, command bytes and seeks of the 82077AA: the base of fdc82077.pyx, which moves the data."""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.bytedev cimport ByteDevice
from emu_core_pyx.bus.device cimport Line
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.devices.floppy_drive cimport SECTOR, FloppyDrive

cdef enum:
    # first command byte: modifiers, and the low five bits
    OP_MT = 0x80                # both sides
    OP_MFM = 0x40
    OP_SK = 0x20                # skip sectors of the other kind
    OP_READ_TRACK = 0x02
    OP_SPECIFY = 0x03
    OP_SENSE_DRIVE = 0x04
    OP_WRITE = 0x05
    OP_READ = 0x06
    OP_RECALIBRATE = 0x07
    OP_SENSE_INTERRUPT = 0x08
    OP_WRITE_DELETED = 0x09
    OP_READ_ID = 0x0A
    OP_READ_DELETED = 0x0C
    OP_FORMAT = 0x0D
    OP_DUMPREG = 0x0E
    OP_SEEK = 0x0F              # with MT: relative
    OP_VERSION = 0x10
    OP_SCAN_EQUAL = 0x11
    OP_PERPENDICULAR = 0x12
    OP_CONFIGURE = 0x13
    OP_LOCK = 0x14
    OP_VERIFY = 0x16
    OP_SCAN_LOW = 0x19
    OP_SCAN_HIGH = 0x1D
    DOR_DMAGATE = 0x08
    ST0_ABNORMAL = 0x40
    ST0_EC = 0x10               # equipment check
    CONF_EIS = 0x40             # CONFIGURE: implied seek
    SPECIFY_ND = 0x01           # no DMA
    # phases
    COMMAND = 0                 # takes command bytes (idle: none yet)
    EXECUTE = 1                 # at work, a timer runs
    DATA_IN = 2                 # non-DMA: the host reads the buffer
    DATA_OUT = 3                # non-DMA: the host fills the buffer
    RESULT = 4
    HELD = 5                    # DOR keeps it in reset


cdef class FdcCommands(ByteDevice):
    cdef void *units[4]             # FloppyDrive; bays 2 and 3 are empty
    cdef readonly list drives
    cdef u8 dor
    cdef u8 tdr
    cdef u8 dsr
    cdef u8 phase
    cdef u8 command[16]             # bytes so far
    cdef u32 command_n
    cdef u32 command_len
    cdef u8 result[16]
    cdef u32 result_n
    cdef u32 result_pos
    cdef u8 pcn[4]                  # cylinder the controller believes each drive at
    cdef u8 target[4]               # where a seek goes
    cdef u8 pending[4]              # ST0 for SENSE INTERRUPT, 0 none
    cdef u8 seeking                 # drives: MSR busy bits
    cdef u8 homing                  # drives recalibrating
    cdef u8 polled                  # drives still to report after a reset
    cdef u8 interrupt               # the INT pin before DMAGATE
    cdef u8 srt_hut
    cdef u8 hlt_nd
    cdef u8 config
    cdef u8 pretrk
    cdef u8 perpendicular
    cdef u8 locked
    cdef u8 last_eot                # for DUMPREG
    cdef u8 op                      # low five bits of the command at work
    cdef u8 full                    # the host has filled the buffer
    cdef u8 buf[SECTOR]
    cdef u32 buf_pos
    cdef u32 buf_len
    cdef u32 slots[6]
    cdef readonly Line irq
    # what fdc82077.pyx defines
    cdef void start_transfer(self) noexcept nogil
    cdef void stop_transfer(self) noexcept nogil
    cdef void work(self, u64 now) noexcept nogil
    cdef void data_taken(self) noexcept nogil       # non-DMA: the host has read the buffer
    cdef bint to_host(self) noexcept nogil
    cdef u32 kbit(self) noexcept nogil
    cdef u64 sector_ns(self) noexcept nogil
    cdef u64 step_ns(self) noexcept nogil
    cdef void set_interrupt(self, u8 level) noexcept nogil
    cdef void work_in(self, u64 ns) noexcept nogil
    cdef void step_to(self, u32 d, u32 cylinder) noexcept nogil
    cdef void give(self, u32 n) noexcept nogil
    cdef void soft_reset(self) noexcept nogil
    cdef void leave_reset(self) noexcept nogil
    cdef void write_dor(self, u8 v) noexcept nogil
    cdef u8 status(self) noexcept nogil
    cdef u8 fifo_read(self) noexcept nogil
    cdef void fifo_write(self, u8 v) noexcept nogil
    cdef u32 length_of(self, u8 v) noexcept nogil
    cdef void execute(self) noexcept nogil
    cdef void sense_interrupt(self) noexcept nogil
    cdef void start_seek(self, u32 d, u32 cylinder) noexcept nogil
    cdef void seek_done(self, u32 d) noexcept nogil
    cdef void state_commands(self, Visitor v)
