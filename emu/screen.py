"""What is on the monitor: as text, as an image, as a file.

    vm.screen.expect("login:", timeout=60)      # virtual seconds, text modes
    vm.screen.text()                            # lines without trailing blanks
    vm.screen.image()                           # ndarray (h, w, 3) uint8, RGB, top-left origin
    vm.screen.save("boot.png")                  # or .ppm

Looking costs the guest nothing and changes nothing it can see.  An unchanged picture is not drawn again.
"""
from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .errors import ConfigError, EmuError, GuestCrash, GuestStopped, GuestTimeout
from .serial import Match

if TYPE_CHECKING:
    from .machine import Machine, Stop

Image = npt.NDArray[np.uint8]
Pattern = str | re.Pattern[str]
GRID_NS = 10_000_000        # how often `expect` looks
LOW = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
# code page 437 as the VGA's character generator shows it: every code is a glyph
CP437 = LOW + "".join(map(chr, range(32, 127))) + "⌂" + bytes(range(128, 255)).decode("cp437") + " "
BLANK: Image = np.zeros((400, 720, 3), np.uint8)


def png(image: Image) -> bytes:
    """A PNG file of an RGB image.  Spec: PNG (W3C, ISO/IEC 15948)."""
    height, width = image.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)          # filter type 0 before every line
    rows[:, 1:] = image.reshape(height, 3 * width)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(rows.tobytes(), 6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def ppm(image: Image) -> bytes:
    """A binary PPM (P6) file."""
    return b"P6\n%d %d\n255\n" % (image.shape[1], image.shape[0]) + image.tobytes()


class Screen:
    """The monitor of a machine; without a graphics card it is dark."""

    def __init__(self, machine: Machine, card: Any | None) -> None:
        self._machine = machine
        self._card = card

    def _look(self, act: Any) -> Any:
        """`act()` on an up-to-date picture, between two instructions."""
        card = self._card

        def refreshed() -> Any:
            assert card is not None
            card.refresh()
            return act(card)
        return self._machine.invoke(refreshed)

    @property
    def present(self) -> bool:
        """Is there a graphics card?"""
        return self._card is not None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        if self._card is None:
            return BLANK.shape[1], BLANK.shape[0]
        size: tuple[int, int] = self._look(lambda card: card.size_shown)
        return size

    @property
    def text_mode(self) -> bool:
        """Does it show characters?"""
        return self._card is not None and bool(self._look(lambda card: card.text_mode))

    @property
    def cursor(self) -> tuple[int, int] | None:
        """(column, row) of the text cursor; None where none is shown."""
        if self._card is None:
            return None
        place: tuple[int, int] | None = self._look(lambda card: card.cursor())
        return place

    def cells(self) -> Image | None:
        """ndarray (rows, columns, 2) uint8: character code, attribute; None in graphics modes."""
        if self._card is None:
            return None
        out: Image | None = self._look(lambda card: card.cells())
        return out

    def image(self) -> Image:
        """ndarray (h, w, 3) uint8, RGB, top-left origin; a copy."""
        if self._card is None:
            return BLANK.copy()
        out: Image = self._look(lambda card: card.image())
        return out

    def frame(self, last: int = -1) -> tuple[int, Image] | None:
        """(generation, image) if the picture is another than that of generation `last`, else None."""
        def act(card: Any) -> tuple[int, Image] | None:
            generation = card.generation
            return None if generation == last else (generation, card.image())
        if self._card is None:
            return None if last == 0 else (0, BLANK.copy())
        out: tuple[int, Image] | None = self._look(act)
        return out

    def text(self) -> str:
        """Lines of a text mode, without trailing blanks and trailing empty lines; "" in graphics modes."""
        cells = self.cells()
        if cells is None:
            return ""
        lines = ["".join(CP437[code] for code in row).rstrip() for row in cells[:, :, 0].tolist()]
        return "\n".join(lines).rstrip("\n")

    def save(self, path: str | Path) -> None:
        """Write the picture as PNG or PPM, by the file's suffix."""
        kinds = {".png": png, ".ppm": ppm}
        path = Path(path)
        if path.suffix.lower() not in kinds:
            raise ConfigError(f"screenshot {str(path)!r}: the name has to end in .png or .ppm")
        data = kinds[path.suffix.lower()](self.image())
        try:
            path.write_bytes(data)
        except OSError as error:
            raise EmuError(f"screenshot {str(path)!r} cannot be written: {error.strerror}") from None

    def expect(self, pattern: Pattern | Sequence[Pattern], timeout: float = 60.0) -> Match:
        """Run until `pattern` (text, regular expression, or a list of them) is on the screen, in a text mode.

        `timeout` is in virtual seconds.  Raises GuestTimeout, GuestCrash or GuestStopped with the screen as evidence.
        """
        patterns: list[Pattern] = [pattern] if isinstance(pattern, str | re.Pattern) else list(pattern)
        machine = self._machine
        deadline = machine.now_ns + int(timeout * 1e9)
        seen: str | None = None
        while True:
            text = self.text()
            if text != seen:
                seen = text
                for index, item in enumerate(patterns):
                    hit = re.search(re.escape(item) if isinstance(item, str) else item, text)
                    if hit:
                        return Match(hit[0], text[:hit.start()], hit.groups(), index, machine.now_ns)
            names = " or ".join(repr(p.pattern if isinstance(p, re.Pattern) else p) for p in patterns)
            if machine.now_ns >= deadline:
                raise GuestTimeout(f"screen: {names} did not appear within {timeout:g} s of virtual time\n{self.evidence()}",
                                   serial=machine.serial.tail(), regs=machine.regs)
            if machine.ended:
                self._raise_ended(machine.ended, names)
            stop = machine.run_until(min(deadline, machine.now_ns - machine.now_ns % GRID_NS + GRID_NS))
            if stop.reason == "paused":
                machine.wait_resumed()

    def _raise_ended(self, stop: Stop, names: str) -> None:
        what = f"screen: the guest {stop.words} while {names} was expected\n{self.evidence()}"
        serial, regs = self._machine.serial.tail(), self._machine.regs
        if stop.crashed:
            raise GuestCrash(what, serial=serial, regs=regs, report=stop.report)
        raise GuestStopped(what, serial=serial, regs=regs)

    def evidence(self) -> str:
        """The screen in words, for messages and reports."""
        if self._card is None:
            return "there is no graphics card"
        if not self.text_mode:
            width, height = self.size
            return f"the screen shows graphics, {width}x{height}"
        text = self.text()
        return "the screen shows:\n" + "\n".join("  | " + line for line in text.splitlines()) if text else "the screen is empty"
