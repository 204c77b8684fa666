"""The PC speaker made audible by pygame.mixer."""
from __future__ import annotations

import threading
from collections import deque
from importlib import import_module
from typing import Any

from ..errors import ConfigError
from ..machine import Machine
from ..speaker import RATE

LATE = RATE // 4            # samples waiting beyond which the oldest are dropped
BUFFER = 1024


class MixerSound:
    """Plays what the speaker plays; `pump` it some 60 times a second."""

    def __init__(self, machine: Machine) -> None:
        try:
            self._mixer: Any = import_module("pygame.mixer")
        except ImportError:
            raise ConfigError("sound needs pygame: pip install 'emu[window]' (or write it to a file: --wav FILE)") from None
        pygame: Any = import_module("pygame")
        try:
            self._mixer.init(RATE, -16, 1, BUFFER, allowedchanges=0)
        except pygame.error as error:
            raise ConfigError(f"there is no sound on this computer: {error}; --wav FILE writes it to a file") from None
        self._channel: Any = self._mixer.Channel(0)
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque()
        self._machine = machine
        machine.speaker.tap(self._hear)

    def _hear(self, data: bytes) -> None:
        with self._lock:
            if self._waiting or data.strip(b"\0"):
                self._waiting.append(data)

    def pump(self) -> None:
        """Hand on what has been heard."""
        if self._channel.get_queue() is not None:
            return
        with self._lock:
            data = b"".join(self._waiting)
            self._waiting.clear()
        if data.strip(b"\0"):
            self._channel.queue(self._mixer.Sound(buffer=data[-2 * LATE:]))

    def close(self) -> None:
        """Silence."""
        self._machine.speaker.untap(self._hear)
        self._mixer.quit()
