"""Small UDP servers of the user network: DHCP, TFTP and the answers of DNS.  Bytes in, bytes out; no sockets.

Spec: RFC 2131, 2132 (DHCP), RFC 1350, 2347-2349 (TFTP and its options), RFC 1035 (DNS).
"""
from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from .packet import BROADCAST, ip_text

DHCP_SERVER, DHCP_CLIENT, TFTP_PORT, DNS_PORT = 67, 68, 69, 53
DISCOVER, OFFER, REQUEST, DECLINE, ACKNOWLEDGE, NAK, RELEASE, INFORM = range(1, 9)
MAGIC = b"\x63\x82\x53\x63"
LEASES = 64
LEASE_SECONDS = 86400


@dataclass(slots=True)
class Lease:
    """What DHCP hands out besides the address."""

    server: bytes
    netmask: bytes
    router: bytes | None
    dns: bytes | None
    first: bytes
    hostname: str = ""
    domain: str = ""
    search: tuple[str, ...] = ()
    bootfile: str = ""
    tftp_name: str = ""


@dataclass(slots=True)
class Reply:
    """A DHCP answer: where to and what."""

    mac: bytes
    dst: bytes
    body: bytes


def _options(data: bytes) -> dict[int, bytes]:
    out: dict[int, bytes] = {}
    at = 0
    while at < len(data) and data[at] != 255:
        if data[at] == 0:
            at += 1
            continue
        if at + 1 >= len(data) or at + 2 + data[at + 1] > len(data):
            break
        out.setdefault(data[at], data[at + 2:at + 2 + data[at + 1]])
        at += 2 + data[at + 1]
    return out


def domain_name(name: str) -> bytes:
    """A name as DNS labels; ValueError when it cannot be one."""
    out = b""
    for label in name.rstrip(".").split("."):
        raw = label.encode("idna") if not label.isascii() else label.encode()
        if not 0 < len(raw) < 64:
            raise ValueError(f"{name!r} is not a domain name")
        out += bytes([len(raw)]) + raw
    return out + b"\0"


