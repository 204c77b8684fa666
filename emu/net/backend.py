"""The contract between a card's port and what is at the other end of its cable.

A backend gets the guest's frames in `receive`, between two instructions, and sends with `wire.send`.  It may ask to be
called at a virtual time (`wire.alarm`).  A backend that touches the world outside (host sockets) is polled between slices of
the run; while it says `outside`, an idle guest waits for the wall clock instead of skipping ahead.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Port(Protocol):
    """Python face of emu_core_pyx.bus.netport.NetPort."""

    connected: bool
    alarm_due: bool
    link: bool

    def take(self) -> list[tuple[int, bytes]]: ...
    def deliver(self, frame: bytes, at_ns: int = 0) -> bool: ...
    def alarm(self, at_ns: int | None = None) -> None: ...


class Tap(Protocol):
    """Sees every frame in both directions (a capture)."""

    def frame(self, now_ns: int, data: bytes) -> None: ...


class Wire:
    """The cable: one port, one backend, captures in between."""

    def __init__(self, port: Port, backend: Backend, now: Callable[[], int], wake: Callable[[], None],
                 way: Callable[[Callable[[bytes, int], bool]], Callable[[bytes, int], bool]] = lambda enter: enter) -> None:
        self.port = port
        self.backend = backend
        self.now = now          # virtual time in ns
        self.wake = wake        # makes a running or sleeping machine call `poll` soon; from any thread
        self.taps: list[Tap] = []
        self._enter = way(self._deliver)        # through the machine's door
        port.connected = True
        backend.attach(self)

    def send(self, frame: bytes, at_ns: int = 0) -> bool:
        """Towards the guest; False when it was dropped (no room, cable out)."""
        return self._enter(frame, at_ns)

    def _deliver(self, frame: bytes, at_ns: int) -> bool:
        for tap in self.taps:
            tap.frame(max(at_ns, self.now()), frame)
        return self.port.deliver(frame, at_ns)

    def alarm(self, at_ns: int | None) -> None:
        """Call the backend's `expire` at this virtual time; None: no more."""
        self.port.alarm(at_ns)

    def service(self) -> None:
        """Between two instructions: hand over what the guest has sent, and the alarm."""
        due = self.port.alarm_due
        frames = self.port.take()
        for when, frame in frames:
            for tap in self.taps:
                tap.frame(when, frame)
            self.backend.receive(frame, when)
        if due:
            self.backend.expire()
        self.backend.poll()


class Backend:
    """What a cable ends in; subclasses override what they need."""

    def attach(self, wire: Wire) -> None:
        """The cable is plugged in."""

    def receive(self, frame: bytes, now_ns: int) -> None:
        """A frame from the guest, sent at `now_ns`."""

    def expire(self) -> None:
        """The alarm has gone off."""

    def poll(self) -> None:
        """Look at the outside; called after every batch of frames and between slices."""

    @property
    def outside(self) -> bool:
        """Can something come in that does not depend on the guest alone?"""
        return False

    def info(self) -> str:
        """One line for `info network`."""
        return type(self).__name__

    def close(self) -> None:
        """Give host resources back."""
