"""Host ends of the user network: sockets that carry a guest's TCP connections and UDP conversations, and who waits for them."""
from __future__ import annotations

import errno
import os
import select
import selectors
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from . import packet as p
from .tcp import Endpoint

Key = tuple[bytes, int, bytes, int]     # guest address and port, other address and port
CHUNK = 65536


class Net(Protocol):
    """What a relay needs of the network it belongs to."""

    def now(self) -> int: ...
    def next_iss(self) -> int: ...
    def output(self, relay: Relay, seg: p.Segment) -> None: ...
    def refuse(self, key: Key, seg: p.Segment) -> None: ...
    def forget(self, relay: Relay) -> None: ...
    def touch(self, relay: Relay) -> None: ...
    def watch(self, sock: socket.socket, events: int, run: Callable[[int], None]) -> None: ...
    def unwatch(self, sock: socket.socket) -> None: ...


def connect(target: str) -> tuple[socket.socket, bool, subprocess.Popen[bytes] | None]:
    """A non-blocking socket to "tcp:HOST:PORT", "unix:PATH" or "cmd:COMMAND"; whether it is still on its way; the command."""
    kind, _, rest = target.partition(":")
    if kind == "cmd":
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(rest, shell=True, stdin=theirs.fileno(), stdout=theirs.fileno(), start_new_session=True)
        ours.setblocking(False)
        return ours, False, process
    if kind == "unix":
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        place: Any = rest
    else:
        host, _, port = rest.rpartition(":")
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        place = (host, int(port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    try:
        sock.connect(place)
    except BlockingIOError:
        return sock, True, None
    except OSError:
        sock.close()
        raise
    return sock, False, None


class Flow:
    """A UDP or ping conversation of the guest with one outside address."""

    def __init__(self, key: Key, sock: socket.socket,
                 reply: Callable[[Flow, bytes, tuple[Any, ...]], None], now: Callable[[], int]) -> None:
        self.key = key
        self.sock = sock
        self.sock.setblocking(False)
        self.used_ns = now()
        self._reply = reply
        self._now = now

    def send(self, data: bytes, to: tuple[str, int]) -> int:
        """0 or the errno."""
        self.used_ns = self._now()
        try:
            self.sock.sendto(data, to)
        except BlockingIOError:
            return 0
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def readable(self, mask: int) -> None:
        """Something came back."""
        for _ in range(32):
            try:
                data, source = self.sock.recvfrom(CHUNK)
            except OSError:
                return
            self.used_ns = self._now()
            self._reply(self, data, source)

    def close(self) -> None:
        """Give the socket back."""
        self.sock.close()


class Relay:
    """One TCP connection: a host socket on one side, the guest's endpoint on the other."""

    def __init__(self, net: Net, key: Key, sock: socket.socket,
                 process: subprocess.Popen[bytes] | None) -> None:
        self.net = net
        self.key = key
        self.sock = sock
        self.process = process
        self.syn: p.Segment | None = None
        self.end = Endpoint(self, lambda seg: net.output(self, seg), net.now, key[3], key[1], net.next_iss())
        self._out = bytearray()         # from the guest, for the host
        self._guest_eof = self._host_eof = self._told_host = self._dead = False
        self._open = False
        self._flowing = False           # the host had more when it was read last
        self._events = 0                # watched for

    def connected(self, mask: int) -> None:
        """The host's connection attempt has ended."""
        failed = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            syn = self.syn
            assert syn is not None
            self.net.refuse(self.key, syn)
            self.hang_up()
            self.net.forget(self)
            return
        self.answer()

    def answer(self) -> None:
        """Accept the guest's SYN."""
        self.net.unwatch(self.sock)
        assert self.syn is not None
        self.end.accept(self.syn)
        self.net.touch(self)

    def waiting(self) -> tuple[int, int]:
        """Bytes on their way to the host and to the guest."""
        return len(self._out), self.end.unsent

    def pump(self) -> None:
        """Move what can be moved between the guest and the host's socket; wait for the rest."""
        if self._dead or not self._open:
            return
        self._drain()
        while self._flowing and not self._dead and self.end.room >= CHUNK:
            self._read()
        if self._dead:
            return
        events = selectors.EVENT_WRITE if self._out else 0
        if not self._host_eof and not self._flowing and self.end.room >= CHUNK:
            events |= selectors.EVENT_READ
        if events != self._events:
            self._events = events
            if events:
                self.net.watch(self.sock, events, self._ready)
            else:
                self.net.unwatch(self.sock)

    def _ready(self, mask: int) -> None:
        if mask & selectors.EVENT_READ:
            self._flowing = True
        self.net.touch(self)

    def _read(self) -> None:
        try:
            data = self.sock.recv(CHUNK)
        except BlockingIOError:
            self._flowing = False
            return
        except OSError:
            self.end.abort()
            return
        if data:
            self.end.write(data)
        else:
            self._host_eof = True
            self._flowing = False
            self.end.shutdown()

    def _drain(self) -> None:
        try:
            while self._out:
                n = self.sock.send(self._out)
                del self._out[:n]
                self.end.consume(n)
        except BlockingIOError:
            pass
        except OSError:
            self.end.abort()
            return
        if not self._out and self._guest_eof and not self._told_host:
            self._told_host = True
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)

    # ---- Owner: the endpoint has changed, and the network pumps once per batch of frames ------------------------
    def opened(self, end: Endpoint) -> None:
        self._open = self._flowing = True

    def data(self, end: Endpoint, data: bytes) -> None:
        self._out += data

    def eof(self, end: Endpoint) -> None:
        self._guest_eof = True

    def writable(self, end: Endpoint) -> None:
        """Nothing to do before the pump."""

    def closed(self, end: Endpoint, reset: bool) -> None:
        if reset and not self._dead:
            with suppress(OSError):     # the host's peer sees a reset, too
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif not self._dead:
            self._drain()
        self.hang_up()
        self.net.forget(self)

    def hang_up(self) -> None:
        """Give the socket back."""
        if not self._dead:
            self._dead = True
            self.net.unwatch(self.sock)
            self.sock.close()
            if self.process is not None:
                with suppress(ProcessLookupError):
                    self.process.terminate()
                threading.Thread(target=self.process.wait, daemon=True).start()


class Waiter:
    """A thread that waits for the selector's sockets and wakes the machine; `poll` does the work in the machine's thread."""

    def __init__(self, selector: selectors.BaseSelector, wake: Callable[[], None]) -> None:
        self._selector = selector
        self._wake = wake
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._ready = threading.Event()
        self._go = threading.Event()
        self._go.set()
        self._over = False
        self._thread: threading.Thread | None = None

    def ready(self) -> bool:
        """Is there something to do?"""
        if self._thread is None:
            return bool(self._selector.get_map())
        return self._ready.is_set()

    def again(self) -> None:
        """The work is done: wait for more."""
        self._ready.clear()
        if self._selector.get_map() and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="user network", daemon=True)
            self._thread.start()
        self._go.set()

    def changed(self) -> None:
        """Sockets were added: look again."""
        if self._thread is None:
            self.again()
        with suppress(OSError):
            os.write(self._write, b"x")

    def _run(self) -> None:
        while not self._over:
            self._go.wait()
            self._go.clear()
            fds = {self._read: select.POLLIN}
            with suppress(RuntimeError):
                for key in list((self._selector.get_map() or {}).values()):
                    fds[key.fd] = ((select.POLLIN if key.events & selectors.EVENT_READ else 0)
                                   | (select.POLLOUT if key.events & selectors.EVENT_WRITE else 0))
            poller = select.poll()
            for fd, events in fds.items():
                poller.register(fd, events)
            found = poller.poll(1000)
            if self._over:
                return
            if any(fd == self._read for fd, _ in found):
                os.read(self._read, 4096)
                self._go.set()
            if any(fd != self._read for fd, _ in found):
                self._go.clear()
                self._ready.set()
                self._wake()
            elif not found:
                self._go.set()

    def close(self) -> None:
        """End the thread."""
        self._over = True
        self._go.set()
        with suppress(OSError):
            os.write(self._write, b"x")
        if self._thread is not None:
            self._thread.join(5)
        os.close(self._read)
        os.close(self._write)
