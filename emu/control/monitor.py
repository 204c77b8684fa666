"""The human monitor: QEMU's commands for a person, on a terminal, a socket, or through QMP.

    (qemu) info registers
    (qemu) x/10i $eip
    (qemu) sendkey ctrl-alt-delete

Spec: the monitor chapter of QEMU's documentation.  Commands QEMU has and we do not are answered as unknown.
"""
from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from .. import __version__
from ..errors import ConfigError, EmuError, suggest
from ..layouts import split_keys
from ..machine import Machine
from ..mouse import BUTTONS
from ..trace import ITEMS as LOG_ITEMS
from . import dump, info
from .base import Json, QmpError, check, command
from .dump import DumpError, Format
from .expression import ExpressionError, evaluate, registers, split
from .qmp_block import MODES, change, find_drive, locked, tray_moved
from .qmp_input import HOLD_MS, save_screen
from .qmp_machine import is_64bit, save_memory
from .qmp_net import find_card

PROMPT = "(qemu) "
Handler = Callable[["Monitor", str, str], str]       # what follows a slash in the name, and the rest of the line
# HMP's mouse buttons: 1 left, 2 right, 4 middle, as QEMU's bits are
MOUSE_BITS = tuple(BUTTONS.items())


class MonitorError(Exception):
    """What to tell the person."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One command."""

    name: str
    args: str
    text: str
    run: Handler


TABLE: dict[str, Entry] = {}
ALIASES = {"?": "help", "c": "cont", "s": "stop", "q": "quit", "p": "print"}


def entry(name: str, args: str, text: str) -> Callable[[Handler], Handler]:
    """Register the function below as a command."""
    def register(run: Handler) -> Handler:
        TABLE[name] = Entry(name, args, text, run)
        return run
    return register


