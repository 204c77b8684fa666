"""The keyboard as a tester sees it.

    vm.keyboard.type("dir\\n")
    vm.keyboard.press("ctrl-alt-delete")
    vm.keyboard.down("shift"); vm.keyboard.up("shift")

Keys enter the machine exactly where the last run or wait ended; each further key of a text when the guest has read the
one before, and not before the buffer of a BIOS has room for it, so nothing typed is lost and every run is alike.
"""
from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .errors import ConfigError, GuestTimeout
from .layouts import key_code, layout, split_keys

if TYPE_CHECKING:
    from .machine import Machine

INTERVAL = 0.001            # virtual seconds between two typed keys
HOLD = 0.02                 # that a pressed combination stays down
BIOS_LOOK_NS = 5_000_000
BIOS_PATIENCE_NS = 20_000_000_000       # a full BIOS buffer that does not move is not in use any more
RELEASE, WAIT = "release", "wait"
PRESS = "press"


class Keyboard:
    """Keys on their way to the PS/2 keyboard."""

    def __init__(self, machine: Machine, controller: Any) -> None:
        self._machine = machine
        self._controller = controller
        self._device = controller.keyboard
        self._press = machine.door.way("key_down", self._device.press)
        self._release = machine.door.way("key_up", self._device.release)
        self._queue: deque[tuple[str, int]] = deque()
        self._until: int | None = None      # when the wait at the queue's head is over
        self._full_since: tuple[int, int] | None = None     # BIOS buffer: when first seen full, and its head then
        self._held: list[int] = []
        self.set_layout(machine.config.keyboard)

    # ---- the tester's verbs -------------------------------------------------------------------------------------
    def set_layout(self, name: str) -> None:
        """The layout the guest is set to, for `type`: en-us, en-gb, de, fr, es, it, sv."""
        self._layout = layout(name)

    def type(self, text: str, interval: float = INTERVAL) -> None:
        """Type a text: characters of the layout, newline, tab, backspace, escape, and \\x01..\\x1a for Ctrl-A..Ctrl-Z.

        ConfigError, before anything is typed, for a character the layout has no key for.
        """
        strokes = []
        for at, char in enumerate(text):
            keys = self._layout.get(char)
            if keys is None:
                raise ConfigError(f"character {char!r} at {at} cannot be typed on a {self._machine.config.keyboard} keyboard")
            strokes.append(keys)
        for keys in strokes:
            self._stroke(keys, 0.0, interval)
        self._machine.feed_input()

    def paste(self, text: str) -> int:
        """As `type`, without the characters that cannot be typed; how many those are."""
        known = "".join(char for char in text if char in self._layout)
        self.type(known)
        return len(text) - len(known)

    def keys_of(self, char: str) -> tuple[int, ...]:
        """The keys that write a character, held ones first; none if it cannot be typed."""
        return self._layout.get(char, ())

    def press(self, keys: str | Iterable[str | int], hold: float = HOLD) -> None:
        """Press keys together ("ctrl-alt-delete", or QEMU's key names in a list) and release them after `hold` seconds."""
        codes = split_keys(keys) if isinstance(keys, str) else [key_code(key) for key in keys]
        self._stroke(codes, hold, INTERVAL)
        self._machine.feed_input()

    def down(self, key: str | int) -> None:
        """Press one key and keep it down; it repeats as on a real keyboard."""
        code = key_code(key)
        self._queue.append((PRESS, code))
        if code not in self._held:
            self._held.append(code)
        self._machine.feed_input()

    def up(self, key: str | int) -> None:
        """Release one key."""
        code = key_code(key)
        self._queue.append((RELEASE, code))
        if code in self._held:
            self._held.remove(code)
        self._machine.feed_input()

    def release_all(self) -> None:
        """Release every key that `down` left down."""
        for code in reversed(self._held):
            self._queue.append((RELEASE, code))
        self._held.clear()
        self._machine.feed_input()

    def finish(self, timeout: float = 60.0) -> None:
        """Run the guest until it has read everything typed; GuestTimeout after so many virtual seconds."""
        machine = self._machine
        end = machine.now_ns + int(timeout * 1e9)
        while self.pending:
            if machine.ended or machine.now_ns >= end:
                raise GuestTimeout(f"the guest has not read {self.pending} of the keys typed", serial=machine.serial.tail(),
                                   regs=machine.regs)
            machine.run_until(min(end, machine.now_ns + 1_000_000))

    @property
    def pending(self) -> int:
        """Presses and releases the guest has not read yet."""
        waiting = sum(kind != WAIT for kind, _ in list(self._queue))
        return waiting + (0 if self._controller.keyboard_idle else max(1, self._device.keys_waiting))

    @property
    def leds(self) -> dict[str, bool]:
        """What the guest has lit: caps_lock, num_lock, scroll_lock."""
        bits = self._device.leds
        return {"scroll_lock": bool(bits & 1), "num_lock": bool(bits & 2), "caps_lock": bool(bits & 4)}

    # ---- the machine's side -------------------------------------------------------------------------------------
    def _stroke(self, keys: Iterable[int], hold: float, interval: float) -> None:
        down = list(keys)
        self._queue.append((WAIT, 0))
        self._queue += [(PRESS, code) for code in down]
        if hold:
            self._queue.append((WAIT, int(hold * 1e9)))
        self._queue += [(RELEASE, code) for code in reversed(down)]
        self._queue.append((WAIT, int(interval * 1e9)))

    def supply(self) -> None:
        """Give the keyboard what it may have now; between two instructions."""
        queue, device = self._queue, self._device
        while queue:
            kind, value = queue[0]
            if kind == WAIT:
                if not self._may_go_on(value):
                    return
            elif not device.room:
                device.watch = True
                return
            elif kind == PRESS:
                self._press(value)
            else:
                self._release(value)
            queue.popleft()
            self._until = None

    def _may_go_on(self, pause_ns: int) -> bool:
        """Is the pause at the head of the queue over: all is read, so much time has passed, and a BIOS has room?"""
        now, device = self._machine.now_ns, self._device
        if not self._controller.keyboard_idle:
            device.watch = True
            return False
        if self._until is None:
            self._until = now + pause_ns
        if now < self._until:
            device.alarm(self._until)
            return False
        if pause_ns == 0 and self._bios_is_full(now):
            self._until = now + BIOS_LOOK_NS
            device.alarm(self._until)
            return False
        return True

    def _bios_is_full(self, now: int) -> bool:
        """Would a BIOS throw the next key away (RBIL, memory 0040h:001Ah, 001Ch, 0080h, 0082h)?"""
        mem = self._machine.engine.mem
        area = mem.read(0x400, 0x84)
        word = [int.from_bytes(area[k:k + 2], "little") for k in (0x1A, 0x1C, 0x80, 0x82)]
        head, tail, start, end = word
        if not (0x1E <= start < end <= 0x400 and (end - start) % 2 == 0 and end - start >= 4):
            start, end = 0x1E, 0x3E
        if not (start <= head < end and start <= tail < end):
            return False            # not a keyboard buffer
        following = tail + 2 if tail + 2 < end else start
        if following != head:
            self._full_since = None
            return False
        if self._full_since is None or self._full_since[1] != head:
            self._full_since = (now, head)
        regs = self._machine.engine.regs()
        real = not regs["cr0"] & 1 or regs["eflags"] >> 17 & 1
        return now - self._full_since[0] < (BIOS_PATIENCE_NS if real else BIOS_PATIENCE_NS // 20)
