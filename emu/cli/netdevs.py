"""What the network options of a command line have said so far: cards, backends and captures, put together at the end."""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import ConfigError, suggest
from ..net.config import CaptureConfig, Netdev, Nic


@dataclass(slots=True)
class Network:
    """Backends by id, cards that name theirs, and captures by the backend's id."""

    netdevs: dict[str, Netdev] = field(default_factory=dict)
    cards: list[tuple[Nic, str]] = field(default_factory=list)          # the card, its netdev's id ("" for none)
    captures: list[tuple[str, CaptureConfig]] = field(default_factory=list)
    waiting: list[tuple[str, Any]] = field(default_factory=list)        # -net nic / -net user that look for their other half
    none: bool = False
    count: int = 0

    def fresh_id(self) -> str:
        """An id for a backend without one."""
        self.count += 1
        return f"#net{self.count - 1:03}"

    def add(self, name: str, netdev: Netdev) -> None:
        """A backend."""
        if name in self.netdevs:
            raise ConfigError(f"-netdev: there are two with id={name}")
        self.netdevs[name] = netdev

    def _pair_legacy(self) -> None:
        cards = [item for kind, item in self.waiting if kind == "nic"]
        backends = [item for kind, item in self.waiting if kind != "nic"]
        if len(cards) > 1 or len(backends) > 1:
            raise ConfigError("-net: one card and one backend can be put together this way; use -nic or -netdev with -device")
        if backends:
            name = self.fresh_id()
            self.add(name, backends[0])
            self.cards.append((cards[0] if cards else Nic(), name))
        elif cards:
            self.cards.append((cards[0], ""))
        self.waiting.clear()

    def nics(self) -> tuple[Nic, ...]:
        """The cards with what they are plugged into."""
        self._pair_legacy()
        out, used = [], set()
        for nic, name in self.cards:
            if name and name not in self.netdevs:
                raise ConfigError(f"network card {nic.id or nic.model}: there is no -netdev with id={name}"
                                  + suggest(name, self.netdevs))
            if name in used:
                raise ConfigError(f"-netdev id={name} is used by two cards; it has one socket")
            used.add(name)
            captures = tuple(item for where, item in self.captures if name and where == name)
            out.append(replace(nic, netdev=self.netdevs.get(name), netdev_id=name, captures=captures))
        for name in self.netdevs:
            if name not in used:
                raise ConfigError(f"-netdev id={name} is used by no card; add -device e1000,netdev={name}")
        for where, _ in self.captures:
            if where not in used:
                raise ConfigError(f"filter-dump: there is no netdev {where}" + suggest(where, self.netdevs))
        return tuple(out)
