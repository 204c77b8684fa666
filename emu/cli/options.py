"""The options of `emu run`, `emu-system-i386` and `emu-system-x86_64`, in QEMU's spelling: one method each.

What is accepted works or changes nothing for the guest; what is not known, or known and not here, fails with a
word of advice.  Spec: QEMU's invocation page (qemu-system-x86_64(1)).
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import cpu
from ..config import VGA_CARDS, DebugExitConfig, LoaderConfig, MachineConfig, SerialConfig
from ..errors import ConfigError, suggest
from ..images.disk import Disk
from ..trace import ITEMS, parse_items
from .netdevs import Network

Handler = Callable[["Options", str], None]
NONE = SerialConfig("null")


class Leave(Exception):
    """An option that prints something and ends the program (-version, -h, -cpu help)."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option: `value` is the placeholder of its argument, "" if it has none; `section` groups the help."""

    name: str
    value: str
    text: str
    section: str
    run: Handler
    ours: bool = False      # not an option of QEMU


TABLE: dict[str, Option] = {}
SECTIONS = ("Machine", "Boot", "Serial ports and display", "Control and time", "Debugging", "Accepted for QEMU's sake")
ALIASES = {"M": "machine", "h": "help", "?": "help"}
LATER = {
    **dict.fromkeys(("blockdev",), "-drive file=FILE,if=none,id=ID says the same here"),
    **dict.fromkeys(("gdb", "s"), "the gdb server is not here yet; -d int,in_asm,exec logs what the guest does"),
    **dict.fromkeys(("vnc", "spice"), "this display is not here yet; use -display pygame, curses or none"),
    **dict.fromkeys(("loadvm", "savevm", "incoming"), "snapshots are not here yet"),
    **dict.fromkeys(("usb", "usbdevice", "soundhw", "audio"), "this PC has no USB, and of sound only its speaker (-audiodev)"),
    **dict.fromkeys(("daemonize",), "run it in the background with your shell"),
}


# further devices of -device, by name: what to do with the text behind the name
DEVICES: dict[str, Callable[[Options, str], None]] = {}
# called before the machine is built, to put together what several options said
FINISH: list[Callable[[Options], None]] = []


@dataclass(slots=True)
class Options:
    """What a command line asks for; `machine` are keyword arguments of MachineConfig."""

    prog: str = "emu run"
    machine: dict[str, Any] = field(default_factory=dict)
    serials: list[SerialConfig] = field(default_factory=list)
    chardevs: dict[str, SerialConfig] = field(default_factory=dict)
    loaders: list[LoaderConfig] = field(default_factory=list)
    qmp: list[tuple[str, bool]] = field(default_factory=list)       # path or "stdio", wait for the client
    nographic: bool = False
    display: str = ""           # pygame, curses, none; "": whatever is possible
    full_screen: bool = False
    serial_here: bool = False   # no display: the first serial port takes the terminal
    monitors: list[SerialConfig] = field(default_factory=list)
    wav: str = ""
    sound: bool = False
    nodefaults: bool = False
    no_shutdown: bool = False
    paused: bool = False
    log_items: frozenset[str] = frozenset()
    log_file: str = ""
    pidfile: str = ""
    show_hash: bool = False
    show_counters: bool = False
    timeout: float | None = None
    notes: list[str] = field(default_factory=list)
    network: Network = field(default_factory=Network)
    drives: list[Disk] = field(default_factory=list)
    wired: list[dict[str, str]] = field(default_factory=list)       # -device ide-hd, ide-cd, floppy
    only32: bool = False        # emu-system-i386: processors without long mode

    def config(self) -> MachineConfig:
        """The machine; fills in the serial port that -nographic implies."""
        for finish in FINISH:
            finish(self)
        serials = list(self.serials)
        taken = any(c.kind in ("stdio", "mon:stdio") for c in self.monitors) or any(where == "stdio" for where, _ in self.qmp)
        if not serials and not self.nodefaults and (self.nographic or self.serial_here and not taken):
            serials = [SerialConfig("mon:stdio")]
        elif not serials and self.display != "none":
            serials = [SerialConfig("buffer")]
        users = [s for s in (*serials, self.machine.get("debugcon"), *self.monitors)
                 if s is not None and s.kind in ("stdio", "mon:stdio")]
        if len(users) + sum(where == "stdio" for where, _ in self.qmp) + (self.display == "curses") > 1:
            raise ConfigError("standard input and output can be used once only (-serial, -debugcon, -monitor, -qmp, -nographic, "
                              "-display curses)")
        from .drive_options import connected
        drives = {"disks": connected(self), "default_drives": not self.nodefaults}
        return MachineConfig.from_options({**self.machine, **drives,
                                           "serials": tuple(serials) or (NONE,), "loaders": tuple(self.loaders)})


