"""The guest's text screen in a terminal, for those who are there by ssh: -display curses.

Escape followed at once by a character is Alt and that character, as terminals send it.  Ctrl-A is the escape as with
-nographic: Ctrl-A X leaves, Ctrl-A H helps.  A terminal sends characters, not keys: they are typed on the guest's keyboard
in the layout of -k, and keys are never held.
"""
from __future__ import annotations

import curses
import locale
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from ..errors import ConfigError
from ..machine import Machine
from ..screen import CP437

FRAME = 1 / 30
ESCAPE = 0x01
# the VGA's colours (blue is bit 0) to the terminal's (red is bit 0)
COLOURS = (0, 4, 2, 6, 1, 5, 3, 7)
KEYS = {
    "KEY_UP": "up", "KEY_DOWN": "down", "KEY_LEFT": "left", "KEY_RIGHT": "right", "KEY_HOME": "home", "KEY_END": "end",
    "KEY_NPAGE": "pgdn", "KEY_PPAGE": "pgup", "KEY_IC": "insert", "KEY_DC": "delete", "KEY_BACKSPACE": "backspace",
    "KEY_ENTER": "ret", "KEY_BTAB": "shift-tab", "KEY_SR": "shift-up", "KEY_SF": "shift-down", "KEY_SLEFT": "shift-left",
    "KEY_SRIGHT": "shift-right", "KEY_SHOME": "shift-home", "KEY_SEND": "shift-end", "KEY_SDC": "shift-delete",
    "KEY_B2": "kp_5", "KEY_PRINT": "print",
}
HELP = ("Ctrl-A X leaves   Ctrl-A P pauses   Ctrl-A R resets   Ctrl-A D sends Ctrl+Alt+Delete   Ctrl-A F 1..0 - = are F1..F12   "
        "Ctrl-A Ctrl-A sends Ctrl-A")
FUNCTION_ROW = "1234567890-="


