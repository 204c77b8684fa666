"""Network cards and what they are plugged into, as configuration: `Nic(...)`, `UserConfig`, `StreamConfig`, `TapConfig`."""
from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ConfigError, suggest
from .backend import Backend
from .peer import Handler
from .stream import StreamConfig, StreamNet, TapConfig, TapNet
from .switch import Switch
from .user import UserConfig, UserNet

MODELS = ("e1000", "ne2k_pci", "ne2k_isa")
DEFAULT_MAC = bytes.fromhex("525400123456")
Netdev = UserConfig | StreamConfig | TapConfig


def parse_mac(text: str) -> bytes:
    """6 bytes of 52:54:00:12:34:56; ConfigError when it is none, or a group address."""
    if not re.fullmatch(r"[0-9a-fA-F]{1,2}([:-][0-9a-fA-F]{1,2}){5}", text):
        raise ConfigError(f"mac {text!r} is not an address like 52:54:00:12:34:56")
    out = bytes(int(part, 16) for part in re.split("[:-]", text))
    if out[0] & 1:
        raise ConfigError(f"mac {text} is a group address; the lowest bit of its first byte must be 0")
    return out


@dataclass(frozen=True, slots=True)
class CaptureConfig:
    """filter-dump: a pcap file of what goes over the cable."""

    file: Path
    maxlen: int = 65536

    def __post_init__(self) -> None:
        if not 1 <= self.maxlen <= 1 << 18:
            raise ConfigError(f"filter-dump: maxlen {self.maxlen} is outside 1..262144")


@dataclass(frozen=True, slots=True)
class Nic:
    """A network card.

    model     one of MODELS
    mac       "52:54:00:12:34:56"; "" counts up from there
    netdev    what its cable leads to: UserConfig, StreamConfig, TapConfig
    peer      or, in this process: a Switch, a Peer, any Backend, or a function handler(frame, reply)
    captures  pcap files to write
    romfile   option ROM for network boot (a PCI card's); None or "" for none
    iobase, irq   of ne2k_isa
    """

    model: str = "e1000"
    mac: str = ""
    netdev: Netdev | None = None
    peer: Any = None
    captures: tuple[CaptureConfig, ...] = field(default=())
    romfile: str | None = None
    iobase: int = 0x300
    irq: int = 9
    addr: int | None = None         # PCI slot
    id: str = ""
    netdev_id: str = ""             # -netdev's id: another name of the cable

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ConfigError(f"unknown network card {self.model!r}" + suggest(self.model, MODELS))
        if self.mac:
            parse_mac(self.mac)
        if self.netdev is not None and self.peer is not None:
            raise ConfigError(f"network card {self.id or self.model}: netdev and peer cannot both be at its cable's end")
        if not 0 < self.iobase <= 0xFFE0 or self.iobase & 31:
            raise ConfigError(f"ne2k_isa: iobase {self.iobase:#x} is not a multiple of 32 below 0x10000")
        if self.irq not in (2, 3, 4, 5, 7, 9, 10, 11, 12, 15):
            raise ConfigError(f"ne2k_isa: irq {self.irq} is not one of 3, 4, 5, 7, 9, 10, 11, 12, 15")
        if self.romfile and self.model == "ne2k_isa":
            raise ConfigError("ne2k_isa has no socket for a romfile; give the ROM by -option-rom FILE, or take ne2k_pci")
        if self.addr is not None and not 3 <= self.addr <= 31:
            raise ConfigError(f"network card {self.id or self.model}: PCI slot {self.addr} is outside 3..31")

    def address(self, index: int) -> bytes:
        """Its MAC; the `index`th card without one."""
        if self.mac:
            return parse_mac(self.mac)
        return DEFAULT_MAC[:5] + bytes([DEFAULT_MAC[5] + index & 0xFF])

    def open(self) -> Backend | None:
        """The backend; None where the cable hangs loose.  ConfigError names what the host refuses."""
        if isinstance(self.netdev, UserConfig):
            return UserNet(self.netdev)
        if isinstance(self.netdev, StreamConfig):
            return StreamNet(self.netdev)
        if isinstance(self.netdev, TapConfig):
            return TapNet(self.netdev)
        if isinstance(self.peer, Switch):
            return self.peer.port()
        if self.peer is not None and not hasattr(self.peer, "receive"):
            if not callable(self.peer):
                raise ConfigError(f"network card: a peer is a Switch, a Backend or a function, not {type(self.peer).__name__}")
            handler: Callable[..., None] = self.peer
            return Handler(handler)
        backend: Backend | None = self.peer
        return backend
