"""Random accesses to the doors of a whole board, for tests/devices/fuzz_doors.py: what a guest gone mad does to its devices.

A door is a range of ports, a range of physical addresses, or the configuration space of a PCI function; a script is a row of
likely writes (a command and its parameters, a descriptor) with some bits left to chance, of waits and of string input and
output.  `run` makes accesses of every size and alignment through the bus, as the processor does (REP INS and OUTS too), lets
virtual time pass, takes interrupts, and writes to the part of memory where scripts let devices find their descriptors.  All of
it follows from the seed; `digest` is over everything read.
"""
from emu_core_pyx.types cimport i64, u8, u32, u64
from emu_core_pyx.bus.bus cimport Bus, BulkPort
from emu_core_pyx.bus.clock cimport Clock
from emu_core_pyx.cpu.bits cimport EV_INTR, EV_RESET, EV_STOP
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.engine cimport Engine
from emu_core_pyx.mmu.core cimport phys_read, phys_write

cdef enum:
    MAX_DOORS = 64
    MAX_STEPS = 32768
    MAX_SCRIPTS = 4096
    PORTS = 0
    MEMORY = 1
    CONFIG = 2
    WAIT = 3
    REPEAT = 4
    BULK_BYTES = 4096
    CONFIG_ADDRESS = 0xCF8
    CONFIG_DATA = 0xCFC

KINDS = ("ports", "memory", "config", "wait", "repeat")      # by number

cdef struct Door:
    u32 kind
    u64 base
    u64 size

cdef struct Step:           # one write of a script
    u32 kind
    u32 size
    u64 at
    u64 value
    u64 free                # bits of the value that are left to chance


