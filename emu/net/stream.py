"""Cables that lead out of the process: QEMU's length-prefixed stream (-netdev stream, socket) and Linux tap devices.

A stream carries every frame behind its length as 4 bytes, big-endian; QEMU, passt and gvproxy speak it.  Frames from outside come
when they come: runs with such a cable repeat only as far as the outside does.
Spec: QEMU's -netdev stream/socket; Documentation/networking/tuntap of Linux.
"""
from __future__ import annotations

import os
import selectors
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

from ..errors import ConfigError
from .backend import Backend, Wire
from .relay import Waiter

FRAME_MAX = 16384
BACKLOG = 4 << 20               # bytes not taken by the other end before frames are lost
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """`address` is "tcp:HOST:PORT" or "unix:PATH"; with `server` we listen there, for one client at a time."""

    address: str
    server: bool = False

    def __post_init__(self) -> None:
        kind, _, rest = self.address.partition(":")
        if kind == "unix" and rest:
            return
        host, _, port = rest.rpartition(":")
        if kind != "tcp" or not host or not port.isdigit() or int(port) > 65535:
            raise ConfigError(f"netdev stream: {self.address!r} is neither tcp:HOST:PORT nor unix:PATH")


@dataclass(frozen=True, slots=True)
class TapConfig:
    """An existing tap device the user may open."""

    ifname: str = "tap0"

    def __post_init__(self) -> None:
        if not 0 < len(self.ifname.encode()) < 16:
            raise ConfigError(f"netdev tap: {self.ifname!r} is not an interface name")


class _Outside(Backend):
    """What streams and taps share: a descriptor somebody waits for."""

    def __init__(self) -> None:
        self._wire: Wire | None = None
        self._selector = selectors.DefaultSelector()
        self._waiter: Waiter | None = None

    def attach(self, wire: Wire) -> None:
        """The cable is plugged in."""
        self._wire = wire
        self._waiter = Waiter(self._selector, wire.wake)

    def poll(self) -> None:
        """Look at the outside."""
        if self._waiter is not None and self._waiter.ready():
            for key, mask in self._selector.select(0):
                key.data(mask)
            self._waiter.again()

    @property
    def outside(self) -> bool:
        """Something may always come."""
        return True

    def close(self) -> None:
        """Give the descriptors back."""
        if self._waiter is not None:
            self._waiter.close()
        self._selector.close()


class StreamNet(_Outside):
    """The backend of `-netdev stream` and `-netdev socket`."""

    def __init__(self, config: StreamConfig) -> None:
        super().__init__()
        self.config = config
        kind, _, rest = config.address.partition(":")
        self._path = rest if kind == "unix" and config.server else ""
        family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
        host, _, port = rest.rpartition(":")
        place = rest if kind == "unix" else (host, int(port))
        self._peer: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._in = bytearray()
        self._out = bytearray()
        self.lost = 0
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            if config.server:
                if family == socket.AF_INET:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(place)
                sock.listen(1)
            else:
                sock.connect(place)
        except OSError as error:
            sock.close()
            what = "cannot listen at" if config.server else "nobody answers at"
            raise ConfigError(f"netdev stream: {what} {config.address}: {error.strerror or error}") from None
        sock.setblocking(False)
        if config.server:
            self._listener = sock
            self._selector.register(sock, selectors.EVENT_READ, self._accept)
        else:
            self._join(sock)

    def info(self) -> str:
        state = "connected" if self._peer is not None else "waiting" if self._listener is not None else "the other end has left"
        return f"stream {self.config.address}: {state}, {self.lost} frames lost"

    def _accept(self, mask: int) -> None:
        assert self._listener is not None
        with suppress(OSError):
            sock, _ = self._listener.accept()
            sock.setblocking(False)
            if self._peer is not None:
                sock.close()
            else:
                self._join(sock)

    def _join(self, sock: socket.socket) -> None:
        self._peer = sock
        self._in.clear()
        self._out.clear()
        self._selector.register(sock, selectors.EVENT_READ, self._ready)
        if self._waiter is not None:
            self._waiter.changed()

    def _leave(self) -> None:
        if self._peer is not None:
            self._selector.unregister(self._peer)
            self._peer.close()
            self._peer = None

    def _ready(self, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._drain()
        if not mask & selectors.EVENT_READ or self._peer is None:
            return
        try:
            data = self._peer.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._leave()
            return
        self._in += data
        at = 0
        while len(self._in) - at >= 4:
            size = int.from_bytes(self._in[at:at + 4], "big")
            if not 0 < size <= FRAME_MAX * 8:
                self._leave()               # not the protocol: nothing behind it can be trusted
                return
            if len(self._in) - at - 4 < size:
                break
            frame = bytes(self._in[at + 4:at + 4 + size])
            at += 4 + size
            if 14 <= size <= FRAME_MAX and self._wire is not None:
                self._wire.send(frame)
        del self._in[:at]

    def receive(self, frame: bytes, now_ns: int) -> None:
        """A frame from the guest."""
        if self._peer is None or len(self._out) > BACKLOG:
            self.lost += 1
            return
        self._out += len(frame).to_bytes(4, "big") + frame
        self._drain()

    def _drain(self) -> None:
        peer = self._peer
        if peer is None:
            return
        try:
            while self._out:
                del self._out[:peer.send(self._out[:1 << 18])]
        except BlockingIOError:
            pass
        except OSError:
            self._leave()
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
        if self._selector.get_key(peer).events != events:
            self._selector.modify(peer, events, self._ready)
            if self._waiter is not None:
                self._waiter.changed()

    def close(self) -> None:
        """Hang up."""
        self._leave()
        if self._listener is not None:
            with suppress(KeyError):
                self._selector.unregister(self._listener)
            self._listener.close()
        super().close()
        if self._path:
            with suppress(OSError):
                os.unlink(self._path)


class TapNet(_Outside):
    """The backend of `-netdev tap`."""

    def __init__(self, config: TapConfig) -> None:
        super().__init__()
        self.config = config
        try:
            from fcntl import ioctl
            self._fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ImportError) as error:
            raise ConfigError(f"netdev tap: this computer has no tap devices ({error})") from None
        try:
            if config.ifname not in (name for _, name in socket.if_nameindex()):
                raise ConfigError(f"netdev tap: there is no interface {config.ifname}; make it with "
                                  f"`ip tuntap add {config.ifname} mode tap user $USER`")
            ioctl(self._fd, TUNSETIFF, struct.pack("16sH22x", config.ifname.encode(), IFF_TAP | IFF_NO_PI))
        except OSError as error:
            os.close(self._fd)
            raise ConfigError(f"netdev tap: {config.ifname} cannot be opened: {error.strerror}") from None
        except ConfigError:
            os.close(self._fd)
            raise
        self._selector.register(self._fd, selectors.EVENT_READ, self._ready)

    def info(self) -> str:
        return f"tap {self.config.ifname}"

    def _ready(self, mask: int) -> None:
        for _ in range(256):
            try:
                frame = os.read(self._fd, FRAME_MAX)
            except OSError:
                return
            if len(frame) >= 14 and self._wire is not None:
                self._wire.send(frame)

    def receive(self, frame: bytes, now_ns: int) -> None:
        """A frame from the guest."""
        with suppress(OSError):
            os.write(self._fd, frame)

    def close(self) -> None:
        """Close the device."""
        super().close()
        os.close(self._fd)
