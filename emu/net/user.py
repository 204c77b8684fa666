"""The user network: a gateway, DHCP, DNS, TFTP and NAT to the host's sockets, without root; addresses as QEMU's.

    10.0.2.2    gateway; TCP and UDP to it reach the host's loopback; TFTP server; 10.0.2.3 answers DNS; 10.0.2.15... are leased

The guest's side (windows, timers, retransmission) runs on virtual time, the host's side on non-blocking sockets.
Not here: IPv6, incoming ICMP errors, SMB.  Spec: the RFCs named in packet.py, tcp.py, services.py; QEMU's -netdev user.
"""
from __future__ import annotations

import errno
import ipaddress
import os
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from . import packet as p
from .backend import Backend, Wire
from .relay import CHUNK, Flow, Key, Relay, Waiter, connect
from .services import DHCP_CLIENT, DHCP_SERVER, DNS_PORT, TFTP_PORT, A, Dhcp, Lease, Tftp, build_answer, parse_query
from .tcp import STATES

GATEWAY_MAC = b"\x52\x55\x0a\x00\x02\x02"
FLOW_NS = 120_000_000_000       # an unused UDP or ping flow is forgotten
REPLY_NS = 3_000_000_000        # so long somebody outside may still be about to answer
FLOWS = 512                     # at most; the oldest goes
CONNECTIONS = 1024
PENDING = 64                    # packets held until the guest's MAC is known
RESOLV_CONF = Path("/etc/resolv.conf")


@dataclass(frozen=True, slots=True)
class Forward:
    """hostfwd: host `host`:`port` to guest `guest`:`guest_port`; proto "tcp" or "udp"."""

    proto: str
    host: str
    port: int
    guest: str
    guest_port: int

    def __str__(self) -> str:
        return f"{self.proto}:{self.host}:{self.port}-{self.guest}:{self.guest_port}"


@dataclass(frozen=True, slots=True)
class GuestForward:
    """guestfwd: the guest's connections to `address`:`port` go to "tcp:HOST:PORT", "unix:PATH" or "cmd:COMMAND"."""

    address: str
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class UserConfig:
    """What `-netdev user,...` says."""

    net: str = "10.0.2.0/24"
    host: str = ""
    dns: str = ""
    dhcpstart: str = ""
    hostname: str = ""
    domainname: str = ""
    dnssearch: tuple[str, ...] = ()
    tftp: str = ""
    tftp_server_name: str = ""
    bootfile: str = ""
    restrict: bool = False
    hostfwd: tuple[Forward, ...] = ()
    guestfwd: tuple[GuestForward, ...] = ()
    upstream_dns: str = ""          # "HOST[:PORT]": whom to ask instead of resolv.conf's first server

    def address(self, given: str, offset: int, what: str) -> bytes:
        """An address in the net: the one given, or the net's first plus `offset`."""
        net = self.network()
        if not given:
            return (int(net.network_address) + offset).to_bytes(4, "big")
        try:
            out = p.ip_bytes(given)
        except ValueError as error:
            raise ConfigError(f"user network: {what}: {error}") from None
        if ipaddress.IPv4Address(out) not in net:
            raise ConfigError(f"user network: {what} {given} is not in {net}")
        return out

    def network(self) -> ipaddress.IPv4Network:
        """The net as a checked object."""
        try:
            net = ipaddress.IPv4Network(self.net, strict=False)
        except ValueError:
            raise ConfigError(f"user network: {self.net!r} is not a network like 10.0.2.0/24") from None
        if not 8 <= net.prefixlen <= 27:
            raise ConfigError(f"user network: {net} is too {'small' if net.prefixlen > 27 else 'large'}; take a /8 to /27")
        return net


@dataclass(frozen=True, slots=True)
class Connection:
    """A line of `info usernet`: queues in bytes, towards the host and towards the guest."""

    what: str
    fd: int
    source: tuple[str, int]
    to: tuple[str, int]
    received: int
    sent: int


