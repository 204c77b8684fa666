"""The mouse as a tester sees it.

    vm.mouse.move(10, -3)               # counts: right, down
    vm.mouse.move_to(320, 200)          # pixels of the guest's screen
    vm.mouse.click("left"); vm.mouse.wheel(-1)

A PS/2 mouse only knows motion, so `move_to` pushes the pointer into the corner once and keeps account from there; that is
exact as long as the guest takes one count for one pixel.  Like keys, all this enters where the last run ended; a button is
pressed only when the guest has read the motion before it.
"""
from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from .errors import ConfigError, GuestTimeout, suggest

if TYPE_CHECKING:
    from .machine import Machine

BUTTONS = {"left": 1, "right": 2, "middle": 4, "side": 8, "extra": 16}
HOLD = 0.05
LOOK_NS = 20_000_000
CORNER = 4096               # more counts than any screen has pixels
ABS_MAX = 0x7FFF            # QEMU's absolute axes


def button_bit(name: str) -> int:
    """The bit of a button; ConfigError for an unknown one."""
    if name not in BUTTONS:
        raise ConfigError(f"a mouse has no button {name!r}" + suggest(name, BUTTONS))
    return BUTTONS[name]


class Mouse:
    """Motion and buttons on their way to the PS/2 mouse."""

    def __init__(self, machine: Machine, controller: Any) -> None:
        self._machine = machine
        self._controller = controller
        self._device = controller.mouse
        self._set_motion = machine.door.way("mouse_move", self._device.move)
        self._set_buttons = machine.door.way("mouse_buttons", self._device.buttons)
        self._queue: deque[tuple[str, int, int, int]] = deque()
        self._held = 0
        self._until: int | None = None
        self._at: tuple[int, int] | None = None         # where the pointer should be; None: not known

    # ---- the tester's verbs -------------------------------------------------------------------------------------
    def move(self, dx: int, dy: int) -> None:
        """Move by counts, right and down."""
        self._push(int(dx), int(dy), 0)
        self._at = None
        self._machine.feed_input()

    def wheel(self, clicks: int) -> None:
        """Turn the wheel, towards the user if positive."""
        self._push(0, 0, int(clicks))
        self._machine.feed_input()

    def move_to(self, x: int, y: int) -> None:
        """Move the pointer to a pixel of the guest's screen, (0, 0) top left."""
        width, height = self._screen()
        x, y = min(max(int(x), 0), width - 1), min(max(int(y), 0), height - 1)
        if self._at is None:
            self._push(-CORNER, -CORNER, 0)
            self._queue.append(("settle", 0, 0, 0))
            self._at = 0, 0
        self._push(x - self._at[0], y - self._at[1], 0)
        self._at = x, y
        self._machine.feed_input()

    def move_scaled(self, x: int, y: int) -> None:
        """As `move_to`, in QEMU's absolute axes: 0 to 0x7FFF over the screen."""
        width, height = self._screen()
        self.move_to(x * (width - 1) // ABS_MAX, y * (height - 1) // ABS_MAX)

    def press(self, button: str = "left") -> None:
        """Press a button: left, right, middle, side, extra."""
        self._buttons(self._held | button_bit(button))

    def release(self, button: str = "left") -> None:
        """Release a button."""
        self._buttons(self._held & ~button_bit(button))

    def click(self, button: str = "left", hold: float = HOLD) -> None:
        """Press a button and release it after `hold` virtual seconds."""
        self.press(button)
        self._queue.append(("wait", int(hold * 1e9), 0, 0))
        self.release(button)

    def forget(self) -> None:
        """The pointer may be anywhere now: the next `move_to` starts from the corner again."""
        self._at = None

    def finish(self, timeout: float = 60.0) -> None:
        """Run the guest until it has read everything; GuestTimeout after so many virtual seconds."""
        machine = self._machine
        end = machine.now_ns + int(timeout * 1e9)
        while self.pending:
            if machine.ended or machine.now_ns >= end:
                raise GuestTimeout("the guest has not read all that the mouse has to say", regs=machine.regs)
            machine.run_until(min(end, machine.now_ns + 1_000_000))

    @property
    def pending(self) -> bool:
        """Is there motion the guest has not read yet?"""
        return bool(self._queue) or not self._controller.mouse_idle

    @property
    def reporting(self) -> bool:
        """Has the guest switched its mouse on?"""
        return bool(self._device.reporting)

    @property
    def scaled(self) -> tuple[int, int]:
        """Where `move_to` last put the pointer, in QEMU's absolute axes."""
        width, height = self._screen()
        x, y = self._at or (0, 0)
        return x * ABS_MAX // max(width - 1, 1), y * ABS_MAX // max(height - 1, 1)

    @property
    def buttons(self) -> frozenset[str]:
        """Buttons held."""
        return frozenset(name for name, bit in BUTTONS.items() if self._held & bit)

    # ---- the machine's side -------------------------------------------------------------------------------------
    def _screen(self) -> tuple[int, int]:
        return self._machine.screen.size

    def _push(self, dx: int, dy: int, dz: int) -> None:
        if dx or dy or dz:
            self._queue.append(("move", dx, dy, dz))

    def _buttons(self, held: int) -> None:
        self._held = held
        self._queue.append(("settle", 0, 0, 0))
        self._queue.append(("buttons", held, 0, 0))
        self._machine.feed_input()

    def supply(self) -> None:
        """Give the mouse what it may have now; between two instructions."""
        queue, device, now = self._queue, self._device, self._machine.now_ns
        while queue:
            kind, a, b, c = queue[0]
            if kind == "move":
                self._set_motion(a, b, c)
            elif kind == "buttons":
                self._set_buttons(a)
            elif kind == "settle":
                if not self._controller.mouse_idle:
                    device.watch = True
                    device.alarm(now + LOOK_NS)
                    return
            else:
                if self._until is None:
                    self._until = now + a
                if now < self._until:
                    device.alarm(self._until)
                    return
                self._until = None
            queue.popleft()
