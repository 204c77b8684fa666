"""A guest's network stack for tests: our own TCP endpoint behind a cable, on virtual time that the test moves."""
from __future__ import annotations

import time
from collections.abc import Callable

from emu.net import packet as p
from emu.net.backend import Backend, Wire
from emu.net.peer import Connection
from emu.net.tcp import Endpoint

MAC = b"\x52\x54\x00\x12\x34\x56"


class FakePort:
    """A NetPort without a card."""

    def __init__(self) -> None:
        self.connected = True
        self.alarm_due = False
        self.link = True
        self.outbox: list[tuple[int, bytes]] = []
        self.inbox: list[bytes] = []
        self.alarm_at: int | None = None

    def take(self) -> list[tuple[int, bytes]]:
        out, self.outbox = self.outbox, []
        self.alarm_due = False
        return out

    def deliver(self, frame: bytes, at_ns: int = 0) -> bool:
        self.inbox.append(frame)
        return True

    def alarm(self, at_ns: int | None = None) -> None:
        self.alarm_at = at_ns


class Client(Connection):
    """A connection that keeps what happened."""

    def __init__(self) -> None:
        super().__init__()
        self.got = bytearray()
        self.is_open = self.at_eof = self.over = self.was_reset = False

    def opened(self, end: Endpoint) -> None:
        self.is_open = True

    def data(self, end: Endpoint, data: bytes) -> None:
        self.got += data
        end.consume(len(data))

    def eof(self, end: Endpoint) -> None:
        self.at_eof = True

    def closed(self, end: Endpoint, reset: bool) -> None:
        self.over, self.was_reset = True, reset


class FakeGuest:
    """Talks IPv4 from `address` through a backend; `drop(frame)` may lose frames in either direction."""

    def __init__(self, backend: Backend, address: str = "10.0.2.15", gateway: str = "10.0.2.2") -> None:
        self.port = FakePort()
        self.ns = 0
        self.address = p.ip_bytes(address)
        self.gateway = p.ip_bytes(gateway)
        self.wire = Wire(self.port, backend, lambda: self.ns, lambda: None)
        self.macs: dict[bytes, bytes] = {}
        self.ends: dict[tuple[bytes, int, int], Endpoint] = {}
        self.servers: dict[int, Callable[[], Client]] = {}
        self.udp: list[tuple[bytes, p.Datagram]] = []
        self.icmp: list[p.Ip] = []
        self.drop: Callable[[bytes], bool] = lambda frame: False
        self._next_port = 40000
        self._iss = 1

    # ---- sending ------------------------------------------------------------------------------------------------
    def send(self, frame: bytes) -> None:
        if not self.drop(frame):
            self.port.outbox.append((self.ns, frame + bytes(max(0, 60 - len(frame)))))

    def send_ip(self, dst: bytes, proto: int, body: bytes) -> None:
        mac = self.macs.get(dst) or self.macs.get(self.gateway)
        if mac is None:
            self.resolve(self.gateway)
            mac = self.macs[self.gateway]
        self.send(p.eth(mac, MAC, p.ETH_IP, p.build_ip(self.address, dst, proto, body)))

    def send_udp(self, dst: str, port: int, body: bytes, sport: int = 5000) -> None:
        to = p.ip_bytes(dst)
        self.send_ip(to, p.UDP, p.build_udp(self.address, to, sport, port, body))

    def resolve(self, address: bytes) -> None:
        self.port.outbox.append((self.ns, p.build_arp(1, MAC, self.address, bytes(6), address)))
        self.turn()

    def connect(self, dst: str, port: int) -> Client:
        client = Client()
        to = p.ip_bytes(dst)
        self._next_port += 1
        client.end = self._endpoint(client, to, port, self._next_port)
        client.end.connect()
        return client

    def _endpoint(self, client: Client, to: bytes, port: int, own: int) -> Endpoint:
        self._iss += 1000
        def output(seg: p.Segment) -> None:
            self.send_ip(to, p.TCP, p.build_tcp(self.address, to, seg))

        end = Endpoint(client, output, lambda: self.ns, own, port, self._iss)
        self.ends[to, port, own] = end
        return end

    # ---- turning the world --------------------------------------------------------------------------------------
    def turn(self) -> None:
        """One exchange of frames, a little later."""
        self.ns += 100_000
        if self.port.alarm_at is not None and self.port.alarm_at <= self.ns:
            self.port.alarm_at = None
            self.port.alarm_due = True
        self.wire.service()
        inbox, self.port.inbox = self.port.inbox, []
        for frame in inbox:
            if not self.drop(frame):
                self.receive(frame)
        for end in list(self.ends.values()):
            if end.deadline is not None and end.deadline <= self.ns:
                end.expire()
            end.flush()

    def until(self, done: Callable[[], object], seconds: float = 20.0) -> None:
        """Turn until `done()`; fails after so many seconds of the wall clock."""
        limit = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < limit, "it did not happen"
            busy = bool(self.port.outbox or self.port.inbox)
            self.turn()
            if not busy and not self.port.inbox and not self.port.outbox:
                self.ns += 5_000_000
                if self.wire.backend.outside:
                    time.sleep(0.0005)

    def receive(self, frame: bytes) -> None:
        if int.from_bytes(frame[12:14], "big") == p.ETH_ARP:
            arp = p.parse_arp(frame)
            assert arp is not None
            self.macs[arp.src] = arp.src_mac
            if arp.op == 1 and arp.dst == self.address:
                self.send(p.build_arp(2, MAC, self.address, arp.src_mac, arp.src))
            return
        if int.from_bytes(frame[12:14], "big") != p.ETH_IP:
            return
        ip = p.parse_ip(frame)
        assert ip is not None, frame
        if ip.proto == p.ICMP:
            self.icmp.append(ip)
        elif ip.proto == p.UDP:
            udp = p.parse_udp(ip)
            assert udp is not None
            self.udp.append((ip.src, udp))
        else:
            seg = p.parse_tcp(ip)
            assert seg is not None
            key = (ip.src, seg.sport, seg.dport)
            end = self.ends.get(key)
            if end is None and seg.flags & p.SYN and seg.dport in self.servers:
                client = self.servers[seg.dport]()
                client.end = self._endpoint(client, ip.src, seg.sport, seg.dport)
                client.end.accept(seg)
            elif end is not None:
                end.segment(seg)
            elif not seg.flags & p.RST:
                out = p.Segment(seg.dport, seg.sport, seg.ack, seg.seq + 1, p.RST | p.ACK, 0)
                self.send_ip(ip.src, p.TCP, p.build_tcp(self.address, ip.src, out))
