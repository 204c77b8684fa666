"""A host made of Python functions at the other end of the cable: a server for a test, on virtual time, without sockets.

    lan = Peer("10.0.0.1", dhcp="10.0.0.15")
    lan.serve_http({"/boot.ipxe": b"#!ipxe\\n..."})
    vm = Machine(..., nics=[Nic(peer=lan)])

Everything it does depends on the guest's frames and on virtual time alone, so runs stay reproducible.  A `peer=` may also be any
Backend, or a function `handler(frame, reply)` that gets every frame as bytes.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from . import packet as p
from .backend import Backend, Wire
from .services import DHCP_CLIENT, DHCP_SERVER, DNS_PORT, TFTP_PORT, A, Dhcp, Lease, Tftp, build_answer, parse_query
from .tcp import Endpoint

Key = tuple[bytes, int, int]        # other address and port, own port
UdpHandler = Callable[[bytes, int, bytes], "bytes | None"]       # source address, source port, data → answer
MAC = b"\x52\x55\x0a\x00\x00\x01"
MACS = 1024             # addresses a host remembers


class Connection:
    """One TCP connection of a Peer; subclass it and override what matters, `listen` makes one per client."""

    def __init__(self) -> None:
        self.end: Endpoint          # set before `opened`

    def opened(self, end: Endpoint) -> None:
        """The connection stands."""

    def data(self, end: Endpoint, data: bytes) -> None:
        """Bytes came."""
        end.consume(len(data))

    def eof(self, end: Endpoint) -> None:
        """The client sends no more."""
        end.shutdown()

    def writable(self, end: Endpoint) -> None:
        """Room for more."""

    def closed(self, end: Endpoint, reset: bool) -> None:
        """Over."""


class Echo(Connection):
    """RFC 862."""

    def data(self, end: Endpoint, data: bytes) -> None:
        end.write(data)
        end.consume(len(data))


class Sink(Connection):
    """Takes everything; `received` and `done` tell."""

    def __init__(self) -> None:
        super().__init__()
        self.received = bytearray()
        self.done = False

    def data(self, end: Endpoint, data: bytes) -> None:
        self.received += data
        end.consume(len(data))

    def closed(self, end: Endpoint, reset: bool) -> None:
        self.done = True


class Http(Connection):
    """GET and HEAD of HTTP/1.0 and 1.1 with ranges, from a mapping of paths to bytes."""

    LIMIT = 16384

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__()
        self._files = files
        self._request = bytearray()
        self._body = memoryview(b"")
        self._close = False

    def data(self, end: Endpoint, data: bytes) -> None:
        end.consume(len(data))
        self._request += data
        if len(self._request) > self.LIMIT:
            end.abort()
            return
        while not self._body and (cut := self._request.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._request[:cut]).decode("latin-1").split("\r\n")
            del self._request[:cut + 4]
            self._answer(end, head)

    def _answer(self, end: Endpoint, head: list[str]) -> None:
        words = head[0].split(" ")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        http11 = words[-1] == "HTTP/1.1"
        self._close = fields.get("connection", "").lower() == "close" or not http11 \
            and fields.get("connection", "").lower() != "keep-alive"
        body = self._files.get(words[1].partition("?")[0]) if len(words) == 3 else None
        status, extra = "200 OK", ""
        if len(words) != 3 or words[0] not in ("GET", "HEAD"):
            status, body = "501 Not Implemented", b""
        elif body is None:
            status, body = "404 Not Found", b"not found\n"
        elif fields.get("range", "").startswith("bytes="):
            first, _, last = fields["range"][6:].partition("-")
            if first.isdigit() and int(first) < len(body) and (not last or last.isdigit()):
                stop = min(int(last) + 1 if last else len(body), len(body))
                extra = f"Content-Range: bytes {first}-{stop - 1}/{len(body)}\r\n"
                status, body = "206 Partial Content", body[int(first):stop]
        keep = "close" if self._close else "keep-alive"
        end.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nAccept-Ranges: bytes\r\n{extra}"
                  f"Connection: {keep}\r\n\r\n".encode())
        self._body = memoryview(b"" if words[0] == "HEAD" else body)
        self.writable(end)

    def writable(self, end: Endpoint) -> None:
        if self._body:
            n = min(end.room, len(self._body))
            part, self._body = self._body[:n], self._body[n:]
            end.write(bytes(part))
        if not self._body and self._close:
            end.shutdown()


class Peer(Backend):
    """An IPv4 host at `address`; a Backend.

    dhcp        first address to lease ("" for no DHCP server); `bootfile` and `tftp` (a directory) for network boot
    names       what its DNS server answers: name → dotted address
    """

    def __init__(self, address: str = "10.0.0.1", *, netmask: str = "255.255.255.0", dhcp: str = "", bootfile: str = "",
                 tftp: str | Path = "", names: Mapping[str, str] | None = None, mac: bytes = MAC) -> None:
        self.address = p.ip_bytes(address)
        self.mac = mac
        self._dhcp: Dhcp | None = None
        if dhcp:
            self._dhcp = Dhcp(Lease(self.address, p.ip_bytes(netmask), self.address, self.address, p.ip_bytes(dhcp),
                                    bootfile=bootfile, tftp_name=address if bootfile else ""))
        self._tftp = Tftp(Path(tftp)) if tftp else None
        self._names = {name.lower(): p.ip_bytes(to) for name, to in (names or {}).items()}
        self._macs: dict[bytes, bytes] = {}
        self._tcp: dict[int, Callable[[], Connection]] = {}
        self._udp: dict[int, UdpHandler] = {}
        self._ends: dict[Key, Endpoint] = {}
        self._wire: Wire | None = None
        self._ident = 0
        self._iss = 0x20000
        self.frames = 0

    # ---- what it serves -----------------------------------------------------------------------------------------
    def listen(self, port: int, make: Callable[[], Connection]) -> None:
        """Answer TCP connections to `port` with a Connection each."""
        self._tcp[port] = make

    def on_udp(self, port: int, handler: UdpHandler) -> None:
        """Answer datagrams to `port`."""
        self._udp[port] = handler

    def serve_http(self, files: Mapping[str, bytes], port: int = 80) -> None:
        """Serve `files`: path → content."""
        self.listen(port, lambda: Http(files))

    # ---- the backend contract -----------------------------------------------------------------------------------
    def attach(self, wire: Wire) -> None:
        self._wire = wire

    def expire(self) -> None:
        assert self._wire is not None
        now = self._wire.now()
        for end in list(self._ends.values()):
            if end.deadline is not None and end.deadline <= now:
                end.expire()

    def poll(self) -> None:
        if self._wire is not None and self._ends:
            for end in list(self._ends.values()):
                end.flush()
            times = [end.deadline for end in self._ends.values() if end.deadline is not None]
            self._wire.alarm(min(times) if times else None)

    def info(self) -> str:
        return f"peer {p.ip_text(self.address)}: {len(self._ends)} connections, {self.frames} frames"

    def close(self) -> None:
        self._ends.clear()

    def receive(self, frame: bytes, now_ns: int) -> None:
        self.frames += 1
        if len(frame) < 14 or frame[:6] not in (self.mac, p.BROADCAST):
            return
        kind = int.from_bytes(frame[12:14], "big")
        if kind == p.ETH_ARP:
            arp = p.parse_arp(frame)
            if arp is not None:
                self._learn(arp.src, arp.src_mac)
                if arp.op == 1 and arp.dst == self.address:
                    self._send(p.build_arp(2, self.mac, self.address, arp.src_mac, arp.src))
        elif kind == p.ETH_IP:
            ip = p.parse_ip(frame)
            if ip is not None:
                self._learn(ip.src, ip.src_mac)
                self._ip(ip)

    def _learn(self, address: bytes, mac: bytes) -> None:
        if any(address) and (address in self._macs or len(self._macs) < MACS):
            self._macs[address] = mac

    def _send(self, frame: bytes) -> None:
        if self._wire is not None:
            self._wire.send(frame)

    def _send_ip(self, dst: bytes, proto: int, body: bytes, mac: bytes | None = None) -> None:
        self._ident = self._ident + 1 & 0xFFFF
        mac = mac or self._macs.get(dst, p.BROADCAST)
        self._send(p.eth(mac, self.mac, p.ETH_IP, p.build_ip(self.address, dst, proto, body, self._ident)))

    def _ip(self, ip: p.Ip) -> None:
        if ip.proto == p.UDP:
            self._udp_in(ip)
        elif ip.dst != self.address:
            return
        elif ip.proto == p.ICMP:
            if len(ip.body) >= 8 and ip.body[0] == 8 and not p.checksum(ip.body):
                self._send_ip(ip.src, p.ICMP, p.build_icmp(0, 0, ip.body[4:8], ip.body[8:]))
        elif ip.proto == p.TCP:
            self._tcp_in(ip)

    def _udp_in(self, ip: p.Ip) -> None:
        udp = p.parse_udp(ip)
        if udp is None:
            return
        if udp.dport == DHCP_SERVER:
            reply = self._dhcp.answer(udp.body) if self._dhcp is not None else None
            if reply is not None:
                body = p.build_udp(self.address, reply.dst, DHCP_SERVER, DHCP_CLIENT, reply.body)
                self._send_ip(reply.dst, p.UDP, body, reply.mac)
            return
        if ip.dst != self.address:
            return
        answer: bytes | None = None
        if udp.dport in self._udp:
            answer = self._udp[udp.dport](ip.src, udp.sport, udp.body)
        elif udp.dport == TFTP_PORT and self._tftp is not None:
            answer = self._tftp.answer(ip.src, udp.sport, udp.body)
        elif udp.dport == DNS_PORT and self._names:
            question = parse_query(udp.body)
            if question is not None:
                found = self._names.get(question.name.lower())
                wanted = [found] if found is not None and question.kind == A else []
                answer = build_answer(question, wanted, 0 if found is not None else 3)
        else:
            self._send_ip(ip.src, p.ICMP, p.build_icmp(3, 3, bytes(4), ip.raw[:28]))
        if answer is not None:
            self._send_ip(ip.src, p.UDP, p.build_udp(self.address, ip.src, udp.dport, udp.sport, answer))

    def _tcp_in(self, ip: p.Ip) -> None:
        seg = p.parse_tcp(ip)
        if seg is None:
            return
        key = (ip.src, seg.sport, seg.dport)
        end = self._ends.get(key)
        if end is not None:
            end.segment(seg)
            return
        if seg.flags & p.RST:
            return
        if seg.flags & (p.SYN | p.ACK) != p.SYN or seg.dport not in self._tcp:
            size = len(seg.body) + bool(seg.flags & p.SYN) + bool(seg.flags & p.FIN)
            out = p.Segment(seg.dport, seg.sport, seg.ack, 0, p.RST, 0) if seg.flags & p.ACK else \
                p.Segment(seg.dport, seg.sport, 0, seg.seq + size, p.RST | p.ACK, 0)
            self._send_ip(ip.src, p.TCP, p.build_tcp(self.address, ip.src, out))
            return
        wire = self._wire
        assert wire is not None
        self._iss = self._iss + 64_000 & 0xFFFFFFFF
        connection = self._tcp[seg.dport]()

        def output(out: p.Segment) -> None:
            self._send_ip(key[0], p.TCP, p.build_tcp(self.address, key[0], out))

        end = Endpoint(_Forgetting(self, key, connection), output, wire.now, seg.dport, seg.sport, self._iss)
        connection.end = end
        self._ends[key] = end
        end.accept(seg)

    def forget(self, key: Key) -> None:
        """A connection is over."""
        self._ends.pop(key, None)


class _Forgetting(Connection):
    """Passes everything on, and takes the connection out of its host's table at the end."""

    def __init__(self, peer: Peer, key: Key, inner: Connection) -> None:
        super().__init__()
        self._peer = peer
        self._key = key
        self._inner = inner

    def opened(self, end: Endpoint) -> None:
        self._inner.opened(end)

    def data(self, end: Endpoint, data: bytes) -> None:
        self._inner.data(end, data)

    def eof(self, end: Endpoint) -> None:
        self._inner.eof(end)

    def writable(self, end: Endpoint) -> None:
        self._inner.writable(end)

    def closed(self, end: Endpoint, reset: bool) -> None:
        self._peer.forget(self._key)
        self._inner.closed(end, reset)


class Handler(Backend):
    """A function as a backend: `function(frame, reply)` for every frame; `reply(frame)` sends one."""

    def __init__(self, function: Callable[[bytes, Callable[[bytes], bool]], None]) -> None:
        self._function = function
        self._wire: Wire | None = None

    def attach(self, wire: Wire) -> None:
        self._wire = wire

    def receive(self, frame: bytes, now_ns: int) -> None:
        assert self._wire is not None
        self._function(frame, self._wire.send)

    def info(self) -> str:
        return f"peer {getattr(self._function, '__name__', 'function')}"