def option(name: str, value: str, text: str, section: int, ours: bool = False) -> Callable[[Handler], Handler]:
    """Register the function below as the option `name`."""
    def register(run: Handler) -> Handler:
        TABLE[name] = Option(name, value, text, SECTIONS[section], run, ours)
        return run
    return register


def split_commas(text: str) -> list[str]:
    """Parts of "a,b,c"; ",," is a comma inside a part."""
    return [part.replace("\0", ",") for part in text.replace(",,", "\0").split(",")]


def keyvals(text: str, first: str, known: Sequence[str], what: str) -> dict[str, str]:
    """"a,b=c" as a dict; the first part may leave its name out, a bare name means on."""
    out: dict[str, str] = {}
    for k, part in enumerate(split_commas(text)):
        if "=" in part:
            key, _, value = part.partition("=")
        elif k == 0 and first:
            key, value = first, part
        else:
            key, value = (part[2:], "off") if part.startswith("no") and part[2:] in known else (part, "on")
        if key not in known:
            raise ConfigError(f"{what}: unknown parameter {key!r}" + suggest(key, known))
        out[key] = value
    return out


def on_off(value: str, what: str) -> bool:
    """on/off, yes/no, true/false."""
    if value.lower() in ("on", "yes", "true", "y"):
        return True
    if value.lower() in ("off", "no", "false", "n"):
        return False
    raise ConfigError(f"{what}: {value!r} is neither on nor off")


def number(value: str, what: str) -> int:
    """A decimal, hexadecimal or octal number."""
    try:
        return int(value, 0)
    except ValueError:
        raise ConfigError(f"{what}: {value!r} is not a number") from None


def seconds(value: str, what: str) -> float:
    """A positive number of seconds."""
    try:
        out = float(value)
    except ValueError:
        out = -1.0
    if not 0 < out < 1e9:
        raise ConfigError(f"{what}: {value!r} is not a number of seconds")
    return out


def chardev(text: str, options: Options, what: str) -> SerialConfig | None:
    """stdio, mon:stdio, file:P, pty, unix:P[,server=on][,wait=off], null, chardev:ID; None for "none"."""
    head, _, rest = text.partition(":")
    if text in ("stdio", "mon:stdio", "pty", "null"):
        return SerialConfig(text)
    if text == "none":
        return None
    if head == "chardev":
        if rest not in options.chardevs:
            raise ConfigError(f"{what}: no -chardev with id={rest}" + suggest(rest, options.chardevs))
        return options.chardevs[rest]
    if head == "file" and rest:
        return SerialConfig("file", rest.replace(",,", ","))
    if head == "unix" and rest:
        args = keyvals(rest, "path", ("path", "server", "wait"), f"{what} unix:")
        server = on_off(args.get("server", "off"), what)
        return SerialConfig("unix", args["path"], server=server, wait=server and on_off(args.get("wait", "on"), what))
    if head == "mon":
        return chardev(rest, options, what)
    if head in ("tcp", "udp", "telnet", "vc", "pipe", "tty"):
        raise ConfigError(f"{what}: backend {head!r} is not here; use stdio, mon:stdio, file:PATH, pty, unix:PATH or null")
    known = ("stdio", "mon:stdio", "file", "pty", "unix", "null", "none", "chardev")
    if head in ("file", "unix"):
        raise ConfigError(f"{what}: {head} needs a path: {head}:PATH")
    raise ConfigError(f"{what}: unknown backend {text!r}" + suggest(head, known))


# ---- machine ----------------------------------------------------------------------------------------------------
@option("m", "SIZE", "memory: 256 (MiB), 256M, 1G (default 128M)", 0)
def _m(o: Options, value: str) -> None:
    args = keyvals(value, "size", ("size", "slots", "maxmem"), "-m")
    if "slots" in args or "maxmem" in args:
        raise ConfigError("-m: memory cannot be plugged in later (slots, maxmem)")
    o.machine["memory"] = args["size"]


