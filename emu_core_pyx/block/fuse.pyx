"""Fusion of neighbouring instructions: the first one's handler is replaced by one that does both.

Which pairs exist is interp/fused.pyx's business; slots, counts and fall-backs stay as they were.
"""
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.block.insn cimport MODE_16, MODE_LIMIT, MODE_SIZE, Block, handler_t
from emu_core_pyx.block.cache cimport BlockCache
from emu_core_pyx.decode.registry cimport Registry


cdef void fuse(CPU *c, Block *b) noexcept nogil:
    """Pair up from the end, so that a branch always gets its partner."""
    cdef BlockCache *cache = <BlockCache *>c.cache
    cdef int k
    cdef handler_t h
    if b.mode & MODE_LIMIT or (b.mode & MODE_SIZE) == MODE_16:
        return
    k = b.slots - 2
    while k >= 0:
        h = (<Registry>cache.registry).pair_of(b.insns[k].hid, b.insns[k + 1].hid)
        if h != NULL:
            b.insns[k].run = h
            k -= 1
        k -= 1
