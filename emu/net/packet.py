"""Ethernet, ARP, IPv4, ICMP, UDP and TCP as bytes: parse what a guest sends, build what it gets.

Parsers give None for what is malformed (short, wrong version, wrong checksum, a fragment): such packets are dropped, as
a host's stack drops them.  Addresses are 4 or 6 bytes.  Spec: RFC 791, 792, 768, 826, 894, 9293.
"""
from __future__ import annotations

import struct
from dataclasses import dataclass, field

ETH_IP = 0x0800
ETH_ARP = 0x0806
ICMP, TCP, UDP = 1, 6, 17
BROADCAST = b"\xff" * 6
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
_IP = struct.Struct(">BBHHHBBH4s4s")
_TCP = struct.Struct(">HHIIBBHHH")
_TCP_FRAME = struct.Struct(">6s6sHHHHHBBH4s4sHHIIBBHHH")
_UDP = struct.Struct(">HHHH")
_ARP = struct.Struct(">HHBBH6s4s6s4s")


def ip_bytes(text: str) -> bytes:
    """4 bytes of a dotted address; ValueError when it is none."""
    parts = text.split(".")
    if len(parts) != 4 or not all(p.isdigit() and len(p) <= 3 and int(p) < 256 for p in parts):
        raise ValueError(f"{text!r} is not an IPv4 address")
    return bytes(int(p) for p in parts)


def ip_text(addr: bytes) -> str:
    """Dotted form."""
    return ".".join(str(b) for b in addr)


def checksum(data: bytes, start: int = 0) -> int:
    """The Internet checksum (RFC 1071) of `data`, on top of the partial sum `start`."""
    if len(data) & 1:
        data += b"\0"
    # 2**16 = 1 modulo 65535, so the one's complement sum is the big number modulo 65535 (which is never 0 for data != 0)
    total = int.from_bytes(data, "big") + start
    rest = total % 0xFFFF
    if rest == 0 and total:
        rest = 0xFFFF
    return rest ^ 0xFFFF


def _pseudo(src: bytes, dst: bytes, proto: int, size: int) -> int:
    return int.from_bytes(src + dst, "big") + proto + size


@dataclass(slots=True)
class Ip:
    """An IPv4 packet with its Ethernet source."""

    src: bytes
    dst: bytes
    proto: int
    body: bytes
    frame: bytes = b""      # the frame it came in (its last, of a packet in fragments)

    @property
    def src_mac(self) -> bytes:
        """The sender's address on the wire."""
        return self.frame[6:12]

    @property
    def raw(self) -> bytes:
        """The packet from its header on."""
        return self.frame[14:]


@dataclass(slots=True)
class Segment:
    """A TCP segment."""

    sport: int
    dport: int
    seq: int
    ack: int
    flags: int
    window: int
    body: bytes = b""
    mss: int | None = None
    scale: int | None = None


@dataclass(slots=True)
class Datagram:
    """A UDP datagram."""

    sport: int
    dport: int
    body: bytes = field(default=b"")


@dataclass(slots=True)
class Arp:
    """An ARP packet; op 1 asks, 2 answers."""

    op: int
    src_mac: bytes
    src: bytes
    dst_mac: bytes
    dst: bytes


def eth(dst: bytes, src: bytes, kind: int, body: bytes) -> bytes:
    """An Ethernet II frame, without padding and FCS."""
    return dst + src + kind.to_bytes(2, "big") + body


def parse_arp(frame: bytes) -> Arp | None:
    """ARP for IPv4 on Ethernet."""
    if len(frame) < 14 + 28:
        return None
    hw, proto, hlen, plen, op, smac, src, dmac, dst = _ARP.unpack_from(frame, 14)
    return Arp(op, smac, src, dmac, dst) if (hw, proto, hlen, plen) == (1, ETH_IP, 6, 4) else None


def build_arp(op: int, src_mac: bytes, src: bytes, dst_mac: bytes, dst: bytes) -> bytes:
    """A whole ARP frame."""
    to = dst_mac if op == 2 else BROADCAST
    return eth(to, src_mac, ETH_ARP, _ARP.pack(1, ETH_IP, 6, 4, op, src_mac, src, dst_mac if op == 2 else bytes(6), dst))


def parse_ip(frame: bytes) -> Ip | None:
    """The IPv4 packet of an Ethernet frame; fragments are None (see Reassembly)."""
    if len(frame) < 34:
        return None
    head = frame[14]
    size = (head & 15) * 4
    if head >> 4 != 4 or size < 20 or len(frame) < 14 + size:
        return None
    _, _, total, _, frag, _, proto, _, src, dst = _IP.unpack_from(frame, 14)
    if total < size or 14 + total > len(frame) or checksum(frame[14:14 + size]):
        return None
    if frag & 0x3FFF:
        return None
    return Ip(src, dst, proto, frame[14 + size:14 + total], frame)


def parse_fragment(frame: bytes) -> tuple[bytes, int, bool, Ip] | None:
    """(key, offset, more, packet) of an IPv4 fragment; None if it is none or malformed."""
    if len(frame) < 34 or frame[14] >> 4 != 4:
        return None
    size = (frame[14] & 15) * 4
    if size < 20 or len(frame) < 14 + size or checksum(frame[14:14 + size]):
        return None
    _, _, total, ident, frag, _, proto, _, src, dst = _IP.unpack_from(frame, 14)
    if not frag & 0x3FFF or total < size or 14 + total > len(frame):
        return None
    key = src + dst + bytes([proto]) + ident.to_bytes(2, "big")
    packet = Ip(src, dst, proto, frame[14 + size:14 + total], frame)
    return key, (frag & 0x1FFF) * 8, bool(frag & 0x2000), packet


