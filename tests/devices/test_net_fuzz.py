"""Network cards under drivers that have gone mad: random registers, descriptors and frames.

What must hold: no access outside guest memory (the sanitizer build sees it: tests/engine/test_debug_build.py), no operation that
takes long, the same course every time, and a state that saves and loads.  EMU_FUZZ_NET=N does N operations per card instead of
30,000; the long run is recorded in emu/net/README.md.
"""
from __future__ import annotations

import os
import random
import struct
import time
from collections.abc import Callable

import pytest
from emu_core_pyx.bus.clock import Clock
from emu_core_pyx.bus.dma import Dma
from emu_core_pyx.bus.pci import PciBus
from emu_core_pyx.devices.dp8390 import Dp8390
from emu_core_pyx.devices.e1000 import E1000
from emu_core_pyx.devices.ne2k_pci import Ne2kPci

OPERATIONS = int(os.environ.get("EMU_FUZZ_NET", "30000"))
MAC = b"\x52\x54\x00\x12\x34\x56"
MEMORY = 1 << 20
RING = 0x1000
E1000_OFFSETS = (0, 8, 0x10, 0x14, 0x20, 0x38, 0xC0, 0xC4, 0xC8, 0xD0, 0xD8, 0x100, 0x400, 0x1000, 0x2800, 0x2804, 0x2808, 0x2810,
                 0x2818, 0x2820, 0x282C, 0x3800, 0x3804, 0x3808, 0x3810, 0x3818, 0x3820, 0x382C, 0x5000, 0x5200, 0x5400, 0x5404,
                 0x5600)
RCTL, TCTL, RDBAL, RDLEN, RDT, TDBAL, TDLEN, TDT = 0x100, 0x400, 0x2800, 0x2808, 0x2818, 0x3800, 0x3808, 0x3818
EDGES = (0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0)


