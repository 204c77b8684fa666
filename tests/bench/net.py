#!/usr/bin/env python3
"""Network throughput of a Linux guest, this project beside QEMU's translator: wget and nc through the user network.

    python tests/bench/net.py GUESTS [--mib 32] [--repeats 3] [--targets emu,qemu] [--cards e1000,ne2k_pci]

GUESTS is a folder with Debian's i386 kernel and busybox, as tests/guests.py fetches them.  `in` is wget of a file from a server
on the host (10.0.2.2), `out` is nc of a file to it, `many` is 100 small pages one after the other; times are taken outside,
between lines the guest prints, and what arrives is counted.  Rows: MB/s (pages a second for `many`), the median of the repeats,
the targets taken in turn.
"""
from __future__ import annotations

import argparse
import os
import shlex
import socket
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from disk import TARGETS, play, table  # noqa: E402
from guests import busybox_initramfs, find_guests, kernel_modules  # noqa: E402

from emu.images.cpio import File, Symlink  # noqa: E402

PAGES = 100
LEASE = b"""#!/bin/sh
[ "$1" = bound ] || exit 0
ifconfig $interface $ip netmask $subnet up
route add default gw $router
"""
INIT = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
for name in {modules}; do insmod /modules/$name.ko; done
ifconfig eth0 up
udhcpc -i eth0 -n -q -s /lease.sh > /dev/null || echo BENCH failed
dd if=/dev/zero of=/tmp/file bs=1M count={mib} 2> /dev/null
echo "BENCH in start"
wget -q -O /dev/null http://10.0.2.2:{port}/ || echo BENCH failed
echo "BENCH in done"
echo "BENCH out start"
nc 10.0.2.2 {sink} < /tmp/file || echo BENCH failed
echo "BENCH out done"
echo "BENCH many start"
for n in $(seq {pages}); do wget -q -O /dev/null http://10.0.2.2:{small}/ || echo BENCH failed; done
echo "BENCH many done"
poweroff -f
"""


class Server:
    """Threads on the loopback that send `size` bytes to who asks, or count what comes."""

    def __init__(self, size: int) -> None:
        self.body = bytes(size)
        self.received = 0
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            sock, _ = self._socket.accept()
            threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def _talk(self, sock: socket.socket) -> None:
        with sock:
            if not self.body:
                while data := sock.recv(1 << 18):
                    self.received += len(data)
                return
            request = b""
            while b"\r\n\r\n" not in request:
                request += sock.recv(4096)
            sock.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(self.body) + self.body)


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("guests")
    ap.add_argument("--mib", type=int, default=32)
    ap.add_argument("--repeats", type=int, default=3)
    ap.add_argument("--targets", default="emu,qemu")
    ap.add_argument("--cards", default="e1000,ne2k_pci")
    args = ap.parse_args()
    os.environ["EMU_GUESTS"] = args.guests
    guests = find_guests()
    source, sink, small = Server(args.mib << 20), Server(0), Server(1000)
    results: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for card in args.cards.split(","):
            modules = kernel_modules(guests.kernel, card)
            init = INIT.format(modules=" ".join(modules), mib=args.mib, port=source.port, sink=sink.port, small=small.port,
                               pages=PAGES)
            files = {f"modules/{n}.ko": File(p) for n, p in modules.items()} | {"lease.sh": File(LEASE, 0o755)}
            files |= {f"bin/{n}": Symlink("busybox") for n in ("ifconfig", "udhcpc", "route", "wget", "nc")}
            initrd = Path(folder) / f"{card}.gz"
            initrd.write_bytes(busybox_initramfs(guests.busybox, files, init))
            for _ in range(args.repeats):
                for target in args.targets.split(","):
                    command = [*shlex.split(TARGETS[target]), "-m", "256", "-kernel", str(guests.kernel), "-initrd", str(initrd),
                               "-append", "console=ttyS0 quiet", "-nic", f"user,model={card}"]
                    sink.received = 0
                    for row, seconds in play(command, 900).items():
                        rate = PAGES / seconds if row == "many" else args.mib * 1.048576 / seconds
                        results.setdefault((f"{card} {row}", target), []).append(rate)
                    if sink.received != args.mib << 20:
                        raise SystemExit(f"{target}: {sink.received} of {args.mib << 20} bytes came out of {card}")
    table(results, args.targets.split(","))


if __name__ == "__main__":
    main()
