"""The run loop and the Python face of one processor with its memory, bus and clock.

Between two instructions the loop looks, in this order (SDM 3A, Priority Among Simultaneous Exceptions
and Interrupts): pending fault of the last instruction, reset/stop, timers that are due, traps (#DB), NMI,
INTR, then the next block.  Whatever is delivered counts as one instruction, so a guest whose handlers
fault for ever still uses up its budget.

Stepping is the same engine: a block of one instruction, never cached.  State at instruction N does
not depend on how the run was cut.
"""
from libc.stdlib cimport calloc, free
from emu_core_pyx.types cimport i64, u16, u32, u64
from emu_core_pyx.cpu.softlog cimport SOFT_KEPT, SoftCall, SoftLog
from emu_core_pyx.cpu.state cimport CPU, State
from emu_core_pyx.cpu.bits cimport (
    CS, EFER_LMA, EV_BREAK, EV_FERR, EV_INIT, EV_INTR, EV_NMI, EV_RESET, EV_SMI, EV_STOP, EXC_DB, EXC_NONE, F_IF, F_RF, F_TF,
    INHIBIT_SS, RIP, SEG_L, STOP_BUDGET, STOP_HANG, STOP_HOST, STOP_IDLE, STOP_NONE,
)
from emu_core_pyx.cpu.flags cimport get_eflags, put_eflags
from emu_core_pyx.cpu.segment cimport cpu_init, cpu_reset, mode_refresh, seg_refresh, set_cpl
from emu_core_pyx.cpu.interrupt cimport deliver_exception, deliver_external, deliver_nmi
from emu_core_pyx.cpu.control cimport code_breakpoint
from emu_core_pyx.block.insn cimport INSN_REP, INSN_REPNE, MODE_64, Block
from emu_core_pyx.block.cache cimport (
    BlockCache, cache_flush, cache_free, cache_new, find_block, step_block,
)
from emu_core_pyx.bus.bus cimport Bus
from emu_core_pyx.bus.clock cimport NEVER, Clock
from emu_core_pyx.bus.cpupins cimport CpuPins
from emu_core_pyx.bus.irq cimport IrqSource
from emu_core_pyx.bus.visitor cimport Visitor
from emu_core_pyx.interp.dispatch cimport raise_exc, run_blocks
from emu_core_pyx.interp.simd cimport simd_enter, simd_leave
from emu_core_pyx.cpu.fpu cimport fpu_enter, fpu_leave
from emu_core_pyx.cpu.cpuid cimport cpuid, set_model
from emu_core_pyx.decode.decoder cimport decode_for_cache
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.handlers cimport decoder
from emu_core_pyx.mmu.tlb cimport MODE_SHADOW
from emu_core_pyx.mmu.core cimport mmu_counters, mmu_flush_all, mmu_free, mmu_new, translate_debug
from emu_core_pyx.mmu.physmem cimport PhysMem

cdef enum:
    SLICE = 2000000     # instructions between looks at stop_flag
    NAPS = 65536        # timers that may come while the processor sleeps, before the caller is asked again

REASONS = ("none", "budget", "shutdown", "poweroff", "reset", "exit", "hang", "host", "breakpoint", "idle", "guest")


class Stop:
    """Why Engine.run came back: `reason` (one of REASONS), `code` (isa-debug-exit), `detail`."""

    __slots__ = ("reason", "code", "detail")

    def __init__(self, reason, code, detail):
        self.reason = reason
        self.code = code
        self.detail = detail

    def __repr__(self):
        return f"Stop({self.reason!r}, code={self.code}, detail={self.detail:#x})"


