"""ATAPI CD-ROM drive: PACKET protocol by PIO and DMA, MMC commands, sense, media change (ATA/ATAPI-6; INF-8020i; MMC-3)."""
from __future__ import annotations

import random
import struct
import zlib

import pytest
from emu_core_pyx.bus.badmedium import BadMedium
from emu_core_pyx.bus.medium import MemoryMedium
from emu_core_pyx.devices.cd_sector import raw_sector
from ide_host import ABRT, DATA, DEVICE, DRDY, DRQ, ERR, ERROR, LBAH, LBAM, NSECT, STATUS, Host, text, words

BLOCKS = 600
DISC = random.Random(11).randbytes(BLOCKS * 2048)


def blocks(lba: int, n: int = 1) -> bytes:
    return DISC[lba * 2048:(lba + n) * 2048]


class CdHost(Host):
    """A program that sends packets."""

    def packet(self, *cdb: int, limit: int = 0xFFFE, dma: bool = False, out: bytes | None = None) -> bytes | None:
        """Data of a command, None if it failed; checks interrupt reasons and byte counts on the way."""
        self.put(DEVICE, 0xA0)
        self.put(ERROR, int(dma))
        self.put(LBAM, limit & 0xFF)
        self.put(LBAH, limit >> 8)
        self.put(STATUS, 0xA0)
        assert self.settle() & DRQ and self.get(NSECT) & 3 == 1 and not self.irq
        self.write_block(bytes(cdb).ljust(12, b"\0"))
        data = bytearray()
        while True:
            status = self.settle()
            if not status & DRQ or dma:
                break
            n = self.get(LBAM) | self.get(LBAH) << 8
            assert self.irq and n <= max(limit, 2)
            if self.get(NSECT) & 3 == 0:
                self.write_block(out[:n].ljust(n + (n & 1), b"\0"))
                out = out[n:]
                continue
            assert self.get(NSECT) & 3 == 2
            self.get(STATUS)
            data += self.read_block(n)
        if not dma:
            assert self.irq and self.get(NSECT) & 3 == 3
            return None if self.get(STATUS) & ERR else bytes(data)
        return b""

    def sense(self) -> tuple[int, int, int]:
        data = self.packet(0x03, 0, 0, 0, 18)
        return data[2] & 15, data[12], data[13]


@pytest.fixture
def cd() -> CdHost:
    host = CdHost(channel=1)
    host.medium = MemoryMedium(DISC)
    host.drive = host.ide.attach_drive(1, 0, "cdrom", host.medium)
    host.drive.settle()
    return host


def lba10(op: int, lba: int, n: int) -> tuple[int, ...]:
    return (op, 0, *struct.pack(">I", lba), 0, *struct.pack(">H", n))


# ---- task file ------------------------------------------------------------------------------------------------------------
def test_signature_after_reset_and_refused_identify(cd):
    assert [cd.get(r) for r in range(1, 8)] == [1, 1, 1, 0x14, 0xEB, 0xA0, DRDY]
    cd.control(4)
    cd.control(0)
    assert cd.settle() == 0         # no DRDY now; the reset before was that of power-on
    assert [cd.get(r) for r in range(1, 7)] == [1, 1, 1, 0x14, 0xEB, 0xA0]
    for command in (0xEC, 0x20):
        assert cd.command(command) & ERR and cd.get(ERROR) == ABRT
        assert (cd.get(LBAM), cd.get(LBAH)) == (0x14, 0xEB)


def test_identify_packet_device(cd):
    cd.task(0xA1)
    assert cd.settle() & DRQ and cd.irq
    block = cd.read_block()
    w = words(block)
    assert w[0] == 0x85C0 and text(block, 27, 20) == "EMU DVD-ROM" and w[49] & 0x300 == 0x300
    assert sum(block) & 0xFF == 0 and cd.alt == DRDY


def test_device_reset(cd):
    cd.put(STATUS, 0xA0)
    cd.settle()
    cd.put(STATUS, 0x08)            # takes effect with data pending
    assert cd.settle() == 0 and not cd.irq
    assert (cd.get(LBAM), cd.get(LBAH)) == (0x14, 0xEB)


def test_software_reset(cd):
    cd.control(4)
    cd.control(0)
    assert cd.settle() == 0 and (cd.get(LBAM), cd.get(LBAH)) == (0x14, 0xEB)


def test_overlap_is_refused(cd):
    cd.put(ERROR, 2)
    cd.put(STATUS, 0xA0)
    assert cd.settle() & ERR and cd.get(ERROR) == ABRT


