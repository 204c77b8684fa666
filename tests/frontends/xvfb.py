"""A screen without a monitor: Xvfb, its picture as an array, and a person's hands by xdotool."""
from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 1280, 1024


def missing() -> str:
    """Which of the programs needed is not here; "" if all are."""
    return next((name for name in ("Xvfb", "xdotool") if shutil.which(name) is None), "")


class XScreen:
    """An X server of our own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.display = f":{200 + os.getpid() % 20000}"
        self.server = subprocess.Popen(["Xvfb", self.display, "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-fbdir", str(folder)],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: self.xdo("getmouselocation"), 30, "Xvfb did not start")

    def close(self) -> None:
        self.server.terminate()
        self.server.wait(10)

    def picture(self) -> npt.NDArray[np.uint8]:
        """(h, w, 3) RGB of the whole screen, from the file Xvfb keeps it in (XWD)."""
        data = (self.folder / "Xvfb_screen0").read_bytes()
        header = struct.unpack(">25I", data[:100])
        size, width, height, stride, colours = header[0], header[4], header[5], header[12], header[19]
        pixels = np.frombuffer(data, np.uint8, height * stride, size + 12 * colours).reshape(height, stride // 4, 4)
        return np.ascontiguousarray(pixels[:, :width, 2::-1])

    def xdo(self, *words: str) -> str:
        """Run xdotool."""
        return subprocess.run(["xdotool", *words], env={**os.environ, "DISPLAY": self.display}, capture_output=True, text=True,
                              timeout=30).stdout.strip()

    def window(self, pid: int, seconds: float = 60) -> str:
        """The id of the window of a process."""
        def named() -> str:
            """SDL has helper windows: ours has our title."""
            ids = self.xdo("search", "--pid", str(pid)).split()
            return next((one for one in ids if "[" in self.title(one)), "")
        return wait_for(named, seconds, f"no window of process {pid}")

    def title(self, window: str) -> str:
        """What stands above a window."""
        return self.xdo("getwindowname", window)


def wait_for(found: Callable[[], object], seconds: float, what: str) -> str:
    """Poll until `found` gives something (wall clock: another program is at work)."""
    end = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < end, what
        time.sleep(0.1)
    return str(result)
