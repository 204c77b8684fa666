"""Captures: the pcap file's bytes, and tshark's word on what the user network says to a guest."""
from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest
from captures import complaints, protocols, tshark
from fake import FakeGuest
from test_user import ask_dhcp, dhcp, guest, read_all, server, tftp_get

from emu.errors import ConfigError
from emu.net import packet as p
from emu.net.pcap import Capture


def everything(g: FakeGuest, port: int) -> None:
    """All the network's services, once."""
    assert ask_dhcp(g, dhcp(1)) is not None
    g.resolve(g.gateway)
    g.send_ip(g.gateway, p.ICMP, p.build_icmp(8, 0, b"\0\1\0\2", b"payload"))
    g.turn()
    g.send_ip(p.ip_bytes("10.0.2.77"), p.ICMP, p.build_icmp(8, 0, b"\0\1\0\3", b""))     # answered by "unreachable"
    g.turn()
    g.send_udp("10.0.2.3", 53, b"\x12\x34\1\0\0\1\0\0\0\0\0\0\x09localhost\0\0\1\0\1")
    g.turn()
    assert tftp_get(g, b"file", b"blksize", b"1400")[0] == bytes(5000)
    c = g.connect("10.0.2.2", port)
    g.until(lambda: c.is_open)
    c.end.write(b"x" * 30_001)
    c.end.shutdown()
    g.until(lambda: c.at_eof)
    assert bytes(c.got) == b"y" * 20_001


@pytest.mark.parametrize("maxlen", [65536, 60])
def test_tshark_reads_a_capture_without_complaint(tmp_path: Path, maxlen: int) -> None:
    (tmp_path / "file").write_bytes(bytes(5000))
    path = tmp_path / "x.pcap"
    capture = Capture(path, maxlen, 1_000_000_000)

    def handle(sock: socket.socket) -> None:
        read_all(sock)
        sock.sendall(b"y" * 20_001)

    with server(handle) as port, guest(tftp=str(tmp_path)) as g:
        g.wire.taps.append(capture)
        everything(g, port)
    capture.close()
    fields = tshark(path, "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.cap_len")
    frames = [line.split("\t") for line in fields.splitlines()]
    assert len(frames) > 30 and all(float(when) >= 1e9 and int(size) <= maxlen for when, size in frames)
    assert [float(when) for when, _ in frames] == sorted(float(when) for when, _ in frames)
    if maxlen > 1514:
        assert complaints(path) == ""
        assert {"arp", "dhcp", "icmp", "dns", "tftp", "tcp", "udp"} <= protocols(path)


def test_the_file_format(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    capture = Capture(path, 20, 1_700_000_000)
    capture.frame(2_000_000_003, bytes(range(60)))
    capture.close()
    raw = path.read_bytes()
    assert struct.unpack("<IHHiIII", raw[:24]) == (0xA1B23C4D, 2, 4, 0, 0, 20, 1)
    assert struct.unpack("<IIII", raw[24:40]) == (1_700_000_002, 3, 20, 60) and raw[40:] == bytes(range(20))
    with pytest.raises(ConfigError, match=r"nowhere/x\.pcap' cannot be written"):
        Capture(tmp_path / "nowhere" / "x.pcap")
