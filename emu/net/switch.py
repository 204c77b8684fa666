"""An Ethernet switch between machines of one process: who gets what and when depends on virtual time alone.

    switch = Switch(latency_ns=50_000)
    a = Machine(..., nics=[Nic(peer=switch)])
    b = Machine(..., nics=[Nic(peer=switch)])
    switch.run(seconds=10)          # both, in step

A frame sent at t arrives `latency_ns` later (and after what its port still has to send, with `bandwidth`).  The machines run in
turns of one latency, so no frame ever arrives in a machine's past: the same images give the same run, whatever the host does.
`loss` drops that share of frames, decided by `seed`.
"""
from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .backend import Backend, Wire

if TYPE_CHECKING:
    from ..machine import Machine, Stop

MACS = 4096             # addresses a switch learns


@dataclass(eq=False)
class SwitchPort(Backend):
    """One socket of the switch; a Backend."""

    switch: Switch
    number: int
    wire: Wire | None = None
    machine: Machine | None = None
    inbox: list[tuple[int, int, int, bytes]] = field(default_factory=list)      # arrival, port, sequence, frame
    busy_until: int = 0         # with a bandwidth: when the last bit of what waits has left towards this port
    sent: int = 0
    lost: int = 0

    def attach(self, wire: Wire) -> None:
        self.wire = wire

    def receive(self, frame: bytes, now_ns: int) -> None:
        self.switch.forward(self, frame, now_ns)

    def info(self) -> str:
        return f"switch {self.switch.name}: port {self.number}, {self.sent} frames in, {self.lost} lost"

    def close(self) -> None:
        self.switch.unplug(self)


class Switch:
    """A learning switch."""

    def __init__(self, *, latency_ns: int = 100_000, loss: float = 0.0, bandwidth: int = 0, seed: int = 0,
                 name: str = "sw0") -> None:
        if latency_ns < 1000:
            raise ConfigError(f"switch: a latency of {latency_ns} ns is too short; 1000 at least")
        if not 0 <= loss < 1:
            raise ConfigError(f"switch: loss {loss} is not a share from 0 to 1")
        if bandwidth < 0:
            raise ConfigError(f"switch: bandwidth {bandwidth} bit/s is negative")
        self.name = name
        self.latency_ns = latency_ns
        self.loss = loss
        self.bandwidth = bandwidth      # bits a second towards each port; 0: no limit
        self._random = random.Random(seed)
        self.ports: list[SwitchPort] = []
        self._where: dict[bytes, SwitchPort] = {}
        self._sequence = 0
        self._now = 0

    def port(self) -> SwitchPort:
        """A new socket."""
        out = SwitchPort(self, len(self.ports))
        self.ports.append(out)
        return out

    def unplug(self, port: SwitchPort) -> None:
        """Forget a port."""
        if port in self.ports:
            self.ports.remove(port)
        self._where = {mac: to for mac, to in self._where.items() if to is not port}

    def forward(self, source: SwitchPort, frame: bytes, now_ns: int) -> None:
        """A frame came in at `source` at virtual time `now_ns`."""
        source.sent += 1
        sender, target = frame[6:12], frame[:6]
        if not sender[0] & 1 and (sender in self._where or len(self._where) < MACS):
            self._where[sender] = source
        known = None if target[0] & 1 else self._where.get(target)
        for port in [known] if known is not None else list(self.ports):
            if port is source:
                continue
            self._sequence += 1
            port.inbox.append((now_ns, source.number, self._sequence, frame))

    def _settle(self) -> None:
        """Deliver what a turn has brought, in the order it was sent."""
        for port in self.ports:
            if not port.inbox or port.wire is None:
                continue
            for sent, _, _, frame in sorted(port.inbox):
                if self.loss and self._random.random() < self.loss:
                    port.lost += 1
                    continue
                arrival = sent + self.latency_ns
                if self.bandwidth:
                    arrival = max(arrival, port.busy_until + self.latency_ns)
                    port.busy_until = max(port.busy_until, sent) + (len(frame) + 24) * 8 * 1_000_000_000 // self.bandwidth
                if not port.wire.send(frame, arrival):
                    port.lost += 1
            port.inbox.clear()

    # ---- running ------------------------------------------------------------------------------------------------
    @property
    def machines(self) -> list[Machine]:
        """Who is plugged in, in the order of their ports."""
        out: list[Machine] = []
        for port in self.ports:
            if port.machine is not None and port.machine not in out:
                out.append(port.machine)
        return out

    @property
    def now_ns(self) -> int:
        """Virtual time all machines have reached."""
        return self._now

    def align(self) -> None:
        """Begin where the machine that is furthest is; the others catch up first, alone."""
        self._now = max([self._now, *(vm.now_ns for vm in self.machines)])
        for vm in self.machines:
            if vm.ended is None and vm.now_ns < self._now:
                vm.run_until(self._now)
        self._settle()

    def step(self) -> list[Stop]:
        """One turn: every machine runs for one latency."""
        self._now += self.latency_ns
        stops = [vm.run_until(self._now) for vm in self.machines if vm.ended is None and vm.now_ns < self._now]
        self._settle()
        return stops

    def run(self, seconds: float | None = None, *, until: Callable[[], bool] | None = None) -> None:
        """Run all machines together for so much virtual time, until `until()` holds, or until all have ended."""
        self.align()
        end = None if seconds is None else self._now + int(seconds * 1e9)
        while (end is None or self._now < end) and not (until is not None and until()):
            self.step()
            if all(vm.ended for vm in self.machines):
                return
