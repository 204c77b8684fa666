"""One machine from the command line: build it, run it, say how it ended, leave the terminal as it was."""
from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import Protocol, TextIO

from ..config import MachineConfig
from ..control.qmp import QmpServer
from ..errors import ConfigError, EmuError, ImageError
from ..frontends import terminal
from ..frontends.attach import open_monitor, share_terminal
from ..machine import Machine, Stop
from ..trace import LogTracer
from . import status
from .options import Options


def say(prog: str, text: str) -> None:
    """A message of ours, on stderr."""
    with suppress(OSError):
        print(f"{prog}: {text}", file=sys.stderr, flush=True)


def _open_log(options: Options) -> TextIO:
    if not options.log_file:
        return sys.stderr
    try:
        return Path(options.log_file).open("w")
    except OSError as error:
        raise ConfigError(f"-D: cannot write {options.log_file!r}: {error.strerror}") from None


class Display(Protocol):
    """What shows the guest to a person."""

    def loop(self, alive: Callable[[], bool]) -> None: ...


class Session:
    """Runs a machine until it ends or somebody stops it."""

    def __init__(self, machine: Machine, options: Options) -> None:
        self.machine = machine
        self.options = options
        self.signal = 0
        self.lingers = False            # a display is open: what became of a dead guest stays on it
        self._changed = threading.Event()
        machine.subscribe(self._event)

    def _event(self, name: str, data: dict[str, object]) -> None:
        self._changed.set()

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self.machine.quit()
        self._changed.set()

    def run(self) -> Stop:
        """Until the end."""
        before = {number: signal.signal(number, self._signalled) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            return self._shown()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _shown(self) -> Stop:
        """With the display that was asked for; the guest then runs in a thread of its own."""
        kind = self.options.display
        if kind not in ("pygame", "curses"):
            return self._run()
        front = open_display(self.machine, self.options)
        self.lingers = self.machine.attended = True
        ends: list[Stop | BaseException] = []

        def body() -> None:
            try:
                ends.append(self._run())
            except BaseException as error:
                ends.append(error)
        thread = threading.Thread(target=body, name="guest")
        thread.start()
        try:
            front.loop(thread.is_alive)
        finally:
            self.machine.quit()
            self._changed.set()
            thread.join()
        end = ends[0]
        if isinstance(end, BaseException):
            raise end
        return end

    def _run(self) -> Stop:
        machine = self.machine
        limit = None if self.options.timeout is None else int(self.options.timeout * 1e9)
        if self.options.paused:
            machine.pause()
        while True:
            stop = machine.run() if limit is None else machine.run_until(limit)
            if stop.reason == "paused":
                while not machine.wait_resumed(0.2):
                    pass        # a signal can come in between
            elif self._stays(stop) and not self.signal and not machine.quitting:
                if stop.report:
                    say(self.options.prog, stop.report)
                self._wait_revived()
                if machine.ended and machine.quitting:
                    return stop
            else:
                return stop

    def _stays(self, stop: Stop) -> bool:
        """Does the program go on without a guest?"""
        return stop.crashed and self.lingers or self.options.no_shutdown and stop.reason in ("poweroff", "reset", "triple-fault",
                                                                                            "hang")

    def _wait_revived(self) -> None:
        """-no-shutdown: stay until QMP resets or quits."""
        while self.machine.ended and not self.machine.quitting:
            self._changed.wait(0.2)
            self._changed.clear()


def open_display(machine: Machine, options: Options) -> Display:
    """The window, or the screen in the terminal."""
    if options.display == "curses":
        from ..frontends.curses_display import CursesDisplay
        return CursesDisplay(machine)
    from ..frontends.window import Window
    return Window(machine, full_screen=options.full_screen, sound=options.sound, prog=options.prog)


def is_interactive(config: MachineConfig) -> bool:
    """Does a person at a terminal talk to the guest?"""
    kinds = [s.kind for s in (*config.serials, config.debugcon) if s is not None]
    return terminal.is_terminal(0) and any(kind in ("stdio", "mon:stdio") for kind in kinds)


def run_machine(options: Options) -> int:
    """Build and run what the options ask for; the exit status."""
    try:
        return _run(options)
    except ImageError as error:
        say(options.prog, str(error))
        return status.IMAGE
    except EmuError as error:
        say(options.prog, str(error))
        return status.USAGE
    except KeyboardInterrupt:
        return status.INTERRUPTED
    except BrokenPipeError:
        return status.OUTPUT
    finally:
        terminal.restore()


def _run(options: Options) -> int:
    config = options.config()
    for note in options.notes:
        say(options.prog, note)
    with ExitStack() as stack:
        if options.pidfile:
            Path(options.pidfile).write_text(f"{os.getpid()}\n")
            stack.callback(lambda: Path(options.pidfile).unlink(missing_ok=True))
        machine = stack.enter_context(Machine(config))
        for warning in machine.board.warnings:
            say(options.prog, warning)
        if options.log_items:
            log = _open_log(options)
            stack.callback(log.flush)
            machine.log_stream = log
            machine.tracer = LogTracer(machine.engine, options.log_items, log)
        if is_interactive(config) or options.display in ("pygame", "curses"):
            machine.pace(host=config.clock == "host")
        for where, wait in options.qmp:
            stack.callback(QmpServer(machine, where, wait=wait).close)
        if options.wav:
            machine.speaker.record(options.wav)
        for cfg in options.monitors:
            stack.callback(open_monitor(machine, cfg))
        share_terminal(machine)
        session = Session(machine, options)
        stop = session.run()
        digest = machine.run_hash() if options.show_hash else ""
        counters = machine.counters if options.show_counters else {}
        broken = any(device.broken for device in machine.outputs)
        shown = machine.serial.text if any("stdio" in s.kind for s in config.serials) else ""
        mid_line = not shown.endswith("\n") and shown != ""
    terminal.restore()
    if mid_line and (digest or counters):
        print()
    if digest:
        print(f"run hash {digest} after {stop.icount} instructions", flush=True)
    for name, value in counters.items():
        print(f"{name:<24}{value:>16}", flush=True)
    if session.signal:
        return 128 + session.signal
    if stop.reason == "budget":
        say(options.prog, f"timeout: {options.timeout:g} s of virtual time are over")
        tail = machine.serial.tail()
        if tail and not is_interactive(config):
            say(options.prog, "last serial output:\n" + "\n".join("  | " + line for line in tail.splitlines()))
    if stop.reason == "replayed":
        say(options.prog, f"the run was repeated to its end, instruction {stop.icount}; its state is the recorded one")
    if stop.report:
        say(options.prog, stop.report)
    if broken:
        return status.OUTPUT
    return status.of_stop(stop)
