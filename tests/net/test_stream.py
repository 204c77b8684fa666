"""Cables out of the process: frames on sockets to ourselves and to a real QEMU's network, and a tap device."""
from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from fake import FakeGuest
from test_user import ask_dhcp, dhcp, read_all, server

from emu.errors import ConfigError
from emu.net.stream import StreamConfig, StreamNet, TapConfig, TapNet

FRAME = b"\xff" * 6 + b"\x52\x54\0\0\0\1\x88\xb5" + bytes(range(46))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def settle(g: FakeGuest, done: object, seconds: float = 10) -> None:
    limit = time.monotonic() + seconds
    while not done():           # type: ignore[operator]
        assert time.monotonic() < limit, "it did not happen"
        g.wire.service()
        time.sleep(0.002)


def test_frames_carry_their_length(tmp_path: Path) -> None:
    path = tmp_path / "s"
    net = StreamNet(StreamConfig(f"unix:{path}", True))
    g = FakeGuest(net)
    assert "waiting" in net.info()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        settle(g, lambda: "connected" in net.info())
        raw = len(FRAME).to_bytes(4, "big") + FRAME
        for cut in (1, 3, 5, 30):           # in pieces, and two at once
            sock.sendall(raw[:cut])
            g.wire.service()
            sock.sendall(raw[cut:] + raw)
        settle(g, lambda: len(g.port.inbox) == 8)
        assert g.port.inbox == [FRAME] * 8
        g.port.outbox.append((0, FRAME))
        g.wire.service()
        assert sock.recv(1000) == raw
    settle(g, lambda: "waiting" in net.info())
    with socket.socket(socket.AF_UNIX) as sock:         # the next client
        sock.connect(str(path))
        sock.sendall(b"\xff\xff\xff\xff" + bytes(100))      # not the protocol: it is shown the door
        settle(g, lambda: "connected" in net.info())
        settle(g, lambda: "waiting" in net.info())
        assert sock.recv(10) == b""
    net.close()
    assert not path.exists()


def test_frames_nobody_takes_are_lost_not_kept() -> None:
    port = free_port()
    net = StreamNet(StreamConfig(f"tcp:127.0.0.1:{port}", True))
    g = FakeGuest(net)
    with socket.create_connection(("127.0.0.1", port)):
        settle(g, lambda: "connected" in net.info())
        for _ in range(10_000):
            net.receive(bytes(1514), 0)
        assert net.lost > 0 and len(net._out) < 8 << 20
    net.close()


@contextmanager
def qemu(*netdev: str) -> Iterator[subprocess.Popen[bytes]]:
    """A QEMU without a guest: its user network behind one of its sockets."""
    program = shutil.which("qemu-system-i386")
    if program is None:
        pytest.skip("needs qemu-system-i386")
    wanted = netdev[1].partition(",")[0]
    if wanted not in subprocess.run([program, "-netdev", "help"], capture_output=True, text=True).stdout:
        pytest.skip(f"this QEMU has no -netdev {wanted}")
    hub = [word for k, name in enumerate(("u", "s")) for word in ("-netdev", f"hubport,hubid=0,id=h{k},netdev={name}")]
    process = subprocess.Popen([program, "-machine", "none", "-nodefaults", "-display", "none", "-netdev", "user,id=u", *netdev,
                                *hub])
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def uses_its_network(g: FakeGuest) -> None:
    """DHCP and TCP, both ways, through QEMU to a server here."""
    limit = time.monotonic() + 20
    while ask_dhcp(g, dhcp(1)) is None:     # until QEMU is there
        assert time.monotonic() < limit
        time.sleep(0.05)
        g.wire.service()
    g.until(lambda: (g.resolve(g.gateway), g.gateway in g.macs)[1])
    data = os.urandom(300_000)

    def handle(sock: socket.socket) -> None:
        sock.sendall(read_all(sock)[::-1])

    with server(handle) as port:
        c = g.connect("10.0.2.2", port)
        g.until(lambda: c.is_open)
        for at in range(0, len(data), 30_000):
            c.end.write(data[at:at + 30_000])
        c.end.shutdown()
        g.until(lambda: c.at_eof)
        assert bytes(c.got) == data[::-1]


