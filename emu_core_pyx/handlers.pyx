"""All families of handlers in one registry, and the decoder over them: built once, constant ever after."""
from emu_core_pyx.decode.decoder cimport Decoder
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.interp cimport (
    aes, alu, bcd, bits, bmi, branch, far, fused, io, misc, mmx, move, muldiv, sha, shift, sse3, sse41_float, sse41_int, sse42,
    sse_convert, sse_float, sse_int, sse_move, ssse3, stack, string, system, x87_arith, x87_control, x87_data, xsave,
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
        sse3.register(r)
        ssse3.register(r)
        sse41_int.register(r)
        sse41_float.register(r)
        sse42.register(r)
        aes.register(r)
        sha.register(r)
        bmi.register(r)
        xsave.register(r)
        fused.register(r)       # last: it names the others' rows
        _decoder = Decoder(r)
    return _decoder
