"""QMP over its socket, message by message."""
from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import emu
from emu.control.qmp import QmpServer

SPIN = b"\xeb\xfe"


class Client:
    """Talks to the server; events are kept apart."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.socket.settimeout(10)
        self.lines = self.socket.makefile("rb")
        self.events: list[dict[str, Any]] = []
        self.greeting = self.read()

    def read(self) -> dict[str, Any]:
        return json.loads(self.lines.readline())

    def ask(self, name: str, **arguments: Any) -> Any:
        message = {"execute": name, "arguments": arguments} if arguments else {"execute": name}
        self.socket.sendall(json.dumps(message).encode())
        while "event" in (reply := self.read()):
            self.events.append(reply)
        return reply["return"] if "return" in reply else reply["error"]

    def event(self, name: str) -> dict[str, Any]:
        while True:
            for item in self.events:
                if item["event"] == name:
                    self.events.remove(item)
                    return item
            self.events.append(self.read())


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[tuple[emu.Machine, Client, threading.Thread, list[emu.Stop]]]:
    kernel = tmp_path / "spin"
    kernel.write_bytes(SPIN)
    vm = emu.Machine(memory="4M", kernel=kernel, raw_addr=0x100000, name="spinner")
    server = QmpServer(vm, str(tmp_path / "qmp"))
    stops: list[emu.Stop] = []

    def run() -> None:
        while True:
            stop = vm.run()
            if stop.reason != "paused":
                stops.append(stop)
                return
            vm.wait_resumed()

    thread = threading.Thread(target=run)
    thread.start()
    client = Client(tmp_path / "qmp")
    yield vm, client, thread, stops
    vm.quit()
    thread.join(10)
    server.close()
    vm.close()
    assert not (tmp_path / "qmp").exists()


def test_greeting_and_negotiation(guest: Any) -> None:
    _, client, _, _ = guest
    assert client.greeting["QMP"]["capabilities"] == []
    assert client.ask("query-status")["class"] == "CommandNotFound"
    assert client.ask("qmp_capabilities") == {}
    assert client.ask("query-status") == {"status": "running", "running": True}
    assert client.ask("query-name") == {"name": "spinner"}


def test_stop_and_cont(guest: Any) -> None:
    vm, client, _, _ = guest
    client.ask("qmp_capabilities")
    assert client.ask("stop") == {}
    assert client.event("STOP")["timestamp"]["seconds"] > 1_700_000_000
    assert client.ask("query-status")["status"] == "paused"
    at = vm.icount
    assert vm.icount == at
    assert client.ask("cont") == {}
    client.event("RESUME")
    assert client.ask("query-status")["running"]


def test_reset_and_powerdown(guest: Any) -> None:
    _, client, _, _ = guest
    client.ask("qmp_capabilities")
    assert client.ask("system_reset") == {}
    assert client.event("RESET")["data"] == {"guest": False, "reason": "host-qmp-system-reset"}
    assert client.ask("system_powerdown") == {}
    client.event("POWERDOWN")


def test_memory_goes_to_a_file(guest: Any, tmp_path: Path) -> None:
    _, client, _, _ = guest
    client.ask("qmp_capabilities")
    for command in ("pmemsave", "memsave"):
        assert client.ask(command, val=0x100000, size=4, filename=str(tmp_path / command)) == {}
        assert (tmp_path / command).read_bytes() == SPIN + b"\0\0"
    assert "Could not open" in client.ask("pmemsave", val=0, size=1, filename="/no/such/file")["desc"]


def test_errors_have_qemus_shape(guest: Any) -> None:
    _, client, _, _ = guest
    client.ask("qmp_capabilities")
    assert client.ask("query-statsu")["class"] == "CommandNotFound"
    assert "missing" in client.ask("pmemsave", val=0)["desc"]
    assert "unexpected" in client.ask("stop", now=True)["desc"]
    assert "expected: int" in client.ask("pmemsave", val="0", size=1, filename="f")["desc"]
    client.socket.sendall(b"{nonsense}\n")
    assert "JSON" in client.read()["error"]["desc"]
    client.socket.sendall(b'{"execute": "query-version", "id": 7}')
    assert client.read()["id"] == 7


def test_commands_are_listed(guest: Any) -> None:
    _, client, _, _ = guest
    client.ask("qmp_capabilities")
    names = {row["name"] for row in client.ask("query-commands")}
    assert {"query-status", "stop", "cont", "quit", "system_reset", "system_powerdown", "pmemsave", "memsave"} <= names


def test_quit(guest: Any) -> None:
    _, client, thread, stops = guest
    client.ask("qmp_capabilities")
    assert client.ask("quit") == {}
    assert client.event("SHUTDOWN")["data"] == {"guest": False, "reason": "host-qmp-quit"}
    thread.join(10)
    assert stops[0].reason == "quit"