# ---- reading --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("limit", [2048, 512, 0xFFFE, 0xFFFF, 3000, 4097, 2])
def test_read_10_by_pio_keeps_to_the_byte_count(cd, limit):
    assert cd.packet(*lba10(0x28, 40, 3), limit=limit) == blocks(40, 3)


def test_byte_count_zero_is_refused(cd):
    assert cd.packet(*lba10(0x28, 40, 3), limit=0) is None
    assert cd.sense() == (5, 0x24, 0)


def test_read_12_and_large_reads(cd):
    assert cd.packet(0xA8, 0, 0, 0, 0, 9, 0, 0, 0, 200) == blocks(9, 200)
    assert cd.packet(*lba10(0x28, 5, 0)) == b""


def test_read_by_dma(cd):
    cd.prds((0x10000, 0x8000), (0x20000, 0x8000), (0x30000, 2048))
    cd.set_bm(0, 9)
    cd.packet(*lba10(0x28, 100, 33), dma=True)
    assert cd.irq and cd.bm(2) == 4 and cd.get(NSECT) == 3 and cd.get(STATUS) == DRDY
    got = cd.memory.peek(0x10000, 0x8000) + cd.memory.peek(0x20000, 0x8000) + cd.memory.peek(0x30000, 2048)
    assert got == blocks(100, 33)


def test_answers_by_dma(cd):
    cd.prds((0x10000, 36))
    cd.set_bm(0, 9)
    cd.packet(0x12, 0, 0, 0, 36, dma=True)
    assert cd.bm(2) == 4 and cd.memory.peek(0x10008, 3) == b"EMU"


def test_out_of_range(cd):
    for lba, n in ((BLOCKS, 1), (BLOCKS - 1, 2), (0xFFFFFFFF, 2)):
        assert cd.packet(*lba10(0x28, lba, n)) is None
        assert cd.get(ERROR) >> 4 == 5
        assert cd.sense() == (5, 0x21, 0)


def test_unreadable_block():
    cd = CdHost(channel=1)
    cd.ide.attach_drive(1, 0, "cdrom", BadMedium(MemoryMedium(DISC), [(2048 * 12, 1)])).settle()
    assert cd.packet(*lba10(0x28, 10, 4), limit=2048) is None
    assert cd.get(ERROR) >> 4 == 3
    data = cd.packet(0x03, 0, 0, 0, 18)
    assert (data[0], data[2], data[12], struct.unpack(">I", data[3:7])[0]) == (0xF0, 3, 0x11, 12)
    assert cd.sense() == (0, 0, 0)


# ---- raw sectors ------------------------------------------------------------------------------------------------------------
def gf_mul(a: int, b: int) -> int:
    r = 0
    while b:
        if b & 1:
            r ^= a
        a = a << 1 ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return r


def test_raw_sector_codes():
    """Every P and Q code word is a multiple of (x + 1)(x + alpha); EDC divides; zero data gives the known EDC of nothing."""
    raw = raw_sector(blocks(7), 7)
    assert raw[:12] == b"\0" + b"\xff" * 10 + b"\0" and raw[12:16] == bytes([0x00, 0x02, 0x07, 1])
    assert raw[16:2064] == blocks(7)
    rows = [[43 * i + j for i in range(26)] for j in range(43)]
    rows += [[(44 * i + 43 * k) % 1118 for i in range(43)] + [1118 + k, 1144 + k] for k in range(26)]
    for row in rows:
        for plane in range(2):
            s0 = s1 = 0
            for word in row:
                v = raw[12 + 2 * word + plane]
                s0 ^= v
                s1 = gf_mul(s1, 2) ^ v
            assert s0 == s1 == 0
    crc = 0
    for byte in raw[:2068]:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xD8018001 if crc & 1 else 0)
    assert crc == 0 and zlib.crc32(raw[2068:2076]) == zlib.crc32(bytes(8))


@pytest.mark.parametrize("flags, first, size", [(0x10, 16, 2048), (0xF8, 0, 2352), (0xB8, 0, 2352), (0x30, 12, 2052),
                                                (0x18, 16, 2336)])
def test_read_cd(cd, flags, first, size):
    data = cd.packet(0xBE, 0, 0, 0, 0, 50, 0, 0, 3, flags, limit=0x8000)
    raw = [raw_sector(blocks(k), k) for k in (50, 51, 52)]
    assert data == b"".join(r[first:first + size] for r in raw)


