"""A driver for tests: what software does at an IDE controller's registers."""
from __future__ import annotations

import struct

from emu_core_pyx.bus.clock import Clock
from emu_core_pyx.bus.dma import Dma
from emu_core_pyx.bus.medium import MemoryMedium
from emu_core_pyx.devices.piix3_ide import Piix3Ide

DATA, ERROR, NSECT, LBAL, LBAM, LBAH, DEVICE, STATUS = range(8)
ERR, DRQ, DSC, DF, DRDY, BSY = 0x01, 0x08, 0x10, 0x20, 0x40, 0x80
ABRT, IDNF, UNC = 0x04, 0x10, 0x40
PRD_TABLE = 0x1000


class Timeout(AssertionError):
    """The drive did not become ready in a virtual second."""


class Host:
    """The controller, and a program that uses one of its channels."""

    def __init__(self, channel: int = 0, memory: int = 1 << 20) -> None:
        self.clock = Clock()
        self.ide = Piix3Ide()
        self.ide.attach(self.clock)
        self.memory = self.ide.dma = Dma(memory)
        self.channel = channel
        self.ide.reset()
        self.ide.py_config_write(4, 5, 2)

    def disk(self, data: bytes | MemoryMedium, unit: int = 0, **names: str):
        medium = MemoryMedium(data) if isinstance(data, bytes | bytearray) else data
        return self.ide.attach_drive(self.channel, unit, "disk", medium, **names)

    # -- registers
    def get(self, reg: int, size: int = 1) -> int:
        return self.ide.py_io_read(self.channel * 2, reg, size)

    def put(self, reg: int, value: int, size: int = 1) -> None:
        self.ide.py_io_write(self.channel * 2, reg, value, size)

    @property
    def alt(self) -> int:
        return self.ide.py_io_read(self.channel * 2 + 1, 0)

    def control(self, value: int) -> None:
        self.ide.py_io_write(self.channel * 2 + 1, 0, value)

    def bm(self, reg: int, size: int = 1) -> int:
        return self.ide.py_io_read(4, self.channel * 8 + reg, size)

    def set_bm(self, reg: int, value: int, size: int = 1) -> None:
        self.ide.py_io_write(4, self.channel * 8 + reg, value, size)

    @property
    def irq(self) -> bool:
        return (self.ide.irq15 if self.channel else self.ide.irq14).high

    # -- time
    def run(self, ns: int) -> None:
        self.clock.set_ns(self.clock.ns + ns)

    def settle(self, most: int = 1_000_000_000) -> int:
        """Until not BSY; the status (by the alternate register: the interrupt stays)."""
        end = self.clock.ns + most
        while self.alt & BSY:
            if self.clock.ns > end:
                raise Timeout(f"status {self.alt:#x}")
            self.run(500)
        return self.alt

    # -- commands
    def task(self, command: int, lba: int = 0, n: int = 1, *, unit: int = 0, ext: bool = False, feature: int = 0) -> None:
        """Write the task file (LBA) and the command."""
        self.put(DEVICE, 0xE0 | unit << 4 | (0 if ext else lba >> 24 & 0x0F))
        if ext:
            for reg, value in ((ERROR, feature >> 8), (NSECT, n >> 8), (LBAL, lba >> 24), (LBAM, lba >> 32), (LBAH, lba >> 40)):
                self.put(reg, value & 0xFF)
        for reg, value in ((ERROR, feature), (NSECT, n), (LBAL, lba), (LBAM, lba >> 8), (LBAH, lba >> 16)):
            self.put(reg, value & 0xFF)
        self.put(STATUS, command)

    def command(self, command: int, *args: int, **more: int) -> int:
        """One without data; the status."""
        self.task(command, *args, **more)
        return self.settle()

    def read_block(self, size: int = 512, width: int = 2) -> bytes:
        out = bytearray()
        while len(out) < size:
            out += self.get(DATA, width).to_bytes(width, "little")
        return bytes(out[:size])

    def write_block(self, data: bytes, width: int = 2) -> None:
        for k in range(0, len(data), width):
            self.put(DATA, int.from_bytes(data[k:k + width], "little"), width)

    def pio_in(self, command: int, *args: int, block: int = 1, sectors: int = 1, **more: int) -> bytes:
        """Read by PIO, with checks of the protocol: an interrupt for each block, none at the end."""
        self.task(command, *args, **more)
        out = b""
        while len(out) < sectors * 512:
            status = self.settle()
            assert status & DRQ and not status & ERR, f"status {status:#x}, error {self.get(ERROR):#x}"
            assert self.irq
            assert self.get(STATUS) & DRQ and not self.irq
            out += self.read_block(min(block, sectors - len(out) // 512) * 512)
        assert self.settle() == DRDY | DSC
        assert not self.irq
        return out

    def pio_out(self, command: int, data: bytes, *args: int, block: int = 1, **more: int) -> int:
        """Write by PIO: no interrupt for the first block, one after each; the status."""
        self.task(command, *args, **more)
        status = self.settle()
        if status & DRQ:
            assert not self.irq
        for k in range(0, len(data), block * 512):
            assert status & DRQ, f"status {status:#x}"
            self.write_block(data[k:k + block * 512])
            status = self.settle()
            assert self.irq
            if status & DRQ:
                self.get(STATUS)
        return status

    # -- bus master
    def prds(self, *rows: tuple[int, int], end: bool = True) -> None:
        """Write a table of (address, bytes) and point the engine at it."""
        table = b"".join(struct.pack("<II", addr, n & 0xFFFF | (end and k == len(rows) - 1) << 31)
                         for k, (addr, n) in enumerate(rows))
        self.memory.poke(PRD_TABLE, table)
        self.set_bm(4, PRD_TABLE, 4)

    def dma(self, command: int, *args: int, to_memory: bool = True, **more: int) -> int:
        """A DMA command over the table; the bus master's status at its end."""
        self.set_bm(2, 6)
        self.set_bm(0, 8 if to_memory else 0)
        self.task(command, *args, **more)
        self.set_bm(0, 9 if to_memory else 1)
        for _ in range(100_000):
            if self.bm(2) & 4 or not self.bm(2) & 1:
                break
            self.run(1000)
        status = self.bm(2)
        return status

    def stop(self) -> None:
        self.set_bm(0, 0)
        self.set_bm(2, 6)


def words(block: bytes) -> tuple[int, ...]:
    """A block as 16-bit words."""
    return struct.unpack(f"<{len(block) // 2}H", block)


def text(block: bytes, first: int, n: int) -> str:
    """IDENTIFY text of n words."""
    return b"".join(struct.pack(">H", w) for w in words(block)[first:first + n]).decode().strip()
