#!/usr/bin/env python3
"""Disk throughput inside Linux, this project beside QEMU's translator: dd from an IDE disk by DMA and by PIO, and from a CD.

    python tests/bench/disk.py GUESTS [--mib 256] [--repeats 3] [--targets emu,qemu]

GUESTS is a folder with Debian's i386 kernel and busybox, as tests/guests.py fetches them.  Times are taken outside, between lines
the guest prints; the guest's own clock is not trusted.  Rows: MB/s, the median of the repeats, the targets taken in turn.
"""
from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from guests import busybox_initramfs, find_guests, kernel_modules  # noqa: E402

from emu.images.cpio import File  # noqa: E402

INIT = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for name in {modules}; do insmod /modules/$name.ko; done
while [ ! -b /dev/sda ] || [ ! -b /dev/sr0 ]; do sleep 0.1; done
echo "BENCH read start"
dd if=/dev/sda of=/dev/null bs=1M count={mib} iflag=direct 2>/dev/null || echo BENCH failed
echo "BENCH read done"
echo "BENCH cached start"
dd if=/dev/sda of=/dev/null bs=1M count={mib} 2>/dev/null || echo BENCH failed
echo "BENCH cached done"
echo "BENCH write start"
dd if=/dev/zero of=/dev/sda bs=1M count={mib} oflag=direct 2>/dev/null || echo BENCH failed
echo "BENCH write done"
echo "BENCH cd start"
dd if=/dev/sr0 of=/dev/null bs=1M count={cd} 2>/dev/null || echo BENCH failed
echo "BENCH cd done"
poweroff -f
"""
TARGETS = {
    "emu": f"{shlex.quote(sys.executable)} -c "
           "'import sys; from emu.cli.qemu import main_i386; sys.exit(main_i386())' -nographic",
    "qemu": "qemu-system-i386 -accel tcg -nographic -nodefaults -serial stdio -monitor none",
}


def play(command: list[str], limit: float) -> dict[str, float]:
    """Seconds between each row's start and done."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parent.parent), os.environ.get("PYTHONPATH", "")])}
    began: dict[str, float] = {}
    took: dict[str, float] = {}
    end = time.monotonic() + limit
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=env) as process:
        assert process.stdout is not None
        for raw in process.stdout:
            words = raw.decode("ascii", "replace").split()
            if words[:2] == ["BENCH", "failed"] or time.monotonic() > end:
                process.kill()
                raise SystemExit(f"{command[0]}: {raw!r}")
            if len(words) == 3 and words[0] == "BENCH":
                if words[2] == "start":
                    began[words[1]] = time.monotonic()
                else:
                    took[words[1]] = time.monotonic() - began[words[1]]
    return took


def table(results: dict[tuple[str, str], list[float]], targets: list[str]) -> None:
    """Medians, a row each."""
    print(f"{'MB/s':<16}" + "".join(f"{t:>10}" for t in targets))
    for row in dict.fromkeys(row for row, _ in results):
        print(f"{row:<16}" + "".join(f"{statistics.median(results[row, t]):>10.1f}" for t in targets))


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("guests")
    ap.add_argument("--mib", type=int, default=256)
    ap.add_argument("--repeats", type=int, default=3)
    ap.add_argument("--targets", default="emu,qemu")
    args = ap.parse_args()
    os.environ["EMU_GUESTS"] = args.guests
    guests = find_guests()
    modules = kernel_modules(guests.kernel, "ata_piix", "sd_mod", "sr_mod")
    results: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "disk.img").write_bytes(os.urandom(1 << 20) * args.mib)
        (work / "disc.iso").write_bytes(os.urandom(1 << 20) * 64)
        for mode, extra in (("dma", ""), ("pio", " libata.dma=0")):
            small = args.mib if mode == "dma" else min(args.mib, 32)
            init = INIT.format(modules=" ".join(modules), mib=small, cd=64 if mode == "dma" else 16)
            initrd = work / f"{mode}.gz"
            initrd.write_bytes(busybox_initramfs(guests.busybox, {f"modules/{n}.ko": File(p) for n, p in modules.items()}, init))
            for _ in range(args.repeats):
                for target in args.targets.split(","):
                    command = [*shlex.split(TARGETS[target]), "-m", "256", "-kernel", str(guests.kernel), "-initrd", str(initrd),
                               "-append", "console=ttyS0 quiet" + extra, "-drive", f"file={work}/disk.img,if=ide,format=raw",
                               "-drive", f"file={work}/disc.iso,if=ide,index=2,media=cdrom"]
                    for row, seconds in play(command, 600).items():
                        mib = (small if row != "cd" else 64 if mode == "dma" else 16)
                        results.setdefault((f"{mode} {row}", target), []).append(mib * 1.048576 / seconds)
    table(results, args.targets.split(","))


if __name__ == "__main__":
    main()
