"""The host CPU as oracle of 64-bit user-mode code; oracle.py with 16 registers of 64 bits.

case_dtype     code[24], code_len, gpr[16] (RAX RCX RDX RBX RSP RBP RSI RDI R8...R15), rflags, then fx[512] and window[n].
result_dtype   gpr[16], rflags, rip (minus CODE), cr2 (for #PF), vec (as in oracle.py), err, fx[512], window[n].

FS and GS are the host program's own: code that uses them proves nothing.
"""
import subprocess
from pathlib import Path

import numpy as np
import oracle
from oracle import CODE, ROM, WINDOW, WINDOW_SIZE, OracleMissing, set_code

__all__ = ["CODE", "ROM", "WINDOW", "WINDOW_SIZE", "Oracle64", "OracleMissing", "case_dtype", "result_dtype", "set_code"]

SOURCE = Path(__file__).with_name("native") / "oracle64.c"


def case_dtype(window=0, fx=False):
    fields = [("code", "u1", (24,)), ("code_len", "<u4"), ("pad", "<u4"), ("gpr", "<u8", (16,)), ("rflags", "<u8")]
    if fx:
        fields.append(("fx", "u1", (512,)))
    if window:
        fields.append(("window", "u1", (window,)))
    return np.dtype(fields)


def result_dtype(window=0, fx=False):
    fields = [("gpr", "<u8", (16,)), ("rflags", "<u8"), ("rip", "<u8"), ("cr2", "<u8"), ("vec", "<i4"), ("err", "<u4")]
    if fx:
        fields.append(("fx", "u1", (512,)))
    if window:
        fields.append(("window", "u1", (window,)))
    return np.dtype(fields)


class Oracle64(oracle.Oracle):
    """One oracle process; `with` closes it."""

    @staticmethod
    def build(directory):
        exe = Path(directory) / "oracle64"
        p = subprocess.run(["gcc", "-m64", "-O2", "-static", "-no-pie", "-mgeneral-regs-only", "-o", str(exe), str(SOURCE)],
                           capture_output=True, text=True)
        if p.returncode:
            raise OracleMissing("gcc -m64 does not work: " + p.stderr.strip()[-300:])
        return exe

    case_dtype = staticmethod(case_dtype)
    result_dtype = staticmethod(result_dtype)

    @staticmethod
    def cases(n, window=0, fx=False):
        return np.zeros(n, case_dtype(window, fx))
