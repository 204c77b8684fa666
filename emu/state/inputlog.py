"""What came from outside, and when: a run with keys, serial input and packets, recorded so that it can be had again.

    with Machine(..., record="run.log") as vm: ...      # a person types, a browser downloads
    with Machine(..., replay="run.log") as vm:          # the same again, without person and network
        vm.run()

Everything that enters a machine passes its `Door`, between two instructions.  The log has a line for each entry: instruction
count, virtual time, name of the way in, arguments.  Both times are needed: a halted processor counts no instructions.
"""
from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from ..errors import ConfigError, EmuError, StateError

FORMAT = "emu input log 1"
END = "end"
Way = Callable[..., Any]


class Entry(NamedTuple):
    """A line of the log."""

    icount: int
    now_ns: int
    way: str
    args: list[Any]


class Door:
    """The ways into one machine; here they are simply open."""

    replaying = False

    def way(self, name: str, enter: Way, *, partial: bool = False) -> Way:
        """What to call instead of `enter`.  partial: `enter` returns how much of its only argument, bytes, it took."""
        return enter

    def begin(self, clock: Callable[[], tuple[int, int]], state: Callable[[], str]) -> None:
        """The machine is as after power-on; `clock` gives instruction count and virtual time, `state` its run hash."""

    def flush(self) -> None:
        """The guest has run for a while."""

    def close(self) -> None:
        """Nothing comes in any more."""


def _pack(value: Any) -> Any:
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _unpack(value: Any) -> Any:
    return base64.b64decode(value["b64"], validate=True) if isinstance(value, dict) and "b64" in value else value


class Recorder(Door):
    """Writes what comes in to a file."""

    def __init__(self, path: Path, rtc_unix: int) -> None:
        self._path = path
        self._rtc_unix = rtc_unix
        try:
            self._file: TextIO | None = path.open("w", encoding="ascii")
        except OSError as error:
            raise ConfigError(f"record: cannot write {str(path)!r}: {error.strerror}") from None
        self._clock: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self._state: Callable[[], str] = lambda: ""
        self._early: list[tuple[str, list[Any]]] = []       # what came in while the machine was put together
        self._begun = False

    def way(self, name: str, enter: Way, *, partial: bool = False) -> Way:
        def recorded(*args: Any) -> Any:
            here = self._clock()
            result = enter(*args)
            if not partial:
                self._note(here, name, [*args])
            elif result:
                self._note(here, name, [args[0][:result]])
            return result
        return recorded

    def begin(self, clock: Callable[[], tuple[int, int]], state: Callable[[], str]) -> None:
        self._clock, self._state = clock, state
        self._begun = True
        self._write({"format": FORMAT, "rtc": self._rtc_unix, "state": state()})
        for name, args in self._early:
            self._note(clock(), name, args)

    def _note(self, here: tuple[int, int], name: str, args: list[Any]) -> None:
        if self._begun:
            self._write([*here, name, *map(_pack, args)])
        else:
            self._early.append((name, args))

    def _write(self, row: Any) -> None:
        if self._file is not None:
            try:
                self._file.write(json.dumps(row, separators=(",", ":")) + "\n")
            except OSError as error:
                self._failed(error)

    def _failed(self, error: OSError) -> None:
        self._file = None
        raise StateError(f"record: {str(self._path)!r} cannot be written: {error.strerror}") from None

    def flush(self) -> None:
        if self._file is not None:
            try:
                self._file.flush()
            except OSError as error:
                self._failed(error)

    def close(self) -> None:
        if self._file is None:
            return
        if self._begun:
            self._note(self._clock(), END, [self._state()])
        file, self._file = self._file, None
        try:
            file.close()
        except OSError as error:
            self._failed(error)


class Replay(Door):
    """Lets in what a file says, and nothing else."""

    replaying = True

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            lines = path.read_text(encoding="ascii").split("\n")
        except OSError as error:
            raise ConfigError(f"replay: cannot read {str(path)!r}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"replay: {str(path)!r} is not a log of a recorded run") from None
        self._recorded_state = ""
        self.rtc_unix = 0               # when the recorded machine's clock began
        self._entries: list[Entry] = []
        self._next = 0
        self._ways: dict[str, Way] = {}
        self._clock: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self._state: Callable[[], str] = lambda: ""
        self._read(lines)

    def _read(self, lines: list[str]) -> None:
        try:
            head = json.loads(lines[0])
            if head["format"] != FORMAT:
                raise ValueError
            self._recorded_state, self.rtc_unix = str(head["state"]), int(head["rtc"])
        except (ValueError, TypeError, KeyError):
            raise ConfigError(f"replay: {str(self._path)!r} is not a log of a recorded run") from None
        for number, line in enumerate(lines[1:-1], 2):      # what follows the last line feed was cut off
            try:
                icount, now, name, *args = json.loads(line)
                self._entries.append(Entry(int(icount), int(now), str(name), [_unpack(arg) for arg in args]))
            except (ValueError, TypeError):
                raise ConfigError(f"replay: {str(self._path)!r}: line {number} is damaged") from None
        if not self._entries:
            raise ConfigError(f"replay: {str(self._path)!r} ends before the run began")

    def way(self, name: str, enter: Way, *, partial: bool = False) -> Way:
        self._ways[name] = enter
        return (lambda data: len(data)) if partial else (lambda *args: None)

    def begin(self, clock: Callable[[], tuple[int, int]], state: Callable[[], str]) -> None:
        self._clock, self._state = clock, state
        if state() != self._recorded_state:
            raise ConfigError(f"replay: this machine is not the one of {str(self._path)!r}: give it the same options, kernel and "
                              "firmware; disks as they were before (record with -snapshot)")

    @property
    def next(self) -> Entry | None:
        """What comes in next; None after the last entry."""
        return self._entries[self._next] if self._next < len(self._entries) else None

    def admit(self) -> bool:
        """Let in all that is due now; False when the log is at its end.  EmuError where the run is not the recorded one."""
        here = self._clock()
        while self._next < len(self._entries):
            entry = self._entries[self._next]
            if (entry.icount, entry.now_ns) != here:
                if (entry.icount, entry.now_ns) < here:
                    raise self.astray(entry)
                return True
            self._next += 1
            if entry.way == END:
                if self._state() != entry.args[0]:
                    raise EmuError(f"replay: the run came to the end of {str(self._path)!r} in another state than was recorded")
                return False
            enter = self._ways.get(entry.way)
            if enter is None:
                raise EmuError(f"replay: {str(self._path)!r} has input for {entry.way!r}, which this machine has not")
            enter(*entry.args)
            here = self._clock()
        return False


    def astray(self, entry: Entry) -> EmuError:
        """The run has not come to where this entry was let in."""
        icount, now = self._clock()
        return EmuError(f"replay: the run is not the one in {str(self._path)!r}: it is at instruction {icount}, {now} ns, "
                        f"and never was at the next entry's {entry.icount}, {entry.now_ns} ns")


def open_door(record: Path | None, replay: Path | None, rtc_unix: int) -> Door:
    """The door a configuration asks for; `rtc_unix` is when its clock begins."""
    if record is not None:
        return Recorder(record, rtc_unix)
    return Replay(replay) if replay is not None else Door()
