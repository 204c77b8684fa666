"""The host's end of a serial port: terminal, file, pseudo-terminal, unix socket, or nothing.

Input is read by one thread a device and handed to `receive`; output is written as it comes.
"""
from __future__ import annotations

import os
import pty
import select
import socket
import sys
import threading
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..config import SerialConfig
from ..errors import ConfigError
from .terminal import is_terminal, make_raw, restore

Receive = Callable[[bytes], None]
ESCAPE = 0x01           # Ctrl-A
HELP = b"""\r
Ctrl-A X   leave the emulator\r
Ctrl-A H   this help\r
Ctrl-A C   to the monitor and back (help lists its commands)\r
Ctrl-A B   send a break to the guest\r
Ctrl-A Ctrl-A   send a Ctrl-A to the guest\r
"""


class Chardev:
    """Base: swallows output, gives no input."""

    live = False            # may input still come?
    broken = False          # has the other end gone away?

    def start(self) -> None:
        """Input may come: who opened it has it in hand, so an answer finds its way."""

    def write(self, data: bytes) -> None:
        """Output of the guest."""

    def close(self) -> None:
        """Release host resources."""


def write_all(fd: int, data: bytes) -> bool:
    """Write everything, waiting where the other end is slow; False when nobody is there any more."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view):]
        except BlockingIOError:
            select.select([], [fd], [], 1.0)
        except OSError:
            return False
    return True


class FileChardev(Chardev):
    """Output to a file, no input."""

    def __init__(self, cfg: SerialConfig) -> None:
        try:
            self._file = Path(cfg.path).open("ab" if cfg.append else "wb", buffering=0)
        except OSError as error:
            raise ConfigError(f"cannot write serial output to {cfg.path!r}: {error.strerror}") from None

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def close(self) -> None:
        self._file.close()


class _Reader(Chardev):
    """A device with a thread that reads descriptor `fd`."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._stop_r, self._stop_w = os.pipe()
        self._thread = threading.Thread(target=self._read_loop, name=type(self).__name__, daemon=True)

    def start(self) -> None:
        self.live = True
        self._thread.start()

    def _read_loop(self) -> None:
        raise NotImplementedError

    def _wait(self, fd: int) -> bool:
        """Input on fd?  False when the device is being closed."""
        ready, _, _ = select.select([fd, self._stop_r], [], [])
        return self._stop_r not in ready

    def close(self) -> None:
        if not self.live and not self._thread.is_alive():
            return
        self.live = False
        with suppress(OSError):
            os.write(self._stop_w, b"x")
        if self._thread is not threading.current_thread():
            self._thread.join(2.0)


class StdioChardev(_Reader):
    """Standard input and output; `mux`: Ctrl-A is the escape and Ctrl-C goes to the guest."""

    def __init__(self, receive: Receive, quit_machine: Callable[[], None], mux: bool) -> None:
        super().__init__(receive)
        self._quit = quit_machine
        self.mux = mux
        self.monitor: Receive | None = None             # takes the keys after Ctrl-A C
        self.monitor_shown: Callable[[], None] = lambda: None
        self._to_monitor = False
        self._escaped = False
        sys.stdout.flush()
        self._in = 0
        if is_terminal(self._in):
            make_raw(self._in, keep_signals=not mux)

    def write(self, data: bytes) -> None:
        if not self.broken and not write_all(1, data):
            self.broken = True
            self._quit()

    def _read_loop(self) -> None:
        while self._wait(self._in):
            try:
                data = os.read(self._in, 4096)
            except OSError:
                data = b""
            if not data:
                self.live = False
                self._receive(b"")
                return
            if not self.mux or not is_terminal(self._in):
                self._receive(data)
                continue
            for keys, to_monitor in self._filter(data):
                if to_monitor and self.monitor is not None:
                    self.monitor(keys)
                else:
                    self._receive(keys)

    def _filter(self, data: bytes) -> list[tuple[bytes, bool]]:
        """Take the escape sequences out: pieces for the guest and for the monitor."""
        out = bytearray()
        pieces: list[tuple[bytes, bool]] = []
        for byte in data:
            if not self._escaped:
                if byte == ESCAPE:
                    self._escaped = True
                else:
                    out.append(byte)
                continue
            self._escaped = False
            if byte == ESCAPE:
                out.append(byte)
            elif byte in b"xX":
                self._quit()
            elif byte in b"hH?":
                write_all(1, HELP)
            elif byte in b"cC":
                if out:
                    pieces.append((bytes(out), self._to_monitor))
                    out.clear()
                self._switch()
        if out:
            pieces.append((bytes(out), self._to_monitor))
        return pieces

    def _switch(self) -> None:
        """Between the guest and the monitor."""
        if self.monitor is None:
            write_all(1, b"\r\n(there is no monitor here)\r\n")
            return
        self._to_monitor = not self._to_monitor
        if self._to_monitor:
            self.monitor_shown()
        else:
            write_all(1, b"\r\n")

    def close(self) -> None:
        super().close()
        restore()


