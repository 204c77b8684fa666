"""Serial port: PC16550D, with 16-byte FIFOs.

The host's side: what the guest sends goes to a ring (`take_output`), what the host sends (`feed`) waits in a
ring and enters the receiver one character time after the other, and only when there is room: nothing overruns.
The first one comes when the guest has begun to use the port: has written LCR, FCR, MCR or the receiver's interrupt
enable, or looked at LSR or RBR.  Before that the software that wants it (not a BIOS that counts ports) is not there yet.
DEVIATION: the transmitter takes no time, so polling drivers do not burn guest time; the transmitter-empty
interrupt follows the last byte by `thre_delay_ns` so that interrupt handlers that loop come to an end.
DEVIATION: OUT2 does not gate the interrupt (a PC adapter does; hobby systems forget it).
Not emulated: framing and parity errors of a bad line, DMA pins (RXRDY, TXRDY).
Spec: National PC16550D data sheet (June 1995).

Region 0: 8 ports.  Pins: 0 CTS, 1 DSR, 2 RI, 3 DCD.  Output `irq`.
"""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.bytedev cimport ByteDevice
from emu_core_pyx.bus.device cimport Line
from emu_core_pyx.bus.hostring cimport HostRing
from emu_core_pyx.bus.timers cimport visit_deadline
from emu_core_pyx.bus.visitor cimport Visitor

cdef enum:
    IER_ERBFI = 0x01
    IER_ETBEI = 0x02
    IER_ELSI = 0x04
    IER_EDSSI = 0x08
    IIR_NONE = 0x01
    IIR_MS = 0x00
    IIR_THRE = 0x02
    IIR_RDA = 0x04
    IIR_RLS = 0x06
    IIR_CTI = 0x0C
    FCR_ENABLE = 0x01
    FCR_CLEAR_RX = 0x02
    FCR_CLEAR_TX = 0x04
    LCR_BREAK = 0x40
    LCR_DLAB = 0x80
    MCR_DTR = 0x01
    MCR_RTS = 0x02
    MCR_OUT1 = 0x04
    MCR_OUT2 = 0x08
    MCR_LOOP = 0x10
    LSR_DR = 0x01
    LSR_OE = 0x02
    LSR_PE = 0x04
    LSR_FE = 0x08
    LSR_BI = 0x10
    LSR_THRE = 0x20
    LSR_TEMT = 0x40
    LSR_FIFO = 0x80
    MSR_DELTAS = 0x0F
    MSR_TERI = 0x04
    MSR_CTS = 0x10
    MSR_DSR = 0x20
    MSR_RI = 0x40
    MSR_DCD = 0x80
    TIMER_RX = 0
    TIMER_TIMEOUT = 1
    TIMER_THRE = 2


