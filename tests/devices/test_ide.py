"""ATA disks on the PIIX3's IDE function: task file, PIO, addresses, bus master, resets (ATA/ATAPI-6; Intel 290550)."""
from __future__ import annotations

import random

import pytest
from emu_core_pyx.bus.badmedium import BadMedium
from emu_core_pyx.bus.medium import MemoryMedium
from ide_host import (
    ABRT,
    BSY,
    DATA,
    DEVICE,
    DRDY,
    DRQ,
    DSC,
    ERR,
    ERROR,
    IDNF,
    LBAH,
    LBAL,
    LBAM,
    NSECT,
    STATUS,
    UNC,
    Host,
    text,
    words,
)

SECTORS = 4096
IMAGE = random.Random(3).randbytes(SECTORS * 512)
GOOD = DRDY | DSC


def sector(lba: int, n: int = 1) -> bytes:
    return IMAGE[lba * 512:(lba + n) * 512]


@pytest.fixture
def host() -> Host:
    machine = Host()
    machine.medium = MemoryMedium(IMAGE)
    machine.drive = machine.disk(machine.medium)
    return machine


# ---- PCI ------------------------------------------------------------------------------------------------------------------
def test_pci_identity(host):
    assert host.ide.py_config_read(0, 4) == 0x70108086
    assert host.ide.py_config_read(8, 4) >> 8 == 0x010180
    host.ide.py_config_write(0x20, 0xFFFFFFFF, 4)
    assert host.ide.py_config_read(0x20, 4) == 0xFFFFFFF1


def test_decode_enable_bits(host):
    assert host.get(STATUS) == GOOD
    host.ide.py_config_write(0x41, 0)
    assert host.get(STATUS) == 0xFF
    host.ide.py_config_write(0x41, 0x80)
    host.ide.py_config_write(4, 0, 2)
    assert host.get(STATUS) == 0xFF


# ---- IDENTIFY -------------------------------------------------------------------------------------------------------------
def test_identify_device():
    host = Host()
    host.disk(bytes(1 << 20), model="EMU HARDDISK", serial="S-123")
    block = host.pio_in(0xEC)
    w = words(block)
    assert text(block, 27, 20) == "EMU HARDDISK" and text(block, 10, 10) == "S-123"
    assert w[0] == 0x0040 and w[49] & 0x0300 == 0x0300
    assert (w[1], w[3], w[6]) == (2, 16, 63) and w[60] | w[61] << 16 == 2048
    assert w[83] & 0x0400 and w[100] | w[101] << 16 == 2048
    assert w[63] & 7 == 7 and w[88] & 0x3F == 0x3F and w[53] == 7
    assert sum(block) & 0xFF == 0 and block[510] == 0xA5


def test_a_disk_without_a_sector_is_refused():
    with pytest.raises(ValueError, match="impossible"):
        Host().disk(b"")


def test_set_features_shows_in_identify(host):
    for mode, word, bit in ((0x22, 63, 0x400), (0x45, 88, 0x2000)):
        assert host.command(0xEF, 0, mode, feature=3) == GOOD
        assert words(host.pio_in(0xEC))[word] & 0xFF00 == bit
    assert host.command(0xEF, feature=0x82) == GOOD
    assert not words(host.pio_in(0xEC))[85] & 0x20
    assert host.command(0xEF, 0, 0x47, feature=3) & ERR and host.get(ERROR) == ABRT
    assert host.command(0xEF, feature=0x77) & ERR


# ---- PIO ------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("command", [0x20, 0x21])
def test_read_sectors(host, command):
    assert host.pio_in(command, 100, 5, sectors=5) == sector(100, 5)
    assert host.get(LBAL) == 104 and host.get(NSECT) == 0


def test_zero_count_is_256(host):
    assert host.pio_in(0x20, 7, 0, sectors=256) == sector(7, 256)


def test_write_sectors_and_read_back(host):
    data = random.Random(1).randbytes(512 * 4)
    assert host.pio_out(0x30, data, 50, 4) == GOOD
    assert host.medium.pread(50 * 512, 2048) == data
    assert host.medium.pread(54 * 512, 512) == sector(54)


