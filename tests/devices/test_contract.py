"""What every device promises: see emu_core_pyx/bus/device.pxd.

A new device needs one line in DEVICES: how to make it, its port regions (ports each) and MMIO regions (bytes each).
"""
import random

import pytest
from emu_core_pyx.bus.clock import Clock
from emu_core_pyx.bus.dma import Dma
from emu_core_pyx.bus.medium import MemoryMedium
from emu_core_pyx.devices.debugcon import DebugCon
from emu_core_pyx.devices.debugexit import DebugExit
from emu_core_pyx.devices.dma8237 import Dma8237
from emu_core_pyx.devices.dp8390 import Dp8390
from emu_core_pyx.devices.e1000 import E1000
from emu_core_pyx.devices.fdc82077 import Fdc82077
from emu_core_pyx.devices.fpu_irq13 import FpuIrq13
from emu_core_pyx.devices.fw_cfg import FwCfg
from emu_core_pyx.devices.gsi import Gsi
from emu_core_pyx.devices.hpet import Hpet
from emu_core_pyx.devices.i440fx import I440fx
from emu_core_pyx.devices.i8042 import I8042
from emu_core_pyx.devices.ioapic import IoApic
from emu_core_pyx.devices.lapic import LocalApic
from emu_core_pyx.devices.ne2k_pci import Ne2kPci
from emu_core_pyx.devices.pflash_cfi01 import PflashCfi01
from emu_core_pyx.devices.pic8259 import Pic8259Pair
from emu_core_pyx.devices.piix3 import Piix3
from emu_core_pyx.devices.piix3_ide import Piix3Ide
from emu_core_pyx.devices.piix4_pm import Piix4Pm
from emu_core_pyx.devices.pit8254 import Pit8254
from emu_core_pyx.devices.port80 import Port80
from emu_core_pyx.devices.port92 import Port92
from emu_core_pyx.devices.rtc_mc146818 import RtcMc146818
from emu_core_pyx.devices.uart16550 import Uart16550
from emu_core_pyx.devices.vga import Vga
from emu_core_pyx.mmu.physmem import PhysMem


def fw_cfg():
    dev = FwCfg()
    dev.dma = Dma(1 << 16)
    dev.add_file("etc/test", bytes(range(100)))
    return dev


def e1000():
    dev = E1000()
    dev.dma = Dma(1 << 16)
    return dev


def dma():
    dev = Dma8237()
    dev.dma = Dma(1 << 16)
    return dev


def fdc():
    dev = Fdc82077()
    dev.dma = dma()
    dev.insert(0, MemoryMedium(bytes(1474560)), 80, 2, 18, 500)
    return dev


def pflash():
    dev = PflashCfi01()
    dev.insert(MemoryMedium(bytes(range(256)) * 256))
    dev.place(PhysMem(1 << 20), 0xFFFF0000)
    return dev


def ide():
    dev = Piix3Ide()
    dev.dma = Dma(1 << 16)
    dev.attach_drive(0, 0, "disk", MemoryMedium(bytes(1 << 20)))
    dev.attach_drive(0, 1, "cdrom", MemoryMedium(bytes(1 << 20)))
    dev.attach_drive(1, 0, "cdrom", None)
    return dev


DEVICES = {
    "vga": (Vga, [12, 32, 4], [0x20000]),
    "pflash": (pflash, [], [0x10000]),
    "fdc": (fdc, [6, 1], []),
    "pic": (Pic8259Pair, [2, 2, 2], []),
    "pit": (Pit8254, [4, 1], []),
    "rtc": (RtcMc146818, [2], []),
    "uart": (Uart16550, [8], []),
    "i8042": (I8042, [1, 1], []),
    "port92": (Port92, [1], []),
    "fpu_irq13": (FpuIrq13, [2], []),
    "port80": (Port80, [1], []),
    "debugcon": (DebugCon, [1], []),
    "debugexit": (DebugExit, [2], []),
    "fw_cfg": (fw_cfg, [2, 8], []),
    "dma": (dma, [16, 32, 15], []),
    "i440fx": (I440fx, [8], []),
    "piix3": (Piix3, [], []),
    "ide": (ide, [8, 1, 8, 1, 16], []),
    "piix4_pm": (Piix4Pm, [64, 2, 16], []),
    "ne2k_isa": (lambda: Dp8390("ne2k_isa"), [32], []),
    "ne2k_pci": (Ne2kPci, [32], []),
    "e1000": (e1000, [], [0x20000]),
    "lapic": (LocalApic, [], [4096]),
    "ioapic": (IoApic, [], [0x20]),
    "hpet": (Hpet, [], [1024]),
    "gsi": (Gsi, [], []),
}


