"""The network in QMP and for a person: cards, the names of their cables, plugging in and out."""
from __future__ import annotations

from ..machine import Machine
from .base import Json, QmpError, check, command


def card_names(machine: Machine) -> list[str]:
    """What each card is called: its id, or QEMU's model.number."""
    count: dict[str, int] = {}
    out = []
    for nic in machine.config.nics:
        n = count.get(nic.model, 0)
        count[nic.model] = n + 1
        out.append(nic.id or f"{nic.model}.{n}")
    return out


def find_card(machine: Machine, name: str) -> int:
    """The card with this name, or whose cable has it (-netdev's id, net0, net1, ...); QmpError when there is none."""
    for k, (nic, card) in enumerate(zip(machine.config.nics, card_names(machine), strict=True)):
        if name in (card, nic.netdev_id or card, f"net{k}"):
            return k
    raise QmpError(f"Device '{name}' not found", "DeviceNotFound")


@command("set_link")
def set_link(machine: Machine, args: Json) -> Json:
    name, up = check(args, name=str, up=bool)
    machine.set_link(find_card(machine, name), up)
    return {}
