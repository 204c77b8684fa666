"""How control goes from one handler to the next; the only place that knows about threading.

A handler ends with ``return next_insn(c, i)``: at -O2 this is one indirect jump (a tail call), so
a block runs without returning.  NULL goes back to the run loop.  With EMU_LOOP_DISPATCH (debug and
coverage builds) the same functions return the next Insn and the run loop calls it.

Endings a handler may use:
    next_insn(c, i)           the next slot of the block
    finish(c, i, a)           the same after a memory access; commits and looks for events if slow
    jump(c, i, k, eip)        end of block: go to EIP through link k (0 fall-through, 1 taken)
    jump_far(c, eip)          end of block: target found by lookup (indirect, RET, far, mode change)
    fault(c, i, vec, err)     #vec with the instruction not executed
    miss(c, i)                an access gave NULL: try the slow twin, or unwind if a fault is set
    leave(c, i)               instruction DONE, let the run loop look (events, HLT, mode change)
"""
from emu_core_pyx.types cimport acc_t, fast_t, i64, slow_t, u8, u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport CS, EXC_NONE, RIP
from emu_core_pyx.block.insn cimport MODE_LIMIT, Block, HandlerRow, Insn, Link, handler_t
from emu_core_pyx.mmu.slow cimport slow_commit
from emu_core_pyx.block.cache cimport JUMP_SIZE, JumpEntry, find_and_enter, link_and_enter

cdef extern from *:
    """
    #ifdef EMU_LOOP_DISPATCH
    #define EMU_GO(c, i) (i)
    #define EMU_RUN(c, i, t) do { t = (i); while (t) t = t->run((c), t); } while (0)
    #else
    #define EMU_GO(c, i) ((i)->run((c), (i)))
    #define EMU_RUN(c, i, t) do { t = (i)->run((c), (i)); (void)t; } while (0)
    #endif
    #define EMU_LIKELY(x) __builtin_expect(!!(x), 1)
    #define EMU_UNLIKELY(x) __builtin_expect(!!(x), 0)
    """
    Insn *go "EMU_GO"(CPU *c, Insn *i) noexcept nogil
    void run_insns "EMU_RUN"(CPU *c, Insn *i, Insn *t) noexcept nogil
    bint likely "EMU_LIKELY"(bint x) noexcept nogil
    bint unlikely "EMU_UNLIKELY"(bint x) noexcept nogil


cdef inline Insn *next_insn(CPU *c, Insn *i) noexcept nogil:
    return go(c, i + 1)


cdef inline u64 insn_rip(CPU *c, Insn *i) noexcept nogil:
    """EIP of this instruction."""
    return c.s.gpr[RIP] + i.off


cdef inline u64 next_rip(CPU *c, Insn *i) noexcept nogil:
    """EIP after this instruction (not yet wrapped to the operand size)."""
    return c.s.gpr[RIP] + i.off + i.len


cdef inline u64 icount_of(CPU *c, Insn *i) noexcept nogil:
    """Instructions retired before this one."""
    return c.stop_at - <u64>c.left - i.rem


cdef inline void sync(CPU *c, Insn *i) noexcept nogil:
    """Before a call that may ask the time (devices, RDTSC): the clock is then exact."""
    c.now_adj = i.rem


cdef inline Insn *unwind(CPU *c, Insn *i) noexcept nogil:
    """Back to the run loop as if `i` had not begun; c.exc is set."""
    c.s.gpr[RIP] += i.off
    c.left += i.rem
    return NULL


cdef inline void raise_exc(CPU *c, int vec, u32 err) noexcept nogil:
    """Note a fault (no unwinding): for helpers that return a failure to a handler."""
    c.exc = vec
    c.exc_error = err
    c.exc_soft = 0


cdef inline Insn *fault(CPU *c, Insn *i, int vec, u32 err) noexcept nogil:
    raise_exc(c, vec, err)
    return unwind(c, i)


cdef inline Insn *leave(CPU *c, Insn *i) noexcept nogil:
    """`i` is complete and did not set RIP: stop before the next one."""
    c.s.gpr[RIP] += i.off + i.len
    c.left += i.rem - 1
    return NULL


cdef inline Insn *miss(CPU *c, Insn *i) noexcept nogil:
    if c.exc != EXC_NONE:
        return unwind(c, i)
    c.now_adj = i.rem
    return (<const HandlerRow *>c.handlers)[i.hid].slow(c, i)


cdef inline Insn *finish(CPU *c, Insn *i, acc_t a) noexcept nogil:
    if acc_t is fast_t:
        return next_insn(c, i)
    else:
        slow_commit(c)
        if c.s.event or c.left < 0:
            return leave(c, i)
        return next_insn(c, i)


cdef inline Insn *enter(CPU *c, Block *b) noexcept nogil:
    """Run a block from its start if the budget covers it all."""
    if unlikely(c.left < b.n):
        return NULL
    c.left -= b.n
    c.blk = b
    return go(c, b.insns)


cdef inline Insn *jump_far(CPU *c, u64 eip) noexcept nogil:
    """Transfer whose target only a lookup can tell (indirect, RET, another page)."""
    cdef u64 lin = eip + c.s.seg_base[CS]
    cdef JumpEntry *e = &(<JumpEntry *>c.jumps)[(lin ^ (lin >> 12)) & (JUMP_SIZE - 1)]
    cdef Block *b = e.block
    c.s.gpr[RIP] = eip
    if likely(e.lin == lin and e.gen == c.gen and b.mode == c.mode and not (c.mode & MODE_LIMIT)):
        return enter(c, b)
    return find_and_enter(c)


cdef inline Insn *jump(CPU *c, Insn *i, int k, u64 eip) noexcept nogil:
    """Direct transfer at the end of a block, `i` its last instruction."""
    cdef Block *b = (<Link *>(i + 1)).next[k]
    cdef u64 old = c.s.gpr[RIP]
    c.s.gpr[RIP] = eip
    if likely(b != NULL):
        return enter(c, b)
    return link_and_enter(c, <Link *>(i + 1), k, old)


cdef inline void run_blocks(CPU *c, Block *b) noexcept nogil:
    """From the run loop: execute until a handler gives NULL."""
    cdef Insn *t = NULL
    run_insns(c, b.insns, t)
