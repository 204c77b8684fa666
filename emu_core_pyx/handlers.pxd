"""All families of handlers, and the decoder over them."""
from emu_core_pyx.decode.decoder cimport Decoder

# The process-wide decoder: handler table and opcode tables, constant once built.
cdef Decoder decoder()
