"""82077AA: registers, commands, result tables, DMA and non-DMA transfers, as a driver sees them."""
import pytest
from emu_core_pyx.bus.clock import Clock
from emu_core_pyx.bus.dma import Dma
from emu_core_pyx.bus.medium import MemoryMedium
from emu_core_pyx.devices.dma8237 import Dma8237
from emu_core_pyx.devices.fdc82077 import Fdc82077

READ, WRITE, READ_DELETED, WRITE_DELETED, READ_TRACK, VERIFY, FORMAT, READ_ID = 0xE6, 0xC5, 0xEC, 0xC9, 0x42, 0xF6, 0x4D, 0x4A
SCAN_EQUAL, SCAN_LOW, SCAN_HIGH = 0xF1, 0xF9, 0xFD
MT, SK = 0x80, 0x20
MSR_RQM, MSR_DIO, MSR_NONDMA, MSR_BUSY = 0x80, 0x40, 0x20, 0x10
BUFFER = 0x10000


class Floppy:
    """A driver: commands in, results out, a DMA buffer at BUFFER."""

    def __init__(self, size=(80, 2, 18, 500), readonly=False):
        self.clock = Clock()
        self.fdc = Fdc82077()
        self.fdc.attach(self.clock)
        self.dma = Dma8237()
        self.dma.dma = Dma(1 << 20)
        self.memory = self.dma.dma
        self.fdc.dma = self.dma
        self.dma.py_io_write(1, 0x14, 0)
        cylinders, heads, sectors, kbit = size
        self.image = bytearray().join(bytes([n & 0xFF, n >> 8]) * 256 for n in range(cylinders * heads * sectors))
        self.medium = MemoryMedium(self.image, readonly)
        self.fdc.insert(0, self.medium, cylinders, heads, sectors, kbit)
        self.fdc.reset()
        self.ccr({500: 0, 300: 1, 250: 2, 1000: 3}[kbit])
        self.dor(0x1C)
        self.wait()
        for _ in range(4):
            self.command(8)
        self.command(0x03, 0xDF, 0x02)

    def dor(self, v):
        self.fdc.py_io_write(0, 2, v)

    def ccr(self, v):
        self.fdc.py_io_write(1, 0, v)

    @property
    def changed(self):
        return bool(self.fdc.py_io_read(1, 0) & 0x80)

    @property
    def msr(self):
        return self.fdc.py_io_read(0, 4)

    @property
    def irq(self):
        return self.fdc.irq.high

    def wait(self, ns=10_000_000):
        """Let time pass until the interrupt comes."""
        for _ in range(1000):
            if self.irq:
                return
            self.clock.set_ns(self.clock.ns + ns // 100)
        raise AssertionError("no interrupt")

    def send(self, *data):
        for byte in data:
            assert self.msr & (MSR_RQM | MSR_DIO) == MSR_RQM
            self.fdc.py_io_write(0, 5, byte)

    def results(self):
        out = bytearray()
        while self.msr & (MSR_RQM | MSR_DIO | MSR_BUSY) == MSR_RQM | MSR_DIO | MSR_BUSY:
            out.append(self.fdc.py_io_read(0, 5))
        return bytes(out)

    def command(self, *data):
        self.send(*data)
        return self.results()

    def channel2(self, mode, n, at=BUFFER):
        for reg, v in ((12, 0), (11, mode | 2), (4, at), (4, at >> 8), (5, n - 1), (5, (n - 1) >> 8)):
            self.dma.py_io_write(0, reg, v & 0xFF)
        self.dma.py_io_write(2, 0, at >> 16)
        self.dma.py_io_write(0, 10, 2)

    def seek(self, cylinder, drive=0):
        self.send(0x0F, drive, cylinder)
        self.wait()
        return self.command(8)

    def transfer(self, op, c, h, r, eot=18, dtl=0xFF, drive=0, head=None):
        self.send(op, (h if head is None else head) << 2 | drive, c, h, r, 2, eot, 0x1B, dtl)
        self.wait()
        return self.results()

    def read(self, c, h, r, n=1, op=READ & ~MT, **more):
        self.channel2(0x44, 512 * n)
        result = self.transfer(op, c, h, r, **more)
        return result, self.memory.peek(BUFFER, 512 * n)

    def write(self, c, h, r, data, op=WRITE, **more):
        self.memory.poke(BUFFER, data)
        self.channel2(0x48, len(data))
        return self.transfer(op, c, h, r, **more)

    def sector(self, n):
        return self.medium.bytes()[512 * n:512 * n + 512]


@pytest.fixture
def f():
    return Floppy()


# ---- reset and registers ------------------------------------------------------------------------------------------
def test_reset_by_dor_interrupts_and_four_drives_report():
    f = Floppy()
    f.dor(0x08)
    assert f.msr == 0 and not f.irq
    f.dor(0x0C)
    assert f.msr == MSR_RQM
    f.wait()
    assert [f.command(8) for _ in range(4)] == [bytes([0xC0 | k, 0]) for k in range(4)]
    assert not f.irq
    assert f.command(8) == b"\x80"              # nothing is pending any more


def test_reset_by_dsr(f):
    f.seek(5)
    f.fdc.py_io_write(0, 4, 0x80)
    f.wait()
    assert f.command(8) == b"\xc0\x00"
    assert f.fdc.py_io_read(0, 2) == 0x1C


def test_interrupt_needs_the_dma_gate(f):
    f.dor(0x14)
    f.send(0x0F, 0, 3)
    f.clock.set_ns(f.clock.ns + 10**9)
    assert not f.irq
    f.dor(0x1C)
    assert f.irq


def test_invalid_commands(f):
    for op in (0x00, 0x1F, 0x18, 0x17, 0x25, 0x88, 0x23, 0x54):
        assert f.command(op) == b"\x80", hex(op)


def test_version_is_82077(f):
    assert f.command(0x10) == b"\x90"


def test_configure_lock_and_dumpreg(f):
    f.command(0x03, 0xA1, 0x22)
    f.command(0x13, 0, 0x57, 0x33)
    f.command(0x12, 0x80 | 0x3C)
    f.seek(9)
    assert f.command(0x0E) == bytes([9, 0, 0, 0, 0xA1, 0x22, 0, 0x3C, 0x57, 0x33])
    assert f.command(0x94) == b"\x10"
    f.fdc.py_io_write(0, 4, 0x80)                               # locked: FIFO, threshold and precompensation track stay
    assert f.command(0x0E) == bytes([0, 0, 0, 0, 0xA1, 0x22, 0, 0xBC, 0x07, 0x33])
    assert f.command(0x14) == b"\x00"
    f.fdc.py_io_write(0, 4, 0x80)
    assert f.command(0x0E) == bytes([0, 0, 0, 0, 0xA1, 0x22, 0, 0x3C, 0x20, 0])


def test_perpendicular_without_overwrite_keeps_the_drives(f):
    f.command(0x12, 0x80 | 0x0C | 3)
    f.command(0x12, 0x3C | 1)
    assert f.command(0x0E)[7] == 0x0D
    f.fdc.py_io_write(0, 4, 0x80)
    assert f.command(0x0E)[7] == 0x0C           # a software reset clears GAP and WGATE


def test_busy_bit_while_command_bytes_come(f):
    f.send(0x0F)
    assert f.msr == MSR_RQM | MSR_BUSY
    f.send(0, 1)


# ---- seeks --------------------------------------------------------------------------------------------------------
def test_seek_and_sense_interrupt(f):
    f.send(0x0F, 0, 40)
    assert f.msr == MSR_RQM | 0x01              # drive 0 busy, the controller free
    f.wait()
    assert f.command(8) == bytes([0x20, 40])
    assert f.msr == MSR_RQM


def test_seek_time_follows_step_rate(f):
    spans = []
    for srt in (0xF, 0x1):
        f.command(0x03, srt << 4, 2)
        start = f.clock.ns
        f.seek(40 if srt == 0xF else 0)
        spans.append(f.clock.ns - start)
    assert spans[1] > 5 * spans[0]


def test_recalibrate_and_track_0_in_st3(f):
    f.seek(33)
    assert f.command(4, 0) == b"\x28"
    f.send(7, 0)
    f.wait()
    assert f.command(8) == b"\x20\x00"
    assert f.command(4, 0) == b"\x38"


def test_recalibrate_from_beyond_track_79_needs_two(f):
    f.seek(82)
    f.send(7, 0)
    f.wait()
    assert f.command(8) == b"\x70\x00"
    f.send(7, 0)
    f.wait()
    assert f.command(8) == b"\x20\x00"


def test_missing_drive_finds_no_track_0(f):
    f.send(7, 3)
    f.wait()
    assert f.command(8) == b"\x73\x00"


def test_two_drives_seek_at_once(f):
    f.send(0x0F, 0, 10)
    f.send(0x0F, 1, 70)
    assert f.msr == MSR_RQM | 3
    f.clock.set_ns(f.clock.ns + 10**9)
    assert f.command(8) == bytes([0x20, 10])
    assert f.irq
    assert f.command(8) == bytes([0x21, 70])
    assert not f.irq


def test_relative_seek(f):
    f.seek(20)
    f.send(0xCF, 0, 5)
    f.wait()
    assert f.command(8) == bytes([0x20, 25])
    f.send(0x8F, 0, 10)
    f.wait()
    assert f.command(8) == bytes([0x20, 15])
    assert f.read(15, 0, 1)[0][0] == 0


def test_heads_are_where_step_pulses_put_them(f):
    """After a reset the controller believes in track 0, the heads stay where they are."""
    f.seek(12)
    f.dor(0x08)
    f.dor(0x1C)
    f.wait()
    assert f.read(0, 0, 1)[0][:3] == bytes([0x40, 0x04, 0x10])      # no data, wrong cylinder
    assert f.command(READ_ID, 0) == b"" and (f.wait() or f.results()[3] == 12)


# ---- reading ------------------------------------------------------------------------------------------------------
def test_read_sectors_until_terminal_count(f):
    f.seek(7)
    result, data = f.read(7, 1, 3, n=2, head=1)
    first = (7 * 2 + 1) * 18 + 2
    assert data == f.sector(first) + f.sector(first + 1)
    assert result == bytes([0x04, 0, 0, 7, 1, 5, 2])
    assert not f.irq


@pytest.mark.parametrize(("mt", "h", "n", "after"), [
    (0, 0, 16, (0, 0, 17)), (0, 0, 18, (1, 0, 1)), (0, 1, 18, (1, 1, 1)),
    (MT, 0, 17, (0, 0, 18)), (MT, 0, 18, (0, 1, 1)), (MT, 0, 36, (1, 0, 1)), (MT, 1, 17, (0, 1, 18)), (MT, 1, 18, (1, 0, 1)),
])
def test_result_table(f, mt, h, n, after):
    """Data sheet, "Result phase table"."""
    result, data = f.read(0, h, 1, n=n, op=0x46 | mt, head=h)
    assert tuple(result[3:6]) == after
    assert result[0] & 0xC0 == 0 and result[1] == 0
    assert data == bytes(f.image[512 * 18 * h:512 * (18 * h + n)])


def test_end_of_cylinder_without_terminal_count(f):
    f.channel2(0x44, 60000)
    result = f.transfer(0x46, 0, 0, 17)
    assert result[:2] == bytes([0x40, 0x80])


def test_terminal_count_inside_a_sector(f):
    f.memory.poke(BUFFER, bytes(600))
    f.channel2(0x44, 100)
    result = f.transfer(READ, 0, 0, 2)
    assert result == bytes([0, 0, 0, 0, 0, 3, 2])
    assert f.memory.peek(BUFFER, 200) == f.sector(1)[:100] + bytes(100)


@pytest.mark.parametrize(("what", "args", "st1", "st2"), [
    ("sector number beyond the track", (0, 0, 19), 4, 0), ("sector 0", (0, 0, 0), 4, 0),
    ("other cylinder", (1, 0, 1), 4, 0x10), ("other head", (0, 1, 1), 4, 0),
])
def test_no_data(f, what, args, st1, st2):
    result, _ = f.read(*args, eot=36, head=0)
    assert result[:3] == bytes([0x40, st1, st2])


def test_masked_dma_channel_is_an_overrun(f):
    f.dma.py_io_write(0, 10, 6)
    assert f.transfer(READ, 0, 0, 1)[:2] == bytes([0x40, 0x10])


@pytest.mark.parametrize(("size", "good", "bad"), [
    ((80, 2, 18, 500), (0,), (1, 2, 3)), ((80, 2, 9, 250), (2, 1), (0, 3)), ((80, 2, 36, 1000), (3,), (0, 1, 2)),
])
def test_data_rate_must_fit(size, good, bad):
    f = Floppy(size)
    for rate in good:
        f.ccr(rate)
        assert f.read(0, 0, 1, eot=size[2])[0][:2] == b"\0\0"
    for rate in bad:
        f.ccr(rate)
        assert f.read(0, 0, 1, eot=size[2])[0][:2] == b"\x40\x01"       # missing address mark
        f.send(READ_ID, 0)
        f.wait()
        assert f.results()[:2] == b"\x40\x01"


def test_fm_finds_nothing_on_an_mfm_disk(f):
    assert f.read(0, 0, 1, op=0x06)[0][:2] == b"\x40\x01"


def test_read_id_sees_the_disk_turn(f):
    f.seek(3)
    seen = set()
    for k in range(200):
        f.send(READ_ID, 4)
        f.wait()
        result = f.results()
        assert (result[0], result[1], result[3], result[4], result[6]) == (4, 0, 3, 1, 2)
        seen.add(result[5])
        f.clock.set_ns(f.clock.ns + 12345 * k)
    assert seen == set(range(1, 19))


def test_read_track_from_the_index(f):
    result, data = f.read(0, 0, 1, n=5, op=READ_TRACK, eot=5)
    assert data == bytes(f.image[:2560])
    assert result[:3] == b"\0\0\0"
    f.channel2(0x44, 60000)
    assert f.transfer(READ_TRACK, 0, 0, 1, eot=5)[:2] == b"\x40\x80"
    assert f.read(0, 0, 4, n=2, op=READ_TRACK, eot=18)[1] == bytes(f.image[:1024])      # from the index all the same
    assert f.read(9, 0, 1, n=1, op=READ_TRACK, eot=18)[0][1] & 4                        # a wrong number is noted


def test_implied_seek(f):
    f.command(0x13, 0, 0x40, 0)
    result, data = f.read(50, 0, 1)
    assert result[0] & 0xC0 == 0 and data == f.sector(50 * 36)
    assert f.command(0x0E)[0] == 50


def test_host_write_error_is_an_equipment_check(f):
    f.fdc.insert(0, MemoryMedium(b""), 80, 2, 18, 500)      # takes no writes
    assert f.write(0, 0, 1, bytes(512))[0] == 0x50


# ---- writing ------------------------------------------------------------------------------------------------------
def test_write(f):
    f.seek(79)
    data = bytes(range(256)) * 4
    assert f.write(79, 1, 17, data, head=1) == bytes([0x04, 0, 0, 80, 0, 1, 2])
    assert f.medium.bytes()[-1024:] == data


def test_terminal_count_inside_a_written_sector_fills_with_zeros(f):
    f.write(0, 0, 1, b"x" * 100)
    assert f.sector(0) == b"x" * 100 + bytes(412)


def test_write_protect():
    f = Floppy(readonly=True)
    before = f.medium.bytes()
    assert f.write(0, 0, 1, bytes(512))[:2] == b"\x40\x02"
    f.memory.poke(BUFFER, bytes([0, 0, 1, 2]))
    f.channel2(0x48, 4)
    f.send(FORMAT, 0, 2, 1, 0x54, 0xF6)
    f.wait()
    assert f.results()[:2] == b"\x40\x02"
    assert f.command(4, 0)[0] & 0x40
    assert f.medium.bytes() == before


def test_deleted_sectors(f):
    f.write(0, 0, 2, b"d" * 512, op=WRITE_DELETED)
    result, data = f.read(0, 0, 1, n=3, op=0x46)            # READ without SK stops after it
    assert result[:3] == bytes([0, 0, 0x40]) and result[5] == 3
    assert data[512:1024] == b"d" * 512
    result, data = f.read(0, 0, 1, n=2, op=0x66)            # with SK: skipped
    assert result[:3] == b"\0\0\0" and result[5] == 4
    assert data == f.sector(0) + f.sector(2)
    result, data = f.read(0, 0, 2, op=0x4C)                 # READ DELETED takes it
    assert result[:3] == b"\0\0\0" and data == b"d" * 512
    result, data = f.read(0, 0, 1, op=0x6C)                 # and skips the others
    assert result[5] == 3
    f.write(0, 0, 2, b"n" * 512)
    assert f.read(0, 0, 2, op=0x46)[0][:3] == b"\0\0\0"


def test_format_track(f):
    f.seek(4)
    f.memory.poke(BUFFER, b"".join(bytes([4, 0, r, 2]) for r in range(1, 19)))
    f.channel2(0x48, 72)
    f.send(FORMAT, 0, 2, 18, 0x54, 0xF6)
    f.wait()
    assert f.results()[:3] == b"\0\0\0"
    assert f.medium.bytes()[512 * 144:512 * 162] == b"\xf6" * 512 * 18
    assert f.sector(162) == bytes(f.image[512 * 162:512 * 163])


def test_format_of_a_layout_that_does_not_fit(f):
    f.memory.poke(BUFFER, bytes([0, 0, 19, 2]))
    f.channel2(0x48, 4)
    f.send(FORMAT, 0, 2, 1, 0x54, 0xF6)
    f.wait()
    assert f.results()[:2] == b"\x40\x04"


# ---- VERIFY and SCAN ----------------------------------------------------------------------------------------------
def test_verify_to_the_end_of_track_moves_no_data(f):
    f.memory.poke(BUFFER, b"keep")
    f.channel2(0x44, 512)
    assert f.transfer(0x56, 0, 0, 1)[:2] == b"\0\0"
    assert f.memory.peek(BUFFER, 4) == b"keep"
    assert f.transfer(0x56, 0, 0, 1, eot=20)[:2] == b"\x40\x04"


def test_verify_with_count(f):
    def verify(op, count, h=0):
        f.send(op, 0x80 | h << 2, 0, h, 1, 2, 18, 0x1B, count)
        f.wait()
        result = f.results()
        return bytes([result[0] & 0xF8, result[1]])
    assert verify(0x56, 18)[:2] == b"\0\0"
    assert verify(0x56, 19)[:2] == b"\x40\x80"
    assert verify(0xD6, 36)[:2] == b"\0\0"
    assert verify(0xD6, 37)[:2] == b"\x40\x80"


@pytest.mark.parametrize(("op", "delta", "st2", "r"), [
    (SCAN_EQUAL, 0, 0x08, 3), (SCAN_EQUAL, 1, 0x04, 1), (SCAN_LOW, 1, 0, 1), (SCAN_LOW, 0, 0, 1), (SCAN_HIGH, 0, 0x08, 3),
    (SCAN_HIGH, -1, 0, 2),
])
def test_scan(f, op, delta, st2, r):
    want = bytearray(f.sector(2))
    if op == SCAN_LOW and delta == 1:
        want[0] += 1                                    # sector 1 is lower already
    elif delta:
        want[0] = 200 if delta > 0 else 0
    for k in range(18):
        f.memory.poke(BUFFER + 512 * k, bytes(want))
    f.channel2(0x48, 18 * 512)
    result = f.transfer(op & ~MT, 0, 0, 1, dtl=1)
    assert result[2] == st2
    assert result[5] == r if st2 != 4 else True


def test_scan_bytes_of_ff_match_anything(f):
    f.memory.poke(BUFFER, b"\xff" * 512)
    f.channel2(0x48, 512)
    assert f.transfer(0x51, 0, 0, 5, dtl=1)[2] == 0x08


# ---- without DMA --------------------------------------------------------------------------------------------------
def test_read_without_dma(f):
    f.command(0x03, 0xDF, 0x03)
    f.send(0x46, 0, 0, 0, 17, 2, 18, 0x1B, 0xFF)
    data = bytearray()
    for last in (False, True):
        f.wait()
        assert f.msr == MSR_RQM | MSR_DIO | MSR_NONDMA | MSR_BUSY
        data += bytes(f.fdc.py_io_read(0, 5) for _ in range(512))
        assert f.irq == last
    assert f.results()[:2] == b"\x40\x80"               # nobody can say "terminal count"
    assert bytes(data) == f.sector(16) + f.sector(17)


def test_write_without_dma(f):
    f.command(0x03, 0xDF, 0x03)
    f.send(0x45, 0, 0, 0, 18, 2, 18, 0x1B, 0xFF)
    f.wait()
    assert f.msr == MSR_RQM | MSR_NONDMA | MSR_BUSY
    for k in range(512):
        f.fdc.py_io_write(0, 5, k & 0xFF)
    f.wait()
    assert f.results()[:2] == b"\x40\x80"
    assert f.sector(17) == bytes(range(256)) * 2


def test_format_without_dma(f):
    f.command(0x03, 0xDF, 0x03)
    f.send(FORMAT, 0, 2, 2, 0x54, 0xE5)
    for r in (1, 2):
        f.wait()
        for byte in (0, 0, r, 2):
            f.fdc.py_io_write(0, 5, byte)
    f.wait()
    assert f.results()[:2] == b"\0\0"
    assert f.medium.bytes()[:1024] == b"\xe5" * 1024


# ---- media change -------------------------------------------------------------------------------------------------
def test_disk_change_line(f):
    assert f.changed                                    # since power-on
    f.seek(1)
    assert not f.changed
    f.fdc.eject(0)
    assert f.changed
    f.seek(0)
    assert f.changed                                    # no disk: stays
    assert f.read(0, 0, 1)[0][:2] == b"\x40\x01"
    f.fdc.insert(0, MemoryMedium(b"new " * 128 * 1440), 80, 2, 9, 250)
    assert f.changed
    f.ccr(2)
    f.seek(1)
    f.seek(0)
    assert not f.changed
    assert f.read(0, 0, 1, eot=9)[1] == b"new " * 128


def test_disk_taken_out_in_the_middle(f):
    f.channel2(0x44, 9216)
    f.send(READ, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF)
    f.clock.set_ns(f.clock.ns + 500_000)
    f.fdc.eject(0)
    f.wait()
    assert f.results()[:2] == b"\x40\x01"


def test_nothing_reaches_beyond_the_track_or_the_heads():
    f = Floppy((40, 1, 8, 250))
    assert f.read(0, 1, 1, eot=8, head=1)[0][:2] == b"\x44\x01"
    f.seek(41)
    assert f.read(41, 0, 1, eot=8)[0][:2] == b"\x40\x01"
