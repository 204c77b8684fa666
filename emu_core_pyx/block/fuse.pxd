"""Fusion of neighbouring instructions into one slot; see fuse.pyx."""
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.block.insn cimport Block

cdef void fuse(CPU *c, Block *b) noexcept nogil