def test_read_cd_msf_and_subchannel(cd):
    data = cd.packet(0xB9, 0, 0, 0, 2, 10, 0, 2, 11, 0xF8, 2)
    assert data[:2352] == raw_sector(blocks(10), 10)
    assert data[2352:] == bytes([0x41, 1, 1, 0, 0, 0x10, 0, 0, 0x02, 0x10]).ljust(16, b"\0")
    assert cd.packet(0xBE, 0x04, 0, 0, 0, 0, 0, 0, 1, 0x10) is None         # CD-DA from a data track
    assert cd.sense() == (5, 0x64, 0)


# ---- what it tells ------------------------------------------------------------------------------------------------------------
def test_inquiry(cd):
    data = cd.packet(0x12, 0, 0, 0, 96)
    assert len(data) == 36 and data[0] == 5 and data[1] == 0x80 and data[8:16] == b"EMU     " and data[16:27] == b"EMU DVD-ROM"
    assert cd.packet(0x12, 0, 0, 0, 5) == data[:5]
    assert cd.packet(0x12, 1, 0x80, 0, 96)[4:11] == b"EM00003"
    assert cd.packet(0x12, 1, 0x00, 0, 96)[4:] == b"\x00\x80\x83"


def test_read_capacity(cd):
    assert struct.unpack(">II", cd.packet(0x25)) == (BLOCKS - 1, 2048)


def test_toc(cd):
    data = cd.packet(0x43, 0, 0, 0, 0, 0, 0, 0x03, 0x24)
    assert data == bytes([0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xAA, 0]) + struct.pack(">I", BLOCKS)
    data = cd.packet(0x43, 2, 0, 0, 0, 0, 0xAA, 0x03, 0x24)
    assert data[4:] == bytes([0, 0x14, 0xAA, 0, 0, 0, 10, 0])
    assert cd.packet(0x43, 0, 1, 0, 0, 0, 0, 0, 12) == bytes([0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0])
    assert cd.packet(0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0x40) == bytes([0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0])      # INF-8020i
    full = cd.packet(0x43, 2, 2, 0, 0, 0, 0, 3, 0)
    assert len(full) == 48 and [full[7 + 11 * k] for k in range(4)] == [0xA0, 0xA1, 0xA2, 1]
    assert cd.packet(0x43, 0, 0, 0, 0, 0, 5, 3, 0) is None and cd.sense() == (5, 0x24, 0)
    assert cd.packet(0x43, 0, 5, 0, 0, 0, 0, 3, 0) is None


def test_get_configuration(cd):
    data = cd.packet(0x46, 0, 0, 0, 0, 0, 0, 1, 0)
    assert struct.unpack(">I", data[:4])[0] == len(data) - 4 and struct.unpack(">H", data[6:8])[0] == 0x0008
    codes, at = [], 8
    while at < len(data):
        codes.append(struct.unpack(">H", data[at:at + 2])[0])
        at += 4 + data[at + 3]
    assert at == len(data) and codes == sorted(codes) and {0, 1, 3, 0x10, 0x1E} <= set(codes)
    one = cd.packet(0x46, 2, 0, 3, 0, 0, 0, 1, 0)
    assert len(one) == 16 and one[8:10] == b"\0\3"
    cd.ide.eject(1, 0)
    assert cd.packet(0x46, 1, 0, 0, 0, 0, 0, 1, 0)[6:8] == b"\0\0"


def test_mode_sense(cd):
    data = cd.packet(0x5A, 0, 0x2A, 0, 0, 0, 0, 0, 128)
    assert struct.unpack(">H", data[:2])[0] == len(data) - 2 and data[2] == 1 and data[8:10] == bytes([0x2A, 18])
    short = cd.packet(0x1A, 0, 0x2A, 0, 128)
    assert short[0] == len(short) - 1 and short[4:] == data[8:]
    every = cd.packet(0x5A, 0, 0x3F, 0, 0, 0, 0, 1, 0)
    pages, at = [], 8
    while at < len(every):
        pages.append(every[at])
        at += 2 + every[at + 1]
    assert pages == [0x01, 0x0D, 0x0E, 0x1A, 0x2A]
    assert cd.packet(0x5A, 0, 0xC1, 0, 0, 0, 0, 0, 128) is None and cd.sense() == (5, 0x39, 0)
    assert cd.packet(0x5A, 0, 0x05, 0, 0, 0, 0, 0, 128) is None and cd.sense() == (5, 0x24, 0)