class UserNet(Backend):
    """The backend of `-netdev user`."""

    def __init__(self, config: UserConfig) -> None:
        self.config = config
        net = config.network()
        self.mask = net.netmask.packed
        self._net = net
        self.gateway = config.address(config.host, 2, "host")
        self.dns = config.address(config.dns, 3, "dns")
        self.first = config.address(config.dhcpstart, 15, "dhcpstart")
        self._dhcp = Dhcp(Lease(self.gateway, self.mask, None if config.restrict else self.gateway,
                                None if config.restrict else self.dns, self.first, config.hostname, config.domainname,
                                config.dnssearch, config.bootfile, config.tftp_server_name))
        self._tftp: Tftp | None = None
        if config.tftp:
            root = Path(config.tftp)
            if not root.is_dir():
                raise ConfigError(f"user network: tftp={config.tftp}: no such directory")
            if not os.access(root, os.R_OK | os.X_OK):
                raise ConfigError(f"user network: tftp={config.tftp}: the directory cannot be read")
            self._tftp = Tftp(root)
        self._guestfwd = {(config.address(f.address, 0, "guestfwd"), f.port): f.target for f in config.guestfwd}
        self._wire: Wire | None = None
        self._macs: dict[bytes, bytes] = {}
        self._held: dict[bytes, list[bytes]] = {}       # address → IP packets that wait for its MAC
        self._ident = 0
        self._iss = 0x10000
        self._port = 49152
        self._tcp: dict[Key, Relay] = {}      # guest ip, port, other ip, port
        self._udp: dict[Key, Flow] = {}
        self._reassembly = p.Reassembly()
        self._dirty: dict[Relay, None] = {}
        self._alarm: int | None = None      # virtual time `expire` is ordered for
        self._selector = selectors.DefaultSelector()
        self._waiter: Waiter | None = None
        self._listeners: list[tuple[socket.socket, Forward]] = []
        self._udp_peers: dict[int, tuple[str, int]] = {}        # our port towards the guest → who came through hostfwd
        try:
            for forward in config.hostfwd:
                self._listen(forward)
        except BaseException:
            self.close()
            raise

    # ---- the backend contract -----------------------------------------------------------------------------------
    def attach(self, wire: Wire) -> None:
        self._wire = wire
        self._waiter = Waiter(self._selector, wire.wake)

    def receive(self, frame: bytes, now_ns: int) -> None:
        if len(frame) < 14:
            return
        kind = int.from_bytes(frame[12:14], "big")
        if kind == p.ETH_ARP:
            self._arp(frame)
        elif kind == p.ETH_IP:
            ip = p.parse_ip(frame) or self._reassembly.add(frame, now_ns)
            if ip is not None:
                self._ip(ip)

    def expire(self) -> None:
        now = self._now()
        for relay in list(self._tcp.values()):
            end = relay.end
            if end.deadline is not None and end.deadline <= now:
                end.expire()
                self._dirty[relay] = None
        self._alarm = None
        for relay in self._tcp.values():
            self._schedule(relay.end.deadline)

    def poll(self) -> None:
        if self._waiter is not None and self._waiter.ready():
            for key, mask in self._selector.select(0):
                key.data(mask)
            self._waiter.again()
        while self._dirty:
            relay, _ = self._dirty.popitem()
            relay.pump()
            relay.end.flush()
            self._schedule(relay.end.deadline)

    @property
    def outside(self) -> bool:
        now = self._now()
        return bool(self._listeners or self._tcp) or any(now - flow.used_ns < REPLY_NS for flow in self._udp.values())

    def info(self) -> str:
        tcp = f"{len(self._tcp)} TCP, {len(self._udp)} UDP" if self._tcp or self._udp else "no"
        ports = "".join(f", {forward}" for _, forward in self._listeners)
        return f"user: net {self._net}, gateway {p.ip_text(self.gateway)}, {tcp} connections{ports}"

    def connections(self) -> list[Connection]:
        """What is open, for `info usernet`."""
        out = []
        for sock, forward in self._listeners:
            host, port = sock.getsockname()
            out.append(Connection(f"{forward.proto.upper()}[HOST_FORWARD]", sock.fileno(), (host, port),
                                  (forward.guest or p.ip_text(self.first), forward.guest_port), 0, 0))
        for (guest, port, other, other_port), relay in self._tcp.items():
            out.append(Connection(f"TCP[{STATES[relay.end.state]}]", relay.sock.fileno(), (p.ip_text(guest), port),
                                  (p.ip_text(other), other_port), *relay.waiting()))
        now = self._now()
        for (guest, port, other, other_port), flow in self._udp.items():
            left = max(0, FLOW_NS - (now - flow.used_ns)) // 1_000_000_000
            kind = "ICMP" if port > 0xFFFF else "UDP"
            out.append(Connection(f"{kind}[{left} sec]", flow.sock.fileno(), (p.ip_text(guest), port & 0xFFFF),
                                  (p.ip_text(other), other_port), 0, 0))
        return out

    def close(self) -> None:
        if self._waiter is not None:
            self._waiter.close()
        for relay in list(self._tcp.values()):
            relay.hang_up()
        for flow in list(self._udp.values()):
            flow.close()
        for listener, _ in self._listeners:
            listener.close()
        self._tcp.clear()
        self._udp.clear()
        self._listeners.clear()
        self._selector.close()

    # ---- wire level ---------------------------------------------------------------------------------------------
    def _now(self) -> int:
        assert self._wire is not None
        return self._wire.now()

    def _send(self, frame: bytes) -> None:
        if self._wire is not None:
            self._wire.send(frame)

    def _arp(self, frame: bytes) -> None:
        arp = p.parse_arp(frame)
        if arp is None:
            return
        if any(arp.src):
            self._learn(arp.src, arp.src_mac)
        if arp.op == 1 and arp.dst != arp.src and self._is_ours(arp.dst):
            self._send(p.build_arp(2, self._mac(arp.dst), arp.dst, arp.src_mac, arp.src))

    def _is_ours(self, address: bytes) -> bool:
        return address in (self.gateway, self.dns) or any(address == a for a, _ in self._guestfwd)

    @staticmethod
    def _mac(address: bytes) -> bytes:
        return GATEWAY_MAC[:2] + address if address[:1] == b"\x0a" else GATEWAY_MAC[:5] + address[3:]

    def _learn(self, address: bytes, mac: bytes) -> None:
        if self._macs.get(address) == mac and address not in self._held:
            return
        if ipaddress.IPv4Address(address) not in self._net or mac[0] & 1:
            return
        if len(self._macs) < 1024 or address in self._macs:
            self._macs[address] = mac
        for body in self._held.pop(address, []):
            self._send(p.eth(mac, self._mac(self.gateway), p.ETH_IP, body))

    def _send_ip(self, src: bytes, dst: bytes, proto: int, body: bytes, mac: bytes | None = None) -> None:
        """An IP packet to the guest, in fragments where it is longer than a frame."""
        self._ident = self._ident + 1 & 0xFFFF
        mac = mac or (p.BROADCAST if dst == b"\xff" * 4 else self._macs.get(dst))
        pieces = [(at, body[at:at + 1480]) for at in range(0, len(body), 1480)] or [(0, b"")]
        for at, piece in pieces:
            more = 0x2000 if at + 1480 < len(body) else 0
            whole = p.build_ip(src, dst, proto, piece, self._ident, frag=more | at >> 3)
            if mac is not None:
                self._send(p.eth(mac, self._mac(src if self._is_ours(src) else self.gateway), p.ETH_IP, whole))
                continue
            held = self._held.setdefault(dst, [])
            if len(held) < PENDING and len(self._held) <= PENDING:
                held.append(whole)
            self._send(p.build_arp(1, self._mac(self.gateway), self.gateway, bytes(6), dst))

    # ---- IP -----------------------------------------------------------------------------------------------------
    def _ip(self, ip: p.Ip) -> None:
        if any(ip.src):
            self._learn(ip.src, ip.src_mac)
        if ip.proto == p.UDP:
            self._udp_in(ip)
        elif ip.proto == p.TCP:
            self._tcp_in(ip)
        elif ip.proto == p.ICMP:
            self._icmp_in(ip)

    def _unreachable(self, ip: p.Ip, code: int) -> None:
        if ip.dst != b"\xff" * 4:
            self._send_ip(self.gateway, ip.src, p.ICMP, p.build_icmp(3, code, bytes(4), ip.raw[:28]))

    def _icmp_in(self, ip: p.Ip) -> None:
        if len(ip.body) < 8 or ip.body[0] != 8 or p.checksum(ip.body):
            return
        if self._is_ours(ip.dst):
            self._send_ip(ip.dst, ip.src, p.ICMP, p.build_icmp(0, 0, ip.body[4:8], ip.body[8:]))
        elif self.config.restrict or ipaddress.IPv4Address(ip.dst) in self._net:
            self._unreachable(ip, 1)
        else:
            key = (ip.src, int.from_bytes(ip.body[4:6], "big") | 0x10000, ip.dst, 0)
            flow = self._udp.get(key)
            if flow is None:
                try:
                    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
                except OSError:
                    self._unreachable(ip, 13)
                    return
                flow = self._add_flow(key, sock, self._ping_reply)
            flow.send(ip.body, (p.ip_text(ip.dst), 0))

    def _ping_reply(self, flow: Flow, data: bytes, source: tuple[Any, ...]) -> None:
        guest, ident, _, _ = flow.key
        if len(data) >= 8 and data[0] == 0:
            body = p.build_icmp(0, 0, (ident & 0xFFFF).to_bytes(2, "big") + data[6:8], data[8:])
            self._send_ip(p.ip_bytes(source[0]), guest, p.ICMP, body)

    # ---- UDP ----------------------------------------------------------------------------------------------------
    def _udp_in(self, ip: p.Ip) -> None:
        udp = p.parse_udp(ip)
        if udp is None:
            return
        if udp.dport == DHCP_SERVER and (ip.dst == b"\xff" * 4 or ip.dst == self.gateway):
            reply = self._dhcp.answer(udp.body)
            if reply is not None:
                body = p.build_udp(self.gateway, reply.dst, DHCP_SERVER, DHCP_CLIENT, reply.body)
                self._send_ip(self.gateway, reply.dst, p.UDP, body, reply.mac)
            return
        if ip.dst == self.gateway and udp.dport == TFTP_PORT and self._tftp is not None:
            answer = self._tftp.answer(ip.src, udp.sport, udp.body)
            if answer is not None:
                self._reply_udp(ip, udp, answer)
            return
        if self.config.restrict or ip.dst == b"\xff" * 4 or ip.dst[0] >= 224:
            return
        if ip.dst == self.dns and udp.dport == DNS_PORT:
            self._dns_in(ip, udp)
            return
        if ip.dst == self.gateway:
            target = "127.0.0.1"
        elif ipaddress.IPv4Address(ip.dst) in self._net:
            self._unreachable(ip, 1)
            return
        else:
            target = p.ip_text(ip.dst)
        key = (ip.src, udp.sport, ip.dst, udp.dport)
        for listener, forward in self._listeners:       # an answer to what came through hostfwd leaves by the same door
            if forward.proto == "udp" and udp.sport == forward.guest_port and ip.dst == self.gateway:
                peer = self._udp_peers.get(udp.dport)
                if peer is not None:
                    with suppress(OSError):
                        listener.sendto(udp.body, peer)
                    return
        flow = self._udp.get(key) or self._add_flow(key, socket.socket(socket.AF_INET, socket.SOCK_DGRAM), self._udp_reply)
        failed = flow.send(udp.body, (target, udp.dport))
        if failed:
            self._unreachable(ip, 3 if failed == errno.ECONNREFUSED else 1)

    def _reply_udp(self, ip: p.Ip, udp: p.Datagram, body: bytes) -> None:
        self._send_ip(ip.dst, ip.src, p.UDP, p.build_udp(ip.dst, ip.src, udp.dport, udp.sport, body))

    def _add_flow(self, key: Key, sock: socket.socket,
                  reply: Callable[[Flow, bytes, tuple[Any, ...]], None]) -> Flow:
        now = self._now()
        for old in [f for f in self._udp.values() if now - f.used_ns > FLOW_NS]:
            self._drop_flow(old)
        while len(self._udp) >= FLOWS:
            self._drop_flow(min(self._udp.values(), key=lambda f: f.used_ns))
        flow = Flow(key, sock, reply, self._now)
        self._udp[key] = flow
        self.watch(sock, selectors.EVENT_READ, flow.readable)
        return flow

    def _drop_flow(self, flow: Flow) -> None:
        self.unwatch(flow.sock)
        flow.close()
        self._udp.pop(flow.key, None)

    def _udp_reply(self, flow: Flow, data: bytes, source: tuple[Any, ...]) -> None:
        guest, port, other, other_port = flow.key
        self._send_ip(other, guest, p.UDP, p.build_udp(other, guest, other_port, port, data))

    # ---- DNS ----------------------------------------------------------------------------------------------------
    def _upstream(self) -> tuple[str, int] | None:
        if self.config.upstream_dns:
            host, _, port = self.config.upstream_dns.partition(":")
            return host, int(port or 53)
        with suppress(OSError):
            for line in RESOLV_CONF.read_text().splitlines():
                words = line.split()
                if len(words) >= 2 and words[0] == "nameserver" and ":" not in words[1]:
                    return words[1], 53
        return None

    def _dns_in(self, ip: p.Ip, udp: p.Datagram) -> None:
        question = parse_query(udp.body)
        if question is None:
            return
        if question.kind == A and question.name.lower() in ("localhost", "host.internal"):
            self._reply_udp(ip, udp, build_answer(question, [self.gateway]))
            return
        server = self._upstream()
        if server is None:
            self._reply_udp(ip, udp, build_answer(question, [], 2))
            return
        key = (ip.src, udp.sport, ip.dst, udp.dport)
        flow = self._udp.get(key) or self._add_flow(key, socket.socket(socket.AF_INET, socket.SOCK_DGRAM), self._udp_reply)
        if flow.send(udp.body, server):
            self._reply_udp(ip, udp, build_answer(question, [], 2))

    # ---- TCP ----------------------------------------------------------------------------------------------------
    def _tcp_in(self, ip: p.Ip) -> None:
        seg = p.parse_tcp(ip)
        if seg is None:
            return
        key = (ip.src, seg.sport, ip.dst, seg.dport)
        relay = self._tcp.get(key)
        if relay is None:
            if seg.flags & (p.SYN | p.ACK | p.RST) == p.SYN:
                self._dial(ip, seg, key)
            elif not seg.flags & p.RST:
                self.refuse(key, seg)
            return
        relay.end.segment(seg)
        self._dirty[relay] = None

    def refuse(self, key: Key, seg: p.Segment) -> None:
        """Answer with a reset."""
        guest, port, other, other_port = key
        size = len(seg.body) + bool(seg.flags & p.SYN) + bool(seg.flags & p.FIN)
        if seg.flags & p.ACK:
            out = p.Segment(other_port, port, seg.ack, 0, p.RST, 0)
        else:
            out = p.Segment(other_port, port, 0, seg.seq + size, p.RST | p.ACK, 0)
        self._send_ip(other, guest, p.TCP, p.build_tcp(other, guest, out))

    def _dial(self, ip: p.Ip, seg: p.Segment, key: Key) -> None:
        """The guest opens a connection to the outside."""
        target = self._guestfwd.get((ip.dst, seg.dport))
        if target is None:
            outside = ipaddress.IPv4Address(ip.dst) not in self._net
            if self.config.restrict or not outside and ip.dst != self.gateway or len(self._tcp) >= CONNECTIONS:
                self.refuse(key, seg)
                return
            target = f"tcp:{p.ip_text(ip.dst) if outside else '127.0.0.1'}:{seg.dport}"
        try:
            sock, pending, process = connect(target)
        except OSError:
            self.refuse(key, seg)
            return
        relay = Relay(self, key, sock, process)
        self._tcp[key] = relay
        relay.syn = seg
        if pending:
            self.watch(sock, selectors.EVENT_WRITE, relay.connected)
        else:
            relay.answer()

    def _listen(self, forward: Forward) -> None:
        kind = socket.SOCK_STREAM if forward.proto == "tcp" else socket.SOCK_DGRAM
        sock = socket.socket(socket.AF_INET, kind)
        try:
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((forward.host, forward.port))
            if kind == socket.SOCK_STREAM:
                sock.listen(512)
        except OSError as error:
            sock.close()
            raise ConfigError(f"user network: hostfwd={forward}: the host's port {forward.port} cannot be had: "
                              f"{error.strerror or error}") from None
        sock.setblocking(False)
        self._listeners.append((sock, forward))
        run = self._accept if forward.proto == "tcp" else self._datagram
        self._selector.register(sock, selectors.EVENT_READ, lambda mask: run(sock, forward))

    def host_port(self, index: int = 0) -> int:
        """The port a hostfwd listens on (asked for as 0: any free one)."""
        port: int = self._listeners[index][0].getsockname()[1]
        return port

    def _ephemeral(self) -> int:
        self._port = 49152 if self._port >= 65535 else self._port + 1
        return self._port

    def _accept(self, listener: socket.socket, forward: Forward) -> None:
        for _ in range(64):
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            if len(self._tcp) >= CONNECTIONS:
                sock.close()
                continue
            sock.setblocking(False)
            guest = p.ip_bytes(forward.guest) if forward.guest else self.first
            key = (guest, forward.guest_port, self.gateway, self._ephemeral())
            while key in self._tcp:
                key = (*key[:3], self._ephemeral())
            relay = Relay(self, key, sock, None)
            self._tcp[key] = relay
            relay.end.connect()
            self._dirty[relay] = None

    def _datagram(self, listener: socket.socket, forward: Forward) -> None:
        for _ in range(64):
            try:
                data, peer = listener.recvfrom(CHUNK)
            except OSError:
                return
            port = next((k for k, v in self._udp_peers.items() if v == peer), None)
            if port is None:
                port = self._ephemeral()
                while len(self._udp_peers) >= FLOWS:
                    del self._udp_peers[next(iter(self._udp_peers))]
                self._udp_peers[port] = peer
            guest = p.ip_bytes(forward.guest) if forward.guest else self.first
            self._send_ip(self.gateway, guest, p.UDP, p.build_udp(self.gateway, guest, port, forward.guest_port, data))

    def next_iss(self) -> int:
        """An initial sequence number; the same in every run."""
        self._iss = self._iss + 64_000 & 0xFFFFFFFF
        return self._iss

    def output(self, relay: Relay, seg: p.Segment) -> None:
        """A segment of a connection, to the guest."""
        guest, _, other, _ = relay.key
        mac = self._macs.get(guest)
        if mac is not None and seg.mss is None:
            self._ident = self._ident + 1 & 0xFFFF
            here = self._mac(other if self._is_ours(other) else self.gateway)
            self._send(p.build_tcp_frame(mac, here, other, guest, self._ident, seg))
            return
        self._send_ip(other, guest, p.TCP, p.build_tcp(other, guest, seg))

    def forget(self, relay: Relay) -> None:
        """The connection is over."""
        self._tcp.pop(relay.key, None)

    def touch(self, relay: Relay) -> None:
        """An acknowledgement may be due."""
        self._dirty[relay] = None

    # ---- host side ----------------------------------------------------------------------------------------------
    def watch(self, sock: socket.socket, events: int, run: Callable[[int], None]) -> None:
        """Call `run(mask)` when the socket is ready."""
        try:
            self._selector.modify(sock, events, run)
        except KeyError:
            self._selector.register(sock, events, run)
        if self._waiter is not None:
            self._waiter.changed()

    def unwatch(self, sock: socket.socket) -> None:
        """No more."""
        with suppress(KeyError, ValueError):
            self._selector.unregister(sock)

    def now(self) -> int:
        """Virtual time."""
        return self._now()

    def _schedule(self, at_ns: int | None) -> None:
        """Be called then, at the latest; an alarm whose reason has gone is let come."""
        if at_ns is not None and (self._alarm is None or at_ns < self._alarm) and self._wire is not None:
            self._alarm = at_ns
            self._wire.alarm(at_ns)
