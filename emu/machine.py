"""Machine: the lifetime of one PC, and the only thing that command line, QMP, window and tests talk to.

    with Machine(memory="256M", kernel="vmlinuz", initrd="initrd.gz", append="console=ttyS0") as vm:
        vm.serial.expect("/ # ", timeout=60)        # virtual seconds
        vm.serial.send("uname -a\\n")

The thread that calls `run`, `step` or `expect` runs the guest, with the GIL released, in slices; other threads
reach in by `invoke`, `pause`, `resume`, `reset`, `powerdown` and `quit`, which take effect between two
instructions.  Time is virtual unless the configuration asks for the host's clock.
"""
from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Protocol, TextIO, TypeVar

from . import report
from .boards import CPU_PINS, Board
from .boot import BootPlan, start
from .config import MachineConfig
from .core import CoreStop, Engine
from .drives import Drives
from .errors import EmuError
from .frontends.chardev import Chardev, open_chardev
from .frontends.pacer import Pacer
from .keyboard import Keyboard
from .mouse import Mouse
from .net.backend import Backend, Wire
from .net.pcap import Capture
from .net.switch import SwitchPort
from .screen import Screen
from .serial import SerialPort
from .speaker import Speaker
from .state.hash import run_hash
from .state.inputlog import Replay, open_door
from .trace import LogTracer, parse_items

T = TypeVar("T")
SLICE = 10_000_000          # instructions between two looks at signals and requests
SLICE_SECONDS = 0.004
VGA_TEXT, VGA_END = 0xB0000, 0xC0000
HOST_SLICE = 1_000_000      # the same with clock=host

