"""Debian's i386 kernel on every card: a lease, names, pings, transfers both ways with equal checksums, servers in the guest."""
from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from guests import Guests, busybox_initramfs

import emu
from emu import CaptureConfig, Forward, Nic, Peer, Switch, UserConfig
from emu.images.cpio import Entry, File, Symlink

PROMPT = "/ # "
MODULES = {"e1000": ["e1000.ko"], "ne2k_pci": ["8390.ko", "ne2k-pci.ko"], "ne2k_isa": ["8390p.ko", "ne.ko"]}
APPLETS = ("ifconfig", "udhcpc", "route", "wget", "nc", "ping", "nslookup", "telnetd", "tee")
LEASE = b"""#!/bin/sh
ifconfig $interface up
[ "$1" = bound ] || exit 0
ifconfig $interface $ip netmask $subnet
[ -n "$router" ] && route add default gw $router
[ -n "$dns" ] && echo nameserver $dns > /etc/resolv.conf
exit 0
"""
MEGABYTES = 50
ECHO = r"""
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {                /* busybox's nc listens with a backlog of 2 */
    int s = socket(AF_INET, SOCK_STREAM, 0), c, n;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(7)};
    char buf[4096];
    signal(SIGCHLD, SIG_IGN);
    if (bind(s, (void *)&a, sizeof a) || listen(s, 256)) return 1;
    if (fork()) return 0;
    for (;;) {
        c = accept(s, 0, 0);
        if (fork() == 0) {
            while ((n = read(c, buf, sizeof buf)) > 0) if (write(c, buf, n) != n) return 1;
            return 0;
        }
        close(c);
    }
}
"""


@pytest.fixture(scope="module")
def initrd(guests: Guests, tmp_path_factory: pytest.TempPathFactory) -> Path:
    files: dict[str, Entry] = {"lease.sh": File(LEASE, 0o755), "etc/empty": File(b"")}
    files |= {f"bin/{name}": Symlink("busybox") for name in APPLETS}
    for names in MODULES.values():
        for name in names:
            files[f"modules/{name}"] = File(next(guests.kernel.parents[1].rglob(name)))
    work = tmp_path_factory.mktemp("net")
    if shutil.which("gcc"):
        (work / "echo.c").write_text(ECHO)
        built = subprocess.run(["gcc", "-m32", "-Os", "-static", "-o", work / "echo", work / "echo.c"], capture_output=True)
        if built.returncode == 0:
            files["bin/echod"] = File(work / "echo", 0o755)
    path = work / "initrd.gz"
    path.write_bytes(busybox_initramfs(guests.busybox, files))
    return path


class Guest:
    """A booted kernel with its card's driver loaded."""

    def __init__(self, guests: Guests, initrd: Path, nic: Nic, **options: object) -> None:
        self.vm = emu.Machine(memory="256M", kernel=guests.kernel, initrd=initrd, append="console=ttyS0 quiet", nics=(nic,),
                              **options)
        self.nic = nic

    def start(self, run: Callable[[str], str] | None = None) -> Guest:
        self.vm.serial.expect(PROMPT, timeout=60)
        for name in MODULES[self.nic.model]:
            self.sh(f"insmod /modules/{name}" + (f" io={self.nic.iobase:#x} irq={self.nic.irq}" if name == "ne.ko" else ""))
        return self

    def sh(self, command: str, timeout: float = 120) -> str:
        self.send(command)
        return self.vm.serial.expect(PROMPT, timeout=timeout).before

    def send(self, command: str) -> None:
        self.vm.serial.send(command + "\n")
        self.vm.serial.expect("\n", timeout=10)

    def lease(self) -> str:
        return self.sh("udhcpc -i eth0 -n -q -s /lease.sh")


def data(megabytes: int) -> bytes:
    return random.Random(megabytes).randbytes(megabytes << 20)


