"""The user network and a peer under packets that are wrong: DHCP, DNS, TFTP, TCP, ICMP, ARP, fragments, and streams of garbage.

What must hold: no exception, nothing kept without bound, TFTP stays in its directory, and the services answer afterwards.
EMU_FUZZ_NET=N sends N packets instead of 30,000.
"""
from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from fake import MAC, FakeGuest
from test_user import ask_dhcp, dhcp, guest, read_all, server, tftp_get

from emu.net import packet as p
from emu.net.peer import Echo, Peer
from emu.net.services import Tftp
from emu.net.stream import StreamConfig, StreamNet

PACKETS = int(os.environ.get("EMU_FUZZ_NET", "30000"))
EDGES = (0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF)


def mutate(dice: random.Random, body: bytes, most: int = 4) -> bytes:
    out = bytearray(body)
    for _ in range(dice.randrange(most + 1)):
        if not out:
            break
        at = dice.randrange(len(out))
        how = dice.random()
        if how < 0.5:
            out[at] = dice.choice(EDGES) if how < 0.25 else dice.randrange(256)
        elif how < 0.65:
            del out[at:at + dice.randrange(1, 9)]
        elif how < 0.8:
            out[at:at] = dice.randbytes(dice.randrange(1, 9))
        else:
            out[at:at + 2] = out[:dice.randrange(1, 60)]
    return bytes(out[:1472])


class Sender:
    """Makes frames of a guest; most have right checksums around a wrong inside."""

    def __init__(self, seed: int, g: FakeGuest, ports: tuple[int, ...]) -> None:
        self.dice = random.Random(seed)
        self.g = g
        self.ports = ports
        self.to = g.macs[g.gateway]
        self.udp = ((67, dhcp(1)), (67, dhcp(3, b"\x32\4\x0a\0\2\x0f")), (67, dhcp(8)), (67, dhcp(4)), (67, dhcp(7)),
                    (69, b"\0\1kernel\0octet\0blksize\x001400\0tsize\x000\0"), (69, b"\0\4\0\0"), (69, b"\0\4\0\1"),
                    (69, b"\0\5\0\0x\0"),
                    (69, b"\0\1../../etc/passwd\0octet\0"), (53, b"\x12\x34\1\0\0\1\0\0\0\0\0\0\x09localhost\0\0\1\0\1"),
                    (53, b"\x12\x34\1\0\0\1\0\0\0\0\0\0\x3f" + b"a" * 63 + b"\xc0\x0c\0\1\0\1"))

    def address(self) -> bytes:
        return self.dice.choice((self.g.gateway, self.g.gateway, p.ip_bytes("10.0.2.3"), b"\xff" * 4, p.ip_bytes("10.0.2.77"),
                                 bytes(4), p.ip_bytes("224.0.0.1"), self.g.address))

    def ip(self, dst: bytes, proto: int, body: bytes) -> bytes:
        frag = 0 if self.dice.random() < 0.9 else self.dice.choice((0x2000, 0x2001, 1, 0x1FFF, 0x3FFF, 185, 0x4000))
        strange = self.dice.choice((bytes(4), b"\x0a\0\2\x55", b"\x7f\0\0\1", self.g.gateway))
        src = self.g.address if self.dice.random() < 0.9 else strange
        packet = p.build_ip(src, dst, proto, body, self.dice.randrange(8), frag=frag)
        return p.eth(self.to, MAC, p.ETH_IP, packet)

    def frame(self) -> bytes:
        dice = self.dice
        kind = dice.randrange(8)
        dst = self.address()
        if kind <= 2:
            port, body = dice.choice(self.udp)
            own = dice.choice((68, 3000, 3001, 3002))
            out = self.ip(dst, p.UDP, p.build_udp(self.g.address, dst, own, port, mutate(dice, body)))
        elif kind <= 5:
            seg = p.Segment(dice.randrange(2000, 2016), dice.choice(self.ports), dice.choice((0, 1, 1000, dice.getrandbits(32))),
                            dice.choice((0, 65536, dice.getrandbits(32))), dice.getrandbits(6), dice.choice((0, 1, 512, 65535)),
                            dice.randbytes(dice.choice((0, 0, 1, 100, 1460))), dice.choice((None, 0, 1, 1460, 65535)),
                            dice.choice((None, 0, 7, 14, 255)))
            out = self.ip(dst, p.TCP, mutate(dice, p.build_tcp(self.g.address, dst, seg), 1))
            if dice.random() < 0.7:
                out = self.ip(dst, p.TCP, p.build_tcp(self.g.address, dst, seg))
        elif kind == 6:
            out = self.ip(dst, p.ICMP, mutate(dice, p.build_icmp(dice.choice((8, 8, 0, 3, 13)), 0, b"\0\1\0\2", b"x" * 30), 1))
        else:
            src = dice.choice((self.g.address, bytes(4), self.g.gateway))
            out = p.build_arp(dice.choice((1, 1, 2, 0)), MAC, src, bytes(6), dst)
        if dice.random() < 0.2:
            out = mutate(dice, out)
        return out