WORDS = {
    "poweroff": "powered off", "exit": "exited by isa-debug-exit", "triple-fault": "triple-faulted", "hang": "hung",
    "reset": "asked for a reset", "paused": "was paused", "quit": "was told to quit", "budget": "used up its budget",
    "replayed": "did all that was recorded",
    "breakpoint": "came to a breakpoint", "guest": "stopped",
}


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run came back.

    reason: budget, paused, poweroff, exit (isa-debug-exit; `code` is the status), triple-fault, hang, reset
    (only with no_reboot), quit, breakpoint, replayed (the end of the log).  `report` is filled in for triple-fault and hang.
    """

    reason: str
    icount: int
    now_ns: int
    code: int = 0
    report: str = ""

    @property
    def crashed(self) -> bool:
        """Did the guest die of something?"""
        return self.reason in ("triple-fault", "hang")

    @property
    def words(self) -> str:
        """What the guest did, to follow "the guest"."""
        return WORDS.get(self.reason, self.reason)


class Tracer(Protocol):
    """Runs the engine in small pieces and logs what happens; see trace.py."""

    def run(self, max_insns: int, until_ns: int | None) -> CoreStop: ...
    def event(self, name: str) -> None: ...


class Machine:
    """A PC built from a MachineConfig, or from its fields as keyword arguments."""

    def __init__(self, config: MachineConfig | None = None, **options: Any) -> None:
        if config is not None and options:
            raise TypeError("give a MachineConfig or keyword options, not both")
        config = config if config is not None else MachineConfig.from_options(options)
        self.door = open_door(config.record, config.replay, config.rtc_unix)
        self.config = replace(config, rtc_base=self.door.rtc_unix) if isinstance(self.door, Replay) else config
        self.board = Board(self.config)
        self.engine: Engine = self.board.engine
        self.drives: Drives = self.board.drives
        self.drives.connect_to(self.invoke, self.door)
        self._press_reset = self.door.way("reset", self._reset)
        self._press_power = self.door.way("powerdown", self.board.press_power)
        self._press_nmi = self.door.way("nmi", lambda: self.engine.pins.py_line(CPU_PINS["NMI"], 1))
        self._poke = self.door.way("write_phys", self._write_phys)
        self._move_cable = self.door.way("link", self._set_link)
        self._skip = self.door.way("skip_ns", self._let_pass)
        self.serials = tuple(SerialPort(self, uart, uart.name) for uart in self.board.uarts)
        self.debugcon = SerialPort(self, self.board.debugcon, "debugcon") if self.board.debugcon is not None else None
        self.screen = Screen(self, self.board.devices.get("vga"))
        self._ports = [*self.serials, *([self.debugcon] if self.debugcon else [])]
        self.keyboard = Keyboard(self, self.board.devices["i8042"])
        self.mouse = Mouse(self, self.board.devices["i8042"])
        self.speaker = Speaker(self, self.board.devices["pit"])
        self._input_due = False
        self.attended = False                       # a person may still press a key: waiting for one is no hang
        self.tracer: Tracer | None = None
        self.log_stream: TextIO = sys.stderr
        self.ended: Stop | None = None
        self._gate = threading.RLock()              # guards _runner and _requests
        self._runner: int | None = None
        self._requests: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._resumed = threading.Event()
        self._resumed.set()
        self._wake = threading.Event()
        self._quit = False
        self._listeners: list[Callable[[str, dict[str, Any]], None]] = []
        self._pacer: Pacer | None = None
        self._outsiders: Pacer | None = None    # who are on the wall clock while the guest is on its own
        self._chardevs: list[Chardev] = []
        self.wires: list[Wire | None] = []          # one per network card; None: its cable hangs loose
        self._captures: list[Capture] = []
        if self.config.clock == "host":
            self.pace(host=True)
        try:
            self._power_on()
            self._open_chardevs()
            self._plug_in()
            self.door.begin(lambda: (self.engine.icount, self.engine.now_ns), self.run_hash)
        except BaseException:
            self.close()
            raise

    # ---- lifetime -----------------------------------------------------------------------------------------------
    def _power_on(self) -> None:
        plan: BootPlan | None = self.board.boot_plan
        self.engine.flush_code()
        if plan is not None:
            start.start(self.engine, plan)
            self.engine.flush_code()

    def _open_chardevs(self) -> None:
        wanted = list(zip(self.serials, self.config.serials, strict=False))
        if self.debugcon is not None and self.config.debugcon is not None:
            wanted.append((self.debugcon, self.config.debugcon))
        for port, cfg in wanted:
            if cfg.kind == "buffer":
                continue
            device = open_chardev(cfg, port.send if port.takes_input else lambda data: None, self.quit)
            self._chardevs.append(device)
            port.watch(device)
            device.start()

    def _plug_in(self) -> None:
        for number, (nic, port) in enumerate(zip(self.config.nics, self.board.net_ports, strict=True)):
            backend = Backend() if self.door.replaying else nic.open()
            if backend is None:
                self.wires.append(None)
                continue
            if isinstance(backend, SwitchPort):
                backend.machine = self
            wire = Wire(port, backend, lambda: self.engine.now_ns, self.wake, partial(self.door.way, f"net{number}"))
            self.wires.append(wire)
            for item in nic.captures:
                capture = Capture(item.file, item.maxlen, self.config.rtc_unix)
                self._captures.append(capture)
                wire.taps.append(capture)

    def close(self) -> None:
        """Release host resources; the machine cannot run afterwards."""
        self.door.close()
        self.speaker.stop()
        for wire in self.wires:
            if wire is not None:
                wire.port.connected = False
                wire.backend.close()
        self.wires.clear()
        for capture in self._captures:
            capture.close()
        self._captures.clear()
        for device in self._chardevs:
            device.close()
        self._chardevs.clear()
        self.board.close()

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # ---- running ------------------------------------------------------------------------------------------------
    def run(self, seconds: float | None = None, *, instructions: int | None = None) -> Stop:
        """Run for so much virtual time or so many instructions; with neither, until the guest ends."""
        until = None if seconds is None else self.now_ns + int(seconds * 1e9)
        return self._run(until, None if instructions is None else self.icount + instructions)

    def run_until(self, now_ns: int) -> Stop:
        """Run to this virtual time."""
        return self._run(now_ns, None)

    def step(self, n: int = 1) -> Stop:
        """Run exactly n instructions."""
        return self._run(None, self.icount + n)

    def _run(self, until_ns: int | None, stop_icount: int | None) -> Stop:
        with self._gate:
            if self._runner is not None:
                raise EmuError("the machine is running in another thread already")
            self._runner = threading.get_ident()
        try:
            return self._loop(until_ns, stop_icount)
        finally:
            with self._gate:
                self._runner = None
                self._serve()

    def _loop(self, until_ns: int | None, stop_icount: int | None) -> Stop:
        engine = self.engine
        pacer = self._pacer
        replay = self.door if isinstance(self.door, Replay) else None
        limit = SLICE if pacer is None or not pacer.host else HOST_SLICE
        most = limit // 16
        fresh = True
        asked = False           # a device wants the host to look
        while True:
            engine.settle()
            if self._requests:
                self._serve()
            if self.ended:
                return self.ended
            if self._quit:
                return self._end("quit")
            if not self._resumed.is_set():
                return self._stop("paused")
            for port in self._ports:        # a script's input enters where its wait ended, a person's when it comes
                if fresh or port.sink is not None:
                    port.supply()
            if fresh or self._input_due or asked:
                self._input_due = False
                self.keyboard.supply()
                self.mouse.supply()
            fresh = asked = False
            outside = False         # may something come in that does not depend on the guest alone?
            for wire in self.wires:
                if wire is not None:
                    wire.service()
                    outside = outside or wire.backend.outside
            engine.idle_ok = outside or pacer is not None or replay is not None
            budget = most if stop_icount is None else min(most, stop_icount - engine.icount)
            if replay is not None:
                if not replay.admit():
                    return self._end("replayed")
                budget = self._to_next_entry(replay, budget)
            began = time.perf_counter()
            core = self.tracer.run(budget, until_ns) if self.tracer else engine.run(budget, until_ns)
            # slices of a few milliseconds: output appears when it is made; the guest cannot tell
            spent = time.perf_counter() - began
            if spent > SLICE_SECONDS:
                most = max(most // 2, 50_000)
            elif spent < SLICE_SECONDS / 4:
                most = min(most * 2, limit)
            for port in self._ports:
                port.collect()
            self.speaker.collect()
            self.door.flush()
            reason = core.reason
            if pacer is not None and pacer.host and reason != "idle":
                pacer.catch_up()
            if reason == "budget":
                if stop_icount is not None and engine.icount >= stop_icount:
                    return self._stop("budget")
                if until_ns is not None and engine.now_ns >= until_ns:
                    return self._stop("budget")
            elif reason == "idle":
                self._idle(until_ns)
            elif reason == "reset":
                self._emit("RESET", guest=True, reason="guest-reset")
                if self.config.no_reboot:
                    return self._end("reset")
                self._reset()
            elif reason == "host":
                asked = True
            else:
                return self._end("triple-fault" if reason == "shutdown" else reason)

    def _let_pass(self, ns: int) -> None:
        self.engine.skip_ns(ns)
        self.engine.settle()

    def _to_next_entry(self, replay: Replay, budget: int) -> int:
        """How many instructions to run until something is let in; a halted processor comes back to `_idle`."""
        entry = replay.next
        return budget if entry is None else max(1, min(budget, entry.icount - self.engine.icount))

    def _idle(self, until_ns: int | None) -> None:
        """The processor halts and waits for an interrupt."""
        engine = self.engine
        if isinstance(self.door, Replay):
            entry = self.door.next
            if entry is not None and entry.icount == engine.icount:
                until_ns = entry.now_ns if until_ns is None else min(until_ns, entry.now_ns)
            elif entry is not None and engine.idle_ns() is None:
                raise self.door.astray(entry)
        for wire in self.wires:
            if wire is not None:
                wire.service()
        left = engine.idle_ns()
        if until_ns is not None:
            span = max(0, until_ns - engine.now_ns)
            left = span if left is None else min(left, span)
        if self._pacer is not None:
            self._pacer.sleep(left, self._wake)
        elif left != 0 and any(wire is not None and wire.backend.outside for wire in self.wires):
            if self._outsiders is None:         # idle time passes as fast as for those outside
                self._outsiders = Pacer(engine, self._skip, False)
            if self._outsiders.behind_ns() < 0:
                self._outsiders.anchor()
            self._outsiders.sleep(left, self._wake)
        elif left is not None:
            engine.skip_ns(left)
        elif self.attended or any(device.live for device in self._chardevs):
            self._wake.wait()
        else:
            self._end("hang")
        self._wake.clear()

    def _stop(self, reason: str, text: str = "") -> Stop:
        return Stop(reason, self.engine.icount, self.engine.now_ns, self.board.exit_code if reason == "exit" else 0, text)

    def _end(self, reason: str) -> Stop:
        """The guest is over (until a reset)."""
        text = ""
        tail = self.serials[0].tail() if self.serials else ""
        if reason == "triple-fault":
            text = report.autopsy(self.engine, "triple fault: an exception while a double fault was being delivered", tail,
                                  chain=True, screen=self._screen_text())
        elif reason == "hang":
            why = "the processor is halted with interrupts off, nothing can wake it"
            if self.engine.regs()["eflags"] >> 9 & 1:
                why = "the processor is halted and no timer is armed, nothing will wake it"
            text = report.autopsy(self.engine, f"hang: {why}", tail, screen=self._screen_text())
        self.ended = self._stop(reason, text)
        if reason in ("poweroff", "exit", "reset"):
            self._emit("SHUTDOWN", guest=True, reason="guest-reset" if reason == "reset" else "guest-shutdown")
        elif reason == "quit":
            self._emit("SHUTDOWN", guest=False, reason="host-qmp-quit")
        else:
            self._emit("STOP")
        if self.tracer:
            self.tracer.event(reason)
        return self.ended

    # ---- from other threads -------------------------------------------------------------------------------------
    def wake(self) -> None:
        """Make a running slice look around at once."""
        self.engine.request_stop()
        self._wake.set()

    def feed_input(self) -> None:
        """There are new keys or motion: let them in at once, or where the next run begins."""
        self._input_due = True
        self.wake()

    def invoke(self, function: Callable[[], T]) -> T:
        """Call `function` between two instructions, whichever thread runs the guest; its result."""
        future: Future[T] | None = None
        with self._gate:
            if self._runner is None:
                return function()
            if self._runner != threading.get_ident():
                future = Future()
                self._requests.append((function, future))
        if future is None:
            return function()
        self.wake()
        return future.result()

    def _serve(self) -> None:
        while self._requests:
            function, future = self._requests.popleft()
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

    def pause(self) -> None:
        """Stop the guest; a `run` in progress comes back with reason "paused", and has not moved when this returns."""
        if self._resumed.is_set():
            self._resumed.clear()
            self.invoke(lambda: self._emit("STOP"))

    def resume(self) -> None:
        """Undo `pause`."""
        if not self._resumed.is_set():
            if self._pacer is not None:
                self._pacer.anchor()
            self._resumed.set()
            self._emit("RESUME")
            self.wake()

    @property
    def status(self) -> str:
        """QMP's word for what the machine is doing: running, paused, shutdown, internal-error."""
        if self.ended:
            return "internal-error" if self.ended.crashed else "shutdown"
        return "paused" if self.paused else "running"

    @property
    def quitting(self) -> bool:
        """Has somebody called `quit`?"""
        return self._quit

    @property
    def outputs(self) -> list[Chardev]:
        """Host ends of the serial ports that have one."""
        return list(self._chardevs)

    @property
    def paused(self) -> bool:
        """Is the guest held by `pause`?"""
        return not self._resumed.is_set()

    def wait_resumed(self, timeout: float | None = None) -> bool:
        """Wait (wall clock) for another thread's `resume`, `reset` or `quit`."""
        return self._resumed.wait(timeout)

    def quit(self) -> None:
        """Let the run end with reason "quit"."""
        self._quit = True
        self._resumed.set()
        self.wake()

    def reset(self) -> None:
        """The reset button: processor and devices as after power-on, memory kept, the kernel loaded again."""
        def act() -> None:
            self._emit("RESET", guest=False, reason="host-qmp-system-reset")
            self._press_reset()
        self.invoke(act)

    def _reset(self) -> None:
        self.ended = None
        self.board.reset()
        self._power_on()
        if self.tracer:
            self.tracer.event("cpu_reset")

    def powerdown(self) -> None:
        """The power button: an ACPI event, which the guest may follow."""
        def act() -> None:
            self._emit("POWERDOWN")
            self._press_power()
        self.invoke(act)

    def nmi(self) -> None:
        """A non-maskable interrupt, as from a button on the case."""
        self.invoke(self._press_nmi)

    def set_link(self, number: int, up: bool) -> None:
        """Plug the cable of network card `number` in or out."""
        self.invoke(lambda: self._move_cable(number, up))

    def _set_link(self, number: int, up: bool) -> None:
        self.board.net_ports[number].link = up

    def announce(self, name: str, **data: Any) -> None:
        """Tell the listeners of something (QMP's name and data) that was done to the machine from outside."""
        self._emit(name, **data)

    def subscribe(self, listener: Callable[[str, dict[str, Any]], None]) -> None:
        """Call `listener(name, data)` on STOP, RESUME, RESET, SHUTDOWN, POWERDOWN (QMP's names), in any thread."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[str, dict[str, Any]], None]) -> None:
        """Undo `subscribe`."""
        self._listeners.remove(listener)

    def _emit(self, name: str, **data: Any) -> None:
        for listener in list(self._listeners):
            listener(name, data)

    def pace(self, *, host: bool = False) -> None:
        """Keep virtual time from running ahead of the wall clock while the guest idles (a person watches).

        host=True makes it keep up as well (clock=host).  Either way runs are no longer reproducible.
        """
        if not self.door.replaying:
            self._pacer = Pacer(self.engine, self._skip, host)

    # ---- inspection ---------------------------------------------------------------------------------------------
    @property
    def serial(self) -> SerialPort:
        """COM1."""
        return self.serials[0]

    @property
    def icount(self) -> int:
        """Instructions since power-on."""
        return self.engine.icount

    @property
    def now_ns(self) -> int:
        """Virtual time since power-on."""
        return self.engine.now_ns

    @property
    def regs(self) -> dict[str, int]:
        """Registers by name."""
        return self.invoke(self.engine.regs)

    @property
    def counters(self) -> dict[str, int]:
        """Statistics of processor and MMU by name."""
        return self.invoke(self.engine.counters)

    def read_phys(self, addr: int, n: int) -> bytes:
        """n bytes of physical memory (RAM, ROM; all ones where neither is)."""
        return self.invoke(lambda: self.engine.mem.read(addr, n))

    def peek(self, addr: int, n: int) -> bytes:
        """As `read_phys`, and the characters of a text screen where the processor would find them."""
        def act() -> bytes:
            data = bytearray(self.engine.mem.read(addr, n))
            if addr < VGA_END and addr + n > VGA_TEXT and self.screen.text_mode:
                for at in range(max(addr, VGA_TEXT), min(addr + n, VGA_END)):
                    data[at - addr] = self.engine.bus.peek(at, 1)
            return bytes(data)
        return self.invoke(act)

    def write_phys(self, addr: int, data: bytes) -> None:
        """Change physical memory behind the guest's back."""
        self.invoke(lambda: self._poke(addr, bytes(data)))

    def _write_phys(self, addr: int, data: bytes) -> None:
        self.engine.mem.write(addr, data)
        self.engine.flush_code()

    def read_virt(self, addr: int, n: int) -> bytes:
        """n bytes at a linear address as mapped now; LookupError where nothing is mapped."""
        return self.invoke(lambda: self.engine.read_virt(addr, n))

    def run_hash(self) -> str:
        """64 hex digits over processor, RAM and devices: equal for equal runs."""
        return self.invoke(lambda: run_hash(self.engine, self.board.devices.values()))

    def report(self, headline: str = "the guest now") -> str:
        """Registers, last exceptions, code and serial lines as text."""
        tail = self.serials[0].tail() if self.serials else ""
        return self.invoke(lambda: report.autopsy(self.engine, headline, tail, screen=self._screen_text()))

    def _screen_text(self) -> str:
        return self.screen.text() if self.screen.present else ""

    def set_log(self, items: str) -> None:
        """Log these items (as -d) to stderr, or to where -D said, from now on; "none" ends it."""
        old = self.tracer
        chosen = frozenset() if items == "none" else parse_items(items)

        def act() -> None:
            self.tracer = LogTracer(self.engine, chosen, self.log_stream) if chosen else None
        if old is not None:
            self.log_stream.flush()
        self.invoke(act)
