"""QMP's keys, mouse, pictures and media; and the client from PyPI, unmodified, driving a boot."""
from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from process import EMU, ENV
from test_qmp import Client

import emu
from emu.control.qmp import QmpServer
from emu.roms import rom_path


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[tuple[emu.Machine, Client]]:
    vm = emu.Machine(memory="32M", kernel=rom_path("demo.elf"))
    vm.serial.expect("type help")
    vm.pace()
    server = QmpServer(vm, str(tmp_path / "qmp"))

    def run() -> None:
        while vm.run().reason == "paused":
            vm.wait_resumed()
    thread = threading.Thread(target=run)
    thread.start()
    client = Client(tmp_path / "qmp")
    client.ask("qmp_capabilities")
    yield vm, client
    vm.quit()
    thread.join(20)
    server.close()
    vm.close()


def until(vm: emu.Machine, words: str) -> None:
    end = time.monotonic() + 30
    while words not in vm.serial.text:
        assert time.monotonic() < end, vm.serial.text
        time.sleep(0.05)


def qcodes(*names: str) -> list[dict[str, str]]:
    return [{"type": "qcode", "data": name} for name in names]


def key_event(name: str, down: bool) -> dict[str, Any]:
    return {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": name}}}


def test_keys(guest: tuple[emu.Machine, Client]) -> None:
    vm, client = guest
    assert client.ask("send-key", keys=qcodes("shift", "h"), **{"hold-time": 20}) == {}
    assert client.ask("send-key", keys=[{"type": "number", "data": 0x12}]) == {}
    for name in ("l", "p", "ret"):
        assert client.ask("input-send-event", events=[key_event(name, True), key_event(name, False)]) == {}
    until(vm, "Help: no such command")
    assert "does not accept value 'foo'" in client.ask("send-key", keys=qcodes("foo"))["desc"]
    assert "this key is 'ret'" in client.ask("send-key", keys=qcodes("enter"))["desc"]


def test_mouse_events_are_checked_whole(guest: tuple[emu.Machine, Client]) -> None:
    vm, client = guest
    events = [{"type": "rel", "data": {"axis": "x", "value": 5}}, {"type": "btn", "data": {"down": True, "button": "middle"}},
              {"type": "abs", "data": {"axis": "x", "value": 16000}}, {"type": "abs", "data": {"axis": "y", "value": 32767}},
              {"type": "btn", "data": {"down": True, "button": "wheel-down"}}]
    assert client.ask("input-send-event", events=events) == {}
    assert vm.mouse.buttons == {"middle"}
    assert abs(vm.mouse.scaled[0] - 16000) < 60 and vm.mouse.scaled[1] == 32767
    wrong = [{"type": "btn", "data": {"down": False, "button": "middle"}}, {"type": "rel", "data": {"axis": "z", "value": 5}}]
    assert "does not accept value 'z'" in client.ask("input-send-event", events=wrong)["desc"]
    assert vm.mouse.buttons == {"middle"}


def test_pictures(guest: tuple[emu.Machine, Client], tmp_path: Path) -> None:
    _, client = guest
    assert client.ask("screendump", filename=str(tmp_path / "a.ppm")) == {}
    assert (tmp_path / "a.ppm").read_bytes().startswith(b"P6\n720 400\n255\n")
    assert client.ask("screendump", filename=str(tmp_path / "a"), format="png") == {}
    assert (tmp_path / "a").read_bytes().startswith(b"\x89PNG")
    assert "failed to open file" in client.ask("screendump", filename=str(tmp_path / "no" / "a"))["desc"]


def test_media(guest: tuple[emu.Machine, Client], tmp_path: Path) -> None:
    _, client = guest
    image = tmp_path / "cd.iso"
    image.write_bytes(bytes(1 << 20))
    blocks = {row["device"]: row for row in client.ask("query-block")}
    assert blocks["ide1-cd0"]["removable"] and "inserted" not in blocks["ide1-cd0"]
    assert client.ask("blockdev-change-medium", device="ide1-cd0", filename=str(image)) == {}
    assert client.event("DEVICE_TRAY_MOVED")["data"] == {"device": "ide1-cd0", "id": "/machine/ide1-cd0", "tray-open": True}
    blocks = {row["device"]: row for row in client.ask("query-block")}
    inserted = blocks["ide1-cd0"]["inserted"]
    assert inserted["file"] == str(image) and inserted["image"]["virtual-size"] == 1 << 20
    assert client.ask("eject", device="ide1-cd0") == {}
    assert "inserted" not in {row["device"]: row for row in client.ask("query-block")}["ide1-cd0"]
    assert client.ask("eject", device="hda")["class"] == "DeviceNotFound"
    assert "does not exist" in client.ask("blockdev-change-medium", device="floppy0", filename="/no/such")["desc"]


def test_human_monitor_command(guest: tuple[emu.Machine, Client]) -> None:
    vm, client = guest
    assert client.ask("human-monitor-command", **{"command-line": "info status"}) == "VM status: running\r\n"
    assert "EAX=" in client.ask("human-monitor-command", **{"command-line": "info registers"})
    client.ask("human-monitor-command", **{"command-line": "sendkey p 10"})
    client.ask("human-monitor-command", **{"command-line": "sendkey s 10"})
    client.ask("human-monitor-command", **{"command-line": "sendkey ret 10"})
    until(vm, "pid ring")


def test_the_client_from_pypi_drives_a_boot(tmp_path: Path) -> None:
    qmp = pytest.importorskip("qemu.qmp")
    process = subprocess.Popen([*EMU, "demo", "-display", "none", "-serial", "file:serial", "-S", "-qmp",
                                "unix:qmp,server=on,wait=on"], cwd=tmp_path, env=ENV, stdin=subprocess.DEVNULL)
    serial = tmp_path / "serial"

    async def said(words: str) -> None:
        end = time.monotonic() + 60
        while not serial.exists() or words not in serial.read_text():
            assert time.monotonic() < end, words
            await asyncio.sleep(0.05)

    async def drive() -> list[str]:
        seen: list[str] = []
        client = qmp.QMPClient("emu")
        for _ in range(600):
            if (tmp_path / "qmp").exists():
                break
            await asyncio.sleep(0.1)
        await client.connect(str(tmp_path / "qmp"))
        with client.listener() as events:
            assert (await client.execute("query-status"))["running"] is False
            await client.execute("cont")
            await said("type help")
            for name in ("m", "e", "m", "ret"):
                await client.execute("send-key", {"keys": qcodes(name), "hold-time": 10})
            await said("pool pages in use")
            await client.execute("stop")
            await client.execute("cont")
            await client.execute("system_reset")
            while serial.read_text().count("type help") < 2:
                await asyncio.sleep(0.05)
            for name in ("p", "o", "w", "e", "r", "o", "f", "f", "ret"):
                await client.execute("send-key", {"keys": qcodes(name), "hold-time": 10})
            async for event in events:
                seen.append(event["event"])
                if event["event"] == "SHUTDOWN":
                    assert event["data"] == {"guest": True, "reason": "guest-shutdown"}
                    break
        with suppress(EOFError):        # the emulator may have hung up first
            await client.disconnect()
        return seen
    try:
        seen = asyncio.run(asyncio.wait_for(drive(), 120))
        assert seen == ["RESUME", "STOP", "RESUME", "RESET", "SHUTDOWN"]
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.kill()