def play(g: FakeGuest, packets: int, seed: int, ports: tuple[int, ...]) -> None:
    sender = Sender(seed, g, ports)
    for k in range(packets):
        g.port.outbox.append((g.ns, sender.frame()))
        if k % 20 == 0:
            g.ns += sender.dice.choice((1000, 1_000_000, 300_000_000))
            g.port.alarm_due = sender.dice.random() < 0.5
            g.wire.service()
            g.port.inbox.clear()
    g.ns += 60_000_000_000
    for _ in range(40):                     # what is still open gives up
        g.ns += 20_000_000_000
        g.port.alarm_due = True
        g.wire.service()
    g.port.inbox.clear()
    g.udp.clear()


def bounded(thing: object, seen: set[int] | None = None) -> int:
    """The length of the longest container somewhere inside."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, (str, int, float, type(None), type, socket.socket)):
        return 0
    seen.add(id(thing))
    if isinstance(thing, (bytes, bytearray)):
        return len(thing) >> 16
    if isinstance(thing, dict):
        return max([len(thing), *(bounded(x, seen) for x in [*thing, *thing.values()])])
    if isinstance(thing, (list, tuple, set, frozenset)):
        return max([len(thing), *(bounded(x, seen) for x in thing)])
    return 0


def test_user_network(tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(bytes(5000))
    with server(lambda sock: sock.sendall(read_all(sock))) as port, guest(tftp=str(tmp_path), hostname="box") as g:
        g.resolve(g.gateway)
        play(g, PACKETS, 1, (port, port, port, 1, 80))
        net = g.wire.backend
        assert bounded({k: v for k, v in vars(net).items() if k not in ("_wire", "_selector", "_waiter")}) <= 1100
        assert "no connections" in net.info() or "0 TCP" in net.info()
        g.resolve(g.gateway)
        assert tftp_get(g, b"kernel") == (bytes(5000), b"")
        assert ask_dhcp(g, dhcp(8, ciaddr=g.address)) is not None
        c = g.connect("10.0.2.2", port)
        g.until(lambda: c.is_open)
        c.end.write(b"still here")
        c.end.shutdown()
        g.until(lambda: c.at_eof)
        assert bytes(c.got) == b"still here"


def test_peer() -> None:
    lan = Peer("10.0.2.2", dhcp="10.0.2.15", names={"localhost": "10.0.2.2"})
    lan.serve_http({"/": b"page"})
    lan.listen(7, Echo)
    g = FakeGuest(lan)
    g.resolve(g.gateway)
    play(g, PACKETS, 2, (80, 7, 1))
    assert "0 connections" in lan.info() and len(lan._macs) <= 1024
    g.resolve(g.gateway)
    c = g.connect("10.0.2.2", 80)
    g.until(lambda: c.is_open)
    c.end.write(b"GET / HTTP/1.0\r\n\r\n")
    g.until(lambda: c.at_eof)
    assert c.got.endswith(b"page")


PARTS = (b"..", b".", b"", b"sub", b"kernel", b"link", b"up", b"\\..", b"~", b"c:")
NAMES: tuple[Callable[[random.Random], bytes], ...] = (
    lambda d: b"/".join(d.choices(PARTS, k=d.randrange(1, 9))),
    lambda d: d.randbytes(d.randrange(40)),
    lambda d: b"/" * d.randrange(9) + b"etc/passwd",
    lambda d: b"a/" * d.randrange(3000) + b"..",
    lambda d: b"sub/" + b"..\\" * d.randrange(4) + b"secret",
)


def test_tftp_stays_inside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    inside = os.urandom(700)
    (root / "kernel").write_bytes(inside)
    (tmp_path / "secret").write_bytes(b"SECRET" * 100)
    (root / "link").symlink_to("../secret")
    (root / "up").symlink_to("..")
    (root / "sub" / "loop").symlink_to("loop")
    (root / "absolute").symlink_to(tmp_path / "secret")
    (root / "good").symlink_to("kernel")
    os.mkfifo(root / "pipe")
    dice = random.Random(5)
    tftp = Tftp(root)
    assert tftp.answer(b"abcd", 1, b"\0\1good\0octet\0") == b"\0\3\0\1" + inside[:512]
    for name in (b"../secret", b"link", b"up/secret", b"absolute", b"/" + str(tmp_path / "secret").encode(), b"sub/loop", b"pipe",
                 b".", b"up", b"kernel\0", b"sub/../../secret", b"..\\secret", b"%2e%2e/secret", b"\xc0\xae\xc0\xae/secret",
                 b"x" * 300):
        answer = tftp.answer(b"abcd", 2, b"\0\1" + name + b"\0octet\0")
        assert answer is not None and answer[:4] == (b"\0\5\0\1" if name != b"kernel\0" else b"\0\5\0\4"), name
    for k in range(PACKETS // 10):
        answer = tftp.answer(b"abcd", k % 50, b"\0\1" + dice.choice(NAMES)(dice) + b"\0octet\0")
        assert answer is None or answer[:2] == b"\0\5" or answer[4:] == inside[:512]
        assert len(tftp._sessions) <= Tftp.SESSIONS


def test_stream_of_garbage(tmp_path: Path) -> None:
    """Whoever is at the other end of -netdev stream says anything."""
    dice = random.Random(9)
    net = StreamNet(StreamConfig(f"unix:{tmp_path / 's'}", True))
    g = FakeGuest(net)
    frames = 0
    for _ in range(PACKETS // 1000):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(tmp_path / "s"))
            sock.setblocking(False)
            for _ in range(20):
                size = dice.choice((14, 60, 1514, 2000))
                much = size
                if dice.random() < 0.2:
                    size = dice.choice((0, 1, 13, 16384, 16385, 1 << 20, 0xFFFFFFFF))
                    much = dice.choice((0, min(size, 2000), 60))
                try:
                    sock.sendall(size.to_bytes(4, "big") + dice.randbytes(much))
                except OSError:
                    break
                net._waiter = None
                for key, mask in net._selector.select(0):
                    key.data(mask)
        for key, mask in net._selector.select(0):
            key.data(mask)
        net._leave()
        assert all(14 <= len(frame) <= 16384 for frame in g.port.inbox)
        frames += len(g.port.inbox)
        g.port.inbox.clear()
    assert frames > PACKETS // 1000
    net._selector.close()


@pytest.mark.parametrize("seed", range(3))
def test_reassembly_keeps_little(seed: int) -> None:
    dice = random.Random(seed)
    box = p.Reassembly()
    for k in range(PACKETS // 10):
        body = dice.randbytes(dice.choice((8, 16, 1480, 7)))
        frame = p.eth(MAC, MAC, p.ETH_IP, p.build_ip(b"\x0a\0\2\x0f", b"\x0a\0\2\2", 17, body, dice.randrange(100),
                                                     frag=dice.choice((0x2000, 0)) | dice.getrandbits(13)))
        whole = box.add(frame, k * 1000)
        assert whole is None or len(whole.body) <= 0xFFFF
        assert len(box._parts) <= 16
