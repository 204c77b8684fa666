"""All families of handlers in one registry, and the decoder over them: built once, constant ever after."""
from emu_core_pyx.decode.decoder cimport Decoder
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp cimport (
    alu, bcd, bits, branch, far, fused, io, misc, mmx, move, muldiv, shift, sse_convert, sse_float, sse_int, sse_move,
    stack, string, system, x87_arith, x87_control, x87_data,
)

cdef Decoder _decoder = None


cdef Decoder decoder():
    global _decoder
    cdef Registry r
    if _decoder is None:
        r = Registry()
        alu.register(r)
        shift.register(r)
        muldiv.register(r)
        bits.register(r)
        bcd.register(r)
        move.register(r)
        stack.register(r)
        string.register(r)
        branch.register(r)
        misc.register(r)
        far.register(r)
        system.register(r)
        io.register(r)
        x87_data.register(r)
        x87_arith.register(r)
        x87_control.register(r)
        mmx.register(r)
        sse_move.register(r)
        sse_float.register(r)
        sse_int.register(r)
        sse_convert.register(r)
        fused.register(r)       # last: it names the others' rows
        _decoder = Decoder(r)
    return _decoder
