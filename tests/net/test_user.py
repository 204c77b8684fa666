"""The user network against our own TCP endpoint as the guest and real sockets as the host."""
from __future__ import annotations

import hashlib
import os
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from fake import MAC, Client, FakeGuest

from emu.errors import ConfigError
from emu.net import packet as p
from emu.net.services import MAGIC
from emu.net.user import Forward, GuestForward, UserConfig, UserNet


@contextmanager
def guest(**options: object) -> Iterator[FakeGuest]:
    net = UserNet(UserConfig(**options))        # type: ignore[arg-type]
    try:
        yield FakeGuest(net)
    finally:
        net.close()


@contextmanager
def server(handle: object) -> Iterator[int]:
    """A TCP server on the loopback; `handle(sock)` in a thread per client."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)

    def run() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=work, args=(sock,), daemon=True).start()

    def work(sock: socket.socket) -> None:
        with sock, suppress(OSError):
            handle(sock)        # type: ignore[operator]

    threading.Thread(target=run, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def read_all(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


def test_arp_ping_and_silence() -> None:
    with guest() as g:
        g.resolve(g.gateway)
        assert g.macs[g.gateway] == b"\x52\x55\x0a\x00\x02\x02"
        for name in ("10.0.2.2", "10.0.2.3"):
            to = p.ip_bytes(name)
            g.send_ip(to, p.ICMP, p.build_icmp(8, 0, b"\0\1\0\2", b"payload"))
            g.turn()
            assert g.icmp[-1].src == to and g.icmp[-1].body[0] == 0 and g.icmp[-1].body[8:] == b"payload"
        before = len(g.icmp)
        g.send_ip(p.ip_bytes("10.0.2.77"), p.ICMP, p.build_icmp(8, 0, b"\0\1\0\3", b""))
        g.turn()
        assert [ip.body[:2] for ip in g.icmp[before:]] == [b"\x03\x01"]


def dhcp(kind: int, *options: bytes, ciaddr: bytes = bytes(4)) -> bytes:
    head = bytearray(240)
    head[0:3] = b"\1\1\6"
    head[4:8] = b"abcd"
    head[12:16] = ciaddr
    head[28:34] = MAC
    head[236:240] = MAGIC
    return bytes(head) + bytes([53, 1, kind]) + b"".join(options) + b"\xff"


def ask_dhcp(g: FakeGuest, body: bytes) -> p.Datagram | None:
    g.send(p.eth(p.BROADCAST, MAC, p.ETH_IP, p.build_ip(bytes(4), b"\xff" * 4, p.UDP,
                                                        p.build_udp(bytes(4), b"\xff" * 4, 68, 67, body))))
    before = len(g.udp)
    g.turn()
    return g.udp[-1][1] if len(g.udp) > before else None


def test_dhcp_offers_acknowledges_and_refuses() -> None:
    with guest(hostname="box", bootfile="pxe.0", dnssearch=("a.example", "b.example")) as g:
        offer = ask_dhcp(g, dhcp(1))
        assert offer is not None and offer.body[16:20] == p.ip_bytes("10.0.2.15") and offer.body[4:8] == b"abcd"
        ack = ask_dhcp(g, dhcp(3, b"\x32\4" + p.ip_bytes("10.0.2.15"), b"\x36\4" + g.gateway))
        assert ack is not None
        for option in (b"\x35\1\5", b"\1\4\xff\xff\xff\0", b"\3\4" + g.gateway, b"\6\4" + p.ip_bytes("10.0.2.3"),
                       b"\x0c\3box", b"\x43\5pxe.0", b"\x77\x16\1a\7example\0\1b\7example\0"):
            assert option in ack.body[240:]
        assert ack.body[108:114] == b"pxe.0\0"
        nak = ask_dhcp(g, dhcp(3, b"\x32\4" + p.ip_bytes("10.0.2.99")))
        assert nak is not None and nak.body[240:243] == b"\x35\1\6"
        assert ask_dhcp(g, dhcp(3, b"\x36\4" + p.ip_bytes("10.9.9.9"))) is None
        for length in (0, 10, 235):
            assert ask_dhcp(g, dhcp(1)[:length]) is None


def test_connection_to_the_host_and_back() -> None:
    payload = os.urandom(3_000_000)
    digest: list[bytes] = []

    def handle(sock: socket.socket) -> None:
        digest.append(hashlib.sha256(read_all(sock)).digest())
        sock.sendall(payload)

    with server(handle) as port, guest() as g:
        c = g.connect("10.0.2.2", port)
        g.until(lambda: c.is_open)
        sent = 0
        while sent < len(payload):
            n = min(c.end.room, 65536)
            c.end.write(payload[sent:sent + n])
            sent += n
            g.turn()
        c.end.shutdown()
        g.until(lambda: c.at_eof)
        assert bytes(c.got) == payload and digest == [hashlib.sha256(payload).digest()]
        g.until(lambda: c.over)
        assert not c.was_reset
        g.until(lambda: not g.wire.backend.outside)


def test_lost_frames_are_sent_again() -> None:
    payload = os.urandom(400_000)
    dice = random.Random(1)
    with server(lambda sock: (sock.sendall(payload), read_all(sock))) as port, guest() as g:
        g.resolve(g.gateway)
        g.drop = lambda frame: dice.random() < 0.05
        c = g.connect("10.0.2.2", port)
        g.until(lambda: len(c.got) == len(payload), 60)
        assert bytes(c.got) == payload


def test_refused_connections_are_reset() -> None:
    with guest() as g, socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        probe.close()
        c = g.connect("10.0.2.2", port)
        g.until(lambda: c.over)
        assert c.was_reset and not c.is_open
        c = g.connect("10.0.2.44", 80)
        g.until(lambda: c.over)
        assert c.was_reset


def test_restrict_leaves_nothing_but_dhcp() -> None:
    with server(lambda sock: sock.sendall(b"secret")) as port, guest(restrict=True) as g:
        c = g.connect("10.0.2.2", port)
        g.until(lambda: c.over)
        assert c.was_reset
        ack = ask_dhcp(g, dhcp(1))
        assert ack is not None and b"\3\4" + g.gateway not in ack.body[240:]


def test_hostfwd_with_200_connections() -> None:
    payloads = [os.urandom(20_000 + k) for k in range(200)]
    replies: list[bytes] = [b""] * 200

    class Server(Client):
        def data(self, end: object, data: bytes) -> None:
            self.end.write(data)
            self.end.consume(len(data))

        def eof(self, end: object) -> None:
            self.end.shutdown()

    with guest(hostfwd=(Forward("tcp", "127.0.0.1", 0, "", 22),)) as g:
        g.servers[22] = Server
        net = g.wire.backend
        assert isinstance(net, UserNet)
        port = net.host_port()

        def talk(k: int) -> None:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
                sender = threading.Thread(target=lambda: (sock.sendall(payloads[k]), sock.shutdown(socket.SHUT_WR)))
                sender.start()
                replies[k] = read_all(sock)
                sender.join()

        threads = [threading.Thread(target=talk, args=(k,)) for k in range(200)]
        for t in threads:
            t.start()
        g.until(lambda: not any(t.is_alive() for t in threads), 90)
        assert replies == payloads
        g.until(lambda: "no connections" in net.info() or ", 0 UDP" in net.info() and "0 TCP" in net.info())


def test_a_thousand_dropped_connections_leave_no_socket() -> None:
    def sockets() -> int:
        return sum(1 for fd in os.listdir("/proc/self/fd") if os.path.realpath(f"/proc/self/fd/{fd}").startswith("/proc/")
                   and "socket:" in os.path.realpath(f"/proc/self/fd/{fd}"))

    with server(lambda sock: sock.sendall(b"hello")) as port, guest() as g:
        before = sockets()
        for _ in range(20):
            clients = [g.connect("10.0.2.2", port) for _ in range(50)]
            g.until(lambda: all(c.is_open for c in clients))        # noqa: B023
            for c in clients:
                c.end.abort()
            for _ in range(3):
                g.turn()
        g.until(lambda: not g.wire.backend.outside)
        assert sockets() <= before + 2


def test_udp_to_the_host_and_hostfwd() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as echo, \
            guest(hostfwd=(Forward("udp", "127.0.0.1", 0, "10.0.2.15", 7),)) as g:
        echo.bind(("127.0.0.1", 0))
        g.send_udp("10.0.2.2", echo.getsockname()[1], b"ping" * 1000)
        g.turn()
        data, source = echo.recvfrom(65536)
        assert data == b"ping" * 1000
        echo.sendto(b"pong", source)
        g.until(lambda: g.udp)
        assert g.udp[-1][1].body == b"pong" and g.udp[-1][0] == g.gateway
        net = g.wire.backend
        assert isinstance(net, UserNet)
        echo.sendto(b"knock", ("127.0.0.1", net.host_port()))
        g.until(lambda: g.udp[-1][1].body == b"knock")
        knock = g.udp[-1][1]
        g.send_udp("10.0.2.2", knock.sport, b"who", sport=7)
        g.turn()
        assert echo.recvfrom(100) == (b"who", ("127.0.0.1", net.host_port()))


def test_dns_is_forwarded() -> None:
    query = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as name_server:
        name_server.bind(("127.0.0.1", 0))
        with guest(upstream_dns=f"127.0.0.1:{name_server.getsockname()[1]}") as g:
            g.send_udp("10.0.2.3", 53, query)
            g.turn()
            data, source = name_server.recvfrom(512)
            assert data == query
            name_server.sendto(query[:2] + b"\x81\x80" + query[4:], source)
            g.until(lambda: g.udp)
            assert g.udp[-1][0] == p.ip_bytes("10.0.2.3") and g.udp[-1][1].body[:4] == b"\x12\x34\x81\x80"


def test_guestfwd_to_a_command(tmp_path: Path) -> None:
    with guest(guestfwd=(GuestForward("10.0.2.100", 80, "cmd:tr a-z A-Z"),)) as g:
        c = g.connect("10.0.2.100", 80)
        g.until(lambda: c.is_open)
        c.end.write(b"shout\n")
        c.end.shutdown()
        g.until(lambda: c.at_eof)
        assert bytes(c.got) == b"SHOUT\n"


def tftp_get(g: FakeGuest, name: bytes, *options: bytes) -> tuple[bytes, bytes]:
    """(content, error)"""
    content = b""
    g.send_udp("10.0.2.2", 69, b"\0\1" + name + b"\0octet\0" + b"".join(o + b"\0" for o in options), 3000)
    size = 512
    while True:
        before = len(g.udp)
        g.turn()
        assert len(g.udp) == before + 1
        body = g.udp[-1][1].body
        op, number = body[1], body[2:4]
        if op == 5:
            return content, body[4:-1]
        if op == 6:
            words = body[2:].split(b"\0")
            assert b"blksize" in words
            size = int(words[words.index(b"blksize") + 1])
            number, data = b"\0\0", None
        else:
            data = body[4:]
            content += data
        g.send_udp("10.0.2.2", 69, b"\0\4" + number, 3000)
        if data is not None and len(data) < size:
            g.turn()
            return content, b""


def test_tftp_reads_and_never_leaves_its_directory(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_text("no")
    data = os.urandom(70_000)
    (root / "kernel").write_bytes(data)
    (root / "sub" / "even").write_bytes(data[:1024])
    (root / "link").symlink_to(tmp_path / "secret")
    with guest(tftp=str(root)) as g:
        g.resolve(g.gateway)
        assert tftp_get(g, b"kernel") == (data, b"")
        assert tftp_get(g, b"/kernel", b"blksize", b"1400", b"tsize", b"0") == (data, b"")
        assert tftp_get(g, b"sub\\even") == (data[:1024], b"")
        for name in (b"../secret", b"sub/../../secret", b"link", b"", b"sub", b"missing", b"/etc/passwd", b"\xff\xfe",
                     b"a" * 5000):
            assert tftp_get(g, name) == (b"", b"file not found")


def test_garbage_is_survived() -> None:
    dice = random.Random(7)
    with guest() as g:
        g.resolve(g.gateway)
        seeds = [dhcp(1), b"\0\1x\0octet\0", b"\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"]
        for k in range(20_000):
            body = bytearray(dice.choice(seeds))
            for _ in range(dice.randrange(4)):
                body[dice.randrange(len(body))] = dice.randrange(256)
            port = dice.choice((67, 69))
            del body[dice.randrange(len(body) + 1):]
            frame = bytearray(p.eth(g.macs[g.gateway], MAC, p.ETH_IP, p.build_ip(g.address, g.gateway, p.UDP, p.build_udp(
                g.address, g.gateway, 68, port, bytes(body)))))
            if k % 3 == 0:
                for _ in range(dice.randrange(1, 6)):
                    frame[dice.randrange(12, len(frame))] = dice.randrange(256)
            if k % 7 == 0:
                del frame[dice.randrange(len(frame)):]
            g.port.outbox.append((g.ns, bytes(frame)))
            if k % 50 == 0:
                g.wire.service()
                g.port.inbox.clear()


def test_bad_configuration_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} cannot be had"):
            UserNet(UserConfig(hostfwd=(Forward("tcp", "127.0.0.1", port, "", 22),)))
    for options, words in (({"tftp": str(tmp_path / "none")}, "no such directory"), ({"net": "10.0.2"}, "not a network"),
                           ({"host": "10.9.9.9"}, "is not in"), ({"dns": "x"}, "not an IPv4 address"),
                           ({"net": "10.0.0.0/30"}, "too small")):
        with pytest.raises(ConfigError, match=words):
            UserNet(UserConfig(**options))      # type: ignore[arg-type]
