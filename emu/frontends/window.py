"""The window: the guest's screen, its keyboard and its mouse, by pygame.

The guest runs in a thread of its own, with the GIL released; this one looks at the screen 60 times a second, and draws only
what has changed.  Keys are taken by their place on the keyboard.  Ctrl+Alt and a letter are the window's own keys (HELP).
"""
from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from typing import Any

from ..errors import ConfigError, EmuError
from ..machine import Machine
from . import geometry
from .hidkeys import KEYS
from .sound import MixerSound

FRAME = 1 / 60
TITLE_EVERY = 0.5
MESSAGE_SECONDS = 3.0
MIN_SIZE = (160, 120)
HELP = (
    ("Ctrl+Alt+G", "release the mouse (a click takes it)"),
    ("Ctrl+Alt+F", "full screen and back"),
    ("Ctrl+Alt+P", "pause and go on"),
    ("Ctrl+Alt+R", "reset"),
    ("Ctrl+Alt+O", "power button"),
    ("Ctrl+Alt+Q", "quit"),
    ("Ctrl+Alt+D", "send Ctrl+Alt+Delete"),
    ("Ctrl+Alt+V", "type the clipboard's text"),
    ("Ctrl+Alt+S", "screenshot to a file"),
    ("Ctrl+Alt+A", "shape of a monitor, or square pixels"),
    ("Ctrl+Alt+U", "window back to the guest's size"),
    ("Ctrl+Alt+ + -", "larger, smaller"),
    ("Ctrl+Alt+H", "this help"),
)
BUTTONS = {1: "left", 2: "middle", 3: "right", 6: "side", 7: "extra"}      # pygame counts the wheel as 4 and 5
BACK, INK, SHADE = (0, 0, 0), (240, 240, 240), (24, 24, 32)


def why_not() -> str:
    """Why no window can be opened here; "" if one can."""
    if sys.platform not in ("win32", "darwin") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
                                                        or os.environ.get("SDL_VIDEODRIVER")):
        return "there is no screen here (DISPLAY is not set)"
    try:
        load_pygame()
    except ConfigError as error:
        return error.message
    return ""


