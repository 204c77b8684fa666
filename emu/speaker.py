"""The PC speaker as a tester sees and hears it.

    vm.speaker.hz                       # 880.0 while it beeps, 0.0 when it is silent
    vm.speaker.record("beep.wav")       # from now on, in virtual time
    vm.run(1.0)
    vm.speaker.stop()

Whoever wants the samples as they are made (the window's sound) listens with `tap`.
"""
from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ConfigError

if TYPE_CHECKING:
    from .machine import Machine

RATE = 44100
Tap = Callable[[bytes], None]
PIECE = 1 << 16         # samples at a time


class Speaker:
    """Counter 2 and its amplifier."""

    def __init__(self, machine: Machine, pit: Any) -> None:
        self._machine = machine
        self._pit = pit
        self._wave: wave.Wave_write | None = None
        self._taps: list[Tap] = []

    @property
    def on(self) -> bool:
        """Is it connected to its timer and the timer running (port 0x61, bits 0 and 1)?"""
        return bool(self._pit.speaker.high)

    @property
    def hz(self) -> float:
        """The tone played now, 0.0 for none."""
        return float(self._pit.speaker_hz)

    def record(self, path: str | Path) -> None:
        """Write what it plays to a WAV file, 16 bits, mono, 44100 Hz, silence included, until `stop` or the machine's end."""
        self.stop()
        try:
            self._file = Path(path).open("wb")
        except OSError as error:
            raise ConfigError(f"cannot write sound to {str(path)!r}: {error.strerror}") from None
        out = wave.open(self._file, "wb")
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        self._machine.invoke(lambda: self._listen(out))

    def _listen(self, out: wave.Wave_write | None) -> None:
        self._collect()
        self._wave = out
        self._update()

    def _update(self) -> None:
        wanted = self._wave is not None or bool(self._taps)
        if wanted != self._pit.listening:
            self._pit.listen(wanted)

    def stop(self) -> None:
        """End `record`; the file is complete."""
        out = self._wave
        if out is None:
            return
        self._machine.invoke(lambda: self._listen(None))
        try:
            out.close()
            self._file.close()
        except OSError as error:
            raise ConfigError(f"the sound file could not be written: {error.strerror}") from None

    def tap(self, listener: Tap) -> None:
        """Hand every piece of sound (16-bit native mono at 44100 Hz) to `listener`, in the machine's thread."""
        def act() -> None:
            self._collect()
            self._taps.append(listener)
            self._update()
        self._machine.invoke(act)

    def untap(self, listener: Tap) -> None:
        """Undo `tap`."""
        def act() -> None:
            self._taps.remove(listener)
            self._update()
        self._machine.invoke(act)

    def _collect(self) -> None:
        if not self._pit.listening:
            return
        while True:
            data = self._pit.sound(RATE, PIECE)
            if data and self._wave is not None:
                self._wave.writeframesraw(data)
            for listener in self._taps:
                listener(data)
            if len(data) < 2 * PIECE:
                return

    def collect(self) -> None:
        """Take what has been played; the machine calls this between two slices."""
        if self._pit.listening:
            self._collect()