@option("cpu", "MODEL[,+x][,-y]", "processor and its features; -cpu help lists them (default max)", 0)
def _cpu(o: Options, value: str) -> None:
    if value in ("help", "?"):
        raise Leave(cpu.help_text())
    if o.only32 and "lm" in cpu.parse_cpu(value).features:
        value += ",-lm"
    o.machine["cpu"] = value


@option("no-hpet", "", "no HPET (emu run: the default; -machine hpet=on)", 0)
def _no_hpet(o: Options, value: str) -> None:
    o.machine["hpet"] = False


@option("smp", "N", "processors: 1", 0)
def _smp(o: Options, value: str) -> None:
    args = keyvals(value, "cpus", ("cpus", "cores", "threads", "sockets", "maxcpus", "dies"), "-smp")
    if any(number(v, "-smp") != 1 for v in args.values()):
        raise ConfigError("-smp: this PC has one processor")


@option("machine", "pc[,accel=A]", "machine type: pc (440FX, PIIX3)", 0)
def _machine(o: Options, value: str) -> None:
    known = ("type", "accel", "acpi", "hpet", "usb", "graphics", "vmport", "smm", "kernel-irqchip", "mem-merge",
             "dump-guest-core", "kernel_irqchip", "kernel", "initrd", "append", "pcspk-audiodev")
    if value in ("help", "?"):
        raise Leave("Machine types:\n  pc    440FX host bridge, PIIX3 ISA bridge, PIIX4 power management (default)")
    args = keyvals(value, "type", known, "-machine")
    kind = args.get("type", "pc")
    if kind not in ("pc", "pc-i440fx") and not kind.startswith("pc-i440fx-"):
        raise ConfigError(f"-machine: unknown type {kind!r}" + suggest(kind, ("pc", "pc-i440fx")))
    if "accel" in args:
        for name in args["accel"].split(":"):
            _accel(o, name)
    if "hpet" in args:
        o.machine["hpet"] = on_off(args["hpet"], "-machine hpet")
    for name in ("usb", "acpi"):
        if name in args and on_off(args[name], f"-machine {name}") != (name == "acpi"):
            raise ConfigError(f"-machine: {name}={args[name]} is not possible here")
    for name in ("kernel", "initrd", "append"):
        if name in args:
            o.machine[name] = args[name]


@option("accel", "interp[,mmu=M]", "engine: interp; mmu=tlb or shadow (shadow page tables); tcg means interp", 0)
def _accel(o: Options, value: str) -> None:
    known = ("interp", "tcg", "kvm", "hvf", "whpx", "xen", "nvmm", "hax")
    if value in ("help", "?"):
        raise Leave("Engines:\n  interp    interpreter over cached blocks (default; tcg is another word for it)\n"
                    "            mmu=tlb (default) or mmu=shadow")
    args = keyvals(value, "accel", ("accel", "mmu", "thread", "tb-size", "split-wx", "one-insn-per-tb"), "-accel")
    name = args.get("accel", "interp")
    if name not in known:
        raise ConfigError(f"-accel: unknown engine {name!r}" + suggest(name, known))
    if name not in ("interp", "tcg"):
        o.notes.append(f"{name} is not used: the interpreter runs the guest, on any host and with the same result")
    if "mmu" in args:
        o.machine["mmu"] = args["mmu"]


@option("enable-kvm", "", "as -accel kvm", 5)
def _kvm(o: Options, value: str) -> None:
    _accel(o, "kvm")