def load_pygame() -> Any:
    """The package; ConfigError if it is not installed."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        return import_module("pygame")
    except ImportError:
        raise ConfigError("a window needs pygame: pip install 'emu[window]'") from None


class Window:
    """One machine's window."""

    def __init__(self, machine: Machine, *, full_screen: bool = False, sound: bool = False, prog: str = "emu") -> None:
        self.machine = machine
        self.prog = prog
        self.full_screen = full_screen
        self.correct = True             # show old modes in the shape a monitor did
        self.grabbed = False
        self.help = False
        self.frames = 0                 # drawn
        self._pg: Any = load_pygame()
        pg = self._pg
        try:
            pg.display.init()
            pg.font.init()
            self._generation = -1
            self._size = (720, 400)
            self._picture: Any = None   # the guest's, unscaled
            self._resized = False       # by the person: the guest's modes do not change the window any more
            self._open(geometry.natural_size(*self._size))
        except pg.error as error:
            raise ConfigError(f"no window can be opened here: {error}; -display none or curses goes without one") from None
        self._font = pg.font.Font(None, 22)
        self._message, self._message_end = "", 0.0
        self._title, self._title_at = "", 0.0
        self._measured = (time.monotonic(), machine.icount, machine.now_ns)
        self._speed = ""
        self._down: set[int] = set()    # set-1 codes held for the guest
        self._wheel = 0.0
        self._sound = MixerSound(machine) if sound else None
        self._host_keys: dict[int, Callable[[], None]] = {
            pg.KSCAN_G: self._toggle_grab, pg.KSCAN_F: self._toggle_full_screen, pg.KSCAN_P: self._toggle_pause,
            pg.KSCAN_R: self._reset, pg.KSCAN_O: self._power, pg.KSCAN_Q: machine.quit, pg.KSCAN_D: self._ctrl_alt_delete,
            pg.KSCAN_V: self._paste, pg.KSCAN_S: self._screenshot, pg.KSCAN_A: self._toggle_shape, pg.KSCAN_U: self._own_size,
            pg.KSCAN_EQUALS: lambda: self._grow(1.25), pg.KSCAN_KP_PLUS: lambda: self._grow(1.25),
            pg.KSCAN_MINUS: lambda: self._grow(0.8), pg.KSCAN_KP_MINUS: lambda: self._grow(0.8), pg.KSCAN_H: self._toggle_help,
        }

    # ---- the loop -----------------------------------------------------------------------------------------------
    def loop(self, alive: Callable[[], bool]) -> None:
        """Show the machine as long as `alive`."""
        pg = self._pg
        due = time.monotonic()
        try:
            while alive():
                left = due - time.monotonic()
                event = pg.event.wait(max(1, int(left * 1000))) if left > 0 else pg.event.poll()
                while event.type != pg.NOEVENT:
                    self._event(event)
                    event = pg.event.poll()
                if time.monotonic() >= due:
                    self.refresh()
                    due = max(due + FRAME, time.monotonic())
        finally:
            self.close()

    def close(self) -> None:
        """Close the window."""
        if self._sound is not None:
            self._sound.close()
            self._sound = None
        self._pg.display.quit()

    def refresh(self) -> None:
        """Take over what has changed on the guest's screen; title and sound."""
        found = self.machine.screen.frame(self._generation)
        if found is not None:
            self._generation, image = found
            height, width = image.shape[:2]
            self._picture = self._pg.image.frombuffer(image.tobytes(), (width, height), "RGB")
            if (width, height) != self._size:
                self._size = width, height
                if not self._resized and not self.full_screen:
                    self._open(geometry.natural_size(width, height, self.correct))
            self._draw()
        elif self._message and time.monotonic() >= self._message_end:
            self._message = ""
            self._draw()
        if self._sound is not None:
            self._sound.pump()
        self._set_title()

    # ---- drawing ------------------------------------------------------------------------------------------------
    def _open(self, size: tuple[int, int]) -> None:
        pg = self._pg
        if self.full_screen:
            self._surface = pg.display.set_mode((0, 0), pg.FULLSCREEN)
        else:
            self._surface = pg.display.set_mode(size, pg.RESIZABLE)

    def _draw(self) -> None:
        pg = self._pg
        self._surface = pg.display.get_surface()
        room = self._surface.get_size()
        self._surface.fill(BACK)
        if self._picture is not None:
            x, y, w, h = geometry.place(*self._size, room, self.correct)
            self._surface.blit(self._scale(w, h), (x, y))
        lines = [self._message] if self._message else []
        if self.machine.paused and not self.help:
            lines.append("paused: Ctrl+Alt+P goes on")
        ended = self.machine.ended
        if ended is not None:
            lines.append(f"the guest {ended.words}: Ctrl+Alt+R resets, Ctrl+Alt+Q quits")
        if self.help:
            lines += [f"{key:<14}  {text}" for key, text in HELP]
        self._box(lines, centre=self.help)
        pg.display.flip()
        self.frames += 1

    def _scale(self, w: int, h: int) -> Any:
        """The picture at a size: pixels stay squares where they can, else their edges are blended."""
        transform = self._pg.transform
        width, height = self._size
        if (w, h) == (width, height):
            return self._picture
        if w % width == 0 and h % height == 0:
            return transform.scale(self._picture, (w, h))
        if w < width or h < height:
            return transform.smoothscale(self._picture, (w, h))
        larger = transform.scale(self._picture, (width * -(-w // width), height * -(-h // height)))
        return transform.smoothscale(larger, (w, h))

    def _box(self, lines: list[str], centre: bool) -> None:
        if not lines:
            return
        pictures = []
        for line in lines:
            key, gap, words = line.partition("  ")
            pictures.append((self._font.render(key, True, INK), self._font.render(words.strip(), True, INK) if gap else None))
        column = max((key.get_width() for key, text in pictures if text is not None), default=0) + 16
        width = max(column + text.get_width() if text is not None else key.get_width() for key, text in pictures) + 24
        step = self._font.get_linesize() + 2
        height = step * len(pictures) + 16
        room = self._surface.get_size()
        x, y = ((room[0] - width) // 2, (room[1] - height) // 2) if centre else (8, room[1] - height - 8)
        box = self._pg.Surface((width, height))
        box.fill(SHADE)
        box.set_alpha(225)
        self._surface.blit(box, (x, y))
        for k, (key, text) in enumerate(pictures):
            self._surface.blit(key, (x + 12, y + 8 + k * step))
            if text is not None:
                self._surface.blit(text, (x + 12 + column, y + 8 + k * step))

    def say(self, text: str) -> None:
        """Show a line for a few seconds."""
        self._message, self._message_end = text, time.monotonic() + MESSAGE_SECONDS
        self._draw()

    def _set_title(self) -> None:
        now = time.monotonic()
        if now - self._title_at < TITLE_EVERY:
            return
        self._title_at = now
        before, icount, virtual = self._measured
        if now - before >= 2 * TITLE_EVERY:
            wall = now - before
            machine = self.machine
            mips = (machine.icount - icount) / wall / 1e6
            pace = (machine.now_ns - virtual) / wall / 1e7
            self._speed = f"{mips:.0f} MIPS, {pace:.0f} %"
            self._measured = now, machine.icount, machine.now_ns
        status = self.machine.status
        state = self._speed if status == "running" else self.machine.ended.words if self.machine.ended else status
        hint = "Ctrl+Alt+G releases the mouse" if self.grabbed else "Ctrl+Alt+H helps"
        title = f"{self.machine.config.name} [{state}] {hint}"
        if title != self._title:
            self._title = title
            self._pg.display.set_caption(title)

    # ---- events -------------------------------------------------------------------------------------------------
    def _event(self, event: Any) -> None:
        pg = self._pg
        kind = event.type
        if kind == pg.QUIT:
            self.machine.quit()
        elif kind == pg.KEYDOWN:
            self._key_down(event)
        elif kind == pg.KEYUP:
            self._key_up(event.scancode)
        elif kind == pg.MOUSEMOTION and self.grabbed:
            self.machine.mouse.move(*event.rel)
        elif kind in (pg.MOUSEBUTTONDOWN, pg.MOUSEBUTTONUP):
            self._button(event.button, kind == pg.MOUSEBUTTONDOWN)
        elif kind == pg.MOUSEWHEEL and self.grabbed:
            self._wheel -= getattr(event, "precise_y", float(event.y))
            clicks = int(self._wheel)
            if clicks:
                self._wheel -= clicks
                self.machine.mouse.wheel(clicks)
        elif kind == pg.VIDEORESIZE:
            if not self.full_screen and (event.w, event.h) != geometry.natural_size(*self._size, self.correct):
                self._resized = True
            self._draw()
        elif kind == pg.WINDOWFOCUSLOST:
            self._let_go()
        elif kind in (pg.WINDOWEXPOSED, pg.WINDOWRESTORED):
            self._draw()

    def _key_down(self, event: Any) -> None:
        pg = self._pg
        if event.mod & pg.KMOD_CTRL and event.mod & pg.KMOD_LALT and event.scancode in self._host_keys:
            self._release_keys()
            try:
                self._host_keys[event.scancode]()
            except EmuError as error:
                self.say(error.message)
            return
        if self.help:
            self._toggle_help()
            return
        code = KEYS.get(event.scancode)
        if code is not None:
            self._down.add(code)
            self.machine.keyboard.down(code)

    def _key_up(self, scancode: int) -> None:
        code = KEYS.get(scancode)
        if code in self._down:
            self._down.discard(code)
            self.machine.keyboard.up(code)

    def _release_keys(self) -> None:
        for code in sorted(self._down):
            self.machine.keyboard.up(code)
        self._down.clear()

    def _let_go(self) -> None:
        """The window is not in front any more."""
        self._release_keys()
        if self.grabbed:
            self._toggle_grab()

    def _button(self, number: int, down: bool) -> None:
        if not self.grabbed:
            if down and number == 1 and self.machine.mouse.reporting:
                self._toggle_grab()
            return
        name = BUTTONS.get(number)
        if name is not None:
            (self.machine.mouse.press if down else self.machine.mouse.release)(name)

    # ---- the window's own keys ----------------------------------------------------------------------------------
    def _toggle_grab(self) -> None:
        pg = self._pg
        self.grabbed = not self.grabbed
        pg.mouse.set_visible(not self.grabbed)
        pg.event.set_grab(self.grabbed)         # hidden and grabbed: SDL reports motion without end
        if hasattr(pg.event, "set_keyboard_grab"):
            pg.event.set_keyboard_grab(self.grabbed)
        if not self.grabbed:
            for name in sorted(self.machine.mouse.buttons):
                self.machine.mouse.release(name)
        self._title_at = 0.0

    def _toggle_full_screen(self) -> None:
        self.full_screen = not self.full_screen
        self._open(geometry.natural_size(*self._size, self.correct))
        self._draw()

    def _toggle_pause(self) -> None:
        if self.machine.paused:
            self.machine.resume()
        elif self.machine.ended is None:
            self.machine.pause()
        self._title_at = 0.0
        self._draw()

    def _reset(self) -> None:
        self.machine.reset()
        if self.machine.paused:
            self.machine.resume()
        self.say("reset")

    def _power(self) -> None:
        self.machine.powerdown()
        self.say("power button pressed")

    def _ctrl_alt_delete(self) -> None:
        self.machine.keyboard.press("ctrl-alt-delete", hold=0.1)

    def _paste(self) -> None:
        pg = self._pg
        pg.scrap.init()
        text = str(pg.scrap.get_text() or "").replace("\r\n", "\n").rstrip("\0")
        if not text:
            self.say("the clipboard has no text")
            return
        left_out = self.machine.keyboard.paste(text)
        if left_out:
            self.say(f"{left_out} characters of the clipboard are on no key of a {self.machine.config.keyboard} keyboard")

    def _screenshot(self) -> None:
        path = f"{self.machine.config.name}-{datetime.now():%Y%m%d-%H%M%S}.png"
        self.machine.screen.save(path)
        self.say(f"saved {path}")

    def _toggle_shape(self) -> None:
        self.correct = not self.correct
        self._own_size()

    def _own_size(self) -> None:
        self._resized = False
        self._open(geometry.natural_size(*self._size, self.correct))
        self._draw()

    def _grow(self, factor: float) -> None:
        if self.full_screen:
            return
        self._resized = True
        width, height = (max(least, round(have * factor)) for least, have in zip(MIN_SIZE, self._surface.get_size(), strict=True))
        self._open((width, height))
        self._draw()

    def _toggle_help(self) -> None:
        self.help = not self.help
        self._draw()