@pytest.mark.parametrize("ours_first", [True, False], ids=["qemu connects", "qemu listens"])
@pytest.mark.parametrize("kind", ["stream", "socket"])
def test_a_real_qemu_at_the_other_end(kind: str, ours_first: bool) -> None:
    port = free_port()
    theirs = {("stream", True): f"stream,id=s,server=off,addr.type=inet,addr.host=127.0.0.1,addr.port={port}",
              ("stream", False): f"stream,id=s,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port={port}",
              ("socket", True): f"socket,id=s,connect=127.0.0.1:{port}",
              ("socket", False): f"socket,id=s,listen=127.0.0.1:{port}"}[kind, ours_first]
    net = StreamNet(StreamConfig(f"tcp:127.0.0.1:{port}", True)) if ours_first else None
    with qemu("-netdev", theirs):
        for _ in range(500):
            if net is not None:
                break
            with suppress(ConfigError):
                net = StreamNet(StreamConfig(f"tcp:127.0.0.1:{port}"))
            time.sleep(0.02)
        assert net is not None, "QEMU does not listen"
        g = FakeGuest(net)
        try:
            uses_its_network(g)
        finally:
            net.close()


TAP = """
import socket, subprocess, sys, threading
sys.path[:0] = sys.argv[1:]
from fake import FakeGuest
from emu.net import packet as p
from emu.net.stream import TapConfig, TapNet
for words in ("link set lo up", "tuntap add tap9 mode tap", "addr add 10.9.0.1/24 dev tap9", "link set tap9 up"):
    if subprocess.run(["ip", *words.split()]).returncode:
        raise SystemExit(77)
net = TapNet(TapConfig("tap9"))
g = FakeGuest(net, "10.9.0.2", "10.9.0.1")
g.until(lambda: (g.resolve(g.gateway), g.gateway in g.macs)[1])
g.send_ip(g.gateway, p.ICMP, p.build_icmp(8, 0, b"\\0\\1\\0\\2", b"payload"))
g.until(lambda: any(ip.body[0] == 0 and ip.body[8:] == b"payload" for ip in g.icmp))
listener = socket.create_server(("10.9.0.1", 0))
def serve():
    sock, _ = listener.accept()
    got = b"".join(iter(lambda: sock.recv(65536), b""))
    sock.sendall(got[::-1])
    sock.close()
threading.Thread(target=serve, daemon=True).start()
c = g.connect("10.9.0.1", listener.getsockname()[1])
g.until(lambda: c.is_open)
c.end.write(b"tap" * 10000)
c.end.shutdown()
g.until(lambda: c.at_eof)
assert bytes(c.got) == (b"tap" * 10000)[::-1]
net.close()
print("all well")
"""


def test_tap_in_a_network_of_its_own() -> None:
    """Linux's own stack at the other end of a tap device, in a network namespace."""
    if not shutil.which("unshare") or not shutil.which("ip") or not os.path.exists("/dev/net/tun"):
        pytest.skip("needs unshare, ip and /dev/net/tun")
    unshare = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    if subprocess.run([*unshare, "ip", "tuntap", "add", "tap9", "mode", "tap"], capture_output=True).returncode:
        pytest.skip("this system gives out no network namespace with a tap device")
    done = subprocess.run([*unshare, sys.executable, "-P", "-c", TAP, str(Path(__file__).parent)], capture_output=True, text=True,
                          timeout=60)
    assert "all well" in done.stdout, done.stdout + done.stderr


def test_what_the_host_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nobody answers at tcp:127\.0\.0\.1:\d+: "):
        StreamNet(StreamConfig(f"tcp:127.0.0.1:{free_port()}"))
    with socket.create_server(("127.0.0.1", 0)) as busy:
        with pytest.raises(ConfigError, match=r"cannot listen at tcp:127\.0\.0\.1:\d+: Address already in use"):
            StreamNet(StreamConfig(f"tcp:127.0.0.1:{busy.getsockname()[1]}", True))
    with pytest.raises(ConfigError, match=f"cannot listen at unix:{tmp_path}/no/s"):
        StreamNet(StreamConfig(f"unix:{tmp_path}/no/s", True))
    with pytest.raises(ConfigError, match="no tap devices|there is no interface nosuch9"):
        TapNet(TapConfig("nosuch9"))
    with pytest.raises(ConfigError, match="not an interface name"):
        TapConfig("x" * 16)