@option("device", "NAME[,..]", "isa-debug-exit,iobase=,iosize=; isa-debugcon,iobase=,chardev=; loader,file=,addr=,cpu-num=0", 0)
def _device(o: Options, value: str) -> None:
    name, _, rest = value.partition(",")
    rest = "," + rest if rest else ""
    known = ("isa-debug-exit", "isa-debugcon", "loader")
    if name == "isa-debug-exit":
        args = keyvals(rest[1:], "", ("iobase", "iosize", "id"), f"-device {name}") if rest else {}
        o.machine["debug_exit"] = DebugExitConfig(number(args.get("iobase", "0x501"), "iobase"),
                                                  number(args.get("iosize", "2"), "iosize"))
    elif name == "isa-debugcon":
        args = keyvals(rest[1:], "", ("iobase", "chardev", "id"), f"-device {name}") if rest else {}
        if "iobase" in args:
            o.machine["debugcon_port"] = number(args["iobase"], "iobase")
        o.machine["debugcon"] = chardev("chardev:" + args.get("chardev", ""), o, "-device isa-debugcon")
    elif name == "loader":
        args = keyvals(rest[1:], "", ("file", "addr", "cpu-num", "force-raw", "id"), "-device loader") if rest else {}
        if "file" not in args or "addr" not in args:
            raise ConfigError("-device loader needs file= and addr=")
        if args.get("cpu-num", "0") != "0":
            raise ConfigError("-device loader: the processor is cpu-num=0")
        o.loaders.append(LoaderConfig(Path(args["file"]), number(args["addr"], "addr"), start="cpu-num" in args))
    elif name in ("help", "?"):
        raise Leave("Devices that can be added:\n  " + "\n  ".join((*known, *DEVICES)))
    elif name in DEVICES:
        DEVICES[name](o, rest[1:])
    else:
        raise ConfigError(f"-device: unknown device {name!r}" + suggest(name, (*known, *DEVICES)))


@option("rtc", "base=DATE", "clock chip at start: utc, localtime (now) or a date (default 2026-01-01: every run alike)", 3)
def _rtc(o: Options, value: str) -> None:
    args = keyvals(value, "base", ("base", "clock", "driftfix"), "-rtc")
    if "base" in args:
        o.machine["rtc_base"] = args["base"]
    if args.get("clock", "vm") not in ("vm", "rt", "host"):
        raise ConfigError(f"-rtc: unknown clock {args['clock']!r}; known: host, rt, vm")
    if args.get("clock") == "host":
        o.machine["clock"] = "host"


@option("clock", "virtual|host", "time is the instruction count (default), or follows this computer's clock", 3, ours=True)
def _clock(o: Options, value: str) -> None:
    o.machine["clock"] = value


@option("icount", "shift=N,rr=record|replay,rrfile=FILE",
        "one instruction takes 2^N ns (default 0); write what comes in from outside to FILE, or have that run again", 3)
def _icount(o: Options, value: str) -> None:
    args = keyvals(value, "shift", ("shift", "align", "sleep", "rr", "rrfile"), "-icount")
    if "rr" in args or "rrfile" in args:
        if args.get("rr") not in ("record", "replay") or "rrfile" not in args:
            raise ConfigError("-icount: rr=record,rrfile=FILE records a run, rr=replay,rrfile=FILE repeats it")
        o.machine[args["rr"]] = args["rrfile"]
    if args.get("shift", "auto") != "auto":
        o.machine["icount_shift"] = number(args["shift"], "-icount shift")


# ---- boot -------------------------------------------------------------------------------------------------------
@option("kernel", "FILE", "Linux bzImage, Multiboot 1 or ELF32 kernel (found out in that order)", 1)
def _kernel(o: Options, value: str) -> None:
    o.machine["kernel"] = value


@option("initrd", "FILE", "initial RAM disk; with Multiboot: \"module arguments,module arguments\"", 1)
def _initrd(o: Options, value: str) -> None:
    o.machine["initrd"] = value


@option("append", "TEXT", "kernel command line", 1)
def _append(o: Options, value: str) -> None:
    o.machine["append"] = value


@option("raw", "ADDR", "the kernel is a flat binary: load it at ADDR and start it (below 1 MiB in real mode)", 1, ours=True)
def _raw(o: Options, value: str) -> None:
    o.machine["raw_addr"] = number(value, "--raw")


@option("bios", "FILE", "firmware, mapped to end at 1 MiB and at 4 GiB; the processor starts in it", 1)
def _bios(o: Options, value: str) -> None:
    o.machine["firmware"] = value


@option("option-rom", "FILE", "an option ROM for the firmware to start; may be repeated", 1)
def _option_rom(o: Options, value: str) -> None:
    path, _, rest = value.partition(",")
    if rest and not rest.startswith("bootindex="):
        raise ConfigError(f"-option-rom: {rest!r} is not understood; -option-rom FILE")
    o.machine["option_roms"] = (*o.machine.get("option_roms", ()), path)


