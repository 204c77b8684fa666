"""Options for what a person sees, hears and types at: -display, -full-screen, -k, -monitor, -mon, -audiodev, --wav, --sound."""
from __future__ import annotations

from ..config import SerialConfig
from ..errors import ConfigError, suggest
from ..layouts import LAYOUTS, NAMES
from . import options as base
from .options import Leave, Options, chardev, keyvals, on_off, option

DISPLAYS = {
    "pygame": "a window (needs pygame; sdl and gtk are other words for it)",
    "curses": "text modes in this terminal, for ssh",
    "none": "no display; the serial ports stay where -serial put them",
}
WINDOWS = ("pygame", "sdl", "gtk", "cocoa", "default")
SOUNDS = ("pygame", "sdl", "alsa", "pa", "pipewire", "jack", "oss", "coreaudio", "dsound")
# layouts QEMU has a table of
QEMU_LAYOUTS = """ar bepo cz da de de-ch en-gb en-us es et fi fo fr fr-be fr-ca fr-ch hr hu is it ja lt lv mk nl no pl pt pt-br ru
sl sv th tr""".split()


@option("display", "KIND", "pygame (a window: default where there is a screen), curses or none; -display help", 2)
def _display(o: Options, value: str) -> None:
    if value in ("help", "?"):
        raise Leave("Displays:\n" + "\n".join(f"  {name:<8}{text}" for name, text in DISPLAYS.items()))
    name, _, rest = value.partition(",")
    if name in ("vnc", "spice-app", "dbus", "egl-headless"):
        raise ConfigError(f"-display: {name!r} is not here; use -display pygame, curses or none")
    if name not in (*WINDOWS, *DISPLAYS, "nographic"):
        raise ConfigError(f"-display: unknown display {name!r}" + suggest(name, (*WINDOWS, *DISPLAYS)))
    known = ("full-screen", "window-close", "show-cursor", "grab-on-hover", "zoom-to-fit", "gl", "alt_grab", "ctrl_grab",
             "grab-mod", "show-tabs", "show-menubar", "charset")
    args = keyvals(rest, "", known, f"-display {name}") if rest else {}
    if "full-screen" in args:
        o.full_screen = on_off(args["full-screen"], "full-screen")
    o.display = "pygame" if name in WINDOWS else "none" if name == "nographic" else name


@option("full-screen", "", "start in full screen", 2)
def _full_screen(o: Options, value: str) -> None:
    o.full_screen = True


@option("sdl", "", "as -display pygame", 5)
def _sdl(o: Options, value: str) -> None:
    o.display = "pygame"


@option("curses", "", "as -display curses", 5)
def _curses(o: Options, value: str) -> None:
    o.display = "curses"


@option("k", "LAYOUT", "layout the guest is set to, for typing and pasting texts: " + ", ".join(LAYOUTS), 2)
def _k(o: Options, value: str) -> None:
    name = value.lower()
    if name in LAYOUTS or name in NAMES:
        o.machine["keyboard"] = name
    elif name in QEMU_LAYOUTS:
        o.notes.append(f"-k {value}: pasted texts are typed as on an en-us keyboard; keys themselves need no layout")
    else:
        raise ConfigError(f"-k: unknown layout {value!r}" + suggest(name, (*LAYOUTS, *QEMU_LAYOUTS)))


@option("monitor", "DEV", "human monitor on stdio, unix:PATH[,server=on,wait=off] or none; mon:stdio has it at Ctrl-A C", 3)
def _monitor(o: Options, value: str) -> None:
    if value.split(":")[0] in ("vc", "none", "null"):
        o.monitors.clear()
        return
    _add_monitor(o, chardev(value, o, "-monitor"), "-monitor")


def _add_monitor(o: Options, cfg: SerialConfig | None, what: str) -> None:
    if cfg is None or cfg.kind == "null":
        return
    if cfg.kind not in ("stdio", "mon:stdio", "unix"):
        raise ConfigError(f"{what}: the monitor can be on stdio or unix:PATH,server=on,wait=off")
    o.monitors.append(cfg)


@option("mon", "chardev=ID[,mode=M]", "a monitor on a -chardev: mode=readline (for people) or control (QMP)", 3)
def _mon(o: Options, value: str) -> None:
    args = keyvals(value, "chardev", ("chardev", "mode", "pretty", "id"), "-mon")
    cfg = chardev("chardev:" + args.get("chardev", ""), o, "-mon")
    mode = args.get("mode", "readline")
    if mode not in ("readline", "control"):
        raise ConfigError(f"-mon: unknown mode {mode!r}; known: control, readline")
    if mode == "readline":
        if cfg is not None and cfg.kind == "mon:stdio":
            return          # Ctrl-A C is there already
        _add_monitor(o, cfg, "-mon")
    elif cfg is not None and cfg.kind in ("stdio", "mon:stdio"):
        o.qmp.append(("stdio", False))
    elif cfg is not None and cfg.kind == "unix" and cfg.server:
        o.qmp.append((cfg.path, cfg.wait))
    else:
        raise ConfigError("-mon mode=control: the -chardev has to be stdio, or a socket with server=on")


@option("audiodev", "DRIVER,id=ID", "sound of the PC speaker: wav,path=FILE, pygame (audible), or none", 2)
def _audiodev(o: Options, value: str) -> None:
    args = keyvals(value, "driver", ("driver", "id", "path", "model", "timer-period", "in.mixing-engine", "out.mixing-engine",
                                     "out.frequency", "out.channels", "out.format", "out.buffer-length", "server"), "-audiodev")
    driver = args.get("driver", "")
    if driver == "wav":
        o.wav = args.get("path", "emu.wav")
    elif driver in SOUNDS:
        o.sound = True
    elif driver != "none":
        raise ConfigError(f"-audiodev: unknown driver {driver!r}" + suggest(driver, ("wav", "none", *SOUNDS)))


@option("wav", "FILE", "write what the PC speaker plays to a WAV file; as -audiodev wav,path=FILE", 2, ours=True)
def _wav(o: Options, value: str) -> None:
    o.wav = value


@option("sound", "", "let the PC speaker be heard (with a window; needs pygame)", 2, ours=True)
def _sound(o: Options, value: str) -> None:
    o.sound = True


def choose(o: Options) -> None:
    """Decide about the display, and where the first serial port goes; before the machine is built."""
    if o.nographic:
        o.display = "none"
    has_card = o.machine.get("vga", "std") != "none"
    if not o.display and not has_card:
        o.display = "none"
        o.notes.append("there is no graphics card (-vga none): the first serial port is on this terminal (as with -nographic)")
        o.serial_here = True
    elif not o.display:
        from ..frontends.window import why_not
        reason = why_not()
        o.display = "none" if reason else "pygame"
        if reason:
            o.notes.append(f"{reason}: the first serial port is on this terminal (as with -nographic; -display curses shows "
                           "text screens here)")
            o.serial_here = True
    elif o.display != "none" and not has_card:
        raise ConfigError(f"-display {o.display} has nothing to show: there is no graphics card (-vga none)")
    elif o.display == "pygame":
        from ..frontends.window import load_pygame
        load_pygame()
    if o.display != "none" and "clock" not in o.machine:
        o.machine["clock"] = "host"         # a person's time; --clock virtual keeps the guest's own
    if o.sound and o.display != "pygame":
        raise ConfigError("sound that is heard needs the window (-display pygame); --wav FILE writes it to a file")


base.FINISH.append(choose)