def test_multiple(host):
    assert host.command(0xC4, 0, 8) & ERR and host.get(ERROR) == ABRT       # not set yet
    assert host.command(0xC6, 0, 3) & ERR
    assert host.command(0xC6, 0, 32) & ERR
    assert host.command(0xC6, 0, 8) == GOOD
    assert words(host.pio_in(0xEC))[59] == 0x108
    assert host.pio_in(0xC4, 9, 20, sectors=20, block=8) == sector(9, 20)
    data = random.Random(2).randbytes(512 * 11)
    assert host.pio_out(0xC5, data, 200, 11, block=8) == GOOD
    assert host.medium.pread(200 * 512, len(data)) == data


def test_ext_commands_use_both_bytes(host):
    assert host.pio_in(0x24, 2000, 300, sectors=300, ext=True) == sector(2000, 300)
    host.command(0xC6, 0, 16)
    assert host.pio_in(0x29, 20, 40, sectors=40, block=16, ext=True) == sector(20, 40)
    data = random.Random(4).randbytes(512 * 3)
    assert host.pio_out(0x34, data, 1000, 3, ext=True) == GOOD
    assert host.pio_out(0x39, data, 1010, 3, block=16, ext=True) == GOOD
    assert host.medium.pread(1000 * 512, 1536) == host.medium.pread(1010 * 512, 1536) == data


def test_hob_shows_what_was_written_before(host):
    host.put(LBAM, 0x12)
    host.put(LBAM, 0x34)
    assert host.get(LBAM) == 0x34
    host.control(0x80)
    assert host.get(LBAM) == 0x12
    host.put(LBAL, 1)           # any write to the command block clears HOB
    assert host.get(LBAM) == 0x34


@pytest.mark.parametrize("width", [1, 2, 4])
def test_data_port_widths(host, width):
    host.task(0x20, 3)
    host.settle()
    if width == 1:
        assert bytes(host.get(DATA, 1) for _ in range(256)) == sector(3)[::2]
    else:
        assert host.read_block(512, width) == sector(3)
    assert host.alt == GOOD


def test_data_port_without_data(host):
    assert host.get(DATA, 2) == 0
    host.put(DATA, 0x1234, 2)
    assert host.get(STATUS) == GOOD


# ---- CHS ------------------------------------------------------------------------------------------------------------------
def chs(host, command, cylinder, head, sect, n=1):
    for reg, v in ((DEVICE, 0xA0 | head), (NSECT, n), (LBAL, sect), (LBAM, cylinder & 0xFF), (LBAH, cylinder >> 8)):
        host.put(reg, v)
    host.put(STATUS, command)
    return host.settle()