class Monitor:
    """Executes command lines for one person; remembers the format of the last dump, as QEMU does."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.memory_format = Format()
        self.wide = is_64bit(machine)

    def execute(self, line: str) -> str:
        """The answer to one command line, with a line feed at its end if there is any."""
        words = line.split()
        if not words or words[0].startswith("#"):
            return ""
        name, slash, form = words[0].partition("/")
        name = ALIASES.get(name, name)
        if slash and name not in ("x", "xp", "print", "i", "o") or name not in TABLE:
            return f"unknown command: '{words[0]}'{suggest(name, TABLE)}\n"
        rest = line.strip()[len(words[0]):].strip()
        try:
            text = TABLE[name].run(self, form, rest)
        except (MonitorError, DumpError, ExpressionError) as error:
            text = str(error)
        except QmpError as error:
            text = f"Error: {error}"
        except EmuError as error:
            text = f"Error: {error.message}"
        return text + "\n" if text and not text.endswith("\n") else text

    def numbers(self, text: str, least: int, most: int, usage: str) -> list[int]:
        """The expressions of a command line."""
        regs = registers(self.machine.regs, self.wide)
        values = split(text, regs)
        if not least <= len(values) <= most:
            raise MonitorError(f"usage: {usage}")
        return values

    def number(self, text: str, usage: str) -> int:
        """One expression."""
        if not text:
            raise MonitorError(f"usage: {usage}")
        return evaluate(text, registers(self.machine.regs, self.wide))


@entry("help", "[cmd]", "show the help")
def _help(m: Monitor, form: str, rest: str) -> str:
    if rest == "info":
        return "\n".join(f"info {name} -- {text}" for name, (text, _) in sorted(info.ITEMS.items()))
    rows = [e for e in TABLE.values() if not rest or e.name == ALIASES.get(rest, rest)]
    if not rows:
        raise MonitorError(f"unknown command: '{rest}'{suggest(rest, TABLE)}")
    return "\n".join(f"{e.name} {e.args} -- {e.text}".replace("  ", " ") for e in sorted(rows, key=lambda e: e.name))


@entry("info", "[subcommand]", "show various information about the system state (help info lists them)")
def _info(m: Monitor, form: str, rest: str) -> str:
    words = rest.split()
    if not words:
        return _help(m, "", "info")
    if words[0] not in info.ITEMS:
        raise MonitorError(f"unknown command: 'info {words[0]}'{suggest(words[0], info.ITEMS)}")
    return m.machine.invoke(lambda: info.ITEMS[words[0]][1](m.machine))


# ---- run control ------------------------------------------------------------------------------------------------
def _plain(name: str, text: str, act: Callable[[Machine], None]) -> None:
    @entry(name, "", text)
    def run(m: Monitor, form: str, rest: str) -> str:
        act(m.machine)
        return ""


_plain("stop", "stop emulation", Machine.pause)
_plain("system_reset", "reset the system", Machine.reset)
_plain("system_powerdown", "send system power down event", Machine.powerdown)
_plain("quit", "quit the emulator", Machine.quit)
_plain("nmi", "inject an NMI", Machine.nmi)


@entry("cont", "", "resume emulation")
def _cont(m: Monitor, form: str, rest: str) -> str:
    if m.machine.ended:
        raise MonitorError("Error: Resetting the Virtual Machine is required")
    m.machine.resume()
    return ""


@entry("cpu", "index", "set the default CPU (there is one, 0)")
def _cpu(m: Monitor, form: str, rest: str) -> str:
    if m.number(rest, "cpu index"):
        raise MonitorError("Error: invalid CPU index")
    return ""


@entry("set_link", "name on|off", "change the link status of a network adapter")
def _set_link(m: Monitor, form: str, rest: str) -> str:
    words = rest.split()
    if len(words) != 2 or words[1] not in ("on", "off"):
        raise MonitorError("set_link: expected NAME on|off; `info network` has the names")
    m.machine.set_link(find_card(m.machine, words[0]), words[1] == "on")
    return ""


# ---- memory and ports -------------------------------------------------------------------------------------------
def _dump(m: Monitor, form: str, rest: str, physical: bool) -> str:
    shape = Format.parse(form, m.memory_format)
    regs = m.machine.regs
    address = m.number(rest, f"{'xp' if physical else 'x'} /fmt addr")
    m.memory_format = shape
    read: dump.Read = m.machine.peek if physical else m.machine.read_virt
    if not physical and not m.wide:
        address &= 0xFFFFFFFF
    if shape.kind == "i":
        return m.machine.invoke(lambda: dump.disassembly(read, address, shape.count, dump.code_bits(regs)))
    return m.machine.invoke(lambda: dump.memory(read, address, shape, 16 if physical or m.wide else 8))


@entry("x", "/fmt addr", "virtual memory dump starting at 'addr'")
def _x(m: Monitor, form: str, rest: str) -> str:
    return _dump(m, form, rest, physical=False)


@entry("xp", "/fmt addr", "physical memory dump starting at 'addr'")
def _xp(m: Monitor, form: str, rest: str) -> str:
    return _dump(m, form, rest, physical=True)


@entry("print", "/fmt expr", "print expression value (use $reg for CPU register access)")
def _print(m: Monitor, form: str, rest: str) -> str:
    return Format.parse(form, Format(kind="d")).short(m.number(rest, "print /fmt expr"))


@entry("i", "/fmt addr", "I/O port read")
def _in(m: Monitor, form: str, rest: str) -> str:
    size = Format.parse(form, Format(size=1)).size
    port = m.number(rest, "i /fmt addr") & 0xFFFF
    if size > 4:
        raise MonitorError("a port is read by bytes (b), halfwords (h) or words (w)")
    bus = m.machine.engine.bus
    return m.machine.invoke(lambda: f"port{'bwl'[size.bit_length() - 1]}[{port:#06x}] = {bus.inp(port, size):#0{size * 2 + 2}x}")


@entry("o", "/fmt addr value", "I/O port write")
def _out(m: Monitor, form: str, rest: str) -> str:
    size = Format.parse(form, Format(size=1)).size
    port, value = m.numbers(rest, 2, 2, "o /fmt addr value")
    if size > 4:
        raise MonitorError("a port is written by bytes (b), halfwords (h) or words (w)")
    m.machine.invoke(lambda: m.machine.engine.bus.outp(port & 0xFFFF, value & (1 << size * 8) - 1, size))
    return ""


@entry("gva2gpa", "addr", "print the guest physical address corresponding to a guest virtual address")
def _gva2gpa(m: Monitor, form: str, rest: str) -> str:
    address = m.number(rest, "gva2gpa addr")
    found = m.machine.invoke(lambda: m.machine.engine.virt_to_phys(address))
    return "Unmapped" if found is None else f"gpa: {found:#x}"


@entry("sum", "addr size", "compute the checksum of a memory region")
def _sum(m: Monitor, form: str, rest: str) -> str:
    start, size = m.numbers(rest, 2, 2, "sum addr size")
    if size > 1 << 30:
        raise MonitorError("the region is too large")
    total = 0
    for byte in m.machine.read_phys(start, size):       # the BSD sum
        total = ((total >> 1 | (total & 1) << 15) + byte) & 0xFFFF
    return f"{total:05d}"


def _save(m: Monitor, rest: str, usage: str, physical: bool) -> str:
    words = rest.split()
    if len(words) != 3:
        raise MonitorError(f"usage: {usage}")
    start, size = m.numbers(" ".join(words[:2]), 2, 2, usage)
    save_memory(m.machine, words[2].strip('"'), start, size, m.machine.read_phys if physical else m.machine.read_virt)
    return ""


@entry("memsave", "addr size file", "save to disk virtual memory dump starting at 'addr' of size 'size'")
def _memsave(m: Monitor, form: str, rest: str) -> str:
    return _save(m, rest, "memsave addr size file", physical=False)


@entry("pmemsave", "addr size file", "save to disk physical memory dump starting at 'addr' of size 'size'")
def _pmemsave(m: Monitor, form: str, rest: str) -> str:
    return _save(m, rest, "pmemsave addr size file", physical=True)


# ---- input and output -------------------------------------------------------------------------------------------
@entry("sendkey", "keys [hold_ms]", "send keys to the VM (e.g. 'sendkey ctrl-alt-f1', default hold time=100 ms)")
def _sendkey(m: Monitor, form: str, rest: str) -> str:
    words = rest.split()
    if not 1 <= len(words) <= 2:
        raise MonitorError("usage: sendkey keys [hold_ms]")
    try:
        keys = split_keys(words[0])
    except ConfigError as error:
        raise MonitorError(f"invalid parameter: {words[0]}: {error.message}") from None
    hold = m.number(words[1], "sendkey keys [hold_ms]") if len(words) > 1 else HOLD_MS
    m.machine.keyboard.press(keys, hold=min(max(hold, 1), 60_000) / 1000)
    return ""


@entry("type", "text", "type a text, with \\n for Enter (ours)")
def _type(m: Monitor, form: str, rest: str) -> str:
    m.machine.keyboard.type(rest.replace("\\n", "\n").replace("\\t", "\t"))
    return ""


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


@entry("mouse_move", "dx dy [dz]", "send mouse move events")
def _mouse_move(m: Monitor, form: str, rest: str) -> str:
    values = [_signed(v) for v in m.numbers(rest, 2, 3, "mouse_move dx dy [dz]")]
    if any(abs(v) > 32767 for v in values):
        raise MonitorError("that is more than a mouse can move")
    m.machine.mouse.move(values[0], values[1])
    if len(values) > 2:
        m.machine.mouse.wheel(values[2])
    return ""


@entry("mouse_button", "state", "change mouse button state (1=L, 2=R, 4=M)")
def _mouse_button(m: Monitor, form: str, rest: str) -> str:
    state = m.number(rest, "mouse_button state")
    for name, bit in MOUSE_BITS:
        if (name in m.machine.mouse.buttons) != bool(state & bit):
            (m.machine.mouse.press if state & bit else m.machine.mouse.release)(name)
    return ""


@entry("screendump", "filename [-f format]", "save screen into PPM image 'filename' (or PNG)")
def _screendump(m: Monitor, form: str, rest: str) -> str:
    words, kind = rest.split(), ""
    if "-f" in words[:-1]:
        k = words.index("-f")
        kind = words[k + 1]
        del words[k:k + 2]
    if not words:
        raise MonitorError("usage: screendump filename [-f format]")
    save_screen(m.machine, words[0], kind or ("png" if words[0].lower().endswith(".png") else "ppm"))
    return ""


@entry("wavcapture", "path", "capture the PC speaker to a wave file")
def _wavcapture(m: Monitor, form: str, rest: str) -> str:
    if not rest:
        raise MonitorError("usage: wavcapture path")
    m.machine.speaker.record(rest.split()[0])
    return ""


@entry("stopcapture", "", "stop capture")
def _stopcapture(m: Monitor, form: str, rest: str) -> str:
    m.machine.speaker.stop()
    return ""


# ---- media ------------------------------------------------------------------------------------------------------
@entry("eject", "[-f] device", "eject a removable medium (use -f to force it)")
def _eject(m: Monitor, form: str, rest: str) -> str:
    words = rest.split()
    force = "-f" in words
    words = [w for w in words if w != "-f"]
    if len(words) != 1:
        raise MonitorError("usage: eject [-f] device")
    drive = find_drive(m.machine, words[0])
    if locked(drive) and not force:
        raise MonitorError(f"Error: Device '{drive.name}' is locked; eject -f takes it out all the same")
    drive.eject()
    tray_moved(m.machine, drive, True)
    return ""


@entry("change", "device filename [format [read-only-mode]]", "change a removable medium")
def _change(m: Monitor, form: str, rest: str) -> str:
    words = rest.split()
    if not 2 <= len(words) <= 4:
        raise MonitorError("usage: change device filename [format [read-only-mode]]")
    mode = words[3] if len(words) > 3 else "retain"
    if mode not in MODES:
        raise MonitorError(f"Error: Parameter 'read-only-mode' does not accept value '{mode}'")
    drive = find_drive(m.machine, words[0])
    if not drive.removable:
        raise MonitorError(f"Error: Device '{drive.name}' is not removable")
    tray_moved(m.machine, drive, True)
    change(drive, words[1], words[2] if len(words) > 2 else "", MODES[mode])
    tray_moved(m.machine, drive, False)
    return ""


@entry("log", "item1[,...]", "activate logging of the specified items (none: switch it off)")
def _log(m: Monitor, form: str, rest: str) -> str:
    if not rest:
        return "Log items (comma separated):\n" + "\n".join(f"{n:<10} {t}" for n, t in LOG_ITEMS.items())
    m.machine.set_log(rest)
    return ""


class Console:
    """The monitor at a terminal: prompt, line editing, history."""

    def __init__(self, machine: Machine, write: Callable[[bytes], None]) -> None:
        self.monitor = Monitor(machine)
        self._write = write
        self._line = ""
        self._past: list[str] = []
        self._at = 0
        self._escape = ""

    def banner(self) -> None:
        """What one sees first."""
        self._put(f"emu {__version__} monitor - type 'help' for more information\n{PROMPT}")

    def prompt(self) -> None:
        """A fresh prompt with what was being typed."""
        self._put("\n" + PROMPT + self._line)

    def _put(self, text: str) -> None:
        with suppress(OSError):
            self._write(text.replace("\n", "\r\n").encode())

    def feed(self, data: bytes) -> None:
        """Keys of the person."""
        for char in data.decode("utf-8", "replace"):
            self._key(char)

    def _key(self, char: str) -> None:
        if self._escape:
            self._escape += char
            if self._escape in ("\x1b[A", "\x1b[B"):
                self._recall(-1 if char == "A" else 1)
            if len(self._escape) > 1 and not (self._escape in ("\x1b[", "\x1bO") or char.isdigit()):
                self._escape = ""
        elif char == "\x1b":
            self._escape = char
        elif char in "\r\n":
            self._put("\n")
            line, self._line = self._line, ""
            if line.strip() and (not self._past or self._past[-1] != line):
                self._past.append(line)
            self._at = len(self._past)
            self._put(self.monitor.execute(line))
            if not self.monitor.machine.quitting:
                self._put(PROMPT)
        elif char in "\b\x7f":
            if self._line:
                self._line = self._line[:-1]
                self._put("\b \b")
        elif char == "\x15":
            self._put("\b \b" * len(self._line))
            self._line = ""
        elif char == "\t":
            self._complete()
        elif char == "\x10":
            self._recall(-1)
        elif char == "\x0e":
            self._recall(1)
        elif char >= " ":
            self._line += char
            self._put(char)

    def _recall(self, step: int) -> None:
        at = self._at + step
        if 0 <= at <= len(self._past):
            self._at = at
            self._put("\b \b" * len(self._line))
            self._line = self._past[at] if at < len(self._past) else ""
            self._put(self._line)

    def _complete(self) -> None:
        words = self._line.split(" ")
        known: list[str] = []
        if len(words) == 1:
            known = list(TABLE)
        elif len(words) == 2 and words[0] in ("info", "help"):
            known = list(info.ITEMS if words[0] == "info" else TABLE)
        elif len(words) == 2 and words[0] in ("eject", "change"):
            known = list(self.monitor.machine.drives)
        found = sorted(name for name in known if name.startswith(words[-1]))
        if len(found) == 1:
            more = found[0][len(words[-1]):] + " "
            self._line += more
            self._put(more)
        elif found:
            self._put("\n" + "  ".join(found) + "\n" + PROMPT + self._line)


@command("human-monitor-command")
def human_monitor_command(machine: Machine, args: Json) -> str:
    line, cpu = check(args, **{"command-line": str}, **{"cpu-index": (int, 0)})
    if cpu:
        raise QmpError("Parameter 'cpu-index' expects a CPU number")
    return Monitor(machine).execute(line).replace("\n", "\r\n")
