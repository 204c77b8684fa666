"""fw_cfg: QEMU's layout."""
import struct

import pytest
from emu_core_pyx.bus.dma import Dma
from emu_core_pyx.devices.fw_cfg import FwCfg

from emu_core_pyx.devices import fw_cfg


@pytest.fixture
def f():
    dev = FwCfg()
    dev.dma = Dma(65536)
    return dev


def read(f, key, n):
    f.py_io_write(0, 0, key, 2)
    return bytes(f.py_io_read(0, 1) for _ in range(n))


def dma(f, control, length, address, at=0x1000):
    f.dma.poke(at, struct.pack(">IIQ", control, length, address))
    f.py_io_write(1, 0, 0, 4)
    f.py_io_write(1, 4, int.from_bytes(at.to_bytes(4, "big"), "little"), 4)
    return struct.unpack(">I", f.dma.peek(at, 4))[0]


def test_signature_and_id(f):
    assert read(f, 0, 6) == b"QEMU\0\0"
    assert read(f, 1, 4) == b"\3\0\0\0"
    assert f.py_io_read(1, 0, 4) == 0x554D4551 and f.py_io_read(1, 4, 4) == 0x47464320
    assert bytes(f.py_io_read(1, k) for k in range(8)) == b"QEMU CFG"


def test_machine_items(f):
    f.set_machine(256 << 20, 2, boot_menu=True)
    assert struct.unpack("<Q", read(f, fw_cfg.RAM_SIZE, 8))[0] == 256 << 20
    assert read(f, fw_cfg.NB_CPUS, 2) == b"\2\0" and read(f, fw_cfg.BOOT_MENU, 2) == b"\1\0"


def test_kernel_items(f):
    f.set_kernel(b"setup", b"kernel!")
    f.set_initrd(b"initrd", 0x7000000)
    f.set_cmdline("console=ttyS0")
    assert read(f, fw_cfg.KERNEL_SIZE, 4) == b"\7\0\0\0" and read(f, fw_cfg.KERNEL_DATA, 7) == b"kernel!"
    assert read(f, fw_cfg.SETUP_DATA, 5) == b"setup"
    assert struct.unpack("<I", read(f, fw_cfg.INITRD_ADDR, 4))[0] == 0x7000000
    assert read(f, fw_cfg.CMDLINE_DATA, 14) == b"console=ttyS0\0"


def test_file_directory(f):
    b = f.add_file("opt/b", b"12345")
    a = f.add_file("etc/a", b"xyz")
    raw = read(f, 0x19, 4 + 2 * 64)
    assert raw[:4] == b"\0\0\0\2"
    entries = [struct.unpack(">IHH56s", raw[4 + 64 * k:68 + 64 * k]) for k in range(2)]
    assert [(s, k, n.rstrip(b"\0")) for s, k, _, n in entries] == [(3, a, b"etc/a"), (5, b, b"opt/b")]
    assert read(f, b, 7) == b"12345\0\0"


def test_unknown_item_reads_zero(f):
    assert read(f, 0x7F, 3) == b"\0\0\0"
    with pytest.raises(ValueError):
        f.set(0x3000, b"")


def test_dma_select_read_skip(f):
    key = f.add_file("opt/x", bytes(range(100)))
    assert dma(f, key << 16 | 0x0A, 10, 0x2000) == 0
    assert f.dma.peek(0x2000, 10) == bytes(range(10))
    assert dma(f, 0x04, 50, 0) == 0
    assert dma(f, 0x02, 60, 0x2000) == 0
    assert f.dma.peek(0x2000, 60) == bytes(range(60, 100)) + bytes(20)


def test_dma_write_is_an_error(f):
    assert dma(f, 0x10, 4, 0x2000) == 1


def test_dma_behind_all_addresses_is_an_error(f):
    key = f.add_file("opt/y", bytes(100))
    assert dma(f, key << 16 | 0x0A, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFF0) == 1
    assert dma(f, key << 16 | 0x0A, 100, (1 << 52) - 100) == 0
