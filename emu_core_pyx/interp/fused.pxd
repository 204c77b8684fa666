"""Fused pairs; see fused.pyx."""
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.block.insn cimport handler_t

cdef int register(Registry r) except -1
