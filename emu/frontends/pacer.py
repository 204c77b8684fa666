"""Virtual time beside the wall clock.

Pacing only sleeps while the guest halts, so that its clock does not run ahead of a person's; a guest that computes
falls behind and is not hurried afterwards.  With `host` the lost time is handed to the guest, too.
"""
from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ..core import Engine

CREDIT_NS = 20_000_000      # idle time the guest may skip without sleeping, to make up for what it was late


class Pacer:
    """Ties one engine's time to the wall clock from now on."""

    def __init__(self, engine: Engine, skip_ns: Callable[[int], None], host: bool) -> None:
        self.engine = engine
        self._skip_ns = skip_ns         # time that passes while the guest runs, from outside
        self.host = host
        self.anchor()

    def anchor(self) -> None:
        """Forget the past: now is now."""
        self._wall = time.monotonic_ns()
        self._virtual = self.engine.now_ns

    def behind_ns(self) -> int:
        """How far virtual time lags; negative when it is ahead."""
        return (time.monotonic_ns() - self._wall) - (self.engine.now_ns - self._virtual)

    def catch_up(self) -> None:
        """Give the guest the time that has gone by."""
        late = self.behind_ns()
        if late > 0:
            self._skip_ns(late)

    def sleep(self, left_ns: int | None, wake: threading.Event) -> None:
        """The guest halts for `left_ns` (None: until something comes in): sleep, then let so much time pass."""
        late = self.behind_ns()
        if late > CREDIT_NS and not self.host:
            self._wall += late - CREDIT_NS
            late = CREDIT_NS
        free = max(0, late)
        if left_ns is None or left_ns > free:
            wake.wait(None if left_ns is None else (left_ns - free) / 1e9)
            gone = max(0, self.behind_ns())
        else:
            gone = left_ns
        self.engine.skip_ns(gone if left_ns is None else min(gone, left_ns))