def build_ip(src: bytes, dst: bytes, proto: int, body: bytes, ident: int = 0, ttl: int = 64, frag: int = 0) -> bytes:
    """An IPv4 packet."""
    head = _IP.pack(0x45, 0, 20 + len(body), ident, frag, ttl, proto, 0, src, dst)
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + body


def parse_udp(ip: Ip) -> Datagram | None:
    """UDP; a checksum of zero is none."""
    if len(ip.body) < 8:
        return None
    sport, dport, size, given = _UDP.unpack_from(ip.body)
    if not 8 <= size <= len(ip.body):
        return None
    if given and checksum(ip.body[:size], _pseudo(ip.src, ip.dst, UDP, size)):
        return None
    return Datagram(sport, dport, ip.body[8:size])


def build_udp(src: bytes, dst: bytes, sport: int, dport: int, body: bytes) -> bytes:
    """A UDP datagram (the body of an IP packet)."""
    size = 8 + len(body)
    head = _UDP.pack(sport, dport, size, 0)
    value = checksum(head + body, _pseudo(src, dst, UDP, size)) or 0xFFFF
    return head[:6] + value.to_bytes(2, "big") + body


def parse_tcp(ip: Ip) -> Segment | None:
    """TCP with the options we use (MSS, window scale)."""
    body = ip.body
    if len(body) < 20:
        return None
    sport, dport, seq, ack, off, flags, window, _, _ = _TCP.unpack_from(body)
    size = (off >> 4) * 4
    if not 20 <= size <= len(body) or checksum(body, _pseudo(ip.src, ip.dst, TCP, len(body))):
        return None
    out = Segment(sport, dport, seq, ack, flags & 0x3F, window, body[size:])
    at = 20
    while at < size:
        kind = body[at]
        if kind == 0:
            break
        if kind == 1:
            at += 1
            continue
        if at + 1 >= size or body[at + 1] < 2 or at + body[at + 1] > size:
            break
        if kind == 2 and body[at + 1] == 4:
            out.mss = int.from_bytes(body[at + 2:at + 4], "big")
        elif kind == 3 and body[at + 1] == 3:
            out.scale = min(body[at + 2], 14)
        at += body[at + 1]
    return out


def build_tcp(src: bytes, dst: bytes, seg: Segment) -> bytes:
    """A TCP segment (the body of an IP packet)."""
    options = b""
    if seg.mss is not None:
        options += b"\x02\x04" + seg.mss.to_bytes(2, "big")
    if seg.scale is not None:
        options += b"\x01\x03\x03" + bytes([seg.scale])
    size = 20 + len(options)
    head = _TCP.pack(seg.sport, seg.dport, seg.seq & 0xFFFFFFFF, seg.ack & 0xFFFFFFFF, size << 2, seg.flags, seg.window, 0, 0)
    whole = head + options + seg.body
    value = checksum(whole, _pseudo(src, dst, TCP, len(whole)))
    return whole[:16] + value.to_bytes(2, "big") + whole[18:]


def build_tcp_frame(dst_mac: bytes, src_mac: bytes, src: bytes, dst: bytes, ident: int, seg: Segment) -> bytes:
    """A whole frame with a segment that has no options, in one go: what a transfer is made of."""
    n = len(seg.body)
    addresses = int.from_bytes(src + dst, "big")
    seq, ack = seg.seq & 0xFFFFFFFF, seg.ack & 0xFFFFFFFF
    ip_sum = (0x4500 + 40 + n + ident + 0x4006 + addresses) % 0xFFFF ^ 0xFFFF
    tcp_sum = checksum(seg.body, addresses + TCP + 20 + n + seg.sport + seg.dport + seq + ack + (0x5000 | seg.flags) + seg.window)
    return _TCP_FRAME.pack(dst_mac, src_mac, ETH_IP, 0x4500, 40 + n, ident, 0, 64, TCP, ip_sum, src, dst,
                           seg.sport, seg.dport, seq, ack, 0x50, seg.flags, seg.window, tcp_sum, 0) + seg.body


def build_icmp(kind: int, code: int, rest: bytes, body: bytes) -> bytes:
    """An ICMP message: `rest` is the 4 bytes behind the checksum."""
    whole = bytes([kind, code, 0, 0]) + rest + body
    return whole[:2] + checksum(whole).to_bytes(2, "big") + whole[4:]


class Reassembly:
    """Puts IPv4 fragments together; at most `limit` packets are in the making, each up to 64 KiB, for `hold_ns`."""

    def __init__(self, limit: int = 16, hold_ns: int = 30_000_000_000) -> None:
        self._parts: dict[bytes, tuple[int, dict[int, bytes], int | None]] = {}
        self._limit = limit
        self._hold_ns = hold_ns

    def add(self, frame: bytes, now_ns: int) -> Ip | None:
        """A whole packet, when this frame was its last missing fragment."""
        found = parse_fragment(frame)
        if found is None:
            return None
        key, offset, more, ip = found
        for old in [k for k, v in self._parts.items() if now_ns - v[0] > self._hold_ns]:
            del self._parts[old]
        began, pieces, size = self._parts.pop(key, (now_ns, {}, None))
        if offset + len(ip.body) > 0xFFFF - 20 or more and len(ip.body) & 7:
            return None
        pieces[offset] = ip.body
        if not more:
            size = offset + len(ip.body)
        if size is not None:
            whole = bytearray()
            for at in sorted(pieces):
                if at > len(whole):
                    break
                whole[at:at + len(pieces[at])] = pieces[at]
            if len(whole) >= size:
                return Ip(ip.src, ip.dst, ip.proto, bytes(whole[:size]), ip.frame)
        while len(self._parts) >= self._limit:
            del self._parts[next(iter(self._parts))]
        self._parts[key] = (began, pieces, size)
        return None