class Mad:
    """One card, its clock and its dice."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.clock = Clock()
        self.frames = 0
        self.longest = 0.0

    def number(self, bits: int = 32) -> int:
        pick = self.dice.random()
        if pick < 0.4:
            return self.dice.choice(EDGES) & (1 << bits) - 1
        return self.dice.getrandbits(bits) if pick < 0.7 else self.dice.getrandbits(min(bits, 12))

    def frame(self) -> bytes:
        dice = self.dice
        to = dice.choice((MAC, b"\xff" * 6, b"\x01\x00\x5e\x00\x00\x01", dice.randbytes(6)))
        size = dice.choice((14, 59, 60, 64, 248, 252, 300, 1500, 1514, 1515, 1518, 1522, 9000, 16384, dice.randrange(14, 2000)))
        kind = dice.choice((b"\x08\x00\x45", b"\x08\x06", b"\x81\x00\x00\x05\x08\x00\x45", b"\x86\xdd\x60", dice.randbytes(2)))
        head = to + dice.randbytes(6) + kind + dice.randbytes(60)
        return (head + bytes(max(0, size - len(head))))[:size]

    def play(self, operations: int, acts: list[tuple[Callable[[], object], int]], port: object) -> None:
        runs = [run for run, weight in acts for _ in range(weight)]
        for k in range(operations):
            began = time.perf_counter()
            self.dice.choice(runs)()
            self.longest = max(self.longest, time.perf_counter() - began)
            if k % 64 == 0:
                self.frames += len(port.take())         # type: ignore[attr-defined]

    def wait(self) -> None:
        self.clock.set_ns(self.clock.ns + self.dice.choice((1, 1000, 100_000, 10_000_000)))


def descriptor(mad: Mad) -> bytes:
    """Receive, legacy, context or data; often a sound one, so that deep paths are reached."""
    dice = mad.dice
    at = dice.choice((0, 0x8000, MEMORY - 4, MEMORY, 0xFFFFFFFF, 1 << 40, (1 << 64) - 8, dice.randrange(MEMORY)))
    kind = dice.random()
    if kind < 0.2:
        return dice.randbytes(16)
    if kind < 0.4:
        return struct.pack("<QHBBBBH", at, mad.number(16), mad.number(8), dice.getrandbits(8) & ~0x20, 0, mad.number(8),
                           mad.number(16))
    if kind < 0.6:
        return struct.pack("<BBHBBHIBBH", dice.choice((14, 18, 0, 255)), dice.choice((24, 28, 0, 255)), mad.number(16),
                           dice.choice((34, 54, 0, 255)), dice.choice((50, 40, 16, 255)), mad.number(16),
                           mad.number(20) | 0x20000000 | dice.getrandbits(8) << 24 & 0xDF000000, 0,
                           dice.choice((54, 0, 13, 42, 240, 255)), dice.choice((0, 1, 536, 1448, 1460, 65535)))
    if kind < 0.9:
        return struct.pack("<QIBBH", at, mad.number(20) | 1 << 20 | (dice.getrandbits(8) | 0x20) << 24, 0, dice.getrandbits(2),
                           mad.number(16))
    return struct.pack("<QQ", at, 0)


def e1000(seed: int, operations: int) -> tuple[bytes, int, float]:
    mad = Mad(seed)
    dice = mad.dice
    dev = E1000()
    memory = dev.dma = Dma(MEMORY)
    dev.attach(mad.clock)
    pci = PciBus()
    pci.add(dev, 0x18)
    dev.set_mac(MAC)
    dev.reset()
    dev.port.connected = True
    dev.py_config_write(4, 7, 2)

    def write() -> None:
        off = dice.choice(E1000_OFFSETS) if dice.random() < 0.8 else dice.getrandbits(17)
        dev.py_mmio_write(0, off, mad.number(), dice.choice((4, 4, 4, 1, 2, 8)))

    def read() -> None:
        off = dice.choice(E1000_OFFSETS) if dice.random() < 0.8 else dice.getrandbits(17)
        dev.py_mmio_read(0, off, dice.choice((4, 4, 4, 1, 2, 8)))

    def ports() -> None:
        dev.py_io_write(1, dice.choice((0, 4, dice.getrandbits(6))), mad.number(), dice.choice((1, 2, 4)))
        dev.py_io_read(1, dice.choice((0, 4, dice.getrandbits(6))), dice.choice((1, 2, 4)))

    def sane() -> None:
        for off, value in ((RDBAL, RING), (RDBAL + 4, 0), (RDLEN, dice.choice((128, 256, 4096))), (TDBAL, RING + 0x4000),
                           (TDBAL + 4, 0), (TDLEN, dice.choice((128, 256, 4096))), (TCTL, 0x0004010A),
                           (RCTL, dice.getrandbits(27) | 2)):
            dev.py_mmio_write(0, off, value, 4)
        dev.py_config_write(4, 7, 2)

    def fill() -> None:
        for _ in range(dice.randrange(1, 9)):
            memory.poke(RING + dice.choice((0, 0x4000)) + 16 * dice.randrange(256), descriptor(mad))

    def kick() -> None:
        dev.py_mmio_write(0, dice.choice((TDT, RDT)), dice.randrange(300), 4)

    mad.play(operations, [(write, 8), (read, 4), (ports, 1), (sane, 2), (fill, 6), (kick, 6), (mad.wait, 3),
                          (lambda: dev.port.deliver(mad.frame()), 6)], dev.port)
    state = dev.save()
    dev.load(state)
    assert dev.save() == state
    return state + memory.peek(0, MEMORY), mad.frames, mad.longest


def ne2000(seed: int, operations: int) -> tuple[bytes, int, float]:
    mad = Mad(seed)
    dice = mad.dice
    pci = seed & 1
    dev = Ne2kPci() if pci else Dp8390("ne2k", MAC)
    dev.attach(mad.clock)
    if pci:
        dev.set_mac(MAC)
    dev.reset()
    port = dev.port
    port.connected = True

    def write() -> None:
        dev.py_io_write(0, dice.getrandbits(5), mad.number(), dice.choice((1, 1, 2, 4)))

    def read() -> None:
        dev.py_io_read(0, dice.getrandbits(5), dice.choice((1, 1, 2, 4)))

    def outside() -> None:
        dev.py_io_write(dice.getrandbits(2), dice.getrandbits(8), mad.number(), 4)
        dev.py_io_read(dice.getrandbits(2), dice.getrandbits(8), 4)

    def sane() -> None:
        for off, value in ((0, 0x21), (0x0E, 0x49), (1, 0x46), (2, 0x80), (3, 0x46), (0x0C, dice.getrandbits(6)), (0x0D, 0),
                           (0x0F, 0x7F), (7, 0xFF), (0, 0x61), (7, dice.choice((0x47, 0x46, 0x7F, 0x80, 0x10))), (0, 0x22)):
            dev.py_io_write(0, off, value, 1)

    def move() -> None:
        for off, value in ((8, mad.number(8)), (9, mad.number(8)), (10, mad.number(8)), (11, dice.getrandbits(3)),
                           (0, dice.choice((0x0A, 0x12, 0x1A)))):
            dev.py_io_write(0, off, value, 1)
        for _ in range(dice.randrange(40)):
            dev.py_io_read(0, 16, 2)
            dev.py_io_write(0, 16, mad.number(), 4)

    def send() -> None:
        for off, value in ((4, mad.number(8)), (5, mad.number(8)), (6, dice.getrandbits(4)), (0, 0x26)):
            dev.py_io_write(0, off, value, 1)

    mad.play(operations, [(write, 8), (read, 4), (outside, 1), (sane, 2), (move, 3), (send, 3), (mad.wait, 3),
                          (lambda: port.deliver(mad.frame()), 6)], port)
    state = dev.save()
    dev.load(state)
    assert dev.save() == state
    return state, mad.frames, mad.longest


@pytest.mark.parametrize(("card", "seed"), [(e1000, 1), (e1000, 2), (ne2000, 1), (ne2000, 2)])
def test_random_operations(card: Callable[[int, int], tuple[bytes, int, float]], seed: int) -> None:
    state, frames, longest = card(seed, OPERATIONS)
    assert frames > OPERATIONS // 500       # it was not just refused at the door
    assert longest < 5
    if OPERATIONS <= 100_000:
        assert card(seed, OPERATIONS)[:2] == (state, frames)