def serve(handle: Callable[[socket.socket], object]) -> socket.socket:
    """A TCP server on the loopback with a thread per client."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)

    def run() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=work, args=(sock,), daemon=True).start()

    def work(sock: socket.socket) -> None:
        with sock:
            handle(sock)

    threading.Thread(target=run, daemon=True).start()
    return listener


def read_all(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.fixture(scope="module", params=[Nic("e1000"), Nic("ne2k_pci"), Nic("ne2k_isa", irq=5)], ids=lambda nic: nic.model)
def guest(request: pytest.FixtureRequest, guests: Guests, initrd: Path,
          tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    name_server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    name_server.bind(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                query, source = name_server.recvfrom(512)
            except OSError:
                return
            found = query[-4:-2] == b"\0\1"
            record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\x2a" if found else b""
            name_server.sendto(query[:2] + b"\x81\x80\0\1\0" + bytes([found]) + bytes(4) + query[12:] + record, source)

    threading.Thread(target=answer, daemon=True).start()
    net = UserConfig(hostfwd=(Forward("tcp", "127.0.0.1", 0, "", 7),),
                     upstream_dns=f"127.0.0.1:{name_server.getsockname()[1]}")
    card: Nic = request.param
    pcap = tmp_path_factory.mktemp("pcap") / "net.pcap"
    nic = Nic(card.model, irq=card.irq, netdev=net, captures=(CaptureConfig(pcap, 96),))
    machine = Guest(guests, initrd, nic)
    with machine.vm:
        machine.start()
        out = machine.lease()
        assert "lease of 10.0.2.15 obtained from 10.0.2.2" in out, out
        yield machine
    name_server.close()


def test_the_driver_knows_its_address(guest: Guest) -> None:
    assert "52:54:00:12:34:56" in guest.sh("ifconfig eth0").lower()


def test_ping_and_names(guest: Guest) -> None:
    assert "3 packets received, 0% packet loss" in guest.sh("ping -c 3 10.0.2.2")
    assert re.search(r"192\.0\.2\.42", guest.sh("nslookup some.example.org"))


def test_download_is_whole(guest: Guest) -> None:
    content = data(MEGABYTES if guest.nic.model == "e1000" else 8)

    def handle(sock: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            request += sock.recv(4096)
        sock.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

    with serve(handle) as server:
        out = guest.sh(f"wget -q -O - http://10.0.2.2:{server.getsockname()[1]}/ | sha256sum", 600)
    assert hashlib.sha256(content).hexdigest() in out


def test_upload_is_whole(guest: Guest) -> None:
    got: list[bytes] = []
    done = threading.Event()

    def handle(sock: socket.socket) -> None:
        got.append(read_all(sock))
        done.set()

    with serve(handle) as server:
        guest.sh("dd if=/dev/urandom of=/tmp/up bs=1M count=4 2> /dev/null")
        guest.sh(f"nc 10.0.2.2 {server.getsockname()[1]} < /tmp/up", 600)
        assert done.wait(30)
    assert hashlib.sha256(got[0]).hexdigest() in guest.sh("sha256sum /tmp/up; rm /tmp/up")


def test_nc_from_the_host_is_whole(guest: Guest) -> None:
    content = data(2)
    net = guest.vm.wires[0].backend
    guest.send("nc -l -p 7 > /tmp/in & sleep 1; wait; sha256sum /tmp/in; rm /tmp/in")
    guest.vm.run(0.5)

    def send() -> None:
        with socket.create_connection(("127.0.0.1", net.host_port()), timeout=120) as sock:
            sock.sendall(content)

    sender = threading.Thread(target=send)
    sender.start()
    assert hashlib.sha256(content).hexdigest() in guest.vm.serial.expect(PROMPT, timeout=600).before
    sender.join()


def test_connections_from_the_host(guest: Guest) -> None:
    """200 at once, through hostfwd, to an echo server in the guest."""
    if guest.nic.model != "e1000":
        pytest.skip("once is enough")
    if "not found" in guest.sh("echod"):
        pytest.skip("needs gcc with static 32-bit libraries")
    port = guest.vm.wires[0].backend.host_port()
    payloads = [random.Random(k).randbytes(3000 + k) for k in range(200)]
    replies = [b""] * 200

    def talk(k: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=120) as sock:
            sock.sendall(payloads[k])
            sock.shutdown(socket.SHUT_WR)
            replies[k] = read_all(sock)

    threads = [threading.Thread(target=talk, args=(k,)) for k in range(200)]
    for thread in threads:
        thread.start()
    for _ in range(2000):
        guest.vm.run(0.1)
        if not any(thread.is_alive() for thread in threads):
            break
    assert replies == payloads


def pair(guests: Guests, initrd: Path, loss: float) -> tuple[list[str], str, int]:
    """Two guests on a switch; run hashes, checksum line, lost frames.  With loss 4 MB (20 with EMU_FULL=1): it takes its time."""
    switch = Switch(latency_ns=500_000, loss=loss, seed=3)
    a = Guest(guests, initrd, Nic("e1000", mac="52:54:00:00:00:01", peer=switch))
    b = Guest(guests, initrd, Nic("e1000", mac="52:54:00:00:00:02", peer=switch))
    with a.vm, b.vm:
        for guest, address in ((a, 1), (b, 2)):
            guest.start()
            guest.sh(f"ifconfig eth0 192.168.7.{address} up")
        end = max(a.vm.now_ns, b.vm.now_ns)
        for guest in (a, b):
            guest.vm.run_until(end)
        a.vm.serial.send("nc -l -p 9000 | sha256sum; echo DONE-$?\n")
        size = 20 if not loss or os.environ.get("EMU_FULL") else 4
        b.vm.serial.send(f"ping -c 3 192.168.7.1; dd if=/dev/zero bs=1M count={size} 2>/dev/null | tr '\\0' 'x' > /tmp/f; "
                         "sha256sum /tmp/f; nc 192.168.7.1 9000 < /tmp/f; echo SENT-$?\n")
        switch.run(seconds=600, until=lambda: "DONE-0" in a.vm.serial.text and "SENT-0" in b.vm.serial.text)
        sums = re.findall(r"\b[0-9a-f]{64}\b", a.vm.serial.text + b.vm.serial.text)
        assert len(sums) == 2 and sums[0] == sums[1]
        return [a.vm.run_hash(), b.vm.run_hash()], sums[0], sum(port.lost for port in switch.ports)


@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_two_guests_on_a_switch_take_the_same_course_twice(guests: Guests, initrd: Path, loss: float) -> None:
    first, second = pair(guests, initrd, loss), pair(guests, initrd, loss)
    assert first == second
    assert bool(first[2]) == bool(loss)


def test_a_peer_is_a_whole_network(guests: Guests, initrd: Path) -> None:
    """No socket, no thread: DHCP, names and HTTP on virtual time; the same run hash twice."""
    content = data(2)
    hashes = []
    for _ in range(2):
        lan = Peer("10.7.0.1", dhcp="10.7.0.20", names={"server.lan": "10.7.0.1"})
        lan.serve_http({"/file": content})
        guest = Guest(guests, initrd, Nic("e1000", peer=lan))
        with guest.vm:
            guest.start()
            assert "lease of 10.7.0.20" in guest.lease()
            assert hashlib.sha256(content).hexdigest() in guest.sh("wget -q -O - http://server.lan/file | sha256sum")
            hashes.append(guest.vm.run_hash())
    assert hashes[0] == hashes[1]


def test_a_recorded_run_needs_no_network(guests: Guests, initrd: Path, tmp_path: Path) -> None:
    """What the host's sockets brought is replayed packet by packet: same screen, same hash, no server any more."""
    content, log = data(4), tmp_path / "log"
    machine = {"memory": "256M", "kernel": guests.kernel, "initrd": initrd, "append": "console=ttyS0 quiet"}

    def handle(sock: socket.socket) -> None:
        while b"\r\n\r\n" not in sock.recv(4096):
            pass
        sock.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

    with serve(handle) as server:
        guest = Guest(guests, initrd, Nic("e1000", netdev=UserConfig()), record=log)
        with guest.vm:
            guest.start()
            guest.lease()
            out = guest.sh(f"wget -q -O - http://10.0.2.2:{server.getsockname()[1]}/ | sha256sum", 600)
            assert hashlib.sha256(content).hexdigest() in out
            text, wanted = guest.vm.serial.text, guest.vm.run_hash()
    with emu.Machine(nics=(Nic("e1000", netdev=UserConfig()),), replay=log, **machine) as vm:
        assert vm.run().reason == "replayed"
        assert (vm.serial.text, vm.run_hash()) == (text, wanted)