@pytest.mark.parametrize("limit", [0xFFFE, 4])
def test_mode_select_of_error_recovery(cd, limit):
    page = bytes([0x01, 6, 0x20, 9, 0, 0, 0, 0])
    assert cd.packet(0x55, 0x10, 0, 0, 0, 0, 0, 0, 16, limit=limit, out=bytes(8) + page) == b""
    assert cd.packet(0x5A, 0, 0x01, 0, 0, 0, 0, 0, 128)[8:] == page
    assert cd.packet(0x55, 0x10, 0, 0, 0, 0, 0, 0, 12, out=bytes(8) + bytes([5, 2, 0, 0])) is None
    assert cd.sense() == (5, 0x26, 0)
    assert cd.packet(0x55, 0x10, 0, 0, 0, 0, 0, 2, 0) is None and cd.sense() == (5, 0x1A, 0)


def test_small_structures(cd):
    assert len(cd.packet(0x51, 0, 0, 0, 0, 0, 0, 0, 34)) == 34
    assert struct.unpack(">I", cd.packet(0x52, 1, 0, 0, 0, 1, 0, 0, 36)[24:28])[0] == BLOCKS
    assert len(cd.packet(0xBD, 0, 0, 0, 0, 0, 0, 0, 0, 8)) == 8
    assert cd.packet(0x42, 2, 0x40, 1, 0, 0, 0, 0, 16)[1] == 0x15
    assert cd.packet(0xBB, 0, 0xFF, 0xFF) == b""
    assert cd.packet(*lba10(0x2B, 5, 0)) == b""
    assert cd.packet(0xAD, 0, 0, 0, 0, 0, 0, 0, 0, 21) is None       # not a DVD


def test_unknown_and_audio_commands(cd):
    for op in (0xFF, 0x04, 0x2A, 0xA1):
        assert cd.packet(op) is None
        assert cd.sense() == (5, 0x20, 0)
    assert cd.packet(0x45, 0, 0, 0, 0, 0, 0, 0, 1) is None and cd.sense() == (5, 0x64, 0)
    assert cd.packet(0x4E) == b""


def test_a_large_disc_is_a_dvd():
    cd = CdHost(channel=1)
    cd.ide.attach_drive(1, 0, "cdrom", MemoryMedium(bytes(2048) * 361_000)).settle()
    assert cd.packet(0x46, 0, 0, 0, 0, 0, 0, 0, 8)[6:8] == b"\0\x10"
    assert len(cd.packet(0xAD, 0, 0, 0, 0, 0, 0, 0, 8, 0)) == 21


# ---- medium and tray ----------------------------------------------------------------------------------------------------
def test_unit_attention_after_power_on():
    cd = CdHost(channel=1)
    cd.ide.attach_drive(1, 0, "cdrom", MemoryMedium(DISC))
    assert cd.packet(0x12, 0, 0, 0, 36)                 # not for INQUIRY
    assert cd.packet(0x00) is None and cd.get(ERROR) >> 4 == 6
    assert cd.sense() == (6, 0x29, 0)
    assert cd.packet(0x00) == b""


def test_empty_drive():
    cd = CdHost(channel=1)
    cd.ide.attach_drive(1, 0, "cdrom", None).settle()
    for cdb in ((0x00,), (0x25,), lba10(0x28, 0, 1), (0x43, 0, 0, 0, 0, 0, 0, 0, 12)):
        assert cd.packet(*cdb) is None
        assert cd.sense() == (2, 0x3A, 1)
    assert cd.packet(0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8)[4:6] == b"\0\0"


def test_media_change(cd):
    assert cd.packet(0x00) == b""
    cd.ide.eject(1, 0)
    assert cd.packet(0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8)[4:6] == b"\3\1"       # removed, tray open
    assert cd.packet(0x00) is None and cd.sense() == (2, 0x3A, 2)
    cd.ide.insert(1, 0, MemoryMedium(blocks(3, 7)))
    assert cd.packet(0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8)[4:6] == b"\2\2"       # new medium
    assert cd.packet(0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8)[4:6] == b"\0\2"
    assert cd.packet(*lba10(0x28, 0, 1)) is None and cd.sense() == (6, 0x28, 0)
    assert cd.packet(*lba10(0x28, 0, 1)) == blocks(3)
    assert struct.unpack(">II", cd.packet(0x25)) == (6, 2048)


def test_guest_ejects_and_loads(cd):
    assert cd.packet(0x1B, 0, 0, 0, 2) == b"" and cd.drive.tray_open
    assert cd.packet(0x00) is None and cd.sense() == (2, 0x3A, 2)
    assert cd.packet(0x1B, 0, 0, 0, 3) == b"" and not cd.drive.tray_open
    assert cd.packet(0x00) is None and cd.sense() == (6, 0x28, 0)
    assert cd.packet(*lba10(0x28, 0, 1)) == blocks(0)


