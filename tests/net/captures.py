"""What tshark says about a capture."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FILTER = ("_ws.malformed || _ws.unreassembled && !ip || ip.checksum.status == \"Bad\" || tcp.checksum.status == \"Bad\" "
          "|| udp.checksum.status == \"Bad\" || icmp.checksum.status == \"Bad\" || _ws.expert.severity == \"Error\"")
CHECKS = ("ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE")


def tshark(path: Path, *argv: str) -> str:
    """Its output; skips where tshark is missing, fails where it complains about the file."""
    if shutil.which("tshark") is None:
        pytest.skip("needs Debian's tshark")
    options = [word for check in CHECKS for word in ("-o", check)]
    done = subprocess.run(["tshark", "-n", "-r", str(path), *options, *argv], capture_output=True, text=True, timeout=120)
    noise = [line for line in done.stderr.splitlines() if "Running as user" not in line and line.strip()]
    assert done.returncode == 0 and not noise, (done.returncode, noise)
    return done.stdout


def complaints(path: Path) -> str:
    """Frames that are malformed, have a wrong checksum, or an expert's error."""
    return tshark(path, "-Y", FILTER)


def protocols(path: Path) -> set[str]:
    """What tshark took the frames for."""
    return {word for line in tshark(path, "-T", "fields", "-e", "frame.protocols").splitlines() for word in line.split(":")}