cdef class Uart16550(ByteDevice):
    """One channel."""
    cdef u8 ier
    cdef u8 fcr
    cdef u8 lcr
    cdef u8 mcr
    cdef u8 lsr             # error bits only; DR, THRE, TEMT, FIFO are derived
    cdef u8 msr
    cdef u8 scr
    cdef u8 dll
    cdef u8 dlm
    cdef u8 lines           # modem inputs, at MSR bits 4-7
    cdef u8 thre_pending
    cdef u8 timeout_pending
    cdef u8 fifo[16]
    cdef u8 errors[16]      # BI, FE, PE belonging to each byte
    cdef u8 first
    cdef u8 count
    cdef u8 break_wanted    # the host asked for a break condition
    cdef u8 used            # the guest has begun to
    cdef u32 slots[3]
    cdef HostRing tx
    cdef HostRing rx
    cdef public u64 thre_delay_ns
    cdef readonly Line irq

    def __init__(self, str name="com1"):
        self.name = name
        self.irq = Line()
        self.tx = HostRing(1 << 20)
        self.rx = HostRing(1 << 16)
        self.thre_delay_ns = 5000
        self.lines = MSR_CTS | MSR_DSR | MSR_DCD
        self.reset()

    def attach(self, clock):
        super().attach(clock)
        for k in range(3):
            self.slots[k] = self.clock.timer(self, k)

    cpdef void reset(self):
        self.ier = self.fcr = self.lcr = self.mcr = self.lsr = 0
        self.msr = self.lines
        self.scr = 0
        self.dll = 0x0C             # 9600 baud
        self.dlm = 0
        self.thre_pending = self.timeout_pending = self.used = 0
        self.first = self.count = 0
        if self.clock is not None:
            self.clock.cancel(self.slots[TIMER_TIMEOUT])
            self.clock.cancel(self.slots[TIMER_THRE])
            self.clock.cancel(self.slots[TIMER_RX])
        self.update()
        self.pump()

    # -- timing ----------------------------------------------------------------------------------
    cdef u64 char_ns(self) noexcept nogil:
        """One character at the programmed rate: 1.8432 MHz / 16 / divisor."""
        cdef u64 bits = 7 + (self.lcr & 3) + (self.lcr >> 2 & 1) + (self.lcr >> 3 & 1)
        cdef u64 div = self.dll | <u64>self.dlm << 8
        if div == 0:
            div = 1
        return bits * div * 16 * 1000000000 // 1843200

    cdef void arm_in(self, u32 timer, u64 ns) noexcept nogil:
        if self.clock is not None:
            self.clock.arm(self.slots[timer], self.clock.now_ns() + ns)

    cdef void stop(self, u32 timer) noexcept nogil:
        if self.clock is not None:
            self.clock.cancel(self.slots[timer])

    cdef bint waiting(self, u32 timer) noexcept nogil:
        return self.clock is not None and self.clock.deadline_of(self.slots[timer]) != <u64>-1

    # -- interrupts ------------------------------------------------------------------------------
    cdef u32 trigger(self) noexcept nogil:
        cdef u32 t = self.fcr >> 6
        if not self.fcr & FCR_ENABLE:
            return 1
        return 1 if t == 0 else 4 if t == 1 else 8 if t == 2 else 14

    cdef u8 source(self) noexcept nogil:
        """Highest pending interrupt as IIR shows it."""
        if self.ier & IER_ELSI and self.lsr_value() & (LSR_OE | LSR_PE | LSR_FE | LSR_BI):
            return IIR_RLS
        if self.ier & IER_ERBFI and self.count >= self.trigger():
            return IIR_RDA
        if self.ier & IER_ERBFI and self.timeout_pending:
            return IIR_CTI
        if self.ier & IER_ETBEI and self.thre_pending:
            return IIR_THRE
        if self.ier & IER_EDSSI and self.msr & MSR_DELTAS:
            return IIR_MS
        return IIR_NONE

    cdef void update(self) noexcept nogil:
        self.irq.set(0 if self.source() == IIR_NONE else 1)

    cdef u8 lsr_value(self) noexcept nogil:
        cdef u8 v = self.lsr | LSR_THRE | LSR_TEMT
        cdef u32 k
        if self.count:
            v |= LSR_DR | self.errors[self.first]
            if self.fcr & FCR_ENABLE:
                for k in range(self.count):
                    if self.errors[(self.first + k) & 15]:
                        v |= LSR_FIFO
        return v

    # -- receiver --------------------------------------------------------------------------------
    cdef void receive(self, u8 v, u8 error) noexcept nogil:
        """A character has arrived in the shift register."""
        cdef u32 room = 16 if self.fcr & FCR_ENABLE else 1
        if self.count >= room:
            self.lsr |= LSR_OE
            if room == 1:           # the holding register is overwritten, a full FIFO is not
                self.fifo[self.first] = v
                self.errors[self.first] = error
        else:
            self.fifo[(self.first + self.count) & 15] = v
            self.errors[(self.first + self.count) & 15] = error
            self.count += 1
        self.timeout_pending = 0
        if self.fcr & FCR_ENABLE:
            self.arm_in(TIMER_TIMEOUT, 4 * self.char_ns())
        self.update()

    cdef void pump(self) noexcept nogil:
        """Start the next character from the host if it can be taken."""
        cdef u32 room = 16 if self.fcr & FCR_ENABLE else 1
        if not self.used or self.mcr & MCR_LOOP or self.count >= room or self.waiting(TIMER_RX):
            return
        if self.rx.used() or self.break_wanted:
            self.arm_in(TIMER_RX, self.char_ns())

    cdef void on_timer(self, u32 timer, u64 now) noexcept nogil:
        cdef int v
        if timer == TIMER_RX:
            if not self.mcr & MCR_LOOP and self.count < (16 if self.fcr & FCR_ENABLE else 1):
                if self.break_wanted:
                    self.break_wanted = 0
                    self.receive(0, LSR_BI)
                else:
                    v = self.rx.get()
                    if v >= 0:
                        self.receive(<u8>v, 0)
            self.pump()
        elif timer == TIMER_TIMEOUT:
            if self.count:
                self.timeout_pending = 1
                self.update()
        elif timer == TIMER_THRE:
            self.thre_pending = 1
            self.update()

    cdef void begin(self) noexcept nogil:
        """The guest uses the port."""
        if not self.used:
            self.used = 1
            self.pump()

    cdef u8 read_rbr(self) noexcept nogil:
        cdef u8 v
        if self.count == 0:
            return 0
        v = self.fifo[self.first]
        self.errors[self.first] = 0
        self.first = (self.first + 1) & 15
        self.count -= 1
        self.timeout_pending = 0
        if self.count and self.fcr & FCR_ENABLE:
            self.arm_in(TIMER_TIMEOUT, 4 * self.char_ns())
        else:
            self.stop(TIMER_TIMEOUT)
        self.pump()
        self.update()
        return v

    # -- transmitter and modem -------------------------------------------------------------------
    cdef void send(self, u8 v) noexcept nogil:
        self.thre_pending = 0
        if self.mcr & MCR_LOOP:
            self.receive(v & <u8>((0x20 << (self.lcr & 3)) - 1), 0)
        else:
            self.tx.put(v)
        if self.ier & IER_ETBEI and self.clock is not None:
            self.arm_in(TIMER_THRE, self.thre_delay_ns)
        else:
            self.thre_pending = 1
        self.update()

    cdef void modem_update(self) noexcept nogil:
        """MSR from the pins, or in loopback from MCR, with the delta bits."""
        cdef u8 now = self.lines, old = self.msr & 0xF0
        if self.mcr & MCR_LOOP:
            now = ((self.mcr & MCR_RTS) << 3) | ((self.mcr & MCR_DTR) << 5)
            now |= ((self.mcr & MCR_OUT1) << 4) | ((self.mcr & MCR_OUT2) << 4)
        self.msr = now | (self.msr & MSR_DELTAS) | ((now ^ old) >> 4 & <u8>~MSR_TERI)
        if old & MSR_RI and not now & MSR_RI:
            self.msr |= MSR_TERI
        self.update()

    cdef void on_line(self, u32 pin, u32 level) noexcept nogil:
        cdef u8 bit
        if pin > 3:
            return
        bit = <u8>(MSR_CTS << pin)
        self.lines = self.lines | bit if level else self.lines & ~bit
        self.modem_update()

    # -- registers -------------------------------------------------------------------------------
    cdef u8 rd(self, u32 region, u32 off) noexcept nogil:
        cdef u8 v
        if region:
            return 0xFF
        if off == 0:
            if self.lcr & LCR_DLAB:
                return self.dll
            self.begin()
            return self.read_rbr()
        if off == 1:
            return self.dlm if self.lcr & LCR_DLAB else self.ier
        if off == 2:
            v = self.source()
            if v == IIR_THRE:
                self.thre_pending = 0
                self.update()
            return v | (0xC0 if self.fcr & FCR_ENABLE else 0)
        if off == 3:
            return self.lcr
        if off == 4:
            return self.mcr
        if off == 5:
            self.begin()
            v = self.lsr_value()
            self.lsr = 0
            if self.count:
                self.errors[self.first] = 0
            if v & (LSR_OE | LSR_PE | LSR_FE | LSR_BI):
                self.update()
            return v
        if off == 6:
            v = self.msr
            self.msr &= 0xF0
            if v & MSR_DELTAS:
                self.update()
            return v
        if off == 7:
            return self.scr
        return 0xFF

    cdef void wr(self, u32 region, u32 off, u8 v) noexcept nogil:
        if region:
            return
        if off == 0:
            if self.lcr & LCR_DLAB:
                self.dll = v
            else:
                self.send(v)
        elif off == 1:
            if self.lcr & LCR_DLAB:
                self.dlm = v
            else:
                # an empty transmitter interrupts as soon as it is allowed to
                if v & IER_ETBEI and not self.ier & IER_ETBEI:
                    self.thre_pending = 1
                    self.stop(TIMER_THRE)
                self.ier = v & 0x0F
                if v & IER_ERBFI:
                    self.begin()
                self.update()
        elif off == 2:
            self.begin()
            self.write_fcr(v)
        elif off == 3:
            self.begin()
            self.lcr = v
            if v & LCR_BREAK and self.mcr & MCR_LOOP:
                self.receive(0, LSR_BI)
        elif off == 4:
            self.begin()
            self.mcr = v & 0x1F
            self.modem_update()
            self.pump()
        elif off == 7:
            self.scr = v

    cdef void write_fcr(self, u8 v) noexcept nogil:
        if (v ^ self.fcr) & FCR_ENABLE:
            v |= FCR_CLEAR_RX | FCR_CLEAR_TX    # changing the mode empties both
        if not v & FCR_ENABLE and not self.fcr & FCR_ENABLE:
            return                              # other bits need FIFOs enabled
        self.fcr = v & 0xC9 if v & FCR_ENABLE else 0
        if v & FCR_CLEAR_RX:
            self.count = 0
            self.timeout_pending = 0
            self.stop(TIMER_TIMEOUT)
        if v & FCR_CLEAR_TX:
            self.thre_pending = 1
            self.stop(TIMER_THRE)
        self.pump()
        self.update()

    cdef void state(self, Visitor v):
        cdef bytes waiting
        v.u8(b"ier", &self.ier)
        v.u8(b"fcr", &self.fcr)
        v.u8(b"lcr", &self.lcr)
        v.u8(b"mcr", &self.mcr)
        v.u8(b"lsr", &self.lsr)
        v.u8(b"msr", &self.msr)
        v.u8(b"scr", &self.scr)
        v.u8(b"dll", &self.dll)
        v.u8(b"dlm", &self.dlm)
        v.u8(b"lines", &self.lines)
        v.u8(b"thre_pending", &self.thre_pending)
        v.u8(b"timeout_pending", &self.timeout_pending)
        v.u8(b"break_wanted", &self.break_wanted)
        v.u8(b"used", &self.used)
        v.raw(b"fifo", &self.fifo[0], 16)
        v.raw(b"errors", &self.errors[0], 16)
        v.u8(b"first", &self.first)
        v.u8(b"count", &self.count)
        v.u32(b"irq", &self.irq.level)
        waiting = v.blob(b"rx", self.rx.peek())
        if v.loading:
            self.rx.clear()
            self.rx.feed(waiting)
        visit_deadline(v, b"t_rx", self.clock, self.slots[TIMER_RX])
        visit_deadline(v, b"t_timeout", self.clock, self.slots[TIMER_TIMEOUT])
        visit_deadline(v, b"t_thre", self.clock, self.slots[TIMER_THRE])

    # -- the host's side -------------------------------------------------------------------------
    def take_output(self):
        """Bytes the guest has sent since the last call."""
        return self.tx.take()

    def feed(self, bytes data):
        """Queue `data` for the guest; returns how many bytes were taken (the queue has 64 KiB)."""
        n = self.rx.feed(data)
        self.pump()
        return n

    def send_break(self):
        """The guest sees a break condition."""
        self.break_wanted = 1
        self.pump()

    @property
    def tx_full(self):
        """Line that is high while the output ring needs draining."""
        return self.tx.near_full

    @property
    def tx_count(self):
        """Bytes sent by the guest and not taken yet."""
        return self.tx.used()

    @property
    def live(self):
        """True: stop the run at every line feed, so that output appears when it is made."""
        return self.tx.live

    @live.setter
    def live(self, bint on):
        self.tx.live = on

    @property
    def discard(self):
        """True: nobody listens, output is counted and dropped."""
        return self.tx.discard

    @discard.setter
    def discard(self, bint on):
        self.tx.discard = on

    @property
    def baud(self):
        """Programmed rate."""
        return 115200 // ((self.dll | self.dlm << 8) or 1)
