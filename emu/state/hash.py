"""The run hash: BLAKE2b over processor, RAM and devices.  Equal hashes mean equal runs so far."""
from __future__ import annotations

import hashlib
from collections.abc import Iterable

from ..core import Device, Engine

CHUNK = 1 << 24


def run_hash(engine: Engine, devices: Iterable[Device]) -> str:
    """64 hex digits."""
    digest = hashlib.blake2b(digest_size=32)
    digest.update(engine.save_cpu())
    for device in devices:
        state = device.save()
        digest.update(f"{device.name}:{len(state)}\n".encode())
        digest.update(state)
    ram = engine.mem.ram
    for start in range(0, len(ram), CHUNK):
        digest.update(ram[start:start + CHUNK].data)
    return digest.hexdigest()