def test_locked_tray(cd):
    assert cd.packet(0x1E, 0, 0, 0, 1) == b"" and cd.drive.locked
    assert cd.packet(0x1B, 0, 0, 0, 2) is None and cd.sense() == (5, 0x53, 2)
    assert not cd.ide.eject(1, 0, force=False)
    assert cd.packet(0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8)[4:6] == b"\1\2"       # the button was pressed
    assert cd.packet(0x1E) == b""
    assert cd.ide.eject(1, 0, force=False) and cd.drive.medium is None


def test_event_status_without_polling_or_class(cd):
    assert cd.packet(0x4A, 0, 0, 0, 0x10, 0, 0, 0, 8) is None and cd.sense() == (5, 0x24, 0)
    assert cd.packet(0x4A, 1, 0, 0, 0x02, 0, 0, 0, 8) == bytes([0, 2, 0x80, 0x10])


def test_the_disc_is_pulled_while_being_read(cd):
    cd.put(ERROR, 0)
    cd.put(LBAM, 0)
    cd.put(LBAH, 8)
    cd.put(STATUS, 0xA0)
    cd.settle()
    cd.write_block(bytes(lba10(0x28, 0, 4)).ljust(12, b"\0"))
    cd.settle()
    cd.ide.eject(1, 0)
    cd.read_block(2048)
    assert cd.settle() & ERR and cd.sense() == (2, 0x3A, 2)


def test_wrong_places_are_refused():
    host = Host()
    with pytest.raises(ValueError, match="no channel"):
        host.ide.attach_drive(2, 0, "disk", MemoryMedium(bytes(512)))
    with pytest.raises(ValueError, match="no IDE drive"):
        host.ide.attach_drive(0, 0, "tape", None)
    host.disk(bytes(512))
    with pytest.raises(ValueError, match="already"):
        host.disk(bytes(512))
    with pytest.raises(ValueError, match="not a CD-ROM"):
        host.ide.eject(0, 0)


@pytest.mark.parametrize("seed", range(25))
def test_random_packets_between_saved_states(seed):
    """Packets good and bad, PIO of any width, tables that end anywhere, hands at the tray; a saved state loads as itself."""
    rnd = random.Random(seed)
    host = Host(channel=1, memory=1 << 18)
    host.ide.attach_drive(1, 0, "cdrom", BadMedium(MemoryMedium(DISC), [(2048 * 20, 5)]))
    operations = (0x00, 0x03, 0x12, 0x15, 0x1A, 0x1B, 0x1E, 0x25, 0x28, 0x2B, 0x42, 0x43, 0x46, 0x4A, 0x51, 0x52, 0x55, 0x5A,
                  0xA8, 0xAD, 0xB9, 0xBD, 0xBE, 0x45, 0xFF)
    for _ in range(150):
        rows = [(rnd.getrandbits(17), rnd.choice((0, 2, 512, 2048, rnd.getrandbits(16)))) for _ in range(rnd.randrange(1, 6))]
        host.prds(*rows, end=rnd.random() < 0.9)
        host.set_bm(0, rnd.choice((0, 1, 9)))
        host.put(ERROR, rnd.choice((0, 0, 1, 2)))
        limit = rnd.choice((0, 1, 2, 12, 2048, 4097, 0xFFFE, rnd.getrandbits(16)))
        host.put(LBAM, limit & 0xFF)
        host.put(LBAH, limit >> 8)
        host.put(STATUS, rnd.choice((0xA0, 0xA0, 0xA0, 0xA1, 0xEF, 0x08)))
        host.run(5000)
        cdb = bytearray(rnd.choice((rnd.randbytes(12), bytes(12))))
        cdb[0], cdb[8] = rnd.choice(operations), rnd.randrange(64)
        if rnd.random() < 0.7:
            cdb[2:5] = bytes(3)
        host.write_block(bytes(cdb))
        for _ in range(rnd.randrange(6)):
            host.run(rnd.choice((600, 30_000, 300_000)))
            width = rnd.choice((1, 2, 4))
            for _ in range(rnd.choice((1, 130, 300)) if host.alt & DRQ else 0):
                host.get(DATA, width) if seed & 1 else host.put(DATA, rnd.getrandbits(32), width)
        what = rnd.random()
        if what < 0.05:
            host.ide.eject(1, 0, rnd.random() < 0.5)
        elif what < 0.1:
            host.ide.insert(1, 0, MemoryMedium(DISC[:2048 * rnd.randrange(1, BLOCKS)]))
        elif what < 0.2:
            host.control(4)
            host.control(0)
            host.run(200_000)
        saved = host.ide.save()
        host.ide.load(saved)
        assert host.ide.save() == saved