cdef class DoorFuzz:
    """A stream of random accesses to one engine's bus."""
    cdef Engine engine
    cdef Bus bus
    cdef Clock clock
    cdef public u64 seed                # anything but 0
    cdef Door doors[MAX_DOORS]
    cdef u32 n_doors
    cdef Step steps[MAX_STEPS]
    cdef u32 n_steps
    cdef u32 scripts[MAX_SCRIPTS + 1]   # where each begins; the next one's begin is its end
    cdef u32 n_scripts
    cdef u64 arena_at
    cdef u64 arena_size
    cdef u8 buf[BULK_BYTES]
    cdef public u32 handled             # scripts from this one on end an interrupt; 0: none do
    cdef readonly u64 digest
    cdef readonly u64 interrupts    # that were acknowledged
    cdef readonly u64 stops         # times a device asked for a reset, for power off or for the host
    cdef public u64 step_ns         # time steps are below this, a few are 1000 times as long

    def __init__(self, Engine engine not None, u64 seed, u64 arena_at=0x10000, u64 arena_size=0x4000):
        self.engine = engine
        self.bus = engine.bus
        self.clock = engine.clock
        self.seed = seed * <u64>0x9E3779B97F4A7C15 + 1
        self.arena_at = arena_at
        self.arena_size = arena_size
        self.step_ns = 20000

    def add(self, str kind, u64 base, u64 size):
        """A door: "ports", "memory" or "config" (base: devfn; all of its 256 bytes)."""
        if self.n_doors == MAX_DOORS:
            raise ValueError(f"more than {MAX_DOORS} doors")
        self.doors[self.n_doors] = Door(KINDS.index(kind), base, size)
        self.n_doors += 1

    def script(self, rows):
        """Likely writes that follow each other: rows (kind, at, size, value, free bits).

        "config": `at` is devfn << 8 | offset; "wait": `value` ns; "repeat": REP INS (value 0) or OUTS (1), `free` times.
        """
        if self.n_scripts == MAX_SCRIPTS or self.n_steps + len(rows) > MAX_STEPS:
            raise ValueError("too many scripts")
        for kind, at, size, value, free in rows:
            self.steps[self.n_steps] = Step(KINDS.index(kind), size, at, value, free)
            self.n_steps += 1
        self.n_scripts += 1
        self.scripts[self.n_scripts] = self.n_steps

    cdef u64 rnd(self) noexcept nogil:
        """xorshift64*."""
        self.seed ^= self.seed >> 12
        self.seed ^= self.seed << 25
        self.seed ^= self.seed >> 27
        return (self.seed * <u64>0x2545F4914F6CDD1D) >> 11

    cdef u32 below(self, u32 n) noexcept nogil:
        return <u32>(self.rnd() % n)

    cdef u64 value(self) noexcept nogil:
        cdef u32 k = self.below(8)
        if k == 0:
            return 0
        if k == 1:
            return <u64>-1
        if k == 2:
            return <u64>1 << self.below(64)
        if k == 3:
            return self.arena_at + (self.rnd() % self.arena_size & ~<u64>15)
        if k == 4:
            return self.below(16)
        if k == 5:
            return self.below(256)
        return self.rnd() ^ self.rnd() << 32

    cdef void note(self, u64 v) noexcept nogil:
        self.digest = (self.digest ^ v) * <u64>0x100000001B3

    cdef void access(self, u32 kind, u64 at, u32 size, bint write, u64 value) noexcept nogil:
        """`at` in configuration space is devfn << 8 | offset, as in the address register."""
        cdef u64 got = 0
        if kind == CONFIG:
            self.bus.port_write(CONFIG_ADDRESS, 4, <u32>0x80000000 | <u32>at & 0xFFFC)
            kind = PORTS
            at = CONFIG_DATA + (at & 3)
            size = 4 if size > 4 else size
        if kind == PORTS:
            size = 4 if size > 4 else size
            if write:
                self.bus.port_write(<u32>at, size, <u32>value)
            else:
                got = self.bus.port_read(<u32>at, size)
        elif write:
            phys_write(self.engine.c, at, &value, size)
        else:
            phys_read(self.engine.c, at, &got, size)
        self.note(got)

    cdef void repeat(self, u64 port, u32 size, u32 n, bint out) noexcept nogil:
        """As REP INS or OUTS: much at once where a device has such a door, the rest one after the other."""
        cdef BulkPort *door = self.bus.bulk(<u32>port)
        cdef u32 k
        if n * size > BULK_BYTES:
            n = BULK_BYTES // size
        if door != NULL:
            k = door.move(door.device, door.region, size, self.buf, n, out)
            self.note(k)
            if k and not out:
                self.note(self.buf[self.below(k * size)])
            n = 1
        for _ in range(n):
            self.access(PORTS, port, size, out, self.rnd())

    cdef void pass_time(self, u64 ns) noexcept nogil:
        cdef CPU *c = self.engine.c
        cdef u32 k
        c.s.skew_ns += <i64>ns
        if self.clock.next_deadline <= self.clock.now_ns():
            self.clock.fire_due()
        self.note(c.s.event)
        if c.s.event & EV_STOP:
            self.stops += 1
            c.s.event &= ~<u32>(EV_STOP | EV_RESET)
        if c.s.event & EV_INTR and self.engine.irq is not None and self.below(4):
            self.note(<u64>self.engine.irq.acknowledge())
            self.interrupts += 1
            if self.handled and self.below(8):
                for k in range(self.handled, self.n_scripts):
                    self.play(k)

    cdef void play(self, u32 script) noexcept nogil:
        cdef Step *step
        cdef u32 k
        for k in range(self.scripts[script], self.scripts[script + 1]):
            step = &self.steps[k]
            if step.kind == WAIT:
                self.pass_time(step.value)
            elif step.kind == REPEAT:
                self.repeat(step.at, step.size, <u32>step.free, step.value)
            else:
                self.access(step.kind, step.at, step.size, True, step.value ^ self.rnd() & step.free)

    cdef void once(self) noexcept nogil:
        cdef u32 what = self.below(100)
        cdef Door *door
        cdef u64 at, word
        cdef u32 size = 1 << self.below(4)
        if what < 12:
            self.pass_time(self.rnd() % self.step_ns * (1 if self.below(50) else 1000))
        elif what < 20:
            at = self.arena_at + self.rnd() % self.arena_size
            if self.below(4):
                at &= ~<u64>3
            word = self.value()
            phys_write(self.engine.c, at, &word, size)
        elif what < 50 and self.n_scripts:
            self.play(self.below(self.n_scripts))
        elif self.n_doors:
            door = &self.doors[self.below(self.n_doors)]
            at = door.base + self.rnd() % door.size
            if door.kind == CONFIG:
                at = door.base << 8 | self.below(256)
            if self.below(4):
                at &= ~<u64>(size - 1)
            if door.kind == PORTS and self.below(40) == 0:
                self.repeat(at, 1 << self.below(3), 1 + self.below(600), self.below(2))
            else:
                self.access(door.kind, at, size, self.below(2), self.value())

    def run(self, u64 n):
        """`n` steps; most of them are accesses."""
        cdef u64 left = n
        with nogil:
            while left:
                self.once()
                left -= 1
