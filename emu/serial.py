"""A serial port as a tester sees it: wait for text, send text.

Time is virtual.  Output is looked at on a fixed grid of virtual time, and what is sent enters the machine
exactly where the last wait ended, so a script of expect and send gives the same run every time.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from .errors import EmuError, GuestCrash, GuestStopped, GuestTimeout

if TYPE_CHECKING:
    from .machine import Machine, Stop

Pattern = str | bytes | re.Pattern[str] | re.Pattern[bytes]
GRID_NS = 1_000_000
HISTORY = 16 << 20          # bytes of old output kept for `text`
TAIL_LINES = 12


@dataclass(frozen=True, slots=True)
class Match:
    """What `expect` found: `text` itself, the output `before` it, regex `groups`, which pattern, when."""

    text: str
    before: str
    groups: tuple[str | None, ...]
    index: int
    now_ns: int


class Uart(Protocol):
    """The host's side of emu_core_pyx.devices.uart16550, which has `feed(bytes) -> int` as well, and of debugcon."""

    live: bool

    def take_output(self) -> bytes: ...


class Sink(Protocol):
    """Where else output goes: a host-side character device."""

    def write(self, data: bytes) -> None: ...


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(value: str | bytes | None) -> str | None:
    return _decode(value) if isinstance(value, bytes) else value


def _search(pattern: Pattern, unread: bytes, start: int) -> tuple[int, int, tuple[str | None, ...]] | None:
    """(start, end, groups) as byte positions; literals look from `start` on, regular expressions at everything."""
    if isinstance(pattern, str | bytes):
        word = pattern.encode() if isinstance(pattern, str) else pattern
        at = unread.find(word, max(0, start - len(word)))
        return None if at < 0 else (at, at + len(word), ())
    regex: re.Pattern[Any] = pattern
    if isinstance(regex.pattern, bytes):
        raw = regex.search(unread)
        return None if raw is None else (raw.start(), raw.end(), tuple(_text(g) for g in raw.groups()))
    text = _decode(unread)
    hit = regex.search(text)
    if hit is None:
        return None
    begin = len(_encode(text[:hit.start()]))
    return begin, begin + len(_encode(hit[0])), hit.groups()


class SerialPort:
    """COM1..COM4, or the debug console."""

    def __init__(self, machine: Machine, uart: Uart, name: str) -> None:
        self.name = name
        self._machine = machine
        self._uart = uart
        feed = getattr(uart, "feed", None)
        self._feed: Callable[[bytes], int] | None = machine.door.way(name, feed, partial=True) if feed else None
        self._seen = bytearray()        # history
        self._dropped = 0               # bytes of history forgotten
        self._read_at = 0               # absolute position of the first unread byte
        self._outgoing = bytearray()
        self.sink: Sink | None = None

    # ---- the tester's verbs -------------------------------------------------------------------------------------
    def expect(self, pattern: Pattern | Sequence[Pattern], timeout: float = 60.0) -> Match:
        """Run until `pattern` (text, regular expression, or a list of them) appears in the unread output.

        Consumes the output up to the end of the match.  `timeout` is in virtual seconds.  Raises GuestTimeout,
        GuestCrash (triple fault, hang) or GuestStopped (power-off, exit), with the last lines as evidence.
        """
        patterns: list[Pattern] = [pattern] if isinstance(pattern, str | bytes | re.Pattern) else list(pattern)
        machine = self._machine
        deadline = machine.now_ns + int(timeout * 1e9)
        looked = -1
        while True:
            size = self._dropped + len(self._seen) - self._read_at
            if size != looked:
                unread = bytes(self._seen[self._read_at - self._dropped:])
                for index, item in enumerate(patterns):
                    hit = _search(item, unread, max(0, looked))
                    if hit:
                        self._read_at += hit[1]
                        return Match(_decode(unread[hit[0]:hit[1]]), _decode(unread[:hit[0]]), hit[2], index, machine.now_ns)
                looked = size
            if machine.now_ns >= deadline:
                raise GuestTimeout(f"{self.name}: {_names(patterns)} did not appear within {timeout:g} s of virtual time",
                                   serial=self.tail(), regs=machine.regs)
            if machine.ended:
                self._raise_ended(machine.ended, patterns)
            grid = min(deadline, machine.now_ns - machine.now_ns % GRID_NS + GRID_NS)
            stop = machine.run_until(grid)
            if stop.reason == "paused":
                machine.wait_resumed()

    def _raise_ended(self, stop: Stop, patterns: list[Pattern]) -> None:
        what = f"{self.name}: the guest {stop.words} while {_names(patterns)} was expected"
        if stop.crashed:
            raise GuestCrash(what, serial=self.tail(), regs=self._machine.regs, report=stop.report)
        raise GuestStopped(what, serial=self.tail(), regs=self._machine.regs)

    def send(self, text: str | bytes) -> None:
        """Queue input; the guest takes it at the pace it reads.  EmuError if the port has no input (debugcon)."""
        if self._feed is None:
            raise EmuError(f"{self.name} is an output only: nothing can be sent to it")
        self._outgoing += text.encode() if isinstance(text, str) else text
        self._machine.wake()

    def read(self) -> str:
        """The unread output; it is read then."""
        unread = self._seen[self._read_at - self._dropped:]
        self._read_at += len(unread)
        return _decode(bytes(unread))

    @property
    def text(self) -> str:
        """All output so far (the last 16 MiB), read or not."""
        return _decode(bytes(self._seen))

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines of output."""
        rows = _decode(bytes(self._seen[-8192:])).replace("\r\n", "\n").rstrip("\n").split("\n")
        return "\n".join(rows[-lines:])

    def watch(self, sink: Sink) -> None:
        """Pass output on to `sink`, line by line as it is made."""
        self.sink = sink
        self._uart.live = True

    # ---- the machine's side -------------------------------------------------------------------------------------
    def collect(self) -> None:
        """Take what the guest has written."""
        data = self._uart.take_output()
        if not data:
            return
        self._seen += data
        if self.sink is not None:
            self.sink.write(data)
        if len(self._seen) > 2 * HISTORY:
            cut = len(self._seen) - HISTORY
            del self._seen[:cut]
            self._dropped += cut
            self._read_at = max(self._read_at, self._dropped)

    def supply(self) -> None:
        """Give queued input to the port, as much as it has room for."""
        if self._outgoing and self._feed is not None:
            taken = self._feed(bytes(self._outgoing))
            del self._outgoing[:taken]

    @property
    def takes_input(self) -> bool:
        """Can the guest read from it?"""
        return self._feed is not None

    @property
    def pending_input(self) -> int:
        """Bytes sent that the port has had no room for yet."""
        return len(self._outgoing)


def _names(patterns: list[Pattern]) -> str:
    words = [repr(p.pattern if isinstance(p, re.Pattern) else p) for p in patterns]
    return words[0] if len(words) == 1 else "none of " + ", ".join(words)