@pytest.fixture(params=DEVICES)
def case(request):
    make, io, mmio = DEVICES[request.param]
    clock = Clock()
    clock.base_unix = 1_700_000_000
    dev = make()
    dev.attach(clock)
    dev.reset()
    return dev, clock, io, mmio


def exercise(dev, clock, io, mmio, n, seed, step=20_000):
    """`n` random accesses through every door, with time passing."""
    rnd = random.Random(seed)
    doors = []
    if io:
        doors += ["in", "out"] * 4
    if mmio:
        doors += ["read", "write"] * 4
    if hasattr(dev, "py_config_read"):
        doors += ["cfgr", "cfgw"]
    doors += ["line", "time"]
    for _ in range(n):
        door = rnd.choice(doors)
        size = rnd.choice((1, 1, 1, 2, 4))
        value = rnd.choice((0, 0xFFFFFFFF, rnd.getrandbits(32), rnd.getrandbits(8)))
        if door == "in":
            r = rnd.randrange(len(io) + 1)
            dev.py_io_read(r, rnd.randrange(io[r] + 3 if r < len(io) else 8), size)
        elif door == "out":
            r = rnd.randrange(len(io))
            dev.py_io_write(r, rnd.randrange(io[r] + 3), value, size)
        elif door == "read":
            dev.py_mmio_read(0, rnd.randrange(mmio[0] + 16) & rnd.choice((~0, ~3, ~3, ~3)), rnd.choice((1, 2, 4, 4, 8)))
        elif door == "write":
            dev.py_mmio_write(0, rnd.randrange(mmio[0] + 16) & rnd.choice((~0, ~3, ~3, ~3)), value, rnd.choice((1, 4, 4, 8)))
        elif door == "cfgr":
            dev.py_config_read(rnd.randrange(256), size)
        elif door == "cfgw":
            dev.py_config_write(rnd.randrange(256), value, size)
        elif door == "line":
            dev.py_line(rnd.randrange(30), rnd.randrange(2))
        else:
            clock.set_ns(clock.ns + rnd.randrange(step))
        if hasattr(dev, "py_acknowledge") and rnd.random() < 0.1:
            dev.py_acknowledge()


def test_reset_is_idempotent(case):
    dev, clock, io, mmio = case
    exercise(dev, clock, io, mmio, 2000, 1)
    for pin in range(32):
        dev.py_line(pin, 0)
    dev.reset()
    once = dev.save()
    dev.reset()
    assert dev.save() == once


def test_save_load_save_is_identical(case):
    dev, clock, io, mmio = case
    exercise(dev, clock, io, mmio, 3000, 2)
    saved = dev.save()
    name = dev.name
    other_clock = Clock()
    other_clock.base_unix = clock.base_unix
    other_clock.set_ns(clock.ns)
    make = next(m for m, i, q in DEVICES.values() if m().name == name)
    other = make()
    other.attach(other_clock)
    other.reset()
    other.load(saved)
    assert other.save() == saved
    # and the twin goes on exactly like the original
    exercise(dev, clock, io, mmio, 500, 3)
    exercise(other, other_clock, io, mmio, 500, 3)
    assert other.save() == dev.save()


def test_unknown_offsets_are_open_bus(case):
    dev, _, io, mmio = case
    for region, ports in enumerate(io):
        for off in (ports, ports + 5, 0x1000):
            if dev.name in ("piix4_pm",) and off < 64:
                continue
            assert dev.py_io_read(region, off, 1) == 0xFF
            dev.py_io_write(region, off, 0xFF, 1)
    assert dev.py_io_read(len(io) + 3, 0, 4) == 0xFFFFFFFF
    assert dev.py_io_read(len(io) + 3, 0, 1) == 0xFF
    for size in mmio:
        assert dev.py_mmio_read(0, size + 0x40, 4) == 0xFFFFFFFF
    assert dev.py_mmio_read(len(mmio) + 3, 0, 8) == (1 << 64) - 1


def test_100k_random_accesses_do_not_crash(case):
    dev, clock, io, mmio = case
    exercise(dev, clock, io, mmio, 100_000, 4)
    dev.save()


def test_without_a_clock_nothing_crashes(case):
    dev, _, io, mmio = case
    make = next(m for m, i, q in DEVICES.values() if m().name == dev.name)
    bare = make()
    bare.reset()

    class Still:
        ns = 0

        def set_ns(self, ns):
            pass
    exercise(bare, Still(), io, mmio, 5000, 5)