class Dhcp:
    """A DHCP and BOOTP server with addresses from `lease.first` upwards."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self._given: dict[bytes, bytes] = {}        # MAC → address
        self._declined: set[bytes] = set()

    def _address(self, mac: bytes, wanted: bytes | None) -> bytes | None:
        have = self._given.get(mac)
        if have is not None:
            return have
        first = int.from_bytes(self.lease.first, "big")
        taken = set(self._given.values()) | self._declined
        free = [a for k in range(LEASES) if (a := (first + k).to_bytes(4, "big")) not in taken]
        if not free:
            return None
        address = wanted if wanted in free else free[0]
        assert address is not None
        self._given[mac] = address
        return address

    def answer(self, body: bytes) -> Reply | None:
        """The reply to a client's packet, if it gets one."""
        if len(body) < 236 or body[0] != 1 or body[1] != 1 or body[2] != 6:
            return None
        mac = body[28:34]
        options = _options(body[240:]) if body[236:240] == MAGIC else {}
        kind = options.get(53, b"\0")[:1]
        what = kind[0] if kind else 0
        client = body[12:16]
        wanted = options.get(50) or (client if any(client) else None)
        if options.get(54, self.lease.server) != self.lease.server:
            if what == REQUEST:
                self._given.pop(mac, None)          # the client took another server's offer
            return None
        if what == DECLINE:
            if mac in self._given:
                self._declined.add(self._given.pop(mac))
            return None
        if what == RELEASE:
            self._given.pop(mac, None)
            return None
        if what not in (0, DISCOVER, REQUEST, INFORM):
            return None
        if what == INFORM:
            return self._reply(body, mac, ACKNOWLEDGE, None, client, options)
        if what == REQUEST and wanted is not None and mac not in self._given and not self._ours(wanted):
            return self._reply(body, mac, NAK, None, b"\xff" * 4, options)
        address = self._address(mac, wanted)
        if address is None:
            return None
        if what == REQUEST and wanted is not None and wanted != address:
            return self._reply(body, mac, NAK, None, b"\xff" * 4, options)
        answer = {DISCOVER: OFFER, REQUEST: ACKNOWLEDGE, 0: 0}[what]
        return self._reply(body, mac, answer, address, client if any(client) else b"\xff" * 4, options)

    def _ours(self, address: bytes) -> bool:
        offset = int.from_bytes(address, "big") - int.from_bytes(self.lease.first, "big")
        return 0 <= offset < LEASES

    def _reply(self, request: bytes, mac: bytes, kind: int, address: bytes | None, dst: bytes, asked: dict[int, bytes]) -> Reply:
        lease = self.lease
        options: list[tuple[int, bytes]] = []
        if kind:
            options += [(53, bytes([kind])), (54, lease.server)]
        if kind != NAK:
            if address is not None and kind:
                options.append((51, LEASE_SECONDS.to_bytes(4, "big")))
            options.append((1, lease.netmask))
            if lease.router is not None:
                options.append((3, lease.router))
            if lease.dns is not None:
                options.append((6, lease.dns))
            for code, text in ((12, lease.hostname), (15, lease.domain), (66, lease.tftp_name), (67, lease.bootfile)):
                if text:
                    options.append((code, text.encode()[:255]))
            if lease.search:
                options.append((119, b"".join(domain_name(name) for name in lease.search)[:255]))
        head = bytearray(240)
        head[0:4] = b"\x02\x01\x06\x00"
        head[4:8] = request[4:8]
        head[10:12] = request[10:12]
        head[12:16] = request[12:16]
        if kind != NAK:
            head[16:20] = address or bytes(4)
            head[20:24] = lease.server
            head[108:108 + len(lease.bootfile.encode()[:127])] = lease.bootfile.encode()[:127]
        head[28:44] = request[28:44]
        head[236:240] = MAGIC
        body = bytes(head) + b"".join(bytes([code, len(value)]) + value for code, value in options) + b"\xff"
        to = BROADCAST if dst == b"\xff" * 4 else mac
        return Reply(to, dst, body + bytes(max(0, 300 - len(body))))

    def addresses(self) -> list[str]:
        """Addresses given out."""
        return [ip_text(a) for a in self._given.values()]


# ---- TFTP ---------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class _Transfer:
    file: Path
    size: int
    block_size: int = 512
    block: int = 0
    done: bool = False
    used: int = field(default=0)