@option("no-reboot", "", "a reset by the guest ends the program", 1)
def _no_reboot(o: Options, value: str) -> None:
    o.machine["no_reboot"] = True


@option("no-shutdown", "", "a power-off by the guest does not end the program (QMP goes on)", 1)
def _no_shutdown(o: Options, value: str) -> None:
    o.no_shutdown = True


@option("S", "", "do not start before QMP says cont", 1)
def _paused(o: Options, value: str) -> None:
    o.paused = True


# ---- serial ports and display -----------------------------------------------------------------------------------
@option("nographic", "", "no window; the first serial port is this terminal (Ctrl-A X leaves, Ctrl-A H helps)", 2)
def _nographic(o: Options, value: str) -> None:
    o.nographic = True


@option("serial", "DEV", "next serial port: stdio, mon:stdio, file:P, pty, unix:P[,server=on,wait=off], null, none", 2)
def _serial(o: Options, value: str) -> None:
    o.serials.append(chardev(value, o, "-serial") or NONE)


@option("chardev", "KIND,id=ID", "a host end to be named by -serial chardev:ID: stdio, file, pty, socket, null", 2)
def _chardev(o: Options, value: str) -> None:
    kinds = {"stdio": "stdio", "file": "file", "pty": "pty", "socket": "unix", "null": "null"}
    known = ("backend", "id", "path", "server", "wait", "mux", "signal", "append")
    args = keyvals(value, "backend", known, "-chardev")
    kind = args.get("backend", "")
    if kind not in kinds:
        raise ConfigError(f"-chardev: unknown backend {kind!r}" + suggest(kind, kinds))
    if not args.get("id"):
        raise ConfigError("-chardev needs id=")
    server = on_off(args.get("server", "off"), "-chardev server")
    mux = kind == "stdio" and on_off(args.get("mux", "off"), "-chardev mux")
    wait = server and on_off(args.get("wait", "on"), "-chardev wait")
    append = on_off(args.get("append", "off"), "-chardev append")
    o.chardevs[args["id"]] = SerialConfig("mon:stdio" if mux else kinds[kind], args.get("path", ""), server, wait, append)


@option("debugcon", "DEV", "where port 0xE9 writes to; as -serial", 2)
def _debugcon(o: Options, value: str) -> None:
    o.machine["debugcon"] = chardev(value, o, "-debugcon")


@option("global", "isa-debugcon.iobase=PORT", "the port of -debugcon: firmware (ours, SeaBIOS, OVMF) writes to 0x402", 2)
def _global(o: Options, value: str) -> None:
    name, _, port = value.partition("=")
    if name != "isa-debugcon.iobase":
        raise ConfigError(f"-global {name}: only isa-debugcon.iobase= can be set")
    o.machine["debugcon_port"] = number(port, "iobase")


def _only_none(name: str, text: str) -> None:
    def run(o: Options, value: str) -> None:
        if value.split(",")[0] not in ("none", "null"):
            raise ConfigError(f"-{name}: only \"none\" is possible: {text}")
    option(name, "none", text, 2)(run)


@option("vga", "std|none", "graphics card: VGA with VESA modes on PCI (default), or none; -vga help", 2)
def _vga(o: Options, value: str) -> None:
    if value in ("help", "?"):
        raise Leave("Graphics cards:\n  std     VGA with the Bochs VBE interface, on PCI (default)\n  none    no graphics card")
    if value in ("cirrus", "vmware", "qxl", "virtio", "xenfb", "tcx", "cg3"):
        raise ConfigError(f"-vga: {value!r} is not here; -vga std does VGA and VESA modes up to 16 MiB of video memory")
    if value not in VGA_CARDS:
        raise ConfigError(f"-vga: unknown graphics card {value!r}" + suggest(value, VGA_CARDS))
    o.machine["vga"] = value


def _vga_device(o: Options, text: str) -> None:
    args = keyvals(text, "", ("vgamem_mb", "romfile", "id", "addr", "edid", "xres", "yres"), "-device VGA") if text else {}
    if args.get("addr", "2") not in ("2", "02", "0x2", "02.0"):
        raise ConfigError("-device VGA: its place is addr=2")
    o.machine["vga"] = "std"
    if "vgamem_mb" in args:
        o.machine["vga_mib"] = number(args["vgamem_mb"], "-device VGA vgamem_mb")
    if args.get("romfile"):
        o.machine["vga_rom"] = args["romfile"]


