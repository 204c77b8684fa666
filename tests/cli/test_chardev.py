"""Host ends of serial ports: file, pseudo-terminal, unix socket, pipes."""
from __future__ import annotations

import os
import select
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from process import EMU, ENV

import emu

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "roms" / "demo.elf"


def machine(*serials: emu.SerialConfig) -> emu.Machine:
    return emu.Machine(memory="32M", kernel=DEMO, serials=serials)


def test_file(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with machine(emu.SerialConfig("file", str(log))) as vm:
        vm.serial.expect("type help")
    assert log.read_text().startswith("emu demo guest")


def test_unix_socket_both_ways(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with machine(emu.SerialConfig("unix", str(path), server=True)) as vm:
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(path))
        client.settimeout(5)
        client.sendall(b"poweroff\n")
        done: list[emu.Stop] = []
        runner = threading.Thread(target=lambda: done.append(vm.run(seconds=5)))
        runner.start()
        text = b""
        while b"power off" not in text:
            text += client.recv(4096)
        runner.join(30)
        assert done[0].reason == "poweroff"
        client.close()
    assert not path.exists()


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    with machine(emu.SerialConfig("unix", str(path), server=True)), pytest.raises(emu.ConfigError, match="already"):
        machine(emu.SerialConfig("unix", str(path), server=True))


def test_unix_client_needs_a_server(tmp_path: Path) -> None:
    with pytest.raises(emu.ConfigError, match="socket"):
        machine(emu.SerialConfig("unix", str(tmp_path / "nobody")))


def test_pty(capsys: pytest.CaptureFixture[str]) -> None:
    with machine(emu.SerialConfig("pty")) as vm:
        name = capsys.readouterr().err.split()[-1]
        terminal = os.open(name, os.O_RDWR | os.O_NOCTTY)
        try:
            vm.serial.expect("type help")
            assert select.select([terminal], [], [], 5)[0]
            assert os.read(terminal, 100).startswith(b"emu demo guest")
        finally:
            os.close(terminal)


def test_four_ports_are_four_ports(tmp_path: Path) -> None:
    code = b"".join(b"\x66\xba" + port.to_bytes(2, "little") + bytes([0xB0, 0x31 + k, 0xEE])
                    for k, port in enumerate((0x3F8, 0x2F8, 0x3E8, 0x2E8)))
    kernel = tmp_path / "guest"
    kernel.write_bytes(code + b"\xfa\xf4")
    vm = emu.Machine(memory="4M", kernel=kernel, raw_addr=0x100000)
    assert vm.run(seconds=1).reason == "hang"
    assert [port.text for port in vm.serials] == ["1", "2", "3", "4"]


def test_piped_input_and_output() -> None:
    done = subprocess.run([*EMU, "demo"], env=ENV, input=b"mem\npoweroff\n", capture_output=True, timeout=60)
    assert done.returncode == 0
    assert b"kernel pool pages" in done.stdout


def test_reader_that_goes_away_is_no_traceback() -> None:
    process = subprocess.Popen([*EMU, "demo"], env=ENV, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin and process.stdout and process.stderr
    process.stdout.read(10)
    process.stdout.close()
    process.stdin.write(b"help\n")
    process.stdin.flush()
    assert process.wait(60) == 74
    assert b"Traceback" not in process.stderr.read()
    process.stdin.close()
    process.stderr.close()


def test_hash_is_printed_and_repeats() -> None:
    def run() -> bytes:
        command = [*EMU, "demo", "--timeout", "0.1", "--hash"]
        done = subprocess.run(command, env=ENV, stdin=subprocess.DEVNULL, capture_output=True)
        assert done.returncode == 76, done.stderr
        return done.stdout.splitlines()[-1]
    first = run()
    assert first.startswith(b"run hash ")
    assert run() == first


def test_qmp_on_standard_input() -> None:
    lines = b'{"execute":"qmp_capabilities"}\n{"execute":"query-status"}\n{"execute":"quit"}\n'
    done = subprocess.run([*EMU, "run", "-kernel", str(DEMO), "-display", "none", "-qmp", "stdio"], env=ENV, input=lines,
                          capture_output=True, timeout=60)
    assert done.returncode == 0
    assert b'"QMP"' in done.stdout
    assert b'"status": "running"' in done.stdout


def test_no_shutdown_stays_until_quit(tmp_path: Path) -> None:
    path = tmp_path / "qmp"
    process = subprocess.Popen([*EMU, "demo", "-no-shutdown", "-qmp", f"unix:{path},server=on,wait=off"], env=ENV,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin and process.stdout
    process.stdin.write(b"poweroff\n")
    process.stdin.flush()
    text = b""
    while b"power off" not in text:
        text += os.read(process.stdout.fileno(), 4096)
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(path))
    client.settimeout(10)
    lines = client.makefile("rb")
    lines.readline()
    client.sendall(b'{"execute":"qmp_capabilities"}{"execute":"query-status"}')
    lines.readline()
    while b"shutdown" not in (reply := lines.readline()):
        client.sendall(b'{"execute":"query-status"}')
    assert b'"running": false' in reply or b"SHUTDOWN" in reply
    client.sendall(b'{"execute":"quit"}')
    assert process.wait(20) == 0
    process.stdin.close()
    process.stdout.close()
    lines.close()
    client.close()