class Tftp:
    """A read-only TFTP server for one directory; nothing outside of it can be named, by dots or by links."""

    SESSIONS = 32
    NAME_MAX = 1024

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._sessions: dict[tuple[bytes, int], _Transfer] = {}
        self._count = 0

    def answer(self, client: bytes, port: int, body: bytes) -> bytes | None:
        """The reply to a packet from `client`:`port`."""
        if len(body) < 4:
            return None
        op = int.from_bytes(body[:2], "big")
        key = (client, port)
        if op == 1:
            return self._read_request(key, body[2:])
        if op == 2:
            return self._error(2, "this server is read-only")
        if op == 4:
            return self._acknowledged(key, int.from_bytes(body[2:4], "big"))
        if op == 5:
            self._sessions.pop(key, None)
            return None
        return self._error(4, "illegal operation")

    @staticmethod
    def _error(code: int, text: str) -> bytes:
        return b"\0\x05" + code.to_bytes(2, "big") + text.encode() + b"\0"

    def _find(self, name: str) -> Path | None:
        if len(name) > self.NAME_MAX:
            return None
        try:
            path = (self.root / name.replace("\\", "/").lstrip("/")).resolve()
            if path.is_relative_to(self.root) and path.is_file():
                return path
        except (OSError, ValueError, RuntimeError):
            pass
        return None

    def _read_request(self, key: tuple[bytes, int], rest: bytes) -> bytes:
        words = rest.split(b"\0")
        if len(words) < 3 or words[1].lower() not in (b"octet", b"netascii"):
            return self._error(4, "malformed request; the mode is octet")
        path = self._find(words[0].decode("utf-8", "surrogateescape"))
        if path is None:
            return self._error(1, "file not found")
        try:
            size = path.stat().st_size
            with path.open("rb"):
                pass
        except OSError as error:
            return self._error(2, error.strerror or "cannot be read")
        transfer = _Transfer(path, size)
        accepted: list[tuple[bytes, int]] = []
        for name, value in zip(words[2::2], words[3::2], strict=False):
            if not value.isdigit() or len(value) > 10:
                continue
            if name.lower() == b"tsize":
                accepted.append((b"tsize", size))
            elif name.lower() == b"blksize":
                transfer.block_size = max(8, min(int(value), 1428))
                accepted.append((b"blksize", transfer.block_size))
            elif name.lower() == b"timeout" and 1 <= int(value) <= 255:
                accepted.append((b"timeout", int(value)))
        while len(self._sessions) >= self.SESSIONS:
            del self._sessions[min(self._sessions, key=lambda k: self._sessions[k].used)]
        self._sessions[key] = transfer
        if accepted:
            return b"\0\x06" + b"".join(name + b"\0" + str(value).encode() + b"\0" for name, value in accepted)
        return self._block(key, transfer, 1)

    def _acknowledged(self, key: tuple[bytes, int], number: int) -> bytes | None:
        transfer = self._sessions.get(key)
        if transfer is None:
            return self._error(5, "unknown transfer")
        if number == transfer.block & 0xFFFF:
            if transfer.done:
                del self._sessions[key]
                return None
            return self._block(key, transfer, transfer.block + 1)
        if number == transfer.block - 1 & 0xFFFF and transfer.block:
            return self._block(key, transfer, transfer.block)
        return None

    def _block(self, key: tuple[bytes, int], transfer: _Transfer, block: int) -> bytes:
        self._count += 1
        transfer.used = self._count
        try:
            with transfer.file.open("rb") as f:
                f.seek((block - 1) * transfer.block_size, os.SEEK_SET)
                data = f.read(transfer.block_size)
        except OSError as error:
            self._sessions.pop(key, None)
            return self._error(0, error.strerror or "cannot be read")
        transfer.block = block
        transfer.done = len(data) < transfer.block_size
        return b"\0\x03" + (block & 0xFFFF).to_bytes(2, "big") + data


# ---- DNS ----------------------------------------------------------------------------------------------------------
A, AAAA = 1, 28


@dataclass(frozen=True, slots=True)
class Question:
    """The question of a DNS query."""

    ident: bytes
    name: str
    kind: int
    raw: bytes          # the question section as it came


def parse_query(body: bytes) -> Question | None:
    """A query with one question."""
    if len(body) < 17 or body[2] & 0xF8 or body[4:6] != b"\0\1":
        return None
    at, labels = 12, []
    while at < len(body) and body[at]:
        n = body[at]
        if n > 63 or at + 1 + n >= len(body):
            return None
        labels.append(body[at + 1:at + 1 + n].decode("ascii", "replace"))
        at += 1 + n
    if at + 5 > len(body) or sum(map(len, labels)) + len(labels) > 254:
        return None
    return Question(body[:2], ".".join(labels), int.from_bytes(body[at + 1:at + 3], "big"), body[12:at + 5])


def build_answer(question: Question, addresses: list[bytes], rcode: int = 0, ttl: int = 60) -> bytes:
    """A response with A or AAAA records (4 or 16 bytes each)."""
    flags = 0x8180 | rcode
    out = question.ident + flags.to_bytes(2, "big") + b"\0\1" + len(addresses).to_bytes(2, "big") + bytes(4) + question.raw
    for address in addresses:
        kind = A if len(address) == 4 else AAAA
        out += b"\xc0\x0c" + kind.to_bytes(2, "big") + b"\0\1" + ttl.to_bytes(4, "big")
        out += len(address).to_bytes(2, "big") + address
    return out