DEVICES["VGA"] = _vga_device
_only_none("parallel", "there is no parallel port")


# ---- control ----------------------------------------------------------------------------------------------------
@option("qmp", "unix:P,server=on,wait=off", "QMP server on a unix socket, or stdio", 3)
def _qmp(o: Options, value: str) -> None:
    if value == "stdio":
        o.qmp.append(("stdio", False))
        return
    cfg = chardev(value, o, "-qmp")
    if cfg is None:
        return
    if cfg.kind != "unix" or not cfg.server:
        raise ConfigError("-qmp: use unix:PATH,server=on,wait=off or stdio")
    o.qmp.append((cfg.path, cfg.wait))


@option("timeout", "SECONDS", "give up after so many virtual seconds", 3, ours=True)
def _timeout(o: Options, value: str) -> None:
    o.timeout = seconds(value, "--timeout")


@option("hash", "", "print the run hash at the end (processor, memory, devices: equal for equal runs)", 4, ours=True)
def _hash(o: Options, value: str) -> None:
    o.show_hash = True


@option("counters", "", "print the counters of processor and MMU at the end", 4, ours=True)
def _counters(o: Options, value: str) -> None:
    o.show_counters = True


@option("d", "ITEMS", "log to stderr or -D FILE: " + ",".join(ITEMS), 4)
def _d(o: Options, value: str) -> None:
    if value in ("help", "?"):
        raise Leave("Log items (-d):\n" + "\n".join(f"  {name:<14}{text}" for name, text in ITEMS.items()))
    o.log_items |= parse_items(value)


@option("D", "FILE", "where -d writes to", 4)
def _log_file(o: Options, value: str) -> None:
    o.log_file = value


@option("name", "NAME", "a name for the machine", 3)
def _name(o: Options, value: str) -> None:
    o.machine["name"] = keyvals(value, "guest", ("guest", "process", "debug-threads"), "-name").get("guest", "emu")


@option("pidfile", "FILE", "write our process id to FILE", 3)
def _pidfile(o: Options, value: str) -> None:
    o.pidfile = value


@option("version", "", "print the version", 5)
def _version(o: Options, value: str) -> None:
    from .. import __version__
    raise Leave(f"emu {__version__}: an x86 PC emulator with QEMU's command line")


@option("help", "", "this text", 5)
def _help(o: Options, value: str) -> None:
    from .help import run_help
    raise Leave(run_help(o.prog))


def _ignored(name: str, value: str, text: str) -> None:
    def run(o: Options, value: str) -> None:
        pass
    option(name, value, text, 5)(run)


@option("nodefaults", "", "no serial port unless -serial asks for one", 5)
def _nodefaults(o: Options, value: str) -> None:
    o.nodefaults = True


_ignored("no-user-config", "", "there are no configuration files")
_ignored("no-fd-bootchk", "", "any floppy is booted")
_ignored("msg", "timestamp=on", "messages carry no time")


def parse(argv: Sequence[str], options: Options | None = None) -> Options:
    """Read a command line; ConfigError says what is wrong with it."""
    out = options or Options()
    words = list(argv)
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word == "-":
            words[:0] = ["-hda", word]
            continue
        name, has_value, value = word.lstrip("-").partition("=") if word.startswith("--") else (word[1:], "", "")
        name = ALIASES.get(name, name)
        item = TABLE.get(name)
        if item is None:
            if name in LATER:
                raise ConfigError(f"{word}: {LATER[name]}")
            near = suggest(name, TABLE)
            raise ConfigError(f"unknown option {word!r}" + near.replace("mean '", "mean '-") + f" ({out.prog} --help lists them)")
        if item.value and not has_value:
            if not words:
                raise ConfigError(f"{word} needs a value: -{item.name} {item.value}")
            value = words.pop(0)
        elif has_value and not item.value:
            raise ConfigError(f"{word}: -{item.name} takes no value")
        item.run(out, value)
    return out


# these register their options in TABLE
from . import display_options as display_options  # noqa: E402, I001
from . import drive_options as drive_options, firmware_options as firmware_options, netopts as netopts  # noqa: E402