def test_chs_in_default_and_set_translation(host):
    chs(host, 0x20, 1, 2, 3)
    assert host.read_block() == sector((1 * 16 + 2) * 63 + 2)
    host.put(DEVICE, 0xA3)
    host.put(NSECT, 17)
    host.put(STATUS, 0x91)
    assert host.settle() == GOOD
    w = words(host.pio_in(0xEC))
    assert (w[54], w[55], w[56]) == (SECTORS // 68, 4, 17) and w[57] | w[58] << 16 == SECTORS // 68 * 68
    chs(host, 0x20, 5, 3, 17)
    assert host.read_block() == sector((5 * 4 + 3) * 17 + 16)
    for bad in ((5, 3, 18), (5, 4, 1), (5, 3, 0), (60, 3, 1)):
        assert chs(host, 0x20, *bad) & ERR and host.get(ERROR) == IDNF


def test_chs_end_address_is_the_last_sector(host):
    chs(host, 0x40, 0, 0, 62, 3)
    assert (host.get(LBAL), host.get(DEVICE) & 15, host.get(NSECT)) == (1, 1, 0)


def test_recalibrate_and_seek(host):
    for command in (0x10, 0x1F):
        assert host.command(command) == GOOD
    assert host.command(0x70, 100) == GOOD
    assert host.command(0x70, SECTORS) & ERR and host.get(ERROR) == IDNF


@pytest.mark.parametrize("command, ext", [(0x20, False), (0x30, False), (0x40, False), (0xC8, False), (0x24, True), (0x25, True)])
def test_beyond_the_end(host, command, ext):
    for lba, n in ((SECTORS, 1), (SECTORS - 1, 2), (0x0FFFFFFF, 1)):
        assert host.command(command, lba, n, ext=ext) & (ERR | DRQ) == ERR and host.get(ERROR) == IDNF


def test_native_max(host):
    assert host.command(0xF8) == GOOD
    assert host.get(LBAL) | host.get(LBAM) << 8 == SECTORS - 1
    assert host.command(0x27, ext=True) == GOOD
    assert host.get(LBAL) | host.get(LBAM) << 8 == SECTORS - 1


# ---- bus master -----------------------------------------------------------------------------------------------------------
def test_read_dma_scattered(host):
    host.prds((0x8000, 512), (0x9002, 1024), (0x20000, 2560))
    assert host.dma(0xC8, 77, 8) == 0x04        # interrupt, not active
    assert host.irq and host.get(STATUS) == GOOD and not host.irq
    got = host.memory.peek(0x8000, 512) + host.memory.peek(0x9002, 1024) + host.memory.peek(0x20000, 2560)
    assert got == sector(77, 8)
    host.stop()
    assert host.bm(2) == 0


def test_write_dma(host):
    data = random.Random(9).randbytes(300 * 512)
    host.memory.poke(0x10000, data)
    host.prds((0x10000, 0), (0x20000, 0), (0x30000, len(data) - 0x20000))
    assert host.dma(0x35, 64, 300, ext=True, to_memory=False) == 0x04
    assert host.medium.pread(64 * 512, len(data)) == data


def test_count_zero_is_64k(host):
    host.prds((0x10000, 0))
    assert host.dma(0xC8, 0, 128) == 0x04
    assert host.memory.peek(0x10000, 65536) == sector(0, 128)


def test_table_longer_than_the_transfer(host):
    host.prds((0x10000, 4096))
    assert host.dma(0xC8, 5, 2) == 0x05         # interrupt, still active
    assert host.memory.peek(0x10000, 1024) == sector(5, 2)
    host.set_bm(0, 0)
    assert host.bm(2) == 0x04


def test_table_shorter_than_the_transfer_goes_on_with_the_next_start(host):
    host.prds((0x10000, 700))
    assert host.dma(0xC8, 5, 3) == 0x00         # neither
    assert host.alt & DRQ and not host.irq
    assert host.memory.peek(0x10000, 700) == sector(5, 3)[:700]
    host.prds((0x18000, 1536 - 700))
    host.set_bm(0, 0)
    host.set_bm(0, 9)
    host.settle()
    assert host.bm(2) == 0x04 and host.irq
    assert host.memory.peek(0x18000, 836) == sector(5, 3)[700:]


def test_start_before_the_command(host):
    host.prds((0x10000, 512))
    host.set_bm(0, 9)
    assert host.bm(2) == 1
    host.task(0xC8, 11)
    assert host.settle() == GOOD and host.bm(2) == 4
    assert host.memory.peek(0x10000, 512) == sector(11)


def test_start_long_after_the_command(host):
    host.prds((0x10000, 512))
    host.task(0xC8, 12)
    assert host.settle() & DRQ
    host.set_bm(0, 9)
    assert host.settle() == GOOD and host.bm(2) == 4
    assert host.memory.peek(0x10000, 512) == sector(12)


def test_stop_before_the_data_came(host):
    host.prds((0x10000, 512))
    host.task(0xC8, 12)
    host.set_bm(0, 9)
    host.set_bm(0, 8)
    assert host.settle() & DRQ and host.bm(2) == 0
    assert host.memory.peek(0x10000, 512) == bytes(512)


def test_without_bus_master_enable_nothing_moves(host):
    host.ide.py_config_write(4, 1, 2)
    host.prds((0x10000, 512))
    host.task(0xC8, 12)
    host.set_bm(0, 9)
    assert host.settle() & DRQ and host.memory.peek(0x10000, 512) == bytes(512)
    host.ide.py_config_write(4, 5, 2)
    assert host.settle() == GOOD and host.memory.peek(0x10000, 512) == sector(12)


def test_bus_master_registers(host):
    host.set_bm(4, 0x12345677, 4)
    assert host.bm(4, 4) == 0x12345674
    host.set_bm(5, 0xAA)
    assert host.bm(4, 4) == 0x1234AA74
    host.set_bm(2, 0x60)
    assert host.bm(2) == 0x60
    host.command(0x10)
    assert host.bm(2) == 0x64                   # every interrupt of the channel
    host.set_bm(2, 0x04)
    assert host.bm(2) == 0x00


def test_both_channels_have_their_own():
    host = Host(channel=1)
    host.disk(IMAGE)
    host.prds((0x10000, 512))
    assert host.dma(0xC8, 3) == 4 and host.ide.irq15.high and not host.ide.irq14.high
    assert host.memory.peek(0x10000, 512) == sector(3)


# ---- errors of the medium ---------------------------------------------------------------------------------------------------
@pytest.fixture
def bad() -> Host:
    machine = Host()
    machine.medium = MemoryMedium(IMAGE)
    machine.disk(BadMedium(machine.medium, [(512 * 20, 512)], [(512 * 30, 1)], bad_flush=True))
    return machine


def test_unreadable_sector_by_pio(bad):
    bad.task(0x20, 18, 5)
    for k in (18, 19):
        assert bad.settle() & DRQ
        assert bad.read_block() == sector(k)
    assert bad.settle() == GOOD | ERR and bad.irq
    assert (bad.get(ERROR), bad.get(LBAL), bad.get(NSECT)) == (UNC, 20, 3)


def test_unreadable_sector_by_dma(bad):
    bad.prds((0x10000, 0))
    assert bad.dma(0xC8, 15, 128) == 0x05
    assert bad.get(STATUS) == GOOD | ERR and (bad.get(ERROR), bad.get(LBAL)) == (UNC, 20)
    assert bad.memory.peek(0x10000, 5 * 512) == sector(15, 5)
    assert bad.memory.peek(0x10000 + 5 * 512, 512) == bytes(512)


def test_unwritable_sector(bad):
    data = random.Random(6).randbytes(8 * 512)
    bad.memory.poke(0x10000, data)
    bad.prds((0x10000, 4096))
    bad.dma(0xCA, 28, 8, to_memory=False)
    assert bad.get(STATUS) & ERR and (bad.get(ERROR), bad.get(LBAL)) == (ABRT, 30)
    assert bad.medium.pread(28 * 512, 1024) == data[:1024]


def test_verify_and_flush_errors(bad):
    assert bad.command(0x40, 0, 20) == GOOD
    assert bad.command(0x40, 0, 30) & ERR and (bad.get(ERROR), bad.get(LBAL)) == (UNC, 20)
    assert bad.command(0xE7) & ERR and bad.get(ERROR) == ABRT


def test_readonly_medium():
    host = Host()
    host.disk(MemoryMedium(IMAGE, readonly=True))
    assert host.command(0x30, 1) & (ERR | DRQ) == ERR and host.get(ERROR) == ABRT
    assert host.command(0xCA, 1) & (ERR | DRQ) == ERR
    assert host.pio_in(0x20, 1) == sector(1)


def test_flush_reaches_the_medium(host):
    before = host.medium.flushes
    for command in (0xE7, 0xEA):
        assert host.command(command) == GOOD
    assert host.medium.flushes == before + 2
    host.command(0xEF, feature=0x82)            # write cache off: each write is flushed
    before = host.medium.flushes
    host.pio_out(0x30, bytes(512), 1)
    assert host.medium.flushes == before + 1


# ---- interrupts, selection, resets --------------------------------------------------------------------------------------------
def test_nien_holds_the_interrupt_back(host):
    host.control(2)
    assert host.command(0x10) == GOOD and not host.irq
    assert not host.bm(2) & 4
    host.control(0)
    assert host.irq
    host.get(STATUS)
    assert not host.irq


def test_alternate_status_leaves_the_interrupt(host):
    host.command(0x10)
    assert host.alt == GOOD and host.irq
    assert host.get(STATUS) == GOOD and not host.irq


def test_absent_slave(host):
    host.put(DEVICE, 0xF0)
    assert host.get(STATUS) == 0 and host.alt == 0
    host.put(LBAL, 0x55)
    assert [host.get(reg) for reg in range(1, 6)] == [0] * 5 and host.get(DEVICE) == 0xF0
    host.put(STATUS, 0xEC)
    host.run(1_000_000)
    assert host.get(STATUS) == 0 and not host.irq
    host.put(DEVICE, 0xE0)
    assert host.get(STATUS) == GOOD


def test_channel_without_drives():
    host = Host()
    for reg in range(1, 8):
        host.put(reg, 0x55)
    assert [host.get(reg) for reg in range(8)] == [0] * 8 and host.alt == 0


def test_two_drives_and_whose_interrupt_it_is(host):
    other = bytes(reversed(IMAGE))
    host.disk(other, 1)
    assert host.pio_in(0x20, 1, unit=1) == other[512:1024]
    assert host.pio_in(0x20, 1) == sector(1)
    host.command(0x10, unit=1)
    assert host.irq
    host.put(DEVICE, 0xE0)                  # a drive that is not selected does not drive INTRQ
    assert not host.irq
    host.put(DEVICE, 0xF0)
    assert host.irq


def test_software_reset(host):
    host.disk(IMAGE, 1)
    host.command(0xC6, 0, 4)
    host.task(0x20, 5, 4)
    host.settle()
    host.control(4)
    assert host.alt & BSY
    host.run(10_000_000)
    assert host.alt & BSY                   # as long as the bit is set
    host.control(0)
    assert host.settle() == GOOD
    assert [host.get(r) for r in (ERROR, NSECT, LBAL, LBAM, LBAH)] == [1, 1, 1, 0, 0] and not host.irq
    host.put(DEVICE, 0xB0)
    assert [host.get(r) for r in (ERROR, NSECT, LBAL, LBAM, LBAH)] == [1, 1, 1, 0, 0]
    assert host.pio_in(0xC4, 9, 4, sectors=4, block=4) == sector(9, 4)      # settings stay


def test_execute_device_diagnostic(host):
    host.disk(IMAGE, 1)
    host.put(DEVICE, 0xF0)
    host.put(STATUS, 0x90)
    assert host.settle() == GOOD and host.irq
    assert (host.get(ERROR), host.get(NSECT), host.get(LBAL), host.get(DEVICE) & 0x10) == (1, 1, 1, 0)


def test_registers_are_held_while_busy(host):
    host.task(0x20, 5)
    host.put(LBAL, 99)
    host.put(DEVICE, 0xF0)
    host.put(STATUS, 0xEC)
    assert host.settle() & DRQ and host.read_block() == sector(5)


def test_unknown_commands_abort(host):
    for command in (0x00, 0x08, 0x8F, 0xA0, 0xA1, 0xF5):
        assert host.command(command) == GOOD | ERR and host.get(ERROR) == ABRT
        assert host.irq


# ---- power and SMART ----------------------------------------------------------------------------------------------------------
def test_power_modes(host):
    for command, mode in ((0xE0, 0x00), (0xE1, 0x80), (0xE2, 0x00), (0xE3, 0x80), (0x94, 0x00), (0x95, 0x80)):
        assert host.command(command) == GOOD
        assert host.command(0xE5) == GOOD and host.get(NSECT) == mode
    host.pio_in(0x20, 1)
    assert host.command(0x98) == GOOD and host.get(NSECT) == 0xFF


def test_sleep_ends_with_a_reset(host):
    assert host.command(0xE6) == GOOD
    host.get(STATUS)
    host.put(STATUS, 0xEC)
    host.run(1_000_000)
    assert host.alt == GOOD and not host.irq
    host.control(4)
    host.control(0)
    host.settle()
    assert len(host.pio_in(0xEC)) == 512


def smart(host, feature, n=0, log=0, data=False):
    args = (log | 0xC24F00, n)
    return host.pio_in(0xB0, *args, feature=feature) if data else host.command(0xB0, *args, feature=feature)


def test_smart(host):
    assert smart(host, 0xD8) == GOOD
    data, limits = smart(host, 0xD0, data=True), smart(host, 0xD1, data=True)
    assert sum(data) & 0xFF == sum(limits) & 0xFF == 0
    values = {data[k]: data[k + 3] for k in range(2, 98, 12)}
    assert all(values[limits[k]] >= limits[k + 1] for k in range(2, 98, 12))
    assert smart(host, 0xDA) == GOOD and (host.get(LBAM), host.get(LBAH)) == (0x4F, 0xC2)
    assert smart(host, 0xD5, 1, log=1, data=True)[0] == 1
    assert smart(host, 0xD4, log=1) == GOOD
    assert smart(host, 0xD9) == GOOD
    assert smart(host, 0xD0) & ERR
    assert host.command(0xB0, 0, 0, feature=0xD8) & ERR     # without the key


def test_read_and_write_buffer(host):
    data = random.Random(8).randbytes(512)
    assert host.pio_out(0xE8, data) == GOOD
    assert host.pio_in(0xE4) == data


# ---- state --------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(4))
def test_random_task_files_and_a_twin_restored_in_the_middle(seed):
    """Random programs on two channels with disk, CD and bus master; a copy made half way ends up the same."""
    def build():
        host = Host()
        host.ide.attach_drive(0, 0, "disk", MemoryMedium(IMAGE))
        host.ide.attach_drive(0, 1, "disk", MemoryMedium(IMAGE[:512 * 100]))
        host.ide.attach_drive(1, 0, "cdrom", MemoryMedium(IMAGE))
        return host
    commands = (0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x40, 0x90, 0x91, 0xA0, 0xA1, 0xB0, 0xC4, 0xC5, 0xC6, 0xC8, 0xCA, 0xE5,
                0xEC, 0xEF, 0x08, 0x10, 0xE8)

    def program(rnd, hosts, n):
        for _ in range(n):
            what = rnd.random()
            channel = rnd.randrange(2)
            if what < 0.4:
                step = ("out", channel * 2, rnd.randrange(1, 7), rnd.choice((0, 1, 2, 0xE0, 0xF0, rnd.randrange(256))), 1)
            elif what < 0.5:
                step = ("out", channel * 2, 7, rnd.choice(commands), 1)
            elif what < 0.6:
                step = ("out", 4, channel * 8 + rnd.choice((0, 2, 4, 5)), rnd.choice((0, 1, 8, 9, 0x10, rnd.randrange(256))), 1)
            elif what < 0.9:
                step = ("data", channel * 2, rnd.choice((2, 4)), rnd.random() < 0.5, rnd.getrandbits(32))
            elif what < 0.91:
                step = ("out", channel * 2 + 1, 0, rnd.choice((0, 2, 4, 6, 0x80)), 1)
            else:
                step = ("time", rnd.randrange(300_000))
            for host in hosts:
                if step[0] == "out":
                    host.ide.py_io_write(*step[1:])
                elif step[0] == "time":
                    host.run(step[1])
                else:
                    for _ in range(60):
                        if step[3]:
                            host.ide.py_io_write(step[1], 0, step[4], step[2])
                        else:
                            host.ide.py_io_read(step[1], 0, step[2])
    rnd = random.Random(seed)
    one = build()
    one.memory.poke(0, rnd.randbytes(1 << 16))
    program(rnd, [one], 3000)
    two = build()
    two.memory.poke(0, one.memory.peek(0, 1 << 20))
    two.clock.set_ns(one.clock.ns)
    for place in ((0, 0), (0, 1)):
        two.ide.drive(*place).medium.pwrite(0, one.ide.drive(*place).medium.bytes())
    saved = one.ide.save()
    two.ide.load(saved)
    assert two.ide.save() == saved
    program(rnd, [one, two], 3000)
    assert one.ide.save() == two.ide.save()
    assert one.memory.peek(0, 1 << 20) == two.memory.peek(0, 1 << 20)
    assert one.ide.drive(0, 0).medium.bytes() == two.ide.drive(0, 0).medium.bytes()