class PtyChardev(_Reader):
    """A pseudo-terminal; its name goes to stderr, as QEMU's does."""

    def __init__(self, receive: Receive) -> None:
        super().__init__(receive)
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        print(f"char device redirected to {self.path}", file=sys.stderr, flush=True)

    def write(self, data: bytes) -> None:
        with suppress(OSError):         # nobody reads: the kernel's buffer is full, the rest is lost
            os.write(self._master, data)

    def _read_loop(self) -> None:
        while self._wait(self._master):
            try:
                data = os.read(self._master, 4096)
            except OSError:
                continue
            if data:
                self._receive(data)

    def close(self) -> None:
        super().close()
        for fd in (self._master, self._slave):
            with suppress(OSError):
                os.close(fd)


class UnixChardev(_Reader):
    """A unix socket, as client or as server for one client after the other."""

    def __init__(self, cfg: SerialConfig, receive: Receive, greet: Callable[[], None] | None = None) -> None:
        super().__init__(receive)
        self._greet = greet
        self._conn: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._path = cfg.path
        try:
            if cfg.server:
                self._listener = listen_unix(cfg.path)
                if cfg.wait:
                    print(f"waiting for a connection on {cfg.path}", file=sys.stderr, flush=True)
                    self._conn, _ = self._listener.accept()
            else:
                self._conn = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._conn.connect(cfg.path)
        except OSError as error:
            raise ConfigError(f"unix socket {cfg.path!r}: {error.strerror or error}") from None

    def start(self) -> None:
        if self._conn is not None and self._greet is not None:
            self._greet()
        super().start()

    def write(self, data: bytes) -> None:
        conn = self._conn
        if conn is not None:
            write_all(conn.fileno(), data)      # a client that has gone is noticed when all it sent has been read

    def _read_loop(self) -> None:
        while True:
            source = self._conn or self._listener
            if source is None or not self._wait(source.fileno()):
                return
            if source is self._listener:
                self._conn, _ = source.accept()
                if self._greet is not None:
                    self._greet()
                continue
            try:
                data = source.recv(4096)
            except OSError:
                data = b""
            if data:
                self._receive(data)
            else:
                self._conn = None
                source.close()

    def close(self) -> None:
        super().close()
        for item in (self._conn, self._listener):
            if item is not None:
                item.close()
        if self._listener is not None:
            with suppress(OSError):
                os.unlink(self._path)


def listen_unix(path: str) -> socket.socket:
    """A listening unix socket; a stale file of an earlier run is replaced."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if os.path.exists(path):
        probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            pass
        else:
            raise OSError(98, "somebody listens there already")
        finally:
            probe.close()
    listener.bind(path)
    listener.listen(1)
    return listener


def open_chardev(cfg: SerialConfig, receive: Receive, quit_machine: Callable[[], None],
                 greet: Callable[[], None] | None = None) -> Chardev:
    """The host's end that a configuration asks for; `greet` is called when somebody connects to a socket."""
    if cfg.kind == "file":
        return FileChardev(cfg)
    if cfg.kind == "pty":
        return PtyChardev(receive)
    if cfg.kind == "unix":
        return UnixChardev(cfg, receive, greet)
    if cfg.kind in ("stdio", "mon:stdio"):
        return StdioChardev(receive, quit_machine, mux=cfg.kind == "mon:stdio")
    return Chardev()