class CursesDisplay:
    """The terminal as the guest's monitor and keyboard."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        if not (os.isatty(0) and os.isatty(1)):
            raise ConfigError("-display curses needs a terminal; -display none goes without")
        self._generation = -1
        self._prefix = ""               # "a": after Ctrl-A, "f": after Ctrl-A F
        self._message, self._message_end = "", 0.0
        self._pairs: dict[tuple[int, int], int] = {}
        self._window: Any = None

    def loop(self, alive: Callable[[], bool]) -> None:
        """Show the machine as long as `alive`."""
        locale.setlocale(locale.LC_ALL, "")
        os.environ.setdefault("ESCDELAY", "25")
        try:
            window = curses.initscr()
        except curses.error as error:
            term = os.environ.get("TERM", "")
            raise ConfigError(f"-display curses: this terminal (TERM={term}) cannot be used: {error}") from None
        self._window = window
        try:
            curses.raw()
            curses.noecho()
            curses.nonl()
            window.keypad(True)
            if curses.has_colors():
                curses.start_color()
            window.nodelay(True)
            while alive():
                began = time.monotonic()
                self._keys()
                self._show()
                left = FRAME - (time.monotonic() - began)
                if left > 0:
                    window.timeout(int(left * 1000) or 1)
                    self._key_or_none()
                    window.nodelay(True)
        finally:
            window.keypad(False)
            curses.echo()
            curses.noraw()
            curses.endwin()
            sys.stdout.flush()

    # ---- the screen ---------------------------------------------------------------------------------------------
    def _show(self) -> None:
        window, screen = self._window, self.machine.screen
        found = screen.frame(self._generation)
        if self._message and time.monotonic() > self._message_end:
            self._message = ""
            self._generation = -1
            window.erase()
        if found is None:
            return
        self._generation = found[0]
        cells = screen.cells()
        rows, columns = window.getmaxyx()
        if cells is None:
            window.erase()
            width, height = screen.size
            self._put(0, 0, f"the screen shows graphics ({width}x{height}), which a terminal cannot", 0)
        else:
            for y, line in enumerate(cells[:rows].tolist()):
                self._line(y, line[:columns])
        if self._message:
            self._put(rows - 1, 0, self._message[:columns].ljust(columns), curses.A_REVERSE)
        place = screen.cursor
        try:
            curses.curs_set(1 if place is not None else 0)
        except curses.error:
            pass                        # the terminal cannot hide it
        if place is not None and place[1] < rows and place[0] < columns:
            window.move(place[1], place[0])
        window.refresh()

    def _line(self, y: int, line: list[list[int]]) -> None:
        """One row, in runs of equal attributes."""
        start = 0
        for x in range(1, len(line) + 1):
            if x == len(line) or line[x][1] != line[start][1]:
                text = "".join(CP437[code] for code, _ in line[start:x])
                self._put(y, start, text, self._attribute(line[start][1]))
                start = x

    def _put(self, y: int, x: int, text: str, attribute: int) -> None:
        try:
            self._window.addstr(y, x, text, attribute)
        except curses.error:
            pass                        # the last cell of a terminal: the cursor has nowhere to go

    def _attribute(self, vga: int) -> int:
        ink, back = vga & 15, vga >> 4 & 7
        if not curses.has_colors():
            return curses.A_REVERSE if back else curses.A_BOLD if ink & 8 else 0
        wide = curses.COLORS >= 16
        colours = (COLOURS[ink & 7] + (8 if ink & 8 and wide else 0), COLOURS[back])
        number = self._pairs.get(colours)
        if number is None:
            number = len(self._pairs) + 1
            if number >= curses.COLOR_PAIRS:
                return 0
            curses.init_pair(number, *colours)
            self._pairs[colours] = number
        return int(curses.color_pair(number)) | (curses.A_BOLD if ink & 8 and not wide else 0)

    def say(self, text: str) -> None:
        """A line at the bottom for a few seconds."""
        self._message, self._message_end = text, time.monotonic() + 5
        self._generation = -1

    # ---- keys ---------------------------------------------------------------------------------------------------
    def _key_or_none(self) -> bool:
        try:
            key = self._window.get_wch()
        except curses.error:
            return False
        self._key(key)
        return True

    def _keys(self) -> None:
        while self._key_or_none():
            pass

    def _key(self, key: str | int) -> None:
        if isinstance(key, int):
            self._named(key)
        elif self._prefix:
            self._command(key)
        elif ord(key) == ESCAPE:
            self._prefix = "a"
        elif key == "\x1b":
            self._escape()
        else:
            self._char("backspace" if key in "\x7f\b" else "", key)

    def _char(self, name: str, char: str, alt: bool = False) -> None:
        if name:
            self.machine.keyboard.press(f"alt-{name}" if alt else name)
        elif alt:
            keys = self.machine.keyboard.keys_of(char)
            if keys:
                self.machine.keyboard.press([0x38, *keys])
        elif self.machine.keyboard.paste("\n" if char == "\r" else char):
            self.say(f"{char!r} is on no key of a {self.machine.config.keyboard} keyboard (-k LAYOUT)")

    def _escape(self) -> None:
        """Escape, or Alt and what follows at once."""
        try:
            after = self._window.get_wch()
        except curses.error:
            self.machine.keyboard.press("esc")
            return
        if isinstance(after, int):
            self._named(after, "alt-")
        elif after == "\x1b":
            self.machine.keyboard.press("esc")
        else:
            self._char("backspace" if after in "\x7f\b" else "", after, alt=True)

    def _named(self, key: int, prefix: str = "") -> None:
        if key == curses.KEY_RESIZE:
            self._window.erase()
            self._generation = -1
            return
        number = key - curses.KEY_F0
        if 1 <= number <= 48:           # terminfo counts Shift, Ctrl and Ctrl+Shift as further function keys
            held = ("", "shift-", "ctrl-", "ctrl-shift-")[(number - 1) // 12]
            self.machine.keyboard.press(f"{prefix}{held}f{(number - 1) % 12 + 1}")
            return
        name = KEYS.get(curses.keyname(key).decode("ascii", "replace"))
        if name is not None:
            self.machine.keyboard.press(prefix + name)

    def _command(self, key: str) -> None:
        prefix, self._prefix = self._prefix, ""
        machine = self.machine
        if prefix == "f":
            if key in FUNCTION_ROW:
                machine.keyboard.press(f"f{FUNCTION_ROW.index(key) + 1}")
        elif ord(key) == ESCAPE:
            machine.keyboard.press("ctrl-a")
        elif key in "xX":
            machine.quit()
        elif key in "fF":
            self._prefix = "f"
        elif key in "dD":
            machine.keyboard.press("ctrl-alt-delete")
        elif key in "rR":
            machine.reset()
        elif key in "pP":
            if machine.paused:
                machine.resume()
                self.say("running")
            else:
                machine.pause()
                self.say("paused: Ctrl-A P goes on")
        else:
            self.say(HELP)
