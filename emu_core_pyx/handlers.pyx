"""All families of handlers in one registry."""
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp cimport alu, bcd, bits, branch, misc, move, muldiv, shift, stack, string
from emu_core_pyx.interp cimport far, io, system