cdef class Engine:

    # ---- the run loop ---------------------------------------------------------------------------

    cdef void note(self, u32 vector, u32 error) noexcept nogil:
        """Remember a delivery for reports."""
        cdef CPU *c = self.c
        cdef ExcRecord *r = &self.log[self.n_log & 63]
        r.icount = c.stop_at - <u64>c.left
        r.eip = c.s.gpr[RIP]
        r.base = c.s.seg_base[CS]
        r.cs = c.s.seg_sel[CS]
        r.cpl = c.s.cpl
        r.vector = vector
        r.error = error
        r.cr2 = c.exc_cr2
        self.n_log += 1
        self.n_exc[vector & 0xFF] += 1

    cdef void set_budget(self, u64 stop_icount) noexcept nogil:
        """left/stop_at for the nearer of the caller's limit and the next timer."""
        cdef CPU *c = self.c
        cdef u64 now = c.stop_at - <u64>c.left, stop = stop_icount, t = self.clock.next_deadline
        cdef u32 shift = self.clock.shift
        if stop > now + SLICE:
            stop = now + SLICE
        if t != NEVER:
            t = 0 if t <= <u64>c.s.skew_ns else (t - <u64>c.s.skew_ns + ((<u64>1 << shift) - 1)) >> shift
            if t < stop:
                stop = t
        c.stop_at = stop
        c.left = <i64>(stop - now)

    cdef void run_one(self) noexcept nogil:
        """Exactly one instruction (one iteration of a REP), with traps and breakpoints."""
        cdef CPU *c = self.c
        cdef u32 tf = c.s.eflags & F_TF, rf = c.s.eflags & F_RF
        cdef u64 rip = c.s.gpr[RIP]
        cdef Block *b
        if not rf and (c.s.dr[7] & 0xFF) and not c.s.inhibit & INHIBIT_SS:
            if code_breakpoint(c, c.s.gpr[RIP] + c.s.seg_base[CS]):
                raise_exc(c, EXC_DB, 0)
                return
        c.s.inhibit = 0
        b = step_block(c)
        if b == NULL:
            return
        # nothing is left after the instruction's own cost, so every way out of it comes back here
        c.stop_at -= <u64>(c.left - 1)
        c.left = 0
        c.blk = b
        c.delivered = 0
        run_blocks(c, b)
        if (tf or c.s.dr[7] & 0xFF) and c.s.gpr[RIP] == rip and c.exc == EXC_NONE and b.insns[0].flags & (INSN_REP | INSN_REPNE):
            c.s.eflags |= F_RF      # between iterations: what is delivered here pushes it, and the breakpoint was taken
        elif rf and c.exc == EXC_NONE:
            c.s.eflags &= ~<u32>F_RF
        if tf and not c.delivered and c.exc == EXC_NONE and not c.s.inhibit & INHIBIT_SS:
            c.exc_dr6 |= 0x4000

    cdef void loop(self, u64 stop_icount, u64 until_ns) noexcept nogil:
        cdef CPU *c = self.c
        cdef Block *b
        cdef u64 now, wake, limit
        cdef u32 naps = 0
        cdef int vector
        if not c.s.event & EV_STOP:     # a stop asked for between two runs keeps its reason
            c.stop_reason = STOP_NONE
        while True:
            c.now_adj = 0
            c.bounce_wr = 0
            if c.exc != EXC_NONE:
                self.note(<u32>c.exc, c.exc_error)
                if c.exc != EXC_DB:
                    c.exc_dr6 = 0       # what a half-done instruction touched does not trap
                c.left -= 1
                deliver_exception(c)
                continue
            if c.s.event & (EV_STOP | EV_RESET | EV_INIT | EV_BREAK | EV_SMI | EV_FERR):
                c.s.event &= ~<u32>(EV_BREAK | EV_SMI)
                if c.s.event & EV_STOP:
                    c.s.event &= ~<u32>EV_STOP
                    return
                if c.s.event & EV_INIT:
                    c.s.event &= ~<u32>EV_INIT
                    cpu_init(c)
                    continue
                if c.s.event & EV_FERR:
                    c.s.event &= ~<u32>EV_FERR
                    self.pins.ferr.set(c.ferr)
            if self.stop_flag:
                self.stop_flag = 0
                c.stop_reason = STOP_HOST
                return
            now = self.clock.now_ns()
            if self.clock.next_deadline <= now:
                self.clock.fire_due()
                now = self.clock.now_ns()
                if c.s.event & EV_STOP:
                    continue
            # before any delivery, which counts: a run stops at exactly the count it was given
            if now >= until_ns or c.stop_at - <u64>c.left >= stop_icount:
                c.stop_reason = STOP_BUDGET
                return
            if c.exc_dr6:
                if c.s.inhibit & INHIBIT_SS:
                    pass
                else:
                    raise_exc(c, EXC_DB, 0)
                    continue
            if c.s.event & EV_NMI and not c.s.nmi_blocked and not c.s.inhibit:
                c.s.event &= ~<u32>EV_NMI
                c.s.halted = 0
                c.left -= 1
                self.note(2, 0)
                deliver_nmi(c)
                continue
            if c.s.event & EV_INTR and c.s.eflags & F_IF and not c.s.inhibit:
                vector = self.irq.acknowledge() if self.irq is not None else -1
                if vector >= 0:
                    c.s.halted = 0
                    c.left -= 1
                    self.note(0x100 | <u32>vector, 0)
                    deliver_external(c, <u32>vector)
                    continue
            if c.s.halted:
                c.s.inhibit = 0
                wake = self.clock.next_deadline
                if wake == NEVER or not (c.s.eflags & F_IF or c.s.event & EV_NMI):
                    # only a host's input could wake it, and not even that with IF = 0
                    if not c.s.eflags & F_IF:
                        c.stop_reason = STOP_HANG
                        return
                    if wake == NEVER:
                        c.stop_reason = STOP_IDLE
                        return
                if self.idle_ok:
                    c.stop_reason = STOP_IDLE
                    return
                naps += 1
                if naps > NAPS:             # a timer whose interrupt is masked wakes nobody, ever
                    c.stop_reason = STOP_BUDGET
                    return
                if wake > until_ns:
                    wake = until_ns
                if wake > now:
                    c.s.skew_ns += <i64>(wake - now)
                continue
            limit = stop_icount
            if until_ns != NEVER:
                wake = (until_ns - now + (<u64>1 << self.clock.shift) - 1) >> self.clock.shift
                if wake < limit - (c.stop_at - <u64>c.left):
                    limit = c.stop_at - <u64>c.left + wake
            self.set_budget(limit)
            if c.left <= 0:
                continue
            if c.s.eflags & (F_TF | F_RF) or c.s.inhibit or c.s.dr[7] & 0xFF:
                self.run_one()
                continue
            b = find_block(c)
            if b != NULL and c.left >= b.n:
                c.left -= b.n
                c.blk = b
                run_blocks(c, b)
            elif c.exc == EXC_NONE:
                self.run_one()

    # ---- life -----------------------------------------------------------------------------------

    def __cinit__(self, u64 ram_bytes, str cpu="max", str mmu="tlb", feat=None):
        self.c = <CPU *>calloc(1, sizeof(CPU))
        if self.c == NULL:
            raise MemoryError("CPU")
        self.mem = PhysMem(ram_bytes)
        self.bus = Bus()
        self.clock = Clock()
        self.pins = CpuPins()
        self.pins.name = "cpu"
        self.pins.cpu = self.c
        self.clock.cpu = self.c
        self.decoder = decoder()
        self.registry = self.decoder.registry
        self.owned = []
        self.c.cache = cache_new(64 << 20)
        self.c.jumps = (<BlockCache *>self.c.cache).jumps
        (<BlockCache *>self.c.cache).decode = decode_for_cache
        (<BlockCache *>self.c.cache).context = <void *>self.decoder
        (<BlockCache *>self.c.cache).registry = <void *>self.registry
        self.c.handlers = (<Registry>self.registry).rows
        self.c.bus = <void *>self.bus
        self.c.log = <void *>&self.soft
        set_model(self.c, cpu, feat)
        self.c.mmu = mmu_new(self.c, self.mem, MODE_SHADOW if mmu == "shadow" else 0)
        self.c.s.a20 = 1
        self.c.exc = EXC_NONE
        self.idle_ok = False
        cpu_reset(self.c)

    def __dealloc__(self):
        if self.c != NULL:
            if self.c.cache != NULL:
                cache_free(<BlockCache *>self.c.cache)
            if self.c.mmu != NULL:
                mmu_free(self.c)
            free(self.c)

    def set_irq_source(self, IrqSource source):
        """The device that answers interrupt acknowledge (PIC pair, or local APIC)."""
        self.irq = source

    def set_apic(self, device):
        """The local APIC, for the processor's own use (APIC base MSR)."""
        self.owned.append(device)
        self.c.apic = <void *>device

    def reset(self):
        """Processor reset (SDM 3A, table 9-1); memory and devices are the machine's business."""
        self.c.s.event = 0
        self.c.exc = EXC_NONE
        self.c.exc_dr6 = 0
        cpu_reset(self.c)
        mmu_flush_all(self.c)

    # ---- running --------------------------------------------------------------------------------

    def run(self, u64 max_insns=<u64>-1, until_ns=None):
        """Run at most `max_insns` instructions, and not past virtual time `until_ns`; a Stop.  Releases the GIL.

        Reason "budget" comes early from a processor that sleeps through thousands of timers: call again.
        """
        cdef CPU *c = self.c
        cdef u64 now = c.stop_at - <u64>c.left
        cdef u64 stop = now + max_insns
        cdef u64 until = NEVER if until_ns is None else until_ns
        c.clock_shift = self.clock.shift
        if stop < now or stop > <u64>1 << 62:
            stop = <u64>1 << 62
        with nogil:
            simd_enter(c)
            fpu_enter(c)
            self.loop(stop, until)
            c.blk = NULL
            fpu_leave(c)
            simd_leave(c)
        return Stop(REASONS[c.stop_reason], c.exit_code, c.stop_detail)

    def step(self, u64 n=1):
        """Run n instructions one by one through the uncached path; same state as run(n)."""
        cdef object stop = None
        for _ in range(n):
            stop = self.run(1)
            if stop.reason != "budget":
                break
        return stop

    def request_stop(self):
        """Ask a running `run` to come back (any thread)."""
        self.stop_flag = 1

    def idle_ns(self):
        """Virtual ns from now to the next timer; None when no timer is armed."""
        if self.clock.next_deadline == NEVER:
            return None
        return max(0, <i64>(self.clock.next_deadline - self.clock.now_ns()))

    def settle(self):
        """Let the timers act that are due now, so that what enters next enters after them however the run came to stop here."""
        if self.clock.next_deadline <= self.clock.now_ns():
            self.clock.fire_due()

    def skip_ns(self, u64 ns):
        """Let virtual time pass while the processor is halted."""
        self.c.s.skew_ns += <i64>ns

    @property
    def halted(self):
        return bool(self.c.s.halted)

    @property
    def icount(self):
        """Instructions retired since power-on (deliveries count as one)."""
        return self.c.stop_at - <u64>self.c.left

    @property
    def now_ns(self):
        return self.clock.now_ns()

    # ---- inspection and set-up ------------------------------------------------------------------

    def regs(self):
        """All registers by name: eax.., eip, eflags, selectors, <seg>_base/_limit/_attr, cr*, dr*, gdt/idt, cpl."""
        cdef CPU *c = self.c
        cdef int k
        out = {n: c.s.gpr[k] & 0xFFFFFFFF for k, n in enumerate(GPRS)}
        for k in range(16):
            out[GPRS64[k]] = c.s.gpr[k]
        out["eip"] = c.s.gpr[RIP] & 0xFFFFFFFF
        out["rip"] = c.s.gpr[RIP]
        out["eflags"] = get_eflags(c)
        for k, n in enumerate(SEGS):
            out[n] = c.s.seg_sel[k]
            out[n + "_base"] = c.s.seg_base[k]
            out[n + "_limit"] = c.s.seg_limit[k]
            out[n + "_attr"] = c.s.seg_attr[k]
        out.update(cr0=c.s.cr0, cr2=c.s.cr2, cr3=c.s.cr3, cr4=c.s.cr4, efer=c.s.efer, cpl=c.s.cpl, mode=c.mode,
                   a20=c.s.a20, in_smm=c.s.in_smm, kernel_gs_base=c.s.kernel_gs_base,
                   gdt_base=c.s.gdt_base, gdt_limit=c.s.gdt_limit, idt_base=c.s.idt_base, idt_limit=c.s.idt_limit,
                   halted=c.s.halted, event=c.s.event)
        for k in range(8):
            out[f"dr{k}"] = c.s.dr[k]
        return out

    def set_regs(self, **values):
        """Set general registers, eip, eflags, cr0/cr2/cr3/cr4/efer/xcr0, gdt_*/idt_*, rng (seed of RDRAND) by name."""
        cdef CPU *c = self.c
        cdef u64 v
        for name, value in values.items():
            v = value
            if name in GPRS:
                c.s.gpr[GPRS.index(name)] = v & 0xFFFFFFFF
            elif name in GPRS64:
                c.s.gpr[GPRS64.index(name)] = v
            elif name in ("eip", "rip"):
                c.s.gpr[RIP] = v
            elif name == "eflags":
                put_eflags(c, <u32>v)
            elif name == "cr0":
                c.s.cr0 = v
            elif name == "cr2":
                c.s.cr2 = v
            elif name == "cr3":
                c.s.cr3 = v
            elif name == "cr4":
                c.s.cr4 = v
            elif name == "efer":
                c.s.efer = v
            elif name == "xcr0":
                c.s.xcr0 = v & ~<u64>1
            elif name == "rng":
                c.s.rng = v
            elif name == "gdt_base":
                c.s.gdt_base = v
            elif name == "gdt_limit":
                c.s.gdt_limit = v
            elif name == "idt_base":
                c.s.idt_base = v
            elif name == "idt_limit":
                c.s.idt_limit = v
            else:
                raise KeyError(f"no register {name!r}")
        mode_refresh(c)
        set_cpl(c, c.s.cpl)
        mmu_flush_all(c)

    def cpuid(self, u32 leaf, u32 sub=0):
        """(EAX, EBX, ECX, EDX) of CPUID as things stand; all 0 for a processor without the instruction."""
        cdef u32[4] out
        cpuid(self.c, leaf, sub, out)
        return out[0], out[1], out[2], out[3]

    def set_segment(self, str name, u32 sel, u64 base, u32 limit, u32 attr):
        """Load a segment register's hidden part: limit in bytes, attr = descriptor bits 40-55 (SEG_*)."""
        cdef CPU *c = self.c
        cdef u32 k = SEGS.index(name)
        c.s.seg_sel[k] = <u16>sel
        c.s.seg_base[k] = base
        c.s.seg_limit[k] = limit
        c.s.seg_attr[k] = attr
        seg_refresh(c, k)
        if k == CS:
            mode_refresh(c)
            set_cpl(c, sel & 3 if c.s.cr0 & 1 else 0)

    def enter_protected(self, u32 eip, u32 esp=0, gdt_base=0, gdt_limit=0, u32 cs=8, u32 ds=16, **gpr):
        """Flat 32-bit protected mode, paging off, interrupts off: the start state of boot protocols."""
        cdef CPU *c = self.c
        c.s.cr0 = (c.s.cr0 & ~<u64>0xE0000000) | 0x11
        c.s.gdt_base = gdt_base
        c.s.gdt_limit = gdt_limit
        put_eflags(c, 2)
        self.set_segment("cs", cs, 0, 0xFFFFFFFF, 0xC09B)
        for name in ("ds", "es", "ss", "fs", "gs"):
            self.set_segment(name, ds, 0, 0xFFFFFFFF, 0xC093)
        self.set_regs(eip=eip, esp=esp, **gpr)

    def read_virt(self, u64 lin, u32 n):
        """n bytes at a linear address as the processor would map it now; LookupError where it is not mapped."""
        cdef u64 phys
        cdef u32 k
        out = bytearray()
        while n:
            if not translate_debug(self.c, lin, &phys):
                raise LookupError(f"linear address {lin:#x} is not mapped")
            k = min(n, 0x1000 - <u32>(phys & 0xFFF))
            out += self.mem.read(phys, k)
            lin += k
            n -= k
        return bytes(out)

    def virt_to_phys(self, u64 lin):
        """Physical address behind a linear one, or None."""
        cdef u64 phys
        return phys if translate_debug(self.c, lin, &phys) else None

    def exceptions(self):
        """The last deliveries, oldest first: dicts of icount, vector, kind, error, cs, eip, base, cr2, cpl."""
        out = []
        cdef u64 k
        cdef ExcRecord *r
        for k in range(max(<i64>0, <i64>self.n_log - 64), self.n_log):
            r = &self.log[k & 63]
            out.append(dict(icount=r.icount, vector=r.vector & 0xFF, kind="irq" if r.vector & 0x100 else "exception",
                            error=r.error, cs=r.cs, eip=r.eip, base=r.base, cr2=r.cr2, cpl=r.cpl))
        return out

    def calls(self):
        """The last software interrupts of real and virtual-8086 mode, oldest first: dicts of icount, vector, ax .. es, cs, ip."""
        cdef SoftLog *g = &self.soft
        cdef SoftCall *r
        cdef u64 k
        out = []
        for k in range(g.n - min(g.n, <u64>SOFT_KEPT), g.n):
            r = &g.call[k & (SOFT_KEPT - 1)]
            out.append(dict(icount=r.icount, vector=r.vector, ax=r.ax, bx=r.bx, cx=r.cx, dx=r.dx, ds=r.ds, es=r.es,
                            cs=r.cs, ip=r.ip))
        return out

    def deliveries(self):
        """How often each vector has been delivered, by vector, those that have been."""
        cdef int k
        return {k: self.n_exc[k] for k in range(256) if self.n_exc[k]}

    def fpu(self):
        """x87 and SSE registers: cw, sw (with TOP), tags (bit n: Rn is not empty), mxcsr, st [(significand, exponent)] of
        R0-R7, xmm [(low, high)] of XMM0-XMM15."""
        cdef CPU *c = self.c
        cdef int k
        return {"cw": c.s.fpu.cw, "sw": c.s.fpu.sw | c.s.fpu.top << 11, "tags": c.s.fpu.tags, "mxcsr": c.s.fpu.mxcsr,
                "st": [(c.s.fpu.st[k].sig, c.s.fpu.st[k].sexp) for k in range(8)],
                "xmm": [(c.s.xmm[k].q[0], c.s.xmm[k].q[1]) for k in range(16)]}

    def fault_chain(self):
        """What nested in the last delivery, first to last, at most 4: tuples (vector, error code)."""
        cdef u32 n = self.c.chain_n, k
        return [(self.c.chain_vec[k & 3], self.c.chain_err[k & 3]) for k in range(n - 4 if n > 4 else 0, n)]

    def counters(self):
        """Engine and MMU statistics by name."""
        cdef BlockCache *b = <BlockCache *>self.c.cache
        out = {"icount": self.icount, "blocks_decoded": b.decoded, "blocks_killed": b.killed,
               "block_lookups": b.lookups, "cache_flushes": b.flushes,
               "deliveries": self.n_log, "bus_unclaimed": self.bus.unclaimed}
        out.update(mmu_counters(self.c))
        return out

    def flush_code(self):
        """Forget decoded blocks (memory was changed behind the processor's back)."""
        cache_flush(self.c)

    # ---- state ----------------------------------------------------------------------------------

    def save_cpu(self):
        """The processor as bytes; equal for equal architectural states."""
        cdef u32 flags = get_eflags(self.c)
        put_eflags(self.c, flags)           # one canonical form of the lazy flags
        if self.c.exc == EXC_NONE:
            self.c.exc_error = 0
            self.c.exc_cr2 = 0
        self.c.s.event &= ~<u32>(EV_BREAK | EV_STOP | EV_RESET)
        v = Visitor()
        self._visit(v)
        return v.data()

    def load_cpu(self, bytes data):
        """Restore what save_cpu gave."""
        v = Visitor(data)
        self._visit(v)
        v.finish()
        self.c.mode = MODE_64 if self.c.s.efer & EFER_LMA and self.c.s.seg_attr[CS] & SEG_L else 0   # bases are as they should be
        cdef int k
        for k in range(8):
            seg_refresh(self.c, k)
        mode_refresh(self.c)
        set_cpl(self.c, self.c.s.cpl)
        mmu_flush_all(self.c)
        cache_flush(self.c)

    def _visit(self, Visitor v):
        cdef u64 icount = self.icount
        v.begin("cpu")
        v.raw(b"state", &self.c.s, sizeof(State))
        v.u64(b"icount", &icount)
        v.raw(b"pending", &self.c.exc, 4)
        v.u32(b"exc_error", &self.c.exc_error)
        v.u64(b"exc_cr2", &self.c.exc_cr2)
        v.u64(b"exc_dr6", &self.c.exc_dr6)
        if v.loading:
            self.c.stop_at = icount
            self.c.left = 0


GPRS = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
GPRS64 = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15")
SEGS = ("es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr")
