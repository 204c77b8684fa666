"""`emu` as a child process, with the package the tests themselves imported (installed, or the source tree)."""
from __future__ import annotations

import os
import sys
from pathlib import Path

import emu

EMU = (sys.executable, "-P", "-W", "ignore", "-m", "emu")
ENV = {**os.environ, "PYTHONPATH": str(Path(emu.__file__).resolve().parents[1])}
