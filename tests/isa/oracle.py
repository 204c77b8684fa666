"""The host CPU as oracle: run x86 user-mode code bytes natively, of 32 or 64 bits, thousands of cases per pipe write.

    with Oracle() as host:                              # OracleMissing where gcc -m32 is absent; Oracle(64)
        cases = host.cases(1000, window=64)             # zeroed records, see case_dtype
        set_code(cases, bytes.fromhex("0fafc3"))        # IMUL EAX,EBX for all of them (or one index at a time)
        cases["gpr"] = rng.integers(...)                # EAX ECX EDX EBX ESP EBP ESI EDI; R8 to R15
        cases["eflags"] = 0x8D5                         # CF PF AF ZF SF DF OF AC ID are taken, IF is always set
        res = host.run(cases, window_at=0)              # result_dtype: the state afterwards

case_dtype     code[24], code_len, gpr[8 or 16], eflags, then fx[512] (fx=True) and window[n] (window=n).
result_dtype   gpr, eflags, eip (minus CODE), cr2 (for #PF),
               vec (-1: completed; else the exception vector, 254: endless loop, 253: killed the oracle, which was started again),
               err (its error code), fx[512], window[n].
gpr, eflags, eip and cr2 have the width of a register.

The code lies at CODE and is followed by a jump out; a jump elsewhere in CODE's pages meets INT3 (vec 3, eip
after it).  Memory: WINDOW (8 KiB read/write, neighbours unmapped) holds the record's window bytes at
WINDOW + window_at, ROM is a read-only zero page.  ESP may point anywhere.  Without fx the x87/SSE state is not
touched.  Segments are Linux's flat ones, CPL 3, IOPL 0, CR0.AM = 1 (so EFLAGS.AC makes #AC), CR4.OSFXSR = 1; in 64 bits
FS and GS are the program's own: code that uses them proves nothing.
`fx` is an FXSAVE (FXSAVE64) image; bytes 464-511 of the result mean nothing.  About 1 M cases a second without fx,
100-300 k with (most of it is making them); faults cost 3 us more.
"""
import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy as np

CODE = 0x30000800
WINDOW = 0x20000000
WINDOW_SIZE = 0x2000
ROM = 0x20004000
EFLAGS_SETTABLE = 0x240CD5
TIMEOUT = 254
LOST = 253
STACK_GROWTH = 64 << 20
SOURCE = Path(__file__).with_name("native") / "oracle.c"


class OracleMissing(Exception):
    """No compiler for this width, or the kernel does not run such programs."""


class OracleDied(Exception):
    """A case wrote to, or ran into, the oracle's own pages."""


def dtype(fields, window, fx):
    """A record of `fields` with its tail."""
    return np.dtype(fields + [("fx", "u1", (512,))] * bool(fx) + [("window", "u1", (window,))] * bool(window))


def case_dtype(window=0, fx=False, bits=32):
    word = f"<u{bits // 8}"
    return dtype([("code", "u1", (24,)), ("code_len", "<u4"), ("pad", "<u4"), ("gpr", word, (bits // 4,)), ("eflags", word)],
                 window, fx)


def result_dtype(window=0, fx=False, bits=32):
    word = f"<u{bits // 8}"
    return dtype([("gpr", word, (bits // 4,)), ("eflags", word), ("eip", word), ("cr2", word), ("vec", "<i4"), ("err", "<u4")],
                 window, fx)


def new_cases(n, window=0, fx=False, bits=32):
    """n zeroed cases."""
    return np.zeros(n, case_dtype(window, fx, bits))


def set_code(cases, code, index=slice(None)):
    """Put the same bytes into all records, or into those of `index`."""
    padded = np.zeros(24, np.uint8)
    padded[:len(code)] = np.frombuffer(code, np.uint8)
    cases["code"][index] = padded
    cases["code_len"][index] = len(code)


def build(directory, bits):
    """Compile the oracle into `directory`; its path."""
    gcc = shutil.which("gcc")
    if gcc is None:
        raise OracleMissing("no gcc on this machine")
    exe = Path(directory) / "oracle"
    p = subprocess.run([gcc, f"-m{bits}", "-O2", "-static", "-no-pie", "-mgeneral-regs-only", "-o", str(exe), str(SOURCE)],
                       capture_output=True, text=True)
    if p.returncode:
        raise OracleMissing(f"gcc -m{bits} does not work: " + p.stderr.strip()[-300:])
    p = subprocess.run([str(exe)], stdin=subprocess.DEVNULL, capture_output=True, timeout=10)
    if p.returncode:
        raise OracleMissing(f"{bits}-bit programs do not run here: status {p.returncode} {p.stderr[-200:]!r}")
    return exe


class Oracle:
    """One oracle process; `with` closes it."""

    def __init__(self, bits=32, batch=8192):
        self.bits = bits
        self.batch = batch
        self._dir = tempfile.TemporaryDirectory(prefix="oracle-")
        try:
            self._exe = build(self._dir.name, bits)
        except OracleMissing:
            self._dir.cleanup()
            raise
        self._start()

    def _start(self):
        self._p = subprocess.Popen([str(self._exe)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   bufsize=0)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self._stop()
        self._dir.cleanup()

    def _stop(self):
        self._p.stdin.close()
        try:
            self._p.wait(10)
        except subprocess.TimeoutExpired:
            self._p.kill()
            self._p.wait()
        self._p.stdout.close()

    def mappings(self):
        """What else is mapped in the oracle's process, as (first, end): a case that touches it proves nothing, and may kill."""
        out = []
        for line in Path(f"/proc/{self._p.pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            first, end = (int(v, 16) for v in span.split("-"))
            if rights[:3] == "---" or WINDOW <= first < ROM + 0x1000 or CODE & ~0xFFF <= first < CODE + 0x1800:
                continue
            out.append((max(0, first - STACK_GROWTH) if "[stack]" in line else first, end))
        return out

    def cases(self, n, window=0, fx=False):
        return new_cases(n, window, fx, self.bits)

    def run(self, cases, window_at=0):
        """Execute the records; a result_dtype array in the same order."""
        fx = "fx" in cases.dtype.names
        window = cases.dtype["window"].shape[0] if "window" in cases.dtype.names else 0
        if window_at + window > WINDOW_SIZE:
            raise ValueError("window outside WINDOW_SIZE")
        out = np.empty(len(cases), result_dtype(window, fx, self.bits))
        for at in range(0, len(cases), self.batch):
            self._part(np.ascontiguousarray(cases[at:at + self.batch]), out[at:at + self.batch], window_at, window, fx)
        return out

    def _part(self, part, out, window_at, window, fx):
        try:
            self._write(struct.pack("<5I", 0x4F524331, len(part), window_at, window, fx))
            self._write(part.view(np.uint8).reshape(-1).data)
            self._read(out.view(np.uint8).reshape(-1).data)
        except OracleDied:
            self._stop()
            self._start()
            if len(part) == 1:
                out["vec"] = LOST
                return
            half = len(part) // 2
            self._part(part[:half], out[:half], window_at, window, fx)
            self._part(part[half:], out[half:], window_at, window, fx)

    def _write(self, data):
        fd, view = self._p.stdin.fileno(), memoryview(data)
        while len(view):
            try:
                view = view[os.write(fd, view):]
            except BrokenPipeError as e:
                raise OracleDied from e

    def _read(self, view):
        view = memoryview(view)
        while len(view):
            n = self._p.stdout.readinto(view)
            if not n:
                raise OracleDied
            view = view[n:]
