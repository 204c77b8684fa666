"""How handlers of the system family end; see interp/dispatch.pxd for the plain endings."""
from emu_core_pyx.types cimport u32, u64
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport EXC_NONE, F_RF, F_TF, RIP
from emu_core_pyx.cpu.task cimport DONE, FAULTED
from emu_core_pyx.block.insn cimport Insn
from emu_core_pyx.interp.dispatch cimport jump_far, leave, next_rip, unwind


cdef inline Insn *resume(CPU *c, Insn *i) noexcept nogil:
    """Done, and mode or translation may differ from now on: the next instruction is found by lookup."""
    if c.s.event or c.left < 0:
        return leave(c, i)
    c.left += i.rem - 1
    return jump_far(c, next_rip(c, i))


cdef inline Insn *landed(CPU *c, Insn *i, int r) noexcept nogil:
    """End of a far transfer with result r (cpu/task.pxd): RIP is the target where it was not FAULTED."""
    if r == FAULTED:
        return unwind(c, i)
    c.left += i.rem - 1
    if r != DONE or c.s.event or c.s.eflags & (F_TF | F_RF):
        return NULL
    return jump_far(c, c.s.gpr[RIP])
