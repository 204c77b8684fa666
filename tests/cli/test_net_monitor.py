"""The network in the monitor and in QMP: cables out and in, what is connected."""
from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

import emu
from emu import Forward, Nic, Peer, UserConfig
from emu.control.base import COMMANDS, QmpError
from emu.control.monitor import Monitor
from emu.net.user import UserNet
from emu.roms import rom_path


@pytest.fixture
def vm() -> Iterator[emu.Machine]:
    user = Nic(netdev=UserConfig(hostfwd=(Forward("tcp", "127.0.0.1", 0, "", 22),)), netdev_id="wan")
    nics = user, Nic("ne2k_pci", peer=Peer()), Nic(id="third")
    with emu.Machine(memory="8M", kernel=rom_path("demo.elf"), nics=nics) as machine:
        yield machine


def test_info_network(vm: emu.Machine) -> None:
    text = Monitor(vm).execute("info network")
    assert re.search(r"^e1000\.0: index=0,type=nic,model=e1000,macaddr=52:54:00:12:34:56 .*\n"
                     r" \\ wan: index=0,user: net 10\.0\.2\.0/24", text, re.M)
    assert re.search(r"^ne2k_pci\.0: .*macaddr=52:54:00:12:34:57.*\n \\ net1: index=0,peer 10\.0\.0\.1", text, re.M)
    assert re.search(r"^third: .*macaddr=52:54:00:12:34:58", text, re.M)


def test_info_usernet(vm: emu.Machine) -> None:
    wire = vm.wires[0]
    assert wire is not None and isinstance(wire.backend, UserNet)
    port = wire.backend.host_port()
    with socket.create_connection(("127.0.0.1", port)):
        for _ in range(100):
            vm.run(0.001)
            text = Monitor(vm).execute("info usernet")
            if "SYN_SENT" in text:
                break
    assert text.startswith("Hub -1 (wan):\n  Protocol[State]")
    assert re.search(rf"TCP\[HOST_FORWARD\] +\d+ +127\.0\.0\.1 +{port} +10\.0\.2\.15 +22 +0 +0\n", text)
    assert re.search(r"TCP\[SYN_SENT\] +\d+ +10\.0\.2\.15 +22 +10\.0\.2\.2 +\d+ +0 +0\n", text)


def test_set_link(vm: emu.Machine) -> None:
    monitor = Monitor(vm)
    ports = vm.board.net_ports
    for name, number in (("e1000.0", 0), ("wan", 0), ("net0", 0), ("ne2k_pci.0", 1), ("third", 2)):
        assert monitor.execute(f"set_link {name} off") == ""
        assert [port.link for port in ports] == [k != number for k in range(3)]
        assert monitor.execute("info network").count("link=off") == 1
        assert COMMANDS["set_link"](vm, {"name": name, "up": True}) == {}
        assert all(port.link for port in ports)
    assert monitor.execute("set_link nobody off") == "Error: Device 'nobody' not found\n"
    assert "expected NAME on|off" in monitor.execute("set_link wan up")
    with pytest.raises(QmpError, match="Device 'nobody' not found"):
        COMMANDS["set_link"](vm, {"name": "nobody", "up": True})
    with pytest.raises(QmpError, match="Invalid parameter type for 'up'"):
        COMMANDS["set_link"](vm, {"name": "wan", "up": 1})
